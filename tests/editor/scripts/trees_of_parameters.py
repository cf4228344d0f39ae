"""Parameters in a dictionary, updated as JAX's users do."""

from typing import Any

import numpy as np

import autograd_book as ab
from autograd_book.modes.trees import tree_map

Params = dict[str, np.ndarray]


def predict(params: Params, x: np.ndarray) -> Any:
    return np.tanh(x @ params["w"]) @ params["v"] + params["b"]


def loss(params: Params, x: np.ndarray, y: np.ndarray) -> Any:
    return np.mean((predict(params, x) - y) ** 2)


rng = np.random.default_rng(0)
params: Params = {"w": rng.normal(size=(2, 8)), "v": rng.normal(size=8), "b": np.zeros(())}
x = rng.normal(size=(32, 2))
y = x[:, 0] * x[:, 1]
step = ab.value_and_grad(loss)
value, gradients = step(params, x, y)
before = value
for _ in range(50):
    value, gradients = step(params, x, y)
    params = tree_map(lambda p, g: p - 0.05 * g, params, gradients)
assert loss(params, x, y) < before
print(float(value), gradients["w"].shape)
