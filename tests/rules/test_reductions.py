"""The rules of book/rules/reductions.md."""

import numpy as np
import pytest

import autograd_book as ab
from autograd_book.rules import moments
from autograd_book.rules.reductions import winners


def test_ties_share_the_gradient_of_a_maximum() -> None:
    x = ab.Variable(np.float32([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]]))
    np.max(x, axis=1).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [[0.0, 0.5, 0.5], [1 / 3, 1 / 3, 1 / 3]], rtol=1e-6)
    assert x.grad.dtype == np.float32


def test_ties_share_the_gradient_of_a_minimum_over_everything() -> None:
    x = ab.Variable([[1.0, 3.0], [1.0, 2.0]])
    x.min().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [[0.5, 0.0], [0.5, 0.0]])


@pytest.mark.parametrize("axis", [None, 0, (0, 1), -1])
@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "var", "std"])
def test_values_and_dtypes_are_those_of_numpy(name, axis) -> None:
    a = np.float32([[1.5, -2.0, 4.0], [0.5, 3.0, 1.0]])
    for keepdims in (False, True):
        ours = getattr(np, name)(ab.Variable(a), axis=axis, keepdims=keepdims)
        plain = getattr(np, name)(a, axis=axis, keepdims=keepdims)
        assert (ours.shape, ours.dtype) == (np.shape(plain), plain.dtype)
        np.testing.assert_allclose(ours.numpy(), plain, rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_shares_of_a_tie_are_computed_in_the_precision_of_the_cotangent(dtype) -> None:
    x = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]], dtype)
    assert winners(np.ones(2, dtype), x, x.max(1), 1).dtype == dtype


NAN = np.nan
POINTS = {"no zero": [2.0, 3.0, 5.0, 0.5], "one zero": [2.0, 0.0, 5.0, 3.0], "two zeros": [2.0, 0.0, 0.0, 3.0], "zeros": [0.0] * 4}


def products_without(x: np.ndarray, *places: int) -> float:
    return float(np.prod([v for i, v in enumerate(x) if i not in places]))


@pytest.mark.parametrize("point", POINTS)
def test_derivatives_of_a_product_are_products_of_the_others(point) -> None:
    x, n = np.array(POINTS[point]), range(4)
    np.testing.assert_allclose(ab.grad(np.prod)(x), [products_without(x, i) for i in n])
    for i in n:
        row = ab.grad(lambda x, i=i: ab.grad(np.prod)(x)[i])(x)
        np.testing.assert_allclose(row, [0.0 if i == j else products_without(x, i, j) for j in n])
    third = ab.grad(lambda x: ab.grad(lambda x: ab.grad(np.prod)(x)[1])(x)[2])(x)
    np.testing.assert_allclose(third, [x[3], 0.0, 0.0, x[0]])


def test_a_product_over_all_axes_with_a_zero_in_each_row() -> None:
    x = np.array([[2.0, 0.0], [5.0, 3.0]])
    np.testing.assert_array_equal(ab.grad(np.prod)(x), [[0.0, 30.0], [0.0, 0.0]])


@pytest.mark.parametrize(("initial", "expected"), [(5.0, [0, 0, 0]), (3.0, [0, 1 / 3, 1 / 3]), (0.0, [0, 0.5, 0.5])])
def test_the_initial_value_of_a_maximum_takes_part_in_a_tie(initial, expected) -> None:
    np.testing.assert_allclose(ab.grad(lambda x: np.max(x, initial=initial))(np.array([1.0, 3.0, 3.0])), expected)


def test_elements_outside_the_mask_never_win() -> None:
    f = lambda x: np.max(x, where=np.array([True, False, True]), initial=-9.0)
    for hidden in (3.0, 1.0):
        np.testing.assert_array_equal(ab.grad(f)(np.array([1.0, hidden, 1.0])), [0.5, 0.0, 0.5])


@pytest.mark.parametrize("name", ["nansum", "nanprod", "nanmean", "nanvar", "nanstd", "nanmax", "nanmin"])
def test_holes_receive_nothing_at_both_orders(name) -> None:
    full, x = np.array([1.0, 3.0, 8.0]), np.array([1.0, NAN, 3.0, 8.0, NAN])
    f, plain = getattr(np, name), getattr(np, name.removeprefix("nan"))
    here = ~np.isnan(x)
    first = ab.grad(f)(x)
    np.testing.assert_allclose(first[here], ab.grad(plain)(full))
    assert not first[~here].any()
    second = ab.grad(lambda x: np.sum(ab.grad(f)(x)[here] ** 2))(x)
    np.testing.assert_allclose(second[here], ab.grad(lambda x: np.sum(ab.grad(plain)(x) ** 2))(full), atol=1e-12)
    assert not second[~here].any()


def test_holes_that_fill_a_row_receive_nothing() -> None:
    x = np.array([[NAN, NAN], [1.0, 2.0]])
    for f, row in ((np.nansum, [1.0, 1.0]), (np.nanmean, [0.5, 0.5]), (np.nanmax, [0.0, 1.0])):
        with np.errstate(all="ignore"), pytest.warns(RuntimeWarning) if f is not np.nansum else np.errstate():
            gradient = ab.vjp(lambda x, f=f: f(x, axis=1), x)[1](np.ones(2))[0]
        np.testing.assert_array_equal(gradient, [[0.0, 0.0], row])


@pytest.mark.parametrize(
    ("fun", "args"),
    [
        (np.sum, (0, np.float64, None, True)),
        (np.prod, (1, None, None, False, 2.0)),
        (np.mean, ((0, 1), np.float64, None, True)),
        (np.var, (0, None, None, 1, True)),
        (np.std, (-1, np.float64, None, 1)),
        (np.max, (0, None, True, 1.0)),
        (np.amin, (1, None, False)),
        (np.ptp, (0, None, True)),
        (np.average, (1, np.array([1.0, 2.0, 3.0]), False)),
        (np.nansum, (0, None, None, True)),
        (np.nanstd, (1, None, None, 1, True)),
        (np.nanmin, (1, None, True)),
    ],
)
def test_numpys_full_signature_is_taken_by_position(fun, args) -> None:
    a = np.float32([[1.5, -2.0, 4.0], [0.5, 3.0, 1.0]])
    ours, plain = fun(ab.Variable(a), *args), fun(a, *args)
    assert (ours.shape, ours.dtype) == (plain.shape, plain.dtype)
    np.testing.assert_allclose(ours.numpy(), plain, rtol=1e-6)


@pytest.mark.parametrize("name", ["argmax", "argmin", "nanargmax", "nanargmin", "all", "any", "count_nonzero"])
def test_positions_and_verdicts_are_plain(name) -> None:
    x = np.array([[1.0, 0.0, 2.0], [3.0, 4.0, 0.0]])
    found = getattr(np, name)(ab.Variable(x), axis=1)
    assert not isinstance(found, ab.Variable)
    np.testing.assert_array_equal(found, getattr(np, name)(x, axis=1))


def test_logical_reductions_are_plain_and_go_along_the_first_axis() -> None:
    x = np.array([[1.0, 0.0], [3.0, 0.0]])
    for ufunc in (np.logical_and, np.logical_or):
        np.testing.assert_array_equal(ufunc.reduce(ab.Variable(x)), ufunc.reduce(x))


def test_a_reduction_without_a_rule_is_refused() -> None:
    with pytest.raises(ab.NoRuleError, match=r"subtract.reduce was called .* Use np.sum"):
        np.subtract.reduce(ab.Variable([1.0, 2.0]))


def test_a_result_array_is_refused() -> None:
    for call in (
        lambda x: np.sum(x, out=np.zeros(())),
        lambda x: np.add.reduce(x, out=np.zeros(())),
        lambda x: np.ptp(x, out=np.zeros(())),
        lambda x: np.std(x, out=np.zeros(())),
        lambda x: np.nanmean(x, out=np.zeros(())),
    ):
        with pytest.raises(ab.NoRuleError, match="out="):
            call(ab.Variable([1.0, 2.0]))


def test_sums_and_means_save_no_array_and_a_variance_only_its_argument() -> None:
    x = ab.Variable(np.ones((2, 3)))
    for fun in (np.sum, np.mean):
        assert fun(x, axis=1).node.saved == ((2, 3),)
    assert [v is x.value for v in np.var(x).node.saved] == [True]


def test_linear_reductions_say_so() -> None:
    from autograd_book.graph.primitive import primitives

    assert primitives[np.sum].linear == primitives[np.mean].linear == ["x"]
    assert not primitives[np.prod].linear and not primitives[moments.var].linear


def test_the_mean_of_many_numbers_in_half_precision_keeps_its_gradient() -> None:
    g = ab.grad(np.mean)(np.ones(65600, np.float16))
    assert g.dtype == np.float16 and g[0] > 1.4e-5


def test_the_gradient_of_an_extreme_goes_to_the_nan_that_it_is() -> None:
    x = np.array([[1.0, np.nan, 3.0], [np.nan, 5.0, np.nan], [1.0, 2.0, 2.0]])
    for fun, last in ((np.max, [0.0, 0.5, 0.5]), (np.min, [1.0, 0.0, 0.0])):
        g = ab.grad(lambda x, fun=fun: np.sum(fun(x, axis=1)))(x)
        np.testing.assert_array_equal(g, [[0.0, 1.0, 0.0], [0.5, 0.0, 0.5], last])
    np.testing.assert_array_equal(ab.grad(lambda x: np.max(x, initial=np.nan))(np.ones(2)), [0.0, 0.0])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("fun", [np.sum, np.mean, np.prod, np.var, np.std])
@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0)], ids=str)
def test_a_reduction_of_no_elements_has_a_gradient_of_none(fun, shape) -> None:
    for axis in (None, 0, -1):
        assert ab.grad(lambda x, axis=axis: np.sum(fun(x, axis=axis)))(np.ones(shape)).shape == shape
