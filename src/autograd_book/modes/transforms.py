"""Functions of functions.

``grad``, ``value_and_grad`` and ``vjp`` take functions of plain arrays and
return functions of plain arrays. They nest.

::

    import numpy as np
    import autograd_book as ab

    f = lambda x: x * ab.grad(lambda y: x + y)(1.0)
    print(ab.grad(f)(1.0))
    print(ab.grad(ab.grad(ab.grad(np.sin)))(0.0))
"""
# Generated from book/modes/transforms.md by autograd-book extract; edit the chapter, not this file.
# sha256: 5bf7e04db22b876951c740258569a426bb4837aa7ccd9a594ad4bcf881b432ba

__all__ = [
    "Fun",
    "name_of",
    "primal",
    "run",
    "zeros",
    "vjp",
    "cotangent_of",
    "of_chosen",
    "value_and_grad",
    "grad",
]


# book/modes/transforms.md:132
import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from autograd_book.graph.backward import walk
from autograd_book.graph.errors import DifferentiationTypeError, DifferentiationValueError
from autograd_book.graph.primitive import shape_of
from autograd_book.graph.record import Record
from autograd_book.graph.variable import Variable, admissible, push, top, turned

Fun = Callable[..., Any]  #: Any function of arrays.


def name_of(f: Fun) -> str:
    """A function's name and where it was defined, for messages."""
    f = inspect.unwrap(f)
    code = getattr(f, "__code__", None)
    place = f" ({f.__module__}, line {code.co_firstlineno})" if code else ""
    return f"{getattr(f, '__qualname__', repr(f))}{place}"


def primal(value: Any) -> Any:
    """An argument as something a Record can watch: a floating-point array or scalar, or an outer Variable."""
    if type(value) is Variable:
        return value
    return value if isinstance(value, np.ndarray) and value.dtype.kind in "fc" else admissible(value, True)[()]


# book/modes/transforms.md:184
def run(f: Fun, primals: tuple[Any, ...]) -> tuple[Any, Record, list[Variable]]:
    """Run f once under a Record of its own; the result, the Record, and the watched inputs."""
    with push(Record, Variable, f"a derivative of {name_of(f)}") as record:
        inputs = [record.watch(primal(p)) for p in primals]
        result = f(*inputs)
    if not hasattr(result, "shape") and not isinstance(result, (int, float, complex)):
        raise DifferentiationTypeError(
            f"{name_of(f)} returned a {type(result).__name__}, which has no derivative. Return one array or number."
        )
    if getattr(result, "dtype", np.dtype(float)).kind not in "fc":
        raise DifferentiationTypeError(
            f"{name_of(f)} returned values of dtype {result.dtype}, which have no derivative. "
            "Return floating-point numbers, for example the comparison's choice by np.where."
        )
    return result, record, inputs


def zeros(variable: Variable) -> Any:
    """The cotangent of an input that the result does not depend on."""
    return np.zeros(variable.shape, variable.dtype)[()]


# book/modes/transforms.md:230
def vjp(f: Fun, *primals: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """Value of a function and its vector-Jacobian product.

    Parameters
    ----------
    f : callable
        Takes the primals and returns one array or number.
    *primals : array_like
        Where to differentiate; floating point, any shapes.

    Returns
    -------
    out : array or scalar
        ``f(*primals)``.
    pullback : callable
        Takes a cotangent of the shape of `out`; returns a tuple of cotangents, of the shape and dtype of each primal.

    Raises
    ------
    DifferentiationTypeError
        If a primal is not floating point, or `f` does not return one array or number.
    DifferentiationValueError
        From the pullback, if the cotangent does not have the shape of `out`.
    """
    result, record, inputs = run(f, primals)
    recorded = type(result) is Variable and result.record is record

    def pullback(g: Any) -> tuple[Any, ...]:
        g = turned(cotangent_of(result, g))
        found: Any = walk(result.node, g, top.get().pull, retain=True) if recorded else {}
        return tuple([turned(found[v.node]) if v.node in found else zeros(v) for v in inputs])

    return result.value if recorded else result, pullback


def cotangent_of(result: Any, g: Any) -> Any:
    """g as a cotangent of the result, or the error that says why it is none."""
    if shape_of(g) != shape_of(result):
        raise DifferentiationValueError(
            f"a pullback of a result of shape {shape_of(result)} was given a cotangent of shape {shape_of(g)}. "
            "Give it the shape of the result."
        )
    return g if type(g) is Variable else np.asarray(g, getattr(result, "dtype", None))[()]


# book/modes/transforms.md:305
def of_chosen(f: Fun, positions: tuple[int, ...], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Fun:
    """f as a function of the arguments at `positions` alone."""
    if not all(-len(args) <= i < len(args) for i in positions):
        raise DifferentiationValueError(
            f"{name_of(f)} was called with {len(args)} positional arguments, to be differentiated at {positions}. "
            "Pass the arguments to differentiate by position, and count them from 0."
        )

    @wraps(f, updated=())
    def chosen(*primals: Any) -> Any:
        full = list(args)
        for i, p in zip(positions, primals):
            full[i] = p
        return f(*full, **kwargs)

    return chosen


# book/modes/transforms.md:332
def value_and_grad(f: Fun, argnums: int | tuple[int, ...] = 0) -> Fun:
    """A function that returns the value of `f` and its gradient.

    Parameters
    ----------
    f : callable
        Returns a single number.
    argnums : int or tuple of int
        Positions of the arguments to differentiate.

    Returns
    -------
    callable
        Takes the arguments of `f`; returns ``(value, gradient)``. The gradient has the shape and dtype of the
        argument, and is a tuple if `argnums` is.

    Raises
    ------
    DifferentiationValueError
        From the returned function, if the result is not a single number, or there is no argument at a position.
    """
    positions = (argnums,) if isinstance(argnums, int) else tuple(argnums)

    def transformed(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        out, pullback = vjp(of_chosen(f, positions, args, kwargs), *(args[i] for i in positions))
        if shape_of(out) != ():
            raise DifferentiationValueError(
                f"{name_of(f)} returned an array of shape {shape_of(out)}, and the gradient is defined for one number. "
                "Reduce the result, for example with np.sum, or use vjp."
            )
        if getattr(out, "dtype", np.dtype(float)).kind == "c":
            raise DifferentiationTypeError(
                f"{name_of(f)} returned a complex number of dtype {out.dtype}, and the gradient is defined for a real "
                "one. Reduce the result to a real number, for example with np.abs, or use vjp."
            )
        gradients = pullback(1.0)
        return out, gradients[0] if isinstance(argnums, int) else gradients

    return transformed


def grad(f: Fun, argnums: int | tuple[int, ...] = 0) -> Fun:
    """A function that returns the gradient of `f`; parameters and errors as for `value_and_grad`."""
    both = value_and_grad(f, argnums)
    return lambda *args, **kwargs: both(*args, **kwargs)[1]
