"""Decompositions in PyTorch, where it is installed: values and gradients of real and complex matrices."""

import numpy as np
import pytest
from cases.factorizations import numbers, regular

import autograd_book as ab

torch = pytest.importorskip("torch")
torch.set_num_threads(1)
la, tla = np.linalg, torch.linalg

PAIRS = {
    "inv": (la.inv, tla.inv),
    "det": (la.det, tla.det),
    "slogdet": (lambda a: la.slogdet(a)[1], lambda a: tla.slogdet(a)[1]),
    "sign": (lambda a: la.slogdet(a)[0] * la.slogdet(a)[1], lambda a: tla.slogdet(a)[0] * tla.slogdet(a)[1]),
    "cholesky": (lambda a: la.cholesky(a @ a.T.conj() + np.eye(3)), lambda a: tla.cholesky(a @ a.mH + torch.eye(3))),
    "eigvalsh": (lambda a: la.eigvalsh(a + a.T.conj()), lambda a: tla.eigvalsh(a + a.mH)),
    "eigvalsh of a triangle": (la.eigvalsh, lambda a: tla.eigvalsh(a.tril() + a.tril(-1).mH)),
    "eigvalsh of the upper triangle": (lambda a: la.eigvalsh(a, "U"), lambda a: tla.eigvalsh(a.triu() + a.triu(1).mH)),
    "eigh": (lambda a: np.abs(la.eigh(a)[1]), lambda a: torch.abs(tla.eigh(a.tril() + a.tril(-1).mH)[1])),
    "eigvals": (lambda a: np.abs(la.eigvals(a)), lambda a: torch.abs(tla.eigvals(a))),
    "eig": (lambda a: np.abs(la.eig(a)[1]), lambda a: torch.abs(tla.eig(a)[1])),
    "svdvals": (lambda a: la.svd(a, compute_uv=False), tla.svdvals),
    "pinv": (la.pinv, tla.pinv),
    "qr": (lambda a: la.qr(a)[0], lambda a: tla.qr(a)[0]),
    "qr r": (lambda a: la.qr(a)[1], lambda a: tla.qr(a)[1]),
    "nuclear": (lambda a: la.norm(a, "nuc"), lambda a: tla.norm(a, "nuc")),
    "spectral": (lambda a: la.norm(a, 2), lambda a: tla.norm(a, 2)),
    "columns": (lambda a: la.norm(a, 1), lambda a: tla.norm(a, 1)),
    "cond": (la.cond, tla.cond),
    "norm 3": (lambda a: la.norm(a, 3, axis=1), lambda a: tla.vector_norm(a, 3, dim=1)),
}


def expect_same(f, g, *arrays):
    """Values and gradients of a weighted sum agree."""
    weights = np.random.default_rng(1).uniform(0.5, 1.5, np.shape(f(*arrays)))
    tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
    out = torch.sum((g(*tensors) * torch.tensor(weights)).real)
    ours = lambda *xs: np.sum(np.real(f(*xs) * weights))
    np.testing.assert_allclose(ours(*arrays), out.item(), rtol=1e-9)
    found = ab.grad(ours, tuple(range(len(arrays))))(*arrays)
    for mine, theirs in zip(found, torch.autograd.grad(out, tensors), strict=True):
        np.testing.assert_allclose(mine, theirs.numpy(), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("kind", ["real", "complex"])
@pytest.mark.parametrize("name", PAIRS)
def test_gradients_of_matrices_are_those_of_pytorch(name, kind) -> None:
    expect_same(*PAIRS[name], regular((3, 3), kind))


@pytest.mark.parametrize("kind", ["real", "complex"])
@pytest.mark.parametrize("shape", [(4, 2), (2, 4)])
@pytest.mark.parametrize("name", ["svdvals", "pinv", "qr", "qr r", "nuclear"])
def test_gradients_of_oblong_matrices_are_those_of_pytorch(name, shape, kind) -> None:
    expect_same(*PAIRS[name], regular(shape, kind))


@pytest.mark.parametrize("kind", ["real", "complex"])
def test_gradients_of_systems_are_those_of_pytorch(kind) -> None:
    args = regular((2, 3, 3), kind), numbers((2, 3, 2), 3, kind)
    expect_same(la.solve, tla.solve, *args)
    tall = regular((4, 2), kind), numbers((4, 3), 3, kind)
    expect_same(lambda a, b: la.lstsq(a, b, rcond=None)[0], lambda a, b: tla.lstsq(a, b)[0], *tall)


def test_norms_of_zero_have_the_gradient_of_pytorch() -> None:
    expect_same(la.norm, tla.norm, np.zeros(3))
