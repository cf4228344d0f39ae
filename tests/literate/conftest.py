"""A small book to try the machinery on, and the real one."""

from pathlib import Path

import pytest
from small_book import SmallBook

from autograd_book.literate.read import find_root, survey


@pytest.fixture
def small(tmp_path):
    return SmallBook(tmp_path)


@pytest.fixture(scope="session")
def root():
    return find_root(Path(__file__).parent)


@pytest.fixture(scope="session")
def chapters(root):
    found, problems = survey(root)
    assert not problems, "\n".join(problems)
    return found
