"""The rules of book/rules/order.md."""

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
    "q that moves": (lambda x: np.quantile(x.numpy(), x / 4), ab.DifferentiationTypeError, "converted to a plain array"),
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
def test_weights_are_refused() -> None:
    with pytest.raises(ab.NoRuleError, match="weights="):
        np.quantile(ab.Variable([1.0, 2.0]), 0.5, method="inverted_cdf", weights=[1.0, 2.0])


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
