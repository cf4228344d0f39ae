"""Cases for book/rules/convolution.md."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from casework import Case, label, strided, transposed, uniform

from autograd_book.rules import convolution as c
from autograd_book.rules.convolution import Sliding

#: Shapes of x and of the weights, and options.
SETTINGS: list[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ((2, 3, 6), (2, 3, 3), {}),
    ((1, 4, 7), (2, 2, 2), {"stride": 2, "padding": 1, "groups": 2}),
    ((2, 1, 7), (1, 1, 2), {"padding": ((2, 0),), "dilation": 2}),
    ((0, 2, 5), (3, 2, 2), {}),
    ((2, 2, 4, 5), (3, 2, 2, 3), {"padding": "same"}),
    ((1, 2, 5, 6), (2, 1, 2, 2), {"stride": (2, 3), "padding": (1, 0), "dilation": (1, 2), "groups": 2}),
    ((1, 1, 4, 4), (1, 1, 4, 4), {"padding": "valid"}),
]
#: Shape, size, axis, step and spread of windows.
WINDOWS = [
    ((6,), 3, 0, 1, 1),
    ((7,), 2, -1, 3, 2),
    ((3, 5), 3, 0, 1, 1),
    ((2, 6, 3), 2, -2, 2, 3),
    ((0, 4), 2, 1, 1, 1),
]
#: Lengths of the last axes, and how windows slide along them.
PLANES = [
    ((6,), Sliding((3,), (1,), (1,))),
    ((4, 5), Sliding((2, 2), (2, 3), (1, 1))),
    ((5, 7), Sliding((2, 3), (1, 2), (2, 1))),
]


def weighted(fun: Callable[..., Any], *args: Any) -> Callable[..., Any]:
    """The square of a function, each element with a weight of its own, so that second derivatives differ from zero."""
    out = fun(*args)
    weights = np.linspace(0.5, 1.5, out.size).reshape(out.shape).astype(np.float32)
    return lambda *xs: fun(*xs) ** 2 * weights


def cases() -> Iterator[tuple[str, Case]]:
    for x, w, options in SETTINGS:
        fun = c.conv1d if len(x) == 3 else c.conv2d
        args = uniform(x), uniform(w, seed=1), uniform(w[:1], seed=2)
        f = lambda x, w, b, fun=fun, options=options: fun(x, w, b, **options)
        yield "conv", Case(weighted(f, *args), args, label(fun.__name__, x, w, options))
    for layout in (transposed, strided):
        args = layout(uniform((2, 2, 4))), layout(uniform((2, 2, 2), seed=1))
        yield "conv", Case(weighted(c.conv1d, *args), args, label("conv1d", layout.__name__))
    z = uniform((1, 1, 4)) + 1j * uniform((1, 1, 4), seed=1)
    yield "conv", Case(c.conv1d, (z, uniform((1, 1, 2)) + 0.5j), "conv1d complex")
    how = Sliding((2,), (2,), (1,), 2)
    args = uniform((2, 4, 3)), uniform((4, 1, 2), seed=1)
    yield "conv_x", Case(weighted(lambda z, w: c.conv_x(z, w, (2, 2, 7), how), *args), args, "conv_x")
    args = uniform((2, 2, 7)), uniform((2, 4, 3), seed=1)
    yield "conv_w", Case(weighted(lambda x, z: c.conv_w(x, z, (4, 1, 2), how), *args), args, "conv_w")
    for shape, size, axis, step, spread in WINDOWS:
        f = lambda x, size=size, axis=axis, step=step, spread=spread: c.windows(x, size, axis, step, spread)
        x = uniform(shape)
        name = (shape, size, axis, step, spread)
        yield "windows", Case(weighted(f, x), (x,), label("windows", *name))
        f = lambda w, n=shape[axis], axis=axis, step=step, spread=spread: c.fold(w, n, axis, step, spread)
        w = uniform(c.windows(x, size, axis, step, spread).shape, seed=1)
        yield "fold", Case(weighted(f, w), (w,), label("fold", *name))
    for lengths, sliding in PLANES:
        f = lambda x, sliding=sliding: c.all_windows(x, sliding)
        x = uniform((2, *lengths))
        yield "all_windows", Case(weighted(f, x), (x,), label("all_windows", lengths, sliding))
        f = lambda w, lengths=lengths, sliding=sliding: c.all_folds(w, lengths, sliding)
        w = uniform(c.all_windows(x, sliding).shape, seed=1)
        yield "all_folds", Case(weighted(f, w), (w,), label("all_folds", lengths, sliding))
    for shape, window, axis in [((5,), 2, None), ((3, 4), (2, 3), None), ((3, 4), 2, -1), ((4, 2, 5), (2, 3), (-1, 0)),
                                ((6,), (2, 3), (0, 0))]:
        f = lambda x, window=window, axis=axis: np.lib.stride_tricks.sliding_window_view(x, window, axis)
        x = uniform(shape)
        yield "sliding_window_view", Case(weighted(f, x), (x,), label("sliding_window_view", shape, window, axis))
