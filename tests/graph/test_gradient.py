"""Where a backward pass starts, what it delivers, hooks, and gradients of gradients (book/graph/gradient.md)."""

import gc
import threading
import weakref

import numpy as np
import pytest

import autograd_book as ab
from autograd_book import Variable

FLOATS = [np.float16, np.float32, np.float64]


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


@pytest.mark.parametrize("attempt", [lambda y: y.backward(np.array([1j, 1j])), lambda y: setattr(y, "grad", np.array([1j, 1j])),
                                     lambda y: ab.vjp(np.sin, np.ones(2))[1](np.ones(2) * 1j),
                                     lambda y: ab.jvp(np.sin, (np.ones(2),), (np.ones(2) * 1j,))], ids=range(4))
def test_a_complex_cotangent_of_a_real_value_is_refused(attempt) -> None:
    with pytest.raises(ab.DifferentiationTypeError, match="which is real"):
        attempt(Variable([1.0, 2.0]))


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


def test_no_leaf_shares_its_gradient_with_another_leaf_a_caller_a_saved_value_or_a_hook() -> None:
    @ab.primitive("x y", x=lambda g, y: y, y=lambda g: g[::-1])
    def odd(x, y):
        return x * y

    kept: list[np.ndarray] = []
    start, other, x, y, z = np.arange(3.0), np.full(3, 5.0), Variable(np.ones(3)), Variable(np.ones(3)), Variable(np.ones(3))
    z.register_hook(lambda g: kept.append(g.value))
    (x + y + odd(z, other)).backward(start)
    odd(x, y).backward(start)
    gradients = [v.grad.value for v in (x, y, z)]
    others = [start, other, y.value, *kept, *gradients]
    for one in gradients:
        assert sum(np.shares_memory(one, two) for two in others) == 1


def test_a_gradient_that_nobody_else_holds_is_kept_without_a_copy() -> None:
    @ab.primitive("x", x=lambda g: made.append(g * 2.0) or seen.append(weakref.ref(made[0])) or made.pop())
    def double(x):
        return x * 2.0

    made: list[np.ndarray] = []
    seen: list[weakref.ref] = []
    x = Variable(np.ones(3))
    double(x).sum().backward()
    assert seen[0]() is x.grad.value
