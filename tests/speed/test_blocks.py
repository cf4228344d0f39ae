"""Attention by blocks of queries: found in graphs, equal up to rounding, and without a matrix of all scores."""

import tracemalloc
from typing import Any

import numpy as np
import pytest

import autograd_book as ab
from autograd_book.learn.attention import CausalSelfAttention
from autograd_book.speed import blocks
from autograd_book.speed.blocks import block_attention, blocked
from autograd_book.speed.capture import capture, inner
from autograd_book.speed.equations import Graph, evaluate
from autograd_book.speed.simplify import simplified

N = 21
BELOW = np.tril(np.ones((N, N), bool))
MASKS = {
    "none": lambda s: s,
    "where": lambda s: np.where(BELOW, s, -np.inf),
    "where not": lambda s: np.where(~BELOW, np.float32(-1e9), s),
    "added": lambda s: s + np.where(BELOW, 0, -1e9).astype(np.float32),
    "scaled": lambda s: s * np.float32(0.3),
    "by keys": lambda s: np.where(np.arange(N) % 3 > 0, s, -np.inf),
}


def parameters(*lead: int, dtype: Any = np.float32) -> list[Any]:
    """Queries, keys and values."""
    rng = np.random.default_rng(0)
    return [ab.Variable(rng.standard_normal((*lead, N, 5)).astype(dtype)) for _ in range(3)]


def loss_of(q: Any, k: Any, v: Any, mask: Any) -> Any:
    """A number that depends on all of an attention."""
    scores = (q * q.shape[-1] ** -0.5) @ np.swapaxes(k, -1, -2)
    out = ab.softmax(mask(scores)) @ v
    return np.sum(out * np.cos(out))


def step_of(p: list[Any], mask: Any) -> Any:
    """Forward and back."""

    def step():
        for x in p:
            x.grad = None
        loss = loss_of(*p, mask)
        loss.backward()
        return loss

    return step


def graph_of(f: Any) -> Graph:
    """After all passes."""
    return simplified(capture(f, expand=lambda primitive: primitive.composite))


def squares(graph: Graph, shape: tuple[int, ...]) -> int:
    """How many results of a graph have the shape of all scores."""
    return sum(name.shape == shape for e in graph.equations for name in e.outs)


@pytest.mark.parametrize("tile", [64, 1 << 17])
@pytest.mark.parametrize("lead", [(), (3,), (2, 2)])
@pytest.mark.parametrize("name", MASKS)
def test_attention_is_found_forward_and_back_and_keeps_its_numbers(name, lead, tile, monkeypatch) -> None:
    monkeypatch.setattr(blocks, "TILE", tile)
    graph = graph_of(step_of(parameters(*lead), MASKS[name]))
    found = block_attention(graph, least=0)
    assert [e.primitive for e in found.equations].count(blocked) == 2
    assert squares(graph, (*lead, N, N)) > 5 and not squares(found, (*lead, N, N))
    held = [inner(cell.read()) for cell in graph.cells]
    for a, b in zip(evaluate(graph, *held), evaluate(found, *held), strict=True):
        assert (a is None) is (b is None)
        np.testing.assert_allclose(np.asarray(a, float), np.asarray(b, float), rtol=1e-4, atol=1e-5)


def test_two_attentions_one_behind_the_other_are_both_found() -> None:
    p = parameters(2)

    def step():
        q, k, v = p
        once = ab.softmax(q @ np.swapaxes(k, -1, -2)) @ v
        loss = np.sum(ab.softmax(once @ np.swapaxes(v, -1, -2) * 0.5) @ q)
        loss.backward()
        return loss

    graph = graph_of(step)
    found = block_attention(graph, least=0)
    assert [e.primitive for e in found.equations].count(blocked) == 4
    held = [inner(cell.read()) for cell in graph.cells]
    for a, b in zip(evaluate(graph, *held), evaluate(found, *held), strict=True):
        if a is not None:
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


def test_weights_that_somebody_else_reads_stay_whole() -> None:
    p = parameters(2)

    def looked_at():
        weights = ab.softmax(p[0] @ np.swapaxes(p[1], -1, -2))
        return weights @ p[2], np.sum(weights * weights)

    graph = graph_of(looked_at)
    assert block_attention(graph, least=0) == graph


def test_small_scores_are_left_alone() -> None:
    graph = graph_of(step_of(parameters(2), MASKS["none"]))
    assert block_attention(graph) == graph


def test_not_a_number_goes_through_blocks_as_it_goes_through_attention() -> None:
    p = parameters(2)
    graph = graph_of(lambda: np.exp(p[0] @ np.swapaxes(p[1], -1, -2)) @ p[2])
    found = block_attention(graph, least=0)
    held = [np.where(np.arange(5) == 3, np.nan, inner(c.read())) for c in graph.cells]
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(np.isnan(evaluate(found, *held)[0]), np.isnan(evaluate(graph, *held)[0]))


def test_a_compiled_step_with_little_memory_holds_no_matrix_of_scores(monkeypatch) -> None:
    monkeypatch.setattr(blocks, "TILE", 1 << 13)
    n, heads = 256, 4
    rng = np.random.default_rng(0)

    def made():
        layer = CausalSelfAttention(heads * 16, heads, rng=1)
        optimizer = ab.optim.Adam(layer.parameters(), lr=1e-3)

        def step(x):
            optimizer.zero_grad()
            loss = np.mean(np.square(layer(x)))
            loss.backward()
            optimizer.step()
            return loss

        return layer, step

    x = rng.standard_normal((1, n, heads * 16)).astype(np.float32)
    (one, eager), (two, step) = made(), made()
    whole, fast = ab.compile(made()[1]), ab.compile(step, memory=1 << 20, poison=True)
    for _ in range(4):
        np.testing.assert_allclose(fast(x).detach().numpy(), eager(x).detach().numpy(), rtol=1e-4)
        whole(x)
    for a, b in zip(one.parameters(), two.parameters(), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-3, atol=1e-4)
    del a, b
    scores = 4 * heads * n * n
    fast(x)
    tracemalloc.start()
    fast(x)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert whole.traces[0].plan.size > 2 * scores
    assert fast.traces[0].plan.size + peak < 2 * scores
    assert not squares(fast.traces[0].graph, (1, heads, n, n))
