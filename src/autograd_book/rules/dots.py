"""Products under other names.

``np.dot``, ``np.inner``, ``np.vdot``, ``np.tensordot``, ``np.outer``,
``np.kron``, ``np.cross``, their relatives in ``np.linalg``, chains and powers
of matrices, with the conventions of NumPy.

::

    import numpy as np
    from autograd_book import Variable

    x = Variable([1.0, 2.0, 3.0])
    np.dot(x, [1.0, 0.0, -1.0]).backward()
    print(x.grad)
    print(np.kron(x, [1.0, 10.0]), np.cross(x, [0.0, 0.0, 1.0]))
"""
# Generated from book/rules/dots.md by autograd-book extract; edit the chapter, not this file.
# sha256: 3dad82d8c2ee7f0afc3e70c68074fd69b52cb93637528d4c0ddef4fb35ff6465

__all__ = [
    "positions",
    "tensordot",
    "summed",
    "scalar",
    "inner",
    "dot",
    "vdot",
    "vecdot",
    "APPLIED",
    "expect_matrix",
    "matvec",
    "vecmat",
    "outer",
    "kron",
    "cross3",
    "in_space",
    "cross",
    "is_chain",
    "multi_dot",
    "matrix_power",
    "diagonal",
    "trace",
    "only",
    "in_linalg",
]


# book/rules/dots.md: Matrix products of rearranged operands
import math
import operator
from collections.abc import Callable
from functools import wraps
from itertools import pairwise
from typing import Any

import numpy as np

from autograd_book.graph.backward import unbroadcast
from autograd_book.graph.errors import DifferentiationValueError
from autograd_book.graph.gradient import conjugated
from autograd_book.graph.primitive import primitives, shape_of
from autograd_book.graph.protocols import functions, implements, primitive
from autograd_book.rules.linear import LETTERS, array, decline, einsum, explained, misfit, to
from autograd_book.rules.shapes import reshape


# book/rules/dots.md: Matrix products of rearranged operands
def positions(axes: Any, n: int) -> list[int]:
    """Axes of n, given as a number or several, counted from the front."""
    numbers = [operator.index(axis) for axis in (axes if np.ndim(axes) else [axes])]
    if not all(-n <= axis < n for axis in numbers):
        raise DifferentiationValueError(
            f"the axes {numbers} were asked for, of an array with {n} axes. "
            "Count them from 0, or backwards from -1."
        )
    return [axis % n for axis in numbers]


# book/rules/dots.md: Matrix products of rearranged operands
@implements(np.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """Products summed over pairs of axes, as `numpy.tensordot`."""
    a, b = array(a), array(b)
    m, n = a.shape, b.shape
    pair: Any = axes if np.iterable(axes) else (range(len(m) - axes, len(m)), range(axes))
    if len(pair) != 2:
        raise misfit("tensordot", (a, b), f"Give axes for each of both; it was {axes!r}.")
    k, l = positions(pair[0], len(m)), positions(pair[1], len(n))
    if [m[axis] for axis in k] != [n[axis] for axis in l]:
        remedy = f"Let axes name pairs of equal lengths; it was {axes!r}."
        raise misfit("tensordot", (a, b), remedy)
    return summed(a, b, k, l)


# book/rules/dots.md: Matrix products of rearranged operands
def summed(a: Any, b: Any, k: list[int], l: list[int]) -> Any:
    """Products of a and b, summed over the axes k of a and l of b in pairs."""
    i = [axis for axis in range(len(a.shape)) if axis not in k]
    j = [axis for axis in range(len(b.shape)) if axis not in l]
    x, y = np.transpose(a, i + k), np.transpose(b, l + j)
    rows, columns, n = x.shape[: len(i)], y.shape[len(l) :], math.prod(x.shape[len(i) :])
    z = np.matmul(to(x, (math.prod(rows), n)), to(y, (n, math.prod(columns))))
    return to(z, (*rows, *columns))


# book/rules/dots.md: Matrix products of rearranged operands
def scalar(x: Any) -> Any:
    """x, and NumPy's kind of number if it has no axes, as functions of NumPy return it."""
    return x if x.shape else x[()]


@implements(np.inner)
@explained("Give both the same length along the last axis.")
def inner(a: Any, b: Any) -> Any:
    """Products summed over the last axes, as `numpy.inner`."""
    if () in (shape_of(a), shape_of(b)):
        return np.multiply(array(a), array(b))
    return scalar(tensordot(a, b, (-1, -1)))


# book/rules/dots.md: Matrix products of rearranged operands
@implements(np.dot)
@explained("The last axis of the first must be as long as the last but one of the second.")
def dot(a: Any, b: Any, out: Any = None) -> Any:
    """Products summed over the last axis of a and the last but one of b, as `numpy.dot`."""
    decline("dot", out=out)
    ranks = len(shape_of(a)), len(shape_of(b))
    if 0 in ranks:
        return np.multiply(array(a), array(b))
    return np.matmul(a, b) if max(ranks) < 3 else tensordot(a, b, (-1, -min(2, ranks[1])))


# book/rules/dots.md: Products of vectors
@implements(np.vdot)
@explained("Give both as many numbers.")
def vdot(a: Any, b: Any) -> Any:
    """Product of two arrays laid out as vectors, the first conjugated, as `numpy.vdot`."""
    return np.matmul(conjugated(np.ravel(array(a))), np.ravel(array(b)))


# book/rules/dots.md: Products of vectors
@explained("Give both the same length along the axis, and stacks that are equal or 1.")
def vecdot(
    x1: Any, x2: Any, *, axis: int = -1, keepdims: bool = False, **options: Any
) -> Any:
    """Products of vectors along an axis, the first conjugated, as `numpy.vecdot`."""
    decline("vecdot", **options)
    x, y = np.moveaxis(array(x1), axis, -1), np.moveaxis(array(x2), axis, -1)
    out = np.matmul(conjugated(x)[..., None, :], y[..., None])[..., 0, 0]
    return np.expand_dims(out, axis) if keepdims else scalar(out)


# book/rules/dots.md: Products of vectors
APPLIED = (
    "Give one a matrix and the other a vector as long as the axis that it meets, or stacks "
    "of them."
)


def expect_matrix(matrix: Any) -> None:
    """Raise if what should be a matrix, or a stack of them, has fewer than two axes."""
    if len(shape_of(matrix)) < 2:
        raise DifferentiationValueError("a vector stood where a matrix belongs.")


@explained(APPLIED)
def matvec(x1: Any, x2: Any, **options: Any) -> Any:
    """Matrices times vectors, as `numpy.matvec`."""
    decline("matvec", **options)
    expect_matrix(x1)
    return np.matmul(x1, array(x2)[..., None])[..., 0]


# book/rules/dots.md: Products of vectors
@explained(APPLIED)
def vecmat(x1: Any, x2: Any, **options: Any) -> Any:
    """Conjugated vectors times matrices, as `numpy.vecmat`."""
    decline("vecmat", **options)
    expect_matrix(x2)
    return np.matmul(conjugated(array(x1))[..., None, :], x2)[..., 0, :]


# book/rules/dots.md: Outer products
@implements(np.outer)
def outer(a: Any, b: Any, out: Any = None) -> Any:
    """Each element of a times each of b, as `numpy.outer`."""
    decline("outer", out=out)
    return np.multiply(reshape(a, (-1, 1)), reshape(b, (1, -1)))


# book/rules/dots.md: Outer products
@implements(np.kron)
def kron(a: Any, b: Any) -> Any:
    """Kronecker product: a with each element replaced by it times b, as `numpy.kron`."""
    a, b = array(a), array(b)
    n = max(len(a.shape), len(b.shape))
    x, y = ((1,) * (n - len(x.shape)) + x.shape for x in (a, b))
    outer = (
        reshape(a, [i for k in x for i in (k, 1)]),
        reshape(b, [i for k in y for i in (1, k)]),
    )
    return reshape(np.multiply(*outer), [i * j for i, j in zip(x, y)])


# book/rules/dots.md: The vector product
@primitive(
    "x y",
    linear="x y",
    x=lambda g, x_shape, y: unbroadcast(cross3(y, g), x_shape),
    y=lambda g, x, y_shape: unbroadcast(cross3(g, x), y_shape),
)
@explained(
    "Give both 2 or 3 coordinates along the axis, and stacks that are equal or 1.",
    called="cross",
)
def cross3(x: Any, y: Any) -> Any:
    """Vector products in space, along the last axis."""
    return np.cross(x, y)


# book/rules/dots.md: The vector product
def in_space(x: Any) -> Any:
    """Vectors along the last axis, with a third coordinate of zero if they have two."""
    if x.shape[-1] != 2:
        return x
    return np.concatenate([x, np.zeros((*x.shape[:-1], 1), x.dtype)], axis=-1)


# book/rules/dots.md: The vector product
@implements(np.cross)
def cross(
    a: Any,
    b: Any,
    axisa: int = -1,
    axisb: int = -1,
    axisc: int = -1,
    axis: int | None = None,
) -> Any:
    """Vector products of vectors in space or in the plane, as `numpy.cross`."""
    axisa, axisb, axisc = (axisa, axisb, axisc) if axis is None else (axis, axis, axis)
    x, y = np.moveaxis(array(a), axisa, -1), np.moveaxis(array(b), axisb, -1)
    z = cross3(in_space(x), in_space(y))
    return z[..., 2] if x.shape[-1] == y.shape[-1] == 2 else np.moveaxis(z, -1, axisc)


# book/rules/dots.md: Chains and powers
def is_chain(shapes: list[tuple[int, ...]]) -> bool:
    """Whether each shape begins with the length at which the one before ends; vectors may
    stand at the ends."""
    (first, *middle, last) = map(len, shapes)
    matrices = {1, 2} >= {first, last} and {2}.issuperset(middle)
    return matrices and all(m[-1] == n[-2:][0] for m, n in pairwise(shapes))


@implements(np.linalg.multi_dot)
def multi_dot(arrays: Any, *, out: Any = None) -> Any:
    """The product of a chain of matrices, as `numpy.linalg.multi_dot`."""
    decline("multi_dot", out=out)
    if len(arrays) < 2:
        fact = f"multi_dot was given {len(arrays)} arrays."
        raise DifferentiationValueError(f"{fact} Give it two or more.")
    first, last = len(shape_of(arrays[0])), len(shape_of(arrays[-1]))
    chain = [LETTERS[i : i + 2] for i in range(len(arrays))]
    ends = chain[0][: first - 1] + chain[-1][2 - (last - 1) :]
    chain[0], chain[-1] = chain[0][-first:], chain[-1][:last]
    if not is_chain([shape_of(a) for a in arrays]):
        remedy = "Give matrices as tall as the one before is wide; the ends may be vectors."
        raise misfit("multi_dot", arrays, remedy)
    return einsum(f"{','.join(chain)}->{ends}", *arrays, optimize=True)


# book/rules/dots.md: Chains and powers
@implements(np.linalg.matrix_power)
def matrix_power(a: Any, n: Any) -> Any:
    """Powers of square matrices, as `numpy.linalg.matrix_power`."""
    n = operator.index(n)
    if len(a.shape) < 2 or a.shape[-2] != a.shape[-1]:
        remedy = "Only square matrices, on the last two axes, have powers."
        raise misfit("matrix_power", [a], remedy)
    if n == 0:
        return np.where(True, np.eye(a.shape[-1], dtype=a.dtype), a)
    base, *bits = a if n > 0 else np.linalg.inv(a), *f"{abs(n):b}"[1:]
    power = base
    for bit in bits:
        power = np.matmul(power, power)
        power = np.matmul(power, base) if bit == "1" else power
    return power


# book/rules/dots.md: The same names in another module
def diagonal(x: Any, /, *, offset: int = 0) -> Any:
    """Diagonals of the last two axes, as `numpy.linalg.diagonal`."""
    part = x[..., max(-offset, 0) :, max(offset, 0) :]
    n = min(part.shape[-2:])
    return np.einsum("...ii->...i", part[..., :n, :n])


def trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    """Sums of the diagonals of the last two axes, as `numpy.linalg.trace`."""
    return np.sum(diagonal(x, offset=offset), axis=-1, dtype=dtype)


# book/rules/dots.md: The same names in another module
def only(fun: Any, remedy: str, fits: Callable[..., bool]) -> Callable[..., Any]:
    """A product of `numpy.linalg` that takes fewer shapes than its namesake."""

    @wraps(fun)
    def strict(x1: Any, x2: Any, /, **options: Any) -> Any:
        if not all(fits(shape_of(x), **options) for x in (x1, x2)):
            raise misfit(fun.__name__, (x1, x2), remedy)
        return fun(x1, x2, **options)

    return strict


# book/rules/dots.md: The same names in another module
in_linalg = (
    only(outer, "Give two vectors, or use np.outer.", lambda shape: len(shape) == 1),
    only(cross, "Give vectors in space.", lambda shape, axis=-1: shape[axis] == 3),
    *(tensordot, vecdot, diagonal, trace),
)
for module, ours in [(np, (vecdot, matvec, vecmat)), (np.linalg, in_linalg)]:
    for fun in ours:
        if hasattr(module, fun.__name__):
            functions[getattr(module, fun.__name__)] = fun
if hasattr(np.linalg, "matmul"):
    primitives[np.linalg.matmul] = primitives[np.matmul]
