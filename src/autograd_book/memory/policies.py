"""Fewer bytes for an array.

A policy turns an array into another form, and back. Here eight bits are kept
for each number, and a step for each block of 256.

::

    import numpy as np
    from autograd_book.memory.policies import policy_of

    x = np.linspace(-2, 2, 10_000, dtype=np.float32)
    policy = policy_of("int8")
    codes, steps, dtype = packed = policy.pack(x)
    print(x.nbytes, codes.nbytes + steps.nbytes, np.max(np.abs(policy.unpack(packed) - x)) < 0.01)
"""
# Generated from book/memory/policies.md by autograd-book extract; edit the chapter, not this file.
# sha256: f3ee0f6b9e00a59795ac87d42aac056bd42a0960a6ca5ecfd21546ecf8cd7854

__all__ = [
    "Policy",
    "Keep",
    "Half",
    "steps_of",
    "filled_rows",
    "block_parts",
    "Blocks",
    "ORDER",
    "Bits",
    "Truths",
    "signs",
    "of_size",
    "of_pair",
    "passed_limits",
    "attained",
    "of_extreme",
    "of_windows",
    "COMPARED",
    "as_bytes",
    "Zipped",
    "NAMED",
    "policy_named",
    "Pair",
    "Chosen",
    "by_primitive",
    "policy_of",
]


# book/memory/policies.md: What an array may suffer
from typing import Any

import numpy as np

from autograd_book.graph.primitive import differentiable, primitives
from autograd_book.stability.tolerance import ABSOLUTE, EXACT, RELATIVE


# book/memory/policies.md: A pair of functions, and how far they err
from autograd_book.graph.errors import (
    DifferentiationTypeError, DifferentiationValueError, nearest,
)


class Policy:
    """How an array is kept.

    A policy of one's own overrides `pack` and `unpack`, and says in `error` how well
    the second undoes the first.
    """

    __slots__ = ()  # one that has slots itself may change them under a compiler's eyes

    error = ABSOLUTE

    def pack(self, x: Any) -> Any:
        """Another form of x, an array contiguous in memory; None to keep it as it is."""
        raise DifferentiationTypeError(
            f"{type(self).__name__} has no method pack. Define pack(self, x), which returns "
            "another form of the array, or None to keep it as it is."
        )

    def unpack(self, packed: Any) -> Any:
        """The array again, in its shape and dtype."""
        raise DifferentiationTypeError(
            f"{type(self).__name__} has no method unpack. Define unpack(self, packed), "
            "which returns the array that was packed."
        )

    def suited(self, tolerance: int) -> "Policy | None":
        """The policy for values that tolerate such an error, or None."""
        return self if self.error <= tolerance else None

    def choose(self, primitive: str, name: str, x: np.ndarray) -> "Policy":
        """The policy for one value that a primitive saves under a name."""
        return self


# book/memory/policies.md: A pair of functions, and how far they err
class Keep(Policy):
    """Keeps every array as it is."""

    def suited(self, tolerance: int) -> None:
        """None: nothing is packed."""


# book/memory/policies.md: Sixteen bits
from autograd_book.stability.formats import PIECE, half_format
from autograd_book.stability.tolerance import scaled_form


class Half(Policy):
    """Keeps numbers in 16 bits, scaled by a power of two so that the largest fits.

    Parameters
    ----------
    dtype : dtype or str
        ``np.float16``, or ``"bfloat16"``, which needs the package ``ml_dtypes``.
    careful : bool
        Keep an array as it is if the smallest numbers in it would lose digits.

    Notes
    -----
    Numbers are off by at most 2**-11 of their size, in bfloat16 by 2**-8; numbers below
    2**-29 of the largest in the array by at most 2**-40 of the largest.
    """

    def __init__(self, dtype: Any = np.float16, careful: bool = False) -> None:
        self.dtype, self.error = half_format(dtype), RELATIVE if careful else ABSOLUTE
        self.careful = self if careful else Half(self.dtype, careful=True)

    def suited(self, tolerance: int) -> "Policy | None":
        """The careful form where each number's own digits count."""
        return self.careful if tolerance == RELATIVE else super().suited(tolerance)

    def pack(self, x: np.ndarray) -> Any:
        """Round, unless the array is not of single or double precision, or not finite."""
        return scaled_form(x, self.dtype, careful=self.error == RELATIVE)

    def unpack(self, packed: Any) -> np.ndarray:
        """Widen, and take the scale off."""
        found: np.ndarray = packed.recall()
        return found


# book/memory/policies.md: Eight bits, block by block
def steps_of(table: np.ndarray) -> Any:
    """For each row the 127th part of its largest magnitude, and never zero."""
    return np.maximum(np.max(np.abs(table), axis=1) / 127, np.finfo(table.dtype).tiny)


def filled_rows(part: np.ndarray, size: int, dtype: Any) -> np.ndarray:
    """A flat array as a table with rows of one size, filled up with zeros."""
    table = np.zeros((-(-part.size // size), size), dtype)
    table.reshape(-1)[: part.size] = part
    return table


# book/memory/policies.md: Eight bits, block by block
from collections.abc import Callable, Iterator


def block_parts(count: int, size: int) -> Iterator[tuple[slice, slice]]:
    """Slices of blocks and of their elements, in parts that fit into the cache."""
    some = max(1, PIECE // size)
    for start in range(0, -(-count // size), some):
        yield slice(start, start + some), slice(start * size, (start + some) * size)


# book/memory/policies.md: Eight bits, block by block
class Blocks(Policy):
    """Keeps numbers in 8 bits, in blocks of `size` elements with a scale for each.

    Raises DifferentiationValueError if the size is not a whole number from 1 up. A number
    is off by at most 1/254 of the largest in its block; zeros stay zeros. After
    T. Dettmers and others, *8-bit optimizers via block-wise quantization* (2022).
    """

    def __init__(self, size: int = 256) -> None:
        if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 1:
            raise DifferentiationValueError(
                f"blocks of size={size!r} were asked for. Give a whole number of elements, "
                "such as 256."
            )
        self.size = int(size)

    def pack(self, x: np.ndarray) -> Any:
        """Round to 255 levels in each block; not if a number is not finite, or huge."""
        if not differentiable(x.dtype) or x.dtype.kind == "c" or x.dtype.itemsize > 8:
            return None
        flat, work = x.reshape(-1), np.result_type(x.dtype, np.float32)
        codes, steps = np.empty(x.size, np.int8), np.empty(-(-x.size // self.size), work)
        for blocks, elements in block_parts(x.size, self.size):
            table = filled_rows(flat[elements], self.size, work)
            steps[blocks] = steps_of(table)
            if not np.all(steps[blocks] < np.finfo(work).max / 256):
                return None
            table /= steps[blocks, None]
            codes[elements] = np.rint(table, out=table).reshape(-1)[: flat[elements].size]
        return codes.reshape(x.shape), steps, x.dtype

    def unpack(self, packed: Any) -> np.ndarray:
        """Levels times the step of their block."""
        codes, steps, dtype = packed
        flat, out = codes.reshape(-1), np.empty(codes.size, dtype)
        for blocks, elements in block_parts(codes.size, self.size):
            part = flat[elements]
            out[elements] = part * np.repeat(steps[blocks], self.size)[: part.size]
        return out.reshape(codes.shape)


# book/memory/policies.md: One bit, or two
#: What stands for a number that is compared: equal, above, below, or not ordered.
ORDER = np.array([0, 1, -1, np.nan], np.float16)


class Bits(Policy):
    """Keeps truth values in one bit each, and signs in two; other arrays as they are."""

    error = EXACT

    def pack(self, x: Any) -> Any:
        """Pack truth values, or a pair of arrays of them: above, and below."""
        planes = x if isinstance(x, tuple) else (x,)
        if planes[0].dtype != np.bool_:
            return None
        return planes[0].shape, [np.packbits(plane) for plane in planes]

    def unpack(self, packed: Any) -> np.ndarray:
        """Truth values again, or -1, 0, 1 and NaN."""
        shape, planes = packed
        count = int(np.prod(shape))
        above, *below = [np.unpackbits(plane, count=count) for plane in planes]
        if not below:
            return above.view(np.bool_).reshape(shape)
        return ORDER.take(above + 2 * below[0]).reshape(shape)


# book/memory/policies.md: What stands for numbers that are compared
from autograd_book.rules.activations import relu
from autograd_book.rules.piecewise import clip, ordered, where
from autograd_book.rules.pooling import highest
from autograd_book.rules.reductions import kept

Truths = tuple[np.ndarray, ...]  #: One array of truth values, or two: above and below.


def signs(x: Any, y: Any = 0) -> Truths:
    """Where x is above y, and where below; both where they cannot be compared."""
    return ~np.less_equal(x, y), ~np.greater_equal(x, y)


def of_size(x: np.ndarray) -> dict[str, Any]:
    """Instead of the argument of an absolute value: its signs, if it has signs."""
    return {} if x.dtype.kind == "c" else {"x": signs(x)}


def of_pair(x: Any, y: Any) -> dict[str, Any]:
    """Instead of the arguments of a maximum: their order, as signs and zero."""
    return {"x": signs(x, y), "y": 0}


# book/memory/policies.md: What stands for numbers that are compared
def passed_limits(x: Any, low: Any, high: Any) -> Truths:
    """Where the rules of clip follow the upper limit, and where the lower; both where they
    follow nothing."""
    above = np.less(high, x) | np.less(high, low)
    below = np.less(x, low) & np.less_equal(low, high)
    lost = ~(above | below | ordered(low, x, high))
    return above | lost, below | lost


# book/memory/policies.md: What stands for numbers that are compared
def attained(x: np.ndarray, out: np.ndarray, axis: Any) -> Truths:
    """Where the elements of x are the extreme along axes, NaN if that is NaN."""
    best = np.reshape(out, kept(x.shape, axis))
    won: np.ndarray = np.equal(x, best)
    if np.isnan(best).any():
        won |= np.isnan(x) & np.isnan(best)
    return (won,)


# book/memory/policies.md: What stands for numbers that are compared
def of_extreme(
    x: np.ndarray, out: np.ndarray, axis: Any = None, initial: Any = None, **_: Any
) -> dict[str, Any]:
    """Instead of elements and their maximum: which it was, if no other number took part."""
    won = {"x": attained(x, out, axis), "out": np.broadcast_to(ORDER[1], out.shape)}
    return won if initial is None else {}


def of_windows(w: np.ndarray, out: np.ndarray, n: int, **_: Any) -> dict[str, Any]:
    """The same for windows with n axes."""
    found = of_extreme(w, out, tuple(range(-n, 0)))
    return {"w": found["x"], "out": found["out"]}


# book/memory/policies.md: What stands for numbers that are compared
#: For primitives whose rules only compare: what may stand for their saved values.
COMPARED: dict[Any, Callable[..., dict[str, Any]]] = {
    primitives[relu]: lambda out: {"out": (np.greater(out, 0),)},
    primitives[where]: lambda condition: {"condition": (np.not_equal(condition, 0),)},
    primitives[clip]: lambda x, low, high: {"x": passed_limits(x, low, high), "low": 0, "high": 0},
    primitives[highest]: of_windows,
    **{primitives[fun]: of_extreme for fun in (np.max, np.min)},
    **{primitives[fun]: of_pair for fun in (np.maximum, np.minimum)},
    **{primitives[fun]: of_size for fun in (np.absolute, np.fabs)},
}


# book/memory/policies.md: Without loss
def as_bytes(x: np.ndarray) -> np.ndarray:
    """The bytes of a contiguous array, as a view."""
    return x.reshape(-1).view(np.uint8)


# book/memory/policies.md: Without loss
import zlib


class Zipped(Policy):
    """Compresses without loss: bytes of equal rank together, then zlib.

    Parameters
    ----------
    level : int
        Of zlib, from 1, the fastest, to 9; another one is a DifferentiationValueError.
    """

    error = EXACT

    def __init__(self, level: int = 1) -> None:
        if level not in range(1, 10):
            raise DifferentiationValueError(
                f"compression at level={level!r} was asked for. Give a whole number from 1 "
                "to 9."
            )
        self.level = level

    def pack(self, x: np.ndarray) -> Any:
        """Compress; as it is if that takes no fewer bytes."""
        if x.dtype.hasobject or not x.size:
            return None
        ranks = np.ascontiguousarray(as_bytes(x).reshape(-1, x.itemsize).T)
        packed = np.frombuffer(zlib.compress(ranks.data, self.level), np.uint8)
        return (packed, x.shape, x.dtype) if packed.size < x.nbytes else None

    def unpack(self, packed: Any) -> np.ndarray:
        """The same bytes, in their places."""
        packed, shape, dtype = packed
        ranks = np.frombuffer(zlib.decompress(packed.data), np.uint8)
        places = np.ascontiguousarray(ranks.reshape(dtype.itemsize, -1).T)
        return places.reshape(-1).view(dtype).reshape(shape)


# book/memory/policies.md: Asking for one
from functools import cache

#: What makes the policies that have a name; the next chapter adds one.
NAMED: dict[str, Callable[[], Policy]] = {
    "keep": Keep,
    "float16": Half,
    "bfloat16": lambda: Half("bfloat16"),
    "int8": Blocks,
    "bits": Bits,
    "zlib": Zipped,
}


@cache
def policy_named(name: str) -> Policy:
    """The policy of a name, made once."""
    return NAMED[name]()


# book/memory/policies.md: Asking for one
class Pair(Policy):
    """Two functions, of which the second undoes the first."""

    def __init__(self, first: Callable[[Any], Any], second: Callable[[Any], Any]) -> None:
        self.first, self.second = first, second

    def pack(self, x: np.ndarray) -> Any:
        """What the first function makes of x."""
        return self.first(x)

    def unpack(self, packed: Any) -> Any:
        """What the second makes of that."""
        return self.second(packed)


# book/memory/policies.md: Asking for one
class Chosen(Policy):
    """Another policy for each value: ``pick(primitive, name, x)`` says which."""

    def __init__(self, pick: Callable[[str, str, np.ndarray], Any]) -> None:
        self.pick = pick

    def choose(self, primitive: str, name: str, x: np.ndarray) -> Policy:
        """Ask, and ask on."""
        return policy_of(self.pick(primitive, name, x)).choose(primitive, name, x)


# book/memory/policies.md: Asking for one
def by_primitive(table: dict[str, Any]) -> Policy:
    """Policies by the names of primitives; that of ``"else"`` for all others, or keep."""
    known = {primitive.name for primitive in primitives.values()} | {"else", "checkpoint"}
    for name in table:
        if name not in known:
            raise DifferentiationValueError(
                f"a policy was given for the primitive {name!r}, which there is not. "
                + nearest(str(getattr(name, "__name__", name)), known)
            )
    policies = {name: policy_of(given) for name, given in table.items()}
    others = policies.get("else", policy_named("keep"))
    return Chosen(lambda primitive, name, x: policies.get(primitive, others))


# book/memory/policies.md: Asking for one
def policy_of(given: Any) -> Policy:
    """A policy from what `saved_values` accepts.

    Raises
    ------
    DifferentiationTypeError
        If it is none of that.
    DifferentiationValueError
        If a dictionary names a primitive that there is not.
    """
    if isinstance(given, Policy):
        return given
    if isinstance(given, str) and given in NAMED:
        return policy_named(given)
    if isinstance(given, dict):
        return by_primitive(given)
    if isinstance(given, tuple) and len(given) == 2 and all(map(callable, given)):
        return Pair(*given)
    if callable(given) and not isinstance(given, type):
        return Chosen(given)
    raise DifferentiationTypeError(
        f"{given!r} is no policy for saved values. Give one of {', '.join(NAMED)}; an "
        "instance of a Policy; a pair of functions (pack, unpack); a dictionary of these "
        "by primitive; or a function of primitive, name and array that returns one."
    )
