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
# sha256: 9469f3f162f05aea101f37e4cc333bb7c61985e9f716b8d85b3abcc71c387368

__all__ = ["share", "direction", "relu", "astype"]


# book/rules/elementwise.md:63
from typing import Any

import numpy as np

from autograd_book.graph.primitive import Primitive, primitives
from autograd_book.graph.variable import primitive

Primitive(np.add, "x y", x=lambda g: g, y=lambda g: g)
Primitive(np.subtract, "x y", x=lambda g: g, y=lambda g: -g)
Primitive(np.multiply, "x y", x=lambda g, y: g * y, y=lambda g, x: g * x)
Primitive(np.divide, "x y", x=lambda g, y: g / y, y=lambda g, out, y: -g * out / y)
Primitive(np.negative, "x", x=lambda g: -g)
Primitive(np.positive, "x", x=lambda g: g)
Primitive(np.reciprocal, "x", x=lambda g, out: -g * out * out)


# book/rules/elementwise.md:108
Primitive(
    np.power,
    "x y",
    x=lambda g, x, y: g * (y * x ** (y - (y != 0))),
    y=lambda g, x, out: g * (out * np.log(np.where(x == 0, 1, x))),
)
Primitive(np.sqrt, "x", x=lambda g, out: g * 0.5 / out)
Primitive(np.cbrt, "x", x=lambda g, out: g / (3 * out * out))
Primitive(np.square, "x", x=lambda g, x: 2 * g * x)


# book/rules/elementwise.md:157
_LN2, _LN10 = float(np.log(2)), float(np.log(10))

Primitive(np.exp, "x", x=lambda g, out: g * out)
Primitive(np.exp2, "x", x=lambda g, out: g * out * _LN2)
Primitive(np.expm1, "x", x=lambda g, out: g * (out + 1))
Primitive(np.log, "x", x=lambda g, x: g / x)
Primitive(np.log2, "x", x=lambda g, x: g / (x * _LN2))
Primitive(np.log10, "x", x=lambda g, x: g / (x * _LN10))
Primitive(np.log1p, "x", x=lambda g, x: g / (1 + x))
Primitive(
    np.logaddexp,
    "x y",
    x=lambda g, x, out: g * np.exp(x - out),
    y=lambda g, y, out: g * np.exp(y - out),
)


# book/rules/elementwise.md:233
Primitive(np.sin, "x", x=lambda g, x: g * np.cos(x))
Primitive(np.cos, "x", x=lambda g, x: -g * np.sin(x))
Primitive(np.tan, "x", x=lambda g, out: g * (1 + out * out))
Primitive(np.arcsin, "x", x=lambda g, x: g / np.sqrt(1 - x * x))
Primitive(np.arccos, "x", x=lambda g, x: -g / np.sqrt(1 - x * x))
Primitive(np.arctan, "x", x=lambda g, x: g / (1 + x * x))
Primitive(
    np.arctan2,
    "y x",
    y=lambda g, y, x: g * x / (x * x + y * y),
    x=lambda g, y, x: -g * y / (x * x + y * y),
)
Primitive(np.hypot, "x y", x=lambda g, x, out: g * x / out, y=lambda g, y, out: g * y / out)


# book/rules/elementwise.md:267
Primitive(np.sinh, "x", x=lambda g, x: g * np.cosh(x))
Primitive(np.cosh, "x", x=lambda g, x: g * np.sinh(x))
Primitive(np.tanh, "x", x=lambda g, out: g * (1 - out * out))
Primitive(np.arcsinh, "x", x=lambda g, x: g / np.sqrt(x * x + 1))
Primitive(np.arccosh, "x", x=lambda g, x: g / np.sqrt(x * x - 1))
Primitive(np.arctanh, "x", x=lambda g, x: g / (1 - x * x))


# book/rules/elementwise.md:319
def share(g: Any, x: Any, y: Any) -> Any:
    """The part of g that belongs to x in a maximum of x and y: all where x is larger, half in a tie."""
    return g * np.greater(x, y) + 0.5 * (g * np.equal(x, y))


def direction(x: Any) -> Any:
    """What the absolute value grows along: the sign of a real number, the conjugate of a complex one over its size."""
    if x.dtype.kind != "c":
        return np.sign(x)
    size = np.absolute(x)
    return np.conjugate(x) / np.where(size == 0, 1, size)


Primitive(np.absolute, "x", x=lambda g, x: g * direction(x))
Primitive(np.fabs, "x", x=lambda g, x: g * np.sign(x))
Primitive(np.maximum, "x y", x=lambda g, x, y: share(g, x, y), y=lambda g, x, y: share(g, y, x))
Primitive(np.minimum, "x y", x=lambda g, x, y: share(g, y, x), y=lambda g, x, y: share(g, x, y))
Primitive(np.sign, "x", x=lambda g: g * 0)


# book/rules/elementwise.md:362
@primitive("x", elementwise=True, x=lambda g, out: g * (out > 0))
def relu(x: Any) -> Any:
    """Rectified linear unit, max(x, 0), elementwise; its derivative at 0 is 0.

    Parameters
    ----------
    x : array_like or Variable
        Any shape.

    Returns
    -------
    array or Variable
        The shape and dtype of `x`.
    """
    return np.maximum(x, 0)


# book/rules/elementwise.md:411
Primitive(
    np.where,
    "condition x y",
    elementwise=True,
    x=lambda g, condition: np.where(condition, g, 0),
    y=lambda g, condition: np.where(condition, 0, g),
)


# book/rules/elementwise.md:431
for comparison in (np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal):
    Primitive(comparison, "x y", flat=True)
for test in (np.isnan, np.isinf, np.isfinite, np.signbit):
    Primitive(test, "x", flat=True)


# book/rules/elementwise.md:463
Primitive(np.conjugate, "x", x=lambda g: np.conjugate(g))
Primitive(np.real, "x", elementwise=True, x=lambda g: g)
Primitive(np.imag, "x", elementwise=True, x=lambda g: -1j * g)


# book/rules/elementwise.md:483
@primitive("x", elementwise=True, linear="x", x=lambda g, dtype: g)
def astype(x: Any, dtype: Any) -> Any:
    """x converted to another floating-point dtype."""
    return x.astype(dtype)


primitives[np.ndarray.astype] = primitives[astype]
