"""The fastest schedule within a budget, against exhaustive search."""

import gc
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from chains import LONG, budget_of, costs_of, with_peaks

from autograd_book.memory.costs import Costs, predict
from autograd_book.memory.planner import least, optimal
from autograd_book.memory.schedule import depth, flat


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


SHARES = [0.0, 0.001, 0.002, 0.005, 0.02, 0.1, 0.3, 0.6, 0.9]


@pytest.mark.parametrize("kind", LONG)
@pytest.mark.parametrize("share", SHARES)
def test_a_plan_with_few_cuts_is_within_a_percent_of_the_optimum_of_a_hundred_blocks(kind, share) -> None:
    costs = LONG[kind](100)
    budget = budget_of(costs, share)
    best, coarse = (predict(optimal(costs, budget, fine=fine), costs) for fine in (100, 10))
    assert coarse.peak <= budget and coarse.time <= 1.01 * best.time


@pytest.mark.parametrize("seed", [3, 7])
def test_a_plan_just_above_the_least_budget_is_within_a_percent_for_other_chains_too(seed) -> None:
    costs = costs_of(np.random.default_rng(seed), 100)
    budget = budget_of(costs, 0.001)
    best, coarse = (predict(optimal(costs, budget, fine=fine), costs) for fine in (100, 10))
    assert coarse.peak <= budget and coarse.time <= 1.01 * best.time


@pytest.mark.parametrize("kind", LONG)
@pytest.mark.parametrize("share", [0.0, 0.01, 0.1, 0.5, 0.9])
def test_a_plan_in_cells_is_within_half_a_percent_of_one_in_five_times_as_many(kind, share) -> None:
    costs = LONG[kind](60)
    budget = budget_of(costs, share)
    best, usual = (predict(optimal(costs, budget, cells), costs) for cells in (4000, 800))
    assert usual.peak <= budget and usual.time <= 1.005 * best.time


@pytest.mark.parametrize("fine", [1, 2, 5])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.2, 0.7])
def test_a_plan_with_any_cuts_names_each_block_once_and_keeps_the_budget(share, fine) -> None:
    costs = with_peaks(23, 1)._replace(noted=np.random.default_rng(1).integers(0, 3, 23))
    budget = budget_of(costs, share)
    schedule = optimal(costs, budget, fine=fine)
    assert flat(schedule) == list(range(23))
    assert predict(schedule, costs).peak <= budget


@pytest.mark.parametrize("seed", range(20))
def test_the_least_budget_is_that_of_the_best_of_all_schedules(seed) -> None:
    costs = with_peaks(5, seed)
    best = min(predict(schedule, costs).peak for schedule in all_schedules(0, 4))
    smallest, schedule = least(costs)
    assert smallest == predict(schedule, costs).peak == best


@pytest.mark.parametrize("seed", range(3))
def test_a_plan_for_eight_blocks_is_the_fastest_of_all_schedules(seed) -> None:
    costs = with_peaks(7, seed)
    known = [predict(schedule, costs) for schedule in all_schedules(0, 6)]
    for share in (0.0, 0.2, 0.5, 0.8):
        budget = budget_of(costs, share)
        fastest = min(p.time for p in known if p.peak <= budget)
        assert predict(optimal(costs, budget, cells=4000), costs).time <= 1.001 * fastest


@pytest.mark.parametrize("share", [0.1])
@pytest.mark.parametrize("kind", LONG)
def test_a_thousand_blocks_are_planned_in_two_hundred_megabytes(kind, share) -> None:
    costs = LONG[kind](1000)
    budget = budget_of(costs, share)
    gc.collect()
    if kind == "with peaks":  # which has the largest tables; to count bytes takes ten times as long
        tracemalloc.start()
    schedule = optimal(costs, budget)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200 * 10**6
    plan, whole = predict(schedule, costs), predict(list(range(1000)), costs)
    assert flat(schedule) == list(range(1000)) and plan.peak <= budget
    assert plan.time < whole.time + costs.skip_time.sum()
    if kind == "transformer":  # long chains of equal blocks have the shares of short ones
        small = LONG[kind](100)
        best = predict(optimal(small, budget_of(small, share)), small).time / predict(list(range(100)), small).time
        assert plan.time / whole.time <= 1.01 * best


def test_a_chain_whose_least_budget_takes_a_list_in_every_list_is_planned_with_all_of_its_budget() -> None:
    ones, none = np.ones(400), np.zeros(400)
    costs = Costs(np.ones(401), 12 * ones, none, ones > 0, ones > 0, 14 * ones, 8 * ones, 14 * ones, 9 * ones, none, *3 * [ones], 2 * ones)
    assert depth(least(costs)[1]) > 300
    budget = budget_of(costs, 0.7)
    assert 0.98 * budget < predict(optimal(costs, budget), costs).peak <= budget
