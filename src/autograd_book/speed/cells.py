"""Cells.

The places of state that a function can reach: parameters, what an optimiser
remembers, rates, generators.

::

    import autograd_book as ab
    from autograd_book.speed.cells import cells_of

    weight = ab.Variable([1.0, 2.0])
    optimizer = ab.optim.SGD([weight], lr=0.1)

    def step():
        optimizer.step()

    for cell in cells_of(step):
        if cell.kind in ("state", "number"):
            print(cell.kind, cell, cell.read())
"""
# Generated from book/speed/cells.md by autograd-book extract; edit the chapter, not this file.
# sha256: 8495de7ee2e25836d7103642513c725d5c37543bac02033e9d1115907e7b3995

__all__ = [
    "found_at",
    "is_lazy",
    "put_at",
    "take_from",
    "with_part",
    "StateCell",
    "of_library",
    "followed",
    "own_kinds",
    "hidden",
    "globals_in",
    "named_in",
    "places_in",
    "inside",
    "chance",
    "FIXED",
    "kind_of_place",
    "extent",
    "cells_of",
    "walked",
]


# book/speed/cells.md: A place
import sys
from array import array
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from dis import get_instructions
from enum import Enum
from functools import cache, cached_property, partial
from types import (
    CellType, CodeType, FunctionType, MethodType, ModuleType, SimpleNamespace,
)
from typing import Any

import numpy as np

from autograd_book.graph.primitive import Handle, differentiable
from autograd_book.graph.record import Leaf
from autograd_book.graph.variable import Variable
from autograd_book.learn.optim import Stepper
from autograd_book.memory.repeat import FOREIGN, contents, names_used, numpy_random
from autograd_book.stability.scaler import Scaling


def found_at(owner: Any, key: Any) -> Any:
    """What an owner has under a key; None if nothing is there."""
    if isinstance(owner, dict):
        return owner.get(key)
    if isinstance(owner, list):
        return owner[key] if key < len(owner) else None
    if isinstance(owner, type) or is_lazy(owner, key):
        return vars(owner).get(key)
    return getattr(owner, key, None)


def is_lazy(owner: Any, key: Any) -> bool:
    """Whether asking an owner for an attribute may compute it."""
    kind = getattr(type(owner), key, None) if isinstance(key, str) else None
    return isinstance(kind, cached_property)


def put_at(owner: Any, key: Any, value: Any) -> None:
    """Put something else there."""
    if isinstance(owner, dict | list):
        owner[key] = value
    else:
        setattr(owner, key, value)


def take_from(owner: Any, key: Any) -> None:
    """Leave nothing there."""
    if isinstance(owner, dict):
        owner.pop(key, None)
    elif isinstance(owner, list):
        del owner[key:]
    elif hasattr(owner, key):
        delattr(owner, key)


# book/speed/cells.md: A place
def with_part(whole: Any, part: int, value: Any) -> Any:
    """A tuple like another, with something else in one place."""
    parts = [*whole[:part], value, *whole[part + 1 :]]
    return type(whole)(*parts) if hasattr(whole, "_fields") else tuple(parts)


# book/speed/cells.md: A place
@dataclass(frozen=True, slots=True)
class StateCell:
    """A place that keeps something between calls: an attribute, an item, a closure's cell."""

    owner: Any
    key: Any
    kind: str  #: "state", "number", "chance", "fixed" if it is compared at each call, or "way".
    part: int | None = None  #: Place in the tuple that is there.

    def read(self) -> Any:
        """What is there; None if nothing is."""
        whole = found_at(self.owner, self.key)
        return whole if self.part is None or whole is None else whole[self.part]

    def write(self, value: Any) -> None:
        """Put something else there."""
        if self.part is not None:
            value = with_part(found_at(self.owner, self.key), self.part, value)
        put_at(self.owner, self.key, value)

    def open(self) -> bool:
        """Whether something else can be put there."""
        try:
            self.write(self.read())
        except (AttributeError, TypeError):
            return False
        return True

    def clear(self) -> None:
        """Leave nothing there."""
        take_from(self.owner, self.key)

    def __str__(self) -> str:
        return f"{type(self.owner).__name__}.{self.key}" + f"[{self.part}]" * (self.part is not None)

    def __hash__(self) -> int:
        return hash((id(self.owner), self.key, self.part))

    def __eq__(self, other: Any) -> bool:
        same = type(other) is StateCell and self.owner is other.owner
        return same and (self.key, self.part) == (other.key, other.part)


# book/speed/cells.md: Where a function can reach
def of_library(module: str) -> bool:
    """Whether a module is Python's, NumPy's, or this package's."""
    home = module.partition(".")[0]
    library = home in sys.stdlib_module_names and home != "__main__"
    return library or home == "numpy" or module.startswith(FOREIGN)


def followed(value: Any) -> bool:
    """Whether the attributes of an object are looked at: not those of Python's and NumPy's own."""
    ours = type(value).__module__.startswith(FOREIGN[0])
    outside = of_library(type(value).__module__) and not ours
    return (
        hasattr(value, "__dict__") and (type(value) is SimpleNamespace or not outside)
        and not isinstance(value, type | ModuleType | Enum)
    )


def own_kinds(value: Any) -> list[type]:
    """Classes of an object that a user has written."""
    foreign = (*FOREIGN, "builtins")
    return [kind for kind in type(value).__mro__ if not kind.__module__.startswith(foreign)]


def hidden(name: str) -> bool:
    """Whether a name of a class is one that Python has put there."""
    return name.startswith("__") and name not in ("__call__", "__init__")


# book/speed/cells.md: Where a function can reach
@cache
def globals_in(code: CodeType) -> frozenset[str]:
    """Names that a function, or one inside of it, looks up in its module; no attributes."""
    endings = ("GLOBAL", "GLOBALS", "NAME")
    own = {i.argval for i in get_instructions(code) if i.opname.endswith(endings)}
    inner = [globals_in(c) for c in code.co_consts if isinstance(c, CodeType)]
    return frozenset(own).union(*inner)


def named_in(fun: FunctionType) -> Iterator[tuple[Any, Any]]:
    """Global names that a function uses, and names of modules among them that it uses."""
    known, names = fun.__globals__, {*names_used(fun.__code__)}
    for name in sorted(globals_in(fun.__code__) & known.keys()):
        yield known, name
        if isinstance(module := known[name], ModuleType) and not of_library(module.__name__):
            yield from ((module, inner) for inner in sorted(names & vars(module).keys()))


# book/speed/cells.md: Where a function can reach
def places_in(value: Any) -> Iterator[tuple[Any, Any]]:
    """Owner and key of each place that belongs to one object."""
    if type(value) is Variable:
        yield value, "value"
        if isinstance(value.node, Leaf | None):  # otherwise it was computed, and stays so
            yield value, "node"
    elif isinstance(value, Leaf):
        yield from ((value, name) for name in ("grad", "hooks"))
    elif isinstance(value, list | dict):
        keys = range(len(value)) if isinstance(value, list) else list(value)
        yield from ((value, key) for key in keys)
    elif isinstance(value, FunctionType):
        yield from ((c, "cell_contents") for c in value.__closure__ or () if contents(c))
        names = ("__defaults__", "__kwdefaults__")  # no function gets any that it had not
        yield from ((value, name) for name in names if getattr(value, name))
        if not str(value.__module__).startswith(FOREIGN):
            yield from named_in(value)
    elif followed(value):
        yield from ((value, name) for name in vars(value))
        for kind in own_kinds(value):
            yield from ((kind, name) for name in vars(kind) if not hidden(name))


# book/speed/cells.md: Where a function can reach
def inside(value: Any) -> tuple[Any, ...]:
    """Objects that can be reached from one without a place that could be written to."""
    if isinstance(value, partial):
        return value.func, value.args, value.keywords
    if isinstance(value, MethodType):
        return value.__func__, value.__self__
    if isinstance(value, property):
        return value.fget, value.fset
    if isinstance(value, staticmethod | classmethod):
        return (value.__func__,)
    if callable(value) and hasattr(value, "__wrapped__"):
        return (value.__wrapped__,)
    return tuple(value) if isinstance(value, tuple | set | frozenset | deque) else ()


# book/speed/cells.md: What a place means
def chance() -> Any:
    """The class of generators of random numbers, or nothing if nobody can have one."""
    random = numpy_random()
    return random.Generator if random else ()


# book/speed/cells.md: What a place means
FIXED = (type(None), bool, int, float, complex, str)  #: Compared at each call.


def kind_of_place(owner: Any, key: Any, value: Any) -> str:
    """What a place is to a graph, or "way" if it leads to others."""
    if (type(owner), key) in ((Leaf, "grad"), (Variable, "value")):
        return "state"
    if isinstance(value, chance()):
        return "chance"
    if isinstance(owner, Stepper | Scaling) and type(value) is float:
        return "number"
    if isinstance(value, np.ndarray) and (differentiable(value.dtype) or not value.ndim):
        return "state"
    if isinstance(value, Handle):
        return "way" if type(value) is Variable else "state"
    return "fixed" if isinstance(value, (*FIXED, np.ndarray, np.generic)) else "way"


# book/speed/cells.md: What a place means
def extent(holder: Any) -> Any:
    """What differs when places, or members of a set, have come or gone."""
    if isinstance(holder, StateCell):
        holder = holder.read()
        return len(holder) if isinstance(holder, tuple) else None
    if isinstance(holder, list):
        return len(holder)
    if hasattr(holder, "cache_info"):  # a function that keeps its results
        return holder.cache_info().misses
    if isinstance(holder, bytearray | array):
        return bytes(holder)
    return tuple(map(id, holder)) if isinstance(holder, set | deque) else tuple(holder)


# book/speed/cells.md: The walk
def cells_of(*values: Any) -> list[StateCell]:
    """All places that can be reached from some objects, and what each is to a graph."""
    return walked(values)[0]


def walked(values: Any) -> tuple[list[StateCell], dict[int, Any], list[Any]]:
    """All places that can be reached from some objects, the objects on the way by identity, and
    those of them in which places may come and go."""
    found: dict[StateCell, None] = {}
    seen: dict[int, Any] = {}
    holders: list[Any] = []
    todo = list(values)[::-1]
    while todo:
        value = todo.pop()
        if id(value) in seen:
            continue
        seen[id(value)] = value
        kinds = (list, dict, set, deque, bytearray, array)
        if isinstance(value, kinds) or hasattr(value, "cache_info"):
            holders.append(value)
        elif followed(value):
            holders += [vars(value), *[vars(k) for k in own_kinds(value) if id(k) not in seen]]
        todo.extend(reversed(inside(value)))
        ways = []
        for owner, key in places_in(value):
            seen[id(owner)] = owner
            held = StateCell(owner, key, "").read()
            parts: Any = [(None, held)]
            if type(held) is tuple or hasattr(held, "_fields"):
                holders.append(StateCell(owner, key, "way"))
                parts = enumerate(held)
            for part, each in parts:
                kind = kind_of_place(owner, key, each)
                found[StateCell(owner, key, kind, part)] = None
                if kind == "way":
                    ways.append(each)
        todo.extend(reversed(ways))
    return list(found), seen, holders
