"""Numbers of sixteen bits.

``round_to`` brings a value into a format of 16 bits, and ``upcast`` brings it
back to 32.

::

    import numpy as np
    from autograd_book.stability.formats import half_format, round_to, upcast

    x = np.float32([0.1, 1e-6, 1e6])
    half = round_to(x, half_format("float16"))
    print(half.dtype, upcast(half))
"""
# Generated from book/stability/formats.md by autograd-book extract; edit the chapter, not this file.
# sha256: 9dc1330ddacdc8d00ab78ffaff549d4419abf915e3ff1484e36945d0fa56e13e

__all__ = [
    "bfloat16",
    "half_format",
    "SINGLE",
    "PIECE",
    "SINGLES",
    "looked_up",
    "narrow",
    "upcast",
    "EXPONENT",
    "LEAST",
    "THIRTEEN",
    "SIGN",
    "BIAS",
    "NAN",
    "half_bits",
    "quietly",
    "to_half",
    "round_to",
]


# book/stability/formats.md: Where the numbers lie
from typing import Any


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


# book/stability/formats.md: Where the numbers lie
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


# book/stability/formats.md: Up: every half is a single
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


# book/stability/formats.md: Up: every half is a single
def narrow(value: Any) -> bool:
    """Whether a value is stored in fewer bits than single precision."""
    dtype = getattr(value, "dtype", None)
    return isinstance(dtype, np.dtype) and dtype.itemsize < 4 and differentiable(dtype)


def upcast(value: Any) -> Any:
    """The value in single precision if it is stored in less; anything else as it is."""
    if not narrow(value):
        return value
    if isinstance(value, np.ndarray) and value.dtype == np.float16 and value.ndim:
        return looked_up(value)
    if isinstance(value, (np.ndarray, np.generic)):
        return value.astype(SINGLE)
    return bind(primitives[np.ndarray.astype], value, dtype=SINGLE)


# book/stability/formats.md: Rounding by a sum
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


# book/stability/formats.md: Rounding by a sum
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


# book/stability/formats.md: One function for all formats
from autograd_book.graph.backward import conversions

conversions[np.dtype(np.float16)] = to_half


def round_to(value: Any, dtype: Any) -> Any:
    """A real value rounded to a format; as it is if the format is None."""
    if dtype is None or value.dtype == dtype or value.dtype.kind != "f":
        return value
    if not isinstance(value, (np.ndarray, np.generic)):
        return bind(primitives[np.ndarray.astype], value, dtype=dtype)
    return conversions.get(dtype, lambda x: quietly(x, dtype))(np.asarray(value))[()]
