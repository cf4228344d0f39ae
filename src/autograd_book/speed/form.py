"""How a graph is called.

A ``Form`` knows what the arguments of a graph look like, what a call relies
on, and how results go out.

::

    import numpy as np
    from autograd_book.speed.capture import capture

    graph = capture(lambda pair, mode: {"sum": pair[0] + pair[1]}, (np.ones(2), 1.0), "fast")
    print(graph.form.arguments)
    print(graph((np.zeros(2), 5.0), "fast"))
"""
# Generated from book/speed/form.md by autograd-book extract; edit the chapter, not this file.
# sha256: 81c435acffeb72752095215700d815e7e581f1421039cb9536972527eb7c6b2f

__all__ = [
    "PLAIN",
    "inner",
    "brief",
    "given",
    "expect_fitting",
    "commit",
    "overwrite",
    "no_way_back",
    "handed",
    "expect_way",
    "expect_extent",
    "expect_fixed",
    "expect_sealed",
    "single",
    "partition",
    "Form",
]


# book/speed/form.md: Arguments
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd_book.graph.errors import FreedGraphError
from autograd_book.graph.primitive import seal
from autograd_book.graph.record import Leaf
from autograd_book.graph.stack import as_constant, base
from autograd_book.graph.variable import Variable
from autograd_book.memory.repeat import TOLD, mark
from autograd_book.modes.trees import Tree, tree_map
from autograd_book.speed.cells import StateCell, chance, extent
from autograd_book.speed.equations import Graph, MissedGuard, Name, evaluate

PLAIN = (np.ndarray, np.memmap)  #: Arrays that compute as all arrays do.


def inner(value: Any) -> Any:
    """What is inside any number of Variables: a symbol or a constant."""
    while type(value) is Variable:
        value = value.value
    return value


# book/speed/form.md: Arguments
def brief(value: Any) -> str:
    """A value in a message: an array by its kind."""
    if isinstance(value, np.ndarray):
        return f"{value.dtype}[{','.join(map(str, value.shape))}]"
    return repr(value)


def given(arguments: Tree, args: Tree) -> list[Any]:
    """The values of arguments for the names of examples; MissedGuard if others differ."""
    found = []

    def match(name: Any, value: Any) -> None:
        if type(name) is Name:
            found.append(value)
        elif name is not value and not (isinstance(name, TOLD) and mark(name) == mark(value)):
            raise MissedGuard(
                f"a function captured for {brief(name)} was called with {brief(value)}. "
                "Capture it for that as well."
            )

    tree_map(match, arguments, args)
    return found


def expect_fitting(name: Name, value: Any) -> None:
    """Raise MissedGuard unless a value is of the kind that a name stands for."""
    weak = type(value) in (int, float)
    dtype = getattr(value, "dtype", np.dtype(type(value) if weak else object))
    foreign = isinstance(value, np.ndarray) and type(value) not in PLAIN
    if foreign or (weak, dtype, np.shape(value)) != (name.weak, name.dtype, name.shape):
        raise MissedGuard(
            f"a graph captured for {name.kind} was given {brief(value)}. Capture the function "
            "for that as well."
        )


# book/speed/form.md: What goes out
def commit(cell: StateCell, value: Any) -> None:
    """Leave a new value in a cell."""
    if isinstance(value, chance()):
        return  # it has moved on by itself
    if isinstance(cell.owner, Leaf) and value is not None:
        value = as_constant(np.array(value))
    elif isinstance(value, np.ndarray):
        value = value.copy()
    cell.write(value)


def overwrite(cell: StateCell, value: Any) -> None:
    """Write new numbers into the array in a cell."""
    np.copyto(cell.read(), value)


def no_way_back(g: Any) -> Any:
    """Raise FreedGraphError, where a gradient arrives at a result of a graph."""
    raise FreedGraphError(
        f"a gradient of shape {g.shape} was asked of a result of a captured or compiled function, "
        "which keeps nothing for the way back. Call .backward() inside of that function, or "
        "call the function itself."
    )


def handed(value: Any, kind: Any) -> Any:
    """A result as the program would have it, in memory of its own."""
    value = value.copy() if isinstance(value, np.ndarray) else value
    if kind != "recorded":
        return as_constant(value) if kind else value
    out = as_constant(value)
    out.node, out.record = Leaf(value.shape, value.dtype), base
    out.node.hooks = [no_way_back]
    return out


# book/speed/form.md: What was read on the way
def expect_way(cell: StateCell, value: Any) -> None:
    """Raise MissedGuard if a place leads to another object than before."""
    now = cell.read()
    empty = type(now) is type(value) and isinstance(now, list | dict) and not (now or value)
    if now is not value and not empty:
        raise MissedGuard(
            f"{cell} holds another {type(now).__name__} than when the function was "
            "captured. Capture it again."
        )


def expect_extent(holder: Any, noted: Any) -> None:
    """Raise MissedGuard if something has come or gone where places are."""
    if extent(holder) != noted:
        where = holder if isinstance(holder, StateCell) else f"a {type(holder).__name__}"
        raise MissedGuard(
            f"something was put into {where} or taken out since a function that can reach it "
            "was captured. Capture it again."
        )


def expect_fixed(cell: StateCell, value: Any, noted: Any) -> None:
    """Raise MissedGuard if a place that is no input has another content than its mark says."""
    now = cell.read()
    if (now is not value or isinstance(now, np.ndarray)) and mark(now) != noted:
        raise MissedGuard(
            f"{cell} holds {brief(now)}, and held {brief(value)} when the function "
            "was captured. Capture it again, or make it an argument."
        )


def expect_sealed(array: Any, noted: Any) -> None:
    """Raise MissedGuard if an array in an equation was written to."""
    if noted != seal(array):
        raise MissedGuard(
            f"an array of shape {array.shape} that is a constant of the graph was "
            "written to since. Capture the function again, or make it an argument."
        )


# book/speed/form.md: What was read on the way
def single() -> Any:
    """Kinds of values of which one may be in several places."""
    return (np.ndarray, *[chance()] * bool(chance()))


def partition(values: list[Any]) -> list[int]:
    """For each value the position of the first that is the same object; its own for numbers."""
    kinds, first = single(), dict[int, int]()
    return [
        first.setdefault(id(v), i) if isinstance(v, kinds) else i for i, v in enumerate(values)
    ]


# book/speed/form.md: A call
@dataclass(frozen=True)
class Form:
    """How a graph is called."""

    arguments: Tree  #: The examples, with names where other values may come.
    result: Tree  #: The result's form, with the `kind_of_result` of each leaf.
    ways: list[tuple[StateCell, Any]]  #: Places that lead to others, and what was there.
    extents: list[tuple[Any, Any, Any]]  #: What has places, how many, and members of sets.
    fixed: list[tuple[StateCell, Any, Any]]  #: Places that were read, what was there, and its mark.
    constants: list[tuple[Any, Any]]  #: Arrays in the equations, and their seals.
    shared: list[int]  #: Which cells held one array: the `partition` of what was in them.
    through: frozenset[StateCell]  #: Cells whose arrays are written to in place.

    def call(self, graph: Graph, args: Any) -> Any:
        """Evaluate a graph, hand out its results, and leave its state where it belongs."""
        held = [inner(cell.read()) for cell in graph.cells]
        self.expect_as_captured()
        arguments = given(self.arguments, args)
        self.expect_shared(held)
        self.expect_apart(arguments)
        values = [*arguments, *held]
        for name, value in zip(graph.inputs, values, strict=True):
            expect_fitting(name, value)
        out = evaluate(graph, *values)
        count = len(out) - len(held)
        ends = zip(graph.cells, values[len(values) - len(held):], out[count:], strict=True)
        for cell, before, value in ends:
            if value is not before:
                (overwrite if cell in self.through else commit)(cell, value)
        rest = iter(out[:count])
        return tree_map(lambda variable: handed(next(rest), variable), self.result)

    def expect_shared(self, held: list[Any]) -> None:
        """Raise MissedGuard if other cells than before hold one array."""
        if partition(held) != self.shared:
            raise MissedGuard(
                "places that held one array when a function was captured hold two, or the other "
                "way round. Capture it again."
            )

    def expect_apart(self, arguments: list[Any]) -> None:
        """Raise MissedGuard if an argument lies where a cell is written to."""
        for cell in self.through:
            if any(np.may_share_memory(cell.read(), array) for array in arguments):
                raise MissedGuard(
                    f"an argument shares memory with {cell}, into which the function writes. "
                    "Pass a copy."
                )

    def expect_as_captured(self) -> None:
        """Raise MissedGuard if a constant of the graph is another one now."""
        for cell, value in self.ways:
            expect_way(cell, value)
        for holder, noted, _ in self.extents:
            expect_extent(holder, noted)
        for cell, value, noted in self.fixed:
            expect_fixed(cell, value, noted)
        for array, noted in self.constants:
            expect_sealed(array, noted)
