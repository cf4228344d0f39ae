"""A training step that is compiled."""

import numpy as np

import autograd_book as ab

model = ab.nn.Sequential(ab.nn.Linear(4, 8, rng=0), np.tanh, ab.nn.Linear(8, 1, rng=1))
optimizer = ab.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


@ab.compile
def step(x: np.ndarray, y: np.ndarray) -> ab.Variable:
    optimizer.zero_grad()
    loss = ab.nn.mean_squared_error(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


rng = np.random.default_rng(0)
x = rng.normal(size=(32, 4)).astype(np.float32)
y = x[:, :1] * 2.0
losses = [step(x, y).item() for _ in range(20)]
assert losses[-1] < losses[0]

polynomial = ab.compile(lambda x: x**3 + 2.0 * x)
print(polynomial(np.ones(3)))
