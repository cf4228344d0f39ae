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
# sha256: 9aedeaeccd53dc30a3a48116ed6f252d6a326d306989f093c885ef1e6aed5f23

__all__ = [
    "BASIC",
    "is_basic",
    "is_mask",
    "scatter_into",
    "scatter_add",
    "getitem",
    "FIXED",
    "differs",
    "as_places",
    "numbers",
    "frozen_index",
    "pick",
    "along",
    "take",
    "take_along_axis",
    "compress",
    "extract",
    "choose",
    "select",
    "delete",
    "insert",
    "repeat",
    "pairs",
    "half_turned",
    "SHOWN_AGAIN",
    "STATISTICS",
    "pad",
    "scattered_into",
    "ramp",
    "end",
    "diagonal_places",
    "diagonal",
    "trace",
    "diag",
    "diagflat",
    "trim_zeros",
]


# book/rules/indexing.md: Which indices can repeat
import operator
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from autograd_book.graph.errors import DifferentiationValueError, NoRuleError
from autograd_book.graph.primitive import Primitive, primitives, shape_of
from autograd_book.graph.methods import Operators
from autograd_book.graph.protocols import functions, implements, primitive
from autograd_book.graph.stack import Fun, bind
from autograd_book.graph.variable import Variable
from autograd_book.rules.elementwise import real_kind, rounded, wide
from autograd_book.rules.moments import all_numbers
from autograd_book.rules.reductions import axes_of
from autograd_book.rules.shapes import concatenate, constant, dtype_of
from autograd_book.rules.shapes import expect_no_out, shape_only, plain


# book/rules/indexing.md: Which indices can repeat
BASIC = (int, slice, np.integer)  #: Besides None and the ellipsis.


def is_basic(index: Any) -> bool:
    """Whether an index is of integers, slices, None and ellipsis, and cannot repeat."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(
        part is None
        or part is Ellipsis
        or (isinstance(part, BASIC) and type(part) is not bool)
        for part in parts
    )


# book/rules/indexing.md: Which indices can repeat
def is_mask(index: Any) -> bool:
    """Whether an index is one array of truth values, which cannot repeat a place."""
    return getattr(index, "dtype", None) == np.bool_


# book/rules/indexing.md: Scatter is an operation of its own
def scatter_into(g: Any, shape: tuple[int, ...], index: Any, out: np.ndarray) -> None:
    """As `scatter_add`, into an array."""
    total = wide(out)
    total.fill(0)
    if is_basic(index) or is_mask(index):
        total[index] = g
    else:
        np.add.at(total, index, g)
    if total is not out:
        out[...] = total


@primitive(
    "g", linear="g", into=scatter_into,
    g=lambda g, index, shape: bind(primitives[getitem], g, index=index),
)
def scatter_add(g: Any, shape: tuple[int, ...], index: Any) -> Any:
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
    scatter_into(g, shape, index, out)
    return out


# book/rules/indexing.md: Scatter is an operation of its own
@primitive(
    "x", linear="x", view=True,
    x=lambda g, x_shape, index: bind(
        primitives[scatter_add], g, shape=x_shape, index=index
    ),
)
def getitem(x: Any, index: Any) -> Any:
    """The elements of x at an index, as ``x[index]``."""
    return x[index]


primitives[operator.getitem] = primitives[getitem]


# book/rules/indexing.md: An index that cannot change
#: Parts of an index that cannot change.
FIXED = (*BASIC, np.generic, type(None), type(Ellipsis))


def differs(index: Any) -> bool:
    """Whether an index is a batch of them, one for each example of a vmap."""
    return isinstance(index, Operators) and type(index) is not Variable


def as_places(index: Any) -> Any:
    """An index as an array; a batch as it is."""
    return index if differs(index) else np.asarray(plain(index))


def numbers(index: Any) -> Any:
    """An index as an array of numbers: truth values count as 0 and 1, and are no mask."""
    index = as_places(index)
    return np.asarray(index, np.intp) if not differs(index) and index.dtype == bool else index


def frozen_index(index: Any) -> Any:
    """An index that nobody can change: arrays and lists in it are copied and closed."""
    if isinstance(index, tuple):
        return tuple(map(frozen_index, index))
    if isinstance(index, FIXED) or differs(index):
        return index
    if isinstance(index, np.ndarray) and index.base is None and not index.flags.writeable:
        return index
    copy = np.array(index)
    copy = copy.astype(np.intp) if copy.size == 0 and isinstance(index, list) else copy
    copy.flags.writeable = False
    return copy


# book/rules/indexing.md: An index that cannot change
def pick(x: Any, index: Any) -> Any:
    """``x[index]``, and later changes of the index make no difference."""
    return bind(primitives[getitem], x, index=frozen_index(index))


functions[operator.getitem] = pick


# book/rules/indexing.md: NumPy's other ways to pick
def along(x: Any, axis: int, index: Any) -> Any:
    """The elements of x at an index into one axis."""
    return pick(x, (*(slice(None),) * (axis % len(shape_of(x))), index))


# book/rules/indexing.md: NumPy's other ways to pick
@implements(np.take)
def take(
    a: Any, indices: Any, axis: int | None = None, out: Any = None, mode: Any = "raise"
) -> Any:
    """As `numpy.take`."""
    expect_no_out(np.take, out)
    a, axis = (np.ravel(a), 0) if axis is None else (np.atleast_1d(a), axis)
    indices, n = numbers(indices), shape_of(a)[axis]
    if mode != "raise":
        np.take([0], 0, mode=mode)  # complains about a mode that it does not know
        indices = np.remainder(indices, n) if mode == "wrap" else np.clip(indices, 0, n - 1)
    return along(a, axis, indices if indices.size else indices.astype(np.intp))


# book/rules/indexing.md: NumPy's other ways to pick
@implements(np.take_along_axis)
def take_along_axis(arr: Any, indices: Any, axis: int | None = -1) -> Any:
    """As `numpy.take_along_axis`."""
    if axis is None:
        return pick(np.ravel(arr), as_places(indices))
    n, indices = np.ndim(arr), as_places(indices)
    if indices.ndim != n:
        raise DifferentiationValueError(
            f"take_along_axis was given indices with {indices.ndim} axes, x with {n}. "
            "Give them the same number."
        )
    index = [
        np.arange(length).reshape([-1 if k == i else 1 for k in range(n)])
        for i, length in enumerate(shape_of(arr))
    ]
    index[axis] = indices
    return pick(arr, tuple(index))


# book/rules/indexing.md: Picking by conditions
@implements(np.compress)
def compress(condition: Any, a: Any, axis: int | None = None, out: Any = None) -> Any:
    """The elements, or slices, of a where a condition holds, as `numpy.compress`."""
    expect_no_out(np.compress, out)
    return take(a, np.flatnonzero(plain(condition)), axis)


# book/rules/indexing.md: Picking by conditions
@implements(np.extract)
def extract(condition: Any, arr: Any) -> Any:
    """The elements of an array where a condition holds, as `numpy.extract`."""
    return take(arr, np.flatnonzero(plain(condition)))


# book/rules/indexing.md: Picking by conditions
@implements(np.choose)
def choose(a: Any, choices: Any, out: Any = None, mode: Any = "raise") -> Any:
    """For each place the element of the choice that `a` names there, as `numpy.choose`."""
    expect_no_out(np.choose, out)
    which, *spread = np.broadcast_arrays(numbers(a), *choices)
    if mode != "raise":
        n = len(spread)
        which = np.remainder(which, n) if mode == "wrap" else np.clip(which, 0, n - 1)
    found = all_numbers(which)
    if found.size and (found.min() < 0 or found.max() >= len(spread)):
        raise DifferentiationValueError(
            f"choose was asked for {found.min()} to {found.max()} of {len(spread)}. "
            "Name existing ones, or pass mode='wrap' or mode='clip'."
        )
    return pick(np.stack(spread), (which, *np.indices(which.shape, sparse=True)))


# book/rules/indexing.md: Picking by conditions
@implements(np.select)
def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    """For each place the first choice whose condition holds, as `numpy.select`."""
    truths = all(dtype_of(c).kind == "b" for c in condlist)
    if len(condlist) != len(choicelist) or not truths:
        raise DifferentiationValueError(
            f"select was given {len(condlist)} conditions and {len(choicelist)} choices. "
            "Give one choice for each condition, and conditions of truth values."
        )
    out = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        out = np.where(condition, choice, out)
    return out


# book/rules/indexing.md: Picking by conditions
for fun in (np.nonzero, np.argwhere, np.flatnonzero):
    Primitive(fun, "x", flat=True)
for maker in (np.diag_indices_from, np.tril_indices_from, np.triu_indices_from):
    functions[maker] = lambda arr, *k, maker=maker, **kw: maker(shape_only(arr), *k, **kw)


# book/rules/indexing.md: Deleting, inserting, repeating
@implements(np.delete)
def delete(arr: Any, obj: Any, axis: int | None = None) -> Any:
    """As `numpy.delete`."""
    arr, axis = (np.ravel(arr), 0) if axis is None else (arr, axis)
    return along(arr, axis, np.delete(np.arange(shape_of(arr)[axis]), constant(obj)))


# book/rules/indexing.md: Deleting, inserting, repeating
@implements(np.insert)
def insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> Any:
    """As `numpy.insert`."""
    arr, axis = (np.ravel(arr), 0) if axis is None else (arr, axis)
    shape, dtype = list(shape_of(arr)), dtype_of(arr)
    positions = np.arange(shape[axis])
    values = np.reshape(values, (1,) * (len(shape) - np.ndim(values)) + shape_of(values))
    obj = constant(obj)
    if not isinstance(obj, slice) and np.ndim(obj) == 0:
        values = np.moveaxis(values, 0, axis)
    count = np.insert(positions, obj, 0).size - positions.size
    shape[axis] = count = shape_of(values)[axis] if count == 1 else count
    order = np.insert(positions, obj, positions.size + np.arange(count))
    parts = (arr, np.broadcast_to(values, shape))
    return along(concatenate(parts, axis, dtype=dtype, casting="unsafe"), axis, order)


# book/rules/indexing.md: Deleting, inserting, repeating
@implements(np.repeat)
def repeat(a: Any, repeats: Any, axis: int | None = None) -> Any:
    """As `numpy.repeat`."""
    a, axis = (np.ravel(a), axis or 0) if axis is None or not shape_of(a) else (a, axis)
    shape, repeats = shape_of(a), constant(repeats)
    if np.size(repeats) != 1:
        return along(a, axis, np.repeat(np.arange(shape[axis]), repeats))
    axis, n = axis % len(shape), int(np.ravel(repeats)[0])
    copies = np.broadcast_to(
        np.expand_dims(a, axis + 1), (*shape[: axis + 1], n, *shape[axis + 1 :])
    )
    return np.reshape(copies, (*shape[:axis], shape[axis] * n, *shape[axis + 1 :]))


# book/rules/indexing.md: Padding
def pairs(widths: Any, n: int) -> list[tuple[Any, Any]]:
    """What to do before and after each of n axes, from the forms that NumPy permits."""
    if isinstance(widths, dict):
        given = {axis % n: width for axis, width in widths.items()}
        widths = [np.broadcast_to(given.get(axis, 0), 2) for axis in range(n)]
    return [tuple(width) for width in np.broadcast_to(np.asarray(widths), (n, 2)).tolist()]


# book/rules/indexing.md: Padding
def half_turned(array: Any, axis: int, places: Any, period: int) -> Any:
    """What stands at places outside an array that is continued by half turns about its
    ends, which are `period` places apart, or one more with themselves repeated."""
    turns, rest = np.divmod(places, period)
    odd = turns % 2 == 1
    length = shape_of(array)[axis]
    shape = [-1 if k == axis else 1 for k in range(np.ndim(array))]
    sign, first, last = (
        np.reshape(factor, shape).astype(real_kind(array.dtype))
        for factor in (1 - 2 * odd, odd - turns, odd + turns)
    )
    seen = along(array, axis, np.where(odd, length - 1 - rest, rest))
    ends = first * along(array, axis, [0]) + last * along(array, axis, [-1])
    return ends + sign * seen


# book/rules/indexing.md: Padding
SHOWN_AGAIN = ("edge", "reflect", "symmetric", "wrap")  #: Modes that gather.
STATISTICS: dict[str, Fun] = {"maximum": np.max, "minimum": np.min}  #: Of the edges.
STATISTICS |= {"mean": np.mean, "median": np.median}


@implements(np.pad)
def pad(array: Any, pad_width: Any, mode: Any = "constant", **options: Any) -> Any:
    """As `numpy.pad`, in all modes but ``"empty"`` and a function."""
    n = np.ndim(array)
    widths = pairs(pad_width, n)
    if callable(mode) or mode == "empty":
        raise NoRuleError(
            f"np.pad with mode={mode!r} and options {options} has no derivative rule. "
            "Use another mode, or build the array with np.concatenate."
        )
    if mode == "constant" and not np.any(plain(options.get("constant_values", 0))):
        return scattered_into(array, widths)
    for axis, (before, after) in enumerate(widths):
        if mode in SHOWN_AGAIN:
            n = shape_of(array)[axis]
            places = np.pad(np.arange(n), (before, after), mode, **options)
            if options.get("reflect_type") != "odd":
                array = along(array, axis, places)
            elif n:
                sides = np.arange(-before, 0), np.arange(n, n + after)
                period = max(n - (mode == "reflect"), 1)
                ends = [half_turned(array, axis, side, period) for side in sides]
                array = concatenate((ends[0], array, ends[1]), axis)
        else:
            if mode != "constant" and before + after and not shape_of(array)[axis]:
                raise DifferentiationValueError(
                    f"np.pad with mode={mode!r} was to extend axis {axis} of shape "
                    f"{shape_of(array)}, which is empty. Use the mode 'constant'."
                )
            first, last = (end(array, axis, mode, options, side) for side in (0, 1))
            array = concatenate((first(before), array, np.flip(last(after), axis)), axis)
    return array


# book/rules/indexing.md: Padding
def scattered_into(array: Any, widths: list[tuple[int, int]]) -> Any:
    """Zeros around an array."""
    shape = tuple([n + sum(width) for n, width in zip(shape_of(array), widths)])
    places = tuple(
        [slice(before, before + n) for n, (before, _) in zip(shape_of(array), widths)]
    )
    return bind(primitives[scatter_add], array, shape=shape, index=places)


# book/rules/indexing.md: What stands at an end
def ramp(width: int, n: int, axis: int) -> Any:
    """From 0 in `width` equal steps to 1, which is left out, along one of n axes."""
    return np.reshape(
        np.arange(width) / max(width, 1), [-1 if k == axis else 1 for k in range(n)]
    )


# book/rules/indexing.md: What stands at an end
def end(array: Any, axis: int, mode: str, options: dict[str, Any], side: int) -> Fun:
    """What `numpy.pad` puts before (side 0) or after (side 1) an array, from outside in."""
    n, length = np.ndim(array), shape_of(array)[axis]

    def option(name: str, default: Any) -> Any:
        return pairs(options.get(name, default), n)[axis][side]

    def part(count: int) -> Any:
        return along(
            array, axis, slice(length - count, length) if side else slice(0, count)
        )

    def wide(value: Any, width: int) -> Any:
        return np.broadcast_to(
            value, [width if k == axis else m for k, m in enumerate(shape_of(array))]
        )

    if mode == "constant":
        return partial(wide, np.asarray(option("constant_values", 0), array.dtype))
    if mode == "linear_ramp":
        goal, edge = option("end_values", 0), part(1)
        return lambda width: (
            goal + (edge - goal) * ramp(width, n, axis).astype(edge.real.dtype)
        )
    if mode in STATISTICS:
        asked = options.get("stat_length")
        count = length if asked is None else min(option("stat_length", asked), length)
        return partial(wide, STATISTICS[mode](part(count), axis=axis, keepdims=True))
    raise DifferentiationValueError(
        f"np.pad was called with mode={mode!r}. Use one of the modes that NumPy names."
    )


# book/rules/indexing.md: Diagonals, and zeros at the ends
def diagonal_places(rows: int, columns: int, offset: int) -> tuple[Any, Any]:
    """Row and column of each element on a diagonal of a matrix."""
    first, second = max(0, -offset), max(0, offset)
    n = max(0, min(rows - first, columns - second))
    return np.arange(first, first + n), np.arange(second, second + n)


# book/rules/indexing.md: Diagonals, and zeros at the ends
@implements(np.diagonal)
def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """As `numpy.diagonal`."""
    last = np.moveaxis(a, (axis1, axis2), (-2, -1))
    rows, columns = shape_of(last)[-2:]
    return pick(last, (Ellipsis, *diagonal_places(rows, columns, offset)))


# book/rules/indexing.md: Diagonals, and zeros at the ends
@implements(np.trace)
def trace(
    a: Any,
    offset: int = 0,
    axis1: int = 0,
    axis2: int = 1,
    dtype: Any = None,
    out: Any = None,
) -> Any:
    """As `numpy.trace`."""
    expect_no_out(np.trace, out)
    return np.sum(diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype)


# book/rules/indexing.md: Diagonals, and zeros at the ends
@implements(np.diag)
def diag(v: Any, k: int = 0) -> Any:
    """The diagonal of a matrix, or the matrix with a given diagonal, as `numpy.diag`."""
    if np.ndim(v) != 1:
        return diagonal(v, k)
    n = len(v) + abs(k)
    return bind(
        primitives[scatter_add], v, shape=(n, n), index=frozen_index(diagonal_places(n, n, k))
    )


# book/rules/indexing.md: Diagonals, and zeros at the ends
@implements(np.diagflat)
def diagflat(v: Any, k: int = 0) -> Any:
    """As `numpy.diagflat`."""
    return diag(np.ravel(v), k)


# book/rules/indexing.md: Diagonals, and zeros at the ends
@implements(np.trim_zeros)
def trim_zeros(filt: Any, trim: Any = "fb", axis: Any = None) -> Any:
    """An array without the zeros at its ends, as `numpy.trim_zeros`."""
    shape, ends = shape_of(filt), {*trim}
    axes = [a % len(shape) for a in axes_of(shape, axis)]
    box = [slice(None)] * len(shape)
    for a, places in enumerate(np.nonzero(np.atleast_1d(plain(filt)))):
        first, last = (places.min(), places.max() + 1) if places.size else (0, 0)
        begin = int(first) if ends & {"f", "F"} else 0
        if a in axes:
            box[a] = slice(begin, int(last) if ends & {"b", "B"} or not last else None)
    return pick(filt, tuple(box))
