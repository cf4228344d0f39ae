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
# sha256: 6aebc96f77d9f57d35243bae158b2b5a2816136759fe615cf0a51e8d55a0bbd2

__all__ = [
    "silenced",
    "MANY",
    "same_layout",
    "in_pieces",
    "widening",
    "stretching",
    "Widened",
    "widened",
    "KINDS",
    "KIND",
    "precision_kind",
    "result_format",
    "Halves",
    "half",
    "FEW",
    "nodes_of",
    "through_halves",
    "narrowed",
    "in_halves",
    "Autocast",
    "rounded_once",
    "autocast",
]


# book/stability/precision.md: Stored in half, computed in single
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from autograd_book.graph.primitive import Rule
from autograd_book.stability.formats import SINGLE, half_format, narrow, round_to, upcast


def silenced(rule: Rule, values: Any) -> Any:
    """A rule of widened values, silent about infinities among them."""
    with np.errstate(invalid="ignore"):
        return rule(*map(upcast, values))


# book/stability/precision.md: Stored in half, computed in single
MANY = 1 << 17  #: Elements of a piece where a piece costs several calls.


def same_layout(array: np.ndarray, other: np.ndarray) -> bool:
    """Whether two arrays can be walked through side by side, with results in single precision."""
    return array.shape == other.shape and array.flags.c_contiguous and array.itemsize <= 4


def in_pieces(rule: Rule, values: Any) -> Any:
    """The same for an elementwise rule, without a widened copy of a whole large array."""
    arrays = [v for v in values if isinstance(v, np.ndarray)]
    first = arrays[0] if len(arrays) == len(values) else None
    if first is None or first.size <= MANY or not all(same_layout(v, first) for v in arrays):
        return silenced(rule, values)
    flat, out = [v.reshape(-1) for v in arrays], np.empty(first.size, SINGLE)
    for start in range(0, first.size, MANY):
        piece = slice(start, start + MANY)
        out[piece] = silenced(rule, [v[piece] for v in flat])
    return out.reshape(first.shape)


# book/stability/precision.md: A primitive that takes halves
import inspect

from autograd_book.graph.primitive import asked


def widening(rule: Rule, apply: Callable[[Rule, Any], Any], dtype: Any) -> Rule:
    """A rule that takes halves, computes in single precision, and rounds to `dtype`."""
    names = asked(rule)
    given = inspect.signature(rule).parameters
    defaults = {n: given[n].default for n in names if given[n].default is not inspect.Parameter.empty}
    known = ", ".join(f"{n}=defaults[{n!r}]" if n in defaults else n for n in names)
    text = f"lambda g, {known}: round_to(apply(rule, (g, {', '.join(names)})), dtype)"
    scope = {"__name__": __name__, "rule": rule, "apply": apply, "dtype": dtype, "round_to": round_to}
    made: Rule = eval(text, scope | {"defaults": defaults})
    return made


def stretching(rule: Rule, name: str) -> Rule:
    """A rule of the cotangent alone, which widens it where the argument was broadcast."""
    text = f"lambda g, {name}_shape: rule(g if g.shape == {name}_shape else upcast(g))"
    made: Rule = eval(text, {"__name__": __name__, "rule": rule, "upcast": upcast})
    return made


# book/stability/precision.md: A primitive that takes halves
from autograd_book.graph.primitive import Plans, Primitive


class Widened(Primitive):
    """A primitive that takes halves and computes in single precision, on both ways.

    Cotangents of its arguments are rounded to `low` by its rules, unless that is None.
    """

    __slots__ = ("plain",)

    def __init__(self, primitive: Primitive, fun: Callable[..., Any], low: Any) -> None:
        self.plain = primitive  #: What it is a form of.
        self.fun, self.name, self.arguments = fun, primitive.name, primitive.arguments
        self.flat, self.linear = primitive.flat, primitive.linear
        self.elementwise, self.composite = primitive.elementwise, False
        self.view, self.into, self.effect = True, None, primitive.effect
        self.joint = primitive.joint and widening(primitive.joint, silenced, None)
        self.rules = {n: self.wider(n, rule, low) for n, rule in primitive.rules.items()}
        self.plans = Plans(self)

    def wider(self, name: str, rule: Rule, low: Any) -> Rule:
        """The rule of one argument, for halves."""
        if not asked(rule):
            return stretching(rule, name) if self.elementwise else rule
        return widening(rule, in_pieces if self.elementwise else silenced, low)


# book/stability/precision.md: A primitive that takes halves
from functools import cache

from autograd_book.modes.batching import batchings


@cache
def widened(primitive: Primitive, kind: str, dtype: Any) -> Widened:
    """The form of a primitive under `autocast`, its results rounded to `dtype` if there is one."""

    silent: Any = {"invalid": "ignore"} if kind == "low" else {}

    def fun(*args: Any, **params: Any) -> Any:
        with np.errstate(**silent):
            out = round_to(primitive.fun(*map(upcast, args), **params), dtype)
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
    "square reciprocal tan sinh cosh arcsin arccos arccosh sum mean window_mean var var_about "
    "log_sum log_weighted softmax log_softmax rms_normalize negative_log_likelihood",
    "exact": "maximum minimum fmax fmin clip astype",
    "move": "reshape transpose flip fliplr flipud rot90 roll tril triu copy broadcast_to tile "
    "join scatter_add getitem replaced fftshift ifftshift rearranged put_back windows "
    "all_windows",
}  #: How primitives run, by name.
KIND = {name: kind for kind, names in KINDS.items() for name in names.split()}


def precision_kind(primitive: Primitive) -> str:
    """How a primitive runs under `autocast`: by the table, or as is usual for its like."""
    return KIND.get(primitive.name, "promote" if primitive.elementwise else "exact")


# book/stability/precision.md: Which primitive runs how
from autograd_book.graph.primitive import differentiable


def result_format(kind: str, args: Any, dtype: Any) -> Any:
    """The half-precision format, or None where a result stays as it was computed."""
    found = {a.dtype for a in args if hasattr(a, "dtype") and differentiable(a.dtype)}
    return dtype if kind == "low" or (kind == "promote" and found == {dtype}) else None


# book/stability/precision.md: Once for each value
import weakref

from autograd_book.graph.primitive import fingerprint
from autograd_book.stability.tolerance import in_range, limits, scaled_form


class Halves:
    """Forms of arrays in one half-precision format, each for as long as somebody holds it."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        #: References to array and form, and fingerprint, by identity and kind of form.
        self.known: dict[tuple[int, bool], Any] = {}

    def of(self, array: Any, changeable: bool = False) -> Any:
        """The copy of an array; made anew if the array is `changeable` and was changed."""
        if not isinstance(array, np.ndarray) or not array.ndim:
            return round_to(array, self.dtype)
        mark = fingerprint(array) if changeable else None
        return self.once(array, False, mark, lambda: round_to(array, self.dtype))

    def form(self, array: np.ndarray, least: float) -> Any:
        """A copy in which all magnitudes from `least` on keep their digits: the one that products
        take, a scaled one, or the array itself."""
        if in_range(array, least, limits(self.dtype)[2]):
            return self.of(array)
        make = lambda: scaled_form(array, self.dtype, careful=True)
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


# book/stability/precision.md: Once for each value
from autograd_book.graph.protocols import primitive


@primitive("x", elementwise=True, x=lambda g: upcast(g))
def half(x: Any, halves: Halves, changeable: bool) -> Any:
    """x in half precision, converted once."""
    return halves.of(x, changeable)


# book/stability/precision.md: What a node saved
from autograd_book.graph.record import Leaf, Node
from autograd_book.graph.variable import Variable
from autograd_book.modes.batch import Batched
from autograd_book.stability.tolerance import SavedForm, Packed, least_kept

FEW = 512  #: Saved values of fewer elements stay as they are.


def nodes_of(out: Any) -> Iterator[Any]:
    """Nodes of a result: one for each Record that watched it being made, the uppermost first."""
    while type(out) in (Variable, Batched):
        if isinstance(out.node, Node) and out.node.plan:
            yield out.node
        out = out.value


# book/stability/precision.md: What a node saved
from autograd_book.graph.stack import floor


def through_halves(x: np.ndarray, dtype: Any, least: float) -> np.ndarray:
    """What comes back of an array that is kept in half precision if its rule allows it."""
    form = Halves(dtype).form(x, least)
    kept = form.recall() if isinstance(form, SavedForm) else form
    return np.array(upcast(kept), dtype=x.dtype)


Primitive(through_halves, "x", flat=True)


def narrowed(value: Any, origin: Any, least: float | None, halves: Halves) -> Any:
    """A saved value in half precision, if it was computed, is large, and its rule allows it."""
    computed = origin is not None and not isinstance(origin, Leaf)
    symbol = hasattr(type(value), "held")
    large = computed and (symbol or isinstance(value, np.ndarray)) and value.size >= FEW
    if not large or least is None or value.dtype.kind != "f" or narrow(value):
        return value
    if symbol:
        how = {"dtype": halves.dtype, "least": least}
        return floor.get().bind(primitives[through_halves], (value,), how)
    return halves.form(value, least)


# book/stability/precision.md: What a node saved
def in_halves(node: Any, halves: Halves) -> Any:
    """What a node saved, in half precision where that is allowed."""
    plan = node.plan
    plain = getattr(plan.primitive, "plain", plan.primitive)
    parts = [
        narrowed(value, origin, least_kept(plain, name, halves.dtype), halves)
        for name, value, origin in zip(plan.asks, node.saved, plan.origins(node), strict=True)
    ]
    return Packed(parts) if any(isinstance(p, SavedForm) for p in parts) else tuple(parts)


# book/stability/precision.md: The interpreter
from autograd_book.graph.interpreter import Interpreter
from autograd_book.graph.primitive import primitives


class Autocast(Interpreter):
    """Runs each primitive in the precision that the table gives it; in single precision
    throughout if the dtype is None. Levels of one region share their halves."""

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
        kind = precision_kind(primitive)
        if kind == "low" and self.dtype is not None:
            args = [self.halved(a) for a in args]
        made = widened(primitive, kind, result_format(kind, args, self.dtype))
        out = self.below.bind(made, args, params)
        self.keep(out)
        return out

    def halved(self, x: Any) -> Any:
        """An operand in half precision."""
        if getattr(getattr(x, "dtype", None), "kind", "") != "f" or x.dtype == self.dtype:
            return x
        return rounded_once(self, x)

    def keep(self, out: Any) -> None:
        """Put what the nodes of a result saved into half precision, where their rules allow it."""
        for node in nodes_of(out) if self.dtype is not None else ():
            if type(node.saved) is tuple and precision_kind(node.plan.primitive) != "exact":
                node.saved = in_halves(node, self.halves)


# book/stability/precision.md: The interpreter
from autograd_book.graph.stack import bottom


def rounded_once(region: Autocast, x: Any) -> Any:
    """An operand in half precision, by a primitive below the region."""
    node = getattr(x, "node", None)
    changeable = not isinstance(node, Node) or isinstance(node, Leaf)
    how = {"halves": region.halves, "changeable": changeable}
    out = region.below.bind(primitives[half], (x,), how)
    if isinstance(node, Leaf):
        region.lasting[node] = bottom(out)
    return out


# book/stability/precision.md: The interpreter
from autograd_book.graph.stack import push


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
    return push(Autocast, half_format(dtype) if enabled else None, called="autocast")
