"""A run is saved, and continued from the file."""

import tempfile
from pathlib import Path

import numpy as np

import autograd_book as ab

network = ab.nn.Linear(3, 1, rng=0)
optimizer = ab.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
x, y = np.ones((4, 3), np.float32), np.zeros((4, 1), np.float32)

ab.nn.mean_squared_error(network(x), y).backward()
optimizer.step()

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "run.npz"
    ab.save(path, network=network, optimizer=optimizer)
    other = ab.nn.Linear(3, 1, rng=1)
    second = ab.optim.SGD(other.parameters(), lr=0.1, momentum=0.9)
    ab.load(path, network=other, optimizer=second)
    np.savez(Path(folder) / "weights.npz", weight=network.state_dict()["weight"])

np.testing.assert_array_equal(network.weight.numpy(), other.weight.numpy())
