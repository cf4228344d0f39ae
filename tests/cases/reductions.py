"""Cases for book/rules/reductions.md."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from casework import Case, label, strided, transposed, uniform

import autograd_book as ab

# Reductions: shape and axis.
AXES: list[tuple[tuple[int, ...], Any]] = [
    ((), None),
    ((3,), None),
    ((3,), 0),
    ((3,), -1),
    ((2, 3), None),
    ((2, 3), 1),
    ((2, 3, 4), -2),
    ((2, 3, 4), (0, 2)),
    ((2, 3, 4), (-1, 0)),
    ((2, 3), ()),
    ((1, 3), 0),
    ((2, 0), 0),
]
REDUCTIONS = {"sum": np.sum, "mean": np.mean, "max": np.max, "min": np.min, "logsumexp": ab.logsumexp}
SPREADS = {"var": np.var, "std": np.std}


def cases() -> Iterator[tuple[str, Case]]:
    for name, fun in {**REDUCTIONS, **SPREADS}.items():
        for (shape, axis), keepdims in itertools.product(AXES, (False, True)):
            if name == "std" and (shape == () or axis == () or shape == (1, 3)):
                continue  # a root at zero
            kind = "keepdims" if keepdims else ""
            f = lambda x, fun=fun, axis=axis, keep=keepdims: fun(x, axis=axis, keepdims=keep)
            yield name, Case(f, (uniform(shape),), label(name, shape, axis, kind))
        for layout in (transposed, strided):
            f = lambda x, fun=fun: fun(x, axis=1)
            yield name, Case(f, (layout(uniform((3, 4))),), label(name, layout.__name__))
    for shape in [(0,), (0, 3)]:
        yield "sum", Case(np.sum, (uniform(shape),), label("sum of nothing", shape))
    for ddof in (1, 2):
        f = lambda x, ddof=ddof: np.var(x, axis=0, ddof=ddof)
        yield "var", Case(f, (uniform((4, 2)),), label("var ddof", ddof))
