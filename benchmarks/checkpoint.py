"""What checkpoints cost and save, as ratios measured in one run.

    OPENBLAS_NUM_THREADS=1 python benchmarks/checkpoint.py

prints, for chains of twelve blocks, the peak of saved values and the time of a step (forward and backward) as shares of
the step in which everything is kept, and how far the planner's prediction is from both. Saved values are arrays that
nodes, tickets and frames hold at any one time, without parameters and without the input of the chain.

Where PyTorch is installed, the same transformer blocks are run there, with `torch.utils.checkpoint` around each block,
and the overhead is compared. All programs of a table take turns. Nothing here decides whether a test passes.
"""

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import autograd_book as ab
from autograd_book.graph.backward import reachable
from autograd_book.graph.interpreter import Interpreter
from autograd_book.graph.stack import push
from autograd_book.learn.attention import LayerNorm, TransformerBlock
from autograd_book.memory.checkpoint import checkpoint, keeping, saved_bytes
from autograd_book.memory.costs import measure_blocks, predict
from autograd_book.memory.sequential import checkpoint_sequential

ROUNDS, N = 5, 12


class Scale(Interpreter):
    """Weighs what is held before each pull."""

    def __init__(self, below: Interpreter, weigh: Callable[[], None]) -> None:
        super().__init__(below)
        self.weigh = weigh

    def pull(self, node: Any, g: Any) -> Any:
        self.weigh()
        return super().pull(node, g)


def peak(network: Any, x: Any, parameters: list[Any]) -> int:
    """Most bytes of saved values at a time."""
    out = network(x)
    nodes = reachable(out.node)
    noted = [saved_bytes(nodes, [x, *parameters])]
    with push(Scale, lambda: noted.append(saved_bytes(nodes, [x, *parameters]))):
        out.backward(np.ones(out.shape, out.dtype))
    return max(noted)


def in_turns(programs: dict[str, Callable[[], Any]]) -> dict[str, list[float]]:
    """Times of each program by round."""
    times: dict[str, list[float]] = {name: [] for name in programs}
    for run in programs.values():
        run()
    for _ in range(ROUNDS):
        for name, run in programs.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    return times


def ratio(times: list[float], unit: list[float]) -> float:
    """Median of the ratios of single rounds."""
    return statistics.median(t / u for t, u in zip(times, unit, strict=True))


def table(title: str, blocks: list[Any], x: Any, networks: dict[str, Any]) -> None:
    """Bytes and time of each network, in units of the first."""
    parameters = [p for block in blocks for p in block.parameters()]
    weights = np.ones(x.shape, x.dtype)

    def step(network: Any) -> None:
        for leaf in [x, *parameters]:
            leaf.zero_grad()
        np.sum(network(x) * weights).backward()

    costs = measure_blocks(blocks, x)
    times = in_turns({name: lambda n=n: step(n) for name, n in networks.items()})
    first, whole = next(iter(networks)), predict(list(range(len(blocks))), costs)
    most = {name: peak(network, x, parameters) for name, network in networks.items()}
    print(f"\n{title}: saved values, time of a step, predicted time")
    for name, network in networks.items():
        guess = getattr(network, "schedule", None)
        told = f"{predict(guess, costs).time / whole.time:9.2f} x" if guess and network.policy is None else ""
        print(f"  {name:34} {100 * (1 - most[name] / most[first]):6.1f} % less {ratio(times[name], times[first]):7.2f} x{told}")


def chain() -> None:
    """The chain that the claim of 66.7 % fewer bytes at 37.5 % more time fits: each layer saves one array."""
    blocks = [ab.nn.Sequential(ab.nn.ReLU(), ab.nn.Linear(512, 512, rng=i)) for i in range(N)]
    x = ab.Variable(np.random.default_rng(0).normal(size=(1024, 512)).astype(np.float32))
    schedules = {
        "all is kept": list(range(N)),
        "claimed: every 4": [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]],
        "planned for 4 arrays": [[0, 1, 2, 3], [4, 5, 6], [[7], 8, 9], 10, 11],
        "planned for 3 arrays": [[[0, 1], 2, 3, 4], [[5, 6], 7, 8], [[9], 10], 11],
    }
    table("12 layers, relu and product", blocks, x, {k: checkpoint_sequential(blocks, schedule=s) for k, s in schedules.items()})


def transformer() -> None:
    """Twelve transformer blocks."""
    blocks = [TransformerBlock(256, 4, rng=i) for i in range(N)]
    x = ab.Variable(np.random.default_rng(0).normal(size=(8, 64, 256)).astype(np.float32))
    networks = {"all is kept": checkpoint_sequential(blocks, schedule=list(range(N)))}
    networks |= {f"every {k}": checkpoint_sequential(blocks, every=k) for k in (1, 2, 4)}
    table("12 transformer blocks", blocks, x, networks)


def selective() -> None:
    """Layers of normalisation, rectifier and product, and transformer blocks, keeping products with weights."""
    linear = keeping("matmul", where=lambda a, b: len(b.shape) == 2)
    rng = np.random.default_rng(0)
    layers = [ab.nn.Sequential(LayerNorm(768), ab.nn.ReLU(), ab.nn.Linear(768, 768, rng=i)) for i in range(N)]
    chains = {
        "12 normalised layers, groups of 2": (layers, 2, (384, 768)),
        "12 transformer blocks": ([TransformerBlock(512, 8, rng=i) for i in range(N)], 1, (4, 64, 512)),
    }
    for title, (blocks, k, shape) in chains.items():
        networks = {
            "all is kept": checkpoint_sequential(blocks, schedule=list(range(N))),
            "selective (keep products of weights)": checkpoint_sequential(blocks, every=k, policy=linear),
            "inputs alone": checkpoint_sequential(blocks, every=k),
        }
        table(title, blocks, ab.Variable(rng.normal(size=shape).astype(np.float32)), networks)


def peers() -> None:
    """Overhead of a checkpoint at each block, beside PyTorch's on the same blocks."""
    try:
        import torch
        from torch.utils.checkpoint import checkpoint as theirs
    except ImportError:
        print("\nPyTorch is not installed; nothing to compare with")
        return
    torch.set_num_threads(1)
    nn, linear = torch.nn, ab.nn.Linear
    mask = nn.Transformer.generate_square_subsequent_mask(64)

    class Block(nn.TransformerEncoderLayer):
        def forward(self, x: Any) -> Any:
            return super().forward(x, src_mask=mask, is_causal=True)

    models = {
        "12 perceptrons of width 256": (
            (512, 256),
            lambda i: ab.nn.Sequential(linear(256, 1024, rng=i), ab.nn.ReLU(), linear(1024, 256, rng=i)),
            lambda: nn.Sequential(nn.Linear(256, 1024), nn.ReLU(), nn.Linear(1024, 256)),
        ),
        "12 transformer blocks of width 512": (
            (4, 64, 512),
            lambda i: TransformerBlock(512, 8, rng=i),
            lambda: Block(512, 8, 2048, dropout=0.0, batch_first=True, norm_first=True),
        ),
    }
    for title, (shape, make, make_theirs) in models.items():
        ours, others = [make(i) for i in range(N)], [make_theirs() for _ in range(N)]
        start = np.random.default_rng(0).normal(size=shape).astype(np.float32)
        x, t = ab.Variable(start), torch.tensor(start, requires_grad=True)

        def our_step(wrap: Any, blocks: Any = ours, y: Any = x) -> None:
            for block in blocks:
                y = wrap(block)(y)
            np.sum(y).backward()

        def their_step(wrapped: bool, blocks: Any = others, y: Any = t) -> None:
            for block in blocks:
                y = theirs(block, y, use_reentrant=False) if wrapped else block(y)
            y.sum().backward()

        times = in_turns({
            "ours": lambda: our_step(lambda f: f), "ours, checkpointed": lambda: our_step(checkpoint),
            "torch": lambda: their_step(False), "torch, checkpointed": lambda: their_step(True),
        })  # fmt: skip
        print(f"\n{title}, a checkpoint at each: time of a step, checkpointed / kept")
        print(f"  ours  {ratio(times['ours, checkpointed'], times['ours']):.2f} x")
        print(f"  torch {ratio(times['torch, checkpointed'], times['torch']):.2f} x ({torch.__version__})")


if __name__ == "__main__":
    chain()
    transformer()
    selective()
    peers()
