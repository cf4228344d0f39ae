"""What a plan says of a layout is what a run of it takes, and the layout is the best of all."""

import json
from dataclasses import replace

import pytest
from lone_rank import measured

import autograd_book as ab
from autograd_book.scale.grid import Layout
from autograd_book.scale.planning import (
    ALLOWED,
    Cluster,
    held_bytes,
    largest_bytes,
    layouts,
    plan_training,
    predicted,
    rank_bytes,
    sent_bytes,
    step_seconds,
    work_bytes,
)
from autograd_book.systems.budget import RECOMPUTED, Sizes, parameters

BALANCED = Sizes(width=128, heads=4, blocks=2, words=256, context=64, batch=8)
WORDY = Sizes(width=128, heads=4, blocks=2, words=2048, context=32, batch=8)
RUNS = [  # the chapter runs and asserts more of them
    (BALANCED, Layout(tensor=2, pipeline=2, micro=4), "way back of the last block"),
    (BALANCED, Layout(2, stage=1, micro=2), "step of stage 1"),
    (BALANCED, Layout(4, stage=2, micro=1), "way back of the last block"),
    (WORDY, Layout(micro=4), "the loss"),
    (WORDY, Layout(tensor=4, micro=4), "end of the way back"),
]


@pytest.mark.parametrize("sizes, layout, moment", RUNS)
def test_the_peak_is_within_two_percent_and_what_is_sent_exact(sizes, layout, moment):
    for place in {0, layout.pipeline - 1}:
        peak, sent, held = measured(sizes, layout, place)
        assert sum(rank_bytes(sizes, layout, place).values()) == pytest.approx(peak, rel=0.02)
        assert sent == sent_bytes(sizes, layout, place)
        said = held_bytes(sizes, layout, place)
        assert said["optimizer"] == pytest.approx(held["optimizer"], rel=1e-4)
        assert said["parameters"] == pytest.approx(held["parameters"], rel=1e-4)
    work = work_bytes(sizes, layout, 0)
    assert max(work, key=work.get) == moment


def test_in_the_third_stage_the_sum_is_not_below_the_peak_and_bytes_are_exact():
    layout = Layout(4, stage=3, micro=1, recompute="blocks")
    peak, sent, _ = measured(BALANCED, layout, 0)
    assert 0.98 < sum(rank_bytes(BALANCED, layout).values()) / peak < 1.12
    assert sent == sent_bytes(BALANCED, layout)


H100 = Cluster(ranks=64, memory=80e9, flops=989e12, inside=450e9, between=50e9)
BILLION = Sizes(1600, 25, 48, 50257, 1024, batch=1024, tied=True)


def test_a_plan_is_the_fastest_of_all_that_fit():
    for machine in (H100, replace(H100, memory=20e9), replace(H100, memory=6e9, between=5e9)):
        plan = plan_training(BILLION, machine, ("mixed", "bf16"))
        assert plan.total <= machine.memory and plan.layout.ranks == 64
        for layout in layouts(BILLION, 64, ("mixed", "bf16")):
            if sum(step_seconds(BILLION, layout, machine).values()) < plan.step * (1 - 1e-12):
                assert sum(largest_bytes(BILLION, layout).values()) > machine.memory


def test_each_layout_can_be_built_and_none_is_there_twice():
    found = list(layouts(BILLION, 64, ("mixed",)))
    assert len(found) == len(set(found))
    for layout in found:
        assert layout.ranks == 64 and layout.recompute in ALLOWED[layout.stage]
        assert BILLION.batch % (layout.data * layout.micro) == BILLION.blocks % layout.pipeline == BILLION.heads % layout.tensor == 0


def test_what_binds_is_what_would_make_it_faster():
    assert plan_training(BILLION, replace(H100, memory=6e9)).binds == "memory"
    assert plan_training(BILLION, H100).binds == "arithmetic"
    assert plan_training(BILLION, replace(H100, inside=1e9, between=1e8)).binds in ("sums over data", "letters in the line", "sums over tensor")
    lonely = Layout(pipeline=16, micro=1024)
    assert predicted(BILLION, replace(H100, ranks=16), lonely).binds == "idle in the line"


def test_time_has_its_parts_by_the_formulas():
    machine = replace(H100, ranks=1, share=1.0)
    alone = step_seconds(BILLION, Layout(precision="mixed"), machine)
    number = sum(parameters(BILLION).values())
    assert alone["arithmetic"] == pytest.approx(6 * number * BILLION.tokens / machine.flops, rel=0.2)
    assert [alone[name] for name in ("idle in the line", "sums over tensor", "sums over data", "letters in the line")] == [0.0] * 4
    again = step_seconds(BILLION, Layout(precision="mixed", recompute="blocks"), machine)["computed again"]
    assert 0.28 < again / alone["arithmetic"] < 1 / 3
    wide = step_seconds(BILLION, Layout(precision="fp32"), machine)
    assert wide["arithmetic"] == 2 * alone["arithmetic"]
    line = step_seconds(BILLION, Layout(pipeline=4, precision="mixed", micro=64), machine)
    assert line["idle in the line"] == pytest.approx(3 / 16 * line["arithmetic"])


def test_a_plan_prints_and_gives_plain_figures():
    plan = plan_training(BILLION, H100)
    assert json.loads(json.dumps(plan.to_dict()))["total"] == plan.total
    assert "what binds" in repr(plan) and "<table" in plan._repr_html_()


@pytest.mark.parametrize("change", [{"ranks": 0}, {"ranks": 2.5}, {"memory": -1.0}, {"between": 0.0}, {"flops": float("nan")}])
def test_a_cluster_that_cannot_be_is_refused(change):
    with pytest.raises(ab.DifferentiationValueError, match="Give a whole number of ranks"):
        replace(H100, **change)


def test_what_cannot_be_planned_is_refused():
    with pytest.raises(ab.DifferentiationValueError, match="layouts fits: the least takes"):
        plan_training(BILLION, replace(H100, ranks=1, memory=1e9))
    with pytest.raises(ab.DifferentiationValueError, match="cannot be divided over 7 ranks"):
        plan_training(BILLION, replace(H100, ranks=7))
    with pytest.raises(ab.DifferentiationValueError, match="precision='fp8'"):
        plan_training(BILLION, H100, ("fp8",))
    assert {name for allowed in ALLOWED.values() for name in allowed} == set(RECOMPUTED)
