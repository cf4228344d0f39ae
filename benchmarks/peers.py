"""The engine beside its peers, on seven training steps, in one run.

    make bench                                        # with an environment that has the peers
    python benchmarks/peers.py --cpu W1 W8            # processor time, of two of them
    python benchmarks/peers.py --pages --only ours    # with pages kept as well

prints a table of ratios to the same step written by hand in NumPy, with new arrays for its results; of the chain of
numbers, the time of one operation. A number is the median of the ratios of single rounds, and behind it stand their
quartiles. `--json FILE` keeps all times.

Each engine runs in a process of its own, so that none lives in the memory or with the settings of another; they take
turns, and only one works at a time, with one thread. Before it is timed, each has to change the parameters as the step
by hand does. An engine that is not installed is left out. Nothing here decides whether a test passes.
"""

import argparse
import importlib.metadata
import importlib.util
import json
import multiprocessing
import os
import platform
import resource
import statistics
import sys
import time
from typing import Any, NamedTuple

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402
from compared.engines import ENGINES  # noqa: E402
from compared.workloads import WORKLOADS, difference, given  # noqa: E402

KEPT = " kept"  #: Ends the name of a column whose process keeps its pages.


def work(column: str, door: Any) -> None:
    """In a process of its own: prepare a workload and tell what a step makes of its parameters; then time it."""
    if column.endswith(KEPT):
        import autograd_book

        autograd_book.keep_pages()
    engine, program = ENGINES[column.removesuffix(KEPT)], None
    while True:
        order, what = door.recv()
        if order == "prepare":
            program = None
            arrays, _ = given(WORKLOADS[what])
            program = engine.make(WORKLOADS[what])
            program.step()
            door.send({name: np.array(value) for name, value in program.values().items()})
        elif order == "time":
            program.reset(arrays)
            program.step()
            faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
            wall, processor = time.perf_counter(), time.process_time()
            for _ in range(what):
                program.step()
            processor, wall = time.process_time() - processor, time.perf_counter() - wall
            faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults
            door.send({"wall": wall / what, "processor": processor / what, "faults": faults / what})
        else:
            return


class Worker:
    """An engine in its process, from here."""

    def __init__(self, column: str) -> None:
        fresh = multiprocessing.get_context("spawn")
        self.door, inner = fresh.Pipe()
        self.process = fresh.Process(target=work, args=(column, inner), daemon=True)
        self.process.start()
        inner.close()

    def ask(self, order: str, what: Any) -> Any:
        """Its answer."""
        self.door.send((order, what))
        return self.door.recv()

    def end(self) -> None:
        """Let it go."""
        self.door.send(("end", None))
        self.process.join()


class Spread(NamedTuple):
    """Median and quartiles."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, numbers: list[float]) -> "Spread":
        """Of two numbers and more."""
        low, median, high = statistics.quantiles(numbers, n=4, method="inclusive")
        return cls(median, low, high)

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f} to {self.high:.2f})"


def measured(name: str, workers: dict[str, Worker], rounds: int, seconds: float) -> dict[str, list[dict[str, float]]]:
    """Times of a workload by column and round, after all were seen to do the same."""
    before, _ = given(WORKLOADS[name])
    after = {column: worker.ask("prepare", name) for column, worker in workers.items()}
    for column, found in after.items():
        worst = difference(before, after["by hand"], found)
        if not worst < 1e-3:
            sys.exit(f"{name}: {column} changes the parameters otherwise than the step by hand, by {worst:.1e}.")
    calls = {c: max(1, round(seconds / w.ask("time", 1)["wall"])) for c, w in workers.items()}
    found = {column: [] for column in workers}
    for k in range(rounds):
        for column in list(workers)[:: 1 if k % 2 else -1]:
            found[column].append(workers[column].ask("time", calls[column]))
    return found


def row(name: str, times: dict[str, list[dict[str, float]]], clock: str) -> dict[str, Spread]:
    """Ratios to the step by hand; or microseconds of one operation."""
    if count := WORKLOADS[name].operations:
        return {column: Spread.of([1e6 * t[clock] / count for t in ts]) for column, ts in times.items()}
    unit = [t[clock] for t in times["by hand"]]
    return {column: Spread.of([t[clock] / u for t, u in zip(ts, unit)]) for column, ts in times.items()}


def machine() -> dict[str, str]:
    """What a reader of the numbers wants to know."""
    names = ("numpy", "torch", "mygrad", "autograd")
    versions = {n: importlib.metadata.version(n) for n in names if importlib.util.find_spec(n)}
    with open("/proc/cpuinfo") if os.path.exists("/proc/cpuinfo") else open(os.devnull) as file:
        models = {line.partition(":")[2].strip() for line in file if line.startswith("model name")}
    about = {"machine": ", ".join(models) or platform.machine(), "python": platform.python_version()}
    return about | versions | {"date": time.strftime("%Y-%m-%d")}


def options() -> argparse.Namespace:
    """From the command line."""
    asked = argparse.ArgumentParser(description="The engine beside its peers.")
    asked.add_argument("workloads", nargs="*", default=list(WORKLOADS), help=", ".join(WORKLOADS))
    asked.add_argument("--cpu", action="store_true", help="processor time in place of time")
    asked.add_argument("--pages", action="store_true", help="columns with pages kept, for NumPy's engines")
    asked.add_argument("--only", action="append", help="an engine to run besides the step by hand; may be repeated")
    asked.add_argument("--rounds", type=int, default=15, help="how often all take their turn")
    asked.add_argument("--seconds", type=float, default=0.2, help="about how long a turn is")
    asked.add_argument("--json", help="a file for all times")
    return asked.parse_args()


def main() -> None:
    """Measure, and print the table."""
    given = options()
    missing = {name: e.needs for name, e in ENGINES.items() if e.needs and not importlib.util.find_spec(e.needs)}
    chosen = [name for name in ENGINES if name not in missing and (not given.only or name in ("by hand", *given.only))]
    if given.pages:
        chosen += [name + KEPT for name in ("by hand", "ours", "compiled") if name in chosen]
    workers = {column: Worker(column) for column in chosen}
    clock = "processor" if given.cpu else "wall"
    print(", ".join(f"{key} {value}" for key, value in machine().items()))
    for name, package in missing.items():
        print(f"{name} is left out, since {package} is not installed.")
    print(f"ratios of {clock} time to the step by hand, in W4 microseconds of an operation: median (quartiles)\n")
    print(f"{'':37} {'by hand':>11}" + "".join(f"{column:>24}" for column in chosen[1:]), flush=True)
    kept = {"about": machine(), "rounds": {}, "table": {}}
    for name in given.workloads:
        times = kept["rounds"][name] = measured(name, workers, given.rounds, given.seconds)
        ratios = row(name, times, clock)
        kept["table"][name] = {column: spread._asdict() for column, spread in ratios.items()}
        cells = "".join(f"{ratios[column]!s:>24}" for column in chosen[1:])
        unit = 1e3 * statistics.median(t[clock] for t in times["by hand"])
        print(f"{name} {WORKLOADS[name].about:34} {unit:8.3f} ms{cells}", flush=True)
    for worker in workers.values():
        worker.end()
    if given.json:
        with open(given.json, "w") as file:
            json.dump(kept, file, indent=1)


if __name__ == "__main__":
    main()
