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
# sha256: 70945faf6a79541de472146d141ded94dbbb5d0e94df5ac25e8922f9f393da79

__all__ = [
    "Door",
    "DOORS",
    "door",
    "of_variable",
    "is_source",
    "sources",
    "whole",
    "continue_whole",
    "continue_numbers",
    "Codec",
    "SavedState",
    "FORMS",
    "packed",
    "numbered",
    "unpacked",
    "small_dtype",
    "plain",
    "VERSION",
    "FIRST",
    "DIGEST",
    "digest",
    "Summed",
    "write",
    "replace_file",
    "settle",
    "save",
    "expect_named",
    "SavedFileError",
    "read",
    "expect_whole",
    "load",
    "take",
    "expect_saved",
    "Pair",
    "matched",
    "expect_once",
]


# book/learn/saving.md: What has a memory
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from autograd_book.graph.errors import (
    AutogradError,
    DifferentiationTypeError,
    DifferentiationValueError,
)
from autograd_book.graph.primitive import differentiable
from autograd_book.graph.record import Leaf
from autograd_book.graph.variable import Variable
from autograd_book.learn.nn import Module, distinct, expect_names, named_leaves


class Door(NamedTuple):
    """How the state of a thing leaves it, and how it comes in."""

    give: Callable[[], Any]  #: Returns a copy of the state.
    take: Callable[[Any], Any]  #: Continues from a state, or raises and changes nothing.


# book/learn/saving.md: What has a memory
#: Names of methods that give a state, and of those that take it.
DOORS = (("state_dict", "load_state_dict"), ("get_state", "set_state"), ("getstate", "setstate"))


def door(thing: Any) -> Door | None:
    """The door of a thing, or None if it has no state."""
    if isinstance(thing, Variable):
        return of_variable(thing)
    if isinstance(thing, Module):
        return Door(partial(whole, thing), partial(continue_whole, thing))
    if hasattr(thing, "bit_generator"):
        return Door(lambda: thing.bit_generator.state, partial(continue_numbers, thing))
    for names in DOORS if not isinstance(thing, type) else ():
        if all(callable(getattr(thing, name, None)) for name in names):
            return Door(*(getattr(thing, name) for name in names))
    return None


# book/learn/saving.md: What has a memory
def of_variable(variable: Variable) -> Door:
    """The door of a Variable, or the error that it was computed."""
    if not isinstance(variable.node, Leaf | None):
        raise DifferentiationTypeError(
            f"a Variable of shape {variable.shape} that was computed from others was given "
            "to save or load. Give those that it was computed from, or .numpy() of it."
        )
    return Door(
        lambda: variable.numpy().copy(order="K"), lambda data: setattr(variable, "data", data)
    )


# book/learn/saving.md: What has a memory
def is_source(value: Any) -> bool:
    """Whether a value is a generator of random numbers, of NumPy or of Python."""
    kind = type(value)
    of_numpy = hasattr(kind, "bit_generator") or hasattr(kind, "set_state")
    return of_numpy or (hasattr(kind, "setstate") and hasattr(kind, "random"))


def sources(network: Module) -> dict[str, Any]:
    """Generators that a network holds, by name."""
    return distinct(named_leaves(network, "", set(), is_source))


# book/learn/saving.md: What has a memory
def whole(network: Module) -> dict[str, Any]:
    """Parameters of a network, and where its generators stand."""
    doors = {name: door(source) for name, source in sources(network).items()}
    states = {name: found.give() for name, found in doors.items() if found}
    return {"parameters": network.state_dict(), "generators": states}


def continue_whole(network: Module, state: Any) -> None:
    """Let a network go on from a state that `whole` has made."""
    own = sources(network)
    expect_names({"parameters", "generators"}, state)
    expect_names(own, state["generators"])
    network.load_state_dict(state["parameters"])
    for name, source in own.items():
        if found := door(source):
            found.take(state["generators"][name])


# book/learn/saving.md: What has a memory
def continue_numbers(source: Any, state: Any) -> None:
    """Let a generator of NumPy go on from a state, or raise if it is of another kind."""
    bits, kind = source.bit_generator, type(source.bit_generator).__name__
    if not isinstance(state, dict) or state.get("bit_generator") != kind:
        found = state.get("bit_generator") if isinstance(state, dict) else type(state).__name__
        raise DifferentiationValueError(
            f"a state of a {found} was given to a generator of kind {kind}. Make a generator "
            "of the kind that was saved."
        )
    bits.state = state


# book/learn/saving.md: Text and arrays
class Codec(NamedTuple):
    """How values of a type are written as JSON, and read again."""

    kind: Any  #: The type.
    parts: Callable[[Any], Any]  #: What is packed in place of the value.
    value: Callable[[Any], Any]  #: The value again, from that.


# book/learn/saving.md: Text and arrays
class SavedState(NamedTuple):
    """The state of something, as distinct from a plain value."""

    value: Any  #: What it gave.


#: Values that are written by what they hold, under a name.
FORMS = {
    "state": Codec(SavedState, lambda state: state.value, SavedState),
    "tuple": Codec(tuple, list, tuple),
    "complex": Codec(complex, lambda z: [z.real, z.imag], lambda parts: complex(*parts)),
    "dict": Codec(dict, lambda known: [list(item) for item in known.items()], dict),
}


# book/learn/saving.md: Text and arrays
def packed(value: Any, where: str, arrays: list[np.ndarray]) -> Any:
    """A value as JSON can hold it; arrays are appended to a list."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if type(value) is list:
        try:
            return [packed(part, f"{where}[{i}]", arrays) for i, part in enumerate(value)]
        except RecursionError:
            raise DifferentiationValueError(
                f"what was given to save as {where.partition('[')[0]} contains itself, or is "
                "nested too deep for Python to follow. Leave the container out of itself."
            ) from None
    if found := door(value):
        value = SavedState(found.give())
    for name, form in FORMS.items():
        if type(value) is form.kind:
            return {name: packed(form.parts(value), where, arrays)}
    return {"array": numbered(value, where, arrays), "scalar": isinstance(value, np.generic)}


# book/learn/saving.md: Text and arrays
def numbered(value: Any, where: str, arrays: list[np.ndarray]) -> list[Any]:
    """Number of an array in the list, to which it is appended, and the name of its dtype."""
    if not isinstance(value, np.generic) and type(value) is not np.ndarray:
        raise DifferentiationTypeError(
            f"a value of type {type(value).__name__} was given to save, as {where}. Give "
            "modules, optimisers, generators, numbers, texts and arrays, or lists, tuples and "
            "dictionaries of those."
        )
    array = np.asarray(value)
    small = array.dtype.kind == "V" and differentiable(array.dtype)  # such as bfloat16
    if small:
        array = array.view(f"u{array.itemsize}")
    elif array.dtype.kind not in "biufcSUMm":
        raise DifferentiationTypeError(
            f"an array of dtype {array.dtype} was given to save, as {where}. Give arrays of "
            "numbers, truth values or texts."
        )
    arrays.append(array)
    return [len(arrays) - 1, value.dtype.name if small else None]


# book/learn/saving.md: Text and arrays
def unpacked(value: Any, arrays: list[np.ndarray]) -> Any:
    """The value that was packed."""
    if isinstance(value, list):
        return [unpacked(part, arrays) for part in value]
    if not isinstance(value, dict):
        return value
    if "array" in value:
        number, small = value["array"]
        array = arrays[number] if small is None else arrays[number].view(small_dtype(small))
        return array[()] if value["scalar"] else array
    ((name, parts),) = value.items()
    return FORMS[name].value(unpacked(parts, arrays))


# book/learn/saving.md: Text and arrays
def small_dtype(name: str) -> Any:
    """The dtype of a small format, which a package of its own defines."""
    import ml_dtypes

    return np.dtype(getattr(ml_dtypes, name))


# book/learn/saving.md: Text and arrays
def plain(value: Any) -> Any:
    """A value with states in place of what they are the states of."""
    if type(value) is SavedState:
        return plain(value.value)
    if type(value) in (list, tuple):
        return type(value)(plain(part) for part in value)
    return {k: plain(v) for k, v in value.items()} if type(value) is dict else value


# book/learn/saving.md: The file
VERSION = 1  #: Of the format.
FIRST = "autograd_book run, version {}\n"  #: The first line of a file.
DIGEST = 32  #: Bytes of the checksum at its end.


def digest() -> Any:
    """A checksum to be filled."""
    return hashlib.blake2b(digest_size=DIGEST)


# book/learn/saving.md: The file
class Summed:
    """A file to write to, with a checksum of what was written."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.sum = file, digest()

    def write(self, data: Any) -> int:
        """Write some bytes."""
        self.sum.update(data)
        return self.file.write(data)


# book/learn/saving.md: The file
def write(file: BinaryIO, tree: Any, arrays: list[np.ndarray]) -> None:
    """Write a whole file."""
    out, text = Summed(file), json.dumps(tree).encode()
    out.write(FIRST.format(VERSION).encode())
    for array in (np.frombuffer(text, np.uint8), *arrays):
        np.save(out, array, allow_pickle=False)  # type: ignore[call-overload]
    file.write(out.sum.digest())


# book/learn/saving.md: The file
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


# book/learn/saving.md: The file
def settle(folder: Path) -> None:
    """Bring the names in a folder to the disk, where a system allows to ask for it."""
    if os.name == "posix":
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


# book/learn/saving.md: The file
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


# book/learn/saving.md: The file
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
            take(found, state, f"{where} in {path}")
    except BaseException:
        for (_, _, found, _), state in zip(pairs, before, strict=True):
            found.take(state)
        raise
    return {name: plain(value) for name, value in stored.items() if name not in things}


# book/learn/saving.md: All or nothing
def take(found: Door, state: Any, where: str) -> None:
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
            f"where a {type(stored).__name__} was saved, of length {len(plain(stored))}. Give "
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
