"""The digits.

The package carries 1,797 real handwritten digits, and a function that sets a
part of them aside.

::

    import autograd_book as ab
    from autograd_book.learn.digits import split_digits

    digits = ab.load_digits()
    seen, unseen = split_digits(digits, held_out=0.2, seed=0)
    print(digits.images.shape, digits.images.dtype, seen.labels.size, unseen.labels.size)
"""
# Generated from book/learn/digits.md by autograd-book extract; edit the chapter, not this file.
# sha256: dea53e802e728c36630c53210d8935f70fa8b299e418909571d125ff627549f0

__all__ = ["Digits", "load_digits", "split_digits"]


# book/learn/digits.md: Where they come from
from typing import Any, NamedTuple

import numpy as np

from autograd_book.graph.errors import DifferentiationValueError


class Digits(NamedTuple):
    """Images of digits and what they show."""

    images: np.ndarray  #: float32 of shape (n, 64), 8 × 8 pixels from 0 (paper) to 1 (ink).
    labels: np.ndarray  #: int64 of shape (n,), from 0 to 9.

    def take(self, index: Any) -> "Digits":
        """The same rows of both arrays, for any index that NumPy accepts."""
        return Digits(self.images[index], self.labels[index])


# book/learn/digits.md: Reading the file
def load_digits() -> Digits:
    """The 1,797 handwritten digits that come with the package.

    Source: E. Alpaydin and C. Kaynak, *Optical Recognition of Handwritten Digits* (1998),
    UCI Machine Learning Repository, doi:10.24432/C50P49, test part; licence CC BY 4.0.

    Returns
    -------
    Digits
        Fresh arrays at each call, in the order of the source.
    """
    from importlib.resources import files

    with (files("autograd_book.learn") / "digits.npz").open("rb") as file:
        arrays = np.load(file)
        images, labels = arrays["images"], arrays["labels"]
    return Digits(images.astype(np.float32) / 16, labels.astype(np.int64))


# book/learn/digits.md: Setting some aside
def split_digits(digits: Digits, held_out: float = 0.2, seed: int = 0) -> tuple[Digits, Digits]:
    """Shuffle the digits and set a part of them aside.

    Parameters
    ----------
    digits : Digits
        Left as they are.
    held_out : float
        The fraction to set aside, between 0 and 1; rounded to whole images.
    seed : int
        Of the shuffle; equal seeds give equal splits.

    Returns
    -------
    seen, unseen : Digits
        What to train on, and what was set aside.

    Raises
    ------
    DifferentiationValueError
        If either part would be empty.
    """
    n = len(digits.labels)
    cut = round(n * held_out)
    if not 0 < cut < n:
        raise DifferentiationValueError(
            f"held_out={held_out} of {n} images leaves {n - cut} to learn from "
            f"and {cut} to judge by. "
            "Choose a fraction between 0 and 1 that leaves some of both."
        )
    order = np.random.default_rng(seed).permutation(n)
    return digits.take(order[cut:]), digits.take(order[:cut])
