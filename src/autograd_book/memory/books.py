"""Who holds which bytes.

::

    import tracemalloc

    import numpy as np
    from autograd_book.memory.books import Books

    tracemalloc.start()
    books = Books()
    books.begin()
    books.find(np.ones(1000), "input")  # nobody holds it, so it dies at once
    books.end()
    tracemalloc.stop()
    print(books.buffers[0].nbytes, "bytes, gone in moment", books.buffers[0].died)
"""
# Generated from book/memory/books.md by autograd-book extract; edit the chapter, not this file.
# sha256: 93f77ae3e04e369d6e7f33172f3841c06c88eb76b758c8559892d1b7d6b5f542

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
    "place",
    "Buffer",
    "Moment",
    "Span",
    "role_on_arrival",
    "Reference",
    "Books",
]


# book/memory/books.md: What a buffer is
from typing import Any

import numpy as np

from autograd_book.graph.stack import innermost

#: What a buffer is for. Of several reasons the first counts.
CATEGORIES = (
    "parameter", "optimizer state", "input", "gradient", "saved value", "cotangent",
    "temporary",
)
RANK = {category: rank for rank, category in enumerate(CATEGORIES)}


# book/memory/books.md: What a buffer is
def owner_of(value: Any) -> Any:
    """The last array behind any number of Variables and views; None for what is no array.

    It owns its memory, unless it was laid over memory that is not NumPy's.
    """
    value = innermost(value)
    owner = link = value if isinstance(value, np.ndarray) else None
    while (link := getattr(link, "base", None)) is not None:
        owner = link if isinstance(link, np.ndarray) else owner
    return owner


# book/memory/books.md: What there was in between
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


# book/memory/books.md: Whose line
import sys
from typing import NamedTuple

from autograd_book.graph.backward import walk
from autograd_book.graph.gradient import Gradients, deliver
from autograd_book.learn.optim import Optimizer
from autograd_book.modes.transforms import own


class Place(NamedTuple):
    """What the program is doing."""

    name: str  #: Of a primitive or an optimiser.
    phase: str  #: forward, backward or update.
    line: str  #: File and line of the program.


BEFORE = "before the block"  #: The line of what is older than a profile.
#: Modules whose frames are not the program's; the text of a plan has none.
ENGINE = {"autograd_book", "numpy", ""}
#: Functions of the engine that tell the phase.
PHASES = {f.__code__: "backward" for f in (walk, deliver, own, Gradients.backward)} | {
    Optimizer.step.__code__: "update"
}


# book/memory/books.md: Whose line
def caller() -> tuple[Any, str]:
    """The innermost frame of the program outside of the function that asks, and the
    phase."""
    frame: Any = sys._getframe(2)
    phase = "forward"
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in ENGINE:
        phase = PHASES.get(frame.f_code, phase)
        frame = frame.f_back
    return frame, phase


# book/memory/books.md: Whose line
def place(name: str, frame: Any, phase: str) -> Place:
    """What the program is doing, from a frame."""
    return Place(name, phase, f"{frame.f_code.co_filename}:{frame.f_lineno}")


# book/memory/books.md: The accounts
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


# book/memory/books.md: The accounts
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


# book/memory/books.md: The accounts
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


# book/memory/books.md: The accounts
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
