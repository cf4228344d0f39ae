"""The engine beside its peers, on nine training steps, in one run.

    make bench-record                                 # with an environment that has the peers: all, for the book
    python benchmarks/peers.py --cpu W1 W8            # processor time, of two of them
    python benchmarks/peers.py --pages --only ours    # with pages kept as well
    python benchmarks/peers.py --threads 2 --only JAX --only compiled W8

prints a table of ratios to the same step written by hand in NumPy, with new arrays for its results; of the chain of
numbers, the time of one operation. A number is the median of the ratios of single rounds, and behind it stand their
quartiles. `--json FILE` keeps all figures. An engine that is not installed is left out, and the reason is printed.
Nothing here decides whether a test passes.
"""

import argparse
import os
import time
from pathlib import Path
from typing import Any

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

from compared.engines import ENGINES  # noqa: E402
from compared.report import CLOCKS, figures, line, machine, record, written  # noqa: E402
from compared.turns import KEPT, Column, Worker, measured  # noqa: E402
from compared.workloads import WORKLOADS  # noqa: E402

RECORD = Path(__file__).resolve().parent.parent / "book" / "data" / "peers.json"
PAGES = ("by hand", "in place", "ours", "compiled", "native", "PyTorch")  #: Are run with pages kept as well.
SHARED = ("by hand", "limit", "ours", "compiled", "native", "PyTorch", "JAX")  #: Are recorded with two threads.


def options(arguments: list[str] | None = None) -> argparse.Namespace:
    """From the command line."""
    asked = argparse.ArgumentParser(description="The engine beside its peers.")
    asked.add_argument("workloads", nargs="*", default=list(WORKLOADS), help=", ".join(WORKLOADS))
    asked.add_argument("--cpu", action="store_true", help="print processor time in place of time")
    asked.add_argument("--pages", action="store_true", help="columns with pages kept, for NumPy's engines")
    asked.add_argument("--only", action="append", help="an engine to run besides the step by hand; may be repeated")
    asked.add_argument("--without", action="append", default=[], help="an engine to leave out; may be repeated")
    asked.add_argument("--threads", type=int, default=1, help="of each engine")
    asked.add_argument("--weigh", action="store_true", help="the most bytes at a time as well")
    asked.add_argument("--rounds", type=int, default=15, help="how often all take their turn, at most")
    asked.add_argument("--seconds", type=float, default=0.06, help="about how long a turn is")
    asked.add_argument("--budget", type=float, default=float("inf"), help="seconds for all; there are five rounds at least")
    asked.add_argument("--patience", type=float, default=90.0, help="seconds for a first step")
    asked.add_argument("--json", type=Path, help="a file for all figures")
    asked.add_argument("--record", action="store_true", help=f"one thread and two, all of it, into {RECORD.name} of the book")
    return asked.parse_args(arguments)


def run(given: argparse.Namespace, columns: list[str], threads: int, end: float) -> dict[str, Any]:
    """Figures of all workloads, printed on the way."""
    clock = CLOCKS[given.cpu]
    print(f"\nthreads: {threads}; ratios of {clock} time to the step by hand, in W4 microseconds of an operation")
    print(f"{'':38} {'by hand':>11}" + "".join(f"{column:>20}" for column in columns[1:]), flush=True)
    workers, found = {name: Worker(Column(name, threads)) for name in columns}, {}
    try:
        for k, name in enumerate(given.workloads):
            until = time.monotonic() + (end - time.monotonic()) / (len(given.workloads) - k)
            paged = not WORKLOADS[name].operations  # numbers do not fill pages
            here = {column: worker for column, worker in workers.items() if paged or not column.endswith(KEPT)}
            outcome = measured(name, here, given.rounds, given.seconds, until, given.patience, given.weigh and threads == 1)
            found[name] = figures(name, outcome)
            print(line(name, found[name], columns, clock), f"{end - time.monotonic():6.0f} s left" if end < float("inf") else "", flush=True)
            for column, reason in outcome.left_out.items():
                print(f"    {column} is left out: {reason}", flush=True)
    finally:
        for worker in workers.values():
            worker.end()
    return found


def load() -> float:
    """Processes that want to run, over the last minute."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else float("nan")


def main() -> None:
    """Measure, print, and keep."""
    given = options()
    start, before = time.monotonic(), load()
    if given.record:
        given.json, given.pages, given.weigh, given.budget = RECORD, True, True, min(given.budget, 420.0)
    missing = {name: reason for name, engine in ENGINES.items() if (reason := engine.missing())}
    missing |= dict.fromkeys(given.without, "it was left out on the command line")
    columns = [c for c in ENGINES if c not in missing and (not given.only or c in ("by hand", *given.only))]
    pages = [name + KEPT for name in PAGES if name in columns] if given.pages else []
    print(", ".join(f"{key}: {value}" for key, value in machine().items()))
    for name, reason in missing.items():
        print(f"{name} is left out: {reason}.")
    end = start + given.budget
    share = end - given.budget * (0.2 if given.record else 0.0)
    runs = {str(given.threads): run(given, columns + pages, given.threads, share)}
    if given.record:
        runs["2"] = run(given, [c for c in columns if c in SHARED], 2, end)
    if given.json:
        said = {"rounds at most": given.rounds, "seconds a turn": given.seconds, "patience, s": given.patience}
        kept = record(runs, said, missing, [before, load()])
        given.json.write_text(written(kept), encoding="utf-8")
    print(f"done in {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
