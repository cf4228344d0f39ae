"""The names of sequences.

Networks that read sequences, and their parts.

::

    import numpy as np
    from autograd_book import sequence

    states = sequence.RNN(8, 16, rng=0)(np.ones((2, 5, 8), np.float32))
    print(states.shape)
"""
# Generated from book/sequence.md by autograd-book extract; edit the chapter, not this file.
# sha256: c1044d7b7b18abaebf76e4bafe30062ca569bcc15d20e49f20971efe622e1050

__all__ = [
    "CausalSelfAttention",
    "Embedding",
    "LayerNorm",
    "TransformerBlock",
    "RNN",
    "Characters",
    "LastState",
    "Transformer",
    "excerpts",
    "generate",
    "language_step",
    "next_token_loss",
    "orthogonal",
]


# book/sequence.md: Cells, blocks and letters
from autograd_book.learn.attention import CausalSelfAttention as CausalSelfAttention
from autograd_book.learn.attention import Embedding as Embedding
from autograd_book.learn.attention import LayerNorm as LayerNorm
from autograd_book.learn.attention import TransformerBlock as TransformerBlock
from autograd_book.learn.sequence import RNN as RNN
from autograd_book.learn.sequence import Characters as Characters
from autograd_book.learn.sequence import LastState as LastState
from autograd_book.learn.sequence import Transformer as Transformer
from autograd_book.learn.sequence import excerpts as excerpts
from autograd_book.learn.sequence import generate as generate
from autograd_book.learn.sequence import language_step as language_step
from autograd_book.learn.sequence import next_token_loss as next_token_loss
from autograd_book.learn.sequence import orthogonal as orthogonal
