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
# sha256: b90756506f40c5950faa7773711207de705a296004d4197a58385510392f7fbf

__all__ = [
    "like",
    "is_plain",
    "long_way",
    "seals_of",
    "thin",
    "expect_untouched",
    "is_number",
    "Entrance",
    "rewritten",
    "arranged",
    "numpy_program",
    "Trace",
    "carried_out",
    "note",
    "PATIENCE",
    "Compiled",
    "compile",
]


# book/speed/compile.md: What has to fit
import builtins
import warnings
from collections.abc import Callable
from threading import RLock
from typing import Any, Generic

import numpy as np

from autograd_book.graph.errors import with_usage
from autograd_book.graph.methods import Operators
from autograd_book.graph.primitive import seal
from autograd_book.graph.protocols import P, R
from autograd_book.graph.stack import Fun, base, bedrock, floor, top
from autograd_book.memory.repeat import mark, restart_sources, state_of
from autograd_book.modes.transforms import expect_function
from autograd_book.modes.trees import leaves
from autograd_book.speed.blocks import block_attention
from autograd_book.speed.capture import (
    ColdCacheError, capture, expect_fitting, given, inner,
)
from autograd_book.speed.equations import Graph, MissedGuard, Name
from autograd_book.speed.fusion import fuse
from autograd_book.speed.lending import Loans, adopt, hand_out, in_rows, lasting, return_arrays
from autograd_book.speed.lifetimes import hoist_updates, recompute
from autograd_book.speed.native import native_program
from autograd_book.speed.plan import arena_of, plan_of
from autograd_book.speed.program import program, with_room
from autograd_book.speed.simplify import simplified
from autograd_book.speed.symbols import CaptureError
from autograd_book.speed.watch import Watch, reader


# book/speed/compile.md: What has to fit
def like(name: Name, kind: Any, value: Any) -> bool:
    """Whether a value is surely of the kind that a name stands for."""
    if type(value) is not kind:
        return False
    return not hasattr(kind, "shape") or value.shape == name.shape and value.dtype == name.dtype


def is_plain(value: Any) -> bool:
    """Whether a value is a number or an array of NumPy's or Python's own."""
    return type(value) in (np.ndarray, float, int) or isinstance(value, np.generic)


def long_way(graph: Graph, args: Any, kwargs: Any) -> list[Any]:
    """The values of arguments of any form; MissedGuard if they are of another form than
    those that were captured."""
    try:
        values = given(graph.form.arguments, (args, kwargs))
    except (TypeError, ValueError) as error:  # another tree
        raise MissedGuard(str(error)) from error
    for name, value in zip(graph.inputs, values):
        expect_fitting(name, value)
    return values


# book/speed/compile.md: What has to fit
def seals_of(form: Any) -> list[Any]:
    """Arrays that the program takes for constants, how each is read, and what was read."""
    fixed = [(v, mark, noted) for _, v, noted in form.fixed if isinstance(v, np.ndarray)]
    return fixed + [(t, seal, seal(t)) for v, _ in form.constants for t in [thin(v)]]


def thin(array: Any) -> Any:
    """An array without the repetitions that broadcasting has made."""
    repeated = [step == 0 and n > 1 for step, n in zip(array.strides, array.shape)]
    return array[tuple([slice(1) if r else slice(None) for r in repeated])]


def expect_untouched(seals: list[Any]) -> None:
    """Raise MissedGuard if an array that the program takes for a constant was written to."""
    for array, read, noted in seals:
        if read(array) != noted:
            raise MissedGuard(
                f"an array of shape {array.shape} that is a constant of a compiled function "
                "was written to since. Make it an argument, or the function is traced again."
            )


# book/speed/compile.md: What has to fit
def is_number(value: Any) -> bool:
    """Whether a cell that is no state holds what may be another number in each call."""
    return isinstance(value, int | float | np.generic | np.ndarray)


class Entrance:
    """What goes into a program, and what has to be as it was.

    Parameters
    ----------
    graph : Graph
        Of the program.
    args : tuple
        Arguments and keyword arguments of the call that was captured.
    examples : list
        The values of its inputs then: of the arguments, and of the cells.
    loans : Loans
        Its arrays; all other cells go in by value.
    """

    def __init__(self, graph: Graph, args: Any, examples: list[Any], loans: Loans) -> None:
        self.graph, self.seals = graph, seals_of(graph.form)
        self.count = len(examples) - len(graph.cells)
        self.flat = not args[1] and all(map(is_plain, args[0]))
        taken = [k for k, name in enumerate(graph.inputs) if name not in loans.states]
        self.names = [graph.inputs[k] for k in taken]
        self.kinds = [type(examples[k]) for k in taken]
        self.cells = {k: graph.cells[k - self.count] for k in taken if k >= self.count}
        self.readers = [*map(reader, self.cells.values())]
        free = {cell for k, cell in self.cells.items() if is_number(examples[k])}
        places = [place[0] for place in (*graph.form.ways, *graph.form.fixed)]
        holders = [holder for holder, _, _ in graph.form.extents]
        self.watch = Watch([*[c for c in graph.cells if c not in free], *places], holders)

    def values(self, args: Any, kwargs: Any) -> list[Any]:
        """What the program is given; MissedGuard if arguments or constants do not fit it."""
        expect_untouched(self.seals)
        plain = self.flat and not kwargs and len(args) == self.count
        plain = plain and all(map(like, self.names, self.kinds, args))
        found = list(args) if plain else long_way(self.graph, args, kwargs)
        return found + [inner(read()) for read in self.readers]

    def unchanged(self, values: list[Any]) -> bool:
        """Whether all is as it was, so that the program can be run at once."""
        return self.watch() and all(map(like, self.names, self.kinds, values))


# book/speed/compile.md: A trace
def rewritten(graph: Graph, exact: bool, memory: int | None) -> Graph:
    """A captured graph after all passes, with attention in blocks if there is little memory."""
    graph = simplified(graph, exact)
    if not exact:
        graph = block_attention(graph, None if memory is None else memory // 8)
    return graph if memory is None else hoist_updates(recompute(graph, memory))


def arranged(graph: Graph, exact: bool, memory: int | None, turned: Any = ()) -> Graph:
    """A captured graph as it is planned: after all passes, and with loops over tiles."""
    return fuse(rewritten(graph, exact, memory), exact, turned=turned)


# book/speed/compile.md: A trace
def numpy_program(graph: Graph, values: Any, exact: bool, poison: bool) -> Any:
    """Graph, plan, text and words of a program that calls NumPy."""
    plan = plan_of(graph, *values)
    return graph, plan, *program(plan, exact, poison)


class Trace:
    """One way through a function: its program, and the arrays that it works on."""

    def __init__(
        self, f: Fun, args: Any, exact: bool, memory: int | None, poison: bool, native: bool
    ) -> None:
        captured = capture(f, *args, expand=lambda primitive: primitive.composite)
        held = [inner(cell.read()) for cell in captured.cells]
        values = [*given(captured.form.arguments, args), *held]
        turned = [n for n, v in zip(captured.inputs, values) if not in_rows(v)]
        made = native and native_program(
            with_room(rewritten(captured, exact, memory)), values, turned, poison
        )
        self.graph, self.plan, self.source, words = made or numpy_program(
            with_room(arranged(captured, exact, memory, turned)), values, exact, poison
        )
        self.form = self.graph.form
        self.native_source = words.known["native"].source if made else ""
        self.arena = words.known["arena"] = arena_of(self.plan.size)
        exec(builtins.compile(self.source, "<compiled>", "exec"), words.known)
        self.run, self.loans = words.known["step"], Loans(self.plan, words, held)
        self.entry = Entrance(self.graph, args, values, self.loans)
        first = captured.inputs[len(captured.inputs) - len(held):]
        #: Whether a call leaves the cells as the next one has to find them.
        self.settled = all(map(lasting, self.loans.ends, first, self.loans.empty))
        places = {(id(cell.owner), cell.key) for cell in self.entry.watch.places}
        moved = {(id(end.cell.owner), end.cell.key) for _, end in self.loans.handed}
        self.moving = not places.isdisjoint(moved)  #: Whether what it leaves is watched.

    def __call__(self, args: Any, kwargs: Any) -> Any:
        """Carry out the step, or raise MissedGuard before anything has changed."""
        values = self.entry.values(args, kwargs)
        self.form.expect_apart(values[: self.entry.count])
        known = self.settled and self.entry.unchanged(values)
        if not known:
            self.form.expect_as_captured()
            adopt(self.loans, self.arena)
        out = carried_out(self, values)
        if not known:
            return_arrays(self.loans)
        results = hand_out(self.loans, self.form.result, out)
        del out  # it may hold arrays of ours, which are counted now
        if not known or self.moving:
            note(self)
        return results


# book/speed/compile.md: A trace
def carried_out(trace: Trace, values: list[Any]) -> Any:
    """What the program returns; MissedGuard, and generators as they were, if a guard was
    missed."""
    chance = [(v, state_of(v)) for v in values if hasattr(v, "bit_generator")]
    out = trace.run(*values)
    if out is None:
        restart_sources(chance)
        raise MissedGuard("a guard of a compiled function was missed. It is traced again.")
    return out


def note(trace: Trace) -> None:
    """Take what is there after a call for what the next one has to find."""
    loans = trace.loans
    loans.note()
    trace.entry.watch.note(loans.inside())
    trace.entry.watch.count(loans.lent)
    loans.counts = trace.entry.watch.noted[0]


# book/speed/compile.md: Many traces
PATIENCE = 8  #: Traces in a row that may be made for one call each.


class Compiled(Generic[P, R]):
    """A function that is compiled as it is called; see `compile`.

    Attributes
    ----------
    traces : list of Trace
        The ways through the function that are known, the latest first.
    """

    # no dict, in which the walk to the state of another function would find our traces
    __slots__ = (
        "__weakref__", "__wrapped__", "limit", "lock", "missed", "options", "raised", "traces",
        "warm",
    )

    def __init__(self, f: Callable[P, R], limit: int, *options: Any) -> None:
        self.__wrapped__, self.options, self.limit = f, options, limit
        self.traces: list[Trace] = []
        self.warm, self.lock = False, RLock()
        self.missed = 0  #: Calls in a row that no trace has fitted.
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

    def restless(self, why: Any) -> bool:
        """Whether so many calls in a row have fitted no trace that another is not tried but
        now and then; warns once of what differs."""
        if self.missed < PATIENCE:
            return False
        if self.missed == PATIENCE:
            warnings.warn(
                f"A compiled function went another way in each of {PATIENCE} calls, and is "
                f"run as it is, which is slow: {str(why).partition('. ')[0]}. Pass what "
                "changes as an argument, or keep it where the function cannot reach it.",
                stacklevel=3,
            )
        self.missed += 1  # tried again after 16 calls, 32, 64
        return bool(self.missed & self.missed - 1)

    def eager(self, args: Any, kwargs: Any) -> Any:
        """What the function itself does, after a capture in which it has raised an error."""
        out = self.__wrapped__(*args, **kwargs)
        warnings.warn(
            "A compiled function raised an error when it was captured, and none when it was run "
            "as it is, which is slow. Write what looks into arrays with NumPy's functions.",
            stacklevel=3,
        )
        return out

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """As the function itself."""
        elsewhere = top.get() is not base or floor.get() is not bedrock
        if elsewhere or (kwargs or not all(map(is_plain, args))) and any(
            isinstance(leaf, Operators) for leaf in leaves((args, kwargs))
        ):
            return self.__wrapped__(*args, **kwargs)
        with self.lock:
            why: Any = None
            for trace in self.traces:
                try:
                    out, self.missed = trace(args, kwargs), 0
                    return out
                except MissedGuard as error:
                    why = why or error
            if not self.warm or self.restless(why):
                self.warm = True
                return self.__wrapped__(*args, **kwargs)
            try:
                trace = self.traced(args, kwargs)
            except ColdCacheError:
                self.traces.clear()  # they rest on what the cache had before
                return self.__wrapped__(*args, **kwargs)
            if trace is None:
                return self.eager(args, kwargs)
            self.missed += 1
            self.traces.insert(0, trace)
            del self.traces[self.limit:]
            try:
                return trace(args, kwargs)
            except MissedGuard:  # asking what it rests on has changed that
                return self.__wrapped__(*args, **kwargs)

    @property
    def source(self) -> str:
        """The program of the latest trace."""
        return self.traces[0].source if self.traces else ""

    @property
    def native_source(self) -> str:
        """What of the latest trace is in C; nothing if there is no compiler."""
        return self.traces[0].native_source if self.traces else ""


# book/speed/compile.md: Many traces
@with_usage
def compile(
    f: Callable[P, R], *, exact: bool = False, memory: int | None = None, native: bool = False,
    traces: int = 8, poison: bool = False,
) -> Compiled[P, R]:
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
    native : bool
        Whether groups of elementwise functions, sums and products are called in C, built with
        the system's compiler. Without a compiler they are called in NumPy.
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
    if exact and native:
        raise ValueError(
            "compile was given exact=True and native=True, and C rounds otherwise than NumPy. "
            "Leave one of them out."
        )
    return Compiled(f, traces, exact, memory, poison, native)
