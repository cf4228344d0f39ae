"""The derivative of a collective is a collective, whatever is done with it."""

import numpy as np
import pytest
from random_exchanges import Exchanges

import autograd_book as ab
from autograd_book.graph.primitive import primitives
from autograd_book.scale import collectives
from autograd_book.scale.collectives import all_gather, all_reduce, gather, permute, receive, reduce_scatter, send
from autograd_book.scale.world import MEANINGS, RankError, alongside
from autograd_book.speed.simplify import simplified


def expect_sequential_derivatives(seed):
    program, rng = Exchanges(seed, 1 + seed % 4), np.random.default_rng(seed)
    xs, ts = rng.normal(size=(2, program.size, 2, 3))
    whole = program.sequential
    ranks = lambda f: alongside(program.size, f)
    steep = lambda f: lambda x: np.sum(ab.grad(f)(x) ** 2)
    close = lambda found, right: np.testing.assert_allclose(found, right, rtol=1e-9, atol=1e-9 * (1 + np.abs(right).max()))
    close(ranks(lambda w: ab.grad(program.on(w))(xs[w.rank])), ab.grad(whole)(xs))
    close(sum(ranks(lambda w: ab.jvp(program.on(w), (xs[w.rank],), (ts[w.rank],))[1])), ab.jvp(whole, (xs,), (ts,))[1])
    close(ranks(lambda w: ab.hvp(program.on(w))(xs[w.rank], ts[w.rank])), ab.hvp(whole)(xs, ts))
    close(ranks(lambda w: ab.grad(steep(program.on(w)))(xs[w.rank])), ab.grad(steep(whole))(xs))


@pytest.mark.parametrize("block", range(8))
def test_random_programs_have_the_derivatives_of_their_sequential_meaning(block):
    for seed in range(25 * block, 25 * block + 25):
        expect_sequential_derivatives(seed)


def test_there_is_a_primitive_with_an_effect_for_each_meaning():
    for name in MEANINGS:
        made = primitives[getattr(collectives, name)]
        assert made.effect and made.linear == ["x"], name


def squares(world):
    return lambda x: np.sum(np.tanh(all_reduce(x * x, world)) * (world.rank + 1))


ROWS = np.random.default_rng(1).normal(size=(3, 2, 3))
AROUND = {
    "checkpoint": lambda f: ab.grad(ab.checkpoint(f)),
    "compile": lambda f: ab.compile(ab.grad(f)),
    "compile exactly": lambda f: ab.compile(ab.grad(f), exact=True),
    "vmap": lambda f: lambda x: ab.vmap(ab.grad(f))(np.stack([x, x]))[1],
    "debug_nans": lambda f: ab.grad(ab.debug_nans()(f)),
}


@pytest.mark.parametrize("name", AROUND)
def test_what_the_book_offers_works_around_a_collective(name):
    right = alongside(3, lambda w: ab.grad(squares(w))(ROWS[w.rank]))

    def twice(world):
        made = AROUND[name](squares(world))
        return made(ROWS[world.rank]), made(2.0 * ROWS[world.rank]), made(ROWS[world.rank])

    for (first, other, again), plain in zip(alongside(3, twice), right, strict=True):
        np.testing.assert_allclose(first, plain, rtol=1e-13)
        np.testing.assert_allclose(again, plain, rtol=1e-13)
        assert not np.allclose(other, plain)


def test_no_compiler_leaves_out_a_collective_or_makes_one_of_two_or_keeps_the_sum_of_a_constant():
    def wasteful(world):
        def f(x):
            all_reduce(np.sum(x), world)
            count = all_reduce(np.float64(3.0), world)
            return np.sum(all_reduce(x, world) + all_reduce(x, world)) + count

        compiled, x = ab.compile(f), np.ones(3)
        values = [compiled(k * x) for k in (1.0, 2.0, 3.0)]
        names = [e.primitive.name for e in simplified(ab.capture(f, x)).equations]
        return values, names.count("all_reduce")

    for values, count in alongside(2, wasteful):
        assert values == [18.0, 30.0, 42.0] and count == 4


def test_a_tree_of_variables_is_reduced_with_backward_and_accumulates():
    def program(world):
        v = ab.Variable(ROWS[world.rank])
        for _ in range(2):
            squares(world)(v).backward()
        return v.grad.numpy()

    right = alongside(3, lambda w: ab.grad(squares(w))(ROWS[w.rank]))
    np.testing.assert_allclose(alongside(3, program), 2 * np.array(right), rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.complex128])
def test_dtypes_stay_what_they_are_in_both_directions(dtype):
    def program(world):
        x = ab.Variable(np.ones(3, dtype))
        out = all_gather(x, world)
        np.sum(np.real(out * out)).backward()
        return out.dtype, x.grad.dtype, x.grad.numpy()

    for made, back, gradient in alongside(2, program):
        assert made == back == dtype
        np.testing.assert_array_equal(gradient, np.full(3, 4.0, dtype))


@pytest.mark.parametrize("shape", [(0,), (2, 0), ()])
def test_empty_arrays_and_single_numbers_have_gradients_of_their_shape(shape):
    def program(world):
        return ab.grad(lambda x: np.sum(all_reduce(x, world) ** 2))(np.ones(shape))

    for gradient in alongside(2, program):
        assert gradient.shape == shape and (gradient == 8.0).all()


def test_strided_arrays_are_exchanged_by_value():
    big = np.arange(24.0).reshape(2, 3, 4)
    right = ab.grad(lambda x: np.sum(np.sum(x[:, ::2], axis=0) ** 3))(np.ascontiguousarray(big.T[::2]))
    assert right.shape == (2, 3, 2)

    def program(world):
        x = big.T[::2][world.rank]
        assert not x.flags.c_contiguous
        return ab.grad(lambda x: np.sum(all_reduce(x[::2], world) ** 3) / 2)(x)

    np.testing.assert_allclose(np.stack(alongside(2, program)), right)


def test_reduce_scatter_and_all_gather_make_an_all_reduce_with_its_gradient():
    def program(world):
        def loss(x):
            return np.sum(np.sin(all_gather(reduce_scatter(x, world), world)) * (world.rank + 1))

        def short(x):
            return np.sum(np.sin(all_reduce(x, world)) * (world.rank + 1))

        x = ROWS[world.rank][:, :2].repeat(2, 0)[:3]
        return ab.value_and_grad(loss)(x), ab.value_and_grad(short)(x)

    for (long_value, long_gradient), (value, gradient) in alongside(3, program):
        assert np.allclose(long_value, value)
        np.testing.assert_allclose(long_gradient, gradient)


def test_a_letter_carries_its_cotangent_back_at_any_order():
    x = np.array([0.3, 0.7])

    def stages(world):
        if world.rank == 0:
            return ab.grad(lambda x: send(np.sin(x), world, 1))(x)
        ticket = ab.Variable(0.0)
        np.sum(np.exp(receive(ticket, world, 0))).backward()
        return ticket.grad.item()

    gradient, ticket = alongside(2, stages)
    np.testing.assert_allclose(gradient, np.exp(np.sin(x)) * np.cos(x))
    assert ticket == 0.0


def test_ranks_that_walk_back_differently_are_told_so():
    def program(world):
        x = ab.Variable(1.0)
        out = gather(x, world)
        if world.rank == 0:
            np.sum(out**2).backward()

    with pytest.raises(RankError, match=r"rank 0 in scatter .*; rank 1 has ended"):
        alongside(2, program)


def test_a_letter_that_nobody_brought_is_zero_and_gets_no_cotangent():
    def program(world):
        return ab.value_and_grad(lambda x: np.sum(permute(x, world, [(0, 1)]) ** 2))(np.full(2, 3.0))

    (none, sent), (got, kept) = alongside(2, program)
    assert (none, got) == (0.0, 18.0)
    assert (sent == 6.0).all() and (kept == 0.0).all()
