"""What checkers mark, and nothing else: each line that ends in `marked`."""

import numpy as np
from numpy.typing import NDArray

import autograd_book as ab


def plain(x: NDArray[np.float64], k: int = 1) -> float:
    return float(np.sum(x * k))


x, array = ab.Variable(np.eye(3)), np.eye(3)

# Mistakes.
x.gard  # marked
x.unsqueeze(0)  # marked
x[0] = 1.0  # marked
x.grad.numpy()  # marked: it may be None
x.sum(axs=0)  # marked
ab.tensor(1.0)  # marked
ab.nn.expect_layer  # marked
ab.optim.np  # marked
ab.grad(plain)(array, 1, 2)  # marked
ab.checkpoint(plain)(array, key=2)  # marked
ab.compile(plain)("text")  # marked
ab.value_and_grad(plain)()  # marked

# Right, and out of the reach of NumPy's stubs, for which a Variable is no array of numbers.
np.linalg.inv(x)  # marked
np.einsum("ij,jk->ik", array, x)  # marked
np.tensordot(x, array)  # marked
np.maximum(array, x).backward()  # marked
np.where(array > 0.0, x, 0.0).backward()  # marked
np.reshape(x, 9).backward()  # marked

# The same in a form that passes.
(array @ x).sum().backward()
x.reshape(9).backward(np.ones(9))
np.maximum(x, array.max()).backward(array)
ab.grad(lambda a: np.sum(np.linalg.inv(a)))(array)
