"""Reading a chapter.

A chapter is read with the site's own reader, so site and package cannot
disagree about what a cell is.

::

    from pathlib import Path

    from autograd_book.literate.read import parse_chapter

    text = Path("read.md").read_text(encoding="utf-8")
    chapter = parse_chapter("book/literate/read.md", text)
    print(chapter.module, len(chapter.cells), len(chapter.exports))
"""
# Generated from book/literate/read.md by autograd-book extract; edit the chapter, not this file.
# sha256: 71130bf6f2aea7f80fa02f62eab627cbb2c23d8995bc23ebc5b032bf0c2db206

__all__ = [
    "PACKAGE",
    "BOOK",
    "SOURCE",
    "CONTENTS",
    "CONFIG",
    "BUILD",
    "BookError",
    "Cell",
    "Heading",
    "Chapter",
    "dotted",
    "parse_chapter",
    "notebook",
    "first_line",
    "trim",
    "OPENS",
    "ASKS",
    "contents",
    "extensions",
    "survey",
    "Readings",
    "find_root",
    "command",
]


# book/literate/read.md: What the extractor sees
import hashlib
import os
import pickle
import re
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib import metadata
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

PACKAGE = "autograd_book"  #: What is imported.
BOOK = "book"  #: The folder of the chapters.
SOURCE = f"src/{PACKAGE}"  #: The folder of the package.
CONTENTS = f"{BOOK}/_toc.yml"  #: The order of the chapters.
CONFIG = "_config.yml"  #: The configuration of the site.
BUILD = "_build"  #: The folder that a build of the site writes into.


# book/literate/read.md: What the extractor sees
class BookError(ValueError):
    """All that is wrong in a book, one ``file:line: fact; remedy`` a line."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(self.problems))


# book/literate/read.md: A chapter and its cells
class Cell(NamedTuple):
    """A code cell: place in the notebook, first line of code, code, tags, other options."""

    position: int
    line: int
    source: str
    tags: tuple[str, ...]
    options: tuple[str, ...] = ()


# book/literate/read.md: A chapter and its cells
class Heading(NamedTuple):
    """A heading of a chapter: line, level from 1, and its text as written."""

    line: int
    level: int
    title: str


# book/literate/read.md: A chapter and its cells
@dataclass(frozen=True)
class Chapter:
    """A chapter as the extractor sees it: text, cells, headings, paragraphs, strays."""

    path: str
    text: str = ""
    cells: tuple[Cell, ...] = ()
    headings: tuple[Heading, ...] = ()
    paragraphs: tuple[tuple[int, str], ...] = ()
    strays: tuple[tuple[int, str], ...] = ()

    @property
    def docname(self) -> str:
        """The page's name in the site, ``graph/record``."""
        return self.path.removeprefix(f"{BOOK}/").removesuffix(".md")

    @property
    def module(self) -> str:
        """The dotted name of the module that the chapter would export to."""
        return dotted(self.docname)

    @property
    def file(self) -> str:
        """The module's file, from the root of the project."""
        return f"{SOURCE}/{self.docname}.py"

    @property
    def title(self) -> str:
        """The text of the first heading."""
        return self.headings[0].title if self.headings else self.docname

    @property
    def exports(self) -> tuple[Cell, ...]:
        """The cells that go into the module, in order."""
        return tuple(cell for cell in self.cells if "export" in cell.tags)

    def heading(self, line: int) -> Heading:
        """The heading that a line stands under."""
        above = [heading for heading in self.headings if heading.line <= line]
        return above[-1] if above else Heading(1, 1, self.title)


# book/literate/read.md: A chapter and its cells
def dotted(docname: str) -> str:
    """Return the module that the page ``docname`` exports to."""
    parts = [PACKAGE, *docname.split("/")]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


# book/literate/read.md: One reader for two purposes
def parse_chapter(path: str, text: str, extensions: Iterable[str] = ()) -> Chapter:
    """Read one chapter's text, through myst-nb's own reader."""
    return _parsed(path, text, frozenset(extensions))


def notebook(path: str, text: str, extensions: Iterable[str] = ()) -> Any:
    """Return a chapter's text as myst-nb reads it, with the lines of its cells."""
    return _notebook(path, _unix(text), frozenset(extensions))


def _unix(text: str) -> str:
    return text.removeprefix("\ufeff").replace("\r\n", "\n")


_remembered: dict[tuple[str, str, frozenset[str]], bytes] = {}


@lru_cache(maxsize=256)
def _notebook(path: str, unix: str, extensions: frozenset[str]) -> Any:
    if known := _remembered.get((path, unix, extensions)):
        return pickle.loads(known)
    read, _, config = _reader(extensions)
    return read(unix, config=config, add_source_map=True, path=path)


# book/literate/read.md: One reader for two purposes
@lru_cache(maxsize=256)
def _parsed(path: str, text: str, extensions: frozenset[str]) -> Chapter:
    _, parser, _ = _reader(extensions)
    unix = _unix(text)
    try:
        cells = notebook(path, unix, extensions)
        tokens = parser.parse(unix)
    except Exception as error:  # one of their errors is private, others are a TypeError
        raise _unreadable(path, unix, error) from error
    blocks = list(pairwise(tokens))
    return Chapter(
        path,
        text,
        tuple(_cells(unix, cells)),
        tuple(
            Heading(block.map[0] + 1, int(block.tag[1]), inline.content)
            for block, inline in blocks
            if block.type == "heading_open" and block.level == 0
        ),
        tuple(
            (block.map[0] + 1, inline.content)
            for block, inline in blocks
            if block.type == "paragraph_open" and block.level == 0
        ),
        tuple(_strays(unix.split("\n"), tokens)),
    )


# book/literate/read.md: One reader for two purposes
@cache
def _reader(extensions: frozenset[str]) -> tuple[Any, Any, Any]:
    try:
        from markdown_it.renderer import RendererHTML
        from myst_nb.core.read import read_myst_markdown_notebook
        from myst_parser.config.main import MdParserConfig
        from myst_parser.parsers.mdit import create_md_parser
    except ImportError as error:
        raise _missing(error) from error
    try:
        config = MdParserConfig(enable_extensions=set(extensions))
    except ValueError as error:
        raise BookError([f"{CONFIG}:1: {error}; correct its extensions"]) from None
    blocks = create_md_parser(replace(config, disable_syntax=["inline"]), RendererHTML)
    return read_myst_markdown_notebook, blocks, config


def _missing(error: ImportError) -> BookError:
    return BookError([f"{error}; pip install '{PACKAGE.replace('_', '-')}[book]'"])


# book/literate/read.md: Where a cell begins
def _cells(text: str, notebook: Any) -> Iterator[Cell]:
    lines = [line.rstrip() for line in text.split("\n")]
    places = zip(notebook.cells, notebook.metadata["source_map"], strict=True)
    for index, (cell, fence) in enumerate(places):
        if cell.cell_type == "code":
            source = trim(cell.source)
            tags = cell.metadata.get("tags", [])
            tags = tags if isinstance(tags, list) else [repr(tags)]
            line = first_line(lines, fence, source)
            options = tuple(str(name) for name in cell.metadata if name != "tags")
            yield Cell(index, line or -fence, source, tuple(map(str, tags)), options)


# book/literate/read.md: Where a cell begins
def first_line(lines: list[str], start: int, source: str) -> int:
    """Return the line, from 1, where some code begins below ``start`` others, or 0."""
    code = [line.rstrip() for line in source.split("\n")]
    starts = range(start, len(lines) - len(code) + 1)
    return next((i + 1 for i in starts if lines[i : i + len(code)] == code), 0)


# book/literate/read.md: Where a cell begins
def trim(source: str) -> str:
    """Return code without the blank lines around it."""
    return re.sub(r"\A(?:[ \t]*\n)+", "", source).rstrip()


# book/literate/read.md: What looks like a cell
#: A line that opens a cell in the eyes of a person.
OPENS = re.compile(r"[\s>*+\-.)\d]*(`{3,}|~{3,}|:{3,})[ \t]*\{?[ \t]*code[ \t_-]*cell", re.I)
#: A line that asks for the tag export.
ASKS = re.compile(r"\W*tags?\s*:\s*(?:\[.*)?['\"]?export\b", re.I)
_VERBATIM = re.compile(r"[^{]|\{(?:code|code-block|sourcecode|parsed-literal)\}|$")


def _strays(lines: list[str], tokens: list[Any]) -> Iterator[tuple[int, str]]:
    known, asking = _spans(lines, tokens)
    told = False
    for number, line in enumerate(lines, 1):
        opens = number not in known and OPENS.match(line)
        asks = (number not in known or number in asking) and ASKS.match(line)
        if (opens or asks) and not told:
            what = "opens a cell" if opens else "asks for the tag export"
            remedy = "close the fence above, write ```{code-cell} at the left margin"
            yield number, f"this line {what} where none is read; {remedy}, or comment it out"
        told = bool(line.strip()) and bool(told or opens or asks)


# book/literate/read.md: What looks like a cell
def _spans(lines: list[str], tokens: list[Any]) -> tuple[set[int], set[int]]:
    known, asking = set(), set()
    for token in tokens:
        first, last = token.map or (0, 0)
        read = token.level == 0 and token.info.startswith("{code-cell}")
        shown = not read and _VERBATIM.match(token.info.strip())
        if token.type == "fence" and (read or shown):
            inside = range(first + 2, last + 1)
            ends = lines[last - 1].lstrip("> \t").startswith(token.markup)
            sign = token.markup if ends else ""  # what is never closed may hold anything
            opened = ((n, OPENS.match(lines[n - 1])) for n in inside)
            swallowed = {n for n, m in opened if m and m[1].startswith(sign)}
            known |= set(inside) - swallowed | ({first + 1} if read else set())
            asking |= {first + 2} if shown else set()
        elif token.type == "html_block" and re.match(r"\s*<!--.*-->", token.content, re.S):
            known |= set(range(first + 1, last + 1))
    return known, asking


# book/literate/read.md: The order of the contents
def _yaml() -> Any:
    try:
        import yaml
    except ImportError as error:
        raise _missing(error) from error
    return yaml


# book/literate/read.md: The order of the contents
def contents(root: Path) -> list[tuple[int, str]]:
    """Return line and name of each entry in the table of contents, in order."""
    return _understood(root, CONTENTS, lambda text: [*_entries(_yaml().compose(text))])


def _understood(root: Path, file: str, read: Callable[[str], Any]) -> Any:
    data, line = (root / file).read_bytes(), 1
    try:
        return read(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        fact, line = f"no UTF-8 ({error.reason})", data.count(b"\n", 0, error.start) + 1
    except RecursionError:
        fact = "nested too deeply, or in itself"
    except _yaml().YAMLError as error:
        place = getattr(error, "problem_mark", None)
        fact = f"no YAML ({' '.join(str(error).split())})"
        line = place.line + 1 if place else line
    raise BookError([f"{file}:{line}: this is {fact}; correct the file"])


# book/literate/read.md: The order of the contents
def _entries(node: Any) -> Iterator[tuple[int, str]]:
    kind = node.id if node else "nothing"
    if kind == "sequence":
        for item in node.value:
            yield from _entries(item)
    elif kind == "mapping":
        for key, value in node.value:
            if key.value not in ("root", "file"):
                yield from _entries(value)
            elif value.id == "scalar":
                yield value.start_mark.line + 1, value.value
            else:
                at = f"{CONTENTS}:{value.start_mark.line + 1}"
                raise BookError([f"{at}: {key.value} is a {value.id}; name one file"])


# book/literate/read.md: The order of the contents
_BUILT_IN = ("colon_fence", "dollarmath", "linkify", "substitution", "tasklist")


def extensions(root: Path) -> tuple[str, ...]:
    """Return the MyST extensions that the site is built with."""
    if not (root / CONFIG).is_file():
        return _BUILT_IN
    tree = _understood(root, CONFIG, _yaml().safe_load) or {}
    settings = (tree.get("parse") or {}) if isinstance(tree, dict) else tree
    named = isinstance(settings, dict) and settings.get("myst_enable_extensions", _BUILT_IN)
    if isinstance(named, list | tuple) and all(isinstance(name, str) for name in named):
        return tuple(named)
    fact = "parse: myst_enable_extensions is no list of names"
    raise BookError([f"{CONFIG}:1: {fact}; write one, or leave it out"])


# book/literate/read.md: A survey that does not stop
def survey(root: Path) -> tuple[list[Chapter], list[str]]:
    """Read all chapters in the order of the contents; return them and the problems."""
    chapters, problems, readings = [], [], Readings(root, extensions(root))
    seen: dict[str, int] = {}
    for line, name in contents(root):
        found = [f"{BOOK}/{name}{end}" for end in ("", ".md", ".rst", ".ipynb")]
        found = [path for path in found if (root / path).is_file()]
        if not found:
            problems.append(
                f"{CONTENTS}:{line}: there is no {BOOK}/{name}.md; "
                "write it, or take it out of the contents"
            )
        elif (first := seen.setdefault(found[0], line)) != line:
            fact = f"{name} stands already at line {first}"
            problems.append(f"{CONTENTS}:{line}: {fact}; enter it once")
        elif found[0].endswith(".ipynb") and b'"export"' in (root / found[0]).read_bytes():
            fact = "a notebook exports nothing, and this one seems to want it"
            problems.append(f"{found[0]}:1: {fact}; convert it with jupytext --to md:myst")
        elif found[0].endswith(".md"):
            try:
                chapters.append(readings.chapter(found[0]))
            except BookError as error:
                problems += error.problems
    problems += list(_unlisted(readings, chapters, problems))
    readings.keep()
    return chapters, list(dict.fromkeys(problems))


# book/literate/read.md: A survey that does not stop
def _decoded(root: Path, path: str) -> str:
    try:
        return (root / path).read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, "", error) from error


def _read(path: str, text: str, enabled: Iterable[str]) -> Chapter:
    chapter = parse_chapter(path, text, enabled)
    if chapter.cells and not _is_notebook(path, text):
        raise BookError(
            [
                f"{path}:1: this is not a MyST notebook, so its cells are not read; "
                "begin it with the front matter of another chapter"
            ]
        )
    return chapter


# book/literate/read.md: A survey that does not stop
def _unreadable(path: str, text: str, error: Exception) -> BookError:
    fact = f"{error}".split("\n")[0] or type(error).__name__
    told = re.search(r"line (\d+)", fact)
    tags = re.search(r"^:?tags:(?! *(?:\[[^][{}]*\])? *$)", text, re.M)  # no plain list
    line = int(told[1]) if told else text[: tags.start() if tags else 0].count("\n") + 1
    return BookError([f"{path}:{line}: unreadable ({fact}); correct the chapter"])


# book/literate/read.md: A survey that does not stop
def _is_notebook(path: str, text: str) -> bool:
    from myst_nb.core.read import is_myst_markdown_notebook

    try:
        return bool(is_myst_markdown_notebook(text.removeprefix("\ufeff")))
    except Exception as error:  # front matter of a kind that it does not expect
        raise _unreadable(path, "", error) from error


# book/literate/read.md: A survey that does not stop
class Readings:
    """What is read of the pages of a book, and what an earlier command left of it."""

    def __init__(self, root: Path, enabled: Iterable[str] = ()) -> None:
        self.root, self.enabled = root, frozenset(enabled)
        self.file = root / BUILD / "readings.pickle"
        self.before: dict[str, tuple[Chapter, bytes]] = {}
        self.now: dict[str, tuple[Chapter, bytes]] = {}
        with suppress(Exception):  # there is none, or another program's
            self.before = pickle.loads(self.file.read_bytes())

    def chapter(self, path: str) -> Chapter:
        """Return a page as it is now; it is parsed if it was not so before."""
        text = _decoded(self.root, path)
        name = _name(path, text, *sorted(self.enabled), *_readers())
        chapter, cells = known = self.before.get(name) or self._parse(path, text)
        if not any("load" in cell.options for cell in chapter.cells):
            self.now[name] = known
            _remembered[path, _unix(text), self.enabled] = cells
        return chapter

    def _parse(self, path: str, text: str) -> tuple[Chapter, bytes]:
        chapter = _read(path, text, self.enabled)
        return chapter, pickle.dumps(notebook(path, text, self.enabled))

    def keep(self) -> None:
        """Leave to the next command what was read, and nothing else."""
        if self.now.keys() != self.before.keys() and self.file.parent.is_dir():
            draft = self.file.with_name(f".{self.file.name}.{os.getpid()}")
            with suppress(OSError):  # a folder that may not be written to
                draft.write_bytes(pickle.dumps(self.now))
                os.replace(draft, self.file)


# book/literate/read.md: A survey that does not stop
_PACKAGES = "markdown-it-py", "mdit-py-plugins", "myst-nb", "myst-parser"
_FORMATS = "nbformat", "pyyaml"


@cache
def _readers() -> tuple[str, ...]:
    here = Path(_name.__code__.co_filename)
    code = here.read_text(encoding="utf-8") if here.is_file() else ""
    try:
        return code, sys.version, *map(metadata.version, _PACKAGES + _FORMATS)
    except metadata.PackageNotFoundError as error:
        raise _missing(error) from error


def _name(*parts: str) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


# book/literate/read.md: A survey that does not stop
def _unlisted(
    readings: Readings, chapters: list[Chapter], known: list[str]
) -> Iterator[str]:
    listed = {chapter.path for chapter in chapters}
    for file in sorted((readings.root / BOOK).rglob("*.md")):
        path = file.relative_to(readings.root).as_posix()
        hidden = any(re.match(r"\.|_(?!_)", part) for part in path.split("/"))
        if path in listed or hidden or any(p.startswith(f"{path}:") for p in known):
            continue
        try:
            chapter = readings.chapter(path)
        except BookError as error:
            yield from error.problems
        else:
            yield from (f"{path}:{line}: {fact}" for line, fact in chapter.strays)
            for cell in chapter.exports[:1]:
                yield (
                    f"{path}:{abs(cell.line)}: the chapter exports, but stands nowhere in "
                    f"{CONTENTS}; enter it there, before the first that imports it"
                )


# book/literate/read.md: Where a book is
def find_root(start: Path) -> Path:
    """Return the nearest folder, from ``start`` upwards, that holds a book."""
    start = start.resolve()
    for folder in (start, *start.parents):
        if (folder / CONTENTS).is_file():
            return folder
    raise BookError(
        [f"{start}: no {CONTENTS} here or above; go into a book, or use --root"]
    )


# book/literate/read.md: A command
def command(
    argv: list[str] | None,
    verb: str,
    run: Callable[[Namespace], int],
    about: str,
    options: dict[str, dict[str, Any]],
) -> int:
    """Run a command of the command line, named first; return the exit status."""
    parser = ArgumentParser(prog="autograd-book", description="The book builds itself.")
    verbs = parser.add_subparsers(required=True)
    known = verbs.add_parser(verb, help=about, description=about)
    known.add_argument("--root", type=Path, help="the book's folder")
    for option, settings in options.items():
        known.add_argument(option, **settings)
    given = parser.parse_args(argv)
    try:
        return run(given)
    except BookError as error:
        print(error, file=sys.stderr)
    except OSError as error:
        fact = f"{error.filename or '.'}:1: {error.strerror or error}"
        print(f"{fact}; make room or give the right to it", file=sys.stderr)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on where this one ended", file=sys.stderr)
    return 1
