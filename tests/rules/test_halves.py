"""Counts, sums and shares of halves: gradients agree with those of the same numbers in double precision.

The arrays are longer than float16 can count (65,504) or than it can add up ones (2,048).
"""

import warnings

import numpy as np
import pytest

import autograd_book as ab
from autograd_book.rules.moments import rms_normalize

try:
    from ml_dtypes import bfloat16
except ImportError:
    bfloat16 = None

MANY, LONG = 70_000, 5_000
WIDE = np.random.default_rng(0).uniform(0.5, 1.5, MANY)
FLAT = np.ones(3) / 1024
ones = lambda x, *shape: np.ones(shape, x.dtype)

#: A function of one array, and where to differentiate it; the scales keep results in the range of a half.
CALLS = {
    "max": (np.max, np.ones(MANY)),
    "min": (np.min, np.ones(MANY)),
    "nanmax": (np.nanmax, np.ones(MANY)),
    "nanmin": (np.nanmin, np.ones(MANY)),
    "max of rows": (lambda x: np.sum(np.max(x.reshape(2, -1), axis=1)), np.ones(2 * MANY)),
    "mean": (np.mean, WIDE),
    "mean where": (lambda x: np.mean(x, where=np.ones(MANY, bool)), WIDE),
    "var": (lambda x: np.var(x) * 1024, WIDE),
    "std": (lambda x: np.std(x) * 1024, WIDE * 8),
    "nanstd": (lambda x: np.nanstd(x) * 1024, WIDE * 8),
    "prod": (np.prod, np.array([200.0, 300.0, 400.0, 2**-13, 2**-10])),
    "cumprod": (lambda x: np.cumprod(x)[-1], np.array([200.0, 300.0, 2**-10, 2**-9, 400.0])),
    "cumsum": (lambda x: np.sum(np.cumsum(x)), np.ones(LONG) / 1024),
    "logsumexp": (ab.logsumexp, WIDE),
    "softmax": (lambda x: np.sum(ab.softmax(x)[:5] * 1024), WIDE),
    "rms_normalize": (lambda x: np.sum(rms_normalize(x)[:5]), WIDE),
    "log_softmax": (lambda x: np.sum(ab.log_softmax(x)[:5]), WIDE),
    "cross_entropy of many classes": (lambda x: ab.nn.cross_entropy(x[None], [3]), WIDE),
    "cross_entropy of many rows": (lambda x: ab.nn.cross_entropy(x.reshape(-1, 2), np.zeros(MANY // 2, int)), WIDE),
    "mean_squared_error": (lambda x: ab.nn.mean_squared_error(x, np.zeros(MANY, x.dtype)), WIDE),
    "average": (lambda x: np.average(x, weights=ones(x, MANY)), WIDE),
    "average in the weights": (lambda x: np.average(np.arange(LONG).astype(x.dtype) / LONG, weights=x), np.ones(LONG)),
    "pad mean": (lambda x: np.pad(x, 1, "mean")[0], WIDE),
    "norm": (np.linalg.norm, np.ones(LONG) * 8),
    "norm of order 3": (lambda x: np.linalg.norm(x, 3), np.ones(LONG) / 2),
    "avg_pool1d": (lambda x: np.sum(ab.avg_pool1d(x[None, None], MANY)), WIDE),
    "max_pool1d": (lambda x: np.sum(ab.max_pool1d(x[None, None], MANY)), np.ones(MANY)),
    "index": (lambda x: np.sum(x[np.zeros(LONG, int)]), FLAT),
    "tile": (lambda x: np.sum(np.tile(x, LONG)), FLAT),
    "repeat": (lambda x: np.sum(np.repeat(x, LONG)), FLAT),
    "broadcast_to": (lambda x: np.sum(np.broadcast_to(x, (LONG, 3))), FLAT),
    "meshgrid": (lambda x: np.sum(np.meshgrid(x, np.ones(LONG))[0]), FLAT),
    "matmul": (lambda x: np.sum(ones(x, LONG, 3) @ x), FLAT),
    "einsum": (lambda x: np.sum(np.einsum("ni,i->ni", ab.Variable(ones(x, LONG, 3), requires_grad=False), x)), FLAT),
    "median": (np.median, np.arange(9.0)),
    "quantile": (lambda x: np.quantile(x, 0.3), np.arange(9.0)),
    "gradient": (lambda x: np.sum(np.square(np.gradient(x))), np.arange(9.0)),
    "cov": (lambda x: np.cov(x) * 1024, WIDE),
    "interp": (lambda x: np.sum(np.interp(np.linspace(0, 1, 64), [0.0, 1.0], x)), np.ones(2)),
}


NUMPY_2 = np.lib.NumpyVersion(np.__version__) >= "2.0.0"
#: NumPy 1 promotes bfloat16 with no whole number.
FORMATS = [pytest.param(np.float16, 2e-3, id="float16")]
FORMATS += [pytest.param(bfloat16, 2e-2, id="bfloat16")] * (NUMPY_2 and bfloat16 is not None)


@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")  # NumPy's own variance of halves
@pytest.mark.parametrize(("dtype", "digits"), FORMATS)
@pytest.mark.parametrize("name", CALLS)
def test_gradients_of_halves_are_those_of_doubles_rounded(name, dtype, digits) -> None:
    fun, x = CALLS[name][0], CALLS[name][1].astype(dtype)
    exact, found = ab.grad(fun)(x.astype(float)), ab.grad(fun)(x)
    assert found.dtype == dtype
    np.testing.assert_allclose(found.astype(float), exact, rtol=digits, atol=digits * np.max(np.abs(exact)))


@pytest.mark.parametrize("dtype", [np.float16, *[bfloat16] * (bfloat16 is not None)], ids=lambda dtype: np.dtype(dtype).name)
@pytest.mark.parametrize("fun", [ab.logsumexp, ab.softmax, ab.log_softmax], ids=lambda fun: fun.__name__)
def test_smooth_maxima_of_more_halves_than_a_half_can_count_are_those_of_doubles(fun, dtype) -> None:
    x = np.linspace(-3, 3, MANY).astype(dtype)
    found = fun(x)
    assert found.dtype == dtype
    np.testing.assert_allclose(found.astype(float), fun(x.astype(float)), rtol=2e-2 if dtype != np.float16 else 2e-3, atol=1e-7)


@pytest.mark.parametrize("n", [1, 2047, 2048, 2049, 4097, 65_504, 65_505, 70_000])
def test_ties_of_halves_share_one_on_both_sides_of_what_a_half_can_count(n) -> None:
    shares = ab.grad(np.max)(np.ones(n, np.float16))
    np.testing.assert_allclose(shares, np.float16(1 / n), rtol=1e-3)


STRETCHED = {
    "a product": lambda x, ones: x * ones,
    "a choice": lambda x, ones: np.where(ones == 1, x, x * 0),
    "a limit": lambda x, ones: np.clip(x, 0 * ones, 3 * ones),
    "a bias": lambda x, ones: ones + x,
}


@pytest.mark.parametrize("form", STRETCHED)
@pytest.mark.parametrize("rows", [2000, 5000])
def test_the_gradient_of_a_half_that_was_broadcast_counts_every_row(form, rows):
    ones = np.ones((rows, 3), np.float16)
    found = ab.grad(lambda x: np.sum(STRETCHED[form](x, ones).astype(np.float32)))(np.ones(3, np.float16))
    np.testing.assert_array_equal(found, np.float16(rows))
    assert found.dtype == np.float16


def test_an_average_of_more_halves_than_a_half_can_count_comes_without_a_warning():
    x = np.full(MANY, 2, np.float16)
    for weights in (None, x):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            value, gradient = ab.value_and_grad(lambda x, weights=weights: np.average(x, weights=weights))(x)
        assert value == 2
        np.testing.assert_allclose(gradient, np.float16(1 / MANY), rtol=1e-3)
