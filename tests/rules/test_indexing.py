"""The rules of book/rules/indexing.md."""

import numpy as np
import pytest
from cases.indexing import INDICES
from casework import uniform

import autograd_book as ab
from autograd_book.rules.indexing import scatter


def test_repeated_indices_add_up() -> None:
    x = ab.Variable(np.zeros(4))
    (x[np.array([0, 0, 2])] * np.array([1.0, 10.0, 100.0])).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [11.0, 0.0, 100.0, 0.0])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_scatter_makes_the_dtype_of_what_it_scatters(dtype) -> None:
    out = scatter(np.ones(2, dtype), (4,), [1, 1])
    assert out.dtype == dtype
    np.testing.assert_array_equal(out, [0, 2, 0, 0])


@pytest.mark.parametrize(("name", "shape", "index"), INDICES, ids=[i[0] for i in INDICES])
def test_values_are_those_of_numpy(name, shape, index) -> None:
    a = uniform(shape)
    np.testing.assert_array_equal(ab.Variable(a)[index].numpy(), a[index])


def test_an_index_out_of_range_is_an_index_error() -> None:
    with pytest.raises(IndexError):
        ab.Variable([1.0, 2.0])[5]
