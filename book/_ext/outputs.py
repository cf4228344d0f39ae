"""Executes the chapters whose outputs are stale, and keeps the outputs that are sound.

jupyter-cache keeps executed notebooks, and myst-nb reads them there, but it knows a notebook by its code alone. So each is kept with a key of
all else that its outputs depend on: the modules that it imports, the files that it read, the packages, the machine. What has another key is
executed before Sphinx asks for it, and a chapter that failed leaves nothing behind.
"""

import ast
import asyncio
import hashlib
import json
import math
import os
import platform
import re
import signal
import sys
import time
from contextlib import asynccontextmanager, suppress
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy
from dependencies import Imports, tree_of
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from jupyter_cache.cache.db import NbCacheRecord
from nbclient import NotebookClient
from nbclient.exceptions import CellControlSignal, CellExecutionError, DeadKernelError

from autograd_book.literate.checks import MARKER
from autograd_book.literate.extract import HASH
from autograd_book.literate.read import notebook

#: Names of code that measures time; the first is the one of book/_style/timing.py.
CLOCKS = ("times", "timeit", "perf_counter", "perf_counter_ns", "process_time", "monotonic", "getrusage", "measure_machine")
ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

# What a kernel is told before the first cell: to note the files that are opened and the folders that are listed, but by Python in search of a package.
NOTE = """
def noting(call, places=set()):
    from functools import wraps
    from sys import _getframe
    @wraps(call)
    def noted(*args, **kwargs):
        if args and not _getframe(1).f_globals.get("__name__", "").startswith("importlib."):
            places.add(str(args[0]))
        return call(*args, **kwargs)
    noted.places = places
    return noted
import builtins, io, os, pathlib
builtins.open = io.open = noting(io.open)
os.listdir, os.scandir = noting(os.listdir), noting(os.scandir)
for name in ("glob", "rglob", "iterdir"):
    setattr(pathlib.Path, name, noting(getattr(pathlib.Path, name)))
del noting, name, builtins, io, os, pathlib
"""
# And what it is asked after the last: what it noted, and where the modules came from that it has loaded.
NOTED = """__import__("json").dumps([sorted(__import__("builtins").open.places - set(__import__("sys").path)),
    sorted({str(m.__file__) for m in list(__import__("sys").modules.values()) if getattr(m, "__file__", None)})])"""


class Failure(NamedTuple):
    """A cell that failed: its chapter, its line, its number among the code cells, and the traceback."""

    chapter: str
    line: int
    number: int
    traceback: str

    def __str__(self):
        return f"{self.chapter}:{self.line}: code cell {self.number} failed; correct it, or tag it raises-exception.\n{self.traceback}"


class Kept:
    """The outputs of a book's chapters, in a folder."""

    def __init__(self, root, folder, chapters, extensions=(), timeout=300, told=print):
        self.root, self.timeout, self.told = Path(root).resolve(), timeout, told
        self.cache = get_cache(folder)
        self.imports = Imports(list(chapters))
        self.codes = {}
        self.extensions = frozenset(extensions)

    # What is fresh

    def notebook(self, chapter):
        """The chapter as myst-nb will read it."""
        return notebook(chapter.path, chapter.text, self.extensions)

    def code(self, chapter):
        """The name of a chapter's code, under which the cache keeps its outputs."""
        if chapter not in self.codes:
            self.codes[chapter] = self.cache.create_hashed_notebook(self.notebook(chapter))[1]
        return self.codes[chapter]

    def record(self, chapter):
        """What is kept under the chapter's code, or None."""
        try:
            return NbCacheRecord.record_from_hashkey(self.code(chapter), self.cache.db)
        except KeyError:
            return None

    def fresh(self, chapter):
        """Whether what is kept is what an execution would give."""
        record = self.record(chapter)
        return record is not None and record.data.get("key") == self.key(chapter, record.data.get("files", ()))

    def state(self, chapter):
        """What changes whenever the chapter's outputs do."""
        record = self.record(chapter)
        return [record.data.get("key"), str(record.created)] if chapter.cells and record else []

    def key(self, chapter, files):
        """One number for all that the outputs depend on."""
        code = [(cell.source, sorted(cell.metadata.items())) for cell in self.notebook(chapter).cells if cell.cell_type == "code"]
        modules = self.imports.needed(chapter.cells)
        package = [(module, [cell.source for cell in self.imports.chapters[module].exports]) for module in modules]
        return digest(code, str(Path(chapter.path).parent), package, [(file, content(self.root / file)) for file in files], surroundings(self.root))

    def twins(self, chapters):
        """Two chapters in different folders with the same code, whose outputs would be kept in one place; or None."""
        first = {}
        for chapter in chapters:
            twin = first.setdefault(self.code(chapter), chapter)
            if Path(twin.path).parent != Path(chapter.path).parent:
                return twin.path, chapter.path
        return None

    # Executing

    def execute(self, chapters):
        """Execute those that are not fresh; the cells that failed."""
        for chapter in chapters:
            if not chapter.cells and not self.record(chapter):
                self.keep(chapter, self.notebook(chapter))  # Otherwise myst-nb starts a kernel for it.
        chapters = [chapter for chapter in chapters if chapter.cells]
        if twins := self.twins(chapters):
            raise ValueError("{} and {} have the same code, by which outputs are kept; change it in one of them".format(*twins))
        stale = [chapter for chapter in chapters if not self.fresh(chapter)]
        for chapter in stale:
            if record := self.record(chapter):
                self.cache.remove_cache(record.pk)
        return asyncio.run(self.together(stale)) if stale else []

    async def together(self, chapters):
        """Execute chapters beside each other, twice as many as there are cores, since those that measure make others wait."""
        seats, places, whole = Seats(CORES), asyncio.Semaphore(2 * CORES), asyncio.current_task()

        async def one(chapter):
            async with places:
                start = time.monotonic()
                failure = await self.alone(chapter, seats, whole)
                self.told(f"{failure}" if failure else f"executed {chapter.path} in {time.monotonic() - start:.0f} s")
                return failure

        try:
            return [failure for failure in await asyncio.gather(*map(one, chapters)) if failure]
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None

    async def alone(self, chapter, seats, whole):
        """Execute one chapter in a kernel of its own, and keep its outputs if no cell fails that should not."""
        notebook, number, start = deepcopy(self.notebook(chapter)), 0, time.time()
        measures = list(measuring(chapter.cells))
        client = NotebookClient(notebook, timeout=self.timeout, record_timing=False, extra_arguments=["--IPKernelApp.log_level=CRITICAL"],
                                resources={"metadata": {"path": str((self.root / chapter.path).parent)}})
        kernel = client.async_setup_kernel(env=os.environ | ({} if any(measures) else ONE_THREAD))
        async with seats.taken(1):
            await kernel.__aenter__()
        with suppress(RuntimeError, ValueError):  # Signals come to the main thread alone. The library's handler would end one kernel only.
            asyncio.get_running_loop().add_signal_handler(signal.SIGINT, whole.cancel)
        try:
            notebook.metadata["language_info"] = await introduced(client)
            for number, (cell, measure) in enumerate(zip(chapter.cells, measures, strict=True), 1):
                async with seats.taken(seats.number if measure else 1):
                    await client.async_execute_cell(notebook.cells[cell.position], cell.position, execution_count=number)
            client.set_widgets_metadata()
            files = self.files(chapter, *json.loads(await asked(client, NOTED)))
        except (CellExecutionError, CellControlSignal, DeadKernelError) as error:
            return Failure(chapter.path, chapter.cells[number - 1].line, number, re.sub(r"\x1b\[[\d;]*m", "", str(error)))
        finally:
            await kernel.__aexit__(None, None, None)
        self.keep(chapter, notebook, files, changed_since=start)
        return None

    def keep(self, chapter, notebook, files=(), changed_since=math.inf):
        """Put an executed notebook into the cache, with its key; with none if a file was changed while it was executed."""
        mixed = any((self.root / file).stat().st_mtime > changed_since for file in [chapter.path, *files] if (self.root / file).is_file())
        data = {"key": "" if mixed else self.key(chapter, files), "files": list(files)}
        self.cache.cache_notebook_bundle(CacheBundleIn(notebook, str(self.root / chapter.path), data=data), check_validity=False, overwrite=True)

    def files(self, chapter, opened, loaded):
        """Of the files that a kernel opened or imported, those whose change makes the outputs stale, from the project's folder on."""
        folder, installed = (self.root / chapter.path).parent, (sys.prefix, sys.base_prefix)
        read = {(folder / name).resolve() for name in opened}
        read = {path for path in read if path.is_relative_to(self.root) and not str(path).startswith(installed)}
        written = {self.root / module.file for module in self.imports.chapters.values()}
        helpers = {Path(file).resolve() for file in loaded if not file.startswith(installed)} - written
        return sorted(os.path.relpath(path, self.root) for path in read | helpers if path.exists())


class Seats:
    """As many cells run at once as there are cores; a cell that measures time takes all seats. First come, first seated."""

    def __init__(self, number):
        self.number, self.free, self.turn = number, asyncio.Semaphore(number), asyncio.Lock()

    @asynccontextmanager
    async def taken(self, wanted):
        held = 0
        try:
            async with self.turn:
                for _ in range(wanted):
                    await self.free.acquire()
                    held += 1
            yield
        finally:
            for _ in range(held):
                self.free.release()


def measuring(cells):
    """For each cell, whether it measures time: it names a clock, or what an earlier cell defined by means of one."""
    clocks = set(CLOCKS)
    for cell in cells:
        tree = tree_of([cell.source])
        yield bool(names(tree) & clocks)
        clocks |= {name for name, node in definitions(tree) if names(node) & clocks}


def names(tree):
    """All names in some code, those in its strings too if they are code of another process."""
    found = set()
    for node in ast.walk(tree):
        found |= {getattr(node, field, None) for field in ("id", "attr", "name")}
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "import" in node.value:
            found |= set(re.findall(r"\w+", node.value))
    return found


def definitions(tree):
    """Name and tree of each function and class that a cell defines."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name, node
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda):
            yield from ((target.id, node.value) for target in node.targets if isinstance(target, ast.Name))


async def introduced(client):
    """What a kernel says of its language, when it has been told to take notes."""
    await asked(client, "None", NOTE)
    reply = await client.async_wait_for_reply(client.kc.kernel_info())
    return reply["content"]["language_info"]


async def asked(client, question, code=""):
    """A kernel's answer to a question after it has run some code, of which its history knows nothing."""
    sent = client.kc.execute(code, silent=True, store_history=False, user_expressions={"answer": question})
    reply = await client.async_wait_for_reply(sent)
    return ast.literal_eval(reply["content"]["user_expressions"]["answer"]["data"]["text/plain"])


@cache
def surroundings(root):
    """What all chapters depend on: this file, the packages, the interpreter, the processor."""
    texts = [content(path) for path in (Path(__file__), root / "requirements" / "book.txt")]
    return [*texts, sys.version, numpy.__version__, platform.machine(), processor()]


def processor():
    """What the machine calls its processor."""
    told = Path("/proc/cpuinfo")
    models = re.findall(r"^model name\s*: (.*)$", told.read_text(), re.M) if told.is_file() else []
    return models[0] if models else platform.processor()


def content(path):
    """A digest of a file; of a folder, of the names in it; of a module, of its lines of code and their numbers, without the words of its chapter."""
    if path.is_dir():
        names = (name.relative_to(path).as_posix() for name in path.rglob("*"))
        return digest(sorted(name for name in names if not re.search(r"(^|/)(\.|__pycache__)", name)))
    if path.suffix == ".py" and path.is_file() and (sealed := HASH.search(text := path.read_text("utf-8"))):
        return digest(text.count("\n", 0, sealed.end()), MARKER.sub("", text[sealed.end():]))
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def digest(*parts):
    """A number for some values that json can write."""
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()
