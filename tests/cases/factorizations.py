"""Cases for book/rules/factorizations.md."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from casework import Case, label, strided, transposed, uniform

from autograd_book.rules import factorizations as rules

la = np.linalg
SQUARES = [(1, 1), (3, 3), (2, 3, 3), (0, 2, 2), (0, 0)]
TALL, WIDE = [(4, 2), (2, 4, 3)], [(2, 4), (2, 3, 4)]


def numbers(shape: tuple[int, ...], seed: int = 0, kind: str = "real") -> np.ndarray:
    """Real or complex numbers."""
    x = uniform(shape, seed=seed)
    return x + 1j * uniform(shape, seed=seed + 50) if kind == "complex" else x


def regular(shape: tuple[int, ...], kind: str = "real") -> np.ndarray:
    """Matrices far from singular, with values apart from each other."""
    m, n = shape[-2:]
    return np.eye(m, n) * np.arange(2.0, n + 2) * 1.5 + 0.3 * numbers(shape, 1, kind)


def hermitian(x: Any) -> Any:
    """Of any square matrix, the Hermitian one that has its lower triangle's symmetric part."""
    return 0.5 * (x + np.conjugate(np.swapaxes(x, -1, -2)))


SQUARE: dict[str, tuple[str, Callable[..., Any]]] = {
    "inv": ("inv", la.inv),
    "det": ("det", la.det),
    "cofactors": ("cofactors", rules.cofactors),
    "slogdet": ("packed_slogdet", lambda x: la.slogdet(x)[0] + np.square(la.slogdet(x)[1])),
    "cholesky": ("lower_factor", lambda x: la.cholesky(hermitian(x))),
}
#: Of matrices that are not Hermitian only one triangle is read.
TRIANGLES: dict[str, tuple[str, Callable[..., Any]]] = {
    "cholesky of a triangle": ("lower_factor", la.cholesky),
}
ANY_SHAPE: dict[str, tuple[str, Callable[..., Any]]] = {
    "qr q": ("packed_qr", lambda x: la.qr(x)[0]),
    "qr r": ("packed_qr", lambda x: la.qr(x, "r")),
}
SYSTEMS = [
    ((3, 3), (3,)),
    ((3, 3), (3, 2)),
    ((2, 3, 3), (2, 3, 1)),
    *[((2, 1, 3, 3), (4, 3, 2)) for _ in range(rules.NUMPY_2)],
    ((3, 3), (2, 3, 2)),
    ((0, 3, 3), (0, 3, 2)),
    ((2, 2), (2, 0)),
]


def matrices(
    square: dict[str, tuple[str, Callable[..., Any]]],
    any_shape: dict[str, tuple[str, Callable[..., Any]]],
    triangles: dict[str, tuple[str, Callable[..., Any]]],
) -> Iterator[tuple[str, Case]]:
    """Each function at each shape and layout that it takes."""
    for kind in ("real", "complex"):
        for (name, (key, fun)), shape in [(pair, s) for pair in square.items() for s in SQUARES]:
            if shape == (0, 0) and key in ("cofactors", "det", "packed_svd", "pinv"):
                continue
            yield key, Case(fun, (regular(shape, kind),), label(name, shape, kind))
        for (name, (key, fun)), shape in [(pair, s) for pair in any_shape.items() for s in (*TALL, *WIDE, (3, 3))]:
            yield key, Case(fun, (regular(shape, kind),), label(name, shape, kind))
        for name, (key, fun) in (square | any_shape).items():
            for layout in (transposed, strided) if kind == "real" else (transposed,):
                yield key, Case(fun, (layout(regular((3, 3), kind)),), label(name, layout.__name__, kind))
        for name, (key, fun) in triangles.items():
            for shape in ((3, 3), (2, 3, 3)):
                yield key, Case(fun, (regular(shape, kind),), label(name, shape, kind))


def cases() -> Iterator[tuple[str, Case]]:
    yield from matrices(SQUARE, ANY_SHAPE, TRIANGLES)
    for kind in ("real", "complex"):
        for a, b in SYSTEMS:
            yield "solve_columns", Case(la.solve, (regular(a, kind), numbers(b, 2, kind)), label("solve", a, b, kind))
    args = regular((3, 3)), numbers((3,), 3, "complex")
    yield "solve_columns", Case(la.solve, args, label("solve real complex"))
    if rules.NUMPY_2:
        yield "solve_columns", Case(la.solve, (regular((2, 3, 3)), numbers((3,))), label("solve stack vector"))
        upper = lambda x: la.cholesky(hermitian(x), upper=True)
        for kind in ("real", "complex"):
            yield "lower_factor", Case(upper, (regular((2, 3, 3), kind),), label("cholesky upper", kind))
    a, b = regular((6, 6)).reshape(2, 3, 6), numbers((2, 3))
    yield "tensorsolve", Case(la.tensorsolve, (a, b), label("tensorsolve"))
    yield "tensorsolve", Case(lambda a, b: la.tensorsolve(a, b, (0,)), (np.moveaxis(a, 2, 0), b), label("tensorsolve axes"))
    yield "tensorinv", Case(la.tensorinv, (regular((6, 6)).reshape(2, 3, 6),), label("tensorinv"))
    yield "tensorinv", Case(lambda a: la.tensorinv(a, ind=1), (regular((6, 6)).reshape(6, 2, 3),), label("tensorinv ind"))
    yield "det", Case(la.det, (np.outer([1.0, 2.0, 3.0], [1.0, -1.0, 0.5]) + np.diag([0.0, 0.0, 1.0]),), label("det singular"))
    yield "det", Case(la.det, (np.outer([1.0, 2.0, 3.0], [1.0, -1.0, 0.5]),), label("det of rank 1"))
