"""The rules of book/rules/activations.md."""

from decimal import MAX_EMAX, MIN_EMIN, Decimal, localcontext

import numpy as np
import pytest

import autograd_book as ab

FAR = np.array([-np.inf, -1e300, -1000.0, -40.0, -1.0, 0.0, 1.0, 40.0, 1000.0, 1e300, np.inf])


def exact(name: str, x: float) -> tuple[float, float]:
    """Value and slope of a smooth step or bend, in decimal numbers of 60 digits."""
    with localcontext() as context:
        context.prec, context.Emin, context.Emax = 60, MIN_EMIN, MAX_EMAX
        if abs(x) > 2000:  # the limits
            up = float(x > 0)
            return {"sigmoid": (up, 0.0), "softplus": (x * up if up else 0.0, up)}.get(name, (x if up else 0.0, up))
        v = Decimal(x)
        s = lambda u: 1 / (1 + (-u).exp())
        a, b = 2 * (2 / Decimal(np.pi)).sqrt(), Decimal("0.044715")
        u, slope = (a * (v + b * v**3), a * (1 + 3 * b * v**2)) if name == "gelu" else (v, Decimal(1))
        p, q = s(u), s(-u)
        pairs = {"sigmoid": (p, p * q), "softplus": ((1 + v.exp()).ln(), p)}
        value, derivative = pairs.get(name, (v * p, p + v * p * q * slope))
        return float(value), float(derivative)


@pytest.mark.parametrize("name", ["sigmoid", "softplus", "silu", "gelu"])
def test_smooth_steps_and_bends_are_exact_however_far_out(name) -> None:
    fun = getattr(ab, name)
    values, slopes = np.transpose([exact(name, x) for x in FAR])
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        np.testing.assert_allclose(fun(FAR), values, rtol=1e-14)
        np.testing.assert_allclose(ab.elementwise_grad(fun)(FAR), slopes, rtol=1e-13)
        np.testing.assert_allclose(ab.grad(lambda x: np.sum(fun(x)))(FAR), slopes, rtol=1e-13)
        assert np.isfinite(ab.elementwise_grad(ab.elementwise_grad(fun))(FAR)).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("name", ["sigmoid", "softplus", "silu", "gelu"])
def test_smooth_steps_and_bends_of_narrow_numbers_are_those_of_doubles_rounded(name, dtype) -> None:
    fun, x = getattr(ab, name), np.array([-np.inf, -6e4, -700, -20, -3, -0.5, 0, 0.5, 3, 20, 700, 6e4, np.inf], dtype)
    digits = {"rtol": 20 * np.finfo(dtype).eps, "atol": np.finfo(dtype).tiny}
    assert fun(x).dtype == ab.elementwise_grad(fun)(x).dtype == dtype
    np.testing.assert_allclose(fun(x), fun(x.astype(float)), **digits)
    np.testing.assert_allclose(ab.elementwise_grad(fun)(x), ab.elementwise_grad(fun)(x.astype(float)), **digits)


SAVED = {
    "sigmoid": (ab.sigmoid, ["x"]),
    "softplus": (ab.softplus, ["x"]),
    "silu": (ab.silu, ["x"]),
    "gelu": (ab.gelu, ["x"]),
    "relu": (ab.relu, ["out"]),
}


@pytest.mark.parametrize("name", SAVED)
def test_rows_save_what_their_rules_read(name) -> None:
    f, expected = SAVED[name]
    asks = f(ab.Variable([0.5, 2.5])).node.plan.asks
    assert sorted(a for a in asks if not a.endswith("_seal")) == expected


@pytest.mark.parametrize("f", [ab.sigmoid, ab.softplus, ab.silu, ab.gelu])
def test_bends_of_complex_numbers_are_refused_by_name(f) -> None:
    z = np.array([1.0 + 2.0j])
    for call in (lambda: f(z), lambda: f(ab.Variable(z)), lambda: ab.vmap(f)(z), lambda: ab.jvp(f, (z,), (z,))):
        with pytest.raises(ab.DifferentiationTypeError, match=f"^{f.__name__} was given complex"):
            call()
