"""Notes of a call.

Notes have one step for each operation of a call. The second time, each step is
compared with the first.

::

    import numpy as np
    import autograd_book as ab
    from autograd_book.graph.primitive import primitives
    from autograd_book.memory.notes import CallNotes, compare, noted

    notes, multiply = CallNotes(np.tanh, True), primitives[np.multiply]
    v = ab.Variable(np.ones(3))
    step = noted(notes, multiply, (v, 2.0), {}, v * 2.0, 0)
    print(step.name, step.shape, step.marks)
    compare(notes, 0, step, noted(notes, multiply, (v, 2.0), {}, v * 2.0, 0), ())
"""
# Generated from book/memory/notes.md by autograd-book extract; edit the chapter, not this file.
# sha256: 270c25c4c6388b8fad10665ab04406d48ca98c3cc3dbc9e7c67a83f824218e75

__all__ = [
    "Step",
    "CallNotes",
    "noted",
    "is_older",
    "ReplayError",
    "OWN",
    "GLOBAL",
    "unlike_first",
    "expected",
    "compare",
    "Shell",
    "emptied",
    "refilled",
]


# book/memory/notes.md: What is noted of an operation
from typing import Any, NamedTuple

import numpy as np

from autograd_book.graph.errors import AutogradError, MutatedValueError
from autograd_book.graph.primitive import Primitive, shape_of
from autograd_book.graph.record import Leaf, Node, next_index, tie
from autograd_book.graph.stack import bottom
from autograd_book.graph.variable import Variable
from autograd_book.memory.repeat import marks, outcome
from autograd_book.modes.transforms import Fun, name_of
from autograd_book.modes.trees import Tree, tree_map


class Step(NamedTuple):
    """What is noted of an operation."""

    name: str  #: Name of the primitive.
    shape: Any  #: Shape of the result.
    dtype: Any  #: Dtype of the result, or its type.
    marks: Any  #: Of the constants that went in.
    result: Any  #: Mark of what came out, if the primitive is not trusted.
    unread: int  #: How many tickets it made, if none of them is for its result; else 0.
    captured: Any  #: Arrays of Variables that came in by closure.


# book/memory/notes.md: What is noted of an operation
class CallNotes:
    """What was done in a call of a function, and whether values are compared later."""

    __slots__ = ("f", "check", "start", "steps", "given", "exact", "inside", "moved")

    def __init__(self, f: Fun, check: bool) -> None:
        self.f, self.check, self.start = f, check, next_index()
        self.steps: list[Any] = []  #: A Step for each operation, as they began.
        self.inside: list[CallNotes] = []  #: Of checkpointed calls inside of this one.
        self.given: set[Any] = set()  #: Nodes of the Variables among the arguments.
        self.exact = True  #: Whether the arguments come back as they were, to the bit.
        self.moved = False  #: Whether NumPy's global generator moved meanwhile.


# book/memory/notes.md: Variables that came in by closure
def noted(
    notes: CallNotes, primitive: Primitive, args: Any, params: Any, out: Any, unread: int
) -> Step:
    """The note of an operation."""
    value = bottom(out)
    shape, dtype = getattr(value, "shape", ()), getattr(value, "dtype", type(value))
    inside = result = None
    if notes.check:
        inside, result = marks(args, params), outcome(primitive, value)
    older = [bottom(a) for a in args if type(a) is Variable and is_older(a.node, notes)]
    return Step(primitive.name, shape, dtype, inside, result, unread, tuple(older))


def is_older(node: Any, notes: CallNotes) -> bool:
    """Whether a Variable with this node comes neither from the call of a function nor from
    inside the function."""
    if not isinstance(node, Node) or node.index >= notes.start:
        return False
    return node not in notes.given or isinstance(node, Leaf) and notes.exact


# book/memory/notes.md: The comparison
class ReplayError(AutogradError, RuntimeError):
    """A function that was run again for its saved values, and did not do the same."""


#: Remedies for a function that did not do the same, without and with a suspicion.
OWN = (
    "Let it depend on its arguments and parameters alone, and draw random numbers from NumPy "
    "generators that are among them."
)
GLOBAL = (
    "NumPy's global generator moved in the first run, and it is not set back, since all "
    "threads share it: in place of np.random's functions, let it draw from a generator "
    "np.random.default_rng(seed) that is among its arguments or in its closure."
)


def unlike_first(notes: CallNotes, how: str) -> ReplayError:
    """The error for a replay that was not like the first run."""
    return ReplayError(
        f"the checkpointed function {name_of(notes.f)} {how}, and its gradient would be "
        f"wrong. {GLOBAL if notes.moved else OWN}"
    )


# book/memory/notes.md: The comparison
def expected(notes: CallNotes, place: int, primitive: Primitive) -> Step:
    """What was noted of an operation, or the error that it was another one."""
    step = notes.steps[place] if place < len(notes.steps) else None
    if step is None or step.name != primitive.name:
        raise unlike_first(
            notes,
            f"did {step.name if step else 'nothing more'} as operation {place} of the "
            f"forward pass, and {primitive.name} when it was run again",
        )
    return step


# book/memory/notes.md: The comparison
def compare(
    notes: CallNotes, place: int, step: Step, again: Step, given: tuple[Any, ...]
) -> None:
    """Raise ReplayError unless an operation was the same, and MutatedValueError if it used
    a parameter that has another value now; what was given is the same, if unpacked."""
    then, now = step.captured, again.captured
    unpacked = {*map(id, given)}
    if len(then) != len(now) or any(
        a is not b and id(b) not in unpacked for a, b in zip(then, now)
    ):
        raise MutatedValueError(
            f"a Variable of shape {shape_of((*now, *then)[0])} that the checkpointed "
            f"function {name_of(notes.f)} uses was changed between the forward pass "
            "and the backward pass, which runs it again. Call backward() before the "
            "change, such as the step of an optimiser."
        )
    if again[:-1] != step[:-1]:
        told = [f"{s.name} of {s.dtype} and shape {s.shape}" for s in (step, again)]
        told[1] = "the same of other values" if told[0] == told[1] else told[1]
        raise unlike_first(
            notes,
            f"did {told[0]} as operation {place} of the forward pass, and "
            f"{told[1]} when it was run again",
        )


# book/memory/notes.md: Arguments without their arrays
class Shell:
    """A Variable without its array."""

    __slots__ = ("layers",)

    def __init__(self, variable: Any) -> None:
        self.layers: list[tuple[Any, Any]] = []  #: Node and Record, from outside in.
        while type(variable) is Variable:
            self.layers.append((variable.node, variable.record))
            variable = variable.value

    def filled(self, value: Any) -> Any:
        """The Variable, with an array in it again."""
        for node, record in reversed(self.layers):
            value = tie(Variable, value, node, record)
        return value


# book/memory/notes.md: Arguments without their arrays
def emptied(tree: Tree) -> tuple[Tree, tuple[Any, ...]]:
    """A tree with shells in place of Variables, and their arrays."""
    arrays: list[Any] = []

    def emptied_leaf(leaf: Any) -> Any:
        value = bottom(leaf)
        if type(leaf) is not Variable or not isinstance(value, (np.ndarray, np.generic)):
            return leaf
        arrays.append(value)
        return Shell(leaf)

    return tree_map(emptied_leaf, tree), tuple(arrays)


def refilled(tree: Tree, arrays: tuple[Any, ...]) -> Tree:
    """The tree with Variables in place of the shells."""
    rest = iter(arrays)
    return tree_map(lambda v: v.filled(next(rest)) if type(v) is Shell else v, tree)
