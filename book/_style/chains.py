"""Chains of blocks, and what is held in them: ``%run ../_style/chains.py``.

The pages on checkpoints and schedules try things on these. `layers_of` makes equal layers, each of
which saves one array, `unequal` twelve blocks of four kinds. `course` and `peak` weigh saved values
at each pull, in units of the input, and `allocated` is the allocator's peak of a step.
"""

import gc
import os
import tracemalloc

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # One core, so that times can be compared.

import numpy as np

import autograd_book as ab
from autograd_book.graph.backward import reachable
from autograd_book.graph.interpreter import Interpreter
from autograd_book.graph.stack import push
from autograd_book.learn.attention import LayerNorm, TransformerBlock
from autograd_book.memory.checkpoint import saved_bytes


def layers_of(n, width=64):
    """Rectifier and product, n times; each saves what comes out of the rectifier."""
    products = [ab.nn.Linear(width, width, rng=seed) for seed in range(n)]
    return [ab.nn.Sequential(ab.nn.ReLU(), product) for product in products]


def unequal(width=32):
    """Twelve blocks: a transformer's, a normalised layer, a wide one and a narrow one, in turns."""
    linear = ab.nn.Linear
    kinds = [
        lambda seed: TransformerBlock(width, 4, rng=seed),
        lambda seed: ab.nn.Sequential(LayerNorm(width), linear(width, width, rng=seed)),
        lambda seed: ab.nn.Sequential(
            linear(width, 8 * width, rng=seed), np.tanh, linear(8 * width, width, rng=seed)
        ),
        lambda seed: ab.nn.Sequential(linear(width, width, rng=seed), np.tanh),
    ]
    return [kinds[seed % 4](seed) for seed in range(12)]


class Scale(Interpreter):
    """Weighs what is held before each pull, and does nothing else."""

    def __init__(self, below, weigh):
        super().__init__(below)
        self.weigh = weigh

    def pull(self, node, g):
        self.weigh()
        return super().pull(node, g)


def course(network, layers, x):
    """Bytes of saved values after the forward pass and before each pull, in units of the input."""
    out = network(x)
    nodes = reachable(out.node)
    besides = [x, *(p for layer in layers for p in layer.parameters())]
    noted = [saved_bytes(nodes, besides)]
    with push(Scale, lambda: noted.append(saved_bytes(nodes, besides))):
        out.backward(np.ones(out.shape, out.dtype))
    return [size / x.value.nbytes for size in noted]


def peak(network, layers, x):
    """Most bytes of saved values at a time, in units of the input."""
    return max(course(network, layers, x))


def allocated(step, leaves):
    """Most bytes at a time during a step, above those before, without the gradients of the last."""
    for _ in range(2):  # the first makes what is made once for all
        for leaf in leaves:
            leaf.zero_grad()
        gc.collect()
        tracemalloc.start()
        step()
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return most
