"""Layers cut between ranks: the whole result, and the gradient of the whole."""

import numpy as np
import pytest

import autograd_book as ab
from autograd_book.graph.backward import reachable
from autograd_book.learn.attention import TransformerBlock
from autograd_book.memory.checkpoint import saved_bytes
from autograd_book.scale.sharding import Absent, Counting
from autograd_book.scale.tensor_parallel import (
    Columns,
    CutBlock,
    Rows,
    add_shares,
    cut_parameters,
    gather_words,
    scatter_words,
)
from autograd_book.scale.world import alongside


def blocks():
    return [TransformerBlock(16, 4, rng=i, dtype=float) for i in range(2)]


X = np.random.default_rng(0).normal(size=(2, 8, 16))


def whole():
    network = ab.nn.Sequential(*blocks())
    out = network(X)
    np.sum(np.cos(out)).backward()
    return out.numpy(), [dict(block.named_parameters()) for block in network]


def trained(world, words):
    network = ab.nn.Sequential(*[CutBlock(world, block, words) for block in blocks()])
    out = network(np.split(X, world.size, 1)[world.rank] if words else X)
    (np.sum(np.cos(out)) / (1 if words else world.size)).backward()
    add_shares(world, network)
    return out.numpy(), [dict(block.named_parameters()) for block in network], network


NAMES = {"wide": "perceptron.layers.0", "narrow": "perceptron.layers.2"}


@pytest.mark.parametrize("size", [1, 2, 4])
@pytest.mark.parametrize("words", [False, True])
def test_cut_blocks_give_results_and_gradients_of_whole_ones(size, words):
    right, expected = whole()
    found = alongside(size, trained, words)
    outs = [out for out, _, _ in found]
    np.testing.assert_allclose(np.concatenate(outs, 1) if words else outs[-1], right, rtol=1e-12, atol=1e-12)
    seen = 0
    for rank, (_, named, network) in enumerate(found):
        own = {id(p) for p in cut_parameters(network)}
        for block, reference in zip(named, expected, strict=True):
            assert len(block) == len(reference)
            for name, p in block.items():
                first, _, rest = name.partition(".")
                g = reference[f"{NAMES.get(first, first)}.{rest}"].grad.numpy()
                if id(p) in own:
                    axis = 0 if "join" in name or "narrow" in name else g.ndim - 1
                    g = np.split(g, size, axis)[rank]
                np.testing.assert_allclose(p.grad.numpy(), g, rtol=1e-11, atol=1e-11, err_msg=name)
                seen += 1
    assert seen == 2 * 16 * size


def test_each_rank_has_its_part_of_the_cut_parameters_alone():
    block = CutBlock(Absent(1, 4), blocks()[0])
    assert sorted(p.shape for p in cut_parameters(block)) == sorted([(16, 4), (4,)] * 3 + [(4, 16), (16, 16), (16,), (16, 16)])


@pytest.mark.parametrize("words", [False, True])
def test_words_cut_or_whole_the_same_bytes_are_sent(words):
    world = Counting(Absent(0, 4))
    np.sum(CutBlock(world, blocks()[0], words)(ab.Variable(X[:, : 2 if words else 8]))).backward()
    assert sum(world.sent.values()) == 4 * 2 * 3 / 4 * X.nbytes


def kept(size, words):
    block = CutBlock(Absent(0, size), blocks()[0], words)
    out = block(ab.Variable(X[:, : 8 // size if words else 8]))
    return saved_bytes(reachable(out.node), [p.value for p in block.parameters()])


def test_what_stays_on_every_rank_is_less_when_words_are_cut():
    whole_words, cut_words = ([kept(t, words) for t in (1, 2, 4)] for words in (False, True))
    assert whole_words[0] > whole_words[1] > whole_words[2] and cut_words[2] < whole_words[2]


@pytest.mark.parametrize("size", [1, 2, 4])
def test_words_are_gathered_in_order_and_scattered_as_a_sum(size):
    def program(world):
        mine = np.split(X, size, 1)[world.rank]
        return gather_words(mine, world), scatter_words(X * (world.rank + 1), world), mine

    for gathered, scattered, mine in alongside(size, program):
        np.testing.assert_array_equal(gathered, X)
        np.testing.assert_allclose(scattered, mine * sum(range(size + 1)), rtol=1e-14)


def test_a_bias_behind_a_sum_is_added_once():
    layer = ab.nn.Linear(4, 3, rng=0, dtype=float)
    layer.bias.data = np.arange(3.0)
    x = np.ones((1, 4))

    def program(world):
        narrow = Rows(world, layer)
        return (ab.collectives.all_reduce(narrow(np.split(x, world.size, 1)[world.rank]), world) + narrow.bias).numpy()

    for found in alongside(4, program):
        np.testing.assert_allclose(found, layer(x).numpy(), rtol=1e-14)


def test_what_does_not_divide_is_refused():
    with pytest.raises(ab.DifferentiationValueError, match=r"shape \(4, 6\) was to be cut along axis 1 for 4 ranks"):
        Columns(Absent(0, 4), ab.nn.Linear(4, 6))
    with pytest.raises(ab.DifferentiationValueError, match="4 heads was to be cut for 8 ranks"):
        CutBlock(Absent(0, 8), TransformerBlock(16, 4))


def test_a_layer_without_bias_is_cut_too():
    assert [p.shape for p in Columns(Absent(0, 2), ab.nn.Linear(4, 6, bias=False)).parameters()] == [(4, 3)]
