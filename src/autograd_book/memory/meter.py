"""The meter.

``memory_profile`` is a context manager. It is given the networks and
optimisers whose arrays it should know by name, and leaves a profile behind.

::

    import numpy as np
    import autograd_book as ab
    from autograd_book.memory import meter

    layer = ab.nn.Linear(64, 32, rng=0)
    with meter.memory_profile(layer) as profile:
        np.mean(np.tanh(layer(np.ones((100, 64), np.float32)))).backward()
    print(profile.at_peak["parameter"], "bytes of parameters,")
    print(profile.at_peak["saved value"], "of saved values, kept for the way back")
    print(sum(profile.at_peak.values()) == profile.peak)
"""
# Generated from book/memory/meter.md by autograd-book extract; edit the chapter, not this file.
# sha256: 035eff0e9d9edc7b1d8d5029ffc1378a8dc6cf4196a1a3d9bf56b44385701e4e

__all__ = [
    "CATEGORIES",
    "RANK",
    "owner_of",
    "Gauge",
    "Place",
    "BEFORE",
    "ENGINE",
    "PHASES",
    "caller",
    "cotangents_of",
    "place",
    "Buffer",
    "Moment",
    "Span",
    "role_on_arrival",
    "Reference",
    "Books",
    "role_of",
    "Meter",
    "MemoryProfile",
    "composition",
    "said",
    "quoted",
    "events",
    "Table",
    "MeterBusyError",
    "parameters_of",
    "introduce",
    "watched",
    "above",
    "memory_profile",
    "LEAST",
    "layout",
    "Pool",
    "constant",
    "recycle",
    "SETTINGS",
    "MissingAllocatorError",
    "keep_pages",
    "plan_arena",
    "smallest_gap",
]


# book/memory/meter.md: What a buffer is
from typing import Any

import numpy as np

from autograd_book.graph.variable import innermost

#: What a buffer is for. Of several reasons the first counts.
CATEGORIES = (
    "parameter", "optimizer state", "input", "gradient", "saved value", "cotangent",
    "temporary",
)
RANK = {category: rank for rank, category in enumerate(CATEGORIES)}


# book/memory/meter.md: What a buffer is
def owner_of(value: Any) -> Any:
    """The last array behind any number of Variables and views; None for what is no array.

    It owns its memory, unless it was laid over memory that is not NumPy's.
    """
    value = innermost(value)
    owner = link = value if isinstance(value, np.ndarray) else None
    while (link := getattr(link, "base", None)) is not None:
        owner = link if isinstance(link, np.ndarray) else owner
    return owner


# book/memory/meter.md: What there was in between
import tracemalloc


class Gauge:
    """Reads ``tracemalloc``, and leaves out what the accounts themselves take."""

    __slots__ = ("own", "entered", "floor", "level", "most")

    def __init__(self) -> None:
        self.own = 0  #: Bytes of the accounts.
        self.entered: int | None = None  #: Reading at `open`, until `close`.
        self.floor = self.level = 0  #: Readings at `close`, with and without what is dying.
        self.most = 0  #: The most that the program had at once, since this was set to 0.

    def open(self) -> int:
        """Bytes of the program now; what happens until `close` belongs to the accounts."""
        now, peak = tracemalloc.get_traced_memory()
        self.entered = now
        self.most = max(self.most, (peak if peak > self.floor else self.level) - self.own)
        return now - self.own

    def close(self, dying: int = 0) -> None:
        """Let the program go on; `dying` bytes are about to be freed."""
        now, _ = tracemalloc.get_traced_memory()
        self.own += now - (self.entered or 0)
        self.entered, self.floor, self.level = None, now, now - dying
        tracemalloc.reset_peak()


# book/memory/meter.md: Whose line
import sys
from typing import NamedTuple

from autograd_book.graph.backward import walk
from autograd_book.graph.variable import Gradients, deliver
from autograd_book.learn.optim import Optimizer
from autograd_book.modes.transforms import own


class Place(NamedTuple):
    """What the program is doing."""

    name: str  #: Of a primitive or an optimiser.
    phase: str  #: forward, backward or update.
    line: str  #: File and line of the program.


BEFORE = "before the block"  #: The line of what is older than a profile.
#: Modules whose frames are not the program's; the text of a plan has none.
ENGINE = {__name__.partition(".")[0], "numpy", ""}
#: Functions of the engine that tell the phase.
PHASES = {f.__code__: "backward" for f in (walk, deliver, own, Gradients.backward)} | {
    Optimizer.step.__code__: "update"
}


# book/memory/meter.md: Whose line
def caller() -> tuple[Any, str]:
    """The innermost frame of the program, and the phase."""
    frame: Any = sys._getframe(1)
    phase = "forward"
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in ENGINE:
        phase = PHASES.get(frame.f_code, phase)
        frame = frame.f_back
    return frame, phase


# book/memory/meter.md: Whose line
def cotangents_of(frame: Any) -> Any:
    """The table of cotangents in the frame of a walk; empty for any other frame."""
    if frame.f_code is not walk.__code__:
        return {}
    found = frame.f_locals
    table = found["cotangents"]
    if type(found) is dict:  # a copy, up to Python 3.12, that would keep arrays alive
        found.clear()
    return table


def place(name: str, frame: Any, phase: str) -> Place:
    """What the program is doing, from a frame."""
    return Place(name, phase, f"{frame.f_code.co_filename}:{frame.f_lineno}")


# book/memory/meter.md: The accounts
class Buffer:
    """Memory that an array owned, and what became of it."""

    __slots__ = (
        "nbytes", "shape", "dtype", "role", "holders", "old", "place", "born", "died",
        "kinds", "sources", "uses", "read", "reference",
    )

    def __init__(self, array: np.ndarray, role: str, place: Place, moment: int) -> None:
        self.nbytes, self.shape, self.dtype = array.nbytes, array.shape, array.dtype
        self.role = role  #: Category, apart from being saved.
        self.holders = 0  #: Number of nodes that have saved it.
        #: Whether it is older than the block.
        self.old = tracemalloc.get_object_traceback(array) is None
        self.place = place  #: Where it was made, or first seen.
        self.born = 0 if self.old else moment  #: Number of the moment.
        self.died: int | None = None  #: Number of the moment; None while it lives.
        self.kinds = [(self.born, role)]  #: Category, from each moment on.
        self.sources: list[Buffer] = []  #: What it was computed from.
        self.uses = 0  #: Number of primitives and rules that took it.
        self.read = False  #: Whether a rule took it as a saved value.
        self.reference: Any = None  #: Weak reference to the array.

    @property
    def kind(self) -> str:
        """Category at present."""
        free = RANK[self.role] > RANK["saved value"]
        return "saved value" if self.holders and free else self.role

    def kind_at(self, moment: int) -> str:
        """Category at a moment."""
        return [kind for since, kind in self.kinds if since <= moment][-1]


# book/memory/meter.md: The accounts
import weakref
from time import perf_counter_ns

from autograd_book.graph.record import FREED, Leaf, Node


class Moment(NamedTuple):
    """What there was at one time."""

    time: int  #: In nanoseconds.
    place: Place
    live: dict[str, int]  #: Bytes of buffers, by category.
    other: int  #: Bytes of Python objects, and of buffers that were not seen.
    top: int  #: The most there was at once since the moment before, all together.

    @property
    def total(self) -> int:
        """Bytes, all together."""
        return sum(self.live.values()) + self.other


class Span(NamedTuple):
    """One operation from start to end, in nanoseconds."""

    place: Place
    start: int
    end: int


def role_on_arrival(target: Node) -> str:
    """What the cotangent of a node is for."""
    return "gradient" if isinstance(target, Leaf) else "cotangent"


# book/memory/meter.md: The accounts
class Reference(weakref.ref[Any]):
    """A weak reference with a number, by which its callback finds the entry."""

    __slots__ = ("key",)

    key: int  #: Identity of an array, or index of a node.

    def __new__(cls, target: Any, callback: Any, key: int) -> "Reference":
        self = super().__new__(cls, target, callback)
        self.key = key
        return self

    def __init__(self, target: Any, callback: Any, key: int) -> None:
        super().__init__(target, callback)  # type: ignore[call-arg]


# book/memory/meter.md: The accounts
class Books:
    """The accounts of a block of code: its buffers, and its moments."""

    def __init__(self) -> None:
        self.gauge = Gauge()
        self.buffers: list[Buffer] = []
        self.moments: list[Moment] = []
        self.spans: list[Span] = []
        self.alive: dict[int, Buffer] = {}  #: By identity of the owning array.
        self.live = dict.fromkeys(CATEGORIES, 0)  #: Bytes by category.
        self.known = 0  #: Bytes of live buffers that tracemalloc has seen as well.
        # Made once: a method that is looked up is an object of its own.
        self.on_death, self.on_release = self.leave, self.release
        self.kept: dict[int, Any] = {}  #: By index of a node: itself, buffers, and place.
        self.pulled: Any = None  #: Weak reference to the last node that was pulled.
        #: Leaves that a cotangent has reached, and that have no new gradient yet.
        self.arriving: weakref.WeakSet[Leaf] = weakref.WeakSet()
        #: Table of the walk, and the nodes to which it adds what was pulled last.
        self.table: Any = {}
        self.due: Any = ()
        #: What the program is doing, since when, and what was unseen then; the innermost last.
        self.doing: list[tuple[Place, int, int]] = []
        self.idle = Place("the program", "forward", BEFORE)  #: Between operations.
        self.program = 0  #: Bytes of the program at this moment.
        self.older = 0  #: Bytes of buffers that tracemalloc has not seen.
        self.closed = False  #: Whether the block has been left.

    def begin(self) -> None:
        """Begin a moment: read the gauge, and look for what has changed by itself."""
        self.program = self.gauge.open()
        self.older = sum(self.live.values()) - self.known
        node = self.pulled and self.pulled()
        if node is not None and node.saved is FREED:
            self.release(self.pulled)
        for target in self.due:
            self.find(self.table.get(target), role_on_arrival(target))
        for leaf in list(self.arriving):
            if leaf.grad is not None and self.is_new(self.find(leaf.grad, "gradient")):
                self.arriving.discard(leaf)

    def end(self, dying: int = 0) -> None:
        """Enter a moment."""
        other, live = self.program - dying - self.known, self.live.copy()
        total = sum(live.values()) + other
        # What an operation has allocated so far is its own until its result is entered.
        unseen = min(other, self.doing[-1][2]) if self.doing else other
        top = self.gauge.most + max(self.older, sum(live.values()) - self.known)
        now = perf_counter_ns()
        self.moments.append(Moment(now, self.place(), live, unseen, max(top, total)))
        self.gauge.most = 0
        self.gauge.close(dying)

    def find(self, value: Any, role: str) -> Buffer | None:
        """The buffer in which a value lies; entered if it is new, and promoted if `role`
        ranks higher than its own."""
        owner = owner_of(value)
        if owner is None or not owner.flags.owndata:
            return None
        buffer = self.alive.get(id(owner))
        if buffer is None:
            return self.enter(owner, role)
        if role != "input" and RANK[role] < RANK[buffer.role]:
            self.turn(buffer, role=role)
        return buffer

    def is_new(self, buffer: Buffer | None) -> bool:
        """Whether a buffer was entered in this moment."""
        return buffer is not None and buffer.born == len(self.moments)

    def enter(self, owner: np.ndarray, role: str) -> Buffer:
        """Enter a buffer."""
        buffer = Buffer(owner, role, self.place(), len(self.moments))
        buffer.reference = Reference(owner, self.on_death, id(owner))
        self.alive[id(owner)] = buffer
        self.buffers.append(buffer)
        self.count(buffer, +1)
        return buffer

    def count(self, buffer: Buffer, sign: int) -> None:
        """Add a buffer to the sums, or take it out."""
        self.live[buffer.kind] += sign * buffer.nbytes
        self.known += 0 if buffer.old else sign * buffer.nbytes

    def leave(self, reference: Reference) -> None:
        """Note that an array is about to be freed."""
        where = caller()
        buffer = self.alive.pop(reference.key)
        dying = 0 if buffer.old else buffer.nbytes
        amid = self.gauge.entered is not None  # the collector woke up among the accounts
        if not amid:
            self.begin()
            self.idle = place("the program", *where)
        self.count(buffer, -1)
        buffer.died = len(self.moments)
        if amid:
            self.gauge.entered = (self.gauge.entered or 0) - dying
        else:
            self.end(dying)

    def turn(self, buffer: Buffer, role: str = "", holders: int = 0) -> None:
        """Give a buffer another role, or more or fewer holders."""
        self.count(buffer, -1)
        buffer.role, buffer.holders = role or buffer.role, buffer.holders + holders
        self.count(buffer, +1)
        if buffer.kind != buffer.kinds[-1][1]:
            buffer.kinds.append((len(self.moments), buffer.kind))

    def keep(self, node: Node) -> None:
        """Note what a node has saved."""
        saved: Any = node.saved
        values = saved if type(saved) is tuple else saved.arrays()
        buffers = [b for value in values if (b := self.find(value, "temporary"))]
        for buffer in buffers:
            self.turn(buffer, holders=+1)
        reference = Reference(node, self.on_release, node.index)
        self.kept[node.index] = reference, buffers, self.place()

    def release(self, reference: Reference) -> None:
        """Note that a node has let go of what it saved, or died."""
        amid = self.gauge.entered is not None
        if not amid:
            self.gauge.open()
        _, buffers, _ = self.kept.pop(reference.key, (None, (), None))
        for buffer in buffers:
            self.turn(buffer, holders=-1)
        if not amid:
            self.gauge.close()

    def place(self) -> Place:
        """What the program is doing."""
        return self.doing[-1][0] if self.doing else self.idle

    def start(self, what: Place) -> None:
        """Note that an operation begins."""
        self.doing.append((what, perf_counter_ns(), self.program - self.known))
        self.idle = Place("the program", what.phase, what.line)

    def stop(self) -> None:
        """Note that it is over."""
        self.gauge.open()
        what, start, _ = self.doing.pop()
        self.spans.append(Span(what, start, perf_counter_ns()))
        self.gauge.close()

    def finish(self) -> None:
        """Enter the last moment, and let go of all arrays and nodes."""
        self.begin()
        self.end()
        for buffer in self.buffers:
            buffer.reference = None
        self.closed = True
        del self.on_death, self.on_release
        self.alive.clear()
        self.kept.clear()
        self.arriving.clear()
        self.table, self.due = {}, ()


# book/memory/meter.md: Both doors
from autograd_book.graph.backward import fit
from autograd_book.graph.interpreter import Interpreter
from autograd_book.graph.primitive import Primitive
from autograd_book.graph.variable import Variable
from autograd_book.stability.precision import nodes_of


def role_of(argument: Any) -> str:
    """What an argument is for, if it was never seen before."""
    if type(argument) is not Variable:
        return "input"
    while type(argument) is Variable:
        if isinstance(argument.node, Leaf):
            return "parameter"
        argument = argument.value
    return "temporary"


# book/memory/meter.md: Both doors
class Meter(Interpreter):
    """Enters what goes through both doors into the books."""

    __slots__ = ("books",)

    def __init__(self, below: Interpreter, books: Books) -> None:
        super().__init__(below)
        self.books = books

    def under(self, level: Any) -> tuple[Interpreter, Interpreter]:
        """Stay on top of a new level, so as to see what it makes."""
        below, made = self.below.under(level)
        return Meter(below, self.books), made

    def bind(self, primitive: Primitive, args: Any, params: dict[str, Any]) -> Any:
        """Apply a primitive; enter its arguments, its result, and what is saved of them."""
        books, where = self.books, caller()
        if books.closed:  # a checkpoint runs again on the stack that it was called on
            return self.below.bind(primitive, args, params)
        books.begin()
        sources = [b for a in args if (b := books.find(a, role_of(a)))]
        for buffer in sources:
            buffer.uses += 1
        books.start(place(primitive.name, *where))
        books.end()
        try:
            out = self.below.bind(primitive, args, params)
            books.begin()
            made = books.find(out, "temporary")
            if made is not None and books.is_new(made) and type(out) is Variable:
                made.sources = sources
            for node in nodes_of(out):
                books.keep(node)
            del sources  # while the accounts are open, so that it counts as theirs
            books.end()
        finally:
            books.stop()
        return out

    def pull(self, node: Node, g: Any) -> Any:
        """Pull a cotangent; enter what was read, and what came of it."""
        books, table = self.books, cotangents_of(sys._getframe(1))
        if books.closed:
            return self.below.pull(node, g)
        books.begin()
        books.table = table
        books.find(g, "cotangent")
        for value in node.saved:
            if buffer := books.find(value, "temporary"):
                buffer.uses, buffer.read = buffer.uses + 1, True
        plan: Any = node.plan
        line = books.kept[node.index][2].line if node.index in books.kept else BEFORE
        books.start(Place(plan.primitive.name, "backward", line))
        books.end()
        try:
            raw = self.below.pull(node, g)
            parts = [fit(p, t, node) for p, t in zip(raw, node.inputs, strict=True)]
            books.begin()
            for part in raw:
                books.find(part, "temporary")
            for target, part in zip(node.inputs, parts):
                books.find(part, role_on_arrival(target))
            books.arriving.update(t for t in node.inputs if isinstance(t, Leaf))
            books.due = node.inputs  # where the walk is about to add the parts
            books.pulled = Reference(node, None, node.index)
            books.end()
        finally:
            books.stop()
        return parts


# book/memory/meter.md: The profile
import linecache
from collections.abc import Callable
from os import PathLike


class MemoryProfile:
    """What `memory_profile` found. Sizes are in bytes.

    Attributes
    ----------
    moments : list of Moment
        What there was at each time, in order.
    buffers : list of Buffer
        All arrays with memory of their own that were seen.
    spans : list of Span
        Primitives, rules and updates, from start to end.
    """

    def __init__(self, books: Books) -> None:
        self.moments, self.buffers, self.spans = books.moments, books.buffers, books.spans

    def __repr__(self) -> str:
        sizes = f"peak {self.peak:,} bytes" if self.moments else "nothing yet"
        return f"<MemoryProfile: {sizes}, {len(self.moments)} moments>"

    @property
    def peak_moment(self) -> int:
        """Number of the moment at which there was most."""
        return max(range(len(self.moments)), key=lambda i: self.moments[i].top)

    @property
    def peak(self) -> int:
        """The most there was at once."""
        return self.moments[self.peak_moment].top

    @property
    def at_peak(self) -> dict[str, int]:
        """What the peak consisted of, by category."""
        return composition(self.moments[self.peak_moment])

    @property
    def timeline(self) -> dict[str, np.ndarray]:
        """For each category its bytes at each moment."""
        rows = [composition(moment) for moment in self.moments]
        return {name: np.array([row[name] for row in rows]) for name in rows[0]}

    def holders(self) -> list[Buffer]:
        """The buffers that were there at the peak, the largest first."""
        now = self.peak_moment
        born = [b for b in self.buffers if b.born <= now]
        there = [b for b in born if b.died is None or b.died > now]
        return sorted(there, key=lambda b: -b.nbytes)

    def by(self, what: Callable[[Place], Any]) -> dict[Any, int]:
        """Bytes at the peak, by what a function says of the place where they were made."""
        found: dict[Any, int] = {}
        for buffer in self.holders():
            key = what(buffer.place)
            found[key] = found.get(key, 0) + buffer.nbytes
        return dict(sorted(found.items(), key=lambda item: -item[1]))

    def by_primitive(self) -> dict[str, int]:
        """Bytes at the peak, by the primitive that made them and the phase."""
        return self.by(lambda place: f"{place.name}, {place.phase}")

    def by_line(self) -> dict[str, int]:
        """Bytes at the peak, by the line of the program that made them."""
        return self.by(lambda place: place.line)

    def table(self, rows: int = 10) -> "Table":
        """The largest holders of memory at the peak."""
        now = self.peak_moment
        return Table(
            ("bytes", "what for", "shape", "dtype", "made by", "line"),
            [
                (f"{b.nbytes:,}", b.kind_at(now), b.shape, b.dtype, *said(b.place))
                for b in self.holders()[:rows]
            ],
        )

    def never_read(self) -> list[Buffer]:
        """What was saved, and no rule has read."""
        return [
            b for b in self.buffers
            if not b.read and any(kind == "saved value" for _, kind in b.kinds)
        ]

    def never_used(self) -> list[Buffer]:
        """What primitives made for nothing: it is gone, and was taken by no primitive and
        no rule, or only for something that was made for nothing too."""
        made = {
            id(b)
            for b in self.buffers
            if b.sources and b.died is not None and b.place.phase == "forward"
        }
        uses = {id(b): b.uses for b in self.buffers}
        found, todo = [], [b for b in self.buffers if id(b) in made and not b.uses]
        while todo:
            buffer = todo.pop()
            found.append(buffer)
            for source in buffer.sources:
                uses[id(source)] -= 1
                if id(source) in made and not uses[id(source)]:
                    todo.append(source)
        return sorted(found, key=lambda b: b.born)

    def lifetimes(self) -> list[tuple[int, int, int]]:
        """First moment, moment after the last, and bytes of each buffer of the block."""
        end = len(self.moments)
        return [
            (b.born, end if b.died is None else b.died, b.nbytes)
            for b in self.buffers
            if not b.old
        ]

    def save_chrome_trace(self, path: "str | PathLike[str]") -> None:
        """Write a file that chrome://tracing and ui.perfetto.dev open."""
        import json  # here, since few programs need it

        with open(path, "w", encoding="utf-8") as file:
            json.dump({"traceEvents": events(self), "displayTimeUnit": "ns"}, file)


# book/memory/meter.md: The profile
def composition(moment: Moment) -> dict[str, int]:
    """The parts of the most there was at once, which add up to it."""
    return moment.live | {
        "inside an operation": moment.top - moment.total,
        "unseen": moment.other,
    }


def said(place: Place) -> tuple[str, str]:
    """A place in two columns of a table."""
    return place.name, quoted(place.line)


# book/memory/meter.md: The profile
def quoted(line: str) -> str:
    """What stands on a line of the program, or its file and number if that is unknown."""
    file, _, number = line.rpartition(":")
    return (linecache.getline(file, int(number)).strip()[:60] if file else "") or line


# book/memory/meter.md: The profile
def events(profile: MemoryProfile) -> list[dict[str, Any]]:
    """Names, operations and counters in the Trace Event Format, by time in microseconds."""
    start = profile.moments[0].time
    names = {"process_name": "memory_profile", "thread_name": "operations"}
    found: list[dict[str, Any]] = [
        {"name": kind, "ph": "M", "ts": 0, "args": {"name": name}}
        for kind, name in names.items()
    ]
    found += [
        {
            "name": span.place.name, "cat": span.place.phase, "ph": "X",
            "ts": (span.start - start) / 1e3, "dur": (span.end - span.start) / 1e3,
            "args": {"line": span.place.line},
        }
        for span in profile.spans
    ]
    found += [
        {
            "name": "bytes", "cat": "memory", "ph": "C",
            "ts": (moment.time - start) / 1e3, "args": composition(moment),
        }
        for moment in profile.moments
    ]
    # of what begins at the same time, the longest is around the others
    found.sort(key=lambda event: (event["ts"], -event.get("dur", 0)))
    return [event | {"pid": 1, "tid": 1} for event in found]


# book/memory/meter.md: The profile
class Table:
    """Rows under a header, shown as HTML on a page and as text in a terminal."""

    def __init__(self, header: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
        self.header, self.rows = header, [tuple(map(str, row)) for row in rows]

    def __repr__(self) -> str:
        lines = [self.header, *self.rows]
        widths = [max(map(len, column)) for column in zip(*lines)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip()
            for line in lines
        )

    def _repr_html_(self) -> str:
        from html import escape

        def row(tag: str, cells: tuple[str, ...]) -> str:
            inner = "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells)
            return f"<tr>{inner}</tr>"

        body = "".join(row("td", cells) for cells in self.rows)
        head = row("th", self.header)
        return f"<table class='table'><thead>{head}</thead><tbody>{body}</tbody></table>"


# book/memory/meter.md: Around a block
from collections.abc import Iterator

from autograd_book.graph.errors import AutogradError, DifferentiationTypeError, described
from autograd_book.graph.variable import push
from autograd_book.learn.nn import leaves


class MeterBusyError(AutogradError, RuntimeError):
    """A second account of memory while a first is being kept."""


def parameters_of(owner: Any) -> list[Variable]:
    """The parameters in an owner: a network, an optimiser, a Variable, or a container."""
    if isinstance(owner, Optimizer):
        return owner.parameters
    found = [variable for _, variable in leaves(owner, "", set())]
    if not found:
        raise DifferentiationTypeError(
            f"memory_profile was given {described(owner)}, in which there is no parameter. "
            "Give it networks, optimisers, Variables that require a gradient, or lists of "
            "these."
        )
    return found


# book/memory/meter.md: Around a block
def introduce(books: Books, owner: Any) -> None:
    """Enter what an owner holds."""
    for parameter in parameters_of(owner):
        books.find(parameter, "parameter")
        leaf: Any = parameter.node
        books.find(leaf.grad, "gradient")
    for state in owner.state if isinstance(owner, Optimizer) else ():
        for array in state.values():
            books.find(array, "optimizer state")


# book/memory/meter.md: Around a block
def watched(optimizer: Optimizer, books: Books) -> Callable[..., None]:
    """The method ``update`` of an optimiser, with an entry before and after it."""
    update = optimizer.update

    def applied(value: Any, gradient: Any, state: Any) -> None:
        where = caller()
        books.begin()
        books.find(value, "parameter")
        books.start(place(type(optimizer).__name__, *where))
        books.end()
        try:
            update(value, gradient, state)
            books.begin()
            for array in state.values():
                books.find(array, "optimizer state")
            books.end()
        finally:
            books.stop()

    return applied


# book/memory/meter.md: Around a block
class above(push):
    """As `push`, with the level on the very top."""

    def onto(self, stack: Interpreter) -> tuple[Interpreter, Any]:
        """The level on the stack, and the level."""
        level = self.level(stack, *self.args)
        return level, level


class memory_profile:
    """Context manager that accounts for the memory of what is computed inside of it.

    Parameters
    ----------
    *owners : Module, Optimizer, Variable, or list or iterator of these
        Whose arrays are parameters and optimizer state. Without them parameters are known
        once a primitive takes them.

    Returns
    -------
    MemoryProfile
        From ``with memory_profile() as profile``; complete when the block is left, also by
        an error.

    Raises
    ------
    DifferentiationTypeError
        If an owner has no parameters.
    MeterBusyError
        If ``tracemalloc`` is at work already, for another profile or for the program: it
        keeps one account for the process.
    """

    def __init__(self, *owners: Any) -> None:
        # what network.parameters() gives can be gone through once
        self.owners = [list(o) if isinstance(o, Iterator) else o for o in owners]
        for owner in self.owners:
            parameters_of(owner)

    def __enter__(self) -> MemoryProfile:
        if tracemalloc.is_tracing():
            raise MeterBusyError(
                "memory_profile was entered while tracemalloc is at work, which keeps one "
                "account for the process. Leave the other profile first, or call "
                "tracemalloc.stop()."
            )
        self.books = Books()
        tracemalloc.start()
        self.books.begin()
        for owner in self.owners:
            introduce(self.books, owner)
        self.optimizers = {o for o in self.owners if isinstance(o, Optimizer)}
        for optimizer in self.optimizers:
            vars(optimizer)["update"] = watched(optimizer, self.books)
        self.block = above(Meter, self.books)
        self.block.__enter__()
        profile = MemoryProfile(self.books)
        self.books.end()
        return profile

    def __exit__(self, *error: object) -> None:
        for optimizer in self.optimizers:
            del vars(optimizer)["update"]
        self.books.finish()
        tracemalloc.stop()
        self.block.__exit__(*error)


# book/memory/meter.md: What an allocation costs
from threading import Lock, get_ident

from autograd_book.graph.record import tie
from autograd_book.graph.variable import base, top

LEAST = 1 << 16  #: Bytes from which a buffer is worth keeping.


def layout(value: Any) -> Any:
    """What decides the form of a result: shape and dtype of a plain array in C order, the
    type of a number; None for anything else."""
    if type(value) is np.ndarray and value.flags.c_contiguous and value.dtype.kind == "f":
        return value.shape, value.dtype
    return type(value) if isinstance(value, (float, int, np.floating)) else None


# book/memory/meter.md: What an allocation costs
class Pool(Interpreter):
    """Gives the results of universal functions the buffers of values that have died.

    Parameters
    ----------
    below : Interpreter
        The bottom of the stack.
    """

    __slots__ = ("shelf", "results", "home", "lent")

    def __init__(self, below: Interpreter) -> None:
        super().__init__(below)
        self.shelf: dict[int, list[np.ndarray]] = {}  #: Buffers, by size in bytes.
        self.results: dict[Any, Any] = {}  #: Layout of results, by function and layouts.
        self.home = get_ident()  #: The thread that it serves.
        self.lent = 0  #: How often a buffer has found a second value.

    def take(self, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """An array in a buffer that nobody holds any more, or in a new one."""
        size = int(np.prod(shape)) * dtype.itemsize
        buffers = self.shelf.setdefault(size, [])
        for i in range(len(buffers)):
            # held by the shelf, and by the call
            if sys.getrefcount(buffers[i]) <= 2:
                self.lent += 1
                return buffers[i].view(dtype).reshape(shape)
        buffers.append(np.empty(size, np.uint8))
        return buffers[-1].view(dtype).reshape(shape)

    def bind(self, primitive: Primitive, args: Any, params: dict[str, Any]) -> Any:
        """Apply a primitive, into a buffer of the pool if its result is known to fit."""
        forms = tuple(map(layout, args))
        if (
            type(primitive.fun) is not np.ufunc or params or None in forms
            or get_ident() != self.home
        ):
            return self.below.bind(primitive, args, params)
        key = primitive, forms
        if known := self.results.get(key):
            return self.below.bind(primitive, args, {"out": self.take(*known)})
        out = self.below.bind(primitive, args, params)
        if type(out) is np.ndarray and out.nbytes >= LEAST:
            self.results[key] = layout(out)
        return out

    def pull(self, node: Node, g: Any) -> Any:
        """Let the rules of a node compute with constant Variables, whose operations come
        back to `bind`, and to no level above, which would not see them without a pool."""
        plan: Any = node.plan
        large = type(g) is np.ndarray and g.nbytes >= LEAST
        # Variables among the values belong to a derivative of a higher order
        recorded = any(type(value) is Variable for value in node.saved)
        if not large or recorded or plan.primitive.joint or get_ident() != self.home:
            return self.below.pull(node, g)
        origins = plan.origins(node)
        saved = [v if o is None else constant(v) for v, o in zip(node.saved, origins)]
        token = top.set(base)
        try:
            parts = plan.pull(constant(g), saved, node.params)
        finally:
            top.reset(token)
        return tuple([p.value if type(p) is Variable else p for p in parts])


def constant(value: Any) -> Any:
    """A Variable of a plain value that carries no gradient."""
    return value if type(value) is Variable else tie(Variable, value, None, None)


# book/memory/meter.md: What an allocation costs
class recycle:
    """Context manager under which large results are written into buffers of dead values.

    It serves the thread that enters it. It may be entered again before it is left.

    Returns
    -------
    Pool
        From ``with recycle() as pool``.
    """

    guard = Lock()  #: All threads stand on the same bottom.

    def __init__(self) -> None:
        self.pools: list[Pool] = []  #: One for each time it was entered.

    def __enter__(self) -> Pool:
        with self.guard:
            pool = base.below = Pool(base.below)
            self.pools.append(pool)
        return pool

    def __exit__(self, *error: object) -> None:
        with self.guard:
            mine = [pool for pool in self.pools if pool.home == get_ident()]
            pool = (mine or self.pools)[-1]
            self.pools.remove(pool)
            level: Interpreter = base
            while level.below is not pool:  # others may have come in between
                level = level.below
            level.below = pool.below
        pool.shelf.clear()


# book/memory/meter.md: What an allocation costs
import ctypes

#: From a name in glibc's ``malloc.h`` to its number there, and the value for `keep_pages`.
SETTINGS = {
    "M_MMAP_MAX": (-4, 0),  # no mapping of its own for a large block
    "M_TRIM_THRESHOLD": (-1, 2**31 - 1),  # nothing at the end is given back
    "M_TOP_PAD": (-2, 2**26),  # 64 MiB more each time
}


class MissingAllocatorError(AutogradError, NotImplementedError):
    """A setting of the C library's allocator, where that has none."""


def keep_pages() -> None:
    """Tell the C library to keep memory that is freed, for the rest of the process.

    Raises
    ------
    MissingAllocatorError
        Where the C library is not glibc.
    """
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    mallopt = getattr(library, "mallopt", None)
    if not mallopt or not all(mallopt(*pair) for pair in SETTINGS.values()):
        raise MissingAllocatorError(
            f"keep_pages was called on {sys.platform}, where the C library has no mallopt. "
            "Leave it out, or use recycle()."
        )


# book/memory/meter.md: An arena planned ahead
def plan_arena(lifetimes: Any) -> tuple[list[int], int]:
    """Places for buffers in one block of memory, such that those alive at the same time do
    not overlap.

    Parameters
    ----------
    lifetimes : list of (int, int, int)
        First moment, moment after the last, and bytes of each buffer.

    Returns
    -------
    offsets : list of int
        Where each buffer begins, in bytes.
    size : int
        Bytes of the block.

    Notes
    -----
    The largest buffer first, each into the smallest gap that fits: after Y. Pisarchyk and
    J. Lee, *Efficient memory management for deep neural net inference* (2020).
    """
    offsets = [0] * len(lifetimes)
    placed: list[tuple[int, int, int, int]] = []
    for i in sorted(range(len(lifetimes)), key=lambda i: -lifetimes[i][2]):
        start, end, nbytes = lifetimes[i]
        near = sorted((o, o + n) for o, s, e, n in placed if s < end and start < e)
        offsets[i] = smallest_gap(near, nbytes)
        placed.append((offsets[i], start, end, nbytes))
    return offsets, max((o + n for o, _, _, n in placed), default=0)


# book/memory/meter.md: An arena planned ahead
def smallest_gap(taken: list[tuple[int, int]], nbytes: int) -> int:
    """Beginning of the smallest gap between ranges, in order, that fits so many bytes; the
    end of all if there is none."""
    found, end = [], 0
    for start, stop in taken:
        if start - end >= nbytes:
            found.append((start - end, end))
        end = max(end, stop)
    return min(found)[1] if found else end
