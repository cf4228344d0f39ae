"""What the site is told of cells and objects."""

import pytest
from small_book import FRONT, cell, export, synopsis

from autograd_book.literate.read import parse_chapter
from autograd_book.literate.weave import anchor, cell_kind, explained, explanation, weave


def read(name, *blocks):
    return parse_chapter(f"book/{name}.md", FRONT + f"\n# {name}\n\n" + "\n\n".join(blocks) + "\n")


@pytest.mark.parametrize("tags, kind", [
    ([], "example"),
    (["scroll-output"], "example"),
    (["export"], "exported"),
    (["export", "hide-input"], "exported"),
    (["synopsis"], "synopsis"),
    (["check"], "check"),
    (["raises-exception"], "failure"),
    (["raises-exception", "check"], "failure"),
    (["hide-input"], "plumbing"),
    (["remove-cell"], "plumbing"),
])
def test_the_tags_decide_the_kind(tags, kind):
    assert cell_kind(tags) == kind


def test_positions_count_all_cells_of_the_notebook():
    chapter = read("a", synopsis(), "Prose.", export("x = 1"), cell("x"))
    assert [(w.position, w.kind) for w in weave(chapter)] == [(1, "synopsis"), (3, "exported"), (4, "example")]


def test_only_exported_cells_have_a_module_and_names():
    exported, example = weave(read("graph/a", export("import os\n_y = 1\nx = 1\ndef f(): ..."), cell("z = 1")))
    assert (exported.module, exported.names) == ("autograd_book.graph.a", ("x", "f"))
    assert (example.module, example.names) == ("", ())


def test_an_object_is_explained_in_the_section_of_its_cell_under_both_of_its_names():
    first = read("graph/a", "## The `Record`", export("class Record: ..."), "## After", export("x = 1"))
    face = read("__init__", "## Face", export("from autograd_book.graph.a import Record as Record"))
    places = explained([first, face])
    assert sorted(places) == ["autograd_book.Record", "autograd_book.graph.a.Record", "autograd_book.graph.a.x"]
    assert places["autograd_book.Record"] == places["autograd_book.graph.a.Record"]
    assert places["autograd_book.Record"].link == "graph/a.html#the-record"
    assert explanation("autograd_book.Record.bind", places) == places["autograd_book.Record"]
    assert explanation("numpy.sin", places) is None


def test_a_heading_that_stands_twice_gives_no_anchor_rather_than_a_wrong_one():
    chapter = read("a", "## Twice", export("x = 1"), "## Twice", export("y = 1"))
    assert [w.anchor for w in weave(chapter)] == ["", ""]
    assert explained([chapter])["autograd_book.a.y"].link == "a.html"


def test_a_heading_inside_a_fence_is_no_section():
    chapter = read("a", "## True", "```\n## False\n```", export("# ## False\nx = 1"))
    assert weave(chapter)[0].heading == "True"


@pytest.mark.parametrize("title", ["Plain words", "With `code` and more", "2. Numbers first", "Résumé, naïve", "A -- B: c/d?", "Übung"])
def test_anchors_are_those_of_docutils(title):
    nodes = pytest.importorskip("docutils.nodes")
    assert anchor(title) == nodes.make_id(title.replace("`", " "))
