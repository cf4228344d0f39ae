"""Attention.

The layers of a transformer: attention that looks back only, layer
normalisation, a block of both with a small network, and tables of vectors for
words and for positions.

::

    import numpy as np
    from autograd_book.learn.attention import Embedding, TransformerBlock

    table = Embedding(words=20, width=16, rng=0)
    block = TransformerBlock(16, heads=2, rng=1)
    z = block(table(np.arange(10).reshape(2, 5)))
    z.sum().backward()
    print(z.shape, z.dtype, table.weight.grad.shape)
"""
# Generated from book/learn/attention.md by autograd-book extract; edit the chapter, not this file.
# sha256: eefc36f09fe38d9b746c6c82401f87eea37fdb0dafd7cb9df3110bf6d7b28248

__all__ = [
    "FAR_BELOW",
    "causal_mask",
    "expect_heads",
    "expect_steps",
    "GENTLE",
    "mixing",
    "CausalSelfAttention",
    "LayerNorm",
    "TransformerBlock",
    "known_words",
    "Embedding",
    "waves",
]


# book/learn/attention.md: Looking back only
from typing import Any

import numpy as np

from autograd_book.graph.errors import DifferentiationValueError, with_usage
from autograd_book.graph.variable import Variable
from autograd_book.learn.losses import integers
from autograd_book.learn.nn import Linear, Module, ReLU, Sequential
from autograd_book.learn.nn import expect_length, expect_sizes, source_of_numbers
from autograd_book.rules.linear import array
from autograd_book.rules.moments import rms_normalize
from autograd_book.rules.softmax import softmax

FAR_BELOW = -32768.0  #: Less than a score will ever be, and within the range of half precision.


def causal_mask(time: int, dtype: Any) -> np.ndarray:
    """What to add to scores of shape (..., time, time) so that nothing looks ahead.

    A number far below all scores instead of minus infinity: the sum stays finite.
    """
    return np.triu(np.full((time, time), FAR_BELOW, dtype), 1)


# book/learn/attention.md: Queries, keys and values
def expect_heads(width: Any, heads: Any) -> None:
    """Raise unless attention can divide its width among its heads."""
    expect_sizes(width, heads)
    if width % heads:
        raise DifferentiationValueError(
            f"attention of width {width} cannot be divided among {heads} heads. "
            "Choose a number of heads that divides the width."
        )


# book/learn/attention.md: Queries, keys and values
def expect_steps(layer: Module, shape: tuple[int, ...]) -> None:
    """Raise unless an input has an axis of time with something along it."""
    if len(shape) < 2 or shape[-2] == 0:
        raise DifferentiationValueError(
            f"{layer} was called with an input of shape {shape}, which has no step in it. "
            "Give it an array of shape (..., time, inputs) with at least one step."
        )


# book/learn/attention.md: Queries, keys and values
GENTLE = 0.1  #: Gain of layers whose result is added to something, or is a score.


def mixing(inputs: int, outputs: int, rng: Any, dtype: Any, gain: float = 1.0) -> Linear:
    """A linear layer without a ReLU behind it: its weights have variance gain² / inputs."""
    layer = Linear(inputs, outputs, rng=rng, dtype=dtype)
    layer.weight.data = layer.weight.numpy() * (gain / 2**0.5)
    return layer


# book/learn/attention.md: Queries, keys and values
class CausalSelfAttention(Module):
    """Lets each position of a sequence take from those before it, and from itself.

    Parameters
    ----------
    width : int
        Length of the vector at each position.
    heads : int
        How many weighted means are taken side by side; divides the width.
    rng : numpy.random.Generator, int or None
        Source of the weights, or its seed.
    dtype : dtype_like
        Floating point.

    After A. Vaswani and others, *Attention is all you need* (2017).
    """

    @with_usage
    def __init__(
        self, width: int, heads: int, *, rng: Any = None, dtype: Any = np.float32
    ) -> None:
        expect_heads(width, heads)
        rng = source_of_numbers(rng)
        self.heads = heads
        self.query, self.key, self.value = (mixing(width, width, rng, dtype) for _ in range(3))
        self.join = mixing(width, width, rng, dtype, GENTLE)

    def apart(self, x: Any) -> Any:
        """From shape (..., time, width) to (..., heads, time, width / heads)."""
        return np.swapaxes(np.reshape(x, (*x.shape[:-1], self.heads, -1)), -3, -2)

    def weights(self, x: Any) -> Any:
        """How much each position takes from which: (..., heads, time, time); rows add to 1."""
        query, key = self.apart(self.query(x)), self.apart(self.key(x))
        scores = (query * query.shape[-1] ** -0.5) @ np.swapaxes(key, -1, -2)
        return softmax(scores + causal_mask(scores.shape[-1], scores.dtype))

    def __call__(self, x: Any) -> Any:
        """Shape (..., time, width), in and out."""
        x = array(x)
        expect_length(self, x.shape, self.query.weight.shape)
        expect_steps(self, x.shape)
        means = self.weights(x) @ self.apart(self.value(x))
        return self.join(np.reshape(np.swapaxes(means, -3, -2), x.shape))

    def __repr__(self) -> str:
        return f"CausalSelfAttention({self.query.weight.shape[0]}, {self.heads})"


# book/learn/attention.md: Normalised vectors
class LayerNorm(Module):
    """Gives each vector the mean 0 and the variance 1, then a learned scale and shift.

    Parameters
    ----------
    width : int
        Length of the last axis.
    eps : float
        Added to the variance.
    dtype : dtype_like
        Floating point.

    After J. L. Ba, J. R. Kiros and G. E. Hinton, *Layer normalization* (2016).
    """

    @with_usage
    def __init__(self, width: int, *, eps: float = 1e-5, dtype: Any = np.float32) -> None:
        expect_sizes(width, width)
        self.eps = float(eps)
        #: Shape (width,).
        self.weight = Variable(np.ones(width, dtype))
        #: Shape (width,).
        self.bias = Variable(np.zeros(width, dtype))

    def __call__(self, x: Any) -> Any:
        """An array or Variable of shape (..., width), in and out."""
        x = array(x)
        expect_length(self, x.shape, self.weight.shape)
        centred = x - np.mean(x, axis=-1, keepdims=True)
        return rms_normalize(centred, eps=self.eps) * self.weight + self.bias

    def __repr__(self) -> str:
        return f"LayerNorm({self.weight.shape[0]})"


# book/learn/attention.md: A block
class TransformerBlock(Module):
    """Attention, then two linear layers with a ReLU; each adds to what passes by.

    Parameters
    ----------
    width, heads, rng, dtype
        As of `CausalSelfAttention`. The hidden layer has 4 × width units.
    """

    @with_usage
    def __init__(
        self, width: int, heads: int, *, rng: Any = None, dtype: Any = np.float32
    ) -> None:
        rng = source_of_numbers(rng)
        self.attention = CausalSelfAttention(width, heads, rng=rng, dtype=dtype)
        self.before, self.between = LayerNorm(width, dtype=dtype), LayerNorm(width, dtype=dtype)
        wide = Linear(width, 4 * width, rng=rng, dtype=dtype)
        narrow = mixing(4 * width, width, rng, dtype, GENTLE)
        self.perceptron = Sequential(wide, ReLU(), narrow)

    def __call__(self, x: Any) -> Any:
        """Shape (..., time, width), in and out."""
        x = x + self.attention(self.before(x))
        return x + self.perceptron(self.between(x))


# book/learn/attention.md: Words as vectors
def known_words(tokens: Any, words: int) -> np.ndarray:
    """Tokens as an array of integers, or the error that says which of them name no word."""
    tokens = integers(tokens, "tokens", "words") if np.size(tokens) else np.zeros(np.shape(tokens), np.int64)
    if tokens.size and (tokens.min() < 0 or tokens.max() >= words):
        raise DifferentiationValueError(
            f"tokens reach from {tokens.min()} to {tokens.max()}, "
            f"and there are {words} words. "
            f"Number the words from 0 to {words - 1}."
        )
    return tokens


# book/learn/attention.md: Words as vectors
class Embedding(Module):
    """A table with one row for each word.

    Parameters
    ----------
    words, width : int
        Number of rows, and their length.
    rng : numpy.random.Generator, int or None
        Source of the rows, or its seed; they begin with a length of about 1.
    dtype : dtype_like
        Floating point.
    """

    @with_usage
    def __init__(
        self, words: int, width: int, *, rng: Any = None, dtype: Any = np.float32
    ) -> None:
        expect_sizes(words, width)
        rows = source_of_numbers(rng).normal(0.0, width**-0.5, (words, width))
        #: Shape (words, width).
        self.weight = Variable(rows.astype(dtype))

    def __call__(self, tokens: Any) -> Any:
        """The rows of tokens of any shape, with one more axis of length width."""
        return self.weight[known_words(tokens, len(self.weight))]

    def __repr__(self) -> str:
        return f"Embedding({', '.join(map(str, self.weight.shape))})"


# book/learn/attention.md: Where in the text
def waves(context: int, width: int) -> np.ndarray:
    """A row of length about 1 for each position: sines and cosines of growing wavelengths.

    Near positions have similar rows; the product of two depends on their distance alone.
    """
    pair, odd = np.divmod(np.arange(width), 2)
    angles = np.arange(context)[:, None] * 100.0 ** (-2 * pair / width)
    return np.where(odd, np.cos(angles), np.sin(angles)) * (2 / width) ** 0.5
