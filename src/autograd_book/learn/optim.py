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
# sha256: b5b2e6518c77aa29e8f4e7dcc0b2a20c238407fd1fa816c9fe217332bc581b51

__all__ = [
    "writable_value",
    "as_number",
    "as_pairs",
    "as_reals",
    "Stepper",
    "listed",
    "movable",
    "within",
    "admitted",
    "setting_below_one",
    "flag",
    "zeros",
    "parted",
    "fresh_memories",
    "Optimizer",
    "SGD",
    "blend",
    "pair",
    "Adam",
    "AdamW",
]


# book/learn/optim.md: What all of them share
from collections.abc import Callable, Iterable
from numbers import Real
from sys import getrefcount
from typing import Any, ClassVar

import numpy as np

from autograd_book.graph.errors import (
    DifferentiationTypeError, DifferentiationValueError, with_usage,
)
from autograd_book.graph.primitive import Handle, Primitive, primitives
from autograd_book.graph.record import Leaf
from autograd_book.graph.stack import bind
from autograd_book.graph.variable import Variable
from autograd_book.learn.nn import expect_state, fitting


def writable_value(parameter: Variable) -> np.ndarray:
    """The value of a parameter if nobody else holds it, or a copy: an array to write
    into."""
    # the parameter's own reference, and the call's
    alone = getrefcount(parameter.value) <= 2
    return parameter.value if alone else parameter.value.copy(order="K")


Primitive(float, "x", flat=True)


def as_number(x: Any) -> float:
    """A single number as one of Python's, which takes the dtype of what it meets."""
    return bind(primitives[float], x) if isinstance(x, Handle) else float(x)


def as_pairs(x: np.ndarray) -> np.ndarray:
    """A view of complex numbers as pairs of real ones."""
    return x[..., None].view(f"f{x.itemsize // 2}")


Primitive(as_pairs, "x", flat=True)


def as_reals(array: Any) -> Any:
    """A view of complex numbers as pairs of real ones; any other array as it is."""
    if array.dtype.kind != "c":
        return array
    return bind(primitives[as_pairs], array) if isinstance(array, Handle) else as_pairs(array)


# book/learn/optim.md: What all of them share
class Stepper:
    """Moves parameters along their gradients; a subclass says how, in `update`."""

    #: What admits a setting, by its name: takes name and value, and returns the value.
    settings: ClassVar[dict[str, Callable[[str, Any], Any]]] = {}
    #: What is remembered of a parameter, by name: None stands for an array like its value,
    #: a dtype for one number.
    memories: ClassVar[dict[str, Any]] = {}

    def __init__(self, parameters: Iterable[Variable], lr: float, **settings: Any) -> None:
        self.parameters = movable(parameters)  #: List of Variables.
        #: What is remembered of each.
        self.state: list[dict[str, np.ndarray]] = [{} for _ in self.parameters]
        self.lr = within("lr", lr)
        vars(self).update(admitted(self.settings, settings))

    def __repr__(self) -> str:
        now = "".join(f", {name}={getattr(self, name)!r}" for name in ("lr", *self.settings))
        return f"{type(self).__name__}({len(self.parameters)} parameters{now})"

    def update(self, value: Any, gradient: Any, state: dict[str, Any]) -> None:
        """Change `value` in place."""
        raise NotImplementedError(
            f"{type(self).__name__} does not say how to move. Define update in it."
        )

    def step(self) -> None:
        """Move every parameter that has a gradient."""
        for parameter, state in zip(self.parameters, self.state, strict=True):
            leaf: Any = parameter.node
            if leaf is not None and leaf.grad is not None:
                value = writable_value(parameter)
                self.update(as_reals(value), as_reals(leaf.grad.numpy()), state)
                parameter.value = value

    def remembered(self, state: dict[str, Any], value: np.ndarray) -> dict[str, np.ndarray]:
        """What is remembered of a parameter with some value; zeros before its first step."""
        if not state:
            state |= {name: zeros(value, dtype) for name, dtype in self.memories.items()}
        return state

    @with_usage
    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters:
            leaf: Any = parameter.node
            if leaf is not None:
                leaf.grad = None


# book/learn/optim.md: What may come in
def listed(parameters: Any) -> list[Any]:
    """What an optimiser was given as a list, or the error that says that it is none."""
    if isinstance(parameters, Variable):
        return [parameters]
    if not isinstance(parameters, Iterable) or isinstance(parameters, (np.ndarray, dict)):
        raise DifferentiationTypeError(
            f"an optimiser was given a value of type {type(parameters).__name__}. "
            "Give it network.parameters(), or Variables in a list, as list(d.values())."
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
    if not found:
        raise DifferentiationValueError(
            "an optimiser was given 0 parameters. Give it at least one: what a network is to "
            "learn are Variables in its attributes, and network.parameters() yields them once."
        )
    if different < len(found):
        raise DifferentiationValueError(
            f"an optimiser was given {len(found)} parameters, "
            f"of which {different} are different. Give it each once."
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


# book/learn/optim.md: What may come in
def admitted(table: dict[str, Callable[[str, Any], Any]], given: dict[str, Any]) -> Any:
    """Settings by name as a table admits them, or the error that says which is missing or
    unknown."""
    if given.keys() != table.keys():
        raise DifferentiationValueError(
            f"an optimiser was given the settings {sorted(given)}. Give it {sorted(table)}."
        )
    return {name: admit(name, given[name]) for name, admit in table.items()}


def setting_below_one(name: str, value: Any) -> float:
    """The setting as a float if ``0 <= value < 1``."""
    return within(name, value, 1.0)


def flag(name: str, value: Any) -> bool:
    """The setting as True or False, or the error that names it."""
    if not isinstance(value, bool | np.bool_):
        raise DifferentiationTypeError(
            f"{name}={value!r} was given to an optimiser. Give True or False."
        )
    return bool(value)


# book/learn/optim.md: What is remembered
def zeros(value: np.ndarray, dtype: Any) -> np.ndarray:
    """What is remembered at first: zeros like a value, or one zero of a dtype."""
    return np.zeros_like(value) if dtype is None else np.zeros((), dtype)


# book/learn/optim.md: What is remembered
def parted(optimizer: Stepper, state: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Settings and arrays of a state, or the error that it is not of such an optimiser."""
    expect_state(state)
    arrays = {name: state[name] for name in state if "." in str(name)}
    plain = {k: np.asarray(state[k]).tolist() for k in state if k not in arrays}
    own = type(optimizer).__name__, len(optimizer.parameters)
    found = plain.pop("kind", None), plain.pop("parameters", None)
    if found != own:
        kind = f"kind {found[0]} with {found[1]} parameters"
        what = kind if isinstance(found[1], int) else ", ".join(map(str, state)) or "nothing"
        raise DifferentiationValueError(
            f"a state of {what} was given to an optimiser of kind {own[0]} with {own[1]} "
            "parameters. Load it into one like that from which it was taken."
        )
    return plain, arrays


# book/learn/optim.md: What is remembered
def fresh_memories(optimizer: Stepper, arrays: dict[str, Any]) -> list[dict[str, np.ndarray]]:
    """Memories of each parameter from the arrays of a state, or the error that says what
    does not fit."""
    known = {key.partition(".")[0] for key in arrays}
    likes: dict[str, np.ndarray] = {}
    for i, parameter in enumerate(optimizer.parameters):
        if str(i) in known:
            fresh = optimizer.remembered({}, as_reals(parameter.value))
            likes |= {f"{i}.{name}": like for name, like in fresh.items()}
    values = fitting(likes, arrays)
    found: list[dict[str, np.ndarray]] = [{} for _ in optimizer.parameters]
    for key, value in values.items():
        number, _, name = key.partition(".")
        found[int(number)][name] = value
    return found


# book/learn/optim.md: What is remembered
class Optimizer(Stepper):
    """Base of optimisers: moves parameters along their gradients.

    A subclass defines `update`, and names in its tables what settings it has besides the
    rate, and what it remembers of a parameter; so both come into its state.

    Parameters
    ----------
    parameters : iterable of Variable
        What to move; each must be a leaf that requires a gradient, and appear once.
    lr : float
        Learning rate: the step for a gradient of one. May be changed at any time.
    **settings
        What the table `settings` of a subclass admits. What does not fit is refused.
    """

    def state_dict(self) -> dict[str, Any]:
        """The kind of optimiser, the number of its parameters, its settings, and copies of
        what it remembers, as ``"<number of parameter>.<name>"``."""
        found: dict[str, Any] = {"kind": type(self).__name__, "parameters": len(self.state)}
        found |= {name: getattr(self, name) for name in ("lr", *self.settings)}
        for i, state in enumerate(self.state):
            found |= {f"{i}.{name}": a.copy(order="K") for name, a in state.items()}
        return found

    def load_state_dict(self, state: Any) -> None:
        """Continue where the optimiser stood from which `state` was taken, with its settings;
        what does not fit raises, and then nothing is changed."""
        settings, arrays = parted(self, state)
        admit = {"lr": within, **self.settings}
        settings, found = admitted(admit, settings), fresh_memories(self, arrays)
        vars(self).update(settings, state=found)


# book/learn/optim.md: Momentum
class SGD(Optimizer):
    """Gradient descent, with momentum if wanted.

    Parameters
    ----------
    parameters, lr
        As of `Optimizer`.
    momentum : float
        Fraction of the velocity that a step keeps, in [0, 1).
    weight_decay : float
        Strength of the pull towards zero that is added to the gradient.
    nesterov : bool
        Look one step ahead.
    """

    settings: ClassVar = {"momentum": setting_below_one, "weight_decay": within, "nesterov": flag}
    memories: ClassVar = {"velocity": None}
    momentum: float
    weight_decay: float
    nesterov: bool

    @with_usage
    def __init__(
        self, parameters: Iterable[Variable], lr: float = 1e-3, momentum: float = 0.0,
        weight_decay: float = 0.0, nesterov: bool = False,
    ) -> None:
        given = {"momentum": momentum, "weight_decay": weight_decay, "nesterov": nesterov}
        super().__init__(parameters, lr, **given)

    def update(self, value: Any, gradient: Any, state: dict[str, Any]) -> None:
        """Change `value` in place."""
        if self.weight_decay:
            gradient = gradient + self.weight_decay * value
        if self.momentum:
            velocity = self.remembered(state, value)["velocity"]
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


# book/learn/optim.md: Adam
def pair(name: str, value: Any) -> tuple[float, float]:
    """Both memories, or the error that says what came in their place."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise DifferentiationValueError(
            f"{name}={value!r} was given to an optimiser. Give two numbers, as in (0.9, "
            "0.999)."
        )
    return setting_below_one(f"{name}[0]", value[0]), setting_below_one(f"{name}[1]", value[1])


# book/learn/optim.md: Adam
class Adam(Optimizer):
    """Steps of a length that adapts to each element; weight decay is added to the gradient.

    Parameters
    ----------
    parameters, lr
        As of `Optimizer`; the rate is about the largest step of any element.
    betas : pair of float
        Memory of the mean of gradients, and of the mean of their squares; in [0, 1).
    eps : float
        Added to the denominator.
    weight_decay : float
        Strength of the pull towards zero.
    """

    decoupled = False  #: Whether weight decay goes around the quotient.
    settings: ClassVar = {"betas": pair, "eps": within, "weight_decay": within}
    memories: ClassVar = {"steps": np.int64, "mean": None, "square": None}
    betas: tuple[float, float]
    eps: float
    weight_decay: float

    @with_usage
    def __init__(
        self, parameters: Iterable[Variable], lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0.0,
    ) -> None:
        given = {"betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(parameters, lr, **given)

    def update(self, value: Any, gradient: Any, state: dict[str, Any]) -> None:
        """Change `value` in place."""
        state = self.remembered(state, value)
        if self.decoupled:
            value *= 1 - self.lr * self.weight_decay
        elif self.weight_decay:
            gradient = gradient + self.weight_decay * value
        state["steps"] += 1
        blend(state["mean"], gradient, self.betas[0])
        blend(state["square"], gradient * gradient, self.betas[1])
        first, second = [1 - beta ** as_number(state["steps"]) for beta in self.betas]
        size = np.sqrt(state["square"] / second) + self.eps
        value -= self.lr / first * state["mean"] / size


# book/learn/optim.md: Adam
class AdamW(Adam):
    """Adam with decoupled weight decay; parameters as for `Adam`.

    Values shrink by ``lr * weight_decay``, whatever their gradients.
    """

    decoupled = True  #: As Loshchilov and Hutter have it.

    @with_usage
    def __init__(
        self, parameters: Iterable[Variable], lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(parameters, lr, betas, eps, weight_decay)
