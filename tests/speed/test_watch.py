"""Watches: whatever changes in a place, a container or a count of references is seen."""

from collections import UserDict, defaultdict, deque
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from autograd_book.speed.cells import StateCell, walked
from autograd_book.speed.watch import Watch, places, question


def watching(*reached: Any) -> Watch:
    """A watch of all that can be reached, noted now."""
    cells, _, holders = walked(reached)
    watch = Watch(cells, holders)
    watch.note()
    watch.count()
    return watch


def changed(key: Any, value: Any) -> Any:
    return lambda holder: holder.__setitem__(key, value)


@pytest.mark.parametrize("holder, change", [
    ({"a": 1.5}, changed("a", 2.5)),
    ({"a": 1.5}, lambda h: h.update(b=1)),
    ({"a": 1.5}, dict.clear),
    ({1: None}, changed(1, 0)),
    ({"not a word": "x"}, changed("not a word", "y")),
    ([1.5, 2.5], changed(1, 3.5)),
    ([1.5, 2.5], list.pop),
    ([], lambda h: h.append(1)),
    (defaultdict(float, a=1.5), lambda h: h.pop("a")),
    (SimpleNamespace(a=1.5), lambda h: setattr(h, "a", 2.5)),
    (SimpleNamespace(a=1.5), lambda h: delattr(h, "a")),
    (SimpleNamespace(a=(1.5, 2.5)), lambda h: setattr(h, "a", (1.5, 3.5))),
    (SimpleNamespace(a=()), lambda h: setattr(h, "a", (1.5,))),
    ({1, 2}, lambda h: h.add(3)),
    ({1, 2}, lambda h: (h.remove(2), h.add(3))),
    (deque([1.5]), lambda h: h.rotate() or h.append(2)),
    (bytearray(b"ab"), lambda h: h.__setitem__(0, 0)),
], ids=lambda value: "" if callable(value) else type(value).__name__)  # fmt: skip
def test_a_change_is_seen_and_nothing_else_is(holder, change) -> None:
    watch = watching([holder])
    assert watch() and watch()
    change(holder)
    assert not watch()
    watch.note()
    watch.count()
    assert watch()


def test_asking_adds_nothing_to_a_dictionary_that_makes_its_items() -> None:
    counts = defaultdict(float, a=1.5)
    watch = watching(counts)
    del counts["a"]
    assert not watch() and not counts


def test_an_object_that_is_kept_by_one_more_is_seen() -> None:
    array = np.zeros(2)
    watch = watching({"a": array})
    watch.count([array])
    assert watch()
    kept = [array]
    assert not watch()
    kept.clear()
    assert watch()


def test_before_it_was_noted_nothing_is_known() -> None:
    assert not Watch([], [])()


def test_each_place_has_one_question_and_parts_of_a_tuple_have_that_of_the_tuple() -> None:
    here = SimpleNamespace(pair=(1.5, 2.5))
    cells = [StateCell(here, "pair", "fixed", k) for k in (0, 1)] + [StateCell(here, "pair", "way")]
    found = places(cells)
    assert len(found) == 1 and found[0].read() is here.pair


@pytest.mark.parametrize("owner, key, wanted", [
    (SimpleNamespace(rate=0.1), "rate", "o0.rate is v0"),
    ({"rate": 0.1}, "rate", "o0['rate'] is v0"),
    ([0.1], 0, "o0[0] is v0"),
    ([0.1], 3, "r0() is v0"),
    (SimpleNamespace(), "rate", "r0() is v0"),
    (SimpleNamespace(**{"class": 1}), "class", "r0() is v0"),
    (defaultdict(float, rate=0.1), "rate", "r0() is v0"),
    (UserDict, "__init__", "r0() is v0"),
], ids=str)  # fmt: skip
def test_the_text_of_a_question_is_the_shortest_that_is_safe(owner, key, wanted) -> None:
    assert question(0, StateCell(owner, key, "fixed"), {}) == wanted
