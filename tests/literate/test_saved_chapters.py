"""JupyterLab is a door to the book: every page opens as a notebook, and saving it changes nothing but what its author changed."""

import shutil

import pytest
from small_book import FRONT

pytest.importorskip("jupyter_server")
nbformat = pytest.importorskip("nbformat")
jupytext_manager = pytest.importorskip("jupytext.sync_contentsmanager")

# What JupyterLab writes into the notebook when its own Python runs it; the order is JupyterLab's.
KERNEL = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
LANGUAGE = {"name": "python", "version": "3.12.1", "file_extension": ".py", "codemirror_mode": {"name": "ipython", "version": 3}}
WIDGETS = {"application/vnd.jupyter.widget-state+json": {"state": {}}}
# What a reader leaves on cells by running, folding, timing and dressing them.
VIEW = {"collapsed": True, "scrolled": True, "trusted": True, "editable": True, "slideshow": {"slide_type": ""}, "execution": {"iopub.execute_input": "now"},
        "jupyter": {"source_hidden": True, "outputs_hidden": True}, "jp-MarkdownHeadingCollapsed": True, "vscode": {"languageId": "python"}}


@pytest.fixture(scope="module")
def book(root, tmp_path_factory):
    """A copy of the book, and the contents API of a Jupyter that serves it."""
    folder = tmp_path_factory.mktemp("served") / "book"
    shutil.copytree(root / "book", folder, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
    manager = jupytext_manager.build_sync_jupytext_contents_manager_class(jupytext_manager.LargeFileManager)
    return folder, manager(root_dir=str(folder))


def pages(folder):
    """What stands in the book as a page; a README beside data is none."""
    return sorted(str(page.relative_to(folder)) for page in folder.rglob("*.md") if page.name != "README.md")


def run_and_fold(notebook):
    """What a session leaves in a notebook without an edit."""
    notebook["metadata"] |= {"kernelspec": dict(KERNEL), "language_info": LANGUAGE, "widgets": WIDGETS}
    for number, cell in enumerate(notebook["cells"]):
        cell["metadata"] = VIEW | cell["metadata"]
        cell["id"] = f"of-this-session-{number}"
        if cell["cell_type"] == "code":
            cell["execution_count"] = number
            cell["outputs"] = [nbformat.v4.new_output("stream", text="an output\n")]


def test_running_and_folding_a_page_and_saving_it_changes_no_byte(book):
    folder, manager = book
    before, changed = {page: (folder / page).read_bytes() for page in pages(folder)}, []
    for page, content in before.items():
        model = manager.get(page, type="notebook")
        run_and_fold(model["content"])
        manager.save(model, page)
        changed += [page] * ((folder / page).read_bytes() != content)
    assert changed == [], f"Jupyter would write them otherwise; let it: .venv/bin/jupytext --to md:myst {' '.join(f'book/{page}' for page in changed)}"


def test_an_edit_changes_its_line_and_no_other(book):
    folder, manager = book
    before = (folder / "modes" / "trees.md").read_text()
    model = manager.get("modes/trees.md", type="notebook")
    run_and_fold(model["content"])
    edited = next(cell for cell in model["content"]["cells"] if cell["cell_type"] == "code" and "import numpy as np" in cell["source"])
    edited["source"] = edited["source"].replace("import numpy as np", "import numpy as np  # an edit", 1)
    manager.save(model, "modes/trees.md")
    assert (folder / "modes" / "trees.md").read_text() == before.replace("import numpy as np", "import numpy as np  # an edit", 1)


def test_every_page_begins_as_jupyter_writes_it(root):
    other = [page for page in pages(root / "book") if not (root / "book" / page).read_text().startswith(FRONT)]
    assert other == [], f"Jupyter opens a page as a notebook when it begins so:\n{FRONT}"
