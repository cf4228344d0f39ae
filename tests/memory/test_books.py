"""Owners are found behind views, and each buffer is entered once (book/memory/books.md)."""


import numpy as np

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
