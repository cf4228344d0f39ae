"""Reductions.

Sums, products, means, maxima and minima over any axes, and the same of data
with holes.

::

    import numpy as np
    from autograd_book import Variable

    x = Variable([2.0, 0.0, np.nan, 5.0])
    np.nanprod(x).backward()
    print(x.grad)
    print(np.max(Variable([[1.0, 3.0], [4.0, 2.0]]), axis=1))
"""
# Generated from book/rules/reductions.md by autograd-book extract; edit the chapter, not this file.
# sha256: cca88fd8fed22a0d39084f1d1caf0d5e5bd07e4c24fc596db95d43da3995a189

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
    "of_numbers",
    "REDUCED",
    "along_first",
]


# book/rules/reductions.md: Back to the shape before
import math
from typing import Any

import numpy as np

from autograd_book.graph.primitive import Primitive
from autograd_book.graph.protocols import functions, implements
from autograd_book.graph.stack import Fun
from autograd_book.rules.elementwise import rounded, wide


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


# book/rules/reductions.md: Product
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
    np.logical_and: np.all,
    np.logical_or: np.any,
}  #: From a universal function to what it does when it reduces.


def along_first(fun: Fun) -> Fun:
    """The same function, along the first axis when none is given."""
    return lambda x, axis=0, **options: fun(x, axis=axis, **options)


functions.update({ufunc.reduce: along_first(fun) for ufunc, fun in REDUCED.items()})
