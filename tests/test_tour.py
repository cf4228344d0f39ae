"""A tour: the product from top to bottom, three lines at a time."""

import numpy as np
import pytest

import autograd_book as ab

# ---------------------------------------------------------------------------------------------------------------------
# A Variable is an array that remembers where it came from


def test_a_variable_behaves_like_an_array():
    x = ab.Variable([1.0, 2.0, 3.0])
    assert (x.shape, x.dtype) == ((3,), np.float64)
    assert (2 * x + 1)[-1].item() == 7.0


def test_precision_stays_what_it_was():
    x = ab.Variable(np.float32([1.0, 2.0]))
    assert (x * 2.5).dtype == np.float32
    assert (x * 2.5).mean().dtype == np.float32


# ---------------------------------------------------------------------------------------------------------------------
# backward() fills in the gradients


def test_backward_delivers_gradients():
    x, y = ab.Variable(3.0), ab.Variable(4.0)
    (x * y + x).backward()
    assert (x.grad.item(), y.grad.item()) == (5.0, 3.0)


def test_gradients_accumulate_until_they_are_forgotten():
    x = ab.Variable(3.0)
    for _ in range(2):
        (x * x).backward()
    assert x.grad.item() == 12.0
    x.zero_grad()
    assert x.grad is None


def test_broadcast_arguments_get_gradients_of_their_own_shape():
    bias = ab.Variable(np.zeros(3))
    (np.ones((5, 3)) + bias).sum().backward()
    assert bias.grad.numpy().tolist() == [5.0, 5.0, 5.0]


# ---------------------------------------------------------------------------------------------------------------------
# Plain NumPy code is differentiable


def test_numpy_functions_meet_variables():
    x = ab.Variable([0.0, 1.0])
    np.sum(np.tanh(x) * np.array([1.0, 2.0])).backward()
    np.testing.assert_allclose(x.grad.numpy(), [1.0, 2.0 / np.cosh(1.0) ** 2])


def test_matrix_products_reductions_and_indexing():
    w = ab.Variable(np.eye(3))
    scores = np.array([[1.0, 2.0, 3.0]]) @ w
    np.max(scores, axis=1)[0].backward()
    np.testing.assert_array_equal(w.grad.numpy(), [[0, 0, 1], [0, 0, 2], [0, 0, 3]])


def test_shapes_are_moved_and_joined():
    x = ab.Variable(np.arange(6.0))
    y = np.concatenate([x.reshape(2, 3), np.ones((1, 3))]).T
    assert y[0].sum().item() == 0.0 + 3.0 + 1.0


def test_comparisons_are_plain_and_choose():
    x = ab.Variable([-1.0, 4.0])
    np.where(x > 0, x**2, 0.0).sum().backward()
    assert x.grad.numpy().tolist() == [0.0, 8.0]


# ---------------------------------------------------------------------------------------------------------------------
# Derivatives of functions are functions


def test_grad_takes_a_function_and_returns_one():
    assert ab.grad(np.sin)(0.0) == 1.0
    assert ab.grad(lambda x, y: x * y, argnums=1)(3.0, 4.0) == 3.0
    assert ab.value_and_grad(np.square)(3.0) == (9.0, 6.0)


def test_vjp_carries_cotangents_back():
    out, pullback = ab.vjp(lambda x: x**2, np.array([1.0, 2.0]))
    assert out.tolist() == [1.0, 4.0]
    assert pullback(np.array([1.0, 10.0]))[0].tolist() == [2.0, 40.0]


def test_derivatives_nest():
    assert ab.grad(ab.grad(ab.grad(np.sin)))(0.0) == -1.0
    assert ab.grad(lambda x: x * ab.grad(lambda y: x + y)(1.0))(1.0) == 1.0


def test_gradients_are_differentiable():
    x = ab.Variable(2.0)
    (x**4).backward(create_graph=True)
    slope, _ = x.grad, x.zero_grad()
    slope.backward()
    assert (slope.item(), x.grad.item()) == (32.0, 48.0)


# ---------------------------------------------------------------------------------------------------------------------
# An operation of one's own is a function and a rule


def test_a_rule_makes_a_function_differentiable():
    logistic = ab.primitive("x", x=lambda g, out: g * out * (1 - out))(lambda x: 1 / (1 + np.exp(-x)))
    assert ab.grad(logistic)(0.0) == 0.25
    assert ab.grad(ab.grad(logistic))(0.0) == 0.0


def test_any_rule_can_be_checked():
    report = ab.check_gradients(lambda x, y: np.tanh(x @ y), np.ones((2, 3)), np.ones(3))
    assert [(line.mode, line.order) for line in report] == [("reverse", 1), ("reverse", 2), ("forward", 1), ("forward", 2)]
    assert all(line.error < 1e-5 for line in report)


def test_a_wrong_rule_is_found():
    wrong = ab.primitive("x", x=lambda g, x: 2.1 * g * x)(lambda x: x * x)
    with pytest.raises(ab.GradientCheckError):
        ab.check_gradients(wrong, np.array([1.0, 2.0]))


# ---------------------------------------------------------------------------------------------------------------------
# What is not needed is not kept


def test_no_grad_records_nothing():
    x = ab.Variable([1.0, 2.0])
    with ab.no_grad():
        assert not np.exp(x).requires_grad
    assert np.exp(x).requires_grad


def test_a_graph_is_released_by_the_walk():
    x = ab.Variable(2.0)
    y = x * x
    y.backward()
    with pytest.raises(ab.FreedGraphError, match="retain_graph=True"):
        y.backward()


def test_detach_leaves_the_graph():
    x = ab.Variable(3.0)
    (x * x.detach()).backward()
    assert x.grad.item() == 3.0


# ---------------------------------------------------------------------------------------------------------------------
# Mistakes say what happened and what to do


def test_integers_have_no_derivative():
    with pytest.raises(TypeError, match="int64 cannot require a gradient"):
        ab.Variable(np.arange(3, dtype=np.int64))


def test_a_gradient_is_never_dropped_silently():
    with pytest.raises(ab.AutogradError, match=r"use .numpy"):
        np.asarray(ab.Variable([1.0]) * 2.0)


def test_a_function_without_a_rule_says_so():
    with pytest.raises(NotImplementedError, match="np.sort"):
        np.unique(ab.Variable([1.0, 2.0]))


# ---------------------------------------------------------------------------------------------------------------------
# Every derivative: NumPy's vocabulary, all modes


def test_numpy_programs_run_as_they_are():
    f = lambda x: np.linalg.slogdet(np.einsum("ij,kj->ik", x, x) + np.eye(3))[1] + np.sum(np.sort(np.fft.irfft(np.fft.rfft(x, axis=0), 3, 0), 0)[-1])
    ab.check_gradients(f, np.random.default_rng(0).normal(size=(3, 3)))


def test_a_changed_copy_is_differentiable():
    x = ab.Variable([1.0, 2.0, 3.0])
    (x.at[[0, 0]].add(x[2]) ** 2).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [14.0, 4.0, 34.0])


def test_complex_numbers_have_gradients_that_point_upwards():
    z = np.array([3.0 + 4.0j])
    np.testing.assert_allclose(ab.grad(lambda z: np.sum(np.abs(z)))(z), z / 5)


def test_forward_mode_goes_in_a_direction():
    value, tangent = ab.jvp(np.sin, (0.0,), (2.0,))
    assert (value, tangent) == (0.0, 2.0)


def test_jacobians_hessians_and_products():
    f = lambda x: x[0] ** 2 * x[1]
    np.testing.assert_array_equal(ab.hessian(f)(np.array([1.0, 3.0])), [[6.0, 2.0], [2.0, 0.0]])
    np.testing.assert_array_equal(ab.hvp(f)(np.array([1.0, 3.0]), np.array([0.0, 1.0])), [2.0, 0.0])


def test_parameters_come_in_containers():
    model = {"w": np.ones((3, 2)), "b": (np.zeros(2),)}
    g, scores = ab.grad(lambda m, x: ((s := x @ m["w"] + m["b"][0]).sum(), s), has_aux=True)(model, np.ones((4, 3)))
    assert g["w"].shape == (3, 2) and g["b"][0].tolist() == [4.0, 4.0] and scores.shape == (4, 2)


def test_each_example_can_have_its_gradient():
    each = ab.vmap(ab.grad(lambda w, x: np.tanh(x @ w)), in_axes=(None, 0))
    assert each(np.ones(3), np.ones((5, 3))).shape == (5, 3)


def test_images_are_convolved_and_pooled():
    out = ab.max_pool2d(ab.conv2d(ab.Variable(np.ones((1, 1, 6, 6))), np.ones((2, 1, 3, 3)), padding="same"), 2)
    assert out.shape == (1, 2, 3, 3)


def test_gradients_can_be_watched_and_stopped():
    seen, x = [], ab.Variable(3.0)
    x.register_hook(lambda g: seen.append(g.item()))
    (x * ab.stop_gradient(x)).backward()
    assert seen == [3.0]


def test_the_origin_of_a_nan_is_found():
    with pytest.raises(ab.NonFiniteError, match="log made"), ab.debug_nans(), np.errstate(all="ignore"):
        np.log(ab.Variable(0.0)) + 1.0


def test_what_was_changed_in_place_is_found():
    x, batch = ab.Variable([1.0, 2.0]), np.array([3.0, 4.0])
    loss = (x * batch).sum()
    batch[:] = 0.0
    with pytest.raises(ab.MutatedValueError, match="changed in place"):
        loss.backward()


# ---------------------------------------------------------------------------------------------------------------------
# Networks, losses and optimisers


def test_a_network_is_called_and_knows_its_parameters():
    network = ab.nn.Sequential(ab.nn.Linear(4, 3, rng=0), ab.nn.ReLU(), ab.nn.Linear(3, 2, rng=1))
    assert network(np.ones((5, 4), np.float32)).shape == (5, 2)
    assert [p.shape for p in network.parameters()] == [(4, 3), (3,), (3, 2), (2,)]


def test_a_loss_compares_scores_with_labels():
    loss = ab.nn.cross_entropy(ab.Variable([[2.0, 2.0], [0.0, 0.0]]), np.array([0, 1]))
    np.testing.assert_allclose(loss.item(), np.log(2.0))


@pytest.mark.parametrize("kind", ["SGD", "Adam", "AdamW"])
def test_an_optimiser_steps_downhill(kind):
    weight = ab.Variable([4.0, -2.0])
    optimizer = getattr(ab.optim, kind)([weight], lr=0.1)
    np.sum(weight**2).backward()
    optimizer.step()
    assert np.sum(weight.numpy() ** 2) < 20.0


# ---------------------------------------------------------------------------------------------------------------------
# All of it at once: a small regression


def test_a_model_learns():
    x = np.linspace(-1, 1, 20)[:, None]
    w, b = ab.Variable(np.zeros((1, 1))), ab.Variable(np.zeros(1))
    for _ in range(200):
        np.mean((x @ w + b - (3 * x - 1)) ** 2).backward()
        for v in (w, b):
            v.data = v.data - 0.5 * v.grad
            v.zero_grad()
    np.testing.assert_allclose([w.item(), b.item()], [3.0, -1.0], atol=1e-3)
