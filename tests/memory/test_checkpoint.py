"""Checkpointed functions: the same gradients from fewer bytes."""

import gc
import threading
import tracemalloc
import weakref
from functools import partial

import numpy as np
import pytest

import autograd_book as ab
from autograd_book.graph.backward import reachable
from autograd_book.graph.errors import DifferentiationTypeError, DifferentiationValueError, MutatedValueError
from autograd_book.graph.interpreter import Interpreter
from autograd_book.graph.primitive import primitives
from autograd_book.graph.variable import push, top
from autograd_book.learn.sequence import TransformerBlock
from autograd_book.memory.checkpoint import ReplayError, Ticket, checkpoint, keeping, replay
from autograd_book.memory.pool import recycle
from autograd_book.memory.saved import saved_values


class Counts(Interpreter):
    """Counts operations by name."""

    def __init__(self, below, found) -> None:
        super().__init__(below)
        self.found = found

    def bind(self, primitive, args, params):
        self.found[primitive.name] = self.found.get(primitive.name, 0) + 1
        return self.below.bind(primitive, args, params)


def counted():
    found = {}
    return found, push(Counts, found)


def blocks(n=4, width=16, seed=0):
    rng = np.random.default_rng(seed)
    return [ab.nn.Sequential(ab.nn.Linear(width, width, rng=rng, dtype=float), np.tanh) for _ in range(n)]


def parameters(layers):
    return [p for layer in layers for p in layer.parameters()]


def gradients(run, leaves):
    """The value of a run and the gradients of leaves after it."""
    for leaf in leaves:
        leaf.zero_grad()
    out = run()
    out.backward()
    return out.item(), [leaf.grad.numpy().copy() for leaf in leaves]


def same(plain, other, leaves):
    """Both runs give the same value and gradients, to the bit."""
    (a, ga), (b, gb) = gradients(plain, leaves), gradients(other, leaves)
    assert a == b
    for p, q in zip(ga, gb, strict=True):
        np.testing.assert_array_equal(p, q)


X = np.random.default_rng(5).normal(size=(8, 16))


# The same gradients


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


# Inside other transformations


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


# Memory


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


def test_frames_die_with_the_graph_without_the_collector() -> None:
    x = ab.Variable(X)
    gc.disable()
    try:
        out = np.sum(checkpoint(lambda v: checkpoint(np.exp)(v) * v)(x))
        tickets = [weakref.ref(n.saved) for n in reachable(out.node) if type(n.saved) is Ticket]
        assert len({t().frame for t in tickets}) == 2
        out.backward()
        assert all(ticket() is None for ticket in tickets)
    finally:
        gc.enable()


def test_arrays_of_a_ticket_are_those_held_at_the_moment() -> None:
    x = ab.Variable(X)
    out = checkpoint(lambda v: np.exp(v * v))(x)
    tickets = [node.saved for node in reachable(out.node) if type(node.saved) is Ticket]
    assert len(tickets) == 2
    assert all(len(t.arrays()) == 1 and t.arrays()[0] is x.value for t in tickets)
    replay(tickets[1].frame, tickets[1])
    assert [len(t.arrays()) for t in tickets] == [3, 2]


# What is computed again


@pytest.fixture
def products(monkeypatch):
    """Counts matrix products of plain arrays."""
    known, calls = primitives[np.matmul], []
    plain = known.fun
    monkeypatch.setattr(known, "fun", lambda *a: (calls.append(1), plain(*a))[1])
    return calls


def last_ticket(out):
    return max((n for n in reachable(out.node) if type(n.saved) is Ticket), key=lambda n: n.index).saved


def test_each_operation_is_run_once_more_and_the_last_not_at_all(products) -> None:
    x, w = ab.Variable(X), ab.Variable(np.eye(16))
    out = checkpoint(lambda v: np.tanh(np.exp(v) @ w) @ w)(x)
    assert len(products) == 2
    last_ticket(out).recall()
    assert len(products) == 3


def test_a_replay_ends_with_the_last_value_that_is_needed() -> None:
    x, reached = ab.Variable(X), []

    def f(v):
        y = np.exp(v) * v
        reached.append("after the product")
        return y + 1.0 + v

    checkpoint(f)(x).sum().backward()
    assert reached == ["after the product"]


def test_only_the_needed_part_is_run_for_one_of_several_results() -> None:
    found, counting = counted()
    x = ab.Variable(X)

    def f(v):
        return np.exp(v), np.tanh(v)

    with counting:
        first, _ = checkpoint(f)(x)
        found.clear()
        first.sum().backward()
    assert found.get("exp", 0) <= 1 and "tanh" not in found


def test_inner_checkpoints_keep_nothing_while_the_outer_one_is_replayed() -> None:
    runs = []

    def counted(name, f):
        def g(v):
            runs.append(name)
            return f(v)

        return g

    x = ab.Variable(X)
    a, b, c = (counted(n, np.exp) for n in "abc")
    inner = checkpoint(lambda v: checkpoint(a)(v))
    out = checkpoint(lambda v: c(checkpoint(b)(inner(v) * 0.1) * 0.1))(x)
    out.sum().backward()
    # forward; outer again as far as c; b again; inner again as far as the inputs of a; a again
    assert "".join(runs) == "abc" + "abc" + "b" + "a"


# Randomness


def dropout(v, rng):
    return v * (rng.random(v.shape) < 0.5)


class Dropping(ab.nn.Module):
    def __init__(self, rng):
        self.inner = {"rng": [rng]}

    def __call__(self, v):
        return np.tanh(dropout(v, self.inner["rng"][0]) * v)


RNG = np.random.default_rng(0)


def of_global(v):
    return dropout(v, RNG) * v


def ways_to_a_generator(rng):
    return {
        "closure": (lambda v: dropout(v, rng) * v, (), {}),
        "argument": (lambda v, r: dropout(v, r) * v, (rng,), {}),
        "keyword": (lambda v, *, r: dropout(v, r["r"]) * v, (), {"r": {"r": rng}}),
        "default": (lambda v, r=rng: dropout(v, r) * v, (), {}),
        "partial": (partial(lambda r, v: dropout(v, r) * v, rng), (), {}),
        "module": (Dropping(rng), (), {}),
        "method": (Dropping(rng).__call__, (), {}),
        "sequence": (ab.nn.Sequential(np.tanh, Dropping(rng)), (), {}),
        "deep closure": ((lambda g: lambda v: g(v) * v)(lambda v: dropout(v, rng)), (), {}),
    }


@pytest.mark.parametrize("way", ways_to_a_generator(None))
@pytest.mark.parametrize("bits", [np.random.PCG64, np.random.MT19937, np.random.Philox, np.random.SFC64])
def test_generators_are_replayed_and_go_on_as_if_nothing_had_happened(way, bits) -> None:
    def run(wrap):
        rng = np.random.Generator(bits(3))
        rng.random(5, np.float32)
        f, args, kwargs = ways_to_a_generator(rng)[way]
        x = ab.Variable(X)
        out = wrap(f)(x, *args, **kwargs)
        between = rng.random()
        out.sum().backward()
        return x.grad.numpy(), between, rng.random()

    for found, expected in zip(run(checkpoint), run(lambda f: f), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_generator_of_the_module_is_found_by_its_name() -> None:
    x = ab.Variable(X)
    state = RNG.bit_generator.state
    plain = gradients(lambda: of_global(x).sum(), [x])
    RNG.bit_generator.state = state
    found = gradients(lambda: checkpoint(of_global)(x).sum(), [x])
    np.testing.assert_array_equal(plain[1][0], found[1][0])


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("draw", [np.random.random, np.random.standard_normal, lambda n: np.random.rand(n)])
def test_a_function_that_draws_from_the_global_generator_is_refused(draw, check) -> None:
    x = ab.Variable(np.ones(3))
    out = checkpoint(lambda v: v * v * draw(3), check=check)(x)
    with pytest.raises(ReplayError, match=r"default_rng"):
        out.sum().backward()
    assert x.grad is None


def test_the_global_generator_of_other_threads_is_not_set_back() -> None:
    seen, done = [], threading.Event()

    def draw():
        while not done.is_set():
            seen.append(np.random.random())

    thread = threading.Thread(target=draw)
    thread.start()
    x, rng = ab.Variable(np.ones(2000)), np.random.default_rng(0)
    try:
        for _ in range(100):
            out = checkpoint(lambda v: np.tanh(np.exp(np.sin(v * dropout(v, rng)))))(x)
            out.sum().backward()
    finally:
        done.set()
        thread.join()
    assert len(seen) > 100
    assert len(set(seen)) == len(seen)


def test_random_numbers_in_nested_checkpoints_are_replayed() -> None:
    def run(wrap):
        rng = np.random.default_rng(0)
        f = lambda v: dropout(v, rng) * v
        g = lambda v: wrap(f)(wrap(f)(v)) * dropout(v, rng)
        x = ab.Variable(X)
        wrap(lambda v: wrap(g)(v) * dropout(wrap(g)(v), rng))(x).sum().backward()
        return x.grad.numpy(), rng.random()

    for found, expected in zip(run(checkpoint), run(lambda f: f), strict=True):
        np.testing.assert_array_equal(found, expected)


# Not the same again


def test_another_operation_is_reported() -> None:
    x, flip = ab.Variable(X), []

    def f(v):
        flip.append(1)
        return (np.exp(v) if len(flip) == 1 else np.tanh(v)) * v

    with pytest.raises(ReplayError, match=r"did exp as operation 0 .* and tanh when it was run again.*arguments"):
        checkpoint(f)(x).sum().backward()


def test_another_shape_is_reported() -> None:
    x, sizes = ab.Variable(X), [3, 4]
    f = lambda v: np.exp(v[: sizes.pop(0)]) * 1.0
    with pytest.raises(ReplayError, match=r"getitem of float64 and shape \(3, 16\).*shape \(4, 16\)"):
        checkpoint(f, check=False)(x).sum().backward()


def test_fewer_and_more_operations_are_reported() -> None:
    x = ab.Variable(X)
    for counts in ([3, 2], [2, 3]):
        def f(v, counts=counts):
            for _ in range(counts.pop(0)):
                v = np.exp(-v)
            return np.tanh(v) * 2.0

        with pytest.raises(ReplayError):
            checkpoint(f)(x).sum().backward()


def test_hidden_randomness_is_reported_even_of_one_element() -> None:
    x, hidden = ab.Variable(np.ones((300, 300))), [0]

    def f(v):
        noise = np.ones((300, 300))
        noise[177, 93] += hidden[0]
        hidden[0] += 1
        return v * noise * v

    with pytest.raises(ReplayError, match="other values"):
        checkpoint(f)(x).sum().backward()
    hidden[0] = 0
    checkpoint(f, check=False)(x).sum().backward()


def test_randomness_inside_of_a_primitive_is_reported() -> None:
    hidden = {"rng": iter(np.random.default_rng(0).random(9))}

    @ab.primitive("x", x=lambda g, out: g * out)
    def noisy(x):
        return x * next(hidden["rng"])

    with pytest.raises(ReplayError, match="other values"):
        checkpoint(lambda v: np.exp(noisy(v)) * v)(ab.Variable(X)).sum().backward()


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("optimizer", [ab.optim.SGD, ab.optim.Adam])
def test_a_step_before_the_backward_pass_is_reported(optimizer, check) -> None:
    layer, x = ab.nn.Linear(16, 16, rng=0), X.astype(np.float32)
    out = np.sum(checkpoint(layer, check=check)(x) ** 2)
    for p in layer.parameters():
        p.grad = np.ones(p.shape, np.float32)
    optimizer(layer.parameters(), lr=0.1).step()
    with pytest.raises(MutatedValueError, match=r"changed between the forward pass .* Call backward\(\) before"):
        out.backward()


def test_a_step_after_the_backward_pass_is_fine_and_in_place() -> None:
    layer, x = ab.nn.Linear(16, 16, rng=0), X.astype(np.float32)
    optimizer = ab.optim.SGD(layer.parameters(), lr=0.1)
    where = layer.weight.value.ctypes.data
    for _ in range(3):
        optimizer.zero_grad()
        loss = np.sum(checkpoint(layer)(x) ** 2)
        loss.backward()
        optimizer.step()
        assert layer.weight.value.ctypes.data == where


def test_new_data_of_a_parameter_is_reported() -> None:
    w = ab.Variable(np.ones(16))
    out = np.sum(checkpoint(lambda v: np.exp(v * w))(X))
    w.data = np.ones(16)
    with pytest.raises(MutatedValueError, match=r"shape \(16,\)"):
        out.backward()


def test_an_array_argument_that_is_changed_is_reported() -> None:
    x, mask = ab.Variable(X), np.ones((8, 16))
    out = checkpoint(lambda v, m: v * m * v)(x, mask)
    mask[3, 4] = 0.0
    with pytest.raises(ReplayError, match="other values"):
        out.sum().backward()


def test_a_value_captured_late_is_reported() -> None:
    x, outs = ab.Variable(X), []
    for k in range(2):
        scale = ab.Variable(np.full(16, k + 1.0))
        outs.append(checkpoint(lambda v: np.exp(v) * scale)(x))  # noqa: B023
    with pytest.raises(MutatedValueError):
        outs[0].sum().backward()
    outs[1].sum().backward()


def test_a_failed_replay_leaves_nothing_behind() -> None:
    x, raising = ab.Variable(X), []
    rng = np.random.default_rng(0)

    def f(v):
        y = np.exp(v) * v * rng.random(16)
        if raising:
            raise KeyError("again")
        return np.tanh(y)

    out = checkpoint(f)(x)
    tickets = [node.saved for node in reachable(out.node) if type(node.saved) is Ticket]
    before, state = top.get(), rng.bit_generator.state
    raising.append(1)
    with pytest.raises(KeyError, match="again"):
        out.sum().backward()
    assert top.get() is before and rng.bit_generator.state == state
    assert all(t.saved is None for t in tickets)
    raising.clear()
    np.sum(checkpoint(f)(x)).backward()


def test_an_exception_in_the_function_passes_through_and_leaves_the_stack() -> None:
    before = top.get()
    with pytest.raises(ZeroDivisionError):
        checkpoint(lambda v: np.exp(v) * (1 // 0))(ab.Variable(X))
    assert top.get() is before


def test_a_function_that_swallows_exceptions_is_replayed_to_the_end() -> None:
    def f(v):
        try:
            return np.exp(v) * v
        except BaseException:
            return v

    x = ab.Variable(X)
    checkpoint(f)(x).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.exp(X) * (1 + X))


def test_what_is_no_function_is_refused() -> None:
    def generator(v):
        yield v

    async def coroutine(v):
        return v

    for wrong in (3, None, [np.exp], generator, coroutine):
        with pytest.raises(DifferentiationTypeError, match="checkpoint was given"):
            checkpoint(wrong)


# Threads


def test_threads_walk_their_own_checkpoints() -> None:
    net, found = blocks(), {}
    expected = ab.grad(lambda v: np.sum(net[1](net[0](v))))(X).numpy()

    def work(k):
        for _ in range(5):
            found[k] = ab.grad(lambda v: np.sum(checkpoint(net[1])(checkpoint(net[0])(v))))(X).numpy()

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(found) == 4
    for g in found.values():
        np.testing.assert_array_equal(g, expected)


def test_another_thread_may_walk_back() -> None:
    x = ab.Variable(X)
    out = checkpoint(lambda v: checkpoint(np.exp)(v) * v)(x).sum()
    thread = threading.Thread(target=out.backward)
    thread.start()
    thread.join()
    np.testing.assert_allclose(x.grad.numpy(), np.exp(X) * (1 + X))


# Selective


def test_kept_results_are_not_computed_again(products) -> None:
    x, w = ab.Variable(X), ab.Variable(np.eye(16) * 0.5)

    def f(v):
        return np.tanh(np.exp(v @ w) @ w) @ w * v

    plain = gradients(lambda: f(x).sum(), [x, w])
    products.clear()
    out = checkpoint(f, policy=keeping("matmul"))(x)
    assert len(products) == 3
    last_ticket(out).recall()
    assert len(products) == 3
    found = gradients(lambda: checkpoint(f, policy=keeping("matmul"))(x).sum(), [x, w])
    for a, b in zip(plain[1], found[1], strict=True):
        np.testing.assert_array_equal(a, b)


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


# Beside a level that packs saved values


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


def test_generators_used_by_functions_inside_of_the_function_are_found() -> None:
    x = ab.Variable(np.ones(5))
    np.sum(checkpoint(lambda v: (lambda u: u * module_generator.random(5))(np.sin(v)))(x)).backward()
    first = np.random.default_rng(5).random(5)
    np.testing.assert_array_equal(x.grad.numpy(), np.cos(1.0) * first)


module_generator = np.random.default_rng(5)


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
