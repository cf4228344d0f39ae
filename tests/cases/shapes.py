"""Cases for book/rules/shapes.md."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from casework import UNARY_SHAPES, Case, label, strided, transposed, uniform

from autograd_book.rules.shapes import reshape


# Shapes. The square makes second derivatives differ from zero.
def cases() -> Iterator[tuple[str, Case]]:
    def squared(name: str, fun: Callable[..., Any], *shapes: tuple[int, ...], layout: Any = None) -> tuple[str, Case]:
        args = tuple(uniform(s, seed=i) for i, s in enumerate(shapes))
        args = tuple(layout(a) for a in args) if layout else args
        kind = layout.__name__ if layout else ""
        return name, Case(lambda *xs: fun(*xs) ** 2 * np.arange(1.0, 1.0 + np.size(fun(*args))).reshape(fun(*args).shape),
                          args, label(name, *shapes, kind))

    for old, new in [((6,), (2, 3)), ((2, 3), (-1,)), ((2, 3), (3, 2)), ((), (1, 1)), ((1,), ()), ((0, 3), (3, 0)), ((2, 3), -1)]:
        for f in (np.reshape, reshape):
            yield squared("reshape", lambda x, new=new, f=f: f(x, new), old)
    yield squared("reshape", lambda x: np.reshape(x, (3, 2)), (2, 3), layout=transposed)
    yield squared("reshape", lambda x: np.reshape(x, 6), (2, 3), layout=strided)
    for axes in (None, *itertools.permutations(range(3)), (-1, 0, 1), (-2, -1, 0)):
        yield squared("transpose", lambda x, axes=axes: np.transpose(x, axes), (2, 3, 4))
    for shape in [(), (3,), (0, 2)]:
        yield squared("transpose", np.transpose, shape)
    yield squared("transpose", np.transpose, (2, 3), layout=strided)
    for old, new in [((), (2, 3)), ((3,), (2, 3)), ((2, 1), (4, 2, 3)), ((1, 1), (2, 2)), ((3,), (3,)), ((1,), (0,)), ((1, 0), (2, 0))]:
        yield squared("broadcast_to", lambda x, new=new: np.broadcast_to(x, new), old)
    for axis, shapes in [(0, [(2,), (3,)]), (0, [(2, 3), (1, 3), (0, 3)]), (1, [(2, 3), (2, 1)]), (-1, [(2, 3), (2, 1)]),
                         (-2, [(2, 3), (1, 3)]), (None, [(2, 3), (4,)]), (0, [(3,)]), (0, [(1,)] * 5)]:
        for name in ("join", "concatenate"):
            yield squared(name, lambda *xs, axis=axis: np.concatenate(xs, axis=axis), *shapes)
    yield squared("concatenate", lambda x: np.concatenate([x, np.ones((2, 2)), x], axis=1), (2, 3))
    yield squared("concatenate", lambda x, y: np.concatenate((x, y)), (2, 3), (1, 3), layout=transposed)
    for axis in (0, 1, 2, -1):
        yield squared("stack", lambda *xs, axis=axis: np.stack(xs, axis=axis), (2, 3), (2, 3))
    yield squared("stack", lambda *xs: np.stack(xs), (), (), ())
    for shape in UNARY_SHAPES:
        yield squared("ravel", np.ravel, shape)
    yield squared("ravel", np.ravel, (2, 3), layout=transposed)
    for axis in (0, 1, -1, (0, 2), (-1, 0)):
        yield squared("expand_dims", lambda x, axis=axis: np.expand_dims(x, axis), (2, 3))
    for axis in (None, 0, 2, (0, 2), -1):
        yield squared("squeeze", lambda x, axis=axis: np.squeeze(x, axis), (1, 3, 1))
    for a, b in [(0, 2), (1, 1), (-1, 0), (-2, -1)]:
        yield squared("swapaxes", lambda x, a=a, b=b: np.swapaxes(x, a, b), (2, 3, 4))
    for a, b in [(0, -1), (-1, 0), (1, 1), ((0, 1), (-1, -2)), ((2, 0), (0, 1))]:
        yield squared("moveaxis", lambda x, a=a, b=b: np.moveaxis(x, a, b), (2, 3, 4))
