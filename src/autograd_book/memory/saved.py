"""Saved values.

Inside a ``saved_values`` block what rules will need on the way back is kept in
another form, here with eight bits for a number.

::

    import numpy as np
    import autograd_book as ab
    from autograd_book.memory.saved import saved_values

    x = np.linspace(-2, 2, 1000)
    f = lambda x: np.sum(np.tanh(np.sin(x)))
    exact, rough = ab.grad(f)(x), ab.grad(saved_values("int8")(f))(x)
    print(0 < np.max(np.abs(exact - rough)) < 0.02)
"""
# Generated from book/memory/saved.md by autograd-book extract; edit the chapter, not this file.
# sha256: 707b30f1f176817ee3ac8489b4f5b3f9a20ade3e27f9ff2c4c578784c91bf961

__all__ = [
    "Item",
    "shelf",
    "unlike",
    "shelved",
    "Back",
    "address",
    "packed_array",
    "arrays_in",
    "Slot",
    "unwrapped",
    "at_hand",
    "pack",
    "unpack",
    "Noted",
    "slot",
    "as_bits",
    "leaf_arrays",
    "note_leaf",
    "packable",
    "is_ours",
    "PLAIN",
    "only_compared",
    "replacement",
    "pack_saved",
    "Saving",
    "saved_values",
]


# book/memory/saved.md: One array, several nodes
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from autograd_book.graph.errors import DifferentiationValueError, described
from autograd_book.memory.policies import Policy


class Item:
    """One array in the form that a policy packed; nodes that saved the array share it."""

    __slots__ = (
        "policy", "packed", "shape", "dtype", "what", "source", "made", "__weakref__",
    )

    def __init__(self, policy: Policy, packed: Any, like: np.ndarray, what: str) -> None:
        self.policy, self.packed = policy, packed
        self.what = what  #: Whose value it is, for messages.
        self.shape, self.dtype = like.shape, like.dtype
        #: The array that was packed, and the one that was unpacked last, while they live.
        self.source: Callable[[], Any] = weakref.ref(like)
        self.made: Callable[[], Any] = type(None)

    def stands_for(self, policy: Policy, x: np.ndarray) -> bool:
        """Whether this is what the policy makes of x. Truth values are compared, since they
        may have been changed."""
        if self.policy is not policy or not (x is self.source() or x is self.made()):
            return False
        return x.dtype != np.bool_ or np.array_equal(x, self.recall())

    def recall(self) -> np.ndarray:
        """The array, unpacked unless it still is."""
        array: Any = self.made()
        if array is None:
            array = self.policy.unpack(self.packed)
            if not isinstance(array, np.ndarray) or not self.is_like(array):
                raise unlike(self, array)
            self.made = weakref.ref(array)
            shelf[id(array)] = self
        found: np.ndarray = array
        return found

    def is_like(self, array: np.ndarray) -> bool:
        """Whether an array has the shape and dtype of the one that was packed."""
        return (array.shape, array.dtype) == (self.shape, self.dtype)


#: Items by the identity of the arrays that they stand for.
shelf: "weakref.WeakValueDictionary[int, Item]" = weakref.WeakValueDictionary()


# book/memory/saved.md: One array, several nodes
def unlike(item: Item, found: Any) -> DifferentiationValueError:
    """The error for a policy that unpacked something else than was packed."""
    return DifferentiationValueError(
        f"{item.what} was packed as {item.dtype} of shape {item.shape}, and unpacked "
        f"by {type(item.policy).__name__} as {described(found)}. Return an array of "
        "the shape and dtype that were packed."
    )


# book/memory/saved.md: One array, several nodes
def shelved(policy: Policy, x: np.ndarray, what: str) -> Item | None:
    """The item of an array, packed now if it was not yet; None if the policy declines."""
    item = shelf.get(id(x))
    if item is None or not item.stands_for(policy, x):
        packed = policy.pack(x)
        if packed is None:
            return None
        shelf[id(x)] = item = Item(policy, packed, x, what)
    return item


# book/memory/saved.md: Views
from numpy.lib.stride_tricks import as_strided

from autograd_book.memory.books import owner_of

Back = Callable[[np.ndarray], Any]  #: From a recalled array to the saved value.


def address(x: np.ndarray) -> int:
    """Where the first element of an array lies."""
    place: int = x.__array_interface__["data"][0]
    return place


# book/memory/saved.md: Views
def packed_array(x: np.ndarray) -> tuple[np.ndarray, Back]:
    """A contiguous array with the elements of x, and the way back to x and its layout.

    Views that show all of their owner, or parts of it repeatedly, share the owner.
    """
    root = owner_of(x)
    alike = type(root) is np.ndarray and root.flags.c_contiguous and root.dtype == x.dtype
    if alike and root is not x and root.size <= x.size:
        shape, strides = x.shape, x.strides
        first = (address(x) - address(root)) // x.itemsize
        return root, lambda root: as_strided(root.reshape(-1)[first:], shape, strides)
    if x.flags.c_contiguous:
        return x, lambda x: x
    order = sorted(range(x.ndim), key=lambda axis: -abs(x.strides[axis]))
    places = np.argsort(order)
    return np.asarray(x.transpose(order), order="C"), lambda root: root.transpose(places)


# book/memory/saved.md: In place of the tuple
from autograd_book.stability.tolerance import SavedForm


def arrays_in(packed: Any) -> Iterator[np.ndarray]:
    """The arrays in forms, tuples, lists and dictionaries of any depth."""
    if isinstance(packed, np.ndarray):
        yield packed
    elif isinstance(packed, SavedForm):
        yield from packed.arrays()
    elif isinstance(packed, (tuple, list, dict)):
        for part in packed.values() if isinstance(packed, dict) else packed:
            yield from arrays_in(part)


class Slot(SavedForm):
    """In place of a saved value: an item, and the way from its array to the value."""

    __slots__ = ("item", "back")

    def __init__(self, item: Item, back: Back) -> None:
        self.item, self.back = item, back

    def recall(self) -> Any:
        """The value, unpacked."""
        return self.back(self.item.recall())

    def arrays(self) -> Iterator[np.ndarray]:
        """The arrays in the packed form."""
        return arrays_in(self.item.packed)


# book/memory/saved.md: In place of the tuple
from autograd_book.graph.record import tie
from autograd_book.graph.variable import Variable
from autograd_book.stability.tolerance import Scaled


def unwrapped(value: Any) -> tuple[Any, Back]:
    """What is innermost in a saved value, an array as a rule, and the way back to the value."""
    if type(value) is Variable:
        inner, back = unwrapped(value.value)
        node, record = value.node, value.record
        return inner, lambda inner: tie(Variable, back(inner), node, record)
    if type(value) is Scaled:
        like = value.dtype, value.shift
        return value.halves, lambda halves: Scaled(halves, *like).recall()
    return value, lambda value: value


# book/memory/saved.md: In place of the tuple
from autograd_book.graph.primitive import Primitive, primitives
from autograd_book.graph.stack import floor


def at_hand(value: Any) -> Any:
    """The array itself; of a symbol, the one that it has while it is captured."""
    return value.held if hasattr(type(value), "held") else value


def pack(x: np.ndarray, policy: Policy) -> Callable[[], Any]:
    """What gives the array again, and holds what the policy makes of it."""
    root, view = packed_array(x)
    own = root.copy()  # a program writes other values into the memory of x
    packed = policy.pack(own)
    if packed is None:
        return lambda: view(own)
    return lambda: view(policy.unpack(packed))


def unpack(form: Callable[[], Any]) -> Any:
    """The array again."""
    return form()


Primitive(pack, "x", flat=True), Primitive(unpack, "form", flat=True)


class Noted(SavedForm):
    """In place of a symbol: another that stands for its packed form."""

    __slots__ = ("back", "form")

    def __init__(self, policy: Policy, symbol: Any, back: Back) -> None:
        self.form = floor.get().bind(primitives[pack], (symbol,), {"policy": policy})
        self.back = back

    def recall(self) -> Any:
        """The value, unpacked."""
        return self.back(floor.get().bind(primitives[unpack], (self.form,), {}))

    def arrays(self) -> Iterator[np.ndarray]:
        """None that could be weighed: the form is made in each call."""
        yield from ()


# book/memory/saved.md: In place of the tuple
def slot(policy: Policy, tolerance: int, value: Any, what: str) -> Any:
    """A slot for a value; the value itself if the policy declines, or errs too much."""
    suited = policy.suited(tolerance)
    if suited is None:
        return value
    array, back = unwrapped(value)
    if hasattr(type(array), "held"):
        return Noted(suited, array, back)
    root, view = packed_array(array)
    item = shelved(suited, root, what)
    return value if item is None else Slot(item, lambda root: back(view(root)))


# book/memory/saved.md: In place of the tuple
from autograd_book.memory.policies import ORDER, policy_named


def as_bits(truths: Any, what: str) -> Any:
    """A slot for something that is compared like a value, given as truth values; anything
    else as it is."""
    if not isinstance(truths, tuple):
        return truths
    bits = policy_named("bits")
    like = truths[0] if len(truths) == 1 else np.broadcast_to(ORDER[0], truths[0].shape)
    return Slot(Item(bits, bits.pack(truths), like, what), lambda root: root)


# book/memory/saved.md: What is not packed
from autograd_book.graph.record import Leaf
from autograd_book.stability.precision import FEW

#: Arrays of leaves by identity: they are there anyway, and packing them saves nothing.
leaf_arrays: "weakref.WeakValueDictionary[int, np.ndarray]" = weakref.WeakValueDictionary()


def note_leaf(x: Any) -> None:
    """Remember the array of a leaf."""
    while type(x) is Variable and isinstance(x.node, Leaf):
        x = at_hand(x.value)
        if isinstance(x, np.ndarray) and x.size >= FEW:
            root = owner_of(x)
            leaf_arrays[id(root)] = root


def packable(value: Any) -> bool:
    """Whether a value is a large array, and not that of a leaf."""
    array = at_hand(unwrapped(value)[0])
    return (
        type(array) is np.ndarray
        and array.size >= FEW
        and leaf_arrays.get(id(root := owner_of(array))) is not root
    )


# book/memory/saved.md: What is not packed
from autograd_book.graph.primitive import SEAL
from autograd_book.graph.record import Node
from autograd_book.stability.precision import half


def is_ours(value: Any, origin: Node | None) -> bool:
    """Whether a saved value is large and was computed, or is made of truth values."""
    if origin is not None and origin.plan and origin.plan.primitive is primitives[half]:
        (origin,) = origin.inputs  # a copy lives as long as what it is a copy of
    computed = origin is not None and not isinstance(origin, Leaf)
    return packable(value) and (computed or unwrapped(value)[0].dtype == np.bool_)


# book/memory/saved.md: What replaces a value
from autograd_book.memory.policies import COMPARED

PLAIN = (np.ndarray, np.generic, int, float)  #: What comparisons are made of.


def only_compared(
    primitive: Primitive, saved: dict[str, Any], params: dict[str, Any]
) -> dict[str, Any]:
    """What stands for the saved values of a primitive if its rules only compare; else nothing."""
    values = {n: unwrapped(v)[0] for n, v in saved.items() if not n.endswith(SEAL)}
    if primitive not in COMPARED or not all(isinstance(v, PLAIN) for v in values.values()):
        return {}
    return COMPARED[primitive](**values, **params)


# book/memory/saved.md: What replaces a value
from autograd_book.memory.policies import Keep
from autograd_book.stability.tolerance import EXACT, TOLERATES


def replacement(
    policy: Policy, primitive: Primitive, name: str, saved: dict[str, Any], params: Any
) -> dict[str, Any]:
    """What replaces one saved value, and others that are compared with it."""
    array, what = unwrapped(saved[name])[0], f"the value {name} saved by {primitive.name}"
    policy = policy.choose(primitive.name, name, array)
    if isinstance(policy, Keep):
        return {}
    if array.dtype == np.bool_:
        return {name: slot(policy_named("bits"), EXACT, saved[name], what)}
    if found := only_compared(primitive, saved, params):
        return {n: as_bits(truths, what) for n, truths in found.items()}
    tolerance = TOLERATES.get((primitive, name), EXACT)
    return {name: slot(policy, tolerance, saved[name], what)}


# book/memory/saved.md: What replaces a value
from autograd_book.stability.tolerance import Packed


def pack_saved(policy: Policy, node: Any, primitive: Primitive) -> None:
    """Put another form in place of what a node saved, if anything in it is packed."""
    saved = dict(zip(node.plan.asks, getattr(node.saved, "parts", node.saved)))
    parts = dict(saved)
    for name, origin in zip(saved, node.plan.origins(node)):
        if parts[name] is saved[name] and is_ours(saved[name], origin):
            parts |= replacement(policy, primitive, name, saved, node.params)
    changed = {name for name in saved if parts[name] is not saved[name]}
    if changed:
        # What is a copy now can no longer be changed by anybody.
        parts |= {name + SEAL: None for name in changed if name + SEAL in saved}
        node.saved = Packed(list(parts.values()))


# book/memory/saved.md: The interpreter
from autograd_book.graph.interpreter import Interpreter
from autograd_book.stability.precision import nodes_of


class Saving(Interpreter):
    """Has what nodes save kept by a policy."""

    __slots__ = ("policy",)

    def __init__(self, below: Interpreter, policy: Policy) -> None:
        super().__init__(below)
        self.policy = policy

    def under(self, level: Any) -> tuple[Interpreter, Interpreter]:
        """Stay on top of a new level; a Saving inside this one takes its place."""
        below, made = self.below.under(level)
        if isinstance(made, Saving):
            return made, made
        return Saving(below, self.policy), made

    def bind(self, primitive: Primitive, args: Any, params: dict[str, Any]) -> Any:
        """Apply a primitive, and pack what its nodes saved."""
        for a in args:
            note_leaf(a)
        out = self.below.bind(primitive, args, params)
        for node in nodes_of(out):
            if type(node.saved) in (tuple, Packed) and node.plan.primitive.name == primitive.name:
                pack_saved(self.policy, node, primitive)
        return out

    def hold(self, values: tuple[Any, ...]) -> Any:
        """A tuple of values from which others are computed, packed if nothing is lost."""
        parts = list(values)
        for i, value in enumerate(values):
            note_leaf(value)
            if packable(value):
                policy = self.policy.choose("checkpoint", str(i), unwrapped(value)[0])
                parts[i] = slot(policy, EXACT, value, f"input {i} of a checkpoint")
        return Packed(parts) if any(type(p) is Slot for p in parts) else values


# book/memory/saved.md: The interpreter
from autograd_book.graph.stack import push
from autograd_book.memory.policies import policy_of


class saved_values(push):
    """Context manager, or decorator, under which a policy keeps what the way back needs.

    Parameters
    ----------
    policy : str, Policy, pair, dict or callable
        ``"keep"``, ``"float16"``, ``"bfloat16"``, ``"int8"``, ``"bits"``, ``"zlib"`` or
        ``"disk"``; an instance of a `Policy`; functions ``(pack, unpack)``; any of these
        for primitives by name, with ``"else"`` for the others; or a function of primitive,
        name and array that returns any of these.

    Raises
    ------
    DifferentiationTypeError
        If the policy is none of these.
    DifferentiationValueError
        If a dictionary names a primitive that there is not.
    """

    def __init__(self, policy: Any) -> None:
        super().__init__(Saving, policy_of(policy))

    def onto(self, stack: Interpreter) -> tuple[Interpreter, Saving]:
        """The new level on the very top, in place of a Saving that is there."""
        level = Saving(stack.below if isinstance(stack, Saving) else stack, *self.args)
        return level, level
