"""Arrays that are written once and read once."""

import gc

import numpy as np
import pytest

import autograd_book as ab
from autograd_book.speed.chains import Chains, Fusible, fusible
from autograd_book.speed.probes import probing
from autograd_book.speed.profile import profile
from autograd_book.speed.roofline import Machine

SIZE = 8 * 50


def found_in(run):
    with probing() as ledger:
        ledger.readers = Chains()
        run(ab.Variable(np.linspace(0.1, 0.9, 50)))
    return {(r.maker.phase, r.maker.name, r.reader.name): (r.arrays, r.nbytes) for r in fusible(ledger.readers)}


PROGRAMS = {
    "a chain": (lambda x: np.exp(x * 2.0 + 1.0), {("multiply", "add"), ("add", "exp")}),
    "a reduction at its end": (lambda x: np.sum(np.exp(x)), {("exp", "sum")}),
    "two readers": (lambda x: [np.sin(y := x * 2.0), np.cos(y)], set()),
    "read twice by one": (lambda x: (y := x * 2.0) * y, set()),
    "a product in between": (lambda x: np.exp(x * 2.0) @ np.ones(50), {("multiply", "exp")}),
    "a sort": (lambda x: np.sort(x * 2.0), set()),
    "a view": (lambda x: np.exp((x * 2.0).reshape(5, 10)), set()),
    "never read": (lambda x: x * 2.0, set()),
    "what the program made": (lambda x: np.exp(x), set()),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_an_array_is_fusible_if_one_elementwise_reader_follows(name):
    run, expected = PROGRAMS[name]
    assert {key[1:] for key in found_in(run)} == expected


def test_each_array_saves_its_bytes_twice_and_a_loop_makes_one_row():
    def run(x):
        for _ in range(3):
            np.exp(x * 2.0)

    assert found_in(run) == {("forward", "multiply", "exp"): (3, 3 * 2 * SIZE)}


def test_what_the_way_back_reads_has_to_be_written():
    forward = found_in(lambda x: np.sum(np.exp(x) * 2.0))
    assert ("forward", "exp", "multiply") in forward
    both = found_in(lambda x: np.sum(np.exp(x) * 2.0).backward())
    assert ("forward", "exp", "multiply") not in both
    assert ("forward", "multiply", "sum") in both


def test_cotangents_between_elementwise_rules_are_fusible():
    both = found_in(lambda x: np.sum(np.sin(np.exp(x) * 2.0)).backward())
    assert both["backward", "multiply", "exp"] == (1, 2 * SIZE)


def test_arrays_are_not_kept_alive_by_being_watched():
    with probing() as ledger:
        ledger.readers = Chains()
        out = np.exp(ab.Variable(np.ones(50)))
        note = ledger.readers.made[-1]
        assert note.reference() is out.numpy() or note.reference() is not None
        del out
        gc.collect()
        assert note.reference() is None


def test_the_gain_is_bytes_by_bandwidth_for_one_array():
    rates = {"float32": 1e9, "float64": 1e9}
    machine = Machine((1_000, 1_000_000), (8e9, 1e9), rates, rates, rates, 1e-6)
    place = None
    assert Fusible(place, place, 4, 4_000).seconds(machine) == pytest.approx(4_000 / 8e9)
    assert Fusible(place, place, 1, 1_000_000).seconds(machine) == pytest.approx(1e-3)


def test_a_profile_knows_its_chains():
    with profile() as found:
        np.sum(np.exp(ab.Variable(np.ones(50)) * 2.0))
    assert [(r.maker.name, r.reader.name) for r in found.fusible()] == [("multiply", "exp"), ("exp", "sum")]
    with profile() as nothing:
        pass
    assert nothing.fusible() == []
