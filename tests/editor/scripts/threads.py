"""Each thread differentiates on its own, and gradients add up."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

import autograd_book as ab

w = ab.Variable(np.ones(4))
f = ab.grad(lambda x: np.sum(np.sin(x) * x))


def work(seed: int) -> float:
    x = np.random.default_rng(seed).normal(size=4)
    loss = (w * x).sum()
    loss.backward()
    return float(f(x).sum())


with ThreadPoolExecutor(4) as pool:
    found = list(pool.map(work, range(8)))

expected = sum(np.random.default_rng(seed).normal(size=4) for seed in range(8))
assert w.grad is not None and len(found) == 8
np.testing.assert_allclose(w.grad.numpy(), expected)
