"""Layers that read sequences, and ways to make functions of their inputs and parameters."""

import numpy as np

from autograd_book.learn.attention import CausalSelfAttention, LayerNorm, TransformerBlock
from autograd_book.learn.sequence import RNN, Transformer

LAYERS = {
    "RNN": lambda dtype: RNN(4, 4, rng=0, dtype=dtype),
    "LayerNorm": lambda dtype: LayerNorm(4, dtype=dtype),
    "attention": lambda dtype: CausalSelfAttention(4, 2, rng=0, dtype=dtype),
    "block": lambda dtype: TransformerBlock(4, 2, rng=0, dtype=dtype),
}
CAUSAL = ["RNN", "attention", "block"]


def layer(name, dtype=np.float64):
    """A layer from width 4 to width 4 whose every weight matters."""
    made, rng = LAYERS[name](dtype), np.random.default_rng(1)
    for parameter in made.parameters():
        parameter.data = (rng.normal(size=parameter.shape) * 0.5).astype(dtype)
    return made


def sequence(*shape, seed=0, dtype=np.float64):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def language_model(dtype=np.float64, words=5, context=4):
    made, rng = Transformer(words, 4, 2, 2, context, seed=0, dtype=dtype), np.random.default_rng(1)
    for parameter in made.parameters():
        parameter.data = (rng.normal(size=parameter.shape) * 0.5).astype(dtype)
    return made


def with_parameters(module, names, then):
    """A function of arrays in place of the named parameters."""

    def run(*arrays):
        for name, value in zip(names, arrays, strict=True):
            owner, last = module, name.split(".")
            for part in last[:-1]:
                owner = owner[int(part)] if part.isdigit() else getattr(owner, part)
            setattr(owner, last[-1], value)
        return then(module)

    return run


def frozen(module):
    """The module with plain arrays for parameters, so that it is a function of its input alone."""
    names, values = zip(*[(name, p.numpy().copy()) for name, p in module.named_parameters()], strict=True)
    return with_parameters(module, names, lambda m: m)(*values)
