"""A function with a derivative of one's own."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

import autograd_book as ab


@ab.primitive("x", x=lambda g, out: g * out * (1.0 - out))
def logistic(x: Any) -> Any:  # arrays and Variables
    """As in every textbook."""
    return 1.0 / (1.0 + np.exp(-x))


@ab.primitive("x y", x=lambda g, x, out: g * x / out, y=lambda g, y, out: g * y / out)
def radius(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.hypot(x, y)


plain = logistic(np.zeros(3))
assert plain.shape == (3,)
slope = ab.elementwise_grad(logistic)(np.array([0.0, 1.0]))
ab.check_gradients(radius, np.array([3.0]), np.array([4.0]))
v = ab.Variable([0.0, 2.0])
y = logistic(v) * 2.0
y.sum().backward()
assert v.grad is not None
np.testing.assert_allclose(v.grad.numpy()[0], 0.5)
print(slope)
