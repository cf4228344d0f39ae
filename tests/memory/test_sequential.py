"""A chain that is run by a schedule: the same gradients, as many runs as the schedule says."""

import numpy as np
import pytest
from chains import NETWORKS, X, allocated, chain, gradients

import autograd_book as ab
from autograd_book.graph.errors import DifferentiationTypeError, DifferentiationValueError
from autograd_book.memory.checkpoint import keeping
from autograd_book.memory.costs import measure_blocks, predict
from autograd_book.memory.planner import least, optimal
from autograd_book.memory.schedule import runs, segments
from autograd_book.memory.sequential import ROOM, checkpoint_sequential, with_margin

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


def test_the_default_is_about_the_square_root() -> None:
    assert checkpoint_sequential(chain(16)).schedule == segments(16, 4)


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
    assert abs(named / least(with_margin(costs))[0] - 1) < 0.01
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


def test_without_gradients_a_budget_is_neither_measured_nor_in_the_way():
    network = checkpoint_sequential([np.tanh, np.sin], budget=1e6)
    with ab.no_grad():
        out = network(ab.Variable(np.ones(3)))
    assert network.costs is None
    np.testing.assert_array_equal(out.numpy(), np.sin(np.tanh(np.ones(3))))


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
