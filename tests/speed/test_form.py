"""Forms: what a call of a graph compares, and what it hands out."""

import numpy as np
import pytest

import autograd_book as ab
from autograd_book.graph.errors import FreedGraphError
from autograd_book.speed.capture import capture
from autograd_book.speed.cells import StateCell
from autograd_book.speed.equations import MissedGuard, Name
from autograd_book.speed.form import commit, expect_fitting, given, handed, inner, partition

ROW = Name(1, (2,), np.dtype(float))


def test_arguments_are_found_in_trees_and_all_else_has_to_be_the_same() -> None:
    form = {"x": (ROW, "fast"), "n": 3}
    (found,) = given(form, {"x": (V := np.ones(2), "fast"), "n": 3})
    assert found is V
    for other in ({"x": (V, "slow"), "n": 3}, {"x": (V, "fast"), "n": 3.0}):
        with pytest.raises(MissedGuard):
            given(form, other)


@pytest.mark.parametrize("value", [np.ones(3), np.ones(2, np.float32), [1.0, 1.0], 1.0, None, np.ma.ones(2)], ids=repr)
def test_another_shape_dtype_or_class_does_not_fit(value) -> None:
    expect_fitting(ROW, np.ones(2))
    with pytest.raises(MissedGuard):
        expect_fitting(ROW, value)


def test_what_is_left_and_what_is_handed_out_is_nobody_elses() -> None:
    made, place = np.ones(2), {"mean": None}
    commit(StateCell(place, "mean", "state"), made)
    out = handed(made, None)
    made += 1
    np.testing.assert_array_equal(place["mean"], [1, 1])
    np.testing.assert_array_equal(out, [1, 1])


def test_a_gradient_that_arrives_at_a_result_is_refused() -> None:
    out = handed(np.ones(2), "recorded")
    with pytest.raises(FreedGraphError):
        np.sum(out * ab.Variable(np.ones(2))).backward()


def test_a_partition_tells_one_array_in_two_places_from_two_equal_ones() -> None:
    one, two = np.ones(2), np.ones(2)
    assert partition([one, two, one, 1.0, 1.0]) == [0, 1, 0, 3, 4]


def test_the_innermost_of_variables_counts() -> None:
    array = np.ones(2)
    assert inner(ab.Variable(array)).tolist() == [1, 1] and inner(2.5) == 2.5


def test_places_that_came_apart_are_not_taken_for_one() -> None:
    holder = {"a": np.ones(2)}
    holder["b"] = holder["a"]
    graph = capture(lambda x: x * holder["a"] + holder["b"], np.ones(2))
    np.testing.assert_array_equal(graph(np.ones(2)), [2, 2])
    holder["b"] = np.zeros(2)
    with pytest.raises(MissedGuard):
        graph(np.ones(2))
