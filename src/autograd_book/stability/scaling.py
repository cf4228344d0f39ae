"""Loss scaling.

``enable_mixed_precision_gradients`` divides the gradients of a scaled loss by
the factor, and says whether they can be used.

::

    import numpy as np
    import autograd_book as ab
    from autograd_book.stability.scaling import enable_mixed_precision_gradients

    weight = ab.Variable(np.float32([3.0, 4.0]))
    loss = np.sum(weight**2)
    (loss * 1024.0).backward()
    print(enable_mixed_precision_gradients([weight], loss_scale=1024.0), weight.grad)
"""
# Generated from book/stability/scaling.md by autograd-book extract; edit the chapter, not this file.
# sha256: 120ce584cab37ed583643912be98d6a353e7aa2a480f9d8b416ddc8990d0d97e

__all__ = [
    "single",
    "factor",
    "unscaled",
    "all_finite",
    "put",
    "enable_mixed_precision_gradients",
]


# book/stability/scaling.md: A factor that can be taken back
from collections.abc import Iterable
from numbers import Real
from typing import Any

import numpy as np

from autograd_book.graph.errors import (
    DifferentiationTypeError,
    DifferentiationValueError,
)
from autograd_book.graph.protocols import primitive
from autograd_book.graph.primitive import Handle
from autograd_book.graph.record import tie
from autograd_book.graph.variable import Variable
from autograd_book.stability.clipping import carriers


@primitive("value", flat=True)
def single(value: Any) -> float:
    """The number of single precision nearest to a float; infinity if it is too large."""
    with np.errstate(over="ignore"):
        return float(np.float32(float(value)))


def factor(name: str, value: Any) -> float:
    """The value rounded to float32, if a loss can be multiplied by it and divided again.

    Raises
    ------
    DifferentiationTypeError
        If it is no number.
    DifferentiationValueError
        If it or its inverse is zero, negative or not finite in float32.
    """
    if not isinstance(value, Real | Handle):
        raise DifferentiationTypeError(
            f"{name}={value!r} was given to scale a loss. Give a number, such as 1024.0."
        )
    number, limits = single(value), np.finfo(np.float32)
    if not limits.tiny <= number <= limits.max:
        raise DifferentiationValueError(
            f"{name}={value} cannot scale a loss: in float32 it and its inverse have to be "
            "positive and finite. Choose a power of two, such as 1024.0; if the scale fell "
            "so far by itself, look for the overflow with debug_nans."
        )
    return number


# book/stability/scaling.md: A factor that can be taken back
def unscaled(gradient: Variable, change: np.ufunc, number: float) -> np.ndarray:
    """A gradient multiplied or divided by a number, in float32 or what is wider."""
    array = gradient.numpy()
    with np.errstate(over="ignore"):
        return change(array, number, dtype=np.result_type(array.dtype, np.float32))


def all_finite(arrays: Iterable[Any]) -> bool:
    """Whether no array has an infinity or a NaN in it."""
    return all(bool(np.isfinite(array).all()) for array in arrays)


def put(variable: Variable, array: Any) -> None:
    """Make an array that nobody else holds the gradient of a Variable."""
    variable.grad = tie(Variable, array, None, None)


# book/stability/scaling.md: All or nothing
def enable_mixed_precision_gradients(variables: Any, loss_scale: float = 1024.0) -> bool:
    """Divide all gradients by the factor that the loss was multiplied with.

    Parameters
    ----------
    variables : Variable or iterable of Variable
        Whose gradients; those without one are passed over, and each is unscaled once.
    loss_scale : float
        The factor, positive; rounded to float32.

    Returns
    -------
    bool
        True if all gradients are finite, and then they are unscaled, in float32 or what is
        wider. False if there is an infinity or a NaN among them: then every gradient is
        None, and the step is to be skipped.

    Raises
    ------
    DifferentiationTypeError
        If something in `variables` is not a leaf, or `loss_scale` no number.
    DifferentiationValueError
        If `loss_scale` is not positive and finite.
    """
    scale, found = factor("loss_scale", loss_scale), carriers(variables)
    fresh = [unscaled(variable.grad, np.divide, scale) for variable in found]
    usable = all_finite(fresh)
    for variable, array in zip(found, fresh, strict=True):
        if usable:
            put(variable, array)
        else:
            variable.grad = None
    return usable
