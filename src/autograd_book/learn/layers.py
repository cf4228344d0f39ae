"""Layers for images.

Convolutions, pools, and what stands between them, as modules of a network.

::

    import numpy as np
    from autograd_book import nn

    network = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding="same", rng=0), nn.SiLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(8 * 4 * 4, 10, rng=1),
    )
    logits = network(np.ones((5, 1, 8, 8), np.float32))
    print(logits.shape, sum(p.size for p in network.parameters()))
"""
# Generated from book/learn/layers.md by autograd-book extract; edit the chapter, not this file.
# sha256: e7c19c3de387865709127c81b49f2e8c90dfd95faf15d3e6bb2536325250e9b4

__all__ = [
    "expect_groups",
    "Convolution",
    "Conv1d",
    "Conv2d",
    "Pooling",
    "MaxPool1d",
    "MaxPool2d",
    "AvgPool1d",
    "AvgPool2d",
    "Flatten",
    "Activation",
    "Tanh",
    "Sigmoid",
    "SiLU",
    "GELU",
    "Softplus",
    "Softmax",
    "LogSoftmax",
    "RMSNorm",
]


# book/learn/layers.md: A convolution that owns its weights
from math import prod
from typing import Any, ClassVar

import numpy as np

from autograd_book.graph.errors import DifferentiationValueError, with_usage
from autograd_book.graph.primitive import shape_of
from autograd_book.graph.variable import Variable
from autograd_book.learn.nn import Module, expect_length, expect_sizes, he_normal
from autograd_book.rules.convolution import convolution, each


def expect_groups(inputs: int, outputs: int, groups: int) -> None:
    """Raise unless channels can be dealt to groups, as many to each."""
    expect_sizes(inputs, outputs)
    if groups < 1 or inputs % groups or outputs % groups:
        raise DifferentiationValueError(
            f"{inputs} channels in and {outputs} out were to be dealt to {groups} groups. "
            "Give a number of groups that divides both."
        )


# book/learn/layers.md: A convolution that owns its weights
class Convolution(Module):
    """Convolution with weights of its own, as `Conv1d` or `Conv2d`.

    Parameters
    ----------
    inputs, outputs : int
        Channels of what comes in and of what goes out.
    size : int or tuple of int
        Of a window.
    stride, padding, dilation, groups
        As for `autograd_book.conv1d` and `autograd_book.conv2d`.
    bias : bool
        Whether to add a number to each channel.
    rng : numpy.random.Generator, int or None
        Source of the weights, or its seed.
    dtype : dtype_like
        Floating point.
    """

    #: Along how many axes a window moves.
    axes: ClassVar[int]

    @with_usage
    def __init__(
        self, inputs: int, outputs: int, size: Any, *, stride: Any = 1, padding: Any = 0,
        dilation: Any = 1, groups: int = 1, bias: bool = True, rng: Any = None,
        dtype: Any = np.float32,
    ) -> None:
        expect_groups(inputs, outputs, groups)
        shape = (outputs, inputs // groups, *each(size, self.axes, "size"))
        drawn = he_normal(prod(shape[1:]), outputs, rng).T.reshape(shape)
        #: Shape (outputs, inputs / groups, size for each axis).
        self.weight = Variable(drawn.astype(dtype))
        #: Shape (outputs,), or None.
        self.bias = Variable(np.zeros(outputs, dtype)) if bias else None
        self.options = (stride, padding, dilation, groups)

    def __call__(self, x: Any) -> Any:
        """Apply it to an array or Variable of shape (examples, channels, ...)."""
        return convolution(self.axes, x, self.weight, self.bias, *self.options)

    def __repr__(self) -> str:
        outputs, inputs, *size = self.weight.shape
        return f"{type(self).__name__}({inputs * self.options[-1]}, {outputs}, {tuple(size)})"


# book/learn/layers.md: A convolution that owns its weights
class Conv1d(Convolution):
    """Convolution of (examples, channels, length); see `Convolution`."""

    axes = 1


class Conv2d(Convolution):
    """Convolution of (examples, channels, height, width); see `Convolution`."""

    axes = 2


# book/learn/layers.md: Pools, and the way to a linear layer
from collections.abc import Callable

from autograd_book.rules.pooling import avg_pool1d, avg_pool2d, max_pool1d, max_pool2d


class Pooling(Module):
    """Reduces windows; `kernel`, `stride` and `padding` as for `max_pool1d`."""

    #: The function of (x, kernel, stride, padding) that computes.
    function: ClassVar[Callable[..., Any]]

    def __init__(self, kernel: Any, stride: Any = None, padding: Any = 0) -> None:
        self.options = (kernel, stride, padding)

    def __call__(self, x: Any) -> Any:
        """Apply it to an array or Variable of shape (examples, channels, ...)."""
        return type(self).function(x, *self.options)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.options[0]})"


# book/learn/layers.md: Pools, and the way to a linear layer
class MaxPool1d(Pooling):
    """Maximum over windows of (examples, channels, length)."""

    function = staticmethod(max_pool1d)


class MaxPool2d(Pooling):
    """Maximum over windows of (examples, channels, height, width)."""

    function = staticmethod(max_pool2d)


class AvgPool1d(Pooling):
    """Mean over windows of (examples, channels, length)."""

    function = staticmethod(avg_pool1d)


class AvgPool2d(Pooling):
    """Mean over windows of (examples, channels, height, width)."""

    function = staticmethod(avg_pool2d)


# book/learn/layers.md: Pools, and the way to a linear layer
class Flatten(Module):
    """Makes a row of each example: (n, ...) becomes (n, numbers of one example)."""

    def __call__(self, x: Any) -> Any:
        """Apply it to an array or Variable."""
        shape = shape_of(x)
        return np.reshape(x, (shape[0], prod(shape[1:])))

    def __repr__(self) -> str:
        return "Flatten()"


# book/learn/layers.md: What bends
from autograd_book.rules.activations import gelu, sigmoid, silu, softplus
from autograd_book.rules.softmax import log_softmax, softmax


class Activation(Module):
    """A function of one array as a layer without parameters."""

    #: What is computed.
    function: ClassVar[Callable[..., Any]]

    def __call__(self, x: Any) -> Any:
        """Apply it to an array or Variable."""
        return type(self).function(x)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


# book/learn/layers.md: What bends
class Tanh(Activation):
    """Hyperbolic tangent."""

    function = staticmethod(np.tanh)


class Sigmoid(Activation):
    """1 / (1 + exp(-x)), without overflow."""

    function = staticmethod(sigmoid)


class SiLU(Activation):
    """x times its sigmoid."""

    function = staticmethod(silu)


class GELU(Activation):
    """x times the normal distribution at x, in the approximation by a tanh."""

    function = staticmethod(gelu)


class Softplus(Activation):
    """log(1 + exp(x)), a ReLU with a round corner."""

    function = staticmethod(softplus)


# book/learn/layers.md: What bends
class Softmax(Activation):
    """Probabilities along the last axis."""

    function = staticmethod(softmax)


class LogSoftmax(Activation):
    """Logarithms of probabilities along the last axis."""

    function = staticmethod(log_softmax)


# book/learn/layers.md: A vector's length, without its mean
from autograd_book.rules.linear import array
from autograd_book.rules.moments import rms_normalize


class RMSNorm(Module):
    """Gives each vector the root mean square 1, then a learned scale.

    Parameters
    ----------
    width : int
        Length of the last axis.
    eps : float
        Added to the mean of squares.
    dtype : dtype_like
        Floating point.

    After B. Zhang and R. Sennrich, *Root mean square layer normalization* (2019).
    """

    @with_usage
    def __init__(self, width: int, *, eps: float = 1e-5, dtype: Any = np.float32) -> None:
        expect_sizes(width, width)
        self.eps = float(eps)
        #: Shape (width,).
        self.weight = Variable(np.ones(width, dtype))

    def __call__(self, x: Any) -> Any:
        """An array or Variable of shape (..., width), in and out."""
        expect_length(self, shape_of(x), self.weight.shape)
        return rms_normalize(array(x), eps=self.eps) * self.weight

    def __repr__(self) -> str:
        return f"RMSNorm({self.weight.shape[0]})"
