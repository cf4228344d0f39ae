"""Compile.

``compile`` returns a function that does what the given one does, as straight-
line code in planned memory.

::

    import numpy as np
    import autograd_book as ab

    fast = ab.compile(ab.grad(lambda w: np.sum(np.square(np.tanh(w)))))
    for _ in range(3):  # the first call runs the function itself, the second compiles
        print(fast(np.array([0.5, 1.0])))
    print(fast.source)
"""
# Generated from book/speed/compile.md by autograd-book extract; edit the chapter, not this file.
# sha256: 7bcbd86e255ed2ef06fd280ef23ab50b66f4e586e69daa0ffbf9411e4b8bfdfb

__all__ = [
    "ABSENT",
    "reader",
    "lasting",
    "extents",
    "look",
    "thin",
    "in_rows",
    "count_references",
    "free_arrays",
    "adopt",
    "array_for",
    "arguments_in",
    "expect_untouched",
    "carried_out",
    "leave",
    "Trace",
    "Compiled",
    "compile",
]


# book/speed/compile.md: Whose memory is it?
import builtins
import operator
import warnings
from functools import partial
from sys import getrefcount
from threading import RLock
from types import MappingProxyType
from typing import Any

import numpy as np

from autograd_book.graph.errors import with_usage
from autograd_book.graph.methods import Operators
from autograd_book.graph.primitive import seal
from autograd_book.graph.record import Leaf
from autograd_book.graph.stack import Fun, as_constant, base, bedrock, floor, top
from autograd_book.memory.repeat import mark, restart_sources, state_of
from autograd_book.modes.transforms import expect_function
from autograd_book.modes.trees import Tree, leaves, tree_map
from autograd_book.speed.capture import capture, commit, expect_fitting, given, handed, inner
from autograd_book.speed.cells import StateCell, extent
from autograd_book.speed.equations import MissedGuard, Name, names_in
from autograd_book.speed.fusion import fuse
from autograd_book.speed.passes import everything
from autograd_book.speed.plan import arena_of, link, plan_of, states_of
from autograd_book.speed.program import Ending, endings, program, with_room
from autograd_book.speed.simplify import simplified
from autograd_book.speed.symbols import CaptureError


# book/speed/compile.md: Whose memory is it?
ABSENT = object()  #: For a place that is gone.


def reader(cell: StateCell, absent: Any = None) -> Any:
    """The shortest way to read a cell."""
    if cell.part is not None or isinstance(cell.owner, list | type):
        return cell.read
    if isinstance(cell.owner, dict):
        return partial(cell.owner.get, cell.key, absent)
    return partial(getattr, cell.owner, cell.key, absent)


# book/speed/compile.md: Whose memory is it?
def lasting(end: Ending, first: Name, empty: bool) -> bool:
    """Whether a step leaves in a cell what its next call can start from."""
    if type(end.new) is not Name or end.how == "kept":
        return end.how == "kept" or (end.new is None and empty)
    new = end.new
    return (new.shape, new.dtype, new.weak) == (first.shape, first.dtype, first.weak)


def extents(trace: "Trace") -> Any:
    """How much is in what has places, in short."""
    return [*map(len, trace.sized)], [*map(extent, trace.others)]


# book/speed/compile.md: Whose memory is it?
def look(trace: "Trace", now: list[Any]) -> dict[Name, Any]:
    """What the cells hold; MissedGuard if the program does not fit it."""
    trace.form.expect_as_captured()
    found = {}
    for end, value, empty in zip(trace.ends, now, trace.empty):
        found[end.old] = value = inner(value)
        if (value is None) is not empty:
            raise MissedGuard(f"{end.cell} held something, or nothing, when it was captured.")
        if not empty and end.old in trace.read:
            expect_fitting(end.old, value)
            if end.old in trace.plan.rowwise and end.how == "kept" and not in_rows(value):
                raise MissedGuard(f"{end.cell} holds an array of another order than when captured.")
    return found


def thin(array: Any) -> Any:
    """An array without the repetitions that broadcasting has made."""
    repeated = [step == 0 and n > 1 for step, n in zip(array.strides, array.shape)]
    return array[tuple([slice(1) if r else slice(None) for r in repeated])]


def in_rows(value: Any) -> bool:
    """Whether the numbers of a value lie row by row."""
    return not isinstance(value, np.ndarray) or value.flags.c_contiguous


# book/speed/compile.md: Whose memory is it?
def count_references(trace: "Trace") -> list[int]:
    """How often our own arrays are referred to, and then the Variables around them."""
    if not trace.used:
        return []
    arrays = map(getrefcount, map(trace.arrays.__getitem__, trace.own.values()))
    return [*arrays, *map(getrefcount, map(trace.holders.__getitem__, trace.own))]


def free_arrays(trace: "Trace", now: list[Any], counts: list[int]) -> set[Name]:
    """Names of our own arrays that nobody but their cells refers to: as often as after the
    last call, and less often if they have left their cells."""
    found, n = set(), len(counts) // 2
    for i, (k, name) in enumerate(trace.own.items() if trace.used else ()):
        holder, array = trace.holders[k], trace.arrays[name]
        gone = now[k] is not holder
        out = gone if holder is array else inner(holder) is not array
        if counts[n + i] <= trace.counts[n + i] - gone and counts[i] <= trace.counts[i] - out:
            found.add(name)
    return found


# book/speed/compile.md: Whose memory is it?
def adopt(trace: "Trace", values: dict[Name, Any], free: set[Name]) -> None:
    """Work on the arrays of cells that are only read, and on arrays of our own for those
    that are written."""
    before = dict(trace.arrays)
    for end in trace.ends:
        if end.old in trace.states:
            trace.arrays[end.old] = array_for(trace, end, values[end.old], end.old in free)
    moved = any(before.get(name) is not array for name, array in trace.arrays.items())
    if moved or not trace.used:
        found = link(trace.plan, trace.arrays, trace.arena)
        trace.words.known.update({trace.words.of[name]: a for name, a in found.items()})


# book/speed/compile.md: Whose memory is it?
def array_for(trace: "Trace", end: Ending, value: Any, free: bool) -> Any:
    """The array to work on for one cell, with the cell's numbers if they are read."""
    if end.how == "kept":
        return value
    read = end.old in trace.read
    if not free:
        order: Any = "C" if end.old in trace.plan.rowwise else "K"
        return np.array(value, order=order) if read else np.empty(end.old.shape, end.old.dtype)
    if read and value is not trace.arrays[end.old]:
        np.copyto(trace.arrays[end.old], value)
    return trace.arrays[end.old]


# book/speed/compile.md: What has to fit
def arguments_in(trace: "Trace", args: Any) -> dict[Name, Any]:
    """The arguments by name; MissedGuard if they are of another form than those that were
    captured."""
    try:
        values = given(trace.form.arguments, args)
    except (TypeError, ValueError) as error:  # another tree
        raise MissedGuard(str(error)) from error
    found = dict(zip(trace.graph.inputs, values))
    for name, value in found.items():
        expect_fitting(name, value)
    return found


# book/speed/compile.md: What has to fit
def expect_untouched(trace: "Trace") -> None:
    """Raise MissedGuard if an array that the program takes for a constant was written to."""
    for array, read, noted in trace.seals:
        if read(array) != noted:
            raise MissedGuard(
                f"an array of shape {array.shape} that is a constant of a compiled function "
                "was written to since. Make it an argument, or the function is traced again."
            )


# book/speed/compile.md: What has to fit
def carried_out(trace: "Trace", values: list[Any]) -> Any:
    """What the program returns; MissedGuard, and generators as they were, if a guard was
    missed."""
    chance = [(v, state_of(v)) for v in values if hasattr(v, "bit_generator")]
    out = trace.words.known["step"](*values)
    if out is None:
        restart_sources(chance)
        raise MissedGuard("a guard of a compiled function was missed. It is traced again.")
    return out


# book/speed/compile.md: What a call leaves
def leave(trace: "Trace", out: Any, known: bool) -> Any:
    """Leave the state in its cells, unless they are known to hold our arrays, and hand out
    the results."""
    handed_out = iter(out)
    results = [next(handed_out) for _ in leaves(trace.form.result)]
    for k, end in enumerate(trace.ends):
        if end.how in ("written", "copied"):
            if known:
                continue
            array, there = trace.arrays[end.old], end.cell.read()
            if inner(there) is not array or trace.used and there is not trace.holders[k]:
                end.cell.write(as_constant(array) if isinstance(end.cell.owner, Leaf) else array)
        elif end.how == "handed":
            value = next(handed_out)
            plain = end.old.weak or end.old.dtype == object or end.new is None or trace.generic[k]
            commit(end.cell, value if plain else np.asarray(value))
    rest = iter(results)
    return tree_map(lambda variable: handed(next(rest), variable), trace.form.result)


# book/speed/compile.md: A trace
class Trace:
    """One way through a function: its program, and the arrays that it works on."""

    def __init__(self, f: Fun, args: Any, exact: bool, memory: int | None, poison: bool) -> None:
        captured = capture(f, *args, expand=lambda primitive: primitive.composite)
        held = [inner(cell.read()) for cell in captured.cells]
        values = [*given(captured.form.arguments, args), *held]
        turned = [n for n, v in zip(captured.inputs, values) if not in_rows(v)]
        graph = with_room(simplified(captured, exact, memory))
        self.graph = graph = fuse(graph, exact, turned=turned)
        self.form, self.plan = graph.form, plan_of(graph, *values)
        self.source, self.words = program(self.plan, exact, poison)
        self.arena = self.words.known["arena"] = arena_of(self.plan.size)
        exec(builtins.compile(self.source, "<compiled>", "exec"), self.words.known)
        self.ends, self.read = endings(self.plan), set(names_in([everything(graph)]))
        self.states, fixed = set(states_of(graph)), self.form.fixed
        self.seals = [(v, mark, noted) for _, v, noted in fixed if isinstance(v, np.ndarray)]
        self.seals += [(t, seal, seal(t)) for v, _ in self.form.constants for t in [thin(v)]]
        places = [place[0] for place in (*self.form.ways, *fixed)]
        self.readers = [*map(reader, graph.cells), *(reader(cell, ABSENT) for cell in places)]
        holders = [holder for holder, _, _ in self.form.extents]
        kinds = (list, dict, MappingProxyType)
        self.sized = [h for h in holders if isinstance(h, kinds)]
        self.others = [h for h in holders if not isinstance(h, kinds)]
        self.generic = [isinstance(value, np.generic) for value in held]
        self.extents: Any = None
        self.empty = [value is None for value in held]
        first = captured.inputs[len(captured.inputs) - len(held):]
        #: Whether a call leaves the cells as the next one has to find them.
        self.settled = all(map(lasting, self.ends, first, self.empty))
        #: Which cells hold arrays of ours, and under which names.
        self.own = {k: e.old for k, e in enumerate(self.ends) if e.how in ("written", "copied")}
        self.arrays: dict[Name, Any] = {}
        self.used = False  #: Whether it has carried out a step.
        self.holders: list[Any] = []  #: What was in the cells after the last call.
        self.counts: list[int] = []  #: And how often it was referred to.
        self.inside: list[tuple[Any, Any]] = []  #: Variables that were put around arrays.

    def __call__(self, *args: Any) -> Any:
        """Carry out the step, or raise MissedGuard before anything has changed."""
        expect_untouched(self)
        values, counts = arguments_in(self, args), count_references(self)
        now = [read() for read in self.readers]
        known = (
            self.used and self.settled and counts == self.counts
            and all(map(operator.is_, now, self.holders)) and extents(self) == self.extents
        )
        known = known and all(variable.value is array for variable, array in self.inside)
        if not known:
            free = free_arrays(self, now, counts)
            adopt(self, values | look(self, now), free)
        cells = {end.old: value for end, value in zip(self.ends, now) if end.old not in self.states}
        del now
        found = values | {name: inner(value) for name, value in cells.items()}
        out = carried_out(self, [found[n] for n in self.graph.inputs if n not in self.states])
        results = leave(self, out, known)
        if not known or len(out) > len(leaves(self.form.result)):
            self.holders = [read() for read in self.readers]
            self.used, self.extents = True, extents(self)
            self.inside = [
                (self.holders[k], self.arrays[name]) for k, name in self.own.items()
                if self.holders[k] is not self.arrays[name]
            ]
            self.counts = count_references(self)
        return results


# book/speed/compile.md: Many traces
class Compiled:
    """A function that is compiled as it is called; see `compile`.

    Attributes
    ----------
    traces : list of Trace
        The ways through the function that are known, the latest first.
    """

    # no dict, in which the walk to the state of another function would find our traces
    __slots__ = (
        "__weakref__", "__wrapped__", "limit", "lock", "options", "raised", "traces", "warm"
    )

    def __init__(self, f: Fun, exact: bool, memory: int | None, limit: int, poison: bool) -> None:
        self.__wrapped__, self.options, self.limit = f, (exact, memory, poison), limit
        self.traces: list[Trace] = []
        self.warm, self.lock = False, RLock()
        self.raised: Any = None  #: What the function has raised while it was captured.

    def traced(self, args: Any, kwargs: Any) -> Any:
        """A new trace; None if the function raises an error of its own."""
        def apply(args: Any, kwargs: Any) -> Any:
            try:
                return self.__wrapped__(*args, **kwargs)
            except Exception as error:
                self.raised = error
                raise

        try:
            return Trace(apply, (args, kwargs), *self.options)
        except CaptureError:
            raise
        except Exception as error:
            if error is not self.raised:
                raise
        finally:
            self.raised = None
        return None

    def eager(self, args: Any, kwargs: Any) -> Any:
        """What the function itself does, after a capture in which it has raised an error."""
        out = self.__wrapped__(*args, **kwargs)
        warnings.warn(
            "A compiled function raised an error when it was captured, and none when it was run "
            "as it is, which is slow. Write what looks into arrays with NumPy's functions.",
            stacklevel=3,
        )
        return out

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """As the function itself."""
        elsewhere = top.get() is not base or floor.get() is not bedrock
        if elsewhere or any(isinstance(leaf, Operators) for leaf in leaves((args, kwargs))):
            return self.__wrapped__(*args, **kwargs)
        with self.lock:
            for trace in self.traces:
                try:
                    return trace(args, kwargs)
                except MissedGuard:
                    continue
            if not self.warm:
                self.warm = True
                return self.__wrapped__(*args, **kwargs)
            if (trace := self.traced(args, kwargs)) is None:
                return self.eager(args, kwargs)
            self.traces.insert(0, trace)
            del self.traces[self.limit:]
            return self.traces[0](args, kwargs)

    @property
    def source(self) -> str:
        """The program of the latest trace."""
        return self.traces[0].source if self.traces else ""


# book/speed/compile.md: Many traces
@with_usage
def compile(
    f: Fun, *, exact: bool = False, memory: int | None = None, traces: int = 8, poison: bool = False
) -> Compiled:
    """A function that does what `f` does, as straight-line code in memory that is planned.

    Parameters
    ----------
    f : callable
        Any function of arrays, numbers and trees of them, with whatever state it can reach:
        a training step, a network, or ``grad(f)``.
    exact : bool
        Whether results have to be the same to the last bit, not only up to rounding.
    memory : int, optional
        Bytes of results alive at a time beyond which cheap ones are computed again.
    traces : int
        How many ways through the function are kept.
    poison : bool
        For tests: fill freed memory with NaN.

    Returns
    -------
    Compiled
        Its first call runs `f` itself, the second captures and compiles it. `source` is the
        program.

    Raises
    ------
    CaptureError
        In the second call, if `f` does what a graph cannot say.
    """
    expect_function(f, "compile")
    return Compiled(f, exact, memory, traces, poison)
