"""Attention in the operators and methods of arrays."""

import math

import numpy as np

import autograd_book as ab


def attention(q: ab.Variable, k: ab.Variable, v: ab.Variable) -> ab.Variable:
    scores = q @ k.swapaxes(-1, -2) / math.sqrt(k.shape[-1])
    return ab.softmax(scores, axis=-1) @ v


rng = np.random.default_rng(0)
q, k, v = (ab.Variable(rng.normal(size=(2, 5, 8))) for _ in range(3))
out = attention(q, k, v)
heads = out.reshape(2, 5, 4, 2).transpose(0, 2, 1, 3)
(heads[:, 0] ** 2).sum().backward()
for parameter in (q, k, v):
    assert parameter.grad is not None and parameter.grad.shape == parameter.shape
