"""Owners are found behind views, and each buffer is entered once (book/memory/books.md)."""

import tracemalloc

import numpy as np
import pytest

import autograd_book as ab
from autograd_book import Variable
from autograd_book.memory import books


def test_the_owner_is_the_last_array_behind_views_and_variables(tmp_path):
    x, outside = np.zeros((6, 6)), np.frombuffer(bytearray(288)).reshape(6, 6)
    v = Variable(x)
    mapped = np.memmap(tmp_path / "numbers", np.float64, "w+", shape=(6, 6))
    windows = np.lib.stride_tricks.sliding_window_view
    matrix = x.view(np.ma.MaskedArray)  # a view of another class
    cases = [
        (x, x), (x[1:].T[::2], x), (np.broadcast_to(x, (3, 6, 6)), x), (x.view(np.uint8)[2:], x), (matrix[1:], x),
        (windows(x, (2, 2)), x), (windows(x.T, (2, 2))[1:], x),
        (np.lib.stride_tricks.as_strided(x, (36, 36), (8, 0))[2:], x),
        (v[1:].T, v.value), (ab.grad, None), (np.float64(3.0), None), (3.0, None), (None, None), ((6, 6), None),
    ]
    for value, expected in cases:
        assert books.owner_of(value) is expected
    seen = []
    ab.grad(lambda v: np.sum(v * (seen.append(v[1:]) or 1.0)))(x)  # a Variable of a Record of its own
    assert books.owner_of(seen[0]).shape == (6, 6)
    for array in (outside, mapped):  # memory of others: the array next to it, which owns nothing
        owner = books.owner_of(np.asarray(array)[1:].T[1:])
        assert isinstance(owner, np.ndarray) and not owner.flags.owndata
        assert owner is books.owner_of(array[::2]) and np.shares_memory(owner, array)
        assert owner.__array_interface__["data"][0] == array.__array_interface__["data"][0]


@pytest.fixture
def tracing():
    tracemalloc.start()
    yield
    tracemalloc.stop()


def close(bytes_, expected):
    """Equal but for some Python objects, which are smaller than any array here."""
    return abs(bytes_ - expected) < 10_000


def test_the_gauge_leaves_out_what_happens_while_it_is_entered(tracing):
    gauge = books.Gauge()
    with gauge:
        ours = np.ones(100_000)
    theirs = np.ones(10_000)
    with gauge:
        assert close(gauge.now, theirs.nbytes) and close(gauge.most, theirs.nbytes) and close(gauge.overhead, ours.nbytes)


def test_the_most_is_that_of_the_program_between_two_entries(tracing):
    gauge = books.Gauge()
    with gauge:
        pass
    np.ones(50_000)
    with gauge:
        assert close(gauge.now, 0) and close(gauge.most, 400_000)
        gauge.most = 0
        np.ones(90_000)  # of the accounts
    with gauge:
        assert close(gauge.most, 0)


@pytest.mark.parametrize("amid", [False, True])
def test_a_death_is_a_moment_or_part_of_the_one_that_is_written(tracing, amid):
    accounts, x, y = books.Books(), np.ones(10_000), np.ones(7_000)
    with accounts:
        books.find(accounts, x, "input")
        books.find(accounts, y, "parameter")
        if amid:
            del x
    if not amid:
        del x
    with accounts:
        pass
    assert len(accounts.moments) == (2 if amid else 3)
    assert [m.live["input"] for m in accounts.moments] == ([0, 0] if amid else [80_000, 0, 0])
    assert all(close(m.other, 0) and m.live["parameter"] == 56_000 for m in accounts.moments)
    assert accounts.known == 56_000 and accounts.buffers[0].died == (0 if amid else 1)


def test_a_buffer_keeps_its_highest_role_and_is_saved_while_a_node_says_so():
    stock, x = books.Stock(), np.ones(10)
    for role, then in [("temporary",) * 2, ("cotangent",) * 2, ("temporary", "cotangent"), ("input", "cotangent"), ("gradient",) * 2]:
        assert books.find(stock, x, role).kind == then
    buffer = books.find(stock, np.ones(3)[:0], "temporary")
    assert buffer.died is not None  # nobody held it
    other = np.ones(5)
    entry = books.find(stock, other, "temporary")
    for savers, kind in [(1, "saved value"), (1, "saved value"), (-1, "saved value"), (-1, "temporary")]:
        stock.turn(entry, savers=savers)
        assert entry.kind == kind and sum(stock.live.values()) == 80 + 40
    stock.turn(entry, role="parameter", savers=1)
    assert stock.live["parameter"] == 40 and stock.live["saved value"] == 0


def test_what_an_operation_has_allocated_is_its_own_until_it_is_over(tracing):
    accounts, there = books.Books(), books.Place("f", "forward", "net.py:1")
    with accounts:
        books.start(accounts, there)
    inside = np.ones(10_000)
    with accounts:
        pass
    books.stop(accounts)
    with accounts:
        pass
    assert [close(m.other, inside.nbytes) for m in accounts.moments] == [False, False, True]
    assert [m.place.name for m in accounts.moments] == ["f", "f", "the program"]
    assert accounts.moments[1].most - accounts.moments[1].total >= inside.nbytes
