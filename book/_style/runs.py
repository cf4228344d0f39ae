"""Networks that are trained at rates that are too high. A chapter that clips their gradients runs this file:
``%run ../_style/runs.py``.

Each of ``echo``, ``language`` and ``forgery`` takes a way of clipping and a rate, and returns a function that takes one
step and answers with its loss, and the optimiser. ``run`` takes steps until the loss is NaN.
"""

from functools import partial

import numpy as np

import autograd_book as ab
from autograd_book.learn.adversarial import Rivals, adversarial_step, discriminator, generator
from autograd_book.learn.digits import split_digits
from autograd_book.learn.sequence import RNN, Characters, Transformer, excerpts, language_step


class Clipped(ab.optim.SGD):
    """Descent that clips before each step, and notes the norms."""

    def __init__(self, network, lr, clip):
        super().__init__(network.parameters(), lr)
        self.network, self.clip, self.norms = network, clip, []

    def step(self):
        self.norms.append(self.clip(self.parameters))
        super().step()


def run(step, steps):
    """The losses of so many steps, or of those up to the first NaN."""
    losses = []
    with np.errstate(all="ignore"):
        while len(losses) < steps and not np.isnan(losses[-1:]).any():
            losses.append(step())
    return np.array(losses)


def echo(clip, lr=0.4):
    """A recurrent network that says again what it heard three steps ago, a number between -1 and 1."""
    rng = np.random.default_rng(0)
    network = ab.nn.Sequential(RNN(1, 32, rng=rng), ab.nn.Linear(32, 1, rng=rng))
    optimizer = Clipped(network, lr, clip)

    def step():
        heard = rng.uniform(-1, 1, (16, 20, 1)).astype(np.float32)
        optimizer.zero_grad()
        loss = ab.nn.mean_squared_error(network(heard)[:, 3:], heard[:, :-3])
        loss.backward()
        optimizer.step()
        return loss.item()

    return step, optimizer


sonnet = """Shall I compare thee to a summer's day? Thou art more lovely and more temperate:
Rough winds do shake the darling buds of May, And summer's lease hath all too short a date:
Sometime too hot the eye of heaven shines, And often is his gold complexion dimm'd;
And every fair from fair sometime declines,
By chance or nature's changing course untrimm'd;"""
letters = Characters(sonnet)
images = split_digits(ab.load_digits())[0].images


def language(clip, lr=3.0):
    """A small transformer that continues a sonnet letter by letter."""
    rng, tokens = np.random.default_rng(0), letters.encode(sonnet)
    network = Transformer(len(letters), width=24, heads=2, blocks=2, context=16, seed=0)
    optimizer = Clipped(network, lr, clip)

    def step():
        return language_step(network, optimizer, excerpts(tokens, 16, 8, rng))

    return step, optimizer


def forgery(clip, lr=1.0):
    """A pair of networks, of which one draws digits, and the other tells them from real ones."""
    rng = np.random.default_rng(0)
    forger, judge = generator(8, 48, seed=0), discriminator(48, seed=1)
    rivals = Rivals(Clipped(forger, lr, clip), Clipped(judge, lr, clip))

    def step():
        batch = images[rng.integers(0, len(images), 32)]
        return adversarial_step(forger, judge, rivals, batch, rng).discriminator

    return step, rivals.generator


measure = partial(ab.clip_gradients, max_norm=np.inf)  # measures and never clips
