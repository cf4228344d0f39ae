"""Primitives and their rules.

A primitive is a NumPy function, the names of its array arguments, and one rule
for each argument. A rule is a plain lambda, and *its parameter names say what
has to be kept* until it is called.

::

    import numpy as np
    from autograd_book.graph.primitive import Primitive

    multiply = Primitive(np.multiply, "x y", x=lambda g, y: g * y, y=lambda g, x: g * x)
    plan = multiply.plans[0b11]           # both arguments are differentiated
    print(plan.asks)                      # what has to be saved for that
    print(plan.pull(1.0, plan.save(6.0, (2.0, 3.0)), {}))
"""
# Generated from book/graph/primitive.md by autograd-book extract; edit the chapter, not this file.
# sha256: 2efada121f4853c9fd3684ecce9acd7cfd90395998ca3ebcc9cf29a381873975

__all__ = [
    "Rule",
    "asked",
    "SEAL",
    "shape_of",
    "sources",
    "wanted",
    "save_text",
    "argument_text",
    "pull_text",
    "LARGE",
    "WORDS",
    "WEIGHTS",
    "fingerprint",
    "Handle",
    "seal",
    "unwritable",
    "intact",
    "Plan",
    "Plans",
    "Forms",
    "primitives",
    "Primitive",
    "UFUNC_OPTIONS",
    "signature",
    "is_default",
    "shown_value",
    "REMEDIES",
    "refuse_unread",
    "settled",
    "copied",
    "differentiable",
    "picked",
    "ARRAYS",
    "with_arrays",
    "arrange",
    "node_params",
    "expect_order_and_names",
]


# book/graph/primitive.md: What a rule asks for
import inspect
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any

import numpy as np

from autograd_book.graph.errors import DifferentiationTypeError, NoRuleError, described

#: A derivative rule: the cotangent ``g`` first, then what it asks for by name.
Rule = Callable[..., Any]


def asked(rule: Rule) -> tuple[str, ...]:
    """Names of what a rule asks for besides the cotangent, in its order."""
    code = getattr(rule, "__code__", None)
    names = code.co_varnames[: code.co_argcount] if code else (described(rule),)
    if names[:1] != ("g",):
        raise DifferentiationTypeError(
            f"a rule has the parameters {names}, and the first is not the cotangent g. "
            "Write it as lambda g, ...: ..."
        )
    return names[1:]


# book/graph/primitive.md: Where it is found
SEAL = "_seal"  #: Ends the name under which the seal of an argument is kept.


def shape_of(value: Any) -> tuple[int, ...]:
    """Shape of an array, a Variable, or anything NumPy would make an array of."""
    return value.shape if hasattr(value, "shape") else np.shape(value)


def sources(arguments: list[str]) -> dict[str, str]:
    """Where a plan finds each thing that a rule can ask for, as source text."""
    found = {"out": "out"}
    for i, name in enumerate(arguments):
        if name.startswith("*"):
            found[name[1:] + "_shapes"] = f"tuple(map(shape_of, args[{i}:]))"
        else:
            found[name] = f"args[{i}]"
            found[name + "_shape"] = f"shape_of(args[{i}])"
            found[name + SEAL] = f"seal(args[{i}])"
    return found


# book/graph/primitive.md: Where it is found
def wanted(rules: list[Rule], known: dict[str, str]) -> list[str]:
    """Names of what has to be saved for these rules."""
    names = {name for rule in rules for name in asked(rule)}
    return [name for name in known if name in names]


def save_text(asks: list[str], known: dict[str, str]) -> str:
    """Source of the function that saves: from the result and the arguments to a tuple."""
    return f"lambda out, args: ({''.join(known[name] + ', ' for name in asks)})"


# book/graph/primitive.md: Calling the rules
def argument_text(name: str, asks: list[str], rule: Rule) -> str:
    """Source of one argument in the call of a rule: a saved value, or a parameter of the
    call."""
    if name + SEAL in asks:
        return (
            f"intact(saved[{asks.index(name)}], saved[{asks.index(name + SEAL)}], "
            f"owner, {name!r})"
        )
    if name in asks:
        return f"saved[{asks.index(name)}]"
    default = inspect.signature(rule).parameters[name].default
    if default is inspect.Parameter.empty:
        return f"params[{name!r}]"
    return f"params.get({name!r}, {default!r})"


def pull_text(rules: list[Rule], asks: list[str], joint: bool) -> str:
    """Source of the function that pulls: from a cotangent to one cotangent for each tracked
    argument."""
    calls = [
        f"rules[{k}]("
        f"{', '.join(['g', *(argument_text(name, asks, rule) for name in asked(rule))])})"
        for k, rule in enumerate(rules)
    ]
    chosen = "tuple(map({}.__getitem__, tracked))" if joint else "({},)"
    return "lambda g, saved, params: " + chosen.format(", ".join(calls))


# book/graph/primitive.md: What the caller may still change
import os

from autograd_book.graph.errors import MutatedValueError

LARGE = 1 << 15  #: Bytes from which an array is summed up before it is hashed.
WORDS = 1024  #: Words of 64 bits in a row of the table.
#: Random weights for the words as they are, and for the words read backwards.
WEIGHTS = [np.frombuffer(os.urandom(8 * WORDS), np.uint64) for _ in range(2)]


def fingerprint(array: Any) -> int:
    """One number made of all the bytes of an array, in their places."""
    if array.nbytes < LARGE or array.dtype.hasobject:
        return hash(array.tobytes())
    flat = array.ravel("K").view(np.uint8)
    whole = flat.size - flat.size % (8 * WORDS)
    table = flat[:whole].view("<u8").reshape(-1, WORDS)
    sums = [
        np.einsum("ij,j->i", table.view(order), weights).tobytes()
        for order, weights in zip(("<u8", ">u8"), WEIGHTS, strict=True)
    ]
    return hash((*sums, flat[whole:].tobytes()))


# book/graph/primitive.md: What the caller may still change
class Handle:
    """Base of all that stands in place of an array: the Variable, and what later chapters add."""

    __slots__ = ()

    dtype: Any  #: NumPy dtype of what it stands for.


def seal(value: Any) -> int | None:
    """Fingerprint of what its owner could still write into; None for numbers and for arrays
    closed to writing.

    Raises
    ------
    DifferentiationTypeError
        If the value is a masked array or a matrix, whose arithmetic is not that of arrays.
    """
    if isinstance(value, (np.ma.MaskedArray, np.matrix)):
        raise DifferentiationTypeError(
            f"a {type(value).__name__} was used as a constant of shape {value.shape}, and "
            "its arithmetic is not that of arrays. Pass np.asarray of it, and choose with "
            "np.where in place of a mask."
        )
    return None if unwritable(value) else fingerprint(np.asarray(value))


def unwritable(value: Any) -> bool:
    """Whether nobody can write into a value: a number, or an array that was closed to writing
    together with all that it is a view of."""
    if not isinstance(value, np.ndarray):
        return isinstance(value, (int, float, complex, np.generic, Handle))
    while isinstance(value, np.ndarray) and not value.flags.writeable:
        value = value.base
    return value is None or isinstance(value, bytes)


# book/graph/primitive.md: What the caller may still change
def intact(value: Any, noted: int | None, owner: str, name: str) -> Any:
    """The saved constant, or MutatedValueError if it is no longer what it was."""
    if noted is not None and seal(value) != noted:
        raise MutatedValueError(
            f"the argument {name} of {owner}, an array of shape {np.shape(value)}, was "
            "changed in place after the forward pass used it. Pass a copy, or change it "
            "after the backward pass."
        )
    return value if noted is None else np.asarray(value)


# book/graph/primitive.md: What the caller may still change
class Plan:
    """What a primitive saves, and how it pulls, when the arguments in `mask` are
    differentiated.

    Attributes
    ----------
    tracked : list of int
        Positions of the differentiated arguments.
    asks : list of str
        Names of what is saved.
    save, pull : callable
        ``save(out, args)`` gives the saved tuple, ``pull(g, saved, params)`` one cotangent
        for each tracked argument.
    text : str
        The source of both.
    """

    __slots__ = ("primitive", "tracked", "asks", "save", "pull", "text")

    def __init__(self, primitive: "Primitive", mask: int) -> None:
        self.primitive = primitive
        self.tracked = [i for i in range(mask.bit_length()) if mask >> i & 1]
        rules = (
            [primitive.joint]
            if primitive.joint
            else [primitive.rule(i) for i in self.tracked]
        )
        known, constants = (
            sources(primitive.arguments),
            set(primitive.arguments) - set(map(primitive.name_of, self.tracked)),
        )
        self.asks = wanted(rules, known)
        self.asks += [name + SEAL for name in self.asks if name in constants]
        save, pull = (
            save_text(self.asks, known),
            pull_text(rules, self.asks, primitive.joint is not None),
        )
        scope = {"rules": rules, "tracked": self.tracked, "owner": primitive.name}
        scope |= {"__name__": __name__}  # so that its frames are known as the engine's
        scope |= {"shape_of": shape_of, "seal": seal, "intact": intact}
        self.save, self.pull, self.text = (
            eval(save, scope),
            eval(pull, scope),
            f"{save}\n{pull}",
        )

    def origins(self, node: Any) -> list[Any]:
        """For each saved value the node it is the value of, or None for a constant or a
        shape."""
        names = [self.primitive.name_of(i) for i in self.tracked]
        known = dict(zip(names, node.inputs)) | {"out": node}
        return [known.get(name) for name in self.asks]


# book/graph/primitive.md: What the caller may still change
class Plans(dict[int, Plan | None]):
    """Plans of one primitive, made at the first use: bit i of the key says whether argument
    i is differentiated.

    A flat primitive has no plan for any of them.
    """

    __slots__ = ("primitive",)

    def __init__(self, primitive: "Primitive") -> None:
        self.primitive = primitive

    def __missing__(self, mask: int) -> Plan | None:
        plan = self[mask] = None if self.primitive.flat else Plan(self.primitive, mask)
        return plan


# book/graph/primitive.md: What the caller may still change
class Forms(dict[tuple[Any, ...], Any]):
    """Where the arrays and the parameters of a call stand, found at the first call of each
    form: the number of positional arguments, then the names of the others."""

    __slots__ = ("primitive", "known")

    def __init__(self, primitive: "Primitive") -> None:
        self.primitive = primitive
        self.known: frozenset[str] | None = None  #: What `read` has found.

    def __missing__(self, form: tuple[Any, ...]) -> tuple[list[Any], list[Any]]:
        given, *names = form
        primitive, count = self.primitive, len(self.primitive.arguments)
        bound = signature(primitive.fun, tuple(primitive.arguments)).bind(
            *range(given), **{name: name for name in names}
        )
        places, defaults = list(bound.arguments.items()), bound.signature.parameters
        options = [(name, place, defaults[name].default) for name, place in places[count:]]
        found = self[form] = [place for _, place in places[:count]], options
        return found

    def read(self) -> frozenset[str]:
        """Names of the parameters that some rule reads."""
        if self.known is None:
            primitive = self.primitive
            rules = [primitive.joint] if primitive.joint else primitive.rules.values()
            read = {name for rule in rules for name in asked(rule)}
            self.known = frozenset(read - sources(primitive.arguments).keys())
        return self.known


# book/graph/primitive.md: The primitive
#: The one table: from a function to its primitive.
primitives: dict[Callable[..., Any], "Primitive"] = {}


class Primitive:
    """A NumPy function, the names of its array arguments, and a rule for each.

    Parameters
    ----------
    fun : callable
        Computes the result from plain arrays.
    arguments : str
        Names of the array arguments, separated by spaces; the last may be ``*name`` for any
        number of arrays.
    joint : callable, optional
        One rule that returns the cotangents of all arguments, where separate rules would
        repeat work.
    flat : bool, optional
        True when the result does not depend smoothly on any argument: it then carries no
        gradient.
    linear : str, optional
        Names of the arguments in which the function is linear, each while the others are
        held.
    elementwise : bool, optional
        True when each element of the result depends on one element of each argument, after
        broadcasting; by default for universal functions. The walk then undoes the
        broadcasting.
    view : bool, optional
        True when the result can share memory with the first argument.
    into : callable, optional
        ``into(*args, **params, out=buffer)`` writes the result into a buffer, bit for bit;
        by default the universal function itself.
    composite : bool, optional
        True when the function is made of NumPy calls that have primitives of their own.
    effect : bool, optional
        True when a call does something besides computing its result, so that each has to be
        carried out, once and in its place.
    **rules : callable
        For each argument name a rule ``lambda g, ...``: the cotangent of that argument.

    Raises
    ------
    DifferentiationTypeError
        If a rule is named for an argument that the primitive does not have.
    """

    __slots__ = (
        "fun", "name", "arguments", "joint", "flat", "linear", "elementwise", "view", "into",
        "composite", "effect", "rules", "plans", "forms",
    )

    def __init__(
        self,
        fun: Callable[..., Any],
        arguments: str,
        joint: Rule | None = None,
        flat: bool = False,
        linear: str = "",
        elementwise: bool | None = None,
        view: bool = False,
        into: Callable[..., Any] | None = None,
        composite: bool = False,
        effect: bool = False,
        **rules: Rule,
    ) -> None:
        self.fun, self.name, self.arguments = fun, fun.__name__, arguments.split()
        self.joint, self.flat, self.rules = joint, flat, rules
        self.plans, self.forms = Plans(self), Forms(self)
        self.linear = linear.split()
        plain_ufunc = isinstance(fun, np.ufunc) and fun.signature is None
        self.elementwise = plain_ufunc if elementwise is None else elementwise
        self.into = fun if into is None and isinstance(fun, np.ufunc) else into
        self.view, self.composite, self.effect = view, composite, effect
        if not rules.keys() <= set(self.arguments):
            raise DifferentiationTypeError(
                f"{self.name} has the arguments {self.arguments} and got rules for "
                f"{sorted(rules)}. Name each rule after the argument that it "
                "differentiates."
            )
        primitives[fun] = self

    def __repr__(self) -> str:
        return f"<primitive {self.name}({', '.join(self.arguments)})>"

    def name_of(self, position: int) -> str:
        """Name of the argument at `position`."""
        return self.arguments[min(position, len(self.arguments) - 1)]

    def rule(self, position: int) -> Rule:
        """Rule for the argument at `position`; NoRuleError names what is missing."""
        name = self.name_of(position)
        if name not in self.rules:
            raise NoRuleError(
                f"{self.name} has no derivative rule for its argument {name}. "
                "Pass that argument as a plain array, or define a primitive that has the "
                "rule."
            )
        return self.rules[name]


# book/graph/primitive.md: Calls in NumPy's form
#: And their defaults.
UFUNC_OPTIONS = {
    "out": None,
    "where": True,
    "casting": "same_kind",
    "order": "K",
    "dtype": None,
    "subok": True,
}
UFUNC_OPTIONS |= {"signature": None, "axes": None, "axis": None, "keepdims": False}


@cache
def signature(fun: Callable[..., Any], arguments: tuple[str, ...]) -> inspect.Signature:
    """Signature of a NumPy function or ufunc, in NumPy's order and with NumPy's
    defaults."""
    known = UFUNC_OPTIONS if isinstance(fun, np.ufunc) else {}
    if not known:
        # raised for a function in C that tells nothing of itself
        with suppress(ValueError):
            return inspect.signature(fun)
    kind = inspect.Parameter
    arrays = [kind(name, kind.POSITIONAL_ONLY) for name in arguments]
    options = [
        kind(name, kind.KEYWORD_ONLY, default=value) for name, value in known.items()
    ]
    return inspect.Signature(arrays + options)


# book/graph/primitive.md: Calls in NumPy's form
def is_default(value: Any, default: Any) -> bool:
    """Whether a parameter was given the value that it has anyway."""
    simple = type(value) is type(default) and isinstance(value, (bool, int, str))
    return value is default or (simple and value == default)


def shown_value(value: Any) -> str:
    """The value of a parameter in a message: an array to write into only by its shape."""
    return described(value) if isinstance(value, (np.ndarray, tuple)) else repr(value)


#: By parameter.
REMEDIES = {
    "out": "Leave out= away, and go on with what the call returns, as in a = np.exp(b); for "
    "a -= b that is a = a - b, and for w.data -= step it is w -= step under no_grad(). A "
    "plain value is had with .numpy()."
}


def refuse_unread(primitive: Primitive, params: dict[str, Any]) -> None:
    """Raise for a parameter that no rule reads, and for ``out``."""
    for name in sorted(params, key="out".__eq__):  # beside it, the remedy for where serves
        if name == "out" or not (primitive.flat or name in primitive.forms.read()):
            raise NoRuleError(
                f"{primitive.name} was called with {name}={shown_value(params[name])}, which its "
                "derivative rules do not read. "
                + REMEDIES.get(
                    name, "Leave that parameter out, or apply it in a step of its own."
                )
            )


# book/graph/primitive.md: Calls in NumPy's form
def settled(primitive: Primitive, params: dict[str, Any]) -> dict[str, Any]:
    """Parameters that nobody else can change: arrays and lists are copied, and constant
    Variables unpacked."""
    for name, value in params.items():
        if getattr(value, "node", None) is not None:
            raise NoRuleError(
                f"{primitive.name} was given a Variable that needs a gradient as its "
                f"parameter {name}, which no rule differentiates. Pass its .numpy() if a "
                "constant is meant."
            )
    return {name: copied(value) for name, value in params.items()}


def copied(value: Any) -> Any:
    """A copy of an array or a list, and the plain value of a constant Variable; anything
    else as it is."""
    if isinstance(value, (np.ndarray, list)):
        return value.copy()
    return value.numpy()[()] if hasattr(value, "requires_grad") else value


# book/graph/primitive.md: Calls in NumPy's form
def differentiable(dtype: Any) -> bool:
    """Whether numbers of a dtype have derivatives: floating point, complex, and small formats such as bfloat16."""
    return dtype.kind in "fc" or (dtype.kind == "V" and np.can_cast(dtype, np.float32))


# book/graph/primitive.md: Calls in NumPy's form
def picked(place: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What stands at a place of a call; several places make a tuple or a dictionary."""
    if isinstance(place, int):
        return args[place]
    if isinstance(place, str):
        return kwargs[place]
    if isinstance(place, tuple):
        return tuple([picked(each, args, kwargs) for each in place])
    return {name: picked(each, args, kwargs) for name, each in place.items()}


# book/graph/primitive.md: Calls in NumPy's form
#: Types of what is an array as it is. The chapter of the Variable adds its own.
ARRAYS: set[type] = {np.ndarray}


def with_arrays(primitive: Primitive, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments with arrays in place of lists, and of numbers where the function is not
    elementwise."""
    loose = (list, tuple) if primitive.elementwise else (list, tuple, int, float, complex)
    return tuple([np.asarray(a) if isinstance(a, loose) else a for a in args])


def arrange(
    primitive: Primitive, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Split a call in NumPy's form into array arguments and the parameters that differ from
    NumPy's defaults."""
    if not kwargs and len(args) == len(primitive.arguments):
        if ARRAYS.issuperset(map(type, args)):
            return args, kwargs
        return with_arrays(primitive, args), kwargs
    places, options = primitive.forms[len(args), *kwargs]
    params = {}
    for name, place, default in options:
        value = picked(place, args, kwargs)
        if not is_default(value, default):
            params[name] = value
    if params:
        params = node_params(primitive, params)
    return with_arrays(primitive, tuple([picked(p, args, kwargs) for p in places])), params


def node_params(primitive: Primitive, params: dict[str, Any]) -> dict[str, Any]:
    """Parameters that the rules of a primitive read, as the node can keep them."""
    refuse_unread(primitive, params)
    params = settled(primitive, params)
    if not primitive.flat and not differentiable(np.dtype(params.get("dtype", float))):
        raise DifferentiationTypeError(
            f"{primitive.name} was called with dtype={params['dtype']!r}, and whole "
            "numbers have no derivative. Ask for floating point, or convert the plain "
            "result of .numpy()."
        )
    return params


# book/graph/primitive.md: What does not belong together
def expect_order_and_names(primitive: Primitive) -> None:
    """Raise if the arguments are named in another order than the function's, or a rule asks
    for what is neither an argument nor a parameter."""
    found = signature(primitive.fun, tuple(primitive.arguments)).parameters
    given = [name for name in primitive.arguments if name in found]
    if given != (inside := [name for name in found if name in given]):
        raise DifferentiationTypeError(
            f"{primitive.name} takes {', '.join(inside)}, and its primitive names them "
            f"{', '.join(given)}. Name the array arguments in the function's order."
        )
    known = sources(primitive.arguments).keys() | found.keys()
    loose = any(p.kind is p.VAR_KEYWORD for p in found.values())
    rules = [primitive.joint] if primitive.joint else primitive.rules.values()
    for rule in rules:
        names, own = asked(rule), inspect.signature(rule).parameters
        must = {name for name in names if own[name].default is inspect.Parameter.empty}
        if unknown := sorted(must - known) * (not loose):
            raise DifferentiationTypeError(
                f"a rule of {primitive.name} asks for {', '.join(unknown)}, and there are "
                f"{', '.join(sorted(n for n in known if not n.endswith(SEAL)))}. Ask for "
                "one of these."
            )
