"""What the tests of stability share."""

import warnings

import pytest


@pytest.fixture
def strict():
    """Any warning is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
