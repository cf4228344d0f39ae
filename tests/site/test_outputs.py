"""Outputs are kept as long as nothing changes that they depend on, and no longer."""

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest
from conftest import HEAD

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "book" / "_ext"))

from dependencies import Imports
from outputs import Kept, Seats, content, measuring

from autograd_book.literate.extract import render
from autograd_book.literate.read import parse_chapter, survey


def cell(code, *tags):
    return "```{code-cell} ipython3\n" + (f":tags: [{', '.join(tags)}]\n\n" if tags else "") + f"{code}\n```\n\n"


def apart(run, *args):
    """Run in a thread of its own: a browser of another test may have an event loop in this one."""
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(run, *args).result()


class Shelf:
    """A small book in a folder, whose chapters can be written and executed."""

    def __init__(self, root):
        self.root, self.chapters, self.told = root, {}, []

    def write(self, **cells):
        for name, text in cells.items():
            path = f"book/{name}.md"
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_text(f"{HEAD}\n# {name}\n\n{text}")
            self.chapters[path] = parse_chapter(path, (self.root / path).read_text())

    def execute(self):
        """The names of the chapters that are executed, and what failed."""
        kept = Kept(self.root, self.root / "kept", self.chapters.values(), told=self.told.append)
        stale = [Path(path).stem for path, chapter in self.chapters.items() if not kept.fresh(chapter)]
        return stale, apart(kept.execute, self.chapters.values())

    def outputs(self, name):
        """What the cells of a chapter gave, as text."""
        kept = Kept(self.root, self.root / "kept", self.chapters.values())
        _, notebook = kept.cache.merge_match_into_notebook(kept.notebook(self.chapters[f"book/{name}.md"]))
        nbformat.validate(notebook)
        return [out.get("text", "") or out.data["text/plain"] for code in notebook.cells for out in code.get("outputs", ())]


@pytest.fixture
def shelf(tmp_path):
    return Shelf(tmp_path)


def test_a_chapter_is_executed_once_and_again_when_its_code_changes_but_not_for_a_sentence(shelf):
    shelf.write(one=cell("import uuid\nuuid.uuid4()"))
    assert shelf.execute() == (["one"], [])
    first = shelf.outputs("one")
    shelf.write(one="A new sentence.\n\n" + cell("import uuid\nuuid.uuid4()"))
    assert shelf.execute() == ([], [])
    assert shelf.outputs("one") == first
    shelf.write(one=cell("import uuid\nstr(uuid.uuid4())"))
    assert shelf.execute() == (["one"], [])
    assert shelf.outputs("one") != first


def test_a_chapter_is_executed_again_when_a_file_that_it_read_changes_or_one_is_added_where_it_looked(shelf):
    folder = shelf.root / "book" / "data"
    folder.mkdir(parents=True)
    (folder / "a.txt").write_text("first")
    (folder / "other.csv").write_text("1")
    shelf.write(reader=cell("from pathlib import Path\nsorted(p.read_text() for p in Path('data').glob('*.txt'))"), other=cell("1 + 1"))
    assert shelf.execute() == (["reader", "other"], [])
    (folder / "other.csv").write_text("2")
    assert shelf.execute() == ([], [])
    (folder / "a.txt").write_text("second")
    assert shelf.execute() == (["reader"], [])
    (folder / "b.txt").write_text("third")
    assert shelf.execute() == (["reader"], [])
    assert shelf.outputs("reader") == ["['second', 'third']"]


def test_a_chapter_is_executed_again_when_a_module_beside_it_changes(shelf):
    (shelf.root / "book").mkdir()
    (shelf.root / "book" / "helping.py").write_text("answer = 'first'\n")
    shelf.write(one=cell("import sys\nsys.dont_write_bytecode = True\nimport helping\nhelping.answer"))
    assert shelf.execute() == (["one"], [])
    (shelf.root / "book" / "helping.py").write_text("answer = 'second'\n")
    assert shelf.execute() == (["one"], [])
    assert shelf.outputs("one") == ["'second'"]


def test_a_chapter_is_not_executed_again_when_another_is_added_beside_it_and_python_has_looked_for_packages(shelf):
    shelf.write(one=cell("from importlib.metadata import version\nversion('numpy')"))
    assert shelf.execute() == (["one"], [])
    shelf.write(two=cell("2 + 2"))
    assert shelf.execute() == (["two"], [])


def test_what_shows_a_module_depends_on_its_lines_of_code_and_not_on_the_words_of_its_chapter(tmp_path):
    def state(title="Halves", words="What it is about.", code="def half(x):\n    return x / 2"):
        chapter = parse_chapter("book/halves.md", f"{HEAD}\n# {title}\n\n{words}\n\n" + cell("half(2)", "synopsis") + cell(code, "export"))
        (tmp_path / "halves.py").write_text(render(chapter))
        return content(tmp_path / "halves.py")

    assert state() == state(title="Half of it") == state(words="What this is about.")
    assert len({state(), state(code="def half(x):\n    return x * 0.5"), state(words="Words. " * 30)}) == 3  # lines further down have other numbers


def test_a_failure_names_chapter_line_and_cell_and_leaves_nothing_behind(shelf):
    shelf.write(bad=cell("1 + 1") + cell("def divide():\n    1 / 0\n\ndivide()"), good=cell("2 + 2") + cell("1 / 0", "raises-exception"))
    for stale in (["bad", "good"], ["bad"]):
        executed, [failure] = shelf.execute()
        assert executed == stale
        line = shelf.chapters["book/bad.md"].cells[1].line
        assert str(failure).startswith(f"book/bad.md:{line}: code cell 2 failed")
        assert "ZeroDivisionError" in str(failure) and "in divide()" in str(failure)


def test_two_chapters_with_the_same_code_in_different_folders_are_refused(shelf):
    shelf.write(**{"a/page": cell("1 + 1"), "b/page": cell("1 + 1")})
    with pytest.raises(ValueError, match=r"book/a/page\.md and book/b/page\.md have the same code"):
        shelf.execute()


def test_what_measures_time_is_found_through_the_functions_that_do():
    cells = [cell("%run ../_style/timing.py"), cell("def cost(f):\n    import timeit\n    return timeit.repeat(f)"), cell("f = lambda: cost(print)"),
             cell("f()"), cell("loss = 3\nlosses = [loss]"), cell("print('three times')"), cell("subprocess.run(['-c', 'import time; time.perf_counter()'])")]
    chapter = parse_chapter("book/a.md", HEAD + "\n" + "".join(cells))
    assert list(measuring(chapter.cells)) == [False, True, True, True, False, False, True]


def test_every_chapter_that_takes_the_stop_watch_has_a_cell_that_measures():
    chapters, _ = survey(ROOT)
    with_watch = [chapter for chapter in chapters if any("_style/timing.py" in part.source for part in chapter.cells)]
    assert len(with_watch) > 10
    assert [chapter.path for chapter in with_watch if not any(measuring(chapter.cells))] == []


def test_a_cell_that_measures_has_the_machine_to_itself():
    seats, running, seen = Seats(3), set(), {}

    async def work(name, wanted):
        async with seats.taken(wanted):
            running.add(name)
            for _ in range(3):
                await asyncio.sleep(0)
                seen.setdefault(name, set()).update(running)
            running.discard(name)

    async def all_of_them():
        await asyncio.gather(*(work(name, 3 if name.startswith("timed") else 1) for name in ("a", "b", "timed 1", "c", "timed 2", "d", "e")))

    apart(asyncio.run, all_of_them())
    assert seen["timed 1"] == {"timed 1"} and seen["timed 2"] == {"timed 2"}
    assert seen["a"] == {"a", "b"} and seen["d"] == {"d", "e"}


def chapters_of(**modules):
    """Chapters that export, in the order given; __init__ is the face."""
    return [parse_chapter(f"book/{name.replace('0', '/')}.md", HEAD + "\n" + cell(code, "export")) for name, code in modules.items()]


def test_a_name_of_the_face_leads_home_and_not_everywhere():
    graph = Imports(chapters_of(
        graph0node="class Node: ...\ntable = {}",
        rules0sine="from autograd_book.graph.node import table\ntable['sin'] = 1",
        modes0grad="from autograd_book.graph.node import Node\ndef grad(): ...",
        memory0disk="from autograd_book.modes.grad import grad\ndef keep(): ...",
        __init__="from autograd_book.modes.grad import grad as grad\nfrom autograd_book.memory.disk import keep as keep\n__version__ = '1'"))
    always, grad = ["graph.node", "rules.sine"], ["graph.node", "rules.sine", "modes.grad"]
    everything = [*grad, "memory.disk"]

    def needed(code):
        return [module.removeprefix("autograd_book.") for module in graph.needed(parse_chapter("book/a.md", HEAD + cell(code)).cells)]

    assert needed("import numpy as np\nnp.sin(1)") == []
    assert needed("import autograd_book as ab\nab.grad") == needed("from autograd_book import grad") == grad
    assert needed("import autograd_book as ab\nab.keep") == needed("from autograd_book.memory.disk import keep") == everything
    assert needed("from autograd_book.memory import disk") == everything
    assert needed("import autograd_book.graph.node as here") == needed("from autograd_book.graph import node") == always
    assert needed("def later():\n    from autograd_book import keep") == everything
    for code in ("import autograd_book as ab\ndir(ab)", "python('import autograd_book')", "import autograd_book as ab\ngetattr(ab, 'keep')"):
        assert needed(code)[:4] == everything


def test_a_module_that_calls_or_fills_what_others_define_speaks_and_one_that_defines_does_not():
    first = "class Primitive: ...\ntable = {}\ndef primitive(f): return f\ndef with_usage(f): return f"
    for code, speaks in [("Primitive()", True), ("table['a'] = 1", True), ("table |= {}", True), ("@primitive\ndef f(): ...", True), ("@with_usage\ndef f(): ...", False),
                         ("for _ in 'ab':\n    Primitive()", True), ("rows = [Primitive()]", True), ("table.update(a=1)", True), ("def f(): Primitive()", False),
                         ("f = lambda: Primitive()", False), ("class A(Primitive):\n    x = len('a')", False), ("own = {}\nown['a'] = 1", False)]:
        graph = Imports(chapters_of(a0first=first, a0second=f"from autograd_book.a.first import Primitive, primitive, table, with_usage\n{code}"))
        assert ("autograd_book.a.second" in graph.speaking) == speaks, code


def test_a_chapter_of_the_book_depends_on_what_it_names_and_on_the_rules():
    chapters, _ = survey(ROOT)
    graph, by_name = Imports(chapters), {chapter.docname: chapter for chapter in chapters}

    def needed(docname):
        return {module.removeprefix("autograd_book.") for module in graph.needed(by_name[docname].cells)}

    assert "rules.elementwise" in needed("modes/transforms") and "memory.schedule" not in needed("modes/transforms")
    assert "memory.checkpoint" in needed("memory/sequential") and "memory.sequential" not in needed("memory/checkpoint")
    assert needed("first") == set()
    assert needed("__main__") == {module.removeprefix("autograd_book.") for module in graph.chapters}
