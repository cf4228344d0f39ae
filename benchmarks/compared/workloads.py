"""Seven training steps in float32, each written twice.

Once as a loss in the words that all engines share, which they differentiate; and once by hand in NumPy, with new arrays
for its results, as one would write it without an engine. The second is the unit of all tables.
"""

from collections.abc import Callable
from itertools import pairwise
from types import SimpleNamespace as Names
from typing import Any, NamedTuple

import numpy as np

Arrays = dict[str, np.ndarray]
Generator = np.random.Generator


class Workload(NamedTuple):
    """One training step."""

    about: str
    make: Callable[[Generator], tuple[Arrays, Arrays]]  #: Parameters and data, from a generator.
    loss: Callable[[Any, Any, Any], Any]  #: Of the functions of an engine, parameters and data.
    by_hand: Callable[[Any, Any], Arrays]  #: Gradients of parameters, with data.
    lr: float
    operations: int = 0  #: In the loss, where a table tells the time of one of them.


def single(value: Any) -> Any:
    """In single precision."""
    return np.asarray(value, np.float32)


def scaled(rng: Generator, *shape: int, by: float | None = None) -> np.ndarray:
    """Normal numbers, by default of such a size that a product keeps the size of its input."""
    return single(rng.normal(0.0, by if by is not None else shape[-2] ** -0.5, shape))


def summed(a: np.ndarray) -> np.ndarray:
    """Over all axes but the last."""
    return a.reshape(-1, a.shape[-1]).sum(axis=0)


def entropy_by_hand(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Gradient of the mean cross-entropy, and the loss computed on the way to it."""
    low = scores - scores.max(axis=1, keepdims=True)
    weights = np.exp(low)
    total = weights.sum(axis=1, keepdims=True)
    rows = np.arange(len(labels))
    (np.log(total[:, 0]) - low[rows, labels]).mean()
    weights /= total
    weights[rows, labels] -= 1
    weights /= len(labels)
    return weights


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


def perceptron_by_hand(p: Any, d: Any) -> Arrays:
    """Its gradients."""
    h0 = np.maximum(d.x @ p.w0 + p.b0, 0)
    h1 = np.maximum(h0 @ p.w1 + p.b1, 0)
    g2 = entropy_by_hand(h1 @ p.w2 + p.b2, d.labels)
    g1 = g2 @ p.w2.T * (h1 > 0)
    g0 = g1 @ p.w1.T * (h0 > 0)
    return {
        "w0": d.x.T @ g0, "w1": h0.T @ g1, "w2": h1.T @ g2,
        "b0": g0.sum(axis=0), "b1": g1.sum(axis=0), "b2": g2.sum(axis=0),
    }  # fmt: skip


# W3: many small layers -------------------------------------------------------------------------------------------------

DEPTH = 50


def make_deep(rng: Generator) -> tuple[Arrays, Arrays]:
    """Fifty layers of width 64; a batch of 32."""
    found = {f"w{k}": scaled(rng, 64, 64) for k in range(DEPTH)}
    found |= {f"b{k}": np.zeros(64, np.float32) for k in range(DEPTH)}
    return found, {"x": scaled(rng, 32, 64, by=1.0), "y": scaled(rng, 32, 64, by=1.0)}


def deep(F: Any, p: Any, d: Any) -> Any:
    """Fifty layers with tanh, and the mean squared error."""
    h = d.x
    for k in range(DEPTH):
        h = F.tanh(F.linear(h, getattr(p, f"w{k}"), getattr(p, f"b{k}")))
    return F.squared_error(h, d.y)


def deep_by_hand(p: Any, d: Any) -> Arrays:
    """Its gradients."""
    p, h, found = vars(p), [d.x], {}
    for k in range(DEPTH):
        h.append(np.tanh(h[-1] @ p[f"w{k}"] + p[f"b{k}"]))
    error = h[-1] - d.y
    np.square(error).mean()
    g = error * (2 / error.size)
    for k in reversed(range(DEPTH)):
        out = h[k + 1]
        g = g * (1 - out * out)
        found[f"w{k}"], found[f"b{k}"] = h[k].T @ g, g.sum(axis=0)
        if k:
            g = g @ p[f"w{k}"].T
    return found


# W4: a chain of numbers ------------------------------------------------------------------------------------------------

LINKS = 3333


def make_chain(rng: Generator) -> tuple[Arrays, Arrays]:
    """Three numbers, such that neither values nor slopes vanish."""
    return {"y": single(0.05), "a": single(1.0), "b": single(0.0)}, {}


def chain(F: Any, p: Any, d: Any) -> Any:
    """``tanh(y * a + b)`` again and again."""
    y = p.y
    for _ in range(LINKS):
        y = F.tanh(y * p.a + p.b)
    return y


def chain_by_hand(p: Any, d: Any) -> Arrays:
    """Its gradients, with NumPy's scalars."""
    a, b, y = p.a[()], p.b[()], [p.y[()]]
    for _ in range(LINKS):
        y.append(np.tanh(y[-1] * a + b))
    g, g_a, g_b = np.float32(1), np.float32(0), np.float32(0)
    for k in reversed(range(LINKS)):
        out = y[k + 1]
        g = g * (1 - out * out)
        g_a, g_b = g_a + g * y[k], g_b + g
        g = g * a
    return {"y": g, "a": g_a, "b": g_b}


# W5: elementwise -------------------------------------------------------------------------------------------------------


def make_elementwise(rng: Generator) -> tuple[Arrays, Arrays]:
    """Two million numbers, and a scale and shift for each column."""
    return {"x": scaled(rng, 2048, 1024, by=1.0), "a": scaled(rng, 1, 1024, by=1.0)[0], "b": scaled(rng, 1, 1024)[0]}, {}


def elementwise(F: Any, p: Any, d: Any) -> Any:
    """Functions of each number, and their sum."""
    x = p.x
    return F.sum(F.tanh(x * p.a + p.b) * F.sigmoid(x) + F.exp(-x * x))


def elementwise_by_hand(p: Any, d: Any) -> Arrays:
    """Its gradients."""
    x = p.x
    t, s, e = np.tanh(x * p.a + p.b), 1 / (1 + np.exp(-x)), np.exp(-x * x)
    (t * s + e).sum()
    g = s * (1 - t * t)
    return {"x": g * p.a + t * (s * (1 - s)) - 2 * x * e, "a": (g * x).sum(axis=0), "b": g.sum(axis=0)}


# W6: a recurrent network -----------------------------------------------------------------------------------------------

STEPS = 100


def make_recurrent(rng: Generator) -> tuple[Arrays, Arrays]:
    """Width 128 in and out; 32 sequences of a hundred steps."""
    found = {"w": scaled(rng, 128, 128), "u": scaled(rng, 128, 128), "b": np.zeros(128, np.float32)}
    data = {"x": scaled(rng, STEPS, 32, 128, by=1.0), "h": np.zeros((32, 128), np.float32)}
    return found, data | {"y": scaled(rng, 32, 128, by=0.5)}


def recurrent(F: Any, p: Any, d: Any) -> Any:
    """The last state of a tanh network beside a target."""
    h = d.h
    for x in d.x:
        h = F.tanh(F.linear(x, p.w, p.b) + h @ p.u)
    return F.squared_error(h, d.y)


def recurrent_by_hand(p: Any, d: Any) -> Arrays:
    """Its gradients."""
    h = [d.h]
    for x in d.x:
        h.append(np.tanh(x @ p.w + p.b + h[-1] @ p.u))
    error = h[-1] - d.y
    np.square(error).mean()
    g = error * (2 / error.size)
    w, u, b = np.zeros_like(p.w), np.zeros_like(p.u), np.zeros_like(p.b)
    for t in reversed(range(STEPS)):
        g = g * (1 - h[t + 1] * h[t + 1])
        w += d.x[t].T @ g
        u += h[t].T @ g
        b += g.sum(axis=0)
        if t:
            g = g @ p.u.T
    return {"w": w, "u": u, "b": b}


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


def windows(x: np.ndarray) -> np.ndarray:
    """All windows of 3 by 3 of images, as rows of a matrix."""
    seen = np.lib.stride_tricks.sliding_window_view(x, (3, 3), (2, 3))
    return seen.transpose(0, 2, 3, 1, 4, 5).reshape(-1, x.shape[1] * 9)


def images(rows: np.ndarray, height: int) -> np.ndarray:
    """Rows with a column for each channel as 32 square images."""
    return rows.reshape(32, height, height, -1).transpose(0, 3, 1, 2)


def folded(rows: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Windows added up where they overlap."""
    examples, channels, height, width = shape
    parts, out = rows.reshape(examples, height - 2, width - 2, channels, 3, 3), np.zeros(shape, rows.dtype)
    for i, j in np.ndindex(3, 3):
        out[:, :, i : i + height - 2, j : j + width - 2] += parts[..., i, j].transpose(0, 3, 1, 2)
    return out


def squares(x: np.ndarray) -> np.ndarray:
    """Squares of 2 by 2, with the places in a square along axes 3 and 5; what is left over at the end is left out."""
    height, width = x.shape[2] // 2, x.shape[3] // 2
    return x[:, :, : 2 * height, : 2 * width].reshape(*x.shape[:2], height, 2, width, 2)


def unpooled(g: np.ndarray, x: np.ndarray, out: np.ndarray) -> np.ndarray:
    """The cotangent at the places of the maximum, shared in a tie."""
    won = squares(x) == out[:, :, :, None, :, None]
    parts = won * (g[:, :, :, None, :, None] / won.sum(axis=(3, 5), keepdims=True).astype(g.dtype))
    found = np.zeros_like(x)
    height, width = 2 * g.shape[2], 2 * g.shape[3]
    found[:, :, :height, :width] = parts.reshape(*x.shape[:2], height, width)
    return found


def convolutional_by_hand(p: Any, d: Any) -> Arrays:
    """Its gradients."""
    flat = lambda g: g.transpose(0, 2, 3, 1).reshape(-1, g.shape[1])
    x0, k0, k1 = windows(d.x), p.k0.reshape(16, -1), p.k1.reshape(32, -1)
    h0 = np.maximum(images(x0 @ k0.T + p.c0, 26), 0)
    m0 = squares(h0).max(axis=(3, 5))
    x1 = windows(m0)
    h1 = np.maximum(images(x1 @ k1.T + p.c1, 11), 0)
    m1 = squares(h1).max(axis=(3, 5))
    last = m1.reshape(32, -1)
    g = entropy_by_hand(last @ p.w + p.b, d.labels)
    found = {"w": last.T @ g, "b": g.sum(axis=0)}
    g = flat(unpooled((g @ p.w.T).reshape(m1.shape), h1, m1) * (h1 > 0))
    found |= {"k1": (g.T @ x1).reshape(p.k1.shape), "c1": g.sum(axis=0)}
    g = flat(unpooled(folded(g @ k1, m0.shape), h0, m0) * (h0 > 0))
    return found | {"k0": (g.T @ x0).reshape(p.k0.shape), "c0": g.sum(axis=0)}


# W8: a transformer block -----------------------------------------------------------------------------------------------

BATCH, LENGTH, WIDTH, HEADS = 8, 128, 256, 4
HEAD = WIDTH // HEADS
APART = (BATCH, LENGTH, 3, HEADS, HEAD)
C0, C1, EPS = (2 / np.pi) ** 0.5, 0.044715, 1e-5


def make_block(rng: Generator) -> tuple[Arrays, Arrays]:
    """Width 256 and four heads; 8 sequences of length 128."""
    sizes = {"qkv": (WIDTH, 3 * WIDTH), "join": (WIDTH, WIDTH), "up": (WIDTH, 4 * WIDTH), "down": (4 * WIDTH, WIDTH)}
    found = {f"w_{name}": scaled(rng, *size) for name, size in sizes.items()}
    found |= {f"b_{name}": np.zeros(size[1], np.float32) for name, size in sizes.items()}
    for k in range(2):
        found |= {f"s{k}": np.ones(WIDTH, np.float32), f"t{k}": np.zeros(WIDTH, np.float32)}
    return found, {name: scaled(rng, BATCH, LENGTH, WIDTH, by=1.0) for name in ("x", "y")}


def block(F: Any, p: Any, d: Any) -> Any:
    """Attention and two linear layers with gelu, each after a layer norm and beside a bypass."""
    qkv = F.linear(F.layer_norm(d.x, p.s0, p.t0), p.w_qkv, p.b_qkv).reshape(APART)
    qkv = F.transpose(qkv, (2, 0, 3, 1, 4))
    scores = (qkv[0] * HEAD**-0.5) @ F.transpose(qkv[1], (0, 1, 3, 2))
    means = F.transpose(F.softmax(scores) @ qkv[2], (0, 2, 1, 3)).reshape((BATCH, LENGTH, WIDTH))
    h = d.x + F.linear(means, p.w_join, p.b_join)
    inner = F.gelu(F.linear(F.layer_norm(h, p.s1, p.t1), p.w_up, p.b_up))
    return F.squared_error(h + F.linear(inner, p.w_down, p.b_down), d.y)


def norm_by_hand(x: np.ndarray, scale: np.ndarray, shift: np.ndarray) -> tuple[np.ndarray, ...]:
    """A layer norm; the normalised vectors and the reciprocal of their spread before."""
    low = x - x.mean(axis=-1, keepdims=True)
    narrow = 1 / np.sqrt((low * low).mean(axis=-1, keepdims=True) + np.float32(EPS))
    unit = low * narrow
    return unit * scale + shift, unit, narrow


def norm_back(g: np.ndarray, scale: np.ndarray, unit: np.ndarray, narrow: np.ndarray) -> tuple[np.ndarray, ...]:
    """Cotangents of its input, scale and shift."""
    inner = g * scale
    along = (inner * unit).mean(axis=-1, keepdims=True)
    return narrow * (inner - inner.mean(axis=-1, keepdims=True) - unit * along), summed(g * unit), summed(g)


def block_by_hand(p: Any, d: Any) -> Arrays:
    """Its gradients."""
    found: Arrays = {}
    flat = lambda a: a.reshape(-1, a.shape[-1])  # one product for the whole batch
    n0, unit0, _ = norm_by_hand(d.x, p.s0, p.t0)
    qkv = (flat(n0) @ p.w_qkv + p.b_qkv).reshape(APART).transpose(2, 0, 3, 1, 4)
    q, k, v = qkv[0] * np.float32(HEAD**-0.5), qkv[1], qkv[2]
    scores = q @ k.swapaxes(-1, -2)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    means = (weights @ v).swapaxes(1, 2).reshape(d.x.shape)
    h = d.x + (flat(means) @ p.w_join + p.b_join).reshape(d.x.shape)
    n1, unit1, narrow1 = norm_by_hand(h, p.s1, p.t1)
    u = flat(n1) @ p.w_up + p.b_up
    bend = np.tanh(C0 * (u + C1 * (u * u * u)))
    inner = 0.5 * u * (1 + bend)
    error = h + (inner @ p.w_down + p.b_down).reshape(h.shape) - d.y
    np.square(error).mean()

    g = error * np.float32(2 / error.size)
    found["w_down"], found["b_down"] = inner.T @ flat(g), summed(g)
    slope = 0.5 * (1 + bend) + 0.5 * u * (1 - bend * bend) * (C0 * (1 + 3 * C1 * (u * u)))
    g_u = (flat(g) @ p.w_down.T) * slope
    found["w_up"], found["b_up"] = flat(n1).T @ g_u, summed(g_u)
    back, found["s1"], found["t1"] = norm_back((g_u @ p.w_up.T).reshape(h.shape), p.s1, unit1, narrow1)
    g = g + back
    found["w_join"], found["b_join"] = flat(means).T @ flat(g), summed(g)
    g_means = (flat(g) @ p.w_join.T).reshape(BATCH, LENGTH, HEADS, HEAD).swapaxes(1, 2)
    g_weights = g_means @ v.swapaxes(-1, -2)
    g_scores = weights * (g_weights - (g_weights * weights).sum(axis=-1, keepdims=True))
    g_qkv = np.empty(APART, np.float32).transpose(2, 0, 3, 1, 4)
    g_qkv[0] = (g_scores @ k) * np.float32(HEAD**-0.5)
    g_qkv[1], g_qkv[2] = g_scores.swapaxes(-1, -2) @ q, weights.swapaxes(-1, -2) @ g_means
    g_flat = g_qkv.transpose(1, 3, 0, 2, 4).reshape(-1, 3 * WIDTH)
    found["w_qkv"], found["b_qkv"] = flat(n0).T @ g_flat, summed(g_flat)
    g_n0 = (g_flat @ p.w_qkv.T).reshape(d.x.shape)
    found["s0"], found["t0"] = summed(g_n0 * unit0), summed(g_n0)
    return found


#: By name, as the tables tell them.
WORKLOADS = {
    "W1": Workload("MLP 784-128-64-10, batch 64", make_perceptron, perceptron, perceptron_by_hand, 1e-2),
    "W3": Workload("50 tanh layers of 64, batch 32", make_deep, deep, deep_by_hand, 1e-2),
    "W4": Workload("chain of numbers, tanh(y*a+b)", make_chain, chain, chain_by_hand, 1e-5, 3 * LINKS),
    "W5": Workload("elementwise, 2 M numbers", make_elementwise, elementwise, elementwise_by_hand, 1e-5),
    "W6": Workload("tanh RNN of 128, 100 steps", make_recurrent, recurrent, recurrent_by_hand, 1e-2),
    "W7": Workload("CNN with max-pooling, batch 32", make_convolutional, convolutional, convolutional_by_hand, 1e-2),
    "W8": Workload("transformer block, 8 x 128 x 256", make_block, block, block_by_hand, 1e-2),
}


def given(workload: Workload) -> tuple[Arrays, Any]:
    """Parameters and data of a workload, the same each time."""
    arrays, data = workload.make(np.random.default_rng(0))
    return arrays, Names(**data)


def difference(before: Any, wanted: Any, found: Any) -> float:
    """The largest difference of two updates, relative to the larger of the update and of what a parameter of that size
    is rounded by."""
    worst = 0.0
    for name, b in before.items():
        size = np.max(np.abs(wanted[name] - b)) + 1e3 * np.finfo(np.float32).eps * np.max(np.abs(b))
        worst = max(worst, float(np.max(np.abs(wanted[name] - found[name])) / size))
    return worst
