"""Products: scatters that fill the whole, and stacks, scales and sums as plain products."""

import numpy as np

import autograd_book as ab
from autograd_book.speed.capture import capture
from autograd_book.speed.simplify import simplified


def test_three_parts_of_one_array_come_back_as_one() -> None:
    f = ab.grad(lambda x: np.sum(x[0] * x[1] * np.tanh(x[2])))
    graph = simplified(capture(f, np.ones((3, 2))))
    x = np.random.default_rng(0).standard_normal((3, 2))
    assert (graph.count()["scatter"], graph.count()["join"]) == (0, 1)
    np.testing.assert_allclose(graph(x), f(x))


def test_parts_that_overlap_or_leave_a_gap_are_still_added() -> None:
    for f in (lambda x: np.sum(x[0] * x[0] + x[1] * x[0]), lambda x: np.sum(x[0] * x[2])):
        graph, x = simplified(capture(ab.grad(f), np.ones((3, 2)))), np.random.default_rng(0).standard_normal((3, 2))
        np.testing.assert_allclose(graph(x), ab.grad(f)(x))
