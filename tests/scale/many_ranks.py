"""What several real processes are asked, all in one start: prints the names of the checks that every rank passed."""

import sys

import numpy as np
from random_exchanges import Exchanges
from same_numbers import NETWORKS, alone, in_stage, trained
from test_pipeline import in_line, whole

import autograd_book as ab
from autograd_book.scale.processes import world
from autograd_book.scale.world import MEANINGS, ROOTED, SPLIT, alongside

KINDS = ["f8", "f4", "f2", "c16", "c8", "i8", "u1", "?"]
try:
    import ml_dtypes

    KINDS.append(ml_dtypes.bfloat16)
except ImportError:
    pass
SHAPES = [(), (3,), (0, 2), (2, 3)]


def parts_of(name, ranks, dtype, shape, seed):
    shape = (ranks.size, *shape) if name in SPLIT else shape
    numbers = np.random.default_rng(seed).normal(size=(ranks.size, *shape)) * 3
    with np.errstate(all="ignore"):
        return [np.asarray(abs(n) if np.dtype(dtype).kind == "u" else n).astype(dtype) for n in numbers]


def ways(name, size):
    if name == "permute":
        return [[], [(r, (r + 1) % size) for r in range(size)], [(0, size - 1)]]
    return [0, size - 1] if name in ROOTED else [None]


def same(found, right, name):
    assert found.shape == right.shape and found.dtype == right.dtype, (name, found.shape, found.dtype)
    if right.dtype.kind in "biu":
        np.testing.assert_array_equal(found, right)
    else:
        wide = complex if right.dtype.kind == "c" else float
        close = 2e-2 if right.dtype.itemsize == 2 else 1e-5 if right.dtype.itemsize == 4 or right.dtype == "c8" else 1e-13
        np.testing.assert_allclose(found.astype(wide), right.astype(wide), close, close)


def meanings(ranks):
    seed = 0
    for name in MEANINGS:
        for how in ways(name, ranks.size):
            for dtype in KINDS:
                for shape in SHAPES:
                    seed += 1
                    parts = parts_of(name, ranks, dtype, shape, seed)
                    right = np.asarray(MEANINGS[name](parts, ranks.rank, how))
                    same(ranks.exchange(name, parts[ranks.rank], how), right, (name, dtype, shape))


def strided(ranks):
    table = np.arange(48.0).reshape(4, 12)[::2, ::-3].T * (ranks.rank + 1)
    total = sum(range(1, ranks.size + 1))
    same(ranks.exchange("all_reduce", table), table / (ranks.rank + 1) * total, "all_reduce")
    same(ranks.exchange("broadcast", table, 0), table / (ranks.rank + 1), "broadcast")


def halves_rounded_once(ranks):
    part = np.float16([2048.0, 1.0, 1.0, 1.0][ranks.rank % 4])
    right = np.float16(sum([2048.0, 1.0, 1.0, 1.0][r % 4] for r in range(ranks.size)))
    assert ranks.exchange("all_reduce", part) == right


def any_order(ranks):
    waits = [ranks.start("all_reduce", np.float64(i)) for i in range(8)]
    for i in np.random.default_rng(ranks.rank).permutation(8):
        assert waits[i]() == i * ranks.size


def own_memory(ranks):
    part = np.ones(3)
    wait = ranks.start("all_reduce", part)
    part[:] = np.nan
    total = wait()
    total += 1.0
    assert (ranks.exchange("broadcast", total, 0) == ranks.size + 1.0).all()


def letters(ranks):
    right, left = (ranks.rank + 1) % ranks.size, (ranks.rank - 1) % ranks.size
    for number in range(3):
        ranks.send(np.full((number, 2), number, np.float16), right)
    ranks.send(np.zeros(300_000), right)
    for number in range(3):
        same(ranks.receive(left), np.full((number, 2), number, np.float16), "letter")
    assert ranks.receive(left).shape == (300_000,)


def soak(ranks, programs=50):
    """Fifty random programs for each number of ranks; MPI adds up in another order, so those that blow up rounding are left out."""
    seed = ranks.size
    while programs:
        program, seed = Exchanges(seed, ranks.size), seed + 4
        xs = np.random.default_rng(seed).normal(size=(ranks.size, 2, 3))
        right = ab.grad(program.sequential)(xs)
        if abs(right).max() < 1e5:
            found = ab.grad(program.on(ranks))(xs[ranks.rank])
            np.testing.assert_allclose(found, right[ranks.rank], rtol=1e-9, atol=1e-9 * abs(right).max(), err_msg=str(seed))
            programs -= 1


def training(ranks):
    for name in NETWORKS:
        np.testing.assert_allclose(trained(ranks, name), alone(name), rtol=1e-12, atol=1e-12, err_msg=name)


def sharding(ranks):
    for stage in (1, 2, 3):
        (right,) = alongside(1, in_stage, "perceptron", 0)
        np.testing.assert_allclose(in_stage(ranks, "perceptron", stage), right, rtol=1e-12)


def pipeline(ranks):
    for kind in ("perceptron", "transformer"):
        right, _ = whole(kind, ranks.size)
        for schedule in ("GPipe", "1F1B"):
            for g, r in zip(in_line(ranks, kind, schedule, 4)[0], right[ranks.rank], strict=True):
                np.testing.assert_allclose(g, r, rtol=1e-12, atol=1e-14)


CHECKS = [meanings, strided, halves_rounded_once, any_order, own_memory, letters, soak, training, sharding, pipeline]

if __name__ == "__main__":
    with world(compare="compare" in sys.argv, limit=60.0) as ranks:
        assert ranks.size == int(sys.argv[1])
        for check in CHECKS:
            check(ranks)
            ranks.exchange("all_reduce", 0.0)
            if ranks.rank == 0:
                print("all passed", check.__name__, flush=True)
