"""Nodes, what they keep, and when they let go (book/graph/record.md)."""

import gc
import threading
import tracemalloc
import weakref

import numpy as np
import pytest
from vocabulary import DOMAINS, FLAT, ROWS, choices, function_of, uniform

import autograd_book as ab
from autograd_book import Variable
from autograd_book.graph.backward import reachable
from autograd_book.graph.interpreter import ground
from autograd_book.graph.primitive import SEAL
from autograd_book.graph.record import FREED, Leaf, Record

# What is kept when all arguments are differentiated, and when only some are (by their names).
SAVES = {
    **dict.fromkeys(("add", "subtract", "negative", "positive", "sign"), {"all": []}),
    **dict.fromkeys(("exp", "exp2", "expm1", "sqrt", "cbrt", "tan", "tanh", "reciprocal", "relu"), {"all": ["out"]}),
    **dict.fromkeys(("log", "log2", "log10", "log1p", "square", "sin", "cos", "sinh", "cosh"), {"all": ["x"]}),
    **dict.fromkeys(("arcsin", "arccos", "arctan", "arcsinh", "arccosh", "arctanh"), {"all": ["x"]}),
    **dict.fromkeys(("absolute", "fabs"), {"all": ["x"]}),
    "multiply": {"all": ["x", "y"], "x": ["y"], "y": ["x"]},
    "divide": {"all": ["out", "y"], "x": ["y"], "y": ["out", "y"]},
    "power": {"all": ["out", "x", "y"], "x": ["x", "y"], "y": ["out", "x", "y"]},
    "logaddexp": {"all": ["x", "y"], "x": ["x", "y"], "y": ["x", "y"]},
    "arctan2": {"all": ["y", "x"]},
    "hypot": {"all": ["out", "x", "y"], "x": ["out", "x"], "y": ["out", "y"]},
    **dict.fromkeys(("maximum", "minimum"), {"all": ["x", "y"]}),
    "astype": {"all": []},
    **dict.fromkeys(("sum", "mean", "reshape", "broadcast_to", "getitem"), {"all": ["x_shape"]}),
    **dict.fromkeys(("max", "min"), {"all": ["out", "x"]}),
    "log_sum": {"all": ["x"]},
    **dict.fromkeys(("softmax", "log_softmax"), {"all": ["out"]}),
    "rms_normalize": {"all": ["out", "x"]},
    "transpose": {"all": []},
    "scatter_add": {"all": []},
    "matmul": {"all": ["x", "x_shape", "y", "y_shape"], "x": ["x_shape", "y"], "y": ["x", "y_shape"]},
    "join": {"all": ["xs_shapes"]},
    "where": {"x": ["condition"], "y": ["condition"]},
}


def mask_of(row, which: str) -> int:
    names = row.arguments if which == "all" else [which]
    return sum(1 << row.arguments.index(name) for name in names)


@pytest.mark.parametrize("name", sorted(SAVES))
def test_a_rule_saves_what_it_reads_and_nothing_else(name) -> None:
    row = ROWS[name]
    for which, expected in SAVES[name].items():
        plan = row.plans[mask_of(row, which)]
        assert sorted(name for name in plan.asks if not name.endswith(SEAL)) == sorted(expected), which


@pytest.mark.parametrize("name", sorted(set(ROWS) - FLAT))
def test_each_constant_that_a_plan_saves_is_sealed_and_nothing_else(name) -> None:
    row = ROWS[name]
    for i in [i for i, argument in enumerate(row.arguments) if row.joint or argument in row.rules]:
        asks = row.plans[1 << i].asks
        constants = {a for k, a in enumerate(row.arguments) if k != i and a in asks}
        assert {a.removesuffix(SEAL) for a in asks if a.endswith(SEAL)} == constants


def test_a_sum_saves_no_array() -> None:
    x, y = Variable(np.ones(3)), Variable(np.ones(3))
    assert (x + y).node.saved == ()


def test_a_product_with_a_constant_saves_the_constant_alone() -> None:
    assert (3.0 * Variable(np.ones(5))).node.saved == (3.0, None)  # a number needs no seal


def test_exp_saves_the_very_array_it_returns() -> None:
    y = np.exp(Variable([1.0, 2.0]))
    (kept,) = y.node.saved
    assert kept is y.value


@pytest.mark.parametrize("name", sorted(DOMAINS))
def test_saved_arrays_are_operands_or_results_and_never_copies(name) -> None:
    args = [Variable(uniform((3,), *d, seed=i)) for i, d in enumerate(DOMAINS[name])]
    out = function_of(name)(*args)
    allowed = [out.value, *(a.value for a in args)]
    assert all(any(kept is a for a in allowed) for kept in out.node.saved if isinstance(kept, np.ndarray))


def test_nodes_point_at_nodes_and_never_at_variables() -> None:
    x = Variable([1.0, 2.0])
    y = np.exp(x * x) + x
    for node in reachable(y.node):
        parts = (*node.inputs, *node.saved, *node.params.values())
        assert not any(isinstance(part, Variable) for part in parts)


def test_a_value_nobody_saved_dies_with_its_variable() -> None:
    x = Variable(np.ones(10))
    middle = x + 1.0
    alive = weakref.ref(middle.value)
    out = middle + 1.0
    del middle
    assert alive() is None
    assert out.node is not None


def test_a_saved_value_lives_until_the_walk_has_passed() -> None:
    x = Variable(np.ones(10))
    middle = np.exp(x)
    alive = weakref.ref(middle.value)
    out = (middle * 2.0).sum()
    del middle
    assert alive() is not None
    out.backward()
    assert alive() is None


def test_a_released_node_keeps_neither_values_nor_inputs() -> None:
    out = np.exp(Variable(1.0))
    out.backward()
    assert out.node.saved is FREED
    assert not out.node.inputs


def test_indices_rise_with_creation() -> None:
    x = Variable(1.0)
    y = x * 2
    z = y + x
    assert x.node.index < y.node.index < z.node.index


def test_a_node_knows_the_shape_and_dtype_of_its_result() -> None:
    node = (Variable(np.ones((2, 1), np.float32)) * np.ones((1, 3), np.float32)).node
    assert node.shape == (2, 3)
    assert node.dtype == np.float32


def test_a_leaf_has_no_plan_and_no_inputs() -> None:
    leaf = Variable(1.0).node
    assert isinstance(leaf, Leaf)
    assert (leaf.plan, tuple(leaf.inputs)) == (None, ())


def test_a_record_unwraps_only_its_own_variables() -> None:
    outer = Record(ground(), Variable, "outer")
    inner = Record(outer, Variable, "inner")
    x, y = outer.watch(np.float64(2.0)), inner.watch(np.float64(3.0))
    out = inner.bind(ROWS["multiply"], (x, y), {})
    assert out.record is inner
    assert out.value.record is outer
    assert out.value.value == 6.0
    assert out.node.inputs == (y.node,)
    assert out.value.node.inputs == (x.node,)


def test_constants_stay_constants_and_make_no_node() -> None:
    c = Variable([1.0], requires_grad=False)
    assert (c * 2.0).node is None
    assert type(c * 2.0) is Variable


def test_a_leaked_variable_names_the_function_that_made_it() -> None:
    caught = []

    def smuggler(x):
        caught.append(x * 2.0)
        return x

    ab.grad(smuggler)(1.0)
    with pytest.raises(ab.LeakedVariableError, match="smuggler"):
        caught[0] + 1.0


def test_a_leaked_variable_is_refused_by_another_transformation() -> None:
    caught = []
    ab.grad(lambda x: caught.append(x) or x)(1.0)
    with pytest.raises(ab.LeakedVariableError):
        ab.grad(lambda y: y * caught[0])(1.0)


def test_a_variable_of_a_running_transformation_is_refused_in_another_thread() -> None:
    errors = []

    def elsewhere(x):
        try:
            x + 1.0
        except ab.LeakedVariableError as error:
            errors.append(error)

    def f(x):
        thread = threading.Thread(target=elsewhere, args=(x,))
        thread.start()
        thread.join()
        return x * x

    assert ab.grad(f)(3.0) == 6.0
    assert len(errors) == 1


def test_no_reference_cycle_is_left_by_forward_and_backward() -> None:
    gc.collect()
    gc.disable()
    try:
        x = Variable(np.ones(3))
        (np.tanh(x @ np.ones((3, 2))) ** 2).sum().backward()
        np.exp(x * x)  # and by a graph that nobody walks
        ab.grad(ab.grad(lambda x: x**3))(2.0)
        del x
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_a_graph_that_nobody_walks_gives_all_its_memory_back() -> None:
    def build():
        x = Variable(np.ones(1000))
        for _ in range(20):
            x = np.sin(x) * x
        return x

    build()
    gc.disable()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        build()
        after = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
        gc.enable()
    assert after - before < 500  # no array of 8,000 bytes, and no node


def test_every_choice_of_differentiated_arguments_has_its_own_plan() -> None:
    row = ROWS["multiply"]
    masks = [sum(1 << i for i in chosen) for chosen in choices(2)]
    assert [row.plans[m].tracked for m in masks] == [[0], [1], [0, 1]]


def test_a_recorded_operation_on_numbers_takes_less_than_420_bytes() -> None:
    x, y, count = ab.Variable(2.0), ab.Variable(3.0), 1000
    kept = [x * y for _ in range(count)]  # what is made once for all
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        kept = [x * y for _ in range(count)]
        used = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert len(kept) * 100 < used < len(kept) * 420
