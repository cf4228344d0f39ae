"""A rank is killed in mid-run: the run goes on from its last state."""

from pathlib import Path

import numpy as np
import pytest
from same_numbers import mlp

import autograd_book as ab
from autograd_book.learn.saving import SavedFileError
from autograd_book.scale.processes import launched, starter
from autograd_book.scale.world import RankError

pytestmark = pytest.mark.skipif(starter() is None, reason="needs mpiexec and mpi4py")
RUN = Path(__file__).parent / "resumed_run.py"


def values(path):
    network, _ = mlp()
    optimizer = ab.optim.Adam(network.parameters(), lr=1e-2)
    step = ab.load(path, network=network, optimizer=optimizer)["step"]
    memories = [state[name] for state in optimizer.state for name in ("mean", "square")]
    return step, np.concatenate([a.ravel() for a in [*memories, *[p.numpy() for p in network.parameters()]]])


def test_a_killed_run_goes_on_to_the_bit_and_on_another_number_of_ranks(tmp_path):
    whole, broken, fewer = (tmp_path / name for name in ("whole", "broken", "fewer"))
    launched(2, RUN, whole, 6, -1)
    with pytest.raises(RankError, match="ended with the status"):
        launched(2, RUN, broken, 6, 3)
    step, _ = values(broken)
    assert step in (3, 4)  # what the killed rank had sent before may have been enough for the others
    fewer.write_bytes(broken.read_bytes())
    launched(2, RUN, broken, 6, -1)
    launched(1, RUN, fewer, 6, -1)
    assert values(whole)[0] == values(broken)[0] == 6
    np.testing.assert_array_equal(values(broken)[1], values(whole)[1])
    np.testing.assert_allclose(values(fewer)[1], values(whole)[1], rtol=1e-11, atol=1e-13)


def test_a_state_that_was_cut_short_or_altered_is_refused_by_all_ranks(tmp_path):
    good, bad = tmp_path / "good", tmp_path / "bad"
    launched(1, RUN, good, 1, -1)
    data = good.read_bytes()
    for wrong in (data[:-40], data[:200] + bytes([data[200] ^ 1]) + data[201:]):
        bad.write_bytes(wrong)
        with pytest.raises(SavedFileError):
            values(bad)
    with pytest.raises(RankError, match="SavedFileError"):
        launched(2, RUN, bad, 2, -1)
