"""All passes: random steps stay what they were, each pass by itself and all in a row."""

from typing import Any

import numpy as np
import pytest
from random_steps import Step, close, same_bits

from autograd_book.speed.capture import capture, inner
from autograd_book.speed.equations import evaluate
from autograd_book.speed.lifetimes import hoist_updates, recompute
from autograd_book.speed.simplify import PASSES, simplified

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


def test_a_draw_is_neither_dropped_nor_shared() -> None:
    source = np.random.default_rng(0)
    graph = simplified(capture(lambda x: x + source.random() * 0 + source.random(), np.ones(3)))
    assert graph.count()["draw"] == 2


def test_a_graph_of_nothing_has_passes_as_well() -> None:
    assert len(simplified(capture(lambda x: x, np.ones(2)), memory=0)) == 0
