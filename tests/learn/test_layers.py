"""Layers for images: shapes, refusals, and every layer under every transformation."""

import numpy as np
import pytest
from layers import with_parameters

import autograd_book as ab
from autograd_book import nn

RNG = np.random.default_rng(0)
IMAGES, SOUND, ROWS = RNG.normal(size=(3, 2, 6, 6)), RNG.normal(size=(3, 2, 8)), RNG.normal(size=(3, 4))
LAYERS = {
    "Conv1d": (lambda d: nn.Conv1d(2, 4, 3, padding=1, rng=0, dtype=d), SOUND),
    "Conv2d": (lambda d: nn.Conv2d(2, 4, (3, 2), stride=2, groups=2, rng=0, dtype=d), IMAGES),
    "MaxPool1d": (lambda d: nn.MaxPool1d(2), SOUND), "AvgPool1d": (lambda d: nn.AvgPool1d(2), SOUND),
    "MaxPool2d": (lambda d: nn.MaxPool2d(2), IMAGES), "AvgPool2d": (lambda d: nn.AvgPool2d(3, 1, 1), IMAGES),
    "Flatten": (lambda d: nn.Flatten(), IMAGES), "RMSNorm": (lambda d: nn.RMSNorm(4, dtype=d), ROWS),
    "LayerNorm": (lambda d: nn.LayerNorm(4, dtype=d), ROWS),
    **{name: (lambda d, name=name: getattr(nn, name)(), ROWS)
       for name in ("ReLU", "Tanh", "Sigmoid", "SiLU", "GELU", "Softplus", "Softmax", "LogSoftmax")},
}


def made(name, dtype=np.float64):
    build, x = LAYERS[name]
    return build(dtype), x.astype(dtype)


def as_function(name):
    """The loss as a function of input and parameters, and numbers for them."""
    layer, x = made(name)
    names, values = [n for n, _ in layer.named_parameters()], [p.numpy() for p in layer.parameters()]
    return lambda x, *weights: with_parameters(layer, names, lambda m: np.mean(m(x) ** 2))(*weights), (x, *values)


def value_and_slopes(call, layer, x):
    """The loss, and the slopes of the input and of all parameters."""
    layer.zero_grad()
    given = ab.Variable(x)
    loss = np.mean(call(given) ** 2)
    loss.backward()
    return [loss.numpy(), given.grad.numpy(), *(p.grad.numpy() for p in layer.parameters())]


@pytest.mark.parametrize("name", LAYERS)
def test_slopes_of_every_layer_are_right(name):
    loss, given = as_function(name)
    ab.check_gradients(loss, *given)


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_is_the_same_when_it_is_computed_again(name):
    layer, x = made(name)
    for mine, kept in zip(value_and_slopes(ab.checkpoint(layer), layer, x), value_and_slopes(layer, layer, x), strict=True):
        np.testing.assert_array_equal(mine, kept)


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_learns_the_same_when_the_step_is_compiled(name):
    def trained(around):
        layer, x = made(name)
        network = nn.Sequential(lambda x: x * scale, layer)
        scale = ab.Variable(1.5)
        optimizer = ab.optim.SGD([scale, *layer.parameters()], lr=0.1)

        def step(x):
            optimizer.zero_grad()
            loss = np.mean(network(x) ** 2)
            loss.backward()
            optimizer.step()
            return loss

        run = around(step)
        losses = [float(np.asarray(run(k * x).detach())) for k in (1.0, 0.5, 1.0)]
        return losses, [p.numpy() for p in optimizer.parameters]

    for mine, kept in zip(trained(ab.compile), trained(lambda step: step), strict=True):
        for one, other in zip(mine, kept, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_learns_in_half_precision(name):
    layer, x = made(name, np.float32)
    exact = value_and_slopes(layer, layer, x)
    with ab.autocast():
        rounded = value_and_slopes(layer, layer, x)
    for mine, kept in zip(rounded, exact, strict=True):
        assert mine.dtype == np.float32
        np.testing.assert_allclose(mine, kept, rtol=0.02, atol=0.01)


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_keeps_single_precision_and_prints_its_name(name):
    layer, x = made(name, np.float32)
    assert np.asarray(layer(x).numpy() if isinstance(layer(x), ab.Variable) else layer(x)).dtype == np.float32
    assert repr(layer).startswith(f"{name}(")


def test_a_normalisation_has_one_class_under_two_names():
    assert nn.LayerNorm is ab.sequence.LayerNorm
    assert nn.Embedding is ab.sequence.Embedding


def test_weights_of_a_convolution_have_the_variance_of_its_windows():
    weight = nn.Conv2d(8, 600, 3, groups=2, rng=0).weight.numpy()
    assert weight.shape == (600, 4, 3, 3)
    assert weight.var() == pytest.approx(2 / 36, rel=0.05)


def test_a_convolution_without_bias_has_one_parameter():
    assert [name for name, _ in nn.Conv1d(1, 2, 3, bias=False).named_parameters()] == ["weight"]


def test_an_empty_batch_is_flattened():
    assert nn.Flatten()(np.zeros((0, 2, 3))).shape == (0, 6)


@pytest.mark.parametrize("groups", [0, 4])
def test_groups_that_do_not_divide_the_channels_are_refused(groups):
    with pytest.raises(ValueError, match=f"dealt to {groups} groups"):
        nn.Conv2d(6, 8, 3, groups=groups)


def test_rows_of_another_width_are_refused_by_the_name_of_the_layer():
    with pytest.raises(ValueError, match=r"RMSNorm\(4\) was called with an input of shape \(2, 3\)"):
        nn.RMSNorm(4)(np.ones((2, 3)))
