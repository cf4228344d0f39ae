"""Notes of a call tell a second run that is not like the first, and keep its arguments without their arrays."""

import numpy as np
import pytest

import autograd_book as ab
from autograd_book.graph.errors import MutatedValueError
from autograd_book.graph.primitive import primitives
from autograd_book.memory.notes import CallNotes, ReplayError, compare, emptied, expected, noted, refilled

MULTIPLY = primitives[np.multiply]


def product(notes, a, b):
    return noted(notes, MULTIPLY, (a, b), {}, a * b, 0)


def test_the_same_operation_on_the_same_values_passes() -> None:
    notes, v = CallNotes(np.tanh, True), ab.Variable(np.ones(3))
    compare(notes, 0, product(notes, v, 2.0), product(notes, v, 2.0), ())


@pytest.mark.parametrize("other", [3.0, np.full(3, 2.0), np.float32(2.0)], ids=repr)
def test_another_constant_is_refused_where_values_are_compared_and_only_there(other) -> None:
    v = ab.Variable(np.ones(3))
    for check in (True, False):
        notes = CallNotes(np.tanh, check)
        first, again = product(notes, v, 2.0), product(notes, v, other)
        if check:
            with pytest.raises(ReplayError, match="multiply .* operation 0 .* the same of other values"):
                compare(notes, 0, first, again, ())
        else:
            compare(notes, 0, first, again, ())


@pytest.mark.parametrize("shape", [(3,), (1, 3)])
def test_another_shape_is_refused_in_any_case(shape) -> None:
    notes = CallNotes(np.tanh, False)
    first, again = (product(notes, ab.Variable(np.ones(s)), 2.0) for s in ((2, 3), shape))
    with pytest.raises(ReplayError, match=r"shape \(2, 3\)"):
        compare(notes, 0, first, again, ())


def test_an_operation_of_another_name_and_one_too_many_are_refused() -> None:
    notes = CallNotes(np.tanh, True)
    notes.steps.append(product(notes, ab.Variable(1.0), 2.0))
    assert expected(notes, 0, MULTIPLY) is notes.steps[0]
    with pytest.raises(ReplayError, match="did multiply as operation 0"):
        expected(notes, 0, primitives[np.tanh])
    with pytest.raises(ReplayError, match="did nothing more as operation 1"):
        expected(notes, 1, MULTIPLY)


def test_a_caught_variable_with_another_array_is_refused_and_one_of_the_call_is_not() -> None:
    caught = ab.Variable(np.ones(3))
    notes = CallNotes(np.tanh, True)
    inside = ab.Variable(np.ones(3))
    first = product(notes, caught, inside)
    inside.data = np.zeros(3)
    compare(notes, 0, first, product(notes, caught, inside), ())
    caught.data = np.zeros(3)
    with pytest.raises(MutatedValueError):
        compare(notes, 0, first, product(notes, caught, inside), ())
    compare(notes, 0, first, product(notes, caught, inside), (caught.value,))


def test_arguments_come_back_with_their_nodes_at_any_depth_of_records() -> None:
    def inner(x):
        shells, arrays = emptied({"x": x, "n": 3})
        assert len(arrays) == 1 and type(arrays[0]) is np.ndarray
        back = refilled(shells, arrays)
        assert back["n"] == 3 and back["x"].node is x.node
        return np.sum(back["x"] ** 3)

    assert np.allclose(ab.hessian(inner)(np.array([1.0, 2.0])), np.diag([6.0, 12.0]))
