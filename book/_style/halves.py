"""The networks that are trained in half precision. A chapter that scales losses runs this file:
``%run ../_style/halves.py``.

The loss of a batch is its mean cross-entropy times a weight, ``2.0**-20`` unless another is given, and the rate of
``descent`` makes up for the weight. ``reading`` and ``continuing`` train with whatever takes a step, and note how it goes.
"""

from functools import partial

import numpy as np

import autograd_book as ab
from autograd_book.graph.interpreter import Interpreter
from autograd_book.graph.stack import innermost, push
from autograd_book.learn.digits import split_digits
from autograd_book.learn.sequence import Characters, Transformer, excerpts, next_token_loss
from autograd_book.learn.training import batches, loss_and_accuracy, perceptron

half, brain = partial(ab.autocast, np.float16), partial(ab.autocast, "bfloat16")
seen, unseen = split_digits(ab.load_digits())
SMALL = 2.0**-20


def share(network, batch, weight=SMALL):
    """The loss of a batch of digits, times a weight."""
    return weight * ab.nn.cross_entropy(network(batch.images), batch.labels)


def descent(network, weight=SMALL):
    """Descent with momentum whose rate makes up for the weight of the loss."""
    return ab.optim.SGD(network.parameters(), lr=0.1 / weight, momentum=0.9)


def course(steps, seed=0):
    """Batches of 64 images, epoch after epoch."""
    order = np.random.default_rng(seed)
    return [b for _ in range(steps // 23 + 1) for b in batches(seen, 64, order)][:steps]


def learn_in_single(network, optimizer, batch, weight=SMALL):
    """A step in single precision."""
    optimizer.zero_grad()
    share(network, batch, weight).backward()
    optimizer.step()


class Sizes(Interpreter):
    """Notes the sizes of the cotangents of all arrays, where they are not zero."""

    def __init__(self, below):
        super().__init__(below)
        self.noted = []

    def pull(self, node, g):
        sizes = np.abs(innermost(g)).ravel()
        self.noted.append(sizes[sizes > 0] if len(sizes) > 1 else [])
        return super().pull(node, g)


def sizes_of_cotangents(loss_of):
    """Those of one backward pass."""
    with push(Sizes) as level:
        loss_of().backward()
    return np.concatenate(level.noted)


def reading(learn, mode, scaler, seed, steps=66):
    """Digits read correctly, every third step."""
    network, found = perceptron(seed=seed), []
    optimizer = descent(network)
    for i, batch in enumerate(course(steps, seed)):
        learn(optimizer, scaler, mode, lambda batch=batch: share(network, batch))
        if i % 3 == 2:
            found.append(100 * loss_and_accuracy(network, unseen)[1])
    return found


def continuing(text, learn, mode, scaler, seed, steps=50, weight=SMALL):
    """Loss of a transformer that continues a text, before each step, in nats a character."""
    letters = Characters(text)
    tokens = letters.encode(text)
    network = Transformer(len(letters), width=32, heads=2, blocks=2, context=32, seed=seed)
    optimizer = ab.optim.Adam(network.parameters(), lr=3e-3, eps=1e-8 * weight)
    rng, found = np.random.default_rng(seed), []
    for _ in range(steps):
        pieces = excerpts(tokens, 32, 8, rng)
        loss_of = lambda pieces=pieces: weight * next_token_loss(network, pieces)
        found.append(learn(optimizer, scaler, mode, loss_of) / weight)
    return found
