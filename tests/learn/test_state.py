"""State: every door gives a copy and takes it back, and what is packed comes back as what it was."""

import json
import random

import numpy as np
import pytest

import autograd_book as ab
from autograd_book.learn.state import FORMS, SavedState, door, packed, unpacked, with_states


def moved_variable():
    leaf = ab.Variable([1.0, 2.0])
    return leaf, lambda: leaf.value.__setitem__(0, 9.0), lambda: leaf.numpy().tolist()


def moved_generator(source, draw):
    return source, lambda: draw(source), lambda: draw(source)


def moved_optimizer():
    leaf = ab.Variable([1.0])
    optimizer = ab.optim.Adam([leaf], lr=0.1)

    def step():
        leaf.zero_grad()
        (leaf * leaf).sum().backward()
        optimizer.step()

    step()
    return optimizer, step, lambda: repr(optimizer.state_dict())


KINDS = {
    "variable": moved_variable,
    "generator": lambda: moved_generator(np.random.default_rng(0), lambda s: s.random()),
    "old generator": lambda: moved_generator(np.random.RandomState(0), lambda s: s.random_sample()),
    "python": lambda: moved_generator(random.Random(0), lambda s: s.random()),
    "optimizer": moved_optimizer,
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_is_a_copy_that_brings_a_thing_back_to_where_it_was(kind) -> None:
    thing, move, look = KINDS[kind]()
    state = door(thing).give()
    expected = look()
    move()
    assert look() != expected
    door(thing).take(state)
    assert look() == expected


@pytest.mark.parametrize("thing", [3.0, "text", None, dict, ab.optim.SGD, np.ones(2)], ids=repr)
def test_values_and_classes_have_no_door(thing) -> None:
    assert door(thing) is None


@pytest.mark.parametrize("value", [
    (1, (2.5, "x")), {3: 1j, "a": [None, True]}, {"nested": {(1, 2): "key"}}, [np.float32(0.1), np.int64(3)],
], ids=repr)
def test_what_goes_through_text_comes_back_with_its_types(value) -> None:
    arrays = []
    again = unpacked(json.loads(json.dumps(packed(value, "it", arrays))), arrays)
    assert again == value and repr(again) == repr(value)


def test_a_state_is_told_from_a_dictionary_and_is_plain_in_the_end() -> None:
    arrays = []
    again = unpacked(packed([np.random.default_rng(0), {"bit_generator": "mine"}], "it", arrays), arrays)
    assert type(again[0]) is SavedState and type(again[1]) is dict
    assert with_states(again)[0]["bit_generator"] == "PCG64"


def test_each_form_makes_a_value_of_its_parts() -> None:
    for value in (SavedState(3), (1, 2), 2 + 3j, {1: 2}):
        (form,) = (form for form in FORMS.values() if form.kind is type(value))
        assert form.value(form.parts(value)) == value
