"""The rules of book/rules/samples.md, and what holds of scans and samples alike."""

import itertools

import numpy as np
import pytest

import autograd_book as ab
from autograd_book.rules.samples import as_dtype
from autograd_book.rules.shapes import plain

AREA = getattr(np, "trapezoid", None) or np.trapz


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
def test_convolutions_of_all_lengths_have_the_adjoint_of_their_matrix(mode) -> None:
    rng = np.random.default_rng(0)
    for fun, n, m in itertools.product((np.convolve, np.correlate), range(1, 6), range(1, 6)):
        a, v = rng.normal(size=n), rng.normal(size=m)
        out, pull = ab.vjp(lambda a, v, f=fun: f(a, v, mode), a, v)
        np.testing.assert_allclose(out, fun(a, v, mode))
        g = rng.normal(size=out.shape)
        left, right = pull(g)
        np.testing.assert_allclose(left, [g @ fun(e, v, mode) for e in np.eye(n)], atol=1e-12)
        np.testing.assert_allclose(right, [g @ fun(a, e, mode) for e in np.eye(m)], atol=1e-12)


def test_interpolation_at_knots_and_outside_of_them() -> None:
    xp, fp = np.array([0.0, 1.0, 3.0]), np.array([0.0, 2.0, 3.0])
    slope = ab.grad(lambda x: np.sum(np.interp(x, xp, fp)))
    np.testing.assert_array_equal(slope(np.array([-1.0, 0.0, 1.0, 3.0, 4.0, np.inf])), [0.0, 2.0, 0.5, 0.5, 0.0, 0.0])
    table = ab.grad(lambda fp: np.sum(np.interp([-np.inf, 0.5, np.inf], xp, fp)))
    np.testing.assert_array_equal(table(fp), [1.5, 0.5, 1.0])


def test_interpolation_is_in_double_precision_as_numpys() -> None:
    x, xp, fp = np.float32(0.5), np.float32([0, 1]), np.float32([1, 3])
    for arguments in itertools.product((True, False), repeat=3):
        if any(arguments):
            args = [ab.Variable(a) if v else a for a, v in zip((x, xp, fp), arguments, strict=True)]
            assert np.interp(*args).dtype == np.float64


@pytest.mark.parametrize("weights", [None, np.array([1.0, 2.0])])
def test_lists_of_numbers_are_counted_as_numpy_counts(weights) -> None:
    x = np.array([1, 3])
    found = np.bincount(ab.Variable(x, requires_grad=False), weights if weights is None else ab.Variable(weights), 6)
    np.testing.assert_array_equal(getattr(found, "value", found), np.bincount(x, weights, 6))


@pytest.mark.parametrize(
    ("fun", "args"),
    [
        (np.cumsum, (0, np.float64)),
        (np.nancumprod, (1, np.float64)),
        (np.diff, (2, 0, 1.0, 2.0)),
        (AREA, (None, 0.5, 0)),
        (np.ediff1d, (3.0, 4.0)),
        (np.cov, (None, False, True)),
        (np.cov, (None, True, False, 1, [1, 2, 1])),
        (np.corrcoef, (None, False)),
        (np.unwrap, (1.0, 0)),
        (np.searchsorted, ([0.5, 2.5], "right")),
        (np.digitize, ([0.0, 2.0], True)),
    ],
)
def test_numpys_full_signature_is_taken_by_position(fun, args) -> None:
    a = np.float32([[1.5, -2.0, 4.0], [0.5, 3.0, 1.0]])
    if fun is np.searchsorted:
        a = np.sort(a.ravel())
    ours, plain = fun(ab.Variable(a), *args), fun(a, *args)
    assert (ours.shape, ours.dtype) == (plain.shape, plain.dtype)
    np.testing.assert_allclose(getattr(ours, "value", ours), plain, rtol=1e-6)


def test_searches_are_plain() -> None:
    for found in (np.searchsorted(np.arange(3.0), ab.Variable(1.5)), np.digitize(ab.Variable([0.5]), np.arange(3.0))):
        assert not isinstance(found, ab.Variable)


def test_slopes_of_several_axes_come_as_numpy_packs_them() -> None:
    x = np.arange(6.0).reshape(2, 3) ** 2
    ours, plain = np.gradient(ab.Variable(x)), np.gradient(x)
    assert type(ours) is type(plain)
    for mine, theirs in zip(ours, plain, strict=True):
        np.testing.assert_allclose(mine.numpy(), theirs)


def test_a_correlation_never_leaves_its_range() -> None:
    x = np.array([[1.0, 2.0, 4.0], [1.1, 2.2, 4.4], [-0.3, -0.6, -1.2]])
    assert np.abs(np.corrcoef(ab.Variable(x)).numpy()).max() <= 1.0


def remedy(call, kind, fact, words) -> None:
    with pytest.raises(kind, match=fact) as caught:
        call(ab.Variable([1.0, 2.0, 4.0]))
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("call", "kind", "fact", "words"),
    [
        (lambda x: np.histogram(x), ab.NoRuleError, "histogram was called", "np.bincount(np.digitize(x, edges), weights)"),
        (lambda x: np.polyfit(x, x, 1), ab.NoRuleError, "polyfit was called", "np.linalg.solve"),
        (lambda x: np.polymul(x, x), ab.NoRuleError, "polymul was called", "np.convolve"),
        (lambda x: np.add.reduceat(x, [0, 1]), ab.NoRuleError, "add.reduceat was called", "np.cumsum"),
        (lambda x: np.gradient(x, [0.0, 1.0]), ab.DifferentiationValueError, r"shape \(3,\)", "Give one step"),
        (lambda x: np.gradient(x, edge_order=3), ab.DifferentiationValueError, "edge_order=3", "edge_order is 1 or 2"),
        (lambda x: np.gradient(x[:1]), ab.DifferentiationValueError, r"shape \(1,\)", "smaller than each axis"),
        (lambda x: np.diff(x, -1), ab.DifferentiationValueError, "n=-1", "at least 0"),
        (lambda x: np.diff(x[0]), ab.DifferentiationValueError, r"shape \(\)", "an array with an axis"),
        (lambda x: np.vander(x.reshape(1, 3)), ab.DifferentiationValueError, r"shape \(1, 3\)", "one axis"),
        (lambda x: np.bincount([0, 1], x), ab.DifferentiationValueError, r"shape \(2,\)", "one length"),
        (lambda x: np.bincount([0, -1, 2], x), ab.DifferentiationValueError, "numbers of shape", "no negative numbers"),
        (lambda x: np.bincount([0, 1, 2], x * 1j), ab.DifferentiationTypeError, "np.bincount was given complex", "np.imag"),
        (lambda x: np.interp(x * 1j, [0.0, 1.0], [0.0, 1.0]), ab.DifferentiationTypeError, "np.interp was given complex", "np.imag"),
        (lambda x: np.interp(x, [0.0, 1.0], [0.0, 1.0, 2.0]), ab.DifferentiationValueError, r"entries of shape \(3,\)", "as many entries as knots"),
        (lambda x: np.interp(x, [], []), ab.DifferentiationValueError, r"knots of shape \(0,\)", "as many entries as knots"),
        (lambda x: np.interp(x, x, x, period=0), ab.DifferentiationValueError, "period=0", "no period of zero"),
        (lambda x: np.cov(x, aweights=x * 1j), ab.DifferentiationTypeError, "np.cov was given complex", "np.imag"),
        (lambda x: np.cov(x, ddof=0.37), ab.DifferentiationValueError, "ddof=0.37", "a whole number as ddof"),
        (lambda x: np.cov(x.reshape(1, 1, 3)), ab.DifferentiationValueError, r"shapes \[\(1, 1, 3\)\]", "at most two axes"),
        (lambda x: np.cov(x, fweights=[1.5, 1.0, 1.0]), ab.DifferentiationValueError, "fweights=", "fweights whole"),
        (lambda x: np.cov(x, aweights=-x), ab.DifferentiationValueError, "aweights=", "none negative"),
        (lambda x: np.cumsum(x, out=np.zeros(3)), ab.NoRuleError, "out=", "Leave out= away"),
        (lambda x: np.nancumsum(x, out=np.zeros(3)), ab.NoRuleError, "out=", "Leave out= away"),
    ],
)
def test_what_cannot_be_done_is_said_with_a_remedy(call, kind, fact, words) -> None:
    remedy(call, kind, fact, words)


def test_values_and_constants_are_converted_alike() -> None:
    x = ab.Variable(np.float32(1.5))
    assert plain(x) == plain(1.5) == 1.5
    assert isinstance(as_dtype(x, np.float64), ab.Variable) and as_dtype([1], np.float64).dtype == np.float64


@pytest.mark.filterwarnings("ignore")
def test_a_covariance_of_too_few_examples_is_that_of_numpy() -> None:
    x = np.array([0.5, 1.5])
    for few, ddof in ((x[:0], 1), (x[:1], 1), (x, 5)):
        np.testing.assert_array_equal(np.cov(ab.Variable(few), ddof=ddof).numpy(), np.cov(few, ddof=ddof))
