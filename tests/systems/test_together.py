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
    # What two of them round one after the other may be packed in another dtype: the run's bound is below.
    for names in [(), ("clip",), *[("precision",)] * (policy == "float16")]:
        eager = train_with(model, (*names, "policy"), policy)
        assert difference(train_with(model, (*names, "policy", "compile"), policy), eager) == 0.0, names


@pytest.mark.parametrize("policy", ["float16", "int8"])
@pytest.mark.parametrize("model", models)
def test_beside_a_policy_that_rounds_a_profile_only_looks_and_a_checkpoint_leaves_nothing_to_round(model, policy):
    alone, plain = train_with(model, ("policy",), policy), train_with(model, ())
    assert difference(train_with(model, ("profile", "policy"), policy), alone) == 0.0
    assert difference(train_with(model, ("checkpoint", "policy"), policy), plain) == 0.0


@pytest.mark.parametrize("policy", ["int8"])
def test_rounded_twice_and_compiled_a_run_stays_within_the_reach_of_adam(policy):
    eager = train_with("transformer", ("precision", "policy"), policy)[1]
    fast = train_with("transformer", ("precision", "policy", "compile"), policy)[1]
    reach = 0.0
    for t in range(1, 5):
        mean, square = (decay ** np.arange(t) / (decay ** np.arange(t)).sum() for decay in (0.9, 0.999))
        reach += 2e-3 * np.sqrt((mean**2 / square).sum())
    assert reach < 0.0082
    assert max(float(np.abs(a - b).max()) for a, b in zip(eager, fast, strict=True)) <= 1.01 * reach


@pytest.mark.parametrize("policy", ["float16", "int8"])
def test_a_layers_gradient_is_off_by_no_more_than_its_rounded_input_allows(policy):
    rng = np.random.default_rng(0)
    x, w, g = (rng.normal(size=shape).astype(np.float32) for shape in ((128, 64), (64, 32), (128, 32)))
    hidden = lambda x, w: np.sum((x * 1.5 @ w) * g)  # what is computed is packed; a leaf is not
    exact = ab.grad(hidden, argnums=(0, 1))(x, w)[1]
    rounded = ab.grad(ab.saved_values(policy)(hidden), argnums=(0, 1))(x, w)[1]
    most = 2.0**-11 * np.abs(1.5 * x) if policy == "float16" else np.full(x.shape, 1.5 * np.abs(x).max() / 254)
    off = np.abs(np.asarray(rounded) - np.asarray(exact))
    assert off.max() > 0.0 and np.all(off <= most.T @ np.abs(g) + 1e-4)


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
