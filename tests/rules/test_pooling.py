"""The rules of book/rules/pooling.md."""

import numpy as np
import pytest
from cases.pooling import POOLS
from casework import uniform
from slow_windows import per_axis, slow_windows, surrounded

import autograd_book as ab


@pytest.mark.parametrize(("shape", "kernel", "options"), POOLS, ids=str)
@pytest.mark.parametrize(("name", "reduction", "fill"), [("max_pool", np.max, -np.inf), ("avg_pool", np.mean, 0.0)])
def test_pooling_is_what_a_slow_loop_finds(shape, kernel, options, name, reduction, fill) -> None:
    n, x = len(shape) - 2, uniform(shape)
    sizes = per_axis(kernel, n)
    wide = surrounded(x, options.get("padding", 0), sizes, fill)
    z = None
    for counts, place, window in slow_windows(wide, sizes, options.get("stride", kernel), 1):
        z = np.zeros((*shape[:2], *counts)) if z is None else z
        z[(slice(None), slice(None), *place)] = reduction(window, axis=tuple(range(2, n + 2)))
    np.testing.assert_allclose(getattr(ab, f"{name}{n}d")(x, kernel, **options), z, rtol=1e-12)


def test_the_maximum_of_integers_and_the_mean_of_small_ones_are_right() -> None:
    x = np.array([[[200, 100, 250]]], np.uint8)
    np.testing.assert_array_equal(ab.avg_pool1d(x, 3), [[[550 / 3]]])
    np.testing.assert_array_equal(ab.max_pool1d(x, 3), [[[250]]])


def test_ties_share_the_gradient_of_a_maximum() -> None:
    x = ab.Variable([[[3.0, 3.0, 1.0, 2.0]]])
    ab.max_pool1d(x, 2).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [[[0.5, 0.5, 0.0, 1.0]]])


def test_a_border_never_wins_a_maximum() -> None:
    x = ab.Variable(np.full((1, 1, 2, 2), -5.0))
    z = ab.max_pool2d(x, 3, stride=1, padding=1)
    z.sum().backward()
    np.testing.assert_array_equal(z.numpy(), np.full((1, 1, 2, 2), -5.0))
    np.testing.assert_array_equal(x.grad.numpy(), np.ones((1, 1, 2, 2)))


def test_an_image_of_minus_infinity_shares_nothing_with_the_border_of_a_pool() -> None:
    x = np.full((1, 1, 4, 4), -np.inf)
    g = ab.grad(lambda x: np.sum(np.where(ab.max_pool2d(x, 2, 2, 1) == -np.inf, ab.max_pool2d(x, 2, 2, 1), 0.0)))(x)
    assert np.sum(g) == 9.0  # one for each window
    np.testing.assert_allclose(g[0, 0], [[1, 0.5, 0.5, 1], [0.5, 0.25, 0.25, 0.5], [0.5, 0.25, 0.25, 0.5], [1, 0.5, 0.5, 1]])
    row = ab.vjp(lambda x: ab.max_pool1d(x, 2, padding=1), np.array([[[-np.inf, 1.0]]]))[1](np.ones((1, 1, 2)))[0]
    np.testing.assert_array_equal(row, [[[1.0, 1.0]]])
