"""Training.

``train`` takes a network, an optimiser and two sets of digits, and returns
what happened, epoch by epoch.

::

    import autograd_book as ab
    from autograd_book.learn.digits import split
    from autograd_book.learn.training import perceptron, train

    network = perceptron(seed=0)
    optimizer = ab.optim.AdamW(network.parameters(), lr=2e-3)
    history = train(network, optimizer, *split(ab.load_digits()), epochs=3)
    print(history[-1])
"""
# Generated from book/learn/training.md by autograd-book extract; edit the chapter, not this file.
# sha256: 1c10f7218b2d17aed832b35e1002c9c5eab66f68cef2773a4c3cb7a1a8d34d40

__all__ = [
    "perceptron",
    "batches",
    "step",
    "evaluate",
    "Epoch",
    "train",
    "progress",
    "count",
    "options",
    "main",
]


# book/learn/training.md:92
import time
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from autograd_book.graph.errors import DifferentiationValueError
from autograd_book.graph.variable import no_grad
from autograd_book.learn.digits import Digits, load_digits, split
from autograd_book.learn.losses import accuracy, cross_entropy
from autograd_book.learn.nn import Linear, Module, ReLU, Sequential
from autograd_book.learn.optim import AdamW, Optimizer


def perceptron(hidden: int = 128, seed: int = 0) -> Sequential:
    """A network with one hidden layer, from 64 pixels to the scores of 10 digits."""
    rng = np.random.default_rng(seed)
    return Sequential(Linear(64, hidden, rng=rng), ReLU(), Linear(hidden, 10, rng=rng))


# book/learn/training.md:131
def batches(digits: Digits, size: int, rng: np.random.Generator) -> Iterator[Digits]:
    """All digits once, in random order, `size` at a time; the last batch may be smaller."""
    order = rng.permutation(len(digits.labels))
    for start in range(0, len(order), size):
        yield digits.take(order[start : start + size])


# book/learn/training.md:154
def step(network: Module, optimizer: Optimizer, batch: Digits) -> float:
    """Learn from one batch; return its loss, in nats, as it was before."""
    optimizer.zero_grad()
    loss = cross_entropy(network(batch.images), batch.labels)
    loss.backward()
    optimizer.step()
    return float(loss.item())


# book/learn/training.md:235
def evaluate(network: Module, digits: Digits) -> tuple[float, float]:
    """Loss in nats, and fraction read correctly; nothing is recorded or changed."""
    with no_grad():
        logits = network(digits.images)
    return float(cross_entropy(logits, digits.labels).item()), accuracy(logits, digits.labels)


# book/learn/training.md:257
class Epoch(NamedTuple):
    """What is known after one passage over the data."""

    number: int  #: From 1.
    loss: float  #: Mean over the batches, while learning, in nats.
    unseen_loss: float  #: On the digits set aside, in nats.
    accuracy: float  #: Fraction of the digits set aside that were read correctly.

    def __str__(self) -> str:
        return f"epoch {self.number:2}  loss {self.loss:.4f}  unseen {self.unseen_loss:.4f}  accuracy {self.accuracy:.2%}"


# book/learn/training.md:282
def train(
    network: Module,
    optimizer: Optimizer,
    seen: Digits,
    unseen: Digits,
    epochs: int = 30,
    batch_size: int = 32,
    seed: int = 0,
    report: Callable[[Epoch], Any] = lambda epoch: None,
) -> list[Epoch]:
    """Train a network on digits.

    Parameters
    ----------
    network : Module
        Takes images and returns logits; changed in place.
    optimizer : Optimizer
        Of its parameters.
    seen, unseen : Digits
        What to learn from, and what to judge by.
    epochs, batch_size : int
        How often to go over the data, and how many images to take at once.
    seed : int
        Of the order of the batches.
    report : callable
        Called with each `Epoch`.

    Returns
    -------
    list of Epoch
        One for each passage over the data.
    """
    rng, history = np.random.default_rng(seed), []
    for number in range(1, epochs + 1):
        losses = [step(network, optimizer, batch) for batch in batches(seen, batch_size, rng)]
        history.append(Epoch(number, float(np.mean(losses)), *evaluate(network, unseen)))
        report(history[-1])
    return history


# book/learn/training.md:446
def progress(epochs: int, plain: bool = False) -> Callable[[Epoch], Any]:
    """What to do with each epoch: move a bar on, if tqdm is installed, or print a line."""
    try:
        from tqdm import tqdm
    except ImportError:
        plain = True
    if plain:
        return print
    bar = tqdm(total=epochs, bar_format="{bar:20} {desc} [{elapsed}]")

    def advance(epoch: Epoch) -> None:
        bar.set_description_str(str(epoch), refresh=False)
        bar.update()
        if epoch.number == epochs:
            bar.close()

    return advance


# book/learn/training.md:476
def count(text: str) -> int:
    """A whole number of at least one, from the command line."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a count. Give a whole number of at least 1.")
    return int(text)


# book/learn/training.md:494
def options() -> ArgumentParser:
    """The options of the training program."""
    asked = ArgumentParser("autograd-book train", description="Train a multilayer perceptron on handwritten digits.")
    asked.add_argument("--epochs", type=count, default=30, help="passages over the data (default: %(default)s)")
    asked.add_argument("--batch-size", type=count, default=32, help="images a step (default: %(default)s)")
    asked.add_argument("--hidden", type=count, default=128, help="units in the hidden layer (default: %(default)s)")
    asked.add_argument("--lr", type=float, default=2e-3, help="learning rate (default: %(default)s)")
    asked.add_argument("--seed", type=int, default=0, help="of the weights and of the batches (default: %(default)s)")
    asked.add_argument("--plain", action="store_true", help="print lines instead of a progress bar")
    return asked


# book/learn/training.md:515
def main(argv: list[str] | None = None) -> int:
    """Train, print progress, and then the accuracy on the fifth of the digits that was set aside."""
    asked = options()
    given = asked.parse_args(argv)
    network = perceptron(given.hidden, abs(given.seed))
    try:
        optimizer = AdamW(network.parameters(), lr=given.lr)
    except DifferentiationValueError as error:
        asked.error(str(error))
    seen, unseen = split(load_digits())
    start = time.perf_counter()
    report = progress(given.epochs, given.plain)
    history = train(network, optimizer, seen, unseen, given.epochs, given.batch_size, abs(given.seed), report)
    seconds = time.perf_counter() - start
    print(f"accuracy {history[-1].accuracy:.2%} on {len(unseen.labels)} unseen digits, after {seconds:.1f} s of training")
    return 0
