"""speed/draws: each call draws what the program would have drawn, and nothing is frozen."""

import functools
import random

import numpy as np
import pytest
from steps_to_capture import X, expect_same, expect_step_like_eager, step_of

from autograd_book.graph.primitive import primitives
from autograd_book.speed.capture import capture
from autograd_book.speed.draws import draw
from autograd_book.speed.equations import MissedGuard
from autograd_book.speed.symbols import CaptureError


def dropping(place):
    def make():
        step, here = step_of()()
        source = np.random.default_rng(5)
        here.source = source if place == "attribute" else None

        def noisy(x, y):
            rng = here.source or source
            kept = (rng.random(x.shape) < 0.5) / np.float32(0.5)
            return step(x * kept, y), rng.normal(), rng.integers(10), rng.permutation(4)

        return noisy, here

    return make


@pytest.mark.parametrize("place", ["closure", "attribute"])
def test_each_call_draws_what_the_step_would_have_drawn(place):
    expect_step_like_eager(dropping(place))


def test_a_generator_among_the_arguments_moves_on():
    f = lambda x, source: x * source.binomial(1, 0.5, x.shape)
    graph, one, other = capture(f, X[0], np.random.default_rng(0)), np.random.default_rng(1), np.random.default_rng(1)
    for _ in range(3):
        expect_same(graph(X[0], one), f(X[0], other))


def test_a_missed_guard_sets_the_generator_back():
    source = np.random.default_rng(0)
    graph = capture(lambda x: x + source.random() if x > 0 else x, np.float64(1.0))
    before = source.bit_generator.state
    with pytest.raises(MissedGuard):
        graph(np.float64(-1.0))
    assert source.bit_generator.state == before


@pytest.mark.parametrize("draw", [lambda x: x * np.random.random(), lambda x: x * random.random(), functools.partial(lambda s, x: x * s.random(), np.random.default_rng(0))])
def test_a_draw_that_would_be_the_same_in_every_call_is_refused(draw):
    with pytest.raises(CaptureError, match="default_rng"):
        capture(draw, 1.0 * X[0])


def test_shuffling_in_place_is_refused():
    source = np.random.default_rng(0)
    with pytest.raises(CaptureError, match="permutation"):
        capture(lambda x: source.shuffle(x), X[0])


@pytest.mark.parametrize(
    ("method", "given"),
    [("random", (3,)), ("normal", (0.5, 2.0, 3)), ("standard_normal", (3,)), ("uniform", (-1, 1, 3)), ("integers", (5,)),
     ("binomial", (3, 0.5, 3)), ("permutation", (4,)), ("choice", (5, 2)), ("exponential", (2.0, 3)), ("permuted", (np.arange(4),))],
)
def test_every_way_to_draw_is_an_equation(method, given):
    source, twin = np.random.default_rng(0), np.random.default_rng(0)
    graph = capture(lambda x: x + np.sum(getattr(source, method)(*given)), 1.0)
    assert sum(e.primitive is primitives[draw] for e in graph.equations) == 1
    for _ in range(3):
        expect_same(graph(1.0), 1.0 + np.sum(getattr(twin, method)(*given)))


def test_what_is_drawn_around_a_computed_value_follows_it():
    source, twin = np.random.default_rng(0), np.random.default_rng(0)
    graph = capture(lambda x: source.normal(np.sum(x)), np.ones(2))
    for x in (np.ones(2), np.full(2, 9.0)):
        expect_same(graph(x), twin.normal(np.sum(x)))


def test_writing_a_graph_down_moves_no_generator():
    source = np.random.default_rng(0)
    before = source.bit_generator.state
    capture(lambda x: x * source.random(), 1.0)
    assert source.bit_generator.state == before
