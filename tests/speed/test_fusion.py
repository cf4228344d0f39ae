"""Groups of equations that go over rows together: who is in them, and that their results stay what they were."""

import tracemalloc
from typing import Any

import numpy as np
import pytest
from random_steps import Step, close, same_bits

import autograd_book as ab
from autograd_book.graph.stack import bedrock
from autograd_book.modes.trees import leaves, tree_map
from autograd_book.speed import fusion, rows
from autograd_book.speed.capture import capture, inner
from autograd_book.speed.equations import Graph, Name, carry_out, evaluate
from autograd_book.speed.fusion import fuse
from autograd_book.speed.rows import Group, Loop, fused, run_tiles
from autograd_book.speed.simplify import simplified


def by_tiles(graph: Graph, *inputs: Any) -> list[Any]:
    """The outputs of a graph, with groups carried out tile by tile into arrays full of NaN."""
    known = dict(zip(graph.inputs, inputs, strict=True))

    def value(leaf: Any) -> Any:
        return known[leaf] if type(leaf) is Name else leaf

    for e in graph.equations:
        args, params = [value(a) for a in e.args], {k: tree_map(value, v) for k, v in e.params.items()}
        if e.primitive is fused:
            room = [np.full(n.shape, np.nan).astype(n.dtype) if n.shape else None for n in e.outs]
            known.update(zip(e.outs, run_tiles(*args, **params, out=room), strict=True))
        else:
            known.update(zip(e.outs, leaves(carry_out(e.primitive, args, params, bedrock)), strict=True))
    return [value(leaf) for leaf in graph.outputs]


def groups_of(graph: Graph) -> list[Group]:
    """The groups of a graph that has been fused."""
    return [e.params["group"] for e in graph.equations if e.primitive is fused]


def same(f: Any, *args: Any, least: int = 0) -> Graph:
    """Expect a function to give the same, eager, fused, and tile by tile; the fused graph."""
    with np.errstate(all="ignore"):
        graph = simplified(capture(f, *args, expand=lambda primitive: primitive.composite))
        found = fuse(graph, least=least)
        given = leaves(args)
        wanted = evaluate(graph, *given)
        for got in (evaluate(found, *given), by_tiles(found, *given)):
            for a, b in zip(got, wanted, strict=True):
                assert np.shape(a) == np.shape(b) and np.asarray(a).dtype == np.asarray(b).dtype
                np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6)
    return found


@pytest.mark.parametrize("block", range(4))
def test_random_steps_keep_their_numbers_in_tiles_of_any_height(block, monkeypatch) -> None:
    count = 0
    for seed in range(25 * block, 25 * block + 25):
        monkeypatch.setattr(rows, "TILE", (8, 64, 1 << 17)[seed % 3])
        step = Step(seed, (np.float32, np.float64)[seed % 2])
        with np.errstate(all="ignore"):
            step(step.x)
            exact = seed % 4 < 2
            graph = simplified(capture(step, step.x, expand=lambda p: p.composite), exact=exact)
            inputs = [step.x, *[inner(cell.read()) for cell in graph.cells]]
            wanted, found = evaluate(graph, *inputs), fuse(graph, exact=exact, least=0)
            for got in (evaluate(found, *inputs), by_tiles(found, *inputs)):
                assert all(same_bits(a, b) if exact else close(a, b, step.dtype) for a, b in zip(got, wanted, strict=True)), seed
        count += len(groups_of(found))
    assert count > 25


X = np.random.default_rng(0).standard_normal((6, 5)).astype(np.float32)


@pytest.mark.parametrize("n", [1, 2, 7, 31, 32, 33, 100])
def test_rows_need_not_be_divisible_by_the_height_of_a_tile(n, monkeypatch) -> None:
    monkeypatch.setattr(rows, "TILE", 32 * 4 * 5)
    x = np.random.default_rng(n).standard_normal((n, 5)).astype(np.float32)

    def f(x):
        y = np.tanh(x) * x
        return np.sum(y, axis=0), np.sum(y), np.max(y, axis=1, keepdims=True) + y, np.sum(y, axis=1)

    (group,) = groups_of(same(f, x))
    assert (group.rows, group.width) == (n, 5)


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (0,), ()])
def test_without_elements_there_is_no_group(shape) -> None:
    assert not groups_of(same(lambda x: np.sum(np.exp(x) * x + 1.0), np.ones(shape, np.float32)))


def test_a_softmax_and_a_layer_norm_are_one_group_each_with_their_derivatives() -> None:
    def normal(x):
        low = x - np.mean(x, axis=-1, keepdims=True)
        return np.sum(low / np.sqrt(np.mean(low * low, axis=-1, keepdims=True) + 1e-5) * x)

    for f in (lambda x: ab.softmax(x), normal, ab.grad(normal), ab.logsumexp):
        found = same(lambda x, f=f: f(x, axis=-1) if f is ab.logsumexp else f(x), X)
        assert len(groups_of(found)) == 1, f
    assert len(groups_of(same(ab.grad(lambda x: np.sum(ab.softmax(x) * x)), X))) == 1


def test_what_is_summed_over_the_rows_is_read_behind_the_loop() -> None:
    found = same(lambda x: np.exp(x) / np.sum(np.exp(x), axis=0), X)
    (first,) = groups_of(found)
    assert [m.role for m in first.members] == ["map", "columns"]
    total = same(lambda x: np.exp(x) * np.sum(np.exp(x)) * 2.0, X)
    assert [[m.role for m in g.members] for g in groups_of(total)] == [["map", "total"], ["map", "map"]]


def test_as_many_columns_as_rows_are_told_apart() -> None:
    x = np.random.default_rng(1).standard_normal((16, 16)).astype(np.float32)
    v = np.random.default_rng(2).standard_normal(16).astype(np.float32)
    same(lambda x, v: (x * v + np.tanh(v), np.exp(v) * 2.0, np.exp(v)[:, None] * x), x, v)
    same(lambda x, v: x * np.sum(x * x, axis=1) + np.sum(x * x, axis=1, keepdims=True) * x, x, v)
    same(lambda x, v: (v[:, None] * x, v * x, np.exp(v) + np.sum(x * v, axis=0)), x, v)


@pytest.mark.parametrize(("n", "m"), [(1, 1), (7, 1), (1, 7), (100, 1), (1, 100)])
def test_one_element_beside_a_vector_is_the_same_for_all_of_it(n, m, monkeypatch) -> None:
    monkeypatch.setattr(rows, "TILE", 32 * 4)
    x, y = (np.random.default_rng(k).standard_normal(k).astype(np.float32) for k in (n, m))
    assert groups_of(same(lambda x, y: (np.tanh(x * y) * y, np.sum(x * y + x), np.exp(x * y) * 2.0), x, y))
    same(ab.grad(lambda x, y: np.sum(np.tanh(x * y) * y), argnums=(0, 1)), x, y)


def test_two_widths_are_two_groups() -> None:
    x, y = np.ones((8, 5), np.float32), np.ones((8, 3), np.float32)
    found = same(lambda x, y: (np.exp(x) * np.tanh(x), np.exp(y) * np.tanh(y), np.sum(x * x, axis=1)[:, None] * y), x, y)
    assert sorted(g.width for g in groups_of(found)) == [3, 5]


def test_a_group_of_one_function_is_none() -> None:
    assert not groups_of(same(lambda x: np.sum(x, axis=0), X))
    assert not groups_of(same(lambda x: np.exp(x), X))


def test_a_group_waits_for_no_one_who_waits_for_it() -> None:
    def f(x):
        y = np.tanh(x)
        through = np.cumsum(y, axis=0)  # all rows at once
        return y * through + np.exp(through) * x

    found = same(f, X)
    assert all("cumsum" not in [m.equation.primitive.name for m in g.members] for g in groups_of(found))


def test_nan_and_infinity_are_as_numpy_has_them() -> None:
    x = np.array([[np.nan, 1, -np.inf], [np.inf, -np.inf, 0], [0.0, -0.0, 1e38]], np.float32)
    f = lambda x: (np.maximum(x, 0) * x, np.max(x * x, axis=1), np.max(x + x), np.min(x * 2, axis=0), np.all(np.isfinite(x * x)), np.any(np.isnan(x + 1)))
    same(f, x)


def test_exact_takes_elementwise_functions_alone() -> None:
    graph = capture(lambda x: np.sum(np.exp(x) * x, axis=1), X)
    (group,) = groups_of(fuse(graph, exact=True, least=0))
    assert {m.role for m in group.members} == {"map"}


def test_small_arrays_are_left_alone() -> None:
    f = lambda x: np.sum(np.exp(x) * np.tanh(x) + x)
    assert not groups_of(fuse(capture(f, X)))
    assert groups_of(fuse(capture(f, np.ones((2048, 1024), np.float32))))


def test_arrays_of_another_order_are_not_taken_apart() -> None:
    same(lambda x: np.exp(x.T) * np.tanh(x.T) + np.sum(np.exp(x) * x), X)


def test_the_workspace_holds_no_two_results_at_one_place_at_a_time() -> None:
    x = np.ones((64, 8), np.float32)
    f = lambda x: np.sum((np.exp(x) + np.tanh(x)) * (np.sin(x) - np.cos(x)) * np.max(x, axis=1, keepdims=True))
    for group in groups_of(fuse(capture(ab.grad(f), x), least=0)):
        loop = Loop(group)
        first = {c.out: k for k, c in reversed(list(enumerate(loop.calls)))}
        last = {a.value: k for k, c in enumerate(loop.calls) for a in (*c.args, c.out) if type(a.value) is Name}
        for a, at in loop.offset.items():
            for b, other in loop.offset.items():
                apart = at + loop.bytes_of(a) <= other or other + loop.bytes_of(b) <= at
                before = last[a.value] <= first[b] or last[b.value] <= first[a]
                assert a == b or apart or before


def test_a_result_is_written_over_an_argument_only_behind_its_last_reader() -> None:
    f = lambda x, y: (x * y + 1.0, np.tanh(x))
    (group,) = groups_of(fuse(capture(f, X, X * 2), least=0))
    x, y = group.inputs
    late, early = group.outs[-1], group.outs[0]
    assert group.may_overwrite(late, y) and group.may_overwrite(late, x)
    assert not group.may_overwrite(early, x)


@pytest.fixture
def everything_fused(monkeypatch) -> None:
    """All groups that can be, in tiles of a few rows."""
    monkeypatch.setattr(fusion, "CACHE", 0)
    monkeypatch.setattr(rows, "TILE", 48)


@pytest.mark.parametrize("block", range(4))
def test_random_steps_are_compiled_into_loops_in_poisoned_memory(block, everything_fused) -> None:
    loops = 0
    for seed in range(1000 + 15 * block, 1015 + 15 * block):
        dtype, exact = (np.float32, np.float64)[seed % 2], seed % 4 < 2
        eager, step = Step(seed, dtype), Step(seed, dtype)
        fast = ab.compile(step, exact=exact, poison=True)
        with np.errstate(all="ignore"):
            for k in range(4):
                x = eager.x * dtype(1 + k / 8)
                pairs = [(eager(x), fast(x)), *((getattr(eager, n).value, getattr(step, n).value) for n in "wbs")]
                for wanted, got in pairs:
                    wanted, got = np.asarray(ab.stop_gradient(wanted)), np.asarray(ab.stop_gradient(got))
                    assert same_bits(wanted, got) if exact else close(wanted, got, dtype), (seed, k)
        loops += "in tiles_" in fast.source
    assert loops > 10


def big_step(seed: int = 0) -> tuple[Any, Any]:
    """The elementwise step of the benchmarks, smaller by half, and its parameters."""
    rng = np.random.default_rng(seed)
    x, a, b = (ab.Variable(rng.standard_normal(shape).astype(np.float32)) for shape in ((1024, 1024), 1024, 1024))
    optimizer = ab.optim.SGD([x, a, b], lr=1e-5)

    def step():
        optimizer.zero_grad()
        loss = np.sum(np.tanh(x * a + b) * ab.sigmoid(x) + np.exp(-x * x))
        loss.backward()
        optimizer.step()
        return loss

    return step, (x, a, b)


def test_a_step_over_a_large_array_needs_less_than_a_mebibyte() -> None:
    (eager, wanted), (step, found) = big_step(), big_step()
    fast = ab.compile(step)
    for _ in range(3):
        np.testing.assert_allclose(np.asarray(ab.stop_gradient(fast())), np.asarray(ab.stop_gradient(eager())), rtol=1e-5)
    for a, b in zip(wanted, found):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5, atol=1e-6)
    assert fast.traces[0].plan.size <= 1 << 20
    del a, b
    fast()  # somebody has looked at the parameters
    tracemalloc.start()
    fast()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 17  # nothing of the size of an array, nor of a tile
    assert fast.source.count("for (") == 1


def test_parameters_of_another_order_are_compiled_anew(everything_fused) -> None:
    def made(order):
        v = ab.Variable(np.arange(12.0).reshape(3, 4).copy(order))
        w = ab.Variable(np.ones((3, 4), order=order))

        def step():
            loss = np.sum(np.tanh(v * 0.1) * w * w)
            loss.backward()
            w.value = w.value - 0.1 * w.grad.numpy()
            v.grad = w.grad = None
            return loss

        return step, v, w

    (eager, *_), (step, v, w) = made("C"), made("C")
    fast = ab.compile(step)
    for k in range(8):
        if k == 3:
            v.value = np.asfortranarray(v.value)
        if k == 5:
            w.value = np.asfortranarray(w.value)
        np.testing.assert_allclose(np.asarray(ab.stop_gradient(fast())), np.asarray(ab.stop_gradient(eager())), rtol=1e-12)


def test_nothing_is_written_before_a_question_whose_answer_comes_out_of_the_loop(everything_fused) -> None:
    v = ab.Variable(np.ones((4, 3)))

    def step(x):
        y = np.tanh(v.value * x)
        if np.all(np.isfinite(y)):
            v.value = v.value - 0.1 * y
        return np.sum(y)

    fast = ab.compile(step)
    for _ in range(3):
        fast(np.ones((4, 3)))
    before = v.numpy().copy()
    assert np.isnan(fast(np.full((4, 3), np.nan)))
    np.testing.assert_array_equal(v.numpy(), before)


def images(rng: int) -> Any:
    """A network for images of eight by eight."""
    kernel = ab.Variable(np.random.default_rng(rng).standard_normal((4, 1, 3, 3)).astype(np.float32))
    readout = ab.nn.Linear(36, 3, rng=rng)
    layer = lambda x: readout(np.reshape(ab.max_pool2d(ab.relu(ab.conv2d(x, kernel)), 2), (len(x), -1)))
    return layer, [kernel, *readout.parameters()]


def made_of(layer: Any) -> Any:
    """A layer and its parameters."""
    return layer, list(layer.parameters())


MODELS = {
    "perceptron": (lambda: made_of(ab.nn.Sequential(ab.nn.Linear(6, 8, rng=0), ab.gelu, ab.nn.Linear(8, 3, rng=1))), (5, 6)),
    "recurrent": (lambda: made_of(ab.sequence.RNN(4, 6, rng=0)), (3, 5, 4)),
    "images": (lambda: images(0), (3, 1, 8, 8)),
    "transformer": (lambda: made_of(ab.sequence.TransformerBlock(8, 2, rng=0)), (2, 5, 8)),
}


# Adam divides by the size of a gradient: with its usual eps, the rounding of one that is zero, as that of keys' biases, is a step
@pytest.mark.parametrize(("optimizer", "options"), [("SGD", {}), ("Adam", {"eps": 1e-3})])
@pytest.mark.parametrize("name", MODELS)
def test_models_learn_in_loops_what_they_learn_eagerly(name, optimizer, options, everything_fused) -> None:
    make, shape = MODELS[name]
    x = np.random.default_rng(3).standard_normal(shape).astype(np.float32)

    def training():
        layer, parameters = make()
        descent = getattr(ab.optim, optimizer)(parameters, lr=1e-2, **options)

        def step(x):
            descent.zero_grad()
            loss = np.mean(np.square(layer(x)))
            loss.backward()
            descent.step()
            return loss

        return step, parameters

    (eager, wanted), (step, found) = training(), training()
    fast = ab.compile(step, poison=True)
    for _ in range(4):
        eager(x), fast(x)
    assert " in tiles_" in fast.source
    for a, b in zip(wanted, found, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=2e-3, atol=2e-4)
