"""Training on parts of a batch is training on the batch."""

import json
import re

import numpy as np
import pytest
from same_numbers import NETWORKS, alone, trained

import autograd_book as ab
from autograd_book.scale.data_parallel import (
    Average,
    Traced,
    average_gradients,
    averaging,
    expect_alike,
    in_buckets,
    part_of,
    rng_of_rank,
    start_alike,
)
from autograd_book.scale.world import RankError, alongside


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("size, early", [(1, True), (2, True), (2, False), (3, True), (4, True)])
def test_ranks_find_what_one_process_finds_on_the_whole_batch(name, size, early):
    right = alone(name)
    for found in alongside(size, trained, name, 4, 300, early):
        np.testing.assert_allclose(found, right, rtol=1e-12, atol=1e-12)


def gradients(world, build, weight=1.0, **options):
    parameters, run = build(world)
    with averaging(world, parameters, weight, **options):
        run()
    return [None if p.grad is None else p.grad.numpy() for p in parameters]


def test_a_weight_counts_examples_and_none_is_none():
    def build(world):
        w = ab.Variable(np.ones(2))
        return [w], lambda: np.sum(w * world.rank).backward() if world.rank else (w * np.nan).sum().backward()

    for found in alongside(3, lambda world: gradients(world, build, weight=[0, 1, 3][world.rank])):
        np.testing.assert_array_equal(found[0], np.full(2, (1 * 1 + 3 * 2) / 4))


def test_a_parameter_that_is_used_several_times_is_complete_at_the_last():
    def build(world):
        w = ab.Variable(np.full(3, 2.0))
        return [w], lambda: np.sum(w * np.tanh(w) * w + w).backward()

    right = ab.grad(lambda w: np.sum(w * np.tanh(w) * w + w))(np.full(3, 2.0))
    for found in alongside(2, lambda world: gradients(world, build)):
        np.testing.assert_allclose(found[0], right, rtol=1e-14)


def test_what_only_one_rank_uses_counts_for_all_and_what_none_uses_stays_none():
    def build(world):
        used, once, never = (ab.Variable(np.ones(2)) for _ in range(3))
        return [used, once, never], lambda: np.sum(used + (once * 4.0 if world.rank == 1 else 0.0)).backward()

    for found in alongside(2, lambda world: gradients(world, build, bucket=1)):
        np.testing.assert_array_equal(found[0], np.ones(2))
        np.testing.assert_array_equal(found[1], np.full(2, 2.0))
        assert found[2] is None


@pytest.mark.parametrize("early", [True, False])
def test_passes_before_the_block_are_part_of_the_sum(early):
    def build(world):
        w, other = ab.Variable(np.ones(2)), ab.Variable(np.ones(2))
        np.sum(w * 2.0 + other * world.rank).backward()
        return [w, other], lambda: np.sum(w * world.rank).backward()

    for found in alongside(2, lambda world: gradients(world, build, early=early)):
        np.testing.assert_array_equal(found[0], np.full(2, 2.5))
        np.testing.assert_array_equal(found[1], np.full(2, 0.5))


def test_a_second_pass_in_the_block_is_refused():
    def build(world):
        w = ab.Variable(1.0)
        return [w], lambda: [(w * 2.0).backward(), (w * 2.0).backward()]

    with pytest.raises(ab.DifferentiationValueError, match="second backward pass"):
        alongside(2, lambda world: gradients(world, build))


def test_a_recorded_pass_is_refused():
    def build(world):
        w = ab.Variable(1.0)
        return [w], lambda: (w * w).backward(create_graph=True)

    with pytest.raises(ab.DifferentiationTypeError, match="create_graph"):
        alongside(2, lambda world: gradients(world, build))


@pytest.mark.parametrize("weights", [(0, 0), (-1, 3), (float("nan"), 1)])
def test_weights_that_make_no_mean_are_refused(weights):
    def build(world):
        w = ab.Variable(1.0)
        return [w], lambda: (w * w).backward()

    with pytest.raises(ab.DifferentiationValueError, match="number of examples"):
        alongside(2, lambda world: gradients(world, build, weight=weights[world.rank]))


def test_buckets_travel_while_the_walk_goes_on():
    def program(world):
        layers = [ab.Variable(np.eye(4)) for _ in range(5)]
        seen = []
        with averaging(world, layers, bucket=1) as average:
            x = first = ab.Variable(np.ones((2, 4)))
            for layer in layers:
                x = x @ layer
            x.node.inputs[0].hooks = [lambda g: seen.append(average.begun) or g]
            first.register_hook(lambda g: seen.append(average.begun))
            np.sum(x).backward()
        return seen

    assert alongside(2, program) == [[1, 5]] * 2


def test_checkpoints_and_halves_give_the_same_gradients():
    x = np.random.default_rng(0).normal(size=(6, 8)).astype(np.float32)

    def program(world, wrap):
        network = ab.nn.Sequential(ab.nn.Linear(8, 8, rng=0), np.tanh, ab.nn.Linear(8, 8, rng=1))
        with averaging(world, network.parameters(), 3, 100):
            wrap(lambda rows: np.mean(network(rows) ** 2))(part_of(world, x)).backward()
        return [p.grad.numpy() for p in network.parameters()]

    right = alongside(2, program, lambda f: f)[0]
    for wrap in (ab.checkpoint, ab.saved_values("float16"), ab.autocast()):
        for found in alongside(2, program, wrap)[1], right:
            for a, b in zip(found, right, strict=True):
                np.testing.assert_allclose(a, b, rtol=0, atol=2e-3 * np.abs(b).max())


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.complex128])
def test_gradients_keep_the_dtype_of_their_parameters(dtype):
    def build(world):
        w, wide = ab.Variable(np.ones(2, dtype)), ab.Variable(np.ones(2))
        return [w, wide], lambda: np.sum(np.real(w * (1 + world.rank)) + wide).backward()

    for found in alongside(2, lambda world: gradients(world, build)):
        assert found[0].dtype == dtype and found[1].dtype == float
        np.testing.assert_array_equal(found[0], np.full(2, 1.5))


def test_an_overflow_on_one_rank_is_seen_by_the_scalers_of_all():
    def program(world):
        w = ab.Variable(np.float32([1.0, 2.0]))
        optimizer, scaler = ab.optim.SGD([w], lr=0.1), ab.GradScaler(init_scale=4.0)
        with averaging(world, [w]), np.errstate(all="ignore"):
            scaler.scale(np.sum(w * np.float32(3e38 if world.rank == 1 else 1.0))).backward()
        scaler.step(optimizer)
        scaler.update()
        return w.numpy().tolist(), scaler.get_scale()

    assert alongside(3, program) == [([1.0, 2.0], 2.0)] * 3


def test_buckets_hold_every_parameter_once_in_reverse_order():
    parameters = [ab.Variable(np.ones(n, k)) for n, k in [(3, "f4"), (3, "f4"), (1, "f8"), (100, "f4"), (2, "f4")]]
    found = in_buckets(parameters, 24)
    assert [[p.size for p in b.parameters] for b in found] == [[2], [100], [1], [3, 3]]
    assert [p for b in found for p in b.parameters] == parameters[::-1]


def test_ranks_start_alike_or_are_told_that_they_differ():
    def program(world, wanted):
        layer = ab.nn.Linear(2, 3, rng=world.rank)
        wanted(world, layer.parameters())
        expect_alike(world, layer.parameters())
        return layer.weight.numpy()

    for weight in alongside(3, program, start_alike):
        np.testing.assert_array_equal(weight, ab.nn.Linear(2, 3, rng=0).weight.numpy())
    with pytest.raises(RankError, match=r"parameter 0, of shape \(2, 3\), differs from that of rank 0 by \[0.0, "):
        alongside(2, program, lambda world, parameters: None)


def test_ranks_with_other_parameters_are_named():
    with pytest.raises(RankError, match="rank 0 asked for all_reduce"):
        alongside(2, lambda world: gradients(world, lambda w: ([v := ab.Variable(np.ones(1 + w.rank))], lambda: np.sum(v).backward())))


def test_parts_are_whole_and_differ_by_one():
    assert alongside(3, lambda world: part_of(world, np.arange(7)).tolist()) == [[0, 1, 2], [3, 4], [5, 6]]
    assert isinstance(alongside(1, lambda world: Average(world, [ab.Variable(1.0)], 1.0, 8).mine())[0], float)


def compiled_run(world, name, how, steps=4):
    network, loss = NETWORKS[name]()
    optimizer = ab.optim.Adam(network.parameters(), lr=1e-2)
    rows = np.array_split(np.arange(10), world.size)[world.rank]

    def step(scale):
        optimizer.zero_grad()
        (loss(rows) * scale).backward()
        average_gradients(world, network.parameters(), len(rows))
        optimizer.step()

    step = how(step)
    for _ in range(steps):
        step(np.array(1.0))
    return np.concatenate([p.numpy().ravel() for p in network.parameters()]), getattr(step, "source", "")


@pytest.mark.parametrize("name", ["mlp", "transformer"])
def test_gradients_are_averaged_in_a_compiled_step(name, recwarn):
    (right, _), *_ = alongside(1, compiled_run, name, lambda step: step)
    for found, source in alongside(3, compiled_run, name, ab.compile):
        np.testing.assert_allclose(found, right, rtol=1e-9, atol=1e-12)
        assert len(re.findall(r"= all_reduce\w*\(", source)) == len(list(NETWORKS[name]()[0].parameters())) + 1
    assert not [w for w in recwarn if "compiled" in str(w.message)]


def test_a_rank_without_examples_or_gradients_counts_for_nothing():
    def program(world):
        used, unused = ab.Variable(np.ones(2)), ab.Variable(np.ones(3))
        if world.rank:
            (np.sum(used) * world.rank).backward()
        average_gradients(world, [used, unused], weight=world.rank)
        return used.grad.numpy().tolist(), unused.grad.numpy().tolist()

    assert alongside(3, program) == [([5 / 3] * 2, [0.0] * 3)] * 3


def test_equal_seeds_drop_other_units_on_each_rank_and_the_same_in_each_run():
    def program(world):
        network = ab.nn.Sequential(ab.nn.Linear(2, 40, rng=0), ab.nn.Dropout(0.5, rng=rng_of_rank(world, 3)))
        optimizer, masks = ab.optim.SGD(network.parameters(), lr=0.1), []
        for _ in range(2):
            optimizer.zero_grad()
            with averaging(world, network.parameters()):
                out = network(np.ones((1, 2), np.float32))
                np.mean(np.square(out)).backward()
            optimizer.step()
            masks.append(tuple(out.numpy()[0] == 0))
        expect_alike(world, network.parameters())
        return masks

    first, again = alongside(3, program), alongside(3, program)
    assert first == again
    assert len({mask for masks in first for mask in masks}) == 6


def test_a_trace_has_a_span_for_each_bucket_and_says_what_overlapped():
    def program(world, early):
        network, loss = NETWORKS["mlp"]()
        tracing = Traced(world)
        with averaging(tracing, network.parameters(), 1.0, 300, early) as average, tracing.span("walk"):
            loss(np.arange(10)).backward()
        return tracing.events, len(average.buckets)

    for early in (True, False):
        for rank, (events, buckets) in enumerate(alongside(2, program, early)):
            assert json.loads(json.dumps(events)) == events
            assert all(event["ph"] == "X" and event["dur"] >= 0 and event["pid"] == rank for event in events)
            kinds = [event["tid"] for event in events]
            assert kinds.count("travels") == kinds.count("waits") == buckets + 1 and kinds.count("walk") == 1
            walk = next(event for event in events if event["tid"] == "walk")
            first = sorted(event["ts"] for event in events if event["tid"] == "travels")[1]
            assert (first < walk["ts"] + walk["dur"]) == early
