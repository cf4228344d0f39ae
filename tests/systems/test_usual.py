"""The usual figures, as far as they are bytes and counts."""

import numpy as np
import pytest

import autograd_book as ab
from autograd_book.learn.sequence import Transformer, next_token_loss
from autograd_book.speed.work import count_work
from autograd_book.systems.tradeoffs import precision_trades

TEXT = np.random.default_rng(0).integers(0, 64, (8, 65))


def network(width):
    return Transformer(words=64, width=width, heads=4, blocks=2, context=64)


def test_adam_in_single_precision_takes_sixteen_bytes_for_each_parameter():
    model = network(64)
    optimizer = ab.optim.AdamW(model.parameters(), lr=1e-3)
    with ab.memory_profile(model, optimizer) as profile:
        optimizer.zero_grad()
        next_token_loss(model, TEXT).backward()
        optimizer.step()
    size = sum(p.size for p in model.parameters())
    states = [int(profile.timeline[name].max()) for name in ("parameter", "gradient", "optimizer state")]
    assert states[:2] == [4 * size, 4 * size]
    assert 8 * size <= states[2] < 8.01 * size
    assert profile.peak > 2 * sum(states)


def test_halves_save_no_more_than_half_of_the_saved_values_and_less_of_the_peak():
    model = network(64)
    single, mixed = precision_trades(lambda: next_token_loss(model, TEXT), ("fp32", "mixed"), rounds=1).rows
    assert 0.5 * single.saved <= mixed.saved < 0.62 * single.saved
    assert mixed.peak / single.peak > mixed.saved / single.saved


@pytest.mark.parametrize("width, six", [(32, 6.94), (256, 6.12)])
def test_operations_for_each_token_and_parameter_come_down_to_six_in_wide_networks(width, six):
    model = network(width)
    with count_work() as counts:
        next_token_loss(model, TEXT).backward()
    by_phase = {phase: sum(work.flops for (_, p), (_, work) in counts.items() if p == phase) for phase in ("forward", "backward")}
    size = sum(p.size for p in model.parameters())
    assert 1.9 < by_phase["backward"] / by_phase["forward"] < 2.01
    assert sum(by_phase.values()) / TEXT[:, 1:].size / size == pytest.approx(six, abs=0.01)
