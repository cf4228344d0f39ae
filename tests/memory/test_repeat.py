"""The second run of a function has the random numbers of the first, or is refused."""

import threading
from functools import partial

import numpy as np
import pytest
from runs import X, dropout, gradients

import autograd_book as ab
from autograd_book.memory.checkpoint import checkpoint
from autograd_book.memory.notes import ReplayError


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


def test_generators_used_by_functions_inside_of_the_function_are_found() -> None:
    x = ab.Variable(np.ones(5))
    np.sum(checkpoint(lambda v: (lambda u: u * module_generator.random(5))(np.sin(v)))(x)).backward()
    first = np.random.default_rng(5).random(5)
    np.testing.assert_array_equal(x.grad.numpy(), np.cos(1.0) * first)


module_generator = np.random.default_rng(5)


def test_a_generator_that_another_thread_draws_from_during_the_replay_is_reported() -> None:
    rng, calls = np.random.default_rng(0), []

    def noisy(v):
        calls.append(1)
        if len(calls) > 1:
            thread = threading.Thread(target=rng.random)
            thread.start()
            thread.join()
        return np.exp(v * rng.random(3))

    x = ab.Variable(np.ones(3))
    out = checkpoint(noisy)(x)
    with pytest.raises(ReplayError, match="other values"):
        out.sum().backward()
    assert x.grad is None
