"""The walk: order, sums, release, length (book/graph/backward.md)."""

import gc
import sys
import tracemalloc
import weakref

import numpy as np
import pytest

import autograd_book as ab
from autograd_book import Variable
from autograd_book.graph.backward import added, reachable, unbroadcast, walk
from autograd_book.graph.interpreter import Interpreter, ground
from autograd_book.graph.stack import push


@pytest.fixture
def paused():
    """Python's cyclic collector switched off: it more than doubles the time of a long chain, and nothing here needs it."""
    gc.disable()
    yield
    gc.enable()


class Count(Interpreter):
    """Counts pulls by node."""

    __slots__ = ("pulls",)

    def __init__(self, below, pulls):
        super().__init__(below)
        self.pulls = pulls

    def pull(self, node, g):
        self.pulls.append(node)
        return self.below.pull(node, g)


def pulled(out: Variable, **options) -> list:
    pulls: list = []
    with push(Count, pulls):
        out.backward(**options)
    return pulls


def test_a_shared_subexpression_is_visited_once() -> None:
    x = Variable(2.0)
    shared = np.exp(x)
    nodes = pulled(shared * shared + shared / shared - shared)
    assert nodes.count(shared.node) == 1
    assert len(nodes) == len(set(nodes)) == 5


def test_sixty_four_doublings_take_sixty_four_visits() -> None:
    x = y = Variable(1.0)
    for _ in range(64):
        y = y + y
    assert len(pulled(y)) == 64
    assert x.grad.item() == 2.0**64


def test_nodes_that_the_result_does_not_need_are_not_visited() -> None:
    x = Variable(2.0)
    unused = np.log(x)
    assert unused.node not in pulled(x * x)


def test_the_walk_takes_the_youngest_first() -> None:
    x = Variable(2.0)
    y = x * 3.0
    z = np.sin(y) + y * x + np.exp(x)
    indices = [node.index for node in pulled(z)]
    assert indices == sorted(indices, reverse=True)


def test_reachable_lists_each_node_once_oldest_first() -> None:
    x = Variable(2.0)
    y = x * x
    z = y + x
    assert reachable(z.node) == [x.node, y.node, z.node]


def test_the_walk_needs_no_more_stack_than_a_single_step() -> None:
    x = y = Variable(1.0)
    for _ in range(5000):
        y = y + 1.0
    depth = 0
    frame = sys._getframe()
    while frame:
        depth, frame = depth + 1, frame.f_back
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(depth + 60)
    try:
        y.backward()
        del y
    finally:
        sys.setrecursionlimit(limit)
    assert x.grad.item() == 1.0


def test_a_chain_of_three_hundred_thousand_operations_goes_forward_and_back_and_is_released(paused) -> None:
    x = y = Variable(1.0)
    for _ in range(300_000):
        y = y + 1.0
    middle = weakref.ref(y.node.inputs[0])
    y.backward()
    assert y.item() == 300_001.0
    assert x.grad.item() == 1.0
    assert middle() is None


def test_a_chain_of_three_hundred_thousand_operations_is_freed_without_a_backward_pass(paused) -> None:
    x = y = Variable(1.0)
    for _ in range(300_000):
        y = y * 1.0
    first = weakref.ref(y.node)
    del x, y
    assert first() is None


def test_a_long_chain_of_saved_results_is_freed_without_a_backward_pass(paused) -> None:
    y = Variable(0.5)
    for _ in range(300_000):
        y = np.sqrt(y)
    last = weakref.ref(y.node)
    del y
    assert last() is None


def test_a_sum_of_a_hundred_thousand_inputs_reaches_each(paused) -> None:
    leaves = [Variable(float(i)) for i in range(100_000)]
    total = leaves[0]
    for leaf in leaves[1:]:
        total = total + leaf
    total.backward()
    assert total.item() == sum(range(100_000))
    assert all(leaf.grad.item() == 1.0 for leaf in leaves)


def test_twenty_thousand_inputs_join_in_one_operation(paused) -> None:
    leaves = [Variable([float(i)]) for i in range(20_000)]
    (np.concatenate(leaves) * np.arange(20_000.0)).sum().backward()
    assert all(leaf.grad.item() == i for i, leaf in enumerate(leaves))


def test_saved_values_are_released_while_the_walk_is_under_way() -> None:
    x = Variable(np.ones(100))
    first = np.exp(x)
    second = np.exp(first)
    refs = [weakref.ref(second.value), weakref.ref(first.value)]
    out = second.sum()
    del first, second
    alive = []

    class Look(Interpreter):
        __slots__ = ()

        def pull(self, node, g):
            alive.append([ref() is not None for ref in refs])
            return self.below.pull(node, g)

    with push(Look):
        out.backward()
    assert alive == [[True, True], [True, True], [False, True]]
    assert [ref() for ref in refs] == [None, None]


def test_memory_falls_during_the_walk() -> None:
    size = 100_000
    x = y = Variable(np.full(size, 0.1))
    for _ in range(10):
        y = np.sin(y)  # keeps its operand
    out = y.sum()
    del y
    seen = []

    class Meter(Interpreter):
        __slots__ = ()

        def pull(self, node, g):
            seen.append(tracemalloc.get_traced_memory()[0])
            return self.below.pull(node, g)

    tracemalloc.start()
    try:
        with push(Meter):
            out.backward()
        x.zero_grad()
        end = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    # The saved arrays were made before tracing began: what is traced is the walk's own, a few cotangents at a time.
    assert max(seen) < 4 * 8 * size
    assert end < 8 * size


def test_a_second_walk_without_retain_is_refused() -> None:
    x = Variable(2.0)
    y = x * x
    y.backward()
    with pytest.raises(ab.FreedGraphError, match="retain_graph=True"):
        y.backward()


def test_a_refused_walk_changes_no_gradient_and_frees_nothing() -> None:
    x = Variable(2.0)
    shared = x * x
    first, second = np.sin(shared), np.exp(x) + shared
    first.backward()
    before = x.grad.item()
    with pytest.raises(ab.FreedGraphError):
        second.backward()
    assert x.grad.item() == before
    assert any(node.saved for node in reachable(second.node) if node.plan and node.plan.primitive.name == "exp")


def test_retained_graphs_walk_again_and_gradients_accumulate() -> None:
    x = Variable(3.0)
    y = x * x
    for n in (1, 2, 3):
        y.backward(retain_graph=True)
        assert x.grad.item() == 6.0 * n
    y.backward()
    assert x.grad.item() == 24.0


class Kept:
    """A saved tuple in another form, which counts how often it is asked for."""

    def __init__(self, saved) -> None:
        self.saved, self.recalls = saved, 0

    def recall(self):
        self.recalls += 1
        return self.saved


@pytest.mark.parametrize("create_graph", [False, True])
def test_saved_values_in_another_form_are_recalled_for_one_pull_of_each_walk(create_graph) -> None:
    x = Variable([2.0, 3.0])
    y = np.sum(x * x * x)
    nodes = [node for node in reachable(y.node) if node.plan and node.plan.primitive.name == "multiply"]
    for node in nodes:
        node.saved = Kept(node.saved)
    y.backward(retain_graph=True, create_graph=create_graph)
    np.testing.assert_array_equal(x.grad.numpy(), [12.0, 27.0])
    assert [node.saved.recalls for node in nodes] == [1, 1]
    y.backward()
    np.testing.assert_array_equal(x.grad.numpy(), [24.0, 54.0])


def test_gradients_of_several_results_accumulate() -> None:
    x = Variable([1.0, 2.0])
    (x * 2.0).sum().backward()
    (x * 5.0).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [7.0, 7.0])


def test_walk_returns_only_leaves_that_were_reached() -> None:
    x, y = Variable(2.0), Variable(3.0)
    found = walk((x * 2.0).node, np.float64(1.0), ground().pull)
    assert list(found) == [x.node]
    assert y.node not in found


def test_a_walk_from_a_leaf_returns_the_cotangent_given() -> None:
    x = Variable(2.0)
    assert walk(x.node, np.float64(5.0), ground().pull) == {x.node: 5.0}


def test_a_rule_of_the_wrong_shape_is_an_error_and_names_the_primitive() -> None:
    @ab.primitive("x", x=lambda g: g[:1])
    def crooked(x):
        return x * 2.0

    with pytest.raises(ab.DifferentiationValueError, match="crooked"):
        crooked(Variable([1.0, 2.0])).sum().backward()


@pytest.mark.parametrize(
    "shape", [(), (1,), (3,), (1, 3), (2, 1), (2, 3), (1, 1), (4, 2, 3), (4, 1, 1), (1, 2, 3)], ids=str
)
def test_unbroadcast_is_the_transpose_of_broadcast(shape) -> None:
    rng = np.random.default_rng(0)
    x, g = rng.normal(size=shape), rng.normal(size=(4, 2, 3))
    # <broadcast(x), g> = <x, unbroadcast(g)>
    np.testing.assert_allclose(np.sum(np.broadcast_to(x, g.shape) * g), np.sum(x * unbroadcast(g, shape)))
    assert unbroadcast(g, shape).shape == shape


def test_unbroadcast_returns_what_fits_untouched() -> None:
    for shape in [(2, 3), (1, 3), (1, 1), ()]:
        g = np.ones(shape)
        assert unbroadcast(g, shape) is g


def test_unbroadcast_of_empty_axes_gives_zeros() -> None:
    np.testing.assert_array_equal(unbroadcast(np.ones((0, 3)), (1, 3)), np.zeros((1, 3)))


def softmax_step(weights: list[Variable], x: np.ndarray, labels: np.ndarray) -> float:
    """One step of descent on a small network, updated in place."""
    w1, b1, w2, b2 = weights
    scores = np.maximum(x @ w1 + b1, 0.0) @ w2 + b2
    picked = scores[np.arange(len(labels)), labels]
    loss = np.mean(ab.logsumexp(scores, axis=1) - picked)
    loss.backward()
    for w in weights:
        w.data = w.data - 0.1 * w.grad
        w.zero_grad()
    return loss.item()


def array_bytes() -> int:
    """Bytes of all array buffers, by the allocator's own account."""
    buffers = tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)
    return sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces([buffers]).traces)


def test_a_hundred_training_steps_leave_memory_where_the_first_left_it() -> None:
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(32, 8)), rng.integers(0, 3, 32)
    weights = [Variable(0.3 * rng.normal(size=s)) for s in [(8, 16), (16,), (16, 3), (3,)]]
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        losses, arrays, objects = [softmax_step(weights, x, labels)], [], []
        for steps in (1, 1, 50, 50):
            losses += [softmax_step(weights, x, labels) for _ in range(steps)]
            arrays.append(array_bytes())
            objects.append(len(gc.get_objects()))
        cycles = gc.collect()
    finally:
        tracemalloc.stop()
        gc.enable()
    assert arrays[1] == arrays[2] == arrays[3], arrays
    assert objects[1] == objects[2] == objects[3], objects
    assert cycles == 0
    assert losses[-1] < losses[0]


def test_a_sum_is_added_to_in_place_only_while_nobody_else_holds_it() -> None:
    free = added(np.ones(3), np.ones(3))
    np.testing.assert_array_equal(free, [2.0, 2.0, 2.0])
    named, one = np.ones(3), np.ones(3)
    table, view = {"kept": np.ones(3)}, np.ones(4)[:3]
    seen = np.ones(3).reshape(3, 1)
    for held in (named, table["kept"], view, seen.base):
        assert added(held, one) is not held
        np.testing.assert_array_equal(held, one)
    closed = [np.ones(3)]
    closed[0].flags.writeable = False
    np.testing.assert_array_equal(added(closed.pop(), one), [2.0, 2.0, 2.0])
    pool = [np.ones(3)]
    place = pool[0].ctypes.data
    total = added(pool.pop(), one)
    assert total.ctypes.data == place


def test_what_a_rule_hands_to_two_arguments_is_not_changed_by_the_sum_of_one() -> None:
    twice = ab.primitive("x y", x=lambda g: g, y=lambda g: g)(lambda x, y: x + y)
    x, y = Variable(np.zeros(3)), Variable(np.zeros(3))
    out = twice(x, y) + twice(x, x) + 5.0 * x
    kept = []
    out.register_hook(lambda g: kept.append(g.numpy()))
    given = np.ones(3)
    out.backward(given)
    np.testing.assert_array_equal(x.grad.numpy(), [8.0, 8.0, 8.0])
    for untouched in (y.grad.numpy(), given, *kept):
        np.testing.assert_array_equal(untouched, [1.0, 1.0, 1.0])


LAYOUTS = {
    "rows": lambda: np.ones((3, 4)), "columns": lambda: np.ones((4, 3)).T, "every other": lambda: np.ones((3, 8))[:, ::2],
    "one row": lambda: np.broadcast_to(np.ones(4), (3, 4)), "one column": lambda: np.broadcast_to(np.ones((3, 1)), (3, 4)),
    "columns of its own": lambda: np.asfortranarray(np.ones((3, 4))),
}  # fmt: skip


@pytest.mark.parametrize("total", LAYOUTS)
@pytest.mark.parametrize("part", LAYOUTS)
def test_a_sum_of_cotangents_lies_as_a_new_sum_whoever_holds_the_first(total, part) -> None:
    held = LAYOUTS[total]()
    found = added(LAYOUTS[total](), LAYOUTS[part]())  # outside of assert, which would hold the first
    wanted = added(held, LAYOUTS[part]())
    assert found.strides == wanted.strides
