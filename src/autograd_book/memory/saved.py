"""Saved values.

Inside a ``saved_values`` block what rules will need on the way back is kept in
another form, here with 8 bits for a number.

::

    import numpy as np
    import autograd_book as ab
    from autograd_book.memory.saved import saved_values

    x = np.linspace(-2, 2, 1000)
    f = lambda x: np.sum(np.tanh(np.sin(x)))
    exact, rough = ab.grad(f)(x), ab.grad(saved_values("int8")(f))(x)
    print(0 < np.max(np.abs(exact - rough)) < 0.02)
"""
# Generated from book/memory/saved.md by autograd-book extract; edit the chapter, not this file.
# sha256: 1532ef1a0fc30bd0952cc8d34797f89a6a53d2c5757a81c2af1b67d7754fe3d7

__all__ = [
    "Policy",
    "Keep",
    "Half",
    "Blocks",
    "LEVELS",
    "Bits",
    "Truths",
    "signs",
    "sides",
    "attained",
    "of_size",
    "of_pair",
    "of_extreme",
    "of_windows",
    "COMPARED",
    "Zipped",
    "bytes_of",
    "POSITIONED",
    "forks",
    "Closing",
    "Store",
    "transfer",
    "Place",
    "StorageError",
    "OnDisk",
    "Pair",
    "Chosen",
    "NAMED",
    "named",
    "by_primitive",
    "policy_of",
    "Item",
    "shelf",
    "expect_like",
    "shelved",
    "Back",
    "address",
    "laid_out",
    "arrays_in",
    "Slot",
    "held",
    "note_leaf",
    "packable",
    "tied",
    "slot",
    "rescaled",
    "stand_in",
    "PLAIN",
    "Saving",
    "saved_values",
]


# book/memory/saved.md: What rules do with what they saved
from typing import Any

import numpy as np

from autograd_book.graph.primitive import differentiable, primitives
from autograd_book.stability.precision import ABSOLUTE, EXACT, RELATIVE, TOLERATES


# book/memory/saved.md: What a policy is
from autograd_book.graph.errors import (
    DifferentiationTypeError, DifferentiationValueError, described,
)


class Policy:
    """How an array is kept.

    A policy of one's own overrides `pack` and `unpack`, and says in `error` how well
    the second undoes the first.
    """

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


# book/memory/saved.md: What a policy is
class Keep(Policy):
    """Keeps every array as it is."""

    def suited(self, tolerance: int) -> None:
        """None: nothing is packed."""


# book/memory/saved.md: Sixteen bits
from autograd_book.stability.precision import (
    PIECE, Form, Packed, Scaled, half_format, rounded, scaled, wide,
)


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
        form = scaled(x, self.dtype, careful=self.error == RELATIVE)
        return form and (form.halves, form.dtype, form.shift)

    def unpack(self, packed: Any) -> np.ndarray:
        """Widen, and take the scale off."""
        return Scaled(*packed).recall()


# book/memory/saved.md: Eight bits, block by block
class Blocks(Policy):
    """Keeps numbers in 8 bits, in blocks with a scale for each.

    Parameters
    ----------
    size : int
        Elements of a block.

    Raises
    ------
    DifferentiationValueError
        If the size is not a whole number from 1 up.

    Notes
    -----
    A number is off by at most 1/254 of the largest in its block. Zeros stay zeros. After
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
        codes = np.empty(x.size, np.int8)
        steps = np.empty(-(-x.size // self.size), work)
        for blocks, elements in self.pieces(x.size):
            part = flat[elements]
            table = np.zeros((len(steps[blocks]), self.size), work)
            table.reshape(-1)[: part.size] = part
            step = np.max(np.abs(table), axis=1) / 127
            if not np.all(step < np.finfo(work).max / 256):
                return None
            steps[blocks] = np.maximum(step, np.finfo(work).tiny)
            table /= steps[blocks, None]
            codes[elements] = np.rint(table, out=table).reshape(-1)[: part.size]
        return codes.reshape(x.shape), steps, x.dtype

    def unpack(self, packed: Any) -> np.ndarray:
        """Levels times the step of their block."""
        codes, steps, dtype = packed
        out = np.empty(codes.size, dtype)
        for blocks, elements in self.pieces(codes.size):
            part = codes.reshape(-1)[elements]
            out[elements] = part * np.repeat(steps[blocks], self.size)[: part.size]
        return out.reshape(codes.shape)

    def pieces(self, count: int) -> Any:
        """Slices of blocks and of their elements, in parts that fit into the cache."""
        some = max(1, PIECE // self.size)
        for start in range(0, -(-count // self.size), some):
            yield (
                slice(start, start + some),
                slice(start * self.size, (start + some) * self.size),
            )


# book/memory/saved.md: One bit, or two
#: What stands for a number that is compared: equal, above, below, or not ordered.
LEVELS = np.array([0, 1, -1, np.nan], np.float16)


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
        return LEVELS.take(above + 2 * below[0]).reshape(shape)


# book/memory/saved.md: One bit, or two
from collections.abc import Callable

from autograd_book.rules.convolution import highest
from autograd_book.rules.elementwise import clip, ordered, relu, where
from autograd_book.rules.reductions import kept

Truths = tuple[np.ndarray, ...]  #: One array of truth values, or two: above and below.


def signs(x: Any, y: Any = 0) -> Truths:
    """Where x is above y, and where below; both where they cannot be compared."""
    return ~np.less_equal(x, y), ~np.greater_equal(x, y)


def sides(x: Any, low: Any, high: Any) -> Truths:
    """Where the rules of clip follow the upper limit, and where the lower; both where they
    follow nothing."""
    above = np.less(high, x) | np.less(high, low)
    below = np.less(x, low) & np.less_equal(low, high)
    lost = ~(above | below | ordered(low, x, high))
    return above | lost, below | lost


# book/memory/saved.md: One bit, or two
def attained(x: np.ndarray, out: np.ndarray, axis: Any) -> Truths:
    """Where the elements of x are the extreme along axes, NaN if that is NaN."""
    best = np.reshape(out, kept(x.shape, axis))
    won: np.ndarray = np.equal(x, best)
    if np.isnan(best).any():
        won |= np.isnan(x) & np.isnan(best)
    return (won,)


# book/memory/saved.md: One bit, or two
def of_size(x: np.ndarray) -> dict[str, Any]:
    """Instead of the argument of an absolute value: its signs, if it has signs."""
    return {} if x.dtype.kind == "c" else {"x": signs(x)}


def of_pair(x: Any, y: Any) -> dict[str, Any]:
    """Instead of the arguments of a maximum: their order, as signs and zero."""
    return {"x": signs(x, y), "y": 0}


# book/memory/saved.md: One bit, or two
def of_extreme(
    x: np.ndarray, out: np.ndarray, axis: Any = None, initial: Any = None, **_: Any
) -> dict[str, Any]:
    """Instead of elements and their maximum: which it was, if no other number took part."""
    won = {"x": attained(x, out, axis), "out": np.broadcast_to(LEVELS[1], out.shape)}
    return won if initial is None else {}


def of_windows(w: np.ndarray, out: np.ndarray, n: int, **_: Any) -> dict[str, Any]:
    """The same for windows with n axes."""
    found = of_extreme(w, out, tuple(range(-n, 0)))
    return {"w": found["x"], "out": found["out"]}


# book/memory/saved.md: One bit, or two
#: For primitives whose rules only compare: what may stand for their saved values.
COMPARED: dict[Any, Callable[..., dict[str, Any]]] = {
    primitives[relu]: lambda out: {"out": (np.greater(out, 0),)},
    primitives[where]: lambda condition: {"condition": (np.not_equal(condition, 0),)},
    primitives[clip]: lambda x, low, high: {"x": sides(x, low, high), "low": 0, "high": 0},
    primitives[highest]: of_windows,
    **{primitives[fun]: of_extreme for fun in (np.max, np.min)},
    **{primitives[fun]: of_pair for fun in (np.maximum, np.minimum)},
    **{primitives[fun]: of_size for fun in (np.absolute, np.fabs)},
}


# book/memory/saved.md: Without loss
import zlib


class Zipped(Policy):
    """Compresses without loss: bytes of equal rank together, then zlib.

    Parameters
    ----------
    level : int
        Of zlib, from 1, the fastest, to 9.

    Raises
    ------
    DifferentiationValueError
        If there is no such level.
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
        ranks = np.ascontiguousarray(bytes_of(x).reshape(-1, x.itemsize).T)
        packed = np.frombuffer(zlib.compress(ranks.data, self.level), np.uint8)
        return (packed, x.shape, x.dtype) if packed.size < x.nbytes else None

    def unpack(self, packed: Any) -> np.ndarray:
        """The same bytes, in their places."""
        packed, shape, dtype = packed
        ranks = np.frombuffer(zlib.decompress(packed.data), np.uint8)
        places = np.ascontiguousarray(ranks.reshape(dtype.itemsize, -1).T)
        return places.reshape(-1).view(dtype).reshape(shape)


# book/memory/saved.md: Without loss
def bytes_of(x: np.ndarray) -> np.ndarray:
    """The bytes of a contiguous array, as a view."""
    return x.reshape(-1).view(np.uint8)


# book/memory/saved.md: To disk
import os
import weakref
from threading import Lock

#: Whether the system reads and writes at positions; Windows does not, and has no fork.
POSITIONED = hasattr(os, "preadv")
forks: list[int] = []  #: A number for each time that this process, or one before it, was forked.

if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=lambda: forks.append(os.getpid()))


class Closing:
    """Closes a file when its store is gone; the store itself could still be found by a weak
    reference while it did so."""

    def __init__(self, **options: Any) -> None:
        from tempfile import TemporaryFile  # here, since it is slow to load

        self.file: Any = TemporaryFile(**options)  # noqa: SIM115

    def __del__(self) -> None:
        if hasattr(self, "file"):
            self.file.close()


class Store:
    """A file without a name, in which the places of what is gone are used again.

    It ends with its last place, and with the process, whichever comes first.

    Parameters
    ----------
    folder : str or path, optional
        Where the file lies; by default where temporary files do.
    """

    def __init__(self, folder: Any = None) -> None:
        self.closing = Closing(prefix="autograd-book-", dir=folder, buffering=0)
        self.file: Any = self.closing.file
        self.end, self.lock = 0, Lock()
        self.origin = os.getpid(), len(forks)  #: The process, and its forks so far.
        self.spare: dict[int, list[int]] = {}  #: Where free places start, by their size.

    def write(self, data: Any) -> "Place":
        """Put bytes into the file; if that fails, what it holds is as it was."""
        size = len(data)
        with self.lock:
            spare = self.spare.setdefault(size, [])
            start = spare.pop() if spare and self.is_ours() else self.end
            self.end = max(self.end, start + size)
            place = Place(self, start, size)  # free again if the next line fails
            transfer(self.put, data, start)
            return place

    def is_ours(self) -> bool:
        """Whether no other process can have values in this file."""
        return self.origin == (os.getpid(), len(forks))

    def put(self, data: Any, start: int) -> int:
        """Write from a position on; how many bytes were written."""
        if POSITIONED:
            return os.pwrite(self.file.fileno(), data, start)
        self.file.seek(start)
        return int(self.file.write(data))

    def get(self, out: Any, start: int) -> int:
        """Read from a position on; how many bytes were read."""
        if POSITIONED:
            return os.preadv(self.file.fileno(), [out], start)
        with self.lock:
            self.file.seek(start)
            return int(self.file.readinto(out))


# book/memory/saved.md: To disk
def transfer(step: Callable[[Any, int], int], data: Any, start: int) -> None:
    """Put or get bytes, in as many steps as the system takes."""
    done = 0
    while done < len(data):
        if not (more := step(data[done:], start + done)):
            raise OSError(f"{done:,} of {len(data):,} bytes went through")
        done += more


# book/memory/saved.md: To disk
class Place:
    """Bytes in the file of a store."""

    __slots__ = ("store", "start", "size")

    def __init__(self, store: Store, start: int, size: int) -> None:
        self.store, self.start, self.size = store, start, size

    def read(self) -> np.ndarray:
        """The bytes, in memory."""
        out = np.empty(self.size, np.uint8)
        transfer(self.store.get, out.data, self.start)
        return out

    def __del__(self) -> None:
        self.store.spare[self.size].append(self.start)


# book/memory/saved.md: To disk
from autograd_book.graph.errors import AutogradError


class StorageError(AutogradError, OSError):
    """A saved value that could not be written to disk, or read from it."""


# book/memory/saved.md: To disk
class OnDisk(Policy):
    """Keeps arrays in a file.

    Parameters
    ----------
    folder : str or path, optional
        An existing folder; by default that of temporary files.

    Raises
    ------
    DifferentiationValueError
        If there is no such folder.
    """

    error = EXACT

    def __init__(self, folder: Any = None) -> None:
        known = folder is None or (not isinstance(folder, int) and os.path.isdir(folder))
        if not known:
            raise DifferentiationValueError(
                f"saved values were to be kept in {str(folder)!r}, which is no folder. Make "
                "it first, or leave the folder away."
            )
        self.folder = folder
        self.current: Callable[[], Store | None] = type(None)  #: The store in use.

    def store(self) -> Store:
        """The store that the last array was written to, or a new one."""
        store = self.current()
        if store is None or not store.is_ours():
            store = Store(self.folder)
            self.current = weakref.ref(store)
        return store

    def pack(self, x: np.ndarray) -> Any:
        """Write.

        Raises
        ------
        StorageError
            If that fails; what was written before is not touched.
        """
        if x.dtype.hasobject or not x.size:
            return None
        try:
            return self.store().write(bytes_of(x).data), x.shape, x.dtype
        except OSError as error:
            from tempfile import gettempdir

            raise StorageError(
                f"a saved value of {x.nbytes:,} bytes could not be written to the folder "
                f"{os.fspath(self.folder or gettempdir())!r}: {error.strerror or error}. "
                "Free space there, name another folder with OnDisk(folder=...), or keep "
                "fewer values on disk."
            ) from error

    def unpack(self, packed: Any) -> np.ndarray:
        """Read.

        Raises
        ------
        StorageError
            If that fails.
        """
        place, shape, dtype = packed
        try:
            found: np.ndarray = place.read().view(dtype).reshape(shape)
        except OSError as error:
            raise StorageError(
                f"a saved value of {place.size:,} bytes could not be read back: "
                f"{error.strerror or error}. Compute the result again, with its values in "
                "memory or on another disk."
            ) from error
        return found


# book/memory/saved.md: Which policy for which value
from functools import cache


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


class Chosen(Policy):
    """Another policy for each value: ``pick(primitive, name, x)`` says which."""

    def __init__(self, pick: Callable[[str, str, np.ndarray], Any]) -> None:
        self.pick = pick

    def choose(self, primitive: str, name: str, x: np.ndarray) -> Policy:
        """Ask, and ask on."""
        return policy_of(self.pick(primitive, name, x)).choose(primitive, name, x)


# book/memory/saved.md: Which policy for which value
#: What makes the policies that have a name.
NAMED: dict[str, Callable[[], Policy]] = {
    "keep": Keep,
    "float16": Half,
    "bfloat16": lambda: Half("bfloat16"),
    "int8": Blocks,
    "bits": Bits,
    "zlib": Zipped,
    "disk": OnDisk,
}


@cache
def named(name: str) -> Policy:
    """The policy of a name, made once."""
    return NAMED[name]()


# book/memory/saved.md: Which policy for which value
from autograd_book.graph.errors import nearest


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
    others = policies.get("else", named("keep"))
    return Chosen(lambda primitive, name, x: policies.get(primitive, others))


# book/memory/saved.md: Which policy for which value
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
        return named(given)
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


# book/memory/saved.md: One array, several nodes
class Item:
    """One array in its packed form; nodes that saved the same array share it.

    Parameters
    ----------
    policy : Policy
        Made the form, and undoes it.
    packed : object
        The form.
    like : array
        Of the shape and dtype that unpacking has to give.
    what : str
        Whose value it is, for messages.
    """

    __slots__ = (
        "policy", "packed", "shape", "dtype", "what", "source", "made", "__weakref__",
    )

    def __init__(self, policy: Policy, packed: Any, like: np.ndarray, what: str) -> None:
        self.policy, self.packed, self.what = policy, packed, what
        self.shape, self.dtype = like.shape, like.dtype
        #: The array that was packed, and the one that was unpacked last, while they live.
        self.source: Callable[[], Any] = weakref.ref(like)
        self.made: Callable[[], Any] = type(None)

    def stands_for(self, policy: Policy, x: np.ndarray) -> bool:
        """Whether this is what the policy makes of x. Truth values are compared, since they
        may have been changed."""
        if self.policy is not policy or not (x is self.source() or x is self.made()):
            return False
        return x.dtype != np.bool_ or np.array_equal(x, self.recall())

    def recall(self) -> np.ndarray:
        """The array, unpacked unless it still is.

        Raises
        ------
        DifferentiationValueError
            If the policy returned something else.
        """
        array = self.made()
        if array is None:
            array = expect_like(self, self.policy.unpack(self.packed))
            self.made = weakref.ref(array)
            shelf[id(array)] = self
        return array


#: Items by the identity of the arrays that they stand for.
shelf: "weakref.WeakValueDictionary[int, Item]" = weakref.WeakValueDictionary()


# book/memory/saved.md: One array, several nodes
def expect_like(item: Item, found: Any) -> np.ndarray:
    """What a policy unpacked, or the error that says how it differs from what it was."""
    if not isinstance(found, np.ndarray) or (found.shape, found.dtype) != (
        item.shape, item.dtype,
    ):
        raise DifferentiationValueError(
            f"{item.what} was packed as {item.dtype} of shape {item.shape}, and unpacked "
            f"by {type(item.policy).__name__} as {described(found)}. Return an array of "
            "the shape and dtype that were packed."
        )
    return found


def shelved(policy: Policy, x: np.ndarray, what: str) -> Item | None:
    """The item of an array, packed now if it was not yet; None if the policy declines."""
    item = shelf.get(id(x))
    if item is None or not item.stands_for(policy, x):
        packed = policy.pack(x)
        if packed is None:
            return None
        shelf[id(x)] = item = Item(policy, packed, x, what)
    return item


# book/memory/saved.md: One array, several nodes
from numpy.lib.stride_tricks import as_strided

from autograd_book.memory.books import owner_of

Back = Callable[[np.ndarray], Any]  #: From a recalled array to the saved value.


def address(x: np.ndarray) -> int:
    """Where the first element of an array lies."""
    place: int = x.__array_interface__["data"][0]
    return place


# book/memory/saved.md: One array, several nodes
def laid_out(x: np.ndarray) -> tuple[np.ndarray, Back]:
    """A contiguous array with the elements of x, and the way back to x and its layout.

    Views that show all of their owner, or parts of it repeatedly, share the owner.
    """
    root = owner_of(x)
    alike = type(root) is np.ndarray and root.flags.c_contiguous and root.dtype == x.dtype
    if alike and root is not x and root.size <= x.size:
        shape, strides = x.shape, x.strides
        first = (address(x) - address(root)) // x.itemsize
        return root, lambda root: as_strided(root.reshape(-1)[first:], shape, strides)
    if x.flags.c_contiguous:
        return x, lambda x: x
    order = sorted(range(x.ndim), key=lambda axis: -abs(x.strides[axis]))
    places = np.argsort(order)
    return np.asarray(x.transpose(order), order="C"), lambda root: root.transpose(places)


# book/memory/saved.md: In place of the tuple
from collections.abc import Iterator

from autograd_book.graph.variable import innermost


def arrays_in(packed: Any) -> Iterator[np.ndarray]:
    """The arrays in tuples, lists and dictionaries of any depth."""
    if isinstance(packed, np.ndarray):
        yield packed
    elif isinstance(packed, (tuple, list, dict)):
        for part in packed.values() if isinstance(packed, dict) else packed:
            yield from arrays_in(part)


class Slot(Form):
    """In place of a saved value: an item, and the way from its array to the value."""

    __slots__ = ("item", "back")

    def __init__(self, item: Item, back: Back) -> None:
        self.item, self.back = item, back

    def recall(self) -> Any:
        """The value, unpacked."""
        return self.back(self.item.recall())

    def arrays(self) -> Iterator[np.ndarray]:
        """The arrays in the packed form."""
        return arrays_in(self.item.packed)


# book/memory/saved.md: In place of the tuple
from autograd_book.graph.record import Leaf, tie
from autograd_book.graph.variable import Variable
from autograd_book.stability.precision import FEW

#: Arrays of leaves by identity: they are there anyway, and packing them saves nothing.
held: "weakref.WeakValueDictionary[int, np.ndarray]" = weakref.WeakValueDictionary()


def note_leaf(x: Any) -> None:
    """Remember the array of a leaf."""
    while type(x) is Variable and isinstance(x.node, Leaf):
        x = x.value
        if isinstance(x, np.ndarray) and x.size >= FEW:
            root = owner_of(x)
            held[id(root)] = root


def packable(value: Any) -> bool:
    """Whether a value is a large array, and not that of a leaf."""
    array = innermost(value)
    return (
        type(array) is np.ndarray
        and array.size >= FEW
        and held.get(id(root := owner_of(array))) is not root
    )


# book/memory/saved.md: In place of the tuple
def tied(value: Any, back: Back) -> Back:
    """The way back to a Variable, if the saved value is one."""
    if type(value) is not Variable:
        return back
    inner, node, record = tied(value.value, back), value.node, value.record
    return lambda root: tie(Variable, inner(root), node, record)


# book/memory/saved.md: In place of the tuple
def slot(policy: Policy, tolerance: int, value: Any, what: str) -> Any:
    """A slot for a value; the value itself if the policy declines, or errs too much."""
    suited = policy.suited(tolerance)
    if suited is None:
        return value
    root, back = laid_out(innermost(value))
    item = shelved(suited, root, what)
    return value if item is None else Slot(item, tied(value, back))


def rescaled(part: Any, form: Scaled) -> Form:
    """What stands for the halves of a scaled form, with its scale."""
    if type(part) is not Slot:
        return form
    like = form.dtype, form.shift
    return Slot(part.item, lambda root: Scaled(part.back(root), *like).recall())


def stand_in(truths: Any, what: str) -> Any:
    """A slot for something that is compared like a value, given as truth values; anything
    else as it is."""
    if not isinstance(truths, tuple):
        return truths
    bits = named("bits")
    like = truths[0] if len(truths) == 1 else np.broadcast_to(LEVELS[0], truths[0].shape)
    return Slot(Item(bits, bits.pack(truths), like, what), lambda root: root)


# book/memory/saved.md: In place of the tuple
from autograd_book.graph.interpreter import Interpreter
from autograd_book.graph.primitive import SEAL, Primitive
from autograd_book.graph.record import Node
from autograd_book.stability.precision import half, nodes_of


PLAIN = (np.ndarray, np.generic, int, float)  #: What comparisons are made of.


class Saving(Interpreter):
    """Has what nodes save kept by a policy.

    Parameters
    ----------
    below : Interpreter
        The next level.
    policy : Policy
        How arrays are kept.
    """

    __slots__ = ("policy",)

    def __init__(self, below: Interpreter, policy: Policy) -> None:
        super().__init__(below)
        self.policy = policy

    def under(self, level: Any) -> tuple[Interpreter, Interpreter]:
        """Stay on top of a new level; a Saving inside this one takes its place."""
        below, made = self.below.under(level)
        if isinstance(made, Saving):
            return made, made
        return Saving(below, self.policy), made

    def bind(self, primitive: Primitive, args: Any, params: dict[str, Any]) -> Any:
        """Apply a primitive, and pack what its nodes saved."""
        for a in args:
            note_leaf(a)
        out = self.below.bind(primitive, args, params)
        for node in nodes_of(out):
            if type(node.saved) in (tuple, Packed) and node.plan.primitive.name == primitive.name:
                self.pack(node, primitive)
        return out

    def pack(self, node: Any, primitive: Primitive) -> None:
        """Put another form in place of what a node saved, if anything in it is packed."""
        forms = dict(zip(node.plan.asks, getattr(node.saved, "parts", node.saved)))
        saved = {n: v.halves if type(v) is Scaled else v for n, v in forms.items()}
        parts = dict(saved)
        for name, origin in zip(saved, node.plan.origins(node)):
            value = saved[name]
            if parts[name] is value and self.ours(value, origin):
                parts |= self.packed(primitive, name, saved, node.params)
        changed = {name for name in saved if parts[name] is not saved[name]}
        if changed:
            # What is a copy now can no longer be changed by anybody.
            parts |= {name + SEAL: None for name in changed if name + SEAL in saved}
            scales = {n: v for n, v in forms.items() if type(v) is Scaled}
            parts |= {n: rescaled(parts[n], v) for n, v in scales.items()}
            node.saved = Packed(list(parts.values()))

    def ours(self, value: Any, origin: Node | None) -> bool:
        """Whether a saved value is large and was computed, or is made of truth values."""
        if origin is not None and origin.plan and origin.plan.primitive is primitives[half]:
            (origin,) = origin.inputs  # a copy lives as long as what it is a copy of
        computed = origin is not None and not isinstance(origin, Leaf)
        return packable(value) and (computed or innermost(value).dtype == np.bool_)

    def packed(
        self, primitive: Primitive, name: str, saved: dict[str, Any], params: dict[str, Any]
    ) -> dict[str, Any]:
        """What replaces one saved value, and others that are compared with it."""
        array, what = innermost(saved[name]), f"the value {name} saved by {primitive.name}"
        policy = self.policy.choose(primitive.name, name, array)
        if isinstance(policy, Keep):
            return {}
        if array.dtype == np.bool_:
            return {name: slot(named("bits"), EXACT, saved[name], what)}
        values = {n: innermost(v) for n, v in saved.items() if not n.endswith(SEAL)}
        compared = COMPARED.get(primitive)
        plain = all(isinstance(v, PLAIN) for v in values.values())
        if compared and plain and (found := compared(**values, **params)):
            return {n: stand_in(truths, what) for n, truths in found.items()}
        tolerance = TOLERATES.get((primitive, name), EXACT)
        return {name: slot(policy, tolerance, saved[name], what)}

    def hold(self, values: tuple[Any, ...]) -> Any:
        """A tuple of values from which others are computed, packed if nothing is lost."""
        parts = list(values)
        for i, value in enumerate(values):
            note_leaf(value)
            if packable(value):
                policy = self.policy.choose("checkpoint", str(i), innermost(value))
                parts[i] = slot(policy, EXACT, value, f"input {i} of a checkpoint")
        return Packed(parts) if any(type(p) is Slot for p in parts) else values


# book/memory/saved.md: In place of the tuple
from autograd_book.graph.variable import push


class saved_values(push):
    """Context manager, or decorator, under which a policy keeps what the way back needs.

    Parameters
    ----------
    policy : str, Policy, pair, dict or callable
        ``"keep"``, ``"float16"``, ``"bfloat16"``, ``"int8"``, ``"bits"``, ``"zlib"`` or
        ``"disk"``; an instance of a `Policy`; functions ``(pack, unpack)``; any of these
        for primitives by name, with ``"else"`` for the others; or a function of primitive,
        name and array that returns any of these.

    Raises
    ------
    DifferentiationTypeError
        If the policy is none of these.
    DifferentiationValueError
        If a dictionary names a primitive that there is not.
    """

    def __init__(self, policy: Any) -> None:
        super().__init__(Saving, policy_of(policy))

    def onto(self, stack: Interpreter) -> tuple[Interpreter, Saving]:
        """The new level on the very top, in place of a Saving that is there."""
        level = Saving(stack.below if isinstance(stack, Saving) else stack, *self.args)
        return level, level
