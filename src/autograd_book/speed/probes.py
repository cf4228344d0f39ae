"""Two doors and a clock.

``probing`` is a context manager. It leaves a ledger behind, with an event for
each operation.

::

    import numpy as np
    import autograd_book as ab
    from autograd_book.speed.probes import probing

    with probing() as ledger:
        np.sum(np.tanh(ab.Variable(np.ones((200, 200))))).backward()
    for event in ledger.events:
        print(event.place.name, event.place.phase, event.work.nbytes, event.kernel <= event.itself)
"""
# Generated from book/speed/probes.md by autograd-book extract; edit the chapter, not this file.
# sha256: 6e63f108c206f0481229da33071b59d283e5f9c4a6264070307c6fa16bb4c6ff

__all__ = [
    "Event",
    "Spent",
    "spent",
    "Running",
    "Ledger",
    "name_modules",
    "current_module",
    "gap",
    "begin_gap",
    "whence",
    "Stopwatch",
    "Kernel",
    "timed",
    "probing",
    "close_ledger",
    "restore_update",
]


# book/speed/probes.md: Two levels
from dataclasses import dataclass, field

from autograd_book.memory.books import Place
from autograd_book.speed.work import Work


@dataclass(slots=True, eq=False)
class Event:
    """An operation from start to end. Times are in nanoseconds."""

    place: Place  #: Name of the primitive, phase, and line of the program.
    module: str  #: The innermost network or layer that was being called.
    thread: int
    above: "Event | None"  #: The operation inside of which it was done.
    start: int = 0
    end: int = 0
    own: int = 0  #: Spent by profiles in between.
    inner: int = 0  #: Spent by operations inside of this one.
    kernel: int = 0  #: Spent in NumPy.
    work: Work = field(default_factory=Work)
    dtype: str = "float64"  #: Of the result.

    @property
    def duration(self) -> int:
        """From start to end, without what profiles spent."""
        return self.end - self.start - self.own

    @property
    def itself(self) -> int:
        """The duration without that of operations inside."""
        return self.duration - self.inner


# book/speed/probes.md: Two levels
import threading


class Spent(threading.local):
    """Nanoseconds that profiles have spent in this thread."""

    total = 0


spent = Spent()


# book/speed/probes.md: Two levels
import sys
from collections.abc import Callable
from typing import Any

from autograd_book.speed.work import PullWork


class Running(threading.local):
    """What one thread is doing."""

    event: Event | None = None  #: The innermost operation.
    #: The gap after the last pull, which may belong to the walk, and the index of its node.
    walk: tuple[Event, int] | None = None


class Ledger:
    """The events of a profile."""

    def __init__(self, clock: Callable[[], int], names: dict[int, str]) -> None:
        self.clock, self.names = clock, names
        self.events: list[Event] = []  #: In the order in which they began.
        self.running, self.rules = Running(), PullWork()
        self.sites: dict[int, Event] = {}  #: By index of a node: what has made it.
        self.closed = False  #: Whether nothing is noted any more.
        self.start, self.thread = 0, threading.get_ident()
        self.wall = self.own = 0  #: From start to end, and what profiles spent of that.
        self.readers: Any = None  #: Told of all arrays that NumPy takes and gives.

    def begin(self, asked: int, place: Place, module: str) -> Event:
        """Note that an operation begins, which was asked for at a time."""
        event = Event(place, module, threading.get_ident(), self.running.event)
        self.running.event = event
        self.events.append(event)
        event.start = self.clock()
        spent.total += event.start - asked
        event.own = -spent.total
        return event

    def end(self, event: Event) -> int:
        """Note that it is over; the time at which it was."""
        event.end = self.clock()
        event.own += spent.total
        self.running.event = event.above
        if event.above is not None:
            event.above.inner += event.duration
        if self.running.walk and self.running.walk[0].above is event.above:
            self.running.walk[0].inner += event.duration
        return event.end


# book/speed/probes.md: Which line, which layer
from autograd_book.learn.nn import Module


def name_modules(value: Any, name: str, found: dict[int, str]) -> None:
    """Enter the names of the modules in a value: a module, or a container of them."""
    if isinstance(value, Module):
        if id(value) in found:
            return
        found[id(value)] = name or type(value).__name__
        value = vars(value)
    parts = dict(enumerate(value)) if isinstance(value, (list, tuple)) else value
    for key, part in parts.items() if isinstance(parts, dict) else ():
        name_modules(part, f"{name}.{key}" if name else str(key), found)


def current_module(names: dict[int, str]) -> str:
    """Name of the innermost module that is being called; empty if there is none."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if code.co_name == "__call__" and code.co_argcount:
            owner = frame.f_locals.get(code.co_varnames[0])
            if isinstance(owner, Module):
                return names.get(id(owner), type(owner).__name__)
        frame = frame.f_back
    return ""


# book/speed/probes.md: The level on top
from autograd_book.graph.interpreter import Interpreter
from autograd_book.graph.primitive import Primitive
from autograd_book.graph.record import Node
from autograd_book.graph.stack import replaying
from autograd_book.memory.books import BEFORE, caller, place_of
from autograd_book.memory.replay import PLAIN
from autograd_book.stability.precision import nodes_of


def gap(ledger: Ledger, node: Node, asked: int) -> None:
    """Note what the walk has done since the last pull, if it is the same walk."""
    if ledger.running.walk is None:
        return
    (event, index), ledger.running.walk = ledger.running.walk, None
    if node.index < index and event.above is ledger.running.event:
        event.end = asked
        event.own += spent.total
        ledger.events.append(event)
        if event.above is not None:
            event.above.inner += event.itself


def begin_gap(ledger: Ledger, node: Node, done: Event) -> None:
    """Note that a pull is over, and that the walk goes on."""
    where = done.place._replace(name="the walk")
    event = Event(where, done.module, done.thread, done.above, ledger.clock())
    event.own = -spent.total
    ledger.running.walk = event, node.index


# book/speed/probes.md: The level on top
def whence(ledger: Ledger, node: Node) -> tuple[Place, str]:
    """Place and module of the rules of a node."""
    plan: Any = node.plan
    name, made = plan.primitive.name, ledger.sites.get(node.index)
    if made is not None:
        return Place(name, "backward", made.place.line), made.module
    if node.inputs:
        return Place(name, "backward", BEFORE), ""
    return place_of(name, *caller()), current_module(ledger.names)


# book/speed/probes.md: The level on top
class Stopwatch(Interpreter):
    """Takes the time of what the program asks for; stands above all levels."""

    __slots__ = ("ledger",)

    def __init__(self, below: Interpreter, ledger: Ledger) -> None:
        super().__init__(below)
        self.ledger = ledger

    def under(self, level: Any) -> tuple[Interpreter, Interpreter]:
        """Stay on top of a new level, so as to see what the program asks for."""
        below, made = self.below.under(level)
        return Stopwatch(below, self.ledger), made

    def bind(self, primitive: Primitive, args: Any, params: dict[str, Any]) -> Any:
        """Apply a primitive, and take the time."""
        ledger = self.ledger
        if ledger.closed:  # a checkpoint runs again on the stack of its call
            return self.below.bind(primitive, args, params)
        asked = ledger.clock()
        where = place_of(primitive.name, *caller())
        where = where._replace(phase="replay") if replaying.get() else where
        event = ledger.begin(asked, where, current_module(ledger.names))
        try:
            out = self.below.bind(primitive, args, params)
        finally:
            over = ledger.end(event)
        ledger.sites.update((node.index, event) for node in nodes_of(out))
        spent.total += ledger.clock() - over
        return out

    def pull(self, node: Node, g: Any) -> Any:
        """Pull a cotangent, and take the time."""
        ledger = self.ledger
        if ledger.closed:
            return self.below.pull(node, g)
        asked = ledger.clock()
        gap(ledger, node, asked)
        event = ledger.begin(asked, *whence(ledger, node))
        try:
            parts = self.below.pull(node, g)
        finally:
            over = ledger.end(event)
        spent.total += ledger.clock() - over
        if node.inputs:
            begin_gap(ledger, node, event)
        return parts


# book/speed/probes.md: The level on the bottom
from autograd_book.graph.backward import fit
from autograd_book.speed.work import counts_itself, work_of


class Kernel(Interpreter):
    """Takes NumPy's time, and counts the work; stands below all levels."""

    __slots__ = ("ledger",)

    def __init__(self, below: Interpreter, ledger: Ledger) -> None:
        super().__init__(below)
        self.ledger = ledger

    def bind(self, primitive: Primitive, args: Any, params: dict[str, Any]) -> Any:
        """Apply a primitive, take the time, and count the work."""
        event = self.ledger.running.event
        if event is None or self.ledger.closed:  # asked for past the level on top
            return self.below.bind(primitive, args, params)
        start, before = self.ledger.clock(), event.inner + spent.total
        out = self.below.bind(primitive, args, params)
        over = self.ledger.clock()
        event.kernel += over - start - (event.inner + spent.total - before)
        event.work += work_of(primitive, args, params, out)
        self.note(event, primitive, args, [out], over)
        return out

    def pull(self, node: Node, g: Any) -> Any:
        """Pull a cotangent, take the time, and count the work of the rules."""
        event, plan = self.ledger.running.event, node.plan
        if event is None or self.ledger.closed or counts_itself(node, g):
            return self.below.pull(node, g)
        start, before = self.ledger.clock(), event.inner + spent.total
        raw = self.below.pull(node, g)
        parts = [fit(p, t, node) for p, t in zip(raw, node.inputs)] or raw
        over = self.ledger.clock()
        event.kernel += over - start - (event.inner + spent.total - before)
        event.work += self.ledger.rules.of(node, g)
        self.note(event, plan.primitive, [g, *node.saved], parts, over)  # type: ignore[union-attr]
        return parts

    def note(self, event: Event, primitive: Primitive, taken: Any, given: Any, over: int) -> None:
        """Note the dtype, tell the readers, and charge what was spent on that."""
        event.dtype = str(getattr(given[0], "dtype", event.dtype)) if given else event.dtype
        if self.ledger.readers is not None:
            self.ledger.readers(event, primitive, taken, given)
        spent.total += self.ledger.clock() - over


PLAIN.add(Kernel)


# book/speed/probes.md: Around a block
from autograd_book.learn.optim import Optimizer
from autograd_book.speed.work import bytes_of


def timed(optimizer: Optimizer, ledger: Ledger) -> Callable[..., None]:
    """The method ``update`` of an optimiser, as an event."""
    update = optimizer.update

    def applied(value: Any, gradient: Any, state: Any) -> None:
        asked = ledger.clock()
        event = ledger.begin(asked, place_of(type(optimizer).__name__, *caller()), "")
        try:
            update(value, gradient, state)
        finally:
            over = ledger.end(event)
        changed = bytes_of([value, *state.values()])
        event.work = Work(nbytes=2 * changed + bytes_of([gradient]), unknown=1)
        event.kernel, event.dtype = event.itself, str(value.dtype)
        spent.total += ledger.clock() - over

    return applied


# book/speed/probes.md: Around a block
from contextlib import ExitStack
from time import perf_counter_ns

from autograd_book.graph.stack import push
from autograd_book.memory.meter import above


class probing:
    """Context manager that gives the Ledger of what is computed inside of it.

    `profile` is built on it, and says what owners and clock are.
    """

    def __init__(self, *owners: Any, clock: Callable[[], int] = perf_counter_ns) -> None:
        self.owners, self.clock = owners, clock

    def __enter__(self) -> Any:
        names: dict[int, str] = {}
        for owner in self.owners:
            name_modules(owner, "", names)
        self.ledger = ledger = Ledger(self.clock, names)
        with ExitStack() as blocks:
            blocks.callback(close_ledger, ledger)
            for optimizer in filter(lambda o: isinstance(o, Optimizer), self.owners):
                blocks.callback(restore_update, optimizer, vars(optimizer).get("update"))
                vars(optimizer)["update"] = timed(optimizer, ledger)
            self.levels = (
                push(Kernel, ledger, at="bottom", called="profile"),
                above(Stopwatch, ledger, called="profile"),
            )
            for level in self.levels:
                blocks.enter_context(level)
            self.blocks = blocks.pop_all()
        ledger.own, ledger.start = -spent.total, self.clock()
        return ledger

    def __exit__(self, *error: object) -> None:
        for level in self.levels:
            level.block_here()  # in another thread or task nothing of it is left
        self.ledger.wall = self.clock() - self.ledger.start
        self.ledger.own += spent.total
        self.blocks.close()


def close_ledger(ledger: Ledger) -> None:
    """Note that it is over, and let go of the nodes."""
    ledger.closed = True
    ledger.sites.clear()
    ledger.rules.clear()


def restore_update(optimizer: Optimizer, before: Any) -> None:
    """Give an optimiser the update that it had."""
    if before is None:
        vars(optimizer).pop("update", None)
    else:
        vars(optimizer)["update"] = before
