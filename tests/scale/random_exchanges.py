"""Random programs of collectives, and what they mean as one sequential program."""

import numpy as np

from autograd_book.scale import collectives
from autograd_book.scale.world import MEANINGS, ROOTED, SPLIT

FUNCTIONS = (np.tanh, np.sin, np.square)
MANY = {"all_gather", "gather", "all_to_all"}  # what comes out has a row for each rank


class Exchanges:
    """A few steps: a function of the rank's own, a collective, and at the end a loss of the rank's own."""

    def __init__(self, seed, size):
        rng, self.size, self.steps = np.random.default_rng(seed), size, []
        for _ in range(rng.integers(1, 6)):
            name = str(rng.choice(list(MEANINGS)))
            self.steps.append((name, self.way(rng, name), rng.normal(size=(size, 3, 3)), FUNCTIONS[rng.integers(3)]))

    def way(self, rng, name):
        if name == "permute":
            count = rng.integers(0, self.size + 1)
            sides = [rng.permutation(self.size)[:count].tolist() for _ in range(2)]
            return (tuple(zip(*sides, strict=True)),)
        return (int(rng.integers(self.size)),) if name in ROOTED else ()

    def before(self, x, step, rank):
        name, _, weights, fun = step
        x = fun(x @ weights[rank] + 0.1 * rank)
        return np.stack([x * (1.0 + k) for k in range(self.size)]) if name in SPLIT else x

    def after(self, x, step):
        return np.mean(x, axis=0) if step[0] in MANY else x

    def loss(self, x, rank):
        return np.sum(np.cos(x)) * (rank + 1.0)

    def sequential(self, xs):
        """The sum of all losses, of the values of all ranks."""
        xs = list(xs)
        for step in self.steps:
            given = [self.before(x, step, rank) for rank, x in enumerate(xs)]
            xs = [self.after(MEANINGS[step[0]](given, rank, *(step[1] or (None,))), step) for rank in range(self.size)]
        return sum(self.loss(x, rank) for rank, x in enumerate(xs))

    def on(self, world):
        """The loss of one rank as a function of its value."""

        def loss(x):
            for step in self.steps:
                exchange = getattr(collectives, step[0])
                x = self.after(exchange(self.before(x, step, world.rank), world, *step[1]), step)
            return self.loss(x, world.rank)

        return loss
