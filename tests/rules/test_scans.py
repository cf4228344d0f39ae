"""The rules of book/rules/scans.md."""

import numpy as np
import pytest

import autograd_book as ab
from autograd_book.graph.primitive import primitives
from autograd_book.rules.scans import WIDE, by_doubling, recurrence, step_by_step


def test_a_running_product_with_zeros_has_the_slopes_of_its_definition() -> None:
    for x in ([2.0, 0.0, 5.0, 3.0], [2.0, 0.0, 0.0, 3.0], [0.0, 0.0, 0.0]):
        x, n = np.array(x), len(x)
        rows = [[np.prod([v for j, v in enumerate(x[: k + 1]) if j != i]) if i <= k else 0.0 for i in range(n)] for k in range(n)]
        for k in range(n):
            np.testing.assert_allclose(ab.grad(lambda x, k=k: np.cumprod(x)[k])(x), rows[k])


def test_second_derivatives_of_a_running_product_between_two_zeros() -> None:
    x = np.array([2.0, 0.0, 0.0, 3.0])
    second = ab.grad(lambda x: ab.grad(lambda x: np.sum(np.cumprod(x)))(x)[1])(x)
    np.testing.assert_allclose(second, [1.0, 0.0, 8.0, 0.0])


@pytest.mark.parametrize("n", [0, 1, 2, 3, 8, 37])
def test_both_ways_to_compute_a_recurrence_agree(n) -> None:
    rng = np.random.default_rng(n)
    y, a = rng.normal(size=(n, 3)), rng.normal(size=(n, 3))
    first, second = y.copy(), y.copy()
    step_by_step(first, a)
    by_doubling(second, a.copy())
    np.testing.assert_allclose(first, second, atol=1e-12)
    np.testing.assert_allclose(recurrence(y.T, a.T), first.T, atol=1e-12)


def test_a_wide_recurrence_has_the_derivatives_of_a_narrow_one() -> None:
    rng = np.random.default_rng(0)
    x, a = rng.normal(size=(2, 4, WIDE))
    wide = ab.grad(lambda x, a: np.sum(recurrence(x, a, 0)), (0, 1))(x, a)
    narrow = ab.grad(lambda x, a: np.sum(recurrence(x, a, 0)), (0, 1))(x[:, :2], a[:, :2])
    for w, n in zip(wide, narrow, strict=True):
        np.testing.assert_allclose(w[:, :2], n)


def test_a_recurrence_does_not_write_into_its_arguments() -> None:
    x, a = np.ones(5), np.full(5, 0.5)
    recurrence(x, a)
    assert (x == 1).all() and (a == 0.5).all()


@pytest.mark.parametrize(("ufunc", "expected"), [(np.maximum, [1, 2, 0, 1, 1]), (np.minimum, [5, 0, 0, 0, 0])])
def test_running_extremes_give_the_later_of_two_equal_elements_its_part(ufunc, expected) -> None:
    x = np.array([1.0, 3.0, 2.0, 3.0, 5.0])
    np.testing.assert_array_equal(ab.grad(lambda x: np.sum(ufunc.accumulate(x)))(x), expected)


def test_a_running_maximum_stays_nan_after_a_nan() -> None:
    x = np.array([1.0, np.nan, 3.0])
    np.testing.assert_array_equal(np.maximum.accumulate(ab.Variable(x)).numpy(), [1.0, np.nan, np.nan])


def test_accumulate_goes_along_the_first_axis() -> None:
    x = np.arange(1.0, 7.0).reshape(2, 3)
    for ufunc in (np.add, np.multiply, np.maximum, np.minimum):
        np.testing.assert_array_equal(ufunc.accumulate(ab.Variable(x)).numpy(), ufunc.accumulate(x))


@pytest.mark.skipif(not hasattr(np, "cumulative_sum"), reason="came with NumPy 2.1")
def test_a_cumulative_sum_of_a_matrix_needs_an_axis() -> None:
    with pytest.raises(ab.DifferentiationValueError, match="Name the axis"):
        np.cumulative_sum(ab.Variable(np.ones((2, 2))))


def test_what_is_saved() -> None:
    x = ab.Variable(np.ones((2, 3)))
    assert np.cumsum(x, axis=1).node.saved == ((2, 3),)
    assert np.diff(x).node.saved == ()
    out = np.cumprod(x, axis=1)
    assert [v is w for v, w in zip(out.node.saved, (out.value, x.value), strict=True)] == [True, True]


def test_linear_scans_say_so() -> None:
    assert primitives[np.cumsum].linear == ["x"]
    assert primitives[np.convolve].linear == ["a", "v"]
    assert primitives[recurrence].linear == ["x"]
