"""Ranks as threads: what collectives mean, and how a world ends in which something goes wrong."""

import threading

import numpy as np
import pytest

import autograd_book as ab
from autograd_book.scale.world import MEANINGS, ROOTED, SPLIT, Board, Communicator, RankError, alongside, summed

SIZES = [1, 2, 3, 5]


def given(name, size, rng, dtype=np.float64):
    shape = (size, 2, 3) if name in SPLIT else (2, 3)
    return [rng.normal(size=shape).astype(dtype) for _ in range(size)]


def ways(name, size):
    if name == "permute":
        return [[], [(r, (r + 1) % size) for r in range(size)], [(0, size - 1)]]
    return range(size) if name in ROOTED else [None]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", MEANINGS)
def test_each_rank_gets_what_the_collective_means(name, size):
    for how in ways(name, size):
        parts = given(name, size, np.random.default_rng(size))
        found = alongside(size, lambda world, how=how, parts=parts: world.exchange(name, parts[world.rank], how))
        for rank, value in enumerate(found):
            np.testing.assert_array_equal(value, MEANINGS[name](parts, rank, how))


def test_the_meanings_are_those_of_mpi():
    parts = [np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[10.0, 20.0], [30.0, 40.0]])]
    at = lambda name, rank, how=None: MEANINGS[name](parts, rank, how).tolist()
    assert at("all_reduce", 1) == [[11.0, 22.0], [33.0, 44.0]]
    assert at("reduce_scatter", 0) == [11.0, 22.0]
    assert at("reduce_scatter", 1) == [33.0, 44.0]
    assert at("all_to_all", 1) == [[3.0, 4.0], [30.0, 40.0]]
    assert at("scatter", 1, 0) == [3.0, 4.0]
    assert at("gather", 0, 0) == [parts[0].tolist(), parts[1].tolist()]
    assert at("gather", 1, 0) == np.zeros((2, 2, 2)).tolist()
    assert at("reduce", 0, 1) == np.zeros((2, 2)).tolist()
    assert at("permute", 0, [(1, 0)]) == parts[1].tolist()
    assert at("permute", 1, [(1, 0)]) == np.zeros((2, 2)).tolist()


def test_results_belong_to_the_rank_that_got_them():
    def program(world):
        for name in MEANINGS:
            how = 0 if name in ROOTED else [(0, 1)] if name == "permute" else None
            part = np.ones((2, 3))
            out = world.exchange(name, part, how)
            out += world.rank + 1.0
            assert (part == 1.0).all(), name
        return world.exchange("all_reduce", np.ones(2))

    assert all((total == 2.0).all() for total in alongside(2, program))


def test_a_part_may_be_written_into_after_it_was_given():
    def program(world):
        part = np.ones(3)
        wait = world.start("all_reduce", part)
        part[:] = np.nan
        return wait()

    assert all((total == 3.0).all() for total in alongside(3, program))


def test_calls_can_be_waited_for_in_any_order():
    def program(world):
        waits = [world.start("all_reduce", np.float64(i)) for i in range(6)]
        order = np.random.default_rng(world.rank).permutation(6)
        return {int(i): waits[i]() for i in order}

    for found in alongside(4, program):
        assert found == {i: 4.0 * i for i in range(6)}


@pytest.mark.parametrize("part", [np.zeros((0, 3)), np.ones((4, 6))[::2, ::3].T, np.float32(1.0), True, 1 + 2j])
def test_empty_strided_and_single_values_are_exchanged(part):
    for gathered in alongside(2, lambda world: world.exchange("all_gather", part)):
        assert gathered.dtype == np.asarray(part).dtype
        np.testing.assert_array_equal(gathered, [part, part])


def test_halves_are_added_up_in_single_precision():
    parts = [np.full(1, 0.001, np.float16)] * 4096
    assert abs(float(summed(parts)[0]) - 4.096) < 0.004
    assert summed(parts).dtype == np.float16


def test_brain_floats_are_added_up_in_single_precision():
    brain = pytest.importorskip("ml_dtypes").bfloat16
    parts = [np.full(2, 1.0, brain)] + [np.full(2, 2.0**-9, brain)] * 512
    assert summed(parts).dtype == brain
    assert (summed(parts).astype(np.float32) == 2.0).all()


@pytest.mark.parametrize("other", [("all_gather", np.ones(2)), ("all_reduce", np.ones(3)), ("all_reduce", np.ones(2, np.float32)), ("broadcast", np.ones(2), 1)])
def test_ranks_that_ask_for_different_things_are_both_named(other):
    calls = [("broadcast", np.ones(2), 0) if other[0] == "broadcast" else ("all_reduce", np.ones(2)), other]
    with pytest.raises(RankError, match=r"call 0 rank 0 asked for .*, and rank 1 for "):
        alongside(2, lambda world: world.exchange(*calls[world.rank]))


def test_who_waits_for_a_rank_that_failed_is_told_what_happened_there():
    told = {}

    def program(world):
        if world.rank == 2:
            raise KeyError("lost")
        try:
            world.exchange("all_reduce", 1.0)
        except RankError as error:
            told[world.rank] = str(error)
            raise

    with pytest.raises(KeyError) as caught:
        alongside(4, program)
    assert caught.value.__notes__ == ["This was on rank 2 of 4."]
    assert sorted(told) == [0, 1, 3] and all("rank 2 ended with KeyError: 'lost'" in text for text in told.values())


def test_a_rank_that_ends_early_leaves_nobody_waiting():
    with pytest.raises(RankError, match=r"rank 0 in all_reduce .*; rank 1 has ended"):
        alongside(2, lambda world: world.rank or world.exchange("all_reduce", 1.0))


def test_letters_arrive_in_order_and_a_circle_of_receivers_is_no_trap():
    def program(world):
        for number in range(3):
            world.send(np.full(1, number), (world.rank + 1) % world.size)
        return [world.receive((world.rank - 1) % world.size).item() for _ in range(3)]

    assert alongside(3, program) == [[0, 1, 2]] * 3
    with pytest.raises(RankError, match="receive from rank"):
        alongside(3, lambda world: world.receive((world.rank + 1) % 3))


@pytest.mark.parametrize(
    "call, told",
    [
        (("all_reduces", 1.0), "There are all_reduce"),
        (("scatter", np.ones((3, 2)), 0), "one part for each rank"),
        (("scatter", 1.0, 0), "one part for each rank"),
        (("broadcast", 1.0), "Give a rank from 0 to 1"),
        (("gather", 1.0, 2), "Give a rank from 0 to 1"),
        (("permute", 1.0, [(0, 1), (1, 1)]), "at most once on each side"),
        (("permute", 1.0, [(0, 2)]), "from 0 to 1"),
    ],
)
def test_a_call_that_cannot_be_meant_is_refused(call, told):
    with pytest.raises(ab.DifferentiationValueError, match=told):
        alongside(2, lambda world: world.exchange(*call))


def test_the_board_is_empty_after_the_calls():
    board = Board(2)
    assert isinstance(board.change(lambda: 3), int)
    boards = alongside(2, lambda world: [world.exchange("all_reduce", 1.0) for _ in range(5)] and world.board)
    assert boards[0] is boards[1]
    assert not boards[0].calls and not boards[0].served and not boards[0].waits
    assert threading.active_count() < 50


def test_a_communicator_says_nothing_by_itself():
    for call in (lambda c: c.start("all_reduce", 1.0), lambda c: c.send(1.0, 0), lambda c: c.receive(0)):
        with pytest.raises(NotImplementedError):
            call(Communicator())


def test_what_the_ranks_differentiate_does_not_mix():
    def program(world):
        x = ab.Variable(np.full(2, 1.0 + world.rank))
        np.sum(x**2).backward()
        return x.grad.numpy()

    for rank, gradient in enumerate(alongside(4, program)):
        np.testing.assert_array_equal(gradient, 2.0 * (1.0 + rank))
