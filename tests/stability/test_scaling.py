"""One factor for a loss, taken back from the gradients."""

import math

import numpy as np
import pytest
from gradients_at_hand import leaf
from hypothesis import given
from hypothesis import strategies as st

import autograd_book as ab
from autograd_book.stability.scaling import enable_mixed_precision_gradients

TYPE, VALUE = ab.DifferentiationTypeError, ab.DifferentiationValueError
F32 = np.float32


def test_gradients_are_divided_and_true_is_returned():
    p, q = leaf([1.0, 2.0], [1024.0, 3.0]), leaf(1.0, 0.5)
    assert enable_mixed_precision_gradients([p, q]) is True
    np.testing.assert_array_equal(p.grad.numpy(), F32([1.0, 3 / 1024]))
    np.testing.assert_array_equal(q.grad.numpy(), F32(0.5 / 1024))


@given(st.floats(1e-30, 1e30), st.floats(width=32, min_value=-1e6, max_value=1e6))
def test_the_quotient_is_rounded_once(scale, g):
    p = leaf(0.0, g)
    wanted = F32(F32(g) / F32(scale))
    assert enable_mixed_precision_gradients(p, scale) is True
    assert p.grad.numpy() == wanted and p.grad.dtype == F32


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_overflow_anywhere_leaves_no_gradient_at_all(bad, place):
    found = [leaf([1.0, 1.0], [1.0, bad if i == place else 2.0]) for i in range(3)]
    assert enable_mixed_precision_gradients(found) is False
    assert [p.grad for p in found] == [None] * 3


def test_variables_without_a_gradient_and_constants_are_passed_over():
    p, q, constant = leaf(1.0, 8.0), leaf(1.0), ab.Variable(1.0, requires_grad=False)
    assert enable_mixed_precision_gradients([q, p, constant], 8.0) is True
    assert p.grad.item() == 1.0 and q.grad is None
    assert enable_mixed_precision_gradients([], 8.0) is True and enable_mixed_precision_gradients([q]) is True


def test_a_variable_that_comes_twice_is_unscaled_once_and_generators_are_read():
    p, q = leaf(1.0, 64.0), leaf(1.0, 8.0)
    assert enable_mixed_precision_gradients((v for v in (p, q, p)), 8.0) is True
    assert p.grad.item() == 8.0 and q.grad.item() == 1.0


def test_one_gradient_given_to_two_variables_is_unscaled_once_for_each():
    p, q = leaf(1.0, 64.0), leaf(1.0)
    q.grad = p.grad
    assert enable_mixed_precision_gradients([p, q], 8.0) is True
    assert p.grad.item() == q.grad.item() == 8.0


def test_a_gradient_in_half_precision_becomes_single_precision_and_does_not_vanish():
    h = ab.Variable(np.ones(2, np.float16))
    h.grad = np.float16([6e-8, 6e4])
    assert enable_mixed_precision_gradients(h, 65536.0) is True
    assert h.grad.dtype == F32 and h.dtype == np.float16
    np.testing.assert_array_equal(h.grad.numpy(), F32(np.float16([6e-8, 6e4])) / 65536)
    ab.optim.SGD(h, lr=1.0).step()
    assert h.numpy().tolist() == [1.0, np.float16(1 - F32(np.float16(6e4)) / 65536)]


def test_a_gradient_in_bfloat16_becomes_single_precision():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    p = leaf([1.0, 1.0])
    p.grad = ab.Variable(np.ones(2), requires_grad=False)
    p.grad.value = np.array([1e-38, 3.0], ml_dtypes.bfloat16)
    wanted = p.grad.value.astype(F32) / F32(1024)
    assert enable_mixed_precision_gradients(p) is True
    assert p.grad.dtype == F32
    np.testing.assert_array_equal(p.grad.numpy(), wanted)
    p.grad.value = np.array([np.inf, 3.0], ml_dtypes.bfloat16)
    assert enable_mixed_precision_gradients(p) is False


@pytest.mark.parametrize("dtype", [np.float64, np.complex64])
def test_wider_gradients_keep_their_dtype(dtype):
    p = ab.Variable(np.ones(2, dtype))
    p.grad = np.full(2, 8.0, dtype)
    assert enable_mixed_precision_gradients(p, 8.0) is True
    assert p.grad.dtype == dtype and np.all(p.grad.numpy() == 1.0)


def test_an_infinity_made_by_dividing_by_a_small_number_is_an_overflow():
    p, q = leaf(1.0, 1e30), leaf(1.0, 1.0)
    assert enable_mixed_precision_gradients([q, p], 1e-20) is False
    assert p.grad is None and q.grad is None


def test_views_of_a_gradient_keep_the_numbers_they_showed():
    p = leaf([1.0, 1.0], [8.0, 8.0])
    view = p.grad.numpy()
    enable_mixed_precision_gradients(p, 8.0)
    assert view.tolist() == [8.0, 8.0]


@pytest.mark.parametrize("scale", [0.0, -1.0, -0.0, math.nan, math.inf, 1e39, 1e-50])
def test_a_scale_out_of_range_is_refused_and_nothing_changes(scale):
    p = leaf(1.0, 8.0)
    with pytest.raises(VALUE, match="loss_scale="):
        enable_mixed_precision_gradients(p, scale)
    assert p.grad.item() == 8.0


@pytest.mark.parametrize("scale", ["1024", None, [1024.0], np.ones(1), 1j])
def test_a_scale_that_is_no_number_is_refused(scale):
    with pytest.raises(TYPE, match="loss_scale="):
        enable_mixed_precision_gradients(leaf(1.0, 8.0), scale)


@pytest.mark.parametrize("variables", [None, 3.0, np.ones(2), ab.nn.Linear(2, 2)])
def test_what_cannot_be_gone_over_is_refused(variables):
    with pytest.raises(TYPE, match=r"network.parameters\(\)"):
        enable_mixed_precision_gradients(variables)


@pytest.mark.parametrize("item", [3.0, np.ones(2), "w", None])
def test_an_item_that_is_no_leaf_is_refused_with_its_number_and_nothing_changes(item):
    p = leaf(1.0, 8.0)
    for thing in (item, p * 2.0):
        with pytest.raises(TYPE, match="item 1 "):
            enable_mixed_precision_gradients([p, thing])
    assert p.grad.item() == 8.0
