"""Products.

Stacks, transposes, scales and sums become plain products of matrices.

::

    import numpy as np
    from autograd_book.speed.capture import capture
    from autograd_book.speed.products import flatten_products

    print(flatten_products(capture(lambda x, w: x @ w, np.ones((8, 16, 4)), np.ones((4, 2)))))
"""
# Generated from book/speed/products.md by autograd-book extract; edit the chapter, not this file.
# sha256: ce93d4a33f7884cff8b55fdc8bc43bb418afc43c50af6a00708c27068d1fc956

__all__ = [
    "stacked",
    "flatten_products",
    "turned",
    "turn_products",
    "scale_factors",
    "sums_as_products",
    "join_scatters",
    "sums_in",
    "joined_rows",
    "upright",
    "join_products",
    "SMALL_SLICE",
    "sliced",
    "others_of",
    "lift_slices",
    "all_slices",
    "lifted",
]


# book/speed/products.md: One flat product
import math
from collections import Counter
from typing import Any

import numpy as np

from autograd_book.graph.primitive import primitives
from autograd_book.rules.indexing import getitem, scatter_add
from autograd_book.rules.shapes import join, reshape
from autograd_book.speed.equations import Equation, Graph, Name, names_in
from autograd_book.speed.passes import (
    Rewrite, everything, is_view, key_of, order_of, outline, rewritten,
)


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
        rest = math.prod(x.shape) // count
        flat = work.name((count, rest) if first else (rest, count), x.dtype)
        if flat.shape != x.shape:
            x = work.write(reshape, (x,), flat, e, shape=flat.shape)
        total = e.out if e.out.shape == (rest,) else work.name((rest,), x.dtype)
        work.write(np.matmul, (weights, x) if first else (x, weights), total, e)
        if total is e.out:
            return total
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
        found = [work.maker(t, scatter_add, alone=True) for a in e.args for t in terms(work, a)]
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


# book/speed/products.md: A sum of products is one product
def sums_in(graph: Graph) -> dict[Name, list[Any]]:
    """For the result of each sum that is no part of a larger one all of its terms."""
    adds = {e.out: e for e in graph.equations if e.primitive.fun is np.add}
    uses = Counter(names_in(everything(graph)))
    parts: dict[Name, list[Any]] = {}
    for out, e in adds.items():
        terms = [parts.pop(a, [a]) if uses[a] == 1 else [a] for a in e.args if type(a) is Name]
        if len(terms) == 2 and all(a.shape == out.shape for a in e.args):
            parts[out] = [*terms[0], *terms[1]]
    return {out: found for out, found in parts.items() if len(found) > 2}


# book/speed/products.md: A sum of products is one product
def joined_rows(work: Rewrite, parts: list[Any], e: Equation) -> Any:
    """Matrices below each other: the array of which they are all slices, or a copy."""
    if not any(type(part) is Name for part in parts):
        return np.concatenate(parts)
    shape = (sum(part.shape[0] for part in parts), *parts[0].shape[1:])
    made = [work.maker(part, getitem) for part in parts]
    whole = made[0].args[0] if made[0] else None
    places = [found.params["index"] if found and found.args[0] is whole else None for found in made]
    out = work.name(shape, parts[0].dtype)
    if type(whole) is Name and places == [*range(whole.shape[0])]:
        return work.write(reshape, (whole,), out, e, shape=shape)
    return work.write(join, parts, out, e)


def upright(work: Rewrite, value: Any) -> Any:
    """The transpose of a first factor, if that is there; of a vector the vector."""
    if type(value) is Name and len(value.shape) == 2:
        e = work.maker(value, np.transpose)
        return e.args[0] if e and order_of(e) == (1, 0) else None
    return value if type(value) is Name and len(value.shape) == 1 else np.transpose(value)


# book/speed/products.md: A sum of products is one product
def join_products(graph: Graph) -> Graph:
    """With one product of joined factors in the place of a sum of products, where that
    copies less than it saves."""
    sums, shared = sums_in(graph), set[tuple[Any, ...]]()

    def rule(work: Rewrite, e: Equation) -> Any:
        terms = sums.get(e.out, [])
        products = [p for v in terms if (p := work.maker(v, np.matmul, alone=True))]
        if not terms or len(products) < len(terms):
            return None
        pairs = sorted(
            [(upright(work, p.args[0]), p.args[1]) for p in products],
            key=lambda pair: -pair[1].number if type(pair[1]) is Name else 0,
        )
        first, second = [list(side) for side in zip(*pairs)]
        if any(x is None for x in first) or any(np.ndim(outline(y)) != 2 for y in second):
            return None
        if {x.dtype for x in (*first, *second)} != {e.out.dtype}:
            return None
        copied = sum(math.prod(x.shape) for x in (first[0], second[0]))
        if tuple(second) not in shared and copied >= math.prod(e.out.shape):
            return None
        shared.add(tuple(second))
        x, y = joined_rows(work, first, e), joined_rows(work, second, e)
        if type(x) is not Name:
            x = np.transpose(x)
        elif len(x.shape) == 2:
            x = work.write(np.transpose, (x,), work.name(x.shape[::-1], x.dtype), e, axes=(1, 0))
        return work.write(np.matmul, (x, y), e.out, e)

    return rewritten(rewritten(graph, rule), rule)  # a sum may come before the one it shares with


# book/speed/products.md: The same for each slice
SMALL_SLICE = 1 << 16  #: Bytes of a slice that is not too large to be treated with the others.


def sliced(work: Rewrite, e: Equation) -> tuple[Any, int, int] | None:
    """The array of which an equation treats a slice, which one, and as which argument."""
    alike = e.primitive is primitives[np.matmul] or (
        isinstance(e.primitive.fun, np.ufunc) and e.primitive.elementwise
    )
    if not alike or type(e.out) is not Name or e.params or e.out.nbytes > SMALL_SLICE:
        return None
    for at, x in enumerate(e.args):
        found = work.maker(x, getitem)
        if found and type(found.params["index"]) is int and type(found.args[0]) is Name:
            others = [np.ndim(outline(a)) for k, a in enumerate(e.args) if k != at]
            product = e.primitive is primitives[np.matmul]
            fits = at == 0 and others == [2] if product else all(n <= len(x.shape) for n in others)
            if fits and len(x.shape) > 1 and e.out.shape[:-1] == x.shape[:-1]:
                return found.args[0], found.params["index"], at
    return None


# book/speed/products.md: The same for each slice
def others_of(e: Equation, at: int) -> Any:
    """What tells apart equations that treat slices of one array."""
    rest = [a for k, a in enumerate(e.args) if k != at]
    return id(e.primitive), at, e.barrier, key_of(rest)


def lift_slices(graph: Graph) -> Graph:
    """With one equation for an array in the place of those that do the same to each of its
    slices."""
    for _ in range(4):  # what is done to slices of the result comes in the next round
        if not (full := all_slices(graph)):
            break
        graph = rewritten(graph, lifted(full))
    return graph


def all_slices(graph: Graph) -> set[Any]:
    """Keys of what is done to every slice of an array."""
    found: dict[Any, set[int]] = {}

    def seen(work: Rewrite, e: Equation) -> None:
        if where := sliced(work, e):
            whole, i, at = where
            found.setdefault((whole, *others_of(e, at)), set()).add(i)

    rewritten(graph, seen)
    return {key for key, at in found.items() if at == {*range(key[0].shape[0])} and len(at) > 2}


def lifted(full: set[Any]) -> Any:
    """The rule that writes one equation for all that are known by a key."""
    made: dict[Any, Name] = {}

    def rule(work: Rewrite, e: Equation) -> Any:
        where = sliced(work, e)
        key = where and (where[0], *others_of(e, where[2]))
        if where is None or key not in full:
            return None
        whole, i, at = where
        if key not in made:
            made[key] = work.name((whole.shape[0], *e.out.shape), e.out.dtype)
            args = [whole if k == at else a for k, a in enumerate(e.args)]
            work.write(e.primitive.fun, args, made[key], e)
        return work.write(getitem, (made[key],), e.out, e, index=i)

    return rule
