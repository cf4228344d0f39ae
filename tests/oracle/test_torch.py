"""The same programs in PyTorch, where it is installed: values, first and second derivatives."""

import numpy as np
import pytest
from cases.elementwise import DOMAINS, function_of
from cases.linear import PRODUCTS
from casework import BINARY_SHAPES, UNARY_SHAPES, uniform
from hypothesis import given
from programs import execute, points, programs, seeds

import autograd_book as ab

torch = pytest.importorskip("torch")
torch.set_num_threads(1)


class TorchNumPy:
    """PyTorch under NumPy's names, as far as the programs need."""

    def __getattr__(self, name):
        return getattr(torch, name)

    zeros = staticmethod(lambda shape: torch.zeros(shape, dtype=torch.float64))
    stack = staticmethod(torch.stack)
    concatenate = staticmethod(lambda parts, axis: torch.cat(parts, dim=axis))


NAMES = {"absolute": "abs", "fabs": "abs", "power": "pow"}


def theirs(name):
    if name == "cbrt":
        return lambda x: torch.pow(x, 1 / 3)
    return getattr(torch, NAMES.get(name, name))


def tensors(arrays):
    return [torch.tensor(a, requires_grad=True) for a in arrays]


def compare(f, g, arrays, rtol=1e-9, atol=1e-10):
    """Values, gradients, and Hessian-vector products of sum(weights * f)."""
    weights = np.random.default_rng(1).uniform(0.5, 1.5, np.shape(f(*arrays)))
    directions = [uniform(a.shape, seed=9 + i) for i, a in enumerate(arrays)]
    n = tuple(range(len(arrays)))
    ours = lambda *xs: np.sum(f(*xs) * weights)
    slope = lambda *xs: sum(np.sum(d * v) for d, v in zip(ab.grad(ours, n)(*xs), directions, strict=True))
    ts = tensors(arrays)
    out = torch.sum(g(*ts) * torch.tensor(weights))
    first = torch.autograd.grad(out, ts, create_graph=True)
    along = sum(torch.sum(d * torch.tensor(v)) for d, v in zip(first, directions, strict=True))
    second = torch.autograd.grad(along, ts, allow_unused=True) if along.requires_grad else [None] * len(ts)
    np.testing.assert_allclose(ours(*arrays), out.item(), rtol=rtol, atol=atol)
    for a, mine, one, mine2, two in zip(arrays, ab.grad(ours, n)(*arrays), first, ab.grad(slope, n)(*arrays), second, strict=True):
        np.testing.assert_allclose(mine, one.detach().numpy(), rtol=rtol, atol=atol)
        expected = np.zeros(a.shape) if two is None else two.numpy(force=True)
        np.testing.assert_allclose(mine2, expected, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("name", sorted(DOMAINS))
def test_elementwise_functions_agree_with_pytorch(name) -> None:
    domains = DOMAINS[name]
    for shapes in [(s,) for s in UNARY_SHAPES] if len(domains) == 1 else BINARY_SHAPES:
        arrays = [uniform(s, *d, seed=i) for i, (s, d) in enumerate(zip(shapes, domains, strict=True))]
        compare(function_of(name), theirs(name), arrays)


@pytest.mark.parametrize(("x", "y"), PRODUCTS, ids=str)
def test_products_agree_with_pytorch(x, y) -> None:
    compare(np.matmul, torch.matmul, [uniform(x), uniform(y, seed=1)])


@pytest.mark.parametrize("axis", [0, 1, -1, (0, 2), None])
@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "logsumexp", "var", "std"])
def test_reductions_agree_with_pytorch(name, axis) -> None:
    x = uniform((2, 3, 4))
    f = getattr(np, name, None) or getattr(ab, name)
    dims = (0, 1, 2) if axis is None else axis
    g = getattr(torch, {"max": "amax", "min": "amin"}.get(name, name))
    extra = {"correction": 0} if name in ("var", "std") else {}
    compare(lambda x: f(x, axis=axis), lambda t: g(t, dim=dims, **extra), [x])


CORNERS = {
    "abs": (np.abs, torch.abs, [[0.0, 1.0]]),
    "relu": (ab.relu, torch.relu, [[0.0, 1.0, -1.0]]),
    "maximum tie": (np.maximum, torch.maximum, [[1.0, 2.0], [1.0, 3.0]]),
    "minimum tie": (np.minimum, torch.minimum, [[1.0, 2.0], [1.0, 3.0]]),
    "max tie": (np.max, torch.amax, [[1.0, 3.0, 3.0]]),
    "min tie": (np.min, torch.amin, [[1.0, 1.0, 3.0]]),
    "power zero": (np.power, torch.pow, [[0.0, 2.0, 0.0, 0.0], [0.0, 0.0, 1.0, 2.0]]),
    "power negative base": (lambda x: x**3, lambda x: x**3, [[-2.0, -0.5, 0.0]]),
    "power square": (lambda x: x**2, lambda x: x**2, [[-2.0, 0.0, 3.0]]),
    "sign": (np.sign, torch.sign, [[-1.0, 0.0, 2.0]]),
    "logsumexp": (ab.logsumexp, lambda t: torch.logsumexp(t, 0), [[1000.0, 1000.0, -1000.0]]),
    "logaddexp": (np.logaddexp, torch.logaddexp, [[1000.0, -1000.0], [1000.0, 5.0]]),
}


@pytest.mark.parametrize("corner", CORNERS)
def test_choices_at_corners_are_those_of_pytorch(corner) -> None:
    f, g, arrays = CORNERS[corner]
    arrays = [np.array(a) for a in arrays]
    mine = ab.grad(lambda *xs: np.sum(f(*xs)), tuple(range(len(arrays))))(*arrays)
    ts = tensors(arrays)
    for a, b in zip(mine, torch.autograd.grad(torch.sum(g(*ts)), ts), strict=True):
        np.testing.assert_allclose(a, b.numpy())


@given(programs, seeds)
def test_random_programs_agree_with_pytorch(program, seed) -> None:
    arrays = points(seed)
    xs, ts = [ab.Variable(a) for a in arrays], tensors(arrays)
    mine, other = execute(program, xs, np), execute(program, ts, TorchNumPy())
    np.testing.assert_allclose(mine.item(), other.item(), rtol=1e-9)
    mine.backward()
    other.backward()
    for x, t in zip(xs, ts, strict=True):
        assert (x.grad is None) == (t.grad is None)
        if t.grad is not None:
            np.testing.assert_allclose(x.grad.numpy(), t.grad.numpy(), rtol=1e-7, atol=1e-9)
