"""Where the milliseconds go.

``profile`` is a context manager that times each primitive, forward and back,
with its bytes and operations.

::

    import numpy as np
    import autograd_book as ab

    layer = ab.nn.Linear(64, 32, rng=0)
    with ab.profile(layer) as found:
        np.mean(np.tanh(layer(np.ones((100, 64), np.float32)))).backward()
    print(found.table())
    print(sum(row.seconds for row in found.by_primitive()) <= found.wall)
"""
# Generated from book/speed/profile.md by autograd-book extract; edit the chapter, not this file.
# sha256: 08ce4a75b6293479045bfedfcc90989d4f1bad33e662abd0657db1d00bbcd8ae

__all__ = [
    "Row",
    "row_of",
    "FLOATS",
    "HEADER",
    "cells",
    "Timings",
    "table_of",
    "trace_of",
    "TONES",
    "paths",
    "rectangles",
    "draw_flame",
    "folded",
    "free_height",
    "draw_roof",
    "Profile",
    "profile",
]


# book/speed/profile.md: What binds
from collections import Counter
from dataclasses import asdict, dataclass
from functools import reduce
from operator import add

from autograd_book.speed.probes import Event
from autograd_book.speed.roofline import Machine
from autograd_book.speed.work import Work


@dataclass(frozen=True)
class Row:
    """Events that belong together. Times are in seconds."""

    name: str
    phase: str
    calls: int
    seconds: float  #: In all of them, without operations inside.
    kernel: float  #: Of that, in NumPy.
    work: Work
    dtype: str

    @property
    def engine(self) -> float:
        """What was spent outside of NumPy."""
        return self.seconds - self.kernel

    def rate(self, amount: float) -> float:
        """An amount in each second of NumPy's time."""
        return amount / self.kernel if self.kernel > 0 else 0.0

    def parts(self, machine: Machine) -> dict[str, float]:
        """Seconds for its bytes and for its arithmetic at the least, and the rest of it."""
        least = machine.parts(self.work, self.dtype, self.calls)
        return least | {"overhead": max(0.0, self.seconds - max(least.values()))}

    def binds(self, machine: Machine) -> str:
        """What most of its time is spent on: bandwidth, arithmetic or overhead."""
        parts = self.parts(machine)
        return max(parts, key=parts.__getitem__)


def row_of(key: tuple[str, str], events: list[Event]) -> Row:
    """One row for several events."""
    kinds = Counter(event.dtype for event in events if event.work != Work())
    own, kernel = (sum(getattr(e, k) for e in events) / 1e9 for k in ("itself", "kernel"))
    work = reduce(add, (event.work for event in events), Work())
    kind = kinds.most_common(1)[0][0] if kinds else "float64"
    return Row(*key, len(events), own, kernel, work, kind if kind in FLOATS else "float64")


FLOATS = ("float16", "float32", "float64")


# book/speed/profile.md: What binds
from collections.abc import Callable
from typing import Any

from autograd_book.memory.report import Table, quoted

HEADER = ("what", "phase", "calls", "ms", "%", "NumPy ms", "GB/s", "GFLOP/s", "bound by")


def cells(row: Row, whole: float, machine: Machine | None) -> tuple[Any, ...]:
    """A row in the columns of `HEADER`."""
    share = 100 * row.seconds / whole if whole else 0.0
    work = row.work.flops + row.work.functions
    return (
        row.name, row.phase, row.calls, f"{row.seconds * 1e3:.3f}", f"{share:.1f}",
        f"{row.kernel * 1e3:.3f}", f"{row.rate(row.work.nbytes) / 1e9:.1f}",
        f"{row.rate(work) / 1e9:.2f}", row.binds(machine) if machine else "",
    )


# book/speed/profile.md: What binds
from autograd_book.speed.probes import Ledger


class Timings:
    """What a ledger says, in seconds and in rows."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.events = ledger, ledger.events

    def __repr__(self) -> str:
        sizes = f"{self.wall * 1e3:.3f} ms, {len(self.events)} operations"
        return f"<{type(self).__name__}: {sizes}>"

    @property
    def wall(self) -> float:
        """From the beginning of the block to its end."""
        return self.ledger.wall / 1e9

    @property
    def own(self) -> float:
        """What profiles have spent of that."""
        return self.ledger.own / 1e9

    @property
    def program(self) -> float:
        """What was spent outside of operations, by the thread that opened the block."""
        ledger = self.ledger
        ours = sum(e.itself for e in self.events if e.thread == ledger.thread)
        return (ledger.wall - ledger.own - ours) / 1e9

    def by(self, what: Callable[[Event], tuple[str, str]]) -> list[Row]:
        """A row for all events of which a function says the same, most time first."""
        found: dict[tuple[str, str], list[Event]] = {}
        for event in self.events:
            found.setdefault(what(event), []).append(event)
        rows = [row_of(key, events) for key, events in found.items()]
        return sorted(rows, key=lambda row: -row.seconds)


# book/speed/profile.md: What binds
def table_of(timings: Timings, rows: list[Row], machine: Machine | None) -> Table:
    """Rows as a table, with what was spent in none of them at the end."""
    whole = timings.wall - timings.own
    named = [(quoted(r.name) or "(no module)", *cells(r, whole, machine)[1:]) for r in rows]
    share = f"{100 * timings.program / whole:.1f}" if whole else "0.0"
    rest = ("outside of operations", "", "", f"{timings.program * 1e3:.3f}", share)
    return Table(HEADER, [*named, (*rest, *[""] * 4)])


# book/speed/profile.md: Pictures
from autograd_book.memory.report import bars, in_trace_format


def trace_of(timings: Timings) -> list[dict[str, Any]]:
    """All operations, in the Trace Event Format."""
    threads = dict.fromkeys(event.thread for event in timings.events)
    numbers = {thread: {"tid": 1 + i} for i, thread in enumerate(threads)}
    found = bars(timings.events, timings.ledger.start)
    return in_trace_format("profile", [b | numbers[e.thread] for b, e in zip(found, timings.events)])


# book/speed/profile.md: Pictures
#: Colours of the phases, which colour-blind readers can tell apart.
TONES = {"forward": "#0072B2", "backward": "#D55E00", "replay": "#009E73", "update": "#E69F00"}


def paths(timings: Timings) -> dict[tuple[str, ...], float]:
    """Seconds by phase, module and primitive, the longest first within each."""
    found: dict[tuple[str, ...], float] = {}
    for event in timings.events:
        path = (event.place.phase, event.module or "(no module)", event.place.name)
        for depth in (1, 2, 3):
            found[path[:depth]] = found.get(path[:depth], 0.0) + event.itself / 1e9
    rank = lambda path: [(-found[path[: i + 1]], path[i]) for i in range(len(path))]
    return {path: found[path] for path in sorted(found, key=rank)}


def rectangles(timings: Timings) -> list[tuple[tuple[str, ...], float, float]]:
    """Path, begin and width of each bar, in seconds."""
    begins: dict[tuple[str, ...], float] = {}
    found = []
    for path, width in paths(timings).items():
        begin = begins.get(path[:-1], 0.0)
        begins[path], begins[path[:-1]] = begin, begin + width
        found.append((path, begin, width))
    return found


def draw_flame(timings: Timings, ax: Any) -> None:
    """Draw a flame graph into axes of matplotlib, with the phases at the foot."""
    whole = sum(event.itself for event in timings.events) / 1e9 or 1.0
    for path, begin, width in rectangles(timings):
        tone, pale = TONES[path[0]], (0.6, 0.45, 0.3)[len(path) - 1]
        ax.barh(len(path) - 1, width * 1e3, 0.94, begin * 1e3, color=tone, alpha=pale, ec="white")
        if len(path[-1]) < 80 * width / whole:  # the name fits into the bar
            place = (begin + width / 2) * 1e3, len(path) - 1
            ax.text(*place, path[-1], ha="center", va="center", fontsize=8)
    ax.set(yticks=(0, 1, 2), yticklabels=("phase", "module", "primitive"), xlabel="time (ms)")
    ax.grid(False)


def folded(timings: Timings) -> str:
    """The same as text: a line for each path, with nanoseconds."""
    full = {path: s for path, s in paths(timings).items() if len(path) == 3}
    return "\n".join(f"{';'.join(path)} {round(s * 1e9)}" for path, s in full.items())


# book/speed/profile.md: Pictures
import numpy as np


def free_height(x: float, y: float, taken: list[tuple[float, float]]) -> float:
    """The lowest height from y on at which a label at x stands on no other one."""
    while any(max(a / x, x / a) < 6 and max(b / y, y / b) < 1.45 for a, b in taken):
        y *= 1.1
    return y


def draw_roof(rows: list[Row], machine: Machine, ax: Any) -> None:
    """Draw the roof of a machine in single precision, dashed in the best of its caches, and
    rows below it."""
    peak, speed = machine.products["float32"], machine.copied[-1]
    reach = np.logspace(-2, np.log10(max(8 * peak / speed, 1.0)), 50)
    for bandwidth, style in ((max(machine.copied), "--"), (speed, "-")):
        ax.plot(reach, np.minimum(reach * bandwidth, peak) / 1e9, style, color="#222222", lw=1.2)
    labels: list[tuple[float, float]] = []
    for row in sorted(rows, key=lambda row: row.rate(row.work.flops + row.work.functions)):
        done, place = row.rate(row.work.flops + row.work.functions) / 1e9, row.work.intensity
        if done:
            ax.scatter(place, done, color=TONES[row.phase], zorder=3)
            labels.append((place, free_height(place, done, labels)))
            ax.annotate(f"  {row.name}", (place, done), labels[-1], va="center", fontsize=8)
    ax.set(xscale="log", yscale="log", xlabel="operations for each byte", ylabel="Goperations/s")


# book/speed/profile.md: The profile
from os import PathLike

from autograd_book.memory.report import save_json
from autograd_book.speed.chains import Fusible, fusible
from autograd_book.speed.roofline import measure_machine


class Profile(Timings):
    """What `profile` has found. Times are in seconds.

    Attributes
    ----------
    events : list of Event
        All operations, in the order in which they began.
    wall, own, program : float
        From begin to end; what profiles have spent of that; what was spent in no operation.
    """

    measured: Machine | None = None

    def machine(self) -> Machine:
        """What the machine at hand can do; it is measured when this is first asked."""
        self.measured = self.measured or measure_machine()
        return self.measured

    def by_primitive(self) -> list[Row]:
        """A row for each primitive and phase."""
        return self.by(lambda event: (event.place.name, event.place.phase))

    def by_line(self) -> list[Row]:
        """A row for each line of the program and phase."""
        return self.by(lambda event: (event.place.line, event.place.phase))

    def by_module(self) -> list[Row]:
        """A row for each network or layer and phase; the name is empty outside of all."""
        return self.by(lambda event: (event.module, event.place.phase))

    def fusible(self) -> list[Fusible]:
        """What an ideal fusion would neither write nor read: a prediction."""
        return fusible(self.ledger.readers)

    def table(
        self, by: str = "primitive", rows: int = 12, machine: Machine | None = None
    ) -> Table:
        """The rows with most time, by ``"primitive"``, ``"line"`` or ``"module"``.

        With a machine, such as `machine` gives, they say what binds them.
        """
        return table_of(self, getattr(self, f"by_{by}")()[:rows], machine)

    def to_dict(self) -> dict[str, Any]:
        """All figures in plain types, as for JSON."""
        kinds = {kind: getattr(self, f"by_{kind}")() for kind in ("primitive", "line", "module")}
        rows = {kind: [asdict(row) for row in found] for kind, found in kinds.items()}
        return {"wall": self.wall, "own": self.own, "program": self.program} | rows

    def draw_flame(self, ax: Any) -> None:
        """Draw a flame graph into axes of matplotlib."""
        draw_flame(self, ax)

    def draw_roof(self, ax: Any, machine: Machine | None = None) -> None:
        """Draw each primitive below the roof of a machine, by default the one at hand."""
        draw_roof(self.by_primitive(), machine or self.machine(), ax)

    def save_chrome_trace(self, path: "str | PathLike[str]") -> None:
        """Write a file that chrome://tracing and ui.perfetto.dev open."""
        save_json(path, {"traceEvents": trace_of(self), "displayTimeUnit": "ns"})


# book/speed/profile.md: Around a block
from autograd_book.speed.chains import Chains
from autograd_book.speed.probes import probing


class profile(probing):
    """Context manager that takes the time of what is computed inside of it.

    Parameters
    ----------
    *owners : Module, Optimizer, or list of these
        Networks, whose layers it should know by name, and optimisers, whose updates it
        should see.
    clock : callable
        Gives nanoseconds.

    Returns
    -------
    Profile
        From ``with profile() as found``; complete when the block is left, also by an error.
        What other threads compute is seen where they run in a copy of the block's context;
        NumPy's functions of plain arrays pass no door, and are time of the program.
    """

    def __enter__(self) -> Profile:
        ledger = super().__enter__()
        ledger.readers = Chains()
        return Profile(ledger)
