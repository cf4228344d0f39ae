"""How each operation is done for all examples at once (book/modes/batching.md)."""

import numpy as np
import pytest

import autograd_book as ab
from autograd_book.modes.batching import batchings

RNG = np.random.default_rng(0)
SCORES, LABELS = RNG.normal(size=(4, 3)), np.array([0, 2, 1, -1])
CUBE, PAIRS = RNG.normal(size=(4, 3, 2)), np.array([[0, 2], [2, 2], [1, 0], [0, 1]])
#: A function of an example's numbers and of its own index.
INDEXED = {
    "a label": (lambda x, y: x[y] ** 2, SCORES, LABELS),
    "cross-entropy by label": (lambda x, y: ab.logsumexp(x) - x[y], SCORES, LABELS),
    "cross_entropy": (lambda x, y: ab.nn.cross_entropy(x[None], y[None]), SCORES, np.abs(LABELS)),
    "log_softmax": (lambda x, y: -ab.log_softmax(x)[y], SCORES, LABELS),
    "several places": (lambda x, y: np.sum(x[y] ** 2 * np.arange(1.0, 3.0)), SCORES, PAIRS),
    "repeated rows": (lambda x, y: np.sum(x[y] ** 2), CUBE, PAIRS),
    "a place in a tuple": (lambda x, y: np.sum(x[y, :1] ** 2), CUBE, LABELS),
    "two places": (lambda x, y: np.sum(x[y, [0, 1]] ** 3), CUBE, PAIRS),
    "a slice first": (lambda x, y: np.sum(x[:, y] ** 3), CUBE, np.array([0, 1, 1, 0])),
    "an axis first": (lambda x, y: np.sum(x[None, y] ** 3), CUBE, LABELS),
    "an axis last": (lambda x, y: np.sum(x[y, None] ** 3), CUBE, LABELS),
    "dots first": (lambda x, y: np.sum(x[..., y] ** 3), CUBE, np.array([0, 1, 1, 0])),
    "dots last": (lambda x, y: np.sum(x[y, ...] ** 3), CUBE, LABELS),
    "take": (lambda x, y: np.sum(np.take(x, y, axis=0) ** 3), CUBE, PAIRS),
    "take of axis 1": (lambda x, y: np.sum(np.take(x, y, axis=1) ** 3), CUBE, np.abs(PAIRS) % 2),
    "take of all": (lambda x, y: np.sum(np.take(x, y) ** 3), CUBE, PAIRS),
    "take with mode": (lambda x, y: np.sum(np.take(x, y, mode="wrap") ** 3), SCORES, PAIRS * 5),
    "take_along_axis": (lambda x, y: np.take_along_axis(x, y, 0)[0] ** 3, SCORES, LABELS[:, None]),
    "take_along_axis of all": (lambda x, y: np.take_along_axis(x, y, None)[0] ** 3, CUBE, LABELS[:, None]),
    "choose": (lambda x, y: np.choose(y, [x[0], x[1] ** 2, x[2] ** 3]), SCORES, np.abs(LABELS)),
    "set": (lambda x, y: np.sum(x.at[y].set(x[0] ** 2) ** 3), SCORES, LABELS),
    "add": (lambda x, y: np.sum(x.at[y].add(x[0] ** 2) ** 3), SCORES, LABELS),
    "a mask of equal counts": (lambda x, y: np.sum(x[y] ** 3), SCORES, np.sort(SCORES, axis=1)[:, :1] < SCORES),
}


@pytest.mark.parametrize("name", INDEXED)
def test_an_index_of_its_own_picks_from_each_example(name) -> None:
    f, xs, ys = INDEXED[name]
    each = lambda fun: np.array([fun(x, y) for x, y in zip(xs, ys, strict=True)])
    if name not in ("set", "add"):
        np.testing.assert_allclose(ab.vmap(f)(xs, ys), each(f), rtol=1e-12)
    np.testing.assert_allclose(ab.vmap(ab.grad(f))(xs, ys), each(ab.grad(f)), rtol=1e-12)
    np.testing.assert_allclose(ab.grad(lambda xs: np.sum(ab.vmap(f)(xs, ys) ** 2))(xs), each(ab.grad(lambda x, y: f(x, y) ** 2)), rtol=1e-12)
    tangents = np.ones_like(xs)
    slopes = each(lambda x, y: np.sum(ab.grad(f)(x, y)))
    np.testing.assert_allclose(ab.jvp(lambda xs: ab.vmap(f)(xs, ys), (xs,), (tangents,))[1], slopes, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(ab.vmap(ab.hessian(f))(xs, ys), each(ab.hessian(f)), rtol=1e-10, atol=1e-12)
    twice = ab.vmap(ab.vmap(ab.grad(f)))(np.stack([xs, 2 * xs]), np.stack([ys, ys]))
    np.testing.assert_allclose(twice[0], each(ab.grad(f)), rtol=1e-12)


def test_gradients_of_shared_parameters_are_had_for_each_example_and_label() -> None:
    w, xs = RNG.normal(size=(5, 3)), RNG.normal(size=(4, 5))
    loss = lambda w, x, y: ab.logsumexp(x @ w) - (x @ w)[y]
    found = ab.vmap(ab.grad(loss), in_axes=(None, 0, 0))(w, xs, LABELS)
    np.testing.assert_allclose(found, [ab.grad(loss)(w, x, y) for x, y in zip(xs, LABELS, strict=True)], rtol=1e-12)
    look_up = lambda w, y: np.sum(w[y] ** 3)
    rows = ab.vmap(ab.grad(look_up), in_axes=(None, 0))(w, LABELS)
    np.testing.assert_allclose(rows, [ab.grad(look_up)(w, y) for y in LABELS], rtol=1e-12)


def test_labels_beyond_the_classes_are_refused_inside_a_vmap_too() -> None:
    with pytest.raises(ab.DifferentiationValueError, match="labels reach from 0 to 3"):
        ab.vmap(lambda x, y: ab.nn.cross_entropy(x[None], y[None]))(SCORES, np.arange(4))


def test_masks_that_pick_unequal_numbers_are_refused_with_a_remedy() -> None:
    with pytest.raises(ab.DifferentiationValueError, match=r"np\.where"):
        ab.vmap(lambda x, m: x[m])(SCORES, np.tri(4, 3, dtype=bool))


def test_axes_of_single_numbers_are_those_that_numpy_accepts() -> None:
    for axis in (0, -1, None):
        np.testing.assert_array_equal(ab.vmap(lambda a, axis=axis: np.sum(a, axis=axis))(np.arange(3.0)), np.arange(3.0))


def test_rows_are_used_and_no_loop_hides_behind_them() -> None:
    seen = []
    with ab.graph.stack.push(Counting, seen):
        ab.vmap(lambda r: np.sum(np.tanh(r @ np.ones((3, 2)))[1:] * r[0]))(np.ones((50, 3)))
    assert len(seen) < 12 and len(batchings) > 10


class Counting(ab.graph.interpreter.Interpreter):
    def __init__(self, below, seen):
        super().__init__(below)
        self.seen = seen

    def bind(self, primitive, args, params):
        self.seen.append(primitive.name)
        return super().bind(primitive, args, params)


SPLITS = {
    "split": lambda x: np.split(x, 2)[1],
    "split at places": lambda x: np.split(x, [1, 3])[1],
    "array_split": lambda x: np.array_split(x, 3)[1],
    "hsplit": lambda x: np.hsplit(x, 2)[0],
    "vsplit": lambda x: np.vsplit(x, 4)[3],
    "dsplit": lambda x: np.dsplit(x, 2)[1],
}


@pytest.mark.parametrize("name", SPLITS)
def test_split_functions_split_each_example(name) -> None:
    f, xs = (lambda x: np.sum(SPLITS[name](x) ** 3)), RNG.normal(size=(3, 4, 2, 2))
    np.testing.assert_allclose(ab.vmap(SPLITS[name])(xs), [SPLITS[name](x) for x in xs])
    np.testing.assert_allclose(ab.vmap(ab.grad(f))(xs), [ab.grad(f)(x) for x in xs], rtol=1e-12)
    np.testing.assert_allclose(ab.grad(lambda xs: np.sum(ab.vmap(f)(xs)))(xs), [ab.grad(f)(x) for x in xs], rtol=1e-12)


@pytest.mark.parametrize("order", "CFA")
@pytest.mark.parametrize("lying", [np.ascontiguousarray, np.asfortranarray])
def test_each_order_of_a_reshape_keeps_the_examples_apart(order, lying) -> None:
    batch = lying(np.arange(48.0).reshape(2, 4, 6))
    f = lambda x: np.reshape(x, (3, 8), order=order)
    np.testing.assert_array_equal(ab.vmap(f)(batch), [f(example) for example in batch])
    if order == "A":  # a question to the one array, which is not put inside a derivative
        return
    g = lambda x: np.sum(f(x) ** 3 * np.arange(24.0).reshape(3, 8))
    np.testing.assert_array_equal(ab.vmap(ab.grad(g))(batch), [ab.grad(g)(example) for example in batch])
