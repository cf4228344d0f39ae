"""Half precision, with a scaler of gradients."""

import numpy as np

import autograd_book as ab

network = ab.nn.Sequential(ab.nn.Linear(8, 16, rng=0), ab.nn.ReLU(), ab.nn.Linear(16, 2, rng=1))
optimizer = ab.optim.Adam(network.parameters(), lr=1e-2)
scaler = ab.GradScaler()
rng = np.random.default_rng(0)
x = rng.normal(size=(32, 8)).astype(np.float32)
labels = (x[:, 0] > 0).astype(int)
losses = []

for _ in range(10):
    optimizer.zero_grad()
    with ab.autocast():
        loss = ab.nn.cross_entropy(network(x), labels)
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()
    losses.append(loss.item())

assert losses[-1] < losses[0]
