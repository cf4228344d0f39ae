"""Matrix products.

``np.matmul`` and ``@`` for operands of every rank, and ``np.einsum`` of any
number of operands, with one rule for each operand and no table of cases.

::

    import numpy as np
    from autograd_book import Variable

    stack, vector = Variable(np.ones((5, 2, 3))), Variable(np.ones(3))
    (stack @ vector).sum().backward()
    print(stack.grad.shape, vector.grad)

    print(np.einsum("sij,j->i", stack, vector))
"""
# Generated from book/rules/linear.md by autograd-book extract; edit the chapter, not this file.
# sha256: 42fe17133ae815cd7da8f198c7b92b47dd2449eb108cec0e00f733386bb1b374

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
]


# book/rules/linear.md: Make everything a matrix
import math
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
