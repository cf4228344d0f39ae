"""Symbols.

A symbol carries a value and a name; a level at the bottom of the stack writes
one equation for each primitive that meets a symbol.

::

    import numpy as np
    from autograd_book.graph.stack import push
    from autograd_book.speed.symbols import Capture

    with push(Capture, at="bottom") as level:
        x = level.symbol(np.arange(3.0))
        x *= 2.0
        y = np.sum(np.tanh(x))
    print(*level.equations, sep="\\n")
"""
# Generated from book/speed/symbols.md by autograd-book extract; edit the chapter, not this file.
# sha256: 92129adc8d1605dc6e88564a73cde1e93dafe67461b6106a5d3ddd7577ac61f1

__all__ = [
    "CaptureError",
    "frozen",
    "Shut",
    "expect_capturing",
    "expect_castable",
    "WHOLE",
    "writes",
    "Writable",
    "FILLED",
    "in_computing_dtype",
    "into_target",
    "DEEP",
    "once",
    "Called",
    "POWERS",
    "scalar_power",
    "Shaped",
    "Symbol",
    "Source",
    "base_in_use",
    "note_view",
    "same",
    "overlap",
    "complexes",
    "BACK",
    "turned_back",
    "expect_way_back",
    "expect_fresh",
    "users_line",
    "Notes",
    "Capture",
]


# book/speed/symbols.md: What must not leave
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple
from weakref import ref

import numpy as np

from autograd_book.graph.errors import DifferentiationTypeError, LeakedVariableError
from autograd_book.graph.interpreter import Interpreter
from autograd_book.graph.methods import Methods, Operators
from autograd_book.graph.primitive import Primitive, primitives
from autograd_book.graph.protocols import Protocols
from autograd_book.graph.stack import Fun, bind, floor, replaying, top
from autograd_book.learn.optim import as_pairs
from autograd_book.memory.repeat import trusted
from autograd_book.modes.trees import leaves, tree_map
from autograd_book.rules.indexing import getitem
from autograd_book.rules.shapes import reshape
from autograd_book.speed.equations import (
    Equation, Guard, Name, carry_out,
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


# book/speed/symbols.md: What must not leave
class Shut:
    """What would take a plain number or array out of a captured program, or asks for a truth."""

    __slots__ = ()

    __array__ = __float__ = __int__ = __complex__ = __reduce__ = frozen
    item = tolist = tobytes = frozen

    def __bool__(self: Any) -> bool:
        return self.level.ask(self)

    def __index__(self: Any) -> int:
        if not isinstance(self.held, int | np.integer):
            frozen(self)
        self.level.ask(self == self.held)
        return int(self.held)

    def __format__(self: Any, spec: str) -> str:
        return frozen(self) if spec else repr(self)


# book/speed/symbols.md: What must not leave
def expect_capturing(symbol: Any) -> None:
    """Raise LeakedVariableError if the capture that a symbol belongs to is over."""
    level: Any = floor.get()
    while level is not None and level is not symbol.level:
        level = level.below
    if level is None:
        raise LeakedVariableError(
            f"a symbol of shape {symbol.shape} was used outside of the function that was "
            "captured. Return it from the function, or keep it in an attribute."
        )


# book/speed/symbols.md: Written in place
def expect_castable(symbol: Any, value: Any) -> None:
    """Raise CaptureError if a value has no place in the dtype of what it is written into."""
    if not np.can_cast(dtype := getattr(value, "dtype", symbol.dtype), symbol.dtype, "same_kind"):
        raise CaptureError(
            f"values of dtype {dtype} were written into {symbol.name} of dtype "
            f"{symbol.dtype}. Convert them first, with .astype."
        )


WHOLE = ((), slice(None))  #: Places that are all of an array, besides an ellipsis.


def writes(fun: Fun) -> Callable[[Any, Any], Any]:
    """Operator in place: of an array it gives the symbol another name, of a number it makes
    another symbol."""

    def apply(self: Any, other: Any) -> Any:
        out = top.get().bind(primitives[fun], (self, other), {})
        return self.become(out) if isinstance(self.held, np.ndarray) else out

    return apply


# book/speed/symbols.md: Written in place
class Writable:
    """What changes an array in place: it gives the symbol another name."""

    __slots__ = ()

    __iadd__, __isub__ = writes(np.add), writes(np.subtract)
    __imul__, __itruediv__ = writes(np.multiply), writes(np.divide)
    __ipow__ = lambda self, other: self.become(self**other)
    __imatmul__ = writes(np.matmul)
    __imod__, __ifloordiv__ = writes(np.remainder), writes(np.floor_divide)

    def become(self: Any, value: Any) -> Any:
        """Take another value, in the shape and dtype that the array has."""
        expect_castable(self, value)
        owner = base_in_use(self)
        expect_way_back(self, owner)
        value = value if isinstance(value, Operators) else np.asarray(value, self.dtype)
        value = value if value.dtype == self.dtype else value.astype(self.dtype)
        if value.shape != self.shape or not hasattr(type(value), "held"):
            value = self.level.note(primitives[np.broadcast_to], (value,), {"shape": self.shape})
        self.held, self.name = np.asarray(value.held), value.name
        self.version += 1
        if owner is not None:
            owner.become(self.source.back(owner, self))
            self.source = self.source._replace(version=owner.version)
        return self

    def __setitem__(self: Any, index: Any, value: Any) -> None:
        whole = index is Ellipsis or (type(index) in (tuple, slice) and index in WHOLE)
        self.become(value if whole else self.at[index].set(value))


# book/speed/symbols.md: NumPy's calls
#: They make arrays like another, of one number.
FILLED = (np.zeros_like, np.ones_like, np.full_like)


def in_computing_dtype(value: Any, dtype: Any) -> Any:
    """An array in the dtype to compute with; Python numbers adopt it by themselves."""
    plain = value.name.weak if hasattr(type(value), "held") else isinstance(value, int | float)
    return value if plain else value.astype(dtype)


def into_target(target: Any, made: Any, where: Any) -> Any:
    """What was computed for ``out=target``, in it."""
    if not hasattr(type(target), "become"):
        raise CaptureError(
            f"a value of a captured function was written into an array of shape "
            f"{np.shape(target)} that the graph does not know. Make that array inside the "
            "function, keep it in an attribute, or pass it as an argument."
        )
    return target.become(made if where is True else np.where(where, made, target))


# book/speed/symbols.md: NumPy's calls
DEEP = 50  #: How often a function calls itself if it does so without an end.


@contextmanager
def once(calls: Counter[Fun], fun: Fun) -> Iterator[None]:
    """Raise CaptureError if a function looks for the values of a symbol with itself."""
    calls[fun] += 1
    try:
        if calls[fun] > DEEP:
            raise CaptureError(
                f"{fun.__name__} looks at the values of an argument that a captured "
                "function computes. Pass that argument as a constant, or call it outside."
            )
        yield
    finally:
        calls[fun] -= 1


# book/speed/symbols.md: NumPy's calls
class Called(Protocols):
    """How NumPy hands a call over to a symbol, with an array to write into or without."""

    __slots__ = ()

    def __array_ufunc__(
        self: Any, ufunc: Any, method: str, *inputs: Any, **kwargs: Any
    ) -> Any:
        expect_capturing(self)
        out, where = kwargs.pop("out", None), kwargs.pop("where", True)
        if method == "__call__" and (wide := kwargs.pop("dtype", None)):
            inputs = tuple([in_computing_dtype(v, wide) for v in inputs])
        if out is None:
            kwargs |= {} if where is True else {"where": where}
            return super().__array_ufunc__(ufunc, method, *inputs, **kwargs)
        kwargs.pop("casting", None)
        made = super().__array_ufunc__(ufunc, method, *inputs, **kwargs)
        return into_target(out[0], made, where)

    def __array_function__(
        self: Any, func: Fun, types: Any, args: Any, kwargs: Any
    ) -> Any:
        expect_capturing(self)
        out = kwargs.pop("out", None)
        func = np.zeros_like if func is np.empty_like else func
        with once(self.level.calls, func):
            made = super().__array_function__(func, types, args, kwargs)
        if func in FILLED and made.size:  # an array that may be written to
            fill = made.reshape(-1)[0]
            return self.level.note(primitives[np.broadcast_to], (fill,), {"shape": made.shape})
        return made if out is None else into_target(out, made, True)


# book/speed/symbols.md: A symbol
#: What an array computes for some powers, in NumPy's own operator.
POWERS = {-1: np.reciprocal, 0.5: np.sqrt, 1: np.positive, 2: np.square}


def scalar_power(x: Any, y: Any) -> Any:
    """The power of one number by the operator of NumPy's scalars, whose last bit may differ."""
    return np.asarray(x)[()] ** y


Primitive(scalar_power, "x y", flat=True)


class Shaped(Operators):
    """What a symbol says of itself as an array does, and the powers of arrays."""

    __slots__ = ()

    shape = property(lambda self: self.name.shape, doc="Shape, as of an array.")
    ndim = property(lambda self: len(self.name.shape), doc="Number of axes.")
    size = property(lambda self: int(np.prod(self.name.shape)), doc="Number of elements.")
    dtype: Any = property(lambda self: self.name.dtype, doc="NumPy dtype.")
    flags = property(lambda self: self.held.flags, doc="How the array lies in memory.")

    def __len__(self) -> int:
        return len(range(*self.shape[:1]))

    def __pow__(self, other: Any) -> Any:
        fun = POWERS.get(other) if type(other) in (int, float) and self.dtype.kind == "f" else None
        single = isinstance(getattr(other, "held", other), int | float | np.floating)
        if single and isinstance(self.held, np.floating):  # type: ignore[attr-defined]
            return bind(primitives[scalar_power], self, other)
        if fun and isinstance(self.held, np.ndarray):  # type: ignore[attr-defined]
            return bind(primitives[fun], self)
        return super().__pow__(other)


# book/speed/symbols.md: A symbol
class Symbol(Shut, Writable, Shaped, Called, Methods):
    """A value that passes for an array, and knows its name in a graph.

    Parameters
    ----------
    value : array or number
        What the run at hand computes.
    name : Name
        What it is called at the moment.
    level : Capture
        The interpreter that writes down what is done with it.
    """

    __slots__ = ("held", "level", "name", "source", "version", "__weakref__")

    node = record = base = None  # what an engine asks Variables and arrays for

    def __init__(self, value: Any, name: Name, level: Any) -> None:
        self.held, self.name, self.level = value, name, level
        self.source: Source | None = None  #: What it is a view of.
        self.version = 0  #: How often it was written to.

    def __repr__(self) -> str:
        return f"Symbol({self.name}:{self.name.kind})"

    def astype(self, dtype: Any, **options: Any) -> Any:
        """The values in another dtype."""
        return bind(primitives[np.ndarray.astype], self, dtype=np.dtype(dtype))

    def copy(self, order: str = "K") -> "Symbol":
        """A handle of its own on the same value."""
        return Symbol(self.held, self.name, self.level)

    def numpy(self) -> "Symbol":
        """The symbol itself, which passes for an array."""
        return self

    detach = numpy


# book/speed/symbols.md: Views
class Source(NamedTuple):
    """What a symbol is a view of."""

    owner: Any  #: Called, it gives the symbol, or None if that is gone.
    version: int  #: Of the owner, when the view was made.
    back: Any  #: Makes the owner's value from that of the view, or None if nobody knows how.


def base_in_use(symbol: Any) -> Any:
    """The symbol that one is a view of, if that is still in use."""
    return symbol.source.owner() if symbol.source else None


def note_view(symbol: Symbol, primitive: Primitive, args: Any, params: Any) -> None:
    """Note which argument a result is a view of."""
    value = symbol.held
    for a in args if isinstance(value, np.ndarray) else ():
        if type(a) is Symbol and (value is a.held or overlap(value, a.held)):
            way = same if value is a.held else BACK.get(primitive)
            owner = ref(a) if a.source is None else partial(same, a)  # a view has an owner
            symbol.source = Source(owner, a.version, way and partial(way, params))


def same(value: Any, *others: Any) -> Any:
    """The last of its arguments."""
    return others[-1] if others else value


def overlap(value: np.ndarray, other: Any) -> bool:
    """Whether an array is a view of another's memory."""
    return not value.flags.owndata and np.may_share_memory(value, other)


# book/speed/symbols.md: Views
def complexes(x: Any) -> Any:
    """Complex numbers from pairs of real ones."""
    return np.ascontiguousarray(x).view(np.result_type(x.dtype, np.complex64))[..., 0]


Primitive(complexes, "x", flat=True)

#: For primitives whose results are views: the value of the whole, from that of the view.
BACK: dict[Primitive, Any] = {
    primitives[as_pairs]: lambda params, owner, view: bind(primitives[complexes], view),
    primitives[getitem]: lambda params, owner, view: owner.at[params["index"]].set(view),
    primitives[reshape]: lambda params, owner, view: np.reshape(view, owner.shape),
    primitives[np.transpose]: lambda params, owner, view: np.transpose(
        view, turned_back(params, owner)
    ),
}


def turned_back(params: Any, owner: Any) -> Any:
    """The order of axes that undoes a transpose."""
    axes = params.get("axes")
    return None if axes is None else np.argsort([a % owner.ndim for a in axes]).tolist()


# book/speed/symbols.md: Views
def expect_way_back(symbol: Any, owner: Any) -> None:
    """Raise CaptureError if what is written into a view could not be written into its owner."""
    if owner is not None and symbol.source.back is None:
        raise CaptureError(
            f"{symbol.name} of shape {symbol.shape} was written to, and is a view of "
            f"{owner.name} of shape {owner.shape}. Write into that, as in x[index] -= ..., "
            "or into a copy."
        )


def expect_fresh(symbol: Any) -> None:
    """Raise CaptureError if a symbol is a view of another that was written to since."""
    owner = base_in_use(symbol)
    if owner is not None and owner.version != symbol.source.version:
        raise CaptureError(
            f"{symbol.name} of shape {symbol.shape} is a view of an array that was written to "
            "since the view was made. Make the view after the write, or a copy before."
        )


# book/speed/symbols.md: The level
def users_line() -> tuple[str, int]:
    """File and line of the innermost call that is neither the engine's nor NumPy's."""
    frame: Any = sys._getframe(2)
    while frame and trusted(frame.f_globals.get("__name__", "numpy")):
        frame = frame.f_back
    return (frame.f_code.co_filename, frame.f_lineno) if frame else ("", 0)


# book/speed/symbols.md: The level
class Notes(Interpreter):
    """What is noted of a program: equations, guards, and names for its values."""

    __slots__ = ("calls", "equations", "barriers", "expand", "guards", "names")

    def __init__(self, below: Interpreter, expand: Any = None) -> None:
        super().__init__(below)
        self.equations: list[Equation] = []
        self.guards: dict[Name, Guard] = {}
        self.names = 0
        self.calls: Counter[Fun] = Counter()  #: How deep each function is in itself.
        self.expand = expand
        self.barriers = {0: 0}  #: Numbers of the replays, in the order in which they came.

    def symbol(self, value: Any) -> Symbol:
        """A new name for a value."""
        self.names += 1
        weak = type(value) in (int, float, bool)
        dtype = getattr(value, "dtype", np.dtype(type(value) if weak else object))
        return Symbol(value, Name(self.names, np.shape(value), dtype, weak), self)

    def mine(self, value: Any) -> bool:
        """Whether a value is a symbol of this level."""
        return type(value) is Symbol and value.level is self

    def plain(self, value: Any) -> Any:
        """The value that a symbol has in this run; anything else as it is."""
        return value.held if self.mine(value) else value

    def named(self, value: Any) -> Any:
        """The name of a symbol; anything else as it is."""
        return value.name if self.mine(value) else value

    def ask(self, symbol: Symbol) -> bool:
        """The truth of a value, noted as a guard."""
        truth = bool(symbol.held)
        self.guards.setdefault(symbol.name, Guard(symbol.name, truth, users_line()))
        return truth


# book/speed/symbols.md: The level
class Capture(Notes):
    """Writes one equation for each primitive that meets a symbol."""

    __slots__ = ()

    def bind(self, primitive: Primitive, args: Any, params: dict[str, Any]) -> Any:
        """Apply a primitive, and write it down if a symbol takes part, or if it has an
        effect."""
        if not primitive.effect and not any(map(self.mine, leaves((args, params)))):
            return self.below.bind(primitive, args, params)
        if self.expand and self.expand(primitive):
            return primitive.fun(*args, **params)
        return self.note(primitive, args, params)

    def note(self, primitive: Primitive, args: Any, params: dict[str, Any]) -> Any:
        """Write an equation, and compute what it says."""
        for leaf in filter(self.mine, leaves((args, params))):
            expect_fresh(leaf)
        values = list(map(self.plain, args))
        out = carry_out(primitive, values, tree_map(self.plain, params), self.below)
        if type(out) is Symbol:
            return out
        made = tree_map(self.symbol, out)
        barrier = self.barriers.setdefault(replaying.get(), len(self.barriers))
        self.equations.append(
            Equation(
                primitive, tuple(map(self.named, args)), tree_map(self.named, params),
                tree_map(self.named, made), users_line(), barrier,
            )
        )
        for symbol in leaves(made):
            note_view(symbol, primitive, args, params)
        return made
