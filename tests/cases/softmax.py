"""Cases for book/rules/softmax.md."""

import itertools
from collections.abc import Iterator

import numpy as np
from casework import Case, label, strided, transposed, uniform

import autograd_book as ab
from autograd_book.learn.losses import cross_entropy
from autograd_book.rules.softmax import log_softmax, softmax
from cases.reductions import AXES, call


def cases() -> Iterator[tuple[str, Case]]:
    for (shape, axis), fun in itertools.product(AXES, (softmax, log_softmax)):
        if axis != ():
            yield fun.__name__, Case(call(fun, axis=axis), (uniform(shape),), label(fun.__name__, shape, axis))
    yield "softmax", Case(softmax, (transposed(uniform((3, 4))),), "softmax of the last axis, transposed")
    for axis, keepdims in [(0, False), (1, True), (None, False), ((0, 1), True)]:
        for b in ((3, 4), (4,), ()):
            f = lambda x, b, axis=axis, keepdims=keepdims: ab.logsumexp(x, axis, keepdims, b)
            yield "log_weighted", Case(f, (uniform((3, 4)), uniform(b, 0.2, 2.0)), label("logsumexp b", axis, b))
    yield from losses()


def losses() -> Iterator[tuple[str, Case]]:
    """The cross-entropy, which stands in the chapters on learning; its labels have no derivative."""
    loss = lambda labels: lambda x: cross_entropy(x, labels)
    for layout in (np.asarray, transposed, strided):
        for labels in ([2, 0, 2], [0, 0, 3]):
            x = layout(uniform((3, 4)))
            yield "negative_log_likelihood", Case(loss(labels), (x,), label("cross-entropy", labels, layout.__name__))
    far = uniform((3, 4)) + np.array([[50.0], [-80.0], [0.0]])
    yield "negative_log_likelihood", Case(loss([1, 2, 3]), (far,), "cross-entropy of rows far apart")
