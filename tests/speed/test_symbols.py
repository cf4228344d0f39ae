"""speed/symbols: what passes for an array, writes down what is done with it, and refuses what a graph cannot say."""

import numpy as np
import pytest
from steps_to_capture import X, expect_function_like_eager, expect_same, expect_step_like_eager, sgd, step_of

import autograd_book as ab
from autograd_book import LeakedVariableError, nn, optim
from autograd_book.graph.primitive import primitives
from autograd_book.graph.stack import floor, push
from autograd_book.rules.softmax import softmax
from autograd_book.speed.capture import capture
from autograd_book.speed.equations import MissedGuard, source_of
from autograd_book.speed.symbols import Capture, CaptureError, Symbol

PLAIN = {
    "float": float, "int": int, "complex": complex, "item": lambda x: x.item(), "format": lambda x: f"{x:.2f}",
    "array": np.asarray, "list": lambda x: x.tolist(), "place": lambda x: [1, 2][x],
    "table": lambda x: np.arange(9.0)[np.argmax(x, axis=-1)], "item of a Variable": lambda x: ab.Variable(x).item(),
}


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_number_or_array_is_refused_with_what_to_do_instead(name):
    with pytest.raises(CaptureError, match="Return the value itself"):
        capture(PLAIN[name], X[0] if name == 'table' else np.array(1.5))


def test_the_array_of_a_variable_passes_as_it_is():
    expect_function_like_eager(lambda x: np.max(ab.Variable(x).numpy()), X[0])


def test_a_table_is_read_through_a_variable():
    table = np.arange(9.0)
    expect_function_like_eager(lambda i: ab.Variable(table, False)[i], np.array([1, 3]), at=[np.array([0, 8])])


WRITES = {
    "+=": lambda b, x: b.__iadd__(x),
    "number in place": lambda b, x: b.__imul__(2),
    "item": lambda b, x: b.__setitem__(1, 5.0),
    "slice": lambda b, x: b.__setitem__((slice(None), 1), x[0, 0]),
    "all": lambda b, x: b.__setitem__(..., x[0]),
    "mask": lambda b, x: b.__setitem__(np.arange(5) > 2, 0.0),
    "out": lambda b, x: np.multiply(b, x, out=b),
    "out where": lambda b, x: np.add(b, x, out=b, where=b > 0),
    "out of a clip": lambda b, x: np.clip(b, -0.5, 0.5, out=b),
    "wide": lambda b, x: np.multiply(b, 1.1, out=b, dtype=np.float64, casting="same_kind"),
    "row": lambda b, x: b[0].__iadd__(1),
    "turned": lambda b, x: b.T.__imul__(3),
    "flattened": lambda b, x: b.reshape(-1)[3:5].__isub__(1),
}


@pytest.mark.parametrize("name", WRITES)
def test_a_write_is_seen_by_all_who_hold_the_array(name):
    def f(x):
        base = np.array(x * 2) if isinstance(x, np.ndarray) else x * 2
        same = base
        WRITES[name](base, x)
        return same, base + 1

    expect_function_like_eager(f, X[0])


def test_a_number_is_not_changed_for_others_by_an_operator_in_place():
    def f(x):
        total = first = np.sum(x)
        total += 1
        return first, total

    expect_function_like_eager(f, X[0])


def test_a_view_that_was_made_before_a_write_is_not_read():
    def f(x):
        base = x * 2
        row = base[0]
        base += 1
        return row + base

    with pytest.raises(CaptureError, match="after the write"):
        capture(f, X[0])


def test_what_is_a_view_by_no_known_way_is_not_written_to():
    def f(x):
        base = x * 2
        np.imag(base).__iadd__(1)
        return base

    with pytest.raises(CaptureError, match="is a view of"):
        capture(f, X[0].astype(complex))


def test_what_is_written_into_a_view_of_nothing_else_is_kept():
    expect_function_like_eager(lambda x: (x * 2).reshape(-1).__iadd__(1), X[0])
    expect_function_like_eager(lambda x: np.real(x * 2).__iadd__(1), X[0])


def test_places_that_were_computed_are_settled_by_a_guard():
    graph = capture(lambda x: [1.0, 2.0, 3.0][np.argmax(x)], np.array([1.0, 3.0, 2.0]))
    assert graph(np.array([0.0, 3.0, 2.0])) == 2.0
    with pytest.raises(MissedGuard):
        graph(np.array([9.0, 3.0, 2.0]))


def test_a_whole_number_takes_no_fractions():
    with pytest.raises(CaptureError, match="astype"):
        capture(lambda x: np.zeros_like(x).__iadd__(0.5), np.arange(3))


def test_an_array_that_the_graph_does_not_know_is_not_written_to():
    buffer = [np.zeros(8, np.int64)]
    with pytest.raises(CaptureError, match="does not know"):
        capture(lambda x: np.add(x, 1, out=buffer[0]), np.arange(8))


def test_a_symbol_that_escaped_says_so():
    kept = []
    with pytest.raises(CaptureError, match="list"):
        capture(lambda x: kept.append(x) or x, X[0])
    assert not kept
    with push(Capture, at="bottom") as level:
        symbol = level.symbol(np.ones(2))
    with pytest.raises(LeakedVariableError, match="outside"):
        np.sum(symbol)
    with pytest.raises(LeakedVariableError, match="outside"):
        symbol * 2


def test_parameters_of_complex_numbers_are_moved():
    def network():
        net = nn.Linear(8, 4, rng=0)
        net.weight = ab.Variable(net.weight.numpy().astype(np.complex64))
        return net

    for optimizer in (sgd, lambda p: optim.Adam(p, 0.1)):
        expect_step_like_eager(step_of(network, optimizer, lambda net, x: np.sum(np.abs(net(x)) ** 2)), lambda i: (X[i],))


def test_a_composite_is_one_equation_or_what_its_function_does():
    f = lambda x: ab.softmax(x)
    whole = capture(f, X[0])
    parts = capture(f, X[0], expand=lambda primitive: primitive is primitives[softmax])
    assert whole.count() == {"softmax": 1}
    assert parts.count()["exp"] == 1
    expect_same(parts(X[1]), whole(X[1]))


def test_equations_know_the_line_of_the_program():
    graph = capture(lambda x: np.tanh(x), X[0])
    assert graph.equations[0].line[0] == __file__
    assert "np.tanh(x)" in source_of(graph.equations[0].line)


def test_guards_are_asked_once_for_each_value():
    graph = capture(lambda x: (1 if (s := np.sum(x) < 9) else 2) + (3 if s else 4), X[0])
    assert [guard.truth for guard in graph.guards] == [True]


def test_nothing_stays_on_the_floor():
    before = floor.get()
    capture(np.tanh, X[0])
    with pytest.raises(ZeroDivisionError):
        capture(lambda x: 1 / 0, X[0])
    assert floor.get() is before


def test_a_symbol_says_its_name_and_kind():
    with push(Capture, at="bottom") as level:
        symbol = level.symbol(np.ones((2, 3)))
        assert repr(symbol) == f"{symbol}" == "Symbol(v1:float64[2,3])"
        assert type(symbol) is Symbol and len(symbol) == 2


@pytest.mark.parametrize(("exponent", "name"), [(2, "square"), (0.5, "sqrt"), (-1, "reciprocal"), (3, "power")])
def test_powers_of_arrays_are_what_the_operator_of_numpy_computes(exponent, name):
    graph = expect_function_like_eager(lambda x: np.abs(x) ** exponent if isinstance(x, np.ndarray) else abs(x) ** exponent, X[0])
    assert graph.count()[name] == 1


def test_a_variable_around_a_symbol_prints_both():
    with push(Capture, at="bottom") as level:
        assert repr(ab.Variable(level.symbol(np.ones(2)))) == "Variable(v1:float64[2])"
