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
# sha256: 27cc818e3711f6318502d5538eaa05071c425f7af1bb6c922fcc3eadd800a7f5

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
    "EXACT",
    "SIGNED",
    "RELATIVE",
    "ABSOLUTE",
    "FACTORS",
    "DIVISORS",
    "SIGNS",
    "TOLERATES",
    "BESIDE_ONE",
    "least_of",
    "limits",
    "within",
    "Form",
    "Scaled",
    "largest",
    "scaled",
    "Packed",
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
from autograd_book.graph.stack import bind

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
from autograd_book.modes.batch import Batched
from autograd_book.modes.batching import batchings


class Widened(Primitive):
    """A primitive that takes halves and computes in single precision, on both ways.

    Cotangents of its arguments are rounded to `low` by its rules, unless that is None.
    """

    __slots__ = ("plain",)

    def __init__(self, primitive: Primitive, fun: Callable[..., Any], low: Any) -> None:
        self.plain = primitive  #: What it is a form of.
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
    made = Widened(primitive, primitive.fun if kind == "move" else fun, low)
    if primitive in batchings:
        batchings[made] = batchings[primitive]
    return made


# book/stability/precision.md: Which primitive runs how
KINDS = {
    "low": "matmul contract conv convolve",
    "single": "exp exp2 expm1 log log2 log10 log1p logaddexp logaddexp2 power float_power "
    "square reciprocal tan sinh cosh arcsin arccos arccosh sum mean average var var_about "
    "log_sum log_weighted softmax log_softmax rms_normalize negative_log_likelihood",
    "exact": "maximum minimum fmax fmin clip astype",
    "move": "reshape transpose flip fliplr flipud rot90 roll tril triu copy broadcast_to tile "
    "join scatter getitem replaced fftshift ifftshift rearranged put_back windows",
}  #: How primitives run, by name.
KIND = {name: kind for kind, names in KINDS.items() for name in names.split()}


def kind_of(primitive: Primitive) -> str:
    """How a primitive runs under `autocast`: by the table, or as is usual for its like."""
    return KIND.get(primitive.name, "promote" if primitive.elementwise else "exact")


# book/stability/precision.md: What a rule can do with halves
#: How wrong a saved array may be: not at all, but for each number's sign and its being zero,
#: in proportion to each of its numbers, or to the largest of them.
EXACT, SIGNED, RELATIVE, ABSOLUTE = range(4)


# book/stability/precision.md: What a rule can do with halves
from collections.abc import Iterator

from autograd_book.graph.stack import innermost
from autograd_book.rules.convolution import conv, conv_w, conv_x
from autograd_book.rules.elementwise import relu
from autograd_book.rules.linear import contract, cross3
from autograd_book.rules.reductions import rms_normalize, softmax

#: Saved values that a rule multiplies by: an error in them is passed on in its own size.
FACTORS: dict[str, tuple[Any, ...]] = {
    "x y": (np.multiply, np.matmul, contract, cross3),
    "x w": (conv,), "z w": (conv_x,), "x z": (conv_w,), "a v": (np.convolve,),
    "x": (np.square, rms_normalize),
    "out": (np.exp, np.exp2, np.tan, np.tanh, softmax, rms_normalize, np.reciprocal, np.divide),
}


# book/stability/precision.md: What a rule can do with halves
#: Those that a rule divides by, or raises to a power: each number's own digits count.
DIVISORS: dict[str, tuple[Any, ...]] = {
    "y": (np.divide,),
    "x": (np.log, np.log2, np.log10, np.power, np.float_power),
    "out": (np.sqrt, np.cbrt, np.power, np.float_power),
}
#: Those of which a rule reads the sign.
SIGNS: dict[str, tuple[Any, ...]] = {"out": (relu,), "x": (np.absolute, np.fabs)}
#: The error that a saved value may have, by primitive and name; `EXACT` if not here.
TOLERATES = {
    (primitives[fun], name): error
    for error, table in ((ABSOLUTE, FACTORS), (RELATIVE, DIVISORS), (SIGNED, SIGNS))
    for names, funs in table.items() for fun in funs for name in names.split()
}


# book/stability/precision.md: What a rule can do with halves
BESIDE_ONE = {(primitives[fun], "out") for fun in (np.tanh, np.tan)}  #: Added to a one by their rules.


def least_of(primitive: Any, name: str, dtype: Any) -> float | None:
    """The least magnitude, other than zero, that a saved value may have in halves; None if it is
    to be kept as it was computed."""
    normal, least, _ = limits(dtype)
    allowed = {SIGNED: least, RELATIVE: normal, ABSOLUTE: normal}
    beside = (primitive, name) in BESIDE_ONE
    return 0.0 if beside else allowed.get(TOLERATES.get((primitive, name), EXACT))


def limits(dtype: Any) -> tuple[float, float, float]:
    """The least number of a 16-bit format with all digits, its least number, and where numbers
    begin to be rounded to infinity."""
    if dtype == np.float16:
        return 2.0**-14, 2.0**-24, 65520.0
    return 2.0**-126, 2.0**-133, 2.0**128 - 2.0**119


def within(x: np.ndarray, least: float, most: float) -> bool:
    """Whether the magnitudes of all numbers in an array are zero, or from `least` to below `most`."""
    flat = x.reshape(-1)
    for start in range(0, flat.size, PIECE):
        sizes = np.abs(flat[start : start + PIECE])
        if not np.max(sizes) < most or np.any((sizes < least) & (sizes > 0)):
            return False
    return True


# book/stability/precision.md: What a rule can do with halves
class Form:
    """Another form of a saved value."""

    __slots__ = ()

    def recall(self) -> Any:
        """The value again."""
        raise NotImplementedError

    def arrays(self) -> Iterator[np.ndarray]:
        """The arrays in memory that hold it at the moment."""
        raise NotImplementedError


class Scaled(Form):
    """A real array in halves, multiplied by a power of two."""

    __slots__ = ("halves", "dtype", "shift", "__weakref__")

    def __init__(self, halves: np.ndarray, dtype: Any, shift: int) -> None:
        self.halves, self.dtype, self.shift = halves, dtype, shift

    def recall(self) -> np.ndarray:
        """Widen, and take the scale off."""
        out: np.ndarray = np.asarray(wide(self.halves)).astype(self.dtype, copy=False)
        out *= self.dtype.type(2.0**-self.shift)
        return out

    def arrays(self) -> Iterator[np.ndarray]:
        """The halves."""
        yield self.halves


def largest(x: np.ndarray) -> Any:
    """The largest magnitude in a real array; 0 if it is empty, NaN if it holds one."""
    return np.maximum(np.max(x, initial=0), -np.min(x, initial=0))


def scaled(x: np.ndarray, dtype: Any, careful: bool) -> Scaled | None:
    """An array in scaled halves, unless it is not of single or double precision, or not finite;
    if `careful`, also unless a number in it would lose digits."""
    if x.dtype.kind != "f" or x.dtype.itemsize not in (4, 8):
        return None
    size, least = largest(x), limits(dtype)[0]
    if not (size == 0 or 2.0**-100 < size < np.finfo(x.dtype).max / 2):
        return None
    shift = 15 - int(np.frexp(size)[1]) if size else 0
    flat, factor = x.reshape(-1), x.dtype.type(2.0**shift)
    halves = np.empty(x.size, dtype)
    for start in range(0, x.size, PIECE):
        part = flat[start : start + PIECE] * factor
        if careful and not within(part, least, np.inf):
            return None
        halves[start : start + PIECE] = rounded(part, dtype)
    return Scaled(halves.reshape(x.shape), x.dtype, shift)


# book/stability/precision.md: What a rule can do with halves
class Packed:
    """What a node saved, some of it in another form."""

    __slots__ = ("parts",)

    def __init__(self, parts: list[Any]) -> None:
        self.parts = parts

    def recall(self) -> tuple[Any, ...]:
        """The saved values."""
        return tuple([p.recall() if isinstance(p, Form) else p for p in self.parts])

    def arrays(self) -> Iterator[np.ndarray]:
        """The arrays in memory that hold them at the moment."""
        for p in self.parts:
            if isinstance(p, Form):
                yield from p.arrays()
            elif isinstance(value := innermost(p), np.ndarray):
                yield value


# book/stability/precision.md: Once for each value
import weakref

from autograd_book.graph.primitive import fingerprint
from autograd_book.graph.protocols import primitive


class Halves:
    """Forms of arrays in one half-precision format, each for as long as somebody holds it."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        #: References to array and form, and fingerprint, by identity and kind of form.
        self.known: dict[tuple[int, bool], Any] = {}

    def of(self, array: Any, changeable: bool = False) -> Any:
        """The copy of an array; made anew if the array is `changeable` and was changed."""
        if not isinstance(array, np.ndarray) or not array.ndim:
            return rounded(array, self.dtype)
        mark = fingerprint(array) if changeable else None
        return self.once(array, False, mark, lambda: rounded(array, self.dtype))

    def form(self, array: np.ndarray, least: float) -> Any:
        """A copy in which all magnitudes from `least` on keep their digits: the one that products
        take, a scaled one, or the array itself."""
        if within(array, least, limits(self.dtype)[2]):
            return self.of(array)
        make = lambda: scaled(array, self.dtype, careful=True)
        return self.once(array, True, None, make) or array

    def once(self, array: np.ndarray, scale: bool, mark: Any, make: Callable[[], Any]) -> Any:
        """The form that is known of an array, or else a new one."""
        key = id(array), scale
        reference, form, noted = self.known.get(key, (type(None), type(None), None))
        if reference() is array and noted == mark and (found := form()) is not None:
            return found
        if (made := make()) is not None:
            known = weakref.ref(self)
            # Through a weak reference too: else the entries would wait for the collector.
            forget = weakref.ref(array, lambda _: (h := known()) and h.known.pop(key, None))
            self.known[key] = forget, weakref.ref(made), mark
        return made


@primitive("x", elementwise=True, x=lambda g: wide(g))
def half(x: Any, halves: Halves, changeable: bool) -> Any:
    """x in half precision, converted once."""
    return halves.of(x, changeable)


# book/stability/precision.md: The interpreter
from collections.abc import Iterator

from autograd_book.graph.interpreter import Interpreter
from autograd_book.graph.record import Leaf, Node
from autograd_book.graph.stack import bottom, push
from autograd_book.graph.variable import Variable

FEW = 512  #: Saved values of fewer elements stay as they are.


def nodes_of(out: Any) -> Iterator[Any]:
    """Nodes of a result: one for each Record that watched it being made, the uppermost first."""
    while type(out) in (Variable, Batched):
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

    __slots__ = ("dtype", "halves", "lasting")

    def __init__(self, below: Interpreter, dtype: Any, halves: Halves | None = None) -> None:
        super().__init__(below)
        self.dtype, self.halves = dtype, halves or Halves(dtype)
        #: Halves of parameters, which are held until the region ends.
        self.lasting: Any = weakref.WeakKeyDictionary()

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
        self.keep(out)
        return out

    def halved(self, x: Any) -> Any:
        """An operand in half precision."""
        if getattr(getattr(x, "dtype", None), "kind", "") != "f" or x.dtype == self.dtype:
            return x
        node = getattr(x, "node", None)
        changeable = not isinstance(node, Node) or isinstance(node, Leaf)
        how = {"halves": self.halves, "changeable": changeable}
        out = self.below.bind(primitives[half], (x,), how)
        if isinstance(node, Leaf):
            self.lasting[node] = bottom(out)
        return out

    def result_format(self, kind: str, args: Any) -> Any:
        """Half precision, or None where a result stays as it was computed."""
        found = {a.dtype for a in args if hasattr(a, "dtype") and differentiable(a.dtype)}
        low = kind == "low" or (kind == "promote" and found == {self.dtype})
        return self.dtype if low else None

    def keep(self, out: Any) -> None:
        """Put what the nodes of a result saved into half precision, where their rules allow it."""
        for node in nodes_of(out) if self.dtype is not None else ():
            if type(node.saved) is tuple and kind_of(node.plan.primitive) != "exact":
                node.saved = self.kept(node)

    def kept(self, node: Any) -> Any:
        """What a node saved, in half precision where it was computed here and is large."""
        plan = node.plan
        plain = getattr(plan.primitive, "plain", plan.primitive)
        parts = []
        for name, value, origin in zip(plan.asks, node.saved, plan.origins(node), strict=True):
            computed = origin is not None and not isinstance(origin, Leaf)
            if computed and isinstance(value, np.ndarray) and value.size >= FEW:
                value = self.narrowed(value, least_of(plain, name, self.dtype))
            parts.append(value)
        return Packed(parts) if any(isinstance(p, Form) for p in parts) else tuple(parts)

    def narrowed(self, value: np.ndarray, least: float | None) -> Any:
        """A saved value in half precision, unless the rule needs it as it is."""
        if least is None or value.dtype.kind != "f" or narrow(value):
            return value
        return self.halves.form(value, least)


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
