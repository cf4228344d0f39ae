"""Primitives, plans, and calls in NumPy's own form (book/graph/primitive.md)."""

import numpy as np
import pytest
from vocabulary import CASES, NUMBER_OF_ROWS, ROWS, chapter_of

import autograd_book as ab
from autograd_book.graph.primitive import (
    Primitive,
    arrange,
    asked,
    fingerprint,
    is_default,
    primitives,
    seal,
    shape_of,
    signature,
)


def sample(x, y, scale=1):
    return x * y * scale


def made(**rules) -> Primitive:
    """A primitive that leaves the table as it was."""
    row = Primitive(sample, "x y", **rules)
    del primitives[sample]
    return row


def test_the_name_of_a_primitive_tells_it_from_all_others() -> None:
    assert len(ROWS) == NUMBER_OF_ROWS


def test_the_rules_of_every_primitive_stand_in_a_chapter_whose_cases_are_checked() -> None:
    chapters = {chapter_of(row).removeprefix("autograd_book.") for row in ROWS.values() if not row.flat}
    assert {c for c in chapters if not c.startswith(("learn.", "stability.", "scale."))} == set(CASES)


def test_every_primitive_that_is_not_flat_has_a_rule_for_each_argument_but_conditions_and_labels() -> None:
    for row in ROWS.values():
        if not row.flat and not row.joint:
            assert set(row.arguments) - set(row.rules) <= {"condition", "labels", "bits"}, row.name


def test_every_first_parameter_of_a_rule_is_the_cotangent() -> None:
    for row in ROWS.values():
        for rule in row.rules.values():
            assert rule.__code__.co_varnames[0] == "g"


def test_a_rule_asks_for_its_parameters_but_the_first() -> None:
    assert asked(lambda g, x, out, axis=None: g) == ("x", "out", "axis")


def test_a_rule_that_does_not_begin_with_g_is_refused() -> None:
    with pytest.raises(ab.DifferentiationTypeError, match="cotangent g"):
        asked(lambda x, g: g)


def test_a_rule_for_an_unknown_argument_is_refused() -> None:
    with pytest.raises(ab.DifferentiationTypeError, match="'z'"):
        made(z=lambda g: g)


def test_a_missing_rule_is_named_with_its_argument_when_it_is_needed() -> None:
    row = made(x=lambda g, y: g * y)
    assert row.plans[0b01].asks == ["y", "y_seal"]
    with pytest.raises(ab.NoRuleError, match="sample has no derivative rule for its argument y"):
        row.plans[0b10]


def test_a_plan_saves_and_pulls_by_the_names_of_its_rules() -> None:
    row = made(x=lambda g, y, scale=1: g * y * scale, y=lambda g, x, out, x_shape: (g, x, out, x_shape))
    plan = row.plans[0b11]
    saved = plan.save(30.0, (np.ones(2), 3.0))
    pulled = plan.pull(2.0, saved, {"scale": 5})
    assert pulled[0] == 30.0
    assert pulled[1][2:] == (30.0, (2,))


def test_a_plan_uses_the_default_of_a_parameter_that_was_not_given() -> None:
    plan = made(x=lambda g, y, scale=7: g * y * scale).plans[0b01]
    assert plan.pull(1.0, plan.save(0.0, (2.0, 3.0)), {}) == (21.0,)


def test_a_joint_rule_delivers_only_the_differentiated_arguments() -> None:
    row = Primitive(sample, "x y", joint=lambda g, x, y: (g * y, g * x))
    del primitives[sample]
    plan = row.plans[0b10]
    assert plan.pull(1.0, plan.save(6.0, (2.0, 3.0)), {}) == (2.0,)


def test_plans_are_made_once_for_each_choice() -> None:
    row = made(x=lambda g, y: g, y=lambda g, x: g)
    assert row.plans[1] is row.plans[1]
    assert row.plans[1] is not row.plans[2]


def test_a_flat_primitive_has_no_plan() -> None:
    assert ROWS["greater"].plans[0b11] is None


def test_a_star_argument_stands_for_any_number() -> None:
    plan = ROWS["join"].plans[0b101]
    assert plan.tracked == [0, 2]
    pieces = plan.pull(np.arange(6.0), plan.save(None, [np.zeros(1), np.zeros(2), np.zeros(3)]), {"axis": 0})
    assert [p.tolist() for p in pieces] == [[0.0], [3.0, 4.0, 5.0]]


@pytest.mark.parametrize(
    ("args", "kwargs", "arrays", "params"),
    [
        ((1.0, 2.0), {}, (1.0, 2.0), {}),
        ((1.0,), {"y": 2.0}, (1.0, 2.0), {}),
        ((), {"y": 2.0, "x": 1.0}, (1.0, 2.0), {}),
        ((1.0, 2.0, 3), {}, (1.0, 2.0), {"scale": 3}),
        ((1.0, 2.0), {"scale": 3}, (1.0, 2.0), {"scale": 3}),
        ((1.0, 2.0), {"scale": 1}, (1.0, 2.0), {}),
    ],
)
def test_a_call_is_split_into_arrays_and_what_differs_from_the_defaults(args, kwargs, arrays, params) -> None:
    row = made(x=lambda g, y, scale=1: g, y=lambda g, x, scale=1: g)
    assert arrange(row, args, kwargs) == (arrays, params)


def test_of_a_form_met_before_the_places_are_remembered_and_not_what_stood_there() -> None:
    row = made(x=lambda g, y, scale=1: g, y=lambda g, x, scale=1: g)
    for scale in (2, 3, 1, 2):
        params = {"scale": scale} if scale != 1 else {}
        for args, kwargs in [((1.0, 2.0, scale), {}), ((1.0,), {"scale": scale, "y": 2.0}), ((1.0,), {"y": 2.0, "scale": scale})]:
            assert arrange(row, args, kwargs) == ((1.0, 2.0), params)
    for wrong in ({"scale": 1, "size": 2}, {"y": 1.0}):
        for _ in range(2):
            with pytest.raises(TypeError):
                arrange(row, (1.0, 2.0), wrong)


def test_a_parameter_that_no_rule_reads_is_refused_by_name_and_value() -> None:
    with pytest.raises(ab.NoRuleError, match="scale=3"):
        arrange(made(x=lambda g, y: g, y=lambda g, x: g), (1.0, 2.0), {"scale": 3})


@pytest.mark.parametrize("option", [{"where": np.array([True, False])}, {"dtype": np.float32}, {"out": (np.empty(2),)}])
@pytest.mark.parametrize("fun", [np.add, np.exp, np.divide, np.sqrt, np.tanh], ids=lambda f: f.__name__)
def test_ufunc_options_that_no_rule_reads_are_refused(fun, option) -> None:
    x = ab.Variable([1.0, 2.0])
    with pytest.raises(ab.NoRuleError):
        fun(*[x] * fun.nin, **option)


def test_ufunc_options_at_their_defaults_are_accepted() -> None:
    x = ab.Variable([1.0, 2.0])
    assert np.add(x, x, where=True, casting="same_kind").node is not None


def test_the_signature_of_a_ufunc_holds_its_arrays_and_options() -> None:
    names = list(signature(np.add, ("x", "y")).parameters)
    assert names[:2] == ["x", "y"]
    assert "out" in names


@pytest.mark.parametrize("value", [3.0, [1.0, 2.0], np.ones((2, 3)), np.float32(1), ab.Variable([1.0]), 4], ids=str)
def test_shape_of_answers_as_numpy_does(value) -> None:
    assert shape_of(value) == np.shape(value.numpy() if isinstance(value, ab.Variable) else value)


@pytest.mark.parametrize(
    ("value", "default", "same"),
    [(None, None, True), (1, 1, True), ("K", "K", True), (1, True, False), (True, 1, False), (0, None, False)],
)
def test_a_default_is_recognised_by_kind_and_value(value, default, same) -> None:
    assert is_default(value, default) is same


# Seals of constants


def negated(c):
    np.negative(c, out=c)


def exchanged(rows):
    def change(c):
        flat = c.reshape(-1)
        flat[:rows], flat[-rows:] = flat[-rows:].copy(), flat[:rows].copy()

    return change


def balanced(c):
    flat = c.reshape(-1)
    flat[3] += 1
    flat[3 + 1021] -= 1


#: Changes in place that keep sums, numbers, or all but one bit.
CHANGES = {
    "one bit": lambda c: np.bitwise_xor(v := c.reshape(-1)[-1:].view(np.uint8), 1, out=v),
    "all signs": negated,
    "signs of every second": lambda c: negated(c.reshape(-1)[1::2]),
    "signs of two": lambda c: negated(c.reshape(-1)[5:7]),
    "doubled": lambda c: np.multiply(c, 2, out=c),
    "reversed": lambda c: c.__setitem__(slice(None), c[::-1].copy()),
    "two rows": exchanged(1024),
    "two numbers": exchanged(1),
    "two columns of a prime": exchanged(1021),
    "sum kept": balanced,
}
SIZES = [2, 4083, 4084, 4096, 8191, 8192, 8193, 32767, 32768, 50_176]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16, np.float16, np.complex64])
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_a_constant_is_seen_at_every_size(change, dtype):
    for size in SIZES:
        if size < 2100 and change not in ("one bit", "all signs", "doubled", "reversed", "two numbers"):
            continue
        c = (np.arange(size) % 4096 + 1).astype(dtype)
        before = c.tobytes()
        noted = seal(c), fingerprint(c)
        CHANGES[change](c)
        same = c.tobytes() == before
        assert ((seal(c) == noted[0]), fingerprint(c) == noted[1]) == (same, same), size


@pytest.mark.parametrize("size", [4083, 4084, 8168])
def test_a_gradient_that_a_change_would_make_wrong_is_refused(size):
    v, c = ab.Variable(np.ones(size)), np.ones(size)
    y = np.sum(v * c)
    c *= -1
    with pytest.raises(ab.MutatedValueError):
        y.backward()


def test_a_product_of_a_constant_that_changed_in_place_is_computed_anew():
    a, w = np.ones((64, 64), np.float32), ab.Variable(np.ones((64, 3), np.float32))
    with ab.autocast():
        first = (a @ w).numpy()
        np.negative(a, out=a)
        np.testing.assert_array_equal((a @ w).numpy(), -first)


def test_what_nobody_can_write_into_needs_no_seal():
    own = np.ones(10_000)
    view = own[1:]
    view.flags.writeable = False
    assert seal(view) is not None  # its owner can
    own.flags.writeable = False
    assert seal(own) is seal(own[1:]) is seal(own.reshape(100, 100).T) is seal(3.0) is None
    assert seal(np.frombuffer(bytes(80_000))) is None
    opened = np.frombuffer(bytearray(80_000))
    opened.flags.writeable = False
    assert seal(opened) is not None
