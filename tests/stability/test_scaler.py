"""Loss scaling: against a small model of its rules written apart from the engine, and against careless use."""

import io
import math
from contextlib import nullcontext
from fractions import Fraction

import numpy as np
import pytest
from gradients_at_hand import leaf
from hypothesis import given
from scaling_calls import OPTIMIZERS, Player, play, sequences, settings_

import autograd_book as ab
from autograd_book.learn.digits import split_digits
from autograd_book.learn.training import batches, loss_and_accuracy, perceptron
from autograd_book.stability.clipping import clip_gradients
from autograd_book.stability.precision import autocast
from autograd_book.stability.scaler import GradScaler, Scale, ScalingOrderError

TYPE, VALUE = ab.DifferentiationTypeError, ab.DifferentiationValueError
F32 = np.float32


# Sequences of calls


class Ours(Player):
    """The book's scaler with two optimisers, of two parameters each."""

    refusals = (ScalingOrderError,)

    def __init__(self, **settings):
        self.scaler = GradScaler(**settings)
        self.values = [[leaf([1.0, -2.0]), leaf(0.5)] for _ in range(OPTIMIZERS)]
        self.optimizers = [ab.optim.SGD(v, lr=0.5) for v in self.values]

    def loss(self):
        self.scaler.scale(ab.Variable(F32(1.0)))

    def array(self, g):
        return np.asarray(g, F32)

    def seen(self):
        state = self.scaler.state_dict()
        gradients = [p.grad for v in self.values for p in v]
        return (
            state["scale"],
            state["_growth_tracker"],
            tuple(p.numpy().tobytes() for v in self.values for p in v),
            tuple(repr(g if g is None else g.numpy().tolist()) for g in gradients),
        )


class Refused(Exception):
    """What the model raises."""


class Model:
    """The published rules, on lists of single-precision numbers; nothing of the engine."""

    refusals = (Refused,)

    def __init__(self, init_scale, growth_factor, backoff_factor, growth_interval):
        self.scale, self.count, self.begun = F32(init_scale), 0, False
        self.growth, self.backoff, self.interval = growth_factor, backoff_factor, growth_interval
        self.weights = [[[F32(1.0), F32(-2.0)], [F32(0.5)]] for _ in range(OPTIMIZERS)]
        self.grads = [None] * OPTIMIZERS
        self.clear()

    def clear(self):
        self.unscaled, self.stepped, self.found = set(), set(), {}

    def demand(self, condition):
        if not condition:
            raise Refused

    def loss(self):
        self.begun = True

    def gradients(self, i, value):
        self.grads[i] = None if value is None else [[F32(1.0), F32(value)], [F32(0.25)]]

    def unscale(self, i):
        self.demand(self.begun and i not in self.unscaled and i not in self.stepped)
        self.unscaled.add(i)
        if self.grads[i] is not None:
            self.found[i] = not all(math.isfinite(g) for row in self.grads[i] for g in row)
            inverse = F32(1 / float(self.scale))
            self.grads[i] = [[F32(g * inverse) for g in row] for row in self.grads[i]]

    def step(self, i):
        self.demand(self.begun and i not in self.stepped)
        if i not in self.unscaled:
            self.unscale(i)
        self.demand(i in self.found)
        if not self.found[i]:
            pairs = zip(self.weights[i], self.grads[i], strict=True)
            self.weights[i] = [[F32(w - F32(0.5) * g) for w, g in zip(*rows, strict=True)] for rows in pairs]
        self.stepped.add(i)

    def update(self):
        self.demand(self.begun and self.found)
        if any(self.found.values()):
            self.scale, self.count = F32(float(self.scale) * self.backoff), 0
        else:
            self.count += 1
            if self.count == self.interval:
                with np.errstate(over="ignore"):
                    grown = F32(float(self.scale) * self.growth)
                self.scale, self.count = (grown if math.isfinite(grown) else self.scale), 0
        self.clear()

    def set(self, scale):
        self.demand(self.begun)
        self.scale = F32(scale)
        self.clear()

    def seen(self):
        grads = [g for i in range(OPTIMIZERS) for g in (self.grads[i] or [None, None])]
        return (
            float(self.scale),
            self.count,
            tuple(np.array(row, F32).tobytes() for rows in self.weights for row in rows),
            tuple(repr(None if g is None else [float(v) for v in g] if len(g) > 1 else float(g[0])) for g in grads),
        )


@given(settings_, sequences)
def test_every_sequence_of_calls_does_what_the_rules_say(settings, sequence):
    assert play(Ours(**settings), sequence) == play(Model(**settings), sequence)


def test_the_sequences_reach_every_outcome():
    """Growth, backoff, refusal and skipping all occur among the examples, or the test above would show little."""
    met = set()

    @given(settings_, sequences)
    def collect(settings, sequence):
        model = Model(**settings)
        for (name, *args) in sequence:
            before, values = model.scale, model.seen()[2]
            try:
                getattr(model, name)(*args)
            except Refused:
                met.add(f"{name} refused")
                continue
            if name == "update":
                met.add("grown" if model.scale > before else "shrunk" if model.scale < before else "kept")
            if name == "step":
                met.add("moved" if model.seen()[2] != values else "skipped")

    collect()
    assert met >= {"grown", "shrunk", "kept", "moved", "skipped", "unscale refused", "step refused", "update refused"}


# The scale


def test_the_defaults_are_pytorchs():
    assert GradScaler().state_dict() == {
        "scale": 65536.0,
        "growth_factor": 2.0,
        "backoff_factor": 0.5,
        "growth_interval": 2000,
        "_growth_tracker": 0,
    }


def test_the_scale_grows_after_an_interval_of_finite_steps_and_counts_again_after_an_overflow():
    scale, seen = Scale(8.0, growth_interval=3), []
    for overflow in (0, 0, 1, 0, 0, 0, 0):
        scale = scale.after(bool(overflow))
        seen.append((scale.scale, scale.tracker))
    assert seen == [(8, 1), (8, 2), (4, 0), (4, 1), (4, 2), (8, 0), (8, 1)]


def test_a_scale_that_cannot_grow_any_more_stays():
    assert Scale(2.0**127, growth_interval=1).after(False) == Scale(2.0**127, growth_interval=1)


def test_a_scale_that_falls_out_of_single_precision_is_an_error_and_not_a_division_by_zero():
    scale = Scale(2.0**-126)
    with pytest.raises(VALUE, match="debug_nans"):
        scale.after(True)


# Scaling losses


def test_a_scaled_loss_keeps_its_graph():
    w = leaf([3.0, 4.0])
    GradScaler(init_scale=1024.0).scale(np.sum(w**2)).backward()
    np.testing.assert_array_equal(w.grad.numpy(), [6144.0, 8192.0])


def test_losses_in_trees_keep_their_form():
    w = leaf(2.0)
    found = GradScaler(init_scale=8.0).scale({"a": [w * 1.0], "b": (w * w, w)})
    assert [type(found[k]) for k in "ab"] == [list, tuple]
    assert [found["a"][0].item(), found["b"][0].item(), found["b"][1].item()] == [16.0, 32.0, 16.0]


@pytest.mark.parametrize(("dtype", "kept"), [(np.float16, F32), (F32, F32), (np.float64, np.float64)])
@pytest.mark.parametrize("shape", [(), (2,)])
def test_a_loss_in_half_precision_is_scaled_in_single_precision(dtype, kept, shape):
    loss = ab.Variable(np.full(shape, 2.0, dtype))
    out = GradScaler().scale(loss)
    assert out.dtype == kept and np.all(out.numpy() == 131072.0)
    with np.errstate(over="ignore"):
        out.backward(np.ones(shape, kept))
    assert loss.grad.dtype == dtype


def test_scaling_works_inside_a_transformation():
    scaler = GradScaler(init_scale=4.0)
    assert ab.grad(lambda x: scaler.scale(x * x))(3.0) == 24.0
    assert ab.grad(ab.grad(lambda x: scaler.scale(x * x)))(3.0) == 8.0


@pytest.mark.parametrize("thing", [3.0, np.ones(2), "loss", [1.0], {"a": np.ones(1)}])
def test_what_has_no_graph_is_not_scaled(thing):
    with pytest.raises(TYPE, match="loss that depends on Variables"):
        GradScaler().scale(thing)


# Unscaling, stepping


@pytest.mark.parametrize("make", [lambda p: ab.optim.SGD(p, 0.1, 0.9), ab.optim.Adam, ab.optim.AdamW])
def test_training_with_a_scale_equals_training_without(make):
    """Powers of two leave the digits alone, so the values agree to the last bit."""
    start = np.random.default_rng(0).normal(size=(4, 3)).astype(F32)
    x = np.random.default_rng(1).normal(size=(5, 4)).astype(F32)
    plain, scaled = leaf(start), leaf(start)
    one, other = make([plain]), make([scaled])
    scaler = GradScaler(growth_interval=3)
    for _ in range(10):
        one.zero_grad()
        other.zero_grad()
        np.mean(np.tanh(x @ plain) ** 2).backward()
        scaler.scale(np.mean(np.tanh(x @ scaled) ** 2)).backward()
        one.step()
        scaler.step(other)
        scaler.update()
        np.testing.assert_array_equal(plain.numpy(), scaled.numpy())
    assert scaler.get_scale() == 2.0**19


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_an_overflow_skips_the_step_and_leaves_values_and_memories_alone(bad):
    p, q = leaf([1.0, 2.0], [1.0, bad]), leaf(3.0, 1.0)
    optimizer, scaler = ab.optim.Adam([p, q]), GradScaler()
    scaler.scale(p.sum())
    scaler.step(optimizer)
    scaler.update()
    assert p.numpy().tolist() == [1.0, 2.0] and q.item() == 3.0 and optimizer.state == [{}, {}]
    assert scaler.get_scale() == 2.0**15


def test_an_overflow_of_one_optimiser_skips_only_its_step_and_shrinks_the_scale_of_both():
    p, q = leaf(1.0, np.inf), leaf(1.0, 8.0)
    scaler, optimizers = GradScaler(init_scale=8.0), [ab.optim.SGD(v, lr=1.0) for v in (p, q)]
    scaler.scale(p * q)
    for optimizer in optimizers:
        scaler.step(optimizer)
    scaler.update()
    assert (p.item(), q.item(), scaler.get_scale()) == (1.0, 0.0, 4.0)


def test_gradients_can_be_changed_between_unscaling_and_stepping():
    p = leaf([3.0, 4.0])
    scaler, optimizer = GradScaler(), ab.optim.SGD(p, lr=1.0)
    scaler.scale(np.sum(p * p) / 2).backward()
    scaler.unscale_(optimizer)
    np.testing.assert_array_equal(p.grad.numpy(), [3.0, 4.0])
    p.grad = p.grad.numpy() / 5
    scaler.step(optimizer)
    np.testing.assert_allclose(p.numpy(), [2.4, 3.2])


@pytest.mark.parametrize("dtype", [F32, np.float64])
def test_the_inverse_scale_is_rounded_to_single_precision_once(dtype):
    p = ab.Variable(dtype(0.0))
    p.grad = dtype(1.7)
    scaler = GradScaler(init_scale=3.7)
    scaler.scale(p)
    scaler.unscale_(ab.optim.SGD(p))
    inverse = F32(float(1 / Fraction(float(F32(3.7)))))
    assert p.grad.numpy() == dtype(1.7) * dtype(inverse) and p.grad.dtype == dtype


def test_an_infinity_made_by_unscaling_itself_skips_the_step():
    p = leaf(1.0, 1e30)
    scaler, optimizer = GradScaler(init_scale=1e-20), ab.optim.SGD(p, lr=1.0)
    scaler.scale(p)
    scaler.step(optimizer)
    assert p.item() == 1.0


def test_gradients_in_float16_are_refused_before_any_is_changed():
    p, h = leaf(1.0, 8.0), ab.Variable(np.float16(1.0))
    h.grad = np.float16(8.0)
    scaler = GradScaler(init_scale=8.0)
    scaler.scale(p)
    with pytest.raises(VALUE, match="1 have dtype float16, the first of them number 1"):
        scaler.unscale_(ab.optim.SGD([p, h]))
    assert p.grad.item() == 8.0


def test_gradients_that_were_recorded_are_unscaled_as_constants():
    p = leaf(3.0)
    scaler = GradScaler(init_scale=4.0)
    scaler.scale(p * p).backward(create_graph=True)
    scaler.unscale_(ab.optim.SGD(p))
    assert p.grad.item() == 6.0 and not p.grad.requires_grad


@pytest.mark.parametrize("thing", [None, [], ab.nn.Linear(2, 2), ab.Variable(1.0)])
def test_what_is_no_optimiser_is_refused(thing):
    scaler = GradScaler()
    scaler.scale(leaf(1.0))
    with pytest.raises(TYPE, match="in place of an optimiser"):
        scaler.step(thing)


# Order


def begun(gradient=1.0):
    p = leaf(1.0, gradient)
    scaler, optimizer = GradScaler(), ab.optim.SGD(p)
    scaler.scale(p)
    return scaler, optimizer


@pytest.mark.parametrize("call", ["unscale_", "step", "update"])
def test_nothing_can_be_unscaled_that_was_not_scaled(call):
    scaler, optimizer = GradScaler(), ab.optim.SGD(leaf(1.0, 1.0))
    with pytest.raises(ScalingOrderError, match=rf"{call}\(\) .* not scaled any loss"):
        getattr(scaler, call)(*[optimizer] * (call != "update"))


@pytest.mark.parametrize(
    ("calls", "fact"),
    [
        (["unscale_", "unscale_"], r"unscale_\(\) was called .* unscale_\(\) was called"),
        (["step", "unscale_"], r"unscale_\(\) was called .* step\(\) was called"),
        (["unscale_", "step", "unscale_"], r"unscale_\(\) was called .* step\(\) was called"),
        (["step", "step"], r"step\(\) was called .* step\(\) was called"),
    ],
)
def test_calls_out_of_order_name_both_calls(calls, fact):
    scaler, optimizer = begun()
    for call in calls[:-1]:
        getattr(scaler, call)(optimizer)
    with pytest.raises(ScalingOrderError, match=fact) as caught:
        getattr(scaler, calls[-1])(optimizer)
    assert isinstance(caught.value, RuntimeError)


def test_a_step_without_gradients_and_an_update_without_a_step_are_refused():
    scaler, optimizer = begun(None)
    with pytest.raises(ScalingOrderError, match=r"step\(\) was called, and no gradient"):
        scaler.step(optimizer)
    with pytest.raises(ScalingOrderError, match=r"update\(\) was called, and no gradient"):
        scaler.update()


def test_an_update_opens_the_next_round():
    scaler, optimizer = begun()
    for _ in range(3):
        scaler.step(optimizer)
        scaler.update()
    assert scaler.state_dict()["_growth_tracker"] == 3


def test_setting_the_scale_keeps_the_count():
    scaler, optimizer = begun()
    scaler.step(optimizer)
    scaler.update()
    scaler.update(12.0)
    assert scaler.state_dict()["scale"] == 12.0 and scaler.state_dict()["_growth_tracker"] == 1


# States


def test_a_state_survives_a_file_and_the_run_goes_on_as_before():
    scaler, optimizer = begun()
    scaler.step(optimizer)
    scaler.update()
    file = io.BytesIO()
    np.savez(file, **scaler.state_dict())
    file.seek(0)
    other = GradScaler(init_scale=1.0, growth_interval=7)
    other.load_state_dict(np.load(file))
    assert other.state_dict() == scaler.state_dict()
    assert {type(v) for v in other.state_dict().values()} == {float, int}


@pytest.mark.parametrize(
    ("change", "kind", "fact"),
    [
        ({"scale": -1.0}, VALUE, "scale=-1.0"),
        ({"scale": "x"}, TYPE, "scale="),
        ({"growth_interval": 0}, VALUE, "growth_interval=0"),
        ({"_growth_tracker": -1}, VALUE, "_growth_tracker=-1"),
        ({"backoff_factor": 1.0}, VALUE, "backoff_factor=1.0"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(change, kind, fact):
    scaler = GradScaler()
    before = scaler.state_dict()
    with pytest.raises(kind, match=fact):
        scaler.load_state_dict(GradScaler(init_scale=2.0).state_dict() | change)
    assert scaler.state_dict() == before


@pytest.mark.parametrize("state", [{}, {"scale": 1.0}, GradScaler(enabled=False).state_dict()])
def test_a_state_with_something_missing_says_what(state):
    with pytest.raises(VALUE, match="lacks .*growth_interval"):
        GradScaler().load_state_dict(state)


def test_what_is_no_mapping_is_no_state():
    with pytest.raises(TYPE, match="as a state"):
        GradScaler().load_state_dict([1.0])


# Settings


@pytest.mark.parametrize(
    ("setting", "kind"),
    [
        ({"init_scale": 0.0}, VALUE),
        ({"init_scale": -1.0}, VALUE),
        ({"init_scale": math.nan}, VALUE),
        ({"init_scale": 1e39}, VALUE),
        ({"init_scale": "2"}, TYPE),
        ({"growth_factor": 1.0}, VALUE),
        ({"growth_factor": math.inf}, VALUE),
        ({"growth_factor": math.nan}, VALUE),
        ({"growth_factor": None}, TYPE),
        ({"backoff_factor": 1.0}, VALUE),
        ({"backoff_factor": 0.0}, VALUE),
        ({"backoff_factor": "half"}, TYPE),
        ({"growth_interval": 0}, VALUE),
        ({"growth_interval": 2.5}, VALUE),
    ],
)
def test_settings_out_of_range_are_named(setting, kind):
    with pytest.raises(kind, match=next(iter(setting)).removeprefix("init_")):
        GradScaler(**setting)


def test_a_scaler_that_is_not_enabled_only_steps():
    p = leaf(1.0, np.inf)
    scaler, optimizer = GradScaler(enabled=False), ab.optim.SGD(p, lr=1.0)
    loss = p * 2.0
    assert scaler.scale(loss) is loss and scaler.get_scale() == 1.0 and scaler.state_dict() == {}
    scaler.unscale_(optimizer)
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()
    scaler.load_state_dict({})
    assert p.item() == -np.inf


# Under autocast


def trained(dtype, scaler, weight, steps=60, spoil=None):
    """Accuracy on digits not seen, after steps with the loss multiplied by a weight; and the network."""
    seen, unseen = split_digits(ab.load_digits())
    network, rng = perceptron(seed=0), np.random.default_rng(0)
    optimizer = ab.optim.SGD(network.parameters(), lr=0.1 / weight, momentum=0.9)
    course = [b for _ in range(3) for b in batches(seen, 64, rng)][:steps]
    with np.errstate(over="ignore", invalid="ignore"):
        for i, batch in enumerate(course):
            optimizer.zero_grad()
            images = batch.images * F32(1e6 if i == spoil else 1)
            with nullcontext() if dtype is None else autocast(dtype):
                loss = weight * ab.nn.cross_entropy(network(images), batch.labels)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
        return loss_and_accuracy(network, unseen)[1], network


def test_a_small_loss_vanishes_in_float16_and_a_scaler_saves_it():
    small, off = 2.0**-20, GradScaler(enabled=False)
    single = trained(None, off, small)[0]
    assert single > 0.9 and trained(np.float16, off, small)[0] < 0.2
    assert trained(np.float16, GradScaler(), small)[0] == pytest.approx(single, abs=0.02)


def test_bfloat16_needs_no_scaler():
    pytest.importorskip("ml_dtypes")
    off = GradScaler(enabled=False)
    single = trained(None, off, 2.0**-20)[0]
    assert trained("bfloat16", off, 2.0**-20)[0] == pytest.approx(single, abs=0.02)


def test_a_spoiled_batch_ends_a_run_only_without_a_scaler():
    scaler = GradScaler(2.0**12, growth_interval=10)
    score, network = trained(np.float16, scaler, 1.0, spoil=30)
    assert score > 0.9 and all(np.isfinite(p.numpy()).all() for p in network.parameters())
    assert scaler.get_scale() == 2.0 ** (12 + 3 - 1 + 2)
    _, ruined = trained(np.float16, GradScaler(enabled=False), 1.0, spoil=30)
    assert not np.isfinite(ruined[0].weight.numpy()).all()


@pytest.mark.parametrize(("unscale_first", "length"), [(True, 1.0), (False, 2.0**-16)])
def test_gradients_clipped_before_they_are_unscaled_move_by_the_scale_too_little(unscale_first, length):
    p = leaf([3.0, 4.0])
    scaler, optimizer = GradScaler(), ab.optim.SGD(p, lr=1.0)
    scaler.scale(np.sum(p * p) / 2).backward()
    if unscale_first:
        scaler.unscale_(optimizer)
    clip_gradients([p], max_norm=1.0)
    gradient = p.grad.numpy()
    scaler.step(optimizer)
    assert np.hypot(*(gradient if unscale_first else p.grad.numpy())) == pytest.approx(length, rel=1e-5)


# Shared parameters


def sharing(rate=0.5):
    """Two optimisers that share a parameter, and a scaler; gradients of 2 w are there, scaled."""
    shared, own = ab.Variable(np.float32([3.0])), ab.Variable(np.float32([5.0]))
    first, second = ab.optim.SGD([shared], rate), ab.optim.SGD([shared, own], rate)
    scaler = GradScaler(init_scale=8.0)
    scaler.scale(np.sum(shared * shared) + np.sum(own * own)).backward()
    return scaler, first, second, shared, own


def test_a_parameter_that_two_optimisers_share_is_unscaled_once():
    scaler, first, second, shared, own = sharing()
    scaler.unscale_(first)
    scaler.unscale_(second)
    assert shared.grad.item() == 6.0 and own.grad.item() == 10.0
    ab.clip_gradients([shared], 3.0)
    scaler.step(first)
    scaler.step(second)
    scaler.update()
    assert shared.item() == 0.0 and own.item() == 0.0 and scaler.get_scale() == 8.0


def test_an_overflow_in_a_shared_parameter_stops_both_optimisers():
    scaler, first, second, shared, own = sharing()
    shared.grad = np.float32([np.inf])
    scaler.step(first)
    scaler.step(second)
    assert shared.item() == 3.0 and own.item() == 5.0


def test_another_gradient_of_a_shared_parameter_is_refused_until_the_update():
    scaler, first, second, shared, own = sharing()
    scaler.step(first)
    scaler.scale(np.sum(shared * shared)).backward()
    with pytest.raises(ScalingOrderError, match="shared by two optimisers.*update"):
        scaler.step(second)
    assert own.item() == 5.0
    scaler.update()
    first.zero_grad()
    scaler.scale(np.sum(shared * shared)).backward()
    scaler.step(second)
    assert shared.item() == 0.0


def test_a_loaded_scale_does_not_divide_a_gradient_of_another_scale():
    scaler, first, *_ = sharing()
    scaler.unscale_(first)
    scaler.load_state_dict(GradScaler(init_scale=2.0).state_dict())
    with pytest.raises(ScalingOrderError, match="not scaled any loss"):
        scaler.step(first)
