"""How a step grows.

``scaling`` runs and captures a family of steps along each of its sizes, and
fits an exponent to what it finds.

::

    import numpy as np
    import autograd_book as ab
    from autograd_book.systems.growth import scaling

    def family(rows, width):
        x, w = np.ones((rows, width)), ab.Variable(np.ones((width, width)))
        return lambda: np.sum(np.tanh(x @ w)).backward()

    found = scaling(family, {"rows": 64, "width": 32}, factors=(1, 2, 4))
    print(found.exponent("width", "flops"), found.exponent("rows", "flops"))
"""
# Generated from book/systems/growth.md by autograd-book extract; edit the chapter, not this file.
# sha256: faeb483e96c593e5e7708be544580af109c2deb4c43e45f1483d502d3ca18096

__all__ = [
    "plain",
    "Finding",
    "Exponent",
    "exponent",
    "Depth",
    "fastest",
    "tower",
    "depth_of",
    "DepthProfile",
    "profile_depth",
    "MEASURED",
    "Grown",
    "work_in",
    "grown",
    "GraphScaling",
    "scaling",
]


# book/systems/growth.md: What every analysis gives
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from autograd_book.memory.report import Table


def plain(value: Any) -> Any:
    """Numbers of NumPy as those of Python, in lists and dictionaries of any depth."""
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    return value.item() if isinstance(value, np.generic) else value


class Finding:
    """What an analysis has found."""

    def table(self) -> Table:
        """The figures, as a table."""
        raise NotImplementedError

    def draw(self, ax: Any) -> None:
        """Draw the figures into axes of matplotlib."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return repr(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    def to_dict(self) -> dict[str, Any]:
        """All figures in plain types, as for JSON."""
        found: dict[str, Any] = plain(asdict(self))  # type: ignore[call-overload]
        return found

    def plot(self) -> Any:
        """Axes of matplotlib with the figures."""
        from matplotlib import pyplot

        _, ax = pyplot.subplots()
        self.draw(ax)
        return ax


# book/systems/growth.md: An exponent, and its error
@dataclass(frozen=True)
class Exponent:
    """A power that was fitted to measurements, and its standard error."""

    value: float
    error: float

    def __str__(self) -> str:
        return f"{self.value:.2f} ± {self.error:.2f}"


def exponent(sizes: Any, amounts: Any) -> Exponent:
    """The power of sizes as which amounts grow, by least squares of their logarithms."""
    x, y = (np.log(np.asarray(values, float)) for values in (sizes, amounts))
    x, y = x - x.mean(), y - y.mean()
    slope = (x @ y) / (x @ x)
    scatter = np.sum((y - slope * x) ** 2) / max(1, len(x) - 2)
    return Exponent(float(slope), float(np.sqrt(scatter / (x @ x))))


# book/systems/growth.md: Deeper
import time

from autograd_book.graph.backward import reachable
from autograd_book.graph.variable import Variable
from autograd_book.memory.checkpoint import saved_bytes
from autograd_book.memory.costs import cotangents
from autograd_book.speed.capture import capture


@dataclass(frozen=True)
class Depth:
    """What a step of some levels takes. Times are in seconds."""

    levels: int
    operations: int  #: Of the program, on the way forward.
    nodes: int
    equations: int  #: In the captured step, forward and back.
    saved: int  #: Bytes that nodes keep for the way back.
    forward: float
    backward: float


def fastest(run: Callable[[], Any], rounds: int, clock: Callable[[], float]) -> float:
    """The shortest time of several runs."""
    laps = []
    for _ in range(rounds):
        start = clock()
        run()
        laps.append(clock() - start)
    return min(laps)


def tower(levels: int, operations: int, x: Any) -> Any:
    """So many operations on each of so many levels, each on the result of the one before."""
    for i in range(levels * operations):
        x = np.tanh(x) if i % 2 else x * 0.9
    return x


# book/systems/growth.md: Deeper
def depth_of(
    levels: int, operations: int, shape: tuple[int, ...], rounds: int, clock: Callable[[], float]
) -> Depth:
    """Capture, run and weigh a tower."""
    x = Variable(np.full(shape, 0.5))

    def forward() -> Any:
        return np.sum(tower(levels, operations, x))

    out = forward()
    nodes, leaf = reachable(out.node), x.node
    graph = capture(lambda: cotangents(forward())[leaf])  # type: ignore[index]
    ahead = fastest(forward, rounds, clock)
    both = fastest(lambda: cotangents(forward()), rounds, clock)
    saved = saved_bytes(nodes, [x])
    count = levels * operations + 1
    return Depth(levels, count, len(nodes), len(graph), saved, ahead, max(both - ahead, 0.0))


@dataclass(frozen=True, repr=False)
class DepthProfile(Finding):
    """What towers of growing depth take, and how it grows."""

    rows: list[Depth]

    def exponent(self, what: str) -> Exponent:
        """The power of the number of operations as which a field grows."""
        return exponent([r.operations for r in self.rows], [getattr(r, what) for r in self.rows])

    def table(self) -> Table:
        """A row for each depth."""
        header = ("levels", "operations", "nodes", "equations", "kB saved", "µs forward", "µs back")
        rows = [
            (r.levels, r.operations, r.nodes, r.equations, f"{r.saved / 1e3:.1f}",
             f"{r.forward * 1e6:.0f}", f"{r.backward * 1e6:.0f}")
            for r in self.rows
        ]
        return Table(header, rows)

    def draw(self, ax: Any) -> None:
        """Draw times against the number of operations."""
        for what, tone in (("forward", "#0072B2"), ("backward", "#D55E00")):
            times = [getattr(r, what) * 1e6 for r in self.rows]
            ax.plot([r.operations for r in self.rows], times, "o-", color=tone, label=what)
        ax.set(xlabel="operations", ylabel="time (µs)", ylim=(0, None))
        ax.legend()


def profile_depth(
    max_depth: int = 10, operations_per_level: int = 5, *, shape: tuple[int, ...] = (16, 16),
    rounds: int = 7, clock: Callable[[], float] = time.process_time,
) -> DepthProfile:
    """Measure towers of one level up to so many."""
    depths = sorted({round(d) for d in np.linspace(1, max_depth, min(max_depth, 10))})
    options = operations_per_level, shape, rounds, clock
    return DepthProfile([depth_of(depth, *options) for depth in depths])


# book/systems/growth.md: Along each size
from autograd_book.speed.equations import Graph, bytes_in_use
from autograd_book.speed.work import Work, work_of

MEASURED = ("seconds", "nbytes", "flops", "nodes")


@dataclass(frozen=True)
class Grown:
    """What a step of some size takes."""

    size: int
    seconds: float
    nbytes: int  #: Most bytes of computed values that are alive at once.
    flops: int
    nodes: int  #: Equations of the captured step.


def work_in(graph: Graph) -> Work:
    """The work of all equations of a graph."""
    found = Work()
    for e in graph.equations:
        found += work_of(e.primitive, e.args, e.params, e.out)
    return found


def grown(step: Callable[[], Any], size: int, rounds: int, clock: Callable[[], float]) -> Grown:
    """Capture and run a step."""
    graph = capture(step)
    seconds = fastest(step, rounds, clock)
    return Grown(size, seconds, max(bytes_in_use(graph)), work_in(graph).flops, len(graph))


# book/systems/growth.md: Along each size
from autograd_book.graph.errors import DifferentiationValueError


@dataclass(frozen=True, repr=False)
class GraphScaling(Finding):
    """How a family of steps grows along each of its sizes."""

    base: dict[str, int]
    rows: dict[str, list[Grown]]  #: By name of the size.

    def exponent(self, along: str, what: str) -> Exponent:
        """The power of a size as which a field grows."""
        rows = self.rows[along]
        return exponent([r.size for r in rows], [getattr(r, what) for r in rows])

    def table(self) -> Table:
        """An exponent for each size and quantity."""
        header = ("along", "from", "to", "time", "bytes", "operations", "equations")
        rows = [
            (name, found[0].size, found[-1].size, *(self.exponent(name, w) for w in MEASURED))
            for name, found in self.rows.items()
        ]
        return Table(header, rows)

    def draw(self, ax: Any) -> None:
        """Draw times against sizes, both as multiples of the smallest."""
        for name, rows in self.rows.items():
            first = rows[0]
            pairs = [(r.size / first.size, r.seconds / first.seconds) for r in rows]
            ax.plot(*zip(*pairs), "o-", label=f"{name}: {self.exponent(name, 'seconds')}")
        ax.set(xscale="log", yscale="log", xlabel="size, as a multiple", ylabel="time, as a multiple")
        ax.legend()


def scaling(
    family: Callable[..., Callable[[], Any]], base: dict[str, int],
    factors: tuple[int, ...] = (1, 2, 3, 4), *,
    rounds: int = 5, clock: Callable[[], float] = time.process_time,
) -> GraphScaling:
    """Grow a family of steps along each of its sizes.

    Parameters
    ----------
    family : callable
        Takes sizes by name, and returns a step that takes no arguments.
    base : dict
        The sizes from which each grows, one at a time.
    factors : tuple of int
        What they are multiplied with; three at least.
    """
    if len(set(factors)) < 3:
        raise DifferentiationValueError(
            f"scaling was given the factors {factors}, and a line through fewer than three "
            "points has no error. Give three different ones, or more."
        )
    rows = {
        name: [grown(family(**base | {name: n * f}), n * f, rounds, clock) for f in factors]
        for name, n in base.items()
    }
    return GraphScaling(base, rows)
