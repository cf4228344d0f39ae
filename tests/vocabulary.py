"""The table of primitives beside the tables of cases: where the rules of each are checked.

A primitive is found by its name. The test files of the rules walk the engine's table, so that a primitive without a case
fails the suite. The cases stand in `cases`, in one file for each chapter of rules.
"""

import itertools
import pkgutil
from collections.abc import Callable
from importlib import import_module
from typing import Any

import cases
import numpy as np
from cases.elementwise import DOMAINS, function_of
from casework import Case, uniform

import autograd_book as ab
from autograd_book.graph.primitive import Primitive, primitives

__all__ = ["DOMAINS", "FLAT", "NUMBER_OF_ROWS", "ROWS", "function_of", "uniform"]

# Each module has its say, also one that no other imports. Primitives that tests define themselves come later, and are not rows of the book.
for module in pkgutil.walk_packages(ab.__path__, "autograd_book."):
    import_module(module.name)
ROWS: dict[str, Primitive] = {p.name: p for p in primitives.values()}
NUMBER_OF_ROWS = len(set(primitives.values()))
FLAT = {name for name, row in ROWS.items() if row.flat}


def chapter_of(row: Primitive) -> str:
    """The module that holds a primitive's rules."""
    rules = [row.joint] if row.joint else list(row.rules.values())
    return rules[0].__module__


#: From a chapter to the cases of each of its primitives.
CASES: dict[str, dict[str, list[Case]]] = {}
for module in pkgutil.iter_modules(cases.__path__):
    for key, case in import_module(f"cases.{module.name}").cases():
        CASES.setdefault(f"rules.{module.name}", {}).setdefault(key, []).append(case)


def choices(n: int) -> list[tuple[int, ...]]:
    """Each set of arguments that can be differentiated."""
    return [c for k in range(1, n + 1) for c in itertools.combinations(range(n), k)]


def held(fun: Callable[..., Any], args: list[Any], chosen: tuple[int, ...]) -> Callable[..., Any]:
    """The function of the chosen arguments alone, the others being constants of their precision."""

    def partial(*moving: Any) -> Any:
        full = [kept_layout(a, np.result_type(a.dtype, np.finfo(moving[0].dtype).dtype)) for a in args]
        for i, value in zip(chosen, moving, strict=True):
            full[i] = value
        return fun(*full)

    return partial


def kept_layout(x: np.ndarray, dtype: Any) -> np.ndarray:
    """The numbers in another precision, with the same layout in memory."""
    if x.flags.c_contiguous or x.flags.f_contiguous:
        return x.astype(dtype, order="K")
    view = np.zeros([2 * n for n in x.shape], dtype)[(slice(None, None, -2),) * x.ndim]
    view[...] = x
    return view


def assert_value(case: Case, args: list[Any]) -> None:
    """Of Variables the function has the value, the shape and the dtype that NumPy gives it for arrays."""
    plain, ours = case.fun(*args), case.fun(*map(ab.Variable, args))
    assert isinstance(ours, ab.Variable)
    assert (ours.shape, ours.dtype) == (np.shape(plain), np.asarray(plain).dtype)
    digits = 1e-5 if np.finfo(ours.dtype).eps > 1e-10 else 1e-12
    np.testing.assert_allclose(ours.numpy(), plain, rtol=digits, atol=digits)


def assert_derivatives(case: Case, dtype: Any) -> None:
    """First and second derivatives agree with difference quotients, for each choice of arguments; dtypes and shapes are kept."""
    args = [kept_layout(a, np.result_type(dtype, np.complex64) if np.iscomplexobj(a) else dtype) for a in case.args]
    assert_value(case, args)
    for chosen in choices(len(args)):
        f, moving = held(case.fun, args, chosen), [args[i] for i in chosen]
        ab.check_gradients(f, *moving)
        out, pullback = ab.vjp(f, *moving)
        for g, x in zip(pullback(np.ones_like(out)), moving, strict=True):
            assert np.shape(g) == x.shape
            assert np.asarray(g).dtype == x.dtype
