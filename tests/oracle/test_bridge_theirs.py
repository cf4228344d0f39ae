"""What PyTorch and JAX do with their programs of the book's bridge is what was recorded. As a program, with --record and the
name of one side, it records that side anew."""

import importlib
import json
import pkgutil
import re
import sys
from datetime import date
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from bridges import DATA, ENTRIES, RECORD, outcome, recorded

PAGE = DATA.parent / "bridge.md"


@pytest.mark.parametrize("side", ["torch", "jax"])
def test_what_the_other_side_does_is_what_was_recorded(side) -> None:
    pytest.importorskip(side)
    found = {title: outcome(side, entry) for title, entry in ENTRIES.items() if side in entry}
    assert found == {title: sides[side] for title, sides in recorded()["found"].items() if side in sides}


@pytest.mark.parametrize(("side", "column"), [("torch", 1), ("jax", 2)])
def test_the_names_of_the_other_side_in_the_table_are_there(side, column) -> None:
    pytest.importorskip(side)
    rows = [line.strip("| ").split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    cells = " ".join(row[column] for row in rows if len(row) > column)
    names = [name for name in re.findall(r"`([\w.]+)[`(]", cells) if not name.startswith("x.") and name != "requires_grad"]
    assert len(names) > 10
    for name in names:
        try:
            pkgutil.resolve_name(f"{side}.{name}")
        except ModuleNotFoundError:
            pytest.fail(name)


if __name__ == "__main__":
    side = sys.argv[sys.argv.index("--record") + 1]
    record = recorded() if RECORD.exists() else {"versions": {}, "found": {}}
    record["versions"][side] = importlib.import_module(side).__version__.partition("+")[0]
    record["date"] = date.today().isoformat()
    record["found"] = {
        title: record["found"].get(title, {}) | ({side: outcome(side, entry)} if side in entry else {})
        for title, entry in ENTRIES.items()
    }
    RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
