"""Variables with gradients that a test has put there."""

import numpy as np

import autograd_book as ab


def holding(gradient, dtype=None):
    """A Variable with the given gradient."""
    gradient = np.asarray(gradient, dtype)
    variable = ab.Variable(np.zeros(gradient.shape, gradient.dtype if gradient.dtype.kind in "fc" else float))
    variable.grad = gradient
    return variable


def leaf(value, gradient=None):
    """A float32 parameter, with a gradient or without."""
    p = ab.Variable(np.asarray(value, np.float32))
    p.grad = None if gradient is None else np.asarray(gradient, np.float32)
    return p


def random_holders(seed, dtype=np.float64, shapes=((3, 4), (4,), (), (2, 1, 5))):
    rng = np.random.default_rng(seed)
    parts = [rng.normal(size=shape) for shape in shapes]
    if np.dtype(dtype).kind == "c":
        parts = [part + 1j * rng.normal(size=part.shape) for part in parts]
    return [holding(np.asarray(part, dtype)) for part in parts]


def gradients(variables):
    return [v.grad.numpy().copy() for v in variables]


def flat(arrays):
    return np.concatenate([np.ravel(a) for a in arrays])
