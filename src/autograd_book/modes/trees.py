"""Nested arguments.

A tree is an array, or a list, tuple, named tuple or dictionary of trees.
``tree_map`` applies a function to each array and keeps the form.

::

    import numpy as np
    from autograd_book.modes.trees import leaves, tree_map

    step = {"w": np.ones(2), "b": (0.5,)}
    print(tree_map(lambda p, g: p - 0.1 * g, {"w": np.zeros(2), "b": (1.0,)}, step))
    print(leaves(step))
"""
# Generated from book/modes/trees.md by autograd-book extract; edit the chapter, not this file.
# sha256: fb7c39a2fd0fa6fdfb7c45869ff36c2c0b613015d84a93cfa563d152832d11e9

__all__ = [
    "Tree",
    "Children",
    "containers",
    "kind_of",
    "leaves",
    "places",
    "tree_map",
    "expect_like",
    "container_in_words",
]


# book/modes/trees.md: Taking apart, putting together
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import Any

from autograd_book.graph.errors import DifferentiationValueError

Tree = Any  #: An array or number, or a container of trees.
Children = list[Any]  #: What stands in a container, in its order.

#: From a kind of container to its parts, and to a container like the given one with other
#: parts.
containers: dict[
    type, tuple[Callable[[Any], Iterable[Any]], Callable[[Any, Children], Any]]
] = {
    list: (list, lambda like, parts: parts),
    tuple: (list, lambda like, parts: tuple(parts)),
    dict: (lambda tree: tree.values(), lambda like, parts: dict(zip(like, parts))),
    OrderedDict: (
        lambda tree: tree.values(),
        lambda like, parts: OrderedDict(zip(like, parts)),
    ),
    defaultdict: (
        lambda tree: tree.values(),
        lambda like, parts: defaultdict(like.default_factory, zip(like, parts)),
    ),
    type(None): (lambda tree: (), lambda like, parts: None),
}


# book/modes/trees.md: Taking apart, putting together
def kind_of(tree: Tree) -> Any:
    """The row of `containers` for a tree, or None for a leaf."""
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return list, lambda like, parts: type(like)(*parts)
    return containers.get(type(tree))


# book/modes/trees.md: The walk
def leaves(tree: Tree) -> list[Any]:
    """The leaves of a tree, in order.

    Raises
    ------
    DifferentiationValueError
        If it has no end: a container that contains itself, or one nested so deep that
        Python cannot follow.
    """
    kind = kind_of(tree)
    if kind is None:
        return [tree]
    try:
        return [leaf for part in kind[0](tree) for leaf in leaves(part)]
    except RecursionError:
        raise DifferentiationValueError(
            f"a {type(tree).__name__} contains itself, or is nested too deep for Python to "
            "follow. Keep the arrays in one flat list or dictionary."
        ) from None


# book/modes/trees.md: The walk
def places(tree: Tree, place: str = "") -> Iterator[tuple[str, Any]]:
    """Each leaf of a tree after the place where it stands, such as ``['w'][0]``."""
    kind = kind_of(tree)
    if kind is None:
        yield place, tree
    else:
        keys = tree if isinstance(tree, dict) else count()
        for key, part in zip(keys, kind[0](tree)):
            yield from places(part, f"{place}[{key!r}]")


# book/modes/trees.md: A tree of results
def tree_map(f: Callable[..., Any], tree: Tree, *others: Tree) -> Tree:
    """A tree of the same form, with ``f(leaf, *other_leaves)`` in place of each leaf.

    Parameters
    ----------
    f : callable
        Takes one leaf of each tree.
    tree : tree
        Array or number, or list, tuple, named tuple or dictionary of trees.
    *others : tree
        Of the same form; a dictionary's keys in any order.

    Returns
    -------
    tree
        Of the form of `tree`.

    Raises
    ------
    DifferentiationValueError
        If the forms differ, or the tree has no end.
    """
    kind = kind_of(tree)
    if kind is None:
        return f(tree, *others)
    for other in others:
        expect_like(tree, other)
    ordered = [
        {key: other[key] for key in tree} if isinstance(tree, dict) else other
        for other in others
    ]
    columns = zip(kind[0](tree), *(kind[0](other) for other in ordered), strict=True)
    try:
        return kind[1](tree, [tree_map(f, *column) for column in columns])
    except RecursionError:
        leaves(tree)  # the tree may be to blame, and then says so
        raise


# book/modes/trees.md: A tree of results
def expect_like(tree: Tree, other: Tree) -> None:
    """Raise DifferentiationValueError unless two containers have the same kind and the same
    places."""
    same = type(tree) is type(other) and (
        tree.keys() == other.keys()
        if isinstance(tree, dict)
        else tree is None or len(tree) == len(other)
    )
    if not same:
        raise DifferentiationValueError(
            f"a tree has {container_in_words(other)} where {container_in_words(tree)} belongs. Give both the "
            "same form."
        )


# book/modes/trees.md: A tree of results
def container_in_words(tree: Tree) -> str:
    """A container in few words, for messages."""
    name = type(tree).__name__
    if isinstance(tree, dict):
        return f"a {name} with the keys {sorted(map(str, tree))}"
    return f"a {name} of {len(tree)}" if isinstance(tree, (list, tuple)) else f"a {name}"
