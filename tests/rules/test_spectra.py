"""The rules of book/rules/spectra.md: what differences cannot see."""

import numpy as np
import pytest
from cases.factorizations import hermitian, numbers, regular

import autograd_book as ab
from autograd_book.graph.errors import DifferentiationValueError, NoRuleError
from autograd_book.rules.factorizations import NUMPY_2

la = np.linalg
EYE = np.eye(3)


@pytest.mark.parametrize("kind", ["real", "complex"])
@pytest.mark.parametrize("name", ["slogdet", "eigh", "eig", "qr", "svd"])
def test_several_results_come_in_numpys_named_tuple(name, kind) -> None:
    a = hermitian(regular((3, 3), kind))
    ours, plain = getattr(la, name)(ab.Variable(a)), getattr(la, name)(a)
    assert type(ours) is type(plain)
    for mine, theirs in zip(ours, plain, strict=True):
        assert (mine.shape, mine.dtype) == (theirs.shape, theirs.dtype)
        np.testing.assert_allclose(mine.numpy(), theirs, rtol=1e-12, atol=1e-12)


def test_signatures_are_numpys_by_position() -> None:
    a, b = ab.Variable(regular((3, 3))), ab.Variable(np.ones(3))
    assert la.svd(a, False, False, True).shape == (3,)
    assert la.qr(a, "r").shape == (3, 3)
    assert la.eigvalsh(a, "U").shape == la.eigh(a, "U")[0].shape == (3,)
    assert la.norm(a, 2, (0, 1), True).shape == (1, 1)
    assert la.cond(a, 1).shape == ()
    assert la.pinv(a, 1e-12, False).shape == (3, 3)
    assert la.lstsq(a, b, None)[0].shape == (3,)
    assert la.tensorinv(ab.Variable(np.eye(4).reshape(2, 2, 4)), 2).shape == (4, 2, 2)
    assert la.tensorsolve(ab.Variable(np.eye(4).reshape(2, 2, 4)), np.ones((2, 2)), None).shape == (4,)


@pytest.mark.parametrize("fun", [la.eigvalsh, la.eigvals, lambda a: la.svd(a, compute_uv=False)])
def test_symmetric_functions_of_equal_values_have_their_gradient(fun) -> None:
    np.testing.assert_allclose(ab.grad(lambda a: np.sum(np.real(fun(a)) ** 2))(2 * EYE), 4 * EYE, atol=1e-12)


@pytest.mark.parametrize("fun", [la.eigvalsh, lambda a: la.svd(a, compute_uv=False)])
def test_a_matrix_of_zeros_has_finite_gradients(fun) -> None:
    assert np.isfinite(ab.grad(lambda a: np.sum(fun(a)))(np.zeros((3, 3)))).all()


@pytest.mark.parametrize(
    "fun",
    [
        lambda a: (la.eigh(a)[1] * la.eigh(a)[0]) @ la.eigh(a)[1].T,
        lambda a: la.svd(a)[0] @ la.svd(a)[2],
        lambda a: la.eig(a)[1] * np.arange(3.0),
    ],
    ids=["eigh", "svd", "eig"],
)
def test_vectors_of_equal_values_are_refused_and_not_guessed(fun) -> None:
    with pytest.raises(DifferentiationValueError, match="Use the values alone"):
        ab.grad(lambda a: np.sum(fun(a)))(EYE)


def test_a_second_derivative_between_equal_eigenvalues_is_refused_and_not_zero() -> None:
    first = ab.grad(lambda a: np.sum(la.eigvalsh(a) ** 2))
    with pytest.raises(DifferentiationValueError, match="Use the values alone"):
        ab.grad(lambda a: np.sum(first(a) * np.arange(9.0).reshape(3, 3)))(EYE)


def test_equal_values_among_vectors_that_are_not_used_do_no_harm() -> None:
    a = np.diag([3.0, 0.0, 0.0, 0.0]) + np.diag([0.0, 2.0, 0.0, 0.0])
    f = lambda a: np.sum(np.square(la.eigh(a)[1][:, 2:] @ la.eigh(a)[1][:, 2:].T)[:2])
    g = lambda a: np.sum((la.svd(a)[0][:, :2] * la.svd(a)[1][:2]) @ la.svd(a)[2][:2])
    assert np.isfinite(ab.grad(f)(a)).all()
    np.testing.assert_allclose(ab.grad(g)(a)[:2, :2], np.ones((2, 2)), atol=1e-12)


def test_the_spectral_norm_has_second_derivatives_where_smaller_values_are_equal() -> None:
    a = np.diag([3.0, 1.0, 1.0])
    ab.check_gradients(lambda a: la.norm(a, 2), a)


@pytest.mark.parametrize("name", ["eigh", "eig", "svd"])
def test_functions_of_arbitrary_phases_are_refused(name) -> None:
    a = hermitian(regular((3, 3), "complex"))
    with pytest.raises(DifferentiationValueError, match="phases"):
        ab.grad(lambda a: np.sum(np.real(getattr(la, name)(a)[0 if name == "svd" else 1])))(a)


TRIANGULAR = {
    "cholesky": (la.cholesky, "L"),
    "eigvalsh": (la.eigvalsh, "L"),
    "eigvalsh upper": (lambda a: la.eigvalsh(a, "U"), "U"),
    "eigh": (lambda a: np.abs(la.eigh(a)[1]) ** 2, "L"),
    "eigh upper": (lambda a: np.abs(la.eigh(a, "U")[1]) ** 2, "U"),
    "svd": (lambda a: la.svd(a, compute_uv=False, hermitian=True), "L"),
    "svd vectors": (lambda a: np.abs(la.svd(a, hermitian=True)[0]) ** 2, "L"),
    "pinv": (lambda a: la.pinv(a, hermitian=True), "L"),
}
if NUMPY_2:
    TRIANGULAR["cholesky upper"] = (lambda a: la.cholesky(a, upper=True), "U")
#: How far the upper triangle is from the mirror image of the lower one.
SKEWED = {"symmetric": 0.0, "to rounding": 1e-15, "nearly": 1e-9, "beyond the root of rounding": 1e-7, "not": 0.3}


@pytest.mark.parametrize("kind", ["real", "complex"])
@pytest.mark.parametrize("skew", SKEWED)
@pytest.mark.parametrize("name", TRIANGULAR)
def test_a_matrix_of_which_one_triangle_is_read_has_the_gradient_of_that_triangle(name, skew, kind) -> None:
    fun, triangle = TRIANGULAR[name]
    a = hermitian(regular((3, 3), kind))
    a[0, 1] += SKEWED[skew]
    ab.check_gradients(fun, a)
    g = ab.grad(lambda a: np.sum(np.abs(fun(a)) ** 2 * np.arange(1.0, 4.0)))(a)
    np.testing.assert_array_equal(np.triu(g, 1) if triangle == "L" else np.tril(g, -1), 0)


@pytest.mark.parametrize("kind", ["real", "complex"])
@pytest.mark.parametrize("name", TRIANGULAR)
def test_symmetrized_the_gradient_is_hermitian_and_says_the_same_of_hermitian_changes(name, kind) -> None:
    fun, a = TRIANGULAR[name][0], hermitian(regular((3, 3), kind))
    loss = lambda a: np.sum(np.abs(fun(a)) ** 2 * np.arange(1.0, 4.0))
    read, both = ab.grad(loss)(a), ab.grad(lambda a: loss(ab.symmetrize(a)))(a)
    ab.check_gradients(lambda a: fun(ab.symmetrize(a)), a)
    np.testing.assert_allclose(both, both.conj().T, atol=1e-12)
    change = hermitian(numbers((3, 3), 7, kind))
    np.testing.assert_allclose(np.sum((read.conj() * change).real), np.sum((both.conj() * change).real), rtol=1e-9)


#: Matrices by their singular values, and an option that cuts some that are not zero.
CUTS = {
    "half of two": ((3, 2), [2.0, 0.5], 0.5),
    "square": ((3, 3), [3.0, 1.0, 0.2], 0.1),
    "two of three": ((3, 3), [3.0, 1.0, 0.7], 0.5),
    "wide": ((2, 4), [2.0, 0.5], 0.3),
    "tall": ((5, 3), [2.0, 1.5, 0.4], 0.3),
    "equal ones kept": ((4, 3), [2.0, 2.0, 0.4], 0.3),
    "equal ones cut": ((4, 3), [2.0, 0.4, 0.4], 0.3),
    "zero and more cut": ((4, 3), [2.0, 0.4, 0.0], 0.3),
    "nearly zero": ((4, 3), [2.0, 1.0, 1e-5], 1e-3),
    "all": ((3, 3), [3.0, 2.0, 1.0], 1.5),
    "nothing": ((3, 3), [3.0, 2.0, 1.0], 0.1),
}


def with_values(shape, values, kind):
    """A matrix with given singular values and some singular vectors."""
    q = lambda n, seed: la.qr(numbers((n, n), seed, kind))[0]
    middle = np.zeros(shape)
    np.fill_diagonal(middle, values)
    return q(shape[0], 11) @ middle @ q(shape[1], 12)


@pytest.mark.parametrize("kind", ["real", "complex"])
@pytest.mark.parametrize("name", CUTS)
def test_a_pseudoinverse_that_cuts_singular_values_has_the_slopes_of_its_differences(name, kind) -> None:
    shape, values, cutoff = CUTS[name]
    a, b, zero = with_values(shape, values, kind), numbers((shape[0], 2), 13, kind), 0.0 in values
    for fun in (lambda a: la.pinv(a, cutoff), lambda a: la.lstsq(a, b, cutoff)[0]):
        ab.check_gradients(fun, a, order=1)
    ab.check_gradients(lambda b: la.lstsq(a, b, cutoff)[0], b)
    if not zero and len({*values}) == len(values):
        ab.check_gradients(lambda a: la.pinv(a, cutoff), a)
    stack = np.stack([a, 2 * a])
    one = ab.grad(lambda a: np.sum(np.abs(la.pinv(a, cutoff)) ** 2))
    both = ab.grad(lambda s: np.sum(np.abs(la.pinv(s, cutoff)) ** 2))(stack)
    np.testing.assert_allclose(both, [one(a), one(2 * a)], atol=1e-12)
    np.testing.assert_allclose(ab.vmap(one)(stack), both, atol=1e-12)


def test_a_hermitian_pseudoinverse_that_cuts_eigenvalues_has_the_slopes_of_its_differences() -> None:
    for kind in ("real", "complex"):
        q = la.qr(numbers((3, 3), 11, kind))[0]
        a = (q * [2.0, -1.5, 0.3]) @ q.conj().T
        ab.check_gradients(lambda a: la.pinv(a, 0.2, hermitian=True), a)


def test_the_example_of_a_cut_pseudoinverse_has_the_slopes_that_differences_say() -> None:
    g = ab.grad(lambda a: la.pinv(a, rcond=0.5)[0, 0])(np.array([[2.0, 1.0], [0.0, 1.0]]))
    np.testing.assert_allclose(g, [[-0.0467, -0.1789], [-0.0874, -0.0894]], atol=1e-4)


def test_a_pseudoinverse_of_equal_singular_values_has_second_derivatives_if_nothing_is_cut() -> None:
    ab.check_gradients(la.pinv, np.eye(4, 3) * 2.0)
    ab.check_gradients(lambda a: la.lstsq(a, np.ones(4), None)[0], np.eye(4, 3) * 2.0)
    ab.check_gradients(lambda a: la.lstsq(a, np.ones(4), -1)[0], np.eye(4, 3) * 2.0)


@pytest.mark.parametrize("p", [None, 1, 2, 3, 1.5, 0.5, np.inf, -np.inf])
def test_the_norm_of_the_zero_vector_has_the_gradient_zero(p) -> None:
    for dtype in (np.float32, complex):
        g = ab.grad(lambda x: la.norm(x, p))(np.zeros(3, dtype))
        np.testing.assert_array_equal(g, np.zeros(3))
        assert g.dtype == dtype


@pytest.mark.parametrize("p", [None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf])
def test_the_norm_of_the_zero_matrix_has_the_gradient_zero(p) -> None:
    np.testing.assert_array_equal(ab.grad(lambda x: la.norm(x, p, (0, 1)))(np.zeros((2, 3))), np.zeros((2, 3)))


def test_a_zero_among_others_has_the_second_derivative_of_the_norm() -> None:
    x, v = np.array([2.0, 0.0]), np.array([0.0, 1.0])
    first = ab.grad(la.norm)
    np.testing.assert_allclose(ab.grad(lambda x: np.sum(first(x) * v))(x), [0.0, 0.5])


def test_the_number_of_nonzeros_and_the_rank_are_flat() -> None:
    x = ab.Variable([[1.0, 0.0], [2.0, 0.0]])
    for out in (la.norm(x, 0, axis=0), la.matrix_rank(x)):
        assert not isinstance(out, ab.Variable)
    np.testing.assert_array_equal(la.norm(x, 0, axis=0), [2.0, 0.0])


def test_least_squares_give_numpys_four_results() -> None:
    a, b = regular((4, 2)), numbers((4, 3))
    for ours, plain in zip(la.lstsq(ab.Variable(a), b, rcond=None), la.lstsq(a, b, rcond=None), strict=True):
        np.testing.assert_allclose(getattr(ours, "data", ours), plain, rtol=1e-10)
    a[:, 1] = a[:, 0]
    found = la.lstsq(ab.Variable(a), b, rcond=None)
    assert (found[1].shape, found[2]) == ((0,), 1)


def test_the_pseudoinverse_follows_changes_that_keep_the_rank() -> None:
    f = lambda u, v: la.pinv(u @ v)
    ab.check_gradients(f, numbers((4, 2)), numbers((2, 3), 1))


@pytest.mark.parametrize("p", [None, -2, 2])
def test_condition_numbers_of_singular_matrices_are_numpys(p) -> None:
    for a in (np.zeros((2, 2)), np.diag([1.0, 0.0])):
        np.testing.assert_array_equal(la.cond(ab.Variable(a), p).numpy(), la.cond(a, p))


@pytest.mark.parametrize(
    ("fun", "remedy"),
    [
        (lambda a: la.svd(a), "full_matrices=False"),
        (lambda a: la.qr(a, "complete"), "mode='reduced'"),
        (lambda a: la.qr(a, "raw"), "mode='r'"),
    ],
)
def test_what_the_matrix_does_not_determine_is_refused(fun, remedy) -> None:
    with pytest.raises(NoRuleError, match=remedy):
        fun(ab.Variable(np.ones((3, 2))))


@pytest.mark.parametrize(
    ("ord", "axis"), [("fro", 0), (3, (0, 1)), (2, (0, 1, 2)), ("other", (0, 1)), (2, None)]
)
def test_orders_that_do_not_exist_are_named(ord, axis) -> None:
    with pytest.raises(DifferentiationValueError, match="ord="):
        la.norm(ab.Variable(np.ones((2, 2, 2))), ord, axis)
