"""Programs: text that Python reads, which says and does what the graph says."""

import ast
from typing import Any

import numpy as np
import pytest

import autograd_book as ab
from autograd_book.speed.capture import capture, inner
from autograd_book.speed.plan import MemoryPlan, arena_of, link, plan_of
from autograd_book.speed.program import Words, endings, guards_at, label, program, with_room
from autograd_book.speed.simplify import simplified

V = np.array([0.5, 1.0, 2.0])


def planned(f: Any, *args: Any) -> MemoryPlan:
    graph = capture(f, *args)
    return plan_of(graph, *args, *[inner(cell.read()) for cell in graph.cells])


def carried_out(f: Any, *args: Any) -> Any:
    """What the text of a function without state returns."""
    plan = planned(f, *args)
    text, words = program(plan, exact=True)
    arrays = link(plan, {}, arena_of(plan.size))
    words.known |= {words.of[name]: array for name, array in arrays.items()}
    exec(text, words.known)
    return words.known["step"](*args)


def test_two_objects_of_one_name_have_words_of_their_own_and_the_same_one_keeps_its_word() -> None:
    words = Words(capture(np.exp, V))
    assert [words.word("exp", fun) for fun in (np.exp, np.expm1, np.exp)] == ["exp", "exp_1", "exp"]
    assert words.known["exp_1"] is np.expm1


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, V, np.float32(2)], ids=repr)
def test_a_constant_without_a_text_becomes_a_word_for_the_very_object(value) -> None:
    words = Words(capture(np.exp, V))
    assert words.known[words.leaf(value)] is value


@pytest.mark.parametrize("value", [1, -2.5, True, None, (1, (2.0, None)), ()], ids=repr)
def test_a_plain_constant_is_read_back_by_python_as_it_is(value) -> None:
    found = ast.literal_eval(Words(capture(np.exp, V)).leaf(value))
    assert found == value and type(found) is type(value)


def test_a_key_that_is_no_identifier_gets_a_word_that_is_one() -> None:
    holder = {"class": np.ones(2), "two words": np.ones(2), "plain": np.ones(2)}

    def step() -> None:
        for key in holder:
            holder[key] = holder[key] * 2.0

    found = [label(cell) for cell in capture(step).cells if cell.key in holder]
    assert sorted(found) == ["plain", "state", "state"]


@pytest.mark.parametrize("f, wanted", [
    (lambda v: np.max(v) - np.min(v), 1.5),
    (lambda v: np.sum(v) * np.prod(v), 3.5),
    (lambda v: np.all(v > 1), False),
    (lambda v: (v * 2.0 - 1.0) / 4.0, np.array([0.0, 0.25, 0.75])),
], ids=["extrema", "sum and product", "question", "numbers"])  # fmt: skip
def test_the_text_does_what_arithmetic_says(f, wanted) -> None:
    np.testing.assert_array_equal(carried_out(f, V)[0], wanted)


def test_a_question_is_asked_behind_its_value_and_a_wrong_answer_returns_none() -> None:
    def careful(v: Any) -> Any:
        return np.log(v) if np.all(v > 0) else v

    plan = planned(careful, V)
    (place, _), = guards_at(plan.graph).items()
    assert plan.graph.equations[place].primitive.fun is np.all
    text, words = program(plan, exact=True)
    words.known |= {words.of[n]: a for n, a in link(plan, {}, arena_of(plan.size)).items()}
    exec(text, words.known)
    assert words.known["step"](-V) is None
    np.testing.assert_array_equal(words.known["step"](V)[0], np.log(V))


def test_an_exchange_copies_both_and_a_lone_update_is_written_in_place() -> None:
    a, b = ab.Variable(np.zeros(2)), ab.Variable(np.ones(2))

    def exchange() -> None:
        a.value, b.value = b.value, a.value

    def update() -> None:
        a.value = a.value + 1.0

    def ways(f: Any) -> list[str]:
        return [end.how for end in endings(planned(f)) if end.cell.key == "value"]

    assert ways(exchange) == ["copied", "copied"] and ways(update) == ["written"]


def test_there_is_room_for_a_gradient_that_was_not_there() -> None:
    layer = ab.nn.Linear(3, 2, rng=0)

    def step(x: Any) -> None:
        layer.zero_grad()
        np.mean(np.square(layer(x))).backward()

    layer.zero_grad()
    before = simplified(capture(step, np.ones((4, 3), np.float32)))
    pairs = zip(before.inputs[1:], with_room(before).inputs[1:], strict=True)
    shapes = [(old.shape, new.shape) for old, new in pairs if old.dtype != new.dtype]
    assert sorted(shapes) == [((), (2,)), ((), (3, 2))]


def test_a_rate_that_comes_with_each_call_is_converted_once_for_each_dtype() -> None:
    f = lambda v, w, rate: (v * rate, v / rate, rate - w)
    v, w = V.astype(np.float32), V
    plan = planned(f, v, w, 0.5)
    text, words = program(plan, exact=True)
    arrays = link(plan, {}, arena_of(plan.size))
    words.known |= {words.of[name]: array for name, array in arrays.items()}
    exec(text, words.known)
    assert text.count("array(") == 2
    for rate in (0.1, 3, np.inf, 0.0):
        with np.errstate(all="ignore"):
            for found, wanted in zip(words.known["step"](v, w, rate), f(v, w, rate), strict=True):
                assert found.dtype == wanted.dtype and np.array_equal(found, wanted, equal_nan=True)
