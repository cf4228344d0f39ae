"""Cases for book/rules/fourier.md."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from casework import Case, label, strided, transposed, uniform

import autograd_book.rules.fourier  # noqa: F401

NORMS = (None, "ortho", "forward")
HALF = ("hfft", "irfft")  #: Take half a spectrum.
REAL = ("rfft", "ihfft")  #: Take real numbers only.
#: Shape and options of transforms along one axis.
SINGLE: list[tuple[tuple[int, ...], dict[str, Any]]] = [
    ((4,), {}),
    ((5,), {}),
    ((2, 4), {"axis": 0}),
    ((2, 3, 3), {"axis": -2}),
    ((5,), {"n": 3}),
    ((5,), {"n": 7}),
    ((3, 2), {"n": 6, "axis": 0}),
    ((3, 2), {"n": 1, "axis": -2}),
    ((0, 4), {}),
    *(((4,), {"n": n, "norm": norm}) for n in (4, 5, 8) for norm in NORMS[1:]),
]
#: Shape and options of transforms along several axes.
SEVERAL: list[tuple[tuple[int, ...], dict[str, Any]]] = [
    ((3, 4), {}),
    ((2, 3, 4), {"axes": (0, 2)}),
    ((2, 3, 4), {"axes": (-1, 0), "norm": "ortho"}),
    ((3, 4), {"s": (2, 5), "axes": (0, 1)}),
    ((3, 4), {"s": (4, 3), "axes": (-1, -2), "norm": "forward"}),
    ((3, 5), {"norm": "backward"}),
]


def complex_like(x: np.ndarray) -> np.ndarray:
    return x + 1j * uniform(x.shape, seed=5)


def curved(fun: Callable[..., Any]) -> Callable[..., Any]:
    """The square, so that second derivatives differ from zero."""
    return lambda x: fun(x) * fun(x)


def cases() -> Iterator[tuple[str, Case]]:
    for name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft"):
        fun = getattr(np.fft, name)
        for shape, options in SINGLE:
            f = lambda x, fun=fun, options=options: fun(x, **options)
            x = uniform(shape)
            yield name, Case(curved(f), (x if name in REAL else complex_like(x),), label(name, shape, options))
        if name not in REAL:
            yield name, Case(curved(lambda x, fun=fun: fun(x, 6)), (uniform((4,)),), label(name, "of real numbers"))
        for layout in (transposed, strided):
            f = lambda x, fun=fun: fun(x, axis=0)
            yield name, Case(curved(f), (layout(uniform((3, 2))),), label(name, layout.__name__))
    for name in ("fftn", "ifftn", "fft2", "ifft2", "rfftn", "irfftn", "rfft2", "irfft2"):
        fun = getattr(np.fft, name)
        for shape, options in SEVERAL:
            f = lambda x, fun=fun, options=options: fun(x, **options)
            x = uniform(shape)
            yield name, Case(curved(f), (x if "rfft" in name[:4] else complex_like(x),), label(name, shape, options))
    for name in ("fftshift", "ifftshift"):
        fun = getattr(np.fft, name)
        for shape, axes in [((4,), None), ((5,), 0), ((2, 3), None), ((2, 3, 5), (0, -1)), ((0, 3), 1)]:
            weights = np.arange(1.0, 1.0 + np.prod(shape, dtype=int)).reshape(shape).astype(np.float32)
            f = lambda x, fun=fun, axes=axes, weights=weights: fun(x, axes=axes) ** 2 * weights
            yield name, Case(f, (uniform(shape),), label(name, shape, axes))
