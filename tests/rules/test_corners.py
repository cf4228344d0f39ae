"""Second derivatives where a function has a curved corner: those that do not exist are NaN, and none is a silent zero."""

import numpy as np
import pytest

import autograd_book as ab

la = np.linalg
ORIGIN, ZEROS = np.zeros(2), np.zeros((2, 2))
#: Smooth functions made of ones with corners, where to differentiate them, and their second derivatives.
SQUARES = {
    "norm": (lambda x: la.norm(x) ** 2, ORIGIN),
    "norm of rows": (lambda x: np.sum(la.norm(x, axis=1) ** 2), np.array([[0.0, 0.0], [3.0, 4.0]])),
    "norm kept": (lambda x: np.sum(la.norm(x, axis=0, keepdims=True) ** 2), ZEROS),
    "frobenius": (lambda x: la.norm(x, "fro") ** 2, ZEROS),
    "hypot": (lambda x: np.hypot(x[0], x[1]) ** 2, ORIGIN),
    "size of a complex number": (lambda x: np.abs(x[0] + 1j * x[1]) ** 2, ORIGIN),
    "norm of complex numbers": (lambda x: la.norm(x * (1 + 1j)) ** 2, ORIGIN),
    "std": (lambda x: np.std(x) ** 2, np.ones(3)),
    "std of columns": (lambda x: np.sum(np.std(x, axis=0) ** 2), np.array([[1.0, 3.0], [1.0, 5.0]])),
    "nanstd": (lambda x: np.nanstd(x) ** 2, np.ones(3)),
    "spectral norm": (lambda x: la.norm(x[None], 2) ** 2, ORIGIN),
    "nuclear norm": (lambda x: la.norm(x[None], "nuc") ** 2, ORIGIN),
    "quotient": (lambda x: np.sum(x * x) / (1 + la.norm(x)), ORIGIN),
}
if hasattr(la, "vector_norm"):
    SQUARES["vector_norm"] = (lambda x: la.vector_norm(x) ** 2, ORIGIN)
#: Functions that have no second derivative there at all.
CORNERS = {
    "norm": (la.norm, ORIGIN),
    "norm of order 3": (lambda x: la.norm(x, 3), ORIGIN),
    "norm of order 3, squared": (lambda x: la.norm(x, 3) ** 2, ORIGIN),
    "norm of order 1.5, squared": (lambda x: la.norm(x, 1.5) ** 2, ORIGIN),
    "norm of order 1.5 on an axis": (lambda x: la.norm(x, 1.5), np.array([1.0, 0.0])),
    "hypot": (lambda x: np.hypot(x[0], x[1]), ORIGIN),
    "arctan2": (lambda x: np.arctan2(x[0], x[1]), ORIGIN),
    "angle": (lambda x: np.angle(x[0] + 1j * x[1]), ORIGIN),
    "std": (np.std, np.ones(2)),
}


def second_differences(f, x, h=1e-4):
    """The matrix of second derivatives by differences of values."""
    steps = h * np.eye(x.size).reshape(x.size, *x.shape)
    return np.array([[(f(x + a + b) - f(x + a - b) - f(x - a + b) + f(x - a - b)) / (4 * h * h) for a in steps] for b in steps])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SQUARES)
def test_a_second_derivative_at_a_curved_corner_is_right_or_nan(name) -> None:
    f, x = SQUARES[name]
    exact, n = second_differences(f, x), x.size
    assert np.isfinite(ab.grad(f)(x)).all()
    towards = np.stack([ab.hvp(f)(x, v.reshape(x.shape)).ravel() for v in np.eye(n)])
    for found in (ab.hessian(f)(x).reshape(n, n), towards, ab.jacobian(ab.grad(f), mode="forward")(x).reshape(n, n)):
        missing = np.isnan(found)
        np.testing.assert_allclose(found[~missing], exact[~missing], atol=1e-4)
        apart = x.ravel() > 2  # what is at no corner
        assert not missing[np.ix_(apart, apart)].any()
    beside = x + np.random.default_rng(0).uniform(0.1, 0.5, x.shape)
    np.testing.assert_allclose(ab.hessian(f)(beside).reshape(n, n), second_differences(f, beside), atol=1e-4)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("power", [np.power, np.float_power])
@pytest.mark.parametrize("y", [0.0, 0.5, 1.0, 1.5, 2.0, 3.0])
def test_mixed_second_derivatives_of_a_power_of_zero_are_right_or_nan(power, y) -> None:
    f, at = lambda z: power(z[0], z[1]), np.array([0.0, y])
    finite = ab.grad(f)(np.array([0.0, y]))
    assert finite[1] == 0.0 and finite[0] == (np.inf if 0 < y < 1 else float(y == 1))
    for found in (ab.hessian(f)(at), ab.jacobian(ab.grad(f), mode="forward")(at)):
        mixed = found[[0, 1], [1, 0]]
        assert (np.isnan(mixed) | ((y > 1) & (mixed == 0))).all()
        assert np.isnan(found[0, 0]) if y <= 1 else found[0, 0] == {1.5: np.inf, 2.0: 2, 3.0: 0}[y]
    x = np.array([0.0, 2.0])  # what is at no corner keeps its derivatives
    there = ab.grad(lambda x: ab.grad(lambda y: np.sum(power(x, y)))(np.array([1.0, 1.0]))[1])(x)
    np.testing.assert_allclose(there[1], 1 + np.log(2.0))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CORNERS)
def test_a_second_derivative_that_does_not_exist_is_not_a_number(name) -> None:
    f, x = CORNERS[name]
    assert np.isfinite(ab.grad(f)(x)).all()
    assert not np.isfinite(np.diag(ab.hessian(f)(x))).all()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("p", [1.5, 2, 3, 4])
def test_second_derivatives_of_norms_with_a_zero_among_others_are_those_of_differences(p) -> None:
    x = np.array([2.0, 0.0, 1.0])
    found, exact = ab.hessian(lambda x: la.norm(x, p))(x), second_differences(lambda x: la.norm(x, p), x)
    fine = np.isfinite(found)
    np.testing.assert_allclose(found[fine], exact[fine], atol=1e-3)
    assert fine[np.ix_([0, 2], [0, 2])].all() and (p < 2 or fine.all())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("p", [-1, 0.5, 1.5, 3])
def test_the_norm_of_order_p_has_the_slopes_of_its_differences_beside_zeros(p) -> None:
    x = np.array([2.0, 0.0, 1.0])
    g = ab.grad(lambda x: la.norm(x, p))(x)
    ahead, behind = (np.array([la.norm(x + s * e, p) for e in 1e-6 * np.eye(3)]) for s in (1, -1))
    np.testing.assert_allclose(g, (ahead - behind) / 2e-6, atol=1e-6)
    np.testing.assert_array_equal(ab.grad(lambda x: la.norm(x, p))(np.zeros(3)), np.zeros(3))
