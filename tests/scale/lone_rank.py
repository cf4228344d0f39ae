"""One rank of a layout by itself, with stand-ins for the others."""

import gc

import numpy as np

import autograd_book as ab
from autograd_book.learn.sequence import Transformer
from autograd_book.scale.grid import Axes, GridStep
from autograd_book.scale.sharding import Absent, Counting


class Lone(Absent):
    __slots__ = ("letter",)

    def __init__(self, rank, size, letter):
        super().__init__(rank, size)
        self.letter = letter

    def send(self, part, to):
        pass

    def receive(self, source):
        return np.zeros(self.letter, np.float32)


def one_rank(sizes, layout, place):
    network = Transformer(sizes.words, sizes.width, sizes.heads, sizes.blocks, sizes.context)
    letter = (layout.micro, sizes.context // layout.tensor, sizes.width)
    groups = Absent(0, layout.data), Absent(0, layout.tensor), Lone(place, layout.pipeline, letter)
    axes = Axes(*map(Counting, groups))
    return GridStep(None, network, layout, ab.optim.Adam, axes), axes


def measured(sizes, layout, place):
    """Peak of a step, what it sent, and what it holds between steps."""
    step, axes = one_rank(sizes, layout, place)
    pieces = np.zeros((sizes.batch, sizes.context + 1), np.int64)
    step(pieces)
    for group in axes:
        group.sent.clear()
    for leaf in step.leaves:
        leaf.grad = None
    gc.collect()
    with ab.memory_profile(step.leaves, step.optimizer) as seen:
        step(pieces)
    memories = sum(a.nbytes for state in step.optimizer.state for a in state.values() if np.ndim(a))
    held = {"parameters": sum(p.numpy().nbytes for p in step.leaves), "optimizer": memories}
    sent = {name: sum(group.sent.values()) for name, group in zip(axes._fields, axes, strict=True)}
    return seen.peak, sent, held
