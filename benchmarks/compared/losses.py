"""Data, and losses in the words that all engines share: `F` are functions of an engine, `p` parameters, `d` data."""

from itertools import pairwise
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]
Generator = np.random.Generator


def single(value: Any) -> Any:
    """In single precision."""
    return np.asarray(value, np.float32)


def scaled(rng: Generator, *shape: int, by: float | None = None) -> np.ndarray:
    """Normal numbers, by default of such a size that a product keeps the size of its input."""
    return single(rng.normal(0.0, by if by is not None else shape[-2] ** -0.5, shape))


# W1: a perceptron ------------------------------------------------------------------------------------------------------


def make_perceptron(rng: Generator, sizes: tuple[int, ...] = (784, 128, 64, 10)) -> tuple[Arrays, Arrays]:
    """Weights for each pair of sizes; a batch of 64."""
    found = {f"w{k}": scaled(rng, m, n, by=(2 / m) ** 0.5) for k, (m, n) in enumerate(pairwise(sizes))}
    found |= {f"b{k}": np.zeros(n, np.float32) for k, n in enumerate(sizes[1:])}
    return found, {"x": scaled(rng, 64, sizes[0], by=1.0), "labels": rng.integers(0, sizes[-1], 64)}


def perceptron(F: Any, p: Any, d: Any) -> Any:
    """784-128-64-10 with rectifiers, and cross-entropy."""
    h = F.relu(F.linear(d.x, p.w0, p.b0))
    h = F.relu(F.linear(h, p.w1, p.b1))
    return F.cross_entropy(F.linear(h, p.w2, p.b2), d.labels)


# W3 and W9: layers of one width -------------------------------------------------------------------------------------------------


def make_deep(rng: Generator, depth: int, width: int, batch: int) -> tuple[Arrays, Arrays]:
    """Layers of a width, and a batch."""
    found = {f"w{k}": scaled(rng, width, width) for k in range(depth)}
    found |= {f"b{k}": np.zeros(width, np.float32) for k in range(depth)}
    return found, {name: scaled(rng, batch, width, by=1.0) for name in ("x", "y")}


def deep(F: Any, p: Any, d: Any) -> Any:
    """Layers with tanh, and the mean squared error."""
    h = d.x
    for k in range(len(vars(p)) // 2):
        h = F.tanh(F.linear(h, getattr(p, f"w{k}"), getattr(p, f"b{k}")))
    return F.squared_error(h, d.y)


# W4: a chain of numbers ------------------------------------------------------------------------------------------------

LINKS = 3333


def make_chain(rng: Generator) -> tuple[Arrays, Arrays]:
    """Three numbers, such that neither values nor slopes vanish."""
    return {"y": single(0.05), "a": single(1.0), "b": single(0.0)}, {}


def chain(F: Any, p: Any, d: Any) -> Any:
    """``tanh(y * a + b)`` again and again."""
    return F.scan(lambda y, _: F.tanh(y * p.a + p.b), p.y, np.empty(LINKS, np.float32))


# W5: elementwise -------------------------------------------------------------------------------------------------------


def make_elementwise(rng: Generator) -> tuple[Arrays, Arrays]:
    """Two million numbers, and a scale and shift for each column."""
    return {"x": scaled(rng, 2048, 1024, by=1.0), "a": scaled(rng, 1, 1024, by=1.0)[0], "b": scaled(rng, 1, 1024)[0]}, {}


def elementwise(F: Any, p: Any, d: Any) -> Any:
    """Functions of each number, and their sum."""
    x = p.x
    return F.sum(F.tanh(x * p.a + p.b) * F.sigmoid(x) + F.exp(-x * x))


# W6: a recurrent network -----------------------------------------------------------------------------------------------

STEPS = 100


def make_recurrent(rng: Generator) -> tuple[Arrays, Arrays]:
    """Width 128 in and out; 32 sequences of a hundred steps."""
    found = {"w": scaled(rng, 128, 128), "u": scaled(rng, 128, 128), "b": np.zeros(128, np.float32)}
    data = {"x": scaled(rng, STEPS, 32, 128, by=1.0), "h": np.zeros((32, 128), np.float32)}
    return found, data | {"y": scaled(rng, 32, 128, by=0.5)}


def recurrent(F: Any, p: Any, d: Any) -> Any:
    """The last state of a tanh network beside a target."""
    h = F.scan(lambda h, x: F.tanh(F.linear(x, p.w, p.b) + h @ p.u), d.h, d.x)
    return F.squared_error(h, d.y)


# W7: a convolutional network -------------------------------------------------------------------------------------------


def make_convolutional(rng: Generator) -> tuple[Arrays, Arrays]:
    """Two convolutions and a linear layer; 32 images of 28 by 28 pixels."""
    found = {"k0": scaled(rng, 16, 1, 3, 3, by=0.4), "c0": np.zeros(16, np.float32)}
    found |= {"k1": scaled(rng, 32, 16, 3, 3, by=0.1), "c1": np.zeros(32, np.float32)}
    found |= {"w": scaled(rng, 800, 10), "b": np.zeros(10, np.float32)}
    return found, {"x": scaled(rng, 32, 1, 28, 28, by=1.0), "labels": rng.integers(0, 10, 32)}


def convolutional(F: Any, p: Any, d: Any) -> Any:
    """Convolution, rectifier and pooling twice, then scores."""
    h = F.max_pool(F.relu(F.conv(d.x, p.k0, p.c0)))
    h = F.max_pool(F.relu(F.conv(h, p.k1, p.c1)))
    return F.cross_entropy(F.linear(h.reshape((32, 800)), p.w, p.b), d.labels)


# W8 and W10: a transformer block -----------------------------------------------------------------------------------------------

WIDTH, HEADS = 256, 4
HEAD = WIDTH // HEADS
C0, C1, EPS = (2 / np.pi) ** 0.5, 0.044715, 1e-5


def make_block(rng: Generator, batch: int, length: int) -> tuple[Arrays, Arrays]:
    """Width 256 and four heads; sequences of a length."""
    sizes = {"qkv": (WIDTH, 3 * WIDTH), "join": (WIDTH, WIDTH), "up": (WIDTH, 4 * WIDTH), "down": (4 * WIDTH, WIDTH)}
    found = {f"w_{name}": scaled(rng, *size) for name, size in sizes.items()}
    found |= {f"b_{name}": np.zeros(size[1], np.float32) for name, size in sizes.items()}
    for k in range(2):
        found |= {f"s{k}": np.ones(WIDTH, np.float32), f"t{k}": np.zeros(WIDTH, np.float32)}
    return found, {name: scaled(rng, batch, length, WIDTH, by=1.0) for name in ("x", "y")}


def block(F: Any, p: Any, d: Any) -> Any:
    """Attention and two linear layers with gelu, each after a layer norm and beside a bypass."""
    batch, length, _ = d.x.shape
    qkv = F.linear(F.layer_norm(d.x, p.s0, p.t0), p.w_qkv, p.b_qkv).reshape((batch, length, 3, HEADS, HEAD))
    qkv = F.transpose(qkv, (2, 0, 3, 1, 4))
    means = F.transpose(F.attention(qkv[0], qkv[1], qkv[2]), (0, 2, 1, 3)).reshape((batch, length, WIDTH))
    h = d.x + F.linear(means, p.w_join, p.b_join)
    inner = F.gelu(F.linear(F.layer_norm(h, p.s1, p.t1), p.w_up, p.b_up))
    return F.squared_error(h + F.linear(inner, p.w_down, p.b_down), d.y)
