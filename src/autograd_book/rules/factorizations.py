"""Factorisations.

Inverses, linear systems, determinants, Cholesky and QR factors: what
``numpy.linalg`` finds in a fixed number of steps, for real and complex
matrices and for stacks of them.

::

    import numpy as np
    from autograd_book import Variable

    a = Variable([[2.0, 1.0], [1.0, 3.0]])
    (np.linalg.slogdet(a).logabsdet + np.linalg.solve(a, np.ones(2))[0]).backward()
    print(a.grad.numpy())
"""
# Generated from book/rules/factorizations.md by autograd-book extract; edit the chapter, not this file.
# sha256: 419cf8a988979847865c0c67eee62c1923bd30f2209f1c95164dd39611a821dc

__all__ = [
    "transposed",
    "adjoint",
    "solve_rule",
    "solve_columns",
    "NUMPY_2",
    "array_or_variable",
    "solve",
    "tensorinv",
    "tensorsolve",
    "cofactors",
    "diagonal_matrices",
    "diagonal_of",
    "without_pairs",
    "cofactors_rule",
    "slogdet_rule",
    "packed_slogdet",
    "real",
    "SEVERAL",
    "NAMED",
    "slogdet",
    "as_read",
    "lower_half",
    "cholesky_rule",
    "lower_factor",
    "cholesky",
    "symmetrize",
    "qr_rule",
    "packed_qr",
    "qr",
]


# book/rules/factorizations.md: An equation instead of a formula
import math
from typing import Any

import numpy as np

from autograd_book.graph.backward import unbroadcast
from autograd_book.graph.errors import DifferentiationValueError, NoRuleError
from autograd_book.graph.primitive import Primitive
from autograd_book.graph.methods import H
from autograd_book.graph.protocols import implements, primitive
from autograd_book.rules.dots import scalar
from autograd_book.rules.shapes import concatenate


def transposed(x: Any) -> Any:
    """Each matrix of a stack, transposed."""
    return np.swapaxes(x, -1, -2)


def adjoint(x: Any) -> Any:
    """Each matrix of a stack, transposed and conjugated."""
    return np.conjugate(transposed(x)) if x.dtype.kind == "c" else transposed(x)


# book/rules/factorizations.md: An equation instead of a formula
Primitive(
    np.linalg.inv, "a",
    a=lambda g, out: -(transposed(out) @ g @ transposed(out)),
)


# book/rules/factorizations.md: Linear systems
def solve_rule(
    g: Any, a: Any, out: Any, b_shape: tuple[int, ...]
) -> tuple[Any, Any]:
    """Cotangents of both arguments of a linear system."""
    b = np.linalg.solve(transposed(a), g)
    return unbroadcast(-(b @ transposed(out)), a.shape), unbroadcast(b, b_shape)


@primitive(
    "a b",
    joint=lambda g, a, out, b_shape: solve_rule(g, a, out, b_shape),
    linear="b",
)
def solve_columns(a: Any, b: Any) -> Any:
    """Solution of ``a @ x = b`` for stacks of matrices a and b."""
    return np.linalg.solve(a, b)


# book/rules/factorizations.md: Linear systems
#: Whether `solve` takes only an array of one axis for a vector.
NUMPY_2 = np.lib.NumpyVersion(np.__version__) >= "2.0.0"


def array_or_variable(x: Any) -> Any:
    """x as an array, if it is not one or a Variable."""
    return x if hasattr(x, "dtype") else np.asarray(x)


@implements(np.linalg.solve)
def solve(a: Any, b: Any) -> Any:
    """Solution of ``a @ x = b``, as `numpy.linalg.solve`."""
    a, b = array_or_variable(a), array_or_variable(b)
    if b.ndim == (1 if NUMPY_2 else a.ndim - 1):
        return solve_columns(a, b[..., None])[..., 0]
    return solve_columns(a, b)


# book/rules/factorizations.md: Arrays as maps of arrays
@implements(np.linalg.tensorinv)
def tensorinv(a: Any, ind: int = 2) -> Any:
    """Inverse of an array as a map of arrays, as `numpy.linalg.tensorinv`."""
    if ind <= 0:
        raise DifferentiationValueError(
            f"np.linalg.tensorinv of shape {a.shape} was given ind={ind!r}. Give a positive "
            "number of axes."
        )
    rows, columns = a.shape[:ind], a.shape[ind:]
    square = np.reshape(a, (math.prod(rows), -1))
    return np.linalg.inv(square).reshape(columns + rows)


@implements(np.linalg.tensorsolve)
def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    """Solution of ``tensordot(a, x, x.ndim) = b``, as `numpy.linalg.tensorsolve`."""
    a, b = array_or_variable(a), array_or_variable(b)
    if axes is not None:
        a = np.moveaxis(a, axes, range(a.ndim - len(axes), a.ndim))
    unknown = a.shape[b.ndim :]
    square = np.reshape(a, (b.size, math.prod(unknown)))
    return solve(square, np.reshape(b, (-1,))).reshape(unknown)


# book/rules/factorizations.md: Determinants
@primitive("x", x=lambda g, x: cofactors_rule(g, x))
def cofactors(x: Any) -> Any:
    """Matrix of cofactors of each matrix of a stack, whatever its rank."""
    u, s, vh = np.linalg.svd(x)
    others = np.prod(np.where(np.eye(s.shape[-1], dtype=bool), 1, s[..., None, :]), axis=-1)
    sign = np.asarray(np.linalg.det(u) * np.linalg.det(vh))[..., None, None]
    return sign * (np.conjugate(u) * others[..., None, :]) @ np.conjugate(vh)


# book/rules/factorizations.md: Determinants
Primitive(
    np.linalg.det, "a",
    a=lambda g, a: g[..., None, None] * cofactors(a),
)


# book/rules/factorizations.md: Determinants
def diagonal_matrices(w: Any) -> Any:
    """Diagonal matrices with w on their diagonals."""
    return np.where(np.eye(w.shape[-1], dtype=bool), w[..., None], 0)


def diagonal_of(x: Any) -> Any:
    """The diagonal of each matrix of a stack."""
    return np.sum(np.where(np.eye(x.shape[-1], dtype=bool), x, 0), axis=-1)


# book/rules/factorizations.md: Determinants
def without_pairs(s: Any) -> Any:
    """At i and j the product of all elements of s but those two; zero where i is j."""
    one = np.eye(s.shape[-1], dtype=bool)
    out = np.where(one, 0, np.ones_like(one, s.dtype))
    for k, row in enumerate(one):
        out = out * np.where(row[:, None] | row, 1, s[..., k, None, None])
    return out


def cofactors_rule(g: Any, x: Any) -> Any:
    """Cotangent of a matrix, from that of its cofactors."""
    u, s, vh = np.linalg.svd(x)
    others, along = without_pairs(s), adjoint(u) @ g @ adjoint(vh)
    straight = diagonal_matrices((others @ diagonal_of(along)[..., None])[..., 0])
    inner = straight - others * transposed(along)
    sign = (np.linalg.det(u) * np.linalg.det(vh))[..., None, None]
    return sign * (np.conjugate(u) @ inner @ np.conjugate(vh))


# book/rules/factorizations.md: Several results in one node
def slogdet_rule(g: Any, a: Any, out: Any) -> Any:
    """Cotangent of the matrix, from those of sign and logarithm."""
    along = g[..., 1]
    if g.dtype.kind == "c":
        along = np.real(along) + 1j * np.imag(g[..., 0] * out[..., 0])
    return along[..., None, None] * transposed(np.linalg.inv(a))


@primitive("a", a=lambda g, a, out: slogdet_rule(g, a, out))
def packed_slogdet(a: Any) -> Any:
    """Sign and logarithm of the determinant, in a last axis."""
    return np.stack(np.linalg.slogdet(a), axis=-1)


# book/rules/factorizations.md: Several results in one node
def real(x: Any) -> Any:
    """The real part of what may be complex only because it was packed with what is."""
    return np.real(x) if x.dtype.kind == "c" else x


SEVERAL = (np.linalg.slogdet, np.linalg.qr, np.linalg.eigh, np.linalg.eig, np.linalg.svd)
#: The named tuples that NumPy returns.
NAMED: dict[Any, Any] = {f: type(f(np.eye(1))) for f in SEVERAL}


# book/rules/factorizations.md: Several results in one node
@implements(np.linalg.slogdet)
def slogdet(a: Any) -> Any:
    """Sign and logarithm of the determinant, as `numpy.linalg.slogdet`."""
    packed = packed_slogdet(a)
    return NAMED[np.linalg.slogdet](scalar(packed[..., 0]), scalar(real(packed[..., 1])))


# book/rules/factorizations.md: Half of a symmetric matrix
def as_read(g: Any, triangle: str = "L") -> Any:
    """The share of the cotangent of a Hermitian matrix for the triangle that was read: the
    Hermitian part, twice beside the diagonal and once on it."""
    even = 0.5 * (g + adjoint(g))
    share = np.tri(g.shape[-1]) + np.tri(g.shape[-1], k=-1)
    return (share if triangle in "Ll" else share.T).astype(even.dtype) * even


# book/rules/factorizations.md: Half of a symmetric matrix
def lower_half(x: Any) -> Any:
    """The lower triangle of each matrix, with half of the diagonal."""
    below, one = np.tri(x.shape[-1], k=-1, dtype=bool), np.eye(x.shape[-1], dtype=bool)
    return np.where(below, x, np.where(one, 0.5 * x, 0))


# book/rules/factorizations.md: Half of a symmetric matrix
def cholesky_rule(g: Any, out: Any) -> Any:
    """Cotangent of a Hermitian matrix, from that of its lower factor."""
    left = np.linalg.solve(transposed(out), lower_half(transposed(out) @ g))
    return as_read(transposed(np.linalg.solve(adjoint(out), transposed(left))))


# book/rules/factorizations.md: Half of a symmetric matrix
@primitive("a", a=lambda g, out: cholesky_rule(g, out))
def lower_factor(a: Any) -> Any:
    """The lower Cholesky factor of each matrix of a stack."""
    return np.linalg.cholesky(a)


# book/rules/factorizations.md: Half of a symmetric matrix
@implements(np.linalg.cholesky)
def cholesky(a: Any, *, upper: bool = False) -> Any:
    """Cholesky factor, as `numpy.linalg.cholesky`."""
    return adjoint(lower_factor(adjoint(array_or_variable(a)))) if upper else lower_factor(a)


# book/rules/factorizations.md: A gradient that is symmetric too
def symmetrize(a: H) -> H:
    """The Hermitian part of square matrices, ``(a + a^H) / 2``.

    In front of `numpy.linalg.cholesky`, `eigh` or `eigvalsh` it makes them functions of
    both triangles alike, and the gradient Hermitian.

    Parameters
    ----------
    a : array_like or Variable
        Square matrices in the last two axes.

    Returns
    -------
    array or Variable
        The shape of `a`; `a` itself, in value, if it is Hermitian.

    Raises
    ------
    DifferentiationValueError
        If the matrices are not square.
    """
    a = array_or_variable(a)
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise DifferentiationValueError(
            f"symmetrize was given an array of shape {a.shape}. Give square matrices in "
            "the last two axes."
        )
    return 0.5 * (a + adjoint(a))


# book/rules/factorizations.md: Columns made orthogonal
def qr_rule(g: Any, out: Any) -> Any:
    """Cotangent of a tall matrix, from those of Q and R on top of each other."""
    m = out.shape[-2] - out.shape[-1]
    q, r, g_q, g_r = out[..., :m, :], out[..., m:, :], g[..., :m, :], g[..., m:, :]
    inner = g_r @ transposed(r) - transposed(q) @ g_q
    half = transposed(lower_half(transposed(inner)))
    before = g_q + np.conjugate(q) @ (half + adjoint(half))
    return transposed(np.linalg.solve(r, transposed(before)))


@primitive("a", a=lambda g, out: qr_rule(g, out))
def packed_qr(a: Any) -> Any:
    """Q and R of each tall matrix of a stack, R below Q."""
    return np.concatenate(np.linalg.qr(a), axis=-2)


# book/rules/factorizations.md: Columns made orthogonal
@implements(np.linalg.qr)
def qr(a: Any, mode: str = "reduced") -> Any:
    """QR decomposition, as `numpy.linalg.qr` with the modes ``"reduced"`` and ``"r"``."""
    m, n = a.shape[-2:]
    if mode not in ("reduced", "r", "complete")[: 3 if m <= n else 2]:
        raise NoRuleError(
            f"np.linalg.qr of a matrix of shape {(m, n)} with mode={mode!r} has no "
            "derivative rule. Use mode='reduced' or mode='r', which the matrix determines."
        )
    k = min(m, n)
    packed = packed_qr(a[..., :k])
    q, r = packed[..., :m, :], packed[..., m:, :]
    if m < n:
        r = concatenate([r, adjoint(q) @ a[..., k:]], -1)
    return r if mode == "r" else NAMED[np.linalg.qr](q, r)
