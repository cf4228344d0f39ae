"""Convolution and pooling beside PyTorch's, where it is installed: values, first and second derivatives at random settings."""

import numpy as np
import pytest

import autograd_book as ab
from autograd_book.rules import convolution as c
from autograd_book.rules import pooling

torch = pytest.importorskip("torch")
torch.set_num_threads(1)
F = torch.nn.functional


def compare(ours, theirs, arrays):
    """Values, gradients, and gradients of the gradients' squares."""
    n = tuple(range(len(arrays)))
    weights = np.random.default_rng(1).uniform(0.5, 1.5, np.shape(ours(*arrays)))
    scalar = lambda *xs: np.sum(ours(*xs) ** 2 * weights)
    steepness = lambda *xs: sum(np.sum(g**2) for g in ab.grad(scalar, n)(*xs))
    tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
    z = theirs(*tensors)
    np.testing.assert_allclose(ours(*arrays), z.numpy(force=True), rtol=1e-9, atol=1e-9)
    first = torch.autograd.grad((z**2 * torch.tensor(weights)).sum(), tensors, create_graph=True)
    second = torch.autograd.grad(sum((g**2).sum() for g in first), tensors)
    for mine, mine2, one, two in zip(ab.grad(scalar, n)(*arrays), ab.grad(steepness, n)(*arrays), first, second, strict=True):
        np.testing.assert_allclose(mine, one.numpy(force=True), rtol=1e-8, atol=1e-8)
        np.testing.assert_allclose(mine2, two.numpy(force=True), rtol=1e-7, atol=1e-6)


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("n", [1, 2])
def test_convolutions(n, seed) -> None:
    rng = np.random.default_rng([seed, n])
    pick = lambda low, high: tuple(rng.integers(low, high, n).tolist())
    groups, ins, outs = (int(k) for k in rng.integers(1, 4, 3))
    sizes, stride, dilation = pick(1, 4), pick(1, 4), pick(1, 3)
    padding = ["same", "valid", pick(0, 3), int(rng.integers(0, 3))][rng.integers(4)]
    stride = 1 if padding == "same" else stride
    lengths = [d * (k - 1) + 1 + int(rng.integers(0, 5)) for k, d in zip(sizes, dilation, strict=True)]
    x = rng.normal(size=(int(rng.integers(1, 4)), ins * groups, *lengths))
    w, b = rng.normal(size=(outs * groups, ins, *sizes)), rng.normal(size=outs * groups)
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    ours, theirs = getattr(c, f"conv{n}d"), getattr(F, f"conv{n}d")
    compare(lambda *a: ours(*a, **options), lambda *a: theirs(*a, **options), [x, w, b])


@pytest.mark.parametrize("seed", range(15))
@pytest.mark.parametrize("name", ["max_pool1d", "max_pool2d", "avg_pool1d", "avg_pool2d"])
def test_pooling(name, seed) -> None:
    rng = np.random.default_rng(seed)
    n = int(name[-2])
    pick = lambda low, high: tuple(rng.integers(low, high, n).tolist())
    kernel, stride = pick(1, 4), pick(1, 4)
    padding = tuple(int(rng.integers(0, k // 2 + 1)) for k in kernel)
    x = rng.normal(size=(2, 2, *[k + int(rng.integers(0, 5)) for k in kernel]))
    ours, theirs = getattr(pooling, name), getattr(F, name)
    compare(lambda x: ours(x, kernel, stride, padding), lambda x: theirs(x, kernel, stride, padding), [x])
