"""Lifetimes.

Two passes choose when things happen: updates as early as they can be, and
cheap values again when they are needed again.

::

    import numpy as np
    from autograd_book.speed.capture import capture
    from autograd_book.speed.lifetimes import live_bytes, recompute

    def f(x):
        a = x * 2.0
        return np.sum(np.sin(np.exp(a)) @ np.exp(a)) + np.sum(a)

    graph = capture(f, np.ones((64, 64)))
    print(max(live_bytes(graph)), "bytes,", max(live_bytes(recompute(graph, 0))), "with a value computed again")
"""
# Generated from book/speed/lifetimes.md by autograd-book extract; edit the chapter, not this file.
# sha256: 80ec6a6772970330904450e51dc62f0e6da776db8c5be6d6eb389b493ff96ced

__all__ = [
    "cells_in",
    "last_guard",
    "roots_of",
    "hoist_updates",
    "last_reads",
    "live_bytes",
    "CHEAP",
    "Lives",
    "waiting",
    "again",
    "recompute",
]


# book/speed/lifetimes.md: Updates as early as they can be
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np

from autograd_book.graph.primitive import primitives
from autograd_book.rules.shapes import reshape
from autograd_book.speed.equations import Equation, Graph, Name, names_in
from autograd_book.speed.passes import drop_dead, everything, renamed


# book/speed/lifetimes.md: Updates as early as they can be
def cells_in(graph: Graph) -> dict[Name, Name]:
    """From the name that a cell has at the end to the one that it has at the beginning."""
    count = len(graph.cells)
    pairs = zip(graph.outputs[len(graph.outputs) - count:], graph.inputs[len(graph.inputs) - count:])
    return {new: old for new, old in pairs if type(new) is Name and new != old}


# book/speed/lifetimes.md: Updates as early as they can be
def last_guard(graph: Graph) -> int:
    """Place of the last equation that a guard waits for."""
    at = {name: i for i, e in enumerate(graph.equations) for name in e.outs}
    asked = names_in([guard.name for guard in graph.guards])
    return max([at.get(name, -1) for name in asked], default=-1)


# book/speed/lifetimes.md: Updates as early as they can be
def roots_of(graph: Graph) -> dict[Name, Name]:
    """For each view the name in whose memory it may lie."""
    root: dict[Name, Name] = {}
    for e in graph.equations:
        if e.primitive.view and type(e.args[0]) is Name:
            root[e.out] = root.get(e.args[0], e.args[0])
    return root


# book/speed/lifetimes.md: Updates as early as they can be
def hoist_updates(graph: Graph) -> Graph:
    """With each update as early as its gradient is known, the old value no longer read, and
    all questions answered."""
    updates = cells_in(graph)
    moving, needed = set(), Counter(names_in([e.inputs for e in graph.equations]))
    needed += Counter(set(names_in([graph.outputs])) - updates.keys())
    for e in reversed(graph.equations):
        if e.primitive.elementwise and type(e.out) is Name and (
            not needed[e.out] and (e.out in updates or e.out in moving)
        ):
            moving.add(e.out)
            for name in e.inputs:
                needed[name] -= 1
                if not needed[name] and name not in updates:
                    moving.add(name)
    staying = [e for e in graph.equations if e.out not in moving]
    asked = last_guard(replace(graph, equations=tuple(staying)))
    root = roots_of(graph)
    at = {name: i for i, e in enumerate(staying) for name in e.outs}
    read = {root.get(name, name): i for i, e in enumerate(staying) for name in e.inputs}
    late: dict[int, list[Equation]] = {}
    for e in graph.equations:
        if e.out in moving:
            i = max([at.get(name, -1) for name in e.inputs], default=-1)
            if e.out in updates:
                i = max(i, asked, read.get(updates[e.out], -1))
            at[e.out] = i
            late.setdefault(i, []).append(e)
    order = late.get(-1, [])
    for i, e in enumerate(staying):
        order += [e, *late.get(i, [])]
    return replace(graph, equations=tuple(order))


# book/speed/lifetimes.md: What is cheaper twice
def last_reads(graph: Graph) -> dict[Name, int]:
    """Where each name, or a view of it, is read for the last time."""
    root = roots_of(graph)
    last: dict[Name, int] = {}
    for i, e in enumerate(graph.equations):
        last.update({root.get(name, name): i for name in e.inputs})
    end = len(graph.equations)
    return last | {root.get(name, name): end for name in names_in([graph.outputs])}


def live_bytes(graph: Graph) -> list[int]:
    """Bytes of the results that are needed while each equation is at work."""
    root, last, change = roots_of(graph), last_reads(graph), [0] * (len(graph) + 2)
    for i, e in enumerate(graph.equations):
        for name in e.outs:
            if name not in root:
                change[i] += name.nbytes
                change[last.get(name, i) + 1] -= name.nbytes
    return np.cumsum(change[: len(graph)]).tolist()


# book/speed/lifetimes.md: What is cheaper twice
#: Functions that are computed again sooner than their results are kept.
CHEAP = {
    primitives[fun] for fun in (
        np.add, np.subtract, np.multiply, np.negative, np.square, np.maximum, np.minimum,
        np.greater, np.less, np.clip, np.broadcast_to, reshape,
    ) if fun in primitives
}


class Lives:
    """Who makes each name of a graph, and how long it is there."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.root, self.last = graph, roots_of(graph), last_reads(graph)
        self.made = {name: e for e in graph.equations for name in e.outs}
        self.uses: dict[Name, list[int]] = {}
        for i, e in enumerate(graph.equations):
            for name in e.inputs:
                self.uses.setdefault(self.root.get(name, name), []).append(i)

    def there(self, name: Name, at: int) -> bool:
        """Whether a name is still there at a place, or costs next to nothing."""
        owner = self.root.get(name, name)
        return name not in self.made or self.last.get(owner, -1) >= at or name.nbytes < 1 << 14

    def recipe(self, name: Name, at: int, depth: int = 3) -> list[Equation] | None:
        """Cheap equations that make a value again from what is there at a place."""
        e = self.made.get(name)
        if e is None or e.primitive not in CHEAP or depth == 0:
            return None
        before: list[Equation] = []
        for part in dict.fromkeys(e.inputs):
            if not self.there(part, at):
                found = self.recipe(part, at, depth - 1)
                if found is None:
                    return None
                before += [x for x in found if x not in before]
        return [*before, e]


# book/speed/lifetimes.md: What is cheaper twice
def waiting(graph: Graph, peak: int, tried: set[Name]) -> tuple[int, list[Equation]] | None:
    """The next use of the largest value that only waits at a place, and its recipe there."""
    lives = Lives(graph)
    idle = [
        name for e in graph.equations[:peak] for name in e.outs
        if name not in lives.root and name not in tried and e.barrier >= 0
        and peak < lives.last.get(name, -1) < len(graph)
        and peak not in lives.uses[name]
    ]
    for name in sorted(idle, key=lambda name: -name.nbytes):
        at = min(i for i in lives.uses[name] if i > peak)
        if recipe := lives.recipe(name, at):
            views = [e for e in graph.equations[:at] if lives.root.get(e.out) == name]
            return at, recipe + views
    return None


# book/speed/lifetimes.md: What is cheaper twice
def again(graph: Graph, at: int, recipe: list[Equation]) -> Graph:
    """The graph in which a recipe is carried out before a place, for all that is read from
    there on."""
    number = max(name.number for name in names_in(everything(graph)))
    copies = {e.out: replace(e.out, number=number + k) for k, e in enumerate(recipe, 1)}
    made = [replace(renamed(e, copies), out=copies[e.out], barrier=-number) for e in recipe]
    late = [renamed(e, copies) for e in graph.equations[at:]]
    return drop_dead(replace(graph, equations=(*graph.equations[:at], *made, *late)))


# book/speed/lifetimes.md: What is cheaper twice
def recompute(graph: Graph, memory: int) -> Graph:
    """With cheap values computed again behind the place where most memory is needed, until
    that is no more than `memory` bytes or nothing is left to be won."""
    tried: set[Name] = set()
    while graph.equations and max(live := live_bytes(graph)) > memory:
        found = waiting(graph, live.index(max(live)), tried)
        if found is None:
            break
        tried.update(e.out for e in found[1])
        graph = again(graph, *found)
    return graph
