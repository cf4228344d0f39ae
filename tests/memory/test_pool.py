"""Buffers are used again only when nobody holds them, and arenas have no overlaps (book/memory/pool.md)."""

import os
import subprocess
import sys
import threading
from contextlib import nullcontext

import numpy as np
import pytest
from hypothesis import given, settings
from programs import execute, points, programs, seeds
from steps import MODELS, perceptron, training

import autograd_book as ab
from autograd_book import Variable
from autograd_book.memory import pool
from autograd_book.memory.pool import keep_pages, plan_arena, recycle
from autograd_book.memory.report import memory_profile


def test_second_derivatives_by_create_graph_pass_through_meter_and_pool():
    answers = []
    for region in (nullcontext, memory_profile, recycle):
        x = Variable(np.linspace(0.1, 1.0, 20_000))
        with region():
            np.sum(np.exp(np.tanh(x))).backward(create_graph=True)
            g, x.grad = x.grad, None
            np.sum(g * g).backward()
        answers.append(x.grad.numpy())
    assert np.any(answers[0]) and all(np.array_equal(answers[0], other) for other in answers[1:])


def overlaps(lifetimes, offsets):
    """Pairs that lie on each other while both are alive, by comparing each with each."""
    placed = [(s, e, o, o + n) for (s, e, n), o in zip(lifetimes, offsets, strict=True)]
    return [
        (a, b)
        for i, a in enumerate(placed)
        for b in placed[:i]
        if a[0] < b[1] and b[0] < a[1] and a[2] < b[3] and b[2] < a[3]
    ]


def most_alive(lifetimes):
    """Lower bound for any plan."""
    return max((sum(n for s, e, n in lifetimes if s <= t < e) for t, _, _ in lifetimes), default=0)


@pytest.mark.parametrize("seed", range(20))
def test_an_arena_has_no_overlaps_and_lies_between_its_bounds(seed):
    made = np.random.default_rng(seed)
    starts, spans, sizes = made.integers(0, 60, 50), made.integers(1, 30, 50), made.integers(1, 1000, 50)
    lifetimes = [(int(s), int(s + d), int(n)) for s, d, n in zip(starts, spans, sizes, strict=True)]
    offsets, size = plan_arena(lifetimes)
    assert overlaps(lifetimes, offsets) == []
    assert most_alive(lifetimes) <= size <= sum(n for *_, n in lifetimes)
    assert min(offsets) == 0 and max(o + n for o, (_, _, n) in zip(offsets, lifetimes, strict=True)) == size


def test_arenas_that_can_be_planned_by_hand():
    assert plan_arena([]) == ([], 0)
    assert plan_arena([(0, 1, 8), (1, 2, 8)]) == ([0, 0], 8)  # one after the other
    assert plan_arena([(0, 2, 8), (1, 3, 8)]) == ([0, 8], 16)
    assert plan_arena([(0, 9, 4), (0, 1, 8), (1, 9, 8)])[1] == 12


def test_the_arena_of_a_real_step_is_near_its_lower_bound():
    owners, step = training(perceptron)
    with memory_profile(*owners) as profile:
        step()
    lifetimes = profile.lifetimes()
    offsets, size = plan_arena(lifetimes)
    assert overlaps(lifetimes, offsets) == [] and size <= 1.2 * most_alive(lifetimes)


@settings(max_examples=15, deadline=None)
@given(programs, seeds)
def test_random_programs_give_equal_bits_with_a_pool(program, seed):
    def f(a, b):
        return execute(program, [a, b], np)

    def second(a):
        return ab.grad(lambda v: np.sum(ab.grad(lambda u: f(u, at[1]))(v) ** 2))(a)

    at = points(seed)
    small, curvature = pool.LEAST, second(at[0])
    pool.LEAST = 1  # so that the small arrays of these programs are recycled
    try:
        plain = ab.value_and_grad(f, argnums=(0, 1))(*at)
        with recycle():
            for _ in range(3):
                pooled = ab.value_and_grad(f, argnums=(0, 1))(*at)
                assert plain[0] == pooled[0] and all(map(np.array_equal, plain[1], pooled[1]))
            assert np.array_equal(second(at[0]), curvature)
    finally:
        pool.LEAST = small


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_training_gives_equal_bits_with_a_pool(model):
    results = []
    for region in (nullcontext, recycle):
        owners, step = training(model)
        with region():
            step(), step()
        results.append([v.numpy().copy() for v in owners[-1].parameters])
    assert all(map(np.array_equal, *results))


def test_a_value_that_somebody_holds_is_never_overwritten():
    x = Variable(np.full((300, 300), 0.5))
    with recycle() as pool:
        for _ in range(3):
            np.tanh(x) * 2.0
        held = np.tanh(x).numpy()
        part = (x * 3.0)[2:5]
        before = held.copy(), part.numpy().copy()
        for _ in range(5):
            np.exp(x) * np.sin(x) + np.tanh(x)
            x * 7.0
        assert pool.lent > 5
    assert np.array_equal(held, before[0]) and np.array_equal(part.numpy(), before[1])


def test_a_saved_value_is_never_overwritten():
    x = Variable(np.full((300, 300), 0.5))
    with recycle():
        for _ in range(3):
            np.tanh(x) * 2.0
        loss = np.sum(np.exp(np.tanh(x)))
        for _ in range(5):
            np.tanh(x) * 7.0
        loss.backward()
    t = np.tanh(0.5)
    assert np.allclose(x.grad.numpy(), np.exp(t) * (1 - t * t), rtol=1e-15)


def test_the_pool_steps_aside_unless_an_argument_is_large(monkeypatch):
    served = []
    serve = pool.Pool.serve
    monkeypatch.setattr(pool.Pool, "serve", lambda self, primitive, *rest: served.append(primitive.name) or serve(self, primitive, *rest))
    small, large = Variable(np.ones(pool.LEAST // 8 - 1)), Variable(np.ones(pool.LEAST // 8))
    with recycle() as mine:
        for _ in range(3):
            np.sum(np.tanh(small * 2.0)).backward()
            np.exp(Variable(1.0) * 3.0)
        assert served == [] and not mine.shelf and not mine.results
        np.cos(large)
        assert served == ["cos"]


def test_a_buffer_with_a_view_in_it_stays_on_the_shelf_until_the_view_has_gone():
    shelf, kind = pool.Shelf(), np.dtype(np.float32)
    value = shelf.take((4, 5), kind)
    assert value.shape == (4, 5) and value.dtype == kind and value.flags.writeable and value.flags.c_contiguous
    home, view = id(value.base), value.T[2:]
    del value
    other = shelf.take((5, 4), kind)
    assert id(other.base) != home and shelf.lent == 0
    del view
    last = shelf.take((20,), kind)
    assert id(last.base) == home and shelf.lent == 1


def test_the_buffer_that_was_put_back_last_is_taken_first():
    shelf, kind = pool.Shelf(), np.dtype(float)
    values = [shelf.take((10,), kind) for _ in range(3)]
    homes = [id(value.base) for value in values]
    for i in (1, 0, 2):
        values[i] = None
    assert [id(shelf.take((10,), kind).base) for _ in range(3)] == [homes[2]] * 3


def test_values_that_outlive_a_shelf_are_not_put_back():
    shelf = pool.Shelf()
    value = shelf.take((10,), np.dtype(float))
    shelf.clear()
    del value
    assert not shelf and not shelf.out


def test_dead_buffers_find_new_values_and_are_given_back_at_the_end():
    x = Variable(np.ones((300, 300)))
    with recycle() as pool:
        for _ in range(10):
            np.tanh(x)
        assert pool.lent == 8 and len(pool.shelf[x.value.nbytes]) == 1  # one to learn, one to make
    assert not pool.shelf
    assert type(ab.graph.stack.base.below) is not type(pool)


def test_the_pool_serves_its_own_thread_only_and_is_left_after_an_error():
    below = ab.graph.stack.base.below
    x = Variable(np.ones((300, 300)))

    def work():
        for _ in range(5):
            np.tanh(x)

    with pytest.raises(ValueError, match="halt"), recycle() as pool:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert pool.lent == 0
        raise ValueError("halt")
    assert ab.graph.stack.base.below is below


def test_pools_can_be_left_in_any_order():
    below, x = ab.graph.stack.base.below, Variable(np.ones((300, 300)))
    first, second = recycle(), recycle()
    first.__enter__(), second.__enter__()
    first.__exit__(), np.tanh(x), second.__exit__()
    assert ab.graph.stack.base.below is below


def test_one_pool_manager_can_be_entered_again_before_it_is_left():
    below, x, pools = ab.graph.stack.base.below, Variable(np.ones((300, 300))), recycle()
    with pools as outer:
        with pools as inner:
            for _ in range(5):
                np.tanh(x)
            assert inner is not outer and inner.lent + outer.lent == 3
        assert ab.graph.stack.base.below is outer and not inner.shelf
        with pytest.raises(KeyError), pools:
            raise KeyError
        for _ in range(5):
            np.tanh(x)
        assert outer.lent >= 3
    assert ab.graph.stack.base.below is below and not outer.shelf


def test_one_pool_manager_serves_two_threads_each_by_a_pool_of_its_own():
    below, pools = ab.graph.stack.base.below, recycle()
    entered, left, seen = threading.Event(), threading.Event(), []

    def lent(pool):
        x, before = Variable(np.ones((300, 300))), pool.lent
        for _ in range(5):
            np.tanh(x)
        return pool.lent - before

    def work():
        with pools as pool:
            seen.append(lent(pool))
            entered.set()
            left.wait(60)
            seen.append(lent(pool))

    thread = threading.Thread(target=work)
    with pools as pool:
        thread.start()
        entered.wait(60)
        assert lent(pool) == 3
    left.set()
    thread.join()
    assert seen == [3, 5] and ab.graph.stack.base.below is below


def test_threads_that_enter_and_leave_pools_at_once_lose_none():
    below, pools = ab.graph.stack.base.below, recycle()

    def work():
        for _ in range(300):
            with pools, recycle():
                pass

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert ab.graph.stack.base.below is below


PAGES = """
import resource, sys
import numpy as np
from autograd_book.memory.checkpoint import checkpoint
from autograd_book.memory.pool import keep_pages
if sys.argv[1] == "keep":
    keep_pages()
def work():
    return [np.ones(1 << 18) for _ in range(8)]
work(); work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs glibc")
def test_kept_pages_are_not_faulted_in_again():
    # Otherwise the C library moves this limit as it likes, and may keep all pages by itself.
    fixed = os.environ | {"GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=131072"}
    faults = {
        how: int(subprocess.run([sys.executable, "-c", PAGES, how], env=fixed, capture_output=True, text=True, check=True).stdout)
        for how in ("as is", "keep")
    }
    assert faults["keep"] < 0.05 * faults["as is"]


def test_where_there_is_no_glibc_keep_pages_says_so(monkeypatch):
    monkeypatch.setattr(pool.sys, "platform", "win32")
    with pytest.raises(pool.MissingAllocatorError, match="win32.*recycle"):
        keep_pages()
