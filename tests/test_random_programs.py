"""Random programs: every way to a derivative gives the same one, and difference quotients agree."""

import gc

import numpy as np
from hypothesis import given, settings
from programs import BINARY, UNARY, execute, points, programs, seeds

import autograd_book as ab
from autograd_book import Variable


def test_every_step_is_finite_on_its_own() -> None:
    for name in UNARY:
        assert np.isfinite(execute([(name, 0)], points(0), np))
    for name in BINARY:
        assert np.isfinite(execute([(name, 0, 1)], points(0), np))


@given(programs, seeds)
def test_derivatives_of_random_programs_agree_with_difference_quotients(program, seed) -> None:
    ab.check_gradients(lambda x, y: execute(program, [x, y], np), *points(seed), seed=seed, tolerance=1e-4)


@given(programs, seeds)
def test_backward_grad_and_vjp_agree_to_the_last_bit(program, seed) -> None:
    f = lambda x, y: execute(program, [x, y], np)
    leaves = [Variable(p) for p in points(seed)]
    out = f(*leaves)
    out.backward()
    value, gradients = ab.value_and_grad(f, (0, 1))(*points(seed))
    plain, pullback = ab.vjp(f, *points(seed))
    assert out.item() == value == plain == f(*points(seed))
    for leaf, g, h in zip(leaves, gradients, pullback(1.0), strict=True):
        got = np.zeros(leaf.shape) if leaf.grad is None else leaf.grad.numpy()
        np.testing.assert_array_equal(got, g)
        np.testing.assert_array_equal(got, h)


@given(programs, seeds)
def test_second_derivatives_are_symmetric(program, seed) -> None:
    f = lambda x, y: execute(program, [x, y], np)
    x, y = points(seed)
    v, w = points(seed + 1)
    # v . (d/dy df/dx) . w is the same from either side.
    one = np.sum(w * ab.grad(lambda y: np.sum(ab.grad(f, 0)(x, y) * v))(y))
    other = np.sum(v * ab.grad(lambda x: np.sum(ab.grad(f, 1)(x, y) * w))(x))
    np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)


@settings(max_examples=15)
@given(programs, seeds)
def test_nothing_of_a_random_program_survives_it(program, seed) -> None:
    leaves = [Variable(p) for p in points(seed)]
    gc.collect()
    gc.disable()
    try:
        execute(program, leaves, np).backward()
        execute(program, leaves, np)
        assert gc.collect() == 0
    finally:
        gc.enable()
