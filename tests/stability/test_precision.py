"""Mixed precision: against NumPy's own conversion, against double precision, and by the bytes."""

import contextvars
import gc
import sys
import threading
import tracemalloc
import weakref
from contextlib import nullcontext
from functools import cache, wraps

import numpy as np
import pytest
from formats_at_hand import DOUBLE, EPS, HALF, SINGLE, both_formats, format_of, normal, variable
from vocabulary import CASES, kept_layout

import autograd_book as ab
from autograd_book.graph.backward import reachable
from autograd_book.graph.primitive import primitives
from autograd_book.graph.stack import top
from autograd_book.learn.sequence import LastState, Transformer, next_token_loss
from autograd_book.stability import formats
from autograd_book.stability.formats import to_half
from autograd_book.stability.precision import FEW, KINDS, Autocast, autocast, precision_kind
from autograd_book.stability.tolerance import Scaled


def test_a_disabled_region_needs_no_format(monkeypatch):
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    with autocast("bfloat16", enabled=False):
        assert (variable(2, 3) @ normal(3, 2)).dtype == SINGLE


# The table

ROWS = set(primitives.values())


def test_each_name_in_the_table_is_a_primitive_and_stands_there_once():
    names = " ".join(KINDS.values()).split()
    assert len(names) == len(set(names))
    assert set(names) <= {row.name for row in ROWS}


def test_every_primitive_has_a_kind():
    assert {precision_kind(row) for row in ROWS} == {"low", "single", "exact", "move", "promote"}


@pytest.mark.parametrize(
    "kind, names",
    [
        ("low", "matmul contract conv convolve"),
        ("single", "exp log log1p expm1 power square sum mean var log_sum softmax reciprocal"),
        ("promote", "add subtract multiply divide negative tanh sin sqrt relu where absolute"),
        ("exact", "maximum minimum clip max min cumsum cumprod prod astype fft det inv solve_columns argmax std"),
        ("move", "reshape transpose getitem scatter_add join broadcast_to tile flip roll"),
    ],
)
def test_kinds_of_the_primitives_that_matter(kind, names):
    found = {row.name: precision_kind(row) for row in ROWS}
    assert {n: found[n] for n in names.split()} == dict.fromkeys(names.split(), kind)


def test_all_products_of_two_operands_run_low():
    products = {row.name for row in ROWS if len(row.linear) == 2}
    transposes = {"conv_x", "conv_w"}  # of conv: they occur on the way back only
    assert products - transposes - {"multiply", "cross3"} == set(KINDS["low"].split())


def operands(low):
    """One operand of each dtype; the low ones have been computed in the region."""
    made = {
        "h": ab.Variable(np.ones((4, 4), np.float32)) @ np.eye(4, dtype=np.float32),
        "f": ab.Variable(np.ones((4, 4), np.float32)),
        "d": ab.Variable(np.ones((4, 4))),
        "c": ab.Variable(np.ones((4, 4), np.complex64)),
        "F": np.ones((4, 4), np.float32),
        "D": np.ones((4, 4)),
        "i": np.ones((4, 4), np.int32),
        "b": np.ones((4, 4), np.bool_),
        "2": 2.0,
        "1": 1,
        "s": np.float32(2),
    }
    assert made["h"].dtype == low
    return made


RESULTS = {
    "low": [np.matmul, "hh:h hf:h ff:h fF:h hF:h dd:h df:h hd:h hi:h fi:h if:h Dh:h cf:c hc:c fc:c"],
    "einsum": [lambda x, y: np.einsum("ij,jk->ik", x, y), "hh:h hf:h ff:h df:h fi:h cf:c"],
    "single": [np.power, "hh:f hf:f ff:f h2:f h1:f f2:f hd:d dh:d h s:f"],
    "exp": [lambda x, _: np.exp(x), "h2:f f2:f d2:d c2:c"],
    "sum": [lambda x, _: np.sum(x), "h2:f f2:f d2:d c2:c"],
    "softmax": [lambda x, _: ab.nn.cross_entropy(x, [0, 1, 2, 3]), "h2:f f2:f d2:d"],
    "promote": [np.add, "hh:h hf:f fh:f ff:f hF:f Fh:f hd:d dh:d h2:h h1:h 2h:h hi:h hb:h hs:f hc:c fd:d f2:f"],
    "tanh": [lambda x, _: np.tanh(x), "h2:h f2:f d2:d c2:c"],
    "relu": [lambda x, _: ab.relu(x), "h2:h f2:f d2:d"],
    "where": [lambda x, y: np.where(np.eye(4) > 0, x, y), "hh:h hf:f h2:h hd:d"],
    "exact": [np.maximum, "hh:f hf:f h2:f ff:f hd:d"],
    "clip": [lambda x, _: np.clip(x, 0, 1), "h2:f f2:f d2:d"],
    "move": [lambda x, _: np.transpose(x), "h2:h f2:f d2:d c2:c"],
    "index": [lambda x, _: x[1:, [0, 2]], "h2:h f2:f d2:d"],
    "reshape": [lambda x, _: np.reshape(x, -1), "h2:h f2:f d2:d"],
}


@both_formats
@pytest.mark.parametrize("row", RESULTS)
def test_dtype_of_results_for_each_mix_of_operands(name, row):
    low = format_of(name)
    dtypes = {"h": low, "f": SINGLE, "d": DOUBLE, "c": np.dtype(np.complex64)}
    fun, pairs = RESULTS[row]
    with autocast(low):
        made = operands(low)
        found, expected = {}, {}
        for pair in pairs.replace("h s", "hs").split():
            a, b = pair[0], pair[1]
            found[pair], expected[pair] = fun(made[a], made[b]).dtype, dtypes[pair[3]]
    assert found == expected


def test_halves_are_joined_as_halves():
    with autocast():
        low = operands(HALF)["h"]
        assert np.concatenate([low, low]).dtype == np.stack([low, low]).dtype == HALF
        assert np.concatenate([low, variable(4, 4)]).dtype == SINGLE


def test_bfloat16_values_are_joined():
    with autocast(format_of("bfloat16")):
        low = operands(format_of("bfloat16"))["h"]
        out = np.concatenate([low, low])
    assert out.dtype == low.dtype


def test_conversion_gives_the_dtype_that_was_asked_for():
    with autocast():
        low = operands(HALF)["h"]
        assert [low.astype(t).dtype for t in (np.float16, np.float32, np.float64)] == [HALF, SINGLE, DOUBLE]


def test_single_precision_throughout_where_it_is_disabled():
    with autocast():
        low = operands(HALF)["h"]
        with autocast(enabled=False):
            results = [low @ low, low + low, np.tanh(low), np.exp(low), np.sum(low), low * 2.0, np.maximum(low, 0)]
    assert {r.dtype for r in results} == {SINGLE}


@pytest.mark.parametrize("chapter", CASES)
def test_whole_vocabulary_runs_in_a_region_with_the_gradients_of_single_precision(chapter):
    for key, cases in CASES[chapter].items():
        for case in cases:
            dtypes = [np.complex64 if np.iscomplexobj(a) else np.float32 for a in case.args]
            args = [kept_layout(a, dtype) for a, dtype in zip(case.args, dtypes)]
            plain, mixed = [[ab.Variable(a) for a in args] for _ in range(2)]
            expected = case.fun(*plain)
            with autocast():
                found = case.fun(*mixed)
            assert found.shape == expected.shape, (key, case)
            np.testing.assert_allclose(found.numpy(), expected.numpy(), 0.01, 0.01, err_msg=f"{key} {case}")
            for out in (expected, found):
                out.backward(np.ones(out.shape, out.dtype))
            for x, y in zip(mixed, plain):
                assert (x.grad is None) == (y.grad is None), (key, case)
                if y.grad is not None:
                    assert x.grad.dtype == y.grad.dtype
                    size = np.max(np.abs(y.grad.numpy()), initial=1.0)
                    np.testing.assert_allclose(
                        x.grad.numpy(), y.grad.numpy(), 0.03, 0.01 * size, err_msg=f"gradient of {key} {case}"
                    )


def test_functions_that_return_no_array_run_in_a_region():
    x = ab.Variable([[1.0, 0.0], [3.0, 4.0]])
    with autocast():
        assert np.array_equal(x, x) is True
        assert np.iscomplexobj(x) is False
        assert [list(i) for i in np.nonzero(x)] == [[0, 1, 1], [0, 0, 1]]
        assert bool((x < 5.0).all())
        assert int(np.argmax(x)) == 3


# Products


@both_formats
def test_products_accumulate_in_single_precision_and_round_once(name):
    low = format_of(name)
    small = EPS[name] / 4  # each alone would leave 1 as it is
    row = np.full((1, 4096), small, np.float32)
    row[0, 0] = 1.0
    column = ab.Variable(np.ones((4096, 1), np.float32))
    exact = float(np.sum(row.astype(np.float64)))
    with autocast(low):
        products = [row @ column, np.einsum("ij,jk->ik", row, column), np.dot(row, column), np.tensordot(row, column, 1)]
    for out in products:
        assert out.dtype == low
        assert float(out.numpy().astype(np.float64).item()) == float(np.float64(exact).astype(np.float32).astype(low))
    assert exact > 1.9


@both_formats
def test_result_of_a_product_is_that_of_rounded_operands(name):
    low = format_of(name)
    x, w = normal(5, 7), normal(7, 3)
    with autocast(low):
        out = (x @ ab.Variable(w)).numpy()
    x, w = x.astype(low).astype(np.float32), w.astype(low).astype(np.float32)
    np.testing.assert_array_equal(out, (x @ w).astype(low))


@both_formats
def test_cotangents_of_a_product_are_products_in_single_precision_of_rounded_operands(name):
    low = format_of(name)
    x, w, g = ab.Variable(normal(5, 7)), ab.Variable(normal(7, 3)), normal(5, 3, seed=2).astype(low)
    with autocast(low):
        out = x @ w
    out.backward(g)
    single = lambda a: np.asarray(a).astype(low).astype(np.float32)
    for found, expected in (
        (x.grad, single(g) @ single(w.numpy()).T),
        (w.grad, single(x.numpy()).T @ single(g)),
    ):
        assert found.dtype == SINGLE
        np.testing.assert_array_equal(found.numpy(), single(expected))


@both_formats
def test_no_product_is_computed_by_numpy_in_half_precision(name, monkeypatch):
    low, seen = format_of(name), {}

    def spied(fun, called):
        @wraps(fun)
        def spy(*args, **params):
            seen.setdefault(called, set()).update(a.dtype for a in args if hasattr(a, "dtype"))
            return fun(*args, **params)

        return spy

    products = [row for row in ROWS if precision_kind(row) == "low" or row.name in ("conv_x", "conv_w")]
    for row in products:
        monkeypatch.setattr(row, "fun", spied(row.fun, row.name))
    monkeypatch.setattr(np, "matmul", spied(np.matmul, "np.matmul"))
    x, w, v = variable(6, 6), variable(6, 6, seed=1), variable(6, 6, seed=2)
    image, kernel = variable(1, 2, 5, 5), variable(3, 2, 3, 3)
    with autocast(low):
        y = np.einsum("ij,jk->ik", (x @ w) @ v, w)
        z = ab.conv2d(image, kernel, padding=1)
        c = np.convolve(x[0], w[0])
        loss = np.sum(y) + np.sum(z) + np.sum(c)
        loss.backward(retain_graph=True)
    loss.backward()
    assert set(seen) == {"matmul", "contract", "conv", "conv_x", "conv_w", "convolve", "np.matmul"}
    assert set().union(*seen.values()) == {SINGLE}


@both_formats
def test_cotangent_of_a_broadcast_low_value_is_summed_in_single_precision(name):
    low = format_of(name)
    row = ab.Variable(np.ones((1, 4), np.float32))
    eye, many = np.eye(4, dtype=np.float32), np.zeros((4096, 4), np.float32)
    for fun in (np.add, np.subtract, lambda x, y: x * (y + 1), lambda x, y: np.where(True, x, y) + y):
        row.grad = None
        with autocast(low):
            short, long = row @ eye, ab.Variable(many) @ eye
            out = fun(short, long)
            assert out.dtype == low
            np.sum(out).backward()
        np.testing.assert_array_equal(row.grad.numpy(), np.full((1, 4), 4096))


# Regions


def loss_of(w, x=None):
    return np.sum(np.tanh((normal(6, 5) if x is None else x) @ w) ** 2)


def stack():
    found, level = [], top.get()
    while level is not None:
        found.append(level)
        level = level.below
    return found


def test_a_region_ends_where_it_ends_also_by_an_exception():
    before = stack()
    with pytest.raises(KeyError), autocast(), autocast(enabled=False):
        raise KeyError
    assert stack() == before
    with pytest.raises(KeyError):

        @autocast()
        def failing():
            assert isinstance(stack()[0], Autocast)
            raise KeyError

        failing()
    assert stack() == before


def test_nested_regions_take_each_others_place():
    x, w = normal(3, 4), variable(4, 2)
    dtypes = []
    look = lambda: dtypes.append((x @ w).dtype)
    with autocast():
        look()
        with autocast(enabled=False):
            look()
            with autocast():
                look()
            look()
        look()
        assert sum(isinstance(level, Autocast) for level in stack()) == 1
    look()
    assert dtypes == [HALF, SINGLE, HALF, SINGLE, HALF, SINGLE]


def test_an_inner_region_may_have_another_format():
    low = format_of("bfloat16")
    x, w, v = normal(3, 4), variable(4, 4), variable(4, 4, seed=1)
    with autocast():
        y = x @ w
        with autocast("bfloat16"):
            z = y @ v
        u = z @ v
    assert [y.dtype, z.dtype, u.dtype] == [HALF, low, HALF]
    np.sum(u).backward()
    exact = [ab.Variable(p.numpy().astype(np.float64)) for p in (w, v)]
    np.sum(((x @ exact[0]) @ exact[1]) @ exact[1]).backward()
    for found, expected in zip((w, v), exact):
        assert found.grad.dtype == SINGLE
        np.testing.assert_allclose(found.grad.numpy(), expected.grad.numpy(), 0.05, 0.05)


def test_one_region_can_be_entered_again():
    decorated = autocast()(lambda: (normal(2, 3) @ variable(3, 2)).dtype)
    assert decorated() == decorated() == HALF
    assert (normal(2, 3) @ variable(3, 2)).dtype == SINGLE


def test_plain_arrays_are_left_to_numpy():
    with autocast():
        assert (normal(2, 3) @ normal(3, 2)).dtype == SINGLE


@both_formats
def test_inside_and_outside_of_transformations_the_result_is_the_same(name):
    low, w = format_of(name), normal(5, 4, seed=1)
    ways = [
        ab.grad(autocast(low)(loss_of)),
        autocast(low)(ab.grad(loss_of)),
        autocast(low)(ab.grad(autocast(low)(loss_of))),
        lambda w: ab.vjp(autocast(low)(loss_of), w)[1](np.float32(1))[0],
    ]
    with autocast(low):
        _, pullback = ab.vjp(loss_of, w)
    ways.append(lambda w: pullback(np.float32(1))[0])
    variable = ab.Variable(w)
    with autocast(low):
        loss = loss_of(variable)
    loss.backward()
    for way in ways:
        found = way(w)
        assert type(found) is np.ndarray and found.dtype == SINGLE
        np.testing.assert_array_equal(found, variable.grad.numpy())
    exact = ab.grad(loss_of)(w.astype(np.float64))
    assert np.any(found != exact)
    np.testing.assert_allclose(found, exact, atol=2 * EPS[name] * np.max(np.abs(exact)))


@both_formats
def test_jvp_agrees_with_double_precision(name):
    low, w, t = format_of(name), normal(5, 4, seed=1), normal(5, 4, seed=2)
    value, tangent = ab.jvp(loss_of, (w.astype(float),), (t.astype(float),))
    inside = ab.jvp(autocast(low)(loss_of), (w,), (t,))
    with autocast(low):
        outside = ab.jvp(loss_of, (w,), (t,))
    for found in (inside, outside):
        assert found[1].dtype == SINGLE
        np.testing.assert_allclose(found[0], value, rtol=2 * EPS[name])
        np.testing.assert_allclose(found[1], tangent, rtol=4 * EPS[name])
    assert inside[0] != value


def test_jvp_sees_a_primal_that_was_changed_in_place():
    x, w = normal(3, 4), normal(4, 2)
    with autocast():
        first = ab.jvp(lambda w: x @ w, (w,), (w,))[0]
        w *= 2
        second = ab.jvp(lambda w: x @ w, (w,), (w,))[0]
    np.testing.assert_array_equal(second, first * 2)


@both_formats
def test_second_derivatives_agree_with_double_precision(name):
    low, w, t = format_of(name), normal(5, 4, seed=1), normal(5, 4, seed=2)
    functions = {
        "tanh": loss_of,
        "softmax": lambda w: ab.nn.cross_entropy(normal(6, 5) @ w, [0, 1, 2, 3, 0, 1]),
        "einsum": lambda w: np.sum(np.einsum("ij,jk->ik", w, np.transpose(w)) ** 2),
    }
    for f in functions.values():
        exact = ab.hvp(f)(w.astype(float), t.astype(float))
        twice = ab.grad(lambda w: np.sum(ab.grad(autocast(low)(f))(w) * t))  # noqa: B023
        with autocast(low):
            outside = ab.hvp(f)(w, t)
        for found in (ab.hvp(autocast(low)(f))(w, t), outside, twice(w)):
            assert found.dtype == SINGLE
            np.testing.assert_allclose(found, exact, atol=6 * EPS[name] * np.max(np.abs(exact)))


@both_formats
def test_hessian_agrees_with_double_precision(name):
    low, v = format_of(name), normal(4)
    f = lambda v: np.sum(np.exp(np.tanh(normal(3, 4, seed=5) @ v)))
    exact = ab.hessian(f)(v.astype(float))
    with autocast(low):
        outside = ab.hessian(f)(v)
    for found in (ab.hessian(autocast(low)(f))(v), outside):
        assert found.dtype == SINGLE
        np.testing.assert_allclose(found, exact, atol=4 * EPS[name] * np.max(np.abs(exact)))


def test_create_graph_gives_the_second_derivative():
    w = variable(5, 4, seed=1)
    with autocast():
        loss = loss_of(w)
    loss.backward(create_graph=True)
    g, w.grad = w.grad, None
    assert g.dtype == SINGLE
    np.sum(g * normal(5, 4, seed=2)).backward()
    exact = ab.hvp(loss_of)(w.numpy().astype(float), normal(5, 4, seed=2).astype(float))
    np.testing.assert_allclose(w.grad.numpy(), exact, atol=6 * EPS["float16"] * np.max(np.abs(exact)))


def test_nothing_is_recorded_under_no_grad_in_either_order():
    w = variable(4, 2)
    with autocast(), ab.no_grad():
        first = normal(3, 4) @ w
    with ab.no_grad(), autocast():
        second = normal(3, 4) @ w
    assert first.dtype == second.dtype == HALF
    assert not first.requires_grad and not second.requires_grad
    np.testing.assert_array_equal(first.numpy(), second.numpy())


def test_debug_nans_finds_what_overflows_in_half_precision_only():
    big = ab.Variable(np.full((2, 2), 300.0, np.float32))
    with ab.debug_nans():
        big @ big
        with autocast():
            np.tanh(big) @ big
            with pytest.raises(ab.NonFiniteError, match="matmul"):
                big @ big
    with autocast(), ab.debug_nans(), pytest.raises(ab.NonFiniteError, match="matmul"):
        big @ big


WIDE = {
    "exp": (12.0, np.exp, np.exp(12.0)),
    "exp2": (17.0, np.exp2, np.log(2) * 2.0**17),
    "expm1": (-9.0, np.expm1, np.exp(-9.0)),
    "log": (1e-9, np.log, 1e9),
    "log1p": (-1 + 2.0**-20, np.log1p, 2.0**20),
    "sqrt": (1e-9, np.sqrt, 0.5 * 1e9**0.5),
    "power": (1e-9, lambda x: x**0.5, 0.5 * 1e9**0.5),
    "square": (1e5, np.square, 2e5),
    "product": (1e-9, lambda x: x * x, 2e-9),
    "quotient": (1e-6, lambda x: 1 / x, -1e12),
    "reciprocal": (1e-6, np.reciprocal, -1e12),
    "relu": (1e-9, ab.relu, 1.0),
    "absolute": (-1e-9, np.abs, -1.0),
    "sin": (1000.3, np.sin, np.cos(float(np.float32(1000.3)))),
    "arctan": (300.0, np.arctan, 1 / (1 + 300.0**2)),
    "hypot": (1e-9, lambda x: np.hypot(x, 2 * x), 5**0.5),
    "logsumexp": (1000.3, lambda x: ab.logsumexp(np.stack([x, x - 0.25]), axis=0), 1.0),
    "softmax": (20.0, lambda x: np.log(ab.softmax(np.stack([x, 0 * x]), axis=0)[1]), -1 / (1 + np.exp(-20.0))),
}


@both_formats
@pytest.mark.parametrize("size", [FEW - 1, FEW])
@pytest.mark.parametrize("what", WIDE)
def test_what_is_computed_in_single_precision_has_its_derivative_at_every_size(what, size, name, strict):
    at, f, right = WIDE[what]
    x = ab.Variable(np.full(size, at, np.float32))
    with autocast(format_of(name)):
        y = np.sum(f(x * np.float32(1)))
    y.backward()
    np.testing.assert_allclose(x.grad.numpy(), right, rtol=1.5 * EPS[name])


def test_a_scaler_takes_steps_on_logarithms_of_small_numbers():
    p = ab.Variable(np.linspace(1e-9, 1e-3, 600).astype(np.float32))
    optimizer, scaler = ab.optim.SGD([p], lr=1e-30), ab.GradScaler(init_scale=1024.0)
    with autocast():
        loss = -np.sum(np.log(p * np.float32(1)))
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()
    assert scaler.get_scale() == 1024.0
    np.testing.assert_allclose(p.grad.numpy(), -1 / p.numpy(), rtol=2 * EPS["float16"])


@both_formats
def test_vmap_gives_what_a_loop_gives(name):
    low, w, xs = format_of(name), normal(5, 4, seed=1), normal(3, 6, 5, seed=2)
    by_example = lambda f: np.stack([f(w, x) for x in xs])
    batch = lambda f: ab.vmap(f, in_axes=(None, 0))(w, xs)
    for f in (loss_of, ab.grad(loss_of), ab.grad(lambda w, x: np.sum(np.einsum("ij,jk->ik", x, w) ** 2))):
        expected = by_example(autocast(low)(f))
        for found in (batch(autocast(low)(f)), autocast(low)(batch)(f)):
            assert found.dtype == expected.dtype
            np.testing.assert_allclose(
                found.astype(float), expected.astype(float), atol=2 * EPS[name] * np.max(np.abs(expected.astype(float)))
            )


def test_threads_have_formats_of_their_own():
    formats = {"float16": HALF, "bfloat16": format_of("bfloat16"), None: SINGLE}
    w, x, found, together = variable(8, 8), normal(4, 8), {}, threading.Barrier(3)

    def work(name):
        with autocast(name or "float16", enabled=name is not None):
            for _ in range(20):
                together.wait(10)
                out = x @ w
                together.wait(10)
                found.setdefault(name, set()).add(out.dtype)
                assert ab.grad(lambda v: np.sum(x @ v))(w.numpy()).dtype == SINGLE

    threads = [threading.Thread(target=work, args=(name,)) for name in formats]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {name: {dtype} for name, dtype in formats.items()}


def test_a_region_does_not_reach_into_another_context():
    with autocast():
        assert contextvars.Context().run(lambda: (normal(2, 3) @ variable(3, 2)).dtype) == SINGLE


# Gradients of networks


class Convolutional(ab.nn.Module):
    def __init__(self, dtype):
        self.first, self.second = (ab.Variable(normal(4, c, 3, 3, seed=c).astype(dtype) / 4) for c in (2, 4))
        self.out = ab.nn.Linear(4, 3, rng=0, dtype=dtype)

    def __call__(self, x):
        x = np.tanh(ab.conv2d(x, self.first, padding=1))
        return self.out(np.mean(np.tanh(ab.conv2d(x, self.second, stride=2)), axis=(2, 3)))


def networks(dtype):
    """Smooth networks: where a ReLU changes sides by rounding, its gradient is another one."""
    labels, tokens = np.arange(8) % 3, np.random.default_rng(0).integers(0, 7, (4, 9))
    mlp = ab.nn.Sequential(ab.nn.Linear(6, 16, rng=0, dtype=dtype), np.tanh, ab.nn.Linear(16, 3, rng=1, dtype=dtype))
    rnn = LastState(3, 12, 3, rng=0, dtype=dtype)
    transformer = Transformer(7, width=16, heads=2, blocks=2, context=8, dtype=dtype)
    for block in transformer.blocks:
        block.perceptron.layers[1] = np.tanh
    return {
        "mlp": (mlp, lambda: ab.nn.cross_entropy(mlp(normal(8, 6).astype(dtype)), labels)),
        "rnn": (rnn, lambda: ab.nn.cross_entropy(rnn(normal(8, 30).astype(dtype)), labels)),
        "transformer": (transformer, lambda: next_token_loss(transformer, tokens)),
        "conv2d": (net := Convolutional(dtype), lambda: ab.nn.cross_entropy(net(normal(8, 2, 7, 7).astype(dtype)), labels)),
    }


@both_formats
@pytest.mark.parametrize("network", ["mlp", "rnn", "transformer", "conv2d"])
def test_gradients_of_networks_are_single_and_within_a_few_roundings_of_double_precision(name, network):
    low = format_of(name)
    exact_net, exact_loss = networks(np.float64)[network]
    net, loss = networks(np.float32)[network]
    for p, q in zip(exact_net.parameters(), net.parameters(), strict=True):
        p.data = q.numpy().astype(np.float64)
    expected = exact_loss()
    expected.backward()
    with autocast(low):
        found = loss()
    found.backward()
    assert found.dtype == SINGLE
    assert found.item() == pytest.approx(expected.item(), abs=2 * EPS[name])
    assert {q.grad.dtype for q in net.parameters()} == {SINGLE}
    exact, mixed = [[p.grad.numpy() for p in n.parameters()] for n in (exact_net, net)]
    errors = [m - e for m, e in zip(mixed, exact)]
    length = lambda arrays: np.linalg.norm(np.concatenate([a.ravel() for a in arrays]))
    assert length(errors) <= 2 * EPS[name] * length(exact)
    largest = max(np.max(np.abs(e)) for e in exact)
    for d, e in zip(errors, exact):
        assert np.max(np.abs(d)) <= 4 * EPS[name] * (np.max(np.abs(e)) + largest / 20)


def test_cotangents_of_low_values_underflow_and_no_others():
    x, w, b = np.ones((2, 3), np.float32), ab.Variable(np.ones((3, 2), np.float32)), ab.Variable(np.ones(2, np.float32))
    tiny = np.float32(2.0**-26)
    with autocast():
        out = x @ w + b
        np.sum(out * tiny).backward()
    assert not np.any(w.grad.numpy())
    np.testing.assert_array_equal(b.grad.numpy(), 2 * tiny)
    w.grad = None
    with autocast():
        (np.sum((x @ w + b) * tiny) * np.float32(2**20)).backward()
    np.testing.assert_array_equal(w.grad.numpy(), np.full((3, 2), 2 * tiny * 2**20))


def test_bfloat16_keeps_what_float16_loses():
    w = ab.Variable(np.ones((3, 2), np.float32))
    with autocast(format_of("bfloat16")):
        np.sum((np.ones((2, 3), np.float32) @ w) * np.float32(2.0**-100)).backward()
    np.testing.assert_array_equal(w.grad.numpy(), np.full((3, 2), 2.0**-99))


def test_cotangents_too_large_for_float16_become_infinite_without_a_warning(strict):
    w = ab.Variable(np.ones((3, 2), np.float32))
    with autocast():
        np.sum((np.ones((2, 3), np.float32) @ w) * np.float32(1e6)).backward()
    assert np.all(np.isposinf(w.grad.numpy()))


# What is saved


def saved_arrays(end, size=FEW):
    """Name, array and origin of every large floating-point array that the graph keeps."""
    for node in reachable(end.node):
        parts = getattr(node.saved, "parts", node.saved)
        values = [p.halves if isinstance(p, Scaled) else p for p in parts]
        for asked, value, origin in zip(node.plan.asks, values, node.plan.origins(node)) if node.plan else ():
            if isinstance(value, np.ndarray) and value.size >= size and value.dtype.kind in "fV":
                yield f"{node.plan.primitive.name}.{asked}", value, origin


@both_formats
def test_large_saved_values_of_a_transformer_take_two_bytes_an_element(name):
    low = format_of(name)
    net = Transformer(16, width=32, heads=2, blocks=2, context=32)
    tokens = np.random.default_rng(1).integers(0, 16, (8, 33))
    with autocast(low):
        mixed = next_token_loss(net, tokens)
    single = next_token_loss(net, tokens)
    found, before = list(saved_arrays(mixed)), list(saved_arrays(single))
    # The rule of the loss takes exponentials of the logits again: there digits are lost.
    assert [n for n, value, _ in found if value.dtype != low] == ["negative_log_likelihood.logits"]
    total = lambda saved: sum({id(v): v.nbytes for _, v, _ in saved}.values())
    assert len(found) >= len(before) > 30
    logits = tokens[:, 1:].size * 16
    assert total(found) <= 0.5 * total(before) + 2 * logits


def test_values_of_exact_primitives_are_saved_as_they_are():
    w = variable(64, 64)
    with autocast():
        y = np.exp(w)
        end = np.sum(np.maximum(y, 0.5) + np.clip(y, 0.0, 2.0))
    kept = {n: (v, o) for n, v, o in saved_arrays(end) if n.partition(".")[0] in ("maximum", "clip")}
    assert kept and all(v.dtype == SINGLE for v, _ in kept.values())
    assert any(v is y.value for v, _ in kept.values())


def test_small_saved_values_stay_as_they_are():
    for size, expected in ((FEW - 1, SINGLE), (FEW, HALF)):
        with autocast():
            y = np.exp(np.sin(ab.Variable(normal(size))))
        assert [v.dtype for n, v, _ in saved_arrays(y, 1) if n == "exp.out"] == [expected]


def test_an_array_is_converted_once_for_all_who_keep_it(monkeypatch):
    counted = []
    monkeypatch.setitem(formats.conversions, HALF, lambda x: counted.append(x.shape) or to_half(x))
    x, w, v = variable(32, 48), variable(48, 40), variable(48, 24)
    with autocast():
        y = np.exp(x)
        end = np.sum(y @ w) + np.sum(y @ v) + np.sum(y * y)
    copies = {id(a) for _, a, _ in saved_arrays(end) if a.shape == (32, 48) and a.dtype == HALF}
    assert len(copies) == 1
    assert sorted(counted) == sorted([(32, 48), (48, 40), (48, 24), (32, 40), (32, 24)])


def test_one_copy_of_a_parameter_serves_all_products_of_a_region():
    w = variable(32, 32)
    with autocast():
        end = np.sum(normal(4, 32) @ w) + np.sum((normal(4, 32, seed=1) @ w) @ w)
    operands = [v for n, v, _ in saved_arrays(end) if n == "matmul.y"]
    assert len(operands) == 1 and operands[0].dtype == HALF
    ends = [v for n, v, o in saved_arrays(end) if v.shape == (32, 32)]
    assert {id(v) for v in ends} == {id(operands[0])}


def test_leaves_and_constants_are_saved_without_a_copy():
    x, constant = variable(32, 32), normal(32, 32, seed=1)
    with autocast():
        end = np.sum(np.sin(x) + x * constant)
    saved = {n: v for n, v, _ in saved_arrays(end)}
    assert saved["sin.x"] is x.value
    assert saved["multiply.y"] is constant


def test_a_constant_that_is_changed_after_the_product_is_reported():
    w, x = variable(32, 32), normal(32, 32, seed=1)
    with autocast():
        end = np.sum(w * x)
    x += 1
    with pytest.raises(ab.MutatedValueError):
        end.backward()


# Parameters that change, and copies that go


@pytest.mark.parametrize(
    "view",
    [lambda w: w, lambda w: w.detach(), lambda w: w.T.T, lambda w: w.astype(np.float32), np.real, lambda w: np.diff(w, n=0)],
)
@pytest.mark.parametrize("optimizer", [ab.optim.SGD, ab.optim.Adam])
def test_an_update_in_place_is_seen_by_the_next_product_of_the_region(view, optimizer):
    w, x = variable(64, 64), normal(8, 64)
    steps = optimizer([w], lr=0.1)
    address = w.value.ctypes.data
    with autocast():
        for _ in range(4):
            out = (x @ view(w)).numpy()
            single = lambda a: a.astype(np.float16).astype(np.float32)
            np.testing.assert_array_equal(out, (single(x) @ single(w.numpy())).astype(np.float16))
            w.grad = np.ones((64, 64), np.float32)
            steps.step()
    assert view(w) is not w or w.value.ctypes.data == address


def test_a_constant_changed_in_place_is_seen_by_the_next_product():
    w, x = ab.Variable(np.eye(8, dtype=np.float32)), np.ones((2, 8), np.float32)
    with autocast(), ab.no_grad():
        first = (x @ w).numpy()
        x *= 3
        np.testing.assert_array_equal((x @ w).numpy(), first * 3)


@pytest.fixture
def no_collection():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_copies_go_with_the_backward_pass_and_the_region(no_collection):
    net = ab.nn.Sequential(ab.nn.Linear(64, 64, rng=0), np.tanh, ab.nn.Linear(64, 64, rng=1))
    x, w = normal(32, 64), next(iter(net.parameters()))
    with autocast():
        loss = np.sum(np.exp(net(x)))
        saved = [(weakref.ref(v), v.shape) for _, v, _ in saved_arrays(loss) if v.dtype == HALF]
        copies = [copy for _, copy, _ in top.get().halves.known.values()]
        assert len(saved) > 4
        loss.backward()
        del loss
        # copies of the weights remain for the next product
        assert sorted(r().shape for r in copies if r() is not None) == [(64, 64), (64, 64)]
    assert [r for r in copies if r() is not None] == []
    assert [r for r, _ in saved if r() is not None] == []
    assert w.grad.dtype == SINGLE


def test_a_training_step_leaves_no_bytes_behind(no_collection):
    net = ab.nn.Sequential(ab.nn.Linear(64, 64, rng=0), ab.relu, ab.nn.Linear(64, 8, rng=1))
    optimizer = ab.optim.Adam(net.parameters(), lr=1e-3)
    x, labels = normal(256, 64), np.arange(256) % 8

    def step():
        optimizer.zero_grad()
        with autocast():
            loss = ab.nn.cross_entropy(net(x), labels)
        loss.backward()
        optimizer.step()

    step()
    step()
    arrays = tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)
    total = lambda: sum(t.size for t in tracemalloc.take_snapshot().filter_traces([arrays]).traces)
    tracemalloc.start()
    try:
        step()
        first = total()
        for _ in range(5):
            step()
        assert total() - first < 64 * 8 * 2  # less than one copy of the smallest weight
    finally:
        tracemalloc.stop()


def transformer_step(blocks, low, batch=16, context=64):
    """A function that makes one training step of a small transformer, and returns the loss."""
    net = Transformer(16, width=32, heads=2, blocks=blocks, context=context)
    optimizer = ab.optim.Adam(net.parameters(), lr=3e-3)
    tokens = np.random.default_rng(0).integers(1, 3, (batch, context + 1)).cumsum(-1) % 16

    def step():
        optimizer.zero_grad()
        with autocast(low) if low else nullcontext():
            loss = next_token_loss(net, tokens)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


@cache
def peak_of(low):
    """Bytes at the peak of a second step, above what is there before it."""
    step = transformer_step(8, low)
    step()
    tracemalloc.start()
    try:
        step()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@both_formats
def test_a_step_of_an_eight_block_transformer_has_its_peak_a_third_lower(name):
    assert peak_of(format_of(name)) < 0.65 * peak_of(None)


@both_formats
def test_a_transformer_learns_as_in_single_precision(name):
    steps = [transformer_step(2, low, batch=4, context=16) for low in (format_of(name), None)]
    mixed, single = [[step() for _ in range(20)] for step in steps]
    assert single[-1] < 0.8 * single[0]
    np.testing.assert_allclose(mixed, single, atol=2 * EPS[name])
