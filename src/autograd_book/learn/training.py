"""Training.

``train`` takes a network, an optimiser and two sets of digits, and returns
what happened, epoch by epoch.

::

    import autograd_book as ab
    from autograd_book.learn.digits import split_digits
    from autograd_book.learn.training import perceptron, train

    network = perceptron(seed=0)
    optimizer = ab.optim.AdamW(network.parameters(), lr=2e-3)
    history = train(network, optimizer, *split_digits(ab.load_digits()), epochs=3)
    print(history[-1])
"""
# Generated from book/learn/training.md by autograd-book extract; edit the chapter, not this file.
# sha256: b13082dbc10a2cd39a7f47349c7de6706137b8d41c823a5ec957bd4b1936670b

__all__ = [
    "perceptron",
    "batches",
    "step",
    "loss_and_accuracy",
    "Epoch",
    "expect_finite",
    "expect_count",
    "process_settings",
    "make_settings",
    "passage",
    "train",
    "progress",
    "whole_number",
    "options",
    "main",
]


# book/learn/training.md: A network for digits
import time
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np

from autograd_book.graph.errors import AutogradError, DifferentiationValueError
from autograd_book.graph.stack import no_grad
from autograd_book.learn.digits import Digits, load_digits, split_digits
from autograd_book.learn.losses import accuracy, cross_entropy
from autograd_book.learn.nn import Linear, Module, ReLU, Sequential
from autograd_book.learn.optim import AdamW, Optimizer


def perceptron(hidden: int = 128, seed: int = 0) -> Sequential:
    """A network with one hidden layer, from 64 pixels to the scores of 10 digits."""
    rng = np.random.default_rng(seed)
    return Sequential(Linear(64, hidden, rng=rng), ReLU(), Linear(hidden, 10, rng=rng))


# book/learn/training.md: Batches
def batches(digits: Digits, size: int, rng: "np.random.Generator") -> Iterator[Digits]:
    """All digits once, in random order, `size` at a time; the last batch may be smaller."""
    order = rng.permutation(len(digits.labels))
    for start in range(0, len(order), size):
        yield digits.take(order[start : start + size])


# book/learn/training.md: One step
def step(network: Module, optimizer: Optimizer, batch: Digits) -> float:
    """Learn from one batch; return its loss, in nats, as it was before."""
    optimizer.zero_grad()
    loss = cross_entropy(network(batch.images), batch.labels)
    loss.backward()
    optimizer.step()
    return float(loss.item())


# book/learn/training.md: Looking without learning
def loss_and_accuracy(network: Module, digits: Digits) -> tuple[float, float]:
    """Loss in nats, and fraction read correctly; nothing is recorded or changed."""
    with no_grad():
        logits = network(digits.images)
    return float(cross_entropy(logits, digits.labels).item()), accuracy(
        logits, digits.labels
    )


# book/learn/training.md: The loop
class Epoch(NamedTuple):
    """What is known after one passage over the data."""

    number: int  #: From 1.
    loss: float  #: Mean over the batches, while learning, in nats.
    unseen_loss: float  #: On the digits set aside, in nats.
    accuracy: float  #: Fraction of the digits set aside that were read correctly.

    @property
    def diverged(self) -> bool:
        """Whether a loss is infinite or no number, so that no further epoch can help."""
        return not np.isfinite(self.loss + self.unseen_loss)

    def __str__(self) -> str:
        return (
            f"epoch {self.number:2}  loss {self.loss:.4f}  "
            f"unseen {self.unseen_loss:.4f}  accuracy {self.accuracy:.2%}"
        )


# book/learn/training.md: The loop
def expect_finite(epoch: Epoch, lr: float) -> None:
    """Raise if training diverged in an epoch."""
    if epoch.diverged:
        raise DifferentiationValueError(
            f"training diverged in epoch {epoch.number}: with lr={lr:g} the loss "
            f"became {epoch.loss:g}, and {epoch.unseen_loss:g} on unseen digits. "
            "Start again with a new network and a smaller lr, --lr on the command line."
        )


# book/learn/training.md: The loop
def expect_count(name: str, value: Any) -> None:
    """Raise unless a setting of the training loop is a whole number of at least one."""
    if not isinstance(value, Integral) or value < 1:
        raise DifferentiationValueError(
            f"{name}={value!r} was given to a training loop. Give a whole number, 1 or "
            "more."
        )


# book/learn/training.md: The loop
#: What a run may ask of its process before it starts, by name, as "keep_pages".
process_settings: dict[str, Callable[[], Any]] = {}


def make_settings(names: Iterable[str]) -> None:
    """Make settings of the process; they hold until it ends."""
    for name in names:
        if name not in process_settings:
            raise DifferentiationValueError(
                f"the setting {name!r} was asked for, and there is none of that name. "
                f"Choose from {sorted(process_settings)}."
            )
        process_settings[name]()


# book/learn/training.md: The loop
def passage(
    network: Module,
    optimizer: Optimizer,
    shuffled: Iterable[Digits],
    unseen: Digits,
    number: int,
) -> Epoch:
    """Learn from batches of digits, and judge by unseen ones."""
    with np.errstate(over="ignore", invalid="ignore"):  # said by expect_finite
        loss = float(np.mean([step(network, optimizer, batch) for batch in shuffled]))
        return Epoch(number, loss, *loss_and_accuracy(network, unseen))


# book/learn/training.md: The loop
def train(
    network: Module,
    optimizer: Optimizer,
    seen: Digits,
    unseen: Digits,
    epochs: int = 30,
    batch_size: int = 32,
    seed: Any = 0,
    report: Callable[[Epoch], Any] = lambda epoch: None,
    settings: Iterable[str] = (),
) -> list[Epoch]:
    """Train a network on digits, and return one `Epoch` for each passage over the data.

    Parameters
    ----------
    network, optimizer
        What takes images and returns logits, changed in place; and of its parameters.
    seen, unseen : Digits
        What to learn from, and what to judge by.
    epochs, batch_size : int
        How often to go over the data, and by how many images at once.
    seed : int or numpy.random.Generator
        Of the order of the batches; a generator is drawn from, and can be saved.
    report : callable
        Called with each `Epoch`.
    settings : iterable of str
        What to ask of the process first, as ``["keep_pages"]``; it holds until its end.

    Raises
    ------
    DifferentiationValueError
        If a count is less than one, or the loss became infinite or nan in an epoch.
    """
    expect_count("epochs", epochs)
    expect_count("batch_size", batch_size)
    make_settings(settings)
    rng, history = np.random.default_rng(seed), []
    for number in range(1, epochs + 1):
        shuffled = batches(seen, batch_size, rng)
        history.append(passage(network, optimizer, shuffled, unseen, number))
        report(history[-1])
        expect_finite(history[-1], optimizer.lr)
    return history


# book/learn/training.md: A program
def progress(epochs: int, plain: bool = False) -> Callable[[Epoch], Any]:
    """What to do with each epoch: move a bar on, if tqdm is installed, or print a line."""
    try:
        from tqdm import tqdm
    except ImportError:
        plain = True
    if plain:
        return partial(print, flush=True)
    bar = tqdm(total=epochs, bar_format="{bar:20} {desc} [{elapsed}]")

    def advance(epoch: Epoch) -> None:
        bar.set_description_str(str(epoch), refresh=False)
        bar.update()
        if epoch.number == epochs or epoch.diverged:
            bar.close()

    return advance


# book/learn/training.md: A program
def whole_number(text: str, least: int = 0) -> int:
    """A whole number from the command line, not below `least`."""
    if not text.isdecimal() or int(text) < least:
        raise ArgumentTypeError(
            f"{text!r} is not a whole number of at least {least}. Give {least} or more."
        )
    return int(text)


# book/learn/training.md: A program
def options() -> ArgumentParser:
    """The options of the training program."""
    about = "Train a multilayer perceptron on handwritten digits."
    asked = ArgumentParser("autograd-book train", description=about)
    add, count, usual = (
        asked.add_argument,
        partial(whole_number, least=1),
        " (default: %(default)s)",
    )
    add("--epochs", type=count, default=30, help="passages over the data" + usual)
    add("--batch-size", type=count, default=32, help="images a step" + usual)
    add("--hidden", type=count, default=128, help="units in the hidden layer" + usual)
    add("--lr", type=float, default=2e-3, help="learning rate" + usual)
    add("--seed", type=whole_number, default=0, help="of the weights and of the batches" + usual)
    add("--plain", action="store_true", help="print lines instead of a progress bar")
    asked.set_defaults(settings=None)
    for name, make in process_settings.items():
        flag, about = f"--{name.replace('_', '-')}", (make.__doc__ or "").partition(".")[0]
        add(flag, dest="settings", action="append_const", const=name, help=about)
    return asked


# book/learn/training.md: A program
def main(argv: list[str] | None = None) -> int:
    """Train, print progress, and then the accuracy on the fifth of the digits set aside."""
    asked = options()
    given = asked.parse_args(argv)
    network = perceptron(given.hidden, given.seed)
    try:
        optimizer = AdamW(network.parameters(), lr=given.lr)
    except DifferentiationValueError as error:
        asked.error(str(error))
    seen, unseen = split_digits(load_digits())
    report, start = progress(given.epochs, given.plain), time.perf_counter()
    how = given.epochs, given.batch_size, given.seed, report, given.settings or ()
    try:
        last = train(network, optimizer, seen, unseen, *how)[-1]
    except AutogradError as error:
        asked.exit(1, f"{asked.prog}: {error}\n")
    print(
        f"accuracy {last.accuracy:.2%} on {len(unseen.labels)} unseen digits, "
        f"after {time.perf_counter() - start:.1f} s of training"
    )
    return 0
