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
