"""How NumPy hands a call over.

A function of NumPy that meets a Variable is looked up in tables: of
primitives, of compositions, and of what is refused. A decorator enters a
function of one's own.

::

    import numpy as np
    import autograd_book as ab

    @ab.primitive("x", x=lambda g, out: g * out * (1 - out))
    def logistic(x):
        return 1 / (1 + np.exp(-x))

    x = ab.Variable([0.0, 2.0])
    np.sum(np.tanh(x) + logistic(x)).backward()
    print(x.grad)
"""
# Generated from book/graph/protocols.md by autograd-book extract; edit the chapter, not this file.
# sha256: 67659a82716b16c5ca53a09255888d3783976f56b2643066fdeb8835fb3f65f4

__all__ = [
    "P",
    "R",
    "functions",
    "attributes",
    "refusals",
    "refuse",
    "implements",
    "call_numpy",
    "Protocols",
    "refusing_writes",
    "expect_argument_names",
    "primitive",
]


# book/graph/protocols.md: Three tables
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import numpy as np

from autograd_book.graph.errors import (
    DifferentiationTypeError, DifferentiationValueError, NoRuleError, advise, nearest,
)
from autograd_book.graph.primitive import (
    Primitive, Rule, arrange, expect_order_and_names, primitives, shape_of,
)
from autograd_book.graph.stack import Fun, top

P = ParamSpec("P")  #: The arguments of a function that is given.
R = TypeVar("R")  #: What it returns.

#: From a NumPy function to our composition of it.
functions: dict[Fun, Fun] = {
    np.shape: lambda a: shape_of(a),
    np.ndim: lambda a: len(shape_of(a)),
    np.size: lambda a, axis=None: int(
        np.prod(np.take(shape_of(a), range(len(shape_of(a))) if axis is None else axis))
    ),
}


#: Attributes of Variables that later chapters add, by name.
attributes: dict[str, Fun] = {}
#: From a NumPy function that has no derivative to what to do instead.
refusals: dict[Fun, str] = {}


def refuse(remedy: str, *known: Fun) -> None:
    """Enter NumPy functions that are refused, with the sentence that says what to do
    instead."""
    refusals.update(dict.fromkeys(known, remedy))


def implements(*known: Fun) -> Callable[[Fun], Fun]:
    """Decorator: what is decorated computes these NumPy functions when they meet a
    Variable."""

    def enter(ours: Fun) -> Fun:
        functions.update(dict.fromkeys(known, ours))
        return ours

    return enter


# book/graph/protocols.md: The call
def call_numpy(fun: Fun, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A NumPy function of Variables, by its primitive or by our composition.

    Raises
    ------
    NoRuleError
        If the function is in neither table.
    """
    try:
        if primitive := primitives.get(fun):
            arrays, params = arrange(primitive, args, kwargs)
            return top.get().bind(primitive, arrays, params)
        if fun in functions:
            given = {k: v for k, v in kwargs.items() if v is not np._NoValue}
            return functions[fun](*args, **given)
    except Exception as error:
        advise(error, fun.__name__, args)
        raise
    known = [f.__name__ for f in (*primitives, *functions)]
    raise NoRuleError(
        f"{getattr(fun, '__name__', fun)} was called with a Variable, and no derivative is "
        "known for it. "
        + (refusals.get(fun) or nearest(fun.__name__, known))
    )


# book/graph/protocols.md: The call
class Protocols:
    """How NumPy hands a call over to a Variable."""

    __slots__ = ()

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any
    ) -> Any:
        if method == "__call__":
            return call_numpy(ufunc, inputs, kwargs)
        if (fun := getattr(ufunc, method)) in functions:
            return call_numpy(fun, inputs, kwargs)
        raise NoRuleError(
            f"{ufunc.__name__}.{method} was called with a Variable, and no derivative is "
            "known for it. Use np.sum, np.prod, np.max, np.cumsum or another function "
            "along an axis."
        )

    def __array_function__(
        self, func: Fun, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        return call_numpy(func, args, kwargs)


# book/graph/protocols.md: A primitive of one's own
def refusing_writes(made: Primitive) -> Fun:
    """The function of a primitive, which raises at its first call if it writes into an
    argument, and puts itself in its place otherwise."""
    fun = made.fun

    @wraps(fun)
    def first(*args: Any, **params: Any) -> Any:
        before = [a.tobytes() if isinstance(a, np.ndarray) else None for a in args]
        out = fun(*args, **params)
        for name, a, noted in zip(made.arguments, args, before):
            if noted is not None and a.tobytes() != noted:
                raise DifferentiationValueError(
                    f"{made.name} wrote into its argument {name}, an array of shape {a.shape} "
                    "that others use as well. Begin with x = x.copy(), or make new arrays, "
                    "as x = x - ... does and x -= ... does not."
                )
        made.fun = fun
        return out

    return first


# book/graph/protocols.md: A primitive of one's own
def expect_argument_names(arguments: Any) -> None:
    """Raise DifferentiationTypeError for a function where the names of its arguments belong."""
    if not isinstance(arguments, str):
        raise DifferentiationTypeError(
            f"primitive was given {arguments!r} where the names of the array arguments "
            "belong. "
            'Write @primitive("x", x=lambda g, ...: ...) above the function.'
        )


# book/graph/protocols.md: A primitive of one's own
def primitive(
    arguments: str,
    joint: Rule | None = None,
    flat: bool = False,
    linear: str = "",
    elementwise: bool = False,
    view: bool = False,
    into: Fun | None = None,
    composite: bool = False,
    effect: bool = False,
    **rules: Rule,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorator that makes a function of plain arrays differentiable by rules.

    Parameters
    ----------
    arguments : str
        Names of the array arguments, separated by spaces. Other parameters of the function
        are passed as they are.
    joint, flat, linear, elementwise, view, into, composite, effect, **rules
        As for `Primitive`: rules are named after the arguments, and ask for what they need
        by name.

    Returns
    -------
    callable
        Decorator; the decorated function accepts arrays and Variables.
    """
    expect_argument_names(arguments)

    def make(fun: Callable[P, R]) -> Callable[P, R]:
        made = Primitive(
            fun, arguments, joint, flat, linear, elementwise, view, into, composite, effect,
            **rules,
        )
        expect_order_and_names(made)
        made.fun = refusing_writes(made)

        @wraps(fun)
        def bound(*args: P.args, **kwargs: P.kwargs) -> Any:
            try:
                arrays, params = arrange(made, args, kwargs)
            except Exception as error:
                advise(error, made.name, args)
                raise
            return top.get().bind(made, arrays, params)

        primitives[bound] = made
        return bound

    return make
