"""Clipping: against norms computed in exact or wider arithmetic, and against careless use."""

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
from gradients_at_hand import flat, gradients, holding, random_holders

import autograd_book as ab
from autograd_book.learn.optim import SGD
from autograd_book.stability.clipping import clip_gradient_layers, clip_gradient_values, clip_gradients
from autograd_book.stability.thresholds import AutoClip, GradientMonitor, clip_gradients_adaptively

EVERY_WAY = [
    lambda vs, **settings: clip_gradients(vs, 0.5, **settings),
    lambda vs, **settings: clip_gradient_values(vs, 0.5, **settings),
    lambda vs, **settings: np.max(clip_gradient_layers(vs, 0.5, **settings), initial=0.0),
    lambda vs, **settings: clip_gradients_adaptively(vs, 0.01, **settings),
    lambda vs, **settings: AutoClip(0.0)(vs, **settings),
]
every_way = pytest.mark.parametrize("clip", EVERY_WAY, ids=["norm", "values", "layers", "adaptive", "auto"])


# The global norm


def test_three_four_twelve_have_norm_thirteen_over_two_variables():
    a, b = holding([3.0, 4.0]), holding(12.0)
    assert clip_gradients([a, b], 6.5) == 13.0
    np.testing.assert_array_equal(a.grad.numpy(), [1.5, 2.0])
    assert b.grad.item() == 6.0


@pytest.mark.parametrize("p", [0.5, 1, 1.5, 2, 2.0, 3, 7.25, 40.0, math.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
def test_norm_is_that_of_one_long_vector(p, dtype):
    holders = random_holders(3, dtype)
    expected = np.linalg.norm(flat(gradients(holders)).astype(complex), p)
    assert clip_gradients(holders, math.inf, norm_type=p) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("p", [0.5, 1, 2.0, 3, math.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.complex64, np.complex128])
def test_clipped_gradient_has_the_threshold_for_norm_and_its_old_direction(p, dtype):
    holders = random_holders(4, dtype)
    before = flat(gradients(holders)).astype(complex)
    size = clip_gradients(holders, 0.125, norm_type=p)
    after = flat(gradients(holders)).astype(complex)
    close = 4 * float(np.finfo(dtype).eps)
    assert np.linalg.norm(after, p) == pytest.approx(0.125, rel=close)
    np.testing.assert_allclose(after, before * (0.125 / size), rtol=close, atol=1e-7 if dtype == np.float16 else 0)
    assert [v.grad.dtype for v in holders] == [np.dtype(dtype)] * len(holders)


@pytest.mark.parametrize("max_norm", [13.0, 13.5, math.inf, 10**9])
def test_nothing_changes_up_to_the_threshold(max_norm):
    a = holding([3.0, 4.0, 12.0])
    array = a.grad.value
    assert clip_gradients(a, max_norm) == 13.0
    assert a.grad.value is array
    np.testing.assert_array_equal(array, [3.0, 4.0, 12.0])


def test_threshold_of_zero_makes_gradients_zero():
    holders = random_holders(0)
    assert clip_gradients(holders, 0) > 0
    assert not np.any(flat(gradients(holders)))


def exact_norm(values):
    """The Euclidean norm of floats, in decimal arithmetic of sixty places."""
    with localcontext(prec=60):
        return float(sum(Decimal(float(v)) ** 2 for v in values).sqrt())


@pytest.mark.parametrize(
    ("dtype", "size"),
    [
        (np.float16, 6e4), (np.float16, 1e-7), (np.float32, 1e30), (np.float32, 1e-30), (np.float32, 1e-44),
        (np.float64, 1e200), (np.float64, 1e-200), (np.float64, 1e-310), (np.float64, 1e307),
    ],
)  # fmt: skip
def test_extreme_gradients_neither_overflow_nor_underflow(dtype, size):
    values = np.array([size, size / 2, -size, size], dtype)
    a, b = holding(values[:3]), holding(values[3:])
    expected = exact_norm(values)
    assert 0 < expected < math.inf
    assert clip_gradients([a, b], math.inf) == pytest.approx(expected, rel=1e-14, abs=1e-323)
    assert clip_gradients([a, b], expected / 2) == pytest.approx(expected, rel=1e-14, abs=1e-323)
    if size > 1e-40 and dtype is not np.float16:
        np.testing.assert_allclose(flat(gradients([a, b])), values / 2, rtol=1e-6)


def test_half_precision_is_scaled_by_factors_that_half_precision_cannot_hold():
    a = holding([6e4, 6e4], np.float16)
    clip_gradients(a, 1e-3)
    np.testing.assert_allclose(a.grad.numpy(), np.full(2, 1e-3 / math.sqrt(2)), rtol=1e-3)


def test_single_precision_complex_magnitude_beyond_its_range_is_measured():
    a = holding([3e38 + 3e38j], np.complex64)
    assert clip_gradients(a, 1.0) == pytest.approx(math.hypot(3e38, 3e38), rel=1e-6)
    np.testing.assert_allclose(a.grad.numpy(), [(1 + 1j) / math.sqrt(2)], rtol=1e-6)


def test_range_of_one_dtype_may_meet_that_of_another():
    a, b = holding([1e-7], np.float16), holding([1e200], np.float64)
    assert clip_gradients([a, b], 1.0) == 1e200
    assert (a.grad.item(), b.grad.item()) == (0.0, pytest.approx(1.0))


def test_finite_gradients_whose_norm_no_float_can_hold_are_left_alone():
    a = holding([1.5e308] * 4)
    assert clip_gradients(a, 1.0) == math.inf
    assert a.grad.numpy()[0] == 1.5e308
    with pytest.raises(ab.NonFiniteError, match=r"norm inf, and 0 of 1"):
        clip_gradients(a, 1.0, error_if_nonfinite=True)


# Not finite


@every_way
@pytest.mark.parametrize("ill", [math.nan, math.inf, -math.inf])
def test_gradients_that_are_not_finite_are_reported_and_left_alone(clip, ill):
    holders = [holding([3.0, 4.0]), holding([1.0, ill]), holding([[100.0]])]
    before = gradients(holders)
    size = clip(holders)
    assert not math.isfinite(size)
    assert math.isnan(size) == math.isnan(ill)
    for one, other in zip(before, gradients(holders), strict=True):
        np.testing.assert_array_equal(one, other)


@every_way
@pytest.mark.parametrize("ill", [math.nan, math.inf])
def test_gradients_that_are_not_finite_raise_on_request_with_their_number(clip, ill):
    holders = [holding([3.0, 4.0]), holding([1.0, ill]), holding([[100.0]])]
    before = gradients(holders)
    with pytest.raises(ab.NonFiniteError, match=r"1 of 3 are not finite themselves: numbers \[1\]\. Skip"):
        clip(holders, error_if_nonfinite=True)
    for one, other in zip(before, gradients(holders), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("p", [0.5, 1.0, 2.0, math.inf])
def test_infinity_and_nan_together_give_nan(p):
    assert math.isnan(clip_gradients([holding([math.inf]), holding([math.nan])], norm_type=p))


@every_way
def test_finite_gradients_raise_nothing_when_strict(clip):
    assert math.isfinite(clip(random_holders(0), error_if_nonfinite=True))


# What may come in


@every_way
def test_nothing_to_clip_has_norm_zero(clip):
    assert clip([]) == 0.0
    with pytest.raises(ab.DifferentiationValueError, match="read before"):  # an iterator yields once, and would clip nothing from then on
        clip(iter([]))
    assert clip([ab.Variable(1.0), ab.Variable(2.0, requires_grad=False)]) == 0.0
    assert clip(holding(np.zeros(3))) == 0.0
    assert clip(holding(np.zeros((0, 3)))) == 0.0


@every_way
def test_variables_without_a_gradient_are_passed_over(clip):
    alone, among = holding([3.0, 4.0]), holding([3.0, 4.0])
    idle, constant = ab.Variable([1.0]), ab.Variable(1.0, requires_grad=False)
    assert clip([alone]) == clip([idle, among, constant])
    np.testing.assert_array_equal(alone.grad.numpy(), among.grad.numpy())
    assert idle.grad is None


@every_way
def test_generators_and_single_variables_are_taken_like_lists(clip):
    one, two, three = (holding([[3.0, 4.0]]) for _ in range(3))
    assert clip([one]) == clip(two) == clip(iter([three]))
    np.testing.assert_array_equal(one.grad.numpy(), two.grad.numpy())
    np.testing.assert_array_equal(one.grad.numpy(), three.grad.numpy())


@every_way
def test_a_variable_that_comes_twice_counts_once_and_is_scaled_once(clip):
    once, twice = holding([[3.0, 4.0]]), holding([[3.0, 4.0]])
    assert clip([twice, twice]) == clip([once])
    np.testing.assert_array_equal(once.grad.numpy(), twice.grad.numpy())


@every_way
@pytest.mark.parametrize("misplaced", [np.zeros(3), 1.0, None, "weight", ab.Variable([1.0]) * 2.0])
def test_what_keeps_no_gradient_is_refused_by_number(clip, misplaced):
    good = holding([30.0, 40.0])
    with pytest.raises(ab.DifferentiationTypeError, match=r"item 1 .* keeps no gradient\. Give Variables made"):
        clip([good, misplaced])
    np.testing.assert_array_equal(good.grad.numpy(), [30.0, 40.0])


@every_way
@pytest.mark.parametrize("misplaced", [ab.nn.Linear(2, 2), np.zeros(3), 1.0, None, "weights", ab.nn.Linear(2, 2).parameters])
def test_what_is_no_list_is_refused_with_its_type(clip, misplaced):
    with pytest.raises(ab.DifferentiationTypeError, match=rf"type {type(misplaced).__name__} .*network\.parameters\(\)"):
        clip(misplaced)


@pytest.mark.parametrize("bad", [-1.0, math.nan, -math.inf, np.float32(-2)])
@pytest.mark.parametrize(
    "call",
    [
        lambda bad: clip_gradients([], bad),
        lambda bad: clip_gradients([], norm_type=bad),
        lambda bad: clip_gradient_values([], bad),
        lambda bad: clip_gradient_layers([], bad),
        lambda bad: clip_gradient_layers([], norm_type=bad),
        lambda bad: clip_gradients_adaptively([], bad),
        lambda bad: clip_gradients_adaptively([], eps=bad),
        lambda bad: AutoClip(bad),
        lambda bad: AutoClip(norm_type=bad),
        lambda bad: AutoClip(window=bad),
        lambda bad: GradientMonitor([], norm_type=bad),
    ],
)
def test_settings_out_of_range_are_refused_with_their_name(call, bad):
    with pytest.raises(ab.DifferentiationValueError, match=r"\w+=.*(-1|-2|nan|-inf).* was given .*\. (Choose|Give) "):
        call(bad)


@pytest.mark.parametrize("bad", ["1.0", None, [1.0], 1j, np.ones(2), ab.Variable(1.0)])
def test_settings_that_are_no_numbers_are_refused(bad):
    for name in ("max_norm", "norm_type"):
        with pytest.raises(ab.DifferentiationTypeError, match=rf"{name}=.*plain number"):
            clip_gradients([], **{name: bad})


def test_exponent_of_zero_is_refused_and_threshold_of_zero_is_not():
    with pytest.raises(ab.DifferentiationValueError, match="norm_type=0 .*above 0"):
        clip_gradients([], norm_type=0)
    assert clip_gradients([], 0) == 0.0


def test_bad_settings_are_found_before_a_generator_is_used_up():
    generator = (v for v in random_holders(0))
    with pytest.raises(ab.DifferentiationValueError):
        clip_gradients(generator, -1)
    assert len(list(generator)) == 4


# In place, and never in somebody else's place


def test_the_gradient_and_its_array_stay_the_same_objects():
    a = holding(np.arange(1.0, 9.0))
    gradient, address = a.grad, a.grad.value.ctypes.data
    clip_gradients(a, 1.0)
    assert a.grad is gradient
    assert a.grad.value.ctypes.data == address


@every_way
def test_an_array_that_somebody_holds_keeps_its_numbers(clip):
    a = holding(np.array([[30.0, 40.0], [1.0, 2.0]]))
    held, view = a.grad.numpy(), a.grad.numpy()[0]
    clip([a, holding([1000.0])])
    np.testing.assert_array_equal(held, [[30.0, 40.0], [1.0, 2.0]])
    np.testing.assert_array_equal(view, [30.0, 40.0])


@every_way
def test_two_variables_that_share_one_gradient_are_scaled_once_each(clip):
    apart, shared = [holding([30.0, 40.0]), holding([30.0, 40.0])], [holding([30.0, 40.0]), holding([0.0, 0.0])]
    shared[1].grad = shared[0].grad
    assert clip(shared) == clip(apart)
    for one, other in zip(gradients(shared), gradients(apart), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_gradient_that_is_a_view_of_a_constant_leaves_the_constant_alone():
    constant = ab.Variable(np.array([[30.0, 40.0]]), requires_grad=False)
    a = ab.Variable(np.zeros((2, 1)))
    a.grad = np.transpose(constant)
    clip_gradients(a, 1.0)
    np.testing.assert_array_equal(constant.numpy(), [[30.0, 40.0]])
    np.testing.assert_allclose(a.grad.numpy(), [[0.6], [0.8]])


def test_a_recorded_gradient_becomes_a_constant_and_the_graph_keeps_its_numbers():
    x = ab.Variable([1.0, 2.0])
    np.sum(x**3).backward(create_graph=True)
    penalty = np.sum(x.grad * x.grad)
    clip_gradients(x, 1.0)
    assert not x.grad.requires_grad
    np.testing.assert_allclose(x.grad.numpy(), np.array([3.0, 12.0]) / math.hypot(3, 12))
    x.zero_grad()
    penalty.backward()
    np.testing.assert_allclose(x.grad.numpy(), 36 * np.array([1.0, 8.0]))


def test_a_leaf_given_as_gradient_is_scaled_and_stays_a_leaf():
    x, g = ab.Variable([0.0, 0.0]), ab.Variable([3.0, 4.0])
    x.grad = g
    clip_gradients(x, 1.0)
    assert x.grad is g and g.requires_grad
    np.testing.assert_allclose(g.numpy(), [0.6, 0.8])


def test_gradients_given_as_integers_are_scaled_as_numbers():
    a = holding([3, 4])
    assert clip_gradients(a, 1.0) == 5.0
    np.testing.assert_allclose(a.grad.numpy(), [0.6, 0.8])


def test_a_single_number_whose_gradient_came_in_two_parts_is_scaled():
    x = ab.Variable(1.0)
    for _ in range(2):
        (5.0 * x).backward()
    assert clip_gradients(x, 1.0) == 10.0
    assert x.grad.item() == 1.0


def test_values_and_weights_are_not_touched():
    holders = random_holders(0)
    clip_gradients(holders, 1e-3)
    assert all(not np.any(v.numpy()) for v in holders)


# By value


def test_values_are_limited_one_by_one():
    a, b = holding([-3.0, -0.5, 0.25, 2.0]), holding(7.0)
    assert clip_gradient_values([a, b], 1.0) == 7.0
    np.testing.assert_array_equal(a.grad.numpy(), [-1.0, -0.5, 0.25, 1.0])
    assert b.grad.item() == 1.0


def test_values_of_complex_gradients_are_limited_in_both_parts():
    a, b = holding([3 - 0.5j, -0.25 + 8j]), holding(-2 + 2j)
    assert clip_gradient_values([a, b], 1.0) == 8.0
    np.testing.assert_array_equal(a.grad.numpy(), [1 - 0.5j, -0.25 + 1j])
    assert b.grad.item() == -1 + 1j


def test_a_limit_beyond_half_precision_leaves_half_precision_alone():
    a, b = holding([6e4], np.float16), holding([1e6])
    with np.errstate(over="raise"):
        assert clip_gradient_values([a, b], 1e5) == 1e6
    assert (a.grad.item(), b.grad.item()) == (np.float16(6e4), 1e5)


# Layer by layer


def test_each_layer_is_shortened_by_its_own_norm():
    a, b, c = holding([3.0, 4.0]), ab.Variable(0.0), holding([0.3, 0.4])
    assert clip_gradient_layers([a, b, c], 1.0) == pytest.approx([5.0, 0.5])
    np.testing.assert_allclose(a.grad.numpy(), [0.6, 0.8])
    np.testing.assert_array_equal(c.grad.numpy(), [0.3, 0.4])


@pytest.mark.parametrize("p", [1.0, 3.0, math.inf])
def test_layers_take_any_norm(p):
    a = holding([3.0, 4.0])
    assert clip_gradient_layers(a, 1.0, norm_type=p) == pytest.approx([np.linalg.norm([3.0, 4.0], p)])
    assert np.linalg.norm(a.grad.numpy(), p) == pytest.approx(1.0)


# What it is for


def test_a_recurrence_diverges_without_and_arrives_with_clipping():
    def train(max_norm):
        w = ab.Variable(1.2)
        descent = SGD([w], lr=1e-3)
        with np.errstate(over="ignore", invalid="ignore"):
            for _ in range(400):
                h = 1.0
                for _ in range(50):
                    h = w * h
                descent.zero_grad()
                ((h - 1.0) ** 2).backward()
                clip_gradients(w, max_norm)
                descent.step()
        return w.item()

    assert not math.isfinite(train(math.inf))
    assert train(1.0) == pytest.approx(1.0, abs=0.02)
