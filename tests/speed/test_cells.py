"""speed/cells: the places that a function can reach, and what each is to a graph."""

import functools
import logging
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest

import autograd_book as ab
from autograd_book.graph.stack import push
from autograd_book.speed.cells import StateCell, cells_of, followed

COUNT = 3
holder_of_nothing = SimpleNamespace(last=None)


def kinds(f, *others):
    """What is found, by what is printed of each place."""
    return {str(cell): cell.kind for cell in cells_of(f, *others) if cell.kind != "way"}


def test_closures_attributes_items_defaults_and_global_names_are_found():
    holder, table, inside = SimpleNamespace(mean=np.zeros(2)), {"rate": 0.5}, [np.ones(1)]

    def f(x, extra=holder_of_nothing):
        return holder, table, inside, extra, COUNT

    assert kinds(f) == {
        "SimpleNamespace.mean": "state", "dict.rate": "fixed", "list.0": "state", "SimpleNamespace.last": "fixed",
        "dict.COUNT": "fixed",
    }


def test_methods_partials_and_callable_objects_lead_to_their_state():
    class Holder:
        def __init__(self):
            self.mean = np.zeros(2)

        def __call__(self, x):
            return x

        method = __call__

    holder = Holder()
    for f in (holder, holder.method, functools.partial(holder), functools.partial(lambda h, x: x, holder)):
        assert kinds(f)["Holder.mean"] == "state"


def test_parameters_optimisers_scalers_and_generators_are_found():
    net = ab.nn.Linear(2, 2, rng=0)
    opt, scaler, source = ab.optim.Adam(net.parameters(), 0.1), ab.GradScaler(), np.random.default_rng(0)
    found = kinds(lambda: (net, opt, scaler, source))
    assert found["Adam.lr"] == found["Adam.betas[0]"] == found["GradScaler.state[0]"] == "number"
    assert found["Variable.value"] == found["Leaf.grad"] == "state"
    assert "chance" in found.values()


def test_what_belongs_to_python_and_numpy_is_not_looked_into():
    log = logging.getLogger("some")
    assert not any(map(followed, (log, np, np.dtype(float), logging, push)))
    assert not any("Logger" in name for name in kinds(lambda: log))


def test_a_place_in_a_tuple_is_written_by_a_new_tuple():
    owner = SimpleNamespace(betas=(0.9, 0.99))
    kept, cell = owner.betas, StateCell(owner, "betas", "number", 1)
    cell.write(0.5)
    assert owner.betas == (0.9, 0.5) and kept == (0.9, 0.99) and cell.read() == 0.5


def test_a_named_tuple_stays_one():
    scaler = ab.GradScaler()
    StateCell(scaler, "state", "number", 0).write(4.0)
    assert scaler.get_scale() == 4.0


def test_a_frozen_object_is_not_open():
    @dataclass(frozen=True)
    class Frozen:
        mean: float = 1.0

    assert not StateCell(Frozen(), "mean", "fixed").open()
    assert StateCell([1], 0, "fixed").open()


@pytest.mark.parametrize("owner", [{}, [], SimpleNamespace()])
def test_nothing_is_where_nothing_is(owner):
    cell = StateCell(owner, 0 if isinstance(owner, list) else "key", "state")
    assert cell.read() is None
    cell.clear()
    assert cell.read() is None


def test_a_circle_of_objects_comes_to_an_end():
    one, other = SimpleNamespace(value=1.0), SimpleNamespace()
    one.other, other.one = other, one
    assert kinds(one) == {"SimpleNamespace.value": "fixed"}


def test_an_empty_closure_is_passed_over():
    def outer():
        def f():
            return later

        found = cells_of(f)
        later = np.zeros(1)
        return found, later

    assert not [cell for cell in outer()[0] if cell.kind == "state"]


def test_a_place_is_equal_to_itself_and_to_nothing_that_is_no_place():
    owner = {"mean": 0.5}
    here = StateCell(owner, "mean", "number")
    assert here == StateCell(owner, "mean", "state") and here != StateCell({"mean": 0.5}, "mean", "number")
    assert here != "mean" and here not in [None, 0.5, owner]
