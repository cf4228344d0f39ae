"""What checkers take the public face for, each in the line that says so."""

from collections.abc import Callable
from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

import autograd_book as ab

Array = NDArray[np.float64]


def plain(x: Array, k: int = 1) -> float:
    return float(np.sum(x * k))


def recorded(x: ab.Variable, k: int = 1) -> ab.Variable:
    return x * k


array: Array = np.ones(3)
x = ab.Variable(array)
layer, labels = ab.nn.Linear(3, 2), np.array([0])

assert_type(x * 2.0, ab.Variable)
assert_type(2.0 * x, ab.Variable)
assert_type(x @ array, ab.Variable)
assert_type(-x + array, ab.Variable)
assert_type(x[0], ab.Variable)
assert_type(list(x), list[ab.Variable])
assert_type(x.T, ab.Variable)
assert_type(x.sum(), ab.Variable)
assert_type(x.mean(axis=0, keepdims=True), ab.Variable)
assert_type(x.reshape(3, 1).transpose().max(), ab.Variable)
assert_type(x.detach(), ab.Variable)
assert_type(x.grad, ab.Variable | None)
assert_type(x.shape, tuple[int, ...])
assert_type(x.item(), float)
assert_type(x.nonzero()[0].ndim, int)

assert_type(ab.relu(x), ab.Variable)
assert_type(ab.gelu(ab.sigmoid(ab.silu(ab.softplus(x)))), ab.Variable)
assert_type(ab.softmax(x), ab.Variable)
assert_type(ab.log_softmax(array), Array)
assert_type(ab.logsumexp(x), ab.Variable)
assert_type(ab.stop_gradient(x), ab.Variable)
assert_type(ab.conv2d(array, x), ab.Variable)
assert_type(ab.max_pool2d(x, 2), ab.Variable)
assert_type(layer(array), ab.Variable)
assert_type(ab.nn.Sequential(layer, np.tanh)(array), ab.Variable)
assert_type(ab.nn.cross_entropy(layer(array), labels), ab.Variable)
assert_type(ab.nn.mean_squared_error(x, array), ab.Variable)
assert_type(ab.nn.accuracy(x, labels), float)
assert_type(ab.clip_gradients([x]), float)
assert_type(next(layer.parameters()), ab.Variable)

assert_type(ab.checkpoint(recorded)(x, k=2), ab.Variable)
assert_type(ab.checkpoint(plain)(array), float)
assert_type(ab.compile(recorded)(x, 2), ab.Variable)
assert_type(ab.compile(plain)(array, k=3), float)
assert_type(ab.primitive("x", x=lambda g: g)(plain)(array), float)
assert_type(ab.value_and_grad(plain)(array, k=2)[0], float)
assert_type(ab.grad(plain)(array, k=2), Any)
assert_type(ab.vmap(ab.grad(np.sin))(array), Any)
assert_type(ab.elementwise_grad(np.tanh)(array), Any)

loss: Callable[[Array, int], Any] = ab.grad(plain)
x.grad = None
w: ab.Variable = array * x
tanh: ab.Variable = np.tanh(x)
total: ab.Variable = np.sum(x)
