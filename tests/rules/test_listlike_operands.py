"""What NumPy makes an array of may stand beside a Variable, on both sides of each operator, and is watched as one."""

import operator
from array import array

import numpy as np
import pytest

import autograd_book as ab

OTHERS = {
    "list": [1.0, 2.0, 3.0], "tuple": (1.0, 2.0, 3.0), "range": range(1, 4), "integers": [1, 2, 3],
    "array": array("d", [1.0, 2.0, 3.0]), "memoryview": memoryview(np.array([1.0, 2.0, 3.0])),
}  # fmt: skip
OPERATORS = ("add", "sub", "mul", "truediv", "pow", "matmul", "mod", "floordiv")


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_a_list_of_numbers_counts_as_an_array_in_every_derivative(other, name, side) -> None:
    apply = getattr(operator, name)
    f = lambda o: lambda x: np.sum(apply(x, o) if side == "left" else apply(o, x))
    x, plain = np.array([0.5, 0.7, 0.9]), np.array(other, float)
    for derivative in (ab.grad, ab.hessian, lambda g: lambda x: ab.jvp(g, (x,), (x,))):
        np.testing.assert_array_equal(derivative(f(other))(x), derivative(f(plain))(x))


@pytest.mark.parametrize("times", [operator.mul, np.multiply, lambda v, other: other * v], ids=["left", "call", "right"])
@pytest.mark.parametrize("make", [list, lambda x: array("d", x), lambda x: memoryview(array("d", x)), bytearray])
def test_a_list_of_numbers_that_was_changed_is_found_or_was_copied(make, times) -> None:
    other, v = make([1, 2, 3]), ab.Variable(np.ones(3))
    y = np.sum(times(v, other))
    other[0] = 100
    try:
        y.backward()
    except ab.MutatedValueError as error:
        assert "changed in place" in str(error)
    else:
        np.testing.assert_array_equal(v.grad, [1.0, 2.0, 3.0])
