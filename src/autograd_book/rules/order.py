"""Order.

Sorting, partitions, medians, quantiles and percentiles, along any axes, with
or without NaN.

::

    import numpy as np
    from autograd_book import Variable

    x = Variable([5.0, 1.0, 4.0, 2.0])
    np.median(x).backward()
    print(x.grad)
    print(np.sort(x), np.quantile(x, [0.25, 0.9]))
"""
# Generated from book/rules/order.md by autograd-book extract; edit the chapter, not this file.
# sha256: cef60ff3ec066107a367128946499ec6630cb405a287ac09397b57b0b47bea3b

__all__ = [
    "by_keys",
    "keyed",
    "lexsort",
    "rearranged",
    "put_back",
    "sort",
    "partition",
    "ranks",
    "neighbours",
    "stepped",
    "averaged",
    "between",
    "median_by",
    "quantile_by",
    "EVEN",
    "growth",
    "gaps",
    "leaning",
    "moved",
    "present",
    "UNIQUE",
    "SETS",
]


# book/rules/order.md: Places are flat
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_book.graph.errors import DifferentiationValueError
from autograd_book.graph.primitive import Primitive
from autograd_book.graph.protocols import functions, implements, primitive, refuse
from autograd_book.graph.stack import bind
from autograd_book.rules.linear import decline
from autograd_book.rules.elementwise import real_kind
from autograd_book.rules.moments import aligned
from autograd_book.rules.reductions import kept
from autograd_book.rules.shapes import plain, reshape

for places in (np.argsort, np.argpartition):
    Primitive(places, "x", flat=True)
for member in filter(None, (np.isin, getattr(np, "in1d", None))):
    Primitive(member, "x y", flat=True)


# book/rules/order.md: Places are flat
def by_keys(*keys: Any, axis: int = -1) -> Any:
    """Indirect sort by several keys, given as separate arguments."""
    return np.lexsort(keys, axis)


keyed = Primitive(by_keys, "*keys", flat=True)  #: `numpy.lexsort`, with any number of keys.


@implements(np.lexsort)
def lexsort(keys: Any, axis: int = -1) -> Any:
    """Places of a sort by several keys, as `numpy.lexsort`; a plain array."""
    return bind(keyed, *keys, axis=axis)


# book/rules/order.md: Sorting
@primitive("x", linear="x", x=lambda g, order, axis: put_back(g, order, axis))
def rearranged(x: Any, order: Any, axis: int) -> Any:
    """x with the elements along an axis rearranged, a permutation for each row."""
    return np.take_along_axis(x, order, axis)


# book/rules/order.md: Sorting
@primitive("z", linear="z", z=lambda g, order, axis: rearranged(g, order, axis))
def put_back(z: Any, order: Any, axis: int) -> Any:
    """What `rearranged` gave as z, with each element back at its place."""
    x = np.empty_like(z)
    np.put_along_axis(x, order, z, axis)
    return x


# book/rules/order.md: Sorting
@implements(np.sort)
def sort(
    a: Any,
    axis: int | None = -1,
    kind: Any = None,
    order: Any = None,
    *,
    stable: Any = None,
) -> Any:
    """Elements in ascending order along an axis, or all of them, as `numpy.sort`."""
    decline("sort", order=order)
    np.sort(np.empty(0), kind=kind)  # complains about a kind that it does not know
    a, axis = (np.ravel(a), -1) if axis is None else (a, axis)
    return rearranged(a, np.argsort(a, axis, kind="stable"), axis)


@implements(np.partition)
def partition(
    a: Any, kth: Any, axis: int | None = -1, kind: Any = "introselect", order: Any = None
) -> Any:
    """Elements of which those at `kth` stand as if sorted, as `numpy.partition`."""
    decline("partition", order=order)
    a, axis = (np.ravel(a), -1) if axis is None else (a, axis)
    return rearranged(a, np.argpartition(a, kth, axis, kind), axis)


# book/rules/order.md: Between two elements
def ranks(
    fun: Callable[..., Any], rows: Any, *q: Any, weights: Any = None, **method: Any
) -> Any:
    """Where among the sorted elements of a row `fun` finds its result.

    One row of ranks for each row, or one for all if they have no NaN and no weights.
    """
    n = rows.shape[1]
    missing = np.sum(np.isnan(rows), axis=1, keepdims=True)
    real = np.result_type(real_kind(rows.dtype), np.float32)
    places = np.arange(n, dtype=real if n < 1 / np.finfo(real).eps else float)[None]
    if missing.any():
        places = np.where(places < n - missing, places, np.nan)
    if weights is not None:
        places = np.broadcast_to(places, rows.shape)
        method["weights"] = np.take_along_axis(weights, np.argsort(rows, axis=1), 1)
    return fun(places, *q, axis=1, **method)


# book/rules/order.md: Between two elements
def neighbours(rows: Any, rank: Any) -> tuple[Any, Any, Any]:
    """Elements nearest to each rank in the sorted rows, those on its other side, and its
    share of those."""
    lost = np.isnan(rank)
    low = np.where(lost, rows.shape[1] - 1, np.floor(np.where(lost, 0, rank))).astype(int)
    fraction = np.where(lost, 0, rank - low)
    high, upper = low + (fraction > 0), fraction >= 0.5
    order = np.argpartition(rows, np.unique([low, high]), axis=1)
    row = np.arange(rows.shape[0])[:, None]
    near, far = np.where(upper, high, low), np.where(upper, low, high)
    share = np.where(upper, 1 - fraction, fraction)
    return rows[row, order[row, near]], rows[row, order[row, far]], share


def stepped(near: Any, far: Any, share: Any) -> Any:
    """From one element a share of the way to another, as NumPy's quantiles go."""
    return near + np.where(share > 0, far - near, 0) * share


def averaged(near: Any, far: Any, share: Any) -> Any:
    """A share of one element and the rest of another, as in NumPy's medians."""
    return near * (1 - share) + np.where(share > 0, far, 0) * share


# book/rules/order.md: Between two elements
import math

from autograd_book.graph.methods import Operators
from autograd_book.rules.dots import positions, scalar
from autograd_book.rules.linear import array


def between(
    fun: Callable[..., Any], x: Any, *moving: Any,
    axis: Any, keepdims: bool, weights: Any = None, **method: Any,
) -> Any:
    """The median or quantiles `fun` of x over `axis`, by the ranks that it finds."""
    x, q = array(x), tuple(map(plain, moving))
    n = len(x.shape)
    gone = positions(range(n) if axis is None else axis, n)
    left = [i for i in range(n) if i not in gone]
    lengths, count = [x.shape[i] for i in left], math.prod(x.shape[i] for i in gone)

    def laid(a: Any) -> Any:
        return reshape(np.transpose(a, left + gone), (math.prod(lengths), count))

    rows = laid(x)
    if weights is not None:
        weights = aligned(np.asarray(plain(weights)), x.shape, axis, fun.__name__)
        method["weights"] = laid(np.broadcast_to(weights, x.shape))
    if count == 0:
        raise DifferentiationValueError(
            f"{fun.__name__} was asked of no elements, in an array of shape {x.shape}. "
            "Leave empty arrays out, or reduce over an axis that has elements."
        )
    rank = ranks(fun, rows, *map(np.ravel, q), **method)
    method.pop("weights", None)
    kind = real_kind(fun(np.zeros(1, x.dtype), *q, **method).dtype)
    rank_of_rows = rank.reshape(-1, rank.shape[-1]).T
    near, far, share = neighbours(rows, rank_of_rows)
    z = (stepped if q else averaged)(near, far, share.astype(kind))
    if isinstance(moving[0] if moving else None, Operators) and weights is None:
        z = moved(z, fun, rows, rank_of_rows, moving[0], method["method"])
    ends = kept(x.shape, tuple(gone)) if keepdims else lengths
    return scalar(reshape(np.transpose(z), (*np.shape(q[0] if q else 0), *ends)))


# book/rules/order.md: Between two elements
def median_by(fun: Callable[..., Any]) -> Callable[..., Any]:
    """Our composition of a median of NumPy, with its signature."""

    def ours(
        a: Any, axis: Any = None, out: Any = None,
        overwrite_input: bool = False, keepdims: bool = False,
    ) -> Any:
        decline(fun.__name__, out=out)
        return between(fun, a, axis=axis, keepdims=keepdims)

    return ours


def quantile_by(fun: Callable[..., Any]) -> Callable[..., Any]:
    """Our composition of a quantile or percentile of NumPy, with its signature."""

    def ours(
        a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False,
        method: str = "linear", keepdims: bool = False, **options: Any,
    ) -> Any:
        weights = options.pop("weights", None)
        decline(fun.__name__, out=out, **options)
        return between(
            fun, a, q, axis=axis, keepdims=keepdims, method=method, weights=weights
        )

    return ours


for middle in (np.median, np.nanmedian):
    functions[middle] = median_by(middle)
for part in (np.quantile, np.percentile, np.nanquantile, np.nanpercentile):
    functions[part] = quantile_by(part)


# book/rules/order.md: Which quantile
#: By method, where its ranks start, and how many more of them there are than elements.
EVEN = {
    "linear": (0, -1),
    "interpolated_inverted_cdf": (-1, 0),
    "hazen": (-1 / 2, 0),
    "weibull": (-1, 1),
    "median_unbiased": (-2 / 3, 1 / 3),
    "normal_unbiased": (-5 / 8, 1 / 4),
}


def growth(n: Any, q: Any, method: str) -> Any:
    """How fast the ranks of a method grow with q in rows of n numbers, a mean of both
    sides."""
    start, more = EVEN[method]
    rank = start + (n + more) * q
    below = (rank > 0) & (rank <= n - 1)
    above = (rank >= 0) & (rank < n - 1)
    return (n + more) * (1 * below + above) / (1 * (q > 0) + (q < 1))


def gaps(rows: Any, rank: Any, n: Any) -> Any:
    """From each rank to the next, the mean growth of the sorted rows on both sides."""
    rank, n = np.broadcast_arrays(rank, n)
    low = np.clip(np.ceil(rank) - 1, 0, None)
    high = np.clip(np.floor(rank) + 1, None, n - 1)
    span = np.maximum(high - low, 1)
    lost = np.isnan(rank)
    low, high = (np.where(lost, rows.shape[1] - 1, k).astype(int) for k in (low, high))
    order = np.argpartition(rows, np.unique([low, high]), axis=1)
    row = np.arange(rows.shape[0])[:, None]
    return (rows[row, order[row, high]] - rows[row, order[row, low]]) / span


# book/rules/order.md: Which quantile
@primitive(
    "q slope",
    elementwise=True,
    q=lambda g, slope: g * slope,
    slope=lambda g, q: leaning(q, g),
)
def leaning(q: Any, slope: Any) -> Any:
    """Zeros that grow with q, by a slope."""
    return np.zeros(np.broadcast_shapes(np.shape(q), np.shape(slope)), slope.dtype)


def moved(z: Any, fun: Callable[..., Any], rows: Any, rank: Any, q: Any, method: str) -> Any:
    """The quantiles z, one row for each row, as they move with q."""
    if method not in EVEN:
        return z
    n = rows.shape[1] - np.sum(np.isnan(rows), axis=1, keepdims=True)
    q, unit = np.reshape(q, -1), 100 if "percentile" in fun.__name__ else 1
    speed = growth(n, plain(q) / unit, method) / unit
    return z + leaning(q, (gaps(rows, rank, n) * speed).astype(z.dtype))


# book/rules/order.md: Sets
def present(*names: str) -> list[Callable[..., Any]]:
    """The functions of these names that the NumPy at hand has."""
    return [getattr(np, name) for name in names if hasattr(np, name)]


UNIQUE = ("unique", "unique_values", "unique_counts", "unique_inverse", "unique_all")
SETS = ("union1d", "intersect1d", "setdiff1d", "setxor1d")

refuse(
    "Without equal elements it is np.sort; "
    "with them pick x[np.unique(x.numpy(), return_index=True)[1]].",
    *present(*UNIQUE),
)
refuse("Pick the elements by a mask, as in x[np.isin(x, y)].", *present(*SETS))
refuse("Use np.sort, which sorts complex numbers as well.", *present("sort_complex"))
refuse("Use np.sort along axis 0.", *present("msort"))
