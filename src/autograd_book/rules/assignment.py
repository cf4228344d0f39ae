"""Assignment.

Changed copies: ``x.at[index].set(v)``, and ``add``, ``multiply``, ``max`` and
others, where a program for plain arrays would write in place. Several writes
to one place are what NumPy makes of them.

::

    import numpy as np
    from autograd_book import Variable
    from autograd_book.rules.assignment import At

    x = Variable(np.arange(4.0))
    (x.at[[0, 0, 2]].add(10.0) ** 2).sum().backward()
    print(At(x)[[0, 0, 2]].add(10.0), x.grad)
"""
# Generated from book/rules/assignment.md by autograd-book extract; edit the chapter, not this file.
# sha256: 9a81fd164c60406f50097122e76059ed422d1b824d0999ee4d014ae3de7c9352

__all__ = [
    "last_written",
    "written",
    "replaced",
    "rounds",
    "as_written",
    "replaced_at",
    "changed",
    "IndexUpdate",
    "At",
    "refuse_at",
    "AT",
]


# book/rules/assignment.md: When a place is written twice
from collections.abc import Iterator
from typing import Any

import numpy as np

from autograd_book.graph.errors import NoRuleError, advise
from autograd_book.graph.primitive import primitives, shape_of
from autograd_book.graph.protocols import attributes, functions, primitive, refuse
from autograd_book.graph.stack import Fun, bind
from autograd_book.rules.indexing import frozen_index, is_basic, is_mask, pick, scatter_add
from autograd_book.rules.shapes import converted, shape_only


@primitive("x", flat=True)
def last_written(x: Any, index: Any) -> Any:
    """Which of the elements written at an index into an array like x remain."""
    owner = np.zeros(np.shape(x), np.intp)
    numbers = np.arange(owner[index].size).reshape(np.shape(owner[index]))
    owner[index] = numbers
    return owner[index] == numbers


# book/rules/assignment.md: When a place is written twice
def written(g: Any, index: Any) -> Any:
    """Cotangent of what was written at an index, given that of the result."""
    back = pick(g, index)
    once = is_basic(index) or is_mask(index)
    return back if once else np.where(last_written(g, index=index), back, 0)


# book/rules/assignment.md: When a place is written twice
@primitive(
    "x v",
    x=lambda g, index: bind(
        primitives[replaced], g, np.zeros((), g.dtype), index=index
    ),
    v=lambda g, index: written(g, index),
)
def replaced(x: Any, v: Any, index: Any) -> Any:
    """A copy of x with v at an index; where a place is repeated, the last v wins."""
    out = np.array(x)
    out[index] = v
    return out


# book/rules/assignment.md: In rounds
def rounds(places: Any) -> Iterator[Any]:
    """Positions in a list of places, divided into rounds that repeat no place."""
    order = np.argsort(places, kind="stable")
    ranked = places[order]
    fresh = np.flatnonzero(np.diff(ranked, prepend=-1))  # where each place occurs first
    turn = np.arange(len(ranked)) - np.repeat(fresh, np.diff(fresh, append=len(ranked)))
    for k in range(int(turn.max(initial=-1)) + 1):
        yield np.sort(order[turn == k])


# book/rules/assignment.md: In rounds
def as_written(x: Any, index: Any, v: Any) -> Any:
    """v in the dtype of x and the shape of the places at an index."""
    try:
        shape = pick(shape_only(x), index).shape
        v = converted(v, x.dtype, "unsafe")
        v = np.reshape(v, shape_of(v)[-len(shape) :]) if np.ndim(v) > len(shape) > 0 else v
        return bind(primitives[np.broadcast_to], v, shape=shape)
    except Exception as error:
        advise(error, "x.at[index]", (x, v))
        raise


def replaced_at(x: Any, index: Any, v: Any) -> Any:
    """x with v at an index, which nobody else can change."""
    return bind(primitives[replaced], x, as_written(x, index, v), index=index)


# book/rules/assignment.md: In rounds
def changed(x: Any, index: Any, fun: Fun, v: Any) -> Any:
    """x with what a function of two arguments makes of the places at an index and v."""
    if is_basic(index) or is_mask(index):
        return replaced_at(x, index, fun(pick(x, index), v))
    places = np.arange(np.size(x)).reshape(shape_of(x))[index].ravel()
    y, v = np.ravel(x), np.ravel(as_written(x, index, v))
    for chosen in rounds(places):
        here = frozen_index(places[chosen])
        y = replaced_at(y, here, fun(pick(y, here), pick(v, chosen)))
    return np.reshape(y, shape_of(x))


# book/rules/assignment.md: In rounds
class IndexUpdate:
    """Places in an array, and new arrays that differ from it only there: ``x.at[index]``.

    Each method takes values that can be broadcast to the shape of ``x[index]``, and returns
    a new array of the shape and dtype of `x`. Where the index repeats a place, `set` keeps
    the last value, and the others apply all of them, one after the other, as ``np.add.at``.
    """

    __slots__ = ("x", "index")

    def __init__(self, x: Any, index: Any) -> None:
        self.x, self.index = x, frozen_index(index)

    def get(self) -> Any:
        """The elements at the places: ``x[index]``."""
        return pick(self.x, self.index)

    def set(self, v: Any) -> Any:
        """v in the places."""
        return replaced_at(self.x, self.index, v)

    def add(self, v: Any) -> Any:
        """v added at the places."""
        v = as_written(self.x, self.index, v)
        return self.x + bind(primitives[scatter_add], v, shape=shape_of(self.x), index=self.index)

    def subtract(self, v: Any) -> Any:
        """v subtracted at the places."""
        return self.add(np.negative(v))

    def multiply(self, v: Any) -> Any:
        """The places multiplied by v."""
        return self.apply(np.multiply, v)

    def divide(self, v: Any) -> Any:
        """The places divided by v."""
        return self.apply(np.divide, v)

    def power(self, v: Any) -> Any:
        """The places raised to the power v."""
        return self.apply(np.power, v)

    def min(self, v: Any) -> Any:
        """The smaller of v and what is in the places."""
        return self.apply(np.minimum, v)

    def max(self, v: Any) -> Any:
        """The larger of v and what is in the places."""
        return self.apply(np.maximum, v)

    def apply(self, fun: Fun, v: Any) -> Any:
        """What a function of two arguments makes of the places and v."""
        return changed(self.x, self.index, fun, v)


# book/rules/assignment.md: In rounds
class At:
    """The way to a changed copy of an array: ``At(x)[index].set(v)``."""

    __slots__ = ("x",)

    def __init__(self, x: Any) -> None:
        self.x = x if hasattr(x, "dtype") else np.asarray(x)

    def __getitem__(self, index: Any) -> IndexUpdate:
        return IndexUpdate(self.x, index)


attributes["at"] = At


# book/rules/assignment.md: Refused writes
refuse(
    "Write y = x.at[index].set(values), which leaves x as it is.",
    np.put,
    np.place,
    np.putmask,
)
refuse(
    "Write y = x.at[index].set(values), or np.broadcast_to(value, shape) for np.full and "
    "np.full_like.",
    np.copyto,
)
refuse("Write y = x.at[mask].set(value), or use np.where.", np.fill_diagonal)
refuse(
    "Write y = x.at[index].set(values), with an index for every axis.", np.put_along_axis
)


# book/rules/assignment.md: Refused writes
def refuse_at(name: str, ufunc: np.ufunc) -> Fun:
    """The answer to ``ufunc.at`` with a Variable."""

    def ours(*args: Any, **kwargs: Any) -> Any:
        raise NoRuleError(
            f"{ufunc.__name__}.at was called with a Variable, and would write in place. "
            f"Write y = x.at[index].{name}(values)."
        )

    return ours


AT = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "power": np.power,
}
AT |= {"max": np.maximum, "min": np.minimum}
functions.update({ufunc.at: refuse_at(name, ufunc) for name, ufunc in AT.items()})
