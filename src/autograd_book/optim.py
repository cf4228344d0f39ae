"""The names of optimisers.

The optimisers, and the class that they share.

::

    import numpy as np
    from autograd_book import Variable, optim

    weight = Variable(np.ones(3))
    optimizer = optim.AdamW([weight], lr=0.1)
    (weight**2).sum().backward()
    optimizer.step()
    print(weight)
"""
# Generated from book/optim.md by autograd-book extract; edit the chapter, not this file.
# sha256: a4c3a75fe73a752c49dc4c76849e2ee0bb13d085dbeb7ca6a973c75fb781510d

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Optimizer",
    "Adagrad",
    "Lion",
    "MovingAverage",
    "Plateau",
    "RMSprop",
    "steady",
    "cosine",
    "one_cycle",
    "stepwise",
]


# book/optim.md: From plain descent to decoupled decay
from autograd_book.learn.optim import SGD as SGD
from autograd_book.learn.optim import Adam as Adam
from autograd_book.learn.optim import AdamW as AdamW
from autograd_book.learn.optim import Optimizer as Optimizer
from autograd_book.learn.rates import Adagrad as Adagrad
from autograd_book.learn.rates import Lion as Lion
from autograd_book.learn.rates import MovingAverage as MovingAverage
from autograd_book.learn.rates import Plateau as Plateau
from autograd_book.learn.rates import RMSprop as RMSprop
from autograd_book.learn.rates import steady as steady
from autograd_book.learn.rates import cosine as cosine
from autograd_book.learn.rates import one_cycle as one_cycle
from autograd_book.learn.rates import stepwise as stepwise
