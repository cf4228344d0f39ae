"""The stack.

The stack belongs to the thread or task. A level is pushed for the duration of
a ``with`` block, and however the block ends, what it found is there again.

::

    import numpy as np
    import autograd_book as ab
    from autograd_book.graph.stack import top

    x = ab.Variable(2.0)
    with ab.no_grad():
        print(type(top.get()).__name__, (x * x).requires_grad)
    print(type(top.get()).__name__, (x * x).requires_grad)
"""
# Generated from book/graph/stack.md by autograd-book extract; edit the chapter, not this file.
# sha256: 8e3c86da53409d7a867863c2da772b7405f85f237f84f929e274f6d9c2d2e502

__all__ = [
    "Fun",
    "bedrock",
    "floor",
    "Base",
    "base",
    "top",
    "replaying",
    "bind",
    "End",
    "ends",
    "Block",
    "open_block",
    "restore",
    "way_out",
    "Exit",
    "way_out_of",
    "forget",
    "push",
    "expect_wrappable",
    "bottom",
    "innermost",
    "as_constant",
    "NoGrad",
    "Unrecorded",
    "no_grad",
]


# book/graph/stack.md: The Record that is always there
from collections.abc import Callable
from contextvars import ContextVar
from copy import copy
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from typing import Any, Literal, NoReturn, overload

import numpy as np

from autograd_book.graph.errors import (
    DifferentiationTypeError, DifferentiationValueError, described,
)
from autograd_book.graph.interpreter import Interpreter, ground
from autograd_book.graph.primitive import Primitive, settled
from autograd_book.graph.record import Record, tie

Fun = Callable[..., Any]  #: Any function of arrays.
bedrock = ground()  #: NumPy, on which all stacks stand.
#: What the Record that is always there stands on, in this thread or task.
floor: ContextVar[Interpreter] = ContextVar("floor", default=bedrock)


class Base(Record):
    """The Record that is always there: one for all, on the floor of whoever asks."""

    __slots__ = ()

    below: Any = property(lambda self: floor.get())

    def __init__(self) -> None:
        #: Class of the Variables that programs make. The chapter that has it names it.
        self.handle: Any = None
        self.owner = "the program"


base = Base()  #: The Record that is always there.
#: The top of the stack, in this thread or task.
top: ContextVar[Interpreter] = ContextVar("top", default=base)
#: Which second run of a function is at work in this thread or task, as a number; 0 for none.
replaying: ContextVar[int] = ContextVar("replaying", default=0)


def bind(primitive: Primitive, *args: Any, **params: Any) -> Any:
    """Apply a primitive at the top of the stack."""
    return top.get().bind(primitive, args, settled(primitive, params) if params else params)


# book/graph/stack.md: What a block has to note
class End:
    """An end of the stack where levels come and go."""

    __slots__ = ("blocks", "stack")

    def __init__(self, stack: ContextVar[Interpreter]) -> None:
        self.stack = stack
        #: The innermost block that is open here.
        self.blocks: ContextVar[Any] = ContextVar("blocks", default=None)


#: Where a level can be put: above all others, or below the lowest Record.
ends = {"top": End(top), "bottom": End(floor)}


class Block:
    """A with block that is open: what it found, the level that it added, and the block
    around it."""

    __slots__ = (
        "around", "holder", "level", "open", "owners", "stack", "was", "__weakref__"
    )

    def __init__(self, end: End, *owners: Any) -> None:
        self.owners, self.open = owners, True  #: Whose block it is, and whether it still is.
        self.holder: Any = None  #: A weak reference to what it must not outlive.
        self.was, self.around = end.stack.get(), end.blocks.get()
        self.stack: Interpreter = self.was  #: What was found, with the level in it.
        self.level: Any = self.was

    def seat(self, below: Interpreter) -> Interpreter:
        """The level of this block, on top of another one than before."""
        self.level.below = below
        return self.level


def open_block(end: End, owner: Any) -> Block | None:
    """The innermost block of an owner, among those that are open at one end."""
    block: Block | None = end.blocks.get()
    while block is not None and owner not in block.owners:
        block = block.around
    return block


# book/graph/stack.md: Leaving in any order
def restore(end: End) -> None:
    """Take the levels of blocks that are open no longer out of the stack."""
    known, oldest, block = [], 0, end.blocks.get()
    while block is not None:
        known.append(block)
        if not block.open:
            oldest = len(known)
        block = block.around
    if oldest:
        stack, inner = known[oldest - 1].was, known[oldest - 1].around
        for block in reversed(known[: oldest - 1]):
            if block.open:
                block = copy(block)  # the notes change in the last line, and all at once
                block.was, block.around = stack, inner
                stack, inner = stack.under(block.seat)[0], block
                block.stack = stack
        end.stack.set(stack)
        end.blocks.set(inner)


# book/graph/stack.md: Interrupted on the way out
from functools import partial
from weakref import ref

#: Refers to the way out that was asked for last, in this thread or task.
way_out: ContextVar[Any] = ContextVar("way_out", default=None)


class Exit:
    """The attribute ``__exit__`` of a `push`: a new function for each with statement."""

    def __get__(self, manager: Any, kind: Any = None) -> Any:
        if manager is None:
            return kind.leave
        leave = partial(manager.leave, statement=object())
        way_out.set(ref(leave))  # no frame that a traceback keeps refers to it
        return leave


def way_out_of(manager: Any) -> Any:
    """The function by which the with statement that is about to enter is going to leave, or
    None if an object is entered by hand."""
    asked = way_out.get()
    leave = asked and asked()
    way_out.set(None)
    return leave if leave and leave.func.__self__ is manager else None


def forget(end: End, holder: Any) -> None:
    """Close the block whose holder is gone, if it is open in this thread or task."""
    block = end.blocks.get()
    while block is not None and block.holder is not holder:
        block = block.around
    if block is not None:
        block.open = False
        restore(end)


# book/graph/stack.md: One way in
class push:
    """Puts an interpreter on the stack for the duration of a with block, or of each call of
    a decorated function.

    Parameters
    ----------
    level : callable
        Makes the interpreter: ``level(below, *args)``.
    at : {"top", "bottom"}
        Above all levels, or below the Record that is always there.
    called : str
        What programs call it, for messages; the name of the class if it is not given.

    Raises
    ------
    DifferentiationTypeError
        If it decorates a generator or a coroutine, whose body runs after the call.
    DifferentiationValueError
        If a block is left where it was not entered, or twice.
    """

    last: Any = None  #: Refers to the block that was entered last.

    def __init__(
        self,
        level: Callable[..., Any],
        *args: Any,
        at: Literal["top", "bottom"] = "top",
        called: str = "",
    ) -> None:
        self.level, self.args, self.end = level, args, ends[at]
        self.called = called or type(self).__name__

    def onto(self, stack: Interpreter) -> tuple[Interpreter, Any]:
        """A stack with the new level in it, and the level."""
        return stack.under(lambda below: self.level(below, *self.args))

    __exit__ = Exit()

    def __enter__(self) -> Any:
        end = self.end
        leave = way_out_of(self)
        block = Block(end, id(self), leave and leave.keywords["statement"])
        block.holder = ref(leave or self, partial(forget, end))
        self.last = ref(block)
        try:
            block.stack, block.level = self.onto(block.was)
            end.blocks.set(block)
            end.stack.set(block.stack)
            return block.level
        except BaseException:
            end.stack.set(block.was)
            end.blocks.set(block.around)
            raise

    def block_here(self, statement: Any = None) -> Any:
        """The block of a with statement, or the innermost, or the error that says why none
        can be left here."""
        block = open_block(self.end, statement) if statement else None
        block = block or open_block(self.end, id(self))
        if block is None:
            raise DifferentiationValueError(self.astray())
        return block

    def leave(self, *error: object, statement: Any = None) -> None:
        """Take the level of a with statement, or of the innermost block, out again."""
        block = self.block_here(statement)
        block.open = False
        restore(self.end)
        self.after(block.level)

    def astray(self) -> str:
        """Why there is no block that could be left here."""
        block = self.last and self.last()
        if block is not None and block.open:
            return (
                f"a block of {self.called} was left in another thread or task than it was "
                "entered in. Leave it where it was entered."
            )
        return (
            f"a block of {self.called} was left that is not open. Enter it before, and leave "
            "it once, as a with statement does."
        )

    def after(self, level: Any) -> None:
        """What remains to be done with a level that is out of the stack."""

    def __call__(self, fun: Fun) -> Fun:
        expect_wrappable(self, fun)

        @wraps(fun)
        def applied(*args: Any, **kwargs: Any) -> Any:
            with copy(self):
                return fun(*args, **kwargs)

        return applied


# book/graph/stack.md: As a decorator
def expect_wrappable(block: push, fun: Any) -> None:
    """Raise DifferentiationTypeError unless the body of `fun` runs during its call."""
    if not callable(fun):
        raise DifferentiationTypeError(
            f"{block.called} was put around {described(fun)}, which is no function. "
            "Put it around the function, and call what comes back."
        )
    if any(
        later(fun)
        for later in (isgeneratorfunction, iscoroutinefunction, isasyncgenfunction)
    ):
        raise DifferentiationTypeError(
            f"{block.called} was put around {getattr(fun, '__name__', fun)}, a "
            "generator or coroutine, whose body runs after the call has returned. "
            "Write the with block inside of it, around lines without yield or await."
        )


# book/graph/stack.md: Not recording
def bottom(value: Any) -> Any:
    """What is inside any number of Variables."""
    while type(value) is base.handle:
        value = value.value
    return value


def innermost(value: Any) -> Any:
    """What is inside any number of Variables; a batch of values, without what its values
    need for a gradient."""
    value = bottom(value)
    return value.detach() if hasattr(value, "detach") else value


def as_constant(value: Any) -> Any:
    """A Variable of a plain value that carries no gradient."""
    return tie(base.handle, value, None, None)


class NoGrad(Interpreter):
    """Computes with the values alone; results are constants."""

    __slots__ = ()

    def bind(self, primitive: Primitive, args: Any, params: dict[str, Any]) -> Any:
        """Pass the plain values on."""
        handle, values, constants = base.handle, [], False
        for a in args:
            if type(a) is handle:
                a, constants = a.value, True
            values.append(a if type(a) is np.ndarray else innermost(a))
        out = self.below.bind(primitive, values, params)
        return as_constant(out) if constants and not primitive.flat else out


class Unrecorded:
    """Context manager, or decorator with or without parentheses, under which nothing is
    recorded.

    Results of Variables are constants: Variables with ``requires_grad=False``.
    """

    __name__ = "no_grad"

    @overload
    def __call__(self) -> push: ...
    @overload
    def __call__(self, fun: Fun) -> Fun: ...
    def __call__(self, fun: Fun | None = None) -> Any:
        block = push(NoGrad, called="no_grad")
        return block if fun is None else block(fun)

    def __enter__(self) -> NoReturn:
        raise DifferentiationTypeError(
            "no_grad was entered without parentheses. Write 'with no_grad():'."
        )

    def __exit__(self, *error: object) -> None:
        """Nothing was entered."""


no_grad = Unrecorded()  #: Under which nothing is recorded; see `Unrecorded`.
