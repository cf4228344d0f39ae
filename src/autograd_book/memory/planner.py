"""Plans for a budget.

``optimal`` finds the fastest schedule within a budget, and ``least`` the
smallest budget for which there is one.

::

    import numpy as np
    import autograd_book as ab
    from autograd_book.memory.costs import measure_blocks, predict
    from autograd_book.memory.planner import least, optimal

    blocks = [ab.nn.Sequential(ab.nn.Linear(8, 8, rng=i), np.tanh) for i in range(6)]
    costs = measure_blocks(blocks, np.ones((64, 8), np.float32))
    smallest, schedule = least(costs)
    print(predict(optimal(costs, 2 * smallest), costs).peak <= 2 * smallest)
"""
# Generated from book/memory/planner.md by autograd-book extract; edit the chapter, not this file.
# sha256: 32c06be7e43d452ddfaff0402381b3afd5210ec4d13a480cb314a352719a49fa

__all__ = [
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
]


# book/memory/planner.md: Optimal
from itertools import pairwise
from typing import Any

import numpy as np

from autograd_book.graph.errors import DifferentiationValueError
from autograd_book.memory.costs import Costs, Tally, delivery, predict
from autograd_book.memory.schedule import Schedule, backward, first_of, forward


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


# book/memory/planner.md: Optimal
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


# book/memory/planner.md: Optimal
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


# book/memory/planner.md: Optimal
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


# book/memory/planner.md: Optimal
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


# book/memory/planner.md: Optimal
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


# book/memory/planner.md: Optimal
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
