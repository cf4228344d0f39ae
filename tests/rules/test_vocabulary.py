"""What becomes of every function of NumPy (book/rules/vocabulary.md)."""

import os
import pkgutil
import subprocess
import sys

import numpy as np
import pytest
from vocabulary import CASES, ROWS

import autograd_book as ab
import autograd_book.rules
from autograd_book.graph.protocols import call_numpy, refusals
from autograd_book.rules.vocabulary import AREAS, PLAIN, status, survey

ENTRIES = survey()


def function(name: str):
    prefix, _, last = name.rpartition(".")
    return getattr(AREAS[f"{prefix}." if prefix else ""], last)


def test_no_public_function_of_numpy_is_forgotten() -> None:
    assert [entry.name for entry in ENTRIES if entry.word == "unknown"] == []
    assert len(ENTRIES) > 400


def test_importing_the_package_enters_the_rows_of_every_chapter_of_rules() -> None:
    chapters = {module.name for module in pkgutil.iter_modules(autograd_book.rules.__path__, "autograd_book.rules.")}
    program = "import sys, autograd_book; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}).stdout
    assert chapters - set(loaded.split()) == set(), "name them in the first exported cell of book/rules/vocabulary.md, which imports all chapters of rules"


def test_the_words_are_those_that_the_page_explains() -> None:
    assert {entry.word for entry in ENTRIES} == {"rule", "composed", "zero gradient", "refused", "no values"}


@pytest.mark.parametrize("fun", refusals, ids=lambda f: getattr(f, "__name__", str(f)))
def test_what_is_refused_says_so_and_what_to_do_instead(fun) -> None:
    with pytest.raises(ab.NoRuleError, match="was called with a Variable") as caught:
        call_numpy(fun, (ab.Variable([1.0, 2.0]),), {})
    assert str(caught.value).endswith(refusals[fun])
    assert refusals[fun].endswith((".", "?"))


def test_each_rule_has_a_case_under_its_name_or_that_of_a_function_made_of_it() -> None:
    cases = {name for table in CASES.values() for name in table}
    rules = {function(entry.name).__name__ for entry in ENTRIES if entry.word == "rule"}
    assert {name for name in rules if name not in cases and not ROWS[name].flat} == set()


#: Composed functions without values to differentiate, or with results that are whole numbers, text or truth values.
ASKED = {
    *("shape", "ndim", "size", "zeros_like", "ones_like", "empty_like", "result_type", "can_cast", "min_scalar_type"),
    *("common_type", "may_share_memory", "shares_memory", "array2string", "array_repr", "array_str", "isclose", "allclose"),
    *("iscomplexobj", "isrealobj", "array_equal", "array_equiv", "einsum_path", "lexsort"),
    *("diag_indices_from", "tril_indices_from", "triu_indices_from"),
    *("amax", "amin", "row_stack", "round_", "trapz", "product", "cumproduct", "alltrue", "sometrue"),  # second names
    *("linspace", "real_if_close"),  # tested by themselves
}


def test_each_composition_has_a_case_or_a_test_of_its_own() -> None:
    cases = " ".join(name for table in CASES.values() for name in table) + " ".join(
        case.name for table in CASES.values() for group in table.values() for case in group
    )
    missing = {e.name for e in ENTRIES if e.word == "composed" and function(e.name).__name__ not in cases} - ASKED
    assert missing == set()


def test_a_function_is_listed_once_among_those_without_values() -> None:
    names = [name for names in PLAIN.values() for name in names.split()]
    assert len(names) == len(set(names))


def test_status_answers_for_any_function() -> None:
    assert status(np.sin) == ("rule", "x")
    assert status(np.argsort) == ("zero gradient", "")
    assert status(print) == ("unknown", "")


@pytest.mark.parametrize("options", [{}, {"num": 1}, {"num": 0}, {"endpoint": False}, {"axis": 1}, {"dtype": np.float32}, {"retstep": True}], ids=str)
def test_linspace_is_numpys(options) -> None:
    start, stop = np.array([0.0, 1.0]), np.array([2.0, 5.0])
    ours, plain = np.linspace(ab.Variable(start), stop, **options), np.linspace(start, stop, **options)
    for mine, theirs in zip(ours if "retstep" in options else [ours], plain if "retstep" in options else [plain], strict=True):
        np.testing.assert_allclose(getattr(mine, "value", mine), theirs)
    if not options:
        ab.check_gradients(np.linspace, start, stop)
