"""Matrix products.

``np.matmul`` and ``@`` for operands of every rank, with one rule for each
operand and no table of cases.

::

    import numpy as np
    from autograd_book import Variable

    stack, vector = Variable(np.ones((5, 2, 3))), Variable(np.ones(3))
    (stack @ vector).sum().backward()
    print(stack.grad.shape, vector.grad)
"""
# Generated from book/rules/linear.md by autograd-book extract; edit the chapter, not this file.
# sha256: 253ee6f917e799181c68e6a89e4a9e174fd2fa038a507299644ce96713a739cb

__all__ = ["Shape", "as_matrices", "to", "matmul_x", "tall", "matmul_y", "dot"]


# book/rules/linear.md:81
from typing import Any

import numpy as np

from autograd_book.graph.backward import unbroadcast
from autograd_book.graph.primitive import Primitive
from autograd_book.rules.shapes import reshape, swapaxes

Shape = tuple[int, ...]  #: Of an array.


def as_matrices(x_shape: Shape, y_shape: Shape, z_shape: Shape) -> tuple[Shape, Shape, Shape]:
    """The shapes of a product's operands and result after vectors have become matrices."""
    row, column = len(x_shape) == 1, len(y_shape) == 1
    x = (1, *x_shape) if row else x_shape
    y = (*y_shape, 1) if column else y_shape
    return x, y, (*z_shape[: len(z_shape) - 2 + row + column], x[-2], y[-1])


# book/rules/linear.md:123
def to(x: Any, shape: Shape) -> Any:
    """x in another shape, itself if it has that shape."""
    return x if x.shape == shape else reshape(x, shape)


def matmul_x(g: Any, x_shape: Shape, y: Any) -> Any:
    """Cotangent of the left operand of ``x @ y``."""
    x_matrix, y_matrix, z_matrix = as_matrices(x_shape, y.shape, g.shape)
    product = np.matmul(to(g, z_matrix), swapaxes(to(y, y_matrix), -1, -2))
    return to(unbroadcast(product, x_matrix), x_shape)


# book/rules/linear.md:151
def tall(x: Any) -> Any:
    """A stack of matrices as one tall matrix."""
    return to(x, (-1, x.shape[-1])) if len(x.shape) != 2 else x


def matmul_y(g: Any, x: Any, y_shape: Shape) -> Any:
    """Cotangent of the right operand of ``x @ y``."""
    x_matrix, y_matrix, z_matrix = as_matrices(x.shape, y_shape, g.shape)
    x, g = to(x, x_matrix), to(g, z_matrix)
    if len(y_matrix) == 2:
        x, g = tall(x), tall(g)
    product = np.matmul(swapaxes(x, -1, -2), g)
    return to(unbroadcast(product, y_matrix), y_shape)


# book/rules/linear.md:175
Primitive(
    np.matmul,
    "x y",
    x=lambda g, x_shape, y: matmul_x(g, x_shape, y),
    y=lambda g, x, y_shape: matmul_y(g, x, y_shape),
)


# book/rules/linear.md:208
from autograd_book.graph.errors import NoRuleError
from autograd_book.graph.variable import implements


@implements(np.dot)
def dot(x: Any, y: Any) -> Any:
    """`numpy.dot` of operands with at most two axes."""
    ranks = len(np.shape(x)), len(np.shape(y))
    if 0 in ranks:
        return np.multiply(x, y)
    if max(ranks) > 2:
        raise NoRuleError(
            f"np.dot of operands with {ranks[0]} and {ranks[1]} axes has no derivative rule. "
            "Use np.matmul if a stack of products is meant."
        )
    return np.matmul(x, y)
