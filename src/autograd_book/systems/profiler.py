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
# sha256: 388e29eaf8f6699d829ebb600a7143063166d0e8cd8f885038f2936bd1937b9c

__all__ = [
    "Readers",
    "readers_in",
    "moved",
    "Opportunity",
    "together",
    "joined",
    "in_chains",
    "is_product",
    "shared_factors",
    "saved_by_order",
    "matrix_chains",
    "attentions",
    "KERNELS",
    "Opportunities",
    "opportunities",
    "STYLE",
    "timeline",
    "advice",
    "page",
    "in_time",
    "in_bytes",
    "in_graph",
    "language_family",
    "expect_given",
    "AutogradSystemsProfiler",
]


# book/systems/profiler.md: Who reads what
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd_book.graph.primitive import primitives
from autograd_book.memory.report import Table
from autograd_book.rules.softmax import softmax
from autograd_book.speed.chains import REDUCTIONS
from autograd_book.speed.equations import Equation, Graph, Name, names_in, source_of
from autograd_book.speed.roofline import Machine, measure_machine
from autograd_book.systems.growth import DepthProfile, Finding, GraphScaling, profile_depth, scaling

Readers = dict[Name, list[Equation | None]]  #: None for who takes it out of the graph.


def readers_in(graph: Graph) -> Readers:
    """Who reads each name."""
    found: Readers = {name: [] for e in graph.equations for name in e.outs}
    for e in graph.equations:
        for name in set(e.inputs):
            found.setdefault(name, []).append(e)
    for name in names_in([graph.outputs, [guard.name for guard in graph.guards]]):
        found.setdefault(name, []).append(None)
    return found


def moved(names: Any) -> int:
    """Bytes of some names, each once."""
    return sum(name.nbytes for name in set(names))


@dataclass(frozen=True)
class Opportunity:
    """Operations that could be done together, and the bytes that need not be moved then."""

    kind: str  #: elementwise, reduction, shared factor, matrix chain, or attention.
    operations: tuple[str, ...]
    line: str  #: Of the program.
    before: int  #: Bytes that they read and write now.
    after: int  #: Bytes that they would.
    flops: int  #: Operations that would be left out.
    largest: int  #: Bytes of the largest array in between, or else of those that are read.

    @property
    def spared(self) -> int:
        """Bytes that need not be moved."""
        return self.before - self.after


def together(kind: str, group: list[Equation], readers: Readers, flops: int = 0) -> Opportunity:
    """What a group of equations moves now, and would move as one."""
    ours = {name for e in group for name in e.outs}
    read = {name for e in group for name in e.inputs} - ours
    members = {id(e) for e in group}
    handed = {n for n in ours if any(id(r) not in members for r in readers[n])}
    inside = [n.nbytes for n in (ours - handed) or read]
    before = sum(moved(e.inputs) + moved(e.outs) for e in group)
    names = tuple(e.primitive.name for e in group)
    line = source_of(group[0].line)
    return Opportunity(kind, names, line, before, moved(read | handed), flops, max(inside, default=0))


# book/systems/profiler.md: Four places to look
def joined(graph: Graph, readers: Readers) -> list[list[Equation]]:
    """Elementwise operations with the only reader of each, in groups."""
    group = {id(e): [e] for e in graph.equations}
    for e in graph.equations:
        if not e.primitive.elementwise or len(e.outs) != 1 or len(readers[e.outs[0]]) != 1:
            continue
        (reader,) = readers[e.outs[0]]
        follows = reader and (reader.primitive.elementwise or reader.primitive.name in REDUCTIONS)
        if follows and group[id(e)] is not group[id(reader)]:
            whole = group[id(reader)]
            whole[:0] = group[id(e)]
            group.update({id(member): whole for member in group[id(e)]})
    return [g for g in {id(g): g for g in group.values()}.values() if len(g) > 1]


def in_chains(graph: Graph, readers: Readers) -> list[Opportunity]:
    """Chains of elementwise operations, and those that end in a reduction."""
    found = []
    for group in joined(graph, readers):
        ends = any(e.primitive.name in REDUCTIONS for e in group)
        found.append(together("reduction" if ends else "elementwise", group, readers))
    return found


# book/systems/profiler.md: Four places to look
def is_product(e: Any) -> bool:
    """Whether an equation multiplies two matrices, or stacks of them."""
    return e is not None and e.primitive is primitives[np.matmul] and min(
        len(np.shape(a)) for a in e.args
    ) > 1


def shared_factors(graph: Graph, readers: Readers) -> list[Opportunity]:
    """Products that read the same left factor."""
    found = []
    for name, all_readers in readers.items():
        group = [e for e in all_readers if is_product(e) and e.args[0] is name]  # type: ignore[union-attr]
        if len(group) > 1 and len({e.args[1].shape for e in group}) == 1:  # type: ignore[union-attr]
            found.append(together("shared factor", group, readers))  # type: ignore[arg-type]
    return found


def saved_by_order(a: Any, b: Any, c: Any) -> int:
    """Operations that a product of three matrices takes less as a(bc) than as (ab)c."""
    (m, k), n, p = a.shape, b.shape[1], c.shape[1]
    return 2 * m * n * (k + p) - 2 * k * p * (n + m)


def matrix_chains(graph: Graph, readers: Readers) -> list[Opportunity]:
    """Products (ab)c of matrices that would take fewer operations as a(bc)."""
    found = []
    for e in filter(is_product, graph.equations):
        (reader, *others) = readers[e.out] or [None]
        if others or not is_product(reader) or reader.args[0] is not e.out:  # type: ignore[union-attr]
            continue
        factors = *e.args, reader.args[1]  # type: ignore[union-attr]
        if all(len(f.shape) == 2 for f in factors) and (less := saved_by_order(*factors)) > 0:
            found.append(together("matrix chain", [e, reader], readers, less))  # type: ignore[list-item]
    return found


# book/systems/profiler.md: Four places to look
def attentions(graph: Graph, readers: Readers) -> list[Opportunity]:
    """Softmax between two products, with what is elementwise in front of it."""
    maker = {name: e for e in graph.equations for name in e.outs}
    found = []
    for e in (e for e in graph.equations if e.primitive is primitives[softmax]):
        group, names = [e], [n for n in e.inputs if n in maker]
        while names and maker[names[0]].primitive.elementwise:
            group.insert(0, maker[names[0]])
            names = [n for n in group[0].inputs if n in maker]
        ends = [r for r in readers[e.out] if is_product(r)]
        if names and is_product(maker[names[0]]) and ends:
            whole = [maker[names[0]], *group, ends[0]]
            found.append(together("attention", whole, readers))  # type: ignore[arg-type]
    return found


#: How each kind would be done as one.
KERNELS = {
    "elementwise": "one pass in tiles that stay in the cache, or a loop in C",
    "reduction": "one pass that adds up as it goes; nothing of full size is written",
    "shared factor": "one product with the factors side by side, then views of it",
    "matrix chain": "the other order",
    "attention": "blocks of rows, softmax with a running maximum; no weights are written",
}


# book/systems/profiler.md: What it is worth on a machine
@dataclass(frozen=True, repr=False)
class Opportunities(Finding):
    """What could be done together in a step, the most time first."""

    rows: list[Opportunity]
    machine: Machine

    def seconds(self, row: Opportunity) -> float:
        """Predicted gain on the machine."""
        rate = self.machine.bandwidth(max(row.largest, 1))
        return row.spared / rate + row.flops / self.machine.products["float32"]

    def table(self) -> Table:
        """The rows with most to gain; equal ones are added up."""
        header = ("kind", "operations", "times", "kB now", "kB then", "largest kB", "GB/s", "µs", "line")
        alike, rows = Counter(self.rows), []
        for r in sorted(alike, key=lambda r: -alike[r] * self.seconds(r))[:12]:
            names = " ".join(r.operations[:4]) + (" …" if len(r.operations) > 4 else "")
            rate = self.machine.bandwidth(max(r.largest, 1)) / 1e9
            sizes = (f"{n / 1e3:,.0f}" for n in (r.before, r.after, r.largest))
            gain = f"{1e6 * alike[r] * self.seconds(r):.1f}"
            rows.append((r.kind, names, alike[r], *sizes, f"{rate:.0f}", gain, r.line[:40]))
        return Table(header, rows)

    def kernels(self) -> Table:
        """How each kind that was found would be done as one."""
        kinds = dict.fromkeys(row.kind for row in self.rows)
        return Table(("kind", "kernel"), [(kind, KERNELS[kind]) for kind in kinds])

    def by_kind(self) -> dict[str, int]:
        """Bytes that need not be moved, by kind."""
        found = dict.fromkeys(KERNELS, 0)
        for row in self.rows:
            found[row.kind] += row.spared
        return found

    def draw(self, ax: Any) -> None:
        """Draw bytes by kind."""
        found = self.by_kind()
        ax.barh(list(found), [n / 1e6 for n in found.values()], color="#0072B2")
        ax.set(xlabel="need not be moved (MB)")


def opportunities(graph: Graph, machine: Machine) -> Opportunities:
    """Look in a captured step for what could be done together."""
    readers, rows = readers_in(graph), []
    for look in (in_chains, shared_factors, matrix_chains, attentions):
        rows += look(graph, readers)
    found = Opportunities([row for row in rows if row.spared > 0 or row.flops > 0], machine)
    found.rows.sort(key=lambda row: -found.seconds(row))
    return found


# book/systems/profiler.md: A report for others
from html import escape
from os import PathLike

STYLE = """
:root { color-scheme: light dark; --ink: #222; --paper: #fff; --line: #ccc; --bar: #0072b2; }
@media (prefers-color-scheme: dark) { :root { --ink: #ddd; --paper: #181818; --line: #555; --bar: #56b4e9; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
       max-width: 64rem; margin: auto; padding: 1rem; }
div { overflow-x: auto; } table { border-collapse: collapse; font-size: 0.85rem; }
th, td { text-align: left; padding: 0.2rem 0.7rem; border-bottom: 1px solid var(--line); white-space: nowrap; }
pre { overflow-x: auto; padding: 0.5rem; border: 1px solid var(--line); }
svg { width: 100%; height: auto; } path { fill: var(--bar); } text { fill: var(--ink); font-size: 12px; }
@media print { body { max-width: none; } th, td { white-space: normal; } section { break-inside: avoid; } }
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
        f'<svg viewBox="0 0 640 200" role="img" aria-label="Bytes in use: {said}">'
        f'<path d="M0,180 {points} L640,180 Z"/><text x="4" y="14">{top / 1e6:.2f} MB</text>'
        f'<text x="4" y="196">begin</text><text x="610" y="196">end</text></svg>'
    )


def advice(row: Opportunity) -> str:
    """The change to make, as a diff."""
    if row.kind == "matrix chain":
        return "-(a @ b) @ c\n+a @ (b @ c)"
    if row.kind == "shared factor":
        return "-x @ a, x @ b\n+np.split(x @ np.concatenate([a, b], -1), 2, -1)"
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


def in_time(step: Callable[[], Any], owners: Any, machine: Machine) -> list[tuple[str, str]]:
    """Where the time of a step goes, as parts of a page; of three runs the shortest."""
    runs = []
    for _ in range(3):
        with profile(*owners) as seen:
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


def in_graph(step: Callable[[], Any], machine: Machine) -> list[tuple[str, str]]:
    """What could be done together, the five largest."""
    try:
        found = opportunities(capture(step), machine)
    except CaptureError as error:
        return [("No opportunities, since the step cannot be captured", escape(str(error)))]
    alike, parts = Counter(found.rows), []
    for r in sorted(alike, key=lambda r: -alike[r] * found.seconds(r))[:5]:
        gain = f"{alike[r]} × {1e6 * found.seconds(r):.1f} µs, {alike[r] * r.spared / 1e6:.2f} MB not moved"
        text = f"<p>Predicted: {gain}. {escape(KERNELS[r.kind])}.</p><pre>{escape(r.line)}</pre>"
        parts.append((f"{r.kind}: {' '.join(r.operations[:5])}", f"{text}<pre>{escape(advice(r))}</pre>"))
    return parts


# book/systems/profiler.md: Under one name
from autograd_book.graph.errors import DifferentiationTypeError
from autograd_book.learn.sequence import Transformer, next_token_loss
from autograd_book.speed.capture import capture
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
        return opportunities(capture(self.step), self.machine())

    def report(self, path: "str | PathLike[str]") -> None:
        """Write where time and bytes go, and what could be changed, as a page of its own."""
        machine = self.machine()
        parts = in_time(self.step, self.owners, machine) + in_bytes(self.step, self.owners)
        with open(path, "w", encoding="utf-8") as file:
            file.write(page(parts + in_graph(self.step, machine)))

    def analyze_graph_scaling(self, factors: tuple[int, ...] = (1, 2, 4)) -> GraphScaling:
        """How time, bytes, operations and equations grow along each size."""
        family = expect_given("family", self.family, "growth needs steps of several sizes")
        base = expect_given("base", self.base, "growth begins at some sizes")
        return scaling(family, base, tuple(factors), clock=self.clock)
