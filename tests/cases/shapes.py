"""Cases for book/rules/shapes.md."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from casework import UNARY_SHAPES, Case, label, strided, transposed, uniform

from autograd_book.rules.shapes import reshape

Shape = tuple[int, ...]


def squared(name: str, fun: Callable[..., Any], *shapes: Shape, layout: Any = None, also: Any = "") -> tuple[str, Case]:
    """A case with the square of a function, in which each element of the result has a weight of its own."""
    args = tuple(uniform(s, seed=i) for i, s in enumerate(shapes))
    args = tuple(layout(a) for a in args) if layout else args
    weights = np.arange(1.0, 1.0 + np.size(fun(*args))).reshape(np.shape(fun(*args)))

    def weighted(*xs: Any) -> Any:
        out = fun(*xs)
        return out * out * weights.astype(out.dtype)

    return name, Case(weighted, args, label(name, *shapes, layout.__name__ if layout else also))


def all_of(parts: Any) -> Any:
    """Several results as one: flat and end to end."""
    return np.concatenate([np.ravel(p) for p in parts])


BLOCKS: dict[str, Callable[..., Any]] = {
    "rows": lambda x, y: np.block([x, y]),
    "table": lambda x, y: np.block([[x, y], [y, x]]),
    "vectors": lambda x, y: np.block([[x[0], 1.0], [y[1], 2.0]]),
    "deep": lambda x, y: np.block([[[x], [y]]]),
    "one": lambda x, y: np.block(x * y),
}


def reshapes() -> Iterator[tuple[str, Case]]:
    for old, new in [((6,), (2, 3)), ((2, 3), (-1,)), ((2, 3), (3, 2)), ((), (1, 1)), ((1,), ()), ((0, 3), (3, 0)), ((2, 3), -1)]:
        for f in (np.reshape, reshape):
            yield squared("reshape", lambda x, new=new, f=f: f(x, new), old)
    for order, layout in itertools.product("CF", (np.copy, transposed, strided)):
        for new in [(3, 4), (2, 2, -1)]:
            yield squared("reshape", lambda x, o=order, new=new: np.reshape(x, new, order=o), (4, 3), layout=layout)
    for order, layout in itertools.product("CF", (np.copy, transposed, strided)):
        yield squared("ravel", lambda x, o=order: np.ravel(x, o), (2, 3, 2), layout=layout)
    for order in "AK":  # of arrays in other layouts, which a difference quotient does not keep, in test_shapes
        yield squared("ravel", lambda x, o=order: np.ravel(x, o), (2, 3, 2), also=order)
        yield squared("reshape", lambda x: np.reshape(x, (3, 2), order="A"), (2, 3), also="A")
    for shape in UNARY_SHAPES:
        yield squared("ravel", np.ravel, shape)
        for fun in (np.atleast_1d, np.atleast_2d, np.atleast_3d):
            yield squared(fun.__name__, fun, shape)
    for axis in (0, 1, -1, (0, 2), (-1, 0)):
        yield squared("expand_dims", lambda x, axis=axis: np.expand_dims(x, axis), (2, 3))
    for axis in (None, 0, 2, (0, 2), -1):
        yield squared("squeeze", lambda x, axis=axis: np.squeeze(x, axis), (1, 3, 1))


def moves() -> Iterator[tuple[str, Case]]:
    for axes in (None, *itertools.permutations(range(3)), (-1, 0, 1), (-2, -1, 0)):
        yield squared("transpose", lambda x, axes=axes: np.transpose(x, axes), (2, 3, 4), also=axes)
    for shape in [(), (3,), (0, 2)]:
        yield squared("transpose", np.transpose, shape)
    yield squared("transpose", np.transpose, (2, 3), layout=strided)
    for a, b in [(0, 2), (1, 1), (-1, 0), (-2, -1)]:
        yield squared("swapaxes", lambda x, a=a, b=b: np.swapaxes(x, a, b), (2, 3, 4), also=(a, b))
    for a, b in [(0, -1), (-1, 0), (1, 1), ((0, 1), (-1, -2)), ((2, 0), (0, 1))]:
        yield squared("moveaxis", lambda x, a=a, b=b: np.moveaxis(x, a, b), (2, 3, 4), also=(a, b))
    for axis, start in [(2, 0), (0, 3), (1, 1), (-1, 1), (0, 2)]:
        yield squared("rollaxis", lambda x, a=axis, s=start: np.rollaxis(x, a, s), (2, 3, 4), also=(axis, start))
    if hasattr(np, "matrix_transpose"):
        yield squared("matrix_transpose", lambda x: np.matrix_transpose(x), (2, 3, 4))
    for axis in (None, 0, -1, (0, 2)):
        yield squared("flip", lambda x, axis=axis: np.flip(x, axis), (2, 3, 2), also=axis)
    for fun in (np.fliplr, np.flipud):
        for layout in (None, strided, transposed):
            yield squared(fun.__name__, fun, (2, 3), layout=layout)
    for k, axes in [(1, (0, 1)), (-1, (0, 1)), (2, (1, 2)), (3, (2, 0)), (5, (-1, 0)), (0, (1, 0))]:
        yield squared("rot90", lambda x, k=k, axes=axes: np.rot90(x, k, axes), (2, 3, 4), also=(k, axes))
    for shift, axis in [(1, None), (-5, None), (1, 0), (2, -1), ((1, 2), (0, 1)), ((1, 1), (1, 1)), (1, (0, 1)), ((3, -1), 1)]:
        yield squared("roll", lambda x, s=shift, axis=axis: np.roll(x, s, axis), (2, 3), also=(shift, axis))
    yield squared("roll", lambda x: np.roll(x, 2), (0, 3))
    for fun in (np.tril, np.triu):
        for shape, k in itertools.product([(3,), (2, 3), (3, 2), (2, 3, 3), (0, 2)], (0, 1, -1)):
            yield squared(fun.__name__, lambda x, f=fun, k=k: f(x, k), shape, also=k)
    for order in "CFK":
        yield squared("copy", lambda x, o=order: np.copy(x, o), (2, 3), also=order)


def copies() -> Iterator[tuple[str, Case]]:
    for old, new in [((), (2, 3)), ((3,), (2, 3)), ((2, 1), (4, 2, 3)), ((1, 1), (2, 2)), ((3,), (3,)), ((1,), (0,)), ((1, 0), (2, 0))]:
        yield squared("broadcast_to", lambda x, new=new: np.broadcast_to(x, new), old)
    for x, y in [((), (2, 3)), ((3,), (2, 1)), ((2, 3), (2, 3)), ((1, 0), (2, 1))]:
        yield squared("broadcast_arrays", lambda x, y: all_of(np.broadcast_arrays(x, 1.0, y)), x, y)
    for sparse, indexing in itertools.product((False, True), ("xy", "ij")):
        f = lambda *xs, s=sparse, i=indexing: all_of(np.meshgrid(*xs, sparse=s, indexing=i))
        for shapes in [((2,), (3,)), ((2,), (), (3,)), ((4,),), ((0,), (2,))]:
            yield squared("meshgrid", f, *shapes, also=(sparse, indexing))
    for shape, reps in [((3,), 2), ((3,), (2, 2)), ((2, 3), 2), ((2, 3), (2, 1, 3)), ((), 3), ((2, 3), (0, 1)), ((2,), ()), ((0, 2), 2)]:
        yield squared("tile", lambda x, reps=reps: np.tile(x, reps), shape, also=reps)
    for shape, new in [((2, 3), (4, 4)), ((2, 3), 4), ((3,), (2, 3)), ((), (2,)), ((2, 3), (0, 2))]:
        yield squared("resize", lambda x, new=new: np.resize(x, new), shape, also=new)
    for shape in [(), (3,), (2, 1)]:
        if shape:  # NumPy takes no number as like=
            yield squared("full", lambda v: np.full((2, 3), v, like=v), shape)
        yield squared("full_like", lambda v: np.full_like(v * np.ones((2, 3)), v), shape)
        yield squared("full_like", lambda v: np.full_like(v, v, np.float64, shape=(4, *v.shape)), shape, also="shape")


def joins() -> Iterator[tuple[str, Case]]:
    for axis, shapes in [(0, [(2,), (3,)]), (0, [(2, 3), (1, 3), (0, 3)]), (1, [(2, 3), (2, 1)]), (-1, [(2, 3), (2, 1)]),
                         (-2, [(2, 3), (1, 3)]), (None, [(2, 3), (4,)]), (0, [(3,)]), (0, [(1,)] * 5)]:
        for name in ("join", "concatenate"):
            yield squared(name, lambda *xs, axis=axis: np.concatenate(xs, axis=axis), *shapes, also=axis)
    yield squared("concatenate", lambda x: np.concatenate([x, np.ones((2, 2), x.dtype), x], axis=1), (2, 3))
    yield squared("concatenate", lambda x, y: np.concatenate((x, y), dtype=np.float64), (2,), (3,), also="dtype")
    yield squared("concatenate", lambda x, y: np.concatenate((x, y)), (2, 3), (1, 3), layout=transposed)
    for axis in (0, 1, 2, -1):
        yield squared("stack", lambda *xs, axis=axis: np.stack(xs, axis=axis), (2, 3), (2, 3), also=axis)
    yield squared("stack", lambda *xs: np.stack(xs), (), (), ())
    yield squared("stack", lambda *xs: np.stack(xs, 0, dtype=np.complex128, casting="same_kind"), (2,), (2,), also="complex")
    for shapes in [((3,), (3,)), ((2, 3), (2, 3)), ((), ()), ((2, 3, 2), (2, 3, 2))]:
        for fun in (np.hstack, np.vstack, np.dstack, np.column_stack):
            yield squared(fun.__name__, lambda *xs, f=fun: f(xs), *shapes)
    yield squared("vstack", lambda *xs: np.vstack(xs), (3,), (2, 3))
    yield squared("column_stack", lambda *xs: np.column_stack(xs), (3,), (3, 2))
    for name, fun in BLOCKS.items():
        yield squared("block", fun, (2, 3), (2, 3), also=name)
    for axis, shapes in [(None, [(2, 3), (2,)]), (0, [(2, 3), (1, 3)]), (-1, [(2, 3), (2, 1)])]:
        yield squared("append", lambda x, v, axis=axis: np.append(x, v, axis), *shapes, also=axis)


def splits() -> Iterator[tuple[str, Case]]:
    for where, axis in [(3, 0), ([2, 4], 0), (2, 1), ([1, 3], -1), ([3, 1], 0), ([0, 9], 0), ([-2], 0), ([], 0)]:
        yield squared("split", lambda x, w=where, a=axis: all_of(np.split(x, w, a)), (6, 4), also=(where, axis))
        yield squared("array_split", lambda x, w=where, a=axis: all_of(np.array_split(x, w, a)), (5, 3), also=(where, axis))
    for shape in [(2, 4, 2), (2, 2)]:
        yield squared("hsplit", lambda x: all_of(np.hsplit(x, 2)), shape)
        yield squared("vsplit", lambda x: all_of(np.vsplit(x, [1])), shape)
    yield squared("hsplit", lambda x: all_of(np.hsplit(x, [1])), (3,))
    yield squared("dsplit", lambda x: all_of(np.dsplit(x, 2)), (2, 4, 2))
    if hasattr(np, "unstack"):
        for axis in (0, 1, -1):
            yield squared("unstack", lambda x, a=axis: np.stack(np.unstack(x, axis=a)[::-1]), (2, 3), also=axis)


def cases() -> Iterator[tuple[str, Case]]:
    for group in (reshapes, moves, copies, joins, splits):
        yield from group()
    z = uniform((2, 3)) + 1j * uniform((2, 3), seed=1)
    for name, fun in {"roll": lambda z: np.roll(z, 1, 1), "tile": lambda z: np.tile(z, 2), "transpose": np.transpose,
                      "concatenate": lambda z: np.concatenate([z, np.ones((2, 2))], 1), "tril": np.tril}.items():
        yield name, Case(lambda z, f=fun: np.absolute(f(z) + 1.5) ** 2, (z,), label(name, "complex"))
