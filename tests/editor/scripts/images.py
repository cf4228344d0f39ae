"""A small convolutional network."""

from typing import Any

import numpy as np

import autograd_book as ab


class Convolutional(ab.nn.Module):
    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.filters = ab.Variable(rng.normal(size=(4, 1, 3, 3)).astype(np.float32) * 0.3)
        self.head = ab.nn.Linear(4 * 3 * 3, 10, rng=rng)

    def __call__(self, images: Any) -> ab.Variable:
        maps = ab.relu(ab.conv2d(images, self.filters))
        pooled = ab.max_pool2d(maps, 2)
        return self.head(pooled.reshape(len(pooled), -1))


digits = ab.load_digits()
images, labels = digits.images[:64].reshape(-1, 1, 8, 8), digits.labels[:64]
network = Convolutional()
optimizer = ab.optim.Adam(network.parameters(), lr=1e-2)
losses: list[float] = []
for _ in range(5):
    optimizer.zero_grad()
    loss = ab.nn.cross_entropy(network(images), labels)
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
assert losses[-1] < losses[0]
