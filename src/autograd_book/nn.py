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
# sha256: 3bb1e9d192b6a3a357a567644337152b836d240602009b45c042ee39212de987

__all__ = [
    "Linear",
    "Module",
    "ReLU",
    "Sequential",
    "AvgPool1d",
    "AvgPool2d",
    "Conv1d",
    "Conv2d",
    "Flatten",
    "GELU",
    "LogSoftmax",
    "MaxPool1d",
    "MaxPool2d",
    "RMSNorm",
    "Sigmoid",
    "SiLU",
    "Softmax",
    "Softplus",
    "Tanh",
    "BatchNorm1d",
    "BatchNorm2d",
    "Dropout",
    "Embedding",
    "LayerNorm",
    "MultiHeadAttention",
    "accuracy",
    "binary_cross_entropy",
    "cross_entropy",
    "huber",
    "kl_divergence",
    "mean_squared_error",
]


# book/nn.md: Layers, and what they are judged by
from autograd_book.learn.nn import Linear as Linear
from autograd_book.learn.nn import Module as Module
from autograd_book.learn.nn import ReLU as ReLU
from autograd_book.learn.nn import Sequential as Sequential
from autograd_book.learn.layers import AvgPool1d as AvgPool1d
from autograd_book.learn.layers import AvgPool2d as AvgPool2d
from autograd_book.learn.layers import Conv1d as Conv1d
from autograd_book.learn.layers import Conv2d as Conv2d
from autograd_book.learn.layers import Flatten as Flatten
from autograd_book.learn.layers import GELU as GELU
from autograd_book.learn.layers import LogSoftmax as LogSoftmax
from autograd_book.learn.layers import MaxPool1d as MaxPool1d
from autograd_book.learn.layers import MaxPool2d as MaxPool2d
from autograd_book.learn.layers import RMSNorm as RMSNorm
from autograd_book.learn.layers import Sigmoid as Sigmoid
from autograd_book.learn.layers import SiLU as SiLU
from autograd_book.learn.layers import Softmax as Softmax
from autograd_book.learn.layers import Softplus as Softplus
from autograd_book.learn.layers import Tanh as Tanh
from autograd_book.learn.phases import BatchNorm1d as BatchNorm1d
from autograd_book.learn.phases import BatchNorm2d as BatchNorm2d
from autograd_book.learn.phases import Dropout as Dropout
from autograd_book.learn.attention import Embedding as Embedding
from autograd_book.learn.attention import LayerNorm as LayerNorm
from autograd_book.learn.heads import MultiHeadAttention as MultiHeadAttention
from autograd_book.learn.losses import accuracy as accuracy
from autograd_book.learn.losses import binary_cross_entropy as binary_cross_entropy
from autograd_book.learn.losses import cross_entropy as cross_entropy
from autograd_book.learn.losses import huber as huber
from autograd_book.learn.losses import kl_divergence as kl_divergence
from autograd_book.learn.losses import mean_squared_error as mean_squared_error
