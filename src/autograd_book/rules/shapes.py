"""Shapes.

Reshaping, transposing, broadcasting and joining. Each is linear, keeps no
values, and has the undoing of itself as its rule.

::

    import numpy as np
    from autograd_book import Variable

    x = Variable(np.arange(6.0).reshape(2, 3))
    z = np.concatenate([np.transpose(x), np.ones((3, 1))], axis=1)
    (z * np.arange(9.0).reshape(3, 3)).sum().backward()
    print(x.grad)
"""
# Generated from book/rules/shapes.md by autograd-book extract; edit the chapter, not this file.
# sha256: 16d095548febd85241f4487ad2eb41fdb93c24fcb33fb3611238824bbd2b9a5a

__all__ = [
    "reshape",
    "ravel",
    "expand_dims",
    "squeeze",
    "inverse",
    "swapaxes",
    "moveaxis",
    "moved",
    "pieces",
    "join",
    "joined",
    "concatenate",
    "stack",
]


# book/rules/shapes.md:66
from typing import Any

import numpy as np

from autograd_book.graph.backward import unbroadcast
from autograd_book.graph.primitive import Primitive
from autograd_book.graph.variable import bind, functions, implements, primitive


@primitive("x", x=lambda g, x_shape, shape: np.reshape(g, x_shape))
def reshape(x: Any, shape: Any) -> Any:
    """The same elements, in order, in another shape; one length may be -1, as in `numpy.reshape`."""
    return np.reshape(x, shape)


functions[np.reshape] = reshape


# book/rules/shapes.md:97
@implements(np.ravel)
def ravel(x: Any) -> Any:
    """All elements along one axis."""
    return reshape(x, (-1,))


@implements(np.expand_dims)
def expand_dims(x: Any, axis: Any) -> Any:
    """New axes of length 1 at the positions `axis` of the result, as `numpy.expand_dims`."""
    return reshape(x, np.expand_dims(np.empty(x.shape, np.bool_), axis).shape)


@implements(np.squeeze)
def squeeze(x: Any, axis: Any = None) -> Any:
    """Axes of length 1 removed, as `numpy.squeeze`."""
    return reshape(x, np.squeeze(np.empty(x.shape, np.bool_), axis).shape)


# book/rules/shapes.md:141
def inverse(axes: Any) -> Any:
    """The axes that undo a transpose by `axes`; None, the reversal, undoes itself."""
    return None if axes is None else tuple(int(a) for a in np.argsort([a % len(axes) for a in axes]))


Primitive(np.transpose, "x", x=lambda g, axes=None: np.transpose(g, inverse(axes)))


# book/rules/shapes.md:169
@implements(np.swapaxes)
def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """Two axes exchanged."""
    order = list(range(len(x.shape)))
    order[axis1], order[axis2] = order[axis2], order[axis1]
    return np.transpose(x, tuple(order))


@implements(np.moveaxis)
def moveaxis(x: Any, source: Any, destination: Any) -> Any:
    """Axes moved to new positions, the others in their order, as `numpy.moveaxis`."""
    return np.transpose(x, moved(len(x.shape), source, destination))


def moved(n: int, source: Any, destination: Any) -> tuple[int, ...]:
    """The order of n axes after moving those at `source` to `destination`."""
    begin = [a % n for a in np.atleast_1d(source)]
    order = [a for a in range(n) if a not in begin]
    for to, a in sorted(zip([d % n for d in np.atleast_1d(destination)], begin)):
        order.insert(to, a)
    return tuple(int(a) for a in order)


# book/rules/shapes.md:210
Primitive(np.broadcast_to, "x", x=lambda g, x_shape, shape: unbroadcast(g, x_shape))


# book/rules/shapes.md:258
def pieces(g: Any, shapes: tuple[tuple[int, ...], ...], axis: int) -> tuple[Any, ...]:
    """Cut g along `axis` into arrays of the given shapes."""
    ends = np.cumsum([shape[axis] for shape in shapes]).tolist()
    before = (slice(None),) * (axis % len(shapes[0]))
    return tuple(g[(*before, slice(a, b))] for a, b in zip([0, *ends[:-1]], ends))


def join(*xs: Any, axis: int = 0) -> Any:
    """Concatenation with the arrays as separate arguments."""
    return np.concatenate(xs, axis=axis)


#: Concatenation, with one rule for all arrays.
joined = Primitive(join, "*xs", joint=lambda g, xs_shapes, axis=0: pieces(g, xs_shapes, axis))


# book/rules/shapes.md:285
from collections.abc import Sequence


@implements(np.concatenate)
def concatenate(arrays: Sequence[Any], axis: int | None = 0) -> Any:
    """Arrays joined along an existing axis, or flattened and joined when it is None, as `numpy.concatenate`."""
    parts = [ravel(a) for a in arrays] if axis is None else arrays
    return bind(joined, *parts, axis=axis or 0)


@implements(np.stack)
def stack(arrays: Sequence[Any], axis: int = 0) -> Any:
    """Arrays of one shape joined along a new axis, as `numpy.stack`."""
    return concatenate([np.expand_dims(a, axis) for a in arrays], axis)
