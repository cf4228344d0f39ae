"""What a rule can do with halves.

``TOLERATES`` says how wrong a saved value may come back, and ``scaled_form``
keeps an array in halves with a scale.

::

    import numpy as np
    from autograd_book.graph.primitive import primitives
    from autograd_book.stability.tolerance import RELATIVE, TOLERATES, scaled_form

    print(TOLERATES[primitives[np.divide], "y"] == RELATIVE)
    form = scaled_form(np.float32([1e-9, 3e-9]), np.dtype(np.float16), careful=True)
    print(form.halves.dtype, form.recall())
"""
# Generated from book/stability/tolerance.md by autograd-book extract; edit the chapter, not this file.
# sha256: d0cf88a4eda021aa623e22b3cf3e04f264eb29cf36024040fb9d7f67013f4dce

__all__ = [
    "EXACT",
    "SIGNED",
    "RELATIVE",
    "ABSOLUTE",
    "FACTORS",
    "DIVISORS",
    "SIGNS",
    "TOLERATES",
    "BESIDE_ONE",
    "least_kept",
    "limits",
    "in_range",
    "SavedForm",
    "Scaled",
    "largest",
    "scaled_form",
    "Packed",
]


# book/stability/tolerance.md: Four kinds of error
from typing import Any

import numpy as np

from autograd_book.graph.primitive import primitives

#: How wrong a saved array may be: not at all, but for each number's sign and its being zero,
#: in proportion to each of its numbers, or to the largest of them.
EXACT, SIGNED, RELATIVE, ABSOLUTE = range(4)


# book/stability/tolerance.md: Four kinds of error
from autograd_book.rules.convolution import conv, conv_w, conv_x
from autograd_book.rules.activations import relu
from autograd_book.rules.dots import cross3
from autograd_book.rules.linear import contract
from autograd_book.rules.moments import rms_normalize
from autograd_book.rules.softmax import softmax

#: Saved values that a rule multiplies by: an error in them is passed on in its own size.
FACTORS: dict[str, tuple[Any, ...]] = {
    "x y": (np.multiply, np.matmul, contract, cross3),
    "x w": (conv,), "z w": (conv_x,), "x z": (conv_w,), "a v": (np.convolve,),
    "x": (np.square, rms_normalize),
    "out": (np.exp, np.exp2, np.tan, np.tanh, softmax, rms_normalize, np.reciprocal, np.divide),
}


# book/stability/tolerance.md: Four kinds of error
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


# book/stability/tolerance.md: How small a half may be
BESIDE_ONE = {(primitives[fun], "out") for fun in (np.tanh, np.tan)}  #: Added to a one by their rules.


def least_kept(primitive: Any, name: str, dtype: Any) -> float | None:
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


# book/stability/tolerance.md: How small a half may be
from autograd_book.stability.formats import PIECE


def in_range(x: np.ndarray, least: float, most: float) -> bool:
    """Whether the magnitudes of all numbers in an array are zero, or from `least` to below `most`."""
    flat = x.reshape(-1)
    for start in range(0, flat.size, PIECE):
        sizes = np.abs(flat[start : start + PIECE])
        if not np.max(sizes) < most or np.any((sizes < least) & (sizes > 0)):
            return False
    return True


# book/stability/tolerance.md: Moving the window
from collections.abc import Iterator

from autograd_book.stability.formats import round_to, upcast


class SavedForm:
    """Another form of a saved value."""

    __slots__ = ()

    def recall(self) -> Any:
        """The value again."""
        raise NotImplementedError

    def arrays(self) -> Iterator[np.ndarray]:
        """The arrays in memory that hold it at the moment."""
        raise NotImplementedError


class Scaled(SavedForm):
    """A real array in halves, multiplied by a power of two."""

    __slots__ = ("halves", "dtype", "shift", "__weakref__")

    def __init__(self, halves: np.ndarray, dtype: Any, shift: int) -> None:
        self.halves, self.dtype, self.shift = halves, dtype, shift

    def recall(self) -> np.ndarray:
        """Widen, and take the scale off."""
        out: np.ndarray = np.asarray(upcast(self.halves)).astype(self.dtype, copy=False)
        out *= self.dtype.type(2.0**-self.shift)
        return out

    def arrays(self) -> Iterator[np.ndarray]:
        """The halves."""
        yield self.halves


# book/stability/tolerance.md: Moving the window
def largest(x: np.ndarray) -> Any:
    """The largest magnitude in a real array; 0 if it is empty, NaN if it holds one."""
    return np.maximum(np.max(x, initial=0), -np.min(x, initial=0))


def scaled_form(x: np.ndarray, dtype: Any, careful: bool) -> Scaled | None:
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
        if careful and not in_range(part, least, np.inf):
            return None
        halves[start : start + PIECE] = round_to(part, dtype)
    return Scaled(halves.reshape(x.shape), x.dtype, shift)


# book/stability/tolerance.md: In place of the tuple
from autograd_book.graph.stack import innermost


class Packed:
    """What a node saved, some of it in another form."""

    __slots__ = ("parts",)

    def __init__(self, parts: list[Any]) -> None:
        self.parts = parts

    def recall(self) -> tuple[Any, ...]:
        """The saved values."""
        return tuple([p.recall() if isinstance(p, SavedForm) else p for p in self.parts])

    def arrays(self) -> Iterator[np.ndarray]:
        """The arrays in memory that hold them at the moment."""
        for p in self.parts:
            if isinstance(p, SavedForm):
                yield from p.arrays()
            elif isinstance(value := innermost(p), np.ndarray):
                yield value
