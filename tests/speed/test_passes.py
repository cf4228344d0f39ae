"""Passes: functions from graph to graph that leave the results what they were."""

from typing import Any

import numpy as np
import pytest
from random_steps import same_bits

import autograd_book as ab
from autograd_book.speed.capture import capture
from autograd_book.speed.passes import drop_dead, fold_constants, key_of, share_common
from autograd_book.speed.simplify import simplified


def count(graph: Any, name: str) -> int:
    return graph.count()[name]


def test_what_nobody_reads_is_dropped_and_what_a_guard_reads_is_not() -> None:
    def f(x):
        np.exp(x)
        return x * 2 if np.sum(np.sin(x)) > 0 else x

    graph = drop_dead(capture(f, np.ones(3)))
    assert (count(graph, "exp"), count(graph, "sin"), len(graph.guards)) == (0, 1, 1)


def test_equal_equations_are_shared_but_not_those_of_a_replay() -> None:
    twice = capture(lambda x: np.exp(x) + np.exp(x), np.ones(3))
    replayed = capture(ab.value_and_grad(lambda x: np.sum(ab.checkpoint(np.tanh)(x * x))), np.ones(2))
    assert count(share_common(twice), "exp") == 1
    assert count(share_common(replayed), "tanh") == 2


@pytest.mark.parametrize("one, other", [(1, 1.0), (1, True), (0.0, -0.0), (np.float32(1), 1.0), (np.float32(1), np.float64(1)), (None, 0)])
def test_constants_that_differ_in_type_or_sign_are_not_shared(one, other) -> None:
    assert key_of(one) != key_of(other)


def test_a_sum_with_zero_keeps_the_sign_of_zero() -> None:
    f = lambda x: x + 0.0
    graph = simplified(capture(f, np.ones(1)), exact=True)
    assert same_bits(graph(np.array([-0.0])), f(np.array([-0.0])))


def test_a_question_about_a_dtype_is_answered_beforehand() -> None:
    graph = capture(ab.sigmoid, np.ones(3), expand=lambda p: p.composite)
    assert (len(graph.guards), len(fold_constants(graph).guards)) == (1, 0)
