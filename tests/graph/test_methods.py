"""Operators, methods and attributes of arrays (book/graph/methods.md)."""

import operator

import numpy as np
import pytest

import autograd_book as ab
from autograd_book import Variable
from autograd_book.graph.interpreter import STRONG_SCALARS

FLOATS = [np.float16, np.float32, np.float64]
UNARY = [operator.neg, operator.pos, operator.abs]
BINARY = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]


@pytest.mark.parametrize("dtype", FLOATS)
def test_python_scalars_stay_weak_beside_0d_values(dtype) -> None:
    x = Variable(np.array(1.5, dtype))
    y = 2 * np.sin(x * 0.5) ** 2 + 1.0
    assert y.dtype == dtype
    y.backward()
    assert x.grad.dtype == dtype


@pytest.mark.parametrize("f", UNARY, ids=lambda f: f.__name__)
def test_unary_operators_compute_what_numpy_computes(f) -> None:
    a = np.array([-1.5, 2.0])
    np.testing.assert_array_equal(f(Variable(a)).numpy(), f(a))


@pytest.mark.parametrize("other", [2.0, 3, np.array([2.0, 3.0]), np.float64(2.0), np.array(2.0)], ids=repr)
@pytest.mark.parametrize("f", BINARY, ids=lambda f: f.__name__)
def test_binary_operators_compute_what_numpy_computes_on_either_side(f, other) -> None:
    a = np.array([1.5, 2.0])
    x = Variable(a)
    for ours, plain in [(f(x, other), f(a, other)), (f(other, x), f(other, a)), (f(x, Variable(a)), f(a, a))]:
        assert type(ours) is Variable
        assert ours.requires_grad
        np.testing.assert_array_equal(ours.numpy(), plain)


@pytest.mark.parametrize("f", [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne])
def test_comparisons_give_plain_truth_values(f) -> None:
    a = np.array([1.0, 2.0, 3.0])
    for out in (f(Variable(a), 2.0), f(Variable(a), np.full(3, 2.0))):
        assert type(out) is np.ndarray
        np.testing.assert_array_equal(out, f(a, 2.0))
    np.testing.assert_array_equal(f(np.full(3, 2.0), Variable(a)), f(np.full(3, 2.0), a))


def test_matrix_product_works_from_both_sides() -> None:
    a, w = np.ones((2, 3)), Variable(np.ones((3, 4)))
    assert (a @ w).shape == (2, 4)
    assert (w.T @ a.T).shape == (4, 2)


def test_augmented_assignment_to_a_result_makes_a_new_one() -> None:
    x = Variable([1.0])
    y = first = x * 2.0
    y += 1.0
    y *= y
    assert y is not first and first.item() == 2.0
    y.backward()
    assert x.grad.item() == 12.0


def test_augmented_assignment_updates_a_leaf_under_no_grad_and_is_refused_elsewhere() -> None:
    x = first = Variable([1.0, 2.0])
    kept = x * x
    with ab.no_grad():
        x -= 0.5 * np.ones(2)
        x *= 2.0
    assert x is first and x.requires_grad
    np.testing.assert_array_equal(x.numpy(), [1.0, 3.0])
    kept.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [2.0, 4.0])  # of the program that ran
    with pytest.raises(ab.DifferentiationTypeError, match="subtract was used in place.*no_grad"):
        x -= 1.0
    with ab.no_grad(), pytest.raises(ab.DifferentiationValueError, match="shape"):
        x += np.ones((3, 2))
    np.testing.assert_array_equal(x.numpy(), [1.0, 3.0])


def test_attributes_and_methods_answer_as_the_array_does() -> None:
    a = np.arange(6.0).reshape(2, 3)
    x = Variable(a)
    assert (x.shape, x.ndim, x.size, x.dtype, len(x)) == (a.shape, a.ndim, a.size, a.dtype, len(a))
    for ours, plain in [
        (x.T, a.T),
        (x.sum(), a.sum()),
        (x.sum(0, keepdims=True), a.sum(0, keepdims=True)),
        (x.mean(axis=1), a.mean(axis=1)),
        (x.max(1), a.max(1)),
        (x.min(0), a.min(0)),
        (x.reshape(3, 2), a.reshape(3, 2)),
        (x.reshape((3, -1)), a.reshape(3, -1)),
        (x.transpose(), a.T),
        (x.transpose(1, 0), a.T),
        (x.transpose((0, 1)), a),
        (x[0, 1:], a[0, 1:]),
        (x.astype(np.float32), a.astype(np.float32)),
    ]:
        assert type(ours) is Variable
        assert ours.requires_grad
        assert ours.dtype == plain.dtype
        np.testing.assert_array_equal(ours.numpy(), plain)
    np.testing.assert_array_equal(x.argmax(1), a.argmax(1))


def test_iteration_gives_variables_that_lead_back() -> None:
    x = Variable([[1.0, 2.0], [3.0, 4.0]])
    first, second = x
    (first * 2.0 + second * 3.0).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [[2.0, 2.0], [3.0, 3.0]])


def test_the_sum_of_python_keeps_the_graph() -> None:
    x = Variable([1.0, 2.0])
    assert sum(x).requires_grad


def test_every_augmented_operator_updates_a_leaf_under_no_grad() -> None:
    x = first = Variable([2.0, 3.0])
    with ab.no_grad():
        x **= 2
        x %= 5
        x //= 2
    assert x is first and x.requires_grad
    np.testing.assert_array_equal(x.numpy(), [2.0, 2.0])


def test_variables_are_hashable_by_identity() -> None:
    x, y = Variable(1.0), Variable(1.0)
    assert len({x, y, x}) == 2


@pytest.mark.skipif(not STRONG_SCALARS, reason="NumPy 2 has weak scalars by itself")
def test_weak_scalars_are_provided_where_numpy_has_none() -> None:
    assert (Variable(np.float32(1.0)) * 2.0).dtype == np.float32
