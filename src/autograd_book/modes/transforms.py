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
# sha256: 5fb240ccd234a7cc073b6f5530548c05a5313c7b42e0627f76f3d064943404f8

__all__ = [
    "Fun",
    "name_of",
    "primal",
    "name_place",
    "explain_trees",
    "recorded",
    "expect_function",
    "RETURNED",
    "expect_differentiable",
    "zero_cotangent",
    "stand_ins",
    "by_trees",
    "vjp",
    "pulled_back",
    "handed_out",
    "unshared",
    "expect_pair",
    "cotangent_of",
    "of_chosen",
    "positions_of",
    "value_and_grad",
    "grad",
    "expect_real_number",
    "stop_gradient",
]


# book/modes/transforms.md: What may be differentiated
import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, overload

import numpy as np

from autograd_book.graph.backward import walk
from autograd_book.graph.errors import (
    DifferentiationTypeError, DifferentiationValueError, with_usage,
)
from autograd_book.graph.gradient import conjugated, expect_kind, in_dtype
from autograd_book.graph.interpreter import puller
from autograd_book.graph.methods import H, Operators
from autograd_book.graph.primitive import Handle, differentiable, intact, seal, shape_of
from autograd_book.graph.protocols import P, R, primitive
from autograd_book.graph.record import Record
from autograd_book.graph.stack import push, top
from autograd_book.graph.variable import Variable, admissible
from autograd_book.modes.trees import Tree, leaves, places, tree_map

Fun = Callable[..., Any]  #: Any function of arrays.


def name_of(f: Fun) -> str:
    """A function's name and where it was defined, for messages."""
    f = inspect.unwrap(f)
    if derived := getattr(f, "derived", ""):
        return derived
    code = getattr(f, "__code__", None)
    place = f" ({f.__module__}, line {code.co_firstlineno})" if code else ""
    return f"{getattr(f, '__qualname__', repr(f))}{place}"


# book/modes/transforms.md: What may be differentiated
def primal(value: Any) -> Any:
    """An argument as something a Record can watch: a floating-point array or scalar, or an
    outer Variable."""
    if isinstance(value, Operators):
        return value
    if isinstance(value, np.ndarray) and differentiable(value.dtype):
        return value
    if not isinstance(value, str) and np.asarray(value).dtype == object:
        raise DifferentiationTypeError(
            f"an argument of type {type(value).__name__} was to be differentiated. Give "
            "arrays, numbers, and lists, tuples and dictionaries of them, or enter its class "
            "in autograd_book.modes.trees.containers."
        )
    return admissible(value, True)[()]


# book/modes/transforms.md: One recorded run
def name_place(error: Exception, primals: tuple[Tree, ...]) -> None:
    """Add to an error of `primal` at which place of a tree the leaf stands."""
    for place, leaf in (found for p in primals for found in places(p)):
        try:
            primal(leaf)
        except DifferentiationTypeError:
            if place:
                error.add_note(f"It stands at {place} of what was to be differentiated.")
            return


# book/modes/transforms.md: One recorded run
def explain_trees(error: Exception, f: Fun, primals: tuple[Tree, ...]) -> None:
    """Add to an error of f that some of its arguments were no arrays."""
    for i, p in enumerate(primals):
        if isinstance(p, (list, tuple)):
            kind = type(p).__name__
            error.add_note(
                f"Argument {i} of {name_of(f)} came as a {kind} of {len(p)}, with Variables "
                f"for the numbers and arrays in it. Make an array of the {kind} where one is "
                "meant, with rows of one length, and give several arguments one by one."
            )
        elif p is None:
            error.add_note(f"Argument {i} of {name_of(f)} was None. Give numbers or arrays.")


# book/modes/transforms.md: One recorded run
def recorded(f: Fun, primals: tuple[Tree, ...]) -> tuple[Any, Record, tuple[Tree, ...]]:
    """Run f once under a Record of its own; the result, the Record, and the watched
    inputs."""
    with push(Record, Variable, f"a derivative of {name_of(f)}") as record:
        try:
            inputs = tree_map(lambda p: record.watch(primal(p)), primals)
        except DifferentiationTypeError as error:
            name_place(error, primals)
            raise
        try:
            result = f(*inputs)
        except (TypeError, AttributeError) as error:
            explain_trees(error, f, primals)
            raise
    return result, record, inputs


# book/modes/transforms.md: One recorded run
def expect_function(f: Any, transformation: str) -> None:
    """Raise DifferentiationTypeError if f cannot be called."""
    if not callable(f):
        raise DifferentiationTypeError(
            f"{transformation} was given a {type(f).__name__} in place of a function. Give "
            "the function itself, f and not f(x)."
        )


#: What to return instead, by what was returned.
RETURNED: dict[type, str] = {
    type(None): "Return one array or number, in a last line that begins with return.",
    list: "Return one array or number, as np.stack makes one of a list.",
    tuple: "Return one array or number, as np.stack makes one of a tuple; grad, "
    "value_and_grad and vjp pass a second thing on if has_aux=True.",
    dict: "Return one array or number; grad, value_and_grad and vjp pass a second thing on "
    "if has_aux=True.",
    type(name_of): "Return what the function gives, f(x) and not f.",
}


def expect_differentiable(f: Fun, result: Any) -> Any:
    """The result of f, or the error that says why it has no derivative."""
    if not isinstance(result, (np.ndarray, np.generic, Handle, int, float, complex)):
        raise DifferentiationTypeError(
            f"{name_of(f)} returned a {type(result).__name__}, which has no derivative. "
            + RETURNED.get(type(result), "Return one array or number of NumPy's, as the .data "
            "of an array with labels.")
        )
    dtype = getattr(result, "dtype", None) or np.asarray(result).dtype
    if not differentiable(dtype):
        raise DifferentiationTypeError(
            f"{name_of(f)} returned values of dtype {dtype}, which have no "
            "derivative. Return floating-point numbers, for example the comparison's "
            "choice by np.where."
        )
    return result


# book/modes/transforms.md: One recorded run
def zero_cotangent(variable: Variable) -> Any:
    """The cotangent of an input that the result does not depend on."""
    return np.zeros(variable.shape, variable.dtype)[()]


# book/modes/transforms.md: What stands for a tree
#: From a kind of argument to a function of one: it gives a tree, and from a tree like it such an argument.
stand_ins: dict[type, Callable[[Any], tuple[Tree, Fun]]] = {}


def by_trees(f: Fun, primals: tuple[Any, ...]) -> tuple[Fun, tuple[Tree, ...]]:
    """f as a function of trees, and the trees, where a primal is of a kind that stands for
    one."""
    kinds = [next((k for k in stand_ins if isinstance(p, k)), None) for p in primals]
    if not any(kinds):
        return f, primals
    itself: Fun = lambda tree: tree
    found = [stand_ins[k](p) if k else (p, itself) for k, p in zip(kinds, primals)]

    @wraps(f, updated=())
    def of_trees(*trees: Tree) -> Any:
        return f(*[back(tree) for (_, back), tree in zip(found, trees)])

    return of_trees, tuple(tree for tree, _ in found)


# book/modes/transforms.md: The vector-Jacobian product
@with_usage
def vjp(f: Fun, *primals: Tree, has_aux: bool = False) -> Any:
    """Value of a function and its vector-Jacobian product.

    Parameters
    ----------
    f : callable
        Takes the primals and returns one array or number.
    *primals : array_like, or tree of them
        Where to differentiate; floating point or complex, any shapes.
    has_aux : bool
        Whether `f` returns a pair of the result and something else, which is passed on.

    Returns
    -------
    out : array or scalar
        ``f(*primals)``.
    pullback : callable
        Takes a cotangent of the shape of `out`; returns a tuple in the form of the primals.
    aux : object
        Only if `has_aux`: what else `f` returned, with plain values in place of Variables.

    Raises
    ------
    DifferentiationTypeError
        If a primal is not floating point, or `f` does not return one array or number.
    DifferentiationValueError
        From the pullback, if the cotangent does not have the shape of `out`.
    MutatedValueError
        From the pullback, if a primal was changed in place since.
    """
    expect_function(f, "vjp")
    f, primals = by_trees(f, primals)
    seals = [(p, seal(p)) for p in leaves(primals)]
    result, record, inputs = recorded(f, primals)
    result, *aux = expect_pair(f, result) if has_aux else (result,)
    out = handed_out(expect_differentiable(f, result), record)

    def pullback(g: Any) -> tuple[Tree, ...]:
        for p, noted in seals:
            intact(p, noted, name_of(f), "to differentiate")
        return pulled_back(result, record, inputs, g)

    return (out, pullback, *tree_map(lambda v: handed_out(v, record), aux))


# book/modes/transforms.md: The vector-Jacobian product
def pulled_back(result: Any, record: Record, inputs: Any, g: Any) -> tuple[Tree, ...]:
    """The cotangents of the inputs that a Record watched, from one of the result."""
    g = conjugated(cotangent_of(result, g))
    recorded = type(result) is Variable and result.record is record
    found: Any = walk(result.node, g, puller(top.get()), retain=True) if recorded else {}
    parts = tree_map(
        lambda v: conjugated(found[v.node]) if v.node in found else zero_cotangent(v), inputs
    )
    return unshared(parts, g)


# book/modes/transforms.md: What may leave
def handed_out(value: Any, record: Record) -> Any:
    """The value of a constant or of a Variable of this Record, as a copy of its own;
    anything else as it is."""
    if type(value) is not Variable or value.record not in (record, None):
        return value
    return value.value.copy() if isinstance(value.value, np.ndarray) else value.value


# book/modes/transforms.md: What may leave
def unshared(cotangents: Tree, g: Any) -> Tree:
    """The cotangents, each in memory of its own: rules may hand on what they were given, or
    one array twice."""
    seen = {id(g)}

    def apart(part: Any) -> Any:
        shared = isinstance(part, np.ndarray) and (
            part.base is not None or id(part) in seen
        )
        seen.add(id(part))
        return part.copy() if shared else part

    return tree_map(apart, cotangents)


# book/modes/transforms.md: What may enter
def expect_pair(f: Fun, result: Any) -> Any:
    """The two things that f returned, or the error that says that it did not."""
    if not isinstance(result, tuple) or len(result) != 2:
        raise DifferentiationTypeError(
            f"{name_of(f)} returned a {type(result).__name__} where has_aux=True expects a "
            "pair. Return the result to differentiate and everything else as a tuple of "
            "two."
        )
    return result


# book/modes/transforms.md: What may enter
def cotangent_of(result: Any, g: Any) -> Any:
    """g as a cotangent of the result, or the error that says why it is none."""
    if shape_of(g) != shape_of(result):
        raise DifferentiationValueError(
            f"a pullback of a result of shape {shape_of(result)} was given a cotangent of "
            f"shape {shape_of(g)}. Give it the shape of the result."
        )
    expect_kind(g, getattr(result, "dtype", float), "cotangent")
    return g if type(g) is Variable else in_dtype(g, getattr(result, "dtype", None))


# book/modes/transforms.md: Gradients
def of_chosen(
    f: Fun, positions: tuple[int, ...], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Fun:
    """f as a function of the arguments at `positions` alone."""
    if not all(-len(args) <= i < len(args) for i in positions):
        raise DifferentiationValueError(
            f"{name_of(f)} was called with {len(args)} positional arguments, to be "
            f"differentiated at {positions}. Pass the arguments to differentiate by "
            "position, and count them from 0."
        )
    if len({i % len(args) for i in positions}) < len(positions):
        raise DifferentiationValueError(
            f"{name_of(f)} was to be differentiated at {positions}, which names an "
            "argument twice. Name each once."
        )

    @wraps(f, updated=())
    def chosen(*primals: Any) -> Any:
        full = list(args)
        for i, p in zip(positions, primals):
            full[i] = p
        return f(*full, **kwargs)

    return chosen


# book/modes/transforms.md: Gradients
def positions_of(f: Fun, argnums: Any) -> tuple[int, ...]:
    """The positions of arguments as a tuple, or the error that says what came instead."""
    positions = argnums if isinstance(argnums, (tuple, list)) else (argnums,)
    if not all(isinstance(i, (int, np.integer)) for i in positions):
        raise DifferentiationTypeError(
            f"{name_of(f)} was to be differentiated at argnums={argnums!r}. Give positions "
            "counted from 0, as in argnums=(0, 1), and the arguments of f to what comes back, "
            "as in grad(f)(x); those passed by name are constants."
        )
    return tuple(map(int, positions))


# book/modes/transforms.md: Gradients
@overload
def value_and_grad(
    f: np.ufunc, argnums: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Fun: ...
@overload
def value_and_grad(
    f: Callable[P, R], argnums: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Callable[P, tuple[R, Any]]: ...
@with_usage
def value_and_grad(
    f: Fun, argnums: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Fun:
    """A function that returns the value of `f` and its gradient.

    Parameters
    ----------
    f : callable
        Returns a single number.
    argnums : int or tuple of int
        Positions of the arguments to differentiate; each an array or a tree of arrays.
    has_aux : bool
        Whether `f` returns a pair of the number and something else.

    Returns
    -------
    callable
        Takes the arguments of `f`; returns ``(value, gradient)``, or ``((value, aux),
        gradient)`` if `has_aux`. The gradient has the form, shapes and dtypes of the
        argument, and is a tuple if `argnums` is.

    Raises
    ------
    DifferentiationValueError
        From the returned function, if the result is not a single number, or there is no
        argument at a position.
    """
    expect_function(f, "grad")
    single, positions = isinstance(argnums, (int, np.integer)), positions_of(f, argnums)

    def transformed(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        chosen = of_chosen(f, positions, args, kwargs)
        out, pullback, *aux = vjp(chosen, *(args[i] for i in positions), has_aux=has_aux)
        expect_real_number(f, out)
        gradients = pullback(1.0)
        return (out, *aux) if has_aux else out, gradients[0] if single else gradients

    return transformed


# book/modes/transforms.md: Gradients
@overload
def grad(
    f: np.ufunc, argnums: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Fun: ...
@overload
def grad(
    f: Callable[P, Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Callable[P, Any]: ...
@with_usage
def grad(f: Fun, argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> Fun:
    """A function that returns the gradient of `f`, or ``(gradient, aux)``; parameters and
    errors as for `value_and_grad`."""
    both = value_and_grad(f, argnums, has_aux)

    def transformed(*args: Any, **kwargs: Any) -> Any:
        value, gradient = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    vars(transformed)["derived"] = f"the gradient of {name_of(f)}"
    return transformed


# book/modes/transforms.md: Gradients
def expect_real_number(f: Fun, out: Any) -> None:
    """Raise unless the result of f is one real number."""
    if shape_of(out) != ():
        raise DifferentiationValueError(
            f"{name_of(f)} returned an array of shape {shape_of(out)}, and the gradient is "
            "defined for one number. Reduce the result, for example with np.sum, or use "
            "vjp."
        )
    if getattr(out, "dtype", np.dtype(float)).kind == "c":
        raise DifferentiationTypeError(
            f"{name_of(f)} returned a complex number of dtype {out.dtype}, and the "
            "gradient is defined for a real one. Reduce the result to a real number, for "
            "example with np.abs, or use vjp."
        )


# book/modes/transforms.md: What is not to be differentiated
@primitive("x", flat=True)
def stop_gradient(x: H) -> H:
    """A copy of the value of x, which counts as a constant in every derivative."""
    return np.array(x)[()]  # type: ignore[return-value]
