"""Buffers used again.

::

    import numpy as np
    import autograd_book as ab

    x = ab.Variable(np.full((300, 300), 0.5))
    with ab.recycle() as pool:
        for _ in range(5):
            y = np.tanh(x) * 2.0
        print(pool.lent, "results were written into buffers of dead values")
"""
# Generated from book/memory/pool.md by autograd-book extract; edit the chapter, not this file.
# sha256: d05ff2a9a6619e271830a4f6bd9d9c6eeeeb8173cb6e617c5705d6ce4e644c11

__all__ = [
    "LEAST",
    "references_to_one",
    "UNHELD",
    "Shelf",
    "layout",
    "openable",
    "constants",
    "Pool",
    "recycle",
    "SETTINGS",
    "MissingAllocatorError",
    "keep_pages",
    "smallest_gap",
    "plan_arena",
]


# book/memory/pool.md: A shelf of buffers
import sys
import weakref
from collections import deque
from contextlib import suppress
from functools import partial
from math import prod
from typing import Any

import numpy as np

LEAST = 1 << 16  #: Bytes from which a buffer is worth keeping.


def references_to_one() -> int:
    """What Python counts for a buffer to which one name refers."""
    buffer = np.empty(0, np.uint8)
    return sys.getrefcount(buffer)


UNHELD = references_to_one()  #: Its own answer, since versions of Python differ.


# book/memory/pool.md: A shelf of buffers
class Shelf(dict[int, deque[np.ndarray]]):
    """Buffers that were put back, by their size in bytes."""

    def __init__(self) -> None:
        self.out: dict[int, Any] = {}  #: Weak references to values, by identity of the buffer.
        self.lent = 0  #: How often a buffer has found a second value.

    def take(self, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """An array in a buffer that nobody holds any more, or in a new one."""
        size = prod(shape) * dtype.itemsize
        buffer = self.unheld(self.setdefault(size, deque()))
        if buffer is None:
            buffer = np.empty(size, np.uint8)
        value: np.ndarray = np.ndarray(shape, dtype, buffer)
        self.out[id(buffer)] = weakref.ref(value, partial(self.back, buffer))
        return value

    def unheld(self, buffers: deque[np.ndarray]) -> np.ndarray | None:
        """Of buffers of one size, the last that was put back and is not looked into."""
        with suppress(IndexError):  # another thread that shares the context was faster
            for _ in range(len(buffers)):
                buffer = buffers.pop()
                if sys.getrefcount(buffer) <= UNHELD:
                    self.lent += 1
                    return buffer
                buffers.appendleft(buffer)
        return None

    def back(self, buffer: np.ndarray, _: Any) -> None:
        """Put back the buffer of a value that has died."""
        if self.out.pop(id(buffer), None):
            self[buffer.nbytes].append(buffer)

    def clear(self) -> None:
        """Let go of all buffers; those that are out are not followed any more."""
        self.out.clear()
        super().clear()


# book/memory/pool.md: A level at the bottom
def layout(value: Any) -> Any:
    """What decides the form of a result: shape and dtype of a plain array in C order, the
    type of a number; None for anything else."""
    if type(value) is np.ndarray and value.flags.c_contiguous and value.dtype.kind == "f":
        return value.shape, value.dtype
    return type(value) if isinstance(value, (float, int, np.floating)) else None


# book/memory/pool.md: A level at the bottom
from autograd_book.graph.interpreter import Interpreter
from autograd_book.graph.primitive import Primitive
from autograd_book.graph.record import Node
from autograd_book.graph.stack import as_constant, base, push, top
from autograd_book.graph.variable import Variable


def openable(node: Node) -> bool:
    """Whether the rules of a node may compute with constant Variables."""
    plan: Any = node.plan
    return not plan.primitive.joint and all(type(v) is not Variable for v in node.saved)


def constants(node: Node) -> list[Any]:
    """What a node has saved, its arrays as constant Variables."""
    plan: Any = node.plan
    origins = plan.origins(node)
    return [v if o is None else as_constant(v) for v, o in zip(node.saved, origins)]


# book/memory/pool.md: A level at the bottom
class Pool(Interpreter):
    """Gives the results of universal functions the buffers of values that have died."""

    __slots__ = ("shelf", "results")

    def __init__(self, below: Interpreter) -> None:
        super().__init__(below)
        self.shelf = Shelf()
        self.results: dict[Any, Any] = {}  #: Layout of results, by function and layouts.

    @property
    def lent(self) -> int:
        """How often a buffer has found a second value."""
        return self.shelf.lent

    def bind(self, primitive: Primitive, args: Any, params: dict[str, Any]) -> Any:
        """Apply a primitive; step aside if no argument is large."""
        for value in args:
            if type(value) is np.ndarray and value.nbytes >= LEAST:
                return self.serve(primitive, args, params)
        return self.below.bind(primitive, args, params)

    def serve(self, primitive: Primitive, args: Any, params: dict[str, Any]) -> Any:
        """Apply a primitive, into a buffer of the shelf if its result is known to fit."""
        forms = tuple(map(layout, args))
        if type(primitive.fun) is not np.ufunc or params or None in forms:
            return self.below.bind(primitive, args, params)
        if known := self.results.get((primitive, forms)):
            return self.below.bind(primitive, args, {"out": self.shelf.take(*known)})
        out = self.below.bind(primitive, args, params)
        if type(out) is np.ndarray and out.nbytes >= LEAST:
            self.results[primitive, forms] = layout(out)
        return out

    def pull(self, node: Node, g: Any) -> Any:
        """Let the rules of a node compute with constant Variables, by way of `bind`."""
        plan: Any = node.plan
        if type(g) is not np.ndarray or g.nbytes < LEAST or not openable(node):
            return self.below.pull(node, g)
        token = top.set(base)
        try:
            parts = plan.pull(as_constant(g), constants(node), node.params)
        finally:
            top.reset(token)
        return tuple([p.value if type(p) is Variable else p for p in parts])


# book/memory/pool.md: A level at the bottom
class recycle(push):
    """Context manager under which large results are written into buffers of dead values.

    It serves the thread or task that enters it. It may be entered again before it is left.

    Returns
    -------
    Pool
        From ``with recycle() as pool``.
    """

    def __init__(self) -> None:
        super().__init__(Pool, at="bottom")

    def after(self, level: Any) -> None:
        """Let go of the buffers."""
        level.shelf.clear()


# book/memory/pool.md: Keeping all pages
import ctypes

from autograd_book.graph.errors import AutogradError
from autograd_book.learn.training import process_settings

#: From a name in glibc's ``malloc.h`` to its number there, and the value for `keep_pages`.
SETTINGS = {
    "M_MMAP_MAX": (-4, 0),  # no mapping of its own for a large block
    "M_TRIM_THRESHOLD": (-1, 2**31 - 1),  # nothing at the end is given back
    "M_TOP_PAD": (-2, 2**26),  # 64 MiB more each time
}


class MissingAllocatorError(AutogradError, NotImplementedError):
    """A setting of the C library's allocator, where that has none."""


def keep_pages() -> None:
    """Tell the C library to keep memory that is freed, for the rest of the process.

    Raises
    ------
    MissingAllocatorError
        Where the C library is not glibc.
    """
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    mallopt = getattr(library, "mallopt", None)
    if not mallopt or not all(mallopt(*pair) for pair in SETTINGS.values()):
        raise MissingAllocatorError(
            f"keep_pages was called on {sys.platform}, where the C library has no mallopt. "
            "Leave it out, or use recycle()."
        )


process_settings["keep_pages"] = keep_pages


# book/memory/pool.md: An arena planned ahead
def smallest_gap(taken: list[tuple[int, int]], nbytes: int) -> int:
    """Beginning of the smallest gap between ranges, in order, that fits so many bytes; the
    end of all if there is none."""
    found, end = [], 0
    for start, stop in taken:
        if start - end >= nbytes:
            found.append((start - end, end))
        end = max(end, stop)
    return min(found)[1] if found else end


# book/memory/pool.md: An arena planned ahead
def plan_arena(lifetimes: Any) -> tuple[list[int], int]:
    """Places for buffers in one block of memory, such that those alive at the same time do
    not overlap.

    Parameters
    ----------
    lifetimes : list of (int, int, int)
        First moment, moment after the last, and bytes of each buffer.

    Returns
    -------
    offsets : list of int
        Where each buffer begins, in bytes.
    size : int
        Bytes of the block.

    Notes
    -----
    The largest buffer first, each into the smallest gap that fits: after Y. Pisarchyk and
    J. Lee, *Efficient memory management for deep neural net inference* (2020).
    """
    offsets = [0] * len(lifetimes)
    placed: list[tuple[int, int, int, int]] = []
    for i in sorted(range(len(lifetimes)), key=lambda i: -lifetimes[i][2]):
        start, end, nbytes = lifetimes[i]
        near = sorted((o, o + n) for o, s, e, n in placed if s < end and start < e)
        offsets[i] = smallest_gap(near, nbytes)
        placed.append((offsets[i], start, end, nbytes))
    return offsets, max((o + n for o, _, _, n in placed), default=0)
