"""What the books say.

``memory_profile`` is the context manager of the meter, and gives a profile in
place of the books.

::

    import numpy as np
    import autograd_book as ab
    from autograd_book.memory.report import memory_profile

    layer = ab.nn.Linear(64, 32, rng=0)
    with memory_profile(layer) as profile:
        np.mean(np.tanh(layer(np.ones((100, 64), np.float32)))).backward()
    print(profile.at_peak["parameter"], "bytes of parameters,")
    print(profile.at_peak["saved value"], "of saved values, kept for the way back")
    print(sum(profile.at_peak.values()) == profile.peak)
"""
# Generated from book/memory/report.md by autograd-book extract; edit the chapter, not this file.
# sha256: 58a39b5d8a587cf15fadbd697a9d4f58ca67d52b701d84f66e507d724e527f30

__all__ = [
    "composition",
    "Readings",
    "bytes_by",
    "quoted",
    "said",
    "Table",
    "bars",
    "counters",
    "in_trace_format",
    "memory_events",
    "never_read",
    "unused",
    "HEADER",
    "buffer_row",
    "save_json",
    "MemoryProfile",
    "memory_profile",
]


# book/memory/report.md: What the peak consists of
import linecache
from collections.abc import Callable
from os import PathLike
from typing import Any

import numpy as np

from autograd_book.memory.books import Books, Buffer, Moment, Place
from autograd_book.memory.meter import metering


def composition(moment: Moment) -> dict[str, int]:
    """The parts of the most there was at once, which add up to it."""
    return moment.live | {
        "inside an operation": moment.most - moment.total,
        "unseen": moment.other,
    }


# book/memory/report.md: What the peak consists of
class Readings:
    """What was there in a block, at the peak and at each moment. Sizes are in bytes."""

    def __init__(self, books: Books) -> None:
        self.moments, self.buffers = books.moments, books.buffers
        self.spans = books.activity.spans

    def __repr__(self) -> str:
        sizes = f"peak {self.peak:,} bytes" if self.moments else "nothing yet"
        return f"<{type(self).__name__}: {sizes}, {len(self.moments)} moments>"

    @property
    def peak_moment(self) -> int:
        """Number of the moment at which there was most."""
        return max(range(len(self.moments)), key=lambda i: self.moments[i].most)

    @property
    def peak(self) -> int:
        """The most there was at once."""
        return self.moments[self.peak_moment].most

    @property
    def at_peak(self) -> dict[str, int]:
        """What the peak consisted of, by category."""
        return composition(self.moments[self.peak_moment])

    @property
    def timeline(self) -> dict[str, np.ndarray]:
        """For each category its bytes at each moment."""
        rows = [composition(moment) for moment in self.moments]
        return {name: np.array([row[name] for row in rows]) for name in rows[0]}

    def holders(self) -> list[Buffer]:
        """The buffers that were there at the peak, the largest first."""
        now = self.peak_moment
        born = [b for b in self.buffers if b.born <= now]
        there = [b for b in born if b.died is None or b.died > now]
        return sorted(there, key=lambda b: -b.nbytes)


# book/memory/report.md: Whose line it was
def bytes_by(buffers: list[Buffer], what: Callable[[Place], Any]) -> dict[Any, int]:
    """Bytes by what a function says of the place where they were made, most bytes first."""
    found: dict[Any, int] = {}
    for buffer in buffers:
        key = what(buffer.place)
        found[key] = found.get(key, 0) + buffer.nbytes
    return dict(sorted(found.items(), key=lambda item: -item[1]))


# book/memory/report.md: Whose line it was
def quoted(line: str) -> str:
    """What stands on a line of the program, or its file and number if that is unknown."""
    file, _, number = line.rpartition(":")
    return (linecache.getline(file, int(number)).strip()[:60] if file else "") or line


def said(place: Place) -> tuple[str, str]:
    """A place in two columns of a table."""
    return place.name, quoted(place.line)


# book/memory/report.md: Whose line it was
from html import escape


class Table:
    """Rows under a header, shown as HTML on a page and as text in a terminal."""

    def __init__(self, header: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
        self.header, self.rows = header, [tuple(map(str, row)) for row in rows]

    def __repr__(self) -> str:
        lines = [self.header, *self.rows]
        widths = [max(map(len, column)) for column in zip(*lines)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip()
            for line in lines
        )

    def _repr_html_(self) -> str:
        def row(tag: str, cells: tuple[str, ...]) -> str:
            inner = "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells)
            return f"<tr>{inner}</tr>"

        body = "".join(row("td", cells) for cells in self.rows)
        head = row("th", self.header)
        return f"<table class='table'><thead>{head}</thead><tbody>{body}</tbody></table>"


# book/memory/report.md: A picture that can be zoomed
def bars(spans: list[Any], start: int) -> list[dict[str, Any]]:
    """An event for each operation."""
    return [
        {
            "name": span.place.name, "cat": span.place.phase, "ph": "X",
            "ts": (span.start - start) / 1e3, "dur": (span.end - span.start) / 1e3,
            "args": {"line": span.place.line},
        }
        for span in spans
    ]


def counters(readings: Readings, start: int) -> list[dict[str, Any]]:
    """An event for each moment, with the bytes of each category."""
    return [
        {
            "name": "bytes", "cat": "memory", "ph": "C",
            "ts": (moment.time - start) / 1e3, "args": composition(moment),
        }
        for moment in readings.moments
    ]


# book/memory/report.md: A picture that can be zoomed
def in_trace_format(owner: str, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Events in the Trace Event Format, in order, after the names of process and thread."""
    names = {"process_name": owner, "thread_name": "operations"}
    heads: list[dict[str, Any]] = [
        {"name": kind, "ph": "M", "ts": 0, "args": {"name": name}}
        for kind, name in names.items()
    ]
    # of what begins at the same time, the longest is around the others
    found = sorted(heads + found, key=lambda event: (event["ts"], -event.get("dur", 0)))
    return [{"pid": 1, "tid": 1} | event for event in found]


def memory_events(readings: Readings) -> list[dict[str, Any]]:
    """Names, operations and counters of a profile of memory."""
    start = readings.moments[0].time
    return in_trace_format("memory_profile", bars(readings.spans, start) + counters(readings, start))


# book/memory/report.md: Made for nothing
def never_read(buffers: list[Buffer]) -> list[Buffer]:
    """What was saved, and no rule has read."""
    return [
        b for b in buffers
        if not b.read and any(kind == "saved value" for _, kind in b.kinds)
    ]


# book/memory/report.md: Made for nothing
def unused(buffers: list[Buffer]) -> list[Buffer]:
    """What primitives made for nothing: it is gone, and was taken by no primitive and no
    rule, or only for something that was made for nothing too."""
    made = {
        id(b)
        for b in buffers
        if b.sources and b.died is not None and b.place.phase == "forward"
    }
    uses = {id(b): b.uses for b in buffers}
    found, todo = [], [b for b in buffers if id(b) in made and not b.uses]
    while todo:
        buffer = todo.pop()
        found.append(buffer)
        for source in buffer.sources:
            uses[id(source)] -= 1
            if id(source) in made and not uses[id(source)]:
                todo.append(source)
    return sorted(found, key=lambda b: b.born)


# book/memory/report.md: The profile
import json

HEADER = ("bytes", "what for", "shape", "dtype", "made by", "line")


def buffer_row(buffer: Buffer, date: int) -> tuple[Any, ...]:
    """A buffer in the columns of `HEADER`, as it was at a moment."""
    kind = buffer.kind_at(date)
    return f"{buffer.nbytes:,}", kind, buffer.shape, buffer.dtype, *said(buffer.place)


def save_json(path: "str | PathLike[str]", value: Any) -> None:
    """Write a value into a file, as JSON."""
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file)


# book/memory/report.md: The profile
class MemoryProfile(Readings):
    """What `memory_profile` found. Sizes are in bytes.

    Attributes
    ----------
    moments : list of Moment
        What there was at each time, in order.
    buffers : list of Buffer
        All arrays with memory of their own that were seen.
    spans : list of Span
        Primitives, rules and updates, from start to end.
    """

    def by(self, what: Callable[[Place], Any]) -> dict[Any, int]:
        """Bytes at the peak, by what a function says of the place where they were made."""
        return bytes_by(self.holders(), what)

    def by_primitive(self) -> dict[str, int]:
        """Bytes at the peak, by the primitive that made them and the phase."""
        return self.by(lambda place: f"{place.name}, {place.phase}")

    def by_line(self) -> dict[str, int]:
        """Bytes at the peak, by the line of the program that made them."""
        return self.by(lambda place: place.line)

    def table(self, rows: int = 10) -> Table:
        """The largest holders of memory at the peak."""
        return Table(HEADER, [buffer_row(b, self.peak_moment) for b in self.holders()[:rows]])

    def never_read(self) -> list[Buffer]:
        """What was saved, and no rule has read."""
        return never_read(self.buffers)

    def never_used(self) -> list[Buffer]:
        """What primitives made for nothing, and what was made for that alone."""
        return unused(self.buffers)

    def lifetimes(self) -> list[tuple[int, int, int]]:
        """First moment, moment after the last, and bytes of each buffer of the block."""
        end = len(self.moments)
        fresh = [b for b in self.buffers if not b.old]
        return [(b.born, end if b.died is None else b.died, b.nbytes) for b in fresh]

    def save_chrome_trace(self, path: "str | PathLike[str]") -> None:
        """Write a file that chrome://tracing and ui.perfetto.dev open."""
        save_json(path, {"traceEvents": memory_events(self), "displayTimeUnit": "ns"})


# book/memory/report.md: The profile
class memory_profile(metering):
    """Context manager that accounts for the memory of what is computed inside of it.

    Parameters
    ----------
    *owners : Module, Optimizer, Variable, or list or iterator of these
        Whose arrays are parameters and optimizer state. Without them parameters are known
        once a primitive takes them.

    Returns
    -------
    MemoryProfile
        From ``with memory_profile() as profile``; complete when the block is left, also by
        an error.

    Raises
    ------
    DifferentiationTypeError
        If an owner has no parameters.
    MeterBusyError
        If ``tracemalloc`` is at work already, for another profile or for the program: it
        keeps one account for the process.
    """

    def __enter__(self) -> MemoryProfile:
        return MemoryProfile(super().__enter__())
