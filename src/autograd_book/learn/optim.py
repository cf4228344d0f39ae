"""Optimisers.

An optimiser holds parameters. After ``backward`` has filled in their
gradients, ``step`` moves each of them in place.

::

    import numpy as np
    import autograd_book as ab

    weight = ab.Variable([4.0, -2.0])
    optimizer = ab.optim.Adam([weight], lr=0.1)
    for _ in range(200):
        optimizer.zero_grad()
        np.sum(weight**2).backward()
        optimizer.step()
    print(np.abs(weight.numpy()).max() < 1e-3)
"""
# Generated from book/learn/optim.md by autograd-book extract; edit the chapter, not this file.
# sha256: 33fbb361516270ae877b6c9f22b4c180fd4c8be63c85d3b4903d1865a50d4008

__all__ = [
    "Optimizer",
    "movable",
    "within",
    "remembered",
    "SGD",
    "blend",
    "begin",
    "Adam",
    "AdamW",
]


# book/learn/optim.md:69
from collections.abc import Iterable
from typing import Any

import numpy as np

from autograd_book.graph.errors import DifferentiationTypeError, DifferentiationValueError
from autograd_book.graph.record import Leaf
from autograd_book.graph.variable import Variable


class Optimizer:
    """Base of optimisers: moves parameters along their gradients, in place.

    Parameters
    ----------
    parameters : iterable of Variable
        What to move; each must be a leaf that requires a gradient, and appear once.
    lr : float
        Learning rate: the step for a gradient of one. May be changed at any time.

    Raises
    ------
    DifferentiationTypeError
        If something in `parameters` is not a leaf that requires a gradient.
    DifferentiationValueError
        If there are no parameters, one appears twice, or `lr` is negative.
    """

    def __init__(self, parameters: Iterable[Variable], lr: float) -> None:
        self.parameters = movable(parameters)  #: List of Variables.
        self.state: list[dict[str, np.ndarray]] = [{} for _ in self.parameters]  #: What is remembered of each.
        self.lr = within("lr", lr)

    def update(self, value: np.ndarray, gradient: np.ndarray, state: dict[str, np.ndarray]) -> None:
        """Change `value` in place."""
        raise NotImplementedError(f"{type(self).__name__} does not say how to move. Define update in it.")

    def step(self) -> None:
        """Move every parameter that has a gradient."""
        for parameter, state in zip(self.parameters, self.state, strict=True):
            if parameter.grad is not None:
                self.update(parameter.data, parameter.grad.numpy(), state)

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters:
            parameter.zero_grad()

    def state_dict(self) -> dict[str, Any]:
        """The learning rate, and copies of what is remembered, as ``"<number of parameter>.<name>"``."""
        return {"lr": self.lr} | {f"{i}.{name}": a.copy() for i, state in enumerate(self.state) for name, a in state.items()}

    def load_state_dict(self, state: Any) -> None:
        """Continue where the optimiser stood from which `state` was taken.

        Raises
        ------
        DifferentiationValueError
            If it speaks of a parameter that is not there, or has another shape; nothing is changed then.
        """
        found = remembered(state, self.parameters)
        self.lr, self.state = within("lr", float(state.get("lr", self.lr))), found


# book/learn/optim.md:148
def movable(parameters: Iterable[Any]) -> list[Variable]:
    """The parameters as a list, or the error that says which of them an optimiser cannot move."""
    found = [parameters] if isinstance(parameters, Variable) else list(parameters)
    for i, parameter in enumerate(found):
        if not isinstance(parameter, Variable) or not isinstance(parameter.node, Leaf):
            raise DifferentiationTypeError(
                f"parameter {i} of an optimiser is a {type(parameter).__name__} that keeps no gradient. "
                "Give it Variables made with requires_grad=True, as network.parameters() yields them."
            )
    if not found or len(set(map(id, found))) < len(found):
        raise DifferentiationValueError(
            f"an optimiser was given {len(found)} parameters, of which {len(set(map(id, found)))} are different. "
            "Give it at least one, and each once."
        )
    return found


# book/learn/optim.md:178
def within(name: str, value: float, end: float = np.inf) -> float:
    """The setting itself if ``0 <= value < end``, or the error that names it."""
    if not 0 <= value < end:
        raise DifferentiationValueError(f"{name}={value} was given to an optimiser. Choose it from 0 up to, not including, {end}.")
    return value


# book/learn/optim.md:202
def remembered(state: Any, parameters: list[Variable]) -> list[dict[str, np.ndarray]]:
    """The arrays of a flat state, as one dictionary for each parameter."""
    found: list[dict[str, np.ndarray]] = [{} for _ in parameters]
    for key in state:
        number, _, name = key.partition(".")
        if not name:
            continue
        i = int(number) if number.isdigit() else len(found)
        if i >= len(found) or np.shape(state[key]) not in ((), parameters[i].shape):
            raise DifferentiationValueError(
                f"a state remembers {key} with shape {np.shape(state[key])}, which fits none of the {len(found)} parameters. "
                "Load it into an optimiser of the network that it was taken from."
            )
        found[i][name] = np.array(state[key])
    return found


# book/learn/optim.md:262
class SGD(Optimizer):
    """Gradient descent, with momentum if wanted.

    Parameters
    ----------
    parameters : iterable of Variable
        What to move.
    lr : float
        Learning rate.
    momentum : float
        Fraction of the velocity that a step keeps, in [0, 1).
    weight_decay : float
        Strength of the pull towards zero that is added to the gradient.
    nesterov : bool
        Look one step ahead.
    """

    def __init__(
        self, parameters: Iterable[Variable], lr: float, momentum: float = 0.0, weight_decay: float = 0.0, nesterov: bool = False
    ) -> None:
        super().__init__(parameters, lr)
        self.momentum, self.weight_decay = within("momentum", momentum, 1.0), within("weight_decay", weight_decay)
        self.nesterov = nesterov

    def update(self, value: np.ndarray, gradient: np.ndarray, state: dict[str, np.ndarray]) -> None:
        """Change `value` in place."""
        if self.weight_decay:
            gradient = gradient + self.weight_decay * value
        if self.momentum:
            if "velocity" not in state:
                state["velocity"] = np.zeros_like(value)
            velocity = state["velocity"]
            velocity *= self.momentum
            velocity += gradient
            gradient = gradient + self.momentum * velocity if self.nesterov else velocity
        value -= self.lr * gradient


# book/learn/optim.md:338
def blend(mean: np.ndarray, sample: np.ndarray, beta: float) -> None:
    """Move a running mean towards a sample, in place, so that a fraction `beta` of it stays."""
    mean *= beta
    mean += (1 - beta) * sample


def begin(state: dict[str, np.ndarray], value: np.ndarray) -> dict[str, np.ndarray]:
    """The given state with the running means and the count of steps set to zero."""
    state |= {"steps": np.zeros((), np.int64), "mean": np.zeros_like(value), "square": np.zeros_like(value)}
    return state


# book/learn/optim.md:364
class Adam(Optimizer):
    """Steps of a length that adapts to each element; weight decay is added to the gradient.

    Parameters
    ----------
    parameters : iterable of Variable
        What to move.
    lr : float
        Learning rate: about the largest step of any element.
    betas : pair of float
        Memory of the mean of gradients, and of the mean of their squares; in [0, 1).
    eps : float
        Added to the denominator.
    weight_decay : float
        Strength of the pull towards zero.
    """

    decoupled = False  #: Whether weight decay goes around the quotient.

    def __init__(
        self,
        parameters: Iterable[Variable],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr)
        self.betas = within("betas[0]", betas[0], 1.0), within("betas[1]", betas[1], 1.0)
        self.eps, self.weight_decay = within("eps", eps), within("weight_decay", weight_decay)

    def update(self, value: np.ndarray, gradient: np.ndarray, state: dict[str, np.ndarray]) -> None:
        """Change `value` in place."""
        state = state or begin(state, value)
        if self.decoupled:
            value *= 1 - self.lr * self.weight_decay
        elif self.weight_decay:
            gradient = gradient + self.weight_decay * value
        state["steps"] += 1
        blend(state["mean"], gradient, self.betas[0])
        blend(state["square"], gradient * gradient, self.betas[1])
        first, second = [1 - beta ** state["steps"].item() for beta in self.betas]
        value -= self.lr / first * state["mean"] / (np.sqrt(state["square"] / second) + self.eps)


# book/learn/optim.md:429
class AdamW(Adam):
    """Adam with decoupled weight decay: values shrink by ``lr * weight_decay``, whatever their gradients; see `Adam`."""

    decoupled = True  #: As Loshchilov and Hutter have it.

    def __init__(
        self,
        parameters: Iterable[Variable],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(parameters, lr, betas, eps, weight_decay)
