"""The predicted step against the compiled one: the same calls, bytes that agree, and state that is left alone."""

import numpy as np
import pytest

import autograd_book as ab
from autograd_book.systems.changes import Change, compiling, row_of_calls, tried


def training():
    """A step of a perceptron, and its network."""
    network = ab.nn.Sequential(ab.nn.Linear(32, 64, rng=0), ab.relu, ab.nn.Linear(64, 4, rng=1))
    optimizer = ab.optim.AdamW(network.parameters(), lr=1e-2)
    x = np.random.default_rng(0).normal(size=(256, 32)).astype(np.float32)

    def step():
        optimizer.zero_grad()
        np.mean(np.square(network(x))).backward()
        optimizer.step()

    step()
    return step, network


def test_bytes_of_a_compiled_step_are_predicted_within_a_twentieth():
    change = tried(lambda: training()[0], laps=1)
    assert abs(change.off("nbytes")) < 0.05


def test_a_convolution_is_predicted_with_its_windows():
    w, images = ab.Variable(np.ones((4, 1, 3, 3), np.float32)), np.ones((32, 1, 16, 16), np.float32)
    change = tried(lambda: lambda: np.sum(ab.conv2d(images, w)).backward(), laps=1)
    assert abs(change.off("nbytes")) < 0.05


def test_a_prediction_leaves_the_state_of_a_step_alone():
    step, network = training()
    row = row_of_calls(step)
    before = [p.numpy().copy() for p in network.parameters()]
    row()
    assert all(np.array_equal(p.numpy(), b) for p, b in zip(network.parameters(), before, strict=True))


def test_the_row_has_the_calls_of_the_program_and_no_views():
    w = ab.Variable(np.ones((64, 64), np.float32))
    row = row_of_calls(lambda: np.sum(np.tanh(np.reshape(w, (32, 128))).T))
    assert [call.fun.__name__ for call in row.calls] == ["tanh", "sum"]
    assert "out" in row.calls[0].params


def test_times_are_those_of_the_clock_and_of_runs_in_turns():
    clock = iter(range(10**6)).__next__
    change = compiling(lambda: np.sum(ab.Variable(np.ones(8)) * 2.0).backward(), lambda: float(clock()), laps=2)
    assert change.seconds == (1.0, 1.0, None) and change.off("seconds") is None


def test_a_change_says_how_far_off_it_was():
    change = Change("compile", "", "peak", (4.0, 2.0, 1.6), (100, 90, 100))
    assert change.off("seconds") == pytest.approx(0.25) and change.off("nbytes") == pytest.approx(-0.1)
    assert [row[-1] for row in change.table().rows] == ["+25 %", "-10 %"]
