"""A pendulum: forces and a Jacobian out of an energy."""

from typing import Any

import numpy as np
from scipy.integrate import solve_ivp

import autograd_book as ab


def energy(state: np.ndarray) -> Any:
    angle, momentum = state
    return 0.5 * momentum**2 - np.cos(angle)


slope = ab.grad(energy)


def motion(t: float, state: np.ndarray) -> np.ndarray:
    by_angle, by_momentum = slope(state)
    return np.array([by_momentum, -by_angle])


start = np.array([1.0, 0.0])
path = solve_ivp(motion, (0.0, 10.0), start, rtol=1e-8, atol=1e-8)
assert abs(energy(path.y[:, -1]) - energy(start)) < 1e-5


def swapped(state: np.ndarray) -> np.ndarray:
    return np.stack([state[1], -np.sin(state[0])])


stiffness = ab.jacobian(swapped)(start)
assert stiffness.shape == (2, 2)
