"""Plans: where each value of a graph lies, and that nobody reads what has been given away."""

from typing import Any

import numpy as np
import pytest
from random_steps import Step, close, same_bits

import autograd_book as ab
from autograd_book.graph.interpreter import STRONG_SCALARS
from autograd_book.speed.capture import capture, inner
from autograd_book.speed.equations import evaluate
from autograd_book.speed.plan import arena_of, last_use, link, plan_of, run, states_of
from autograd_book.speed.simplify import simplified


def carried_out(graph: Any, inputs: list[Any]) -> tuple[Any, list[Any]]:
    """A plan of a graph, and what it gives when freed memory is poisoned."""
    plan, given = plan_of(graph, *inputs), dict(zip(graph.inputs, inputs, strict=True))
    states = {name: np.array(given[name]) for name in states_of(graph)}
    arena = arena_of(plan.size)
    arena[:] = 255
    known = run(plan, link(plan, states, arena), {n: v for n, v in given.items() if n not in states}, arena)
    return plan, [known.get(name, name) if not hasattr(name, "shape") or name in known else name for name in graph.outputs]


@pytest.mark.parametrize("block", range(10))
def test_random_steps_keep_their_numbers_in_planned_and_poisoned_memory(block) -> None:
    for seed in range(20 * block, 20 * block + 20):
        step = Step(seed, (np.float32, np.float64)[seed % 2])
        with np.errstate(all="ignore"):
            step(step.x)
            exact = seed % 4 < 2
            graph = simplified(capture(step, step.x, expand=lambda p: p.composite), exact=exact)
            inputs = [step.x, *[inner(cell.read()) for cell in graph.cells]]
            wanted = evaluate(graph, *inputs)
            plan, found = carried_out(graph, inputs)
        # a product of a vector and a matrix may round by where they lie
        assert all(same_bits(a, b) if exact else close(a, b, step.dtype) for a, b in zip(found, wanted, strict=True)), seed
        assert plan.bound <= plan.size <= plan.bound + 64 * len(plan.offset), seed


def test_values_alive_at_the_same_time_do_not_overlap() -> None:
    step = Step(3)
    step(step.x)
    graph = simplified(capture(step, step.x))
    plan = plan_of(graph, step.x, *[inner(cell.read()) for cell in graph.cells])
    last, first = last_use(plan), {name: i for i, e in enumerate(graph.equations) for name in e.outs}
    for a, at in plan.offset.items():
        for b, other in plan.offset.items():
            apart = at + a.nbytes <= other or other + b.nbytes <= at or last[a] < first[b] or last[b] < first[a]
            takes = min(last[a], last[b]) == max(first[a], first[b]) and at == other
            assert a == b or apart or takes, (a, b)


def test_a_chain_of_elementwise_functions_has_one_place() -> None:
    x = np.ones((8, 8))
    plan = plan_of(capture(lambda x: np.sum(np.tanh(np.exp(x) + 1.0)), x), x)
    assert (set(plan.offset.values()), plan.size, plan.bound) == ({0}, 512 + 64 * STRONG_SCALARS, 512)


def test_views_are_views_and_copies_are_buffers() -> None:
    v, w = ab.Variable(np.ones((2, 3))), np.ones((3, 2))
    f = lambda w: (np.tanh(np.reshape(np.transpose(v), 6)), np.tanh(np.transpose(v) @ v), np.tanh(v[0]), w.T)
    graph = capture(f, w)
    plan = plan_of(graph, w, *[inner(cell.read()) for cell in graph.cells])
    kinds = {e.primitive.name: plan.kinds.get(e.out, "local") for e in graph.equations}
    assert kinds == {"transpose": "local", "reshape": "buffer", "tanh": "buffer", "matmul": "buffer", "getitem": "view"}


def step_of(f: Any) -> tuple[Any, Any]:
    """A step that updates one parameter, and its plan."""
    v = ab.Variable(np.ones((2, 2)))

    def step():
        return f(v)

    graph = simplified(capture(step))
    return graph, plan_of(graph, *[inner(cell.read()) for cell in graph.cells])


def test_an_update_is_written_over_the_old_value_only_behind_its_readers() -> None:
    def last(v):
        out = np.sum(v)
        v.value -= 0.5 * v.value
        return out

    def returned(v):
        old = v.value * 1.0
        kept = v.value
        v.value = v.value - 0.5
        return old, kept

    assert len(step_of(last)[1].written) == 1
    assert len(step_of(returned)[1].written) == 0


def test_nothing_is_written_before_the_last_question_is_answered() -> None:
    def asked(v):
        v.value -= 0.5
        return np.sum(v) if np.sum(v.value) > 0 else v

    assert len(step_of(asked)[1].written) == 0


def test_the_layout_of_results_is_the_one_that_numpy_chooses() -> None:
    x, y = np.ones((3, 4)), np.asfortranarray(np.ones((3, 4)))
    for v in (x, y):
        graph = capture(lambda v: np.sum(np.exp(v) * 2.0), v)
        plan = plan_of(graph, v)
        arrays = link(plan, {}, arena_of(plan.size))
        assert {a.strides for a in arrays.values()} == {v.strides}
