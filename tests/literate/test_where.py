"""From a line or a name of the package to the line of the chapter, and back."""

import inspect
import re
import shutil
from importlib import import_module

import pytest
from small_book import cell, export, synopsis

from autograd_book.literate.checks import public
from autograd_book.literate.extract import extract, locate
from autograd_book.literate.read import SOURCE, BookError
from autograd_book.literate.where import exported, main, where

ORIGIN = """class C:
    __slots__ = ("rare",)
    rate = 1

    def m(self):
        return 1

    def fill(self):
        self.kept, self.other = 2, 3
        self.kept = 4"""

HEIRS = """from autograd_book.graph import a
from autograd_book.graph.a import C

class D(C):
    own = 1

class E(a.C): ...

class F(E, D): ..."""

FACE = """from autograd_book.graph.a import f as f
from autograd_book.graph.a import C as Klass
from autograd_book.learn import b as b"""


@pytest.fixture
def book(small):
    small.chapter("graph/a", synopsis(), export("import math\n\n\ndef f():\n    return math.pi"), cell("f()"), export(ORIGIN))
    small.chapter("graph/record", synopsis(), export("x = 1"))
    small.chapter("learn/b", synopsis(), export(HEIRS))
    small.chapter("learn/record", synopsis(), export("x = 1"))
    small.chapter("__init__", synopsis(), export(FACE))
    extract(small.root)
    return small


def refusal(query, book):
    """The one line that answers a question without an answer."""
    with pytest.raises(BookError) as caught:
        where(query, book.root / SOURCE)
    [problem] = caught.value.problems
    assert problem.startswith((f"{query}: ", f"{query.rpartition(':')[0]}: ")) and "; " in problem and "\n" not in problem
    return problem


@pytest.mark.parametrize("code", ["import math", "    return math.pi", "class C:", "        return 1"])
def test_a_line_leads_to_the_line_of_the_chapter(book, code):
    line = 1 + book.module("graph/a").read_text().split("\n").index(code)
    answer = f"book/graph/a.md:{book.line('graph/a', code)}"
    assert where(f"src/autograd_book/graph/a.py:{line}", book.root / SOURCE) == answer
    assert where(f"{book.module('graph/a')}:{line}", book.root / SOURCE) == answer


@pytest.mark.parametrize("name, code", [
    ("autograd_book.graph.a.f", "def f"),
    ("autograd_book.graph.a.C", "class C"),
    ("autograd_book.graph.a.C.m", "def m"),
    ("autograd_book.graph.a.C.rate", "rate = 1"),
    ("autograd_book.graph.a.C.kept", "self.kept, self.other"),
    ("autograd_book.graph.a.C.other", "self.kept, self.other"),
    ("autograd_book.graph.a.C.rare", "__slots__"),
    ("autograd_book.f", "def f"),
    ("autograd_book.Klass.m", "def m"),
    ("autograd_book.learn.b.D.m", "def m"),
    ("autograd_book.learn.b.D.kept", "self.kept, self.other"),
    ("autograd_book.learn.b.E.rate", "rate = 1"),
    ("autograd_book.b.F.fill", "def fill"),
])
def test_a_name_leads_to_its_definition_through_re_exports_and_base_classes(book, name, code):
    assert where(name, book.root / SOURCE) == f"book/graph/a.md:{book.line('graph/a', code)}"


def test_a_module_leads_to_its_chapter(book):
    assert where("autograd_book.graph.a", book.root / SOURCE) == "book/graph/a.md:1"
    assert where("src/autograd_book/graph/a.py", book.root / SOURCE) == "book/graph/a.md:1"


def test_a_file_of_an_installed_package_is_understood(book, tmp_path):
    installed = tmp_path / "lib/site-packages/autograd_book"
    shutil.copytree(book.root / SOURCE, installed)
    line = 1 + book.module("graph/a").read_text().split("\n").index("class C:")
    answer = f"book/graph/a.md:{book.line('graph/a', 'class C')}"
    assert where(f"{installed}/graph/a.py:{line}", book.root / SOURCE) == answer
    elsewhere = "C:\\Python\\Lib\\site-packages\\autograd_book\\graph\\a.py"
    assert where(f"{elsewhere}:{line}", book.root / SOURCE) == answer
    assert where(elsewhere, book.root / SOURCE) == "book/graph/a.md:1"


def test_a_path_may_be_shortened_to_what_fits_one_module_only(book):
    line = 1 + book.module("graph/a").read_text().split("\n").index("class C:")
    assert where(f"a.py:{line}", book.root / SOURCE) == f"book/graph/a.md:{book.line('graph/a', 'class C')}"
    assert where("learn/record.py", book.root / SOURCE) == "book/learn/record.md:1"
    assert "graph/record.py and learn/record.py" in refusal("record.py", book)


@pytest.mark.parametrize("code", ["import math", "    return math.pi", "class C:", "    rate = 1", "        self.kept = 4"])
@pytest.mark.parametrize("path", ["book/graph/a.md", "graph/a.md", "a.md", "/home/me/book/book/graph/a.md", "C:\\book\\graph\\a.md"])
def test_a_line_of_a_chapter_leads_to_the_line_of_the_module(book, path, code):
    line = 1 + book.module("graph/a").read_text().split("\n").index(code)
    assert where(f"{path}:{book.line('graph/a', code)}", book.root / SOURCE) == f"{SOURCE}/graph/a.py:{line}"


def test_a_chapter_leads_to_its_module(book):
    assert where("book/graph/a.md", book.root / SOURCE) == f"{SOURCE}/graph/a.py:1"


def test_a_line_of_a_chapter_that_is_not_exported_is_told_the_nearest_that_is(book):
    line, before = book.text("graph/a").split("\n").index("f()") + 1, book.line("graph/a", "return math.pi")
    problem = refusal(f"book/graph/a.md:{line}", book)
    assert "in no exported cell" in problem and problem.endswith(f"line {before}")


QUESTIONS = {
    "a file that is not there": ("src/autograd_book/nowhere.py:1", "no module of this path"),
    "a chapter that is not there": ("book/nowhere.md:1", "no module of this path"),
    "a folder as a chapter": ("book/graph/__init__.md", "modules beside it are a, record"),
    "a file of no chapter": ("graph/__init__.py:1", "modules beside it are a, record"),
    "a folder as a name": ("autograd_book.graph", "modules beside it are a, record"),
    "a file from elsewhere": (__file__, "give a file of "),
    "letters for a line": ("a.py:abc", "'abc' is no line number"),
    "nothing for a line": ("a.py:", "'' is no line number"),
    "a negative line": ("a.py:-3", "'-3' is no line number"),
    "letters for a line of a chapter": ("book/graph/a.md:abc", "'abc' is no line number"),
    "line zero": ("src/autograd_book/graph/a.py:0", "give one from 1 to"),
    "a line after the last": ("a.py:99999", "give one from 1 to"),
    "a line after the last of a chapter": ("a.md:99999", "the nearest that does is line"),
    "a line of a name": ("autograd_book.graph.a:99999", "give one from 1 to"),
    "no name of a module": ("autograd_book.graph.a.g", "autograd_book.graph.a has no g; look for the name at book/graph/a.md:1"),
    "no name of a folder": ("autograd_book.graph.g", "autograd_book.graph has no g; the modules beside it are"),
    "no name of a class": ("autograd_book.graph.a.C.x", "autograd_book.graph.a.C has no x"),
    "no name of a class or its bases": ("autograd_book.b.F.x", "autograd_book.b.F has no x"),
    "inside of a function": ("autograd_book.f.x", "autograd_book.f has no x"),
    "an imported module": ("autograd_book.graph.a.math", "has no math"),
    "another package": ("elsewhere.graph.a", "no name of autograd_book"),
    "a bare word": ("nowhere", "no name of autograd_book"),
    "a bare word of two chapters": ("x", "this fits autograd_book.graph.record.x and autograd_book.learn.record.x; name one"),
    "no name of the alias": ("ab.nowhere", "autograd_book has no nowhere"),
    "no name of a short name": ("Klass.x", "autograd_book.Klass has no x"),
    "a dot too many": ("ab..f", "; "),
    "no identifier": ("f(x)", "no name of autograd_book"),
    "nothing": ("", "no name of autograd_book"),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_what_can_not_be_found_is_said_with_a_remedy(book, question):
    query, phrase = QUESTIONS[question]
    assert phrase in refusal(query, book)


def test_an_installed_package_without_its_book_is_answered_with_the_heading(book, tmp_path_factory):
    installed = tmp_path_factory.mktemp("site") / "autograd_book"
    shutil.copytree(book.root / SOURCE, installed)
    assert where("autograd_book.graph.a.C.m", installed) == "book/graph/a.md: graph/a"
    assert where("a.md", installed) == f"{SOURCE}/graph/a.py:1"
    with pytest.raises(BookError, match=r"a\.md:3: the book is not beside this package.*; go into the book"):
        where("a.md:3", installed)


@pytest.mark.parametrize("code, answer", [("return math.pi", "return math.tau"), ("return 1", "return 1"), ("import math", "import math")])
def test_a_cell_that_changed_since_the_extraction_is_found_by_the_lines_around(book, code, answer):
    chapter = book.root / "book/graph/a.md"
    chapter.write_text(chapter.read_text().replace("return math.pi", "return math.tau").replace("def f():", "def f():\n    #"))
    line = next(n for n, row in enumerate(book.module("graph/a").read_text().split("\n"), 1) if code in row)
    found = int(where(f"a.py:{line}", book.root / SOURCE).rpartition(":")[2])
    assert abs(found - book.line("graph/a", answer)) <= 2 and chapter.read_text().split("\n")[found - 1].strip()


@pytest.mark.parametrize("query", ["graph/a.py:3", "book/graph/a.md:30", "autograd_book.graph.a.f", "f"])
@pytest.mark.parametrize("damaged", ["src/autograd_book/graph/a.py", "book/graph/a.md"])
def test_a_file_that_is_no_text_is_reported(book, query, damaged, capsys):
    (book.root / damaged).write_bytes(b"\n\xff\xfe")
    main(["where", query, "--root", str(book.root)])
    told = capsys.readouterr()
    assert bool(told.out) != bool(re.match(r"\S+: .+; ", told.err))


def test_a_name_in_a_module_that_is_no_python_is_answered_with_the_line_at_fault(book):
    book.module("graph/a").write_text("x = 1\ny = = 2\n")
    with pytest.raises(BookError, match=r"graph/a\.py:2: this is no Python"):
        where("autograd_book.graph.a.f", book.root / SOURCE)


def test_the_command_answers_on_standard_output_and_complains_on_the_other(book, capsys):
    assert main(["where", "autograd_book.f", "--root", str(book.root)]) == 0
    assert capsys.readouterr().out == f"book/graph/a.md:{book.line('graph/a', 'def f')}\n"
    for query, phrase in (("autograd_book.g", "has no g"), ("a.py:abc", "'abc' is no line number")):
        assert main(["where", query, "--root", str(book.root)]) == 1
        assert phrase in capsys.readouterr().err


def test_outside_of_a_book_the_installed_package_answers(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["where", "autograd_book.literate.where.where"]) == 0
    assert capsys.readouterr().out.startswith("book/literate/where.md:")


# The real book


def test_exported_lines_lead_to_modules_and_back(root, chapters):
    for chapter in (chapter for chapter in chapters if chapter.exports):
        text = (root / chapter.file).read_text()
        lines = exported(text, chapter.text)
        assert sorted(lines) == [cell.line + n for cell in chapter.exports for n in range(len(cell.source.split("\n")))]
        for block in chapter.exports:
            for line in {block.line, block.line + block.source.count("\n")}:
                assert locate(text, lines[line], chapter.text) == f"{chapter.path}:{line}"


def methods(owner):
    """The functions of a class that chapters define, its own and those of its bases, by name."""
    for name in dir(owner):
        held = next((vars(base)[name] for base in owner.__mro__ if name in vars(base)), None)  # None: of the metaclass
        function = getattr(held, "fget", held)
        if inspect.isfunction(function) and function.__module__.startswith("autograd_book."):
            named = function.__qualname__.endswith(f".{name}") and "<locals>" not in function.__qualname__
            if named and inspect.unwrap(function).__code__.co_filename != "<string>":  # what a dataclass writes for itself
                yield name, function


def test_every_method_leads_to_the_class_that_defines_it_also_when_it_is_inherited(root, chapters):
    inherited = 0
    for chapter in (chapter for chapter in chapters if chapter.exports and chapter.docname != "__main__"):
        module = import_module(chapter.module)
        for owner in filter(inspect.isclass, (getattr(module, name) for name in public(chapter))):
            for name, function in methods(owner):
                code = inspect.unwrap(function).__code__
                lines = range(code.co_firstlineno, 1 + max(line for *_, line in code.co_lines() if line))
                file = root / "src" / f"{function.__module__.replace('.', '/')}.py"
                answer = where(f"{owner.__module__}.{owner.__qualname__}.{name}", root / SOURCE)
                page = (root / answer.rpartition(":")[0]).read_text()
                places = exported(file.read_text(), page)
                assert places[int(answer.rpartition(":")[2])] in lines, f"{owner}.{name}"
                inherited += name not in vars(owner)
    assert inherited


@pytest.mark.parametrize("name, full", [
    ("f", "autograd_book.f"),
    ("ab.f", "autograd_book.f"),
    ("Klass.m", "autograd_book.Klass.m"),
    ("ab.Klass.kept", "autograd_book.Klass.kept"),
    ("b.D.m", "autograd_book.learn.b.D.m"),
    ("a.C", "autograd_book.graph.a.C"),
    ("graph.a.C", "autograd_book.graph.a.C"),
    ("C.m", "autograd_book.graph.a.C.m"),
    ("E.rate", "autograd_book.learn.b.E.rate"),
    ("learn.record.x", "autograd_book.learn.record.x"),
    ("ab", "autograd_book"),
])
def test_a_short_name_leads_where_the_full_name_does(book, name, full):
    assert where(name, book.root / SOURCE) == where(full, book.root / SOURCE)


def test_a_module_that_is_no_python_does_not_hide_the_names_of_the_others(book):
    book.module("learn/b").write_text("y = = 2\n")
    assert where("C.m", book.root / SOURCE) == f"book/graph/a.md:{book.line('graph/a', 'def m')}"


def test_every_name_that_the_package_and_its_variables_show_is_answered_when_it_is_short(root):
    import autograd_book as ab

    shown = [name for name in dir(ab) if not name.startswith("_") and getattr(getattr(ab, name), "__module__", "").startswith("autograd_book.")]
    methods = [f"ab.Variable.{name}" for name in dir(ab.Variable) if not name.startswith("_")]
    parts = [f"ab.{part}.{name}" for part in ("nn", "optim") for name in getattr(ab, part).__all__]
    for name in [*shown, *methods, *parts]:
        assert re.fullmatch(r"book/\w+/\w+\.md:\d+", where(name, root / SOURCE)), name


@pytest.mark.parametrize("name", ["Variable", "Variable.sum", "Variable.backward", "Variable.data", "grad", "nn", "nn.Linear", "nn.Linear.weight"])
def test_names_of_the_public_face_lead_to_the_chapters_that_define_them(root, name):
    assert not where(f"autograd_book.{name}", root / SOURCE).startswith("book/__init__.md")
