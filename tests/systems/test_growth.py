"""How steps grow: exponents against arithmetic, and counts of graphs. Clocks are made up."""

import json

import numpy as np
import pytest

import autograd_book as ab
from autograd_book.systems.growth import (
    Finding,
    exponent,
    fastest,
    plain,
    profile_depth,
    scaling,
    work_in,
)


def family(rows, width):
    x, w = np.ones((rows, width)), ab.Variable(np.ones((width, width)))
    return lambda: np.sum(np.tanh(x @ w)).backward()


def ticking():
    now = [0.0]

    def clock():
        now[0] += 1.0
        return now[0]

    return clock


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0, 2.0, 3.0])
def test_a_pure_power_is_found_without_error(power):
    n = np.array([3, 5, 11, 20])
    found = exponent(n, 7.0 * n**power)
    assert found.value == pytest.approx(power, abs=1e-12)
    assert found.error == pytest.approx(0, abs=1e-12)


def test_the_error_is_that_of_repeated_experiments():
    rng, n = np.random.default_rng(0), np.array([1, 2, 4, 8, 16])
    trials = [exponent(n, n**1.5 * np.exp(rng.normal(0, 0.1, 5))) for _ in range(4000)]
    spread = np.std([t.value for t in trials])
    said = np.sqrt(np.mean([t.error**2 for t in trials]))
    assert said == pytest.approx(spread, rel=0.05)


def test_a_tower_has_a_node_for_each_operation_and_one_for_its_variable():
    found = profile_depth(max_depth=4, operations_per_level=3, rounds=1, clock=ticking())
    assert [r.levels for r in found.rows] == [1, 2, 3, 4]
    for row in found.rows:
        assert row.operations == 3 * row.levels + 1
        assert row.nodes == row.operations + 1
        assert row.saved == 16 * 16 * 8 * (3 * row.levels // 2)  # what tanh keeps
    assert 0.8 < found.exponent("nodes").value < 1  # one node more than operations


def test_deep_towers_are_sampled_at_ten_depths():
    found = profile_depth(max_depth=40, operations_per_level=1, rounds=1, clock=ticking())
    assert len(found.rows) == 10 and found.rows[0].levels == 1 and found.rows[-1].levels == 40


def test_operations_of_a_family_grow_as_arithmetic_says():
    found = scaling(family, {"rows": 64, "width": 32}, factors=(1, 2, 4), rounds=1, clock=ticking())
    for row in found.rows["width"]:
        n = row.size
        # two products (the data need no gradient), tanh's rule with three operations, a sum
        assert row.flops - 2 * 2 * 64 * n * n <= 6 * 64 * n
    assert found.exponent("rows", "flops").value == pytest.approx(1, abs=0.01)
    assert 1.9 < found.exponent("width", "flops").value < 2
    assert found.exponent("rows", "nodes").value == 0


def test_other_sizes_stay_while_one_grows():
    asked = []

    def noting(rows, width):
        asked.append((rows, width))
        return family(rows, width)

    scaling(noting, {"rows": 2, "width": 3}, factors=(1, 2, 3), rounds=1, clock=ticking())
    assert asked == [(2, 3), (4, 3), (6, 3), (2, 3), (2, 6), (2, 9)]


def test_two_points_are_refused():
    with pytest.raises(ab.DifferentiationValueError, match=r"factors \(1, 2\).*three"):
        scaling(family, {"rows": 2, "width": 2}, factors=(1, 2))


def test_the_shortest_run_counts():
    laps = iter([0, 5, 5, 7, 7, 12])
    assert fastest(lambda: None, 3, lambda: next(laps)) == 2


def test_work_in_a_graph_is_that_of_its_products():
    graph = ab.capture(lambda: np.ones((3, 4)) @ ab.Variable(np.ones((4, 5))).numpy())
    assert work_in(graph).flops in (0, 2 * 3 * 4 * 5)  # nothing is captured of plain arrays
    graph = ab.capture(lambda x: x @ np.ones((4, 5)), np.ones((3, 4)))
    assert work_in(graph).flops == 2 * 3 * 4 * 5


FOUND = {
    "depth": lambda: profile_depth(2, 2, rounds=1, clock=ticking()),
    "scaling": lambda: scaling(family, {"rows": 2, "width": 2}, factors=(1, 2, 3), rounds=1, clock=ticking()),
}


@pytest.mark.parametrize("name", FOUND)
def test_a_finding_prints_and_is_plain(name):
    found = FOUND[name]()
    assert isinstance(found, Finding)
    assert "<table" in found._repr_html_() and repr(found).count("\n") >= 2
    assert json.loads(json.dumps(found.to_dict())) == found.to_dict()


@pytest.mark.parametrize("name", FOUND)
def test_a_finding_draws_itself(name):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    ax = FOUND[name]().plot()
    assert len(ax.get_lines()) == 2 and ax.get_xlabel()
    matplotlib.pyplot.close("all")


def test_numbers_of_numpy_become_pythons():
    assert type(plain({"a": [np.float32(1)]})["a"][0]) is float
