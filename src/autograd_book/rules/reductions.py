"""Reductions.

Sums, means, maxima and minima over any axes, ``logsumexp``, and what follows
from them: variance and standard deviation.

::

    import numpy as np
    from autograd_book import Variable
    from autograd_book.rules.reductions import logsumexp

    x = Variable([[0.0, 1.0], [1000.0, 1000.0]])
    total = logsumexp(x, axis=1)
    total.sum().backward()
    print(total.numpy(), x.grad.numpy())
"""
# Generated from book/rules/reductions.md by autograd-book extract; edit the chapter, not this file.
# sha256: d9afe514d47ce9306d69085611b50c93fe98e55a74caf2a185121947abece359

__all__ = [
    "kept",
    "spread",
    "count",
    "winners",
    "softmax_of",
    "logsumexp",
    "var",
    "std",
]


# book/rules/reductions.md:56
import math
from typing import Any

import numpy as np

from autograd_book.graph.primitive import Primitive
from autograd_book.graph.variable import functions, implements, primitive


def kept(shape: tuple[int, ...], axis: Any) -> tuple[int, ...]:
    """The shape that a reduction over `axis` leaves when it keeps the reduced axes as 1."""
    axes = range(len(shape)) if axis is None else (axis,) if np.ndim(axis) == 0 else axis
    gone = {a % len(shape) for a in axes} if shape else set()
    return tuple([1 if i in gone else n for i, n in enumerate(shape)])


# book/rules/reductions.md:81
def spread(g: Any, shape: tuple[int, ...], axis: Any) -> Any:
    """Copy the cotangent of a reduction over `axis` back along it, into `shape`."""
    return np.broadcast_to(np.reshape(g, kept(shape, axis)), shape)


def count(shape: tuple[int, ...], axis: Any) -> int:
    """How many elements a reduction over `axis` puts into each result."""
    return math.prod(n for n, left in zip(shape, kept(shape, axis)) if n != left)


# book/rules/reductions.md:115
Primitive(np.sum, "x", x=lambda g, x_shape, axis=None, keepdims=False: spread(g, x_shape, axis))
Primitive(np.mean, "x", x=lambda g, x_shape, axis=None, keepdims=False: spread(g / count(x_shape, axis), x_shape, axis))


# book/rules/reductions.md:138
def winners(g: Any, x: Any, out: Any, axis: Any) -> Any:
    """Share the cotangent of a maximum or minimum equally between the elements that attained it."""
    shape = kept(x.shape, axis)
    won = np.equal(x, np.reshape(out, shape))
    return won * (np.reshape(g, shape) / np.sum(won, axis=axis, dtype=g.dtype).reshape(shape))


Primitive(np.max, "x", x=lambda g, x, out, axis=None, keepdims=False: winners(g, x, out, axis))
Primitive(np.min, "x", x=lambda g, x, out, axis=None, keepdims=False: winners(g, x, out, axis))
functions.update({np.amax: np.max, np.amin: np.min})


# book/rules/reductions.md:173
for fun in (np.argmax, np.argmin, np.all, np.any, np.count_nonzero):
    Primitive(fun, "x", flat=True)


# book/rules/reductions.md:202
def softmax_of(g: Any, x: Any, out: Any, axis: Any) -> Any:
    """Cotangent of logsumexp: g times the softmax of x."""
    shape = kept(x.shape, axis)
    return np.reshape(g, shape) * np.exp(x - np.reshape(out, shape))


# book/rules/reductions.md:217
@primitive("x", x=lambda g, x, out, axis=None, keepdims=False: softmax_of(g, x, out, axis))
def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Logarithm of the sum of exponentials, without overflow.

    Parameters
    ----------
    x : array_like or Variable
        Any shape.
    axis : int, tuple of int or None
        Axes to reduce; all of them for None.
    keepdims : bool
        Keep the reduced axes with length 1.

    Returns
    -------
    array or Variable
        The shape of ``np.sum(x, axis, keepdims=keepdims)``.
    """
    x = np.asarray(x)
    top = np.max(x, axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0).astype(x.dtype)
    out = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return out if keepdims else out.reshape(np.sum(top, axis=axis).shape)[()]


# book/rules/reductions.md:291
@implements(np.var)
def var(x: Any, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Any:
    """Variance over `axis`, as `numpy.var`."""
    centred = x - np.mean(x, axis=axis, keepdims=True)
    return np.sum(centred * centred, axis=axis, keepdims=keepdims) / (count(x.shape, axis) - ddof)


@implements(np.std)
def std(x: Any, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Any:
    """Standard deviation over `axis`, as `numpy.std`."""
    return np.sqrt(var(x, axis, ddof, keepdims))
