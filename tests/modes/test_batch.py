"""One derivative for each example (book/modes/batch.md)."""

import numpy as np
import pytest
from hypothesis import given
from programs import execute, points, programs, seeds
from vocabulary import CASES

import autograd_book as ab
from autograd_book.modes.batch import Batched, OneForAllError
from autograd_book.modes.trees import leaves

RNG = np.random.default_rng(0)
ALL = [(name, group[len(group) // 2]) for cases in CASES.values() for name, group in cases.items()]


def looped(f, args, batched):
    results = [f(*(a[i] if b else a for a, b in zip(args, batched, strict=True))) for i in range(3)]
    return np.stack([np.asarray(r) for r in results])


#: Functions that look at values to decide how to go on; they are refused, and do not go wrong.
DECIDED_BY_VALUES = {
    *("median", "quantile", "percentile", "leaning", "nanmedian", "nanquantile", "nanpercentile", "interp", "average", "cov", "corrcoef"),
    *("packed_eigh", "packed_eig", "packed_svd", "least_squares", "frexp", "insert", "trim_zeros", "ravel"),
    *("maximum.accumulate", "minimum.accumulate"),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(("name", "case"), ALL, ids=lambda value: str(value) if isinstance(value, str) else "")
def test_every_function_of_the_book_gives_what_a_loop_gives_or_is_refused(name, case) -> None:
    try:
        assert_like_a_loop(case)
    except OneForAllError:
        assert name in DECIDED_BY_VALUES


def assert_like_a_loop(case) -> None:
    batches = [np.stack([a, a * 0.9, a * 0.8]) for a in case.args]
    for batched in {(True,) * len(batches), (False, *(True,) * (len(batches) - 1)), (True, *(False,) * (len(batches) - 1))}:
        if not any(batched):
            continue
        args = [b if flag else b[0] for b, flag in zip(batches, batched, strict=True)]
        axes = tuple(0 if flag else None for flag in batched)
        np.testing.assert_allclose(ab.vmap(case.fun, axes)(*args), looped(case.fun, args, batched), rtol=1e-9, atol=1e-9)
        total = lambda *a: np.sum(np.abs(case.fun(*a)) ** 2)
        g = ab.vmap(ab.grad(total, tuple(range(len(args)))), axes)(*args)
        for k, part in enumerate(g):
            expected = looped(ab.grad(total, k), args, batched)
            np.testing.assert_allclose(part, expected, rtol=1e-7, atol=1e-9)


@given(programs, seeds)
def test_gradients_of_random_programs_for_each_example(program, seed) -> None:
    x, y = points(seed)
    xs = np.stack([x, 0.5 * x, x + 0.1])
    f = lambda x, y: execute(program, [x, y], np)
    rows = ab.vmap(ab.grad(f), in_axes=(0, None))(xs, y)
    for row, one in zip(rows, xs, strict=True):
        np.testing.assert_allclose(row, ab.grad(f)(one, y), rtol=1e-9, atol=1e-9)


def test_gradients_of_examples_add_up_to_that_of_the_batch() -> None:
    model = {"w": RNG.normal(size=(4, 3)), "b": np.zeros(3)}
    loss = lambda m, x, t: np.sum((np.tanh(x @ m["w"] + m["b"]) - t) ** 2)
    x, t = RNG.normal(size=(7, 4)), RNG.normal(size=(7, 3))
    rows = ab.vmap(ab.grad(loss), in_axes=(None, 0, 0))(model, x, t)
    whole = ab.grad(loss)(model, x, t)
    assert rows["w"].shape == (7, 4, 3)
    np.testing.assert_allclose(rows["w"].sum(0), whole["w"])
    np.testing.assert_allclose(rows["b"].sum(0), whole["b"])


def test_it_nests_in_itself_and_in_derivatives_of_both_modes() -> None:
    x = RNG.normal(size=(2, 3))
    np.testing.assert_allclose(ab.vmap(ab.vmap(ab.grad(np.sin)))(x), np.cos(x))
    np.testing.assert_allclose(ab.grad(lambda x: np.sum(ab.vmap(np.sin)(x)))(x), np.cos(x))
    np.testing.assert_allclose(ab.vmap(ab.hessian(lambda v: np.sum(v**3)))(x), 6 * x[:, :, None] * np.eye(3))
    tangent = ab.vmap(lambda v: ab.jvp(np.sin, (v,), (v,))[1])(x)
    np.testing.assert_allclose(tangent, np.cos(x) * x)
    v = ab.Variable(x)
    ab.vmap(lambda r: np.sum(r * r))(v).sum().backward()
    np.testing.assert_allclose(v.grad.numpy(), 2 * x)


def test_axes_in_and_out() -> None:
    x = RNG.normal(size=(2, 3, 4))
    np.testing.assert_allclose(ab.vmap(np.sum, in_axes=1)(x), x.sum((0, 2)))
    np.testing.assert_allclose(ab.vmap(lambda r: r * 2, in_axes=-1, out_axis=2)(x), 2 * x)
    out = ab.vmap(lambda r: {"row": r, "same": 1.0})(x)
    assert out["row"].shape == x.shape and out["same"].tolist() == [1.0, 1.0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtypes_are_those_of_a_loop(dtype) -> None:
    out = ab.vmap(ab.grad(lambda r: np.sum(r * 2.0)))(np.ones((2, 3), dtype))
    assert out.dtype == dtype


@pytest.mark.parametrize(
    ("call", "fact"),
    [
        (lambda: ab.vmap(np.add)(np.ones(2), np.ones(3)), r"\[2, 3\] examples"),
        (lambda: ab.vmap(np.add, (None, None))(np.ones(2), np.ones(2)), "no examples"),
        (lambda: ab.vmap(np.add, (0,))(np.ones(2), np.ones(2)), "1 axes for 2 arguments"),
        (lambda: ab.vmap(np.sin)(1.0), r"shapes \[\(\)\]"),
        (lambda: ab.vmap(lambda x: x if x > 0 else -x)(np.ones(2)), "np.where instead of a branch"),
        (lambda: ab.vmap(float)(np.ones(2)), "differs between the examples"),
        (lambda: ab.vmap(lambda x: np.zeros(3)[x])(np.array([0, 1])), "differs between the examples"),
    ],
)
def test_what_cannot_be_done_for_all_examples_is_refused(call, fact) -> None:
    with pytest.raises(ab.AutogradError, match=fact):
        call()


def test_a_batched_value_prints_and_has_the_length_of_an_example() -> None:
    found = []
    ab.vmap(lambda r: found.extend([r.shape, r.ndim, r.size, len(r), repr(r)[:7], type(r) is Batched, len(leaves(r))]) or r)(np.ones((2, 3)))
    assert found == [(3,), 1, 3, 3, "Batched", True, 1]


def test_a_batched_value_does_not_outlive_its_vmap() -> None:
    kept = []
    ab.vmap(lambda x: kept.append(x) or x * 2)(np.ones(2))
    for use in (lambda: kept[0] * 2, lambda: np.sum(kept[0])):
        with pytest.raises(ab.LeakedVariableError, match="inside a vmap"):
            use()


def test_no_grad_inside_a_batch_makes_constants() -> None:
    def f(x):
        with ab.no_grad():
            c = x * x
        return x * c

    xs = np.array([1.0, 2.0])
    batch = ab.Variable(xs)
    out = ab.vmap(f)(batch)
    out.sum().backward()
    np.testing.assert_array_equal(batch.grad.numpy(), xs**2)
    np.testing.assert_array_equal(ab.vmap(ab.grad(f))(xs), xs**2)
    np.testing.assert_array_equal(ab.grad(lambda xs: np.sum(ab.vmap(f)(xs)))(xs), xs**2)
    with ab.no_grad():
        assert not ab.vmap(f)(batch).requires_grad


def test_a_batch_can_be_detached() -> None:
    xs = np.array([1.0, 2.0])
    np.testing.assert_array_equal(ab.grad(lambda xs: np.sum(ab.vmap(lambda x: x * x.detach())(xs)))(xs), xs)
    np.testing.assert_array_equal(ab.vmap(lambda x: x.detach())(xs), xs)


def test_a_plain_table_cannot_be_indexed_by_a_batch_and_the_message_says_how() -> None:
    table = np.arange(6.0).reshape(3, 2)
    with pytest.raises(OneForAllError, match=r"Variable\(table, requires_grad=False\)\[i\]"):
        ab.vmap(lambda y: table[y])(np.array([0, 2]))
    np.testing.assert_array_equal(ab.vmap(lambda y: ab.Variable(table, requires_grad=False)[y])(np.array([0, 2])), table[[0, 2]])


INSIDE = {
    "select": lambda x: np.select([x > 0, x > -1], [x * x, np.sin(x)], 2.0),
    "average by weights that differ": lambda x: np.average(x, axis=0, weights=np.exp(x)),
    "cov": np.cov,
    "corrcoef": np.corrcoef,
    "insert": lambda x: np.insert(x, 1, 5.0, axis=1),
    "where of numbers": lambda x: np.where(np.round(x), x, x * x),
    "slopes on a grid": lambda x: np.gradient(x[0], np.cumsum(np.exp(x[1]))),
}


@pytest.mark.parametrize("name", INSIDE)
def test_derivatives_inside_a_batch_are_those_of_each_example(name) -> None:
    x, f = np.random.default_rng(0).normal(size=(2, 3, 4)), INSIDE[name]
    loss = lambda x: np.sum(np.sin(f(x)))
    for derivative in (ab.grad(loss), ab.hessian(loss), lambda x: ab.jvp(f, (x,), (np.cos(x),))[1]):
        np.testing.assert_allclose(ab.vmap(derivative)(x), np.stack([derivative(e) for e in x]), atol=1e-10)


def test_what_can_only_be_done_one_by_one_is_refused_inside_a_derivative_inside_a_batch() -> None:
    x = np.random.default_rng(0).normal(size=(2, 3))
    for f in (lambda x: np.sum(np.compress(x > 0, x)), np.median):
        with pytest.raises(ab.DifferentiationTypeError, match="differs between the examples"):
            ab.vmap(ab.grad(f))(x)
