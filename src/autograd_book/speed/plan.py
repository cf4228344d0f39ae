"""Plan.

A plan says of each value where it lies: in the array of a parameter, in a
block of memory that all share, or as a view of something else.

::

    import numpy as np
    from autograd_book.speed.capture import capture
    from autograd_book.speed.plan import plan_of

    v = np.ones((100, 100))
    plan = plan_of(capture(lambda x: np.sum(np.tanh(np.exp(x) + 1.0)), v), v)
    print(plan.kinds)
    print(plan.size, "bytes, and", plan.bound, "are needed at once")
"""
# Generated from book/speed/plan.md by autograd-book extract; edit the chapter, not this file.
# sha256: d966cdf1fdbfe9a78b2aaf7a094f808f90f55f8110edba4dee2d70725ddd7b1f

__all__ = [
    "LOOPS",
    "MemoryPlan",
    "states_of",
    "is_view",
    "fits_buffer",
    "copies",
    "axes_order",
    "laid_out",
    "unread",
    "sketch",
    "own",
    "last_use",
    "in_place",
    "overlaps",
    "last_doubt",
    "write_updates",
    "results",
    "share_memory",
    "place",
    "equations_of",
    "groups_of",
    "plan_of",
    "arena_of",
    "link",
    "freed",
    "fill",
    "run",
]


# book/speed/plan.md: Four kinds of values
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autograd_book.graph.interpreter import STRONG_SCALARS
from autograd_book.graph.primitive import primitives
from autograd_book.graph.stack import bedrock
from autograd_book.memory.pool import plan_arena
from autograd_book.modes.trees import leaves, tree_map
from autograd_book.rules.shapes import reshape
from autograd_book.speed.blocks import blocked
from autograd_book.speed.equations import Equation, Graph, Name, carry_out, names_in
from autograd_book.speed.lifetimes import cells_in, last_guard
from autograd_book.speed.rows import Loop, Tiles, fused


# book/speed/plan.md: Four kinds of values
LOOPS = (fused, blocked)  #: What stands for several equations, and has several results.


@dataclass
class MemoryPlan:
    """Where each value of a graph lies.

    Attributes
    ----------
    kinds : dict
        For each name "state", "buffer", "view" or "local".
    owner : dict
        For each state, buffer and view the name in whose memory it lies.
    order : dict
        For each buffer its axes, from the longest stride to the shortest.
    written : dict
        For each result that is written over the old value of a cell the name of that value.
    offset : dict
        For each name that owns memory of the arena where it begins.
    workspace : dict
        For the tiles of each group of equations where their own memory begins.
    rowwise : set
        States that a group goes over row by row.
    """

    graph: Graph
    kinds: dict[Name, str] = field(default_factory=dict)
    owner: dict[Name, Name] = field(default_factory=dict)
    order: dict[Name, tuple[int, ...]] = field(default_factory=dict)
    written: dict[Name, Name] = field(default_factory=dict)
    offset: dict[Name, int] = field(default_factory=dict)
    workspace: dict[Name, int] = field(default_factory=dict)
    rowwise: set[Name] = field(default_factory=set)
    size: int = 0  #: Bytes of the arena.
    bound: int = 0  #: The largest sum of bytes that are needed at once.

    def kind(self, value: Any) -> str:
        """Of a name; "" for a constant."""
        return self.kinds.get(value, "local") if type(value) in (Name, tuple) else ""


# book/speed/plan.md: Four kinds of values
def states_of(graph: Graph) -> list[Name]:
    """The names of cells that hold arrays."""
    cells = graph.inputs[len(graph.inputs) - len(graph.cells):]
    return [name for name in cells if name.shape and name.dtype != object]


# book/speed/plan.md: What is a view of what
def is_view(plan: MemoryPlan, e: Equation) -> bool:
    """Whether the result of an equation may be a view of memory that stays where it is."""
    fixed = e.primitive.view and not names_in(list(e.params.values()))
    named = fixed and type(e.args[0]) is Name
    return named and e.args[0] in plan.owner and bool(e.out.shape)


def fits_buffer(plan: MemoryPlan, e: Equation) -> bool:
    """Whether the result of an equation can be written into memory that is there."""
    if type(e.out) is not Name or not e.out.shape or e.out.dtype == object:
        return False
    return copies(e) and e.args[0] in plan.owner or e.primitive.into is not None


# book/speed/plan.md: What is a view of what
def copies(e: Equation) -> bool:
    """Whether an equation puts the elements of an array in a row that lie elsewhere."""
    return e.primitive is primitives[reshape] and e.params.get("order", "C") == "C"


# book/speed/plan.md: What is a view of what
def axes_order(value: Any) -> tuple[int, ...]:
    """The axes of an array from the longest stride to the shortest."""
    return tuple(np.argsort(np.negative(np.abs(value.strides)), kind="stable").tolist())


def laid_out(memory: Any, name: Name, order: tuple[int, ...]) -> Any:
    """An array for a name in some bytes, with its axes in an order."""
    flat = memory[: name.nbytes].view(name.dtype)
    return flat.reshape([name.shape[k] for k in order]).transpose(np.argsort(order))


# book/speed/plan.md: What is a view of what
def unread(graph: Graph) -> Iterator[list[Name]]:
    """For each equation the names that nobody reads behind it."""
    last = {name: i for i, e in enumerate(graph.equations) for name in [*e.outs, *e.inputs]}
    here: dict[int, list[Name]] = {}
    for name, i in last.items():
        here.setdefault(i, []).append(name)
    return (here.get(i, []) for i in range(len(graph)))


# book/speed/plan.md: What is a view of what
def sketch(plan: MemoryPlan, inputs: Any) -> None:
    """Find out in one run what is a view of what, and how NumPy lays its results out."""
    known: dict[Name, Any] = dict(zip(plan.graph.inputs, map(own, inputs), strict=True))
    for name in states_of(plan.graph):
        plan.kinds[name], plan.owner[name] = "state", name

    def value(leaf: Any) -> Any:
        return known[leaf] if type(leaf) is Name else leaf

    for e, dead in zip(plan.graph.equations, unread(plan.graph), strict=True):
        params = {k: tree_map(value, v) for k, v in e.params.items()}
        out = carry_out(e.primitive, list(map(value, e.args)), params, bedrock)
        if is_view(plan, e) and np.may_share_memory(out, known[e.args[0]]):
            plan.kinds[e.out], plan.owner[e.out] = "view", plan.owner[e.args[0]]
        elif fits_buffer(plan, e):
            plan.kinds[e.out], plan.owner[e.out] = "buffer", e.out
            plan.order[e.out] = axes_order(out)
        elif e.primitive in LOOPS:
            for name in e.outs:
                if name.shape:
                    plan.kinds[name], plan.owner[name] = "buffer", name
                    plan.order[name] = tuple(range(len(name.shape)))
        known.update(zip(e.outs, leaves(out), strict=True))
        for name in dead:
            del known[name]


def own(value: Any) -> Any:
    """A generator of its own in the same state; anything else as it is."""
    return deepcopy(value) if hasattr(value, "bit_generator") else value


# book/speed/plan.md: Lifetimes
def last_use(plan: MemoryPlan) -> dict[Name, int]:
    """Where each memory is read for the last time; the end for what is returned."""
    last: dict[Name, int] = {}
    for i, e in enumerate(plan.graph.equations):
        last.update({plan.owner[name]: i for name in [*e.outs, *e.inputs] if name in plan.owner})
    end = len(plan.graph.equations)
    return last | {plan.owner[name]: end for name in names_in([plan.graph.outputs]) if name in plan.owner}


# book/speed/plan.md: Over the old value
def in_place(e: Equation, out: Name, a: Name) -> bool:
    """Whether a result may take the memory of an argument, element by element."""
    if e.primitive is fused:
        return bool(e.params["group"].may_overwrite(out, a))
    return isinstance(e.primitive.fun, np.ufunc) and e.primitive.elementwise


def overlaps(plan: MemoryPlan, e: Equation, owner: Name) -> bool:
    """Whether an equation reads a memory otherwise than as the array that it is."""
    return any(name != owner and plan.owner.get(name) == owner for name in e.inputs)


# book/speed/plan.md: Over the old value
def last_doubt(graph: Graph) -> int:
    """Place of the last equation that a guard waits for, or that might raise."""
    risky = [i for i, e in enumerate(graph.equations) if not e.primitive.into and not e.primitive.view]
    return max([last_guard(graph), *risky])


def write_updates(plan: MemoryPlan, last: dict[Name, int]) -> None:
    """Let results be written over the old values of cells: behind all guards, and where
    nobody reads the old value any more."""
    guarded, updates = last_doubt(plan.graph), cells_in(plan.graph)
    for i, e, new in results(plan):
        old = updates.get(new)
        if old is None or i <= guarded or plan.kind(old) != "state":
            continue
        alike = (old.shape, old.dtype) == (new.shape, new.dtype)
        if not alike or copies(e) or plan.order[new] != tuple(range(len(old.shape))):
            continue
        read = last.get(old, -1)
        if read < i or read == i and in_place(e, new, old) and not overlaps(plan, e, old):
            plan.written[new] = old


def results(plan: MemoryPlan) -> Iterator[tuple[int, Equation, Name]]:
    """All buffers, each with the equation that fills it, and its place."""
    for i, e in enumerate(plan.graph.equations):
        for name in e.outs:
            if plan.kind(name) == "buffer":
                yield i, e, name


# book/speed/plan.md: Over the old value
def share_memory(plan: MemoryPlan, last: dict[Name, int]) -> dict[Name, Name]:
    """For each buffer the one whose memory it takes over when that is read for the last
    time."""
    taken: dict[Name, Name] = {}
    given: set[tuple[int, Name]] = set()
    for i, e, new in results(plan):
        for a in dict.fromkeys(e.inputs if new not in plan.written else ()):
            like = (a.shape, a.dtype, plan.order.get(a)) == (new.shape, new.dtype, plan.order[new])
            free = plan.kind(a) == "buffer" and last[a] == i and a not in plan.written
            free = free and (i, a) not in given and in_place(e, new, a)
            if like and free and not overlaps(plan, e, a):
                taken[new] = taken.get(a, a)
                given.add((i, a))
                break
    return taken


# book/speed/plan.md: Places
def place(plan: MemoryPlan) -> None:
    """Give each buffer its place in the arena."""
    last = last_use(plan)
    write_updates(plan, last)
    taken = share_memory(plan, last)
    spans: dict[Name, tuple[int, int]] = {}
    sizes: dict[Name, int] = {}
    for i, _, name in results(plan):
        if name not in plan.written:
            slot = taken.get(name, name)
            first, _ = spans.get(slot, (i, i))
            spans[slot], sizes[slot] = (first, last[name] + 1), slot.nbytes
    for i, group in groups_of(plan.graph):
        spans[group.tiles], sizes[group.tiles] = (i, i + 1), Loop(group).workspace
    # NumPy 1 takes arrays that touch for arrays that overlap, and computes their elements
    # by other code, with other last bits
    room = {slot: -(-(size + STRONG_SCALARS) // 64) * 64 for slot, size in sizes.items()}
    offsets, plan.size = plan_arena([(*spans[slot], room[slot]) for slot in spans])
    found = dict(zip(spans, offsets))
    plan.offset = {name: found[taken.get(name, name)] for name in plan.order if name not in plan.written}
    plan.workspace = {group.tiles: found[group.tiles] for _, group in groups_of(plan.graph)}
    change = np.zeros(len(plan.graph) + 3, int)
    for slot, (first, end) in spans.items():
        change[first] += sizes[slot]
        change[end] -= sizes[slot]
    plan.bound = int(np.cumsum(change).max())


def equations_of(graph: Graph) -> Iterator[Equation]:
    """All equations, those of a group in its place."""
    for e in graph.equations:
        yield from e.params["group"].equations if e.primitive is fused else (e,)


def groups_of(graph: Graph) -> list[tuple[int, Any]]:
    """The groups of equations that go over rows together, with their places."""
    return [(i, e.params["group"]) for i, e in enumerate(graph.equations) if e.primitive is fused]


# book/speed/plan.md: Places
def plan_of(graph: Graph, *inputs: Any) -> MemoryPlan:
    """Where each value of a graph lies; inputs are examples, with which it is run once."""
    plan = MemoryPlan(graph)
    sketch(plan, inputs)
    place(plan)
    for _, group in groups_of(graph):
        held = {plan.written.get(n, plan.owner.get(n, n)) for n in (*group.inputs, *group.outs)}
        plan.rowwise |= {name for name in held if plan.kind(name) == "state"}
    return plan


# book/speed/plan.md: Linked and carried out
def arena_of(size: int) -> Any:
    """Bytes that begin at the beginning of a cache line."""
    raw = np.zeros(size + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size]


def link(plan: MemoryPlan, states: dict[Name, Any], arena: Any) -> dict[Name, Any]:
    """All arrays of a plan: states as they are given, buffers in the arena, and views."""
    arrays = dict(states)
    for e in plan.graph.equations:
        if plan.kind(e.out) == "view":
            arrays[e.out] = e.primitive.fun(arrays[e.args[0]], *e.args[1:], **e.params)
        for name in e.outs:
            if name in plan.written:
                arrays[name] = arrays[plan.written[name]]
            elif plan.kind(name) == "buffer":
                arrays[name] = laid_out(arena[plan.offset[name]:], name, plan.order[name])
        if e.primitive is fused:
            group = e.params["group"]
            arrays[group.tiles] = Tiles(Loop(group), arrays, arena[plan.workspace[group.tiles]:])
    return arrays


# book/speed/plan.md: Linked and carried out
def freed(plan: MemoryPlan) -> Iterator[list[Name]]:
    """For each equation the buffers that nobody reads behind it."""
    last = last_use(plan)
    for i, e in enumerate(plan.graph.equations):
        here = {plan.owner[name] for name in [*e.outs, *e.inputs] if name in plan.owner}
        kept = {plan.offset.get(name) for name in e.outs if last.get(name, i) > i}
        yield [
            name for name in here
            if last[name] == i and name in plan.offset and plan.offset[name] not in kept
        ]


# book/speed/plan.md: Linked and carried out
def fill(e: Equation, out: Any, args: Any, params: dict[str, Any]) -> None:
    """Compute a result into its buffer."""
    if copies(e):
        np.copyto(out.reshape(args[0].shape), args[0])
    elif e.primitive.into:
        e.primitive.into(*args, **params, out=out)


# book/speed/plan.md: Linked and carried out
def run(plan: MemoryPlan, arrays: dict[Name, Any], arguments: dict[Name, Any], arena: Any = None) -> dict[Name, Any]:
    """Carry out a planned graph, and fill what is freed with NaN if the arena is given."""
    known = arguments | arrays

    def value(leaf: Any) -> Any:
        return known[leaf] if type(leaf) is Name else leaf

    for e, dead in zip(plan.graph.equations, freed(plan), strict=True):
        args, params = [value(a) for a in e.args], {k: tree_map(value, v) for k, v in e.params.items()}
        if plan.kind(e.out) == "buffer":
            fill(e, arrays[e.out], args, params)
        elif e.primitive in LOOPS:
            room = [arrays.get(name) for name in e.outs]
            out = e.primitive.into(*args, **params, out=room)  # type: ignore[misc]
            known.update(zip(e.outs, out, strict=True))
        elif plan.kind(e.out) == "local":
            out = carry_out(e.primitive, args, params, bedrock)
            known.update(zip(e.outs, leaves(out), strict=True))
        if arena is not None:
            for name in dead:
                arena[plan.offset[name]:][: name.nbytes] = 255  # as a number: not a number
    return known
