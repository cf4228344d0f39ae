"""Cases for book/rules/moments.md."""

from collections.abc import Iterator

import numpy as np
from casework import Case, label, uniform

from autograd_book.rules.moments import rms_normalize
from cases.reductions import call, complex_uniform


def cases() -> Iterator[tuple[str, Case]]:
    for axis, keepdims in [(0, False), (1, True), (None, False), ((0, 1), True)]:
        shape = (1, 4) if axis == 0 else (3, 1) if axis == 1 else ()
        if np.lib.NumpyVersion(np.__version__) >= "2.0.0":
            for fun in (np.var, np.std):
                f = lambda x, mean, fun=fun, axis=axis, keepdims=keepdims: fun(x, axis, None, None, 1, keepdims, mean=mean)
                yield fun.__name__ + "_about", Case(f, (uniform((3, 4)), uniform(shape)), label(fun.__name__, "mean", axis))
    for shape, axis in (((3, 4), -1), ((3, 4), 0), ((2, 3, 2), (0, 2)), ((0, 3), -1)):
        yield "rms_normalize", Case(call(rms_normalize, axis=axis, eps=1e-2), (uniform(shape),), label("rms_normalize", shape, axis))
    yield from averages()


def averages() -> Iterator[tuple[str, Case]]:
    x, row, column = uniform((3, 4)), uniform((4,), 0.5, 1.5), uniform((3,), 0.5, 1.5)
    full = uniform((3, 4), 0.5, 1.5, seed=1)
    for axis in (None, 0, -1, (0, 1)):
        f = lambda x, w, axis=axis: np.average(x, axis, w)
        yield "average", Case(f, (x, full), label("average", axis))
        yield "average", Case(lambda x, axis=axis: np.average(x, axis), (x,), label("average without weights", axis))
    for axis, w in ((1, row), (-2, column)):
        f = lambda x, w, axis=axis: np.average(x, axis=axis, weights=w, keepdims=True)
        yield "average", Case(f, (x, w), label("average aligned", axis))
    f = lambda x, w: np.average(x, axis=0, weights=w, returned=True)[1]
    yield "average", Case(lambda x, w: f(x, w) + 0 * x[0], (x, column), "average returned")
    yield "average", Case(lambda x, w: np.average(x, 0, w), (complex_uniform((3, 4)), column), "average complex")
