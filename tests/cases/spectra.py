"""Cases for book/rules/spectra.md."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from casework import Case, label

from autograd_book.rules.factorizations import NUMPY_2
from cases.factorizations import hermitian, matrices, numbers, regular

la = np.linalg


def size(x: Any) -> Any:
    """Square of the absolute value, which no phase changes."""
    return np.real(np.conjugate(x) * x)


def rebuilt(u: Any, s: Any, v: Any) -> Any:
    """A matrix from its factors and a function of its values."""
    return (u * (1.0 + s * s)[..., None, :]) @ v


def from_svd(x: Any, **options: Any) -> Any:
    u, s, vh = la.svd(x, full_matrices=False, **options)
    return rebuilt(u, s, vh)


def from_eigh(x: Any, **options: Any) -> Any:
    w, v = la.eigh(hermitian(x), **options)
    return rebuilt(v, w, np.conjugate(np.swapaxes(v, -1, -2)))


def from_eig(x: Any) -> Any:
    w, v = la.eig(x)
    return rebuilt(v, w, la.inv(v))


SQUARE: dict[str, tuple[str, Callable[..., Any]]] = {
    "eigh": ("packed_eigh", from_eigh),
    "eigh upper": ("packed_eigh", lambda x: from_eigh(x, UPLO="U")),
    "eigh sizes": ("packed_eigh", lambda x: size(la.eigh(hermitian(x))[1])),
    "eigvalsh": ("eigvalsh", lambda x: la.eigvalsh(hermitian(x))),
    "eig": ("packed_eig", from_eig),
    "eig sizes": ("packed_eig", lambda x: size(la.eig(x)[1])),
    "eigvals": ("packed_eig", lambda x: la.eigvals(x) ** 2),
    "svd hermitian": ("packed_svd", lambda x: from_svd(hermitian(x), hermitian=True)),
    "pinv hermitian": ("pinv", lambda x: la.pinv(hermitian(x), hermitian=True)),
}
#: Of matrices that are not Hermitian only one triangle is read.
TRIANGLES: dict[str, tuple[str, Callable[..., Any]]] = {
    "eigh of a triangle": ("packed_eigh", lambda x: size(la.eigh(x)[1]) * la.eigh(x)[0][..., None, :]),
    "eigh of the upper triangle": ("packed_eigh", lambda x: size(la.eigh(x, "U")[1])),
    "eigvalsh of a triangle": ("eigvalsh", la.eigvalsh),
    "eigvalsh of the upper triangle": ("eigvalsh", lambda x: la.eigvalsh(x, "U")),
    "svd of a triangle": ("packed_svd", lambda x: size(la.svd(x, hermitian=True)[0])),
    "svdvals of a triangle": ("singular_values", lambda x: la.svd(x, compute_uv=False, hermitian=True)),
    "pinv of a triangle": ("pinv", lambda x: la.pinv(x, hermitian=True)),
}
ANY_SHAPE: dict[str, tuple[str, Callable[..., Any]]] = {
    "svd": ("packed_svd", from_svd),
    "svd left": ("packed_svd", lambda x: size(la.svd(x, full_matrices=False)[0])),
    "svd right": ("packed_svd", lambda x: size(la.svd(x, full_matrices=False)[2])),
    "svdvals": ("singular_values", lambda x: la.svd(x, compute_uv=False)),
    "pinv": ("pinv", la.pinv),
}
VECTOR_NORMS = [None, np.inf, -np.inf, 1, 2, 3, 1.5, -1, 0.5]
MATRIX_NORMS = [None, "fro", "nuc", np.inf, -np.inf, 1, -1, 2, -2]


def least_squares() -> Iterator[tuple[str, Case]]:
    """Solutions, squares and singular values of what `numpy.linalg.lstsq` returns."""
    for kind in ("real", "complex"):
        for a, b in [((4, 2), (4,)), ((4, 2), (4, 3)), ((2, 4), (2,)), ((3, 3), (3, 2))]:
            args = regular(a, kind), numbers(b, 3, kind)
            yield "least_squares", Case(lambda a, b: la.lstsq(a, b, rcond=None)[0], args, label("lstsq", a, b, kind))
        args = regular((4, 2), kind), numbers((4, 3), 3, kind)
        yield "least_squares", Case(lambda a, b: la.lstsq(a, b, rcond=None)[1], args, label("lstsq squares", kind))
        values = lambda a: la.lstsq(a, np.ones(4), rcond=None)[3]
        yield "packed_svd", Case(values, (regular((4, 2), kind),), label("lstsq values", kind))


def norms() -> Iterator[tuple[str, Case]]:
    """Norms of vectors and matrices."""
    for kind in ("real", "complex"):
        for p in VECTOR_NORMS:
            f = lambda x, p=p: la.norm(x, p, axis=-2, keepdims=True)
            yield "p_norm", Case(f, (numbers((2, 3, 2), 4, kind),), label("norm", p, kind))
            yield "p_norm", Case(lambda x, p=p: la.norm(x, p), (numbers((3,), 5, kind),), label("norm vector", p, kind))
        for p in MATRIX_NORMS:
            for keepdims in (False, True):
                f = lambda x, p=p, keep=keepdims: la.norm(x, p, (2, 0), keep)
                yield "p_norm", Case(f, (numbers((2, 3, 4), 6, kind),), label("norm matrix", p, kind, keepdims))
            if p is not None and p not in ("fro", "nuc"):
                yield "packed_svd", Case(lambda x, p=p: np.real(la.cond(x, p)), (regular((2, 3, 3), kind),), label("cond", p, kind))
    yield "p_norm", Case(lambda x: la.norm(x, axis=np.int64(1)), (numbers((2, 3)),), label("norm axis of NumPy"))
    for shape in [(), (2, 3), (2, 2, 3), (0,), (2, 0)]:
        for keepdims in (False, True):
            f = lambda x, keep=keepdims: np.square(la.norm(x, keepdims=keep))
            yield "p_norm", Case(f, (numbers(shape),), label("norm of all", shape, keepdims))
    yield "packed_svd", Case(la.cond, (regular((3, 2)),), label("cond default"))
    if NUMPY_2:
        for p in (1, 2, 3, np.inf):
            f = lambda x, p=p: la.vector_norm(x, axis=(0, -1), keepdims=True, ord=p)
            yield "p_norm", Case(f, (numbers((2, 3, 2)),), label("vector_norm", p))
        yield "p_norm", Case(lambda x: np.square(la.vector_norm(x)), (numbers((2, 3)),), label("vector_norm all"))
        yield "packed_svd", Case(lambda x: la.matrix_norm(x, ord="nuc"), (numbers((2, 3, 4)),), label("matrix_norm"))
        yield "packed_svd", Case(la.svdvals, (numbers((3, 2)),), label("svdvals of NumPy 2"))


def cases() -> Iterator[tuple[str, Case]]:
    yield from matrices(SQUARE, ANY_SHAPE, TRIANGLES)
    yield "packed_eig", Case(from_eig, (numbers((3, 3), 9),), label("eig of a rotation and more"))
    yield from least_squares()
    yield from norms()
