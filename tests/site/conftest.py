"""What the tests of the site share: a browser, a server, a book of one page."""

import functools
import hashlib
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# Without these a fresh Chromium asks its maker for updates.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync",
         # The network is closed to all but this machine.
         "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
HEAD = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
    format_version: 0.13
kernelspec:
  name: python3
  display_name: Python 3 (ipykernel)
  language: python
---
"""


# What was looked at and found good is not looked at again as long as it is as it was, where pytest is told so: `make book` after a sentence opens one page.

SITE = ROOT / "_build" / "html"
SEEN = ROOT / "_build" / "seen.json"


@pytest.hookimpl(trylast=True)  # pytest orders by the number of a parameter, and a page has another number in each list of pages
def pytest_collection_modifyitems(config, items):
    if config.getoption("--unseen"):
        seen, once = found_good(), functools.cache(digest)
        items[:] = [item for item in items if not (state := looked_at(item, once)) or seen.get(item.nodeid) != state]
    items[:] = by_page(items)


def by_page(items):
    """The tests in their order, but each of a page right after the others of its file that open it: a page is opened once."""
    groups = {}
    for item in items:
        page = hasattr(item, "callspec") and item.callspec.params.get("page")
        groups.setdefault((item.nodeid.partition("::")[0], page) if page else item.nodeid, []).append(item)
    return [item for group in groups.values() for item in group]


def pytest_runtest_setup(item):
    item.user_properties.append(("looked at", looked_at(item)))


def pytest_runtest_logreport(report):
    """Note what a test looked at, if it passed; written at once, since a session may be interrupted."""
    if report.when == "call" and (state := dict(report.user_properties).get("looked at")) and "PYTEST_XDIST_WORKER" not in os.environ:
        SEEN.write_text(json.dumps(found_good() | {report.nodeid: state if report.passed else ""}, indent=1))


def pytest_xdist_auto_num_workers(config):
    """For a few pages no other process is started: it would begin when they are done."""
    if config.getoption("--unseen"):
        good = {*found_good().values()}
        return 0 if sum(digest((page,)) not in good for page in pages()) < 8 else None
    return None


@functools.cache
def pages():
    """The pages of the built site."""
    return sorted(page for page in SITE.rglob("*.html") if "_static" not in page.relative_to(SITE).parts)


def found_good():
    """For each test, the digest of what it looked at when it passed."""
    return json.loads(SEEN.read_text()) if SEEN.is_file() else {}


def digest(files):
    """A number for what some files show, and for what all of them share."""
    return hashlib.sha256("".join([shared(), *map(shown, files)]).encode()).hexdigest()


def looked_at(item, number=digest):
    """A digest of the page, notebook or chapter that a test opens; of no file, None."""
    names = [name for name in item.callspec.params.values() if isinstance(name, str)] if hasattr(item, "callspec") else []
    places = (place for name in names for place in (SITE / name, SITE / "notebooks" / f"{name}.ipynb", ROOT / "book" / name))
    files = tuple(place for place in places if place.is_file())
    return number(files) if files else None


def shown(file):
    """A digest of a file, and of the images that it shows."""
    text = file.read_text("utf-8")
    images = sorted(file.parent / name for name in re.findall(r'(?:src|data)="([^":]*_images/[^"]*)"', text))
    return "".join(hashlib.sha256(part.read_bytes()).hexdigest() for part in [file, *images] if part.is_file())


@functools.cache
def shared():
    """A digest of what every page uses, of the tests themselves, and of the browser."""
    browser = [f"{path} {os.path.getmtime(path)}" for path in map(shutil.which, BROWSERS) if path]
    files = [file for place in (SITE / "_static", Path(__file__).parent, ROOT / "requirements") for file in sorted(place.rglob("*")) if file.is_file()]
    return "".join(browser + [hashlib.sha256(file.read_bytes()).hexdigest() for file in files if file.suffix != ".pyc"])


@pytest.fixture(scope="session")
def chromium():
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip(f"no browser found (none of {', '.join(BROWSERS)}): what only a browser sees is not tested here")
    return path


@pytest.fixture(scope="module")  # its event loop is in the way of other tests
def browser(chromium):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # one connection for many files
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass


@pytest.fixture(scope="session")
def serve():
    """A function that serves a folder on the loopback, from one address, which it returns."""
    servers = {}

    def start(folder):
        if folder not in servers:
            servers[folder] = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
            threading.Thread(target=servers[folder].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[folder].server_port}"

    yield start
    for server in servers.values():
        server.shutdown()


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    """The Python of an environment that never saw the package."""
    from strangers import environment

    return environment(tmp_path_factory.mktemp("stranger"))


# A page is at rest when all it shows is there: what it loads, its formulas, its fonts, its images.
AT_REST = """async () => {
    await window.MathJax?.startup?.promise;
    await document.fonts.ready;
    await Promise.allSettled([...document.images].map(image => image.decode()));
    return [...document.querySelectorAll('.math')].every(formula => formula.querySelector('mjx-container'));
}"""
PATIENCE = 120_000  # milliseconds; nothing waits so long but on a machine that has much else to do


def navigate(tab, address):
    """Open an address; one that gets no answer is tried once more."""
    from playwright.sync_api import TimeoutError

    try:
        tab.goto(address, timeout=PATIENCE / 4)
    except TimeoutError:
        tab.goto(address, timeout=PATIENCE)


def load(tab, address):
    """Open a page and return when it is at rest."""
    navigate(tab, address)
    tab.wait_for_function(AT_REST, timeout=PATIENCE)


def watched(tab, base):
    """The list that fills with what the browser has to say of the pages that a tab loads."""
    seen = []
    tab.on("request", lambda request: None if request.url.startswith((base, "data:", "blob:")) else seen.append(f"wanted to leave: {request.url}"))
    tab.on("console", lambda message: seen.append(f"console: {message.text}") if message.type == "error" else None)
    tab.on("pageerror", lambda error: seen.append(f"script: {error}"))
    tab.on("response", lambda response: seen.append(f"{response.status}: {response.url}") if response.status >= 400 else None)
    return seen


def faults(tab):
    """The images and formulas of a page that could not be shown."""
    return tab.evaluate("""[...document.images].filter(i => !i.naturalWidth).map(i => 'broken image: ' + i.src).concat(
        [...document.querySelectorAll('mjx-merror')].map(e => 'formula: ' + e.textContent))""")


def overhanging(tab, width):
    """What reaches beyond the right edge of a page on a phone of this width, in and out of its folds, and cannot be scrolled in a box of its own."""
    tab.set_viewport_size({"width": width, "height": 844})
    return tab.evaluate("""() => {
        const folds = [...document.querySelectorAll('details:not([open])')];
        folds.forEach(fold => fold.open = true);
        const edge = innerWidth + 1, over = e => e.getBoundingClientRect().right > edge && getComputedStyle(e).visibility === 'visible';
        const boxed = e => e && (['auto', 'scroll'].includes(getComputedStyle(e).overflowX) || boxed(e.parentElement));
        const parts = [...document.querySelectorAll('main *, header *, .bd-header *')].filter(e => over(e) && !boxed(e.parentElement) && !e.closest('mjx-assistive-mml'));
        const tips = parts.filter(e => !parts.some(other => other !== e && e.contains(other)));
        const told = tips.map(e => `${e.tagName.toLowerCase()} ${e.textContent.trim().slice(0, 60)}`);
        const page = document.documentElement.scrollWidth;
        folds.forEach(fold => fold.open = false);
        return page > edge ? [`page ${page}`, ...told] : told;
    }""")


def flags():
    """The flags that the Makefile builds the book with."""
    return re.search(r"jupyter-book build (.*?) --path-output", (ROOT / "Makefile").read_text())[1].split()


@pytest.fixture
def small_book(tmp_path):
    """A function that builds a book of one page with this project's configuration, and returns (exit status, output, folder)."""
    (tmp_path / "book").mkdir()
    for name in ("_ext", "_static", "_public", "references.bib"):
        source, target = ROOT / "book" / name, tmp_path / "book" / name
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    shutil.copy(ROOT / "_config.yml", tmp_path)
    (tmp_path / "book" / "_toc.yml").write_text("format: jb-book\nroot: index\n")

    def build(text, **environment):
        page, content = tmp_path / "book" / "index.md", f"{HEAD}\n# One page\n\n{text}\n"
        if not page.is_file() or page.read_text() != content:
            page.write_text(content)
        command = [str(Path(sys.executable).with_name("jupyter-book")), "build", *flags(), "--path-output", str(tmp_path),
                   "--config", str(tmp_path / "_config.yml"), "--toc", str(tmp_path / "book" / "_toc.yml"), str(tmp_path / "book")]
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | environment, cwd=tmp_path)
        return done.returncode, done.stdout + done.stderr, tmp_path / "_build" / "html"

    return build
