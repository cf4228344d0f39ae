"""GradScaler against PyTorch's, call by call; runs where PyTorch is installed."""

import numpy as np
import pytest
from hypothesis import given
from scaling_calls import OPTIMIZERS, Player, play, sequences, settings_

import autograd_book as ab
from autograd_book.stability.scaler import GradScaler, ScalingOrderError

torch = pytest.importorskip("torch")
START = [[1.0, -2.0], 0.5]


class Both(Player):
    """What both have in common: two optimisers of two parameters each."""

    def loss(self):
        self.scaler.scale(self.array(1.0, requires_grad=True))

    def seen(self):
        state = self.scaler.state_dict()
        state["scale"] = float(np.float32(state["scale"]))  # PyTorch rounds at the first scale(), not before
        flat = [p for v in self.values for p in v]
        gradients = [None if p.grad is None else p.grad.numpy().tolist() for p in flat]
        return state, [p.detach().numpy().tolist() for p in flat], repr(gradients)


class Ours(Both):
    """The book's."""

    refusals = (ScalingOrderError,)

    def __init__(self, make, **settings):
        self.scaler = GradScaler(**settings)
        self.values = [[self.array(a, True) for a in START] for _ in range(OPTIMIZERS)]
        self.optimizers = [make(ab.optim, v) for v in self.values]

    def array(self, a, requires_grad=False):
        return ab.Variable(np.float32(a), requires_grad)


class Theirs(Both):
    """PyTorch's."""

    refusals = (RuntimeError, AssertionError)

    def __init__(self, make, **settings):
        self.scaler = torch.amp.GradScaler("cpu", **settings)
        self.values = [[self.array(a, True) for a in START] for _ in range(OPTIMIZERS)]
        self.optimizers = [make(torch.optim, v) for v in self.values]

    def array(self, a, requires_grad=False):
        return torch.tensor(a, dtype=torch.float32, requires_grad=requires_grad)


@given(settings_, sequences)
def test_scale_count_gradients_values_and_refusals_agree_after_every_call(settings, sequence):
    def make(optim, v):
        return optim.SGD(v, lr=0.5)

    assert play(Ours(make, **settings), sequence) == play(Theirs(make, **settings), sequence)


@pytest.mark.parametrize("name", ["Adam", "AdamW"])
@pytest.mark.parametrize("seed", range(3))
def test_sixty_steps_of_which_some_overflow_agree(name, seed):
    rng = np.random.default_rng(seed)
    settings = {"init_scale": 2.0**10, "growth_interval": 4}
    ours = Ours(lambda optim, v: getattr(optim, name)(v, lr=0.05), **settings)
    theirs = Theirs(lambda optim, v: getattr(optim, name)(v, lr=0.05), **settings)
    scales = []
    for _ in range(60):
        value = float(rng.choice([np.inf, np.nan, 1.0], p=[0.1, 0.1, 0.8]) * rng.normal())
        for player in (ours, theirs):
            player.loss()
            player.gradients(0, value)
            if rng.random() < 0.5:
                player.unscale(0)
            player.step(0)
            player.update()
        assert ours.seen()[0] == theirs.seen()[0]
        np.testing.assert_allclose(ours.seen()[1][0], theirs.seen()[1][0], rtol=2e-5, atol=2e-6)
        scales.append(ours.scaler.get_scale())
    assert len(set(scales)) > 3


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_a_loss_of_any_precision_is_scaled_to_the_same_number_and_dtype(dtype):
    number = torch.tensor(2.0, dtype=getattr(torch, dtype), requires_grad=True)
    wanted = torch.amp.GradScaler("cpu").scale(number)
    if dtype == "bfloat16":
        found = GradScaler().scale(ab.Variable(np.float32(2.0)))
    else:
        found = GradScaler().scale(ab.Variable(np.array(2.0, dtype)))
    assert found.item() == wanted.item() and str(found.dtype) == str(wanted.dtype).removeprefix("torch.")


def test_states_can_be_exchanged():
    ours, theirs = GradScaler(init_scale=8.0, growth_interval=5), torch.amp.GradScaler("cpu")
    theirs.load_state_dict(ours.state_dict())
    assert theirs.state_dict() == ours.state_dict()
    ours.load_state_dict(torch.amp.GradScaler("cpu").state_dict())
    assert ours.state_dict() == torch.amp.GradScaler("cpu").state_dict()


def test_gradients_in_float16_are_refused_by_both():
    for scaler, p, optim in (
        (GradScaler(), ab.Variable(np.float16([1.0])), ab.optim),
        (torch.amp.GradScaler("cpu"), torch.ones(1, dtype=torch.float16, requires_grad=True), torch.optim),
    ):
        with np.errstate(over="ignore"):
            scaler.scale(p.sum()).backward()
        with pytest.raises(ValueError):
            scaler.unscale_(optim.SGD([p], lr=0.1))
