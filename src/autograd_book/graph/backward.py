"""The way back.

A walk takes the cotangent of one node and returns those of the leaves that it
reaches. Each node is visited once, youngest first, and is released when it is
left behind.

::

    from autograd_book import Variable
    from autograd_book.graph.backward import walk
    from autograd_book.graph.interpreter import ground

    x = y = Variable(1.0)
    for _ in range(64):
        y = y + y
    found = walk(y.node, 1.0, ground().pull)
    print(found[x.node] == 2.0**64)
"""
# Generated from book/graph/backward.md by autograd-book extract; edit the chapter, not this file.
# sha256: 5e9687f019fdfa7e5a10b3b617bb367fcd39dd20261be173a604e3e8411cf0a0

__all__ = [
    "reachable",
    "unbroadcast",
    "stretched",
    "conversions",
    "fit",
    "recalled",
    "expect_unreleased",
    "holders",
    "NOBODY_ELSE",
    "added",
    "walk",
]


# book/graph/backward.md: The order
from collections.abc import Callable
from operator import attrgetter
from sys import getrefcount
from typing import Any

import numpy as np

from autograd_book.graph.errors import DifferentiationValueError, FreedGraphError
from autograd_book.graph.record import FREED, USUAL, Leaf, Node


def reachable(end: Node) -> list[Node]:
    """All nodes that `end` depends on, and itself, oldest first."""
    seen, todo = {end}, [end]
    while todo:
        for node in todo.pop().inputs:
            if node not in seen:
                seen.add(node)
                todo.append(node)
    return sorted(seen, key=attrgetter("index"))


# book/graph/backward.md: Fitting
def unbroadcast(g: Any, shape: tuple[int, ...]) -> Any:
    """Sum `g` over the axes along which an array of `shape` was broadcast.

    Parameters
    ----------
    g : array or Variable
        Cotangent in the shape of the result.
    shape : tuple of int
        Shape of the argument.

    Returns
    -------
    array or Variable
        Cotangent in `shape`.
    """
    if g.shape == shape:
        return g
    extra = len(g.shape) - len(shape)
    axes = (*range(extra), *stretched(g.shape[extra:], shape, extra))
    # A sum of halves in halves would come to a halt; the walk rounds what it gets.
    wide = np.float32 if g.dtype.itemsize < 4 else None
    total = np.add.reduce(g, axis=axes, dtype=wide)
    return total if total.shape == shape else total.reshape(shape)


def stretched(long: tuple[int, ...], short: tuple[int, ...], first: int) -> list[int]:
    """Axes of length one in `short` that are longer in `long`, counted from `first`."""
    if long == short:
        return []
    return [i + first for i, (n, m) in enumerate(zip(long, short)) if m == 1 != n]


# book/graph/backward.md: Fitting
#: From a dtype to a function that converts arrays to it, for formats that need more care than ``astype`` takes.
conversions: dict[Any, Callable[[Any], Any]] = {}


def fit(g: Any, target: Node, source: Node) -> Any:
    """Bring a cotangent that `source` pulled into the shape and dtype of its input
    `target`.

    Raises
    ------
    DifferentiationValueError
        If the rule returned a shape that no broadcast explains.
    """
    plan: Any = source.plan
    if g is None:
        raise DifferentiationValueError(
            f"a rule of {plan.primitive.name} returned None for an argument of shape "
            f"{target.shape}. Return the cotangent, or zeros if there is none."
        )
    if not hasattr(g, "dtype"):
        g = np.asarray(g)
    if g.dtype.kind == "c" and target.dtype.kind == "f":
        g = np.real(g)
    if g.shape != target.shape and plan.primitive.elementwise:
        g = unbroadcast(g, target.shape)
    if g.shape != target.shape:
        raise DifferentiationValueError(
            f"a rule of {plan.primitive.name} returned a cotangent of shape {g.shape} for "
            f"an argument of shape {target.shape}. Make the rule return the shape of its "
            "argument."
        )
    if g.dtype == target.dtype:
        return g
    convert = conversions.get(target.dtype) if isinstance(g, np.ndarray) else None
    return convert(g) if convert else g.astype(target.dtype)


# book/graph/backward.md: The walk
def recalled(saved: Any) -> Any:
    """What a plan saved, from whatever form it was kept in."""
    return saved if type(saved) is tuple else saved.recall()


def expect_unreleased(nodes: list[Node]) -> None:
    """Raise FreedGraphError if an earlier walk has released one of the nodes."""
    if [node for node in nodes if node.saved is FREED]:
        raise FreedGraphError(
            "this graph was released by an earlier backward pass. "
            "Add results that share it and go back once; start each round of a loop from "
            "leaves and .detach() of what the last one left, and compute the result again; or "
            "pass retain_graph=True to the earlier pass."
        )


# book/graph/backward.md: The walk
def holders(array: Any) -> int:
    """How many references there are to an array that was handed to this function."""
    return getrefcount(array)


NOBODY_ELSE = holders(np.empty(0))  #: What the count is for an array without a name.


def added(total: Any, part: np.ndarray) -> Any:
    """Sum of two cotangents, in the memory of the first if it is in no other hands."""
    if type(total) is np.ndarray and getrefcount(total) == NOBODY_ELSE:
        flags = total.flags
        ours = flags.owndata and flags.writeable
        if ours and (flags.c_contiguous or total.strides == part.strides):
            return np.add(total, part, out=total)
    return total + part


# book/graph/backward.md: The walk
def walk(
    end: Node, g: Any, pull: Callable[[Node, Any], Any], retain: bool = False
) -> dict[Leaf, Any]:
    """Carry the cotangent of `end` back to the leaves.

    Parameters
    ----------
    end : Node
        Where the walk begins.
    g : array or Variable
        Its cotangent, of the node's shape.
    pull : callable
        ``pull(node, g)``: the verb of the interpreter stack.
    retain : bool
        Keep saved values for another walk. Otherwise each node is released as the walk
        leaves it.

    Returns
    -------
    dict
        Cotangent of each leaf that was reached.

    Raises
    ------
    FreedGraphError
        If an earlier walk has released a node of this graph.
    """
    nodes, cotangents = reachable(end), {end: g}
    found: dict[Any, Any] = {}
    expect_unreleased(nodes)
    while nodes:
        node = nodes.pop()
        g = cotangents.pop(node)
        if node.hooks:
            for hook in node.hooks:
                g = hook(g)
        if node.plan is None:
            found[node] = g
            continue
        saved = node.saved
        if type(saved) is not tuple:
            node.saved = recalled(saved)
        for target, part in zip(node.inputs, pull(node, g)):
            if (
                type(part) not in USUAL
                or part.dtype is not target.dtype
                or part.shape != target.shape
            ):
                part = fit(part, target, node)
            if target not in cotangents:
                cotangents[target] = part
            elif type(part) is np.ndarray:
                cotangents[target] = added(cotangents.pop(target), part)
            else:
                cotangents[target] = cotangents[target] + part
        if retain:
            node.saved = saved
        else:
            node.saved, node.inputs = FREED, ()
    return found
