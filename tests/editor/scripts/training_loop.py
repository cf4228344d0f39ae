"""A network learns the digits, in mini-batches."""

import numpy as np

import autograd_book as ab

digits = ab.load_digits()
images, labels = digits.images[:256], digits.labels[:256]
network = ab.nn.Sequential(ab.nn.Linear(64, 32, rng=0), ab.nn.ReLU(), ab.nn.Linear(32, 10, rng=1))
optimizer = ab.optim.AdamW(network.parameters(), lr=1e-2)
shuffle = np.random.default_rng(0)
history: list[float] = []

for _epoch in range(3):
    for batch in np.array_split(shuffle.permutation(len(images)), 4):
        optimizer.zero_grad()
        loss = ab.nn.cross_entropy(network(images[batch]), labels[batch])
        loss.backward()
        ab.clip_gradients(network.parameters(), max_norm=1.0)
        optimizer.step()
        history.append(loss.item())

assert history[-1] < history[0]
print(f"accuracy {ab.nn.accuracy(network(images), labels):.2f}")
