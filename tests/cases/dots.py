"""Cases for book/rules/dots.md."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from casework import Case, label, uniform

from autograd_book.rules.dots import cross3
from cases.linear import PRODUCTS, two

#: Axes and shapes.
TENSORDOTS: list[tuple[Any, tuple[int, ...], tuple[int, ...]]] = [
    (2, (4, 2, 3), (2, 3, 2)),
    (1, (2, 3), (3, 2)),
    (0, (2,), (2, 3)),
    (([0], [1]), (2, 3), (3, 2)),
    (([1, 0], [0, 2]), (2, 3), (3, 4, 2)),
    (((-1, 0), (1, -1)), (2, 4, 3), (5, 3, 2)),
    ((0, -1), (2, 3), (3, 2)),
    (1, (0, 3), (3, 2)),
    (1, (2, 0), (0, 3)),
]
DOTS = [((2, 3, 4), (4,)), ((2, 3, 4), (4, 3)), ((3,), (2, 3, 2)), ((2, 3), (2, 3, 2)), ((2, 1, 3), (2, 3, 2)), ((), (2, 3))]
CROSSES: list[tuple[tuple[int, ...], tuple[int, ...], dict[str, int]]] = [
    ((3,), (3,), {}),
    ((4, 3), (3,), {}),
    ((2, 1, 3), (4, 3), {}),
    ((3, 4), (3, 4), {"axis": 0}),
    ((3, 4), (4, 3), {"axisa": 0, "axisc": 0}),
    ((4, 3), (3, 4), {"axisb": 0}),
    ((4, 2), (4, 3), {}),
    ((3,), (5, 2), {}),
    ((0, 3), (3,), {}),
]
KRONS = [((2,), (3,)), ((2, 3), (2, 2)), ((2,), (3, 2)), ((2, 1, 2), (3,)), ((), (2,)), ((0, 2), (2, 2))]
VECTORS = [((3,), (3,)), ((4, 3), (3,)), ((3,), (4, 3)), ((2, 1, 3), (4, 3)), ((0,), (0,))]


def pairs() -> Iterator[tuple[str, Any, Any, Any]]:
    """Products of two operands: name, function, and the shapes."""
    for x, y in PRODUCTS:
        if len(x) < 3 and len(y) < 3:
            yield "dot", np.dot, x, y
    for x, y in DOTS:
        yield "dot", np.dot, x, y
    for x, y in [((3,), (3,)), ((2, 3), (3, 2)), ((2, 3), (6,)), ((), ())]:
        yield "vdot", np.vdot, x, y
    for x, y in [((3,), (3,)), ((2, 3), (4, 3)), ((2, 3, 2), (2,)), ((), (2,)), ((2, 0), (0,))]:
        yield "inner", np.inner, x, y
    for x, y in [((2,), (3,)), ((2, 3), (2,)), ((), (3,)), ((0,), (2,))]:
        yield "outer", np.outer, x, y
    for axes, x, y in TENSORDOTS:
        yield f"tensordot {axes}", lambda x, y, axes=axes: np.tensordot(x, y, axes), x, y
    for x, y in KRONS:
        yield "kron", np.kron, x, y
    for x, y, axes in CROSSES:
        yield f"cross {axes}", lambda x, y, axes=axes: np.cross(x, y, **axes), x, y
    if hasattr(np, "vecdot"):
        for x, y in VECTORS:
            yield "vecdot", np.vecdot, x, y
        yield "vecdot axis", lambda x, y: np.linalg.vecdot(x, y, axis=0), (3, 2), (3, 1)
    if hasattr(np, "matvec"):
        for x, y in [((2, 3), (3,)), ((4, 2, 3), (3,)), ((2, 3), (4, 3)), ((4, 1, 2, 3), (5, 3))]:
            yield "matvec", np.matvec, x, y
            yield "vecmat", lambda x, y: np.vecmat(y, np.swapaxes(x, -1, -2)), x, y
    if hasattr(np.linalg, "matmul"):
        yield "linalg.matmul", np.linalg.matmul, (2, 3), (3, 2)
        yield "linalg.outer", np.linalg.outer, (2,), (3,)
        yield "linalg.tensordot", lambda x, y: np.linalg.tensordot(x, y, axes=1), (2, 3), (3, 2)
        yield "linalg.cross", lambda x, y: np.linalg.cross(x, y, axis=0), (3, 2), (3, 2)


def cases() -> Iterator[tuple[str, Case]]:
    for name, fun, x, y in pairs():
        yield name.split()[0], Case(fun, (uniform(x), uniform(y, seed=1)), label(name, x, y))
    for name, fun, x, y in {name.split()[0]: (name, fun, x, y) for name, fun, x, y in pairs() if x and 0 not in x}.values():
        yield from ((name.split()[0], case) for case in two(name, fun, x, y))
    yield "cross3", Case(lambda x, y: cross3(x, y) ** 2, (uniform((2, 1, 3)), uniform((4, 3))), "cross3")
    for shapes in [((2, 3), (3, 4)), ((3,), (3, 2), (2, 4)), ((2, 3), (3, 2), (2,)), ((2,), (2, 3), (3, 2), (2,))]:
        args = tuple(uniform(shape, seed=i) for i, shape in enumerate(shapes))
        yield "multi_dot", Case(lambda *xs: np.linalg.multi_dot(xs), args, label("multi_dot", *shapes))
    for n in (0, 1, 2, 3, 5, 6):
        shape = (2, 2) if n != 3 else (3, 2, 2)
        f = lambda x, n=n: np.linalg.matrix_power(x, n) * x
        yield "matrix_power", Case(f, (uniform(shape),), label("matrix_power", n))
    if hasattr(np.linalg, "trace"):
        for offset, shape in [(0, (2, 3, 3)), (1, (3, 4)), (-1, (4, 2, 3)), (5, (2, 2))]:
            for fun in (np.linalg.trace, np.linalg.diagonal):
                f = lambda x, fun=fun, offset=offset: np.square(fun(x, offset=offset))
                yield fun.__name__, Case(f, (uniform(shape),), label("linalg", fun.__name__, offset, shape))
