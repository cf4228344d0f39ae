"""Steps of training with any of the book's tools around them: ``%run ../_style/together.py``.

``train_with(model, tools)`` takes a few steps of a small network with the tools that are named, and gives its losses
and its parameters. ``changing`` and ``silent`` are the names of the tools: those that change the numbers by their
nature, and those that must not.
"""

from contextlib import nullcontext

import numpy as np

import autograd_book as ab
from autograd_book.learn.digits import load_digits
from autograd_book.learn.losses import cross_entropy
from autograd_book.learn.sequence import RNN, Transformer, next_token_loss
from autograd_book.learn.training import perceptron

changing = ("clip", "precision")
silent = ("checkpoint", "policy", "profile", "compile")
digits = load_digits()


class Convolutional(ab.nn.Module):
    """One convolution of 4 channels, maxima of 2 x 2, and a layer of scores."""

    def __init__(self, rng):
        self.kernel = ab.Variable(rng.normal(0, 0.3, (4, 1, 3, 3)).astype(np.float32))
        self.scores = ab.nn.Linear(4 * 16, 10, rng=rng)

    def __call__(self, images):
        maps = ab.relu(ab.conv2d(np.reshape(images, (-1, 1, 8, 8)), self.kernel, padding=1))
        return self.scores(np.reshape(ab.max_pool2d(maps, 2), (len(images), -1)))


def recurrent(rng):
    """Reads a digit row by row."""
    read = lambda images: np.reshape(images, (-1, 8, 8))
    return ab.nn.Sequential(read, RNN(8, 16, rng=rng), lambda states: states[:, -1], ab.nn.Linear(16, 10, rng=rng))


def classifier(network):
    """A network, the loss of a batch, and batches of digits."""
    pieces = [slice(16 * i, 16 * i + 16) for i in range(3)]
    batches = [(digits.images[piece], digits.labels[piece]) for piece in pieces]
    return network, lambda images, labels: cross_entropy(network(images), labels), batches


def language():
    """A transformer, the loss of a batch, and batches of words."""
    network = Transformer(words=20, width=16, heads=2, blocks=2, context=8)
    batches = [(piece,) for piece in np.random.default_rng(0).integers(0, 20, (3, 4, 9))]
    return network, lambda words: next_token_loss(network, words), batches


models = {
    "perceptron": lambda: classifier(perceptron(32)),
    "CNN": lambda: classifier(Convolutional(np.random.default_rng(0))),
    "RNN": lambda: classifier(recurrent(np.random.default_rng(0))),
    "transformer": language,
}


def made_step(network, loss, tools, policy="bits"):
    """A step of training with tools around it, and its optimiser."""
    optimizer = ab.optim.AdamW(network.parameters(), lr=1e-3)
    scaler = ab.GradScaler(2.0**10, enabled="precision" in tools)
    for name, around in {
        "checkpoint": ab.checkpoint,
        "policy": ab.saved_values(policy),
        "precision": ab.autocast(),
    }.items():
        loss = around(loss) if name in tools else loss

    def step(*batch):
        optimizer.zero_grad()
        value = loss(*batch)
        scaler.scale(value).backward()
        scaler.unscale_(optimizer)
        if "clip" in tools:
            ab.clip_gradients(optimizer.parameters, 0.5)
        scaler.step(optimizer)
        scaler.update()
        return value.detach()

    return (ab.compile(step, exact=True) if "compile" in tools else step), optimizer


def train_with(model, tools, policy="bits", steps=4):
    """The losses and the parameters after so many steps."""
    network, loss, batches = models[model]()
    step, _ = made_step(network, loss, tools, policy)
    losses = []
    for number in range(steps):
        with ab.profile() if "profile" in tools else nullcontext():
            losses.append(step(*batches[number % len(batches)]).item())
    return losses, [p.numpy().copy() for p in network.parameters()]


def difference(one, other):
    """The largest difference between losses and parameters of two runs."""
    pairs = [*zip(one[0], other[0], strict=True), *zip(one[1], other[1], strict=True)]
    return max(float(np.max(np.abs(a - b))) for a, b in pairs)
