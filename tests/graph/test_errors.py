"""The hierarchy of errors (book/graph/errors.md)."""

import pytest

import autograd_book as ab
from autograd_book.graph import errors

BUILT_IN = {
    "DifferentiationTypeError": TypeError,
    "DifferentiationValueError": ValueError,
    "NoRuleError": NotImplementedError,
    "FreedGraphError": RuntimeError,
    "LeakedVariableError": RuntimeError,
    "MutatedValueError": RuntimeError,
    "NonFiniteError": FloatingPointError,
    "GradientCheckError": AssertionError,
}


@pytest.mark.parametrize("name", BUILT_IN)
def test_each_error_is_ours_and_the_built_in_one_a_caller_expects(name) -> None:
    kind = getattr(errors, name)
    assert issubclass(kind, ab.AutogradError)
    assert issubclass(kind, BUILT_IN[name])


def test_no_error_class_is_missing_from_the_table() -> None:
    assert {kind.__name__ for kind in ab.AutogradError.__subclasses__()} >= set(BUILT_IN)
    assert {n for n in errors.__all__ if n.endswith("Error")} == {"AutogradError", *BUILT_IN}


def test_every_error_is_on_the_public_face() -> None:
    assert all(getattr(ab, name) is getattr(errors, name) for name in ("AutogradError", *BUILT_IN))


def test_a_close_name_is_suggested() -> None:
    assert errors.nearest("sqart", ["sqrt", "exp"]) == "Did you mean sqrt?"


def test_a_name_far_from_all_gets_a_way_out_instead() -> None:
    assert "autograd_book.primitive" in errors.nearest("fft", ["sqrt", "exp"])


def test_at_most_three_names_are_suggested() -> None:
    assert errors.nearest("sinx", ["sin1", "sin2", "sin3", "sin4"]).count(" or ") == 2
