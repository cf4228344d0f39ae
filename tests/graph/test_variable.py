"""The handle: data, what it refuses, how it leaves (book/graph/variable.md)."""

import copy
import math
import pickle
from typing import Any

import numpy as np
import pytest

import autograd_book as ab
from autograd_book import Variable

FLOATS = [np.float16, np.float32, np.float64]


@pytest.mark.parametrize("dtype", FLOATS)
def test_floating_point_data_keeps_its_dtype_through_forward_and_backward(dtype) -> None:
    x = Variable(np.array([0.5, 1.5], dtype))
    y = np.exp(x * 2 + 1.0) / 3.0 - x**2
    assert x.dtype == y.dtype == y.sum().dtype == dtype
    y.sum().backward()
    assert x.grad.dtype == dtype


@pytest.mark.parametrize("data", [3, [1, 2], np.arange(3), True, np.array([True]), "text", None, [{}]], ids=str)
def test_what_has_no_derivative_cannot_require_one(data) -> None:
    with pytest.raises(ab.DifferentiationTypeError):
        Variable(data)


def test_integers_can_be_constants() -> None:
    x = Variable([1, 2], requires_grad=False)
    assert not x.requires_grad
    assert x.dtype.kind == "i"


def test_data_is_copied() -> None:
    a = np.ones(3)
    x = Variable(a)
    a[0] = 7.0
    assert x.numpy()[0] == 1.0


def test_detach_shares_memory_and_ends_the_graph() -> None:
    x = Variable([1.0, 2.0])
    d = x.detach()
    assert np.shares_memory(d.numpy(), x.numpy())
    assert not d.requires_grad
    (x * d).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [1.0, 2.0])


def test_values_computed_from_the_data_after_an_update_are_new() -> None:
    x = Variable([1.0])
    x.data = x.data - 0.5
    assert (x * 2.0).item() == 1.0


@pytest.mark.parametrize("attempt", [lambda x: x.data.__setitem__(0, 5.0), lambda x: x.numpy().__iadd__(1.0),
                                     lambda x: x.T.data.fill(0.0), lambda x: x[1:].numpy().sort(),
                                     lambda x: x.detach().data.__setitem__(0, 5.0)], ids=range(5))
def test_no_array_that_is_handed_out_can_be_written_into(attempt) -> None:
    x = Variable([3.0, 2.0, 1.0])
    y = x * x
    with pytest.raises(ValueError, match="read-only"):
        attempt(x)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [6.0, 4.0, 2.0])


def test_what_is_assigned_to_data_is_copied_and_the_graph_keeps_the_old_value() -> None:
    x, new = Variable(np.float32([3.0, 2.0])), np.array([7.0, 8.0])
    y = x * x
    x.data = new
    new[:] = 0.0
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [6.0, 4.0])
    assert x.dtype == np.float32
    np.testing.assert_array_equal(x.numpy(), [7.0, 8.0])


@pytest.mark.parametrize(("data", "error"), [([1.0], ValueError), (5.0, ValueError), ([1j, 2j], TypeError), (["a", "b"], TypeError),
                                             (Variable([1.0, 2.0]), TypeError), (None, TypeError)], ids=str)
def test_what_does_not_fit_is_not_assigned_to_data(data, error) -> None:
    x = Variable([3.0, 2.0])
    with pytest.raises(error) as caught:
        x.data = data
    assert isinstance(caught.value, ab.AutogradError)
    np.testing.assert_array_equal(x.numpy(), [3.0, 2.0])


# Hooks


@pytest.mark.parametrize("convert", [np.asarray, np.array, float, int, math.sin, np.float64, complex], ids=str)
def test_conversion_to_plain_numbers_is_refused_when_a_gradient_would_be_lost(convert) -> None:
    with pytest.raises(ab.DifferentiationTypeError, match="drop its gradient"):
        convert(Variable(1.5))


@pytest.mark.parametrize("convert", [np.asarray, np.array, float, math.sin])
def test_constants_convert_freely(convert) -> None:
    assert convert(Variable(1.5, requires_grad=False)) == convert(1.5)


def test_item_assignment_is_refused() -> None:
    with pytest.raises(ab.DifferentiationTypeError, match="item assignment"):
        Variable([1.0, 2.0])[0] = 3.0


def test_copies_of_a_leaf_are_leaves_of_their_own() -> None:
    x = Variable([1.0, 2.0])
    for y in (copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        (y * 2.0).sum().backward()
        assert x.grad is None
        np.testing.assert_array_equal(y.numpy(), x.numpy())
        np.testing.assert_array_equal(y.grad.numpy(), [2.0, 2.0])


COPIES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "deepcopy of a tree": lambda x: copy.deepcopy({"a": [x]})["a"][0],
    "method": lambda x: x.copy(),
}


CUBE = {
    "grad": (lambda f: ab.grad(lambda x: np.sum(f(x) ** 3)), 3.0),
    "grad of grad": (lambda f: ab.grad(lambda x: np.sum(ab.grad(lambda y: np.sum(f(y) ** 3))(x))), 6.0),
    "jvp": (lambda f: lambda x: ab.jvp(lambda x: f(x) ** 3, (x,), (np.ones(3),))[1], 3.0),
    "vmap of grad": (lambda f: ab.vmap(ab.grad(lambda x: f(x) ** 3)), 3.0),
    "grad of vmap": (lambda f: ab.grad(lambda x: np.sum(ab.vmap(lambda x: f(x) ** 3)(x))), 3.0),
}


@pytest.mark.parametrize("kind", COPIES)
@pytest.mark.parametrize("way", CUBE)
def test_a_copy_inside_a_derivative_is_the_same_value_in_the_same_graph(kind: str, way: str) -> None:
    transformed, factor = CUBE[way]
    x = np.array([1.0, 2.0, -3.0])
    power = 3 - round(factor / 3)
    for f in (COPIES[kind], lambda x: COPIES[kind](x * 1.0)):
        np.testing.assert_allclose(transformed(f)(x), factor * x**power, rtol=1e-12)


@pytest.mark.parametrize("kind", COPIES)
def test_a_copy_of_a_computed_variable_passes_its_gradient_on(kind: str) -> None:
    x = Variable([1.0, 2.0])
    (COPIES[kind](x * x) * 2.0).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [4.0, 8.0])


def test_a_model_copied_inside_a_derivative_keeps_its_weights_in_the_graph() -> None:
    x = np.array([[1.0, 2.0]])

    def loss(weight: Any) -> Any:
        layer = ab.nn.Linear(2, 1)
        layer.weight = weight
        return np.sum(copy.deepcopy(layer)(x))

    np.testing.assert_array_equal(ab.grad(loss)(np.zeros((2, 1))), x.T)


def test_a_deep_copy_of_a_model_keeps_shared_parameters_shared() -> None:
    x = Variable([1.0])
    first, second = copy.deepcopy([x, x])
    assert first is second and first is not x


@pytest.mark.parametrize("data", [1, True, [1, 2], 2.0, 1j])
def test_a_copy_of_a_constant_is_a_constant(data: Any) -> None:
    for y in (copy.copy(Variable(data, False)), copy.deepcopy(Variable(data, False))):
        assert not y.requires_grad
        np.testing.assert_array_equal(y.numpy(), data)


def test_copies_of_a_leaf_take_its_gradient_along() -> None:
    x = Variable([1.0, 2.0])
    (x * x).sum().backward()
    for y in (copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        np.testing.assert_array_equal(y.grad.numpy(), [2.0, 4.0])
        y.sum().backward()
        np.testing.assert_array_equal(y.grad.numpy(), [3.0, 5.0])
        np.testing.assert_array_equal(x.grad.numpy(), [2.0, 4.0])


def test_text_shows_values_and_constants() -> None:
    assert repr(Variable([1.0, 2.0])) == "Variable([1., 2.])"
    assert repr(Variable([1.0, 2.0], requires_grad=False)) == "Variable([1., 2.], requires_grad=False)"
    assert f"{Variable(1.23456):.2f}" == "1.23"


def test_truth_follows_the_value() -> None:
    assert Variable(1.0)
    assert not Variable(0.0)
    with pytest.raises(ValueError, match="ambiguous"):
        bool(Variable([1.0, 2.0]))


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_a_number_that_would_become_infinite_is_not_assigned(dtype):
    v = Variable(np.ones(2, dtype))
    with pytest.raises(ab.DifferentiationValueError, match=r"1e\+300 in it was assigned to a Variable of dtype"):
        v.data = np.array([1.0, 1e300])
    np.testing.assert_array_equal(v.numpy(), [1, 1])
    v.data = np.array([np.inf, np.nan])
    assert v.dtype == dtype and np.isinf(v.numpy()[0])


MASKED = np.ma.array([1.0, 2.0], mask=[False, True])
NO_NUMBERS = {
    "masked data": lambda: Variable(MASKED),
    "masked replacement": lambda: setattr(Variable([1.0, 2.0]), "data", MASKED),
    "masked gradient": lambda: setattr(Variable([1.0, 2.0]), "grad", MASKED),
    "masked start": lambda: (Variable([1.0, 2.0]) * 2.0).backward(MASKED),
    "objects to start from": lambda: (Variable([1.0, 2.0]) * 2.0).backward(np.array([None, 1.0])),
    "records to start from": lambda: (Variable([1.0, 2.0]) * 2.0).backward(np.zeros(2, [("a", float)])),
    "text to start from": lambda: (Variable([1.0, 2.0]) * 2.0).backward(np.array(["1", "2"])),
}


@pytest.mark.parametrize("name", NO_NUMBERS)
def test_what_has_a_mask_or_no_numbers_is_refused_by_name(name) -> None:
    with pytest.raises(ab.DifferentiationTypeError, match="mask"):
        NO_NUMBERS[name]()


def test_options_that_numpy_passes_on_as_not_given_are_not_given() -> None:
    x = Variable(np.arange(6.0).reshape(2, 3))
    assert np.nanmedian(x, axis=0, keepdims=np._NoValue).shape == (3,)
    assert np.nansum(x, where=np._NoValue).item() == 15.0
    assert np.shape(a=x) == (2, 3)
