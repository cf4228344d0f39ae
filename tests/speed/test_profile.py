"""Time, work and places of what a block computes. Clocks are made up."""

import json
import threading
from contextvars import copy_context

import numpy as np
import pytest

import autograd_book as ab
from autograd_book.graph.stack import floor, top
from autograd_book.learn.sequence import RNN, Transformer, language_step
from autograd_book.memory import replay
from autograd_book.speed.probes import Kernel
from autograd_book.speed.profile import folded, free_height, profile, rectangles
from autograd_book.speed.roofline import Machine
from autograd_book.speed.work import Work, count_work, total


class Clock:
    """Goes on by one each time it is asked."""

    now = 0

    def __call__(self):
        self.now += 1
        return self.now


def timed(run, *owners):
    with profile(*owners, clock=Clock()) as found:
        run()
    return found


def rows(found, by="primitive"):
    return {(row.name, row.phase): row for row in getattr(found, f"by_{by}")()}


def chain():
    x = ab.Variable(np.ones((3, 4), np.float32))
    np.sum(np.tanh(x) * 2.0).backward()


def test_calls_are_counted_by_primitive_and_phase():
    found = rows(timed(lambda: [chain(), chain()]))
    assert {k: r.calls for k, r in found.items() if k[0] != "the walk"} == {
        (name, phase): 2 for name in ("tanh", "multiply", "sum") for phase in ("forward", "backward")
    }
    assert found["the walk", "backward"].calls == 4  # two gaps in each of two walks


def test_work_is_that_of_the_count():
    with count_work() as counts:
        chain()
    found = rows(timed(chain))
    for key, (calls, work) in counts.items():
        assert (found[key].calls, found[key].work) == (calls, work)
    assert total(counts) == sum((row.work for row in found.values()), Work())


def test_wall_time_is_operations_program_and_profiles_to_the_nanosecond():
    found = timed(chain)
    events = sum(event.itself for event in found.events)
    assert round(found.wall * 1e9) == events + round(found.own * 1e9) + round(found.program * 1e9)
    assert all(event.itself >= event.kernel >= 0 for event in found.events)
    assert found.program >= 0


def test_what_profiles_spend_is_in_no_operation():
    clock = Clock()

    def slow_bookkeeping(event, primitive, taken, given):
        clock.now += 1000

    with profile(clock=clock) as found:
        found.ledger.readers = slow_bookkeeping
        chain()
    assert found.own * 1e9 > 6000
    assert max(event.duration for event in found.events) < 50


def test_time_in_numpy_is_told_from_time_in_the_engine():
    clock = Clock()

    def dear(x):
        clock.now += 500
        return x + 1.0

    class Slow(ab.graph.interpreter.Interpreter):
        def bind(self, primitive, args, params):
            clock.now += 70
            return self.below.bind(primitive, args, params)

    fun = ab.primitive("x", x=lambda g: g)(dear)
    with profile(clock=clock) as found, ab.graph.stack.push(Slow):
        fun(ab.Variable(1.0))
    (row,) = found.by_primitive()
    assert 500 <= row.kernel * 1e9 < 505
    assert 70 <= row.engine * 1e9 < 80


def test_an_operation_inside_of_another_is_taken_out_of_it():
    clock = Clock()

    def outer(x):
        clock.now += 100
        inner(ab.Variable(2.0))
        return x * 1.0

    def cheap(x):
        clock.now += 40
        return x + 1.0

    inner = ab.primitive("x", x=lambda g: g)(cheap)
    fun = ab.primitive("x", x=lambda g: g)(outer)
    with profile(clock=clock) as found:
        fun(ab.Variable(1.0))
    times = {row.name: round(row.seconds * 1e9) for row in found.by_primitive()}
    assert 100 <= times["outer"] < 115
    assert 40 <= times["cheap"] < 50
    assert sum(event.duration for event in found.events if event.above is None) == sum(times.values())


def test_operations_belong_to_the_line_that_asked_for_them_also_on_the_way_back():
    def net(x):
        y = np.tanh(x)
        return np.sum(y * y)

    with profile(clock=Clock()) as found:
        x = ab.Variable(np.ones(3))
        loss = net(x)
        loss.backward()
    first = net.__code__.co_firstlineno
    lines = {(e.place.name, e.place.phase): int(e.place.line.rpartition(":")[2]) - first for e in found.events}
    for phase in ("forward", "backward"):
        assert [lines[name, phase] for name in ("tanh", "multiply", "sum")] == [1, 2, 2]
    assert all(e.place.line.startswith(__file__) for e in found.events)


def test_layers_are_known_by_the_names_of_their_network():
    network = ab.nn.Sequential(ab.nn.Linear(4, 3, rng=0), ab.nn.ReLU(), ab.nn.Linear(3, 2, rng=0))
    run = lambda: np.sum(network(np.ones((5, 4), np.float32))).backward()
    found = rows(timed(run, network), "module")
    expected = {(f"layers.{i}", phase) for i in range(3) for phase in ("forward", "backward")}
    assert expected | {("", "forward"), ("", "backward")} == found.keys()
    assert found["layers.0", "forward"].calls == 2
    flops = lambda key: found[key].work.flops
    assert flops(("layers.0", "forward")) == 2 * 5 * 4 * 3 + 15
    unnamed = rows(timed(run), "module")
    assert ("Linear", "forward") in unnamed


def test_updates_are_events_and_the_optimizer_gets_its_method_back():
    x = ab.Variable(np.ones(3))
    optimizer = ab.optim.SGD([x], lr=0.1)
    with profile(optimizer, clock=Clock()) as found:
        np.sum(x * x).backward()
        optimizer.step()
    assert rows(found)["SGD", "update"].calls == 1
    assert "update" not in vars(optimizer)
    with pytest.raises(KeyError), profile(optimizer):
        raise KeyError
    assert "update" not in vars(optimizer)


def test_values_and_gradients_are_those_without_a_profile():
    def run():
        language = Transformer(11, width=8, heads=2, blocks=1, context=5)
        teacher = ab.optim.AdamW(language.parameters())
        loss = [language_step(language, teacher, np.arange(18).reshape(3, 6) % 11) for _ in range(2)]
        return [np.array(loss), *(p.numpy() for p in language.parameters())]

    plain, found = run(), []
    with profile() as seen:
        found = run()
    for a, b in zip(plain, found, strict=True):
        np.testing.assert_array_equal(a, b)
    assert len(seen.events) > 100


MODES = {
    "vmap": lambda: ab.vmap(ab.grad(lambda x: np.sum(np.tanh(x))))(np.ones((4, 3))),
    "hessian": lambda: ab.hessian(lambda x: np.sum(np.tanh(x)))(np.ones(3)),
    "jvp": lambda: ab.jvp(np.tanh, (np.ones(3),), (np.ones(3),)),
    "autocast": lambda: ab.autocast()(chain)(),
    "no_grad": lambda: ab.no_grad()(lambda: np.tanh(ab.Variable(np.ones(3))))(),
    "checkpoint": lambda: np.sum(ab.checkpoint(np.tanh)(ab.Variable(np.ones(3)))).backward(),
    "debug_nans": lambda: ab.debug_nans()(chain)(),
    "create_graph": lambda: np.sum(np.tanh(ab.Variable(np.ones(3)))).backward(create_graph=True),
    "saved_values": lambda: ab.saved_values("float16")(chain)(),
    "recycle": lambda: ab.recycle()(chain)(),
    "RNN": lambda: np.sum(RNN(3, 4, rng=0)(np.ones((2, 5, 3), np.float32))).backward(),
}


@pytest.mark.parametrize("name", MODES)
@pytest.mark.parametrize("order", ["inside", "outside"])
def test_each_mode_is_profiled_and_adds_up(name, order):
    if order == "inside":
        found = timed(MODES[name])
    else:
        before = top.get(), floor.get()
        found = ab.no_grad()(lambda: timed(MODES[name]))() if name == "no_grad" else timed(MODES[name])
        assert (top.get(), floor.get()) == before
    assert any(event.place.name in ("tanh", "exp") for event in found.events)
    assert all(event.itself >= 0 and event.kernel >= 0 for event in found.events)
    events = sum(event.itself for event in found.events)
    assert round(found.wall * 1e9) == events + round(found.own * 1e9) + round(found.program * 1e9)
    assert found.program >= 0


def test_a_replay_is_a_phase_of_its_own():
    def f(x):
        return np.sum(np.exp(np.tanh(x)))

    found = rows(timed(lambda: ab.checkpoint(f)(ab.Variable(np.ones(5))).backward()))
    tanh = [row for (name, _), row in found.items() if name == "tanh"]
    assert sum(row.work.functions for row in tanh) == 10  # forward, and once more
    assert {phase for name, phase in found if name == "tanh"} == {"forward", "replay", "backward"}
    assert {row.calls for row in tanh} == {1}


def test_a_profile_hides_nothing_from_the_policies_of_checkpoints():
    assert Kernel in replay.PLAIN
    runs = []
    fun = ab.primitive("x", x=lambda g, out: g * out)(lambda x: runs.append(1) or np.exp(x))
    keep = ab.keeping("<lambda>")

    def step():
        runs.clear()
        np.sum(ab.checkpoint(lambda x: np.tanh(fun(np.tanh(x))), policy=keep)(ab.Variable(np.ones(3)))).backward()
        return len(runs)

    plain = step()
    with profile():
        watched = step()
    assert plain == watched == 1


def test_second_derivatives_are_operations_of_their_own():
    found = rows(timed(lambda: ab.grad(ab.grad(np.tanh))(0.5)))
    assert ("multiply", "backward") in found
    assert all(row.kernel <= row.seconds for row in found.values())


def test_nested_profiles_see_the_same_and_not_each_other():
    clock = Clock()
    with profile(clock=clock) as outer:
        np.exp(ab.Variable(1.0))
        with profile(clock=clock) as inner:
            chain()
    alone = timed(chain)
    assert [e.place.name for e in inner.events] == [e.place.name for e in alone.events]
    assert len(outer.events) == len(inner.events) + 1
    for a, b in zip(outer.events[1:], inner.events, strict=True):
        assert a.work == b.work
        assert a.duration <= b.duration + 12  # a few ticks of the clock, not the inner bookkeeping
    assert outer.own > inner.own


def test_an_error_ends_the_profile_and_keeps_what_was_seen():
    before = top.get(), floor.get()
    with pytest.raises(ZeroDivisionError), profile(clock=Clock()) as found:
        np.tanh(ab.Variable(1.0))
        raise ZeroDivisionError
    assert (top.get(), floor.get()) == before
    assert [e.place.name for e in found.events] == ["tanh"]
    assert found.wall > 0


def test_an_operation_that_fails_is_over():
    with profile(clock=Clock()) as found:
        with pytest.raises(ValueError, match="shape"):
            ab.Variable(np.ones(3)) @ np.ones(4)
        np.exp(ab.Variable(1.0))
    assert [(e.place.name, e.above) for e in found.events] == [("matmul", None), ("exp", None)]
    assert all(e.end > e.start for e in found.events)


def test_an_empty_profile_has_tables():
    found = timed(lambda: None)
    assert found.by_primitive() == []
    assert "outside of operations" in str(found.table())
    assert json.loads(json.dumps(found.to_dict()))["primitive"] == []


def test_operations_without_time_have_no_rates():
    with profile(clock=lambda: 7) as found:
        chain()
    assert found.wall == found.own == found.program == 0.0
    assert {row.rate(row.work.nbytes) for row in found.by_primitive()} == {0.0}
    assert "0.0" in str(found.table())


def test_another_thread_is_seen_in_a_copy_of_the_context_and_only_there():
    with profile() as found:
        context = copy_context()
        for run in (chain, lambda: context.run(chain)):
            thread = threading.Thread(target=run)
            thread.start()
            thread.join()
    assert sum(e.place.name == "tanh" for e in found.events) == 2
    assert {e.thread for e in found.events} - {threading.get_ident()} == {e.thread for e in found.events}


def test_a_graph_that_outlives_the_block_is_pulled_unseen():
    with profile() as found:
        loss = np.sum(ab.checkpoint(np.tanh)(ab.Variable(np.ones(3))))
    seen = len(found.events)
    loss.backward()
    assert len(found.events) == seen


def test_nodes_from_before_the_block_have_no_line():
    loss = np.sum(np.tanh(ab.Variable(np.ones(3))))
    found = timed(loss.backward)
    assert {e.place.line for e in found.events} == {"before the block"}


RATES = {"float32": 1e9, "float64": 1e9}


@pytest.mark.parametrize(
    "bandwidth, flops, expected",
    [(1.0, 1e12, "bandwidth"), (1e12, 1.0, "arithmetic"), (1e15, 1e15, "overhead")],
)
def test_the_largest_part_binds(bandwidth, flops, expected):
    rates = dict.fromkeys(RATES, flops)
    machine = Machine((1, 10**9), (bandwidth,) * 2, rates, rates, rates, 1e-6)
    found = timed(chain)
    row = rows(found)["tanh", "forward"]
    assert row.binds(machine) == expected
    assert row.dtype == "float32"
    assert expected in str(found.table(machine=machine))


def test_figures_go_into_json_and_tables_say_what_they_show():
    found = timed(chain)
    read = json.loads(json.dumps(found.to_dict()))
    tanh = next(r for r in read["primitive"] if (r["name"], r["phase"]) == ("tanh", "forward"))
    assert tanh["work"] == {"flops": 0, "functions": 12, "nbytes": 96, "unknown": 0}
    for by in ("primitive", "line", "module"):
        assert "<table" in found.table(by)._repr_html_()
    assert "np.sum(np.tanh(x) * 2.0).backward()" in str(found.table("line"))


def test_the_trace_has_a_bar_for_each_operation_with_its_line_and_thread(tmp_path):
    with profile() as found:
        context = copy_context()
        thread = threading.Thread(target=lambda: context.run(chain))
        thread.start()
        thread.join()
        chain()
    found.save_chrome_trace(tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    bars = [e for e in events if e["ph"] == "X"]
    assert len(bars) == len(found.events)
    assert {e["tid"] for e in bars} == {1, 2}
    assert all(e["dur"] >= 0 and "test_profile.py" in e["args"]["line"] for e in bars)
    assert [e["ts"] for e in events] == sorted(e["ts"] for e in events)


def test_a_flame_is_as_wide_as_its_parts():
    found = timed(chain)
    drawn = rectangles(found)
    width = {path: w for path, _, w in drawn}
    begin = {path: b for path, b, _ in drawn}
    for path in width:
        parts = [p for p in width if p[:-1] == path]
        if parts:
            assert sum(width[p] for p in parts) == pytest.approx(width[path])
            assert min(begin[p] for p in parts) == pytest.approx(begin[path])
    assert sum(w for path, w in width.items() if len(path) == 1) == pytest.approx(
        sum(e.itself for e in found.events) / 1e9
    )
    lines = dict(line.rsplit(" ", 1) for line in folded(found).splitlines())
    assert int(lines["forward;(no module);tanh"]) == rows(found)["tanh", "forward"].seconds * 1e9


def test_pictures_are_drawn_from_any_profile():
    from matplotlib.figure import Figure

    machine = Machine((1, 10**9), (1e9,) * 2, RATES, RATES, RATES, 1e-6)
    for found in (timed(chain), timed(lambda: None)):
        left, right = Figure().subplots(1, 2)
        found.draw_flame(left)
        found.draw_roof(right, machine)
        assert len(left.patches) == len(rectangles(found))
        done = [row for row in found.by_primitive() if row.kernel and row.work.flops + row.work.functions]
        assert len(right.collections) == len(done)


def inside(x):
    with profile(clock=Clock()) as inside.found:
        return np.sum(np.tanh(x) ** 2)


@pytest.mark.parametrize(
    "way",
    [
        ab.grad,
        ab.hessian,
        lambda f: ab.vmap(ab.grad(f)),
        lambda f: lambda x: ab.jvp(f, (x,), (x,))[1],
        lambda f: ab.grad(ab.checkpoint(f)),
        lambda f: ab.grad(lambda x: np.sum(ab.grad(f)(x))),
        lambda f: ab.no_grad()(lambda x: f(ab.Variable(x)).numpy()),
        lambda f: ab.autocast()(lambda x: f(ab.Variable(x)).numpy()),
    ],
)
def test_a_profile_opened_inside_of_a_derivative_changes_nothing(way):
    x = np.linspace(0.1, 0.9, 6).reshape(2, 3)
    found = way(inside)(x)
    np.testing.assert_array_equal(np.asarray(found), np.asarray(way(lambda x: np.sum(np.tanh(x) ** 2))(x)))
    assert "tanh" in {e.place.name for e in inside.found.events}


def test_both_profiles_of_a_block_see_the_same_update():
    x = ab.Variable(np.ones(3))
    optimizer = ab.optim.SGD([x], lr=0.1)
    with profile(optimizer) as outer:
        with profile(optimizer) as inner:
            np.sum(x * x).backward()
            optimizer.step()
        optimizer.step()
    assert rows(outer)["SGD", "update"].calls == 2
    assert rows(inner)["SGD", "update"].calls == 1
    assert "update" not in vars(optimizer)


def test_time_and_memory_are_profiled_together_in_either_order():
    for first, second in [(profile, ab.memory_profile), (ab.memory_profile, profile)]:
        with first() as one, second() as other:
            chain()
        times, memory = (one, other) if first is profile else (other, one)
        assert rows(times)["tanh", "backward"].calls == 1
        assert memory.peak > 0


def test_plain_arrays_pass_no_door_and_are_time_of_the_program():
    clock = Clock()
    with profile(clock=clock) as found:
        np.tanh(np.ones(3))
        clock.now += 500
    assert found.events == []
    assert found.program * 1e9 >= 500


def test_a_label_on_the_roof_moves_up_from_another_one_beside_it_and_from_none_far_away():
    taken = [(1.0, 1.0), (1.2, 1.45)]
    height = free_height(1.0, 1.0, taken)
    assert all(height / y >= 1.45 for _, y in taken) and height < 1.45**3
    assert free_height(10.0, 1.0, taken) == 1.0


def test_a_profile_cannot_be_left_in_another_thread_and_can_be_where_it_was_entered():
    before, block = top.get(), profile()
    block.__enter__()
    inside, errors = top.get(), []

    def leave():
        try:
            block.__exit__(None, None, None)
        except ValueError as error:
            errors.append(str(error))

    thread = threading.Thread(target=leave)
    thread.start()
    thread.join()
    assert "profile was left in another thread or task" in errors[0]
    assert top.get() is inside and inside is not before
    block.__exit__(None, None, None)
    assert top.get() is before
