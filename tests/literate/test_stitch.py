"""Stitching: an edit of the package goes back into the chapter, or is refused whole."""

import re
from random import Random

import pytest
from small_book import SmallBook, cell, export, synopsis

from autograd_book.literate.checks import read_book
from autograd_book.literate.extract import extract, state
from autograd_book.literate.read import BookError
from autograd_book.literate.stitch import main, stitch


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


OTHER_EDITS = {
    "another cell": ("return x", "return 2 * x"),
    "a new name in another cell": ("    return x", "    return x\n\nk = 5"),
    "a new cell above": ("Prose", export("new = 1") + "\n\nProse"),
    "a new cell in front": (synopsis(), synopsis() + "\n\n" + export("new = 1")),
    "a cell less": (export("def f():\n    return x"), "Nothing."),
    "another synopsis": ("print('synopsis')", "print('another')"),
    "another heading and another paragraph": ("# a\n\nWhat", "# Another\n\n## Heading\n\nWhat else"),
    "another cell, and a new one": ("Prose", export("new = 1") + "\n\nProse"),
}


@pytest.mark.parametrize("other", OTHER_EDITS)
def test_an_edit_is_carried_when_another_cell_of_the_chapter_changed(book, other):
    path, (old, new) = book.root / "book/a.md", OTHER_EDITS[other]
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    expected = path.read_text().replace("y = 2", "y = 3\nw = 4")
    edit(book, "a", "y = 2", "y = 3\nw = 4")
    assert stitch(book.root) == ["book/a.md"]
    assert book.text("a") == expected
    assert extract(book.root, check=True) == ([], "")


def test_an_edit_of_a_cell_that_changed_too_is_refused_with_both_places(book):
    path = book.root / "book/a.md"
    path.write_text(path.read_text().replace("y = 2", "y = 4").replace("return x", "return 2 * x"))
    edit(book, "a", "y = 2", "y = 3")
    first, second = refused(book)
    line = 1 + book.module("a").read_text().split("\n").index("x = 1")
    assert first.startswith(f"src/autograd_book/a.py:{line}: ") and f"book/a.md:{book.line('a', 'x = 1')} " in first and "; " in first
    assert f"book/a.md:{book.line('a', 'def f')} " in second


def test_an_edit_of_a_cell_that_is_gone_is_refused_with_its_place(book):
    path = book.root / "book/a.md"
    path.write_text(path.read_text().replace(export("def f():\n    return x"), ""))
    edit(book, "a", "return x", "return -x")
    [problem] = refused(book)
    line = 1 + book.module("a").read_text().split("\n").index("def f():")
    assert problem.startswith(f"src/autograd_book/a.py:{line}: ")


@pytest.mark.parametrize("seed", range(20))
def test_edits_on_both_sides_meet_whenever_no_cell_was_edited_twice(tmp_path, seed):
    random = Random(seed)
    small = SmallBook(tmp_path)
    codes = [f"name_{n} = {n}" for n in range(random.randint(2, 30))]
    ours, theirs, news = (set(random.sample(range(len(codes)), min(len(codes) // 2, random.randint(1, 3)))) for _ in range(3))
    theirs -= ours
    small.chapter("a", synopsis(), *map(export, codes))
    extract(small.root)
    for n in ours:
        edit(small, "a", f"{codes[n]}\n", f"{codes[n]}0\nhand_{n} = {n}\n")
    mixed, expected = [], []
    for n, code in enumerate(codes):
        added = [f"added_{n} = 1"] if n in news else []
        kept = [] if n in theirs and random.random() < 0.3 else [f"{code}  # changed" if n in theirs else code]
        mixed += added + kept
        expected += added + [f"{code}0\nhand_{n} = {n}" if n in ours else kept_code for kept_code in kept]
    small.chapter("a", synopsis(), *map(export, mixed))
    stitch(small.root)
    assert [cell.source for cell in read_book(small.root)[-1].exports] == expected
    assert extract(small.root, check=True) == ([], "")


def test_a_formatter_that_touched_every_block_is_no_obstacle_when_one_cell_changed_too(small):
    small.chapter("a", synopsis(), *(export(f"a{n} = {n}") for n in range(60)))
    extract(small.root)
    small.module("a").write_text(re.sub(r"^a(\d+) = (?!7$)", r"a\1 =  ", small.module("a").read_text(), flags=re.M))
    (small.root / "book/a.md").write_text(small.text("a").replace("a7 = 7", "a7 = 8"))
    stitch(small.root)
    assert "a7 = 8" in small.text("a") and "a59 =  59" in small.text("a")


def test_code_that_reads_like_a_seal_is_sealed_like_any_other(small):
    small.chapter("a", synopsis(), export("# sha256: 0123abcd\nx = 1"), export("y = 2"))
    extract(small.root)
    assert extract(small.root) == ([], "")
    edit(small, "a", "y = 2", "y = 3")
    assert stitch(small.root) == ["book/a.md"]


def test_an_edit_of_the_docstring_is_refused_with_its_remedy(book):
    edit(book, "a", "What this page is about.", "Something else.")
    [problem] = refused(book)
    line = 1 + book.module("a").read_text().split("\n").index("Something else.")
    assert problem.startswith(f"src/autograd_book/a.py:{line}: ")
    assert "outside the cells" in problem and "edit the chapter" in problem


def test_a_deleted_marker_is_reported(book):
    edit(book, "a", "# book/a.md: a\ndef f", "def f")
    [problem] = refused(book)
    line = 1 + book.module("a").read_text().split("\n").index("x = 1")
    assert problem.startswith(f"src/autograd_book/a.py:{line}: 1 block here against 2 at book/a.md:")


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
