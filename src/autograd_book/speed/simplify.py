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
# sha256: 5afee05252719a550fc3e175503003d54022e68a788545c33a512f82a85037ee

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
    flatten_products, join_scatters, scale_factors, sums_as_products, turn_products,
)


# book/speed/simplify.md: The table
class Pass(NamedTuple):
    """A function from graph to graph, and whether results keep their last bit."""

    run: Callable[[Graph], Graph]
    exact: bool


#: All passes, in the order in which they are run.
PASSES = [
    Pass(fold_constants, True), Pass(drop_copies, True), Pass(loosen_broadcasts, True),
    Pass(share_common, True), Pass(join_scatters, False), Pass(flatten_products, False),
    Pass(turn_products, False), Pass(scale_factors, False), Pass(sums_as_products, False),
    Pass(drop_copies, True), Pass(share_common, True),
]


def simplified(graph: Graph, exact: bool = False, memory: int | None = None) -> Graph:
    """The graph after all passes, or after those that keep the last bit."""
    for each in PASSES:
        if each.exact or not exact:
            graph = each.run(graph)
    return hoist_updates(graph if memory is None else recompute(graph, memory))
