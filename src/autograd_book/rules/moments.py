"""Spread, size and weight.

The variance and the standard deviation, also of data with holes, numbers over
their root mean square, and averages with weights that learn.

::

    import numpy as np
    from autograd_book import Variable

    x, weights = Variable([1.0, 2.0, 6.0]), Variable([1.0, 1.0, 2.0])
    (np.std(x) + np.average(x, weights=weights)).backward()
    print(x.grad)
    print(weights.grad)
"""
# Generated from book/rules/moments.md by autograd-book extract; edit the chapter, not this file.
# sha256: 1f3a62c6d13a0ff1f4280770e0f517a2459394140dcdbce66c677af184950764

__all__ = [
    "var_x",
    "var",
    "var_about",
    "std_x",
    "std",
    "std_about",
    "spread_by",
    "root_mean_square",
    "rms_normalize_x",
    "rms_normalize",
    "aligned",
    "all_numbers",
    "in_common_dtype",
    "average",
]


# book/rules/moments.md: The variance and its slope
from typing import Any

import numpy as np

from autograd_book.graph.backward import unbroadcast
from autograd_book.graph.errors import DifferentiationValueError
from autograd_book.graph.primitive import primitives, refuse_unread, shape_of
from autograd_book.graph.protocols import functions, implements, primitive
from autograd_book.graph.stack import Fun
from autograd_book.rules.elementwise import over, rounded, wide
from autograd_book.rules.reductions import axes_of, count, kept, masked, of_numbers
from autograd_book.rules.softmax import in_single


def var_x(g: Any, x: Any, axis: Any, ddof: Any, where: Any, mean: Any) -> Any:
    """Cotangent of a variance: twice the deviations, over their number less `ddof`."""
    g, x = wide(g), masked(wide(x), where)
    mean = np.mean(x, axis=axis, keepdims=True, where=where) if mean is None else mean
    centred = np.conjugate(x - mean) if x.dtype.kind == "c" else x - mean
    number = np.maximum(count(x.shape, axis, where) - ddof, 0)
    scale = np.reshape(g, kept(x.shape, axis)) * 2 / number
    return masked(scale * centred, where)


# book/rules/moments.md: About another number
@primitive(
    "x",
    x=lambda g, x, axis=None, dtype=None, ddof=0, keepdims=False,
        where=True: var_x(g, x, axis, ddof, where, None),
)
def var(
    x: Any, axis: Any = None, dtype: Any = None,
    ddof: Any = 0, keepdims: bool = False, where: Any = True,
) -> Any:
    """Variance about the mean of the data."""
    return np.var(x, axis, dtype, None, ddof, keepdims, where=where)


# book/rules/moments.md: About another number
@primitive(
    "x mean",
    x=lambda g, x, mean, axis=None, dtype=None, ddof=0, keepdims=False,
        where=True: var_x(g, x, axis, ddof, where, mean),
    mean=lambda g, x, mean, axis=None, dtype=None, ddof=0, keepdims=False,
        where=True: -unbroadcast(var_x(g, x, axis, ddof, where, mean), np.shape(mean)),
)
def var_about(
    x: Any, mean: Any, axis: Any = None, dtype: Any = None,
    ddof: Any = 0, keepdims: bool = False, where: Any = True,
) -> Any:
    """Variance about a number that is given."""
    return np.var(x, axis, dtype, None, ddof, keepdims, where=where, mean=mean)


# book/rules/moments.md: The root of the variance
def std_x(g: Any, x: Any, out: Any, axis: Any, ddof: Any, where: Any, mean: Any) -> Any:
    """Cotangent of a standard deviation, 0 where that is 0."""
    if (single := wide(x)) is not x:  # of many halves the result may be infinite
        args = (single,) if mean is None else (single, mean)
        again: Any = std if mean is None else std_about
        out = again(*args, axis=axis, ddof=ddof, where=where)
    size = 2 * np.reshape(out, kept(x.shape, axis))
    alone = mean is None and np.equal(count(x.shape, axis, where), 1)  # is its mean
    slope = over(var_x(g, x, axis, ddof, where, mean), np.where(alone, 1, size))
    return masked(slope, where)


# book/rules/moments.md: The root of the variance
@primitive(
    "x",
    x=lambda g, x, out, axis=None, dtype=None, ddof=0, keepdims=False,
        where=True: std_x(g, x, out, axis, ddof, where, None),
)
def std(
    x: Any, axis: Any = None, dtype: Any = None,
    ddof: Any = 0, keepdims: bool = False, where: Any = True,
) -> Any:
    """Standard deviation about the mean of the data."""
    return np.std(x, axis, dtype, None, ddof, keepdims, where=where)


# book/rules/moments.md: The root of the variance
@primitive(
    "x mean",
    x=lambda g, x, mean, out, axis=None, dtype=None, ddof=0, keepdims=False,
        where=True: std_x(g, x, out, axis, ddof, where, mean),
    mean=lambda g, x, mean, out, axis=None, dtype=None, ddof=0, keepdims=False,
        where=True: -unbroadcast(
            std_x(g, x, out, axis, ddof, where, mean), np.shape(mean)
        ),
)
def std_about(
    x: Any, mean: Any, axis: Any = None, dtype: Any = None,
    ddof: Any = 0, keepdims: bool = False, where: Any = True,
) -> Any:
    """Standard deviation about a number that is given."""
    return np.std(x, axis, dtype, None, ddof, keepdims, where=where, mean=mean)


# book/rules/moments.md: The root of the variance
def spread_by(fun: Fun, around_own: Fun, around_given: Fun) -> Fun:
    """Our composition of `numpy.var` or `numpy.std`, by their primitives."""

    def ours(
        a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0,
        keepdims: bool = False, *, where: Any = True, mean: Any = None,
        correction: Any = np._NoValue,
    ) -> Any:
        if out is not None:
            refuse_unread(primitives[around_own], {"out": out})
        if correction is not np._NoValue:
            fun(np.ones(2), ddof=ddof, correction=correction)  # NumPy complains of both
            ddof = correction
        options = {"axis": axis, "dtype": dtype, "ddof": ddof, "keepdims": keepdims}
        options["where"] = where
        if mean is None:
            return around_own(a, **options)
        if isinstance(mean, (int, float)):
            mean = np.asarray(mean, getattr(a, "dtype", None))
        return around_given(a, mean, **options)

    return ours


functions[np.var] = spread_by(np.var, var, var_about)
functions[np.std] = spread_by(np.std, std, std_about)
functions[np.nanvar] = of_numbers(np.var)
functions[np.nanstd] = of_numbers(np.std)


# book/rules/moments.md: Numbers of a common size
def root_mean_square(x: Any, axis: Any, eps: float) -> Any:
    """Root of the mean square along axes, with eps under the root."""
    return np.sqrt(np.mean(np.square(x), axis=axis, keepdims=True) + eps)


def rms_normalize_x(g: Any, x: Any, out: Any, axis: Any, eps: float) -> Any:
    """Cotangent of numbers over their root mean square."""
    g, x, out = wide(g), wide(x), wide(out)
    left = g - out * np.mean(g * out, axis=axis, keepdims=True)
    left /= root_mean_square(x, axis, eps)
    return left


# book/rules/moments.md: Numbers of a common size
@primitive(
    "x", composite=True,
    x=lambda g, x, out, axis=-1, eps=0.0: rms_normalize_x(g, x, out, axis, eps),
)
@in_single
def rms_normalize(x: Any, axis: Any = -1, eps: float = 0.0) -> Any:
    """Numbers over their root mean square along axes."""
    return x / root_mean_square(x, axis, eps)


# book/rules/moments.md: Weights that learn
def aligned(
    weights: Any, shape: tuple[int, ...], axis: Any, name: str = "average"
) -> Any:
    """Weights of some axes, with axes of length 1 for the others."""
    if shape_of(weights) == shape:
        return weights
    axes = [a % len(shape) for a in axes_of(shape, axis)] if axis is not None else []
    if shape_of(weights) != tuple(shape[a] for a in axes):
        raise DifferentiationValueError(
            f"np.{name} of shape {shape} over axis={axis} was given "
            f"weights of shape {shape_of(weights)}. "
            "Give weights of the same shape, or of the lengths of the axes that are named."
        )
    ordered = np.transpose(weights, [int(i) for i in np.argsort(axes)])
    return np.reshape(ordered, tuple(n if i in axes else 1 for i, n in enumerate(shape)))


# book/rules/moments.md: Weights that learn
def all_numbers(x: Any) -> np.ndarray:
    """All the numbers of a value, those of all examples if it is a batch."""
    while hasattr(type(x), "value"):
        x = x.value
    return x if hasattr(x, "dtype") else np.asarray(x)


def in_common_dtype(a: Any, weights: Any) -> Any:
    """Weights in the dtype that NumPy's average has: that of both, and double for whole
    numbers."""
    a, weights = (x if hasattr(x, "dtype") else np.asarray(x) for x in (a, weights))
    both = np.result_type(a.dtype, weights.dtype, *[np.float64] * (a.dtype.kind in "biu"))
    return weights if weights.dtype == both else weights.astype(both)


# book/rules/moments.md: Weights that learn
@implements(np.average)
def average(
    a: Any,
    axis: Any = None,
    weights: Any = None,
    returned: bool = False,
    *,
    keepdims: bool = False,
) -> Any:
    """Weighted mean, differentiable in the data and in the weights, as `numpy.average`."""
    axis = tuple(axis) if isinstance(axis, list) else axis
    if weights is None:
        out = np.mean(a, axis=axis, keepdims=keepdims)
        kind, total = out.dtype, np.float64(count(shape_of(a), axis))
    else:
        weights = in_common_dtype(a, aligned(weights, shape_of(a), axis))
        kind, weights = weights.dtype, wide(weights)
        total = np.sum(weights, axis=axis, keepdims=keepdims)
        if not all_numbers(total).all():
            raise DifferentiationValueError(
                f"np.average was given weights of shape {shape_of(weights)} that add up "
                "to zero. "
                "Give weights with a sum other than zero."
            )
        out = np.sum(np.multiply(a, weights), axis=axis, keepdims=keepdims) / total
        out = rounded(out, kind)
    if returned:
        total = rounded(total, kind)
        return out, total if total.shape == out.shape else np.broadcast_to(total, out.shape)
    return out
