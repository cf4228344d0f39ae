"""Every buffer of a step is accounted for, and what the accounts say is what tracemalloc sees (book/memory/meter.md)."""

import gc
import json
import os
import subprocess
import sys
import threading
import tracemalloc
from contextlib import nullcontext

import numpy as np
import pytest
from hypothesis import given, settings
from programs import execute, points, programs, seeds

import autograd_book as ab
from autograd_book import Variable, nn
from autograd_book.graph.interpreter import Interpreter
from autograd_book.graph.variable import push, top
from autograd_book.learn.optim import SGD, AdamW
from autograd_book.learn.sequence import RNN, Transformer, next_token_loss
from autograd_book.memory import meter
from autograd_book.memory.checkpoint import checkpoint
from autograd_book.memory.meter import keep_pages, memory_profile, plan_arena, recycle
from autograd_book.stability.precision import nodes_of

rng = np.random.default_rng(0)


def perceptron():
    network = nn.Sequential(*(nn.Linear(256, 256, rng=i) if i % 2 == 0 else nn.ReLU() for i in range(5)))
    x, labels = rng.normal(size=(512, 256)).astype(np.float32), rng.integers(0, 256, 512)
    return [network], lambda: nn.cross_entropy(network(x), labels)


def recurrent():
    layer, readout = RNN(32, 256, rng=0), nn.Linear(256, 10, rng=1)
    x, labels = rng.normal(size=(128, 10, 32)).astype(np.float32), rng.integers(0, 10, 128)
    return [layer, readout], lambda: nn.cross_entropy(readout(layer(x)[:, -1]), labels)


def convolutional():
    kernels = [Variable(0.3 * rng.normal(size=s).astype(np.float32)) for s in ((16, 1, 3, 3), (16, 16, 3, 3))]
    readout = nn.Linear(16 * 7 * 7, 10, rng=1)
    x, labels = rng.normal(size=(32, 1, 28, 28)).astype(np.float32), rng.integers(0, 10, 32)

    def loss():
        h = x
        for kernel in kernels:
            h = ab.max_pool2d(ab.relu(ab.conv2d(h, kernel, padding=1)), 2)
        return nn.cross_entropy(readout(h.reshape(32, -1)), labels)

    return [kernels, readout], loss


def transformer():
    network = Transformer(64, width=128, heads=4, blocks=1, context=64)
    tokens = rng.integers(0, 64, (8, 65))
    return [network], lambda: next_token_loss(network, tokens)


MODELS = [perceptron, recurrent, convolutional, transformer]


def training(model):
    """Owners, optimiser, and one training step of a model; warmed up, so that lazy work is done."""
    owners, loss = model()
    optimizer = AdamW([v for owner in owners for v in meter.parameters_of(owner)])

    def step():
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    step()
    return [*owners, optimizer], step


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
    assert len(full) == 2 and all(b.died is not None for b in full)


def test_the_sum_that_the_walk_makes_of_two_cotangents_is_a_gradient():
    x = Variable(np.ones(10_000))

    def step():
        x.zero_grad()
        np.sum(x * 2.0 + x * 3.0 + x * 4.0).backward()

    step()  # what Python and NumPy load late
    with memory_profile(x) as profile:
        step()
    gradients = [b for b in profile.buffers if any(kind == "gradient" for _, kind in b.kinds)]
    assert len(gradients) >= 5 and sum(b.died is None for b in gradients) == 1  # three parts, two sums, and what is kept
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


def test_the_owner_is_the_last_array_behind_views_and_variables(tmp_path):
    x, outside = np.zeros((6, 6)), np.frombuffer(bytearray(288)).reshape(6, 6)
    v = Variable(x)
    mapped = np.memmap(tmp_path / "numbers", np.float64, "w+", shape=(6, 6))
    windows = np.lib.stride_tricks.sliding_window_view
    matrix = x.view(np.ma.MaskedArray)  # a view of another class
    cases = [
        (x, x), (x[1:].T[::2], x), (np.broadcast_to(x, (3, 6, 6)), x), (x.view(np.uint8)[2:], x), (matrix[1:], x),
        (windows(x, (2, 2)), x), (windows(x.T, (2, 2))[1:], x),
        (np.lib.stride_tricks.as_strided(x, (36, 36), (8, 0))[2:], x),
        (v[1:].T, v.value), (ab.grad, None), (np.float64(3.0), None), (3.0, None), (None, None), ((6, 6), None),
    ]
    for value, expected in cases:
        assert meter.owner_of(value) is expected
    seen = []
    ab.grad(lambda v: np.sum(v * (seen.append(v[1:]) or 1.0)))(x)  # a Variable of a Record of its own
    assert meter.owner_of(seen[0]).shape == (6, 6)
    for array in (outside, mapped):  # memory of others: the array next to it, which owns nothing
        owner = meter.owner_of(np.asarray(array)[1:].T[1:])
        assert isinstance(owner, np.ndarray) and not owner.flags.owndata
        assert owner is meter.owner_of(array[::2]) and np.shares_memory(owner, array)
        assert owner.__array_interface__["data"][0] == array.__array_interface__["data"][0]


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


def test_lines_and_primitives_are_named_forward_and_backward():
    x = Variable(np.ones(1000))
    np.sum(np.exp(x)).backward()  # what is made once
    x.zero_grad()
    with memory_profile(x) as profile:
        loss = np.sum(np.exp(x))  # here
        loss.backward()
    here = "test_meter.py:" + str(test_lines_and_primitives_are_named_forward_and_backward.__code__.co_firstlineno + 5)
    made = [b.place for b in profile.buffers if b.place.name == "exp"]
    assert [place.phase for place in made] == ["forward", "backward"]
    assert all(place.line.endswith(here) for place in made)
    assert "exp, backward" in profile.by_primitive()
    assert any(line.endswith(here) for line in profile.by_line())


def test_phases_follow_one_another():
    owners, step = training(perceptron)
    with memory_profile(*owners) as profile:
        step()
    phases = [span.place.phase for span in profile.spans]
    assert list(dict.fromkeys(phases)) == ["forward", "backward", "update"]
    assert phases == sorted(phases, key=["forward", "backward", "update"].index)


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


def test_an_empty_block_is_a_profile():
    with memory_profile() as profile:
        pass
    assert profile.peak < 10_000 and profile.holders() == [] and len(profile.table().rows) == 0
    assert profile.never_read() == profile.never_used() == profile.lifetimes() == []


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


def test_what_is_saved_and_never_read_is_listed_with_its_line():
    x = Variable(np.ones(1000))
    with memory_profile(x) as profile:
        np.sum(np.exp(x)).backward()
        unused = np.tanh(x)  # nobody differentiates it
    (found,) = profile.never_read()
    assert (found.place.name, found.nbytes) == ("tanh", 8000) and unused.shape == (1000,)


def test_what_is_computed_and_never_used_is_listed_with_what_it_was_made_of():
    x = Variable(np.ones(1000))
    with memory_profile(x) as profile:
        np.sqrt(np.exp(x) + 1.0)  # all three for nothing
        y = np.sin(x)  # used
        np.cos(y)  # for nothing
        np.sum(y).backward()
    assert [b.place.name for b in profile.never_used()] == ["exp", "add", "sqrt", "cos"]


#: What each kind of event has to have, by the Trace Event Format.
EVENTS = {
    "X": {"name": str, "cat": str, "ts": (int, float), "dur": (int, float), "pid": int, "tid": int, "args": dict},
    "C": {"name": str, "cat": str, "ts": (int, float), "pid": int, "tid": int, "args": dict},
    "M": {"name": str, "ts": (int, float), "pid": int, "tid": int, "args": dict},
}


def faults(text):
    """What in a text would keep a reader of the Trace Event Format from showing all of it."""
    found = []

    def refuse(word):
        raise ValueError(f"{word} is no number in JSON")

    trace = json.loads(text, parse_constant=refuse)
    if trace.get("displayTimeUnit") not in ("ms", "ns"):
        found.append("unit")
    open_until, last, series = {}, 0.0, {}
    for event in trace["traceEvents"]:
        fields = EVENTS.get(event.get("ph"))
        if fields is None:
            found.append(f"kind {event.get('ph')}")
            continue
        if set(event) != {"ph", *fields}:
            found.append(f"fields {sorted(event)}")
            continue
        found += [key for key, kind in fields.items() if not isinstance(event[key], kind) or isinstance(event[key], bool)]
        if event["ts"] < last or event["ts"] > 3.6e9:  # an hour in microseconds
            found.append("order")
        last = event["ts"]
        if event["ph"] == "M" and (event["name"] not in ("process_name", "thread_name") or not isinstance(event["args"].get("name"), str)):
            found.append("name")
        if event["ph"] == "C":
            values = event["args"].values()
            if not values or not all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values):
                found.append("counter")
            if series.setdefault(event["name"], set(event["args"])) != set(event["args"]):
                found.append("series")
        if event["ph"] == "X":
            stack, end = open_until.setdefault((event["pid"], event["tid"]), []), event["ts"] + event["dur"]
            while stack and stack[-1] <= event["ts"]:
                stack.pop()
            if event["dur"] < 0 or (stack and end > stack[-1] + 1e-3):  # a nanosecond of rounding
                found.append("nesting")
            stack.append(end)
    return found


def test_the_trace_is_in_the_format_that_perfetto_reads(tmp_path):
    owners, step = training(perceptron)
    with memory_profile(*owners) as profile:
        step()
        ab.grad(lambda v: np.sum(np.tanh(v) * v))(np.ones(100))
    file = tmp_path / "trace.json"
    profile.save_chrome_trace(file)
    text = file.read_text()
    assert faults(text) == []
    events = json.loads(text)["traceEvents"]
    kinds = {kind: [e for e in events if e["ph"] == kind] for kind in "MXC"}
    assert [e["args"]["name"] for e in kinds["M"]] == ["memory_profile", "operations"]
    assert len(kinds["X"]) == len(profile.spans) and len(kinds["C"]) == len(profile.moments)
    assert {e["cat"] for e in kinds["X"]} == {"forward", "backward", "update"} and all(e["args"]["line"] for e in kinds["X"])
    assert [e["args"] for e in kinds["C"]] == [meter.composition(m) for m in profile.moments]
    assert max(sum(event["args"].values()) for event in kinds["C"]) == profile.peak
    first, last = profile.moments[0].time, profile.moments[-1].time
    assert kinds["C"][0]["ts"] == 0 and kinds["C"][-1]["ts"] == (last - first) / 1000


def test_of_operations_in_one_another_the_outer_comes_first_in_a_trace():
    there = meter.Place("x", "forward", "here:1")
    spans = [meter.Span(there, 5, 7), meter.Span(there, 5, 9), meter.Span(there, 1, 9)]  # as they end
    books = meter.Books()
    books.spans, books.moments = spans, [meter.Moment(0, there, dict.fromkeys(meter.CATEGORIES, 0), 0, 0)]
    events = meter.events(meter.MemoryProfile(books))
    assert [e["dur"] for e in events if e["ph"] == "X"] == [0.008, 0.004, 0.002]
    text = json.dumps({"traceEvents": events, "displayTimeUnit": "ns"})
    assert faults(text) == []
    assert faults(json.dumps({"traceEvents": events[::-1], "displayTimeUnit": "ns"})) != []


def test_a_table_is_html_on_a_page_and_text_elsewhere():
    table = meter.Table(("a", "b"), [("<x>", 1)])
    assert repr(table) == "a    b\n<x>  1"
    assert table._repr_html_().count("<tr>") == 2 and "&lt;x&gt;" in table._repr_html_()


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
    small, curvature = meter.LEAST, second(at[0])
    meter.LEAST = 1  # so that the small arrays of these programs are recycled
    try:
        plain = ab.value_and_grad(f, argnums=(0, 1))(*at)
        with recycle():
            for _ in range(3):
                pooled = ab.value_and_grad(f, argnums=(0, 1))(*at)
                assert plain[0] == pooled[0] and all(map(np.array_equal, plain[1], pooled[1]))
            assert np.array_equal(second(at[0]), curvature)
    finally:
        meter.LEAST = small


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_training_gives_equal_bits_with_a_pool(model):
    results = []
    for region in (nullcontext, recycle):
        global rng
        rng = np.random.default_rng(0)
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


def test_dead_buffers_find_new_values_and_are_given_back_at_the_end():
    x = Variable(np.ones((300, 300)))
    with recycle() as pool:
        for _ in range(10):
            np.tanh(x)
        assert pool.lent == 8 and len(pool.shelf[x.value.nbytes]) == 1  # one to learn, one to make
    assert not pool.shelf
    assert type(ab.graph.variable.base.below) is not type(pool)


def test_the_pool_serves_its_own_thread_only_and_is_left_after_an_error():
    below = ab.graph.variable.base.below
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
    assert ab.graph.variable.base.below is below


def test_pools_can_be_left_in_any_order():
    below, x = ab.graph.variable.base.below, Variable(np.ones((300, 300)))
    first, second = recycle(), recycle()
    first.__enter__(), second.__enter__()
    first.__exit__(), np.tanh(x), second.__exit__()
    assert ab.graph.variable.base.below is below


def test_one_pool_manager_can_be_entered_again_before_it_is_left():
    below, x, pools = ab.graph.variable.base.below, Variable(np.ones((300, 300))), recycle()
    with pools as outer:
        with pools as inner:
            for _ in range(5):
                np.tanh(x)
            assert inner is not outer and inner.lent + outer.lent == 3
        assert ab.graph.variable.base.below is outer and not inner.shelf
        with pytest.raises(KeyError), pools:
            raise KeyError
        for _ in range(5):
            np.tanh(x)
        assert outer.lent >= 3
    assert ab.graph.variable.base.below is below and not outer.shelf


def test_one_pool_manager_serves_two_threads_each_by_a_pool_of_its_own():
    below, pools = ab.graph.variable.base.below, recycle()
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
    assert seen == [3, 5] and ab.graph.variable.base.below is below


def test_threads_that_enter_and_leave_pools_at_once_lose_none():
    below, pools = ab.graph.variable.base.below, recycle()

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
    assert ab.graph.variable.base.below is below and not pools.pools


PAGES = """
import resource, sys
import numpy as np
from autograd_book.memory.checkpoint import checkpoint
from autograd_book.memory.meter import keep_pages
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
    monkeypatch.setattr(meter.sys, "platform", "win32")
    with pytest.raises(meter.MissingAllocatorError, match="win32.*recycle"):
        keep_pages()


def test_micro_batches_give_the_gradients_of_the_large_batch_at_a_lower_peak():
    network = nn.Sequential(nn.Linear(64, 256, rng=0), nn.ReLU(), nn.Linear(256, 10, rng=1))
    x, labels = rng.normal(size=(512, 64)).astype(np.float32), rng.integers(0, 10, 512)
    gradients, peaks = [], []
    for count in (1, 8):
        network.zero_grad()
        with memory_profile(network) as profile:
            for part in range(count):
                some = slice(part * 512 // count, (part + 1) * 512 // count)
                (nn.cross_entropy(network(x[some]), labels[some]) / count).backward()
        gradients.append([v.grad.numpy() for v in network.parameters()])
        peaks.append(profile.peak)
    for one, many in zip(*gradients, strict=True):
        assert np.allclose(one, many, rtol=1e-4, atol=1e-7)
    assert peaks[1] < 0.6 * peaks[0]


def test_what_was_checkpointed_in_a_profile_can_be_walked_after_it():
    w = Variable(np.full((40, 40), 0.5))
    with memory_profile() as profile:
        loss = np.sum(checkpoint(lambda v: np.sin(np.tanh(v)))(w))
    moments = len(profile.moments)
    loss.backward()
    assert len(profile.moments) == moments
    expected = np.cos(np.tanh(0.5)) * (1 - np.tanh(0.5) ** 2)
    np.testing.assert_allclose(w.grad.numpy(), np.full((40, 40), expected))


def test_the_iterator_over_the_parameters_may_be_given_and_used_twice():
    network = nn.Linear(64, 32, rng=0)
    block = memory_profile(network.parameters())
    for _ in range(2):
        with block as profile:
            pass
        assert profile.moments[-1].live["parameter"] == sum(v.value.nbytes for v in network.parameters())
        assert repr(profile) == f"<MemoryProfile: peak {profile.peak:,} bytes, 2 moments>"
    with pytest.raises(ab.DifferentiationTypeError, match="given list .*no parameter"):
        memory_profile(iter([]))


def test_an_optimiser_may_be_named_twice():
    optimizer, level = SGD([Variable(np.ones(3))], 0.1), top.get()
    with memory_profile(optimizer, optimizer):
        pass
    assert "update" not in vars(optimizer) and top.get() is level and not tracemalloc.is_tracing()
