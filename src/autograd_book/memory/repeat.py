"""The same again.

Sources of random numbers are found in a function, read and put back. Values
have marks that differ when the values do.

::

    import numpy as np
    from autograd_book.memory.repeat import mark, restart_sources, sources_of_chance, state_of

    source = np.random.default_rng(0)
    noisy = lambda v: v + source.random(3)
    before = [(found, state_of(found)) for found in sources_of_chance(noisy)]
    first = noisy(0.0)
    restart_sources(before)
    print(mark(noisy(0.0)) == mark(first))
"""
# Generated from book/memory/repeat.md by autograd-book extract; edit the chapter, not this file.
# sha256: 8ec9551021f949267c4d54ad034f02f6c284e1b8852f714a04cf1ca9aa6b9cce

__all__ = [
    "state_of",
    "same_state",
    "restart_sources",
    "parts_of",
    "names_used",
    "FOREIGN",
    "contents",
    "sources_of_chance",
    "numpy_random",
    "global_source",
    "generator_moved",
    "TOLD",
    "mark",
    "marks",
    "trusted",
    "outcome",
]


# book/memory/repeat.md: Put back what was drawn
import sys
from collections.abc import Iterator
from functools import cache, partial
from importlib import import_module
from types import CodeType, FunctionType, MethodType
from typing import Any

import numpy as np

from autograd_book.graph.primitive import Primitive, fingerprint
from autograd_book.graph.stack import bottom
from autograd_book.learn.nn import Module
from autograd_book.modes.batch import Batched


def state_of(source: Any) -> Any:
    """Where a source of random numbers stands."""
    if source is None:
        return None
    old = hasattr(source, "get_state")
    return source.get_state(legacy=False) if old else source.bit_generator.state


def same_state(state: Any, other: Any) -> bool:
    """Whether two states are the same."""
    if isinstance(state, dict):
        return all(same_state(value, other[name]) for name, value in state.items())
    return bool(np.all(state == other))


def restart_sources(states: list[tuple[Any, Any]]) -> None:
    """Let sources of random numbers continue from where they stood."""
    for source, state in states:
        if hasattr(source, "set_state"):
            source.set_state(state)
        else:
            source.bit_generator.state = state


# book/memory/repeat.md: Where generators hide
def parts_of(value: Any) -> Iterator[Any]:
    """What a value consists of, where a source of random numbers could be."""
    if isinstance(value, (list, tuple)):
        yield from value
    elif isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, Module):
        yield from vars(value).values()
        if not type(value).__module__.startswith(FOREIGN):
            yield from vars(type(value)).values()
    elif isinstance(value, partial):
        yield from (value.func, value.args, value.keywords)
    elif isinstance(value, MethodType):
        yield from (value.__func__, value.__self__, getattr(value.__self__, "__dict__", None))
    elif isinstance(value, FunctionType):
        yield from (value.__defaults__, value.__kwdefaults__)
        for cell in value.__closure__ or ():
            yield from contents(cell)
        if not str(value.__module__).startswith(FOREIGN):
            known = value.__globals__
            yield from (known[name] for name in names_used(value.__code__) if name in known)


# book/memory/repeat.md: Where generators hide
def names_used(code: CodeType) -> Iterator[str]:
    """Names that a function uses, those of functions inside of it among them."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from names_used(constant)


FOREIGN = (__name__.partition(".")[0] + ".", "numpy")  #: Modules that keep no generator.


def contents(cell: Any) -> list[Any]:
    """What is in a cell of a closure, if anything is yet."""
    try:
        return [cell.cell_contents]
    except ValueError:
        return []


# book/memory/repeat.md: Where generators hide
def sources_of_chance(value: Any) -> list[Any]:
    """Generators that can be reached from a value, without NumPy's global one."""
    if (random := numpy_random()) is None:
        return []
    found, seen, todo = [], {id(global_source())}, [value]
    while todo:
        value = todo.pop()
        if id(value) not in seen:
            seen.add(id(value))
            if isinstance(value, (random.Generator, random.RandomState)):
                found.append(value)
            else:
                todo.extend(parts_of(value))
    return found


def numpy_random() -> Any:
    """The module, or None if nobody has asked for it yet."""
    # the import waits for another thread that is busy with it
    return import_module("numpy.random") if "numpy.random" in sys.modules else None


def global_source() -> Any:
    """NumPy's global generator, or None if nobody can have drawn from it yet."""
    random = numpy_random()
    return random and random.get_state.__self__


# book/memory/repeat.md: The generator of all threads
def generator_moved(state: Any) -> bool:
    """Whether NumPy's global generator has moved from a state, by whatever thread."""
    return state is not None and not same_state(state_of(global_source()), state)


# book/memory/repeat.md: Values have marks
TOLD = (type(None), int, bool, float, str, complex, slice, np.dtype)  #: By their repr.


def mark(value: Any) -> Any:
    """Something short that differs when a constant differs."""
    if type(value) in TOLD:
        return repr(value)
    if isinstance(value, (np.ndarray, np.generic)) and not value.dtype.hasobject:
        array = np.asarray(value)
        if array.dtype.char in "gG":  # some of its bytes mean nothing
            array = array.astype("d" if array.dtype.char == "g" else "D")
        return array.shape, array.dtype.str, fingerprint(array)
    if isinstance(value, (list, tuple, dict)):
        parts = value.items() if isinstance(value, dict) else value
        return tuple([mark(part) for part in parts])
    return repr(value) if isinstance(value, TOLD) else type(value).__name__


# book/memory/repeat.md: What enters an operation
def marks(args: Any, params: Any) -> Any:
    """Marks of what enters an operation from outside of the graph; None if nothing does."""
    free = [a for a in args if getattr(a, "node", None) is None and type(a) is not Batched]
    return (mark([bottom(a) for a in free]), mark(params)) if free or params else None


@cache
def trusted(module: Any) -> bool:
    """Whether functions of a module, NumPy's or ours, give the same for the same arguments."""
    return str(module).startswith(FOREIGN)


def outcome(primitive: Primitive, value: Any) -> Any:
    """A mark of a result, where it could be another one the next time."""
    fun = primitive.fun
    return None if isinstance(fun, np.ufunc) or trusted(fun.__module__) else mark(value)
