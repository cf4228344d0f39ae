"""Who holds which bytes.

``Books`` are opened by a ``with`` statement. What was found while they were
open is entered, and each time they are closed the sums are written down.

::

    import tracemalloc

    import numpy as np
    from autograd_book.memory.books import Books, find

    tracemalloc.start()
    books, x = Books(), np.ones(1000)
    with books:
        find(books, x[10:20], "input")
    del x
    tracemalloc.stop()
    print([moment.live["input"] for moment in books.moments])
"""
# Generated from book/memory/books.md by autograd-book extract; edit the chapter, not this file.
# sha256: 958d037b9b9ed652f22c7f710017758a37cb46acfd3320552fad2ae393acf5dd

__all__ = [
    "CATEGORIES",
    "RANK",
    "owner_of",
    "Place",
    "BEFORE",
    "ENGINE",
    "PHASES",
    "caller",
    "place_of",
    "Operation",
    "Span",
    "Activity",
    "Buffer",
    "Stock",
    "find",
    "Gauge",
    "Moment",
    "balance",
    "Books",
    "start",
    "stop",
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


# book/memory/books.md: Whose line
import sys
from typing import NamedTuple

from autograd_book.graph.backward import walk
from autograd_book.graph.gradient import Gradients, deliver
from autograd_book.learn.optim import Optimizer
from autograd_book.modes import transforms


class Place(NamedTuple):
    """What the program is doing."""

    name: str  #: Of a primitive or an optimiser.
    phase: str  #: forward, backward or update.
    line: str  #: File and line of the program.


# book/memory/books.md: Whose line
BEFORE = "before the block"  #: The line of what is older than the books.
#: Modules whose frames are not the program's; the text of a plan has none.
ENGINE = {"autograd_book", "numpy", ""}
#: Functions of the engine that tell the phase.
PHASES = {
    walk.__code__: "backward",
    deliver.__code__: "backward",
    transforms.unshared.__code__: "backward",
    Gradients.backward.__code__: "backward",
    Optimizer.step.__code__: "update",
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


def place_of(name: str, frame: Any, phase: str) -> Place:
    """What the program is doing, from a frame."""
    return Place(name, phase, f"{frame.f_code.co_filename}:{frame.f_lineno}")


# book/memory/books.md: What the program is doing
from time import perf_counter_ns


class Operation(NamedTuple):
    """One operation that is running."""

    place: Place
    start: int  #: In nanoseconds.
    unseen: int  #: Bytes that were in no entry when it began.


class Span(NamedTuple):
    """One operation from start to end, in nanoseconds."""

    place: Place
    start: int
    end: int


# book/memory/books.md: What the program is doing
class Activity:
    """What the program is doing, and what it has done."""

    def __init__(self) -> None:
        self.running: list[Operation] = []  #: The innermost last.
        self.idle = Place("the program", "forward", BEFORE)  #: Between operations.
        self.spans: list[Span] = []  #: What is over, in the order of the ends.

    @property
    def place(self) -> Place:
        """What is done at present."""
        return self.running[-1].place if self.running else self.idle

    def start(self, place: Place, unseen: int) -> None:
        """Note that an operation begins."""
        self.running.append(Operation(place, perf_counter_ns(), unseen))
        self.idle = Place("the program", place.phase, place.line)

    def stop(self) -> None:
        """Note that the innermost operation is over."""
        done = self.running.pop()
        self.spans.append(Span(done.place, done.start, perf_counter_ns()))


# book/memory/books.md: An entry for each buffer
import tracemalloc


class Buffer:
    """Memory that an array owned, and what became of it."""

    __slots__ = (
        "nbytes", "shape", "dtype", "role", "savers", "old", "place", "born", "died",
        "kinds", "sources", "uses", "read", "key", "reference",
    )

    def __init__(self, array: np.ndarray, role: str, place: Place, date: int) -> None:
        self.nbytes, self.shape, self.dtype = array.nbytes, array.shape, array.dtype
        self.role = role  #: Category, apart from being saved.
        self.savers = 0  #: Number of nodes that have saved it.
        #: Whether it is older than the account of tracemalloc.
        self.old = tracemalloc.get_object_traceback(array) is None
        self.place = place  #: Where it was made, or first seen.
        self.born = 0 if self.old else date  #: Number of a moment.
        self.died: int | None = None  #: Number of a moment; None while it lives.
        self.kinds = [(self.born, role)]  #: Category, from each moment on.
        self.sources: list[Buffer] = []  #: What it was computed from.
        self.uses = 0  #: Number of primitives and rules that took it.
        self.read = False  #: Whether a rule took it as a saved value.
        self.key = id(array)
        self.reference: Any = None  #: Weak reference to the array.

    @property
    def kind(self) -> str:
        """Category at present."""
        free = RANK[self.role] > RANK["saved value"]
        return "saved value" if self.savers and free else self.role

    def kind_at(self, date: int) -> str:
        """Category at a moment."""
        return [kind for since, kind in self.kinds if since <= date][-1]


# book/memory/books.md: Buffers that come and go
import weakref
from functools import partial


class Stock:
    """The buffers that were entered, and how many bytes of them are alive."""

    def __init__(self) -> None:
        self.activity = Activity()
        self.date = 0  #: Number of the moment.
        self.buffers: list[Buffer] = []  #: All of them, dead ones too.
        self.alive: dict[int, Buffer] = {}  #: By identity of the owning array.
        self.live = dict.fromkeys(CATEGORIES, 0)  #: Bytes alive, by category.
        self.known = 0  #: Of these, the bytes that tracemalloc has seen as well.

    def count(self, buffer: Buffer, sign: int) -> None:
        """Count a buffer in, or out."""
        self.live[buffer.kind] += sign * buffer.nbytes
        self.known += 0 if buffer.old else sign * buffer.nbytes

    def enter(self, owner: np.ndarray, role: str) -> Buffer:
        """Enter a buffer."""
        buffer = Buffer(owner, role, self.activity.place, self.date)
        buffer.reference = weakref.ref(owner, partial(self.leave, buffer))
        self.alive[buffer.key] = buffer
        self.buffers.append(buffer)
        self.count(buffer, +1)
        return buffer

    def leave(self, buffer: Buffer, _: Any = None) -> None:
        """Note that an array is about to be freed."""
        del self.alive[buffer.key]
        self.count(buffer, -1)
        buffer.died = self.date

    def turn(self, buffer: Buffer, role: str = "", savers: int = 0) -> None:
        """Give a buffer another role, or more or fewer savers."""
        self.count(buffer, -1)
        buffer.role, buffer.savers = role or buffer.role, buffer.savers + savers
        self.count(buffer, +1)
        if buffer.kind != buffer.kinds[-1][1]:
            buffer.kinds.append((self.date, buffer.kind))


# book/memory/books.md: Finding the buffer of a value
def find(stock: Stock, value: Any, role: str) -> Buffer | None:
    """The buffer in which a value lies; entered if it is new, and promoted if `role` ranks
    higher than its own. None if NumPy owns no memory for it."""
    owner = owner_of(value)
    if owner is None or not owner.flags.owndata:
        return None
    buffer = stock.alive.get(id(owner))
    if buffer is None:
        return stock.enter(owner, role)
    if role != "input" and RANK[role] < RANK[buffer.role]:
        stock.turn(buffer, role=role)
    return buffer


# book/memory/books.md: What there was in between
class Gauge:
    """Reads ``tracemalloc``, and leaves out what happens while it is entered."""

    __slots__ = ("overhead", "depth", "reading", "floor", "level", "dying", "most")

    def __init__(self) -> None:
        self.overhead = 0  #: Bytes of what has happened while it was entered.
        self.depth = 0  #: How often it was entered and not left yet.
        self.reading = 0  #: On entering, less what has died since.
        self.floor = self.level = 0  #: On leaving, with and without what was dying then.
        self.dying = 0  #: Bytes that will be freed just after leaving.
        self.most = 0  #: The most that the program had at once, since this was set to 0.

    @property
    def now(self) -> int:
        """Bytes of the program."""
        return self.reading - self.overhead

    def __enter__(self) -> None:
        self.depth += 1
        if self.depth == 1:
            self.reading, peak = tracemalloc.get_traced_memory()
            highest = peak if peak > self.floor else self.level
            self.most = max(self.most, highest - self.overhead)

    def __exit__(self, *error: object) -> None:
        if self.depth == 1:
            self.floor, _ = tracemalloc.get_traced_memory()
            self.level = self.floor - self.dying
            self.overhead += self.level - self.reading
            self.dying = 0
            tracemalloc.reset_peak()
        self.depth -= 1

    def free(self, nbytes: int) -> None:
        """Take off what the program is about to lose."""
        self.reading -= nbytes
        if self.depth == 1:  # its memory goes only when the gauge has been left
            self.dying += nbytes


# book/memory/books.md: Moments
class Moment(NamedTuple):
    """What there was at one time."""

    time: int  #: In nanoseconds.
    place: Place
    live: dict[str, int]  #: Bytes of buffers, by category.
    other: int  #: Bytes of Python objects, and of buffers that were not seen.
    most: int  #: The most there was at once since the moment before, all together.

    @property
    def total(self) -> int:
        """Bytes, all together."""
        return sum(self.live.values()) + self.other


# book/memory/books.md: Moments
def balance(stock: Stock, gauge: Gauge, older: int) -> Moment:
    """What there is now, and the most there was since the last balance, when `older` bytes
    were not in the account of tracemalloc."""
    live, other = stock.live.copy(), gauge.now - stock.known
    total = sum(live.values()) + other
    most = gauge.most + max(older, total - gauge.now)
    gauge.most = 0
    running = stock.activity.running
    unseen = min(other, running[-1].unseen) if running else other
    now = perf_counter_ns()
    return Moment(now, stock.activity.place, live, unseen, max(most, total))


# book/memory/books.md: A stock that keeps a diary
from collections.abc import Callable


class Books(Stock):
    """The accounts of a block of code. Each ``with books:`` is one moment."""

    def __init__(self) -> None:
        super().__init__()
        self.gauge = Gauge()
        self.moments: list[Moment] = []
        self.news: list[Callable[[], None]] = []  #: What to call when they are opened.
        self.older = 0  #: Bytes of live buffers that tracemalloc has not seen.
        self.closed = False  #: Whether nothing is entered any more.

    def __enter__(self) -> None:
        self.gauge.__enter__()
        if self.gauge.depth == 1:
            self.older = sum(self.live.values()) - self.known
            for look in self.news:
                look()

    def __exit__(self, *error: object) -> None:
        if self.gauge.depth == 1:
            self.moments.append(balance(self, self.gauge, self.older))
            self.date += 1
        self.gauge.__exit__()

    def leave(self, buffer: Buffer, _: Any = None) -> None:
        """Note that an array is about to be freed, as a moment of its own."""
        where = caller()
        with self:
            if self.gauge.depth == 1:
                self.activity.idle = place_of("the program", *where)
            super().leave(buffer)
            self.gauge.free(0 if buffer.old else buffer.nbytes)

    def close(self) -> None:
        """Enter the last moment, and let go of all arrays."""
        with self:
            self.closed = True
        for buffer in self.buffers:
            buffer.reference = None
        self.alive.clear()
        self.news.clear()


# book/memory/books.md: A stock that keeps a diary
def start(books: Books, what: Place) -> None:
    """Note that an operation begins; the books are open."""
    books.activity.start(what, books.gauge.now - books.known)


def stop(books: Books) -> None:
    """Note that it is over."""
    with books.gauge:
        books.activity.stop()
