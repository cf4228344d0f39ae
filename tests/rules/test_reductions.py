"""The rules of book/rules/reductions.md."""

import numpy as np
import pytest

import autograd_book as ab
from autograd_book.rules.reductions import winners


def test_ties_share_the_gradient_of_a_maximum() -> None:
    x = ab.Variable(np.float32([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]]))
    np.max(x, axis=1).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [[0.0, 0.5, 0.5], [1 / 3, 1 / 3, 1 / 3]], rtol=1e-6)
    assert x.grad.dtype == np.float32


def test_ties_share_the_gradient_of_a_minimum_over_everything() -> None:
    x = ab.Variable([[1.0, 3.0], [1.0, 2.0]])
    x.min().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [[0.5, 0.0], [0.5, 0.0]])


def test_logsumexp_neither_overflows_nor_loses_small_numbers() -> None:
    x = ab.Variable([[1000.0, 1000.0], [-1000.0, -1000.0], [-np.inf, 0.0]])
    total = ab.logsumexp(x, axis=1)
    np.testing.assert_allclose(total.numpy(), [1000.0 + np.log(2.0), -1000.0 + np.log(2.0), 0.0])
    total.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [[0.5, 0.5], [0.5, 0.5], [0.0, 1.0]])


def test_logsumexp_of_nothing_likely_is_minus_infinity() -> None:
    with np.errstate(divide="ignore"):
        assert ab.logsumexp(np.full(3, -np.inf)) == -np.inf


@pytest.mark.parametrize("axis", [None, 0, (0, 1), -1])
@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "var", "std"])
def test_values_and_dtypes_are_those_of_numpy(name, axis) -> None:
    a = np.float32([[1.5, -2.0, 4.0], [0.5, 3.0, 1.0]])
    for keepdims in (False, True):
        ours = getattr(np, name)(ab.Variable(a), axis=axis, keepdims=keepdims)
        plain = getattr(np, name)(a, axis=axis, keepdims=keepdims)
        assert (ours.shape, ours.dtype) == (np.shape(plain), plain.dtype)
        np.testing.assert_allclose(ours.numpy(), plain, rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_shares_of_a_tie_are_computed_in_the_precision_of_the_cotangent(dtype) -> None:
    x = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]], dtype)
    assert winners(np.ones(2, dtype), x, x.max(1), 1).dtype == dtype
