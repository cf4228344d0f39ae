"""What is said of a machine, from made-up machines and clocks."""

import json

import numpy as np
import pytest

from autograd_book.speed import roofline
from autograd_book.speed.roofline import SIZES, Machine, Trial, at_once, copy_trials, fastest, measure_machine, repeated
from autograd_book.speed.work import Work

RATES = {"float32": 2e9, "float64": 1e9}


def machine(copied, sizes=(1_000, 2_000, 4_000, 8_000, 16_000, 32_000)):
    return Machine(sizes, copied, RATES, RATES, {"float32": 2e8, "float64": 1e8}, 1e-6)


class Clock:
    """Goes on by one each time it is asked."""

    now = 0.0

    def __call__(self):
        self.now += 1.0
        return self.now


def test_bandwidth_lies_between_neighbours_of_the_sweep_and_ends_with_it():
    made = machine((8e9, 8e9, 8e9, 4e9, 4e9, 2e9))
    assert made.bandwidth(1) == made.bandwidth(1_000) == 8e9
    assert made.bandwidth(4_000 * 2**0.5) == pytest.approx(6e9)
    assert made.bandwidth(1e12) == 2e9


@pytest.mark.parametrize(
    "copied, caches",
    [
        ((8, 8, 8, 4, 4, 2), [4_000, 16_000]),
        ((8, 5, 3, 3, 3, 3), [1_000]),  # one edge that is washed out
        ((5, 8, 8, 8, 8, 8), []),
        ((8, 7, 6.5, 6, 5.5, 5), []),
    ],
)
def test_caches_are_where_copying_becomes_slower(copied, caches):
    assert machine(copied).caches == caches


def test_the_longer_of_memory_and_arithmetic_decides():
    made = machine((1e9,) * 6)
    work = Work(flops=4_000, functions=200, nbytes=1_000)
    assert made.parts(work) == pytest.approx({"bandwidth": 1e-6, "arithmetic": 3e-6})
    assert made.parts(work, "float64") == pytest.approx({"bandwidth": 1e-6, "arithmetic": 6e-6})
    assert made.parts(work, np.float16) == made.parts(work)
    assert made.least_time(work) == pytest.approx(3e-6)
    assert made.least_time(Work()) == 0.0


def test_the_bandwidth_of_several_calls_is_that_of_one_of_them():
    made = machine((8e9, 8e9, 8e9, 8e9, 1e9, 1e9))
    work = Work(nbytes=16_000)
    assert made.parts(work)["bandwidth"] == pytest.approx(16e-6)
    assert made.parts(work, calls=16)["bandwidth"] == pytest.approx(2e-6)


def test_the_best_turn_counts():
    ticks = iter([0, 0, 3, 0, 1, 0, 2, 9])  # the end, three turns, and whether it is over
    assert fastest([Trial(10, lambda: None)], 0.0, lambda: next(ticks)) == [10.0]


def test_measuring_ends_when_its_time_is_used_up():
    turns = []
    fastest([Trial(1, lambda: turns.append(1))], 30.0, Clock())
    assert 3 < len(turns) <= 11
    turns.clear()
    fastest([Trial(1, lambda: turns.append(1))], 0.0, Clock())
    assert len(turns) == 3


def test_a_trial_does_what_it_says():
    x, out = np.full(5, 2.0), np.zeros(5)
    trial = repeated(5, 3, np.multiply, x, x, out)
    trial.run()
    assert trial.amount == 15
    np.testing.assert_array_equal(out, 4.0)
    assert all(copy_trials(size).amount >= size for size in SIZES)
    assert copy_trials(1 << 20).amount == 2 << 20


def test_threads_do_as_much_each():
    class Pool:
        map = staticmethod(map)

    done = []
    both = at_once(lambda: Trial(7, lambda: done.append(1)), 3, Pool)
    both.run()
    assert (both.amount, len(done)) == (21, 3)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_measured_machine_is_complete_and_has_units(threads):
    found = measure_machine(threads, seconds=0.0, clock=Clock())
    assert found.threads == threads
    assert found.sizes == SIZES
    assert found.copied == tuple(threads * copy_trials(size).amount for size in SIZES)  # in one tick each
    assert found.products == dict.fromkeys(("float32", "float64"), threads * 2.0 * roofline.SIDE**3)
    assert found.call == 1 / 500
    text = str(found)
    assert all(unit in text for unit in ("GB/s", "GFLOP/s", "Gvalue/s", "µs"))
    assert json.loads(json.dumps(found.to_dict()))["caches"] == found.caches


def test_a_real_clock_gives_positive_rates():
    found = measure_machine(seconds=0.0)
    rates = [*found.copied, *found.products.values(), *found.functions.values(), found.call]
    assert all(0 < rate < float("inf") for rate in rates)
