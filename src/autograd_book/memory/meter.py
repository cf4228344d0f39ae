"""The meter.

::

    import numpy as np
    import autograd_book as ab
    from autograd_book.memory.meter import metering

    layer = ab.nn.Linear(64, 32, rng=0)
    with metering(layer) as books:
        np.mean(np.tanh(layer(np.ones((100, 64), np.float32)))).backward()
    print([span.place.name for span in books.spans])
"""
# Generated from book/memory/meter.md by autograd-book extract; edit the chapter, not this file.
# sha256: f65435a86a96c00ba8bcf4fef9a2dfa98f93beb4cc389e83690c9cbdc280b7b4

__all__ = [
    "role_of",
    "cotangents_of",
    "Meter",
    "MeterBusyError",
    "parameters_of",
    "introduce",
    "watched",
    "above",
    "metering",
]


# book/memory/meter.md: Both doors
import sys
from typing import Any

from autograd_book.graph.backward import fit, walk
from autograd_book.graph.interpreter import Interpreter
from autograd_book.graph.primitive import Primitive
from autograd_book.graph.record import Leaf, Node
from autograd_book.graph.variable import Variable
from autograd_book.memory.books import (
    BEFORE, Books, Place, Reference, caller, place, role_on_arrival,
)
from autograd_book.stability.precision import nodes_of


def role_of(argument: Any) -> str:
    """What an argument is for, if it was never seen before."""
    if type(argument) is not Variable:
        return "input"
    while type(argument) is Variable:
        if isinstance(argument.node, Leaf):
            return "parameter"
        argument = argument.value
    return "temporary"


# book/memory/meter.md: Both doors
def cotangents_of(frame: Any) -> Any:
    """The table of cotangents in the frame of a walk; empty for any other frame."""
    if frame.f_code is not walk.__code__:
        return {}
    found = frame.f_locals
    table = found["cotangents"]
    if type(found) is dict:  # a copy, up to Python 3.12, that would keep arrays alive
        found.clear()
    return table


# book/memory/meter.md: Both doors
class Meter(Interpreter):
    """Enters what goes through both doors into the books."""

    __slots__ = ("books",)

    def __init__(self, below: Interpreter, books: Books) -> None:
        super().__init__(below)
        self.books = books

    def under(self, level: Any) -> tuple[Interpreter, Interpreter]:
        """Stay on top of a new level, so as to see what it makes."""
        below, made = self.below.under(level)
        return Meter(below, self.books), made

    def bind(self, primitive: Primitive, args: Any, params: dict[str, Any]) -> Any:
        """Apply a primitive; enter its arguments, its result, and what is saved of them."""
        books, where = self.books, caller()
        if books.closed:  # a checkpoint runs again on the stack that it was called on
            return self.below.bind(primitive, args, params)
        books.begin()
        sources = [b for a in args if (b := books.find(a, role_of(a)))]
        for buffer in sources:
            buffer.uses += 1
        books.start(place(primitive.name, *where))
        books.end()
        try:
            out = self.below.bind(primitive, args, params)
            books.begin()
            made = books.find(out, "temporary")
            if made is not None and books.is_new(made) and type(out) is Variable:
                made.sources = sources
            for node in nodes_of(out):
                books.keep(node)
            del sources  # while the accounts are open, so that it counts as theirs
            books.end()
        finally:
            books.stop()
        return out

    def pull(self, node: Node, g: Any) -> Any:
        """Pull a cotangent; enter what was read, and what came of it."""
        books, table = self.books, cotangents_of(sys._getframe(1))
        if books.closed:
            return self.below.pull(node, g)
        books.begin()
        books.table = table
        books.find(g, "cotangent")
        for value in node.saved:
            if buffer := books.find(value, "temporary"):
                buffer.uses, buffer.read = buffer.uses + 1, True
        plan: Any = node.plan
        line = books.kept[node.index][2].line if node.index in books.kept else BEFORE
        books.start(Place(plan.primitive.name, "backward", line))
        books.end()
        try:
            raw = self.below.pull(node, g)
            parts = [fit(p, t, node) for p, t in zip(raw, node.inputs, strict=True)]
            books.begin()
            for part in raw:
                books.find(part, "temporary")
            for target, part in zip(node.inputs, parts):
                books.find(part, role_on_arrival(target))
            books.arriving.update(t for t in node.inputs if isinstance(t, Leaf))
            books.due = node.inputs  # where the walk is about to add the parts
            books.pulled = Reference(node, None, node.index)
            books.end()
        finally:
            books.stop()
        return parts


# book/memory/meter.md: Around a block
import tracemalloc
from collections.abc import Callable, Iterator

from autograd_book.graph.errors import AutogradError, DifferentiationTypeError, described
from autograd_book.graph.stack import push
from autograd_book.learn.nn import leaves
from autograd_book.learn.optim import Optimizer


class MeterBusyError(AutogradError, RuntimeError):
    """A second account of memory while a first is being kept."""


def parameters_of(owner: Any) -> list[Variable]:
    """The parameters in an owner: a network, an optimiser, a Variable, or a container."""
    if isinstance(owner, Optimizer):
        return owner.parameters
    found = [variable for _, variable in leaves(owner, "", set())]
    if not found:
        raise DifferentiationTypeError(
            f"memory_profile was given {described(owner)}, in which there is no parameter. "
            "Give it networks, optimisers, Variables that require a gradient, or lists of "
            "these."
        )
    return found


# book/memory/meter.md: Around a block
def introduce(books: Books, owner: Any) -> None:
    """Enter what an owner holds."""
    for parameter in parameters_of(owner):
        books.find(parameter, "parameter")
        leaf: Any = parameter.node
        books.find(leaf.grad, "gradient")
    for state in owner.state if isinstance(owner, Optimizer) else ():
        for array in state.values():
            books.find(array, "optimizer state")


# book/memory/meter.md: Around a block
def watched(optimizer: Optimizer, books: Books) -> Callable[..., None]:
    """The method ``update`` of an optimiser, with an entry before and after it."""
    update = optimizer.update

    def applied(value: Any, gradient: Any, state: Any) -> None:
        where = caller()
        books.begin()
        books.find(value, "parameter")
        books.start(place(type(optimizer).__name__, *where))
        books.end()
        try:
            update(value, gradient, state)
            books.begin()
            for array in state.values():
                books.find(array, "optimizer state")
            books.end()
        finally:
            books.stop()

    return applied


# book/memory/meter.md: Around a block
class above(push):
    """As `push`, with the level on the very top."""

    def onto(self, stack: Interpreter) -> tuple[Interpreter, Any]:
        """The level on the stack, and the level."""
        level = self.level(stack, *self.args)
        return level, level


class metering:
    """Context manager that accounts for the memory of what is computed inside of it.

    Parameters
    ----------
    *owners : Module, Optimizer, Variable, or list or iterator of these
        Whose arrays are parameters and optimizer state. Without them parameters are known
        once a primitive takes them.

    Returns
    -------
    Books
        From ``with metering() as books``; complete when the block is left, also by an
        error.

    Raises
    ------
    DifferentiationTypeError
        If an owner has no parameters.
    MeterBusyError
        If ``tracemalloc`` is at work already, for another meter or for the program: it
        keeps one account for the process.
    """

    def __init__(self, *owners: Any) -> None:
        # what network.parameters() gives can be gone through once
        self.owners = [list(o) if isinstance(o, Iterator) else o for o in owners]
        for owner in self.owners:
            parameters_of(owner)

    def __enter__(self) -> Any:
        if tracemalloc.is_tracing():
            raise MeterBusyError(
                "memory_profile was entered while tracemalloc is at work, which keeps one "
                "account for the process. Leave the other profile first, or call "
                "tracemalloc.stop()."
            )
        self.books = Books()
        tracemalloc.start()
        self.books.begin()
        for owner in self.owners:
            introduce(self.books, owner)
        self.optimizers = {o for o in self.owners if isinstance(o, Optimizer)}
        for optimizer in self.optimizers:
            vars(optimizer)["update"] = watched(optimizer, self.books)
        self.block = above(Meter, self.books)
        self.block.__enter__()
        self.books.end()
        return self.books

    def __exit__(self, *error: object) -> None:
        for optimizer in self.optimizers:
            del vars(optimizer)["update"]
        self.books.finish()
        tracemalloc.stop()
        self.block.__exit__(*error)
