"""The further elementwise functions in PyTorch, where it is installed: values, first and second derivatives."""

import numpy as np
import pytest
from cases.elementwise import ANY, HOLOMORPHIC, POSITIVE, function_of, of_plane
from casework import uniform

import autograd_book as ab

torch = pytest.importorskip("torch")

BENDS = {
    "softplus": torch.nn.functional.softplus,
    "silu": torch.nn.functional.silu,
    "gelu": lambda t: torch.nn.functional.gelu(t, approximate="tanh"),
}
NAMES = {"float_power": "pow", "fix": "trunc", "rint": "round", "degrees": "rad2deg", "radians": "deg2rad"}
FURTHER = {
    **dict.fromkeys(("deg2rad", "radians", "rad2deg", "degrees", "sinc", "i0", "nan_to_num"), (ANY,)),
    **dict.fromkeys(("sigmoid", *BENDS), (ANY,)),
    **dict.fromkeys(("floor", "ceil", "trunc", "fix", "rint", "round"), (ANY,)),
    **dict.fromkeys(("logaddexp2", "copysign", "fmax", "fmin"), (ANY, ANY)),
    **dict.fromkeys(("remainder", "fmod"), (ANY, POSITIVE)),
    "float_power": (POSITIVE, ANY),
}


def first_and_second(f, arrays):
    """Gradients of the weighted sum, and of the sum of those gradients."""
    n = tuple(range(len(arrays)))
    weights = uniform(np.broadcast_shapes(*(a.shape for a in arrays)), 0.5, 1.5, 3)
    slopes = ab.grad(lambda *xs: np.sum(f(*xs) * weights), n)
    return weights, slopes(*arrays), ab.grad(lambda *xs: sum(np.sum(g * g) for g in slopes(*xs)), n)(*arrays)


@pytest.mark.parametrize("name", sorted(FURTHER))
def test_further_functions_agree_with_pytorch(name) -> None:
    shapes = [(2, 3), (3,)]
    arrays = [uniform(s, *d, seed=i) for i, (s, d) in enumerate(zip(shapes, FURTHER[name], strict=False))]
    f, theirs = function_of(name), BENDS.get(name) or getattr(torch, NAMES.get(name, name))
    weights, first, second = first_and_second(f, arrays)
    ts = [torch.tensor(a, requires_grad=True) for a in arrays]
    out = theirs(*ts)
    np.testing.assert_allclose(f(*arrays), out.detach().numpy(), rtol=1e-12)
    slopes = torch.autograd.grad(torch.sum(out * torch.tensor(weights)), ts, create_graph=True)
    squares = sum(torch.sum(g * g) for g in slopes)
    twice = torch.autograd.grad(squares, ts, allow_unused=True) if squares.requires_grad else [None] * len(ts)
    for mine, other in zip(first, slopes, strict=True):
        np.testing.assert_allclose(mine, other.detach().numpy(), rtol=1e-10, atol=1e-12)
    for mine, other in zip(second, twice, strict=True):
        np.testing.assert_allclose(mine, np.zeros_like(mine) if other is None else other.numpy(), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", [n for n in HOLOMORPHIC if n not in ("exp2",)] + ["absolute", "conjugate", "angle"])
def test_complex_gradients_agree_with_pytorch(name) -> None:
    z = of_plane((2, 3))
    f = function_of(name)
    theirs = {"absolute": torch.abs, "conjugate": lambda t: torch.conj(t).resolve_conj()}.get(name) or getattr(torch, name)
    mine = ab.grad(lambda z: np.sum(np.real(f(z) * (1 + 2j))))(z)
    t = torch.tensor(z, requires_grad=True)
    (other,) = torch.autograd.grad(torch.sum((theirs(t) * (1 + 2j)).real), [t])
    np.testing.assert_allclose(mine, other.resolve_conj().numpy(), rtol=1e-10)


CORNERS = {
    "arctan2": (np.arctan2, torch.atan2, [[0.0, 1.0], [0.0, 0.0]]),
    "power": (np.power, torch.pow, [[0.0, 0.0, 0.0], [-1.0, 0.5, 0.0]]),
    "clip": (lambda x: np.clip(x, 0.0, 1.0), lambda t: torch.clamp(t, 0.0, 1.0), [[-1.0, 0.0, 0.5, 1.0, 2.0]]),
    "clip bounds": (np.clip, torch.clamp, [[0.0, 2.0, -1.0, 0.5], [0.5, 0.0, -2.0, 1.0], [1.0, 1.0, 3.0, 0.0]]),
    "copysign": (np.copysign, torch.copysign, [[0.0, 1.0], [-1.0, -1.0]]),
    "nan_to_num": (np.nan_to_num, torch.nan_to_num, [[np.nan, np.inf, 2.0]]),
    "maximum of nan": (np.maximum, torch.maximum, [[np.nan, 1.0], [1.0, np.nan]]),
    "sinc": (np.sinc, torch.sinc, [[0.0, 1.0]]),
}


@pytest.mark.parametrize("corner", CORNERS)
def test_further_choices_at_corners_are_those_of_pytorch(corner) -> None:
    f, theirs, args = CORNERS[corner]
    arrays = [np.array(a) for a in args]
    ts = [torch.tensor(a, requires_grad=True) for a in arrays]
    with np.errstate(all="ignore"):
        out, pullback = ab.vjp(f, *arrays)
        mine = pullback(np.ones_like(out))
    for a, b in zip(mine, torch.autograd.grad(theirs(*ts), ts, torch.ones(len(args[0]), dtype=torch.float64)), strict=True):
        np.testing.assert_allclose(a, b.numpy(), atol=1e-15)
