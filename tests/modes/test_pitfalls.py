"""What goes wrong without an exception is made impossible, detected, or can be looked for (book/modes/pitfalls.md)."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import autograd_book as ab
from autograd_book import Variable

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

FORWARD = {
    "log of zero": (lambda x: np.log(x * 0.0), "log made", "from 0 to 0"),
    "root of a negative number": (lambda x: np.sqrt(x - 9.0), "sqrt made", "from -8 to -7"),
    "overflow": (lambda x: np.exp(x * 1000.0), "exp made", "from 1000 to 2000"),
    "division": (lambda x: 1.0 / (x - 1.0), "divide made", "y of shape (2,) from 0 to 1"),
    "power": (lambda x: (x - 3.0) ** 0.5, "power made", "from -2 to -1"),
}


@pytest.mark.parametrize("case", FORWARD)
@pytest.mark.parametrize("way", [lambda f: f(Variable([1.0, 2.0])), lambda f: ab.vjp(f, np.array([1.0, 2.0])),
                                 lambda f: ab.jvp(f, (np.array([1.0, 2.0]),), (np.ones(2),))], ids=["Variable", "vjp", "jvp"])
def test_the_operation_that_makes_it_is_named_with_ranges_and_line(case, way) -> None:
    f, fact, extent = FORWARD[case]
    with pytest.raises(ab.NonFiniteError) as caught, ab.debug_nans():
        way(f)
    message = str(caught.value)
    assert fact in message and extent in message
    assert f"test_pitfalls.py:{f.__code__.co_firstlineno}" in message


@pytest.mark.parametrize("way", [lambda f: f(Variable([4.0, 0.0])).sum().backward(),
                                 lambda f: ab.grad(lambda x: np.sum(f(x)))(np.array([4.0, 0.0]))], ids=["backward", "grad"])
def test_a_rule_that_makes_it_is_named_with_the_line_of_its_operation(way) -> None:
    def root(x):
        y = np.sqrt(x)  # here
        return np.where(x > 0, y, 0.0)

    with pytest.raises(ab.NonFiniteError) as caught, ab.debug_nans():
        way(root)
    assert "rule of sqrt" in str(caught.value)
    assert f"test_pitfalls.py:{root.__code__.co_firstlineno + 1}" in str(caught.value)


@pytest.mark.parametrize("way", [lambda f: ab.hessian(f)(np.array([0.0, 1.0])),
                                 lambda f: ab.vmap(ab.grad(f))(np.array([[0.0, 1.0]]))], ids=["hessian", "vmap"])
def test_an_operation_inside_of_a_rule_is_named_with_a_line_of_the_program(way) -> None:
    with pytest.raises(ab.NonFiniteError) as caught, ab.debug_nans():
        way(lambda x: np.sum(np.sqrt(x)))
    assert "test_pitfalls.py:" in str(caught.value)


def half(*numbers):
    return Variable(np.array(numbers, np.float16))


def test_a_cotangent_that_overflows_between_two_rules_is_found() -> None:
    x = half(1.0)
    with pytest.raises(ab.NonFiniteError, match="became infinite in float16") as caught, ab.debug_nans():
        y = x.astype(np.float32)
        (y * np.float32(1e6)).sum().backward()
    line = test_a_cotangent_that_overflows_between_two_rules_is_found.__code__.co_firstlineno + 3
    assert f"test_pitfalls.py:{line}" in str(caught.value)


@pytest.mark.parametrize("middle", [lambda x: x, lambda x: x * np.float16(1)], ids=["leaf", "result"])
def test_a_sum_of_cotangents_that_overflows_is_found(middle) -> None:
    with pytest.raises(ab.NonFiniteError, match="became infinite in float16"), ab.debug_nans():
        x = middle(half(0.1))
        (x * np.float16(4e4) + x * np.float16(3e4)).sum().backward()


def test_the_same_sums_stay_apart_in_two_walks_and_with_opposite_signs() -> None:
    x = half(1.0)
    with ab.debug_nans():
        for factor in (4e4, -4e4, 6e4):
            x.zero_grad()
            (x * np.float16(factor)).sum().backward()
            assert x.grad.item() == np.float16(factor)


FORWARD_MODE = {
    "root": (np.sqrt, 0.0), "logarithm": (lambda x: np.log(x * 0 + 1) * np.sqrt(x), 0.0),
    "sum": (lambda x: x * 1e308 * 1.5 + x * 1e308, 1e-10), "power": (lambda x: x**0.25, 0.0),
}


@pytest.mark.parametrize("case", FORWARD_MODE)
def test_an_infinite_tangent_is_found(case) -> None:
    f, at = FORWARD_MODE[case]
    with pytest.raises(ab.NonFiniteError), ab.debug_nans():
        ab.jvp(f, (at,), (1.0,))


def test_under_vmap_each_direction_is_looked_at() -> None:
    xs = np.array([4.0, 0.0])
    with ab.debug_nans():
        np.testing.assert_array_equal(ab.vmap(ab.grad(np.sqrt))(xs + 1), ab.vmap(ab.grad(np.sqrt))(xs + 1))
        for run in (ab.vmap(ab.grad(np.sqrt)), ab.grad(lambda x: np.sum(ab.vmap(np.sqrt)(x))), ab.vmap(np.reciprocal),
                    ab.vmap(lambda x: ab.jvp(np.sqrt, (x,), (1.0,))[1])):
            with pytest.raises(ab.NonFiniteError):
                run(xs)


def test_infinities_that_were_asked_for_are_not_blamed() -> None:
    with ab.debug_nans():
        assert np.max(Variable(np.zeros(0)), initial=-np.inf).item() == -np.inf


def test_before_it_was_entered_no_line_is_known_and_that_is_said() -> None:
    y = np.sqrt(Variable([0.0])).sum()
    with pytest.raises(ab.NonFiniteError, match="before debug_nans was entered"), ab.debug_nans():
        y.backward()


def test_what_is_passed_on_is_not_blamed() -> None:
    x = Variable([np.nan, np.inf, 1.0])
    with ab.debug_nans():
        y = np.sum(x * 2.0 + np.array([1.0, np.nan, 0.0]))
        y.backward()
        assert np.isfinite(x.grad.numpy()).all()


def test_finite_programs_run_unchanged_and_the_stack_is_left_as_it_was() -> None:
    f = lambda x: np.sum(np.tanh(x) ** 2)
    x = np.array([0.5, 1.5])
    with ab.debug_nans():
        inside = ab.hessian(f)(x)
    np.testing.assert_array_equal(inside, ab.hessian(f)(x))
    with pytest.raises(ab.NonFiniteError), ab.debug_nans():
        np.log(Variable(0.0))
    assert np.log(Variable(0.0)).item() == -np.inf


# Threads and tasks


def job(k: int) -> float:
    x = Variable(float(k))
    with ab.no_grad():
        assert not (x * 2).requires_grad
    nested = ab.grad(lambda x: x * ab.grad(lambda y: k * x * y * y)(1.0))(2.0)
    hess = ab.hessian(lambda v: np.sum(v**3) * k)(np.ones(2))[0, 0]
    (x * x).backward()
    return nested + hess + x.grad.item()


def expected(k: int) -> float:
    return 8.0 * k + 6.0 * k + 2.0 * k


def test_threads_do_not_see_each_other() -> None:
    barrier = threading.Barrier(8)

    def many(k: int) -> set[float]:
        barrier.wait()
        return {job(k) for _ in range(60)}

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(many, range(8))) == [{expected(k)} for k in range(8)]


def test_tasks_do_not_see_each_other() -> None:
    async def many(k: int) -> set[float]:
        found = set()
        for _ in range(10):
            with ab.no_grad():
                await asyncio.sleep(0)
                assert not (Variable(1.0) * 2).requires_grad
            await asyncio.sleep(0)
            assert (Variable(1.0) * 2).requires_grad
            found.add(job(k))
        return found

    async def together() -> list[set[float]]:
        return await asyncio.gather(*(many(k) for k in range(8)))

    assert asyncio.run(together()) == [{expected(k)} for k in range(8)]


def test_a_graph_made_in_one_thread_is_walked_in_another() -> None:
    x = Variable(3.0)
    y = x * x
    thread = threading.Thread(target=y.backward)
    thread.start()
    thread.join()
    assert x.grad.item() == 6.0


def test_a_hook_that_makes_a_nan_is_named_and_one_that_passes_numbers_on_is_not() -> None:
    def step(hook) -> ab.Variable:
        x = ab.Variable([1.0, 2.0])
        y = np.sin(x * 2.0)
        y.register_hook(hook)
        np.sum(y * y).backward()
        return x.grad

    with ab.debug_nans():
        for made in (np.nan, np.inf):
            with pytest.raises(ab.NonFiniteError, match="^a hook made .*test_pitfalls"):
                step(lambda g, made=made: g * made)
        doubled = step(lambda g: g * 2.0)
    np.testing.assert_allclose(doubled.numpy(), 2.0 * step(lambda g: None).numpy())
