"""Cases for book/rules/scans.md."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from casework import Case, label, strided, transposed, uniform

from autograd_book.rules.scans import recurrence

SCANS = {"cumsum": np.cumsum, "cumprod": np.cumprod}
ACCUMULATE = {"add": np.add, "multiply": np.multiply, "maximum": np.maximum, "minimum": np.minimum}
AXES: list[tuple[tuple[int, ...], Any]] = [
    ((), None),
    ((3,), None),
    ((5,), 0),
    ((2, 3), None),
    ((2, 3), -1),
    ((2, 3, 4), -2),
    ((1, 3), 0),
    ((0,), 0),
    ((2, 0), 0),
]
NEW = [name for name in ("cumulative_sum", "cumulative_prod") if hasattr(np, name)]


def call(fun: Callable[..., Any], *args: Any, **options: Any) -> Callable[[Any], Any]:
    return lambda x: fun(x, *args, **options)


def complex_uniform(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return uniform(shape, seed=seed) + 1j * uniform(shape, seed=seed + 50)


def cases() -> Iterator[tuple[str, Case]]:
    for name, fun in SCANS.items():
        for shape, axis in AXES:
            yield name, Case(call(fun, axis=axis), (uniform(shape),), label(name, shape, axis))
        for layout in (transposed, strided):
            yield name, Case(call(fun, axis=0), (layout(uniform((3, 4))),), label(name, layout.__name__))
        yield name, Case(call(fun, axis=1), (complex_uniform((2, 3)),), label(name, "complex"))
        yield name, Case(call(fun, 1, np.float64), (uniform((2, 3)),), label(name, "dtype"))
    for zeros in ([2.0, 0.0, 5.0, 3.0], [2.0, 0.0, 0.0, 3.0, 1.0], [[0.0, 2.0], [3.0, 0.0], [0.0, 0.0]]):
        f = lambda x: np.tanh(np.cumprod(x + 1.0, axis=0))
        yield "cumprod", Case(f, (np.array(zeros) - 1.0,), label("cumprod of zeros", np.shape(zeros)))
    for axis in (0, 1):
        args = uniform((3, 5)), uniform((3, 5), seed=1)
        yield "recurrence", Case(lambda x, a, axis=axis: recurrence(x, a, axis), args, label("recurrence", axis))
    args = complex_uniform((5,)), complex_uniform((5,), 1)
    yield "recurrence", Case(recurrence, args, "recurrence complex")
    for name, ufunc in ACCUMULATE.items():
        for axis in (0, -1):
            yield f"{name}.accumulate", Case(call(ufunc.accumulate, axis), (uniform((3, 4)),), label(name, "accumulate", axis))
    holes = lambda x: np.where(np.array([False, True, False, True]), np.nan, x)
    for fun in (np.nancumsum, np.nancumprod):
        for axis in (None, 0, 1):
            f = lambda x, fun=fun, axis=axis: fun(holes(x), axis)
            yield fun.__name__, Case(f, (uniform((3, 4)),), label(fun.__name__, axis))
    for name in NEW:
        fun = getattr(np, name)
        for initial in (False, True):
            yield name, Case(call(fun, include_initial=initial), (uniform((3,)),), label(name, initial))
            yield name, Case(call(fun, axis=1, include_initial=initial), (uniform((2, 3)),), label(name, 1, initial))
