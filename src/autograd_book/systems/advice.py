"""What a step could do together.

``opportunities`` lists what could be done together in a step, with bytes, and
with time for a machine.

::

    import numpy as np
    import autograd_book as ab
    from autograd_book.speed.roofline import measure_machine
    from autograd_book.systems.advice import opportunities

    x = np.ones((512, 256), np.float32)
    print(opportunities(ab.grad(lambda x: np.sum(np.tanh(x * x))), x, machine=measure_machine(seconds=0.3)))
"""
# Generated from book/systems/advice.md by autograd-book extract; edit the chapter, not this file.
# sha256: 6128ef438933dad0bbeb9e2627d58053761a2d7423036152e5d879de8f9b1948

__all__ = [
    "Readers",
    "readers_in",
    "moved",
    "Opportunity",
    "together",
    "in_groups",
    "is_product",
    "shared_factors",
    "saved_by_order",
    "matrix_chains",
    "attentions",
    "in_blocks",
    "KERNELS",
    "Opportunities",
    "opportunities",
]


# book/systems/advice.md: Who reads what
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from autograd_book.graph.primitive import primitives
from autograd_book.memory.report import Table
from autograd_book.rules.softmax import softmax
from autograd_book.speed.blocks import blocked
from autograd_book.speed.capture import capture
from autograd_book.speed.compile import rewritten
from autograd_book.speed.equations import Equation, Graph, Name, names_in, source_of
from autograd_book.speed.opportunities import Fusions, fusions
from autograd_book.speed.roofline import Machine
from autograd_book.systems.growth import Finding

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
    taken: bool = True  #: Whether it pays, so that the compiler does it or a reader should.

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


# book/systems/advice.md: Four places to look
def in_groups(found: Fusions) -> list[Opportunity]:
    """What the compiler joins into loops, or would if it paid."""
    rows = []
    for row in found:
        members = [m for m in row.group.members if m.role != "alias"]
        kind = "reduction" if any(m.ufunc is not None for m in members) else "elementwise"
        names = tuple(m.equation.primitive.name for m in members)
        largest = max(m.equation.out.nbytes for m in members)
        line = source_of(row.group.equations[0].line)
        rows.append(Opportunity(kind, names, line, row.apart, row.together, 0, largest, row.taken))
    return rows


# book/systems/advice.md: Four places to look
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


# book/systems/advice.md: Four places to look
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


def in_blocks(step: Callable[..., Any], *examples: Any) -> bool:
    """Whether the compiler goes over the attention of a step in blocks."""
    graph = capture(step, *examples, expand=lambda primitive: primitive.composite)
    return any(e.primitive is blocked for e in rewritten(graph, False, None).equations)


#: How each kind would be done as one.
KERNELS = {
    "elementwise": "one pass in tiles that stay in the cache, or a loop in C",
    "reduction": "one pass that adds up as it goes; nothing of full size is written",
    "shared factor": "one product with the factors side by side, then views of it",
    "matrix chain": "the other order",
    "attention": "blocks of rows, softmax with a running maximum; no weights are written",
}


# book/systems/advice.md: What it is worth on a machine
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
        header = ("kind", "operations", "times", "kB now", "kB then", "largest kB", "GB/s", "µs", "taken", "line")
        alike, rows = Counter(self.rows), []
        for r in sorted(alike, key=lambda r: -alike[r] * self.seconds(r))[:12]:
            names = " ".join(r.operations[:4]) + (" …" if len(r.operations) > 4 else "")
            rate = self.machine.bandwidth(max(r.largest, 1)) / 1e9
            sizes = (f"{n / 1e3:,.0f}" for n in (r.before, r.after, r.largest))
            gain = f"{1e6 * alike[r] * self.seconds(r):.1f}"
            rows.append((r.kind, names, alike[r], *sizes, f"{rate:.0f}", gain,
                         "yes" if r.taken else "no", r.line[:40]))
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


def opportunities(step: Callable[..., Any], *examples: Any, machine: Machine) -> Opportunities:
    """Look in a step for what could be done together."""
    graph = capture(step, *examples)
    readers, rows = readers_in(graph), in_groups(fusions(step, *examples))
    rows += shared_factors(graph, readers) + matrix_chains(graph, readers)
    if attention := attentions(graph, readers):
        taken = in_blocks(step, *examples)
        rows += [replace(row, taken=taken) for row in attention]
    found = Opportunities([row for row in rows if row.spared > 0 or row.flops > 0], machine)
    found.rows.sort(key=lambda row: -found.seconds(row))
    return found
