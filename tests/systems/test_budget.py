"""Bytes and operations of transformers: formulas against runs of this engine, and against published figures."""

from functools import partial

import numpy as np
import pytest

import autograd_book as ab
from autograd_book.graph.backward import reachable
from autograd_book.learn.attention import CausalSelfAttention, causal_mask
from autograd_book.learn.sequence import Transformer, language_step, next_token_loss
from autograd_book.memory.checkpoint import saved_bytes
from autograd_book.speed.work import count_work
from autograd_book.systems.budget import (
    MOMENTS,
    PRECISIONS,
    RECOMPUTED,
    Sizes,
    amount,
    budget,
    cache_bytes,
    kept_bytes,
    parameters,
    sizes_of,
    states,
    step_products,
)

SIZES = [
    Sizes(64, 4, 2, 50, 32, 8), Sizes(64, 4, 3, 64, 48, 8), Sizes(16, 1, 1, 5, 4, 2), Sizes(48, 3, 4, 7, 20, 2), Sizes(32, 8, 2, 90, 16, 3),
]
each_size = pytest.mark.parametrize("sizes", SIZES, ids=lambda s: f"h{s.width}L{s.blocks}s{s.context}")
each_way = pytest.mark.parametrize("recompute", RECOMPUTED)
GPT2 = Sizes(768, 12, 12, 50257, 1024, tied=True)


class Selective(CausalSelfAttention):
    """Computes its weights again on the way back."""

    def mixed(self, query, key, value):
        scores = (query * query.shape[-1] ** -0.5) @ np.swapaxes(key, -1, -2)
        return ab.softmax(scores + causal_mask(scores.shape[-1], scores.dtype)) @ value

    def __call__(self, x):
        parts = [self.apart(layer(x)) for layer in (self.query, self.key, self.value)]
        return self.join(np.reshape(np.swapaxes(ab.checkpoint(self.mixed)(*parts), -3, -2), x.shape))


def network_of(sizes, recompute="nothing"):
    network = Transformer(sizes.words, sizes.width, sizes.heads, sizes.blocks, sizes.context)
    leaves = list(network.parameters())
    if recompute == "attention":
        for block in network.blocks:
            block.attention.__class__ = Selective
    elif recompute == "blocks":
        network.blocks = [ab.checkpoint(block) for block in network.blocks]
    return network, leaves


def pieces_for(sizes):
    return np.random.default_rng(0).integers(0, sizes.words, (sizes.batch, sizes.context + 1))


def saved_in(sizes, recompute="nothing"):
    network, leaves = network_of(sizes, recompute)
    return saved_bytes(reachable(next_token_loss(network, pieces_for(sizes)).node), leaves)


@each_size
def test_parameters_are_counted_to_the_last_one(sizes):
    network, leaves = network_of(sizes)
    assert sum(parameters(sizes).values()) == sum(p.size for p in leaves)
    assert sizes_of(network, sizes.batch) == sizes


def test_published_numbers_of_parameters_are_met():
    assert sum(parameters(GPT2).values()) == 124_439_808
    study = {22e9: (6144, 64, 48), 175e9: (12288, 96, 96), 530e9: (20480, 128, 105), 1e12: (25600, 160, 128)}
    for about, (width, heads, blocks) in study.items():
        found = sum(parameters(Sizes(width, heads, blocks, 51200, 2048, tied=True)).values())
        assert abs(found / about - 1) < 0.01


@each_way
@each_size
def test_saved_bytes_are_what_the_nodes_hold(sizes, recompute):
    assert saved_in(sizes, recompute) == kept_bytes(sizes, "fp32", recompute)


@pytest.mark.parametrize("sizes", SIZES[:2], ids=str)
def test_saved_bytes_in_halves_are_within_two_percent(sizes):
    pytest.importorskip("ml_dtypes")
    with ab.saved_values("bfloat16"):
        stored = saved_in(sizes)
    with ab.autocast("bfloat16"):
        cast = saved_in(sizes)
    weights = sum(parameters(sizes)[name] for name in ("attention", "perceptrons", "readout"))
    assert abs(stored / kept_bytes(sizes, "mixed") - 1) < 0.02
    assert cast == kept_bytes(sizes, "mixed") + 2 * weights


@each_way
@each_size
def test_products_of_a_step_are_the_counted_ones(sizes, recompute):
    network, _ = network_of(sizes, recompute)
    with count_work() as counts:
        next_token_loss(network, pieces_for(sizes)).backward()
    counted = sum(work.flops for (name, _), (_, work) in counts.items() if name == "matmul")
    assert counted == sum(step_products(sizes, recompute).values())


@pytest.mark.parametrize(
    ("name", "make"),
    [("SGD", ab.optim.SGD), ("momentum", partial(ab.optim.SGD, momentum=0.9)), ("Adam", ab.optim.AdamW)],
)
def test_states_are_the_arrays_that_a_step_leaves(name, make):
    sizes = SIZES[0]
    network, leaves = network_of(sizes)
    optimizer = make(leaves, lr=0.01)
    language_step(network, optimizer, pieces_for(sizes))
    found = states(sizes, "fp32", name)
    arrays = [a for state in optimizer.state for a in state.values() if np.ndim(a)]
    assert sum(a.nbytes for a in arrays) == found["optimizer state"]
    assert sum(p.grad.data.nbytes for p in leaves) == found["gradients"]
    assert sum(p.data.nbytes for p in leaves) == found["parameters"]


def test_the_states_of_zero_are_met():
    number = sum(parameters(GPT2).values())
    assert sum(states(GPT2, "mixed").values()) == 16 * number == sum(states(GPT2, "fp32").values())


@each_size
def test_a_cache_holds_keys_and_values_of_each_block(sizes):
    network, _ = network_of(sizes)
    with ab.no_grad():
        x, found = network.embed(pieces_for(sizes)[:, :-1]), 0
        for block in network.blocks:
            normed = block.before(x)
            found += sum(layer(normed).numpy().nbytes for layer in (block.attention.key, block.attention.value))
            x = block(x)
    assert found == cache_bytes(sizes, "fp32") == 2 * cache_bytes(sizes, "mixed")


def test_the_sum_is_near_the_peak_of_a_step():
    sizes = SIZES[1]
    network, leaves = network_of(sizes)
    optimizer = ab.optim.AdamW(leaves)
    language_step(network, optimizer, pieces_for(sizes))
    with ab.memory_profile(network, optimizer) as seen:
        language_step(network, optimizer, pieces_for(sizes))
    assert abs(budget(sizes, precision="fp32").total / seen.peak - 1) < 0.1


@pytest.mark.parametrize(
    ("wrong", "remedy"),
    [({"precision": "half"}, "fp32"), ({"optimizer": "adam"}, "Adam"), ({"recompute": "block"}, "blocks")],
)
def test_an_unknown_choice_is_refused_with_what_there_is(wrong, remedy):
    ((what, value),) = wrong.items()
    with pytest.raises(ab.DifferentiationValueError, match=f"{what}='{value}'.*{remedy}"):
        budget(GPT2, **wrong)


def test_a_budget_prints_and_hands_out_its_figures():
    found = budget(GPT2, recompute="attention")
    assert "optimizer state" in repr(found) and "<table" in found._repr_html_()
    plain = found.to_dict()
    assert plain["total"] == found.total == sum(plain["nbytes"].values())
    assert plain["sizes"]["width"] == 768
    assert found.seconds(1e12, share=0.5) == pytest.approx(2 * sum(found.flops.values()) / 1e12)


def test_amounts_choose_their_unit():
    said = [amount(n, "B") for n in (0, 12, 999, 1000, 645632, 2.8e12, 5e18)]
    assert said == ["0.00 B", "12.0 B", "999 B", "1.00 kB", "646 kB", "2.80 TB", "5.00 EB"]


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("optimizer", MOMENTS)
def test_every_choice_has_a_budget(precision, optimizer):
    assert budget(GPT2, precision=precision, optimizer=optimizer).total > 0
