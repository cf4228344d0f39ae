"""The doors to running a chapter outside this repository: Colab, and the download button.

Both give the same notebook. It carries in its first cell what its chapter needs, so it runs in an empty folder, in any
Jupyter, whether or not the repository can be reached; what it needs of other projects it asks pip for.
"""

import base64
import hashlib
import io
import re
import zipfile
from functools import cache
from importlib.metadata import requires
from itertools import chain
from pathlib import Path

from packaging.requirements import Requirement

from autograd_book.literate.read import find_root

TEMPLATES = Path(__file__).parent / "templates"
NOTEBOOKS = "notebooks"  # the folder of the site that holds them
BRANCH = "gh-pages"  # the branch that the site is published on
ENGINE = ["src/autograd_book/**/*", "book/_style/*.py"]  # what every chapter needs
# What some need beside it, told by what stands in their cells: texts to learn from, or the book itself.
BESIDE = {r"\bdata/": ["book/data/*"], r"find_root|\.md\b": ["_config.yml", "book/_toc.yml", "book/**/*.md"]}
FIRST = """\
# @title Run this cell first: it unpacks the package and the style of the figures
import base64, io, os, sys, tempfile, zipfile

assert sys.version_info >= (3, 11), "this book needs Python 3.11 or newer"
_packed = "{packed}"
_place = tempfile.TemporaryDirectory(prefix="autograd-book-", ignore_cleanup_errors=True)
zipfile.ZipFile(io.BytesIO(base64.b64decode(_packed))).extractall(_place.name)
os.makedirs(_folder := os.path.join(_place.name, "{folder}"), exist_ok=True)
os.chdir(_folder)
sys.path.insert(0, os.path.join(_place.name, "src"))
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [sys.path[0], os.environ.get("PYTHONPATH")]))
%pip install --quiet {requirements}"""


def notebook(chapter, root):
    """A chapter as a notebook that can be run anywhere."""
    import jupytext

    book = jupytext.reads(chapter.text, fmt="md:myst")
    book.cells.insert(0, first_cell(chapter, root))
    return book


def first_cell(chapter, root):
    """The folded cell that unpacks what the chapter needs, and stands where the chapter stands."""
    from nbformat.v4 import new_code_cell

    folder = Path("book", chapter.docname).parent.as_posix()
    source = FIRST.format(packed=packed(root, patterns(chapter)), folder=folder, requirements=" ".join(requirements()))
    return new_code_cell(source, id="what-it-needs", metadata={"cellView": "form", "jupyter": {"source_hidden": True}})


def patterns(chapter):
    """The files that a chapter needs of the project."""
    beside = (wanted for sign, wanted in BESIDE.items() if any(re.search(sign, cell.source) for cell in chapter.cells))
    return *ENGINE, *chain.from_iterable(beside)


def requirements():
    """What the chapters import of other projects, as pip reads it."""
    needed = map(Requirement, requires("autograd-book"))
    return sorted({f'"{r.name}{r.specifier}"' for r in needed if not r.marker or r.marker.evaluate({"extra": "chapters"})})


@cache
def packed(root, wanted):
    """The files, as one line of text; the same files give the same line."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        for file in files(root, wanted):
            entry = zipfile.ZipInfo(file.relative_to(root).as_posix())  # without the time
            archive.writestr(entry, file.read_bytes(), zipfile.ZIP_DEFLATED, compresslevel=9)
    return base64.b64encode(memory.getvalue()).decode()


def files(root, wanted):
    """The files of the project that fit one of the patterns."""
    found = (file for pattern in wanted for file in sorted(root.glob(pattern)) if file.is_file())
    return [file for file in found if not {"__pycache__", ".ipynb_checkpoints"} & set(file.parts)]


# What the site does with them


def write_notebooks(app, exception):
    """Put beside each page with code its notebook, where it is not there already."""
    if exception or app.builder.name != "html":
        return
    import jupytext

    root = find_root(Path(app.srcdir))
    for chapter in runnable(app).values():
        target, key = Path(app.outdir, NOTEBOOKS, f"{chapter.docname}.ipynb"), made_of(chapter, root)
        if not (target.is_file() and key in target.read_text("utf-8")):
            book = notebook(chapter, root)
            book.metadata["made_of"] = key
            target.parent.mkdir(parents=True, exist_ok=True)
            jupytext.write(book, target)


def made_of(chapter, root):
    """A name for all that a notebook is made of."""
    return hashlib.sha256("\n".join([chapter.text, packed(root, patterns(chapter)), FIRST, *requirements()]).encode()).hexdigest()


def runnable(app):
    """The chapters with code, by name."""
    return {name: chapter for name, chapter in app.book_chapters.items() if chapter.cells}


def drop_executed_notebooks(app, exception):
    """Remove the notebooks that the theme leaves among the sources: they run nowhere but here."""
    for page in Path(app.outdir, "_sources").rglob("*.ipynb"):
        page.unlink()


def add_templates(app, config):
    """Let our templates stand before the theme's."""
    config.templates_path.insert(0, str(TEMPLATES))


def point_buttons(app, pagename, templatename, context, doctree):
    """Let the buttons of a page lead to its notebook, and let downloads be downloads."""
    groups = {group.get("label"): group.get("buttons") for group in context.get("header_buttons", [])}
    file = f"{NOTEBOOKS}/{pagename}.ipynb" if pagename in runnable(app) else None
    if "launch-buttons" in groups:
        groups["launch-buttons"][:] = [b for button in groups["launch-buttons"] if (b := launch(button, file))]
    if "download-buttons" in groups:
        kept = [button | {"type": "download"} if button["type"] == "link" else button
                for button in groups["download-buttons"] if button["label"] != "download-notebook-button"]
        groups["download-buttons"][:] = ([download(context["pathto"](file, 1))] if file else []) + kept


def launch(button, file):
    """A button that opens the page elsewhere; Colab does not read Markdown, and opens the notebook if there is one."""
    if button["text"] != "Colab":
        return button
    return file and button | {"url": f"{button['url'].split('/blob/')[0]}/blob/{BRANCH}/{file}"}


def download(url):
    """The button that gives the notebook."""
    return {"type": "download", "url": url, "text": ".ipynb", "icon": "fas fa-code", "tooltip": "Download as a notebook that runs anywhere",
            "label": "download-notebook-button"}


def setup(app):
    """Connect all of this to Sphinx."""
    app.connect("config-inited", add_templates)
    app.connect("html-page-context", point_buttons, priority=502)  # after the theme has made its buttons
    app.connect("build-finished", drop_executed_notebooks)
    app.connect("build-finished", write_notebooks)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
