"""Cases for book/rules/linear.md."""

from collections.abc import Iterator

import numpy as np
from casework import Case, label, strided, transposed, uniform

# Products: all ranks.
PRODUCTS = [
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((2,), (2, 3)),
    ((2, 3), (3, 4)),
    ((1, 3), (3, 1)),
    ((5, 2, 3), (3,)),
    ((2,), (5, 2, 3)),
    ((5, 2, 3), (3, 4)),
    ((2, 3), (5, 3, 4)),
    ((5, 2, 3), (5, 3, 4)),
    ((5, 2, 3), (1, 3, 4)),
    ((1, 2, 3), (5, 3, 4)),
    ((2, 1, 2, 3), (4, 3, 2)),
    ((4, 1, 2, 3), (1, 5, 3, 2)),
    ((0, 3), (3, 4)),
    ((2, 0), (0, 4)),
    ((0, 2, 3), (3,)),
    ((0,), (0,)),
]


def cases() -> Iterator[tuple[str, Case]]:
    for x, y in PRODUCTS:
        args = uniform(x), uniform(y, seed=1)
        yield "matmul", Case(np.matmul, args, label("matmul", x, y))
        if len(x) < 3 and len(y) < 3:
            yield "dot", Case(np.dot, args, label("dot", x, y))
    yield "dot", Case(np.dot, (uniform(()), uniform((3,))), label("dot", (), (3,)))
    for layout in (transposed, strided):
        args = layout(uniform((2, 3))), layout(uniform((3, 4), seed=1))
        yield "matmul", Case(lambda x, y: x @ y, args, label("matmul", layout.__name__))
