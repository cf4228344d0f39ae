"""Stitching: an edit of the package goes back into the chapter, or is refused whole."""

import pytest
from small_book import cell, export, synopsis

from autograd_book.literate.extract import BookError, extract, main, state, stitch


@pytest.fixture
def book(small):
    small.chapter("a", synopsis(), export("x = 1\ny = 2"), cell("x"), "Prose  \nwith blanks.", export("def f():\n    return x"))
    small.chapter("b", synopsis(), export("z = 1"))
    extract(small.root)
    return small


def edit(book, name, old, new):
    module = book.module(name)
    assert old in module.read_text()
    module.write_text(module.read_text().replace(old, new))


def refused(book):
    before = book.files()
    with pytest.raises(BookError) as caught:
        stitch(book.root)
    assert book.files() == before
    return caught.value.problems


def test_edits_land_in_their_cells_and_every_other_byte_of_the_chapter_stays(book):
    before = book.text("a")
    edit(book, "a", "y = 2", "y = 3\nw = 4")
    edit(book, "a", "return x", "return x + w")
    assert stitch(book.root) == ["book/a.md"]
    assert book.text("a") == before.replace("y = 2", "y = 3\nw = 4").replace("return x", "return x + w")
    assert extract(book.root, check=True) == ([], "")
    assert '"w"' in book.module("a").read_text()


def test_line_ends_of_windows_stay(book):
    path = book.root / "book/a.md"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    before = path.read_bytes()
    edit(book, "a", "y = 2", "y = 3\nw = 4")
    stitch(book.root)
    assert path.read_bytes() == before.replace(b"y = 2", b"y = 3\r\nw = 4")


def test_prose_written_since_the_extraction_is_no_obstacle(book):
    path = book.root / "book/a.md"
    path.write_text(path.read_text().replace("Prose", "New.\n\nProse"))
    edit(book, "a", "return x", "return -x")
    stitch(book.root)
    assert "New." in book.text("a") and "return -x" in book.text("a")
    assert extract(book.root, check=True) == ([], "")


def test_blank_lines_that_a_formatter_moves_between_blocks_are_no_obstacle(book):
    edit(book, "a", "y = 2\n\n\n#", "y = 2\n\n#")
    edit(book, "a", "return x", "return -x")
    stitch(book.root)
    assert extract(book.root, check=True) == ([], "")


def test_edits_of_several_modules_are_carried_together(book):
    edit(book, "a", "y = 2", "y = 3")
    edit(book, "b", "z = 1", "z = 3")
    assert stitch(book.root) == ["book/a.md", "book/b.md"]


def test_without_an_edit_nothing_happens(book):
    before = book.files()
    assert stitch(book.root) == []
    assert book.files() == before


def test_an_edit_is_refused_when_the_code_of_the_chapter_changed_too(book):
    path = book.root / "book/a.md"
    path.write_text(path.read_text().replace("return x", "return 2 * x"))
    edit(book, "a", "y = 2", "y = 3")
    [problem] = refused(book)
    assert problem.startswith("src/autograd_book/a.py:1: the chapter has changed too")


def test_an_edit_of_the_docstring_is_refused_with_its_remedy(book):
    edit(book, "a", "What this page is about.", "Something else.")
    [problem] = refused(book)
    assert "outside the cells" in problem and "edit the chapter" in problem


def test_a_deleted_marker_is_reported(book):
    edit(book, "a", "# book/a.md: a\ndef f", "def f")
    [problem] = refused(book)
    assert "marker comments" in problem


def test_code_that_would_end_its_fence_is_refused(book):
    edit(book, "a", "y = 2", 'y = """\n```\n"""')
    assert refused(book)


def test_an_edit_with_a_fault_is_refused_with_the_line_of_the_chapter(book):
    edit(book, "a", "y = 2", "y = = 2")
    [problem] = refused(book)
    assert problem.startswith(f"book/a.md:{book.line('a', 'y = 2')}: ")


def test_an_edit_that_would_not_import_is_refused(book):
    edit(book, "a", "y = 2", "y = 2 / 0")
    [problem] = refused(book)
    assert "ZeroDivisionError" in problem


def test_an_edited_file_without_chapter_is_reported(book):
    edit(book, "__init__", '"""', '""" ')
    [problem] = refused(book)
    assert problem.startswith("src/autograd_book/__init__.py:1: ")


def test_the_command_says_what_it_did(book, capsys):
    edit(book, "a", "y = 2", "y = 3")
    assert main(["stitch", "--root", str(book.root)]) == 0
    assert capsys.readouterr().out == "book/a.md: stitched\n"
    assert state(book.module("a").read_text()) == "generated"
