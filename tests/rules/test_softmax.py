"""The rules of book/rules/softmax.md."""

import numpy as np
import pytest

import autograd_book as ab
from autograd_book.rules.softmax import log_softmax, softmax


def test_logsumexp_neither_overflows_nor_loses_small_numbers() -> None:
    x = ab.Variable([[1000.0, 1000.0], [-1000.0, -1000.0], [-np.inf, 0.0]])
    total = ab.logsumexp(x, axis=1)
    np.testing.assert_allclose(total.numpy(), [1000.0 + np.log(2.0), -1000.0 + np.log(2.0), 0.0])
    total.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [[0.5, 0.5], [0.5, 0.5], [0.0, 1.0]])


INF = np.inf
#: Elements, the logarithm of the sum of their exponentials, and their shares, which are limits or ties.
INFINITIES = [
    ([1.0, INF], INF, [0.0, 1.0]),
    ([INF, 1.0, INF], INF, [0.5, 0.0, 0.5]),
    ([-INF, 1.0], 1.0, [0.0, 1.0]),
    ([-INF, INF, 1.0], INF, [0.0, 1.0, 0.0]),
    ([-INF, -INF], -INF, [0.5, 0.5]),
    ([INF], INF, [1.0]),
    ([1.0, np.nan], np.nan, [np.nan, np.nan]),
]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(("x", "total", "shares"), INFINITIES, ids=str)
def test_an_infinite_element_takes_all_of_a_smooth_maximum_and_ties_share_it(x, total, shares, dtype) -> None:
    x, logarithms = np.array(x, dtype), np.log(np.where(np.equal(shares, 0), 0.5, shares))
    np.testing.assert_array_equal(ab.logsumexp(x), dtype(total))
    np.testing.assert_array_equal(softmax(x), np.array(shares, dtype))
    np.testing.assert_allclose(log_softmax(x), np.where(np.equal(shares, 0), -INF, logarithms), rtol=1e-3)
    np.testing.assert_array_equal(ab.grad(ab.logsumexp)(x), np.array(shares, dtype))
    np.testing.assert_array_equal(ab.grad(lambda v: ab.logsumexp(v.reshape(-1, 1), axis=(0, 1)))(x), np.array(shares, dtype))


def test_derivatives_of_a_softmax_with_infinities_are_zero_where_it_has_settled() -> None:
    x = np.array([1.0, INF, -INF])
    np.testing.assert_array_equal(ab.jacobian(softmax)(x), np.zeros((3, 3)))
    np.testing.assert_array_equal(ab.hessian(ab.logsumexp)(x), np.zeros((3, 3)))
    np.testing.assert_array_equal(ab.jvp(softmax, (x,), (np.ones(3),))[1], np.zeros(3))
    row = ab.grad(lambda v: -log_softmax(v)[0])(np.array([-INF, 0.0, 0.0]))
    np.testing.assert_array_equal(row, [-1.0, 0.5, 0.5])


def test_smooth_maxima_of_an_empty_axis_are_those_of_nothing() -> None:
    x = np.zeros((2, 0))
    assert softmax(x).shape == log_softmax(x).shape == (2, 0)
    np.testing.assert_array_equal(ab.logsumexp(x, axis=1), [-INF, -INF])
    assert ab.grad(lambda v: np.sum(softmax(v) + log_softmax(v)))(x).shape == (2, 0)
    assert ab.grad(lambda v: np.sum(ab.logsumexp(v, axis=0)))(x).shape == (2, 0)


def test_a_softmax_neither_overflows_nor_loses_its_logarithm() -> None:
    x = np.array([[1000.0, 0.0], [-1000.0, -1000.0], [-np.inf, 0.0]])
    np.testing.assert_array_equal(softmax(x), [[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])
    np.testing.assert_allclose(log_softmax(x)[:2], [[0.0, -1000.0], np.log([0.5, 0.5])])


@pytest.mark.parametrize("axis", [None, 0, 1, -1, (0, 2)])
def test_softmaxes_add_up_to_one_along_their_axes_and_keep_the_dtype(axis) -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
    for value in (softmax(x, axis), np.exp(log_softmax(x, axis))):
        assert value.dtype == np.float32
        np.testing.assert_allclose(np.sum(value, axis=axis), 1, rtol=1e-5)


@pytest.mark.parametrize("options", [{}, {"axis": 0}, {"axis": (0, 1)}, {"axis": None}], ids=str)
def test_vmap_of_a_softmax_is_that_of_each_example(options) -> None:
    xs = np.random.default_rng(0).normal(size=(3, 2, 4))
    np.testing.assert_allclose(ab.vmap(lambda x: softmax(x, **options))(xs), [softmax(x, **options) for x in xs])


def test_softmax_weights_of_large_single_precision_numbers_are_exact_to_rounding() -> None:
    x = np.float32(1000 + np.random.default_rng(0).uniform(-1, 1, 50))
    exact = np.exp(x.astype(float) - 1000)
    np.testing.assert_allclose(ab.grad(ab.logsumexp)(x), exact / exact.sum(), rtol=5e-7)


def test_weights_of_logsumexp_are_those_of_a_plain_sum() -> None:
    x, b = np.array([[1.0, 2.0, 900.0], [3.0, -1.0, 0.5]]), np.array([[2.0, 0.5, 0.0], [1.0, -2.0, 3.0]])
    exact = np.log(np.sum(np.where(b == 0, 0, b * np.exp(np.where(b == 0, 0, x))), axis=1))
    np.testing.assert_allclose(ab.logsumexp(x, axis=1, b=b), exact)
    np.testing.assert_allclose(ab.logsumexp(ab.Variable(x), axis=1, keepdims=True, b=b).numpy(), exact[:, None])
    np.testing.assert_allclose(ab.logsumexp([1000.0, 1000.0], b=[3.0, 1.0]), 1000 + np.log(4))
    assert ab.logsumexp(np.float32([1, 2]), b=np.float32(2)).dtype == np.float32
    assert ab.logsumexp(np.zeros(3), b=np.zeros(3)) == -INF
    assert ab.grad(lambda b: ab.logsumexp(np.zeros(2), b=b))(np.array([2.0, 0.0])).tolist() == [0.5, 0.5]


def test_weights_of_logsumexp_that_add_up_below_zero_give_nan_and_no_gradient() -> None:
    for f in (lambda x: ab.logsumexp(x, b=np.array([1.0, -2.0])), lambda b: ab.logsumexp(np.zeros(2), b=b * np.array([1.0, -2.0]))):
        value, slope = ab.value_and_grad(f)(np.ones(2))
        assert np.isnan(value)
        assert np.isnan(slope).all()


@pytest.mark.parametrize("f", [ab.softmax, ab.log_softmax, ab.logsumexp])
@pytest.mark.parametrize("x", [["1.0", "2.0"], np.array([None, 1.0]), np.zeros(2, [("a", float)]), np.array(["2020-01-01"], "M8[D]")])
def test_what_is_no_number_has_no_softmax(f, x) -> None:
    with pytest.raises(TypeError):
        f(x)
