"""Ranks as processes, started by MPI: what they get, and how they end."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from autograd_book.scale import processes
from autograd_book.scale.processes import (
    Asked,
    Note,
    Wait,
    buffers,
    command_for,
    in_vain,
    launched,
    opened,
    result_shape,
    sealed,
    starter,
    world,
)
from autograd_book.scale.world import Board, Neighbor, RankError

HERE = Path(__file__).parent
needs_mpi = pytest.mark.skipif(starter() is None, reason="needs mpiexec and mpi4py")


@needs_mpi
@pytest.mark.parametrize("size, how", [(1, ""), (2, "compare"), (3, ""), (4, "")])
def test_processes_get_what_the_collectives_mean(size, how):
    printed = launched(size, HERE / "many_ranks.py", size, how, limit=50)
    for check in ("meanings", "strided", "halves_rounded_once", "any_order", "own_memory", "letters", "soak", "training", "sharding", "pipeline"):
        assert f"all passed {check}" in printed


def failing(size, body, options="", limit=20):
    lines = "\n    ".join(body.strip().split("\n"))
    program = f"import os, signal\nimport numpy as np\nfrom autograd_book.scale.processes import world\nwith world({options}) as ranks:\n    {lines}"
    with pytest.raises(RankError) as caught:
        launched(size, program, limit=limit)
    return str(caught.value)


@needs_mpi
def test_an_error_reaches_all_ranks_with_number_and_traceback():
    told = failing(3, 'if ranks.rank == 1: raise KeyError("lost")\nranks.exchange("all_reduce", 1.0)')
    assert "ended with the status" in told
    for rank in range(3):
        assert f"rank {rank} of 3:\nTraceback" in told
    for rank in (0, 2):
        assert f"rank {rank} waited in all_reduce of float64 (), its call 0, and rank 1 ended with KeyError: 'lost'." in told
    assert told.count("On rank 1:\nTraceback") == 2


@needs_mpi
def test_a_rank_that_ends_early_is_named():
    assert "rank 0 waited in all_reduce of float64 (), its call 0, and rank 1 has ended." in failing(2, 'if ranks.rank == 0: ranks.exchange("all_reduce", 1.0)')


@needs_mpi
def test_a_letter_that_cannot_come_any_more_is_named():
    told = failing(2, 'ranks.send(1.0, 1 - ranks.rank) if ranks.rank else [ranks.receive(1), ranks.receive(1)]')
    assert "rank 0 waited in receive from rank 1, and rank 1 has ended." in told


@needs_mpi
def test_a_mismatch_is_named_on_both_sides():
    told = failing(2, 'ranks.exchange("all_reduce", 1.0)\nranks.exchange("all_reduce", np.ones(2 + ranks.rank))', "compare=True")
    fact = "in call 1 rank 0 asked for all_reduce of float64 (2,), and rank 1 for all_reduce of float64 (3,)."
    assert told.count(f"RankError: {fact}") >= 2


@needs_mpi
def test_ranks_that_wait_for_each_other_stop_at_the_limit():
    told = failing(2, "ranks.receive(1 - ranks.rank)", "limit=0.5")
    assert "waited 0.5 seconds in receive from rank" in told


@needs_mpi
def test_a_killed_rank_ends_the_others():
    told = failing(3, 'if ranks.rank == 2: os.kill(os.getpid(), signal.SIGKILL)\nranks.exchange("all_reduce", 1.0)')
    assert "3 ranks ended with the status" in told


@needs_mpi
def test_programs_that_take_too_long_are_ended_and_leave_no_orphan(tmp_path):
    file = tmp_path / "number"
    body = f'open({str(file)!r} + str(ranks.rank), "w").write(str(os.getpid()))\nranks.exchange("all_reduce", 0.0)\nprint("here", flush=True)\nsignal.pause()'
    told = failing(2, body, limit=4)
    assert "2 ranks were not done after 4 seconds" in told and "here" in told
    for rank in range(2):
        gone(int(Path(f"{file}{rank}").read_text()))


def gone(number):
    for _ in range(100):
        status = subprocess.run(["ps", "-o", "stat=", "-p", str(number)], capture_output=True, text=True).stdout.strip()
        if not status or status.startswith("Z"):
            return
    raise AssertionError(f"process {number} is still there")


def test_a_program_that_was_started_alone_is_the_only_rank():
    with world() as ranks:
        assert (ranks.rank, ranks.size) == (0, 1)
        assert (ranks.exchange("all_gather", np.ones(2)) == np.ones((1, 2))).all()


def test_without_mpi_a_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setattr(processes, "find_spec", lambda name: None)
    assert starter() is None
    with pytest.raises(RankError, match=r"pip install 'autograd-book\[mpi\]'"):
        command_for(2, "pass", ())
    monkeypatch.setenv("PMI_SIZE", "2")
    with pytest.raises(RankError, match="was started by an MPI"), world():
        pass


def test_without_mpi4py_and_mpiexec_there_is_one_rank(monkeypatch):
    monkeypatch.setattr(processes, "find_spec", lambda name: None)
    for name in processes.LAUNCHED:
        monkeypatch.delenv(name, raising=False)
    with world() as ranks:
        assert type(ranks) is Neighbor


def test_mpi_is_imported_only_where_it_is_used():
    code = "import sys, autograd_book.scale.processes; sys.exit('mpi4py' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=os.environ).returncode == 0


@pytest.mark.parametrize("part", [np.arange(6.0)[::2], np.ones((0, 3), np.float16), np.array(True), np.complex64(1j), np.arange(3, dtype=">i4")])
def test_a_letter_holds_the_array_that_was_put_in(part):
    out = opened(sealed(part))
    assert out.dtype == np.asarray(part).dtype and out.shape == np.shape(part) and out.flags.writeable
    np.testing.assert_array_equal(out, part)


def test_a_letter_holds_brain_floats():
    brain = pytest.importorskip("ml_dtypes").bfloat16
    out = opened(sealed(np.ones(3, brain)))
    assert out.dtype == brain and (out == 1).all()


def test_halves_travel_as_singles_only_where_they_are_summed():
    half = np.ones((4, 2), np.float16)
    for name, dtype, shape in [("all_reduce", "f4", (4, 2)), ("reduce_scatter", "f4", (2,)), ("all_gather", "f2", (4, 4, 2)), ("scatter", "f2", (2,))]:
        given, room = buffers(Asked(name, None, half.shape, half.dtype), half, 4)
        assert given.dtype == room.dtype == np.dtype(dtype) and room.shape == shape == result_shape(Asked(name, None, half.shape, half.dtype), 4)
        assert given is not half


def test_of_two_ranks_that_have_ended_the_failed_one_is_named():
    notes = {0: Note(0, 0, "", ""), 2: Note(0, 0, "ValueError: x", "there")}
    error = in_vain(1, Wait("a sum", bool, lambda other, note: note.calls < 1), notes)
    assert "rank 2 ended with ValueError: x." in str(error) and error.__notes__ == ["On rank 2:\nthere"]
    assert in_vain(1, Wait("a sum", bool, lambda other, note: False), notes) is None


def test_a_rank_in_a_world_of_one_meets_itself():
    ranks = Neighbor(Board(1), 0)
    ranks.send(np.ones(2), 0)
    assert ranks.receive(0).sum() == 2.0
