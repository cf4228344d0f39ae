"""The gradients of the workloads in NumPy again, as one writes them who wants no new arrays: room is made once, and each
function gives what computes the gradients there. They are written over in the next step.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from compared.losses import C0, C1, EPS, HEAD, HEADS, STEPS, WIDTH, Arrays

Step = Callable[[], Arrays]


def room(*shape: int) -> np.ndarray:
    """An array to write to."""
    return np.empty(shape, np.float32)


def rooms(p: Any) -> Any:
    """One for each gradient."""
    return type(p)(**{name: np.empty_like(value) for name, value in vars(p).items()})


def flat(a: np.ndarray) -> np.ndarray:
    """As rows."""
    return a.reshape(-1, a.shape[-1])


def affine(x: np.ndarray, w: np.ndarray, b: np.ndarray, out: np.ndarray) -> np.ndarray:
    """A linear layer, of rows."""
    np.dot(x, w, out=out)
    out += b
    return out


def entropy(scores: np.ndarray, labels: np.ndarray, rows: np.ndarray) -> None:
    """Scores become the gradient of the mean cross-entropy; the loss is computed on the way."""
    scores -= scores.max(axis=1, keepdims=True)
    chosen = scores[rows, labels]
    np.exp(scores, out=scores)
    total = scores.sum(axis=1, keepdims=True)
    (np.log(total[:, 0]) - chosen).mean()
    scores /= total
    scores[rows, labels] -= 1
    scores /= len(labels)


def perceptron(p: Any, d: Any) -> Step:
    """Three layers."""
    n, found, rows = len(d.x), rooms(p), np.arange(len(d.x))
    h0, h1, g2 = (room(n, w.shape[1]) for w in (p.w0, p.w1, p.w2))
    g0, g1, on0, on1 = room(*h0.shape), room(*h1.shape), np.empty(h0.shape, bool), np.empty(h1.shape, bool)

    def back(g: np.ndarray, x: np.ndarray, w: np.ndarray, b: np.ndarray) -> None:
        np.dot(x.T, g, out=w)
        g.sum(axis=0, out=b)

    def step() -> Arrays:
        np.maximum(affine(d.x, p.w0, p.b0, h0), 0, out=h0)
        np.maximum(affine(h0, p.w1, p.b1, h1), 0, out=h1)
        entropy(affine(h1, p.w2, p.b2, g2), d.labels, rows)
        back(g2, h1, found.w2, found.b2)
        np.multiply(np.dot(g2, p.w2.T, out=g1), np.greater(h1, 0, out=on1), out=g1)
        back(g1, h0, found.w1, found.b1)
        np.multiply(np.dot(g1, p.w1.T, out=g0), np.greater(h0, 0, out=on0), out=g0)
        back(g0, d.x, found.w0, found.b0)
        return vars(found)

    return step


def deep(p: Any, d: Any) -> Step:
    """Many layers."""
    depth, found = len(vars(p)) // 2, vars(rooms(p))
    h = [d.x, *(room(*d.x.shape) for _ in range(depth))]
    first, second, p = room(*d.x.shape), room(*d.x.shape), vars(p)

    def step() -> Arrays:
        for k in range(depth):
            np.tanh(affine(h[k], p[f"w{k}"], p[f"b{k}"], h[k + 1]), out=h[k + 1])
        g, t = np.subtract(h[-1], d.y, out=first), second
        np.square(g, out=t).mean()
        g *= 2 / g.size
        for k in reversed(range(depth)):
            np.multiply(h[k + 1], h[k + 1], out=t)
            np.subtract(1, t, out=t)
            g *= t
            np.dot(h[k].T, g, out=found[f"w{k}"])
            g.sum(axis=0, out=found[f"b{k}"])
            if k:
                g, t = np.dot(g, p[f"w{k}"].T, out=t), g
        return found

    return step


def elementwise(p: Any, d: Any) -> Step:
    """Four arrays beside the gradient."""
    found, x = rooms(p), p.x
    g, t, s, e, v = found.x, *(room(*x.shape) for _ in range(4))

    def step() -> Arrays:
        np.multiply(x, p.a, out=t)
        np.add(t, p.b, out=t)
        np.tanh(t, out=t)
        np.negative(x, out=s)
        np.exp(s, out=s)
        np.add(s, 1, out=s)
        np.reciprocal(s, out=s)
        np.multiply(x, x, out=e)
        np.negative(e, out=e)
        np.exp(e, out=e)
        np.multiply(t, s, out=g)
        np.add(g, e, out=g)
        g.sum()
        np.multiply(t, t, out=g)
        np.subtract(1, g, out=g)
        np.multiply(g, s, out=g)  # of what the tangent is taken of
        np.subtract(1, s, out=v)
        np.multiply(v, s, out=v)
        np.multiply(v, t, out=v)  # along the sigmoid
        np.multiply(e, x, out=e)
        np.multiply(e, 2, out=e)
        np.subtract(v, e, out=v)
        np.multiply(g, x, out=s).sum(axis=0, out=found.a)
        g.sum(axis=0, out=found.b)
        np.multiply(g, p.a, out=g)
        np.add(g, v, out=g)
        return vars(found)

    return step


def recurrent(p: Any, d: Any) -> Step:
    """All states, and two arrays for cotangents."""
    found, h = rooms(p), [d.h, *(room(*d.h.shape) for _ in range(STEPS))]
    first, second, more, row = room(*d.h.shape), room(*d.h.shape), room(*p.w.shape), room(*p.b.shape)

    def step() -> Arrays:
        for k in range(STEPS):
            out = affine(d.x[k], p.w, p.b, h[k + 1])
            out += np.dot(h[k], p.u, out=first)
            np.tanh(out, out=out)
        g, t = np.subtract(h[-1], d.y, out=first), second
        np.square(g, out=t).mean()
        g *= 2 / g.size
        for total in (found.w, found.u, found.b):
            total.fill(0)
        for k in reversed(range(STEPS)):
            np.multiply(h[k + 1], h[k + 1], out=t)
            np.subtract(1, t, out=t)
            g *= t
            np.add(found.w, np.dot(d.x[k].T, g, out=more), out=found.w)
            np.add(found.u, np.dot(h[k].T, g, out=more), out=found.u)
            np.add(found.b, g.sum(axis=0, out=row), out=found.b)
            if k:
                g, t = np.dot(g, p.u.T, out=t), g
        return vars(found)

    return step


class Pooled:
    """A convolution with rectifier and pooling, with the channels last."""

    def __init__(self, shape: tuple[int, ...], filters: int) -> None:
        n, height, _, channels = shape
        side, half = height - 2, (height - 2) // 2
        self.seen = room(n, side, side, channels, 3, 3)
        self.rows = self.seen.reshape(-1, 9 * channels)
        self.out, self.pooled, self.g = room(n, side, side, filters), room(n, half, half, filters), room(n, side, side, filters)
        self.won, self.part = np.empty(self.pooled.shape, bool), room(*self.pooled.shape)
        self.back, self.even = room(*self.rows.shape), 2 * half

    def places(self, a: np.ndarray) -> list[np.ndarray]:
        """The four places of all squares."""
        return [a[:, i : self.even : 2, j : self.even : 2] for i, j in np.ndindex(2, 2)]

    def forward(self, x: np.ndarray, k: np.ndarray, c: np.ndarray) -> np.ndarray:
        """Of images."""
        np.copyto(self.seen, np.lib.stride_tricks.sliding_window_view(x, (3, 3), (1, 2)))
        np.maximum(affine(self.rows, k.reshape(len(k), -1).T, c, flat(self.out)), 0, out=flat(self.out))
        first, *others = self.places(self.out)
        np.copyto(self.pooled, first)
        for place in others:
            np.maximum(self.pooled, place, out=self.pooled)
        return self.pooled

    def backward(self, g: np.ndarray, k: np.ndarray, c: np.ndarray) -> np.ndarray:
        """Into the gradients of filters and shift; the cotangent of what was convolved, as rows."""
        self.g.fill(0)
        np.multiply(g, np.greater(self.pooled, 0, out=self.won), out=self.part)
        for place, to in zip(self.places(self.out), self.places(self.g), strict=True):
            np.multiply(self.part, np.equal(place, self.pooled, out=self.won), out=to)
        rows = flat(self.g)
        np.dot(rows.T, self.rows, out=k.reshape(len(k), -1))
        rows.sum(axis=0, out=c)
        return rows


def convolutional(p: Any, d: Any) -> Step:
    """Columns for two convolutions."""
    found, ranks, images = rooms(p), np.arange(len(d.x)), np.ascontiguousarray(d.x.transpose(0, 2, 3, 1))
    one = Pooled(images.shape, len(p.k0))
    two = Pooled(one.pooled.shape, len(p.k1))
    last, scores = room(*np.moveaxis(two.pooled, -1, 1).shape), room(len(d.x), p.w.shape[1])
    inner, g_one = room(len(d.x), len(p.w)), room(*one.pooled.shape)

    def step() -> Arrays:
        np.copyto(last, np.moveaxis(two.forward(one.forward(images, p.k0, p.c0), p.k1, p.c1), -1, 1))
        rows = last.reshape(len(last), -1)
        entropy(affine(rows, p.w, p.b, scores), d.labels, ranks)
        np.dot(rows.T, scores, out=found.w)
        scores.sum(axis=0, out=found.b)
        g = np.dot(scores, p.w.T, out=inner).reshape(last.shape)
        g = two.backward(np.moveaxis(g, 1, -1), found.k1, found.c1)
        parts = np.dot(g, p.k1.reshape(len(p.k1), -1), out=two.back).reshape(two.seen.shape)
        g_one.fill(0)
        for i, j in np.ndindex(3, 3):
            g_one[:, i : i + parts.shape[1], j : j + parts.shape[2]] += parts[..., i, j]
        one.backward(g_one, found.k0, found.c0)
        return vars(found)

    return step


class Norm:
    """A layer norm of rows."""

    def __init__(self, rows: int) -> None:
        self.unit, self.out, self.other = room(rows, WIDTH), room(rows, WIDTH), room(rows, WIDTH)
        self.mean, self.narrow, self.along = room(rows, 1), room(rows, 1), room(rows, 1)

    def forward(self, x: np.ndarray, scale: np.ndarray, shift: np.ndarray) -> np.ndarray:
        """Its value."""
        np.subtract(x, x.mean(axis=-1, keepdims=True, out=self.mean), out=self.unit)
        np.multiply(self.unit, self.unit, out=self.out).mean(axis=-1, keepdims=True, out=self.narrow)
        self.narrow += np.float32(EPS)
        np.reciprocal(np.sqrt(self.narrow, out=self.narrow), out=self.narrow)
        self.unit *= self.narrow
        np.multiply(self.unit, scale, out=self.out)
        self.out += shift
        return self.out

    def backward(self, g: np.ndarray, scale: np.ndarray, to_scale: np.ndarray, to_shift: np.ndarray) -> np.ndarray:
        """The cotangent becomes that of the input."""
        g.sum(axis=0, out=to_shift)
        np.multiply(g, self.unit, out=self.other).sum(axis=0, out=to_scale)
        g *= scale
        np.multiply(g, self.unit, out=self.other).mean(axis=-1, keepdims=True, out=self.along)
        g -= g.mean(axis=-1, keepdims=True, out=self.mean)
        g -= np.multiply(self.unit, self.along, out=self.other)
        g *= self.narrow
        return g


class Attention:
    """Means of values by likeness; queries, keys and values stand beside each other in rows."""

    def __init__(self, batch: int, length: int) -> None:
        self.qkv, self.g_qkv = room(batch * length, 3 * WIDTH), room(batch * length, 3 * WIDTH)
        apart = (batch, length, 3, HEADS, HEAD)
        self.q, self.k, self.v = self.qkv.reshape(apart).transpose(2, 0, 3, 1, 4)
        self.g_q, self.g_k, self.g_v = self.g_qkv.reshape(apart).transpose(2, 0, 3, 1, 4)
        self.weights, self.g_weights = (room(batch, HEADS, length, length) for _ in range(2))
        self.high, self.head = room(batch, HEADS, length, 1), room(batch, HEADS, length, HEAD)
        self.means = room(batch * length, WIDTH)
        self.by_head = self.means.reshape(batch, length, HEADS, HEAD).swapaxes(1, 2)

    def forward(self) -> np.ndarray:
        """Of what stands in `qkv`."""
        self.q *= np.float32(HEAD**-0.5)
        weights = np.matmul(self.q, self.k.swapaxes(-1, -2), out=self.weights)
        weights -= weights.max(axis=-1, keepdims=True, out=self.high)
        np.exp(weights, out=weights)
        weights /= weights.sum(axis=-1, keepdims=True, out=self.high)
        np.copyto(self.by_head, np.matmul(weights, self.v, out=self.head))
        return self.means

    def backward(self, g: np.ndarray) -> np.ndarray:
        """From the cotangent of the means, as `by_head` has them."""
        w, g_w = self.weights, np.matmul(g, self.v.swapaxes(-1, -2), out=self.g_weights)
        np.copyto(self.g_v, np.matmul(w.swapaxes(-1, -2), g, out=self.head))
        g_w *= w
        w *= g_w.sum(axis=-1, keepdims=True, out=self.high)
        g_w -= w
        np.copyto(self.g_k, np.matmul(g_w.swapaxes(-1, -2), self.q, out=self.head))
        np.multiply(np.matmul(g_w, self.k, out=self.head), np.float32(HEAD**-0.5), out=self.g_q)
        return self.g_qkv


def block(p: Any, d: Any) -> Step:
    """Arrays of the size of a layer, each used several times."""
    found, (batch, length, _) = rooms(p), d.x.shape
    x, y, n = flat(d.x), flat(d.y), batch * length
    one, two, heads = Norm(n), Norm(n), Attention(batch, length)
    h, g, back = room(n, WIDTH), room(n, WIDTH), room(n, WIDTH)
    u, bend, inner, t = (room(n, 4 * WIDTH) for _ in range(4))

    def linear_back(x: np.ndarray, g: np.ndarray, name: str) -> None:
        np.dot(x.T, g, out=getattr(found, f"w_{name}"))
        g.sum(axis=0, out=getattr(found, f"b_{name}"))

    def gelu() -> None:
        np.multiply(u, u, out=t)
        np.multiply(t, C1, out=bend)
        np.add(bend, 1, out=bend)
        np.multiply(bend, u, out=bend)
        np.multiply(bend, C0, out=bend)
        np.tanh(bend, out=bend)
        np.add(bend, 1, out=inner)
        np.multiply(inner, u, out=inner)
        np.multiply(inner, 0.5, out=inner)

    def gelu_back(g: np.ndarray) -> None:  # t holds the square of u
        np.multiply(t, 3 * C1, out=t)
        np.add(t, 1, out=t)
        np.multiply(t, C0, out=t)
        np.multiply(t, u, out=t)
        np.multiply(bend, bend, out=u)
        np.subtract(1, u, out=u)
        np.multiply(t, u, out=t)
        np.add(t, bend, out=t)
        np.add(t, 1, out=t)
        np.multiply(t, 0.5, out=t)
        np.multiply(g, t, out=g)

    def step() -> Arrays:
        affine(one.forward(x, p.s0, p.t0), p.w_qkv, p.b_qkv, heads.qkv)
        np.add(affine(heads.forward(), p.w_join, p.b_join, h), x, out=h)
        affine(two.forward(h, p.s1, p.t1), p.w_up, p.b_up, u)
        gelu()
        np.add(affine(inner, p.w_down, p.b_down, g), h, out=g)
        np.subtract(g, y, out=g)
        np.square(g, out=back).mean()
        np.multiply(g, np.float32(2 / g.size), out=g)

        linear_back(inner, g, "down")
        gelu_back(np.dot(g, p.w_down.T, out=inner))
        linear_back(two.out, inner, "up")
        np.dot(inner, p.w_up.T, out=back)
        np.add(g, two.backward(back, p.s1, found.s1, found.t1), out=g)
        linear_back(heads.means, g, "join")
        np.dot(g, p.w_join.T, out=back)
        g_qkv = heads.backward(back.reshape(batch, length, HEADS, HEAD).swapaxes(1, 2))
        linear_back(one.out, g_qkv, "qkv")
        one.backward(np.dot(g_qkv, p.w_qkv.T, out=back), p.s0, found.s0, found.t0)
        return vars(found)

    return step
