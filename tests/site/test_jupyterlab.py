"""The Binder door: in a JupyterLab set up as binder/postBuild does it, a chapter opens as a notebook and runs."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from conftest import PATIENCE, navigate
from playwright.sync_api import TimeoutError

ROOT = Path(__file__).parents[2]
CELLS = """window.jupyterapp.shell.currentWidget.content.model.sharedModel.toJSON().cells
    .filter(cell => cell.cell_type === 'code' && cell.source.trim())"""
CHAPTERS = [name for name in ("first.md", "graph/errors.md") if (ROOT / "book" / name).is_file()]


@pytest.fixture(scope="module")
def lab(tmp_path_factory, chromium):
    """The address of a JupyterLab that serves a copy of the book, and the folder of the copy."""
    pytest.importorskip("jupyterlab", reason="JupyterLab is not installed: the Binder door is not tested here")
    home = tmp_path_factory.mktemp("lab")
    shutil.copytree(ROOT / "book", home / "work" / "book")
    places = {"HOME": home, "JUPYTER_CONFIG_DIR": home / "config", "JUPYTER_DATA_DIR": home / "data", "IPYTHONDIR": home / "ipython",
              "JUPYTERLAB_SETTINGS_DIR": home / "settings", "JUPYTERLAB_WORKSPACES_DIR": home / "workspaces"}
    environment = os.environ | {name: str(path) for name, path in places.items()}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    for line in (ROOT / "binder" / "postBuild").read_text().splitlines():
        if line.startswith("jupytext-config"):
            subprocess.run(line.split(), check=True, env=environment, capture_output=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = (home / "log").open("w")
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}", "--ip=127.0.0.1", "--ServerApp.port_retries=0",
         "--IdentityProvider.token=", "--LabApp.expose_app_in_browser=True", "--LabApp.news_url=", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"],
        cwd=home / "work", env=environment, stdout=log, stderr=log)
    try:
        wait_for(f"http://127.0.0.1:{port}/api", server, home / "log")
        yield f"http://127.0.0.1:{port}", home / "work" / "book"
    finally:
        server.terminate()
        server.wait(timeout=30)
        log.close()


def wait_for(address, server, log):
    """Return when the server answers; fail with its log when it has ended."""
    while True:
        try:
            return urllib.request.urlopen(address, timeout=60).read()
        except OSError:
            try:
                server.wait(timeout=0.2)
            except subprocess.TimeoutExpired:
                continue
            pytest.fail(f"JupyterLab ended with {server.returncode}: {log.read_text()[-2000:]}")


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_opens_as_a_notebook_runs_from_top_to_bottom_and_is_saved_as_it_was(chapter, lab, browser):
    address, book = lab
    context = browser.new_context()
    tab = context.new_page()
    tab.set_default_timeout(PATIENCE)
    navigate(tab, f"{address}/lab/tree/book/{chapter}?reset")  # forget what was open before
    tab.wait_for_selector(".jp-NotebookPanel .jp-CodeCell")
    tab.wait_for_function("window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'")
    tab.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
    # The command may return at the first cell that raises on purpose; the kernel is still at work then.
    with contextlib.suppress(TimeoutError):
        tab.wait_for_function(f"{CELLS}.every(cell => cell.execution_count)")
    cells = tab.evaluate(CELLS)
    tab.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
    tab.wait_for_function("!window.jupyterapp.shell.currentWidget.context.model.dirty")
    context.close()
    assert cells
    assert [cell["source"] for cell in cells if not cell["execution_count"]] == []
    on_purpose = {id(cell) for cell in cells if "raises-exception" in cell["metadata"].get("tags", [])}
    errors = [output for cell in cells if id(cell) not in on_purpose for output in cell["outputs"] if output["output_type"] == "error"]
    assert errors == []
    assert (book / chapter).read_text() == (ROOT / "book" / chapter).read_text()
