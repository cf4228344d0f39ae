"""What keeping saved values in another form brings and costs, as ratios measured in one run.

    python benchmarks/saved.py [rounds]

prints for a perceptron, a convolutional network and a transformer, and for each policy of `saved_values`,

* the bytes that the graph holds after the forward pass, in megabytes and in percent of what it holds without a policy;
* the time of a step, forward and backward, in units of the step without a policy;
* the distance of the gradient from the exact one, relative to its length;

then how fast each policy packs and unpacks one large array, in units of a copy of it; and, where PyTorch is installed, the
same perceptron under `torch.autograd.graph.saved_tensors_hooks` that store halves.

All policies take turns, so that a busy moment of the machine touches all of them; a ratio is the median of the ratios of
single rounds. Nothing here decides whether a test passes.
"""

import gc
import platform
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np

import autograd_book as ab
from autograd_book.learn.sequence import Transformer, next_token_loss
from autograd_book.memory.policies import policy_of
from autograd_book.memory.saved import saved_values
from autograd_book.rules.activations import relu
from autograd_book.rules.convolution import conv2d
from autograd_book.rules.pooling import max_pool2d

POLICIES = ["keep", "bits", "zlib", "disk", "bfloat16", "float16", "int8"]
Program = Callable[[], Any]


class Convolutional(ab.nn.Module):
    """Two convolutions, each with relu and max-pooling, then a linear layer."""

    def __init__(self, rng: "np.random.Generator") -> None:
        sizes = [(16, 1, 3, 3), (32, 16, 3, 3)]
        self.first, self.second = (ab.Variable(rng.normal(0, 0.1, size).astype(np.float32)) for size in sizes)
        self.last = ab.nn.Linear(128, 10, rng=rng)

    def __call__(self, images: np.ndarray) -> Any:
        x: Any = np.reshape(images, (-1, 1, 8, 8))
        for weights in (self.first, self.second):
            x = max_pool2d(relu(conv2d(x, weights, padding="same")), 2)
        return self.last(np.reshape(x, (len(images), -1)))


def perceptron(rng: "np.random.Generator") -> Any:
    """Four hidden layers of 256 units."""
    layers = [layer for n in (64, 256, 256, 256) for layer in (ab.nn.Linear(n, 256, rng=rng), ab.nn.ReLU())]
    return ab.nn.Sequential(*layers, ab.nn.Linear(256, 10, rng=rng))


def models() -> dict[str, tuple[Any, Program]]:
    """The networks, each with its loss."""
    rng, digits = np.random.default_rng(0), ab.load_digits().take(slice(512))
    networks = {"perceptron": perceptron(rng), "convolutional": Convolutional(rng)}
    found: dict[str, tuple[Any, Program]] = {
        name: (network, lambda network=network: ab.nn.cross_entropy(network(digits.images), digits.labels))
        for name, network in networks.items()
    }
    transformer, pieces = Transformer(64, 32, 2, 4, 64), rng.integers(0, 64, (16, 65))
    return found | {"transformer": (transformer, lambda: next_token_loss(transformer, pieces))}


def gradient(network: Any, loss: Program, policy: str) -> np.ndarray:
    """All gradients of one step, in a row."""
    network.zero_grad()
    with saved_values(policy):
        out = loss()
    out.backward()
    return np.concatenate([p.grad.numpy().ravel() for p in network.parameters()])


def kept(loss: Program, policy: str) -> int:
    """Bytes that are held after the forward pass."""
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    with saved_values(policy):
        out = loss()
    held = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    del out
    return held


def ratios(programs: dict[str, Program], rounds: int) -> dict[str, float]:
    """Time of each program in units of the first: medians over rounds in turns."""
    turns = []
    for program in programs.values():
        program()
    for k in range(rounds):
        turn = {}
        for name in list(programs)[:: 1 if k % 2 else -1]:
            start = time.perf_counter()
            programs[name]()
            turn[name] = time.perf_counter() - start
        turns.append(turn)
    unit = next(iter(programs))
    return {name: statistics.median(turn[name] / turn[unit] for turn in turns) for name in programs}


def steps(rounds: int) -> None:
    """The table of networks and policies."""
    for model, (network, loss) in models().items():
        exact = gradient(network, loss, "keep")
        found = {policy: gradient(network, loss, policy) for policy in POLICIES}
        held = {policy: kept(loss, policy) for policy in POLICIES}
        cost = ratios({p: lambda p=p, n=network, f=loss: gradient(n, f, p) for p in POLICIES}, rounds)  # type: ignore[misc]
        print(f"\n{model:24} {'MB':>8} {'%':>6} {'time':>8} {'error':>9}")
        for policy in POLICIES:
            error = float(np.linalg.norm(found[policy] - exact) / np.linalg.norm(exact))
            share = 100 * held[policy] / held["keep"]
            print(f"  {policy:22} {held[policy] / 1e6:8.2f} {share:6.1f} {cost[policy]:8.2f} {error:9.1e}")


def arrays(rounds: int) -> None:
    """How fast one array is packed and unpacked."""
    array = np.random.default_rng(0).normal(size=1 << 22).astype(np.float32)
    chosen = [p for p in POLICIES if p not in ("keep", "bits")]
    packed = {policy: policy_of(policy).pack(array) for policy in chosen}
    pack: dict[str, Program] = {"copy": array.copy} | {p: lambda p=p: policy_of(p).pack(array) for p in chosen}  # type: ignore[misc]
    back: dict[str, Program] = {"copy": array.copy} | {p: lambda p=p: policy_of(p).unpack(packed[p]) for p in chosen}  # type: ignore[misc]
    there, again = ratios(pack, rounds), ratios(back, rounds)
    print(f"\n{'16 MiB of normal numbers':24} {'pack':>8} {'unpack':>8}   in units of a copy")
    for policy in chosen:
        print(f"  {policy:22} {there[policy]:8.1f} {again[policy]:8.1f}")


def peer(rounds: int) -> None:
    """PyTorch's hooks on the same perceptron, where it is installed."""
    try:
        import torch
    except ImportError:
        return
    torch.set_num_threads(1)
    digits = ab.load_digits().take(slice(512))
    layers = [layer for n in (64, 256, 256, 256) for layer in (torch.nn.Linear(n, 256), torch.nn.ReLU())]
    network = torch.nn.Sequential(*layers, torch.nn.Linear(256, 10))
    images, labels = torch.tensor(digits.images), torch.tensor(digits.labels)

    def step() -> None:
        torch.nn.functional.cross_entropy(network(images), labels).backward()

    def halved() -> None:
        with torch.autograd.graph.saved_tensors_hooks(
            lambda x: (x.dtype, x.half() if x.is_floating_point() else x), lambda p: p[1].to(p[0])
        ):
            step()

    cost = ratios({"keep": step, "halves": halved}, rounds)
    print(f"\ntorch {torch.__version__}, perceptron, hooks that store halves: {cost['halves']:.2f} x")


if __name__ == "__main__":
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    print(f"{platform.machine()}, Python {platform.python_version()}, NumPy {np.__version__}, {rounds} rounds")
    steps(rounds)
    arrays(rounds)
    peer(rounds)
