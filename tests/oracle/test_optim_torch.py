"""Optimisers and losses against PyTorch's, step by step; runs where PyTorch is installed."""

import numpy as np
import pytest

import autograd_book as ab

torch = pytest.importorskip("torch")

CASES = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1, "nesterov": True}),
    ("Adam", {}),
    ("Adam", {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-4, "weight_decay": 0.1}),
    ("AdamW", {}),
    ("AdamW", {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-4, "weight_decay": 0.3}),
]


@pytest.mark.parametrize(("name", "settings"), CASES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 2e-5)])
def test_forty_steps_agree_with_pytorch(name, settings, dtype, tolerance):
    rng = np.random.default_rng(0)
    start = [rng.normal(size=shape).astype(dtype) for shape in ((3, 4), (4,))]
    ours, theirs = [ab.Variable(a) for a in start], [torch.tensor(a, requires_grad=True) for a in start]
    one = getattr(ab.optim, name)(ours, **settings)
    other = getattr(torch.optim, name)(theirs, **settings)
    for i in range(40):
        for p, q in zip(ours, theirs, strict=True):
            g = rng.normal(size=p.shape).astype(dtype)
            skip = i % 7 == 3 and p.ndim == 1
            p.grad, q.grad = (None, None) if skip else (g, torch.tensor(g))
        one.step()
        other.step()
        for p, q in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(p.numpy(), q.detach().numpy(), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("scale", [1.0, 300.0])
def test_cross_entropy_and_its_gradient_agree_with_pytorch(scale):
    rng = np.random.default_rng(0)
    z, labels = scale * rng.normal(size=(7, 5)), rng.integers(0, 5, 7)
    value, gradient = ab.value_and_grad(ab.nn.cross_entropy)(z, labels)
    logits = torch.tensor(z, requires_grad=True)
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor(labels))
    loss.backward()
    np.testing.assert_allclose(value, loss.item(), rtol=1e-13)
    np.testing.assert_allclose(gradient, logits.grad.numpy(), rtol=1e-12, atol=1e-15)


def test_squared_error_agrees_with_pytorch():
    a, b = np.random.default_rng(0).normal(size=(2, 4, 3))
    assert ab.nn.mean_squared_error(a, b) == pytest.approx(torch.nn.functional.mse_loss(torch.tensor(a), torch.tensor(b)).item(), rel=1e-14)


def test_a_network_with_the_same_weights_agrees_with_pytorch():
    ours = ab.nn.Sequential(ab.nn.Linear(5, 8, rng=0, dtype=float), ab.nn.ReLU(), ab.nn.Linear(8, 3, rng=1, dtype=float))
    theirs = torch.nn.Sequential(torch.nn.Linear(5, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3)).double()
    theirs.load_state_dict({
        name.removeprefix("layers."): torch.tensor(a.T if a.ndim == 2 else a) for name, a in ours.state_dict().items()
    })
    x, labels = np.random.default_rng(2).normal(size=(6, 5)), [0, 1, 2, 2, 1, 0]
    mine = ab.nn.cross_entropy(ours(x), labels)
    mine.backward()
    other = torch.nn.functional.cross_entropy(theirs(torch.tensor(x)), torch.tensor(labels))
    other.backward()
    np.testing.assert_allclose(mine.item(), other.item(), rtol=1e-13)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        g = q.grad.numpy()
        np.testing.assert_allclose(p.grad.numpy(), g.T if g.ndim == 2 else g, rtol=1e-10, atol=1e-14)


def test_other_losses_and_options_agree_with_pytorch_in_value_and_slope():
    F = torch.nn.functional
    rng = np.random.default_rng(5)
    z, y = rng.normal(0, 3, (6, 4)), rng.uniform(size=(6, 4))
    p, labels = y / y.sum(axis=1, keepdims=True), np.array([0, 3, -1, 2, 2, -1])
    pairs = [
        (lambda z: ab.nn.binary_cross_entropy(z, y), lambda z: F.binary_cross_entropy_with_logits(z, torch.tensor(y))),
        (lambda z: ab.nn.huber(z, y, delta=0.5), lambda z: F.huber_loss(z, torch.tensor(y), delta=0.5)),
        (lambda z: ab.nn.kl_divergence(z, p), lambda z: F.kl_div(F.log_softmax(z, dim=1), torch.tensor(p), reduction="batchmean")),
        (lambda z: ab.nn.cross_entropy(z, labels, 0.2, -1), lambda z: F.cross_entropy(z, torch.tensor(labels), label_smoothing=0.2, ignore_index=-1)),
    ]
    for mine, theirs in pairs:
        tensor = torch.tensor(z, requires_grad=True)
        loss = theirs(tensor)
        loss.backward()
        value, slope = ab.value_and_grad(mine)(z)
        np.testing.assert_allclose(value, loss.item(), rtol=1e-12)
        np.testing.assert_allclose(slope, tensor.grad.numpy(), rtol=1e-10, atol=1e-14)
