"""Memory against work."""

import numpy as np

import autograd_book as ab
from autograd_book import nn

blocks = [nn.Sequential(nn.Linear(16, 16, rng=i), np.tanh) for i in range(4)]
x = ab.Variable(np.ones((8, 16), np.float32))


def block(h: ab.Variable, layer: nn.Sequential) -> ab.Variable:
    return h + layer(h)


saving = ab.checkpoint(block)
h = x
for layer in blocks:
    h = saving(h, layer)
h.sum().backward()
assert x.grad is not None and x.grad.shape == (8, 16)

out = ab.checkpoint_sequential(blocks, every=2)(np.ones((8, 16), np.float32))
out.mean().backward()
kept = ab.checkpoint(nn.Linear(16, 4, rng=0), policy=ab.keeping("matmul"))
print(kept(x).shape)
