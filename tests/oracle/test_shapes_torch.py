"""Moves, paddings and changed copies beside PyTorch, where it is installed: values and gradients."""

import numpy as np
import pytest
from casework import uniform

import autograd_book as ab
from autograd_book.rules.assignment import At

torch = pytest.importorskip("torch")

PLACES = np.array([0, 2, 0, 1])
PAIRS = {
    "roll": (lambda x: np.roll(x, (1, -2), (0, 1)), lambda t: torch.roll(t, (1, -2), (0, 1))),
    "rot90": (lambda x: np.rot90(x, 3), lambda t: torch.rot90(t, 3)),
    "flip": (lambda x: np.flip(x, 0), lambda t: torch.flip(t, (0,))),
    "tril": (lambda x: np.tril(x, 1), lambda t: torch.tril(t, 1)),
    "tile": (lambda x: np.tile(x, (2, 3)), lambda t: torch.tile(t, (2, 3))),
    "repeat": (lambda x: np.repeat(x, [2, 0, 1], 0), lambda t: torch.repeat_interleave(t, torch.tensor([2, 0, 1]), 0)),
    "diagonal": (lambda x: np.diagonal(x, 1), lambda t: torch.diagonal(t, 1)),
    "take_along_axis": (lambda x: np.take_along_axis(x, PLACES[None] % 3, 0), lambda t: torch.gather(t, 0, torch.tensor(PLACES[None] % 3))),
    "unfold": (lambda x: np.lib.stride_tricks.sliding_window_view(x, 2, 1), lambda t: t.unfold(1, 2, 1)),
    "pad reflect": (lambda x: np.pad(x, ((0, 0), (2, 3)), "reflect"), lambda t: torch.nn.functional.pad(t, (2, 3), mode="reflect")),
    "pad edge": (lambda x: np.pad(x, ((0, 0), (2, 3)), "edge"), lambda t: torch.nn.functional.pad(t, (2, 3), mode="replicate")),
    "pad wrap": (lambda x: np.pad(x, ((0, 0), (2, 3)), "wrap"), lambda t: torch.nn.functional.pad(t, (2, 3), mode="circular")),
    "at add": (lambda x: At(x)[PLACES].add(x[[0, 0, 1, 2]] ** 2), lambda t: t.index_add(0, torch.tensor(PLACES), t[[0, 0, 1, 2]] ** 2)),
    "at set": (lambda x: At(x)[:, 1].set(x[:, 0] ** 2), lambda t: t.index_copy(1, torch.tensor([1]), t[:, :1] ** 2)),
    "at multiply": (lambda x: At(x)[PLACES].multiply(x[[0, 0, 1, 2]]),
                    lambda t: t.index_reduce(0, torch.tensor(PLACES), t[[0, 0, 1, 2]], "prod")),
}


@pytest.mark.parametrize("name", PAIRS)
def test_values_and_gradients_agree_with_pytorch(name) -> None:
    ours, theirs = PAIRS[name]
    a = uniform((3, 4), 0.5, 1.5)
    x, t = ab.Variable(a), torch.tensor(a, requires_grad=True)
    y, z = ours(x), theirs(t)
    np.testing.assert_allclose(y.numpy(), z.detach().numpy(), rtol=1e-12)
    weights = uniform(y.shape, seed=1)
    np.sum(y * weights).backward()
    torch.sum(z * torch.tensor(weights)).backward()
    np.testing.assert_allclose(x.grad.numpy(), t.grad.numpy(), rtol=1e-9)
