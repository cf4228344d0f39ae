"""Every row of every chapter of rules, at every case: derivatives of both orders, in both precisions."""

import numpy as np
import pytest
from vocabulary import CASES, FLAT, ROWS, assert_derivatives, chapter_of

ALL = [case for cases in CASES.values() for group in cases.values() for case in group]


#: Rounds to half precision, which difference quotients cannot see; tests/stability/test_precision.py has its own oracles.
ROUNDING = {"half"}


#: Of an option that NumPy 2 brought.
NEW = {"var_about", "std_about"} if np.lib.NumpyVersion(np.__version__) < "2.0.0" else set()


def test_every_primitive_has_a_case() -> None:
    written = {name for cases in CASES.values() for name in cases}
    left = {name: chapter_of(row) for name, row in ROWS.items() if name not in FLAT | ROUNDING | NEW | written}
    # Those that exchange arrays between ranks have cases of their own, in tests/scale.
    missing = {(chapter, name) for name, chapter in left.items() if chapter.startswith("autograd_book.") and ".scale." not in chapter}
    assert missing == set(), "write cases under these names: tests/cases/, one file for each chapter of rules"


@pytest.mark.filterwarnings("ignore:Arrays of 2-dimensional vectors:DeprecationWarning")
@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
@pytest.mark.parametrize("case", ALL, ids=str)
def test_derivatives_agree_with_differences(case, dtype) -> None:
    assert_derivatives(case, dtype)
