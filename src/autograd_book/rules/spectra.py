"""Eigenvalues and singular values.

Eigenvalues, singular values, pseudoinverses, least squares, norms and
condition numbers: the part of ``numpy.linalg`` that is found by iterations,
for real and complex matrices and for stacks of them.

::

    import numpy as np
    from autograd_book import Variable

    a = Variable([[2.0, 1.0], [1.0, 3.0]])
    (np.sum(np.linalg.eigvalsh(a) ** 2) + np.linalg.norm(a)).backward()
    print(a.grad.numpy())
"""
# Generated from book/rules/spectra.md by autograd-book extract; edit the chapter, not this file.
# sha256: a685e1c2227bb84a4173312be7b4b84270ca017ff020d84845da32f59601e8c4

__all__ = [
    "over_gaps",
    "off_diagonal",
    "expect_no_phase",
    "eigh_rule",
    "packed_eigh",
    "eigh",
    "eigvalsh_rule",
    "eig_rule",
    "packed_eig",
    "eig",
    "eigvals",
    "svd_parts",
    "packed_svd",
    "svd_rule",
    "values_rule",
    "singular_values",
    "svd",
    "svdvals",
    "inverse_rule",
    "cut_rule",
    "pinv_rule",
    "lstsq_rule",
    "least_squares",
    "lstsq",
    "p_norm_rule",
    "p_norm",
    "VECTORS",
    "MATRICES",
    "reduced",
    "order_misfit",
    "norm_axes",
    "vector_norm",
    "matrix_norm",
    "norm",
    "cond",
]


# book/rules/spectra.md: Synopsis
from typing import Any

import numpy as np

from autograd_book.graph.errors import DifferentiationValueError, NoRuleError
from autograd_book.graph.primitive import Primitive, shape_of
from autograd_book.graph.protocols import implements, primitive
from autograd_book.graph.variable import Variable
from autograd_book.rules.elementwise import over
from autograd_book.rules.factorizations import (
    NAMED,
    adjoint,
    as_read,
    array_or_variable,
    diagonal_matrices,
    diagonal_of,
    lower_half,
    real,
    transposed,
)
from autograd_book.rules.dots import positions
from autograd_book.rules.piecewise import direction
from autograd_book.rules.elementwise import wide
from autograd_book.rules.reductions import kept
from autograd_book.rules.softmax import in_single
from autograd_book.rules.scans import installed
from autograd_book.rules.shapes import constant, plain


# book/rules/spectra.md: Eigenvalues
def over_gaps(x: Any, gaps: Any, values: Any, used: Any) -> Any:
    """x over gaps between values; 0 where none is, or an error if vectors were `used`."""
    size = np.abs(plain(values))
    level = np.max(size, axis=-1, keepdims=True, initial=0)[..., None]
    none = np.abs(plain(gaps)) <= level * size.shape[-1] * np.finfo(size.dtype).eps
    if np.any(none & used):
        raise DifferentiationValueError(
            f"a decomposition with the values {plain(values)} was differentiated through "
            "vectors that equal or vanishing values leave undetermined. "
            "Use the values alone, or move them apart."
        )
    return np.where(none, 0, x / np.where(none, 1, gaps))


# book/rules/spectra.md: Eigenvalues
def off_diagonal(x: Any) -> Any:
    """Each matrix of a stack, with zeros on the diagonal."""
    return np.where(np.eye(x.shape[-1], dtype=bool), 0, x)


# book/rules/spectra.md: Eigenvalues
def expect_no_phase(mix: Any, g: Any) -> None:
    """Raise if the cotangent g would turn the phases of complex vectors."""
    turning = np.max(np.abs(np.imag(plain(diagonal_of(mix)))), initial=0)
    size = np.max(np.abs(plain(g)), initial=1)
    if turning > size * np.sqrt(np.finfo(mix.dtype).eps):
        raise DifferentiationValueError(
            f"a function of complex vectors changes by {turning:.1e} with their phases, "
            "which are arbitrary. Use one that does not, as np.abs(v) or v @ v.conj().T."
        )


# book/rules/spectra.md: Eigenvalues
def eigh_rule(g: Any, out: Any, triangle: Any) -> Any:
    """Cotangent of a Hermitian matrix, from that of its packed decomposition."""
    w, v = real(out[..., 0]), out[..., 1:]
    mix = transposed(v) @ g[..., 1:]
    expect_no_phase(mix, g)
    mix = off_diagonal(mix)
    turn = over_gaps(mix, w[..., None, :] - w[..., None], w, np.not_equal(mix, 0))
    inner = diagonal_matrices(real(g[..., 0])) + turn
    return as_read(np.conjugate(v) @ inner @ transposed(v), triangle)


# book/rules/spectra.md: Eigenvalues
@primitive("a", a=lambda g, out, UPLO="L": eigh_rule(g, out, UPLO))
def packed_eigh(a: Any, UPLO: Any = "L") -> Any:
    """Eigenvalues and eigenvectors of Hermitian matrices, side by side."""
    w, v = np.linalg.eigh(a, UPLO)
    return np.concatenate([w[..., None], v], axis=-1)


@implements(np.linalg.eigh)
def eigh(a: Any, UPLO: str = "L") -> Any:
    """Eigenvalues and eigenvectors of a Hermitian matrix, as `numpy.linalg.eigh`."""
    packed = packed_eigh(a, UPLO)
    return NAMED[np.linalg.eigh](real(packed[..., 0]), packed[..., 1:])


# book/rules/spectra.md: Eigenvalues
def eigvalsh_rule(g: Any, a: Any, triangle: Any) -> Any:
    """Cotangent of a Hermitian matrix, from that of its eigenvalues."""
    v = np.linalg.eigh(a, triangle)[1]
    return as_read(np.conjugate(v) * g[..., None, :] @ transposed(v), triangle)


Primitive(
    np.linalg.eigvalsh, "a",
    a=lambda g, a, UPLO="L": eigvalsh_rule(g, a, UPLO),
)


# book/rules/spectra.md: Without symmetry
def eig_rule(g: Any, out: Any) -> Any:
    """Cotangent of a matrix, from that of its packed decomposition."""
    w, v = out[..., 0], out[..., 1:]
    mix = transposed(v) @ g[..., 1:]
    expect_no_phase(mix, g)
    length = real(diagonal_of(mix))[..., None, :]
    mix = off_diagonal(mix - transposed(v) @ np.conjugate(v) * length)
    turn = over_gaps(mix, w[..., None, :] - w[..., None], w, np.not_equal(mix, 0))
    inner = diagonal_matrices(g[..., 0]) + turn
    return np.linalg.solve(transposed(v), inner @ transposed(v))


# book/rules/spectra.md: Without symmetry
@primitive("a", a=lambda g, out: eig_rule(g, out))
def packed_eig(a: Any) -> Any:
    """Eigenvalues and eigenvectors of square matrices, side by side."""
    w, v = np.linalg.eig(a)
    return np.concatenate([w[..., None], v], axis=-1)


@implements(np.linalg.eig)
def eig(a: Any) -> Any:
    """Eigenvalues and eigenvectors, as `numpy.linalg.eig`."""
    packed = packed_eig(a)
    return NAMED[np.linalg.eig](packed[..., 0], packed[..., 1:])


@implements(np.linalg.eigvals)
def eigvals(a: Any) -> Any:
    """Eigenvalues, as `numpy.linalg.eigvals`."""
    return eig(a)[0]


# book/rules/spectra.md: Singular values
def svd_parts(packed: Any, m: int) -> tuple[Any, Any, Any]:
    """U, S and Vh out of a packed decomposition of matrices with m rows."""
    return transposed(packed[..., :m]), real(packed[..., m]), packed[..., m + 1 :]


@primitive(
    "a",
    a=lambda g, a, out, hermitian=False: svd_rule(g, a, out, hermitian),
)
def packed_svd(a: Any, hermitian: bool = False) -> Any:
    """The transpose of U, S and Vh of each matrix of a stack, side by side."""
    u, s, vh = np.linalg.svd(a, full_matrices=False, hermitian=hermitian)
    return np.concatenate([transposed(u), s[..., None], vh], axis=-1)


# book/rules/spectra.md: Singular values
def svd_rule(g: Any, a: Any, out: Any, hermitian: bool) -> Any:
    """Cotangent of a matrix, from those of U, S and Vh."""
    m, n = a.shape[-2:]
    u, s, vh = svd_parts(out, m)
    g_u, g_s, g_vh = svd_parts(g, m)
    mix_u, mix_v = transposed(u) @ g_u, np.conjugate(vh) @ adjoint(g_vh)
    expect_no_phase(mix_u + mix_v, g)
    used = off_diagonal(np.not_equal(mix_u, 0) | np.not_equal(mix_v, 0))
    skew_u, skew_v = mix_u - adjoint(mix_u), mix_v - adjoint(mix_v)
    row, column, u, vh = s[..., None, :], s[..., None], np.conjugate(u), np.conjugate(vh)
    alike = over_gaps(off_diagonal(skew_u + skew_v), row - column, s, used)
    against = over_gaps(skew_u - skew_v, row + column, s, used)
    result = u @ (diagonal_matrices(g_s) + 0.5 * (alike + against)) @ vh
    if m > n:
        result = result + over_gaps(g_u - u @ mix_u, row, s, np.not_equal(g_u, 0)) @ vh
    if m < n:
        outside = g_vh - adjoint(mix_v) @ vh
        result = result + u @ over_gaps(outside, column, s, np.not_equal(g_vh, 0))
    return as_read(result) if hermitian else result


# book/rules/spectra.md: Singular values
def values_rule(g: Any, a: Any, hermitian: bool) -> Any:
    """Cotangent of a matrix, from that of its singular values."""
    u, _, vh = np.linalg.svd(a, full_matrices=False, hermitian=hermitian)
    result = np.conjugate(u) * g[..., None, :] @ np.conjugate(vh)
    return as_read(result) if hermitian else result


@primitive("a", a=lambda g, a, hermitian=False: values_rule(g, a, hermitian))
def singular_values(a: Any, hermitian: bool = False) -> Any:
    """The singular values of each matrix of a stack."""
    return np.linalg.svd(a, compute_uv=False, hermitian=hermitian)


# book/rules/spectra.md: Singular values
@implements(np.linalg.svd)
def svd(
    a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False
) -> Any:
    """Singular value decomposition, as `numpy.linalg.svd`."""
    m, n = a.shape[-2:]
    if compute_uv and full_matrices and m != n:
        raise NoRuleError(
            f"np.linalg.svd of a matrix of shape {(m, n)} with full_matrices=True has no "
            "derivative rule. Pass full_matrices=False for what the matrix determines."
        )
    if not compute_uv:
        return singular_values(a, hermitian)
    return NAMED[np.linalg.svd](*svd_parts(packed_svd(a, hermitian), m))


# book/rules/spectra.md: Singular values
@implements(*installed("svdvals", module=np.linalg))
def svdvals(x: Any) -> Any:
    """Singular values, as `numpy.linalg.svdvals`."""
    return svd(x, compute_uv=False)


Primitive(np.linalg.matrix_rank, "A", flat=True)


# book/rules/spectra.md: Least squares
def inverse_rule(g: Any, a: Any, z: Any, x: Any, rest: Any) -> tuple[Any, Any]:
    """Cotangents of a and b in ``x = z @ b``, z the pseudoinverse, rest ``b - a @ x``."""
    zt, gh = transposed(z), adjoint(g)
    b = zt @ g
    unreached = np.conjugate(rest) @ adjoint(b) @ zt
    free = zt @ np.conjugate(x) @ (gh - gh @ transposed(a) @ zt)
    return unreached + free - b @ transposed(x), b


# book/rules/spectra.md: What is cut off
def cut_rule(g: Any, a: Any, z: Any) -> Any:
    """What the cut singular values that are not zero add to the cotangent of a matrix,
    from that of its pseudoinverse z."""
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    level = np.max(s, axis=-1, keepdims=True, initial=0) * max(a.shape[-2:])
    kept = np.greater(np.abs(diagonal_of(vh @ z @ u)) * s, 0.5)
    cut = np.greater(s, level * np.finfo(s.dtype).eps) & ~kept
    pair = kept[..., :, None] & cut[..., None, :]
    high, low = np.where(pair, s[..., :, None], 1), np.where(pair, s[..., None, :], 0)
    mixing = low / (high * (high - low) * (high + low))
    straight, turned = mixing * low / high, mixing + transposed(mixing)
    h = adjoint(u) @ transposed(g) @ adjoint(vh)
    inner = (straight + transposed(straight)) * np.conjugate(h) + turned * transposed(h)
    return np.conjugate(u) @ inner @ np.conjugate(vh)


# book/rules/spectra.md: What is cut off
def pinv_rule(g: Any, a: Any, out: Any, hermitian: bool) -> Any:
    """Cotangent of a matrix, from that of its pseudoinverse."""
    taken = lower_half(a) + adjoint(lower_half(a)) if hermitian else a
    rest = np.eye(a.shape[-2], dtype=g.dtype) - taken @ out
    result = inverse_rule(g, taken, out, out, rest)[0] + cut_rule(g, taken, out)
    return as_read(result) if hermitian else result


Primitive(
    np.linalg.pinv,
    "a",
    a=lambda g, a, out, hermitian=False, rcond=None, rtol=None: pinv_rule(
        g, a, out, hermitian
    ),
)


# book/rules/spectra.md: What is cut off
def lstsq_rule(g: Any, a: Any, b: Any, out: Any, rcond: Any) -> tuple[Any, Any]:
    """Cotangents of both arguments of a least squares problem."""
    eps = np.finfo(out.dtype).eps
    cutoff = eps * max(a.shape) if rcond is None else rcond if 0 < rcond < 1 else eps
    z = np.linalg.pinv(a, cutoff)
    of_a, of_b = inverse_rule(g, a, z, out, b - a @ out)
    return of_a + cut_rule(g @ transposed(b), a, z), of_b


@primitive(
    "a b",
    joint=lambda g, a, b, out, rcond=None: lstsq_rule(g, a, b, out, rcond),
    linear="b",
)
def least_squares(a: Any, b: Any, rcond: Any = None) -> Any:
    """The solution of least norm among those that minimise the squares of ``a @ x - b``."""
    return np.linalg.lstsq(a, b, rcond)[0]


# book/rules/spectra.md: What is cut off
@implements(np.linalg.lstsq)
def lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    """Least squares, as `numpy.linalg.lstsq`; the rank is a plain integer."""
    a, b, rcond = array_or_variable(a), array_or_variable(b), constant(rcond)
    columns = b[..., None] if b.ndim == 1 else b
    x = least_squares(a, columns, rcond)
    rank = np.linalg.lstsq(plain(a), plain(columns)[:, :0], rcond)[2]
    rest = columns - a @ x
    squares = real(np.sum(np.conjugate(rest) * rest, axis=0))
    if rank < a.shape[1] or a.shape[0] <= a.shape[1]:
        squares = squares[:0]
    values = svd(a.astype(x.dtype), compute_uv=False)
    return (x[..., 0] if b.ndim == 1 else x), squares, rank, values


# book/rules/spectra.md: Norms
def p_norm_rule(g: Any, x: Any, out: Any, p: Any, axis: Any) -> Any:
    """Cotangent of a vector, from that of its p-norm; 0 where the norm is 0."""
    shape, x = kept(x.shape, axis), wide(x)
    g, out = np.reshape(wide(g), shape), np.reshape(wide(out), shape)
    if p == 2:
        return g * over(np.conjugate(x), out)
    ratio = over(np.abs(x), out)
    if p > 2:
        return g * direction(x) * ratio ** (p - 1)
    none = np.equal(ratio, 0)
    nothing = over(np.conjugate(x), (~none).astype(ratio.dtype))
    some = direction(x) * np.where(none, 1, ratio) ** (p - 1)
    return g * np.where(none, nothing, some)


# book/rules/spectra.md: Norms
@primitive(
    "x", x=lambda g, x, out, p, axis, keepdims=False: p_norm_rule(g, x, out, p, axis)
)
@in_single
def p_norm(x: Any, p: Any, axis: Any, keepdims: bool = False) -> Any:
    """Root of order p of the sum of the powers of order p of absolute values."""
    if p == 2 and np.size(axis) == x.ndim:
        return np.linalg.norm(x, None, None, keepdims)
    powers = real(np.conjugate(x) * x) if p == 2 else np.abs(x) ** p
    total = np.sum(powers, axis=axis, keepdims=keepdims)
    return np.sqrt(total) if p == 2 else np.power(total, total.dtype.type(1 / p))


# book/rules/spectra.md: Norms
VECTORS: dict[Any, Any] = {
    np.inf: lambda x, axis: np.max(np.abs(x), axis=axis),
    -np.inf: lambda x, axis: np.min(np.abs(x), axis=axis),
    0: lambda x, axis: np.sum(np.not_equal(x, 0), axis=axis, dtype=plain(x).real.dtype),
    1: lambda x, axis: np.sum(np.abs(x), axis=axis),
}  #: Norms of vectors that are no roots of sums.


# book/rules/spectra.md: Norms
MATRICES: dict[Any, Any] = {
    **dict.fromkeys((None, "fro", "f"), lambda x: p_norm(x, 2, (-2, -1))),
    "nuc": lambda x: np.sum(np.hypot(svdvals(x), 0), axis=-1),
    2: lambda x: np.max(np.hypot(svdvals(x), 0), axis=-1, initial=0),
    -2: lambda x: np.min(np.hypot(svdvals(x), 0), axis=-1),
    1: lambda x: np.max(np.sum(np.abs(x), axis=-2), axis=-1, initial=0),
    -1: lambda x: np.min(np.sum(np.abs(x), axis=-2), axis=-1),
    np.inf: lambda x: np.max(np.sum(np.abs(x), axis=-1), axis=-1, initial=0),
    -np.inf: lambda x: np.min(np.sum(np.abs(x), axis=-1), axis=-1),
}  #: Norms of matrices on the last two axes, by their order.


# book/rules/spectra.md: Norms
def reduced(out: Any, x: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    """The result of a reduction of x over axes, which stay as 1 if wanted."""
    return np.reshape(out, kept(x.shape, axes)) if keepdims else out


def order_misfit(x: Any, ord: Any, axis: Any, remedy: str) -> DifferentiationValueError:
    """The error for an order that these axes do not have."""
    return DifferentiationValueError(
        f"a norm of ord={ord!r} over axis={axis!r} was asked of shape {x.shape}. {remedy}"
    )


def norm_axes(x: Any, axis: Any) -> tuple[int, ...]:
    """One axis, several, or all for None, as a tuple."""
    if isinstance(axis, list):
        raise order_misfit(x, None, axis, "Pass an integer, or a tuple of them.")
    axes = range(x.ndim) if axis is None else np.atleast_1d(constant(axis)).tolist()
    return tuple(positions(axes, x.ndim))


# book/rules/spectra.md: Norms
@implements(*installed("vector_norm", module=np.linalg))
def vector_norm(x: Any, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    """Norm of x as one vector, or of vectors along axes, as `numpy.linalg.vector_norm`."""
    axes = norm_axes(x, axis)
    if len({*axes}) < len(axes):
        raise order_misfit(x, ord, axis, "Name each axis once.")
    ord = 2 if ord is None else ord
    if isinstance(ord, (str, Variable)) or np.ndim(ord):
        raise order_misfit(x, ord, axis, "Pass a number as the order, or two axes for matrices.")
    out = VECTORS[ord](x, axes) if ord in VECTORS else p_norm(x, ord, axes)
    return reduced(out, x, axes, keepdims)


@implements(*installed("matrix_norm", module=np.linalg))
def matrix_norm(x: Any, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """Norm of the matrices in the last two axes, as `numpy.linalg.matrix_norm`."""
    if ord not in MATRICES:
        orders = ", ".join(map(repr, MATRICES))
        raise order_misfit(x, ord, (-2, -1), f"Use one of the orders of matrices: {orders}.")
    return reduced(MATRICES[ord](x), x, (-2, -1), keepdims)


# book/rules/spectra.md: Norms
@implements(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Norm of a vector or a matrix, as `numpy.linalg.norm`."""
    if axis is None and ord is None:
        return vector_norm(x, keepdims=keepdims)
    axes = norm_axes(x, axis)
    if len(axes) == 1:
        return vector_norm(x, axis=axes, keepdims=keepdims, ord=ord)
    if len({*axes}) != 2 or len(axes) != 2:
        raise order_misfit(x, ord, axis, "Pass one axis for vectors, or two for matrices.")
    out = matrix_norm(np.moveaxis(x, axes, (-2, -1)), ord=ord)
    return reduced(out, x, axes, keepdims)


# book/rules/spectra.md: Condition numbers
@implements(np.linalg.cond)
def cond(x: Any, p: Any = None) -> Any:
    """Condition number, as `numpy.linalg.cond`."""
    if 0 in shape_of(x)[-2:]:
        raise DifferentiationValueError(
            f"np.linalg.cond was given an array of shape {shape_of(x)}, and an empty "
            "matrix has no condition number. Leave empty matrices out."
        )
    if p in (None, 2, -2):
        s = svdvals(x)
        above, below = (s[..., -1], s[..., 0]) if p == -2 else (s[..., 0], s[..., -1])
        with np.errstate(divide="ignore"):
            return np.where(np.equal(s[..., 0], 0), np.inf, above) / below
    singular = np.equal(np.linalg.slogdet(x)[0], 0)
    regular = np.where(singular[..., None, None], np.eye(x.shape[-1], dtype=x.dtype), x)
    product = matrix_norm(x, ord=p) * matrix_norm(np.linalg.inv(regular), ord=p)
    finite = np.where(singular, 0, 1).astype(product.dtype)
    with np.errstate(divide="ignore"):
        return np.where(np.equal(product, 0), 1, product) / finite
