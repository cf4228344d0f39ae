"""A small book in a temporary folder, to try the machinery on."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from autograd_book.literate.extract import extract
from autograd_book.literate.read import CONTENTS, SOURCE, BookError

FRONT = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
    format_version: 0.13
kernelspec:
  name: python3
  display_name: Python 3 (ipykernel)
  language: python
---
"""


def cell(code, *tags):
    """A code cell as jupytext writes it."""
    options = f":tags: [{', '.join(tags)}]\n\n" if tags else ""
    return f"```{{code-cell}} ipython3\n{options}{code}\n```"


def export(code):
    return cell(code, "export")


def synopsis(code="print('synopsis')"):
    return cell(code, "synopsis")


@dataclass
class SmallBook:
    """A book in a temporary folder; chapters enter the contents as they are written."""

    root: Path
    listed: list = field(default_factory=list)

    def __post_init__(self):
        (self.root / "book").mkdir()
        (self.root / "book/index.md").write_text("# A small book\n")
        self.contents()

    def contents(self):
        entries = "".join(f"- file: {name}\n" for name in self.listed)
        (self.root / CONTENTS).write_text(f"format: jb-book\nroot: index\nchapters:\n{entries}" if entries else "root: index\n")

    def raw(self, name, text, listed=True):
        path = self.root / f"book/{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
        if listed and name not in self.listed:
            self.listed.append(name)
            self.contents()
        return path

    def chapter(self, name, *cells, title=None, listed=True):
        blocks = [FRONT + f"\n# {title or name}", "What this page is about.", *cells]
        return self.raw(name, "\n\n".join(blocks) + "\n", listed)

    def module(self, name):
        return self.root / SOURCE / f"{name}.py"

    def text(self, name):
        return (self.root / f"book/{name}.md").read_text()

    def line(self, name, code):
        """The line of a chapter, from one, that holds this code."""
        return 1 + next(n for n, line in enumerate(self.text(name).split("\n")) if code in line)

    def files(self):
        """Everything on disk, with the times of writing."""
        paths = [path for path in self.root.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        return {str(path.relative_to(self.root)): (path.read_bytes(), path.stat().st_mtime_ns) for path in sorted(paths)}


def refused(book, **options):
    """The problems that extraction reports; nothing may have been written."""
    before = book.files()
    with pytest.raises(BookError) as caught:
        extract(book.root, **options)
    assert book.files() == before
    return caught.value.problems
