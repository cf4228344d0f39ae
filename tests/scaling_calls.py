"""Sequences of calls to a GradScaler, in good order and in bad, for tests that compare one with another.

A player has ``loss()``, ``gradients(optimizer, value)``, ``unscale(optimizer)``, ``step(optimizer)``, ``update()``,
``set(scale)`` and ``load(other)``, which may raise one of its ``refusals``, and ``seen()``: scale, count and values.
"""

import math

import hypothesis.strategies as st

OPTIMIZERS = 2
VALUES = [1.5, -3e-5, 6e4, 0.0, math.inf, -math.inf, math.nan, None]
which = st.integers(0, OPTIMIZERS - 1)
calls = st.one_of(
    st.tuples(st.just("loss")),
    st.tuples(st.just("gradients"), which, st.sampled_from(VALUES)),
    st.tuples(st.just("unscale"), which),
    st.tuples(st.just("step"), which),
    st.tuples(st.just("update")),
    st.tuples(st.just("set"), st.sampled_from([1.0, 3.7, 1024.0])),
)


@st.composite
def iterations(draw):
    """The calls of one training step in good order: one optimiser or both, unscaled before the step or by it."""
    used = draw(st.sampled_from([[0], [1], [0, 1]]))
    found = [("loss",)]
    for i in used:
        found.append(("gradients", i, draw(st.sampled_from(VALUES[:-1] if draw(st.booleans()) else VALUES[:4]))))
        found += [("unscale", i)] * draw(st.booleans()) + [("step", i)]
    return [*found, ("update",)]


sequences = st.lists(st.one_of(iterations(), iterations(), st.lists(calls, max_size=4)), max_size=12).map(
    lambda parts: [call for part in parts for call in part]
)
settings_ = st.fixed_dictionaries({
    "init_scale": st.sampled_from([65536.0, 3.3, 2.0**126, 1.0]),
    "growth_factor": st.sampled_from([2.0, 1.1, 1e30]),
    "backoff_factor": st.sampled_from([0.5, 0.3]),
    "growth_interval": st.integers(1, 3),
})


def play(player, sequence):
    """What a player shows after each call, and whether it refused the call."""
    found = []
    for name, *args in sequence:
        try:
            getattr(player, name)(*args)
            refused = False
        except player.refusals:
            refused = True
        found.append((name, refused, *player.seen()))
    return found


class Player:
    """The calls that are spelled alike here and in PyTorch."""

    def gradients(self, i, value):
        for p, g in zip(self.values[i], ([1.0, value], 0.25), strict=True):
            p.grad = None if value is None else self.array(g)

    def unscale(self, i):
        self.scaler.unscale_(self.optimizers[i])

    def step(self, i):
        self.scaler.step(self.optimizers[i])

    def update(self):
        self.scaler.update()

    def set(self, scale):
        self.scaler.update(scale)
