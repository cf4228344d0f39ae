"""From chapters to a package.

The extractor reads chapters and gives the text of each file of the package. It
refuses to write a package that is wrong, and never overwrites an edit made by
hand.

::

    from pathlib import Path

    from autograd_book.literate.extract import modules, parse_chapter

    text = Path("extract.md").read_text(encoding="utf-8")
    chapter = parse_chapter("book/literate/extract.md", text)
    for file, text in modules([chapter]).items():
        print(file, len(text.splitlines()))
"""
# Generated from book/literate/extract.md by autograd-book extract; edit the chapter, not this file.
# sha256: ce291b635d31d1aaf85c181827fe30f85acc826e4736579eb2cd83c4c941e131

__all__ = [
    "PACKAGE",
    "BOOK",
    "SOURCE",
    "CONTENTS",
    "CONFIG",
    "BookError",
    "Cell",
    "Heading",
    "Chapter",
    "dotted",
    "parse_chapter",
    "trim",
    "contents",
    "extensions",
    "survey",
    "write",
    "locks",
    "alone",
    "parse",
    "defined",
    "public",
    "Import",
    "imports",
    "absolute",
    "Shelf",
    "Check",
    "MARKER",
    "TAGS",
    "OPTIONS",
    "CHECKS",
    "faults",
    "read_book",
    "plain",
    "docstring",
    "render",
    "mark",
    "seal",
    "HASH",
    "fingerprint",
    "state",
    "modules",
    "on_disk",
    "guard",
    "diff",
    "trial",
    "file_module",
    "Block",
    "blocks",
    "places",
    "locate",
    "extract",
    "update",
    "remove",
    "origin",
    "carry",
    "restitch",
    "stitch",
    "where",
    "exported",
    "find",
    "find_root",
    "main",
    "COMMANDS",
]


# book/literate/extract.md: What the extractor sees
import ast
import hashlib
import os
import re
import shutil
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from difflib import SequenceMatcher, unified_diff
from errno import EACCES
from functools import cache, lru_cache
from importlib import import_module
from importlib.util import find_spec
from itertools import combinations, islice, pairwise, product, takewhile, zip_longest
from keyword import iskeyword
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import fill, indent
from typing import Any, NamedTuple

PACKAGE = "autograd_book"  #: What is imported.
BOOK = "book"  #: The folder of the chapters.
SOURCE = f"src/{PACKAGE}"  #: The folder of the package.
CONTENTS = f"{BOOK}/_toc.yml"  #: The order of the chapters.
CONFIG = "_config.yml"  #: The configuration of the site.


# book/literate/extract.md: What the extractor sees
class BookError(ValueError):
    """All that is wrong in a book, one ``file:line: fact; remedy`` a line."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(self.problems))


# book/literate/extract.md: A chapter and its cells
class Cell(NamedTuple):
    """A code cell: place in the notebook, first line of code, code, tags, other options."""

    position: int
    line: int
    source: str
    tags: tuple[str, ...]
    options: tuple[str, ...] = ()


# book/literate/extract.md: A chapter and its cells
class Heading(NamedTuple):
    """A heading of a chapter: line, level from 1, and its text as written."""

    line: int
    level: int
    title: str


# book/literate/extract.md: A chapter and its cells
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


# book/literate/extract.md: A chapter and its cells
def dotted(docname: str) -> str:
    """Return the module that the page ``docname`` exports to."""
    parts = [PACKAGE, *docname.split("/")]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


# book/literate/extract.md: One reader for two purposes
def parse_chapter(path: str, text: str, extensions: Iterable[str] = ()) -> Chapter:
    """Read one chapter's text, through myst-nb's own reader."""
    return _parsed(path, text, frozenset(extensions))


@lru_cache(maxsize=256)
def _parsed(path: str, text: str, extensions: frozenset[str]) -> Chapter:
    read, parser, config = _reader(extensions)
    unix = text.removeprefix("\ufeff").replace("\r\n", "\n")
    try:
        notebook = read(unix, config=config, add_source_map=True, path=path)
        tokens = parser.parse(unix)
    except Exception as error:  # one of their errors is private, others are a TypeError
        raise _unreadable(path, unix, error) from error
    blocks = list(pairwise(tokens))
    return Chapter(
        path,
        text,
        tuple(_cells(unix, notebook)),
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


# book/literate/extract.md: One reader for two purposes
@cache
def _reader(extensions: frozenset[str]) -> tuple[Any, Any, Any]:
    try:
        from markdown_it.renderer import RendererHTML
        from myst_nb.core.read import read_myst_markdown_notebook
        from myst_parser.config.main import MdParserConfig
        from myst_parser.parsers.mdit import create_md_parser
    except ImportError as error:
        remedy = f"pip install '{PACKAGE.replace('_', '-')}[book]'"
        raise BookError([f"{error}; {remedy}"]) from error
    try:
        config = MdParserConfig(enable_extensions=set(extensions))
    except ValueError as error:
        raise BookError([f"{CONFIG}:1: {error}; correct its extensions"]) from None
    return read_myst_markdown_notebook, create_md_parser(config, RendererHTML), config


# book/literate/extract.md: Where a cell begins
def _cells(text: str, notebook: Any) -> Iterator[Cell]:
    lines = [line.rstrip() for line in text.split("\n")]
    places = zip(notebook.cells, notebook.metadata["source_map"], strict=True)
    for index, (cell, fence) in enumerate(places):
        if cell.cell_type == "code":
            source = trim(cell.source)
            tags = cell.metadata.get("tags", [])
            tags = tags if isinstance(tags, list) else [repr(tags)]
            line = _first_line(lines, fence, source)
            options = tuple(str(name) for name in cell.metadata if name != "tags")
            yield Cell(index, line or -fence, source, tuple(map(str, tags)), options)


# book/literate/extract.md: Where a cell begins
def _first_line(lines: list[str], start: int, source: str) -> int:
    code = [line.rstrip() for line in source.split("\n")]
    starts = range(start, len(lines) - len(code) + 1)
    return next((i + 1 for i in starts if lines[i : i + len(code)] == code), 0)


# book/literate/extract.md: Where a cell begins
def trim(source: str) -> str:
    """Return code without the blank lines around it."""
    return re.sub(r"\A(?:[ \t]*\n)+", "", source).rstrip()


# book/literate/extract.md: What looks like a cell
_OPENS = re.compile(r"[\s>*+\-.)\d]*(`{3,}|~{3,}|:{3,})[ \t]*\{?[ \t]*code[ \t_-]*cell", re.I)
_ASKS = re.compile(r"\W*tags?\s*:\s*(?:\[.*)?['\"]?export\b", re.I)
_VERBATIM = re.compile(r"[^{]|\{(?:code|code-block|sourcecode|parsed-literal)\}|$")


def _strays(lines: list[str], tokens: list[Any]) -> Iterator[tuple[int, str]]:
    known, asking = _spans(lines, tokens)
    told = False
    for number, line in enumerate(lines, 1):
        opens = number not in known and _OPENS.match(line)
        asks = (number not in known or number in asking) and _ASKS.match(line)
        if (opens or asks) and not told:
            what = "opens a cell" if opens else "asks for the tag export"
            remedy = "close the fence above, write ```{code-cell} at the left margin"
            yield number, f"this line {what} where none is read; {remedy}, or comment it out"
        told = bool(line.strip()) and bool(told or opens or asks)


# book/literate/extract.md: What looks like a cell
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
            opened = ((n, _OPENS.match(lines[n - 1])) for n in inside)
            swallowed = {n for n, m in opened if m and m[1].startswith(sign)}
            known |= set(inside) - swallowed | ({first + 1} if read else set())
            asking |= {first + 2} if shown else set()
        elif token.type == "html_block" and re.match(r"\s*<!--.*-->", token.content, re.S):
            known |= set(range(first + 1, last + 1))
    return known, asking


# book/literate/extract.md: The order of the contents
def _yaml() -> Any:
    _reader(frozenset())
    import yaml

    return yaml


# book/literate/extract.md: The order of the contents
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


# book/literate/extract.md: The order of the contents
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


# book/literate/extract.md: The order of the contents
_BUILT_IN = ("colon_fence", "dollarmath", "linkify", "substitution", "tasklist")


def extensions(root: Path) -> tuple[str, ...]:
    """Return the MyST extensions that the site is built with."""
    if not (root / CONFIG).is_file():
        return _BUILT_IN
    tree = _understood(root, CONFIG, _yaml().safe_load) or {}
    parse = (tree.get("parse") or {}) if isinstance(tree, dict) else tree
    named = isinstance(parse, dict) and parse.get("myst_enable_extensions", _BUILT_IN)
    if isinstance(named, list | tuple) and all(isinstance(name, str) for name in named):
        return tuple(named)
    fact = "parse: myst_enable_extensions is no list of names"
    raise BookError([f"{CONFIG}:1: {fact}; write one, or leave it out"])


# book/literate/extract.md: A survey that does not stop
def survey(root: Path) -> tuple[list[Chapter], list[str]]:
    """Read all chapters in the order of the contents; return them and the problems."""
    chapters, problems, enabled = [], [], extensions(root)
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
                chapters.append(_read(root, found[0], enabled))
            except BookError as error:
                problems += error.problems
    return chapters, problems + list(_unlisted(root, chapters, enabled, problems))


# book/literate/extract.md: A survey that does not stop
def _read(root: Path, path: str, enabled: tuple[str, ...]) -> Chapter:
    try:
        text = (root / path).read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, "", error) from error
    chapter = parse_chapter(path, text, enabled)
    if chapter.cells and not _is_notebook(path, text):
        raise BookError(
            [
                f"{path}:1: this is not a MyST notebook, so its cells are not read; "
                "begin it with the front matter of another chapter"
            ]
        )
    return chapter


# book/literate/extract.md: A survey that does not stop
def _unreadable(path: str, text: str, error: Exception) -> BookError:
    fact = f"{error}".split("\n")[0] or type(error).__name__
    told = re.search(r"line (\d+)", fact)
    tags = re.search(r"^:?tags:(?! *(?:\[[^][{}]*\])? *$)", text, re.M)  # no plain list
    line = int(told[1]) if told else text[: tags.start() if tags else 0].count("\n") + 1
    return BookError([f"{path}:{line}: unreadable ({fact}); correct the chapter"])


# book/literate/extract.md: A survey that does not stop
def _is_notebook(path: str, text: str) -> bool:
    from myst_nb.core.read import is_myst_markdown_notebook

    try:
        return bool(is_myst_markdown_notebook(text.removeprefix("\ufeff")))
    except Exception as error:  # front matter of a kind that it does not expect
        raise _unreadable(path, "", error) from error


# book/literate/extract.md: A survey that does not stop
def _unlisted(
    root: Path, chapters: list[Chapter], enabled: tuple[str, ...], known: list[str]
) -> Iterator[str]:
    listed = {chapter.path for chapter in chapters}
    for file in sorted((root / BOOK).rglob("*.md")):
        path = file.relative_to(root).as_posix()
        hidden = any(re.match(r"\.|_(?!_)", part) for part in path.split("/"))
        if path in listed or hidden or any(p.startswith(f"{path}:") for p in known):
            continue
        try:
            chapter = _read(root, path, enabled)
        except BookError as error:
            yield from error.problems
        else:
            yield from (f"{path}:{line}: {fact}" for line, fact in chapter.strays)
            for cell in chapter.exports[:1]:
                yield (
                    f"{path}:{abs(cell.line)}: the chapter exports, but stands nowhere in "
                    f"{CONTENTS}; enter it there, before the first that imports it"
                )


# book/literate/extract.md: A book to play with
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


# book/literate/extract.md: A book to play with
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


# book/literate/extract.md: What can be wrong
@cache
def parse(source: str) -> ast.Module | SyntaxError:
    """Return the tree of a cell's code, or why there is none."""
    try:
        compile(source, "<cell>", "exec", dont_inherit=True)
        return ast.parse(source)
    except SyntaxError as error:
        return error
    except (RecursionError, MemoryError, ValueError, OverflowError) as error:
        return SyntaxError(f"{error}" or "it is too large")


# book/literate/extract.md: What can be wrong
def _trees(chapter: Chapter) -> Iterator[tuple[Cell, ast.Module]]:
    for cell in chapter.exports:
        tree = parse(cell.source)
        if isinstance(tree, ast.Module):
            yield cell, tree


# book/literate/extract.md: Names
def defined(statements: Iterable[ast.AST]) -> Iterator[tuple[int, str]]:
    """Yield line and name of whatever statements at the top of a module define."""
    for statement in statements:
        for name in dict.fromkeys(_bound(statement)):
            yield getattr(statement, "lineno", 1), name


# book/literate/extract.md: Names
def _bound(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            if "overload" not in map(_last_name, node.decorator_list):
                yield node.name
        case ast.Assign():
            stored = (n for target in node.targets for n in ast.walk(target))
            for name in stored:
                if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store):
                    yield name.id
        case ast.AnnAssign(target=ast.Name(id=name)):
            yield name
        case ast.Import() | ast.ImportFrom():
            yield from (a.name for a in node.names if a.asname == a.name)
        case ast.If() | ast.Try() | ast.With() | ast.ExceptHandler():
            for child in ast.iter_child_nodes(node):
                yield from _bound(child)


# book/literate/extract.md: Names
def _last_name(node: ast.AST) -> str:
    return getattr(node, "attr", getattr(node, "id", ""))


# book/literate/extract.md: Names
def public(chapter: Chapter) -> list[str]:
    """Return the public names of a chapter, in order of definition."""
    names = (name for _, tree in _trees(chapter) for _, name in defined(tree.body))
    return [name for name in dict.fromkeys(names) if not name.startswith("_")]


# book/literate/extract.md: Imports
class Import(NamedTuple):
    """One imported name: line, module, and what is taken from it ("" for itself)."""

    line: int
    module: str
    name: str


def imports(tree: ast.AST, chapter: Chapter) -> Iterator[Import]:
    """Yield all that a cell imports, wherever in it the import stands."""
    inside = chapter.file.endswith("__init__.py")
    package = chapter.module if inside else chapter.module.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (Import(node.lineno, alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = absolute(package, node.level, node.module or "")
            yield from (Import(node.lineno, module, alias.name) for alias in node.names)


# book/literate/extract.md: Imports
def absolute(package: str, level: int, module: str) -> str:
    """Return the absolute name of a module; dots that lead outside stay in front."""
    parts = package.split(".")
    if level > len(parts):
        return "." * level + module
    above = parts[: len(parts) + 1 - level] if level else []
    return ".".join(filter(None, [*above, module]))


# book/literate/extract.md: The checks
class Shelf:
    """Where each module stands in the order of the contents; packages stand first."""

    def __init__(self, chapters: Iterable[Chapter], faulty: Iterable[str] = ()) -> None:
        exporting = [chapter for chapter in chapters if chapter.exports]
        docnames = [*faulty, *(chapter.docname for chapter in exporting)]
        self.packages = {PACKAGE} | {
            dotted("/".join(name.split("/")[:end]))
            for name in docnames
            for end in range(1, name.count("/") + 1)
        }
        self.place = dict.fromkeys([*self.packages, *map(dotted, docnames)], -1)
        self.place |= {c.module: place for place, c in enumerate(exporting)}


#: What yields line and text of each problem in a chapter.
Check = Callable[[Chapter, Shelf], Iterator[tuple[int, str]]]


# book/literate/extract.md: The checks
_MAGIC = re.compile(r"^[%!?]|=\s*[%!]|\?$")


def _syntax(chapter: Chapter, shelf: Shelf) -> Iterator[tuple[int, str]]:
    for cell in chapter.exports:
        error = parse(cell.source)
        if not cell.source:
            yield abs(cell.line), "an exported cell is empty; fill it, or take it out"
        elif cell.line < 0:
            fact = "the code of this exported cell does not stand here as it is read"
            remedy = "write it in place, at the left margin, without the option load"
            yield -cell.line, f"{fact}; {remedy}"
        elif isinstance(error, SyntaxError):
            line = error.lineno or 1
            code = cell.source.split("\n")[line - 1].strip()
            magic = f"`{code}` is a magic, which no module can run; do not export it"
            wrong = f"`{code}` is no Python ({error.msg}); correct it"
            yield cell.line + line - 1, magic if _MAGIC.search(code) else wrong


# book/literate/extract.md: The checks
def _shell(chapter: Chapter, shelf: Shelf) -> Iterator[tuple[int, str]]:
    for cell, tree in _trees(chapter):
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and node.id == "get_ipython":
                line = cell.line + node.lineno - 1
                yield line, "get_ipython is a magic too; do not export it"


# book/literate/extract.md: The checks
#: The comment above each block of a module: chapter and heading (once, a line).
MARKER = re.compile(rf"^# ({BOOK}/\S+\.md):(?: (.*)|\d+)$", re.M)
_BREAKS = re.compile("[\0\x0b\x0c\x1c-\x1e\x85\u2028\u2029]|\r(?!\n)")


def _text(chapter: Chapter, shelf: Shelf) -> Iterator[tuple[int, str]]:
    yield from chapter.strays
    if not chapter.headings:
        yield 1, "the chapter has no title; begin it with a line of # and its title"
    for number, line in enumerate(chapter.text.replace("\r\n", "\n").split("\n"), 1):
        for sign in sorted(set(_BREAKS.findall(line))):
            fact = f"here stands {sign!r}, which ends a line for some readers only"
            yield number, f"{fact}; take it out, or write it as an escape"
    for cell in chapter.exports:
        for row, line in enumerate(cell.source.split("\n")):
            if MARKER.match(line):
                fact = f"`{line}` reads like the marker above a block"
                yield cell.line + row, f"{fact}; write the comment in another way"


# book/literate/extract.md: The checks
#: The tags that a cell may carry.
TAGS = {"export", "synopsis", "check", "raises-exception", "scroll-output"} | {
    f"{verb}-{what}" for verb in ("hide", "remove") for what in ("input", "output", "cell")
} | {"remove-stdout", "remove-stderr"}


#: The options that a cell may have besides its tags.
OPTIONS = {"collapsed", "deletable", "editable", "execution", "format", "jupyter"} | {
    "load", "mystnb", "name", "scrolled", "slideshow"
}


def _tags(chapter: Chapter, shelf: Shelf) -> Iterator[tuple[int, str]]:
    for cell in chapter.cells:
        for tag in sorted(set(cell.tags) - TAGS):
            yield abs(cell.line), f"the tag {tag} is unknown; use some of {sorted(TAGS)}"
        for name in sorted(set(cell.options) - OPTIONS):
            yield abs(cell.line), f"the option {name} is unknown; use tags or {sorted(OPTIONS)}"
        tree = parse(cell.source) if "export" not in cell.tags else None
        rows = cell.source.split("\n")[: None if isinstance(tree, SyntaxError) else 1]
        for row, line in enumerate(takewhile(lambda line: not _OPENS.match(line), rows)):
            if _ASKS.match(line) and "export" not in cell.tags:
                fact = "this line asks for the tag export and is read as code"
                remedy = "write :tags: [export] right below the fence"
                yield abs(cell.line) + row, f"{fact}; {remedy}"


# book/literate/extract.md: The checks
def _synopsis(chapter: Chapter, shelf: Shelf) -> Iterator[tuple[int, str]]:
    found = [cell for cell in chapter.cells if "synopsis" in cell.tags]
    if chapter.exports and not found:
        yield 1, "the chapter exports but has no synopsis; tag one example with synopsis"
    for cell in found[1:]:
        yield cell.line, f"a second synopsis, after line {found[0].line}; keep one"


# book/literate/extract.md: The checks
def _twice(chapter: Chapter, shelf: Shelf) -> Iterator[tuple[int, str]]:
    first: dict[str, int] = {}
    for cell, tree in _trees(chapter):
        for line, name in defined(tree.body):
            here = cell.line + line - 1
            if name != "_" and first.setdefault(name, here) != here:
                yield here, f"{name} stands already at line {first[name]}; define it once"


# book/literate/extract.md: The checks
def _module_name(chapter: Chapter, shelf: Shelf) -> Iterator[tuple[int, str]]:
    names = chapter.module.split(".")
    bad = [n for n in names if not n.isidentifier() or iskeyword(n)]
    if chapter.exports and bad:
        yield 1, f"{bad[0]} is no name for a module; rename the file or folder"
    inside = chapter.docname.endswith("__init__")
    if chapter.exports and chapter.module in shelf.packages and not inside:
        yield 1, f"{chapter.module} is a folder too; rename one of them"


# book/literate/extract.md: The order of the chapters
def _imports(chapter: Chapter, shelf: Shelf) -> Iterator[tuple[int, str]]:
    for cell, tree in _trees(chapter):
        for line, module, name in imports(tree, chapter):
            for fact in _import_faults(module, name, chapter, shelf):
                yield cell.line + line - 1, fact


# book/literate/extract.md: The order of the chapters
def _import_faults(
    module: str, name: str, chapter: Chapter, shelf: Shelf
) -> Iterator[str]:
    if name == "*":
        yield f"a star import from {module} hides what it brings; name what you need"
    if module == "__future__":
        yield f"{name} from __future__ would change other cells; do without it"
    if module.split(".")[0] in (PACKAGE, ""):
        target = f"{module}.{name}" if f"{module}.{name}" in shelf.place else module
        if target == chapter.module:
            yield f"{target} is this chapter itself; use its names without importing them"
        elif target not in shelf.place:
            yield f"no chapter exports to {target}; correct the name"
        elif shelf.place[target] >= shelf.place.get(chapter.module, 0):
            yield f"{target} comes later in {CONTENTS}; import only what stands before"


# book/literate/extract.md: Each cause once
#: All that a chapter is checked for.
CHECKS: tuple[Check, ...] = (
    _syntax,
    _shell,
    _text,
    _tags,
    _synopsis,
    _twice,
    _module_name,
    _imports,
)


# book/literate/extract.md: Each cause once
def faults(chapters: list[Chapter], known: Iterable[str] = ()) -> list[str]:
    """Return what is known to be wrong and what the checks find, each cause once."""
    problems = list(known)
    faulty = set(re.findall(rf"{BOOK}/(\S+)\.md", "\n".join(problems)))
    found: list[tuple[int, int, str]] = []
    for check in CHECKS:
        shelf = Shelf(chapters, faulty)
        for place, chapter in enumerate(chapters):
            found += [(place, line, text) for line, text in check(chapter, shelf)]
        faulty |= {chapters[place].docname for place, _, _ in found}
    return problems + [
        f"{chapters[n].path}:{line}: {text}" for n, line, text in sorted(found)
    ]


# book/literate/extract.md: Each cause once
def read_book(root: Path) -> list[Chapter]:
    """Return the chapters of a sound book, in the order of its contents."""
    chapters, problems = survey(root)
    if problems := faults(chapters, problems):
        raise BookError(problems)
    return chapters


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
    sealed = f"{origin}\n# sha256: {_digest(_bare(text))}"
    return text.replace(origin, sealed, 1)


# book/literate/extract.md: The seal
_ORIGIN = re.compile(r"^# Generated from (\S+) by autograd-book extract", re.M)
#: The seal in the header of a generated file.
HASH = re.compile(r"^# sha256: (\w+)\n", re.M)


def fingerprint(text: str) -> str:
    """Return the hash of a generated file, without its own line and the headings."""
    return _digest(_bare(HASH.sub("", text, count=1)))


def _bare(text: str) -> str:
    return MARKER.sub(r"# \1", text)


def _digest(text: str) -> str:
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
    return {name: _decoded(file, name) for name, file in names.items()}


def _decoded(file: Path, name: str = "") -> str:
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
            place = f"{file}:{_first_difference(text, aim)}"
            refusals.append(f"{place}: {refusal}\n{show}".rstrip())
    return refusals


def _first_difference(text: str, aim: str) -> int:
    rows = zip_longest(*(HASH.sub("# sha256\n", _bare(t)).split("\n") for t in (text, aim)))
    return next((n for n, (a, b) in enumerate(rows, 1) if a != b), 1)


# book/literate/extract.md: Nothing is lost
def diff(before: str, after: str, file: str) -> str:
    """Return what leads from one text of a file to another, as a unified diff."""
    lines = unified_diff(before.splitlines(), after.splitlines(), file, file, lineterm="")
    return "\n".join(lines)


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
class Block(NamedTuple):
    """An exported cell in its module: first line of code, marker's words, the code."""

    line: int
    path: str
    heading: str
    source: str


def blocks(text: str) -> Iterator[Block]:
    """Yield what a generated module holds of each exported cell, in order."""
    markers = [*MARKER.finditer(text)]
    ends = [*(marker.start() for marker in markers), len(text)][1:]
    for marker, end in zip(markers, ends, strict=True):
        code = text[marker.end() : end].removeprefix("\n")
        source = trim(code)
        above = marker.end() + 1 + code.index(source)
        yield Block(text.count("\n", 0, above) + 1, marker[1], marker[2] or "", source)


# book/literate/extract.md: A trial before the writing
def places(text: str, page: str) -> list[tuple[Block, int]]:
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
    while first := _first_line(lines, start, source):
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
        origin = _ORIGIN.search(text)
        return f"{origin[1]}:1" if origin and origin[1].endswith(".md") else None
    block, first = above[-1]
    rows = block.source.split("\n")
    offset = min(max(line - block.line, 0), len(rows) - 1)
    before = max(place for _, place in [(block, 0), *above[:-1]])
    number = first + offset if first else _nearest(rows[: offset + 1], page, before)
    return f"{block.path}:{number or f' {block.heading}'}"


def _nearest(rows: list[str], page: str, start: int) -> int:
    lines = [line.rstrip() for line in page.split("\n")]
    found = (_first_line(lines, start, row) for row in reversed(rows) if row.strip())
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


# book/literate/extract.md: The way back
def _parts(text: str) -> list[str]:
    head = MARKER.split(HASH.sub("", text, count=1))[0]
    return [trim(head), *(block.source for block in blocks(text))]


# book/literate/extract.md: The way back
_TRIES = 20_000  #: Keys to be tried before the author is asked.


def _guesses(
    codes: list[str], cells: list[str], same: dict[int, int]
) -> Iterator[dict[int, int]]:
    ours = [place for place in range(len(codes)) if place not in same]
    theirs = [place for place in range(len(cells)) if place not in same.values()]
    most = min(len(ours), len(theirs))
    for size in sorted(range(most + 1), key=lambda size: min(size + 1, most - size)):
        for pair in product(combinations(ours, size), combinations(theirs, size)):
            yield dict(zip(*pair, strict=True))


def _same(codes: list[str], cells: list[str]) -> dict[int, int]:
    runs = SequenceMatcher(None, codes, cells, autojunk=False).get_matching_blocks()
    return {run.a + n: run.b + n for run in runs for n in range(run.size)}


# book/literate/extract.md: The way back
def origin(chapter: Chapter, text: str) -> tuple[str, dict[int, int]] | None:
    """Return the head that an edited module had, and the cells of its edited blocks."""
    head, *codes = _parts(text)
    cells = [cell.source for cell in chapter.exports]
    sealed = HASH.findall(text)[:1]
    heads = dict.fromkeys([head, _parts(render(chapter))[0]])
    guesses = islice(_guesses(codes, cells, _same(codes, cells)), _TRIES)
    for guess, known in product(guesses, heads):
        old = [cells[guess[n]] if n in guess else code for n, code in enumerate(codes)]
        pieces = [known, *(f"# {chapter.path}\n{code}" for code in old)]
        if [_digest("\n\n\n".join(pieces) + "\n")] == sealed:
            return known, guess
    return None


# book/literate/extract.md: The way back
def carry(chapter: Chapter, text: str, enabled: Iterable[str] = ()) -> Chapter:
    """Return a chapter that has the blocks of an edited module in its cells."""
    codes, cells = _parts(text)[1:], [cell.source for cell in chapter.exports]
    if fingerprint(text) == fingerprint(render(chapter)):
        return chapter
    if (found := origin(chapter, text)) is None:
        raise BookError(_conflicts(chapter, text))
    lines = chapter.text.split("\n")
    for place, number in sorted(found[1].items(), key=lambda pair: -pair[1]):
        _put(lines, chapter.exports[number], codes[place])
        cells[number] = codes[place]
    fresh = parse_chapter(chapter.path, "\n".join(lines), enabled)
    heads = found[0], _parts(render(fresh))[0]
    if [cell.source for cell in fresh.exports] != cells or _parts(text)[0] not in heads:
        raise BookError([_outside(chapter.file, text, render(fresh))])
    return fresh


def _put(lines: list[str], cell: Cell, code: str) -> None:
    end = "\r" if lines[cell.line - 1].endswith("\r") else ""
    after = cell.line - 1 + len(cell.source.split("\n"))
    lines[cell.line - 1 : after] = [row + end for row in code.split("\n")]


# book/literate/extract.md: The way back
def _conflicts(chapter: Chapter, text: str) -> Iterator[str]:
    ours, cells = [*blocks(text)], chapter.exports
    codes, sources = [b.source for b in ours], [cell.source for cell in cells]
    steps = SequenceMatcher(None, codes, sources, autojunk=False).get_opcodes()
    for _, first, last, start, end in (step for step in steps if step[0] != "equal"):
        n, m = last - first, end - start
        for k in range(n if n == m else 1):
            line = ours[min(first + k, len(ours) - 1)].line if ours else 1
            at = f"{chapter.path}:{cells[min(start + k, len(cells) - 1)].line}"
            fact = f"{n} block{'s' * (n != 1)} here against {m} at {at}: what was which"
            fact = f"this block and its cell at {at} differ: which is older" if n == m else fact
            remedy = "make one of them as it was, or both equal"
            yield f"{chapter.file}:{line}: {fact} cannot be told; {remedy}"


def _outside(file: str, text: str, aim: str) -> str:
    fact = "this edit lies outside the cells of any chapter"
    remedy = "edit the chapter, and delete this file"
    return f"{file}:{_first_difference(text, aim)}: {fact}; {remedy}"


# book/literate/extract.md: The way back
def restitch(root: Path) -> tuple[list[tuple[Chapter, Chapter]], list[Chapter]]:
    """Return the chapters that take up edits, before and after, and all as they then are."""
    chapters, disk, enabled = read_book(root), on_disk(root), extensions(root)
    edits = {file: text for file, text in disk.items() if state(text) == "edited"}
    texts, fresh = modules(chapters), []
    problems = guard({f: t for f, t in disk.items() if f not in edits}, texts)
    ours = {chapter.file for chapter in chapters if chapter.exports}
    for file in sorted(edits.keys() - ours):
        problems.append(_outside(file, edits[file], texts.get(file, "")))
    for chapter in chapters:
        edit = edits.get(chapter.file) if chapter.file in ours else None
        try:
            fresh.append(carry(chapter, edit, enabled) if edit else chapter)
        except BookError as error:
            problems += error.problems
    if problems := problems or faults(fresh) or trial(root, fresh):
        raise BookError(problems)
    pairs = zip(chapters, fresh, strict=True)
    return [pair for pair in pairs if pair[0].text != pair[1].text], fresh


# book/literate/extract.md: The way back
def stitch(root: Path) -> list[str]:
    """Carry edits of generated files into their chapters; return those chapters."""
    with alone(root):
        changed, chapters = restitch(root)
        for old, new in changed:
            _expect(root, old)
            seal = f"# sha256: {fingerprint(render(old))}\n"
            write(root / new.file, HASH.sub(seal, render(new), count=1))
            write(root / new.path, new.text)
        update(root, chapters, on_disk(root))
        return [new.path for _, new in changed]


def _expect(root: Path, chapter: Chapter) -> None:
    if (root / chapter.path).read_bytes() != chapter.text.encode():
        fact = "this chapter was changed in the meantime; run the command again"
        raise BookError([f"{chapter.path}:1: {fact}"])


# book/literate/extract.md: From a traceback to a paragraph
def where(query: str, package: Path) -> str:
    """Return the chapter and line behind ``file:line`` or a dotted name.

    For a line of a chapter, return the module and line in front of it.
    """
    name, line = _question(query)
    if name.endswith(".md"):
        return _module_line(query, name, line, package)
    file, number = (
        (_file(name, package), 1) if name.endswith(".py") else find(name, package)
    )
    last = _decoded(file).count("\n")
    number = number if line is None else line
    if not 1 <= number <= last:
        raise BookError([f"{query}: the file has {last} lines; give one from 1 to {last}"])
    place = _place(file, number, package)
    if place is None:
        raise _orphan(query, file, package)
    return place


# book/literate/extract.md: From a traceback to a paragraph
def _place(file: Path, line: int, package: Path) -> str | None:
    text = _decoded(file)
    return locate(text, line, _page(text, package))


def _page(text: str, package: Path) -> str:
    origin = _ORIGIN.search(text)
    page = package.resolve().parents[1] / (origin[1] if origin else "")
    return _decoded(page) if page.is_file() else ""


# book/literate/extract.md: From a traceback to a paragraph
def _question(query: str) -> tuple[str, int | None]:
    name, colon, line = query.rpartition(":")
    if not colon or re.search(r"[/\\]", line):
        return query, None
    if not line.isdecimal():
        fact = f"{line!r} is no line number"
        raise BookError([f"{query}: {fact}; write digits after the colon, or no colon"])
    return name, int(line)


# book/literate/extract.md: From a traceback to a paragraph
def _file(name: str, package: Path) -> Path:
    path = name.replace("\\", "/")
    if path.endswith(".py") and Path(path).is_file():
        return Path(path)
    end = re.sub(rf"^(?:.*/)?(?:{PACKAGE}|{BOOK})/", "", path[:-3]) + ".py"
    files = sorted(package.rglob("*.py"))
    found = [file for file in files if file == package / end]
    found = found or [file for file in files if file.as_posix().endswith(f"/{end}")]
    if not found:
        fact = f"{package} has no module of this path"
        raise BookError(
            [f"{name}: {fact}; give one of its files, or a chapter that exports"]
        )
    if len(found) > 1:
        fits = " and ".join(file.relative_to(package).as_posix() for file in found)
        raise BookError([f"{name}: this fits {fits}; give more of the path"])
    return found[0]


# book/literate/extract.md: From a traceback to a paragraph
def exported(text: str, page: str) -> dict[int, int]:
    """Return the lines of a chapter that a module holds, each with the module's line."""
    return {
        place + n: block.line + n
        for block, place in places(text, page)
        if place
        for n in range(block.source.count("\n") + 1)
    }


# book/literate/extract.md: From a traceback to a paragraph
def _module_line(query: str, name: str, line: int | None, package: Path) -> str:
    file = _file(name, package)
    text = _decoded(file)
    if not MARKER.search(text):
        raise _orphan(query, file, package)
    lines = exported(text, _page(text, package))
    if line is not None and not lines:
        fact = "the book is not beside this package, so its lines cannot be counted"
        raise BookError([f"{query}: {fact}; go into the book, or use --root"])
    if line is not None and line not in lines:
        nearest = min(lines, key=lambda known: abs(known - line))
        fact = "this line stands in no exported cell of the package"
        raise BookError([f"{query}: {fact}; the nearest that does is line {nearest}"])
    inside = file.relative_to(package).as_posix()
    return f"{SOURCE}/{inside}:{1 if line is None else lines[line]}"


def _orphan(query: str, file: Path, package: Path) -> BookError:
    fact = f"no chapter is exported to {file.name}"
    return BookError([f"{query}: {fact}; {_instead(file, package)}"])


def _instead(file: Path, package: Path) -> str:
    if not file.resolve().is_relative_to(package.resolve()):
        return f"give a file of {package}"
    names = sorted({other.stem for other in file.parent.glob("*.py")} - {"__init__"})
    return f"the modules beside it are {', '.join(names)}"


# book/literate/extract.md: Names are found by reading
_Found = tuple[Path, int] | None


def find(name: str, package: Path) -> tuple[Path, int]:
    """Return file and line of a name, dotted or short, without importing."""
    full = re.sub(r"^ab(?=\.|$)", PACKAGE, name)
    short = full.split(".")[0] != PACKAGE
    face = f"{PACKAGE}.{full}" if short else full
    if found := _find(face.split("."), package):
        return found
    places = _anywhere(full, package) if short else {}
    if len(places) > 1:
        raise BookError([f"{name}: this fits {' and '.join(places.values())}; name one"])
    return next(iter(places), None) or _nearly(name, face.split("."), 1 + short, package)


def _anywhere(name: str, package: Path) -> dict[tuple[Path, int], str]:
    places: dict[tuple[Path, int], str] = {}
    for file in sorted(package.rglob("*.py")):
        above = dotted(file.relative_to(package).with_suffix("").as_posix())
        with suppress(BookError):  # a file that is no Python holds no names
            if found := _find(f"{above}.{name}".split("."), package):
                places.setdefault(found, f"{above}.{name}")
    return places


# book/literate/extract.md: Names are found by reading
def _nearly(name: str, parts: list[str], least: int, package: Path) -> tuple[Path, int]:
    for end in range(len(parts) - 1, least - 1, -1):
        if found := _find(parts[:end], package):
            place = _place(*found, package)
            remedy = f"look for the name at {place}" if place else _instead(found[0], package)
            fact = f"{'.'.join(parts[:end])} has no {parts[end]}"
            raise BookError([f"{name}: {fact}; {remedy}"])
    remedy = "give one that a chapter exports, such as Variable.backward, or FILE:LINE"
    raise BookError([f"{name}: this is no name of {PACKAGE}; {remedy}"])


# book/literate/extract.md: Names are found by reading
def _find(parts: list[str], package: Path) -> _Found:
    known = parts[0] == PACKAGE and all(map(str.isidentifier, parts))
    for end in range(len(parts) if known else 0, 0, -1):
        base = package.joinpath(*parts[1:end])
        for file in (base.with_suffix(".py"), base / "__init__.py"):
            if file.is_file():
                return _search(file, _body(file), parts[end:], package)
    return None


def _body(file: Path) -> list[ast.stmt]:
    tree = parse(_decoded(file))
    if isinstance(tree, SyntaxError):
        fact = f"this is no Python ({tree.msg})"
        raise BookError(
            [f"{file}:{tree.lineno}: {fact}; correct the line, or extract again"]
        )
    return tree.body


# book/literate/extract.md: Names are found by reading
def _search(file: Path, body: list[ast.stmt], names: list[str], package: Path) -> _Found:
    if not names:
        return file, 1
    name, *rest = names
    for place, node in enumerate(body):
        if isinstance(node, ast.ImportFrom) and not node.level:
            origin = {alias.asname or alias.name: alias.name for alias in node.names}
            if name in origin:
                return _find([*str(node.module).split("."), origin[name], *rest], package)
        elif name in _bound(node):
            if not rest:
                return file, node.lineno
            if isinstance(node, ast.ClassDef):
                return _member(file, node, body[:place], rest, package)
    return None


# book/literate/extract.md: Names are found by reading
def _member(
    file: Path, node: ast.ClassDef, above: list[ast.stmt], names: list[str], package: Path
) -> _Found:
    if found := _search(file, node.body, names, package):
        return found
    if names[0] in (lines := _attributes(node)):
        return file, lines[names[0]]
    bases = ([*ast.unparse(base).split("."), *names] for base in node.bases)
    tries = (_search(file, above, base, package) for base in bases)
    return next(filter(None, tries), None)


# book/literate/extract.md: Names are found by reading
def _attributes(node: ast.ClassDef) -> dict[str, int]:
    slots: dict[str, int] = {}
    stored: dict[str, int] = {}
    for inner in ast.walk(node):
        match inner:
            case ast.Assign([ast.Name("__slots__")], ast.Tuple(names)):
                found = (name for name in names if isinstance(name, ast.Constant))
                slots |= {str(name.value): name.lineno for name in found}
            case ast.Attribute(ast.Name("self"), name, ast.Store()):
                stored[name] = min(inner.lineno, stored.get(name, inner.lineno))
    return slots | stored


# book/literate/extract.md: The command line
def find_root(start: Path) -> Path:
    """Return the nearest folder, from ``start`` upwards, that holds a book."""
    start = start.resolve()
    for folder in (start, *start.parents):
        if (folder / CONTENTS).is_file():
            return folder
    raise BookError(
        [f"{start}: no {CONTENTS} here or above; go into a book, or use --root"]
    )


# book/literate/extract.md: The command line
def _extract(options: Namespace) -> int:
    root = options.root or find_root(Path.cwd())
    changed, shown = extract(root, options.check)
    gone = ": removed, since no chapter exports to it"
    lines = (file + gone * (not (root / file).is_file()) for file in changed)
    print(shown if options.check else "\n".join(lines), end="\n" if changed else "")
    verb = "stale" if options.check else "changed"
    print(f"{len(changed)} files {verb}" if changed else "the package is up to date")
    return int(bool(changed and options.check))


def _stitch(options: Namespace) -> int:
    chapters = stitch(options.root or find_root(Path.cwd()))
    print("\n".join(f"{path}: stitched" for path in chapters) or "nothing to stitch")
    return 0


# book/literate/extract.md: The command line
def _where(options: Namespace) -> int:
    try:
        package = (options.root or find_root(Path.cwd())) / SOURCE
    except BookError:  # outside the book, answer for the installed package
        package = Path(__file__).parents[1]
    print(where(options.place, package))
    return 0


# book/literate/extract.md: The command line
def main(argv: list[str] | None = None) -> int:
    """Run ``extract``, ``stitch`` or ``where``; return the exit status."""
    parser = ArgumentParser(prog="autograd-book", description="Extract the package.")
    verbs = parser.add_subparsers(required=True)
    for verb, run, about in COMMANDS:
        command = verbs.add_parser(verb, help=about, description=about)
        command.add_argument("--root", type=Path, help="the book's folder")
        command.set_defaults(run=run)
        for option, settings in _OPTIONS.get(verb, {}).items():
            command.add_argument(option, **settings)
    options = parser.parse_args(argv)
    try:
        return int(options.run(options))
    except BookError as error:
        print(error, file=sys.stderr)
    except OSError as error:
        fact = f"{error.filename or '.'}:1: {error.strerror or error}"
        print(f"{fact}; make room or give the right to it", file=sys.stderr)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on where this one ended", file=sys.stderr)
    return 1


# book/literate/extract.md: The command line
#: The commands: name, function, and help.
COMMANDS = (
    ("extract", _extract, "write the package from the chapters"),
    ("stitch", _stitch, "carry edits of the package back into the chapters"),
    ("where", _where, "say which line of which chapter holds a line or a name"),
)
_OPTIONS: dict[str, dict[str, dict[str, Any]]] = {
    "extract": {
        "--check": {"action": "store_true", "help": "write nothing; fail when stale"}
    },
    "where": {"place": {"help": "FILE:LINE of module or chapter, or a name"}},
}


# book/literate/extract.md: The command line
if __name__ == "__main__" and "__file__" in globals():
    sys.exit(main())
