"""Schedules: which blocks are kept, which are run again, and what that takes."""

import gc
import tracemalloc
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

import autograd_book as ab
from autograd_book.graph.errors import DifferentiationTypeError, DifferentiationValueError
from autograd_book.learn.sequence import TransformerBlock
from autograd_book.memory.checkpoint import keeping
from autograd_book.memory.schedule import (
    Costs,
    Plan,
    binomial,
    checkpoint_sequential,
    events,
    flat,
    least,
    measure_blocks,
    optimal,
    predict,
    runs,
    segments,
)


def chain(n=12, width=16, seed=0, dtype=float):
    rng = np.random.default_rng(seed)
    return [ab.nn.Sequential(ab.nn.Linear(width, width, rng=rng, dtype=dtype), np.tanh) for _ in range(n)]


def gradients(network, x, parameters):
    for p in parameters:
        p.zero_grad()
    v = ab.Variable(x)
    out = network(v)
    np.sum(out * out).backward()
    return [v.grad.numpy(), *(p.grad.numpy().copy() for p in parameters)]


X = np.random.default_rng(5).normal(size=(8, 16))
WAYS = [
    *({"every": k} for k in (1, 2, 4, 5, 7, 12)),
    *({"slots": c} for c in (1, 2, 3, 5, 12)),
    {},
    {"schedule": [[[0, 1], [2], 3], 4, [5, [6, 7]], [[8, 9], 10], 11]},
    {"schedule": [[[[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]]]]},
]


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_gradients_of_every_schedule_are_those_of_the_chain_to_the_bit(way) -> None:
    blocks = chain()
    plain = ab.nn.Sequential(*blocks)
    network = checkpoint_sequential(blocks, **way)
    parameters = list(network.parameters())
    assert len(parameters) == 24
    for a, b in zip(gradients(plain, X, parameters), gradients(network, X, parameters), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_each_block_is_run_as_often_as_the_schedule_says(way) -> None:
    counts = [0] * 12

    def counted(i, block):
        def run(v):
            counts[i] += 1
            return block(v)

        return run

    network = checkpoint_sequential([counted(i, b) for i, b in enumerate(chain())], **way)
    v = ab.Variable(X)
    np.sum(network(v)).backward()
    assert counts == runs(network.schedule)


# Every k


@pytest.mark.parametrize("n", [1, 2, 5, 12])
def test_segments_hold_every_block_once_and_keep_the_last(n) -> None:
    for k in range(1, n + 1):
        schedule = segments(n, k)
        assert flat(schedule) == list(range(n))
        assert not isinstance(schedule[-1], list)
        assert all(len(part) == k for part in schedule if isinstance(part, list))


def test_the_default_is_about_the_square_root() -> None:
    assert checkpoint_sequential(chain(16)).schedule == segments(16, 4)


# Binomial


@cache
def fewest(n, slots):
    """Fewest runs that pass by, by trying every split."""
    if n == 1:
        return 0
    if slots == 1:
        return n * (n - 1) // 2
    return min(m + fewest(m, slots) + fewest(n - m, slots - 1) for m in range(1, n))


def most_held(schedule):
    """Most different inputs held at a time, the chain's own among them; a block that is kept is walked at once."""
    holders, most = {0: 1}, 1
    for kind, i in events(schedule):
        if kind in ("hold", "drop"):
            holders[i] = holders.get(i, 0) + (1 if kind == "hold" else -1)
        most = max(most, sum(count > 0 for count in holders.values()))
    return most


@pytest.mark.parametrize("slots", [1, 2, 3, 4, 7])
def test_binomial_schedules_have_the_fewest_runs_of_all(slots) -> None:
    for n in range(1, 26):
        schedule = binomial(n, slots)
        assert flat(schedule) == list(range(n))
        assert sum(runs(schedule)) == n + fewest(n, slots)
        assert most_held(schedule) <= slots
        kept = [i for kind, i in events(schedule) if kind in ("keep", "again")]
        assert sorted(kept) == list(range(n))


def test_only_one_block_is_kept_at_a_time_in_a_binomial_schedule() -> None:
    for slots in (1, 3, 5):
        kept = [kind for kind, _ in events(binomial(30, slots)) if kind in ("keep", "again", "back")]
        assert all((a == "back") != (b == "back") for a, b in pairwise(kept))


def test_a_thousand_blocks_need_few_slots() -> None:
    schedule = binomial(1000, 10)
    assert most_held(schedule) <= 10
    assert sum(runs(schedule)) <= 5 * 1000


# The planner, against exhaustive search


def costs_of(rng, n):
    """Costs of an unequal chain, made up; a planner that is too careful is exact for them."""
    sizes = lambda *shape: rng.integers(1, 9, shape).astype(float)
    inputs = sizes(n + 1)
    zeros = np.zeros(n)
    return Costs(
        inputs, sizes(n) * 3, zeros, np.full(n, True), np.full(n, True),
        zeros, zeros, zeros, zeros, sizes(n), sizes(n), sizes(n), sizes(n),
    )


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


# Measured against what happens


def step(network, x, g):
    v = ab.Variable(x)
    out = network(v)
    out.backward(g.copy())


def peak_of(run):
    run()
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    run()
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    return peak


def unequal():
    """Blocks of different widths."""
    widths = [32, 64, 64, 16, 48, 128, 128, 32, 64, 32]
    rng = np.random.default_rng(0)
    return [
        ab.nn.Sequential(ab.nn.Linear(a, b, rng=rng), np.tanh, *((np.exp,) if b == 64 else ()))
        for a, b in pairwise(widths)
    ]


def transformers():
    rng = np.random.default_rng(0)
    return [TransformerBlock(32, 2, rng=rng) for _ in range(5)]


NETWORKS = {
    "unequal": (unequal, np.random.default_rng(1).normal(size=(512, 32)).astype(np.float32)),
    "transformer": (transformers, np.random.default_rng(1).normal(size=(8, 32, 32)).astype(np.float32)),
}
