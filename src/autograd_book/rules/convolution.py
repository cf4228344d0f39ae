"""Convolution.

Convolution along one axis or two, with stride, padding, dilation and groups,
and ``sliding_window_view`` on a Variable.

::

    import numpy as np
    from autograd_book import Variable
    from autograd_book.rules.convolution import conv2d

    images = np.arange(2.0 * 8 * 8).reshape(2, 1, 8, 8)
    weights = Variable(np.ones((4, 1, 3, 3)))
    z = conv2d(images, weights, padding="same")
    z.sum().backward()
    print(z.shape, weights.grad.shape)
"""
# Generated from book/rules/convolution.md by autograd-book extract; edit the chapter, not this file.
# sha256: 33a61df836227d775ebd4717d37022fdcc94973a4b6b1e8b7cd9ad863c3e67e8

__all__ = [
    "windows",
    "fold",
    "sliding_window_view",
    "Sliding",
    "all_windows",
    "all_folds",
    "columns",
    "rows",
    "matrix",
    "conv",
    "conv_x",
    "conv_w",
    "each",
    "borders",
    "padded",
    "ready",
    "expect_axes",
    "convolution",
    "conv1d",
    "conv2d",
]


# book/rules/convolution.md: Windows
import math
from typing import Any

import numpy as np

from autograd_book.graph.methods import H
from autograd_book.graph.protocols import implements, primitive
from autograd_book.rules.indexing import scatter_add


# book/rules/convolution.md: Windows
@primitive(
    "x", linear="x", view=True,
    x=lambda g, x_shape, size, axis, step=1, spread=1: fold(
        g, x_shape[axis], axis, step, spread
    ),
)
def windows(x: Any, size: int, axis: int, step: int = 1, spread: int = 1) -> Any:
    """Windows along an axis, laid out along a new last axis; a view.

    Parameters
    ----------
    x : array or Variable
        Any shape.
    size : int
        Number of elements in a window.
    axis : int
        The axis that windows slide along; in the result it counts the windows.
    step : int
        Distance from one window to the next.
    spread : int
        Distance from one element of a window to the next.
    """
    before: Any = [slice(None)] * (axis % x.ndim)
    every = np.lib.stride_tricks.sliding_window_view(x, spread * (size - 1) + 1, axis)
    return every[(*before, slice(None, None, step), ..., slice(None, None, spread))]


# book/rules/convolution.md: Fold
@primitive(
    "w", linear="w",
    w=lambda g, w_shape, length, axis, step=1, spread=1: windows(
        g, w_shape[-1], axis, step, spread
    ),
)
def fold(w: Any, length: int, axis: int, step: int = 1, spread: int = 1) -> Any:
    """Windows added up where they overlap: the transpose of `windows`."""
    *shape, size = w.shape
    axis %= len(shape)
    count, shape[axis] = shape[axis], length
    out, before = np.zeros_like(w[..., 0], shape=shape), [slice(None)] * axis
    for start in range(0, size * spread, spread):
        places = (*before, slice(start, start + step * count, step))
        out[places] += w[..., start // spread]
    return out


# book/rules/convolution.md: NumPy's own windows
from autograd_book.graph.errors import DifferentiationValueError, NoRuleError, with_usage


@implements(np.lib.stride_tricks.sliding_window_view)
def sliding_window_view(
    x: Any,
    window_shape: Any,
    axis: Any = None,
    *,
    subok: bool = False,
    writeable: bool = False,
) -> Any:
    """`numpy.lib.stride_tricks.sliding_window_view`, one axis after another."""
    if writeable:
        raise NoRuleError(
            "sliding_window_view of a Variable was called with writeable=True, and "
            "a write into a window would change its neighbours. Leave writeable away."
        )
    sizes = tuple(np.atleast_1d(window_shape).tolist())
    axes = range(len(x.shape)) if axis is None else tuple(np.atleast_1d(axis).tolist())
    if len(sizes) != len(axes):
        raise DifferentiationValueError(
            f"windows of shape {sizes} were to slide along the axes {tuple(axes)} of "
            f"an array of shape {x.shape}. Give one length for each axis."
        )
    rank = len(x.shape)
    for size, along in zip(sizes, axes):
        x = windows(x, size, range(rank)[along])
    return x


# book/rules/convolution.md: Several axes
from typing import NamedTuple


class Sliding(NamedTuple):
    """How windows slide: for each axis their size, their step, and their spread."""

    sizes: tuple[int, ...]
    steps: tuple[int, ...]
    spreads: tuple[int, ...]
    groups: int = 1


# book/rules/convolution.md: Several axes
@primitive(
    "x", linear="x", view=True,
    x=lambda g, x_shape, how: all_folds(g, x_shape[-len(how.sizes) :], how),
)
def all_windows(x: Any, how: Sliding) -> Any:
    """Windows along the last axes of x; the axes inside a window come last, in order."""
    reach = [d * (k - 1) + 1 for k, d in zip(how.sizes, how.spreads)]
    axes = tuple(range(-len(reach), 0))
    every = np.lib.stride_tricks.sliding_window_view(x, reach, axes)
    kept: Any = [slice(None, None, n) for n in (*how.steps, *how.spreads)]
    return every[(..., *kept)]


# book/rules/convolution.md: Several axes
@primitive("w", linear="w", w=lambda g, lengths, how: all_windows(g, how))
def all_folds(w: Any, lengths: tuple[int, ...], how: Sliding) -> Any:
    """The transpose of `all_windows`, for axes of the given lengths."""
    n = len(lengths)
    before, counts = w.shape[: -2 * n], w.shape[-2 * n : -n]
    first: Any = (..., *[0] * n)
    out = np.zeros_like(w[first], shape=(*before, *lengths))
    sides = [*zip(counts, how.steps, how.spreads)]
    for place in np.ndindex(*how.sizes):
        at: Any = [slice(i * d, i * d + s * k, s) for i, (k, s, d) in zip(place, sides)]
        out[(..., *at)] += w[(..., *place)]
    return out


# book/rules/convolution.md: A product of matrices
def columns(w: Any, groups: int) -> Any:
    """Windows as columns: (groups, channels and places inside, windows and examples)."""
    n = (w.ndim - 2) // 2
    order = (1, *range(n + 2, 2 * n + 2), *range(2, n + 2), 0)
    height = w.shape[1] // groups * math.prod(w.shape[n + 2 :])
    return w.transpose(order).reshape(
        groups, height, math.prod(w.shape[2 : n + 2]) * w.shape[0]
    )


# book/rules/convolution.md: A product of matrices
def rows(z: Any, groups: int) -> Any:
    """Results as rows: (groups, channels, windows and examples)."""
    return np.moveaxis(z, 0, -1).reshape(
        groups, z.shape[1] // groups, math.prod(z.shape[2:]) * z.shape[0]
    )


# book/rules/convolution.md: A product of matrices
def matrix(w: Any, groups: int) -> Any:
    """Weights as matrices: (groups, channels of the result, channels and places inside)."""
    return w.reshape(groups, w.shape[0] // groups, math.prod(w.shape[1:]))


# book/rules/convolution.md: The three functions
@primitive(
    "x w", linear="x w",
    x=lambda g, x_shape, w, how: conv_x(g, w, x_shape, how),
    w=lambda g, x, w_shape, how: conv_w(x, g, w_shape, how),
)
def conv(x: Any, w: Any, how: Sliding) -> Any:
    """The result z of weights w on all windows of x."""
    seen, n = all_windows(x, how), len(how.sizes)
    z = matrix(w, how.groups) @ columns(seen, how.groups)
    return np.moveaxis(z.reshape(w.shape[0], *seen.shape[2 : n + 2], x.shape[0]), -1, 0)


# book/rules/convolution.md: The three functions
@primitive(
    "z w", linear="z w",
    z=lambda g, w, shape, how: conv(g, w, how),
    w=lambda g, z, w_shape, how: conv_w(g, z, w_shape, how),
)
def conv_x(z: Any, w: Any, shape: tuple[int, ...], how: Sliding) -> Any:
    """The transpose of `conv` in x: from results to an array of the shape of x."""
    n = len(how.sizes)
    spread = matrix(w, how.groups).swapaxes(1, 2) @ rows(z, how.groups)
    spread = spread.reshape(shape[1], *how.sizes, *z.shape[2:], z.shape[0])
    order = (2 * n + 1, 0, *range(n + 1, 2 * n + 1), *range(1, n + 1))
    return all_folds(spread.transpose(order), shape[2:], how)


# book/rules/convolution.md: The three functions
@primitive(
    "x z", linear="x z",
    x=lambda g, x_shape, z, how: conv_x(z, g, x_shape, how),
    z=lambda g, x, shape, how: conv(x, g, how),
)
def conv_w(x: Any, z: Any, shape: tuple[int, ...], how: Sliding) -> Any:
    """The transpose of `conv` in w: from results to an array of the shape of w."""
    return (
        rows(z, how.groups) @ columns(all_windows(x, how), how.groups).swapaxes(1, 2)
    ).reshape(shape)


# book/rules/convolution.md: The edge
def each(value: Any, n: int, name: str) -> tuple[int, ...]:
    """One number for each of n axes, all positive, from one number or from n."""
    values = tuple(np.atleast_1d(value).tolist()) * (n if np.ndim(value) == 0 else 1)
    if len(values) != n or not all(isinstance(v, int) and v > 0 for v in values):
        raise DifferentiationValueError(
            f"{name}={value!r} was given where windows slide along {n} axes. "
            "Give a positive integer, or one for each axis."
        )
    return values


# book/rules/convolution.md: The edge
from collections.abc import Sequence


def borders(padding: Any, reach: tuple[int, ...]) -> list[tuple[int, int]]:
    """How many elements to add before and after each axis, for windows of such reach."""
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise DifferentiationValueError(
                f"padding={padding!r} is not known. Use 'same', 'valid', or numbers."
            )
        lost = [(r - 1) * (padding == "same") for r in reach]
        return [(n // 2, n - n // 2) for n in lost]
    entries = list(padding) if isinstance(padding, Sequence) else [padding] * len(reach)
    widths = [tuple(p) if isinstance(p, Sequence) else (p, p) for p in entries]
    numbers = [
        n for pair in widths for n in pair if isinstance(n, (int, np.integer)) and n >= 0
    ]
    if {len(pair) for pair in widths} != {2} or len(numbers) != 2 * len(reach):
        raise DifferentiationValueError(
            f"padding={padding!r} was given for {len(reach)} axes. "
            "Give an integer, or for each axis an integer or a pair (before, after)."
        )
    return widths


# book/rules/convolution.md: The edge
def padded(x: Any, widths: list[tuple[int, int]], fill: float = 0.0) -> Any:
    """x with its last axes extended before and after by a constant."""
    if not any(map(any, widths)):
        return x
    inner = x.shape[-len(widths) :]
    at = [slice(before, before + n) for n, (before, _) in zip(inner, widths)]
    outer = tuple([before + n + after for n, (before, after) in zip(inner, widths)])
    out = scatter_add(x, (*x.shape[: -len(widths)], *outer), (..., *at))
    if fill == 0.0:
        return out
    return np.where(np.pad(np.ones(inner, np.bool_), widths), out, fill)


# book/rules/convolution.md: What fits
def ready(x: Any, how: Sliding, padding: Any, fill: float = 0.0) -> Any:
    """x with its border, after checking that the windows fit."""
    if isinstance(padding, str) and padding == "same" and max(how.steps) > 1:
        raise DifferentiationValueError(
            f"padding='same' was given with a stride of {how.steps}, which makes the "
            "result smaller. Give padding in numbers, or a stride of 1."
        )
    reach = tuple([d * (k - 1) + 1 for k, d in zip(how.sizes, how.spreads)])
    out = padded(x, borders(padding, reach), fill)
    if any(n < r for n, r in zip(out.shape[2:], reach)):
        raise DifferentiationValueError(
            f"windows that reach over {reach} do not fit into an array of shape {x.shape} "
            f"with padding={padding!r}. "
            "Use smaller windows, less dilation, or more padding."
        )
    return out


# book/rules/convolution.md: What fits
def expect_axes(x: Any, n: int, weights: Any = None) -> None:
    """Raise unless x, and weights if any, have n axes besides the first two."""
    shapes = [np.shape(a) for a in (x, weights) if a is not None]
    if any(len(shape) != n + 2 for shape in shapes):
        named = " and weights of shape ".join(map(str, shapes))
        raise DifferentiationValueError(
            f"windows along {n} axes were to slide over x of shape {named}. "
            f"Give each of them two axes for examples and channels, and {n} more."
        )


# book/rules/convolution.md: Convolution for any number of axes
def convolution(
    n: int,
    x: Any,
    weights: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
) -> Any:
    """Convolution along n axes; `conv1d` and `conv2d` say what the parameters are."""
    expect_axes(x, n, weights)
    (outs, ins), channels = weights.shape[:2], x.shape[1]
    if groups < 1 or ins * groups != channels or outs % groups:
        raise DifferentiationValueError(
            f"weights of shape {weights.shape} do not fit x of shape {x.shape} "
            f"with {groups=}. Weights are (out, in / groups, ...), and groups "
            "divides both numbers of channels."
        )
    if bias is not None and np.shape(bias) != (outs,):
        raise DifferentiationValueError(
            f"a bias of shape {np.shape(bias)} was given for weights of "
            f"shape {weights.shape}. Give it shape {(outs,)}."
        )
    sizes, steps = each(weights.shape[2:], n, "size"), each(stride, n, "stride")
    how = Sliding(sizes, steps, each(dilation, n, "dilation"), groups)
    z = conv(ready(x, how, padding), weights, how)
    return z if bias is None else z + np.reshape(bias, (outs, *[1] * n))


# book/rules/convolution.md: Convolution for any number of axes
@with_usage
def conv1d(
    x: Any,
    weights: H,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> H:
    """Convolution along one axis, as in neural networks: the weights are not reversed.

    Parameters
    ----------
    x : array or Variable
        Of shape (examples, channels, length).
    weights : array or Variable
        Of shape (out, channels / groups, size).
    bias : array or Variable, optional
        One number for each channel of the result.
    stride : int
        Distance from one window to the next.
    padding : int, pair for each axis, 'same' or 'valid'
        Zeros before and after; 'same' keeps the length, 'valid' adds none.
    dilation : int
        Distance from one element of a window to the next.
    groups : int
        In how many groups of channels to compute, each with weights of its own.

    Returns
    -------
    array or Variable
        Of shape (examples, out, windows).

    Raises
    ------
    DifferentiationValueError
        If shapes do not fit each other.
    """
    return convolution(1, x, weights, bias, stride, padding, dilation, groups)


# book/rules/convolution.md: Convolution for any number of axes
@with_usage
def conv2d(
    x: Any,
    weights: H,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> H:
    """Convolution along two axes: as `conv1d`, with (height, width) for a length.

    `stride`, `padding` and `dilation` may hold one number for each of the two axes.
    """
    return convolution(2, x, weights, bias, stride, padding, dilation, groups)
