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
# sha256: 240693048925444c1c4dca75a62d1d1a4e8b2a128396176e3e251b1a026a5cdb

__all__ = [
    "Costs",
    "HOLDS",
    "KEPT",
    "Account",
    "Prediction",
    "predict",
    "delivery",
    "tracing",
    "run_and_weigh",
    "seconds",
    "cotangents",
    "last_recall",
    "when_kept",
    "when_skipped",
    "block_times",
    "expect_one",
    "numbered_block",
    "expect_number_from",
    "measure_blocks",
    "counted_once",
]


# book/memory/costs.md: What is known of a block
import gc
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
from autograd_book.memory.repeat import restart_sources, sources_of_chance, state_of
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
    skip_peak: Any  #: The same while it is run inside a checkpoint.
    again_peak: Any  #: The same in a run that ends with the last value that is needed.
    back_peak: Any  #: The same while it is walked.
    gradients: Any  #: Bytes of gradients of its parameters.
    keep_time: Any  #: Time of a run that keeps.
    skip_time: Any  #: Time of a run inside a checkpoint.
    again_time: Any  #: Time of a run that ends with the last value that is needed.
    back_time: Any  #: Time of its way back.


# book/memory/costs.md: Following a schedule
HOLDS = {"hold": 1, "drop": -1}  #: Events of an input: how many hold it more than before.
KEPT = {"skip": 0, "keep": 1, "again": 1, "back": -1}  #: Of a block: how many are kept more.


class Account:
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

    def count(self, i: int, more: Any) -> None:
        """More hold a chain value than before, or fewer."""
        before, now = self.holders[i], self.holders[i] + int(more)
        self.holders[i] = now
        if i:
            self.chain = self.chain + self.costs.inputs[i] * ((now > 0) - (before > 0))

    def event(self, kind: str, i: int) -> None:
        """One event of a schedule."""
        if kind in HOLDS:
            return self.count(i, HOLDS[kind])
        costs, more = self.costs, KEPT[kind]
        rise, time = (getattr(costs, f"{kind}_{what}")[i] for what in ("peak", "time"))
        self.meet(rise, time, None if kind == "back" else i)
        self.count(i, more * costs.saves_input[i])
        self.count(i + 1, more * costs.saves_output[i])
        self.blocks += more * costs.kept[i]
        if kind == "back":
            self.gradients += costs.gradients[i]
            self.cotangent = costs.inputs[i]
        elif kind == "skip" and not self.cotangent:
            self.graph += costs.noted[i]


# book/memory/costs.md: Following a schedule
class Prediction(NamedTuple):
    """What a schedule takes."""

    peak: int  #: Most bytes at a time, above those before the forward pass.
    time: float  #: Seconds.
    saved: int  #: Most bytes of saved values at a time, held inputs of blocks among them.


def predict(schedule: Schedule, costs: Costs) -> Prediction:
    """Follow a schedule event by event, and add up bytes and seconds."""
    account = Account(costs)
    for kind, i in forward(schedule):
        account.event(kind, i)
    account.cotangent = costs.inputs[-1]
    for kind, i in backward(schedule):
        account.event(kind, i)
    account.meet(delivery(costs), 0.0)
    return Prediction(int(account.peak), float(account.time), int(account.saved))


def delivery(costs: Costs) -> Any:
    """Bytes of the gradients that are copied when they are delivered."""
    return costs.gradients.sum() + costs.inputs[0]


# book/memory/costs.md: Weighing a run
@contextmanager
def tracing() -> Iterator[None]:
    """Account for allocations within a block, and afterwards if that was done before."""
    before = tracemalloc.is_tracing()
    tracemalloc.start()
    try:
        yield
    finally:
        if not before:
            tracemalloc.stop()


def run_and_weigh(run: Callable[[], Any]) -> tuple[Any, int, int]:
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


# book/memory/costs.md: Weighing a run
def cotangents(out: Variable) -> dict[Leaf, Any]:
    """Walk back from a result."""
    return walk(out.node, np.ones(out.shape, out.dtype), puller(top.get()))  # type: ignore[arg-type]


def last_recall(out: Variable) -> Callable[[], Any]:
    """What recalls the ticket that a walk from a checkpointed result meets first; it does
    nothing if there is none."""
    kept = (node.saved for node in reversed(reachable(out.node)))  # type: ignore[arg-type]
    return next((saved.recall for saved in kept if type(saved) is Ticket), tuple)


# book/memory/costs.md: A block's row
def when_kept(block: Fun, v: Variable) -> tuple[Any, dict[Leaf, int], dict[str, Any]]:
    """Output of a block, bytes of gradients by leaf, and bytes where the block is kept."""
    out, left, keep_peak = run_and_weigh(lambda: block(v))
    value, saved = bottom(out), saved_arrays(reachable(out.node))
    _, _, table = run_and_weigh(partial(reachable, out.node))  # of the walk
    found, _, back_peak = run_and_weigh(partial(cotangents, out))
    gradients = {leaf: part.nbytes for leaf, part in found.items() if leaf is not v.node}
    return value, gradients, {
        "kept": max(0, left + table - value.nbytes),
        "saves_input": id(owner_of(v.value)) in saved,
        "saves_output": id(owner_of(value)) in saved,
        "keep_peak": keep_peak,
        "back_peak": max(0, back_peak - value.nbytes),
    }


# book/memory/costs.md: A block's row
def when_skipped(block: Fun, v: Variable) -> dict[str, Any]:
    """Bytes that a block takes inside of checkpoints, by field."""
    out, left, skip_peak = run_and_weigh(lambda: checkpoint(checkpoint(block))(v))
    _, _, table = run_and_weigh(partial(reachable, out.node))
    recall, size = last_recall(out), bottom(out).nbytes
    del out
    _, _, again_peak = run_and_weigh(recall)
    noted = max(0, left + table - size)
    return {"noted": noted, "skip_peak": skip_peak, "again_peak": again_peak}


def block_times(block: Fun, v: Variable) -> dict[str, float]:
    """Times of the four ways through a block, by field."""
    out, keep = seconds(lambda: block(v))
    _, back = seconds(lambda: cotangents(out))
    out, skip = seconds(lambda: checkpoint(block)(v))
    _, again = seconds(last_recall(out))
    return {"keep_time": keep, "back_time": back, "skip_time": skip, "again_time": again}


# book/memory/costs.md: What cannot be measured
def expect_one(x: Any) -> None:
    """Raise DifferentiationTypeError for a batch, which has no bytes that could be measured."""
    if type(bottom(x)) is Batched:
        raise DifferentiationTypeError(
            "a chain with a budget was called inside vmap, with examples of shape "
            f"{np.shape(x)}, before it was measured. Call it once outside, with a plain array "
            "of that shape, or give every, slots or a schedule."
        )


def numbered_block(i: int, block: Fun) -> Fun:
    """A block whose errors tell its number."""

    def apply(x: Any) -> Any:
        try:
            return block(x)
        except Exception as error:
            called = f"{name_of(block)}, given shape {np.shape(x)}"
            error.add_note(f"in block {i} of a chain, {called}")
            raise

    return apply


def expect_number_from(i: int, block: Fun, v: Variable) -> None:
    """Raise DifferentiationTypeError unless a block returns one array to differentiate."""
    out = numbered_block(i, block)(v)
    if type(out) is not Variable or out.node is None:
        raise DifferentiationTypeError(
            f"block {i} of a chain, {name_of(block)}, returned a {type(out).__name__} that "
            "does not depend on its input. Let each block return one array, made from the "
            "one it is given."
        )


# book/memory/costs.md: Measuring a chain
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
    blocks, value = list(blocks), np.asarray(bottom(x))
    inputs, gradients, rows = [value.nbytes], [], []
    before = [(s, state_of(s)) for s in sources_of_chance(blocks)]
    gc.collect()
    try:
        for i, block in enumerate(blocks):
            v = Variable(value)
            expect_number_from(i, block, v)
            laps = [block_times(block, v) for _ in range(rounds)]
            with tracing():
                value, by_leaf, row = when_kept(block, v)
                row |= when_skipped(block, v)
            rows.append(row | {name: min(lap[name] for lap in laps) for name in laps[0]})
            gradients.append(by_leaf)
            inputs.append(value.nbytes)
    finally:
        restart_sources(before)
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    return Costs(np.array(inputs), gradients=np.array(counted_once(gradients)), **columns)


def counted_once(found: list[dict[Leaf, int]]) -> list[int]:
    """Bytes of the gradients of each block; those of a parameter that several blocks share
    count for the last of them, which is walked first."""
    seen: set[Leaf] = set()
    sums = []
    for gradients in reversed(found):
        sums.append(sum(size for leaf, size in gradients.items() if leaf not in seen))
        seen |= gradients.keys()
    return sums[::-1]
