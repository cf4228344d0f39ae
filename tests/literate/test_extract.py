"""Extraction: what it writes, and what it refuses to write."""

import os
import re
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest
from small_book import FRONT, cell, export, refused, synopsis

from autograd_book.__main__ import run_command as main
from autograd_book.literate import extract as extractor
from autograd_book.literate import stitch as stitcher
from autograd_book.literate.checks import MARKER
from autograd_book.literate.extract import extract
from autograd_book.literate.read import SOURCE
from autograd_book.literate.stitch import stitch
from autograd_book.literate.where import where

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
    stitch(small.root)
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


# Unusual text

LEGAL = {
    "a byte-order mark": lambda text: "\ufeff" + text,
    "a byte-order mark and line ends of Windows": lambda text: "\ufeff" + text.replace("\n", "\r\n"),
    "no line end at the end": lambda text: text.rstrip("\n"),
    "no fence at the end": lambda text: text.rstrip("\n`"),
    "blank lines and blanks at the end": lambda text: text + "\n \t\n",
    "fences of tildes": lambda text: text.replace("```", "~~~~"),
}


@pytest.mark.parametrize("kind", LEGAL)
def test_unusual_but_legal_text_gives_the_same_module_and_survives_a_stitch(small, kind):
    code = "def f(x):\n\t# a tab, 𝔘 and é  \n\treturn '\t𝔘'  "
    path = small.chapter("a", synopsis(), export("x = 1"), export(code))
    extract(small.root)
    before = small.module("a").read_bytes()
    path.write_bytes(LEGAL[kind](path.read_bytes().decode()).encode())
    odd = path.read_bytes()
    assert extract(small.root) == ([], "") and code.rstrip() in before.decode()
    small.module("a").write_text(small.module("a").read_text().replace("x = 1", "x = 2"))
    stitch(small.root)
    assert path.read_bytes() == odd.replace(b"x = 1", b"x = 2")


@pytest.mark.parametrize("sign", ["\0", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", "\r"])
@pytest.mark.parametrize("where_", ["prose", "a cell"])
def test_a_character_that_ends_a_line_for_some_readers_only_is_reported(small, sign, where_):
    prose, code = (f"Pro{sign}se.", "x = 'ab'") if where_ == "prose" else ("Prose.", f"x = 'a{sign}b'")
    small.chapter("a", synopsis(), prose, export(code))
    line = 1 + (small.root / "book/a.md").read_bytes().decode().split(sign)[0].count("\n")
    assert any(problem.startswith(f"book/a.md:{line}: here stands {sign!r}") for problem in refused(small))


def test_an_expression_that_is_too_large_for_python_is_reported(small):
    small.chapter("a", synopsis(), export("y = 1\nx = " + " + ".join(["y"] * 20_000)))
    [problem] = refused(small)
    assert problem.startswith("book/a.md:") and "no Python" in problem and "; " in problem


def test_a_comment_that_reads_like_a_marker_is_reported(small):
    small.chapter("a", synopsis(), export("x = 1\n# book/b.md: see there"))
    [problem] = refused(small)
    assert problem.startswith(f"book/a.md:{small.line('a', 'see there')}: ") and "marker" in problem


def test_a_cell_that_ends_the_interpreter_is_reported(small):
    small.chapter("a", synopsis(), export("import os\nos._exit(0)"))
    [problem] = refused(small)
    assert "would not import" in problem


# Files that are no such thing

def test_a_module_that_is_no_utf_8_is_kept_and_reported(small, capsys):
    small.chapter("a", synopsis(), export("x = 1"))
    extract(small.root)
    small.module("a").write_bytes(small.module("a").read_bytes() + b"# caf\xe9\n")
    before = small.files()
    for command in ("extract", "stitch"):
        assert main([command, "--root", str(small.root)]) == 1 and small.files() == before
        assert re.match(r"src/autograd_book/a\.py:\d+: .+; ", capsys.readouterr().err)


@pytest.mark.parametrize("command", ["extract", "stitch"])
def test_a_disk_that_refuses_is_reported_without_a_traceback(small, command, capsys, monkeypatch):
    small.chapter("a", synopsis(), export("x = 1"))
    extract(small.root)
    small.module("a").write_text(small.module("a").read_text().replace("x = 1", "x = 2"))
    if command == "extract":
        small.module("a").unlink()
    before = small.files()

    def full(draft, file):
        raise OSError(28, "No space left on device", str(file))

    monkeypatch.setattr(os, "replace", full)
    assert main([command, "--root", str(small.root)]) == 1 and small.files() == before
    assert re.match(r"\S+:1: No space left on device; ", capsys.readouterr().err)


# Several at once, and interrupted


def test_extractions_at_the_same_time_wait_for_each_other(small):
    for n in range(5):
        small.chapter(f"part{n}/a", synopsis(), export(f"x = {n}"))
    command = [sys.executable, extractor.__file__, "extract", "--root", str(small.root)]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    told = [run.communicate() for run in runs]
    assert [run.returncode for run in runs] == [0, 0, 0], told
    assert sorted(out.split("\n")[-2] for out, _ in told) == ["12 files changed", *["the package is up to date"] * 2]


def test_a_draft_that_a_killed_command_left_is_cleared_away(small):
    small.chapter("a", synopsis(), export("x = 1"))
    extract(small.root)
    drafts = [small.module("a").with_name(".a.py.123.draft"), small.root / "book/.a.md.123.draft"]
    for draft in drafts:
        draft.write_text("half")
    assert extract(small.root) == ([], "")
    assert not any(draft.exists() for draft in drafts)


class Killed(BaseException):
    """The end of a process that had no time to clear up."""


def interrupted(monkeypatch, step, command):
    """Run a command that is killed before its write number ``step``; whether it came that far."""
    left = iter(range(step))
    replace = os.replace

    def killed(draft, file):
        if next(left, None) is None:
            raise Killed
        replace(draft, file)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed)
        patch.setattr(Path, "unlink", lambda self, missing_ok=False: None)
        try:
            command()
        except Killed:
            return True
    return False


@pytest.mark.parametrize("step", range(12))
@pytest.mark.parametrize("after", ["stitch", "extract, then stitch"])
def test_a_stitch_that_was_killed_at_any_write_can_be_taken_up(small, monkeypatch, step, after):
    small.chapter("a", synopsis(), export("x = 1"), export("y = 2"))
    small.chapter("b", synopsis(), export("z = 3"))
    extract(small.root)
    for name, old, new in (("a", "y = 2", "y = 2\nnew = 5"), ("b", "z = 3", "z = 4")):
        small.module(name).write_text(small.module(name).read_text().replace(old, new))
    small.chapter("a", synopsis("print('changed')"), export("x = 10"), export("y = 2"), title="Changed too")
    interrupted(monkeypatch, step, lambda: stitch(small.root))
    if after != "stitch":
        main(["extract", "--root", str(small.root)])
    stitch(small.root)
    assert extract(small.root, check=True) == ([], "")
    module = small.module("a").read_text()
    assert "x = 10" in small.text("a") and "y = 2\nnew = 5" in small.text("a") and "z = 4" in small.text("b")
    assert "print('changed')" in module and '"new"' in module
    assert not list(small.root.rglob(".*.draft"))


@pytest.mark.parametrize("step", range(5))
def test_an_extraction_that_was_killed_at_any_write_can_be_taken_up(small, monkeypatch, step):
    small.chapter("a", synopsis(), export("x = 1"))
    small.chapter("b/c", synopsis(), export("z = 3"))
    interrupted(monkeypatch, step, lambda: extract(small.root))
    extract(small.root)
    assert extract(small.root, check=True) == ([], "") and not list(small.root.rglob(".*.draft"))


@pytest.mark.parametrize("command", ["extract", "stitch"])
def test_work_that_is_saved_while_a_command_thinks_is_not_overwritten(small, monkeypatch, command):
    path = small.chapter("a", synopsis(), export("x = 1"), export("y = 2"))
    extract(small.root)
    small.module("a").write_text(small.module("a").read_text().replace("x = 1", "x = 2"))
    if command == "extract":
        small.module("a").unlink()
    late = path if command == "stitch" else small.module("a")
    trial = extractor.trial

    def slow(root, chapters):
        late.write_text("saved in the meantime")
        return trial(root, chapters)

    monkeypatch.setattr(extractor if command == "extract" else stitcher, "trial", slow)
    assert main([command, "--root", str(small.root)]) == 1
    assert late.read_text() == "saved in the meantime"


# What a file is besides its text


def test_rights_and_links_of_a_chapter_and_a_module_survive(small, tmp_path_factory):
    kept = tmp_path_factory.mktemp("elsewhere") / "kept.md"
    path = small.chapter("a", synopsis(), export("x = 1"))
    path.rename(kept)
    path.symlink_to(kept)
    kept.chmod(0o640)
    extract(small.root)
    small.module("a").chmod(0o755)
    small.module("a").write_text(small.module("a").read_text().replace("x = 1", "x = 2"))
    stitch(small.root)
    assert path.is_symlink() and "x = 2" in kept.read_text() and kept.stat().st_mode & 0o777 == 0o640
    assert small.module("a").stat().st_mode & 0o777 == 0o755


def test_a_file_that_is_protected_against_writing_is_left_alone(small, monkeypatch, capsys):
    small.chapter("a", synopsis(), export("x = 1"))
    extract(small.root)
    small.chapter("a", synopsis(), export("x = 2"))
    before = small.files()
    monkeypatch.setattr(os, "access", lambda file, mode: small.root not in Path(file).parents)  # the superuser may write everywhere
    assert main(["extract", "--root", str(small.root)]) == 1 and small.files() == before
    assert re.match(r"\S+a\.py:1: the file is read-only; ", capsys.readouterr().err)


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


def test_an_orphan_goes_with_its_chapter_and_its_folder_and_with_a_word(small, capsys):
    small.chapter("a", synopsis(), export("x = 1"))
    small.chapter("graph/b", synopsis(), export("x = 1"))
    extract(small.root)
    (small.root / "book/graph/b.md").unlink()
    small.listed.remove("graph/b")
    small.contents()
    assert main(["extract", "--root", str(small.root)]) == 0
    assert not small.module("graph/b").parent.exists() and small.module("a").exists()
    assert "src/autograd_book/graph/b.py: removed, since no chapter exports to it\n" in capsys.readouterr().out


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
