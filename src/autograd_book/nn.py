"""The names of networks.

Layers, losses and the score, and no other name.

::

    import numpy as np
    from autograd_book import nn

    network = nn.Sequential(nn.Linear(4, 8, rng=0), nn.ReLU(), nn.Linear(8, 3, rng=1))
    logits = network(np.ones((2, 4), np.float32))
    print(nn.cross_entropy(logits, np.array([0, 2])).shape)
"""
# Generated from book/nn.md by autograd-book extract; edit the chapter, not this file.
# sha256: 3489c2f5d2748e6946df423976c5e22caaff9c6c5da9077f2d46b5f8aa2acbdc

__all__ = [
    "Linear",
    "Module",
    "ReLU",
    "Sequential",
    "accuracy",
    "cross_entropy",
    "mean_squared_error",
]


# book/nn.md: Layers, and what they are judged by
from autograd_book.learn.nn import Linear as Linear
from autograd_book.learn.nn import Module as Module
from autograd_book.learn.nn import ReLU as ReLU
from autograd_book.learn.nn import Sequential as Sequential
from autograd_book.learn.losses import accuracy as accuracy
from autograd_book.learn.losses import cross_entropy as cross_entropy
from autograd_book.learn.losses import mean_squared_error as mean_squared_error
