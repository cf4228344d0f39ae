"""Reductions and scans in PyTorch, where it is installed: first and second derivatives, zeros and ties."""

import numpy as np
import pytest
from casework import uniform

import autograd_book as ab

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

X, ZEROS = uniform((3, 4)), np.array([[2.0, 0.0, 5.0, 3.0], [2.0, 0.0, 0.0, 3.0], [0.0, 0.0, 1.0, 0.0]])
PAIRS = {
    "prod": (lambda x: np.prod(x, axis=1), lambda t: torch.prod(t, 1)),
    "prod of all": (np.prod, torch.prod),
    "cumprod": (lambda x: np.cumprod(x, axis=1), lambda t: torch.cumprod(t, 1)),
    "cumsum": (lambda x: np.cumsum(x, axis=0), lambda t: torch.cumsum(t, 0)),
    "var": (lambda x: np.var(x, axis=0, ddof=1), lambda t: torch.var(t, 0, correction=1)),
    "cummax": (lambda x: np.maximum.accumulate(x, axis=1), lambda t: torch.cummax(t, 1).values),
    "diff": (lambda x: np.diff(x, 2, 1), lambda t: torch.diff(t, 2, 1)),
    "gradient": (lambda x: np.gradient(x, 0.5, axis=1), lambda t: torch.gradient(t, spacing=0.5, dim=1)[0]),
    "trapezoid": (lambda x: np.sum(x[:, 1:] + x[:, :-1], axis=1) / 2, lambda t: torch.trapezoid(t, dim=1)),
    "cov": (np.cov, torch.cov),
    "corrcoef": (np.corrcoef, torch.corrcoef),
    "nansum": (np.nansum, torch.nansum),
    "logsumexp": (lambda x: ab.logsumexp(x, axis=0), lambda t: torch.logsumexp(t, 0)),
}


@pytest.mark.parametrize("points", [X, ZEROS], ids=["uniform", "zeros and ties"])
@pytest.mark.parametrize("name", PAIRS)
def test_slopes_and_their_slopes_agree_with_pytorch(name, points) -> None:
    f, g = PAIRS[name]
    weights = np.random.default_rng(0).uniform(0.5, 1.5, np.shape(f(points)))
    ours = lambda x: np.sum(np.sin(f(x)) * weights)
    slope = lambda x: np.sum(ab.grad(ours)(x) * X)
    t = torch.tensor(points, requires_grad=True)
    out = torch.sum(torch.sin(g(t)) * torch.tensor(weights))
    (first,) = torch.autograd.grad(out, t, create_graph=True)
    (second,) = torch.autograd.grad(torch.sum(first * torch.tensor(X)), t)
    np.testing.assert_allclose(ab.grad(ours)(points), first.detach().numpy(), rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(ab.grad(slope)(points), second.numpy(), rtol=1e-8, atol=1e-8)
