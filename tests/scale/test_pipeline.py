"""A network cut into parts: the same gradients, in the order of a schedule."""

import numpy as np
import pytest

import autograd_book as ab
from autograd_book.learn.attention import TransformerBlock
from autograd_book.scale.pipeline import (
    SCHEDULES,
    Clocked,
    idle_share,
    interleaved,
    interleaved_turns,
    pipelined,
)
from autograd_book.scale.world import Communicator, RankError, alongside


def parts(kind, size):
    if kind == "perceptron":
        return [ab.nn.Sequential(ab.nn.Linear(4, 4, rng=i, dtype=float), np.tanh) for i in range(size)]
    return [TransformerBlock(4, 2, rng=i, dtype=float) for i in range(size)]


def data(kind):
    rng = np.random.default_rng(0)
    shape = (12, 4) if kind == "perceptron" else (12, 3, 4)
    return rng.normal(size=shape), rng.normal(size=shape)


def in_line(world, kind, schedule, m):
    part, (x, target) = parts(kind, world.size)[world.rank], data(kind)
    targets = np.split(target, m)
    done = pipelined(world, part, np.split(x, m), lambda y, i: ab.nn.mean_squared_error(y, targets[i]), schedule)
    return [p.grad.numpy() for p in part.parameters()], done


def whole(kind, size):
    (x, target), layers = data(kind), parts(kind, size)
    for layer in layers:
        x = layer(x)
    loss = ab.nn.mean_squared_error(x, target)
    loss.backward()
    return [[p.grad.numpy() for p in layer.parameters()] for layer in layers], loss.item()


@pytest.mark.parametrize("kind", ["perceptron", "transformer"])
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("size, m", [(1, 3), (2, 1), (2, 4), (3, 2), (4, 6)])
def test_a_line_finds_the_gradients_of_the_whole(kind, schedule, size, m):
    right, loss = whole(kind, size)
    found = alongside(size, in_line, kind, schedule, m)
    for (gradients, _), expected in zip(found, right, strict=True):
        for g, r in zip(gradients, expected, strict=True):
            np.testing.assert_allclose(g, r, rtol=1e-12, atol=1e-14)
    assert [done.loss for _, done in found[:-1]] == [0.0] * (size - 1)
    assert found[-1][1].loss == pytest.approx(loss, rel=1e-12)


@pytest.mark.parametrize("size, m", [(1, 4), (2, 1), (4, 2), (4, 9)])
def test_a_rank_that_goes_back_early_keeps_fewer_micro_batches(size, m):
    assert [done.kept for _, done in alongside(size, kept, "GPipe", m)] == [m] * size
    assert [done.kept for _, done in alongside(size, kept, "1F1B", m)] == [min(m, size - r) for r in range(size)]


def kept(world, schedule, m):
    part = ab.nn.Linear(2, 2, rng=0)
    return None, pipelined(world, part, [np.ones((1, 2), np.float32)] * m, lambda y, i: np.mean(y), schedule)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("ranks, m", [(1, 1), (3, 1), (3, 7), (5, 2)])
def test_every_turn_is_taken_once_and_no_way_back_before_its_way(schedule, ranks, m):
    for rank in range(ranks):
        turns = SCHEDULES[schedule](ranks, rank, m)
        assert sorted(turns) == sorted((way, i) for way in ("forward", "backward") for i in range(m))
        for i in range(m):
            assert turns.index(("forward", i)) < turns.index(("backward", i))
        for way in ("forward", "backward"):
            assert [i for w, i in turns if w == way] == list(range(m))


def units(world, schedule, m):
    worked = [0.0]
    clocked = Clocked(world, clock=lambda: worked[0])

    def part(x):
        worked[0] += 1
        y = x * ab.Variable(1.0)
        y.register_hook(lambda g: worked.__setitem__(0, worked[0] + 2))
        return y

    pipelined(clocked, part, [np.ones(1)] * m, lambda y, i: np.sum(y), schedule)
    return clocked.now(), clocked.waited


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("p, m", [(1, 1), (2, 3), (4, 1), (4, 16)])
def test_the_idle_share_is_that_of_the_formula(schedule, p, m):
    ends, waited = zip(*alongside(p, units, schedule, m), strict=True)
    assert max(ends) == 3 * (m + p - 1)
    assert idle_share(ends, waited) == pytest.approx((p - 1) / (m + p - 1), abs=1e-12)


def test_a_clock_is_set_forward_and_never_back():
    def program(world):
        times = [0.0]
        clocked = Clocked(world, clock=lambda: times[0])
        times[0] += [5.0, 2.0][world.rank]
        clocked.send(np.ones(2), 1 - world.rank)
        assert clocked.receive(1 - world.rank).sum() == 2.0
        assert clocked.exchange("all_reduce", 1.0) == 2.0
        return clocked.now(), clocked.waited

    assert alongside(2, program) == [(5.0, 0.0), (5.0, 3.0)]


def test_a_step_without_work_or_with_an_unknown_schedule_is_refused():
    for batches, schedule in (([], "1F1B"), ([np.ones(1)], "2F2B")):
        with pytest.raises(ab.DifferentiationValueError, match="one of GPipe, 1F1B"):
            alongside(1, lambda world, b, s: pipelined(world, np.tanh, b, None, s), batches, schedule)


def test_an_error_in_one_part_reaches_the_others():
    told = []

    def program(world):
        part = ab.nn.Linear([2, 3][world.rank], 2, rng=0)
        try:
            pipelined(world, part, [np.ones((1, 2), np.float32)] * 3, lambda y, i: np.mean(y))
        except RankError as error:
            told.append(str(error))
            raise

    with pytest.raises(ab.DifferentiationValueError, match="last axis has length 3"):
        alongside(2, program)
    assert "rank 0 waited in receive from rank 1" in told[0]


def test_a_clocked_rank_is_a_communicator():
    assert issubclass(Clocked, Communicator)


def looped(world, kind, m, v):
    own, (x, target) = parts(kind, world.size * v)[world.rank :: world.size], data(kind)
    targets = np.split(target, m)
    done = interleaved(world, own, np.split(x, m), lambda y, i: ab.nn.mean_squared_error(y, targets[i]))
    return [[p.grad.numpy() for p in part.parameters()] for part in own], done


@pytest.mark.parametrize("kind", ["perceptron", "transformer"])
@pytest.mark.parametrize("size, m, v", [(1, 3, 2), (2, 2, 3), (2, 4, 1), (3, 6, 2), (4, 4, 2)])
def test_interleaved_parts_find_the_gradients_of_the_whole(kind, size, m, v):
    right, loss = whole(kind, size * v)
    found = alongside(size, looped, kind, m, v)
    for rank, (gradients, _) in enumerate(found):
        for part, expected in zip(gradients, right[rank::size], strict=True):
            for g, r in zip(part, expected, strict=True):
                np.testing.assert_allclose(g, r, rtol=1e-12, atol=1e-14)
    assert [done.loss for _, done in found[:-1]] == [0.0] * (size - 1)
    assert found[-1][1].loss == pytest.approx(loss, rel=1e-12)


def loop_units(world, m, v):
    worked = [0.0]
    clocked = Clocked(world, clock=lambda: worked[0])

    def part(x):
        worked[0] += 1 / v
        y = x * ab.Variable(1.0)
        y.register_hook(lambda g: worked.__setitem__(0, worked[0] + 2 / v))
        return y

    done = interleaved(clocked, [part] * v, [np.ones(1)] * m, lambda y, i: np.sum(y))
    return clocked.now(), clocked.waited, done.kept


@pytest.mark.parametrize("p, m, v", [(1, 2, 2), (2, 4, 2), (4, 4, 2), (4, 8, 4), (3, 9, 1)])
def test_more_parts_on_a_rank_shorten_the_gaps_as_by_the_formula(p, m, v):
    ends, waited, kept = zip(*alongside(p, loop_units, m, v), strict=True)
    assert idle_share(ends, waited) == pytest.approx((p - 1) / (v * m + p - 1), abs=1e-12)
    ahead = [(2 if v > 1 else 1) * (p - 1 - r) + (v - 1) * p for r in range(p)]
    assert list(kept) == [min(a + 1, m * v) for a in ahead]


@pytest.mark.parametrize("ranks, m, v", [(1, 2, 2), (2, 4, 1), (3, 6, 2), (4, 8, 3)])
def test_every_interleaved_turn_is_taken_once_and_in_order(ranks, m, v):
    for rank in range(ranks):
        turns = interleaved_turns(ranks, rank, m, v)
        assert sorted(turns) == sorted((way, i, c) for way in ("forward", "backward") for i in range(m) for c in range(v))
        for i in range(m):
            for c in range(v):
                assert turns.index(("forward", i, c)) < turns.index(("backward", i, c))
    assert interleaved_turns(4, 1, 8, 1) == [(way, i, 0) for way, i in SCHEDULES["1F1B"](4, 1, 8)]


@pytest.mark.parametrize("parts, m", [([], 2), ([np.tanh], 3), ([np.tanh], 0)])
def test_interleaved_ranks_refuse_what_cannot_go_round(parts, m):
    with pytest.raises(ab.DifferentiationValueError, match="a multiple of the number of ranks"):
        alongside(2, lambda world: interleaved(world, parts, [np.ones(1)] * m, None))
