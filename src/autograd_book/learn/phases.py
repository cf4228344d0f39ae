"""While learning, and afterwards.

``Dropout`` and ``BatchNorm``, and a network that is told whether it learns by
``train()`` and ``eval()``.

::

    import numpy as np
    from autograd_book import nn

    network = nn.Sequential(
        nn.Linear(64, 32, rng=0), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.5, rng=1), nn.Linear(32, 10, rng=2)
    )
    x = np.ones((5, 64), np.float32)
    print(np.array_equal(network(x).numpy(), network(x).numpy()))
    network.eval()
    print(np.array_equal(network(x).numpy(), network(x).numpy()))
"""
# Generated from book/learn/phases.md by autograd-book extract; edit the chapter, not this file.
# sha256: 9ae151c4fe0829c3b51fbb687ff05a8501bb37b89a61ce2ba7f4736f307b5421

__all__ = [
    "packed_bits",
    "dropped",
    "Dropout",
    "share_of_zeros",
    "BatchNorm",
    "BatchNorm1d",
    "BatchNorm2d",
    "expect_channels",
    "expect_one_batch",
]


# book/learn/phases.md: One bit for a number
from typing import Any, ClassVar

import numpy as np

from autograd_book.graph.protocols import primitive


@primitive("kept", flat=True)
def packed_bits(kept: Any) -> Any:
    """Truth values as bits, eight in a byte."""
    return np.packbits(kept)


# book/learn/phases.md: One bit for a number
@primitive("x bits", linear="x", x=lambda g, bits, scale: dropped(g, bits, scale))
def dropped(x: Any, bits: Any, scale: float) -> Any:
    """Numbers times `scale` where a bit is set, and zeros elsewhere."""
    kept = np.unpackbits(bits, count=x.size).reshape(x.shape).view(bool)
    return np.where(kept, x * x.dtype.type(scale), x.dtype.type(0))


# book/learn/phases.md: A layer that draws
from numbers import Real

from autograd_book.graph.errors import (
    DifferentiationTypeError, DifferentiationValueError, with_usage,
)
from autograd_book.learn.nn import Module, expect_sizes, source_of_numbers
from autograd_book.rules.linear import array


class Dropout(Module):
    """Sets numbers to zero while learning, each with probability `p`, and divides the
    others by ``1 - p``; afterwards it does nothing.

    For the way back it keeps one bit for a number.

    Parameters
    ----------
    p : float
        Share of zeros, from 0 to 1.
    rng : numpy.random.Generator, int or None
        Source of the choice, or its seed; None draws fresh ones. It is part of what
        `autograd_book.save` keeps of the network.

    After N. Srivastava and others, *Dropout: a simple way to prevent neural networks from
    overfitting* (2014).
    """

    @with_usage
    def __init__(self, p: float = 0.5, rng: Any = None) -> None:
        self.p = share_of_zeros(p)
        self.rng = source_of_numbers(rng)

    def __call__(self, x: Any) -> Any:
        """Apply it to an array or Variable of any shape."""
        x = array(x)
        if not self.training or not self.p:
            return x
        kept = self.rng.random(x.shape, dtype=np.float32) >= self.p
        return dropped(x, packed_bits(kept), 1 / (1 - self.p) if self.p < 1 else 0.0)

    def __repr__(self) -> str:
        return f"Dropout({self.p})"


def share_of_zeros(p: Any) -> float:
    """A probability as a float, or the error that it is none."""
    if not isinstance(p, Real) or not 0 <= float(p) <= 1:
        raise DifferentiationValueError(
            f"Dropout was given p={p!r}. Give the share of numbers to leave out, from 0 to 1."
        )
    return float(p)


# book/learn/phases.md: A mean that is remembered
from autograd_book.graph.stack import bottom, replaying
from autograd_book.graph.variable import Variable
from autograd_book.learn.optim import blend
from autograd_book.modes.batch import Batched
from autograd_book.rules.moments import rms_normalize


class BatchNorm(Module):
    """Gives each channel mean 0 and variance 1, then a learned scale and shift, as
    `BatchNorm1d` or `BatchNorm2d`.

    While learning, mean and variance are those of the batch; afterwards, running means of
    them.

    Parameters
    ----------
    channels : int
        Length of axis 1.
    eps : float
        Added to the variance.
    momentum : float
        By how much a batch moves the running means, from 0 to 1.
    dtype : dtype_like
        Floating point.

    After S. Ioffe and C. Szegedy, *Batch normalization* (2015).
    """

    #: Of an input, how many axes it may have.
    ranks: ClassVar[tuple[int, ...]]

    @with_usage
    def __init__(
        self, channels: int, *, eps: float = 1e-5, momentum: float = 0.1,
        dtype: Any = np.float32,
    ) -> None:
        expect_sizes(channels, channels)
        self.eps, self.momentum = float(eps), float(momentum)
        #: Shape (channels,), as those that follow.
        self.weight = Variable(np.ones(channels, dtype))
        self.bias = Variable(np.zeros(channels, dtype))
        #: Arrays in the state of the network that are not learned.
        self.running_mean = np.zeros(channels, dtype)
        self.running_var = np.ones(channels, dtype)

    def __call__(self, x: Any) -> Any:
        """Apply it to an array or Variable of shape (examples, channels, ...)."""
        x = array(x)
        expect_channels(self, x.shape)
        axes, shape = (0, *range(2, x.ndim)), (-1, *[1] * (x.ndim - 2))
        weight, bias = (np.reshape(v, shape) for v in (self.weight, self.bias))
        if self.training:
            mean = np.mean(x, axis=axes, keepdims=True)
            centred = x - mean
            self.remember(bottom(mean), bottom(centred), axes)
            return rms_normalize(centred, axis=axes, eps=self.eps) * weight + bias
        slope = weight / np.sqrt(np.reshape(self.running_var, shape) + self.eps)
        return x * slope + (bias - np.reshape(self.running_mean, shape) * slope)

    def remember(self, mean: Any, centred: Any, axes: tuple[int, ...]) -> None:
        """Move the running means towards those of a batch, if it is seen the first time."""
        if replaying.get():
            return
        expect_one_batch(self, centred)
        count = centred.size // len(self.running_mean)
        variance = np.sum(np.square(centred), axis=axes) / (count - 1)
        blend(self.running_mean, np.reshape(mean, -1), 1 - self.momentum)
        blend(self.running_var, variance, 1 - self.momentum)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.weight.shape[0]})"


# book/learn/phases.md: A mean that is remembered
class BatchNorm1d(BatchNorm):
    """Of (examples, channels) or (examples, channels, length); see `BatchNorm`."""

    ranks = (2, 3)


class BatchNorm2d(BatchNorm):
    """Of (examples, channels, height, width); see `BatchNorm`."""

    ranks = (4,)


def expect_channels(layer: BatchNorm, shape: tuple[int, ...]) -> None:
    """Raise unless an input of a shape has the channels of a layer on axis 1, and numbers
    enough for a variance."""
    channels, examples = layer.weight.shape[0], "(examples, channels, ...)"
    fact = f"{layer} was called with an input of shape {shape}"
    if len(shape) not in layer.ranks or shape[1] != channels:
        axes = " or ".join(map(str, layer.ranks))
        raise DifferentiationValueError(
            f"{fact}. Give it {axes} axes, {examples}, with {channels} channels."
        )
    if layer.training and np.prod(shape) <= channels:
        raise DifferentiationValueError(
            f"{fact}, which has no variance. Give it two examples or more, or call eval()."
        )


def expect_one_batch(layer: BatchNorm, x: Any) -> None:
    """Raise if a layer that learns is called under vmap."""
    if isinstance(x, Batched):
        raise DifferentiationTypeError(
            f"{layer} was called under vmap while it learns, and each part of the batch has "
            "a mean of its own. Call eval() first, or give it the whole batch without vmap."
        )
