"""The workloads that benchmarks compare engines on: ours and the step by hand do the same."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))

from compared.engines import ENGINES
from compared.workloads import WORKLOADS, difference, given


def updated(engine, name):
    """Parameters after one step."""
    program = ENGINES[engine].make(WORKLOADS[name])
    program.step()
    return {key: np.array(value) for key, value in program.values().items()}


@pytest.mark.parametrize("name", WORKLOADS)
def test_our_step_changes_all_parameters_as_the_step_by_hand_does(name):
    before, _ = given(WORKLOADS[name])
    by_hand = updated("by hand", name)
    assert all((by_hand[key] != before[key]).any() for key in before)
    assert difference(before, by_hand, updated("ours", name)) < 1e-3
    if name != "W4":  # a chain of ten thousand numbers takes seconds to compile
        assert difference(before, by_hand, updated("compiled", name)) < 1e-3


@pytest.mark.parametrize("name", ["W1", "W7"])
def test_an_update_in_another_direction_is_noticed(name):
    before, _ = given(WORKLOADS[name])
    by_hand = updated("by hand", name)
    assert difference(before, by_hand, {key: 2 * before[key] - value for key, value in by_hand.items()}) > 0.5


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_program_that_is_reset_begins_anew(name):
    before, _ = given(WORKLOADS[name])
    program = ENGINES["ours"].make(WORKLOADS[name])
    program.step()
    program.reset(before)
    assert all(np.array_equal(program.values()[key], before[key]) for key in before)
