"""Passes: functions from graph to graph that leave the results what they were."""

from typing import Any

import numpy as np
import pytest
from random_steps import Step, close, same_bits
from steps_to_capture import batches, step_of

import autograd_book as ab
from autograd_book.speed.capture import capture, inner
from autograd_book.speed.equations import evaluate
from autograd_book.speed.passes import (
    PASSES,
    cells_in,
    drop_dead,
    fold_constants,
    hoist_updates,
    key_of,
    live_bytes,
    recompute,
    share_common,
    simplified,
)

FORMS = {
    **{f"{each.run.__name__}-{k}": (each.run, each.exact) for k, each in enumerate(PASSES)},
    "hoist_updates": (hoist_updates, True),
    "recompute": (lambda graph: recompute(graph, 0), True),
    "all exact": (lambda graph: simplified(graph, exact=True), True),
    "all": (simplified, False),
}


def outcome(graph: Any, step: Step) -> Any:
    """What a graph gives for a step's own state."""
    with np.errstate(all="ignore"):
        return evaluate(graph, step.x, *[inner(cell.read()) for cell in graph.cells])


def captured(seed: int) -> tuple[Any, Step, Any]:
    """A random step, its graph, and what the graph gives."""
    step = Step(seed, (np.float32, np.float64)[seed % 2])
    with np.errstate(all="ignore"):
        step(step.x)
        graph = capture(step, step.x, expand=lambda p: p.composite and seed % 3 > 0)
    return graph, step, outcome(graph, step)


@pytest.mark.parametrize("block", range(20))
def test_passes_leave_random_steps_what_they_were(block) -> None:
    names = list(FORMS)
    for seed in range(20 * block, 20 * block + 20):
        graph, step, wanted = captured(seed)
        for name in {names[seed % len(names)], "all exact", "all"}:
            run, exact = FORMS[name]
            found = outcome(run(graph), step)
            assert all(same_bits(a, b) if exact else close(a, b, step.dtype) for a, b in zip(found, wanted, strict=True)), (seed, name)


def count(graph: Any, name: str) -> int:
    return graph.count()[name]


def test_what_nobody_reads_is_dropped_and_what_a_guard_reads_is_not() -> None:
    def f(x):
        np.exp(x)
        return x * 2 if np.sum(np.sin(x)) > 0 else x

    graph = drop_dead(capture(f, np.ones(3)))
    assert (count(graph, "exp"), count(graph, "sin"), len(graph.guards)) == (0, 1, 1)


def test_a_draw_is_neither_dropped_nor_shared() -> None:
    source = np.random.default_rng(0)
    graph = simplified(capture(lambda x: x + source.random() * 0 + source.random(), np.ones(3)))
    assert count(graph, "draw") == 2


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


def test_three_parts_of_one_array_come_back_as_one() -> None:
    f = ab.grad(lambda x: np.sum(x[0] * x[1] * np.tanh(x[2])))
    graph = simplified(capture(f, np.ones((3, 2))))
    x = np.random.default_rng(0).standard_normal((3, 2))
    assert (count(graph, "scatter"), count(graph, "join")) == (0, 1)
    np.testing.assert_allclose(graph(x), f(x))


def test_parts_that_overlap_or_leave_a_gap_are_still_added() -> None:
    for f in (lambda x: np.sum(x[0] * x[0] + x[1] * x[0]), lambda x: np.sum(x[0] * x[2])):
        graph, x = simplified(capture(ab.grad(f), np.ones((3, 2)))), np.random.default_rng(0).standard_normal((3, 2))
        np.testing.assert_allclose(graph(x), ab.grad(f)(x))


def test_an_update_follows_its_gradient_unless_something_is_asked_first() -> None:
    def place(finish):
        step, _ = step_of(finish=finish)()
        step(*batches(0))
        graph = simplified(capture(step, *batches(0)))
        return min(i for i, e in enumerate(graph.equations) if e.out in cells_in(graph) and e.primitive.name == "subtract") / len(graph)

    assert place(None) < 0.8 < place(lambda here: ab.clip_gradients(here.parameters, 1e6))


def test_less_memory_is_needed_where_cheap_values_are_computed_again() -> None:
    def f(x):
        a = x * 2.0
        b = np.exp(a)
        return np.sum(np.sin(b) @ np.cos(b).T) + np.sum(a)

    graph = capture(f, np.ones((64, 64)))
    assert max(live_bytes(recompute(graph, 0))) < max(live_bytes(graph))
    assert recompute(graph, 10**9) == graph


def test_a_graph_of_nothing_has_passes_as_well() -> None:
    assert len(simplified(capture(lambda x: x, np.ones(2)), memory=0)) == 0
