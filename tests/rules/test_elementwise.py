"""The rules of book/rules/elementwise.md, and what was chosen at the corners of its functions and those of piecewise.md."""

import math

import numpy as np
import pytest

import autograd_book as ab
from autograd_book.rules import elementwise

# Where the formula has no answer: arguments, and the gradients chosen.
CORNERS = {
    "abs at zero": (np.abs, [[-2.0, 0.0, 3.0]], [[-1.0, 0.0, 1.0]]),
    "relu at zero": (ab.relu, [[-2.0, 0.0, 3.0]], [[0.0, 0.0, 1.0]]),
    "sign": (np.sign, [[-2.0, 0.0, 3.0]], [[0.0, 0.0, 0.0]]),
    "maximum in a tie": (np.maximum, [[1.0, 2.0, 5.0], [1.0, 3.0, 4.0]], [[0.5, 0.0, 1.0], [0.5, 1.0, 0.0]]),
    "minimum in a tie": (np.minimum, [[1.0, 2.0, 5.0], [1.0, 3.0, 4.0]], [[0.5, 1.0, 0.0], [0.5, 0.0, 1.0]]),
    "power with exponent zero": (np.power, [[0.0, 2.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, np.log(2.0)]]),
    "power of zero": (np.power, [[0.0, 0.0], [1.0, 2.0]], [[1.0, 0.0], [0.0, 0.0]]),
    "square of a negative number": (lambda x: x**2, [[-2.0, 0.0]], [[-4.0, 0.0]]),
    "cube of a negative number": (lambda x: x**3.0, [[-2.0, 0.0]], [[12.0, 0.0]]),
    "first power": (lambda x: x**1, [[-2.0, 0.0]], [[1.0, 1.0]]),
    "zeroth power": (lambda x: x**0, [[-2.0, 0.0]], [[0.0, 0.0]]),
    "logaddexp of large numbers": (np.logaddexp, [[1000.0, -1000.0], [1000.0, 5.0]], [[0.5, 0.0], [0.5, 1.0]]),
    "tanh far out": (np.tanh, [[-1000.0, 1000.0]], [[0.0, 0.0]]),
    "hypot on an axis": (np.hypot, [[3.0, 0.0], [0.0, -4.0]], [[1.0, 0.0], [0.0, -1.0]]),
    "hypot at the origin": (np.hypot, [[0.0], [0.0]], [[0.0], [0.0]]),
    "hypot of tiny and huge numbers": (np.hypot, [[3e-30, 3e30], [4e-30, 4e30]], [[0.6, 0.6], [0.8, 0.8]]),
    "arctan2 at the origin": (np.arctan2, [[0.0], [0.0]], [[0.0], [0.0]]),
    "arctan2 of huge numbers": (np.arctan2, [[1e30], [1e30]], [[0.0], [0.0]]),
    "logaddexp of two zeros in probability": (np.logaddexp, [[-np.inf, -np.inf], [-np.inf, 1.0]], [[0.5, 0.0], [0.5, 1.0]]),
    "logaddexp2 of large numbers": (np.logaddexp2, [[1000.0, -1000.0], [1000.0, 5.0]], [[0.5, 0.0], [0.5, 1.0]]),
    "expm1 far out": (np.expm1, [[-1000.0, 0.0]], [[0.0, 1.0]]),
    "power of zero, infinite": (np.power, [[0.0], [-1.0]], [[-np.inf], [-np.inf]]),
    "float_power at zero": (np.float_power, [[0.0, 0.0], [0.0, 2.0]], [[0.0, 0.0], [0.0, 0.0]]),
    "fmax in a tie and beside nan": (np.fmax, [[1.0, np.nan, 2.0], [1.0, 3.0, np.nan]], [[0.5, 0.0, 1.0], [0.5, 1.0, 0.0]]),
    "fmin in a tie and beside nan": (np.fmin, [[1.0, np.nan, 2.0], [1.0, 3.0, np.nan]], [[0.5, 0.0, 1.0], [0.5, 1.0, 0.0]]),
    "maximum beside nan": (np.maximum, [[np.nan, 1.0], [3.0, np.nan]], [[1.0, 1.0], [1.0, 1.0]]),
    "clip at its limits": (lambda x: np.clip(x, 0.0, 1.0), [[-1.0, 0.0, 0.5, 1.0, 2.0]], [[0.0, 1.0, 1.0, 1.0, 0.0]]),
    "clip to an interval of one point": (np.clip, [[-1.0, 1.0, 2.0], [1.0] * 3, [1.0] * 3], [[0, 1, 0], [1, 0, 0], [0, 0, 1]]),
    "clip to an empty interval": (np.clip, [[0.5, 5.0, -5.0], [1.0] * 3, [0.0] * 3], [[0] * 3, [0] * 3, [1] * 3]),
    "heaviside": (np.heaviside, [[-1.0, 0.0, 2.0], [0.5, 0.5, 0.5]], [[0.0, 0.0, 0.0], [0.0, 1.0, 0.0]]),
    "copysign": (np.copysign, [[0.0, -2.0, 2.0], [-1.0, -1.0, -1.0]], [[0.0, 1.0, -1.0], [0.0, 0.0, 0.0]]),
    "floor at a step": (np.floor, [[1.0, -1.0]], [[0.0, 0.0]]),
    "round at a half": (np.round, [[0.5, 1.5]], [[0.0, 0.0]]),
    "remainder": (np.remainder, [[-3.5, 3.5], [2.0, 2.0]], [[1.0, 1.0], [2.0, -1.0]]),
    "fmod": (np.fmod, [[-3.5, 3.5], [2.0, 2.0]], [[1.0, 1.0], [1.0, -1.0]]),
    "nan_to_num": (np.nan_to_num, [[np.nan, np.inf, -np.inf, 2.0]], [[0.0, 0.0, 0.0, 1.0]]),
    "sinc": (np.sinc, [[0.0, 1e-30]], [[0.0, 0.0]]),
    "i0": (np.i0, [[0.0, 1e-30]], [[0.0, 0.0]]),
    "arctan2 on the axes": (np.arctan2, [[1.0, 0.0], [0.0, -1.0]], [[0.0, -1.0], [-1.0, 0.0]]),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
@pytest.mark.parametrize("corner", CORNERS)
def test_at_a_corner_the_gradient_is_the_one_chosen(corner, dtype) -> None:
    f, args, expected = CORNERS[corner]
    xs = [ab.Variable(np.array(a, dtype)) for a in args]
    with np.errstate(all="ignore"):
        out = f(*xs)
        out.backward(np.ones_like(out))
    for x, g in zip(xs, expected, strict=True):
        assert x.grad.dtype == dtype
        np.testing.assert_allclose(x.grad.numpy(), g, rtol=1e-6 if dtype is np.float64 else 1e-4, atol=1e-7)


def test_astype_takes_the_gradient_back_to_the_dtype_it_came_from() -> None:
    x = ab.Variable(np.float32([0.5, 1.5]))
    y = x.astype(np.float64)
    (y * y).sum().backward()
    assert (y.dtype, x.grad.dtype) == (np.float64, np.float32)
    np.testing.assert_array_equal(x.grad.numpy(), [1.0, 3.0])


# Where the function has a derivative, and the second one is the trap: function, point, and both derivatives.
SMOOTH = {
    "power at exponent zero": (lambda x: x**0, 0.0, 0.0, 0.0),
    "square at zero": (lambda x: x**2, 0.0, 0.0, 2.0),
    "cube at zero": (lambda x: x**3, 0.0, 0.0, 0.0),
    "power of a negative base": (lambda x: x**3, -2.0, 12.0, -12.0),
    "sinc at zero": (np.sinc, 0.0, 0.0, -(np.pi**2) / 3),
    "sinc beside zero": (np.sinc, 1e-9, -1e-9 * np.pi**2 / 3, -(np.pi**2) / 3),
    "i0 at zero": (np.i0, 0.0, 0.0, 0.5),
    "logaddexp in a tie": (lambda x: np.logaddexp(x, 1000.0), 1000.0, 0.5, 0.25),
    "logaddexp far out": (lambda x: np.logaddexp(x, 1000.0), -1000.0, 0.0, 0.0),
    "logaddexp of nothing": (lambda x: np.logaddexp(x, -np.inf), 3.0, 1.0, 0.0),
    "clip at its limit": (lambda x: np.clip(x, 0.0, 1.0), 0.0, 1.0, 0.0),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_first_and_second_derivatives_are_right_at_the_edge(name) -> None:
    f, x, first, second = SMOOTH[name]
    np.testing.assert_allclose(ab.grad(f)(x), first, rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(ab.grad(ab.grad(f))(x), second, rtol=1e-12, atol=1e-300)


# Slopes that are exact in extended precision, and powers of ten where the function and its slope are finite numbers.
EXTREME = {
    "arctan": (np.arctan, lambda x: 1 / (1 + x * x)),
    "arcsinh": (np.arcsinh, lambda x: 1 / np.sqrt(1 + x * x)),
    "arccosh": (np.arccosh, lambda x: 1 / np.sqrt((x - 1) * (x + 1))),
    "arctanh": (np.arctanh, lambda x: 1 / ((1 - x) * (1 + x))),
    "arcsin": (np.arcsin, lambda x: 1 / np.sqrt((1 - x) * (1 + x))),
    "arccos": (np.arccos, lambda x: -1 / np.sqrt((1 - x) * (1 + x))),
    "log": (np.log, lambda x: 1 / x),
    "log2": (np.log2, lambda x: 1 / (x * np.log(np.longdouble(2)))),
    "log10": (np.log10, lambda x: 1 / (x * np.log(np.longdouble(10)))),
    "log1p": (np.log1p, lambda x: 1 / (1 + x)),
    "sqrt": (np.sqrt, lambda x: 0.5 / np.sqrt(x)),
    "cbrt": (np.cbrt, lambda x: 1 / (3 * np.cbrt(x) ** 2)),
    "reciprocal": (np.reciprocal, lambda x: -1 / (x * x)),
    "quotient": (lambda x: 3 / x, lambda x: -3 / (x * x)),
    "third power": (lambda x: x**3, lambda x: 3 * x * x),
    "hypot": (lambda x: np.hypot(x, 1), lambda x: x / np.sqrt(1 + x * x)),
    "arctan2": (lambda x: np.arctan2(x, 1), lambda x: 1 / (1 + x * x)),
    "arctan2 below": (lambda x: np.arctan2(1, x), lambda x: -1 / (1 + x * x)),
    "logaddexp": (lambda x: np.logaddexp(x, 0), lambda x: np.exp(-np.logaddexp(0, -x))),
    "norm of order 1/2": (lambda x: np.linalg.norm(np.stack([x, x]), 0.5), lambda x: np.sign(x) * np.longdouble(4)),
}


@pytest.mark.skipif(np.finfo(np.longdouble).maxexp <= 1024, reason="needs numbers of a wider range than a double's")
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64], ids=["float16", "float32", "float64"])
@pytest.mark.parametrize("name", EXTREME)
def test_slopes_of_huge_and_tiny_numbers_are_neither_zero_nor_infinite_before_their_time(name, dtype) -> None:
    f, slope = EXTREME[name]
    info = np.finfo(dtype)
    powers = np.longdouble(10) ** np.arange(np.log10(info.tiny) // 1 + 1, np.log10(info.max) // 1 + 1)
    near = 1 - np.longdouble(2) ** -np.arange(1, info.nmant)
    with np.errstate(all="ignore"):
        xs = np.concatenate([powers, 0.5 * powers, 1 / near, near, [np.longdouble(info.max)]]).astype(dtype)
        for x in np.concatenate([xs, -xs]):
            exact = slope(np.longdouble(x))
            if np.isfinite(f(x)) and f(x) != 0 and np.isfinite(exact.astype(dtype)):
                found = np.longdouble(ab.grad(f)(x))
                assert abs(found - exact) <= 12 * info.eps * abs(exact) + 2 * np.longdouble(info.smallest_subnormal), (x, found, exact)


@pytest.mark.parametrize("f", [np.arcsin, np.arccos, np.arctan, np.arcsinh, np.arccosh, np.arctanh])
def test_slopes_of_huge_complex_numbers_are_finite_and_right(f) -> None:
    for z in (1e200 + 3e200j, -1e200 + 3e200j, 2.0 + 1j, -2.0 + 1j, -2.0 - 1j, 2.0 + 0j, -0.5 + 3j):
        h = 1e-6 * abs(z)
        pulled = ab.vjp(f, np.array(z))[1](np.array(1 + 0j))
        np.testing.assert_allclose(pulled, np.conj((f(z + h) - f(z - h)) / (2 * h)), rtol=1e-5, atol=1e-300)


def test_the_mixed_derivative_of_a_power_is_right_at_exponent_zero() -> None:
    assert ab.grad(ab.grad(np.power, 0), 1)(2.0, 0.0) == 0.5
    assert ab.grad(ab.grad(np.power, 1), 0)(2.0, 0.0) == 0.5


def test_sinc_has_the_third_derivative_of_its_power_series() -> None:
    third = ab.grad(ab.grad(ab.grad(np.sinc)))
    for x in (0.0, 1e-4, -1e-4):
        np.testing.assert_allclose(third(x), np.pi**4 / 5 * x, rtol=1e-6)


def test_bessel_functions_are_those_of_their_power_series() -> None:
    for n in range(4):
        for x in (0.01, 0.5, 2.0, 8.0):
            terms = [(x / 2) ** (2 * k + n) / (math.factorial(k) * math.factorial(k + n)) for k in range(60)]
            np.testing.assert_allclose(elementwise.bessel_i(np.float64(x), n), math.fsum(terms), rtol=1e-10, atol=1e-16)
    large = np.array([-700.0, 100.0, 700.0])
    np.testing.assert_allclose(elementwise.bessel_i(large, 0), np.i0(large), rtol=1e-12)


@pytest.mark.parametrize("f", [np.logaddexp, np.logaddexp2], ids=["logaddexp", "logaddexp2"])
def test_slopes_near_a_thousand_are_exact_in_single_precision(f) -> None:
    x, y = np.float32(1000.0), np.float32(1000.3)
    single, double = ab.grad(f, (0, 1))(x, y), ab.grad(f, (0, 1))(float(x), float(y))
    np.testing.assert_allclose(single, double, rtol=3e-7)


def test_an_angle_is_that_of_numpy_in_degrees_and_radians() -> None:
    for z in (np.array([1 + 1j, -2.0 + 0j, -3j]), np.array([1.0, -1.0]), np.complex64([1 + 2j])):
        for deg in (False, True):
            ours, plain = np.angle(ab.Variable(z), deg), np.angle(z, deg)
            np.testing.assert_allclose(ours.numpy(), plain, rtol=1e-6)
            assert ours.dtype == plain.dtype
