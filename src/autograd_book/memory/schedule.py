"""Schedules.

``checkpoint_sequential`` runs a chain of blocks by a schedule: given as every
so many blocks, as a number of slots, as a number of bytes, or as it is.

::

    import numpy as np
    import autograd_book as ab
    from autograd_book.memory.schedule import binomial, checkpoint_sequential, runs

    blocks = [ab.nn.Sequential(ab.nn.Linear(8, 8, rng=i), np.tanh) for i in range(12)]
    network = checkpoint_sequential(blocks, slots=3)
    np.sum(network(np.ones((4, 8), np.float32))).backward()
    print(network.schedule)
    print(sum(runs(network.schedule)), "runs of 12 blocks")
"""
# Generated from book/memory/schedule.md by autograd-book extract; edit the chapter, not this file.
# sha256: a6179c10ee4edce91b00afef5474cecd1147f97fa0ddd58178f1f61c07547999

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
    "Costs",
    "Prediction",
    "predict",
    "delivery",
    "Tally",
    "weighed",
    "seconds",
    "cotangents",
    "last_recall",
    "block_bytes",
    "block_times",
    "measure_blocks",
    "counted_once",
    "expect_one",
    "named",
    "expect_number_from",
    "Needs",
    "least",
    "least_of",
    "unfolded",
    "groups",
    "piece",
    "PRICES",
    "forms",
    "cheapest",
    "as_block",
    "as_blocks",
    "Plan",
    "shifted",
    "optimal",
    "Checkpointed",
    "checkpoint_sequential",
    "expect_count",
    "ROOM",
    "with_room",
    "by_budget",
    "in_order",
    "PLANS",
]


# book/memory/schedule.md: Schedules are trees
from collections import Counter
from collections.abc import Iterator
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


def forward(schedule: Schedule) -> Iterator[tuple[str, int]]:
    """What happens when a schedule is run: which block is run and keeps what it saves, which
    passes by, and which inputs are held."""
    for part in schedule:
        if isinstance(part, list):
            yield "hold", first_of(part)
            yield from (("skip", i) for i in flat(part))
        else:
            yield "keep", part


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


def events(schedule: Schedule) -> list[tuple[str, int]]:
    """All that happens in a forward and a backward pass, in order."""
    return [*forward(schedule), *backward(schedule)]


def runs(schedule: Schedule) -> list[int]:
    """How often each block is run forward."""
    counts = Counter(i for kind, i in events(schedule) if kind in ("keep", "again", "skip"))
    return [counts[i] for i in flat(schedule)]


# book/memory/schedule.md: Schedules are trees
import sys

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
from math import comb


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


# book/memory/schedule.md: Costs
from typing import NamedTuple

import numpy as np


class Costs(NamedTuple):
    """What each block of a chain takes: bytes, and times in seconds."""

    inputs: Any  #: Bytes of the input of each block, and of the last output.
    kept: Any  #: Bytes held for the way back, besides the input and the output.
    noted: Any  #: Bytes held where it is checkpointed.
    saves_input: Any  #: Whether its input is among its saved values.
    saves_output: Any  #: Whether its output is.
    keep_peak: Any  #: Most bytes above those before, while it is run and keeps.
    pass_peak: Any  #: The same while it is run inside a checkpoint.
    again_peak: Any  #: The same in a run that ends with the last value that is needed.
    back_peak: Any  #: The same while it is walked.
    gradients: Any  #: Bytes of gradients of its parameters.
    keep_time: Any  #: Time of a run that keeps.
    pass_time: Any  #: Time of a run inside a checkpoint.
    again_time: Any  #: Time of a run that ends with the last value that is needed.
    back_time: Any  #: Time of its way back.


# book/memory/schedule.md: Costs
class Prediction(NamedTuple):
    """What a schedule takes."""

    peak: int  #: Most bytes at a time, above those before the forward pass.
    time: float  #: Seconds.
    saved: int  #: Most bytes of saved values at a time, held inputs of blocks among them.


def predict(schedule: Schedule, costs: Costs) -> Prediction:
    """Follow a schedule event by event, and add up bytes and seconds."""
    tally = Tally(costs)
    for way in (forward(schedule), backward(schedule)):
        for kind, i in way:
            getattr(tally, kind)(i)
        tally.cotangent = costs.inputs[-1]
    tally.meet(delivery(costs), 0.0)
    return Prediction(int(tally.peak), float(tally.time), int(tally.saved))


def delivery(costs: Costs) -> Any:
    """Bytes of the gradients that are copied when they are delivered."""
    return costs.gradients.sum() + costs.inputs[0]


# book/memory/schedule.md: Costs
class Tally:
    """What is held in the course of a schedule, the most so far, and the time so far."""

    def __init__(self, costs: Costs) -> None:
        self.costs, self.holders = costs, [0] * len(costs.inputs)
        self.chain = 0  #: Bytes of chain values that are held, without the caller's.
        self.blocks = self.graph = self.gradients = self.cotangent = 0
        self.peak = self.saved = 0
        self.time = 0.0

    def meet(self, rise: Any, time: Any, current: int | None = None) -> None:
        """Something that takes bytes for a time, above what is held and one chain value."""
        held = self.chain + self.blocks
        self.saved = max(self.saved, held)
        if current and not self.holders[current]:
            held = held + self.costs.inputs[current]
        held = held + self.graph + self.gradients + self.cotangent
        self.peak = max(self.peak, held + rise)
        self.time += time

    def count(self, i: int, more: int) -> None:
        """More hold a chain value than before, or fewer."""
        before, now = self.holders[i], self.holders[i] + more
        self.holders[i] = now
        if i:
            self.chain = self.chain + self.costs.inputs[i] * ((now > 0) - (before > 0))

    def block(self, i: int, count: int) -> None:
        """Saved values of block i begin to be held, or cease to be."""
        self.count(i, count * int(self.costs.saves_input[i]))
        self.count(i + 1, count * int(self.costs.saves_output[i]))
        self.blocks += count * self.costs.kept[i]

    def hold(self, i: int) -> None:
        """The input of block i is held."""
        self.count(i, 1)

    def drop(self, i: int) -> None:
        """It is held no longer."""
        self.count(i, -1)

    def skip(self, i: int) -> None:
        """Block i is run inside of a checkpoint."""
        self.meet(self.costs.pass_peak[i], self.costs.pass_time[i], i)
        self.graph += 0 if self.cotangent else self.costs.noted[i]

    def keep(self, i: int) -> None:
        """Block i is run, and its saved values are kept."""
        self.meet(self.costs.keep_peak[i], self.costs.keep_time[i], i)
        self.block(i, 1)

    def again(self, i: int) -> None:
        """The same for the last block of a replay."""
        self.meet(self.costs.again_peak[i], self.costs.again_time[i], i)
        self.block(i, 1)

    def back(self, i: int) -> None:
        """Block i is walked."""
        self.meet(self.costs.back_peak[i], self.costs.back_time[i])
        self.block(i, -1)
        self.gradients += self.costs.gradients[i]
        self.cotangent = self.costs.inputs[i]


# book/memory/schedule.md: Measured
import gc
import time
import tracemalloc
from collections.abc import Callable
from functools import partial

from autograd_book.graph.backward import reachable, walk
from autograd_book.graph.errors import DifferentiationTypeError, DifferentiationValueError
from autograd_book.graph.record import Leaf
from autograd_book.graph.variable import Variable, bottom, top
from autograd_book.memory.checkpoint import (
    Ticket, checkpoint, put_back, recording, saved_arrays, sources_of_chance,
    state_of,
)
from autograd_book.memory.books import owner_of
from autograd_book.modes.batch import Batched
from autograd_book.modes.transforms import Fun, name_of


def weighed(run: Callable[[], Any]) -> tuple[Any, int, int]:
    """The result of a run, the bytes that it leaves, and the most on the way."""
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    result = run()
    now, peak = tracemalloc.get_traced_memory()
    return result, now - before, peak - before


def seconds(run: Callable[[], Any]) -> tuple[Any, float]:
    """The result of a run, and how long it took."""
    start = time.perf_counter()
    result = run()
    return result, time.perf_counter() - start


def cotangents(out: Variable) -> dict[Leaf, Any]:
    """Walk back from a result."""
    return walk(out.node, np.ones(out.shape, out.dtype), top.get().pull)  # type: ignore[arg-type]


def last_recall(out: Variable) -> Callable[[], Any]:
    """What recalls the ticket that a walk from a checkpointed result meets first; it does
    nothing if there is none."""
    kept = (node.saved for node in reversed(reachable(out.node)))  # type: ignore[arg-type]
    return next((saved.recall for saved in kept if type(saved) is Ticket), tuple)


# book/memory/schedule.md: Measured
def block_bytes(block: Fun, x: Any) -> tuple[Any, ...]:
    """Output of a block, and its row of `Costs` as far as it is bytes."""
    v = Variable(x)
    out, left, keep_peak = weighed(lambda: block(v))
    value = bottom(out)
    memory = saved_arrays(reachable(out.node))
    _, _, table = weighed(partial(reachable, out.node))  # of the walk
    found, _, back_peak = weighed(partial(cotangents, out))
    gradients = {leaf: part.nbytes for leaf, part in found.items() if leaf is not v.node}
    del found, out
    out, noted, pass_peak = weighed(lambda: checkpoint(checkpoint(block))(v))
    recall, size = last_recall(out), value.nbytes
    del out
    _, _, again_peak = weighed(recall)
    kept, noted, back_peak = (max(0, b - size) for b in (left + table, noted + table, back_peak))
    return (
        value, kept, noted, id(owner_of(v.value)) in memory, id(owner_of(value)) in memory,
        keep_peak, pass_peak, again_peak, back_peak, gradients,
    )


# book/memory/schedule.md: Measured
def block_times(block: Fun, x: Any) -> tuple[float, float, float, float]:
    """The row of `Costs` as far as it is times."""
    v = Variable(x)
    out, keep = seconds(lambda: block(v))
    _, back = seconds(lambda: cotangents(out))
    out, passing = seconds(lambda: checkpoint(block)(v))
    recall = last_recall(out)
    _, again = seconds(recall)
    return keep, passing, again, back


# book/memory/schedule.md: Measured
def measure_blocks(blocks: Any, x: Any, rounds: int = 3) -> Costs:
    """Run each block of a chain forward and back, and measure.

    Parameters
    ----------
    blocks : iterable of callable
        Each takes what the one before it returns.
    x : array or Variable
        What enters the first.
    rounds : int
        How often times are measured; the shortest are taken.
    """
    expect_one(x)
    blocks, value, rows = list(blocks), np.asarray(bottom(x)), []
    gradients: list[dict[Leaf, int]] = []
    inputs = [value.nbytes]
    before = [(s, state_of(s)) for s in sources_of_chance(blocks)]
    gc.collect()
    tracing = tracemalloc.is_tracing()
    try:
        for i, block in enumerate(blocks):
            expect_number_from(i, block, value)
            times = [block_times(block, value) for _ in range(rounds)]
            tracemalloc.start()
            following, *row = block_bytes(block, value)
            if not tracing:
                tracemalloc.stop()
            gradients.append(row.pop())
            rows.append([*row, *np.min(times, axis=0)])
            value = following
            inputs.append(value.nbytes)
    finally:
        if not tracing:
            tracemalloc.stop()
        put_back(before)
    rows = [[*row[:8], g, *row[8:]] for row, g in zip(rows, counted_once(gradients))]
    return Costs(np.array(inputs), *map(np.array, zip(*rows)))


def counted_once(found: list[dict[Leaf, int]]) -> list[int]:
    """Bytes of the gradients of each block; those of a parameter that several blocks share
    count for the last of them, which is walked first."""
    seen: set[Leaf] = set()
    sums = []
    for gradients in reversed(found):
        sums.append(sum(size for leaf, size in gradients.items() if leaf not in seen))
        seen |= gradients.keys()
    return sums[::-1]


# book/memory/schedule.md: Measured
def expect_one(x: Any) -> None:
    """Raise DifferentiationTypeError for a batch, which has no bytes that could be measured."""
    if type(bottom(x)) is Batched:
        raise DifferentiationTypeError(
            "a chain with a budget was called inside vmap, with examples of shape "
            f"{np.shape(x)}, before it was measured. Call it once outside, with a plain array "
            "of that shape, or give every, slots or a schedule."
        )


def named(i: int, block: Fun) -> Fun:
    """A block whose errors tell its number."""

    def apply(x: Any) -> Any:
        try:
            return block(x)
        except Exception as error:
            called = f"{name_of(block)}, given shape {np.shape(x)}"
            error.add_note(f"in block {i} of a chain, {called}")
            raise

    return apply


def expect_number_from(i: int, block: Fun, value: Any) -> None:
    """Raise DifferentiationTypeError unless a block returns one array to differentiate."""
    out = named(i, block)(Variable(value))
    if type(out) is not Variable or out.node is None:
        raise DifferentiationTypeError(
            f"block {i} of a chain, {name_of(block)}, returned a {type(out).__name__} that "
            "does not depend on its input. Let each block return one array, made from the "
            "one it is given."
        )


# book/memory/schedule.md: Optimal
class Needs:
    """What the events of a chain need, in bytes.

    Attributes
    ----------
    inputs, keep, saves_input, saves_output : array
        By block, as in `Costs`; `keep` with the output, if that is saved.
    """

    def __init__(self, costs: Costs, final: bool = True) -> None:
        self.costs, self.inputs, self.n = costs, costs.inputs, len(costs.kept)
        self.final = final  #: Whether nothing comes after the last block.
        self.kept = costs.kept + costs.inputs[1:] * costs.saves_output
        later = np.cumsum(costs.gradients[::-1])[::-1] - costs.gradients + costs.inputs[1:]
        self.walk = costs.back_peak + later
        #: Gradients and the cotangent, while blocks up to this one are run again.
        self.replaying = np.append(later[:-1], 0 if final else later[-1])

    def holds(self, first: Any, held: Any) -> Any:
        """Bytes that a block takes when it is kept; `held` says whether its input is held
        already."""
        saves = self.costs.saves_input[first] & np.logical_not(held)
        return self.kept[first] + self.inputs[first] * saves

    def ends(self, first: Any, last: Any) -> Any:
        """Whether a run of the first block of a part ends a replay."""
        return (first == last) & np.logical_not(self.final & (last == self.n - 1))

    def keep(self, first: Any, last: Any, held: int) -> Any:
        """Bytes to keep the first block of a part of the chain, or of many parts."""
        current = 0 if held else self.inputs[first]
        ends, rises = self.ends(first, last), (self.costs.again_peak, self.costs.keep_peak)
        run = np.where(ends, *(rise[first] for rise in rises)) + self.replaying[last] + current
        return np.maximum(run, self.holds(first, held) + self.walk[first])

    def passing(self, first: int) -> Any:
        """Bytes to pass by a block whose input is held, by two, and so on to the end."""
        inside = np.append(0, self.inputs[first + 1 : self.n])
        return np.maximum.accumulate(self.costs.pass_peak[first:] + inside)


# book/memory/schedule.md: Optimal
def least(costs: Costs) -> tuple[int, Schedule]:
    """The smallest number of bytes in which a chain can be walked, and how."""
    needs, n = Needs(costs), len(costs.kept)
    #: Bytes and first split of parts, by whether the input is held, first block and length.
    found, place = np.zeros((2, n, n)), np.zeros((2, n, n), np.int16)
    ending, passing = np.zeros((n, n)), np.zeros((n, n))  # the former by last block and length
    for first in range(n):
        passing[first, : n - first] = needs.passing(first)
    for more in range(n):
        firsts, lasts = np.arange(n - more), np.arange(more, n)
        there, split, rest = np.full(n - more, np.inf), 0, 0
        if more:
            both = np.maximum(found[1, : n - more, :more], ending[more:, more - 1 :: -1])
            run = passing[: n - more, :more] + needs.replaying[lasts, None]
            there, split = least_of(np.maximum(both, run, out=both))
            rest = found[costs.saves_output[firsts].astype(int), firsts + 1, more - 1]
        for held in (1, 0):
            keep = np.maximum(needs.keep(firsts, lasts, held), needs.holds(firsts, held) + rest)
            again = there if held else there + needs.inputs[firsts]
            place[held, firsts, more] = np.where(keep <= again, 0, split)
            found[held, firsts, more] = np.minimum(keep, again)
        ending[more:, more] = found[0, firsts, more]
    end = costs.gradients.sum() + costs.inputs[0] + delivery(costs)
    smallest = max(found[1, 0, n - 1], end) + costs.noted.sum()
    return int(np.ceil(smallest)), unfolded(place, costs.saves_output)


def least_of(ways: Any) -> tuple[Any, Any]:
    """The least number in each row, and its place from 1."""
    place = ways.argmin(axis=1)
    return np.take_along_axis(ways, place[:, None], axis=1)[:, 0], 1 + place


def unfolded(place: Any, saves_output: Any) -> Schedule:
    """The schedule of a chain from the first split of each part, 0 for a block that is kept."""
    schedule: Schedule = []
    todo = [(schedule, 0, len(saves_output), 1)]
    while todo:
        into, first, end, held = todo.pop()
        while first < end:
            split, inner = int(place[held, first, end - first - 1]), list[Any]()
            into.append(inner if split else first)
            if split:
                todo.append((inner, first, first + split, 1))
            held = 0 if split else int(saves_output[first])
            first += split or 1
    return schedule


# book/memory/schedule.md: Optimal
from itertools import pairwise


def groups(costs: Costs, most: int) -> list[int]:
    """Where groups of blocks begin, and the end; each group has about the same share of the
    bytes, of the time and of the blocks."""
    n = len(costs.kept)
    parts = (costs.kept + costs.inputs[1:], costs.keep_time + costs.back_time, np.ones(n))
    shares = np.cumsum(sum(part / max(part.sum(), 1e-300) for part in parts))
    if n <= most:
        return list(range(n + 1))
    inside = 1 + np.searchsorted(shares, shares[-1] * np.arange(1, most) / most)
    return sorted({0, *map(int, inside), n})


def piece(costs: Costs, start: int, end: int) -> Costs:
    """Costs of a part of a chain."""
    rows = {name: row[start:end] for name, row in costs._asdict().items()}
    return Costs(**{**rows, "inputs": costs.inputs[start : end + 1]})


# book/memory/schedule.md: Optimal
PRICES = np.append(0.0, np.geomspace(2e-2, 1e2, 25))  #: Of all bytes, in units of all time.


def forms(costs: Costs) -> list[Schedule]:
    """Ways to keep a group of blocks: for each price of a byte, the one that costs least."""
    n, needs = len(costs.kept), Needs(costs, False)
    if n == 1:
        return [[0]]
    holds = needs.holds(np.arange(n), np.append(1, costs.saves_output[:-1]))
    time, held = np.full((n + 1, n + 1), np.inf), np.zeros((n + 1, n + 1))
    for first in range(n):  # a row of blocks that is run again, up to each end
        run = np.cumsum(costs.keep_time[first:]) - costs.keep_time[first:] + costs.again_time[first:]
        time[first, first + 1 :] = np.cumsum(costs.pass_time[first:]) + run
        held[first, first + 1 :] = costs.inputs[first]
    each = np.arange(n)
    found: list[Schedule] = []
    for price in PRICES * (costs.keep_time.sum() / max(holds.sum(), 1e-300)):
        again, keep = time + price * held, costs.keep_time + price * holds
        form = cheapest(again, keep, each)
        if form not in found:
            found.append(form)
    return found


def cheapest(again: Any, keep: Any, blocks: Any) -> Schedule:
    """The form of least cost, from the costs of rows of blocks that are run again, by start
    and end, and of single blocks that are kept."""
    cost, form = [0.0], [list[Any]()]
    for end in (*blocks[1:], len(blocks)):
        ways = np.array(cost) + again[:end, end]
        start, kept = int(ways.argmin()), cost[-1] + keep[end - 1]
        row = [[*range(start, end)]] if ways[start] < kept else [end - 1]
        form.append([*form[start if ways[start] < kept else end - 1], *row])
        cost.append(min(ways[start], kept))
    return form[-1]


# book/memory/schedule.md: Optimal
def as_block(costs: Costs, form: Schedule) -> Costs:
    """Costs of a group of blocks in some form, as if it were one block."""
    bare, last = costs._replace(noted=0 * costs.noted), form[-1]
    tally, replay = Tally(bare), Tally(bare)
    for kind, i in forward(form):
        getattr(tally, kind)(i)
    held, rise, time = tally.chain + tally.blocks, tally.peak, tally.time
    saves_input, saves_output = tally.holders[0] > 0, tally.holders[-1] > 0
    tally.peak, tally.cotangent = 0, costs.inputs[-1]
    for kind, i in backward(form):
        getattr(tally, kind)(i)
    for kind, i in (*forward(form[:-1]), ("hold" if isinstance(last, list) else "again", first_of(last))):
        getattr(replay, kind)(i)
    passing = Needs(costs).passing(0)[-1]
    numbers = (
        held - costs.inputs[-1] * saves_output, costs.noted.sum(), saves_input, saves_output,
        rise, passing, replay.peak, tally.peak - held - costs.inputs[-1],
        costs.gradients.sum(), time, costs.pass_time.sum(), replay.time, tally.time - time,
    )
    return Costs(costs.inputs[[0, -1]], *map(np.array, numbers))


def as_blocks(costs: Costs, cuts: list[int], kept: list[list[Schedule]], rank: int) -> Costs:
    """Costs of a chain whose blocks are groups of another's, in their form of some rank."""
    rows = [
        as_block(piece(costs, a, b), known[min(rank, len(known) - 1)])
        for (a, b), known in zip(pairwise(cuts), kept, strict=True)
    ]
    return Costs(costs.inputs[cuts], *(np.array(row) for row in zip(*(r[1:] for r in rows), strict=True)))


# book/memory/schedule.md: Optimal
class Plan:
    """The fastest schedules of all parts of a chain, for all budgets up to one.

    Parameters
    ----------
    costs : Costs
        Of the blocks.
    budget : float
        Bytes.
    cells : int
        In how many equal cells the budget is counted; bytes are rounded up to whole cells.
    most : int
        A longer chain is planned in so many groups of blocks, and each group by itself.
    start : int
        Number of the first block.
    final : bool
        Whether nothing comes after the last.

    Notes
    -----
    After O. Beaumont and others, *Optimal checkpointing for heterogeneous chains* (2019).
    """

    def __init__(
        self,
        costs: Costs,
        budget: float,
        cells: int = 400,
        most: int = 100,
        start: int = 0,
        final: bool = True,
    ) -> None:
        self.cells, self.unit = cells, budget / cells
        cuts = groups(costs, most)
        self.start, self.cuts, n = start, cuts, len(cuts) - 1
        self.forms = [forms(piece(costs, a, b)) for a, b in pairwise(cuts)]
        ranks = range(max(map(len, self.forms)))
        #: What groups need in their forms, the fastest first.
        self.needs = [Needs(as_blocks(costs, cuts, self.forms, k), final) for k in ranks]
        self.costs = self.needs[0].costs
        #: By group: bytes of the gradients of later ones, and a plan of its own.
        self.later = self.costs.gradients.sum() - np.cumsum(self.costs.gradients)
        self.inner = [
            Plan(piece(costs, a, b), budget, cells, most, start + a, final and b == cuts[-1])
            if b - a > 1 else None
            for a, b in pairwise(cuts)
        ]
        #: By whether the input is held, first block, last block, and budget in cells.
        self.time = np.full((2, n, n, cells + 1), np.inf)
        self.place = np.zeros((2, n, n, cells + 1), np.int16)  #: Where to split.
        for size in range(n):
            for first in range(n - size):
                self.fill(first, first + size)
        self.best = self.time[:, 0, -1].copy()  #: Of the whole chain.
        del self.time

    def in_cells(self, size: Any) -> Any:
        """Bytes in cells, rounded up; what is too large for the budget, one cell too large."""
        return np.minimum(np.ceil(size / self.unit), self.cells + 1).astype(int)

    def after(self, times: Any, size: Any) -> Any:
        """Times by budget, if some bytes of it are taken first."""
        taken = self.in_cells(size)
        moved = np.full_like(times, np.inf if times.dtype.kind == "f" else 0)
        moved[..., taken:] = times[..., : self.cells + 1 - taken]
        return moved

    def within(self, times: Any, sizes: Any) -> Any:
        """Times by budget, infinite where some sizes do not fit."""
        short = np.arange(self.cells + 1) < np.atleast_1d(self.in_cells(sizes))[:, None]
        return np.where(short, np.inf, times)

    def fill(self, first: int, last: int) -> None:
        """Find the best way through a part of the chain."""
        costs, needs = self.costs, self.needs[0]
        split, best = np.full(self.cells + 1, np.inf), np.zeros(self.cells + 1, int)
        if first < last:
            passing = np.cumsum(costs.pass_time[first:last])[:, None]
            both = self.time[1, first, first:last] + self.time[0, first + 1 : last + 1, last]
            run = needs.passing(first)[: last - first] + needs.replaying[last]
            ways = self.within(passing + both, run)
            split, best = ways.min(axis=0), first + 1 + ways.argmin(axis=0)
        for held in (1, 0):
            size = 0 if held else needs.inputs[first]
            ways = [(self.after(split, size), self.after(best, size))]
            ways += [(self.kept(rank, first, last, held), -1 - rank) for rank in range(len(self.forms[first]))]
            if first == last and (inner := self.inner[first]):
                ways += [(self.after(inner.best[held], self.later[first]), -1 - len(self.forms[first]))]
            time, place = ways[1]
            for other, its in (*ways[2:], ways[0]):
                place = np.where(time <= other, place, its)
                time = np.minimum(time, other)
            self.time[held, first, last], self.place[held, first, last] = time, place

    def kept(self, rank: int, first: int, last: int, held: int) -> Any:
        """Times by budget, if the first group of a part is kept in its form of some rank."""
        needs = self.needs[rank]
        costs, rest = needs.costs, np.zeros(self.cells + 1)
        if first < last:
            rest = self.time[int(costs.saves_output[first]), first + 1, last]
        run = (costs.again_time if needs.ends(first, last) else costs.keep_time)[first]
        times = run + costs.back_time[first] + self.after(rest, needs.holds(first, held))
        (times,) = self.within(times, needs.keep(first, last, held))
        return times

    def schedule(self, cells: int, first: int = 0, last: int = -1, held: int = 1) -> Schedule:
        """The best schedule of a part, or of the whole, in so many cells."""
        found: Schedule = []
        last = last % len(self.forms)
        while first <= last:
            split = int(self.place[held, first, last, cells])
            known, inner = self.forms[first], self.inner[first]
            if split >= 0:
                cells -= 0 if held else int(self.in_cells(self.costs.inputs[first]))
                found.append(self.schedule(cells, first, split - 1))
                held = 0
            elif -1 - split < len(known):
                needs = self.needs[-1 - split]
                cells -= int(self.in_cells(needs.holds(first, held)))
                found.extend(shifted(known[-1 - split], self.start + self.cuts[first]))
                held = int(needs.costs.saves_output[first])
            elif inner:
                cells -= int(self.in_cells(self.later[first]))
                found.extend(inner.schedule(cells, held=held))
            first = max(split, first + 1)
        return found


def shifted(schedule: Schedule, start: int) -> Schedule:
    """A schedule whose blocks have larger numbers."""
    return [shifted(p, start) if isinstance(p, list) else p + start for p in schedule]


# book/memory/schedule.md: Optimal
def optimal(costs: Costs, budget: float, cells: int = 400, most: int = 100) -> Schedule:
    """The fastest schedule whose peak stays within a budget.

    Raises
    ------
    DifferentiationValueError
        If there is none; the message names the smallest budget for which there is one.
    """
    smallest, schedule = least(costs)
    if not budget >= smallest:
        raise DifferentiationValueError(
            f"a budget of {budget:,.0f} bytes was given for a chain of {len(costs.kept)} blocks "
            f"that needs {smallest:,} with any schedule. Give at least {smallest:,} bytes, or make "
            "blocks or batches smaller."
        )
    more, free = cells + cells // 4, budget - costs.noted.sum()
    plan, enough = Plan(costs, free * more / cells, more, most), cells
    while enough < more:  # what was lost by rounding may be used
        half = (enough + more + 1) // 2
        if np.isfinite(plan.best[1, half]) and predict(plan.schedule(half), costs).peak <= budget:
            enough = half
        else:
            more = half - 1
    return plan.schedule(enough) if np.isfinite(plan.best[1, enough]) else schedule


# book/memory/schedule.md: The network
from numbers import Integral, Real

from autograd_book.learn.nn import Module
from autograd_book.learn.nn import expect_layer


class Checkpointed(Module):
    """A chain of blocks that is run by a schedule.

    Attributes
    ----------
    blocks : list of callable
        As given.
    schedule : list
        Numbers of blocks, and lists of them that are checkpointed; None before the first call
        if it depends on a budget.
    costs : Costs or None
        What was measured for a budget, for inputs like the last one.
    """

    def __init__(self, blocks: Any, plan: Any, policy: Any = None, check: bool = True) -> None:
        self.blocks, self.plan, self.policy, self.check = blocks, plan, policy, check
        self.schedule: Schedule | None = None if callable(plan) else plan
        self.costs: Costs | None = None
        #: Costs and schedule by shape and dtype of what was measured.
        self.known: dict[Any, tuple[Costs, Schedule]] = {}
        make_room(self.schedule or [])

    def __call__(self, x: Any) -> Any:
        """The output of the last block."""
        if not recording():  # nothing is kept
            return self.run(range(len(self.blocks)), x)
        if callable(self.plan):
            kind = np.shape(x), getattr(bottom(x), "dtype", None)
            if kind not in self.known:
                costs = measure_blocks(self.blocks, x)
                self.known[kind] = costs, self.plan(costs)
            self.costs, self.schedule = self.known[kind]
            make_room(self.schedule)
        return self.run(self.schedule, x)

    def run(self, schedule: Any, x: Any) -> Any:
        """The output of a part of the chain."""
        for part in schedule:
            x = self.part(part)(x)
        return x

    def part(self, part: Any) -> Fun:
        """A block, or several that are checkpointed, as a function."""
        if not isinstance(part, list):
            return named(part, self.blocks[part])
        return checkpoint(lambda x: self.run(part, x), policy=self.policy, check=self.check)

    def __repr__(self) -> str:
        return f"Checkpointed({len(self.blocks)} blocks, {self.schedule})"


# book/memory/schedule.md: The network
def checkpoint_sequential(
    blocks: Any,
    *,
    every: int | None = None,
    slots: int | None = None,
    budget: float | None = None,
    schedule: Schedule | None = None,
    policy: Any = None,
    check: bool = True,
) -> Checkpointed:
    """A chain of blocks that keeps less than it saves, and computes the rest again.

    Parameters
    ----------
    blocks : iterable of callable
        Each takes one array, what the one before it returns.
    every : int, optional
        Checkpoint at every so many blocks; without any of the four, about the square root of
        their number.
    slots : int, optional
        Hold no more inputs than this at a time, with the fewest runs.
    budget : float, optional
        Bytes that a forward and a backward pass may take above those before. The blocks are
        measured in the first call, and once for each other shape of the input.
    schedule : list, optional
        Numbers of blocks in order, and lists of them that are checkpointed.
    policy, check
        As for `checkpoint`.

    Raises
    ------
    DifferentiationValueError
        If a number is out of range, or more than one is given; in the first call, if the
        budget is too small.
    """
    blocks = list(blocks)
    for place, block in enumerate(blocks):
        expect_layer(place, block)
    given = {"every": every, "slots": slots, "budget": budget, "schedule": schedule}
    given = {name: value for name, value in given.items() if value is not None}
    if len(given) > 1 or not blocks:
        raise DifferentiationValueError(
            f"checkpoint_sequential was given {len(blocks)} blocks, and {given}. Give at least "
            "one block, and one of every, slots, budget and schedule at most."
        )
    ((name, value),) = given.items() or {"every": round(len(blocks) ** 0.5)}.items()
    return Checkpointed(blocks, PLANS[name](len(blocks), value), policy, check)


# book/memory/schedule.md: The network
def expect_count(name: str, n: int, value: Any) -> int:
    """A number from 1 to n, or the error that says that it is none."""
    if not isinstance(value, Integral) or not 1 <= int(value) <= n:
        raise DifferentiationValueError(
            f"{name}={value!r} was given for a chain of {n} blocks. Give a whole number from 1 "
            f"to {n}."
        )
    return int(value)


ROOM = 0.05  #: Share of what was measured that a plan for a budget leaves free.


def with_room(costs: Costs) -> Costs:
    """The costs with somewhat more bytes, for what measuring one block at a time misses."""
    sizes = {name: part for name, part in costs._asdict().items() if part.dtype.kind == "i"}
    more = {name: np.ceil((1 + ROOM) * part).astype(int) for name, part in sizes.items()}
    return costs._replace(**more)


def by_budget(n: int, budget: Any) -> Any:
    """What finds a schedule for a budget when the costs are known."""
    if not isinstance(budget, Real) or not 0 < float(budget) < np.inf:
        raise DifferentiationValueError(
            f"budget={budget!r} was given for a chain of {n} blocks. Give a positive number of "
            "bytes."
        )
    return lambda costs: optimal(with_room(costs), float(budget))


def in_order(n: int, schedule: Any) -> Schedule:
    """A schedule of n blocks, or the error that says that it is none."""
    if not isinstance(schedule, list) or flat(schedule) != list(range(n)):
        raise DifferentiationValueError(
            f"the schedule {schedule!r} was given for a chain of {n} blocks. Name each block "
            f"from 0 to {n - 1} once, in order."
        )
    return schedule


#: From the name of a parameter to what makes a schedule, or a planner, of it.
PLANS: dict[str, Callable[[int, Any], Any]] = {
    "every": lambda n, k: segments(n, expect_count("every", n, k)),
    "slots": lambda n, slots: binomial(n, expect_count("slots", n, slots)),
    "budget": by_budget,
    "schedule": in_order,
}
