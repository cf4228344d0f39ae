"""Blocks.

Attention in a captured graph, forward and back, becomes equations that go over
blocks of queries, so that no matrix of all scores exists.

::

    import numpy as np
    import autograd_book as ab
    from autograd_book.speed.blocks import block_attention
    from autograd_book.speed.capture import capture
    from autograd_book.speed.simplify import simplified

    q, k, v = np.random.default_rng(0).standard_normal((3, 1, 2, 32, 4))
    f = lambda q, k, v: ab.softmax(q @ np.swapaxes(k, -1, -2)) @ v
    graph = simplified(capture(f, q, k, v, expand=lambda primitive: primitive.composite))
    print(block_attention(graph, least=0))
"""
# Generated from book/speed/blocks.md by autograd-book extract; edit the chapter, not this file.
# sha256: 7c444af78f7f0880108cbcacbe7bf333ec2a928b6118b6c668a60592d6588456

__all__ = [
    "BlockPart",
    "square",
    "last_two_swapped",
    "Region",
    "INNER",
    "BlockGroup",
    "recipe",
    "blocks_of",
    "slots_of",
    "look",
    "run_part",
    "run_blocks",
    "room_for",
    "blocked",
    "scores_in",
    "attention_at",
    "closed",
    "SCORES",
    "block_attention",
    "one_of",
]


# book/speed/blocks.md: What a block needs
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from autograd_book.graph.primitive import Primitive, primitives
from autograd_book.rules.shapes import reshape
from autograd_book.speed.equations import Equation, Graph, Name, names_in
from autograd_book.speed.fusion import contracted
from autograd_book.speed.passes import order_of, outline
from autograd_book.speed.rows import TILE


# book/speed/blocks.md: What a block needs
class BlockPart(NamedTuple):
    """An equation as a part of a loop over blocks of queries."""

    equation: Equation
    role: str  #: "scores", "map", "reduce", "turn", "mix" or "gather".
    kinds: tuple[str, ...]  #: Of the arguments: "square", "turned", "column", "query", "key", "other".
    result: str  #: Kind of the result; "sum" for what all blocks contribute to.


def square(value: Any, shape: tuple[int, ...]) -> bool:
    """Whether a name stands for all scores."""
    return type(value) is Name and value.shape == shape


def last_two_swapped(e: Equation) -> bool:
    """Whether an equation is a transpose of matrices."""
    n = len(e.out.shape)
    return e.primitive.fun is np.transpose and order_of(e) == (*range(n - 2), n - 1, n - 2)


# book/speed/blocks.md: What a block needs
class Region:
    """Equations about scores of one shape, as far as they do not wait for each other through
    something else.

    Parameters
    ----------
    graph : Graph
        Where they are.
    shape : tuple of int
        Shape of all scores.
    start : int
        Place of the product that makes scores.
    given : Region, optional
        Whose scores may be read, since they are made once more.
    """

    def __init__(
        self, graph: Graph, shape: tuple[int, ...], start: int, given: "Region | None" = None
    ) -> None:
        self.graph, self.shape, self.start, self.given = graph, shape, start, given
        self.parts: dict[int, BlockPart] = {}  #: By place in the graph.
        self.kinds: dict[Name, str] = {}  #: Of what is made.
        self.behind: set[Name] = set()  #: What is made elsewhere of what is made here.
        others = given.parts.keys() if given else ()
        for place in range(min(others, default=start), len(graph)):
            if place not in others:
                self.add(place, graph.equations[place], place == start)

    def add(self, place: int, e: Equation, first: bool) -> None:
        """Take an equation in, or note that it waits for the region."""
        part = self.part_of(e, first)
        late = not self.behind.isdisjoint(e.inputs)
        own = not self.kinds.keys().isdisjoint(e.inputs)
        shared = set(self.graph.equations[self.start].inputs) & set(e.inputs)
        if part and not late and (first or own or any(map(self.kind, e.inputs)) and shared):
            self.parts[place] = part
            self.kinds[e.out] = part.result
        elif late or own:
            self.behind.update(e.outs)

    def kind(self, value: Any) -> str:
        """Of what is made here, or once more."""
        if type(value) is not Name:
            return ""
        if value in self.kinds or self.given is None:
            return self.kinds.get(value, "")
        again = self.given.kinds.get(value, "")
        return again if again in ("square", "turned") else ""

    def part_of(self, e: Equation, first: bool) -> BlockPart | None:
        """What an equation is to the region; None if it is no part of it."""
        if type(e.out) is not Name or not e.args:
            return None
        kinds = [self.kind(a) for a in e.args]
        if e.primitive is primitives[np.matmul]:
            return self.product(e, kinds, first)
        if kinds[0] == "square" and last_two_swapped(e):
            return BlockPart(e, "turn", ("square",), "turned")
        if e.primitive is primitives[reshape] and kinds[0] in ("square", "flat", "line"):
            to = {"square": (math.prod(self.shape[:-1]), self.shape[-1])}.get(kinds[0], (*self.shape[:-1], 1))
            fits = kinds[0] != "flat" and e.out.shape == to
            return BlockPart(e, "same", (kinds[0],), "flat" if kinds[0] == "square" else "column") if fits else None
        if e.primitive.elementwise and e.primitive.into and square(e.out, self.shape):
            whole = any(not k and square(a, self.shape) for a, k in zip(e.args, kinds))
            fits = "square" in kinds and {"square", "column", ""} >= set(kinds) and not whole
            return BlockPart(e, "map", tuple([k or "other" for k in kinds]), "square") if fits else None
        fun, axis = e.primitive.fun, e.params.get("axis")
        last = axis in (-1, (-1,), len(self.shape) - 1, (len(self.shape) - 1,))
        if fun in (np.max, np.sum) and kinds[0] == "square" and last and e.params.get("keepdims"):
            return BlockPart(e, "reduce", ("square",), "column")
        return None

    def product(self, e: Equation, kinds: list[str], first: bool) -> BlockPart | None:
        """What a product is to the region."""
        x, y = (np.shape(outline(a)) for a in e.args)
        if kinds[0] in ("flat", "square") and not kinds[1] and len(y) == 1:
            return BlockPart(e, "reduce", (kinds[0], "whole"), "line")
        if x[:-2] != self.shape[:-2] or y[:-2] != self.shape[:-2]:
            return None
        if kinds == ["", ""] and first and e.out.shape == self.shape:
            return BlockPart(e, "scores", ("query", "key"), "square")
        if kinds == ["square", ""]:
            return BlockPart(e, "mix", ("square", "key"), "query")
        if kinds == ["", "square"]:
            return BlockPart(e, "gather", ("across", "square"), "sum")
        return BlockPart(e, "gather", ("turned", "query"), "sum") if kinds == ["turned", ""] else None


# book/speed/blocks.md: The same weights once more
INNER = ("square", "turned", "flat", "line")  #: Kinds that exist in a block only.


@dataclass(frozen=True, eq=False, repr=False)
class BlockGroup:
    """A loop over blocks of queries.

    Attributes
    ----------
    shape : tuple of int
        Of all scores.
    parts : tuple of BlockPart
        What is done in a block.
    inputs, outs : tuple of Name
        What is read from outside, and what is read there.
    slots : dict
        For each square that is computed in a block the number of the array for it.
    """

    shape: tuple[int, ...]
    parts: tuple[BlockPart, ...]
    inputs: tuple[Name, ...]
    outs: tuple[Name, ...]
    slots: dict[Name, int]

    def __repr__(self) -> str:
        return f"<{len(self.parts)} equations by {self.step} of {self.shape[-2]} queries>"

    @property
    def step(self) -> int:
        """Queries of a block."""
        return max(1, min(self.shape[-2], 4 * TILE // (self.shape[-1] * 4)))

    def places(self) -> Iterator[tuple[tuple[int, ...], slice]]:
        """Head and rows of each block."""
        for head in np.ndindex(*self.shape[:-2]):
            for i in range(0, self.shape[-2], self.step):
                yield head, slice(i, min(i + self.step, self.shape[-2]))


def recipe(region: Region, wanted: list[Name]) -> list[BlockPart]:
    """The parts that make some scores of a region from what it has read and from columns."""
    found, needed = [], set(wanted)
    for part in reversed(list(region.parts.values())):
        if part.equation.out in needed and part.result != "column":
            found.append(part)
            needed.update(part.equation.inputs)
    return found[::-1]


# book/speed/blocks.md: The same weights once more
def blocks_of(region: Region, outside: set[Name]) -> BlockGroup:
    """The loop of a region, with what it needs of another one made once more."""
    own = list(region.parts.values())
    if region.given:
        needed = [a for p in own for a in p.equation.inputs if region.given.kinds.get(a) in INNER]
        own = [*recipe(region.given, needed), *own]
    made = {p.equation.out for p in own}
    inputs = dict.fromkeys(a for p in own for a in p.equation.inputs if a not in made)
    outs = tuple([p.equation.out for p in own if p.equation.out in outside and p.result not in INNER])
    return BlockGroup(region.shape, tuple(own), tuple(inputs), outs, slots_of(own))


def slots_of(parts: list[BlockPart]) -> dict[Name, int]:
    """Arrays for the squares of a block: a universal function writes over an argument that
    nobody reads later."""
    root: dict[Name, Name] = {}
    for p in parts:
        if p.role in ("turn", "same"):
            root[p.equation.out] = root.get(p.equation.args[0], p.equation.args[0])
    last = {root.get(a, a): k for k, p in enumerate(parts) for a in p.equation.inputs}
    slots: dict[Name, int] = {}
    for k, p in enumerate(parts):
        if p.role in ("scores", "map"):
            name, fun = p.equation.out, p.equation.primitive.fun
            over = isinstance(fun, np.ufunc) and p.role == "map"
            busy = {slots[a] for a in slots if last.get(a, -1) >= k + over}
            slots[name] = next(n for n in range(len(parts)) if n not in busy)
    return slots


# book/speed/blocks.md: Block by block
def look(kind: str, array: Any, shape: tuple[int, ...], head: tuple[int, ...], rows: slice) -> Any:
    """The part of an array from outside that belongs to a block."""
    if kind == "other":
        if np.ndim(array) == 0:
            return array
        array = np.broadcast_to(array, shape[:-1] + np.shape(array)[-1:])
    if kind in ("whole", "across"):
        return array if kind == "whole" else array[head][:, rows]
    return array[head] if kind in ("key", "sum") else array[head][rows]


def run_part(part: BlockPart, args: list[Any], out: Any, first: bool) -> Any:
    """What a part makes of its arguments in a block; into an array, if there is one."""
    e = part.equation
    if part.role == "turn":
        return args[0].T
    if part.role == "same":
        return args[0]
    if part.role == "gather":
        return np.matmul(args[0], args[1], out=out) if first else np.add(out, args[0] @ args[1], out=out)
    if part.role == "reduce" and e.primitive is primitives[np.matmul]:
        return np.dot(args[0], np.reshape(args[1], (-1, 1)))
    if part.role in ("scores", "map"):
        e.primitive.into(*args, **e.params, out=out)  # type: ignore[misc]
        return out
    return e.primitive.fun(*args, **e.params)


def run_blocks(*arrays: Any, blocks: BlockGroup, out: Any = None) -> tuple[Any, ...]:
    """Carry out a loop over blocks of queries."""
    if out is None:
        out = tuple([np.empty(name.shape, name.dtype) for name in blocks.outs])
    known: dict[Any, Any] = dict(zip((*blocks.inputs, *blocks.outs), (*arrays, *out), strict=True))
    count = max(blocks.slots.values()) + 1
    widest = max(name.dtype.itemsize for name in blocks.slots)
    size = blocks.step * blocks.shape[-1] * widest
    rooms = [np.empty(size, np.uint8) for _ in range(count)]
    for head, rows in blocks.places():
        here: dict[Any, Any] = {}
        for part in blocks.parts:
            e, room = part.equation, None
            args = [
                here[a] if type(a) is Name and a in here
                else look(kind, known.get(a, a) if type(a) is Name else a, blocks.shape, head, rows)
                for a, kind in zip(e.args, part.kinds)
            ]
            if part.role == "gather":
                room = known[e.out][head]
            elif e.out in blocks.slots:
                room = room_for(rooms[blocks.slots[e.out]], e.out, rows)
            found = here[e.out] = run_part(part, args, room, rows.start == 0)
            if e.out in known and part.role != "gather":
                look(part.result, known[e.out], blocks.shape, head, rows)[...] = found
    return out


def room_for(memory: Any, name: Name, rows: slice) -> Any:
    """An array for the scores of a block."""
    count, width = rows.stop - rows.start, name.shape[-1]
    return memory[: count * width * name.dtype.itemsize].view(name.dtype).reshape(count, width)


blocked = Primitive(run_blocks, "*arrays", flat=True, into=run_blocks)


# book/speed/blocks.md: Found in a graph
def scores_in(graph: Graph, least: int) -> Iterator[int]:
    """Places of products that may make scores: larger than what they are made of."""
    for place, e in enumerate(graph.equations):
        if e.primitive is primitives[np.matmul] and len(e.out.shape) > 1:
            small = max(name.nbytes for name in e.inputs)
            if e.out.nbytes >= max(least, 1) and e.out.nbytes > small:
                yield place


def attention_at(graph: Graph, place: int) -> list[Region]:
    """The regions of an attention that begins at a place, forward and back; none if somebody
    else reads scores or weights."""
    shape = graph.equations[place].out.shape
    ahead = Region(graph, shape, place)
    found = [ahead]
    for later, e in enumerate(graph.equations):
        known = any(later in region.parts for region in found)
        if e.primitive is primitives[np.matmul] and square(e.out, shape) and not known and later > place:
            region = Region(graph, shape, later, ahead)
            if any(ahead.kinds.get(a) in INNER for p in region.parts.values() for a in p.equation.inputs):
                found.append(region)
    mixed = any(p.role == "mix" for p in ahead.parts.values())
    return found if mixed and closed(graph, found) else []


def closed(graph: Graph, found: list[Region]) -> bool:
    """Whether scores and weights are read in regions only."""
    inside = {place for region in found for place in region.parts}
    hidden = {name for region in found for name, kind in region.kinds.items() if kind in INNER}
    read = [e.inputs for k, e in enumerate(graph.equations) if k not in inside]
    whole = [a for region in found for p in region.parts.values() for a in p.equation.inputs]
    apart = [a for a in whole if square(a, found[0].shape) and a not in hidden]
    made = {name for e in graph.equations for name in e.outs}
    return made.isdisjoint(apart) and hidden.isdisjoint(
        names_in([read, graph.outputs, [g.name for g in graph.guards]])
    )


# book/speed/blocks.md: Found in a graph
#: Bytes of scores from which they are thought not to fit beside the rest.
SCORES = 1 << 28


def block_attention(graph: Graph, least: int | None = None) -> Graph:
    """The graph with loops over blocks in the place of each attention whose scores have at
    least so many bytes."""
    least = SCORES if least is None else least
    regions: list[Region] = []
    taken: set[int] = set()
    for place in scores_in(graph, least):
        found = attention_at(graph, place) if place not in taken else []
        places = {k for region in found for k in region.parts}
        if taken.isdisjoint(places):
            taken |= places
            regions += found
    if not regions:
        return graph
    heads = {min(region.parts): region for region in regions}
    equations: list[Equation] = []
    for group in contracted(graph, [sorted(region.parts) for region in regions]):
        region = heads.get(group[0])
        es = [graph.equations[k] for k in group]
        equations += [one_of(graph, region, regions)] if region else es
    return replace(graph, equations=tuple(equations))


def one_of(graph: Graph, region: Region, regions: list[Region]) -> Equation:
    """One equation in the place of a region."""
    again = [p.equation for r in regions if r.given is region for p in blocks_of(r, set()).parts]
    others = [e for k, e in enumerate(graph.equations) if k not in region.parts]
    read = [e.inputs for e in (*others, *again)]
    outside = set(names_in([read, graph.outputs, [g.name for g in graph.guards]]))
    blocks = blocks_of(region, outside)
    first = blocks.parts[-1].equation
    return replace(
        first, primitive=blocked, args=blocks.inputs, params={"blocks": blocks}, out=blocks.outs
    )
