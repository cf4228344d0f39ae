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
    ("Adagrad", {"lr": 0.1, "weight_decay": 0.1}),
    ("RMSprop", {}),
    ("RMSprop", {"lr": 0.05, "alpha": 0.9, "momentum": 0.8, "weight_decay": 0.1}),
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


SCHEDULES = [
    (lambda r: ab.optim.stepwise(r, 7, 0.3), lambda o: torch.optim.lr_scheduler.StepLR(o, 7, 0.3)),
    (lambda r: ab.optim.cosine(r, 40, final=0.01), lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 40, 0.01)),
    (lambda r: ab.optim.one_cycle(r, 40), lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 0.5, 40, cycle_momentum=False)),
]


@pytest.mark.parametrize("which", range(3))
def test_rates_are_those_of_pytorchs_schedulers(which):
    mine, theirs = SCHEDULES[which]
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
    schedule, rate = theirs(optimizer), mine(0.5)
    for step in range(40):
        assert optimizer.param_groups[0]["lr"] == pytest.approx(rate(step), rel=1e-9, abs=1e-12), step
        optimizer.step()
        if step < 39:
            schedule.step()


def test_a_plateau_is_pytorchs():
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=3)
    mine = ab.optim.Plateau(1.0, factor=0.5, patience=3)
    rng = np.random.default_rng(0)
    for loss in np.abs(np.cumsum(rng.normal(size=60))) + 0.1:
        theirs.step(loss)
        assert mine(loss) == pytest.approx(optimizer.param_groups[0]["lr"])


def test_a_moving_average_is_pytorchs():
    model = torch.nn.Linear(2, 1)
    theirs = torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9))
    w = ab.Variable(model.weight.detach().numpy().copy())
    mine = ab.optim.MovingAverage([w], decay=0.9)
    for step in range(10):
        theirs.update_parameters(model)
        mine.update()
        with torch.no_grad():
            model.weight.add_(0.1 * step)
        w.data = model.weight.detach().numpy().copy()
    np.testing.assert_allclose(mine.means[0], theirs.module.weight.detach().numpy(), rtol=1e-6)
