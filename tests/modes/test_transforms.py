"""Functions of functions (book/modes/transforms.md)."""

import math
import threading

import numpy as np
import pytest

import autograd_book as ab
from autograd_book import Variable, grad, value_and_grad, vjp


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0,)], ids=str)
def test_gradients_are_plain_and_have_shape_and_dtype_of_the_argument(shape, dtype) -> None:
    x = np.full(shape, 0.5, dtype)
    value, g = value_and_grad(lambda x: np.sum(np.sin(x) * 2.0))(x)
    assert not isinstance(value, Variable)
    assert not isinstance(g, Variable)
    assert np.shape(g) == shape
    assert np.asarray(g).dtype == np.asarray(value).dtype == dtype
    np.testing.assert_allclose(g, 2.0 * np.cos(x), rtol=1e-6)


def test_a_python_number_gives_a_number_of_64_bits() -> None:
    assert grad(np.square)(3.0) == 6.0
    assert grad(np.square)(3.0).dtype == np.float64


@pytest.mark.parametrize("bad", [2, np.arange(3), True, "x", None], ids=str)
def test_what_has_no_derivative_is_refused(bad) -> None:
    with pytest.raises(ab.DifferentiationTypeError):
        grad(lambda x: x)(bad)


def test_arguments_are_not_changed_or_kept() -> None:
    x = np.array([1.0, 2.0])
    seen = []
    grad(lambda x: seen.append(x.data) or np.sum(x * x))(x)
    assert seen[0].base is x  # no copy of large inputs


def test_argnums_chooses_arguments() -> None:
    f = lambda x, y, z: x * y + z
    assert grad(f)(2.0, 3.0, 4.0) == 3.0
    assert grad(f, 1)(2.0, 3.0, 4.0) == 2.0
    assert grad(f, argnums=-1)(2.0, 3.0, 4.0) == 1.0
    assert grad(f, argnums=(1, 0))(2.0, 3.0, 4.0) == (2.0, 3.0)
    assert grad(f, argnums=(0,))(2.0, 3.0, 4.0) == (3.0,)


def test_other_arguments_may_be_anything() -> None:
    f = lambda x, table, *, power: x**power * len(table)
    assert grad(f)(3.0, {"a": 1}, power=2) == 6.0


@pytest.mark.parametrize("argnums", [1, -2, (0, 3)])
def test_a_missing_argument_is_refused(argnums) -> None:
    with pytest.raises(ab.DifferentiationValueError, match="positional arguments"):
        grad(lambda x: x, argnums)(1.0)


def test_grad_needs_a_single_number() -> None:
    with pytest.raises(ab.DifferentiationValueError, match=r"\(2,\)"):
        grad(lambda x: x * 2.0)(np.ones(2))


@pytest.mark.parametrize("out", ["text", None, [1.0], (1.0,), {"a": 1.0}], ids=str)
def test_a_result_without_derivative_is_refused(out) -> None:
    with pytest.raises(ab.DifferentiationTypeError):
        grad(lambda x: out)(1.0)


@pytest.mark.parametrize("result", [3, True, np.int64(3), np.True_, np.arange(1)[0]])
def test_whole_numbers_and_truth_values_are_refused_whoever_made_them(result) -> None:
    for transformed in (grad, ab.value_and_grad, lambda f: lambda x: ab.jvp(f, (x,), (x,)), lambda f: lambda x: ab.vjp(f, x)):
        with pytest.raises(ab.DifferentiationTypeError, match=str(np.result_type(result))):
            transformed(lambda x: result)(1.0)


class Labelled:
    """An array of another library, which wraps what NumPy hands over to it."""

    __array_priority__ = 100

    def __init__(self, data):
        self.data, self.shape, self.dtype = data, np.shape(data), np.dtype(float)

    def __mul__(self, other):
        return Labelled(self.data * other)

    __rmul__ = __mul__

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return Labelled(ufunc(*(getattr(i, "data", i) if isinstance(i, Labelled) else i for i in inputs), **kwargs))

    def sum(self, **options):
        return Labelled(np.sum(self.data))


FOREIGN = {
    "theirs first": lambda x, c: c * x,
    "theirs second": lambda x, c: x * c,
    "a sum, which saves nothing": lambda x, c: x + c,
    "a function": lambda x, c: np.multiply(c, x),
}


@pytest.mark.parametrize("form", FOREIGN)
@pytest.mark.parametrize("transformed", [grad, lambda f: lambda x: ab.jvp(f, (x,), (x,)), lambda f: lambda x: ab.vjp(f, x)], ids=["grad", "jvp", "vjp"])
def test_the_array_of_another_library_is_refused_by_name_and_never_a_zero(form, transformed) -> None:
    with pytest.raises(ab.DifferentiationTypeError, match="Labelled"):
        transformed(lambda x: np.sum(FOREIGN[form](x, Labelled(np.ones(3)))))(np.ones(3))


def test_the_values_inside_the_array_of_another_library_can_be_differentiated() -> None:
    found = grad(lambda x: np.sum((Labelled(np.array([1.0, 2.0])) * x).data))(np.ones(2))
    np.testing.assert_array_equal(found, [1.0, 2.0])


def test_a_variable_inside_a_list_is_refused_rather_than_lost() -> None:
    with pytest.raises(ab.AutogradError):
        grad(lambda x: [x * 2.0])(1.0)


@pytest.mark.parametrize("f", [lambda x: 3.0, lambda x: np.float64(3.0), lambda x: np.ones(())])
def test_a_constant_function_has_gradient_zero(f) -> None:
    g = grad(f)(np.ones((2, 3), np.float32))
    assert g.dtype == np.float32
    np.testing.assert_array_equal(g, np.zeros((2, 3)))


def test_an_argument_that_does_not_matter_has_gradient_zero() -> None:
    gx, gy = vjp(lambda x, y: x * 2.0, np.ones(2), np.ones((3, 1), np.float32))[1](np.ones(2))
    np.testing.assert_array_equal(gx, [2.0, 2.0])
    assert (gy.shape, gy.dtype) == ((3, 1), np.float32)
    assert not gy.any()


def test_the_identity_has_the_cotangent_itself() -> None:
    out, pullback = vjp(lambda x: x, np.array([1.0, 2.0]))
    np.testing.assert_array_equal(out, [1.0, 2.0])
    np.testing.assert_array_equal(pullback(np.array([5.0, 7.0]))[0], [5.0, 7.0])


def test_the_same_argument_twice_adds_up_in_neither() -> None:
    x = np.array([2.0])
    gx, gy = vjp(lambda x, y: x * y, x, x)[1](np.ones(1))
    assert (gx[0], gy[0]) == (2.0, 2.0)


def test_a_pullback_can_be_called_many_times() -> None:
    _, pullback = vjp(lambda x, y: np.exp(x) * y, np.array([0.0, 1.0]), np.array([2.0, 3.0]))
    first = pullback(np.array([1.0, 0.0]))
    second = pullback(np.array([0.0, 1.0]))
    again = pullback(np.array([1.0, 0.0]))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_allclose(second, [[0.0, 3.0 * math.e], [0.0, math.e]])


def test_pullbacks_are_linear() -> None:
    rng = np.random.default_rng(0)
    _, pullback = vjp(lambda x: np.tanh(x @ np.ones((3, 2))), rng.normal(size=(4, 3)))
    a, b = rng.normal(size=(2, 4, 2))
    np.testing.assert_allclose(pullback(2.0 * a + 3.0 * b)[0], 2.0 * pullback(a)[0] + 3.0 * pullback(b)[0])


def test_a_pullback_inside_another_transformation_is_differentiated() -> None:
    _, pullback = vjp(lambda x: x**3, np.float64(2.0))
    # The pullback multiplies by 12.
    assert grad(lambda g: pullback(g)[0] ** 2)(1.0) == 2 * 12.0 * 12.0


def test_a_pullback_with_captured_variables_of_an_outer_record() -> None:
    def outer(x):
        _, pullback = vjp(lambda y: x * y * y, 3.0)  # pullback(g) = 2 x y g
        return pullback(1.0)[0] * pullback(x)[0]  # 6 x * 6 x x

    assert grad(outer)(2.0) == pytest.approx(3 * 36 * 4.0)


def test_a_pullback_kept_and_called_in_a_later_transformation() -> None:
    kept = []

    def first(x):
        kept.append(vjp(lambda y: np.sin(y), 0.5)[1])
        return x

    grad(first)(1.0)
    assert grad(lambda z: kept[0](z * z)[0])(3.0) == pytest.approx(6.0 * math.cos(0.5))


@pytest.mark.parametrize("g", [1.0, np.ones(3), np.ones((2, 1))], ids=str)
def test_a_cotangent_of_the_wrong_shape_is_refused(g) -> None:
    with pytest.raises(ab.DifferentiationValueError, match=r"\(2,\)"):
        vjp(lambda x: x * 2.0, np.ones(2))[1](g)


def test_a_cotangent_of_the_wrong_shape_is_refused_when_the_result_is_constant() -> None:
    with pytest.raises(ab.DifferentiationValueError):
        vjp(lambda x: np.ones(2), np.ones(2))[1](np.ones(3))


def test_perturbations_are_not_confused() -> None:
    assert grad(lambda x: x * grad(lambda y: x + y)(1.0))(1.0) == 1.0
    assert grad(lambda x: x * grad(lambda y: x * y)(2.0))(5.0) == 10.0
    assert grad(lambda x: grad(lambda y: grad(lambda z: x * y * z)(1.0))(1.0) * x)(4.0) == 8.0


def test_an_inner_gradient_does_not_see_the_outer_variable() -> None:
    assert grad(lambda x: grad(lambda y: x * x)(1.0) + x)(3.0) == 1.0


def test_nested_functions_share_the_outer_variable() -> None:
    # d/dx [ x^2 * d/dy (x y^2) at y = x ] = d/dx [2 x^4]
    assert grad(lambda x: x**2 * grad(lambda y: x * y**2)(x))(2.0) == pytest.approx(8 * 8.0)


@pytest.mark.parametrize(("order", "expected"), list(enumerate([0.0, 1.0, 0.0, -2.0, 0.0, 16.0, 0.0, -272.0])))
def test_derivatives_of_tanh_at_zero_to_the_seventh_order(order, expected) -> None:
    f = np.tanh
    for _ in range(order):
        f = grad(f)
    assert f(0.0) == pytest.approx(expected, abs=1e-9)


def test_transformations_of_program_variables_leave_their_gradients_alone() -> None:
    w = Variable(3.0)
    g = grad(lambda x: x * w)(2.0)
    assert type(g) is Variable  # it depends on w, and is recorded
    g.backward()
    assert w.grad.item() == 1.0


def test_backward_inside_a_transformation_walks_only_its_own_graph() -> None:
    w = Variable(3.0)

    def f(x):
        (w * 5.0).backward()
        return x * x

    assert grad(f)(2.0) == 4.0
    assert w.grad.item() == 5.0


def test_a_function_is_run_once() -> None:
    runs = []
    value_and_grad(lambda x, y, z: runs.append(1) or x * y * z, (0, 1, 2))(1.0, 2.0, 3.0)
    assert runs == [1]


def test_an_error_inside_leaves_the_stack_as_it_was() -> None:
    with pytest.raises(ZeroDivisionError):
        grad(lambda x: 1 / 0)(1.0)
    assert grad(np.square)(3.0) == 6.0
    assert type(Variable(1.0) * 2.0) is Variable


def test_a_leaked_variable_names_the_function_and_its_place() -> None:
    caught = []

    def forgetful(x):
        caught.append(x * x)
        return x

    grad(forgetful)(2.0)
    with pytest.raises(ab.LeakedVariableError, match=r"forgetful.*test_transforms"):
        np.exp(caught[0])


def test_many_threads_transform_at_once() -> None:
    start = threading.Barrier(8)
    found: dict[int, float] = {}

    def work(n: int) -> None:
        start.wait()
        for _ in range(20):
            found[n] = grad(grad(lambda x: x ** float(n)))(2.0)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert {n: pytest.approx(n * (n - 1) * 2.0 ** (n - 2)) for n in range(8)} == found


def test_gradient_of_a_regression_equals_its_closed_form() -> None:
    rng = np.random.default_rng(0)
    x, y, w = rng.normal(size=(20, 3)), rng.normal(size=20), rng.normal(size=3)
    g = grad(lambda w: np.mean((x @ w - y) ** 2))(w)
    np.testing.assert_allclose(g, 2 * x.T @ (x @ w - y) / 20)


def test_jacobian_and_hessian_of_a_quadratic_by_pullbacks() -> None:
    a = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0], [1.0, 0.0, 4.0]])
    _, pullback = vjp(grad(lambda x: x @ a @ x), np.array([1.0, -1.0, 2.0]))
    np.testing.assert_allclose([pullback(row)[0] for row in np.eye(3)], a + a.T)


def test_the_hessian_of_a_tree_has_a_block_for_each_pair_of_leaves() -> None:
    rng = np.random.default_rng(0)
    tree = {"w": rng.normal(size=(2, 3)), "b": (rng.normal(size=2), 0.5)}
    f = lambda p: np.sum(np.tanh(p["w"] @ np.arange(1.0, 4.0) + p["b"][0])) * p["b"][1] ** 2
    blocks = ab.hessian(f)(tree)
    flat = np.concatenate([tree["w"].ravel(), tree["b"][0], [0.5]])
    whole = ab.hessian(lambda v: f({"w": v[:6].reshape(2, 3), "b": (v[6:8], v[8])}))(flat)
    assert blocks["w"]["b"][0].shape == (2, 3, 2) and blocks["b"][1]["w"].shape == (2, 3)
    np.testing.assert_allclose(blocks["w"]["b"][0].reshape(6, 2), whole[:6, 6:8], atol=1e-14)
    np.testing.assert_allclose(blocks["b"][1]["w"].ravel(), whole[8, :6], atol=1e-14)
    np.testing.assert_allclose(blocks["b"][1]["b"][1], whole[8, 8], atol=1e-14)
    second = ab.hessian(lambda scale, p: scale * f(p), argnums=1)(2.0, tree)
    np.testing.assert_allclose(second["w"]["w"], 2.0 * blocks["w"]["w"])
