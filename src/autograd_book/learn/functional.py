"""Networks as functions.

``functional_call`` computes what a network would with other values; ``grad``
and its relatives take a network for an argument; ``ravel`` makes one vector of
all that is learned.

::

    import numpy as np
    import autograd_book as ab

    network = ab.nn.Linear(2, 1, rng=0)
    x = np.ones((5, 2), np.float32)

    values = {name: 0 * p.numpy() for name, p in network.named_parameters()}
    print(ab.functional_call(network, values, x).shape)

    print(ab.grad(lambda network: np.mean(network(x) ** 2))(network).keys())

    vector, back = ab.ravel(network)
    print(vector.shape, back(vector)["weight"].shape)
"""
# Generated from book/learn/functional.md by autograd-book extract; edit the chapter, not this file.
# sha256: ea9b26fbb6c14b086fec8221e9327b6c45fb63e876e99753ec53c0385c20a24e

__all__ = [
    "rebuilt",
    "replaced_parts",
    "functional_call",
    "numbers_of",
    "as_values",
    "ravel",
    "expect_ravelled",
]


# book/learn/functional.md: The same network, with other values
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from autograd_book.graph.errors import (
    DifferentiationTypeError, DifferentiationValueError, with_usage,
)
from autograd_book.graph.primitive import shape_of
from autograd_book.learn.nn import Module, distinct, is_kept, named_leaves


def rebuilt(value: Any, others: dict[int, Any], built: dict[int, Any]) -> Any:
    """A module or container with other parts in place of some, given by identity; anything
    else as it is."""
    if id(value) in others:
        return others[id(value)]
    if id(value) in built:
        return built[id(value)]
    if isinstance(value, Module):
        made = built[id(value)] = object.__new__(type(value))
        vars(made).update({k: rebuilt(v, others, built) for k, v in vars(value).items()})
        return made
    if type(value) in (list, dict):
        made = built[id(value)] = type(value)()
        keys = value if isinstance(value, dict) else range(len(value))
        parts = [rebuilt(value[k], others, built) for k in keys]
        made.update(zip(keys, parts)) if isinstance(value, dict) else made.extend(parts)
        return made
    if type(value) is tuple:
        return tuple([rebuilt(part, others, built) for part in value])
    return value


# book/learn/functional.md: The same network, with other values
def replaced_parts(network: Module, values: Any) -> dict[int, Any]:
    """What stands for parts of a network, by their identity, from values by name.

    Raises
    ------
    DifferentiationTypeError
        If the values are not a mapping, or the network is none.
    DifferentiationValueError
        If a name is not known, or a shape is another.
    """
    if not isinstance(network, Module) or not isinstance(values, Mapping):
        given = f"a {type(network).__name__} and a {type(values).__name__}"
        raise DifferentiationTypeError(
            f"functional_call was given {given}. Give it a network, a dictionary such as "
            "dict(network.named_parameters()), and then the inputs."
        )
    own = distinct(named_leaves(network, "", set(), is_kept))
    if unknown := sorted(map(str, values.keys() - own.keys())):
        raise DifferentiationValueError(
            f"functional_call was given values for {unknown}, and the network has "
            f"{sorted(own)}. Use these names."
        )
    for name, value in values.items():
        if shape_of(value) != shape_of(own[name]):
            raise DifferentiationValueError(
                f"functional_call was given shape {shape_of(value)} for {name}, which has "
                f"shape {shape_of(own[name])}. Give each in its own shape."
            )
    return {id(own[name]): value for name, value in values.items()}


@with_usage
def functional_call(network: Module, values: Any, *inputs: Any, **options: Any) -> Any:
    """What a network would compute with other values of its parameters; it stays as it is.

    Parameters
    ----------
    network : Module
        Whose parts to use.
    values : mapping of str to array_like or Variable
        By the names of `named_parameters`, and of `named_buffers`; those that are left out
        are the network's own.
    *inputs, **options
        For the network.

    Returns
    -------
    object
        What the network returns.

    Raises
    ------
    DifferentiationTypeError, DifferentiationValueError
        If the values do not fit; see `replaced_parts`.
    """
    return rebuilt(network, replaced_parts(network, values), {})(*inputs, **options)


# book/learn/functional.md: A network for an argument
from autograd_book.graph.stack import base
from autograd_book.graph.variable import Variable
from autograd_book.modes.transforms import Fun, stand_ins


def numbers_of(parameter: Variable) -> Any:
    """The plain array of a parameter of the program; one that a derivative watches as it
    is."""
    return parameter.numpy() if parameter.record is base else parameter


def as_values(network: Module) -> tuple[dict[str, Any], Fun]:
    """The parameters of a network by name, and the network with others in their places."""
    values = {name: numbers_of(p) for name, p in network.named_parameters()}
    if not values:
        raise DifferentiationValueError(
            f"{network} was to be differentiated, and has no parameters. Give it at least "
            "one, which is a Variable in an attribute, and not held fast."
        )
    return values, lambda other: rebuilt(network, replaced_parts(network, other), {})


stand_ins[Module] = as_values


# book/learn/functional.md: One vector
from math import prod

from autograd_book.modes.trees import Tree, leaves, tree_map
from autograd_book.rules.linear import array


@with_usage
def ravel(tree: Tree) -> tuple[Any, Callable[[Any], Tree]]:
    """All numbers of a tree, or of the parameters of a network, as one vector.

    Parameters
    ----------
    tree : tree or Module
        Arrays, numbers and Variables in lists, tuples and dictionaries; a network stands for
        its parameters by name.

    Returns
    -------
    vector : array or Variable
        In the order of the leaves, in the dtype that holds them all.
    back : callable
        Takes a vector of that length; returns a tree of the form, shapes and dtypes of
        `tree`.

    Raises
    ------
    DifferentiationValueError
        If there are no leaves; from `back`, if the vector has another shape.
    """
    tree = as_values(tree)[0] if isinstance(tree, Module) else tree
    parts = [array(leaf) for leaf in leaves(tree)]
    if not parts:
        raise DifferentiationValueError(
            "ravel was given a tree without numbers. Give it one array or number at least."
        )
    ends = np.cumsum([prod(part.shape) for part in parts]).tolist()

    def back(vector: Any) -> Tree:
        expect_ravelled(vector, ends[-1])
        pieces = iter(zip([0, *ends], ends, parts))

        def piece(_: Any) -> Any:
            start, end, like = next(pieces)
            return np.reshape(vector[start:end], like.shape).astype(like.dtype)

        return tree_map(piece, tree)

    return np.concatenate([np.reshape(part, -1) for part in parts]), back


def expect_ravelled(vector: Any, length: int) -> None:
    """Raise unless a vector has the length of what it was made of."""
    if shape_of(vector) != (length,):
        raise DifferentiationValueError(
            f"a vector of shape {shape_of(vector)} was to become a tree of {length} "
            f"numbers. Give it the shape ({length},)."
        )
