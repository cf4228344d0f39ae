"""Chains of blocks for the tests of schedules, their costs and their plans."""

import gc
import tracemalloc
from itertools import pairwise

import numpy as np

import autograd_book as ab
from autograd_book.learn.attention import TransformerBlock
from autograd_book.memory.costs import Costs, predict
from autograd_book.memory.planner import least
from autograd_book.memory.schedule import events


def chain(n=12, width=16, seed=0, dtype=float):
    rng = np.random.default_rng(seed)
    return [ab.nn.Sequential(ab.nn.Linear(width, width, rng=rng, dtype=dtype), np.tanh) for _ in range(n)]


def gradients(network, x, parameters):
    for p in parameters:
        p.zero_grad()
    v = ab.Variable(x)
    out = network(v)
    np.sum(out * out).backward()
    return [v.grad.numpy(), *(p.grad.numpy().copy() for p in parameters)]


X = np.random.default_rng(5).normal(size=(8, 16))


def most_held(schedule):
    """Most different inputs held at a time, the chain's own among them; a block that is kept is walked at once."""
    holders, most = {0: 1}, 1
    for kind, i in events(schedule):
        if kind in ("hold", "drop"):
            holders[i] = holders.get(i, 0) + (1 if kind == "hold" else -1)
        most = max(most, sum(count > 0 for count in holders.values()))
    return most


def costs_of(rng, n):
    """Costs of an unequal chain, made up; a planner that is too careful is exact for them."""
    sizes = lambda *shape: rng.integers(1, 9, shape).astype(float)
    inputs = sizes(n + 1)
    zeros = np.zeros(n)
    return Costs(
        inputs, sizes(n) * 3, zeros, np.full(n, True), np.full(n, True),
        *5 * [zeros], sizes(n), sizes(n), sizes(n), sizes(n),
    )


def peak_of(run):
    run()
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    run()
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    return peak


def unequal():
    """Blocks of different widths."""
    widths = [32, 64, 64, 16, 48, 128, 128, 32, 64, 32]
    rng = np.random.default_rng(0)
    return [
        ab.nn.Sequential(ab.nn.Linear(a, b, rng=rng), np.tanh, *((np.exp,) if b == 64 else ()))
        for a, b in pairwise(widths)
    ]


def transformers():
    rng = np.random.default_rng(0)
    return [TransformerBlock(32, 2, rng=rng) for _ in range(5)]


NETWORKS = {
    "unequal": (unequal, np.random.default_rng(1).normal(size=(512, 32)).astype(np.float32)),
    "transformer": (transformers, np.random.default_rng(1).normal(size=(8, 32, 32)).astype(np.float32)),
}


def allocated(network, x, weights):
    """Most bytes at a time in a step, above those before; gradients of the step before are gone."""

    def run():
        v = ab.Variable(x)
        loss = np.sum(network(v) * weights)
        loss.backward()
        for p in network.parameters():
            p.zero_grad()

    own = ab.Variable(x).value.nbytes  # made by the step, and not counted by the prediction
    return peak_of(run) - own


def like_transformers(n):
    """Equal blocks that save much more than their inputs."""
    ones = np.ones(n, int)
    sizes = [ones * size for size in (12 * 10**6, 3000, 1, 1, 14 * 10**6, 8 * 10**6, 14 * 10**6, 9 * 10**6, 2 * 10**5)]
    sizes[2:4] = [ones > 0, ones > 0]
    return Costs(np.full(n + 1, 10**6), *sizes, *(ones * time for time in (1.0, 1.05, 0.9, 2.0)))


def budget_of(costs, share):
    smallest, everything = least(costs)[0], predict(list(range(len(costs.kept))), costs).peak
    return smallest + share * (everything - smallest)


def with_peaks(n, seed=0):
    """Costs of an unequal chain that differ in all that a block can take."""
    rng = np.random.default_rng(seed)
    costs = costs_of(rng, n)._replace(
        gradients=rng.integers(0, 9, n), saves_input=rng.random(n) < 0.5, saves_output=rng.random(n) < 0.5
    )
    return costs._replace(**{name: rng.integers(1, 20, n) for name in ("keep_peak", "skip_peak", "again_peak", "back_peak")})


def in_turns(n):
    """Blocks of four kinds in turns, as those of the chapter on plans."""
    kinds = [(99, 41, 60), (12, 3, 14), (40, 9, 21), (8, 1, 6)]  # kept, time, rise
    kept, time, rise = (np.resize(column, n).astype(float) for column in zip(*kinds, strict=True))
    some = np.arange(n) % 2 > 0
    return Costs(np.full(n + 1, 8.0), kept, kept * 0, ~some, some, rise, rise, rise, rise, kept * 0 + 3, time, time * 1.1, time * 0.9, time * 2)


#: Long chains by kind, each a function of its length.
LONG = {
    "transformer": like_transformers,
    "in turns": in_turns,
    "at random": lambda n: costs_of(np.random.default_rng(0), n),
    "with peaks": with_peaks,
}
