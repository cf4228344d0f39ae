"""Sequences.

A recurrent network reads one step after another, and a transformer all of them
at once. Both are modules like any other.

::

    import numpy as np
    from autograd_book.learn.sequence import RNN, Characters, Transformer, generate

    states = RNN(8, 16, rng=0)(np.ones((2, 5, 8), np.float32))
    print(states.shape, states.dtype)

    letters = Characters("to be or not to be")
    network = Transformer(len(letters), width=16, heads=2, blocks=1, context=8)
    print(network(letters.encode("to be")).shape)
    print(letters.decode(generate(network, letters.encode("to"), 5, rng=0)))
"""
# Generated from book/learn/sequence.md by autograd-book extract; edit the chapter, not this file.
# sha256: f6b36c20e787967bb40d1af8784b5293cf66b63e61816b3f233239cd9691062b

__all__ = [
    "CausalSelfAttention",
    "Embedding",
    "LayerNorm",
    "TransformerBlock",
    "orthogonal",
    "expect_radius",
    "RNN",
    "LastState",
    "Characters",
    "expect_context",
    "Transformer",
    "excerpts",
    "next_token_loss",
    "language_step",
    "expect_generation",
    "generate",
]


# book/learn/sequence.md: A product of as many factors as steps
from functools import partial
from numbers import Integral, Real
from typing import Any

import numpy as np

from autograd_book.graph.errors import DifferentiationValueError, with_usage
from autograd_book.graph.primitive import shape_of
from autograd_book.graph.stack import no_grad
from autograd_book.graph.variable import Variable
from autograd_book.learn.attention import GENTLE, expect_steps, known_words, mixing, waves
from autograd_book.learn.attention import CausalSelfAttention as CausalSelfAttention
from autograd_book.learn.attention import Embedding as Embedding
from autograd_book.learn.attention import LayerNorm as LayerNorm
from autograd_book.learn.attention import TransformerBlock as TransformerBlock
from autograd_book.learn.losses import cross_entropy
from autograd_book.learn.nn import Linear, Module, expect_length, expect_sizes, source_of_numbers
from autograd_book.learn.optim import Optimizer
from autograd_book.rules.linear import array


def orthogonal(size: int, radius: float, rng: "np.random.Generator") -> np.ndarray:
    """A random rotation or reflection times `radius`, the size of all its eigenvalues."""
    q, r = np.linalg.qr(rng.normal(size=(size, size)))
    return radius * q * np.sign(np.diag(r))


# book/learn/sequence.md: What comes in
def expect_radius(radius: Any) -> None:
    """Raise unless a spectral radius is a number that is not negative, and finite."""
    if not isinstance(radius, Real) or not 0 <= float(radius) < np.inf:
        raise DifferentiationValueError(
            f"spectral_radius={radius!r} was given to a recurrent network. "
            "Choose a number from 0 up, near 1 for a long memory."
        )


# book/learn/sequence.md: The recurrent layer
class RNN(Module):
    """A recurrent network: ``h[t] = tanh(x[t] @ weight + h[t-1] @ recurrent + bias)``.

    Parameters
    ----------
    inputs, hidden : int
        Length of an input at one step, and of the state.
    rng : numpy.random.Generator, int or None
        Source of the weights, or its seed.
    spectral_radius : float
        Size of the eigenvalues of `recurrent`, at first a multiple of an orthogonal matrix.
    dtype : dtype_like
        Floating point.

    After J. L. Elman, *Finding structure in time* (1990).
    """

    @with_usage
    def __init__(
        self, inputs: int, hidden: int, *, rng: Any = None, spectral_radius: float = 1.0,
        dtype: Any = np.float32,
    ) -> None:
        expect_sizes(inputs, hidden)
        expect_radius(spectral_radius)
        rng = source_of_numbers(rng)
        weight = rng.normal(0.0, inputs**-0.5, (inputs, hidden))
        self.weight = Variable(weight.astype(dtype))  #: Shape (inputs, hidden).
        #: Shape (hidden, hidden).
        self.recurrent = Variable(orthogonal(hidden, spectral_radius, rng).astype(dtype))
        self.bias = Variable(np.zeros(hidden, dtype))  #: Shape (hidden,).

    def step(self, x: Any, state: Any) -> Any:
        """The state after an input of shape (..., inputs), given the state before it."""
        return np.tanh(x @ self.weight + state @ self.recurrent + self.bias)

    def __call__(self, x: Any, state: Any = None) -> Any:
        """All states, of shape (..., time, hidden), for inputs of shape (..., time, inputs);
        the one before them is zero unless one of shape (..., hidden) is given."""
        x, states = array(x), []
        expect_length(self, x.shape, self.weight.shape)
        expect_steps(self, x.shape)
        if state is None:
            state = np.zeros((*x.shape[:-2], *self.bias.shape), self.bias.dtype)
        for t in range(x.shape[-2]):
            state = self.step(x[..., t, :], state)
            states.append(state)
        return np.stack(states, axis=-2)

    def __repr__(self) -> str:
        return f"RNN({', '.join(map(str, self.weight.shape))})"


# book/learn/sequence.md: Reading digits
class LastState(Module):
    """Classifies sequences by the last state of a recurrent network.

    Parameters
    ----------
    inputs, hidden, classes : int
        Sizes: of one step, of the state, of what comes out.
    rng, spectral_radius, dtype
        As of `RNN`.
    """

    @with_usage
    def __init__(
        self, inputs: int, hidden: int, classes: int, *, rng: Any = None,
        spectral_radius: float = 1.0, dtype: Any = np.float32,
    ) -> None:
        rng = source_of_numbers(rng)
        self.inputs = inputs
        self.rnn = RNN(inputs, hidden, rng=rng, spectral_radius=spectral_radius, dtype=dtype)
        self.readout = Linear(hidden, classes, rng=rng, dtype=dtype)

    def __call__(self, x: Any) -> Any:
        """Scores of shape (..., classes), for rows of shape (..., time * inputs)."""
        steps = np.reshape(x, (*shape_of(x)[:-1], -1, self.inputs))
        return self.readout(self.rnn(steps)[..., -1, :])


# book/learn/sequence.md: Characters as numbers
class Characters:
    """Numbers the characters of a text, from 0, in the order of their codes.

    Parameters
    ----------
    text : str
        Holds every character that shall be known.
    """

    def __init__(self, text: str) -> None:
        self.letters = "".join(sorted(set(text)))

    def __len__(self) -> int:
        return len(self.letters)

    def encode(self, text: str) -> np.ndarray:
        """The numbers of the characters of a text, int64 of shape (length,).

        Raises
        ------
        DifferentiationValueError
            If a character is not known.
        """
        if unknown := sorted(set(text) - set(self.letters)):
            raise DifferentiationValueError(
                f"a text holds the characters {unknown}, which have no number. "
                "Leave them out, or build Characters from a text that has them."
            )
        numbers = {letter: i for i, letter in enumerate(self.letters)}
        return np.array([numbers[letter] for letter in text], np.int64)

    def decode(self, tokens: Any) -> str:
        """The text of a row of numbers."""
        return "".join(self.letters[i] for i in known_words(tokens, len(self)))


# book/learn/sequence.md: The transformer
def expect_context(shape: tuple[int, ...], context: int) -> None:
    """Raise unless a sequence of tokens has at least one, and not more than can be read."""
    if not shape or not 1 <= shape[-1] <= context:
        raise DifferentiationValueError(
            f"tokens of shape {shape} were given to a transformer that reads up to "
            f"{context} at once. Give an array of shape (..., time) "
            f"with 1 to {context} along its last axis."
        )


# book/learn/sequence.md: The transformer
class Transformer(Module):
    """A language model: from tokens to scores of the token that comes next, at each position.

    Parameters
    ----------
    words, context : int
        How many different tokens there are, and the longest sequence that can be read.
    width, heads, blocks : int
        Length of the vector at each position, and number of heads and of blocks.
    seed : int or numpy.random.Generator
        Of all weights.
    dtype : dtype_like
        Floating point.
    """

    @with_usage
    def __init__(
        self, words: int, width: int, heads: int, blocks: int, context: int, *,
        seed: Any = 0, dtype: Any = np.float32,
    ) -> None:
        expect_sizes(context, blocks)
        rng = np.random.default_rng(seed)
        self.tokens = Embedding(words, width, rng=rng, dtype=dtype)
        #: Shape (context, width).
        self.positions = Variable(waves(context, width).astype(dtype))
        block = partial(TransformerBlock, width, heads, rng=rng, dtype=dtype)
        self.blocks = [block() for _ in range(blocks)]
        self.norm = LayerNorm(width, dtype=dtype)
        self.readout = mixing(width, words, rng, dtype, GENTLE)

    @property
    def context(self) -> int:
        """Longest sequence that can be read."""
        return len(self.positions)

    def embed(self, tokens: Any) -> Any:
        """What enters the first block: tokens of shape (..., time) become (..., time, width)."""
        expect_context(shape_of(tokens), self.context)
        return self.tokens(tokens) + self.positions[: shape_of(tokens)[-1]]

    def __call__(self, tokens: Any) -> Any:
        """Scores of shape (..., time, words), for integers of shape (..., time)."""
        x = self.embed(tokens)
        for block in self.blocks:
            x = block(x)
        return self.readout(self.norm(x))


# book/learn/sequence.md: Learning to write
def excerpts(tokens: Any, time: int, count: int, rng: "np.random.Generator") -> np.ndarray:
    """Pieces of a text from random places: shape (count, time + 1)."""
    tokens = np.asarray(tokens)
    if not 0 < time < len(tokens):
        raise DifferentiationValueError(
            f"pieces of {time} steps were asked for of a text of {len(tokens)} tokens. "
            "Each piece needs one token more than it has steps: use a longer text."
        )
    starts = rng.integers(0, len(tokens) - time, count)
    return tokens[starts[:, None] + np.arange(time + 1)]


# book/learn/sequence.md: Learning to write
def next_token_loss(network: Module, pieces: np.ndarray) -> Any:
    """Mean cross-entropy, in nats, of predicting each token of a piece from those before."""
    scores = network(pieces[:, :-1])
    return cross_entropy(np.reshape(scores, (-1, scores.shape[-1])), pieces[:, 1:].ravel())


def language_step(network: Module, optimizer: Optimizer, pieces: np.ndarray) -> float:
    """Learn from some pieces of text; return the loss, in nats a token, as it was before."""
    optimizer.zero_grad()
    loss = next_token_loss(network, pieces)
    loss.backward()
    optimizer.step()
    return float(loss.item())


# book/learn/sequence.md: Writing
def expect_generation(count: Any, temperature: Any) -> None:
    """Raise unless a number of tokens and a temperature make sense."""
    if not isinstance(count, Integral) or count < 0:
        raise DifferentiationValueError(
            f"count={count!r} tokens were asked for. Give a whole number, 0 or more."
        )
    if not isinstance(temperature, Real) or not 0 <= float(temperature) < np.inf:
        raise DifferentiationValueError(
            f"temperature={temperature!r} was given. Choose a number from 0 up; 1 is usual."
        )


# book/learn/sequence.md: Writing
def generate(
    network: Transformer,
    tokens: Any,
    count: int,
    *,
    rng: Any = None,
    temperature: float = 1.0,
) -> np.ndarray:
    """Continue a sequence, one token after another.

    Parameters
    ----------
    network : Transformer
        Whose scores decide; it sees the last `context` tokens.
    tokens : array_like of int
        The beginning, of shape (time,), at least one.
    count : int
        How many to add.
    rng : numpy.random.Generator, int or None
        Source of the choices, or its seed.
    temperature : float
        Divides the scores: below 1 the likely is preferred, and at 0 always taken.

    Returns
    -------
    numpy.ndarray
        int64 of shape (time + count,).
    """
    expect_generation(count, temperature)
    rng, found = source_of_numbers(rng), list(known_words(tokens, len(network.tokens.weight)))
    with no_grad():
        for _ in range(count):
            scores = network(np.array(found[-network.context :], np.int64))[-1].numpy()
            found.append(np.argmax(scores + temperature * rng.gumbel(size=scores.shape)))
    return np.array(found, np.int64)
