"""The engines, in the words that the workloads use, each in the way that its own users write.

An engine is a function of a workload: it gives the training step, the values of the parameters by name, and the way to
set them. To compare another one, or another way to run one of these, add a line to `ENGINES`.
"""

from collections.abc import Callable
from types import SimpleNamespace as Names
from typing import Any, NamedTuple

import numpy as np

from compared.workloads import C0, C1, EPS, Arrays, Workload, given


class Program(NamedTuple):
    """A workload in an engine."""

    step: Callable[[], Any]  #: Forward, back, and the update of all parameters.
    values: Callable[[], Arrays]  #: Of the parameters.
    reset: Callable[[Arrays], None]  #: Gives them values.


def by_hand(workload: Workload) -> Program:
    """NumPy, with the gradients written out."""
    arrays, data = given(workload)
    p = Names(**{name: a.copy() for name, a in arrays.items()})

    def step() -> None:
        for name, g in workload.by_hand(p, data).items():
            value = getattr(p, name)
            value -= workload.lr * g

    def reset(values: Arrays) -> None:
        vars(p).update({name: a.copy() for name, a in values.items()})

    return Program(step, lambda: vars(p), reset)


def ours(workload: Workload) -> Program:
    """The Autograd Book."""
    import autograd_book as ab

    def layer_norm(x: Any, scale: Any, shift: Any) -> Any:
        norm.weight, norm.bias = scale, shift
        return norm(x)

    def linear(x: Any, w: Any, b: Any) -> Any:
        layer.weight, layer.bias = w, b
        return layer(x)

    layer, norm = ab.nn.Linear(1, 1), ab.sequence.LayerNorm(1, eps=EPS)
    F = Names(
        tanh=np.tanh, exp=np.exp, sum=np.sum, transpose=np.transpose, relu=ab.relu, sigmoid=ab.sigmoid, gelu=ab.gelu,
        softmax=ab.softmax, linear=linear, layer_norm=layer_norm, cross_entropy=ab.nn.cross_entropy,
        squared_error=ab.nn.mean_squared_error, conv=ab.conv2d, max_pool=lambda x: ab.max_pool2d(x, 2),
    )  # fmt: skip
    arrays, data = given(workload)
    p = Names(**{name: ab.Variable(a) for name, a in arrays.items()})
    optimizer = ab.optim.SGD(list(vars(p).values()), lr=workload.lr)

    def step() -> None:
        optimizer.zero_grad()
        workload.loss(F, p, data).backward()
        optimizer.step()

    def reset(values: Arrays) -> None:
        for name, a in values.items():
            getattr(p, name).data = a

    return Program(step, lambda: {name: v.numpy() for name, v in vars(p).items()}, reset)


def compiled(workload: Workload) -> Program:
    """The Autograd Book, with the step compiled."""
    import autograd_book as ab

    program = ours(workload)
    step = ab.compile(program.step)
    step()  # the step itself: the gradients come into being
    program.reset(given(workload)[0])
    return program._replace(step=step)


def pytorch(workload: Workload) -> Program:
    """PyTorch, eager."""
    import torch
    import torch.nn.functional as G

    torch.set_num_threads(1)
    F = Names(
        tanh=torch.tanh, exp=torch.exp, sum=torch.sum, transpose=torch.permute, relu=torch.relu, sigmoid=torch.sigmoid,
        gelu=lambda x: G.gelu(x, approximate="tanh"), softmax=lambda x: torch.softmax(x, -1),
        linear=lambda x, w, b: G.linear(x, w.t(), b), squared_error=G.mse_loss, conv=G.conv2d,
        layer_norm=lambda x, scale, shift: G.layer_norm(x, scale.shape, scale, shift, EPS),
        cross_entropy=G.cross_entropy, max_pool=lambda x: G.max_pool2d(x, 2),
    )  # fmt: skip
    arrays, data = given(workload)
    p = Names(**{name: torch.tensor(a, requires_grad=True) for name, a in arrays.items()})
    data = Names(**{name: torch.from_numpy(a) for name, a in vars(data).items()})
    optimizer = torch.optim.SGD(list(vars(p).values()), lr=workload.lr)

    def step() -> None:
        optimizer.zero_grad()
        workload.loss(F, p, data).backward()
        optimizer.step()

    def reset(values: Arrays) -> None:
        with torch.no_grad():
            for name, a in values.items():
                getattr(p, name).copy_(torch.from_numpy(a))

    return Program(step, lambda: {name: v.detach().numpy() for name, v in vars(p).items()}, reset)


def composed(xp: Any) -> dict[str, Any]:
    """What an engine without such functions of its own is given in terms of those that it has."""

    def layer_norm(x: Any, scale: Any, shift: Any) -> Any:
        low = x - xp.mean(x, axis=-1, keepdims=True)
        return low / xp.sqrt(xp.mean(low * low, axis=-1, keepdims=True) + np.float32(EPS)) * scale + shift

    def gelu(x: Any) -> Any:
        return np.float32(0.5) * x * (1 + xp.tanh(np.float32(C0) * (x + np.float32(C1) * (x * x * x))))

    def squared_error(x: Any, y: Any) -> Any:
        error = x - y
        return xp.mean(error * error)

    return {
        "tanh": xp.tanh, "exp": xp.exp, "sum": xp.sum, "transpose": xp.transpose, "layer_norm": layer_norm, "gelu": gelu,
        "squared_error": squared_error, "relu": lambda x: xp.maximum(x, 0), "sigmoid": lambda x: 1 / (1 + xp.exp(-x)),
        "linear": lambda x, w, b: xp.matmul(x, w) + b,
    }  # fmt: skip


def mygrad(workload: Workload) -> Program:
    """MyGrad, with its own layers where it has them."""
    import mygrad as mg
    from mygrad.nnet.activations import relu, sigmoid, softmax
    from mygrad.nnet.layers import conv_nd, max_pool
    from mygrad.nnet.losses import softmax_crossentropy

    F = Names(**composed(mg) | {
        "relu": relu, "sigmoid": sigmoid, "softmax": lambda x: softmax(x, axis=-1), "cross_entropy": softmax_crossentropy,
        "conv": lambda x, w, b: conv_nd(x, w, stride=1) + b.reshape((1, -1, 1, 1)),
        # its windows must fill the image
        "max_pool": lambda x: max_pool(x[:, :, : x.shape[2] // 2 * 2, : x.shape[3] // 2 * 2], (2, 2), 2),
    })  # fmt: skip
    arrays, data = given(workload)
    p = Names(**{name: mg.tensor(a) for name, a in arrays.items()})

    def step() -> None:
        workload.loss(F, p, data).backward()
        for v in vars(p).values():
            v.data -= workload.lr * v.grad
            v.null_grad()

    def reset(values: Arrays) -> None:
        for name, a in values.items():
            getattr(p, name).data[...] = a

    return Program(step, lambda: {name: v.data for name, v in vars(p).items()}, reset)


def hips(workload: Workload) -> Program:
    """HIPS autograd; what NumPy lacks is composed."""
    import autograd.numpy as xp
    from autograd import value_and_grad

    def softmax(x: Any) -> Any:
        weights = xp.exp(x - xp.max(x, axis=-1, keepdims=True))
        return weights / xp.sum(weights, axis=-1, keepdims=True)

    def cross_entropy(scores: Any, labels: Any) -> Any:
        low = scores - xp.max(scores, axis=1, keepdims=True)
        return xp.mean(xp.log(xp.sum(xp.exp(low), axis=1)) - low[np.arange(len(labels)), labels])

    def conv(x: Any, w: Any, b: Any) -> Any:
        height, width = x.shape[2] - 2, x.shape[3] - 2
        seen = [x[:, :, i : i + height, j : j + width] for i, j in np.ndindex(3, 3)]
        return xp.einsum("bckhw,ock->bohw", xp.stack(seen, axis=2), xp.reshape(w, (*w.shape[:2], 9)), optimize=True) + (
            xp.reshape(b, (1, -1, 1, 1))
        )

    def max_pool(x: Any) -> Any:
        height, width = x.shape[2] // 2, x.shape[3] // 2
        squares = xp.reshape(x[:, :, : 2 * height, : 2 * width], (*x.shape[:2], height, 2, width, 2))
        return xp.max(squares, axis=(3, 5))

    F = Names(**composed(xp), softmax=softmax, cross_entropy=cross_entropy, conv=conv, max_pool=max_pool)
    arrays, data = given(workload)
    values = {name: a.copy() for name, a in arrays.items()}
    slope = value_and_grad(lambda values: workload.loss(F, Names(**values), data))

    def step() -> None:
        for name, g in slope(values)[1].items():
            values[name] -= workload.lr * g

    def reset(fresh: Arrays) -> None:
        values.update({name: a.copy() for name, a in fresh.items()})

    return Program(step, lambda: values, reset)


class Engine(NamedTuple):
    """How it is made, and which packages have to be there."""

    make: Callable[[Workload], Program]
    needs: str = ""


#: By name, in the order of the columns; the first is the unit.
ENGINES = {
    "by hand": Engine(by_hand),
    "ours": Engine(ours, "autograd_book"),
    "compiled": Engine(compiled, "autograd_book"),
    "PyTorch": Engine(pytorch, "torch"),
    "MyGrad": Engine(mygrad, "mygrad"),
    "HIPS": Engine(hips, "autograd"),
}
