"""Pooling.

Pooling by maximum and mean along one axis or two, with stride and padding.

::

    import numpy as np
    from autograd_book import Variable, avg_pool2d, max_pool2d

    image = Variable(np.arange(16.0).reshape(1, 1, 4, 4))
    z = max_pool2d(image, 2)
    z.sum().backward()
    print(z.numpy().ravel(), avg_pool2d(image, 2).numpy().ravel())
    print(image.grad[0, 0])
"""
# Generated from book/rules/pooling.md by autograd-book extract; edit the chapter, not this file.
# sha256: dc74ff7eb07d5393bfe4c2182dddbbecbaa9a43556036da5a1773810006a4353

__all__ = [
    "over_places",
    "winning",
    "shared",
    "highest",
    "window_mean",
    "pooling",
    "max_pool1d",
    "max_pool2d",
    "avg_pool1d",
    "avg_pool2d",
]


# book/rules/pooling.md: From place to place
import math
from functools import reduce
from typing import Any

import numpy as np

from autograd_book.graph.errors import DifferentiationValueError, with_usage
from autograd_book.graph.methods import H
from autograd_book.graph.protocols import primitive
from autograd_book.rules.convolution import (
    Sliding, all_windows, borders, each, expect_axes, ready,
)
from autograd_book.rules.elementwise import rounded, wide
from autograd_book.rules.softmax import in_single


def over_places(fun: Any, w: Any, n: int) -> Any:
    """A function of two arrays, applied from place to place of windows with n axes."""
    return reduce(fun, [w[(..., *place)] for place in np.ndindex(w.shape[-n:])])


# book/rules/pooling.md: The maximum of a window
@primitive("w out", flat=True)
def winning(w: Any, out: Any, n: int, where: Any = True) -> Any:
    """For each place of windows with n axes, where it attained the maximum `out`."""
    places = [(..., *place) for place in np.ndindex(w.shape[-n:])]
    won = [np.equal(w[place], out) for place in places]
    if np.isnan(out).any():
        won = [hit | np.isnan(w[place]) for hit, place in zip(won, places)]
    if where is not True:
        won = [hit & where[place] for hit, place in zip(won, places)]
    return np.stack(won)


# book/rules/pooling.md: The maximum of a window
def shared(g: Any, w: Any, out: Any, n: int, where: Any) -> Any:
    """Cotangent of windows with n axes: that of each maximum, in equal parts, at the places
    that attained it."""
    won, precise = winning(w, out, n, where).astype(g.dtype), wide(g)
    number = np.sum(won, axis=0, dtype=precise.dtype)
    parts = rounded(precise / number, g.dtype) * won
    return np.reshape(np.moveaxis(parts, 0, -1), w.shape)


# book/rules/pooling.md: The maximum of a window
@primitive("w", w=lambda g, w, out, n, where=True: shared(g, w, out, n, where))
def highest(w: Any, n: int, where: Any = True) -> Any:
    """The maximum of each window; ties of those `where` it is true share the cotangent."""
    return over_places(np.maximum, w, n)


# book/rules/pooling.md: The mean of a window
@primitive(
    "w", linear="w",
    w=lambda g, w_shape, n: np.broadcast_to(
        rounded(wide(g) / math.prod(w_shape[-n:]), g.dtype).reshape(
            (*w_shape[:-n], *[1] * n)
        ),
        w_shape,
    ),
)
@in_single
def window_mean(w: Any, n: int) -> Any:
    """The mean of each window, in double precision for integers."""
    return over_places(np.add, w, n) / math.prod(w.shape[-n:])


# book/rules/pooling.md: Borders of pools
def pooling(
    n: int, over: Any, fill: float, x: Any, kernel: Any, stride: Any, padding: Any
) -> Any:
    """A reduction of all windows along n axes."""
    expect_axes(x, n)
    sizes = each(kernel, n, "kernel")
    how = Sliding(sizes, sizes if stride is None else each(stride, n, "stride"), (1,) * n)
    widths = borders(padding, sizes)
    if any(2 * max(w) > k for w, k in zip(widths, sizes)):
        raise DifferentiationValueError(
            f"padding={padding!r} was given for a kernel of {sizes}, so that windows may "
            "hold padding only. Pad by half of the kernel at most."
        )
    seen = all_windows(ready(x, how, padding, fill), how)
    if fill == 0.0 or not any(map(any, widths)):
        return over(seen, n)
    own = np.pad(np.ones(x.shape[2:], np.bool_), widths)
    return over(seen, n, where=all_windows(own, how))


# book/rules/pooling.md: Borders of pools
@with_usage
def max_pool1d(x: H, kernel: Any, stride: Any = None, padding: Any = 0) -> H:
    """Maximum over windows along one axis.

    Parameters
    ----------
    x : array or Variable
        Of shape (examples, channels, length).
    kernel : int
        Size of a window.
    stride : int, optional
        Distance from one window to the next; by default the size.
    padding : int, pair for each axis, 'same' or 'valid'
        What is added before and after is smaller than every number.

    Returns
    -------
    array or Variable
        Of shape (examples, channels, windows). Elements that tie share the gradient.
    """
    return pooling(1, highest, -np.inf, x, kernel, stride, padding)


# book/rules/pooling.md: Borders of pools
@with_usage
def max_pool2d(x: H, kernel: Any, stride: Any = None, padding: Any = 0) -> H:
    """Maximum over windows along two axes: `max_pool1d` of (height, width)."""
    return pooling(2, highest, -np.inf, x, kernel, stride, padding)


# book/rules/pooling.md: Borders of pools
@with_usage
def avg_pool1d(x: H, kernel: Any, stride: Any = None, padding: Any = 0) -> H:
    """Mean over windows along one axis: as `max_pool1d`, with zeros for padding."""
    return pooling(1, window_mean, 0.0, x, kernel, stride, padding)


# book/rules/pooling.md: Borders of pools
@with_usage
def avg_pool2d(x: H, kernel: Any, stride: Any = None, padding: Any = 0) -> H:
    """Mean over windows along two axes: `avg_pool1d` of (height, width)."""
    return pooling(2, window_mean, 0.0, x, kernel, stride, padding)
