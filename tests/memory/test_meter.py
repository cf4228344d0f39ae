"""Every buffer of a step is accounted for, and what the accounts say is what tracemalloc sees (book/memory/meter.md)."""

import gc
import sys
import threading
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from programs import execute, points, programs, seeds
from steps import MODELS, perceptron, training

import autograd_book as ab
from autograd_book import Variable
from autograd_book.graph.interpreter import Interpreter
from autograd_book.graph.stack import push, top
from autograd_book.learn.optim import SGD
from autograd_book.memory import meter
from autograd_book.memory.checkpoint import checkpoint
from autograd_book.memory.meter import metering
from autograd_book.memory.report import memory_profile
from autograd_book.stability.precision import nodes_of


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_the_peak_agrees_with_tracemalloc_in_an_independent_run(model):
    owners, step = training(model)
    step()  # of another network: what is made once for the process
    gc.collect()
    with memory_profile(*owners) as profile:
        step()
    del owners, step
    gc.collect()
    tracemalloc.start()
    try:
        _, step = training(model)
        gc.collect()
        tracemalloc.reset_peak()
        step()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert abs(profile.peak - peak) <= 0.02 * peak
    assert sum(profile.at_peak.values()) == profile.peak
    assert profile.at_peak["unseen"] < 0.03 * profile.peak  # Python objects


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_parameters_gradients_and_state_are_byte_exact(model):
    owners, step = training(model)
    with memory_profile(*owners) as profile:
        step()
    optimizer = owners[-1]
    live = profile.moments[-1].live
    assert live["parameter"] == sum(v.value.nbytes for v in optimizer.parameters)
    assert live["gradient"] == sum(v.grad.value.nbytes for v in optimizer.parameters)
    assert live["optimizer state"] == sum(a.nbytes for state in optimizer.state for a in state.values())
    assert live["saved value"] == live["cotangent"] == live["temporary"] == 0  # the step has cleared up


def numpy_bytes():
    """Bytes of all arrays that were made since tracemalloc has been at work."""
    only = tracemalloc.DomainFilter(inclusive=True, domain=np.lib.tracemalloc_domain)
    return sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces([only]).traces)


def test_live_bytes_are_those_of_numpys_own_domain_at_every_line():
    x, w = Variable(np.ones((64, 64))), Variable(np.ones((64, 64)))
    np.sum(np.tanh(x @ w)[:32] * 2.0).backward()  # what NumPy makes once
    for leaf in (x, w):
        leaf.zero_grad()
    gc.collect()
    with memory_profile([x, w]) as profile:
        books = top.get().books

        def check():
            assert books.known == numpy_bytes()

        y = x @ w
        check()
        z = np.tanh(y)
        check()
        a = z[:32]
        check()
        del y, z
        check()
        loss = np.sum(a * 2.0)
        check()
        loss.backward()
        check()
        del a, loss
        check()
        SGD([x, w], lr=0.1).step()
        check()
    assert profile.peak > 0


def test_what_is_saved_is_saved_until_the_walk_has_passed():
    x = Variable(np.ones(1000))
    with memory_profile(x) as profile:
        y = np.tanh(x)
        z = np.exp(y)
        loss = np.sum(z)
        held = profile.moments[-1].live["saved value"]
        loss.backward()
        after = profile.moments[-1].live["saved value"]
    assert (held, after) == (16000, 0)  # the results of tanh and exp
    (first,) = [b for b in profile.buffers if b.place.name == "tanh" and b.place.phase == "forward"]
    assert [kind for _, kind in first.kinds] == ["temporary", "saved value", "temporary"]
    del y, z


def test_a_part_is_seen_before_the_walk_sums_it_to_the_shape_of_its_target():
    x, y = Variable(np.ones((1000, 1))), Variable(np.ones((1000, 50)))
    with memory_profile(x, y) as profile:
        np.sum(x * y).backward()
    full = [b for b in profile.buffers if b.place[:2] == ("multiply", "backward") and b.shape == (1000, 50)]
    assert len(full) == 2 and [b.died is None for b in full].count(True) == 1  # what y keeps as its gradient


def test_the_sum_that_the_walk_makes_of_two_cotangents_is_a_gradient():
    x = Variable(np.ones(10_000))

    def step():
        x.zero_grad()
        np.sum(x * 2.0 + x * 3.0 + x * 4.0).backward()

    step()  # what Python and NumPy load late
    with memory_profile(x) as profile:
        step()
    gradients = [b for b in profile.buffers if any(kind == "gradient" for _, kind in b.kinds)]
    assert len(gradients) >= 4 and sum(b.died is None for b in gradients) == 1  # three parts, and a sum added to and kept
    assert max(moment.other for moment in profile.moments) < 40_000


def test_packed_saved_values_are_counted_by_the_arrays_they_hold():
    class Packed:
        def __init__(self, saved):
            self.halves = [np.asarray(v, np.float16) for v in saved]

        def arrays(self):
            return self.halves

        def recall(self):
            return tuple(h.astype(float) for h in self.halves)

    class Pack(Interpreter):
        def bind(self, primitive, args, params):
            out = self.below.bind(primitive, args, params)
            for node in nodes_of(out):
                node.saved = Packed(node.saved)
            return out

    x = Variable(np.ones(1000))
    with memory_profile(x) as profile:
        with push(Pack):
            y = np.tanh(x)
        held = profile.moments[-1].live["saved value"]
        np.sum(y).backward()
    assert held == 2000 and profile.moments[-1].live["saved value"] == 0 and profile.never_read() != []


def test_memory_that_is_not_numpys_has_no_entry():
    x = Variable(np.ones(100))
    with memory_profile() as profile:
        y = x * np.frombuffer(bytes(800))
    assert sorted(b.kind for b in profile.buffers) == ["parameter", "temporary"] and y.shape == (100,)


def test_windows_are_charged_to_the_array_that_they_look_into():
    x = Variable(np.ones((1, 1, 64, 64)))
    with memory_profile(x) as profile:
        y = x * 2.0
        pooled = ab.max_pool2d(y, 4)
    assert [b.kind for b in profile.buffers if b.place.name == "multiply"] == ["saved value"]
    assert profile.moments[-1].live["saved value"] == y.value.nbytes + pooled.value.nbytes


def test_views_count_once():
    x = Variable(np.ones((100, 100)))
    with memory_profile(x) as profile:
        views = [x.T, x.reshape(-1), x[2:4], np.flip(x, 0)]
    assert sum(b.nbytes for b in profile.buffers) == 80000 and len(views) == 4


def test_under_autocast_what_is_saved_is_counted_in_half():
    w = Variable(np.ones((256, 256), np.float32))
    x = np.ones((256, 256), np.float32)
    saved = {}
    for name, region in {"single": ab.no_grad, "half": ab.autocast}.items():
        with memory_profile(w) as profile:
            if name == "half":
                with region():
                    y = np.tanh(np.tanh(x @ w))
            else:
                y = np.tanh(np.tanh(x @ w))
        saved[name] = profile.moments[-1].live["saved value"]
        del y
    assert saved["single"] == 2 * 256 * 256 * 4
    assert saved["half"] < saved["single"]


def test_under_grad_and_at_second_order_the_answer_is_the_same_and_leaves_are_parameters():
    x = np.linspace(0.1, 2.0, 500)

    def f(v):
        return np.sum(np.tanh(v) * v)

    def g(v):
        return np.sum(ab.grad(f)(v) ** 2)

    plain = ab.grad(g)(x)
    with memory_profile() as profile:
        watched = ab.grad(g)(x)
    assert np.array_equal(plain, watched)
    assert profile.moments[-1].live["parameter"] == x.nbytes
    assert profile.at_peak["saved value"] > 0


@settings(max_examples=15, deadline=None)
@given(programs, seeds)
def test_watching_changes_no_result(program, seed):
    def f(a, b):
        return execute(program, [a, b], np)

    plain = ab.value_and_grad(f, argnums=(0, 1))(*points(seed))
    with memory_profile():
        watched = ab.value_and_grad(f, argnums=(0, 1))(*points(seed))
    assert plain[0] == watched[0] and all(map(np.array_equal, plain[1], watched[1]))


def test_a_block_left_by_an_error_has_a_profile_and_leaves_nothing_behind():
    owners, step = training(perceptron)
    before = top.get()
    with pytest.raises(ValueError, match="halt"), memory_profile(*owners) as profile:
        step()
        raise ValueError("halt")
    assert profile.peak > 0 and not tracemalloc.is_tracing() and top.get() is before
    assert "update" not in vars(owners[-1])


def test_an_error_in_a_primitive_leaves_the_books_in_order():
    x = Variable(np.ones(3))
    with memory_profile() as profile:
        with pytest.raises(ValueError, match="broadcast"):
            x + np.ones(4)
        np.sum(x * 2.0).backward()
    assert [span.place.name for span in profile.spans][:2] == ["add", "multiply"]


def test_numbers_have_no_buffer():
    x = Variable(2.0)
    with memory_profile() as profile:
        ((x * 3.0) ** 2).backward()
    assert sum(b.nbytes for b in profile.buffers) <= 16  # two 0-d arrays: the value and its gradient


def test_two_profiles_at_a_time_are_refused_also_from_another_thread():
    errors = []

    def other():
        try:
            with memory_profile():
                pass
        except meter.MeterBusyError as error:
            errors.append(str(error))

    with memory_profile() as profile:
        other()
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        np.sum(Variable(np.ones(10)) * 2.0).backward()
    assert len(errors) == 2 and "Leave the other profile" in errors[0]
    assert {span.place.name for span in profile.spans} == {"multiply", "sum"}


def test_a_profile_can_be_entered_again():
    x = Variable(np.ones(10))
    again = memory_profile(x)
    with again as first:
        x + 1.0
    with again as second:
        x * 1.0
    assert [s.place.name for p in (first, second) for s in p.spans] == ["add", "multiply"]


def test_another_thread_is_not_seen_by_the_meter():
    with memory_profile() as profile:
        thread = threading.Thread(target=lambda: np.tanh(Variable(np.ones(10))))
        thread.start()
        thread.join()
    assert profile.spans == []


@pytest.mark.parametrize("owner", [3, [np.ones(3)], Variable(1.0, requires_grad=False), object()])
def test_an_owner_without_parameters_is_refused(owner):
    with pytest.raises(ab.DifferentiationTypeError, match="no parameter.*Give it networks"):
        memory_profile(owner)


def test_what_was_checkpointed_in_a_profile_can_be_walked_after_it():
    w = Variable(np.full((40, 40), 0.5))
    with memory_profile() as profile:
        loss = np.sum(checkpoint(lambda v: np.sin(np.tanh(v)))(w))
    moments = len(profile.moments)
    loss.backward()
    assert len(profile.moments) == moments
    expected = np.cos(np.tanh(0.5)) * (1 - np.tanh(0.5) ** 2)
    np.testing.assert_allclose(w.grad.numpy(), np.full((40, 40), expected))


def test_an_optimiser_may_be_named_twice():
    optimizer, level = SGD([Variable(np.ones(3))], 0.1), top.get()
    with memory_profile(optimizer, optimizer):
        pass
    assert "update" not in vars(optimizer) and top.get() is level and not tracemalloc.is_tracing()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_at_any_line_of_the_meter_leaves_no_account_and_no_watch_behind() -> None:
    weight = ab.Variable(np.ones(3))
    optimizer = ab.optim.SGD([weight])

    def interrupted(stop_at: int) -> int:
        """Enter and leave, with KeyboardInterrupt at one line of the module; how many lines there were."""
        count = 0

        def trace(frame, event, arg):
            nonlocal count
            if frame.f_code.co_filename != meter.__file__ or frame.f_code.co_name in ("__del__", "end"):
                return None
            count += event == "line"
            if count == stop_at and event == "line":
                raise KeyboardInterrupt
            return trace

        sys.settrace(trace)
        try:
            with metering(weight, optimizer):
                np.sum(weight * 2.0)
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(None)
        return count

    lines = interrupted(-1)
    for stop_at in range(1, lines + 1):
        interrupted(stop_at)
        gc.collect()
        assert not tracemalloc.is_tracing() and "update" not in vars(optimizer), f"line {stop_at} of {lines}"


def test_forward_mode_is_metered_though_its_nodes_are_in_no_graph():
    x = np.ones(100)
    with metering() as books:
        out, tangent = ab.jvp(np.tanh, (x,), (x,))
    np.testing.assert_array_equal(tangent, 1 - out * out)
    assert any(buffer.nbytes == 800 for buffer in books.buffers)


@pytest.mark.parametrize("size", [0, 3])
def test_a_profile_goes_along_with_a_forward_derivative(size) -> None:
    def f(x):
        return np.sum(np.sin(x) * x + np.maximum(x, 0.2))

    def profiled(x):
        with memory_profile():
            return f(x)

    x, t = np.linspace(0.1, 0.9, size), np.arange(1.0, size + 1)
    slope = np.sum((np.cos(x) * x + np.sin(x) + (x > 0.2)) * t)
    np.testing.assert_allclose(ab.jvp(profiled, (x,), (t,))[1], slope, rtol=1e-14)
    np.testing.assert_allclose(ab.hvp(profiled)(x, t), (2 * np.cos(x) - x * np.sin(x)) * t, rtol=1e-14)
