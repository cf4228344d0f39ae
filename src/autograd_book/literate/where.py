"""From a traceback to a paragraph.

A command, and a function behind it, lead from a line of the package, or from a
name, to the chapter and its line.

::

    from autograd_book.literate.where import where

    with TemporaryDirectory() as folder:
        book = small_book(folder, one=small.text)
        extract(book)
        for query in ("one.py:17", "third", "book/one.md:19"):
            print(query, "->", where(query, book / "src/autograd_book"))
"""
# Generated from book/literate/where.md by autograd-book extract; edit the chapter, not this file.
# sha256: abadb8a4a90c330fecf3565ab84e704a4bd3c79daa8dcda3113fa492a2dffb7e

__all__ = ["where", "exported", "find", "main"]


# book/literate/where.md: A place
import ast
import re
from argparse import Namespace
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from autograd_book.literate.checks import MARKER, defined, parse
from autograd_book.literate.extract import ORIGIN, decoded, locate, places
from autograd_book.literate.read import (
    BOOK,
    PACKAGE,
    SOURCE,
    BookError,
    command,
    dotted,
    find_root,
)


# book/literate/where.md: A place
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
    last = decoded(file).count("\n")
    number = number if line is None else line
    if not 1 <= number <= last:
        raise BookError([f"{query}: the file has {last} lines; give one from 1 to {last}"])
    place = _place(file, number, package)
    if place is None:
        raise _orphan(query, file, package)
    return place


# book/literate/where.md: A place
def _place(file: Path, line: int, package: Path) -> str | None:
    text = decoded(file)
    return locate(text, line, _page(text, package))


def _page(text: str, package: Path) -> str:
    origin = ORIGIN.search(text)
    page = package.resolve().parents[1] / (origin[1] if origin else "")
    return decoded(page) if page.is_file() else ""


# book/literate/where.md: A place
def _question(query: str) -> tuple[str, int | None]:
    name, colon, line = query.rpartition(":")
    if not colon or re.search(r"[/\\]", line):
        return query, None
    if not line.isdecimal():
        fact = f"{line!r} is no line number"
        raise BookError([f"{query}: {fact}; write digits after the colon, or no colon"])
    return name, int(line)


# book/literate/where.md: A place
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


# book/literate/where.md: A place
def exported(text: str, page: str) -> dict[int, int]:
    """Return the lines of a chapter that a module holds, each with the module's line."""
    return {
        place + n: block.line + n
        for block, place in places(text, page)
        if place
        for n in range(block.source.count("\n") + 1)
    }


# book/literate/where.md: A place
def _module_line(query: str, name: str, line: int | None, package: Path) -> str:
    file = _file(name, package)
    text = decoded(file)
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


# book/literate/where.md: Names are found by reading
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


# book/literate/where.md: Names are found by reading
def _nearly(name: str, parts: list[str], least: int, package: Path) -> tuple[Path, int]:
    for end in range(len(parts) - 1, least - 1, -1):
        if found := _find(parts[:end], package):
            place = _place(*found, package)
            remedy = f"look for the name at {place}" if place else _instead(found[0], package)
            fact = f"{'.'.join(parts[:end])} has no {parts[end]}"
            raise BookError([f"{name}: {fact}; {remedy}"])
    remedy = "give one that a chapter exports, such as Variable.backward, or FILE:LINE"
    raise BookError([f"{name}: this is no name of {PACKAGE}; {remedy}"])


# book/literate/where.md: Names are found by reading
def _find(parts: list[str], package: Path) -> _Found:
    known = parts[0] == PACKAGE and all(map(str.isidentifier, parts))
    for end in range(len(parts) if known else 0, 0, -1):
        base = package.joinpath(*parts[1:end])
        for file in (base.with_suffix(".py"), base / "__init__.py"):
            if file.is_file():
                return _search(file, _body(file), parts[end:], package)
    return None


def _body(file: Path) -> list[ast.stmt]:
    tree = parse(decoded(file))
    if isinstance(tree, SyntaxError):
        fact = f"this is no Python ({tree.msg})"
        raise BookError(
            [f"{file}:{tree.lineno}: {fact}; correct the line, or extract again"]
        )
    return tree.body


# book/literate/where.md: Names are found by reading
def _search(file: Path, body: list[ast.stmt], names: list[str], package: Path) -> _Found:
    if not names:
        return file, 1
    name, *rest = names
    for place, node in enumerate(body):
        if isinstance(node, ast.ImportFrom) and not node.level:
            origin = {alias.asname or alias.name: alias.name for alias in node.names}
            if name in origin:
                return _find([*str(node.module).split("."), origin[name], *rest], package)
        elif name in {bound for _, bound in defined([node])}:
            if not rest:
                return file, node.lineno
            if isinstance(node, ast.ClassDef):
                return _member(file, node, body[:place], rest, package)
    return None


# book/literate/where.md: Names are found by reading
def _running(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for part in body:
        test = ast.unparse(part.test) if isinstance(part, ast.If) else ""
        if isinstance(part, ast.If) and test.endswith("TYPE_CHECKING"):
            yield from part.body if test.startswith("not ") else part.orelse
        else:
            yield part


# book/literate/where.md: Names are found by reading
def _member(
    file: Path, node: ast.ClassDef, above: list[ast.stmt], names: list[str], package: Path
) -> _Found:
    if found := _search(file, list(_running(node.body)), names, package):
        return found
    if names[0] in (lines := _attributes(node)):
        return file, lines[names[0]]
    bases = ([*ast.unparse(base).split("."), *names] for base in node.bases)
    tries = (_search(file, above, base, package) for base in bases)
    return next(filter(None, tries), None)


# book/literate/where.md: Names are found by reading
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


# book/literate/where.md: The command
def _where(options: Namespace) -> int:
    try:
        package = (options.root or find_root(Path.cwd())) / SOURCE
    except BookError:  # outside the book, answer for the installed package
        package = Path(__file__).parents[1]
    print(where(options.place, package))
    return 0


_PLACE = {"place": {"help": "FILE:LINE of module or chapter, or a name"}}


def main(argv: list[str] | None = None) -> int:
    """Run ``where``; return the exit status."""
    about = "say which line of which chapter holds a line or a name"
    return command(argv, "where", _where, about, _PLACE)
