"""Schedules by a formula: every k, and binomial."""

from functools import cache
from itertools import pairwise

import pytest
from chains import most_held

from autograd_book.memory.schedule import binomial, events, flat, runs, segments


@pytest.mark.parametrize("n", [1, 2, 5, 12])
def test_segments_hold_every_block_once_and_keep_the_last(n) -> None:
    for k in range(1, n + 1):
        schedule = segments(n, k)
        assert flat(schedule) == list(range(n))
        assert not isinstance(schedule[-1], list)
        assert all(len(part) == k for part in schedule if isinstance(part, list))


@cache
def fewest(n, slots):
    """Fewest runs that pass by, by trying every split."""
    if n == 1:
        return 0
    if slots == 1:
        return n * (n - 1) // 2
    return min(m + fewest(m, slots) + fewest(n - m, slots - 1) for m in range(1, n))


@pytest.mark.parametrize("slots", [1, 2, 3, 4, 7])
def test_binomial_schedules_have_the_fewest_runs_of_all(slots) -> None:
    for n in range(1, 26):
        schedule = binomial(n, slots)
        assert flat(schedule) == list(range(n))
        assert sum(runs(schedule)) == n + fewest(n, slots)
        assert most_held(schedule) <= slots
        kept = [i for kind, i in events(schedule) if kind in ("keep", "again")]
        assert sorted(kept) == list(range(n))


def test_only_one_block_is_kept_at_a_time_in_a_binomial_schedule() -> None:
    for slots in (1, 3, 5):
        kept = [kind for kind, _ in events(binomial(30, slots)) if kind in ("keep", "again", "back")]
        assert all((a == "back") != (b == "back") for a, b in pairwise(kept))


def test_a_thousand_blocks_need_few_slots() -> None:
    schedule = binomial(1000, 10)
    assert most_held(schedule) <= 10
    assert sum(runs(schedule)) <= 5 * 1000


def test_a_thousand_blocks_in_one_slot() -> None:
    schedule = binomial(1000, 1)
    assert flat(schedule) == list(range(1000)) and most_held(schedule) == 1
    assert sum(runs(schedule)) == 1000 + 1000 * 999 // 2
