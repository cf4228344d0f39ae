"""A penalty on the gradient: a derivative of a derivative."""

import numpy as np

import autograd_book as ab

rng = np.random.default_rng(0)
w = ab.Variable(rng.normal(size=(3, 1)))
x = ab.Variable(rng.normal(size=(5, 3)))
out = (x @ w).sum()
out.backward(create_graph=True)
inner = x.grad
assert inner is not None
w.zero_grad()
penalty = ((inner**2).sum(axis=1) - 1.0).mean()
penalty.backward()
assert w.grad is not None and w.grad.shape == (3, 1)

third = ab.grad(ab.grad(ab.grad(np.sin)))(0.0)
assert float(third) == -1.0
