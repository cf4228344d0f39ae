"""Two networks against each other: losses that do not overflow, steps that move one player each, and learning."""

import numpy as np
import pytest

import autograd_book as ab
from autograd_book.graph.errors import DifferentiationValueError
from autograd_book.learn.adversarial import (
    adversarial_step,
    discriminator,
    discriminator_loss,
    discriminator_step,
    generator,
    generator_loss,
    generator_step,
    leaky,
    noise_for,
    rivals,
    sample,
    softplus,
)


def players(dtype=np.float32):
    return generator(3, 8, 6, seed=0, dtype=dtype), discriminator(8, 6, seed=1, dtype=dtype)


def images(n=5, dtype=np.float32):
    return np.random.default_rng(0).uniform(size=(n, 6)).astype(dtype)


def state(network):
    return network.state_dict()


def same(one, other):
    return all(np.array_equal(one[name], other[name]) for name in one)


# Functions


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_functions_of_scores_do_not_overflow_and_keep_the_precision(dtype) -> None:
    x = np.array([-1e4, -1.0, 0.0, 1.0, 1e4], dtype)
    exact = np.array([0.0, np.log1p(np.exp(-1)), np.log(2), 1 + np.log1p(np.exp(-1)), 1e4])
    for fun, expected in ((softplus, exact), (ab.sigmoid, [0, 1 / (1 + np.e), 0.5, np.e / (1 + np.e), 1]), (leaky, np.where(x > 0, x, x / 5))):
        out = fun(ab.Variable(x))
        assert out.dtype == dtype
        np.testing.assert_allclose(out.numpy(), expected, rtol=1e-6, atol=1e-7)
        out.sum().backward()


@pytest.mark.parametrize("fun", [softplus, ab.sigmoid, leaky])
def test_their_derivatives_agree_with_differences(fun) -> None:
    ab.check_gradients(fun, np.array([-2.0, -0.5, 0.4, 3.0]), order=2)


def test_the_slope_of_softplus_is_the_logistic_function() -> None:
    x = np.linspace(-30, 30, 13)
    np.testing.assert_allclose(ab.elementwise_grad(softplus)(x), ab.sigmoid(x), rtol=1e-6, atol=1e-12)


def test_losses_are_the_logarithms_of_probabilities() -> None:
    real, fake = np.array([[2.0], [-1.0]]), np.array([[0.5], [-3.0]])
    p, q = ab.sigmoid(real), ab.sigmoid(fake)
    np.testing.assert_allclose(discriminator_loss(real, fake), -np.mean(np.log(p)) - np.mean(np.log(1 - q)), rtol=1e-12)
    np.testing.assert_allclose(generator_loss(fake), -np.mean(np.log(q)), rtol=1e-12)
    ab.check_gradients(discriminator_loss, real, fake, order=2)
    ab.check_gradients(generator_loss, fake, order=2)


def test_a_generator_that_is_found_out_still_has_a_slope() -> None:
    fake = np.full((4, 1), -50.0)
    np.testing.assert_allclose(ab.grad(generator_loss)(fake), -0.25, rtol=1e-12)
    saturating = lambda fake: -np.mean(softplus(fake))
    assert np.all(np.abs(ab.grad(saturating)(fake)) < 1e-20)


def test_losses_of_extreme_scores_are_finite() -> None:
    for size in (1e3, 1e30):
        real, fake = np.float32([[-size]]), np.float32([[size]])
        assert np.isfinite(discriminator_loss(real, fake)) and np.isfinite(generator_loss(-fake))
        assert all(np.all(np.isfinite(g)) for g in ab.grad(discriminator_loss, (0, 1))(real, fake))


# Networks


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_networks_have_the_shapes_and_the_precision_asked_for(dtype) -> None:
    forger, judge = players(dtype)
    made = forger(noise_for(forger, 7, np.random.default_rng(0)))
    assert made.shape == (7, 6) and made.dtype == dtype
    assert np.all((made.numpy() > 0) & (made.numpy() < 1))
    assert judge(made).shape == (7, 1) and judge(made).dtype == dtype
    optimizers = rivals(forger, judge)
    adversarial_step(forger, judge, optimizers, images(dtype=dtype), np.random.default_rng(0))
    for network in (forger, judge):
        assert {p.dtype for p in network.parameters()} == {p.grad.dtype for p in network.parameters()} == {np.dtype(dtype)}


def test_a_step_computes_in_one_precision_only(monkeypatch) -> None:
    from autograd_book.graph.interpreter import Evaluate

    seen, plain = set(), Evaluate.bind

    def bind(self, primitive, args, params):
        out = plain(self, primitive, args, params)
        seen.add((primitive.name, np.asarray(out).dtype))
        return out

    monkeypatch.setattr(Evaluate, "bind", bind)
    forger, judge = players()
    adversarial_step(forger, judge, rivals(forger, judge), images(), np.random.default_rng(0))
    assert seen and {kind for _, kind in seen if kind.kind == "f"} == {np.dtype(np.float32)}, seen


def test_seeds_determine_the_players() -> None:
    assert same(state(generator(seed=3)), state(generator(seed=3))) and not same(state(generator(seed=3)), state(generator(seed=4)))
    assert same(state(discriminator(seed=3)), state(discriminator(seed=3)))


# Steps


def test_the_discriminator_moves_alone() -> None:
    forger, judge = players()
    optimizers = rivals(forger, judge)
    before = state(forger), state(judge)
    fake = sample(forger, 5, np.random.default_rng(0))
    discriminator_step(judge, optimizers.discriminator, images(), fake)
    assert same(state(forger), before[0]) and not same(state(judge), before[1])
    assert all(p.grad is None for p in forger.parameters())


def test_the_generator_moves_alone_although_the_gradient_passes_through_both() -> None:
    forger, judge = players()
    optimizers = rivals(forger, judge)
    before = state(forger), state(judge)
    generator_step(forger, judge, optimizers.generator, noise_for(forger, 5, np.random.default_rng(0)))
    assert same(state(judge), before[1]) and not same(state(forger), before[0])


def test_what_the_generators_step_leaves_in_the_discriminator_does_not_count() -> None:
    results = []
    for leave in (False, True):
        forger, judge = players()
        optimizers = rivals(forger, judge)
        if leave:
            generator_loss(judge(sample(forger, 5, np.random.default_rng(1)))).backward()
        discriminator_step(judge, optimizers.discriminator, images(), sample(forger, 5, np.random.default_rng(0)))
        results.append(state(judge))
    assert same(*results)


def test_each_step_lowers_its_own_loss() -> None:
    forger, judge = players()
    optimizers, noise = rivals(forger, judge), noise_for(forger, 5, np.random.default_rng(0))
    fake = sample(forger, 5, np.random.default_rng(0))
    judged = [discriminator_step(judge, optimizers.discriminator, images(), fake) for _ in range(10)]
    assert judged[-1] < judged[0]
    forged = [generator_step(forger, judge, optimizers.generator, noise) for _ in range(10)]
    assert forged[-1] < forged[0]


def test_a_step_returns_both_losses_from_before_the_moves_in_turn() -> None:
    forger, judge = players()
    real, rng = images(), np.random.default_rng(3)
    fake = sample(forger, 5, np.random.default_rng(3))
    expected = float(discriminator_loss(judge(real), judge(fake)).item())
    losses = adversarial_step(forger, judge, rivals(forger, judge), real, rng)
    np.testing.assert_allclose(losses.discriminator, expected, rtol=1e-6)
    assert isinstance(losses.generator, float) and losses.generator > 0


def test_derivatives_through_both_players_agree_with_differences() -> None:
    forger, judge = players(np.float64)
    for network in (forger, judge):
        for layer in network.layers:
            if hasattr(layer, "weight"):
                layer.weight, layer.bias = layer.weight.numpy().copy(), layer.bias.numpy() + 0.1
    ab.check_gradients(lambda noise: generator_loss(judge(forger(noise))), np.random.default_rng(0).normal(size=(2, 3)), order=2)


def test_two_players_learn_a_simple_shape() -> None:
    """Real images have a bright left half and a dark right one; so have the made ones after a while."""
    rng = np.random.default_rng(0)
    forger, judge = players()
    optimizers = rivals(forger, judge, lr=5e-3)
    for _ in range(150):
        real = np.clip(np.repeat([[0.9, 0.1]], 3, axis=1) + 0.05 * rng.normal(size=(16, 6)), 0, 1).astype(np.float32)
        adversarial_step(forger, judge, optimizers, real, rng)
    made = sample(forger, 100, rng)
    assert made[:, :3].mean() > 0.7 and made[:, 3:].mean() < 0.2


# What is refused


@pytest.mark.parametrize(("real", "fake"), [((4, 6), (5, 6)), ((4, 6), (4, 5)), ((0, 6), (0, 6))], ids=str)
def test_batches_that_do_not_fit_are_refused(real, fake) -> None:
    _, judge = players()
    optimizer = ab.optim.Adam(judge.parameters(), lr=1e-3)
    with pytest.raises(DifferentiationValueError, match="real images of shape"):
        discriminator_step(judge, optimizer, np.zeros(real, np.float32), np.zeros(fake, np.float32))


def test_images_of_another_size_are_refused() -> None:
    forger, judge = players()
    with pytest.raises(DifferentiationValueError, match="real images of shape"):
        adversarial_step(forger, judge, rivals(forger, judge), np.zeros((4, 64), np.float32), np.random.default_rng(0))


@pytest.mark.parametrize("make", [lambda: generator(0), lambda: generator(3, 0), lambda: discriminator(0)])
def test_players_without_units_are_refused(make) -> None:
    with pytest.raises(DifferentiationValueError, match="has no weights"):
        make()
