"""Random training steps for tests of passes, plans and compiled code: seeded, small, and of all that a compiler rewrites.

A step is a list of operations on a growing list of values: elementwise functions, products, softmax, reductions, broadcasts,
indexing and shapes. Its loss is differentiated, which brings scatters, transposes and sums, and its parameters are updated in place.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

import autograd_book as ab
from autograd_book.graph.interpreter import STRONG_SCALARS


def slices(x: Any, w: Any) -> Any:
    """What is done to each slice alike, as in a recurrent network."""
    return np.stack([np.tanh(x[k] @ w + w[0]) for k in range(x.shape[0])])


UNARY: list[Callable[[Any], Any]] = [
    np.tanh, np.negative, ab.relu, ab.sigmoid, ab.softmax, np.copy, np.square, ab.gelu,
    lambda v: v * 1.0, lambda v: v / 2.0, lambda v: 0.5 * v, lambda v: v - 0.0, lambda v: np.exp(-v * v),
    lambda v: v - np.mean(v, axis=-1, keepdims=True), lambda v: v / (2 + np.sum(v * v, axis=-1, keepdims=True)),
    lambda v: v + np.sum(v, axis=0) * 0.1, lambda v: v * np.max(v, axis=0), lambda v: np.clip(v, -1, 1),
    lambda v: np.where(v > 0, v, 0.1 * v), lambda v: v[::-1], lambda v: np.roll(v, 1, axis=0),
    lambda v: np.transpose(np.transpose(v)), lambda v: np.reshape(np.reshape(v, -1), v.shape),
    lambda v: v[np.arange(len(v))], lambda v: np.concatenate([v[:1], v[1:]]), lambda v: v + np.broadcast_to(v[0], v.shape),
    lambda v: np.stack([v[k] for k in range(v.shape[0])]), lambda v: np.reshape(v.T, v.shape),
    lambda v: np.cumsum(v, axis=1) * 0.2, lambda v: np.tanh(v + np.float32(0.3)), lambda v: v.astype(v.dtype),
]  # fmt: skip
BINARY: list[Callable[[Any, Any], Any]] = [
    np.add, np.subtract, np.multiply, np.maximum, np.minimum,
    lambda v, w: v / (w * w + 1.0), lambda v, w: np.tanh(v @ w.T) @ v, lambda v, w: v * w[:, :1] + w[0],
    lambda v, w: 0.3 * ((v.T @ w).T @ v.T).T, lambda v, w: v @ np.transpose(w.T @ v) * 0.1,
    lambda v, w: np.reshape(np.reshape(v, (1, *v.shape)) @ (w.T @ v), v.shape) * 0.1,
    lambda v, w: v @ (v.T @ w + w.T @ v + v.T @ v) * 0.02, lambda v, w: np.sum(slices(np.stack([v, w, v]), w.T @ v * 0.1), axis=0),
]  # fmt: skip


class Step:
    """One training step, with its parameters."""

    def __init__(self, seed: int, dtype: Any = np.float32) -> None:
        rng = np.random.default_rng(seed)
        n, d = map(int, rng.integers(2, 7, 2))
        self.dtype, self.rate = dtype, float(rng.choice([0.1, 0.05]))
        single = (1,) if STRONG_SCALARS else ()  # NumPy 1 updates single numbers in double precision
        self.w, self.b, self.s = (
            ab.Variable(rng.standard_normal(shape).astype(dtype)) for shape in ((n, d), (d,), single)
        )
        self.x = rng.standard_normal((n, d)).astype(dtype)
        count = int(rng.integers(2, 9))
        self.steps = [tuple(map(int, rng.integers(0, 1000, 4))) for _ in range(count)]
        self.optimizer = ab.optim.SGD([self.w, self.b, self.s], lr=self.rate)

    def loss(self, x: Any) -> Any:
        """A number that depends on all parameters and on x."""
        values = [x * self.s, self.w + self.b]
        for kind, which, i, j in self.steps:
            v, w = values[-1 - i % len(values)], values[-1 - j % len(values)]
            values.append(UNARY[which % len(UNARY)](v) if kind % 3 else BINARY[which % len(BINARY)](v, w))
        return np.mean(np.tanh(values[-1])) + np.sum(np.tanh(values[-2] * 0.1)) * 0.2

    def __call__(self, x: Any) -> Any:
        """Forward, back, and the update."""
        self.optimizer.zero_grad()
        loss = self.loss(x)
        loss.backward()
        self.optimizer.step()
        return loss


def close(one: Any, other: Any, dtype: Any) -> bool:
    """Whether two results differ by rounding alone."""
    size = 1e-3 if dtype == np.float32 else 1e-10
    return one is other or bool(np.allclose(one, other, rtol=size, atol=size, equal_nan=True))


def same_bits(one: Any, other: Any) -> bool:
    """Whether two results are the same to the last bit."""
    if one is None or other is None:
        return one is other
    one, other = np.asarray(one), np.asarray(other)
    return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())
