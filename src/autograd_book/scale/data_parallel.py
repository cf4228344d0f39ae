"""One network, many ranks.

Inside of ``averaging``, a backward pass leaves the gradient of the whole batch
with the parameters of every rank. Parts may be of any size, and the exchange
begins while the walk is still going on.

::

    import numpy as np
    import autograd_book as ab
    from autograd_book.scale.data_parallel import averaging
    from autograd_book.scale.world import alongside

    def program(world):
        weight = ab.Variable(np.ones(2))
        mine = [np.eye(2), np.zeros((1, 2))][world.rank]
        with averaging(world, [weight], weight=len(mine)):
            np.mean(np.sum((mine @ weight) ** 2)).backward()
        return weight.grad.numpy()

    print(alongside(2, program))
"""
# Generated from book/scale/data_parallel.md by autograd-book extract; edit the chapter, not this file.
# sha256: 8bfab9a814285d3b459121ec49e0bfb180534c8d0aced5ff2db92e8b84df413b

__all__ = [
    "part_of",
    "share_from",
    "shared",
    "Bucket",
    "wide_kind",
    "in_buckets",
    "Average",
    "Averaging",
    "BUCKET",
    "averaging",
    "average_gradients",
    "start_alike",
    "expect_alike",
    "rng_of_rank",
    "Traced",
]


# book/scale/data_parallel.md: Shares
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from autograd_book.graph.backward import fit, reachable
from autograd_book.graph.errors import DifferentiationTypeError, DifferentiationValueError
from autograd_book.graph.interpreter import Interpreter
from autograd_book.graph.record import Leaf, Node
from autograd_book.graph.stack import push
from autograd_book.learn.optim import movable
from autograd_book.scale.world import Communicator, RankError
from autograd_book.stability.scaling import put


def part_of(world: Communicator, array: Any) -> Any:
    """This rank's part of the first axis; the parts differ in length by at most one."""
    return np.array_split(array, world.size)[world.rank]


def share_from(weight: float, total: float) -> float:
    """The share of a rank in the whole, or the error that says that there is none."""
    if not (0 <= weight <= total and total > 0):
        raise DifferentiationValueError(
            f"a rank was given the weight {weight} of {total} on all ranks. Give the number "
            "of examples that its loss is the mean of, on one rank at least 1."
        )
    return weight / total


def shared(share: float, array: Any) -> Any:
    """A share of an array; zeros if there is none, whatever is in it."""
    return array * share if share else np.zeros_like(array)


# book/scale/data_parallel.md: Buckets
class Bucket:
    """Some parameters of one dtype, and the array in which their gradients travel."""

    def __init__(self, parameters: list[Any]) -> None:
        self.parameters = parameters
        self.ends = np.cumsum([0] + [p.size for p in parameters])
        kind = np.result_type(wide_kind(parameters[0].dtype), np.float32)
        self.array = np.zeros(self.ends[-1] + len(parameters), kind)
        self.missing = {p.node for p in parameters}  #: Leaves that may still get something.
        self.wait: Callable[[], Any] | None = None

    def slot(self, i: int) -> np.ndarray:
        """The place of a gradient, in its shape."""
        place = self.array[self.ends[i] : self.ends[i + 1]]
        return place.reshape(self.parameters[i].shape)

    def mark(self, i: int) -> None:
        """Say that there is a gradient of a parameter."""
        self.array[self.ends[-1] + i] = 1

    def results(self, array: np.ndarray) -> Iterator[tuple[Any, Any]]:
        """Each parameter with its gradient in the sum of all ranks, or None."""
        self.array = array
        for i, p in enumerate(self.parameters):
            found = array[self.ends[-1] + i] != 0
            yield p, self.slot(i).astype(p.dtype) if found else None


def wide_kind(dtype: Any) -> Any:
    """A dtype, or single precision for the small formats that NumPy does not know."""
    return np.float32 if dtype.kind == "V" else dtype


def in_buckets(parameters: list[Any], limit: int) -> list[Bucket]:
    """Parameters in buckets of at most so many bytes, or of one parameter; last ones first."""
    groups: list[list[Any]] = []
    for p in reversed(parameters):
        last = groups[-1] if groups else []
        full = sum(q.size for q in [*last, p]) * p.dtype.itemsize > limit
        if not last or full or last[0].dtype != p.dtype:
            groups.append([])
        groups[-1].append(p)
    return [Bucket(group) for group in groups]


# book/scale/data_parallel.md: While the walk goes on
class Average:
    """Gradients of some parameters on their way to all ranks."""

    def __init__(
        self, world: Communicator, parameters: Iterable[Any], weight: float, limit: int
    ) -> None:
        self.world, self.weight = world, float(weight)
        self.total = world.start("all_reduce", np.float64(weight))
        self.buckets = in_buckets(movable(parameters), limit)
        #: From a leaf to its bucket and its number there.
        self.places = {p.node: (b, i) for b in self.buckets for i, p in enumerate(b.parameters)}
        self.owed: Counter[Any] | None = None  #: Uses that the walk has not passed yet.
        self.share: float | None = None
        self.begun = 0  #: Buckets whose exchange has begun.

    def mine(self) -> float:
        """The share of this rank; waits for the sum of all weights when asked first."""
        if self.share is None:
            self.share = share_from(self.weight, float(self.total()))
        return self.share

    def count(self, end: Node) -> None:
        """Count the uses of each parameter in the graph of a result."""
        targets = (target for node in reachable(end) for target in node.inputs)
        self.owed = Counter(target for target in targets if target in self.places)
        for leaf in self.places.keys() - self.owed.keys():
            self.complete(leaf)
        self.advance()

    def arrive(self, leaf: Leaf, part: Any) -> None:
        """Add what was pulled for one use of a parameter."""
        bucket, i = self.places[leaf]
        if not isinstance(part, (np.ndarray, np.generic)):
            raise DifferentiationTypeError(
                "backward(create_graph=True) was called in a block of averaging, whose "
                "gradients are plain arrays. Use the collectives in the loss instead."
            )
        owed: Any = self.owed
        if not owed[leaf]:
            raise DifferentiationValueError(
                "a second backward pass began in one block of averaging. Accumulate the "
                "passes before the last one outside of the block."
            )
        bucket.slot(i)[...] += shared(self.mine(), part)
        bucket.mark(i)
        owed[leaf] -= 1
        if owed[leaf] == 0:
            self.complete(leaf)
            self.advance()

    def complete(self, leaf: Any) -> None:
        """Nothing more is to come: add what earlier passes have left."""
        bucket, i = self.places[leaf]
        if leaf.grad is not None:
            bucket.slot(i)[...] += shared(self.mine(), leaf.grad.numpy())
            bucket.mark(i)
        bucket.missing.discard(leaf)

    def advance(self) -> None:
        """Begin the exchange of all buckets that are full, in the order of all ranks."""
        for bucket in self.buckets[self.begun :]:
            if bucket.missing:
                break
            bucket.wait = self.world.start("all_reduce", bucket.array)
            self.begun += 1

    def finish(self) -> None:
        """Begin what is left, wait for all, and give the parameters their gradients."""
        for bucket in self.buckets:
            for leaf in list(bucket.missing):
                self.complete(leaf)
        self.mine()
        self.advance()
        for bucket in self.buckets:
            for parameter, gradient in bucket.results(bucket.wait()):  # type: ignore[misc]
                if gradient is None:
                    parameter.grad = None
                else:
                    put(parameter, gradient)


class Averaging(Interpreter):
    """Shows what the walk pulls for parameters to an `Average`."""

    __slots__ = ("average",)

    def __init__(self, below: Interpreter, average: Average) -> None:
        super().__init__(below)
        self.average = average

    def pull(self, node: Any, g: Any) -> Any:
        """Pull, and look at what goes to parameters."""
        average = self.average
        if average.owed is None:
            average.count(node)
        parts = self.below.pull(node, g)
        for target, part in zip(node.inputs, parts):
            if target in average.places:
                average.arrive(target, fit(part, target, node))
        return parts


# book/scale/data_parallel.md: While the walk goes on
BUCKET = 1 << 20  #: Bytes of a bucket, if nothing else is said.


@contextmanager
def averaging(
    world: Communicator,
    parameters: Iterable[Any],
    weight: float = 1.0,
    bucket: int = BUCKET,
    early: bool = True,
) -> Iterator[Average]:
    """Make the backward pass in a block leave the mean gradient of all ranks.

    Parameters
    ----------
    world : Communicator
        The ranks; each has the same parameters.
    parameters : iterable of Variable
        Leaves whose gradients are averaged, in one order on all ranks.
    weight : float
        What the gradients of this rank count for: the number of examples if its loss is a
        mean, 1 on each rank for a plain mean over ranks, 0 if it has none.
    bucket : int
        Bytes that travel at once.
    early : bool
        Whether buckets may travel while the walk goes on.

    Raises
    ------
    DifferentiationValueError
        If all weights are zero, or a second backward pass is begun in the block.
    RankError
        If the ranks do not have the same parameters.
    """
    average = Average(world, parameters, weight, bucket)
    if early:
        with push(Averaging, average):
            yield average
    else:
        yield average
    average.finish()


# book/scale/data_parallel.md: In a compiled step
from autograd_book.scale.collectives import all_reduce


def average_gradients(world: Communicator, parameters: Iterable[Any], weight: float = 1.0) -> None:
    """Leave the mean gradient of all ranks with parameters, behind a backward pass.

    Unlike `averaging` it may stand in a compiled step. A parameter without a gradient
    counts as zeros.

    Parameters
    ----------
    world, parameters, weight
        As of `averaging`.
    """
    total = all_reduce(np.float64(weight), world)
    for p in movable(parameters):
        mine = np.zeros(p.shape, p.dtype) if p.grad is None or not weight else p.grad
        p.grad = (all_reduce(mine * weight, world) / total).astype(p.dtype)


# book/scale/data_parallel.md: The same start
from autograd_book.graph.primitive import fingerprint


def start_alike(world: Communicator, parameters: Iterable[Any]) -> None:
    """Give the parameters of all ranks the values that they have on rank 0."""
    for parameter in movable(parameters):
        parameter.value = world.exchange("broadcast", parameter.numpy(), 0)


def expect_alike(world: Communicator, parameters: Iterable[Any]) -> None:
    """Raise RankError unless the parameters have the same values on all ranks."""
    for i, parameter in enumerate(movable(parameters)):
        value = parameter.numpy().astype(wide_kind(parameter.dtype))
        apart = np.abs(value - world.exchange("broadcast", value, 0))
        worst = world.exchange("all_gather", np.float64(apart.max(initial=0)))
        if worst.any():
            raise RankError(
                f"parameter {i}, of shape {parameter.shape}, differs from that of rank 0 by "
                f"{worst.tolist()} on the ranks in their order. Begin with start_alike, and "
                "let all ranks take the same steps."
            )


# book/scale/data_parallel.md: The same start
def rng_of_rank(world: Communicator, seed: int) -> "np.random.Generator":
    """A source of random numbers that is this rank's own, the same in each run of a seed."""
    return np.random.default_rng([seed, world.rank])


# book/scale/data_parallel.md: One step, drawn
import time


class Traced(Communicator):
    """A rank that notes what it does, as events of Chrome's trace format.

    Attributes
    ----------
    events : list of dict
        Spans with a name, a beginning and a duration in microseconds, the rank as ``pid``,
        and the kind as ``tid``: "travels" from the beginning of a collective to its end,
        "waits" for what the rank stood still of that.
    """

    __slots__ = ("events", "inner")

    def __init__(self, inner: Communicator) -> None:
        self.inner, self.rank, self.size = inner, inner.rank, inner.size
        self.events: list[dict[str, Any]] = []

    def note(self, name: str, kind: str, begin: float, end: float) -> None:
        """Add a span, given in seconds."""
        span = {"ph": "X", "ts": 1e6 * begin, "dur": 1e6 * (end - begin)}
        self.events.append({"name": name, "pid": self.rank, "tid": kind} | span)

    @contextmanager
    def span(self, name: str) -> Iterator[None]:
        """Note how long a block takes, as a kind of its own."""
        begin = time.perf_counter()
        yield
        self.note(name, name, begin, time.perf_counter())

    def start(self, name: str, part: Any, how: Any = None) -> Callable[[], Any]:
        begin, finish = time.perf_counter(), self.inner.start(name, part, how)

        def wait() -> Any:
            asked = time.perf_counter()
            result, done = finish(), time.perf_counter()
            self.note(name, "travels", begin, done)
            self.note(name, "waits", asked, done)
            return result

        return wait

    def send(self, part: Any, to: int) -> None:
        self.inner.send(part, to)

    def receive(self, source: int) -> Any:
        return self.inner.receive(source)
