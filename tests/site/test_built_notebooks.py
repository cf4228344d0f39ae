"""The notebooks that the built site gives away."""

from pathlib import Path

import pytest
from conftest import SITE
from strangers import run

pytestmark = [pytest.mark.site, pytest.mark.skipif(not SITE.is_dir(), reason="no built site; `make book` builds and tests it")]


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
