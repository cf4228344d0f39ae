"""Functions in C: their errors against more digits, and what they do at the edges against NumPy."""

import numpy as np
import pytest

from autograd_book.speed.toolchain import toolchain
from autograd_book.speed.vector import FUNCTIONS, LN2, exp_terms, halves_of_ln2, log_terms, over_arrays, vector_text

DTYPES = (np.float32, np.float64)
needs_compiler = pytest.mark.skipif(toolchain() is None, reason="no C compiler on this machine")
MORE_DIGITS = np.finfo(np.longdouble).nmant > np.finfo(np.float64).nmant


def logistic(x: np.ndarray) -> np.ndarray:
    """The sigmoid, from functions of NumPy that keep its digits on either side."""
    return np.where(x < 0, np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x))), 1 / (1 + np.exp(-np.abs(x))))


ORACLES = {"exp": np.exp, "expm1": np.expm1, "tanh": np.tanh, "sigmoid": logistic, "log": np.log, "log1p": np.log1p}


def arguments(name: str, dtype: type, seed: int) -> np.ndarray:
    """All sizes down to the smallest numbers, of both signs, and many near zero and one."""
    rng, about = np.random.default_rng(seed), np.finfo(dtype)
    powers = rng.uniform(about.minexp - about.nmant, about.maxexp, 60_000)
    rough = np.exp2(powers.astype(np.longdouble)).astype(dtype) * rng.choice([-1, 1], powers.size).astype(dtype)
    ends = rng.uniform(float(np.log(about.smallest_subnormal)), float(np.log(about.max)), 60_000).astype(dtype)
    near = rng.uniform(-1.5, 1.5, 60_000).astype(dtype)
    x = np.concatenate([rough, ends, near, 1 + near * dtype(0.01)])
    return np.abs(x) if name == "log" else x[x > -1] if name == "log1p" else x


@needs_compiler
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_errors_are_at_most_two_units_in_the_last_place(name, dtype) -> None:
    if dtype is np.float64 and not MORE_DIGITS:
        pytest.skip("longdouble has no more digits than float64 here")
    apply, x = over_arrays(name, dtype), arguments(name, dtype, 1)
    with np.errstate(all="ignore"):
        exact, found = ORACLES[name](x.astype(np.longdouble)), apply(x)
        nearest = exact.astype(dtype)
    finite = np.isfinite(nearest)
    assert np.array_equal(np.isnan(found), np.isnan(nearest))
    # where the exact result is beyond the largest number by less than the error, both are right
    assert np.array_equal(found[~finite], nearest[~finite])
    units = np.abs(found[finite] - exact[finite]) / np.spacing(np.abs(nearest[finite]))
    assert units.max() <= 2.0, (x[finite][units.argmax()], units.max())


@needs_compiler
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_edges_are_as_in_numpy(name, dtype) -> None:
    about = np.finfo(dtype)
    small = [0.0, about.smallest_subnormal, about.tiny / 4, about.tiny, about.eps]
    large = [np.nan, np.inf, about.max, 1.0, 1e3, 0.5]
    x = np.array([*small, *large], dtype)
    x = np.concatenate([x, -x, np.nextafter(x, dtype(-1))])
    with np.errstate(all="ignore"):
        wanted, found = ORACLES[name](x).astype(dtype), over_arrays(name, dtype)(x)
    assert np.array_equal(np.isnan(found), np.isnan(wanted))
    there = ~np.isnan(wanted)
    assert np.array_equal(np.signbit(found[there]), np.signbit(wanted[there]))
    assert np.array_equal(np.isinf(found), np.isinf(wanted))
    exact = np.isin(x, [0.0, np.inf, -np.inf]) & there
    assert np.array_equal(found[exact], wanted[exact])
    np.testing.assert_allclose(found, wanted, rtol=8 * about.eps, atol=2 * float(about.smallest_subnormal))


@needs_compiler
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [0, 1, 3, 7, 8, 15, 16, 17, 31, 100])
def test_the_length_of_an_array_changes_no_result(dtype, size) -> None:
    x = np.random.default_rng(size).standard_normal(128).astype(dtype)
    for name in FUNCTIONS:
        apply = over_arrays(name, dtype)
        assert np.array_equal(apply(x[:size]), apply(x)[:size], equal_nan=True), name


@needs_compiler
@pytest.mark.parametrize("name", ["exp", "expm1", "tanh", "sigmoid", "log"])
def test_functions_that_grow_do_not_fall(name) -> None:
    """Between neighbours of single precision, by no more than their errors allow."""
    start = np.float32(0.30)
    x = (start.view(np.int32) + np.arange(200_000, dtype=np.int32)).view(np.float32)
    y = over_arrays(name, np.float32)(x)
    assert (np.diff(y) >= -2 * np.spacing(np.abs(y[1:]))).all() and y[-1] > y[0]


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_high_part_times_any_exponent_is_exact(dtype) -> None:
    high, low = halves_of_ln2(dtype)
    most = int(np.finfo(dtype).maxexp) + int(np.finfo(dtype).nmant) + 2
    for k in range(-most, most):
        assert float(dtype(k) * dtype(float(high))) == float(k * high)
    assert high + low == LN2 and abs(low) < high / 1000


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_the_series_leave_out_is_below_the_rounding(dtype) -> None:
    r, eps = 0.34657359027997264, float(np.finfo(dtype).eps)
    series = 1 + r + r * r * sum(float(c) * r**k for k, c in enumerate(exp_terms(dtype)))
    assert abs(series / np.exp(r) - 1) < max(eps / 8, 3e-16)
    s = 0.1716
    series = 2 * s + s * s * s * sum(float(c) * (s * s) ** k for k, c in enumerate(log_terms(dtype)))
    assert abs(series / np.log((1 + s) / (1 - s)) - 1) < max(eps / 8, 3e-16)


def test_the_text_is_the_same_each_time_and_leaves_nothing_open() -> None:
    for dtype in DTYPES:
        assert vector_text(dtype) == vector_text(np.dtype(dtype)) and "$" not in vector_text(dtype)
