"""The rules of book/rules/assignment.md."""

import itertools

import numpy as np
import pytest
from cases.indexing import INDICES
from casework import uniform

import autograd_book as ab
from autograd_book.rules.assignment import AT, At, last_written, rounds

HAS_AT = hasattr(ab.Variable, "at") or hasattr(ab.Variable(1.0), "at")


def test_the_last_of_several_writes_to_a_place_wins_and_has_the_gradient() -> None:
    x, v = ab.Variable(np.zeros(3)), ab.Variable([1.0, 2.0, 3.0, 4.0])
    y = At(x)[[1, 0, 1, 0]].set(v)
    np.testing.assert_array_equal(y.numpy(), [4.0, 3.0, 0.0])
    np.sum(y * np.array([10.0, 100.0, 1000.0])).backward()
    np.testing.assert_array_equal(v.grad.numpy(), [0.0, 0.0, 100.0, 10.0])
    np.testing.assert_array_equal(x.grad.numpy(), [0.0, 0.0, 1000.0])


def test_a_number_written_to_many_places_has_the_sum_of_their_gradients() -> None:
    v = ab.Variable(2.0)
    At(np.zeros((2, 3)))[:, [0, 0, 2]].set(v).sum().backward()
    assert v.grad.item() == 4.0


@pytest.mark.parametrize(("name", "index"), list(itertools.product(AT, [[0, 2, 0, 0], [1, 0, 2, 3], ([0, 1, 0, 0], [1, 1, 1, 2])])), ids=str)
def test_methods_do_what_the_ufunc_does_in_place(name, index) -> None:
    shape = (4, 3) if isinstance(index, tuple) else (4,)
    a, v = uniform(shape, 0.5, 1.5), uniform((4,), 0.5, 1.5, seed=1)
    expected = a.copy()
    AT[name].at(expected, index, v)
    for x, w in itertools.product((a, ab.Variable(a)), (v, ab.Variable(v))):
        out = getattr(At(x)[index], name)(w)
        np.testing.assert_allclose(getattr(out, "numpy", lambda out=out: out)(), expected, rtol=1e-12)


@pytest.mark.parametrize("name", [*AT, "set"])
def test_the_original_is_left_alone(name) -> None:
    a = np.arange(1.0, 5.0)
    getattr(At(a)[[0, 0]], name)(2.0)
    getattr(At(a)[1:], name)(2.0)
    np.testing.assert_array_equal(a, np.arange(1.0, 5.0))


def test_a_copy_keeps_the_dtype_of_the_original() -> None:
    x, v = ab.Variable(np.float32([1.0, 2.0])), ab.Variable(3.0)
    for name in (*AT, "set"):
        out = getattr(At(x)[[0]], name)(v)
        assert out.dtype == np.float32
        np.sum(out).backward()
    assert (x.grad.dtype, v.grad.dtype) == (np.float32, np.float64)


def test_get_reads_the_places() -> None:
    np.testing.assert_array_equal(At(ab.Variable([1.0, 2.0]))[[1, 1]].get().numpy(), [2.0, 2.0])


def test_values_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="broadcast") as caught:
        At(ab.Variable(np.zeros(4)))[:3].set(np.ones(2))
    assert caught.value.__notes__[-1].startswith("x.at[index] was called with float64 of shape (4,), float64 of shape (2,).")
    with pytest.raises(IndexError, match="out of bounds") as outside:
        At(ab.Variable(np.zeros(4)))[9].add(1.0)
    assert outside.value.__notes__[-1].startswith("x.at[index] was called")


@pytest.mark.skipif(not HAS_AT, reason="Variables have no attribute at yet")
def test_variables_have_it_as_an_attribute() -> None:
    np.testing.assert_array_equal(ab.Variable([1.0, 2.0]).at[0].set(5.0).numpy(), [5.0, 2.0])


@pytest.mark.parametrize("seed", range(20))
def test_rounds_take_each_occurrence_once_and_in_order(seed) -> None:
    places = np.random.default_rng(seed).integers(0, 4, seed)
    found = [r.tolist() for r in rounds(places)]
    assert sorted(i for r in found for i in r) == list(range(len(places)))
    for k, chosen in enumerate(found):
        for i in chosen:
            assert np.count_nonzero(places[:i] == places[i]) == k


def test_what_lasts_is_what_numpy_left() -> None:
    for name, shape, index in INDICES:
        target, values = np.full(shape, -1.0), np.arange(1.0 * np.zeros(shape)[index].size).reshape(np.zeros(shape)[index].shape)
        target[index] = values
        np.testing.assert_array_equal(last_written(np.zeros(shape), index=index), target[index] == values, err_msg=name)
