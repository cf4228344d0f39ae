"""Rates that change.

Rates as functions of the step; a rate for each parameter; a mean of what the
parameters have been.

::

    import numpy as np
    import autograd_book as ab

    w = ab.Variable([4.0, -2.0])
    optimizer, rate = ab.optim.RMSprop([w]), ab.optim.cosine(0.1, steps=100, warmup=10)
    average = ab.optim.MovingAverage([w], decay=0.9)
    for step in range(100):
        optimizer.lr = rate(step)
        optimizer.zero_grad()
        np.sum(w**2).backward()
        optimizer.step()
        average.update()
    with average.swapped():
        print(w.numpy().round(1))
"""
# Generated from book/learn/rates.md by autograd-book extract; edit the chapter, not this file.
# sha256: 3f566fb5939641227ce98947491c7e8a6a262a9a15c9a432e412ccb56c683a16

__all__ = [
    "Rate",
    "expect_counted",
    "from_zero",
    "along_cosine",
    "steady",
    "stepwise",
    "cosine",
    "one_cycle",
    "Plateau",
    "Adagrad",
    "RMSprop",
    "Lion",
    "MovingAverage",
]


# book/learn/rates.md: Plain functions
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from math import cos, inf, pi
from typing import Any, ClassVar

import numpy as np

from autograd_book.graph.errors import DifferentiationValueError, with_usage
from autograd_book.graph.variable import Variable
from autograd_book.learn.nn import expect_state, fitting
from autograd_book.learn.optim import (
    Optimizer, blend, movable, pair, setting_below_one, within,
)
from autograd_book.rules.elementwise import wide

Rate = Callable[[int], float]  #: From the number of a step, from 0, to a rate.


def expect_counted(**numbers: int) -> None:
    """Raise unless all are whole numbers from 0, or from 1 where a length is meant."""
    for name, number in numbers.items():
        least = 1 if name in ("steps", "every") else 0
        whole = isinstance(number, (int, np.integer)) and not isinstance(number, bool)
        if not whole or number < least:
            raise DifferentiationValueError(
                f"a schedule was given {name}={number!r}. Give a whole number from {least}."
            )


def from_zero(step: int) -> int:
    """The number of a step, or the error that it is none."""
    expect_counted(step=step)
    return step


def along_cosine(start: float, end: float, part: float) -> float:
    """From start to end along half a cosine."""
    return end + (start - end) * (1 + cos(pi * min(max(part, 0.0), 1.0))) / 2


def steady(rate: float) -> Rate:
    """The same rate at each step."""
    rate = within("rate", rate)
    return lambda step: rate


def stepwise(rate: float, every: int, factor: float = 0.1) -> Rate:
    """A rate that is multiplied by a factor after every so many steps."""
    expect_counted(every=every)
    rate, factor = within("rate", rate), within("factor", factor)
    return lambda step: rate * factor ** (from_zero(step) // every)


def cosine(rate: float, steps: int, warmup: int = 0, final: float = 0.0) -> Rate:
    """A rate that rises in a straight line for `warmup` steps, and falls along half a cosine
    until `steps`, to `final`."""
    expect_counted(steps=steps, warmup=warmup)
    rate, final = within("rate", rate), within("final", final)
    if warmup >= steps:
        raise DifferentiationValueError(
            f"a schedule was given warmup={warmup} of {steps} steps. Give fewer."
        )

    def at(step: int) -> float:
        if from_zero(step) < warmup:
            return rate * (step + 1) / warmup
        return along_cosine(rate, final, (step - warmup) / (steps - warmup))

    return at


def one_cycle(
    rate: float, steps: int, rising: float = 0.3, start: float = 0.04, final: float = 4e-6
) -> Rate:
    """A rate that goes from a share of `rate` up to it, in the part `rising` of the steps, and
    down to a much smaller share; after L. Smith and N. Topin, *Super-convergence* (2019)."""
    expect_counted(steps=steps)
    rate, top = within("rate", rate), setting_below_one("rising", rising) * steps - 1

    def at(step: int) -> float:
        if from_zero(step) < top:
            return along_cosine(start * rate, rate, step / top)
        return along_cosine(rate, final * rate, (step - top) / max(steps - 1 - top, 1))

    return at


# book/learn/rates.md: A rate that waits
class Plateau:
    """A rate that falls when a loss stays where it is.

    Parameters
    ----------
    rate : float
        To begin with.
    factor : float
        By which it is multiplied, in [0, 1).
    patience : int
        How many losses in a row may be no better.
    threshold : float
        By which share of the best one a loss has to be lower, to be better.
    """

    @with_usage
    def __init__(
        self, rate: float, factor: float = 0.1, patience: int = 10, threshold: float = 1e-4
    ) -> None:
        self.rate, self.factor = within("rate", rate), setting_below_one("factor", factor)
        expect_counted(patience=patience)
        self.patience, self.threshold = patience, setting_below_one("threshold", threshold)
        self.best, self.waited = inf, 0

    def __call__(self, loss: Any) -> float:
        """The rate after another loss."""
        better = float(loss) < self.best - self.threshold * abs(self.best if self.best < inf else 0)
        self.best, self.waited = (float(loss), 0) if better else (self.best, self.waited + 1)
        if self.waited > self.patience:
            self.rate, self.waited = self.rate * self.factor, 0
        return self.rate

    def __repr__(self) -> str:
        return f"Plateau({self.rate}, factor={self.factor}, patience={self.patience})"

    def state_dict(self) -> dict[str, float]:
        """The rate, the best loss, and how long ago it was."""
        return {"rate": self.rate, "best": self.best, "waited": self.waited}

    def load_state_dict(self, state: Any) -> None:
        """Go on from a state; what does not fit raises, and changes nothing."""
        if not isinstance(state, Mapping) or set(state) != {"rate", "best", "waited"}:
            raise DifferentiationValueError(
                "a Plateau was given a state that is none of it. Give what its state_dict() "
                "returned."
            )
        numbers = [np.asarray(state[name]).item() for name in ("rate", "best", "waited")]
        if not all(isinstance(number, (int, float)) for number in numbers):
            raise DifferentiationValueError(
                f"a Plateau was given the state {state!r}. Give numbers, as its state_dict() "
                "returned them."
            )
        self.rate, self.best, self.waited = within("rate", numbers[0]), numbers[1], int(numbers[2])


# book/learn/rates.md: A rate for each parameter
class Adagrad(Optimizer):
    """Steps divided by the root of the sum of all squares so far.

    Parameters
    ----------
    parameters, lr, weight_decay
        As of `SGD`.
    eps : float
        Added to the denominator.
    """

    settings: ClassVar = {"eps": within, "weight_decay": within}
    memories: ClassVar = {"square": None}
    eps: float
    weight_decay: float

    @with_usage
    def __init__(
        self, parameters: Iterable[Variable], lr: float = 1e-2, eps: float = 1e-10,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr, eps=eps, weight_decay=weight_decay)

    def update(self, value: Any, gradient: Any, state: dict[str, Any]) -> None:
        """Change `value` in place."""
        square = self.remembered(state, value)["square"]
        if self.weight_decay:
            gradient = gradient + self.weight_decay * value
        square += gradient * gradient
        value -= self.lr * gradient / (np.sqrt(square) + self.eps)


class RMSprop(Optimizer):
    """Steps divided by the root of a running mean of squares, with momentum if wanted.

    Parameters
    ----------
    parameters, lr, momentum, weight_decay
        As of `SGD`.
    alpha : float
        Memory of the mean of squares; in [0, 1).
    eps : float
        Added to the denominator.
    """

    settings: ClassVar = {
        "alpha": setting_below_one, "eps": within, "momentum": setting_below_one, "weight_decay": within,
    }
    memories: ClassVar = {"square": None, "velocity": None}
    alpha: float
    eps: float
    momentum: float
    weight_decay: float

    @with_usage
    def __init__(
        self, parameters: Iterable[Variable], lr: float = 1e-2, alpha: float = 0.99,
        eps: float = 1e-8, momentum: float = 0.0, weight_decay: float = 0.0,
    ) -> None:
        given = {"alpha": alpha, "eps": eps, "momentum": momentum, "weight_decay": weight_decay}
        super().__init__(parameters, lr, **given)

    def update(self, value: Any, gradient: Any, state: dict[str, Any]) -> None:
        """Change `value` in place."""
        state = self.remembered(state, value)
        if self.weight_decay:
            gradient = gradient + self.weight_decay * value
        blend(state["square"], gradient * gradient, self.alpha)
        gradient = gradient / (np.sqrt(state["square"]) + self.eps)
        if self.momentum:
            velocity = state["velocity"]
            velocity *= self.momentum
            velocity += gradient
            gradient = velocity
        value -= self.lr * gradient


# book/learn/rates.md: A rate for each parameter
class Lion(Optimizer):
    """Steps of one length for all elements, in the direction of a mixture of gradients;
    weight decay is decoupled.

    Parameters
    ----------
    parameters, lr
        As of `Optimizer`; the rate is the step, and a tenth of Adam's is a beginning.
    betas : pair of float
        Share of the remembered mean in the direction, and memory of that mean; in [0, 1).
    weight_decay : float
        By which share of the rate values shrink.
    """

    settings: ClassVar = {"betas": pair, "weight_decay": within}
    memories: ClassVar = {"mean": None}
    betas: tuple[float, float]
    weight_decay: float

    @with_usage
    def __init__(
        self, parameters: Iterable[Variable], lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99), weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr, betas=betas, weight_decay=weight_decay)

    def update(self, value: Any, gradient: Any, state: dict[str, Any]) -> None:
        """Change `value` in place."""
        mean = self.remembered(state, value)["mean"]
        if self.weight_decay:
            value *= 1 - self.lr * self.weight_decay
        value -= self.lr * np.sign(self.betas[0] * mean + (1 - self.betas[0]) * gradient)
        blend(mean, gradient, self.betas[1])


# book/learn/rates.md: The mean of where it has been
class MovingAverage:
    """A running mean of parameters.

    Parameters
    ----------
    parameters : iterable of Variable
        Of which to form it.
    decay : float
        Memory of the mean, in [0, 1); the first update takes the parameters as they are.
    """

    @with_usage
    def __init__(self, parameters: Iterable[Variable], decay: float = 0.999) -> None:
        self.parameters, self.decay = movable(parameters), setting_below_one("decay", decay)
        #: One array for each parameter, or none before the first update.
        self.means: list[np.ndarray] = []

    def update(self) -> None:
        """Move the mean towards the parameters."""
        values = [wide(parameter.numpy()) for parameter in self.parameters]
        if not self.means:
            self.means = [np.array(value) for value in values]
            return
        for mean, value in zip(self.means, values, strict=True):
            blend(mean, value, self.decay)

    @contextmanager
    def swapped(self) -> Iterator[None]:
        """A block in which the parameters have the values of the mean."""
        if not self.means:
            raise DifferentiationValueError(
                "the mean of parameters was asked for before the first update. Call update() "
                "after each step."
            )
        own = [parameter.value for parameter in self.parameters]
        try:
            for parameter, mean in zip(self.parameters, self.means, strict=True):
                parameter.value = mean.astype(parameter.dtype)  # a copy
            yield
        finally:
            for parameter, value in zip(self.parameters, own, strict=True):
                parameter.value = value

    def __repr__(self) -> str:
        return f"MovingAverage({len(self.parameters)} parameters, decay={self.decay})"

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copies of the means, by the number of the parameter."""
        return {str(i): mean.copy() for i, mean in enumerate(self.means)}

    def load_state_dict(self, state: Any) -> None:
        """Go on from a state; what does not fit raises, and changes nothing."""
        expect_state(state)
        likes = {str(i): wide(parameter.value) for i, parameter in enumerate(self.parameters)}
        self.means = list(fitting(likes if state else {}, state).values())
