"""The workloads that benchmarks compare engines on: ours and the steps by hand do the same, and who does otherwise is
not timed."""

import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))

from compared.engines import ENGINES, Unfit, products
from compared.report import figures, machine
from compared.turns import Disagreement, measured
from compared.workloads import WORKLOADS, difference, given


@cache
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
        assert difference(before, by_hand, updated("in place", name)) < 1e-3
        if not ENGINES["native"].missing():
            assert difference(before, by_hand, updated("native", name)) < 1e-3


@pytest.mark.parametrize("name", WORKLOADS)
def test_an_update_that_is_wrong_by_a_fiftieth_in_one_parameter_is_noticed(name):
    before, _ = given(WORKLOADS[name])
    by_hand = updated("by hand", name)
    for key in list(before)[:20]:
        wrong = before[key] + np.float32(1.02) * (by_hand[key] - before[key])
        assert difference(before, by_hand, by_hand | {key: wrong}) > 1e-3, key


@pytest.mark.parametrize(("engine", "name"), [("ours", "W1"), ("in place", "W1"), ("compiled", "W3"), ("ours", "W7")])
def test_a_program_that_is_reset_begins_anew(engine, name):
    before, _ = given(WORKLOADS[name])
    program = ENGINES[engine].make(WORKLOADS[name])
    program.step()
    program.reset(before)
    assert all(np.array_equal(program.values()[key], before[key]) for key in before)


def test_the_limit_holds_each_product_of_the_step_once():
    counted = {name: len(products(WORKLOADS[name])) for name in ("W1", "W3", "W5", "W6", "W8")}
    # a layer's: forward, for the weights, and for the input of all but the first; of the attention two, and four back
    assert counted == {"W1": 3 * 3 - 1, "W3": 3 * 50 - 1, "W5": 0, "W6": 100 * 2 + 100 * 2 + 99, "W8": 4 * 3 + 2 + 4}


class Answering:
    """In place of a process: a step that multiplies the change by hand by a factor, and takes so many seconds."""

    def __init__(self, seconds, factor=1.0, unfit="", after=0):
        self.seconds, self.factor, self.unfit, self.after, self.asked = seconds, factor, unfit, after, []

    def ask(self, order, what, patience=None):
        self.asked.append(order)
        if self.unfit and len(self.asked) > self.after:
            raise Unfit(self.unfit)
        if order == "prepare":
            before, after = given(WORKLOADS[what])[0], updated("by hand", what)
            return {key: before[key] + self.factor * (after[key] - before[key]) for key in before}, 0.5
        if order == "weigh":
            return 1000
        return {"wall": self.seconds, "processor": self.seconds / 2, "faults": 3.0}


@pytest.mark.parametrize("factor", [1.01, -1.0, 0.0, np.nan])
def test_an_engine_with_another_update_stops_the_run_before_any_is_timed(factor):
    workers = {"by hand": Answering(0.2), "other": Answering(0.1, np.float32(factor))}
    with pytest.raises(Disagreement, match=r"W1: other changes the parameters otherwise .* Nothing was timed"):
        measured("W1", workers, rounds=5, seconds=0.1)
    assert [worker.asked for worker in workers.values()] == [["prepare"], ["prepare"]]


@pytest.mark.parametrize("answers", [0, 1, 2, 5])
def test_an_engine_that_cannot_is_left_out_with_its_reason_and_the_others_are_timed(answers):
    workers = {"by hand": Answering(0.2), "ours": Answering(0.1), "JAX": Answering(0.1, unfit="no room", after=answers)}
    found = measured("W1", workers, rounds=7, seconds=0.4, weigh=True)
    assert (found.left_out, set(found.times), found.bytes) == ({"JAX": "no room"}, {"by hand", "ours"}, {"by hand": 1000, "ours": 1000})
    kept = figures("W1", found)["columns"]
    assert kept["ours"]["wall"] == {"ms": [100.0] * 3, "ratio": [0.5] * 3}
    assert (kept["ours"]["rounds"], kept["ours"]["page faults"], kept["ours"]["first step, s"]) == (7, 3, 0.5)


def test_a_run_whose_time_is_up_has_five_rounds():
    found = measured("W1", {"by hand": Answering(0.2)}, rounds=9, seconds=0.4, until=0.0)
    assert len(found.times["by hand"]) == 5


def test_the_machine_is_described_without_its_name_or_a_path():
    import platform

    told = repr(machine())
    assert platform.node() not in told
    assert str(Path.home()) not in told and "/" not in told
