"""Capture.

One run of a function on symbols writes down each primitive: forward, backward
and update alike.

::

    import numpy as np
    import autograd_book as ab
    from autograd_book.speed.capture import capture

    graph = capture(ab.grad(lambda x: np.sum(np.tanh(x) ** 2)), np.ones(3))
    print(graph)
    print(graph(np.zeros(3)))
"""
# Generated from book/speed/capture.md by autograd-book extract; edit the chapter, not this file.
# sha256: 6ab81ad68e065c2b5a9a470325300e2fce8bc1400022863480cd3cbe6af3d2b6

__all__ = [
    "commit",
    "expect_fitting",
    "given",
    "handed",
    "inner",
    "overwrite",
    "NUMBER",
    "named",
    "entered",
    "Stream",
    "shut",
    "expect_place",
    "expect_unwritten",
    "unchanged",
    "members_of",
    "lost",
    "State",
    "ColdCacheError",
    "expect_warm",
    "written_through",
    "expect_members",
    "expect_disjoint",
    "left_by",
    "fixed_by",
    "constants_of",
    "expect_ours",
    "expect_unchanged",
    "kind_of_result",
    "chance_in",
    "expect_still",
    "traced",
    "capture",
]


# book/speed/capture.md: What takes a value's place
import random
from collections import deque
from collections.abc import Iterator
from io import IOBase
from typing import Any

import numpy as np

from autograd_book.graph.primitive import seal, unwritable
from autograd_book.graph.record import Leaf
from autograd_book.graph.stack import Fun, as_constant, base, push
from autograd_book.graph.variable import Variable
from autograd_book.memory.repeat import (
    TOLD, same_state, global_source, mark, sources_of_chance, state_of,
)
from autograd_book.modes.transforms import expect_function
from autograd_book.modes.trees import Tree, leaves, tree_map
from autograd_book.speed.cells import StateCell, cells_of, chance, extent, followed, walked
from autograd_book.speed.draws import drawn
from autograd_book.speed.equations import Graph, Name
from autograd_book.speed.form import PLAIN, Form, partition, single
from autograd_book.speed.form import commit as commit
from autograd_book.speed.form import expect_fitting as expect_fitting
from autograd_book.speed.form import given as given
from autograd_book.speed.form import handed as handed
from autograd_book.speed.form import inner as inner
from autograd_book.speed.form import overwrite as overwrite
from autograd_book.speed.symbols import Capture, CaptureError, Symbol


NUMBER = (int, float, np.number)  #: What may be counted from call to call.


def named(value: Any) -> Any:
    """The name of a symbol, or of a generator's state; a constant as it is."""
    value = inner(getattr(value, "symbol", value) if isinstance(value, chance()) else value)
    return value.name if type(value) is Symbol else value


def entered(value: Any, level: Capture) -> Any:
    """What takes the place of an array, a number, a generator, or of nothing."""
    if isinstance(value, chance()):
        return drawn(value, level)
    if isinstance(value, np.ndarray) and type(value) not in PLAIN:
        raise CaptureError(
            f"a {type(value).__name__} has rules of its own, which a graph does not know. Pass "
            "what is in it, as with np.asarray(x) or x.filled(0)."
        )
    if isinstance(value, np.ndarray | np.generic) or type(value) in (int, float, type(None)):
        return level.symbol(value)
    return value


# book/speed/capture.md: What takes a value's place
class Stream:
    """What stands in the place of an iterator while a function is captured."""

    __slots__ = ()

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        raise CaptureError(
            "the next value of an iterator was asked for in a captured function, and would be "
            "the same in every later call. Pass that value as an argument."
        )


def shut(value: Any) -> Any:
    """A Stream for an iterator whose state nobody can read; anything else as it is."""
    hidden = isinstance(value, Iterator) and not isinstance(value, IOBase) and not followed(value)
    return Stream() if hidden else value


# book/speed/capture.md: State goes in and comes out
def expect_place(cell: StateCell, value: Any) -> None:
    """Raise CaptureError for state that the calls of a graph could not leave in its place."""
    if isinstance(cell.owner, list) or cell.kind == "way":
        raise CaptureError(
            f"a captured function put a new {type(value).__name__} into {cell}, which "
            "would be that of the first call ever after. Return it, or change in place what "
            "is there."
        )


def expect_unwritten(cell: StateCell, was: Any, marks: dict[StateCell, Any]) -> None:
    """Raise CaptureError if an array that is no input of the graph was written to in place."""
    if isinstance(was, np.ndarray) and cell in marks and mark(was) != marks[cell]:
        raise CaptureError(
            f"{cell}, an array of shape {was.shape} and dtype {was.dtype}, was written to by a "
            "captured function, and the graph takes it for a constant. Make it floating point, "
            "or return what it becomes."
        )


# book/speed/capture.md: State goes in and comes out
def unchanged(was: Any, value: Any, cells: Any) -> bool:
    """Whether a place has in it what it had; a new container may take the place of another
    if both were empty."""
    if was is value or type(was) is not type(value):
        return was is value
    if isinstance(was, list | dict):
        return not value and not any(cell.owner is was for cell in cells)
    return isinstance(was, TOLD) and was == value


# book/speed/capture.md: State goes in and comes out
def members_of(holder: Any) -> Any:
    """What is to be put back into a list, a dictionary, a set or a queue."""
    return holder.copy() if isinstance(holder, list | dict | set | deque) else ()


def lost(holder: Any, noted: Any) -> bool:
    """Whether something was taken out since an extent was noted; of sets, or put in."""
    if isinstance(holder, list):
        return len(holder) < noted
    if isinstance(holder, dict):
        return not holder.keys() >= set(noted)
    return isinstance(holder, set | deque) and extent(holder) != noted


# book/speed/capture.md: State goes in and comes out
class State:
    """What a function keeps between calls, with symbols in its place while it is captured.

    Parameters
    ----------
    reached : tuple
        The function and its arguments, from which everything is found.
    moving : set of StateCell
        Numbers that an earlier run has changed.
    """

    def __init__(self, reached: tuple[Any, ...], moving: set[StateCell]) -> None:
        self.reached = reached
        cells, self.seen, holders = walked(reached)
        self.extents = [(h, extent(h), members_of(h)) for h in holders]
        self.before = {cell: cell.read() for cell in cells}
        self.names: dict[StateCell, Name] = {}
        self.handles: dict[StateCell, Any] = {}  #: Symbols of arrays that others may hold too.
        self.entering = [
            cell for cell in self.before
            if (cell.kind not in ("fixed", "way") or cell in moving) and cell.open()
        ]
        self.marks = {c: mark(v) for c, v in self.before.items() if c not in set(self.entering)}

    def enter(self, level: Capture) -> None:
        """Put symbols into the cells, one for each array."""
        known: dict[int, Any] = {}
        for cell in self.entering:
            value = self.before[cell]
            handle = entered(inner(value), level)
            self.names[cell] = named(handle)
            if isinstance(inner(value), single()):  # equal numbers are two
                handle = known.setdefault(id(inner(value)), handle)
            if isinstance(value, np.ndarray) and not isinstance(cell.owner, Variable | Leaf):
                self.handles[cell] = handle
            if value is not None:
                cell.write(as_constant(handle) if type(value) is Variable else handle)
        for cell, value in self.before.items():
            if shut(value) is not value and cell.open():
                cell.write(shut(value))

    def restore(self) -> None:
        """Put back what was in the cells."""
        for holder, noted, members in self.extents:
            if lost(holder, noted):
                holder.clear()
                (holder.extend if isinstance(holder, list | deque) else holder.update)(members)
        for cell, value in self.before.items():
            if cell.read() is not value:
                cell.write(value)
        for cell in cells_of(*self.reached):
            if cell not in self.before and id(cell.owner) in self.seen:
                cell.clear()


# book/speed/capture.md: State goes in and comes out
class ColdCacheError(CaptureError):
    """A function that keeps its results was called for new arguments while captured."""


def expect_warm(state: State) -> None:
    """Raise ColdCacheError if a cache has got a result of this run, which may be a symbol."""
    caches = [(h, noted) for h, noted, _ in state.extents if hasattr(h, "cache_info")]
    for cache in [h for h, noted in caches if extent(h) != noted]:
        cache.cache_clear()
        raise ColdCacheError(
            f"{cache.__name__}, which keeps its results, was called for new arguments by a "
            "captured function. Call the function once as it is, before it is captured."
        )


# book/speed/capture.md: State goes in and comes out
def written_through(state: State) -> frozenset[StateCell]:
    """Places whose array was written to in place, so that all who hold it see that."""
    moved = {cell: handle for cell, handle in state.handles.items() if handle.version}
    for cell, handle in moved.items():
        if not any(other.read() is handle for other in moved):
            raise CaptureError(
                f"{cell} was written to in place by a captured function, and then given another "
                "array. Do one of the two."
            )
    return frozenset(moved)


# book/speed/capture.md: State goes in and comes out
def expect_members(state: State) -> None:
    """Raise CaptureError if a set or a queue has other members now, or a list fewer."""
    for holder, noted, _ in state.extents:
        if lost(holder, noted):
            raise CaptureError(
                f"a captured function put something into a {type(holder).__name__}, or took "
                "it out, which no later call would do. Do that outside of the function."
            )


def expect_disjoint(state: State, after: list[Any]) -> None:
    """Raise CaptureError if a place was written to whose memory is part of another's."""
    arrays = {c: v for c in state.names if isinstance(v := inner(state.before.get(c)), np.ndarray)}
    views = {c for c, v in arrays.items() if not v.flags.owndata}
    ends = zip(state.names.items(), after, strict=True)
    moved = [c for (c, name), new in ends if new is not name and c in arrays and views]
    for cell in [c for c in moved if not isinstance(c.owner, Variable | Leaf)]:  # those do not lend
        for other, array in arrays.items():
            apart = array is arrays[cell] or not {cell, other} & views
            if not apart and np.shares_memory(array, arrays[cell]):
                raise CaptureError(
                    f"{cell} was written to by a captured function, and shares memory with "
                    f"{other}, which a graph knows as another array. Keep one of them, and make "
                    "the other from it in the function."
                )


def left_by(state: State, level: Capture) -> tuple[list[Any], set[StateCell]]:
    """Names of what is in the cells at the end, and numbers that the run has changed."""
    after = {cell: cell.read() for cell in cells_of(*state.reached)}
    moved = set()
    for cell, value in after.items():
        was = state.before.get(cell)
        expect_unwritten(cell, was, state.marks)
        if id(cell.owner) not in state.seen or cell in state.names or type(value) is Stream:
            continue
        if not unchanged(was, value, state.before):
            if isinstance(was, NUMBER) and type(was) is not bool and was is not value:
                moved.add(cell)
            expect_place(cell, value)
            state.names[cell] = level.symbol(None).name
    return [
        name if after.get(cell) is None is state.before.get(cell) else named(after.get(cell))
        for cell, name in state.names.items()
    ], moved


def fixed_by(state: State) -> list[tuple[StateCell, Any, Any]]:
    """What each call has to find as it was."""
    entered = set(state.entering)
    known = [c for c in (*state.before, *state.names) if c not in entered and c.kind != "way"]
    nothing = mark(None)
    return [(c, state.before.get(c), state.marks.get(c, nothing)) for c in dict.fromkeys(known)]


# book/speed/capture.md: The function
def constants_of(level: Capture) -> list[tuple[Any, Any]]:
    """Arrays that equations hold by reference and somebody could write to, with their seals."""
    parts = [(e.args, list(e.params.values())) for e in level.equations]
    arrays = {id(v): v for v in leaves(parts) if isinstance(v, np.ndarray) and not unwritable(v)}
    return [(v, seal(v)) for v in arrays.values()]


def expect_ours(tree: Tree, level: Capture) -> None:
    """Raise CaptureError for a symbol of another capture, in which this one would be lost."""
    if any(type(v := inner(leaf)) is Symbol and not level.mine(v) for leaf in leaves(tree)):
        raise CaptureError(
            "capture was called inside of a function that is captured, with what is computed "
            "there. Call the function itself; its equations become part of the outer graph."
        )


def expect_unchanged(arguments: Tree) -> None:
    """Raise CaptureError if an argument was written to in place."""
    for leaf in leaves(arguments):
        if type(leaf) is Symbol and leaf.version:
            raise CaptureError(
                f"a captured function wrote into an argument of shape {leaf.shape} in place, "
                "which the calls of a graph leave alone. Write into a copy, and return it."
            )


def kind_of_result(value: Any) -> Any:
    """False for what is no Variable, True for a constant one, else "recorded"."""
    variable = type(value) is Variable
    return "recorded" if variable and value.node is not None else variable


def chance_in(reached: Any) -> Any:
    """Generators that can be reached, with their states, and Python's own."""
    sources = (*sources_of_chance(reached), global_source())
    own = [v for v in walked(reached)[1].values() if isinstance(v, random.Random)]
    numpys = [(v, state_of(v)) for v in sources if v is not None]
    pythons: list[Any] = [random, *own]
    return numpys, [(v, v.getstate()) for v in pythons]


def expect_still(before: Any) -> None:
    """Raise CaptureError if a generator has moved that the graph does not know."""
    known, python = before
    moved = any(not same_state(state_of(source), was) for source, was in known)
    if moved or any(source.getstate() != was for source, was in python):
        raise CaptureError(
            "a captured function drew random numbers from a generator that the graph does not "
            "know, and every call would get the same. Draw from np.random.default_rng(seed), "
            "kept in a variable or an attribute, or passed as an argument."
        )


# book/speed/capture.md: The function
def traced(f: Fun, examples: Any, moving: set[StateCell], expand: Any) -> Graph | None:
    """The graph of one run; None if the run changed numbers that it took for constants, which
    are then among those that move."""
    state, before = State((f, *examples), moving), chance_in((f, *examples))
    with push(Capture, expand, at="bottom") as level:
        arguments = tree_map(lambda v: entered(v, level), examples)
        taken = tree_map(lambda v: v if type(v) is Variable else named(v), arguments)
        try:
            state.enter(level)
            result = f(*tree_map(shut, arguments))
            expect_ours((examples, result), level)
            expect_unchanged(arguments)
            outcome = list(map(named, leaves(result)))
            after, moved = left_by(state, level)
            expect_members(state)
            expect_warm(state)
            expect_disjoint(state, after)
            through = written_through(state)
        finally:
            state.restore()
    if not moved <= moving:
        moving |= moved
        return None
    expect_still(before)
    variables = tree_map(kind_of_result, result)
    ways = [(cell, value) for cell, value in state.before.items() if cell.kind == "way"]
    sets = [(h, noted, members_of(h) if isinstance(h, set | deque) else ()) for h, noted, _ in state.extents]
    shared = partition([inner(state.before.get(cell)) for cell in state.names])
    form = Form(
        taken, variables, ways, sets, fixed_by(state), constants_of(level), shared, through
    )
    inputs = *(v for v in leaves(taken) if type(v) is Name), *state.names.values()
    return Graph(
        inputs, tuple(level.equations), (*outcome, *after), tuple(level.guards.values()),
        tuple(state.names), form,
    )


# book/speed/capture.md: The function
def capture(f: Fun, *examples: Tree, expand: Any = None) -> Graph:
    """The graph of what a function does with arguments like the examples.

    Parameters
    ----------
    f : callable
        Any function of arrays, numbers and trees of them.
    *examples : tree
        Arguments as it will be called with. It is run once; its state is as before
        afterwards.
    expand : callable, optional
        Whether a primitive shall be written as what its function does.

    Returns
    -------
    Graph
        Called like `f`, it does what `f` would do, or raises `MissedGuard` and does nothing.

    Raises
    ------
    CaptureError
        If `f` asks for what a graph cannot say: a plain number, a draw from a generator that
        cannot be found, the next value of an iterator, a list that grows, an argument
        written to in place.

    Notes
    -----
    Regions around the call, such as `no_grad` or `autocast`, are those of the capture. While
    `f` runs, its state holds symbols: other threads have to leave it alone.
    """
    expect_function(f, "capture")
    moving: set[StateCell] = set()
    while (found := traced(f, examples, moving, expand)) is None:
        pass
    return found
