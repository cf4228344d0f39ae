"""Reductions.

Sums, products, means, maxima and minima over any axes, ``logsumexp``, the
variance and the average, and the same of data with holes.

::

    import numpy as np
    from autograd_book import Variable
    from autograd_book.rules.reductions import logsumexp

    x = Variable([2.0, 0.0, np.nan, 5.0])
    np.nanprod(x).backward()
    print(x.grad)
    print(logsumexp(Variable([1000.0, 1000.0])))
"""
# Generated from book/rules/reductions.md by autograd-book extract; edit the chapter, not this file.
# sha256: 1d766534be2f818ecdd3cce61837df09846d1b9edf94f9c7c40fb479915ffe2f

__all__ = [
    "kept",
    "spread",
    "count",
    "masked",
    "sum_x",
    "mean_x",
    "cut",
    "backwards",
    "later",
    "others",
    "axes_of",
    "prod_x",
    "winners",
    "ptp",
    "lowered",
    "in_single",
    "softmax_x",
    "softmax",
    "log_total",
    "logsumexp_x",
    "log_sum",
    "weighed",
    "log_weighted_x",
    "log_weighted_b",
    "log_weighted",
    "logsumexp",
    "log_softmax_x",
    "log_softmax",
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
    "everything",
    "in_common_dtype",
    "average",
    "of_numbers",
    "REDUCED",
    "along_first",
]


# book/rules/reductions.md: Back to the shape before
import math
from functools import wraps
from typing import Any

import numpy as np

from autograd_book.graph.backward import unbroadcast
from autograd_book.graph.errors import DifferentiationValueError
from autograd_book.graph.methods import Operators
from autograd_book.graph.primitive import (
    Primitive, differentiable, primitives, refuse_unread, shape_of,
)
from autograd_book.graph.protocols import functions, implements, primitive
from autograd_book.graph.stack import Fun
from autograd_book.rules.elementwise import over, rounded, wide


def kept(shape: tuple[int, ...], axis: Any) -> tuple[int, ...]:
    """The shape that a reduction over `axis` leaves when it keeps the reduced axes as 1."""
    axes = range(len(shape)) if axis is None else (axis,) if np.ndim(axis) == 0 else axis
    gone = {a % len(shape) for a in axes} if shape else set()
    return tuple([1 if i in gone else n for i, n in enumerate(shape)])


# book/rules/reductions.md: Back to the shape before
def spread(g: Any, shape: tuple[int, ...], axis: Any) -> Any:
    """Copy the cotangent of a reduction over `axis` back along it, into `shape`."""
    return np.broadcast_to(np.reshape(g, kept(shape, axis)), shape)


def count(shape: tuple[int, ...], axis: Any, where: Any = True) -> Any:
    """How many elements go into each result: a number, or an array for a mask."""
    if where is True:
        return math.prod(n for n, left in zip(shape, kept(shape, axis)) if n != left)
    return np.sum(np.broadcast_to(where, shape), axis=axis, keepdims=True)


def masked(x: Any, where: Any, other: Any = 0) -> Any:
    """x where a reduction looked, and another number where it did not."""
    return x if where is True else np.where(where, x, other)


# book/rules/reductions.md: Sum and mean
def sum_x(g: Any, shape: tuple[int, ...], axis: Any, where: Any) -> Any:
    """Cotangent of a sum."""
    return masked(spread(g, shape, axis), where)


def mean_x(g: Any, shape: tuple[int, ...], axis: Any, where: Any) -> Any:
    """Cotangent of a mean."""
    n, precise = count(shape, axis, where), wide(g)
    part = (
        precise * (1.0 / max(n, 1))
        if where is True
        else np.reshape(precise, n.shape) * (1.0 / n).astype(precise.dtype)
    )
    return sum_x(rounded(part, g.dtype), shape, axis, where)


# book/rules/reductions.md: Sum and mean
Primitive(
    np.sum, "x", linear="x", into=np.sum,
    x=lambda g, x_shape, axis=None, dtype=None, keepdims=False,
        initial=0, where=True: sum_x(g, x_shape, axis, where),
)
Primitive(
    np.mean, "x", linear="x", into=np.mean,
    x=lambda g, x_shape, axis=None, dtype=None, keepdims=False,
        where=True: mean_x(g, x_shape, axis, where),
)


# book/rules/reductions.md: Product
def cut(x: Any, places: slice, axis: int) -> Any:
    """A slice of x along one axis, as a view."""
    return x[(slice(None),) * (axis % len(x.shape)) + (places,)]


def backwards(x: Any, axis: int) -> Any:
    """x with the order along one axis reversed, as a view."""
    return cut(x, slice(None, None, -1), axis)


def later(x: Any, first: float, axis: int) -> Any:
    """x moved on by one place along an axis, with a number at the first."""
    start = np.full(kept(x.shape, axis), first, x.dtype)
    return cut(np.concatenate([start, x], axis=axis), slice(-1), axis)


def others(x: Any, axes: Any) -> Any:
    """For each element the product of all others in its product over `axes`."""
    if not axes:
        return np.ones(x.shape, x.dtype)
    axis, rest = axes[0], axes[1:]
    before = np.cumprod(later(x, 1, axis), axis=axis)
    after = backwards(np.cumprod(later(backwards(x, axis), 1, axis), axis=axis), axis)
    total = np.prod(x, axis=axis, keepdims=True)
    return before * after * others(total, rest) if rest else before * after


# book/rules/reductions.md: Product
def axes_of(shape: tuple[int, ...], axis: Any) -> tuple[int, ...]:
    """The axes that `axis` means: all of them for None, one, or several."""
    if axis is None:
        return tuple(range(len(shape)))
    return () if shape == () else (axis,) if np.ndim(axis) == 0 else tuple(axis)


# book/rules/reductions.md: Product
def prod_x(g: Any, x: Any, axis: Any, initial: Any, where: Any) -> Any:
    """Cotangent of a product."""
    g, x = wide(g), wide(x)
    slopes = others(masked(x, where, 1), axes_of(x.shape, axis))
    return masked(np.reshape(g, kept(x.shape, axis)) * initial * slopes, where)


Primitive(
    np.prod, "x", into=np.prod,
    x=lambda g, x, axis=None, dtype=None, keepdims=False,
        initial=1, where=True: prod_x(g, x, axis, initial, where),
)


# book/rules/reductions.md: Maximum and minimum
def winners(
    g: Any, x: Any, out: Any, axis: Any, initial: Any = None, where: Any = True
) -> Any:
    """Share the cotangent of a maximum or minimum between those that attained it."""
    shape = kept(x.shape, axis)
    best = np.reshape(out, shape)
    won = masked(np.equal(x, best) | np.isnan(x) & np.isnan(best), where, False)
    number = np.sum(won, axis=axis, keepdims=True) + (
        0 if initial is None else np.equal(best, initial)
    )
    precise = wide(np.reshape(g, shape))
    part = precise / np.maximum(number, 1).astype(precise.dtype)
    return won * rounded(part, g.dtype)


# book/rules/reductions.md: Maximum and minimum
for extreme in (np.max, np.min):
    Primitive(
        extreme, "x", into=extreme,
        x=lambda g, x, out, axis=None, keepdims=False,
            initial=None, where=True:
            winners(g, x, out, axis, initial, where),
    )
functions.update({np.amax: np.max, np.amin: np.min})


# book/rules/reductions.md: Maximum and minimum
@implements(np.ptp)
def ptp(a: Any, axis: Any = None, out: Any = None, keepdims: bool = False) -> Any:
    """Largest element minus smallest, as `numpy.ptp`."""
    return np.subtract(
        np.max(a, axis=axis, keepdims=keepdims),
        np.min(a, axis=axis, keepdims=keepdims),
        out=out,
    )


# book/rules/reductions.md: Maximum and minimum
for place in (np.argmax, np.argmin, np.nanargmax, np.nanargmin):
    Primitive(place, "x", flat=True, into=place)
for verdict in (np.all, np.any):
    Primitive(verdict, "x", flat=True, into=verdict)
Primitive(np.count_nonzero, "x", flat=True)


# book/rules/reductions.md: The smooth maximum
def lowered(x: Any, axis: Any) -> tuple[Any, Any]:
    """x less its maximum along axes, 0 where both are one infinity; and the maximum."""
    top = np.max(x, axis=axis, keepdims=True, initial=-np.inf)
    if np.isfinite(top).all():
        return x - top, top
    with np.errstate(invalid="ignore"):
        return np.where(np.equal(x, top), 0, x - top), top


# book/rules/reductions.md: The weights
def in_single(fun: Fun) -> Fun:
    """The function, computed in single precision where its argument is narrower."""

    @wraps(fun)
    def computed(x: Any, *args: Any, **options: Any) -> Any:
        x = x if isinstance(x, Operators) else np.asarray(x)
        x = x if differentiable(x.dtype) else x.astype(np.float64, casting="same_kind")
        precise = wide(x)
        out = fun(precise, *args, **options)
        return out if precise is x else out.astype(x.dtype)

    return computed


def softmax_x(g: Any, out: Any, axis: Any) -> Any:
    """Cotangent of a softmax: the weights times what g exceeds its weighted mean by."""
    g, out = wide(g), wide(out)
    excess = g - np.sum(g * out, axis=axis, keepdims=True)
    excess *= out
    return excess


@primitive("x", composite=True, x=lambda g, out, axis=-1: softmax_x(g, out, axis))
@in_single
def softmax(x: Any, axis: Any = -1) -> Any:
    """Exponentials divided by their sum, without overflow.

    Parameters
    ----------
    x : array_like or Variable
        Any shape.
    axis : int, tuple of int or None
        Axes along which the results add up to 1; all of them for None.

    Returns
    -------
    array or Variable
        The shape of `x`. Elements that are the same infinite maximum share the 1.
    """
    weights = np.exp(lowered(x, axis)[0])
    weights /= np.sum(weights, axis=axis, keepdims=True)
    return weights


# book/rules/reductions.md: Logsumexp and its rule
def log_total(low: Any, axis: Any) -> Any:
    """Logarithm of the sum of exponentials of lowered numbers; -inf if there are none."""
    with np.errstate(divide="ignore"):
        return np.log(np.sum(np.exp(low), axis=axis, keepdims=True))


def logsumexp_x(g: Any, x: Any, axis: Any) -> Any:
    """Cotangent of logsumexp: g times the softmax of x."""
    return np.reshape(wide(g), kept(x.shape, axis)) * softmax(wide(x), axis=axis)


@primitive(
    "x", composite=True,
    x=lambda g, x, axis=None, keepdims=False: logsumexp_x(g, x, axis),
)
@in_single
def log_sum(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Logarithm of the sum of exponentials, each counted once."""
    low, top = lowered(x, axis)
    out = log_total(low, axis) + top
    return out if keepdims else np.sum(out, axis=axis)


# book/rules/reductions.md: Logsumexp and its rule
def weighed(x: Any, b: Any, axis: Any) -> tuple[Any, Any, Any]:
    """Exponentials of x, lowered by the maximum of what has a weight, their sum by
    weights, NaN below zero, and that maximum."""
    idle = np.equal(b, 0)
    counted = np.where(idle, -np.inf, x)
    top = np.max(counted, axis=axis, keepdims=True, initial=-np.inf)
    with np.errstate(over="ignore", invalid="ignore"):
        terms = np.exp(np.where(np.equal(counted, top), 0, x - top))
        total = np.sum(np.where(idle, 0, b * terms), axis=axis, keepdims=True)
    return terms, np.where(np.less(total, 0), np.nan, total), top


def log_weighted_x(g: Any, x: Any, b: Any, axis: Any) -> Any:
    """Cotangent of the numbers: g times their shares."""
    terms, total, _ = weighed(wide(x), wide(b), axis)
    shares = np.where(np.equal(b, 0), 0, b * terms) / total
    return np.reshape(wide(g), kept(x.shape, axis)) * shares


def log_weighted_b(g: Any, x: Any, b: Any, axis: Any) -> Any:
    """Cotangent of the weights: g times the shares that a weight of 1 has."""
    terms, total, _ = weighed(wide(x), wide(b), axis)
    return np.reshape(wide(g), kept(x.shape, axis)) * (terms / total)


@primitive(
    "x b",
    x=lambda g, x, b, axis=None, keepdims=False: log_weighted_x(g, x, b, axis),
    b=lambda g, x, b, axis=None, keepdims=False: log_weighted_b(g, x, b, axis),
)
def log_weighted(x: Any, b: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Logarithm of a weighted sum of exponentials, for numbers and weights of one shape."""
    kind = np.result_type(x, b)
    _, total, top = weighed(wide(x), wide(b), axis)
    with np.errstate(divide="ignore"):
        out = np.log(total) + top
    out = rounded(out, kind if differentiable(kind) else np.float64)
    return out if keepdims else np.sum(out, axis=axis)


# book/rules/reductions.md: Logsumexp and its rule
def logsumexp(x: Any, axis: Any = None, keepdims: bool = False, b: Any = None) -> Any:
    """Logarithm of the sum of exponentials, without overflow.

    Parameters
    ----------
    x : array_like or Variable
        Any shape.
    axis : int, tuple of int or None
        Axes to reduce; all of them for None.
    keepdims : bool
        Keep the reduced axes with length 1.
    b : array_like or Variable, optional
        Weights of the exponentials, broadcast against `x`.

    Returns
    -------
    array or Variable
        The shape of ``np.sum(x, axis, keepdims=keepdims)``; minus infinity for no elements,
        NaN for a sum below zero.
    """
    if b is None:
        return log_sum(x, axis=axis, keepdims=keepdims)
    x, b = np.broadcast_arrays(x, b)
    return log_weighted(x, b, axis=axis, keepdims=keepdims)


# book/rules/reductions.md: Logsumexp and its rule
def log_softmax_x(g: Any, out: Any, axis: Any) -> Any:
    """Cotangent of a log-softmax: g less its sum times the weights."""
    g, out = wide(g), wide(out)
    return g - np.exp(out) * np.sum(g, axis=axis, keepdims=True)


@primitive("x", composite=True, x=lambda g, out, axis=-1: log_softmax_x(g, out, axis))
@in_single
def log_softmax(x: Any, axis: Any = -1) -> Any:
    """Logarithm of the softmax, finite where the softmax itself is rounded to 0."""
    low = lowered(x, axis)[0]
    return low - log_total(low, axis)


# book/rules/reductions.md: Spread around the mean
def var_x(g: Any, x: Any, axis: Any, ddof: Any, where: Any, mean: Any) -> Any:
    """Cotangent of a variance: twice the deviations, over their number less `ddof`."""
    g, x = wide(g), masked(wide(x), where)
    mean = np.mean(x, axis=axis, keepdims=True, where=where) if mean is None else mean
    centred = np.conjugate(x - mean) if x.dtype.kind == "c" else x - mean
    scale = np.reshape(g, kept(x.shape, axis)) * 2 / (count(x.shape, axis, where) - ddof)
    return masked(scale * centred, where)


# book/rules/reductions.md: Spread around the mean
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


# book/rules/reductions.md: Spread around the mean
def std_x(g: Any, x: Any, out: Any, axis: Any, ddof: Any, where: Any, mean: Any) -> Any:
    """Cotangent of a standard deviation, 0 where that is 0."""
    size = 2 * np.reshape(wide(out), kept(x.shape, axis))
    alone = mean is None and np.equal(count(x.shape, axis, where), 1)  # is its mean
    slope = over(var_x(g, x, axis, ddof, where, mean), np.where(alone, 1, size))
    return masked(slope, where)


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


# book/rules/reductions.md: Spread around the mean
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


# book/rules/reductions.md: Numbers of a common size
def root_mean_square(x: Any, axis: Any, eps: float) -> Any:
    """Root of the mean square along axes, with eps under the root."""
    return np.sqrt(np.mean(np.square(x), axis=axis, keepdims=True) + eps)


def rms_normalize_x(g: Any, x: Any, out: Any, axis: Any, eps: float) -> Any:
    """Cotangent of numbers over their root mean square."""
    g, x, out = wide(g), wide(x), wide(out)
    left = g - out * np.mean(g * out, axis=axis, keepdims=True)
    left /= root_mean_square(x, axis, eps)
    return left


@primitive(
    "x", composite=True,
    x=lambda g, x, out, axis=-1, eps=0.0: rms_normalize_x(g, x, out, axis, eps),
)
@in_single
def rms_normalize(x: Any, axis: Any = -1, eps: float = 0.0) -> Any:
    """Numbers over their root mean square along axes."""
    return x / root_mean_square(x, axis, eps)


# book/rules/reductions.md: Weights that learn
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


# book/rules/reductions.md: Weights that learn
def everything(x: Any) -> np.ndarray:
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


# book/rules/reductions.md: Weights that learn
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
        total = out.dtype.type(count(shape_of(a), axis))
    else:
        weights = in_common_dtype(a, aligned(weights, shape_of(a), axis))
        kind, weights = weights.dtype, wide(weights)
        total = np.sum(weights, axis=axis, keepdims=keepdims)
        if not everything(total).all():
            raise DifferentiationValueError(
                f"np.average was given weights of shape {shape_of(weights)} that add up "
                "to zero. "
                "Give weights with a sum other than zero."
            )
        out = np.sum(np.multiply(a, weights), axis=axis, keepdims=keepdims) / total
        out, total = rounded(out, kind), rounded(total, kind)
    if returned:
        return out, total if total.shape == out.shape else np.broadcast_to(total, out.shape)
    return out


# book/rules/reductions.md: Data with holes
def of_numbers(fun: Fun) -> Fun:
    """The reduction `fun` of those elements that are not NaN."""

    def reduced(a: Any, *args: Any, where: Any = True, **options: Any) -> Any:
        return fun(a, *args, where=~np.isnan(a) & where, **options)

    return reduced


functions.update({
    np.nansum: of_numbers(np.sum),
    np.nanprod: of_numbers(np.prod),
    np.nanmean: of_numbers(np.mean),
    np.nanvar: of_numbers(np.var),
    np.nanstd: of_numbers(np.std),
})
for extreme in (np.nanmax, np.nanmin):
    Primitive(
        extreme,
        "x",
        x=lambda g, x, out, axis=None, keepdims=False, initial=None, where=True:
            masked(winners(g, x, out, axis, initial, where), ~np.isnan(x)),
    )


# book/rules/reductions.md: Reductions by another name
REDUCED: dict[np.ufunc, Fun] = {
    np.add: np.sum,
    np.multiply: np.prod,
    np.maximum: np.max,
    np.minimum: np.min,
    np.fmax: np.nanmax,
    np.fmin: np.nanmin,
    np.logaddexp: log_sum,
    np.logical_and: np.all,
    np.logical_or: np.any,
}  #: From a universal function to what it does when it reduces.


def along_first(fun: Fun) -> Fun:
    """The same function, along the first axis when none is given."""
    return lambda x, axis=0, **options: fun(x, axis=axis, **options)


functions.update({ufunc.reduce: along_first(fun) for ufunc, fun in REDUCED.items()})
