"""The rules of book/rules/linear.md."""

import numpy as np
import pytest
from cases.linear import PRODUCTS
from casework import uniform

import autograd_book as ab
from autograd_book.graph.backward import reachable
from autograd_book.rules.linear import matmul_y


@pytest.mark.parametrize(("x", "y"), PRODUCTS, ids=str)
def test_values_are_those_of_numpy(x, y) -> None:
    a, b = uniform(x), uniform(y, seed=1)
    np.testing.assert_array_equal((ab.Variable(a) @ b).numpy(), a @ b)
    np.testing.assert_array_equal((a @ ab.Variable(b)).numpy(), a @ b)


def test_the_gradient_of_shared_weights_is_one_product_and_no_sum_of_many() -> None:
    g = ab.Variable(np.ones((50, 2, 4)))
    out = matmul_y(g, np.ones((50, 2, 3)), (3, 4))
    names = [node.plan.primitive.name for node in reachable(out.node) if node.plan]
    assert names.count("matmul") == 1
    assert "sum" not in names


def test_dot_with_a_number_is_a_product() -> None:
    x = ab.Variable([1.0, 2.0])
    np.dot(x, 3.0).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [3.0, 3.0])


def test_shapes_that_do_not_match_are_refused_by_numpy() -> None:
    with pytest.raises(ValueError, match="matmul"):
        ab.Variable(np.ones((2, 3))) @ np.ones((2, 3))
