"""Every case of the book's rules is captured: value and cotangents, to the last bit, whole or with composites taken apart."""

import importlib
from pathlib import Path

import numpy as np
import pytest

import autograd_book as ab
from autograd_book.modes.trees import leaves
from autograd_book.speed.capture import capture
from autograd_book.speed.symbols import CaptureError

CHAPTERS = sorted(p.stem for p in (Path(__file__).parents[1] / "cases").glob("[a-z]*.py"))
#: What decides by values that are computed, and says so.
REFUSED = {"quantile", "nanmedian", "nanquantile", "nanpercentile", "lstsq", "lstsqvalues", "lstsqsquares", "trim_zeros", "frexp", "cov", "ravel"}


def there_and_back(f):
    """The value of a function, and what its pullback makes of it."""

    def both(*args):
        out, pullback = ab.vjp(f, *args)
        return out, pullback(out * 1.0)

    return both


def alike(found, wanted):
    """Whether two results are equal; two complex numbers by themselves are multiplied by NumPy in one of two ways, with last
    bits of their own, and what is made of the product differs likewise."""
    a, b = np.asarray(found), np.asarray(wanted)
    near = a.dtype.kind == "c" and np.allclose(a, b, rtol=1e-13, atol=1e-13 * np.max(np.abs(b), initial=1))
    return a.dtype == b.dtype and (np.array_equal(a, b, equal_nan=True) or near)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_all_cases_are_captured(chapter):
    expect_captured(chapter, None)


@pytest.mark.parametrize("chapter", ["activations", "convolution", "moments", "pooling", "softmax"])
def test_composites_are_captured_as_what_their_functions_do(chapter):
    expect_captured(chapter, lambda primitive: primitive.composite)


def expect_captured(chapter, expand):
    refused = set()
    for _, case in importlib.import_module(f"cases.{chapter}").cases():
        f = there_and_back(case.fun)
        wanted = leaves(f(*case.args))
        try:
            found = leaves(capture(f, *case.args, expand=expand)(*case.args))
        except CaptureError:
            refused.add(str(case).split()[0])
            continue
        assert len(found) == len(wanted) and all(map(alike, found, wanted)), str(case)
    assert refused <= REFUSED
