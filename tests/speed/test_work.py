"""Operations and bytes, counted by hand."""

import numpy as np
import pytest

import autograd_book as ab
from autograd_book.graph.primitive import Primitive, primitives
from autograd_book.learn.sequence import Transformer, next_token_loss
from autograd_book.rules.convolution import Sliding, conv, conv_w, conv_x
from autograd_book.speed import work
from autograd_book.speed.capture import capture
from autograd_book.speed.plan import LOOPS
from autograd_book.speed.work import Work, count_work, total, work_of


def counted(run):
    with count_work() as counts:
        run()
    return counts


def named(name):
    return next(p for p in primitives.values() if p.name == name and (getattr(p.fun, "__module__", None) or "numpy").partition(".")[0] in ("autograd_book", "numpy", "builtins"))


def test_each_primitive_stands_in_exactly_one_table():
    ours = {p.name for p in primitives.values() if (getattr(p.fun, "__module__", None) or "numpy").partition(".")[0] in ("numpy", "autograd_book", "builtins")}
    listed = [name for names in work.BY_COST.values() for name in names.split()]
    assert len(listed) == len(set(listed))
    assert not set(listed) & work.FORMULAS.keys()
    groups = {group.name for group in LOOPS}  # of equations, which have their own places in the tables
    assert ours <= set(listed) | work.FORMULAS.keys() | groups


@pytest.mark.parametrize(
    "name, args, params, flops, functions",
    [
        ("add", (np.ones((3, 1)), np.ones(4)), {}, 12, 0),
        ("exp", (np.ones((3, 4)),), {}, 0, 12),
        ("sum", (np.ones((3, 4)),), {"axis": 0}, 12, 0),
        ("var", (np.ones((3, 4)),), {}, 48, 0),
        ("matmul", (np.ones((7, 3, 4)), np.ones((4, 5))), {}, 2 * 7 * 3 * 4 * 5, 0),
        ("matmul", (np.ones(4), np.ones(4)), {}, 8, 0),
        ("matmul", (np.ones((2, 3), complex), np.ones((3, 2))), {}, 4 * 2 * 2 * 3 * 2, 0),
        ("convolve", (np.ones(9), np.ones(4)), {}, 72, 0),
        ("lower_factor", (np.stack([np.eye(6)] * 5),), {}, 5 * 72, 0),
        ("inv", (np.eye(6),), {}, 432, 0),
        ("solve_columns", (np.eye(6), np.ones((6, 2))), {}, 144 + 2 * 36 * 2, 0),
        ("packed_qr", (np.ones((8, 3)),), {}, 4 * 8 * 9 - 36, 0),
        ("packed_svd", (np.ones((3, 8)),), {}, 6 * 8 * 9 + 20 * 27, 0),
        ("argsort", (np.ones((5, 16)),), {"axis": -1}, 5 * 16 * 4, 0),
        ("fft", (np.ones((3, 8), complex),), {}, 5 * 24 * 3, 0),
        ("searchsorted", (np.arange(16.0), np.ones(10)), {}, 40, 0),
    ],
)  # fmt: skip
def test_operations_are_those_counted_by_hand(name, args, params, flops, functions):
    primitive = named(name)
    found = work_of(primitive, args, params, primitive.fun(*args, **params))
    assert (found.flops, found.functions, found.unknown) == (flops, functions, 0)


def test_bytes_are_those_of_operands_and_result():
    found = work_of(named("add"), (np.ones((3, 4), np.float32), 2.0), {}, np.ones((3, 4), np.float32))
    assert found.nbytes == 2 * 48


def test_convolutions_count_the_products_that_a_loop_would_do():
    how = Sliding((3, 2), (2, 1), (1, 1))
    x, w = np.ones((2, 4, 9, 6)), np.ones((5, 4, 3, 2))
    z = conv(x, w, how)
    places = 2 * 5 * 4 * 5  # examples, channels, and windows along both axes
    assert z.size == places
    expected = 2 * places * 4 * 3 * 2
    calls = [(conv, (x, w), {"how": how}, z), (conv_x, (z, w), {"shape": x.shape, "how": how}, x), (conv_w, (x, z), {"shape": w.shape, "how": how}, w)]
    for fun, args, params, out in calls:
        assert work_of(primitives[fun], args, params, np.array(out)).flops == expected


def test_a_contraction_counts_two_for_each_combination_of_letters():
    counts = counted(lambda: np.einsum("bij,bjk->bik", ab.Variable(np.ones((2, 3, 4))), np.ones((2, 4, 5))))
    assert total(counts).flops == 2 * 2 * 3 * 4 * 5


@pytest.mark.parametrize(
    "view, nothing",
    [
        (lambda x: x.T, True),
        (lambda x: x[1:], True),
        (lambda x: x[..., 0], True),
        (lambda x: x.reshape(-1), True),
        (lambda x: x.T.reshape(-1), False),
        (lambda x: x[[0, 2]], False),
        (lambda x: np.broadcast_to(x, (2, 3, 4)), True),
    ],
)
def test_a_view_costs_nothing_and_a_copy_its_bytes(view, nothing):
    work = total(counted(lambda: view(ab.Variable(np.arange(12.0).reshape(3, 4)))))
    assert (work.nbytes == 0) is nothing
    assert work.flops == 0


def test_a_lookup_reads_what_it_returns():
    work = total(counted(lambda: ab.Variable(np.ones((100, 8)))[[3, 5]]))
    assert work.nbytes == 2 * 2 * 8 * 8


def test_the_way_back_through_a_product_is_a_product_for_each_variable():
    x, w = np.ones((10, 20)), np.ones((20, 30))
    once = 2 * 10 * 20 * 30
    for left, right, factor in [(x, ab.Variable(w), 1), (ab.Variable(x), ab.Variable(w), 2)]:
        counts = counted(lambda: (left @ right).backward(np.ones((10, 30))))  # noqa: B023
        assert counts["matmul", "backward"][1].flops == factor * once


def test_a_sum_over_a_broadcast_belongs_to_the_rule():
    x, b = np.ones((10, 4)), ab.Variable(np.ones(4))
    counts = counted(lambda: np.sum(x + b).backward())
    assert counts["add", "backward"][1] == Work(flops=40, nbytes=320)


def test_a_rule_runs_once_more_for_each_new_shape_only():
    runs = []
    double = Primitive(lambda x: 2 * x, "x", x=lambda g: runs.append(1) or 2 * g)
    fun = ab.primitive("x", x=lambda g: runs.append(1) or 2 * g)(lambda x: 2 * x)
    del primitives[double.fun]
    with count_work() as counts:
        for size in (3, 3, 3, 4):
            np.sum(fun(ab.Variable(np.ones(size)))).backward()
    del primitives[next(f for f, p in primitives.items() if p.rules and p.name == "<lambda>")]
    assert len(runs) == 4 + 2
    assert counts["<lambda>", "backward"][1].flops == 13
    assert counts["<lambda>", "forward"][1].unknown == 4


def test_second_derivatives_are_counted_by_the_operations_themselves():
    counts = counted(lambda: ab.grad(ab.grad(lambda x: x * x * x))(2.0))
    assert counts["multiply", "forward"][1].flops > 2
    assert total(counts).unknown == 0


def test_counting_changes_neither_values_nor_gradients_nor_chance():
    def step():
        network = Transformer(11, width=8, heads=2, blocks=1, context=5)
        loss = next_token_loss(network, np.arange(18).reshape(3, 6) % 11)
        loss.backward()
        return [loss.numpy(), *(p.grad.numpy() for p in network.parameters())]

    plain = step()
    with count_work() as counts:
        found = step()
    for a, b in zip(plain, found, strict=True):
        np.testing.assert_array_equal(a, b)
    assert total(counts).unknown == 0


def test_a_batch_counts_like_its_examples():
    w, x = np.ones((4, 3)), np.ones((5, 4))
    batched = total(counted(lambda: ab.vmap(lambda v: np.tanh(ab.Variable(w).T @ v))(x)))
    assert batched.functions == 5 * 3
    assert batched.flops == 2 * 5 * 3 * 4


def test_the_equations_of_a_graph_have_the_work_of_the_run():
    def f(x, w):
        return np.sum(np.square(np.tanh(x.T @ w)))

    graph = capture(f, np.ones((4, 5)), np.ones((4, 3)))
    found = sum((work_of(e.primitive, e.args, e.params, e.out) for e in graph.equations), Work())
    counts = counted(lambda: f(ab.Variable(np.ones((4, 5))), ab.Variable(np.ones((4, 3)))))
    assert (found.flops, found.functions) == (total(counts).flops, total(counts).functions)


@pytest.mark.parametrize(
    "rule",
    [
        lambda g: np.frombuffer(g.tobytes()),  # a method that only arrays have
        lambda g: np.unique(g)[:1] * np.ones(3),  # a function without a rule
        lambda g: float(g[0]) * np.ones(3) if type(g) is np.ndarray else np.reshape(g, 7),
    ],
    ids=["method", "function", "shape"],
)
def test_a_rule_that_cannot_run_again_is_said_to_be_unknown(rule):
    fun = ab.primitive("x", x=rule)(lambda x: +x)
    counts = counted(lambda: np.sum(fun(ab.Variable(np.ones(3)))).backward())
    assert counts["<lambda>", "backward"][1].unknown == 1
    assert counts["<lambda>", "backward"][1].nbytes


def test_a_mistake_in_a_rule_that_runs_again_is_raised():
    def rule(g):
        return g if type(g) is np.ndarray else {}["a key that is not there"]

    fun = ab.primitive("x", x=rule)(lambda x: +x)
    with pytest.raises(KeyError, match="not there"):
        counted(lambda: np.sum(fun(ab.Variable(np.ones(3)))).backward())


def test_intensity_of_nothing_is_zero():
    assert Work().intensity == 0.0
    assert Work(flops=6, functions=2, nbytes=4).intensity == 2.0


def test_an_empty_block_counts_nothing_and_an_error_ends_the_count():
    with count_work() as counts:
        pass
    assert counts == {}
    with pytest.raises(ZeroDivisionError), count_work() as counts:
        np.tanh(ab.Variable(1.0))
        raise ZeroDivisionError
    np.tanh(ab.Variable(1.0))
    assert counts["tanh", "forward"][0] == 1


def test_a_stand_in_of_a_replay_does_nothing_and_mixed_precision_all():
    from autograd_book.memory.replay import with_result

    x = np.ones(5)
    assert work_of(with_result(named("exp"), x), (x,), {}, np.exp(x)) == Work()
    w = ab.Variable(np.ones((4, 3), np.float32))
    counts = counted(lambda: ab.autocast()(lambda: np.ones((5, 4), np.float32) @ w)())
    assert counts["matmul", "forward"][1].flops == 2 * 5 * 4 * 3
