"""Formats, and arrays to round to them, for the tests of halves."""

import numpy as np
import pytest

import autograd_book as ab
from autograd_book.stability.formats import half_format

HALF, SINGLE, DOUBLE = np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.float64)
#: Distance from 1 to the next number.
EPS = {"float16": 2.0**-10, "bfloat16": 2.0**-7}
both_formats = pytest.mark.parametrize("name", ["float16", "bfloat16"])


def format_of(name):
    if name == "bfloat16":
        pytest.importorskip("ml_dtypes")
    return half_format(name)


def normal(*shape, seed=0, dtype=np.float32):
    return np.random.default_rng([seed, *shape]).normal(size=shape).astype(dtype)


def variable(*shape, seed=0, dtype=np.float32):
    return ab.Variable(normal(*shape, seed=seed, dtype=dtype))
