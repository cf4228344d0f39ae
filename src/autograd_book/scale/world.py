"""Ranks.

``alongside`` runs a function once for each rank, side by side, and gives the
list of their results; each gets a ``Communicator``, by which it exchanges
arrays with the others.

::

    import numpy as np
    from autograd_book.scale.world import alongside

    def program(world):
        mine = np.full(2, 10.0 ** world.rank)
        return world.exchange("all_reduce", mine)

    print(alongside(3, program))
"""
# Generated from book/scale/world.md by autograd-book extract; edit the chapter, not this file.
# sha256: dd10a8bbe8650a32227ab08675e4b71b64b8cfdb5cede8638ee08184ea1cdcc6

__all__ = [
    "in_single",
    "summed",
    "only_at",
    "routed",
    "MEANINGS",
    "ROOTED",
    "SPLIT",
    "RankError",
    "Asked",
    "Communicator",
    "as_routes",
    "as_call",
    "Board",
    "hopeless",
    "why_hopeless",
    "expect_same",
    "Neighbor",
    "alongside",
]


# book/scale/world.md: Eight words
from collections.abc import Callable
from typing import Any

import numpy as np


def in_single(dtype: Any) -> Any:
    """The dtype in which numbers are added up: single precision for those of two bytes."""
    return np.dtype(np.float32) if dtype.itemsize == 2 and dtype.kind in "fV" else dtype


def summed(parts: Any) -> Any:
    """Sum of the parts in the order of their ranks, rounded once."""
    kind, wide = parts[0].dtype, in_single(parts[0].dtype)
    return sum((p.astype(wide) for p in parts[1:]), parts[0].astype(wide)).astype(kind)


def only_at(root: int, rank: int, value: Any) -> Any:
    """The value on one rank, and zeros of its shape on the others."""
    return value if rank == root else np.zeros_like(value)


def routed(parts: Any, rank: int, routes: Any) -> Any:
    """What the routes bring to a rank: the part of another one, or zeros."""
    source = {to: start for start, to in routes}.get(rank)
    return np.zeros_like(parts[rank]) if source is None else parts[source]


#: What each collective means: from the parts of all ranks, the rank that asks, and how it
#: was asked for (a root, or routes), to what that rank gets.
MEANINGS: dict[str, Callable[[Any, int, Any], Any]] = {
    "all_reduce": lambda parts, rank, how: summed(parts),
    "all_gather": lambda parts, rank, how: np.stack(parts),
    "reduce_scatter": lambda parts, rank, how: summed([p[rank] for p in parts]),
    "all_to_all": lambda parts, rank, how: np.stack([p[rank] for p in parts]),
    "broadcast": lambda parts, rank, how: parts[how],
    "reduce": lambda parts, rank, how: only_at(how, rank, summed(parts)),
    "scatter": lambda parts, rank, how: parts[how][rank],
    "gather": lambda parts, rank, how: only_at(how, rank, np.stack(parts)),
    "permute": routed,
}
#: Those with a root, and those that are given one part for each rank.
ROOTED = {"broadcast", "reduce", "scatter", "gather"}
SPLIT = {"reduce_scatter", "scatter", "all_to_all"}


# book/scale/world.md: What a rank can do
from typing import NamedTuple

from autograd_book.graph.errors import AutogradError, DifferentiationValueError


class RankError(AutogradError, RuntimeError):
    """A collective that cannot come about: another rank has failed, has ended, or asks for
    something else."""


class Asked(NamedTuple):
    """What a rank asks for: all ranks must ask for the same."""

    name: str
    how: Any  #: The root, the routes, or None.
    shape: tuple[int, ...]
    dtype: Any

    def __str__(self) -> str:
        how = "" if self.how is None else f" with {self.how}"
        return f"{self.name} of {self.dtype} {self.shape}{how}"


class Communicator:
    """What one rank of a world can do.

    Attributes
    ----------
    rank, size : int
        Its number, from 0, and the number of ranks.
    """

    # what is in slots is out of a compiler's sight: calls are counted, and nobody else's state
    __slots__ = ("rank", "size")

    rank: int
    size: int

    def start(self, name: str, part: Any, how: Any = None) -> Callable[[], Any]:
        """Give in an array for a collective; returns a function that waits for the result."""
        raise NotImplementedError

    def exchange(self, name: str, part: Any, how: Any = None) -> Any:
        """Take part in a collective, and wait for the result, a new array."""
        return self.start(name, part, how)()

    def send(self, part: Any, to: int) -> None:
        """Send an array to one rank, without waiting until it arrives."""
        raise NotImplementedError

    def receive(self, source: int) -> Any:
        """Wait for the next array that one rank has sent."""
        raise NotImplementedError


# book/scale/world.md: What a rank can do
def as_routes(size: int, routes: Any) -> tuple[tuple[int, int], ...]:
    """Pairs of a rank that sends and one that receives, each at most once on each side."""
    pairs = tuple((int(start), int(to)) for start, to in routes)
    for side in zip(*pairs):
        if len(set(side)) < len(side) or not set(side) <= set(range(size)):
            raise DifferentiationValueError(
                f"the routes {pairs} were given for {size} ranks. Give pairs (from, to), with "
                f"each rank from 0 to {size - 1} at most once on each side."
            )
    return pairs


def as_call(world: Communicator, name: str, part: Any, how: Any) -> tuple[Asked, Any]:
    """A call and its array, or the error that says what is wrong with it."""
    part, size = np.asarray(part), world.size
    if name not in MEANINGS:
        raise DifferentiationValueError(
            f"there is no collective {name!r}. There are {', '.join(MEANINGS)}."
        )
    if name in SPLIT and part.shape[:1] != (size,):
        raise DifferentiationValueError(
            f"{name} over {size} ranks was given an array of shape {part.shape}. Give one "
            "part for each rank along the first axis."
        )
    if name in ROOTED and how not in range(size):
        raise DifferentiationValueError(
            f"{name} over {size} ranks was given the root {how!r}. Give a rank from 0 to "
            f"{size - 1}."
        )
    how = as_routes(size, how) if name == "permute" else how
    return Asked(name, how, part.shape, part.dtype), part


# book/scale/world.md: A place to meet
import threading
from collections import defaultdict, deque


class Board:
    """Where ranks meet that are threads of one process."""

    __slots__ = ("calls", "changed", "ended", "mail", "served", "size", "waits")

    def __init__(self, size: int) -> None:
        self.size = size
        #: For each number of a call, what each rank asked for and gave.
        self.calls: dict[int, dict[int, tuple[Asked, Any]]] = defaultdict(dict)
        self.served: dict[int, int] = defaultdict(int)  #: How many have read it.
        self.mail: dict[tuple[int, int], deque[Any]] = defaultdict(deque)
        self.waits: dict[int, tuple[Callable[[], bool], str]] = {}  #: Who waits, and for what.
        self.ended: dict[int, BaseException | None] = {}  #: Who has ended, and how.
        self.changed = threading.Condition()

    def change(self, action: Callable[..., Any], *args: Any) -> Any:
        """Change what is on the board, and let those who wait look again."""
        with self.changed:
            result = action(*args)
            self.changed.notify_all()
            return result

    def post(self, number: int, rank: int, call: Asked, part: Any) -> None:
        """Put up what a rank gives for a call."""
        self.calls[number][rank] = call, part

    def wait(self, rank: int, ready: Callable[[], bool], what: str) -> None:
        """Wait until something is ready, or until it cannot become so any more."""
        with self.changed:
            self.waits[rank] = ready, what
            self.changed.notify_all()
            self.changed.wait_for(lambda: ready() or hopeless(self))
            trouble = "" if ready() else why_hopeless(self, rank, what)
            del self.waits[rank]
        if trouble:
            raise RankError(trouble)

    def meet(self, number: int, rank: int, call: Asked) -> list[Any]:
        """Wait for the parts of all ranks, in their order."""
        entries = self.calls[number]
        self.wait(rank, lambda: len(entries) == self.size, f"{call}, its call {number}")
        expect_same(number, [entries[r][0] for r in range(self.size)])
        with self.changed:
            self.served[number] += 1
            if self.served[number] == self.size:
                del self.calls[number], self.served[number]
        return [entries[r][1] for r in range(self.size)]


# book/scale/world.md: A place to meet
def hopeless(board: Board) -> bool:
    """Whether a rank has failed, or all that run wait for what is not there."""
    if any(board.ended.values()):
        return True
    running = board.size - len(board.ended)
    return len(board.waits) == running and not any(
        ready() for ready, _ in board.waits.values()
    )


def why_hopeless(board: Board, rank: int, what: str) -> str:
    """What a rank is told that waits in vain."""
    for other, error in board.ended.items():
        if error:
            return (
                f"rank {rank} waited in {what}, and rank {other} ended with "
                f"{type(error).__name__}: {error} Mend what happened on rank {other}."
            )
    waiting = [f"rank {r} in {w}" for r, (_, w) in sorted(board.waits.items())]
    ended = [f"rank {r} has ended" for r in sorted(board.ended)]
    return (
        f"all ranks that run are waiting: {'; '.join(waiting + ended)}. Let all ranks make "
        "the same calls in the same order, and send before they receive."
    )


def expect_same(number: int, calls: list[Asked]) -> None:
    """Raise RankError unless all ranks asked for the same in a call."""
    for rank, call in enumerate(calls):
        if call != calls[0]:
            raise RankError(
                f"in call {number} rank 0 asked for {calls[0]}, and rank {rank} for {call}. "
                "Let all ranks make the same calls in the same order, with arrays of one "
                "shape and dtype."
            )


# book/scale/world.md: A place to meet
from functools import partial


class Neighbor(Communicator):
    """A rank that is a thread, among others of one process."""

    __slots__ = ("board", "number")

    def __init__(self, board: Board, rank: int) -> None:
        self.board, self.rank, self.size, self.number = board, rank, board.size, 0

    def start(self, name: str, part: Any, how: Any = None) -> Callable[[], Any]:
        call, part = as_call(self, name, part, how)
        number, self.number = self.number, self.number + 1
        self.board.change(self.board.post, number, self.rank, call, np.array(part))
        return partial(self.finish, number, call)

    def finish(self, number: int, call: Asked) -> Any:
        """Wait for the others, and compute what this rank gets."""
        parts = self.board.meet(number, self.rank, call)
        return np.array(MEANINGS[call.name](parts, self.rank, call.how))

    def send(self, part: Any, to: int) -> None:
        self.board.change(self.board.mail[self.rank, to].append, np.array(part))

    def receive(self, source: int) -> Any:
        letters = self.board.mail[source, self.rank]
        self.board.wait(self.rank, lambda: len(letters) > 0, f"receive from rank {source}")
        return letters.popleft()


# book/scale/world.md: A place to meet
def alongside(size: int, program: Callable[..., Any], *args: Any) -> list[Any]:
    """Run a program once for each rank, in threads side by side.

    Parameters
    ----------
    size : int
        Number of ranks.
    program : callable
        ``program(world, *args)``; its first argument is the `Communicator` of the rank.

    Returns
    -------
    list
        What the program returned on each rank.

    Raises
    ------
    RankError
        If the ranks do not make the same calls, or all wait.
    Exception
        What a rank raised, with the number of the rank as a note.
    """
    board, results = Board(size), [None] * size

    def run(rank: int) -> None:
        error: BaseException | None = None
        try:
            results[rank] = program(Neighbor(board, rank), *args)
        except BaseException as raised:
            raised.add_note(f"This was on rank {rank} of {size}.")
            error = raised
        board.change(board.ended.__setitem__, rank, error)

    threads = [threading.Thread(target=run, args=(r,), daemon=True) for r in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    failed = {r: e for r, e in sorted(board.ended.items()) if e}
    if failed:
        raise min(failed.values(), key=lambda error: isinstance(error, RankError))
    return results
