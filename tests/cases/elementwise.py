"""Cases for book/rules/elementwise.md."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from casework import BINARY_SHAPES, UNARY_SHAPES, Case, label, strided, transposed, uniform

import autograd_book as ab
from autograd_book.rules.elementwise import bessel_i, broken, sinc_derivative

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

# The same for functions that PyTorch does not have, or not under this name.
BETWEEN = (0.1, 0.4)  # no whole number, and no half
FURTHER: dict[str, tuple[tuple[float, float], ...]] = {
    **dict.fromkeys(("logaddexp2", "copysign", "fmax", "fmin"), (ANY, ANY)),
    **dict.fromkeys(("deg2rad", "radians", "rad2deg", "degrees", "nan_to_num", "sinc", "i0"), (ANY,)),
    **dict.fromkeys(("floor", "ceil", "trunc", "rint", "fix", "round", "fraction"), (BETWEEN,)),
    **dict.fromkeys(("sigmoid", "sigmoid_slope", "softplus", "silu", "gelu"), (ANY,)),
    "over": (ANY, POSITIVE),
    "float_power": (POSITIVE, ANY),
    "heaviside": (POSITIVE, ANY),
}
FURTHER |= dict.fromkeys(("remainder", "fmod", "floor_divide"), ((2.2, 2.8), (0.9, 1.05)))

# Functions that are differentiable in the plane, and where no cut is near.
HOLOMORPHIC = (
    *("negative", "positive", "square", "reciprocal", "sqrt", "exp", "exp2", "expm1", "log", "log2", "log10", "log1p"),
    *("sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh", "sinc"),
)
HOLOMORPHIC_PAIRS = ("add", "subtract", "multiply", "divide", "power", "float_power")


def function_of(name: str) -> Callable[..., Any]:
    """The function that users call for an elementwise primitive."""
    return getattr(np, name, None) or getattr(ab, name, None) or getattr(ab.rules.elementwise, name)


def grid_of(domains: tuple[tuple[float, float], ...], few: bool) -> Iterable[tuple[tuple[int, ...], ...]]:
    """The shapes to check a function of one or of two arguments at."""
    if few:
        return [((),), ((2, 3),), ((0,),)] if len(domains) == 1 else [((), ()), ((2, 1), (1, 3)), ((2, 0), ())]
    return [(s,) for s in UNARY_SHAPES] if len(domains) == 1 else BINARY_SHAPES


def of_plane(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Complex numbers left of the imaginary axis, above the real one."""
    return uniform(shape, -1.4, -0.4, seed) + 1j * uniform(shape, 0.3, 1.2, seed + 1)


def cases() -> Iterator[tuple[str, Case]]:
    for name, domains in (DOMAINS | FURTHER).items():
        fun = function_of(name)
        for shapes in grid_of(domains, name in FURTHER):
            args = tuple(uniform(s, *d, seed=i) for i, (s, d) in enumerate(zip(shapes, domains, strict=True)))
            yield name, Case(fun, args, label(name, *shapes))
        for layout in (transposed, strided)[name in FURTHER :]:
            args = tuple(layout(uniform((2, 3), *d, seed=7 + i)) for i, d in enumerate(domains))
            yield name, Case(fun, args, label(name, layout.__name__))
    for name in HOLOMORPHIC:
        for shape in [(), (2, 3)]:
            yield name, Case(function_of(name), (of_plane(shape),), label(name, "complex", shape))
    for name in HOLOMORPHIC_PAIRS:
        fun, z, w, y = function_of(name), of_plane((2, 1)), of_plane((3,), 5), uniform((3,), *POSITIVE)
        for kind, args in {"complex": (z, w), "complex, real": (z, y), "real, complex": (-y, w)}.items():
            yield name, Case(fun, args, label(name, kind))
    yield from cases_of_corners()
    yield from cases_of_choices()
    yield from cases_of_composites()
    for shape in UNARY_SHAPES:
        z = uniform(shape) + 1j * uniform(shape, seed=1)
        for name in ("conjugate", "real", "imag", "absolute", "nan_to_num", "angle"):
            fun = function_of(name)
            yield name, Case(lambda z, f=fun: f(z) * f(z), (z,), label(name, "complex", shape))
            if name not in ("absolute", "nan_to_num") and (name, shape) != ("angle", ()):
                yield name, Case(fun, (uniform(shape),), label(name, shape))


def cases_of_corners() -> Iterator[tuple[str, Case]]:
    """Points at which a careless rule is wrong, and the function is smooth."""
    zeros, whole = np.zeros(3), np.array([-2.0, -1.0, 3.0])
    for name in ("power", "float_power"):
        fun = function_of(name)
        for k in (0, 1, 2, 3, -1.0, -2):
            base = zeros + whole if k < 0 else np.append(zeros, whole)
            yield name, Case(lambda x, f=fun, k=k: f(x, k), (base,), label(name, "to the", k))
        yield name, Case(fun, (np.abs(whole), zeros), label(name, "exponent zero"))
        yield name, Case(lambda y, f=fun: f(0.0, y), (np.array([1.0, 2.0, 0.5]),), label(name, "base zero"))
    for name in ("logaddexp", "logaddexp2"):
        args = (np.array([0.0, 1.0, 2.0, -40.0]), np.array([0.0, 1.5, 50.0, 3.0]))
        yield name, Case(function_of(name), args, label(name, "ties and far apart"))
    for n in range(4):
        points = np.array([0.0, 1e-9, -1e-3, 0.3, 0.99, -1.01, 2.5, 7.0])
        yield "sinc_derivative", Case(lambda x, n=n: sinc_derivative(x, n), (points,), label("sinc order", n))
        points = np.array([0.0, 1e-9, -1e-3, 0.5, -3.0])
        yield "bessel_i", Case(lambda x, n=n: bessel_i(x, n), (points,), label("bessel_i order", n))
    yield "broken", Case(lambda x: broken(x, False), (zeros,), "broken nowhere")
    yield "sinc", Case(np.sinc, (np.array([0.0, 1e-9, -1e-3, 0.99, -1.01, 3.5]),), "sinc around zero")
    yield "i0", Case(np.i0, (np.array([0.0, 1e-9, -1e-3, 3.0, -3.0]),), "i0 around zero")


def cases_of_choices() -> Iterator[tuple[str, Case]]:
    """Choices and limits: `where`, `clip`, `heaviside`, and rounding with decimals."""
    mask = np.array([[True, False, True], [False, False, True]])
    for x, y in [((2, 3), (2, 3)), ((), (2, 3)), ((3,), (2, 1)), ((2, 3), ()), ((4, 2, 3), (1, 3))]:
        args = (uniform(x), uniform(y, seed=1))
        yield "where", Case(lambda x, y: np.where(mask, x, y) ** 2, args, label("where", x, y))
    for shape in UNARY_SHAPES:
        yield "astype", Case(lambda x: x.astype(np.float64) ** 2, (uniform(shape),), label("astype", shape))
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
    yield "angle", Case(lambda z: np.angle(z, deg=True), (of_plane((2, 3)),), "angle deg")
    for fun in (np.add, np.subtract, np.multiply, np.divide, np.power, np.maximum, np.arctan2):
        for shapes in [((), ()), ((2, 3), (2,)), ((0,), (2,))]:
            args = tuple(uniform(s, *POSITIVE, seed=i) for i, s in enumerate(shapes))
            yield "outer", Case(fun.outer, args, label(fun.__name__, "outer", *shapes))
