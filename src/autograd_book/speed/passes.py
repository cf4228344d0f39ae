"""Passes.

A pass is a small function from graph to graph. Exact ones keep every bit of
the results, the others keep them up to rounding.

::

    import numpy as np
    from autograd_book.speed.capture import capture
    from autograd_book.speed.passes import drop_copies, share_common

    graph = capture(lambda x: np.exp(np.copy(x) * 1.0) + np.exp(x), np.ones(3))
    print(graph)
    print(share_common(drop_copies(graph)))
"""
# Generated from book/speed/passes.md by autograd-book extract; edit the chapter, not this file.
# sha256: ff025a102d716b0dc610a6d8c2bde118f3b606a16c44ac8bb9f82e2c4b22f7e1

__all__ = [
    "drop_dead",
    "Rewrite",
    "turns",
    "is_view",
    "Rule",
    "renamed",
    "standing",
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
    "loosen_broadcasts",
    "outline",
]


# book/speed/passes.md: Dead code
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from autograd_book.graph.primitive import primitives
from autograd_book.modes.trees import tree_map
from autograd_book.rules.indexing import getitem
from autograd_book.rules.shapes import reshape
from autograd_book.speed.equations import Equation, Graph, Name, names_in


# book/speed/passes.md: Dead code
def drop_dead(graph: Graph) -> Graph:
    """Without the equations that no output and no guard needs, unless they have an effect."""
    needed = set(names_in([graph.outputs, [guard.name for guard in graph.guards]]))
    kept = []
    for equation in reversed(graph.equations):
        if equation.primitive.effect or not needed.isdisjoint(equation.outs):
            needed.update(equation.inputs)
            kept.append(equation)
    return replace(graph, equations=tuple(reversed(kept)))


# book/speed/passes.md: A walk that replaces
class Rewrite:
    """One walk over a graph, in which a rule may put something else in the place of each
    equation."""

    def __init__(self, graph: Graph) -> None:
        names = names_in(everything(graph))
        self.uses = Counter(names)  #: How often each name is read.
        self.last = max((name.number for name in names), default=0)
        self.made: dict[Name, Equation] = {}  #: By whom a name was made, so far.
        self.known: dict[Name, Any] = {}  #: What stands in the place of a name.
        self.turned: set[Name] = set()  #: Names whose numbers may lie in another order.
        self.kept: list[Equation] = []

    def name(self, shape: Any, dtype: Any) -> Name:
        """A new name."""
        self.last += 1
        return Name(self.last, tuple(shape), np.dtype(dtype))

    def write(self, fun: Any, args: Any, out: Name, like: Equation, **params: Any) -> Name:
        """Add an equation, which belongs to the line of another one."""
        new = replace(like, primitive=primitives[fun], args=tuple(args), params=params, out=out)
        return self.keep(new)

    def keep(self, equation: Equation) -> Any:
        """Add an equation as it is."""
        self.kept.append(equation)
        self.made.update(dict.fromkeys(equation.outs, equation))
        if turns(equation, self.turned):
            self.turned.update(equation.outs)
        return equation.out

    def maker(self, value: Any, *funs: Any, alone: bool = False) -> Equation | None:
        """The equation that made a value, if it is of one of these functions; asked
        `alone`, only if nobody else uses the value."""
        found = self.made.get(value) if type(value) is Name else None
        fits = found and any(found.primitive is primitives[fun] for fun in funs)
        return found if fits and (not alone or self.uses[value] == 1) else None


# book/speed/passes.md: A walk that replaces
def turns(e: Equation, turned: set[Name]) -> bool:
    """Whether the numbers of a result may lie in an order of their own: those of a view,
    and of what elementwise functions make of one."""
    follows = e.primitive in (primitives[reshape], primitives[np.copy])
    follows = follows or e.primitive is primitives[getitem] and type(e.params["index"]) is int
    if follows or e.primitive.elementwise and not e.primitive.view:
        return any(type(a) is Name and a in turned for a in e.args)
    return e.primitive.view or e.primitive.into is None


def is_view(work: Rewrite, value: Any) -> bool:
    """Whether the numbers of a value may lie in an order of their own."""
    return type(value) is Name and value in work.turned


# book/speed/passes.md: A walk that replaces
Rule = Callable[[Rewrite, Equation], Any]


def renamed(e: Equation, known: dict[Name, Any]) -> Equation:
    """An equation with what stands for the names that it reads."""
    if known.keys().isdisjoint(e.inputs):
        return e
    params = {k: tree_map(lambda leaf: standing(known, leaf), v) for k, v in e.params.items()}
    return replace(e, args=tuple([standing(known, a) for a in e.args]), params=params)


def standing(known: dict[Name, Any], value: Any) -> Any:
    """What stands for a name; a constant as it is."""
    return known.get(value, value) if type(value) is Name else value


def everything(graph: Graph) -> Any:
    """All that names stand in."""
    read = [(e.args, list(e.params.values())) for e in graph.equations]
    return [read, graph.outputs, [guard.name for guard in graph.guards]]


def rewritten(graph: Graph, rule: Rule) -> Graph:
    """The graph in which a rule has said of each equation what its result is: None if it
    stays, otherwise a name or a constant."""
    work = Rewrite(graph)
    for equation in graph.equations:
        equation = renamed(equation, work.known)
        found = rule(work, equation) if type(equation.out) is Name else None
        if found is None:
            work.keep(equation)
        else:
            work.known[equation.out] = found
    guards = [replace(g, name=standing(work.known, g.name)) for g in graph.guards]
    open_ = [g for g in guards if type(g.name) is Name or bool(g.name) is not g.truth]
    outputs = tuple([standing(work.known, value) for value in graph.outputs])
    found = replace(graph, equations=tuple(work.kept), outputs=outputs)
    return drop_dead(replace(found, guards=tuple(dict.fromkeys(open_))))


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
        if key in known and not e.primitive.effect:
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
        stays = e.inputs or e.primitive.effect
        return None if stays else e.primitive.fun(*e.args, **e.params)

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
