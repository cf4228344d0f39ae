"""Products: scatters that fill the whole, and stacks, scales and sums as plain products."""

import numpy as np
import pytest

import autograd_book as ab
from autograd_book.speed.capture import capture
from autograd_book.speed.products import lift_slices
from autograd_book.speed.simplify import simplified


def test_three_parts_of_one_array_come_back_as_one() -> None:
    f = ab.grad(lambda x: np.sum(x[0] * x[1] * np.tanh(x[2])))
    graph = simplified(capture(f, np.ones((3, 2))))
    x = np.random.default_rng(0).standard_normal((3, 2))
    assert (graph.count()["scatter_add"], graph.count()["join"]) == (0, 1)
    np.testing.assert_allclose(graph(x), f(x))


def test_parts_that_overlap_or_leave_a_gap_are_still_added() -> None:
    for f in (lambda x: np.sum(x[0] * x[0] + x[1] * x[0]), lambda x: np.sum(x[0] * x[2])):
        graph, x = simplified(capture(ab.grad(f), np.ones((3, 2)))), np.random.default_rng(0).standard_normal((3, 2))
        np.testing.assert_allclose(graph(x), ab.grad(f)(x))


def unrolled(x, w, u, b):
    """A recurrent network whose steps are written out."""
    h = x[0] * 0.0
    for k in range(len(x)):
        h = np.tanh(x[k] @ w + b + h @ u)
    return np.sum(np.square(h))


def recurrent(steps, width, rows=4):
    rng = np.random.default_rng(0)
    return (
        rng.standard_normal((steps, rows, width)), rng.standard_normal((width, width)) * 0.1,
        rng.standard_normal((width, width)) * 0.1, rng.standard_normal(width) * 0.1,
    )  # fmt: skip


def test_gradients_of_all_steps_come_from_one_product_for_each_weight() -> None:
    f, args = ab.grad(unrolled, (1, 2, 3)), recurrent(6, 32)
    graph = simplified(capture(f, *args))
    # one of x and w; one of h and u in each step, and its way back but for the first; three of the gradients
    assert graph.count()["matmul"] == 1 + 6 + 5 + 3
    for found, wanted in zip(graph(*args), f(*args), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-12)


def test_factors_whose_copies_are_larger_than_the_sums_are_not_joined() -> None:
    f, args = ab.grad(unrolled, 2), recurrent(6, 4, rows=64)
    graph = simplified(capture(f, *args))
    assert graph.count()["join"] == 0
    np.testing.assert_allclose(graph(*args), f(*args), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("f", [
    lambda x, w: np.stack([x[2] @ w, x[0] @ w, x[1] @ w]),
    lambda x, w: np.stack([np.tanh(1.0 - x[k]) for k in range(3)]),
    lambda x, w: np.stack([x[k] * w[0] / 2.0 for k in range(3)]),
    lambda x, w: np.stack([x[0] @ w, x[1] @ w, x[0] @ w]),
    lambda x, w: np.stack([x[k] @ w if k else x[k] @ w.T for k in range(3)]),
    lambda x, w: np.stack([x[k] + x[2 - k] for k in range(3)]),
    lambda x, w: np.stack([w @ x[k][:4] for k in range(3)]),
    lambda x, w: np.stack([x[k] + x for k in range(3)]),
], ids=range(8))  # fmt: skip
def test_slices_treated_together_are_what_they_are_alone(f) -> None:
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((3, 4, 4)), rng.standard_normal((4, 4))
    graph = lift_slices(capture(f, x, w))
    np.testing.assert_array_equal(graph(x, w), f(x, w))


def test_all_slices_are_treated_by_one_equation_and_some_by_their_own() -> None:
    x, w = np.ones((3, 4, 4)), np.ones((4, 4))
    count = lambda places: lift_slices(capture(lambda x, w: [np.tanh(x[k] @ w) for k in places], x, w)).count()
    assert (count((2, 0, 1))["matmul"], count((2, 0, 1))["tanh"]) == (1, 1)
    assert (count((2, 0))["matmul"], count((2, 0))["tanh"]) == (2, 2)


def test_a_sum_of_products_with_a_constant_or_of_other_dtype_is_still_right() -> None:
    rng = np.random.default_rng(0)
    held, parts = rng.standard_normal((32, 2)), [rng.standard_normal((2, 32)) for _ in range(4)]
    single = parts[0].astype(np.float32)
    f = lambda a, b, c, s: a.T @ b + b.T @ c + held @ a + s.T @ a
    graph = simplified(capture(f, *parts[:3], single))
    np.testing.assert_allclose(graph(*parts[:3], single), f(*parts[:3], single), rtol=1e-12)
    g = lambda a, b, c: a.T @ b + b.T @ c + np.full((32, 2), 0.5) @ a
    assert simplified(capture(g, *parts[:3])).count()["join"] == 2
    np.testing.assert_allclose(simplified(capture(g, *parts[:3]))(*parts[:3]), g(*parts[:3]), rtol=1e-12)
