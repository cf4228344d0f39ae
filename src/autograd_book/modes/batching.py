"""A batch in place of an example.

``batchings`` holds, for a primitive, how it is done for all examples at once.
What has no row there is either elementwise or goes by a loop.

::

    import numpy as np
    from autograd_book.graph.primitive import primitives
    from autograd_book.modes.batching import batchings, shifted

    print(batchings[primitives[np.sum]].__name__, primitives[np.sin] in batchings)
    print(shifted(axis=-1, rank=2), shifted(axis=None, rank=2))
"""
# Generated from book/modes/batching.md by autograd-book extract; edit the chapter, not this file.
# sha256: d9a711592fbcbd05e1a881fb2482a01c7fa3389aca1bc72f5de288f2e81f1198

__all__ = [
    "Batching",
    "batchings",
    "as_array",
    "to_rank",
    "by_elements",
    "by_examples",
    "shifted",
    "reduce_batch",
    "softmax_batch",
    "reshape_batch",
    "transpose_batch",
    "broadcast_batch",
    "is_plain",
    "index_batch",
    "leading",
    "own_index_batch",
    "join_batch",
    "matmul_batch",
]


# book/modes/batching.md: Elements under each other
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_book.graph.errors import DifferentiationValueError
from autograd_book.graph.primitive import Primitive, primitives, shape_of
from autograd_book.modes.trees import leaves, tree_map
from autograd_book.rules import indexing, linear, moments, shapes, softmax

#: From the level, values, which of them are batched, and params, to a batched result.
Batching = Callable[..., Any]

#: Rows for primitives that can do better than a loop.
batchings: dict[Primitive, Batching] = {}


def as_array(value: Any) -> Any:
    """A list or number as an array; anything with a shape as it is."""
    return value if hasattr(value, "shape") else np.asarray(value)


# book/modes/batching.md: Elements under each other
def to_rank(value: Any, rank: int) -> Any:
    """Examples along the first axis, each with `rank` axes: axes of length 1 are put in
    behind the first."""
    missing = rank - (len(value.shape) - 1)
    return (
        np.reshape(value, (value.shape[0],) + (1,) * missing + value.shape[1:])
        if missing
        else value
    )


# book/modes/batching.md: Elements under each other
def by_elements(
    level: Any, primitive: Primitive, values: Any, batched: Any, params: Any
) -> Any:
    """Elementwise: stand the axes of the examples under each other."""
    rank = max(len(shape_of(v)) - b for v, b in zip(values, batched))
    ready = [to_rank(v, rank) if b else v for v, b in zip(values, batched)]
    return level.below.bind(primitive, ready, params)


# book/modes/batching.md: One after the other
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


# book/modes/batching.md: Rows for axes
def shifted(axis: Any, rank: int) -> Any:
    """Axes of an example as axes of the batch; all of them for None."""
    if axis is None or rank == 0:
        return tuple(range(1, rank + 1))
    return (
        tuple(a % rank + 1 for a in axis)
        if isinstance(axis, (tuple, list))
        else axis % rank + 1
    )


# book/modes/batching.md: Rows for axes
def reduce_batch(
    level: Any, primitive: Primitive, values: Any, batched: Any, params: Any
) -> Any:
    """A reduction over axes of each example."""
    (value,) = values
    axis = shifted(params.get("axis"), len(value.shape) - 1)
    return level.below.bind(primitive, values, {**params, "axis": axis})


# book/modes/batching.md: Rows for axes
def softmax_batch(
    level: Any, primitive: Primitive, values: Any, batched: Any, params: Any
) -> Any:
    """A softmax along axes of each example, by default along the last."""
    return reduce_batch(level, primitive, values, batched, {"axis": -1, **params})


# book/modes/batching.md: Rows for axes
for fun in (np.sum, np.mean, np.max, np.min, np.prod, np.all, np.any, softmax.log_sum):
    batchings[primitives[fun]] = reduce_batch
for known in (softmax.softmax, softmax.log_softmax, moments.rms_normalize):
    batchings[primitives[known]] = softmax_batch


# book/modes/batching.md: Rows for shapes
def reshape_batch(
    level: Any, primitive: Primitive, values: Any, batched: Any, params: Any
) -> Any:
    """Each example in another shape."""
    shape = params["shape"]
    shape = tuple(shape) if np.ndim(shape) else (shape,)
    return level.below.bind(primitive, values, {**params, "shape": (level.size, *shape)})


# book/modes/batching.md: Rows for shapes
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


# book/modes/batching.md: Rows for shapes
def broadcast_batch(
    level: Any, primitive: Primitive, values: Any, batched: Any, params: Any
) -> Any:
    """Each example stretched to a shape."""
    shape = params["shape"]
    shape = tuple(shape) if np.ndim(shape) else (shape,)
    (value,) = values
    return level.below.bind(
        primitive, [to_rank(value, len(shape))], {**params, "shape": (level.size, *shape)}
    )


# book/modes/batching.md: Rows for indices
def is_plain(index: Any) -> bool:
    """Whether an index has at most one array in it, which stands alone, and no truth
    values."""
    return indexing.is_basic(index) or (
        isinstance(index, (np.ndarray, list)) and np.asarray(index).dtype.kind in "iu"
    )


# book/modes/batching.md: Rows for indices
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


# book/modes/batching.md: Rows for indices
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
        to_rank(part.value, rank) if level.mine(part) else part for part in index[:count]
    ]
    more = {"shape": (level.size, *params["shape"])} if "shape" in params else {}
    if more and not batched[0]:
        value = np.broadcast_to(value, (level.size, *shape_of(value)))
    examples = np.arange(level.size).reshape(-1, *[1] * rank)
    front = (examples,) if batched[0] or more else ()
    full = (*front, *own, *index[count:])
    return level.below.bind(primitive, [value], {**params, "index": full, **more})


# book/modes/batching.md: Rows for indices
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


# book/modes/batching.md: Rows for indices
batchings |= {
    primitives[shapes.reshape]: reshape_batch,
    primitives[np.transpose]: transpose_batch,
    primitives[np.broadcast_to]: broadcast_batch,
    primitives[indexing.getitem]: index_batch,
    primitives[indexing.scatter_add]: index_batch,
    shapes.joined: join_batch,
}


# book/modes/batching.md: The matrix product
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
    ready = [to_rank(v, rank) if b else v for v, b in zip((x, y), batched)]
    out = level.below.bind(primitive, ready, params)
    gone = tuple(axis for axis, r in ((-2, x_rank), (-1, y_rank)) if r == 1)
    return np.squeeze(out, gone) if gone else out


batchings[primitives[np.matmul]] = matmul_batch
