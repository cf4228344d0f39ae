"""Interpreters: one door down, one door back.

An interpreter is such a place. Interpreters stand on top of each other; each
does its part and hands the operation down, and NumPy stands at the bottom.

::

    import numpy as np
    from autograd_book.graph.interpreter import Evaluate, Interpreter
    from autograd_book.graph.primitive import primitives


    class Count(Interpreter):
        def bind(self, primitive, args, params):
            counts[primitive.name] = counts.get(primitive.name, 0) + 1
            return self.below.bind(primitive, args, params)


    counts = {}
    stack = Count(Evaluate())
    print(stack.bind(primitives[np.multiply], (6.0, 7.0), {}), counts)
"""
# Generated from book/graph/interpreter.md by autograd-book extract; edit the chapter, not this file.
# sha256: 26bdf64ce5f52ff42d835e0149122d1ea551b4589a5d2d40b0b6059757863825

__all__ = [
    "Interpreter",
    "puller",
    "Evaluate",
    "STRONG_SCALARS",
    "WeakScalars",
    "ground",
]


# book/graph/interpreter.md: Two verbs
from typing import Any

from autograd_book.graph.errors import advise
from autograd_book.graph.primitive import Primitive


class Interpreter:
    """One level of the stack. Passes both verbs down unless a subclass says otherwise.

    Parameters
    ----------
    below : Interpreter or None
        The next level; None at the bottom.
    """

    __slots__ = ("below",)

    def __init__(self, below: "Interpreter | None" = None) -> None:
        self.below: Any = below

    def bind(self, primitive: Primitive, args: Any, params: dict[str, Any]) -> Any:
        """Apply `primitive` to `args`: the way forward."""
        return self.below.bind(primitive, args, params)

    def pull(self, node: Any, g: Any) -> Any:
        """Cotangents of the inputs of `node`, given the cotangent `g` of its result: the
        way back."""
        return self.below.pull(node, g)

    def under(self, level: Any) -> "tuple[Interpreter, Interpreter]":
        """The stack from here down with one more level, and that level, which `level` makes of what is below it."""
        made = level(self)
        return made, made


def puller(level: Interpreter) -> Any:
    """The verb of the way back, of the first level from here down that has something to
    say."""
    while type(level).pull is Interpreter.pull:
        level = level.below
    return level.pull


# book/graph/interpreter.md: Two verbs
class Evaluate(Interpreter):
    """The bottom of the stack: NumPy itself, and the rules."""

    __slots__ = ()

    def bind(self, primitive: Primitive, args: Any, params: dict[str, Any]) -> Any:
        """Call the primitive's function."""
        try:
            return primitive.fun(*args, **params) if params else primitive.fun(*args)
        except Exception as error:
            advise(error, primitive.name, args)
            raise

    def pull(self, node: Any, g: Any) -> Any:
        """Call the rules of the node's plan."""
        return node.plan.pull(g, node.saved, node.params)


# book/graph/interpreter.md: An interpreter with a purpose
import numpy as np

#: Whether Python numbers have a dtype of their own.
STRONG_SCALARS = np.lib.NumpyVersion(np.__version__) < "2.0.0"


class WeakScalars(Interpreter):
    """Gives Python numbers the dtype of the arrays they meet, as NumPy 2 does by itself."""

    __slots__ = ()

    def bind(self, primitive: Primitive, args: Any, params: dict[str, Any]) -> Any:
        """Convert Python numbers among the arguments, then pass on."""
        kinds = {a.dtype for a in args if hasattr(a, "dtype") and a.dtype.kind == "f"}
        if len(kinds) == 1:
            (kind,) = kinds
            args = [kind.type(a) if type(a) in (int, float) else a for a in args]
        return self.below.bind(primitive, args, params)


def ground() -> Interpreter:
    """A new bottom of the stack, for the NumPy at hand."""
    return WeakScalars(Evaluate()) if STRONG_SCALARS else Evaluate()
