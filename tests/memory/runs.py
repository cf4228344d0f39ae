"""Runs of checkpointed functions, compared and counted, for the tests of them."""

import numpy as np

import autograd_book as ab
from autograd_book.graph.interpreter import Interpreter
from autograd_book.graph.stack import push


class Counts(Interpreter):
    """Counts operations by name."""

    def __init__(self, below, found) -> None:
        super().__init__(below)
        self.found = found

    def bind(self, primitive, args, params):
        self.found[primitive.name] = self.found.get(primitive.name, 0) + 1
        return self.below.bind(primitive, args, params)


def counted():
    found = {}
    return found, push(Counts, found)


def blocks(n=4, width=16, seed=0):
    rng = np.random.default_rng(seed)
    return [ab.nn.Sequential(ab.nn.Linear(width, width, rng=rng, dtype=float), np.tanh) for _ in range(n)]


def parameters(layers):
    return [p for layer in layers for p in layer.parameters()]


def gradients(run, leaves):
    """The value of a run and the gradients of leaves after it."""
    for leaf in leaves:
        leaf.zero_grad()
    out = run()
    out.backward()
    return out.item(), [leaf.grad.numpy().copy() for leaf in leaves]


def same(plain, other, leaves):
    """Both runs give the same value and gradients, to the bit."""
    (a, ga), (b, gb) = gradients(plain, leaves), gradients(other, leaves)
    assert a == b
    for p, q in zip(ga, gb, strict=True):
        np.testing.assert_array_equal(p, q)


X = np.random.default_rng(5).normal(size=(8, 16))


def dropout(v, rng):
    return v * (rng.random(v.shape) < 0.5)
