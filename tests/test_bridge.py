"""The book's bridge to PyTorch and JAX: our programs leave what the page says of them beside the recorded results of theirs,
which tests/oracle/test_bridge_theirs.py holds to the libraries."""

import re
from pathlib import Path

import pytest
from bridges import BRIDGE, ENTRIES, outcome, recorded

import autograd_book as ab


@pytest.mark.parametrize("title", ENTRIES)
def test_the_sides_that_are_said_to_be_alike_are_and_the_others_differ(title) -> None:
    ours, theirs = outcome("ours", ENTRIES[title]), recorded()["found"][title]
    assert [side for side in theirs if theirs[side] == ours] == ENTRIES[title]["alike"]


def test_each_program_of_theirs_has_a_recorded_result_and_no_other_has() -> None:
    assert recorded()["found"].keys() == ENTRIES.keys() and len(ENTRIES) == len(BRIDGE["entry"])
    for title, entry in ENTRIES.items():
        assert recorded()["found"][title].keys() == entry.keys() & {"torch", "jax"}


def test_the_names_of_this_book_in_the_table_are_there() -> None:
    page = (Path(__file__).parents[1] / "book/bridge.md").read_text(encoding="utf-8")
    rows = [line.split(" | ")[0] for line in page.splitlines() if line.startswith("| `")]
    names = {name for row in rows for name in re.findall(r"`(\w+)[`(]", row)}
    assert len(names) > 15 and [name for name in names if not hasattr(ab, name)] == []


@pytest.mark.parametrize("part", sorted({entry["part"] for entry in BRIDGE["entry"]}))
def test_each_part_has_its_section(part) -> None:
    page = (Path(__file__).parents[1] / "book/bridge.md").read_text(encoding="utf-8")
    assert f"## {part}\n" in page and f'part("{part}")' in page
