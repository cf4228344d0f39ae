"""Compiled functions: the numbers of the eager ones, in memory that is planned."""

import threading
import tracemalloc
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from random_steps import Step, close, same_bits
from steps_to_capture import LABELS, X, batches, expect_same, kept, plain, step_of
from test_capture import CLIPPERS, FUNCTIONS, LOSSES, MODELS, OPTIMIZERS, scaled
from test_draws import dropping

import autograd_book as ab
from autograd_book import nn, optim
from autograd_book.modes.trees import leaves
from autograd_book.speed.compile import compile


def left(step: Step) -> list[Any]:
    """What a step leaves behind."""
    held = [step.w, step.b, step.s]
    return [p.numpy() for p in held] + [p.grad.numpy() for p in held if p.grad is not None]


@pytest.mark.parametrize("block", range(40))
def test_a_random_step_does_in_four_calls_what_it_does_eagerly_also_where_freed_memory_is_poisoned(block) -> None:
    for seed in range(25 * block, 25 * block + 25):
        dtype = (np.float32, np.float64)[seed % 2]
        eager, exact, loose = (Step(seed, dtype) for _ in range(3))
        bits = compile(exact, exact=True, poison=True)
        fast = compile(loose, poison=True, memory=0 if seed % 10 == 0 else None) if seed % 5 == 0 else None
        for k in range(4):
            x = eager.x * (1 + k / 8)
            with np.errstate(all="ignore"):
                wanted, one, _ = eager(x), bits(x), fast and fast(x)
            assert same_bits(one.numpy(), wanted.numpy()), (seed, k)
            assert all(map(same_bits, left(exact), left(eager))), (seed, k)
            if fast:
                assert all(close(a, b, dtype) for a, b in zip(left(loose), left(eager), strict=True)), (seed, k)
        assert len(bits.traces) == 1, seed


def test_the_power_of_one_number_has_the_bits_that_numpys_scalars_give_it() -> None:
    def total(x):
        return np.sum(x) ** 0.5 * 1.0, np.sum(x) ** 3, np.max(x) ** np.sum(x)

    run = compile(total, exact=True)
    for x in np.random.default_rng(0).random((2000, 1)):
        expect_same(run(x), total(x))


def expect_compiled_like_eager(make: Any, data: Any = batches, calls: int = 5, between: Any = None, traces: int = 2, tolerance: float = 1e-3) -> Any:
    """A step, compiled exactly, does in several calls to the last bit what it does eagerly, and about that otherwise."""
    np.random.seed(0)
    (step, here), (twin, there), (third, yonder) = make(), make(), make()
    exact, fast = compile(twin, exact=True, poison=True), compile(third, poison=True)
    for i in range(calls):
        for place in (here, there, yonder) if between else ():
            between(place, i)
        wanted = step(*data(i))
        expect_same(exact(*data(i)), wanted)
        expect_same(kept(there), kept(here))
        found = fast(*data(i))
        for a, b in zip(leaves((found, kept(yonder))), leaves((wanted, kept(here))), strict=True):
            np.testing.assert_allclose(plain(a).astype(float), plain(b).astype(float), rtol=tolerance, atol=tolerance)
    assert 1 <= len(exact.traces) <= traces
    return exact


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_optimiser(name) -> None:
    expect_compiled_like_eager(step_of(optimizer=OPTIMIZERS[name]))


@pytest.mark.parametrize("name", CLIPPERS)
def test_each_way_of_clipping(name) -> None:
    expect_compiled_like_eager(step_of(finish=CLIPPERS[name]))


@pytest.mark.parametrize("interval", [1, 2000])
def test_a_scaler(interval) -> None:
    expect_compiled_like_eager(scaled(interval))


def test_a_scaler_whose_gradients_overflow() -> None:
    expect_compiled_like_eager(scaled(2000, 2.0**126), calls=4)


@pytest.mark.parametrize("name", LOSSES)
def test_what_the_book_offers_around_a_loss(name) -> None:
    expect_compiled_like_eager(step_of(loss=LOSSES[name]))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_each_model_of_the_book(name, optimizer) -> None:
    network, loss, data = MODELS[name]
    # AdamW divides by its gradients' size: where attention has gradients of 0 it makes steps of rounding errors
    expect_compiled_like_eager(step_of(network, OPTIMIZERS[optimizer], loss), data, calls=4, tolerance=1e-3 if optimizer == "sgd" else 0.2)


@pytest.mark.parametrize("place", ["closure", "attribute"])
def test_a_compiled_step_draws_what_it_would_have_drawn(place) -> None:
    expect_compiled_like_eager(dropping(place))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_mode(name) -> None:
    f = FUNCTIONS[name]
    exact = compile(f, exact=True)
    for scale in (1, 1, 0.75):
        expect_same(exact(X[0] * np.float32(scale)), f(X[0] * np.float32(scale)))


def test_a_rate_that_changes_at_each_step_needs_no_other_trace() -> None:
    def schedule(here, i):
        here.opt.lr = 0.1 / (1 + i)

    assert len(expect_compiled_like_eager(step_of(optimizer=OPTIMIZERS["adamw"]), between=schedule).traces) == 1


def test_clipping_that_switches_between_calls_has_a_trace_for_each_way() -> None:
    data = lambda i: (X[i % 8] * np.float32(100.0 if i in (3, 4, 7) else 0.01), LABELS[i % 8])
    clip = lambda here: ab.clip_gradients(here.parameters, 1.0)
    exact = expect_compiled_like_eager(step_of(finish=clip), data, calls=9)
    assert len(exact.traces) == 2


def test_who_holds_the_array_of_a_parameter_or_a_gradient_keeps_its_numbers() -> None:
    step, here = step_of()()
    run = compile(step)
    for i in range(3):
        run(*batches(i))
    for i in range(4):
        parameter = here.parameters[0]
        held = [parameter.numpy(), parameter.detach(), parameter.grad, parameter.grad.numpy()]
        before = [np.array(plain(v)) for v in held]
        run(*batches(i))
        expect_same(held, before)
    assert len(run.traces) == 1


def test_gradients_that_are_clipped_between_calls_while_somebody_holds_them_are_read_and_left_alone() -> None:
    def make():
        weight = ab.Variable(np.ones((4, 4)))
        here = SimpleNamespace(parameters=[weight], opt=SimpleNamespace(state=[]), seen=[])

        def step(x):
            loss = np.sum(np.square(x @ weight))
            loss.backward()  # adds to the gradient
            return loss

        return step, here

    def clip(here, i):
        if i:
            gradient = here.parameters[0].grad.numpy()
            here.seen.append((gradient, gradient.copy()))
            ab.clip_gradients(here.parameters, 0.5)

    places = []
    expect_compiled_like_eager(lambda: places.append(made := make()) or made, lambda i: (np.eye(4) * (i + 1),), between=clip)
    for _, here in places:
        for held, before in here.seen:
            expect_same(held, before)


def test_recomputing_takes_less_memory_and_keeps_the_numbers() -> None:
    def f(x):
        a = x * 2.0
        b = np.exp(a)
        return np.sum(np.sin(b) @ np.cos(b).T) + np.sum(a)

    x, sizes = np.random.default_rng(0).standard_normal((64, 64)), []
    for memory in (None, 0):
        run = compile(f, memory=memory, exact=True)
        assert run(x) == run(x) == f(x)
        sizes.append(run.traces[0].plan.size)
    assert sizes[1] < sizes[0]


def test_a_parameter_that_was_set_between_calls_is_read_and_its_old_array_left_alone() -> None:
    def moved(here, i):
        here.old = here.parameters[0].numpy()
        here.was = here.old.copy()
        here.parameters[0].data = here.old * 0.5 + i
        here.parameters[1].zero_grad()

    make = step_of()
    places = []
    expect_compiled_like_eager(lambda: places.append(made := make()) or made, between=moved)
    for _, here in places:
        expect_same([here.old], [here.was])


def test_loaded_state_is_read() -> None:
    def loaded(here, i):
        if i == 3:
            here.net.load_state_dict({k: v * 0.5 for k, v in here.net.state_dict().items()})

    expect_compiled_like_eager(step_of(), between=loaded)


def test_other_sizes_and_dtypes_are_traced_and_known_again() -> None:
    f = lambda x: np.tanh(x) @ x.T
    run = compile(f)
    for _ in range(2):
        for x in (X[0], X[0][:3], X[0].astype(np.float64), X[0].T):
            np.testing.assert_allclose(run(x), f(x), rtol=1e-5)
            assert run(x).dtype == x.dtype
    assert len(run.traces) == 4


def test_the_number_of_traces_is_bounded() -> None:
    run = compile(lambda x, n: x * n, traces=3)
    for n in "abcdefg":
        with pytest.raises(Exception):  # noqa: B017
            run(X[0], n)
    for n in range(2, 9):
        expect_same(run(X[0, :, :n], 2), X[0, :, :n] * 2)
    assert len(run.traces) == 3


def test_what_is_returned_is_not_written_by_the_next_call() -> None:
    run = compile(lambda x: (np.tanh(x), x[0], x.T))
    run(X[0])
    first = run(X[0])
    before = [np.array(v) for v in first]
    run(X[1])
    expect_same(first, before)


def test_a_constant_that_was_written_to_is_seen() -> None:
    table = {"a": np.arange(5)}
    scale = [np.full((5, 8), 2.0, np.float32)]
    f = lambda x: (x * scale[0]) * table["a"][:, None]
    run = compile(f)
    for k in range(4):
        expect_same(run(X[0]), f(X[0]))
        table["a"][1] = k
        scale[0][2] = k


def test_a_function_that_raises_leaves_its_state_as_it_was_and_goes_on() -> None:
    step, here = step_of()()
    run = compile(step)
    for i in range(3):
        run(*batches(i))
    before = kept(here)
    with pytest.raises(ValueError):
        run(X[0], LABELS[0] + 100)
    expect_same([p.numpy() for p in here.parameters], before[: len(here.parameters)])
    run(*batches(3))


def test_what_cannot_be_said_by_a_graph_is_refused_in_the_words_of_capture() -> None:
    run = compile(lambda x: x * float(np.sum(x)))
    run(X[0])
    with pytest.raises(TypeError, match="plain number"):
        run(X[0])


def test_a_compiled_function_can_be_differentiated_and_differentiate() -> None:
    f = lambda x: np.sum(np.tanh(x) ** 2)
    run, slope = compile(f), compile(ab.grad(f))
    for _ in range(3):
        run(X[0])
        np.testing.assert_allclose(slope(X[0]), ab.grad(f)(X[0]), rtol=1e-5)
        np.testing.assert_allclose(ab.grad(run)(X[0]), ab.grad(f)(X[0]), rtol=1e-5)


def test_threads_do_not_see_each_others_numbers() -> None:
    f = lambda x: np.tanh(x @ x.T) @ x
    run, found = compile(f), {}
    for _ in range(2):
        run(X[0])

    def work(i: int) -> None:
        found[i] = [run(X[i]) for _ in range(50)]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, values in found.items():
        assert all(np.allclose(v, f(X[i]), rtol=1e-4, atol=1e-5) for v in values)


def test_a_step_takes_no_large_array_from_the_allocator() -> None:
    net = nn.Sequential(nn.Linear(512, 512, rng=0), nn.ReLU(), nn.Linear(512, 512, rng=1))
    opt = optim.AdamW(net.parameters(), 0.01)
    x = np.random.default_rng(0).standard_normal((256, 512)).astype(np.float32)

    def step(x):
        opt.zero_grad()
        loss = np.mean(np.square(net(x)))
        loss.backward()
        opt.step()
        return loss

    run = compile(step)
    for _ in range(3):
        run(x)
    tracemalloc.start()
    try:
        run(x)
        base = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        run(x)
        grown = tracemalloc.get_traced_memory()[1] - base
    finally:
        tracemalloc.stop()
    assert grown < 262_144  # NumPy's buffers for mixed dtypes; one activation alone has 524,288 bytes


def test_the_program_can_be_read() -> None:
    step, _ = step_of()()
    run = compile(step)
    assert run.source == ""
    for i in range(2):
        run(*batches(i))
    assert run.source.startswith("def step(")
    assert "matmul" in run.source and "# out.backward()" in run.source


def test_two_numbers_that_were_equal_when_they_were_captured_may_change_apart() -> None:
    def decayed(here, i):
        here.opt.weight_decay = 0.0 if i < 2 else 0.1 * i

    exact = expect_compiled_like_eager(step_of(optimizer=lambda p: optim.SGD(p, 0.1)), between=decayed)
    assert len(exact.traces) == 2
