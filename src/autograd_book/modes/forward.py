"""Forward mode.

``jvp`` runs a function once, with a tangent for each argument, and returns the
value together with its tangent.

::

    import numpy as np
    import autograd_book as ab

    value, tangent = ab.jvp(lambda v, g: v * 2.0 - 0.5 * g * 4.0, (10.0, 9.81), (1.0, 0.0))
    print(f"{value:.2f} {tangent:.1f}")
"""
# Generated from book/modes/forward.md by autograd-book extract; edit the chapter, not this file.
# sha256: 59b9d2e5adebc1627c2e506226cebc111d2e9e9e455c7631169d87de739bc11e

__all__ = [
    "along_elements",
    "along_line",
    "along_transpose",
    "push_tangents",
    "fit_tangent",
    "is_constant",
    "Tangent",
    "Forward",
    "jvp",
    "expect_tuples",
    "values_and_tangents",
    "fresh",
    "tangent_of",
]


# book/modes/forward.md: Pushing one operation
from typing import Any

import numpy as np

from autograd_book.graph.backward import walk
from autograd_book.graph.errors import (
    DifferentiationTypeError, DifferentiationValueError, with_usage,
)
from autograd_book.graph.interpreter import Interpreter, puller
from autograd_book.graph.primitive import Primitive, primitives, shape_of
from autograd_book.graph.record import (
    Node, Record, expect_below, expect_recordable, new, next_index, tie,
)
from autograd_book.graph.gradient import expect_kind
from autograd_book.graph.stack import bind, push, top
from autograd_book.graph.variable import Variable
from autograd_book.modes.transforms import (
    Fun, by_trees, expect_differentiable, expect_function, name_of, primal,
)
from autograd_book.modes.trees import Tree, expect_like, kind_of, tree_map


def along_elements(
    primitive: Primitive, i: int, t: Any, out: Any, values: Any, params: Any
) -> Any:
    """Tangent of an elementwise result: the rule of the argument, applied to its
    tangent."""
    plan: Any = primitive.plans[1 << i]
    node: Node = new(Node)
    node.plan, node.inputs, node.saved = plan, (), plan.save(out, values)
    node.params = params
    node.shape, node.dtype = shape_of(out), getattr(out, "dtype", None)
    node.index, node.hooks = next_index(), None
    (part,) = top.get().pull(node, t)
    return part


# book/modes/forward.md: Pushing one operation
def along_line(
    primitive: Primitive, i: int, t: Any, out: Any, values: Any, params: Any
) -> Any:
    """Tangent of a result that is linear in argument i: the function of the tangent."""
    # a constant has no slope
    params = {name: value for name, value in params.items() if name != "initial"}
    return top.get().bind(primitive, [*values[:i], t, *values[i + 1 :]], params)


# book/modes/forward.md: The transpose of a rule
def along_transpose(
    primitive: Primitive, i: int, t: Any, out: Any, values: Any, params: Any
) -> Any:
    """Tangent of any result: the transpose of the rule of argument i, applied to its
    tangent."""
    plan: Any = primitive.plans[1 << i]
    with push(Record, Variable, f"the tangent of {primitive.name}") as record:
        g = record.watch(np.zeros(shape_of(out), out.dtype))
        (part,) = plan.pull(g, plan.save(out, values), params)
    if type(part) is not Variable or part.record is not record or part.node is None:
        return np.zeros(shape_of(out), out.dtype)
    return walk(part.node, t, puller(top.get()))[g.node]


# book/modes/forward.md: Choosing among the three
def push_tangents(
    primitive: Primitive, tangents: dict[int, Any], out: Any, values: Any, params: Any
) -> Any:
    """Tangent of a result, given the tangents of some of its arguments by position."""
    total = None
    for i, t in tangents.items():
        linear = primitive.name_of(i) in primitive.linear
        way = (
            along_line
            if linear
            else along_elements
            if primitive.elementwise
            else along_transpose
        )
        part = fit_tangent(way(primitive, i, t, out, values, params), out)
        total = part if total is None else bind(primitives[np.add], total, part)
    return total


# book/modes/forward.md: Choosing among the three
def fit_tangent(t: Any, out: Any) -> Any:
    """A tangent in the shape and dtype of the result that it belongs to."""
    t = t if hasattr(t, "dtype") else np.asarray(t)
    if t.dtype.kind == "c" and out.dtype.kind == "f":
        t = np.real(t)
    t = t if t.shape == out.shape else np.broadcast_to(t, out.shape)
    return t if t.dtype == out.dtype else t.astype(out.dtype)


# book/modes/forward.md: The level that pushes
def is_constant(value: Any) -> bool:
    """Whether a value is a Variable that needs no gradient, at any level."""
    return type(value) is Variable and value.record is None


# book/modes/forward.md: The level that pushes
class Tangent:
    """What stands in place of a node in Variables of forward mode."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


# book/modes/forward.md: The level that pushes
class Forward(Interpreter):
    """Computes the tangent of each result along with its value.

    Parameters
    ----------
    below : Interpreter
        The next level.
    owner : str
        Who opened it, for messages.
    """

    __slots__ = ("owner",)

    def __init__(self, below: Interpreter, owner: str) -> None:
        super().__init__(below)
        self.owner = owner

    def bind(self, primitive: Primitive, args: Any, params: dict[str, Any]) -> Any:
        """Apply a primitive to values, and its derivative to tangents."""
        values: list[Any] = list(args)
        tangents: dict[int, Any] = {}
        for i, a in enumerate(args):
            if self.mine(a):
                values[i], tangents[i] = a.value, a.node.value
            elif type(a) is Variable and a.record is not None:
                expect_below(self, a)
        if tangents:
            values = [a.value if is_constant(a) else v for a, v in zip(args, values)]
        out = self.below.bind(primitive, values, params)
        if not tangents or primitive.flat:
            return out
        expect_recordable(primitive, out)
        return self.tied(out, push_tangents(primitive, tangents, out, values, params))

    def mine(self, value: Any) -> bool:
        """Whether a value is a Variable of this level."""
        owner: Any = value.record if type(value) is Variable else None
        return owner is self

    def tied(self, value: Any, tangent: Any) -> Variable:
        """A Variable of this level."""
        return tie(Variable, value, Tangent(tangent), self)


# book/modes/forward.md: The transformation
@with_usage
def jvp(f: Fun, primals: tuple[Tree, ...], tangents: tuple[Tree, ...]) -> tuple[Tree, Tree]:
    """Value of a function and its Jacobian-vector product.

    Parameters
    ----------
    f : callable
        Takes the primals and returns an array or number, or a tree of them.
    primals : tuple of array_like, or of trees
        Where to differentiate; floating point or complex.
    tangents : tuple of array_like, or of trees
        Direction of the change, in the form and the shapes of the primals.

    Returns
    -------
    out : array or tree
        ``f(*primals)``.
    tangent : array or tree
        Derivative of `out` along the tangents, in the form and the shapes of `out`.

    Raises
    ------
    DifferentiationTypeError
        If `primals` or `tangents` is not a tuple or list, or a primal is not floating
        point.
    DifferentiationValueError
        If a tangent does not have the form or the shape of its primal.
    """
    expect_function(f, "jvp")
    expect_tuples(primals, tangents)
    f, primals = by_trees(f, tuple(primals))
    expect_like(primals, tuple(tangents))
    with push(Forward, f"a derivative of {name_of(f)}") as level:
        tied = lambda p, t: level.tied(p := primal(p), tangent_of(p, t))
        result = f(*tree_map(tied, primals, tuple(tangents)))
    return values_and_tangents(tree_map(lambda v: expect_differentiable(f, v), result), level)


# book/modes/forward.md: The transformation
def expect_tuples(primals: Any, tangents: Any) -> None:
    """Raise unless both are tuples or lists."""
    for name, given in (("primals", primals), ("tangents", tangents)):
        if type(given) not in (tuple, list):
            raise DifferentiationTypeError(
                f"jvp was given a {type(given).__name__} as {name}. Give a tuple with one "
                "entry for each argument."
            )


# book/modes/forward.md: The transformation
def values_and_tangents(result: Tree, level: Forward) -> tuple[Tree, Tree]:
    """The values in a result, and their tangents."""
    value = tree_map(
        lambda v: fresh(v.value) if level.mine(v) or is_constant(v) else v, result
    )
    return value, tree_map(
        lambda v: fresh(v.node.value) if level.mine(v) else np.zeros_like(v), result
    )


def fresh(value: Any) -> Any:
    """A copy of a plain array; anything else as it is."""
    return value.copy() if isinstance(value, np.ndarray) else value


# book/modes/forward.md: The transformation
def tangent_of(p: Any, t: Any) -> Any:
    """t as a tangent of the primal p, or the error that says why it is none."""
    if kind_of(t) or shape_of(t) != p.shape:
        what = (
            f"of shape {shape_of(t)}" if not kind_of(t) else f"that is a {type(t).__name__}"
        )
        raise DifferentiationValueError(
            f"a tangent {what} was given for a primal of shape {p.shape}. Give it the "
            "shape of the primal."
        )
    expect_kind(t, p.dtype, "tangent")
    return fit_tangent(primal(t), p)
