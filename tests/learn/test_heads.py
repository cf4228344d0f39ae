"""Attention of one sequence to itself or to another, past what has been filled up."""

import numpy as np
import pytest

import autograd_book as ab
from autograd_book import nn
from autograd_book.learn.attention import CausalSelfAttention

RNG = np.random.default_rng(0)
X, OTHER = RNG.normal(size=(2, 4, 6)), RNG.normal(size=(2, 5, 6))
FILLED = np.array([[False] * 4, [False, False, True, True]])


def made(dtype=float, **options):
    layer, rng = nn.MultiHeadAttention(6, 2, rng=0, dtype=dtype, **options), np.random.default_rng(1)
    for p in layer.parameters():
        p.data = rng.normal(size=p.shape).astype(dtype)
    return layer


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_what_stands_in_filled_places_matters_to_nothing(causal, dtype):
    layer, changed = made(dtype, causal=causal), X.astype(dtype)
    before = layer(changed.copy(), padding=FILLED).numpy()
    changed[1, 2:] = 5
    after = layer(changed, padding=FILLED).numpy()
    assert before.dtype == dtype and np.isfinite(before).all()
    np.testing.assert_array_equal(before[0], after[0])
    np.testing.assert_array_equal(before[1, :2], after[1, :2])


@pytest.mark.parametrize("causal", [False, True])
def test_slopes_of_attention_are_those_of_differences(causal):
    layer = made(causal=causal)
    names, values = zip(*layer.state_dict().items(), strict=True)
    call = lambda x, *v: ab.functional_call(layer, dict(zip(names, v, strict=True)), x, padding=FILLED)
    ab.check_gradients(lambda *given: np.sum(call(*given) ** 2), X, *values)
    if not causal:
        ab.check_gradients(lambda x, y: np.sum(layer(x, y) ** 2), X, OTHER)


def test_a_causal_layer_is_causal_self_attention():
    one, two = nn.MultiHeadAttention(6, 2, causal=True, rng=0, dtype=float), CausalSelfAttention(6, 2, rng=0, dtype=float)
    np.testing.assert_allclose(one(X).numpy(), two(X).numpy(), rtol=1e-12)


def test_attention_is_the_same_computed_again_and_learns_the_same_compiled():
    layer = made(np.float32)
    call = lambda x: layer(x, padding=FILLED)
    slopes = []
    for run in (call, ab.checkpoint(call)):
        given = ab.Variable(X.astype(np.float32))
        np.sum(run(given) ** 2).backward()
        slopes.append(given.grad.numpy())
    np.testing.assert_array_equal(*slopes)

    def trained(around):
        network = made(np.float32)
        optimizer = ab.optim.SGD(network.parameters(), lr=0.01)  # a bias of keys has slopes of rounding alone, which Adam would make large

        def step(x):
            optimizer.zero_grad()
            loss = np.mean(network(x, padding=FILLED) ** 2)
            loss.backward()
            optimizer.step()
            return loss

        step = around(step)
        for _ in range(3):
            step(X.astype(np.float32))
        return network.state_dict()

    eager, compiled = trained(lambda f: f), trained(ab.compile)
    for name, value in eager.items():
        np.testing.assert_allclose(compiled[name], value, rtol=1e-5, atol=1e-6, err_msg=name)


@pytest.mark.parametrize(("options", "given", "padding", "kind", "text"), [
    ({}, (X,), FILLED.astype(int), TypeError, "truth values"),
    ({}, (X,), FILLED[:, :3], ValueError, r"padding of shape \(2, 3\)"),
    ({}, (X,), np.array([[False] * 4, [True] * 4]), ValueError, "no place to look at"),
    ({"causal": True}, (X,), FILLED[:, ::-1], ValueError, "behind the words"),
    ({"causal": True}, (X, OTHER), None, ValueError, "two sequences"),
    ({}, (X, OTHER[:1]), None, ValueError, "as many"),
    ({}, (X, OTHER[..., :3]), None, ValueError, "MultiHeadAttention"),
    ({}, (X[:, :0],), None, ValueError, "no step"),
])
def test_what_cannot_be_attended_to_is_refused(options, given, padding, kind, text):
    with pytest.raises(kind, match=text):
        made(**options)(*given, padding=padding)
