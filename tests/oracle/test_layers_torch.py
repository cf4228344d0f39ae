"""Layers for images beside PyTorch's, with the same weights: values, and gradients by inputs and all parameters."""

import numpy as np
import pytest

import autograd_book as ab
from autograd_book import nn

torch = pytest.importorskip("torch")
torch.set_num_threads(1)
RNG = np.random.default_rng(0)
IMAGES, SOUND, ROWS = RNG.normal(size=(3, 2, 7, 6)), RNG.normal(size=(3, 4, 8)), RNG.normal(size=(3, 4))
PAIRS = {
    "Conv1d": (lambda: nn.Conv1d(4, 6, 3, stride=2, padding=1, groups=2, dtype=float), lambda: torch.nn.Conv1d(4, 6, 3, 2, 1, groups=2), SOUND),
    "Conv2d": (lambda: nn.Conv2d(2, 3, (3, 2), dilation=2, dtype=float), lambda: torch.nn.Conv2d(2, 3, (3, 2), dilation=2), IMAGES),
    "MaxPool1d": (lambda: nn.MaxPool1d(3, 2, 1), lambda: torch.nn.MaxPool1d(3, 2, 1), SOUND),
    "MaxPool2d": (lambda: nn.MaxPool2d(2), lambda: torch.nn.MaxPool2d(2), IMAGES),
    "AvgPool1d": (lambda: nn.AvgPool1d(2), lambda: torch.nn.AvgPool1d(2), SOUND),
    "AvgPool2d": (lambda: nn.AvgPool2d(3, 1, 1), lambda: torch.nn.AvgPool2d(3, 1, 1), IMAGES),
    "Flatten": (nn.Flatten, torch.nn.Flatten, IMAGES),
    "RMSNorm": (lambda: nn.RMSNorm(4, dtype=float), lambda: torch.nn.RMSNorm(4, eps=1e-5), ROWS),
    "LayerNorm": (lambda: nn.LayerNorm(4, dtype=float), lambda: torch.nn.LayerNorm(4), ROWS),
    "GELU": (nn.GELU, lambda: torch.nn.GELU(approximate="tanh"), ROWS),
    "Softmax": (nn.Softmax, lambda: torch.nn.Softmax(dim=-1), ROWS),
    "LogSoftmax": (nn.LogSoftmax, lambda: torch.nn.LogSoftmax(dim=-1), ROWS),
    **{name: (getattr(nn, name), getattr(torch.nn, name), ROWS) for name in ("ReLU", "Tanh", "Sigmoid", "SiLU", "Softplus")},
}


@pytest.mark.parametrize("name", PAIRS)
def test_a_layer_agrees_with_pytorchs_in_value_and_slopes(name):
    ours, theirs, x = PAIRS[name]
    mine, other = ours(), theirs().double()
    state = {key: RNG.normal(size=p.shape) for key, p in mine.named_parameters()}
    mine.load_state_dict(state)
    other.load_state_dict({key: torch.tensor(value) for key, value in state.items()})
    given, tensor = ab.Variable(x), torch.tensor(x, requires_grad=True)
    out, expected = mine(given), other(tensor)
    np.testing.assert_allclose(out.numpy(), expected.detach().numpy(), rtol=1e-10, atol=1e-12)
    weights = RNG.normal(size=out.shape)
    (out * weights).sum().backward()
    (expected * torch.tensor(weights)).sum().backward()
    for a, b in zip([given, *mine.parameters()], [tensor, *other.parameters()], strict=True):
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-9, atol=1e-11)


NORMS = {"BatchNorm1d": [(6, 3), (4, 3, 5)], "BatchNorm2d": [(4, 3, 5, 2)]}


@pytest.mark.parametrize(("name", "shape"), [(name, shape) for name, shapes in NORMS.items() for shape in shapes])
def test_a_batch_norm_agrees_with_pytorchs_while_learning_and_afterwards(name, shape):
    mine, other = getattr(nn, name)(3, momentum=0.3, dtype=float), getattr(torch.nn, name)(3, momentum=0.3).double()
    state = {key: RNG.uniform(0.5, 2, size=value.shape) for key, value in mine.state_dict().items()}
    mine.load_state_dict(state)
    other.load_state_dict({key: torch.tensor(value) for key, value in state.items()}, strict=False)
    for learning in (True, True, False):
        mine.train(learning), other.train(learning)
        x, weights = RNG.normal(2, 3, size=shape), RNG.normal(size=shape)
        given, tensor = ab.Variable(x), torch.tensor(x, requires_grad=True)
        mine.zero_grad(), other.zero_grad()
        out, expected = mine(given), other(tensor)
        (out * weights).sum().backward()
        (expected * torch.tensor(weights)).sum().backward()
        np.testing.assert_allclose(out.numpy(), expected.detach().numpy(), rtol=1e-10, atol=1e-12)
        for a, b in zip([given, *mine.parameters()], [tensor, *other.parameters()], strict=True):
            np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-9, atol=1e-11)
        for key in ("running_mean", "running_var"):
            np.testing.assert_allclose(getattr(mine, key), getattr(other, key).numpy(), rtol=1e-12)


def test_dropout_has_pytorchs_share_of_zeros_and_its_factor():
    x = np.ones(100_000, np.float32)
    for p in (0.1, 0.5):
        mine, other = nn.Dropout(p, rng=0)(x), torch.nn.Dropout(p)(torch.tensor(x)).numpy()
        assert np.unique(mine).tolist() == np.unique(other).tolist()
        assert abs((mine == 0).mean() - (other == 0).mean()) < 0.01


@pytest.mark.parametrize("causal", [False, True])
def test_attention_of_many_heads_agrees_with_pytorchs(causal):
    mine, other = nn.MultiHeadAttention(6, 2, causal=causal, dtype=float), torch.nn.MultiheadAttention(6, 2, batch_first=True, dtype=torch.float64)
    mine.load_state_dict({key: RNG.normal(size=p.shape) for key, p in mine.named_parameters()})
    inner, join = [mine.query, mine.key, mine.value], mine.join
    other.load_state_dict({key: torch.tensor(value) for key, value in {
        "in_proj_weight": np.vstack([part.weight.numpy().T for part in inner]), "in_proj_bias": np.hstack([part.bias.numpy() for part in inner]),
        "out_proj.weight": join.weight.numpy().T.copy(), "out_proj.bias": join.bias.numpy()}.items()})
    x, source = RNG.normal(size=(2, 4, 6)), RNG.normal(size=(2, 5, 6))
    source, filled = (x, np.arange(4) >= [[4], [2]]) if causal else (source, np.arange(5) >= [[5], [3]])
    given, tensor, far = ab.Variable(x), torch.tensor(x, requires_grad=True), torch.tensor(source)
    out = mine(given, padding=filled) if causal else mine(given, source, padding=filled)
    ahead = torch.tensor(np.triu(np.ones((4, 4), bool), 1)) if causal else None
    far = tensor if causal else far
    expected, _ = other(tensor, far, far, key_padding_mask=torch.tensor(filled), attn_mask=ahead)
    np.testing.assert_allclose(out.numpy(), expected.detach().numpy(), rtol=1e-10, atol=1e-12)
    weights = RNG.normal(size=out.shape)
    (out * weights).sum().backward()
    (expected * torch.tensor(weights)).sum().backward()
    np.testing.assert_allclose(given.grad.numpy(), tensor.grad.numpy(), rtol=1e-9, atol=1e-11)
    slopes = np.vstack([part.weight.grad.numpy().T for part in inner])
    np.testing.assert_allclose(slopes, other.in_proj_weight.grad.numpy(), rtol=1e-9, atol=1e-11)
