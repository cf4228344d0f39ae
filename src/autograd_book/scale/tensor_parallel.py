"""Cutting a layer.

``CutBlock`` takes a block of a transformer apart, so that each rank has some
of the heads and a part of the hidden layer.

::

    import numpy as np
    from autograd_book.learn.attention import TransformerBlock
    from autograd_book.scale.tensor_parallel import CutBlock
    from autograd_book.scale.world import alongside

    x = np.random.default_rng(0).normal(size=(2, 6, 8))
    whole = TransformerBlock(8, 2, rng=0, dtype=float)

    def program(world):
        block = CutBlock(world, TransformerBlock(8, 2, rng=0, dtype=float))
        return float(np.abs((block(x) - whole(x)).numpy()).max()) < 1e-12

    print(alongside(2, program))
"""
# Generated from book/scale/tensor_parallel.md by autograd-book extract; edit the chapter, not this file.
# sha256: eaa92521367c50573cc95c5aa2d2708181c2ebceb4aab9430cad2467d39b019c

__all__ = [
    "cut",
    "Columns",
    "Rows",
    "cut_parameters",
    "add_shares",
    "CutAttention",
    "gather_words",
    "scatter_words",
    "CutBlock",
]


# book/scale/tensor_parallel.md: Columns, then rows
from typing import Any

import numpy as np

from autograd_book.graph.errors import DifferentiationValueError
from autograd_book.graph.variable import Variable
from autograd_book.learn.nn import Linear, Module
from autograd_book.scale.world import Communicator


def cut(world: Communicator, parameter: Any, axis: int) -> Variable:
    """This rank's part of a parameter along an axis."""
    length = parameter.shape[axis]
    if length % world.size:
        raise DifferentiationValueError(
            f"a parameter of shape {parameter.shape} was to be cut along axis {axis} for "
            f"{world.size} ranks. Choose a number of ranks that divides {length}."
        )
    return Variable(np.split(parameter.numpy(), world.size, axis)[world.rank])


class Columns(Linear):
    """A linear layer of whose outputs this rank computes a part."""

    def __init__(self, world: Communicator, layer: Linear) -> None:
        self.weight = cut(world, layer.weight, 1)
        self.bias = layer.bias if layer.bias is None else cut(world, layer.bias, 0)


class Rows(Module):
    """A linear layer that takes this rank's part of the inputs, and gives a summand."""

    def __init__(self, world: Communicator, layer: Linear) -> None:
        self.weight = cut(world, layer.weight, 0)
        self.bias = layer.bias  #: For the sum; the same on all ranks.

    def __call__(self, x: Any) -> Any:
        """The summand of this rank, without the bias."""
        return x @ self.weight


# book/scale/tensor_parallel.md: The way back, and a factor
from collections.abc import Iterator


def cut_parameters(network: Any) -> Iterator[Variable]:
    """The parameters of which each rank has a part of its own."""
    if isinstance(network, Columns):
        yield from network.parameters()
    elif isinstance(network, Rows):
        yield network.weight
    elif isinstance(network, Module | list | tuple | dict):
        inside = vars(network) if isinstance(network, Module) else network
        for part in inside.values() if isinstance(inside, dict) else inside:
            yield from cut_parameters(part)


def add_shares(world: Communicator, network: Module) -> None:
    """Add up the gradients of the parameters that all ranks have."""
    own = {id(p) for p in cut_parameters(network)}
    for p in network.parameters():
        if id(p) not in own and p.grad is not None:
            p.grad = world.exchange("all_reduce", p.grad.numpy())


# book/scale/tensor_parallel.md: Heads
from autograd_book.learn.attention import CausalSelfAttention, TransformerBlock


class CutAttention(CausalSelfAttention):
    """Attention of which this rank computes some heads; gives a summand."""

    def __init__(self, world: Communicator, attention: CausalSelfAttention) -> None:
        if attention.heads % world.size:
            raise DifferentiationValueError(
                f"attention with {attention.heads} heads was to be cut for {world.size} ranks. "
                "Choose a number of ranks that divides the number of heads."
            )
        self.heads = attention.heads // world.size
        parts = (attention.query, attention.key, attention.value)
        self.query, self.key, self.value = [Columns(world, layer) for layer in parts]
        self.join: Any = Rows(world, attention.join)

    def __call__(self, x: Any) -> Any:
        """From shape (..., time, width) to a summand of that shape."""
        means = self.weights(x) @ self.apart(self.value(x))
        return self.join(np.reshape(np.swapaxes(means, -3, -2), (*x.shape[:-1], -1)))


# book/scale/tensor_parallel.md: Words instead of copies
from autograd_book.scale.collectives import all_gather, all_reduce, reduce_scatter


def gather_words(x: Any, world: Communicator) -> Any:
    """From this rank's words to all: (..., time / ranks, width) to (..., time, width)."""
    parts = np.moveaxis(all_gather(x, world), 0, -3)
    return np.reshape(parts, (*x.shape[:-2], world.size * x.shape[-2], x.shape[-1]))


def scatter_words(x: Any, world: Communicator) -> Any:
    """The sum over all ranks of this rank's words: (..., time, width) to (..., time / ranks,
    width)."""
    time, width = x.shape[-2:]
    parts = np.reshape(x, (*x.shape[:-2], world.size, time // world.size, width))
    return reduce_scatter(np.moveaxis(parts, -3, 0), world)


class CutBlock(Module):
    """A block of a transformer of which each rank computes a part.

    Parameters
    ----------
    world : Communicator
        The ranks; all of them have the same block.
    block : TransformerBlock
        Heads and width are divided by the number of ranks.
    words : bool
        Whether each rank has some of the words between the layers, instead of all of them.
    """

    def __init__(self, world: Communicator, block: TransformerBlock, words: bool = False) -> None:
        self.world, self.words = world, words
        self.before, self.between = block.before, block.between
        self.attention = CutAttention(world, block.attention)
        wide, self.relu, narrow = (block.perceptron[i] for i in range(3))
        self.wide, self.narrow = Columns(world, wide), Rows(world, narrow)

    def enter(self, x: Any) -> Any:
        """What a cut layer is given."""
        return gather_words(x, self.world) if self.words else x

    def leave(self, x: Any, bias: Any) -> Any:
        """The sum of what the ranks computed, and its bias."""
        return (scatter_words if self.words else all_reduce)(x, self.world) + bias

    def __call__(self, x: Any) -> Any:
        """Shape (..., time, width), or of this rank's words, in and out."""
        heads = self.attention(self.enter(self.before(x)))
        x = x + self.leave(heads, self.attention.join.bias)
        hidden = self.relu(self.wide(self.enter(self.between(x))))
        return x + self.leave(self.narrow(hidden), self.narrow.bias)
