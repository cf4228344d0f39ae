"""Rows.

A group of equations goes over the rows of its arrays together, a tile of rows
at a time.

::

    import numpy as np
    from autograd_book.speed.capture import capture
    from autograd_book.speed.rows import member_of

    v = np.ones((4, 3))
    for e in capture(lambda x: np.sum(np.tanh(x) * x[:1], axis=0), v).equations:
        print(e.primitive.name, member_of(e) and member_of(e)[1:4])
"""
# Generated from book/speed/rows.md by autograd-book extract; edit the chapter, not this file.
# sha256: f863033a7bff96aec9ca619a904eb388563d7263baecd2a196e5939c09a142c9

__all__ = [
    "table_of",
    "kind_of",
    "Member",
    "REDUCTIONS",
    "START",
    "as_map",
    "as_alias",
    "as_product",
    "as_reduction",
    "member_of",
    "Group",
    "TILE",
    "Operand",
    "Call",
    "seen_as",
    "Loop",
    "bulky",
    "Tiles",
    "run_apart",
    "ready",
    "run_tiles",
    "fill_with",
    "fused",
]


# book/speed/rows.md: How an operand lies beside the rows
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from autograd_book.graph.primitive import Primitive, primitives
from autograd_book.memory.pool import plan_arena
from autograd_book.rules.shapes import reshape
from autograd_book.speed.equations import Equation, Name, names_in
from autograd_book.speed.passes import number_in, outline


# book/speed/rows.md: How an operand lies beside the rows
def table_of(shape: tuple[int, ...]) -> tuple[int, int]:
    """Rows and their width: the last axis is a row, and all axes before it count them."""
    return (shape[0], 1) if len(shape) == 1 else (math.prod(shape[:-1]), shape[-1])


def kind_of(value: Any, shape: tuple[int, ...]) -> str:
    """How an operand lies beside the rows of a table: as a "tile" of them, a "column" with
    one number for each, a "row" that is the same for all, or a "number"; "" if it does
    otherwise."""
    own = np.shape(outline(value))
    if own == () or number_in(value) is not None:
        return "number"
    own = (1,) * (len(shape) - len(own)) + own
    if own == shape:
        return "tile" if table_of(shape)[1] > 1 else "column"
    if len(shape) > 1 and own == (*shape[:-1], 1):
        return "column"
    return "row" if math.prod(own[:-1]) == 1 else ""


# book/speed/rows.md: What a function does with rows
class Member(NamedTuple):
    """An equation as a part of a loop over rows."""

    equation: Equation
    role: str  #: "map", "alias", "reduce" (each row), "columns" (over the rows) or "total".
    result: str  #: Kind of the result.
    args: tuple[str, ...]  #: Kinds of the arguments.
    ufunc: Any = None  #: What reduces.
    weights: Any = None  #: By what is multiplied before it is summed.
    scale: float = 1.0  #: By what is multiplied at the end.

    @property
    def source(self) -> Any:
        """What it goes over: the argument that is reduced or renamed, or the result of a map."""
        args = self.equation.args
        if self.role == "map":
            return self.equation.out
        return args[-1] if self.role == "columns" and self.weights is not None else args[0]

    @property
    def space(self) -> tuple[int, int]:
        """Rows and width of what it goes over."""
        return table_of(self.source.shape)


#: What is reduced by which universal function, and from where it starts.
REDUCTIONS = {
    np.sum: (np.add, 0), np.mean: (np.add, 0), np.max: (np.maximum, -np.inf),
    np.min: (np.minimum, np.inf), np.all: (np.logical_and, True), np.any: (np.logical_or, False),
}  # fmt: skip
START = dict(REDUCTIONS.values())  #: By universal function.


# book/speed/rows.md: What a function does with rows
def as_map(e: Equation) -> Member | None:
    """An elementwise function of operands that all lie beside the rows."""
    elementwise = e.primitive.elementwise or e.primitive is primitives[np.copy]
    if not elementwise or not e.primitive.into or not e.out.shape or 0 in e.out.shape:
        return None
    if names_in(list(e.params.values())) or e.out.dtype == object:
        return None
    kinds = tuple([kind_of(a, e.out.shape) for a in e.args])
    whole = "tile" if table_of(e.out.shape)[1] > 1 else "column"
    own = any(type(a) is Name and k in ("tile", "column") for a, k in zip(e.args, kinds))
    return Member(e, "map", whole, kinds) if all(kinds) and own else None


def as_alias(e: Equation) -> Member | None:
    """A reshape that leaves rows as they are."""
    if e.primitive is not primitives[reshape] or e.params.get("order", "C") != "C":
        return None
    x = e.args[0]
    if type(x) is not Name or not x.shape or not e.out.shape:
        return None
    if table_of(x.shape) != table_of(e.out.shape):
        return None
    kind = "tile" if table_of(x.shape)[1] > 1 else "column"
    return Member(e, "alias", kind, (kind,))


# book/speed/rows.md: What a function does with rows
def as_product(e: Equation) -> Member | None:
    """A product with a vector, which sums up what it is multiplied by."""
    if e.primitive is not primitives[np.matmul] or e.out.dtype.kind != "f":
        return None
    x, y = map(outline, e.args)
    shapes = len(x.shape), len(y.shape)
    matrix = e.args[shapes == (1, 2)]
    if sorted(shapes) != [1, 2] or type(matrix) is not Name or matrix.shape[1] < 2:
        return None
    if any(getattr(a, "dtype", None) != e.out.dtype for a in e.args):
        return None
    if shapes == (2, 1):
        return Member(e, "reduce", "column", ("tile", "row"), np.add, e.args[1])
    return Member(e, "columns", "row", ("column", "tile"), np.add, e.args[0])


def as_reduction(e: Equation) -> Member | None:
    """A reduction of each row, over all rows, or of everything."""
    x = e.args[0]
    ufunc, start = REDUCTIONS.get(e.primitive.fun, (None, None))
    if ufunc is None or type(x) is not Name or not x.shape or 0 in x.shape:
        return None
    logical = start is True or start is False
    if not logical and (x.dtype != e.out.dtype or x.dtype.kind != "f" or x.dtype.itemsize < 4):
        return None
    if e.params.keys() - {"axis", "keepdims", "initial"} or e.params.get("initial", start) != start:
        return None
    n, axis = len(x.shape), e.params.get("axis")
    axes = {int(a) % n for a in (range(n) if axis is None else np.atleast_1d(axis))}
    kind = "tile" if table_of(x.shape)[1] > 1 else "column"
    if len(axes) == n and not e.out.shape:
        role, result = "total", "number"
    elif axes == {n - 1} and kind == "tile":
        role, result = "reduce", "column"
    elif axes == set(range(n - 1)) and n > 1:
        role, result = "columns", "row"
    else:
        return None
    count = math.prod(x.shape[a] for a in axes) if e.primitive.fun is np.mean else 1
    return Member(e, role, result, (kind,), ufunc, None, 1 / count)


# book/speed/rows.md: What a function does with rows
def member_of(e: Equation, exact: bool = False) -> Member | None:
    """An equation as a part of a loop over rows; None if it can be none."""
    if type(e.out) is not Name or not e.args:
        return None
    ways = (as_map, as_alias) if exact else (as_map, as_alias, as_product, as_reduction)
    return next((found for way in ways if (found := way(e))), None)


# book/speed/rows.md: A group
@dataclass(frozen=True, eq=False, repr=False)
class Group:
    """Equations that go over the rows of their arrays together."""

    rows: int
    width: int
    members: tuple[Member, ...]
    inputs: tuple[Name, ...]  #: What is read from outside.
    outs: tuple[Name, ...]  #: What is read outside, and what is known only behind the last row.
    tiles: Name  #: Stands for its tiles.

    def __repr__(self) -> str:
        return f"<{len(self.members)} equations over {self.rows} rows of {self.width}>"

    @property
    def equations(self) -> tuple[Equation, ...]:
        """Of its members."""
        return tuple([m.equation for m in self.members])

    @property
    def inner(self) -> list[Name]:
        """What is needed row by row only."""
        return [m.equation.out for m in self.members if m.equation.out not in self.outs]

    def space(self, member: Member) -> str:
        """What a member goes over: a "tile" or a "column"."""
        return "tile" if member.space[1] > 1 else "column"

    def phases(self) -> list[list[Member]]:
        """Members in parts that can go over a row together: what a part has reduced is read
        by later ones."""
        found: list[list[Member]] = []
        at: dict[Name, int] = {}
        for m in self.members:
            first = max([at.get(name, 0) for name in m.equation.inputs], default=0)
            first = max([first, len(found) - 1])
            found += [[] for _ in range(first + 1 - len(found))]
            found[first].append(m)
            at[m.equation.out] = first + (m.role == "reduce")
        return found

    def may_overwrite(self, out: Name, name: Name) -> bool:
        """Whether a result may be written over something that is read from outside."""
        places = [m.equation.out for m in self.members]
        at = places.index(out)
        for k, m in enumerate(self.members):
            for a, kind in zip(m.equation.args, m.args):
                whole = kind == self.members[at].result and isinstance(m.equation.primitive.fun, np.ufunc)
                if a is name and not (k < at and kind == self.members[at].result or k == at and whole):
                    return False
        return self.members[at].role == "map"


# book/speed/rows.md: Tile by tile
TILE = 1 << 17  #: Bytes of a result in a tile.


@dataclass(frozen=True, eq=False)
class Operand:
    """A value as a call in a loop takes it."""

    value: Any  #: A name or a constant.
    kind: str  #: As of a member's argument; "across" for a column that lies across.

    @property
    def key(self) -> tuple[Any, str]:
        """The same for the same."""
        return self.value if type(self.value) is Name else id(self.value), self.kind

    def __eq__(self, other: Any) -> bool:
        return type(other) is Operand and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    @property
    def cut(self) -> bool:
        """Whether each tile has a part of it."""
        return self.kind in ("tile", "column", "across")


class Call(NamedTuple):
    """What is called for each tile."""

    fun: Any
    args: tuple[Operand, ...]
    params: dict[str, Any]
    out: Operand
    member: Member


# book/speed/rows.md: Tile by tile
def seen_as(kind: str, array: Any, rows: int) -> Any:
    """An operand as its calls take it: a whole table, row or number."""
    if kind == "number":
        return array.flat[:1] if isinstance(array, np.ndarray) and array.ndim else array
    shapes = {"column": (rows, 1), "across": (1, rows), "upright": (-1, 1), "row": (-1,), "sum": (1, -1)}
    return np.reshape(array, shapes.get(kind, (rows, -1)))


# book/speed/rows.md: Tile by tile
class Loop:
    """How a group goes over its tiles.

    Parameters
    ----------
    group : Group
        What goes.
    tile : int, optional
        Bytes of a result in a tile.
    """

    def __init__(self, group: Group, tile: int | None = None) -> None:
        self.group = group
        self.root: dict[Name, Name] = {}  #: From another name of a value to its first.
        self.kinds: dict[Name, str] = {}  #: Of what is made.
        widest = max(m.equation.out.dtype.itemsize for m in group.members)
        step = max(1, min(group.rows, (tile or TILE) // (group.width * widest)))
        self.step = -(-group.rows // -(-group.rows // step))  #: Rows of a tile; all alike.
        self.calls = [call for m in group.members for call in self.calls_of(m)]
        self.offset: dict[Operand, int] = {}  #: Of a result in the workspace.
        self.workspace = 0  #: Bytes for results that are needed in a tile only.
        self.sums = [m for m in group.members if m.role in ("columns", "total")]
        self.place()

    def operand(self, value: Any, kind: str) -> Operand:
        """An argument by its first name; a constant as its calls take it."""
        if type(value) is Name:
            return Operand(self.root.get(value, value), kind)
        plain = kind in ("number", "row", "upright")
        return Operand(seen_as(kind, value, self.group.rows) if plain else value, kind)

    def calls_of(self, m: Member) -> Iterator[Call]:
        """What is called for a member."""
        e, out = m.equation, Operand(m.equation.out, m.result)
        args = [self.operand(a, kind) for a, kind in zip(e.args, m.args)]
        if m.role == "alias":
            self.root[e.out] = args[0].value
            return
        self.kinds[e.out] = m.result
        if m.role == "map":
            yield Call(e.primitive.into, tuple(args), e.params, out, m)
        elif m.weights is not None:
            yield from self.product(m, out)
        elif m.role == "reduce":
            yield Call(m.ufunc.reduce, (args[0],), {"axis": 1, "keepdims": True}, out, m)
            if m.scale != 1:
                yield Call(np.multiply, (out, Operand(m.scale, "number")), {}, out, m)
        elif m.role == "columns":
            part, out = Operand(e.out, "part"), Operand(e.out, "sum")
            yield Call(m.ufunc.reduce, (args[0],), {"axis": 0, "keepdims": True}, part, m)
            yield Call(m.ufunc, (out, part), {}, out, m)
        else:
            yield Call(m.ufunc.reduce, (args[0],), {"axis": None}, out, m)

    def product(self, m: Member, out: Operand) -> Iterator[Call]:
        """What is called for a product with weights."""
        source = self.operand(m.source, "tile")
        if m.role == "reduce":
            yield Call(np.dot, (source, self.operand(m.weights, "upright")), {}, out, m)
            return
        part, out = Operand(m.equation.out, "part"), Operand(m.equation.out, "sum")
        yield Call(np.dot, (self.operand(m.weights, "across"), source), {}, part, m)
        yield Call(m.ufunc, (out, part), {}, out, m)

    def operands(self) -> list[Operand]:
        """All that its calls take, each once."""
        return list(dict.fromkeys(o for c in self.calls for o in (*c.args, c.out)))

    def parts(self, held: Any) -> tuple[list[Operand], list[Operand]]:
        """What a tile has a part or a look of its own of: arrays that are given in each call,
        and those that are held."""
        own = [o for o in self.operands() if o.cut or o.kind in ("part", "sum") or bulky(o)]
        names = [o for o in own if type(o.value) is Name and o.value not in self.kinds]
        given = [o for o in names if o.value not in held]
        return given, [o for o in own if o not in given]

    def bytes_of(self, o: Operand) -> int:
        """Of what lies in the workspace."""
        rows = 1 if o.kind == "part" else self.step
        width = 1 if o.kind == "column" else self.group.width
        return -(-rows * width * int(o.value.dtype.itemsize) // 64) * 64

    def place(self) -> None:
        """Give results that are needed in a tile only their places."""
        last = {a.value: k for k, c in enumerate(self.calls) for a in (*c.args, c.out) if type(a.value) is Name}
        spans: dict[Operand, tuple[int, int]] = {}
        taken: dict[Operand, Operand] = {}
        for k, c in enumerate(self.calls):
            if c.out.kind == "part":
                spans.setdefault(c.out, (k, k + 2))
            elif c.out.value not in self.group.outs and c.out not in taken:
                old = next((a for a in c.args if self.dies(a, k, last, c)), None)
                slot = taken[c.out] = taken.get(old, old) if old else c.out
                spans[slot] = (spans.get(slot, (k, k))[0], last[c.out.value] + 1)
        sizes = {slot: self.bytes_of(slot) for slot in spans}
        offsets, self.workspace = plan_arena([(*spans[slot], sizes[slot]) for slot in spans])
        found = dict(zip(spans, offsets))
        self.offset = {o: found[slot] for o, slot in taken.items()} | found

    def dies(self, a: Operand, k: int, last: dict[Name, int], c: Call) -> bool:
        """Whether a result may take the place of an argument."""
        inner = type(a.value) is Name and a.value in self.kinds and a.value not in self.group.outs
        ufunc = isinstance(c.fun, np.ufunc) and c.member.role == "map"
        alike = a.kind == c.out.kind and a.value.dtype == c.out.value.dtype if inner else False
        return ufunc and alike and last[a.value] == k


# book/speed/rows.md: Tile by tile
def bulky(o: Operand) -> bool:
    """Whether an array that is the same for all tiles has to be looked at as another one."""
    loose = o.kind == "upright" or o.kind == "row" and len(np.shape(outline(o.value))) > 2
    return loose and type(o.value) is Name


class Tiles:
    """The parts of arrays that a loop works on, tile by tile.

    Parameters
    ----------
    loop : Loop
        Whose they are.
    arrays : dict
        Arrays by name; those that are missing are given in each call.
    memory : ndarray
        Bytes of the workspace.
    """

    def __init__(self, loop: Loop, arrays: dict[Name, Any], memory: Any) -> None:
        self.loop, self.memory = loop, memory
        rows, step = loop.group.rows, loop.step
        self.cuts = [slice(i, min(i + step, rows)) for i in range(0, rows, step)]
        self.given, self.held = loop.parts(arrays)
        self.fixed = [self.parts(o, arrays) for o in self.held]

    def scratch(self, o: Operand) -> Operand | None:
        """The result in the workspace that an operand is, or is another look at."""
        own = Operand(o.value, "column") if o.kind == "across" else o
        return own if own in self.loop.offset else None

    def parts(self, o: Operand, arrays: dict[Name, Any]) -> list[Any]:
        """Of an operand, one for each tile."""
        own = self.scratch(o)
        if own is None:
            array = arrays[o.value] if type(o.value) is Name else o.value
            return self.cut(o, seen_as(o.kind, np.asarray(array), self.loop.group.rows))
        at, dtype = self.loop.offset[own], own.value.dtype
        width = 1 if own.kind == "column" else self.loop.group.width
        height = 1 if own.kind == "part" else self.loop.step
        flat = self.memory[at:at + height * width * dtype.itemsize].view(dtype)
        if own.kind == "part":
            return [flat.reshape(1, width) for _ in self.cuts]
        heights = [c.stop - c.start for c in self.cuts]
        shape = (1, -1) if o.kind == "across" else (-1, width)
        return [flat[: n * width].reshape(shape) for n in heights]

    def cut(self, o: Operand, table: Any) -> list[Any]:
        """A table in tiles; what is the same for all tiles for each of them."""
        if not o.cut:
            return [table for _ in self.cuts]
        return [table[:, c] if o.kind == "across" else table[c] for c in self.cuts]

    def __call__(self, *arrays: Any) -> Iterator[tuple[Any, ...]]:
        """Tile by tile what the calls of the loop take: of given arrays, then of those held."""
        rows = self.loop.group.rows
        found = [self.cut(o, seen_as(o.kind, a, rows)) for o, a in zip(self.given, arrays, strict=True)]
        return zip(*found, *self.fixed)


# book/speed/rows.md: A primitive of its own
def run_apart(*arrays: Any, group: Group) -> tuple[Any, ...]:
    """The results of a group, with its equations carried out one after the other."""
    known: dict[Any, Any] = dict(zip(group.inputs, arrays, strict=True))
    for e in group.equations:
        args = [known[a] if type(a) is Name else a for a in e.args]
        known[e.out] = e.primitive.fun(*args, **e.params)
    return tuple([known[name] for name in group.outs])


# book/speed/rows.md: A primitive of its own
def ready(arrays: Any, group: Group, out: Any, tile: int | None = None) -> Callable[[], list[Any]]:
    """A function that carries out a group tile by tile, into arrays; it gives them, and the
    numbers that have none."""
    loop = Loop(group, tile)
    known = dict(zip(group.inputs, arrays, strict=True))
    for name, array in zip(group.outs, out, strict=True):
        known[name] = name.dtype.type(0) if array is None else array
    tiles = Tiles(loop, known, np.empty(loop.workspace, np.uint8))
    values = {
        o: seen_as(o.kind, known[o.value] if type(o.value) is Name else o.value, group.rows)
        for o in loop.operands() if o not in tiles.held
    }

    def carry_out() -> list[Any]:
        for m in loop.sums:
            known[m.equation.out] = fill_with(known[m.equation.out], START[m.ufunc])
        for parts in tiles():
            values.update(zip(tiles.held, parts, strict=True))
            for c in loop.calls:
                args = [values[o] for o in c.args]
                if c.member.role == "total":
                    known[c.out.value] = c.member.ufunc(known[c.out.value], c.fun(*args, **c.params))
                else:
                    c.fun(*args, **c.params, out=values[c.out])
        for m in loop.sums:
            if m.scale != 1:
                known[m.equation.out] *= m.equation.out.dtype.type(m.scale)
        return [known[name] for name in group.outs]

    return carry_out


def run_tiles(*arrays: Any, group: Group, out: Any) -> list[Any]:
    """Carry out a group tile by tile, into arrays."""
    return ready(arrays, group, out)()


def fill_with(there: Any, start: Any) -> Any:
    """An array full of a number, or that number if there is no array."""
    if isinstance(there, np.ndarray):
        there[...] = start
        return there
    return np.asarray(there).dtype.type(start)


fused = Primitive(run_apart, "*arrays", flat=True, into=run_tiles)
