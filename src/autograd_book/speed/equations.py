"""Equations.

A program as a list of equations: each applies one primitive to names and
constants, and gives its result a name.

::

    import numpy as np
    from autograd_book.graph.primitive import primitives
    from autograd_book.speed.equations import Equation, Graph, Name, evaluate

    x, y, z = (Name(i, (3,), np.dtype(float)) for i in (1, 2, 3))
    square = Equation(primitives[np.multiply], (x, x), {}, y)
    total = Equation(primitives[np.add], (y, 1.0), {}, z)
    graph = Graph((x,), (square, total), (z,))
    print(graph)
    print(evaluate(graph, np.arange(3.0)))
"""
# Generated from book/speed/equations.md by autograd-book extract; edit the chapter, not this file.
# sha256: ea00c7a443b2fda91902773fbae1e6a4f2fb444cfea84d60e122d0b8802fc82d

__all__ = [
    "Name",
    "short",
    "WIDTH",
    "source_of",
    "names_in",
    "Equation",
    "alike",
    "Guard",
    "Graph",
    "NUMBERS",
    "carry_out",
    "MissedGuard",
    "evaluate",
    "last_uses",
    "bytes_in_use",
]


# book/speed/equations.md: A name
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autograd_book.graph.errors import AutogradError
from autograd_book.graph.primitive import Primitive
from autograd_book.graph.stack import floor
from autograd_book.memory.repeat import restart_sources, state_of
from autograd_book.modes.trees import Tree, leaves, tree_map


@dataclass(frozen=True, slots=True)
class Name:
    """A value of a graph: its number, shape and dtype; never the value itself."""

    number: int
    shape: tuple[int, ...]
    dtype: Any  #: NumPy's; that of objects for a generator of random numbers.
    weak: bool = False  #: Whether it is a Python number, which takes the dtype of its partner.

    def __hash__(self) -> int:
        return self.number

    def __str__(self) -> str:
        return f"v{self.number}"

    @property
    def nbytes(self) -> int:
        """Bytes of the array that it stands for."""
        return int(np.prod(self.shape)) * int(self.dtype.itemsize)

    @property
    def kind(self) -> str:
        """Dtype and shape in short, as ``float32[64,10]``."""
        shape = f"[{','.join(map(str, self.shape))}]" if self.shape else ""
        return ("number" if self.weak else str(self.dtype)) + shape


# book/speed/equations.md: An equation
def short(value: Any) -> str:
    """A name, a number, or an array by its kind, in a printed equation."""
    if isinstance(value, (list, tuple)):
        inside = ", ".join(map(short, value))
        return f"({inside})" if isinstance(value, tuple) else f"[{inside}]"
    if isinstance(value, np.ndarray) and value.ndim:
        return f"<{value.dtype}[{','.join(map(str, value.shape))}]>"
    if isinstance(value, np.generic | np.ndarray):
        return f"{value.dtype}({value})"
    return str(value) if isinstance(value, Name) else repr(value)


# book/speed/equations.md: An equation
import linecache


WIDTH = 60  #: Of an equation, and of the line of the program behind it.


def source_of(line: tuple[str, int]) -> str:
    """The text of a line of a program, or where it is if the text cannot be found."""
    text = linecache.getline(*line).strip()
    if text:
        return text if len(text) <= WIDTH else text[: WIDTH - 3] + "..."
    return f"{line[0].rpartition('/')[2]}:{line[1]}" if line[0] else ""


# book/speed/equations.md: An equation
def names_in(tree: Tree) -> list[Name]:
    """The names in a tree of names and constants, in order."""
    return [leaf for leaf in leaves(tree) if type(leaf) is Name]


# book/speed/equations.md: An equation
@dataclass(frozen=True, slots=True, eq=False)
class Equation:
    """One primitive, applied to names and constants."""

    primitive: Primitive
    args: tuple[Any, ...]  #: Names and constants.
    params: dict[str, Any]  #: Trees of constants; there may be names in them.
    out: Any  #: The name of the result, or a tuple of names.
    line: tuple[str, int] = ("", 0)  #: File and line where the program asked for it.
    barrier: int = 0  #: Number of the replay that it belongs to; nothing is shared across.

    @property
    def inputs(self) -> list[Name]:
        """All names that are read."""
        return names_in((self.args, list(self.params.values())))

    @property
    def outs(self) -> list[Name]:
        """All names that are written."""
        return names_in(self.out)

    def __eq__(self, other: Any) -> bool:
        return type(other) is Equation and self.primitive is other.primitive and alike(
            (self.args, self.params, self.out, self.barrier),
            (other.args, other.params, other.out, other.barrier),
        )

    def __str__(self) -> str:
        written = [f"{name}:{name.kind}" for name in self.outs]
        parts = [short(a) for a in self.args]
        parts += [f"{k}={short(v)}" for k, v in self.params.items()]
        text = f"{', '.join(written)} = {self.primitive.name}({', '.join(parts)})"
        return f"{text:<{WIDTH}}  # {said}" if (said := source_of(self.line)) else text


# book/speed/equations.md: An equation
def alike(one: Any, other: Any) -> bool:
    """Whether two trees of names and constants are the same, to the last bit."""
    if type(one) is not type(other):
        return False
    if isinstance(one, (np.ndarray, np.generic)):
        return (
            one.dtype == other.dtype
            and one.shape == other.shape
            and np.asarray(one).tobytes() == np.asarray(other).tobytes()
        )
    if isinstance(one, float | complex):
        return repr(one) == repr(other)  # tells zeros apart, and not NaNs
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(alike(one[k], other[k]) for k in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(alike, one, other))
    return one is other or bool(one == other)


# book/speed/equations.md: A question and its answer
@dataclass(frozen=True, slots=True)
class Guard:
    """A question that the program asked of a value, and the answer that it got."""

    name: Any  #: Of the value; a constant, if a pass has found it out.
    truth: bool
    line: tuple[str, int] = ("", 0)  #: Where it was asked.

    def __str__(self) -> str:
        text = f"guard bool({short(self.name)}) is {self.truth}"
        return f"{text:<{WIDTH}}  # {said}" if (said := source_of(self.line)) else text


# book/speed/equations.md: The graph
@dataclass(frozen=True, eq=False)
class Graph:
    """Equations in an order in which they can be evaluated."""

    inputs: tuple[Name, ...]  #: Of the arguments, then one for each cell.
    equations: tuple[Equation, ...]
    outputs: tuple[Any, ...]  #: Names or constants: of the results, then one for each cell.
    guards: tuple[Guard, ...] = ()
    cells: tuple[Any, ...] = ()  #: Places of the state that goes in and comes out.
    form: Any = field(default=None, repr=False)  #: How calls go in and results come out.

    def __call__(self, *args: Any) -> Any:
        """What the captured function does with other arguments, and with its state."""
        return self.form.call(self, args)

    def __eq__(self, other: Any) -> bool:
        return type(other) is Graph and alike(
            (self.inputs, self.equations, self.outputs, self.guards),
            (other.inputs, other.equations, other.outputs, other.guards),
        )

    def edges(self) -> list[tuple[Name, Name]]:
        """For each name that is read the name that is computed from it."""
        return [(a, b) for e in self.equations for b in e.outs for a in e.inputs]

    def __len__(self) -> int:
        return len(self.equations)

    def count(self) -> Counter[str]:
        """How often each primitive occurs."""
        return Counter(equation.primitive.name for equation in self.equations)

    def __str__(self) -> str:
        read = ", ".join(f"{name}:{name.kind}" for name in self.inputs)
        lines = [*map(str, self.equations), *map(str, self.guards)]
        lines.append(f"return {', '.join(map(short, self.outputs))}")
        return "\n  ".join([f"graph({read}):", *lines])


# book/speed/equations.md: What a graph means
import operator

#: What NumPy's functions are for Python's numbers.
NUMBERS: dict[Callable[..., Any], Callable[..., Any]] = {
    np.add: operator.add, np.subtract: operator.sub, np.multiply: operator.mul,
    np.divide: operator.truediv, np.power: operator.pow, np.negative: operator.neg,
    np.positive: operator.pos, np.absolute: operator.abs, np.remainder: operator.mod,
    np.floor_divide: operator.floordiv, np.less: operator.lt, np.less_equal: operator.le,
    np.greater: operator.gt, np.greater_equal: operator.ge, np.equal: operator.eq,
    np.not_equal: operator.ne,
}


def carry_out(primitive: Primitive, args: Any, params: dict[str, Any], level: Any) -> Any:
    """A primitive applied to values at a level of the stack."""
    plain = NUMBERS.get(primitive.fun)
    if plain and all(type(a) in (int, float, bool) for a in args):
        return plain(*args)
    return level.bind(primitive, args, params)


# book/speed/equations.md: What a graph means
class MissedGuard(AutogradError, RuntimeError):
    """A graph was evaluated for values with which the program goes another way."""


# book/speed/equations.md: What a graph means
def evaluate(graph: Graph, *inputs: Any) -> tuple[Any, ...]:
    """The outputs of a graph for some inputs: equation by equation, nothing is optimised.

    Generators among the inputs move on, unless a guard is missed.

    Raises
    ------
    MissedGuard
        If the program would have taken another way with these inputs.
    """
    known: dict[Any, Any] = dict(zip(graph.inputs, inputs, strict=True))
    chance = [(v, state_of(v)) for v in inputs if hasattr(v, "bit_generator")]

    def value(leaf: Any) -> Any:
        return known[leaf] if type(leaf) is Name else leaf

    for equation in graph.equations:
        args = [value(a) for a in equation.args]
        params = {k: tree_map(value, v) for k, v in equation.params.items()}
        out = carry_out(equation.primitive, args, params, floor.get())
        known.update(zip(equation.outs, leaves(out), strict=True))
    for guard in graph.guards:
        if bool(value(guard.name)) is not guard.truth:
            restart_sources(chance)
            raise MissedGuard(
                f"bool({guard.name}) was {guard.truth} when the program was captured, and is "
                f"{not guard.truth} now. {source_of(guard.line)}\nCapture it again."
            )
    return tuple(map(value, graph.outputs))


# book/speed/equations.md: What a static graph knows
def last_uses(graph: Graph) -> dict[Name, int]:
    """For each name the position of the last equation that reads it; the number of equations
    for what is handed out, and that of its own for what nobody reads."""
    found = {name: i for i, e in enumerate(graph.equations) for name in e.outs}
    for i, equation in enumerate(graph.equations):
        found |= dict.fromkeys(equation.inputs, i)
    asked = [guard.name for guard in graph.guards]
    return found | dict.fromkeys(names_in([*graph.outputs, *asked]), len(graph))


def bytes_in_use(graph: Graph) -> list[int]:
    """Bytes of all computed values that are alive while each equation is carried out."""
    ends, alive, found = last_uses(graph), 0, []
    dying: Counter[int] = Counter()
    for i, equation in enumerate(graph.equations):
        for name in equation.outs:
            alive += name.nbytes
            dying[ends[name]] += name.nbytes
        found.append(alive)
        alive -= dying[i]
    return found
