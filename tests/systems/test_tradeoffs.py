"""What checkpoints, precisions and tools give and take: bytes and bits, no times. Clocks are made up."""

import json

import numpy as np
import pytest

import autograd_book as ab
from autograd_book.learn.sequence import RNN
from autograd_book.systems.tradeoffs import (
    checkpoint_trades,
    found_again,
    left_behind,
    memory_patterns,
    peak_of,
    precision_trades,
    short_lived,
)

pytest.importorskip("ml_dtypes", reason="most compare bfloat16")


def still():
    return 0.0


BLOCKS = [ab.nn.Sequential(ab.nn.Linear(32, 32, rng=i), np.tanh) for i in range(8)]
X = np.random.default_rng(0).normal(size=(512, 32)).astype(np.float32)
UNIT = X.nbytes


def trades(frequencies=(1, 2, 4)):
    return checkpoint_trades(BLOCKS, X, frequencies, rounds=1, clock=still)


def test_gradients_are_the_same_to_the_bit_with_any_checkpoints():
    found = trades()
    assert [row.every for row in found.rows] == [0, 1, 2, 4]
    assert all(row.same for row in found.rows)


def test_peaks_are_predicted_from_the_blocks():
    for row in trades((2, 4)).rows:
        assert row.predicted == pytest.approx(row.peak, rel=0.05)


def test_checkpoints_lower_what_is_saved_and_the_peak():
    none, one, two, _ = trades().rows
    assert none.saved > one.saved and none.saved > two.saved
    assert none.peak > two.peak


def test_the_peak_of_a_run_is_what_its_arrays_take():
    x = np.ones(10_000)
    assert 160_000 <= peak_of(lambda: (x + 1.0) * 2.0) < 164_000


def loss_of(scale=1.0):
    w = ab.Variable(np.linspace(-1, 1, 64 * 64, dtype=np.float32).reshape(64, 64))
    x = np.random.default_rng(0).normal(size=(128, 64)).astype(np.float32)
    return w, lambda: np.mean((x @ w) ** 2) * scale


def test_halves_keep_less_and_err_as_their_formats():
    w, loss = loss_of()
    rows = {r.name: r for r in precision_trades(loss, parameters=[w], rounds=1, clock=still).rows}
    assert rows["fp32"].error == 0 and rows["fp32"].saved == 2 * 128 * 64 * 4  # x, and what is squared
    for name, digits in (("fp16", 11), ("bf16", 8), ("mixed", 11)):
        assert 0 < rows[name].error < 4 * 2.0**-digits
        assert rows[name].infinite == 0
    assert rows["bf16"].error > rows["mixed"].error


def test_scaling_saves_cotangents_that_halves_lose():
    _, loss = loss_of(1e-4)
    rows = {r.name: r for r in precision_trades(loss, rounds=1, clock=still).rows}
    assert rows["fp16"].zeros > rows["mixed"].zeros
    assert rows["mixed"].error < rows["fp16"].error


def test_gradients_of_the_program_are_left_alone():
    w, loss = loss_of()
    precision_trades(loss, rounds=1, clock=still)
    assert w.grad is None


def test_an_unknown_precision_is_refused():
    with pytest.raises(ab.DifferentiationValueError, match="'fp61'.*fp16"):
        precision_trades(lambda: None, ("fp61",))


def test_a_leak_is_found_and_a_sound_step_has_none():
    held = []
    assert 8_000 <= left_behind(lambda: held.append(np.ones(1000))) < 8_400
    assert left_behind(lambda: np.ones(1000)) < 400


def test_a_pool_is_predicted_to_serve_what_has_died():
    x = ab.Variable(np.ones(20_000))
    with ab.memory_profile() as profile:
        for _ in range(3):
            np.exp(x)
        kept = [np.exp(x) for _ in range(2)]
    assert found_again(profile) == 3 * 160_000  # the last of three dies for the first that is kept
    assert len(kept) == 2 and 0 < short_lived(profile, 0.5) <= 1


def simple_step():
    network = ab.nn.Sequential(*(part for i in range(8) for part in (ab.nn.Linear(64, 64, rng=i), np.tanh)))
    optimizer = ab.optim.AdamW(network.parameters())
    x = np.random.default_rng(0).normal(size=(512, 64)).astype(np.float32)

    def step():
        optimizer.zero_grad()
        loss = np.mean(network(x) ** 2)
        loss.backward()
        optimizer.step()
        return loss

    return step, network, optimizer


def test_each_tool_is_predicted_and_measured():
    step, *owners = simple_step()
    found = memory_patterns(step, *owners, measure=True)
    by_name = {s.name: s for s in found.strategies}
    assert by_name.keys() == {"pool", "policy", "arena", "lazy"}
    assert by_name["pool"].measured < by_name["pool"].before
    assert by_name["policy"].predicted == pytest.approx(by_name["policy"].measured, rel=0.25)
    assert by_name["arena"].predicted == pytest.approx(by_name["arena"].measured, rel=0.1)
    assert by_name["lazy"].measured == by_name["lazy"].predicted == by_name["lazy"].before
    assert found.peak == sum(found.at_peak.values()) and found.churn > 1


def test_work_for_nothing_is_what_a_lazy_step_leaves_out():
    step, *owners = simple_step()

    def wasteful():
        np.exp(owners[0][0].weight) + 1.0
        return step()

    found = {s.name: s for s in memory_patterns(wasteful, *owners, measure=True).strategies}
    assert found["lazy"].before - found["lazy"].predicted == 2 * 64 * 64 * 4
    assert found["lazy"].predicted == found["lazy"].measured


def test_without_being_asked_nothing_is_measured():
    step, *owners = simple_step()
    assert {s.measured for s in memory_patterns(step, *owners).strategies} == {None}


def test_a_step_that_cannot_be_captured_has_no_static_side():
    network = RNN(4, 4, rng=0)

    def step():
        return float(np.mean(network(np.ones((2, 3, 4), np.float32))).item())

    assert {s.name for s in memory_patterns(step, network).strategies} == {"pool", "policy"}


FOUND = {
    "checkpoints": lambda: trades((2,)),
    "precisions": lambda: precision_trades(loss_of()[1], ("fp32", "bf16"), rounds=1, clock=still),
    "patterns": lambda: memory_patterns(simple_step()[0]),
}


@pytest.mark.parametrize("name", FOUND)
def test_it_prints_is_plain_and_draws_itself(name):
    found = FOUND[name]()
    assert "<table" in found._repr_html_() and repr(found).count("\n") >= 2
    assert json.loads(json.dumps(found.to_dict())) == found.to_dict()
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    assert found.plot().get_xlabel() or found.plot().get_ylabel()
    matplotlib.pyplot.close("all")
