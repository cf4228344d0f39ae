"""Optimisers.

An optimiser holds parameters. After ``backward`` has filled in their
gradients, ``step`` moves each of them.

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
# sha256: 7cb5f026ddfc5ab616cb830c034c532d6390ed0d642fa003a98dd301c734be46

__all__ = [
    "writable_value",
    "as_reals",
    "Optimizer",
    "listed",
    "movable",
    "within",
    "remembered",
    "SGD",
    "blend",
    "begin",
    "pair",
    "Adam",
    "AdamW",
]


# book/learn/optim.md: What all of them share
from collections.abc import Iterable
from sys import getrefcount
from numbers import Real
from typing import Any

import numpy as np

from autograd_book.graph.errors import DifferentiationTypeError, DifferentiationValueError
from autograd_book.graph.record import Leaf
from autograd_book.graph.variable import Variable
from autograd_book.learn.nn import expect_state


def writable_value(parameter: Variable) -> np.ndarray:
    """The value of a parameter if nobody else holds it, or a copy: an array to write
    into."""
    # the parameter's own reference, and the call's
    alone = getrefcount(parameter.value) <= 2
    return parameter.value if alone else parameter.value.copy()


def as_reals(array: np.ndarray) -> np.ndarray:
    """A view of complex numbers as pairs of real ones; any other array as it is."""
    return (
        array[..., None].view(f"f{array.itemsize // 2}")
        if array.dtype.kind == "c"
        else array
    )


class Optimizer:
    """Base of optimisers: moves parameters along their gradients.

    Parameters
    ----------
    parameters : iterable of Variable
        What to move; each must be a leaf that requires a gradient, and appear once.
    lr : float
        Learning rate: the step for a gradient of one. May be changed at any time.

    Raises
    ------
    DifferentiationTypeError
        If something in `parameters` is not a leaf that requires a gradient, or `lr` no
        number.
    DifferentiationValueError
        If there are no parameters, one appears twice, or `lr` is negative or infinite.
    """

    def __init__(self, parameters: Iterable[Variable], lr: float) -> None:
        self.parameters = movable(parameters)  #: List of Variables.
        #: What is remembered of each.
        self.state: list[dict[str, np.ndarray]] = [{} for _ in self.parameters]
        self.lr = within("lr", lr)

    def update(
        self, value: np.ndarray, gradient: np.ndarray, state: dict[str, np.ndarray]
    ) -> None:
        """Change `value` in place."""
        raise NotImplementedError(
            f"{type(self).__name__} does not say how to move. Define update in it."
        )

    def step(self) -> None:
        """Move every parameter that has a gradient."""
        for parameter, state in zip(self.parameters, self.state, strict=True):
            if parameter.grad is not None:
                value = writable_value(parameter)
                self.update(as_reals(value), as_reals(parameter.grad.numpy()), state)
                parameter.value = value

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters:
            parameter.zero_grad()

    def state_dict(self) -> dict[str, Any]:
        """The rate, and copies of what is remembered, as ``"<number of
        parameter>.<name>"``."""
        found: dict[str, Any] = {"lr": self.lr}
        for i, state in enumerate(self.state):
            found |= {f"{i}.{name}": array.copy() for name, array in state.items()}
        return found

    def load_state_dict(self, state: Any) -> None:
        """Continue where the optimiser stood from which `state` was taken.

        Raises
        ------
        DifferentiationTypeError
            If it is not a mapping, or its rate is no number.
        DifferentiationValueError
            If it speaks of a parameter that is not there, or has another shape.
            In either case nothing is changed.
        """
        found = remembered(state, self.parameters)
        self.lr, self.state = within("lr", np.asarray(state.get("lr", self.lr))[()]), found


# book/learn/optim.md: What may come in
def listed(parameters: Any) -> list[Any]:
    """What an optimiser was given as a list, or the error that says that it is none."""
    if isinstance(parameters, Variable):
        return [parameters]
    if not isinstance(parameters, Iterable) or isinstance(parameters, np.ndarray):
        raise DifferentiationTypeError(
            f"an optimiser was given a value of type {type(parameters).__name__}. "
            "Give it network.parameters(), or Variables in a list."
        )
    return list(parameters)


# book/learn/optim.md: What may come in
def movable(parameters: Any) -> list[Variable]:
    """The parameters as a list, or the error that says which of them cannot be moved."""
    found = listed(parameters)
    for i, parameter in enumerate(found):
        if not isinstance(parameter, Variable) or not isinstance(parameter.node, Leaf):
            raise DifferentiationTypeError(
                f"parameter {i} of an optimiser is a {type(parameter).__name__} "
                "that keeps no gradient. Give it Variables made with requires_grad=True, "
                "as network.parameters() yields them."
            )
    different = len(set(map(id, found)))
    if not found or different < len(found):
        raise DifferentiationValueError(
            f"an optimiser was given {len(found)} parameters, "
            f"of which {different} are different. "
            "Give it at least one, and each once."
        )
    return found


# book/learn/optim.md: What may come in
def within(name: str, value: Any, end: float = np.inf) -> float:
    """The setting as a float if ``0 <= value < end``, or the error that names it."""
    if not isinstance(value, Real):
        raise DifferentiationTypeError(
            f"{name}={value!r} was given to an optimiser. Give a plain number, such as 0.1."
        )
    number = float(value)
    if not 0 <= number < end:
        raise DifferentiationValueError(
            f"{name}={value} was given to an optimiser. "
            f"Choose it from 0 up to, not including, {end}."
        )
    return number


# book/learn/optim.md: What is remembered
def remembered(state: Any, parameters: list[Variable]) -> list[dict[str, np.ndarray]]:
    """The arrays of a flat state, as one dictionary for each parameter."""
    expect_state(state)
    found: list[dict[str, np.ndarray]] = [{} for _ in parameters]
    for key in state:
        number, _, name = key.partition(".")
        if not name:
            continue
        i = int(number) if number.isdigit() else len(found)
        if i >= len(found) or np.shape(state[key]) not in ((), parameters[i].shape):
            raise DifferentiationValueError(
                f"a state remembers {key} with shape {np.shape(state[key])}, "
                f"which fits none of the {len(found)} parameters. "
                "Load it into an optimiser of the network that it was taken from."
            )
        found[i][name] = np.array(state[key])
    return found


# book/learn/optim.md: Momentum
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
        self,
        parameters: Iterable[Variable],
        lr: float = 1e-3,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(parameters, lr)
        self.momentum = within("momentum", momentum, 1.0)
        self.weight_decay = within("weight_decay", weight_decay)
        self.nesterov = nesterov

    def update(
        self, value: np.ndarray, gradient: np.ndarray, state: dict[str, np.ndarray]
    ) -> None:
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


# book/learn/optim.md: Adam
def blend(mean: np.ndarray, sample: np.ndarray, beta: float) -> None:
    """Move a running mean towards a sample, in place, so that a fraction `beta` of it
    stays."""
    mean *= beta
    mean += (1 - beta) * sample


def begin(state: dict[str, np.ndarray], value: np.ndarray) -> dict[str, np.ndarray]:
    """The given state with the running means and the count of steps set to zero."""
    state |= {
        "steps": np.zeros((), np.int64),
        "mean": np.zeros_like(value),
        "square": np.zeros_like(value),
    }
    return state


# book/learn/optim.md: Adam
def pair(betas: Any) -> tuple[float, float]:
    """Both memories, or the error that says what came in their place."""
    if not isinstance(betas, (tuple, list)) or len(betas) != 2:
        raise DifferentiationValueError(
            f"betas={betas!r} was given to an optimiser. Give two numbers, as in (0.9, "
            "0.999)."
        )
    return within("betas[0]", betas[0], 1.0), within("betas[1]", betas[1], 1.0)


# book/learn/optim.md: Adam
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
        self.betas = pair(betas)
        self.eps, self.weight_decay = (
            within("eps", eps),
            within("weight_decay", weight_decay),
        )

    def update(
        self, value: np.ndarray, gradient: np.ndarray, state: dict[str, np.ndarray]
    ) -> None:
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
        size = np.sqrt(state["square"] / second) + self.eps
        value -= self.lr / first * state["mean"] / size


# book/learn/optim.md: Adam
class AdamW(Adam):
    """Adam with decoupled weight decay; parameters as for `Adam`.

    Values shrink by ``lr * weight_decay``, whatever their gradients.
    """

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
