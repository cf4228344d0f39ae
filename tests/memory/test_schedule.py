"""Schedules: which blocks are kept, which are run again, and what that takes."""

import gc
import tracemalloc
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

import autograd_book as ab
from autograd_book.graph.backward import reachable
from autograd_book.graph.errors import DifferentiationTypeError, DifferentiationValueError
from autograd_book.graph.interpreter import Interpreter
from autograd_book.graph.variable import push
from autograd_book.learn.sequence import TransformerBlock
from autograd_book.memory.checkpoint import keeping, saved_bytes
from autograd_book.memory.schedule import (
    ROOM,
    Costs,
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
    with_room,
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
        *5 * [zeros], sizes(n), sizes(n), sizes(n), sizes(n),
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


def allocated(network, x, weights):
    """Most bytes at a time in a step, above those before; gradients of the step before are gone."""

    def run():
        v = ab.Variable(x)
        loss = np.sum(network(v) * weights)
        loss.backward()
        for p in network.parameters():
            p.zero_grad()

    own = ab.Variable(x).value.nbytes  # made by the step, and not counted by the prediction
    return peak_of(run) - own


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("way", [{"every": 1}, {"every": 2}, {"slots": 2}, {"schedule": None}], ids=str)
def test_the_predicted_peak_is_within_five_percent_of_what_is_allocated(name, way) -> None:
    make, x = NETWORKS[name]
    blocks = make()
    if "schedule" in way:
        way = {"schedule": list(range(len(blocks)))}
    network = checkpoint_sequential(blocks, **way)
    weights = np.ones(np.shape(network(x)), np.float32)
    found = allocated(network, x, weights)
    predicted = predict(network.schedule, measure_blocks(blocks, x, rounds=1)).peak
    assert abs(predicted / found - 1) < 0.05


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.9])
def test_a_budget_is_never_exceeded(name, share) -> None:
    make, x = NETWORKS[name]
    blocks = make()
    costs = measure_blocks(blocks, x, rounds=1)
    smallest, everything = least(costs)[0], predict(list(range(len(blocks))), costs).peak
    budget = smallest * (1.01 + ROOM) + share * (everything - smallest)
    network = checkpoint_sequential(blocks, budget=budget)
    weights = np.ones(np.shape(network(x)), np.float32)
    assert allocated(network, x, weights) <= budget
    assert predict(network.schedule, network.costs).peak <= budget


@pytest.mark.parametrize("way", [{"every": 4}, {"slots": 3}, {"every": 1}], ids=str)
def test_saved_values_of_a_chain_are_those_predicted(way) -> None:
    blocks = [ab.nn.Sequential(ab.nn.ReLU(), ab.nn.Linear(16, 16, rng=i)) for i in range(12)]
    network, x = checkpoint_sequential(blocks, **way), ab.Variable(np.ones((64, 16), np.float32))
    out = network(x)
    nodes, besides = reachable(out.node), [x, *network.parameters()]
    most = [saved_bytes(nodes, besides)]
    with push(Weighing, lambda: most.append(saved_bytes(nodes, besides))):
        out.backward(np.ones(out.shape, out.dtype))
    none, ones = np.zeros(12), np.ones(12)
    units = Costs(np.ones(13), ones, none, none > 0, none > 0, *9 * [none])
    assert max(most) / x.value.nbytes == predict(network.schedule, units).saved


class Weighing(Interpreter):
    def __init__(self, below, weigh) -> None:
        super().__init__(below)
        self.weigh = weigh

    def pull(self, node, g):
        self.weigh()
        return super().pull(node, g)


def test_the_claimed_schedule_holds_half_and_a_planned_one_a_quarter() -> None:
    ones, none = np.ones(12), np.zeros(12)
    units = Costs(np.ones(13), ones, none, none > 0, none > 0, *5 * [none], ones, ones, 0.05 * ones, 2 * ones)
    claimed = predict([[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]], units)
    planned = predict(optimal(units, 4, cells=4), units)
    assert claimed.saved == 6 and planned.saved == 3
    assert planned.time < 1.375 * 36


def test_measuring_leaves_no_trace() -> None:
    rng = np.random.default_rng(0)
    blocks = [*chain(3), lambda v: v * (rng.random(v.shape) < 0.5)]
    state = rng.bit_generator.state
    parameters = [p for block in blocks[:3] for p in block.parameters()]
    measure_blocks(blocks, X, rounds=1)
    assert rng.bit_generator.state == state
    assert all(p.grad is None for p in parameters)
    assert not tracemalloc.is_tracing()


def test_a_budget_is_planned_once_for_each_shape() -> None:
    calls = []
    blocks = chain(4)
    network = checkpoint_sequential([lambda v: calls.append(1) or blocks[0](v), *blocks[1:]], budget=10**8)
    network(X)
    planned = len(calls)
    network(X)
    assert len(calls) == planned + 1 and network.schedule == [0, 1, 2, 3]
    network(X[:4])
    assert len(calls) > planned + 2


def test_policies_reach_every_checkpoint() -> None:
    blocks = chain(6)
    network = checkpoint_sequential(blocks, every=2, policy=keeping("matmul"))
    parameters = list(network.parameters())
    for a, b in zip(gradients(ab.nn.Sequential(*blocks), X, parameters), gradients(network, X, parameters), strict=True):
        np.testing.assert_array_equal(a, b)


def test_second_derivatives_through_a_schedule() -> None:
    blocks = chain(5, width=4)
    f = lambda net: lambda v: np.sum(net(v) ** 2)
    penalty = lambda net: ab.grad(lambda v: np.sum(ab.grad(f(net))(v) ** 2))
    for way in ({"every": 2}, {"slots": 2}):
        found = penalty(checkpoint_sequential(blocks, **way))(X[:, :4]).numpy()
        np.testing.assert_allclose(found, penalty(ab.nn.Sequential(*blocks))(X[:, :4]).numpy(), rtol=1e-11)


def test_a_network_without_recording_is_called_as_it_is() -> None:
    blocks = chain(5)
    with ab.no_grad():
        out = checkpoint_sequential(blocks, slots=2)(X)
    np.testing.assert_array_equal(out.numpy(), ab.nn.Sequential(*blocks)(X).numpy())


# Bad input


@pytest.mark.parametrize("name", ["every", "slots"])
@pytest.mark.parametrize("value", [0, -1, 13, 2.5, "3", np.nan])
def test_numbers_out_of_range_are_refused(name, value) -> None:
    with pytest.raises(DifferentiationValueError, match=rf"{name}=.* chain of 12 blocks. Give a whole number from 1 to 12"):
        checkpoint_sequential(chain(), **{name: value})


@pytest.mark.parametrize("budget", [0, -5, np.nan, np.inf, "much", 1j])
def test_budgets_of_nonsense_are_refused(budget) -> None:
    with pytest.raises(DifferentiationValueError, match="positive number of bytes"):
        checkpoint_sequential(chain(), budget=budget)


@pytest.mark.parametrize("name", NETWORKS)
def test_an_infeasible_budget_names_the_smallest_feasible_one(name) -> None:
    make, x = NETWORKS[name]
    network = checkpoint_sequential(make(), budget=1000)
    with pytest.raises(DifferentiationValueError, match=r"budget of 1,000 .* needs ([\d,]+) with any") as caught:
        network(x)
    costs = measure_blocks(network.blocks, x, rounds=1)
    named, exact = int(str(caught.value).split("needs ")[1].split()[0].replace(",", "")), least(costs)[0]
    assert abs(named / least(with_room(costs))[0] - 1) < 0.01
    assert predict(optimal(costs, exact), costs).peak <= exact
    with pytest.raises(DifferentiationValueError, match=f"{exact:,}"):
        optimal(costs, exact - 1)


@pytest.mark.parametrize("schedule", [[0, 1], [[0, 2], 1], [0, [1, 2], 2], [0, 1, 2, 3], "012", [0, (1, 2)], []])
def test_schedules_that_miss_or_repeat_a_block_are_refused(schedule) -> None:
    with pytest.raises(DifferentiationValueError, match="chain of 3 blocks. Name each block from 0 to 2 once"):
        checkpoint_sequential(chain(3), schedule=schedule)


def test_two_ways_at_once_and_no_blocks_are_refused() -> None:
    with pytest.raises(DifferentiationValueError, match="one of every, slots, budget and schedule"):
        checkpoint_sequential(chain(), every=2, slots=3)
    with pytest.raises(DifferentiationValueError, match="0 blocks"):
        checkpoint_sequential([])
    with pytest.raises(DifferentiationTypeError):
        checkpoint_sequential([np.tanh, 3])


def test_blocks_that_do_not_chain_are_named() -> None:
    blocks = [*chain(2), ab.nn.Linear(8, 8, rng=0), *chain(2)]
    for way in ({"every": 2}, {"budget": 10**8}, {"slots": 2}):
        with pytest.raises(DifferentiationValueError) as caught:
            checkpoint_sequential(blocks, **way)(X)
        assert any("block 2 of a chain" in note for note in caught.value.__notes__)


def test_a_block_that_returns_no_array_is_refused_by_the_planner() -> None:
    for wrong in (lambda v: (v, v), lambda v: 3.0, lambda v: v.numpy()):
        with pytest.raises(DifferentiationTypeError, match="block 1 of a chain"):
            checkpoint_sequential([np.tanh, wrong], budget=10**8)(X)


def test_blocks_that_save_nothing_or_return_their_input_can_be_planned():
    blocks = [np.tanh, lambda x: x.reshape(-1, 30), np.negative, lambda x: x, np.sin]
    x = ab.Variable(np.linspace(-1, 1, 900).reshape(30, 30))
    network = checkpoint_sequential(blocks, budget=1e6)
    np.sum(network(x)).backward()
    expected = -np.cos(-np.tanh(x.numpy())) * (1 - np.tanh(x.numpy()) ** 2)
    np.testing.assert_allclose(x.grad.numpy(), expected)


def test_without_gradients_a_budget_is_neither_measured_nor_in_the_way():
    network = checkpoint_sequential([np.tanh, np.sin], budget=1e6)
    with ab.no_grad():
        out = network(ab.Variable(np.ones(3)))
    assert network.costs is None
    np.testing.assert_array_equal(out.numpy(), np.sin(np.tanh(np.ones(3))))


def test_a_block_that_fails_while_it_is_measured_leaves_generators_and_tracemalloc_alone():
    rng = np.random.default_rng(0)
    state = rng.bit_generator.state
    network = checkpoint_sequential([lambda x: x * rng.random(), lambda x: x @ np.ones(7)], budget=1e6)
    with pytest.raises(ValueError, match="matmul"):
        network(ab.Variable(np.ones(3)))
    assert rng.bit_generator.state == state and not tracemalloc.is_tracing()


def test_a_list_may_enter_a_chain_with_a_budget():
    np.testing.assert_array_equal(checkpoint_sequential([np.sin], budget=1e6)([1.0, 2.0]), np.sin([1.0, 2.0]))


def test_a_budget_inside_vmap_asks_for_a_measurement_outside_of_it():
    blocks = chain(6)
    network = checkpoint_sequential(blocks, budget=1e6)
    xs = np.random.default_rng(0).normal(size=(3, 2, 16))
    slope = ab.vmap(ab.grad(lambda x: np.sum(network(x))))
    with pytest.raises(DifferentiationTypeError, match=r"inside vmap, with examples of shape \(2, 16\).*once outside"):
        slope(xs)
    assert network.schedule is None
    np.sum(network(ab.Variable(xs[0]))).backward()
    one = ab.grad(lambda x: np.sum(checkpoint_sequential(blocks, schedule=list(range(6)))(x)))
    np.testing.assert_allclose(slope(xs).numpy(), [one(x).numpy() for x in xs], rtol=1e-12)


# Long chains


def like_transformers(n):
    """Equal blocks that save much more than their inputs."""
    ones = np.ones(n, int)
    sizes = [ones * size for size in (12 * 10**6, 3000, 1, 1, 14 * 10**6, 8 * 10**6, 14 * 10**6, 9 * 10**6, 2 * 10**5)]
    sizes[2:4] = [ones > 0, ones > 0]
    return Costs(np.full(n + 1, 10**6), *sizes, *(ones * time for time in (1.0, 1.05, 0.9, 2.0)))


def budget_of(costs, share):
    smallest, everything = least(costs)[0], predict(list(range(len(costs.kept))), costs).peak
    return smallest + share * (everything - smallest)


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


def test_a_thousand_blocks_in_one_slot() -> None:
    schedule = binomial(1000, 1)
    assert flat(schedule) == list(range(1000)) and most_held(schedule) == 1
    assert sum(runs(schedule)) == 1000 + 1000 * 999 // 2


def test_checkpoints_may_be_nested_deeper_than_python_calls_by_itself() -> None:
    schedule = [0]
    for i in range(1, 300):
        schedule = [schedule, i] if i < 12 else [schedule]
    blocks, v, w = [np.tanh] * 12, ab.Variable(np.ones(2)), ab.Variable(np.ones(2))
    network = checkpoint_sequential(blocks, schedule=schedule)
    np.sum(network(v)).backward()
    np.sum(ab.nn.Sequential(*blocks)(w)).backward()
    np.testing.assert_array_equal(v.grad.numpy(), w.grad.numpy())
    assert list(network.parameters()) == [] and repr(network).startswith("Checkpointed(12 blocks, [[[")


def test_each_shape_is_measured_once() -> None:
    calls = []
    blocks = chain(4)
    network = checkpoint_sequential([lambda v: calls.append(1) or blocks[0](v), *blocks[1:]], budget=10**8)
    for x in (X, X[:4], X.astype(np.float32)):
        network(x)
    measured = len(calls)
    costs = network.costs
    for x in (X, X[:4], X, X[:4], X.astype(np.float32)):
        network(x)
    assert len(calls) == measured + 5
    assert network.costs is costs and network(X) is not None and network.costs is not costs


def test_a_block_that_is_used_again_has_its_gradient_counted_once() -> None:
    block = ab.nn.Linear(64, 64, rng=0)
    x = np.ones((8, 64), np.float32)
    network = checkpoint_sequential([block] * 6, schedule=list(range(6)))
    predicted = predict(network.schedule, measure_blocks(network.blocks, x, rounds=1)).peak
    found = allocated(network, x, np.ones((8, 64), np.float32))
    size = block.weight.value.nbytes
    assert measure_blocks(network.blocks, x, rounds=1).gradients.sum() == size + block.bias.value.nbytes
    assert predicted < found + size
