"""Ranks in a box: any layout trains a transformer to the numbers of one rank."""

import numpy as np
import pytest

import autograd_book as ab
from autograd_book.learn.sequence import Transformer, next_token_loss
from autograd_book.scale.grid import GridStep, Layout, RankGroup, axes_of
from autograd_book.scale.world import MEANINGS, ROOTED, SPLIT, alongside

PIECES = np.random.default_rng(0).integers(0, 11, (8, 7))


def network():
    return Transformer(words=11, width=8, heads=2, blocks=2, context=6, dtype=float)


def alone(steps=2):
    whole, losses = network(), []
    optimizer = ab.optim.Adam(whole.parameters())
    for _ in range(steps):
        optimizer.zero_grad()
        loss = next_token_loss(whole, PIECES)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def in_layout(world, layout, steps=2):
    step = GridStep(world, network(), layout, ab.optim.Adam)
    return [step(PIECES) for _ in range(steps)]


LAYOUTS = [
    Layout(micro=4), Layout(2, micro=4), Layout(4, stage=2, micro=2), Layout(2, stage=3, micro=4),
    Layout(tensor=2, micro=4), Layout(pipeline=2, micro=4, recompute="blocks"), Layout(2, 2, stage=1, recompute="attention"), Layout(recompute="attention"), Layout(2, 2, stage=3, micro=2, recompute="blocks"),
    Layout(1, 2, 2, micro=4), Layout(2, 1, 2, stage=2, micro=2), Layout(2, 2, 2, micro=2),
]


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_every_layout_gives_the_losses_of_one_rank(layout):
    right = alone()
    for losses in alongside(layout.ranks, in_layout, layout):
        np.testing.assert_allclose(losses, right, rtol=1e-12)


@pytest.mark.parametrize("name", MEANINGS)
def test_a_group_means_what_a_world_of_its_size_means(name):
    def part(rank):
        return np.arange(6.0).reshape(3, 2) * (rank + 1) if name in SPLIT else np.arange(2.0) + rank

    how = 1 if name in ROOTED else [(0, 2), (2, 1)] if name == "permute" else None
    right = alongside(3, lambda world: world.exchange(name, part(world.rank), how))

    def program(world):
        if world.rank == 1:
            return None
        group = RankGroup(world, [2, 3, 0])
        return group.rank, group.exchange(name, part(group.rank), how)

    found = dict(pair for pair in alongside(4, program) if pair)
    for rank in range(3):
        np.testing.assert_array_equal(found[rank], right[rank])


def test_each_rank_is_in_three_lines_of_the_box():
    layout = Layout(data=2, tensor=3, pipeline=2)
    for rank, lines in enumerate(alongside(12, lambda world: [axis.members for axis in axes_of(world, layout)])):
        assert [len(line) for line in lines] == [2, 3, 2]
        assert all(rank in line for line in lines)
        assert len(set.union(*map(set, lines))) == 1 + 1 + 2 + 1
    assert lines == [[8, 11], [9, 10, 11], [5, 11]]


@pytest.mark.parametrize("layout, said", [
    (Layout(2, 2), "for 4 ranks was given to a world of 2"),
    (Layout(pipeline=2, micro=3), "8 texts"),
    (Layout(tensor=2, micro=5), "8 texts"),
])
def test_a_layout_that_does_not_fit_is_refused(layout, said):
    with pytest.raises(ab.DifferentiationValueError, match=said):
        alongside(2, in_layout, layout)


def test_blocks_and_words_that_cannot_be_divided_are_refused():
    with pytest.raises(ab.DifferentiationValueError, match="2 blocks"):
        alongside(3, in_layout, Layout(pipeline=3))
    with pytest.raises(ab.DifferentiationValueError, match="6 words of a text"):
        alongside(4, in_layout, Layout(tensor=4))
