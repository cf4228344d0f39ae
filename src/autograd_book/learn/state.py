"""State.

A door is how the state of a thing leaves it and comes back. ``packed`` makes
text and arrays of a state, ``unpacked`` a state of these.

::

    import numpy as np
    from autograd_book.learn.state import door, packed, unpacked

    rng, arrays = np.random.default_rng(0), []
    text = packed({"rng": rng, "epoch": 3}, "run", arrays)
    first = rng.random()
    door(rng).take(unpacked(text, arrays)["rng"].value)
    print(rng.random() == first, len(arrays), "arrays")
"""
# Generated from book/learn/state.md by autograd-book extract; edit the chapter, not this file.
# sha256: 133774e639b01f7e1fe743f9bf52c456b2cdff59848fef04e0bedb4e77721b90

__all__ = [
    "Door",
    "DOORS",
    "door",
    "of_variable",
    "is_source",
    "generators_of",
    "continue_numbers",
    "network_state",
    "continue_whole",
    "Codec",
    "SavedState",
    "FORMS",
    "numbered",
    "packed",
    "unpacked",
    "small_dtype",
    "with_states",
]


# book/learn/state.md: What has a memory
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from autograd_book.graph.errors import DifferentiationTypeError, DifferentiationValueError
from autograd_book.graph.primitive import differentiable
from autograd_book.graph.record import Leaf
from autograd_book.graph.variable import Variable
from autograd_book.learn.nn import Module, distinct, expect_names, named_leaves


class Door(NamedTuple):
    """How the state of a thing leaves it, and how it comes in."""

    give: Callable[[], Any]  #: Returns a copy of the state.
    take: Callable[[Any], Any]  #: Continues from a state, or raises and changes nothing.


# book/learn/state.md: Methods that are there already
#: Names of methods that give a state, and of those that take it.
DOORS = (("state_dict", "load_state_dict"), ("get_state", "set_state"), ("getstate", "setstate"))


def door(thing: Any) -> Door | None:
    """The door of a thing, or None if it has no state."""
    if isinstance(thing, Variable):
        return of_variable(thing)
    if isinstance(thing, Module):
        return Door(partial(network_state, thing), partial(continue_whole, thing))
    if hasattr(thing, "bit_generator"):
        return Door(lambda: thing.bit_generator.state, partial(continue_numbers, thing))
    for names in DOORS if not isinstance(thing, type) else ():
        if all(callable(getattr(thing, name, None)) for name in names):
            return Door(*(getattr(thing, name) for name in names))
    return None


# book/learn/state.md: Methods that are there already
def of_variable(variable: Variable) -> Door:
    """The door of a Variable, or the error that it was computed."""
    if not isinstance(variable.node, Leaf | None):
        raise DifferentiationTypeError(
            f"a Variable of shape {variable.shape} that was computed from others was given "
            "to save or load. Give those that it was computed from, or .numpy() of it."
        )
    return Door(
        lambda: variable.numpy().copy(order="K"), lambda data: setattr(variable, "data", data)
    )


# book/learn/state.md: Generators inside of a network
def is_source(value: Any) -> bool:
    """Whether a value is a generator of random numbers, of NumPy or of Python."""
    kind = type(value)
    of_numpy = hasattr(kind, "bit_generator") or hasattr(kind, "set_state")
    return of_numpy or (hasattr(kind, "setstate") and hasattr(kind, "random"))


def generators_of(network: Module) -> dict[str, Any]:
    """Generators that a network holds, by name."""
    return distinct(named_leaves(network, "", set(), is_source))


# book/learn/state.md: Generators inside of a network
def continue_numbers(source: Any, state: Any) -> None:
    """Let a generator of NumPy go on from a state, or raise if it is of another kind."""
    bits, kind = source.bit_generator, type(source.bit_generator).__name__
    if not isinstance(state, dict) or state.get("bit_generator") != kind:
        found = state.get("bit_generator") if isinstance(state, dict) else type(state).__name__
        raise DifferentiationValueError(
            f"a state of a {found} was given to a generator of kind {kind}. Make a generator "
            "of the kind that was saved."
        )
    bits.state = state


# book/learn/state.md: Generators inside of a network
def network_state(network: Module) -> dict[str, Any]:
    """Parameters of a network, and where its generators stand."""
    doors = {name: door(source) for name, source in generators_of(network).items()}
    states = {name: found.give() for name, found in doors.items() if found}
    return {"parameters": network.state_dict(), "generators": states}


def continue_whole(network: Module, state: Any) -> None:
    """Let a network go on from a state that `network_state` has made."""
    own = generators_of(network)
    expect_names({"parameters", "generators"}, state)
    expect_names(own, state["generators"])
    network.load_state_dict(state["parameters"])
    for name, source in own.items():
        if found := door(source):
            found.take(state["generators"][name])


# book/learn/state.md: Text and arrays
class Codec(NamedTuple):
    """How values of a type are written as JSON, and read again."""

    kind: Any  #: The type.
    parts: Callable[[Any], Any]  #: What is packed in place of the value.
    value: Callable[[Any], Any]  #: The value again, from that.


# book/learn/state.md: Text and arrays
class SavedState(NamedTuple):
    """The state of something, as distinct from a plain value."""

    value: Any  #: What it gave.


#: Values that are written by what they hold, under a name.
FORMS = {
    "state": Codec(SavedState, lambda state: state.value, SavedState),
    "tuple": Codec(tuple, list, tuple),
    "complex": Codec(complex, lambda z: [z.real, z.imag], lambda parts: complex(*parts)),
    "dict": Codec(dict, lambda known: [list(item) for item in known.items()], dict),
}


# book/learn/state.md: An array is a number
def numbered(value: Any, where: str, arrays: list[np.ndarray]) -> list[Any]:
    """Number of an array in the list, to which it is appended, and the name of its dtype."""
    if not isinstance(value, np.generic) and type(value) is not np.ndarray:
        raise DifferentiationTypeError(
            f"a value of type {type(value).__name__} was given to save, as {where}. Give "
            "modules, optimisers, generators, numbers, texts and arrays, or lists, tuples and "
            "dictionaries of those."
        )
    array = np.asarray(value)
    small = array.dtype.kind == "V" and differentiable(array.dtype)  # such as bfloat16
    if small:
        array = array.view(f"u{array.itemsize}")
    elif array.dtype.kind not in "biufcSUMm":
        raise DifferentiationTypeError(
            f"an array of dtype {array.dtype} was given to save, as {where}. Give arrays of "
            "numbers, truth values or texts."
        )
    arrays.append(array)
    return [len(arrays) - 1, value.dtype.name if small else None]


# book/learn/state.md: Packing
def packed(value: Any, where: str, arrays: list[np.ndarray]) -> Any:
    """A value as JSON can hold it; arrays are appended to a list."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if type(value) is list:
        try:
            return [packed(part, f"{where}[{i}]", arrays) for i, part in enumerate(value)]
        except RecursionError:
            raise DifferentiationValueError(
                f"what was given to save as {where.partition('[')[0]} contains itself, or is "
                "nested too deep for Python to follow. Leave the container out of itself."
            ) from None
    if found := door(value):
        value = SavedState(found.give())
    for name, form in FORMS.items():
        if type(value) is form.kind:
            return {name: packed(form.parts(value), where, arrays)}
    return {"array": numbered(value, where, arrays), "scalar": isinstance(value, np.generic)}


# book/learn/state.md: Unpacking
def unpacked(value: Any, arrays: list[np.ndarray]) -> Any:
    """The value that was packed."""
    if isinstance(value, list):
        return [unpacked(part, arrays) for part in value]
    if not isinstance(value, dict):
        return value
    if "array" in value:
        number, small = value["array"]
        array = arrays[number] if small is None else arrays[number].view(small_dtype(small))
        return array[()] if value["scalar"] else array
    ((name, parts),) = value.items()
    return FORMS[name].value(unpacked(parts, arrays))


def small_dtype(name: str) -> Any:
    """The dtype of a small format, which a package of its own defines."""
    import ml_dtypes

    return np.dtype(getattr(ml_dtypes, name))


# book/learn/state.md: Unpacking
def with_states(value: Any) -> Any:
    """A value with states in place of what they are the states of."""
    if type(value) is SavedState:
        return with_states(value.value)
    if type(value) in (list, tuple):
        return type(value)(with_states(part) for part in value)
    return {k: with_states(v) for k, v in value.items()} if type(value) is dict else value
