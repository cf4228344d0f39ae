"""A recurrent network that adds up what it sees."""

import numpy as np

import autograd_book as ab

rng = np.random.default_rng(0)
weights: dict[str, ab.Variable] = {
    "input": ab.Variable(rng.normal(size=(1, 8)) * 0.5),
    "state": ab.Variable(np.eye(8) * 0.9),
    "output": ab.Variable(rng.normal(size=(8, 1)) * 0.5),
}
optimizer = ab.optim.Adam(weights.values(), lr=1e-2)
x = rng.normal(size=(16, 5, 1))
y = x.sum(axis=1)
history = []

for _ in range(30):
    state = ab.Variable(np.zeros((16, 8)), requires_grad=False)
    for t in range(x.shape[1]):
        state = np.tanh(x[:, t] @ weights["input"] + state @ weights["state"])
    loss = ((state @ weights["output"] - y) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    history.append(float(loss.detach()))

assert history[-1] < history[0]
