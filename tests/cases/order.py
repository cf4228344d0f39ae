"""Cases for book/rules/order.md."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from casework import Case, label, strided, transposed, uniform

from autograd_book.rules.order import put_back, rearranged

AXES: list[tuple[tuple[int, ...], Any]] = [
    ((4,), -1),
    ((5,), 0),
    ((3, 4), 0),
    ((3, 4), 1),
    ((2, 3, 2), -2),
    ((2, 3), None),
    ((1,), 0),
    ((0, 3), 1),
    ((2, 0), 1),
]
#: Shape, axis, and what to find.
BLENDS: list[tuple[tuple[int, ...], Any]] = [
    ((5,), None),
    ((4,), -1),
    ((1,), 0),
    ((), None),
    ((3, 4), 0),
    ((3, 4), -1),
    ((2, 3, 4), (0, 2)),
    ((2, 3, 4), (-1, 1)),
    ((2, 3), None),
    ((0, 3), 1),
]
METHODS = (
    *("inverted_cdf", "averaged_inverted_cdf", "closest_observation", "interpolated_inverted_cdf", "hazen", "weibull"),
    *("linear", "median_unbiased", "normal_unbiased", "lower", "higher", "midpoint", "nearest"),
)


def with_gaps(shape: tuple[int, ...]) -> Any:
    """Numbers of which some are missing, at least one in each row being there."""
    x = uniform(shape)
    x[np.random.default_rng(3).random(shape) > 0.6] = np.nan
    return np.where(np.arange(shape[-1]) == 1, uniform(shape), x)


def filled(fun: Any, gaps: Any) -> Any:
    """The function with NaN put where the gaps have it, so that differences can be taken of the rest."""
    return lambda x: fun(np.where(np.isnan(gaps), np.nan, x))


def cases() -> Iterator[tuple[str, Case]]:
    weights = np.arange(1.0, 25.0)
    for shape, axis in AXES:
        f = lambda x, axis=axis: np.square(y := np.sort(x, axis)) * weights[: y.size].reshape(y.shape)
        yield "sort", Case(f, (uniform(shape),), label("sort", shape, axis))
    order = np.argsort(uniform((3, 4), seed=5), axis=0)
    for layout in (transposed, strided):
        x = layout(uniform((3, 4)))
        yield "rearranged", Case(lambda x: rearranged(x, order, 0) ** 2, (x,), label("rearranged", layout.__name__))
        yield "put_back", Case(lambda x: put_back(x, order, 0) ** 2, (x,), label("put_back", layout.__name__))
        yield "sort", Case(lambda x: np.sort(x, 0, "heapsort") ** 2, (x,), label("sort", layout.__name__))
        yield "median", Case(lambda x: np.median(x, axis=1), (x,), label("median", layout.__name__))
    for kth, axis in [(1, -1), (2, 0), ((0, 2), 0), (-1, 1), (5, None)]:
        place = (slice(None), kth) if axis == 1 else (..., kth) if axis in (-1, None) else kth
        f = lambda x, kth=kth, axis=axis, place=place: np.square(np.partition(x, kth, axis)[place])
        yield "partition", Case(f, (uniform((3, 4)),), label("partition", kth, axis))
    for shape, axis in BLENDS:
        for keepdims in (False, True):
            f = lambda x, axis=axis, keep=keepdims: np.square(np.median(x, axis, None, False, keep))
            yield "median", Case(f, (uniform(shape),), label("median", shape, axis, keepdims))
            for q in (0.3, [0.0, 0.4, 1.0], np.array([[0.25, 0.9]]))[keepdims::2]:
                f = lambda x, axis=axis, keep=keepdims, q=q: np.square(np.quantile(x, q, axis, keepdims=keep))
                yield "quantile", Case(f, (uniform(shape),), label("quantile", shape, axis, np.shape(q), keepdims))
    for method in METHODS:
        f = lambda x, method=method: np.square(np.quantile(x, [0.15, 0.5, 0.72], 0, method=method))
        yield "quantile", Case(f, (uniform((5, 2)),), label("quantile", method))
        f = lambda x, method=method: np.square(np.percentile(x, 37.0, method=method))
        yield "percentile", Case(f, (uniform((6,)),), label("percentile", method))
    for q in ((), (2,)):
        f = lambda x, q: np.quantile(x, q, axis=0)
        yield "leaning", Case(f, (uniform((5, 2)), uniform(q, 0.3, 0.4)), label("quantile", "moving", q))
    gaps = with_gaps((3, 5))
    for axis in (None, 0, 1, (0, 1)):
        for keepdims in (False, True):
            kind = {"axis": axis, "keepdims": keepdims}
            for fun, q in [(np.nanmedian, ()), (np.nanquantile, (0.4,)), (np.nanpercentile, ([10, 80.0],))]:
                f = filled(lambda x, fun=fun, q=q, kind=kind: np.square(fun(x, *q, **kind)), gaps)
                yield fun.__name__, Case(f, (uniform((3, 5)),), label(fun.__name__, axis, keepdims))
    z = uniform((5,)) + 1j * uniform((5,), seed=1)
    yield "sort", Case(lambda z: np.sort(z) ** 2, (z,), "sort complex")
    yield "median", Case(np.median, (z[:4],), "median complex")
