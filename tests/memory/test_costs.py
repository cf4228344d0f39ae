"""What a schedule takes, predicted from measured blocks, against what happens."""

import tracemalloc

import numpy as np
import pytest
from chains import NETWORKS, X, allocated, chain

import autograd_book as ab
from autograd_book.graph.backward import reachable
from autograd_book.graph.errors import DifferentiationTypeError
from autograd_book.graph.interpreter import Interpreter
from autograd_book.graph.stack import push
from autograd_book.memory.checkpoint import saved_bytes
from autograd_book.memory.costs import Costs, measure_blocks, predict
from autograd_book.memory.sequential import checkpoint_sequential


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("way", [{"every": 1}, {"every": 2}, {"slots": 2}, {"schedule": None}], ids=str)
def test_the_predicted_peak_is_within_five_percent_of_what_is_allocated(name, way) -> None:
    make, x = NETWORKS[name]
    blocks = make()
    if "schedule" in way:
        way = {"schedule": list(range(len(blocks)))}
    network = checkpoint_sequential(blocks, **way)
    weights = np.ones(np.shape(network(x)), np.float32)
    found = allocated(network, x, weights)
    predicted = predict(network.schedule, measure_blocks(blocks, x, rounds=1)).peak
    assert abs(predicted / found - 1) < 0.05


@pytest.mark.parametrize("way", [{"every": 4}, {"slots": 3}, {"every": 1}], ids=str)
def test_saved_values_of_a_chain_are_those_predicted(way) -> None:
    blocks = [ab.nn.Sequential(ab.nn.ReLU(), ab.nn.Linear(16, 16, rng=i)) for i in range(12)]
    network, x = checkpoint_sequential(blocks, **way), ab.Variable(np.ones((64, 16), np.float32))
    out = network(x)
    nodes, besides = reachable(out.node), [x, *network.parameters()]
    most = [saved_bytes(nodes, besides)]
    with push(Weighing, lambda: most.append(saved_bytes(nodes, besides))):
        out.backward(np.ones(out.shape, out.dtype))
    none, ones = np.zeros(12), np.ones(12)
    units = Costs(np.ones(13), ones, none, none > 0, none > 0, *9 * [none])
    assert max(most) / x.value.nbytes == predict(network.schedule, units).saved


class Weighing(Interpreter):
    def __init__(self, below, weigh) -> None:
        super().__init__(below)
        self.weigh = weigh

    def pull(self, node, g):
        self.weigh()
        return super().pull(node, g)


def test_measuring_leaves_no_trace() -> None:
    rng = np.random.default_rng(0)
    blocks = [*chain(3), lambda v: v * (rng.random(v.shape) < 0.5)]
    state = rng.bit_generator.state
    parameters = [p for block in blocks[:3] for p in block.parameters()]
    measure_blocks(blocks, X, rounds=1)
    assert rng.bit_generator.state == state
    assert all(p.grad is None for p in parameters)
    assert not tracemalloc.is_tracing()


def test_a_block_that_returns_no_array_is_refused_by_the_planner() -> None:
    for wrong in (lambda v: (v, v), lambda v: 3.0, lambda v: v.numpy()):
        with pytest.raises(DifferentiationTypeError, match="block 1 of a chain"):
            checkpoint_sequential([np.tanh, wrong], budget=10**8)(X)


def test_blocks_that_save_nothing_or_return_their_input_can_be_planned():
    blocks = [np.tanh, lambda x: x.reshape(-1, 30), np.negative, lambda x: x, np.sin]
    x = ab.Variable(np.linspace(-1, 1, 900).reshape(30, 30))
    network = checkpoint_sequential(blocks, budget=1e6)
    np.sum(network(x)).backward()
    expected = -np.cos(-np.tanh(x.numpy())) * (1 - np.tanh(x.numpy()) ** 2)
    np.testing.assert_allclose(x.grad.numpy(), expected)


def test_a_block_that_fails_while_it_is_measured_leaves_generators_and_tracemalloc_alone():
    rng = np.random.default_rng(0)
    state = rng.bit_generator.state
    network = checkpoint_sequential([lambda x: x * rng.random(), lambda x: x @ np.ones(7)], budget=1e6)
    with pytest.raises(ValueError, match="matmul"):
        network(ab.Variable(np.ones(3)))
    assert rng.bit_generator.state == state and not tracemalloc.is_tracing()


def test_a_block_that_is_used_again_has_its_gradient_counted_once() -> None:
    block = ab.nn.Linear(64, 64, rng=0)
    x = np.ones((8, 64), np.float32)
    network = checkpoint_sequential([block] * 6, schedule=list(range(6)))
    predicted = predict(network.schedule, measure_blocks(network.blocks, x, rounds=1)).peak
    found = allocated(network, x, np.ones((8, 64), np.float32))
    size = block.weight.value.nbytes
    assert measure_blocks(network.blocks, x, rounds=1).gradients.sum() == size + block.bias.value.nbytes
    assert predicted < found + size
