"""Two networks against each other.

A generator turns noise into images, a discriminator scores images, and
``adversarial_step`` moves both.

::

    import numpy as np
    import autograd_book as ab
    from autograd_book.learn import adversarial

    forger, judge = adversarial.generator(seed=0), adversarial.discriminator(seed=1)
    optimizers, rng = adversarial.rivals(forger, judge), np.random.default_rng(0)
    images = ab.load_digits().images[:32]
    for _ in range(3):
        print(adversarial.adversarial_step(forger, judge, optimizers, images, rng))
"""
# Generated from book/learn/adversarial.md by autograd-book extract; edit the chapter, not this file.
# sha256: 8f653122e63d660c0ecffe2997c32c69f74d60e85b1f3ed1163546800f4a8a58

__all__ = [
    "discriminator_loss",
    "generator_loss",
    "generator",
    "leaky",
    "discriminator",
    "Rivals",
    "Losses",
    "rivals",
    "noise_for",
    "sample",
    "expect_alike",
    "discriminator_step",
    "generator_step",
    "adversarial_step",
]


# book/learn/adversarial.md: A forger and a judge
from typing import Any, NamedTuple

import numpy as np

from autograd_book.graph.errors import DifferentiationValueError
from autograd_book.graph.primitive import shape_of
from autograd_book.graph.stack import no_grad
from autograd_book.learn.nn import Linear, Module, ReLU, Sequential
from autograd_book.learn.optim import Adam, Optimizer, as_number
from autograd_book.rules.activations import sigmoid, softplus


# book/learn/adversarial.md: A forger and a judge
def discriminator_loss(real: Any, fake: Any) -> Any:
    """Cross-entropy of telling real images from made ones, by their scores; nats a pair."""
    return np.mean(softplus(-real)) + np.mean(softplus(fake))


# book/learn/adversarial.md: A forger and a judge
def generator_loss(fake: Any) -> Any:
    """Cross-entropy of made images passing for real, in nats, from their scores."""
    return np.mean(softplus(-fake))


# book/learn/adversarial.md: The players
def generator(
    latent: int = 16,
    hidden: int = 128,
    pixels: int = 64,
    *,
    seed: Any = 0,
    dtype: Any = np.float32,
) -> Sequential:
    """A network from noise of shape (n, latent) to images of shape (n, pixels), from 0 to 1."""
    rng = np.random.default_rng(seed)
    sizes = ((latent, hidden), (hidden, hidden), (hidden, pixels))
    first, second, last = (Linear(*size, rng=rng, dtype=dtype) for size in sizes)
    return Sequential(first, ReLU(), second, ReLU(), last, sigmoid)


# book/learn/adversarial.md: The players
def leaky(x: Any) -> Any:
    """x where it is positive and a fifth of it elsewhere, so that no unit falls silent."""
    return np.maximum(x, 0.2 * x)


# book/learn/adversarial.md: The players
def discriminator(
    hidden: int = 128, pixels: int = 64, *, seed: Any = 0, dtype: Any = np.float32
) -> Sequential:
    """A network from images of shape (n, pixels) to scores (n, 1), high for real ones."""
    rng = np.random.default_rng(seed)
    sizes = ((pixels, hidden), (hidden, hidden), (hidden, 1))
    first, second, last = (Linear(*size, rng=rng, dtype=dtype) for size in sizes)
    return Sequential(first, leaky, second, leaky, last)


# book/learn/adversarial.md: The players
class Rivals(NamedTuple):
    """The optimisers of the two players."""

    generator: Optimizer
    discriminator: Optimizer


class Losses(NamedTuple):
    """What a step found, each before the move, in nats."""

    generator: float
    discriminator: float


# book/learn/adversarial.md: The players
def rivals(forger: Module, judge: Module, lr: float = 1e-3) -> Rivals:
    """Adam for both, with a short memory: the other player soon changes the direction."""
    one, other = (Adam(p.parameters(), lr=lr, betas=(0.5, 0.999)) for p in (forger, judge))
    return Rivals(one, other)


# book/learn/adversarial.md: One step of both
def noise_for(forger: Any, count: int, rng: "np.random.Generator") -> np.ndarray:
    """Normal noise of the shape and precision that a generator takes: (count, latent)."""
    weight = next(forger.parameters())
    return rng.normal(size=(count, weight.shape[0])).astype(weight.dtype)


def sample(forger: Module, count: int, rng: "np.random.Generator") -> np.ndarray:
    """Images from a generator, as a plain array of shape (count, pixels); nothing is recorded."""
    with no_grad():
        return forger(noise_for(forger, count, rng)).numpy()


# book/learn/adversarial.md: One step of both
def expect_alike(real: tuple[int, ...], fake: tuple[int, ...]) -> None:
    """Raise unless real and made images have one shape, with something in it."""
    if real != fake or 0 in real:
        raise DifferentiationValueError(
            f"real images of shape {real} came with made ones of shape {fake}. "
            "Give both as arrays of shape (n, pixels), with at least one image."
        )


# book/learn/adversarial.md: One step of both
def discriminator_step(
    judge: Module, optimizer: Optimizer, real: np.ndarray, fake: np.ndarray
) -> float:
    """Move the discriminator; return its loss as it was before."""
    expect_alike(shape_of(real), shape_of(fake))
    optimizer.zero_grad()
    loss = discriminator_loss(judge(real), judge(fake))
    loss.backward()
    optimizer.step()
    return as_number(loss.numpy())


# book/learn/adversarial.md: One step of both
def generator_step(
    forger: Module, judge: Module, optimizer: Optimizer, noise: np.ndarray
) -> float:
    """Move the generator, through the discriminator; return its loss as it was before."""
    optimizer.zero_grad()
    loss = generator_loss(judge(forger(noise)))
    loss.backward()
    optimizer.step()
    return as_number(loss.numpy())


# book/learn/adversarial.md: One step of both
def adversarial_step(
    forger: Module,
    judge: Module,
    optimizers: Rivals,
    real: np.ndarray,
    rng: "np.random.Generator",
) -> Losses:
    """Move the discriminator and then the generator, with as many made images as real ones.

    Parameters
    ----------
    forger, judge : Module
        Generator and discriminator.
    optimizers : Rivals
        Their optimisers.
    real : numpy.ndarray
        A batch of real images of shape (n, pixels).
    rng : numpy.random.Generator
        Source of the noise.

    Returns
    -------
    Losses
        Of both, in nats.

    Raises
    ------
    DifferentiationValueError
        If real and made images differ in shape, or there are none.
    """
    fake = sample(forger, len(real), rng)
    judged = discriminator_step(judge, optimizers.discriminator, real, fake)
    noise = noise_for(forger, len(real), rng)
    return Losses(generator_step(forger, judge, optimizers.generator, noise), judged)
