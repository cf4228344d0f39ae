"""Compile.

``compile`` returns a function that does what the given one does, as straight-
line code in planned memory.

::

    import numpy as np
    import autograd_book as ab

    fast = ab.compile(ab.grad(lambda w: np.sum(np.tanh(w) ** 2)))
    for _ in range(3):  # the first call runs the function itself, the second compiles
        print(fast(np.array([0.5, 1.0])))
    print(fast.source)
"""
# Generated from book/speed/compile.md by autograd-book extract; edit the chapter, not this file.
# sha256: 30eb350040c7165c81d4d5c8e03bfa3ecd160c6381fe3259c7bf3fe05a2a3a44

__all__ = [
    "label",
    "Words",
    "PAIRS",
    "REDUCE",
    "numbers_as_arrays",
    "word_of",
    "call",
    "into_call",
    "SIGNS",
    "line",
    "guards_at",
    "done_with",
    "body",
    "Ending",
    "endings",
    "with_room",
    "program",
    "ABSENT",
    "reader",
    "lasting",
    "extents",
    "look",
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


# book/speed/compile.md: Words
import builtins
import keyword
import operator
import warnings
from collections import deque
from dataclasses import replace
from functools import partial
from sys import getrefcount
from threading import RLock
from typing import Any, NamedTuple

import numpy as np

from autograd_book.graph.methods import Operators
from autograd_book.graph.primitive import primitives, seal
from autograd_book.graph.record import Leaf
from autograd_book.graph.stack import Fun, as_constant, base, bedrock, floor, top
from autograd_book.modes.trees import Tree, leaves, tree_map
from autograd_book.memory.repeat import mark, put_back, state_of
from autograd_book.speed.capture import capture, commit, expect_fitting, given, handed, inner
from autograd_book.speed.cells import StateCell, extent
from autograd_book.speed.equations import (
    NUMBERS, Equation, Graph, MissedGuard, Name, names_in, source_of,
)
from autograd_book.speed.passes import everything, simplified
from autograd_book.speed.symbols import CaptureError
from autograd_book.speed.plan import (
    Plan, arena_of, copies, freed, last_doubt, link, plan_of, states_of,
)


# book/speed/compile.md: Words
def label(cell: StateCell) -> str:
    """A word for what a cell holds."""
    if isinstance(cell.owner, Leaf):
        return "grad"
    word = "param" if cell.key == "value" else str(cell.key)
    return word if word.isidentifier() and not keyword.iskeyword(word) else "state"


# book/speed/compile.md: Words
class Words:
    """The words of a program: of its values, and of the objects that it needs."""

    def __init__(self, graph: Graph) -> None:
        first = len(graph.inputs) - len(graph.cells)
        self.of = {name: f"input_{name.number}" for name in graph.inputs[:first]}
        for cell, name in zip(graph.cells, graph.inputs[first:], strict=True):
            self.of[name] = f"{label(cell)}_{name.number}"
        for e in graph.equations:
            self.of |= {name: f"{e.primitive.name}_{name.number}" for name in e.outs}
        self.known: dict[str, Any] = {}  #: Objects by word.
        self.numbers: dict[Any, Any] = {}  #: Numbers as arrays.

    def word(self, wish: str, value: Any) -> str:
        """A word for an object: the one that is wished, unless it means another already."""
        word, k = wish, 1
        while self.known.setdefault(word, value) is not value:
            word, k = f"{wish}_{k}", k + 1
        return word

    def leaf(self, value: Any) -> str:
        """A name, a constant, or a tuple of them."""
        if type(value) is Name:
            return self.of[value]
        if type(value) is tuple:
            return f"({''.join(self.leaf(v) + ', ' for v in value)})"
        plain = type(value) in (int, bool, str, type(None))
        if plain or (type(value) is float and np.isfinite(value)):
            return repr(value)
        return self.word("constant", value)


# book/speed/compile.md: Lines
#: Functions of two arrays with which a number takes the dtype of its partner.
PAIRS = {
    np.add, np.subtract, np.multiply, np.divide, np.maximum, np.minimum,
    np.less, np.less_equal, np.greater, np.greater_equal,
}  # fmt: skip
#: Reductions by the universal function that does them.
REDUCE = {
    np.sum: np.add, np.prod: np.multiply, np.max: np.maximum, np.min: np.minimum,
    np.all: np.logical_and, np.any: np.logical_or,
}  # fmt: skip


def numbers_as_arrays(words: Words, e: Equation) -> list[Any]:
    """The arguments of an equation, with numbers as arrays, which NumPy takes sooner."""
    kinds = {a.dtype for a in e.args if type(a) is Name and a.shape}
    if e.primitive.fun not in PAIRS or len(kinds) != 1 or (kind := kinds.pop()).kind != "f":
        return list(e.args)
    return [
        words.numbers.setdefault((repr(a), kind), np.asarray(a, kind))
        if type(a) in (int, float) else a for a in e.args
    ]


def word_of(e: Equation, fun: Any) -> str:
    """What a function is called in the text."""
    word = getattr(fun, "__name__", e.primitive.name)
    owner = getattr(fun, "__self__", None)
    if isinstance(owner, np.ufunc):
        return f"{owner.__name__}_{word}"
    return word if word.isidentifier() else f"{e.primitive.name}_into"


# book/speed/compile.md: Lines
def call(words: Words, e: Equation, fun: Any, **more: Any) -> str:
    """A call of a function with the arguments of an equation."""
    parts = [words.leaf(a) for a in numbers_as_arrays(words, e)]
    parts += [f"{k}={words.leaf(v)}" for k, v in (e.params | more).items()]
    return f"{words.word(word_of(e, fun), fun)}({', '.join(parts)})"


# book/speed/compile.md: Lines
def into_call(plan: Plan, words: Words, e: Equation, exact: bool) -> str:
    """The line that computes a result into its buffer."""
    fun, x = e.primitive.into, e.args[0]
    if copies(e):
        return f"copyto({words.of[e.out]}.reshape({words.leaf(x)}.shape), {words.leaf(x)})"
    if e.primitive.fun in REDUCE:
        reduce = REDUCE[e.primitive.fun].reduce
        return call(words, e, reduce, **{"axis": e.params.get("axis")}, out=e.out)
    flat = e.primitive is primitives[np.matmul] and not exact and all(
        len(np.shape(a) if type(a) is not Name else a.shape) <= 2 for a in e.args
    )
    return call(words, e, np.dot if flat else fun, out=e.out)


# book/speed/compile.md: Lines
#: What numbers have operators for, in the text.
SIGNS = {np.add: "+", np.subtract: "-", np.multiply: "*", np.divide: "/"}


def line(plan: Plan, words: Words, e: Equation, exact: bool) -> str:
    """The text of an equation; nothing for a view, which is made once."""
    if plan.kind(e.out) == "view":
        return ""
    if plan.kind(e.out) == "buffer":
        return into_call(plan, words, e, exact)
    out = ", ".join(words.of[name] for name in e.outs)
    single = all(plan.kind(a) == "local" and not a.shape for a in e.inputs)
    weak = all(a.weak if type(a) is Name else type(a) in (int, float, bool) for a in e.args)
    if e.primitive.fun in SIGNS and single and not e.params:
        return f"{out} = {f' {SIGNS[e.primitive.fun]} '.join(map(words.leaf, e.args))}"
    return f"{out} = {call(words, e, NUMBERS.get(e.primitive.fun, e.primitive.fun) if weak else e.primitive.fun)}"


# book/speed/compile.md: The body
def guards_at(graph: Graph) -> dict[int, list[Any]]:
    """The guards that can be asked behind each equation; those of arguments at -1."""
    at = {name: i for i, e in enumerate(graph.equations) for name in e.outs}
    found: dict[int, list[Any]] = {}
    for guard in graph.guards:
        found.setdefault(at.get(guard.name, -1), []).append(guard)
    return found


def done_with(plan: Plan) -> dict[int, list[Name]]:
    """Local arrays that nobody reads behind an equation."""
    last = {name: i for i, e in enumerate(plan.graph.equations) for name in [*e.inputs, *e.outs]}
    kept = {*names_in([plan.graph.outputs]), *plan.graph.inputs}
    found: dict[int, list[Name]] = {}
    for name, i in last.items():
        if plan.kind(name) == "local" and name.shape and name not in kept:
            found.setdefault(i, []).append(name)
    return found


# book/speed/compile.md: The body
def body(plan: Plan, words: Words, exact: bool, poison: bool) -> list[str]:
    """The lines of a step, each line of the program above what became of it."""
    graph, lines, said = plan.graph, [], ""
    guards, done, dead = guards_at(graph), done_with(plan), list(freed(plan))
    for i, e in enumerate([None, *graph.equations], -1):
        if e is not None and (text := line(plan, words, e, exact)):
            if (origin := source_of(e.line)) != said:
                lines.append(f"# {origin}")
                said = origin
            lines.append(text)
        for guard in guards.get(i, []):
            lines.append(f"if bool({words.leaf(guard.name)}) is not {guard.truth}: return None")
        if gone := done.get(i):
            lines.append(f"del {', '.join(words.of[name] for name in gone)}")
        for name in dead[i] if poison and i >= 0 else []:
            lines.append(f"arena[{plan.offset[name]}:{plan.offset[name] + name.nbytes}] = 255")
    return lines


# book/speed/compile.md: How a cell ends
class Ending(NamedTuple):
    """What becomes of a cell at the end of a step."""

    cell: StateCell
    old: Name
    new: Any
    how: str  #: "kept", "written" in place, "copied" into its array, or "handed" out.


def endings(plan: Plan) -> list[Ending]:
    """The endings of all cells of a planned graph."""
    graph = plan.graph
    count, found = len(graph.cells), []
    pairs = zip(graph.inputs[len(graph.inputs) - count:], graph.outputs[len(graph.outputs) - count:])
    for cell, (old, new) in zip(graph.cells, pairs, strict=True):
        name = type(new) is Name
        fits = name and (new.shape, new.dtype) == (old.shape, old.dtype)
        how = (
            "kept" if name and new == old
            else "written" if name and plan.written.get(new) == old
            else "copied" if fits and plan.kind(old) == "state"
            else "handed"
        )
        found.append(Ending(cell, old, new, how))
    return found


# book/speed/compile.md: How a cell ends
def with_room(graph: Graph) -> Graph:
    """The graph with room for each new value of a cell whose old value nobody reads."""
    read = set(names_in([everything(graph)]))
    first, count = len(graph.inputs) - len(graph.cells), len(graph.outputs) - len(graph.cells)
    cells = [
        replace(new, number=old.number) if type(new) is Name and old not in read else old
        for old, new in zip(graph.inputs[first:], graph.outputs[count:], strict=True)
    ]
    return replace(graph, inputs=(*graph.inputs[:first], *cells))


# book/speed/compile.md: How a cell ends
def program(plan: Plan, exact: bool, poison: bool = False) -> tuple[str, Words]:
    """The text of a step as a function, and its words."""
    words, graph, ends = Words(plan.graph), plan.graph, endings(plan)
    words.known |= {"copyto": np.copyto, "array": np.array}
    lines = body(plan, words, exact, poison)
    copied = {end.old: end.new for end in ends if end.how == "copied"}
    loose = [new for new in dict.fromkeys(copied.values()) if plan.kind(new) != "buffer"]
    # all that may lie in the array of a cell is read before any of them is written
    lines += [f"now_{words.of[new]} = array({words.of[new]})" for new in loose]
    for old, new in copied.items():
        lines.append(f"copyto({words.of[old]}, {'now_' * (new in loose)}{words.of[new]})")
    out = graph.outputs[: len(graph.outputs) - len(graph.cells)]
    out = (*out, *[end.new for end in ends if end.how == "handed"])
    lines.append(f"return {words.leaf(out)}")
    given = ", ".join(words.of[n] for n in graph.inputs if plan.kind(n) == "local")
    return "\n    ".join([f"def step({given}):", *lines]) + "\n", words


# book/speed/compile.md: Whose memory is it?
ABSENT = object()  #: For a place that is gone.


def reader(cell: StateCell, absent: Any = None) -> Any:
    """The shortest way to read a cell."""
    if cell.part is not None or isinstance(cell.owner, list | type):
        return cell.read
    if isinstance(cell.owner, dict):
        return partial(cell.owner.get, cell.key, absent)
    return partial(getattr, cell.owner, cell.key, absent)


def lasting(end: Ending, first: Name, empty: bool) -> bool:
    """Whether a step leaves in a cell what its next call can start from."""
    if type(end.new) is not Name or end.how == "kept":
        return end.how == "kept" or (end.new is None and empty)
    new = end.new
    return (new.shape, new.dtype, new.weak) == (first.shape, first.dtype, first.weak)


def extents(trace: "Trace") -> Any:
    """How much is in what has places, in short."""
    return [*map(len, trace.sized)], [*map(extent, trace.others)]


def look(trace: "Trace", now: list[Any]) -> dict[Name, Any]:
    """What the cells hold; MissedGuard if the program does not fit it."""
    trace.form.expect_as_captured()
    found = {}
    for end, value, empty in zip(trace.ends, now, trace.empty):
        found[end.old] = value = inner(value)
        if (value is None) is not empty:
            raise MissedGuard(f"{end.cell} held something, or nothing, when it was captured.")
        if end.old in trace.read:
            expect_fitting(end.old, value)
    return found


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
        return np.array(value, order="K") if read else np.empty(end.old.shape, end.old.dtype)
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
        put_back(chance)
        raise MissedGuard("a guard of a compiled function was missed. It is traced again.")
    return out


# book/speed/compile.md: What has to fit
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
            plain = end.old.weak or end.old.dtype == object or end.new is None
            commit(end.cell, value if plain else np.asarray(value))
    rest = iter(results)
    return tree_map(lambda variable: handed(next(rest), variable), trace.form.result)


# book/speed/compile.md: A trace, and many
class Trace:
    """One way through a function: its program, and the arrays that it works on."""

    def __init__(self, f: Fun, args: Any, exact: bool, memory: int | None, poison: bool) -> None:
        captured = capture(f, *args, expand=lambda primitive: primitive.composite)
        self.graph = graph = with_room(simplified(captured, exact, memory))
        held = [inner(cell.read()) for cell in graph.cells]
        self.form, self.plan = graph.form, plan_of(graph, *given(graph.form.arguments, args), *held)
        self.source, self.words = program(self.plan, exact, poison)
        self.arena = self.words.known["arena"] = arena_of(self.plan.size)
        exec(builtins.compile(self.source, "<compiled>", "exec"), self.words.known)
        self.ends, self.read = endings(self.plan), set(names_in([everything(graph)]))
        self.states, fixed = set(states_of(graph)), self.form.fixed
        self.seals = [(v, mark, noted) for _, v, noted in fixed if isinstance(v, np.ndarray)]
        self.seals += [(v, seal, noted) for v, noted in self.form.constants]
        places = [place[0] for place in (*self.form.ways, *fixed)]
        self.readers = [*map(reader, graph.cells), *(reader(cell, ABSENT) for cell in places)]
        holders = [holder for holder, _, _ in self.form.extents]
        self.sized = [h for h in holders if not isinstance(h, set | deque | StateCell)]
        self.others = [h for h in holders if isinstance(h, set | deque | StateCell)]
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


# book/speed/compile.md: A trace, and many
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


# book/speed/compile.md: A trace, and many
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
    return Compiled(f, exact, memory, traces, poison)
