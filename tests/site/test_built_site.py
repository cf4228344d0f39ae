"""The whole site as it was built: `make book` runs these when it has built, `make test` leaves them out."""

import json
import re
from pathlib import Path

import pytest
from sphinx_external_toc.parsing import parse_toc_yaml

ROOT = Path(__file__).parents[2]
SITE = ROOT / "_build" / "html"
MODES = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 900}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 900}},
    "phone": {"color_scheme": "light", "viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "is_mobile": True},
}
TABS = 4  # Pages that load side by side: a page counts as loaded after half a second of silence.
TYPESET = "() => [...document.querySelectorAll('.math')].every(formula => formula.querySelector('mjx-container'))"
LAYOUT = """() => {
    const sheets = [...document.querySelectorAll('.rule-sheet')].map(sheet => [sheet.children[0], sheet.children[1]]);
    const wide = part => part.scrollWidth > part.clientWidth + 1;
    return [sheets.map(([formula, cell]) => formula.getBoundingClientRect().right <= cell.getBoundingClientRect().left),
            sheets.map(([formula, cell]) => wide(formula) || wide(cell.querySelector('pre')))];
}"""
pytestmark = [pytest.mark.site, pytest.mark.skipif(not SITE.is_dir(), reason="no built site; `make book` builds and tests it")]


def contents():
    return sorted(item for item in parse_toc_yaml(ROOT / "book" / "_toc.yml"))


def pages():
    return sorted(str(path.relative_to(SITE)) for path in SITE.rglob("*.html") if "_static" not in path.parts)


def html():
    return {page: (SITE / page).read_text() for page in pages()}


def test_every_chapter_of_the_contents_has_a_page_and_no_other_has():
    built = json.loads((SITE.parent / "pages.json").read_text())
    assert built == contents()
    assert [name for name in built if not (SITE / f"{name}.html").is_file()] == []


def test_every_link_inside_the_site_leads_to_a_page_and_a_place():
    texts = html()
    places = {page: set(re.findall(r'\bid="([^"]+)"', text)) for page, text in texts.items()}
    broken = []
    for page, text in texts.items():
        for link in re.findall(r'<a [^>]*?href="([^"]+)"', text):
            address, _, place = link.partition("#")
            if not re.match(r"[a-z]+:", address):
                target = (SITE / page).parent.joinpath(address).resolve() if address else SITE / page
                name = str(target.relative_to(SITE)) if target.is_relative_to(SITE) else ""
                if not target.exists() or (place and name in places and place not in places[name]):
                    broken.append(f"{page}: {link}")
    assert broken == []


def test_no_page_names_another_host_for_scripts_styles_fonts_or_images():
    loads = re.compile(r'<(?:script|link|img|iframe|source)\b[^>]*?(?:src|href)="(?:https?:)?//[^"]+"[^>]*>')
    outside = {page: [tag for tag in loads.findall(text) if 'rel="canonical"' not in tag] for page, text in html().items()}
    assert {page: tags for page, tags in outside.items() if tags} == {}


def test_no_image_is_without_alternative_text():
    silent = {page: [tag for tag in re.findall(r"<img [^>]*>", text) if not re.search(r'alt="[^"]+"', tag)] for page, text in html().items()}
    assert {page: tags for page, tags in silent.items() if tags} == {}


def test_no_page_shows_a_folder_of_the_machine_that_built_it():
    assert [page for page, text in html().items() if str(ROOT) in text] == []


def test_every_exported_cell_says_where_it_goes():
    for page, text in html().items():
        assert text.count("cell-exported") == text.count('class="cell-place"'), page


def test_the_reference_leads_to_chapters_and_chapters_to_the_reference():
    texts = html()
    assert all("chapter-link" in text for page, text in texts.items() if page.startswith("api/"))
    linked = [page for page, text in texts.items() if "sphinx-codeautolink-a" in text and not page.startswith("api/")]
    assert linked, "sphinx-codeautolink has linked nothing"


def test_the_site_can_be_published_as_it_is():
    assert (SITE / ".nojekyll").is_file(), "GitHub Pages would drop the folders that begin with an underscore"
    assert "sphinx-thebe" not in (SITE / "index.html").read_text()


@pytest.mark.parametrize("mode", MODES)
def test_a_browser_without_a_network_finds_nothing_to_complain_of(mode, browser, serve):
    base, complaints = serve(SITE), {}
    context, names = browser.new_context(**MODES[mode]), pages()
    for start in range(0, len(names), TABS):
        for page, tab, seen in [opened(context, base, page) for page in names[start : start + TABS]]:
            if seen := inspected(tab, seen, mode):
                complaints[page] = seen
    context.close()
    assert complaints == {}


def test_formulas_stand_left_of_their_rows_and_above_them_on_a_phone(browser, serve):
    base, sheets = serve(SITE), [page for page, text in html().items() if 'class="rule-sheet' in text]
    assert len(sheets) > 5
    for mode, watched in (("light", sheets), ("phone", sheets[:1])):
        context = browser.new_context(**MODES[mode])
        for page in watched:
            tab = context.new_page()
            tab.goto(f"{base}/{page}")
            tab.wait_for_function(TYPESET)
            beside, cut = tab.evaluate(LAYOUT)
            assert any(beside) == (mode == "light"), page
            assert mode == "phone" or not any(cut), f"{page}: a formula or a row is cut off"
            tab.close()
        context.close()


def opened(context, base, page):
    """Begin to load a page; the page's name, its tab, and a list of what the browser has to say."""
    seen, tab = [], context.new_page()
    tab.on("request", lambda request: None if request.url.startswith((base, "data:", "blob:")) else seen.append(f"wanted to leave: {request.url}"))
    tab.on("console", lambda message: seen.append(f"console: {message.text}") if message.type == "error" else None)
    tab.on("pageerror", lambda error: seen.append(f"script: {error}"))
    tab.on("response", lambda response: seen.append(f"{response.status}: {response.url}") if response.status >= 400 else None)
    tab.goto(f"{base}/{page}", wait_until="commit")
    return page, tab, seen


def inspected(tab, seen, mode):
    """Wait until a page is at rest, and close it; all that is wrong with it."""
    tab.wait_for_load_state("networkidle")
    tab.wait_for_function(TYPESET)
    seen += tab.evaluate("[...document.images].filter(i => !i.naturalWidth).map(i => 'broken image: ' + i.src)")
    seen += tab.evaluate("[...document.querySelectorAll('mjx-merror')].map(e => 'formula: ' + e.textContent)")
    if mode == "phone" and tab.evaluate("document.documentElement.scrollWidth > screen.width + 2"):
        seen.append("scrolls sideways")
    tab.close()
    return seen
