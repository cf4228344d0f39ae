"""The products of book/rules/dots.md."""

import numpy as np
import pytest
from casework import uniform

import autograd_book as ab
from autograd_book.graph.backward import reachable


def names_in(out: ab.Variable) -> list[str]:
    return [node.plan.primitive.name for node in reachable(out.node) if node.plan]



def test_dot_with_a_number_is_a_product() -> None:
    x = ab.Variable([1.0, 2.0])
    np.dot(x, 3.0).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [3.0, 3.0])


def test_hermitian_products_conjugate_their_first_argument() -> None:
    z = np.array([1.0 + 2.0j, -3.0j])
    w = np.array([0.5 - 1.0j, 2.0 + 1.0j])
    gz, gw = ab.grad(lambda z, w: np.real(np.vdot(z, w)), (0, 1))(z, w)
    np.testing.assert_allclose(gz, w)  # the real part is the inner product of the plane
    np.testing.assert_allclose(gw, z)
    assert np.vdot(ab.Variable(z), w).numpy() == np.vdot(z, w)


@pytest.mark.skipif(not hasattr(np, "vecmat"), reason="NumPy 2.2 brought them")
def test_stacked_vector_products_agree_with_numpy_on_complex_numbers() -> None:
    v, m = uniform((4, 3)) + 1j * uniform((4, 3), seed=1), uniform((3, 3)) * (1 + 2j)
    np.testing.assert_allclose(np.vecdot(ab.Variable(v), v).numpy(), np.vecdot(v, v))
    np.testing.assert_allclose(np.vecmat(ab.Variable(v), m).numpy(), np.vecmat(v, m))
    np.testing.assert_allclose(np.matvec(m, ab.Variable(v)).numpy(), np.matvec(m, v))


@pytest.mark.filterwarnings("ignore:Arrays of 2-dimensional vectors:DeprecationWarning")
def test_vectors_in_the_plane_have_a_number_for_their_product() -> None:
    x, y = uniform((4, 2)), uniform((2,), seed=1)
    ours = np.cross(ab.Variable(x), y)
    np.testing.assert_allclose(ours.numpy(), np.cross(x, y))
    ours.sum().backward()


def test_powers_take_few_products() -> None:
    a = ab.Variable(np.eye(2))
    assert len(names_in(np.linalg.matrix_power(a, 8))) == 3
    assert np.linalg.matrix_power(a, 1) is a


def test_the_power_zero_is_a_constant_with_a_gradient_of_zeros() -> None:
    a = ab.Variable([[np.inf, 1.0], [2.0, 3.0]])
    one = np.linalg.matrix_power(a, 0)
    np.testing.assert_array_equal(one.numpy(), np.eye(2))
    one.sum().backward()
    np.testing.assert_array_equal(a.grad.numpy(), np.zeros((2, 2)))


def test_a_negative_power_goes_through_the_inverse_of_the_table() -> None:
    a = ab.Variable([[2.0, 1.0], [0.0, 1.0]])
    try:
        power = np.linalg.matrix_power(a, -2)
    except ab.NoRuleError as error:
        assert "inv" in str(error)  # its chapter stands later
    else:
        np.testing.assert_allclose(power.numpy(), np.linalg.matrix_power(a.numpy(), -2))


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.0.0", reason="NumPy 1 promotes by values")
def test_products_with_a_number_have_the_dtype_that_numpy_gives_them() -> None:
    x = np.ones(2, np.float32)
    for fun in (np.dot, np.inner, np.add.outer):
        assert fun(ab.Variable(x), 2.0).dtype == fun(x, 2.0).dtype


@pytest.mark.skipif(not hasattr(np, "matvec"), reason="came with NumPy 2.2")
@pytest.mark.parametrize(("name", "matrix"), [("matvec", 0), ("vecmat", 1)])
def test_a_vector_is_no_matrix(name, matrix) -> None:
    shapes = [(3,), (3,)]
    for shape in [(3,), ()]:
        shapes[matrix] = shape
        with pytest.raises(ab.DifferentiationValueError, match=f"{name} was given shapes that do not fit.*a matrix"):
            getattr(np, name)(*(ab.Variable(np.ones(s)) for s in shapes))


@pytest.mark.parametrize("name", [name for name in ("vecdot", "matvec", "vecmat") if hasattr(np, name)])
def test_a_product_with_a_vector_that_is_too_long_is_refused_under_its_own_name(name) -> None:
    shapes = {"vecdot": [(2, 3), (4,)], "matvec": [(2, 3), (4,)], "vecmat": [(4,), (2, 3)]}[name]
    with pytest.raises(ab.DifferentiationValueError, match=f"^{name} was given") as caught:
        getattr(np, name)(*(ab.Variable(np.ones(s)) for s in shapes))
    assert all(str(s) in str(caught.value) for s in shapes)
    assert "matmul" not in str(caught.value)


@pytest.mark.skipif(not hasattr(np.linalg, "outer"), reason="came with NumPy 2")
def test_products_of_linalg_take_fewer_shapes_than_their_namesakes() -> None:
    x, y = np.array([[0.5, 1.5]]), np.arange(6.0).reshape(3, 2)
    for call in (lambda v: np.linalg.outer(v, v), lambda v: np.linalg.cross(v, v)):
        with pytest.raises(ValueError, match="dimension"):
            call(x)
        with pytest.raises(ab.DifferentiationValueError, match="shapes that do not fit"):
            call(ab.Variable(x))
    np.testing.assert_array_equal(np.linalg.cross(ab.Variable(y), y + 1.0, axis=0).numpy(), np.linalg.cross(y, y + 1.0, axis=0))
    np.testing.assert_array_equal(np.linalg.outer(ab.Variable(x[0]), x[0]).numpy(), np.linalg.outer(x[0], x[0]))
