"""The engines of others, each in the way that its own users write."""

import os
from functools import cache
from itertools import accumulate
from types import SimpleNamespace as Names
from typing import Any

import numpy as np

from compared.engines import Program, Unfit, attention_of, looped
from compared.losses import C0, C1, EPS, Arrays
from compared.workloads import Workload, given

THREADS = int(os.environ.get("OMP_NUM_THREADS", "1"))


def pytorch(workload: Workload, compiled: bool = False) -> Program:
    """PyTorch, eager or with its loss compiled."""
    import torch
    import torch.nn.functional as G

    torch.set_num_threads(THREADS)
    F = Names(
        tanh=torch.tanh, exp=torch.exp, sum=torch.sum, transpose=torch.permute, relu=torch.relu, sigmoid=torch.sigmoid,
        gelu=lambda x: G.gelu(x, approximate="tanh"), attention=G.scaled_dot_product_attention, scan=looped,
        linear=lambda x, w, b: G.linear(x, w.t(), b), squared_error=G.mse_loss, conv=G.conv2d,
        layer_norm=lambda x, scale, shift: G.layer_norm(x, scale.shape, scale, shift, EPS),
        cross_entropy=G.cross_entropy, max_pool=lambda x: G.max_pool2d(x, 2),
    )  # fmt: skip
    arrays, data = given(workload)
    p = Names(**{name: torch.tensor(a, requires_grad=True) for name, a in arrays.items()})
    data = Names(**{name: torch.from_numpy(a) for name, a in vars(data).items()})
    optimizer = torch.optim.SGD(list(vars(p).values()), lr=workload.lr)

    def of() -> Any:
        return workload.loss(F, p, data)

    if compiled:
        torch.compiler.reset()  # what it knows of the last workload counts against its limit of traces
    loss = torch.compile(of, dynamic=False, fullgraph=True) if compiled else of

    def step() -> None:
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    def reset(values: Arrays) -> None:
        with torch.no_grad():
            for name, a in values.items():
                getattr(p, name).copy_(torch.from_numpy(a))

    def weigh() -> int:
        optimizer.zero_grad()
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as seen:
            step()
        events = [e for e in seen.profiler.kineto_results.events() if e.name() == "[memory]"]
        return max(accumulate(e.nbytes() for e in sorted(events, key=lambda e: e.start_ns())))

    return Program(step, lambda: {k: v.detach().numpy() for k, v in vars(p).items()}, reset, weigh=weigh)


def torch_compile(workload: Workload) -> Program:
    """PyTorch, with its loss compiled."""
    if workload.operations:
        raise Unfit("it would unroll ten thousand operations")
    awake()
    return pytorch(workload, compiled=True)


@cache
def awake() -> None:
    """Compile something, so that the first step of a workload does not pay for imports."""
    import torch

    torch.compile(lambda x: x + 1)(torch.ones(2))


def jax(workload: Workload) -> Program:
    """JAX, with the whole step jitted; loops are its own."""
    import jax
    import jax.numpy as jnp

    def scan(f: Any, state: Any, xs: Any) -> Any:
        return jax.lax.scan(lambda state, x: (f(state, x), None), state, xs)[0]

    def cross_entropy(scores: Any, labels: Any) -> Any:
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(scores), labels[:, None], 1))

    def conv(x: Any, w: Any, b: Any) -> Any:
        return jax.lax.conv(x, w, (1, 1), "VALID") + b[:, None, None]

    def max_pool(x: Any) -> Any:
        return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")

    F = Names(**composed(jnp) | {
        "relu": jax.nn.relu, "sigmoid": jax.nn.sigmoid, "gelu": jax.nn.gelu, "cross_entropy": cross_entropy, "scan": scan,
        "conv": conv, "max_pool": max_pool, "attention": attention_of(jnp.swapaxes, jax.nn.softmax),
    })  # fmt: skip
    arrays, data = given(workload)
    now, data = jax.device_put(arrays), jax.device_put(vars(data))

    def update(values: Any, data: Any) -> Any:
        slopes = jax.grad(lambda values: workload.loss(F, Names(**values), Names(**data)))(values)
        return {name: value - workload.lr * slopes[name] for name, value in values.items()}

    fast = jax.jit(update, donate_argnums=0)

    def step() -> None:
        nonlocal now
        now = fast(now, data)

    def reset(values: Arrays) -> None:
        nonlocal now
        now = {name: jnp.array(a) for name, a in values.items()}

    def weigh() -> int:
        return fast.lower(now, data).compile().memory_analysis().temp_size_in_bytes

    def values() -> Arrays:
        return {name: np.asarray(v) for name, v in now.items()}

    return Program(step, values, reset, lambda: jax.block_until_ready(now), weigh)


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
        "linear": lambda x, w, b: xp.matmul(x, w) + b, "scan": looped,
    }  # fmt: skip


def mygrad(workload: Workload) -> Program:
    """MyGrad, with its own layers where it has them."""
    import mygrad as mg
    from mygrad.nnet.activations import relu, sigmoid, softmax
    from mygrad.nnet.layers import conv_nd, max_pool
    from mygrad.nnet.losses import softmax_crossentropy

    F = Names(**composed(mg) | {
        "relu": relu, "sigmoid": sigmoid, "cross_entropy": softmax_crossentropy,
        "attention": attention_of(mg.swapaxes, lambda x: softmax(x, axis=-1)),
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

    F = Names(**composed(xp), attention=attention_of(xp.swapaxes, softmax), cross_entropy=cross_entropy, conv=conv, max_pool=max_pool)
    arrays, data = given(workload)
    values = {name: a.copy() for name, a in arrays.items()}
    slope = value_and_grad(lambda values: workload.loss(F, Names(**values), data))

    def step() -> None:
        for name, g in slope(values)[1].items():
            values[name] -= workload.lr * g

    def reset(fresh: Arrays) -> None:
        values.update({name: a.copy() for name, a in fresh.items()})

    return Program(step, lambda: values, reset)
