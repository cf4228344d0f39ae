"""Losses.

Two losses to descend, and one score to report. A loss is the mean over a
batch, so its size does not depend on how many examples were taken.

::

    import numpy as np
    import autograd_book as ab

    logits = ab.Variable([[2.0, 0.0, -1.0], [0.0, 0.5, 0.0]])
    labels = np.array([0, 2])
    loss = ab.nn.cross_entropy(logits, labels)
    loss.backward()
    print(loss, ab.nn.accuracy(logits, labels))
"""
# Generated from book/learn/losses.md by autograd-book extract; edit the chapter, not this file.
# sha256: 965be8af0b1acc36c92225dbcf850b1a7cd94ad71f4e195109494901bef39c6d

__all__ = [
    "integers",
    "expect_batch",
    "batch_of",
    "unlikely",
    "negative_log_likelihood",
    "rows_batch",
    "labelled",
    "cross_entropy",
    "expect_share",
    "expect_pairs",
    "mean_squared_error",
    "binary_cross_entropy",
    "huber",
    "kl_divergence",
    "expect_probabilities",
    "accuracy",
]


# book/learn/losses.md: Batches, and what may come in
from typing import Any

import numpy as np

from autograd_book.graph.errors import (
    DifferentiationTypeError, DifferentiationValueError, with_usage,
)
from autograd_book.graph.primitive import shape_of
from autograd_book.graph.methods import H, Operators
from autograd_book.rules.indexing import as_places
from autograd_book.rules.moments import all_numbers


def integers(labels: Any, called: str = "labels", what: str = "classes") -> Any:
    """Labels as an array of integers, or the error that says what they are instead."""
    labels = as_places(labels)
    if labels.dtype.kind not in "iu":
        raise DifferentiationTypeError(
            f"{called} of dtype {labels.dtype} do not name {what}. "
            f"Give integers, for example {called}.astype(int), or of names "
            "np.unique(labels, return_inverse=True)[1]."
        )
    return labels


# book/learn/losses.md: Batches, and what may come in
def expect_batch(shape: tuple[int, ...], labels: tuple[int, ...]) -> None:
    """Raise unless the shape of logits is (n, classes), and that of their labels (n,)."""
    if len(shape) != 2 or 0 in shape:
        raise DifferentiationValueError(
            f"logits of shape {shape} are not a batch. "
            "Give at least one row of scores, with shape (n, classes)."
        )
    if labels != shape[:1]:
        raise DifferentiationValueError(
            f"logits of shape {shape} came with labels of shape {labels}. "
            f"Give one label for each row, with shape {shape[:1]}."
        )


# book/learn/losses.md: Batches, and what may come in
def batch_of(logits: Any, labels: Any) -> tuple[Any, Any]:
    """Logits of shape (n, classes) and n labels, or the error that says what does not
    fit."""
    logits = logits if isinstance(logits, Operators) else np.asarray(logits)
    expect_batch(logits.shape, shape_of(labels))
    labels, classes = integers(labels), logits.shape[1]
    found = all_numbers(labels)
    if found.min() < 0 or found.max() >= classes:
        raise DifferentiationValueError(
            f"labels reach from {found.min()} to {found.max()}, "
            f"and the logits have {classes} classes. "
            f"Number the classes from 0 to {classes - 1}."
        )
    return logits, labels


# book/learn/losses.md: Cross-entropy
from autograd_book.graph.protocols import primitive
from autograd_book.rules.elementwise import wide
from autograd_book.rules.softmax import in_single, log_softmax, log_total, lowered, softmax


def unlikely(g: Any, logits: Any, labels: Any) -> Any:
    """Cotangent of the logits: probability minus truth, shared by the rows."""
    share = (wide(g) / labels.shape[-1])[..., np.newaxis, np.newaxis]
    truth = np.equal(labels[..., np.newaxis], np.arange(logits.shape[-1]))
    return share * (softmax(wide(logits)) - truth)


@primitive("logits labels", logits=lambda g, logits, labels: unlikely(g, logits, labels))
@in_single
def negative_log_likelihood(logits: Any, labels: Any) -> Any:
    """Mean over rows of what `cross_entropy` says, for logits (..., rows, classes)."""
    low, top = lowered(logits, -1)
    total, rows = (log_total(low, -1) + top)[..., 0], logits.reshape(-1, logits.shape[-1])
    picked = rows[np.arange(len(rows)), labels.reshape(-1)].reshape(labels.shape)
    return np.mean(total - picked, axis=-1)


# book/learn/losses.md: Cross-entropy
from autograd_book.graph.primitive import primitives
from autograd_book.modes.batching import batchings


def rows_batch(level: Any, primitive: Any, values: Any, batched: Any, params: Any) -> Any:
    """The loss of each example."""
    full = [
        v if b else np.broadcast_to(v, (level.size, *shape_of(v)))
        for v, b in zip(values, batched)
    ]
    return level.below.bind(primitive, full, params)


batchings[primitives[negative_log_likelihood]] = rows_batch


# book/learn/losses.md: Cross-entropy
def labelled(logits: Any, labels: Any, ignored: int | None) -> tuple[Any, Any]:
    """The rows of logits whose label is not the ignored one, and their labels."""
    expect_batch(shape_of(logits), shape_of(labels))
    labels = integers(labels)
    rows = np.flatnonzero(labels != ignored)
    if not len(rows):
        raise DifferentiationValueError(
            f"all {len(labels)} labels were {ignored}, which is to be ignored, and the mean of "
            "no losses is no number. Leave such a batch out."
        )
    rows_of: Any = logits if isinstance(logits, Operators) else np.asarray(logits)
    return rows_of[rows], labels[rows]


@with_usage
def cross_entropy(
    logits: H, labels: Any, label_smoothing: float = 0.0, ignore_index: int | None = None
) -> H:
    """Mean over the batch of the negative logarithm of the probability given to the true
    class.

    Parameters
    ----------
    logits : array_like or Variable
        Scores of shape (n, classes): unnormalised logarithms of probabilities.
    labels : array_like of int
        The true class of each row, from 0 to classes - 1; shape (n,).
    label_smoothing : float
        Share of the truth that is given to all classes alike, from 0 to 1.
    ignore_index : int, optional
        A label whose rows are left out, also of the mean.

    Returns
    -------
    scalar or Variable
        In nats, with the dtype of `logits`.

    Raises
    ------
    DifferentiationTypeError
        If the labels are not integers.
    DifferentiationValueError
        If the shapes do not belong together, a label names no class, or all are ignored.
    """
    if ignore_index is not None:
        logits, labels = labelled(logits, labels, ignore_index)
    logits, labels = batch_of(logits, labels)
    loss = negative_log_likelihood(logits, labels)
    if not expect_share(label_smoothing):
        return loss
    of_all = -np.mean(log_softmax(logits))
    return (1 - label_smoothing) * loss + label_smoothing * of_all


def expect_share(share: float) -> float:
    """The share of label smoothing, or the error that it is none."""
    if not 0 <= share <= 1:
        raise DifferentiationValueError(
            f"cross_entropy was given label_smoothing={share!r}. Give a share from 0 to 1."
        )
    return share


# book/learn/losses.md: Squared error
def expect_pairs(shape: tuple[int, ...], targets: tuple[int, ...]) -> None:
    """Raise unless predictions and targets have one shape, with something in it."""
    if shape != targets:
        raise DifferentiationValueError(
            f"predictions of shape {shape} came with targets of shape {targets}. Give both "
            "the same shape, for example with .reshape; broadcasting would compare each "
            "with all."
        )
    if 0 in shape:
        raise DifferentiationValueError(
            f"predictions and targets of shape {shape} hold no number. "
            "Give at least one of each, or leave an empty batch out."
        )


# book/learn/losses.md: Squared error
@with_usage
def mean_squared_error(predictions: H, targets: Any) -> H:
    """Mean over all elements of the squared difference.

    Parameters
    ----------
    predictions, targets : array_like or Variable
        Of equal shapes and not empty; nothing is broadcast.

    Returns
    -------
    scalar or Variable
        In the square of the targets' unit.

    Raises
    ------
    DifferentiationValueError
        If the shapes differ, or hold nothing.
    """
    expect_pairs(shape_of(predictions), shape_of(targets))
    return np.mean(np.square(np.subtract(predictions, targets)))


# book/learn/losses.md: Truth in parts, errors that are rare, distributions
from autograd_book.rules.activations import softplus


@with_usage
def binary_cross_entropy(logits: H, targets: Any) -> H:
    """Mean negative logarithm of the probability given to yes-or-no truths.

    Parameters
    ----------
    logits : array_like or Variable
        Scores: logarithms of odds, any shape.
    targets : array_like
        Of the same shape; 1 for yes, 0 for no, or what lies between.

    Returns
    -------
    scalar or Variable
        In nats.

    Raises
    ------
    DifferentiationValueError
        If the shapes differ or hold nothing, or a target is not between 0 and 1.
    """
    expect_pairs(shape_of(logits), shape_of(targets))
    expect_probabilities("targets", targets)
    return np.mean(np.subtract(softplus(logits), np.multiply(targets, logits)))


@with_usage
def huber(predictions: H, targets: Any, delta: float = 1.0) -> H:
    """Mean of half the squared difference up to `delta`, and of a straight line beyond.

    Parameters
    ----------
    predictions, targets : array_like or Variable
        Of equal shapes and not empty; nothing is broadcast.
    delta : float
        Where the line begins; its slope is `delta`.

    Returns
    -------
    scalar or Variable
        In the square of the targets' unit.
    """
    expect_pairs(shape_of(predictions), shape_of(targets))
    if not delta > 0:
        raise DifferentiationValueError(f"huber was given delta={delta!r}. Give a positive number.")
    error = np.abs(np.subtract(predictions, targets))
    near = np.minimum(error, delta)
    return np.mean(near * (error - 0.5 * near))


@with_usage
def kl_divergence(logits: H, targets: Any) -> H:
    """Mean over rows of the Kullback-Leibler divergence from the targets to the softmax of
    logits.

    Parameters
    ----------
    logits : array_like or Variable
        Scores of shape (n, classes).
    targets : array_like
        Probabilities of the same shape; each row has the sum 1.

    Returns
    -------
    scalar or Variable
        In nats; 0 if they agree.
    """
    expect_pairs(shape_of(logits), shape_of(targets))
    expect_probabilities("targets", targets)
    own = np.sum(np.multiply(targets, np.log(np.where(np.equal(targets, 0), 1.0, targets))))
    return (own - np.sum(np.multiply(targets, log_softmax(logits)))) / len(logits)


def expect_probabilities(what: str, values: Any) -> None:
    """Raise unless all numbers lie between 0 and 1."""
    found = all_numbers(values)
    if not (found.min() >= 0 and found.max() <= 1):
        raise DifferentiationValueError(
            f"{what} reach from {found.min()} to {found.max()}, and probabilities lie between "
            "0 and 1. Give probabilities, and not labels or logits."
        )


# book/learn/losses.md: The score
@with_usage
def accuracy(logits: Any, labels: Any) -> float:
    """Fraction of rows whose largest logit is the true class's; see `cross_entropy`."""
    logits, labels = batch_of(logits, labels)
    return float(np.mean(np.argmax(logits, axis=1) == labels))
