"""Cases for book/rules/assignment.md."""

from collections.abc import Iterator

import numpy as np
from casework import Case, label, uniform

from autograd_book.rules.assignment import At, replaced
from cases.indexing import INDICES, widened
from cases.shapes import squared

METHODS = ("set", "add", "subtract", "multiply", "divide", "max", "min")


def cases() -> Iterator[tuple[str, Case]]:
    for name, shape, index in INDICES:
        v = uniform(np.shape(np.zeros(shape)[index]), seed=3)
        f = lambda x, v, i=index: replaced(widened(x, v), v, i) ** 2
        yield "replaced", Case(f, (uniform(shape), v), label("replaced", name))
        if name in ("slice", "repeated array", "two arrays", "array and slice", "mask", "empty mask"):
            for method in METHODS:
                f = lambda x, v, i=index, m=method: getattr(At(widened(x, v))[i], m)(v) ** 2
                yield "At", Case(f, (uniform(shape), v + np.sign(v)), label("at", method, name))
            f = lambda x, v, i=index: At(widened(x, v))[i].power(v)
            yield "At", Case(f, (uniform(shape, 0.5, 1.5), v), label("at power", name))
    for shape in [(), (1,), (3,), (3, 1), (1, 3, 3)]:
        for method in ("set", "multiply"):
            f = lambda x, v, m=method: getattr(At(widened(x, v))[[0, 2, 0], :3], m)(v)
            yield squared("At", f, (3, 4), shape, also=method)
    z = uniform((3, 4)) + 1j * uniform((3, 4), seed=1)
    f = lambda z: np.absolute(replaced(z, z[[1, 1, 2]] * 2.0, [0, 0, 2]) + 3.5) ** 2
    yield "replaced", Case(f, (z,), label("replaced", "complex"))
