"""Attention over sentences of different lengths.

Attention as one layer: of a sequence to itself or to another, looking back
only or everywhere, past what has been filled up.

::

    import numpy as np
    from autograd_book import nn

    layer = nn.MultiHeadAttention(6, heads=2, rng=0)
    x = np.ones((2, 4, 6), np.float32)
    filled = np.array([[False, False, False, False], [False, False, True, True]])
    print(layer(x, padding=filled).shape, layer(x, np.ones((2, 9, 6), np.float32)).shape)
"""
# Generated from book/learn/heads.md by autograd-book extract; edit the chapter, not this file.
# sha256: cc5e8a874a0c859f43de7928ceda3695525a7f1d2599c3e9c39c53f09630e725

__all__ = ["filled_places", "closed_places", "MultiHeadAttention", "expect_sequences"]


# book/learn/heads.md: Who may look at what
from typing import Any

import numpy as np

from autograd_book.graph.errors import (
    DifferentiationTypeError, DifferentiationValueError, described, with_usage,
)
from autograd_book.learn.attention import FAR_BELOW, GENTLE, expect_heads, expect_steps, mixing
from autograd_book.learn.nn import Module, expect_length, source_of_numbers
from autograd_book.rules.linear import array
from autograd_book.rules.softmax import softmax


def filled_places(padding: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Truth values of a shape, or the error that they are none."""
    filled = np.asarray(padding)
    if filled.dtype != bool:
        raise DifferentiationTypeError(
            f"padding was given as {described(filled)}. Give truth values, True where "
            "nothing stands, for example lengths[:, None] <= np.arange(time)."
        )
    if filled.shape != shape:
        raise DifferentiationValueError(
            f"padding of shape {filled.shape} came with a sequence of shape "
            f"{(*shape, '...')}. Give one truth value for each place, of shape {shape}."
        )
    return filled


def closed_places(queries: int, shape: tuple[int, ...], causal: bool, padding: Any) -> np.ndarray:
    """True where a query must not look: shape (..., 1, queries, keys)."""
    closed = np.triu(np.full((queries, shape[-1]), causal), 1)
    if padding is not None:
        closed = closed | filled_places(padding, shape)[..., None, None, :]
    if closed.all(axis=-1).any():
        raise DifferentiationValueError(
            "padding leaves a position no place to look at. Put it behind the words, and "
            "leave out sequences without any."
        )
    return closed


# book/learn/heads.md: The layer
class MultiHeadAttention(Module):
    """Lets each position of a sequence take from those of the same or another one.

    Parameters
    ----------
    width : int
        Length of the vector at each position.
    heads : int
        How many weighted means are taken side by side; divides the width.
    causal : bool
        Whether a position takes only from those before it, and from itself.
    rng : numpy.random.Generator, int or None
        Source of the weights, or its seed.
    dtype : dtype_like
        Floating point.

    After A. Vaswani and others, *Attention is all you need* (2017).
    """

    @with_usage
    def __init__(
        self, width: int, heads: int, *, causal: bool = False, rng: Any = None,
        dtype: Any = np.float32,
    ) -> None:
        expect_heads(width, heads)
        rng = source_of_numbers(rng)
        self.heads, self.causal = heads, bool(causal)
        self.query, self.key, self.value = (mixing(width, width, rng, dtype) for _ in range(3))
        self.join = mixing(width, width, rng, dtype, GENTLE)

    def apart(self, x: Any) -> Any:
        """From shape (..., time, width) to (..., heads, time, width / heads)."""
        return np.swapaxes(np.reshape(x, (*x.shape[:-1], self.heads, -1)), -3, -2)

    @with_usage
    def __call__(self, x: Any, other: Any = None, *, padding: Any = None) -> Any:
        """Shape (..., time, width), in and out.

        `other` is what to take from, of shape (..., places, width), or None for `x` itself;
        `padding` is an array of truth values of shape (..., places), True where nothing
        stands that may be taken.
        """
        x = array(x)
        source = x if other is None else array(other)
        expect_sequences(self, x.shape, source.shape, other is None)
        query, key, value = (
            self.apart(part) for part in (self.query(x), self.key(source), self.value(source))
        )
        scores = (query * query.shape[-1] ** -0.5) @ np.swapaxes(key, -1, -2)
        closed = closed_places(x.shape[-2], source.shape[:-1], self.causal, padding)
        scores = np.where(closed, scores.dtype.type(FAR_BELOW), scores)
        means = softmax(scores) @ value
        return self.join(np.reshape(np.swapaxes(means, -3, -2), x.shape))

    def __repr__(self) -> str:
        causal = ", causal=True" if self.causal else ""
        return f"MultiHeadAttention({self.query.weight.shape[0]}, {self.heads}{causal})"


def expect_sequences(
    layer: MultiHeadAttention, shape: tuple[int, ...], source: tuple[int, ...], same: bool
) -> None:
    """Raise unless a layer can let one sequence take from another."""
    for given in (shape, source):
        expect_length(layer, given, layer.query.weight.shape)
        expect_steps(layer, given)
    if shape[:-2] != source[:-2]:
        raise DifferentiationValueError(
            f"{layer} was called with sequences of shapes {shape} and {source}. Give as many "
            "of the one as of the other."
        )
    if layer.causal and not same:
        raise DifferentiationValueError(
            f"{layer} was called with two sequences, and which place of the one lies ahead "
            "in the other is not known. Make the layer without causal=True."
        )
