"""Cases for book/rules/indexing.md."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from casework import Case, label, strided, transposed, uniform

from autograd_book.rules.indexing import getitem, scatter_add
from cases.shapes import all_of, squared

# Indexing: shape and index.
INDICES: list[tuple[str, tuple[int, ...], Any]] = [
    ("integer", (4,), 1),
    ("negative integer", (4, 3), -1),
    ("numpy integer", (4, 3), np.int64(2)),
    ("slice", (5,), slice(1, 4)),
    ("strided slice", (5, 3), (slice(None, None, -2), slice(0, 2))),
    ("empty slice", (5,), slice(3, 3)),
    ("ellipsis", (2, 3, 4), (Ellipsis, 1)),
    ("bare ellipsis", (), Ellipsis),
    ("empty tuple", (2,), ()),
    ("new axis", (3,), (None, slice(None), None)),
    ("mixed basic", (2, 3, 4), (0, None, slice(1, None), Ellipsis)),
    ("array", (4,), np.array([2, 0])),
    ("list", (4,), [3, 1]),
    ("empty list", (4,), []),
    ("nested list", (4, 2), [[3, 1], [1, 1]]),
    ("repeated array", (4,), np.array([0, 0, 2, 0])),
    ("negative repeats", (4,), np.array([-1, 3, 3])),
    ("array of rows", (3, 2), np.array([[0, 2], [2, 2]])),
    ("two arrays", (3, 4), (np.array([0, 0, 2]), np.array([1, 1, 3]))),
    ("broadcast arrays", (3, 4), (np.array([[0], [2]]), np.array([1, 1, 3]))),
    ("array and slice", (3, 4), (np.array([1, 1]), slice(1, 3))),
    ("slice and array", (3, 4), (slice(None), np.array([1, 1, 0]))),
    ("arrays apart", (2, 3, 4), (np.array([0, 0]), slice(None), np.array([1, 1]))),
    ("array and integer", (3, 4), (np.array([1, 1]), 2)),
    ("small integers", (4,), np.array([3, 1, 1], np.uint8)),
    ("mask", (4,), np.array([True, False, True, True])),
    ("mask of matrix", (2, 3), np.array([[True, False, True], [False, True, True]])),
    ("mask of rows", (2, 3), np.array([True, False])),
    ("mask and integer", (2, 3), (np.array([False, True]), 1)),
    ("mask and array", (2, 3), (np.array([True, True]), np.array([2, 2]))),
    ("empty mask", (3,), np.zeros(3, bool)),
    ("empty array", (3,), np.array([], int)),
    ("list of bools", (3,), [True, False, True]),
    ("bool", (3,), True),
    ("numpy bool", (3,), np.True_),
    ("0-d array", (3, 2), np.array(1)),
]

CONDITIONS = [np.array([True, False, False]), np.array([[True], [False]])]


def widened(x: Any, v: Any) -> Any:
    """x in the precision of v, if that is the higher one: a write keeps the dtype of x, and would round v."""
    return x + np.zeros(x.shape, v.dtype)


def picks() -> Iterator[tuple[str, Case]]:
    for name, shape, index in INDICES:
        x = uniform(shape)
        picked = x[index]
        yield "getitem", Case(lambda x, i=index: np.square(getitem(x, i)), (x,), label("getitem", name))
        f = lambda g, s=shape, i=index: np.square(scatter_add(g, s, i))
        yield "scatter_add", Case(f, (uniform(np.shape(picked), seed=2),), label("scatter_add", name))
    for layout in (transposed, strided):
        f = lambda x: getitem(x, np.array([1, 1, 0])) ** 2
        yield "getitem", Case(f, (layout(uniform((3, 4))),), label("getitem", layout.__name__))
    for indices, axis in [(1, None), ([5, 0, 5], None), ([[0, 1], [1, 1]], 0), (np.array(2), 1), ([2, -1, 0], -1), ([], 0)]:
        yield squared("take", lambda x, i=indices, a=axis: np.take(x, i, a), (2, 3), also=(indices, axis))
    for mode in ("wrap", "clip"):
        yield squared("take", lambda x, m=mode: np.take(x, [-4, 7, 1], 1, mode=m), (2, 3), also=mode)
    order = np.random.default_rng(0).integers(0, 2, (2, 3))
    for axis in (0, -1):
        yield squared("take_along_axis", lambda x, a=axis: np.take_along_axis(x, order, a), (2, 3), also=axis)
    yield squared("take_along_axis", lambda x: np.take_along_axis(x, np.array([3, 3, 0]), None), (2, 3), also="flat")
    yield squared("take_along_axis", lambda x: np.take_along_axis(x, np.array([[[1], [2]]]), 2), (2, 2, 3), also="broadcast")
    for condition, axis in [([True, False, True], 1), ([False, True], None), ([0, 3], 0)]:
        yield squared("compress", lambda x, c=condition, a=axis: np.compress(c, x, a), (2, 3), also=(condition, axis))
    yield squared("extract", lambda x: np.extract([[1, 0, 1], [0, 1, 0]], x), (2, 3))
    for shapes in [((2, 3), (2, 3)), ((1,), (3,)), ((2, 1), (1, 3))]:
        yield squared("choose", lambda x, y: np.choose([[0, 1, 1], [1, 0, 1]], [x, y]), *shapes)
        yield squared("select", lambda x, y: np.select(CONDITIONS, [x, y], 0.5), *shapes)
    yield squared("select", lambda x, y: np.select([np.array([True, False])], [x + 0 * y], y), (2,), (2,), also="default")
    for mode in ("wrap", "clip"):
        yield squared("choose", lambda x, y, m=mode: np.choose([-1, 2, 1], (x, y), mode=m), (3,), (3,), also=mode)


def fewer_and_more() -> Iterator[tuple[str, Case]]:
    for obj, axis in [(1, 0), ([0, -1], 1), (slice(None, None, 2), 1), (4, None), ([], 0), (np.array([True, False, True]), 1)]:
        yield squared("delete", lambda x, o=obj, a=axis: np.delete(x, o, a), (2, 3), also=(obj, axis))
    for obj, axis, shape in [(1, 0, (3,)), (1, 0, ()), (1, 1, (2,)), ([1], 1, (2, 1)), ([0, 0, 2], 1, (2, 3)), ([2, 0], 1, ()),
                             (-1, None, ()), ([1, 4], None, (2,)), (slice(0, 3), 1, (3,)), (1, 1, (2, 2)), (0, 0, (2, 3))]:
        yield squared("insert", lambda x, v, o=obj, a=axis: np.insert(widened(x, v), o, v, a), (2, 3), shape, also=(obj, axis))
    for repeats, axis in [(2, None), (3, 0), ([2], 1), ([1, 0, 3], 1), ([2, 1], -2), (0, 0), (np.arange(6), None)]:
        yield squared("repeat", lambda x, r=repeats, a=axis: np.repeat(x, r, a), (2, 3), also=(repeats, axis))
    yield squared("repeat", lambda x: np.repeat(x, 3), ())
    for mode in ("constant", "edge", "reflect", "symmetric", "wrap", "linear_ramp", "maximum", "minimum", "mean"):
        for shape, width in [((4,), 2), ((2, 3), (1, 2)), ((2, 3), ((1, 0), (0, 2))), ((2, 2), 0), ((2, 3), 3)]:
            yield squared("pad", lambda x, w=width, m=mode: np.pad(x, w, m), shape, also=(mode, width))
    options: list[dict[str, Any]] = [
        {"mode": "constant", "constant_values": 2.0}, {"mode": "constant", "constant_values": ((1, 2), (3, 4))},
        {"mode": "linear_ramp", "end_values": (1, -1)}, {"mode": "mean", "stat_length": 2}, {"mode": "maximum", "stat_length": ((1, 2), (2, 1))},
        {"mode": "reflect", "reflect_type": "even"}, {"mode": "reflect", "reflect_type": "odd"}, {"mode": "symmetric", "reflect_type": "odd"},
    ]
    for option in options:
        yield squared("pad", lambda x, o=option: np.pad(x, ((1, 2), (2, 0)), **o), (3, 3), also=option)
    for zeros in [(0, 4), (2, 2)]:
        yield squared("trim_zeros", lambda x, z=zeros: np.trim_zeros(x * np.pad(np.ones(4 - z[0]), z)[:5]), (5,), also=zeros)


def diagonals() -> Iterator[tuple[str, Case]]:
    for k in (0, 1, -2, 5):
        yield squared("diag", lambda x, k=k: np.diag(x, k), (3,), also=k)
        yield squared("diag", lambda x, k=k: np.diag(x, k), (3, 4), also=k)
        yield squared("diagflat", lambda x, k=k: np.diagflat(x, k), (2, 2), also=k)
        for axes in [(0, 1), (2, 0), (-1, -2)]:
            yield squared("diagonal", lambda x, k=k, a=axes: np.diagonal(x, k, *a), (2, 3, 4), also=(k, axes))
            yield squared("trace", lambda x, k=k, a=axes: np.trace(x, k, *a), (2, 3, 4), also=(k, axes))
    yield squared("trace", np.trace, (3, 2))
    windows = np.lib.stride_tricks.sliding_window_view
    for shape, width, axis in [((5,), 3, None), ((4, 3), (2, 3), None), ((4, 3), 2, 1), ((4, 5), (2, 3), (1, 0)), ((4,), (2, 2), (0, 0))]:
        yield squared("sliding_window_view", lambda x, w=width, a=axis: windows(x, w, a), shape, also=(width, axis))


def cases() -> Iterator[tuple[str, Case]]:
    for group in (picks, fewer_and_more, diagonals):
        yield from group()
    z = uniform((3, 4)) + 1j * uniform((3, 4), seed=1)
    for name, fun in {"getitem": lambda z: getitem(z, [0, 0, 2]), "pad": lambda z: np.pad(z, 1, "reflect"), "diag": np.diag}.items():
        yield name, Case(lambda z, f=fun: np.absolute(f(z) + 3.5) ** 2, (z,), label(name, "complex"))
    yield "select", Case(lambda x, y: all_of([np.select([np.array([True, False])], [x]), y]), (uniform((2,)), uniform((2,), seed=1)), "select two")
