"""Reading: what is a cell, and what looks like one."""

import re
from textwrap import indent

import pytest
from small_book import FRONT, cell, export, refused, synopsis

from autograd_book.__main__ import run_command as main
from autograd_book.literate import read as reader
from autograd_book.literate.extract import extract
from autograd_book.literate.read import parse_chapter

LOST = {
    "in a list": "- item\n\n" + indent(export("y = 2"), "  "),
    "in a numbered list": "1. item\n\n" + indent(export("y = 2"), "   "),
    "in a quotation": indent(export("y = 2"), "> ", lambda line: True),
    "in a note of colons": f":::{{note}}\n{export('y = 2')}\n:::",
    "in a note of backticks": f"````{{note}}\n{export('y = 2')}\n````",
    "in a note in a note": f"::::{{note}}\n:::{{tip}}\n{export('y = 2')}\n:::\n::::",
    "indented as code": indent(export("y = 2"), "    "),
    "of colons": ":::{code-cell} ipython3\n:tags: [export]\n\ny = 2\n:::",
    "misspelt": export("y = 2").replace("code-cell", "codecell"),
    "misspelt with a line below": export("y = 2").replace("code-cell", "code_cell"),
    "misspelt with a capital": export("y = 2").replace("code-cell", "Code-Cell"),
    "misspelt otherwise": export("y = 2").replace("code-cell", "cell"),
    "without braces": export("y = 2").replace("{code-cell}", "code-cell"),
    "with a blank before the braces": export("y = 2").replace("{code-cell}", " {code-cell}"),
    "of the directive for code that is shown": export("y = 2").replace("{code-cell}", "{code}"),
    "of another language": export("y = 2").replace("{code-cell} ipython3", "python"),
    "after a fence that is not closed": "```python\nx\n\n" + export("y = 2"),
    "after a cell that is not closed": "```{code-cell} ipython3\nx\n\n" + export("y = 2"),
    "after a fence of the other sign that is not closed": "~~~\nx\n\n" + export("y = 2"),
    "after a comment that is not closed": "<!-- begins\n\n" + export("y = 2"),
    "in a raw cell": export("y = 2").replace("code-cell", "raw-cell"),
    "under a misspelt option": export("y = 2").replace(":tags:", ":tag:"),
    "under an option behind a sign": export("y = 2").replace(":tags:", "}:tags:"),
    "under an option with a capital": export("y = 2").replace(":tags:", ":Tags:"),
    "under a misspelt option between dashes": cell("---\ntag: [export]\n---\ny = 2"),
    "under an option without its first colon": export("y = 2").replace(":tags:", "tags:"),
    "under an option below a blank line": export("y = 2").replace(":tags:", "\n:tags:"),
    "under an option below a comment": export("y = 2").replace(":tags:", "# code\n:tags:"),
    "under an option between too few dashes": cell("--\ntags: [export]\n--\ny = 2"),
    "with a tag in a tag": export("y = 2").replace("[export]", "[[export]]"),
    "with a word for a list": export("y = 2").replace("[export]", "export"),
}


@pytest.mark.parametrize("how", LOST)
@pytest.mark.parametrize("listed", [True, False])
def test_a_cell_that_asks_to_be_exported_is_never_left_out_in_silence(small, how, listed):
    others = [synopsis(), export("x = 1")] if listed else []
    small.chapter("a", *others, LOST[how], listed=listed)
    if listed or how not in OPTION_FAULTS:
        [problem] = refused(small)
        place, line, rest = problem.split(":", 2)
        lines = small.text("a").split("\n")
        end = next(n for n, row in enumerate(lines, 1) if row.endswith("y = 2"))
        assert place == "book/a.md" and end - 6 <= int(line) <= end and "; " in rest


#: Faults of a cell that is read; a page that stands nowhere in the contents may have such cells.
OPTION_FAULTS = {how for how in LOST if how.startswith(("under", "with a tag"))}

SHOWN = {
    "a fence of four": f"````md\n{export('y = 2')}\n````",
    "a fence of tildes": f"~~~\n{export('y = 2')}\n~~~",
    "a directive for code": f"````{{code-block}} md\n{export('y = 2')}\n````",
    "a comment": f"<!--\n{export('y = 2')}\n-->",
    "prose": "A `{code-cell}` with the tags: export, and so on.\nTags and cells; code cells too.\n\n- code cells: they run",
    "an example": cell('text = """\n~~~{code-cell}\n:tags: [export]\n~~~\n"""'),
    "options of figures": cell("---\nmystnb:\n  figure:\n    caption: A figure\ntags: [hide-input]\n---\nx"),
}


@pytest.mark.parametrize("how", SHOWN)
def test_a_cell_may_be_shown_on_purpose(small, how):
    small.chapter("a", synopsis(), export("x = 1"), SHOWN[how])
    extract(small.root)
    assert "y = 2" not in small.module("a").read_text()


def test_a_notebook_that_wants_to_export_is_told_what_to_become(small):
    (small.root / "book/a.ipynb").write_text('{"cells": [{"metadata": {"tags": ["export"]}}]}')
    small.listed.append("a")
    small.contents()
    [problem] = refused(small)
    assert problem.startswith("book/a.ipynb:1: ") and "jupytext" in problem


@pytest.mark.parametrize("listed", [1, 2])
def test_a_chapter_without_a_title_is_reported(small, listed):
    small.raw("a", FRONT + "\nNo title.\n\n" + "\n\n".join([synopsis(), export("x = 1")][: listed * 2 - 2]) + "\n")
    [problem] = refused(small)
    assert problem.startswith("book/a.md:1: ") and "no title" in problem and "; " in problem


def test_a_chapter_that_is_entered_twice_is_reported_with_both_lines(small):
    small.chapter("a", synopsis(), export("x = 1"))
    small.listed.append("a.md")
    small.contents()
    [problem] = refused(small)
    assert problem.startswith("book/_toc.yml:5: ") and "already at line 4" in problem


CONFIGURATIONS = {
    "no YAML": b"parse: [",
    "no UTF-8": b"parse: caf\xe9",
    "in itself": b"a: &a [*a]",
    "a list": b"- 1\n- 2\n",
    "a word": b"word",
    "a number for a mapping": b"parse: 3",
    "a word for a list": b"parse: {myst_enable_extensions: colon_fence}",
    "a number in the list": b"parse: {myst_enable_extensions: [3]}",
    "an extension that nobody knows": b"parse: {myst_enable_extensions: [nonsense]}",
    "a tag that nobody knows": b"a: !!python/none 3",
}


@pytest.mark.parametrize("kind", CONFIGURATIONS)
def test_a_configuration_that_can_not_be_read_is_reported(small, kind, capsys):
    small.chapter("a", synopsis(), export("x = 1"))
    (small.root / "_config.yml").write_bytes(CONFIGURATIONS[kind])
    if kind == "in itself":  # odd, and no business of ours
        extract(small.root)
        return
    before = small.files()
    assert main(["extract", "--root", str(small.root)]) == 1 and small.files() == before
    assert re.match(r"_config\.yml:\d+: .+; ", capsys.readouterr().err)


CONTENTS_FAULTS = {
    "no YAML": b"root: index\nchapters: [",
    "no UTF-8": b"root: index\nchapters:\n- file: caf\xe9\n",
    "a sign that YAML forbids": b"root: index\nchapters:\n- file: a\x07\n",
    "in itself": b"chapters: &a [*a]",
    "nested deeply": b"[" * 5000,
    "a list for a file": b"root: index\nchapters:\n- file: [a]\n",
    "empty": b"",
    "a word": b"word",
    "nothing for a file": b"root: index\nchapters:\n- file:\n",
    "a folder for a file": b"root: index\nchapters:\n- file: .\n",
    "a file from elsewhere": b"root: index\nchapters:\n- file: ../a\n",
}


@pytest.mark.parametrize("kind", CONTENTS_FAULTS)
def test_contents_that_can_not_be_read_are_reported(small, kind, capsys):
    small.chapter("a", synopsis(), export("x = 1"))
    extract(small.root)
    (small.root / "book/_toc.yml").write_bytes(CONTENTS_FAULTS[kind])
    before = small.files()
    assert main(["extract", "--root", str(small.root)]) == 1 and small.files() == before
    assert re.match(r"book/\S+:\d+: .+; ", capsys.readouterr().err)


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


def test_an_error_of_the_extractor_itself_is_not_blamed_on_the_chapter(small, monkeypatch):
    def mistaken(text, notebook):
        raise TypeError("our own mistake")

    small.chapter("a", synopsis(), export("never_read_before = 1"))
    monkeypatch.setattr(reader, "_cells", mistaken)
    with pytest.raises(TypeError, match="our own mistake"):
        extract(small.root)


@pytest.mark.parametrize("matter", ["- a\n- list", "word", "a: [1", "kernelspec: python", "jupytext:\n- a", "jupytext: {text_representation: 3}"])
def test_front_matter_that_the_reader_can_not_take_is_reported(small, matter):
    small.raw("a", f"---\n{matter}\n---\n\n" + export("x = 1") + "\n")
    [problem] = refused(small)
    assert problem.startswith("book/a.md:") and "; " in problem


def test_a_chapter_can_be_parsed_without_a_book():
    chapter = parse_chapter("book/graph/a.md", FRONT + "\n# A\n\n" + export("x = 1"))
    assert (chapter.module, chapter.title, chapter.exports[0].source) == ("autograd_book.graph.a", "A", "x = 1")


@pytest.fixture
def read(small, monkeypatch):
    """Survey the small book as a new command would; return the pages that were parsed."""
    (small.root / "_build").mkdir()

    def run():
        parsed, parse = [], reader._read
        reader._remembered.clear()
        reader._notebook.cache_clear()
        reader._parsed.cache_clear()
        with monkeypatch.context() as patch:
            patch.setattr(reader, "_read", lambda path, *rest: parsed.append(path) or parse(path, *rest))
            chapters, problems = reader.survey(small.root)
        assert not problems
        return parsed, chapters

    return run


def test_only_a_page_that_has_changed_is_parsed_by_the_next_command(small, read):
    small.chapter("a", synopsis(), export("x = 1"))
    small.chapter("b", synopsis(), export("y = 1"))
    first, before = read()
    assert {"book/a.md", "book/b.md"} <= {*first}
    assert read() == ([], before)
    small.chapter("b", synopsis(), export("y = 2"), listed=False)
    parsed, after = read()
    assert parsed == ["book/b.md"]
    assert [cell.source for chapter in after for cell in chapter.exports] == ["x = 1", "y = 2"]


def test_a_remembered_notebook_is_the_one_that_was_read(small, read):
    small.chapter("a", synopsis(), export("x = 1"))
    read()
    page = next(chapter for chapter in read()[1] if chapter.docname == "a")
    remembered = reader.notebook(page.path, page.text, reader.extensions(small.root))
    reader._remembered.clear()
    reader._notebook.cache_clear()
    anew = reader.notebook(page.path, page.text, reader.extensions(small.root))
    told = [[(cell.cell_type, cell.source, cell.metadata) for cell in book.cells] for book in (remembered, anew)]
    assert told[0] == told[1] and remembered.metadata == anew.metadata


@pytest.mark.parametrize("change", ["package", "extensions"])
def test_pages_are_parsed_anew_when_what_reads_them_has_changed(small, read, monkeypatch, change):
    small.chapter("a", synopsis(), export("x = 1"))
    read()
    if change == "package":
        reader._readers.cache_clear()
        monkeypatch.setattr(reader.metadata, "version", lambda name: "another")
    else:
        (small.root / "_config.yml").write_text("parse: {myst_enable_extensions: [deflist]}\n")
    assert "book/a.md" in read()[0]
    reader._readers.cache_clear()


def test_a_cell_that_loads_its_code_from_a_file_is_read_each_time(small, read):
    file = small.root / "book/code.py"
    file.write_text("x = 1\n")
    small.chapter("a", synopsis(), f"```{{code-cell}} ipython3\n:load: {file}\n```")
    read()
    file.write_text("x = 2\n")
    parsed, chapters = read()
    assert parsed == ["book/a.md"]
    assert [cell.source for chapter in chapters for cell in chapter.cells][-1] == "x = 2"


def test_a_memory_that_can_not_be_read_is_made_anew(small, read):
    small.chapter("a", synopsis(), export("x = 1"))
    read()
    (small.root / "_build/readings.pickle").write_bytes(b"half")
    assert "book/a.md" in read()[0]
    assert read()[0] == []


def test_nothing_is_remembered_where_no_site_is_built(small):
    small.chapter("a", synopsis(), export("x = 1"))
    extract(small.root)
    assert not (small.root / "_build").exists()
