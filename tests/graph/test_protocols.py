"""How NumPy hands a call over, and functions of one's own (book/graph/protocols.md)."""


import numpy as np
import pytest

import autograd_book as ab
from autograd_book import Variable


def test_an_array_on_the_left_of_an_operator_becomes_one_operation() -> None:
    x = Variable([1.0, 2.0])
    y = np.array([3.0, 4.0]) * x
    assert type(y) is Variable
    assert y.node.inputs == (x.node,)


def test_augmented_assignment_to_an_array_does_not_lose_the_variable_silently() -> None:
    a = np.ones(2)
    with pytest.raises(ab.AutogradError):
        a += Variable([1.0, 2.0])
    np.testing.assert_array_equal(a, [1.0, 1.0])


CHANGES = {
    "element": lambda a: a.__setitem__(0, 9.0),
    "shuffle": lambda a: a.__setitem__(slice(None), a[::-1].copy()),
    "view": lambda a: a.reshape(-1)[1:].fill(0.0),
    "sign of zero": lambda a: a.__setitem__(2, -0.0),
}


@pytest.mark.parametrize("size", [4, 5000, 20001])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.complex128])
@pytest.mark.parametrize("change", CHANGES)
def test_a_constant_changed_between_the_passes_is_found(change, dtype, size) -> None:
    x, a = Variable(np.ones(size)), np.arange(size).astype(dtype)
    a[2] = 0.0
    y = np.abs(x * a) if dtype is np.complex128 else x * a
    CHANGES[change](a)
    with pytest.raises(ab.MutatedValueError, match="argument y of multiply.*changed in place"):
        y.sum().backward()
    assert x.grad is None


def test_a_read_only_view_of_a_writable_array_is_sealed_as_well() -> None:
    x, a = Variable(np.ones((2, 3))), np.ones(3)
    y = np.multiply(x, np.broadcast_to(a, (2, 3)))
    a.fill(5.0)
    with pytest.raises(ab.MutatedValueError):
        y.sum().backward()


def test_lists_and_options_are_taken_as_they_were() -> None:
    x, numbers, mask, scale = Variable([1.0, 2.0]), [3.0, 4.0], np.array([True, False]), np.array([2.0, 2.0])
    scaled = ab.primitive("x", x=lambda g, k: g * k)(lambda x, k: x * k)
    for y, expected in [
        (np.multiply(x, numbers).sum(), [3.0, 4.0]),
        (np.sum(x, where=mask), [1.0, 0.0]),
        (np.sum(scaled(x, k=scale)), [2.0, 2.0]),
    ]:
        numbers[:], mask[:], scale[:] = [0.0, 0.0], ~mask, 9.0
        x.zero_grad()
        y.backward()
        np.testing.assert_array_equal(x.grad.numpy(), expected)
        numbers[:], mask[:], scale[:] = [3.0, 4.0], [True, False], 2.0


def test_a_list_that_an_operator_meets_is_sealed() -> None:
    x, numbers = Variable([1.0, 2.0]), [3.0, 4.0]
    y = (x * numbers).sum()
    numbers.reverse()
    with pytest.raises(ab.MutatedValueError):
        y.backward()


@pytest.mark.parametrize("constant", [np.ma.array([1.0, 2.0], mask=[False, True]), np.ones((1, 2)).view(np.matrix)], ids=["masked", "matrix"])
def test_arrays_with_an_arithmetic_of_their_own_are_refused(constant) -> None:
    with pytest.raises(ab.DifferentiationTypeError, match="arithmetic is not that of arrays"):
        Variable([1.0, 2.0]) * constant


def test_a_constant_nobody_reads_and_a_constant_left_alone_are_no_trouble() -> None:
    x, a = Variable([1.0, 2.0]), np.array([3.0, 4.0])
    y = x + a
    a[:] = 0.0
    y.sum().backward()
    (x * a).sum().backward(retain_graph=True)
    np.testing.assert_array_equal(x.grad.numpy(), [1.0, 1.0])


def test_item_assignment_into_an_array_is_refused() -> None:
    a = np.zeros(2)
    with pytest.raises((ab.DifferentiationTypeError, ValueError)):
        a[0] = Variable(1.0)
    np.testing.assert_array_equal(a, [0.0, 0.0])


def test_a_custom_primitive_is_differentiable_at_any_order() -> None:
    @ab.primitive("x y", x=lambda g, y: g * y, y=lambda g, x: g * x)
    def product(x, y):
        return x * y

    assert ab.grad(lambda x: product(x, product(x, x)))(2.0) == 12.0
    assert ab.grad(ab.grad(lambda x: product(x, product(x, x))))(2.0) == 12.0
    assert product(3.0, 4.0) == 12.0
    ab.check_gradients(product, np.ones((2, 1)), np.full((2, 1), 2.0))


def test_a_custom_primitive_answers_for_its_own_broadcasting() -> None:
    @ab.primitive("x y", x=lambda g, y: g * y, y=lambda g, x: g * x)
    def product(x, y):
        return x * y

    with pytest.raises(ab.DifferentiationValueError, match=r"\(2, 1\).*\(1,\)"):
        product(np.ones((2, 1)), Variable([1.0])).sum().backward()


def test_a_custom_primitive_passes_parameters_to_its_rules() -> None:
    @ab.primitive("x", x=lambda g, x, factor=2: g * factor)
    def scaled(x, factor=2):
        return x * factor

    x = Variable(1.0)
    (scaled(x) + scaled(x, factor=5) + scaled(x, 7)).backward()
    assert x.grad.item() == 14.0


@pytest.mark.parametrize("fun", [np.zeros_like, np.ones_like, np.empty_like])
def test_an_array_like_a_variable_is_plain(fun):
    made = fun(Variable(np.ones((2, 3), np.float32)))
    assert type(made) is np.ndarray and made.shape == (2, 3) and made.dtype == np.float32
