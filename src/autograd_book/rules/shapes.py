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
# sha256: 8267420925c769577dca2e9cceacc27dbc1b4d31dbc103eda833e96384344c8d

__all__ = [
    "reshape",
    "plain",
    "reshaped",
    "ravel",
    "shape_only",
    "expand_dims",
    "squeeze",
    "at_least",
    "inverse",
    "rearrangement",
    "swapaxes",
    "broadcast_arrays",
    "meshgrid",
    "blank",
    "full_like",
    "full",
    "dtype_of",
    "converted",
    "constant",
    "untile",
    "tile",
    "tiled",
    "asked_of_values",
    "QUESTIONS",
    "pieces",
    "join",
    "joined",
    "expect_no_out",
    "expect_list",
    "concatenate",
    "stack",
    "joins",
    "gathered",
    "append",
    "block",
    "resize",
    "stretches",
    "split",
    "array_split",
    "splits",
]


# book/rules/shapes.md: Reshape
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from autograd_book.graph.backward import unbroadcast
from autograd_book.graph.errors import (
    DifferentiationTypeError, DifferentiationValueError, NoRuleError,
)
from autograd_book.graph.primitive import Primitive, differentiable, primitives, shape_of
from autograd_book.graph.methods import Operators
from autograd_book.graph.protocols import functions, implements, primitive, refuse
from autograd_book.graph.stack import Fun, bind
from autograd_book.graph.variable import Variable, expect_constant
from autograd_book.rules.elementwise import wide


# book/rules/shapes.md: Reshape
@primitive(
    "x", linear="x", view=True,
    x=lambda g, x_shape, shape, order="C":
        np.reshape(g, x_shape, order=order),
)
def reshape(x: Any, shape: Any, order: Any = "C") -> Any:
    """The same elements, in order, in another shape, as in `numpy.reshape`."""
    return np.reshape(x, shape, order=order)


# book/rules/shapes.md: NumPy's reshape and ravel
def plain(a: Any) -> Any:
    """The value of a Variable; anything else as it is."""
    return a.numpy() if hasattr(a, "numpy") else a


# book/rules/shapes.md: NumPy's reshape and ravel
@implements(np.reshape)
def reshaped(
    a: Any, shape: Any = None, order: Any = "C", *, newshape: Any = None, copy: Any = None
) -> Any:
    """As `numpy.reshape`."""
    shape = newshape if shape is None else shape
    if copy is False:
        compared: Any = np.reshape
        compared(plain(a), shape, order=order, copy=False)  # complains if it must copy
    if order == "A":
        order = "F" if np.isfortran(plain(a)) else "C"
    return bind(primitives[reshape], a, shape=shape, order=order)


# book/rules/shapes.md: NumPy's reshape and ravel
@implements(np.ravel)
def ravel(a: Any, order: Any = "C") -> Any:
    """All elements along one axis, as `numpy.ravel`."""
    if order == "K":  # as they lie in memory: the longest stride first
        strides = np.abs(np.asarray(plain(a)).strides)
        return np.reshape(np.transpose(a, np.argsort(-strides, kind="stable").tolist()), -1)
    return np.reshape(a, -1, order=order)


# book/rules/shapes.md: Asking NumPy for a shape
def shape_only(a: Any) -> Any:
    """Something that has the shape of `a` and nothing else: one truth value, broadcast."""
    return np.broadcast_to(np.False_, shape_of(a))


# book/rules/shapes.md: Asking NumPy for a shape
@implements(np.expand_dims)
def expand_dims(a: Any, axis: Any) -> Any:
    """New axes of length 1 at positions of the result, as `numpy.expand_dims`."""
    return np.reshape(a, np.expand_dims(shape_only(a), axis).shape)


@implements(np.squeeze)
def squeeze(a: Any, axis: Any = None) -> Any:
    """Axes of length 1 removed, as `numpy.squeeze`."""
    return np.reshape(a, np.squeeze(shape_only(a), axis).shape)


# book/rules/shapes.md: Asking NumPy for a shape
def at_least(fun: Any) -> Fun:
    """Our version of `numpy.atleast_1d` or a relative."""

    def promoted(*arys: Any) -> Any:
        parts = [np.reshape(a, fun(shape_only(a)).shape) for a in arys]
        return parts[0] if len(parts) == 1 else type(fun(0, 0))(parts)

    return promoted


functions.update(
    {fun: at_least(fun) for fun in (np.atleast_1d, np.atleast_2d, np.atleast_3d)}
)


# book/rules/shapes.md: Transpose
def inverse(axes: Any) -> Any:
    """The axes that undo a transpose by `axes`; None, the reversal, undoes itself."""
    if axes is None:
        return None
    axes = np.atleast_1d(axes)
    return tuple(int(a) for a in np.argsort(axes % len(axes)))


# book/rules/shapes.md: Transpose
Primitive(
    np.transpose, "x", linear="x", view=True,
    x=lambda g, axes=None: np.transpose(g, inverse(axes)),
)


# book/rules/shapes.md: The relatives of a transpose
def rearrangement(fun: Any) -> Fun:
    """Our version of a NumPy function that puts axes into another order."""

    def ours(a: Any, *args: Any, **kwargs: Any) -> Any:
        tags = np.empty(tuple(range(len(shape_of(a)))))
        return np.transpose(a, fun(tags, *args, **kwargs).shape)

    ours.__name__, ours.__doc__ = fun.__name__, f"As `numpy.{fun.__name__}`: a transpose."
    return ours


# book/rules/shapes.md: The relatives of a transpose
swapaxes = rearrangement(np.swapaxes)  #: Two axes exchanged, as `numpy.swapaxes`.
functions[np.swapaxes] = swapaxes
for name in ("moveaxis", "rollaxis", "matrix_transpose"):
    if hasattr(np, name):
        functions[getattr(np, name)] = rearrangement(getattr(np, name))


# book/rules/shapes.md: Mirrors and circles
Primitive(np.flip, "x", linear="x", view=True, x=lambda g, axis=None: np.flip(g, axis))
Primitive(np.fliplr, "x", linear="x", view=True, x=lambda g: np.fliplr(g))
Primitive(np.flipud, "x", linear="x", view=True, x=lambda g: np.flipud(g))
Primitive(
    np.rot90, "x", linear="x", view=True,
    x=lambda g, k=1, axes=(0, 1): np.rot90(g, -k, axes),
)
Primitive(
    np.roll, "x", linear="x",
    x=lambda g, shift, axis=None: np.roll(g, np.negative(shift), axis),
)


# book/rules/shapes.md: Triangles and copies
Primitive(
    np.tril, "x", linear="x",
    x=lambda g, x_shape, k=0: unbroadcast(np.tril(g, k), x_shape),
)
Primitive(
    np.triu, "x", linear="x",
    x=lambda g, x_shape, k=0: unbroadcast(np.triu(g, k), x_shape),
)
Primitive(
    np.copy, "x", linear="x", into=lambda x, out, order="K": np.copyto(out, x),
    x=lambda g, order="K": g,
)


# book/rules/shapes.md: Broadcast
Primitive(
    np.broadcast_to, "x", linear="x", view=True,
    x=lambda g, x_shape, shape: unbroadcast(wide(g), x_shape),
)


# book/rules/shapes.md: Grids, tiles and constants
@implements(np.broadcast_arrays)
def broadcast_arrays(*args: Any, subok: bool = False) -> Any:
    """Arrays stretched to a common shape, as `numpy.broadcast_arrays`."""
    shape = np.broadcast_shapes(*map(shape_of, args))
    return type(np.broadcast_arrays(0))([np.broadcast_to(a, shape) for a in args])


# book/rules/shapes.md: Grids, tiles and constants
@implements(np.meshgrid)
def meshgrid(
    *xi: Any, copy: bool = True, sparse: bool = False, indexing: Any = "xy"
) -> Any:
    """Coordinates of a grid, as `numpy.meshgrid`."""
    laid = np.meshgrid(*map(shape_only, xi), sparse=True, indexing=indexing)
    axes = [np.reshape(x, a.shape) for x, a in zip(xi, laid, strict=True)]
    return type(laid)(axes if sparse else broadcast_arrays(*axes))


# book/rules/shapes.md: Grids, tiles and constants
def blank(like: Any) -> Any:
    """Zeros of the shape and dtype of `like`, which take no memory."""
    like = like if hasattr(like, "dtype") else np.asarray(like)
    return np.broadcast_to(np.zeros((), like.dtype), like.shape)


# book/rules/shapes.md: Grids, tiles and constants
@implements(np.full_like)
def full_like(
    a: Any,
    fill_value: Any,
    dtype: Any = None,
    order: Any = "K",
    subok: bool = True,
    shape: Any = None,
    *,
    device: Any = None,
) -> Any:
    """As `numpy.full_like`; depends on `fill_value` if that is a Variable, never on `a`."""
    if not isinstance(fill_value, Operators):
        return np.full_like(blank(a), fill_value, dtype, order, subok, shape)
    return np.broadcast_to(
        converted(fill_value, dtype or a.dtype, "unsafe"),
        shape_of(a) if shape is None else shape,
    )


@implements(np.full)
def full(
    shape: Any, fill_value: Any, dtype: Any = None, order: Any = "C", **options: Any
) -> Any:
    """As `numpy.full`, which asks a Variable only where it is given as ``like=``."""
    if not isinstance(fill_value, Operators):
        return np.full(shape, fill_value, dtype, order, **options)
    return np.broadcast_to(converted(fill_value, dtype, "unsafe"), shape)


# book/rules/shapes.md: Grids, tiles and constants
def dtype_of(a: Any) -> Any:
    """The dtype of an array, a Variable, a list or a number."""
    return a.dtype if hasattr(a, "dtype") else np.asarray(a).dtype


def converted(a: Any, dtype: Any, casting: Any) -> Any:
    """`a` in another dtype, unless None, or NumPy's complaint if it is no `casting`."""
    found = dtype_of(a)
    dtype = found if dtype is None else np.dtype(dtype)
    if not isinstance(a, Operators):
        return a if dtype == found else np.asarray(a).astype(dtype, casting=casting)
    np.empty(0, found).astype(dtype, casting=casting)
    if not differentiable(dtype) and type(a) is Variable:
        expect_constant(
            a, f"converted to {dtype} on its way into an array", "Use .astype()"
        )
    return a if dtype == found else a.astype(dtype)


# book/rules/shapes.md: Tiles
def constant(a: Any) -> Any:
    """The value of a Variable, if it needs no gradient; anything else as it is."""
    return np.asarray(a) if type(a) is Variable else a


# book/rules/shapes.md: Tiles
def untile(g: Any, shape: tuple[int, ...], reps: tuple[int, ...]) -> Any:
    """Add up the tiles of g: `reps` copies of an array of `shape` along each axis."""
    n = len(g.shape)
    counts, lengths = (1,) * (n - len(reps)) + reps, (1,) * (n - len(shape)) + shape
    apart = [length for pair in zip(counts, lengths, strict=True) for length in pair]
    stretches = np.reshape(wide(g), apart)
    return np.sum(stretches, axis=tuple(range(0, 2 * n, 2))).reshape(shape)


# book/rules/shapes.md: Tiles
@primitive("x", linear="x", x=lambda g, x_shape, reps: untile(g, x_shape, reps))
def tile(x: Any, reps: Any) -> Any:
    """Copies of x beside each other, `reps` of them along each axis, as `numpy.tile`."""
    return np.tile(x, reps)


@implements(np.tile)
def tiled(A: Any, reps: Any) -> Any:
    """As `numpy.tile`."""
    return bind(primitives[tile], A, reps=tuple(np.atleast_1d(constant(reps)).tolist()))


# book/rules/shapes.md: Questions and constants
def asked_of_values(fun: Any) -> Fun:
    """A NumPy function that looks at its arguments, asked about their values."""

    def ask(*args: Any, **kwargs: Any) -> Any:
        return fun(
            *map(plain, args), **{name: plain(value) for name, value in kwargs.items()}
        )

    return ask


# book/rules/shapes.md: Questions and constants
functions |= {
    np.zeros_like: lambda a, *options, **more: np.zeros_like(blank(a), *options, **more),
    np.ones_like: lambda a, *options, **more: np.ones_like(blank(a), *options, **more),
    np.empty_like: lambda a, *options, **more: np.empty_like(blank(a), *options, **more),
}
QUESTIONS = (
    "result_type can_cast min_scalar_type common_type iscomplexobj isrealobj "
    "may_share_memory shares_memory array2string array_repr array_str"
)
functions.update(
    {getattr(np, name): asked_of_values(getattr(np, name)) for name in QUESTIONS.split()}
)


# book/rules/shapes.md: Joining
def pieces(g: Any, shapes: tuple[tuple[int, ...], ...], axis: int) -> tuple[Any, ...]:
    """Cut g along `axis` into arrays of the given shapes."""
    ends = np.cumsum([shape[axis] for shape in shapes]).tolist()
    before = (slice(None),) * (axis % len(shapes[0]))
    return tuple(g[(*before, slice(a, b))] for a, b in zip([0, *ends[:-1]], ends))


# book/rules/shapes.md: Joining
def join(*xs: Any, axis: int = 0) -> Any:
    """Concatenation with the arrays as separate arguments."""
    return np.concatenate(xs, axis=axis)


#: Concatenation, with one rule for all arrays.
joined = Primitive(
    join, "*xs", into=lambda *xs, out, axis=0: np.concatenate(xs, axis, out),
    joint=lambda g, xs_shapes, axis=0: pieces(g, xs_shapes, axis)
)


# book/rules/shapes.md: Concatenate and stack
def expect_no_out(fun: Fun, out: Any) -> None:
    """Raise if NumPy was asked to write the result into an array."""
    if out is not None:
        raise NoRuleError(
            f"{fun.__name__} was called with out= an array of shape {shape_of(out)}, which "
            "has no room for a gradient. Leave out= away, and use what is returned."
        )


def expect_list(name: str, arrays: Any, axis: Any) -> None:
    """Raise if arrays were given one by one, so that the second stands for the axis."""
    if np.ndim(axis):
        raise DifferentiationTypeError(
            f"{name} was given an array of shape {shape_of(arrays)}, and one of shape "
            f"{shape_of(axis)} as its axis. Give the arrays in a list, as in "
            f"np.{name}([a, b])."
        )


# book/rules/shapes.md: Concatenate and stack
@implements(np.concatenate)
def concatenate(
    arrays: Sequence[Any],
    axis: int | None = 0,
    out: Any = None,
    *,
    dtype: Any = None,
    casting: Any = "same_kind",
) -> Any:
    """Arrays joined along an axis, or flattened if it is None, as `numpy.concatenate`."""
    expect_no_out(np.concatenate, out)
    expect_list("concatenate", arrays, axis)
    parts = [converted(a, dtype, casting) for a in arrays]
    if axis is None:
        return bind(joined, *map(np.ravel, parts), axis=0)
    return bind(joined, *parts, axis=operator.index(axis))


# book/rules/shapes.md: Concatenate and stack
@implements(np.stack)
def stack(
    arrays: Sequence[Any],
    axis: int = 0,
    out: Any = None,
    *,
    dtype: Any = None,
    casting: Any = "same_kind",
) -> Any:
    """Arrays of one shape joined along a new axis, as `numpy.stack`."""
    expect_no_out(np.stack, out)
    expect_list("stack", arrays, axis)
    axis = operator.index(axis)
    return concatenate(
        [np.expand_dims(a, axis) for a in arrays], axis, dtype=dtype, casting=casting
    )


# book/rules/shapes.md: The other names
def joins(promote: Fun, axis: int) -> Fun:
    """Our version of a NumPy function that promotes arrays and joins them."""

    def ours(tup: Sequence[Any], *, dtype: Any = None, casting: Any = "same_kind") -> Any:
        parts = [promote(a) for a in tup]
        return concatenate(
            parts, min(axis, np.ndim(parts[0]) - 1), dtype=dtype, casting=casting
        )

    return ours


# book/rules/shapes.md: The other names
functions.update(
    {
        np.hstack: joins(np.atleast_1d, 1),
        np.vstack: joins(np.atleast_2d, 0),
        np.dstack: joins(np.atleast_3d, 2),
        np.column_stack: joins(
            lambda a: a if np.ndim(a) > 1 else np.reshape(a, (-1, 1)), 1
        ),
    }
)
if hasattr(np, "row_stack"):
    functions[np.row_stack] = functions[np.vstack]


# book/rules/shapes.md: The other names
def gathered(x: Any) -> Any:
    """Nested lists, of Variables among others, as one array."""
    return np.stack([gathered(part) for part in x]) if isinstance(x, (list, tuple)) and x else x


@implements(np.append)
def append(arr: Any, values: Any, axis: int | None = None) -> Any:
    """As `numpy.append`; lists may hold Variables."""
    return concatenate((gathered(arr), gathered(values)), axis)


# book/rules/shapes.md: The other names
@implements(np.block)
def block(arrays: Any) -> Any:
    """Nested lists of blocks as one array, as `numpy.block`."""

    def depth(part: Any) -> int:
        return 1 + max(map(depth, part), default=0) if isinstance(part, list) else 0

    def axes(part: Any) -> int:
        return max(map(axes, part), default=0) if isinstance(part, list) else np.ndim(part)

    def build(part: Any, level: int) -> Any:
        if isinstance(part, list) != (level > 0) or (level and not part):
            raise DifferentiationValueError(
                f"np.block found unequal or empty lists at depth {depth(arrays) - level}. "
                "Nest all blocks equally deep."
            )
        if level:
            return concatenate([build(inner, level - 1) for inner in part], -level)
        return np.reshape(part, (1,) * (count - np.ndim(part)) + shape_of(part))

    count = max(depth(arrays), axes(arrays))
    return build(arrays, depth(arrays))


# book/rules/shapes.md: The other names
@implements(np.resize)
def resize(a: Any, new_shape: Any) -> Any:
    """The elements in order, repeated or cut off to fill a shape, as `numpy.resize`."""
    flat, size = np.ravel(a), int(np.prod(new_shape))
    if flat.size == 0:
        return np.zeros(new_shape, a.dtype)
    return np.reshape(np.tile(flat, max(1, -(-size // flat.size)))[:size], new_shape)


# book/rules/shapes.md: Splitting
def stretches(ary: Any, parts: Sequence[Any], axis: int) -> list[Any]:
    """Slices of `ary` along `axis`, at the places listed in each of the parts."""
    before = (slice(None),) * (axis % len(shape_of(ary)))
    return [
        ary[(*before, slice(int(p[0]), int(p[-1]) + 1) if len(p) else slice(0, 0))]
        for p in parts
    ]


# book/rules/shapes.md: Splitting
@implements(np.split)
def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """As `numpy.split`."""
    row = np.arange(shape_of(ary)[axis])
    return stretches(ary, np.split(row, constant(indices_or_sections)), axis)


@implements(np.array_split)
def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """As `numpy.array_split`: the parts may differ in length by one."""
    row = np.arange(shape_of(ary)[axis])
    return stretches(ary, np.array_split(row, constant(indices_or_sections)), axis)


# book/rules/shapes.md: Splits by letter
def splits(fun: Any, axis: int) -> Fun:
    """Our version of a NumPy function that splits along `axis`, or the last one."""

    def ours(ary: Any, indices_or_sections: Any) -> list[Any]:
        fun(shape_only(ary), constant(indices_or_sections))  # complains about too few axes
        return split(ary, indices_or_sections, min(axis, np.ndim(ary) - 1))

    return ours


functions.update(
    {
        np.hsplit: splits(np.hsplit, 1),
        np.vsplit: splits(np.vsplit, 0),
        np.dsplit: splits(np.dsplit, 2),
    }
)


# book/rules/shapes.md: Splits by letter
if hasattr(np, "unstack"):
    functions[np.unstack] = lambda x, axis=0: tuple(np.moveaxis(x, axis, 0))
if hasattr(np, "astype"):
    functions[np.astype] = lambda x, dtype, copy=True, device=None: (
        x.astype(dtype)  # type: ignore[attr-defined]
        if isinstance(x, Operators)
        else np.asarray(x).astype(constant(dtype))
    )


# book/rules/shapes.md: Splits by letter
refuse(
    "Give the function an axis, or apply it to slices and stack the results.",
    np.apply_along_axis,
    np.apply_over_axes,
)
