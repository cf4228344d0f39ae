"""Elementwise functions.

Each row holds a NumPy function, its arguments, and a rule for each of them.
The rules are written in NumPy, so they run on plain arrays at NumPy's speed
and on Variables when derivatives of derivatives are wanted.

::

    import numpy as np
    from autograd_book import Variable

    x, y = Variable([0.0, 2.0]), Variable([0.0, 0.0])
    (x**y).sum().backward()
    print(x.grad, y.grad)
"""
# Generated from book/rules/elementwise.md by autograd-book extract; edit the chapter, not this file.
# sha256: af60f6d8186ab3f07dac9bb2980dba47f3a675a733da25f453a6771026d6481e

__all__ = [
    "nonzero_base",
    "log_base",
    "broken",
    "mixed_end",
    "lead",
    "slant",
    "leg",
    "over_square",
    "unless_zero",
    "over",
    "across",
    "angle",
    "real_if_close",
    "sinc_derivative",
    "bessel_i",
    "astype",
    "wide",
    "rounded",
    "real_kind",
]


# book/rules/elementwise.md: Synopsis
import math
from typing import Any

import numpy as np

from autograd_book.graph.primitive import Primitive, differentiable, primitives
from autograd_book.graph.methods import Operators
from autograd_book.graph.protocols import implements, primitive


# book/rules/elementwise.md: Arithmetic
Primitive(np.add, "x y", x=lambda g: g, y=lambda g: g)
Primitive(np.subtract, "x y", x=lambda g: g, y=lambda g: -g)
Primitive(
    np.multiply, "x y", linear="x y",
    x=lambda g, y: g * y, y=lambda g, x: g * x,
)
Primitive(
    np.divide, "x y", linear="x",
    x=lambda g, y: g / y, y=lambda g, out, y: -g * out / y,
)
Primitive(np.negative, "x", linear="x", x=lambda g: -g)
Primitive(np.positive, "x", linear="x", x=lambda g: g)
Primitive(np.reciprocal, "x", x=lambda g, out: -g * out * out)


# book/rules/elementwise.md: Powers
def nonzero_base(x: Any, y: Any) -> Any:
    """x, and 1 where both x and the exponent y are zero."""
    return np.where(np.logical_or(x, y), x, 1)


def log_base(x: Any, out: Any) -> Any:
    """Logarithm of a base, 0 where it is 0 and the power finite; of the power's dtype."""
    vanishing = np.logical_and(np.equal(x, 0), np.isfinite(out))
    return np.log(np.where(vanishing, 1, x).astype(out.dtype))


# book/rules/elementwise.md: Powers
@primitive(
    "a condition",
    elementwise=True,
    a=lambda g, condition: g * np.where(condition, np.nan, 0),
)
def broken(a: Any, condition: Any) -> Any:
    """Zeros, whose derivative with respect to a is NaN where the condition holds."""
    return np.zeros(np.broadcast_shapes(np.shape(a), np.shape(condition)), a.dtype)


def mixed_end(moving: Any, x: Any, y: Any) -> Any:
    """Zero, and no number to whoever differentiates it where the mixed derivative of a
    power ends."""
    if not isinstance(moving, Operators):
        return 0
    return broken(moving, np.equal(x, 0) & np.less_equal(y, 1))


# book/rules/elementwise.md: Powers
Primitive(
    np.power, "x y",
    x=lambda g, x, y: g * (
        (y + mixed_end(y, x, y)) * np.power(nonzero_base(x, y), y - 1.0)
    ),
    y=lambda g, x, y, out: g * (out * (log_base(x, out) + mixed_end(x, x, y))),
)
Primitive(
    np.float_power, "x y",
    x=lambda g, x, y: g * (
        (y + mixed_end(y, x, y)) * np.float_power(nonzero_base(x, y), y - 1.0)
    ),
    y=lambda g, x, y, out: g * (out * (log_base(x, out) + mixed_end(x, x, y))),
)


# book/rules/elementwise.md: Powers
Primitive(np.sqrt, "x", x=lambda g, out: g * 0.5 / out)
Primitive(np.cbrt, "x", x=lambda g, out: g / (3 * out * out))
Primitive(np.square, "x", x=lambda g, x: 2 * g * x)


# book/rules/elementwise.md: Exponentials and logarithms
_LN2, _LN10 = float(np.log(2)), float(np.log(10))

Primitive(np.exp, "x", x=lambda g, out: g * out)
Primitive(np.exp2, "x", x=lambda g, out: g * out * _LN2)
Primitive(np.expm1, "x", x=lambda g, out: g * (out + 1))


# book/rules/elementwise.md: Exponentials and logarithms
Primitive(np.log, "x", x=lambda g, x: g / x)
Primitive(np.log2, "x", x=lambda g, x: g * (1 / _LN2) / x)
Primitive(np.log10, "x", x=lambda g, x: g * (1 / _LN10) / x)
Primitive(np.log1p, "x", x=lambda g, x: g / (1 + x))


# book/rules/elementwise.md: A sum of exponentials
def lead(x: Any, y: Any) -> Any:
    """How far y is ahead of x; 0 where both are the same infinity."""
    same = np.logical_and(np.isinf(x), np.equal(x, y))
    return np.where(same, 0, y) - np.where(same, 0, x)


# book/rules/elementwise.md: A sum of exponentials
Primitive(
    np.logaddexp, "x y",
    x=lambda g, x, y: g * np.exp(-np.logaddexp(0, lead(x, y))),
    y=lambda g, x, y: g * np.exp(-np.logaddexp(0, lead(y, x))),
)
Primitive(
    np.logaddexp2, "x y",
    x=lambda g, x, y: g * np.exp2(-np.logaddexp2(0, lead(x, y))),
    y=lambda g, x, y: g * np.exp2(-np.logaddexp2(0, lead(y, x))),
)


# book/rules/elementwise.md: Trigonometric functions
def slant(x: Any) -> Any:
    """The root of 1 + x*x, without the square, which may overflow."""
    if x.dtype.kind != "c":
        return np.hypot(1, x)
    return np.sqrt(1 + 1j * x) * np.sqrt(1 - 1j * x)


def leg(x: Any) -> Any:
    """The root of 1 - x*x, without the square."""
    down = -(x - 1) if x.dtype.kind == "c" else 1 - x
    return np.sqrt(down) * np.sqrt(1 + x)


def over_square(x: Any, size: Any) -> Any:
    """x over the square of a size, without the square."""
    return x / size / size


# book/rules/elementwise.md: Trigonometric functions
Primitive(np.sin, "x", x=lambda g, x: g * np.cos(x))
Primitive(np.cos, "x", x=lambda g, x: -g * np.sin(x))
Primitive(np.tan, "x", x=lambda g, out: g * (1 + out * out))
Primitive(np.arcsin, "x", x=lambda g, x: g / leg(x))
Primitive(np.arccos, "x", x=lambda g, x: -g / leg(x))
Primitive(np.arctan, "x", x=lambda g, x: over_square(g, slant(x)))


# book/rules/elementwise.md: Trigonometric functions
Primitive(np.deg2rad, "x", linear="x", x=lambda g: np.deg2rad(g))
Primitive(np.radians, "x", linear="x", x=lambda g: np.deg2rad(g))
Primitive(np.rad2deg, "x", linear="x", x=lambda g: np.rad2deg(g))
Primitive(np.degrees, "x", linear="x", x=lambda g: np.rad2deg(g))


# book/rules/elementwise.md: Length and angle
def unless_zero(size: Any, other: float) -> Any:
    """A size, and another number where it is 0."""
    return np.where(np.equal(size, 0), other, size)


@primitive(
    "x size",
    elementwise=True,
    x=lambda g, size: g / unless_zero(size, np.nan),
    size=lambda g, out, size: -g * out / unless_zero(size, np.nan),
)
def over(x: Any, size: Any) -> Any:
    """x divided by a size; where the size is 0 it is 0, and its derivatives are NaN."""
    return x / unless_zero(size, np.inf)


def across(x: Any, y: Any) -> Any:
    """x over the square of the distance of (x, y) from the origin, without the square."""
    size = np.hypot(x, y)
    return over(over(x, size), size)


# book/rules/elementwise.md: Length and angle
Primitive(
    np.hypot, "x y",
    x=lambda g, x, out: g * over(x, out),
    y=lambda g, y, out: g * over(y, out),
)
Primitive(
    np.arctan2, "y x",
    y=lambda g, y, x: g * across(x, y),
    x=lambda g, y, x: -g * across(y, x),
)


# book/rules/elementwise.md: Hyperbolic functions
Primitive(np.sinh, "x", x=lambda g, x: g * np.cosh(x))
Primitive(np.cosh, "x", x=lambda g, x: g * np.sinh(x))
Primitive(np.tanh, "x", x=lambda g, out: g * (1 - out * out))
Primitive(np.arcsinh, "x", x=lambda g, x: g / slant(x))
Primitive(np.arccosh, "x", x=lambda g, x: g / (np.sqrt(x - 1) * np.sqrt(x + 1)))
Primitive(np.arctanh, "x", x=lambda g, x: g / (1 - x) / (1 + x))


# book/rules/elementwise.md: Complex numbers
Primitive(np.conjugate, "x", linear="x", x=lambda g: np.conjugate(g))
Primitive(np.real, "x", elementwise=True, linear="x", view=True, x=lambda g: g)
Primitive(
    np.imag, "x", elementwise=True, linear="x", view=True, x=lambda g: -1j * g
)


# book/rules/elementwise.md: Complex numbers
@implements(np.angle)
def angle(z: Any, deg: bool = False) -> Any:
    """Angle of complex numbers with the real axis, as `numpy.angle`."""
    radians = np.arctan2(np.imag(z), np.real(z))
    return np.rad2deg(radians) if deg else radians


@implements(np.real_if_close)
def real_if_close(a: Any, tol: float = 100) -> Any:
    """The real part, if no imaginary part differs from 0 by more than rounding, as
    `numpy.real_if_close`."""
    return np.real(a) if np.isrealobj(np.real_if_close(a.numpy(), tol)) else a


# book/rules/elementwise.md: The sinc function
from numpy.polynomial import polynomial

_SINC = np.zeros(41)  #: Coefficients of the power series of the sinc function.
_SINC[::2] = [(-1) ** k * np.pi ** (2 * k) / math.factorial(2 * k + 1) for k in range(21)]


@primitive("x", elementwise=True, x=lambda g, x, n: g * sinc_derivative(x, n + 1))
def sinc_derivative(x: Any, n: int) -> Any:
    """Derivative of order n of `numpy.sinc`: from the power series, or by recurrence."""
    near = np.abs(x) < 1
    series = polynomial.polyval(np.where(near, x, 0), polynomial.polyder(_SINC, n))
    x_far = np.where(near, 1, x)
    far = np.sinc(x_far)
    for k in range(1, n + 1):
        far = (np.pi ** (k - 1) * np.sin(np.pi * x_far + k * np.pi / 2) - k * far) / x_far
    return np.where(near, series, far).astype(x.dtype)[()]


Primitive(np.sinc, "x", elementwise=True, x=lambda g, x: g * sinc_derivative(x, 1))


# book/rules/elementwise.md: The Bessel function of Kaiser's window
#: In the middle of 64 steps of a quarter turn.
_ANGLES = (np.arange(64) + 0.5) * np.pi / 128


@primitive(
    "x",
    elementwise=True,
    x=lambda g, x, n: g * (0.5 * (bessel_i(x, abs(n - 1)) + bessel_i(x, n + 1))),
)
def bessel_i(x: Any, n: int) -> Any:
    """Modified Bessel function of the first kind, of order n, for real x.

    Parameters
    ----------
    x : array_like or Variable
        Real numbers, any shape.
    n : int
        Order, at least 0.

    Returns
    -------
    array or Variable
        The shape and dtype of `x`.
    """
    wave, wide = np.sinh if n % 2 else np.cosh, x.astype(np.float64)
    total = sum(wave(wide * np.cos(angle)) * np.cos(n * angle) for angle in _ANGLES)
    return (total / len(_ANGLES)).astype(x.dtype)[()]


Primitive(np.i0, "x", elementwise=True, x=lambda g, x: g * bessel_i(x, 1))


# book/rules/elementwise.md: Changing the number format
@primitive(
    "x", elementwise=True, linear="x", x=lambda g, dtype: g,
    into=lambda x, dtype, out: np.copyto(out, x, casting="unsafe"),
)
def astype(x: Any, dtype: Any) -> Any:
    """x converted to another floating-point dtype."""
    return x.astype(dtype)


primitives[np.ndarray.astype] = primitives[astype]


# book/rules/elementwise.md: Changing the number format
def wide(x: Any) -> Any:
    """x in single precision if its own is narrower, in which sums do not come far."""
    narrow = x.dtype.itemsize < 4 and differentiable(x.dtype)
    return x.astype(np.float32) if narrow else x


def rounded(x: Any, dtype: Any) -> Any:
    """x in the given precision, itself if it has that."""
    return x if x.dtype == dtype else x.astype(dtype)


def real_kind(dtype: Any) -> Any:
    """The dtype of the real parts of numbers of a dtype."""
    return np.empty(0, dtype).real.dtype
