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
# sha256: 09e2d66c7cae53ffb0f208698ebea36d2496829b26c4e685a375838d6073e255

__all__ = ["SGD", "Adam", "AdamW", "Optimizer"]


# book/optim.md: From plain descent to decoupled decay
from autograd_book.learn.optim import SGD as SGD
from autograd_book.learn.optim import Adam as Adam
from autograd_book.learn.optim import AdamW as AdamW
from autograd_book.learn.optim import Optimizer as Optimizer
