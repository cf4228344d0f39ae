"""Lending.

``Loans`` are the arrays that a program works on, lent to the cells of its
state and counted.

::

    import numpy as np
    import autograd_book as ab

    v = ab.Variable(np.zeros(2))
    step = ab.compile(lambda: setattr(v, "value", v.value + 1.0))
    for _ in range(3):
        step()
    loans = step.traces[0].loans
    print(len(loans.own), "array lent, and nobody else has it:", v.value is loans.array(0))
"""
# Generated from book/speed/lending.md by autograd-book extract; edit the chapter, not this file.
# sha256: f5f25f3deee37a86ab68521a53e3f81080bc53968646585fe5d55efd2b1e0481

__all__ = [
    "Loans",
    "free_arrays",
    "array_for",
    "look",
    "in_rows",
    "adopt",
    "return_arrays",
    "hand_out",
    "lasting",
]


# book/speed/lending.md: Which arrays are lent
from sys import getrefcount
from typing import Any

import numpy as np

from autograd_book.graph.record import Leaf
from autograd_book.graph.stack import as_constant
from autograd_book.modes.trees import leaves, tree_map
from autograd_book.speed.capture import commit, expect_fitting, handed, inner, overwrite
from autograd_book.speed.cells import StateCell
from autograd_book.speed.equations import MissedGuard, Name, names_in
from autograd_book.speed.passes import everything
from autograd_book.speed.plan import MemoryPlan, link, states_of
from autograd_book.speed.program import Ending, Words, endings


# book/speed/lending.md: Which arrays are lent
class Loans:
    """The arrays that a program works on, and which of them are lent to cells.

    Parameters
    ----------
    plan : MemoryPlan
        Where the program has its values.
    words : Words
        Where it looks for its arrays.
    held : list
        What was in the cells when the program was made.
    """

    def __init__(self, plan: MemoryPlan, words: Words, held: list[Any]) -> None:
        self.plan, self.words = plan, words
        self.ends, self.states = endings(plan), set(states_of(plan.graph))
        self.through = plan.graph.form.through  #: Cells whose own arrays are written to.
        self.read = set(names_in([everything(plan.graph)]))
        self.empty = [value is None for value in held]
        self.generic = [isinstance(value, np.generic) for value in held]
        #: Which cells hold arrays of ours, and under which names.
        self.own = {k: e.old for k, e in enumerate(self.ends) if e.how in ("written", "copied")}
        self.handed = [(k, e) for k, e in enumerate(self.ends) if e.how == "handed"]
        self.arrays: dict[Name, Any] = {}
        self.holders: list[Any] = []  #: What was in the cells after the last call.
        self.lent: list[Any] = []  #: Our arrays, and then their holders.
        self.counts: list[int] = []  #: And how often they were referred to.

    def array(self, k: int) -> Any:
        """The array of ours that is lent to a cell."""
        return self.arrays[self.own[k]]

    def inside(self) -> list[StateCell]:
        """Where our arrays are, in cells that hold a Variable around them."""
        around = [self.holders[k] for k in self.own if self.holders[k] is not self.array(k)]
        return [StateCell(variable, "value", "state") for variable in around]

    def note(self) -> None:
        """Take what is in the cells for the order of things."""
        self.holders = [end.cell.read() for end in self.ends]
        self.lent = [*map(self.array, self.own), *map(self.holders.__getitem__, self.own)]


# book/speed/lending.md: Counting references
def free_arrays(loans: Loans) -> set[Name]:
    """Names of our own arrays that nobody but their cells refers to: as often as after the
    last call, and less often if they have left their cells."""
    # counted before anything else is asked, which would hold them as well
    counts = list(map(getrefcount, loans.lent))
    found, n = set(), len(counts) // 2
    for i, (k, name) in enumerate(loans.own.items() if counts else ()):
        holder, array = loans.holders[k], loans.arrays[name]
        gone = loans.ends[k].cell.read() is not holder
        out = gone if holder is array else inner(holder) is not array
        fewer = counts[n + i] <= loans.counts[n + i] - gone
        if fewer and counts[i] <= loans.counts[i] - out:
            found.add(name)
    return found


# book/speed/lending.md: Taking over
def array_for(loans: Loans, end: Ending, value: Any, free: bool) -> Any:
    """The array to work on for one cell, with the cell's numbers if they are read."""
    if end.how == "kept" or end.cell in loans.through:
        return value
    read = end.old in loans.read
    if not free:
        order: Any = "C" if end.old in loans.plan.rowwise else "K"
        return np.array(value, order=order) if read else np.empty(end.old.shape, end.old.dtype)
    if read and value is not loans.arrays[end.old]:
        np.copyto(loans.arrays[end.old], value)
    return loans.arrays[end.old]


# book/speed/lending.md: Taking over
def look(loans: Loans) -> dict[Name, Any]:
    """What the cells hold; MissedGuard if the program does not fit it."""
    found = {}
    for end, empty in zip(loans.ends, loans.empty):
        found[end.old] = value = inner(end.cell.read())
        if (value is None) is not empty:
            raise MissedGuard(f"{end.cell} held something, or nothing, when it was captured.")
        if not empty and end.old in loans.read:
            expect_fitting(end.old, value)
            foreign = end.how == "kept" or end.cell in loans.through
            if end.old in loans.plan.rowwise and foreign and not in_rows(value):
                raise MissedGuard(f"{end.cell} holds an array of another order than when captured.")
    return found


def in_rows(value: Any) -> bool:
    """Whether the numbers of a value lie row by row."""
    return not isinstance(value, np.ndarray) or value.flags.c_contiguous


def adopt(loans: Loans, arena: Any) -> None:
    """Work on the arrays of cells that are only read, and on arrays of our own for those
    that are written; MissedGuard if the program does not fit them."""
    free = free_arrays(loans)
    values, before = look(loans), dict(loans.arrays)
    loans.plan.graph.form.expect_shared([inner(end.cell.read()) for end in loans.ends])
    for end in loans.ends:
        if end.old in loans.states:
            loans.arrays[end.old] = array_for(loans, end, values[end.old], end.old in free)
    moved = any(before.get(name) is not array for name, array in loans.arrays.items())
    if moved or not loans.holders:
        found = link(loans.plan, loans.arrays, arena)
        loans.words.known.update({loans.words.of[name]: a for name, a in found.items()})
        for tell in loans.words.links:
            tell(found)


# book/speed/lending.md: What a call leaves
def return_arrays(loans: Loans) -> None:
    """Put our arrays into their cells, where they are not there."""
    for k in loans.own:
        cell, array = loans.ends[k].cell, loans.array(k)
        there = cell.read()
        if inner(there) is not array or loans.holders and there is not loans.holders[k]:
            cell.write(as_constant(array) if isinstance(cell.owner, Leaf) else array)


def hand_out(loans: Loans, result: Any, out: Any) -> Any:
    """The results of a call, and new values of cells in their places."""
    if not out:
        return result
    count = len(leaves(result))
    for (k, end), value in zip(loans.handed, out[count:], strict=True):
        plain = end.old.weak or end.old.dtype == object or end.new is None or loans.generic[k]
        leave = overwrite if end.cell in loans.through else commit
        leave(end.cell, value if plain else np.asarray(value))
    rest = iter(out[:count])
    return tree_map(lambda variable: handed(next(rest), variable), result)


# book/speed/lending.md: What a call leaves
def lasting(end: Ending, first: Name, empty: bool) -> bool:
    """Whether a step leaves in a cell what its next call can start from."""
    if type(end.new) is not Name or end.how == "kept":
        return end.how == "kept" or (end.new is None and empty)
    new = end.new
    return (new.shape, new.dtype, new.weak) == (first.shape, first.dtype, first.weak)
