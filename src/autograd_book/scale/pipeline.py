"""An assembly line.

``pipelined`` takes one step: each rank has a part of the network, and runs the
forward and backward passes of its micro-batches in the order of a schedule.

::

    import numpy as np
    import autograd_book as ab
    from autograd_book.scale.pipeline import pipelined
    from autograd_book.scale.world import alongside

    def program(world):
        part = ab.nn.Linear(4, 4, rng=world.rank)
        batches = [np.ones((2, 4), np.float32)] * 3
        done = pipelined(world, part, batches, lambda y, i: np.mean(y**2), schedule="1F1B")
        return part.weight.grad.shape, done.kept

    print(alongside(2, program))
"""
# Generated from book/scale/pipeline.md by autograd-book extract; edit the chapter, not this file.
# sha256: 3ee6288be5d42e40e1654df58be5efd4d9c48118597f41d1722f763773779b7d

__all__ = [
    "Turn",
    "all_forward_first",
    "one_forward_one_back",
    "SCHEDULES",
    "Done",
    "Line",
    "pipelined",
    "ChunkTurn",
    "interleaved_turns",
    "LoopedLine",
    "interleaved",
    "Clocked",
    "idle_share",
]


# book/scale/pipeline.md: Two schedules
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Turn(NamedTuple):
    """One pass of one micro-batch through a part."""

    way: str  #: "forward" or "backward".
    micro: int


def all_forward_first(ranks: int, rank: int, count: int) -> list[Turn]:
    """The turns of a rank when everything goes forward before anything goes back."""
    ways = ("forward", "backward")
    return [Turn(way, i) for way in ways for i in range(count)]


def one_forward_one_back(ranks: int, rank: int, count: int) -> list[Turn]:
    """The turns of a rank that goes back as early as it can."""
    forward, backward = [[Turn(way, i) for i in range(count)] for way in ("forward", "backward")]
    ahead = min(ranks - 1 - rank, count)
    pairs = zip(forward[ahead:], backward, strict=False)
    return forward[:ahead] + [turn for pair in pairs for turn in pair] + backward[count - ahead :]


#: By the names that papers use.
SCHEDULES = {"GPipe": all_forward_first, "1F1B": one_forward_one_back}


# book/scale/pipeline.md: The step
from autograd_book.graph.errors import DifferentiationValueError
from autograd_book.graph.variable import Variable
from autograd_book.scale.world import Communicator


class Done(NamedTuple):
    """What a step of a pipeline was like on one rank."""

    loss: float  #: Mean over the micro-batches on the last rank, 0 on the others.
    kept: int  #: Most micro-batches that waited for their way back at a time.


class Line:
    """One rank of a pipeline, in the middle of a step."""

    def __init__(self, world: Communicator, part: Any, batches: Any, loss: Any) -> None:
        self.world, self.part, self.batches, self.loss = world, part, batches, loss
        self.waiting: dict[int, tuple[Any, Any]] = {}  #: Input and result by micro-batch.
        self.kept, self.total = 0, 0.0
        self.first, self.last = world.rank == 0, world.rank == world.size - 1

    def forward(self, i: int) -> None:
        """Take a micro-batch, compute, and pass the result on."""
        before = self.world.rank - 1
        x = self.batches[i] if self.first else Variable(self.world.receive(before))
        y = self.part(x)
        if self.last:
            y = self.loss(y, i) / len(self.batches)
            self.total += y.item()
        else:
            self.world.send(y.numpy(), self.world.rank + 1)
        self.waiting[i] = x, y
        self.kept = max(self.kept, len(self.waiting))

    def backward(self, i: int) -> None:
        """Take a cotangent, walk back, and pass on what has come to the input."""
        x, y = self.waiting.pop(i)
        y.backward(None if self.last else self.world.receive(self.world.rank + 1))
        if not self.first:
            self.world.send(x.grad.numpy(), self.world.rank - 1)


def pipelined(
    world: Communicator, part: Any, batches: Any, loss: Any, schedule: str = "1F1B"
) -> Done:
    """Take the passes of one step, with a part of a network on each rank.

    Parameters
    ----------
    world : Communicator
        The ranks, in the order of the parts.
    part : callable
        This rank's part: from its input to its result, an array each.
    batches : sequence
        The micro-batches; rank 0 reads them, the others only count them.
    loss : callable
        ``loss(y, i)`` on the last rank: the mean loss of what came out for micro-batch i.
    schedule : str
        A key of `SCHEDULES`.

    Returns
    -------
    Done
        The gradients are in ``.grad`` of the parameters, added to what was there.

    Raises
    ------
    DifferentiationValueError
        If there is no micro-batch, or no such schedule.
    """
    if schedule not in SCHEDULES or not len(batches):
        raise DifferentiationValueError(
            f"a pipeline was given {len(batches)} micro-batches and the schedule {schedule!r}. "
            f"Give it at least one, and one of {', '.join(SCHEDULES)}."
        )
    line = Line(world, part, batches, loss)
    for way, micro in SCHEDULES[schedule](world.size, world.rank, len(batches)):
        getattr(line, way)(micro)
    return Done(line.total, line.kept)


# book/scale/pipeline.md: Several short parts
class ChunkTurn(NamedTuple):
    """One pass of one micro-batch through one of the parts of a rank."""

    way: str
    micro: int
    chunk: int  #: Number of the part, among those of the rank.


def interleaved_turns(ranks: int, rank: int, count: int, chunks: int) -> list[ChunkTurn]:
    """The turns of a rank with several parts; the count is a multiple of the ranks."""
    groups = [range(start, start + ranks) for start in range(0, count, ranks)]
    order = [(i, c) for group in groups for c in range(chunks) for i in group]
    forward = [ChunkTurn("forward", i, c) for i, c in order]
    backward = [ChunkTurn("backward", i, chunks - 1 - c) for i, c in order]
    slack = 2 if chunks > 1 else 1  # the way back comes by twice as late when it goes round
    ahead = min(slack * (ranks - 1 - rank) + (chunks - 1) * ranks, len(order))
    pairs = zip(forward[ahead:], backward, strict=False)
    rest = backward[len(order) - ahead :]
    return forward[:ahead] + [turn for pair in pairs for turn in pair] + rest


# book/scale/pipeline.md: Several short parts
from collections import deque


class LoopedLine(Line):
    """One rank of a pipeline that has several parts, in the middle of a step."""

    def __init__(self, world: Communicator, parts: Any, batches: Any, loss: Any) -> None:
        super().__init__(world, parts, batches, loss)
        self.stages = world.size * len(parts)
        self.turns = [
            interleaved_turns(world.size, rank, len(batches), len(parts))
            for rank in range(world.size)
        ]
        self.coming = {rank: deque(self.letters(rank)) for rank in range(world.size)}
        self.early: dict[tuple[str, int, int], Any] = {}

    def letters(self, sender: int) -> list[tuple[str, int, int]]:
        """What a rank sends to this one: the way, the stage that needs it, the micro-batch."""
        steps = {"forward": 1, "backward": -1}
        found = [
            (way, chunk * self.world.size + sender + steps[way], i)
            for way, i, chunk in self.turns[sender]
        ]
        ours = self.world.rank
        return [k for k in found if 0 <= k[1] < self.stages and k[1] % self.world.size == ours]

    def letter(self, way: str, stage: int, i: int) -> Any:
        """The letter that a stage needs, from the stage before or behind."""
        source = (stage - 1 if way == "forward" else stage + 1) % self.world.size
        while (way, stage, i) not in self.early:
            self.early[self.coming[source].popleft()] = self.world.receive(source)
        return self.early.pop((way, stage, i))

    def take(self, turn: ChunkTurn) -> None:
        """Do what is to be done in a turn."""
        stage = turn.chunk * self.world.size + self.world.rank
        (self.go if turn.way == "forward" else self.go_back)(turn, stage)

    def go(self, turn: ChunkTurn, stage: int) -> None:
        """Compute, and pass the result on."""
        _, i, chunk = turn
        x = self.batches[i] if stage == 0 else Variable(self.letter("forward", stage, i))
        y = self.part[chunk](x)
        if stage == self.stages - 1:
            y = self.loss(y, i) / len(self.batches)
            self.total += y.item()
        else:
            self.world.send(y.numpy(), (stage + 1) % self.world.size)
        self.waiting[turn.micro * len(self.part) + chunk] = x, y
        self.kept = max(self.kept, len(self.waiting))

    def go_back(self, turn: ChunkTurn, stage: int) -> None:
        """Walk back, and pass on what has come to the input."""
        _, i, chunk = turn
        x, y = self.waiting.pop(i * len(self.part) + chunk)
        y.backward(None if stage == self.stages - 1 else self.letter("backward", stage, i))
        if stage:
            self.world.send(x.grad.numpy(), (stage - 1) % self.world.size)


def interleaved(world: Communicator, parts: Any, batches: Any, loss: Any) -> Done:
    """Take the passes of one step, with several parts of a network on each rank.

    Parameters
    ----------
    world : Communicator
        The ranks.
    parts : list of callable
        This rank's parts; part c of rank r is number ``c * world.size + r`` in the network.
    batches, loss
        As of `pipelined`; as many micro-batches as a multiple of the ranks.

    Returns
    -------
    Done
        `kept` counts passes through a single part.

    Raises
    ------
    DifferentiationValueError
        If the number of micro-batches is no multiple of that of ranks.
    """
    if not len(batches) or len(batches) % world.size or not len(parts):
        raise DifferentiationValueError(
            f"{len(batches)} micro-batches and {len(parts)} parts were given to {world.size} "
            "interleaved ranks. Give at least one part, and a multiple of the number of ranks."
        )
    line = LoopedLine(world, parts, batches, loss)
    for turn in line.turns[world.rank]:
        line.take(turn)
    return Done(line.total, line.kept)


# book/scale/pipeline.md: A clock that travels
import time


class Clocked(Communicator):
    """A rank whose letters carry a clock of the time that it has computed.

    Parameters
    ----------
    inner : Communicator
        Carries the letters.
    clock : callable
        Seconds that this rank has computed; processor time of the thread by default.
    """

    __slots__ = ("clock", "inner", "skipped", "waited")

    def __init__(self, inner: Communicator, clock: Callable[[], float] = time.thread_time) -> None:
        self.inner, self.clock = inner, clock
        self.rank, self.size = inner.rank, inner.size
        self.skipped = -clock()  #: What has to be added to the clock.
        self.waited = 0.0  #: Of that, the time for which it was set forward.

    def now(self) -> float:
        """The time of this rank since its beginning."""
        return self.clock() + self.skipped

    def send(self, part: Any, to: int) -> None:
        self.inner.send(part, to)
        self.inner.send(np.float64(self.now()), to)

    def receive(self, source: int) -> Any:
        arrived = self.now()
        part, sent = self.inner.receive(source), float(self.inner.receive(source))
        self.skipped += max(arrived, sent) - self.now()  # asking for letters is no work
        self.waited += max(0.0, sent - arrived)
        return part

    def start(self, name: str, part: Any, how: Any = None) -> Callable[[], Any]:
        return self.inner.start(name, part, how)


def idle_share(ends: Any, waited: Any) -> float:
    """The share of all ranks' time in which they computed nothing, from what their clocks
    show at the end, and for how long each of them waited."""
    busy = sum(ends) - sum(waited)
    return float(1 - busy / (len(ends) * max(ends)))
