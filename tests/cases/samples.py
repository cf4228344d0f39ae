"""Cases for book/rules/samples.md."""

from collections.abc import Iterator

import numpy as np
from casework import Case, label, strided, uniform

from autograd_book.rules.samples import differences
from cases.scans import call, complex_uniform

AREA = getattr(np, "trapezoid", None) or np.trapz


def cases() -> Iterator[tuple[str, Case]]:
    yield from of_differences()
    yield from gradients()
    yield from areas()
    yield from convolutions()
    yield from tables()
    yield from covariances()


def of_differences() -> Iterator[tuple[str, Case]]:
    for n in (0, 1, 2, 3, 7):
        for axis in (0, -1):
            yield "diff", Case(call(np.diff, n, axis), (uniform((3, 4)),), label("diff", n, axis))
    yield "differences", Case(call(differences, 2, 0), (complex_uniform((5,)),), "differences complex")
    yield "diff", Case(call(np.diff, axis=0), (uniform((0, 2)),), "diff of nothing")
    yield "diff", Case(call(np.diff), (strided(uniform((2, 3))),), "diff strided")
    f = lambda a, p, q: np.diff(a, 2, 1, p, q)
    yield "diff", Case(f, (uniform((2, 3)), uniform(()), uniform((2, 2))), "diff prepend append")
    yield "ediff1d", Case(np.ediff1d, (uniform((2, 3)),), "ediff1d")
    f = lambda a: np.ediff1d(a, a[0] * 2.0, a[1, 0])
    yield "ediff1d", Case(f, (uniform((2, 3)),), "ediff1d ends")


def gradients() -> Iterator[tuple[str, Case]]:
    uneven, x = np.array([0.0, 0.5, 2.0, 2.25]), uniform((3, 4))
    for order in (1, 2):
        yield "gradient", Case(call(np.gradient, edge_order=order), (uniform((5,)),), label("gradient", order))
        yield "gradient", Case(call(np.gradient, 0.5, axis=0, edge_order=order), (x,), label("gradient step", order))
        yield "gradient", Case(call(np.gradient, uneven, axis=-1, edge_order=order), (x,), label("gradient uneven", order))
        for k in (0, 1):
            f = lambda x, order=order, k=k: np.gradient(x, 2.0, uneven, edge_order=order)[k]
            yield "gradient", Case(f, (x,), label("gradient of two axes", order, k))
    yield "gradient", Case(lambda x: np.gradient(x, axis=(2, 0))[1], (uniform((3, 2, 4)),), "gradient axes")
    yield "gradient", Case(np.gradient, (uniform((2,)),), "gradient of two")
    yield "gradient", Case(np.gradient, (complex_uniform((4,)),), "gradient complex")


def areas() -> Iterator[tuple[str, Case]]:
    y = uniform((3, 4))
    yield "trapezoid", Case(AREA, (uniform((4,)),), "trapezoid")
    yield "trapezoid", Case(call(AREA, None, 0.25, 0), (y,), "trapezoid dx")
    yield "trapezoid", Case(AREA, (y, uniform((4,), seed=1)), "trapezoid x")
    yield "trapezoid", Case(lambda y, x: AREA(y, x, axis=0), (y, uniform((3,), seed=1)), "trapezoid x axis")
    yield "trapezoid", Case(lambda y, x: AREA(y, x, axis=0), (y, uniform((3, 4), seed=1)), "trapezoid x full")
    yield "trapezoid", Case(AREA, (complex_uniform((4,)),), "trapezoid complex")


def convolutions() -> Iterator[tuple[str, Case]]:
    for name, fun in (("convolve", np.convolve), ("correlate", np.correlate)):
        for mode in ("full", "same", "valid"):
            for n, m in ((5, 3), (3, 5), (4, 2), (2, 4), (4, 4), (1, 3)):
                f = lambda a, v, fun=fun, mode=mode: fun(a, v, mode)
                yield name, Case(f, (uniform((n,)), uniform((m,), seed=1)), label(name, mode, n, m))
        yield name, Case(fun, (complex_uniform((4,)), complex_uniform((3,), 1)), label(name, "complex"))
        yield name, Case(lambda a, v, fun=fun: fun(a, v, "same"), (complex_uniform((2,)), complex_uniform((3,), 1)), label(name, "complex same"))


def tables() -> Iterator[tuple[str, Case]]:
    x, xp, fp = np.array([-0.5, 0.25, 1.5, 1.75, 4.5]), np.array([0.0, 1.0, 1.6, 4.0]), uniform((4,))
    yield "interp", Case(np.interp, (x, xp, fp), "interp")
    yield "interp", Case(np.interp, (x.reshape(5, 1), xp, complex_uniform((4,))), "interp complex")
    yield "interp", Case(np.interp, (np.array(1.25), xp, fp), "interp number")
    yield "interp", Case(lambda *a: np.interp(*a, 7.0, -7.0), (x, xp, fp), "interp ends")
    yield "interp", Case(lambda *a: np.interp(*a, period=5.0), (x - 6.0, xp[::-1] + 3.0, fp), "interp period")
    yield "interp", Case(lambda x, fp: np.interp(x, [1.0], fp), (x, uniform((1,))), "interp one knot")
    yield "unwrap", Case(np.unwrap, (np.array([[0.1, 3.0, -2.9, -1.0], [6.0, 0.2, 5.0, 0.4]]),), "unwrap")
    yield "unwrap", Case(lambda p: np.unwrap(p, 1.0, 0, period=4.0), (uniform((3, 2)),), "unwrap period")
    yield "polyval", Case(np.polyval, (uniform((4,)), uniform(())), "polyval")
    yield "polyval", Case(lambda x: np.polyval([2.0, -1.0, 0.5], x), (uniform((2, 3)),), "polyval of an array")
    yield "polyval", Case(np.polyval, (complex_uniform((3,)), complex_uniform((2,))), "polyval complex")
    yield "polyval", Case(lambda p: np.polyval(p, 2.0), (uniform((3,)),), "polyval at a number")
    for options in ((), (2,), (5, True), (0,)):
        yield "vander", Case(call(np.vander, *options), (np.array([0.5, -1.5, 0.0]),), label("vander", *options))
    numbers = np.array([0, 2, 2, 5])
    yield "bincount", Case(lambda w: np.bincount(numbers, w), (uniform((4,)),), "bincount")
    yield "bincount", Case(lambda w: np.bincount(numbers, weights=w, minlength=9), (uniform((4,)),), "bincount minlength")


def covariances() -> Iterator[tuple[str, Case]]:
    x, y, w = uniform((2, 5)), uniform((1, 5), seed=1), uniform((5,), 0.5, 1.5)
    repeats = np.array([1, 2, 1, 3, 1])
    for options in ({}, {"rowvar": False}, {"bias": True}, {"ddof": 0}, {"fweights": repeats}):
        data = x.T if options == {"rowvar": False} else x
        yield "cov", Case(call(np.cov, **options), (data,), label("cov", *options))
    yield "cov", Case(np.cov, (x, y), "cov y")
    yield "cov", Case(lambda x, y: np.cov(x, y, False), (x.T, y.T), "cov y columns")
    yield "cov", Case(np.cov, (x[0],), "cov one")
    yield "cov", Case(np.cov, (complex_uniform((2, 4)),), "cov complex")
    f = lambda x, w: np.cov(x, fweights=repeats, aweights=w)
    yield "cov", Case(f, (x, w), "cov weights")
    for name, f in (("rows", np.corrcoef), ("columns", lambda x: np.corrcoef(x, rowvar=False))):
        yield "corrcoef", Case(f, (uniform((3, 5)),), label("corrcoef", name))
    yield "corrcoef", Case(np.corrcoef, (x, y), "corrcoef y")
    yield "corrcoef", Case(np.corrcoef, (complex_uniform((2, 4)),), "corrcoef complex")
