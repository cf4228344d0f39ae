"""Training steps in float32, each written three times: as a loss in the words that all engines share, which they
differentiate; by hand in NumPy, with new arrays for its results, which is the unit of all tables; and by hand in place.
"""

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace as Names
from typing import Any, NamedTuple

import numpy as np

from compared import by_hand, in_place, losses
from compared.losses import Arrays, Generator


class Workload(NamedTuple):
    """One training step."""

    about: str
    make: Callable[[Generator], tuple[Arrays, Arrays]]  #: Parameters and data, from a generator.
    loss: Callable[[Any, Any, Any], Any]  #: Of the functions of an engine, parameters and data.
    by_hand: Callable[[Any, Any], Arrays]  #: Gradients of parameters, with data.
    in_place: Callable[[Any, Any], Callable[[], Arrays]] | None  #: Makes room, and gives what writes the gradients there.
    lr: float
    operations: int = 0  #: In the loss, where a table tells the time of one of them.


def step(about: str, name: str, lr: float, operations: int = 0, **sizes: int) -> Workload:
    """What has this name in all three modules."""
    written = (getattr(place, name, None) for place in (losses, by_hand, in_place))
    return Workload(about, partial(getattr(losses, f"make_{name}"), **sizes), *written, lr, operations)


#: By name, as the tables tell them.
WORKLOADS = {
    "W1": step("MLP 784-128-64-10, batch 64", "perceptron", 1e-2),
    "W3": step("50 tanh layers of 64, batch 32", "deep", 0.1, depth=50, width=64, batch=32),
    "W4": step("chain of numbers, tanh(y*a+b)", "chain", 1e-5, operations=3 * losses.LINKS),
    "W5": step("elementwise, 2 M numbers", "elementwise", 1e-4),
    "W6": step("tanh RNN of 128, 100 steps", "recurrent", 0.1),
    "W7": step("CNN with max-pooling, batch 32", "convolutional", 1e-2),
    "W8": step("transformer block, 8 x 128 x 256", "block", 0.1, batch=8, length=128),
    "W9": step("4 tanh layers of 1024, batch 256", "deep", 0.1, depth=4, width=1024, batch=256),
    "W10": step("transformer block, 1 x 1024 x 256", "block", 0.1, batch=1, length=1024),
}


def given(workload: Workload) -> tuple[Arrays, Any]:
    """Parameters and data of a workload, the same each time."""
    arrays, data = workload.make(np.random.default_rng(0))
    return arrays, Names(**data)


def difference(before: Any, wanted: Any, found: Any) -> float:
    """The largest difference of two updates, relative to the larger of the update and of what a parameter of that size
    is rounded by; NaN if one of them is."""
    worst = []
    for name, b in before.items():
        size = np.max(np.abs(wanted[name] - b)) + 1e3 * np.finfo(np.float32).eps * np.max(np.abs(b))
        worst.append(np.max(np.abs(wanted[name] - found[name])) / size)
    return float(np.max(worst))
