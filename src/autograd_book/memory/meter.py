"""The meter.

``metering`` is a context manager. It is given the networks and optimisers
whose arrays it should know by name, and leaves filled books behind.

::

    import numpy as np
    import autograd_book as ab
    from autograd_book.memory.meter import metering

    layer = ab.nn.Linear(64, 32, rng=0)
    with metering(layer) as books:
        np.mean(np.tanh(layer(np.ones((100, 64), np.float32)))).backward()
    print(sorted({b.kinds[-1][1] for b in books.buffers}))
    print([span.place.name for span in books.activity.spans])
"""
# Generated from book/memory/meter.md by autograd-book extract; edit the chapter, not this file.
# sha256: e22bf1785dfaba3201e9139c99cc2a80f01b435780c4f66ef7c4ad3440c2d5ba

__all__ = [
    "role_of",
    "role_on_arrival",
    "Savings",
    "cotangents_of",
    "Arrivals",
    "enter_arguments",
    "enter_result",
    "enter_taken",
    "enter_parts",
    "Meter",
    "parameters_of",
    "introduce",
    "watched",
    "MeterBusyError",
    "expect_free_account",
    "above",
    "close_meter",
    "metering",
]


# book/memory/meter.md: What an argument is for
import sys
import weakref
from functools import partial
from typing import Any

from autograd_book.graph.backward import fit, walk
from autograd_book.graph.interpreter import Interpreter
from autograd_book.graph.primitive import Primitive
from autograd_book.graph.record import FREED, Leaf, Node
from autograd_book.graph.variable import Variable
from autograd_book.memory.books import (
    BEFORE, Books, Buffer, Place, caller, find, place_of, start, stop,
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


# book/memory/meter.md: What an argument is for
def role_on_arrival(target: Node) -> str:
    """What the cotangent of a node is for."""
    return "gradient" if isinstance(target, Leaf) else "cotangent"


# book/memory/meter.md: What nodes have saved
class Savings:
    """Which buffers the nodes have saved, until they let go of them."""

    def __init__(self, books: Books) -> None:
        self.books = books
        #: By index of the node: a weak reference to it, the buffers, and where it was made.
        self.nodes: dict[int, tuple[Any, list[Buffer], Place]] = {}

    def keep(self, node: Node) -> None:
        """Note what a node has saved."""
        saved: Any = node.saved
        values = saved if type(saved) is tuple else saved.arrays()
        buffers = [b for value in values if (b := find(self.books, value, "temporary"))]
        for buffer in buffers:
            self.books.turn(buffer, savers=+1)
        reference = weakref.ref(node, partial(self.release, node.index))
        self.nodes[node.index] = reference, buffers, self.books.activity.place

    def release(self, index: int, _: Any = None) -> None:
        """Note that a node has let go of what it saved, or died."""
        with self.books.gauge:
            _, buffers, _ = self.nodes.pop(index, (None, (), None))
            for buffer in buffers:
                self.books.turn(buffer, savers=-1)

    def place_of(self, node: Node) -> Place:
        """Where the way back through a node belongs."""
        plan: Any = node.plan
        line = self.nodes[node.index][2].line if node.index in self.nodes else BEFORE
        return Place(plan.primitive.name, "backward", line)


# book/memory/meter.md: What the walk does by itself
def cotangents_of(frame: Any) -> Any:
    """The table of cotangents in the frame of a walk; empty for any other frame."""
    if frame.f_code is not walk.__code__:
        return {}
    names = frame.f_locals
    table = names["cotangents"]
    if type(names) is dict:  # a copy, up to Python 3.12, that would keep arrays alive
        names.clear()
    return table


# book/memory/meter.md: What the walk does by itself
class Arrivals:
    """What a walk leaves behind between the doors."""

    def __init__(self, books: Books, savings: Savings) -> None:
        self.books, self.savings = books, savings
        books.news.append(self.look)
        self.pulled: Any = None  #: Weak reference to the node that was pulled last.
        #: Table of the walk, and the nodes to which it adds what was pulled last.
        self.cotangents: Any = {}
        self.due: Any = ()
        #: Leaves that a cotangent has reached, and that have no new gradient yet.
        self.leaves: weakref.WeakSet[Leaf] = weakref.WeakSet()

    def follow(self, node: Node) -> None:
        """Remember what the walk is about to change."""
        self.pulled, self.due = weakref.ref(node), node.inputs
        self.leaves.update(t for t in node.inputs if isinstance(t, Leaf))

    def forget(self) -> None:
        """Let go of the walk."""
        self.pulled, self.cotangents, self.due = None, {}, ()
        self.leaves.clear()

    def look(self) -> None:
        """Enter what it has changed."""
        node = self.pulled and self.pulled()
        if node is not None and node.saved is FREED:
            self.savings.release(node.index)
        for target in self.due:
            find(self.books, self.cotangents.get(target), role_on_arrival(target))
        for leaf in list(self.leaves):
            gradient = find(self.books, leaf.grad, "gradient")
            if gradient is not None and gradient.born == self.books.date:
                self.leaves.discard(leaf)


# book/memory/meter.md: What goes in and what comes out
def enter_arguments(books: Books, args: Any) -> list[Buffer]:
    """Enter what a primitive is about to take."""
    sources = [b for a in args if (b := find(books, a, role_of(a)))]
    for buffer in sources:
        buffer.uses += 1
    return sources


def enter_result(savings: Savings, out: Any, sources: list[Buffer]) -> None:
    """Enter what it has made, and what was saved of it."""
    books = savings.books
    made = find(books, out, "temporary")
    if made is not None and made.born == books.date and type(out) is Variable:
        made.sources = sources
    for node in nodes_of(out):
        savings.keep(node)


# book/memory/meter.md: What goes in and what comes out
def enter_taken(arrivals: Arrivals, node: Node, g: Any, table: Any) -> None:
    """Enter what a rule is about to take, in a walk with a table of cotangents."""
    arrivals.cotangents = table
    find(arrivals.books, g, "cotangent")
    for value in node.saved:
        if buffer := find(arrivals.books, value, "temporary"):
            buffer.uses, buffer.read = buffer.uses + 1, True


def enter_parts(arrivals: Arrivals, node: Node, raw: Any, parts: Any) -> None:
    """Enter what it has made, and what of that will go on."""
    for part in raw:
        find(arrivals.books, part, "temporary")
    for target, part in zip(node.inputs, parts):
        find(arrivals.books, part, role_on_arrival(target))
    arrivals.follow(node)


# book/memory/meter.md: What goes in and what comes out
class Meter(Interpreter):
    """Enters what goes through both doors into the books."""

    __slots__ = ("books", "savings", "arrivals")

    def __init__(self, below: Interpreter, savings: Savings, arrivals: Arrivals) -> None:
        super().__init__(below)
        self.books, self.savings, self.arrivals = savings.books, savings, arrivals

    def under(self, level: Any) -> tuple[Interpreter, Interpreter]:
        """Stay on top of a new level, so as to see what it makes."""
        below, made = self.below.under(level)
        return Meter(below, self.savings, self.arrivals), made

    def bind(self, primitive: Primitive, args: Any, params: dict[str, Any]) -> Any:
        """Apply a primitive; enter its arguments, its result, and what is saved of them."""
        if self.books.closed:  # a checkpoint runs again on the stack of its call
            return self.below.bind(primitive, args, params)
        with self.books:
            sources = enter_arguments(self.books, args)
            start(self.books, place_of(primitive.name, *caller()))
        try:
            out = self.below.bind(primitive, args, params)
            with self.books:
                enter_result(self.savings, out, sources)
                del sources  # while they are open, so that it counts as theirs
        finally:
            stop(self.books)
        return out

    def pull(self, node: Node, g: Any) -> Any:
        """Pull a cotangent; enter what was read, and what came of it."""
        if self.books.closed:
            return self.below.pull(node, g)
        with self.books:
            enter_taken(self.arrivals, node, g, cotangents_of(sys._getframe(1)))
            start(self.books, self.savings.place_of(node))
        try:
            raw = self.below.pull(node, g)
            parts = [fit(p, t, node) for p, t in zip(raw, node.inputs)] or raw
            with self.books:
                enter_parts(self.arrivals, node, raw, parts)
        finally:
            stop(self.books)
        return parts


# book/memory/meter.md: What the program shows
from autograd_book.graph.errors import AutogradError, DifferentiationTypeError, described
from autograd_book.learn.nn import named_leaves
from autograd_book.learn.optim import Optimizer


def parameters_of(owner: Any) -> list[Variable]:
    """The parameters in an owner: a network, an optimiser, a Variable, or a container."""
    if isinstance(owner, Optimizer):
        return owner.parameters
    found = [variable for _, variable in named_leaves(owner, "", set())]
    if not found:
        raise DifferentiationTypeError(
            f"memory_profile was given {described(owner)}, in which there is no parameter. "
            "Give it networks, optimisers, Variables that require a gradient, or lists of "
            "these."
        )
    return found


# book/memory/meter.md: What the program shows
def introduce(books: Books, owner: Any) -> None:
    """Enter what an owner holds."""
    for parameter in parameters_of(owner):
        find(books, parameter, "parameter")
        leaf: Any = parameter.node
        find(books, leaf.grad, "gradient")
    for state in owner.state if isinstance(owner, Optimizer) else ():
        for array in state.values():
            find(books, array, "optimizer state")


# book/memory/meter.md: What the program shows
from collections.abc import Callable, Iterator


def watched(optimizer: Optimizer, books: Books) -> Callable[..., None]:
    """The method ``update`` of an optimiser, with an entry before and after it."""
    update = optimizer.update

    def applied(value: Any, gradient: Any, state: Any) -> None:
        with books:
            find(books, value, "parameter")
            start(books, place_of(type(optimizer).__name__, *caller()))
        try:
            update(value, gradient, state)
            with books:
                for array in state.values():
                    find(books, array, "optimizer state")
        finally:
            stop(books)

    return applied


# book/memory/meter.md: Around a block
import tracemalloc

from autograd_book.graph.stack import push


class MeterBusyError(AutogradError, RuntimeError):
    """A second account of memory while a first is being kept."""


def expect_free_account() -> None:
    """Raise MeterBusyError if tracemalloc is at work."""
    if tracemalloc.is_tracing():
        raise MeterBusyError(
            "memory_profile was entered while tracemalloc is at work, which keeps one "
            "account for the process. Leave the other profile first, or call "
            "tracemalloc.stop()."
        )


class above(push):
    """As `push`, with the level on the very top."""

    def onto(self, stack: Interpreter) -> tuple[Interpreter, Any]:
        """The level on the stack, and the level."""
        level = self.level(stack, *self.args)
        return level, level


# book/memory/meter.md: Around a block
def close_meter(meter: Meter) -> None:
    """Close the books, and let go of everything."""
    meter.books.close()
    meter.savings.nodes.clear()
    meter.arrivals.forget()


# book/memory/meter.md: Around a block
class metering:
    """Context manager that keeps books of the memory of what is computed inside of it.

    Parameters
    ----------
    *owners : Module, Optimizer, Variable, or list or iterator of these
        Whose arrays are parameters and optimizer state. Without them parameters are known
        once a primitive takes them.

    Returns
    -------
    Books
        From ``with metering() as books``; complete when the block is left.
    """

    begun, meter = False, None  #: Whether an account is kept for this block, and by whom.

    def __init__(self, *owners: Any) -> None:
        # what network.parameters() gives can be gone through once
        self.owners = [list(o) if isinstance(o, Iterator) else o for o in owners]
        for owner in self.owners:
            parameters_of(owner)
        self.optimizers = {o for o in self.owners if isinstance(o, Optimizer)}

    def __enter__(self) -> Any:
        expect_free_account()
        self.begun = True
        tracemalloc.start()
        with (books := Books()):
            for owner in self.owners:
                introduce(books, owner)
            for optimizer in self.optimizers:
                vars(optimizer)["update"] = watched(optimizer, books)
            savings = Savings(books)
            self.block = above(
                Meter, savings, Arrivals(books, savings), called="memory_profile"
            )
            self.meter = self.block.__enter__()
        return books

    def __exit__(self, *error: object) -> None:
        self.end()
        self.block.__exit__(*error)

    def end(self) -> None:
        """End the account, as far as it was begun."""
        for optimizer in self.optimizers:
            vars(optimizer).pop("update", None)
        if self.meter is not None:
            close_meter(self.meter)
        tracemalloc.stop()
        self.begun = False

    def __del__(self) -> None:
        if self.begun:  # an interrupt came between the block and its account
            self.end()
