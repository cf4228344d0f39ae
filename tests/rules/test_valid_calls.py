"""Calls that NumPy accepts and that need care: empty axes, numbers without axes, options in their rarer forms."""

import numpy as np
import pytest

import autograd_book as ab

la = np.linalg
E = np.zeros
#: A call, and its arrays.
CALLS = {
    **{f"matmul {a} {b}": (np.matmul, (E(a), E(b))) for a, b in [
        ((5, 5, 0), (0, 5)), ((0, 2, 0), (0, 4)), ((0, 5), (5,)), ((2, 0, 3), (3, 4)), ((0,), (0,)), ((0, 2, 3), (3, 4)),
        ((0, 1, 2), (2, 0)), ((3, 0), (0, 2)), ((2, 3, 0), (2, 0, 4)), ((0, 0), (0, 0)), ((0,), (2, 0, 3)),
    ]},
    "tensordot of nothing": (lambda a, b: np.tensordot(a, b, 1), (E((2, 0)), E((0, 3)))),
    "einsum of nothing": (lambda a, b: np.einsum("ij,jk->ik", a, b), (E((2, 0)), E((0, 3)))),
    "transpose by a number": (lambda x: np.transpose(x, 0), (np.arange(3.0),)),
    "transpose by a negative number": (lambda x: np.transpose(x, -1), (np.arange(3.0),)),
    "transpose by a list": (lambda x: np.transpose(x, [1, -2]), (np.ones((2, 3)),)),
    "repeat a number": (lambda x: np.repeat(x, 3), (np.float64(2.0),)),
    "repeat a number along axis 0": (lambda x: np.repeat(x, 3, axis=0), (np.float64(2.0),)),
    "repeat a number along axis -1": (lambda x: np.repeat(x, [3], axis=-1), (np.float64(2.0),)),
    "repeat nothing": (lambda x: np.repeat(x, 3, axis=1), (E((0, 2)),)),
    "diff of order 0": (lambda x: np.diff(x, 0), (np.arange(3.0),)),
    "diff of order 0 along no axis": (lambda x: np.diff(x, 0, axis=None), (np.arange(3.0),)),
    "diff of order 0 of a number": (lambda x: np.diff(x, 0), (np.float64(2.0),)),
    "diff of too few": (lambda x: np.diff(x, 5), (np.arange(3.0),)),
    "softmax along an empty axis": (ab.softmax, (E((2, 0)),)),
    "log_softmax along an empty axis": (lambda x: ab.log_softmax(x, axis=0), (E((0, 2)),)),
    "logsumexp along an empty axis": (lambda x: ab.logsumexp(x, axis=0), (E((0, 2)),)),
    "take of a number along axis 0": (lambda x: np.take(x, [0, 0], axis=0), (np.float64(2.0),)),
    "slopes on a grid": (np.gradient, (np.array([1.0, 5.0, 2.0, 9.0]), np.array([0.0, 1.0, 3.0, 4.5]))),
    "slopes on a grid, its ends by parabolas": (lambda f, x: np.gradient(f, x, edge_order=2), (np.array([1.0, 5.0, 2.0, 9.0]), np.array([0.0, 1.0, 3.0, 4.5]))),
    "slopes for steps along two axes": (lambda f, h, x: np.stack(np.gradient(f, h, x)), (np.sin(np.arange(12.0)).reshape(4, 3), np.float64(0.5), np.array([0.0, 1.0, 1.5]))),
    "slopes of plain numbers": (lambda h: np.gradient(np.array([1, 2, 4]), h), (np.float64(2.0),)),
    "trapezia on several grids": (lambda y, x: np.trapezoid(y, x) if hasattr(np, "trapezoid") else np.trapz(y, x), (np.arange(3.0), np.sin(np.arange(9.0)).reshape(3, 3))),
    "mean over a list of axes": (lambda x: np.average(x, axis=[0, 1] if np.lib.NumpyVersion(np.__version__) >= "2.0.0" else (0, 1)), (np.ones((2, 3)),)),
    **{f"norm {p} of nothing": (lambda x, p=p: la.norm(x, p), (E((0, 3)),)) for p in (None, "fro", "nuc")},
    **{f"vector norm {p} of nothing": (lambda x, p=p: la.norm(x, p, axis=0), (E((0, 3)),)) for p in (None, 1, 2, 3)},
}
NORMS = {p: (lambda x, p=p: la.norm(x, p), (E((0, 3)),)) for p in (1, 2, np.inf)}


@pytest.mark.parametrize("name", CALLS)
def test_what_numpy_accepts_has_its_value_and_gradients_of_the_right_shapes(name) -> None:
    fun, args = CALLS[name]
    plain, ours = fun(*args), fun(*map(ab.Variable, args))
    assert (ours.shape, ours.dtype) == (np.shape(plain), np.asarray(plain).dtype)
    np.testing.assert_array_equal(ours.numpy(), plain)
    gradients = ab.grad(lambda *xs: np.sum(np.where(np.isfinite(fun(*xs)), fun(*xs), 0.0) * 2.0), tuple(range(len(args))))(*args)
    tangent = ab.jvp(fun, args, tuple(map(np.ones_like, args)))[1]
    assert [np.shape(g) for g in gradients] == [np.shape(a) for a in args] and np.shape(tangent) == np.shape(plain)
    if all(np.size(a) for a in args):
        ab.check_gradients(fun, *args)


def test_numbers_as_a_condition_choose_where_they_are_not_zero_and_have_no_slope() -> None:
    x, y = np.array([0.0, 2.0, np.nan]), np.array([3.0, 4.0, 5.0])
    choose = lambda x, y: np.where(x, y * y, y)
    np.testing.assert_array_equal(choose(ab.Variable(x), y), choose(x, y))
    gx, gy = ab.grad(lambda x, y: np.sum(choose(x, y)), (0, 1))(x, y)
    assert gx.tolist() == [0.0, 0.0, 0.0] and gy.tolist() == [1.0, 8.0, 10.0]
    np.testing.assert_array_equal(ab.vmap(choose)(x, y), choose(x, y))
    np.testing.assert_array_equal(ab.jvp(choose, (x, y), (x, y))[0], choose(x, y))


@pytest.mark.parametrize("p", [1, -1, np.inf, "fro"])
def test_a_singular_matrix_has_an_infinite_condition_and_no_finite_slope(p) -> None:
    cond, singular = lambda x: la.cond(x, p), np.array([[1.0, 2.0], [2.0, 4.0]])
    stack = np.stack([singular, np.eye(2), np.zeros((2, 2))])
    np.testing.assert_array_equal(cond(ab.Variable(stack)).numpy(), cond(stack))
    with np.errstate(all="ignore"):
        gradient = ab.grad(lambda x: np.sum(cond(x)))(stack)
    assert not np.isfinite(gradient[0]).any() and np.isfinite(gradient[1]).all()
    ab.check_gradients(cond, np.array([[1.0, 2.0], [2.0, 9.0]]))


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.2.0", reason="NumPy trims several axes since 2.2")
@pytest.mark.parametrize("trim", ["f", "b", "fb"])
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 1), ()])
def test_zeros_are_trimmed_along_several_axes(trim, axis) -> None:
    for x in (np.pad(np.arange(1.0, 7.0).reshape(2, 3), ((1, 2), (0, 1))), np.zeros((2, 3)), np.float64(2.0)):
        axes = axis if np.ndim(x) else None
        expected = np.trim_zeros(x, trim, axes)
        np.testing.assert_array_equal(np.trim_zeros(ab.Variable(x), trim, axes).numpy(), expected)
        np.testing.assert_array_equal(ab.grad(lambda x, axes=axes: np.sum(np.trim_zeros(x, trim, axes) ** 2))(x).sum(), 2 * np.sum(expected))


@pytest.mark.parametrize("p", NORMS)
def test_a_norm_of_an_empty_matrix_is_zero_with_an_empty_gradient(p) -> None:
    fun, (x,) = NORMS[p]
    assert fun(ab.Variable(x)).item() == 0.0 and ab.grad(fun)(x).shape == (0, 3)


def test_a_jacobian_can_be_differentiated_by_two_more_levels() -> None:
    f = lambda x: np.stack([x[0] * x[1] ** 2, np.sin(x[0]), x[1] ** 3])
    x, v = np.array([0.5, 2.0]), np.array([1.0, -0.5])
    for mode in ("auto", "reverse", "forward"):
        j = ab.jacobian(f, mode=mode)
        total = lambda t, j=j: np.sum(j(t))  # x1**2 + 2 x0 x1 + cos(x0) + 3 x1**2
        second = np.array([[-np.cos(x[0]), 2.0], [2.0, 8.0]])
        np.testing.assert_allclose(ab.hvp(total)(x, v), second @ v, rtol=1e-12)
        np.testing.assert_allclose(ab.hessian(total)(x), second, rtol=1e-12)
        third = ab.jacobian(ab.hessian(total))(x)
        np.testing.assert_allclose(third[0, 0], [np.sin(x[0]), 0.0], atol=1e-12)
        assert ab.vmap(j)(np.stack([x, v])).shape == (2, 3, 2)


def test_a_jacobian_knows_complex_results_however_deep_it_stands() -> None:
    f = lambda x: np.exp(1j * x)
    inner = lambda t: np.sum(np.real(ab.jacobian(f)(t)))
    x = np.array([0.3, 0.7])
    np.testing.assert_allclose(ab.hvp(inner)(x, np.ones(2)), np.sin(x), rtol=1e-12)


def test_lists_of_variables_are_appended() -> None:
    f = lambda x: np.sum(np.append(x, [x[0] * 2.0, x[1] * x[2]]) * np.arange(1.0, 6.0))
    ab.check_gradients(f, np.array([1.0, 2.0, 3.0]))
    assert np.append(ab.Variable(np.ones((1, 2))), [[1.0, 2.0]], axis=0).shape == (2, 2)


@pytest.mark.skipif(not hasattr(np, "vecdot"), reason="from NumPy 2 on")
@pytest.mark.parametrize("axis", [-1, 0, 1])
def test_products_of_vectors_may_keep_their_axis(axis) -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 3, 4, 2))
    f = lambda x, y: np.vecdot(x, y, axis=axis, keepdims=True)
    np.testing.assert_allclose(f(ab.Variable(x), y).numpy(), f(x, y))
    ab.check_gradients(f, x, y)


def test_numbers_that_are_real_but_for_rounding_become_real() -> None:
    z = np.array([1 + 1e-16j, 2.0])
    for case in (z, z + 1j, z.real):
        ours, plain = np.real_if_close(ab.Variable(case)), np.real_if_close(case)
        assert ours.dtype == plain.dtype
        np.testing.assert_array_equal(ours.numpy(), plain)
    np.testing.assert_allclose(ab.grad(lambda x: np.sum(np.real_if_close(x * (1 + 0j)) ** 2))(np.array([1.0, 2.0])), [2.0, 4.0])
