"""The ways to take a training step that are compared: by hand, and ours. Those of others stand in `others`.

An engine is a function of a workload: it gives the step, the values of the parameters by name, and the way to set them.
To compare another one, or another way to run one of these, add a line to `ENGINES`.
"""

import importlib.util
import inspect
import shutil
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace as Names
from typing import Any, ClassVar, NamedTuple

import numpy as np

from compared.losses import EPS, HEAD, Arrays
from compared.workloads import Workload, given


class Program(NamedTuple):
    """A workload in an engine."""

    step: Callable[[], Any]  #: Forward, back, and the update of all parameters.
    values: Callable[[], Arrays]  #: Of the parameters.
    reset: Callable[[Arrays], None]  #: Gives them values.
    wait: Callable[[], Any] = lambda: None  #: Until what was begun is done.
    weigh: Callable[[], int] | None = None  #: The most bytes above parameters and data; None where Python can count them.


class Unfit(Exception):
    """A workload that cannot be written in an engine, or not in good time; says why."""


def by_hand(workload: Workload) -> Program:
    """NumPy, with the gradients written out."""
    arrays, data = given(workload)
    p = Names(**{name: a.copy() for name, a in arrays.items()})

    def step() -> None:
        for name, g in workload.by_hand(p, data).items():
            value = getattr(p, name)
            value -= workload.lr * g

    def reset(values: Arrays) -> None:
        vars(p).update({name: a.copy() for name, a in values.items()})

    return Program(step, lambda: vars(p), reset)


def in_place(workload: Workload) -> Program:
    """NumPy, written by hand into arrays made once."""
    if workload.in_place is None:
        raise Unfit("numbers have no place to be written to")
    arrays, data = given(workload)
    p = Names(**{name: a.copy() for name, a in arrays.items()})
    gradients = workload.in_place(p, data)

    def step() -> None:
        for name, g in gradients().items():
            value = getattr(p, name)
            np.multiply(g, workload.lr, out=g)
            np.subtract(value, g, out=value)

    def reset(values: Arrays) -> None:
        for name, a in values.items():
            np.copyto(getattr(p, name), a)

    return Program(step, lambda: vars(p), reset)


class Noting(np.ndarray):
    """An array, as are the results of its operations, that notes the matrix products it is part of."""

    products: ClassVar[list[tuple[np.ndarray, np.ndarray]]] = []

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **options: Any) -> Any:
        """The operation on plain arrays."""
        plain = [np.asarray(v) if isinstance(v, Noting) else v for v in inputs]
        if out:
            options["out"] = tuple(np.asarray(v) for v in out)
        if ufunc is np.matmul:
            self.products.append((plain[0], plain[1]))
        found = getattr(ufunc, method)(*plain, **options)
        return found.view(Noting) if isinstance(found, np.ndarray) else found


def products(workload: Workload) -> list[tuple[np.ndarray, np.ndarray]]:
    """The factors of all matrix products of a step by hand, noted while it runs once."""
    arrays, data = given(workload)
    Noting.products = []
    workload.by_hand(Names(**{name: a.view(Noting) for name, a in arrays.items()}), data)
    return Noting.products


def limit(workload: Workload) -> Program:
    """The matrix products of a step alone, into arrays that are there; where there are none, a walk over the parameters.

    The parameters become what they are to become without being computed: there is nothing to compare.
    """
    if workload.operations:
        raise Unfit("a chain of numbers has no products of matrices")
    calls = [
        partial(np.dot if a.ndim == b.ndim == 2 else np.matmul, a, b, out=np.empty_like(np.matmul(a, b)))
        for a, b in products(workload)
    ] or [partial(np.add, a, a, out=np.empty_like(a)) for a in given(workload)[0].values()]
    program = by_hand(workload)
    program.step()

    def step() -> None:
        for call in calls:
            call()

    return Program(step, program.values, lambda values: None)


def ours(workload: Workload) -> Program:
    """The Autograd Book."""
    import autograd_book as ab

    def layer_norm(x: Any, scale: Any, shift: Any) -> Any:
        norm.weight, norm.bias = scale, shift
        return norm(x)

    def linear(x: Any, w: Any, b: Any) -> Any:
        layer.weight, layer.bias = w, b
        return layer(x)

    layer, norm = ab.nn.Linear(1, 1), ab.sequence.LayerNorm(1, eps=EPS)
    F = Names(
        tanh=np.tanh, exp=np.exp, sum=np.sum, transpose=np.transpose, relu=ab.relu, sigmoid=ab.sigmoid, gelu=ab.gelu,
        linear=linear, layer_norm=layer_norm, cross_entropy=ab.nn.cross_entropy, scan=looped, conv=ab.conv2d,
        squared_error=ab.nn.mean_squared_error, max_pool=lambda x: ab.max_pool2d(x, 2),
        attention=attention_of(np.swapaxes, ab.softmax),
    )  # fmt: skip
    arrays, data = given(workload)
    p = Names(**{name: ab.Variable(a) for name, a in arrays.items()})
    optimizer = ab.optim.SGD(list(vars(p).values()), lr=workload.lr)

    def step() -> None:
        optimizer.zero_grad()
        workload.loss(F, p, data).backward()
        optimizer.step()

    def reset(values: Arrays) -> None:
        for name, a in values.items():
            getattr(p, name).data = a

    return Program(step, lambda: {name: v.numpy() for name, v in vars(p).items()}, reset)


def looped(f: Callable[[Any, Any], Any], state: Any, xs: Any) -> Any:
    """The last state of a loop."""
    for x in xs:
        state = f(state, x)
    return state


def attention_of(swapaxes: Callable[..., Any], softmax: Callable[[Any], Any]) -> Callable[[Any, Any, Any], Any]:
    """Means of values by the likeness of queries and keys, composed."""
    return lambda q, k, v: softmax((q * HEAD**-0.5) @ swapaxes(k, -1, -2)) @ v


def compiled(workload: Workload, **options: Any) -> Program:
    """The Autograd Book, with the step compiled."""
    import autograd_book as ab

    program = ours(workload)
    step = ab.compile(program.step, **options)
    step()  # the step itself: the gradients come into being
    program.reset(given(workload)[0])
    return program._replace(step=step)


def with_option(option: str) -> str:
    """Why the package that is installed cannot compile so; empty if it can."""
    if not importlib.util.find_spec("autograd_book"):
        return "autograd_book is not installed"
    import autograd_book as ab

    return "" if option in inspect.signature(ab.compile).parameters else f"ab.compile has no option {option!r}"


def package(name: str) -> Callable[[], str]:
    """What says whether a package is missing."""
    return lambda: "" if importlib.util.find_spec(name) else f"{name} is not installed"


def compiler(*names: str) -> str:
    """Why nothing can be compiled here; empty if it can."""
    return "" if any(map(shutil.which, names)) else f"there is no compiler ({', '.join(names)})"


def other(name: str, workload: Workload) -> Program:
    """One of `others`, which is imported where it runs."""
    from compared import others

    return getattr(others, name)(workload)


class Engine(NamedTuple):
    """How it is made, and why it cannot be."""

    about: str
    make: Callable[[Workload], Program]
    missing: Callable[[], str] = lambda: ""
    numpy: bool = False  #: Whether its arrays are NumPy's, so that it can keep its pages, and be weighed.


def either(*reasons: Callable[[], str]) -> Callable[[], str]:
    """The first reason."""
    return lambda: next(filter(None, (reason() for reason in reasons)), "")


OURS, TORCH = package("autograd_book"), package("torch")

#: By name, in the order of the columns; the first is the unit.
ENGINES = {
    "by hand": Engine("NumPy, gradients written out, new arrays for results", by_hand, numpy=True),
    "limit": Engine("the matrix products of the step, and nothing else", limit),
    "in place": Engine("NumPy, gradients written out, into arrays made once", in_place, numpy=True),
    "ours": Engine("the step as a user writes it", ours, OURS, numpy=True),
    "exact": Engine("ab.compile(step, exact=True)", partial(compiled, exact=True), OURS, numpy=True),
    "compiled": Engine("ab.compile(step)", compiled, OURS, numpy=True),
    "native": Engine(
        "ab.compile(step, native=True)", partial(compiled, native=True),
        either(partial(with_option, "native"), partial(compiler, "cc", "gcc", "clang")), numpy=True,
    ),
    "PyTorch": Engine("PyTorch, eager", partial(other, "pytorch"), TORCH),
    "torch.compile": Engine(
        "PyTorch, the loss compiled", partial(other, "torch_compile"), either(TORCH, partial(compiler, "g++", "clang++"))
    ),
    "JAX": Engine("JAX, the whole step jitted", partial(other, "jax"), package("jax")),
    "HIPS": Engine("HIPS autograd", partial(other, "hips"), package("autograd"), numpy=True),
    "MyGrad": Engine("MyGrad", partial(other, "mygrad"), package("mygrad"), numpy=True),
}  # fmt: skip
