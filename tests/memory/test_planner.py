"""The fastest schedule within a budget, against exhaustive search."""

import gc
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from chains import budget_of, costs_of, like_transformers

from autograd_book.memory.costs import Costs, predict
from autograd_book.memory.planner import least, optimal
from autograd_book.memory.schedule import flat


def all_schedules(first, last):
    """Every schedule whose parts are split in two, as the planner's are."""
    if first > last:
        yield []
        return
    for rest in all_schedules(first + 1, last):
        yield [first, *rest]
    for place in range(first + 1, last + 1):
        for left in all_schedules(first, place - 1):
            for right in all_schedules(place, last):
                yield [left, *right]


@pytest.mark.parametrize("seed", range(6))
def test_the_plan_is_the_fastest_of_all_schedules_within_the_budget(seed) -> None:
    rng = np.random.default_rng(seed)
    costs = costs_of(rng, 6)
    known = [(predict(s, costs), s) for s in all_schedules(0, 5)]
    peaks = sorted({p.peak for p, _ in known})
    smallest, _ = least(costs)
    for budget in peaks:
        fastest = min(p.time for p, _ in known if p.peak <= budget)
        if budget < smallest:
            continue
        plan = predict(optimal(costs, budget, cells=int(budget)), costs)
        assert plan.peak <= budget
        assert plan.time >= fastest
        assert plan.time <= 1.05 * fastest or budget < peaks[len(peaks) // 3]


def test_a_larger_budget_never_makes_the_plan_slower() -> None:
    costs = costs_of(np.random.default_rng(3), 10)
    smallest, _ = least(costs)
    times = [predict(optimal(costs, b, 2000), costs).time for b in np.linspace(smallest * 1.05, 250, 12)]
    assert all(a >= b - 1e-9 for a, b in pairwise(times))
    assert optimal(costs, 1e6) == list(range(10))


def test_a_hundred_unequal_blocks_are_planned_in_time_to_spare() -> None:
    costs = costs_of(np.random.default_rng(0), 100)
    smallest, _ = least(costs)
    everything = predict(list(range(100)), costs).peak
    schedule = optimal(costs, (smallest + everything) / 2)
    assert flat(schedule) == list(range(100))
    assert predict(schedule, costs).peak <= (smallest + everything) / 2


def test_the_claimed_schedule_holds_half_and_a_planned_one_a_quarter() -> None:
    ones, none = np.ones(12), np.zeros(12)
    units = Costs(np.ones(13), ones, none, none > 0, none > 0, *5 * [none], ones, ones, 0.05 * ones, 2 * ones)
    claimed = predict([[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]], units)
    planned = predict(optimal(units, 4, cells=4), units)
    assert claimed.saved == 6 and planned.saved == 3
    assert planned.time < 1.375 * 36


@pytest.mark.parametrize("share", [0.05, 0.1, 0.3, 0.6, 0.9])
def test_a_plan_in_groups_is_within_a_percent_of_the_optimum_of_a_hundred_blocks(share) -> None:
    costs = like_transformers(100)
    budget = budget_of(costs, share)
    best, grouped = (predict(optimal(costs, budget, most=most), costs) for most in (100, 50))
    assert grouped.peak <= budget and grouped.time <= 1.01 * best.time


@pytest.mark.parametrize("share", [0.1, 0.3, 0.6, 0.9])
def test_a_plan_in_groups_is_within_three_percent_for_blocks_that_differ_at_random(share) -> None:
    costs = costs_of(np.random.default_rng(0), 100)
    budget = budget_of(costs, share)
    best, grouped = (predict(optimal(costs, budget, most=most), costs) for most in (100, 50))
    assert grouped.peak <= budget and grouped.time <= 1.03 * best.time


@pytest.mark.parametrize("most", [2, 3, 5])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.2, 0.7])
def test_a_plan_in_any_number_of_groups_names_each_block_once_and_keeps_the_budget(share, most) -> None:
    rng = np.random.default_rng(1)
    costs = costs_of(rng, 23)._replace(gradients=rng.integers(0, 9, 23), noted=rng.integers(0, 3, 23), saves_input=rng.random(23) < 0.5, saves_output=rng.random(23) < 0.5)
    costs = costs._replace(**{name: rng.integers(1, 20, 23) for name in ("keep_peak", "pass_peak", "again_peak", "back_peak")})
    budget = budget_of(costs, share)
    schedule = optimal(costs, budget, most=most)
    assert flat(schedule) == list(range(23))
    assert predict(schedule, costs).peak <= budget


def test_a_thousand_blocks_are_planned_in_two_hundred_megabytes() -> None:
    costs = like_transformers(1000)
    budget = budget_of(costs, 0.3)
    gc.collect()
    tracemalloc.start()
    schedule = optimal(costs, budget)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200 * 10**6
    plan, whole = predict(schedule, costs), predict(list(range(1000)), costs)
    assert flat(schedule) == list(range(1000)) and plan.peak <= budget
    small = like_transformers(100)
    best = predict(optimal(small, budget_of(small, 0.3)), small).time / predict(list(range(100)), small).time
    assert plan.time / whole.time <= 1.01 * best
