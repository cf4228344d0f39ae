"""Cases for book/rules/elementwise.md."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from casework import BINARY_SHAPES, UNARY_SHAPES, Case, label, strided, transposed, uniform

import autograd_book as ab
from autograd_book import rules
from autograd_book.rules.elementwise import bessel_i, broken, sinc_derivative

#: What the chapter on corners, steps and choices has; tests/cases/piecewise.py goes through them.
PIECES = {
    *["maximum", "minimum", "absolute", "fabs", "sign", "copysign", "fmax", "fmin", "nan_to_num", "heaviside"],
    *["floor", "ceil", "trunc", "rint", "fix", "round", "fraction", "remainder", "fmod", "floor_divide"],
}
#: What the chapter on activations has; tests/cases/activations.py goes through them.
BENDS = ("relu", "sigmoid", "sigmoid_slope", "softplus", "silu", "gelu")

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
    **dict.fromkeys(BENDS[1:], (ANY,)),
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
    return next(found for place in (np, ab, rules.elementwise, rules.activations, rules.piecewise) if (found := getattr(place, name, None)))


def grid_of(domains: tuple[tuple[float, float], ...], few: bool) -> Iterable[tuple[tuple[int, ...], ...]]:
    """The shapes to check a function of one or of two arguments at."""
    if few:
        return [((),), ((2, 3),), ((0,),)] if len(domains) == 1 else [((), ()), ((2, 1), (1, 3)), ((2, 0), ())]
    return [(s,) for s in UNARY_SHAPES] if len(domains) == 1 else BINARY_SHAPES


def of_plane(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Complex numbers left of the imaginary axis, above the real one."""
    return uniform(shape, -1.4, -0.4, seed) + 1j * uniform(shape, 0.3, 1.2, seed + 1)


def over_domains(names: Iterable[str]) -> Iterator[tuple[str, Case]]:
    """Functions at numbers of their domains, in all shapes and layouts."""
    for name in names:
        fun, domains = function_of(name), (DOMAINS | FURTHER)[name]
        for shapes in grid_of(domains, name in FURTHER):
            args = tuple(uniform(s, *d, seed=i) for i, (s, d) in enumerate(zip(shapes, domains, strict=True)))
            yield name, Case(fun, args, label(name, *shapes))
        for layout in (transposed, strided)[name in FURTHER :]:
            args = tuple(layout(uniform((2, 3), *d, seed=7 + i)) for i, d in enumerate(domains))
            yield name, Case(fun, args, label(name, layout.__name__))


def of_parts(names: Iterable[str]) -> Iterator[tuple[str, Case]]:
    """Functions that take complex numbers apart."""
    for shape in UNARY_SHAPES:
        z = uniform(shape) + 1j * uniform(shape, seed=1)
        for name in names:
            fun = function_of(name)
            yield name, Case(lambda z, f=fun: f(z) * f(z), (z,), label(name, "complex", shape))
            if name not in ("absolute", "nan_to_num") and (name, shape) != ("angle", ()):
                yield name, Case(fun, (uniform(shape),), label(name, shape))


def cases() -> Iterator[tuple[str, Case]]:
    yield from over_domains(name for name in DOMAINS | FURTHER if name not in PIECES.union(BENDS))
    for name in HOLOMORPHIC:
        for shape in [(), (2, 3)]:
            yield name, Case(function_of(name), (of_plane(shape),), label(name, "complex", shape))
    for name in HOLOMORPHIC_PAIRS:
        fun, z, w, y = function_of(name), of_plane((2, 1)), of_plane((3,), 5), uniform((3,), *POSITIVE)
        for kind, args in {"complex": (z, w), "complex, real": (z, y), "real, complex": (-y, w)}.items():
            yield name, Case(fun, args, label(name, kind))
    yield from cases_of_corners()
    yield from of_parts(("conjugate", "real", "imag", "angle"))
    yield "angle", Case(lambda z: np.angle(z, deg=True), (of_plane((2, 3)),), "angle deg")
    for shape in UNARY_SHAPES:
        yield "astype", Case(lambda x: x.astype(np.float64) ** 2, (uniform(shape),), label("astype", shape))


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
