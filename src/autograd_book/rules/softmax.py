"""The smooth maximum.

The logarithm of a sum of exponentials, with weights if wanted, the shares of
its terms, and the logarithms of the shares.

::

    import numpy as np
    from autograd_book import Variable, log_softmax, logsumexp, softmax

    x = Variable([1000.0, 1000.0, 999.0])
    logsumexp(x).backward()
    print(logsumexp(x), x.grad)
    print(softmax(x), log_softmax(x))
"""
# Generated from book/rules/softmax.md by autograd-book extract; edit the chapter, not this file.
# sha256: c3a654b74365f26a2f28345786260770c3b187b2d516e5c3de03c6c60b25ea7d

__all__ = [
    "lowered",
    "in_single",
    "softmax_x",
    "softmax",
    "log_total",
    "logsumexp_x",
    "log_sum",
    "weighed",
    "log_weighted_x",
    "log_weighted_b",
    "log_weighted",
    "logsumexp",
    "log_softmax_x",
    "log_softmax",
]


# book/rules/softmax.md: Leave out the maximum
from functools import wraps
from typing import Any

import numpy as np

from autograd_book.graph.errors import F
from autograd_book.graph.methods import H, Operators
from autograd_book.graph.primitive import differentiable
from autograd_book.graph.protocols import functions, primitive
from autograd_book.rules.elementwise import rounded, wide
from autograd_book.rules.reductions import along_first, kept


def lowered(x: Any, axis: Any) -> tuple[Any, Any]:
    """x less its maximum along axes, 0 where both are one infinity; and the maximum."""
    top = np.max(x, axis=axis, keepdims=True, initial=-np.inf)
    if np.isfinite(top).all():
        return x - top, top
    with np.errstate(invalid="ignore"):
        return np.where(np.equal(x, top), 0, x - top), top


# book/rules/softmax.md: The weights
def in_single(fun: F) -> F:
    """The function, computed in single precision where its argument is narrower."""

    @wraps(fun)
    def computed(x: Any, *args: Any, **options: Any) -> Any:
        x = x if isinstance(x, Operators) else np.asarray(x)
        x = x if differentiable(x.dtype) else x.astype(np.float64, casting="same_kind")
        precise = wide(x)
        out = fun(precise, *args, **options)
        return out if precise is x else out.astype(x.dtype)

    return computed  # type: ignore[return-value]


# book/rules/softmax.md: The weights
def softmax_x(g: Any, out: Any, axis: Any) -> Any:
    """Cotangent of a softmax: the weights times what g exceeds its weighted mean by."""
    g, out = wide(g), wide(out)
    excess = g - np.sum(g * out, axis=axis, keepdims=True)
    excess *= out
    return excess


@primitive("x", composite=True, x=lambda g, out, axis=-1: softmax_x(g, out, axis))
@in_single
def softmax(x: H, axis: Any = -1) -> H:
    """Exponentials divided by their sum, without overflow.

    Parameters
    ----------
    x : array_like or Variable
        Any shape.
    axis : int, tuple of int or None
        Axes along which the results add up to 1; all of them for None.

    Returns
    -------
    array or Variable
        The shape of `x`. Elements that are the same infinite maximum share the 1.
    """
    weights = np.exp(lowered(x, axis)[0])
    weights /= np.sum(weights, axis=axis, keepdims=True)
    return weights


# book/rules/softmax.md: Logsumexp and its rule
def log_total(low: Any, axis: Any) -> Any:
    """Logarithm of the sum of exponentials of lowered numbers; -inf if there are none."""
    with np.errstate(divide="ignore"):
        return np.log(np.sum(np.exp(low), axis=axis, keepdims=True))


# book/rules/softmax.md: Logsumexp and its rule
def logsumexp_x(g: Any, x: Any, axis: Any) -> Any:
    """Cotangent of logsumexp: g times the softmax of x."""
    return np.reshape(wide(g), kept(x.shape, axis)) * softmax(wide(x), axis=axis)


@primitive(
    "x", composite=True,
    x=lambda g, x, axis=None, keepdims=False: logsumexp_x(g, x, axis),
)
@in_single
def log_sum(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Logarithm of the sum of exponentials, each counted once."""
    low, top = lowered(x, axis)
    out = log_total(low, axis) + top
    return out if keepdims else np.sum(out, axis=axis)


# book/rules/softmax.md: Terms that count more than once
def weighed(x: Any, b: Any, axis: Any) -> tuple[Any, Any, Any]:
    """Exponentials of x, lowered by the maximum of what has a weight, their sum by
    weights, NaN below zero, and that maximum."""
    idle = np.equal(b, 0)
    counted = np.where(idle, -np.inf, x)
    top = np.max(counted, axis=axis, keepdims=True, initial=-np.inf)
    with np.errstate(over="ignore", invalid="ignore"):
        terms = np.exp(np.where(np.equal(counted, top), 0, x - top))
        total = np.sum(np.where(idle, 0, b * terms), axis=axis, keepdims=True)
    return terms, np.where(np.less(total, 0), np.nan, total), top


# book/rules/softmax.md: Terms that count more than once
def log_weighted_x(g: Any, x: Any, b: Any, axis: Any) -> Any:
    """Cotangent of the numbers: g times their shares."""
    terms, total, _ = weighed(wide(x), wide(b), axis)
    shares = np.where(np.equal(b, 0), 0, b * terms) / total
    return np.reshape(wide(g), kept(x.shape, axis)) * shares


def log_weighted_b(g: Any, x: Any, b: Any, axis: Any) -> Any:
    """Cotangent of the weights: g times the shares that a weight of 1 has."""
    terms, total, _ = weighed(wide(x), wide(b), axis)
    return np.reshape(wide(g), kept(x.shape, axis)) * (terms / total)


# book/rules/softmax.md: Terms that count more than once
@primitive(
    "x b",
    x=lambda g, x, b, axis=None, keepdims=False: log_weighted_x(g, x, b, axis),
    b=lambda g, x, b, axis=None, keepdims=False: log_weighted_b(g, x, b, axis),
)
def log_weighted(x: Any, b: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Logarithm of a weighted sum of exponentials, for numbers and weights of one shape."""
    kind = np.result_type(x, b)
    _, total, top = weighed(wide(x), wide(b), axis)
    with np.errstate(divide="ignore"):
        out = np.log(total) + top
    out = rounded(out, kind if differentiable(kind) else np.float64)
    return out if keepdims else np.sum(out, axis=axis)


# book/rules/softmax.md: Terms that count more than once
def logsumexp(x: H, axis: Any = None, keepdims: bool = False, b: Any = None) -> H:
    """Logarithm of the sum of exponentials, without overflow.

    Parameters
    ----------
    x : array_like or Variable
        Any shape.
    axis : int, tuple of int or None
        Axes to reduce; all of them for None.
    keepdims : bool
        Keep the reduced axes with length 1.
    b : array_like or Variable, optional
        Weights of the exponentials, broadcast against `x`.

    Returns
    -------
    array or Variable
        The shape of ``np.sum(x, axis, keepdims=keepdims)``; minus infinity for no elements,
        NaN for a sum below zero.
    """
    if b is None:
        return log_sum(x, axis=axis, keepdims=keepdims)
    both: Any = np.broadcast_arrays(x, b)
    return log_weighted(both[0], both[1], axis=axis, keepdims=keepdims)


# book/rules/softmax.md: The logarithm of a weight
def log_softmax_x(g: Any, out: Any, axis: Any) -> Any:
    """Cotangent of a log-softmax: g less its sum times the weights."""
    g, out = wide(g), wide(out)
    return g - np.exp(out) * np.sum(g, axis=axis, keepdims=True)


@primitive("x", composite=True, x=lambda g, out, axis=-1: log_softmax_x(g, out, axis))
@in_single
def log_softmax(x: H, axis: Any = -1) -> H:
    """Logarithm of the softmax, finite where the softmax itself is rounded to 0."""
    low = lowered(x, axis)[0]
    return low - log_total(low, axis)


# book/rules/softmax.md: The logarithm of a weight
functions[np.logaddexp.reduce] = along_first(log_sum)
