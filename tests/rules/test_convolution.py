"""The rules of book/rules/convolution.md."""

import itertools

import numpy as np
import pytest
from cases.convolution import SETTINGS
from casework import uniform
from slow_windows import per_axis, slow_windows, surrounded

import autograd_book as ab
from autograd_book.graph.backward import reachable
from autograd_book.rules import convolution as c


def slow_convolution(x, w, b, stride=1, padding=0, dilation=1, groups=1):
    n = x.ndim - 2
    reach = [d * (k - 1) + 1 for k, d in zip(w.shape[2:], per_axis(dilation, n), strict=True)]
    outs, ins = w.shape[:2]
    z = None
    for counts, place, window in slow_windows(surrounded(x, padding, reach, 0.0), w.shape[2:], stride, dilation):
        z = np.zeros((len(x), outs, *counts)) if z is None else z
        for e, o in itertools.product(range(len(x)), range(outs)):
            first = o // (outs // groups) * ins
            z[(e, o, *place)] = np.sum(window[e, first : first + ins] * w[o]) + b[o]
    return z


@pytest.mark.parametrize(("x", "w", "options"), SETTINGS, ids=str)
def test_a_convolution_is_what_a_slow_loop_finds(x, w, options) -> None:
    fun = c.conv1d if len(x) == 3 else c.conv2d
    args = uniform(x), uniform(w, seed=1), uniform(w[:1], seed=2)
    expected = slow_convolution(*args, **options)
    np.testing.assert_allclose(fun(*args, **options), expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(fun(*map(ab.Variable, args), **options).numpy(), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64])
def test_values_and_gradients_keep_their_dtype(dtype) -> None:
    x, w = ab.Variable(np.ones((1, 2, 5), dtype)), ab.Variable(np.ones((2, 2, 3), dtype))
    z = ab.avg_pool1d(c.conv1d(x, w, padding="same"), 2, padding=1)
    np.sum(np.real(z)).backward()
    assert (z.dtype, x.grad.dtype, w.grad.dtype) == (dtype,) * 3


def test_a_border_may_differ_from_axis_to_axis_and_side_to_side() -> None:
    x = uniform((1, 1, 3, 4))
    np.testing.assert_array_equal(c.padded(x, c.borders((1, (0, 2)), (3, 3))), np.pad(x, [(0, 0), (0, 0), (1, 1), (0, 2)]))


def test_windows_and_fold_are_transposes_of_each_other() -> None:
    x = uniform((2, 9, 3))
    seen = c.windows(x, 3, 1, 2, 2)
    w = uniform(seen.shape, seed=1)
    np.testing.assert_allclose(np.sum(seen * w), np.sum(x * c.fold(w, 9, 1, 2, 2)))


def test_a_window_is_a_view_and_a_convolution_saves_no_windows() -> None:
    x, w = ab.Variable(np.ones((1, 1, 50, 50))), ab.Variable(np.ones((1, 1, 5, 5)))
    assert np.shares_memory(c.windows(x, 5, 2).numpy(), x.numpy())
    z = c.conv2d(x, w)
    held = [np.size(value) for node in reachable(z.node) for value in node.saved]
    assert sum(held) <= x.size + w.size + 8


SLIDING = np.lib.stride_tricks.sliding_window_view


@pytest.mark.parametrize("args", [((2, 3),), (2, 1), ((3, 2), (1, 1)), ([2], [0])], ids=str)
def test_windows_of_numpy_are_those_of_numpy(args) -> None:
    x = uniform((4, 5))
    np.testing.assert_array_equal(SLIDING(ab.Variable(x), *args).numpy(), SLIDING(x, *args))


X, W = np.ones((2, 4, 6, 6)), np.ones((4, 2, 3, 3))
#: What is wrong, and the words that have to be in the message.
FAULTS = {
    "axes": (lambda x: c.conv1d(x, W), [str(X.shape), str(W.shape), "1 axes"]),
    "axes of weights": (lambda x: c.conv2d(x, W[0]), [str(X.shape), str(W.shape[1:])]),
    "axes of pooling": (lambda x: ab.max_pool1d(x, 2), [str(X.shape)]),
    "channels": (lambda x: c.conv2d(x, W), [str(X.shape), str(W.shape), "groups=1"]),
    "groups": (lambda x: c.conv2d(x, W[:3], groups=2), [str(X.shape), "(3, 2, 3, 3)", "groups=2"]),
    "no groups": (lambda x: c.conv2d(x, W, groups=0), ["groups=0"]),
    "bias": (lambda x: c.conv2d(x, W, np.ones(3), groups=2), ["(3,)", str(W.shape)]),
    "size": (lambda x: c.conv2d(x, np.ones((4, 4, 7, 3))), ["(7, 3)", str(X.shape)]),
    "dilation": (lambda x: c.conv2d(x, W, groups=2, dilation=3), ["(7, 7)", str(X.shape)]),
    "stride": (lambda x: c.conv2d(x, W, groups=2, stride=0), ["stride=0"]),
    "strides": (lambda x: c.conv2d(x, W, groups=2, stride=(1, 2, 3)), ["stride=(1, 2, 3)", "2 axes"]),
    "padding": (lambda x: c.conv2d(x, W, groups=2, padding="full"), ["'full'", "'valid'"]),
    "paddings": (lambda x: c.conv2d(x, W, groups=2, padding=(1, 2, 3)), ["(1, 2, 3)", "2 axes"]),
    "negative padding": (lambda x: c.conv2d(x, W, groups=2, padding=-1), ["padding=-1"]),
    "same with stride": (lambda x: c.conv2d(x, W, groups=2, padding="same", stride=2), ["'same'", "stride of (2, 2)"]),
    "same pool with stride": (lambda x: ab.max_pool2d(x, 2, padding="same"), ["'same'", "stride of (2, 2)"]),
    "half a stride": (lambda x: c.conv2d(x, W, groups=2, stride=1.5), ["stride=1.5", "integer"]),
    "half a padding": (lambda x: c.conv2d(x, W, groups=2, padding=0.5), ["padding=0.5", "integer"]),
    "three sides": (lambda x: c.conv2d(x, W, groups=2, padding=(1, (1, 2, 3))), ["(1, (1, 2, 3))"]),
    "no weights": (lambda x: c.conv2d(x, np.ones((4, 4, 0, 3))), ["size=(0, 3)"]),
    "kernel": (lambda x: ab.avg_pool2d(x, 0), ["kernel=0"]),
    "padding of a pool": (lambda x: ab.max_pool2d(x, 2, padding=2), ["padding=2", "(2, 2)"]),
    "writeable windows": (lambda x: SLIDING(x, 2, 0, writeable=True), ["writeable=True"]),
    "lengths of windows": (lambda x: SLIDING(x, (2, 2)), ["(2, 2)", str(X.shape)]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_does_not_fit_is_refused_with_both_shapes(fault) -> None:
    program, words = FAULTS[fault]
    with pytest.raises(ab.AutogradError) as caught:
        program(ab.Variable(X))
    assert [word for word in words if word not in str(caught.value)] == []


def test_an_error_of_the_derivative_would_be_seen() -> None:
    """Weights that are reversed on the way back, the classical mistake, disagree with differences."""
    w = uniform((1, 1, 3), seed=1)

    @ab.primitive("x", x=lambda g: c.conv1d(g, w, padding="same"))
    def wrong(x):
        return c.conv1d(x, w, padding="same")

    with pytest.raises(ab.GradientCheckError):
        ab.check_gradients(wrong, uniform((1, 1, 5)))
