"""SciPy's optimiser with our gradient and Hessian."""

from typing import Any

import numpy as np
from scipy.optimize import minimize

import autograd_book as ab


def rosenbrock(x: np.ndarray) -> Any:
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


start = np.array([-1.2, 1.0, 0.5])
first = minimize(rosenbrock, start, jac=ab.grad(rosenbrock), method="BFGS")
second = minimize(
    ab.value_and_grad(rosenbrock), start, jac=True, hess=ab.hessian(rosenbrock), method="Newton-CG"
)
np.testing.assert_allclose(first.x, 1.0, atol=1e-4)
np.testing.assert_allclose(second.x, 1.0, atol=1e-4)
