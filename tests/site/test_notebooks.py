"""A chapter outside this repository: its notebook runs in an empty folder, in an environment that never saw the package."""

import ast
import base64
import io
import os
import re
import subprocess
import sys
import venv
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import jupytext
import pytest
from packaging.requirements import Requirement

from autograd_book.literate.read import survey

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "book" / "_ext"))

from autograd_book_notebooks import notebook, requirements

SITE = ROOT / "_build" / "html"
CHAPTERS = {chapter.docname: chapter for chapter in survey(ROOT)[0] if chapter.cells}
EXECUTE = "import nbformat, nbclient, sys; nbclient.execute(nbformat.read(sys.argv[1], as_version=4), kernel_name='python3')"


def closure(names):
    """These distributions, and all that they need here."""
    found, waiting = {}, list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = distribution(name)
            needed = map(Requirement, found[name].requires or ())
            waiting += [r.name for r in needed if not r.marker or r.marker.evaluate({"extra": ""})]
    return found.values()


def needed():
    """The distributions that pip would install for a notebook, beside a kernel."""
    return list(closure(["ipykernel", *(Requirement(text.strip('"')).name for text in requirements())]))


def tops(distributions):
    """The names of their files and folders in the library, and where these are."""
    return {file.parts[0]: found.locate_file(file.parts[0]) for found in distributions for file in found.files if file.parts[0] not in ("..", "__pycache__")}


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    """The Python of an environment with a kernel, pip, and what pip would have installed; links save the download."""
    home = tmp_path_factory.mktemp("stranger")
    venv.create(home, with_pip=False, symlinks=True)
    library = next(home.glob("lib/python*/site-packages"))
    for name, place in tops([*needed(), distribution("pip")]).items():
        (library / name).symlink_to(place)
    return home / "bin" / "python"


def run(python, file):
    """Execute a notebook where it lies, with nothing of this checkout in reach; what went wrong."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "JUPYTER", "VIRTUAL"))}
    homes = dict.fromkeys(("HOME", "IPYTHONDIR", "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "MPLCONFIGDIR"), str(python.parents[1] / "home"))
    done = subprocess.run([str(python), "-c", EXECUTE, str(file)], cwd=file.parent, env=kept | homes, capture_output=True, text=True)
    return done.stderr[-2000:] if done.returncode else ""


def test_a_notebook_runs_in_an_empty_folder_where_the_package_is_unknown(stranger, tmp_path):
    assert subprocess.run([str(stranger), "-c", "import autograd_book"], capture_output=True).returncode == 1
    file = tmp_path / "trees.ipynb"
    jupytext.write(notebook(CHAPTERS["modes/trees"], ROOT), file)
    assert run(stranger, file) == ""
    assert list(tmp_path.iterdir()) == [file]  # it leaves nothing behind


def test_a_notebook_carries_the_text_that_its_chapter_reads_and_no_other_does():
    def carried(name):
        packed = re.search('_packed = "(.*)"', notebook(CHAPTERS[name], ROOT).cells[0].source)[1]
        return set(zipfile.ZipFile(io.BytesIO(base64.b64decode(packed))).namelist())

    assert "book/data/opticks.txt" in carried("learn/sequence") & carried("stability/scaler")
    assert "book/data/opticks.txt" not in carried("modes/trees")
    assert {"book/_toc.yml", "book/literate/weave.md"} <= carried("literate/weave")


def test_a_notebook_asks_pip_for_all_that_its_cells_import():
    installed = {name.removesuffix(".py") for name in tops(needed())} | sys.stdlib_module_names | {"autograd_book"}
    missing = {(name, chapter.path) for chapter in CHAPTERS.values() for name in imported(chapter) if name not in installed}
    assert missing == set(), "add them to the extra `chapters` in pyproject.toml, or let the chapter do without"


def imported(chapter):
    """The packages that the cells of a chapter import, without those that fail on purpose."""
    for cell in (cell for cell in chapter.cells if "raises-exception" not in cell.tags):
        code = "\n".join("" if line.startswith(("%", "!")) else line for line in cell.source.split("\n"))
        for node in ast.walk(ast.parse(code)):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            yield from (name.partition(".")[0] for name in names)


@pytest.mark.site
@pytest.mark.skipif(not SITE.is_dir(), reason="no built site; `make book` builds and tests it")
@pytest.mark.parametrize("page", ["modes/trees", "modes/check", "learn/digits", "literate/weave"])  # plain, with figures, with data, reading chapters
def test_the_download_button_gives_a_notebook_that_runs_in_an_empty_folder(page, browser, serve, stranger, tmp_path):
    context = browser.new_context()
    tab = context.new_page()
    tab.goto(f"{serve(SITE)}/{page}.html", wait_until="domcontentloaded")
    with tab.expect_download() as waiting:
        tab.evaluate("document.querySelector('.btn-download-notebook-button').click()")
    waiting.value.save_as(tmp_path / waiting.value.suggested_filename)
    assert len(context.pages) == 1, "the download opened a tab"
    context.close()
    assert run(stranger, tmp_path / f"{Path(page).name}.ipynb") == ""
