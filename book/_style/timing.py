"""How times are measured. A chapter that times something runs this file first: ``%run ../_style/timing.py``.

Times are given as ratios within one run: the candidates take turns, so that whatever else the machine is doing meets
all of them alike, and the median of the turns is taken. What is counted is processor time, of all threads together:
a machine that does something else in between does not change it. Leaves ``times``, ``verdict`` and ``machine`` in
the chapter's namespace.
"""

import platform
import time
import timeit

import numpy

machine = f"{platform.machine()}, Python {platform.python_version()}, NumPy {numpy.__version__}"


class Ratio(float):
    """The median of the ratios of several turns; half of them lie between ``low`` and ``high``."""

    def __new__(cls, ratios):
        low, middle, high = numpy.quantile(ratios, (0.25, 0.5, 0.75))
        self = super().__new__(cls, middle)
        self.low, self.high = float(low), float(high)
        return self

    @property
    def spread(self):
        """The median, and the range of the middle half."""
        return f"{self:.2f} ({self.low:.2f} to {self.high:.2f})"


def times(first, *others, number=1, rounds=31):
    """Time of each of the others in units of the first, each called ``number`` times a turn."""
    clock = time.process_time
    turns = [[timeit.timeit(run, number=number, timer=clock) for run in (first, *others)] for _ in range(rounds)]
    ratios = [Ratio([turn[i] / turn[0] for turn in turns]) for i in range(1, len(others) + 1)]
    return ratios[0] if len(ratios) == 1 else ratios


def verdict(ratio, less, same, more, margin=0.05):
    """The one of three sentences that a ratio bears out: it is less or more than 1 if the middle half of the turns is,
    by the margin."""
    return less if ratio.high < 1 - margin else more if ratio.low > 1 + margin else same
