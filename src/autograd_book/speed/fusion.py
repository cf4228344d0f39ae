"""Fusion.

Equations that can go over the rows of their arrays together become one
equation, whose intermediate results need never exist as a whole.

::

    import numpy as np
    from autograd_book.speed.capture import capture
    from autograd_book.speed.fusion import fuse

    v = np.ones((400, 300))
    graph = capture(lambda x: np.sum(np.exp(-x * x) * x, axis=1), v)
    fused = fuse(graph, least=0)
    print(fused)
    print(*(f"{group.rows} rows of {group.width}" for group in [fused.equations[0].params["group"]]))
"""
# Generated from book/speed/fusion.md by autograd-book extract; edit the chapter, not this file.
# sha256: 0470ea97d1c24f07750a09db44b6e1a11fbc3bc6a887ba7ad9a5ced39e39615f

__all__ = [
    "Draft",
    "large",
    "Finder",
    "CACHE",
    "PARTS",
    "bytes_of",
    "at_work",
    "groups_in",
    "moved",
    "pays",
    "contracted",
    "late_updates",
    "fuse",
    "readers_of",
    "together",
]


# book/speed/fusion.md: Who can go together
import heapq
import math
from dataclasses import replace
from typing import Any

import numpy as np

from autograd_book.speed.equations import Equation, Graph, Name, names_in
from autograd_book.speed.lifetimes import cells_in, roots_of
from autograd_book.speed.passes import everything, turns
from autograd_book.speed.rows import Group, Member, fused, member_of


# book/speed/fusion.md: Who can go together
class Draft:
    """A group that is being put together."""

    def __init__(self, number: int, barrier: int) -> None:
        self.number, self.barrier = number, barrier
        self.rows, self.width = 0, 1
        self.places: list[int] = []  #: Of its equations in the graph.
        self.read: set[Name] = set()  #: Large arrays that it reads.
        self.made: set[Name] = set()
        self.late: set[Name] = set()  #: What is known only behind the last row.

    def fits(self, m: Member) -> bool:
        """Whether an equation goes over the same rows."""
        rows, width = m.space
        same = rows == self.rows and (width == self.width or 1 in (width, self.width))
        return same and m.equation.barrier in (0, self.barrier)

    def touches(self, m: Member) -> bool:
        """Whether an equation reads what the group makes, or reads as well."""
        return not self.made.isdisjoint(m.equation.inputs) or not self.read.isdisjoint(large(m))

    def needs_whole(self, m: Member) -> bool:
        """Whether an equation reads something of the group that is known only behind the last
        row."""
        rows = {a for a, kind in zip(m.equation.args, m.args) if kind == "row" and type(a) is Name}
        return not self.late.isdisjoint(m.equation.inputs) or not self.made.isdisjoint(rows)

    def take(self, place: int, m: Member) -> None:
        """Add an equation."""
        rows, width = m.space
        self.rows, self.width = rows, max(width, self.width)
        self.places.append(place)
        self.read.update(large(m))
        self.made.add(m.equation.out)
        if m.role in ("columns", "total"):
            self.late.add(m.equation.out)


def large(m: Member) -> list[Name]:
    """Names that an equation reads as tiles."""
    return [a for a, kind in zip(m.equation.args, m.args) if type(a) is Name and kind == "tile"]


# book/speed/fusion.md: No group waits for itself
class Finder:
    """Puts the equations of a graph into groups, such that no group waits for itself.

    Parameters
    ----------
    graph : Graph
        What is looked at.
    exact : bool
        Whether results have to keep their last bit.
    small : int
        Bytes of a result below which no group begins.
    turned : collection of Name
        Inputs whose numbers do not lie row by row.
    """

    def __init__(self, graph: Graph, exact: bool, small: int, turned: Any) -> None:
        self.graph, self.exact, self.small = graph, exact, small
        self.turned = set(turned)  #: Names whose numbers may not lie row by row.
        self.items: dict[Name, int] = {}  #: From a name to what makes it: an equation or a group.
        self.needs: dict[int, int] = {}  #: From that to all that it waits for, as bits.
        self.drafts: dict[int, Draft] = {}
        self.updates, self.roots = cells_in(graph), roots_of(graph)
        self.readers: dict[Name, set[int]] = {}  #: Who reads a memory.
        self.asked = names_in([guard.name for guard in graph.guards])
        for place, e in enumerate(graph.equations):
            self.add(place, e)

    def member(self, e: Equation) -> Member | None:
        """An equation as a part of a loop over rows that lie one behind the other."""
        m = member_of(e, self.exact)
        read = zip(e.args, m.args) if m else ()
        own = ("tile", "column")
        return None if any(k in own and a in self.turned for a, k in read if type(a) is Name) else m

    def waits(self, item: int, other: int) -> bool:
        """Whether one waits for another."""
        return bool(self.needs[item] >> other & 1)

    def sources(self, e: Equation) -> tuple[set[int], set[int]]:
        """What an equation has to wait for, and what of that cannot be in one loop with it."""
        found = {self.items[name] for name in e.inputs if name in self.items}
        apart = set()
        if type(e.out) is Name and e.out in self.updates:  # behind all questions and readers
            apart = {self.items[name] for name in self.asked if name in self.items}
            found |= self.readers.get(self.updates[e.out], set())
        return found | apart, apart

    def add(self, place: int, e: Equation) -> None:
        """Put an equation into a group that is there, or begin one."""
        sources, apart = self.sources(e)
        m, number = self.member(e), place
        near = [d for d in self.drafts.values() if m and d.fits(m) and d.touches(m)]
        near = [d for d in near if m and self.may_join(d, m, sources, apart)]
        if near:
            for other in near[1:]:
                if self.may_merge(near[0], other):
                    self.merge(near[0], other)
            sources, apart = self.sources(e)
            number = near[0].number
            near[0].take(place, m)  # type: ignore[arg-type]
        elif m and m.role != "alias" and math.prod(m.space) * m.source.dtype.itemsize >= self.small:
            self.drafts[place] = Draft(place, e.barrier)
            self.drafts[place].take(place, m)
        bits = 0
        for s in sources - {number}:
            bits |= self.needs[s] | 1 << s
        self.wait(number, bits & ~(1 << number))
        self.items |= dict.fromkeys(e.outs, number)
        if turns(e, self.turned):
            self.turned.update(e.outs)
        for name in e.inputs:
            self.readers.setdefault(self.roots.get(name, name), set()).add(number)

    def may_join(self, d: Draft, m: Member, sources: set[int], apart: set[int]) -> bool:
        """Whether an equation can be in a group: it reads nothing that is known only behind
        its last row, or that waits for the group."""
        through = any(self.waits(s, d.number) for s in sources if s != d.number)
        return not through and d.number not in apart and not d.needs_whole(m)

    def may_merge(self, one: Draft, other: Draft) -> bool:
        """Whether two groups can be one."""
        if one.barrier != other.barrier or not (one.width == other.width or 1 in (one.width, other.width)):
            return False
        for a, b in ((one, other), (other, one)):
            if any(self.waits(b.number, k) and self.waits(k, a.number) for k in self.needs):
                return False
            for k in b.places:
                e, m = self.graph.equations[k], member_of(self.graph.equations[k])
                if a.number in self.sources(e)[1] or m and a.needs_whole(m):
                    return False
        return True

    def merge(self, one: Draft, other: Draft) -> None:
        """Make one group of two."""
        for place in other.places:
            one.take(place, member_of(self.graph.equations[place], self.exact))  # type: ignore[arg-type]
        one.places.sort()
        del self.drafts[other.number]
        self.items |= dict.fromkeys(other.made, one.number)
        bit, new = 1 << other.number, 1 << one.number
        needs = self.needs.pop(other.number)
        for k, found in self.needs.items():
            if found & bit:
                self.needs[k] = found & ~bit | new * (k != one.number)
        for readers in self.readers.values():
            if other.number in readers:
                readers.discard(other.number)
                readers.add(one.number)
        self.wait(one.number, needs & ~new & ~bit)

    def wait(self, number: int, bits: int) -> None:
        """Note what an item waits for, also of all that wait for it."""
        known = self.needs.setdefault(number, 0)
        if bits & ~known:
            self.needs[number] |= bits
            for k, found in self.needs.items() if known or number in self.drafts else ():
                if found >> number & 1:
                    self.needs[k] = found | bits


# book/speed/fusion.md: Together, if it pays
#: Bytes at work beyond which a group is thought not to stay in the cache.
CACHE = 1 << 24
PARTS = 16  #: How many arrays a group is thought to work on at most at a time.


def bytes_of(names: Any) -> int:
    """Bytes of distinct arrays."""
    return sum(name.nbytes for name in dict.fromkeys(names))


def at_work(equations: Any) -> int:
    """Bytes of all arrays that are alive at a time when equations are carried out one by
    one."""
    last = {name: k for k, e in enumerate(equations) for name in [*e.outs, *e.inputs]}
    alive = set(names_in([e.inputs for e in equations])) - {e.out for e in equations}
    most = 0
    for k, e in enumerate(equations):
        alive.update(e.outs)
        most = max(most, bytes_of(alive))
        alive -= {name for name in alive if last[name] == k}
    return most


# book/speed/fusion.md: Together, if it pays
def groups_in(
    graph: Graph, exact: bool = False, least: int | None = None, turned: Any = (), fewest: int = 2
) -> list[list[int]]:
    """Places of the equations of each group that pays: more than `least` bytes are at work
    while they are carried out one by one."""
    least = CACHE if least is None else least
    found = [draft.places for draft in Finder(graph, exact, least // PARTS, turned).drafts.values()]
    name = Name(0, (), np.dtype(object))
    readers = readers_of(graph)
    groups = [together(graph, p, name, readers)[0].params["group"] for p in found]
    return [p for p, group in zip(found, groups, strict=True) if pays(group, least, fewest)]


def moved(group: Group) -> tuple[int, int]:
    """Bytes that the functions of a group read and write one by one, and together."""
    lone = [bytes_of([*m.equation.inputs, m.equation.out]) for m in group.members if m.role != "alias"]
    return sum(lone), bytes_of([*group.inputs, *group.outs])


def pays(group: Group, least: int | None = None, fewest: int = 2) -> bool:
    """Whether equations are carried out together: there are `fewest` at least that compute,
    they work on more bytes than stay in the cache, and half of what they move is saved."""
    least = CACHE if least is None else least
    count = sum(m.role != "alias" for m in group.members)
    apart, together = moved(group)
    half = not least or fewest < 2 or apart >= 2 * together
    return count >= fewest and (least <= 0 or at_work(group.equations) >= least) and half


def contracted(graph: Graph, found: list[list[int]]) -> list[list[int]]:
    """Places of all equations, those of a group together, in an order in which nobody waits
    for a later one, and which is as close to the old one as can be."""
    item = {k: places[0] for places in found for k in places}
    parts: dict[int, list[int]] = {}
    for k in range(len(graph)):
        parts.setdefault(item.get(k, k), []).append(k)
    maker = {name: item.get(k, k) for k, e in enumerate(graph.equations) for name in e.outs}
    waits = {p: {maker[n] for k in places for n in graph.equations[k].inputs if n in maker} - {p} for p, places in parts.items()}
    for p, extra in late_updates(graph, maker, item):
        waits[p] |= extra - {p}
    behind: dict[int, list[int]] = {}
    for p, sources in waits.items():
        for s in sources:
            behind.setdefault(s, []).append(p)
    left = {p: len(sources) for p, sources in waits.items()}
    ready, order = [p for p, n in left.items() if not n], []
    heapq.heapify(ready)
    while ready:
        p = heapq.heappop(ready)
        order.append(parts[p])
        for q in behind.get(p, ()):
            left[q] -= 1
            if not left[q]:
                heapq.heappush(ready, q)
    return order


# book/speed/fusion.md: Together, if it pays
def late_updates(graph: Graph, maker: dict[Name, int], item: dict[int, int]) -> Any:
    """For each update of a cell what it waits for besides its arguments: all questions, and
    whoever reads the old value before it."""
    updates, roots = cells_in(graph), roots_of(graph)
    asked = {maker[n] for n in names_in([g.name for g in graph.guards]) if n in maker}
    readers: dict[Name, set[int]] = {}
    for k, e in enumerate(graph.equations):
        for name in e.outs:
            if name in updates:
                early = {n for n in asked if n < k}
                yield maker[name], early | readers.get(updates[name], set())
        for name in e.inputs:
            readers.setdefault(roots.get(name, name), set()).add(item.get(k, k))


def fuse(
    graph: Graph, exact: bool = False, least: int | None = None, turned: Any = (), fewest: int = 2
) -> Graph:
    """The graph with one equation in the place of each group that pays."""
    found = groups_in(graph, exact, least, turned, fewest)
    if not found:
        return graph
    heads = {tuple(places) for places in found}
    last = max(name.number for name in names_in([everything(graph), graph.inputs]))
    equations: list[Equation] = []
    order, readers = contracted(graph, found), readers_of(graph)
    for places in order:
        es = [graph.equations[k] for k in places]
        if tuple(places) in heads:
            last += 1
            equations += together(graph, places, Name(last, (), np.dtype(object)), readers)
        else:
            equations += es
    return replace(graph, equations=tuple(equations))


def readers_of(graph: Graph) -> dict[Name, set[int]]:
    """Places of the equations that read each name; behind the last for what is returned or
    asked."""
    found: dict[Name, set[int]] = {}
    for k, e in enumerate(graph.equations):
        for name in e.inputs:
            found.setdefault(name, set()).add(k)
    for name in names_in([graph.outputs, [g.name for g in graph.guards]]):
        found.setdefault(name, set()).add(len(graph))
    return found


def together(
    graph: Graph, places: list[int], tiles: Name, readers: dict[Name, set[int]]
) -> list[Equation]:
    """One equation in the place of some, and those that give its results another name."""
    inside = set(places)
    members = tuple([m for k in places if (m := member_of(graph.equations[k]))])
    rows, width = max((m.space for m in members), key=lambda space: space[1])
    made = {m.equation.out: m for m in members}
    read = {name for name in made if not readers.get(name, inside) <= inside}
    for m in reversed(members):  # who reads an alias reads what it is an alias of
        if m.role == "alias" and m.equation.out in read:
            read.add(m.equation.args[0])
    renamed = [m.equation for m in members if m.role == "alias" and m.equation.out in read]
    outs = tuple([m.equation.out for m in members if m.equation.out in read and m.role != "alias"])
    inputs = dict.fromkeys(n for m in members for n in m.equation.inputs if n not in made)
    group = Group(rows, width, members, tuple(inputs), outs, tiles)
    first = members[0].equation
    return [replace(first, primitive=fused, args=tuple(inputs), params={"group": group}, out=outs, barrier=0), *renamed]
