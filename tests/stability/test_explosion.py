"""The norm: of any shape, any dtype, and any size."""

import math
import tracemalloc

import numpy as np
import pytest

from autograd_book.stability.explosion import BLOCK, unlimited_norm


@pytest.mark.parametrize("shape", [(0,), (3, 0), (), (1, 1)])
@pytest.mark.parametrize("axis", [None, 0, (0, 1)])
def test_norm_takes_any_shape_and_axes(shape, axis):
    values = np.ones(shape)
    if axis is not None and (values.ndim <= np.max(axis) or values.ndim < np.size(axis)):
        return
    expected = np.sqrt(np.sum(values**2, axis=axis, keepdims=axis is not None))
    np.testing.assert_array_equal(unlimited_norm(values, axis=axis), expected)


@pytest.mark.parametrize("size", [BLOCK - 1, BLOCK, BLOCK + 1, 5 * BLOCK + 3])
@pytest.mark.parametrize("p", [1.0, 2.0, 3.5, math.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.complex128])
def test_norm_of_many_blocks_is_that_of_the_whole(size, p, dtype):
    values = np.random.default_rng(0).normal(size=(2, size))[:, ::-1].astype(dtype)
    expected = np.linalg.norm(values.ravel().astype(np.clongdouble), p)
    assert unlimited_norm(values, p) == pytest.approx(float(expected), rel=1e-13)
    values[-1, 0] = np.nan
    assert np.isnan(unlimited_norm(values, p))


def test_norm_needs_little_memory_beside_a_large_array():
    values = np.ones(40 * BLOCK, np.float32)
    tracemalloc.start()
    unlimited_norm(values)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 24 * BLOCK
