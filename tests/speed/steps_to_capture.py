"""Training steps, and the comparison of their graphs with the steps themselves."""

from types import SimpleNamespace

import numpy as np

import autograd_book as ab
from autograd_book import nn
from autograd_book.graph.interpreter import STRONG_SCALARS
from autograd_book.modes.trees import leaves
from autograd_book.speed.capture import capture

rng = np.random.default_rng(0)
X = rng.standard_normal((8, 5, 8)).astype(np.float32)
LABELS = rng.integers(0, 4, (8, 5))
IMAGES = rng.standard_normal((8, 5, 1, 8, 8)).astype(np.float32)


def perceptron():
    return nn.Sequential(nn.Linear(8, 16, rng=0), nn.ReLU(), nn.Linear(16, 4, rng=1))


def sgd(parameters):
    return ab.optim.SGD(parameters, 0.1)


def step_of(network=perceptron, optimizer=sgd, loss=None, finish=None):
    """What makes a step of its own network: the step, and what it keeps."""
    loss = loss or (lambda net, x, y: nn.cross_entropy(net(x), y))

    def make():
        net = network()
        parameters = list(net.parameters())
        opt = optimizer(parameters)
        here = SimpleNamespace(net=net, parameters=parameters, opt=opt)

        def step(*data):
            opt.zero_grad()
            out = loss(net, *data)
            out.backward()
            said = finish and finish(here)
            opt.step()
            return out, said

        return step, here

    return make


def plain(value):
    """The array inside a Variable, also inside None."""
    return np.asarray(getattr(value, "value", value))


def kept(here):
    """All that a step has left behind, as arrays."""
    values = [getattr(p, "value", p) for p in here.parameters]
    gradients = [p.grad.value for p in here.parameters if getattr(p, "grad", None) is not None]
    return [np.array(v) for v in leaves((values, gradients, here.opt.state, vars(here).get("more", [])))]


def expect_same(found, wanted):
    found, wanted = leaves(found), leaves(wanted)
    assert len(found) == len(wanted)
    for a, b in zip(found, wanted, strict=True):
        if STRONG_SCALARS:
            # NumPy 1 widens a single number beside one of Python's, where the engine computes as NumPy 2 does.
            np.testing.assert_allclose(plain(a), plain(b), rtol=2e-6, atol=1e-9)
        else:
            np.testing.assert_array_equal(plain(a), plain(b), strict=True)


def batches(i):
    return X[i % 8], LABELS[i % 8]


def expect_step_like_eager(make, data=batches, warm=1, calls=3, between=lambda here, i: None):
    """A graph does in several calls, to the last bit, what the step does; the graph."""
    step, here = make()
    twin, there = make()
    for i in range(warm):
        expect_same(step(*data(i)), twin(*data(i)))
    before = kept(there)
    graph = capture(twin, *data(warm))
    expect_same(kept(there), before)
    for i in range(warm, warm + calls):
        between(here, i), between(there, i)
        expect_same(graph(*data(i)), step(*data(i)))
        expect_same(kept(there), kept(here))
    return graph


def expect_function_like_eager(f, *args, at=None):
    """The graph of a function gives at other points, to the last bit, what the function gives."""
    graph = capture(f, *args)
    for point in (args, at or [a * 0.75 if np.asarray(a).dtype.kind == "f" else a for a in args]):
        expect_same(graph(*point), f(*point))
    return graph
