"""speed/equations: names, equations and graphs, and what they mean."""

from collections import Counter
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from hypothesis import given
from programs import execute, points, programs, seeds
from steps_to_capture import batches, step_of

import autograd_book as ab
from autograd_book.graph.primitive import primitives
from autograd_book.speed.capture import capture
from autograd_book.speed.equations import (
    Equation,
    Graph,
    Guard,
    MissedGuard,
    Name,
    alike,
    bytes_in_use,
    carry_out,
    evaluate,
    last_uses,
    names_in,
    short,
    source_of,
)

FLOAT = np.dtype(float)
X, Y, Z = (Name(i, (3,), FLOAT) for i in (1, 2, 3))
SQUARE = Equation(primitives[np.multiply], (X, X), {}, Y)
TOTAL = Equation(primitives[np.add], (Y, 1.0), {}, Z)
GRAPH = Graph((X,), (SQUARE, TOTAL), (Z,))


def test_a_graph_gives_what_its_equations_say():
    (out,) = evaluate(GRAPH, np.arange(3.0))
    np.testing.assert_array_equal(out, np.arange(3.0) ** 2 + 1)


def test_a_graph_is_printed_line_by_line():
    assert str(GRAPH).splitlines() == [
        "graph(v1:float64[3]):", "  v2:float64[3] = multiply(v1, v1)", "  v3:float64[3] = add(v2, 1.0)", "  return v3",
    ]
    guarded = replace(GRAPH, guards=(Guard(Y, True),))
    assert "guard bool(v2) is True" in str(guarded)


def test_names_equations_and_graphs_cannot_be_changed():
    for thing, field in ((X, "number"), (SQUARE, "out"), (GRAPH, "inputs")):
        with pytest.raises(FrozenInstanceError):
            setattr(thing, field, None)


def test_names_in_params_are_read_too():
    index = Name(4, (2,), np.dtype(int))
    picked = Equation(primitives[np.multiply], (X, 1.0), {"index": (slice(None), [index])}, Y)
    assert picked.inputs == [X, index] and picked.outs == [Y]


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, 1.0), (0.0, -0.0), (np.float32(1), np.float64(1)), (np.zeros(2), np.zeros(3)), ([1], (1,)), ({"a": 1}, {"b": 1}),
     (np.array([0.0]), np.array([-0.0])), (X, Y), (None, 0)],
)
def test_constants_that_differ_in_a_bit_or_a_type_are_not_alike(one, other):
    assert not alike(one, other) and alike(one, one) and alike(other, other)


def test_a_nan_is_the_same_as_itself():
    assert alike(np.array([np.nan]), np.array([np.nan])) and alike(np.nan, np.nan) and alike(float("nan"), float("nan"))


def test_graphs_differ_by_constants_names_guards_and_barriers():
    for other in (
        replace(GRAPH, equations=(SQUARE, replace(TOTAL, args=(Y, 2.0)))),
        replace(GRAPH, equations=(SQUARE, replace(TOTAL, barrier=1))),
        replace(GRAPH, outputs=(Y,)),
        replace(GRAPH, guards=(Guard(Y, True),)),
    ):
        assert other != GRAPH
    assert replace(GRAPH, equations=(SQUARE, replace(TOTAL, line=("f", 3)))) == GRAPH


@pytest.mark.parametrize("fun", [np.add, np.subtract, np.multiply, np.divide, np.power, np.less, np.equal])
def test_python_numbers_stay_python_numbers(fun):
    out = carry_out(primitives[fun], (3.0, 2), {}, None)
    assert type(out) in (float, bool) and out == fun(3.0, 2)


def test_a_guard_that_is_missed_says_where_it_was_asked():
    truth = Name(5, (), np.dtype(bool))
    asked = Graph((X,), (Equation(primitives[np.all], (X,), {}, truth),), (X,), (Guard(truth, True, ("step.py", 7)),))
    with pytest.raises(MissedGuard, match=r"step\.py:7"):
        evaluate(asked, np.zeros(3))


def test_long_lines_of_a_program_are_cut():
    assert len(source_of((__file__, 12))) <= 60


def test_last_uses_and_live_bytes_agree_with_counting_by_hand():
    assert last_uses(GRAPH) == {X: 0, Y: 1, Z: 2}
    assert bytes_in_use(GRAPH) == [24, 48]
    unread = replace(GRAPH, outputs=(Y,))
    assert last_uses(unread)[Z] == 1 and last_uses(unread)[Y] == 2


def bytes_alive(graph):
    """What is alive while each equation is carried out, by asking of each name whether it will be read."""
    found = []
    for i in range(len(graph)):
        made = [name for e in graph.equations[: i + 1] for name in e.outs]
        later = [name for e in graph.equations[i + 1 :] for name in e.inputs] + names_in(graph.outputs) + [g.name for g in graph.guards]
        mine = graph.equations[i].inputs + graph.equations[i].outs
        found.append(sum(name.nbytes for name in made if name in later or name in mine))
    return found


@given(programs, seeds)
def test_live_bytes_of_random_programs_are_those_of_a_slow_count(program, seed):
    f = ab.grad(lambda x, y: execute(program, [x, y], np))
    graph = capture(f, *points(seed))
    assert bytes_in_use(graph) == bytes_alive(graph)


def test_a_step_counts_its_primitives_and_knows_its_edges():
    step, _ = step_of()()
    graph = capture(step, *batches(0))
    assert graph.count() == Counter(e.primitive.name for e in graph.equations) and graph.count()["matmul"] == 5
    assert all(a in {*graph.inputs, *(n for e in graph.equations for n in e.outs)} for a, _ in graph.edges())


def test_a_large_constant_is_printed_by_its_kind():
    assert short(np.ones((2, 3), np.float32)) == "<float32[2,3]>" and short(np.float32(0.5)) == "float32(0.5)"
