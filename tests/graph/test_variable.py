"""The handle: data, operators, protocols, backward (book/graph/variable.md)."""

import copy
import gc
import math
import operator
import pickle
import threading
import weakref
from functools import partial
from typing import Any

import numpy as np
import pytest

import autograd_book as ab
from autograd_book import Variable
from autograd_book.graph.interpreter import STRONG_SCALARS

FLOATS = [np.float16, np.float32, np.float64]
UNARY = [operator.neg, operator.pos, operator.abs]
BINARY = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]


@pytest.mark.parametrize("dtype", FLOATS)
def test_floating_point_data_keeps_its_dtype_through_forward_and_backward(dtype) -> None:
    x = Variable(np.array([0.5, 1.5], dtype))
    y = np.exp(x * 2 + 1.0) / 3.0 - x**2
    assert x.dtype == y.dtype == y.sum().dtype == dtype
    y.sum().backward()
    assert x.grad.dtype == dtype


@pytest.mark.parametrize("dtype", FLOATS)
def test_python_scalars_stay_weak_beside_0d_values(dtype) -> None:
    x = Variable(np.array(1.5, dtype))
    y = 2 * np.sin(x * 0.5) ** 2 + 1.0
    assert y.dtype == dtype
    y.backward()
    assert x.grad.dtype == dtype


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rules_compute_in_the_precision_of_their_operands(dtype) -> None:
    @ab.primitive("x", x=lambda g, x: seen.append((g.dtype, x.dtype)) or g)
    def watch(x):
        return x + 0

    seen: list = []
    x = Variable(np.array([0.5, 2.0], dtype))
    y = watch(x)
    for fun in (np.sqrt, np.square, np.log, np.exp, np.tanh):
        y = watch(fun(y) * 0.5 + 1)
    (np.mean(y) * 2).backward()
    assert seen
    assert set(seen) == {(np.dtype(dtype), np.dtype(dtype))}


@pytest.mark.parametrize("dtype", FLOATS)
def test_the_walk_starts_in_the_precision_of_its_end(dtype) -> None:
    @ab.primitive("x", x=lambda g: seen.append(g.dtype) or g)
    def watch(x):
        return +x

    seen: list = []
    for start in (None, np.array(2.0), 2.0):
        watch(Variable(np.array(1.5, dtype))).backward(start)
    assert seen == [np.dtype(dtype)] * 3


def test_mixed_precision_follows_numpy_and_gradients_go_home() -> None:
    x, y = Variable(np.float32([1.0, 2.0])), Variable([3.0, 4.0])
    z = x * y
    z.sum().backward()
    assert z.dtype == np.float64
    assert x.grad.dtype == np.float32
    assert y.grad.dtype == np.float64


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


@pytest.mark.parametrize("f", UNARY, ids=lambda f: f.__name__)
def test_unary_operators_compute_what_numpy_computes(f) -> None:
    a = np.array([-1.5, 2.0])
    np.testing.assert_array_equal(f(Variable(a)).numpy(), f(a))


@pytest.mark.parametrize("other", [2.0, 3, np.array([2.0, 3.0]), np.float64(2.0), np.array(2.0)], ids=repr)
@pytest.mark.parametrize("f", BINARY, ids=lambda f: f.__name__)
def test_binary_operators_compute_what_numpy_computes_on_either_side(f, other) -> None:
    a = np.array([1.5, 2.0])
    x = Variable(a)
    for ours, plain in [(f(x, other), f(a, other)), (f(other, x), f(other, a)), (f(x, Variable(a)), f(a, a))]:
        assert type(ours) is Variable
        assert ours.requires_grad
        np.testing.assert_array_equal(ours.numpy(), plain)


@pytest.mark.parametrize("f", [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne])
def test_comparisons_give_plain_truth_values(f) -> None:
    a = np.array([1.0, 2.0, 3.0])
    for out in (f(Variable(a), 2.0), f(Variable(a), np.full(3, 2.0))):
        assert type(out) is np.ndarray
        np.testing.assert_array_equal(out, f(a, 2.0))
    np.testing.assert_array_equal(f(np.full(3, 2.0), Variable(a)), f(np.full(3, 2.0), a))


def test_matrix_product_works_from_both_sides() -> None:
    a, w = np.ones((2, 3)), Variable(np.ones((3, 4)))
    assert (a @ w).shape == (2, 4)
    assert (w.T @ a.T).shape == (4, 2)


def test_an_array_on_the_left_of_an_operator_becomes_one_operation() -> None:
    x = Variable([1.0, 2.0])
    y = np.array([3.0, 4.0]) * x
    assert type(y) is Variable
    assert y.node.inputs == [x.node]


def test_augmented_assignment_to_a_result_makes_a_new_one() -> None:
    x = Variable([1.0])
    y = first = x * 2.0
    y += 1.0
    y *= y
    assert y is not first and first.item() == 2.0
    y.backward()
    assert x.grad.item() == 12.0


def test_augmented_assignment_updates_a_leaf_under_no_grad_and_is_refused_elsewhere() -> None:
    x = first = Variable([1.0, 2.0])
    kept = x * x
    with ab.no_grad():
        x -= 0.5 * np.ones(2)
        x *= 2.0
    assert x is first and x.requires_grad
    np.testing.assert_array_equal(x.numpy(), [1.0, 3.0])
    kept.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [2.0, 4.0])  # of the program that ran
    with pytest.raises(ab.DifferentiationTypeError, match="subtract was used in place.*no_grad"):
        x -= 1.0
    with ab.no_grad(), pytest.raises(ab.DifferentiationValueError, match="shape"):
        x += np.ones((3, 2))
    np.testing.assert_array_equal(x.numpy(), [1.0, 3.0])


def test_augmented_assignment_to_an_array_does_not_lose_the_variable_silently() -> None:
    a = np.ones(2)
    with pytest.raises(ab.AutogradError):
        a += Variable([1.0, 2.0])
    np.testing.assert_array_equal(a, [1.0, 1.0])


def test_attributes_and_methods_answer_as_the_array_does() -> None:
    a = np.arange(6.0).reshape(2, 3)
    x = Variable(a)
    assert (x.shape, x.ndim, x.size, x.dtype, len(x)) == (a.shape, a.ndim, a.size, a.dtype, len(a))
    for ours, plain in [
        (x.T, a.T),
        (x.sum(), a.sum()),
        (x.sum(0, keepdims=True), a.sum(0, keepdims=True)),
        (x.mean(axis=1), a.mean(axis=1)),
        (x.max(1), a.max(1)),
        (x.min(0), a.min(0)),
        (x.reshape(3, 2), a.reshape(3, 2)),
        (x.reshape((3, -1)), a.reshape(3, -1)),
        (x.transpose(), a.T),
        (x.transpose(1, 0), a.T),
        (x.transpose((0, 1)), a),
        (x[0, 1:], a[0, 1:]),
        (x.astype(np.float32), a.astype(np.float32)),
    ]:
        assert type(ours) is Variable
        assert ours.requires_grad
        assert ours.dtype == plain.dtype
        np.testing.assert_array_equal(ours.numpy(), plain)
    np.testing.assert_array_equal(x.argmax(1), a.argmax(1))


def test_iteration_gives_variables_that_lead_back() -> None:
    x = Variable([[1.0, 2.0], [3.0, 4.0]])
    first, second = x
    (first * 2.0 + second * 3.0).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [[2.0, 2.0], [3.0, 3.0]])


def test_the_sum_of_python_keeps_the_graph() -> None:
    x = Variable([1.0, 2.0])
    assert sum(x).requires_grad


def test_backward_fills_the_gradient_of_every_leaf() -> None:
    x, y = Variable(3.0), Variable(4.0)
    (x * y + x).backward()
    assert (x.grad.item(), y.grad.item()) == (5.0, 3.0)


def test_computed_variables_keep_no_gradient() -> None:
    x = Variable(3.0)
    y = x * x
    y.backward()
    with pytest.warns(UserWarning, match=r"only leaves keep one.*with no_grad"):
        assert y.grad is None


def test_a_gradient_is_a_constant_of_the_shape_of_its_variable() -> None:
    x = Variable(np.ones((2, 1), np.float32))
    (x * np.ones((2, 3), np.float32)).sum().backward()
    assert (x.grad.shape, x.grad.dtype, x.grad.requires_grad) == ((2, 1), np.float32, False)


def test_gradients_own_their_memory() -> None:
    x, y = Variable(np.ones(3)), Variable(np.ones(3))
    (x + y).sum().backward()  # both cotangents are one and the same broadcast view
    assert not np.shares_memory(x.grad.numpy(), y.grad.numpy())


def test_an_accumulated_gradient_leaves_the_earlier_object_alone() -> None:
    x = Variable(np.ones(3))
    x.sum().backward()
    earlier = x.grad
    x.sum().backward()
    np.testing.assert_array_equal(earlier.numpy(), np.ones(3))
    np.testing.assert_array_equal(x.grad.numpy(), 2 * np.ones(3))


def test_a_given_gradient_starts_the_walk_and_is_not_changed() -> None:
    x = Variable([1.0, 2.0])
    g = np.array([1.0, 10.0])
    (x * x).backward(g)
    np.testing.assert_array_equal(x.grad.numpy(), [2.0, 40.0])
    x.zero_grad()
    x.backward(g)  # a leaf takes the cotangent itself
    g[0] = 0.0
    np.testing.assert_array_equal(x.grad.numpy(), [1.0, 10.0])


def test_a_single_number_of_any_rank_needs_no_gradient() -> None:
    x = Variable([[2.0]])
    (x * x).backward()
    assert x.grad.item() == 4.0


def test_zero_grad_forgets() -> None:
    x = Variable(2.0)
    (x * x).backward()
    x.zero_grad()
    assert x.grad is None


def test_a_gradient_can_be_assigned_and_used_for_accumulation() -> None:
    x = Variable([1.0, 2.0])
    x.grad = np.array([10.0, 20.0])
    x.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [11.0, 21.0])


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


def test_a_hook_sees_the_whole_gradient_and_may_replace_it() -> None:
    x, seen = Variable([1.0, 2.0]), []
    y = x * x
    y.register_hook(lambda g: seen.append(g.numpy().tolist()))
    remove = x.register_hook(lambda g: 10 * g)
    (y + y).sum().backward()
    assert seen == [[2.0, 2.0]]
    np.testing.assert_array_equal(x.grad.numpy(), [40.0, 80.0])
    remove()
    remove()
    x.zero_grad()
    (x * x).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [2.0, 4.0])


def test_a_hook_that_returns_another_shape_or_has_no_gradient_to_see_is_refused() -> None:
    x = Variable([1.0, 2.0])
    x.register_hook(lambda g: g[0])
    with pytest.raises(ab.DifferentiationValueError, match=r"shape \(\).*shape \(2,\)"):
        (x * x).sum().backward()
    with pytest.raises(ab.DifferentiationTypeError, match="needs no gradient"):
        x.detach().register_hook(print)


def test_a_hook_takes_part_in_a_recorded_walk() -> None:
    x = Variable(3.0)
    y = x * x
    y.register_hook(lambda g: g * x)  # g x, so x.grad = 2 x^2
    y.backward(create_graph=True)
    x.grad.backward()
    assert x.grad.item() == 18.0 + 12.0


def test_hooks_die_with_their_graph() -> None:
    x = Variable(3.0)
    y = x * x
    y.register_hook(lambda g, y=y: None)
    alive = weakref.ref(y)
    del y
    gc.collect()
    assert alive() is None


# Seals


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


@pytest.mark.parametrize("constant", [np.ma.array([1.0, 2.0], mask=[False, True]), np.matrix([[1.0, 2.0]])], ids=["masked", "matrix"])
def test_arrays_with_an_arithmetic_of_their_own_are_refused(constant) -> None:
    with pytest.raises(ab.DifferentiationTypeError, match="arithmetic is not that of arrays"):
        Variable([1.0, 2.0]) * constant


def test_gradients_of_many_threads_add_up() -> None:
    x = Variable([1.0, 2.0])

    def work() -> None:
        for _ in range(200):
            (x * 2.0).sum().backward()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(x.grad.numpy(), [1600.0, 1600.0])


def test_a_recorded_backward_pass_under_no_grad_is_refused() -> None:
    y = Variable(2.0) ** 2
    with ab.no_grad(), pytest.raises(ab.DifferentiationTypeError, match="under no_grad"):
        y.backward(create_graph=True)


def test_every_augmented_operator_updates_a_leaf_under_no_grad() -> None:
    x = first = Variable([2.0, 3.0])
    with ab.no_grad():
        x **= 2
        x %= 5
        x //= 2
    assert x is first and x.requires_grad
    np.testing.assert_array_equal(x.numpy(), [2.0, 2.0])


@pytest.mark.parametrize("attempt", [lambda y: y.backward(np.array([1j, 1j])), lambda y: setattr(y, "grad", np.array([1j, 1j])),
                                     lambda y: ab.vjp(np.sin, np.ones(2))[1](np.ones(2) * 1j),
                                     lambda y: ab.jvp(np.sin, (np.ones(2),), (np.ones(2) * 1j,))], ids=range(4))
def test_a_complex_cotangent_of_a_real_value_is_refused(attempt) -> None:
    with pytest.raises(ab.DifferentiationTypeError, match="which is real"):
        attempt(Variable([1.0, 2.0]))


def test_a_constant_nobody_reads_and_a_constant_left_alone_are_no_trouble() -> None:
    x, a = Variable([1.0, 2.0]), np.array([3.0, 4.0])
    y = x + a
    a[:] = 0.0
    y.sum().backward()
    (x * a).sum().backward(retain_graph=True)
    np.testing.assert_array_equal(x.grad.numpy(), [1.0, 1.0])


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


def test_item_assignment_into_an_array_is_refused() -> None:
    a = np.zeros(2)
    with pytest.raises((ab.DifferentiationTypeError, ValueError)):
        a[0] = Variable(1.0)
    np.testing.assert_array_equal(a, [0.0, 0.0])


def test_no_grad_makes_constants() -> None:
    x = Variable([1.0, 2.0])
    with ab.no_grad():
        y = np.exp(x) * x
    assert type(y) is Variable
    assert not y.requires_grad
    np.testing.assert_array_equal(y.numpy(), np.exp(x.numpy()) * x.numpy())
    assert (x * x).requires_grad


def test_no_grad_decorates() -> None:
    @ab.no_grad()
    def predict(x):
        return x * 2.0

    x = Variable(1.0)
    assert not predict(x).requires_grad
    assert not predict(x).requires_grad
    assert (x * 2.0).requires_grad


def test_no_grad_and_debug_nans_decorate_without_parentheses_too() -> None:
    for decorator in (ab.no_grad, ab.no_grad()):
        assert not decorator(lambda x: x * 2.0)(Variable(1.0)).requires_grad
    for decorator in (ab.debug_nans, ab.debug_nans()):
        with pytest.raises(ab.NonFiniteError), np.errstate(divide="ignore"):
            decorator(np.log)(Variable(0.0))


def test_no_grad_refuses_to_decorate_what_runs_later() -> None:
    def steps(x):
        yield x * 2.0

    async def step(x):
        return x * 2.0

    async def stream(x):
        yield x * 2.0

    for fun in (steps, step, stream, partial(steps, 1.0)):
        for manager in (ab.no_grad(), ab.debug_nans()):
            with pytest.raises(ab.DifferentiationTypeError, match="runs after the call .* Write the with block inside"):
                manager(fun)


def test_one_decorator_serves_nested_calls() -> None:
    quiet = ab.no_grad()
    x = Variable(1.0)

    @quiet
    def count(n):
        return count(n - 1) + x if n else x * 1.0

    assert not count(3).requires_grad
    assert (x * 1.0).requires_grad


def test_no_grad_keeps_no_graph_alive() -> None:
    gc.collect()
    before = sum(type(o).__name__ == "Node" for o in gc.get_objects())
    x = Variable(np.ones(3))
    with ab.no_grad():
        for _ in range(10):
            x = x * 1.5
        assert sum(type(o).__name__ == "Node" for o in gc.get_objects()) == before


def test_no_grad_inside_a_transformation_stops_only_what_stands_inside() -> None:
    def f(x):
        with ab.no_grad():
            c = x * x
        return x * c.item()

    assert ab.grad(f)(3.0) == 9.0


def test_create_graph_gives_gradients_that_can_be_differentiated() -> None:
    x = Variable(2.0)
    (x**3).backward(create_graph=True)
    first = x.grad
    assert first.item() == 12.0
    x.zero_grad()
    (first * first).backward()
    assert x.grad.item() == 2 * 12.0 * 12.0


PROGRAMS = [
    lambda x: np.sum(np.tanh(x) * x),
    lambda x: np.sum(np.exp(np.sin(x) / (1.0 + x * x))),
    lambda x: np.mean((x[:, None] + x) ** 3),
    lambda x: ab.logsumexp(x[::-1] * x) + np.max(x) * np.prod(x.shape),
    lambda x: np.sum((np.reshape(x, (2, 2)) @ np.reshape(x, (2, 2))) ** 2),
    lambda x: np.sum(np.sqrt(np.concatenate([x * x, np.exp(x)])) * np.std(x)),
]


@pytest.mark.parametrize("f", PROGRAMS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_second_derivatives_by_create_graph_equal_grad_of_grad(f, dtype) -> None:
    a, v = np.array([0.3, -0.7, 1.1, 0.4], dtype), np.array([1.0, -2.0, 0.5, 3.0], dtype)
    x = Variable(a)
    f(x).backward(create_graph=True)
    first = x.grad
    x.zero_grad()
    np.sum(first * v).backward()
    expected = ab.grad(lambda x: np.sum(ab.grad(f)(x) * v))(a)
    tolerance = 1e-4 if dtype is np.float32 else 1e-12
    np.testing.assert_allclose(x.grad.numpy(), expected, rtol=tolerance, atol=tolerance)
    assert x.grad.dtype == dtype


def test_third_derivatives_by_create_graph() -> None:
    x = Variable(0.7)
    y = np.sin(x)
    for expected in (np.cos(0.7), -np.sin(0.7), -np.cos(0.7)):
        y.backward(create_graph=True)
        y = x.grad
        x.zero_grad()
        assert y.item() == pytest.approx(expected)


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


def test_variables_are_hashable_by_identity() -> None:
    x, y = Variable(1.0), Variable(1.0)
    assert len({x, y, x}) == 2


def test_truth_follows_the_value() -> None:
    assert Variable(1.0)
    assert not Variable(0.0)
    with pytest.raises(ValueError, match="ambiguous"):
        bool(Variable([1.0, 2.0]))


@pytest.mark.skipif(not STRONG_SCALARS, reason="NumPy 2 has weak scalars by itself")
def test_weak_scalars_are_provided_where_numpy_has_none() -> None:
    assert (Variable(np.float32(1.0)) * 2.0).dtype == np.float32


@pytest.mark.parametrize("fun", [np.zeros_like, np.ones_like, np.empty_like])
def test_an_array_like_a_variable_is_plain(fun):
    made = fun(Variable(np.ones((2, 3), np.float32)))
    assert type(made) is np.ndarray and made.shape == (2, 3) and made.dtype == np.float32


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_a_number_that_would_become_infinite_is_not_assigned(dtype):
    v = Variable(np.ones(2, dtype))
    with pytest.raises(ab.DifferentiationValueError, match=r"1e\+300 in it was assigned to a Variable of dtype"):
        v.data = np.array([1.0, 1e300])
    np.testing.assert_array_equal(v.numpy(), [1, 1])
    v.data = np.array([np.inf, np.nan])
    assert v.dtype == dtype and np.isinf(v.numpy()[0])


def test_a_hook_that_takes_itself_off_does_not_hide_the_next_one():
    v, seen = Variable(1.0), []
    off = v.register_hook(lambda g: off())
    v.register_hook(lambda g: seen.append(float(g.numpy())) or g * 2.0)
    (v * 3.0).backward()
    (v * 3.0).backward()
    assert seen == [3.0, 3.0] and v.grad.item() == 12.0


def test_one_hook_registered_twice_is_called_twice_and_taken_off_once():
    v, double = Variable(1.0), lambda g: g * 2.0
    off = v.register_hook(double)
    v.register_hook(double)
    (v * 1.0).backward()
    assert v.grad.item() == 4.0
    off()
    off()
    v.zero_grad()
    (v * 1.0).backward()
    assert v.grad.item() == 2.0
