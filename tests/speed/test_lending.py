"""Lending: a compiled step writes over its own arrays, and over nobody else's."""

import numpy as np
import pytest

import autograd_book as ab
from autograd_book.speed.lending import free_arrays


def counting():
    """A compiled step that adds one to a parameter and to an array in a dictionary, and both."""
    v, holder = ab.Variable(np.zeros(2)), {"total": np.zeros(2)}

    def step():
        v.value = v.value + 1.0
        holder["total"] = holder["total"] + v.value

    run = ab.compile(step)
    for _ in range(3):
        run()
    return run, v, holder


KEEPERS = {
    "the array": lambda v, holder: v.numpy(),
    "a view": lambda v, holder: v.numpy()[1:],
    "the array of a dictionary": lambda v, holder: holder["total"],
    "both": lambda v, holder: (v.numpy(), holder["total"]),
    "a flat iterator": lambda v, holder: v.numpy().flat,
    "a memoryview": lambda v, holder: memoryview(v.numpy()),
}


@pytest.mark.parametrize("keep", KEEPERS.values(), ids=KEEPERS)
def test_who_keeps_an_array_in_whatever_way_keeps_its_numbers(keep) -> None:
    run, v, holder = counting()
    kept = keep(v, holder)
    parts = kept if isinstance(kept, tuple) else (kept,)
    before = [np.array(part).tolist() for part in parts]
    for _ in range(3):
        run()
    assert [np.array(part).tolist() for part in parts] == before
    np.testing.assert_array_equal(v.numpy(), [6, 6])
    np.testing.assert_array_equal(holder["total"], [21, 21])


def test_what_is_let_go_again_is_free_again() -> None:
    run, v, _ = counting()
    loans = run.traces[0].loans
    everything = free_arrays(loans)
    kept = v.numpy()
    assert len(free_arrays(loans)) == len(everything) - 1
    del kept
    assert free_arrays(loans) == everything and len(everything) == 2


def test_new_numbers_in_a_cell_are_copied_into_our_array_and_theirs_stays_theirs() -> None:
    run, v, _ = counting()
    theirs = np.array([10.0, 20.0])
    v.data = theirs
    run()
    np.testing.assert_array_equal(v.numpy(), [11, 21])
    np.testing.assert_array_equal(theirs, [10, 20])


def test_results_of_one_call_are_not_written_over_by_the_next() -> None:
    grow = ab.compile(lambda v: np.tanh(v) * 2.0)
    found = [grow(np.full(2, float(k))) for k in range(5)]
    for k, result in enumerate(found):
        np.testing.assert_allclose(result, 2 * np.tanh(np.full(2, float(k))))
