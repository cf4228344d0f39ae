"""What recording costs, as ratios measured in one run.

    python benchmarks/record.py

prints

* what it costs to record one small binary operation, ``x * y``, in units of ``np.multiply`` of the same operands: in
  total, and what is left when NumPy's own share is taken away;
* what the way back costs for each node of a chain, in the same unit;
* what importing the package costs over importing NumPy alone, in seconds;
* the same operation in other engines, where they are installed.

All programs of a table run in turns, in many short rounds, so that a busy moment of the machine touches all of them. A
median tells what usually happens, a minimum what is possible; a ratio is the median of the ratios of single rounds, so
that the speed of the machine cancels. Nothing here decides whether a test passes.
"""

import gc
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_book import Variable, no_grad

ROUNDS, CALLS, CHAIN, IMPORTS = 200, 300, 500, 11
Program = Callable[[], Any]


def seconds(program: Program, calls: int) -> float:
    """Time of one call, over many."""
    again = range(calls)
    start = time.perf_counter()
    for _ in again:
        program()
    return (time.perf_counter() - start) / calls


def in_turns(programs: dict[str, Program], calls: int, rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Times of each program by round; the order is reversed every second round."""
    times: dict[str, list[float]] = {name: [] for name in programs}
    for program in programs.values():
        seconds(program, calls // 10 + 1)
    for k in range(rounds):
        for name in list(programs)[:: 1 if k % 2 else -1]:
            times[name].append(seconds(programs[name], calls))
    return times


def show(name: str, times: list[float], units: list[float]) -> None:
    """One line of a table: ratios to the unit and nanoseconds."""
    ratio = statistics.median(t / u for t, u in zip(times, units, strict=True))
    print(
        f"  {name:36} {ratio:7.2f} x   {min(times) / min(units):7.2f} x"
        f"   {1e9 * statistics.median(times):8.0f} ns {1e9 * min(times):8.0f} ns"
    )


def peers(x: np.ndarray, y: np.ndarray) -> dict[str, Program]:
    """One recorded product in other engines that happen to be installed."""
    found: dict[str, Program] = {}
    try:
        import torch

        torch.set_num_threads(1)
        p, q = (torch.tensor(a, requires_grad=True) for a in (x, y))
        found[f"torch {torch.__version__}"] = lambda: p * q
    except ImportError:
        pass
    try:
        import mygrad

        r, s = mygrad.tensor(x), mygrad.tensor(y)
        found[f"mygrad {mygrad.__version__}"] = lambda: r * s
    except ImportError:
        pass
    return found


def record(elements: int) -> None:
    """Cost of one recorded product."""
    x, y = np.arange(1.0, elements + 1), np.arange(2.0, elements + 2)
    v, w = Variable(x), Variable(y)

    def unrecorded() -> Any:
        return v * w

    programs: dict[str, Program] = {
        "np.multiply(x, y)": lambda: np.multiply(x, y),
        "x * y of arrays": lambda: x * y,
        "x * y of Variables, recorded": lambda: v * w,
        "np.multiply(x, y) of Variables": lambda: np.multiply(v, w),
        "x * 3.0, recorded": lambda: v * 3.0,
        **peers(x, y),
    }
    times = in_turns(programs, CALLS)
    with no_grad():
        times["x * y under no_grad"] = in_turns({"": unrecorded}, CALLS)[""]
    unit = times["np.multiply(x, y)"]
    print(f"one product of {elements} elements, in units of np.multiply: median, minimum")
    for name, taken in times.items():
        show(name, taken, unit)
    recorded = times["x * y of Variables, recorded"]
    total = statistics.median(t / u for t, u in zip(recorded, unit, strict=True))
    best = min(recorded) / min(unit)
    print(f"  a recorded product costs {total:.2f} x np.multiply ({best:.2f} x at best); without NumPy's own share,")
    print(f"  recording costs {total - 1:.2f} x ({best - 1:.2f} x at best); the aim is at most 4\n")


def chain(elements: int) -> None:
    """Cost of a node on the way forward and on the way back."""
    x, factor = np.ones(elements), np.full(elements, 1.0001)
    forward, back, unit = [], [], []
    for _ in range(ROUNDS):
        y = Variable(x)
        start = time.perf_counter()
        for _ in range(CHAIN):
            y = y * factor
        middle = time.perf_counter()
        y.backward(x)
        end = time.perf_counter()
        unit.append(seconds(lambda: np.multiply(x, factor), CHAIN))
        forward.append((middle - start) / CHAIN)
        back.append((end - middle) / CHAIN)
    print(f"a chain of {CHAIN} products of {elements} elements, for each node, in units of np.multiply: median, minimum")
    show("forward", forward, unit)
    show("back", back, unit)
    print()


def imports() -> None:
    """Cost of the import, in fresh interpreters, in turns."""

    def fresh(module: str) -> float:
        text = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
        return float(subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True).stdout)

    pairs = [(fresh("numpy"), fresh("autograd_book")) for _ in range(IMPORTS)]
    alone, ours = (statistics.median(column) for column in zip(*pairs, strict=True))
    extra = statistics.median(b - a for a, b in pairs)
    print("import, in fresh interpreters: median of", IMPORTS)
    print(f"  numpy alone {1e3 * alone:6.1f} ms;  autograd_book {1e3 * ours:6.1f} ms = {ours / alone:.2f} x")
    print(f"  the package adds {1e3 * extra:.1f} ms (the aim: at most 50)")


def main() -> None:
    """Print all tables."""
    print(f"{platform.machine()}, Python {platform.python_version()}, NumPy {np.__version__}\n")
    gc.collect()
    gc.disable()  # the collector would add its pauses to whoever runs when it wakes
    for elements in (4, 1000):
        record(elements)
    chain(4)
    gc.enable()
    imports()


if __name__ == "__main__":
    main()
