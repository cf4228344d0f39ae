"""Mixed precision.

Under ``autocast`` products take their operands in half precision. The
parameters stay as they are, and so do their gradients.

::

    import numpy as np
    import autograd_book as ab
    from autograd_book.stability.precision import autocast

    weight = ab.Variable(np.full((3, 2), 0.1, np.float32))
    with autocast(np.float16):
        out = np.ones((4, 3), np.float32) @ weight
        loss = np.sum(np.square(out))
    loss.backward()
    print(out.dtype, loss.dtype, weight.grad.dtype)
"""
# Generated from book/stability/precision.md by autograd-book extract; edit the chapter, not this file.
# sha256: b7e03e86dbd8b17241b64b3a3d7e611b8e914ef45aa3329ef2a0494e82db5214

__all__ = [
    "half_format",
    "bfloat16",
    "SINGLE",
    "PIECE",
    "SINGLES",
    "looked_up",
    "narrow",
    "wide",
    "EXPONENT",
    "LEAST",
    "THIRTEEN",
    "SIGN",
    "BIAS",
    "NAN",
    "half_bits",
    "quietly",
    "to_half",
    "rounded",
    "MANY",
    "whole",
    "in_pieces",
    "alike",
    "widening",
    "stretching",
    "Widened",
    "widened",
    "KINDS",
    "KIND",
    "kind_of",
    "Halves",
    "half",
    "FEW",
    "nodes_of",
    "Autocast",
    "autocast",
]


# book/stability/precision.md: Where the numbers lie
from typing import Any

import numpy as np

from autograd_book.graph.errors import DifferentiationTypeError
from autograd_book.graph.primitive import differentiable


def half_format(dtype: Any) -> np.dtype[Any]:
    """The dtype of a 16-bit floating-point format; ``"bfloat16"`` by name.

    Raises
    ------
    ImportError
        If bfloat16 is asked for, and the package ``ml_dtypes`` is not installed.
    DifferentiationTypeError
        If it is not a floating-point format of 16 bits.
    """
    if isinstance(dtype, str) and dtype == "bfloat16":
        dtype = bfloat16()
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = np.dtype(object)
    if found.itemsize != 2 or not differentiable(found):
        raise DifferentiationTypeError(
            f"{dtype!r} is not a floating-point format of 16 bits. "
            'Give np.float16 or "bfloat16".'
        )
    return found


def bfloat16() -> Any:
    """The type that the package ``ml_dtypes`` adds to NumPy."""
    try:
        import ml_dtypes
    except ImportError as error:
        raise ImportError(
            "bfloat16 was asked for, and the package ml_dtypes, which defines it, is not "
            'installed. Type pip install "autograd-book[precision]", or use float16.'
        ) from error
    return ml_dtypes.bfloat16


# book/stability/precision.md: There and back
from autograd_book.graph.primitive import primitives
from autograd_book.graph.variable import bind

SINGLE = np.dtype(np.float32)  #: What is computed in.
PIECE = 1 << 15  #: Elements of a piece of an array: with its copies it fits into the cache.
#: All float16 numbers in single precision, by their bits.
SINGLES = np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(SINGLE)


def looked_up(halves: np.ndarray) -> np.ndarray:
    """A float16 array in single precision, by the table."""
    bits = np.ascontiguousarray(halves).view(np.uint16).reshape(-1)
    out = np.empty(bits.size, SINGLE)
    for start in range(0, bits.size, PIECE):
        piece = slice(start, start + PIECE)
        SINGLES.take(bits[piece], out=out[piece], mode="clip")
    return out.reshape(halves.shape)


# book/stability/precision.md: There and back
def narrow(value: Any) -> bool:
    """Whether a value is stored in fewer bits than single precision."""
    dtype = getattr(value, "dtype", None)
    return isinstance(dtype, np.dtype) and dtype.itemsize < 4 and differentiable(dtype)


def wide(value: Any) -> Any:
    """The value in single precision if it is stored in less; anything else as it is."""
    if not narrow(value):
        return value
    if isinstance(value, np.ndarray) and value.dtype == np.float16 and value.ndim:
        return looked_up(value)
    if isinstance(value, (np.ndarray, np.generic)):
        return value.astype(SINGLE)
    return bind(primitives[np.ndarray.astype], value, dtype=SINGLE)


# book/stability/precision.md: Rounding by a sum
EXPONENT, LEAST, THIRTEEN = np.int32(0x7F800000), np.int32(113 << 23), np.int32(13 << 23)
SIGN, BIAS, NAN = np.uint16(0x8000), np.uint16(126 << 10 & 0xFFFF), np.uint16(0x7E00)


def half_bits(x: np.ndarray, size: np.ndarray, grid: np.ndarray) -> Any:
    """Bits of the float16 numbers nearest to x, in single precision, with scratch space."""
    size_bits, grid_bits = size.view(np.int32), grid.view(np.int32)
    np.minimum(np.absolute(x, out=size), np.float32(65536), out=size)  # is infinity there
    # 2**13 times the power of two below each number, or below the least normal number.
    np.maximum(np.bitwise_and(size_bits, EXPONENT, out=grid_bits), LEAST, out=grid_bits)
    np.add(grid_bits, THIRTEEN, out=grid_bits)
    # The sum is rounded to the grid; its fraction counts the steps of the grid.
    np.subtract(np.add(size, grid, out=size).view(np.int32), grid_bits, out=size_bits)
    np.add(size_bits, np.right_shift(grid_bits, 13, out=grid_bits), out=size_bits)
    return size_bits.astype(np.uint16) - BIAS + SIGN * np.signbit(x)


# book/stability/precision.md: Rounding by a sum
def quietly(x: np.ndarray, dtype: Any) -> Any:
    """An array in another format, without a warning where it becomes infinite."""
    with np.errstate(over="ignore", invalid="ignore"):
        return x.astype(dtype)


def to_half(x: np.ndarray) -> np.ndarray:
    """An array rounded to float16, ties to even, as by ``x.astype(np.float16)``.

    Numbers from 65,520 up become infinite.
    """
    if x.dtype != SINGLE:  # rounded once, and not by way of single precision
        return quietly(x, np.float16)
    flat = np.ascontiguousarray(x).reshape(-1)
    out = np.empty(flat.size, np.uint16)
    size, grid = np.empty((2, min(PIECE, flat.size)), SINGLE)
    for start in range(0, flat.size, PIECE):
        part = flat[start : start + PIECE]
        with np.errstate(invalid="ignore"):
            bits = half_bits(part, size[: part.size], grid[: part.size])
        missing = np.isnan(part)
        out[start : start + PIECE] = np.where(missing, NAN, bits) if missing.any() else bits
    return out.view(np.float16).reshape(x.shape)


# book/stability/precision.md: Rounding by a sum
from autograd_book.graph.backward import conversions

conversions[np.dtype(np.float16)] = to_half


def rounded(value: Any, dtype: Any) -> Any:
    """A real value rounded to a format; as it is if the format is None."""
    if dtype is None or value.dtype == dtype or value.dtype.kind != "f":
        return value
    if not isinstance(value, (np.ndarray, np.generic)):
        return bind(primitives[np.ndarray.astype], value, dtype=dtype)
    return conversions.get(dtype, lambda x: quietly(x, dtype))(np.asarray(value))[()]


# book/stability/precision.md: Stored in half, computed in single
from collections.abc import Callable

from autograd_book.graph.primitive import Rule


MANY = 1 << 17  #: Elements of a piece where a piece costs several calls.


def whole(rule: Rule, values: Any) -> Any:
    """A rule of widened values, silent about infinities among them."""
    with np.errstate(invalid="ignore"):
        return rule(*map(wide, values))


def in_pieces(rule: Rule, values: Any) -> Any:
    """The same for an elementwise rule, without a widened copy of a whole large array."""
    arrays = [v for v in values if isinstance(v, np.ndarray)]
    first = arrays[0] if len(arrays) == len(values) else None
    if first is None or first.size <= MANY or not all(alike(v, first) for v in arrays):
        return whole(rule, values)
    flat, out = [v.reshape(-1) for v in arrays], np.empty(first.size, SINGLE)
    for start in range(0, first.size, MANY):
        piece = slice(start, start + MANY)
        out[piece] = whole(rule, [v[piece] for v in flat])
    return out.reshape(first.shape)


def alike(array: np.ndarray, other: np.ndarray) -> bool:
    """Whether two arrays can be walked through side by side, and the sum be single precision."""
    return array.shape == other.shape and array.flags.c_contiguous and array.itemsize <= 4


# book/stability/precision.md: Stored in half, computed in single
import inspect

from autograd_book.graph.primitive import asked


def widening(rule: Rule, apply: Callable[[Rule, Any], Any], dtype: Any) -> Rule:
    """A rule that takes halves, computes in single precision, and rounds to `dtype`."""
    names = asked(rule)
    given = inspect.signature(rule).parameters
    defaults = {n: given[n].default for n in names if given[n].default is not inspect.Parameter.empty}
    known = ", ".join(f"{n}=defaults[{n!r}]" if n in defaults else n for n in names)
    text = f"lambda g, {known}: rounded(apply(rule, (g, {', '.join(names)})), dtype)"
    scope = {"rule": rule, "apply": apply, "dtype": dtype, "rounded": rounded}
    made: Rule = eval(text, scope | {"defaults": defaults})
    return made


def stretching(rule: Rule, name: str) -> Rule:
    """A rule of the cotangent alone, which widens it where the argument was broadcast."""
    text = f"lambda g, {name}_shape: rule(g if g.shape == {name}_shape else wide(g))"
    made: Rule = eval(text, {"rule": rule, "wide": wide})
    return made


# book/stability/precision.md: Stored in half, computed in single
from functools import cache

from autograd_book.graph.primitive import Plans, Primitive


class Widened(Primitive):
    """A primitive that takes halves and computes in single precision, on both ways.

    Cotangents of its arguments are rounded to `low` by its rules, unless that is None.
    """

    __slots__ = ()

    def __init__(self, primitive: Primitive, fun: Callable[..., Any], low: Any) -> None:
        self.fun, self.name, self.arguments = fun, primitive.name, primitive.arguments
        self.flat, self.linear = primitive.flat, primitive.linear
        self.elementwise = primitive.elementwise
        self.joint = primitive.joint and widening(primitive.joint, whole, None)
        self.rules = {n: self.wider(n, rule, low) for n, rule in primitive.rules.items()}
        self.plans = Plans(self)

    def wider(self, name: str, rule: Rule, low: Any) -> Rule:
        """The rule of one argument, for halves."""
        if not asked(rule):
            return stretching(rule, name) if self.elementwise else rule
        return widening(rule, in_pieces if self.elementwise else whole, low)


@cache
def widened(primitive: Primitive, kind: str, dtype: Any) -> Widened:
    """The form of a primitive under `autocast`, its results rounded to `dtype` if there is one."""

    silent: Any = {"invalid": "ignore"} if kind == "low" else {}

    def fun(*args: Any, **params: Any) -> Any:
        with np.errstate(**silent):
            out = rounded(primitive.fun(*map(wide, args), **params), dtype)
        # Not the very array of a parameter, which may be written into later.
        return out.view() if any(out is a for a in args) else out

    low = dtype if kind == "low" else None
    return Widened(primitive, primitive.fun if kind == "move" else fun, low)


# book/stability/precision.md: Which primitive runs how
KINDS = {
    "low": "matmul contract conv convolve",
    "single": "exp exp2 expm1 log log2 log10 log1p logaddexp logaddexp2 power float_power "
    "square reciprocal tan sinh cosh arcsin arccos arccosh sum mean average var logsumexp "
    "softmax log_softmax",
    "exact": "maximum minimum fmax fmin clip astype",
    "move": "reshape transpose flip fliplr flipud rot90 roll tril triu copy broadcast_to tile "
    "join scatter getitem replaced fftshift ifftshift rearranged put_back windows",
}  #: How primitives run, by name.
KIND = {name: kind for kind, names in KINDS.items() for name in names.split()}


def kind_of(primitive: Primitive) -> str:
    """How a primitive runs under `autocast`: by the table, or as is usual for its like."""
    return KIND.get(primitive.name, "promote" if primitive.elementwise else "exact")


# book/stability/precision.md: Once for each value
import weakref

from autograd_book.graph.primitive import fingerprint
from autograd_book.graph.variable import primitive


class Halves:
    """Copies of arrays in one half-precision format, each for as long as its array lives."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        self.known: dict[int, Any] = {}  #: Reference, copy and fingerprint, by identity.

    def of(self, array: Any, changeable: bool = False) -> Any:
        """The copy of an array; made anew if the array is `changeable` and was changed."""
        if not isinstance(array, np.ndarray):
            return rounded(array, self.dtype)
        key, mark = id(array), fingerprint(array) if changeable else None
        reference, copy, noted = self.known.get(key, (None, None, None))
        if reference is None or reference() is not array or noted != mark:
            copy, known = rounded(array, self.dtype), weakref.ref(self)
            # Through a weak reference too: else the copies would wait for the collector.
            forget = weakref.ref(array, lambda _: (h := known()) and h.known.pop(key, None))
            self.known[key] = forget, copy, mark
        return copy


@primitive("x", elementwise=True, x=lambda g: wide(g))
def half(x: Any, halves: Halves, changeable: bool) -> Any:
    """x in half precision, converted once."""
    return halves.of(x, changeable)


# book/stability/precision.md: The interpreter
from collections.abc import Iterator

from autograd_book.graph.interpreter import Interpreter
from autograd_book.graph.record import Leaf, Node
from autograd_book.graph.variable import Variable, push

FEW = 512  #: Saved values of fewer elements stay as they are.


def nodes_of(out: Any) -> Iterator[Any]:
    """Nodes of a result: one for each Record that watched it being made, the uppermost first."""
    while type(out) is Variable:
        if isinstance(out.node, Node) and out.node.plan:
            yield out.node
        out = out.value


class Autocast(Interpreter):
    """Runs each primitive in the precision that the table gives it.

    Parameters
    ----------
    below : Interpreter
        The next level.
    dtype : dtype or None
        A half-precision format; None for single precision throughout.
    halves : Halves, optional
        Copies already made in that format.
    """

    __slots__ = ("dtype", "halves")

    def __init__(self, below: Interpreter, dtype: Any, halves: Halves | None = None) -> None:
        super().__init__(below)
        self.dtype, self.halves = dtype, halves or Halves(dtype)

    def under(self, level: Any) -> tuple[Interpreter, Interpreter]:
        """Stay on top of a new level; a region inside this one takes its place."""
        below, made = self.below.under(level)
        if isinstance(made, Autocast):
            return made, made
        return Autocast(below, self.dtype, self.halves), made

    def bind(self, primitive: Primitive, args: Any, params: dict[str, Any]) -> Any:
        """Apply a primitive in its precision, and keep what it saved in half precision."""
        kind = kind_of(primitive)
        if kind == "low" and self.dtype is not None:
            args = [self.halved(a) for a in args]
        made = widened(primitive, kind, self.result_format(kind, args))
        out = self.below.bind(made, args, params)
        if kind != "exact" and self.dtype is not None:
            self.keep(out)
        return out

    def halved(self, x: Any) -> Any:
        """An operand in half precision."""
        if getattr(getattr(x, "dtype", None), "kind", "") != "f" or x.dtype == self.dtype:
            return x
        node = getattr(x, "node", None)
        changeable = not isinstance(node, Node) or isinstance(node, Leaf)
        how = {"halves": self.halves, "changeable": changeable}
        return self.below.bind(primitives[half], (x,), how)

    def result_format(self, kind: str, args: Any) -> Any:
        """Half precision, or None where a result stays as it was computed."""
        found = {a.dtype for a in args if hasattr(a, "dtype") and differentiable(a.dtype)}
        low = kind == "low" or (kind == "promote" and found == {self.dtype})
        return self.dtype if low else None

    def keep(self, out: Any) -> None:
        """Put what the nodes of a result saved into half precision."""
        for node in nodes_of(out):
            if type(node.saved) is tuple:
                pairs = zip(node.saved, node.plan.origins(node))
                node.saved = tuple([self.kept(value, origin) for value, origin in pairs])

    def kept(self, value: Any, origin: Node | None) -> Any:
        """A saved value in half precision, if it was computed here and is large."""
        computed = origin is not None and not isinstance(origin, Leaf)
        if not computed or not isinstance(value, np.ndarray) or value.size < FEW:
            return value
        return self.halves.of(value) if value.dtype.kind == "f" and not narrow(value) else value


# book/stability/precision.md: The interpreter
def autocast(dtype: Any = np.float16, enabled: bool = True) -> push:
    """Context manager, or decorator, under which Variables meet in mixed precision.

    Parameters
    ----------
    dtype : dtype or str
        ``np.float16``, or ``"bfloat16"``, which needs the package ``ml_dtypes``.
    enabled : bool
        False makes a region of single precision, inside another region too.

    Raises
    ------
    ImportError
        If bfloat16 is asked for and ``ml_dtypes`` is not installed.
    DifferentiationTypeError
        If `dtype` is not a floating-point format of 16 bits.

    Notes
    -----
    Plain arrays that meet no Variable are NumPy's affair and stay as they are.
    After P. Micikevicius and others, *Mixed precision training* (2018).
    """
    return push(Autocast, half_format(dtype) if enabled else None)
