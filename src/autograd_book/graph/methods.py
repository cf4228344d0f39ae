"""What an array can do.

Operators and methods of a Variable are NumPy's functions of the same meaning,
and record as those do. What a Variable does not have is answered with what to
write instead.

::

    import numpy as np
    import autograd_book as ab

    x = ab.Variable([1.0, 2.0, 3.0])
    print(10.0 - x, x.sum(), [float(v.detach()) for v in x])
    try:
        x.unsqueeze(0)
    except AttributeError as error:
        print(error)
"""
# Generated from book/graph/methods.md by autograd-book extract; edit the chapter, not this file.
# sha256: e3ea5967519aebabf07ef4985a0adcf392cea87ef0247d36bc3200e05dc6efc1

__all__ = [
    "H",
    "unary",
    "binary",
    "reflected",
    "independent",
    "in_place_operator",
    "Operators",
    "Parts",
    "method",
    "Methods",
    "HABITS",
    "habits",
    "numpy_name",
    "attribute_remedy",
]


# book/graph/methods.md: An operator is a lookup
import operator
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from autograd_book.graph.errors import DifferentiationTypeError, nearest
from autograd_book.graph.primitive import Handle, differentiable, primitives
from autograd_book.graph.protocols import attributes, call_numpy, functions
from autograd_book.graph.record import Leaf
from autograd_book.graph.stack import Fun, base, bind, top

#: The class that has an operator: the result is one of it, too.
H = TypeVar("H", bound=Any)


def unary(fun: Fun) -> Callable[[H], H]:
    """Operator of one Variable for a NumPy function."""

    def apply(self: Any) -> Any:
        return top.get().bind(primitives[fun], (self,), {})

    return apply


# book/graph/methods.md: An operator is a lookup
def binary(fun: Fun) -> Callable[[H, Any], H]:
    """Operator with the Variable on the left."""

    def apply(self: Any, other: Any) -> Any:
        return top.get().bind(primitives[fun], (self, other), {})

    return apply


def reflected(fun: Fun) -> Callable[[H, Any], H]:
    """Operator with the Variable on the right."""

    def apply(self: Any, other: Any) -> Any:
        return top.get().bind(primitives[fun], (other, self), {})

    return apply


# book/graph/methods.md: Operators that write
def independent(variable: Any) -> bool:
    """Whether a Variable is a leaf of the program, and not a value inside a derivative."""
    return isinstance(variable.node, Leaf) and variable.record is base


def in_place_operator(fun: Fun) -> Callable[[H, Any], H]:
    """Operator such as ``+=``: a new result for a computed Variable, an update for a leaf
    under `no_grad`."""

    def apply(self: Any, other: Any) -> Any:
        out = top.get().bind(primitives[fun], (self, other), {})
        if not independent(self):
            return out
        if type(out) is not base.handle or out.node is not None:
            raise DifferentiationTypeError(
                f"{fun.__name__} was used in place on a Variable of shape {self.shape} "
                "that requires a gradient. Write 'with no_grad():' around an update, or "
                f"y = np.{fun.__name__}(x, ...) for a new result."
            )
        self.data = out
        return self

    return apply


# book/graph/methods.md: The table of operators
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
    __iadd__, __isub__ = in_place_operator(np.add), in_place_operator(np.subtract)
    __imul__, __itruediv__ = in_place_operator(np.multiply), in_place_operator(np.divide)
    __ipow__, __imatmul__ = in_place_operator(np.power), in_place_operator(np.matmul)
    __imod__, __ifloordiv__ = in_place_operator(np.remainder), in_place_operator(np.floor_divide)
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


# book/graph/methods.md: Parts of an array
class Parts:
    """Attributes and elements of an array."""

    __slots__ = ()

    shape = property(lambda self: self.value.shape, doc="Shape, as of an array.")
    ndim = property(lambda self: self.value.ndim, doc="Number of axes.")
    size = property(lambda self: self.value.size, doc="Number of elements.")
    dtype = property(lambda self: self.value.dtype, doc="NumPy dtype.")
    T = property(np.transpose, doc="The transpose, with all axes reversed.")
    real = property(np.real, doc="Real part.")
    imag = property(np.imag, doc="Imaginary part; zeros of a real Variable.")
    flat = property(lambda self: iter(np.ravel(self)), doc="Iterator over the elements.")

    def __getitem__(self: H, index: Any) -> H:
        return functions[operator.getitem](self, index)

    def __len__(self: Any) -> int:
        if not self.shape:
            raise DifferentiationTypeError(
                "a Variable of shape () was asked for its length or its parts. Use it as the "
                "number that it is, or make an array of it with .reshape(1)."
            )
        return len(self.value)

    def __iter__(self: H) -> Iterator[H]:
        each: Any = self
        return (each[i] for i in range(len(each)))

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name in attributes:
                return attributes[name](self)
            raise AttributeError(
                f"a Variable has no attribute {name!r}. {attribute_remedy(name, dir(type(self)))}"
            )


# book/graph/methods.md: Methods
def method(fun: Any) -> Callable[..., Any]:
    """Method that calls a NumPy function with the Variable in front."""

    def apply(self: Any, *args: Any, **kwargs: Any) -> Any:
        return call_numpy(fun, (self, *args), kwargs)

    apply.__name__, apply.__doc__ = (
        fun.__name__,
        f"As `numpy.{fun.__name__}`, of this Variable.",
    )
    return apply


# book/graph/methods.md: Methods
class Methods(Parts):
    """Methods of arrays, each the NumPy function of the same name."""

    __slots__ = ()

    sum, mean, prod, var, std = map(method, (np.sum, np.mean, np.prod, np.var, np.std))
    max, min, ptp = map(method, (np.max, np.min, np.ptp))
    cumsum, cumprod = map(method, (np.cumsum, np.cumprod))
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

    def compress(self: H, condition: Any, axis: Any = None) -> H:
        """As `numpy.compress`, of this Variable."""
        return call_numpy(np.compress, (condition, self), {"axis": axis})

    def reshape(self: H, *shape: Any, **options: Any) -> H:
        """The same elements in another shape, given as one tuple or as several numbers."""
        return call_numpy(np.reshape, (self, shape[0] if len(shape) == 1 else shape), options)

    def transpose(self: H, *axes: Any) -> H:
        """Axes in another order, given as one tuple or as several numbers; reversed when
        none is given."""
        return call_numpy(np.transpose, (self, (axes[0] if len(axes) == 1 else axes) or None), {})

    def copy(self: H) -> H:
        """A Variable of the same value, computed from this one."""
        return call_numpy(np.copy, (self,), {})

    def __copy__(self: H) -> H:
        return call_numpy(np.copy, (self,), {})

    def __deepcopy__(self: H, memo: Any) -> H:
        return call_numpy(np.copy, (self,), {})

    def astype(self: Any, dtype: Any) -> Any:
        """Converted to another floating-point or complex dtype; a plain array for any other
        dtype."""
        if not differentiable(np.dtype(dtype)):
            return self.numpy().astype(dtype)
        return bind(primitives[np.ndarray.astype], self, dtype=np.dtype(dtype))

    def tolist(self: Any) -> Any:
        """The numbers as nested lists, of a Variable that needs no gradient."""
        return np.asarray(self).tolist()


# book/graph/methods.md: Names that other libraries have
#: What other libraries' arrays are asked for, and what to write instead.
HABITS = {
    "Leave it out, as all arrays are in main memory; x.astype(dtype) changes the dtype.":
        "to cuda cpu device is_cuda contiguous block_until_ready data_ptr",
    "Write x.astype(np.float32).": "float",
    "Write x.astype(np.float64).": "double",
    "Write x.astype(np.float16).": "half",
    "Write x.numpy().astype({name}), a plain array.": "int bool",
    "Write np.{name}(x, y).": "matmul kron outer inner maximum minimum",
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


# book/graph/methods.md: Names that other libraries have
def numpy_name(name: str) -> str:
    """How the NumPy function of this name is written, or nothing if there is none."""
    for prefix, area in (("np", np), ("np.linalg", np.linalg), ("np.fft", np.fft)):
        fun = vars(area).get(name)
        if callable(fun) and not isinstance(fun, type) and not name.startswith("_"):
            return f"{prefix}.{name}"
    return ""


def attribute_remedy(name: str, known: list[str]) -> str:
    """What to write instead of an attribute that a Variable does not have; `known` are
    those that it has."""
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
    public = [other for other in known if not other.startswith("_")]
    return nearest(name, public, "Compute it with NumPy's functions, such as np.sum(x).")
