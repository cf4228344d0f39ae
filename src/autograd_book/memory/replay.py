"""Replays.

A frame is one call of a function that can be run again. What its operations
save is replaced by tickets, which the frame fills when they are recalled.

::

    import numpy as np
    import autograd_book as ab
    from autograd_book.memory.replay import Frame, run_first

    frame = Frame(lambda v: np.sum(np.tanh(v * 2.0)), None, True)
    leaf = ab.Variable(np.ones(3))
    out = run_first(frame, (leaf,), {})
    print([step.name for step in frame.notes.steps], len(frame.tickets), "tickets")
    out.backward()
    print(leaf.grad)
"""
# Generated from book/memory/replay.md by autograd-book extract; edit the chapter, not this file.
# sha256: 6c29e9498fb18650c95f91fd14d980c842d738287aaf52230132ed68168fee89

__all__ = [
    "Ticket",
    "Frame",
    "run_first",
    "nodes_and_records",
    "levels_from",
    "kept_by",
    "PLAIN",
    "Checkpoint",
    "ticketed",
    "enter_inside",
    "expect_same",
    "expect_end",
    "Enough",
    "with_result",
    "known_result",
    "in_region_form",
    "Replay",
    "give",
    "run_again",
    "replay",
]


# book/memory/replay.md: Tickets
import weakref
from collections.abc import Iterator
from copy import copy
from threading import Lock, get_ident
from typing import Any

import numpy as np

from autograd_book.graph.backward import recalled
from autograd_book.graph.interpreter import Evaluate, Interpreter, WeakScalars
from autograd_book.graph.primitive import Primitive
from autograd_book.graph.record import Node, Record, next_index
from autograd_book.graph.stack import Base, bottom, push, replaying, top
from autograd_book.graph.variable import Variable
from autograd_book.memory.notes import (
    CallNotes, ReplayError, Step, compare, unlike_first, emptied, expected, noted, refilled,
)
from autograd_book.memory.pool import Pool
from autograd_book.memory.repeat import (
    same_state, global_source, generator_moved, restart_sources, sources_of_chance, state_of,
)
from autograd_book.memory.saved import note_leaf
from autograd_book.modes.batch import Batched
from autograd_book.modes.transforms import Fun, name_of
from autograd_book.modes.trees import leaves
from autograd_book.stability.precision import Autocast
from autograd_book.stability.tolerance import Packed


class Ticket:
    """What a node has in place of saved values: a promise of a frame to compute them again."""

    __slots__ = ("frame", "number", "record", "saved", "__weakref__")

    def __init__(self, frame: "Frame", number: int, record: Any) -> None:
        self.frame, self.number, self.record = frame, number, record
        self.saved: Any = None  #: What a node would have, from a replay until they are recalled.

    def recall(self) -> tuple[Any, ...]:
        """The saved values: once from the last replay, otherwise from another one."""
        if self.saved is None:
            replay(self.frame, self)
        saved, self.saved = self.saved, None
        return recalled(saved)

    def arrays(self) -> list[Any]:
        """Arrays that are held at the moment, for this ticket or for all of its frame."""
        saved = getattr(self.saved, "parts", self.saved) or ()
        return list(Packed([*saved, *self.frame.values()]).arrays())


# book/memory/replay.md: The frame
class Frame:
    """One call of a checkpointed function, which can be run again: the function, a policy
    that says what to keep besides, and whether values are compared."""

    __slots__ = (
        "f", "policy", "notes", "stack", "call", "kept", "chance", "tickets", "results",
        "last", "runner", "lock", "passing",
    )

    call: Any  #: The arguments, without their arrays.
    kept: Any  #: The arrays, in the form in which they are held.

    def __init__(self, f: Fun, policy: Any, check: bool) -> None:
        self.f, self.policy, self.notes, self.stack = f, policy, CallNotes(f, check), top.get()
        self.tickets: list[weakref.ref[Ticket]] = []  #: In the order of the operations.
        self.results: dict[int, Any] = {}  #: What the policy keeps, by operation.
        self.last = -1  #: The last operation with tickets, if none is for its result.
        self.chance: list[tuple[Any, Any]] = []  #: Sources of randomness and their states.
        self.runner: int | None = None  #: The thread that runs it at the moment.
        self.lock, self.passing = Lock(), False  #: Passing: run inside of another replay.

    def ticket(self, record: Any) -> Ticket:
        """The next ticket."""
        made = Ticket(self, len(self.tickets), record)
        self.tickets.append(weakref.ref(made))
        return made

    def values(self) -> list[Any]:
        """What is kept from the first time."""
        forms = [self.kept, *self.results.values()]
        return [value for form in forms if type(form) is tuple for value in form]

    def forget(self) -> None:
        """Drop what a failed replay has computed."""
        for ticket in filter(None, (reference() for reference in self.tickets)):
            ticket.saved = None


# book/memory/replay.md: The frame
def run_first(frame: Frame, args: Any, kwargs: Any) -> Any:
    """Run the function of a frame for the first time."""
    frame.call, arrays = emptied((args, kwargs))
    frame.notes.given = {v.node for v in leaves((args, kwargs)) if type(v) is Variable}
    for variable in leaves((args, kwargs)):
        note_leaf(variable)
    before = [(s, state_of(s)) for s in sources_of_chance((frame.f, args, kwargs))]
    world = state_of(global_source())
    with push(Checkpoint, frame) as level:
        frame.kept = kept_by(level, arrays) if arrays else ()
        outer_is_exact = level.outer is None or level.outer.frame.notes.exact
        frame.notes.exact = outer_is_exact and isinstance(frame.kept, (tuple, Ticket, Packed))
        frame.notes.check = frame.notes.check and frame.notes.exact  # not what is kept with a loss
        frame.runner = get_ident()
        del arrays
        try:
            out = frame.f(*args, **kwargs)
            expect_end(level)
            return out
        finally:
            frame.runner = None
            frame.chance = [(s, state) for s, state in before if not same_state(state_of(s), state)]
            frame.notes.moved = generator_moved(world)
            frame.results.pop(frame.last, None)


# book/memory/replay.md: The level of the first run
def nodes_and_records(out: Any) -> Iterator[tuple[Any, Any]]:
    """Nodes that were just made for a result and have saved something, with their Records."""
    while type(out) in (Variable, Batched):
        node = out.node
        if isinstance(node, Node) and node.plan and node.saved and type(node.saved) is tuple:
            yield node, out.record
        out = out.value


def levels_from(level: Any) -> Iterator[Any]:
    """A level and those below it."""
    while level is not None:
        yield level
        level = level.below


# book/memory/replay.md: The level of the first run
def kept_by(level: "Checkpoint", values: tuple[Any, ...]) -> Any:
    """Values in the form in which the frame around, or a level that packs saved values,
    holds them."""
    others = (v for v in levels_from(top.get()) if not isinstance(v, Checkpoint))
    keeper = level.outer or next((v for v in others if hasattr(v, "hold")), None)
    return keeper.hold(values) if keeper else values


#: Types of levels that know a primitive by its plans alone. Later chapters add their own.
PLAIN: set[type] = {Base, Record, Evaluate, WeakScalars, Pool}


# book/memory/replay.md: The level of the first run
class Checkpoint(Interpreter):
    """Puts tickets of a frame in place of what the nodes below save. Pushed onto another level
    of its kind, it takes the place of that one."""

    __slots__ = ("frame", "outer", "place", "uppermost", "plain", "entered", "first")

    def __init__(self, below: Interpreter, frame: Frame) -> None:
        outer = below if isinstance(below, Checkpoint) else None
        super().__init__(outer.below if outer else below)
        self.frame, self.outer, self.place, self.entered = frame, outer, 0, 0
        self.first = frame.notes  #: Of the call of which this one is, or repeats, a run.
        levels = list(levels_from(self.below))
        self.uppermost = next(level for level in levels if isinstance(level, Record))
        self.plain = all(type(level) in PLAIN for level in levels)
        if outer is not None:
            frame.passing = type(outer) is Replay or outer.frame.passing
            self.first = enter_inside(outer, frame)

    def hold(self, values: tuple[Any, ...]) -> Any:
        """A ticket for what a checkpoint inside of this one would keep."""
        return self.frame.ticket(None)

    def bind(self, primitive: Primitive, args: Any, params: dict[str, Any]) -> Any:
        """Apply a primitive, note it, and take what its nodes saved away from them."""
        frame, place, steps = self.frame, self.place, self.frame.notes.steps
        self.place += 1
        if not frame.passing:
            steps.append(None)
        out = self.below.bind(primitive, args, params)
        if frame.passing:
            expect_same(self.first, place, primitive, args, params, out)
        made = ticketed(self, out)
        if not frame.passing:
            steps[place] = noted(frame.notes, primitive, args, params, out, max(made, 0))
            frame.last = place if made > 0 else -1 if made else frame.last
        if frame.policy is not None and self.plain and frame.policy(primitive, args):
            frame.results[place] = kept_by(self, (bottom(out),))
        return out


# book/memory/replay.md: The level of the first run
def ticketed(level: Checkpoint, out: Any) -> int:
    """Put tickets in place of what the nodes of a result have saved; how many, or -1 if one of
    them is for the result itself."""
    frame, made, read = level.frame, 0, False
    for node, record in nodes_and_records(out):
        node.saved = frame.ticket(record)
        made, read = made + 1, read or "out" in node.plan.asks
        if frame.passing and record is level.uppermost:
            node.inputs = ()
    return -1 if read else made


# book/memory/replay.md: The level of the first run
def enter_inside(outer: Checkpoint, frame: Frame) -> CallNotes:
    """The notes of a call inside of another: its own the first time, and those that were
    made then when it passes by."""
    inside, number = outer.first.inside, outer.entered
    outer.entered += 1
    if not frame.passing:
        inside.append(frame.notes)
    if number == len(inside):
        raise unlike_first(outer.first, "called more checkpointed functions when it was run again")
    return inside[number]


def expect_same(
    notes: CallNotes, place: int, primitive: Primitive, args: Any, params: Any, out: Any
) -> None:
    """Raise ReplayError unless an operation that passes by is what it was; parameters are
    compared when it is replayed itself."""
    step = expected(notes, place, primitive)
    again = noted(notes, primitive, args, params, out, step.unread)
    compare(notes, place, step, again._replace(captured=step.captured), ())


def expect_end(level: Checkpoint) -> None:
    """Raise ReplayError if a call that passed by has done less than the first time."""
    if level.frame.passing and level.place < len(level.first.steps):
        raise unlike_first(level.first, "ended earlier when it was run again")


# book/memory/replay.md: What need not be run again
class Enough(BaseException):
    """Ends a replay when the last value that is needed exists."""


# book/memory/replay.md: What need not be run again
def with_result(primitive: Primitive, value: Any) -> Primitive:
    """A primitive of the same rules that does not compute."""
    made = copy(primitive)
    made.fun = lambda *args, **params: value
    return made


def known_result(level: "Replay", place: int, step: Step | None) -> Any:
    """The result of an operation, if it need not be computed: the policy kept it, or it will
    not be read."""
    if place in level.frame.results:
        return recalled(level.frame.results[place])[0]
    last = step and 0 <= level.asked.number - level.number < step.unread
    if step is None or not last or not level.plain:
        return None
    return np.broadcast_to(np.zeros((), step.dtype), step.shape)


# book/memory/replay.md: The level of the second run
def in_region_form(out: Any) -> list[tuple[Any, Any]]:
    """The nodes of a result, with what they saved in the form that a region of mixed
    precision, which is above, would have given it."""
    found = list(nodes_and_records(out))
    if region := next((v for v in levels_from(top.get()) if isinstance(v, Autocast)), None):
        region.keep(out)
    return found


class Replay(Checkpoint):
    """Gives tickets of a frame their values, up to the one that is asked for."""

    __slots__ = ("asked", "given", "number")

    def __init__(
        self, below: Interpreter, frame: Frame, asked: Ticket, given: tuple[Any, ...]
    ) -> None:
        super().__init__(below, frame)
        self.asked, self.given, self.number = asked, given, 0

    def bind(self, primitive: Primitive, args: Any, params: dict[str, Any]) -> Any:
        """Apply a primitive as the first time, and hand over what its nodes save."""
        frame, place = self.frame, self.place
        self.place += 1
        step = None if frame.passing else expected(frame.notes, place, primitive)
        result = known_result(self, place, step)
        doing = primitive if result is None else with_result(primitive, result)
        out = self.below.bind(doing, args, params)
        if step is not None:
            again = noted(frame.notes, primitive, args, params, out, step.unread)
            again = again if result is None else again._replace(result=step.result)
            compare(frame.notes, place, step, again, self.given)
        for node, record in in_region_form(out):
            node.saved = give(self, node.saved, record)
            if record is self.uppermost:
                node.inputs = ()
        return out

    def hold(self, values: tuple[Any, ...]) -> Ticket:
        """Hand over what a checkpoint inside of this one would keep."""
        return give(self, values, None)


# book/memory/replay.md: The level of the second run
def give(level: Replay, saved: Any, record: Any) -> Ticket:
    """Put values into the next ticket, if somebody waits for it."""
    frame, number, asked = level.frame, level.number, level.asked
    level.number += 1
    if number == len(frame.tickets):
        raise unlike_first(frame.notes, "saved more values when it was run again")
    ticket = frame.tickets[number]()
    ours = asked.record is None or record in (asked.record, None)
    if ticket is None:
        ticket = Ticket(frame, number, record)
        frame.tickets[number] = weakref.ref(ticket)
    elif ours and number <= asked.number:
        ticket.saved = saved
    if ticket is asked:
        raise Enough(asked)
    return ticket


# book/memory/replay.md: The replay
def run_again(frame: Frame, asked: Ticket) -> None:
    """Replay, on the stack and with the random numbers of the first time."""
    given = recalled(frame.kept)
    args, kwargs = refilled(frame.call, given)
    later = [(source, state_of(source)) for source, _ in frame.chance]
    world = state_of(global_source())
    frame.runner, token = get_ident(), top.set(frame.stack)
    running = replaying.set(next_index())
    try:
        restart_sources(frame.chance)
        with push(Replay, frame, asked, given):
            frame.f(*args, **kwargs)
    except Enough as enough:
        if enough.args[0] is not asked:
            raise
    except BaseException:
        frame.forget()
        raise
    finally:
        restart_sources(later)
        replaying.reset(running)
        top.reset(token)
        frame.runner = None
    if asked.saved is None:
        frame.forget()
        raise unlike_first(frame.notes, "ended earlier when it was run again")
    if frame.notes.moved and not frame.notes.check and generator_moved(world):  # values were not compared
        frame.forget()
        raise unlike_first(frame.notes, "may have drawn other random numbers when it was run again")


# book/memory/replay.md: The replay
def replay(frame: Frame, asked: Ticket) -> None:
    """Run a function again, until what a ticket stands for exists; it and all that were made
    before it get their values."""
    if frame.runner == get_ident():
        raise ReplayError(
            f"a backward pass inside the checkpointed function {name_of(frame.f)} reached "
            "a value of that very call. Take derivatives inside of it with grad or vjp, "
            "or call backward() after it has returned."
        )
    with frame.lock:
        if asked.saved is None:
            run_again(frame, asked)
