"""Clipping.

``clip_gradients`` stands between ``backward`` and ``step``. It returns the
norm of all gradients together, as it was before.

::

    import autograd_book as ab
    from autograd_book.stability.clipping import clip_gradients

    weights = [ab.Variable([30.0, 0.0]), ab.Variable(40.0)]
    loss = sum((w**2).sum() for w in weights) / 2
    loss.backward()
    print(clip_gradients(weights, max_norm=1.0), [w.grad.numpy() for w in weights])
"""
# Generated from book/stability/clipping.md by autograd-book extract; edit the chapter, not this file.
# sha256: 4670cbcd21fdb9f671ee6d364f41f471eeaa096c1286b1fb45e10c38e32622d0

__all__ = [
    "variables_of",
    "expect_own_gradient",
    "carriers",
    "array_to_write",
    "rescale",
    "setting",
    "exceeds",
    "total_norm",
    "shorten",
    "clip_gradients",
    "clip_gradient_values",
    "clip_gradient_layers",
]


# book/stability/clipping.md: Whose gradients
from collections.abc import Iterable
from numbers import Real
from typing import Any

import numpy as np

from autograd_book.graph.errors import (
    DifferentiationTypeError,
    DifferentiationValueError,
    NonFiniteError,
)
from autograd_book.graph.primitive import Handle
from autograd_book.graph.record import Leaf
from autograd_book.graph.variable import Variable
from autograd_book.learn.optim import as_number, as_reals, writable_value
from autograd_book.stability.explosion import unlimited_norm, wide_dtype


def variables_of(variables: Any) -> list[Any]:
    """Variables as a list, or the error that says that it is none."""
    if isinstance(variables, Variable):
        return [variables]
    if not isinstance(variables, Iterable) or isinstance(variables, (np.ndarray, str)):
        raise DifferentiationTypeError(
            f"gradients of a value of type {type(variables).__name__} were asked for. "
            "Give network.parameters(), or Variables in a list."
        )
    found = list(variables)
    if not found and iter(variables) is variables:
        raise DifferentiationValueError(
            "gradients of an iterator with no Variables in it were asked for, as one is that "
            "was read before. Call network.parameters() again, or keep a list of it."
        )
    return found


# book/stability/clipping.md: Whose gradients
def expect_own_gradient(i: Any, variable: Any) -> None:
    """Raise unless an item is a Variable whose gradient, if it has one, is its own."""
    if not isinstance(variable, Variable) or not isinstance(variable.node, Leaf | None):
        raise DifferentiationTypeError(
            f"item {i} of those whose gradients were asked for is a {type(variable).__name__} "
            "that keeps no gradient. Give Variables made with requires_grad=True, "
            "as network.parameters() yields them."
        )


# book/stability/clipping.md: Whose gradients
def carriers(variables: Any) -> list[Any]:
    """Those of some Variables that have a gradient, each once and with one of its own."""
    found: dict[int, Any] = {}
    for i, variable in enumerate(variables_of(variables)):
        expect_own_gradient(i, variable)
        if variable.grad is not None:
            found[id(variable.node)] = variable
    seen: set[int] = set()
    for variable in found.values():
        if id(variable.grad) in seen:
            variable.grad = variable.grad.detach()
        seen.add(id(variable.grad))
    return list(found.values())


# book/stability/clipping.md: Writing into a gradient
def array_to_write(gradient: Any) -> np.ndarray:
    """The array of a gradient to write into: its own, or a copy if others may read it."""
    value = writable_value(gradient)
    value = value if isinstance(value, Handle) else np.asarray(value)
    if value.base is not None or value.dtype.kind not in "fc":
        value = value.astype(np.result_type(value.dtype, np.float16))
    gradient.value = value
    if not isinstance(gradient.node, Leaf):
        gradient.node, gradient.record = None, None
    return value


# book/stability/clipping.md: Writing into a gradient
def rescale(gradient: Any, factor: Any) -> None:
    """Multiply a gradient in place, computing in double precision."""
    array = array_to_write(gradient)
    np.multiply(array, factor, out=array, dtype=wide_dtype(array), casting="same_kind")


# book/stability/clipping.md: The decision
def setting(name: str, value: Any, zero: bool = True, end: float = np.inf) -> float:
    """The setting as a float if it lies from 0 to `end`, or the error that names it."""
    if not isinstance(value, Real):
        raise DifferentiationTypeError(
            f"{name}={value!r} was given for clipping. Give a plain number, such as 1.0."
        )
    number = float(value)
    if not (0 < number <= end or (zero and number == 0)):
        raise DifferentiationValueError(
            f"{name}={value} was given for clipping. "
            f"Choose it {'from 0' if zero else 'above 0'} up to {end}."
        )
    return number


# book/stability/clipping.md: The decision
def exceeds(size: float, limit: float, strict: bool, holders: list[Any]) -> bool:
    """Whether a norm is finite and above a limit; `strict` raises if it is not finite."""
    if strict and not np.isfinite(size):
        ill = [i for i, v in enumerate(holders) if not np.isfinite(v.grad.value).all()]
        raise NonFiniteError(
            f"the gradients to be clipped have the norm {size}, "
            f"and {len(ill)} of {len(holders)} are not finite themselves: numbers {ill}. "
            "Skip this step, and look for the origin under autograd_book.debug_nans."
        )
    return bool(limit < size < np.inf)


# book/stability/clipping.md: The decision
def total_norm(holders: list[Any], p: float) -> float:
    """The norm of all gradients as one vector, which is the norm of their norms."""
    return as_number(unlimited_norm([unlimited_norm(v.grad.value, p) for v in holders], p))


def shorten(holders: list[Any], size: float, limit: float, strict: bool) -> float:
    """Scale all gradients by one factor if their norm, `size`, exceeds `limit`."""
    if exceeds(size, limit, strict, holders):
        for variable in holders:
            rescale(variable.grad, limit / size)
    return size


# book/stability/clipping.md: The decision
def clip_gradients(
    variables: Any,
    max_norm: float = 1.0,
    *,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> float:
    """Shorten all gradients by one factor, so that their norm does not exceed a threshold.

    Parameters
    ----------
    variables : Variable or iterable of Variable
        Those without a gradient are passed over; one that comes twice counts once.
    max_norm : float
        Threshold, in units of the gradients, from 0 upwards; infinity only measures.
    norm_type : float
        Exponent p of the norm, above 0; infinity for the largest magnitude.
    error_if_nonfinite : bool
        Whether to raise if the norm is infinite or NaN.

    Returns
    -------
    float
        The norm as it was before; 0.0 if there are no gradients.
        If it is not finite, every gradient has been left as it was.

    Raises
    ------
    NonFiniteError
        If asked to, and the norm is infinite or NaN.
    DifferentiationTypeError, DifferentiationValueError
        If something in `variables` can hold no gradient, or a setting is out of its range.

    Notes
    -----
    After R. Pascanu, T. Mikolov and Y. Bengio, *On the difficulty of training recurrent
    neural networks* (2013).
    """
    limit, p = setting("max_norm", max_norm), setting("norm_type", norm_type, zero=False)
    holders = carriers(variables)
    return shorten(holders, total_norm(holders, p), limit, error_if_nonfinite)


# book/stability/clipping.md: One by one, and layer by layer
def clip_gradient_values(
    variables: Any, limit: float = 1.0, *, error_if_nonfinite: bool = False
) -> float:
    """Limit each element of each gradient to ``-limit ... limit``, in place.

    Real and imaginary part are limited by themselves. Parameters, errors and the treatment
    of infinities as for `clip_gradients`; returns the largest magnitude before.
    """
    limit, holders = setting("limit", limit), carriers(variables)
    sizes = [as_number(unlimited_norm(as_reals(v.grad.value), np.inf)) for v in holders]
    largest = as_number(unlimited_norm(sizes, np.inf))
    if exceeds(largest, limit, error_if_nonfinite, holders):
        for variable, size in zip(holders, sizes, strict=True):
            if size > limit:
                parts = as_reals(array_to_write(variable.grad))
                np.clip(parts, -limit, limit, out=parts)
    return largest


# book/stability/clipping.md: One by one, and layer by layer
def clip_gradient_layers(
    variables: Any,
    max_norm: float = 1.0,
    *,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> list[float]:
    """Shorten each gradient by a factor of its own, in place.

    Parameters and errors as for `clip_gradients`. Returns the norm of each gradient before,
    in the order of the Variables that have one. If one is not finite, none is changed.
    """
    limit, p = setting("max_norm", max_norm), setting("norm_type", norm_type, zero=False)
    holders = carriers(variables)
    sizes = [as_number(unlimited_norm(v.grad.value, p)) for v in holders]
    if exceeds(as_number(unlimited_norm(sizes, np.inf)), limit, error_if_nonfinite, holders):
        for variable, size in zip(holders, sizes, strict=True):
            shorten([variable], size, limit, False)
    return sizes
