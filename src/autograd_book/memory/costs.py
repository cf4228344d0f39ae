"""What a schedule takes.

Each block is measured once, and any schedule is then followed on paper.

::

    import numpy as np
    import autograd_book as ab
    from autograd_book.memory.costs import measure_blocks, predict

    blocks = [ab.nn.Sequential(ab.nn.Linear(8, 8, rng=i), np.tanh) for i in range(4)]
    costs = measure_blocks(blocks, np.ones((16, 8), np.float32))
    print(costs.kept.shape, predict([[0, 1], 2, 3], costs).saved)
"""
# Generated from book/memory/costs.md by autograd-book extract; edit the chapter, not this file.
# sha256: 40c9b4ef6ea68f64c1e26b0396a040daca09ad52dec4c239e7fd7b66188d85ed

__all__ = [
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
]


# book/memory/costs.md: Costs
import gc
import time
import tracemalloc
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from autograd_book.graph.backward import reachable, walk
from autograd_book.graph.errors import DifferentiationTypeError
from autograd_book.graph.interpreter import puller
from autograd_book.graph.record import Leaf
from autograd_book.graph.stack import bottom, top
from autograd_book.graph.variable import Variable
from autograd_book.memory.checkpoint import checkpoint, saved_arrays
from autograd_book.memory.books import owner_of
from autograd_book.memory.repeat import put_back, sources_of_chance, state_of
from autograd_book.memory.replay import Ticket
from autograd_book.memory.schedule import Schedule, backward, forward
from autograd_book.modes.batch import Batched
from autograd_book.modes.transforms import Fun, name_of


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


# book/memory/costs.md: Costs
class Prediction(NamedTuple):
    """What a schedule takes."""

    peak: int  #: Most bytes at a time, above those before the forward pass.
    time: float  #: Seconds.
    saved: int  #: Most bytes of saved values at a time, held inputs of blocks among them.


def predict(schedule: Schedule, costs: Costs) -> Prediction:
    """Follow a schedule event by event, and add up bytes and seconds."""
    tally = Tally(costs)
    for kind, i in forward(schedule):
        getattr(tally, kind)(i)
    tally.cotangent = costs.inputs[-1]
    for kind, i in backward(schedule):
        getattr(tally, kind)(i)
    tally.meet(delivery(costs), 0.0)
    return Prediction(int(tally.peak), float(tally.time), int(tally.saved))


def delivery(costs: Costs) -> Any:
    """Bytes of the gradients that are copied when they are delivered."""
    return costs.gradients.sum() + costs.inputs[0]


# book/memory/costs.md: Costs
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


# book/memory/costs.md: Measured
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
    return walk(out.node, np.ones(out.shape, out.dtype), puller(top.get()))  # type: ignore[arg-type]


def last_recall(out: Variable) -> Callable[[], Any]:
    """What recalls the ticket that a walk from a checkpointed result meets first; it does
    nothing if there is none."""
    kept = (node.saved for node in reversed(reachable(out.node)))  # type: ignore[arg-type]
    return next((saved.recall for saved in kept if type(saved) is Ticket), tuple)


# book/memory/costs.md: Measured
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


# book/memory/costs.md: Measured
def block_times(block: Fun, x: Any) -> tuple[float, float, float, float]:
    """The row of `Costs` as far as it is times."""
    v = Variable(x)
    out, keep = seconds(lambda: block(v))
    _, back = seconds(lambda: cotangents(out))
    out, passing = seconds(lambda: checkpoint(block)(v))
    recall = last_recall(out)
    _, again = seconds(recall)
    return keep, passing, again, back


# book/memory/costs.md: Measured
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


# book/memory/costs.md: Measured
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
