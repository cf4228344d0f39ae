"""The rules of book/rules/elementwise.md."""

import numpy as np
import pytest

import autograd_book as ab

# Where the formula has no answer: arguments, and the gradients chosen.
CORNERS = {
    "abs at zero": (np.abs, [[-2.0, 0.0, 3.0]], [[-1.0, 0.0, 1.0]]),
    "relu at zero": (ab.relu, [[-2.0, 0.0, 3.0]], [[0.0, 0.0, 1.0]]),
    "sign": (np.sign, [[-2.0, 0.0, 3.0]], [[0.0, 0.0, 0.0]]),
    "maximum in a tie": (np.maximum, [[1.0, 2.0, 5.0], [1.0, 3.0, 4.0]], [[0.5, 0.0, 1.0], [0.5, 1.0, 0.0]]),
    "minimum in a tie": (np.minimum, [[1.0, 2.0, 5.0], [1.0, 3.0, 4.0]], [[0.5, 1.0, 0.0], [0.5, 0.0, 1.0]]),
    "power with exponent zero": (np.power, [[0.0, 2.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, np.log(2.0)]]),
    "power of zero": (np.power, [[0.0, 0.0], [1.0, 2.0]], [[1.0, 0.0], [0.0, 0.0]]),
    "square of a negative number": (lambda x: x**2, [[-2.0, 0.0]], [[-4.0, 0.0]]),
    "cube of a negative number": (lambda x: x**3.0, [[-2.0, 0.0]], [[12.0, 0.0]]),
    "first power": (lambda x: x**1, [[-2.0, 0.0]], [[1.0, 1.0]]),
    "zeroth power": (lambda x: x**0, [[-2.0, 0.0]], [[0.0, 0.0]]),
    "logaddexp of large numbers": (np.logaddexp, [[1000.0, -1000.0], [1000.0, 5.0]], [[0.5, 0.0], [0.5, 1.0]]),
    "tanh far out": (np.tanh, [[-1000.0, 1000.0]], [[0.0, 0.0]]),
    "hypot on an axis": (np.hypot, [[3.0, 0.0], [0.0, -4.0]], [[1.0, 0.0], [0.0, -1.0]]),
    "arctan2 on the axes": (np.arctan2, [[1.0, 0.0], [0.0, -1.0]], [[0.0, -1.0], [-1.0, 0.0]]),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
@pytest.mark.parametrize("corner", CORNERS)
def test_at_a_corner_the_gradient_is_the_one_chosen(corner, dtype) -> None:
    f, args, expected = CORNERS[corner]
    xs = [ab.Variable(np.array(a, dtype)) for a in args]
    f(*xs).sum().backward()
    for x, g in zip(xs, expected, strict=True):
        assert x.grad.dtype == dtype
        np.testing.assert_allclose(x.grad.numpy(), g, rtol=1e-6 if dtype is np.float64 else 1e-4, atol=1e-7)


def test_the_derivative_of_a_corner_is_zero_in_the_second_order() -> None:
    for f in (np.abs, ab.relu, np.sign, lambda x: np.maximum(x, 0.5)):
        np.testing.assert_array_equal(ab.grad(lambda x, f=f: np.sum(ab.grad(lambda y: np.sum(f(y)))(x)))(np.ones(3)), np.zeros(3))


def test_where_sends_nothing_to_the_side_that_was_not_chosen() -> None:
    x = ab.Variable([-1.0, 4.0])
    np.where(x > 0, x, np.exp(x)).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [np.exp(-1.0), 1.0])


def test_astype_takes_the_gradient_back_to_the_dtype_it_came_from() -> None:
    x = ab.Variable(np.float32([0.5, 1.5]))
    y = x.astype(np.float64)
    (y * y).sum().backward()
    assert (y.dtype, x.grad.dtype) == (np.float64, np.float32)
    np.testing.assert_array_equal(x.grad.numpy(), [1.0, 3.0])
