"""Saving.

``save`` writes whatever has a memory into one file, and ``load`` lets things
of the same kind go on from there. Plain values come back as a result.

::

    import tempfile
    from pathlib import Path
    import numpy as np
    import autograd_book as ab

    path = Path(tempfile.mkdtemp(), "run.saved")
    weight, rng = ab.Variable([1.0, 2.0]), np.random.default_rng(0)
    optimizer = ab.optim.Adam([weight], lr=0.1)
    ab.save(path, weight=weight, optimizer=optimizer, rng=rng, epoch=3)
    print(ab.load(path, weight=weight, optimizer=optimizer, rng=rng))
"""
# Generated from book/learn/saving.md by autograd-book extract; edit the chapter, not this file.
# sha256: 883ce3c0ac2794d3a5e88b28014dc99fbf53f0608c585d03d43c6bb1e6cadb9d

__all__ = [
    "VERSION",
    "FIRST",
    "DIGEST",
    "digest",
    "Summed",
    "write",
    "settle",
    "replace_file",
    "save",
    "expect_named",
    "SavedFileError",
    "read",
    "expect_whole",
    "take_state",
    "expect_saved",
    "Pair",
    "matched",
    "expect_once",
    "load",
]


# book/learn/saving.md: The form of the file
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from secrets import token_hex
from typing import Any, BinaryIO

import numpy as np

from autograd_book.graph.errors import (
    AutogradError,
    DifferentiationTypeError,
    DifferentiationValueError,
)
from autograd_book.learn.nn import expect_names
from autograd_book.learn.state import Door, SavedState, door, packed, with_states, unpacked


VERSION = 1  #: Of the format.
FIRST = "autograd_book run, version {}\n"  #: The first line of a file.
DIGEST = 32  #: Bytes of the checksum at its end.


def digest() -> Any:
    """A checksum to be filled."""
    return hashlib.blake2b(digest_size=DIGEST)


# book/learn/saving.md: The form of the file
class Summed:
    """A file to write to, with a checksum of what was written."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.sum = file, digest()

    def write(self, data: Any) -> int:
        """Write some bytes."""
        self.sum.update(data)
        return self.file.write(data)


# book/learn/saving.md: The form of the file
def write(file: BinaryIO, tree: Any, arrays: list[np.ndarray]) -> None:
    """Write a whole file."""
    out, text = Summed(file), json.dumps(tree).encode()
    out.write(FIRST.format(VERSION).encode())
    for array in (np.frombuffer(text, np.uint8), *arrays):
        np.save(out, array, allow_pickle=False)  # type: ignore[call-overload]
    file.write(out.sum.digest())


# book/learn/saving.md: Never half a file
def settle(folder: Path) -> None:
    """Bring the names in a folder to the disk, where a system allows to ask for it."""
    if os.name == "posix":
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


# book/learn/saving.md: Never half a file
def replace_file(path: Path, fill: Callable[[BinaryIO], None]) -> None:
    """Write a file that takes the place of another in one step, when it is complete."""
    draft = path.with_name(f"{path.name}.{token_hex(4)}.part")
    try:
        with open(draft, "xb") as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, draft)
        os.replace(draft, path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    settle(path.parent)


# book/learn/saving.md: The function
def save(path: Any, /, *others: Any, **things: Any) -> None:
    """Write the state of everything that a run consists of into one file.

    Call it between two steps: gradients are not saved.

    Parameters
    ----------
    path : str or path
        Where to; a file that is there is replaced when the new one is complete.
    **things
        By names of your choice: networks, Variables, optimisers, scalers, clips, generators
        of random numbers, and whatever else has `state_dict` and `load_state_dict`; numbers,
        texts and arrays; lists, tuples and dictionaries of all these.

    Raises
    ------
    DifferentiationTypeError, DifferentiationValueError
        If something is of another kind, or contains itself; nothing is written then.
    """
    expect_named("save", path, others, things)
    arrays: list[np.ndarray] = []
    tree = {name: packed(thing, name, arrays) for name, thing in things.items()}
    target = Path(os.path.realpath(path))
    replace_file(target, lambda file: write(file, tree, arrays))


# book/learn/saving.md: The function
def expect_named(call: str, path: Any, others: Any, things: Any) -> None:
    """Raise unless a call has a path, and names for everything else."""
    if others or not isinstance(path, str | os.PathLike) or (call == "save" and not things):
        given = [type(value).__name__ for value in (path, *others)]
        raise DifferentiationTypeError(
            f"{call} was given {', '.join(given)} without names, and {len(things)} things by "
            f"name. Give a path first and everything else by name, as in {call}('run.saved', "
            "network=network)."
        )


# book/learn/saving.md: Reading, and not believing
class SavedFileError(AutogradError, ValueError):
    """A file that `save` did not write, or that is not any more as it was written."""


def read(path: Any) -> dict[str, Any]:
    """What was saved in a file, by name."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        expect_whole(file, size, path)
        arrays = []
        while file.tell() < size - DIGEST:
            arrays.append(np.load(file, allow_pickle=False))
    tree = json.loads(arrays.pop(0).tobytes())
    return {name: unpacked(value, arrays) for name, value in tree.items()}


# book/learn/saving.md: Reading, and not believing
def expect_whole(file: BinaryIO, size: int, path: Any) -> None:
    """Raise unless an open file is whole and of our version; it is read up to the first
    array."""
    first, known = file.readline(64), FIRST.encode()
    if not first.startswith(known[: known.index(b"{")]):
        raise SavedFileError(
            f"{path} begins with {first[:24]!r} and was not written by save. Give a file that "
            "save wrote."
        )
    place, found, rest = file.tell(), digest(), size - DIGEST
    file.seek(0)
    while rest > 0 and (part := file.read(min(rest, 2**20))):
        found.update(part)
        rest -= len(part)
    if file.read() != found.digest():
        raise SavedFileError(
            f"{path} has {size:,} bytes, whose checksum is not the one at its end. It is "
            "incomplete or damaged; take an older copy."
        )
    if first != FIRST.format(VERSION).encode():
        raise SavedFileError(
            f"{path} begins with {first.decode(errors='replace').strip()!r}, and this package "
            f"reads version {VERSION}. Install a newer one."
        )
    file.seek(place)


# book/learn/saving.md: All or nothing
def take_state(found: Door, state: Any, where: str) -> None:
    """Let something go on from a state; an error tells which."""
    try:
        found.take(state)
    except Exception as error:
        error.add_note(f"while loading {where}")
        raise


def expect_saved(path: Any, things: Any, stored: Any) -> None:
    """Raise unless everything that is asked for was saved."""
    if missing := [name for name in things if name not in stored]:
        raise DifferentiationValueError(
            f"{path} was asked for {', '.join(missing)}, and has {', '.join(stored)}. Ask for "
            "what it has, under the same names."
        )


# book/learn/saving.md: All or nothing
#: Where a thing was found, itself, its door, and its state.
Pair = tuple[str, Any, Door, Any]


def matched(thing: Any, stored: Any, where: str) -> Iterator[Pair]:
    """All things in what was handed in, with their doors and what was saved of them."""
    if (found := door(thing)) and type(stored) is SavedState:
        yield where, thing, found, stored.value
    elif found or type(thing) not in (list, tuple, dict):
        raise DifferentiationTypeError(
            f"a {type(thing).__name__} was given to load as {where}, where a "
            f"{'state' if type(stored) is SavedState else type(stored).__name__} was saved. Give "
            "things that have a state; plain values are returned, and need not be given."
        )
    elif type(thing) is not type(stored) or len(thing) != len(stored):
        raise DifferentiationValueError(
            f"a {type(thing).__name__} of length {len(thing)} was given to load as {where}, "
            f"where a {type(stored).__name__} was saved, of length {len(with_states(stored))}. Give "
            "it in the form in which it was saved."
        )
    else:
        keys = thing if isinstance(thing, dict) else range(len(thing))
        if isinstance(thing, dict):
            expect_names(thing, stored)
        for key in keys:
            yield from matched(thing[key], stored[key], f"{where}[{key!r}]")


# book/learn/saving.md: All or nothing
def expect_once(pairs: list[Pair]) -> None:
    """Raise if one thing is to be loaded twice."""
    places: dict[int, str] = {}
    for where, thing, *_ in pairs:
        if id(thing) in places:
            raise DifferentiationValueError(
                f"one {type(thing).__name__} was given to load as {places[id(thing)]} and as "
                f"{where}. Give it once, or two things that were saved as two."
            )
        places[id(thing)] = where


# book/learn/saving.md: All or nothing
def load(path: Any, /, *others: Any, **things: Any) -> dict[str, Any]:
    """Let the parts of a run go on from where `save` has found them, all or none.

    Parameters
    ----------
    path : str or path
        A file that `save` wrote.
    **things
        Under the names that they were saved by, things of the same kind and size.

    Returns
    -------
    dict
        Everything in the file that was not given: plain values, and the states of things.

    Raises
    ------
    SavedFileError
        If the file is damaged, of another version, or was not written by `save`.
    DifferentiationTypeError, DifferentiationValueError
        If something was not saved, or a state does not fit. In any case nothing is changed.
    """
    expect_named("load", path, others, things)
    stored = read(path)
    expect_saved(path, things, stored)
    pairs = [p for name, thing in things.items() for p in matched(thing, stored[name], name)]
    expect_once(pairs)
    before = [found.give() for _, _, found, _ in pairs]
    try:
        for where, _, found, state in pairs:
            take_state(found, state, f"{where} in {path}")
    except BaseException:
        for (_, _, found, _), state in zip(pairs, before, strict=True):
            found.take(state)
        raise
    return {name: with_states(value) for name, value in stored.items() if name not in things}
