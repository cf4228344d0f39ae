"""The whole site as it was built: `make book` runs these when it has built, `make test` leaves them out."""

import io
import json
import re
import sqlite3
import unicodedata
from contextlib import closing
from functools import cache
from itertools import pairwise
from pathlib import Path
from posixpath import dirname, join, normpath
from typing import Any, NamedTuple

import pytest
from conftest import SITE, faults, load, overhanging, pages, watched
from pypdf import PdfReader
from sphinx_external_toc.parsing import parse_toc_yaml

from autograd_book.literate.read import extensions, parse_chapter

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "_build" / ".jupyter_cache" / "global.db"
DESK = {"width": 1280, "height": 900}
PHONES = (390, 360, 320)
# What a page is shown in: the widest of the fonts that systems fall back to, or those at hand; nothing moves. It holds from a page's first line on.
DRESS = """fonts => {
    const sheet = new CSSStyleSheet(), widest = `:root { --pst-font-family-base: "DejaVu Sans" !important;
        --pst-font-family-heading: "DejaVu Sans" !important; --pst-font-family-monospace: "DejaVu Sans Mono" !important; }`;
    sheet.replaceSync("* { transition: none !important; }" + (fonts === "widest" ? widest : ""));
    document.adoptedStyleSheets = [sheet];
}"""
# A font that is missing leaves text as wide as the one named after it does.
INSTALLED = """() => {
    const pen = document.createElement('canvas').getContext('2d');
    const width = font => { pen.font = `20px ${font}`; return pen.measureText('iiiWWW').width; };
    return [width('"DejaVu Sans", monospace') !== width('monospace'), width('"DejaVu Sans Mono", sans-serif') !== width('sans-serif')];
}"""
LAYOUT = """() => {
    const sheets = [...document.querySelectorAll('.rule-sheet')].map(sheet => [sheet.children[0], sheet.children[1]]);
    const wide = part => part.scrollWidth > part.clientWidth + 1;
    return [sheets.map(([formula, cell]) => formula.getBoundingClientRect().right <= cell.getBoundingClientRect().left),
            sheets.map(([formula, cell]) => wide(formula) || wide(cell.querySelector('pre')))];
}"""
PRINTED = ("memory/checkpoint.html", "rules/linear.html")
# What a reader unfolds: the text of the solutions, but for their formulas.
SOLUTIONS = """() => [...document.querySelectorAll('details.sd-dropdown')].flatMap(fold => {
    const walk = document.createTreeWalker(fold, NodeFilter.SHOW_TEXT), texts = [];
    while (walk.nextNode()) if (!walk.currentNode.parentElement.closest('mjx-container')) texts.push(walk.currentNode.data);
    return texts;
})"""
pytestmark = [pytest.mark.site, pytest.mark.skipif(not SITE.is_dir(), reason="no built site; `make book` builds and tests it")]


def contents():
    return sorted(item for item in parse_toc_yaml(ROOT / "book" / "_toc.yml"))


@cache
def html():
    return {str(page.relative_to(SITE)): page.read_text() for page in pages()}


def sheets():
    return [page for page, text in html().items() if 'class="rule-sheet' in text]


def test_every_chapter_of_the_contents_has_a_page_and_no_other_has():
    built = json.loads((SITE.parent / "pages.json").read_text())
    assert built == contents()
    assert [name for name in built if not (SITE / f"{name}.html").is_file()] == []


def test_every_link_inside_the_site_leads_to_a_page_and_a_place():
    texts = html()
    places = {page: set(re.findall(r'\bid="([^"]+)"', text)) for page, text in texts.items()}
    files, broken = {str(file.relative_to(SITE)) for file in SITE.rglob("*")}, []
    for page, text in texts.items():
        for link in {*re.findall(r'<a [^>]*?href="([^"]+)"', text)}:
            address, _, place = link.partition("#")
            if not re.match(r"[a-z]+:", address):
                target = normpath(join(dirname(page), address)) if address else page
                if target not in files or (place and target in places and place not in places[target]):
                    broken.append(f"{page}: {link}")
    assert broken == []


def test_no_page_names_another_host_for_scripts_styles_fonts_or_images():
    loads = re.compile(r'<(?:script|link|img|iframe|source)\b[^>]*?(?:src|href)="(?:https?:)?//[^"]+"[^>]*>')
    outside = {page: [tag for tag in loads.findall(text) if 'rel="canonical"' not in tag] for page, text in html().items()}
    assert {page: tags for page, tags in outside.items() if tags} == {}


def test_no_image_is_without_alternative_text():
    told = re.compile(r'alt="(?![^"]*\.(?:svg|png|jpe?g|gif)")[^"]+"')  # Sphinx fills in the name of the file
    silent = {page: [tag for tag in re.findall(r"<img [^>]*>", text) if not told.search(tag)] for page, text in html().items()}
    assert {page: tags for page, tags in silent.items() if tags} == {}


def test_no_page_shows_a_folder_of_the_machine_that_built_it():
    assert [page for page, text in html().items() if str(ROOT) in text] == []


def test_no_page_draws_its_icons_twice():
    assert [page for page, text in html().items() if re.search(r"<script[^>]*fontawesome", text)] == []


def test_no_chapter_was_executed_with_the_prose_of_another_at_hand():
    with closing(sqlite3.connect(f"{KEPT.as_uri()}?mode=ro", uri=True)) as kept:
        read = {uri: json.loads(data)["files"] for uri, data in kept.execute("select uri, data from nbcache order by created") if Path(uri).is_file()}
    pages = {uri: [file for file in files if file.endswith((".md", ".ipynb")) and not uri.endswith(file)] for uri, files in read.items()}
    assert len(pages) > 50
    assert {uri: files for uri, files in pages.items() if files} == {}


def test_no_cell_that_fails_on_purpose_fails_for_want_of_a_name_that_its_chapter_has():
    missing = {page: re.findall(r"NameError: name (?:'|&#39;)(\w+)", re.sub("<[^>]+>", "", text)) for page, text in html().items()}
    modules = {page: ROOT / "src" / "autograd_book" / Path(page).with_suffix(".py") for page in missing}
    words = {page: set(re.findall(r"\w+", file.read_text("utf-8"))) for page, file in modules.items() if file.is_file() and missing[page]}
    assert {page: sorted(known & {*missing[page]}) for page, known in words.items() if known & {*missing[page]}} == {}


def test_every_exported_cell_says_where_it_goes():
    for page, text in html().items():
        assert text.count("cell-exported") == text.count('class="cell-place"'), page


def test_rules_are_set_as_formula_sheets():
    assert len(sheets()) > 5


def test_the_reference_leads_to_chapters_and_chapters_to_the_reference():
    texts = html()
    assert all("chapter-link" in text for page, text in texts.items() if page.startswith("api/"))
    linked = [page for page, text in texts.items() if "sphinx-codeautolink-a" in text and not page.startswith("api/")]
    assert linked, "sphinx-codeautolink has linked nothing"


def test_the_site_can_be_published_as_it_is():
    assert (SITE / ".nojekyll").is_file(), "GitHub Pages would drop the folders that begin with an underscore"
    assert "sphinx-thebe" not in (SITE / "index.html").read_text()


# A page is loaded once, and looked at in several ways; conftest.py brings together the tests of a page. All are loaded in one tab, which
# compiles only once what they share.


class Page(NamedTuple):
    """A page of the site in a tab of a browser, and what the browser had to say of it."""

    name: str
    tab: Any
    seen: list[str]


@pytest.fixture(scope="module")
def tab(browser):
    context = browser.new_context(reduced_motion="reduce")
    context.add_init_script(f"({DRESS})('widest')")
    yield context.new_page()
    context.close()


@pytest.fixture(scope="module")
def seen(tab, serve):
    return watched(tab, serve(SITE))


@pytest.fixture(scope="module", params=html())
def page(request, tab, seen, serve):
    seen.clear()
    tab.set_viewport_size(DESK)
    tab.emulate_media(color_scheme="light")
    load(tab, f"{serve(SITE)}/{request.param}")
    return Page(request.param, tab, seen)


def dress(tab, fonts):
    """Show a page in the widest fonts, or in those that this machine would choose."""
    if fonts == "widest" and not all(tab.evaluate(INSTALLED)):
        pytest.skip("DejaVu is not installed (`fonts-dejavu`): pages are looked at in the fonts at hand alone")
    tab.evaluate(DRESS, fonts)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_without_a_network_finds_nothing_to_complain_of(page, scheme):
    page.tab.set_viewport_size(DESK)
    page.tab.emulate_media(color_scheme=scheme)
    page.tab.wait_for_function("scheme => document.documentElement.dataset.theme === scheme", arg=scheme)
    assert page.seen + faults(page.tab) == []


@pytest.mark.parametrize("fonts", ["widest", "at hand"])
def test_a_page_is_as_wide_as_a_phone(page, fonts):
    dress(page.tab, fonts)
    assert {width: over for width in PHONES if (over := overhanging(page.tab, width))} == {}


@pytest.mark.parametrize("fonts", ["widest", "at hand"])
@pytest.mark.parametrize("page", sheets(), indirect=True)
def test_formulas_stand_left_of_their_rows_and_above_them_on_a_phone(page, fonts):
    dress(page.tab, fonts)
    page.tab.set_viewport_size(DESK)
    beside, cut = page.tab.evaluate(LAYOUT)
    assert any(beside)
    assert not any(cut), "a formula or a row is cut off"
    page.tab.set_viewport_size({"width": max(PHONES), "height": 844})
    assert not any(page.tab.evaluate(LAYOUT)[0])


def on_paper(tab):
    """The text of each sheet of a page that is printed, without spaces: a line may break anywhere."""
    pdf = tab.pdf(format="A4")
    return [squeezed(sheet.extract_text()) for sheet in PdfReader(io.BytesIO(pdf)).pages]


def stands(line, sheets):
    """Whether a line stands on a sheet, or begins on one and goes on on the next. A reader of sheets tells titles last."""
    across = any(line[:cut] in sheet and line[cut:] in after for sheet, after in pairwise(sheets) for cut in range(1, len(line)))
    return any(line in sheet for sheet in sheets) or across


def squeezed(text):
    """A text without its spaces, and with the letters of its ligatures apart."""
    return "".join(unicodedata.normalize("NFKC", text).split())


@pytest.mark.parametrize("page", PRINTED, indirect=True)
def test_a_printed_chapter_holds_every_line_of_its_code_and_of_its_solutions(page):
    path = f"book/{page.name.removesuffix('.html')}.md"
    chapter = parse_chapter(path, (ROOT / path).read_text(), extensions(ROOT))
    shown = [cell for cell in chapter.cells if not {"remove-input", "remove-cell"} & {*cell.tags}]
    code = [line for cell in shown for line in cell.source.splitlines() if line.strip()]
    solutions = [line for text in page.tab.evaluate(SOLUTIONS) for line in text.splitlines() if line.strip()]
    assert max(map(len, code)) > 80 and len(solutions) > 5, "choose another chapter: this one has nothing to lose"
    printed = on_paper(page.tab)
    assert [line for line in code + solutions if not stands(squeezed(line), printed)] == []


@pytest.mark.parametrize("page", PRINTED[:1], indirect=True)
def test_a_page_that_is_shown_dark_is_printed_in_dark_ink(page):
    page.tab.emulate_media(color_scheme="light")
    page.tab.wait_for_function("document.documentElement.dataset.theme === 'light'")
    ink = page.tab.evaluate("getComputedStyle(document.body).color")
    page.tab.emulate_media(color_scheme="dark")
    page.tab.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    page.tab.evaluate("addEventListener('beforeprint', () => { window.ink = getComputedStyle(document.body).color; })")
    page.tab.pdf(format="A4")
    assert page.tab.evaluate("[window.ink, document.documentElement.dataset.theme]") == [ink, "dark"]
