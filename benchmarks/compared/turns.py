"""Each engine in a process of its own, and the times of its steps, taken in turns.

No engine lives in the memory or with the settings of another, and only one works at a time. Before any is timed, each
has to change the parameters as the step by hand does.
"""

import gc
import multiprocessing
import os
import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from compared.engines import ENGINES, Program, Unfit
from compared.workloads import WORKLOADS, difference, given

try:
    import resource
except ImportError:  # Windows
    resource = None

KEPT = " kept"  #: Ends the name of a column whose process keeps its pages.
NEAR = 1e-3  #: The largest difference of two updates that rounding explains.
Times = dict[str, float]


class Disagreement(Exception):
    """Two engines change the parameters differently."""


class Column(NamedTuple):
    """An engine, with a number of threads."""

    name: str
    threads: int = 1

    @property
    def unit(self) -> str:
        """The column that it is divided by."""
        return "by hand" + KEPT * self.name.endswith(KEPT)


def settle(column: Column) -> Any:
    """In its process: as many cores as threads, and pages kept; the engine."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-column.threads :])
    if column.name.endswith(KEPT):
        import autograd_book

        autograd_book.keep_pages()
    return ENGINES[column.name.removesuffix(KEPT)]


def work(column: Column, door: Any) -> None:
    """In a process of its own: do what is asked, until nothing is."""
    engine, program = settle(column), None
    with tempfile.TemporaryDirectory() as folder:
        # What was compiled in another run would be found there, and its profiler talks.
        os.environ |= {"TORCHINDUCTOR_CACHE_DIR": folder, "KINETO_LOG_LEVEL": "99"}
        for order, what in iter(door.recv, None):
            try:
                if order == "prepare":
                    program = None  # two at a time would need twice the memory
                    gc.collect()
                    program = engine.make(WORKLOADS[what])
                    door.send(prepared(program))
                elif order == "weigh":
                    program = None
                    door.send(weighed(engine.make, what))
                else:
                    door.send(timed(program, *what))
            except Exception as error:
                said = str(error).strip().partition("\n")[0]
                door.send(Unfit(said if isinstance(error, Unfit) else f"{type(error).__name__}: {said}"))


def prepared(program: Program) -> tuple[dict[str, np.ndarray], float]:
    """What the first step makes of the parameters, and its time."""
    start = time.perf_counter()
    program.step()
    program.wait()
    first = time.perf_counter() - start
    return {name: np.array(value) for name, value in program.values().items()}, first


def timed(program: Program, name: str, calls: int) -> Times:
    """The time of one of some steps, and its page faults."""
    program.reset(given(WORKLOADS[name])[0])
    program.step()
    program.wait()
    faults, wall, processor = page_faults(), time.perf_counter(), time.process_time()
    for _ in range(calls):
        program.step()
    program.wait()
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    return {"wall": wall / calls, "processor": processor / calls, "faults": (page_faults() - faults) / calls}


def page_faults() -> int:
    """Of this process; zero where the system does not tell."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt if resource else 0


def weighed(make: Any, name: str) -> int:
    """The most bytes at a time during a step beyond parameters and data: what the engine says, or Python's own count."""
    tracemalloc.start()
    program, own = make(WORKLOADS[name]), sum(a.nbytes for part in inputs(name) for a in part.values())
    for _ in range(3):
        program.step()
    program.wait()
    if program.weigh:
        tracemalloc.stop()
        return program.weigh()
    gc.collect()
    tracemalloc.reset_peak()
    program.step()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak - own


def inputs(name: str) -> Iterator[dict[str, np.ndarray]]:
    """Parameters and data."""
    arrays, data = given(WORKLOADS[name])
    yield from (arrays, vars(data))


class Worker:
    """An engine in its process, from here."""

    def __init__(self, column: Column) -> None:
        self.column = column
        self.start()

    def start(self) -> None:
        """A process that has not done anything."""
        for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ[name] = str(self.column.threads)
        fresh = multiprocessing.get_context("spawn")
        self.door, inner = fresh.Pipe()
        self.process = fresh.Process(target=work, args=(self.column, inner), daemon=True)
        self.process.start()
        inner.close()

    def ask(self, order: str, what: Any, patience: float | None = None) -> Any:
        """Its answer; Unfit if there is none."""
        self.door.send((order, what))
        try:
            if not self.door.poll(patience):
                self.again()
                raise Unfit(f"what was asked of it was not done after {patience:.0f} s")
            found = self.door.recv()
        except (EOFError, ConnectionError):
            self.again()
            raise Unfit("its process broke down") from None
        if isinstance(found, Unfit):
            raise found
        return found

    def again(self) -> None:
        """In another process."""
        self.process.kill()
        self.process.join()
        self.start()

    def end(self) -> None:
        """Let it go."""
        self.door.send(None)
        self.process.join()


class Outcome(NamedTuple):
    """What was found out about a workload, by column."""

    times: dict[str, list[Times]]  #: Of all rounds.
    first: dict[str, float]  #: Seconds of the first step.
    bytes: dict[str, int]
    left_out: dict[str, str]  #: Why.


def expect_same_update(name: str, after: dict[str, dict[str, np.ndarray]]) -> None:
    """Raise Disagreement if an engine changes the parameters otherwise than the step by hand."""
    before, _ = given(WORKLOADS[name])
    for column, found in after.items():
        worst = difference(before, after["by hand"], found)
        if not worst < NEAR:
            raise Disagreement(
                f"{name}: {column} changes the parameters otherwise than the step by hand, by {worst:.1e} of the "
                "change. Nothing was timed. Mend the workload or the engine, or leave it out with --without."
            )


def measured(
    name: str, workers: dict[str, Any], rounds: int, seconds: float, until: float = float("inf"),
    patience: float = 90.0, weigh: bool = False,
) -> Outcome:  # fmt: skip
    """Times of a workload in turns of some seconds, after all were seen to do the same; at least five rounds, and no more
    once a clock says `until`."""
    found = Outcome({}, {}, {}, {})

    def ask(column: str, order: str, what: Any) -> Any:
        """Its answer; None if it cannot, and then it is left out."""
        try:
            return workers[column].ask(order, what, patience)
        except Unfit as reason:
            found.left_out[column] = str(reason)
            found.times.pop(column, None)
            return None

    ready = {column: answer for column in workers if (answer := ask(column, "prepare", name))}
    found.first.update({column: seconds for column, (_, seconds) in ready.items()})
    expect_same_update(name, {column: values for column, (values, _) in ready.items()})
    once = {column: taken["wall"] for column in ready if (taken := ask(column, "time", (name, 1)))}
    found.times.update({column: [] for column in once})
    for k in range(rounds):
        for column in list(found.times)[:: 1 if k % 2 else -1]:
            if taken := ask(column, "time", (name, max(1, round(seconds / once[column])))):
                found.times[column].append(taken)
        if k >= 4 and time.monotonic() > until:
            break
    for column in list(found.times) if weigh and not WORKLOADS[name].operations else ():
        if not column.endswith(KEPT) and column != "limit" and (most := ask(column, "weigh", name)):
            found.bytes[column] = most
    return found
