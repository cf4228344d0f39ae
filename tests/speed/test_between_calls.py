"""What users change between the calls of a compiled function, or do in it: the eager numbers, or a refusal, and never old ones."""

from collections import deque
from functools import cached_property, lru_cache
from types import SimpleNamespace

import numpy as np
import pytest
from steps_to_capture import X, expect_same

import autograd_book as ab
from autograd_book.graph.errors import FreedGraphError
from autograd_book.speed.symbols import CaptureError


def network(seed=0):
    return ab.nn.Sequential(ab.nn.Linear(8, 6, rng=seed), np.tanh, ab.nn.Linear(6, 3, rng=seed + 1))


def training(net, opt):
    def step(x):
        opt.zero_grad()
        loss = np.mean(np.square(net(x)))
        loss.backward()
        opt.step()
        return loss

    return step


def expect_alike(program, calls=10):
    """A program that compiles with what it is given sees the same as without: to the last bit, and where memory is poisoned."""
    wanted = program(lambda f: f, calls)
    expect_same(program(lambda f: ab.compile(f, exact=True, poison=True), calls), wanted)
    for found, each in zip(program(ab.compile, calls), wanted, strict=True):
        np.testing.assert_allclose(found, each, rtol=1e-4, atol=1e-5)


def changing(make):
    """A program of a function of an array, and what changes between its calls, which ``make`` gives."""

    def program(wrap, calls):
        f, change = make()
        run, seen = wrap(f), []
        for k in range(calls):
            seen.append(np.array(getattr(out := run(X[k % 8]), "value", out)))
            change(k)
        return seen

    return program


class Scaled:
    scale = 2.0


def list_that_grows():
    factors = [1.0, 2.0]
    return lambda x: x * sum(factors), lambda k: factors.append(k) if k % 3 == 2 else None


def list_of_arrays_that_grows():
    factors = [np.ones(8, np.float32)]
    return lambda x: x * sum(f for f in factors), lambda k: factors.append(factors[0]) if k % 3 == 2 else None


def dictionary_with_another_key():
    factors = {"a": 1.0}

    def change(k):
        if k % 3 == 2:
            factors[str(k)] = float(k)

    return lambda x: x * sum(factors.values()), change


def set_with_another_member():
    members = {1, 2}

    def change(k):
        members.discard(k % 3)
        members.add(10 + k)

    return lambda x: x * max(members), change


def queue_that_turns():
    queue = deque([1.0, 2.0, 3.0])
    return lambda x: x * queue[0], lambda k: queue.rotate()


def tuple_that_grows():
    here = SimpleNamespace(factors=())
    return lambda x: x * (1 + sum(here.factors)), lambda k: setattr(here, "factors", (*here.factors, 1.0))


def attribute_that_hides_one_of_the_class():
    here = Scaled()
    return lambda x: x * here.scale, lambda k: setattr(here, "scale", float(k)) if k == 4 else None


def layer_that_is_exchanged():
    net = network()
    return net, lambda k: net.layers.__setitem__(0, ab.nn.Linear(8, 6, rng=k)) if k % 3 == 2 else None


def activation_that_is_exchanged():
    net = network()
    return net, lambda k: net.layers.__setitem__(1, [ab.relu, np.tanh, np.sin][k % 3]) if k % 3 == 2 else None


def attribute_module_that_is_exchanged():
    here = SimpleNamespace(net=network())
    return lambda x: here.net(x), lambda k: setattr(here, "net", network(k)) if k % 3 == 2 else None


def function_that_is_exchanged():
    here = SimpleNamespace(f=np.tanh)
    return lambda x: here.f(x), lambda k: setattr(here, "f", (np.sin, lambda x: 2 * x)[k % 2]) if k % 3 == 2 else None


def array_that_grows_in_the_step():
    here = SimpleNamespace(rows=X[0])

    def step(x):
        here.rows = np.concatenate([here.rows, x])
        return np.sum(here.rows, axis=0)

    return step, lambda k: None


def global_that_has_the_name_of_an_attribute():
    here, names = SimpleNamespace(loss=2.0), {"__name__": "notebook"}
    exec("def step(x):\n    return x * here.loss", names)
    names |= {"here": here, "loss": 0.0}
    return names["step"], lambda k: names.update(loss=object())


CHANGES = [
    list_that_grows, list_of_arrays_that_grows, dictionary_with_another_key, set_with_another_member, queue_that_turns,
    tuple_that_grows, attribute_that_hides_one_of_the_class, layer_that_is_exchanged, activation_that_is_exchanged,
    attribute_module_that_is_exchanged, function_that_is_exchanged, array_that_grows_in_the_step,
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:A compiled function went another way")
@pytest.mark.parametrize("make", [*CHANGES, global_that_has_the_name_of_an_attribute])
def test_what_has_changed_since_the_last_call_is_seen(make) -> None:
    expect_alike(changing(make))


def one_array_in_two_places():
    array = np.ones(8, np.float32)
    return SimpleNamespace(p=array, q=array)


def exchanging(here):
    return lambda k: setattr(here, "q", np.full(8, 7, np.float32)) if k == 4 else None


def two_places_that_part():
    here = one_array_in_two_places()
    return lambda x: here.p * x + here.q, exchanging(here)


def two_places_that_part_and_one_is_written_to():
    here = one_array_in_two_places()

    def step(x):
        here.p += x[0]
        return here.q + here.p

    return step, exchanging(here)


def two_places_that_become_one():
    here = SimpleNamespace(p=np.ones(8, np.float32), q=np.ones(8, np.float32))

    def step(x):
        here.p += x[0]
        return here.q + here.p

    return step, lambda k: setattr(here, "q", here.p) if k == 4 else None


def two_variables_of_one_array():
    one, other = ab.Variable(np.ones(8)), ab.Variable(np.ones(8))
    other.value = one.value
    return lambda x: one * x + other, lambda k: setattr(other, "data", np.full(8, 7.0)) if k == 4 else None


def one_generator_in_two_places():
    rng = np.random.default_rng(0)
    here = SimpleNamespace(p=rng, q=rng)

    def change(k):
        if k == 4:
            here.q = np.random.default_rng(1)

    return lambda x: x + here.p.random() + here.q.random(), change


def an_array_seen_from(outside):
    def make():
        whole = np.zeros(16, np.float32)
        here = SimpleNamespace(p=whole[:8])

        def step(x):
            outside(here, x)
            return here.p * 1

        seen = []
        return step, lambda k: seen.append(whole.copy()) or whole.__iadd__(1)

    return make


def add(here, x):
    here.p += x[0]


def put(here, x):
    here.p[0] = x[0, 0]


def out(here, x):
    np.multiply(here.p, 2, out=here.p)


SHARED = [
    two_places_that_part, two_places_that_part_and_one_is_written_to, two_places_that_become_one, two_variables_of_one_array,
    one_generator_in_two_places, an_array_seen_from(add), an_array_seen_from(put), an_array_seen_from(out),
]  # fmt: skip


@pytest.mark.parametrize("make", SHARED)
def test_arrays_that_several_hold_are_seen_and_written_to_as_in_eager_code(make) -> None:
    expect_alike(changing(make))


@pytest.mark.parametrize("wrap", [lambda f: ab.compile(f, poison=True), lambda f: ab.capture(f, X[0][0])], ids=["compile", "capture"])
def test_whoever_holds_an_array_that_is_written_to_in_place_sees_the_new_numbers(wrap) -> None:
    here = SimpleNamespace(p=np.zeros(8, np.float32), last=np.zeros((), np.float32))
    held, last = here.p, here.last

    def step(x):
        here.p += x
        here.last += 1
        return here.p * 1

    run = wrap(step)
    for k in range(4):
        run(X[0][0])
        assert here.p is held and here.last is last
        np.testing.assert_allclose(held, X[0][0] * (k + 1), rtol=1e-6)
        assert last == k + 1


def test_an_argument_that_is_the_place_written_to_is_left_to_the_function_itself() -> None:
    here = SimpleNamespace(p=np.ones(3))

    def step(x):
        here.p += 1.0
        return x * 2

    run = ab.compile(step)
    for k in range(4):
        np.testing.assert_array_equal(run(here.p), 2 * (k + 2.0))


def test_an_array_that_is_written_to_and_then_exchanged_is_refused() -> None:
    here = SimpleNamespace(p=np.ones(3))

    def step(x):
        here.p += x
        here.p = here.p * 2
        return here.p

    run = ab.compile(step)
    run(np.ones(3))
    with pytest.raises(CaptureError, match="written to in place.*then given another"):
        run(np.ones(3))


def test_an_attribute_that_is_computed_when_it_is_asked_for_is_computed_by_the_function_alone() -> None:
    class Base:
        factor = 2.0

        @cached_property
        def table(self):
            return self.factor * np.ones(8, np.float32)

    class Derived(Base):
        pass

    here = Derived()
    run = ab.compile(lambda x: x * here.table)
    for k in range(8):
        np.testing.assert_array_equal(run(X[0]), X[0] * here.factor)
        if k == 4:
            here.factor = 5.0
            del here.table
        assert ("table" in vars(here)) is (k != 4)


def table_that_is_kept():
    table = np.ones(8, np.float32)

    @lru_cache
    def kept(n):
        return table * n

    def change(k):
        if k == 4:
            table[:] = k
            kept.cache_clear()

    return lambda x: x * kept(2), change


def kept_for_each_shape():
    here = SimpleNamespace(n=8)

    @lru_cache
    def mask(n):
        return np.arange(n) % 2

    return lambda x: x[:, : here.n] * mask(here.n), lambda k: setattr(here, "n", 8 - k // 3)


@pytest.mark.parametrize("make", [table_that_is_kept, kept_for_each_shape])
def test_a_function_that_keeps_its_results_gives_those_that_it_gives_in_eager_code(make) -> None:
    expect_alike(changing(make))


def test_no_symbol_stays_in_a_cache() -> None:
    here = SimpleNamespace(w=np.ones(3))

    @lru_cache
    def kept():
        return here.w * 2

    with pytest.raises(CaptureError, match="kept, which keeps its results"):
        ab.capture(lambda x: x * kept(), np.ones(3))
    assert type(kept()) is np.ndarray
    assert ab.capture(lambda x: x * kept(), np.ones(3))(np.ones(3)).tolist() == [2.0] * 3


def test_a_function_that_goes_another_way_in_every_call_warns_once_and_runs_as_it_is() -> None:
    here = SimpleNamespace(log=[], w=2.0)
    run = ab.compile(lambda x: x * here.w + 0 * len(here.log))
    with pytest.warns(UserWarning, match="another way in each of 8 calls.*a list.*Pass what changes") as told:
        for k in range(40):
            np.testing.assert_array_equal(run(X[0]), X[0] * 2)
            here.log.append(k)
    assert len(told) == 1
    assert len(run.traces) == 8 and run.missed > 8
    for _ in range(64):  # it rests, and is compiled again
        run(X[0])
    assert run.missed == 0


def test_a_global_that_only_shares_the_name_of_an_attribute_asks_for_no_other_trace() -> None:
    f, change = global_that_has_the_name_of_an_attribute()
    run = ab.compile(f)
    for k in range(4):
        run(X[0])
        change(k)
    assert len(run.traces) == 1


def test_a_global_that_a_function_inside_reads_is_seen() -> None:
    names = {"__name__": "notebook", "rate": 2.0}
    exec("def step(x):\n    return (lambda: [x * rate for _ in range(1)][0])()", names)
    run = ab.compile(names["step"])
    for k in range(4):
        names["rate"] = float(k)
        np.testing.assert_array_equal(run(X[0]), X[0] * k)


def test_another_optimiser_takes_over_from_the_next_call_on() -> None:
    def program(wrap, calls):
        net, seen = network(), []
        here = SimpleNamespace(opt=ab.optim.SGD(net.parameters(), lr=0.1))
        run = wrap(lambda x: training(net, here.opt)(x))
        for k in range(calls):
            run(X[k % 8])
            seen += [p.numpy().copy() for p in net.parameters()]
            if k % 4 == 3:
                here.opt = ab.optim.SGD(list(net.parameters())[: 1 + k % 3], lr=0.2, momentum=0.5)
        return seen

    expect_alike(program)


def test_a_hook_that_comes_and_goes_takes_part_in_the_next_call() -> None:
    def program(wrap, calls):
        net, seen = network(), []
        run = wrap(training(net, ab.optim.SGD(net.parameters(), lr=0.1)))
        first = next(iter(net.parameters()))
        off = None
        for k in range(calls):
            run(X[k % 8])
            seen.append(first.numpy().copy())
            if k == 3:
                off = first.register_hook(lambda g: g * 0)
            if k == 6:
                off()
        return seen

    expect_alike(program)


@pytest.mark.parametrize("compiled_update", [True, False])
def test_gradients_are_added_up_over_calls_and_begin_anew_where_there_is_none(compiled_update) -> None:
    def program(wrap, calls):
        net, seen = network(), []
        opt = ab.optim.SGD(net.parameters(), lr=0.1)

        def update():
            opt.step()
            opt.zero_grad()

        add = wrap(lambda x: np.mean(np.square(net(x))).backward())
        update = wrap(update) if compiled_update else update
        for k in range(calls):
            for j in range(1 + k % 3):
                add(X[(k + j) % 8])
                seen += [p.grad.numpy().copy() for p in net.parameters()]
            update()
            seen += [p.numpy().copy() for p in net.parameters()]
        return seen

    expect_alike(program, calls=8)


def test_a_step_that_raises_in_the_end_leaves_what_it_leaves_eagerly() -> None:
    def program(wrap, calls):
        net, seen = network(), []
        step = training(net, ab.optim.SGD(net.parameters(), lr=0.1))

        def strict(x):
            if (loss := step(x)) < 1e-2:
                raise KeyError("small")
            return loss

        run = wrap(strict)
        for k in range(calls):
            try:
                run(X[k % 8] * np.float32(0.01 if k % 3 == 2 else 1))
            except KeyError:
                seen.append(np.array(k))
            seen += [p.numpy().copy() for p in net.parameters()]
        return seen

    expect_alike(program)


def test_a_function_that_only_arrays_can_pass_is_run_as_it_is_with_a_warning() -> None:
    def picky(x):
        if not isinstance(x, np.ndarray):
            raise TypeError("only arrays, please")
        return x * 2

    run = ab.compile(picky)
    run(X[0])
    with pytest.warns(UserWarning, match="raised an error when it was captured"):
        expect_same(run(X[1]), X[1] * 2)


def test_a_compiled_function_in_another_and_in_itself_is_part_of_it() -> None:
    inner = ab.compile(lambda x: np.tanh(x) * 2)
    outer = ab.compile(lambda x: inner(x) + inner(x * 2))
    again = ab.compile(lambda x, n: x if n == 0 else np.tanh(again(x * 1.5, n - 1)))
    for k in range(6):
        np.testing.assert_allclose(outer(X[k]), np.tanh(X[k]) * 2 + np.tanh(X[k] * 2) * 2, rtol=1e-5)
        np.testing.assert_allclose(inner(X[k]), np.tanh(X[k]) * 2, rtol=1e-5)
        np.testing.assert_allclose(again(X[k], 2), np.tanh(np.tanh(X[k] * 1.5 * 1.5)), rtol=1e-5)
    assert len(outer.traces) == len(inner.traces) == 1


def test_an_argument_that_is_written_to_in_place_is_refused() -> None:
    def centred(x):
        x -= np.mean(x)
        return np.sum(x * x)

    run = ab.compile(centred)
    run(X[0].copy())
    with pytest.raises(CaptureError, match="wrote into an argument of shape"):
        run(X[0].copy())


def test_a_set_or_queue_that_the_function_changes_is_refused_and_as_before() -> None:
    queue = deque([1.0], maxlen=3)

    def running(x):
        queue.append(np.sum(x))
        return sum(queue)

    run = ab.compile(running)
    run(X[0])
    before = list(queue)
    with pytest.raises(CaptureError, match="put something into a deque"):
        run(X[0])
    assert list(queue) == before


def test_no_gradient_passes_by_the_parameters_behind_a_result() -> None:
    net, head = network(), ab.Variable(np.ones(3, np.float32))
    run = ab.compile(net)
    for _ in range(3):
        features = run(X[0])
    assert features.requires_grad
    with pytest.raises(FreedGraphError, match="keeps nothing for the way back"):
        np.sum(features * head).backward()
    with ab.no_grad():
        assert not run(X[0]).requires_grad


@pytest.mark.parametrize("place", ["closure", "attribute", "argument"])
def test_the_next_of_an_iterator_is_refused_and_none_is_lost(place) -> None:
    batches = iter(X)
    here = SimpleNamespace(batches=batches)
    runs = {
        "closure": lambda: np.sum(next(batches)), "attribute": lambda: np.sum(next(here.batches)),
        "argument": lambda it: np.sum(next(it)),
    }  # fmt: skip
    run, given = ab.compile(runs[place]), [batches] if place == "argument" else []
    run(*given)
    with pytest.raises(CaptureError, match="next value of an iterator"):
        run(*given)
    assert here.batches is batches and np.array_equal(next(batches), X[1])


def test_an_iterator_that_is_not_asked_is_left_alone() -> None:
    here = SimpleNamespace(batches=iter(X), scale=2.0)
    run = ab.compile(lambda x: x * here.scale)
    for k in range(4):
        expect_same(run(X[k]), X[k] * np.float32(2))
        expect_same(next(here.batches), X[k])
    assert len(run.traces) == 1


def test_variables_that_change_places_are_seen() -> None:
    def program(wrap, calls):
        pair = [ab.Variable(X[0]), ab.Variable(X[1])]
        run, seen = wrap(lambda x: x * pair[0] - pair[1]), []
        for k in range(calls):
            seen.append(run(X[k % 8]).numpy())
            pair.reverse()
        return seen

    expect_alike(program)


def test_a_scaler_that_skips_steps_now_and_then() -> None:
    def program(wrap, calls):
        net, seen = network(), []
        opt, scaler = ab.optim.SGD(net.parameters(), lr=0.1), ab.GradScaler(init_scale=2.0**100, growth_interval=3)

        def step(x):
            opt.zero_grad()
            scaler.scale(np.mean(np.square(net(x)))).backward()
            scaler.step(opt)
            scaler.update()

        run = wrap(step)
        for k in range(calls):
            run(X[k % 8] * np.float32(np.inf if k % 4 == 3 else 1))
            seen += [p.numpy().copy() for p in net.parameters()]
        return seen

    with np.errstate(all="ignore"):
        expect_alike(program, calls=14)


def test_what_is_taken_out_of_a_list_or_dictionary_is_refused_and_back_again() -> None:
    rows, table = list(X), {k: X[k] for k in range(8)}
    for f, held in ((lambda: np.sum(rows.pop() * 2), rows), (lambda: np.sum(table.popitem()[1] * 2), table)):
        run = ab.compile(f)
        run()
        before = held.copy()
        with pytest.raises(CaptureError, match="took it out"):
            run()
        assert list(held) == list(before) if isinstance(held, dict) else all(a is b for a, b in zip(held, before, strict=True))


def test_arrays_with_rules_of_their_own_are_refused() -> None:
    run = ab.compile(lambda x: x * x)
    for _ in range(3):
        run(np.ones((2, 2)))
    for x in (np.ma.masked_array(np.ones((2, 2)), mask=np.eye(2)), np.ones((2, 2)).view(np.recarray)):
        with pytest.raises(CaptureError, match="has rules of its own"):
            run(x)


def test_two_places_that_share_memory_are_refused_if_one_is_written_to() -> None:
    whole = np.zeros(10, np.float32)
    here = SimpleNamespace(first=whole[:8], second=whole[2:])

    def step(x):
        here.first += 1
        return x * here.second

    run = ab.compile(step)
    run(X[0])
    with pytest.raises(CaptureError, match="shares memory with"):
        run(X[0])


def test_a_random_number_of_a_generator_of_pythons_own_is_refused() -> None:
    import random

    own = random.Random(0)
    run = ab.compile(lambda x: x * own.random())
    run(X[0])
    with pytest.raises(CaptureError, match="drew random numbers"):
        run(X[0])


def test_a_single_number_of_numpy_stays_one_and_an_array_made_in_the_function_can_be_written_to() -> None:
    here = SimpleNamespace(scale=np.float32(1))

    def step(x):
        here.scale = here.scale * np.float32(0.5)
        out = np.empty_like(x)
        np.multiply(x, here.scale, out=out)
        return out

    run = ab.compile(step)
    for k in range(4):
        expect_same(run(X[k]), X[k] * np.float32(0.5 ** (k + 1)))
        assert type(here.scale) is np.float32


def test_an_optimiser_without_memories_yet_takes_over() -> None:
    def program(wrap, calls):
        net, seen = network(), []
        here = SimpleNamespace(opt=ab.optim.SGD(net.parameters(), lr=0.1))
        run = wrap(lambda x: training(net, here.opt)(x))
        for k in range(calls):
            run(X[k % 8])
            seen += [p.numpy().copy() for p in net.parameters()]
            if k == 3:
                here.opt = ab.optim.AdamW(net.parameters(), lr=0.01)
        return seen

    expect_alike(program, calls=8)


def test_who_keeps_an_array_that_is_also_returned_keeps_its_numbers() -> None:
    v = ab.Variable(np.zeros(2))

    def step():
        v.value = v.value + 1.0
        return v

    run = ab.compile(step)
    for _ in range(4):
        run()
    kept = v.numpy()
    run()
    np.testing.assert_array_equal(kept, [4, 4])
    np.testing.assert_array_equal(v.numpy(), [5, 5])


def test_a_step_that_is_returned_its_own_arrays_works_on_the_same_ones() -> None:
    v = ab.Variable(np.zeros(2))

    def step():
        v.value = v.value + 1.0
        return v

    run = ab.compile(step)
    places = set()
    for _ in range(8):
        run()
        places.add(v.numpy().ctypes.data)
    assert len(places) <= 3


def test_a_rate_that_changes_in_each_call_takes_the_short_way_in() -> None:
    layer = ab.nn.Linear(3, 2, rng=0)
    optimizer = ab.optim.SGD(layer.parameters(), lr=0.1)
    x = np.ones((4, 3), np.float32)

    def step(x):
        optimizer.zero_grad()
        loss = np.mean(np.square(layer(x)))
        loss.backward()
        optimizer.step()
        return loss

    run = ab.compile(step)
    for _ in range(3):
        run(x)
    (trace,) = run.traces
    for k in range(3):
        optimizer.lr = 0.1 / (k + 1)
        assert trace.entry.unchanged(trace.entry.values((x,), {}))
        run(x)
    layer.bias = ab.Variable(np.zeros(2, np.float32))
    assert not trace.entry.unchanged(trace.entry.values((x,), {}))


def test_after_a_long_way_in_arrays_that_nobody_keeps_are_written_over() -> None:
    layer = ab.nn.Linear(64, 64, rng=0)
    run = ab.compile(training(layer, ab.optim.SGD(layer.parameters(), lr=0.1)))
    x = np.ones((4, 64), np.float32)
    for _ in range(3):
        run(x)
    before = [v.numpy().ctypes.data for v in layer.parameters()]
    layer.weight.data = np.zeros((64, 64), np.float32)
    run(x)
    assert [v.numpy().ctypes.data for v in layer.parameters()] == before
