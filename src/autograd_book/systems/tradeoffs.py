"""What is given for what.

``checkpoint_trades``, ``precision_trades`` and ``memory_patterns`` run a loss,
a chain or a step in several ways.

::

    import numpy as np
    import autograd_book as ab
    from autograd_book.systems.tradeoffs import checkpoint_trades

    blocks = [ab.nn.Sequential(ab.nn.Linear(32, 32, rng=i), np.tanh) for i in range(8)]
    found = checkpoint_trades(blocks, np.ones((64, 32), np.float32), frequencies=(1, 2, 4))
    print([(row.every, row.saved, row.same) for row in found.rows])
"""
# Generated from book/systems/tradeoffs.md by autograd-book extract; edit the chapter, not this file.
# sha256: bfdd6f1eebe5c9ce371c835d18b7d3cc3a7644fdc7627440c560b44e52abab5e

__all__ = [
    "Checkpoints",
    "walked",
    "same_gradients",
    "peak_of",
    "CheckpointTrades",
    "checkpoint_trades",
    "PRECISE",
    "Precise",
    "cast",
    "gradients_in",
    "PrecisionTrades",
    "distance",
    "precision_trades",
    "fresh",
    "short_lived",
    "left_behind",
    "Strategy",
    "found_again",
    "made",
    "profile_of",
    "pooled",
    "in_halves",
    "by_policy",
    "results_in",
    "lazy",
    "in_arena",
    "MemoryPatterns",
    "memory_patterns",
]


# book/systems/tradeoffs.md: Checkpoints, at every so many blocks
import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from autograd_book.memory.costs import cotangents, measure_blocks, predict, run_and_weigh, tracing
from autograd_book.memory.report import Table
from autograd_book.memory.schedule import Schedule, segments
from autograd_book.memory.sequential import checkpoint_sequential
from autograd_book.graph.variable import Variable
from autograd_book.systems.growth import Finding, fastest


@dataclass(frozen=True)
class Checkpoints:
    """A chain with a checkpoint at every so many blocks; 0 for none. Times are relative."""

    every: int
    saved: int  #: Predicted bytes of saved values and held inputs.
    predicted: int  #: Most bytes at a time, above those before.
    peak: int  #: The same, measured.
    predicted_time: float  #: In units of the chain without checkpoints.
    time: float
    same: bool  #: Whether all gradients are those without checkpoints, to the bit.


def walked(chain: Callable[[Any], Any], x: Any) -> dict[Any, Any]:
    """Gradients of the sum of what a chain returns, by leaf, without that of its input."""
    v = Variable(x)
    found = cotangents(np.sum(chain(v)))  # type: ignore[arg-type]
    return {leaf: g for leaf, g in found.items() if leaf is not v.node}


def same_gradients(one: dict[Any, Any], other: dict[Any, Any]) -> bool:
    """Whether two walks gave the same numbers to the same leaves."""
    return one.keys() == other.keys() and all(np.array_equal(one[k], other[k]) for k in one)


def peak_of(run: Callable[[], Any]) -> int:
    """Most bytes that a run has in use, above those before."""
    run()  # what is made once and stays
    gc.collect()
    with tracing():
        return run_and_weigh(run)[2]


# book/systems/tradeoffs.md: Checkpoints, at every so many blocks
@dataclass(frozen=True, repr=False)
class CheckpointTrades(Finding):
    """What checkpoints give and take."""

    rows: list[Checkpoints]

    def table(self) -> Table:
        """A row for each frequency, after the chain without checkpoints."""
        header = ("every", "saved", "peak predicted", "peak", "time predicted", "time", "same")
        rows = [
            (r.every or "none", f"{r.saved:,}", f"{r.predicted:,}", f"{r.peak:,}",
             f"{r.predicted_time:.2f}", f"{r.time:.2f}", r.same)
            for r in self.rows
        ]
        return Table(header, rows)

    def draw(self, ax: Any) -> None:
        """Draw time against peak, predicted and measured."""
        for what, tone, mark in (("predicted", "#767676", "x"), ("", "#0072B2", "o")):
            peaks = [getattr(r, what or "peak") / 1e6 for r in self.rows]
            times = [getattr(r, f"{what}_time".lstrip("_")) for r in self.rows]
            ax.plot(peaks, times, mark, color=tone, label=what or "measured")
        for r in self.rows:
            ax.annotate(f" {r.every or 'none'}", (r.peak / 1e6, r.time), fontsize=8)
        ax.set(xlabel="peak (MB)", ylabel="time, as a multiple", xlim=(0, None), ylim=(0, None))
        ax.legend()


def checkpoint_trades(
    blocks: Any, x: Any, frequencies: tuple[int, ...] = (1, 2, 4, 8), *,
    rounds: int = 5, clock: Callable[[], float] = time.process_time,
) -> CheckpointTrades:
    """Run a chain with checkpoints at several frequencies, forward and back.

    Parameters
    ----------
    blocks : list of callable
        Each takes what the one before it returns.
    x : array
        What enters the first.
    frequencies : tuple of int
        At every how many blocks there is a checkpoint.
    """
    blocks, costs = list(blocks), measure_blocks(blocks, x)
    ways: dict[int, Schedule] = {0: list(range(len(blocks)))}
    ways |= {k: segments(len(blocks), k) for k in frequencies}
    chains = {k: checkpoint_sequential(blocks, schedule=way) for k, way in ways.items()}
    plain, gradients, rows = predict(ways[0], costs), walked(chains[0], x), []
    runs = {k: partial(walked, chain, x) for k, chain in chains.items()}
    laps = {k: fastest(run, rounds, clock) for k, run in runs.items()}
    for k, way in ways.items():
        said, peak = predict(way, costs), peak_of(runs[k])
        times = said.time / plain.time, laps[k] / laps[0] if laps[0] else 1.0
        rows.append(Checkpoints(k, said.saved, said.peak, peak, *times, same_gradients(runs[k](), gradients)))
    return CheckpointTrades(rows)


# book/systems/tradeoffs.md: Precisions
from autograd_book.graph.backward import reachable
from autograd_book.graph.errors import DifferentiationValueError, nearest
from autograd_book.graph.record import Leaf
from autograd_book.memory.checkpoint import saved_bytes
from autograd_book.stability.precision import autocast

#: By name of a precision: what products are computed in, and what losses are scaled by.
PRECISE: dict[str, tuple[str, float]] = {
    "fp32": ("", 1.0), "fp16": ("float16", 1.0), "bf16": ("bfloat16", 1.0),
    "mixed": ("float16", 1024.0),
}


@dataclass(frozen=True)
class Precise:
    """A loss in some precision."""

    name: str
    saved: int  #: Bytes that nodes keep for the way back, without parameters.
    peak: int  #: Most bytes at a time, above those before.
    time: float  #: In units of the first precision.
    error: float  #: Distance of the gradients from those of the first, relative.
    zeros: int  #: Gradients that are zero and are not in the first.
    infinite: int  #: Gradients that are not finite.


def cast(loss: Callable[[], Any], name: str) -> Any:
    """A loss in some precision."""
    dtype, _ = PRECISE[name]
    if not dtype:
        return loss()
    with autocast(dtype):
        return loss()


def gradients_in(loss: Callable[[], Any], name: str) -> dict[Leaf, Any]:
    """Gradients of a loss in some precision, in double precision, by leaf."""
    scale = PRECISE[name][1]
    with np.errstate(over="ignore", invalid="ignore"):
        found = cotangents(cast(loss, name) * scale)
    return {leaf: np.asarray(g, np.float64) / scale for leaf, g in found.items()}


# book/systems/tradeoffs.md: Precisions
@dataclass(frozen=True, repr=False)
class PrecisionTrades(Finding):
    """What halves give and take."""

    rows: list[Precise]

    def table(self) -> Table:
        """A row for each precision."""
        header = ("precision", "saved", "peak", "time", "error", "zeros", "infinite")
        rows = [
            (r.name, f"{r.saved:,}", f"{r.peak:,}", f"{r.time:.2f}", f"{r.error:.1e}", r.zeros, r.infinite)
            for r in self.rows
        ]
        return Table(header, rows)

    def draw(self, ax: Any) -> None:
        """Draw saved bytes, peak and time as multiples of the first precision."""
        first, places = self.rows[0], np.arange(len(self.rows))
        tones = {"saved": "#009E73", "peak": "#0072B2", "time": "#D55E00"}
        for i, (what, tone) in enumerate(tones.items()):
            heights = [getattr(r, what) / (getattr(first, what) or 1) for r in self.rows]
            ax.bar(places + 0.27 * (i - 1), heights, 0.25, color=tone, label=what)
        ax.set(xticks=places, ylabel="as a multiple of the first")
        ax.set_xticklabels([r.name for r in self.rows])
        ax.legend()


def distance(found: dict[Leaf, Any], exact: dict[Leaf, Any]) -> float:
    """Norm of the difference of all gradients, relative to that of the exact ones."""
    parts = [found[leaf] - g for leaf, g in exact.items()]
    size = np.sqrt(sum(np.sum(g * g) for g in exact.values()))
    return float(np.sqrt(sum(np.sum(p * p) for p in parts)) / size) if size else 0.0


def precision_trades(
    loss: Callable[[], Any], precisions: tuple[str, ...] = ("fp32", "fp16", "bf16", "mixed"), *,
    parameters: Any = (), rounds: int = 5, clock: Callable[[], float] = time.process_time,
) -> PrecisionTrades:
    """Run a loss in several precisions, forward and back; the first is the measure.

    Parameters
    ----------
    loss : callable
        Takes no arguments, and returns a Variable with one element.
    precisions : tuple of str
        Rows of `PRECISE`.
    parameters : iterable of Variable
        Whose arrays do not count as kept, since they are there anyway.
    """
    if unknown := [name for name in precisions if name not in PRECISE]:
        raise DifferentiationValueError(
            f"precision_trades was given the precision {unknown[0]!r}. "
            + nearest(str(unknown[0]), PRECISE, f"Choose from {', '.join(PRECISE)}.")
        )
    parameters = list(parameters)
    rows, first, lap = [], gradients_in(loss, precisions[0]), 0.0
    for name in precisions:
        run = partial(gradients_in, loss, name)
        found, now = run(), fastest(run, rounds, clock)
        lap = lap or now
        zeros = sum(int(np.sum((found[k] == 0) & (g != 0))) for k, g in first.items())
        infinite = sum(int(np.sum(~np.isfinite(g))) for g in found.values())
        saved = saved_bytes(reachable(cast(loss, name).node), parameters)
        rows.append(Precise(name, saved, peak_of(run), now / lap if lap else 1.0,
                            distance(found, first), zeros, infinite))
    return PrecisionTrades(rows)


# book/systems/tradeoffs.md: Patterns of memory
import tracemalloc

from autograd_book.memory.report import MemoryProfile, memory_profile


def fresh(profile: MemoryProfile) -> list[Any]:
    """The buffers that were made within the block."""
    return [b for b in profile.buffers if not b.old]


def short_lived(profile: MemoryProfile, share: float = 0.05) -> float:
    """Which share of the bytes that were made is gone after a share of the step."""
    spans = profile.lifetimes()
    brief = [n for born, died, n in spans if died - born <= share * len(profile.moments)]
    return sum(brief) / max(1, sum(n for _, _, n in spans))


def left_behind(step: Callable[[], Any], repeats: int = 4) -> int:
    """Bytes that are there more after each further step; the smallest of some."""
    step()
    found = []
    with tracing():
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(repeats):
            step()
            gc.collect()
            now = tracemalloc.get_traced_memory()[0]
            found.append(now - before)
            before = now
    return min(found)


# book/systems/tradeoffs.md: Five strategies
from collections import Counter

from autograd_book.graph.primitive import primitives
from autograd_book.memory.pool import LEAST, recycle
from autograd_book.memory.saved import saved_values
from autograd_book.speed.capture import capture, inner
from autograd_book.speed.compile import compile
from autograd_book.speed.equations import Graph
from autograd_book.speed.passes import drop_dead
from autograd_book.speed.plan import plan_of
from autograd_book.speed.simplify import simplified
from autograd_book.speed.symbols import CaptureError
from autograd_book.stability.precision import FEW


@dataclass(frozen=True)
class Strategy:
    """What a tool would change, in bytes."""

    name: str
    lowers: str  #: Which bytes: those made in a step, the peak, or saved values.
    before: int
    predicted: int
    measured: int | None  #: None unless it was asked for.
    change: str  #: What to write.


def found_again(profile: MemoryProfile) -> int:
    """Bytes of results for which a pool would have a buffer of a dead value of that size."""
    known = [p for p in primitives.values() if p.elementwise and type(p.fun) is np.ufunc]
    universal = {p.name for p in known}
    served = [b for b in fresh(profile) if b.nbytes >= LEAST and b.place.name in universal]
    turns = [(b.born, 1, b.nbytes) for b in served]
    turns += [(b.died, 0, b.nbytes) for b in served if b.died is not None]
    free: Counter[int] = Counter()
    total = 0
    for _, born, size in sorted(turns):  # deaths come before births
        if born and free[size]:
            total += size
        free[size] += -1 if born and free[size] else not born
    return total


# book/systems/tradeoffs.md: Five strategies
def made(profile: MemoryProfile) -> int:
    """Bytes of all buffers that were made."""
    return sum(b.nbytes for b in fresh(profile))


def profile_of(step: Callable[[], Any], owners: Any) -> MemoryProfile:
    """Account for one step."""
    with memory_profile(*owners) as profile:
        step()
    return profile


def pooled(step: Any, owners: Any, profile: MemoryProfile, graph: Any, measure: bool) -> Strategy:
    """Buffers of dead values are used again."""
    now = None
    if measure:
        with recycle():
            step()  # fills the shelf
            now = made(profile_of(step, owners))
    before = made(profile)
    return Strategy("pool", "made", before, before - found_again(profile), now, "with ab.recycle(): step()")


def in_halves(profile: MemoryProfile) -> int:
    """Bytes that a policy would spare, at the moment when most are saved: half of each value,
    but for the largest, which is there in full while its rule reads it."""
    now = max(range(len(profile.moments)), key=lambda i: profile.moments[i].live["saved value"])
    there = [b for b in profile.buffers if b.born <= now and (b.died is None or b.died > now)]
    kept = [b for b in there if b.kind_at(now) == "saved value" and not b.old]
    sizes = [b.nbytes for b in kept if b.dtype == np.float32 and b.nbytes >= 4 * FEW]
    return sum(sizes) // 2 - max(sizes, default=0)


def by_policy(step: Any, owners: Any, profile: MemoryProfile, graph: Any, measure: bool) -> Strategy:
    """Saved values are kept in halves."""

    def saving() -> None:
        with saved_values("bfloat16"):
            step()

    before, now = peak_of(step), peak_of(saving) if measure else None
    change = 'with ab.saved_values("bfloat16"): step()'
    return Strategy("policy", "peak", before, before - in_halves(profile), now, change)


# book/systems/tradeoffs.md: Five strategies
def results_in(graph: Graph) -> int:
    """Bytes of all values that a graph computes, views aside."""
    return sum(n.nbytes for e in graph.equations if not e.primitive.view for n in e.outs)


def lazy(step: Any, owners: Any, profile: MemoryProfile, graph: Any, measure: bool) -> Strategy:
    """What nobody uses is not computed."""
    before, unused = made(profile), sum(b.nbytes for b in profile.never_used())
    now = before - results_in(graph) + results_in(drop_dead(graph)) if measure else None
    return Strategy("lazy", "made", before, before - unused, now, "step = ab.compile(step)")


def in_arena(step: Any, owners: Any, profile: MemoryProfile, graph: Any, measure: bool) -> Strategy:
    """All buffers are planned ahead."""
    lean, now = simplified(graph), None
    predicted = plan_of(lean, *[inner(cell.read()) for cell in lean.cells]).size
    if measure:
        planned = compile(step)
        for _ in range(3):
            planned()
        now = peak_of(planned) + sum(trace.arena.nbytes for trace in planned.traces)
    return Strategy("arena", "peak", peak_of(step), predicted, now, "step = ab.compile(step)")


# book/systems/tradeoffs.md: Five strategies
@dataclass(frozen=True, repr=False)
class MemoryPatterns(Finding):
    """What kind of step it is for memory, and what could be done."""

    peak: int  #: Most bytes at a time, with what was there before.
    made: int  #: Bytes of all arrays that a step makes.
    buffers: int  #: Their number.
    short_lived: float  #: Share of those bytes that is gone after a twentieth of the step.
    left: int  #: Bytes more after each further step.
    at_peak: dict[str, int]
    strategies: list[Strategy]

    @property
    def churn(self) -> float:
        """How often the bytes of the peak are made in a step."""
        return self.made / self.peak if self.peak else 0.0

    def table(self) -> Table:
        """Figures of the step, and then a row for each strategy."""
        rows: list[tuple[Any, ...]] = [
            ("peak", f"{self.peak:,}", "", "", ""), ("made", f"{self.made:,}", "", "", self.buffers),
            ("churn", f"{self.churn:.2f}", "", "", ""), ("short-lived", f"{self.short_lived:.0%}", "", "", ""),
            ("left each step", f"{self.left:,}", "", "", ""),
        ]
        for s in self.strategies:
            now = "" if s.measured is None else f"{s.measured:,}"
            rows.append((f"{s.name}: {s.lowers}", f"{s.before:,}", f"{s.predicted:,}", now, s.change))
        return Table(("what", "bytes", "predicted", "measured", ""), rows)

    def draw(self, ax: Any) -> None:
        """Draw for each strategy what it leaves, as a share."""
        places = range(len(self.strategies))
        for shift, what, tone in ((-0.2, "predicted", "#767676"), (0.2, "measured", "#0072B2")):
            shares = [100 * (getattr(s, what) or 0) / max(1, s.before) for s in self.strategies]
            ax.barh([p + shift for p in places], shares, 0.38, color=tone, label=what)
        ax.set(yticks=list(places), xlabel="left of the bytes (%)")
        ax.set_yticklabels([f"{s.name}: {s.lowers}" for s in self.strategies])
        ax.legend()


def memory_patterns(step: Callable[[], Any], *owners: Any, measure: bool = False) -> MemoryPatterns:
    """Account for a step, and predict what tools would change.

    Parameters
    ----------
    step : callable
        Takes no arguments; it is run several times.
    *owners : Module, Optimizer, or list of these
        Whose arrays should be known by name.
    measure : bool
        Whether to use the tools as well, and measure.
    """
    left = left_behind(step)
    profile = profile_of(step, owners)
    tools: list[Any] = [pooled, by_policy]
    try:
        graph: Graph | None = capture(step, expand=lambda primitive: primitive.composite)
        tools += [in_arena, lazy]
    except CaptureError:  # a step that cannot be captured has no static side
        graph = None
    found = [tool(step, owners, profile, graph, measure) for tool in tools]
    sizes = profile.peak, made(profile), len(fresh(profile)), short_lived(profile), left
    return MemoryPatterns(*sizes, profile.at_peak, found)
