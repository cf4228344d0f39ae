"""The report of the profiler in a browser without a network: nothing is asked for, and everything fits."""

import sys
from pathlib import Path

import pytest

from autograd_book.speed.roofline import Machine
from autograd_book.systems.profiler import AutogradSystemsProfiler

sys.path.insert(0, str(Path(__file__).parents[2] / "book/_style"))
from together import made_step, models

RATES = {"float32": 1e9, "float64": 1e9}
MACHINE = Machine((1000, 10**9), (1e9, 1e9), RATES, RATES, RATES, 1e-6)


@pytest.mark.parametrize("model", ["perceptron", "RNN", "transformer"])
def test_no_request_leaves_a_report_and_it_fits_a_phone_and_paper(model, browser, tmp_path):
    network, loss, batches = models[model]()
    step, optimizer = made_step(network, loss, ())
    profiler = AutogradSystemsProfiler(lambda: step(*batches[0]), network, optimizer)
    profiler.measured = MACHINE
    profiler.report(tmp_path / "report.html")
    address = (tmp_path / "report.html").as_uri()
    papers, asked, said = set(), [], []
    for scheme, width in (("light", 1000), ("dark", 390)):
        context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, offline=True)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.goto(address)
        assert set(asked) == {address} and said == []
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.locator("h2").count() >= 5 and page.locator("svg path").is_visible()
        papers.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        assert page.pdf(format="A4").startswith(b"%PDF")
        context.close()
    assert len(papers) == 2
