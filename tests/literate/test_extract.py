"""Extraction: what it writes, and what it refuses to write."""

import os
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest
from small_book import FRONT, cell, export, synopsis

from autograd_book.literate import extract as extractor
from autograd_book.literate.extract import MARKER, SOURCE, BookError, extract, main, parse_chapter, where


def refused(book, **options):
    """The problems that extraction reports; nothing may have been written."""
    before = book.files()
    with pytest.raises(BookError) as caught:
        extract(book.root, **options)
    assert book.files() == before
    return caught.value.problems


# What is written


def test_a_chapter_becomes_the_module_of_the_same_path_and_name(small):
    small.chapter("graph/record", synopsis(), export("class Record: ..."))
    extract(small.root)
    assert "class Record: ..." in small.module("graph/record").read_text()


def test_exported_cells_stand_in_the_module_in_order_and_verbatim_and_nothing_else_does(small):
    small.chapter("a", synopsis(), export("x = 1  # one\n\n\ny  =  2"), cell("example = 3"), export("z = '''\n  4 '''"))
    extract(small.root)
    body = small.module("a").read_text().partition("__all__")[2]
    assert "x = 1  # one\n\n\ny  =  2\n" in body
    assert body.index("y  =  2") < body.index("z = '''\n  4 '''")
    assert "example" not in body


def test_each_block_is_preceded_by_its_chapter_and_the_heading_it_stands_under(small):
    two = cell("---\ntags: [export]\n---\nsecond = 2")
    wrapped = "A heading\nof two lines\n---"
    small.chapter("graph/a", synopsis(), export("\n\nfirst = 1"), "## What `second` is", two, wrapped, export("third = 3"), title="A title")
    extract(small.root)
    lines = small.module("graph/a").read_text().split("\n")
    for code, heading in {"first = 1": "A title", "second = 2": "What `second` is", "third = 3": "A heading of two lines"}.items():
        assert lines[lines.index(code) - 1] == f"# book/graph/a.md: {heading}"


EDITS_OF_PROSE = {
    "a sentence at the top": lambda text: text.replace("What this page is about.", "What this page is about.\n\nAnd one more sentence."),
    "a table between two cells": lambda text: text.replace("Between.", "| a | b |\n|---|---|\n| 1 | 2 |"),
    "an example at the top": lambda text: text.replace("Between.", cell("x + 1") + "\n\n" + cell("x", "check")),
    "an example that says what an exported cell does": lambda text: text.replace("Between.", cell("y = 2")),
    "a sentence less": lambda text: text.replace("Between.\n\n", ""),
    "a longer front matter": lambda text: text.replace("kernelspec:", "author: somebody\nkernelspec:"),
    "options in another form": lambda text: text.replace(":tags: [export]\n\nx", "---\ntags: [export]\n---\nx"),
}


@pytest.mark.parametrize("edit", EDITS_OF_PROSE)
def test_an_edit_of_prose_alone_leaves_the_package_fresh_and_where_right(small, edit):
    path = small.chapter("a", synopsis(), "## Two", export("x = 1"), "Between.", export("y = 2"))
    extract(small.root)
    before = small.module("a").read_bytes()
    text = EDITS_OF_PROSE[edit](path.read_text())
    assert text != path.read_text()
    path.write_text(text)
    assert extract(small.root, check=True) == ([], "") and small.module("a").read_bytes() == before
    for code in ("x = 1", "y = 2"):
        line = 1 + before.decode().split("\n").index(code)
        number = 1 + max(n for n, row in enumerate(text.split("\n")) if row == code)  # the exported one stands last
        assert where(f"a.py:{line}", small.root / SOURCE) == f"book/a.md:{number}"
        assert where(f"a.md:{number}", small.root / SOURCE) == f"{SOURCE}/a.py:{line}"


def with_line_numbers(module):
    """Write a module as it was written when markers had line numbers."""
    numbers = count(40)
    module.write_text(MARKER.sub(lambda marker: f"# {marker[1]}:{next(numbers)}", module.read_text()))


def test_a_package_with_line_numbers_is_no_edit_and_is_brought_up_to_date(small):
    small.chapter("a", synopsis(), export("x = 1"), export("y = 2"))
    extract(small.root)
    before = small.module("a").read_bytes()
    with_line_numbers(small.module("a"))
    assert extractor.state(small.module("a").read_text()) == "generated"
    assert extract(small.root)[0] == ["src/autograd_book/a.py"] and small.module("a").read_bytes() == before


def test_an_edit_of_a_package_with_line_numbers_is_still_seen(small):
    small.chapter("a", synopsis(), export("x = 1"), export("y = 2"))
    extract(small.root)
    with_line_numbers(small.module("a"))
    small.module("a").write_text(small.module("a").read_text().replace("y = 2", "y = 3"))
    [problem] = refused(small)
    assert "edited by hand" in problem
    extractor.stitch(small.root)
    assert "y = 3" in small.text("a") and extract(small.root, check=True) == ([], "")


def test_the_docstring_is_title_then_the_paragraph_above_the_synopsis_then_the_synopsis(small):
    small.raw("a", FRONT + "\n# On `a`\n\nOpening.\n\n## Synopsis\n\nUse {term}`it <x>`, [so](b.md).\n\nMore.\n\n"
              + synopsis('print("a\\n")\nx = """q"""') + "\n\n" + export("x = 1") + "\n")
    extract(small.root)
    namespace = {}
    exec(small.module("a").read_text(), namespace)
    expected = 'On ``a``.\n\nUse it, so.\n\n::\n\n    print("a\\n")\n    x = """q"""\n'
    assert namespace["__doc__"] == expected


def test_all_holds_the_public_names_in_order_of_definition(small):
    code = "import os\nfrom math import pi as pi, e\n_hidden = 1\nb: int = 2\nc, (d, _) = 3, (4, 5)\n"
    small.chapter("a", synopsis(), export(code + "class E:\n    inner = 1"), export("if b:\n    def f(): ...\nelse:\n    def f(): ..."))
    extract(small.root)
    namespace = {}
    exec(small.module("a").read_text(), namespace)
    assert namespace["__all__"] == ["pi", "b", "c", "d", "E", "f"]


def test_overloads_of_a_function_are_one_definition(small):
    code = "from typing import overload\n@overload\ndef f(x: int) -> int: ...\n@overload\ndef f(x: str) -> str: ...\ndef f(x): return x"
    small.chapter("a", synopsis(), export(code))
    extract(small.root)
    assert '__all__ = ["f"]' in small.module("a").read_text()


def test_a_chapter_without_exported_cells_has_no_module(small):
    small.chapter("first", cell("x = 1"))
    extract(small.root)
    assert not small.module("first").exists()


def test_folders_become_packages_and_the_package_is_typed(small):
    small.chapter("graph/deep/a", synopsis(), export("x = 1"))
    extract(small.root)
    for name in ("__init__", "graph/__init__", "graph/deep/__init__"):
        assert extractor.state(small.module(name).read_text()) == "generated"
    assert small.module("x").with_name("py.typed").read_text() == ""


def test_the_chapter_called_init_is_the_folder_itself(small):
    small.chapter("graph/a", synopsis(), export("x = 1"))
    small.chapter("graph/__init__", synopsis(), export("from autograd_book.graph.a import x as x"))
    small.chapter("__init__", synopsis(), export("from autograd_book.graph import x as x"))
    extract(small.root)
    assert '__all__ = ["x"]' in small.module("__init__").read_text()
    assert "book/graph/__init__.md" in small.module("graph/__init__").read_text()


def test_a_fence_inside_a_note_is_no_cell(small):
    small.chapter("a", synopsis(), export("x = 1"), f":::{{note}}\n{export('x = 2')}\n:::")
    extract(small.root)
    assert "x = 2" not in small.module("a").read_text()


def test_line_ends_of_windows_give_the_same_module(small):
    path = small.chapter("a", synopsis(), export("x = 1\ny = 2"))
    extract(small.root)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert extract(small.root) == ([], "")


# Writing only what changed


def test_a_second_extraction_writes_nothing(small):
    small.chapter("graph/a", synopsis(), export("x = 1"))
    extract(small.root)
    before = small.files()
    assert extract(small.root) == ([], "")
    assert small.files() == before


def test_only_the_module_of_the_changed_chapter_is_written(small):
    small.chapter("a", synopsis(), export("x = 1"))
    small.chapter("b", synopsis(), export("y = 1"))
    extract(small.root)
    small.chapter("b", synopsis(), export("y = 2"))
    before = small.files()
    assert extract(small.root)[0] == ["src/autograd_book/b.py"]
    changed = [name for name, seen in small.files().items() if before[name] != seen]
    assert changed == ["src/autograd_book/b.py"]


def test_the_same_chapters_give_the_same_bytes_in_another_folder(small, tmp_path_factory):
    small.chapter("graph/a", synopsis(), export("x = 1"))
    other = type(small)(tmp_path_factory.mktemp("other"))
    other.chapter("graph/a", synopsis(), export("x = 1"))
    extract(small.root), extract(other.root)
    assert {n: b for n, (b, _) in small.files().items()} == {n: b for n, (b, _) in other.files().items()}


def test_a_write_that_fails_leaves_the_old_file_and_no_draft(small, monkeypatch):
    small.chapter("a", synopsis(), export("x = 1"))
    extract(small.root)
    small.chapter("a", synopsis(), export("x = 2"))
    before = small.files()

    def full(*names):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError):
        extract(small.root)
    assert small.files() == before


def test_data_beside_the_modules_stays_and_is_there_when_they_are_tried(small):
    small.module("learn/x").parent.mkdir(parents=True)
    data = small.module("learn/x").with_name("digits.txt")
    data.write_text("42")
    code = "from pathlib import Path\nanswer = int(Path(__file__).with_name('digits.txt').read_text())"
    small.chapter("learn/digits", synopsis(), export(code))
    extract(small.root)
    assert data.read_text() == "42"


# Checking


def test_check_of_a_stale_package_writes_nothing_exits_1_and_prints_the_diff(small, capsys):
    small.chapter("a", synopsis(), export("x = 1"))
    extract(small.root)
    small.chapter("a", synopsis(), export("x = 2"))
    before = small.files()
    assert main(["extract", "--check", "--root", str(small.root)]) == 1
    printed = capsys.readouterr().out
    assert "-x = 1\n+x = 2" in printed and "--- src/autograd_book/a.py" in printed
    assert small.files() == before


def test_check_of_a_fresh_package_exits_0(small):
    small.chapter("a", synopsis(), export("x = 1"))
    assert main(["extract", "--root", str(small.root)]) == 0
    assert main(["extract", "--check", "--root", str(small.root)]) == 0


def test_check_of_a_package_that_was_never_extracted_exits_1(small):
    small.chapter("a", synopsis(), export("x = 1"))
    assert main(["extract", "--check", "--root", str(small.root)]) == 1
    assert not (small.root / "src").exists()


# Hand edits, strangers and orphans


@pytest.mark.parametrize("check", [False, True])
def test_a_file_edited_by_hand_is_kept_and_shown(small, check):
    small.chapter("a", synopsis(), export("x = 1"))
    extract(small.root)
    module = small.module("a")
    module.write_text(module.read_text().replace("x = 1", "x = 2"))
    [problem] = refused(small, check=check)
    line = module.read_text().split("\n").index("x = 2") + 1
    assert problem.startswith(f"src/autograd_book/a.py:{line}: ")
    assert "-x = 1\n+x = 2" in problem and "stitch" in problem and "deleting" in problem


def test_an_edit_that_the_chapter_already_contains_is_no_obstacle(small):
    small.chapter("a", synopsis(), export("x = 1"))
    extract(small.root)
    small.module("a").write_text(small.module("a").read_text().replace("x = 1", "x = 2"))
    small.chapter("a", synopsis(), export("x = 2"))
    extract(small.root)
    assert extractor.state(small.module("a").read_text()) == "generated"


def test_deleting_an_edited_file_discards_the_edit(small):
    small.chapter("a", synopsis(), export("x = 1"))
    extract(small.root)
    small.module("a").write_text(small.module("a").read_text() + "x = 2\n")
    small.module("a").unlink()
    extract(small.root)
    assert "x = 2" not in small.module("a").read_text()


def test_a_file_that_was_not_generated_is_never_overwritten(small):
    small.chapter("a", synopsis(), export("x = 1"))
    small.module("a").parent.mkdir(parents=True)
    small.module("a").write_text("mine = 1\n")
    [problem] = refused(small)
    assert problem.startswith("src/autograd_book/a.py:1: this file was not generated; ")


def test_an_orphan_goes_with_its_chapter_and_its_folder(small):
    small.chapter("a", synopsis(), export("x = 1"))
    small.chapter("graph/b", synopsis(), export("x = 1")).unlink
    extract(small.root)
    (small.root / "book/graph/b.md").unlink()
    small.listed.remove("graph/b")
    small.contents()
    extract(small.root)
    assert not small.module("graph/b").parent.exists() and small.module("a").exists()


def test_an_orphan_that_was_edited_stays_and_is_reported(small):
    small.chapter("b", synopsis(), export("x = 1"))
    extract(small.root)
    small.module("b").write_text(small.module("b").read_text() + "mine = 1\n")
    (small.root / "book/b.md").unlink()
    small.listed.remove("b")
    small.contents()
    [problem] = refused(small)
    assert problem.startswith("src/autograd_book/b.py:")


# What is wrong in a chapter: the cell, the code that the message points at, and what it says

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


def test_cells_in_a_page_that_is_no_notebook_are_reported(small):
    small.raw("a", "# A\n\n" + export("x = 1") + "\n")
    [problem] = refused(small)
    assert problem.startswith("book/a.md:1: ") and "not a MyST notebook" in problem


def test_a_page_that_is_no_notebook_and_has_no_cells_is_fine(small):
    small.raw("glossary", "# Glossary\n\nWords.\n")
    extract(small.root)


def test_a_chapter_that_is_not_utf_8_is_reported(small):
    (small.root / "book/a.md").write_bytes(b"# caf\xe9\n")
    small.listed.append("a")
    small.contents()
    [problem] = refused(small)
    assert problem.startswith("book/a.md:1: unreadable")


def test_an_unreadable_cell_is_reported_with_its_line(small):
    small.chapter("a", "```{code-cell} ipython3\n---\ntags: [export\n---\nx = 1\n```")
    [problem] = refused(small)
    assert problem.startswith(f"book/a.md:{small.line('a', '{code-cell}')}: unreadable")


def test_contents_that_name_a_missing_file_are_reported_with_the_line(small):
    small.chapter("a", synopsis(), export("x = 1"))
    small.listed.append("graph/nowhere")
    small.contents()
    [problem] = refused(small)
    assert problem.startswith("book/_toc.yml:5: there is no book/graph/nowhere.md; ")


def test_contents_that_are_no_yaml_are_reported_with_the_line(small):
    (small.root / "book/_toc.yml").write_text("root: index\nchapters: [\n")
    [problem] = refused(small)
    assert problem.startswith("book/_toc.yml:") and "YAML" in problem


def test_a_chapter_that_exports_and_is_not_in_the_contents_is_reported(small):
    small.chapter("a", synopsis(), export("x = 1"), listed=False)
    [problem] = refused(small)
    assert problem.startswith(f"book/a.md:{small.line('a', 'x = 1')}: ") and "book/_toc.yml" in problem


def test_copies_that_jupyter_keeps_in_hidden_folders_are_not_chapters(small):
    small.chapter("a", synopsis(), export("x = 1"))
    small.chapter(".ipynb_checkpoints/a", synopsis(), export("x = 1"), listed=False)
    extract(small.root)


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


def test_an_error_of_the_extractor_itself_is_not_blamed_on_the_chapter(small, monkeypatch):
    def mistaken(text, notebook):
        raise TypeError("our own mistake")

    small.chapter("a", synopsis(), export("never_read_before = 1"))
    monkeypatch.setattr(extractor, "_cells", mistaken)
    with pytest.raises(TypeError, match="our own mistake"):
        extract(small.root)


@pytest.mark.parametrize("matter", ["- a\n- list", "word", "a: [1", "kernelspec: python"])
def test_front_matter_that_the_reader_can_not_take_is_reported(small, matter):
    small.raw("a", f"---\n{matter}\n---\n\n" + export("x = 1") + "\n")
    [problem] = refused(small)
    assert problem.startswith("book/a.md:") and "; " in problem


# The package on disk always imports


def test_a_package_that_would_not_import_is_not_written(small):
    small.chapter("a", synopsis(), export("x = 1"))
    extract(small.root)
    small.chapter("a", synopsis(), export("x = 1"), export("y = 1\nz = y / 0"))
    [problem] = refused(small)
    assert problem.startswith(f"book/a.md:{small.line('a', 'z = y / 0')}: ")
    assert "ZeroDivisionError" in problem


def test_a_name_that_the_other_chapter_does_not_define_is_found_by_trying(small):
    small.chapter("a", synopsis(), export("x = 1"))
    small.chapter("b", synopsis(), export("from autograd_book.a import y"))
    [problem] = refused(small)
    assert problem.startswith(f"book/b.md:{small.line('b', 'import y')}: ") and "ImportError" in problem


def test_a_missing_numpy_is_named_as_such(small):
    small.chapter("a", synopsis(), export('raise ModuleNotFoundError("No module named \'numpy\'")'))
    [problem] = refused(small)
    assert problem.startswith("NumPy is missing")


def test_the_module_itself_needs_the_standard_library_alone():
    script = Path(extractor.__file__)
    bare = [sys.executable, "-I", "-S", str(script)]
    found = subprocess.run([*bare, "where", f"{script}:{1}"], capture_output=True, text=True, cwd=script.parent)
    assert found.stdout == "book/literate/extract.md:1\n", found.stderr
    told = subprocess.run([*bare, "extract"], capture_output=True, text=True, cwd=script.parent)
    assert told.returncode == 1 and "autograd-book[book]" in told.stderr and "Traceback" not in told.stderr


def test_a_chapter_can_be_parsed_without_a_book():
    chapter = parse_chapter("book/graph/a.md", FRONT + "\n# A\n\n" + export("x = 1"))
    assert (chapter.module, chapter.title, chapter.exports[0].source) == ("autograd_book.graph.a", "A", "x = 1")
