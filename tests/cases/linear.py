"""Cases for book/rules/linear.md."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from casework import Case, label, strided, transposed, uniform

from autograd_book.rules.linear import collapse, contract

# Products: all ranks.
PRODUCTS = [
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((2,), (2, 3)),
    ((2, 3), (3, 4)),
    ((1, 3), (3, 1)),
    ((5, 2, 3), (3,)),
    ((2,), (5, 2, 3)),
    ((5, 2, 3), (3, 4)),
    ((2, 3), (5, 3, 4)),
    ((5, 2, 3), (5, 3, 4)),
    ((5, 2, 3), (1, 3, 4)),
    ((1, 2, 3), (5, 3, 4)),
    ((2, 1, 2, 3), (4, 3, 2)),
    ((4, 1, 2, 3), (1, 5, 3, 2)),
    ((0, 3), (3, 4)),
    ((2, 0), (0, 4)),
    ((0, 2, 3), (3,)),
    ((0,), (0,)),
]
#: Subscripts and shapes.
EINSUMS: list[tuple[str, list[tuple[int, ...]]]] = [
    ("i->i", [(3,)]),
    ("ij->ji", [(2, 3)]),
    ("ij->", [(2, 3)]),
    ("ij->j", [(2, 3)]),
    ("ii->", [(3, 3)]),
    ("ii->i", [(3, 3)]),
    ("ii", [(2, 2)]),
    ("ba", [(2, 3)]),
    ("iij->j", [(2, 2, 3)]),
    ("iii->i", [(2, 2, 2)]),
    ("ijij->ij", [(2, 3, 2, 3)]),
    ("iijj->ji", [(1, 1, 3, 3)]),
    ("...ii->...i", [(4, 2, 2)]),
    ("i...->...", [(2, 3, 2)]),
    ("->", [()]),
    ("i->", [(0,)]),
    ("ij,jk->ik", [(2, 3), (3, 4)]),
    ("ij , jk", [(2, 3), (3, 4)]),
    ("ij,j->", [(2, 3), (3,)]),
    ("ij,j->j", [(2, 3), (3,)]),
    ("ij,k->k", [(2, 3), (2,)]),
    ("i,i", [(3,), (3,)]),
    ("i,j->ji", [(2,), (3,)]),
    ("ii,i->i", [(3, 3), (3,)]),
    ("ii,jj->ij", [(2, 2), (3, 3)]),
    ("i,i->i", [(3,), (1,)]),
    ("i,i->", [(1,), (3,)]),
    ("ij,ij->ij", [(2, 1), (1, 3)]),
    ("...ij,...jk->...ik", [(4, 1, 2, 3), (5, 3, 2)]),
    ("...i,...i", [(2, 3), (3,)]),
    ("i...,i...->...", [(2, 3), (2,)]),
    ("ij,jk->ik", [(0, 3), (3, 2)]),
    ("ij,jk->ik", [(2, 0), (0, 3)]),
    ("ij,jk,kl->il", [(2, 3), (3, 2), (2, 4)]),
    ("i,j,k->kij", [(2,), (3,), (2,)]),
    ("ai,aj,ij->a", [(2, 3), (2, 2), (3, 2)]),
    ("i,i,i->", [(3,), (1,), (3,)]),
    ("...i,...j,ij->...", [(2, 3), (2, 2), (3, 2)]),
    ("ab,bc,cd,da->", [(2, 3), (3, 2), (2, 2), (2, 2)]),
]

def imaginary(shape: tuple[int, ...], seed: int = 0) -> Any:
    return uniform(shape, seed=seed) + 1j * uniform(shape, seed=seed + 10)


def two(name: str, fun: Any, x: Any, y: Any) -> Iterator[Case]:
    """A product of two operands whose shapes have no zero: complex, and in other layouts."""
    yield Case(fun, (imaginary(x), imaginary(y, 1)), label(name, "complex", x, y))
    for layout in (transposed, strided):
        yield Case(fun, (layout(uniform(x)), layout(uniform(y, seed=1))), label(name, layout.__name__))


def cases() -> Iterator[tuple[str, Case]]:
    for x, y in PRODUCTS:
        yield "matmul", Case(np.matmul, (uniform(x), uniform(y, seed=1)), label("matmul", x, y))
    yield from (("matmul", case) for case in two("matmul", np.matmul, (5, 2, 3), (3, 4)))
    yield "matmul", Case(np.matmul, (imaginary((2, 3)), uniform((3, 2))), "matmul complex real")
    for text, shapes in EINSUMS:
        args = tuple(uniform(shape, seed=i) for i, shape in enumerate(shapes))
        outer = np.square if len(args) == 1 else np.positive  # one operand alone has no second derivative
        yield "einsum", Case(lambda *xs, text=text, outer=outer: outer(np.einsum(text, *xs)), args, label("einsum", text, *shapes))
        if "0" not in str(shapes) and len(args) < 4:
            args = tuple(imaginary(shape, seed=i) for i, shape in enumerate(shapes))
            yield "einsum", Case(lambda *xs, text=text: np.einsum(text, *xs), args, label("einsum complex", text, *shapes))
    square, wide = uniform((2, 2)), uniform((2, 3), seed=1)
    yield "einsum", Case(lambda x: np.einsum("ij,jk,ki->", x, x, x), (square,), "einsum of one operand, three times")
    yield "einsum", Case(lambda x, y: np.einsum(x, [0, 1], y, [1, 2], [0, 2]), (square, wide), "einsum interleaved")
    yield "einsum", Case(lambda x, y: np.einsum(x, [Ellipsis, 1], y, [1, 30]), (square, wide), "einsum interleaved, dots")
    yield "einsum", Case(lambda x: np.einsum(x, [2, 0]), (wide,), "einsum interleaved, one")
    for how in (True, "optimal", ["einsum_path", (0, 1), (0, 1)], ["einsum_path", (0, 1, 2)]):
        f = lambda x, y, how=how: np.einsum("ij,jk,jj->i", x, y, y[:, :2], optimize=how)
        yield "einsum", Case(f, (square, wide), label("einsum", "optimize", how))
    f = lambda x, y: np.einsum("ij,jk->ik", x, y, optimize=True)
    yield "einsum", Case(f, (transposed(square), strided(wide)), "einsum layouts")
    yield "collapse", Case(lambda x: collapse(x, "ii", "i") ** 2, (square,), "collapse")
    yield "contract", Case(lambda x, y: contract(x, y, "ij", "jk", "ki", False), (square, wide), "contract")
