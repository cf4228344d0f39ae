"""Checks: what is wrong in a chapter is told once, with its line and a remedy."""


import pytest
from small_book import cell, export, refused, synopsis

from autograd_book.literate.extract import extract

FAULTS = {
    "a syntax error": (export("x = 1\ny = = 2"), "y = = 2", "is no Python"),
    "return outside of a function": (export("x = 1\nreturn x"), "return x", "is no Python"),
    "an unfinished block": (export("def f():"), "def f():", "is no Python"),
    "a line magic": (export("x = 1\n%time x"), "%time x", "magic"),
    "a cell magic": (export("%%timeit\nx = 1"), "%%timeit", "magic"),
    "a shell escape": (export("!pip list"), "!pip list", "magic"),
    "an assigned escape": (export("files = !ls"), "files = !ls", "magic"),
    "a question to IPython": (export("print?"), "print?", "magic"),
    "the shell itself": (export("get_ipython().system('ls')"), "get_ipython", "magic"),
    "a star import": (export("x = 1\nfrom math import *"), "from math import *", "star import"),
    "a future import": (export("from __future__ import annotations"), "from __future__", "__future__"),
    "a later chapter": (export("from autograd_book.later import z"), "import z", "comes later"),
    "a later chapter as a module": (export("import autograd_book.later"), "import autograd_book.later", "comes later"),
    "a later chapter from the package": (export("from autograd_book import later"), "import later", "comes later"),
    "a later chapter, relative": (export("from .later import z"), "import z", "comes later"),
    "a later chapter, in a function": (export("def f():\n    from . import later"), "import later", "comes later"),
    "the chapter itself": (export("import autograd_book.here"), "import autograd_book.here", "autograd_book.here is this chapter itself"),
    "a name of the chapter itself": (export("from autograd_book.here import os"), "here import os", "is this chapter itself"),
    "the chapter itself, from the package": (export("from autograd_book import here"), "import here", "is this chapter itself"),
    "an unknown module": (export("from autograd_book.nowhere import z"), "import z", "no chapter exports"),
    "a chapter without module": (export("import autograd_book.first"), "autograd_book.first", "no chapter exports"),
    "beyond the package": (export("from ...x import y"), "from ...x", "no chapter exports"),
    "a name defined twice": (export("twin = 1") + "\n\n" + export("def twin(): ..."), "def twin", "stands already"),
    "a class continued": (export("class C: ...") + "\n\n" + export("class C(C): ..."), "class C(C)", "stands already"),
    "an unknown tag": (cell("x = 1", "exprot"), "x = 1", "unknown"),
    "tags that are no list": ("```{code-cell} ipython3\n:tags: export\n\nx = 1\n```", ":tags: export", "unreadable"),
    "two synopses": (synopsis("again = 1"), "again = 1", "second synopsis"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_reported_with_the_line_of_the_chapter_and_a_remedy(small, fault):
    wrong, code, phrase = FAULTS[fault]
    small.chapter("first", cell("x = 1"))
    small.chapter("here", synopsis(), export("import os"), wrong)
    small.chapter("later", synopsis(), export("z = 1"))
    [problem] = refused(small)
    assert problem.startswith(f"book/here.md:{small.line('here', code)}: ")
    assert phrase in problem and "; " in problem


def test_the_same_import_in_two_cells_is_no_fault(small):
    small.chapter("a", synopsis(), export("import math"), export("import math\nx = math.pi"))
    extract(small.root)


def test_a_missing_synopsis_is_reported(small):
    small.chapter("a", export("x = 1"))
    [problem] = refused(small)
    assert problem.startswith("book/a.md:1: ") and "no synopsis" in problem


def test_an_empty_exported_cell_is_reported(small):
    small.chapter("a", synopsis(), export(""))
    [problem] = refused(small)
    assert "empty" in problem


def test_a_chapter_and_a_folder_of_the_same_name_are_reported(small):
    small.chapter("graph", synopsis(), export("x = 1"))
    small.chapter("graph/a", synopsis(), export("x = 1"))
    [problem] = refused(small)
    assert problem.startswith("book/graph.md:1: ") and "folder" in problem


def test_a_name_that_no_module_can_have_is_reported(small):
    small.chapter("my-chapter", synopsis(), export("x = 1"))
    [problem] = refused(small)
    assert "my-chapter is no name for a module" in problem


def test_all_problems_of_all_chapters_are_reported_at_once(small):
    small.chapter("a", export("x = = 1"), export("y = = 1"))
    small.chapter("b", synopsis(), export("from math import *"))
    small.raw("c", "# C\n\n" + cell("x = 1"))
    small.listed.append("d")
    small.contents()
    chapters = sorted(problem.split(":")[0] for problem in refused(small))
    assert chapters == ["book/_toc.yml", "book/a.md", "book/a.md", "book/a.md", "book/b.md", "book/c.md"]


# Each cause once

CAUSES = {
    "a tag with a slip": lambda book: book.chapter("graph/a", synopsis(), cell("x = 1", "exprot")),
    "tags that are no list": lambda book: book.chapter("graph/a", synopsis(), "```{code-cell} ipython3\n:tags: export\n\nx = 1\n```"),
    "a file that is not utf-8": lambda book: book.chapter("graph/a", export("x = 1")).write_bytes(b"caf\xe9"),
    "no notebook": lambda book: book.raw("graph/a", "# A\n\n" + export("x = 1") + "\n"),
    "a missing file": lambda book: book.chapter("graph/a", export("x = 1")).unlink(),
    "not in the contents": lambda book: book.chapter("graph/a", synopsis(), export("x = 1"), listed=False),
    "no synopsis": lambda book: book.chapter("graph/a", export("x = 1")),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_a_fault_of_one_chapter_is_not_told_again_by_those_that_import_it(small, cause):
    CAUSES[cause](small)
    small.chapter("b", synopsis(), export("from autograd_book.graph.a import x"), export("from autograd_book.graph import a"))
    small.chapter("c", synopsis(), export("import autograd_book.graph"))
    [problem] = refused(small)
    assert "graph/a.md" in problem


def test_a_fault_of_one_chapter_hides_neither_the_order_nor_the_faults_of_others(small):
    small.chapter("a", synopsis(), export("from autograd_book.b import y\nfrom autograd_book.nowhere import z"))
    small.chapter("b", synopsis(), export("y = 1"), cell("x", "exprot"))
    first, second, third = refused(small)
    assert "b comes later" in first and "no chapter exports to autograd_book.nowhere" in second and "exprot" in third
