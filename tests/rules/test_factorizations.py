"""The rules of book/rules/factorizations.md: what differences cannot see."""

import numpy as np
import pytest
from cases.factorizations import hermitian, numbers, regular

import autograd_book as ab
from autograd_book.graph.errors import DifferentiationValueError
from autograd_book.rules import factorizations as rules

la = np.linalg
EYE = np.eye(3)


def test_a_matrix_that_is_nearly_symmetric_has_nearly_the_same_gradient() -> None:
    g = ab.grad(lambda a: la.cholesky(a)[1, 0])
    np.testing.assert_allclose(g(np.diag([1.0, 2.0])), [[0, 0], [1, 0]], atol=1e-12)
    np.testing.assert_allclose(g(np.array([[1.0, 0.0], [1e-7, 2.0]])), [[0, 0], [1, 0]], atol=1e-6)


def test_symmetrize_keeps_a_symmetric_matrix_to_the_bit_and_refuses_oblong_ones() -> None:
    a = hermitian(regular((2, 3, 3), "complex"))
    np.testing.assert_array_equal(ab.symmetrize(a), a)
    np.testing.assert_array_equal(ab.symmetrize([[1, 2], [4, 3]]), [[1, 3], [3, 3]])
    for wrong in (np.ones((2, 3)), np.ones(3), 2.0):
        with pytest.raises(DifferentiationValueError, match="square"):
            ab.symmetrize(wrong)


@pytest.mark.parametrize("fun", [la.inv, la.cholesky, lambda a: la.solve(a, np.ones(2)), lambda a: la.slogdet(a)[1].backward()])
def test_singular_matrices_raise_numpys_error(fun) -> None:
    with pytest.raises(la.LinAlgError):
        fun(ab.Variable(np.zeros((2, 2))))


def test_a_complete_decomposition_of_a_wide_matrix_is_the_reduced_one() -> None:
    a = regular((2, 3))
    for ours, plain in zip(la.qr(ab.Variable(a), "complete"), la.qr(a, "complete"), strict=True):
        np.testing.assert_allclose(ours.numpy(), plain, atol=1e-12)


@pytest.mark.skipif(not rules.NUMPY_2, reason="NumPy 2 changed the meaning of a vector on the right")
def test_a_vector_on_the_right_is_what_numpy_2_says() -> None:
    a, b = regular((3, 3, 3)), numbers((3, 3))
    np.testing.assert_allclose(la.solve(ab.Variable(a), b).numpy(), la.solve(a, b), rtol=1e-12)
    assert la.solve(ab.Variable(a), b[0]).shape == (3, 3)


def test_a_system_keeps_the_matrix_and_the_solution_and_not_the_right_side() -> None:
    z = rules.solve_columns(ab.Variable(EYE), ab.Variable(np.ones((3, 2))))
    assert set(z.node.plan.asks) == {"out", "a", "b_shape"}


def test_an_inverse_keeps_only_itself() -> None:
    assert la.inv(ab.Variable(EYE)).node.plan.asks == ["out"]


def test_third_derivatives_of_a_determinant_are_right_where_it_is_singular() -> None:
    a = np.diag([2.0, 1.0, 0.0]) + 0.1 * numbers((3, 3))
    a[2] = a[0] + a[1]
    ab.check_gradients(la.det, a, order=3, tolerance=1e-3)
