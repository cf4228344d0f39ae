"""Chains.

``checkpoint_sequential`` runs a chain of blocks by a schedule: given as every
so many blocks, as a number of slots, as a number of bytes, or as it is.

::

    import numpy as np
    import autograd_book as ab
    from autograd_book.memory.schedule import runs
    from autograd_book.memory.sequential import checkpoint_sequential

    blocks = [ab.nn.Sequential(ab.nn.Linear(8, 8, rng=i), np.tanh) for i in range(12)]
    network = checkpoint_sequential(blocks, slots=3)
    np.sum(network(np.ones((4, 8), np.float32))).backward()
    print(network.schedule)
    print(sum(runs(network.schedule)), "runs of 12 blocks")
"""
# Generated from book/memory/sequential.md by autograd-book extract; edit the chapter, not this file.
# sha256: 810316dcec4586e13120d6495c496e24b70e22ad1c9e367f98cbf71e90078896

__all__ = [
    "expect_within_chain",
    "in_order",
    "ROOM",
    "with_margin",
    "by_budget",
    "PLANS",
    "Checkpointed",
    "planned",
    "checkpoint_sequential",
]


# book/memory/sequential.md: Four ways to say how
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

import numpy as np

from autograd_book.graph.errors import DifferentiationValueError, with_usage
from autograd_book.graph.stack import bottom
from autograd_book.learn.nn import Module, expect_layer
from autograd_book.memory.checkpoint import checkpoint, recording
from autograd_book.memory.costs import Costs, measure_blocks, numbered_block
from autograd_book.memory.planner import optimal
from autograd_book.memory.schedule import Schedule, binomial, flat, make_room, segments
from autograd_book.modes.transforms import Fun


def expect_within_chain(name: str, n: int, value: Any) -> int:
    """A number from 1 to n, or the error that says that it is none."""
    if not isinstance(value, Integral) or not 1 <= int(value) <= n:
        raise DifferentiationValueError(
            f"{name}={value!r} was given for a chain of {n} blocks. Give a whole number from 1 "
            f"to {n}."
        )
    return int(value)


def in_order(n: int, schedule: Any) -> Schedule:
    """A schedule of n blocks, or the error that says that it is none."""
    if not isinstance(schedule, list) or flat(schedule) != list(range(n)):
        raise DifferentiationValueError(
            f"the schedule {schedule!r} was given for a chain of {n} blocks. Name each block "
            f"from 0 to {n - 1} once, in order."
        )
    return schedule


# book/memory/sequential.md: Four ways to say how
ROOM = 0.05  #: Share of what was measured that a plan for a budget leaves free.


def with_margin(costs: Costs) -> Costs:
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
    return lambda costs: optimal(with_margin(costs), float(budget))


#: From the name of a parameter to what makes a schedule, or a planner, of it.
PLANS: dict[str, Callable[[int, Any], Any]] = {
    "every": lambda n, k: segments(n, expect_within_chain("every", n, k)),
    "slots": lambda n, slots: binomial(n, expect_within_chain("slots", n, slots)),
    "budget": by_budget,
    "schedule": in_order,
}


# book/memory/sequential.md: The network
class Checkpointed(Module):
    """A chain of blocks that is run by a schedule.

    Attributes
    ----------
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
        self.known: dict[Any, tuple[Costs, Schedule]] = {}  #: By shape and dtype of the input.
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
            return numbered_block(part, self.blocks[part])
        return checkpoint(lambda x: self.run(part, x), policy=self.policy, check=self.check)

    def __repr__(self) -> str:
        return f"Checkpointed({len(self.blocks)} blocks, {self.schedule})"


# book/memory/sequential.md: The function
def planned(blocks: list[Any], ways: dict[str, Any]) -> Any:
    """The schedule or the planner of the one way that was given, or an error."""
    for place, block in enumerate(blocks):
        expect_layer(place, block)
    given = {name: value for name, value in ways.items() if value is not None}
    if len(given) > 1 or not blocks:
        raise DifferentiationValueError(
            f"checkpoint_sequential was given {len(blocks)} blocks, and {given}. Give at least "
            "one block, and one of every, slots, budget and schedule at most."
        )
    ((name, value),) = given.items() or {"every": round(len(blocks) ** 0.5)}.items()
    return PLANS[name](len(blocks), value)


# book/memory/sequential.md: The function
@with_usage
def checkpoint_sequential(
    blocks: Any, *, every: int | None = None, slots: int | None = None,
    budget: float | None = None, schedule: Schedule | None = None, policy: Any = None,
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
    ways = {"every": every, "slots": slots, "budget": budget, "schedule": schedule}
    return Checkpointed(blocks, planned(blocks, ways), policy, check)
