"""The changes, made.

``compiling`` predicts time and memory of the compiled step from its captured
graph; ``tried`` makes the change and measures.

::

    import numpy as np
    import autograd_book as ab
    from autograd_book.systems.changes import compiling

    w = ab.Variable(np.ones((64, 64), np.float32))
    print(compiling(lambda: np.sum(np.tanh(w * 2.0)).backward()))
"""
# Generated from book/systems/changes.md by autograd-book extract; edit the chapter, not this file.
# sha256: d8258a8bf84a44445f545220485895517d520fa5f0d92cd75aca65434f0ec36c

__all__ = [
    "ReadyCall",
    "call_of",
    "room_of",
    "CallRow",
    "row_of_calls",
    "Change",
    "in_turns",
    "compiling",
    "tried",
]


# book/systems/changes.md: The calls of a step, in a row
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from autograd_book.graph.primitive import primitives
from autograd_book.memory.costs import run_and_weigh, tracing
from autograd_book.memory.report import Table
from autograd_book.modes.trees import leaves, tree_map
from autograd_book.speed.capture import capture, given, inner
from autograd_book.speed.compile import arranged, compile
from autograd_book.speed.equations import Equation, Name
from autograd_book.speed.plan import plan_of
from autograd_book.speed.program import REDUCE
from autograd_book.systems.growth import Finding, fastest
from autograd_book.systems.tradeoffs import peak_of


class ReadyCall(NamedTuple):
    """An equation with its arguments, ready to be carried out again."""

    fun: Callable[..., Any]
    args: list[Any]
    params: dict[str, Any]

    def __call__(self) -> Any:
        return self.fun(*self.args, **self.params)


def call_of(e: Equation, known: dict[Name, Any]) -> ReadyCall:
    """The call that an equation is; it writes where it wrote the first time."""
    value = lambda leaf: known[leaf] if type(leaf) is Name else leaf
    args = [a.item() if isinstance(a, np.generic | np.ndarray) and not a.ndim else a for a in map(value, e.args)]
    params = {k: tree_map(value, v) for k, v in e.params.items()}
    out = e.primitive.fun(*args, **params)
    known.update(zip(e.outs, leaves(out), strict=True))
    if e.primitive.view or type(out) is not np.ndarray or not out.ndim:
        return ReadyCall(e.primitive.fun, args, params)
    if e.primitive.fun in REDUCE:
        axis = params.get("axis")
        return ReadyCall(REDUCE[e.primitive.fun].reduce, args, params | {"axis": axis, "out": out})
    if e.primitive is primitives[np.matmul] and max(map(np.ndim, args)) == 2:
        return ReadyCall(np.dot, args, {"out": out})
    into = e.primitive.into
    return ReadyCall(into, args, params | {"out": out}) if into else ReadyCall(e.primitive.fun, args, params)


def room_of(e: Equation, call: ReadyCall) -> int:
    """Bytes that a call needs for a moment, besides arguments and results."""
    made = 0 if "out" in call.params else sum(name.nbytes for name in e.outs)
    return max(0, run_and_weigh(call.__call__)[2] - made)


# book/systems/changes.md: The calls of a step, in a row
@dataclass(frozen=True)
class CallRow:
    """The calls that a compiled step would consist of."""

    calls: list[ReadyCall]
    nbytes: int  #: Of the plan, and of what a call needs for a moment.

    def __call__(self) -> None:
        for call in self.calls:
            call()


def row_of_calls(step: Callable[[], Any]) -> CallRow:
    """What would be left of a step if it were compiled."""
    captured = capture(step, expand=lambda primitive: primitive.composite)
    held = [inner(cell.read()) for cell in captured.cells]
    values = [*given(captured.form.arguments, ()), *held]
    graph = arranged(captured, False, None)
    known: dict[Name, Any] = dict(zip(graph.inputs, values, strict=True))
    pairs = [(e, call_of(e, known)) for e in graph.equations]
    with tracing():
        room = max((room_of(e, call) for e, call in pairs if not e.primitive.view), default=0)
    calls = [call for e, call in pairs if not e.primitive.view]
    return CallRow(calls, plan_of(graph, *values).size + room)


# book/systems/changes.md: A change, with what it promises and what it gave
@dataclass(frozen=True, repr=False)
class Change(Finding):
    """A change to a step: before, as predicted, and as measured if it was made."""

    name: str
    code: str  #: What to write.
    counted: str  #: Which bytes.
    seconds: tuple[float, float, float | None]
    nbytes: tuple[int, int, int | None]

    def off(self, what: str) -> float | None:
        """Share by which the prediction differs from what was measured; None if that was not."""
        _, predicted, measured = getattr(self, what)
        return None if not measured else predicted / measured - 1

    def table(self) -> Table:
        """Time in microseconds and bytes, each before, as predicted and as measured."""
        rows = []
        for what, unit in (("seconds", 1e-6), ("nbytes", 1)):
            said = ["" if v is None else f"{v / unit:,.0f}" for v in getattr(self, what)]
            off = self.off(what)
            kind = "µs" if what == "seconds" else f"bytes, {self.counted}"
            rows.append((self.name, kind, *said, "" if off is None else f"{100 * off:+.0f} %"))
        return Table(("change", "in", "before", "predicted", "measured", "off"), rows)

    def draw(self, ax: Any) -> None:
        """Draw what is left of the time, predicted and measured."""
        before, *after = self.seconds
        shares = [100 * (t or 0) / before for t in after]
        ax.bar(["predicted", "measured"], shares, color=["#767676", "#0072B2"])
        ax.set(ylabel="left of the time (%)", title=self.name)


def in_turns(
    runs: list[Callable[[], Any]], laps: int, clock: Callable[[], float]
) -> list[float]:
    """The shortest time of each of several runs, which take turns."""
    times = [[fastest(run, 1, clock) for run in runs] for _ in range(laps)]
    return [min(of_one) for of_one in zip(*times)]


def compiling(
    step: Callable[[], Any], clock: Callable[[], float] = time.process_time, laps: int = 9
) -> Change:
    """What compiling a step would give; the step is run, and not compiled."""
    row = row_of_calls(step)
    before, after = in_turns([step, row], laps, clock)
    nbytes = peak_of(step), row.nbytes, None
    return Change("compile", "step = ab.compile(step)", "peak", (before, after, None), nbytes)


def tried(
    make: Callable[[], Callable[[], Any]], clock: Callable[[], float] = time.process_time,
    laps: int = 9,
) -> Change:
    """The same, and then the step is compiled and measured.

    Parameters
    ----------
    make : callable
        Gives the step, each time with state of its own. A step that is compiled, and also run
        as it is, finds its state changed by the other, and looks at all of it again.
    clock : callable
        Gives seconds.
    laps : int
        Of which the shortest counts.
    """
    step, fast = make(), compile(make())
    row, held = row_of_calls(step), peak_of(step)
    for _ in range(3):
        fast()
    arenas = sum(trace.arena.nbytes for trace in fast.traces)
    before, predicted, measured = in_turns([step, row, fast], laps, clock)
    nbytes = held, row.nbytes, peak_of(fast) + arenas
    return Change("compile", "step = ab.compile(step)", "peak", (before, predicted, measured), nbytes)
