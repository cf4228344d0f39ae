"""One derivative for each example.

``vmap`` takes a function of single examples and returns one of batches. Around
``grad`` it gives a gradient for each example.

::

    import numpy as np
    import autograd_book as ab

    loss = lambda w, x, y: (np.tanh(x @ w) - y) ** 2
    w, xs, ys = np.ones(3), np.arange(6.0).reshape(2, 3) / 10, np.zeros(2)
    print(ab.vmap(ab.grad(loss), in_axes=(None, 0, 0))(w, xs, ys).shape)
    print(ab.vmap(np.dot)(xs, xs))
"""
# Generated from book/modes/batch.md by autograd-book extract; edit the chapter, not this file.
<<<<<<< HEAD
# sha256: 3683502519fd21a3da413db09afd004d0138df26896a93e3462053ed81ca0d77
=======
# sha256: d80f0e5cc536c3c34d6dcff1a7b941b903fcb67902ec376f8d979bf13289d58a
>>>>>>> cbefef0 (Make numbers standard by one primitive; share less memory in the rule of the softmax)

__all__ = [
    "OneForAllError",
    "no_single",
    "Batched",
    "Batch",
    "one_by_one",
    "expect_at_work",
    "vmap",
    "expect_in_axes",
    "in_batches",
    "collected",
    "number_of_examples",
]


# book/modes/batch.md: A value for each example
from typing import Any

import numpy as np

from autograd_book.graph.errors import (
    DifferentiationTypeError,
    DifferentiationValueError,
    LeakedVariableError,
)
from autograd_book.graph.interpreter import Interpreter
from autograd_book.graph.primitive import Primitive, shape_of
from autograd_book.graph.methods import Methods, Operators
from autograd_book.graph.protocols import Protocols, call
from autograd_book.graph.stack import push, top
from autograd_book.modes.batching import (
    as_array, batchings, by_elements, by_examples, index_batch,
)
from autograd_book.modes.transforms import Fun, expect_function, name_of
from autograd_book.modes.trees import Tree, leaves, tree_map


class OneForAllError(DifferentiationTypeError):
    """One array or number was asked for of a value that differs between examples."""


# book/modes/batch.md: A value for each example
def no_single(self: Any, *args: Any, **kwargs: Any) -> Any:
    """Raise OneForAllError, where a program asks for a single array or number."""
    raise OneForAllError(
        f"one number or array was asked for of a value of shape {self.shape} that differs "
        "between the examples of a vmap. Use np.where instead of a branch, np.stack instead "
        "of np.array or of writing into one, "
        "Variable(table, requires_grad=False)[i] instead of table[i], return the value "
        "instead of converting it, or loop over the examples."
    )


# book/modes/batch.md: A batch in disguise
class Batched(Operators, Protocols, Methods):
    """A value for each example of a batch, which passes for the value of one.

    Parameters
    ----------
    value : array or Variable
        The examples along the first axis.
    level : Batch
        The interpreter that knows it.
    """

    __slots__ = ("value", "level")

    node = record = None  # what an engine asks Variables for

    def __init__(self, value: Any, level: "Batch") -> None:
        self.value, self.level = value, level

    shape = property(lambda self: self.value.shape[1:], doc="Shape of one example.")
    ndim = property(lambda self: len(self.shape), doc="Number of axes of one example.")
    size = property(
        lambda self: int(np.prod(self.shape)), doc="Number of elements of one example."
    )
    __array__ = __float__ = __int__ = __bool__ = __complex__ = __index__ = no_single
    numpy = item = tolist = __reduce__ = no_single

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        expect_at_work(self)
        return super().__array_ufunc__(ufunc, method, *inputs, **kwargs)

    def __array_function__(self, func: Fun, types: Any, args: Any, kwargs: Any) -> Any:
        expect_at_work(self)
        try:
            return call(func, args, kwargs)
        except OneForAllError:
            return one_by_one(self.level, func, args, kwargs)

    def __len__(self) -> int:
        return len(range(*self.shape[:1]))

    def detach(self) -> "Batched":
        """The same batch as a constant."""
        return Batched(
            self.value.detach() if hasattr(self.value, "detach") else self.value, self.level
        )

    def __repr__(self) -> str:
        return f"Batched({self.value!r})"


<<<<<<< HEAD
=======
# book/modes/batch.md: Elements under each other
#: From the level, values, which of them are batched, and params, to a batched result.
Batching = Callable[..., Any]

#: Rows for primitives that can do better than a loop.
batchings: dict[Primitive, Batching] = {}


def as_array(value: Any) -> Any:
    """A list or number as an array; anything with a shape as it is."""
    return value if hasattr(value, "shape") else np.asarray(value)


# book/modes/batch.md: Elements under each other
def aligned(value: Any, rank: int) -> Any:
    """Examples along the first axis, each with `rank` axes: axes of length 1 are put in
    behind the first."""
    missing = rank - (len(value.shape) - 1)
    return (
        np.reshape(value, (value.shape[0],) + (1,) * missing + value.shape[1:])
        if missing
        else value
    )


# book/modes/batch.md: Elements under each other
def by_elements(
    level: Any, primitive: Primitive, values: Any, batched: Any, params: Any
) -> Any:
    """Elementwise: stand the axes of the examples under each other."""
    rank = max(len(shape_of(v)) - b for v, b in zip(values, batched))
    ready = [aligned(v, rank) if b else v for v, b in zip(values, batched)]
    return level.below.bind(primitive, ready, params)


# book/modes/batch.md: One after the other
def by_examples(
    level: Any, primitive: Primitive, values: Any, batched: Any, params: Any
) -> Any:
    """Anything: one example after the other."""
    results = [
        level.below.bind(
            primitive,
            [v[i] if b else v for v, b in zip(values, batched)],
            tree_map(lambda v, i=i: level.example(v, i), params),
        )
        for i in range(level.size)
    ]
    shapes = {shape_of(result) for result in results}
    if len(shapes) > 1:
        raise DifferentiationValueError(
            f"{primitive.name} gave results of the shapes {sorted(shapes)} for the examples "
            "of a vmap. Use np.where in place of a mask as an index, so that all have one "
            "shape."
        )
    return np.stack(list(map(as_array, results)))


# book/modes/batch.md: Rows for axes
def shifted(axis: Any, rank: int) -> Any:
    """Axes of an example as axes of the batch; all of them for None."""
    if axis is None or rank == 0:
        return tuple(range(1, rank + 1))
    return (
        tuple(a % rank + 1 for a in axis)
        if isinstance(axis, (tuple, list))
        else axis % rank + 1
    )


# book/modes/batch.md: Rows for axes
def reduce_batch(
    level: Any, primitive: Primitive, values: Any, batched: Any, params: Any
) -> Any:
    """A reduction over axes of each example."""
    (value,) = values
    axis = shifted(params.get("axis"), len(value.shape) - 1)
    return level.below.bind(primitive, values, {**params, "axis": axis})


# book/modes/batch.md: Rows for axes
def softmax_batch(
    level: Any, primitive: Primitive, values: Any, batched: Any, params: Any
) -> Any:
    """A softmax along axes of each example, by default along the last."""
    return reduce_batch(level, primitive, values, batched, {"axis": -1, **params})


# book/modes/batch.md: Rows for axes
for fun in (np.sum, np.mean, np.max, np.min, np.prod, np.all, np.any, reductions.log_sum):
    batchings[primitives[fun]] = reduce_batch
for fun in (reductions.softmax, reductions.log_softmax, reductions.standard):
    batchings[primitives[fun]] = softmax_batch


# book/modes/batch.md: Rows for shapes
def reshape_batch(
    level: Any, primitive: Primitive, values: Any, batched: Any, params: Any
) -> Any:
    """Each example in another shape."""
    shape = params["shape"]
    shape = tuple(shape) if np.ndim(shape) else (shape,)
    if params.get("order", "C") != "C":
        return by_examples(level, primitive, values, batched, params)
    return level.below.bind(primitive, values, {**params, "shape": (level.size, *shape)})


# book/modes/batch.md: Rows for shapes
def transpose_batch(
    level: Any, primitive: Primitive, values: Any, batched: Any, params: Any
) -> Any:
    """The axes of each example in another order."""
    rank = len(values[0].shape) - 1
    axes = params.get("axes")
    axes = tuple(range(rank))[::-1] if axes is None else axes
    return level.below.bind(
        primitive, values, {**params, "axes": (0, *(a % rank + 1 for a in axes))}
    )


# book/modes/batch.md: Rows for shapes
def broadcast_batch(
    level: Any, primitive: Primitive, values: Any, batched: Any, params: Any
) -> Any:
    """Each example stretched to a shape."""
    shape = params["shape"]
    shape = tuple(shape) if np.ndim(shape) else (shape,)
    (value,) = values
    return level.below.bind(
        primitive, [aligned(value, len(shape))], {**params, "shape": (level.size, *shape)}
    )


# book/modes/batch.md: Rows for indices
def is_plain(index: Any) -> bool:
    """Whether an index has at most one array in it, which stands alone, and no truth
    values."""
    return indexing.is_basic(index) or (
        isinstance(index, (np.ndarray, list)) and np.asarray(index).dtype.kind in "iu"
    )


# book/modes/batch.md: Rows for indices
def index_batch(
    level: Any, primitive: Primitive, values: Any, batched: Any, params: Any
) -> Any:
    """An index into each example: the same one, or each its own."""
    index = params["index"]
    if any(map(level.mine, leaves(index))):
        return own_index_batch(level, primitive, values, batched, params)
    if not is_plain(index):
        return by_examples(level, primitive, values, batched, params)
    index = index if isinstance(index, tuple) else (index,)
    more = {"shape": (level.size, *params["shape"])} if "shape" in params else {}
    return level.below.bind(
        primitive, values, {**params, "index": (slice(None), *index), **more}
    )


# book/modes/batch.md: Rows for indices
def leading(index: tuple[Any, ...]) -> int:
    """How many places and arrays of places an index begins with, if only slices follow; 0
    if something else does."""
    picks = [hasattr(part, "dtype") or isinstance(part, (int, list)) for part in index]
    count = picks.index(False) if False in picks else len(picks)
    truths = any(getattr(part, "dtype", None) == np.bool_ for part in index)
    return 0 if truths or any(picks[count:]) or None in index[count:] else count


def own_index_batch(
    level: Any, primitive: Primitive, values: Any, batched: Any, params: Any
) -> Any:
    """An index into each example that is computed for each."""
    index = params["index"] if isinstance(params["index"], tuple) else (params["index"],)
    count, (value,) = leading(index), values
    if not count:
        return by_examples(level, primitive, values, batched, params)
    rank = max(len(shape_of(part)) for part in index[:count])
    own = [
        aligned(part.value, rank) if level.mine(part) else part for part in index[:count]
    ]
    more = {"shape": (level.size, *params["shape"])} if "shape" in params else {}
    if more and not batched[0]:
        value = np.broadcast_to(value, (level.size, *shape_of(value)))
    examples = np.arange(level.size).reshape(-1, *[1] * rank)
    front = (examples,) if batched[0] or more else ()
    full = (*front, *own, *index[count:])
    return level.below.bind(primitive, [value], {**params, "index": full, **more})


# book/modes/batch.md: Rows for indices
def join_batch(
    level: Any, primitive: Primitive, values: Any, batched: Any, params: Any
) -> Any:
    """Examples joined one by one; what is no batch is repeated for each."""
    rank = len(shape_of(values[0])) - batched[0]
    full = [
        v if b else np.broadcast_to(v, (level.size, *shape_of(v)))
        for v, b in zip(values, batched)
    ]
    return level.below.bind(
        primitive, full, {**params, "axis": params.get("axis", 0) % rank + 1}
    )


# book/modes/batch.md: Rows for indices
batchings |= {
    primitives[shapes.reshape]: reshape_batch,
    primitives[np.transpose]: transpose_batch,
    primitives[np.broadcast_to]: broadcast_batch,
    primitives[indexing.getitem]: index_batch,
    primitives[indexing.scatter]: index_batch,
    shapes.joined: join_batch,
}


# book/modes/batch.md: The matrix product
def matmul_batch(
    level: Any, primitive: Primitive, values: Any, batched: Any, params: Any
) -> Any:
    """A matrix product for each example; one large product if the right operand is the same
    for all."""
    x, y = values
    if batched == [True, False] and len(shape_of(y)) == 2:
        return level.below.bind(primitive, values, params)
    x_rank, y_rank = (len(shape_of(v)) - b for v, b in zip(values, batched))
    x = np.expand_dims(x, -2) if x_rank == 1 else x
    y = np.expand_dims(y, -1) if y_rank == 1 else y
    rank = max(x_rank, y_rank, 2)
    ready = [aligned(v, rank) if b else v for v, b in zip((x, y), batched)]
    out = level.below.bind(primitive, ready, params)
    gone = tuple(axis for axis, r in ((-2, x_rank), (-1, y_rank)) if r == 1)
    return np.squeeze(out, gone) if gone else out


batchings[primitives[np.matmul]] = matmul_batch


>>>>>>> cbefef0 (Make numbers standard by one primitive; share less memory in the rule of the softmax)
# book/modes/batch.md: The level
class Batch(Interpreter):
    """Carries out each operation for all examples at once.

    Parameters
    ----------
    below : Interpreter
        The next level.
    size : int
        Number of examples.
    """

    __slots__ = ("size",)

    def __init__(self, below: Interpreter, size: int) -> None:
        super().__init__(below)
        self.size = size

    def example(self, value: Any, i: int) -> Any:
        """The value of one example; what is the same for all as it is."""
        return value.value[i] if self.mine(value) else value

    def mine(self, value: Any) -> bool:
        """Whether a value is one of this level's."""
        return type(value) is Batched and value.level is self

    def bind(self, primitive: Primitive, args: Any, params: dict[str, Any]) -> Any:
        """Apply a primitive to each example."""
        batched = [self.mine(a) for a in args]
        differs = any(map(self.mine, leaves(params))) if params else False
        if not any(batched) and not differs:
            return self.below.bind(primitive, args, params)
        values = [a.value if b else a for a, b in zip(args, batched)]
        by_default = by_elements if primitive.elementwise else by_examples
        known = batchings.get(primitive, by_default)
        way = by_examples if differs and known is not index_batch else known
        return Batched(way(self, primitive, values, batched, params), self)


# book/modes/batch.md: Two questions of a value
def one_by_one(level: Batch, fun: Fun, args: Any, kwargs: Any) -> Tree:
    """A function of NumPy for one example after the other; each of its results stacked."""
    results = [
        fun(
            *tree_map(lambda v, i=i: level.example(v, i), args),
            **tree_map(lambda v, i=i: level.example(v, i), kwargs),
        )
        for i in range(level.size)
    ]
    return tree_map(
        lambda *each: Batched(np.stack(list(map(as_array, each))), level), *results
    )


# book/modes/batch.md: Two questions of a value
def expect_at_work(value: Batched) -> None:
    """Raise LeakedVariableError if the level of a value is not on the stack any more."""
    level: Any = top.get()
    while level is not None and level is not value.level:
        level = level.below
    if level is None:
        raise LeakedVariableError(
            f"a value of shape {value.shape} made inside a vmap was used outside it. "
            "Return it from the function."
        )


# book/modes/batch.md: The transformation
def vmap(f: Fun, in_axes: Any = 0, out_axis: int = 0) -> Fun:
    """A function of batches that applies `f` to each example.

    Parameters
    ----------
    f : callable
        Takes single examples; returns an array, a number, or a tree of them.
    in_axes : int, None, or a tuple of them
        For each argument the axis along which its examples lie; None for an argument that
        is the same for all.
    out_axis : int
        Where the axis of the examples shall be in the results.

    Returns
    -------
    callable
        Takes batches, arrays or trees of arrays; returns what `f` returns, with one more
        axis.

    Raises
    ------
    DifferentiationValueError
        If arguments disagree about the number of examples, or none is batched.
    """

    expect_function(f, "vmap")
    expect_in_axes(f, in_axes)

    def transformed(*args: Any, **kwargs: Any) -> Tree:
        axes = in_axes if isinstance(in_axes, (tuple, list)) else (in_axes,) * len(args)
        with push(Batch, number_of_examples(f, args, axes)) as level:
            inputs = [in_batches(arg, axis, level) for arg, axis in zip(args, axes)]
            result = f(*inputs, **kwargs)
        return tree_map(lambda v: collected(v, level, out_axis), result)

    return transformed


# book/modes/batch.md: The transformation
def expect_in_axes(f: Fun, in_axes: Any) -> None:
    """Raise unless `in_axes` is the number of an axis, None, or some of these."""
    given = in_axes if isinstance(in_axes, (tuple, list)) else (in_axes,)
    if not all(axis is None or isinstance(axis, (int, np.integer)) for axis in given):
        raise DifferentiationTypeError(
            f"vmap of {name_of(f)} was given in_axes={in_axes!r}. Give for each argument the "
            "number of an axis, or None, as in in_axes=(0, None); all arrays of one argument "
            "are batched along the same axis."
        )


# book/modes/batch.md: The transformation
def in_batches(arg: Tree, axis: int | None, level: Batch) -> Tree:
    """An argument with each of its arrays a batch; as it is if all examples share it."""
    if axis is None:
        return arg
    return tree_map(lambda a: Batched(np.moveaxis(as_array(a), axis, 0), level), arg)


# book/modes/batch.md: The transformation
def collected(value: Any, level: Batch, axis: int) -> Any:
    """The results of all examples, with their axis where it is wanted."""
    full = value.value if level.mine(value) else np.stack([as_array(value)] * level.size)
    return full if axis == 0 else np.moveaxis(full, 0, axis)


# book/modes/batch.md: The transformation
def number_of_examples(f: Fun, args: Any, axes: Any) -> int:
    """How many examples the arguments have, or the error that says what is wrong with
    them."""
    if len(axes) != len(args):
        raise DifferentiationValueError(
            f"vmap of {name_of(f)} was given {len(axes)} axes for {len(args)} arguments. "
            "Give one for each argument."
        )
    batches = [
        (shape_of(a), k) for arg, k in zip(args, axes) if k is not None for a in leaves(arg)
    ]
    if not all(-len(shape) <= k < len(shape) for shape, k in batches):
        raise DifferentiationValueError(
            f"vmap of {name_of(f)} was told to find examples along {axes} in arguments of "
            f"shapes {[shape for shape, _ in batches]}. Give in_axes an axis that each "
            "argument has, or None for one that all examples share, as in in_axes=(0, None)."
        )
    sizes = {shape[k] for shape, k in batches}
    if len(sizes) != 1 or 0 in sizes:
        raise DifferentiationValueError(
            f"vmap of {name_of(f)} was given {sorted(sizes) or 'no'} examples. "
            "Batch an argument at least, and give all the same number, from 1 up."
        )
    return int(sizes.pop())
