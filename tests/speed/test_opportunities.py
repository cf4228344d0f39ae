"""Fusion opportunities: predicted bytes by arithmetic, measured bytes, and the table."""

import numpy as np

import autograd_book as ab
from autograd_book.speed import fusion, opportunities
from autograd_book.speed.opportunities import Fusions, peak

X = np.ones((64, 32), np.float32)
BYTES = X.nbytes


def test_bytes_that_are_moved_are_those_of_arguments_and_results() -> None:
    (found,) = ab.fusions(lambda x: np.tanh(x) * x + 1.0, X)
    assert (found.apart, found.together) == (2 * BYTES + 3 * BYTES + 2 * BYTES, 2 * BYTES)
    assert found.saved == 5 * BYTES and not found.taken


def test_what_is_measured_is_the_workspace_of_a_whole_and_of_a_tile(monkeypatch) -> None:
    monkeypatch.setattr("autograd_book.speed.rows.TILE", BYTES // 8)
    (found,) = ab.fusions(lambda x: np.sum(np.tanh(x) * x + np.exp(x)), np.ones((640, 320)), measure=True)
    apart, together = found.held
    assert apart > 640 * 320 * 8 > together
    assert all(t >= 0 for t in found.seconds)


def test_large_groups_are_taken_by_compile_and_small_ones_are_not(monkeypatch) -> None:
    f = lambda x: np.tanh(x) * x
    assert not ab.fusions(f, X)[0].taken
    monkeypatch.setattr(fusion, "CACHE", 3 * BYTES)
    assert ab.fusions(f, X)[0].taken


def test_a_training_step_is_analysed_with_its_optimizer() -> None:
    layer = ab.nn.Linear(8, 8, rng=0)
    optimizer = ab.optim.Adam(layer.parameters(), lr=0.1)

    def step(x):
        optimizer.zero_grad()
        loss = np.mean(np.square(np.tanh(layer(x))))
        loss.backward()
        optimizer.step()

    step(np.ones((4, 8), np.float32))
    found = ab.fusions(step, np.ones((4, 8), np.float32), measure=True)
    assert len(found) >= 3 and found.saved == sum(each.saved for each in found)
    assert [each.saved for each in found] == sorted((each.saved for each in found), reverse=True)


def test_the_table_has_a_line_for_each_group_up_to_a_screen() -> None:
    found = ab.fusions(lambda x: np.tanh(x) * x, X)
    lines = str(found).split("\n")
    assert len(lines) == 2 and "64 x 32" in lines[1] and "no" in lines[1]
    many = Fusions(list(found) * (opportunities.SHOWN + 3))
    assert str(many).endswith(f"and 3 more, which would save {3 * found.saved / 2**20:.2f} MiB together")
    assert str(Fusions()) == "nothing to fuse"


def test_a_peak_counts_what_is_held_beside_what_was_there() -> None:
    kept = np.ones(1 << 16)
    assert peak(lambda: np.exp(kept)) >= 8 << 16 > peak(lambda: None)
