"""Sixteen-bit formats: rounding against NumPy's own conversion bit for bit, and the names of formats."""

import sys

import numpy as np
import pytest
from formats_at_hand import HALF, SINGLE, both_formats, format_of, normal

import autograd_book as ab
from autograd_book.stability.formats import PIECE, half_format, looked_up, round_to, to_half, upcast
from autograd_book.stability.precision import autocast

# Rounding to half precision


def every_half():
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    return halves, halves.astype(np.float32)


def assert_as_numpy(x):
    """The same bits as NumPy's conversion; any NaN stands for any other."""
    with np.errstate(all="ignore"):
        expected = x.astype(np.float16)
    found = to_half(x)
    assert (found.dtype, found.shape) == (HALF, expected.shape)
    nan = np.isnan(expected)
    np.testing.assert_array_equal(np.isnan(found), nan)
    np.testing.assert_array_equal(found[~nan].view(np.uint16), expected[~nan].view(np.uint16))


def test_every_half_comes_back_from_single_precision(strict):
    assert_as_numpy(every_half()[1])


def test_neighbours_of_every_half_are_rounded_as_by_numpy(strict):
    singles = every_half()[1]
    bits = singles[np.isfinite(singles)].view(np.uint32)
    for distance in (1, 2, 4095, 4096, 4097, 8191):
        assert_as_numpy((bits + np.uint32(distance)).view(np.float32))
        assert_as_numpy((bits - np.uint32(distance)).view(np.float32))


def test_midpoints_go_to_the_even_neighbour(strict):
    finite = np.sort(every_half()[1][: 0x7C00])
    middle = (finite[1:] + finite[:-1]) / 2
    middle = np.concatenate([middle, -middle, np.float32([65519.99, 65520.0, -65520.0, 2.0**-25, -(2.0**-25)])])
    assert_as_numpy(middle)
    assert not np.any(to_half(middle[: len(finite) - 1]).view(np.uint16) & 1)


def test_random_bit_patterns_are_rounded_as_by_numpy(strict):
    bits = np.random.default_rng(0).integers(0, 1 << 32, 1 << 19, dtype=np.uint32)
    assert_as_numpy(bits.view(np.float32))


def test_infinity_zero_nan_and_the_least_numbers(strict):
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 65504, 65536, 3.4e38, 6e-8, 2e-8, -3e-8, 1e-45, -1e-45]
    assert_as_numpy(np.array(special, np.float32))
    assert_as_numpy(np.array([0x7F800001, 0xFF800001, 0x7FC00000, 0xFFFFFFFF], np.uint32).view(np.float32))


def test_double_precision_is_rounded_once(strict):
    just_above_a_tie = 1 + 2.0**-11 + 2.0**-40
    assert to_half(np.array([just_above_a_tie]))[0] == 1 + 2.0**-10
    assert_as_numpy(np.array([just_above_a_tie, -just_above_a_tie, 1e300, -1e-300, np.nan, 65519.9999999]))
    assert_as_numpy(np.random.default_rng(1).normal(size=1000) * 2.0 ** np.arange(-30, 20, 0.05))


LAYOUTS = {
    "0-d": lambda x: x[0],
    "no axes": lambda x: np.array(x[0]),
    "empty": lambda x: x[:0].reshape(0, 3),
    "every second": lambda x: x[::2],
    "backwards": lambda x: x[::-3],
    "Fortran": lambda x: np.asfortranarray(x[:600].reshape(20, 30)),
    "transposed slice": lambda x: x[:600].reshape(20, 30).T[3:9],
    "one piece": lambda x: np.resize(x, PIECE),
    "a piece and one": lambda x: np.resize(x, PIECE + 1),
    "three pieces": lambda x: np.resize(x, (3, PIECE // 2 + 5, 2))[..., 0],
    "read-only": lambda x: np.broadcast_to(x[:7], (5, 7)),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layout_does_not_matter_for_rounding(layout, strict):
    singles = normal(1000, seed=3) * np.float32(300)
    singles[5] = np.nan
    x = LAYOUTS[layout](singles)
    found = to_half(np.asarray(x))
    assert found.shape == np.shape(x)
    np.testing.assert_array_equal(found, np.asarray(x).astype(np.float16))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layout_does_not_matter_for_widening(layout, strict):
    x = LAYOUTS[layout](normal(1000, seed=4).astype(np.float16))
    found = upcast(x)
    assert (found.dtype, found.shape) == (SINGLE, x.shape)
    np.testing.assert_array_equal(found, x.astype(np.float32))


def test_every_half_is_looked_up_in_its_place():
    halves, singles = every_half()
    np.testing.assert_array_equal(looked_up(halves).view(np.uint32), singles.view(np.uint32))


@pytest.mark.parametrize("value", [np.float32(1), np.ones(2), np.arange(3), 2.0, 1, np.ones(2, complex), None, "text"])
def test_what_is_not_narrow_stays_the_same_object(value):
    assert upcast(value) is value


def test_classes_are_no_values_although_they_have_an_attribute_dtype():
    assert upcast(np.float16) is np.float16
    assert upcast(np.float64) is np.float64


def test_widening_a_variable_is_differentiated():
    x = ab.Variable(np.ones(3, np.float16))
    out = upcast(x)
    assert out.dtype == SINGLE
    np.sum(out * np.float32(2)).backward()
    assert x.grad.dtype == HALF
    np.testing.assert_array_equal(x.grad.numpy(), [2, 2, 2])


@both_formats
@pytest.mark.parametrize("x", [3.4e38, np.array([1e39, -1e300]), np.array([3.4e38, -3.4e38], np.float32), np.float64(1e300)])
def test_overflow_is_rounded_to_infinity_without_a_warning(name, x, strict):
    found = round_to(np.asarray(x)[()], format_of(name))
    assert found.dtype == format_of(name)
    assert np.all(np.isinf(found))


def test_rounding_leaves_alone_what_is_not_real():
    for value in (np.arange(3), np.ones(2, complex), np.array([True])):
        assert round_to(value, HALF) is value
    for value in ((1, 2), True, None):
        assert round_to(value, None) is value


# The names of formats


@pytest.mark.parametrize("name", [np.float16, "float16", "f2", "e", "half", np.dtype("float16")])
def test_float16_is_known_by_all_of_its_names(name):
    assert half_format(name) == HALF


def test_bfloat16_is_known_by_name_and_by_type():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    expected = np.dtype(ml_dtypes.bfloat16)
    assert half_format("bfloat16") == half_format(ml_dtypes.bfloat16) == half_format(expected) == expected


WRONG = [
    np.float64, np.float32, "float32", float, int, np.int16, np.uint16, "half-ish", "bfloat", "", None, 16, "V2", "S2",
    bool, np.complex64, "float8_e4m3", [16], np.dtype([("a", "i1"), ("b", "i1")]),
]


@pytest.mark.parametrize("dtype", WRONG, ids=repr)
def test_other_formats_are_refused_by_name(dtype):
    for ask in (half_format, autocast):
        with pytest.raises(ab.DifferentiationTypeError, match="16 bits") as caught:
            ask(dtype)
        assert repr(dtype) in str(caught.value)


def test_small_types_of_ml_dtypes_are_refused():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    for dtype in (ml_dtypes.int4, ml_dtypes.float8_e5m2):
        with pytest.raises(ab.DifferentiationTypeError, match="16 bits"):
            half_format(dtype)


def test_bfloat16_without_ml_dtypes_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    for ask in (half_format, autocast):
        with pytest.raises(ImportError, match=r"autograd-book\[precision\]"):
            ask("bfloat16")
    assert half_format("float16") == HALF
