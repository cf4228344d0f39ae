"""What can be wrong with a chapter.

A chapter is checked together with those that stand before it, and all that is
wrong is told at once, each cause on a line of its own.

::

    from autograd_book.literate.checks import faults
    from autograd_book.literate.read import parse_chapter

    %run ../_style/small_book.py

    cells = [("export", "rate = 0.1"), ("export", "rate = 0.01")]
    rates = parse_chapter("book/rates.md", page("Rates", ("synopsis", "rate"), *cells))
    print(*faults([rates]), sep="\\n")
"""
# Generated from book/literate/checks.md by autograd-book extract; edit the chapter, not this file.
# sha256: b9c248e5b1f2ffe74de741068f52cd4bd10f643fad88cc71126b4b942bfc823f

__all__ = [
    "parse",
    "trees",
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
]


# book/literate/checks.md: Cells as trees
import ast
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import takewhile
from keyword import iskeyword
from pathlib import Path
from typing import NamedTuple
from unicodedata import normalize

from autograd_book.literate.read import (
    ASKS,
    BOOK,
    CONTENTS,
    OPENS,
    PACKAGE,
    BookError,
    Cell,
    Chapter,
    dotted,
    survey,
)


# book/literate/checks.md: Cells as trees
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


# book/literate/checks.md: Cells as trees
def trees(chapter: Chapter) -> Iterator[tuple[Cell, ast.Module]]:
    """Yield the exported cells that are Python, each with its tree."""
    for cell in chapter.exports:
        tree = parse(cell.source)
        if isinstance(tree, ast.Module):
            yield cell, tree


# book/literate/checks.md: Names
def defined(statements: Iterable[ast.AST]) -> Iterator[tuple[int, str]]:
    """Yield line and name of whatever statements at the top of a module define."""
    for statement in statements:
        for name in dict.fromkeys(_bound(statement)):
            yield getattr(statement, "lineno", 1), name


# book/literate/checks.md: Names
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


# book/literate/checks.md: Names
def _last_name(node: ast.AST) -> str:
    return getattr(node, "attr", getattr(node, "id", ""))


# book/literate/checks.md: Names
def public(chapter: Chapter) -> list[str]:
    """Return the public names of a chapter, in order of definition."""
    names = (name for _, tree in trees(chapter) for _, name in defined(tree.body))
    return [name for name in dict.fromkeys(names) if not name.startswith("_")]


# book/literate/checks.md: Imports
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


# book/literate/checks.md: Imports
def absolute(package: str, level: int, module: str) -> str:
    """Return the absolute name of a module; dots that lead outside stay in front."""
    parts = package.split(".")
    if level > len(parts):
        return "." * level + module
    above = parts[: len(parts) + 1 - level] if level else []
    return ".".join(filter(None, [*above, module]))


# book/literate/checks.md: The checks
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


# book/literate/checks.md: The checks
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


# book/literate/checks.md: The checks
def _shell(chapter: Chapter, shelf: Shelf) -> Iterator[tuple[int, str]]:
    for cell, tree in trees(chapter):
        told = "get_ipython" in normalize("NFKC", cell.source)  # Python does so too
        for node in ast.walk(tree) if told else ():
            if isinstance(node, ast.Name) and node.id == "get_ipython":
                line = cell.line + node.lineno - 1
                yield line, "get_ipython is a magic too; do not export it"


# book/literate/checks.md: The checks
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


# book/literate/checks.md: The checks
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
        rows = cell.source.split("\n") if "export" not in cell.tags else []
        for row, line in enumerate(takewhile(lambda line: not OPENS.match(line), rows)):
            if ASKS.match(line) and not (row and isinstance(parse(cell.source), ast.Module)):
                fact = "this line asks for the tag export and is read as code"
                remedy = "write :tags: [export] right below the fence"
                yield abs(cell.line) + row, f"{fact}; {remedy}"


# book/literate/checks.md: The checks
def _synopsis(chapter: Chapter, shelf: Shelf) -> Iterator[tuple[int, str]]:
    found = [cell for cell in chapter.cells if "synopsis" in cell.tags]
    if chapter.exports and not found:
        yield 1, "the chapter exports but has no synopsis; tag one example with synopsis"
    for cell in found[1:]:
        yield cell.line, f"a second synopsis, after line {found[0].line}; keep one"


# book/literate/checks.md: The checks
def _twice(chapter: Chapter, shelf: Shelf) -> Iterator[tuple[int, str]]:
    first: dict[str, int] = {}
    for cell, tree in trees(chapter):
        for line, name in defined(tree.body):
            here = cell.line + line - 1
            if name != "_" and first.setdefault(name, here) != here:
                yield here, f"{name} stands already at line {first[name]}; define it once"


# book/literate/checks.md: The checks
def _module_name(chapter: Chapter, shelf: Shelf) -> Iterator[tuple[int, str]]:
    names = chapter.module.split(".")
    bad = [n for n in names if not n.isidentifier() or iskeyword(n)]
    if chapter.exports and bad:
        yield 1, f"{bad[0]} is no name for a module; rename the file or folder"
    inside = chapter.docname.endswith("__init__")
    if chapter.exports and chapter.module in shelf.packages and not inside:
        yield 1, f"{chapter.module} is a folder too; rename one of them"


# book/literate/checks.md: The order of the chapters
def _imports(chapter: Chapter, shelf: Shelf) -> Iterator[tuple[int, str]]:
    for cell, tree in trees(chapter):
        found = imports(tree, chapter) if "import" in cell.source else ()
        for line, module, name in found:
            for fact in _import_faults(module, name, chapter, shelf):
                yield cell.line + line - 1, fact


# book/literate/checks.md: The order of the chapters
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


# book/literate/checks.md: Each cause once
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


# book/literate/checks.md: Each cause once
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


# book/literate/checks.md: Each cause once
def read_book(root: Path) -> list[Chapter]:
    """Return the chapters of a sound book, in the order of its contents."""
    chapters, problems = survey(root)
    if problems := faults(chapters, problems):
        raise BookError(problems)
    return chapters
