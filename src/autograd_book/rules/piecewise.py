"""Corners, steps and choices.

Absolute values, maxima, limits, rounding and remainders, choices and
comparisons, and tables of all pairs.

::

    import numpy as np
    from autograd_book import Variable

    x = Variable([-1.0, 0.0, 4.0])
    (np.abs(x) + np.clip(x, 0.0, 1.0) + np.where(x > 3, x**2, 0.0)).sum().backward()
    print(x.grad)
    print(np.maximum(x, 0.5), np.round(x / 3, 1), x > 0)
"""
# Generated from book/rules/piecewise.md by autograd-book extract; edit the chapter, not this file.
# sha256: 06ac53d5466242a9fcf424e43661a62e44cab49c0db550b1eb86e7356e88b646

__all__ = [
    "direction",
    "share",
    "ordered",
    "clip",
    "clip_as_numpy",
    "level",
    "level_if_real",
    "quotient_and_remainder",
    "fraction",
    "fraction_and_whole",
    "exponent",
    "scale",
    "ldexp",
    "mantissa_and_exponent",
    "where_into",
    "where",
    "where_as_numpy",
    "close",
    "isclose",
    "allclose",
    "finite_part",
    "outer_of",
]


# book/rules/piecewise.md: Corners and jumps
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_book.graph.errors import (
    DifferentiationValueError,
    NoRuleError,
)
from autograd_book.graph.methods import Operators
from autograd_book.graph.primitive import REMEDIES, Primitive, primitives, refuse_unread
from autograd_book.graph.protocols import functions, implements, primitive, refuse
from autograd_book.rules.elementwise import over


def direction(x: Any) -> Any:
    """What the size of x grows along: its sign; of a complex number its conjugate over its
    size."""
    if x.dtype.kind != "c":
        return np.sign(x)
    return over(np.conjugate(x), np.absolute(x))


# book/rules/piecewise.md: Corners and jumps
Primitive(np.absolute, "x", x=lambda g, x: g * direction(x))
Primitive(np.fabs, "x", x=lambda g, x: g * np.sign(x))


# book/rules/piecewise.md: Corners and jumps
def share(g: Any, x: Any, y: Any) -> Any:
    """The part of g that belongs to x in a maximum of x and y; half in a tie."""
    return np.where(np.less(x, y), 0, np.where(np.equal(x, y), 0.5 * g, g))


# book/rules/piecewise.md: Corners and jumps
Primitive(
    np.maximum, "x y",
    x=lambda g, x, y: share(g, x, y),
    y=lambda g, x, y: share(g, y, x),
)
Primitive(
    np.minimum, "x y",
    x=lambda g, x, y: share(g, y, x),
    y=lambda g, x, y: share(g, x, y),
)


# book/rules/piecewise.md: Corners and jumps
Primitive(
    np.fmax, "x y",
    x=lambda g, x, y: np.where(np.isnan(x), 0, share(g, x, y)),
    y=lambda g, x, y: np.where(np.isnan(y), 0, share(g, y, x)),
)
Primitive(
    np.fmin, "x y",
    x=lambda g, x, y: np.where(np.isnan(x), 0, share(g, y, x)),
    y=lambda g, x, y: np.where(np.isnan(y), 0, share(g, x, y)),
)


# book/rules/piecewise.md: Clipping
def ordered(low: Any, x: Any, high: Any) -> Any:
    """Where x lies between low and high, or is equal to one of them."""
    return np.logical_and(np.less_equal(low, x), np.less_equal(x, high))


# book/rules/piecewise.md: Clipping
@primitive(
    "x low high",
    elementwise=True,
    into=np.clip,
    x=lambda g, x, low, high: np.where(ordered(low, x, high), g, 0),
    low=lambda g, x, low, high: np.where(
        np.less(x, low) & np.less_equal(low, high), g, 0
    ),
    high=lambda g, x, low, high: np.where(
        np.less(high, x) | np.less(high, low), g, 0
    ),
)
def clip(x: Any, low: Any, high: Any) -> Any:
    """x moved into the interval `low` to `high`; slope 1 there, ends included."""
    return np.clip(x, low, high)


# book/rules/piecewise.md: Clipping
@implements(np.clip)
def clip_as_numpy(
    a: Any,
    a_min: Any = None,
    a_max: Any = None,
    out: Any = None,
    *,
    min: Any = None,
    max: Any = None,
    **options: Any,
) -> Any:
    """`numpy.clip`, with its names of all versions; a limit that is None is infinite."""
    by_position = a_min is not None or a_max is not None
    if by_position and (min is not None or max is not None):
        raise DifferentiationValueError(
            "np.clip was given limits under both of their names. Give them as a_min and "
            "a_max, or as min and max."
        )
    given = options if out is None else {"out": out, **options}
    refuse_unread(primitives[clip], given)
    low, high = a_min if min is None else min, a_max if max is None else max
    return clip(a, -np.inf if low is None else low, np.inf if high is None else high)


# book/rules/piecewise.md: Steps
def level(g: Any) -> Any:
    """The cotangent of an argument that the result follows in steps: zeros."""
    return np.zeros_like(g)


def level_if_real(g: Any) -> Any:
    """As `level`, for the sign; that of a complex number is no step, and is refused."""
    if g.dtype.kind == "c":
        raise NoRuleError(
            f"np.sign was differentiated at complex numbers of dtype {g.dtype}, "
            "where it has no derivative rule. "
            "Write z / np.abs(z) if the direction of z is meant."
        )
    return level(g)


# book/rules/piecewise.md: Steps
Primitive(np.sign, "x", x=level_if_real)
Primitive(np.floor, "x", x=level)
Primitive(np.ceil, "x", x=level)
Primitive(np.trunc, "x", x=level)
Primitive(np.rint, "x", x=level)
Primitive(np.fix, "x", elementwise=True, x=level)
Primitive(
    np.round, "x", elementwise=True, into=np.round, x=lambda g, decimals=0: level(g)
)
functions.update(
    {np.around: np.round, getattr(np, "round_", np.around): np.round}
)
Primitive(np.floor_divide, "x y", x=level, y=level)


# book/rules/piecewise.md: Steps
Primitive(
    np.heaviside, "x h",
    x=level, h=lambda g, x: np.where(np.equal(x, 0), g, 0),
)
Primitive(
    np.copysign, "x y",
    x=lambda g, x, out: g * (np.sign(x) * np.sign(out)), y=level,
)


# book/rules/piecewise.md: Remainders
Primitive(
    np.remainder, "x y",
    x=lambda g: g, y=lambda g, x, y: -g * np.floor_divide(x, y),
)
Primitive(
    np.fmod, "x y",
    x=lambda g: g, y=lambda g, x, y, out: -g * np.rint((x - out) / y),
)


# book/rules/piecewise.md: Functions with two results
@implements(np.divmod)
def quotient_and_remainder(x: Any, y: Any, **options: Any) -> tuple[Any, Any]:
    """`numpy.divmod`: the quotient rounded down, and what remains."""
    return np.floor_divide(x, y, **options), np.remainder(x, y, **options)


# book/rules/piecewise.md: Functions with two results
@primitive("x", elementwise=True, x=lambda g: g)
def fraction(x: Any) -> Any:
    """The part of x after the decimal point, with the sign of x."""
    return np.modf(x)[0]


@implements(np.modf)
def fraction_and_whole(x: Any, **options: Any) -> tuple[Any, Any]:
    """`numpy.modf`: the part after the decimal point, and the part before it."""
    whole = np.trunc(x, **options)
    return fraction(x), whole


# book/rules/piecewise.md: Functions with two results
@primitive("x", flat=True)
def exponent(x: Any) -> Any:
    """The exponents of two that bring the sizes of x between a half and one: integers."""
    return np.frexp(x)[1]


@primitive("x", elementwise=True, linear="x", x=lambda g, i: np.ldexp(g, i))
def scale(x: Any, i: Any) -> Any:
    """x times two to the power of the integers i."""
    return np.ldexp(x, i)


@implements(np.ldexp)
def ldexp(x: Any, i: Any, **options: Any) -> Any:
    """`numpy.ldexp`; the exponents are integers, and constants."""
    refuse_unread(primitives[scale], options)
    return scale(x, i=np.array(i))


@implements(np.frexp)
def mantissa_and_exponent(x: Any, **options: Any) -> tuple[Any, Any]:
    """`numpy.frexp`: numbers of a size between a half and one, and plain integers."""
    whole = exponent(x)
    return np.ldexp(x, -whole, **options), whole


# book/rules/piecewise.md: Functions with two results
refuse(
    "It has no derivative; apply it to x.numpy() if the neighbour is wanted as a constant.",
    np.nextafter,
    np.spacing,
)


# book/rules/piecewise.md: Choosing and comparing
def where_into(condition: Any, x: Any, y: Any, out: np.ndarray) -> None:
    """A choice written into an array."""
    np.copyto(out, y)
    np.copyto(out, x, where=condition)


@primitive(
    "condition x y",
    elementwise=True,
    into=where_into,
    x=lambda g, condition: np.where(condition, g, 0),
    y=lambda g, condition: np.where(condition, 0, g),
)
def where(condition: Any, x: Any, y: Any) -> Any:
    """x where the condition holds, and y elsewhere."""
    return np.where(condition, x, y)


# book/rules/piecewise.md: Choosing and comparing
@implements(np.where)
def where_as_numpy(condition: Any, *branches: Any) -> Any:
    """`numpy.where`: a choice, or without branches the places where the condition holds."""
    if not branches:
        return np.nonzero(condition.numpy())
    holds: Any = condition
    if isinstance(condition, Operators) and holds.dtype.kind != "b":
        holds = np.not_equal(holds, 0)  # carries no gradient
    return where(holds, *branches)


# book/rules/piecewise.md: Choosing and comparing
_PAIRS: tuple[Any, ...] = (
    *(np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal),
    *(np.logical_and, np.logical_or, np.logical_xor, np.array_equal, np.array_equiv),
    *(np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.left_shift, np.right_shift),
    *(np.gcd, np.lcm),
)
_SINGLES: tuple[Any, ...] = (
    *(np.isfinite, np.isinf, np.isnan, np.isneginf, np.isposinf, np.isnat, np.signbit),
    *(np.iscomplex, np.isreal, np.iscomplexobj, np.isrealobj),
    *(np.logical_not, np.invert, getattr(np, "bitwise_count", np.invert)),
)
for fun in _PAIRS:
    Primitive(fun, "x y", flat=True)
for fun in _SINGLES:
    Primitive(fun, "x", flat=True)


# book/rules/piecewise.md: Choosing and comparing
@primitive("a b rtol atol", flat=True, elementwise=True)
def close(a: Any, b: Any, rtol: Any, atol: Any, equal_nan: bool) -> Any:
    """`numpy.isclose`, with the tolerances among the arrays."""
    return np.isclose(a, b, rtol, atol, equal_nan)


@implements(np.isclose)
def isclose(
    a: Any, b: Any, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: bool = False
) -> Any:
    """`numpy.isclose`: truth values."""
    return close(a, b, rtol, atol, equal_nan=equal_nan)


@implements(np.allclose)
def allclose(
    a: Any, b: Any, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: bool = False
) -> bool:
    """`numpy.allclose`: one truth value."""
    return bool(np.all(isclose(a, b, rtol, atol, equal_nan)))


# book/rules/piecewise.md: Infinities and not-a-numbers
def finite_part(g: Any, x: Any) -> Any:
    """g where x is finite and 0 elsewhere; for complex numbers each part by itself."""
    if x.dtype.kind != "c":
        return np.where(np.isfinite(x), g, 0)
    return finite_part(np.real(g), np.real(x)) + 1j * finite_part(np.imag(g), np.imag(x))


Primitive(
    np.nan_to_num, "x",
    elementwise=True,
    x=lambda g, x, nan=0.0, posinf=None, neginf=None: finite_part(g, x),
)


# book/rules/piecewise.md: Tables of all pairs
def outer_of(fun: Any) -> Callable[..., Any]:
    """The method ``fun.outer``: fun of each element of x with each element of y."""

    def outer(x: Any, y: Any, **options: Any) -> Any:
        y = y if hasattr(y, "shape") else np.asarray(y)
        return fun(np.reshape(x, np.shape(x) + (1,) * np.ndim(y)), y, **options)

    return outer


_TWO = [fun for fun in primitives if isinstance(fun, np.ufunc) and fun.nin == 2]
functions.update({fun.outer: outer_of(fun) for fun in _TWO})


# book/rules/piecewise.md: Options that stay refused
REMEDIES["where"] = (
    "Leave it out, and choose before and afterwards: "
    "np.where(mask, f(np.where(mask, x, 1.0)), other)."
)
REMEDIES["dtype"] = "Leave it out, and convert before or afterwards with .astype."
