"""Matrix products.

``np.matmul`` and ``@`` for operands of every rank, ``np.einsum``, and all the
other products of NumPy, with one rule for each operand and no table of cases.

::

    import numpy as np
    from autograd_book import Variable

    stack, vector = Variable(np.ones((5, 2, 3))), Variable(np.ones(3))
    (stack @ vector).sum().backward()
    print(stack.grad.shape, vector.grad)

    print(np.einsum("sij,j->i", stack, vector), np.dot(stack, vector).shape)
"""
# Generated from book/rules/linear.md by autograd-book extract; edit the chapter, not this file.
# sha256: 026115904be4c397ccc4eb3ef6aac77d8c63f4a02d499d0e1d7be77e8029fdca

__all__ = [
    "Shape",
    "as_matrices",
    "array",
    "to",
    "matmul_x",
    "tall",
    "matmul_y",
    "misfit",
    "explained",
    "FIT",
    "multiplied",
    "from_terms",
    "swapped",
    "collapse",
    "contract",
    "LETTERS",
    "letters_of",
    "spelled",
    "fits",
    "words",
    "decline",
    "einsum_path",
    "steps",
    "einsum",
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


# book/rules/linear.md: Make everything a matrix
import math
import operator
from typing import Any

import numpy as np

from autograd_book.graph.backward import unbroadcast
from autograd_book.graph.primitive import Primitive, primitives, shape_of, signature
from autograd_book.rules.shapes import reshape


# book/rules/linear.md: Make everything a matrix
Shape = tuple[int, ...]  #: Of an array.


def as_matrices(
    x_shape: Shape, y_shape: Shape, z_shape: Shape
) -> tuple[Shape, Shape, Shape]:
    """The shapes of a product's operands and result after vectors have become matrices."""
    row, column = len(x_shape) == 1, len(y_shape) == 1
    x = (1, *x_shape) if row else x_shape
    y = (*y_shape, 1) if column else y_shape
    return x, y, (*z_shape[: len(z_shape) - 2 + row + column], x[-2], y[-1])


# book/rules/linear.md: The two rules
def array(x: Any) -> Any:
    """x itself if it is an array or a Variable, else NumPy's array of it."""
    return x if hasattr(x, "shape") else np.asarray(x)


# book/rules/linear.md: The two rules
def to(x: Any, shape: Shape) -> Any:
    """x in another shape, itself if it has that shape."""
    return x if x.shape == shape else reshape(x, shape)


# book/rules/linear.md: The two rules
def matmul_x(g: Any, x_shape: Shape, y: Any) -> Any:
    """Cotangent of the left operand of ``x @ y``."""
    y = array(y)
    if len(x_shape) > 1 < len(y.shape):
        return unbroadcast(np.matmul(g, y.swapaxes(-1, -2)), x_shape)
    x_matrix, y_matrix, z_matrix = as_matrices(x_shape, y.shape, g.shape)
    return to(matmul_x(to(g, z_matrix), x_matrix, to(y, y_matrix)), x_shape)


# book/rules/linear.md: One product for a whole stack
def tall(x: Any) -> Any:
    """A stack of matrices as one tall matrix."""
    return reshape(x, (math.prod(x.shape[:-1]), x.shape[-1]))


# book/rules/linear.md: One product for a whole stack
def matmul_y(g: Any, x: Any, y_shape: Shape) -> Any:
    """Cotangent of the right operand of ``x @ y``."""
    x = array(x)
    if len(y_shape) == 2 < len(x.shape):
        x, g = tall(x), tall(g)
    if len(y_shape) > 1 < len(x.shape):
        return unbroadcast(np.matmul(x.swapaxes(-1, -2), g), y_shape)
    x_matrix, y_matrix, z_matrix = as_matrices(x.shape, y_shape, g.shape)
    return to(matmul_y(to(g, z_matrix), to(x, x_matrix), y_matrix), y_shape)


# book/rules/linear.md: What does not fit
from collections.abc import Callable
from functools import wraps

from autograd_book.graph.errors import DifferentiationValueError


def misfit(name: str, operands: Any, remedy: str) -> DifferentiationValueError:
    """The error for operands whose shapes do not fit each other."""
    shapes = " and ".join(str(shape_of(x)) for x in operands)
    fact = f"{name} was given shapes that do not fit: {shapes}."
    return DifferentiationValueError(f"{fact} {remedy}")


# book/rules/linear.md: What does not fit
def explained(
    remedy: str, *arguments: str, called: str = ""
) -> Callable[[Callable[..., Any]], Any]:
    """Decorator: when NumPy refuses the operands, the error shows shapes and remedy."""

    def make(fun: Callable[..., Any]) -> Any:
        @wraps(fun)
        def product(*operands: Any, **params: Any) -> Any:
            try:
                return fun(*operands, **params)
            except ValueError as error:
                if isinstance(error, np.exceptions.AxisError):
                    raise
                raise misfit(called or fun.__name__, operands, remedy) from None

        product.__signature__ = signature(fun, arguments)  # type: ignore[attr-defined]
        return product

    return make


# book/rules/linear.md: What does not fit
FIT = (
    "The last axis of the first must be as long as the last but one of the second, "
    "as in x @ y.T, and the axes before them equal or 1; a number multiplies with *."
)


# book/rules/linear.md: What does not fit
primitives[np.matmul] = Primitive(
    explained(FIT, "x", "y")(np.matmul), "x y", linear="x y", into=np.matmul,
    x=matmul_x, y=matmul_y,
)


# book/rules/linear.md: What exchanging letters leaves out
from autograd_book.rules.elementwise import rounded, wide


def multiplied(terms: str, *operands: Any, **how: Any) -> Any:
    """`numpy.einsum`, with sums in single precision at least."""
    dtype = np.result_type(*[x.dtype for x in operands])
    return rounded(np.einsum(terms, *map(wide, operands), **how), dtype)


# book/rules/linear.md: What exchanging letters leaves out
def from_terms(word: str, shape: Shape, terms: str, *operands: Any, **how: Any) -> Any:
    """Einsum of operands into the letters `word` and a shape.

    Repeated letters make a diagonal, and letters that are not in `terms` a broadcast.
    """
    known = "".join(dict.fromkeys(c for c, n in zip(word, shape) if c in terms and n != 1))
    part = multiplied(f"{terms}->{known}", *operands, **how)
    lengths = dict(zip(known, part.shape))
    first = [lengths.pop(c, 1) for c in word]
    part = to(part, tuple(first))
    for i, c in enumerate(word):
        if (k := word.index(c)) < i and shape[i] != 1:
            places = [n if j in (k, i) else 1 for j, n in enumerate(shape)]
            part = part * np.eye(shape[i], dtype=part.dtype).reshape(places)
    return np.broadcast_to(part, shape)


# book/rules/linear.md: Two primitives
from autograd_book.graph.protocols import primitive


def swapped(g: Any, y: Any, shape: Shape, a: str, b: str, c: str, optimize: bool) -> Any:
    """Cotangent of the operand a in the einsum a,b->c, of the given shape."""
    return from_terms(a, shape, f"{c},{b}", g, array(y), optimize=optimize)


# book/rules/linear.md: Two primitives
@primitive(
    "x", linear="x", view=True,
    x=lambda g, x_shape, a, c: from_terms(a, x_shape, c, g),
)
def collapse(x: Any, a: str, c: str) -> Any:
    """Einsum of one operand, from the letters a to the letters c."""
    return multiplied(f"{a}->{c}", x)


# book/rules/linear.md: Two primitives
@primitive(
    "x y", linear="x y",
    x=lambda g, x_shape, y, a, b, c, optimize: swapped(
        g, y, x_shape, a, b, c, optimize
    ),
    y=lambda g, x, y_shape, a, b, c, optimize: swapped(
        g, x, y_shape, b, a, c, optimize
    ),
)
def contract(x: Any, y: Any, a: str, b: str, c: str, optimize: bool) -> Any:
    """Einsum of two operands, from the letters a and b to the letters c."""
    return multiplied(f"{a},{b}->{c}", x, y, optimize=optimize)


# book/rules/linear.md: Reading the letters
import string
from functools import cache
from itertools import pairwise

LETTERS = string.ascii_uppercase + string.ascii_lowercase  #: As NumPy numbers them.


def letters_of(labels: Any) -> str:
    """A list of numbers, the other way to write subscripts, as letters."""
    if not all(n is Ellipsis or 0 <= n < len(LETTERS) for n in labels):
        raise DifferentiationValueError(
            f"einsum was given the subscripts {labels!r}. Number them from 0 to "
            f"{len(LETTERS) - 1}, or use an ellipsis."
        )
    return "".join("..." if n is Ellipsis else LETTERS[n] for n in labels)


# book/rules/linear.md: Reading the letters
def spelled(operands: tuple[Any, ...]) -> tuple[str, list[Any]]:
    """The subscripts and the arrays of a call of einsum, from either of its two forms."""
    if isinstance(operands[0], str):
        return operands[0].replace(" ", ""), [array(x) for x in operands[1:]]
    pairs = len(operands) // 2 * 2
    text = ",".join(letters_of(labels) for labels in operands[1:pairs:2])
    text += "->" + letters_of(operands[-1]) if len(operands) % 2 else ""
    return text, [array(x) for x in operands[:pairs:2]]


# book/rules/linear.md: Reading the letters
def fits(terms: list[str], output: str, shapes: tuple[Shape, ...]) -> bool:
    """Whether each axis has a letter, and all axes of a letter one length, or 1."""
    axes = [set(zip(term, shape)) for term, shape in zip(terms, shapes)]
    lengths = {(c, n) for pairs in axes for c, n in pairs if n != 1}
    return (
        [len(term) for term in terms] == [len(shape) for shape in shapes]
        and all(len(pairs) == len(set(term)) for pairs, term in zip(axes, terms))
        and len(lengths) == len({c for c, _ in lengths})
        and len(output) == len(set(output) & set("".join(terms)))
    )


# book/rules/linear.md: Reading the letters
@cache
def words(text: str, shapes: tuple[Shape, ...]) -> tuple[list[str], str]:
    """The letters of each operand and of the result, without ellipses."""
    inputs, arrow, output = text.partition("->")
    terms = inputs.split(",")
    if not arrow:
        once = [c for c in LETTERS if inputs.count(c) == 1]
        output = "".join(["...", *once])
    ranks = [len(shape) + 3 if "..." in term else 0 for term, shape in zip(terms, shapes)]
    missing = [max(rank - len(term), 0) for rank, term in zip(ranks, terms)]
    dots = "".join([c for c in LETTERS if c not in text][: max(missing, default=0)])
    filled = [t.replace("...", dots[len(dots) - n :]) for t, n in zip(terms, missing)]
    result = output.replace("...", dots)
    if not fits(filled, result, shapes) or (dots and "..." not in output):
        given = (
            f"the subscripts {text!r} for operands of shapes {', '.join(map(str, shapes))}"
        )
        raise DifferentiationValueError(
            f"einsum was given {given}. Give each axis a letter, or an ellipsis for the "
            "rest here and in the result, and axes of one letter one length."
        )
    return filled, result


# book/rules/linear.md: More than two operands
from autograd_book.graph.errors import NoRuleError
from autograd_book.graph.primitive import REMEDIES
from autograd_book.graph.protocols import implements
from autograd_book.graph.stack import bind


def decline(name: str, **options: Any) -> None:
    """Raise NoRuleError for an option that our composition of a function does not know."""
    for option, value in options.items():
        if value is not None:
            remedy = "Leave that parameter out, or apply it in a step of its own."
            raise NoRuleError(
                f"{name} was called with {option}={value!r}, which its derivative does not "
                f"support. {REMEDIES.get(option, remedy)}"
            )


# book/rules/linear.md: More than two operands
@implements(np.einsum_path)
def einsum_path(*operands: Any, **options: Any) -> Any:
    """The order in which to put operands together, as `numpy.einsum_path`."""
    shapes = [np.broadcast_to(0.0, x.shape) if hasattr(x, "shape") else x for x in operands]
    return np.einsum_path(*shapes, **options)


# book/rules/linear.md: More than two operands
def steps(terms: list[str], output: str, xs: list[Any], optimize: Any) -> list[Any]:
    """Which operands to put together, one step after another."""
    if len(xs) < 3:
        return [tuple(range(len(xs)))]
    text = f"{','.join(terms)}->{output}"
    return einsum_path(text, *xs, optimize=optimize or "greedy")[0][1:]


# book/rules/linear.md: Putting pairs together
@implements(np.einsum)
def einsum(*operands: Any, out: Any = None, optimize: Any = False, **options: Any) -> Any:
    """Sums of products over indices, as `numpy.einsum`; many operands are taken in
    pairs."""
    decline("einsum", out=out, **options)
    text, xs = spelled(operands)
    terms, output = words(text, tuple([x.shape for x in xs]))
    if len(xs) == 1:
        return bind(primitives[collapse], xs[0], a=terms[0], c=output)
    pending = list(zip(terms, xs))
    for step in steps(terms, output, xs, optimize):
        group = [pending.pop(i) for i in sorted(step, reverse=True)]
        while len(group) > 1:
            (a, x), (b, y) = group.pop(), group.pop()
            rest = pending + group
            left = {c for word, _ in rest for c in word} | set(output)
            c = "".join(dict.fromkeys(c for c in a + b if c in left)) if rest else output
            pair = bind(primitives[contract], x, y, a=a, b=b, c=c, optimize=bool(optimize))
            group.append((c, pair))
        pending += group
    return pending[0][1]


# book/rules/linear.md: Matrix products of rearranged operands
def positions(axes: Any, n: int) -> list[int]:
    """Axes of n, given as a number or several, counted from the front."""
    numbers = [operator.index(axis) for axis in (axes if np.ndim(axes) else [axes])]
    if not all(-n <= axis < n for axis in numbers):
        raise DifferentiationValueError(
            f"the axes {numbers} were asked for, of an array with {n} axes. "
            "Count them from 0, or backwards from -1."
        )
    return [axis % n for axis in numbers]


# book/rules/linear.md: Matrix products of rearranged operands
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


# book/rules/linear.md: Matrix products of rearranged operands
def summed(a: Any, b: Any, k: list[int], l: list[int]) -> Any:
    """Products of a and b, summed over the axes k of a and l of b in pairs."""
    i = [axis for axis in range(len(a.shape)) if axis not in k]
    j = [axis for axis in range(len(b.shape)) if axis not in l]
    x, y = np.transpose(a, i + k), np.transpose(b, l + j)
    rows, columns, n = x.shape[: len(i)], y.shape[len(l) :], math.prod(x.shape[len(i) :])
    z = np.matmul(to(x, (math.prod(rows), n)), to(y, (n, math.prod(columns))))
    return to(z, (*rows, *columns))


# book/rules/linear.md: Matrix products of rearranged operands
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


# book/rules/linear.md: Matrix products of rearranged operands
@implements(np.dot)
@explained("The last axis of the first must be as long as the last but one of the second.")
def dot(a: Any, b: Any, out: Any = None) -> Any:
    """Products summed over the last axis of a and the last but one of b, as `numpy.dot`."""
    decline("dot", out=out)
    ranks = len(shape_of(a)), len(shape_of(b))
    if 0 in ranks:
        return np.multiply(array(a), array(b))
    return np.matmul(a, b) if max(ranks) < 3 else tensordot(a, b, (-1, -min(2, ranks[1])))


# book/rules/linear.md: Products of vectors
from autograd_book.graph.gradient import conjugated
from autograd_book.graph.protocols import functions


@implements(np.vdot)
@explained("Give both as many numbers.")
def vdot(a: Any, b: Any) -> Any:
    """Product of two arrays laid out as vectors, the first conjugated, as `numpy.vdot`."""
    return np.matmul(conjugated(np.ravel(array(a))), np.ravel(array(b)))


# book/rules/linear.md: Products of vectors
@explained("Give both the same length along the axis, and stacks that are equal or 1.")
def vecdot(
    x1: Any, x2: Any, *, axis: int = -1, keepdims: bool = False, **options: Any
) -> Any:
    """Products of vectors along an axis, the first conjugated, as `numpy.vecdot`."""
    decline("vecdot", **options)
    x, y = np.moveaxis(array(x1), axis, -1), np.moveaxis(array(x2), axis, -1)
    out = np.matmul(conjugated(x)[..., None, :], y[..., None])[..., 0, 0]
    return np.expand_dims(out, axis) if keepdims else scalar(out)


# book/rules/linear.md: Products of vectors
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


# book/rules/linear.md: Products of vectors
@explained(APPLIED)
def vecmat(x1: Any, x2: Any, **options: Any) -> Any:
    """Conjugated vectors times matrices, as `numpy.vecmat`."""
    decline("vecmat", **options)
    expect_matrix(x2)
    return np.matmul(conjugated(array(x1))[..., None, :], x2)[..., 0, :]


# book/rules/linear.md: Outer products
@implements(np.outer)
def outer(a: Any, b: Any, out: Any = None) -> Any:
    """Each element of a times each of b, as `numpy.outer`."""
    decline("outer", out=out)
    return np.multiply(reshape(a, (-1, 1)), reshape(b, (1, -1)))


# book/rules/linear.md: Outer products
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


# book/rules/linear.md: The vector product
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


# book/rules/linear.md: The vector product
def in_space(x: Any) -> Any:
    """Vectors along the last axis, with a third coordinate of zero if they have two."""
    if x.shape[-1] != 2:
        return x
    return np.concatenate([x, np.zeros((*x.shape[:-1], 1), x.dtype)], axis=-1)


# book/rules/linear.md: The vector product
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


# book/rules/linear.md: Chains and powers
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


# book/rules/linear.md: Chains and powers
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


# book/rules/linear.md: The same names in another module
def diagonal(x: Any, /, *, offset: int = 0) -> Any:
    """Diagonals of the last two axes, as `numpy.linalg.diagonal`."""
    part = x[..., max(-offset, 0) :, max(offset, 0) :]
    n = min(part.shape[-2:])
    return np.einsum("...ii->...i", part[..., :n, :n])


def trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    """Sums of the diagonals of the last two axes, as `numpy.linalg.trace`."""
    return np.sum(diagonal(x, offset=offset), axis=-1, dtype=dtype)


# book/rules/linear.md: The same names in another module
def only(fun: Any, remedy: str, fits: Callable[..., bool]) -> Callable[..., Any]:
    """A product of `numpy.linalg` that takes fewer shapes than its namesake."""

    @wraps(fun)
    def strict(x1: Any, x2: Any, /, **options: Any) -> Any:
        if not all(fits(shape_of(x), **options) for x in (x1, x2)):
            raise misfit(fun.__name__, (x1, x2), remedy)
        return fun(x1, x2, **options)

    return strict


# book/rules/linear.md: The same names in another module
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
