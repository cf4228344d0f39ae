"""Trees of arrays, and transformations of functions of them (book/modes/trees.md, book/modes/transforms.md)."""

from collections import OrderedDict, UserDict, defaultdict, namedtuple

import numpy as np
import pytest

import autograd_book as ab
from autograd_book.modes.trees import containers, leaves, tree_map

Line = namedtuple("Line", "slope offset")
TREES = [1.0, [1.0, 2.0], (1.0,), {"a": 1.0, "b": [2.0, (3.0,)]}, Line(1.0, (2.0, 3.0)), [], {}, None, [None, 1.0], ((), [1.0])]


@pytest.mark.parametrize("tree", TREES, ids=repr)
def test_mapping_keeps_the_form_and_reaches_every_leaf_in_order(tree) -> None:
    seen = []
    same = tree_map(lambda leaf: seen.append(leaf) or leaf, tree)
    assert same == tree and type(same) is type(tree)
    assert seen == leaves(tree)


def test_keys_are_matched_by_name_and_not_by_place() -> None:
    assert tree_map(lambda a, b: (a, b), {"x": 1, "y": 2}, {"y": 20, "x": 10}) == {"x": (1, 10), "y": (2, 20)}


@pytest.mark.parametrize(
    ("tree", "other", "fact"),
    [
        ([1.0], (1.0,), "a tuple of 1 where a list of 1"),
        ([1.0], [1.0, 2.0], "a list of 2 where a list of 1"),
        ({"a": 1.0}, {"b": 1.0}, r"keys \['b'\] where a dict with the keys \['a'\]"),
        ({"a": [1.0]}, {"a": 1.0}, "a float where a list of 1"),
        (None, 1.0, "a float where a NoneType"),
    ],
)
def test_trees_of_different_forms_are_refused(tree, other, fact) -> None:
    with pytest.raises(ab.DifferentiationValueError, match=fact + ".*Give both the same form"):
        tree_map(lambda a, b: a, tree, other)


def test_a_container_of_ones_own_takes_a_row() -> None:
    containers[UserDict] = (lambda tree: tree.values(), lambda like, parts: UserDict(zip(like, parts, strict=True)))
    try:
        assert tree_map(lambda leaf: leaf + 1, UserDict(a=1)) == UserDict(a=2)
    finally:
        del containers[UserDict]


def test_the_gradient_of_a_tree_has_its_form_shapes_and_dtypes() -> None:
    model = {"w": [np.ones((2, 3), np.float32), (np.ones(3),)], "line": Line(2.0, None), "unused": np.zeros(4)}
    loss = lambda m, x: np.sum((x @ m["w"][0] * m["w"][1][0]) ** 2) * m["line"].slope
    value, g = ab.value_and_grad(loss)(model, np.ones((1, 2)))
    assert value == 24.0
    assert isinstance(g["line"], Line) and g["line"] == (12.0, None)
    assert g["w"][0].dtype == np.float32 and g["w"][0].shape == (2, 3)
    np.testing.assert_array_equal(g["w"][1][0], np.full(3, 16.0))
    np.testing.assert_array_equal(g["unused"], np.zeros(4))


def test_trees_nest_in_derivatives_of_derivatives() -> None:
    inner = lambda m: ab.grad(lambda n: np.sum(n["a"] ** 3) * n["b"])(m)["a"]
    outer = ab.grad(lambda m: np.sum(inner(m)))({"a": np.array([1.0, 2.0]), "b": 5.0})
    np.testing.assert_array_equal(outer["a"], [30.0, 60.0])
    assert outer["b"] == 15.0


def test_auxiliary_results_come_out_plain_and_are_not_differentiated() -> None:
    f = lambda x: (np.sum(x**2), {"twice": 2 * x, "text": "note"})
    (value, aux), g = ab.value_and_grad(f, has_aux=True)(np.array([1.0, 2.0]))
    assert value == 5.0 and type(aux["twice"]) is np.ndarray and aux["text"] == "note"
    np.testing.assert_array_equal(g, [2.0, 4.0])
    g, aux = ab.grad(f, has_aux=True)(np.array([3.0]))
    np.testing.assert_array_equal((g, aux["twice"]), ([6.0], [6.0]))
    _, pullback, aux = ab.vjp(f, np.array([3.0]), has_aux=True)
    assert pullback(1.0)[0] == [6.0] and aux["twice"] == [6.0]
    with pytest.raises(ab.DifferentiationTypeError, match="has_aux=True expects a pair"):
        ab.grad(lambda x: x, has_aux=True)(1.0)


def test_what_leaves_a_derivative_shares_no_memory_with_it() -> None:
    x = np.array([1.0, 2.0])
    out, pullback = ab.vjp(lambda x, y: np.exp(x) + y, x, np.zeros(2))
    out[:] = 0.0
    a, b = pullback(np.ones(2))
    np.testing.assert_array_equal(a, np.exp(x))
    a, b = ab.vjp(lambda x, y: x + y, x, x.copy())[1](g := np.ones(2))
    assert not any(np.shares_memory(p, q) for p, q in [(a, b), (a, g), (b, g)])


def test_a_primal_changed_before_the_pullback_is_found() -> None:
    x = {"w": np.array([1.0, 2.0])}
    _, pullback = ab.vjp(lambda m: m["w"] ** 2, x)
    x["w"][0] = 5.0
    with pytest.raises(ab.MutatedValueError, match="changed in place"):
        pullback(np.ones(2))

    def careless(m):
        y = m["w"] ** 2
        x["w"][0] = 7.0
        return np.sum(y)

    with pytest.raises(ab.MutatedValueError, match="changed in place"):
        ab.grad(careless)(x)


def test_stop_gradient_stops_at_every_level() -> None:
    stop = ab.stop_gradient
    assert ab.grad(lambda x: x * stop(x))(3.0) == 3.0
    assert ab.grad(lambda x: ab.grad(lambda y: y * stop(x * y))(2.0))(3.0) == 0.0
    x = ab.Variable([1.0, 2.0])
    (x * stop(x)).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [1.0, 2.0])
    assert isinstance(stop(x), np.ndarray) and not np.shares_memory(stop(x), x.numpy())


# Complex numbers: the gradient is dL/dRe + i dL/dIm.


def test_the_gradient_of_a_real_function_of_complex_numbers_points_upwards() -> None:
    z = np.array([3.0 + 4.0j, -1.0j])
    np.testing.assert_allclose(ab.grad(lambda z: np.sum(np.abs(z) ** 2))(z), 2 * z)
    np.testing.assert_allclose(ab.grad(lambda z: np.sum(np.real(z)))(z), [1, 1])
    np.testing.assert_allclose(ab.grad(lambda z: np.sum(np.imag(z)))(z), [1j, 1j])
    np.testing.assert_allclose(ab.grad(lambda x: np.real(np.exp(1j * x)))(0.5), -np.sin(0.5))


def test_a_pullback_takes_and_gives_gradients_in_the_same_convention() -> None:
    z, c = np.array([1.0 + 2.0j]), 3.0 - 1.0j
    _, pullback = ab.vjp(lambda z: c * z, z)
    np.testing.assert_allclose(pullback(np.array([1.0 + 0j]))[0], [np.conj(c)])  # the adjoint, as of a matrix
    with pytest.raises(ab.DifferentiationTypeError, match="complex number"):
        ab.grad(lambda z: z * 1.0)(1.0 + 1.0j)


def test_ordered_and_default_dictionaries_are_trees_of_their_own_kind() -> None:
    ordered = ab.grad(lambda p: np.sum(p["b"] ** 2) + p["a"])(OrderedDict(b=np.array([1.0, 2.0]), a=3.0))
    assert type(ordered) is OrderedDict and list(ordered) == ["b", "a"]
    np.testing.assert_array_equal(ordered["b"], [2.0, 4.0])
    found = ab.grad(lambda p: p["a"] ** 2)(defaultdict(list, a=3.0))
    assert type(found) is defaultdict and found.default_factory is list and found == {"a": 6.0}


def endless():
    tree = {"w": np.ones(2), "more": []}
    tree["more"].append(tree)
    return tree


def deep():
    tree = np.ones(2)
    for _ in range(50_000):
        tree = [tree]
    return tree


@pytest.mark.parametrize("make", [endless, deep])
@pytest.mark.parametrize(
    "use",
    [
        lambda tree: ab.grad(lambda t: 0.0 * t)(tree),
        lambda tree: ab.jvp(lambda t: t, (tree,), (tree,)),
        lambda tree: ab.vmap(lambda t: t)(tree),
        lambda tree: ab.grad(lambda x: (x, tree), has_aux=True)(1.0),
        lambda tree: tree_map(np.negative, tree),
    ],
)
def test_a_tree_without_an_end_is_refused(make, use):
    with pytest.raises(ab.DifferentiationValueError, match="contains itself, or is nested too deep"):
        use(make())


def test_a_function_that_calls_itself_without_end_keeps_its_own_error():
    endlessly = lambda x: endlessly(x)
    with pytest.raises(RecursionError):
        tree_map(endlessly, {"w": [1.0]})
