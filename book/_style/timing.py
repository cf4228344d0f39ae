"""How times are measured. A chapter that times something runs this file first: ``%run ../_style/timing.py``.

Times are given as ratios within one run: the candidates take turns, so that whatever else the machine is doing meets
all of them alike, and the median of the turns is taken. Leaves ``times`` and ``machine`` in the chapter's namespace.
"""

import platform
import statistics
import timeit

import numpy

machine = f"{platform.machine()}, Python {platform.python_version()}, NumPy {numpy.__version__}"


def times(first, *others, number=1, rounds=31):
    """Time of each of the others in units of the first, each called ``number`` times a turn."""
    turns = [[timeit.timeit(run, number=number) for run in (first, *others)] for _ in range(rounds)]
    ratios = [statistics.median(turn[i] / turn[0] for turn in turns) for i in range(1, len(others) + 1)]
    return ratios[0] if len(ratios) == 1 else ratios
