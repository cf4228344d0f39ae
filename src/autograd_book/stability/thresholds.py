"""Choosing a threshold.

``AutoClip`` is called in place of ``clip_gradients``, and clips at a
percentile of the norms that it has seen. A ``GradientMonitor`` only looks.

::

    import autograd_book as ab

    weight = ab.Variable(0.0)
    monitor, auto = ab.GradientMonitor([weight]), ab.AutoClip(percentile=50.0)
    for size in (4.0, 1.0, 2.0, 100.0):
        weight.grad = size
        monitor.record()
        auto(weight)
    print(monitor.total, auto.threshold, weight.grad)
"""
# Generated from book/stability/thresholds.md by autograd-book extract; edit the chapter, not this file.
# sha256: 4220c6eb147d740476aa9dfbb858ac1b8fb706267cf579f070907664ae4dd678

__all__ = [
    "by_name",
    "GradientMonitor",
    "history",
    "aligned_norms",
    "RunningThreshold",
    "AutoClip",
    "unit_norm",
    "clip_gradients_adaptively",
]


# book/stability/thresholds.md: Watching the norm
from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np

from autograd_book.graph.errors import DifferentiationValueError
from autograd_book.graph.variable import Variable
from autograd_book.learn.nn import Module, expect_names
from autograd_book.learn.training import expect_count
from autograd_book.stability.clipping import (
    carriers, exceeds, expect_own_gradient, rescale, setting, shorten, total_norm, variables_of,
)
from autograd_book.stability.explosion import unlimited_norm


def by_name(parameters: Any) -> dict[str, Variable]:
    """Variables by name: of a network, of a mapping, or of a list by their number."""
    if isinstance(parameters, Module):
        return dict(parameters.named_parameters())
    if not isinstance(parameters, Mapping):
        parameters = {str(i): v for i, v in enumerate(variables_of(parameters))}
    for name, variable in parameters.items():
        expect_own_gradient(name, variable)
    return dict(parameters)


# book/stability/thresholds.md: Watching the norm
class GradientMonitor:
    """Notes the norms of gradients, step by step.

    Parameters
    ----------
    parameters : Module, mapping of str to Variable, or iterable of Variable
        What to watch.
    norm_type : float
        As for `clip_gradients`.
    """

    def __init__(self, parameters: Any, norm_type: float = 2.0) -> None:
        self.parameters = by_name(parameters)
        self.norm_type = setting("norm_type", norm_type, zero=False)
        #: Norm of all gradients together, one for each step.
        self.total: list[float] = []
        #: Norms by name of the parameter, one for each step; 0.0 where it had no gradient.
        self.layers: dict[str, list[float]] = {name: [] for name in self.parameters}

    def record(self) -> float:
        """Note the norms of this moment; return that of all gradients together."""
        latest: dict[int, float] = {}  # a parameter that has two names counts once
        for name, variable in self.parameters.items():
            g = 0.0 if variable.grad is None else variable.grad.value
            size = latest[id(variable.node)] = float(unlimited_norm(g, self.norm_type))
            self.layers[name].append(size)
        self.total.append(float(unlimited_norm(list(latest.values()), self.norm_type)))
        return self.total[-1]

    def state_dict(self) -> dict[str, Any]:
        """The exponent, and all norms so far as arrays, ``"total"`` and ``"layers.<name>"``."""
        layers = {f"layers.{name}": np.array(sizes) for name, sizes in self.layers.items()}
        return {"norm_type": self.norm_type, "total": np.array(self.total), **layers}

    def load_state_dict(self, state: Any) -> None:
        """Go on with the norms of another monitor of such parameters.

        Raises
        ------
        DifferentiationTypeError, DifferentiationValueError
            If it is no mapping, or a state of other parameters; nothing is changed then.
        """
        expect_names(self.state_dict(), state)
        p = setting("norm_type", np.asarray(state["norm_type"]).tolist(), zero=False)
        total, *layers = aligned_norms(state, ["total", *(f"layers.{n}" for n in self.layers)])
        self.norm_type, self.total, self.layers = p, total, dict(zip(self.layers, layers))


# book/stability/thresholds.md: Watching the norm
def history(name: str, state: Any) -> list[float]:
    """A list of norms from a state, or the error that says why it is none."""
    found = np.asarray(state[name])
    if found.ndim != 1 or found.dtype.kind != "f" or (found < 0).any():
        raise DifferentiationValueError(
            f"a state has {name} of dtype {found.dtype} and shape {found.shape}, which should "
            "be a row of norms. Give what state_dict() returned."
        )
    return found.tolist()  # type: ignore[no-any-return]


def aligned_norms(state: Any, names: list[str]) -> list[list[float]]:
    """The lists of norms of these names from a state, which have one length."""
    found = [history(name, state) for name in names]
    if len(lengths := {len(sizes) for sizes in found}) > 1:
        raise DifferentiationValueError(
            f"a state of a GradientMonitor has lists of {sorted(lengths)} norms. Give "
            "what state_dict() of one returned, where all lists have one length."
        )
    return found


# book/stability/thresholds.md: A threshold that finds itself
class RunningThreshold:
    """The part of an `AutoClip` that needs no gradients."""

    def __init__(
        self, percentile: float = 10.0, window: int | None = None, norm_type: float = 2.0
    ) -> None:
        self.percentile = setting("percentile", percentile, end=100.0)
        self.norm_type = setting("norm_type", norm_type, zero=False)
        if window is not None:
            expect_count("window", window)
        #: The finite norms, oldest first.
        self.norms: deque[float] = deque(maxlen=window)

    @property
    def threshold(self) -> float:
        """What the next norm may be; infinity before the first."""
        return float(np.percentile(self.norms, self.percentile)) if self.norms else np.inf

    def state_dict(self) -> dict[str, Any]:
        """The settings, and the norms as an array; a window of 0 stands for none."""
        plain = {"percentile": self.percentile, "norm_type": self.norm_type}
        return plain | {"window": self.norms.maxlen or 0, "norms": np.array(self.norms)}

    def load_state_dict(self, state: Any) -> None:
        """Continue where the one stood from which `state` was taken, with its settings.

        Raises
        ------
        DifferentiationTypeError, DifferentiationValueError
            If it is no mapping, lacks a name, or has a value out of range.
            Nothing is changed then.
        """
        expect_names(self.state_dict(), state)
        names = ("percentile", "window", "norm_type")
        percentile, window, p = (np.asarray(state[name]).tolist() for name in names)
        fresh = RunningThreshold(percentile, None if window == 0 else window, p)
        fresh.norms.extend(filter(np.isfinite, history("norms", state)))
        vars(self).update(vars(fresh))


# book/stability/thresholds.md: A threshold that finds itself
class AutoClip(RunningThreshold):
    """Clips at a percentile of the norms seen so far.

    Call it in place of `clip_gradients`; the norm of the call counts already.

    Parameters
    ----------
    percentile : float
        From 0 to 100: which part of the norms lies below the threshold.
    window : int, optional
        How many norms to remember; all by default.
    norm_type : float
        As for `clip_gradients`.

    Notes
    -----
    After P. Seetharaman and others, *AutoClip: Adaptive gradient clipping for source
    separation networks* (2020).
    """

    def __call__(self, variables: Any, *, error_if_nonfinite: bool = False) -> float:
        """Clip the gradients of some Variables; return their norm before."""
        holders = carriers(variables)
        size = total_norm(holders, self.norm_type)
        if np.isfinite(size):
            self.norms.append(size)
        return shorten(holders, size, self.threshold, error_if_nonfinite)


# book/stability/thresholds.md: Relative to the weights
def unit_norm(array: Any) -> Any:
    """Norm of what leads to each output: a column of a matrix, a whole kernel, or all."""
    n = np.ndim(array)
    return unlimited_norm(array, axis=0 if n == 2 else tuple(range(1, n)) or None)


# book/stability/thresholds.md: Relative to the weights
def clip_gradients_adaptively(
    variables: Any,
    ratio: float = 0.01,
    *,
    eps: float = 1e-3,
    error_if_nonfinite: bool = False,
) -> float:
    """Shorten gradients relative to the weights of each output unit.

    Parameters
    ----------
    variables : Variable or iterable of Variable
        Matrices of shape (inputs, outputs), kernels of shape (outputs, inputs, ...),
        or vectors and single numbers, which count as one unit.
    ratio : float
        Largest norm of a unit's gradient, in units of the norm of its weights.
    eps : float
        Least norm of weights to compare with, so that zeros can begin to move.
    error_if_nonfinite : bool
        As for `clip_gradients`.

    Returns
    -------
    float
        The largest quotient of both norms before.

    Notes
    -----
    After A. Brock and others, *High-performance large-scale image recognition without
    normalization* (2021).
    """
    limit, least = setting("ratio", ratio, zero=False), setting("eps", eps, zero=False)
    holders = carriers(variables)
    with np.errstate(over="ignore"):
        quotients = [
            unit_norm(v.grad.value) / np.maximum(unit_norm(v.value), least)
            for v in holders
        ]
    largest = float(unlimited_norm([unlimited_norm(q, np.inf) for q in quotients], np.inf))
    if exceeds(largest, limit, error_if_nonfinite, holders):
        for variable, quotient in zip(holders, quotients, strict=True):
            rescale(variable.grad, limit / np.maximum(quotient, limit))
    return largest
