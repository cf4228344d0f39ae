"""Checking a derivative.

``check_gradients`` compares a function's derivatives with difference
quotients, in random directions, and again for the derivatives of the
derivatives. It returns a report, or raises one.

::

    import numpy as np
    import autograd_book as ab

    report = ab.check_gradients(lambda x, y: np.tanh(x @ y), np.ones((2, 3)), np.ones(3))
    print(report)
"""
# Generated from book/modes/check.md by autograd-book extract; edit the chapter, not this file.
# sha256: 9787a9008e973ee3cd67c6de162040c37147da107d7a3d975da197e1b686e2cf

__all__ = [
    "STEP",
    "central_difference",
    "real_total",
    "weighted",
    "by_pullback",
    "by_tangents",
    "MODES",
    "Comparison",
    "Report",
    "TOLERANCES",
    "tolerance_for",
    "random_like",
    "compared",
    "check_gradients",
    "expect_known",
    "comparisons",
    "agreeing",
]


# book/modes/check.md: A difference quotient without rules
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from autograd_book.graph.errors import DifferentiationValueError, GradientCheckError
from autograd_book.graph.stack import bottom, no_grad
from autograd_book.modes.forward import jvp
from autograd_book.modes.transforms import Fun, expect_function, name_of, primal, vjp

#: Of the difference quotient, for arguments of size 1.
STEP = float(np.finfo(np.float64).eps) ** (1 / 3)


def central_difference(f: Fun, args: list[Any], directions: list[Any]) -> float:
    """Directional derivative of a scalar function by a central difference, in double
    precision."""
    size = max([1.0, *(float(np.max(np.abs(a), initial=0.0)) for a in args)])
    h = STEP * size
    ahead = f(*(a + h * v for a, v in zip(args, directions)))
    behind = f(*(a - h * v for a, v in zip(args, directions)))
    return float(ahead - behind) / (2.0 * h)


# book/modes/check.md: The two sides
def real_total(z: Any) -> Any:
    """Sum of the real parts of all elements."""
    return np.sum(np.real(z) if z.dtype.kind == "c" else z)


# book/modes/check.md: The two sides
def weighted(f: Fun, weights: Any) -> Fun:
    """The scalar function ``sum(weights * f(...))``, its real part for complex values."""
    return lambda *args: real_total(f(*args) * weights)


# book/modes/check.md: The two sides
def by_pullback(f: Fun, directions: list[Any]) -> Fun:
    """Derivative of the scalar function f along fixed directions, by reverse mode; a scalar
    function again."""

    def slope(*args: Any) -> Any:
        pullback = vjp(f, *args)[1]
        parts = [real_total(np.conjugate(g) * v) for g, v in zip(pullback(1.0), directions)]
        return sum(parts[1:], parts[0])

    return slope


# book/modes/check.md: The two sides
def by_tangents(f: Fun, directions: list[Any]) -> Fun:
    """The same by forward mode."""
    return lambda *args: jvp(f, args, tuple(directions))[1]


# book/modes/check.md: The two sides
#: By name.
MODES: dict[str, Callable[[Fun, list[Any]], Fun]] = {
    "reverse": by_pullback,
    "forward": by_tangents,
}


# book/modes/check.md: The report
class Comparison(NamedTuple):
    """One derivative from rules beside the same from a difference quotient."""

    mode: str
    order: int
    analytic: float
    numeric: float
    scale: float

    @property
    def error(self) -> float:
        """Difference, relative to the size of the derivative and of the function."""
        return abs(self.analytic - self.numeric) / max(abs(self.numeric), self.scale)

    def __str__(self) -> str:
        pair = f"analytic {self.analytic:+.10e}  numeric {self.numeric:+.10e}"
        return f"{self.mode} order {self.order}:  {pair}  error {self.error:.1e}"


# book/modes/check.md: The report
class Report(tuple[Comparison, ...]):
    """Comparisons of all orders; prints as a table."""

    def __str__(self) -> str:
        return "\n".join(map(str, self))


# book/modes/check.md: How far apart is too far
#: By the format of a real number.
TOLERANCES = {np.float64: 1e-5, np.float32: 2e-3, np.float16: 5e-2}


def tolerance_for(points: list[Any]) -> float:
    """Largest relative error to accept, by the coarsest dtype among the arguments."""
    return max(
        (TOLERANCES.get(np.finfo(p.dtype).dtype.type, 1e-5) for p in points), default=1e-5
    )


# book/modes/check.md: How far apart is too far
def random_like(shape: tuple[int, ...], dtype: Any, draw: Fun) -> Any:
    """Numbers from ``draw(size=...)`` in double precision; the imaginary parts as well
    where `dtype` is complex."""
    real = draw(size=shape)
    return real + 1j * draw(size=shape) if np.dtype(dtype).kind == "c" else real


# book/modes/check.md: How far apart is too far
@no_grad()
def compared(
    g: Fun, points: list[Any], directions: list[Any], mode: str, order: int
) -> Comparison:
    """Derivative of the scalar function g along directions, from rules and from a
    difference quotient."""
    doubles = [np.asarray(p, np.result_type(p.dtype, np.float64)) for p in points]
    slope = MODES[mode](g, [np.asarray(v, p.dtype) for v, p in zip(directions, points)])
    reach = sum(float(np.linalg.norm(v)) for v in directions)
    scale = 1e-4 * reach * max(1.0, abs(float(g(*doubles)))) + 1e-8
    return Comparison(
        mode,
        order,
        float(slope(*points)),
        central_difference(g, doubles, directions),
        scale,
    )


# book/modes/check.md: The check
def check_gradients(
    f: Fun,
    *args: Any,
    modes: tuple[str, ...] = ("reverse", "forward"),
    order: int = 2,
    tolerance: float | None = None,
    seed: int = 0,
) -> Report:
    """Compare derivatives of a function with central differences.

    Parameters
    ----------
    f : callable
        Takes the arguments and returns one array or number. Smooth near the arguments.
    *args : array_like
        Where to check; floating point or complex, and of a size around 1: the step is about
        6e-6 of the largest, and at least that.
    modes : tuple of str
        Which ways of differentiating to check: ``"reverse"``, ``"forward"``.
    order : int
        Highest order of derivative to check.
    tolerance : float, optional
        Largest relative error to accept; by default that of `tolerance_for`.
    seed : int
        Seed of the random directions.

    Returns
    -------
    Report
        A tuple of comparisons, one for each mode and order.

    Raises
    ------
    GradientCheckError
        If an error exceeds the tolerance; the message shows both numbers.
    DifferentiationValueError
        If a mode or the order is not known.
    """
    expect_function(f, "check_gradients")
    expect_known(modes, order)
    points, rng = [primal(a) for a in args], np.random.default_rng(seed)
    limit = tolerance_for(points) if tolerance is None else tolerance
    return agreeing(f, Report(comparisons(f, points, modes, order, rng)), limit)


# book/modes/check.md: The check
def expect_known(modes: tuple[str, ...], order: int) -> None:
    """Raise unless all modes are in `MODES`, and there is something to check."""
    if not modes or not set(modes) <= MODES.keys() or order < 1:
        raise DifferentiationValueError(
            f"check_gradients was asked for modes={modes} and order={order}. "
            f"Use modes among {tuple(MODES)} and an order of 1 or more."
        )


# book/modes/check.md: The check
def comparisons(
    f: Fun, points: list[Any], modes: tuple[str, ...], order: int, rng: "np.random.Generator"
) -> Iterator[Comparison]:
    """A line for each mode and order."""
    out = np.asarray(bottom(f(*points)))  # a Variable, where f has parameters of its own
    weights = random_like(out.shape, out.dtype, partial(rng.uniform, 0.5, 1.5))
    for mode in modes:
        g = weighted(f, weights)
        for k in range(1, order + 1):
            directions = [random_like(p.shape, p.dtype, rng.normal) for p in points]
            yield compared(g, points, directions, mode, k)
            g = MODES[mode](g, directions)


# book/modes/check.md: The check
def agreeing(f: Fun, report: Report, limit: float) -> Report:
    """The report, or GradientCheckError if an error in it is not within the limit."""
    if not all(line.error <= limit for line in report):
        raise GradientCheckError(
            f"derivatives of {name_of(f)} disagree with difference quotients beyond "
            f"{limit:.0e}:\n{report}\nCheck the rules of its primitives, draw no random "
            "numbers in it, or move the arguments away from corners and jumps."
        )
    return report
