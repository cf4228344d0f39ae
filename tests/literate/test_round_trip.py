"""A chapter opened and saved by Jupyter, through jupytext, loses nothing."""

import re
from pathlib import Path

import pytest
import yaml

from autograd_book.literate.extract import MARKER, extensions, find_root, modules, parse_chapter, survey

jupytext = pytest.importorskip("jupytext")
nbformat = pytest.importorskip("nbformat")

ROOT = find_root(Path(__file__).parent)
NOTEBOOKS = [chapter for chapter in survey(ROOT)[0] if chapter.cells]
by_path = pytest.mark.parametrize("chapter", NOTEBOOKS, ids=lambda chapter: chapter.docname)


def opened(text):
    """The notebook that Jupyter shows."""
    return jupytext.reads(text, fmt="md:myst")


def saved(text):
    """What Jupyter writes after the chapter has been run."""
    notebook = opened(text)
    notebook.metadata["language_info"] = {"name": "python", "version": "3.11.0", "mimetype": "text/x-python"}
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            cell.execution_count = number
            cell.outputs = [nbformat.v4.new_output("stream", text="an output\n")]
            cell.metadata["execution"] = {"iopub.status.idle": "2024-01-01T00:00:00Z"}
    return jupytext.writes(notebook, fmt="md:myst")


def front_matter(text):
    """The front matter, without the version that jupytext stamps on it."""
    matter = yaml.safe_load(text.split("---\n")[1])
    matter["jupytext"]["text_representation"].pop("jupytext_version", None)
    return matter


@by_path
def test_cells_tags_prose_and_front_matter_survive_a_save(chapter):
    text = saved(chapter.text)
    before, after = ([(c.cell_type, c.source, c.metadata) for c in opened(t).cells] for t in (chapter.text, text))
    assert after == before
    assert front_matter(text) == front_matter(chapter.text)


@by_path
def test_a_second_save_changes_no_byte(chapter):
    once = saved(chapter.text)
    assert saved(once) == once


@by_path
def test_the_saved_chapter_exports_the_same_module(chapter):
    text = saved(chapter.text)
    fresh = parse_chapter(chapter.path, text, extensions(ROOT))
    assert [c._replace(line=0) for c in fresh.cells] == [c._replace(line=0) for c in chapter.cells]
    assert fresh.headings and [h.title for h in fresh.headings] == [h.title for h in chapter.headings]
    before, after = modules([chapter]), modules([fresh])
    assert {f: MARKER.sub("", t) for f, t in after.items()} == {f: MARKER.sub("", t) for f, t in before.items()}


def pages(text):
    """Prose and code; without front matter and options of cells, which jupytext writes in its own form."""
    body = text.split("---\n", 2)[2].strip("\n")
    body = re.sub(r"^(```\{code-cell\} \w+\n)---\n(?:.*\n)*?---\n", r"\1", body, flags=re.M)
    body = re.sub(r"^(```\{code-cell\} \w+\n)(?::.*\n)+\n*", r"\1", body, flags=re.M)
    return re.sub(r"\n+```$", "\n```", body, flags=re.M)


@by_path
def test_prose_and_code_survive_to_the_letter(chapter):
    assert pages(saved(chapter.text)) == pages(chapter.text)
