"""Schedules.

A schedule says which blocks of a chain are checkpointed together. Two families
of them are made by a formula.

::

    from autograd_book.memory.schedule import binomial, runs, segments

    print(segments(12, 4))
    print(sum(runs(segments(12, 4))), "runs of 12 blocks")
    print(binomial(12, 3))
    print(sum(runs(binomial(12, 3))), "runs of 12 blocks")
"""
# Generated from book/memory/schedule.md by autograd-book extract; edit the chapter, not this file.
# sha256: 558f8b1e6d78305ee08bb40b9e7071c2c4b6c515513152e7d30d556ee4b83bd5

__all__ = [
    "Schedule",
    "flat",
    "first_of",
    "forward",
    "backward",
    "events",
    "runs",
    "CALLS",
    "depth",
    "make_room",
    "segments",
    "binomial",
]


# book/memory/schedule.md: Schedules are trees
import sys
from collections import Counter
from collections.abc import Iterator
from math import comb
from typing import Any

Schedule = list[Any]  #: Blocks by number, and lists of them that are checkpointed.


def flat(part: Any) -> list[int]:
    """Numbers of the blocks in a part of a schedule, in order."""
    found, todo = [], [part]
    while todo:
        part = todo.pop()
        if isinstance(part, list):
            todo.extend(reversed(part))
        else:
            found.append(part)
    return found


def first_of(part: Any) -> int:
    """Number of the first block in a part of a schedule."""
    while isinstance(part, list):
        part = part[0]
    return int(part)


# book/memory/schedule.md: Schedules are trees
def forward(schedule: Schedule) -> Iterator[tuple[str, int]]:
    """What happens when a schedule is run: which block is run and keeps what it saves, which
    passes by, and which inputs are held."""
    for part in schedule:
        if isinstance(part, list):
            yield "hold", first_of(part)
            yield from (("skip", i) for i in flat(part))
        else:
            yield "keep", part


# book/memory/schedule.md: Schedules are trees
def backward(schedule: Schedule) -> Iterator[tuple[str, int]]:
    """What happens when a schedule is walked back."""
    todo: list[tuple[str, Any]] = [("back", part) for part in schedule]
    while todo:
        kind, part = todo.pop()
        if kind == "back" and isinstance(part, list):
            *most, last = part
            yield from forward(most)
            yield "hold" if isinstance(last, list) else "again", first_of(last)
            todo.append(("drop", part))
            todo.extend(("back", inner) for inner in part)
        else:
            yield kind, first_of(part)


# book/memory/schedule.md: Schedules are trees
def events(schedule: Schedule) -> list[tuple[str, int]]:
    """All that happens in a forward and a backward pass, in order."""
    return [*forward(schedule), *backward(schedule)]


def runs(schedule: Schedule) -> list[int]:
    """How often each block is run forward."""
    counts = Counter(i for kind, i in events(schedule) if kind in ("keep", "again", "skip"))
    return [counts[i] for i in flat(schedule)]


# book/memory/schedule.md: As deep as a schedule
CALLS = 12  #: Most calls of Python for each level of a schedule.


def depth(schedule: Schedule) -> int:
    """How many lists of a schedule are inside of each other."""
    deepest, todo = 0, [(schedule, 1)]
    while todo:
        parts, level = todo.pop()
        deepest = max(deepest, level)
        todo.extend((part, level + 1) for part in parts if isinstance(part, list))
    return deepest


def make_room(schedule: Schedule) -> None:
    """Let Python nest its calls as deeply as a schedule does."""
    needed = 1000 + CALLS * depth(schedule)
    sys.setrecursionlimit(max(sys.getrecursionlimit(), needed))


# book/memory/schedule.md: Every k
def segments(n: int, k: int) -> Schedule:
    """A schedule of n blocks with a checkpoint at every k-th; what comes after the last of
    them is kept, because it is walked at once."""
    ends = [list(range(start, min(start + k, n))) for start in range(0, n, k)]
    return [*ends[:-1], *ends[-1]]


# book/memory/schedule.md: Binomial
def binomial(n: int, slots: int, start: int = 0) -> Schedule:
    """The schedule of n equal blocks with the fewest runs, if no more than `slots` inputs
    are held at a time, the chain's own among them.

    Notes
    -----
    After A. Griewank and A. Walther, *Algorithm 799: revolve* (2000).
    """
    schedule: Schedule = []
    todo = [(schedule, n, slots, start)]
    while todo:
        into, n, slots, start = todo.pop()
        while n > 1 and slots > 0:
            repeats = next(t for t in range(1, n + 1) if comb(slots + t, slots) >= n)
            least = n - comb(slots + repeats - 1, slots - 1)
            left, inner = max(comb(slots + repeats - 2, slots), least, 1), list[Any]()
            into.append(inner)
            todo.append((inner, left, slots, start))
            n, slots, start = n - left, slots - 1, start + left
        into.extend(range(start, start + n))
    return schedule
