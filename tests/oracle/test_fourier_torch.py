"""Fourier transforms beside PyTorch's, where it is installed: gradients of a real loss of complex values."""

import numpy as np
import pytest
from casework import uniform

import autograd_book as ab
import autograd_book.rules.fourier

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

REAL = ("rfft", "ihfft", "rfft2", "rfftn")


def compare(name, shape, mine, its):
    x = uniform(shape) if name in REAL else uniform(shape) + 1j * uniform(shape, seed=1)
    ours = lambda x: np.sum(np.abs(getattr(np.fft, name)(x, **mine) - 0.3) ** 3)
    t = torch.tensor(x, requires_grad=True)
    loss = ((getattr(torch.fft, name)(t, **its) - 0.3).abs() ** 3).sum()
    np.testing.assert_allclose(ours(x), loss.item())
    np.testing.assert_allclose(ab.grad(ours)(x), torch.autograd.grad(loss, t)[0].resolve_conj().numpy(), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("norm", ["backward", "ortho", "forward"])
@pytest.mark.parametrize("n", [None, 3, 4, 7, 8])
@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"])
def test_one_axis(name, n, norm) -> None:
    compare(name, (5, 2), {"n": n, "axis": 0, "norm": norm}, {"n": n, "dim": 0, "norm": norm})


@pytest.mark.parametrize("norm", ["backward", "ortho", "forward"])
@pytest.mark.parametrize("s", [None, (3, 6), (5, 2)])
@pytest.mark.parametrize("name", ["fft2", "ifft2", "fftn", "ifftn", "rfft2", "irfft2", "rfftn", "irfftn"])
def test_several_axes(name, s, norm) -> None:
    compare(name, (4, 3, 5), {"s": s, "axes": (0, 2), "norm": norm}, {"s": s, "dim": (0, 2), "norm": norm})
