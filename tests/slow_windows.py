"""Windows found by loops over places, an oracle for convolution and pooling."""

import itertools

import numpy as np


def per_axis(value, n):
    return [value] * n if np.ndim(value) == 0 else list(value)


def surrounded(x, padding, reach, fill):
    """x with its border, by NumPy."""
    n = len(reach)
    if isinstance(padding, str):
        padding = [((r - 1) // 2, r // 2) if padding == "same" else (0, 0) for r in reach]
    widths = [(p, p) if np.ndim(p) == 0 else p for p in per_axis(padding, n)]
    return np.pad(x, [(0, 0)] * (x.ndim - n) + widths, constant_values=fill)


def slow_windows(x, sizes, stride, dilation):
    """Each place of a result, and the window that it looks at."""
    n = len(sizes)
    strides, spreads = per_axis(stride, n), per_axis(dilation, n)
    counts = [(m - d * (k - 1) - 1) // s + 1 for m, k, s, d in zip(x.shape[2:], sizes, strides, spreads, strict=True)]
    for place in itertools.product(*map(range, counts)):
        starts = [i * s for i, s in zip(place, strides, strict=True)]
        cut = tuple(slice(a, a + d * (k - 1) + 1, d) for a, k, d in zip(starts, sizes, spreads, strict=True))
        yield counts, place, x[(slice(None), slice(None), *cut)]
