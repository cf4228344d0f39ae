"""Random programs over the book's vocabulary, for tests that compare engines with each other or with difference quotients.

A program is a list of steps; each step appends one value of the same shape to a list that begins with the inputs. The
functions are smooth and bounded, so that any program can be checked numerically.
"""

from typing import Any

import hypothesis.strategies as st
import numpy as np

SHAPE = (2, 3)
UNARY = {
    "sin": lambda np, v: np.sin(v),
    "cos": lambda np, v: np.cos(v),
    "tanh": lambda np, v: np.tanh(v),
    "exp": lambda np, v: np.exp(-v * v),
    "sqrt": lambda np, v: np.sqrt(v * v + 1.0),
    "log": lambda np, v: np.log(v * v + 1.5),
    "arctan": lambda np, v: np.arctan(v),
    "square": lambda np, v: np.square(v) * 0.25,
    "negative": lambda np, v: -v,
    "reciprocal": lambda np, v: 1.0 / (v * v + 2.0),
    "sum": lambda np, v: np.zeros(SHAPE) + np.sum(v, 0) * 0.3,
    "mean": lambda np, v: v - np.mean(v, 1)[:, None],
    "transpose": lambda np, v: np.reshape(v.T, SHAPE),
    "gather": lambda np, v: v[:, [2, 0, 0]] + v[[1, 1]],
    "reverse": lambda np, v: np.stack([v[1], v[0]]),
    "power": lambda np, v: 0.1 * v**3,
    "concatenate": lambda np, v: np.concatenate([v[:, 1:], v[:, :1]], 1),
    "outer": lambda np, v: 0.3 * ((v @ v.T) @ v),
}
BINARY = {
    "add": lambda np, v, w: v + w,
    "subtract": lambda np, v, w: v - w,
    "multiply": lambda np, v, w: v * np.tanh(w),
    "divide": lambda np, v, w: v / (w * w + 1.0),
    "matmul": lambda np, v, w: np.tanh(v @ w.T) @ v,
    "broadcast": lambda np, v, w: v * w[:, :1] + w[0],
    "logaddexp": lambda np, v, w: np.logaddexp(v, w),
    "hypot": lambda np, v, w: np.sqrt(v * v + w * w + 0.5),
}
STEPS = st.one_of(
    st.tuples(st.sampled_from(sorted(UNARY)), st.integers(0, 99)),
    st.tuples(st.sampled_from(sorted(BINARY)), st.integers(0, 99), st.integers(0, 99)),
)
programs = st.lists(STEPS, min_size=1, max_size=8)
seeds = st.integers(0, 2**16)


def execute(program: list[tuple[Any, ...]], inputs: list[Any], np: Any) -> Any:
    """Run a program with NumPy, or with anything that has the same functions."""
    values = list(inputs)
    for name, *places in program:
        # Recent values first, so that programs grow deep rather than wide.
        operands = [values[-1 - place % len(values)] for place in places]
        values.append((UNARY if len(operands) == 1 else BINARY)[name](np, *operands))
    return np.sum(values[-1] * values[-1] + values[-1])


def points(seed: int) -> list[np.ndarray]:
    """Two inputs."""
    return list(np.random.default_rng(seed).uniform(-1.2, 1.2, (2, *SHAPE)))
