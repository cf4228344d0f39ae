"""The rules of book/rules/indexing.md."""

import itertools

import numpy as np
import pytest
from cases.indexing import INDICES
from casework import uniform

import autograd_book as ab
from autograd_book.graph.backward import reachable
from autograd_book.rules.assignment import At
from autograd_book.rules.indexing import frozen_index, is_basic, pick, scatter_add

HAS_AT = hasattr(ab.Variable, "at") or hasattr(ab.Variable(1.0), "at")


def test_repeated_indices_add_up() -> None:
    x = ab.Variable(np.zeros(4))
    (x[np.array([0, 0, 2])] * np.array([1.0, 10.0, 100.0])).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [11.0, 0.0, 100.0, 0.0])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.complex64])
def test_scatter_makes_the_dtype_of_what_it_scatters(dtype) -> None:
    out = scatter_add(np.ones(2, dtype), (4,), [1, 1])
    assert out.dtype == dtype
    np.testing.assert_array_equal(out, [0, 2, 0, 0])


@pytest.mark.parametrize(("name", "shape", "index"), INDICES, ids=[i[0] for i in INDICES])
def test_values_are_those_of_numpy(name, shape, index) -> None:
    a = uniform(shape)
    np.testing.assert_array_equal(ab.Variable(a)[index].numpy(), a[index])
    np.testing.assert_array_equal(pick(ab.Variable(a), index).numpy(), a[index])


def test_an_index_out_of_range_is_an_index_error() -> None:
    with pytest.raises(IndexError):
        ab.Variable([1.0, 2.0])[5]


# Indices that stay alive after the call.


def brackets(x, index):
    return x[index]


READS = [pick, pytest.param(brackets, marks=pytest.mark.skipif(not HAS_AT, reason="brackets do not lead to pick yet"))]


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("place", ["alone", "in a tuple", "as a list", "as a mask"])
def test_changing_an_index_afterwards_changes_nothing(read, place) -> None:
    index = {"as a list": [0, 2], "as a mask": np.array([True, False, True, False])}.get(place, np.array([0, 2]))
    x = ab.Variable(np.arange(4.0))
    y = read(x, (index,) if place == "in a tuple" else index)
    index[0], index[1] = index[1], index[1]
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [1.0, 0.0, 1.0, 0.0])


@pytest.mark.parametrize("name", ["take", "repeat", "compress", "at"])
def test_changing_the_arguments_of_other_picks_changes_nothing(name) -> None:
    index = np.array([1, 0, 1, 0])
    x = ab.Variable(np.arange(4.0) + 1.0)
    f = {"take": lambda: np.take(x, index), "repeat": lambda: np.repeat(x, index), "compress": lambda: np.compress(index, x),
         "at": lambda: At(x)[index].multiply(3.0)}[name]
    expected = ab.grad(lambda v: np.sum({"take": lambda: np.take(v, [1, 0, 1, 0]), "repeat": lambda: np.repeat(v, [1, 0, 1, 0]),
                                         "compress": lambda: np.compress([1, 0, 1, 0], v),
                                         "at": lambda: At(v)[[1, 0, 1, 0]].multiply(3.0)}[name]()))(x.numpy())
    y = f()
    index[:] = 3
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), expected)


def test_a_frozen_index_is_not_copied_again() -> None:
    index = frozen_index(([1, 2], np.array([0, 1]), slice(None), None, Ellipsis, 3, np.int64(1)))
    again = frozen_index(index)
    assert all(a is b for a, b in zip(index, again, strict=True))
    assert not index[0].flags.writeable
    assert frozen_index([]).dtype == np.intp
    assert frozen_index(np.zeros(0, bool)).dtype == bool


def test_indices_that_cannot_repeat_are_known() -> None:
    assert is_basic((0, slice(None), None, Ellipsis, np.int64(3)))
    assert not any(map(is_basic, [True, np.True_, [0], np.array(1), (0, [1]), (True, 0)]))


def test_an_embedding_keeps_nothing_of_its_table() -> None:
    out = np.take(ab.Variable(np.zeros((1000, 8))), [3, 3, 5], axis=0)
    assert all(np.size(value) < 10 for node in reachable(out.node) for value in node.saved)


# Changed copies.


def test_a_variable_is_not_written_into_integers() -> None:
    for change in (lambda v: At(np.zeros(2, int))[0].set(v), lambda v: np.insert(np.zeros(2, int), 0, v)):
        with pytest.raises(ab.AutogradError, match="would drop its gradient"):
            change(ab.Variable(1.5))


# Refusals.

REFUSED = {
    "item assignment": (lambda x: x.__setitem__(0, 1.0), r"x\.at\[index\]\.set"),
    "put": (lambda x: np.put(x, 0, 1.0), r"x\.at\[index\]\.set"),
    "place": (lambda x: np.place(x, x > 0, 1.0), r"x\.at\[index\]\.set"),
    "putmask": (lambda x: np.putmask(x, x > 0, 1.0), r"x\.at\[index\]\.set"),
    "copyto": (lambda x: np.copyto(x, 1.0), r"x\.at\[index\]\.set"),
    "fill_diagonal": (lambda x: np.fill_diagonal(x, 1.0), r"x\.at\[mask\]\.set"),
    "put_along_axis": (lambda x: np.put_along_axis(x, np.array([0]), 1.0, 0), r"x\.at\[index\]\.set"),
    "add.at": (lambda x: np.add.at(x, [0], 1.0), r"x\.at\[index\]\.add"),
    "maximum.at of an array": (lambda x: np.maximum.at(np.zeros(3), [0], x[:1]), r"x\.at\[index\]\.max"),
    "take out": (lambda x: np.take(x, 0, out=np.zeros(())), "Leave out= away"),
    "choose out": (lambda x: np.choose([0], [x[:1]], np.zeros(1)), "Leave out= away"),
    "trace out": (lambda x: np.trace(x[None], out=np.zeros(())), "Leave out= away"),
    "pad empty": (lambda x: np.pad(x, 1, "empty"), "Use another mode"),
    "pad by a function": (lambda x: np.pad(x, 1, lambda *args: None), "Use another mode"),
    "pad unknown": (lambda x: np.pad(x, 1, "mirror"), "Use one of the modes"),
    "choices out of range": (lambda x: np.choose([2], [x, x]), "mode='wrap'"),
    "indices with too few axes": (lambda x: np.take_along_axis(x[None], np.array([0]), 1), "Give them the same number"),
    "select without truth values": (lambda x: np.select([[1.0, 0.0, 1.0]], [x]), "conditions of truth values"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_comes_with_a_remedy(name) -> None:
    f, remedy = REFUSED[name]
    with pytest.raises(ab.AutogradError, match=remedy):
        f(ab.Variable([1.0, 2.0, 3.0]))


def test_an_index_that_is_a_variable_with_a_gradient_is_refused() -> None:
    with pytest.raises((ab.AutogradError, IndexError)):
        pick(ab.Variable([1.0, 2.0]), ab.Variable([0.0]))


def test_questions_about_places_have_plain_answers() -> None:
    x = ab.Variable([[0.0, 2.0], [3.0, 0.0]])
    assert [a.tolist() for a in np.nonzero(x)] == [[0, 1], [1, 0]]
    assert np.argwhere(x).tolist() == [[0, 1], [1, 0]]
    assert np.flatnonzero(x).tolist() == [1, 2]
    assert [a.tolist() for a in np.diag_indices_from(x)] == [[0, 1], [0, 1]]
    assert [a.tolist() for a in np.triu_indices_from(x, 1)] == [[0], [1]]


# Padding, whose values are made in several ways.


@pytest.mark.parametrize("mode", ["reflect", "symmetric"])
@pytest.mark.parametrize("n", [1, 2, 4])
def test_odd_reflections_have_the_values_of_numpy(mode, n) -> None:
    far = 13 if np.lib.NumpyVersion(np.__version__) >= "2.0.0" else n  # NumPy 1 loses its way further out
    x = uniform((n, 2)).astype(np.float32)
    for width in itertools.product((0, 1, n, far), repeat=2):
        pad = lambda x, width=width: np.pad(x, (width, (1, 0)), mode, reflect_type="odd")
        assert pad(ab.Variable(x)).dtype == np.float32
        np.testing.assert_allclose(pad(ab.Variable(x)).numpy(), pad(x), rtol=1e-5, atol=1e-5)
    for bad in (lambda x: np.pad(x[:0], 1, mode, reflect_type="odd"), lambda x: np.pad(x, 1, "edge", reflect_type="odd")):
        with pytest.raises(ValueError, match="can't extend empty axis|unsupported keyword"):
            bad(ab.Variable(x))


@pytest.mark.parametrize("width", [0, 2, (1, 3), ((1, 0), (2, 4)), [[3], [1]], np.array([1, 2])], ids=str)
@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "symmetric", "wrap", "linear_ramp", "maximum", "minimum", "mean"])
def test_padding_has_the_values_of_numpy(mode, width) -> None:
    for a in (uniform((3, 4)), np.float32([[1.0, 2.0], [4.0, 8.0]])):
        ours, plain = np.pad(ab.Variable(a), width, mode), np.pad(a, width, mode)
        assert ours.dtype == plain.dtype
        np.testing.assert_allclose(ours.numpy(), plain, rtol=1e-6 if a.dtype == np.float32 else 1e-12)


def test_padding_with_zeros_is_one_node() -> None:
    assert len(reachable(np.pad(ab.Variable(np.ones(3)), 1).node)) == 2
