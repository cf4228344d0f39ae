"""All passes in a row.

``simplified`` runs all passes, or the exact ones alone.

::

    import numpy as np
    from autograd_book.speed.capture import capture
    from autograd_book.speed.simplify import simplified

    graph = capture(lambda x: np.sum(np.copy(x) * 1.0, axis=0), np.ones((3, 2)))
    print(simplified(graph, exact=True))
    print(simplified(graph))
"""
# Generated from book/speed/simplify.md by autograd-book extract; edit the chapter, not this file.
# sha256: a8bf86f6b94ed482597832eb42ec206d64c2b00a83662ffa8d3c15c480435c90

__all__ = ["Pass", "PASSES", "simplified"]


# book/speed/simplify.md: The table
from collections.abc import Callable
from typing import NamedTuple

from autograd_book.speed.equations import Graph
from autograd_book.speed.lifetimes import hoist_updates, recompute
from autograd_book.speed.passes import (
    drop_copies, fold_constants, loosen_broadcasts, share_common,
)
from autograd_book.speed.products import (
    flatten_products, join_products, join_scatters, lift_slices, scale_factors, sums_as_products,
    turn_products,
)


# book/speed/simplify.md: The table
class Pass(NamedTuple):
    """A function from graph to graph, and whether results keep their last bit."""

    run: Callable[[Graph], Graph]
    exact: bool


#: All passes, in the order in which they are run.
PASSES = [
    Pass(fold_constants, True), Pass(drop_copies, True), Pass(loosen_broadcasts, True),
    Pass(share_common, True), Pass(lift_slices, False), Pass(join_scatters, False),
    Pass(flatten_products, False),
    Pass(turn_products, False), Pass(scale_factors, False), Pass(sums_as_products, False),
    Pass(join_products, False), Pass(drop_copies, True), Pass(share_common, True),
]


def simplified(graph: Graph, exact: bool = False, memory: int | None = None) -> Graph:
    """The graph after all passes, or after those that keep the last bit."""
    for each in PASSES:
        if each.exact or not exact:
            graph = each.run(graph)
    return hoist_updates(graph if memory is None else recompute(graph, memory))
