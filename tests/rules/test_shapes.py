"""The rules of book/rules/shapes.md."""

import inspect

import numpy as np
import pytest
from casework import uniform

import autograd_book as ab
from autograd_book.graph.backward import reachable
from autograd_book.graph.primitive import primitives
from autograd_book.graph.protocols import functions
from autograd_book.rules.shapes import reshape, tile

WINDOWS = np.lib.stride_tricks.sliding_window_view

# Functions that only move and copy elements: NumPy itself tells, with numbers for the elements, where each came from.
MOVES = {
    "reshape A of C": lambda x: np.reshape(x, (4, 6), order="A"),
    "reshape A of F": lambda x: np.reshape(np.transpose(x), (4, 6), order="A"),
    "reshape F by position": lambda x: np.reshape(x, (4, -1), "F"),
    "ravel A of F": lambda x: np.ravel(np.transpose(x), "A"),
    "ravel K of F": lambda x: np.ravel(np.transpose(x), order="K"),
    "ravel K of a circle": lambda x: np.ravel(np.transpose(x, (1, 2, 0)), "K"),
    "ravel K of a slice": lambda x: np.ravel(np.transpose(x, (2, 0, 1))[::-1, :, ::2], "K"),
    "ravel K backwards": lambda x: np.ravel(x[::-1, :, ::-1], "K"),
    "moveaxis": lambda x: np.moveaxis(x, [0, -1], [1, 0]),
    "rollaxis": lambda x: np.rollaxis(x, -1, 1),
    "rot90": lambda x: np.rot90(x, 3, (2, 0)),
    "roll": lambda x: np.roll(x, (5, -1), (0, 2)),
    "flip": lambda x: np.flip(x, (0, -1)),
    "tile": lambda x: np.tile(x, (2, 1, 2, 1)),
    "resize": lambda x: np.resize(x, (3, 11)),
    "repeat": lambda x: np.repeat(x, [2, 0, 1], -2),
    "block": lambda x: np.block([[x[0], x[1]], [x[1], x[0]]]),
    "dstack": lambda x: np.dstack([x, x[:, :, :2]]),
    "column_stack": lambda x: np.column_stack([x[0, 0], x[1, :2].T]),
    "array_split": lambda x: np.array_split(x, 3, axis=2)[0],
    "split before the start": lambda x: np.split(x, [-1, 2], axis=1)[1],
    "pad reflect": lambda x: np.pad(x, ((0, 1), (4, 5), (2, 2)), "reflect"),
    "pad wrap": lambda x: np.pad(x, ((3, 1), (4, 5), (2, 2)), mode="wrap"),
    "pad symmetric": lambda x: np.pad(x, 7, "symmetric"),
    "pad edge": lambda x: np.pad(x, (2, 1), "edge"),
    "diagonal": lambda x: np.diagonal(x, -1, 2, 0),
    "sliding windows": lambda x: WINDOWS(x, (2, 3), (1, 2)),
    "delete": lambda x: np.delete(x, [1, -1], axis=2),
    "insert": lambda x: np.insert(x, [0, 2, 2], x[:, :, :3], axis=2),
    "insert one": lambda x: np.insert(x, 1, x[0], axis=0),
    "take": lambda x: np.take(x, [[0, 2], [1, 1]], axis=1),
    "take flat": lambda x: np.take(x, [23, -24, 0], mode="wrap"),
    "take_along_axis": lambda x: np.take_along_axis(x, np.array([[[2, 0]], [[1, 1]]]), 1 + 1),
    "compress": lambda x: np.compress([False, True, True], x, axis=1),
    "choose": lambda x: np.choose([0, 1, 1, 0], x),
}


@pytest.mark.parametrize("name", MOVES)
def test_each_element_gets_the_cotangents_of_all_its_copies(name) -> None:
    f, x = MOVES[name], ab.Variable(uniform((2, 3, 4)))
    origin, out = f(np.arange(24).reshape(2, 3, 4)), f(x)
    np.testing.assert_array_equal(out.numpy(), x.numpy().ravel()[origin])
    weights, expected = uniform(origin.shape, seed=1), np.zeros(24)
    np.sum(out * weights).backward()
    np.add.at(expected, origin, weights)
    np.testing.assert_allclose(x.grad.numpy().ravel(), expected, rtol=1e-12, atol=1e-12)


def parameters(fun):
    return [p for p in inspect.signature(fun).parameters.values() if p.kind is not p.VAR_KEYWORD]


OURS = [
    f for f, ours in functions.items()
    if getattr(ours, "__module__", "") in ("autograd_book.rules.shapes", "autograd_book.rules.indexing")
    and not isinstance(f, np.ufunc) and hasattr(f, "__wrapped__") and "<locals>" not in ours.__qualname__ and "<lambda>" not in ours.__qualname__
]


@pytest.mark.parametrize("fun", OURS, ids=lambda f: f.__name__)
def test_compositions_have_the_signature_of_numpy(fun) -> None:
    """In NumPy's order, so that calls by position mean the same, and with NumPy's defaults."""
    try:
        theirs, ours = parameters(fun), parameters(functions[fun])
    except ValueError:
        pytest.skip("this NumPy does not tell its signature")
    for mine, other in zip(ours, theirs, strict=False):
        if fun is np.reshape and mine.name != other.name:
            continue  # NumPy has renamed one
        assert mine.name == other.name
        if other.default is not inspect.Parameter.empty and fun is not np.take_along_axis:
            assert mine.default is other.default or mine.default == other.default or other.default is np._NoValue
    known = {p.name for p in ours} | {"device", "order"}
    assert {p.name for p in theirs if p.kind is not p.VAR_POSITIONAL} <= known


@pytest.mark.parametrize("fun", [np.reshape, np.transpose, np.roll, np.flip, np.rot90, np.tril, np.tile, np.broadcast_to])
def test_no_value_is_kept_between_the_passes(fun) -> None:
    options = {np.reshape: (9,), np.roll: 1, np.tile: 2, np.broadcast_to: (2, 3, 3)}
    out = fun(ab.Variable(uniform((3, 3))), *([options[fun]] if fun in options else []))
    assert not any(isinstance(value, np.ndarray) for node in reachable(out.node) for value in node.saved)


@pytest.mark.parametrize("fun", [np.reshape, np.broadcast_to, np.roll, np.tile, np.moveaxis])
def test_one_node_is_enough(fun) -> None:
    options = {np.reshape: [(3, 2)], np.broadcast_to: [(2, 2, 3)], np.roll: [1], np.tile: [2], np.moveaxis: [0, 1]}
    assert len(reachable(fun(ab.Variable(uniform((2, 3))), *options[fun]).node)) == 2


def test_results_of_several_arrays_come_in_the_container_that_numpy_uses() -> None:
    a = np.ones(4)
    x = ab.Variable(a)
    for fun in (lambda x: np.broadcast_arrays(x, x), lambda x: np.meshgrid(x, x), lambda x: np.atleast_2d(x, x),
                lambda x: np.split(x, 2), lambda x: np.hsplit(x, 2), lambda x: np.array_split(x, 3)):
        assert type(fun(x)) is type(fun(a))
        assert [p.shape for p in fun(x)] == [p.shape for p in fun(a)]


def test_arrays_between_variables_are_joined_with_them() -> None:
    x = ab.Variable([1.0, 2.0])
    np.testing.assert_array_equal(np.append([5.0], x).numpy(), [5.0, 1.0, 2.0])
    np.testing.assert_array_equal(np.hstack([x, 3.0, [4.0]]).numpy(), [1.0, 2.0, 3.0, 4.0])
    np.testing.assert_array_equal(np.block([[x], [np.zeros(2)]]).numpy(), [[1.0, 2.0], [0.0, 0.0]])


def test_full_like_depends_on_the_fill_value_alone() -> None:
    x, v = ab.Variable(np.ones((2, 3))), ab.Variable(2.0)
    np.sum(np.full_like(x, v) * np.arange(6.0).reshape(2, 3)).backward()
    assert x.grad is None
    assert v.grad.item() == 15.0
    for plain in (np.full_like(x, 7.0), np.zeros_like(x), np.ones_like(x, np.float32), np.empty_like(x, shape=(1,))):
        assert type(plain) is np.ndarray
    with pytest.raises(ab.AutogradError, match="would drop its gradient"):
        np.full_like(x, v, dtype=int)


def test_questions_are_answered_about_the_values() -> None:
    x, z = ab.Variable(np.float32([1.0])), ab.Variable(np.array([1j]))
    assert np.result_type(x, np.float16) == np.float32
    assert np.iscomplexobj(z)
    assert not np.iscomplexobj(x)
    assert np.common_type(x, z) == np.complex128
    assert np.array2string(x) == "[1.]"


@pytest.mark.skipif(not hasattr(np, "astype"), reason="new in NumPy 2.1")
def test_astype_of_numpy_is_the_method() -> None:
    x = ab.Variable([1.0])
    assert np.astype(x, np.float32).dtype == np.float32


REFUSED = {
    "out": (lambda x: np.concatenate([x, x], out=np.zeros(4)), "Leave out= away"),
    "stack out": (lambda x: np.stack([x, x], 0, np.zeros((2, 2))), "Leave out= away"),
    "unequal blocks": (lambda x: np.block([[x], x]), "Nest all blocks equally deep"),
    "integers": (lambda x: np.concatenate([x, x], dtype=int, casting="unsafe"), "would drop its gradient"),
    "copyto": (lambda x: np.copyto(np.zeros(2), x), "Write y = x.at"),
    "apply_along_axis": (lambda x: np.apply_along_axis(np.sum, 0, x), "Give the function an axis"),
    "asarray": (np.asarray, "use .numpy"),
    "ascontiguousarray": (np.ascontiguousarray, "use .numpy"),
    "asfortranarray": (np.asfortranarray, "use .numpy"),
    "require": (lambda x: np.require(x, requirements="C"), "use .numpy"),
    "full": (lambda x: np.full((3, 2), x), "np.broadcast_to"),
    "full of a dtype": (lambda x: np.full((3, 2), x, np.float32), r"np.broadcast_to\(value, shape\)"),
    "full of integers": (lambda x: np.full((3, 2), x, int, like=x), "would drop its gradient"),
    "subok": (lambda x: np.copy(x, subok=True), "Leave that parameter out"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_comes_with_a_remedy(name) -> None:
    f, remedy = REFUSED[name]
    with pytest.raises(ab.AutogradError, match=remedy):
        f(ab.Variable([1.0, 2.0]))


def test_what_numpy_refuses_is_refused_in_its_words() -> None:
    x = ab.Variable(np.ones((2, 3)))
    for f in (lambda x: np.squeeze(x, 0), lambda x: np.split(x, 2, axis=1), lambda x: np.reshape(x, (4, -1)), lambda x: np.swapaxes(x, 0, 2),
              lambda x: np.concatenate([x, x[0]]), lambda x: np.moveaxis(x, 0, 5), lambda x: np.vsplit(x[0], 3), lambda x: np.flip(x, 3),
              lambda x: np.expand_dims(x, (0, 0)), lambda x: np.concatenate([x, x], dtype=int), lambda x: np.stack([x, x[:1]])):
        with pytest.raises((ValueError, IndexError, TypeError)) as theirs:
            f(x.numpy())
        with pytest.raises(theirs.type):
            f(x)


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.1.0", reason="np.reshape had no copy")
def test_a_reshape_that_may_not_copy_is_refused_where_it_must() -> None:
    x = ab.Variable(np.ones((2, 3)))
    assert np.reshape(x, 6, copy=False).shape == np.reshape(x, 6, copy=True).shape == (6,)
    with pytest.raises(ValueError, match="copy"):
        np.reshape(np.transpose(x), 6, copy=False)


def test_rules_that_move_elements_are_linear_in_forward_mode() -> None:
    for fun in (np.transpose, np.flip, np.fliplr, np.rot90, np.roll, tile, reshape, np.tril, np.triu, np.broadcast_to, np.copy):
        assert primitives[fun].linear == ["x"]


def test_float32_stays_float32() -> None:
    x = ab.Variable(np.float32([[1.0, 2.0], [3.0, 4.0]]))
    for f in (np.ravel, np.flip, np.tril, lambda x: np.tile(x, 2), lambda x: np.stack([x, x]), lambda x: np.resize(x, 7), lambda x: np.pad(x, 1)):
        x.zero_grad()
        out = f(x)
        out.sum().backward()
        assert (out.dtype, x.grad.dtype) == (np.float32, np.float32)
