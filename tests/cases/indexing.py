"""Cases for book/rules/indexing.md."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from casework import Case, label, strided, transposed, uniform

from autograd_book.rules.indexing import getitem, scatter

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
    ("repeated array", (4,), np.array([0, 0, 2, 0])),
    ("negative repeats", (4,), np.array([-1, 3, 3])),
    ("array of rows", (3, 2), np.array([[0, 2], [2, 2]])),
    ("two arrays", (3, 4), (np.array([0, 0, 2]), np.array([1, 1, 3]))),
    ("broadcast arrays", (3, 4), (np.array([[0], [2]]), np.array([1, 1, 3]))),
    ("array and slice", (3, 4), (np.array([1, 1]), slice(1, 3))),
    ("slice and array", (3, 4), (slice(None), np.array([1, 1, 0]))),
    ("arrays apart", (2, 3, 4), (np.array([0, 0]), slice(None), np.array([1, 1]))),
    ("array and integer", (3, 4), (np.array([1, 1]), 2)),
    ("mask", (4,), np.array([True, False, True, True])),
    ("mask of matrix", (2, 3), np.array([[True, False, True], [False, True, True]])),
    ("mask of rows", (2, 3), np.array([True, False])),
    ("mask and integer", (2, 3), (np.array([False, True]), 1)),
    ("empty mask", (3,), np.zeros(3, bool)),
    ("empty array", (3,), np.array([], int)),
    ("list of bools", (3,), [True, False, True]),
    ("bool", (3,), True),
    ("numpy bool", (3,), np.True_),
    ("0-d array", (3, 2), np.array(1)),
]


def cases() -> Iterator[tuple[str, Case]]:
    for name, shape, index in INDICES:
        x = uniform(shape)
        picked = x[index]
        yield "getitem", Case(lambda x, i=index: getitem(x, i) ** 2, (x,), label("getitem", name))
        f = lambda g, s=shape, i=index: scatter(g, s, i) ** 2
        yield "scatter", Case(f, (uniform(np.shape(picked), seed=2),), label("scatter", name))
    for layout in (transposed, strided):
        f = lambda x: getitem(x, np.array([1, 1, 0])) ** 2
        yield "getitem", Case(f, (layout(uniform((3, 4))),), label("getitem", layout.__name__))
