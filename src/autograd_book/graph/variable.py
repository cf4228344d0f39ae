"""The Variable.

A Variable wraps an array and behaves like one. Ordinary NumPy code applied to
it records its own graph, and ``backward`` fills in ``.grad``.

::

    import numpy as np
    from autograd_book import Variable

    x = Variable([-1.0, 0.5, 3.0])
    y = np.log(1.0 + np.exp(-np.abs(x))) + np.maximum(x, 0.0)
    y.sum().backward()
    print(x.grad)
"""
# Generated from book/graph/variable.md by autograd-book extract; edit the chapter, not this file.
# sha256: 62cb96843992b9a45b95771390dc7c03ed7e246bb107152d1532559673336cd4

__all__ = [
    "expect_constant",
    "INSTEAD",
    "released",
    "Guards",
    "closed",
    "twin",
    "Conversions",
    "NUMBERS",
    "admissible",
    "new_value",
    "safely_cast",
    "Variable",
]


# book/graph/variable.md: The door that stays shut
import operator
from typing import TYPE_CHECKING, Any, final

import numpy as np

from autograd_book.graph.errors import (
    DifferentiationTypeError, DifferentiationValueError, described, with_usage,
)
from autograd_book.graph.gradient import Gradients
from autograd_book.graph.methods import H, Methods, Operators, independent
from autograd_book.graph.primitive import ARRAYS, differentiable
from autograd_book.graph.protocols import Protocols
from autograd_book.graph.record import Leaf, Node, Record
from autograd_book.graph.signatures import Scalar, Signatures
from autograd_book.graph.stack import as_constant, base, bottom


def expect_constant(variable: Any, what: str, remedy: str) -> None:
    """Raise if a conversion would drop the gradient of a Variable."""
    if variable.node is not None:
        raise DifferentiationTypeError(
            f"a Variable of shape {variable.shape} that needs a gradient was {what}, which "
            f"would drop its gradient. {remedy} if a constant is meant."
        )


# book/graph/variable.md: The door that stays shut
#: What to do instead of a conversion, by what the Variable would have become.
INSTEAD = {
    "converted to a plain array": "Compute with NumPy's functions, or with "
    "autograd_book.primitive for another library's; build arrays of Variables with "
    "np.stack, np.concatenate, np.broadcast_to or, from rows of them, np.block; multiply it "
    "by arrays in place of tables, as df.to_numpy() @ x; and use .numpy() or .detach()",
    "converted to a plain number": "Use NumPy's functions instead of math's; collect numbers "
    "in a list for np.stack instead of writing them into an array y, or write y = "
    "Variable(y, False).at[index].set(value); and use .item()",
    "used as a place or an axis": "Use int(x.item())",
}


def released(variable: Any, what: str) -> Any:
    """The value of a Variable that has no gradient to lose, or the error that says what to
    do instead."""
    expect_constant(variable, what, INSTEAD[what])
    return variable.value


# book/graph/variable.md: The door that stays shut
class Guards:
    """Conversions that would drop a gradient, and writes that would change one."""

    __slots__ = ()

    if not TYPE_CHECKING:

        def __array__(self: Any, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
            released(self, "converted to a plain array")
            return np.array(self.numpy(), dtype) if copy else np.asarray(self.numpy(), dtype)

    def __float__(self) -> float:
        return float(released(self, "converted to a plain number"))

    def __int__(self) -> int:
        return int(float(self))

    def __index__(self) -> int:
        return operator.index(released(self, "used as a place or an axis"))

    def __complex__(self: Any) -> complex:
        remedy = "Use .item(), and NumPy's functions instead of cmath's"
        expect_constant(self, "converted to a plain number", remedy)
        return complex(self.value)

    def __bool__(self: Any) -> bool:
        return bool(self.value)

    if not TYPE_CHECKING:

        def __setitem__(self, index: Any, value: Any) -> None:
            place = described(index) if hasattr(index, "shape") else repr(index)
            raise DifferentiationTypeError(
                f"item assignment [{place}] would overwrite a value that the graph may still "
                "need. Write y = x.at[index].set(value), or build the array with np.where or "
                "np.concatenate."
            )


# book/graph/variable.md: What leaves
def closed(value: Any) -> Any:
    """The same value, closed to writing: a read-only view of an array, or what cannot be
    written to anyway."""
    if not isinstance(value, np.ndarray):
        return value
    view = value.view()
    view.setflags(write=False)
    return view


# book/graph/variable.md: What leaves
def twin(leaf: Any) -> Any:
    """A leaf of the same value, with a copy of the gradient that there is."""
    made = type(leaf)(leaf.value)
    made.grad = None if leaf.grad is None else leaf.grad.copy()
    return made


# book/graph/variable.md: What leaves
class Conversions:
    """Ways out: to arrays, numbers, text, files and copies."""

    __slots__ = ()

    def numpy(self: Any) -> np.ndarray:
        """The value as a plain array, closed to writing; shares memory."""
        value: Any = self.value
        inner = isinstance(value, Methods)
        return value.numpy() if inner else np.asarray(closed(value))

    def item(self: Any) -> float:
        """The value of a single number, as a Python float."""
        if self.size != 1:
            raise DifferentiationValueError(
                f"a Variable of shape {self.shape} was taken for a single number, by .item() "
                "or a format such as {x:.2f}. Reduce it first, for example with .mean(), or "
                "use .numpy()."
            )
        return self.numpy().item()

    def detach(self: H) -> H:
        """A constant with the same value; shares memory."""
        return as_constant(bottom(self))

    def __repr__(self: Any) -> str:
        text = "Variable(" + repr(self.numpy()).partition("(")[2]
        return text if self.requires_grad else f"{text[:-1]}, requires_grad=False)"

    def __format__(self: Any, spec: str) -> str:
        return format(self.item() if spec else repr(self), spec)

    def __reduce__(self: Any) -> Any:
        if self.node is not None and not independent(self):
            raise DifferentiationTypeError(
                f"a Variable of shape {self.shape} in the middle of a computation was "
                "pickled, and its graph cannot be. Pickle .detach() of it."
            )
        state = None if self.grad is None else (None, {"grad": self.grad})
        return type(self), (self.value, self.requires_grad), state

    def __copy__(self: Any) -> Any:
        return twin(self) if independent(self) else self.copy()

    def __deepcopy__(self: Any, memo: Any) -> Any:
        return self.__copy__()


# book/graph/variable.md: What may come in
#: What to give instead of data that is no floating-point number; of objects, under True.
NUMBERS = {
    True: "Give numbers, or lists and arrays of them.",
    False: "Convert it to floating point, as 1.0 for 1 or with np.asarray(data, float), and "
    "keep what counts, indexes or names apart, in plain arrays.",
}


def admissible(data: Any, requires_grad: bool) -> np.ndarray:
    """A fresh array of `data`, or the error that says why it cannot be a Variable's."""
    if not isinstance(requires_grad, (bool, int, np.bool_)):
        raise DifferentiationTypeError(
            f"a Variable was made with {described(requires_grad)} as requires_grad. Give "
            "True or False; for a dtype make the array first, as in "
            "Variable(np.asarray(data, dtype))."
        )
    if type(data) is Variable:
        raise DifferentiationTypeError(
            "a Variable was made of a Variable. Use it as it is, its .detach() for a "
            "constant, or Variable(x.numpy()) for a leaf of its own."
        )
    if isinstance(data, np.ma.MaskedArray):
        raise DifferentiationTypeError(
            f"a masked array of shape {data.shape} was made a Variable, which has no mask. "
            "Pass its .filled(value), and choose with np.where in place of the mask."
        )
    try:
        value: Any = data.copy() if isinstance(data, Methods) else np.array(data)
    except ValueError as error:
        raise DifferentiationValueError(
            f"a {type(data).__name__} of rows of unlike lengths is no array. Give rows of "
            "one length, or a list of Variables."
        ) from error
    if not (differentiable(value.dtype) or (value.dtype.kind in "iub" and not requires_grad)):
        foreign = value.dtype == object
        raise DifferentiationTypeError(
            f"data of {type(data).__name__ if foreign else f'dtype {value.dtype}'} cannot "
            f"{'require a gradient' if requires_grad else 'be a Variable'}. "
            + NUMBERS[foreign]
        )
    return value


# book/graph/variable.md: What may come in
def new_value(variable: Any, data: Any) -> np.ndarray:
    """A fresh array that can take the place of a Variable's value, or the error that says
    why it cannot."""
    if type(data) is Variable:
        expect_constant(data, "assigned to .data", "Assign .detach() of it")
        data = data.numpy()
    value = admissible(data, False)
    if value.shape != variable.shape:
        raise DifferentiationValueError(
            f"data of shape {value.shape} was assigned to a Variable of shape "
            f"{variable.shape}. Assign an array of the Variable's shape, or make a new "
            "Variable."
        )
    return safely_cast(value, variable.dtype, "assigned to a Variable")


def safely_cast(value: np.ndarray, dtype: Any, how: str) -> np.ndarray:
    """An array in another dtype of its kind, or the error that says what would be lost."""
    if not np.can_cast(value.dtype, dtype, "same_kind"):
        raise DifferentiationTypeError(
            f"data of dtype {value.dtype} was {how} of dtype {dtype}. Convert it first, "
            "with .astype."
        )
    with np.errstate(over="ignore"):
        fresh = value.astype(dtype, copy=False)
    if fresh is not value and (lost := np.isfinite(value) & ~np.isfinite(fresh)).any():
        raise DifferentiationValueError(
            f"data of dtype {value.dtype} with {value[lost][0]} in it was {how} of dtype "
            f"{dtype}, where that is infinite. Use {value.dtype} there, or smaller numbers."
        )
    return fresh


# book/graph/variable.md: The class
@final
class Variable(  # type: ignore[misc]
    Signatures, Gradients, Conversions, Guards, Methods, Operators, Protocols, Scalar
):
    """An array that can be differentiated with respect to.

    Parameters
    ----------
    data : array_like
        Numbers of any shape; copied. Floating-point and complex numbers keep their dtype.
    requires_grad : bool, optional
        Whether to record operations on it. Integers and truth values cannot require a
        gradient.

    Raises
    ------
    DifferentiationTypeError
        If `data` is of a kind that has no derivative, or is itself a Variable.
    """

    __slots__ = ("value", "node", "record", "__weakref__")

    @with_usage
    def __init__(self, data: Any, requires_grad: bool = True) -> None:
        #: An array, or a NumPy scalar; the engine's own.
        self.value: Any = admissible(data, requires_grad)
        self.node: Node | None = (
            Leaf(self.value.shape, self.value.dtype) if requires_grad else None
        )
        self.record: Record | None = base if requires_grad else None

    @property
    def data(self) -> Any:
        """The value as an array or scalar, closed to writing. What is assigned is
        copied."""
        return closed(self.value)

    @data.setter
    def data(self, data: Any) -> None:
        self.value = new_value(self, data)


base.handle = Variable
ARRAYS.add(Variable)
