"""Checkpointed functions: the same gradients from fewer bytes."""

import gc
import tracemalloc
from functools import partial

import numpy as np
import pytest
from runs import X, blocks, parameters, same

import autograd_book as ab
from autograd_book.graph.backward import reachable
from autograd_book.graph.errors import DifferentiationTypeError, DifferentiationValueError, MutatedValueError
from autograd_book.graph.interpreter import Interpreter
from autograd_book.graph.stack import push, top
from autograd_book.learn.attention import TransformerBlock
from autograd_book.memory.checkpoint import checkpoint, keeping
from autograd_book.memory.notes import ReplayError
from autograd_book.memory.pool import recycle
from autograd_book.memory.replay import Ticket
from autograd_book.memory.saved import saved_values


def test_gradients_of_a_chain_are_the_same_to_the_bit() -> None:
    net = blocks()
    x = ab.Variable(X)

    def run(wrap):
        y = x
        for block in net:
            y = wrap(block)(y)
        return np.sum(y * y)

    same(lambda: run(lambda f: f), lambda: run(checkpoint), [x, *parameters(net)])


def nested(net, x):
    inner = checkpoint(lambda v: net[1](net[0](v)))
    middle = checkpoint(lambda v: net[2](inner(v)))
    return np.sum(checkpoint(lambda v: net[3](middle(v)) * v)(x))


def test_gradients_of_nested_checkpoints_are_the_same_to_the_bit() -> None:
    net, x = blocks(), ab.Variable(X)
    same(lambda: np.sum(net[3](net[2](net[1](net[0](x)))) * x), lambda: nested(net, x), [x, *parameters(net)])


def test_keyword_arguments_trees_and_several_results_pass_through() -> None:
    x, y, z = ab.Variable(X), ab.Variable(X + 1.0), ab.Variable(2.0)

    def f(pair, *, scale, name="b"):
        a, b = pair["a"], pair[name]
        return {"sum": np.tanh(a * b), "rest": (np.exp(a) * scale, [b * b, 3, None])}

    def run(f):
        out = f({"a": x, "b": y}, scale=z)
        assert out["rest"][1][1:] == [3, None]
        return np.sum(out["sum"] * out["rest"][0]) + np.mean(out["rest"][1][0])

    same(lambda: run(f), lambda: run(checkpoint(f)), [x, y, z])


def test_one_of_several_results_can_be_used_alone() -> None:
    x, y = ab.Variable(X), ab.Variable(X + 1.0)
    f = lambda a, b: (np.exp(a) * a, np.tanh(b) * b)
    a, _ = checkpoint(f)(x, y)
    a.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.exp(X) * (X + 1.0))
    assert y.grad is None


def test_results_can_be_walked_one_after_the_other() -> None:
    x = ab.Variable(X)
    a, b = checkpoint(lambda v: (np.exp(v) * v, np.tanh(v) * v))(x)
    a.sum().backward()
    b.sum().backward()
    t = np.tanh(X)
    np.testing.assert_allclose(x.grad.numpy(), np.exp(X) * (X + 1.0) + t + X * (1 - t * t))


def test_a_retained_graph_is_replayed_for_each_walk() -> None:
    calls = []
    x = ab.Variable(X)

    def f(v):
        calls.append(1)
        return np.exp(v) * v

    out = checkpoint(f)(x).sum()
    out.backward(retain_graph=True)
    first = x.grad.numpy().copy()
    out.backward()
    np.testing.assert_array_equal(x.grad.numpy(), 2 * first)
    assert len(calls) == 3


@pytest.mark.parametrize("wrap", [checkpoint, lambda f: checkpoint(lambda v: checkpoint(f)(v) * 1.0)])
def test_second_derivatives_agree_with_the_plain_function(wrap) -> None:
    f = lambda v: np.sum(np.tanh(v * v) * np.exp(v))
    x = np.array([0.3, -0.7, 1.1])
    for order in (ab.grad, lambda f: ab.grad(lambda v: np.sum(ab.grad(f)(v) ** 2)), ab.hessian):
        np.testing.assert_allclose(order(wrap(f))(x), order(f)(x), rtol=1e-12)
    third = lambda f: ab.grad(ab.grad(ab.grad(f)))
    np.testing.assert_allclose(third(wrap(lambda v: np.sin(v) * v))(0.4), third(lambda v: np.sin(v) * v)(0.4))


def test_create_graph_differentiates_through_a_replay() -> None:
    def second(f):
        x = ab.Variable(np.array([0.3, -0.7]))
        f(x).sum().backward(create_graph=True)
        g = x.grad
        x.grad = None
        np.sum(g * g).backward()
        return x.grad.numpy()

    f = lambda v: np.tanh(v) * np.exp(v) * v
    np.testing.assert_allclose(second(checkpoint(f)), second(f), rtol=1e-12)


@pytest.mark.parametrize("inside", [False, True])
def test_parameters_in_outer_transformations_get_second_derivatives(inside) -> None:
    w, x = np.array([[0.5, -0.2], [0.1, 0.9]]), np.array([0.3, -0.4])

    def penalty(wrap):
        def loss(w):
            f = wrap(lambda v: np.tanh(v @ w) * v)
            return np.sum(ab.grad(lambda v: np.sum(f(v) ** 2))(x) ** 2)

        return loss

    plain, kept = penalty(lambda f: f), penalty(checkpoint)
    kept = checkpoint(kept) if inside else kept
    np.testing.assert_allclose(ab.grad(kept)(w), ab.grad(plain)(w), rtol=1e-12)
    v = ab.Variable(w)
    kept(v).backward()
    np.testing.assert_allclose(v.grad.numpy(), ab.grad(plain)(w), rtol=1e-12)


def test_vjp_pulls_several_cotangents() -> None:
    f = lambda v: np.tanh(v) * v
    _, pull = ab.vjp(checkpoint(f), X)
    _, plain = ab.vjp(f, X)
    for g in (np.ones_like(X), X):
        np.testing.assert_array_equal(pull(g)[0], plain(g)[0])


@pytest.mark.parametrize("mode", ["reverse", "forward"])
def test_jacobian_in_both_modes(mode) -> None:
    f = lambda v: np.tanh(v * v[::-1]) @ np.ones((3, 2))
    x = np.array([0.3, -0.7, 1.1])
    np.testing.assert_allclose(ab.jacobian(checkpoint(f), mode=mode)(x), ab.jacobian(f, mode=mode)(x))


def test_jvp_and_gradients_of_it() -> None:
    f = lambda v: np.tanh(v * v) * np.exp(v)
    x, t = np.array([0.3, -0.7]), np.array([1.0, 2.0])
    for wrapped in (checkpoint(f), checkpoint(checkpoint(f))):
        for found, expected in zip(ab.jvp(wrapped, (x,), (t,)), ab.jvp(f, (x,), (t,)), strict=True):
            np.testing.assert_array_equal(found, expected)
        through = lambda f: ab.grad(lambda v: np.sum(ab.jvp(f, (v,), (t,))[1] ** 2))
        np.testing.assert_allclose(through(wrapped)(x), through(f)(x))
        over = lambda f: ab.jvp(ab.grad(lambda v: np.sum(f(v) ** 2)), (x,), (t,))[1]
        np.testing.assert_allclose(over(wrapped), over(f))
        thrice = lambda f: ab.grad(lambda v: np.sum(ab.jvp(ab.grad(lambda u: np.sum(f(u) ** 2)), (v,), (t,))[1] ** 2))
        np.testing.assert_allclose(thrice(wrapped)(x), thrice(f)(x), rtol=1e-11)


def test_vmap_inside_and_outside() -> None:
    w = np.array([[0.5, -0.2], [0.1, 0.9]])
    f = lambda w: lambda v: np.tanh(v @ w) * v
    xs = np.random.default_rng(0).normal(size=(5, 2))
    np.testing.assert_allclose(ab.vmap(checkpoint(f(w)))(xs), ab.vmap(f(w))(xs))
    per = lambda wrap: ab.vmap(ab.grad(lambda v: np.sum(wrap(f(w))(v) ** 2)))
    np.testing.assert_allclose(per(checkpoint)(xs), per(lambda f: f)(xs))
    over = lambda wrap: ab.grad(lambda w: np.sum(ab.vmap(wrap(f(w)))(xs) ** 2))
    np.testing.assert_allclose(over(checkpoint)(w), over(lambda f: f)(w))
    around = lambda wrap: ab.grad(lambda w: np.sum(wrap(lambda v: ab.vmap(f(w))(v))(xs) ** 2))
    np.testing.assert_allclose(around(checkpoint)(w), around(lambda f: f)(w))
    deep = lambda wrap: ab.grad(lambda w: np.sum(ab.vmap(ab.grad(lambda v: np.sum(wrap(f(w))(v) ** 2)))(xs) ** 2))
    np.testing.assert_allclose(deep(checkpoint)(w), deep(lambda f: f)(w), rtol=1e-12)


def test_under_autocast_gradients_agree_to_half_precision() -> None:
    rng = np.random.default_rng(0)
    block, x = TransformerBlock(16, 2, rng=1), rng.normal(size=(4, 6, 16)).astype(np.float32)
    for inside in (False, True):
        found = []
        for wrap in (lambda f: f, checkpoint):
            f = ab.autocast(np.float16)(block) if inside else block
            v = ab.Variable(x)
            if inside:
                loss = np.sum(wrap(f)(v))
            else:
                with ab.autocast(np.float16):
                    loss = np.sum(wrap(f)(v))
            for p in block.parameters():
                p.zero_grad()
            loss.backward()
            found.append([v.grad.numpy(), *(p.grad.numpy() for p in block.parameters())])
        for a, b in zip(*found, strict=True):
            np.testing.assert_allclose(a, b, atol=2e-2 * np.abs(a).max())


def test_debug_nans_finds_what_a_replay_meets() -> None:
    x = ab.Variable(np.array([1.0, 2.0]))
    with ab.debug_nans():
        checkpoint(lambda v: np.exp(v) * v)(x).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.exp([1.0, 2.0]) * [2.0, 3.0])


def test_under_no_grad_the_function_is_called_as_it_is() -> None:
    x, calls = ab.Variable(X), []

    def f(v):
        calls.append(top.get())
        return np.exp(v)

    with ab.no_grad():
        before = top.get()
        out = checkpoint(f)(x)
    assert calls == [before] and not out.requires_grad


def test_a_gradient_inside_no_grad_is_checkpointed() -> None:
    f = lambda v: np.sum(np.tanh(v) * v)
    with ab.no_grad():
        np.testing.assert_array_equal(ab.grad(checkpoint(f))(X), ab.grad(f)(X))


def test_a_function_without_variables_returns_plain_arrays() -> None:
    out = checkpoint(lambda v: {"y": np.exp(v), "n": 3})(X)
    assert type(out["y"]) is np.ndarray and out["n"] == 3


def test_an_inner_derivative_inside_of_a_checkpoint() -> None:
    x = ab.Variable(X)
    f = lambda v: ab.grad(lambda u: np.sum(np.tanh(u) * u * v))(v) * v
    same(lambda: np.sum(f(x)), lambda: np.sum(checkpoint(f)(x)), [x])
    g = lambda v: ab.grad(checkpoint(lambda u: np.sum(np.tanh(u) * u * v)))(v) * v
    same(lambda: np.sum(f(x)), lambda: np.sum(checkpoint(g)(x)), [x])


def test_a_backward_pass_over_values_of_the_same_call_is_refused() -> None:
    x = ab.Variable(X)

    def f(v):
        y = np.sum(np.exp(v) * v)
        y.backward(retain_graph=True)
        return y

    with pytest.raises(ReplayError, match=r"inside the checkpointed function .*grad or vjp"):
        checkpoint(f)(x)


def peak_of(run):
    """Bytes at the peak of a run, above what there was before."""
    run()  # what is made once for all
    gc.collect()
    tracemalloc.start()
    run()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def wide_chain(n, wrap):
    x = ab.Variable(np.full((256, 64), 0.5))
    y = x
    for _ in range(n):
        y = wrap(lambda v: np.tanh(np.exp(np.tanh(np.exp(-v * v)))))(y)
    return np.sum(y)


def test_a_checkpoint_holds_its_input_alone() -> None:
    x, f = ab.Variable(np.full((64, 64), 0.5)), lambda v: np.tanh(np.exp(np.tanh(np.exp(-v * v))))
    checkpoint(f)(x)  # what is made once for all
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    out = checkpoint(f)(x)
    held = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert held < out.value.nbytes + x.value.nbytes / 2


def test_the_peak_of_a_checkpointed_chain_is_its_inputs_and_one_segment() -> None:
    unit = 256 * 64 * 8
    plain = peak_of(lambda: wide_chain(16, lambda f: f).backward()) / unit
    kept = peak_of(lambda: wide_chain(16, checkpoint).backward()) / unit
    assert plain > 5 * 16
    assert kept < 16 + 5 + 5


def test_what_is_no_function_is_refused() -> None:
    def generator(v):
        yield v

    async def coroutine(v):
        return v

    for wrong in (3, None, [np.exp], generator, coroutine):
        with pytest.raises(DifferentiationTypeError, match="checkpoint was given"):
            checkpoint(wrong)


def test_a_policy_may_look_at_the_arguments() -> None:
    x, w, asked = ab.Variable(X), ab.Variable(np.eye(16) * 0.5), []
    policy = keeping("matmul", where=lambda a, b: asked.append(b.shape) or b.ndim == 2)
    out = checkpoint(lambda v: np.exp(v @ w), policy=policy)(x)
    assert asked == [(16, 16)]
    out.sum().backward()


def test_nested_selective_checkpoints_give_the_same_gradients() -> None:
    net, x = blocks(), ab.Variable(X)
    wrap = partial(checkpoint, policy=keeping("matmul"))
    f = lambda v: np.sum(wrap(net[3])(wrap(lambda u: wrap(net[2])(wrap(net[1])(u)))(net[0](v))) * v)
    g = lambda v: np.sum(net[3](net[2](net[1](net[0](v)))) * v)
    same(lambda: g(x), lambda: checkpoint(f)(x), [x, *parameters(net)])
    h = lambda wrap: ab.grad(lambda u: np.sum(ab.grad(lambda v: np.sum(wrap(net[0])(v) ** 2))(u) ** 2))
    np.testing.assert_allclose(h(wrap)(X).numpy(), h(lambda f: f)(X).numpy(), rtol=1e-12)


def test_keeping_names_a_primitive_that_does_not_exist() -> None:
    with pytest.raises(DifferentiationValueError, match=r"'matmull'.*matmul"):
        keeping("matmull")


class Halved:
    """Saved values as float16."""

    def __init__(self, values) -> None:
        self.values = [v.astype(np.float16) for v in values]

    def recall(self):
        return tuple(v.astype(float) for v in self.values)


class Packing(Interpreter):
    """A level that stays on top and packs saved arrays, as a policy would."""

    def under(self, level):
        below, made = self.below.under(level)
        return Packing(below), made

    def hold(self, values):
        if not all(isinstance(v, np.ndarray) and v.size > 9 for v in values):
            return values
        packed.append(values)
        return Halved(values)


packed: list = []


def test_inputs_are_packed_by_the_level_that_packs_saved_values() -> None:
    packed.clear()
    x = ab.Variable(X)
    with push(Packing):
        out = checkpoint(lambda v: np.exp(checkpoint(np.tanh)(v) * v))(x)
    assert len(packed) == 1 and packed[0][0] is x.value
    frames = {n.saved.frame for n in reachable(out.node) if type(n.saved) is Ticket}
    assert any(type(frame.kept) is Halved for frame in frames)
    out.sum().backward()
    t = np.tanh(X)
    np.testing.assert_allclose(x.grad.numpy(), np.exp(t * X) * (t + X * (1 - t * t)), rtol=0.02, atol=0.02)


@pytest.mark.parametrize("size", [3, 2000])
@pytest.mark.parametrize("policy", ["keep", "zlib"])
def test_a_parameter_that_is_an_argument_too_is_reported_when_it_was_changed(policy, size) -> None:
    w = ab.Variable(np.full(size, 2.0))
    with saved_values(policy):
        out = np.sum(checkpoint(lambda a: a * np.sin(w), check=False)(w))
    w.data = np.full(size, 5.0)
    with pytest.raises(MutatedValueError, match="was changed between"):
        out.backward()


@pytest.mark.parametrize("policy", ["zlib", "disk"])
def test_hidden_randomness_is_reported_when_inputs_are_packed_without_loss(policy) -> None:
    x, numbers = ab.Variable(np.zeros(2000)), iter(range(9))
    with saved_values(policy):
        out = np.sum(checkpoint(lambda v: np.sin(v) * next(numbers))(x * 2))
    with pytest.raises(ReplayError, match="the same of other values"):
        out.backward()


def test_parameters_are_not_packed_as_inputs() -> None:
    w = ab.Variable(np.zeros((40, 40)))
    with saved_values("zlib"):
        out = checkpoint(lambda v: np.sin(np.tanh(v)))(w)
    assert out.node.saved.frame.kept[0] is w.value


def test_a_policy_that_is_no_function_is_refused() -> None:
    with pytest.raises(DifferentiationTypeError, match="policy 'matmul'.*keeping"):
        checkpoint(np.tanh, policy="matmul")


def test_results_are_kept_in_a_pool_too() -> None:
    x, w = ab.Variable(np.ones((100, 100))), np.ones((100, 100)) / 100
    with recycle():
        out = checkpoint(lambda v: np.sin(np.tanh(v @ w)), policy=keeping("matmul"))(x)
        assert len(out.node.saved.frame.results) == 1
        np.sum(out).backward()
    t = np.tanh(1.0)
    np.testing.assert_allclose(x.grad.numpy(), np.full((100, 100), np.cos(t) * (1 - t * t)))
