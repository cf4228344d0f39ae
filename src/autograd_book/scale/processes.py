"""Processes.

``world`` gives a program the communicator of its rank, whether it was started
alone or many times; ``launched`` starts a program many times, by MPI, and
returns what it printed.

::

    import numpy as np
    from autograd_book.scale.processes import world

    with world() as ranks:
        total = ranks.exchange("all_reduce", np.ones(2))
        print(f"rank {ranks.rank} of {ranks.size} has {total}")
"""
# Generated from book/scale/processes.md by autograd-book extract; edit the chapter, not this file.
# sha256: 86abc33a68b4a7b3bc359b0a197779f84c6a04dccf214b95cb71a163f7a7ecec

__all__ = [
    "starter",
    "command_for",
    "ended",
    "launched",
    "SUMS",
    "GATHERS",
    "as_bytes",
    "result_shape",
    "buffers",
    "CALLS",
    "ROUTE",
    "LETTER",
    "routed_requests",
    "begun",
    "sealed",
    "opened",
    "Note",
    "Wait",
    "in_vain",
    "EAGER",
    "BREAK",
    "POLITE",
    "patiently",
    "Control",
    "LINE",
    "Processes",
    "fetched",
    "same_call",
    "notify",
    "fail",
    "close",
    "LAUNCHED",
    "common_world",
    "world",
]


# book/scale/processes.md: Starting a program many times
import os
import shutil
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from autograd_book.scale.world import RankError


def starter() -> str | None:
    """The `mpiexec` beside this Python, or else on the path; None where MPI is missing."""
    if find_spec("mpi4py") is None:
        return None
    beside = Path(sys.executable).with_name("mpiexec")
    return str(beside) if beside.exists() else shutil.which("mpiexec")


def command_for(size: int, program: str | Path, args: Any) -> list[str]:
    """What starts a program, given as its text or its file, on so many ranks."""
    mpiexec = starter()
    if mpiexec is None:
        raise RankError(
            "this Python finds no mpiexec, or no mpi4py, to start ranks with. Install them "
            "with: pip install 'autograd-book[mpi]'"
        )
    what = [str(program)] if isinstance(program, Path) else ["-c", program]
    return [mpiexec, "-n", str(size), sys.executable, *what, *map(str, args)]


# book/scale/processes.md: Starting a program many times
def ended(process: "subprocess.Popen[str]") -> str:
    """End a group of processes, politely and then not; what they had printed."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            return process.communicate(timeout=5)[0]
        except (subprocess.TimeoutExpired, ProcessLookupError):
            continue
    return process.communicate()[0]


def launched(size: int, program: str | Path, *args: Any, limit: float = 60.0) -> str:
    """Start a program on several ranks by MPI, and wait for their end.

    Parameters
    ----------
    size : int
        Number of ranks.
    program : str or Path
        Text of a program, or the file of one.
    *args
        Arguments for its command line.
    limit : float
        Seconds after which all ranks are ended.

    Returns
    -------
    str
        What the ranks printed.

    Raises
    ------
    RankError
        If there is no MPI, if time was up, or if a rank ended with another status than 0;
        what the ranks printed is part of the message.
    """
    process = subprocess.Popen(
        command_for(size, program, args), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, start_new_session=True, env={"OPENBLAS_NUM_THREADS": "1"} | os.environ,
    )
    try:
        printed, _ = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        raise RankError(
            f"{size} ranks were not done after {limit} seconds, and were ended. Look for a "
            f"rank that waits, or give more time. They had printed:\n{ended(process)}"
        ) from None
    except BaseException:
        ended(process)
        raise
    if process.returncode:
        raise RankError(
            f"{size} ranks ended with the status {process.returncode}. Mend what they "
            f"printed:\n{printed}"
        )
    return printed


# book/scale/processes.md: Arrays as bytes
import numpy as np

from autograd_book.scale.world import MEANINGS, SPLIT, Asked, in_single

#: Those that add up.
SUMS = {"all_reduce", "reduce_scatter", "reduce"}
#: Those whose result has a part of each rank.
GATHERS = {"all_gather", "gather"}
assert MEANINGS.keys() >= SUMS | GATHERS | SPLIT


def as_bytes(array: np.ndarray) -> np.ndarray:
    """The memory of an array in one piece, as bytes."""
    return array.reshape(-1).view(np.uint8)


def result_shape(asked: Asked, size: int) -> tuple[int, ...]:
    """Shape of what a rank gets."""
    if asked.name in GATHERS:
        return (size, *asked.shape)
    return asked.shape[1:] if asked.name in SPLIT - {"all_to_all"} else asked.shape


def buffers(asked: Asked, part: Any, size: int) -> tuple[np.ndarray, np.ndarray]:
    """A copy of what is given, and room for the result, in the dtype in which they travel."""
    kind = in_single(asked.dtype) if asked.name in SUMS else asked.dtype
    given = np.array(part, kind, order="C")
    if asked.name == "broadcast":
        return given, given
    return given, np.zeros(result_shape(asked, size), kind)


# book/scale/processes.md: Arrays as bytes
#: From a collective to the call of MPI that begins it.
CALLS: dict[str, Any] = {
    "all_reduce": lambda comm, given, room, how, op: comm.Iallreduce(given, room, op),
    "reduce_scatter": lambda comm, given, room, how, op: comm.Ireduce_scatter_block(
        given, room, op
    ),
    "reduce": lambda comm, given, room, how, op: comm.Ireduce(given, room, op, how),
    "all_gather": lambda comm, given, room, how, op: comm.Iallgather(given, room),
    "all_to_all": lambda comm, given, room, how, op: comm.Ialltoall(given, room),
    "broadcast": lambda comm, given, room, how, op: comm.Ibcast(room, how),
    "scatter": lambda comm, given, room, how, op: comm.Iscatter(given, room, how),
    "gather": lambda comm, given, room, how, op: comm.Igather(given, room, how),
}
ROUTE, LETTER = 1, 2  #: Marks on messages from one rank to another.


def routed_requests(comm: Any, given: Any, room: Any, how: Any) -> list[Any]:
    """Begin to send and to receive what the routes say of this rank."""
    receiving = [comm.Irecv(room, start, ROUTE) for start, to in how if to == comm.rank]
    return receiving + [comm.Isend(given, to, ROUTE) for start, to in how if start == comm.rank]


def begun(comm: Any, asked: Asked, given: np.ndarray, room: np.ndarray) -> list[Any]:
    """Begin a collective; the requests that are done when it is."""
    from mpi4py import MPI

    if asked.name in SUMS:
        op = MPI.LOR if asked.dtype == bool else MPI.SUM
        return [CALLS[asked.name](comm, given, room, asked.how, op)]
    given, room = as_bytes(given), as_bytes(room)
    if asked.name == "permute":
        return routed_requests(comm, given, room, asked.how)
    return [CALLS[asked.name](comm, given, room, asked.how, None)]


# book/scale/processes.md: Arrays as bytes
import json

from autograd_book.learn.state import small_dtype


def sealed(part: Any) -> np.ndarray:
    """A letter: the length of a head, the head, and the bytes of an array."""
    array = np.array(part, order="C")
    kind = array.dtype.name if array.dtype.kind == "V" else array.dtype.str
    head = json.dumps([kind, array.shape]).encode()
    size = np.array([len(head)], np.uint32)
    return np.concatenate([as_bytes(size), np.frombuffer(head, np.uint8), as_bytes(array)])


def opened(letter: np.ndarray) -> np.ndarray:
    """The array in a letter."""
    end = 4 + int(letter[:4].view(np.uint32)[0])
    kind, shape = json.loads(letter[4:end].tobytes())
    dtype = np.dtype(kind) if kind[0] in "<>|=" else small_dtype(kind)
    return letter[end:].copy().view(dtype).reshape(shape)


# book/scale/processes.md: Nobody waits for ever
import time
from collections.abc import Callable
from typing import NamedTuple


class Note(NamedTuple):
    """What a rank says to another one when it ends."""

    calls: int  #: Collectives that it took part in.
    letters: int  #: That it sent to the reader.
    error: str  #: What it failed with, or nothing.
    traceback: str


class Wait(NamedTuple):
    """What a rank waits for: a request, and how to know that it cannot be done any more."""

    what: str
    ready: Callable[[], bool]
    lost: Callable[[int, Note], bool]  #: Given a rank that has ended, and its note.


def in_vain(rank: int, wait: Wait, notes: dict[int, Note]) -> RankError | None:
    """The error for a rank that waits for one that has ended, if it does."""
    for other, note in sorted(notes.items(), key=lambda item: not item[1].error):
        if wait.lost(other, note):
            how = f"ended with {note.error.rstrip('.')}" if note.error else "has ended"
            error = RankError(
                f"rank {rank} waited in {wait.what}, and rank {other} {how}. Let all ranks "
                f"make the same calls, and mend what happened on rank {other}."
            )
            if note.traceback:
                error.add_note(f"On rank {other}:\n{note.traceback}")
            return error
    return None


# book/scale/processes.md: Nobody waits for ever
EAGER, BREAK = 100, 5e-5  #: Questions without a break, and seconds of a break.
POLITE = 5.0  #: Seconds that a failed rank gives the others to end by themselves.


def patiently(ready: Callable[[], bool], limit: float, listen: Callable[[], Any]) -> bool:
    """Ask until something is ready, or time is up; whether it is."""
    begin, asked = time.monotonic(), 0
    while not ready():
        listen()
        asked += 1
        if asked > EAGER:
            if time.monotonic() - begin > limit:
                return False
            time.sleep(BREAK)
    return True


# book/scale/processes.md: Nobody waits for ever
class Control:
    """The notes of the ranks to each other."""

    __slots__ = ("comm", "notes", "sent")

    def __init__(self, comm: Any) -> None:
        self.comm = comm.Dup()
        self.notes: dict[int, Note] = {}  #: Of the ranks that have ended.
        self.sent: list[Any] = []

    def listen(self) -> None:
        """Read what has come."""
        from mpi4py import MPI

        status = MPI.Status()
        while self.comm.Iprobe(MPI.ANY_SOURCE, LETTER, status):
            text = np.empty(status.Get_count(), np.uint8)
            self.comm.Recv(text, status.Get_source(), LETTER)
            self.notes[status.Get_source()] = Note(*json.loads(text.tobytes()))

    def tell(self, to: int, note: Note) -> None:
        """Send a note."""
        text = np.frombuffer(json.dumps(note).encode(), np.uint8)
        self.sent.append((text, self.comm.Isend(text, to, LETTER)))

    def all_have_ended(self) -> bool:
        """Whether every other rank has sent its note."""
        return len(self.notes) == self.comm.size - 1


# book/scale/processes.md: A rank that is a process
from functools import partial

from autograd_book.scale.world import Communicator, as_call, expect_same

LINE = 256  #: Bytes of a call in words, when calls are compared.


class Processes(Communicator):
    """A rank that is a process, among others that MPI has started.

    Parameters
    ----------
    comm : mpi4py.MPI.Comm
        The ranks; a duplicate of it is used.
    compare : bool
        Whether the ranks compare what they ask for before each collective.
    limit : float
        Seconds after which a wait is given up.
    """

    __slots__ = ("comm", "control", "calls", "compare", "letters", "limit", "posted", "read")

    def __init__(self, comm: Any, compare: bool = False, limit: float = np.inf) -> None:
        self.comm, self.control = comm.Dup(), Control(comm)
        self.rank, self.size = comm.rank, comm.size
        self.compare, self.limit, self.calls = compare, limit, 0
        self.letters, self.read = [0] * self.size, [0] * self.size  #: Sent to, read from.
        self.posted: list[Any] = []  #: Letters on their way.

    def wait(self, what: str, ready: Any, lost: Any) -> None:
        """Wait until something is ready, or until it cannot become so any more."""
        wait = Wait(what, ready, lost)
        done = lambda: ready() or bool(in_vain(self.rank, wait, self.control.notes))
        if not patiently(done, self.limit, self.control.listen):
            raise RankError(
                f"rank {self.rank} waited {self.limit} seconds in {what}. Look for a rank that "
                "makes other calls, with compare=True, or give more time."
            )
        if not ready() and (error := in_vain(self.rank, wait, self.control.notes)):
            raise error

    def meet(self, number: int, requests: list[Any], what: str) -> None:
        """Wait for the requests of a collective."""
        from mpi4py import MPI

        ready = lambda: MPI.Request.Testall(requests)
        self.wait(f"{what}, its call {number}", ready, lambda _, note: note.calls <= number)

    def start(self, name: str, part: Any, how: Any = None) -> Callable[[], Any]:
        asked, part = as_call(self, name, part, how)
        number, self.calls = self.calls, self.calls + 1
        if self.compare:
            same_call(self, number, asked)
        given, room = buffers(asked, part, self.size)
        requests = begun(self.comm, asked, given, room)
        return partial(self.finish, number, asked, requests, (given, room))

    def finish(self, number: int, asked: Asked, requests: list[Any], held: Any) -> Any:
        """Wait for a collective, and hand out its result."""
        self.meet(number, requests, str(asked))
        return np.asarray(held[1].astype(asked.dtype, copy=False))

    def send(self, part: Any, to: int) -> None:
        letter = sealed(part)
        self.letters[to] += 1
        self.posted = [(a, r) for a, r in self.posted if not r.Test()]
        self.posted.append((letter, self.comm.Isend(letter, to, LETTER)))

    def receive(self, source: int) -> Any:
        found: list[Any] = []
        ready = lambda: bool(found) or fetched(self.comm, source, found)
        self.wait(
            f"receive from rank {source}", ready,
            lambda other, note: other == source and note.letters <= self.read[source],
        )
        self.read[source] += 1
        return opened(found[0])


# book/scale/processes.md: A rank that is a process
def fetched(comm: Any, source: int, found: list[Any]) -> bool:
    """Take the next letter of a rank, if it has come; whether it has."""
    from mpi4py import MPI

    status = MPI.Status()
    message = comm.Improbe(source, LETTER, status)
    if message:
        found.append(np.empty(status.Get_count(), np.uint8))
        message.Recv(found[0])
    return bool(found)


def same_call(ranks: Processes, number: int, asked: Asked) -> None:
    """Let the ranks compare what they ask for; RankError if it is not the same."""
    line = str(asked).encode()[:LINE].ljust(LINE)
    given, room = np.frombuffer(line, np.uint8), np.empty((ranks.size, LINE), np.uint8)
    ranks.meet(number, [ranks.control.comm.Iallgather(given, room)], str(asked))
    asked_by_all: Any = [row.tobytes().decode(errors="replace").strip() for row in room]
    expect_same(number, asked_by_all)


# book/scale/processes.md: How a world ends
import traceback


def notify(ranks: Processes, error: str = "", trace: str = "") -> None:
    """Say to all other ranks that this one has ended."""
    for other in range(ranks.size):
        if other != ranks.rank:
            ranks.control.tell(other, Note(ranks.calls, ranks.letters[other], error, trace))


def fail(ranks: Processes, error: BaseException) -> None:
    """Print an error, let the others hear of it, and end all processes."""
    trace = "".join(traceback.format_exception(error))
    print(f"rank {ranks.rank} of {ranks.size}:\n{trace}", file=sys.stderr, flush=True)
    sys.stdout.flush()
    notify(ranks, f"{type(error).__name__}: {error}", trace)
    patiently(ranks.control.all_have_ended, POLITE, ranks.control.listen)
    ranks.comm.Abort(1)


def close(ranks: Processes) -> None:
    """Wait until all ranks have ended well; RankError if one has not."""
    notify(ranks)
    failed = lambda other, note: bool(note.error)
    ranks.wait("the end of its program", ranks.control.all_have_ended, failed)
    if error := in_vain(ranks.rank, Wait("the end", bool, failed), ranks.control.notes):
        raise error


# book/scale/processes.md: How a world ends
from collections.abc import Iterator
from contextlib import contextmanager

from autograd_book.scale.world import Board, Neighbor

#: What programs that start ranks leave in the environment.
LAUNCHED = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "MPI_LOCALNRANKS")


def common_world() -> Any:
    """The communicator of all processes that were started together; None if alone."""
    if find_spec("mpi4py") is None:
        if any(name in os.environ for name in LAUNCHED):
            raise RankError(
                "this program was started by an MPI, and its Python has no mpi4py. Install "
                "it with: pip install 'autograd-book[mpi]'"
            )
        return None
    from mpi4py import MPI

    return MPI.COMM_WORLD if MPI.COMM_WORLD.size > 1 else None


@contextmanager
def world(compare: bool = False, limit: float = np.inf) -> Iterator[Communicator]:
    """The communicator of this program among those that were started with it.

    Parameters
    ----------
    compare : bool
        Whether the ranks compare what they ask for before each collective, to find the
        place where their ways part.
    limit : float
        Seconds after which a rank gives up waiting.

    Yields
    ------
    Communicator
        Of this rank; of a world with one rank where the program was started alone.

    Raises
    ------
    RankError
        If the ranks do not make the same calls, or one of them has failed. All processes
        then end with a status that is not 0.
    """
    comm = common_world()
    if comm is None:
        yield Neighbor(Board(1), 0)
        return
    ranks = Processes(comm, compare, limit)
    try:
        yield ranks
        close(ranks)
    except BaseException as error:
        fail(ranks, error)
        raise
