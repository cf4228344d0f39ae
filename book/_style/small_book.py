"""Small books to try the machinery on: ``%run ../_style/small_book.py``.

It leaves ``page`` and ``small_book`` in the chapter's namespace.
"""

from pathlib import Path

FRONT = """---
jupytext: {text_representation: {format_name: myst}}
kernelspec: {name: python3}
---
"""
CELL = "```{{code-cell}} ipython3\n:tags: [{}]\n\n{}\n```"


def page(title, *cells):
    """The text of a chapter: a title, a sentence, and cells, each given as its tag and its code."""
    return "\n\n".join([f"{FRONT}# {title}", "A small page.", *(CELL.format(tag, code) for tag, code in cells), ""])


def small_book(folder, **pages):
    """Write a book into a folder: a table of contents, and its pages in that order."""
    entries = "".join(f"- file: {name}\n" for name in pages)
    Path(folder, "book").mkdir(exist_ok=True)
    Path(folder, "book/_toc.yml").write_text(f"format: jb-book\nroot: index\nchapters:\n{entries}")
    for name, text in {"index": "# Small\n", **pages}.items():
        Path(folder, f"book/{name}.md").write_text(text, encoding="utf-8")
    return Path(folder)
