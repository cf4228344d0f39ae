"""One profiler for the system.

``AutogradSystemsProfiler`` without arguments analyses a small transformer of
this book; with a step, yours.

::

    from autograd_book.systems.profiler import AutogradSystemsProfiler

    profiler = AutogradSystemsProfiler()
    print(profiler.profile_computational_graph_depth(max_depth=3, operations_per_level=5))
    print(profiler.analyze_fusion_opportunities())
"""
# Generated from book/systems/profiler.md by autograd-book extract; edit the chapter, not this file.
# sha256: bb698df64a745731b55a3659874221915d36c6c35915d8acbfcbfd79e799fc45

__all__ = [
    "STYLE",
    "timeline",
    "advice",
    "page",
    "in_time",
    "in_bytes",
    "said_of",
    "recommended",
    "in_graph",
    "language_family",
    "expect_given",
    "AutogradSystemsProfiler",
]


# book/systems/profiler.md: A report for others
import time
from collections import Counter
from collections.abc import Callable
from html import escape
from os import PathLike
from typing import Any

import numpy as np

from autograd_book.speed.roofline import Machine, measure_machine
from autograd_book.systems.advice import KERNELS, Opportunities, Opportunity, opportunities
from autograd_book.systems.changes import Change, compiling
from autograd_book.systems.growth import DepthProfile, GraphScaling, profile_depth, scaling

STYLE = """
:root { color-scheme: light dark; --ink: #222; --paper: #fff; --line: #ccc; --bar: #0072b2; }
@media (prefers-color-scheme: dark) { :root { --ink: #ddd; --paper: #181818; --line: #555; --bar: #56b4e9; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
       max-width: 64rem; margin: auto; padding: 1rem; }
div { overflow-x: auto; } table { border-collapse: collapse; font-size: 0.85rem; }
th, td { text-align: left; padding: 0.2rem 0.7rem; border-bottom: 1px solid var(--line); white-space: nowrap; }
pre { overflow-x: auto; padding: 0.5rem; border: 1px solid var(--line); }
svg { width: 100%; height: auto; } path { fill: var(--bar); } p.ends { display: flex; justify-content: space-between; margin: 0; font-size: 0.85rem; }
@media print { body { max-width: none; } th, td { white-space: normal; } tr, svg, pre { break-inside: avoid; } h2 { break-after: avoid; } }
"""


# book/systems/profiler.md: A report for others
from autograd_book.memory.report import MemoryProfile, memory_profile


def timeline(profile: MemoryProfile) -> str:
    """Bytes in use from moment to moment, as a drawing in the page."""
    levels = [moment.most for moment in profile.moments]
    top, last = max(levels) or 1, max(1, len(levels) - 1)
    points = " ".join(f"L{640 * i / last:.1f},{180 - 160 * n / top:.1f}" for i, n in enumerate(levels))
    said = f"from 0 to {top / 1e6:.2f} MB, over {len(levels)} moments of the step"
    return (
        f'<p class="ends">{top / 1e6:.2f} MB</p>'
        f'<svg viewBox="0 0 640 180" role="img" aria-label="Bytes in use: {said}">'
        f'<path d="M0,180 {points} L640,180 Z"/></svg>'
        f'<p class="ends"><span>begin</span><span>end</span></p>'
    )


def advice(row: Opportunity) -> str:
    """The change to make, as a diff."""
    if row.kind == "matrix chain":
        return "-(a @ b) @ c\n+a @ (b @ c)"
    if row.kind == "shared factor":
        return "-x @ a, x @ b\n+np.split(x @ ab_joined, 2, -1)  # a and b side by side, kept that way"
    return "-step()\n+fast = ab.compile(step)  # once\n+fast()"


def page(parts: list[tuple[str, str]]) -> str:
    """One page that needs no other file."""
    body = "".join(f"<section><h2>{escape(title)}</h2><div>{text}</div></section>" for title, text in parts)
    head = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Report on a step</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
    )
    return f"{head}<style>{STYLE}</style></head><body><h1>Report on a step</h1>{body}</body></html>"


# book/systems/profiler.md: A report for others
from autograd_book.speed.profile import profile
from autograd_book.speed.symbols import CaptureError


def in_time(
    step: Callable[[], Any], owners: Any, machine: Machine, clock: Callable[[], float]
) -> list[tuple[str, str]]:
    """Where the time of a step goes, as parts of a page; of three runs the shortest."""
    runs = []
    for _ in range(3):
        with profile(*owners, clock=lambda: int(clock() * 1e9)) as seen:
            step()
        runs.append((seen.wall - seen.own, seen))
    whole, seen = min(runs, key=lambda run: run[0])
    found = [(f"Where {whole * 1e3:.2f} ms go", seen.table(machine=machine)._repr_html_())]
    return [*found, ("By line", seen.table("line", machine=machine)._repr_html_())]


def in_bytes(step: Callable[[], Any], owners: Any) -> list[tuple[str, str]]:
    """Where its bytes go, and when."""
    with memory_profile(*owners) as seen:
        step()
    found = [(f"Where {seen.peak / 1e6:.2f} MB go", seen.table()._repr_html_())]
    return [*found, ("From moment to moment", timeline(seen))]


def said_of(change: Change) -> tuple[str, str]:
    """A change to the whole step, as a part of a page."""
    (now, then, _), (held, planned, _) = change.seconds, change.nbytes
    gain = f"{(now - then) * 1e6:,.0f} of {now * 1e6:,.0f} µs"
    text = f"<p>Predicted: {gain} less; at the peak {planned / 1e6:.2f} MB in place of {held / 1e6:.2f}.</p>"
    title = "What the engine does between the calls"
    return title, f"{text}<pre>-step()\n+{change.code}  # once\n+step()</pre>"


def recommended(found: Opportunities) -> list[tuple[Opportunity, int]]:
    """What pays, the most time first, each with how often it is there."""
    alike = Counter(row for row in found.rows if row.taken and found.seconds(row) > 0)
    return sorted(alike.items(), key=lambda item: -item[1] * found.seconds(item[0]))


def in_graph(step: Callable[[], Any], machine: Machine, clock: Callable[[], float]) -> list[tuple[str, str]]:
    """What could be changed, the five largest."""
    try:
        change, found = compiling(step, clock), opportunities(step, machine=machine)
    except CaptureError as error:
        return [("No opportunities, since the step cannot be captured", escape(str(error)))]
    parts = [said_of(change)] if change.seconds[1] < change.seconds[0] else []
    for r, times in recommended(found)[: 5 - len(parts)]:
        gain = f"{times} × {1e6 * found.seconds(r):.1f} µs, {times * r.spared / 1e6:.2f} MB not moved"
        text = f"<p>Predicted: {gain}. {escape(KERNELS[r.kind])}.</p><pre>{escape(r.line)}</pre>"
        parts.append((f"{r.kind}: {' '.join(r.operations[:5])}", f"{text}<pre>{escape(advice(r))}</pre>"))
    return [(f"Change {i}. {title}", text) for i, (title, text) in enumerate(parts, 1)]


# book/systems/profiler.md: Under one name
from autograd_book.graph.errors import DifferentiationTypeError
from autograd_book.learn.sequence import Transformer, next_token_loss
from autograd_book.systems.tradeoffs import (
    CheckpointTrades, MemoryPatterns, PrecisionTrades, checkpoint_trades, memory_patterns,
    precision_trades,
)


def language_family(
    depth: int = 2, width: int = 32, batch: int = 4, length: int = 16
) -> Callable[[], Any]:
    """The loss of a small transformer of some sizes."""
    network = Transformer(32, width, 2, depth, length)
    pieces = np.random.default_rng(0).integers(0, 32, (batch, length + 1))
    return lambda: next_token_loss(network, pieces)


def expect_given(what: str, value: Any, why: str) -> Any:
    """Raise DifferentiationTypeError unless something was given."""
    if value is None:
        raise DifferentiationTypeError(
            f"this profiler was made with a step and without {what}, and {why}. "
            f"Make it as AutogradSystemsProfiler(step, {what}=...)."
        )
    return value


class AutogradSystemsProfiler:
    """Analyses of a training step: time, memory, precision, fusion and growth.

    Parameters
    ----------
    step : callable, optional
        Takes no arguments; it is really run, several times. Without it, a small transformer
        of the book is analysed.
    *owners : Module, Optimizer, or list of these
        Whose arrays should be known by name.
    loss : callable, optional
        Takes no arguments and returns the loss, for analyses of precision.
    chain : (list of callable, array), optional
        Blocks, and what enters the first, for analyses of checkpoints.
    family, base : callable and dict, optional
        From sizes by name to a step, and the smallest sizes, for analyses of growth.
    clock : callable
        Gives seconds.
    """

    def __init__(
        self, step: Callable[[], Any] | None = None, *owners: Any,
        loss: Callable[[], Any] | None = None, chain: Any = None,
        family: Callable[..., Callable[[], Any]] | None = None,
        base: dict[str, int] | None = None, clock: Callable[[], float] = time.process_time,
    ) -> None:
        if step is None:
            loss = loss or language_family()
            blocks = Transformer(32, 32, 2, 8, 16).blocks
            chain = chain or (blocks, np.ones((8, 16, 32), np.float32))
            step, family = self.step_of(loss), family or self.own_family
            base = base or {"depth": 1, "width": 32, "batch": 4, "length": 16}
        self.step, self.owners, self.loss, self.chain = step, owners, loss, chain
        self.family, self.base, self.clock = family, base, clock
        self.measured: Machine | None = None

    @staticmethod
    def step_of(loss: Callable[[], Any]) -> Callable[[], Any]:
        """A step that walks back from a loss."""
        return lambda: loss().backward()

    def own_family(self, **sizes: int) -> Callable[[], Any]:
        """The step of a small transformer of some sizes."""
        return self.step_of(language_family(**sizes))

    def machine(self) -> Machine:
        """What the machine at hand can do; measured when first asked."""
        self.measured = self.measured or measure_machine(seconds=0.3, clock=self.clock)
        return self.measured

    def profile_computational_graph_depth(
        self, max_depth: int = 10, operations_per_level: int = 5
    ) -> DepthProfile:
        """What the engine takes for each operation, in towers of growing depth."""
        return profile_depth(max_depth, operations_per_level, clock=self.clock)

    def analyze_memory_checkpointing_trade_offs(
        self, checkpoint_frequencies: tuple[int, ...] = (1, 2, 4, 8)
    ) -> CheckpointTrades:
        """What checkpoints at every so many blocks give and take."""
        blocks, x = expect_given("chain", self.chain, "checkpoints are set between blocks")
        return checkpoint_trades(blocks, x, tuple(checkpoint_frequencies), clock=self.clock)

    def demonstrate_mixed_precision_benefits(
        self, precisions: tuple[str, ...] = ("fp32", "fp16", "bf16", "mixed")
    ) -> PrecisionTrades:
        """What halves give and take."""
        loss = expect_given("loss", self.loss, "gradients are compared before an update")
        return precision_trades(loss, tuple(precisions), clock=self.clock)

    def analyze_memory_patterns(self, measure: bool = False) -> MemoryPatterns:
        """Churn, lifetimes and growth, and what five tools would change."""
        return memory_patterns(self.step, *self.owners, measure=measure)

    def analyze_fusion_opportunities(self) -> Opportunities:
        """What could be done together, by the captured step."""
        return opportunities(self.step, machine=self.machine())

    def report(self, path: "str | PathLike[str]") -> None:
        """Write where time and bytes go, and what could be changed, as a page of its own."""
        machine = self.machine()
        parts = in_time(self.step, self.owners, machine, self.clock) + in_bytes(self.step, self.owners)
        with open(path, "w", encoding="utf-8") as file:
            file.write(page(parts + in_graph(self.step, machine, self.clock)))

    def analyze_graph_scaling(self, factors: tuple[int, ...] = (1, 2, 4)) -> GraphScaling:
        """How time, bytes, operations and equations grow along each size."""
        family = expect_given("family", self.family, "growth needs steps of several sizes")
        base = expect_given("base", self.base, "growth begins at some sizes")
        return scaling(family, base, tuple(factors), clock=self.clock)
