"""The check that keeps the others honest, itself checked by formulas written by hand (book/modes/check.md)."""

import math

import numpy as np
import pytest
from vocabulary import DOMAINS, ROWS, function_of, uniform

import autograd_book as ab
from autograd_book import check_gradients
from autograd_book.graph.primitive import Primitive
from autograd_book.modes.check import central_difference

# First and second derivatives, from a table of formulas and not from the engine.
BY_HAND = {
    "negative": (lambda x: -1.0, lambda x: 0.0),
    "positive": (lambda x: 1.0, lambda x: 0.0),
    "reciprocal": (lambda x: -(x**-2.0), lambda x: 2 * x**-3.0),
    "square": (lambda x: 2 * x, lambda x: 2.0),
    "sqrt": (lambda x: 0.5 * x**-0.5, lambda x: -0.25 * x**-1.5),
    "cbrt": (lambda x: x ** (-2 / 3) / 3, lambda x: -2 / 9 * x ** (-5 / 3)),
    "exp": (math.exp, math.exp),
    "exp2": (lambda x: math.log(2) * 2**x, lambda x: math.log(2) ** 2 * 2**x),
    "expm1": (math.exp, math.exp),
    "log": (lambda x: 1 / x, lambda x: -1 / x**2),
    "log2": (lambda x: 1 / x / math.log(2), lambda x: -1 / x**2 / math.log(2)),
    "log10": (lambda x: 1 / x / math.log(10), lambda x: -1 / x**2 / math.log(10)),
    "log1p": (lambda x: 1 / (1 + x), lambda x: -1 / (1 + x) ** 2),
    "sin": (math.cos, lambda x: -math.sin(x)),
    "cos": (lambda x: -math.sin(x), lambda x: -math.cos(x)),
    "tan": (lambda x: math.cos(x) ** -2, lambda x: 2 * math.tan(x) * math.cos(x) ** -2),
    "arcsin": (lambda x: (1 - x * x) ** -0.5, lambda x: x * (1 - x * x) ** -1.5),
    "arccos": (lambda x: -((1 - x * x) ** -0.5), lambda x: -x * (1 - x * x) ** -1.5),
    "arctan": (lambda x: 1 / (1 + x * x), lambda x: -2 * x / (1 + x * x) ** 2),
    "sinh": (math.cosh, math.sinh),
    "cosh": (math.sinh, math.cosh),
    "tanh": (lambda x: math.cosh(x) ** -2, lambda x: -2 * math.tanh(x) * math.cosh(x) ** -2),
    "arcsinh": (lambda x: (x * x + 1) ** -0.5, lambda x: -x * (x * x + 1) ** -1.5),
    "arccosh": (lambda x: (x * x - 1) ** -0.5, lambda x: -x * (x * x - 1) ** -1.5),
    "arctanh": (lambda x: 1 / (1 - x * x), lambda x: 2 * x / (1 - x * x) ** 2),
    "absolute": (lambda x: math.copysign(1, x), lambda x: 0.0),
    "fabs": (lambda x: math.copysign(1, x), lambda x: 0.0),
    "sign": (lambda x: 0.0, lambda x: 0.0),
    "relu": (lambda x: float(x > 0), lambda x: 0.0),
}
UNARY = sorted(name for name, domains in DOMAINS.items() if len(domains) == 1)


def test_every_function_of_one_argument_has_its_formulas() -> None:
    assert sorted(BY_HAND) == UNARY


@pytest.mark.parametrize("name", UNARY)
def test_derivatives_equal_formulas_written_by_hand(name) -> None:
    f = function_of(name)
    first, second = BY_HAND[name]
    for x in uniform((5,), *DOMAINS[name][0], seed=3).tolist():
        assert ab.grad(f)(x) == pytest.approx(first(x), rel=1e-12, abs=1e-14)
        assert ab.grad(ab.grad(f))(x) == pytest.approx(second(x), rel=1e-10, abs=1e-12)


@pytest.mark.parametrize("name", UNARY)
def test_numeric_and_analytic_columns_equal_formulas_written_by_hand(name) -> None:
    first, second = BY_HAND[name]
    x = float(uniform((), *DOMAINS[name][0], seed=3))
    lines = check_gradients(function_of(name), x, seed=5)
    rng = np.random.default_rng(5)
    weight = rng.uniform(0.5, 1.5, ())
    assert [line.mode for line in lines] == ["reverse", "reverse", "forward", "forward"]
    for one, two in (lines[:2], lines[2:]):
        v, w = rng.normal(size=()), rng.normal(size=())
        for column in ("analytic", "numeric"):
            assert getattr(one, column) == pytest.approx(first(x) * weight * v, rel=1e-6, abs=1e-7)
            assert getattr(two, column) == pytest.approx(second(x) * weight * v * w, rel=1e-6, abs=1e-7)


@pytest.fixture
def replaced():
    """Puts another rule in place of one of the book's, for the duration of a test."""
    undo = []

    def replace(name: str, argument: str, rule) -> None:
        row = ROWS[name]
        undo.append((row, argument, row.rules[argument]))
        row.rules[argument] = rule
        row.plans.clear()

    yield replace
    for row, argument, rule in undo:
        row.rules[argument] = rule
        row.plans.clear()


PLANTED = {
    "factor": ("multiply", "x", lambda g, y: 1.001 * g * y),
    "sign": ("subtract", "y", lambda g: g),
    "wrong operand": ("multiply", "y", lambda g, y: g * y),
    "missing chain": ("square", "x", lambda g, x: 2 * x),
    "constant": ("tanh", "x", lambda g, out: g),
    "offset": ("exp", "x", lambda g, out: g * out + 1e-3),
    "second argument": ("divide", "y", lambda g, out, y: g * out / y),
    "zero": ("sin", "x", lambda g, x: g * 0),
    "nan": ("log", "x", lambda g, x: g * np.nan),
    "infinite": ("log", "x", lambda g, x: g * np.inf),
}


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("error", PLANTED)
def test_a_planted_error_of_the_first_order_is_caught(error, replaced) -> None:
    name, argument, rule = PLANTED[error]
    args = [uniform((3, 2), 0.5, 1.5, seed=i) for i in range(len(ROWS[name].arguments))]
    f = function_of(name)
    check_gradients(f, *args)
    replaced(name, argument, rule)
    with pytest.raises(ab.GradientCheckError, match="order 1"):
        check_gradients(f, *args)


def test_an_error_in_a_single_entry_is_caught(replaced) -> None:
    spot = np.zeros((10, 10))
    spot[3, 7] = 1e-2
    replaced("exp", "x", lambda g, out: g * out * (1 + spot))
    with pytest.raises(ab.GradientCheckError):
        check_gradients(np.exp, np.ones((10, 10)))


def test_an_error_that_only_the_second_order_shows_is_caught() -> None:
    # The value of the slope is right; its own derivative is lost on the way through a constant.
    @ab.primitive("x", x=lambda g, x: g * 3.0 * (x.numpy() if isinstance(x, ab.Variable) else x) ** 2)
    def cube(x):
        return x**3

    lost = lambda x: cube(x)
    with pytest.raises(ab.AutogradError):
        check_gradients(lost, np.array([0.5, 1.5]))
    check_gradients(lost, np.array([0.5, 1.5]), order=1)


def test_a_wrong_forward_function_is_caught() -> None:
    row = ROWS["sin"]
    wrong = Primitive(lambda x: np.cos(x), "x", x=row.rules["x"])
    from autograd_book.graph.primitive import primitives
    from autograd_book.graph.stack import bind

    del primitives[wrong.fun]
    with pytest.raises(ab.GradientCheckError):
        check_gradients(lambda x: bind(wrong, x), np.ones(3))


def test_a_rule_with_an_error_in_one_of_two_arguments_is_caught_in_that_one(replaced) -> None:
    replaced("add", "y", lambda g: 2 * g)
    check_gradients(lambda x: np.add(x, 1.0), np.ones(2))
    with pytest.raises(ab.GradientCheckError):
        check_gradients(lambda y: np.add(1.0, y), np.ones(2))


def test_single_precision_is_differentiated_in_single_precision_and_accepted() -> None:
    dtypes = set()
    f = lambda x: dtypes.add(x.dtype) or np.tanh(x) * x
    check_gradients(f, np.linspace(-1, 1, 5, dtype=np.float32))
    assert np.dtype(np.float32) in dtypes


def test_single_precision_errors_beyond_rounding_are_caught(replaced) -> None:
    replaced("tanh", "x", lambda g, out: g * (1.02 - out * out))
    with pytest.raises(ab.GradientCheckError):
        check_gradients(np.tanh, np.linspace(-1, 1, 5, dtype=np.float32))


@pytest.mark.parametrize("order", [1, 2, 3])
def test_there_is_a_line_for_each_order(order) -> None:
    report = check_gradients(np.sin, np.ones(3), order=order)
    assert [line.order for line in report] == 2 * list(range(1, order + 1))
    assert str(report).count("analytic") == 2 * order
    assert [line.mode for line in check_gradients(np.sin, 1.0, modes=("forward",), order=order)] == ["forward"] * order


def test_the_tolerance_is_obeyed_in_both_directions(replaced) -> None:
    replaced("sin", "x", lambda g, x: 1.01 * g * np.cos(x))
    check_gradients(np.sin, np.array([0.5]), tolerance=0.1)
    with pytest.raises(ab.GradientCheckError, match="5e-03"):
        check_gradients(np.sin, np.array([0.5]), tolerance=5e-3, order=1)


def test_the_same_seed_gives_the_same_report() -> None:
    assert check_gradients(np.sin, np.ones(3), seed=1) == check_gradients(np.sin, np.ones(3), seed=1)
    assert check_gradients(np.sin, np.ones(3), seed=1) != check_gradients(np.sin, np.ones(3), seed=2)


def test_linear_functions_pass_at_the_second_order() -> None:
    check_gradients(lambda x: 3.0 * x, np.ones(4))
    check_gradients(lambda x: np.sum(x), 1e6 * np.ones(4))


@pytest.mark.parametrize("scale", [1.0, 1e3, 1e6])
def test_the_check_grows_its_step_with_the_arguments(scale) -> None:
    check_gradients(lambda x: np.sin(x / scale) * scale, scale * np.array([0.3, 0.9]))


@pytest.mark.parametrize("scale", [1.0, 1e3, 1e6, 1e9])
def test_the_difference_quotient_is_as_exact_for_large_arguments(scale) -> None:
    slope = central_difference(lambda x: np.sin(x / scale) * scale, [scale * np.array(0.3)], [np.array(1.0)])
    assert slope == pytest.approx(math.cos(0.3), rel=1e-9)


def test_the_difference_quotient_follows_its_direction() -> None:
    x, v = np.array([1.0, 2.0]), np.array([0.5, -3.0])
    assert central_difference(lambda x: float(np.sum(x**2)), [x], [v]) == pytest.approx(2 * x @ v)


def test_a_corner_is_reported() -> None:
    with pytest.raises(ab.GradientCheckError, match="corners"):
        check_gradients(ab.relu, np.array([0.0, 1.0]), order=1)


@pytest.mark.parametrize("options", [{"order": 0}, {"order": -1}, {"modes": ("sideways",)}, {"modes": ()}])
def test_an_unknown_mode_or_order_is_refused(options) -> None:
    with pytest.raises(ab.DifferentiationValueError, match=str(next(iter(options)))):
        check_gradients(np.sin, 1.0, **options)


def test_arguments_are_left_as_they_were() -> None:
    x = np.array([0.5, 1.5])
    check_gradients(np.exp, x)
    np.testing.assert_array_equal(x, [0.5, 1.5])


def test_several_arguments_of_several_shapes() -> None:
    report = check_gradients(lambda x, y, z: np.tanh(x @ y) + z, np.ones((2, 3)), np.ones(3), 0.5)
    assert len(report) == 4
