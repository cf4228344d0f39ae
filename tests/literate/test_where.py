"""From a line or a name of the package to the line of the chapter."""

import shutil

import pytest
from small_book import export, synopsis

from autograd_book.literate.extract import BookError, extract, main, where


@pytest.fixture
def book(small):
    small.chapter("graph/a", synopsis(), export("import math\n\n\ndef f():\n    return math.pi"), export("class C:\n    rate = 1\n\n    def m(self):\n        return 1"))
    small.chapter("__init__", synopsis(), export("from autograd_book.graph.a import f as f\nfrom autograd_book.graph.a import C as Klass"))
    extract(small.root)
    return small


@pytest.mark.parametrize("code", ["import math", "    return math.pi", "class C:", "        return 1"])
def test_a_line_leads_to_the_line_of_the_chapter(book, code):
    line = 1 + book.module("graph/a").read_text().split("\n").index(code)
    answer = f"book/graph/a.md:{book.line('graph/a', code)}"
    assert where(f"src/autograd_book/graph/a.py:{line}", book.root / "src/autograd_book") == answer
    assert where(f"{book.module('graph/a')}:{line}", book.root / "src/autograd_book") == answer


@pytest.mark.parametrize("name, code", [
    ("autograd_book.graph.a.f", "def f"),
    ("autograd_book.graph.a.C", "class C"),
    ("autograd_book.graph.a.C.m", "def m"),
    ("autograd_book.graph.a.C.rate", "rate = 1"),
    ("autograd_book.f", "def f"),
    ("autograd_book.Klass.m", "def m"),
])
def test_a_name_leads_to_its_definition_through_re_exports(book, name, code):
    assert where(name, book.root / "src/autograd_book") == f"book/graph/a.md:{book.line('graph/a', code)}"


def test_a_module_leads_to_its_chapter(book):
    assert where("autograd_book.graph.a", book.root / "src/autograd_book") == "book/graph/a.md:1"


def test_a_file_of_an_installed_package_is_understood(book, tmp_path):
    installed = tmp_path / "lib/site-packages/autograd_book"
    shutil.copytree(book.root / "src/autograd_book", installed)
    line = 1 + book.module("graph/a").read_text().split("\n").index("class C:")
    answer = f"book/graph/a.md:{book.line('graph/a', 'class C')}"
    assert where(f"{installed}/graph/a.py:{line}", book.root / "src/autograd_book") == answer
    elsewhere = f"C:\\Python\\Lib\\site-packages\\autograd_book\\graph\\a.py:{line}"
    assert where(elsewhere, book.root / "src/autograd_book") == answer


@pytest.mark.parametrize("query, phrase", [
    ("src/autograd_book/nowhere.py:1", "no such file"),
    ("autograd_book.graph.a.g", "defines no g"),
    ("autograd_book.graph.a.C.x", "defines no x"),
    ("elsewhere.graph.a", "no such module"),
    ("src/autograd_book/graph/__init__.py:1", "no chapter exports this"),
])
def test_what_can_not_be_found_is_said_with_a_remedy(book, query, phrase):
    with pytest.raises(BookError, match=phrase) as caught:
        where(query, book.root / "src/autograd_book")
    assert "; " in str(caught.value)


def test_the_command_answers_on_standard_output_and_complains_on_the_other(book, capsys):
    assert main(["where", "autograd_book.f", "--root", str(book.root)]) == 0
    assert capsys.readouterr().out == f"book/graph/a.md:{book.line('graph/a', 'def f')}\n"
    assert main(["where", "autograd_book.g", "--root", str(book.root)]) == 1
    assert "defines no g" in capsys.readouterr().err


def test_outside_of_a_book_the_installed_package_answers(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["where", "autograd_book.literate.extract.where"]) == 0
    assert capsys.readouterr().out.startswith("book/literate/extract.md:")
