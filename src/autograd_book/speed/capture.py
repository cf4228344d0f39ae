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
# sha256: d3cba55d146ef60b115392d10051c3b0cc3862f7fc176483177c16d5290e4e11

__all__ = [
    "CaptureError",
    "frozen",
    "writes",
    "Symbol",
    "FILLED",
    "widened",
    "written",
    "expect_own",
    "expect_fresh",
    "expect_at_work",
    "users_line",
    "DEEP",
    "Capture",
    "link",
    "NUMBER",
    "inner",
    "named",
    "State",
    "expect_place",
    "entered",
    "Form",
    "commit",
    "handed",
    "capture",
    "traced",
]


# book/speed/capture.md: A symbol
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from weakref import ref

import numpy as np

from autograd_book.graph.errors import DifferentiationTypeError, LeakedVariableError
from autograd_book.graph.interpreter import Interpreter
from autograd_book.graph.methods import Methods, Operators
from autograd_book.graph.primitive import Primitive, primitives
from autograd_book.graph.protocols import Protocols
from autograd_book.graph.record import Leaf
from autograd_book.graph.stack import Fun, as_constant, floor, push, top
from autograd_book.graph.variable import Variable
from autograd_book.memory.repeat import TOLD, trusted
from autograd_book.modes.trees import Tree, leaves, tree_map
from autograd_book.speed.cells import Cell, cells_of
from autograd_book.speed.equations import (
    Equation, Graph, Guard, Name, carry_out, evaluate,
)


class CaptureError(DifferentiationTypeError):
    """A program asked for something that a graph cannot say."""


def frozen(self: Any, *args: Any, **kwargs: Any) -> Any:
    """Raise CaptureError, where a program asks for a plain number or array."""
    raise CaptureError(
        f"a plain number or array was asked for of {self.name}, a value of shape "
        f"{self.shape} of a function that is captured, and would be the same in every later "
        "call. Return the value itself and convert it after the call, compute with "
        "NumPy's functions, and write Variable(table, False)[i] in place of table[i]."
    )


# book/speed/capture.md: A symbol
def writes(fun: Fun) -> Callable[[Any, Any], Any]:
    """Operator in place: of an array it gives the symbol another name, of a number it makes
    another symbol."""

    def apply(self: Any, other: Any) -> Any:
        out = top.get().bind(primitives[fun], (self, other), {})
        return self.become(out) if isinstance(self.held, np.ndarray) else out

    return apply


class Symbol(Operators, Protocols, Methods):
    """A value that passes for an array, and knows its name in a graph.

    It is a handle: what is written into it gives it another name.

    Parameters
    ----------
    value : array or number
        What the run at hand computes.
    name : Name
        What it is called at the moment.
    level : Capture
        The interpreter that writes down what is done with it.
    """

    __slots__ = ("held", "name", "level", "source", "version", "__weakref__")

    node = record = base = None  # what an engine asks Variables and arrays for

    def __init__(self, value: Any, name: Name, level: "Capture") -> None:
        self.held, self.name, self.level = value, name, level
        self.source, self.version = None, 0

    shape = property(lambda self: self.name.shape, doc="Shape, as of an array.")
    ndim = property(lambda self: len(self.name.shape), doc="Number of axes.")
    size = property(lambda self: int(np.prod(self.name.shape)), doc="Number of elements.")
    dtype: Any = property(lambda self: self.name.dtype, doc="NumPy dtype.")
    __array__ = __float__ = __int__ = __complex__ = __reduce__ = frozen
    item = tolist = tobytes = frozen
    flags = property(lambda self: self.held.flags, doc="How the array lies in memory.")
    __iadd__, __isub__ = writes(np.add), writes(np.subtract)
    __imul__, __itruediv__ = writes(np.multiply), writes(np.divide)
    __ipow__, __imatmul__ = writes(np.power), writes(np.matmul)
    __imod__, __ifloordiv__ = writes(np.remainder), writes(np.floor_divide)

    def become(self, value: Any) -> "Symbol":
        """Take another value, in the shape and dtype that the array has."""
        if not np.can_cast(getattr(value, "dtype", self.dtype), self.dtype, "same_kind"):
            raise CaptureError(
                f"values of dtype {value.dtype} were written into {self.name} of dtype "
                f"{self.dtype}. Convert them first, with .astype."
            )
        expect_own(self)
        value = value if isinstance(value, Operators) else np.asarray(value, self.dtype)
        value = value if value.dtype == self.dtype else value.astype(self.dtype)
        if value.shape != self.shape or not isinstance(value, Symbol):
            value = self.level.note(primitives[np.broadcast_to], (value,), {"shape": self.shape})
        self.held, self.name = np.asarray(value.held), value.name
        self.version += 1
        return self

    def __setitem__(self, index: Any, value: Any) -> None:
        whole = index is Ellipsis or index == () or index == slice(None)
        self.become(value if whole else self.at[index].set(value))

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        expect_at_work(self)
        out, where = kwargs.pop("out", None), kwargs.pop("where", True)
        if method == "__call__" and (wide := kwargs.pop("dtype", None)):
            inputs = tuple([widened(v, wide) for v in inputs])
        if out is None:
            kwargs |= {} if where is True else {"where": where}
            return super().__array_ufunc__(ufunc, method, *inputs, **kwargs)
        kwargs.pop("casting", None)
        return written(out[0], super().__array_ufunc__(ufunc, method, *inputs, **kwargs), where)

    def __array_function__(self, func: Fun, types: Any, args: Any, kwargs: Any) -> Any:
        expect_at_work(self)
        out = kwargs.pop("out", None)
        with self.level.once(func):
            made = super().__array_function__(func, types, args, kwargs)
        if func in FILLED and made.size:  # an array that may be written to
            fill = made.reshape(-1)[0]
            return self.level.note(primitives[np.broadcast_to], (fill,), {"shape": made.shape})
        return made if out is None else written(out, made, True)

    def __len__(self) -> int:
        return len(range(*self.shape[:1]))

    def __bool__(self) -> bool:
        return self.level.ask(self)

    def __index__(self) -> int:
        if not isinstance(self.held, int | np.integer):
            frozen(self)
        assert bool(self == self.held)  # a guard
        return int(self.held)

    def __repr__(self) -> str:
        return f"Symbol({self.name}:{self.name.kind})"

    def __format__(self, spec: str) -> str:
        return frozen(self) if spec else repr(self)

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        """The values in another dtype."""
        return top.get().bind(primitives[np.ndarray.astype], (self,), {"dtype": np.dtype(dtype)})

    def copy(self, order: str = "K") -> "Symbol":
        """A handle of its own on the same value."""
        return Symbol(self.held, self.name, self.level)

    def numpy(self) -> "Symbol":
        """The symbol itself, which passes for an array."""
        return self

    detach = numpy


# book/speed/capture.md: A symbol
#: They make arrays like another, of one number.
FILLED = (np.zeros_like, np.ones_like, np.full_like)


def widened(value: Any, dtype: Any) -> Any:
    """An array in the dtype to compute with; Python numbers adopt it by themselves."""
    plain = isinstance(value, int | float) or (type(value) is Symbol and value.name.weak)
    return value if plain else value.astype(dtype)


def written(target: Any, made: Any, where: Any) -> Any:
    """What was computed for ``out=target``, in it."""
    if not isinstance(target, Symbol):
        raise CaptureError(
            f"a value of a captured function was written into an array of shape "
            f"{np.shape(target)} that the graph does not know. Make that array inside the "
            "function, keep it in an attribute, or pass it as an argument."
        )
    return target.become(made if where is True else np.where(where, made, target))


def expect_own(symbol: Symbol) -> None:
    """Raise CaptureError if a symbol is a view of another that is still in use."""
    owner = symbol.source and symbol.source[0]()
    if owner is not None:
        raise CaptureError(
            f"{symbol.name} of shape {symbol.shape} was written to, and is a view of "
            f"{owner.name} of shape {owner.shape}. Write into that, as in x[index] -= ..., "
            "or into a copy."
        )


def expect_fresh(symbol: Symbol) -> None:
    """Raise CaptureError if a symbol is a view of another that was written to since."""
    owner = symbol.source and symbol.source[0]()
    if owner is not None and owner.version != symbol.source[1]:
        raise CaptureError(
            f"{symbol.name} of shape {symbol.shape} is a view of an array that was written to "
            "since the view was made. Make the view after the write, or a copy before."
        )


def expect_at_work(symbol: Symbol) -> None:
    """Raise LeakedVariableError if the capture that a symbol belongs to is over."""
    level: Any = floor.get()
    while level is not None and level is not symbol.level:
        level = level.below
    if level is None:
        raise LeakedVariableError(
            f"a symbol of shape {symbol.shape} was used outside of the function that was "
            "captured. Return it from the function, or keep it in an attribute."
        )


# book/speed/capture.md: The level
def users_line() -> tuple[str, int]:
    """File and line of the innermost call that is neither the engine's nor NumPy's."""
    frame: Any = sys._getframe(2)
    while frame and trusted(frame.f_globals.get("__name__", "numpy")):
        frame = frame.f_back
    return (frame.f_code.co_filename, frame.f_lineno) if frame else ("", 0)


DEEP = 50  #: How often a function calls itself if it does so without an end.


class Capture(Interpreter):
    """Writes one equation for each primitive that meets a symbol."""

    __slots__ = ("calls", "equations", "expand", "guards", "names", "replay")

    def __init__(self, below: Interpreter, expand: Any = None) -> None:
        super().__init__(below)
        self.equations: list[Equation] = []
        self.guards: dict[Name, Guard] = {}
        self.names = 0
        self.calls: Counter[Fun] = Counter()  #: How deep each function is in itself.
        self.expand = expand
        self.replay = 0

    def symbol(self, value: Any) -> Symbol:
        """A new name for a value."""
        self.names += 1
        weak = type(value) in (int, float, bool)
        dtype = getattr(value, "dtype", np.dtype(type(value) if weak else object))
        return Symbol(value, Name(self.names, np.shape(value), dtype, weak), self)

    def mine(self, value: Any) -> bool:
        """Whether a value is a symbol of this level."""
        return type(value) is Symbol and value.level is self

    def ask(self, symbol: Symbol) -> bool:
        """The truth of a value, noted as a guard."""
        truth = bool(symbol.held)
        self.guards.setdefault(symbol.name, Guard(symbol.name, truth, users_line()))
        return truth

    @contextmanager
    def once(self, fun: Fun) -> Iterator[None]:
        """Raise CaptureError if a function looks for the values of a symbol with itself."""
        self.calls[fun] += 1
        try:
            if self.calls[fun] > DEEP:
                raise CaptureError(
                    f"{fun.__name__} looks at the values of an argument that a captured "
                    "function computes. Pass that argument as a constant, or call it outside."
                )
            yield
        finally:
            self.calls[fun] -= 1

    def bind(self, primitive: Primitive, args: Any, params: dict[str, Any]) -> Any:
        """Apply a primitive, and write it down if a symbol takes part."""
        if not any(map(self.mine, args)) and not any(map(self.mine, leaves(params))):
            return self.below.bind(primitive, args, params)
        if self.expand and self.expand(primitive):
            return primitive.fun(*args, **params)
        return self.note(primitive, args, params)

    def note(self, primitive: Primitive, args: Any, params: dict[str, Any]) -> Any:
        """Write an equation, and compute what it says."""
        for leaf in filter(self.mine, leaves((args, params))):
            expect_fresh(leaf)
        plain, named = (
            lambda v: v.held if self.mine(v) else v, lambda v: v.name if self.mine(v) else v
        )
        values = [plain(a) for a in args]
        out = carry_out(primitive, values, tree_map(plain, params), self.below)
        if type(out) is Symbol:
            return out
        made = tree_map(self.symbol, out)
        self.equations.append(
            Equation(
                primitive, tuple(map(named, args)), tree_map(named, params),
                tree_map(named, made), users_line(), self.replay,
            )
        )
        for symbol in leaves(made):
            link(symbol, args)
        return made


def link(symbol: Symbol, args: Any) -> None:
    """Note which argument a result is a view of."""
    value = symbol.held
    if isinstance(value, np.ndarray) and not value.flags.owndata:
        for a in args:
            if type(a) is Symbol and np.may_share_memory(a.held, value):
                symbol.source = ref(a), a.version


# book/speed/capture.md: From a function to a graph
NUMBER = (int, float)  #: Python numbers that may change from call to call.


def inner(value: Any) -> Any:
    """What is inside any number of Variables: a symbol or a constant."""
    while type(value) is Variable:
        value = value.value
    return value


def named(value: Any) -> Any:
    """The name of a symbol; a constant as it is."""
    value = inner(value)
    return value.name if type(value) is Symbol else value


class State:
    """What a function keeps between calls, with symbols in its place while it is captured.

    Parameters
    ----------
    reached : tuple
        The function and its arguments, from which everything is found.
    moving : set of Cell
        Numbers that an earlier run has changed.
    """

    def __init__(self, reached: tuple[Any, ...], moving: set[Cell]) -> None:
        self.reached = reached
        self.before = {cell: cell.read() for cell in cells_of(*reached)}
        self.names: dict[Cell, Name] = {}
        self.entering = [
            cell for cell in self.before
            if (cell.kind not in ("fixed", "way") or cell in moving) and cell.open()
        ]

    def enter(self, level: Capture) -> None:
        """Put symbols into the cells."""
        for cell in self.entering:
            value = self.before[cell]
            symbol = level.symbol(inner(value))
            self.names[cell] = symbol.name
            if value is not None:
                cell.write(as_constant(symbol) if type(value) is Variable else symbol)

    def leave(self, level: Capture) -> tuple[list[Any], set[Cell]]:
        """Names of what is in the cells at the end, and numbers that the run has changed."""
        self.after = {cell: cell.read() for cell in cells_of(*self.reached)}
        moved = set()
        for cell, value in self.after.items():
            was = self.before.get(cell)
            if cell not in self.names and not self.unchanged(was, value):
                if type(was) in NUMBER and type(inner(value)) in NUMBER:
                    moved.add(cell)
                expect_place(cell, value)
                self.names[cell] = level.symbol(None).name
        after = {cell: self.after.get(cell) for cell in self.names}
        return [
            name if after[cell] is None is self.before.get(cell) else named(after[cell])
            for cell, name in self.names.items()
        ], moved

    def unchanged(self, was: Any, value: Any) -> bool:
        """Whether a place has in it what it had; a new container may take the place of another
        if both were empty."""
        if was is value or type(was) is not type(value):
            return was is value
        if isinstance(was, list | dict):
            return not value and not any(cell.owner is was for cell in self.before)
        return isinstance(was, TOLD) and was == value

    def restore(self) -> None:
        """Put back what was in the cells."""
        for cell, value in self.before.items():
            if cell.read() is not value:
                cell.write(value)
        for cell in cells_of(*self.reached):
            if cell not in self.before:
                cell.clear()

    def fixed(self) -> list[tuple[Cell, Any]]:
        """What each call has to find as it was."""
        entered = set(self.entering)
        known = [c for c in (*self.before, *self.names) if c not in entered and c.kind != "way"]
        return [(cell, self.before.get(cell)) for cell in dict.fromkeys(known)]


def expect_place(cell: Cell, value: Any) -> None:
    """Raise CaptureError for state that the calls of a graph could not leave in its place."""
    if isinstance(cell.owner, list) or cell.kind == "way":
        raise CaptureError(
            f"a captured function put a new {type(value).__name__} into {cell}, which "
            "would be that of the first call ever after. Return it, or change in place what "
            "is there."
        )


# book/speed/capture.md: From a function to a graph
def entered(value: Any, level: Capture) -> Any:
    """A symbol for an argument that is an array or a number; anything else as it is."""
    numeric = isinstance(value, np.ndarray | np.generic) or type(value) in NUMBER
    return level.symbol(value) if numeric else value


@dataclass(frozen=True)
class Form:
    """How a graph is called."""

    arguments: Tree  #: The examples' form, with names where other values may come.
    result: Tree  #: The result's form, with True for what is handed out as a Variable.
    fixed: list[tuple[Cell, Any]]  #: What was read of the program as it was.

    def call(self, graph: Graph, args: Any) -> Any:
        """Evaluate a graph, hand out its results, and leave its state where it belongs."""
        given = tree_map(lambda name, v: v if type(name) is Name else None, self.arguments, args)
        values = [v for v, name in zip(leaves(given), leaves(self.arguments)) if type(name) is Name]
        held = [inner(cell.read()) for cell in graph.cells]
        out = evaluate(graph, *values, *held)
        count = len(out) - len(held)
        for cell, before, name, value in zip(
            graph.cells, graph.inputs[len(values):], graph.outputs[count:], out[count:], strict=True
        ):
            if name is not before:
                commit(cell, value)
        rest = iter(out[:count])
        return tree_map(lambda v: handed(next(rest), v), self.result)


def commit(cell: Cell, value: Any) -> None:
    """Leave a new value in a cell."""
    if isinstance(cell.owner, Leaf) and value is not None:
        value = as_constant(np.array(value))
    elif isinstance(value, np.ndarray):
        value = value.copy()
    cell.write(value)


def handed(value: Any, variable: bool) -> Any:
    """A result as the program would have it, in memory of its own."""
    value = value.copy() if isinstance(value, np.ndarray) else value
    return as_constant(value) if variable else value


# book/speed/capture.md: From a function to a graph
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
    """
    moving: set[Cell] = set()
    while (found := traced(f, examples, moving, expand)) is None:
        pass
    return found


def traced(f: Fun, examples: Any, moving: set[Cell], expand: Any) -> Graph | None:
    """The graph of one run; None if the run changed numbers that it took for constants, which
    are then among those that move."""
    state = State((f, *examples), moving)
    with push(Capture, expand, at="bottom") as level:
        arguments = tree_map(lambda v: entered(v, level), examples)
        try:
            state.enter(level)
            result = f(*arguments)
            outcome = list(map(named, leaves(result)))
            after, moved = state.leave(level)
        finally:
            state.restore()
    if not moved <= moving:
        moving |= moved
        return None
    given = tree_map(named, arguments)
    form = Form(given, tree_map(lambda v: type(v) is Variable, result), state.fixed())
    inputs = *(v for v in leaves(given) if type(v) is Name), *state.names.values()
    return Graph(
        inputs, tuple(level.equations), (*outcome, *after), tuple(level.guards.values()),
        tuple(state.names), form,
    )
