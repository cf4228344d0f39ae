"""The tool chain, on a book of one page: what must fail fails, and what must be fresh is fresh."""

import re
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import conftest
import pytest
import yaml
from conftest import HEAD, faults, load, overhanging, watched

from autograd_book.literate.extract import render, write
from autograd_book.literate.read import survey

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "book" / "_ext"))


def cell(code, *tags):
    return "```{code-cell} ipython3\n" + (f":tags: [{', '.join(tags)}]\n\n" if tags else "") + f"{code}\n```\n"


def test_a_failing_cell_fails_the_build(small_book):
    status, output, _ = small_book(cell("1 / 0"))
    assert status != 0
    assert "ZeroDivisionError" in output


def test_a_failure_on_purpose_is_published_with_its_message(small_book):
    status, output, site = small_book(cell("1 / 0", "raises-exception"))
    assert status == 0, output
    assert "division by zero" in (site / "index.html").read_text()


def test_a_traceback_keeps_the_line_of_the_page_and_the_message_and_no_call_between_them(small_book):
    code = "import json\n\ndef told(text):\n    raise ValueError(text)\n\njson.loads('1', parse_int=lambda n: told('one\\n\\ntwo'))"
    status, output, site = small_book(cell(code, "raises-exception"))
    assert status == 0, output
    shown = re.sub("<[^>]*>", "", (site / "index.html").read_text())
    assert "----&gt; 6 json.loads(" in shown and "ValueError: one" in shown and "two" in shown.split("ValueError: one")[1]
    assert "decoder.py" not in shown


def test_a_link_to_nowhere_fails_the_build(small_book):
    status, output, _ = small_book("{py:obj}`autograd_book.nothing.of.this.name`")
    assert status != 0
    assert "autograd_book.nothing.of.this.name" in output


def test_kinds_of_cells_are_told_apart(small_book):
    status, output, site = small_book(cell("a = 1", "synopsis") + cell("assert a", "check") + cell("a"))
    assert status == 0, output
    page = (site / "index.html").read_text()
    assert [kind for kind in ("synopsis", "check", "example") if f"cell-{kind}" in page] == ["synopsis", "check", "example"]


def test_alternative_text_and_caption_reach_a_figure(small_book):
    metadata = "---\nmystnb:\n  figure: {caption: What is drawn., name: fig-one}\n  image: {alt: A rising line.}\n---\n"
    status, output, site = small_book("```{code-cell} ipython3\n" + metadata + "import matplotlib.pyplot as plt\nplt.plot([0, 1]);\n```\n")
    assert status == 0, output
    page = (site / "index.html").read_text()
    assert 'alt="A rising line."' in page
    assert "What is drawn." in page


@pytest.mark.parametrize("figure", [cell("import matplotlib.pyplot as plt\nplt.plot([0, 1]);"), "![](_static/logo.svg)"], ids=["drawn", "shown"])
def test_a_figure_without_alternative_text_fails_the_build_and_says_where(figure, small_book, tmp_path):
    status, output, _ = small_book(f"Two lines\nof text.\n\n{figure}")
    assert status != 0
    told = re.search(r"book/index\.md:(\d+): WARNING: The figure \S+\.\w+ has no alternative text\. Say in a sentence", output)
    assert told, output
    line = (tmp_path / "book" / "index.md").read_text().splitlines()[int(told[1]) - 1]
    assert line in ("import matplotlib.pyplot as plt", "![](_static/logo.svg)")
    assert small_book(f"Two lines\nof text.\n\n{figure}")[0] != 0, "built again, it is accepted"


RULE = cell("""from autograd_book.graph.protocols import primitive


@primitive("x", x=lambda g, x: 3.0 * g * x**2)
def cube(x):
    \"\"\"Return the third power.\"\"\"
    return x**3""", "export")
RULE_PAGES = {
    "rules/cubes": cell("from autograd_book.rules.cubes import cube\n\ncube(2.0)", "synopsis") + RULE,
    "dependent": cell("import autograd_book as ab\nfrom autograd_book.rules.cubes import cube\n\nab.grad(cube)(2.0)"),
    "independent": cell("import uuid\n\nuuid.uuid4().hex"),
    "api/rules": "",
}


@pytest.fixture
def rule_book(small_book, tmp_path):
    """A function that builds a book whose chapter rules/cubes exports; the page of each, and which chapters were executed."""
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))

    def build(title="Cubes", rule=RULE, **environment):
        pages = RULE_PAGES | {"rules/cubes": RULE_PAGES["rules/cubes"].replace(RULE, rule)}
        for name, text in pages.items():
            file = tmp_path / "book" / f"{name}.md"
            file.parent.mkdir(exist_ok=True)
            content = f"{HEAD * bool(text)}\n# {title if name == 'rules/cubes' else name}\n\n{text}"
            if not file.is_file() or file.read_text() != content:
                file.write_text(content)
        chapters = "".join(f"  - file: {name}\n" for name in pages)
        (tmp_path / "book" / "_toc.yml").write_text(f"format: jb-book\nroot: index\nchapters:\n{chapters}")
        exporting = next(chapter for chapter in survey(tmp_path)[0] if chapter.exports)
        if not (module := tmp_path / exporting.file).is_file() or module.read_text() != render(exporting):
            write(module, render(exporting))
        status, output, site = small_book("Home.", PYTHONPATH=str(tmp_path / "src"), PYTHONDONTWRITEBYTECODE="1", **environment)
        shown = {file.relative_to(site).with_suffix("").as_posix(): file.read_text() for file in site.rglob("*.html")}
        return status, output, shown, re.findall(r"executed book/(\S+)\.md", output)

    return build


def test_a_changed_rule_changes_the_pages_that_import_it_and_no_other(rule_book):
    status, output, before, executed = rule_book()
    assert status == 0, output
    assert sorted(executed) == ["dependent", "independent", "rules/cubes"]
    status, output, after, executed = rule_book(rule=RULE.replace("3.0 * g", "4.0 * g"))
    assert status == 0, output
    assert sorted(executed) == ["dependent", "rules/cubes"]
    assert "12.0" in before["dependent"] and "16.0" in after["dependent"] and "12.0" not in after["dependent"]
    assert after["independent"] == before["independent"]
    assert "4.0" in after["rules/cubes"] and 'class="sphinx-codeautolink-a"' in after["dependent"]


def test_a_new_title_and_a_new_frame_reach_every_page_and_execute_none(rule_book, tmp_path):
    pages = ("index", "independent", "dependent", "api/rules", "_modules/autograd_book/rules/cubes")
    assert rule_book()[0] == 0
    status, output, shown, executed = rule_book(title="Third powers")
    assert status == 0, output
    assert executed == []
    assert all("Third powers" in shown[name] for name in pages)
    assert not any("Cubes" in page for page in shown.values())
    frame = tmp_path / "book" / "_ext" / "templates" / "layout.html"
    frame.write_text(frame.read_text() + "{% block footer %}Framed anew.{% endblock %}")
    status, output, shown, executed = rule_book(title="Third powers")
    assert status == 0, output
    assert executed == []
    assert all("Framed anew." in shown[name] for name in pages)


def test_what_a_build_complained_of_it_complains_of_again(small_book):
    for _ in range(2):
        status, output, _ = small_book(f"{{doc}}`nowhere`\n\n{cell('1 + 1')}")
        assert status != 0 and "nowhere" in output


KILLED = """
import os
whole = setup


def setup(app):
    app.connect("build-finished", lambda *_: os.environ.get("KILLED") and os._exit(1), priority=1)
    return whole(app)
"""


def test_a_page_that_was_written_when_a_build_was_killed_is_written_again_with_its_links(rule_book, tmp_path, monkeypatch):
    with (tmp_path / "book" / "_ext" / "autograd_book_notebooks.py").open("a") as extension:
        extension.write(KILLED)
    assert rule_book()[0] == 0
    monkeypatch.setitem(RULE_PAGES, "dependent", "A sentence.\n\n" + RULE_PAGES["dependent"])
    status, _, shown, _ = rule_book(KILLED="1")
    assert status != 0 and "A sentence." in shown["dependent"] and "sphinx-codeautolink-a" not in shown["dependent"]
    status, output, shown, executed = rule_book()
    assert (status, executed) == (0, []), output
    assert "sphinx-codeautolink-a" in shown["dependent"]


def test_the_public_address_stands_in_one_place():
    address = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["url"]
    kept = [path for path in ROOT.rglob("*") if path.suffix in {".md", ".yml", ".yaml", ".toml", ".py", ".cff", ".txt", ".cfg", ".css", ""}
            and path.is_file() and not {part for part in path.relative_to(ROOT).parts if part.startswith((".venv", ".git", "_build", "build", "dist"))} - {".github"}]
    # While no address is set, none that could be meant for it stands anywhere.
    owner = re.escape(address.partition("://")[2]) or r"(github|gitlab)\.com/[\w-]+/autograd-book\b"
    holding = [str(path.relative_to(ROOT)) for path in kept if re.search(owner, path.read_text(errors="replace"))]
    assert holding == ["_config.yml"] * bool(address)


def buttons(tmp_path, small_book, address):
    """What the buttons above a page lead to, in a project with this address."""
    config = tmp_path / "_config.yml"
    config.write_text(re.sub(r"(?m)^  url: .*", f'  url: "{address}"', config.read_text()))
    status, output, site = small_book(cell("1 + 1"))
    assert status == 0, output
    return re.findall(r'<a class="btn btn-sm [^>]*?href="([^"]*)"', (site / "index.html").read_text()), site


def test_without_a_public_address_no_button_leads_out_of_the_site(small_book, tmp_path):
    links, _ = buttons(tmp_path, small_book, "")
    assert links == ["notebooks/index.ipynb", "_sources/index.md"]


def test_a_public_address_gives_a_page_its_five_doors(small_book, tmp_path):
    links, site = buttons(tmp_path, small_book, "https://github.com/someone/a-book")
    outside = sorted(link.partition("?")[0] for link in links if ":" in link)
    assert outside == ["https://colab.research.google.com/github/someone/a-book/blob/gh-pages/notebooks/index.ipynb",
                       "https://github.com/someone/a-book",
                       "https://github.com/someone/a-book/edit/main/book/index.md",
                       "https://github.com/someone/a-book/issues/new",
                       "https://mybinder.org/v2/gh/someone/a-book/main"]
    assert (site / "notebooks" / "index.ipynb").is_file()


def test_the_watch_over_the_pages_sees_what_it_should_see(browser, serve, tmp_path):
    wide = '<div style="width: 3000px">too wide</div><details><p style="width: 2000px">folded</p></details>'
    page = f'<main><img src="https://example.org/a.png" alt="a"><script>nothing()</script>{wide}</main>'
    (tmp_path / "page.html").write_text(f'<meta name="viewport" content="width=device-width">{page}')
    base, tab = serve(tmp_path), browser.new_page()
    seen = watched(tab, base)
    load(tab, f"{base}/page.html")
    seen = "\n".join(seen + faults(tab) + overhanging(tab, 390))
    folded = not tab.evaluate("document.querySelector('details').open")
    tab.close()
    assert [word for word in ("wanted to leave", "broken image", "script:", "page 30", "div too wide", "p folded") if word not in seen] == []
    assert folded, "what is looked at next is another page than a reader's"


@pytest.mark.parametrize("page", ["learn/losses", "graph/errors"])
def test_the_names_in_a_cell_are_those_that_the_library_finds_when_it_parses_all_cells_above_as_well(page):
    from autograd_book_ext import OnceParsed
    from sphinx_codeautolink.parse import parse_names

    once, above, found = OnceParsed(), [], 0
    for part in next(chapter for chapter in survey(ROOT)[0] if chapter.docname == page).cells:
        hidden, above = sum(1 + code.count("\n") for code in above), [*above, re.sub("(?m)^%.*", "", part.source)]
        here = [name for name in parse_names("\n".join(above), None) if name.lineno > hidden]
        assert once("\n".join(above), None) == here
        found += len(here)
    assert found > 100


def test_a_page_is_opened_once_for_all_tests_that_look_at_it():
    def test(name, page):
        return SimpleNamespace(nodeid=name, callspec=SimpleNamespace(params={"page": page}))

    tests = [test("a::wide[1]", "one"), test("a::wide[2]", "two"), SimpleNamespace(nodeid="a::other"), test("b::wide[1]", "one"), test("a::dark[1]", "one")]
    assert [test.nodeid for test in conftest.by_page(tests)] == ["a::wide[1]", "a::dark[1]", "a::wide[2]", "a::other", "b::wide[1]"]


def test_what_was_found_good_is_looked_at_again_when_it_changes_or_an_image_of_it(tmp_path, monkeypatch):
    monkeypatch.setattr(conftest, "SITE", tmp_path)
    monkeypatch.setattr(conftest, "SEEN", tmp_path / "seen.json")
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    (tmp_path / "_images").mkdir()
    tests = [SimpleNamespace(nodeid=name, callspec=SimpleNamespace(params={"page": name})) for name in ("a.html", "b.html", "no file")]

    def looks(passed=True):
        """What is opened, and found good or not."""
        wanted = tests.copy()
        conftest.pytest_collection_modifyitems(SimpleNamespace(getoption=lambda name: True), wanted)
        for test in wanted:
            state = [("looked at", conftest.looked_at(test))]
            conftest.pytest_runtest_logreport(SimpleNamespace(when="call", passed=passed, nodeid=test.nodeid, user_properties=state))
        return [test.nodeid for test in wanted]

    for file, text in {"a.html": '<img src="_images/one.svg">', "b.html": "b", "_images/one.svg": "one"}.items():
        (tmp_path / file).write_text(text)
    assert looks(passed=False) == looks() == ["a.html", "b.html", "no file"]
    assert looks() == ["no file"]
    (tmp_path / "_images/one.svg").write_text("two")
    assert looks() == ["a.html", "no file"]
    (tmp_path / "b.html").write_text("other")
    assert looks() == ["b.html", "no file"]
