"""Fusion opportunities.

A table of what can be fused in a function: where, what it would save, and on
request what it saves.

::

    import numpy as np
    import autograd_book as ab

    x = np.ones((512, 256), np.float32)
    print(ab.fusions(ab.grad(lambda x: np.sum(np.tanh(x * x) / (1 + x * x))), x))
"""
# Generated from book/speed/opportunities.md by autograd-book extract; edit the chapter, not this file.
# sha256: 4e4fde1ec8727fbb957c5ae831f7b1aeaaccc3af2f5469ab250ff310bfbe7e34

__all__ = [
    "ROUNDS",
    "timed",
    "peak",
    "measured",
    "FusionRow",
    "SHOWN",
    "Fusions",
    "fusions",
    "opportunity",
    "groups_of",
    "walked",
]


# book/speed/opportunities.md: What is moved
import time
import tracemalloc
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any, NamedTuple

import numpy as np

from autograd_book.graph.stack import bedrock
from autograd_book.modes.trees import leaves, tree_map
from autograd_book.speed.capture import capture, given, inner
from autograd_book.speed.equations import Graph, Name, carry_out, source_of
from autograd_book.speed.fusion import fuse, moved, pays
from autograd_book.speed.rows import Group, fused, ready
from autograd_book.speed.simplify import simplified


# book/speed/opportunities.md: What is measured
ROUNDS = 5  #: Of each measurement.


def timed(*functions: Callable[[], Any]) -> list[float]:
    """Median seconds of processor time of some functions that take turns."""
    found: list[list[float]] = [[] for _ in functions]
    for _ in range(ROUNDS + 1):
        for f, times in zip(functions, found):
            start = time.process_time()
            f()
            times.append(time.process_time() - start)
    return [median(times[1:]) for times in found]


def peak(f: Callable[[], Any]) -> int:
    """The most bytes that a call holds at a time."""
    tracing = tracemalloc.is_tracing()
    if not tracing:
        tracemalloc.start()
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    f()
    found = tracemalloc.get_traced_memory()[1] - before
    if not tracing:
        tracemalloc.stop()
    return found


def measured(group: Group, arrays: Any) -> tuple[tuple[int, int], tuple[float, float]]:
    """Bytes and seconds of a group, one function after the other and tile by tile."""
    out = [np.empty(name.shape, name.dtype) if name.shape else None for name in group.outs]
    sizes = (group.rows * group.width * 16, None)  # of a tile: everything, and the usual
    held = [peak(lambda tile=tile: ready(arrays, group, out, tile)()) for tile in sizes]  # type: ignore[misc]
    apart, together = timed(*[ready(arrays, group, out, tile) for tile in sizes])
    return (held[0], held[1]), (apart, together)


# book/speed/opportunities.md: The table
class FusionRow(NamedTuple):
    """A group of functions that can be carried out together."""

    group: Group
    apart: int  #: Bytes that they move one by one.
    together: int  #: Bytes that they move together.
    taken: bool  #: Whether `compile` does it.
    held: tuple[int, int] | None = None  #: Measured: the most bytes held, apart and together.
    seconds: tuple[float, float] | None = None  #: Measured, apart and together.

    @property
    def saved(self) -> int:
        """Bytes that need not be moved."""
        return self.apart - self.together

    def cells(self) -> list[str]:
        """What the table tells of it."""
        g = self.group
        said = [source_of(g.equations[0].line)[:34], f"{len(g.members)}", f"{g.rows} x {g.width}"]
        said += [f"{n / 2**20:.2f}" for n in (self.apart, self.together)]
        said += [f"{n / 2**20:.2f}" for n in self.held or ()]
        said += [f"{1e3 * t:.2f}" for t in self.seconds or ()]
        return [*said, "yes" if self.taken else "no"]


# book/speed/opportunities.md: The table
SHOWN = 10  #: Groups in a printed table.


class Fusions(list[FusionRow]):
    """What can be fused in a function, most bytes saved first."""

    @property
    def saved(self) -> int:
        """Bytes that need not be moved in all."""
        return sum(each.saved for each in self)

    def __str__(self) -> str:
        heads = ["first line", "functions", "rows x width", "MiB apart", "together"]
        if any(each.seconds for each in self):
            heads += ["held apart", "together", "ms apart", "together"]
        table = [[*heads, "taken"], *(each.cells() for each in self[:SHOWN])]
        widths = [max(map(len, column)) for column in zip(*table)]
        lines = [
            "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in table
        ]
        if rest := self[SHOWN:]:
            saved = sum(each.saved for each in rest) / 2**20
            lines.append(f"and {len(rest)} more, which would save {saved:.2f} MiB together")
        return "\n".join(lines) if self else "nothing to fuse"


# book/speed/opportunities.md: The table
def fusions(f: Callable[..., Any], *examples: Any, measure: bool = False) -> Fusions:
    """What could be fused in a function, and what `compile` fuses.

    Parameters
    ----------
    f : callable
        A function or a training step that can be captured.
    *examples
        Arguments.
    measure : bool
        Whether each group is carried out both ways and measured.

    Returns
    -------
    Fusions
        A list of groups that prints as a table.
    """
    captured = capture(f, *examples, expand=lambda primitive: primitive.composite)
    graph = fuse(simplified(captured), least=0)
    held = [inner(cell.read()) for cell in captured.cells]
    inputs = [*given(captured.form.arguments, examples), *held]
    found = walked(graph, inputs) if measure else ((g, None) for g in groups_of(graph))
    return Fusions(sorted((opportunity(*each) for each in found), key=lambda o: -o.saved))


def opportunity(group: Group, arrays: Any) -> FusionRow:
    """What is known of a group, and what is measured if there are arrays for it."""
    more = measured(group, arrays) if arrays is not None else ()
    return FusionRow(group, *moved(group), pays(group), *more)


def groups_of(graph: Graph) -> Iterator[Group]:
    """The groups of a graph that has been fused."""
    return (e.params["group"] for e in graph.equations if e.primitive is fused)


def walked(graph: Graph, inputs: Any) -> Iterator[tuple[Group, Any]]:
    """The groups, each with its arguments, while the graph is evaluated."""
    known: dict[Any, Any] = dict(zip(graph.inputs, inputs, strict=True))

    def value(leaf: Any) -> Any:
        return known[leaf] if type(leaf) is Name else leaf

    for e in graph.equations:
        args, params = [value(a) for a in e.args], {k: tree_map(value, v) for k, v in e.params.items()}
        if e.primitive is fused:
            yield e.params["group"], args
        out = carry_out(e.primitive, args, params, bedrock)
        known.update(zip(e.outs, leaves(out), strict=True))
