"""Products and order statistics beside PyTorch, where it is installed: values, first and second derivatives."""

import numpy as np
import pytest
from casework import uniform

import autograd_book as ab
import autograd_book.rules.order

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

EINSUMS = [
    ("ij,jk->ik", [(2, 3), (3, 4)]),
    ("ii->", [(3, 3)]),
    ("ii->i", [(3, 3)]),
    ("ij->", [(2, 3)]),
    ("...i,...i", [(4, 2, 3), (3,)]),
    ("bij,bjk,bk->bi", [(2, 3, 2), (2, 2, 3), (2, 3)]),
    ("i,j,k->kji", [(2,), (3,), (4,)]),
]
PAIRS = {
    "dot": (np.dot, lambda x, y: torch.tensordot(x, y, ([2], [1])), (2, 3, 4), (5, 4, 3)),
    "inner": (np.inner, torch.inner, (2, 3), (4, 3)),
    "outer": (np.outer, torch.outer, (3,), (4,)),
    "kron": (np.kron, torch.kron, (2, 3), (3, 2)),
    "tensordot": (np.tensordot, torch.tensordot, (2, 3, 4), (3, 4, 5)),
    "cross": (np.cross, torch.linalg.cross, (4, 3), (1, 3)),
    "multi_dot": (lambda x, y: np.linalg.multi_dot([x, y, x]), lambda x, y: torch.linalg.multi_dot([x, y, x]), (2, 3), (3, 2)),
    "matrix_power": (
        lambda x, y: np.linalg.matrix_power(x, 5) * y,
        lambda x, y: torch.linalg.matrix_power(x, 5) * y,
        (2, 2),
        (2, 2),
    ),
}
ORDERS = {
    "sort": (lambda x: np.sort(x, 1), lambda t: torch.sort(t, dim=1).values),
    "quantile": (lambda x: np.quantile(x, 0.3, axis=1), lambda t: torch.quantile(t, 0.3, dim=1)),
    "quantiles": (
        lambda x: np.quantile(x, [0.1, 0.8], axis=0),
        lambda t: torch.quantile(t, torch.tensor([0.1, 0.8], dtype=torch.float64), dim=0),
    ),
    "midpoint": (
        lambda x: np.quantile(x, 0.3, method="midpoint"),
        lambda t: torch.quantile(t, 0.3, interpolation="midpoint"),
    ),
    "median": (lambda x: np.median(x, axis=1), lambda t: torch.quantile(t, 0.5, dim=1)),
    "nanquantile": (lambda x: np.nanquantile(x, 0.4, axis=0), lambda t: torch.nanquantile(t, 0.4, dim=0)),
}


def compare(f, g, arrays) -> None:
    """Value, gradients, and gradients of the gradients' sum of squares."""
    out = f(*arrays)
    weights = np.random.default_rng(1).uniform(0.5, 1.5, np.shape(out))
    n = tuple(range(len(arrays)))
    ours = lambda *xs: np.sum(np.square(f(*xs)) * weights)
    slope = lambda *xs: sum(np.sum(d * d) for d in ab.grad(ours, n)(*xs))
    ts = [torch.tensor(a, requires_grad=True) for a in arrays]
    np.testing.assert_allclose(out, g(*ts).detach().numpy(), rtol=1e-12, atol=1e-12)
    first = torch.autograd.grad(torch.sum(torch.square(g(*ts)) * torch.tensor(weights)), ts, create_graph=True)
    second = torch.autograd.grad(sum(torch.sum(d * d) for d in first), ts)
    for mine, theirs in zip(ab.grad(ours, n)(*arrays), first, strict=True):
        np.testing.assert_allclose(mine, theirs.detach().numpy(), rtol=1e-9, atol=1e-10)
    for mine, theirs in zip(ab.grad(slope, n)(*arrays), second, strict=True):
        np.testing.assert_allclose(mine, theirs.numpy(), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize(("text", "shapes"), EINSUMS, ids=str)
def test_einsum_agrees_with_pytorch(text, shapes) -> None:
    theirs = lambda *ts: torch.einsum(text if "->" in text else f"{text}->...", *ts)
    compare(lambda *xs: np.einsum(text, *xs), theirs, [uniform(s, seed=i) for i, s in enumerate(shapes)])


@pytest.mark.parametrize("name", PAIRS)
def test_products_agree_with_pytorch(name) -> None:
    f, g, x, y = PAIRS[name]
    compare(f, g, [uniform(x), uniform(y, seed=1)])


@pytest.mark.parametrize("name", ORDERS)
def test_order_statistics_agree_with_pytorch(name) -> None:
    f, g = ORDERS[name]
    compare(f, g, [uniform((3, 5))])


def test_complex_gradients_agree_with_pytorch() -> None:
    z, w = (uniform((2, 3), seed=i) + 1j * uniform((2, 3), seed=i + 5) for i in (0, 1))
    t, u = (torch.tensor(a, requires_grad=True) for a in (z, w))
    mine = ab.grad(lambda z, w: np.sum(np.abs(np.einsum("ij,kj->ik", z, w)) ** 2), (0, 1))(z, w)
    theirs = torch.autograd.grad(torch.sum(torch.abs(torch.einsum("ij,kj->ik", t, u)) ** 2), (t, u))
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(a, b.numpy(), rtol=1e-10)
