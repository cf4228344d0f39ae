"""The rules of book/rules/piecewise.md."""

import numpy as np
import pytest

import autograd_book as ab


def test_the_derivative_of_a_corner_is_zero_in_the_second_order() -> None:
    for f in (np.abs, ab.relu, np.sign, lambda x: np.maximum(x, 0.5)):
        np.testing.assert_array_equal(ab.grad(lambda x, f=f: np.sum(ab.grad(lambda y: np.sum(f(y)))(x)))(np.ones(3)), np.zeros(3))


def test_where_sends_nothing_to_the_side_that_was_not_chosen() -> None:
    x = ab.Variable([-1.0, 4.0])
    np.where(x > 0, x, np.exp(x)).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [np.exp(-1.0), 1.0])


def test_a_slope_of_zero_stops_an_infinite_cotangent() -> None:
    with np.errstate(divide="ignore"):
        for f in (lambda x: np.maximum(x, 0.0), lambda x: np.clip(x, 0.0, None), lambda x: np.where(x > 0, x, 0.0)):
            assert ab.grad(lambda x, f=f: np.sqrt(f(x)))(-1.0) == 0.0


def test_the_divisor_of_fmod_is_counted_exactly() -> None:
    assert ab.grad(np.fmod, 1)(1.0, 0.1) == -9.0


X = ab.Variable([1.5, -2.5])


def test_rounding_leaves_variables_and_tests_leave_plain_arrays() -> None:
    for f in (np.floor, np.ceil, np.trunc, np.rint, np.fix, np.round, np.around, np.sign, lambda x: x // 2):
        assert isinstance(f(X), ab.Variable)
    for f in (np.isnan, np.isinf, np.isfinite, np.isneginf, np.isposinf, np.signbit, np.isreal, np.iscomplex, np.logical_not):
        assert type(f(X)) is np.ndarray and f(X).dtype == bool
    for f in (np.isclose, np.logical_and, np.logical_or, np.logical_xor, np.less, np.equal, np.less.outer):
        assert type(f(X, 1.5)) is np.ndarray and f(X, 1.5).dtype == bool
    assert np.allclose(X, [1.5, -2.5]) is True and np.array_equal(X, X) and np.array_equiv(X, X) and np.isrealobj(X)
    assert not np.iscomplexobj(X) and np.iscomplexobj(ab.Variable([1j]))


def test_tolerances_may_be_variables() -> None:
    assert np.isclose(X, 1.0, atol=ab.Variable(1.0)).tolist() == [True, False]


VALUES = {
    "clip": (lambda x: np.clip(x, 0, 1), lambda x: np.clip(x, a_min=0, a_max=1), lambda x: x.clip(0, 1), lambda x: x.clip(min=0, max=1)),
    "clip below": (lambda x: np.clip(x, None, 1), lambda x: x.clip(max=1)),
    "round": (lambda x: np.round(x, 1), lambda x: np.round(x, decimals=1), lambda x: np.around(x, 1), lambda x: x.round(1)),
    "divmod": (lambda x: np.divmod(x, 2.0), lambda x: (np.floor_divide(x, 2.0), np.remainder(x, 2.0)), lambda x: (x // 2.0, x % 2.0)),
    "nan_to_num": (lambda x: np.nan_to_num(x, True, 0.0, 1.0), lambda x: np.nan_to_num(x, posinf=1.0)),
}


@pytest.mark.parametrize("name", VALUES)
def test_signatures_are_those_of_numpy(name) -> None:
    for f in VALUES[name]:
        plain, ours = f(np.array([1.56, -2.5])), f(ab.Variable([1.56, -2.5]))
        pairs = zip(plain, ours, strict=True) if isinstance(plain, tuple) else [(plain, ours)]
        for a, b in pairs:
            np.testing.assert_array_equal(a, b.numpy())


@pytest.mark.parametrize("f", [np.divmod, lambda x, y: np.modf(x), lambda x, y: np.frexp(x)], ids=["divmod", "modf", "frexp"])
def test_functions_of_two_results_have_the_values_of_numpy(f) -> None:
    for dtype in (np.float64, np.float32):
        x = np.array([1.75, -6.5, 0.0, -3.0, 1e30, 1e-40], dtype)
        for plain, ours in zip(f(x, dtype(2.0)), f(ab.Variable(x), 2.0), strict=True):
            ours = ours.numpy() if isinstance(ours, ab.Variable) else ours
            np.testing.assert_array_equal(plain, ours)
            assert plain.dtype == ours.dtype


REFUSED = {
    "where of a ufunc": (lambda: np.sqrt(X, where=[True, False]), "np.where"),
    "where beside out": (lambda: np.divide(1.0, X, out=np.zeros(2), where=[True, False]), "np.where(mask, f("),
    "dtype of a ufunc": (lambda: np.multiply(X, X, dtype=np.float32), ".astype"),
    "out of a ufunc": (lambda: np.multiply(X, X, out=np.zeros(2)), "out="),
    "out of clip": (lambda: np.clip(X, 0, 1, np.zeros(2)), "out="),
    "where of clip": (lambda: np.clip(X, 0, 1, where=[True, False]), "np.where"),
    "out of round": (lambda: np.round(X, 1, np.zeros(2)), "out="),
    "where of divmod": (lambda: np.divmod(X, 2.0, where=[True, False]), "np.where"),
    "where of modf": (lambda: np.modf(X, where=[True, False]), "np.where"),
    "where of frexp": (lambda: np.frexp(X, where=[True, False]), "np.where"),
    "where of ldexp": (lambda: np.ldexp(X, 2, where=[True, False]), "np.where"),
    "dtype of outer": (lambda: np.add.outer(X, X, dtype=np.float32), ".astype"),
    "nan_to_num in place": (lambda: np.nan_to_num(X, copy=False), "copy=False"),
    "spacing": (lambda: np.spacing(X), "x.numpy()"),
    "nextafter": (lambda: np.nextafter(X, 1.0), "x.numpy()"),
    "complex sign": (lambda: ab.vjp(np.sign, np.ones(2) * 1j)[1](np.ones(2)), "z / np.abs(z)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_names_a_remedy(name) -> None:
    f, remedy = REFUSED[name]
    with pytest.raises(ab.NoRuleError) as caught:
        f()
    assert remedy in str(caught.value)


def test_a_condition_alone_gives_places() -> None:
    assert np.where(ab.Variable([0.0, 2.0, 3.0]))[0].tolist() == [1, 2]


def test_exponents_of_ldexp_may_change_after_the_forward_pass() -> None:
    x, i = ab.Variable([1.0, 1.0]), np.array([1, 2])
    y = np.ldexp(x, i)
    i[:] = 0
    y.sum().backward()
    assert x.grad.numpy().tolist() == [2.0, 4.0]


def test_outer_products_of_numbers_and_lists() -> None:
    x = ab.Variable([1.0, 2.0])
    np.multiply.outer([3.0, 4.0], x).sum().backward()
    assert x.grad.numpy().tolist() == [7.0, 7.0]
    assert np.multiply.outer(x, 2.0).shape == (2,) and np.multiply.outer(2.0, x).shape == (2,)


def test_each_part_of_a_complex_number_is_replaced_by_itself() -> None:
    z = ab.Variable([complex(np.nan, 1.0), complex(2.0, np.inf)])
    w = np.nan_to_num(z)
    w.backward(np.array([1 + 1j, 1 + 1j]))
    assert z.grad.numpy().tolist() == [1j, 1 + 0j]


SAVED = {
    "rounding": (np.floor, []),
    "remainder of a constant divisor": (lambda x: np.remainder(x, 2.0), []),
    "fmod of a constant divisor": (lambda x: np.fmod(x, 2.0), []),
    "parts": (lambda x: np.modf(x)[0], []),
    "degrees": (np.rad2deg, []),
    "clip": (lambda x: np.clip(x, 0.0, 1.0), ["high", "low", "x"]),
    "sinc": (np.sinc, ["x"]),
}


@pytest.mark.parametrize("name", SAVED)
def test_rows_save_what_their_rules_read(name) -> None:
    f, expected = SAVED[name]
    asks = f(ab.Variable([0.5, 2.5])).node.plan.asks
    assert sorted(a for a in asks if not a.endswith("_seal")) == expected
