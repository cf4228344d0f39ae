"""Written once, read once.

``Chains`` is told of all arrays that are taken and given, and finds those that
a fused program would not write.

::

    import numpy as np
    import autograd_book as ab
    from autograd_book.speed.chains import Chains, fusible
    from autograd_book.speed.probes import probing

    with probing() as ledger:
        ledger.readers = Chains()
        x = ab.Variable(np.ones(1000))
        np.sum(np.exp(-x * x))
    for found in fusible(ledger.readers):
        print(found.maker.name, "->", found.reader.name, found.nbytes)
"""
# Generated from book/speed/chains.md by autograd-book extract; edit the chapter, not this file.
# sha256: 73f87c4b56643b8cf1a1b089ff34c3d84d10d2492c85d6e9a32d11ec2e44b12c

__all__ = ["Made", "REDUCED", "REDUCTIONS", "Chains", "Fusible", "fusible"]


# book/speed/chains.md: Who reads an array
import weakref
from typing import Any

import numpy as np

from autograd_book.graph.primitive import Primitive
from autograd_book.memory.books import owner_of
from autograd_book.speed.probes import Event


class Made:
    """An array that an elementwise operation has made, and who has read it."""

    __slots__ = ("maker", "nbytes", "reference", "readers")

    def __init__(self, maker: Event, array: np.ndarray) -> None:
        self.maker, self.nbytes, self.reference = maker, array.nbytes, weakref.ref(array)
        self.readers: list[Event | None] = []  #: None for one that wants all of it at once.


# book/speed/chains.md: Who reads an array
#: Primitives that take the elements as they come, and give fewer.
REDUCED = (
    "sum mean prod max min all any var std var_about std_about count_nonzero "
    "log_sum softmax log_softmax rms_normalize negative_log_likelihood p_norm"
)
REDUCTIONS = set(REDUCED.split())


class Chains:
    """Notes which arrays are made by elementwise operations, and read by what."""

    def __init__(self) -> None:
        self.made: list[Made] = []
        self.current: dict[int, Made] = {}  #: By identity of the array; some may be gone.

    def __call__(self, event: Event, primitive: Primitive, taken: Any, given: Any) -> None:
        """Note what an operation has taken and given."""
        follows = primitive.elementwise or primitive.name in REDUCTIONS
        for value in taken:
            owner = owner_of(value)
            note = self.current.get(id(owner))
            if note is not None and note.reference() is owner:
                fits = follows and owner is value and event.place.phase == note.maker.place.phase
                note.readers.append(event if fits else None)
        if primitive.elementwise:
            for value in given:
                if isinstance(value, np.ndarray) and value.base is None:
                    self.made.append(Made(event, value))
                    self.current[id(value)] = self.made[-1]


# book/speed/chains.md: What would be saved
from dataclasses import dataclass

from autograd_book.memory.books import Place
from autograd_book.speed.roofline import Machine


@dataclass(frozen=True)
class Fusible:
    """Arrays that an ideal fusion of two operations would neither write nor read."""

    maker: Place
    reader: Place
    arrays: int
    nbytes: int  #: That would not be moved: written and read.

    def seconds(self, machine: Machine) -> float:
        """Predicted gain on a machine, by its bandwidth for arrays of this size."""
        return self.nbytes / machine.bandwidth(self.nbytes / self.arrays)


def fusible(chains: Chains) -> list[Fusible]:
    """What could be fused, most bytes first."""
    found: dict[tuple[Place, Place], list[int]] = {}
    for note in chains.made:
        if len(note.readers) == 1 and (reader := note.readers[0]) is not None:
            found.setdefault((note.maker.place, reader.place), []).append(2 * note.nbytes)
    rows = [Fusible(*places, len(sizes), sum(sizes)) for places, sizes in found.items()]
    return sorted(rows, key=lambda row: -row.nbytes)
