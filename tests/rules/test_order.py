"""The rules of book/rules/order.md."""

import itertools

import numpy as np
import pytest
from cases.order import METHODS
from casework import uniform

import autograd_book as ab
from autograd_book.graph.backward import reachable
from autograd_book.rules.order import put_back, rearranged


def gradient(f, x):
    x = ab.Variable(x)
    f(x).sum().backward()
    return x.grad.numpy()


def test_equal_elements_of_a_sort_keep_their_order() -> None:
    weights = np.array([1.0, 2.0, 3.0, 4.0])
    for kind in (None, "quicksort", "stable"):
        np.testing.assert_array_equal(gradient(lambda x, kind=kind: np.sort(x, kind=kind) * weights, [2.0, 1.0, 2.0, 2.0]), [2, 1, 3, 4])


def test_a_sort_saves_no_values() -> None:
    x = ab.Variable(uniform((3, 4)))
    node = np.sort(x).node
    assert node.saved == ()
    assert set(node.params) == {"order", "axis"}


def test_a_median_of_an_even_number_is_shared_by_two() -> None:
    np.testing.assert_array_equal(gradient(np.median, [5.0, 1.0, 4.0, 2.0]), [0, 0, 0.5, 0.5])
    np.testing.assert_array_equal(gradient(np.median, [5.0, 1.0, 4.0]), [0, 0, 1])


def test_shares_of_tied_elements_add_up_to_one() -> None:
    for f in (np.median, lambda x: np.quantile(x, 0.4), lambda x: np.percentile(x, 90)):
        assert gradient(f, [3.0, 3.0, 3.0, 3.0]).sum() == pytest.approx(1.0)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [1, 2, 3, 10])
def test_every_method_has_the_value_of_numpy(method, n) -> None:
    for dtype in (np.float64, np.float32):
        x = uniform((n,)).astype(dtype)
        for q in (0.0, 0.1, 0.25, 0.5, 0.75, 1.0, np.linspace(0, 1, 13)):
            ours, plain = np.quantile(ab.Variable(x), q, method=method), np.quantile(x, q, method=method)
            assert ours.dtype == plain.dtype
            np.testing.assert_array_max_ulp(ours.numpy(), plain, maxulp=8)


@pytest.mark.parametrize("fun", [np.median, np.nanmedian], ids=lambda f: f.__name__)
def test_medians_have_the_value_of_numpy(fun) -> None:
    for n in (1, 2, 3, 10, 11):
        for dtype in (np.float64, np.float32, np.float16):
            x = uniform((n, 3)).astype(dtype)
            ours, plain = fun(ab.Variable(x), axis=0), fun(x, axis=0)
            assert ours.dtype == plain.dtype
            np.testing.assert_array_equal(ours.numpy(), plain)


def test_missing_elements_make_a_median_missing_and_receive_its_gradient() -> None:
    x = [[1.0, np.nan, 3.0], [1.0, 2.0, 3.0]]
    np.testing.assert_array_equal(np.median(ab.Variable(x), axis=1).numpy(), [np.nan, 2.0])
    np.testing.assert_array_equal(np.quantile(ab.Variable(x), [0.0, 1.0], axis=1).numpy(), [[np.nan, 1], [np.nan, 3]])
    np.testing.assert_array_equal(gradient(lambda x: np.median(x, axis=1), x), [[0, 1, 0], [0, 1, 0]])
    np.testing.assert_array_equal(gradient(lambda x: np.nanmedian(x, axis=1), x), [[0.5, 0, 0.5], [0, 1, 0]])


@pytest.mark.filterwarnings("ignore:All-NaN slice:RuntimeWarning")
def test_rows_without_any_number_have_no_median() -> None:
    x = [[np.nan, np.nan], [1.0, 2.0]]
    np.testing.assert_array_equal(np.nanmedian(ab.Variable(x), axis=1).numpy(), [np.nan, 1.5])
    np.testing.assert_array_equal(np.nanquantile(ab.Variable(x), [0.5], axis=1).numpy(), [[np.nan, 1.5]])


def test_infinite_elements_do_not_spoil_the_others() -> None:
    x = [1.0, np.inf, 2.0, -np.inf, 3.0]
    assert np.median(ab.Variable(x)).item() == 2.0
    assert np.median(ab.Variable([1.0, np.inf])).item() == np.inf
    assert np.quantile(ab.Variable(x), 0.25).item() == 1.0
    np.testing.assert_array_equal(gradient(np.median, x), [0, 0, 1, 0, 0])


def test_functions_of_places_are_plain_arrays() -> None:
    x, y = ab.Variable([3.0, 1.0, 2.0]), ab.Variable([1.0, 0.0, 1.0])
    for out in (np.argsort(x), x.argsort(), np.argpartition(x, 1), np.lexsort((x, y)), np.lexsort(np.stack([x, y]))):
        assert type(out) is np.ndarray
        assert out.dtype.kind == "i"
    np.testing.assert_array_equal(np.lexsort((x, y)), np.lexsort((x.numpy(), y.numpy())))
    np.testing.assert_array_equal(np.isin(x, [1.0, 3.0]), [True, True, False])
    np.testing.assert_array_equal(np.argsort(x, axis=None, kind="stable"), [1, 2, 0])


def test_partitions_part() -> None:
    x = uniform((9,))
    z = np.partition(ab.Variable(x), 4).numpy()
    assert z[4] == np.sort(x)[4]
    assert z[:4].max() < z[4] < z[5:].min()
    np.testing.assert_array_equal(np.sort(z), np.sort(x))


SETS = ("unique", "unique_values", "union1d", "intersect1d", "setdiff1d", "setxor1d", "sort_complex")


@pytest.mark.parametrize("name", [name for name in SETS if hasattr(np, name)])
def test_what_jumps_is_refused_with_a_remedy(name) -> None:
    x = ab.Variable([2.0, 1.0])
    with pytest.raises(ab.NoRuleError, match=rf"{name} .*\. (Without|Pick|Use) .*\.$"):
        getattr(np, name)(*[x, x][: 2 if name.endswith("1d") else 1])


FULL = {
    "sort": lambda x: np.sort(x, 0, "stable", None),
    "partition": lambda x: np.sort(np.partition(x, 1, 0, "introselect", None)[:2], 0),
    "median": lambda x: np.median(x, (0, -1), None, True, True),
    "nanmedian": lambda x: np.nanmedian(x, 1, None, False, True),
    "quantile": lambda x: np.quantile(x, [0.2, 0.4], 1, None, False, "hazen", True),
    "percentile": lambda x: np.percentile(x, 30, (0, 1), None, True, "lower", False),
    "nanquantile": lambda x: np.nanquantile(x, [[0.2]], 0, None, False, "weibull", True),
    "nanpercentile": lambda x: np.nanpercentile(x, [30], None, None, False, "linear", True),
}


@pytest.mark.parametrize("name", FULL)
def test_all_parameters_may_be_given_by_position(name) -> None:
    x = uniform((3, 4))
    np.testing.assert_array_equal(FULL[name](ab.Variable(x)).numpy(), FULL[name](x))


REFUSED = {
    "out": (lambda x: np.median(x, out=np.ones(())), ab.NoRuleError, "out="),
    "order": (lambda x: np.sort(x, order="a"), ab.NoRuleError, "order='a'"),
    "empty": (lambda x: np.median(x[:0]), ab.DifferentiationValueError, r"no elements.*\(0,\)"),
    "axis": (lambda x: np.median(x, axis=2), ab.DifferentiationValueError, r"\[2\].*1 axes"),
    "method": (lambda x: np.quantile(x, 0.5, method="best"), ValueError, "best"),
    "range": (lambda x: np.quantile(x, 1.5), ValueError, "0, 1"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_supported_is_refused(name) -> None:
    f, kind, message = REFUSED[name]
    with pytest.raises(kind, match=message):
        f(ab.Variable([1.0, 2.0, 3.0]))


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.0.0", reason="NumPy 2 brought weights")
@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("fun", [np.quantile, np.nanquantile])
@pytest.mark.parametrize("axis", [0, 1, None, (1, 0)], ids=str)
def test_weighted_quantiles_are_numpys_and_move_with_their_elements(fun, axis) -> None:
    rng = np.random.default_rng(0)
    options = {"axis": axis, "method": "inverted_cdf"}
    for i in range(30):
        x, w = rng.normal(size=(3, 4)).round(1), rng.integers(0, 3, (3, 4)) + 0.5 * (i % 2)
        if i % 3 == 0:
            x[0, 1] = np.nan
        f = lambda x, w=w: fun(x, [0.0, 0.3, 0.6, 1.0], weights=w, **options)
        try:
            plain = f(x)
        except ValueError:  # no weight at all
            continue
        np.testing.assert_array_equal(f(ab.Variable(x)).numpy(), plain)
    x, weights = uniform((3, 4)), ab.Variable(np.arange(1.0, 13.0).reshape(3, 4))
    ab.check_gradients(lambda x: fun(x, [0.3, 0.6], weights=weights, **options), x)
    with pytest.raises(ValueError, match="non-negative"):
        fun(ab.Variable(x), 0.5, weights=-weights.numpy(), **options)
    with pytest.raises(ValueError, match="weights of shape"):
        fun(ab.Variable(x), 0.5, weights=np.ones((2, 4)), **options)


EVEN_METHODS = ("linear", "hazen", "weibull", "median_unbiased", "normal_unbiased", "interpolated_inverted_cdf")


@pytest.mark.parametrize("method", [*EVEN_METHODS, "lower", "midpoint", "inverted_cdf", "averaged_inverted_cdf"])
@pytest.mark.parametrize(("fun", "unit"), [(np.quantile, 1), (np.nanpercentile, 100)], ids=["quantile", "nanpercentile"])
def test_quantiles_have_the_slopes_of_differences_in_what_is_asked_for(method, fun, unit) -> None:
    h = 1e-6 * unit
    for n, q in itertools.product((1, 2, 5, 6), unit * np.array([0.013, 0.1, 0.37, 0.5, 0.81, 0.99])):
        x = uniform((n, 3))
        if unit == 100 and n > 2:
            x[1, 0] = np.nan
        f = lambda q, x=x: np.sum(fun(x, q, axis=0, method=method) * np.arange(1.0, 4.0))
        sides = (f(q + h) - f(q)) / h, (f(q) - f(q - h)) / h
        if unit * max(map(abs, sides)) < 1e4:  # no jump
            np.testing.assert_allclose(ab.grad(f)(q), sum(sides) / 2, rtol=1e-4, atol=1e-4 / unit)


def test_a_quantile_moves_with_its_elements_and_with_what_is_asked_for_together() -> None:
    x = uniform((5, 2))
    for q in (np.float64(0.3), np.array([0.2, 0.7]), np.array([[0.1], [0.6]])):
        ab.check_gradients(lambda x, q: np.quantile(x, q, axis=0), x, q)
        ab.check_gradients(lambda q: np.nanquantile(x, q, keepdims=True), q)
    ends = np.sort(x[:, 0])
    slope = ab.grad(lambda q: np.quantile(x[:, 0], q))
    np.testing.assert_allclose([slope(0.0), slope(1.0)], [4 * (ends[1] - ends[0]), 4 * (ends[4] - ends[3])])
    open_end = np.array([1.0, 2.0, np.inf])
    assert np.quantile(open_end, ab.Variable(0.5)).item() == 2.0
    assert ab.grad(lambda q: np.quantile(open_end, q))(0.5) == np.inf


def test_a_constant_quantile_may_be_a_variable() -> None:
    q = ab.Variable(0.5, requires_grad=False)
    assert np.quantile(ab.Variable([1.0, 2.0]), q).item() == 1.5


def test_derivatives_of_a_quantile_gather_few_elements() -> None:
    x = ab.Variable(uniform((1000,)))
    sizes = [np.prod(node.shape, dtype=int) for node in reachable(np.quantile(x, [0.1, 0.9]).node) if node.plan]
    assert sorted(sizes)[-2:] == [1000, 1000]  # laid out as a row; from there on two numbers each
    assert sum(size == 1000 for size in sizes) == 2


def test_nested_transformations_sort_the_values() -> None:
    f = lambda x: np.sum(np.sort(x) * np.arange(3.0) * np.sum(x))
    np.testing.assert_allclose(ab.grad(lambda x: np.sum(ab.grad(f)(x) * x))(np.array([3.0, 1.0, 2.0])), [40, 16, 28])


def test_what_is_put_back_is_as_it_was() -> None:
    x = uniform((3, 5))
    for axis in (0, 1, -1):
        order = np.argsort(x, axis=axis)
        np.testing.assert_array_equal(put_back(rearranged(x, order, axis), order, axis), x)
