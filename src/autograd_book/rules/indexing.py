"""Indexing.

Everything that NumPy accepts between brackets works on a Variable: integers,
slices, ``None``, ellipsis, arrays of integers, masks, and mixtures. Repeated
indices add up.

::

    import numpy as np
    from autograd_book import Variable

    x = Variable(np.arange(4.0))
    x[np.array([0, 0, 2])].sum().backward()
    print(x.grad)
"""
# Generated from book/rules/indexing.md by autograd-book extract; edit the chapter, not this file.
# sha256: 55ee99e3af77f8123392274193a97985e8e3e2f07d815c17dabcd7303f000a5b

__all__ = ["BASIC", "is_basic", "scatter", "getitem"]


# book/rules/indexing.md:65
import operator
from typing import Any

import numpy as np

from autograd_book.graph.primitive import primitives
from autograd_book.graph.variable import primitive


BASIC = (int, slice, np.integer)  #: Besides None and the ellipsis.


def is_basic(index: Any) -> bool:
    """Whether an index consists of integers, slices, None and ellipsis only, and so cannot repeat a place."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(part is None or part is Ellipsis or (isinstance(part, BASIC) and type(part) is not bool) for part in parts)


# book/rules/indexing.md:109
@primitive("g", g=lambda g, index, shape: g[index])
def scatter(g: Any, shape: tuple[int, ...], index: Any) -> Any:
    """Zeros of the given shape with g added at an index; repeated places add up.

    Parameters
    ----------
    g : array_like or Variable
        What to add, of the shape of ``zeros[index]``.
    shape : tuple of int
        Shape of the result.
    index : index expression
        Whatever NumPy accepts between brackets.

    Returns
    -------
    array or Variable
        Of `shape`, and the dtype of `g`.
    """
    out = np.zeros(shape, g.dtype)
    if is_basic(index):
        out[index] = g
    else:
        np.add.at(out, index, g)
    return out


# book/rules/indexing.md:146
@primitive("x", x=lambda g, x_shape, index: scatter(g, x_shape, index))
def getitem(x: Any, index: Any) -> Any:
    """The elements of x at an index, as ``x[index]``."""
    return x[index]


primitives[operator.getitem] = primitives[getitem]
