"""To disk and back.

``OnDisk`` is one more policy: it packs an array into a file, and unpacks it
from there.

::

    import numpy as np
    from autograd_book.memory.disk import OnDisk

    x = np.linspace(0, 1, 10_000)
    policy = OnDisk()
    packed = policy.pack(x)
    print(np.array_equal(policy.unpack(packed), x))
"""
# Generated from book/memory/disk.md by autograd-book extract; edit the chapter, not this file.
# sha256: a6fffc66f506e3ce6c130d59a9081d2c4fb7d11f6f03156d19219295b62a2b82

__all__ = [
    "POSITIONED",
    "Nameless",
    "transfer",
    "forks",
    "Store",
    "Extent",
    "StorageError",
    "not_written",
    "not_read",
    "OnDisk",
]


# book/memory/disk.md: A file without a name
import os
from threading import Lock
from typing import Any

#: Whether the system reads and writes at positions; Windows does not, and has no fork.
POSITIONED = hasattr(os, "preadv")


class Nameless:
    """A file without a name, which ends when nothing refers to it, or with the process.

    It is an object of its own, since a store that closed it could still be found by a weak
    reference while it did so.
    """

    def __init__(self, folder: Any = None) -> None:
        from tempfile import TemporaryFile  # here, since it is slow to load

        options: Any = {"prefix": "autograd-book-", "dir": folder, "buffering": 0}
        self.raw: Any = TemporaryFile(**options)  # noqa: SIM115
        self.lock = Lock()

    def put(self, data: Any, start: int) -> int:
        """Write from a position on; how many bytes were written."""
        if POSITIONED:
            return os.pwrite(self.raw.fileno(), data, start)
        with self.lock:
            self.raw.seek(start)
            return int(self.raw.write(data))

    def get(self, out: Any, start: int) -> int:
        """Read from a position on; how many bytes were read."""
        if POSITIONED:
            return os.preadv(self.raw.fileno(), [out], start)
        with self.lock:
            self.raw.seek(start)
            return int(self.raw.readinto(out))

    def __del__(self) -> None:
        if hasattr(self, "raw"):
            self.raw.close()


# book/memory/disk.md: A file without a name
from collections.abc import Callable


def transfer(step: Callable[[Any, int], int], data: Any, start: int) -> None:
    """Put or get bytes, in as many steps as the system takes."""
    done = 0
    while done < len(data):
        if not (more := step(data[done:], start + done)):
            raise OSError(f"{done:,} of {len(data):,} bytes went through")
        done += more


# book/memory/disk.md: One file for all arrays
forks: list[int] = []  #: A number for each time that this process, or one before it, was forked.

if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=lambda: forks.append(os.getpid()))


class Store:
    """A nameless file in a folder, in which the places of what is gone are used again."""

    def __init__(self, folder: Any = None) -> None:
        self.file = Nameless(folder)
        self.end, self.lock = 0, Lock()
        self.origin = os.getpid(), len(forks)  #: The process, and its forks so far.
        self.spare: dict[int, list[int]] = {}  #: Where free places start, by their size.

    def write(self, data: Any) -> "Extent":
        """Put bytes into the file; if that fails, what it holds is as it was."""
        place = self.place(len(data))  # free again if the next line fails
        transfer(self.file.put, data, place.start)
        return place

    def place(self, size: int) -> "Extent":
        """A place of a size: one that was used before, or one at the end."""
        with self.lock:
            spare = self.spare.setdefault(size, [])
            start = spare.pop() if spare and self.is_ours() else self.end
            self.end = max(self.end, start + size)
            return Extent(self, start, size)

    def is_ours(self) -> bool:
        """Whether no other process can have values in this file."""
        return self.origin == (os.getpid(), len(forks))


# book/memory/disk.md: One file for all arrays
import numpy as np


class Extent:
    """Bytes in the file of a store."""

    __slots__ = ("store", "start", "size")

    def __init__(self, store: Store, start: int, size: int) -> None:
        self.store, self.start, self.size = store, start, size

    def read(self) -> np.ndarray:
        """The bytes, in memory."""
        out = np.empty(self.size, np.uint8)
        transfer(self.store.file.get, out.data, self.start)
        return out

    def __del__(self) -> None:
        self.store.spare[self.size].append(self.start)


# book/memory/disk.md: When the disk fails
from autograd_book.graph.errors import AutogradError, DifferentiationValueError


class StorageError(AutogradError, OSError):
    """A saved value that could not be written to disk, or read from it."""


def not_written(size: int, folder: Any, error: OSError) -> StorageError:
    """The error for bytes that a folder did not take."""
    from tempfile import gettempdir

    return StorageError(
        f"a saved value of {size:,} bytes could not be written to the folder "
        f"{os.fspath(folder or gettempdir())!r}: {error.strerror or error}. "
        "Free space there, name another folder with OnDisk(folder=...), or keep "
        "fewer values on disk."
    )


def not_read(size: int, error: OSError) -> StorageError:
    """The error for bytes that did not come back."""
    return StorageError(
        f"a saved value of {size:,} bytes could not be read back: "
        f"{error.strerror or error}. Compute the result again, with its values in "
        "memory or on another disk."
    )


# book/memory/disk.md: The policy
import weakref

from autograd_book.memory.policies import NAMED, Policy, as_bytes
from autograd_book.stability.tolerance import EXACT


class OnDisk(Policy):
    """Keeps arrays in a file, in an existing folder, or by default where temporary files lie.

    Raises DifferentiationValueError if there is no such folder.
    """

    __slots__ = ("__weakref__", "current", "folder")

    error = EXACT

    def __init__(self, folder: Any = None) -> None:
        if folder is not None and (isinstance(folder, int) or not os.path.isdir(folder)):
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
        """Write; if that fails, StorageError, and what was written before is not touched."""
        if x.dtype.hasobject or not x.size:
            return None
        try:
            return self.store().write(as_bytes(x).data), x.shape, x.dtype
        except OSError as error:
            raise not_written(x.nbytes, self.folder, error) from error

    def unpack(self, packed: Any) -> np.ndarray:
        """Read; if that fails, StorageError."""
        place, shape, dtype = packed
        try:
            found: np.ndarray = place.read().view(dtype).reshape(shape)
        except OSError as error:
            raise not_read(place.size, error) from error
        return found


NAMED["disk"] = OnDisk
