"""Opportunities in captured graphs, against bytes and operations by hand; the facade, against its parts."""

import json
from html.parser import HTMLParser

import numpy as np
import pytest

import autograd_book as ab
from autograd_book.learn.attention import CausalSelfAttention
from autograd_book.speed.roofline import Machine
from autograd_book.systems.advice import opportunities
from autograd_book.systems.growth import DepthProfile, GraphScaling
from autograd_book.systems.profiler import AutogradSystemsProfiler, recommended
from autograd_book.systems.tradeoffs import CheckpointTrades, MemoryPatterns, PrecisionTrades

RATES = {"float32": 1e9, "float64": 1e9}
MACHINE = Machine((1000, 10**9), (1e9, 1e9), RATES, RATES, RATES, 1e-6)
N = 100 * 100 * 8


def found_in(f, *args):
    return opportunities(f, *args, machine=MACHINE)


def kinds(found):
    return [row.kind for row in found.rows]


X = np.ones((100, 100))


def test_a_chain_writes_its_end_and_reads_its_beginning():
    (row,) = found_in(lambda x: np.exp(-x * x), X).rows
    assert row.operations == ("negative", "multiply", "exp")
    assert (row.kind, row.before, row.after, row.largest) == ("elementwise", 7 * N, 2 * N, N)


def test_a_reduction_ends_a_chain():
    (row,) = found_in(lambda x: np.sum(np.exp(x)), X).rows
    assert (row.kind, row.before, row.after) == ("reduction", 3 * N + 8, N + 8)


def test_what_two_read_goes_with_both_and_what_is_handed_out_is_written():
    (row,) = found_in(lambda x: [np.sin(y := x * 2.0), np.cos(y)], X).rows
    assert (row.operations, row.before, row.after) == (("multiply", "sin", "cos"), 6 * N, 3 * N)
    (row,) = found_in(lambda x: [y := x * 2.0, np.cos(y)], X).rows
    assert (row.before, row.after) == (4 * N, 3 * N)


def test_loops_are_those_of_the_compiler_and_so_is_whether_they_are_taken():
    for side in (100, 1500):
        x = np.ones((side, 1000))
        f = lambda x: np.sum(np.exp(-x * x)) + np.mean(np.tanh(x))
        ours = [(r.before, r.after, r.taken) for r in found_in(f, x).rows if r.kind in ("elementwise", "reduction")]
        theirs = [(r.apart, r.together, r.taken) for r in ab.fusions(f, x)]
        assert sorted(ours) == sorted(theirs) != []
        assert all(taken == (side == 1500) for *_, taken in ours)


def test_what_no_compiler_takes_is_not_recommended():
    small = found_in(lambda x: np.exp(-x * x), X)
    large = found_in(lambda x: np.exp(-x * x), np.ones((1500, 1000)))
    assert len(small.rows) == 1 and recommended(small) == []
    ((row, times),) = recommended(large)
    assert row.taken and times == 1


def test_a_product_in_between_breaks_a_chain():
    assert found_in(lambda x: np.exp((x * 2.0) @ np.ones((100, 100))), X).rows == []


def test_products_of_one_factor_read_it_once():
    a, b = np.ones((100, 50)), np.ones((100, 50))
    (row,) = found_in(lambda x: [x @ a, x @ b], X).rows
    assert (row.kind, row.spared) == ("shared factor", N)


def test_a_product_of_three_is_found_in_the_wrong_order_alone():
    thin, wide = np.ones((100, 5)), np.ones((5, 100))
    chains = found_in(lambda x: (x @ wide) @ thin, thin)
    (chain,) = [row for row in chains.rows if row.kind == "matrix chain"]
    now, then = 2 * 100 * 5 * 100 * 2, 2 * 5 * 100 * 5 + 2 * 100 * 5 * 5
    assert chain.flops == now - then
    assert "matrix chain" not in kinds(found_in(lambda x: (wide @ x) @ thin, X))


def test_attention_is_found_with_what_stands_in_front_of_its_softmax():
    layer = CausalSelfAttention(16, 2, rng=0)
    x = np.ones((3, 20, 16), np.float32)
    (row,) = [row for row in found_in(lambda x: layer(x).numpy(), x).rows if row.kind == "attention"]
    assert row.operations == ("matmul", "add", "softmax", "matmul")
    weights, part = 3 * 2 * 20 * 20 * 4, 3 * 20 * 16 * 4
    assert row.before - row.after >= 6 * weights - 4 * part
    assert row.largest == weights


def test_gains_are_bytes_over_bandwidth_and_operations_over_their_rate():
    found = found_in(lambda x: np.exp(-x * x), X)
    assert found.seconds(found.rows[0]) == pytest.approx(5 * N / 1e9)
    thin, wide = np.ones((100, 5)), np.ones((5, 100))
    chain = found_in(lambda x: (x @ wide) @ thin, thin)
    row = next(row for row in chain.rows if row.kind == "matrix chain")
    assert chain.seconds(row) == pytest.approx((row.spared + row.flops) / 1e9)


def test_equal_rows_are_added_up_in_the_table_and_kernels_are_named():
    def run(x):
        for _ in range(3):
            x = np.tanh(x * 2.0) @ np.ones((100, 100))
        return x

    found = found_in(run, X)
    assert len(found.rows) == 3 and len(found.table().rows) == 1 and found.table().rows[0][2] == "3"
    assert found.kernels().rows[0][0] == "elementwise"
    assert found.by_kind()["elementwise"] == 3 * 2 * N
    assert json.loads(json.dumps(found.to_dict())) == found.to_dict()


def test_the_names_of_the_mission_are_all_there_and_answer():
    profiler = ab.AutogradSystemsProfiler()
    assert type(profiler) is AutogradSystemsProfiler
    assert isinstance(profiler.profile_computational_graph_depth(max_depth=2, operations_per_level=5), DepthProfile)
    trades = profiler.analyze_memory_checkpointing_trade_offs(checkpoint_frequencies=(2, 4))
    assert isinstance(trades, CheckpointTrades) and all(row.same for row in trades.rows)
    precise = profiler.demonstrate_mixed_precision_benefits(precisions=("fp32", "fp16"))
    assert isinstance(precise, PrecisionTrades) and precise.rows[1].saved < precise.rows[0].saved
    assert isinstance(profiler.analyze_memory_patterns(), MemoryPatterns)
    profiler.measured = MACHINE
    assert {"attention", "elementwise", "reduction", "shared factor"} <= set(kinds(profiler.analyze_fusion_opportunities()))


def test_growth_of_the_books_own_steps_is_measured():
    profiler = AutogradSystemsProfiler(base={"batch": 1, "length": 4})
    found = profiler.analyze_graph_scaling()
    assert isinstance(found, GraphScaling)
    assert found.exponent("batch", "nodes").value == 0 and found.exponent("batch", "flops").value > 0.9


@pytest.mark.parametrize(
    ("ask", "what"),
    [
        ("analyze_memory_checkpointing_trade_offs", "chain"), ("demonstrate_mixed_precision_benefits", "loss"),
        ("analyze_graph_scaling", "family"),
    ],
)
def test_what_a_step_does_not_say_is_asked_for(ask, what):
    with pytest.raises(ab.DifferentiationTypeError, match=rf"without {what}.*AutogradSystemsProfiler\(step, {what}="):
        getattr(AutogradSystemsProfiler(lambda: None), ask)()


def test_a_users_step_is_what_is_analysed():
    w = ab.Variable(np.ones((100, 100)))
    profiler = AutogradSystemsProfiler(lambda: np.sum(np.exp(w * 2.0)).backward(), w)
    profiler.measured = MACHINE
    assert ("multiply", "exp") in {row.operations[:2] for row in profiler.analyze_fusion_opportunities().rows}
    assert profiler.analyze_memory_patterns().at_peak["parameter"] >= N


class Outline(HTMLParser):
    """Tags that are open, and what a page asks of others."""

    def __init__(self):
        super().__init__()
        self.open, self.asked, self.titles = [], [], []

    def handle_starttag(self, tag, attrs):
        self.asked += [value for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "path", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.asked += [value for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "h2":
            self.titles.append(data)


def report_on(step, *owners, path):
    profiler = AutogradSystemsProfiler(step, *owners)
    profiler.measured = MACHINE
    profiler.report(path / "report.html")
    text = (path / "report.html").read_text(encoding="utf-8")
    outline = Outline()
    outline.feed(text)
    assert outline.open == [] and outline.asked == []
    assert "@import" not in text and "url(" not in text
    return text, outline.titles


def test_a_report_is_one_page_that_asks_for_nothing(tmp_path):
    w = ab.Variable(np.ones((1500, 1000)))
    text, titles = report_on(lambda: np.sum(np.exp(w * 2.0)).backward(), w, path=tmp_path)
    assert [title.split()[0] for title in titles[:4]] == ["Where", "By", "Where", "From"]
    assert any("multiply exp" in title for title in titles) and len(titles) <= 9
    assert "ab.compile(step)" in text and "prefers-color-scheme" in text and "@media print" in text


def test_a_step_that_cannot_be_captured_is_reported_with_the_reason(tmp_path):
    w = ab.Variable(np.ones(3))
    _, titles = report_on(lambda: float(np.sum(w * 2.0).item()), w, path=tmp_path)
    assert titles[-1].startswith("No opportunities")
