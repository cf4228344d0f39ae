"""The rules of book/rules/moments.md."""

import numpy as np
import pytest

import autograd_book as ab


def test_average_says_which_weights_do_not_fit() -> None:
    x = ab.Variable(np.ones((2, 3)))
    for axis, shape in ((None, (3,)), (0, (3,)), (1, (2,))):
        with pytest.raises(ab.DifferentiationValueError, match=r"weights of shape .* Give weights"):
            np.average(x, axis, np.ones(shape))
    with pytest.raises(ab.DifferentiationValueError, match="add up to zero"):
        np.average(x, 1, np.array([1.0, -1.0, 0.0]))


def test_average_over_several_axes_lines_weights_up_with_them() -> None:
    if np.lib.NumpyVersion(np.__version__) < "2.1.0":
        pytest.skip("NumPy takes weights of several axes since 2.1")
    x, w = np.arange(24.0).reshape(2, 3, 4), np.arange(1.0, 9.0).reshape(4, 2)
    ours, plain = (np.average(v, (2, 0), w) for v in (ab.Variable(x), x))
    np.testing.assert_allclose(ours.numpy(), plain)


def test_average_returns_the_sum_of_the_weights_when_asked() -> None:
    x = np.arange(6.0).reshape(2, 3)
    for options in ({}, {"axis": 0}, {"axis": 1, "weights": np.array([1.0, 2.0, 1.0])}, {"weights": x + 1}):
        ours, plain = (np.average(v, returned=True, **options) for v in (ab.Variable(x), x))
        for mine, theirs in zip(ours, plain, strict=True):
            np.testing.assert_allclose(getattr(mine, "value", mine), theirs)
            assert np.shape(mine) == np.shape(theirs)


@pytest.mark.parametrize("fun", [np.std, np.nanstd])
def test_the_standard_deviation_of_equal_elements_has_the_subgradient_zero(fun) -> None:
    x = np.array([[2.0, 2.0, 2.0], [1.0, 2.0, 6.0]])
    slope = ab.grad(lambda x: np.sum(fun(x, axis=1)))
    np.testing.assert_array_equal(slope(x)[0], [0.0, 0.0, 0.0])
    np.testing.assert_allclose(slope(x)[1], (x[1] - 3.0) / (3 * np.std(x[1])))
    assert np.isnan(ab.hvp(lambda x: fun(x))(x[0], np.array([1.0, 0.0, 0.0]))).all()  # it has no second one there


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.0.0", reason="NumPy 2 brought mean=")
@pytest.mark.parametrize("fun", [np.var, np.std])
def test_a_spread_about_the_mean_that_is_given_is_the_spread(fun) -> None:
    x = np.array([[1.0, 2.0, 6.0], [0.5, 3.0, 3.5]])
    about = lambda x: fun(x, axis=1, mean=np.mean(x, axis=1, keepdims=True))
    own = lambda x: fun(x, axis=1)
    np.testing.assert_allclose(ab.jacobian(about)(x), ab.jacobian(own)(x), atol=1e-12)
    np.testing.assert_allclose(ab.hessian(lambda x: np.sum(about(x)))(x), ab.hessian(lambda x: np.sum(own(x)))(x), atol=1e-12)
    np.testing.assert_allclose(ab.grad(lambda x: fun(x, mean=np.array([5.0])))(np.array([2.0])), [2 * -3.0 if fun is np.var else -1.0])
    assert fun(ab.Variable(np.float32([1, 2])), mean=0.25).dtype == np.float32
    for bad in ({"correction": None}, {"correction": 1, "ddof": 1}):
        with pytest.raises((TypeError, ValueError)):
            fun(ab.Variable(x), **bad)


@pytest.mark.filterwarnings("ignore:Degrees of freedom")
@pytest.mark.parametrize("ddof", [3, 4])
def test_a_spread_without_an_element_left_to_count_has_no_finite_slope(ddof) -> None:
    x = np.array([1.0, 2.0, 6.0])
    with np.errstate(all="ignore"):
        for fun in (np.var, np.std):
            assert not np.isfinite(ab.grad(lambda x, fun=fun: fun(x, ddof=ddof))(x)).any()
