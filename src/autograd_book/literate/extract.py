"""From chapters to a package.

The extractor gives the text of each file of the package. It refuses to write a
package that is wrong, and never overwrites an edit made by hand.

::

    from pathlib import Path

    from autograd_book.literate.extract import modules
    from autograd_book.literate.read import parse_chapter

    text = Path("extract.md").read_text(encoding="utf-8")
    chapter = parse_chapter("book/literate/extract.md", text)
    for file, text in modules([chapter]).items():
        print(file, len(text.splitlines()))
"""
# Generated from book/literate/extract.md by autograd-book extract; edit the chapter, not this file.
# sha256: d6371cdc97ccd2981d203e86432aa67e5c3135a1a57e104e8a7bddbe5b4639c1

__all__ = [
    "plain",
    "docstring",
    "render",
    "mark",
    "seal",
    "ORIGIN",
    "HASH",
    "fingerprint",
    "bare",
    "digest",
    "state",
    "modules",
    "on_disk",
    "decoded",
    "guard",
    "first_difference",
    "diff",
    "write",
    "locks",
    "alone",
    "trial",
    "file_module",
    "Fragment",
    "blocks",
    "places",
    "locate",
    "extract",
    "update",
    "remove",
    "main",
]


# book/literate/extract.md: A program that works when nothing else does
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

if __name__ == "__main__" and "__file__" in globals():
    _face = ModuleType("autograd_book")
    _face.__path__ = [str(Path(__file__).resolve().parents[1])]
    sys.modules[_face.__name__] = _face
    _verb = {"stitch", "where"}.intersection(sys.argv[1:2]) or {"extract"}
    sys.exit(import_module(f"autograd_book.literate.{_verb.pop()}").main())


# book/literate/extract.md: A program that works when nothing else does
import hashlib
import os
import re
import shutil
import subprocess
from argparse import Namespace
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from difflib import unified_diff
from errno import EACCES
from importlib.util import find_spec
from itertools import zip_longest
from tempfile import TemporaryDirectory
from textwrap import fill, indent
from typing import Any, NamedTuple

from autograd_book.literate.checks import MARKER, Shelf, public, read_book
from autograd_book.literate.read import (
    BOOK,
    PACKAGE,
    SOURCE,
    BookError,
    Cell,
    Chapter,
    command,
    dotted,
    find_root,
    first_line,
    trim,
)


# book/literate/extract.md: From cells to a module
_PLAIN = (
    (r"\{[\w:.-]+\}`([^`<]*?)(?:\s*<[^`>]*>)?`", r"\1"),
    (r"\[([^\]]*)\]\([^)]*\)", r"\1"),
    (r"(?<!`)`([^`]+)`(?!`)", r"``\1``"),
    (r"\$([^$]+)\$", r":math:`\1`"),
)


# book/literate/extract.md: From cells to a module
def plain(markdown: str) -> str:
    """Return a paragraph of MyST as the plain text of a docstring."""
    for pattern, replacement in _PLAIN:
        markdown = re.sub(pattern, replacement, markdown)
    return " ".join(markdown.split())


# book/literate/extract.md: From cells to a module
def docstring(chapter: Chapter) -> str:
    """Return the module's docstring: title, what the synopsis is about, the synopsis."""
    cell = next(cell for cell in chapter.cells if "synopsis" in cell.tags)
    above = chapter.heading(cell.line).line
    prose = [text for line, text in chapter.paragraphs if above < line < cell.line]
    parts = [plain(chapter.title).rstrip(".") + "."]
    parts += [fill(plain(text), 79) for text in prose[:1]]
    parts += ["::", indent(cell.source, "    ")]
    text = "\n\n".join(parts).replace("\\", "\\\\").replace('"""', r"\"\"\"")
    return f'"""{text}\n"""'


# book/literate/extract.md: Blocks and markers
def render(chapter: Chapter) -> str:
    """Return the module that a chapter exports, as text."""
    names = ", ".join(f'"{name}"' for name in public(chapter))
    face = f"__all__ = [{names}]" if names else "__all__: list[str] = []"
    if len(face) > 88:
        face = "__all__ = [\n    " + names.replace(", ", ",\n    ") + ",\n]"
    blocks = [f"{mark(chapter, cell)}\n{cell.source}" for cell in chapter.exports]
    return seal(docstring(chapter), chapter.path, "\n\n\n".join([face, *blocks]))


# book/literate/extract.md: Blocks and markers
def mark(chapter: Chapter, cell: Cell) -> str:
    """Return the comment above a cell's code in its module: chapter and heading."""
    return f"# {chapter.path}: {' '.join(chapter.heading(cell.line).title.split())}"


# book/literate/extract.md: The seal
def seal(doc: str, source: str, body: str) -> str:
    """Return a generated file: docstring, origin, hash of all the rest, body."""
    remedy = "edit the chapter, not this file."
    origin = f"# Generated from {source} by autograd-book extract; {remedy}"
    text = f"{doc}\n{origin}\n\n{body}".rstrip() + "\n"
    sealed = f"{origin}\n# sha256: {digest(bare(text))}"
    return text.replace(origin, sealed, 1)


# book/literate/extract.md: The seal
#: The line of a generated file that names its chapter.
ORIGIN = re.compile(r"^# Generated from (\S+) by autograd-book extract", re.M)
#: The seal in the header of a generated file.
HASH = re.compile(r"^# sha256: (\w+)\n", re.M)


def fingerprint(text: str) -> str:
    """Return the hash of a generated file, without its own line and the headings."""
    return digest(bare(HASH.sub("", text, count=1)))


def bare(text: str) -> str:
    """Return a module without the headings in its markers."""
    return MARKER.sub(r"# \1", text)


def digest(text: str) -> str:
    """Return the hash of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


# book/literate/extract.md: The seal
def state(text: str) -> str:
    """Return what a file of the package is: generated, edited or foreign."""
    sealed = HASH.search(text)
    if not sealed:
        return "foreign"
    return "generated" if sealed[1] == fingerprint(text) else "edited"


# book/literate/extract.md: The seal
def modules(chapters: Iterable[Chapter]) -> dict[str, str]:
    """Return every file of the package, by name, as the chapters would have it."""
    exporting = [chapter for chapter in chapters if chapter.exports]
    texts = {f"{SOURCE}/py.typed": ""}
    for package in sorted(Shelf(exporting).packages):
        folder = "/".join([BOOK, *package.split(".")[1:]])
        file = "/".join([SOURCE, *package.split(".")[1:], "__init__.py"])
        texts[file] = seal(f'"""The chapters of {folder}."""', f"{folder}/", "")
    return texts | {chapter.file: render(chapter) for chapter in exporting}


# book/literate/extract.md: The seal
def on_disk(root: Path) -> dict[str, str]:
    """Return the files of the package that are there, by name."""
    files = [*sorted((root / SOURCE).rglob("*.py")), root / SOURCE / "py.typed"]
    names = {f.relative_to(root).as_posix(): f for f in files if f.is_file()}
    return {name: decoded(file, name) for name, file in names.items()}


def decoded(file: Path, name: str = "") -> str:
    """Return the text of a file, or raise that it holds none."""
    data = file.read_bytes()
    try:
        return data.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        fact = f"this is no UTF-8 ({error.reason}); correct the file, or delete it"
        raise BookError([f"{name or file}:{line}: {fact}"]) from None


# book/literate/extract.md: Nothing is lost
_REFUSALS = {
    "edited": "this generated file was edited by hand; carry the edit into the chapter "
    "with autograd-book stitch, or discard it by deleting the file and typing make extract",
    "foreign": "this file was not generated; move it out of the package, "
    "or write it as a chapter",
}


def guard(disk: dict[str, str], texts: dict[str, str]) -> list[str]:
    """Return a refusal for each file on disk that extraction must not touch."""
    refusals = []
    for file, text in disk.items():
        refusal = _REFUSALS.get(state(text))
        aim = texts.get(file, "")
        if refusal and text and fingerprint(text) != fingerprint(aim):
            show = diff(aim, text, file) if file in texts else ""
            place = f"{file}:{first_difference(text, aim)}"
            refusals.append(f"{place}: {refusal}\n{show}".rstrip())
    return refusals


def first_difference(text: str, aim: str) -> int:
    """Return the first line in which two modules differ in more than words."""
    rows = zip_longest(*(HASH.sub("# sha256\n", bare(t)).split("\n") for t in (text, aim)))
    return next((n for n, (a, b) in enumerate(rows, 1) if a != b), 1)


# book/literate/extract.md: Nothing is lost
def diff(before: str, after: str, file: str) -> str:
    """Return what leads from one text of a file to another, as a unified diff."""
    lines = unified_diff(before.splitlines(), after.splitlines(), file, file, lineterm="")
    return "\n".join(lines)


# book/literate/extract.md: Old or new, never half
def write(file: Path, text: str) -> None:
    """Write a file so that a reader sees the old text or the new, never a part."""
    file = file.resolve()
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}.draft")
    try:
        draft.write_text(text, encoding="utf-8", newline="\n")
        if file.exists():
            _resemble(draft, file)
        os.replace(draft, file)
    finally:
        draft.unlink(missing_ok=True)


def _resemble(draft: Path, file: Path) -> None:
    if not os.access(file, os.W_OK):
        raise PermissionError(EACCES, "the file is read-only", str(file))
    with suppress(OSError, AttributeError):  # to give a file away takes a privilege
        os.chown(draft, file.stat().st_uid, file.stat().st_gid)
    shutil.copystat(file, draft)
    os.utime(draft)


# book/literate/extract.md: Old or new, never half
locks: Any = find_spec("fcntl") and import_module("fcntl")  # Windows has none


@contextmanager
def alone(root: Path, writes: bool = True) -> Iterator[None]:
    """Wait until no other command writes this book, and keep others waiting."""
    if locks is None:
        yield
        return
    folder = os.open(root / BOOK, os.O_RDONLY)
    try:
        with suppress(OSError):  # a network folder may know no locks
            locks.flock(folder, locks.LOCK_EX if writes else locks.LOCK_SH)
        for place in (BOOK, SOURCE) if writes else ():
            for draft in (root / place).rglob(".*.[0-9]*.draft"):
                draft.unlink(missing_ok=True)
        yield
    finally:
        os.close(folder)


# book/literate/extract.md: A trial before the writing
_IMPORT = """import sys
sys.path.insert(0, sys.argv[1])
for name in sys.argv[2:]:
    __import__(name)
    print(name)
"""


def trial(root: Path, chapters: list[Chapter]) -> list[str]:
    """Import the package from a temporary folder; return what goes wrong."""
    texts = modules(chapters)
    with TemporaryDirectory() as folder:
        stage = Path(folder).resolve()
        if (root / SOURCE).is_dir():
            ignore = shutil.ignore_patterns("*.py", "__pycache__")
            shutil.copytree(root / SOURCE, stage / PACKAGE, ignore=ignore)
        for file, text in texts.items():
            write(stage / file.removeprefix("src/"), text)
        names = [file_module(file) for file in texts if file.endswith(".py")]
        command = [sys.executable, "-P", "-B", "-c", _IMPORT, str(stage), *names]
        run = subprocess.run(command, capture_output=True, cwd=stage)
        done = run.stdout.split()[-1:] == [names[-1].encode()] if names else True
        problem = run.returncode or not done
        return [_why(run.stderr.decode(errors="replace"), stage, chapters)] if problem else []


def file_module(file: str) -> str:
    """Return the dotted name of a file of the package."""
    return dotted(file.removeprefix(f"{SOURCE}/").removesuffix(".py"))


# book/literate/extract.md: A trial before the writing
class Fragment(NamedTuple):
    """An exported cell in its module: first line of code, marker's words, the code."""

    line: int
    path: str
    heading: str
    source: str


def blocks(text: str) -> Iterator[Fragment]:
    """Yield what a generated module holds of each exported cell, in order."""
    markers = [*MARKER.finditer(text)]
    ends = [*(marker.start() for marker in markers), len(text)][1:]
    for marker, end in zip(markers, ends, strict=True):
        code = text[marker.end() : end].removeprefix("\n")
        source = trim(code)
        above = marker.end() + 1 + code.index(source)
        yield Fragment(text.count("\n", 0, above) + 1, marker[1], marker[2] or "", source)


# book/literate/extract.md: A trial before the writing
def places(text: str, page: str) -> list[tuple[Fragment, int]]:
    """Return the blocks of a module, each with its line in the chapter's text, or 0."""
    lines = [line.rstrip() for line in page.split("\n")]
    found, start = [], 0
    for block in blocks(text):
        place = _cell_line(lines, block.source, start)
        start = place or start
        found.append((block, place))
    return found


def _cell_line(lines: list[str], source: str, start: int) -> int:
    code = [line.rstrip() for line in source.split("\n")]
    while first := first_line(lines, start, source):
        above = next(filter(None, reversed(lines[: first - 1])), "")
        below = next(filter(None, lines[first - 1 + len(code) :]), "")
        if re.match(r":.*export|---$", above) and re.match("```|~~~", below):
            return first
        start = first
    return 0


# book/literate/extract.md: A trial before the writing
def locate(text: str, line: int, page: str = "") -> str | None:
    """Return the place in a chapter that a line of a generated module came from.

    It is chapter and line, or chapter and heading without the chapter's text, ``page``.
    """
    above = [found for found in places(text, page) if found[0].line <= line + 1]
    if not above:
        origin = ORIGIN.search(text)
        return f"{origin[1]}:1" if origin and origin[1].endswith(".md") else None
    block, first = above[-1]
    rows = block.source.split("\n")
    offset = min(max(line - block.line, 0), len(rows) - 1)
    before = max(place for _, place in [(block, 0), *above[:-1]])
    number = first + offset if first else _nearest(rows[: offset + 1], page, before)
    return f"{block.path}:{number or f' {block.heading}'}"


def _nearest(rows: list[str], page: str, start: int) -> int:
    lines = [line.rstrip() for line in page.split("\n")]
    found = (first_line(lines, start, row) for row in reversed(rows) if row.strip())
    return next(filter(None, found), 0)


# book/literate/extract.md: A trial before the writing
def _why(traceback: str, stage: Path, chapters: list[Chapter]) -> str:
    error = traceback.strip().split("\n")[-1] or "the interpreter ended"
    if "No module named 'numpy'" in error:
        return "NumPy is missing, which every module needs; pip install numpy"
    frames = re.findall(r'File "(.+)", line (\d+)', traceback)
    inside = [(file, int(line)) for file, line in frames if str(stage) in file]
    pages = {f"{stage}/{c.file.removeprefix('src/')}": c.text for c in chapters}
    place = SOURCE
    for file, line in inside[-1:]:
        text = Path(file).read_text(encoding="utf-8")
        place = locate(text, line, pages.get(Path(file).as_posix(), "")) or place
    return f"{place}: the package would not import ({error}); correct the cell"


# book/literate/extract.md: Extraction
def extract(root: Path, check: bool = False) -> tuple[list[str], str]:
    """Bring the package up to date; return the files that changed, and the diff.

    With ``check`` nothing is written.
    """
    with alone(root, writes=not check):
        chapters, disk = read_book(root), on_disk(root)
        if refusals := guard(disk, modules(chapters)):
            raise BookError(refusals)
        return update(root, chapters, disk, check)


# book/literate/extract.md: Extraction
def update(
    root: Path, chapters: list[Chapter], disk: dict[str, str], check: bool = False
) -> tuple[list[str], str]:
    """Make the package on disk what the chapters say, unless it would not import."""
    texts = modules(chapters)
    changed = sorted(f for f in texts | disk if texts.get(f) != disk.get(f))
    if changed and not check:
        if problems := trial(root, chapters):
            raise BookError(problems)
        if late := sorted(set(on_disk(root).items()) ^ set(disk.items())):
            fact = "this file was changed in the meantime; run the command again"
            raise BookError([f"{late[0][0]}:1: {fact}"])
        for file in changed:
            write(root / file, texts[file]) if file in texts else remove(root / file)
    shown = [diff(disk.get(f, ""), texts.get(f, ""), f) for f in changed]
    return changed, "\n".join(filter(None, shown))


# book/literate/extract.md: Extraction
def remove(file: Path) -> None:
    """Delete a module without a chapter, and its folder when that is empty."""
    file.unlink(missing_ok=True)
    shutil.rmtree(file.parent / "__pycache__", ignore_errors=True)
    with suppress(OSError):  # something else lies in the folder
        file.parent.rmdir()


# book/literate/extract.md: The command
def _extract(options: Namespace) -> int:
    root = options.root or find_root(Path.cwd())
    changed, shown = extract(root, options.check)
    gone = ": removed, since no chapter exports to it"
    lines = (file + gone * (not (root / file).is_file()) for file in changed)
    print(shown if options.check else "\n".join(lines), end="\n" if changed else "")
    verb = "stale" if options.check else "changed"
    print(f"{len(changed)} files {verb}" if changed else "the package is up to date")
    return int(bool(changed and options.check))


_CHECK = {"--check": {"action": "store_true", "help": "write nothing; fail when stale"}}


def main(argv: list[str] | None = None) -> int:
    """Run ``extract``; return the exit status."""
    about = "write the package from the chapters"
    return command(argv, "extract", _extract, about, _CHECK)
