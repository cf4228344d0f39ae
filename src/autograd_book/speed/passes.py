"""Passes.

A pass is a small function from graph to graph. Exact ones keep every bit of
the results, the others keep them up to rounding.

::

    import numpy as np
    from autograd_book.speed.capture import capture
    from autograd_book.speed.passes import simplified

    graph = capture(lambda x: np.sum(np.copy(x) * 1.0, axis=0), np.ones((3, 2)))
    print(graph)
    print(simplified(graph, exact=True))
"""
# Generated from book/speed/passes.md by autograd-book extract; edit the chapter, not this file.
# sha256: f521dfed47a7b3da293a4f01d8494347790af8a5d957e4270c0bbe3fa73dcbfa

__all__ = [
    "drop_dead",
    "Rewrite",
    "Rule",
    "everything",
    "rewritten",
    "key_of",
    "share_common",
    "ABOUT_DTYPES",
    "fold_constants",
    "number_in",
    "unchanged",
    "SAME",
    "order_of",
    "drop_copies",
    "is_view",
    "loosen_broadcasts",
    "outline",
    "stacked",
    "flatten_products",
    "turned",
    "turn_products",
    "scale_factors",
    "sums_as_products",
    "join_scatters",
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
    "Pass",
    "PASSES",
    "simplified",
]


# book/speed/passes.md: Dead code
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from autograd_book.graph.primitive import Primitive, primitives
from autograd_book.modes.trees import leaves, tree_map
from autograd_book.rules.indexing import scatter
from autograd_book.rules.shapes import join, reshape
from autograd_book.speed.equations import Equation, Graph, Guard, Name, names_in


# book/speed/passes.md: Dead code
def drop_dead(graph: Graph) -> Graph:
    """Without the equations that no output and no guard needs."""
    needed = set(names_in([graph.outputs, [guard.name for guard in graph.guards]]))
    kept = []
    for equation in reversed(graph.equations):
        if not needed.isdisjoint(equation.outs):
            needed.update(equation.inputs)
            kept.append(equation)
    return replace(graph, equations=tuple(reversed(kept)))


# book/speed/passes.md: A walk that replaces
class Rewrite:
    """One walk over a graph, in which a rule may put something else in the place of each
    equation.

    Parameters
    ----------
    graph : Graph
        What is rewritten.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.made: dict[Name, Equation] = {}  #: By whom a name was made, so far.
        self.known: dict[Name, Any] = {}  #: What stands in the place of a name.
        self.turned: set[Name] = set()  #: Names whose numbers may lie in another order.
        self.last = max((name.number for name in names_in(everything(graph))), default=0)
        self.uses = Counter(names_in(everything(graph)))
        self.kept: list[Equation] = []

    def name(self, shape: Any, dtype: Any) -> Name:
        """A new name."""
        self.last += 1
        return Name(self.last, tuple(shape), np.dtype(dtype))

    def leaf(self, value: Any) -> Any:
        """What stands for a name by now; a constant as it is."""
        return self.known.get(value, value) if type(value) is Name else value

    def renamed(self, e: Equation) -> Equation:
        """An equation with what stands for the names that it reads by now."""
        if self.known.keys().isdisjoint(e.inputs):
            return e
        params = {k: tree_map(self.leaf, v) for k, v in e.params.items()}
        return replace(e, args=tuple(map(self.leaf, e.args)), params=params)

    def write(self, fun: Any, args: Any, out: Name, like: Equation, **params: Any) -> Name:
        """Add an equation, which belongs to the line of another one."""
        return self.keep(replace(
            like, primitive=primitives[fun], args=tuple(args), params=params, out=out
        ))

    def keep(self, equation: Equation) -> Any:
        """Add an equation as it is."""
        self.kept.append(equation)
        self.made.update(dict.fromkeys(equation.outs, equation))
        if self.turns(equation):
            self.turned.update(equation.outs)
        return equation.out

    def turns(self, e: Equation) -> bool:
        """Whether the numbers of a result may lie in an order of their own: those of a view,
        and of what elementwise functions make of one."""
        follows = e.primitive in (primitives[reshape], primitives[np.copy])
        if follows or e.primitive.elementwise and not e.primitive.view:
            return any(type(a) is Name and a in self.turned for a in e.args)
        return e.primitive.view or e.primitive.into is None

    def maker(self, value: Any, *funs: Any, alone: bool = False) -> Equation | None:
        """The equation that made a value, if it is of one of these functions; asked
        `alone`, only if nobody else uses the value."""
        found = self.made.get(value) if type(value) is Name else None
        fits = found and any(found.primitive is primitives[fun] for fun in funs)
        return found if fits and (not alone or self.uses[value] == 1) else None


# book/speed/passes.md: A walk that replaces
Rule = Callable[[Rewrite, Equation], Any]


def everything(graph: Graph) -> Any:
    """All that names stand in."""
    read = [(e.args, list(e.params.values())) for e in graph.equations]
    return [read, graph.outputs, [guard.name for guard in graph.guards]]


def rewritten(graph: Graph, rule: Rule) -> Graph:
    """The graph in which a rule has said of each equation what its result is: None if it
    stays, otherwise a name or a constant."""
    work = Rewrite(graph)
    for equation in graph.equations:
        equation = work.renamed(equation)
        found = rule(work, equation) if type(equation.out) is Name else None
        if found is None:
            work.keep(equation)
        else:
            work.known[equation.out] = found
    guards = [replace(guard, name=work.leaf(guard.name)) for guard in graph.guards]
    guards = [g for g in dict.fromkeys(guards) if type(g.name) is Name or bool(g.name) is not g.truth]
    outputs = tuple(map(work.leaf, graph.outputs))
    return drop_dead(
        replace(graph, equations=tuple(work.kept), outputs=outputs, guards=tuple(guards))
    )


# book/speed/passes.md: The same thing twice
def key_of(value: Any) -> Any:
    """What is equal for two trees of names and constants if they are the same."""
    if isinstance(value, dict):
        return tuple([(name, key_of(part)) for name, part in value.items()])
    if isinstance(value, list | tuple):
        return (type(value), *map(key_of, value))
    if isinstance(value, slice):
        return (slice, value.start, value.stop, value.step)
    if isinstance(value, np.ndarray) and value.nbytes > 64:
        return id(value)
    if isinstance(value, np.ndarray | np.generic):
        return (str(value.dtype), value.shape, value.tobytes())
    if isinstance(value, int | float | complex | str | type(None)):
        return (type(value), repr(value))
    return value if isinstance(value, Name) else id(value)


def share_common(graph: Graph) -> Graph:
    """With one equation in the place of several that do the same."""
    known: dict[Any, Any] = {}

    def rule(work: Rewrite, e: Equation) -> Any:
        key = id(e.primitive), e.barrier, key_of(e.args), key_of(e.params)
        if key in known:
            return known[key]
        known[key] = e.out
        return None

    return rewritten(graph, rule)


# book/speed/passes.md: What is known beforehand
ABOUT_DTYPES = (np.iscomplexobj, np.isrealobj)  #: What is asked of a dtype alone.


def fold_constants(graph: Graph) -> Graph:
    """With the values of equations that read no name, and the answers to questions about
    dtypes."""

    def rule(work: Rewrite, e: Equation) -> Any:
        if e.primitive.fun in ABOUT_DTYPES:
            return e.primitive.fun(np.empty(0, getattr(e.args[0], "dtype", None)))
        return None if e.inputs else e.primitive.fun(*e.args, **e.params)

    return rewritten(graph, rule)


# book/speed/passes.md: What changes nothing
def number_in(value: Any) -> Any:
    """The number of which a constant consists; None for a name and for several numbers."""
    if isinstance(value, np.ndarray) and value.size and not any(
        step for step, n in zip(value.strides, value.shape) if n > 1
    ):
        return value.flat[0]
    return value if isinstance(value, int | float | np.generic) else None


def unchanged(e: Equation) -> bool:
    """Whether an equation gives its first argument back: a copy, or a shape, an order or
    a number that changes nothing."""
    fun, x = e.primitive.fun, e.args[0]
    if type(x) is not Name or x.weak or (x.shape, x.dtype) != (e.out.shape, e.out.dtype):
        return False
    if fun in (np.multiply, np.divide):
        return number_in(e.args[1]) == 1
    if fun is np.subtract:
        return number_in(e.args[1]) == 0
    if fun is np.transpose:
        return order_of(e) == tuple(range(len(x.shape)))
    return any(e.primitive is primitives[same] for same in SAME)


#: Functions that change nothing if shape and dtype are as they were.
SAME = (np.copy, np.positive, np.broadcast_to, np.ndarray.astype, reshape)


# book/speed/passes.md: What changes nothing
def order_of(e: Equation) -> tuple[int, ...]:
    """The axes of a transpose."""
    n = len(e.out.shape)
    axes = e.params.get("axes")
    return tuple(range(n))[::-1] if axes is None else tuple([int(a) % n for a in axes])


# book/speed/passes.md: What changes nothing
def drop_copies(graph: Graph) -> Graph:
    """Without equations that change nothing, and with one in the place of two transposes or
    two reshapes."""

    def rule(work: Rewrite, e: Equation) -> Any:
        if e.primitive.fun is np.multiply and number_in(e.args[0]) == 1:
            e = replace(e, args=e.args[::-1])
        if unchanged(e) and (e.primitive.view or not is_view(work, e.args[0])):
            return e.args[0]
        if inner := e.primitive.fun is np.transpose and work.maker(e.args[0], np.transpose):
            axes = tuple([order_of(inner)[k] for k in order_of(e)])
            if axes == tuple(range(len(axes))):
                return inner.args[0]
            return work.write(np.transpose, inner.args, e.out, e, axes=axes)
        if inner := e.primitive is primitives[reshape] and work.maker(
            e.args[0], reshape, alone=True
        ):
            orders = {e.params.get("order", "C"), inner.params.get("order", "C")}
            if orders == {"C"} and not is_view(work, inner.args[0]):
                return work.write(reshape, inner.args, e.out, e, shape=e.out.shape)
        return None

    return rewritten(graph, rule)


def is_view(work: Rewrite, value: Any) -> bool:
    """Whether the numbers of a value may lie in an order of their own."""
    return type(value) is Name and value in work.turned


# book/speed/passes.md: What changes nothing
def loosen_broadcasts(graph: Graph) -> Graph:
    """With broadcasts left to the functions that broadcast by themselves."""

    def loose(work: Rewrite, e: Equation, i: int) -> Any:
        spread = work.maker(e.args[i], np.broadcast_to)
        if not spread:
            return e.args[i]
        args = [*e.args[:i], spread.args[0], *e.args[i + 1:]]
        fits = np.broadcast_shapes(*map(np.shape, map(outline, args))) == e.out.shape
        return spread.args[0] if fits else e.args[i]

    def rule(work: Rewrite, e: Equation) -> Any:
        if isinstance(e.primitive.fun, np.ufunc) and e.primitive.elementwise:
            for i in range(len(e.args)):
                e = replace(e, args=(*e.args[:i], loose(work, e, i), *e.args[i + 1:]))
            work.keep(e)
            return e.out
        return None

    return rewritten(graph, rule)


def outline(value: Any) -> Any:
    """Something of the shape of a value."""
    return np.broadcast_to(np.False_, value.shape) if type(value) is Name else value


# book/speed/passes.md: Products
def stacked(value: Any) -> bool:
    """Whether a name stands for a stack of matrices."""
    return type(value) is Name and len(value.shape) > 2


def flatten_products(graph: Graph) -> Graph:
    """With one large product in the place of a stack of small ones by the same matrix."""

    def rule(work: Rewrite, e: Equation) -> Any:
        if e.primitive is not primitives[np.matmul] or not stacked(e.args[0]):
            return None
        x, y = e.args
        if len(np.shape(outline(y))) != 2:
            return None
        rows, dtype = math.prod(x.shape[:-1]), e.out.dtype
        flat, product = (
            work.name((rows, x.shape[-1]), x.dtype), work.name((rows, e.out.shape[-1]), dtype)
        )
        work.write(reshape, (x,), flat, e, shape=flat.shape)
        work.write(np.matmul, (flat, y), product, e)
        return work.write(reshape, (product,), e.out, e, shape=e.out.shape)

    return rewritten(graph, rule)


# book/speed/passes.md: Products
def turned(work: Rewrite, x: Any, e: Equation) -> Any:
    """The transpose of the matrices in a value."""
    axes = (*range(len(x.shape) - 2), len(x.shape) - 1, len(x.shape) - 2)
    if type(x) is not Name:
        return np.transpose(x, axes)
    inner = work.maker(x, np.transpose)
    if inner and order_of(inner) == axes:
        return inner.args[0]
    out = work.name([x.shape[k] for k in axes], x.dtype)
    return work.write(np.transpose, (x,), out, e, axes=axes)


def turn_products(graph: Graph) -> Graph:
    """With the product of the transposed factors in the place of a transposed product."""

    def rule(work: Rewrite, e: Equation) -> Any:
        inner = e.primitive.fun is np.transpose and work.maker(e.args[0], np.matmul, alone=True)
        if not inner:
            return None
        n = len(e.out.shape)
        if order_of(e) != (*range(n - 2), n - 1, n - 2) or any(
            len(x.shape) != n for x in inner.args
        ):
            return None
        x, y = inner.args
        return work.write(np.matmul, (turned(work, y, e), turned(work, x, e)), e.out, e)

    return rewritten(graph, rule)


# book/speed/passes.md: Products
def scale_factors(graph: Graph) -> Graph:
    """With a number times the smaller factor in the place of a number times a product."""

    def rule(work: Rewrite, e: Equation) -> Any:
        if e.primitive.fun is not np.multiply:
            return None
        for number, x in (e.args, e.args[::-1]):
            product = work.maker(x, np.matmul, alone=True)
            if product and np.shape(outline(number)) == () and x.dtype == e.out.dtype:
                small = min(product.args, key=lambda a: math.prod(a.shape))
                if type(small) is Name and math.prod(small.shape) < math.prod(x.shape):
                    scaled = work.name(small.shape, small.dtype)
                    work.write(np.multiply, (small, number), scaled, e)
                    args = [scaled if a is small else a for a in product.args]
                    return work.write(np.matmul, args, e.out, e)
        return None

    return rewritten(graph, rule)


# book/speed/passes.md: Sums
def sums_as_products(graph: Graph) -> Graph:
    """With products with ones in the place of sums and means over the first or the last
    axes."""

    def rule(work: Rewrite, e: Equation) -> Any:
        x = e.args[0]
        if not any(e.primitive is primitives[fun] for fun in (np.sum, np.mean)):
            return None
        if type(x) is not Name or x.dtype.kind != "f" or x.dtype.itemsize < 4 or not x.shape:
            return None
        if e.out.dtype != x.dtype or e.params.keys() - {"axis", "keepdims"} or is_view(work, x):
            return None
        n, axis = len(x.shape), e.params.get("axis")
        axes = range(n) if axis is None else {int(a) % n for a in np.atleast_1d(axis)}
        count = math.prod(x.shape[a] for a in axes)
        first = sorted(axes) == list(range(len(axes)))
        if count < 2 or len(axes) == n or not (first or set(axes) == {n - 1}):
            return None
        share = 1 / count if e.primitive.fun is np.mean else 1
        weights = np.broadcast_to(np.full(count, share, x.dtype), count)
        table = (count, -1) if first else (-1, count)
        shape = [math.prod(x.shape) // count if k < 0 else k for k in table]
        flat, total = work.name(shape, x.dtype), work.name((max(shape[first], 0),), x.dtype)
        work.write(reshape, (x,), flat, e, shape=flat.shape)
        work.write(np.matmul, (weights, flat) if first else (flat, weights), total, e)
        return work.write(reshape, (total,), e.out, e, shape=e.out.shape)

    return rewritten(graph, rule)


# book/speed/passes.md: Scatters
def join_scatters(graph: Graph) -> Graph:
    """With parts put beside each other in the place of a sum of scatters to all places of
    the first axis."""

    def terms(work: Rewrite, value: Any) -> list[Any]:
        e = work.maker(value, np.add, alone=True)
        return [t for a in e.args for t in terms(work, a)] if e else [value]

    def rule(work: Rewrite, e: Equation) -> Any:
        if e.primitive.fun is not np.add or not e.out.shape:
            return None
        found = [work.maker(t, scatter, alone=True) for a in e.args for t in terms(work, a)]
        parts = [p for p in found if p is not None and type(p.params["index"]) is int]
        if len(parts) != len(found):
            return None
        at = {p.params["index"] % e.out.shape[0]: p.args[0] for p in parts}
        if len(at) != len(parts) or len(at) != e.out.shape[0]:
            return None
        rows = []
        for k in sorted(at):
            rows.append(work.name((1, *e.out.shape[1:]), e.out.dtype))
            work.write(reshape, (at[k],), rows[-1], e, shape=rows[-1].shape)
        return work.write(join, rows, e.out, e)

    return rewritten(graph, rule)


# book/speed/passes.md: Updates as early as they can be
def cells_in(graph: Graph) -> dict[Name, Name]:
    """From the name that a cell has at the end to the one that it has at the beginning."""
    count = len(graph.cells)
    pairs = zip(graph.outputs[len(graph.outputs) - count:], graph.inputs[len(graph.inputs) - count:])
    return {new: old for new, old in pairs if type(new) is Name and new != old}


# book/speed/passes.md: Updates as early as they can be
def last_guard(graph: Graph) -> int:
    """Place of the last equation that a guard waits for."""
    at = {name: i for i, e in enumerate(graph.equations) for name in e.outs}
    asked = names_in([guard.name for guard in graph.guards])
    return max([at.get(name, -1) for name in asked], default=-1)


# book/speed/passes.md: Updates as early as they can be
def roots_of(graph: Graph) -> dict[Name, Name]:
    """For each view the name in whose memory it may lie."""
    root: dict[Name, Name] = {}
    for e in graph.equations:
        if e.primitive.view and type(e.args[0]) is Name:
            root[e.out] = root.get(e.args[0], e.args[0])
    return root


# book/speed/passes.md: Updates as early as they can be
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


# book/speed/passes.md: What is cheaper twice
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


# book/speed/passes.md: What is cheaper twice
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


# book/speed/passes.md: What is cheaper twice
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


# book/speed/passes.md: What is cheaper twice
def again(graph: Graph, at: int, recipe: list[Equation]) -> Graph:
    """The graph in which a recipe is carried out before a place, for all that is read from
    there on."""
    number = max(name.number for name in names_in(everything(graph)))
    copies = {e.out: replace(e.out, number=number + k) for k, e in enumerate(recipe, 1)}

    def other(value: Any) -> Any:
        return copies.get(value, value) if type(value) is Name else value

    def renamed(e: Equation) -> Equation:
        params = {k: tree_map(other, v) for k, v in e.params.items()}
        return replace(e, args=tuple(map(other, e.args)), params=params)

    made = [replace(renamed(e), out=copies[e.out], barrier=-number) for e in recipe]
    late = map(renamed, graph.equations[at:])
    return drop_dead(replace(graph, equations=(*graph.equations[:at], *made, *late)))


# book/speed/passes.md: What is cheaper twice
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


# book/speed/passes.md: All of them
class Pass(NamedTuple):
    """A function from graph to graph, and whether results keep their last bit."""

    run: Callable[[Graph], Graph]
    exact: bool


#: All passes, in the order in which they are run.
PASSES = [
    Pass(fold_constants, True), Pass(drop_copies, True), Pass(loosen_broadcasts, True),
    Pass(share_common, True), Pass(join_scatters, False), Pass(flatten_products, False), Pass(turn_products, False),
    Pass(scale_factors, False), Pass(sums_as_products, False), Pass(drop_copies, True),
    Pass(share_common, True),
]


def simplified(graph: Graph, exact: bool = False, memory: int | None = None) -> Graph:
    """The graph after all passes, or after those that keep the last bit."""
    for each in PASSES:
        if each.exact or not exact:
            graph = each.run(graph)
    return hoist_updates(graph if memory is None else recompute(graph, memory))
