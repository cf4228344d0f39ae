"""Gradients of each example, by vmap."""

from typing import Any

import numpy as np

import autograd_book as ab


def loss(w: np.ndarray, x: np.ndarray, y: np.ndarray) -> Any:
    return np.square(np.tanh(x @ w) - y)


rng = np.random.default_rng(0)
w, xs, ys = rng.normal(size=3), rng.normal(size=(10, 3)), rng.normal(size=10)
each = ab.vmap(ab.grad(loss), in_axes=(None, 0, 0))(w, xs, ys)
assert each.shape == (10, 3)
norms = np.sqrt((each**2).sum(axis=1))
clipped = each * np.minimum(1.0, 0.1 / norms)[:, np.newaxis]
values = ab.vmap(loss, in_axes=(None, 0, 0))(w, xs, ys)
print(clipped.mean(axis=0), values.shape)
