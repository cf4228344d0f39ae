"""Fourier transforms.

All transforms of ``np.fft`` work on a Variable, for real and complex numbers,
all lengths, axes and norms.

::

    import numpy as np
    from autograd_book import Variable

    x = Variable([1.0, 2.0, 3.0, 4.0, 5.0])
    power = np.abs(np.fft.rfft(x)) ** 2
    power.sum().backward()
    print(x.grad)
"""
# Generated from book/rules/fourier.md by autograd-book extract; edit the chapter, not this file.
# sha256: e54212911180dcc0002ae7e87c1a3dc5d7a3eac2f6148d5a6a828ddf5c8c2009

__all__ = ["fitted", "transform", "mirrored", "Sides", "sides", "several"]


# book/rules/fourier.md: Lengths
from typing import Any

import numpy as np

from autograd_book.graph.primitive import Primitive
from autograd_book.rules.indexing import scatter_add


def fitted(x: Any, length: int, axis: int) -> Any:
    """x cut, or filled up with zeros, to a length along an axis."""
    axis %= len(x.shape)
    before, after = x.shape[:axis], x.shape[axis + 1 :]
    kept = (*[slice(None)] * axis, slice(min(length, x.shape[axis])))
    if length > x.shape[axis]:
        return scatter_add(x, (*before, length, *after), kept)
    return x if length == x.shape[axis] else x[kept]


# book/rules/fourier.md: Lengths
def transform(fun: Any, rule: Any) -> Primitive:
    """Row of a transform along one axis; the rule's cotangent is fitted to the argument."""
    return Primitive(
        fun, "a", linear="a",
        a=lambda g, a_shape, n=None, axis=-1, norm=None: fitted(
            rule(g, n or a_shape[axis], axis, norm), a_shape[axis], axis
        ),
    )


# book/rules/fourier.md: Lengths
transform(np.fft.fft, lambda g, n, axis, norm: np.fft.fft(g, n, axis, norm))
transform(np.fft.ifft, lambda g, n, axis, norm: np.fft.ifft(g, n, axis, norm))


# book/rules/fourier.md: Half a spectrum
def mirrored(g: Any, n: int, axis: int, factor: float) -> Any:
    """g times a factor where a frequency has a partner; of n, 0 and n / 2 have none."""
    row = np.full(n // 2 + 1, factor, np.finfo(g.dtype).dtype)
    row[[0, n // 2][: 2 - n % 2]] = 1.0
    return g * row.reshape(
        [-1 if i == axis % len(g.shape) else 1 for i in range(len(g.shape))]
    )


# book/rules/fourier.md: Half a spectrum
transform(
    np.fft.rfft, lambda g, n, axis, norm:
        np.fft.hfft(mirrored(g, n, axis, 0.5), n, axis, norm),
)
transform(
    np.fft.ihfft, lambda g, n, axis, norm:
        np.fft.irfft(mirrored(g, n, axis, 0.5), n, axis, norm),
)
transform(
    np.fft.hfft, lambda g, n, axis, norm:
        mirrored(np.fft.rfft(g, None, axis, norm), g.shape[axis], axis, 2.0),
)
transform(
    np.fft.irfft, lambda g, n, axis, norm:
        mirrored(np.fft.ihfft(g, None, axis, norm), g.shape[axis], axis, 2.0),
)


# book/rules/fourier.md: Several axes
from autograd_book.graph.errors import DifferentiationValueError, NoRuleError
from autograd_book.graph.protocols import functions

#: For each transform its length, or None, and its axis.
Sides = list[tuple[int | None, int]]


def sides(shape: tuple[int, ...], s: Any, axes: Any) -> Sides:
    """Length and axis of each transform, from NumPy's parameters `s` and `axes`."""
    if axes is None:
        axes = range(-len(shape if s is None else s), 0)
    if s is None:
        s = [None] * len(axes)
    if len(s) != len(axes):
        raise DifferentiationValueError(
            f"a transform was given the lengths s={tuple(s)} for the axes {tuple(axes)}. "
            "Give one length for each axis."
        )
    return [(shape[axis] if n == -1 else n, axis) for n, axis in zip(s, axes)]


# book/rules/fourier.md: Several axes
def several(last: Any, others: Any, axes: tuple[int, ...] | None) -> Any:
    """Transform of several axes: a function for the last of them, one for the others."""

    def composed(
        a: Any, s: Any = None, axes: Any = axes, norm: Any = None, out: Any = None
    ) -> Any:
        if out is not None:
            raise NoRuleError(
                "a Fourier transform of a Variable was called with out=, and writing into "
                "an array has no derivative. Leave out= away, and use the result."
            )
        chosen = sides(a.shape, s, axes)
        if not chosen and last is not others:
            raise DifferentiationValueError(
                f"a real Fourier transform of shape {a.shape} was given no axes. "
                "Name one at least, or leave axes= away for all of them."
            )
        steps = [(others, a.shape[k] if n is None else n, k) for n, k in chosen[:-1]]
        steps += [(last, n, k) for n, k in chosen[-1:]]
        for fun, n, axis in reversed(steps) if last is np.fft.rfft else steps:
            a = fun(a, n, axis, norm)
        return a

    return composed


for last, others, many, two in (
    (np.fft.fft, np.fft.fft, np.fft.fftn, np.fft.fft2),
    (np.fft.ifft, np.fft.ifft, np.fft.ifftn, np.fft.ifft2),
    (np.fft.rfft, np.fft.fft, np.fft.rfftn, np.fft.rfft2),
    (np.fft.irfft, np.fft.ifft, np.fft.irfftn, np.fft.irfft2),
):
    functions[many] = several(last, others, None)
    functions[two] = several(last, others, (-2, -1))


# book/rules/fourier.md: Shifts and frequencies
Primitive(
    np.fft.fftshift, "x", linear="x",
    x=lambda g, axes=None: np.fft.ifftshift(g, axes),
)
Primitive(
    np.fft.ifftshift, "x", linear="x",
    x=lambda g, axes=None: np.fft.fftshift(g, axes),
)
