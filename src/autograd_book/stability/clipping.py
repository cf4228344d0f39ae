"""Clipping.

``clip_gradients`` stands between ``backward`` and ``step``. It returns the
norm of all gradients together, as it was before.

::

    import autograd_book as ab
    from autograd_book.stability.clipping import clip_gradients

    weights = [ab.Variable([30.0, 0.0]), ab.Variable(40.0)]
    loss = sum((w**2).sum() for w in weights) / 2
    loss.backward()
    print(clip_gradients(weights, max_norm=1.0), [w.grad.numpy() for w in weights])
"""
# Generated from book/stability/clipping.md by autograd-book extract; edit the chapter, not this file.
# sha256: 9249ff25ecec50290bd11525cdb55df427d151f380c083a59f7c97cc897ff555

__all__ = [
    "wide",
    "BLOCK",
    "norm",
    "listed",
    "expect_place",
    "carriers",
    "opened",
    "rescale",
    "bound",
    "exceeds",
    "total_norm",
    "shorten",
    "clip_gradients",
    "named",
    "GradientMonitor",
    "history",
    "AutoClip",
    "clip_gradient_values",
    "clip_gradient_layers",
    "unit_norm",
    "clip_gradients_adaptively",
]


# book/stability/clipping.md: The length of a gradient
from collections import deque
from collections.abc import Iterable, Mapping
from numbers import Real
from typing import Any

import numpy as np

from autograd_book.graph.errors import (
    DifferentiationTypeError,
    DifferentiationValueError,
    NonFiniteError,
)
from autograd_book.graph.record import Leaf
from autograd_book.graph.variable import Variable
from autograd_book.learn.nn import Module, expect_names
from autograd_book.learn.optim import as_reals, writable_value
from autograd_book.learn.training import expect_count


def wide(array: Any) -> np.dtype[Any]:
    """The dtype to compute with: double precision at least, complex where the array is."""
    return np.result_type(array.dtype, np.float64)


BLOCK = 2**16  #: How many numbers a norm looks at in one go: half a megabyte of doubles.


def norm(values: Any, p: float = 2.0, axis: Any = None) -> Any:
    """The p-norm of an array of any dtype, as if computed without limits of range.

    Parameters
    ----------
    values : array_like
        Real or complex, of any shape; an empty one has norm 0.
    p : float
        Exponent, above 0; infinity for the largest magnitude.
    axis : int or tuple of int, optional
        Axes to take together, kept with length 1; all by default, for one number.
    """
    values = np.asarray(values)
    if axis is None and values.size > BLOCK:
        parts = np.array_split(values.ravel(), values.size // BLOCK + 1)
        return norm([norm(part, p) for part in parts], p)
    sizes = np.abs(values.astype(wide(values), copy=False))
    largest = np.max(sizes, axis=axis, keepdims=axis is not None, initial=0.0)
    if p == np.inf:
        return largest
    unit = np.where((largest > 0) & (largest < np.inf), largest, 1.0)
    with np.errstate(over="ignore", under="ignore"):
        sizes /= unit
        sizes **= p
        return unit * np.sum(sizes, axis=axis, keepdims=axis is not None) ** (1 / p)


# book/stability/clipping.md: Whose gradients
def listed(variables: Any) -> list[Any]:
    """Variables as a list, or the error that says that it is none."""
    if isinstance(variables, Variable):
        return [variables]
    if not isinstance(variables, Iterable) or isinstance(variables, (np.ndarray, str)):
        raise DifferentiationTypeError(
            f"gradients of a value of type {type(variables).__name__} were asked for. "
            "Give network.parameters(), or Variables in a list."
        )
    found = list(variables)
    if not found and iter(variables) is variables:
        raise DifferentiationValueError(
            "gradients of an iterator with no Variables in it were asked for, as one is that "
            "was read before. Call network.parameters() again, or keep a list of it."
        )
    return found


# book/stability/clipping.md: Whose gradients
def expect_place(i: Any, variable: Any) -> None:
    """Raise unless an item is a Variable whose gradient, if it has one, is its own."""
    if not isinstance(variable, Variable) or not isinstance(variable.node, Leaf | None):
        raise DifferentiationTypeError(
            f"item {i} of those whose gradients were asked for is a {type(variable).__name__} "
            "that keeps no gradient. Give Variables made with requires_grad=True, "
            "as network.parameters() yields them."
        )


# book/stability/clipping.md: Whose gradients
def carriers(variables: Any) -> list[Any]:
    """Those of some Variables that have a gradient, each once and with one of its own."""
    found: dict[int, Any] = {}
    for i, variable in enumerate(listed(variables)):
        expect_place(i, variable)
        if variable.grad is not None:
            found[id(variable.node)] = variable
    seen: set[int] = set()
    for variable in found.values():
        if id(variable.grad) in seen:
            variable.grad = variable.grad.detach()
        seen.add(id(variable.grad))
    return list(found.values())


# book/stability/clipping.md: Writing into a gradient
def opened(gradient: Any) -> np.ndarray:
    """The array of a gradient to write into: its own, or a copy if others may read it."""
    value = np.asarray(writable_value(gradient))
    if value.base is not None or value.dtype.kind not in "fc":
        value = value.astype(np.result_type(value.dtype, np.float16))
    gradient.value = value
    if not isinstance(gradient.node, Leaf):
        gradient.node, gradient.record = None, None
    return value


# book/stability/clipping.md: Writing into a gradient
def rescale(gradient: Any, factor: Any) -> None:
    """Multiply a gradient in place, computing in double precision."""
    array = opened(gradient)
    np.multiply(array, factor, out=array, dtype=wide(array), casting="same_kind")


# book/stability/clipping.md: The decision
def bound(name: str, value: Any, zero: bool = True, end: float = np.inf) -> float:
    """The setting as a float if it lies from 0 to `end`, or the error that names it."""
    if not isinstance(value, Real):
        raise DifferentiationTypeError(
            f"{name}={value!r} was given for clipping. Give a plain number, such as 1.0."
        )
    number = float(value)
    if not (0 < number <= end or (zero and number == 0)):
        raise DifferentiationValueError(
            f"{name}={value} was given for clipping. "
            f"Choose it {'from 0' if zero else 'above 0'} up to {end}."
        )
    return number


# book/stability/clipping.md: The decision
def exceeds(size: float, limit: float, strict: bool, holders: list[Any]) -> bool:
    """Whether a norm is finite and above a limit; `strict` raises if it is not finite."""
    if strict and not np.isfinite(size):
        ill = [i for i, v in enumerate(holders) if not np.isfinite(v.grad.value).all()]
        raise NonFiniteError(
            f"the gradients to be clipped have the norm {size}, "
            f"and {len(ill)} of {len(holders)} are not finite themselves: numbers {ill}. "
            "Skip this step, and look for the origin under autograd_book.debug_nans."
        )
    return bool(limit < size < np.inf)


# book/stability/clipping.md: The decision
def total_norm(holders: list[Any], p: float) -> float:
    """The norm of all gradients as one vector, which is the norm of their norms."""
    return float(norm([norm(v.grad.value, p) for v in holders], p))


def shorten(holders: list[Any], size: float, limit: float, strict: bool) -> float:
    """Scale all gradients by one factor if their norm, `size`, exceeds `limit`."""
    if exceeds(size, limit, strict, holders):
        for variable in holders:
            rescale(variable.grad, limit / size)
    return size


# book/stability/clipping.md: The decision
def clip_gradients(
    variables: Any,
    max_norm: float = 1.0,
    *,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> float:
    """Shorten all gradients by one factor, so that their norm does not exceed a threshold.

    Parameters
    ----------
    variables : Variable or iterable of Variable
        Those without a gradient are passed over; one that comes twice counts once.
    max_norm : float
        Threshold, in units of the gradients, from 0 upwards; infinity only measures.
    norm_type : float
        Exponent p of the norm, above 0; infinity for the largest magnitude.
    error_if_nonfinite : bool
        Whether to raise if the norm is infinite or NaN.

    Returns
    -------
    float
        The norm as it was before; 0.0 if there are no gradients.
        If it is not finite, every gradient has been left as it was.

    Raises
    ------
    NonFiniteError
        If asked to, and the norm is infinite or NaN.
    DifferentiationTypeError, DifferentiationValueError
        If something in `variables` can hold no gradient, or a setting is out of its range.

    Notes
    -----
    After R. Pascanu, T. Mikolov and Y. Bengio, *On the difficulty of training recurrent
    neural networks* (2013).
    """
    limit, p = bound("max_norm", max_norm), bound("norm_type", norm_type, zero=False)
    holders = carriers(variables)
    return shorten(holders, total_norm(holders, p), limit, error_if_nonfinite)


# book/stability/clipping.md: Watching the norm
def named(parameters: Any) -> dict[str, Variable]:
    """Variables by name: of a network, of a mapping, or of a list by their number."""
    if isinstance(parameters, Module):
        return dict(parameters.named_parameters())
    if not isinstance(parameters, Mapping):
        parameters = {str(i): v for i, v in enumerate(listed(parameters))}
    for name, variable in parameters.items():
        expect_place(name, variable)
    return dict(parameters)


# book/stability/clipping.md: Watching the norm
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
        self.parameters = named(parameters)
        self.norm_type = bound("norm_type", norm_type, zero=False)
        #: Norm of all gradients together, one for each step.
        self.total: list[float] = []
        #: Norms by name of the parameter, one for each step; 0.0 where it had no gradient.
        self.layers: dict[str, list[float]] = {name: [] for name in self.parameters}

    def record(self) -> float:
        """Note the norms of this moment; return that of all gradients together."""
        latest: dict[int, float] = {}  # a parameter that has two names counts once
        for name, variable in self.parameters.items():
            g = 0.0 if variable.grad is None else variable.grad.value
            size = latest[id(variable.node)] = float(norm(g, self.norm_type))
            self.layers[name].append(size)
        self.total.append(float(norm(list(latest.values()), self.norm_type)))
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
        norm_type = bound("norm_type", np.asarray(state["norm_type"]).tolist(), zero=False)
        total = history("total", state)
        layers = {name: history(f"layers.{name}", state) for name in self.layers}
        if (lengths := {len(sizes) for sizes in (total, *layers.values())}) != {len(total)}:
            raise DifferentiationValueError(
                f"a state of a GradientMonitor has lists of {sorted(lengths)} norms. Give "
                "what state_dict() of one returned, where all lists have one length."
            )
        self.norm_type, self.total, self.layers = norm_type, total, layers


def history(name: str, state: Any) -> list[float]:
    """A list of norms from a state, or the error that says why it is none."""
    found = np.asarray(state[name])
    if found.ndim != 1 or found.dtype.kind != "f" or (found < 0).any():
        raise DifferentiationValueError(
            f"a state has {name} of dtype {found.dtype} and shape {found.shape}, which should "
            "be a row of norms. Give what state_dict() returned."
        )
    return found.tolist()  # type: ignore[no-any-return]


# book/stability/clipping.md: A threshold that finds itself
class AutoClip:
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

    def __init__(
        self, percentile: float = 10.0, window: int | None = None, norm_type: float = 2.0
    ) -> None:
        self.percentile = bound("percentile", percentile, end=100.0)
        self.norm_type = bound("norm_type", norm_type, zero=False)
        if window is not None:
            expect_count("window", window)
        #: The finite norms, oldest first.
        self.norms: deque[float] = deque(maxlen=window)

    @property
    def threshold(self) -> float:
        """What the next norm may be; infinity before the first."""
        return float(np.percentile(self.norms, self.percentile)) if self.norms else np.inf

    def __call__(self, variables: Any, *, error_if_nonfinite: bool = False) -> float:
        """Clip the gradients of some Variables; return their norm before."""
        holders = carriers(variables)
        size = total_norm(holders, self.norm_type)
        if np.isfinite(size):
            self.norms.append(size)
        return shorten(holders, size, self.threshold, error_if_nonfinite)

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
        fresh = AutoClip(percentile, None if window == 0 else window, p)
        fresh.norms.extend(filter(np.isfinite, history("norms", state)))
        vars(self).update(vars(fresh))


# book/stability/clipping.md: One by one, layer by layer, unit by unit
def clip_gradient_values(
    variables: Any, limit: float = 1.0, *, error_if_nonfinite: bool = False
) -> float:
    """Limit each element of each gradient to ``-limit ... limit``, in place.

    Real and imaginary part are limited by themselves. Parameters, errors and the treatment
    of infinities as for `clip_gradients`; returns the largest magnitude before.
    """
    limit, holders = bound("limit", limit), carriers(variables)
    sizes = [float(norm(as_reals(v.grad.value), np.inf)) for v in holders]
    largest = float(norm(sizes, np.inf))
    if exceeds(largest, limit, error_if_nonfinite, holders):
        for variable, size in zip(holders, sizes, strict=True):
            if size > limit:
                parts = as_reals(opened(variable.grad))
                np.clip(parts, -limit, limit, out=parts)
    return largest


# book/stability/clipping.md: One by one, layer by layer, unit by unit
def clip_gradient_layers(
    variables: Any,
    max_norm: float = 1.0,
    *,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> list[float]:
    """Shorten each gradient by a factor of its own, in place.

    Parameters and errors as for `clip_gradients`. Returns the norm of each gradient before,
    in the order of the Variables that have one. If one is not finite, none is changed.
    """
    limit, p = bound("max_norm", max_norm), bound("norm_type", norm_type, zero=False)
    holders = carriers(variables)
    sizes = [float(norm(v.grad.value, p)) for v in holders]
    if exceeds(float(norm(sizes, np.inf)), limit, error_if_nonfinite, holders):
        for variable, size in zip(holders, sizes, strict=True):
            shorten([variable], size, limit, False)
    return sizes


# book/stability/clipping.md: Relative to the weights
def unit_norm(array: Any) -> Any:
    """Norm of what leads to each output: a column of a matrix, a whole kernel, or all."""
    n = np.ndim(array)
    return norm(array, axis=0 if n == 2 else tuple(range(1, n)) or None)


# book/stability/clipping.md: Relative to the weights
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
    limit, least = bound("ratio", ratio, zero=False), bound("eps", eps, zero=False)
    holders = carriers(variables)
    with np.errstate(over="ignore"):
        quotients = [
            unit_norm(v.grad.value) / np.maximum(unit_norm(v.value), least)
            for v in holders
        ]
    largest = float(norm([norm(q, np.inf) for q in quotients], np.inf))
    if exceeds(largest, limit, error_if_nonfinite, holders):
        for variable, quotient in zip(holders, quotients, strict=True):
            rescale(variable.grad, limit / np.maximum(quotient, limit))
    return largest
