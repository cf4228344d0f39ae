"""A chapter outside this repository: its notebook runs in an empty folder, in an environment that never saw the package."""

import ast
import base64
import io
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import jupytext
from strangers import needed, run, tops

from autograd_book.literate.read import survey

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "book" / "_ext"))

from autograd_book_notebooks import notebook

CHAPTERS = {chapter.docname: chapter for chapter in survey(ROOT)[0] if chapter.cells}


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
    missing = {(name, chapter.path) for chapter in CHAPTERS.values() for name in imported(chapter) if name not in installed | {"mpi4py"}}  # without MPI its chapter says what to install
    assert missing == set(), "add them to the extra `chapters` in pyproject.toml, or let the chapter do without"


def imported(chapter):
    """The packages that the cells of a chapter import, without those that fail on purpose."""
    for cell in (cell for cell in chapter.cells if "raises-exception" not in cell.tags):
        code = "\n".join("" if line.startswith(("%", "!")) else line for line in cell.source.split("\n"))
        for node in ast.walk(ast.parse(code)):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            yield from (name.partition(".")[0] for name in names)
