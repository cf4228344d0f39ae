"""From chapters to a site.

Weaving knows for each public object of the package the section that explains
it, and for each cell of a chapter what the site shows above it.

::

    from pathlib import Path

    from autograd_book.literate.read import parse_chapter
    from autograd_book.literate.weave import explained

    text = Path("weave.md").read_text(encoding="utf-8")
    this = parse_chapter("book/literate/weave.md", text)
    index = explained([this])
    print(index["autograd_book.literate.weave.explained"].link)
"""
# Generated from book/literate/weave.md by autograd-book extract; edit the chapter, not this file.
# sha256: 88b954963d79d7b3ed59927392df7e6c74e860c324186835b4d2afd1619a99c2

__all__ = [
    "KINDS",
    "cell_kind",
    "names",
    "anchor",
    "section",
    "WovenCell",
    "weave",
    "Explanation",
    "explained",
    "explanation",
]


# book/literate/weave.md: The kinds of cells
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from functools import cache
from typing import NamedTuple

from autograd_book.literate.checks import defined, imports, parse
from autograd_book.literate.extract import plain
from autograd_book.literate.read import Cell, Chapter, Heading


# book/literate/weave.md: The kinds of cells
#: What a tag makes of a cell; the first that fits decides.
KINDS = (
    ("export", "exported"),
    ("synopsis", "synopsis"),
    ("raises-exception", "failure"),
    ("check", "check"),
    ("hide-input", "plumbing"),
    ("hide-cell", "plumbing"),
    ("remove-input", "plumbing"),
    ("remove-cell", "plumbing"),
)


def cell_kind(tags: Collection[str]) -> str:
    """Return what a code cell is to its reader, from its tags."""
    return next((kind for tag, kind in KINDS if tag in tags), "example")


# book/literate/weave.md: What a cell defines
def names(cell: Cell) -> tuple[str, ...]:
    """Return the public names that a cell defines, in order."""
    tree = parse(cell.source)
    if isinstance(tree, SyntaxError):
        return ()
    found = dict.fromkeys(name for _, name in defined(tree.body))
    return tuple(name for name in found if not name.startswith("_"))


# book/literate/weave.md: The name of a section
@cache
def anchor(title: str) -> str:
    """Return the id that docutils gives to a section with this heading."""
    words = plain(title).replace("`", " ").replace(":math:", " ").lower()
    words = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode()
    return re.sub(r"^[-0-9]+|-+$", "", re.sub(r"[^a-z0-9]+", "-", words))


# book/literate/weave.md: The name of a section
def section(chapter: Chapter, line: int) -> tuple[Heading, str]:
    """Return the heading above a line, and its anchor ("" where that is not unique)."""
    heading = chapter.heading(line)
    anchors = [anchor(other.title) for other in chapter.headings]
    mine = anchor(heading.title)
    return heading, mine if anchors.count(mine) == 1 else ""


# book/literate/weave.md: What the site shows
class WovenCell(NamedTuple):
    """What the site shows of a code cell; ``module`` is "" unless it is exported."""

    position: int
    line: int
    kind: str
    module: str
    names: tuple[str, ...]
    heading: str
    anchor: str


def weave(chapter: Chapter) -> list[WovenCell]:
    """Return what the site shows of each code cell of a chapter, in order."""
    woven = []
    for cell in chapter.cells:
        kind = cell_kind(cell.tags)
        heading, mark = section(chapter, cell.line)
        module = chapter.module if kind == "exported" else ""
        found = names(cell) if module else ()
        place = cell.position, cell.line
        woven.append(WovenCell(*place, kind, module, found, heading.title, mark))
    return woven


# book/literate/weave.md: Which section explains what
class Explanation(NamedTuple):
    """Where an object is explained: page, its title, section, anchor, and the line."""

    docname: str
    title: str
    heading: str
    anchor: str
    line: int
    path: str

    @property
    def link(self) -> str:
        """The address of the section, from the site's top folder."""
        return f"{self.docname}.html" + f"#{self.anchor}" * bool(self.anchor)


# book/literate/weave.md: Which section explains what
def explained(chapters: Iterable[Chapter]) -> dict[str, Explanation]:
    """Return, for every public object of the package, the section that explains it."""
    places: dict[str, Explanation] = {}
    for chapter in chapters:
        for cell in weave(chapter):
            place = chapter.docname, chapter.title, cell.heading, cell.anchor
            where = Explanation(*place, cell.line, chapter.path)
            places |= {f"{cell.module}.{name}": where for name in cell.names}
        for name, origin in _passed_on(chapter):
            if origin in places:
                places[f"{chapter.module}.{name}"] = places[origin]
    return places


# book/literate/weave.md: Which section explains what
def _passed_on(chapter: Chapter) -> Iterator[tuple[str, str]]:
    for cell in chapter.exports:
        tree = parse(cell.source)
        if not isinstance(tree, SyntaxError):
            offered = {name for _, name in defined(tree.body)}
            for found in imports(tree, chapter) if "import" in cell.source else ():
                if found.name in offered:
                    yield found.name, f"{found.module}.{found.name}"


# book/literate/weave.md: Which section explains what
def explanation(name: str, places: dict[str, Explanation]) -> Explanation | None:
    """Return the section for an object, or for the nearest thing that contains it."""
    while name and name not in places:
        name = name.rpartition(".")[0]
    return places.get(name)
