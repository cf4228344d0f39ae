"""Compiled steps whose groups and products are called in C: the results of eager code, whatever is done between the calls."""

import gc
import logging
import subprocess
import sys
import threading
import tracemalloc
from typing import Any

import numpy as np
import pytest
from random_steps import Step, close

import autograd_book as ab
from autograd_book.speed import native as here
from autograd_book.speed import toolchain as tools
from autograd_book.speed.toolchain import toolchain

needs_compiler = pytest.mark.skipif(toolchain() is None, reason="no C compiler on this machine")


def network(seed: int = 0, act: Any = np.tanh) -> Any:
    """A step of a small network, and what it changes."""
    net = ab.nn.Sequential(ab.nn.Linear(7, 5, rng=seed), act, ab.nn.Linear(5, 3, rng=seed + 1))
    optimizer = ab.optim.AdamW(net.parameters(), lr=0.05)
    labels = np.arange(12) % 3

    def step(x: Any) -> Any:
        optimizer.zero_grad()
        loss = ab.nn.cross_entropy(net(x), labels)
        loss.backward()
        ab.clip_gradients(net.parameters(), 1.0)
        optimizer.step()
        return loss

    return step, net, optimizer


X = np.random.default_rng(0).standard_normal((12, 7)).astype(np.float32)


@needs_compiler
@pytest.mark.parametrize("poison", [False, True])
@pytest.mark.parametrize("block", range(3))
def test_random_steps_train_as_eager_ones(block, poison) -> None:
    for seed in range(7 * block, 7 * block + 7):
        dtype = (np.float32, np.float64)[seed % 2]
        eager, other = Step(seed, dtype), Step(seed, dtype)
        fast = ab.compile(other, native=True, poison=poison)
        with np.errstate(all="ignore"):
            for _ in range(4):
                assert close(eager(eager.x).numpy(), fast(other.x).numpy(), dtype), seed
                for p, q in ((eager.w, other.w), (eager.b, other.b), (eager.s, other.s)):
                    assert p.dtype == q.dtype and close(p.numpy(), q.numpy(), dtype), seed
        assert "run(" in fast.source and "void walk" in fast.native_source


@needs_compiler
@pytest.mark.parametrize("act", [np.tanh, ab.relu, ab.gelu, ab.silu])
def test_a_network_with_clipping_and_adam_trains_as_eager(act) -> None:
    (eager, one, _), (step, other, optimizer) = network(act=act), network(act=act)
    fast = ab.compile(step, native=True)
    for k in range(6):
        if k == 4:
            optimizer.lr = 0.05  # a number that is given in each call
        assert np.isclose(float(eager(X).detach().item()), float(fast(X).detach().item()), rtol=1e-4)
    for p, q in zip(one.parameters(), other.parameters(), strict=True):
        np.testing.assert_allclose(p.numpy(), q.numpy(), rtol=1e-3, atol=1e-5)


@needs_compiler
def test_arguments_may_lie_in_any_way_and_be_gone_after_the_call() -> None:
    fast = ab.compile(lambda x, s: np.sum(np.tanh(x) * s, axis=1), native=True)
    wide = np.random.default_rng(1).standard_normal((40, 30)).astype(np.float32)
    looks = [wide[:12, :7].copy(), wide[:12, :7], wide[:24:2, :21:3], wide[:7, :12].T, np.asfortranarray(wide[:12, :7]), wide[11::-1, :7]]
    for k, x in enumerate(looks * 3):
        found = fast(x, np.float32(k))
        np.testing.assert_allclose(found, np.sum(np.tanh(x) * k, axis=1), rtol=1e-4, atol=1e-5)
        del x
        gc.collect()


@needs_compiler
def test_what_somebody_holds_is_not_written_and_what_is_replaced_is_read() -> None:
    p = ab.Variable(np.arange(6.0, dtype=np.float32).reshape(2, 3))
    fast = ab.compile(lambda: setattr(p, "value", p.value * 2.0 + np.sum(p.value @ np.ones((3, 3), np.float32)) * 0), native=True)
    for _ in range(3):
        fast()
    held = p.numpy()
    copy = held.copy()
    fast()
    assert np.array_equal(held, copy) and np.array_equal(p.numpy(), 2 * copy)
    for order in "CF":
        p.value = np.array(np.ones((2, 3)), np.float32, order=order)
        fast()
        fast()
        assert np.array_equal(p.numpy(), np.full((2, 3), 4.0))


@needs_compiler
def test_other_shapes_and_types_are_other_traces() -> None:
    fast = ab.compile(lambda x: np.exp(-x * x) + x, native=True)
    for shape, dtype in (((3,), np.float32), ((3,), np.float64), ((0,), np.float32), ((1,), np.float32), ((5, 1), np.float32), ((), np.float32)) * 2:
        x = np.full(shape, 0.5, dtype)
        found = fast(x)
        assert np.shape(found) == shape and np.asarray(found).dtype == dtype
        np.testing.assert_allclose(found, np.exp(-x * x) + x, rtol=1e-6)


@needs_compiler
def test_results_of_a_call_are_not_those_of_the_next() -> None:
    fast = ab.compile(lambda x: (np.tanh(x) * 2.0, np.sum(x * x)), native=True)
    found = [fast(np.full(4, k, np.float32)) for k in range(4)]
    for k, (rows, total) in enumerate(found):
        assert np.allclose(rows, np.tanh(k) * 2) and total == 4 * k * k


@needs_compiler
def test_guards_are_asked_and_nan_is_kept() -> None:
    fast = ab.compile(lambda x: np.sum(np.exp(x) * 2.0) if np.all(x > 0) else np.sum(-x * 3.0), native=True)
    for x in (np.ones(5), np.ones(5), -np.ones(5), np.ones(5), np.full(5, np.nan)):
        wanted = np.sum(np.exp(x) * 2.0) if np.all(x > 0) else np.sum(-x * 3.0)
        np.testing.assert_allclose(fast(x), wanted, rtol=1e-12)
    peak = ab.compile(lambda x: np.max(x * 1.0 + 0.0), native=True)
    for x in (np.ones(9), np.ones(9), np.array([1.0, np.nan, 3.0] * 3)):
        assert np.array_equal(peak(x), np.max(x), equal_nan=True)


@needs_compiler
def test_one_thread_and_two_give_the_same_bits(monkeypatch) -> None:
    x = np.random.default_rng(2).standard_normal(400_000).astype(np.float32)
    found = []
    for count in (1, 2):
        monkeypatch.setattr(here, "threads", lambda count=count: count)
        fast = ab.compile(lambda x: (np.sum(np.tanh(x) * x), np.exp(-x * x)), native=True)
        for _ in range(3):
            total, rows = fast(x)
        assert ("share(" in fast.source) is (count == 2)
        found.append((total.tobytes(), rows.tobytes()))
    assert found[0] == found[1]
    assert sum(t.name.startswith("autograd-book") for t in threading.enumerate()) <= 1


@pytest.mark.parametrize(("words", "most"), [({"OMP": "1"}, 1), ({"OPENBLAS": "1"}, 1), ({"MKL": "8"}, 2), ({"OMP": "x"}, 2)])
def test_the_variables_of_a_blas_limit_the_threads(monkeypatch, words, most) -> None:
    for name in ("OMP", "OPENBLAS", "MKL"):
        monkeypatch.setenv(f"{name}_NUM_THREADS", words.get(name, ""))
    monkeypatch.setattr(here.os, "cpu_count", lambda: 4)
    assert here.threads() == most


@needs_compiler
def test_without_numpys_blas_products_are_calls_of_numpy(monkeypatch) -> None:
    monkeypatch.setattr(here, "product_of", lambda kind: None)
    (eager, one, _), (step, other, _) = network(), network()
    fast = ab.compile(step, native=True)
    for _ in range(4):
        eager(X), fast(X)
    assert "dot(" in fast.source and "product_float32" not in fast.native_source
    for p, q in zip(one.parameters(), other.parameters(), strict=True):
        np.testing.assert_allclose(p.numpy(), q.numpy(), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_a_product_that_is_found_does_as_numpy_does(kind) -> None:
    address = here.product_of(np.dtype(kind))
    if address is None:
        pytest.skip("NumPy carries no BLAS of its own here")
    rng = np.random.default_rng(3)
    x, y, out = rng.standard_normal((9, 6)).astype(kind), rng.standard_normal((6, 4)).astype(kind), np.full((9, 4), np.nan, kind)
    here.multiply(address, np.dtype(kind), x, y, out)
    np.testing.assert_allclose(out, x @ y, rtol=1e-4 if kind is np.float32 else 1e-12)


def test_how_a_matrix_lies_is_what_a_blas_has_to_know() -> None:
    m = np.zeros((8, 6))
    views = [m, m.T, m[:, :3], m[:, :3].T, m[2:5], m[:1], m[:, :1], m[:1, :1], m[::2], m[:, ::2], m[::-1], np.zeros((4, 3))[:, 1:2].T]
    for a in views:
        if (found := here.laid(a)) is not None:
            code, step = found
            b = a if code == 111 else a.T
            again = np.lib.stride_tricks.as_strided(b, b.shape, (step * a.itemsize, a.itemsize))
            assert step >= b.shape[1] and all(
                again[i : i + 1, j : j + 1].ctypes.data == b[i : i + 1, j : j + 1].ctypes.data
                for i in range(b.shape[0]) for j in range(b.shape[1])
            )
    assert here.laid(m[:, ::2]) is None and here.laid(m[::-1]) is None


def test_without_a_compiler_there_are_calls_of_numpy_and_one_line_in_the_log(monkeypatch, caplog) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    tools.say_once.cache_clear()
    f = lambda x: np.sum(np.tanh(x) * x)
    with caplog.at_level(logging.INFO, "autograd_book"):
        fast = ab.compile(f, native=True)
        for k in range(4):
            x = np.full(3 + k // 2, 0.5)
            assert np.isclose(fast(x), f(x))
    assert len(caplog.records) == 1 and fast.native_source == "" and "run(" not in fast.source


def test_native_is_off_unless_it_is_asked_for(monkeypatch) -> None:
    monkeypatch.setattr(tools.subprocess, "run", lambda *args, **kwargs: pytest.fail("a compiler was run"))
    fast = ab.compile(lambda x: np.sum(np.tanh(x) * x))
    for _ in range(3):
        fast(np.ones(3))
    assert fast.native_source == ""


def test_exact_and_native_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="exact=True and native=True"):
        ab.compile(np.tanh, exact=True, native=True)


@needs_compiler
def test_small_numbers_survive_a_native_step() -> None:
    program = (
        "import numpy as np, autograd_book as ab\n"
        "f = ab.compile(lambda x: np.sum(np.tanh(x)) * 2.0, native=True)\n"
        "[f(np.ones(5, np.float32)) for _ in range(3)]\n"
        "assert f.native_source\n"
        "print((np.full(64, 1e-40, np.float32) * np.float32(1) > 0).all())"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "True"


@needs_compiler
def test_a_compiled_step_with_c_makes_no_large_arrays() -> None:
    w = ab.Variable(np.random.default_rng(4).standard_normal(100_000).astype(np.float32))

    def step() -> Any:
        w.grad = None
        loss = np.sum(np.tanh(w) * w)
        loss.backward()
        w.value = w.value - 0.01 * w.grad.numpy()
        return loss

    fast = ab.compile(step, native=True)
    for _ in range(4):
        fast()
    tracemalloc.start()
    for _ in range(3):
        fast()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < w.numpy().nbytes / 10


def images(seed: int = 0) -> Any:
    """A step of a small convolutional network, and its parameters."""
    rng = np.random.default_rng(seed)
    draw = lambda *shape: rng.standard_normal(shape).astype(np.float32) * 0.3
    ps = [ab.Variable(a) for a in (draw(4, 1, 3, 3), draw(4), draw(6, 4, 3, 3), draw(6), draw(24, 3))]
    x, labels, optimizer = draw(5, 1, 14, 14), np.arange(5) % 3, ab.optim.SGD(ps, lr=0.1)

    def step() -> Any:
        optimizer.zero_grad()
        h = ab.max_pool2d(ab.relu(ab.conv2d(x, ps[0], ps[1])), 2)
        h = ab.max_pool2d(ab.relu(ab.conv2d(h, ps[2], ps[3])), 2)
        loss = ab.nn.cross_entropy(np.reshape(h, (5, -1)) @ ps[4], labels)
        loss.backward()
        optimizer.step()
        return loss

    return step, ps


@needs_compiler
def test_a_convolutional_network_trains_as_eager() -> None:
    (eager, one), (step, other) = images(), images()
    fast = ab.compile(step, native=True)
    for _ in range(5):
        assert np.isclose(float(eager().detach().item()), float(fast().detach().item()), rtol=1e-5)
    for p, q in zip(one, other, strict=True):
        np.testing.assert_allclose(p.numpy(), q.numpy(), rtol=1e-4, atol=1e-6)
