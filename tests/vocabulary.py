"""The table of primitives beside a table of cases: where the rules of each are checked.

A primitive is found by its name. The test files of the rules walk the engine's table, so that a primitive without a case
fails the suite.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import autograd_book as ab
from autograd_book.graph.primitive import Primitive, primitives
from autograd_book.rules.indexing import getitem, scatter
from autograd_book.rules.shapes import reshape

# Primitives that tests define themselves come later, and are not rows of the book.
ROWS: dict[str, Primitive] = {p.name: p for p in primitives.values()}
NUMBER_OF_ROWS = len(set(primitives.values()))
FLAT = {name for name, row in ROWS.items() if row.flat}


def chapter_of(row: Primitive) -> str:
    """The module that holds a primitive's rules."""
    rules = [row.joint] if row.joint else list(row.rules.values())
    return rules[0].__module__


def rows_of(chapter: str) -> list[str]:
    """Names of the primitives whose rules stand in a chapter."""
    return sorted(name for name, row in ROWS.items() if not row.flat and chapter_of(row) == f"autograd_book.{chapter}")


@dataclass(frozen=True)
class Case:
    """A smooth function of arrays, and arrays in double precision to check it at."""

    fun: Callable[..., Any]
    args: tuple[Any, ...]
    name: str

    def __str__(self) -> str:
        return self.name


def uniform(shape: tuple[int, ...], low: float = -2.0, high: float = 2.0, seed: int = 0) -> np.ndarray:
    """Numbers in an interval, without the ends and without repetitions."""
    return np.asarray(np.random.default_rng([seed, *shape, len(shape)]).uniform(low, high, shape))


def transposed(x: np.ndarray) -> np.ndarray:
    """The same numbers with the memory order of the transpose."""
    return np.asfortranarray(x)


def strided(x: np.ndarray) -> np.ndarray:
    """The same numbers, every second place of a larger array, backwards."""
    if x.ndim == 0:
        return x
    large = np.zeros([2 * n for n in x.shape])
    view = large[(slice(None, None, -2),) * x.ndim]
    view[...] = x
    return view


def label(*parts: Any) -> str:
    """A readable name of a case."""
    return " ".join(str(p).replace(" ", "") for p in parts if p != "")


# Elementwise: a domain for each argument.
ANY, POSITIVE, INSIDE, ABOVE_ONE = (-2.0, 2.0), (0.3, 2.5), (-0.9, 0.9), (1.2, 3.0)
DOMAINS: dict[str, tuple[tuple[float, float], ...]] = {
    **dict.fromkeys(("add", "subtract", "multiply", "maximum", "minimum", "logaddexp"), (ANY, ANY)),
    **dict.fromkeys(("negative", "positive", "square", "exp", "exp2", "expm1", "sin", "cos", "arctan"), (ANY,)),
    **dict.fromkeys(("sinh", "cosh", "tanh", "arcsinh", "absolute", "fabs", "sign", "relu"), (ANY,)),
    **dict.fromkeys(("reciprocal", "sqrt", "cbrt", "log", "log2", "log10", "log1p"), (POSITIVE,)),
    **dict.fromkeys(("arcsin", "arccos", "arctanh"), (INSIDE,)),
    "tan": ((-1.2, 1.2),),
    "arccosh": (ABOVE_ONE,),
    "divide": (ANY, POSITIVE),
    "power": (POSITIVE, ANY),
    "arctan2": (POSITIVE, ANY),
    "hypot": (POSITIVE, POSITIVE),
}
UNARY_SHAPES = [(), (1,), (3,), (2, 3), (0,), (2, 0, 3)]
BINARY_SHAPES = [
    ((), ()),
    ((3,), (3,)),
    ((), (2, 3)),
    ((3,), ()),
    ((3,), (2, 3)),
    ((2, 1), (1, 3)),
    ((2, 3), (1,)),
    ((1, 1), (3,)),
    ((0,), (1,)),
    ((2, 0), ()),
]


def function_of(name: str) -> Callable[..., Any]:
    """The function that users call for an elementwise primitive."""
    return getattr(np, name, None) or getattr(ab, name)


def elementwise_cases() -> Iterator[tuple[str, Case]]:
    for name, domains in DOMAINS.items():
        fun = function_of(name)
        grid: Iterable[tuple[tuple[int, ...], ...]] = [(s,) for s in UNARY_SHAPES] if len(domains) == 1 else BINARY_SHAPES
        for shapes in grid:
            args = tuple(uniform(s, *d, seed=i) for i, (s, d) in enumerate(zip(shapes, domains, strict=True)))
            yield name, Case(fun, args, label(name, *shapes))
        for layout in (transposed, strided):
            args = tuple(layout(uniform((2, 3), *d, seed=7 + i)) for i, d in enumerate(domains))
            yield name, Case(fun, args, label(name, layout.__name__))
    mask = np.array([[True, False, True], [False, False, True]])
    for x, y in [((2, 3), (2, 3)), ((), (2, 3)), ((3,), (2, 1)), ((2, 3), ()), ((4, 2, 3), (1, 3))]:
        args = (uniform(x), uniform(y, seed=1))
        yield "where", Case(lambda x, y: np.where(mask, x, y) ** 2, args, label("where", x, y))
    for shape in UNARY_SHAPES:
        yield "astype", Case(lambda x: x.astype(np.float64) ** 2, (uniform(shape),), label("astype", shape))


# Reductions: shape and axis.
AXES: list[tuple[tuple[int, ...], Any]] = [
    ((), None),
    ((3,), None),
    ((3,), 0),
    ((3,), -1),
    ((2, 3), None),
    ((2, 3), 1),
    ((2, 3, 4), -2),
    ((2, 3, 4), (0, 2)),
    ((2, 3, 4), (-1, 0)),
    ((2, 3), ()),
    ((1, 3), 0),
    ((2, 0), 0),
]
REDUCTIONS = {"sum": np.sum, "mean": np.mean, "max": np.max, "min": np.min, "logsumexp": ab.logsumexp}
SPREADS = {"var": np.var, "std": np.std}


def reduction_cases() -> Iterator[tuple[str, Case]]:
    for name, fun in {**REDUCTIONS, **SPREADS}.items():
        for (shape, axis), keepdims in itertools.product(AXES, (False, True)):
            if name == "std" and (shape == () or axis == () or shape == (1, 3)):
                continue  # a root at zero
            kind = "keepdims" if keepdims else ""
            f = lambda x, fun=fun, axis=axis, keep=keepdims: fun(x, axis=axis, keepdims=keep)
            yield name, Case(f, (uniform(shape),), label(name, shape, axis, kind))
        for layout in (transposed, strided):
            f = lambda x, fun=fun: fun(x, axis=1)
            yield name, Case(f, (layout(uniform((3, 4))),), label(name, layout.__name__))
    for shape in [(0,), (0, 3)]:
        yield "sum", Case(np.sum, (uniform(shape),), label("sum of nothing", shape))
    for ddof in (1, 2):
        f = lambda x, ddof=ddof: np.var(x, axis=0, ddof=ddof)
        yield "var", Case(f, (uniform((4, 2)),), label("var ddof", ddof))


# Shapes. The square makes second derivatives differ from zero.
def shape_cases() -> Iterator[tuple[str, Case]]:
    def squared(name: str, fun: Callable[..., Any], *shapes: tuple[int, ...], layout: Any = None) -> tuple[str, Case]:
        args = tuple(uniform(s, seed=i) for i, s in enumerate(shapes))
        args = tuple(layout(a) for a in args) if layout else args
        kind = layout.__name__ if layout else ""
        return name, Case(lambda *xs: fun(*xs) ** 2 * np.arange(1.0, 1.0 + np.size(fun(*args))).reshape(fun(*args).shape),
                          args, label(name, *shapes, kind))

    for old, new in [((6,), (2, 3)), ((2, 3), (-1,)), ((2, 3), (3, 2)), ((), (1, 1)), ((1,), ()), ((0, 3), (3, 0)), ((2, 3), -1)]:
        for f in (np.reshape, reshape):
            yield squared("reshape", lambda x, new=new, f=f: f(x, new), old)
    yield squared("reshape", lambda x: np.reshape(x, (3, 2)), (2, 3), layout=transposed)
    yield squared("reshape", lambda x: np.reshape(x, 6), (2, 3), layout=strided)
    for axes in (None, *itertools.permutations(range(3)), (-1, 0, 1), (-2, -1, 0)):
        yield squared("transpose", lambda x, axes=axes: np.transpose(x, axes), (2, 3, 4))
    for shape in [(), (3,), (0, 2)]:
        yield squared("transpose", np.transpose, shape)
    yield squared("transpose", np.transpose, (2, 3), layout=strided)
    for old, new in [((), (2, 3)), ((3,), (2, 3)), ((2, 1), (4, 2, 3)), ((1, 1), (2, 2)), ((3,), (3,)), ((1,), (0,)), ((1, 0), (2, 0))]:
        yield squared("broadcast_to", lambda x, new=new: np.broadcast_to(x, new), old)
    for axis, shapes in [(0, [(2,), (3,)]), (0, [(2, 3), (1, 3), (0, 3)]), (1, [(2, 3), (2, 1)]), (-1, [(2, 3), (2, 1)]),
                         (-2, [(2, 3), (1, 3)]), (None, [(2, 3), (4,)]), (0, [(3,)]), (0, [(1,)] * 5)]:
        for name in ("join", "concatenate"):
            yield squared(name, lambda *xs, axis=axis: np.concatenate(xs, axis=axis), *shapes)
    yield squared("concatenate", lambda x: np.concatenate([x, np.ones((2, 2)), x], axis=1), (2, 3))
    yield squared("concatenate", lambda x, y: np.concatenate((x, y)), (2, 3), (1, 3), layout=transposed)
    for axis in (0, 1, 2, -1):
        yield squared("stack", lambda *xs, axis=axis: np.stack(xs, axis=axis), (2, 3), (2, 3))
    yield squared("stack", lambda *xs: np.stack(xs), (), (), ())
    for shape in UNARY_SHAPES:
        yield squared("ravel", np.ravel, shape)
    yield squared("ravel", np.ravel, (2, 3), layout=transposed)
    for axis in (0, 1, -1, (0, 2), (-1, 0)):
        yield squared("expand_dims", lambda x, axis=axis: np.expand_dims(x, axis), (2, 3))
    for axis in (None, 0, 2, (0, 2), -1):
        yield squared("squeeze", lambda x, axis=axis: np.squeeze(x, axis), (1, 3, 1))
    for a, b in [(0, 2), (1, 1), (-1, 0), (-2, -1)]:
        yield squared("swapaxes", lambda x, a=a, b=b: np.swapaxes(x, a, b), (2, 3, 4))
    for a, b in [(0, -1), (-1, 0), (1, 1), ((0, 1), (-1, -2)), ((2, 0), (0, 1))]:
        yield squared("moveaxis", lambda x, a=a, b=b: np.moveaxis(x, a, b), (2, 3, 4))


# Indexing: shape and index.
INDICES: list[tuple[str, tuple[int, ...], Any]] = [
    ("integer", (4,), 1),
    ("negative integer", (4, 3), -1),
    ("numpy integer", (4, 3), np.int64(2)),
    ("slice", (5,), slice(1, 4)),
    ("strided slice", (5, 3), (slice(None, None, -2), slice(0, 2))),
    ("empty slice", (5,), slice(3, 3)),
    ("ellipsis", (2, 3, 4), (Ellipsis, 1)),
    ("bare ellipsis", (), Ellipsis),
    ("empty tuple", (2,), ()),
    ("new axis", (3,), (None, slice(None), None)),
    ("mixed basic", (2, 3, 4), (0, None, slice(1, None), Ellipsis)),
    ("array", (4,), np.array([2, 0])),
    ("list", (4,), [3, 1]),
    ("repeated array", (4,), np.array([0, 0, 2, 0])),
    ("negative repeats", (4,), np.array([-1, 3, 3])),
    ("array of rows", (3, 2), np.array([[0, 2], [2, 2]])),
    ("two arrays", (3, 4), (np.array([0, 0, 2]), np.array([1, 1, 3]))),
    ("broadcast arrays", (3, 4), (np.array([[0], [2]]), np.array([1, 1, 3]))),
    ("array and slice", (3, 4), (np.array([1, 1]), slice(1, 3))),
    ("slice and array", (3, 4), (slice(None), np.array([1, 1, 0]))),
    ("arrays apart", (2, 3, 4), (np.array([0, 0]), slice(None), np.array([1, 1]))),
    ("array and integer", (3, 4), (np.array([1, 1]), 2)),
    ("mask", (4,), np.array([True, False, True, True])),
    ("mask of matrix", (2, 3), np.array([[True, False, True], [False, True, True]])),
    ("mask of rows", (2, 3), np.array([True, False])),
    ("mask and integer", (2, 3), (np.array([False, True]), 1)),
    ("empty mask", (3,), np.zeros(3, bool)),
    ("empty array", (3,), np.array([], int)),
    ("list of bools", (3,), [True, False, True]),
    ("bool", (3,), True),
    ("numpy bool", (3,), np.True_),
    ("0-d array", (3, 2), np.array(1)),
]


def indexing_cases() -> Iterator[tuple[str, Case]]:
    for name, shape, index in INDICES:
        x = uniform(shape)
        picked = x[index]
        yield "getitem", Case(lambda x, i=index: getitem(x, i) ** 2, (x,), label("getitem", name))
        f = lambda g, s=shape, i=index: scatter(g, s, i) ** 2
        yield "scatter", Case(f, (uniform(np.shape(picked), seed=2),), label("scatter", name))
    for layout in (transposed, strided):
        f = lambda x: getitem(x, np.array([1, 1, 0])) ** 2
        yield "getitem", Case(f, (layout(uniform((3, 4))),), label("getitem", layout.__name__))


# Products: all ranks.
PRODUCTS = [
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((2,), (2, 3)),
    ((2, 3), (3, 4)),
    ((1, 3), (3, 1)),
    ((5, 2, 3), (3,)),
    ((2,), (5, 2, 3)),
    ((5, 2, 3), (3, 4)),
    ((2, 3), (5, 3, 4)),
    ((5, 2, 3), (5, 3, 4)),
    ((5, 2, 3), (1, 3, 4)),
    ((1, 2, 3), (5, 3, 4)),
    ((2, 1, 2, 3), (4, 3, 2)),
    ((4, 1, 2, 3), (1, 5, 3, 2)),
    ((0, 3), (3, 4)),
    ((2, 0), (0, 4)),
    ((0, 2, 3), (3,)),
    ((0,), (0,)),
]


def linear_cases() -> Iterator[tuple[str, Case]]:
    for x, y in PRODUCTS:
        args = uniform(x), uniform(y, seed=1)
        yield "matmul", Case(np.matmul, args, label("matmul", x, y))
        if len(x) < 3 and len(y) < 3:
            yield "dot", Case(np.dot, args, label("dot", x, y))
    yield "dot", Case(np.dot, (uniform(()), uniform((3,))), label("dot", (), (3,)))
    for layout in (transposed, strided):
        args = layout(uniform((2, 3))), layout(uniform((3, 4), seed=1))
        yield "matmul", Case(lambda x, y: x @ y, args, label("matmul", layout.__name__))


CASES: dict[str, dict[str, list[Case]]] = {}
for chapter, made in [
    ("rules.elementwise", elementwise_cases()),
    ("rules.reductions", reduction_cases()),
    ("rules.shapes", shape_cases()),
    ("rules.indexing", indexing_cases()),
    ("rules.linear", linear_cases()),
]:
    for key, case in made:
        CASES.setdefault(chapter, {}).setdefault(key, []).append(case)


def cases_of(chapter: str) -> list[Case]:
    """All cases of a chapter."""
    return list(itertools.chain.from_iterable(CASES[chapter].values()))


def without_cases(chapter: str) -> list[str]:
    """Primitives of a chapter that nobody checks."""
    return [name for name in rows_of(chapter) if name not in CASES[chapter]]


def choices(n: int) -> list[tuple[int, ...]]:
    """Each set of arguments that can be differentiated."""
    return [c for k in range(1, n + 1) for c in itertools.combinations(range(n), k)]


def held(fun: Callable[..., Any], args: list[Any], chosen: tuple[int, ...]) -> Callable[..., Any]:
    """The function of the chosen arguments alone, the others being constants of their precision."""

    def partial(*moving: Any) -> Any:
        full = [kept_layout(a, moving[0].dtype) for a in args]
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


def assert_derivatives(case: Case, dtype: Any) -> None:
    """First and second derivatives agree with difference quotients, for each choice of arguments; dtypes and shapes are kept."""
    args = [kept_layout(a, dtype) for a in case.args]
    for chosen in choices(len(args)):
        f, moving = held(case.fun, args, chosen), [args[i] for i in chosen]
        ab.check_gradients(f, *moving)
        out, pullback = ab.vjp(f, *moving)
        for g, x in zip(pullback(np.ones_like(out)), moving, strict=True):
            assert np.shape(g) == x.shape
            assert np.asarray(g).dtype == dtype
