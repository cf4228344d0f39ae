"""speed/capture: what a graph says of a step, to the last bit, and when it refuses."""

import operator
import types
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from programs import execute, points, programs, seeds
from steps_to_capture import (
    IMAGES,
    LABELS,
    X,
    batches,
    expect_function_like_eager,
    expect_same,
    expect_step_like_eager,
    perceptron,
    step_of,
)

import autograd_book as ab
from autograd_book import nn, optim
from autograd_book.graph.errors import DifferentiationValueError
from autograd_book.learn.adversarial import adversarial_step, discriminator, generator, rivals
from autograd_book.learn.attention import TransformerBlock
from autograd_book.learn.sequence import RNN, Transformer, next_token_loss
from autograd_book.memory.pool import recycle
from autograd_book.memory.report import memory_profile
from autograd_book.memory.saved import saved_values
from autograd_book.speed.capture import capture
from autograd_book.speed.equations import MissedGuard, evaluate
from autograd_book.speed.symbols import CaptureError
from autograd_book.stability import clipping
from autograd_book.stability.scaler import GradScaler

OPTIMIZERS = {
    "sgd": lambda p: optim.SGD(p, 0.1),
    "momentum": lambda p: optim.SGD(p, 0.1, momentum=0.9),
    "nesterov": lambda p: optim.SGD(p, 0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    "adam": lambda p: optim.Adam(p, 0.1),
    "adam decaying": lambda p: optim.Adam(p, 0.1, weight_decay=0.01),
    "adamw": lambda p: optim.AdamW(p, 0.1),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_step_of_each_optimiser_is_captured_to_the_last_bit(name):
    expect_step_like_eager(step_of(optimizer=OPTIMIZERS[name]))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_first_step_makes_the_state_of_the_optimiser(name):
    expect_step_like_eager(step_of(optimizer=OPTIMIZERS[name]), warm=0, calls=1)


def test_a_rate_and_betas_that_change_between_calls_are_read_at_each_call():
    def schedule(here, i):
        here.opt.lr, here.opt.betas = 0.1 / (1 + i), (0.9 - 0.01 * i, 0.99)

    expect_step_like_eager(step_of(optimizer=OPTIMIZERS["adamw"]), calls=5, between=schedule)


def shrink(here):
    here.opt.lr *= 0.9


def test_a_rate_that_the_step_itself_changes_goes_on():
    expect_step_like_eager(step_of(finish=shrink), calls=4)


CLIPPERS = {
    "norm": lambda here: clipping.clip_gradients(here.parameters, 0.01),
    "1-norm": lambda here: clipping.clip_gradients(here.parameters, 0.01, norm_type=1.0),
    "largest": lambda here: clipping.clip_gradients(here.parameters, 0.01, norm_type=np.inf),
    "values": lambda here: clipping.clip_gradient_values(here.parameters, 0.01),
    "layers": lambda here: clipping.clip_gradient_layers(here.parameters, 0.01),
    "strict": lambda here: clipping.clip_gradients(here.parameters, 0.01, error_if_nonfinite=True),
    "idle": lambda here: clipping.clip_gradients(here.parameters, 1e6),
}


@pytest.mark.parametrize("name", CLIPPERS)
def test_each_way_of_clipping_is_captured_with_the_norm_that_it_returns(name):
    expect_step_like_eager(step_of(finish=CLIPPERS[name]))


def test_a_step_that_has_to_clip_for_once_misses_its_guard_and_changes_nothing():
    step, here = step_of(finish=CLIPPERS["idle"])()
    step(*batches(0))
    graph = capture(step, *batches(0))
    x, y = batches(0)
    before = [p.numpy().copy() for p in here.parameters]
    with pytest.raises(MissedGuard, match="Capture it again"):
        graph(x * np.float32(1e9), y)
    expect_same([p.value for p in here.parameters], before)


def scaled(interval, init=8.0):
    def make():
        net = perceptron()
        parameters = list(net.parameters())
        opt, scaler = optim.SGD(parameters, 0.1), GradScaler(init_scale=init, growth_interval=interval)

        def step(x, y):
            opt.zero_grad()
            loss = nn.cross_entropy(net(x), y)
            scaler.scale(loss).backward()
            scaler.unscale_(opt)
            size = ab.clip_gradients(parameters, 0.01)
            scaler.step(opt)
            scaler.update()
            return loss, size, scaler.get_scale()

        return step, SimpleNamespace(parameters=parameters, opt=opt, more=scaler.state_dict())

    return make


@pytest.mark.parametrize("interval", [1, 2000])
def test_a_scaler_scales_grows_and_is_captured(interval):
    expect_step_like_eager(scaled(interval))


def test_a_scaler_whose_gradients_overflow_skips_the_step_in_the_graph_too():
    expect_step_like_eager(scaled(2000, 2.0**126), calls=1)


def mixed(here):
    return ab.enable_mixed_precision_gradients(here.parameters, 1.0)


def autocast_loss(net, x, y):
    with ab.autocast():
        return nn.cross_entropy(net(x), y)


def watched_loss(net, x, y):
    with ab.debug_nans():
        return nn.cross_entropy(net(x), y)


def checkpointed_loss(net, x, y):
    return nn.cross_entropy(ab.checkpoint(net)(x), y)


def hooked_loss(net, x, y):
    hidden = net[0](x)
    hidden.register_hook(lambda g: g * 2)
    return nn.cross_entropy(net[2](np.maximum(hidden, 0)), y)


def penalised_loss(net, x, y):
    loss = nn.cross_entropy(net(x), y)
    loss.backward(create_graph=True)
    gradients = [p.grad for p in net.parameters()]
    for p in net.parameters():
        p.zero_grad()
    return loss + sum(np.sum(g * g) for g in gradients)


def recycled_loss(net, x, y):
    with recycle():
        return nn.cross_entropy(net(x), y)


LOSSES = {
    "autocast": autocast_loss, "debug_nans": watched_loss, "checkpoint": checkpointed_loss,
    "hook": hooked_loss, "create_graph": penalised_loss, "recycle": recycled_loss,
}


@pytest.mark.parametrize("name", LOSSES)
def test_what_the_book_offers_around_a_loss_is_captured(name):
    expect_step_like_eager(step_of(loss=LOSSES[name]))


def test_unscaled_gradients_are_captured():
    expect_step_like_eager(step_of(finish=mixed))


def test_a_whole_step_under_debug_nans_is_captured():
    def make():
        step, here = step_of()()
        return ab.debug_nans()(step), here

    expect_step_like_eager(make)


class Convolutional(nn.Module):
    def __init__(self):
        self.kernel = ab.Variable(0.3 * np.random.default_rng(0).standard_normal((4, 1, 3, 3)).astype(np.float32))
        self.read = nn.Linear(36, 4, rng=1)

    def __call__(self, x):
        return self.read(ab.max_pool2d(ab.relu(ab.conv2d(x, self.kernel)), 2).reshape(len(x), -1))


MODELS = {
    "cnn": (Convolutional, lambda net, x, y: nn.cross_entropy(net(x), y), lambda i: (IMAGES[i], LABELS[i])),
    "rnn": (lambda: RNN(8, 16, rng=0), lambda net, x: np.mean(np.square(net(x))), lambda i: (X[i : i + 2],)),
    "transformer block": (
        lambda: TransformerBlock(16, 2, rng=0), lambda net, x: np.mean(np.square(net(x))),
        lambda i: (np.tile(X, 2)[i : i + 2],),
    ),
    "language model": (
        lambda: Transformer(12, 16, 2, 2, 8), next_token_loss, lambda i: (np.random.default_rng(i).integers(0, 12, (3, 9)),)
    ),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_each_model_of_the_book_is_captured(name, optimizer):
    network, loss, data = MODELS[name]
    expect_step_like_eager(step_of(network, OPTIMIZERS[optimizer], loss), data)


def test_a_step_of_two_rivals_draws_the_same_noise():
    def make():
        forger, judge = generator(4, 8, 9), discriminator(8, 9)
        both = rivals(forger, judge)
        source = np.random.default_rng(3)
        step = lambda real: tuple(adversarial_step(forger, judge, both, real, source))
        parameters = [*forger.parameters(), *judge.parameters()]
        return step, SimpleNamespace(parameters=parameters, opt=both.generator, more=[both.discriminator.state])

    expect_step_like_eager(make, lambda i: (np.abs(X[i].reshape(-1)[:36].reshape(4, 9)),))


# Modes

PENALTY = lambda w: np.sum(np.tanh(w) ** 2)
FUNCTIONS = {
    "grad": ab.grad(PENALTY),
    "grad of grad": ab.grad(lambda w: np.sum(ab.grad(lambda v: np.sum(np.tanh(v) * v))(w) ** 2)),
    "value_and_grad": ab.value_and_grad(PENALTY),
    "vmap of grad": ab.vmap(ab.grad(PENALTY)),
    "hessian": lambda w: ab.hessian(PENALTY)(w[0]),
    "hvp": lambda w: ab.hvp(PENALTY)(w, w),
    "jacobian": lambda w: ab.jacobian(np.tanh)(w[0]),
    "jvp": lambda w: ab.jvp(np.tanh, (w,), (w,)),
    "vjp": lambda w: ab.vjp(np.tanh, w)[1](w),
    "elementwise_grad": ab.elementwise_grad(np.tanh),
    "backward of a Variable made inside": lambda w: (v := ab.Variable(w), PENALTY(v).backward(), v.grad)[2],
    "stop_gradient": ab.grad(lambda w: np.sum(ab.stop_gradient(w) * w)),
    "a mask": ab.grad(lambda w: np.sum(w[w > -9] ** 2)),
    "an update": lambda w: operator.iadd(w * 2, w),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_mode_is_captured(name):
    expect_function_like_eager(FUNCTIONS[name], X[0])


@given(programs, seeds)
def test_graphs_of_random_programs_give_the_same_at_other_points(program, seed):
    f = ab.value_and_grad(lambda x, y: execute(program, [x, y], np), (0, 1))
    expect_function_like_eager(f, *points(seed), at=points(seed + 1))


@pytest.mark.parametrize("policy", ["int8", "float16", "bits", "zlib", "disk"])
def test_what_a_policy_loses_is_lost_in_each_call(policy):
    wide = lambda: nn.Sequential(nn.Linear(8, 64, rng=0), np.tanh, nn.Linear(64, 4, rng=1))
    data = lambda i: (np.repeat(X[i], 16, 0), np.repeat(LABELS[i], 16))

    def loss(net, x, y):
        with saved_values(policy):
            return nn.cross_entropy(net(x), y)

    graph = expect_step_like_eager(step_of(wide, loss=loss), data)
    assert graph.count()["pack"] == graph.count()["unpack"] > 0 or policy == "bits"


def test_what_a_checkpoint_computes_again_stands_behind_a_barrier():
    graph = expect_step_like_eager(step_of(loss=checkpointed_loss))
    first, again = ([e for e in graph.equations if e.primitive.name == "matmul" and bool(e.barrier) is late] for late in (False, True))
    assert len(again) == 2 and len(first) > 2


def test_a_schedule_of_checkpoints_is_captured():
    def loss(net, x, y):
        return nn.cross_entropy(ab.checkpoint_sequential([net[0], net[1], net[2]])(x), y)

    graph = expect_step_like_eager(step_of(loss=loss))
    assert any(e.barrier for e in graph.equations)


@pytest.mark.parametrize("policy", [None, ab.keeping("matmul")])
def test_a_checkpoint_that_keeps_some_results_is_captured(policy):
    expect_step_like_eager(step_of(loss=lambda net, x, y: nn.cross_entropy(ab.checkpoint(net, policy=policy)(x), y)))


def test_a_capture_inside_of_another_is_refused():
    with pytest.raises(CaptureError, match="inside of a function"):
        capture(lambda x: capture(lambda v: v * 2, x)(x), X[0])


def test_a_graph_that_is_called_inside_of_another_becomes_a_part_of_it():
    inner = capture(lambda x: np.tanh(x) * 2, X[0])
    outer = capture(lambda x: evaluate(inner, x)[0] + 1, X[0])
    assert outer.count() == {"tanh": 1, "multiply": 1, "add": 1}
    expect_same(outer(X[1]), np.tanh(X[1]) * 2 + 1)


# State


class Counting(nn.Module):
    """Keeps a mean, a count and what it saw last."""

    def __init__(self):
        self.weight, self.mean = ab.Variable(np.ones(8, np.float32)), np.zeros(8, np.float32)
        self.count, self.largest = 0, np.float32(0.0)

    def __call__(self, x):
        self.mean = 0.9 * self.mean + 0.1 * np.mean(x, axis=0)
        self.mean[0] = 1.0
        self.count += 1
        self.largest = np.max(x)
        return np.sum((x - self.mean) * self.weight / self.count)


def test_arrays_and_counts_that_a_module_keeps_go_in_and_come_out():
    def make():
        step, here = step_of(Counting, loss=lambda net, x: net(x))()
        return lambda x: (step(x), here.net.mean, here.net.count, here.net.largest), here

    expect_step_like_eager(make, lambda i: (X[i],))


def test_an_array_in_a_closure_is_written_to():
    total = np.zeros(8, np.float32)
    graph = capture(lambda x: np.add(total, x[0], out=total), X[0])
    assert not total.any()
    graph(X[0]), graph(X[1])
    expect_same(total, X[0][0] + X[1][0])


def test_who_held_the_array_of_a_parameter_keeps_its_numbers():
    step, here = step_of()()
    step(*batches(0))
    graph = capture(step, *batches(0))
    held = here.parameters[0].numpy()
    before = held.copy()
    graph(*batches(1))
    expect_same(held, before)
    assert not np.array_equal(here.parameters[0].numpy(), before)


def test_what_is_handed_out_belongs_to_the_caller():
    x = X[0].copy()
    graph = capture(lambda x: (x.T, x), x)
    turned, same = graph(x)
    turned[...] = 0
    same[...] = 0
    expect_same(x, X[0])


def test_two_places_of_one_array_stay_one():
    shared = np.zeros(8, np.float32)
    here = SimpleNamespace(one=shared, other=shared)

    def f(x):
        here.one += x[0]
        return here.other * 2

    graph = capture(f, X[0])
    expect_same(graph(X[0]), X[0][0] * 2)
    expect_same(graph(X[1]), (X[0][0] + X[1][0]) * 2)
    expect_same(here.other, here.one)


# What is checked on entry

SCALE = 2.0


@pytest.mark.parametrize(
    "wrong", [X[0][:3], X[0].astype(float), 1.0, None], ids=["shape", "dtype", "number", "nothing"]
)
def test_an_argument_of_another_kind_misses(wrong):
    graph = capture(lambda x: x * 2, X[0])
    with pytest.raises((MissedGuard, DifferentiationValueError)):
        graph(wrong)


def test_a_python_number_among_the_arguments_is_never_frozen():
    graph = capture(lambda x, rate: x * rate + rate, X[0], 0.5)
    for rate in (0.25, 3.0):
        expect_same(graph(X[1], rate), X[1] * rate + rate)


def test_a_number_that_counts_is_settled_by_a_guard():
    graph = capture(lambda x, n: sum(x for _ in range(n)), X[0], 3)
    expect_same(graph(X[1], 3), X[1] + X[1] + X[1])
    with pytest.raises(MissedGuard):
        graph(X[1], 4)


def test_a_number_that_a_function_reads_is_looked_at_in_each_call(monkeypatch):
    graph = capture(lambda x: x * SCALE, X[0])
    graph(X[0])
    monkeypatch.setitem(globals(), "SCALE", 3.0)
    with pytest.raises(MissedGuard, match="SCALE"):
        graph(X[0])


def test_an_array_of_places_that_was_written_to_misses():
    places = np.arange(4)
    graph = capture(lambda x: x[:, places], X[0])
    expect_same(graph(X[1]), X[1][:, :4])
    places[0] = 7
    with pytest.raises(MissedGuard):
        graph(X[1])


def test_a_constant_takes_its_own_dtype_and_not_that_of_its_neighbour():
    graph = capture(lambda steps: 1 - 0.9**steps, np.array(3))
    expect_same(graph(np.array(2)), 1 - 0.9 ** np.array(2))


def test_nothing_of_a_function_that_raises_is_left_behind():
    step, here = step_of(finish=lambda here: 1 / 0)()
    before = [p.value for p in here.parameters]
    with pytest.raises(ZeroDivisionError):
        capture(step, *batches(0))
    assert all(p.value is v for p, v in zip(here.parameters, before, strict=True))
    assert all(p.grad is None for p in here.parameters)


def test_a_graph_of_the_same_function_is_the_same_graph():
    f = ab.grad(PENALTY)
    assert capture(f, X[0]) == capture(f, X[1])
    assert capture(f, X[0]) != capture(f, X[0][:2])


def test_memory_can_be_profiled_while_a_graph_is_called():
    step, here = step_of()()
    step(*batches(0))
    graph = capture(step, *batches(0))
    with memory_profile(here.net):
        graph(*batches(1))


def test_a_layer_that_was_exchanged_misses():
    step, here = step_of()()
    graph = capture(step, *batches(0))
    here.net.layers[2] = nn.Linear(16, 4, rng=5)
    with pytest.raises(MissedGuard):
        graph(*batches(0))


def test_another_variable_among_the_arguments_misses():
    one, other = ab.Variable(np.ones(2)), ab.Variable(np.zeros(2))
    graph = capture(lambda v, x: np.sum(v * x), one, np.ones(2))
    expect_same(graph(one, np.ones(2)), np.float64(2.0))
    with pytest.raises(MissedGuard):
        graph(other, np.ones(2))


FACTOR = 2.0


class Scaling:
    share = 0.5

    def scaled(self, x):
        return x * FACTOR * self.share


def test_what_methods_and_classes_read_is_looked_at_in_each_call(monkeypatch):
    scaling = Scaling()
    graph = capture(lambda x: scaling.scaled(x), X[0])
    expect_same(graph(X[1]), X[1] * 2.0 * 0.5)
    monkeypatch.setattr(Scaling, "share", 0.25)
    with pytest.raises(MissedGuard, match="share"):
        graph(X[1])
    monkeypatch.setattr(Scaling, "share", 0.5)
    graph(X[1])
    monkeypatch.setitem(globals(), "FACTOR", 3.0)
    with pytest.raises(MissedGuard, match="FACTOR"):
        graph(X[1])


def test_what_is_read_of_a_module_is_looked_at_in_each_call(monkeypatch):
    module = types.ModuleType("settings_of_the_user")
    module.width = 3.0
    monkeypatch.setitem(globals(), "settings", module)
    graph = capture(lambda x: x * settings.width, X[0])  # noqa: F821
    graph(X[0])
    module.width = 4.0
    with pytest.raises(MissedGuard, match="width"):
        graph(X[0])
