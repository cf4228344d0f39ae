"""Checkpoints.

``checkpoint(f)`` is a function like ``f``. It keeps its arguments, drops what
its operations save, and computes it again when the backward pass arrives.

::

    import numpy as np
    import autograd_book as ab
    from autograd_book.memory.checkpoint import checkpoint

    block = ab.nn.Sequential(ab.nn.Linear(8, 8, rng=0), np.tanh, ab.nn.Linear(8, 8, rng=1))
    loss = np.sum(checkpoint(block)(np.ones((4, 8), np.float32)))
    loss.backward()
    print(block[0].weight.grad.shape)
"""
# Generated from book/memory/checkpoint.md by autograd-book extract; edit the chapter, not this file.
# sha256: 62304709dd16e3c24df127f306c368bfa30bfff1865ce2fca55dec5345c948e9

__all__ = [
    "ReplayError",
    "Ticket",
    "Shell",
    "emptied",
    "refilled",
    "parts_of",
    "names_in",
    "FOREIGN",
    "contents",
    "sources_of_chance",
    "numpy_random",
    "global_source",
    "moved",
    "state_of",
    "alike",
    "put_back",
    "TOLD",
    "mark",
    "marks",
    "trusted",
    "outcome",
    "Step",
    "Enough",
    "Frame",
    "run_first",
    "replay",
    "run_again",
    "differs",
    "OWN",
    "GLOBAL",
    "noted",
    "is_older",
    "nodes_and_records",
    "levels_from",
    "PLAIN",
    "Checkpoint",
    "with_result",
    "Replay",
    "expected",
    "compare",
    "checkpoint",
    "LATER",
    "recording",
    "saved_arrays",
    "saved_bytes",
    "keeping",
]


# book/memory/checkpoint.md: Tickets
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from autograd_book.graph.errors import (
    AutogradError, DifferentiationTypeError, DifferentiationValueError, MutatedValueError,
    nearest,
)
from autograd_book.graph.primitive import Primitive, fingerprint, primitives, shape_of


class ReplayError(AutogradError, RuntimeError):
    """A function that was run again for its saved values, and did not do the same."""


# book/memory/checkpoint.md: Tickets
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
        return list(Packed([*saved, *self.frame.held()]).arrays())


# book/memory/checkpoint.md: Inputs without their arrays
from autograd_book.graph.backward import recalled
from autograd_book.graph.record import Leaf, Node, Record, next_index, tie
from autograd_book.graph.variable import NoGrad, Variable, bottom, innermost, push, top
from autograd_book.memory.books import owner_of
from autograd_book.memory.pool import Pool
from autograd_book.memory.saved import note_leaf
from autograd_book.modes.trees import Tree, leaves, tree_map
from autograd_book.stability.precision import Autocast, Packed


class Shell:
    """A Variable without its array."""

    __slots__ = ("layers",)

    def __init__(self, variable: Any) -> None:
        self.layers: list[tuple[Any, Any]] = []  #: Node and Record, from outside in.
        while type(variable) is Variable:
            self.layers.append((variable.node, variable.record))
            variable = variable.value

    def filled(self, value: Any) -> Any:
        """The Variable, with an array in it again."""
        for node, record in reversed(self.layers):
            value = tie(Variable, value, node, record)
        return value


def emptied(tree: Tree) -> tuple[Tree, tuple[Any, ...]]:
    """A tree with shells in place of Variables, and their arrays."""
    arrays: list[Any] = []

    def emptied_leaf(leaf: Any) -> Any:
        value = bottom(leaf)
        if type(leaf) is not Variable or not isinstance(value, (np.ndarray, np.generic)):
            return leaf
        arrays.append(value)
        return Shell(leaf)

    return tree_map(emptied_leaf, tree), tuple(arrays)


def refilled(tree: Tree, arrays: tuple[Any, ...]) -> Tree:
    """The tree with Variables in place of the shells."""
    rest = iter(arrays)
    return tree_map(lambda v: v.filled(next(rest)) if type(v) is Shell else v, tree)


# book/memory/checkpoint.md: Chance
import sys
from functools import cache, partial
from importlib import import_module
from types import CodeType, FunctionType, MethodType

from autograd_book.learn.nn import Module


def parts_of(value: Any) -> Iterator[Any]:
    """What a value consists of, where a source of random numbers could be."""
    if isinstance(value, (list, tuple)):
        yield from value
    elif isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, Module):
        yield from vars(value).values()
        if not type(value).__module__.startswith(FOREIGN):
            yield from vars(type(value)).values()
    elif isinstance(value, partial):
        yield from (value.func, value.args, value.keywords)
    elif isinstance(value, MethodType):
        yield from (value.__func__, value.__self__, getattr(value.__self__, "__dict__", None))
    elif isinstance(value, FunctionType):
        yield from (value.__defaults__, value.__kwdefaults__)
        for cell in value.__closure__ or ():
            yield from contents(cell)
        if not str(value.__module__).startswith(FOREIGN):
            known = value.__globals__
            yield from (known[name] for name in names_in(value.__code__) if name in known)


# book/memory/checkpoint.md: Chance
def names_in(code: CodeType) -> Iterator[str]:
    """Names that a function uses, those of functions inside of it among them."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from names_in(constant)


FOREIGN = (__name__.partition(".")[0] + ".", "numpy")  #: Modules that keep no generator.


def contents(cell: Any) -> list[Any]:
    """What is in a cell of a closure, if anything is yet."""
    try:
        return [cell.cell_contents]
    except ValueError:
        return []


# book/memory/checkpoint.md: Chance
def sources_of_chance(value: Any) -> list[Any]:
    """Generators that can be reached from a value, without NumPy's global one."""
    if (random := numpy_random()) is None:
        return []
    found, seen, todo = [], {id(global_source())}, [value]
    while todo:
        value = todo.pop()
        if id(value) not in seen:
            seen.add(id(value))
            if isinstance(value, (random.Generator, random.RandomState)):
                found.append(value)
            else:
                todo.extend(parts_of(value))
    return found


def numpy_random() -> Any:
    """The module, or None if nobody has asked for it yet."""
    # the import waits for another thread that is busy with it
    return import_module("numpy.random") if "numpy.random" in sys.modules else None


def global_source() -> Any:
    """NumPy's global generator, or None if nobody can have drawn from it yet."""
    random = numpy_random()
    return random and random.get_state.__self__


def moved(state: Any) -> bool:
    """Whether NumPy's global generator has moved from a state, by whatever thread."""
    return state is not None and not alike(state_of(global_source()), state)


def state_of(source: Any) -> Any:
    """Where a source of random numbers stands."""
    if source is None:
        return None
    old = hasattr(source, "get_state")
    return source.get_state(legacy=False) if old else source.bit_generator.state


def alike(state: Any, other: Any) -> bool:
    """Whether two states are the same."""
    if isinstance(state, dict):
        return all(alike(value, other[name]) for name, value in state.items())
    return bool(np.all(state == other))


def put_back(states: list[tuple[Any, Any]]) -> None:
    """Let sources of random numbers continue from where they stood."""
    for source, state in states:
        if hasattr(source, "set_state"):
            source.set_state(state)
        else:
            source.bit_generator.state = state


# book/memory/checkpoint.md: The same again
TOLD = (type(None), int, bool, float, str, complex, slice, np.dtype)  #: By their repr.


def mark(value: Any) -> Any:
    """Something short that differs when a constant differs."""
    if type(value) in TOLD:
        return repr(value)
    if isinstance(value, (np.ndarray, np.generic)) and not value.dtype.hasobject:
        array = np.asarray(value)
        if array.dtype.char in "gG":  # some of its bytes mean nothing
            array = array.astype("d" if array.dtype.char == "g" else "D")
        return array.shape, array.dtype.str, fingerprint(array)
    if isinstance(value, (list, tuple, dict)):
        parts = value.items() if isinstance(value, dict) else value
        return tuple([mark(part) for part in parts])
    return repr(value) if isinstance(value, TOLD) else type(value).__name__


def marks(args: Any, params: Any) -> Any:
    """Marks of what enters an operation from outside of the graph; None if nothing does."""
    free = [a for a in args if getattr(a, "node", None) is None and type(a) is not Batched]
    return (mark([bottom(a) for a in free]), mark(params)) if free or params else None


@cache
def trusted(module: Any) -> bool:
    """Whether functions of a module, NumPy's or ours, give the same for the same arguments."""
    return str(module).startswith(FOREIGN)


def outcome(primitive: Primitive, value: Any) -> Any:
    """A mark of a result, where it could be another one the next time."""
    fun = primitive.fun
    return None if isinstance(fun, np.ufunc) or trusted(fun.__module__) else mark(value)


# book/memory/checkpoint.md: The same again
from typing import NamedTuple

from autograd_book.modes.batch import Batched


class Step(NamedTuple):
    """What is noted of an operation."""

    name: str  #: Name of the primitive.
    shape: Any  #: Shape of the result.
    dtype: Any  #: Dtype of the result, or its type.
    marks: Any  #: Of the constants that went in.
    result: Any  #: Mark of what came out, if the primitive is not trusted.
    unread: int  #: How many tickets it made, if none of them is for its result; else 0.
    captured: Any  #: Arrays of Variables that came in by closure.


# book/memory/checkpoint.md: The frame
from threading import Lock, get_ident

from autograd_book.modes.transforms import Fun, name_of


class Enough(BaseException):
    """Ends a replay when the last value that is needed exists."""


class Frame:
    """One call of a checkpointed function, which can be run again.

    Parameters
    ----------
    f : callable
        The function.
    policy : callable or None
        ``policy(primitive, args)``: whether to keep a result.
    check : bool
        Whether to compare values, and not only names, shapes and dtypes.
    """

    __slots__ = (
        "f", "policy", "check", "stack", "start", "call", "given", "kept", "chance",
        "tickets", "steps", "results", "last", "runner", "lock", "passing", "exact",
        "moved",
    )

    call: Any  #: The arguments, without their arrays.
    given: set[Any]  #: Nodes of the Variables among them.
    kept: Any  #: The arrays, in the form in which they are held.

    def __init__(self, f: Fun, policy: Any, check: bool) -> None:
        self.f, self.policy, self.check = f, policy, check
        self.stack, self.start = top.get(), next_index()
        self.tickets: list[weakref.ref[Ticket]] = []  #: In the order of the operations.
        self.steps: list[Any] = []  #: A Step for each operation, as they began.
        self.results: dict[int, Any] = {}  #: What the policy keeps, by operation.
        self.last = -1  #: The last operation with tickets, if none is for its result.
        self.chance: list[tuple[Any, Any]] = []  #: Sources of randomness and their states.
        self.runner: int | None = None  #: The thread that runs it at the moment.
        self.lock, self.passing, self.exact = Lock(), False, True
        self.moved = False  #: Whether NumPy's global generator moved during the first run.

    def ticket(self, record: Any) -> Ticket:
        """The next ticket."""
        made = Ticket(self, len(self.tickets), record)
        self.tickets.append(weakref.ref(made))
        return made

    def held(self) -> list[Any]:
        """Values that are kept from the first time."""
        forms = [self.kept, *self.results.values()]
        return [value for form in forms if type(form) is tuple for value in form]

    def forget(self) -> None:
        """Drop what a failed replay has computed."""
        for reference in self.tickets:
            if (ticket := reference()) is not None:
                ticket.saved = None


# book/memory/checkpoint.md: The frame
def run_first(frame: Frame, args: Any, kwargs: Any) -> Any:
    """Run the function of a frame for the first time."""
    frame.call, arrays = emptied((args, kwargs))
    frame.given = {v.node for v in leaves((args, kwargs)) if type(v) is Variable}
    for variable in leaves((args, kwargs)):
        note_leaf(variable)
    before = [(s, state_of(s)) for s in sources_of_chance((frame.f, args, kwargs))]
    world = state_of(global_source())
    with push(Checkpoint, frame) as level:
        frame.kept = level.kept(arrays) if arrays else ()
        outer_is_exact = level.outer is None or level.outer.frame.exact
        frame.exact = outer_is_exact and isinstance(frame.kept, (tuple, Ticket, Packed))
        frame.check = frame.check and frame.exact  # not what is kept with a loss
        frame.runner = get_ident()
        del arrays, level
        try:
            return frame.f(*args, **kwargs)
        finally:
            frame.runner = None
            frame.chance = [(s, state) for s, state in before if not alike(state_of(s), state)]
            frame.moved = moved(world)
            frame.results.pop(frame.last, None)


# book/memory/checkpoint.md: The frame
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


def run_again(frame: Frame, asked: Ticket) -> None:
    """Replay, on the stack and with the random numbers of the first time."""
    args, kwargs = refilled(frame.call, recalled(frame.kept))
    later = [(source, state_of(source)) for source, _ in frame.chance]
    world = state_of(global_source())
    frame.runner, token = get_ident(), top.set(frame.stack)
    try:
        put_back(frame.chance)
        with push(Replay, frame, asked):
            frame.f(*args, **kwargs)
    except Enough as enough:
        if enough.args[0] is not asked:
            raise
    except BaseException:
        frame.forget()
        raise
    finally:
        put_back(later)
        top.reset(token)
        frame.runner = None
    if asked.saved is None:
        frame.forget()
        raise differs(frame, "ended earlier when it was run again")
    if frame.moved and not frame.check and moved(world):  # values were not compared
        frame.forget()
        raise differs(frame, "may have drawn other random numbers when it was run again")


def differs(frame: Frame, how: str) -> ReplayError:
    """The error for a replay that was not like the first run."""
    return ReplayError(
        f"the checkpointed function {name_of(frame.f)} {how}, and its gradient would be "
        f"wrong. {GLOBAL if frame.moved else OWN}"
    )


#: Remedies for a function that did not do the same, without and with a suspicion.
OWN = (
    "Let it depend on its arguments and parameters alone, and draw random numbers from NumPy "
    "generators that are among them."
)
GLOBAL = (
    "NumPy's global generator moved in the first run, and it is not set back, since all "
    "threads share it: in place of np.random's functions, let it draw from a generator "
    "np.random.default_rng(seed) that is among its arguments or in its closure."
)


# book/memory/checkpoint.md: The frame
def noted(
    frame: Frame, primitive: Primitive, args: Any, params: Any, out: Any, unread: int
) -> Step:
    """The note of an operation."""
    value = bottom(out)
    shape, dtype = getattr(value, "shape", ()), getattr(value, "dtype", type(value))
    inside = result = None
    if frame.check:
        inside, result = marks(args, params), outcome(primitive, value)
    older = [bottom(a) for a in args if type(a) is Variable and is_older(a.node, frame)]
    return Step(primitive.name, shape, dtype, inside, result, unread, tuple(older))


def is_older(node: Any, frame: Frame) -> bool:
    """Whether a Variable with this node comes neither from the call of a frame nor from
    inside the function."""
    if not isinstance(node, Node) or node.index >= frame.start:
        return False
    return node not in frame.given or isinstance(node, Leaf) and frame.exact


# book/memory/checkpoint.md: The level
from autograd_book.graph.interpreter import Evaluate, Interpreter, WeakScalars


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


# book/memory/checkpoint.md: The level
PLAIN = (Record, Evaluate, WeakScalars, Pool)  #: They know a primitive by its plans alone.


class Checkpoint(Interpreter):
    """Puts tickets in place of what the nodes below it save.

    Pushed onto another level of its kind, it takes the place of that one.

    Parameters
    ----------
    below : Interpreter
        The next level.
    frame : Frame
        Whose tickets.
    """

    __slots__ = ("frame", "outer", "place", "uppermost", "plain")

    def __init__(self, below: Interpreter, frame: Frame) -> None:
        outer = below if isinstance(below, Checkpoint) else None
        super().__init__(outer.below if outer else below)
        self.frame, self.outer, self.place = frame, outer, 0
        levels = list(levels_from(self.below))
        self.uppermost = next(level for level in levels if isinstance(level, Record))
        self.plain = all(type(level) in PLAIN for level in levels)
        if outer is not None:
            frame.passing = type(outer) is Replay or outer.frame.passing

    def kept(self, values: tuple[Any, ...]) -> Any:
        """Values in the form in which the frame around, or a level that packs saved values,
        holds them."""
        others = (v for v in levels_from(top.get()) if not isinstance(v, Checkpoint))
        keeper = self.outer or next((v for v in others if hasattr(v, "hold")), None)
        return keeper.hold(values) if keeper else values

    def hold(self, values: tuple[Any, ...]) -> Any:
        """A ticket for what a checkpoint inside of this one would keep."""
        return self.frame.ticket(None)

    def bind(self, primitive: Primitive, args: Any, params: dict[str, Any]) -> Any:
        """Apply a primitive, note it, and take what its nodes saved away from them."""
        frame, place = self.frame, self.place
        self.place += 1
        if not frame.passing:
            frame.steps.append(None)
        out, first, read = self.below.bind(primitive, args, params), len(frame.tickets), False
        for node, record in nodes_and_records(out):
            node.saved = frame.ticket(record)
            read = read or "out" in node.plan.asks
            if frame.passing and record is self.uppermost:
                node.inputs = ()
        if not frame.passing:
            unread = 0 if read else len(frame.tickets) - first
            frame.steps[place] = noted(frame, primitive, args, params, out, unread)
            if read or unread:
                frame.last = place if unread else -1
        if frame.policy is not None and self.plain and frame.policy(primitive, args):
            frame.results[place] = self.kept((bottom(out),))
        return out


# book/memory/checkpoint.md: The replay
from copy import copy


def with_result(primitive: Primitive, value: Any) -> Primitive:
    """A primitive of the same rules that does not compute."""
    made = copy(primitive)
    made.fun = lambda *args, **params: value
    return made


class Replay(Checkpoint):
    """Gives tickets of a frame their values, up to the one that is asked for."""

    __slots__ = ("asked", "number")

    def __init__(self, below: Interpreter, frame: Frame, asked: Ticket) -> None:
        super().__init__(below, frame)
        self.asked, self.number = asked, 0

    def bind(self, primitive: Primitive, args: Any, params: dict[str, Any]) -> Any:
        """Apply a primitive as the first time, and hand over what its nodes save."""
        frame, place = self.frame, self.place
        self.place += 1
        step = None if frame.passing else expected(frame, place, primitive)
        known = self.known(place, step)
        doing = primitive if known is None else with_result(primitive, known)
        out = self.below.bind(doing, args, params)
        if step is not None:
            again = noted(frame, primitive, args, params, out, step.unread)
            again = again if known is None else again._replace(result=step.result)
            compare(frame, place, step, again)
        for node, record in self.narrowed(out):
            node.saved = self.give(node.saved, record)
            if record is self.uppermost:
                node.inputs = ()
        return out

    def narrowed(self, out: Any) -> list[tuple[Any, Any]]:
        """The nodes of a result, with what they saved in the form that a region of mixed
        precision, which is above, would have given it."""
        found = list(nodes_and_records(out))
        if region := next((v for v in levels_from(top.get()) if isinstance(v, Autocast)), None):
            region.keep(out)
        return found

    def known(self, place: int, step: Step | None) -> Any:
        """The result of an operation, if it need not be computed: the policy kept it, or
        nobody will read it."""
        if place in self.frame.results:
            return recalled(self.frame.results[place])[0]
        last = step and 0 <= self.asked.number - self.number < step.unread
        if step is None or not last or not self.plain:
            return None
        return np.broadcast_to(np.zeros((), step.dtype), step.shape)

    def hold(self, values: tuple[Any, ...]) -> Ticket:
        """Hand over what a checkpoint inside of this one would keep."""
        return self.give(values, None)

    def give(self, saved: Any, record: Any) -> Ticket:
        """Put values into the next ticket, if somebody waits for it."""
        number, asked = self.number, self.asked
        self.number += 1
        if number == len(self.frame.tickets):
            raise differs(self.frame, "saved more values when it was run again")
        ticket = self.frame.tickets[number]()
        ours = asked.record is None or record in (asked.record, None)
        if ticket is None:
            ticket = Ticket(self.frame, number, record)
            self.frame.tickets[number] = weakref.ref(ticket)
        elif ours and number <= asked.number:
            ticket.saved = saved
        if ticket is asked:
            raise Enough(asked)
        return ticket


# book/memory/checkpoint.md: The replay
def expected(frame: Frame, place: int, primitive: Primitive) -> Step:
    """What was noted of an operation, or the error that it was another one."""
    step = frame.steps[place] if place < len(frame.steps) else None
    if step is None or step.name != primitive.name:
        raise differs(
            frame,
            f"did {step.name if step else 'nothing more'} as operation {place} of the "
            f"forward pass, and {primitive.name} when it was run again",
        )
    return step


def compare(frame: Frame, place: int, step: Step, again: Step) -> None:
    """Raise ReplayError unless an operation was the same, and MutatedValueError if it used
    a parameter that has another value now."""
    then, now = step.captured, again.captured
    if len(then) != len(now) or any(a is not b for a, b in zip(then, now)):
        raise MutatedValueError(
            f"a Variable of shape {shape_of((*now, *then)[0])} that the checkpointed "
            f"function {name_of(frame.f)} uses was changed between the forward pass "
            "and the backward pass, which runs it again. Call backward() before the "
            "change, such as the step of an optimiser."
        )
    if again[:-1] != step[:-1]:
        told = [f"{s.name} of {s.dtype} and shape {s.shape}" for s in (step, again)]
        told[1] = "the same of other values" if told[0] == told[1] else told[1]
        raise differs(
            frame,
            f"did {told[0]} as operation {place} of the forward pass, and "
            f"{told[1]} when it was run again",
        )


# book/memory/checkpoint.md: The function
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction


def checkpoint(f: Fun, *, policy: Any = None, check: bool = True) -> Fun:
    """A function like `f` that keeps its inputs alone, and computes again in the backward
    pass what its derivatives need.

    Parameters
    ----------
    f : callable
        Any function of arrays, Variables and trees of them. It must do the same when it is
        called again.
    policy : callable, optional
        ``policy(primitive, args)`` says whether the result of an operation is kept too; for
        example `keeping`.
    check : bool
        Whether values are compared when `f` is run again, and not only which operations it
        does.

    Returns
    -------
    callable
        Takes what `f` takes, and returns what it returns.

    Raises
    ------
    ReplayError
        In the backward pass, if `f` did not do the same again.
    MutatedValueError
        In the backward pass, if a parameter was changed since.

    Notes
    -----
    After T. Chen and others, *Training deep nets with sublinear memory cost* (2016).
    """
    if not callable(f) or any(later(f) for later in LATER):
        raise DifferentiationTypeError(
            f"checkpoint was given {f!r}, which is no function that computes when it is "
            "called. Give a function or a module that returns its results."
        )
    if policy is not None and not callable(policy):
        raise DifferentiationTypeError(
            f"checkpoint was given the policy {policy!r}, which is no function. Give one of "
            "primitive and arguments, such as keeping('matmul')."
        )

    @wraps(f, updated=())
    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        if not recording():
            return f(*args, **kwargs)
        return run_first(Frame(f, policy, check), args, kwargs)

    return checkpointed


LATER = (isgeneratorfunction, iscoroutinefunction, isasyncgenfunction)  #: Run after the call.


def recording() -> bool:
    """Whether nodes are made at the moment."""
    kinds = (v for v in levels_from(top.get()) if isinstance(v, (Record, NoGrad)))
    return isinstance(next(kinds), Record)


# book/memory/checkpoint.md: What is held, and when
def saved_arrays(nodes: Any) -> dict[int, Any]:
    """Arrays that nodes hold for the way back, each once, by identity."""
    found: dict[int, Any] = {}
    for node in nodes:
        values = node.saved if type(node.saved) is tuple else node.saved.arrays()
        owners = [owner_of(value) for value in values]
        found |= {id(array): array for array in owners if array is not None}
    return found


def saved_bytes(nodes: Any, besides: Any = ()) -> int:
    """Bytes that nodes hold for the way back, without the arrays of some Variables."""
    given = {id(owner_of(value)) for value in besides}
    return sum(array.nbytes for key, array in saved_arrays(nodes).items() if key not in given)


# book/memory/checkpoint.md: Keep what is dear
def keeping(*names: str, where: Callable[..., bool] | None = None) -> Callable[..., bool]:
    """A policy for `checkpoint`: keep the results of primitives of these names.

    Parameters
    ----------
    *names : str
        Such as ``"matmul"``.
    where : callable, optional
        Takes the arguments of the operation, and says whether its result shall be kept.

    Notes
    -----
    To choose by cost is the idea of V. A. Korthikanti and others, *Reducing activation
    recomputation in large transformer models* (2022).
    """
    known = {primitive.name for primitive in primitives.values()}
    if unknown := [name for name in names if name not in known]:
        raise DifferentiationValueError(
            f"keeping was given the name {unknown[0]!r}, and there is no such primitive. "
            + nearest(str(unknown[0]), known)
        )

    def policy(primitive: Primitive, args: Any) -> bool:
        return primitive.name in names and (where is None or where(*args))

    return policy
