"""The page on other engines: it shows what the recorded file holds, and nothing else."""

import json
import re
import shutil
from contextlib import chdir
from pathlib import Path

import pytest

from autograd_book.literate.read import find_root, survey

InteractiveShell = pytest.importorskip("IPython.core.interactiveshell").InteractiveShell

ROOT = find_root(Path(__file__).parent)
FILE = ROOT / "book" / "data" / "peers.json"
PAGE = next(chapter for chapter in survey(ROOT)[0] if chapter.docname == "speed/peers")
RECORD = json.loads(FILE.read_text(encoding="utf-8"))
NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?:e-?\d+)?")


def shown(record, folder):
    """What the cells of the page show, made from a record: values as HTML or Markdown, in their order."""
    shutil.copytree(ROOT / "book" / "_style", folder / "_style")
    (folder / "data").mkdir()
    (folder / "data" / "peers.json").write_text(json.dumps(record), encoding="utf-8")
    (folder / "speed").mkdir()
    shell, found = InteractiveShell(), []
    with chdir(folder / "speed"):
        for cell in PAGE.cells:
            result = shell.run_cell(cell.source)
            result.raise_error()
            found.append(getattr(result.result, "data", None))
    return [text for text in found if isinstance(text, str)]


def triple(value):
    """Three numbers in their order."""
    return len(value) == 3 and 0 < value[0] <= value[1] <= value[2]


def test_the_record_has_all_that_a_table_asks_for():
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", RECORD["date"])
    assert RECORD["machine"]["processor"] and RECORD["machine"]["packages"]["numpy"]
    assert not any("/" in str(value) for key, value in RECORD["machine"].items() if key != "packages")
    assert set(RECORD["threads"]) == {"1", "2"}
    for run in RECORD["threads"].values():
        assert list(run) == list(RECORD["workloads"])
        for name, row in run.items():
            assert {c.removesuffix(" kept") for c in row["columns"]} <= set(RECORD["columns"])
            assert not set(row["columns"]) & set(row["left out"])
            for column, found in row["columns"].items():
                assert found["rounds"] >= 5, (name, column)
                for clock in ("wall", "processor"):
                    assert triple(found[clock]["ms"]) and triple(found[clock]["ratio"]), (name, column)
            assert row["columns"]["by hand"]["wall"]["ratio"] == [1.0, 1.0, 1.0]


def test_every_cell_that_is_empty_has_its_reason():
    engines = {c for c in RECORD["columns"] if c not in RECORD["missing"]}
    for name, row in RECORD["threads"]["1"].items():
        assert engines == {c for c in (*row["columns"], *row["left out"]) if not c.endswith(" kept")}, name


def planted(value, path=()):
    """A record of another machine: all that was measured is replaced, other things stay."""
    if isinstance(value, dict):
        return {key: planted(part, (*path, key)) for key, part in value.items()}
    replaced = {"ratio": [7.71, 7.72, 7.73], "ms": [8.81, 8.82, 8.83], "us an operation": [6.61, 6.62, 6.63],
                "first step, s": 5.5, "page faults": 4444, "bytes above parameters and data": 3_330_000}  # fmt: skip
    return replaced.get(path[-1], value) if path and path[0] == "threads" else value


def test_every_number_in_the_tables_is_the_one_of_the_record(tmp_path):
    tables = [text for text in shown(planted(RECORD), tmp_path) if "<table" in text]
    cells = {cell for text in tables[1:] for cell in re.findall(r"<td[^>]*>([^<]*)</td>", text)}
    assert cells - {"–"} == {"7.72", "6.6", "5.5", "4444", "3.33"}
    assert RECORD["machine"]["processor"] in tables[0]


def test_no_figure_is_typed_into_the_text():
    prose = re.sub(r"^```.*?^```$|^---\n.*?^---$|\{glue:text\}`[^`]*`|`[^`]*`", "", PAGE.text, flags=re.S | re.M)
    assert [found for found in NUMBER.findall(prose) if "." in found] == []
