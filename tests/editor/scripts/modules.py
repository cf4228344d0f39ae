"""Modules of one's own, with a residual connection."""

import numpy as np

import autograd_book as ab
from autograd_book import nn


class Block(nn.Module):
    def __init__(self, width: int, rng: np.random.Generator) -> None:
        self.inner = nn.Linear(width, width, rng=rng)
        self.scale = ab.Variable(np.ones(width, np.float32))

    def __call__(self, x: ab.Variable) -> ab.Variable:
        return x + self.scale * ab.gelu(self.inner(x))


class Network(nn.Module):
    def __init__(self, width: int, depth: int) -> None:
        rng = np.random.default_rng(0)
        self.blocks = [Block(width, rng) for _ in range(depth)]
        self.head = nn.Linear(width, 1, rng=rng)

    def __call__(self, x: ab.Variable) -> ab.Variable:
        for block in self.blocks:
            x = block(x)
        return self.head(x)


network = Network(8, 3)
out = network(ab.Variable(np.ones((4, 8), np.float32)))
loss = (out**2).mean()
loss.backward()
norms = {
    name: float(np.linalg.norm(p.grad.numpy())) for name, p in network.named_parameters() if p.grad is not None
}
assert len(norms) == 3 * 3 + 2 and out.shape == (4, 1)
state = network.state_dict()
network.load_state_dict(state)
