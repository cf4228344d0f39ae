"""The Record.

A Record is an interpreter that ties each result to a node. Nodes point back at
nodes, never at the values a user holds, and never forward.

::

    import numpy as np
    from autograd_book import Variable

    x, y = Variable(2.0), Variable(3.0)
    z = x * y + x
    print(
        z.node.plan.primitive.name,
        "<-",
        [n.plan and n.plan.primitive.name for n in z.node.inputs],
    )
    print("saved by the product:", z.node.inputs[0].saved)
"""
# Generated from book/graph/record.md by autograd-book extract; edit the chapter, not this file.
# sha256: 5f91990585cfb9167dd52800bccd0e4a6d3e61d7f368f0a61163ad96a3293f52

__all__ = [
    "FREED",
    "next_index",
    "NOTHING",
    "Node",
    "Leaf",
    "new",
    "tie",
    "Record",
    "USUAL",
    "recordable",
    "expect_recordable",
    "expect_below",
]


# book/graph/record.md: The node
import itertools
from typing import Any, Final

import numpy as np

from autograd_book.graph.errors import DifferentiationTypeError, LeakedVariableError
from autograd_book.graph.interpreter import Interpreter
from autograd_book.graph.primitive import Handle, Plan, Primitive, differentiable, shape_of

FREED: Final = ("freed",)  #: What a released node has in place of saved values.
next_index = itertools.count().__next__  #: The moment of creation, as a number.
NOTHING: Final[dict[str, Any]] = {}  #: The parameters of most calls; one for all nodes.


class Node:
    """What remains of one operation: all that its pull needs."""

    __slots__ = (
        "plan", "inputs", "saved", "params", "shape", "dtype", "index", "hooks",
        "__weakref__",
    )

    plan: Plan | None  #: Which rules to run; None for a leaf.
    inputs: Any  #: Nodes of the differentiated arguments, in the order of the plan.
    saved: Any  #: Tuple of what the plan saved, another form of it, or `FREED`.
    params: dict[str, Any]  #: Parameters of the call.
    shape: tuple[int, ...]  #: Shape of the result.
    dtype: Any  #: Dtype of the result.
    index: int  #: Creation order, over all threads.
    hooks: Any  #: List of functions that the walk calls with the node's cotangent, or None.


# book/graph/record.md: The node
class Leaf(Node):
    """Node of a Variable that was not computed: an end of the graph, and the place of its
    gradient."""

    __slots__ = ("grad",)

    def __init__(self, shape: Any, dtype: Any) -> None:
        self.plan, self.inputs, self.saved, self.params = None, (), (), {}
        self.shape, self.dtype, self.index, self.hooks = shape, dtype, next_index(), None
        self.grad: Any = None  #: Sum of the gradients delivered so far.


# book/graph/record.md: Tying a value to a node
new: Any = object.__new__  #: Makes an object without calling its constructor.


def tie(handle: Any, value: Any, node: Any, record: Any) -> Any:
    """A Variable of class `handle` with the given state, without the checks of its
    constructor."""
    variable = new(handle)
    variable.value, variable.node, variable.record = value, node, record
    return variable


# book/graph/record.md: The level of the stack that remembers
class Record(Interpreter):
    """Ties the result of each operation on its Variables to a node.

    Parameters
    ----------
    below : Interpreter
        The next level.
    handle : type
        Class of the Variables; its instances have the attributes ``value``, ``node`` and
        ``record``.
    owner : str
        Who opened the Record, for messages.
    """

    __slots__ = ("handle", "owner")

    def __init__(self, below: Interpreter, handle: Any, owner: str = "the program") -> None:
        super().__init__(below)
        self.handle, self.owner = handle, owner

    def bind(self, primitive: Primitive, args: Any, params: dict[str, Any]) -> Any:
        """Apply a primitive; remember what its pull will need."""
        handle = self.handle
        values: list[Any] = []
        inputs: tuple[Node, ...] = ()
        mask, bit, constants = 0, 1, False
        for a in args:
            if type(a) is handle:
                record = a.record
                if record is self:
                    inputs += (a.node,)
                    mask += bit
                    a = a.value
                elif record is None:
                    constants = True
                    a = a.value
                else:
                    expect_below(self, a)
            values.append(a)
            bit += bit
        out = self.below.bind(primitive, values, params)
        if mask and (plan := primitive.plans[mask]):
            if type(out) not in USUAL or out.dtype.kind != "f":
                expect_recordable(primitive, out, self)
            node = Node()
            node.plan = plan
            node.inputs = inputs
            node.saved = plan.save(out, values)
            node.params = params or NOTHING
            node.shape = out.shape
            node.dtype = out.dtype
            node.index = next_index()
            node.hooks = None
            variable = new(handle)
            variable.value = out
            variable.node = node
            variable.record = self
            return variable
        if constants and type(out) is not handle and not primitive.flat:
            return tie(handle, out, None, None)
        return out

    def watch(self, value: Any) -> Any:
        """A Variable of this Record for a value it has not seen: a new leaf."""
        return tie(self.handle, value, Leaf(shape_of(value), value.dtype), self)


# book/graph/record.md: The level of the stack that remembers
#: Types of nearly all results. Whether one has a derivative is left to its dtype.
USUAL: Final = frozenset({np.ndarray, np.float64, np.float32, np.float16})


def recordable(out: Any) -> bool:
    """Whether a result is an array or number of NumPy's, or stands for one, that has a derivative."""
    return isinstance(out, (np.ndarray, np.generic, Handle)) and differentiable(out.dtype)


def expect_recordable(primitive: Primitive, out: Any, record: Record | None = None) -> None:
    """Raise DifferentiationTypeError for a result that cannot be tied to a node: one
    without a derivative, or that of a function which used another Variable of `record`
    inside."""
    if not recordable(out):
        ours = isinstance(out, (np.ndarray, np.generic, Handle))
        raise DifferentiationTypeError(
            f"{primitive.name} of a Variable gave a result of "
            f"{out.dtype if ours else type(out).__name__}, which has no derivative. Give it "
            "floating-point numbers, as with np.asarray(x, float), and return an array or "
            "NumPy number."
        )
    if record and type(out) is record.handle and out.record is record:
        raise DifferentiationTypeError(
            f"{primitive.name} gave a Variable of shape {out.shape}: inside it another "
            "Variable was used, whose gradient no rule of it computes. Make that an argument "
            "with a rule of its own, or use its .numpy() if a constant is meant."
        )


# book/graph/record.md: Variables that escaped
def expect_below(level: Interpreter, variable: Any) -> None:
    """Raise LeakedVariableError unless the Record that made `variable` is at work below
    `level`."""
    below = level.below
    while below is not None and below is not variable.record:
        below = below.below
    if below is None:
        raise LeakedVariableError(
            f"a Variable of shape {variable.shape} made inside {variable.record.owner} was "
            "used outside it. Return the value from the function, or use it in the thread "
            "and inside the call that made it."
        )
