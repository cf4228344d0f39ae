"""Functions that are run again when saved values are asked for."""

import gc
import threading
import weakref

import numpy as np
import pytest
from runs import X, blocks, counted, gradients

import autograd_book as ab
from autograd_book.graph.backward import reachable
from autograd_book.graph.errors import MutatedValueError
from autograd_book.graph.primitive import primitives
from autograd_book.graph.stack import top
from autograd_book.memory.checkpoint import checkpoint, keeping
from autograd_book.memory.notes import ReplayError
from autograd_book.memory.replay import Ticket, replay


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


@pytest.mark.parametrize(
    "change",
    [
        lambda x, n: x**n,
        lambda x, n: np.sin(x) if n == 2 else np.cos(x),
        lambda x, n: np.sin(np.sin(x)) if n == 2 else np.sin(x),
        lambda x, n: np.sin(x) if n == 2 else np.sin(np.sin(x)),
        lambda x, n: checkpoint(np.sin)(x) if n == 2 else np.sin(x),
        lambda x, n: np.sin(x) if n == 2 else checkpoint(np.sin)(x),
        lambda x, n: x * np.full(3, n)[:1],
    ],
)
@pytest.mark.parametrize("check", [True, False])
def test_what_differs_while_an_outer_call_is_replayed_is_reported(change, check) -> None:
    numbers = iter([2, 3, 2, 2, 2])  # the replay of the inner call itself does what the first run did
    inner = checkpoint(lambda x: change(x, next(numbers)))
    outer = checkpoint(lambda x: np.sum(np.sin(inner(np.sin(x)))), check=check)
    with pytest.raises(ReplayError, match="when it was run again"):
        ab.grad(outer)(np.ones(1))


def test_fewer_and_more_operations_are_reported() -> None:
    x = ab.Variable(X)
    for counts in ([3, 2], [2, 3]):
        def f(v, counts=counts):
            for _ in range(counts.pop(0)):
                v = np.exp(-v)
            return np.tanh(v) * 2.0

        with pytest.raises(ReplayError):
            checkpoint(f)(x).sum().backward()


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


@pytest.mark.parametrize("policy", ["zlib", "disk"])
@pytest.mark.parametrize("size", [400, 40_000])
def test_packed_arguments_are_not_taken_for_changed_ones_in_any_mode(policy, size) -> None:
    x = np.sin(np.arange(float(size)))
    cube = lambda x: np.sum(checkpoint(lambda x: x * np.sin(x))(x) * x)
    plain = lambda x: np.sum(x * np.sin(x) * x)
    with ab.saved_values(policy):
        packed = ab.hvp(cube)(x, x), ab.grad(lambda x: ab.jvp(cube, (x,), (np.cos(x),))[1])(x)
    expected = ab.hvp(plain)(x, x), ab.grad(lambda x: ab.jvp(plain, (x,), (np.cos(x),))[1])(x)
    for ours, theirs in zip(packed, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)
