"""Never silently wrong.

Under ``debug_nans`` the first operation that makes a NaN or an infinity of
finite numbers raises an error which names it, the ranges of its operands, and
the line of the program.

::

    import numpy as np
    import autograd_book as ab

    try:
        with ab.debug_nans(), np.errstate(all="ignore"):
            np.log(ab.Variable([2.0, 0.0]) * 3.0) + 1.0
    except ab.NonFiniteError as error:
        fact, _, place = str(error).partition(" in ")
        print(fact, place.partition(": ")[2], sep="\\n")
"""
# Generated from book/modes/pitfalls.md by autograd-book extract; edit the chapter, not this file.
# sha256: 221e446a4ab862dae8d28f92325c465ed31a94f5819266ad7ade8515105f3e31

__all__ = [
    "array_inside",
    "finite",
    "ranges",
    "shape_and_range",
    "PACKAGE",
    "user_line",
    "Lines",
    "expect_still_finite",
    "RANGED",
    "of_operation",
    "of_rule",
    "of_hook",
    "of_sum",
    "Finite",
    "debug_nans",
]


# book/modes/pitfalls.md: Who made it, and who passed it on
import sys
from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import Any, overload

import numpy as np

from autograd_book.graph.backward import fit
from autograd_book.graph.errors import NonFiniteError
from autograd_book.graph.interpreter import Interpreter
from autograd_book.graph.primitive import Primitive, differentiable
from autograd_book.graph.record import Node, next_index
from autograd_book.graph.stack import Fun, push
from autograd_book.graph.variable import Variable
from autograd_book.modes.batch import Batched


def array_inside(value: Any) -> Any:
    """What is inside any number of Variables and batches."""
    while type(value) in (Variable, Batched):
        value = value.value
    return value


def finite(value: Any) -> bool:
    """Whether a value has no NaN and no infinity; true for whatever is not made of
    floating-point numbers."""
    value = array_inside(value)
    dtype = np.dtype(float) if isinstance(value, float) else getattr(value, "dtype", None)
    return dtype is None or not differentiable(dtype) or bool(np.all(np.isfinite(value)))


# book/modes/pitfalls.md: Who made it, and who passed it on
def ranges(names: Any, values: Any) -> str:
    """For each named value its shape and the smallest and largest number in it."""
    return "; ".join(
        f"{name} {shape_and_range(array_inside(value))}" for name, value in zip(names, values)
    )


# book/modes/pitfalls.md: Who made it, and who passed it on
def shape_and_range(value: Any) -> str:
    """Shape and range of an array, in words."""
    array = np.asarray(value)
    if array.size == 0 or array.dtype.kind not in "biuf":
        return f"of shape {array.shape}"
    return f"of shape {array.shape} from {np.min(array):.6g} to {np.max(array):.6g}"


# book/modes/pitfalls.md: Which line it was
#: Frames of modules that begin with this name are the engine's.
PACKAGE = __name__.partition(".")[0]


def user_line() -> str:
    """File and line of the innermost call that does not come from the engine."""
    frame: Any = sys._getframe(1)
    while (
        frame.f_back is not None
        and frame.f_globals.get("__name__", "").partition(".")[0] == PACKAGE
    ):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


# book/modes/pitfalls.md: Which line it was
class Lines:
    """Where in a program the operations were applied that made nodes."""

    def __init__(self) -> None:
        self.indices: list[int] = []  #: Index before each operation.
        self.lines: list[str] = []  #: Its line in the program.

    def note(self) -> str:
        """The line of the operation that comes next."""
        self.indices.append(next_index())
        self.lines.append(user_line())
        return self.lines[-1]

    def of(self, node: Node) -> str:
        """Where the operation of a node was applied, in words."""
        place = bisect_right(self.indices, node.index) - 1
        return (
            f"the operation in {self.lines[place]}"
            if place >= 0
            else "an operation applied before debug_nans was entered"
        )


# book/modes/pitfalls.md: The question
def expect_still_finite(
    out: Iterable[Any], given: Iterable[Any], error: Callable[[], str]
) -> None:
    """Raise NonFiniteError if something in `out` is not finite and all of `given` is."""
    if not all(map(finite, out)) and all(map(finite, given)):
        raise NonFiniteError(error())


# book/modes/pitfalls.md: The question
RANGED = (np.ndarray, np.generic, float)  #: What has a range.


def of_operation(primitive: Primitive, args: Any, line: str) -> str:
    """Error of an operation that made something not finite."""
    names = [primitive.name_of(i) for i in range(len(args))]
    return (
        f"{primitive.name} made a NaN or an infinity of finite numbers in {line}: "
        f"{ranges(names, args)}. Keep its arguments where the function is finite."
    )


def of_rule(node: Any, g: Any, line: str) -> str:
    """Error of a rule that made something not finite."""
    shown = zip(("the cotangent", *node.plan.asks), (g, *node.saved))
    numbers = [(name, v) for name, v in shown if isinstance(array_inside(v), RANGED)]
    return (
        f"the rule of {node.plan.primitive.name} made a NaN or an infinity of finite "
        f"numbers for {line}: {ranges(*zip(*numbers))}. Keep its "
        "arguments where the derivative is finite."
    )


def of_hook(g: Any, line: str) -> str:
    """Error of a hook that made something not finite."""
    return (
        f"a hook made a NaN or an infinity of a finite gradient for {line}: "
        f"{ranges(['it'], [g])}. Let it return finite numbers, or None to change nothing."
    )


def of_sum(target: Node, part: Any, line: str) -> str:
    """Error of a cotangent that became infinite when it was converted or added."""
    return (
        f"a cotangent became infinite in {target.dtype}, when what came back from "
        f"{line} was converted or added: {ranges(['it'], [part])}. Make the loss, or its "
        "scale, smaller, or compute in a wider format there."
    )


# book/modes/pitfalls.md: The level that looks
class Finite(Interpreter):
    """Raises where an operation, a rule or a sum makes a NaN or an infinity of finite
    numbers."""

    __slots__ = ("lines", "sums", "last")

    def __init__(self, below: Interpreter) -> None:
        super().__init__(below)
        self.lines = Lines()
        self.sums: dict[Node, Any] = {}  #: Of the cotangents that a walk has brought so far.
        self.last = 0  #: Index of the node that was pulled last.

    def bind(self, primitive: Primitive, args: Any, params: dict[str, Any]) -> Any:
        """Apply a primitive, and look at the result."""
        line, given = self.lines.note(), (*args, *params.values())
        out = self.below.bind(primitive, args, params)
        expect_still_finite([out], given, lambda: of_operation(primitive, args, line))
        return out

    def pull(self, node: Node, g: Any) -> Any:
        """Pull a cotangent, and look at what comes out."""
        if node.index >= self.last:  # another walk
            self.sums.clear()
        self.last, arrived = node.index, self.sums.pop(node, None)
        if arrived is not None:
            expect_still_finite([g], [arrived], lambda: of_hook(g, self.lines.of(node)))
        parts, given = self.below.pull(node, g), (g, *node.saved)
        expect_still_finite(parts, given, lambda: of_rule(node, g, self.lines.of(node)))
        return [self.arrived(t, p, node) for t, p in zip(node.inputs, parts)] or parts

    def arrived(self, target: Node, part: Any, source: Node) -> Any:
        """A cotangent in the form in which the walk adds it up, if that stays finite."""
        fitted, before = fit(part, target, source), self.sums.get(target)
        with np.errstate(all="ignore"):
            total = array_inside(fitted) if before is None else before + array_inside(fitted)
        self.sums[target] = total
        error = lambda: of_sum(target, part, self.lines.of(source))
        expect_still_finite([total], (part, before), error)
        return fitted


# book/modes/pitfalls.md: The level that looks
@overload
def debug_nans() -> push: ...
@overload
def debug_nans(fun: Fun) -> Fun: ...
def debug_nans(fun: Fun | None = None) -> Any:
    """Context manager, or decorator with or without parentheses, under which the first NaN
    or infinity made of finite numbers raises an error.

    Raises
    ------
    NonFiniteError
        Names the operation, forward or on the way back, the ranges of its operands, and the
        line of the program.
    """
    block = push(Finite, called="debug_nans")
    return block if fun is None else block(fun)
