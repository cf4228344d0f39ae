"""The rules of book/rules/linear.md."""

import numpy as np
import pytest
from cases.linear import EINSUMS, PRODUCTS
from casework import uniform

import autograd_book as ab
from autograd_book.graph.backward import reachable
from autograd_book.graph.primitive import primitives
from autograd_book.rules.linear import as_matrices, collapse, contract, matmul_y, words


def names_in(out: ab.Variable) -> list[str]:
    return [node.plan.primitive.name for node in reachable(out.node) if node.plan]


@pytest.mark.parametrize(("x", "y"), PRODUCTS, ids=str)
def test_values_are_those_of_numpy(x, y) -> None:
    a, b = uniform(x), uniform(y, seed=1)
    np.testing.assert_array_equal((ab.Variable(a) @ b).numpy(), a @ b)
    np.testing.assert_array_equal((a @ ab.Variable(b)).numpy(), a @ b)


def test_the_gradient_of_shared_weights_is_one_product_and_no_sum_of_many() -> None:
    g = ab.Variable(np.ones((50, 2, 4)))
    names = names_in(matmul_y(g, np.ones((50, 2, 3)), (3, 4)))
    assert names.count("matmul") == 1
    assert "sum" not in names


def test_dot_with_a_number_is_a_product() -> None:
    x = ab.Variable([1.0, 2.0])
    np.dot(x, 3.0).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [3.0, 3.0])


def test_vectors_become_matrices_of_one_row_or_column() -> None:
    assert as_matrices((3,), (3,), ()) == ((1, 3), (3, 1), (1, 1))


@pytest.mark.parametrize("other", [[1.0, 2.0, 3.0], (1, 2, 3)], ids=str)
def test_the_other_operand_may_be_a_list(other) -> None:
    for product in (np.matmul, np.dot, np.inner, np.outer, np.vdot, np.kron, np.cross, lambda x, y: np.einsum("i,i", x, y)):
        for f in (lambda x: product(x, other), lambda x: product(other, x)):  # noqa: B023
            x = ab.Variable([1.0, 5.0, -1.0])
            np.testing.assert_allclose(f(x).numpy(), f(x.numpy()))
            f(x).sum().backward()
            h = 1e-6 * np.eye(3)
            slopes = [(np.sum(f(x.numpy() + d)) - np.sum(f(x.numpy() - d))) / 2e-6 for d in h]
            np.testing.assert_allclose(x.grad.numpy(), slopes, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", ["matmul", "collapse", "contract", "cross3"])
def test_products_say_that_they_are_linear(name) -> None:
    rows = {p.name: p for p in primitives.values()}
    assert rows[name].linear == rows[name].arguments


MISFITS = {
    "matmul": (lambda x: np.ones((2, 3)) @ x, r"\(2, 3\) and \(2, 3\)"),
    "matmul of a number": (lambda x: np.matmul(x, 3.0), r"\(2, 3\) and \(\)"),
    "dot": (lambda x: np.dot(x, np.ones(2)), r"^dot was given .*\(2, 3\) and \(2,\)"),
    "dot of stacks": (lambda x: np.dot(x, np.ones((2, 2, 2))), r"^dot was given .*\(2, 3\) and \(2, 2, 2\)"),
    "vdot": (lambda x: np.vdot(x, np.ones(5)), r"^vdot was given .*\(2, 3\) and \(5,\)"),
    "inner": (lambda x: np.inner(x, np.ones(2)), r"^inner was given .*\(2, 3\) and \(2,\)"),
    "tensordot": (lambda x: np.tensordot(x, np.ones((2, 3)), 1), r"\(2, 3\) and \(2, 3\)"),
    "tensordot axes": (lambda x: np.tensordot(x, x, ([0], [5])), r"\[5\].*2 axes"),
    "tensordot pairs": (lambda x: np.tensordot(x, x, ([0, 1], [0])), r"\(2, 3\) and \(2, 3\)"),
    "einsum": (lambda x: np.einsum("ij,jk->ik", x, x), r"'ij,jk->ik'.*\(2, 3\), \(2, 3\)"),
    "einsum of three": (lambda x: np.einsum("ij,jk,kl", x, x, x), r"\(2, 3\), \(2, 3\), \(2, 3\)"),
    "einsum letters": (lambda x: np.einsum("i->i", x), r"'i->i'.*\(2, 3\)"),
    "einsum operands": (lambda x: np.einsum("ij,jk", x), r"\(2, 3\)"),
    "einsum dots lost": (lambda x: np.einsum("...j->j", x), "ellipsis"),
    "einsum unknown result": (lambda x: np.einsum("ij->ik", x), r"'ij->ik'"),
    "einsum repeated result": (lambda x: np.einsum("ij->ii", x), r"'ij->ii'"),
    "einsum diagonal": (lambda x: np.einsum("ii->i", x), r"\(2, 3\)"),
    "cross": (lambda x: np.cross(x, np.ones((2, 4))), r"^cross was given .*\(2, 3\) and \(2, 4\)"),
    "power": (lambda x: np.linalg.matrix_power(x, 2), r"\(2, 3\).*square"),
    "chain": (lambda x: np.linalg.multi_dot([x, x]), r"^multi_dot was given .*\(2, 3\) and \(2, 3\)"),
    "chain through one": (lambda x: np.linalg.multi_dot([x[:, :1], x]), r"^multi_dot was given .*\(2, 1\) and \(2, 3\)"),
    "chain of numbers": (lambda x: np.linalg.multi_dot([x, 3.0]), r"^multi_dot was given .*\(2, 3\) and \(\)"),
    "chain of one": (lambda x: np.linalg.multi_dot([x]), "two or more"),
}


@pytest.mark.parametrize("name", MISFITS)
def test_shapes_that_do_not_fit_are_named_with_a_remedy(name) -> None:
    f, message = MISFITS[name]
    with pytest.raises(ab.DifferentiationValueError, match=message) as caught:
        f(ab.Variable(np.ones((2, 3))))
    assert str(caught.value).count(". ") >= 1


def test_a_misfit_is_still_a_value_error() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        ab.Variable(np.ones((2, 3))) @ np.ones((2, 3))


REFUSED = {
    "matmul out": lambda x: np.matmul(x, x, out=np.ones(())),
    "dot": lambda x: np.dot(x, x, np.ones(())),
    "outer": lambda x: np.outer(x, x, np.ones((3, 3))),
    "einsum out": lambda x: np.einsum("i,i", x, x, out=np.ones(())),
    "einsum dtype": lambda x: np.einsum("i,i", x, x, dtype=float),
    "multi_dot": lambda x: np.linalg.multi_dot([x, x], out=np.ones(())),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_supported_is_refused_with_a_remedy(name) -> None:
    with pytest.raises(ab.NoRuleError, match=r"(?s)was called with \w+=.*\. \w+"):
        REFUSED[name](ab.Variable(np.ones(3)))


def test_an_update_of_an_array_in_place_is_refused() -> None:
    a = np.eye(2)
    with pytest.raises(ab.NoRuleError, match="out="):
        np.matmul(a, ab.Variable(np.eye(2)), out=a)


@pytest.mark.parametrize(("text", "shapes"), EINSUMS, ids=str)
def test_einsum_agrees_with_numpy_at_constants_between_variables(text, shapes) -> None:
    xs = [uniform(shape, seed=i) for i, shape in enumerate(shapes)]
    mixed = [ab.Variable(x) if i == 0 else x for i, x in enumerate(xs)]
    np.testing.assert_allclose(np.einsum(text, *mixed).numpy(), np.einsum(text, *xs), rtol=1e-12, atol=1e-12)


def test_einsum_of_one_or_two_operands_is_one_node() -> None:
    x = ab.Variable(np.ones((3, 3)))
    assert names_in(np.einsum("ii", x)) == ["collapse"]
    assert names_in(np.einsum("ij,kj->ik", x, x)) == ["contract"]


def test_einsum_keeps_only_the_other_operand() -> None:
    x = ab.Variable(np.ones((2, 3)))
    assert contract(x, np.ones(3), "ij", "j", "i", False).node.plan.asks == ["x_shape", "y", "y_seal"]
    assert collapse(x, "ij", "j").node.plan.asks == ["x_shape"]


def test_einsum_takes_many_operands_in_the_order_of_least_work() -> None:
    n = 40
    a, b, v = ab.Variable(np.ones((n, n))), np.ones((n, n)), np.ones(n)
    out = np.einsum("ij,jk,k->i", a, b, v)
    assert [node.shape for node in reachable(out.node) if node.plan] == [(n,)]  # b @ v is plain, and no matrix is made


def test_einsum_reads_a_given_path() -> None:
    xs = [uniform(s, seed=i) for i, s in enumerate([(2, 3), (3, 4), (4, 5)])]
    for path in (["einsum_path", (1, 2), (0, 1)], ["einsum_path", (0, 1, 2)], ("greedy", 10**6), "optimal", True):
        out = np.einsum("ij,jk,kl", *map(ab.Variable, xs), optimize=path)
        np.testing.assert_allclose(out.numpy(), np.linalg.multi_dot(xs))


def test_ellipses_and_missing_arrows_are_read_as_numpy_reads_them() -> None:
    assert words("...ij,...jk", ((7, 2, 3), (3, 4)))[1][-2:] == "ik"
    assert words("ba", ((2, 3),)) == (["ba"], "ab")
    assert words("ij,j", ((2, 3), (3,))) == (["ij", "j"], "i")


def test_a_number_meets_an_array() -> None:
    x, y = ab.Variable(2.0), ab.Variable([1.0, 2.0])
    np.einsum(",i->i", x, y).sum().backward()
    assert x.grad.item() == 3.0
    np.testing.assert_array_equal(y.grad.numpy(), [2.0, 2.0])


def test_einsum_path_looks_at_shapes() -> None:
    x = ab.Variable(np.ones((2, 3)))
    assert np.einsum_path("ij,kj", x, x)[0] == np.einsum_path("ij,kj", x.numpy(), x.numpy())[0]


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
