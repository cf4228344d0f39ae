"""A compiler for C.

``built`` compiles a text in C, or finds what it has compiled before, and gives
back the library. It gives back ``None`` where that is not possible, for
whatever reason.

::

    import ctypes
    from autograd_book.speed.toolchain import built

    library = built("double twice(double x) { return 2 * x; }")
    if library is not None:  # there is a compiler
        library.twice.restype, library.twice.argtypes = ctypes.c_double, [ctypes.c_double]
        print(library.twice(21.0))
"""
# Generated from book/speed/toolchain.md by autograd-book extract; edit the chapter, not this file.
# sha256: 92d83f4fe8d8bd0e0003c30c6ff4ccaf20db121cb88e40ebfbaa9f488e6e7882

__all__ = [
    "logger",
    "say_once",
    "OPTIONS",
    "PROCESSOR",
    "Toolchain",
    "macros",
    "keeps_numbers",
    "toolchain_for",
    "toolchain",
    "expect_private",
    "kept_folder",
    "folder_of",
    "library_folder",
    "digest",
    "found",
    "make",
    "library",
    "built",
]


# book/speed/toolchain.md: One line in the log
import atexit
import ctypes
import hashlib
import logging
import os
import shlex
import shutil
import stat
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import NamedTuple

logger = logging.getLogger("autograd_book")


@cache
def say_once(fact: str) -> None:
    """Write a fact into the log, once in a process."""
    logger.warning("%s Compiled functions run as NumPy's calls instead.", fact)


# book/speed/toolchain.md: Which compiler
#: Fast, and with infinities and NaN as they are: nothing assumes that they do not occur.
OPTIONS = (
    "-O3", "-fPIC", "-shared", "-fopenmp-simd",
    "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast",
)  # fmt: skip
#: Options for the processor at hand, of which a compiler understands the one or the other.
PROCESSOR = (("-march=native",), ("-mcpu=native",), ())


class Toolchain(NamedTuple):
    """How C is compiled here."""

    command: tuple[str, ...]  #: The compiler with its options.
    macros: str  #: What it says of itself and of the processor.


# book/speed/toolchain.md: Which compiler
def macros(command: tuple[str, ...]) -> str:
    """What a compiler defines before the first line; nothing if it does not work."""
    try:
        done = subprocess.run(
            [*command, "-dM", "-E", "-x", "c", "-"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout if done.returncode == 0 else ""


def keeps_numbers(said: str) -> bool:
    """Whether a compiler leaves NaN, infinities and small numbers alone."""
    return "__FAST_MATH__" not in said and "__FINITE_MATH_ONLY__ 1" not in said


# book/speed/toolchain.md: Which compiler
@cache
def toolchain_for(asked: str, path: str) -> Toolchain | None:
    """The first compiler that works, of the one that is asked for or of the usual ones."""
    for words in [shlex.split(asked)] if asked else [["cc"], ["gcc"], ["clang"]]:
        place = shutil.which(words[0], path=path)
        for processor in PROCESSOR if place else ():
            command = (place, *words[1:], *OPTIONS, *processor)
            if said := macros(command):
                return Toolchain(command, said) if keeps_numbers(said) else None
    return None


def toolchain() -> Toolchain | None:
    """How C is compiled here; None where there is no compiler."""
    if os.name != "posix":
        return None
    return toolchain_for(os.environ.get("CC", ""), os.environ.get("PATH", os.defpath))


# book/speed/toolchain.md: A folder of one's own
def expect_private(folder: Path) -> None:
    """Raise PermissionError if anybody but the user who runs this could put a file there."""
    me, real = os.geteuid(), folder.resolve()
    for place in (folder, *real.parents):
        about, own = os.lstat(place), place == folder
        others = about.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        others = others and (own or not about.st_mode & stat.S_ISVTX)
        if not stat.S_ISDIR(about.st_mode) or about.st_uid not in ((me,) if own else (me, 0)) or others:
            raise PermissionError(
                f"{place} is a link, belongs to another user, or can be written to by others. "
                "Compiled code is loaded only from folders that nobody else can write to."
            )


# book/speed/toolchain.md: A folder of one's own
def kept_folder() -> Path:
    """The folder for libraries that are kept; OSError if there is none that is private."""
    asked = Path(os.environ.get("XDG_CACHE_HOME", ""))
    caches = asked if asked.is_absolute() else Path.home() / ".cache"
    if not caches.parent.is_dir():
        raise FileNotFoundError(f"{caches.parent} does not exist.")
    folder = caches / "autograd-book"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    expect_private(folder)
    return folder


@cache
def folder_of(process: int) -> Path:
    """A folder of one process, which goes when it ends."""
    folder = Path(tempfile.mkdtemp(prefix="autograd-book-"))

    @atexit.register
    def leave() -> None:
        if os.getpid() == process:  # a fork of it has the same folder
            shutil.rmtree(folder, ignore_errors=True)

    return folder


def library_folder() -> Path:
    """Where libraries are put: the folder that is kept, or one of this process."""
    try:
        return kept_folder()
    except (OSError, RuntimeError) as error:  # RuntimeError: no home folder is known
        logger.info("Compiled code is not kept: %s", error)
        return folder_of(os.getpid())


# book/speed/toolchain.md: By hash
def digest(data: bytes) -> str:
    """A short hash."""
    return hashlib.sha256(data).hexdigest()[:32]


def found(folder: Path, key: str) -> Path | None:
    """A whole library of this name; what is not whole is thrown away."""
    for path in sorted(folder.glob(f"{key}-*.so")):
        if path.stem == f"{key}-{digest(path.read_bytes())}":
            return path
        path.unlink(missing_ok=True)
    return None


# book/speed/toolchain.md: By hash
def make(tools: Toolchain, text: str, folder: Path, key: str) -> Path:
    """Compile a text and put the library into its place."""
    with tempfile.TemporaryDirectory(dir=folder) as work:
        Path(work, "kernel.c").write_text(text)
        command = [*tools.command, "-o", "kernel.so", "kernel.c", "-lm"]
        subprocess.run(
            command, cwd=work, capture_output=True, text=True, check=True, timeout=600
        )
        out = Path(work, "kernel.so")
        path = folder / f"{key}-{digest(out.read_bytes())}.so"
        os.replace(out, path)
    return path


def library(tools: Toolchain, text: str) -> ctypes.CDLL:
    """The library of a text, from the folder or from the compiler."""
    folder = library_folder()
    key = digest("\0".join((text, *tools.command, tools.macros)).encode())
    return ctypes.CDLL(str(found(folder, key) or make(tools, text, folder, key)))


# book/speed/toolchain.md: By hash
def built(text: str) -> ctypes.CDLL | None:
    """The library of a text in C; None, and a line in the log, where it cannot be made."""
    if (tools := toolchain()) is None:
        say_once("There is no C compiler that can be used.")
        return None
    try:
        return library(tools, text)
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", "") or str(error)).strip().partition("\n")[0]
        say_once(f"The C compiler {tools.command[0]} made no library: {said}")
        return None
