"""Where gradients start and come to rest.

``backward`` starts at a single number, carries its cotangent back, and adds
what arrives to the ``.grad`` of each leaf. With ``create_graph=True`` the way
back is recorded too.

::

    from autograd_book import Variable

    x = Variable(3.0)
    (x * x * x).backward(create_graph=True)
    first = x.grad
    x.zero_grad()
    first.backward()
    print(first, x.grad)
"""
# Generated from book/graph/gradient.md by autograd-book extract; edit the chapter, not this file.
# sha256: 54d98f6a9955518ef5f6349434ca0c9c9a035319132cc15860f52c30a6f6f9d2

__all__ = [
    "conjugated",
    "expect_start",
    "expect_single_number",
    "expect_kind",
    "in_dtype",
    "seed",
    "delivery",
    "deliver",
    "place_gradient",
    "as_gradient",
    "hang",
    "fit_answer",
    "Link",
    "gradient_of",
    "switched",
    "Keeper",
    "Gradients",
]


# book/graph/gradient.md: Complex numbers
from collections.abc import Callable
from contextlib import nullcontext
from copy import copy
from sys import getrefcount
from threading import Lock
from typing import Any
from warnings import warn

import numpy as np

from autograd_book.graph.backward import NOBODY_ELSE, walk
from autograd_book.graph.errors import (
    DifferentiationTypeError, DifferentiationValueError, described,
)
from autograd_book.graph.interpreter import Interpreter, puller
from autograd_book.graph.methods import H
from autograd_book.graph.primitive import Handle, differentiable, shape_of
from autograd_book.graph.record import Leaf, Node, Record, tie
from autograd_book.graph.stack import Fun, NoGrad, as_constant, base, push, top


def conjugated(g: Any) -> Any:
    """A gradient as the walk carries it, and the other way round: the complex conjugate."""
    return np.conjugate(g) if g.dtype.kind == "c" else g


# book/graph/gradient.md: How a backward pass starts
def expect_start(end: Any) -> None:
    """Raise DifferentiationTypeError unless a walk can begin at a Variable."""
    if end.node is None:
        raise DifferentiationTypeError(
            "backward() was called on a Variable that depends on none that requires a "
            "gradient. Make an input with requires_grad=True, and compute outside "
            "no_grad()."
        )
    if end.record is not base:
        raise DifferentiationTypeError(
            "backward() was called on a Variable made inside "
            f"{getattr(end.record, 'owner', 'another call')}. Return it from the function; "
            "the transformation differentiates it."
        )


# book/graph/gradient.md: How a backward pass starts
def expect_single_number(end: Any) -> None:
    """Raise unless a Variable is a single real number, whose cotangent need not be given."""
    if end.dtype.kind == "c":
        raise DifferentiationTypeError(
            f"backward() was called on a Variable of dtype {end.dtype}, which has no "
            "gradient of this kind. Reduce it to a real number first, for example with "
            "np.abs, or pass a gradient."
        )
    if end.size != 1:
        raise DifferentiationValueError(
            f"backward() was called on a Variable of shape {end.shape} without a gradient. "
            "Reduce it to one number, for example with .sum(), or pass a gradient of that "
            "shape."
        )


def expect_kind(g: Any, dtype: Any, what: str) -> None:
    """Raise DifferentiationTypeError if a cotangent or tangent is no array of numbers, or a
    complex one for a real value."""
    found = getattr(g, "dtype", np.dtype(float))
    if isinstance(g, np.ma.MaskedArray) or not (differentiable(found) or found.kind in "biu"):
        raise DifferentiationTypeError(
            f"a {type(g).__name__} of dtype {found} was given as a {what}. Give an array of "
            "numbers, with 0 where a mask would stand."
        )
    if np.dtype(dtype).kind == "f" and (
        isinstance(g, complex) or getattr(getattr(g, "dtype", None), "kind", "f") == "c"
    ):
        raise DifferentiationTypeError(
            f"a complex {what} was given for a value of dtype {dtype}, which is real. Give "
            "its real part."
        )


# book/graph/gradient.md: How a backward pass starts
def in_dtype(value: Any, dtype: Any) -> Any:
    """A value as an array or number of a dtype; what stands for an array still does."""
    if isinstance(value, Handle):
        return value.astype(dtype)  # type: ignore[attr-defined]
    return np.asarray(value, dtype)[()]


def seed(end: Any, gradient: Any) -> tuple[Node, Any]:
    """The node at which a backward pass starts, and its cotangent."""
    expect_start(end)
    if gradient is None:
        expect_single_number(end)
        return end.node, np.ones(end.shape, end.dtype)[()]
    if shape_of(gradient) != end.shape:
        raise DifferentiationValueError(
            f"backward() of a Variable of shape {end.shape} was given a gradient of shape "
            f"{shape_of(gradient)}. Pass a gradient of the Variable's shape."
        )
    expect_kind(gradient, end.dtype, "gradient")
    recorded = type(gradient) is base.handle
    return end.node, conjugated(gradient if recorded else in_dtype(gradient, end.dtype))


# book/graph/gradient.md: Where gradients come to rest
delivery = Lock()  #: Held while a gradient is added.


def deliver(found: dict[Leaf, Any]) -> None:
    """Add the cotangents that a walk has found to the gradients of their leaves; the table
    is empty afterwards."""
    while found:
        leaf, g = found.popitem()
        g = conjugated(g)
        if type(g) is np.ndarray and getrefcount(g) == NOBODY_ELSE and g.flags.owndata:
            arrived = tie(base.handle, g, None, None)
        else:
            arrived = g if type(g) is base.handle else as_constant(np.copy(g))
        with delivery:  # two threads may deliver to one leaf
            leaf.grad = arrived if leaf.grad is None else leaf.grad + arrived


# book/graph/gradient.md: Where gradients come to rest
def place_gradient(variable: Any, value: Any) -> None:
    """Put a gradient into the leaf of a Variable."""
    if not isinstance(variable.node, Leaf):
        raise DifferentiationTypeError(
            "a gradient was assigned to a Variable that does not keep one. Only a Variable "
            "made with requires_grad=True keeps its gradient; assign it there."
        )
    variable.node.grad = None if value is None else as_gradient(variable, value)


def as_gradient(variable: Any, value: Any) -> Any:
    """A constant that can be the gradient of a Variable, or the error that says why it
    cannot."""
    if shape_of(value) != variable.shape:
        raise DifferentiationValueError(
            f"a gradient of shape {shape_of(value)} was assigned to a Variable of shape "
            f"{variable.shape}. Give it the Variable's shape, or None to forget it."
        )
    expect_kind(value, variable.dtype, "gradient")
    if type(value) is not base.handle:
        value = base.handle(value, requires_grad=False)
    if value.dtype.kind != variable.dtype.kind:
        value = value.astype(variable.dtype)  # a real gradient of a complex Variable
    return value


# book/graph/gradient.md: A look at the gradient in passing
def hang(variable: Any, hook: Fun) -> Fun:
    """Hang a function on the node of a Variable; a function that takes it off again."""
    node = variable.node
    if not callable(hook):
        raise DifferentiationTypeError(
            f"{described(hook)} was registered as a hook. Give a function of the gradient."
        )
    if node is None:
        raise DifferentiationTypeError(
            f"a hook was registered on a Variable of shape {variable.shape} that needs no "
            "gradient. Register it on a Variable made with requires_grad=True, or computed "
            "from one."
        )

    def shown(g: Any) -> Any:
        g = conjugated(g)
        answer = hook(g if type(g) is base.handle else as_constant(g))
        return conjugated(g if answer is None else fit_answer(answer, node))

    node.hooks = [*(node.hooks or ()), shown]

    def take_off() -> None:  # a new list: a walk may be going through the old one
        node.hooks = [hook for hook in node.hooks or () if hook is not shown] or None

    return take_off


def fit_answer(answer: Any, node: Node) -> Any:
    """What a hook returned as a gradient of a node, or the error that says why it is
    none."""
    if shape_of(answer) != node.shape:
        raise DifferentiationValueError(
            f"a hook returned a gradient of shape {shape_of(answer)} for a Variable of "
            f"shape {node.shape}. Return the gradient's shape, or None to leave it as it "
            "is."
        )
    expect_kind(answer, node.dtype, "gradient")
    recorded = type(answer) is base.handle and answer.node is not None
    return answer if recorded else in_dtype(getattr(answer, "value", answer), node.dtype)


# book/graph/gradient.md: Gradients of gradients
class Link(Interpreter):
    """Ties saved values to the nodes they came from, so that rules computed with them are
    recorded.

    Raises
    ------
    DifferentiationTypeError
        If nothing is recorded at the moment.
    """

    __slots__ = ()

    def __init__(self, below: Interpreter) -> None:
        super().__init__(below)
        while below is not None:
            if isinstance(below, NoGrad):
                raise DifferentiationTypeError(
                    "backward(create_graph=True) was called under no_grad(), where nothing "
                    "is recorded. Call it outside of the no_grad() block."
                )
            below = below.below

    def pull(self, node: Node, g: Any) -> Any:
        """Pull through a copy of the node whose saved values are Variables."""
        plan: Any = node.plan
        saved = [
            value if origin is None else tie(base.handle, value, origin, base)
            for value, origin in zip(node.saved, plan.origins(node), strict=True)
        ]
        linked = copy(node)
        linked.saved = saved
        return self.below.pull(linked, g)


# book/graph/gradient.md: What a training loop sees
def gradient_of(variable: Any) -> Any:
    """The gradient that a Variable has, or None; a warning if it cannot have one."""
    node = variable.node
    if isinstance(node, Leaf):
        return node.grad
    if node is not None:
        warn(
            f"the gradient of a computed Variable of shape {variable.shape} was asked for, "
            "and only leaves keep one. Ask the Variable that was made with "
            "Variable(data); update it under 'with no_grad():' with w -= ..., since w = "
            "w - ... makes another; or look at it with register_hook.",
            stacklevel=3,
        )
    return None


# book/graph/gradient.md: What a training loop sees
def switched(variable: Any, wanted: bool) -> Node | None:
    """The node of a Variable that shall, or shall not, require a gradient from now on.

    Raises
    ------
    DifferentiationTypeError
        If the Variable was computed, so that its graph is what settles it, or if its numbers
        have no derivative.
    """
    plain = isinstance(variable.value, np.ndarray)
    if not plain or not isinstance(variable.node, Leaf | None):
        raise DifferentiationTypeError(
            f"requires_grad={wanted!r} was assigned to a Variable of shape {variable.shape} "
            "that was computed, and only a Variable that was made can be switched. Use its "
            ".detach() for a constant."
        )
    if wanted and not differentiable(variable.dtype):
        raise DifferentiationTypeError(
            f"requires_grad={wanted!r} was assigned to a Variable of {variable.dtype}, which "
            "has no derivative. Make one of floating-point numbers, with .astype(float)."
        )
    return Leaf(variable.shape, variable.dtype) if wanted else None


# book/graph/gradient.md: What a training loop sees
class Keeper:
    """What a Variable says of its gradient, and how that is replaced."""

    __slots__ = ()

    @property
    def requires_grad(self: Any) -> bool:
        """Whether operations on it are recorded."""
        return self.node is not None

    @requires_grad.setter
    def requires_grad(self: Any, value: bool) -> None:
        if bool(value) != self.requires_grad:
            self.node = switched(self, bool(value))
            record: Record | None = base if value else None
            self.record = record

    @property
    def grad(self: H) -> H | None:
        """Gradient delivered by `backward`, of this Variable's shape; None before, and on
        computed Variables."""
        return gradient_of(self)

    @grad.setter
    def grad(self, value: Any) -> None:
        place_gradient(self, value)

    def zero_grad(self: Any) -> None:
        """Forget the gradient."""
        place_gradient(self, None)


# book/graph/gradient.md: What a training loop sees
class Gradients(Keeper):
    """The face that a training loop sees."""

    __slots__ = ()

    def register_hook(self: Any, hook: Fun) -> Fun:
        """Show the gradient of this Variable to a function, each time a backward pass has
        completed it.

        Parameters
        ----------
        hook : callable
            Takes the gradient, a Variable of this Variable's shape. What it returns, unless
            None, takes its place.

        Returns
        -------
        callable
            Takes the hook off again.
        """
        return hang(self, hook)

    def backward(
        self: Any,
        gradient: Any = None,
        retain_graph: bool = False,
        create_graph: bool = False,
    ) -> None:
        """Add the gradient of this Variable to `.grad` of every leaf that it depends on.

        Parameters
        ----------
        gradient : array_like, optional
            Cotangent to start from, of this Variable's shape; 1.0 for a single number.
        retain_graph : bool, optional
            Keep the graph for another call.
        create_graph : bool, optional
            Record the backward pass itself, so that gradients can be differentiated;
            implies `retain_graph`.

        Raises
        ------
        DifferentiationTypeError
            If this Variable does not depend on one that requires a gradient.
        DifferentiationValueError
            If it is not a single number and `gradient` is missing, or `gradient` does not
            have its shape.
        FreedGraphError
            If an earlier call has released the graph.
        """
        node, start = seed(self, gradient)
        with push(Link) if create_graph else nullcontext():
            found = walk(node, start, puller(top.get()), retain_graph or create_graph)
        deliver(found)
