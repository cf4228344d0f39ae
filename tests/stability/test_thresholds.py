"""Thresholds that a run finds, the norms that it has, and limits relative to weights."""

import io
import math

import numpy as np
import pytest
from gradients_at_hand import holding

import autograd_book as ab
from autograd_book.stability.clipping import clip_gradients
from autograd_book.stability.thresholds import AutoClip, GradientMonitor, clip_gradients_adaptively

# Relative to the weights


def adaptive_by_hand(weight, gradient, ratio, eps, units):
    """Brock and others' formula, unit by unit; `units` gives the index of each."""
    clipped = gradient.copy()
    for unit in units:
        w, g = np.linalg.norm(weight[unit].ravel()), np.linalg.norm(gradient[unit].ravel())
        if g / max(w, eps) > ratio:
            clipped[unit] = ratio * max(w, eps) / g * gradient[unit]
    return clipped


@pytest.mark.parametrize(
    ("shape", "units"),
    [
        ((), [...]), ((6,), [...]), ((4, 5), [np.s_[:, i] for i in range(5)]),
        ((5, 4, 3), [np.s_[i] for i in range(5)]), ((5, 2, 3, 3), [np.s_[i] for i in range(5)]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("scale", [1e-4, 0.02, 3.0])
def test_units_are_shortened_relative_to_their_weights(shape, units, scale):
    rng = np.random.default_rng(1)
    weight = rng.normal(size=shape) * np.where(rng.random(shape[-1:]) < 0.3, 0.0, 1.0)
    a = ab.Variable(weight)
    a.grad = scale * rng.normal(size=shape)
    before = a.grad.numpy().copy()
    clip_gradients_adaptively(a, 0.01, eps=1e-3)
    np.testing.assert_allclose(a.grad.numpy(), adaptive_by_hand(weight, before, 0.01, 1e-3, units), rtol=1e-12)


def test_the_largest_quotient_is_returned():
    a = ab.Variable([[3.0, 0.0], [4.0, 0.0]])
    a.grad = np.array([[0.0, 0.0], [5.0, 2e-3]])
    assert clip_gradients_adaptively(a, 10.0) == pytest.approx(2.0)
    assert clip_gradients_adaptively(a, 0.5, eps=1e-4) == pytest.approx(20.0)
    np.testing.assert_allclose(a.grad.numpy(), [[0.0, 0.0], [2.5, 5e-5]])


# A running percentile


def test_threshold_is_the_percentile_of_the_norms_so_far():
    rng, clip, seen = np.random.default_rng(0), AutoClip(25.0), []
    assert clip.threshold == math.inf
    for size in rng.lognormal(size=30):
        a = holding(size * np.array([0.6, 0.8]))
        assert clip(a) == pytest.approx(size)
        seen.append(size)
        expected = np.percentile(seen, 25.0)
        assert clip.threshold == pytest.approx(expected)
        assert np.linalg.norm(a.grad.numpy()) == pytest.approx(min(size, expected))


def test_a_window_forgets_old_norms():
    clip = AutoClip(0.0, window=3)
    for size in (1.0, 5.0, 6.0, 7.0):
        clip(holding([size]))
    assert list(clip.norms) == [5.0, 6.0, 7.0]
    assert clip.threshold == 5.0


def test_norms_that_are_not_finite_are_not_remembered():
    clip = AutoClip(50.0)
    clip(holding([2.0]))
    assert math.isnan(clip(holding([math.nan])))
    assert clip(holding([math.inf])) == math.inf
    assert list(clip.norms) == [2.0]


@pytest.mark.parametrize("bad", [100.5, -1])
def test_percentile_stays_within_a_hundred(bad):
    with pytest.raises(ab.DifferentiationValueError, match="percentile"):
        AutoClip(bad)


@pytest.mark.parametrize("bad", [0, -3, 2.5, "4"])
def test_window_is_a_whole_number_of_norms(bad):
    with pytest.raises(ab.DifferentiationValueError, match="window="):
        AutoClip(window=bad)


# The monitor


def test_monitor_notes_global_and_layer_norms_by_name():
    network = ab.nn.Sequential(ab.nn.Linear(2, 3, rng=0), np.tanh, ab.nn.Linear(3, 1, rng=1))
    monitor, seen = GradientMonitor(network), []
    for scale in (1.0, 10.0):
        network.zero_grad()
        (scale * network(np.ones((1, 2))).sum()).backward()
        seen.append(monitor.record())
        assert seen[-1] == clip_gradients(network.parameters(), math.inf)
    assert monitor.total == seen
    assert seen[1] == pytest.approx(10 * seen[0], rel=1e-6)
    assert list(monitor.layers) == [name for name, _ in network.named_parameters()]
    last = dict(network.named_parameters())["layers.2.bias"]
    assert monitor.layers["layers.2.bias"] == pytest.approx([1.0, abs(last.grad.item())])


def test_monitor_keeps_lists_aligned_when_gradients_are_missing_or_ill():
    a, b = holding([3.0, 4.0]), ab.Variable(0.0)
    monitor = GradientMonitor({"a": a, "b": b})
    assert monitor.record() == 5.0
    b.grad = math.nan
    assert math.isnan(monitor.record())
    np.testing.assert_array_equal(monitor.layers["a"], [5.0, 5.0])
    np.testing.assert_array_equal(monitor.layers["b"], [0.0, math.nan])


def test_monitor_numbers_a_list_and_refuses_what_keeps_no_gradient():
    assert list(GradientMonitor([ab.Variable(0.0), ab.Variable(1.0)], 1.0).layers) == ["0", "1"]
    assert GradientMonitor([]).record() == 0.0
    with pytest.raises(ab.DifferentiationTypeError, match="item 1 "):
        GradientMonitor([ab.Variable(0.0), np.zeros(2)])
    with pytest.raises(ab.DifferentiationTypeError, match="item weight "):
        GradientMonitor({"weight": np.zeros(2)})


# States


def test_a_clip_continues_from_its_state_with_its_settings():
    first, weight = AutoClip(40.0, window=5, norm_type=1.0), ab.Variable(np.zeros(2))
    for size in (3.0, 1.0, 4.0, 1.5, 9.0, 2.0):
        weight.grad = [size, 0.0]
        first(weight)
    second = AutoClip()
    file = io.BytesIO()
    np.savez(file, **first.state_dict())
    file.seek(0)
    second.load_state_dict(np.load(file, allow_pickle=False))
    assert vars(first) == vars(second) and second.norms.maxlen == 5
    unlimited = AutoClip()
    unlimited.load_state_dict(AutoClip().state_dict())
    assert unlimited.norms.maxlen is None


@pytest.mark.parametrize(
    ("change", "fact"),
    [({"percentile": 101.0}, "percentile=101"), ({"window": -1}, "window=-1"), ({"norms": [[1.0]]}, "norms of dtype"), ({"norms": [-1.0]}, "norms of dtype"), ({"norms": ["a"]}, "norms of dtype"), ({"more": 1}, "more")],
)
def test_a_state_of_a_clip_that_does_not_fit_changes_nothing(change, fact):
    clip = AutoClip(20.0)
    clip.norms.append(2.0)
    with pytest.raises(ab.DifferentiationValueError, match=fact):
        clip.load_state_dict(AutoClip().state_dict() | change)
    assert clip.percentile == 20.0 and list(clip.norms) == [2.0]


def test_a_monitor_continues_from_its_state():
    w = {"a": ab.Variable(np.zeros(2)), "b": ab.Variable(0.0)}
    first, second = GradientMonitor(w, 1.0), GradientMonitor(w)
    w["a"].grad = [1.0, np.nan]
    first.record()
    w["a"].grad = [1.0, 2.0]
    first.record()
    second.load_state_dict(first.state_dict())
    np.testing.assert_equal([second.total, second.layers, second.norm_type], [first.total, first.layers, 1.0])
    for change in ({"total": np.ones(3)}, {"layers.a": np.ones((2, 1))}, {"layers.c": np.ones(2)}):
        with pytest.raises(ab.DifferentiationValueError):
            second.load_state_dict(first.state_dict() | change)
    np.testing.assert_equal([second.total, second.layers, second.norm_type], [first.total, first.layers, 1.0])


@pytest.mark.parametrize("watch", [lambda w: [w, w], lambda w: {"one": w, "two": w}])
def test_a_parameter_that_is_watched_twice_counts_once(watch):
    w = ab.Variable(np.zeros(2))
    w.grad = [3.0, 4.0]
    monitor = GradientMonitor(watch(w))
    assert monitor.record() == 5.0 == ab.clip_gradients([w, w], np.inf)
    assert list(monitor.layers.values()) == [[5.0], [5.0]]
