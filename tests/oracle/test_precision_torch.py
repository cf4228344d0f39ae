"""Mixed precision against PyTorch's autocast on the CPU; runs where PyTorch is installed."""

import numpy as np
import pytest

import autograd_book as ab
from autograd_book.rules.softmax import softmax
from autograd_book.stability.formats import half_format, round_to, to_half
from autograd_book.stability.precision import autocast

torch = pytest.importorskip("torch")

FORMATS = {"float16": (torch.float16, 2.0**-10), "bfloat16": (torch.bfloat16, 2.0**-7)}
both_formats = pytest.mark.parametrize("name", FORMATS)


def format_of(name):
    if name == "bfloat16":
        pytest.importorskip("ml_dtypes")
    return half_format(name)


def normal(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).normal(size=shape).astype(np.float32)


def bits(tensor):
    return tensor.view(torch.int16).numpy().view(np.uint16)


@both_formats
def test_rounding_has_the_same_bits(name):
    patterns = np.random.default_rng(0).integers(0, 1 << 32, 1 << 17, dtype=np.uint32)
    halfway = (np.arange(1 << 16, dtype=np.uint32) << 16) + np.uint32(0x8000)
    x = np.concatenate([patterns, halfway]).view(np.float32)
    x = x[~np.isnan(x)]
    found = round_to(x, format_of(name))
    np.testing.assert_array_equal(found.view(np.uint16), bits(torch.from_numpy(x).to(FORMATS[name][0])))
    if name == "float16":
        np.testing.assert_array_equal(to_half(x).view(np.uint16), found.view(np.uint16))


def perceptron(lib):
    """A linear layer, a ReLU, and a linear layer; a loss in single precision."""

    def loss(x, w1, b1, w2, b2):
        hidden = lib.relu(lib.linear(x, w1, b1))
        out = lib.linear(hidden, w2, b2)
        return {"hidden": hidden, "out": out}, lib.total(lib.square(lib.single(out)))

    return loss, [normal(16, 12), normal(12, 24, seed=1), normal(24, seed=2), normal(24, 5, seed=3), normal(5, seed=4)]


def attention(lib):
    """Attention of one head: products low, softmax in single precision."""

    def loss(x, query, key, value):
        q, k, v = lib.product(x, query), lib.product(x, key), lib.product(x, value)
        scores = lib.product(q, lib.swapped(k))
        weights = lib.softmax(lib.single(scores) * 0.25)
        means = lib.product(weights, v)
        return {"scores": scores, "means": means}, lib.total(lib.square(lib.single(means)))

    return loss, [normal(3, 10, 16) / 2, *(normal(16, 16, seed=s) / 4 for s in (1, 2, 3))]


class Ours:
    relu = staticmethod(ab.relu)
    linear = staticmethod(lambda x, w, b: x @ w + b)
    single = staticmethod(lambda x: x.astype(np.float32))
    square, total, product = map(staticmethod, (np.square, np.sum, np.matmul))
    swapped = staticmethod(lambda x: np.swapaxes(x, -1, -2))
    softmax = staticmethod(softmax)


class Theirs:
    relu = staticmethod(torch.relu)
    linear = staticmethod(lambda x, w, b: torch.matmul(x, w) + b)
    single = staticmethod(lambda x: x.float())
    square, total, product = map(staticmethod, (torch.square, torch.sum, torch.matmul))
    swapped = staticmethod(lambda x: x.transpose(-1, -2))
    softmax = staticmethod(lambda x: torch.softmax(x, -1))


def both(network, name):
    """Values by name and gradients, of ours and of theirs, in single precision, with the dtypes of the values."""
    loss, arrays = network(Ours)
    ours = [ab.Variable(a) for a in arrays]
    with autocast(format_of(name)):
        values, end = loss(*ours)
    end.backward()
    kinds = {k: v.dtype.name for k, v in values.items()}
    found = {k: v.numpy().astype(np.float32) for k, v in values.items()} | {"loss": end.numpy()}
    loss, arrays = network(Theirs)
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    with torch.autocast("cpu", FORMATS[name][0]):
        values, end = loss(*theirs)
    end.backward()
    expected = {k: v.detach().float().numpy() for k, v in values.items()} | {"loss": end.detach().numpy()}
    their_kinds = {k: str(v.dtype).removeprefix("torch.") for k, v in values.items()}
    return (found, [v.grad.numpy() for v in ours], kinds), (expected, [t.grad.numpy() for t in theirs], their_kinds)


@both_formats
@pytest.mark.parametrize("network", [perceptron, attention])
def test_values_and_gradients_agree_within_roundings(network, name):
    (found, gradients, kinds), (expected, their_gradients, their_kinds) = both(network, name)
    if network is attention:  # the products alone are low on both sides; adding a bias is part of torch's own linear
        assert kinds == their_kinds == dict.fromkeys(kinds, name)
    eps = FORMATS[name][1]
    for key, value in expected.items():
        np.testing.assert_allclose(found[key], value, rtol=0, atol=2 * eps * np.max(np.abs(value)), err_msg=key)
    for g, theirs in zip(gradients, their_gradients, strict=True):
        assert g.dtype == theirs.dtype == np.float32
        np.testing.assert_allclose(g, theirs, rtol=0, atol=4 * eps * np.max(np.abs(theirs)))


@both_formats
def test_one_product_and_its_gradients_have_the_same_bits(name):
    """Small whole numbers: every sum is exact in single precision, in any order."""
    rng = np.random.default_rng(0)
    x, w = [rng.integers(-9, 10, shape).astype(np.float32) for shape in ((8, 32), (32, 6))]
    x[0], w[:, 0] = 0.1, 1 / 3  # not in the format: rounded first
    ours = [ab.Variable(a) for a in (x, w)]
    theirs = [torch.tensor(a, requires_grad=True) for a in (x, w)]
    with autocast(format_of(name)):
        out = np.matmul(*ours)
    with torch.autocast("cpu", FORMATS[name][0]):
        expected = torch.matmul(*theirs)
    exact = np.s_[1:, 1:]
    np.testing.assert_array_equal(out.numpy().view(np.uint16)[exact], bits(expected.detach())[exact])
    g = rng.integers(-3, 4, out.shape).astype(np.float32)
    out.backward(round_to(g, format_of(name)))
    expected.backward(torch.from_numpy(g).to(FORMATS[name][0]))
    np.testing.assert_allclose(ours[0].grad.numpy(), theirs[0].grad.numpy(), rtol=FORMATS[name][1])
    np.testing.assert_allclose(ours[1].grad.numpy()[:, 1:], theirs[1].grad.numpy()[:, 1:], rtol=FORMATS[name][1])


@both_formats
def test_cotangents_underflow_where_torchs_do(name):
    x, w = np.ones((2, 3), np.float32), np.ones((3, 2), np.float32)
    for k in (-20, -24, -25, -26, -140):
        scale = np.float32(2.0**k)
        ours, theirs = ab.Variable(w), torch.tensor(w, requires_grad=True)
        with autocast(format_of(name)):
            np.sum((x @ ours).astype(np.float32) * scale).backward()
        with torch.autocast("cpu", FORMATS[name][0]):
            loss = (torch.matmul(torch.from_numpy(x), theirs).float() * torch.tensor(scale)).sum()
        loss.backward()
        np.testing.assert_array_equal(ours.grad.numpy(), theirs.grad.numpy())
