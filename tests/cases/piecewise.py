"""Cases for book/rules/piecewise.md."""

from collections.abc import Iterator

import numpy as np
from casework import UNARY_SHAPES, Case, label, uniform

from cases.elementwise import DOMAINS, FURTHER, PIECES, POSITIVE, of_parts, over_domains


def cases() -> Iterator[tuple[str, Case]]:
    yield from over_domains(name for name in DOMAINS | FURTHER if name in PIECES)
    yield from cases_of_choices()
    yield from cases_of_composites()
    yield from of_parts(("absolute", "nan_to_num"))


def cases_of_choices() -> Iterator[tuple[str, Case]]:
    """Choices and limits: `where`, `clip`, `heaviside`, and rounding with decimals."""
    mask = np.array([[True, False, True], [False, False, True]])
    for x, y in [((2, 3), (2, 3)), ((), (2, 3)), ((3,), (2, 1)), ((2, 3), ()), ((4, 2, 3), (1, 3))]:
        args = (uniform(x), uniform(y, seed=1))
        yield "where", Case(lambda x, y: np.where(mask, x, y) ** 2, args, label("where", x, y))
    for low, high in [(-0.5, 0.7), (None, 0.7), (-0.5, None)]:
        for shape in [(1,), (2, 3)]:
            f = lambda x, low=low, high=high: np.clip(x, low, high) ** 2
            yield "clip", Case(f, (uniform(shape),), label("clip", low, high, shape))
    for x, low, high in [((2, 3), (1,), (3,)), ((1,), (2, 1), (3,)), ((), (), ()), ((3, 4), (4,), (3, 1))]:
        args = (uniform(x), uniform(low, -1.0, -0.5), uniform(high, 0.2, 0.9))
        yield "clip", Case(lambda x, low, high: np.square(np.clip(x, low, high)), args, label("clip all", x, low, high))
    yield "clip", Case(lambda x: x.clip(max=0.5, min=-0.5), (uniform((2, 3)),), "clip as a method")
    yield "heaviside", Case(lambda h: np.heaviside([[0.0], [1.0]], h) ** 2, (uniform((3,)),), "heaviside of h")
    for decimals in (-1, 0, 2):
        f = lambda x, n=decimals: x * np.round(x, n)
        yield "round", Case(f, (np.array([0.1111, 26.4321]),), label("round", decimals))
    yield "round", Case(lambda x: x * np.around(x, 1), (np.array([0.12]),), "around")
    yield "fmod", Case(np.fmod, (np.array([-2.5, 2.5, -0.3]), np.array([0.9, -1.0, 0.7])), "fmod signs")
    yield "remainder", Case(np.remainder, (np.array([-2.5, 2.5, -0.3]), np.array([0.9, -1.0, 0.7])), "remainder signs")


def cases_of_composites() -> Iterator[tuple[str, Case]]:
    """Functions with several results, options, and tables of pairs."""
    x, y = np.array([-2.5, 1.3, 40.2]), np.array([0.9, -1.0, 0.7])
    for part in (0, 1):
        yield "divmod", Case(lambda x, y, k=part: np.divmod(x, y)[k] * x, (x, y), label("divmod", part))
        yield "modf", Case(lambda x, k=part: np.modf(x)[k] * x, (x,), label("modf", part))
    yield "frexp", Case(lambda x: np.frexp(x)[0] ** 2, (x,), "frexp")
    for shape in UNARY_SHAPES[1:]:
        yield "scale", Case(lambda x: np.ldexp(x, 3) ** 2, (uniform(shape),), label("ldexp", shape))
    yield "scale", Case(lambda x: np.ldexp(x, np.array([[-1], [2]])) ** 2, (x,), "ldexp broadcast")
    for fun in (np.add, np.subtract, np.multiply, np.divide, np.power, np.maximum, np.arctan2):
        for shapes in [((), ()), ((2, 3), (2,)), ((0,), (2,))]:
            args = tuple(uniform(s, *POSITIVE, seed=i) for i, s in enumerate(shapes))
            yield "outer", Case(fun.outer, args, label(fun.__name__, "outer", *shapes))
