"""Rows, columns, and a line.

``Layout`` says how many ranks there are along each side, and ``GridStep`` is a
training step of a transformer in that layout.

::

    import numpy as np
    import autograd_book as ab
    from autograd_book.learn.sequence import Transformer
    from autograd_book.scale.grid import GridStep, Layout
    from autograd_book.scale.world import alongside

    def program(world):
        network = Transformer(words=11, width=8, heads=2, blocks=2, context=6)
        step = GridStep(world, network, Layout(tensor=2, pipeline=2), ab.optim.Adam)
        return round(step(np.arange(14).reshape(2, 7) % 11), 3)

    print(alongside(4, program))
"""
# Generated from book/scale/grid.md by autograd-book extract; edit the chapter, not this file.
# sha256: a2b22e058326237b56bbdfe1c2e0225b24a78d06faf9922bfe331eab987b2bfc

__all__ = [
    "RankGroup",
    "Layout",
    "Axes",
    "axes_of",
    "SelectiveAttention",
    "FirstWords",
    "LastScores",
    "slice_of",
    "layers_of",
    "TransformerPart",
    "add_up",
    "expect_even",
    "GridStep",
]


# book/scale/grid.md: A group inside of a world
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from autograd_book.scale.world import MEANINGS, Communicator, as_call


class RankGroup(Communicator):
    """Some ranks of a world, numbered anew.

    Parameters
    ----------
    world : Communicator
        Of which this rank must be one of the members.
    members : iterable of int
        Ranks of the world, in the order of their new numbers, the same on all members.
    """

    __slots__ = ("members", "world")

    def __init__(self, world: Communicator, members: Iterable[int]) -> None:
        self.world, self.members = world, [int(member) for member in members]
        self.rank, self.size = self.members.index(world.rank), len(self.members)

    def start(self, name: str, part: Any, how: Any = None) -> Callable[[], Any]:
        asked, part = as_call(self, name, part, how)
        others = [r for r in range(self.size) if r != self.rank]
        for other in others:
            self.send(part, other)
        parts = {other: self.receive(other) for other in others} | {self.rank: part}
        in_order = [parts[r] for r in range(self.size)]
        out = np.array(MEANINGS[name](in_order, self.rank, asked.how))
        return lambda: out

    def send(self, part: Any, to: int) -> None:
        self.world.send(part, self.members[to])

    def receive(self, source: int) -> Any:
        return self.world.receive(self.members[source])


# book/scale/grid.md: A layout
from dataclasses import dataclass
from typing import NamedTuple

from autograd_book.graph.errors import DifferentiationValueError


@dataclass(frozen=True)
class Layout:
    """How a training step is spread over ranks."""

    data: int = 1  #: Ranks with other examples.
    tensor: int = 1  #: Ranks with other columns of the same layers.
    pipeline: int = 1  #: Ranks with other layers.
    stage: int = 0  #: What is spread over the ranks of `data`: nothing, to everything in 3.
    recompute: str = "nothing"  #: A key of `RECOMPUTED` in the chapter on budgets.
    precision: str = "fp32"  #: A key of `PRECISIONS` there.
    micro: int = 1  #: Texts in a micro-batch.

    @property
    def ranks(self) -> int:
        """Ranks in all."""
        return self.data * self.tensor * self.pipeline


class Axes(NamedTuple):
    """The three groups that a rank is in."""

    data: Communicator
    tensor: Communicator
    pipeline: Communicator


def axes_of(world: Communicator, layout: Layout) -> Axes:
    """The groups of a rank: those of `tensor` are neighbours, those of `pipeline` far apart."""
    if world.size != layout.ranks:
        raise DifferentiationValueError(
            f"a layout for {layout.ranks} ranks was given to a world of {world.size}. Choose "
            "data, tensor and pipeline so that their product is the number of ranks."
        )
    box = np.arange(world.size).reshape(layout.pipeline, layout.data, layout.tensor)
    p, d, t = np.argwhere(box == world.rank)[0]
    lines = (box[p, :, t], box[p, d, :], box[:, d, t])
    return Axes(*(RankGroup(world, line) for line in lines))


# book/scale/grid.md: A part of a transformer
from autograd_book.learn.attention import CausalSelfAttention, causal_mask
from autograd_book.learn.nn import Module
from autograd_book.memory.checkpoint import checkpoint
from autograd_book.rules.softmax import softmax
from autograd_book.scale.sharding import Sharded
from autograd_book.scale.tensor_parallel import CutBlock, cut_parameters


class SelectiveAttention(CausalSelfAttention):
    """Attention, whole or cut, whose weights are computed again on the way back."""

    def __init__(self, attention: CausalSelfAttention) -> None:
        vars(self).update(vars(attention))

    def mixed(self, query: Any, key: Any, value: Any) -> Any:
        """Means of the values; all of shape (..., heads, time, width / heads)."""
        scores = (query * query.shape[-1] ** -0.5) @ np.swapaxes(key, -1, -2)
        return softmax(scores + causal_mask(scores.shape[-1], scores.dtype)) @ value

    def __call__(self, x: Any) -> Any:
        """What the attention computes of x."""
        parts = [self.apart(layer(x)) for layer in (self.query, self.key, self.value)]
        means = np.swapaxes(checkpoint(self.mixed)(*parts), -3, -2)
        return self.join(np.reshape(means, (*x.shape[:-1], -1)))


class FirstWords(Module):
    """From pieces of text to the vectors of this rank's words."""

    def __init__(self, network: Any, tensor: Communicator) -> None:
        self.tokens, self.positions = network.tokens, network.positions
        self.mine = slice_of(tensor, len(network.positions))

    def __call__(self, pieces: Any) -> Any:
        """Shape (texts, time) to (texts, time / ranks, width)."""
        return self.tokens(pieces[:, self.mine]) + self.positions[self.mine]


class LastScores(Module):
    """From vectors to scores."""

    def __init__(self, network: Any) -> None:
        self.norm, self.readout = network.norm, network.readout

    def __call__(self, x: Any) -> Any:
        """Shape (texts, time / ranks, width) to (texts, time / ranks, words)."""
        return self.readout(self.norm(x))


def slice_of(world: Communicator, length: int) -> slice:
    """This rank's part of a length, which is divided by the number of ranks."""
    each = length // world.size
    return slice(world.rank * each, (world.rank + 1) * each)


def layers_of(axes: Axes, network: Any, recompute: str) -> list[Any]:
    """The layers of a transformer that are this rank's."""
    line = axes.pipeline
    blocks = network.blocks[slice_of(line, len(network.blocks))]
    if axes.tensor.size > 1:
        blocks = [CutBlock(axes.tensor, block, words=True) for block in blocks]
    for block in blocks if recompute == "attention" else ():
        block.attention = SelectiveAttention(block.attention)
    first = [FirstWords(network, axes.tensor)] if line.rank == 0 else []
    last = [LastScores(network)] if line.rank == line.size - 1 else []
    return [*first, *blocks, *last]


# book/scale/grid.md: A part of a transformer
class TransformerPart(Module):
    """What a rank has of a transformer.

    Attributes
    ----------
    leaves, common : list of Variable
        The parameters, and those that the ranks of `tensor` have in common.
    """

    def __init__(self, axes: Axes, network: Any, layout: Layout) -> None:
        self.layers: list[Any] = []
        self.leaves: list[Any] = []
        self.common: list[Any] = []
        for layer in layers_of(axes, network, layout.recompute):
            own = {id(p) for p in cut_parameters(layer)}
            named = dict(layer.named_parameters())
            held: dict[str, Any] = dict(named)
            if layout.stage > 1:
                layer = Sharded(axes.data, layer, keep=layout.stage == 2)
                held = dict(zip(named, layer.pieces.values(), strict=True))
            elif layout.recompute == "blocks" and not isinstance(layer, FirstWords | LastScores):
                layer = checkpoint(layer)
            self.layers.append(layer)
            self.leaves += held.values()
            self.common += [held[name] for name, p in named.items() if id(p) not in own]

    def __call__(self, x: Any) -> Any:
        """What leaves the last layer of this rank."""
        for layer in self.layers:
            x = layer(x)
        return x


# book/scale/grid.md: The step
from autograd_book.learn.losses import cross_entropy
from autograd_book.scale.pipeline import pipelined
from autograd_book.scale.sharding import SpreadMemories


def add_up(world: Communicator, parameters: Iterable[Any]) -> None:
    """Add up the gradients of all ranks."""
    for p in parameters if world.size > 1 else ():
        p.grad = world.exchange("all_reduce", p.grad.numpy())


def expect_even(what: str, length: int, parts: int) -> None:
    """Raise unless a length can be cut into equal parts."""
    if length % parts:
        raise DifferentiationValueError(
            f"{length} {what} were to be cut into {parts} equal parts. Choose a layout whose "
            f"numbers divide {length}."
        )


class GridStep:
    """Training steps of a transformer that is spread over ranks.

    Parameters
    ----------
    world : Communicator
        All ranks.
    network : Transformer
        The same on all ranks; loses parameters in stages 2 and 3.
    layout : Layout
        For as many ranks. Stages 2 and 3 wrap layers by themselves: in stage 3 blocks
        are computed again in any case, and in stage 2 never.
    optimizer : callable
        Makes an optimiser of a list of Variables.
    axes : Axes, optional
        The groups, if they are not to be made of the world.
    """

    def __init__(
        self, world: Any, network: Any, layout: Layout, optimizer: Any, axes: Axes | None = None
    ) -> None:
        expect_even("blocks", len(network.blocks), layout.pipeline)
        expect_even("words of a text", network.context, layout.tensor)
        self.layout, self.axes = layout, axes or axes_of(world, layout)
        self.part = TransformerPart(self.axes, network, layout)
        self.leaves = self.part.leaves
        spread = layout.stage == 1
        moved = SpreadMemories(self.axes.data, self.leaves, optimizer) if spread else None
        self.mover: Any = moved or optimizer(self.leaves)
        self.optimizer = moved.optimizer if moved else self.mover

    def passes(self, pieces: Any) -> float:
        """Forward and backward passes; this rank's share of the loss, or 0."""
        axes, (texts, words) = self.axes, np.shape(pieces)
        expect_even("texts", texts, axes.data.size * self.layout.micro)
        mine = pieces[slice_of(axes.data, texts)]
        batches = np.split(mine, len(mine) // self.layout.micro)
        asked, share = slice_of(axes.tensor, words - 1), 1 / (axes.data.size * axes.tensor.size)

        def loss(scores: Any, i: int) -> Any:
            rows = np.reshape(scores, (-1, scores.shape[-1]))
            return cross_entropy(rows, batches[i][:, 1:][:, asked].ravel()) * share

        return pipelined(axes.pipeline, self.part, [b[:, :-1] for b in batches], loss).loss

    def __call__(self, pieces: Any) -> float:
        """Learn from pieces of text of shape (texts, context + 1), which all ranks give; the
        mean loss, in nats a word, as it was before."""
        for leaf in self.leaves:
            leaf.grad = None
        loss = self.passes(pieces)
        add_up(self.axes.tensor, self.part.common)
        if self.layout.stage == 0:
            add_up(self.axes.data, self.leaves)
        self.mover.step()
        for group in self.axes:
            loss = float(group.exchange("all_reduce", np.float64(loss)))
        return loss
