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
# sha256: ab72d0f421fd5f0f8dded647c6f7b4f90ad511828b7ce77ddb358b591a59c6a2

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
from collections.abc import Callable
from typing import Any, overload

import numpy as np

from autograd_book.graph.errors import (
    DifferentiationTypeError, DifferentiationValueError, LeakedVariableError, with_usage,
)
from autograd_book.graph.interpreter import Interpreter
from autograd_book.graph.primitive import Primitive, shape_of
from autograd_book.graph.methods import Methods, Operators
from autograd_book.graph.protocols import P, Protocols, call_numpy
from autograd_book.graph.stack import bottom, push, top
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
            return call_numpy(func, args, kwargs)
        except OneForAllError:
            if any(v is not bottom(v) and type(bottom(v)) is Batched for v in leaves(args)):
                raise  # a derivative inside the batch holds all examples as one
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
@overload
def vmap(f: np.ufunc, in_axes: Any = 0, out_axis: int = 0) -> Fun: ...
@overload
def vmap(
    f: Callable[P, Any], in_axes: Any = 0, out_axis: int = 0
) -> Callable[P, Any]: ...
@with_usage
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
