"""Plans for a budget.

``optimal`` finds the fastest schedule within a budget, and ``least`` the
smallest budget for which there is one.

::

    import numpy as np
    import autograd_book as ab
    from autograd_book.memory.costs import measure_blocks, predict
    from autograd_book.memory.planner import least, optimal

    blocks = [ab.nn.Sequential(ab.nn.Linear(8, 8, rng=i), np.tanh) for i in range(6)]
    measured = measure_blocks(blocks, np.ones((64, 8), np.float32))
    lowest, schedule = least(measured)
    print(predict(optimal(measured, 2 * lowest), measured).peak <= 2 * lowest)
"""
# Generated from book/memory/planner.md by autograd-book extract; edit the chapter, not this file.
# sha256: a0734b80de689fc2442cd9bbb75fa621a876558324b4ce861f3bd68b4d0fdeb3

__all__ = [
    "Needs",
    "least",
    "least_of",
    "unfolded",
    "taken",
    "in_cells",
    "coarseness",
    "coarse_ranks",
    "with_cuts",
    "lists_of",
    "NEAR",
    "other_ranks",
    "ENTRIES",
    "Curves",
    "keep",
    "divide",
    "fill_table",
    "read_schedule",
    "BEYOND",
    "within_budget",
    "optimal",
]


# book/memory/planner.md: The best way through a part
from typing import Any

import numpy as np

from autograd_book.graph.errors import DifferentiationValueError
from autograd_book.memory.costs import Costs, delivery, predict
from autograd_book.memory.schedule import Schedule, flat


class Needs:
    """What the events of a chain need, in bytes."""

    def __init__(self, costs: Costs) -> None:
        self.costs, self.inputs, self.n = costs, costs.inputs, len(costs.kept)
        #: What a kept block holds, with its output if that is saved.
        self.kept = costs.kept + costs.inputs[1:] * costs.saves_output
        later = np.cumsum(costs.gradients[::-1])[::-1] - costs.gradients + costs.inputs[1:]
        self.walk = costs.back_peak + later  #: While a block is walked.
        #: Gradients and the cotangent, while blocks up to this one are run again.
        self.replaying = np.append(later[:-1], 0)

    def holds(self, first: Any, held: Any) -> Any:
        """Bytes that a block takes when it is kept; `held`: its input is held already."""
        saves = self.costs.saves_input[first] & np.logical_not(held)
        return self.kept[first] + self.inputs[first] * saves

    def ends(self, first: Any, last: Any) -> Any:
        """Whether a run of the first block of a part ends a replay."""
        return (first == last) & np.not_equal(last, self.n - 1)

    def keep(self, first: Any, last: Any, held: int) -> Any:
        """Bytes to keep the first block of a part of the chain, or of many parts."""
        current = 0 if held else self.inputs[first]
        ends, rises = self.ends(first, last), (self.costs.again_peak, self.costs.keep_peak)
        run = np.where(ends, *(rise[first] for rise in rises)) + self.replaying[last] + current
        return np.maximum(run, self.holds(first, held) + self.walk[first])

    def passing(self, first: int) -> Any:
        """Bytes to pass by a block whose input is held, by two, and so on to the end."""
        inside = np.append(0, self.inputs[first + 1 : self.n])
        return np.maximum.accumulate(self.costs.skip_peak[first:] + inside)


# book/memory/planner.md: The smallest budget
def least(costs: Costs) -> tuple[int, Schedule]:
    """The smallest number of bytes in which a chain can be walked, and how."""
    needs, n = Needs(costs), len(costs.kept)
    #: Bytes and first middle of parts, by whether the input is held, first block and length.
    found, place = np.zeros((2, n, n)), np.zeros((2, n, n), np.int16)
    ending, passing = np.zeros((n, n)), np.zeros((n, n))  # the former by last block and length
    for first in range(n):
        passing[first, : n - first] = needs.passing(first)
    for more in range(n):
        firsts, lasts = np.arange(n - more), np.arange(more, n)
        there, middle, rest = np.full(n - more, np.inf), 0, 0
        if more:
            both = np.maximum(found[1, : n - more, :more], ending[more:, more - 1 :: -1])
            run = passing[: n - more, :more] + needs.replaying[lasts, None]
            there, middle = least_of(np.maximum(both, run, out=both))
            rest = found[costs.saves_output[firsts].astype(int), firsts + 1, more - 1]
        for held in (1, 0):
            keep = np.maximum(needs.keep(firsts, lasts, held), needs.holds(firsts, held) + rest)
            divide = there if held else there + needs.inputs[firsts]
            place[held, firsts, more] = np.where(keep <= divide, 0, middle)
            found[held, firsts, more] = np.minimum(keep, divide)
        ending[more:, more] = found[0, firsts, more]
    end = costs.gradients.sum() + costs.inputs[0] + delivery(costs)
    smallest = max(found[1, 0, n - 1], end) + costs.noted.sum()
    return int(np.ceil(smallest)), unfolded(place, costs.saves_output)


def least_of(ways: Any) -> tuple[Any, Any]:
    """The least number in each row, and its place from 1."""
    place = ways.argmin(axis=1)
    return np.take_along_axis(ways, place[:, None], axis=1)[:, 0], 1 + place


# book/memory/planner.md: The smallest budget
def unfolded(place: Any, saves_output: Any) -> Schedule:
    """The schedule of a chain from the first choice in each part."""
    schedule: Schedule = []
    todo = [(schedule, 0, len(saves_output), 1)]
    while todo:
        into, first, end, held = todo.pop()
        while first < end:
            piece, inner = int(place[held, first, end - first - 1]), list[Any]()
            into.append(inner if piece else first)
            if piece:
                todo.append((inner, first, first + piece, 1))
            held = 0 if piece else int(saves_output[first])
            first += piece or 1
    return schedule


# book/memory/planner.md: Time for every budget
def taken(curves: Any, cells: int, filler: Any = np.inf) -> Any:
    """Rows by budget, if so many cells of it are taken first."""
    moved = np.full_like(curves, filler)
    moved[:, cells:] = curves[:, : curves.shape[1] - cells]
    return moved


# book/memory/planner.md: Time for every budget
def in_cells(sizes: Any, unit: float) -> list[int]:
    """Sizes in cells, so that any row of them together is right within one cell."""
    sums = np.rint(np.append(0, np.cumsum(sizes)) / unit)
    return [int(size) for size in np.diff(sums)]


# book/memory/planner.md: Where a long part may be cut
def coarseness(lengths: Any, fine: int) -> Any:
    """How coarse the places are between which parts of some lengths extend."""
    return np.maximum(np.ceil(np.log2(np.maximum(lengths, 1) / fine)), 0).astype(int)


# book/memory/planner.md: Where a long part may be cut
def coarse_ranks(inputs: Any, fine: int, tabled: Any = None) -> Any:
    """By place between blocks, the highest level of parts that may begin or end there; on
    each level, places that had it in another table stand back."""
    n = len(inputs) - 1
    rank, places = np.zeros(n + 1, int), np.arange(1, n)
    tabled = rank if tabled is None else tabled
    for height in range(1, n.bit_length()):
        some = places[: len(places) >> height << height].reshape(-1, 1 << height)
        sizes = np.where(tabled[some] < height, inputs[some], np.inf)
        rank[some[np.arange(len(some)), sizes.argmin(axis=1)]] = height
    rank[[0, n]] = n
    return rank


def with_cuts(rank: Any, tightest: Schedule, fine: int) -> Any:
    """The ranks, with those that some of the cuts of a schedule need."""
    rank, n, lists = rank.copy(), len(rank) - 1, lists_of(tightest)
    for height in range(1, 1 + int(coarseness(n, fine))):
        known = {place for a, b in lists if coarseness(b - a, fine) == height for place in (a, b)}
        some = sorted(known)[:: 1 + (len(known) << height) // n]
        rank[some] = np.maximum(rank[some], height)
    return rank


def lists_of(schedule: Schedule) -> list[tuple[int, int]]:
    """First block and end of each list in a schedule."""
    found, todo = [], [part for part in schedule if isinstance(part, list)]
    while todo:
        part = todo.pop()
        blocks = flat(part)
        found.append((blocks[0], blocks[-1] + 1))
        todo.extend(inner for inner in part if isinstance(inner, list))
    return found


# book/memory/planner.md: Where a long part may be cut
NEAR = 3  #: Blocks by which a cut may move from one table to the next.


def other_ranks(rank: Any, schedule: Schedule, inputs: Any, fine: int) -> Any:
    """Ranks for another table than the one that has given a schedule."""
    found = coarse_ranks(inputs, fine, rank)
    for part in lists_of(schedule):
        for place in part:
            near = slice(max(place - NEAR, 0), place + NEAR + 1)
            found[near] = np.maximum(found[near], 1 + coarseness(part[1] - part[0], fine))
    return found


# book/memory/planner.md: The table
ENTRIES = 24_000_000  #: Most cells of all parts together; each takes six bytes.


class Curves:
    """The fastest schedules of the parts of a chain, for all budgets up to one.

    Notes
    -----
    After O. Beaumont and others, *Optimal checkpointing for heterogeneous chains* (2019).
    """

    def __init__(
        self, costs: Costs, budget: float, cells: int, fine: int, rank: Any, price: float
    ) -> None:
        self.costs, self.needs, n = costs, Needs(costs), len(costs.kept)
        self.rank, self.level = rank, coarseness(np.arange(n + 1), fine)
        #: Ends of the parts that begin at each block.
        self.ends = [self.reached(first, np.arange(first + 1, n + 1)) for first in range(n)]
        self.cells = max(1, min(cells, ENTRIES // sum(map(len, self.ends))))
        self.unit, self.numbers = budget / self.cells, np.arange(self.cells + 1)
        self.kept = in_cells(self.needs.kept, self.unit)
        self.inputs = in_cells(costs.inputs[:-1], self.unit)
        #: What rounding leaves over of each, in seconds.
        self.kept_rest, self.inputs_rest = (
            (price * (sizes - np.multiply(cells_of, self.unit))).astype(np.float32)
            for sizes, cells_of in ((self.needs.kept, self.kept), (costs.inputs[:-1], self.inputs))
        )
        #: By first block, end and cells: times if the input is not held, and choices.
        self.time: list[Any] = [None] * n
        self.choice: list[Any] = [None] * n
        after: Any = None
        for first in reversed(range(n)):
            after = fill_table(self, first, after)
        self.best = after[-1]  #: Times of the whole chain, by cells.

    def reached(self, first: int, ends: Any) -> Any:
        """Those of some places at which a part from a first block may end."""
        return ends[self.rank[ends] >= self.level[ends - first]]

    def keeping(self, first: int, held: int) -> int:
        """Cells that a block takes when it is kept."""
        saves = self.costs.saves_input[first] and not held
        return min(self.kept[first] + self.inputs[first] * int(saves), self.cells + 1)

    def short(self, sizes: Any) -> Any:
        """By size and cells: whether a size does not fit."""
        return self.numbers < np.ceil(sizes / self.unit)[:, None]


# book/memory/planner.md: The table
def keep(table: Curves, first: int, held: int, after: Any) -> Any:
    """Times by end and cells, if the first block of a part is kept."""
    costs, needs, last = table.costs, table.needs, table.ends[first] - 1
    rest = np.zeros((len(last), table.cells + 1), np.float32)
    if len(last) > 1:
        times = after if costs.saves_output[first] else table.time[first + 1]
        rest[1:] = times[np.searchsorted(table.ends[first + 1], table.ends[first][1:])]
    run = np.where(needs.ends(first, last), costs.again_time[first], costs.keep_time[first])
    times = taken(rest, table.keeping(first, held)) + table.kept_rest[first]
    times += table.inputs_rest[first] * (costs.saves_input[first] and not held)
    times += (run + costs.back_time[first]).astype(np.float32)[:, None]
    np.copyto(times, np.inf, where=table.short(needs.keep(first, last, held)))
    return times


# book/memory/planner.md: The table
def divide(table: Curves, first: int, kept: Any) -> tuple[Any, Any]:
    """Times by end and cells, if a part begins with a checkpoint, and the rows of the ends
    of those; without the input of the first block."""
    ends, needs = table.ends[first], table.needs
    best, row_of = np.full_like(kept, np.inf), np.zeros(kept.shape, np.min_scalar_type(-len(ends)))
    passing = np.cumsum(table.costs.skip_time[first:]).astype(np.float32)
    bytes_passing = needs.passing(first)
    rows = np.flatnonzero(table.rank[first] >= table.level[ends - first])
    for row in rows[rows < len(ends) - 1]:
        middle, longer = ends[row], ends[row + 1 :]
        piece = np.minimum(kept[row], best[row]) + passing[middle - first - 1]
        times = table.time[middle][np.searchsorted(table.ends[middle], longer)]
        times += piece
        run = bytes_passing[middle - first - 1] + needs.replaying[longer - 1]
        np.copyto(times, np.inf, where=table.short(run))
        better = times < best[row + 1 :]
        np.copyto(best[row + 1 :], times, where=better)
        np.copyto(row_of[row + 1 :], row, where=better)
    return best, row_of


def fill_table(table: Curves, first: int, after: Any) -> Any:
    """Find the best ways through all parts that begin at a block, from those that begin after
    it; the times if its input is held."""
    kept = [keep(table, first, held, after) for held in (0, 1)]
    held, row_of = divide(table, first, kept[1])
    size = min(table.inputs[first], table.cells + 1)
    own, own_row = taken(held, size) + table.inputs_rest[first], taken(row_of, size, 0)
    table.time[first] = np.minimum(kept[0], own)
    table.choice[first] = np.stack(
        [np.where(kept[0] <= own, -1, own_row), np.where(kept[1] <= held, -1, row_of)]
    ).astype(row_of.dtype)
    return np.minimum(kept[1], held)


# book/memory/planner.md: The table
def read_schedule(table: Curves, cells: int) -> Schedule:
    """The best schedule of a chain in so many cells."""
    schedule: Schedule = []
    todo = [(schedule, 0, len(table.ends), cells, 1)]
    while todo:
        into, first, end, left, held = todo.pop()
        while first < end:
            row = np.searchsorted(table.ends[first], end)
            choice, inner = table.choice[first][held, row, left], list[Any]()
            into.append(first if choice < 0 else inner)
            if choice < 0:
                left -= table.keeping(first, held)
                first, held = first + 1, int(table.costs.saves_output[first])
            else:
                left -= 0 if held else table.inputs[first]
                middle = int(table.ends[first][choice])
                todo.append((inner, first, middle, left, 1))
                first, held = middle, 0
    return schedule


# book/memory/planner.md: Within the budget, in bytes
BEYOND = 0.1  #: Share of a budget by which a table reaches beyond it.


def within_budget(table: Curves, budget: float, otherwise: Schedule) -> Schedule:
    """The schedule for the most cells that stays within a budget in bytes, if there is one."""
    if not np.isfinite(table.best[-1]):
        return otherwise
    low, high, found = int(np.isfinite(table.best).argmax()), table.cells, otherwise
    while low <= high:
        cells = (low + high) // 2
        schedule = read_schedule(table, cells)
        if predict(schedule, table.costs).peak <= budget:
            found, low = schedule, cells + 1
        else:
            high = cells - 1
    return found


# book/memory/planner.md: Within the budget, in bytes
def optimal(
    costs: Costs, budget: float, cells: int = 800, fine: int | None = None
) -> Schedule:
    """The fastest schedule whose peak stays within a budget.

    Parameters
    ----------
    costs : Costs
        Of the blocks.
    budget : float
        Bytes.
    cells : int
        In how many equal cells the budget is counted, at most.
    fine : int, optional
        Parts of so many blocks may end anywhere, longer ones at some places; by default all
        parts of a chain of a hundred blocks may.

    Raises
    ------
    DifferentiationValueError
        If there is none; the message names the smallest budget for which there is one.
    """
    smallest, tightest = least(costs)
    if not budget >= smallest:
        raise DifferentiationValueError(
            f"a budget of {budget:,.0f} bytes was given for a chain of {len(costs.kept)} blocks "
            f"that needs {smallest:,} with any schedule. Give at least {smallest:,} bytes, or make "
            "blocks or batches smaller."
        )
    more, free = round(cells * (1 + BEYOND)), budget - costs.noted.sum()
    fine = fine or max(4, 10_000 // len(costs.kept))
    everything = predict(list(range(len(costs.kept))), costs).peak
    price = 0.5 * costs.skip_time.sum() / max(everything - smallest, 1)
    rank, found = with_cuts(coarse_ranks(costs.inputs, fine), tightest, fine), [tightest]
    for _ in range(2 if fine < len(costs.kept) else 1):
        table = Curves(costs, free * more / cells, more, fine, rank, price)
        found.append(within_budget(table, budget, tightest))
        del table  # before the next one
        rank = other_ranks(rank, found[-1], costs.inputs, fine)
    return min(found, key=lambda schedule: predict(schedule, costs).time)
