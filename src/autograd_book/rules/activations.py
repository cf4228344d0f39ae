"""A bend after each layer.

The rectifier and its smooth relatives, with rules that keep one array each.

::

    import numpy as np
    from autograd_book import Variable, gelu, relu, sigmoid, silu, softplus

    x = Variable([-1000.0, -1.0, 1.0])
    (relu(x) + sigmoid(x)).sum().backward()
    print(x.grad)
    print(softplus(x), silu(x), gelu(x))
"""
# Generated from book/rules/activations.md by autograd-book extract; edit the chapter, not this file.
# sha256: 1a134c325ef518ddee930738b80ac1ddd5614799f9e770514cfcd533b1e68ddb

__all__ = [
    "relu",
    "of_reals",
    "FAR",
    "highest_power",
    "sigmoid",
    "sigmoid_slope",
    "softplus",
    "silu_slope",
    "silu",
    "cubic",
    "gelu_slope",
    "gelu",
]


# book/rules/activations.md: A rectifier that keeps less
import math
from functools import cache, wraps
from typing import Any

import numpy as np

from autograd_book.graph.errors import DifferentiationTypeError, F
from autograd_book.graph.methods import H
from autograd_book.graph.protocols import primitive
from autograd_book.rules.elementwise import wide


@primitive(
    "x", elementwise=True, composite=True,
    into=lambda x, out: np.maximum(x, 0, out=out),
    x=lambda g, out: g * (out > 0),
)
def relu(x: H) -> H:
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


# book/rules/activations.md: A smooth step
def of_reals(fun: F) -> F:
    """Decorator: the function refuses complex numbers."""

    @wraps(fun)
    def checked(x: Any) -> Any:
        if np.iscomplexobj(x):
            raise DifferentiationTypeError(
                f"{fun.__name__} was given complex numbers of shape {np.shape(x)}, and "
                "knows real ones only. Give it np.real or np.abs of them, or write its "
                "formula with np.exp."
            )
        return fun(x)

    return checked  # type: ignore[return-value]


# book/rules/activations.md: A smooth step
FAR = 2e4  #: Where the sigmoid is exactly 0 or 1, in every precision.


@cache
def highest_power(dtype: Any) -> int:
    """The largest number, up to 80, whose exponential is finite in a format."""
    with np.errstate(over="ignore"):
        return int(np.sum(np.isfinite(np.exp(np.arange(81).astype(dtype))))) - 1


# book/rules/activations.md: A smooth step
@primitive(
    "x", elementwise=True, composite=True, x=lambda g, x: g * sigmoid_slope(x)
)
@of_reals
def sigmoid(x: H) -> H:
    """Logistic function, 1 / (1 + exp(-x)), elementwise, without overflow.

    Parameters
    ----------
    x : array_like or Variable
        Any shape.

    Returns
    -------
    array or Variable
        The shape of `x`, and its dtype if that is floating point.
    """
    kind = x.dtype if hasattr(x, "dtype") else np.result_type(x)
    out = np.exp(np.clip(x, -FAR, highest_power(kind)))
    out /= 1 + out
    return out


@primitive(
    "x", elementwise=True, composite=True,
    x=lambda g, x, out: -g * out * np.tanh(0.5 * x),
)
def sigmoid_slope(x: Any) -> Any:
    """Derivative of the sigmoid, elementwise: sigmoid(x) * sigmoid(-x)."""
    out = np.exp(-np.abs(x))
    root = 1 + out
    out /= root
    out /= root
    return out


# book/rules/activations.md: A smooth step
@primitive("x", elementwise=True, composite=True, x=lambda g, x: g * sigmoid(x))
@of_reals
def softplus(x: H) -> H:
    """ln(1 + exp(x)), elementwise, without overflow; its slope is the sigmoid."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


# book/rules/activations.md: Two bends that dip
def silu_slope(x: Any) -> Any:
    """Derivative of the silu."""
    out = np.clip(x, -FAR, FAR) * sigmoid(-x)
    out += 1
    out *= sigmoid(x)
    return out


# book/rules/activations.md: Two bends that dip
@primitive("x", elementwise=True, composite=True, x=lambda g, x: g * silu_slope(x))
@of_reals
def silu(x: H) -> H:
    """x times its sigmoid, elementwise; also called swish."""
    return sigmoid(x) * np.clip(x, -FAR, np.inf)


# book/rules/activations.md: Two bends that dip
_A, _B = 2 * math.sqrt(2 / math.pi), 0.044715  #: u = A (x + B x**3).
_LOW, _HIGH = -22, 9  #: Where the sigmoid of u is exactly 0 or 1.


def cubic(x: Any, a: float, b: float) -> Any:
    """The polynomial a x + b x**3."""
    out = x * x
    out *= b
    out += a
    out *= x
    return out


# book/rules/activations.md: Two bends that dip
def gelu_slope(x: Any) -> Any:
    """Derivative of the gelu, in single precision at least."""
    x = np.clip(wide(x), _LOW, _HIGH)
    odds = np.exp(cubic(x, _A, _A * _B))
    out = cubic(x, _A, 3 * _A * _B)  # x u'
    del x  # its memory serves for the next array
    all_odds = 1 + odds
    odds /= all_odds  # sigmoid(u)
    out /= all_odds  # x u' sigmoid(-u)
    out += 1
    out *= odds
    return out


# book/rules/activations.md: Two bends that dip
@primitive("x", elementwise=True, composite=True, x=lambda g, x: g * gelu_slope(x))
@of_reals
def gelu(x: H) -> H:
    """x times the normal probability of less, elementwise, approximated by a tanh.

    The approximation is PyTorch's ``gelu(x, approximate="tanh")`` and JAX's default. It
    differs from the exact function by less than 0.0005.
    """
    return sigmoid(cubic(np.clip(x, _LOW, _HIGH), _A, _A * _B)) * np.clip(x, _LOW, np.inf)
