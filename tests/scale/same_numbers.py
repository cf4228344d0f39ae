"""Four networks with their data, to be trained by one rank on all of it, or by many on parts."""

import numpy as np

import autograd_book as ab
from autograd_book.learn.attention import TransformerBlock
from autograd_book.learn.sequence import LastState, Transformer, next_token_loss
from autograd_book.scale.data_parallel import averaging
from autograd_book.scale.sharding import Sharded, SpreadMemories


class Convolutions(ab.nn.Module):
    def __init__(self):
        rng = np.random.default_rng(0)
        self.kernel = ab.Variable(rng.normal(size=(3, 1, 3, 3)))
        self.bias = ab.Variable(np.zeros(3))
        self.readout = ab.nn.Linear(3 * 9, 4, rng=1, dtype=float)

    def __call__(self, x):
        maps = ab.max_pool2d(ab.relu(ab.conv2d(x[:, None], self.kernel, self.bias)), 2)
        return self.readout(np.reshape(maps, (len(x), -1)))


def classified(network, shape):
    rng = np.random.default_rng(3)
    x, labels = rng.normal(size=(10, *shape)), rng.integers(0, 4, 10)
    return network, lambda rows: ab.nn.cross_entropy(network(x[rows]), labels[rows])


def mlp():
    layers = [ab.nn.Linear(6, 8, rng=0, dtype=float), ab.nn.ReLU(), ab.nn.Linear(8, 4, rng=1, dtype=float)]
    return classified(ab.nn.Sequential(*layers), (6,))


def cnn():
    return classified(Convolutions(), (8, 8))


def rnn():
    network = ab.nn.Sequential(LastState(3, 5, 4, rng=0, dtype=float), lambda scores: scores[:, -1])
    return classified(network, (7, 3))


def transformer():
    network = Transformer(words=11, width=8, heads=2, blocks=2, context=6, dtype=float)
    pieces = np.random.default_rng(4).integers(0, 11, (10, 7))
    return network, lambda rows: next_token_loss(network, pieces[rows])


NETWORKS = {"mlp": mlp, "cnn": cnn, "rnn": rnn, "transformer": transformer}


def rows_of(world, batch=10):
    """Uneven parts: the last rank has the most."""
    cuts = [batch * r * (r + 1) // (world.size * (world.size + 1)) for r in range(world.size + 1)]
    return np.arange(cuts[world.rank], cuts[world.rank + 1])


def trained(world, name, steps=4, bucket=300, early=True):
    """The values and the norms after some steps of Adam, clipped by the norm of all gradients."""
    network, loss = NETWORKS[name]()
    optimizer, norms = ab.optim.Adam(network.parameters(), lr=1e-2), []
    for _ in range(steps):
        optimizer.zero_grad()
        rows = rows_of(world)
        with averaging(world, network.parameters(), len(rows), bucket, early):
            if len(rows):
                loss(rows).backward()
        norms.append(ab.clip_gradients(network.parameters(), 0.5))
        optimizer.step()
    return np.concatenate([norms, *[p.numpy().ravel() for p in network.parameters()]])


def alone(name, steps=4):
    """The same by plain training on the whole batch."""
    network, loss = NETWORKS[name]()
    optimizer, norms = ab.optim.Adam(network.parameters(), lr=1e-2), []
    for _ in range(steps):
        optimizer.zero_grad()
        loss(np.arange(10)).backward()
        norms.append(ab.clip_gradients(network.parameters(), 0.5))
        optimizer.step()
    return np.concatenate([norms, *[p.numpy().ravel() for p in network.parameters()]])


ADAM = lambda parameters: ab.optim.Adam(parameters, lr=1e-2)


def parts(kind):
    """The parts of a network, what they read, and a loss of what they give."""
    rng = np.random.default_rng(0)
    if kind == "perceptron":
        layers = [ab.nn.Sequential(ab.nn.Linear(5, 7, rng=0, dtype=float), ab.nn.ReLU()), ab.nn.Linear(7, 3, rng=1, dtype=float)]
        return layers, rng.normal(size=(10, 5))
    return [TransformerBlock(8, 2, rng=i, dtype=float) for i in range(2)], rng.normal(size=(10, 4, 8))


def in_stage(world, kind, stage, steps=4):
    """The losses of some steps with nothing, memories, gradients too, or all in pieces: stages 0 to 3."""
    layers, x = parts(kind)
    if stage > 1:
        layers = [Sharded(world, layer, keep=stage == 2) for layer in layers]
    parameters = [p for layer in layers for p in layer.parameters()]
    optimizer = SpreadMemories(world, parameters, ADAM) if stage == 1 else ADAM(parameters)
    rows, losses = rows_of(world), []
    for _ in range(steps):
        for p in parameters:
            p.grad = None
        out = x[rows]
        for layer in layers:
            out = layer(out)
        loss = np.sum(np.cos(out)) / len(x)
        loss.backward()
        optimizer.step()
        losses.append(world.exchange("all_reduce", loss.item()))
    return np.array(losses)
