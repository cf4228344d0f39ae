"""The gradients of the workloads in NumPy, with new arrays for the results, as one would write them without an engine."""

from typing import Any

import numpy as np

from compared.losses import C0, C1, EPS, HEAD, HEADS, LINKS, STEPS, WIDTH, Arrays


def summed(a: np.ndarray) -> np.ndarray:
    """Over all axes but the last."""
    return a.reshape(-1, a.shape[-1]).sum(axis=0)


def entropy(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
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


def perceptron(p: Any, d: Any) -> Arrays:
    """Its gradients."""
    h0 = np.maximum(d.x @ p.w0 + p.b0, 0)
    h1 = np.maximum(h0 @ p.w1 + p.b1, 0)
    g2 = entropy(h1 @ p.w2 + p.b2, d.labels)
    g1 = g2 @ p.w2.T * (h1 > 0)
    g0 = g1 @ p.w1.T * (h0 > 0)
    return {
        "w0": d.x.T @ g0, "w1": h0.T @ g1, "w2": h1.T @ g2,
        "b0": g0.sum(axis=0), "b1": g1.sum(axis=0), "b2": g2.sum(axis=0),
    }  # fmt: skip


def deep(p: Any, d: Any) -> Arrays:
    """Its gradients."""
    p, h, found, depth = vars(p), [d.x], {}, len(vars(p)) // 2
    for k in range(depth):
        h.append(np.tanh(h[-1] @ p[f"w{k}"] + p[f"b{k}"]))
    error = h[-1] - d.y
    np.square(error).mean()
    g = error * (2 / error.size)
    for k in reversed(range(depth)):
        out = h[k + 1]
        g = g * (1 - out * out)
        found[f"w{k}"], found[f"b{k}"] = h[k].T @ g, g.sum(axis=0)
        if k:
            g = g @ p[f"w{k}"].T
    return found


def chain(p: Any, d: Any) -> Arrays:
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


def elementwise(p: Any, d: Any) -> Arrays:
    """Its gradients."""
    x = p.x
    t, s, e = np.tanh(x * p.a + p.b), 1 / (1 + np.exp(-x)), np.exp(-x * x)
    (t * s + e).sum()
    g = s * (1 - t * t)
    return {"x": g * p.a + t * (s * (1 - s)) - 2 * x * e, "a": (g * x).sum(axis=0), "b": g.sum(axis=0)}


def recurrent(p: Any, d: Any) -> Arrays:
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


def convolutional(p: Any, d: Any) -> Arrays:
    """Its gradients."""
    flat = lambda g: g.transpose(0, 2, 3, 1).reshape(-1, g.shape[1])
    x0, k0, k1 = windows(d.x), p.k0.reshape(16, -1), p.k1.reshape(32, -1)
    h0 = np.maximum(images(x0 @ k0.T + p.c0, 26), 0)
    m0 = squares(h0).max(axis=(3, 5))
    x1 = windows(m0)
    h1 = np.maximum(images(x1 @ k1.T + p.c1, 11), 0)
    m1 = squares(h1).max(axis=(3, 5))
    last = m1.reshape(32, -1)
    g = entropy(last @ p.w + p.b, d.labels)
    found = {"w": last.T @ g, "b": g.sum(axis=0)}
    g = flat(unpooled((g @ p.w.T).reshape(m1.shape), h1, m1) * (h1 > 0))
    found |= {"k1": (g.T @ x1).reshape(p.k1.shape), "c1": g.sum(axis=0)}
    g = flat(unpooled(folded(g @ k1, m0.shape), h0, m0) * (h0 > 0))
    return found | {"k0": (g.T @ x0).reshape(p.k0.shape), "c0": g.sum(axis=0)}


def norm(x: np.ndarray, scale: np.ndarray, shift: np.ndarray) -> tuple[np.ndarray, ...]:
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


def block(p: Any, d: Any) -> Arrays:
    """Its gradients."""
    found: Arrays = {}
    batch, length, _ = d.x.shape
    apart = (batch, length, 3, HEADS, HEAD)
    flat = lambda a: a.reshape(-1, a.shape[-1])  # one product for the whole batch
    n0, unit0, _ = norm(d.x, p.s0, p.t0)
    qkv = (flat(n0) @ p.w_qkv + p.b_qkv).reshape(apart).transpose(2, 0, 3, 1, 4)
    q, k, v = qkv[0] * np.float32(HEAD**-0.5), qkv[1], qkv[2]
    scores = q @ k.swapaxes(-1, -2)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    means = (weights @ v).swapaxes(1, 2).reshape(d.x.shape)
    h = d.x + (flat(means) @ p.w_join + p.b_join).reshape(d.x.shape)
    n1, unit1, narrow1 = norm(h, p.s1, p.t1)
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
    g_means = (flat(g) @ p.w_join.T).reshape(batch, length, HEADS, HEAD).swapaxes(1, 2)
    g_weights = g_means @ v.swapaxes(-1, -2)
    g_scores = weights * (g_weights - (g_weights * weights).sum(axis=-1, keepdims=True))
    g_qkv = np.empty(apart, np.float32).transpose(2, 0, 3, 1, 4)
    g_qkv[0] = (g_scores @ k) * np.float32(HEAD**-0.5)
    g_qkv[1], g_qkv[2] = g_scores.swapaxes(-1, -2) @ q, weights.swapaxes(-1, -2) @ g_means
    g_flat = g_qkv.transpose(1, 3, 0, 2, 4).reshape(-1, 3 * WIDTH)
    found["w_qkv"], found["b_qkv"] = flat(n0).T @ g_flat, summed(g_flat)
    g_n0 = (g_flat @ p.w_qkv.T).reshape(d.x.shape)
    found["s0"], found["t0"] = summed(g_n0 * unit0), summed(g_n0)
    return found
