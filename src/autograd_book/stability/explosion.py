"""Exploding gradients.

``unlimited_norm`` is the length of an array of any dtype, as if numbers had no
limits of range.

::

    import numpy as np
    from autograd_book.stability.explosion import unlimited_norm

    huge = np.float16([30_000, 40_000])
    with np.errstate(over="ignore"):
        print(np.sqrt(np.sum(huge**2)), unlimited_norm(huge), unlimited_norm(huge, p=np.inf))
"""
# Generated from book/stability/explosion.md by autograd-book extract; edit the chapter, not this file.
# sha256: 832a119c5d5b294b37c7a8771ba02ee1407278a1c177592d14c23926b336f303

__all__ = ["BLOCK", "array_of", "wide_dtype", "unlimited_norm"]


# book/stability/explosion.md: The length of a gradient
from typing import Any

import numpy as np

from autograd_book.graph.primitive import Handle

BLOCK = 2**16  #: How many numbers a norm looks at in one go: half a megabyte of doubles.


def array_of(values: Any) -> Any:
    """An array of numbers, or of a list of them; what stands for an array still does."""
    if isinstance(values, list) and any(isinstance(v, Handle) for v in values):
        return np.stack(values)
    return values if isinstance(values, Handle) else np.asarray(values)


def wide_dtype(array: Any) -> np.dtype[Any]:
    """The dtype to compute with: double precision at least, complex where the array is."""
    return np.result_type(array.dtype, np.float64)


# book/stability/explosion.md: The length of a gradient
def unlimited_norm(values: Any, p: float = 2.0, axis: Any = None) -> Any:
    """The p-norm of an array of any dtype, as if computed without limits of range.

    Parameters
    ----------
    values : array_like
        Real or complex, of any shape; an empty one has norm 0.
    p : float
        Exponent, above 0; infinity for the largest magnitude.
    axis : int or tuple of int, optional
        Axes to take together, kept with length 1; all by default, for one number.
    """
    values = array_of(values)
    if axis is None and values.size > BLOCK:
        parts = np.array_split(values.ravel(), values.size // BLOCK + 1)
        return unlimited_norm([unlimited_norm(part, p) for part in parts], p)
    sizes = np.abs(values.astype(wide_dtype(values), copy=False))
    largest = np.max(sizes, axis=axis, keepdims=axis is not None, initial=0.0)
    if p == np.inf:
        return largest
    unit = np.where((largest > 0) & (largest < np.inf), largest, 1.0)
    with np.errstate(over="ignore", under="ignore"):
        sizes /= unit
        sizes **= p
        return unit * np.sum(sizes, axis=axis, keepdims=axis is not None) ** (1 / p)
