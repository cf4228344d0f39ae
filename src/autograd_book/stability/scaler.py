"""A scale that moves.

A ``GradScaler`` multiplies the loss before the backward pass and divides the
gradients after it. It skips a step whose gradients overflowed, and adapts its
factor to what it meets.

::

    import numpy as np
    import autograd_book as ab
    from autograd_book.stability.scaler import GradScaler

    weight = ab.Variable(np.float32([3.0, 4.0]))
    optimizer, scaler = ab.optim.SGD([weight], lr=0.1), GradScaler(init_scale=1024.0)
    loss = np.sum(weight**2)
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()
    print(weight, scaler.get_scale())
"""
# Generated from book/stability/scaler.md by autograd-book extract; edit the chapter, not this file.
# sha256: 8a924220a6541ba3dc8fdffa57075b22dcbf40e18236be422af8625fa54ea6a7

__all__ = [
    "Scale",
    "checked_scale",
    "ScalingOrderError",
    "Stage",
    "Progress",
    "expect_checks",
    "scaled_loss",
    "KEYS",
    "restored",
    "Scaling",
    "expect_optimizer",
    "expect_wide",
    "still_scaled",
    "unscale_all",
    "expect_begun",
    "progress_of",
    "next_scale",
    "GradScaler",
]


# book/stability/scaler.md: A factor that finds its place
from collections.abc import Iterable
from enum import Enum
from numbers import Integral, Real
from typing import Any, NamedTuple
from weakref import ref

import numpy as np

from autograd_book.graph.errors import (
    AutogradError,
    DifferentiationTypeError,
    DifferentiationValueError,
)
from autograd_book.graph.variable import Variable
from autograd_book.learn.nn import expect_state
from autograd_book.learn.optim import Optimizer
from autograd_book.modes.trees import Tree, tree_map
from autograd_book.stability.clipping import carriers
from autograd_book.stability.scaling import all_finite, factor, put, single, unscaled


class Scale(NamedTuple):
    """A factor for losses, and what it depends on."""

    scale: float  #: Positive; a number of single precision.
    growth_factor: float = 2.0  #: Above 1.
    backoff_factor: float = 0.5  #: Between 0 and 1.
    growth_interval: int = 2000  #: Finite steps in a row after which it grows.
    tracker: int = 0  #: Finite steps in a row so far.

    def after(self, overflow: bool) -> "Scale":
        """The scale after one more step."""
        if overflow:
            smaller = factor("scale", self.scale * self.backoff_factor)
            return self._replace(scale=smaller, tracker=0)
        if self.tracker + 1 != self.growth_interval:
            return self._replace(tracker=self.tracker + 1)
        larger = single(self.scale * self.growth_factor)
        return self._replace(scale=larger if np.isfinite(larger) else self.scale, tracker=0)


# book/stability/scaler.md: A factor that finds its place
def checked_scale(scale: Any, growth: Any, backoff: Any, interval: Any, tracker: Any) -> Scale:
    """A Scale with these settings, or the error that names the one that does not fit."""
    for name, value in (("growth_factor", growth), ("backoff_factor", backoff)):
        if not isinstance(value, Real):
            raise DifferentiationTypeError(
                f"{name}={value!r} was given to a GradScaler. Give a number, such as 2.0."
            )
    counts = (("growth_interval", interval, 1), ("_growth_tracker", tracker, 0))
    for name, value, least in counts:
        if not isinstance(value, Integral) or value < least:
            raise DifferentiationValueError(
                f"{name}={value} was given to a GradScaler. "
                f"Give a whole number, {least} or more."
            )
    if not (1 < growth < np.inf and 0 < backoff < 1):
        raise DifferentiationValueError(
            f"growth_factor={growth} and backoff_factor={backoff} were given to a scaler. "
            "Choose the first above 1 and finite, the second between 0 and 1."
        )
    return Scale(
        factor("scale", scale), float(growth), float(backoff), int(interval), int(tracker)
    )


# book/stability/scaler.md: An order of calls
class ScalingOrderError(AutogradError, RuntimeError):
    """A call to a GradScaler that does not fit to the calls before it."""


class Stage(Enum):
    """How far an optimiser has come since the last update."""

    READY = "neither was called"
    UNSCALED = "unscale_() was called"
    STEPPED = "step() was called"


class Progress:
    """What a scaler knows of one optimiser until the next update."""

    def __init__(self) -> None:
        self.stage = Stage.READY
        self.overflow: bool | None = None  #: None until a gradient was looked at.

    def expect(self, call: str, *stages: Stage) -> None:
        """Raise unless the optimiser is at one of the stages."""
        if self.stage not in stages:
            raise ScalingOrderError(
                f"{call}() was called for an optimiser for which {self.stage.value} "
                "since the last update. "
                "Call unscale_ at most once, then step once, and then update."
            )


# book/stability/scaler.md: An order of calls
def expect_checks(call: str, seen: Iterable[Progress]) -> list[bool]:
    """Whether each optimiser's gradients overflowed, or an error if none was looked at."""
    checks = [progress.overflow for progress in seen if progress.overflow is not None]
    if not checks:
        raise ScalingOrderError(
            f"{call}() was called, and no gradient was checked for an overflow before. "
            "Call backward on a scaled loss, then scaler.step(optimizer) in place of "
            "optimizer.step(), and give the optimiser parameters of that loss."
        )
    return checks


# book/stability/scaler.md: What needs no optimiser
def scaled_loss(output: Any, scale: float) -> Variable:
    """A loss times a scale, in float32 or what is wider."""
    if not isinstance(output, Variable):
        raise DifferentiationTypeError(
            f"a value of type {type(output).__name__} was given to a GradScaler to scale. "
            "Give a loss that depends on Variables, or a list, tuple or dictionary of such."
        )
    return output.astype(np.result_type(output.dtype, np.float32)) * scale


# book/stability/scaler.md: What needs no optimiser
#: The names of what a Scale holds, in files; they are PyTorch's.
KEYS = ("scale", "growth_factor", "backoff_factor", "growth_interval", "_growth_tracker")


def restored(state: Any) -> list[Any]:
    """What a Scale is made of, from a mapping, or the error that says what is missing."""
    expect_state(state)
    missing = [key for key in KEYS if key not in state]
    if missing:
        raise DifferentiationValueError(
            f"a state of a GradScaler lacks {', '.join(missing)}. "
            "Give what state_dict() of an enabled one returned."
        )
    return [np.asarray(state[key])[()] for key in KEYS]


# book/stability/scaler.md: What needs no optimiser
class Scaling:
    """The part of a `GradScaler` that needs no optimiser."""

    def __init__(
        self,
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        self.state = checked_scale(init_scale, growth_factor, backoff_factor, growth_interval, 0)
        self.enabled = bool(enabled)
        self.begun = False  #: Whether a loss was scaled.
        self.progress: dict[Optimizer, Progress] = {}  #: Since the last update.
        #: Gradients that were unscaled since then, by leaf.
        self.done: dict[Any, ref[Variable]] = {}

    def scale(self, outputs: Tree) -> Tree:
        """A loss, or each loss of a tree, times the scale; it can be walked back from."""
        if not self.enabled:
            return outputs
        self.begun = True
        return tree_map(lambda output: scaled_loss(output, self.state.scale), outputs)

    def get_scale(self) -> float:
        """The scale; 1 if not enabled."""
        return self.state.scale if self.enabled else 1.0

    def state_dict(self) -> dict[str, Any]:
        """Scale, settings and count by their names in `KEYS`; empty if not enabled."""
        return dict(zip(KEYS, self.state, strict=True)) if self.enabled else {}

    def load_state_dict(self, state: Any) -> None:
        """Continue where the scaler stood from which `state` was taken.

        Raises
        ------
        DifferentiationTypeError, DifferentiationValueError
            If it is no mapping, lacks a name, or has a value out of range.
            Nothing is changed then.
        """
        if self.enabled:  # a loss of before was scaled otherwise
            found = checked_scale(*restored(state))
            self.state, self.begun, self.progress, self.done = found, False, {}, {}


# book/stability/scaler.md: What is checked before anything is changed
def expect_optimizer(optimizer: Any) -> None:
    """Raise unless a GradScaler was given an optimiser."""
    if not isinstance(optimizer, Optimizer):
        raise DifferentiationTypeError(
            f"a value of type {type(optimizer).__name__} was given to a GradScaler "
            "in place of an optimiser. Give one of autograd_book.optim."
        )


def expect_wide(variables: list[Any]) -> None:
    """Raise if a gradient has half precision, in which it may vanish if unscaled."""
    narrow = [i for i, v in enumerate(variables) if v.grad.dtype == np.float16]
    if narrow:
        raise DifferentiationValueError(
            f"of {len(variables)} gradients that a GradScaler was to unscale, "
            f"{len(narrow)} have dtype float16, the first of them number {narrow[0]}. "
            "Keep parameters in float32, and compute under autocast."
        )


# book/stability/scaler.md: What is checked before anything is changed
def still_scaled(found: list[Any], done: dict[Any, "ref[Variable]"]) -> list[Any]:
    """Those whose gradients no optimiser has unscaled yet, or the error that a gradient came
    after one had."""
    for variable in found:
        if variable.node in done and done[variable.node]() is not variable.grad:
            raise ScalingOrderError(
                f"a parameter of shape {variable.shape} is shared by two optimisers, and got "
                "another gradient after the first of them was unscaled. Unscale both before "
                "the next backward pass, or call update() between the two."
            )
    return [variable for variable in found if variable.node not in done]


def unscale_all(found: list[Any], inverse: float, done: dict[Any, Any]) -> bool | None:
    """Multiply the gradients that are still scaled by the inverse, and note them; whether
    one of all is not finite, None if there are none."""
    fresh = still_scaled(found, done)
    expect_wide(fresh)
    for variable in fresh:
        put(variable, unscaled(variable.grad, np.multiply, inverse))
        done[variable.node] = ref(variable.grad)
    return not all_finite(v.grad.numpy() for v in found) if found else None


# book/stability/scaler.md: The scaler
def expect_begun(scaling: Scaling, call: str) -> None:
    """Raise unless a loss was scaled."""
    if not scaling.begun:
        raise ScalingOrderError(
            f"{call}() was called for a GradScaler that has not scaled any loss. "
            "Call scale(loss).backward() before it."
        )


def progress_of(scaling: Scaling, optimizer: Optimizer, call: str, *stages: Stage) -> Progress:
    """What is known of an optimiser, which has to be at one of the stages."""
    expect_optimizer(optimizer)
    expect_begun(scaling, call)
    progress = scaling.progress.setdefault(optimizer, Progress())
    progress.expect(call, *stages)
    return progress


# book/stability/scaler.md: The scaler
def next_scale(state: Scale, new_scale: Any, seen: Iterable[Progress]) -> Scale:
    """The scale after what optimisers have met, or the one that is set."""
    if new_scale is None:
        return state.after(any(expect_checks("update", seen)))
    return state._replace(scale=factor("new_scale", new_scale))


# book/stability/scaler.md: The scaler
class GradScaler(Scaling):
    """Scales losses up and gradients down, by a factor that it adapts.

    Parameters
    ----------
    init_scale : float
        The first factor; rounded to float32.
    growth_factor, backoff_factor : float
        What it is multiplied with to grow, above 1, and after an overflow, below 1.
    growth_interval : int
        After how many finite steps in a row it grows; at least 1.
    enabled : bool
        If False, losses and gradients are left as they are, and `step` only steps.

    Raises
    ------
    DifferentiationTypeError, DifferentiationValueError
        If a setting is no number, or outside its range.
    """

    def unscale_(self, optimizer: Optimizer) -> None:
        """Multiply the gradients of an optimiser's parameters by the inverse scale."""
        if self.enabled:
            progress = progress_of(self, optimizer, "unscale_", Stage.READY)
            found, inverse = carriers(optimizer.parameters), single(1.0 / self.state.scale)
            progress.overflow = unscale_all(found, inverse, self.done)
            progress.stage = Stage.UNSCALED

    def step(self, optimizer: Optimizer) -> None:
        """Unscale the gradients if that was not done, and step if all are finite."""
        if not self.enabled:
            return optimizer.step()
        progress = progress_of(self, optimizer, "step", Stage.READY, Stage.UNSCALED)
        if progress.stage is Stage.READY:
            self.unscale_(optimizer)
        if not any(expect_checks("step", [progress])):
            optimizer.step()
        progress.stage = Stage.STEPPED

    def update(self, new_scale: float | None = None) -> None:
        """Adapt the scale to what was found since the last call, or set it."""
        if self.enabled:
            expect_begun(self, "update")
            self.state = next_scale(self.state, new_scale, self.progress.values())
            self.progress, self.done = {}, {}
