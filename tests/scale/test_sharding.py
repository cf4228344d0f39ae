"""Parameters, gradients and memories in pieces: the same numbers in fewer bytes."""

import numpy as np
import pytest
from same_numbers import in_stage

import autograd_book as ab
from autograd_book.scale.sharding import (
    Absent,
    Counting,
    MasterAdam,
    Sharded,
    SpreadMemories,
    piece_of,
    whole_of,
)
from autograd_book.scale.world import MEANINGS, ROOTED, SPLIT, alongside


@pytest.mark.parametrize("kind", ["perceptron", "transformer"])
@pytest.mark.parametrize("stage, size", [(1, 1), (1, 2), (1, 3), (2, 2), (2, 3), (3, 1), (3, 2), (3, 4)])
def test_every_stage_gives_what_one_process_gives(kind, stage, size):
    (right,) = alongside(1, in_stage, kind, 0)
    for losses in alongside(size, in_stage, kind, stage):
        np.testing.assert_allclose(losses, right, rtol=1e-12)


def net(world, stage):
    layers = [ab.nn.Linear(32, 32, bias=False, rng=i, dtype=np.float16) for i in range(4)]
    if stage > 1:
        layers = [Sharded(world, layer, keep=stage == 2) for layer in layers]
    return layers, [p for layer in layers for p in layer.parameters()]


def bytes_of(world, stage):
    layers, parameters = net(world, stage)
    spread = SpreadMemories(world, parameters, MasterAdam) if stage == 1 else None
    optimizer = spread.optimizer if spread else MasterAdam(parameters)
    for _ in range(2):
        if isinstance(world, Counting):
            world.sent.clear()
        for p in parameters:
            p.grad = None
        x = ab.Variable(np.ones((2, 32), np.float16))
        with np.errstate(all="ignore"):
            for layer in layers:
                x = np.tanh(layer(x))
            np.mean(x).backward()
            memories = sum(a.nbytes for s in optimizer.state for a in s.values() if np.ndim(a))
            kept = sum(p.numpy().nbytes + p.grad.numpy().nbytes for p in parameters) + memories
            (spread or optimizer).step()
    return kept / (4 * 32 * 32)


@pytest.mark.parametrize("size", [1, 2, 64, 256])
@pytest.mark.parametrize("stage, kept, sent", [(1, (4, 12), 2), (3, (0, 16), 3)])
def test_bytes_are_those_of_the_formulas(size, stage, kept, sent):
    world = Counting(Absent(size - 1, size))
    assert bytes_of(world, stage) == kept[0] + kept[1] / size
    assert sum(world.sent.values()) == sent * (size - 1) / size * 2 * 4 * 32 * 32


@pytest.mark.parametrize("stage", [1, 3])
def test_a_rank_among_others_keeps_what_one_keeps_whose_others_are_not_there(stage):
    assert alongside(4, bytes_of, stage) == [bytes_of(Absent(r, 4), stage) for r in range(4)]


def test_the_second_stage_gathers_once_and_the_third_twice():
    for stage, gathers in ((2, 4), (3, 8)):
        world = Counting(Absent(0, 8))
        layers, _ = net(world, stage)
        x = np.ones((2, 32), np.float16)
        for layer in layers:
            x = np.tanh(layer(x))
        np.mean(x).backward()
        assert world.calls == {"all_gather": gathers, "reduce_scatter": 4}


def test_the_third_stage_drops_what_it_gathered():
    def peak(keep):
        world = Absent(0, 8)
        layers = [Sharded(world, ab.nn.Linear(64, 64, bias=False, rng=i), keep) for i in range(12)]
        x = np.ones((2, 64), np.float32)
        with ab.memory_profile(*layers) as seen:
            for layer in layers:
                x = np.tanh(layer(x))
            np.mean(x).backward()
        return seen.peak

    assert peak(False) < 0.6 * peak(True)


@pytest.mark.parametrize("shape", [(), (1,), (7,), (2, 3), (0, 4)])
@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_pieces_make_the_whole_and_gradients_are_summed(shape, size):
    array = np.arange(float(np.prod(shape))).reshape(shape)

    def program(world):
        piece = piece_of(world, array)
        slope = ab.grad(lambda p: np.sum(whole_of(world, p, shape) * (array + 1)) * (world.rank + 1.0))(piece)
        return whole_of(world, piece, shape), slope, piece_of(world, (array + 1) * sum(range(size + 1)))

    for whole, slope, right in alongside(size, program):
        np.testing.assert_array_equal(whole, array)
        np.testing.assert_array_equal(slope, right)


@pytest.mark.parametrize("name", MEANINGS)
def test_an_absent_world_answers_in_shape_and_dtype(name):
    for dtype in (np.float64, np.float16):
        part = np.ones((3, 2) if name in SPLIT else (2,), dtype)
        how = 1 if name in ROOTED else [(0, 2), (1, 0)] if name == "permute" else None
        right = alongside(3, lambda world, part, how: world.exchange(name, part, how), part, how)
        for rank in range(3):
            found = Absent(rank, 3).exchange(name, part, how)
            assert found.dtype == dtype
            np.testing.assert_array_equal(found, right[rank])


def test_letters_are_counted():
    def program(world):
        counting = Counting(world)
        counting.send(np.ones(4), 1 - world.rank)
        return counting.receive(1 - world.rank).sum(), counting.sent["send"]

    assert alongside(2, program) == [(4.0, 32)] * 2


def test_masters_move_where_halves_would_stand_still():
    half, single = ab.Variable(np.float16([1.0])), ab.Variable(np.float32([1.0]))
    optimizers = [MasterAdam([half], lr=1e-4), ab.optim.Adam([single], lr=1e-4)]
    for _ in range(30):
        for v, optimizer in zip((half, single), optimizers, strict=True):
            v.grad = np.ones(1, v.dtype)
            optimizer.step()
    assert half.numpy() == single.numpy().astype(np.float16) != 1.0
    fresh = MasterAdam([ab.Variable(half.numpy())], lr=1e-4)
    fresh.load_state_dict(optimizers[0].state_dict())
    np.testing.assert_array_equal(fresh.state[0]["master"], optimizers[0].state[0]["master"])


def test_a_parameter_in_two_places_is_refused():
    layer = ab.nn.Sequential(ab.nn.Linear(2, 2, rng=0), ab.nn.Linear(2, 2, rng=0))
    layer[1].weight = layer[0].weight
    with pytest.raises(ab.DifferentiationValueError, match="in two places"):
        Sharded(Absent(0, 2), layer)


def test_a_layer_is_empty_between_calls_even_after_an_error():
    layer = Sharded(Absent(0, 2), ab.nn.Linear(2, 2, rng=0), keep=True)
    with pytest.raises(ab.DifferentiationValueError):
        layer(np.ones((1, 3)))
    assert layer.layer.weight is None and [p.size for p in layer.parameters()] == [2, 1]
