"""Scans.

Running sums, products and maxima, and the linear recurrence that all their
products go through.

::

    import numpy as np
    from autograd_book import Variable

    x = Variable([2.0, 0.0, 5.0, 3.0])
    np.cumprod(x).sum().backward()
    print(x.grad)
    print(np.cumsum(x), np.maximum.accumulate(x))
"""
# Generated from book/rules/scans.md by autograd-book extract; edit the chapter, not this file.
# sha256: 45bd2a0e05b8a4225b72990c94e703564f6185ff77549c98f05bf8cea3b06c71

__all__ = [
    "cumsum_x",
    "step_by_step",
    "by_doubling",
    "WIDE",
    "recurrence_rule",
    "recurrence",
    "recurrence_back",
    "cumprod_x",
    "leaders",
    "running",
    "installed",
    "filled",
    "with_initial",
]


# book/rules/scans.md: Running sums
from typing import Any

import numpy as np

from autograd_book.graph.errors import DifferentiationValueError
from autograd_book.graph.primitive import Primitive
from autograd_book.graph.protocols import functions, primitive
from autograd_book.graph.stack import Fun
from autograd_book.rules.elementwise import wide
from autograd_book.rules.reductions import along_first, backwards, kept, later


# book/rules/scans.md: Running sums
def cumsum_x(g: Any, shape: tuple[int, ...], axis: Any) -> Any:
    """Cotangent of a running sum: the running sum from the other end."""
    axis, g = axis or 0, wide(g)
    return np.reshape(
        backwards(np.cumsum(backwards(g, axis), axis=axis), axis), shape
    )


Primitive(
    np.cumsum, "x", linear="x", into=np.cumsum,
    x=lambda g, x_shape, axis=None, dtype=None: cumsum_x(g, x_shape, axis),
)


# book/rules/scans.md: A loop, or fewer passes
def step_by_step(y: Any, a: Any) -> None:
    """Turn y into its recurrence along the first axis, one place at a time."""
    for k in range(1, len(y)):
        y[k] += a[k] * y[k - 1]


# book/rules/scans.md: A loop, or fewer passes
def by_doubling(y: Any, a: Any) -> None:
    """The same in passes of doubled reach; overwrites a."""
    reach = 1
    while reach < len(y):
        y[reach:] += a[reach:] * y[:-reach]
        a[reach:] *= a[:-reach]
        reach *= 2


# book/rules/scans.md: The recurrence as a primitive
WIDE = 128  #: Numbers in one step from which on a loop over the steps is the faster way.


# book/rules/scans.md: The recurrence as a primitive
def recurrence_rule(g: Any, a: Any, out: Any, axis: int) -> tuple[Any, Any]:
    """Cotangents of both arguments of a recurrence."""
    g = recurrence_back(g, a, axis)
    return g, g * later(out, 0, axis)


# book/rules/scans.md: The recurrence as a primitive
@primitive(
    "x a", linear="x",
    joint=lambda g, a, out, axis=-1: recurrence_rule(g, a, out, axis),
)
def recurrence(x: Any, a: Any, axis: int = -1) -> Any:
    """Linear recurrence: ``y[k] = a[k] * y[k - 1] + x[k]``, and ``y[0] = x[0]``.

    Parameters
    ----------
    x : array_like or Variable
        What is added at each step.
    a : array_like or Variable
        What the result before is multiplied by; of the same shape. The first has no effect.
    axis : int
        Axis along which the steps go.

    Returns
    -------
    array or Variable
        All results, in the shape of `x`.
    """
    dtype = np.result_type(x, a)
    y, a = (
        np.moveaxis(np.array(x, dtype), axis, 0),
        np.moveaxis(np.array(a, dtype), axis, 0),
    )
    (step_by_step if y[:1].size >= WIDE else by_doubling)(y, a)
    return np.moveaxis(y, 0, axis)


# book/rules/scans.md: The recurrence as a primitive
def recurrence_back(g: Any, a: Any, axis: int) -> Any:
    """The recurrence from the other end: ``r[k] = g[k] + a[k + 1] * r[k + 1]``."""
    factors = later(backwards(a, axis), 0, axis)
    return backwards(recurrence(backwards(g, axis), factors, axis=axis), axis)


# book/rules/scans.md: The rule of the running product
def cumprod_x(g: Any, x: Any, out: Any, axis: Any) -> Any:
    """Cotangent of a running product."""
    shape, axis = x.shape, axis or 0
    g, x, out = wide(g), wide(np.reshape(x, g.shape)), wide(out)
    return np.reshape(later(out, 1, axis) * recurrence_back(g, x, axis), shape)


Primitive(
    np.cumprod, "x", into=np.cumprod,
    x=lambda g, x, out, axis=None, dtype=None: cumprod_x(g, x, out, axis),
)


# book/rules/scans.md: Running maxima
@primitive("x", flat=True)
def leaders(x: Any, ufunc: Any, axis: int) -> Any:
    """For each place, where the running maximum or minimum stands that is found there."""
    leads = np.equal(x, ufunc.accumulate(x, axis=axis)) | np.isnan(x)
    places = np.arange(x.shape[axis]).reshape(
        [-1 if i == axis % x.ndim else 1 for i in range(x.ndim)]
    )
    return np.maximum.accumulate(np.where(leads, places, 0), axis=axis)


# book/rules/scans.md: A lookup at the leaders
def running(ufunc: np.ufunc) -> Fun:
    """The scan of a maximum or minimum."""

    def accumulate(x: Any, axis: int = 0, dtype: Any = None) -> Any:
        index = list(np.indices(x.shape, sparse=True))
        index[axis] = leaders(x, ufunc, axis)
        found = x[tuple(index)]
        return found if dtype is None else found.astype(dtype)

    return accumulate


# book/rules/scans.md: A lookup at the leaders
functions.update({ufunc.accumulate: running(ufunc) for ufunc in (np.maximum, np.minimum)})
functions[np.add.accumulate] = along_first(np.cumsum)
functions[np.multiply.accumulate] = along_first(np.cumprod)


# book/rules/scans.md: Scans with holes, and scans that start early
def installed(*names: str, module: Any = np) -> list[Fun]:
    """Those of a module's functions that the installed NumPy has."""
    return [getattr(module, name) for name in names if hasattr(module, name)]


# book/rules/scans.md: Scans with holes, and scans that start early
def filled(fun: Fun, neutral: float) -> Fun:
    """A scan that takes a NaN for a number without effect."""

    def scan(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
        return fun(
            np.where(np.isnan(a), a.dtype.type(neutral), a), axis=axis, dtype=dtype, out=out
        )

    return scan


# book/rules/scans.md: Scans with holes, and scans that start early
def with_initial(fun: Fun, neutral: float) -> Fun:
    """A scan that can begin with the result for no elements."""

    def scan(
        x: Any,
        *,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        include_initial: bool = False,
    ) -> Any:
        x = np.atleast_1d(x)
        if axis is None and len(x.shape) != 1:
            raise DifferentiationValueError(
                f"a cumulative function of shape {x.shape} got no axis. Name the axis."
            )
        axis = 0 if axis is None else axis
        scanned = fun(x, axis=axis, dtype=dtype, out=out)
        first = np.full(kept(x.shape, axis), neutral, scanned.dtype)
        return np.concatenate([first, scanned], axis=axis) if include_initial else scanned

    return scan


# book/rules/scans.md: Scans with holes, and scans that start early
functions.update({np.nancumsum: filled(np.cumsum, 0), np.nancumprod: filled(np.cumprod, 1)})
functions.update(dict.fromkeys(installed("cumulative_sum"), with_initial(np.cumsum, 0)))
functions.update(dict.fromkeys(installed("cumulative_prod"), with_initial(np.cumprod, 1)))
