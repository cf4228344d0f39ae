"""Features of memory and precision in pairs: the same bits as one of them alone, and no more bytes."""

import gc
import sys
import tracemalloc
from contextlib import ExitStack, nullcontext
from functools import cache
from itertools import combinations, permutations

import numpy as np
import pytest

import autograd_book as ab
from autograd_book.memory.checkpoint import checkpoint
from autograd_book.memory.pool import Pool, recycle
from autograd_book.memory.replay import levels_from
from autograd_book.memory.saved import saved_values

BLOCKS, ROWS, WIDTH = 8, 256, 64

#: Blocks that are put around the passes, by name; what is not among them is no block.
REGIONS = {
    "float16": lambda: ab.autocast(np.float16),
    "bfloat16": lambda: ab.autocast("bfloat16"),
    "saved float16": lambda: saved_values("float16"),
    "saved int8": lambda: saved_values("int8"),
    "saved bits": lambda: saved_values("bits"),
    "saved zlib": lambda: saved_values("zlib"),
    "saved disk": lambda: saved_values("disk"),
    "recycle": recycle,
    "debug_nans": ab.debug_nans,
    "checkpoint": nullcontext,
}
CASTS = {"float16", "bfloat16"}
POLICIES = {name for name in REGIONS if name.startswith("saved")}
LOSSY = {"saved float16", "saved int8"}
#: Of two of a kind the inner one takes the place of the other.
PAIRS = [p for p in combinations(REGIONS, 2) if not (set(p) <= CASTS or set(p) <= POLICIES)]


def network() -> list:
    """Blocks whose rules need all kinds of values: digits, signs, and the values themselves."""
    rng = np.random.default_rng(0)

    def block(first, last):
        def run(x):
            h = ab.relu(first(x)) + np.float32(0.1)
            h = last(h * np.sin(h))
            return x + np.tanh(h) + np.float32(0.1) * np.sqrt(np.square(h) + np.float32(1e-9))

        return run

    layers = [ab.nn.Linear(WIDTH, WIDTH, rng=rng) for _ in range(2 * BLOCKS)]
    blocks = [block(*pair) for pair in zip(layers[::2], layers[1::2])]
    return layers, [*blocks, lambda x: np.mean(np.square(x))]


def step(features: tuple[str, ...], inside: bool) -> tuple[list, int]:
    """Bits of the loss and the gradients, and the bytes that wait for the way back."""
    if "bfloat16" in features:
        pytest.importorskip("ml_dtypes")
    layers, blocks = network()
    if "checkpoint" in features:
        blocks = [checkpoint(block) for block in blocks]
    x = np.random.default_rng(1).normal(size=(ROWS, WIDTH)).astype(np.float32)
    [block(x) for block in blocks]  # what is made once
    gc.collect()
    tracemalloc.start()
    try:
        with ExitStack() as around:
            regions = around if inside else ExitStack()
            with regions if not inside else nullcontext():
                for name in features:
                    regions.enter_context(REGIONS[name]())
                loss = x
                for block in blocks:
                    loss = block(loss)
                held = bytes_of_arrays()
                if inside:
                    loss.backward()
            if not inside:
                loss.backward()
    finally:
        tracemalloc.stop()
    found = [p.grad.numpy() for layer in layers for p in layer.parameters()]
    return [np.asarray(a).tobytes() for a in (loss.numpy(), *found)], held


def bytes_of_arrays() -> int:
    """Bytes of the arrays that were made, without those that a pool has ready for others."""
    pools = [level for level in levels_from(ab.graph.stack.base) if isinstance(level, Pool)]
    buffers = [b for pool in pools for some in pool.shelf.values() for b in some]
    idle = sum(b.nbytes for b in buffers if sys.getrefcount(b) <= 4)
    domain = tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)
    return sum(t.size for t in tracemalloc.take_snapshot().filter_traces([domain]).traces) - idle


@cache
def alone(name: str | None, inside: bool) -> tuple[list, int]:
    return step((name,) if name else (), inside)


def same_as(pair: set[str]) -> str | None:
    """The feature whose bits a pair has: a cast rounds, a policy may, and of a checkpoint only
    what enters it is kept, which is not rounded."""
    (cast,) = pair & CASTS or {None}
    (policy,) = pair & LOSSY or {None}
    if cast and policy:
        return "both" if "checkpoint" not in pair else cast
    return cast or (None if "checkpoint" in pair else policy)


@pytest.mark.parametrize("inside", [True, False], ids=["backward inside", "backward after"])
@pytest.mark.parametrize("pair", PAIRS, ids=" and ".join)
def test_a_pair_has_the_bits_of_one_of_them_in_either_order(pair, inside):
    found = [step(order, inside)[0] for order in permutations(pair)]
    assert found[0] == found[1]
    if (one := same_as(set(pair))) != "both":
        assert found[0] == alone(one, inside)[0]


@pytest.mark.parametrize("pair", PAIRS, ids=" and ".join)
def test_a_pair_holds_no_more_bytes_than_either_of_them(pair):
    _, both = step(pair, False)
    layers, _ = network()
    halves = sum(p.size for layer in layers for p in layer.parameters()) * 2 + ROWS * WIDTH * 2
    # products of a region save halves of parameters and of the input, beside these
    more = halves if set(pair) & CASTS and "checkpoint" not in pair else 0
    assert both <= min(alone(name, False)[1] for name in pair) + more


def by_example(name: str | None) -> list[np.ndarray]:
    """Gradients of each example by vmap of grad, and of all by grad of vmap, with a feature."""
    if name == "bfloat16":
        pytest.importorskip("ml_dtypes")
    rng = np.random.default_rng(2)
    w, v = (rng.normal(size=(32, 32)).astype(np.float32) / 6 for _ in range(2))
    xs = rng.normal(size=(5, 24, 32)).astype(np.float32)
    block = lambda w, v, x: np.tanh(np.exp(np.tanh(x @ w)) @ v) * np.sin(x)
    block = checkpoint(block) if name == "checkpoint" else block
    loss = lambda w, v, x: np.mean(np.square(block(w, v, x)))
    with REGIONS[name]() if name else nullcontext():
        each = ab.vmap(ab.grad(loss), in_axes=(None, None, 0))(w, v, xs)
        all_at_once = ab.grad(lambda w: np.sum(ab.vmap(loss, in_axes=(None, None, 0))(w, v, xs)))(w)
    return [np.asarray(each), np.asarray(all_at_once)]


#: Some roundings, of the largest number.
ERRORS = {"float16": 2.0**-8, "bfloat16": 2.0**-5, "saved float16": 2.0**-9, "saved int8": 2.0**-6}


@pytest.mark.parametrize("name", REGIONS)
def test_with_vmap_a_feature_gives_the_bits_of_vmap_alone(name):
    plain, found = by_example(None), by_example(name)
    for a, b in zip(plain, found, strict=True):
        if name in ERRORS:
            np.testing.assert_allclose(a, b, atol=ERRORS[name] * np.max(np.abs(a)))
        else:
            assert a.tobytes() == b.tobytes()


def pass_by_pass(first: str | None, second: str | None) -> bytes:
    """Gradient of a checkpointed function that differentiates constants, with features around
    one of its passes, or both."""
    if "bfloat16" in (first, second):
        pytest.importorskip("ml_dtypes")
    rng = np.random.default_rng(3)
    x = ab.Variable(rng.normal(size=(200, 200)).astype(np.float32))
    constant = rng.normal(size=(200, 200)).astype(np.float32)

    @checkpoint
    def inner(v):
        slope = ab.grad(lambda t: np.sum(np.tanh(np.exp(t) * t)))(constant)
        return np.sum(np.sin(v * slope) * np.tanh(v @ slope))

    with REGIONS[first]() if first else nullcontext():
        out = inner(x)
    with REGIONS[second]() if second else nullcontext():
        out.backward()
    return x.grad.numpy().tobytes()


@pytest.mark.parametrize("name", REGIONS)
def test_a_feature_around_one_pass_of_a_checkpoint_is_no_other_function(name):
    both, plain = pass_by_pass(name, name), pass_by_pass(None, None)
    assert pass_by_pass(name, None) == both
    assert pass_by_pass(None, name) == plain
    assert name in CASTS | LOSSY or both == plain
