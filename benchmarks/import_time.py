"""How much longer `import autograd_book` takes than `import numpy`, in fresh interpreters, in turns. The house allows 0.05 s."""

import platform
import statistics
import subprocess
import sys

ROUNDS = 15


def seconds(module):
    """The time of one import in an interpreter of its own."""
    program = f"import time; start = time.perf_counter(); import {module}; print(time.perf_counter() - start)"
    return float(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout)


seconds("autograd_book")  # compile the bytecode once
pairs = [(seconds("numpy"), seconds("autograd_book")) for _ in range(ROUNDS)]
numpy, ours = (statistics.median(column) for column in zip(*pairs, strict=True))
print(f"import numpy          {1000 * numpy:6.1f} ms")
print(f"import autograd_book  {1000 * ours:6.1f} ms, {1000 * (ours - numpy):.1f} ms more")
print(f"median of {ROUNDS}, Python {platform.python_version()}, {platform.machine()}")
