"""Groups as functions in C: the numbers of NumPy at all edges, and no index beyond an array."""

from typing import Any

import numpy as np
import pytest
from random_steps import Step, close

import autograd_book as ab
from autograd_book.graph.stack import bedrock
from autograd_book.modes.trees import leaves, tree_map
from autograd_book.speed.capture import capture, inner
from autograd_book.speed.equations import Name, carry_out
from autograd_book.speed.fusion import fuse
from autograd_book.speed.kernels import MAPS, TESTS, Launch, Refused, RowKernel, applied, kernel_text, run_group, texts
from autograd_book.speed.rows import fused
from autograd_book.speed.simplify import simplified
from autograd_book.speed.toolchain import built, toolchain

needs_compiler = pytest.mark.skipif(toolchain() is None, reason="no C compiler on this machine")
DTYPES = (np.float32, np.float64)


def groups_of(graph: Any, inputs: Any) -> Any:
    """The groups of a graph, with what they are given and what they give."""
    known = dict(zip(graph.inputs, inputs, strict=True))
    value = lambda leaf: known[leaf] if type(leaf) is Name else leaf
    for e in graph.equations:
        args = [value(a) for a in e.args]
        out = leaves(carry_out(e.primitive, args, {k: tree_map(value, v) for k, v in e.params.items()}, bedrock))
        known.update(zip(e.outs, out, strict=True))
        if e.primitive is fused:
            yield e.params["group"], args, out


def group_of(f: Any, *args: Any) -> Any:
    """The largest group of a function."""
    with np.errstate(all="ignore"):
        return max(groups_of(fuse(capture(f, *args), least=0), args), key=lambda found: len(found[0].members))


def check(f: Any, *args: Any, rtol: float = 1e-5) -> None:
    """Whether the groups of a function give what NumPy gives, in the same types."""
    with np.errstate(all="ignore"):
        found = list(groups_of(fuse(capture(f, *args), least=0), args))
    assert found
    for group, inputs, wanted in found:
        for one, other in zip(run_group(group, *inputs), wanted, strict=True):
            assert np.shape(one) == np.shape(other) and np.asarray(one).dtype == np.asarray(other).dtype
            np.testing.assert_allclose(one, other, rtol=rtol, atol=1e-6)


@needs_compiler
@pytest.mark.parametrize("block", range(4))
def test_random_steps_have_the_numbers_of_numpy(block) -> None:
    refused, kernels, cases = [], [], []
    for seed in range(15 * block, 15 * block + 15):
        step = Step(seed, DTYPES[seed % 2])
        with np.errstate(all="ignore"):
            step(step.x)
            graph = fuse(simplified(capture(step, step.x, expand=lambda p: p.composite)), least=0)
            for group, args, out in groups_of(graph, [step.x, *[inner(c.read()) for c in graph.cells]]):
                try:
                    kernels.append(RowKernel(group))
                    cases.append((seed, step.dtype, args, out))
                except Refused as reason:
                    refused.append(str(reason))
    assert all("int64" in reason for reason in refused) and len(kernels) > 20
    text, names = texts(kernels)
    library = built(text)
    for kernel, pair, (seed, dtype, args, out) in zip(kernels, names, cases, strict=True):
        for one, other in zip(applied(kernel, *(getattr(library, name) for name in pair), args), out, strict=True):
            assert np.asarray(one).dtype == np.asarray(other).dtype and np.shape(one) == np.shape(other), seed
            assert close(one, other, dtype), seed


EDGES = np.array([0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 1e-40, -1e-40, 1e30, -1e30, np.inf, -np.inf, np.nan, 2.0, 3.5, -3.5])


@needs_compiler
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("fun", [*MAPS, *TESTS], ids=lambda fun: fun.__name__)
def test_each_function_is_as_in_numpy_at_the_edges(fun, dtype) -> None:
    one, other = (np.ravel(part).astype(dtype) for part in np.meshgrid(EDGES, EDGES))
    name, bits = fun.__name__, fun in (np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert)
    if bits:
        one, other = one > 0, other > 0
    count = fun.nin if isinstance(fun, np.ufunc) else {"clip": 3, "copy": 1}[name]
    args = [one, other, np.full_like(one, 1.5)][:count]

    def program(*arrays: Any) -> Any:  # a second function makes a group of it
        out = np.clip(*arrays) if name == "clip" else fun(*arrays)
        return out, np.where(arrays[0] == arrays[0], 1.0, 2.0).astype(dtype)

    group, inputs, wanted = group_of(program, *args)
    for a, b in zip(run_group(group, *inputs), wanted, strict=True):
        assert a.dtype == b.dtype and np.array_equal(np.isnan(a), np.isnan(b))
        np.testing.assert_allclose(a, b, rtol=3 * float(np.finfo(dtype).eps) if a.dtype != bool else 0, atol=1e-44)


@needs_compiler
@pytest.mark.parametrize("f", [np.sum, np.max, np.min, np.mean, lambda v, **k: np.all(v > 0, **k), lambda v, **k: np.any(v > 1e30, **k)])
@pytest.mark.parametrize("axis", [None, 0, 1])
@pytest.mark.parametrize("place", [None, 0, 7, 34])
def test_reductions_keep_nan_wherever_it_stands(f, axis, place) -> None:
    x = np.random.default_rng(0).random((7, 5)).astype(np.float32) + 0.5
    if place is not None:
        x.flat[place] = np.nan
    check(lambda v: f(v * 2.0 + 1.0, axis=axis), x)


@needs_compiler
@pytest.mark.parametrize("shape", [(1,), (2,), (1023,), (1024,), (1025,), (5000,), (1, 9), (9, 1), (3, 17), (40, 64), (2, 3, 5)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_shapes_of_all_kinds(shape, dtype) -> None:
    x = np.random.default_rng(1).standard_normal(shape).astype(dtype)
    check(lambda v: (np.tanh(v) * v, np.sum(v * v), np.mean(v)), x)
    if len(shape) > 1 and shape[-1] > 1:
        row, column = x.reshape(-1, shape[-1])[0].copy(), x[..., :1].copy()
        check(lambda v, r, c: (v * r + c, np.sum(v + r, axis=-1, keepdims=True) * c, np.sum(v * c, axis=tuple(range(v.ndim - 1)))), x, row, column)
        check(lambda v: np.exp(v - np.max(v, axis=-1, keepdims=True)) / np.sum(np.exp(v), axis=-1, keepdims=True), x)


@needs_compiler
@pytest.mark.parametrize("n", [1, 5, 1023, 1025, 200_000])
@pytest.mark.parametrize("dtype", DTYPES)
def test_one_element_beside_a_vector_is_read_for_each_of_its_elements(n, dtype) -> None:
    x, y = (np.random.default_rng(k).standard_normal(k).astype(dtype) for k in (n, 1))
    for pair in ((x, y), (y, x)):
        check(lambda x, y: (np.tanh(x * y) * y, np.max(x * y + x), np.exp(x * y) * 2.0), *pair)


@needs_compiler
def test_large_groups_have_two_halves_and_one_result() -> None:
    x = np.random.default_rng(2).standard_normal((1001, 300)).astype(np.float32)
    f = lambda v: (np.sum(v * v), np.mean(np.abs(v), axis=0), np.max(v * 1.0), v + 1.0)
    group, *_ = group_of(f, x)
    assert Launch(RowKernel(group)).halves == 2
    check(f, x)
    check(lambda v: (np.sum(np.tanh(v)), np.max(v * 1.0)), x.ravel())
    x[900, 7] = np.nan
    check(lambda v: (np.max(v * 1.0), np.min(v * 2.0)), x)


@needs_compiler
def test_sums_of_millions_are_as_good_as_numpys() -> None:
    x = np.random.default_rng(3).random(3_000_000, np.float32)
    group, inputs, _ = group_of(lambda v: np.sum(v * 1.0 + 0.0), x)
    (found,) = run_group(group, *inputs)
    assert abs(found / x.sum(dtype=np.float64) - 1) < 3e-7


@needs_compiler
def test_mixed_precision_is_computed_as_numpy_does() -> None:
    x = np.random.default_rng(4).standard_normal(50).astype(np.float32)
    check(lambda v: (v * 0.1 > v.astype(np.float64) * 0.1, v.astype(np.float64) / 3.0, (v > 0) * v, v * np.float32(0.1)), x, rtol=1e-7)


@needs_compiler
def test_numbers_that_change_are_given_in_each_call() -> None:
    x = np.arange(6, dtype=np.float32)
    check(lambda v, s: np.tanh(v * s) + s, x, np.float32(0.3))


@pytest.mark.parametrize("wrong", ["short", "long", "dtype", "turned", "read-only"])
def test_an_array_that_does_not_fit_is_refused_before_the_call(wrong) -> None:
    x = np.zeros((6, 4), np.float32)
    group, *_ = group_of(lambda v: np.tanh(v) * 2.0, x)
    (source,), (target,) = group.inputs, group.outs
    bad = {
        "short": x[:5], "long": np.zeros((7, 4), np.float32), "dtype": x.astype(np.float64),
        "turned": np.zeros((4, 6), np.float32).T, "read-only": np.broadcast_to(np.float32(0), (6, 4)),
    }[wrong]  # fmt: skip
    good = np.empty_like(x)
    frozen = good.copy()
    frozen.flags.writeable = False
    arrays = {source: x, target: frozen} if wrong == "read-only" else {source: bad, target: good}
    with pytest.raises(ValueError, match="a kernel"):
        Launch(RowKernel(group)).link(arrays)


def test_a_group_whose_names_disagree_with_its_rows_is_not_written() -> None:
    x = np.zeros((6, 4), np.float32)
    kernel = RowKernel(group_of(lambda v: np.tanh(v) * 2.0, x)[0])
    for shape, kind in (((6, 3), "tile"), ((5, 1), "column"), ((3,), "row"), ((2,), "total")):
        with pytest.raises(Refused):
            kernel.slot(Name(99, shape, np.dtype(np.float32)), kind)


@pytest.mark.parametrize("dtype", [np.float16, np.int64, np.complex64])
def test_other_types_are_not_written(dtype) -> None:
    with pytest.raises(Refused):
        RowKernel(group_of(lambda v: np.add(np.negative(v), v), np.ones(5, dtype))[0])


def test_equal_groups_share_their_text() -> None:
    one = group_of(lambda v: np.tanh(v) * 2.0, np.zeros((6, 4), np.float32))[0]
    other = group_of(lambda v: np.tanh(v + 1.0) * 2.0, np.zeros((6, 4), np.float32))[0]
    text, names = texts([RowKernel(g) for g in (one, other, one)])
    assert names[0] == names[2] != names[1] and text.count("void k") == len({name for pair in names for name in pair})


@needs_compiler
def test_a_kernel_reads_and_writes_nothing_beyond_its_arrays() -> None:
    """Guarded by canaries on both sides."""
    for shape in ((7, 5), (3, 64), (1030,)):
        x = np.random.default_rng(5).standard_normal(shape).astype(np.float32)
        group, *_ = group_of(lambda v: (np.tanh(v) * v, np.sum(v * 2.0, axis=0) if v.ndim > 1 else np.sum(v * 2.0)), x)
        kernel = RowKernel(group)
        text, [(run, _)] = texts([kernel])
        library, launch, guarded, arrays = built(text), Launch(kernel), [], {group.inputs[0]: x}
        for name in (n for n in group.outs if n.shape):
            room = np.full(name.nbytes // 4 + 64, 7.0, np.float32)
            arrays[name] = room[32:-32].reshape(name.shape)
            guarded.append(room)
        launch.link(arrays)
        for table in launch.tables:
            getattr(library, run)(table, launch.numbers)
        for room in guarded:
            assert (room[:32] == 7).all() and (room[-32:] == 7).all() and not (room[32:-32] == 7).all()
    assert "first" in kernel_text(kernel, "f") and ab is not None
