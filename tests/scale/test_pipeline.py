"""A network cut into parts: the same gradients, in the order of a schedule."""

import numpy as np
import pytest

import autograd_book as ab
from autograd_book.learn.attention import TransformerBlock
from autograd_book.scale.pipeline import SCHEDULES, Clocked, idle_share, pipelined
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
