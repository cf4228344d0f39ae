"""Losses: against formulas written by hand, and against what users get wrong."""

import numpy as np
import pytest

import autograd_book as ab
from autograd_book.learn.losses import accuracy, cross_entropy, mean_squared_error

RNG = np.random.default_rng(0)
LOGITS, LABELS = RNG.normal(size=(6, 4)), np.array([0, 3, 1, 2, 2, 0])


def probabilities(logits):
    """The softmax of each row, by its definition."""
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


# Cross-entropy


def test_cross_entropy_is_the_mean_of_negative_log_probabilities():
    by_hand = np.mean([-np.log(row[c]) for row, c in zip(probabilities(LOGITS), LABELS, strict=True)])
    assert cross_entropy(LOGITS, LABELS) == pytest.approx(by_hand, rel=1e-14)


def test_gradient_of_cross_entropy_is_probability_minus_truth_over_n():
    by_hand = (probabilities(LOGITS) - np.eye(4)[LABELS]) / 6
    np.testing.assert_allclose(ab.grad(cross_entropy)(LOGITS, LABELS), by_hand, rtol=1e-13)


def test_cross_entropy_has_right_derivatives_of_three_orders():
    ab.check_gradients(lambda z: cross_entropy(z, LABELS), LOGITS, order=3)


@pytest.mark.parametrize("size", [1e3, 1e5])
def test_huge_logits_give_finite_losses_and_gradients(size):
    logits = np.array([[size, 0.0], [0.0, size]])
    value, gradient = ab.value_and_grad(cross_entropy)(logits, [0, 0])
    assert value == size / 2
    np.testing.assert_array_equal(gradient, [[0, 0], [-0.5, 0.5]])


def test_a_logit_of_minus_infinity_is_a_class_that_is_ruled_out():
    assert cross_entropy([[0.0, -np.inf]], [0]) == 0.0
    assert cross_entropy([[0.0, -np.inf]], [1]) == np.inf


def test_equal_logits_cost_the_logarithm_of_the_number_of_classes():
    assert cross_entropy(np.full((3, 7), 5.0), [0, 1, 6]) == pytest.approx(np.log(7), rel=1e-15)


def test_repeating_the_batch_changes_nothing():
    assert cross_entropy(np.tile(LOGITS, (3, 1)), np.tile(LABELS, 3)) == pytest.approx(cross_entropy(LOGITS, LABELS), rel=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_of_logits_is_kept_in_loss_and_gradient(dtype):
    logits = ab.Variable(LOGITS.astype(dtype))
    loss = cross_entropy(logits, LABELS)
    loss.backward()
    assert (loss.dtype, logits.grad.dtype) == (dtype, dtype)


@pytest.mark.parametrize("labels", [[0, 3, 1, 2, 2, 0], LABELS.astype(np.uint8), LABELS.astype(np.int16), tuple(LABELS)])
def test_labels_of_any_integer_type_mean_the_same(labels):
    assert cross_entropy(LOGITS, labels) == cross_entropy(LOGITS, LABELS)


@pytest.mark.parametrize("loss", [cross_entropy, accuracy])
@pytest.mark.parametrize(
    ("logits", "labels", "error", "fact"),
    [
        (LOGITS, LABELS.astype(float), ab.DifferentiationTypeError, "dtype float64"),
        (LOGITS, LABELS > 1, ab.DifferentiationTypeError, "dtype bool"),
        (LOGITS, [0, 1, 2, 3, 0, -1], ab.DifferentiationValueError, "from -1 to 3"),
        (LOGITS, [0, 1, 2, 3, 0, 4], ab.DifferentiationValueError, "from 0 to 4, and the logits have 4 classes"),
        (LOGITS, LABELS[:, None], ab.DifferentiationValueError, r"\(6, 4\) came with labels of shape \(6, 1\)"),
        (LOGITS, LABELS[:5], ab.DifferentiationValueError, r"labels of shape \(5,\)"),
        (LOGITS[0], 0, ab.DifferentiationValueError, r"logits of shape \(4,\) are not a batch"),
        (np.zeros((0, 4)), np.zeros(0, int), ab.DifferentiationValueError, r"logits of shape \(0, 4\) are not a batch"),
        (np.zeros((0, 4)), [], ab.DifferentiationValueError, r"logits of shape \(0, 4\) are not a batch"),
        (LOGITS, [], ab.DifferentiationValueError, r"labels of shape \(0,\)"),
        (LOGITS, np.eye(4)[LABELS], ab.DifferentiationValueError, r"labels of shape \(6, 4\)"),
        (LOGITS, list("abcabc"), ab.DifferentiationTypeError, "dtype <U1"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_values_that_arrived(loss, logits, labels, error, fact):
    with pytest.raises(error, match=fact):
        loss(logits, labels)


def test_variables_are_checked_like_arrays():
    with pytest.raises(ab.DifferentiationValueError, match="4 classes"):
        cross_entropy(ab.Variable(LOGITS), [0, 1, 2, 3, 0, 4])


# Squared error


def test_squared_error_is_the_mean_over_all_elements():
    a, b = RNG.normal(size=(2, 3, 2))
    assert mean_squared_error(a, b) == pytest.approx(sum((x - y) ** 2 for x, y in zip(a.flat, b.flat, strict=True)) / 6)


def test_gradients_of_squared_error_reach_both_sides():
    a, b = ab.Variable([1.0, 4.0]), ab.Variable([0.0, 2.0])
    mean_squared_error(a, b).backward()
    np.testing.assert_array_equal(a.grad.numpy(), [1.0, 2.0])
    np.testing.assert_array_equal(b.grad.numpy(), [-1.0, -2.0])


def test_squared_error_has_right_derivatives_of_two_orders():
    ab.check_gradients(mean_squared_error, RNG.normal(size=(3, 2)), RNG.normal(size=(3, 2)))


@pytest.mark.parametrize(("a", "b"), [((3, 1), (3,)), ((3,), ()), ((2, 3), (3,))])
def test_squared_error_never_broadcasts(a, b):
    with pytest.raises(ab.DifferentiationValueError, match="the same shape"):
        mean_squared_error(ab.Variable(np.ones(a)), np.ones(b))


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0)])
def test_squared_error_of_nothing_is_refused(shape):
    with pytest.raises(ab.DifferentiationValueError, match="hold no number"):
        mean_squared_error(ab.Variable(np.ones(shape)), np.ones(shape))


# Accuracy


def test_accuracy_is_a_plain_float_between_none_and_all():
    logits = np.eye(4)
    assert accuracy(logits, [0, 1, 2, 3]) == 1.0
    assert accuracy(logits, [1, 2, 3, 0]) == 0.0
    assert accuracy(ab.Variable(logits), [0, 1, 2, 0]) == 0.75
    assert type(accuracy(ab.Variable(logits), [0, 1, 2, 0])) is float


def test_the_face_shows_the_losses():
    assert (ab.nn.cross_entropy, ab.nn.mean_squared_error, ab.nn.accuracy) == (cross_entropy, mean_squared_error, accuracy)


# Options, and other losses


def smoothed(logits, labels, share):
    """Cross-entropy with the truth spread, written out."""
    truth = (1 - share) * np.eye(logits.shape[1])[labels] + share / logits.shape[1]
    return np.mean(np.sum(-truth * np.log(probabilities(logits)), axis=1))


@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
def test_smoothed_labels_give_a_share_of_the_truth_to_all_classes(share):
    assert cross_entropy(LOGITS, LABELS, label_smoothing=share) == pytest.approx(smoothed(LOGITS, LABELS, share), rel=1e-13)
    ab.check_gradients(lambda z: cross_entropy(z, LABELS, label_smoothing=share), LOGITS)


def test_ignored_rows_have_no_slope_and_no_part_in_the_mean():
    labels = LABELS.copy()
    labels[[1, 4]] = -1
    kept = [0, 2, 3, 5]
    value, slope = ab.value_and_grad(lambda z: cross_entropy(z, labels, ignore_index=-1))(LOGITS)
    assert value == pytest.approx(cross_entropy(LOGITS[kept], LABELS[kept]), rel=1e-14)
    assert not slope[[1, 4]].any()
    np.testing.assert_allclose(slope[kept], ab.grad(cross_entropy)(LOGITS[kept], LABELS[kept]), rtol=1e-13)


Z, Y = RNG.normal(0, 3, size=(5, 2)), RNG.uniform(size=(5, 2))
OTHERS = {
    "binary_cross_entropy": lambda z: ab.nn.binary_cross_entropy(z, Y),
    "huber": lambda z: ab.nn.huber(z, Y, delta=0.7),
    "kl_divergence": lambda z: ab.nn.kl_divergence(z, Y / Y.sum(axis=1, keepdims=True)),
}
WRITTEN = {
    "binary_cross_entropy": lambda z: np.mean(-Y * np.log(1 / (1 + np.exp(-z))) - (1 - Y) * np.log(1 - 1 / (1 + np.exp(-z)))),
    "huber": lambda z: np.mean(np.where(np.abs(z - Y) < 0.7, 0.5 * (z - Y) ** 2, 0.7 * (np.abs(z - Y) - 0.35))),
    "kl_divergence": lambda z: np.mean(np.sum((Y / Y.sum(axis=1, keepdims=True)) * np.log(Y / Y.sum(axis=1, keepdims=True) / probabilities(z)), axis=1)),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_loss_is_its_formula_with_derivatives_of_two_orders(name):
    assert OTHERS[name](Z) == pytest.approx(WRITTEN[name](Z), rel=1e-12)
    ab.check_gradients(OTHERS[name], Z)


@pytest.mark.parametrize("name", OTHERS)
def test_a_loss_keeps_its_format_and_is_the_same_compiled_and_example_by_example(name):
    single = ab.Variable(Z.astype(np.float32))
    loss = OTHERS[name](single)
    slope = ab.grad(OTHERS[name])
    np.testing.assert_array_equal(ab.compile(slope, exact=True)(Z), slope(Z))
    loss.backward()
    assert single.grad.dtype == np.float32
    stacked = np.stack([Z, 2 * Z, -Z])
    np.testing.assert_allclose(ab.vmap(slope)(stacked), [slope(z) for z in stacked], rtol=1e-12, atol=1e-15)


def test_losses_are_finite_where_probabilities_are_zero_or_one():
    far = np.array([-1e4, 1e4])
    for targets, wanted in (([0.0, 1.0], 0.0), ([1.0, 0.0], 1e4)):
        value, slope = ab.value_and_grad(ab.nn.binary_cross_entropy)(far, targets)
        assert value == wanted and np.isfinite(slope).all()
    value, slope = ab.value_and_grad(ab.nn.kl_divergence)(np.array([[0.0, 0.0]]), [[1.0, 0.0]])
    assert value == pytest.approx(np.log(2)) and slope.tolist() == [[-0.5, 0.5]]


NOT = {
    "all ignored": (lambda: cross_entropy(LOGITS, np.full(6, -1), ignore_index=-1), "all 6 labels were -1"),
    "a share above one": (lambda: cross_entropy(LOGITS, LABELS, label_smoothing=2), "from 0 to 1"),
    "a label that is not ignored": (lambda: cross_entropy(LOGITS, np.where(LABELS == 0, -1, LABELS)), "from -1 to 3"),
    "labels as probabilities": (lambda: ab.nn.binary_cross_entropy(Z, Y + 1), "between 0 and 1"),
    "a column beside a row": (lambda: ab.nn.huber(Z, Y[:, :1]), "the same shape"),
    "no width": (lambda: ab.nn.huber(Z, Y, delta=0.0), "positive"),
    "logits for probabilities": (lambda: ab.nn.kl_divergence(Z, Z), "between 0 and 1"),
    "nothing": (lambda: ab.nn.binary_cross_entropy(Z[:0], Y[:0]), "hold no number"),
}


@pytest.mark.parametrize("case", NOT)
def test_what_is_no_truth_is_refused(case):
    call, message = NOT[case]
    with pytest.raises(ab.AutogradError, match=message):
        call()
