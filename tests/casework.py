"""What the tables of cases are made of: a function, where to check it, and arrays of all kinds of layout."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Case:
    """A smooth function of arrays, and arrays in double precision to check it at."""

    fun: Callable[..., Any]
    args: tuple[Any, ...]
    name: str

    def __str__(self) -> str:
        return self.name


def uniform(shape: tuple[int, ...], low: float = -2.0, high: float = 2.0, seed: int = 0) -> np.ndarray:
    """Numbers in an interval, without the ends and without repetitions."""
    return np.asarray(np.random.default_rng([seed, *shape, len(shape)]).uniform(low, high, shape))


def transposed(x: np.ndarray) -> np.ndarray:
    """The same numbers with the memory order of the transpose."""
    return np.asfortranarray(x)


def strided(x: np.ndarray) -> np.ndarray:
    """The same numbers, every second place of a larger array, backwards."""
    if x.ndim == 0:
        return x
    large = np.zeros([2 * n for n in x.shape])
    view = large[(slice(None, None, -2),) * x.ndim]
    view[...] = x
    return view


def label(*parts: Any) -> str:
    """A readable name of a case."""
    return " ".join(str(p).replace(" ", "") for p in parts if p != "")


UNARY_SHAPES = [(), (1,), (3,), (2, 3), (0,), (2, 0, 3)]
BINARY_SHAPES = [
    ((), ()),
    ((3,), (3,)),
    ((), (2, 3)),
    ((3,), ()),
    ((3,), (2, 3)),
    ((2, 1), (1, 3)),
    ((2, 3), (1,)),
    ((1, 1), (3,)),
    ((0,), (1,)),
    ((2, 0), ()),
]
