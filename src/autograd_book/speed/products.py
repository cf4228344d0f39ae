"""Products.

Stacks, transposes, scales and sums become plain products of matrices.

::

    import numpy as np
    from autograd_book.speed.capture import capture
    from autograd_book.speed.products import flatten_products

    print(flatten_products(capture(lambda x, w: x @ w, np.ones((8, 16, 4)), np.ones((4, 2)))))
"""
# Generated from book/speed/products.md by autograd-book extract; edit the chapter, not this file.
# sha256: c398c3f11e1dd38a6683bf23202597cbc1e5e87353571383b8933388d01fc9d3

__all__ = [
    "stacked",
    "flatten_products",
    "turned",
    "turn_products",
    "scale_factors",
    "sums_as_products",
    "join_scatters",
]


# book/speed/products.md: One flat product
import math
from typing import Any

import numpy as np

from autograd_book.graph.primitive import primitives
from autograd_book.rules.indexing import scatter
from autograd_book.rules.shapes import join, reshape
from autograd_book.speed.equations import Equation, Graph, Name
from autograd_book.speed.passes import Rewrite, is_view, order_of, outline, rewritten


# book/speed/products.md: One flat product
def stacked(value: Any) -> bool:
    """Whether a name stands for a stack of matrices."""
    return type(value) is Name and len(value.shape) > 2


def flatten_products(graph: Graph) -> Graph:
    """With one large product in the place of a stack of small ones by the same matrix."""

    def rule(work: Rewrite, e: Equation) -> Any:
        if e.primitive is not primitives[np.matmul] or not stacked(e.args[0]):
            return None
        x, y = e.args
        if len(np.shape(outline(y))) != 2:
            return None
        rows, dtype = math.prod(x.shape[:-1]), e.out.dtype
        flat, product = (
            work.name((rows, x.shape[-1]), x.dtype), work.name((rows, e.out.shape[-1]), dtype)
        )
        work.write(reshape, (x,), flat, e, shape=flat.shape)
        work.write(np.matmul, (flat, y), product, e)
        return work.write(reshape, (product,), e.out, e, shape=e.out.shape)

    return rewritten(graph, rule)


# book/speed/products.md: One flat product
def turned(work: Rewrite, x: Any, e: Equation) -> Any:
    """The transpose of the matrices in a value."""
    axes = (*range(len(x.shape) - 2), len(x.shape) - 1, len(x.shape) - 2)
    if type(x) is not Name:
        return np.transpose(x, axes)
    inner = work.maker(x, np.transpose)
    if inner and order_of(inner) == axes:
        return inner.args[0]
    out = work.name([x.shape[k] for k in axes], x.dtype)
    return work.write(np.transpose, (x,), out, e, axes=axes)


def turn_products(graph: Graph) -> Graph:
    """With the product of the transposed factors in the place of a transposed product."""

    def rule(work: Rewrite, e: Equation) -> Any:
        inner = e.primitive.fun is np.transpose and work.maker(e.args[0], np.matmul, alone=True)
        if not inner:
            return None
        n = len(e.out.shape)
        if order_of(e) != (*range(n - 2), n - 1, n - 2) or any(
            len(x.shape) != n for x in inner.args
        ):
            return None
        x, y = inner.args
        return work.write(np.matmul, (turned(work, y, e), turned(work, x, e)), e.out, e)

    return rewritten(graph, rule)


# book/speed/products.md: One flat product
def scale_factors(graph: Graph) -> Graph:
    """With a number times the smaller factor in the place of a number times a product."""

    def rule(work: Rewrite, e: Equation) -> Any:
        if e.primitive.fun is not np.multiply:
            return None
        for number, x in (e.args, e.args[::-1]):
            product = work.maker(x, np.matmul, alone=True)
            if product and np.shape(outline(number)) == () and x.dtype == e.out.dtype:
                small = min(product.args, key=lambda a: math.prod(a.shape))
                if type(small) is Name and math.prod(small.shape) < math.prod(x.shape):
                    scaled = work.name(small.shape, small.dtype)
                    work.write(np.multiply, (small, number), scaled, e)
                    args = [scaled if a is small else a for a in product.args]
                    return work.write(np.matmul, args, e.out, e)
        return None

    return rewritten(graph, rule)


# book/speed/products.md: Sums
def sums_as_products(graph: Graph) -> Graph:
    """With products with ones in the place of sums and means over the first or the last
    axes."""

    def rule(work: Rewrite, e: Equation) -> Any:
        x = e.args[0]
        if not any(e.primitive is primitives[fun] for fun in (np.sum, np.mean)):
            return None
        if type(x) is not Name or x.dtype.kind != "f" or x.dtype.itemsize < 4 or not x.shape:
            return None
        if e.out.dtype != x.dtype or e.params.keys() - {"axis", "keepdims"} or is_view(work, x):
            return None
        n, axis = len(x.shape), e.params.get("axis")
        axes = range(n) if axis is None else {int(a) % n for a in np.atleast_1d(axis)}
        count = math.prod(x.shape[a] for a in axes)
        first = sorted(axes) == list(range(len(axes)))
        if count < 2 or len(axes) == n or not (first or set(axes) == {n - 1}):
            return None
        share = 1 / count if e.primitive.fun is np.mean else 1
        weights = np.broadcast_to(np.full(count, share, x.dtype), count)
        table = (count, -1) if first else (-1, count)
        shape = [math.prod(x.shape) // count if k < 0 else k for k in table]
        flat, total = work.name(shape, x.dtype), work.name((max(shape[first], 0),), x.dtype)
        work.write(reshape, (x,), flat, e, shape=flat.shape)
        work.write(np.matmul, (weights, flat) if first else (flat, weights), total, e)
        return work.write(reshape, (total,), e.out, e, shape=e.out.shape)

    return rewritten(graph, rule)


# book/speed/products.md: Scatters
def join_scatters(graph: Graph) -> Graph:
    """With parts put beside each other in the place of a sum of scatters to all places of
    the first axis."""

    def terms(work: Rewrite, value: Any) -> list[Any]:
        e = work.maker(value, np.add, alone=True)
        return [t for a in e.args for t in terms(work, a)] if e else [value]

    def rule(work: Rewrite, e: Equation) -> Any:
        if e.primitive.fun is not np.add or not e.out.shape:
            return None
        found = [work.maker(t, scatter, alone=True) for a in e.args for t in terms(work, a)]
        parts = [p for p in found if p is not None and type(p.params["index"]) is int]
        if len(parts) != len(found):
            return None
        at = {p.params["index"] % e.out.shape[0]: p.args[0] for p in parts}
        if len(at) != len(parts) or len(at) != e.out.shape[0]:
            return None
        rows = []
        for k in sorted(at):
            rows.append(work.name((1, *e.out.shape[1:]), e.out.dtype))
            work.write(reshape, (at[k],), rows[-1], e, shape=rows[-1].shape)
        return work.write(join, rows, e.out, e)

    return rewritten(graph, rule)
