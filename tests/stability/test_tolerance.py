"""What a saved value may suffer: the tables name what rules save, and forms keep what they promise."""

import numpy as np
import pytest

import autograd_book as ab
from autograd_book.graph.backward import reachable
from autograd_book.graph.primitive import asked, primitives
from autograd_book.stability.formats import half_format
from autograd_book.stability.tolerance import (
    ABSOLUTE,
    EXACT,
    RELATIVE,
    SIGNED,
    TOLERATES,
    Packed,
    in_range,
    least_kept,
    limits,
    scaled_form,
)

HALF = np.dtype(np.float16)


def test_every_entry_names_a_value_that_a_rule_of_the_primitive_asks_for():
    for primitive, name in TOLERATES:
        rules = [*primitive.rules.values(), *([primitive.joint] if primitive.joint else [])]
        assert any(name in asked(rule) for rule in rules), (primitive.name, name)


def test_kinds_of_error_are_in_order_and_the_default_is_none_at_all():
    assert EXACT < SIGNED < RELATIVE < ABSOLUTE
    assert least_kept(primitives[np.sin], "x", HALF) is None
    assert least_kept(primitives[np.tanh], "out", HALF) == 0.0
    assert least_kept(primitives[np.absolute], "x", HALF) == 2.0**-24
    assert least_kept(primitives[np.log], "x", HALF) == 2.0**-14


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_limits_are_those_of_the_format(name):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    normal, least, most = limits(half_format(name))
    info = ml_dtypes.finfo(half_format(name))
    assert (normal, least) == (float(info.smallest_normal), float(info.smallest_subnormal))
    below = np.float32(most) * np.float32(1 - 2.0**-20)
    with np.errstate(over="ignore"):
        assert np.isinf(np.float32(most).astype(half_format(name))) and np.isfinite(below.astype(half_format(name)))


@pytest.mark.parametrize("scale", [1e-25, 1e-6, 1.0, 1e6, 1e30])
def test_a_scaled_array_keeps_the_digits_of_a_half_at_any_scale(scale):
    x = (np.random.default_rng(0).uniform(0.5, 2.0, 1000) * scale).astype(np.float32)
    form = scaled_form(x, HALF, careful=True)
    assert form.halves.dtype == HALF and [a is form.halves for a in form.arrays()] == [True]
    np.testing.assert_allclose(form.recall(), x, 2.0**-11)


@pytest.mark.parametrize("bad", [[1.0, np.nan], [1.0, np.inf], [3e38, 1.0], [1e-32], [1, 2], [1 + 1j]])
def test_an_array_that_halves_cannot_hold_is_declined(bad):
    x = np.asarray(bad, np.float32 if np.isrealobj(bad) and bad != [1, 2] else None)
    assert scaled_form(x, HALF, careful=False) is None


def test_a_careful_form_declines_what_would_lose_digits_and_the_plain_one_does_not():
    x = np.float32([1e4, 1e-9])
    assert scaled_form(x, HALF, careful=True) is None
    np.testing.assert_allclose(scaled_form(x, HALF, careful=False).recall(), x, 2.0**-11, 1e4 * 2.0**-40)


def test_a_range_allows_zeros_and_refuses_everything_outside_of_it():
    assert in_range(np.float32([0.0, 1.0, -2.0]), 1.0, 2.5)
    assert not in_range(np.float32([0.5]), 1.0, 2.5) and not in_range(np.float32([2.5]), 1.0, 2.5)
    assert not in_range(np.float32([1.0, np.nan]), 1.0, 2.5)
    assert not in_range(np.concatenate([np.ones(40_000), [3.0]]), 1.0, 2.5)


def test_a_packed_tuple_recalls_forms_and_hands_on_the_rest():
    form = scaled_form(np.float32([0.25, 0.5]), HALF, careful=True)
    packed = Packed([form, (2, 3), np.arange(2)])
    first, shape, last = packed.recall()
    assert first.tolist() == [0.25, 0.5] and shape == (2, 3) and last.tolist() == [0, 1]
    assert [a.nbytes for a in packed.arrays()] == [4, 16]


def test_a_node_recalls_a_packed_tuple_on_the_way_back():
    x = ab.Variable(np.float32([0.25, 0.5]))
    out = np.sum(np.square(x))
    (node,) = [n for n in reachable(out.node) if n.plan and n.plan.primitive is primitives[np.square]]
    node.saved = Packed([scaled_form(node.saved[0], HALF, careful=True)])
    out.backward()
    assert x.grad.numpy().tolist() == [0.5, 1.0]
