"""Least squares by a loop of one's own."""

import numpy as np

from autograd_book import Variable, no_grad

rng = np.random.default_rng(0)
data = rng.normal(size=(50, 3))
truth = np.array([1.0, -2.0, 0.5])
target = data @ truth

w = Variable(np.zeros(3))
for _ in range(200):
    w.zero_grad()
    loss = ((data @ w - target) ** 2).mean()
    loss.backward()
    with no_grad():
        gradient = w.grad
        assert gradient is not None
        w -= 0.1 * gradient

np.testing.assert_allclose(w.numpy(), truth, atol=1e-6)
