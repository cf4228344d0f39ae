"""Cases for book/rules/reductions.md."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from casework import Case, label, strided, transposed, uniform

import autograd_book as ab

# Reductions: shape and axis.
AXES: list[tuple[tuple[int, ...], Any]] = [
    ((), None),
    ((3,), None),
    ((3,), 0),
    ((3,), -1),
    ((2, 3), None),
    ((2, 3), 1),
    ((2, 3, 4), -2),
    ((2, 3, 4), (0, 2)),
    ((2, 3, 4), (-1, 0)),
    ((2, 3), ()),
    ((1, 3), 0),
    ((2, 0), 0),
]
REDUCTIONS = {
    **{"sum": np.sum, "prod": np.prod, "mean": np.mean, "max": np.max, "min": np.min, "log_sum": ab.logsumexp},
    **{"var": np.var, "std": np.std, "ptp": np.ptp},
}
NAN = {
    **{"nansum": np.nansum, "nanprod": np.nanprod, "nanmean": np.nanmean, "nanvar": np.nanvar},
    **{"nanstd": np.nanstd, "nanmax": np.nanmax, "nanmin": np.nanmin},
}
METHODS = {
    **{"add": np.add, "multiply": np.multiply, "maximum": np.maximum, "minimum": np.minimum},
    **{"fmax": np.fmax, "fmin": np.fmin, "logaddexp": np.logaddexp},
}
MASK = np.array([[True, False, True, True], [False, True, True, False], [True, True, True, True]])
ZEROS = {
    "one zero": [2.0, 0.0, 5.0, 3.0],
    "two zeros": [2.0, 0.0, 0.0, 3.0],
    "three zeros": [0.0, 0.0, 2.0, 0.0],
    "a zero in each row": [[0.0, 2.0, 3.0], [4.0, 0.0, 0.5]],
}


def call(fun: Callable[..., Any], **options: Any) -> Callable[[Any], Any]:
    return lambda x: fun(x, **options)


def complex_uniform(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return uniform(shape, seed=seed) + 1j * uniform(shape, seed=seed + 50)


def with_holes(shape: tuple[int, ...]) -> Callable[[Callable[..., Any]], Callable[[Any], Any]]:
    """A function of x with NaN put into fixed places, which difference quotients cannot move."""
    holes = np.zeros(shape, bool)
    holes.flat[::5] = True
    return lambda fun: lambda x: fun(np.where(holes, np.nan, x))


def options_of(name: str) -> Iterator[dict[str, Any]]:
    if name in ("sum", "prod", "max", "min"):
        yield {"initial": 0.5}
        yield {"axis": 1, "initial": 1.5}
        yield {"axis": 0, "initial": 0.5, "where": MASK}
        yield {"axis": 1, "initial": 0.5, "where": MASK[:, :1], "keepdims": True}
    if name in ("sum", "prod", "mean", "var", "std"):
        yield {"axis": 1, "where": MASK}
        yield {"axis": (0, 1), "where": MASK[2], "keepdims": True}
        yield {"axis": -1, "dtype": np.float64}
    if name in ("var", "std"):
        yield {"axis": 0, "ddof": 1}
        yield {"axis": -1, "ddof": 1.5, "keepdims": True}
        yield {"axis": 1, "ddof": 1, "where": MASK[2:]}
        if np.lib.NumpyVersion(np.__version__) >= "2.0.0":
            yield {"axis": 0, "correction": 1}
            yield {"mean": 0.25, "axis": 1}


def cases() -> Iterator[tuple[str, Case]]:
    for name, fun in REDUCTIONS.items():
        for (shape, axis), keepdims in itertools.product(AXES, (False, True)):
            if name == "ptp" and axis == ():
                continue  # NumPy before 2.0 takes no axes for all of them
            kind = "keepdims" if keepdims else ""
            yield name, Case(call(fun, axis=axis, keepdims=keepdims), (uniform(shape),), label(name, shape, axis, kind))
        for layout in (transposed, strided):
            yield name, Case(call(fun, axis=1), (layout(uniform((3, 4))),), label(name, layout.__name__))
        for i, options in enumerate(options_of(name)):
            words = " ".join(key for key in options)
            yield name, Case(call(fun, **options), (uniform((3, 4)),), label(name, i, words))
    for name in ("sum", "prod"):
        for shape in [(0,), (0, 3)]:
            yield name, Case(REDUCTIONS[name], (uniform(shape),), label(name, "of nothing", shape))
    for name in ("sum", "prod", "mean", "var", "std"):
        for axis in (None, 0, (1, 0)):
            z = complex_uniform((2, 3))
            yield name, Case(call(REDUCTIONS[name], axis=axis), (z,), label("complex", name, axis))
    for zeros, values in ZEROS.items():
        for axis in (None, -1, 0):
            f = lambda x, axis=axis: np.tanh(np.prod(x + 1.0, axis=axis))  # differences are taken around 1, in size
            yield "prod", Case(f, (np.array(values) - 1.0,), label("prod", zeros, axis))
    for name, fun in NAN.items():
        for axis, keepdims in ((None, False), (1, False), (0, True), ((0, 1), False)):
            f = with_holes((3, 4))(call(fun, axis=axis, keepdims=keepdims))
            yield name, Case(f, (uniform((3, 4)),), label(name, axis, "keepdims" if keepdims else ""))
    yield "nanvar", Case(with_holes((3, 4))(call(np.nanvar, axis=1, ddof=1, where=MASK[0])), (uniform((3, 4)),), "nanvar where ddof")
    for name, ufunc in METHODS.items():
        for options in ({}, {"axis": 1, "keepdims": True}):
            yield f"{name}.reduce", Case(call(ufunc.reduce, **options), (uniform((3, 4)),), label(name, "reduce", *options))
