"""The state of a run in pieces: to the bit on as many ranks, cut anew on others, and all or nothing."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from same_numbers import ADAM, parts, rows_of

import autograd_book as ab
from autograd_book.learn.saving import SavedFileError
from autograd_book.scale import resume
from autograd_book.scale.processes import launched, starter
from autograd_book.scale.resume import LIST, load_state, save_state, take_overlap
from autograd_book.scale.sharding import Sharded, SpreadMemories, piece_of
from autograd_book.scale.world import RankError, alongside

RUN = Path(__file__).parent / "sharded_run.py"


class Run:
    """A perceptron in some stage of sharding."""

    def __init__(self, world, stage):
        layers, self.x = parts("perceptron")
        self.layers = [Sharded(world, layer, keep=stage == 2) for layer in layers] if stage > 1 else layers
        parameters = [p for layer in self.layers for p in layer.parameters()]
        spread = SpreadMemories(world, parameters, ADAM) if stage == 1 else None
        self.world, self.parameters, self.mover = world, parameters, spread or ADAM(parameters)
        self.parts, self.optimizer = spread or self.layers, spread.optimizer if spread else self.mover

    def steps(self, count):
        for _ in range(count):
            for p in self.parameters:
                p.grad = None
            out = self.x[rows_of(self.world)]
            for layer in self.layers:
                out = layer(out)
            (np.sum(np.cos(out)) / len(self.x)).backward()
            self.mover.step()

    def loss(self):
        out = self.x
        for layer in self.layers:
            out = layer(out)
        return np.sum(np.cos(out)).item()

    def bits(self):
        return [p.numpy().tobytes() for p in self.parameters] + [repr(sorted(self.optimizer.state_dict().items()))]


def saved(world, folder, stage, count=2):
    run = Run(world, stage)
    run.steps(count)
    save_state(folder, world, run.parts, run.optimizer, done=count, rng=np.random.default_rng(world.rank))
    run.steps(2)
    return run.bits(), run.loss()


def loaded(world, folder, stage, steps=2):
    run, rng = Run(world, stage), np.random.default_rng(99)
    assert load_state(folder, world, run.parts, run.optimizer, rng=rng) == {"done": 2}
    run.steps(steps)
    return run.bits(), run.loss(), rng.random()


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_on_as_many_ranks_a_run_goes_on_to_the_bit(tmp_path, stage):
    right = alongside(3, saved, tmp_path, stage)
    found = alongside(3, loaded, tmp_path, stage)
    assert [bits for bits, *_ in found] == [bits for bits, _ in right]
    assert [r for *_, r in found] == [np.random.default_rng(rank).random() for rank in range(3)]


@pytest.mark.parametrize("stage", [1, 3])
@pytest.mark.parametrize("old, new", [(1, 3), (3, 1), (2, 4), (4, 3)])
def test_on_other_numbers_of_ranks_the_pieces_are_cut_anew(tmp_path, stage, old, new):
    right = alongside(old, saved, tmp_path, stage)[0][1]
    for _, loss, _ in alongside(new, loaded, tmp_path, stage):
        assert loss == pytest.approx(right, rel=1e-12)


@pytest.mark.parametrize("size", [1, 5, 12])
def test_every_number_comes_back_once_in_any_cut(size):
    whole = np.arange(1.0, size + 1)
    for old in range(1, 6):
        for new in range(1, 6):
            cut = lambda n: [piece_of(type("World", (), {"rank": r, "size": n}), whole) for r in range(n)]
            for rank, right in enumerate(cut(new)):
                found = np.zeros_like(right)
                for source, piece in enumerate(cut(old)):
                    take_overlap(found, rank, piece, source, size)
                np.testing.assert_array_equal(found, right)


def cut_short(folder):
    part = next(folder.glob("*-1.rank"))
    part.write_bytes(part.read_bytes()[:-50])


def altered(folder):
    part = next(folder.glob("*-1.rank"))
    data = bytearray(part.read_bytes())
    data[len(data) // 2] ^= 1
    part.write_bytes(bytes(data))


def missing(folder):
    next(folder.glob("*-1.rank")).unlink()


def of_another_time(folder):
    other = folder.parent / "other"
    alongside(2, saved, other, 3, 3)
    shutil.copy(next(other.glob("*-1.rank")), next(folder.glob("*-1.rank")))


def list_altered(folder):
    data = (folder / LIST).read_bytes()
    (folder / LIST).write_bytes(data[:-40] + bytes([data[-40] ^ 1]) + data[-39:])


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize("damage", [cut_short, altered, missing, of_another_time, list_altered])
def test_what_is_damaged_is_refused_and_nothing_changes(tmp_path, damage, size):
    folder, before = tmp_path / "run", {}
    alongside(2, saved, folder, 3)
    damage(folder)

    def program(world):
        run = Run(world, 3)
        before[world.rank] = run, run.bits()
        load_state(folder, world, run.parts, run.optimizer)

    with pytest.raises(SavedFileError):
        alongside(size, program)
    assert all(run.bits() == bits for run, bits in before.values())


def test_until_the_list_is_written_the_old_state_counts(tmp_path, monkeypatch):
    right = alongside(2, saved, tmp_path, 3)[0][1]

    def no_list(path, **things):
        if path.name == LIST:
            raise OSError("the disk is full")
        ab.save(path, **things)

    monkeypatch.setattr(resume, "save", no_list)
    with pytest.raises(OSError, match="the disk is full"):
        alongside(2, saved, tmp_path, 3, 5)
    monkeypatch.undo()
    (tmp_path / "half.12345678.part").write_bytes(b"")  # as a killed rank leaves it
    assert alongside(2, loaded, tmp_path, 3)[0][1] == right
    alongside(3, saved, tmp_path, 3)
    alongside(2, saved, tmp_path, 3)
    assert sorted(path.name[-6:] for path in tmp_path.iterdir()) == ["0.rank", "1.rank", LIST]


def test_other_layers_or_another_optimizer_are_refused(tmp_path):
    alongside(2, saved, tmp_path, 3)

    def program(world, change):
        run = Run(world, 3)
        change(world, run)
        load_state(tmp_path, world, run.parts, run.optimizer)

    def fewer(world, run):
        run.parts = [Sharded(world, ab.nn.Linear(5, 6, rng=0, dtype=float))]
        run.optimizer = ADAM([p for layer in run.parts for p in layer.parameters()])

    def reversed_order(world, run):
        run.parts = run.parts[::-1]

    for change, said in ((fewer, "a piece 0/"), (reversed_order, "in order")):
        with pytest.raises(ab.DifferentiationValueError, match=said):
            alongside(2, program, change)


@pytest.mark.skipif(starter() is None, reason="needs mpiexec and mpi4py")
def test_a_killed_run_in_pieces_goes_on_to_the_bit(tmp_path):
    whole = launched(2, RUN, tmp_path / "whole", 4, -1)
    with pytest.raises(RankError, match="ended with the status"):
        launched(2, RUN, tmp_path / "broken", 4, 2)
    assert (tmp_path / "broken" / LIST).exists()
    assert launched(2, RUN, tmp_path / "broken", 4, -1) == whole
