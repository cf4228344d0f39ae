"""The rules of book/rules/linear.md."""

import numpy as np
import pytest
from vocabulary import assert_derivatives, cases_of, without_cases

CHAPTER = "rules.linear"


def test_every_primitive_of_the_chapter_has_a_case() -> None:
    assert without_cases(CHAPTER) == []


@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
@pytest.mark.parametrize("case", cases_of(CHAPTER), ids=str)
def test_first_and_second_derivatives_agree_with_differences(case, dtype) -> None:
    assert_derivatives(case, dtype)
