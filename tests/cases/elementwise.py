"""Cases for book/rules/elementwise.md."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from casework import BINARY_SHAPES, UNARY_SHAPES, Case, label, strided, transposed, uniform

import autograd_book as ab

# Elementwise: a domain for each argument.
ANY, POSITIVE, INSIDE, ABOVE_ONE = (-2.0, 2.0), (0.3, 2.5), (-0.9, 0.9), (1.2, 3.0)
DOMAINS: dict[str, tuple[tuple[float, float], ...]] = {
    **dict.fromkeys(("add", "subtract", "multiply", "maximum", "minimum", "logaddexp"), (ANY, ANY)),
    **dict.fromkeys(("negative", "positive", "square", "exp", "exp2", "expm1", "sin", "cos", "arctan"), (ANY,)),
    **dict.fromkeys(("sinh", "cosh", "tanh", "arcsinh", "absolute", "fabs", "sign", "relu"), (ANY,)),
    **dict.fromkeys(("reciprocal", "sqrt", "cbrt", "log", "log2", "log10", "log1p"), (POSITIVE,)),
    **dict.fromkeys(("arcsin", "arccos", "arctanh"), (INSIDE,)),
    "tan": ((-1.2, 1.2),),
    "arccosh": (ABOVE_ONE,),
    "divide": (ANY, POSITIVE),
    "power": (POSITIVE, ANY),
    "arctan2": (POSITIVE, ANY),
    "hypot": (POSITIVE, POSITIVE),
}


def function_of(name: str) -> Callable[..., Any]:
    """The function that users call for an elementwise primitive."""
    return getattr(np, name, None) or getattr(ab, name)


def cases() -> Iterator[tuple[str, Case]]:
    for name, domains in DOMAINS.items():
        fun = function_of(name)
        grid: Iterable[tuple[tuple[int, ...], ...]] = [(s,) for s in UNARY_SHAPES] if len(domains) == 1 else BINARY_SHAPES
        for shapes in grid:
            args = tuple(uniform(s, *d, seed=i) for i, (s, d) in enumerate(zip(shapes, domains, strict=True)))
            yield name, Case(fun, args, label(name, *shapes))
        for layout in (transposed, strided):
            args = tuple(layout(uniform((2, 3), *d, seed=7 + i)) for i, d in enumerate(domains))
            yield name, Case(fun, args, label(name, layout.__name__))
    mask = np.array([[True, False, True], [False, False, True]])
    for x, y in [((2, 3), (2, 3)), ((), (2, 3)), ((3,), (2, 1)), ((2, 3), ()), ((4, 2, 3), (1, 3))]:
        args = (uniform(x), uniform(y, seed=1))
        yield "where", Case(lambda x, y: np.where(mask, x, y) ** 2, args, label("where", x, y))
    for shape in UNARY_SHAPES:
        yield "astype", Case(lambda x: x.astype(np.float64) ** 2, (uniform(shape),), label("astype", shape))
    for shape in UNARY_SHAPES:
        z = uniform(shape) + 1j * uniform(shape, seed=1)
        for name in ("conjugate", "real", "imag", "absolute"):
            yield name, Case(lambda z, f=getattr(np, name): f(z) * f(z), (z,), label(name, "complex", shape))
            if name != "absolute":
                yield name, Case(getattr(np, name), (uniform(shape),), label(name, shape))
