"""The derivative of a sum over all.

The collectives as functions of Variables. The derivative of each is a
collective, so that they can stand anywhere in a model.

::

    import numpy as np
    import autograd_book as ab
    from autograd_book.scale.collectives import all_reduce
    from autograd_book.scale.world import alongside


    def program(world):
        def loss(x):
            mean = all_reduce(x, world) / world.size
            return (world.rank + 1) * (x - mean) ** 2

        return ab.grad(loss)([1.0, 2.0, 6.0][world.rank])


    print(alongside(3, program))
"""
# Generated from book/scale/collectives.md by autograd-book extract; edit the chapter, not this file.
# sha256: 66b67cf7f215315454f9f5fd2481b9ba1f179fa54d3d167ed625da905640e6b4

__all__ = [
    "all_reduce",
    "all_gather",
    "reduce_scatter",
    "all_to_all",
    "broadcast",
    "reduce",
    "scatter",
    "gather",
    "reversed_routes",
    "permute",
    "send",
    "receive",
]


# book/scale/collectives.md: A rule is one line
from typing import Any

import numpy as np

from autograd_book.graph.protocols import primitive
from autograd_book.scale.world import Communicator


@primitive("x", linear="x", effect=True, x=lambda g, world: all_reduce(g, world))
def all_reduce(x: Any, world: Communicator) -> Any:
    """Sum of x over all ranks, on each of them. Shape of x."""
    return world.exchange("all_reduce", x)


@primitive("x", linear="x", effect=True, x=lambda g, world: reduce_scatter(g, world))
def all_gather(x: Any, world: Communicator) -> Any:
    """The x of all ranks along a new first axis, on each of them. Shape ``(ranks, *x.shape)``."""
    return world.exchange("all_gather", x)


@primitive("x", linear="x", effect=True, x=lambda g, world: all_gather(g, world))
def reduce_scatter(x: Any, world: Communicator) -> Any:
    """Sum over all ranks of the row of x that is this rank's. Shape x.shape[1:]; x has a row
    for each rank."""
    return world.exchange("reduce_scatter", x)


@primitive("x", linear="x", effect=True, x=lambda g, world: all_to_all(g, world))
def all_to_all(x: Any, world: Communicator) -> Any:
    """Row r of the result is this rank's row of the x of rank r. Shape of x, which has a row
    for each rank."""
    return world.exchange("all_to_all", x)


# book/scale/collectives.md: A rule is one line
@primitive("x", linear="x", effect=True, x=lambda g, world, root=0: reduce(g, world, root))
def broadcast(x: Any, world: Communicator, root: int = 0) -> Any:
    """The x of the root, on each rank. Shape of x, which all ranks give."""
    return world.exchange("broadcast", x, root)


@primitive("x", linear="x", effect=True, x=lambda g, world, root=0: broadcast(g, world, root))
def reduce(x: Any, world: Communicator, root: int = 0) -> Any:
    """Sum of x over all ranks on the root, zeros on the others. Shape of x."""
    return world.exchange("reduce", x, root)


@primitive("x", linear="x", effect=True, x=lambda g, world, root=0: gather(g, world, root))
def scatter(x: Any, world: Communicator, root: int = 0) -> Any:
    """This rank's row of the x of the root. Shape x.shape[1:]; all ranks give an x with a row
    for each rank, and that of the root counts."""
    return world.exchange("scatter", x, root)


@primitive("x", linear="x", effect=True, x=lambda g, world, root=0: scatter(g, world, root))
def gather(x: Any, world: Communicator, root: int = 0) -> Any:
    """The x of all ranks along a new first axis on the root, zeros on the others. Shape
    ``(ranks, *x.shape)``."""
    return world.exchange("gather", x, root)


def reversed_routes(routes: Any) -> tuple[tuple[int, int], ...]:
    """The ways back."""
    return tuple((to, start) for start, to in routes)


@primitive(
    "x", linear="x", effect=True,
    x=lambda g, world, routes: permute(g, world, reversed_routes(routes)),
)
def permute(x: Any, world: Communicator, routes: Any) -> Any:
    """The x of the rank from which a route (from, to) leads here, or zeros. Shape of x."""
    return world.exchange("permute", x, routes)


# book/scale/collectives.md: Letters with a receipt
@primitive("x", linear="x", effect=True, x=lambda g, world, to: receive(g, world, to))
def send(x: Any, world: Communicator, to: int) -> Any:
    """Send x to a rank. Returns a ticket, the number 0, which has to become part of the
    loss, so that the cotangent of x is received on the way back."""
    world.send(x, to)
    return np.zeros((), np.asarray(x).dtype)


@primitive(
    "ticket", linear="ticket", effect=True,
    ticket=lambda g, world, source: send(g, world, source),
)
def receive(ticket: Any, world: Communicator, source: int) -> Any:
    """The next array from a rank. The ticket, any number that is differentiated, leads the
    way back here, where the cotangent is sent to that rank."""
    return world.receive(source)
