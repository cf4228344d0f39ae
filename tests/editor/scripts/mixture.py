"""Maximum likelihood of a mixture, with functions of the package."""

import numpy as np

import autograd_book as ab

rng = np.random.default_rng(0)
samples = np.concatenate([rng.normal(-2.0, 0.5, 100), rng.normal(1.0, 1.0, 100)])
means = ab.Variable([-1.0, 0.5])
scales = ab.Variable([0.0, 0.0])
logits = ab.Variable(np.zeros(2))
optimizer = ab.optim.Adam([means, scales, logits], lr=0.05)
history: list[float] = []

for _ in range(100):
    z = (samples[:, np.newaxis] - means) / ab.softplus(scales)
    each = ab.log_softmax(logits) - 0.5 * z**2 - np.log(ab.softplus(scales))
    loss = -ab.logsumexp(each, axis=1).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    history.append(loss.item())

assert history[-1] < history[0]
low, high = sorted(m.item() for m in means.detach())
print(f"{low:.2f} {high:.2f}")
