"""Training steps of several networks, for the tests of this folder."""

import numpy as np

import autograd_book as ab
from autograd_book import Variable, nn
from autograd_book.learn.optim import AdamW
from autograd_book.learn.sequence import RNN, Transformer, next_token_loss
from autograd_book.memory.meter import parameters_of


def perceptron():
    network = nn.Sequential(*(nn.Linear(256, 256, rng=i) if i % 2 == 0 else nn.ReLU() for i in range(5)))
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(512, 256)).astype(np.float32), rng.integers(0, 256, 512)
    return [network], lambda: nn.cross_entropy(network(x), labels)


def recurrent():
    layer, readout = RNN(32, 256, rng=0), nn.Linear(256, 10, rng=1)
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(128, 10, 32)).astype(np.float32), rng.integers(0, 10, 128)
    return [layer, readout], lambda: nn.cross_entropy(readout(layer(x)[:, -1]), labels)


def convolutional():
    rng = np.random.default_rng(0)
    kernels = [Variable(0.3 * rng.normal(size=s).astype(np.float32)) for s in ((16, 1, 3, 3), (16, 16, 3, 3))]
    readout = nn.Linear(16 * 7 * 7, 10, rng=1)
    x, labels = rng.normal(size=(32, 1, 28, 28)).astype(np.float32), rng.integers(0, 10, 32)

    def loss():
        h = x
        for kernel in kernels:
            h = ab.max_pool2d(ab.relu(ab.conv2d(h, kernel, padding=1)), 2)
        return nn.cross_entropy(readout(h.reshape(32, -1)), labels)

    return [kernels, readout], loss


def transformer():
    network = Transformer(64, width=128, heads=4, blocks=1, context=64)
    tokens = np.random.default_rng(0).integers(0, 64, (8, 65))
    return [network], lambda: next_token_loss(network, tokens)


MODELS = [perceptron, recurrent, convolutional, transformer]


def training(model):
    """Owners, optimiser, and one training step of a model; warmed up, so that lazy work is done."""
    owners, loss = model()
    optimizer = AdamW([v for owner in owners for v in parameters_of(owner)])

    def step():
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    step()
    return [*owners, optimizer], step
