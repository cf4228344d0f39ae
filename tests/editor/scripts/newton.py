"""Newton's method, with a Hessian and with products."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

import autograd_book as ab

Vector = NDArray[np.float64]


def energy(x: Vector) -> Any:
    return np.sum(np.cosh(x)) + 0.5 * np.sum(x[1:] * x[:-1])


x: Vector = np.array([1.0, -0.5, 0.25])
for _ in range(8):
    x = x - np.linalg.solve(ab.hessian(energy)(x), ab.grad(energy)(x))
assert np.abs(x).max() < 1e-8

product = ab.hvp(energy)(x, np.ones(3))
out, tangent = ab.jvp(energy, (x,), (np.ones(3),))
value, pullback = ab.vjp(np.sin, x)
(cotangent,) = pullback(np.ones(3))
print(product, float(out), float(tangent), value.shape, cotangent.shape)
