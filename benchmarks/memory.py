"""What recycled buffers and kept pages are worth, as ratios measured in one run.

    python benchmarks/memory.py

prints, for training steps of several networks,

* the page faults of a step as it is, under ``recycle()``, and after ``keep_pages()``;
* its time, in units of the step as it is;
* what the meter costs, in the same unit.

``keep_pages`` holds for a whole process and cannot be taken back, so each network is measured in a process of its own,
several times: the first two in turns, the third after them. Figures are medians over the processes. Nothing here
decides whether a test passes.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import autograd_book as ab
from autograd_book import nn
from autograd_book.graph.stack import floor
from autograd_book.learn.sequence import RNN, Transformer, next_token_loss
from autograd_book.memory.pool import keep_pages, recycle
from autograd_book.memory.report import memory_profile

PROCESSES, TURNS = 3, 7
Step = Callable[[], Any]


def trained(parameters: Any, loss: Callable[[], Any]) -> Step:
    """A training step."""
    optimizer = ab.optim.AdamW(parameters)

    def step() -> None:
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    return step


def elementwise() -> Step:
    """A chain of cheap functions of large arrays: memory, and little else."""
    x = ab.Variable(np.linspace(-1.0, 1.0, 1 << 19, dtype=np.float32))

    def loss() -> Any:
        y = x
        for _ in range(8):
            y = np.sqrt(y * y + 1.0) - 0.5 * y
        return np.mean(y)

    return trained([x], loss)


def perceptron() -> Step:
    """Matrix products and tanh."""
    rng = np.random.default_rng(0)
    weights = [ab.Variable(rng.normal(0, 0.04, (512, 512)).astype(np.float32)) for _ in range(4)]
    x = rng.normal(size=(1024, 512)).astype(np.float32)

    def loss() -> Any:
        h = x
        for w in weights:
            h = np.tanh(h @ w)
        return np.mean(h * h)

    return trained(weights, loss)


def recurrent() -> Step:
    """Many small steps."""
    rng = np.random.default_rng(0)
    layer, readout = RNN(32, 128, rng=0), nn.Linear(128, 10, rng=1)
    x, labels = rng.normal(size=(64, 40, 32)).astype(np.float32), rng.integers(0, 10, 64)
    parameters = [*layer.parameters(), *readout.parameters()]
    return trained(parameters, lambda: nn.cross_entropy(readout(layer(x)[:, -1]), labels))


def convolutional() -> Step:
    """A convolution, whose work is done inside one primitive."""
    rng = np.random.default_rng(0)
    kernel = ab.Variable(0.3 * rng.normal(size=(16, 1, 3, 3)).astype(np.float32))
    readout = nn.Linear(16 * 14 * 14, 10, rng=1)
    x, labels = rng.normal(size=(64, 1, 28, 28)).astype(np.float32), rng.integers(0, 10, 64)

    def loss() -> Any:
        h = ab.max_pool2d(ab.relu(ab.conv2d(x, kernel, padding=1)), 2)
        return nn.cross_entropy(readout(h.reshape(64, -1)), labels)

    return trained([kernel, *readout.parameters()], loss)


def transformer() -> Step:
    """Attention and layers, at a length of 64."""
    network = Transformer(64, width=128, heads=4, blocks=2, context=64)
    tokens = np.random.default_rng(0).integers(0, 64, (16, 65))
    return trained(network.parameters(), lambda: next_token_loss(network, tokens))


NETWORKS = {f.__name__: f for f in (elementwise, perceptron, recurrent, convolutional, transformer)}


#: Otherwise the C library moves this limit as it likes, and may keep all pages by itself.
FIXED = os.environ | {"GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=131072"}


def faults() -> int:
    """Page faults of this process so far that needed no reading from disk."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def measured(step: Step) -> tuple[float, int]:
    """Seconds and page faults of one call."""
    before, start = faults(), time.perf_counter()
    step()
    return time.perf_counter() - start, faults() - before


def measure(name: str) -> None:
    """Print the figures of one network, as JSON."""
    step = NETWORKS[name]()
    with recycle() as pool:
        step(), step()

        def pooled() -> None:
            floor.set(pool)
            step()

        below, turns = pool.below, []
        for _ in range(TURNS):
            floor.set(below)
            plain = measured(step)
            pooled()  # the step before has used other memory
            turns.append((plain, measured(pooled)))
    with memory_profile():
        metered = measured(step)
    keep_pages()
    step(), step()
    kept = [measured(step) for _ in range(TURNS)]
    unit = statistics.median(plain[0] for plain, _ in turns)
    columns = {"as it is": [p for p, _ in turns], "pool": [p for _, p in turns], "keep_pages": kept, "meter": [metered]}
    print(json.dumps({
        how: (statistics.median(s for s, _ in rows) / unit, statistics.median(f for _, f in rows))
        for how, rows in columns.items()
    }))


def main() -> None:
    """Print a row for each network."""
    if len(sys.argv) > 1:
        return measure(sys.argv[1])
    print(f"{platform.machine()}, Python {platform.python_version()}, NumPy {np.__version__}\n")
    print(f"{'':14}{'page faults a step':>36}   {'time / as it is':>30}")
    print(f"{'':14}{'as it is':>12}{'pool':>12}{'keep_pages':>12}   {'pool':>10}{'keep_pages':>12}{'meter':>8}")
    for name in NETWORKS:
        runs = [
            json.loads(subprocess.run([sys.executable, __file__, name], env=FIXED, capture_output=True, text=True, check=True).stdout)
            for _ in range(PROCESSES)
        ]
        ratio, fault = ({how: statistics.median(run[how][i] for run in runs) for how in runs[0]} for i in (0, 1))
        print(
            f"{name:14}{fault['as it is']:12.0f}{fault['pool']:12.0f}{fault['keep_pages']:12.0f}   "
            f"{ratio['pool']:10.2f}{ratio['keep_pages']:12.2f}{ratio['meter']:8.1f}"
        )


if __name__ == "__main__":
    main()
