"""What the machine can do.

``measure_machine`` finds out within about a second what the machine at hand
does at best.

::

    from autograd_book.speed.roofline import measure_machine
    from autograd_book.speed.work import Work

    machine = measure_machine(seconds=0.5)
    print(machine)
    product = Work(flops=2 * 512**3, nbytes=3 * 4 * 512**2)
    print(f"a product with a side of 512: at least {machine.least_time(product) * 1e3:.2f} ms")
"""
# Generated from book/speed/roofline.md by autograd-book extract; edit the chapter, not this file.
# sha256: 4e79f6c297a99cc61af8d016679fc2f0a5d532a26f54ec5aa3ba923f1a998a4c

__all__ = [
    "Trial",
    "repeated",
    "SIZES",
    "copy_trials",
    "SIDE",
    "SHORT",
    "products",
    "multiplications",
    "exponentials",
    "calls",
    "fastest",
    "at_once",
    "busy_cores",
    "Machine",
    "KINDS",
    "measure_machine",
]


# book/speed/roofline.md: Trials
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Trial(NamedTuple):
    """A short program whose speed is measured."""

    amount: int  #: How much it does in a turn: bytes, operations, values or calls.
    run: Callable[[], Any]


def repeated(amount: int, number: int, fun: Callable[..., Any], *args: Any) -> Trial:
    """A call that does some amount, a number of times; the last argument is written into."""

    def run() -> None:
        *inputs, out = args
        for _ in range(number):
            fun(*inputs, out=out)

    return Trial(amount * number, run)


# book/speed/roofline.md: Trials
#: Working sets of the sweep, in bytes.
SIZES = tuple(1 << power for power in range(14, 27))


def copy_trials(nbytes: int) -> Trial:
    """Copies whose working set has a number of bytes."""
    source, target = np.ones((2, nbytes // 2), np.uint8)
    copy = lambda x, out: np.copyto(out, x)
    return repeated(nbytes, max(1, (1 << 21) // nbytes), copy, source, target)


# book/speed/roofline.md: Trials
SIDE = 384  #: Of the matrices that are multiplied.
SHORT = 2048  #: Number of elements of what is to fit into any cache.


def products(dtype: Any) -> Trial:
    """A product of square matrices."""
    x, y, out = np.ones((3, SIDE, SIDE), dtype)
    return repeated(2 * SIDE**3, 1, np.matmul, x, y, out)


def multiplications(dtype: Any) -> Trial:
    """Elementwise products of short arrays."""
    return repeated(SHORT, 100, np.multiply, *np.ones((3, SHORT), dtype))


def exponentials(dtype: Any) -> Trial:
    """Values of a function."""
    return repeated(SHORT, 10, np.exp, *np.ones((2, SHORT), dtype))


def calls(dtype: Any) -> Trial:
    """Calls with four numbers to multiply."""
    return repeated(1, 500, np.multiply, *np.ones((3, 4), dtype))


# book/speed/roofline.md: The best of many turns
def fastest(
    trials: list[Trial], seconds: float, clock: Callable[[], float]
) -> list[float]:
    """For each trial the amount that it did in a second, in the best of its turns.

    There are at least three rounds, and as many more as fit into the seconds.
    """
    shortest, end, rounds = [float("inf")] * len(trials), clock() + seconds, 0
    while rounds < 3 or clock() < end:
        for i, trial in enumerate(trials):
            start = clock()
            trial.run()
            shortest[i] = min(shortest[i], clock() - start)
        rounds += 1
    return [t.amount / max(s, 1e-9) for t, s in zip(trials, shortest)]


# book/speed/roofline.md: The best of many turns
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial


def at_once(make: Callable[[], Trial], threads: int, pool: Any) -> Trial:
    """The same trial in several threads, as one."""
    trials = [make() for _ in range(threads)]
    if threads == 1:
        return trials[0]
    amount = sum(trial.amount for trial in trials)
    return Trial(amount, lambda: [*pool.map(lambda trial: trial.run(), trials)])


def busy_cores(trial: Trial) -> float:
    """How many cores a trial is given, by the time that processors spend on it."""
    start, used = time.perf_counter(), time.process_time()
    for _ in range(3):
        trial.run()
    return (time.process_time() - used) / (time.perf_counter() - start)


# book/speed/roofline.md: A roof
from dataclasses import asdict, dataclass

from autograd_book.memory.report import Table
from autograd_book.speed.work import Work


@dataclass(frozen=True)
class Machine:
    """What a machine does in a second, at best. By dtype: a name, as ``"float32"``."""

    sizes: tuple[int, ...]  #: Working sets in bytes, the smallest first.
    copied: tuple[float, ...]  #: Bytes a second, read and written, for each of them.
    products: dict[str, float]  #: Flops a second in matrix products, by dtype.
    elementwise: dict[str, float]  #: Flops a second element by element, in the cache.
    functions: dict[str, float]  #: Values of exp a second, in the cache.
    call: float  #: Seconds that a call of NumPy takes for a handful of numbers.
    threads: int = 1  #: In how many threads at once it was measured.
    cores: float = 1.0  #: How many cores matrix products were given.

    def bandwidth(self, nbytes: float) -> float:
        """Bytes a second, read and written, with a working set of so many bytes."""
        place = np.log(max(nbytes, 1.0))
        return float(np.interp(place, np.log(self.sizes), self.copied))

    @property
    def caches(self) -> list[int]:
        """Working sets in bytes behind which copying becomes slower by a quarter or more."""
        falls = [b < 0.75 * a for a, b in zip(self.copied, self.copied[1:])]
        first = [fall and not before for fall, before in zip(falls, [False, *falls])]
        return [size for size, edge in zip(self.sizes, first) if edge]

    def parts(self, work: Work, dtype: Any = "float32", calls: int = 1) -> dict[str, float]:
        """Seconds that some work would take at least: for its bytes, and for its arithmetic."""
        kind = "float32" if np.dtype(dtype).itemsize <= 4 else "float64"
        moved = work.nbytes / self.bandwidth(work.nbytes / max(calls, 1))
        computed = work.flops / self.products[kind] + work.functions / self.functions[kind]
        return {"bandwidth": moved, "arithmetic": computed}

    def least_time(self, work: Work, dtype: Any = "float32") -> float:
        """Seconds that some work takes at least: the longer of the two."""
        return max(self.parts(work, dtype).values())

    def to_dict(self) -> dict[str, Any]:
        """All figures in plain types, as for JSON."""
        return asdict(self) | {"caches": self.caches}

    def table(self) -> Table:
        """The figures with their units."""
        swept = list(zip(self.sizes, self.copied))[::4]
        rows = [(f"copying {n >> 10:,} KiB", f"{rate / 1e9:.1f} GB/s") for n, rate in swept]
        for name in ("products", "elementwise", "functions"):
            unit = "Gvalue/s" if name == "functions" else "GFLOP/s"
            rows += [(f"{name}, {k}", f"{v / 1e9:.2f} {unit}") for k, v in getattr(self, name).items()]
        rows.append(("a call", f"{self.call * 1e6:.2f} µs"))
        return Table((f"{self.threads} thread(s), {self.cores:.1f} in products", "at best"), rows)

    def __str__(self) -> str:
        return repr(self.table())


# book/speed/roofline.md: A roof
KINDS = ("float32", "float64")


def measure_machine(
    threads: int = 1, seconds: float = 1.0, clock: Callable[[], float] = time.perf_counter
) -> Machine:
    """Find out what the machine at hand does at best.

    Parameters
    ----------
    threads : int
        In how many threads at once; matrix products may use more by themselves.
    seconds : float
        How long to measure, besides three rounds that are always made.
    clock : callable
        Gives seconds.
    """
    makers = (products, multiplications, exponentials)
    with ThreadPoolExecutor(threads) as pool:

        def rates(makes: list[Callable[[], Trial]]) -> list[float]:
            trials = [at_once(make, threads, pool) for make in makes]
            return fastest(trials, seconds / 2, clock)

        copied = rates([partial(copy_trials, size) for size in SIZES])
        found = rates([partial(make, kind) for make in (*makers, calls) for kind in KINDS])
        cores = busy_cores(at_once(lambda: products("float32"), threads, pool))
    product, single, value = (dict(zip(KINDS, found[i : i + 2])) for i in (0, 2, 4))
    call = threads / found[6]
    return Machine(SIZES, tuple(copied), product, single, value, call, threads, cores)
