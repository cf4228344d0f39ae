"""Any two of the book's tools, and all of them, around one step: what must not change the numbers does not."""

import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

import autograd_book as ab

sys.path.insert(0, str(Path(__file__).parents[2] / "book/_style"))
from together import changing, difference, models, silent, train_with

TOOLS = (*changing, *silent)
SETS = [*combinations(TOOLS, 1), *combinations(TOOLS, 2), TOOLS]


@pytest.mark.parametrize("policy", ["bits", "zlib", "disk"])
@pytest.mark.parametrize("model", models)
def test_tools_that_must_not_change_the_numbers_do_not_in_any_pair_and_all_at_once(model, policy, tmp_path):
    given = ab.memory.disk.OnDisk(tmp_path) if policy == "disk" else policy
    plain = {few: train_with(model, few) for count in range(3) for few in combinations(changing, count)}
    for names in SETS if policy == "bits" else [names for names in SETS if "policy" in names]:
        expected = plain[tuple(name for name in changing if name in names)]
        assert difference(train_with(model, names, given), expected) == 0.0, names


@pytest.mark.parametrize("policy", ["float16", "int8"])
@pytest.mark.parametrize("model", models)
def test_a_policy_that_rounds_gives_compiled_what_it_gives_eagerly(model, policy):
    # What two of them round one after the other may be packed in another dtype, and differ in the last digits.
    for names in [(), ("clip",), *[("precision",)] * (policy == "float16")]:
        eager = train_with(model, (*names, "policy"), policy)
        assert difference(train_with(model, (*names, "policy", "compile"), policy), eager) == 0.0, names


def test_the_comparison_sees_a_tool_that_changes_the_numbers():
    assert difference(train_with("perceptron", ()), train_with("perceptron", ("clip",))) > 0.0
    assert difference(train_with("perceptron", ()), train_with("perceptron", ("precision",))) > 0.0


def test_a_policy_of_a_users_own_that_keeps_what_it_is_given_is_compiled_right():
    w = np.random.default_rng(0).normal(size=(40, 40))
    f = ab.grad(lambda w: np.sum(ab.saved_values((lambda x: x, lambda x: x))(lambda w: np.tanh(np.tanh(w @ w) @ w))(w)))
    compiled = ab.compile(f, exact=True)
    for scale in (1.0, -1.0, 0.5):
        np.testing.assert_array_equal(compiled(scale * w), f(scale * w))


def test_a_profile_counts_a_step_in_mixed_precision():
    w = ab.Variable(np.ones((64, 64), np.float32))
    scaler, optimizer = ab.GradScaler(), ab.optim.SGD([w], lr=0.1)
    with ab.profile() as found:
        with ab.autocast():
            loss = np.mean(np.tanh(w @ w))
        scaler.scale(loss).backward()
        ab.clip_gradients([w], 1.0)
        scaler.step(optimizer)
    assert "matmul" in str(found.table())
