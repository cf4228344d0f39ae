"""Forward mode and curvature (book/modes/forward.md, book/modes/curvature.md)."""

import numpy as np
import pytest
from hypothesis import given
from programs import execute, points, programs, seeds

import autograd_book as ab
from autograd_book.modes import forward

X, T = np.array([0.5, -1.5, 2.0]), np.array([1.0, 10.0, -3.0])


def test_the_tangent_of_a_formula_is_its_derivative_times_the_direction() -> None:
    value, tangent = ab.jvp(lambda x, y: np.sin(x) * y, (X, 2.0), (T, 1.0))
    np.testing.assert_allclose(value, np.sin(X) * 2.0)
    np.testing.assert_allclose(tangent, np.cos(X) * 2.0 * T + np.sin(X))


@given(programs, seeds)
def test_both_modes_give_the_same_number(program, seed) -> None:
    f = lambda x, y: execute(program, [x, y], np)
    args, tangents = points(seed), points(seed + 1)
    value, tangent = ab.jvp(f, tuple(args), tuple(tangents))
    out, pullback = ab.vjp(f, *args)
    assert value == out
    expected = sum(np.sum(g * t) for g, t in zip(pullback(1.0), tangents, strict=True))
    np.testing.assert_allclose(tangent, expected, rtol=1e-9, atol=1e-9)


def test_modes_nest_in_each_other_without_confusion() -> None:
    d = lambda f: lambda x: ab.jvp(f, (x,), (1.0,))[1]
    for outer in (d, ab.grad):
        for inner in (d, ab.grad):
            assert outer(lambda x, inner=inner: x * inner(lambda y: x + y)(1.0))(1.0) == 1.0
            assert outer(lambda x, inner=inner: x * inner(lambda y: x * y * y)(3.0))(2.0) == 24.0
    fourth = ab.grad(d(ab.grad(d(np.sin))))
    assert fourth(0.3) == pytest.approx(np.sin(0.3))


def test_trees_go_in_and_come_out() -> None:
    f = lambda m: {"sum": m["a"] + m["b"][0], "fixed": 7.0, "pair": (m["a"] * 2,)}
    value, tangent = ab.jvp(f, ({"a": X, "b": [1.0]},), ({"a": T, "b": [0.5]},))
    np.testing.assert_array_equal(tangent["sum"], T + 0.5)
    assert value["fixed"] == 7.0 and tangent["fixed"] == 0.0
    np.testing.assert_array_equal(tangent["pair"][0], 2 * T)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.complex64])
def test_a_tangent_has_the_dtype_of_its_value(dtype) -> None:
    x = X.astype(dtype)
    value, tangent = ab.jvp(lambda x: x * 2 + np.max(np.abs(x)), (x,), (T,))
    assert value.dtype == tangent.dtype == dtype


def test_flat_functions_have_no_tangent_and_results_of_constants_a_zero_one() -> None:
    assert ab.jvp(lambda x: np.sign(x) + np.floor(1.5), (X[0],), (1.0,))[1] == 0.0
    _, tangent = ab.jvp(lambda x: np.ones(2), (X,), (T,))
    np.testing.assert_array_equal(tangent, [0.0, 0.0])
    assert ab.jvp(lambda x: np.where(x > 0, x, 0.0)[0], (X,), (T,))[1] == 1.0


def test_each_of_the_three_ways_is_taken_where_it_should(monkeypatch) -> None:
    seen = []
    for name in ("along_line", "along_elements", "along_transpose"):
        real = getattr(forward, name)
        monkeypatch.setattr(forward, name, lambda *a, name=name, real=real: seen.append(name) or real(*a))
    ab.jvp(np.sin, (X,), (T,))
    ab.jvp(np.max, (X,), (T,))
    ab.jvp(lambda x: x.astype(np.float32), (X,), (T,))
    assert seen == ["along_elements", "along_transpose", "along_line"]


@pytest.mark.parametrize(
    ("primals", "tangents", "fact"),
    [
        (1.0, (1.0,), "a float as primals"),
        ((1.0,), 1.0, "a float as tangents"),
        ((1.0, 2.0), (1.0,), "a tuple of 1 where a tuple of 2"),
        ((X,), (1.0,), r"shape \(\) was given for a primal of shape \(3,\)"),
        ((X,), ([T],), "that is a list was given for a primal"),
        ((2,), (1.0,), "dtype int64"),
    ],
)
def test_what_does_not_fit_is_refused(primals, tangents, fact) -> None:
    with pytest.raises(ab.AutogradError, match=fact):
        ab.jvp(np.sin, primals, tangents)


def test_a_variable_of_forward_mode_does_not_outlive_it() -> None:
    kept = []
    ab.jvp(lambda x: kept.append(x) or x * 2, (1.0,), (1.0,))
    with pytest.raises(ab.LeakedVariableError, match="made inside a derivative of"):
        kept[0] + 1.0


# Curvature


def test_a_jacobian_has_the_axes_of_the_result_and_then_those_of_the_argument() -> None:
    a = np.arange(24.0).reshape(2, 3, 4)
    x = np.ones((3, 4))
    f = lambda x: np.sum(a * x**2, axis=1)
    expected = 2 * a[:, :, :, None] * np.eye(4)[None, None]
    for mode in ("reverse", "forward", "auto"):
        j = ab.jacobian(f, mode=mode)(x)
        assert j.shape == (2, 4, 3, 4)
        np.testing.assert_allclose(j, expected.transpose(0, 2, 1, 3))


@pytest.mark.parametrize("mode", ["reverse", "forward", "auto"])
@pytest.mark.parametrize(("x", "shape"), [(2.0, ()), (np.zeros(0), (0, 0)), (np.ones((2, 1)), (2, 1, 2, 1))])
def test_jacobians_of_numbers_and_of_nothing(mode, x, shape) -> None:
    assert np.shape(ab.jacobian(lambda x: x * 3.0, mode=mode)(x)) == shape


def test_a_jacobian_of_a_tree_is_a_tree() -> None:
    j = ab.jacobian(lambda m: m["w"] @ np.ones(2) + m["b"])({"w": np.ones((3, 2)), "b": np.zeros(3)})
    assert j["w"].shape == (3, 3, 2)
    np.testing.assert_array_equal(j["b"], np.eye(3))


def test_the_jacobian_of_a_holomorphic_function_is_its_derivative() -> None:
    z = np.array([1.0 + 2.0j, -0.5j])
    np.testing.assert_allclose(ab.jacobian(np.exp)(z), np.diag(np.exp(z)))
    np.testing.assert_allclose(ab.jacobian(lambda x: np.exp(1j * x))(np.array([0.5])), [[1j * np.exp(0.5j)]])
    np.testing.assert_allclose(ab.elementwise_grad(np.sin)(z), np.cos(z))


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(ab.DifferentiationValueError, match="mode='sideways'"):
        ab.jacobian(np.sin, mode="sideways")
    with pytest.raises(ab.DifferentiationTypeError, match="mode='forward' with a dict"):
        ab.jacobian(lambda m: m["a"], mode="forward")({"a": 1.0})


@given(programs, seeds)
def test_hessians_are_symmetric_and_agree_with_products(program, seed) -> None:
    x, y = points(seed)
    f = lambda x: execute(program, [x, y], np)
    h, v = ab.hessian(f)(x), points(seed + 1)[0]
    flat = h.reshape(x.size, x.size)
    np.testing.assert_allclose(flat, flat.T, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(np.ravel(ab.hvp(f)(x, v)), flat @ v.ravel(), rtol=1e-8, atol=1e-8)


def test_hvp_of_a_tree_and_of_a_chosen_argument() -> None:
    f = lambda a, m: np.sum(a * m["w"] ** 3) + m["b"] ** 2
    out = ab.hvp(f, argnums=1)(2.0, {"w": X, "b": 1.0}, {"w": T, "b": 5.0})
    np.testing.assert_allclose(out["w"], 12.0 * X * T)
    assert out["b"] == 10.0


def test_elementwise_grad_takes_only_what_keeps_the_shape() -> None:
    np.testing.assert_allclose(ab.elementwise_grad(ab.elementwise_grad(np.sin))(X), -np.sin(X))
    assert ab.elementwise_grad(lambda a, x: a * x**2, 1)(3.0, 2.0) == 12.0
    with pytest.raises(ab.DifferentiationValueError, match="does not act on each element"):
        ab.elementwise_grad(np.sum)(X)


def test_elementwise_slopes_of_complex_values_are_complex() -> None:
    np.testing.assert_allclose(ab.elementwise_grad(lambda x: np.exp(1j * x))(np.array([0.0, 1.0])), [1j, 1j * np.exp(1j)])
    with pytest.raises(ab.DifferentiationTypeError, match="Use mode='forward'"):
        ab.jacobian(lambda x: np.exp(1j * x), mode="reverse")(np.ones(2))


def test_an_argument_is_named_once_and_positions_may_be_numpys() -> None:
    with pytest.raises(ab.DifferentiationValueError, match="names an argument twice"):
        ab.grad(lambda x, y: x * y, (0, -2))(2.0, 3.0)
    assert ab.grad(lambda x, y: x * y, np.int64(1))(2.0, 3.0) == 2.0
    with pytest.raises(ab.DifferentiationTypeError, match="argnums"):
        ab.jacobian(lambda x, y: x * y, argnums=(0, 1))(2.0, 3.0)


def test_what_comes_out_of_forward_mode_is_its_own_memory() -> None:
    value, tangent = ab.jvp(lambda x: x, (X,), (T,))
    assert not np.shares_memory(value, X) and not np.shares_memory(tangent, T)


def test_constants_of_no_grad_do_not_come_out_as_variables() -> None:
    def f(x):
        with ab.no_grad():
            c = x * x
        return x * c, c

    (out, c), (slope, none) = ab.jvp(f, (3.0,), (1.0,))
    assert not any(isinstance(v, ab.Variable) for v in (out, c, slope, none))
    assert (out, c, slope, none) == (27.0, 9.0, 9.0, 0.0)
    value, _ = ab.vjp(lambda x: f(x)[1], 3.0)
    assert value == 9.0 and not isinstance(value, ab.Variable)
