"""Every row of every chapter of rules, at every case: derivatives of both orders, in both precisions."""

import numpy as np
import pytest
from vocabulary import CASES, FLAT, ROWS, assert_derivatives, chapter_of

ALL = [case for cases in CASES.values() for group in cases.values() for case in group]


def test_every_primitive_has_a_case() -> None:
    written = {name for cases in CASES.values() for name in cases}
    ours = {n for n, row in ROWS.items() if n not in FLAT and chapter_of(row).startswith("autograd_book.rules.")}
    assert ours - written == set()


@pytest.mark.filterwarnings("ignore:Arrays of 2-dimensional vectors:DeprecationWarning")
@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
@pytest.mark.parametrize("case", ALL, ids=str)
def test_derivatives_agree_with_differences(case, dtype) -> None:
    assert_derivatives(case, dtype)
