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
# sha256: 175784c2c2cc489ea8e9b169888bd8a3867657ed7b5689ef002c1c97dd00a308

__all__ = [
    "Fun",
    "unary",
    "binary",
    "reflected",
    "in_place",
    "Operators",
    "functions",
    "attributes",
    "refusals",
    "refuse",
    "implements",
    "call",
    "Protocols",
    "expect_constant",
    "Guards",
    "method",
    "Methods",
    "HABITS",
    "habits",
    "numpy_name",
    "attribute_remedy",
    "closed",
    "independent",
    "Conversions",
    "twin",
    "Gradients",
    "Variable",
    "NUMBERS",
    "admissible",
    "replacement",
    "converted",
    "base",
    "top",
    "bind",
    "Block",
    "blocks",
    "noted",
    "settle",
    "push",
    "turned",
    "expect_kind",
    "seed",
    "delivery",
    "deliver",
    "place_gradient",
    "hang",
    "fit_answer",
    "bottom",
    "innermost",
    "NoGrad",
    "no_grad",
    "Link",
    "watched",
    "primitive",
]


# book/graph/variable.md: Where operations enter
import operator
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from contextvars import ContextVar
from copy import copy
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from threading import Lock
from typing import Any, final, overload
from warnings import warn

import numpy as np

from autograd_book.graph.backward import walk
from autograd_book.graph.errors import (
    DifferentiationTypeError,
    DifferentiationValueError,
    NoRuleError,
    advise,
    described,
    nearest,
)
from autograd_book.graph.interpreter import Interpreter, ground
from autograd_book.graph.primitive import (
    Primitive, Rule, arrange, differentiable, expect_fitting, primitives, settled,
    shape_of,
)
from autograd_book.graph.record import Handle, Leaf, Node, Record, tie

Fun = Callable[..., Any]  #: Any function of arrays.


def unary(fun: Fun) -> Callable[[Any], "Variable"]:
    """Operator of one Variable for a NumPy function."""

    def apply(self: Any) -> Any:
        return top.get().bind(primitives[fun], (self,), {})

    return apply


# book/graph/variable.md: Where operations enter
def binary(fun: Fun) -> Callable[[Any, Any], "Variable"]:
    """Operator with the Variable on the left."""

    def apply(self: Any, other: Any) -> Any:
        return top.get().bind(primitives[fun], (self, other), {})

    return apply


def reflected(fun: Fun) -> Callable[[Any, Any], "Variable"]:
    """Operator with the Variable on the right."""

    def apply(self: Any, other: Any) -> Any:
        return top.get().bind(primitives[fun], (other, self), {})

    return apply


# book/graph/variable.md: Where operations enter
def in_place(fun: Fun) -> Callable[[Any, Any], "Variable"]:
    """Operator such as ``+=``: a new result for a computed Variable, an update for a leaf
    under `no_grad`."""

    def apply(self: Any, other: Any) -> Any:
        out = top.get().bind(primitives[fun], (self, other), {})
        if not isinstance(self.node, Leaf) or self.record is not base:
            return out
        if type(out) is not Variable or out.node is not None:
            raise DifferentiationTypeError(
                f"{fun.__name__} was used in place on a Variable of shape {self.shape} "
                "that requires a gradient. Write 'with no_grad():' around an update, or y "
                "= x + ... for a new result."
            )
        self.data = out
        return self

    return apply


# book/graph/variable.md: Where operations enter
class Operators(Handle):
    """Python's operators, each the NumPy function of the same meaning."""

    __slots__ = ()

    __neg__, __pos__, __abs__ = unary(np.negative), unary(np.positive), unary(np.absolute)
    __add__, __radd__ = binary(np.add), reflected(np.add)
    __sub__, __rsub__ = binary(np.subtract), reflected(np.subtract)
    __mul__, __rmul__ = binary(np.multiply), reflected(np.multiply)
    __truediv__, __rtruediv__ = binary(np.divide), reflected(np.divide)
    __pow__, __rpow__ = binary(np.power), reflected(np.power)
    __matmul__, __rmatmul__ = binary(np.matmul), reflected(np.matmul)
    __mod__, __rmod__ = binary(np.remainder), reflected(np.remainder)
    __floordiv__, __rfloordiv__ = binary(np.floor_divide), reflected(np.floor_divide)
    __divmod__ = lambda self, other: (self // other, self % other)
    __round__ = lambda self, ndigits=0: np.round(self, ndigits or 0)
    __floor__, __ceil__, __trunc__ = unary(np.floor), unary(np.ceil), unary(np.trunc)
    __iadd__, __isub__ = in_place(np.add), in_place(np.subtract)
    __imul__, __itruediv__ = in_place(np.multiply), in_place(np.divide)
    __ipow__, __imatmul__ = in_place(np.power), in_place(np.matmul)
    __imod__, __ifloordiv__ = in_place(np.remainder), in_place(np.floor_divide)
    __lt__, __le__ = binary(np.less), binary(np.less_equal)
    __gt__, __ge__ = binary(np.greater), binary(np.greater_equal)
    __and__, __or__, __xor__ = (
        binary(np.bitwise_and),
        binary(np.bitwise_or),
        binary(np.bitwise_xor),
    )
    __invert__ = unary(np.invert)
    __eq__: Any = binary(np.equal)
    __ne__: Any = binary(np.not_equal)
    __hash__ = object.__hash__


# book/graph/variable.md: Where NumPy's functions enter
#: From a NumPy function to our composition of it.
functions: dict[Fun, Fun] = {
    np.shape: shape_of,
    np.ndim: lambda a: len(shape_of(a)),
    np.size: lambda a, axis=None: int(
        np.prod(np.take(shape_of(a), range(len(shape_of(a))) if axis is None else axis))
    ),
}


#: Attributes of Variables that later chapters add, by name.
attributes: dict[str, Fun] = {}
#: From a NumPy function that has no derivative to what to do instead.
refusals: dict[Fun, str] = {}


def refuse(remedy: str, *known: Fun) -> None:
    """Enter NumPy functions that are refused, with the sentence that says what to do
    instead."""
    refusals.update(dict.fromkeys(known, remedy))


def implements(*known: Fun) -> Callable[[Fun], Fun]:
    """Decorator: what is decorated computes these NumPy functions when they meet a
    Variable."""

    def enter(ours: Fun) -> Fun:
        functions.update(dict.fromkeys(known, ours))
        return ours

    return enter


# book/graph/variable.md: Where NumPy's functions enter
def call(fun: Fun, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A NumPy function of Variables, by its primitive or by our composition.

    Raises
    ------
    NoRuleError
        If the function is in neither table.
    """
    try:
        if fun in primitives:
            primitive = primitives[fun]
            arrays, params = arrange(primitive, args, kwargs)
            return top.get().bind(primitive, arrays, params)
        if fun in functions:
            return functions[fun](*args, **kwargs)
    except Exception as error:
        advise(error, fun.__name__, args)
        raise
    known = [f.__name__ for f in (*primitives, *functions)]
    raise NoRuleError(
        f"{getattr(fun, '__name__', fun)} was called with a Variable, and no derivative is "
        "known for it. "
        + (refusals.get(fun) or nearest(fun.__name__, known))
    )


# book/graph/variable.md: Where NumPy's functions enter
class Protocols:
    """How NumPy hands a call over to a Variable."""

    __slots__ = ()

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any
    ) -> Any:
        if method == "__call__":
            return call(ufunc, inputs, kwargs)
        if (fun := getattr(ufunc, method)) in functions:
            return call(fun, inputs, kwargs)
        raise NoRuleError(
            f"{ufunc.__name__}.{method} was called with a Variable, and no derivative is "
            "known for it. Use np.sum, np.prod, np.max, np.cumsum or another function "
            "along an axis."
        )

    def __array_function__(
        self, func: Fun, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        return call(func, args, kwargs)


# book/graph/variable.md: The door that stays shut
def expect_constant(variable: Any, what: str, remedy: str) -> None:
    """Raise if a conversion would drop the gradient of a Variable."""
    if variable.node is not None:
        raise DifferentiationTypeError(
            f"a Variable of shape {variable.shape} that needs a gradient was {what}, which "
            f"would drop its gradient. {remedy} if a constant is meant."
        )


# book/graph/variable.md: The door that stays shut
class Guards:
    """Conversions that would drop a gradient, and writes that would change one."""

    __slots__ = ()

    def __array__(self: Any, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        expect_constant(
            self,
            "converted to a plain array",
            "Compute with NumPy's functions, or with autograd_book.primitive for another "
            "library's; build arrays of Variables with np.stack, np.concatenate, "
            "np.broadcast_to or, from rows of them, np.block; and use .numpy() or .detach()",
        )
        return np.array(self.numpy(), dtype) if copy else np.asarray(self.numpy(), dtype)

    def __float__(self: Any) -> float:
        expect_constant(
            self,
            "converted to a plain number",
            "Use NumPy's functions instead of math's; collect numbers in a list for np.stack "
            "instead of writing them into an array y, or write y = Variable(y, "
            "False).at[index].set(value); and use .item()",
        )
        return float(self.value)

    def __int__(self: Any) -> int:
        return int(float(self))

    def __index__(self: Any) -> int:
        expect_constant(self, "used as a place or an axis", "Use int(x.item())")
        return operator.index(self.value)

    def __bool__(self: Any) -> bool:
        return bool(self.value)

    def __complex__(self: Any) -> complex:
        expect_constant(
            self,
            "converted to a plain number",
            "Use .item(), and NumPy's functions instead of cmath's",
        )
        return complex(self.value)

    def __setitem__(self, index: Any, value: Any) -> None:
        place = described(index) if hasattr(index, "shape") else repr(index)
        raise DifferentiationTypeError(
            f"item assignment [{place}] would overwrite a value that the graph may still "
            "need. Write y = x.at[index].set(value), or build the array with np.where or "
            "np.concatenate."
        )


# book/graph/variable.md: What an array can do
def method(fun: Any) -> Callable[..., Any]:
    """Method that calls a NumPy function with the Variable in front."""

    def apply(self: Any, *args: Any, **kwargs: Any) -> Any:
        return call(fun, (self, *args), kwargs)

    apply.__name__, apply.__doc__ = (
        fun.__name__,
        f"As `numpy.{fun.__name__}`, of this Variable.",
    )
    return apply


# book/graph/variable.md: What an array can do
class Methods:
    """Methods and attributes of arrays, each the NumPy function of the same name."""

    __slots__ = ()

    shape = property(lambda self: self.value.shape, doc="Shape, as of an array.")
    ndim = property(lambda self: self.value.ndim, doc="Number of axes.")
    size = property(lambda self: self.value.size, doc="Number of elements.")
    dtype = property(lambda self: self.value.dtype, doc="NumPy dtype.")
    T = property(
        lambda self: np.transpose(self), doc="The transpose, with all axes reversed."
    )

    real = property(lambda self: np.real(self), doc="Real part.")
    imag = property(
        lambda self: np.imag(self), doc="Imaginary part; zeros of a real Variable."
    )
    flat = property(lambda self: iter(np.ravel(self)), doc="Iterator over the elements.")

    sum, mean, prod, var, std = map(method, (np.sum, np.mean, np.prod, np.var, np.std))
    max, min, ptp, cumsum, cumprod = map(
        method, (np.max, np.min, np.ptp, np.cumsum, np.cumprod)
    )
    clip, round, conj, conjugate = map(
        method, (np.clip, np.round, np.conjugate, np.conjugate)
    )
    ravel, flatten, squeeze, swapaxes = map(
        method, (np.ravel, np.ravel, np.squeeze, np.swapaxes)
    )
    repeat, take, choose = map(method, (np.repeat, np.take, np.choose))
    dot, trace, diagonal = map(method, (np.dot, np.trace, np.diagonal))
    argmax, argmin, argsort, all, any, nonzero = map(
        method, (np.argmax, np.argmin, np.argsort, np.all, np.any, np.nonzero)
    )

    def compress(self: Any, condition: Any, axis: Any = None) -> "Variable":
        """As `numpy.compress`, of this Variable."""
        return call(np.compress, (condition, self), {"axis": axis})

    def reshape(self: Any, *shape: Any, **options: Any) -> "Variable":
        """The same elements in another shape, given as one tuple or as several numbers."""
        return call(np.reshape, (self, shape[0] if len(shape) == 1 else shape), options)

    def transpose(self: Any, *axes: Any) -> "Variable":
        """Axes in another order, given as one tuple or as several numbers; reversed when
        none is given."""
        return call(np.transpose, (self, (axes[0] if len(axes) == 1 else axes) or None), {})

    def astype(self: Any, dtype: Any) -> "Variable":
        """Converted to another floating-point or complex dtype; a plain array for any other
        dtype."""
        if not differentiable(np.dtype(dtype)):
            return self.numpy().astype(dtype)
        return bind(primitives[np.ndarray.astype], self, dtype=np.dtype(dtype))

    def __getitem__(self: Any, index: Any) -> "Variable":
        return functions[operator.getitem](self, index)

    def __len__(self: Any) -> int:
        if not self.shape:
            raise DifferentiationTypeError(
                "a Variable of shape () was asked for its length or its parts. Use it as the "
                "number that it is, or make an array of it with .reshape(1)."
            )
        return len(self.value)

    def __iter__(self: Any) -> Iterator["Variable"]:
        return (self[i] for i in range(len(self)))

    def copy(self: Any) -> "Variable":
        """A Variable of the same value, computed from this one."""
        return call(np.copy, (self,), {})

    def __copy__(self: Any) -> "Variable":
        return twin(self) if independent(self) else self.copy()

    def __deepcopy__(self: Any, memo: Any) -> "Variable":
        return self.__copy__()

    def tolist(self: Any) -> Any:
        """The numbers as nested lists, of a Variable that needs no gradient."""
        return np.asarray(self).tolist()

    def __getattr__(self, name: str) -> Any:
        if name in attributes:
            return attributes[name](self)
        raise AttributeError(
            f"a Variable has no attribute {name!r}. {attribute_remedy(name)}"
        )


#: What other libraries' arrays are asked for, and what to write instead.
HABITS = {
    "Leave it out, as all arrays are in main memory; x.astype(dtype) changes the dtype.":
        "to cuda cpu device is_cuda contiguous block_until_ready data_ptr",
    "Write x.astype(np.float32).": "float",
    "Write x.astype(np.float64).": "double",
    "Write x.astype(np.float16).": "half",
    "Write x.numpy().astype({name}), a plain array.": "int bool",
    "Write x.numpy().astype(np.int64), a plain array.": "long",
    "Write x.astype(dtype), or read x.dtype.": "type type_as",
    "Write x.reshape(shape).": "view view_as reshape_as unflatten",
    "Write x[np.newaxis], x[:, np.newaxis] or np.expand_dims(x, axis).": "unsqueeze",
    "Write x.transpose(axes).": "permute",
    "Write x.T.": "t",
    "Write np.swapaxes(x, -1, -2).": "mT",
    "Write np.broadcast_to(x, shape), or let operations broadcast.": "expand expand_as",
    "Write x @ y.": "mm bmm mv",
    "Write it as an operator, such as x * y.": "sub mul div pow neg eq ne lt le gt ge",
    "Write x.copy() in the graph, or x.detach() for a constant.": "clone",
    "Make it Variable(data), or Variable(data, requires_grad=False).": "requires_grad_",
    "Write x = x.detach().": "detach_",
    "Look at the gradient of a computed Variable with x.register_hook(print).":
        "retain_grad",
    "Ask x.requires_grad; x.node is its place in the graph.": "grad_fn is_leaf",
    "Read x.size.": "numel nelement",
    "Read x.ndim.": "dim",
    "Write np.clip(x, low, high).": "clamp",
    "Write np.where(mask, value, x).": "masked_fill",
    "Write np.take_along_axis(x, indices, axis).": "gather",
    "Write x.at[index].set(values) or x.at[index].add(values), and use the result.":
        "scatter scatter_add put fill index_add",
    "Write np.sort(x)[-k:], or x[np.argsort(x)[-k:]].": "topk",
    "Write autograd_book.{name}(x).":
        "softmax log_softmax logsumexp sigmoid relu gelu silu softplus",
}
#: By name.
habits = {name: remedy for remedy, names in HABITS.items() for name in names.split()}


def numpy_name(name: str) -> str:
    """How the NumPy function of this name is written, or nothing if there is none."""
    for prefix, area in (("np", np), ("np.linalg", np.linalg), ("np.fft", np.fft)):
        fun = vars(area).get(name)
        if callable(fun) and not isinstance(fun, type) and not name.startswith("_"):
            return f"{prefix}.{name}"
    return ""


def attribute_remedy(name: str) -> str:
    """What to write instead of an attribute that a Variable does not have."""
    if name in habits:
        return habits[name].format(name=name)
    if name.endswith("_") and not name.startswith("_"):
        return (
            "Nothing is changed in place: write x = ... for a new result, 'with no_grad(): x "
            "-= ...' or x.data = ... for an update, and x.zero_grad() to forget a gradient."
        )
    if numpy_name(name):
        return f"Write {numpy_name(name)}(x)."
    if hasattr(np.ndarray, name):
        return f"Ask the plain array for it: x.numpy().{name}."
    public = [known for known in dir(Variable) if not known.startswith("_")]
    return nearest(name, public, "Compute it with NumPy's functions, such as np.sum(x).")


# book/graph/variable.md: What leaves
def closed(value: Any) -> Any:
    """The same value, closed to writing: a read-only view of an array, or what cannot be
    written to anyway."""
    if not isinstance(value, np.ndarray):
        return value
    view = value.view()
    view.flags.writeable = False
    return view


def independent(variable: Any) -> bool:
    """Whether a Variable is a leaf of the program, and not a value inside a derivative."""
    return isinstance(variable.node, Leaf) and variable.record is base


class Conversions:
    """Ways out: to arrays, numbers, text and files."""

    __slots__ = ()

    def numpy(self: Any) -> np.ndarray:
        """The value as a plain array, closed to writing; shares memory."""
        value = self.value
        return value.numpy() if type(value) is Variable else np.asarray(closed(value))

    def item(self: Any) -> float:
        """The value of a single number, as a Python float."""
        if self.size != 1:
            raise DifferentiationValueError(
                f"a Variable of shape {self.shape} was taken for a single number, by .item() "
                "or a format such as {x:.2f}. Reduce it first, for example with .mean(), or "
                "use .numpy()."
            )
        return self.numpy().item()

    def detach(self: Any) -> "Variable":
        """A constant with the same value; shares memory."""
        value: Any = self.value
        return (
            value.detach() if type(value) is Variable else tie(Variable, value, None, None)
        )

    def __repr__(self: Any) -> str:
        text = "Variable" + repr(self.numpy())[len("array") :]
        return text if self.requires_grad else f"{text[:-1]}, requires_grad=False)"

    def __format__(self, spec: str) -> str:
        return format(self.item() if spec else repr(self), spec)

    def __reduce__(self: Any) -> Any:
        if self.node is not None and not independent(self):
            raise DifferentiationTypeError(
                f"a Variable of shape {self.shape} in the middle of a computation was "
                "pickled, and its graph cannot be. Pickle .detach() of it."
            )
        state = None if self.grad is None else (None, {"grad": self.grad})
        return Variable, (self.value, self.requires_grad), state


# book/graph/variable.md: What leaves
def twin(leaf: Any) -> "Variable":
    """A leaf of the same value, with a copy of the gradient that there is."""
    made = Variable(leaf.value)
    made.grad = None if leaf.grad is None else leaf.grad.copy()
    return made


# book/graph/variable.md: What a training loop sees
class Gradients:
    """The face that a training loop sees."""

    __slots__ = ()

    @property
    def requires_grad(self: Any) -> bool:
        """Whether operations on it are recorded."""
        return self.node is not None

    @requires_grad.setter
    def requires_grad(self: Any, value: bool) -> None:
        if bool(value) != self.requires_grad:
            raise DifferentiationTypeError(
                f"requires_grad={value!r} was assigned to a Variable of shape {self.shape}, "
                "whose kind is settled when it is made. Use .detach() for a constant, "
                "Variable(x.numpy()) for a leaf, and leave out of the optimizer what "
                "should stay as it is."
            )

    @property
    def grad(self: Any) -> "Variable | None":
        """Gradient delivered by `backward`, of this Variable's shape; None before, and on
        computed Variables."""
        if self.node is not None and not isinstance(self.node, Leaf):
            warn(
                f"the gradient of a computed Variable of shape {self.shape} was asked for, "
                "and only leaves keep one. Ask the Variable that was made with "
                "Variable(data); update it under 'with no_grad():' with w -= ..., since w = "
                "w - ... makes another; or look at it with register_hook.",
                stacklevel=2,
            )
        return getattr(self.node, "grad", None)

    @grad.setter
    def grad(self: Any, value: "Variable | None") -> None:
        place_gradient(self, value)

    def zero_grad(self: Any) -> None:
        """Forget the gradient."""
        self.grad = None

    def register_hook(self: Any, hook: Fun) -> Fun:
        """Show the gradient of this Variable to a function, each time a backward pass has
        completed it.

        Parameters
        ----------
        hook : callable
            Takes the gradient, a Variable of this Variable's shape. What it returns, unless
            None, takes its place.

        Returns
        -------
        callable
            Takes the hook off again.
        """
        return hang(self, hook)

    def backward(
        self: Any,
        gradient: Any = None,
        retain_graph: bool = False,
        create_graph: bool = False,
    ) -> None:
        """Add the gradient of this Variable to `.grad` of every leaf that it depends on.

        Parameters
        ----------
        gradient : array_like, optional
            Cotangent to start from, of this Variable's shape; 1.0 for a single number.
        retain_graph : bool, optional
            Keep the graph for another call.
        create_graph : bool, optional
            Record the backward pass itself, so that gradients can be differentiated;
            implies `retain_graph`.

        Raises
        ------
        DifferentiationTypeError
            If this Variable does not depend on one that requires a gradient.
        DifferentiationValueError
            If it is not a single number and `gradient` is missing, or `gradient` does not
            have its shape.
        FreedGraphError
            If an earlier call has released the graph.
        """
        node, start = seed(self, gradient)
        with push(Link) if create_graph else nullcontext():
            found = walk(node, start, top.get().pull, retain_graph or create_graph)
        for leaf, g in found.items():
            deliver(leaf, g)


# book/graph/variable.md: The class
@final
class Variable(Operators, Protocols, Guards, Methods, Conversions, Gradients):
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
        self.value = replacement(self, data)


# book/graph/variable.md: What may come in
#: What to give instead of data that is no floating-point number; of objects, under True.
NUMBERS = {
    True: "Give numbers, or lists and arrays of them.",
    False: "Convert it to floating point, as 1.0 for 1 or with np.asarray(data, float), and "
    "keep what counts, indexes or names apart, in plain arrays.",
}


def admissible(data: Any, requires_grad: bool) -> np.ndarray:
    """A fresh array of `data`, or the error that says why it cannot be a Variable's."""
    if type(data) is Variable:
        raise DifferentiationTypeError(
            "a Variable was made of a Variable. Use it as it is, its .detach() for a "
            "constant, or Variable(x.numpy()) for a leaf of its own."
        )
    try:
        value = np.array(data)
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
def replacement(variable: Variable, data: Any) -> np.ndarray:
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
    return converted(value, variable.dtype, "assigned to a Variable")


def converted(value: np.ndarray, dtype: Any, how: str) -> np.ndarray:
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


# book/graph/variable.md: The Record that is always there
base = Record(ground(), Variable)  #: The Record that is always there.
#: The top of this thread's stack.
top: ContextVar[Interpreter] = ContextVar("top", default=base)


def bind(primitive: Primitive, *args: Any, **params: Any) -> Any:
    """Apply a primitive at the top of the stack."""
    return top.get().bind(primitive, args, settled(primitive, params) if params else params)


# book/graph/variable.md: The Record that is always there
class Block:
    """A with block that is open: what it found, the level that it added, and the block
    around it."""

    __slots__ = ("around", "level", "open", "owner", "stack", "was")

    def __init__(self, owner: int) -> None:
        self.owner, self.open = owner, True  #: Whose block it is, and whether it still is.
        self.was, self.around = top.get(), blocks.get()
        self.stack = self.level = self.was

    def seat(self, below: Interpreter) -> Interpreter:
        """The level of this block, on top of another one than before."""
        self.level.below = below
        return self.level


#: The innermost block that is open in this thread or task.
blocks: ContextVar[Any] = ContextVar("blocks", default=None)


def noted(owner: Any) -> Block | None:
    """The innermost block of an object, among those that are open here."""
    block: Block | None = blocks.get()
    while block is not None and block.owner != id(owner):
        block = block.around
    return block


def settle() -> None:
    """Take the levels of blocks that are open no longer out of the stack."""
    known, oldest, block = [], 0, blocks.get()
    while block is not None:
        known.append(block)
        if not block.open:
            oldest = len(known)
        block = block.around
    if oldest:
        stack, inner = known[oldest - 1].was, known[oldest - 1].around
        for block in reversed(known[: oldest - 1]):
            if block.open:
                block = copy(block)  # the notes change in the last line, and all at once
                block.was, block.around = stack, inner
                stack, inner = stack.under(block.seat)[0], block
                block.stack = stack
        top.set(stack)
        blocks.set(inner)


# book/graph/variable.md: The Record that is always there
class push:
    """Puts an interpreter on the stack for the duration of a with block, or of each call of
    a decorated function.

    Parameters
    ----------
    level : callable
        Makes the interpreter: ``level(below, *args)``.

    Raises
    ------
    DifferentiationTypeError
        If it decorates a generator or a coroutine, whose body runs after the call.
    DifferentiationValueError
        If a block is left where it was not entered.
    """

    def __init__(self, level: Callable[..., Any], *args: Any) -> None:
        self.level, self.args = level, args

    def onto(self, stack: Interpreter) -> tuple[Interpreter, Any]:
        """A stack with the new level in it, and the level."""
        return stack.under(lambda below: self.level(below, *self.args))

    def __enter__(self) -> Any:
        block = Block(id(self))
        try:
            block.stack, block.level = self.onto(block.was)
            blocks.set(block)
            top.set(block.stack)
            return block.level
        except BaseException:
            top.set(block.was)
            blocks.set(block.around)
            raise

    def __exit__(self, *error: object) -> None:
        block = noted(self)
        if block is None:
            raise DifferentiationValueError(
                f"a block of {type(self).__name__} was left in another thread or task than "
                "it was entered in. Leave it where it was entered."
            )
        block.open = False
        settle()

    def __del__(self) -> None:
        while block := noted(self):
            block.open = False
            settle()

    def __call__(self, fun: Fun) -> Fun:
        if not callable(fun):
            raise DifferentiationTypeError(
                f"{type(self).__name__} was put around {described(fun)}, which is no function. "
                "Put it around the function, and call what comes back."
            )
        if any(
            later(fun)
            for later in (isgeneratorfunction, iscoroutinefunction, isasyncgenfunction)
        ):
            raise DifferentiationTypeError(
                f"{self.level.__name__} was put around {getattr(fun, '__name__', fun)}, a "
                "generator or coroutine, whose body runs after the call has returned. "
                "Write the with block inside of it, around lines without yield or await."
            )

        @wraps(fun)
        def applied(*args: Any, **kwargs: Any) -> Any:
            with copy(self):
                return fun(*args, **kwargs)

        return applied


# book/graph/variable.md: Complex numbers
def turned(g: Any) -> Any:
    """A gradient as the walk carries it, and the other way round: the complex conjugate."""
    return np.conjugate(g) if g.dtype.kind == "c" else g


# book/graph/variable.md: How a backward pass starts
def expect_kind(g: Any, dtype: Any, what: str) -> None:
    """Raise DifferentiationTypeError if a complex cotangent or tangent is given for a real
    value."""
    if np.dtype(dtype).kind == "f" and (
        isinstance(g, complex) or getattr(getattr(g, "dtype", None), "kind", "f") == "c"
    ):
        raise DifferentiationTypeError(
            f"a complex {what} was given for a value of dtype {dtype}, which is real. Give "
            "its real part."
        )


def seed(end: Variable, gradient: Any) -> tuple[Node, Any]:
    """The node at which a backward pass starts, and its cotangent."""
    if end.node is None:
        raise DifferentiationTypeError(
            "backward() was called on a Variable that depends on none that requires a "
            "gradient. Make an input with requires_grad=True, and compute outside "
            "no_grad()."
        )
    if end.record is not base:
        raise DifferentiationTypeError(
            "backward() was called on a Variable made inside "
            f"{getattr(end.record, 'owner', 'another call')}. Return it from the function; "
            "the transformation differentiates it."
        )
    if gradient is None and end.dtype.kind == "c":
        raise DifferentiationTypeError(
            f"backward() was called on a Variable of dtype {end.dtype}, which has no "
            "gradient of this kind. Reduce it to a real number first, for example with "
            "np.abs, or pass a gradient."
        )
    if gradient is None and end.size != 1:
        raise DifferentiationValueError(
            f"backward() was called on a Variable of shape {end.shape} without a gradient. "
            "Reduce it to one number, for example with .sum(), or pass a gradient of that "
            "shape."
        )
    if gradient is None:
        return end.node, np.ones(end.shape, end.dtype)[()]
    if shape_of(gradient) != end.shape:
        raise DifferentiationValueError(
            f"backward() of a Variable of shape {end.shape} was given a gradient of shape "
            f"{shape_of(gradient)}. Pass a gradient of the Variable's shape."
        )
    expect_kind(gradient, end.dtype, "gradient")
    return end.node, turned(
        gradient if type(gradient) is Variable else np.asarray(gradient, end.dtype)[()]
    )


# book/graph/variable.md: Where gradients come to rest
delivery = Lock()  #: Held while a gradient is added.


def deliver(leaf: Leaf, g: Any) -> None:
    """Add the cotangent `g` to the gradient of a leaf."""
    g = turned(g)
    arrived = g if type(g) is Variable else tie(Variable, np.array(g), None, None)
    with delivery:  # two threads may deliver to one leaf
        leaf.grad = arrived if leaf.grad is None else leaf.grad + arrived


# book/graph/variable.md: Where gradients come to rest
def place_gradient(variable: Variable, value: Any) -> None:
    """Put a gradient into the leaf of a Variable."""
    if not isinstance(variable.node, Leaf):
        raise DifferentiationTypeError(
            "a gradient was assigned to a Variable that does not keep one. Only a Variable "
            "made with requires_grad=True keeps its gradient; assign it there."
        )
    if value is not None and shape_of(value) != variable.shape:
        raise DifferentiationValueError(
            f"a gradient of shape {shape_of(value)} was assigned to a Variable of shape "
            f"{variable.shape}. Give it the Variable's shape, or None to forget it."
        )
    expect_kind(value, variable.dtype, "gradient")
    if value is not None and type(value) is not Variable:
        value = Variable(value, requires_grad=False)
    if value is not None and value.dtype.kind != variable.dtype.kind:
        value = value.astype(variable.dtype)  # a real gradient of a complex Variable
    variable.node.grad = value


# book/graph/variable.md: A look at the gradient in passing
def hang(variable: Variable, hook: Fun) -> Fun:
    """Hang a function on the node of a Variable; a function that takes it off again."""
    node = variable.node
    if node is None:
        raise DifferentiationTypeError(
            f"a hook was registered on a Variable of shape {variable.shape} that needs no "
            "gradient. Register it on a Variable made with requires_grad=True, or computed "
            "from one."
        )

    def shown(g: Any) -> Any:
        g = turned(g)
        answer = hook(g if type(g) is Variable else tie(Variable, g, None, None))
        return turned(g if answer is None else fit_answer(answer, node))

    node.hooks = [*(node.hooks or ()), shown]

    def take_off() -> None:  # a new list: a walk may be going through the old one
        node.hooks = [hook for hook in node.hooks if hook is not shown]

    return take_off


def fit_answer(answer: Any, node: Node) -> Any:
    """What a hook returned as a gradient of a node, or the error that says why it is
    none."""
    if shape_of(answer) != node.shape:
        raise DifferentiationValueError(
            f"a hook returned a gradient of shape {shape_of(answer)} for a Variable of "
            f"shape {node.shape}. Return the gradient's shape, or None to leave it as it "
            "is."
        )
    expect_kind(answer, node.dtype, "gradient")
    recorded = type(answer) is Variable and answer.node is not None
    return (
        answer if recorded else np.asarray(getattr(answer, "value", answer), node.dtype)[()]
    )


# book/graph/variable.md: Not recording
def bottom(value: Any) -> Any:
    """What is inside any number of Variables."""
    while type(value) is Variable:
        value = value.value
    return value


def innermost(value: Any) -> Any:
    """What is inside any number of Variables; a batch of values, without what its values
    need for a gradient."""
    value = bottom(value)
    return value.detach() if hasattr(value, "detach") else value


class NoGrad(Interpreter):
    """Computes with the values alone; results are constants."""

    __slots__ = ()

    def bind(self, primitive: Primitive, args: Any, params: dict[str, Any]) -> Any:
        """Pass the plain values on."""
        values = [innermost(a) for a in args]
        out = self.below.bind(primitive, values, params)
        plain = primitive.flat or not any(type(a) is Variable for a in args)
        return out if plain else tie(Variable, out, None, None)


@overload
def no_grad() -> push: ...
@overload
def no_grad(fun: Fun) -> Fun: ...
def no_grad(fun: Fun | None = None) -> Any:
    """Context manager, or decorator with or without parentheses, under which nothing is
    recorded.

    Results of Variables are constants: Variables with ``requires_grad=False``.
    """
    return push(NoGrad) if fun is None else push(NoGrad)(fun)


# book/graph/variable.md: Gradients of gradients
class Link(Interpreter):
    """Ties saved values to the nodes they came from, so that rules computed with them are
    recorded.

    Raises
    ------
    DifferentiationTypeError
        If nothing is recorded at the moment.
    """

    __slots__ = ()

    def __init__(self, below: Interpreter) -> None:
        super().__init__(below)
        while below is not None:
            if isinstance(below, NoGrad):
                raise DifferentiationTypeError(
                    "backward(create_graph=True) was called under no_grad(), where nothing "
                    "is recorded. Call it outside of the no_grad() block."
                )
            below = below.below

    def pull(self, node: Node, g: Any) -> Any:
        """Pull through a copy of the node whose saved values are Variables."""
        plan: Any = node.plan
        saved = [
            value if origin is None else tie(Variable, value, origin, base)
            for value, origin in zip(node.saved, plan.origins(node), strict=True)
        ]
        linked = copy(node)
        linked.saved = saved
        return self.below.pull(linked, g)


# book/graph/variable.md: A primitive of one's own
def watched(made: Primitive) -> Fun:
    """The function of a primitive, which raises at its first call if it writes into an
    argument, and puts itself in its place otherwise."""
    fun = made.fun

    @wraps(fun)
    def first(*args: Any, **params: Any) -> Any:
        before = [a.tobytes() if isinstance(a, np.ndarray) else None for a in args]
        out = fun(*args, **params)
        for name, a, noted in zip(made.arguments, args, before):
            if noted is not None and a.tobytes() != noted:
                raise DifferentiationValueError(
                    f"{made.name} wrote into its argument {name}, an array of shape {a.shape} "
                    "that others use as well. Write x = x - ... in place of x -= ..., or "
                    "begin with x = x.copy()."
                )
        made.fun = fun
        return out

    return first


# book/graph/variable.md: A primitive of one's own
def primitive(
    arguments: str,
    joint: Rule | None = None,
    flat: bool = False,
    linear: str = "",
    elementwise: bool = False,
    **rules: Rule,
) -> Callable[[Fun], Fun]:
    """Decorator that makes a function of plain arrays differentiable by rules.

    Parameters
    ----------
    arguments : str
        Names of the array arguments, separated by spaces. Other parameters of the function
        are passed as they are.
    joint, flat, linear, elementwise, **rules
        As for `Primitive`: rules are named after the arguments, and ask for what they need
        by name.

    Returns
    -------
    callable
        Decorator; the decorated function accepts arrays and Variables.
    """

    if not isinstance(arguments, str):
        raise DifferentiationTypeError(
            f"primitive was given {arguments!r} where the names of the array arguments "
            "belong. "
            'Write @primitive("x", x=lambda g, ...: ...) above the function.'
        )

    def make(fun: Fun) -> Fun:
        made = Primitive(fun, arguments, joint, flat, linear, elementwise, **rules)
        expect_fitting(made)
        made.fun = watched(made)

        @wraps(fun)
        def bound(*args: Any, **kwargs: Any) -> Any:
            try:
                arrays, params = arrange(made, args, kwargs)
            except Exception as error:
                advise(error, made.name, args)
                raise
            return top.get().bind(made, arrays, params)

        primitives[bound] = made
        return bound

    return make
