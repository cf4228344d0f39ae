"""Curvature.

``jacobian`` and ``hessian`` return matrices, ``hvp`` the product of the
Hessian with a vector, and ``elementwise_grad`` the slopes of a function that
treats each element by itself.

::

    import numpy as np
    import autograd_book as ab

    f = lambda x: x[0] ** 2 * x[1]
    x = np.array([1.0, 3.0])
    print(ab.hessian(f)(x))
    print(ab.hvp(f)(x, np.array([1.0, 0.0])))
    print(ab.elementwise_grad(np.tanh)(x))
"""
# Generated from book/modes/curvature.md by autograd-book extract; edit the chapter, not this file.
# sha256: 826418cb376d2ab6fd735b384121c74b17f5668370f1ac83cf468d56986bb4d1

__all__ = [
    "basis",
    "by_rows",
    "by_columns",
    "as_one_array",
    "jacobian",
    "WAYS",
    "expect_known_way",
    "of_one",
    "expect_position",
    "columns_are_better",
    "hessian",
    "hvp",
    "elementwise_grad",
]


# book/modes/curvature.md: Rows or columns
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, overload

import numpy as np

from autograd_book.graph.errors import (
    DifferentiationTypeError, DifferentiationValueError, with_usage,
)
from autograd_book.graph.primitive import shape_of
from autograd_book.graph.protocols import P
from autograd_book.modes.forward import jvp
from autograd_book.modes.transforms import (
    Fun, by_trees, expect_function, grad, name_of, of_chosen, primal, vjp,
)
from autograd_book.modes.trees import Tree, kind_of, leaves, tree_map


def basis(like: Any) -> Iterator[np.ndarray]:
    """All arrays of the shape and dtype of `like` with a single 1 in them, in order."""
    size = int(np.prod(shape_of(like)))
    for i in range(size):
        unit = np.zeros(size, like.dtype)
        unit[i] = 1
        yield unit.reshape(shape_of(like))[()]


# book/modes/curvature.md: Rows, then columns
def by_rows(f: Fun, x: Tree) -> Tree:
    """Jacobian of f at x by one pullback for each element of the result."""
    out, pullback = vjp(f, x)
    if "c" in {
        leaf.dtype.kind
        for leaf in (np.asarray(0.0), *map(primal, leaves(x)), out)
        if hasattr(leaf, "dtype")
    }:
        raise DifferentiationTypeError(
            f"jacobian of {name_of(f)} was asked for mode='reverse' where complex numbers "
            "occur, and rows are gradients. Use mode='forward'."
        )
    rows = [pullback(unit)[0] for unit in basis(np.zeros_like(out))]
    shapes = tree_map(lambda leaf: primal(leaf), x)
    return tree_map(
        lambda leaf, *parts: as_one_array(parts, leaf, shape_of(out) + shape_of(leaf)),
        shapes,
        *rows,
    )


# book/modes/curvature.md: Rows, then columns
def by_columns(f: Fun, x: Any) -> Any:
    """Jacobian of f at an array x by one pass of forward mode for each of its elements."""
    x = primal(x)
    out = f(x) if x.size == 0 else None
    columns = [jvp(f, (x,), (unit,))[1] for unit in basis(x)]
    shape = shape_of(columns[0] if columns else out)
    rows = as_one_array(columns, x, (x.size, *shape))
    return np.moveaxis(rows, 0, -1).reshape(shape + x.shape)


# book/modes/curvature.md: Rows, then columns
def as_one_array(parts: Any, like: Any, shape: tuple[int, ...]) -> Any:
    """Arrays as one array of the given shape; zeros of the dtype of `like` if there are
    none."""
    return np.stack(parts).reshape(shape) if parts else np.zeros(shape, like.dtype)


# book/modes/curvature.md: One function for both
@overload
def jacobian(f: np.ufunc, argnums: int = 0, mode: str = "auto") -> Fun: ...
@overload
def jacobian(
    f: Callable[P, Any], argnums: int = 0, mode: str = "auto"
) -> Callable[P, Any]: ...
@with_usage
def jacobian(f: Fun, argnums: int = 0, mode: str = "auto") -> Fun:
    """A function that returns the Jacobian of `f`.

    Parameters
    ----------
    f : callable
        Returns one array or number.
    argnums : int
        Position of the argument to differentiate: an array, or for ``"reverse"`` a tree of
        arrays.
    mode : str
        ``"reverse"``: one pullback for each element of the result. ``"forward"``: one pass
        for each element of the argument. ``"auto"``: the one that takes fewer; forward mode
        wherever complex numbers occur.

    Returns
    -------
    callable
        Takes the arguments of `f`; returns an array of shape ``out.shape + x.shape``, or a
        tree of them.

    Raises
    ------
    DifferentiationValueError
        If the mode is not known.
    """
    expect_function(f, "jacobian")
    expect_known_way(mode)

    def transformed(*args: Any, **kwargs: Any) -> Any:
        expect_position(f, argnums)
        chosen, (x,) = of_one(f, int(argnums), args, kwargs)
        columns = columns_are_better(chosen, x, mode)
        return by_columns(chosen, x) if columns else by_rows(chosen, x)

    return transformed


# book/modes/curvature.md: One function for both
WAYS = ("auto", "reverse", "forward")  #: To a Jacobian.


def expect_known_way(mode: Any) -> None:
    """Raise unless `mode` is one of `WAYS`."""
    if mode not in WAYS:
        raise DifferentiationValueError(
            f"jacobian was given mode={mode!r}. Use one of {', '.join(map(repr, WAYS))}."
        )


def of_one(
    f: Fun, position: int, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Fun, tuple[Tree, ...]]:
    """f as a function of one argument alone, and that argument."""
    return by_trees(of_chosen(f, (position,), args, kwargs), (args[position],))


def expect_position(f: Fun, argnums: Any) -> None:
    """Raise unless `argnums` is one position."""
    if not isinstance(argnums, (int, np.integer)):
        raise DifferentiationTypeError(
            f"jacobian of {name_of(f)} was given argnums={argnums!r}. Give one "
            "position, and the arguments of f to what comes back, as in jacobian(f)(x); "
            "call it once for each argument, or take them as one tree."
        )


# book/modes/curvature.md: One function for both
def columns_are_better(f: Fun, x: Tree, mode: str) -> bool:
    """Whether to go by columns: told so, or complex, or fewer columns than rows."""
    if kind_of(x) or mode != "auto":
        if kind_of(x) and mode == "forward":
            raise DifferentiationTypeError(
                f"jacobian of {name_of(f)} was asked for mode='forward' with a "
                f"{type(x).__name__} as its argument. Use mode='reverse', or give one "
                "array."
            )
        return mode == "forward"
    x, out = primal(x), f(x)
    kind = out.dtype.kind if hasattr(out, "dtype") else np.asarray(out).dtype.kind
    complex_ones = "c" in (x.dtype.kind, kind)
    return complex_ones or x.size < np.size(out)


# book/modes/curvature.md: Second derivatives
@with_usage
def hessian(f: Callable[P, Any], argnums: int = 0) -> Callable[P, Any]:
    """A function that returns the matrix of second derivatives of `f`, of shape ``x.shape +
    x.shape``.

    Parameters
    ----------
    f : callable
        Returns a single number.
    argnums : int
        Position of the argument to differentiate, an array or a tree of arrays.

    Returns
    -------
    callable
        Takes the arguments of `f`; returns an array, or for a tree a tree of trees: the
        block of two leaves stands at the place of the first, and there at that of the
        second.
    """
    by_slopes = jacobian(grad(f, argnums), argnums, mode="reverse")

    def transformed(*args: Any, **kwargs: Any) -> Tree:
        expect_position(f, argnums)
        chosen, (x,) = of_one(f, int(argnums), args, kwargs)
        if kind_of(x) is None:
            return by_slopes(*args, **kwargs)
        places, slopes = count(), grad(chosen)

        def row(leaf: Any) -> Tree:
            place = next(places)
            return jacobian(lambda t: leaves(slopes(t))[place], mode="reverse")(x)

        return tree_map(row, x)

    return transformed


# book/modes/curvature.md: Second derivatives
@with_usage
def hvp(f: Fun, argnums: int = 0) -> Fun:
    """A function that returns the product of the Hessian of `f` with a vector.

    Parameters
    ----------
    f : callable
        Returns a single number.
    argnums : int
        Position of the argument to differentiate, an array or a tree of arrays.

    Returns
    -------
    callable
        Takes the arguments of `f` and then a vector in the form of the argument; returns
        the product in the same form.
    """

    expect_function(f, "hvp")

    def transformed(*args: Any, **kwargs: Any) -> Tree:
        if len(args) < 2:
            raise DifferentiationValueError(
                f"the product with the Hessian of {name_of(f)} was asked for with "
                f"{len(args)} arguments. Give those of the function, and then the vector."
            )
        before, v = args[:-1], args[-1]
        chosen, x = of_one(f, argnums, before, kwargs)
        return jvp(grad(chosen), x, (v,))[1]

    return transformed


# book/modes/curvature.md: Slopes at each element
@overload
def elementwise_grad(f: np.ufunc, argnums: int = 0) -> Fun: ...
@overload
def elementwise_grad(f: Callable[P, Any], argnums: int = 0) -> Callable[P, Any]: ...
@with_usage
def elementwise_grad(f: Fun, argnums: int = 0) -> Fun:
    """A function that returns the slope of `f` at each element.

    Parameters
    ----------
    f : callable
        Treats each element of its argument by itself, as universal functions do.
    argnums : int
        Position of the argument to differentiate, an array.

    Returns
    -------
    callable
        Takes the arguments of `f`; returns slopes in the shape of the argument.

    Raises
    ------
    DifferentiationValueError
        From the returned function, if the result of `f` does not have the shape of the
        argument.
    """

    expect_function(f, "elementwise_grad")

    def transformed(*args: Any, **kwargs: Any) -> Any:
        chosen, x = of_chosen(f, (argnums,), args, kwargs), primal(args[argnums])
        out, slopes = jvp(chosen, (x,), (np.ones_like(x),))
        if shape_of(out) != shape_of(args[argnums]):
            raise DifferentiationValueError(
                f"{name_of(f)} returned shape {shape_of(out)} for an argument of shape "
                f"{shape_of(args[argnums])}, so it does not act on each element by itself. "
                "Use grad or jacobian."
            )
        return slopes

    return transformed
