"""A profile tells what the peak consisted of, in tables and in a trace (book/memory/report.md)."""

import json

import numpy as np
import pytest
from steps import perceptron, training

import autograd_book as ab
from autograd_book import Variable, nn
from autograd_book.memory import books, report
from autograd_book.memory.report import memory_profile


def test_lines_and_primitives_are_named_forward_and_backward():
    x = Variable(np.ones(1000))
    np.sum(np.exp(x)).backward()  # what is made once
    x.zero_grad()
    with memory_profile(x) as profile:
        loss = np.sum(np.exp(x))  # here
        loss.backward()
    here = "test_report.py:" + str(test_lines_and_primitives_are_named_forward_and_backward.__code__.co_firstlineno + 5)
    made = [b.place for b in profile.buffers if b.place.name == "exp"]
    assert [place.phase for place in made] == ["forward", "backward"]
    assert all(place.line.endswith(here) for place in made)
    assert "exp, backward" in profile.by_primitive()
    assert any(line.endswith(here) for line in profile.by_line())


def test_phases_follow_one_another():
    owners, step = training(perceptron)
    with memory_profile(*owners) as profile:
        step()
    phases = [span.place.phase for span in profile.spans]
    assert list(dict.fromkeys(phases)) == ["forward", "backward", "update"]
    assert phases == sorted(phases, key=["forward", "backward", "update"].index)


def test_an_empty_block_is_a_profile():
    with memory_profile() as profile:
        pass
    assert profile.peak < 10_000 and profile.holders() == [] and len(profile.table().rows) == 0
    assert profile.never_read() == profile.never_used() == profile.lifetimes() == []


def test_what_is_saved_and_never_read_is_listed_with_its_line():
    x = Variable(np.ones(1000))
    with memory_profile(x) as profile:
        np.sum(np.exp(x)).backward()
        unused = np.tanh(x)  # nobody differentiates it
    (found,) = profile.never_read()
    assert (found.place.name, found.nbytes) == ("tanh", 8000) and unused.shape == (1000,)


def test_what_is_computed_and_never_used_is_listed_with_what_it_was_made_of():
    x = Variable(np.ones(1000))
    with memory_profile(x) as profile:
        np.sqrt(np.exp(x) + 1.0)  # all three for nothing
        y = np.sin(x)  # used
        np.cos(y)  # for nothing
        np.sum(y).backward()
    assert [b.place.name for b in profile.never_used()] == ["exp", "add", "sqrt", "cos"]


#: What each kind of event has to have, by the Trace Event Format.
EVENTS = {
    "X": {"name": str, "cat": str, "ts": (int, float), "dur": (int, float), "pid": int, "tid": int, "args": dict},
    "C": {"name": str, "cat": str, "ts": (int, float), "pid": int, "tid": int, "args": dict},
    "M": {"name": str, "ts": (int, float), "pid": int, "tid": int, "args": dict},
}


def faults(text):
    """What in a text would keep a reader of the Trace Event Format from showing all of it."""
    found = []

    def refuse(word):
        raise ValueError(f"{word} is no number in JSON")

    trace = json.loads(text, parse_constant=refuse)
    if trace.get("displayTimeUnit") not in ("ms", "ns"):
        found.append("unit")
    open_until, last, series = {}, 0.0, {}
    for event in trace["traceEvents"]:
        fields = EVENTS.get(event.get("ph"))
        if fields is None:
            found.append(f"kind {event.get('ph')}")
            continue
        if set(event) != {"ph", *fields}:
            found.append(f"fields {sorted(event)}")
            continue
        found += [key for key, kind in fields.items() if not isinstance(event[key], kind) or isinstance(event[key], bool)]
        if event["ts"] < last or event["ts"] > 3.6e9:  # an hour in microseconds
            found.append("order")
        last = event["ts"]
        if event["ph"] == "M" and (event["name"] not in ("process_name", "thread_name") or not isinstance(event["args"].get("name"), str)):
            found.append("name")
        if event["ph"] == "C":
            values = event["args"].values()
            if not values or not all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values):
                found.append("counter")
            if series.setdefault(event["name"], set(event["args"])) != set(event["args"]):
                found.append("series")
        if event["ph"] == "X":
            stack, end = open_until.setdefault((event["pid"], event["tid"]), []), event["ts"] + event["dur"]
            while stack and stack[-1] <= event["ts"]:
                stack.pop()
            if event["dur"] < 0 or (stack and end > stack[-1] + 1e-3):  # a nanosecond of rounding
                found.append("nesting")
            stack.append(end)
    return found


def test_the_trace_is_in_the_format_that_perfetto_reads(tmp_path):
    owners, step = training(perceptron)
    with memory_profile(*owners) as profile:
        step()
        ab.grad(lambda v: np.sum(np.tanh(v) * v))(np.ones(100))
    file = tmp_path / "trace.json"
    profile.save_chrome_trace(file)
    text = file.read_text()
    assert faults(text) == []
    events = json.loads(text)["traceEvents"]
    kinds = {kind: [e for e in events if e["ph"] == kind] for kind in "MXC"}
    assert [e["args"]["name"] for e in kinds["M"]] == ["memory_profile", "operations"]
    assert len(kinds["X"]) == len(profile.spans) and len(kinds["C"]) == len(profile.moments)
    assert {e["cat"] for e in kinds["X"]} == {"forward", "backward", "update"} and all(e["args"]["line"] for e in kinds["X"])
    assert [e["args"] for e in kinds["C"]] == [report.composition(m) for m in profile.moments]
    assert max(sum(event["args"].values()) for event in kinds["C"]) == profile.peak
    first, last = profile.moments[0].time, profile.moments[-1].time
    assert kinds["C"][0]["ts"] == 0 and kinds["C"][-1]["ts"] == (last - first) / 1000


def test_of_operations_in_one_another_the_outer_comes_first_in_a_trace():
    there = books.Place("x", "forward", "here:1")
    spans = [books.Span(there, 5, 7), books.Span(there, 5, 9), books.Span(there, 1, 9)]  # as they end
    accounts = books.Books()
    accounts.activity.spans, accounts.moments = spans, [books.Moment(0, there, dict.fromkeys(books.CATEGORIES, 0), 0, 0)]
    events = report.memory_events(report.MemoryProfile(accounts))
    assert [e["dur"] for e in events if e["ph"] == "X"] == [0.008, 0.004, 0.002]
    text = json.dumps({"traceEvents": events, "displayTimeUnit": "ns"})
    assert faults(text) == []
    assert faults(json.dumps({"traceEvents": events[::-1], "displayTimeUnit": "ns"})) != []


def test_a_table_is_html_on_a_page_and_text_elsewhere():
    table = report.Table(("a", "b"), [("<x>", 1)])
    assert repr(table) == "a    b\n<x>  1"
    assert table._repr_html_().count("<tr>") == 2 and "&lt;x&gt;" in table._repr_html_()


def test_micro_batches_give_the_gradients_of_the_large_batch_at_a_lower_peak():
    network = nn.Sequential(nn.Linear(64, 256, rng=0), nn.ReLU(), nn.Linear(256, 10, rng=1))
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(512, 64)).astype(np.float32), rng.integers(0, 10, 512)
    gradients, peaks = [], []
    for count in (1, 8):
        network.zero_grad()
        with memory_profile(network) as profile:
            for part in range(count):
                some = slice(part * 512 // count, (part + 1) * 512 // count)
                (nn.cross_entropy(network(x[some]), labels[some]) / count).backward()
        gradients.append([v.grad.numpy() for v in network.parameters()])
        peaks.append(profile.peak)
    for one, many in zip(*gradients, strict=True):
        assert np.allclose(one, many, rtol=1e-4, atol=1e-7)
    assert peaks[1] < 0.6 * peaks[0]


def test_the_iterator_over_the_parameters_may_be_given_and_used_twice():
    network = nn.Linear(64, 32, rng=0)
    block = memory_profile(network.parameters())
    for _ in range(2):
        with block as profile:
            pass
        assert profile.moments[-1].live["parameter"] == sum(v.value.nbytes for v in network.parameters())
        assert repr(profile) == f"<MemoryProfile: peak {profile.peak:,} bytes, 2 moments>"
    with pytest.raises(ab.DifferentiationTypeError, match="given list .*no parameter"):
        memory_profile(iter([]))
