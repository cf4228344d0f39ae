"""When a rank is gone.

``save_state`` and ``load_state`` do it, from any number of ranks to any other.

::

    import tempfile
    import numpy as np
    import autograd_book as ab
    from autograd_book.scale.resume import load_state, save_state
    from autograd_book.scale.sharding import Sharded
    from autograd_book.scale.world import alongside

    def program(world, folder, first):
        layer = Sharded(world, ab.nn.Linear(3, 2, rng=int(first), dtype=float))
        optimizer = ab.optim.Adam(layer.parameters())
        if first:
            save_state(folder, world, layer, optimizer, step=7)
            return None
        return load_state(folder, world, layer, optimizer), layer.pieces["bias"].size

    folder = tempfile.mkdtemp()
    alongside(3, program, folder, True)
    print(alongside(2, program, folder, False))
"""
# Generated from book/scale/resume.md by autograd-book extract; edit the chapter, not this file.
# sha256: 779c97cf113a6ccc19576013eef67dc08cf1021abfdd6405f26a8807b02f1f71

__all__ = [
    "Owned",
    "owned_of",
    "arrays_of",
    "take_overlap",
    "LIST",
    "checksum",
    "part_path",
    "save_state",
    "checked",
    "recut",
    "whole_size",
    "sizes_by_name",
    "load_state",
    "put_in",
    "expect_fitting",
]


# book/scale/resume.md: What a rank owns
from typing import Any, NamedTuple

import numpy as np

from autograd_book.graph.errors import DifferentiationValueError
from autograd_book.scale.sharding import Sharded, SpreadMemories
from autograd_book.scale.world import Communicator


class Owned(NamedTuple):
    """A piece of an array, and how many numbers the whole has."""

    piece: Any
    size: int


def owned_of(parts: Any) -> dict[str, Owned]:
    """The pieces of this rank by name, of sharded layers or of spread memories."""
    if isinstance(parts, SpreadMemories):
        return {"flat": Owned(parts.piece, sum(p.size for p in parts.parameters))}
    layers = [parts] if isinstance(parts, Sharded) else list(parts)
    found: dict[str, Owned] = {}
    for i, layer in enumerate(layers):
        for (name, piece), shape in zip(layer.pieces.items(), layer.shapes.values(), strict=True):
            found[f"{i}/{name}"] = Owned(piece, int(np.prod(shape)))
    return found


def arrays_of(owned: dict[str, Owned], optimizer: Any) -> dict[str, tuple[np.ndarray, int]]:
    """Every array that is in pieces, with the size of its whole: values and memories."""
    if [id(o.piece) for o in owned.values()] != [id(p) for p in optimizer.parameters]:
        raise DifferentiationValueError(
            f"an optimizer of {len(optimizer.parameters)} parameters was given with layers that "
            f"have {len(owned)} pieces. Give the optimizer of these layers' parameters, in order."
        )
    values = {f"value {name}": (o.piece.numpy(), o.size) for name, o in owned.items()}
    sizes = [o.size for o in owned.values()]
    memories = {
        f"memory {name}": (array, sizes[int(name.split(".")[0])])
        for name, array in optimizer.state_dict().items()
        if isinstance(array, np.ndarray) and array.ndim
    }
    return values | memories


# book/scale/resume.md: Cut anew
def take_overlap(new: np.ndarray, rank: int, old: np.ndarray, from_rank: int, size: int) -> None:
    """Copy into a new piece what an old piece has of it, in a whole of some size."""
    begin, start = rank * len(new), from_rank * len(old)
    low, high = max(begin, start), min(begin + len(new), start + len(old), size)
    if low < high:
        new[low - begin : high - begin] = old[low - start : high - start]


# book/scale/resume.md: Many files that count as one
from operator import itemgetter
from pathlib import Path
from secrets import token_bytes

from autograd_book.learn.saving import DIGEST, SavedFileError, load, read, save

LIST = "state"  #: The file that says which others belong together.


def checksum(path: Path) -> np.ndarray:
    """The last bytes of a file that `save` has written."""
    with open(path, "rb") as file:
        file.seek(-DIGEST, 2)
        return np.frombuffer(file.read(), np.uint8)


def part_path(folder: Path, token: str, rank: int) -> Path:
    """Where a rank writes."""
    return folder / f"{token}-{rank}.rank"


def save_state(folder: Any, world: Communicator, parts: Any, optimizer: Any, **things: Any) -> None:
    """Write the state of a run in pieces; until all of it is written, the old one counts.

    All ranks call it, between two steps.

    Parameters
    ----------
    folder : str or path
        One that all ranks see; made if it is not there, and used for one run.
    parts : Sharded, list of Sharded, or SpreadMemories
        What has the pieces.
    optimizer : Optimizer
        Of these pieces.
    **things
        Whatever else `save` takes. Each rank writes its own.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    draw = np.frombuffer(token_bytes(8), np.uint8)
    token = world.exchange("broadcast", draw, 0).tobytes().hex()
    mine = part_path(folder, token, world.rank)
    arrays = {name: a for name, (a, _) in arrays_of(owned_of(parts), optimizer).items()}
    numbers = {k: v for k, v in optimizer.state_dict().items() if f"memory {k}" not in arrays}
    named = {f"thing {name}": thing for name, thing in things.items()}
    save(mine, arrays=arrays, numbers=numbers, **named)
    sums = world.exchange("all_gather", checksum(mine))
    if world.rank == 0:
        for draft in folder.glob("*.part"):  # of a rank that was killed while it wrote
            draft.unlink()
        save(folder / LIST, token=token, sums=sums)
    world.exchange("all_gather", np.zeros(1))  # until the list is there
    for old in folder.glob("*.rank"):
        rank = int(old.stem.rpartition("-")[2])  # of a run that may have had more ranks
        if not old.name.startswith(token) and rank % world.size == world.rank:
            old.unlink()


# book/scale/resume.md: Many files that count as one
def checked(folder: Path, token: str, rank: int, expected: np.ndarray) -> dict[str, Any]:
    """What a rank has written, or the error that it is not what the list says."""
    path = part_path(folder, token, rank)
    if not path.exists():
        raise SavedFileError(
            f"{folder / LIST} names {path.name}, which is not there. Take an older copy of the "
            "whole folder."
        )
    found = read(path)
    if not np.array_equal(checksum(path), expected):
        raise SavedFileError(
            f"{path} is whole, and another file than {folder / LIST} names. Take both from the "
            "same copy of the folder."
        )
    return found


def recut(
    world: Communicator, files: Any, sizes: dict[str, int]
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """This rank's pieces from the files of all old ranks, and the numbers in the first."""
    new: dict[str, np.ndarray] = {}
    numbers: dict[str, Any] = {}
    for old_rank, file in enumerate(files):
        numbers = numbers or file["numbers"]
        for name, old in file["arrays"].items():
            size = whole_size(name, sizes)
            piece = new.setdefault(name, np.zeros(-(-size // world.size), old.dtype))
            take_overlap(piece, world.rank, old, old_rank, size)
    return new, numbers


def whole_size(name: str, sizes: dict[str, int]) -> int:
    """Size of the whole of a saved array: memories have that of their parameter."""
    if name not in sizes and (number := name.removeprefix("memory ").split(".")[0]) in sizes:
        name = number
    if name not in sizes:
        raise DifferentiationValueError(
            f"a state has {name!r}, and the layers given have {', '.join(sizes)}. Give the "
            "layers that were saved."
        )
    return sizes[name]


def sizes_by_name(owned: dict[str, Owned]) -> dict[str, int]:
    """Sizes of wholes, by the name of a value and by the number of a parameter."""
    named = {f"value {name}": o.size for name, o in owned.items()}
    return named | {str(i): o.size for i, o in enumerate(owned.values())}


# book/scale/resume.md: Many files that count as one
def load_state(
    folder: Any, world: Communicator, parts: Any, optimizer: Any, **things: Any
) -> dict[str, Any]:
    """Go on from what `save_state` has written, on as many ranks as there are now.

    All ranks call it. On the number of ranks that saved, the run goes on to the bit.

    Parameters
    ----------
    folder, parts, optimizer
        As in `save_state`; layers of the same shapes.
    **things
        Under the names that they were saved by. On another number of ranks, all get what
        rank 0 had.

    Returns
    -------
    dict
        The plain values that were saved.

    Raises
    ------
    SavedFileError
        If a file is missing, damaged, or not the one that belongs to the others.
    DifferentiationTypeError, DifferentiationValueError
        If something was not saved, or is of another shape. In any case nothing is changed.
    """
    folder, owned = Path(folder), owned_of(parts)
    arrays_of(owned, optimizer)  # or the error that they do not belong together
    listed = read(folder / LIST)
    token, sums = listed["token"], listed["sums"]
    same = len(sums) == world.size
    ranks = [world.rank] if same else range(len(sums))
    files = (checked(folder, token, rank, sums[rank]) for rank in ranks)
    if same:
        arrays, numbers = itemgetter("arrays", "numbers")(next(files))
    else:
        arrays, numbers = recut(world, files, sizes_by_name(owned))
    expect_fitting(arrays, owned)
    world.exchange("all_gather", np.zeros(1))  # until all have found all right
    source = part_path(folder, token, world.rank if same else 0)
    return put_in(parts, optimizer, arrays, numbers, source, things)


def put_in(
    parts: Any, optimizer: Any, arrays: Any, numbers: Any, source: Path, things: dict[str, Any]
) -> dict[str, Any]:
    """Let everything go on from what was read, or nothing; returns the plain values."""
    memories = {k.removeprefix("memory "): a for k, a in arrays.items() if k[:7] == "memory "}
    before = optimizer.state_dict()
    optimizer.load_state_dict(numbers | memories)
    try:
        left = load(source, **{f"thing {name}": thing for name, thing in things.items()})
    except BaseException:
        optimizer.load_state_dict(before)
        raise
    for name, o in owned_of(parts).items():
        o.piece.value = arrays[f"value {name}"].copy()
    if isinstance(parts, SpreadMemories):
        parts.put_back()
    return {k.removeprefix("thing "): v for k, v in left.items() if k[:6] == "thing "}


def expect_fitting(arrays: dict[str, np.ndarray], owned: dict[str, Owned]) -> None:
    """Raise unless there is a value of the right length and dtype for each piece."""
    for name, o in owned.items():
        found = arrays.get(f"value {name}")
        if found is None or found.shape != o.piece.shape or found.dtype != o.piece.dtype:
            what = "nothing" if found is None else f"{found.dtype} {found.shape}"
            raise DifferentiationValueError(
                f"a piece {name} of {o.piece.dtype} {o.piece.shape} was to be loaded, and the "
                f"state has {what}. Give the layers that were saved."
            )
