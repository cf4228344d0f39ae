"""Spreading what is kept.

``Sharded`` wraps a layer, and keeps only this rank's piece of each parameter.
The optimiser sees the pieces.

::

    import numpy as np
    import autograd_book as ab
    from autograd_book.scale.sharding import Sharded
    from autograd_book.scale.world import alongside

    def program(world):
        layer = Sharded(world, ab.nn.Linear(8, 4, rng=0))
        optimizer = ab.optim.Adam(layer.parameters())
        (np.mean(layer(np.ones((2, 8), np.float32))) / world.size).backward()
        optimizer.step()
        return sum(p.size for p in layer.parameters())

    print(alongside(1, program), alongside(3, program))
"""
# Generated from book/scale/sharding.md by autograd-book extract; edit the chapter, not this file.
# sha256: b6fc530be02f0782afd9ae72d6beb9cc59a3ad1953df9ef7a8efc4fece0b4780

__all__ = [
    "SENT",
    "Counting",
    "Absent",
    "stand_in",
    "piece_of",
    "whole_of",
    "place_of",
    "placed",
    "Sharded",
    "SpreadMemories",
    "MasterAdam",
]


# book/scale/sharding.md: A communicator that is not there
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_book.scale.world import MEANINGS, Asked, Communicator, as_call, in_single

#: What leaves a rank in the best algorithm: of n ranks, for a part of so many bytes.
SENT: dict[str, Callable[[int, int], float]] = {
    "all_reduce": lambda n, size: 2 * (n - 1) / n * size,
    "all_gather": lambda n, size: (n - 1) * size,
    "reduce_scatter": lambda n, size: (n - 1) / n * size,
    "all_to_all": lambda n, size: (n - 1) / n * size,
}


class Counting(Communicator):
    """A rank that counts what it sends through another communicator.

    Attributes
    ----------
    calls : Counter
        How often each collective was called.
    sent : Counter
        Bytes that each of them sends from this rank, by the formulas in `SENT`; for those
        that are not in the table, the part itself.
    """

    __slots__ = ("calls", "inner", "sent")

    def __init__(self, inner: Communicator) -> None:
        self.inner, self.rank, self.size = inner, inner.rank, inner.size
        self.calls: Counter[str] = Counter()
        self.sent: Counter[str] = Counter()

    def start(self, name: str, part: Any, how: Any = None) -> Callable[[], Any]:
        size = np.asarray(part).nbytes
        self.calls[name] += 1
        self.sent[name] += round(SENT[name](self.size, size) if name in SENT else size)
        return self.inner.start(name, part, how)

    def send(self, part: Any, to: int) -> None:
        self.sent["send"] += np.asarray(part).nbytes
        self.inner.send(part, to)

    def receive(self, source: int) -> Any:
        return self.inner.receive(source)


class Absent(Communicator):
    """One rank of a world in which the others are not there, but answer in their shapes."""

    __slots__ = ()

    def __init__(self, rank: int, size: int) -> None:
        self.rank, self.size = rank, size

    def start(self, name: str, part: Any, how: Any = None) -> Callable[[], Any]:
        asked, part = as_call(self, name, part, how)
        out = stand_in(asked, np.array(part), self)
        return lambda: out


def stand_in(asked: Asked, part: Any, world: Communicator) -> Any:
    """What a collective would give if all ranks had given the same."""
    if asked.name in ("all_reduce", "reduce_scatter", "reduce"):
        part = part[world.rank] if asked.name == "reduce_scatter" else part
        times = 0 if asked.name == "reduce" and world.rank != asked.how else world.size
        return np.asarray(part.astype(in_single(part.dtype)) * times).astype(part.dtype)
    parts = [part] * world.size
    return np.array(MEANINGS[asked.name](parts, world.rank, asked.how))


# book/scale/sharding.md: Pieces
from autograd_book.graph.primitive import shape_of
from autograd_book.scale.collectives import all_gather


def piece_of(world: Communicator, array: Any) -> np.ndarray:
    """This rank's piece of an array laid out flat, filled up to equal pieces."""
    flat = np.ravel(array)
    length = -(-flat.size // world.size)
    piece = np.zeros(length, flat.dtype)
    mine = flat[world.rank * length : (world.rank + 1) * length]
    piece[: mine.size] = mine
    return piece


def whole_of(world: Communicator, piece: Any, shape: tuple[int, ...]) -> Any:
    """The array of which each rank has a piece."""
    flat = np.reshape(all_gather(piece, world), (world.size * shape_of(piece)[0],))
    return np.reshape(flat[: int(np.prod(shape))], shape)


# book/scale/sharding.md: A layer in pieces
from collections.abc import Iterator
from contextlib import contextmanager

from autograd_book.graph.errors import DifferentiationValueError
from autograd_book.graph.variable import Variable
from autograd_book.learn.nn import Module
from autograd_book.memory.checkpoint import checkpoint


def place_of(owner: Any, name: str) -> tuple[Any, Any]:
    """The container in which a dotted name ends, as a mapping, and its last key."""
    *path, last = name.split(".")
    for key in path:
        inside = vars(owner) if isinstance(owner, Module) else owner
        owner = inside[int(key)] if isinstance(inside, list | tuple) else inside[key]
    holder = vars(owner) if isinstance(owner, Module) else owner
    return holder, int(last) if isinstance(holder, list) else last


@contextmanager
def placed(layer: Module, values: dict[str, Any]) -> Iterator[None]:
    """Have values in the places of a layer's parameters, and nothing there afterwards."""
    places = {name: place_of(layer, name) for name in values}
    for name, (holder, key) in places.items():
        holder[key] = values[name]
    try:
        yield
    finally:
        for holder, key in places.values():
            holder[key] = None


class Sharded(Module):
    """A layer of whose parameters each rank keeps a piece.

    Parameters
    ----------
    world : Communicator
        The ranks. All of them make the layer with the same values, and call it in the same
        order.
    layer : Module
        Loses its parameters.
    keep : bool
        Whether whole parameters stay from the call to the way back. Otherwise they are
        gathered twice.
    dtype : dtype_like, optional
        Of the pieces, and of what travels; that of the parameters if it is not given.

    Raises
    ------
    DifferentiationValueError
        If the layer has one parameter in two places.
    """

    def __init__(
        self, world: Communicator, layer: Module, keep: bool = False, dtype: Any = None
    ) -> None:
        named = dict(layer.named_parameters())
        self.world, self.layer, self.keep = world, layer, keep
        self.shapes = {name: p.shape for name, p in named.items()}
        self.pieces = {
            name.replace(".", "/"): Variable(piece_of(world, p.numpy().astype(dtype or p.dtype)))
            for name, p in named.items()
        }
        with placed(layer, named):
            pass
        if left := list(layer.named_parameters()):
            raise DifferentiationValueError(
                f"a layer to be sharded has a parameter in two places, one of them {left[0][0]}. "
                "Shard the parts that use it apart from each other as one layer that is "
                "called twice."
            )

    def compute(self, x: Any) -> Any:
        """What the layer computes, with parameters gathered for it."""
        found = zip(self.shapes.items(), self.pieces.values(), strict=True)
        whole = {name: whole_of(self.world, piece, shape) for (name, shape), piece in found}
        with placed(self.layer, whole):
            return self.layer(x)

    def __call__(self, x: Any) -> Any:
        """Apply the layer; all ranks do."""
        return self.compute(x) if self.keep else checkpoint(self.compute)(x)


# book/scale/sharding.md: Only the memories
from autograd_book.learn.optim import Adam, movable, zeros


class SpreadMemories:
    """An optimiser of which each rank keeps the memories of one piece.

    Parameters
    ----------
    world : Communicator
        The ranks, with equal parameters.
    parameters : iterable of Variable
        Of one dtype. Their values become views of one flat array.
    optimizer : callable
        Makes an optimiser of a list of Variables.
    """

    def __init__(self, world: Communicator, parameters: Any, optimizer: Any) -> None:
        self.world, self.parameters = world, movable(parameters)
        length = -(-sum(p.size for p in self.parameters) // world.size)
        self.flat = np.zeros((world.size, length), self.parameters[0].dtype)
        for p, place in zip(self.parameters, self.places(self.flat), strict=True):
            place[...] = p.value
            p.value = place
        self.piece = Variable(self.flat[world.rank])
        self.piece.value = self.flat[world.rank]
        self.optimizer = optimizer([self.piece])

    def places(self, flat: np.ndarray) -> list[np.ndarray]:
        """The part of a flat array that is each parameter's, in its shape."""
        ends = np.cumsum([p.size for p in self.parameters])[:-1]
        found = np.split(flat.reshape(-1)[: sum(p.size for p in self.parameters)], ends)
        return [part.reshape(p.shape) for part, p in zip(found, self.parameters, strict=True)]

    def step(self) -> None:
        """Sum the gradients of all ranks, move the piece, and gather; forgets the gradients."""
        whole = np.zeros_like(self.flat)
        for p, place in zip(self.parameters, self.places(whole), strict=True):
            if p.grad is not None:
                place[...] = p.grad.numpy()
            p.grad = None
        self.piece.grad = self.world.exchange("reduce_scatter", whole)
        del whole
        self.optimizer.step()
        self.piece.grad = None
        self.put_back()

    def put_back(self) -> None:
        """Bring the pieces of all ranks into the parameters."""
        self.flat[...] = self.world.exchange("all_gather", self.piece.numpy())


# book/scale/sharding.md: Only the memories
class MasterAdam(Adam):
    """Adam for parameters in half precision: it remembers them in single precision too."""

    def remembered(self, state: dict[str, Any], value: np.ndarray) -> dict[str, np.ndarray]:
        """Steps, the two means, and the value in single precision."""
        if not state:
            wide = value.astype(np.float32)
            state |= {name: zeros(wide, dtype) for name, dtype in self.memories.items()}
            state["master"] = wide
        return state

    def update(self, value: Any, gradient: Any, state: dict[str, Any]) -> None:
        """Move the value in single precision, and round it."""
        master = self.remembered(state, value)["master"]
        super().update(master, gradient.astype(np.float32), state)
        value[...] = master
