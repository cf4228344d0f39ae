"""Profiles, hooks, checks and messages."""

import numpy as np

import autograd_book as ab

x = ab.Variable(np.linspace(-1.0, 1.0, 5))
seen: list[tuple[int, ...]] = []


def look(gradient: ab.Variable) -> None:
    seen.append(gradient.shape)


hidden = np.tanh(x) * 3.0
remove = hidden.register_hook(look)
hidden.sum().backward()
remove()
assert seen == [(5,)]

with ab.profile() as report:
    (x * x).sum().backward()
print(report)

with ab.debug_nans():
    (x * 2.0).sum().backward()

try:
    (x * x).backward()
except ab.DifferentiationValueError as error:
    print(error)

ab.check_gradients(lambda a: np.sum(np.exp(a)), np.ones(3))
print(x.dtype, x.ndim, x.size, len(x), [row.item() for row in x.detach()], f"{x.sum().item():.2f}")
