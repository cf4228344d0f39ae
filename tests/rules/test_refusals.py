"""Options that NumPy refuses are refused, and those that it accepts are accepted, over the whole vocabulary.

Every function that takes Variables is called with arrays of several shapes, by position and by keyword, and with each of
its options set to values of which many are wrong: axes that do not exist, or twice, negative counts, fractions, words.
Where NumPy raises, the engine raises. Where NumPy answers, the engine answers the same, or refuses for a reason that stands
in the table of the chapter on the vocabulary.
"""

import inspect
import itertools
import re
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from autograd_book import Variable
from autograd_book.rules.vocabulary import survey

pytestmark = pytest.mark.filterwarnings("ignore")

RNG = np.random.default_rng(0)
SHAPES = {"number": (), "vector": (3,), "matrix": (3, 3), "cube": (2, 3, 3), "nothing": (0,), "empty": (3, 0)}
ARRAYS = {name: np.asarray(RNG.uniform(0.1, 0.9, shape)) for name, shape in SHAPES.items()}
AXES = (0, 1, 2, -1, -4, 3, None, (0, 1), (0, 0), (0, -3), (0, 3), (), 1.0, "a", [0, 1], [0, 0])
COUNTS = (0, 1, 2, -1, -9, 1.5, "a", None, (1, 2), (-1, 2), [1, 2, 3], [3], 7)
WORDS = ("zz", "", "C", "F", "K", "L", "U", "valid", "same", "full", "clip", "wrap", "raise", "reduced", "r", 3, None, "linear", "fb")
ANY = (*AXES, 2.5, -9, 7, "zz", "C", "same", "raise", True, False, [True, False, True], [[True, False, True]])
#: Values for options, by name; all of them for others.
VALUES = {
    **dict.fromkeys(("axis", "axes", "axis1", "axis2", "axisa", "axisb", "axisc", "source", "destination", "start"), AXES),
    **dict.fromkeys(("k", "n", "N", "num", "offset", "ddof", "decimals", "reps", "repeats", "shift", "newshape", "shape", "new_shape"), COUNTS),
    "where": (True, False, [True, False, True]),
    **dict.fromkeys(("subok", "copy", "overwrite_input"), (True, False)),
    "dtype": (np.float32, "f8", complex, int, None),
    **dict.fromkeys(("mean", "prepend", "append"), (0.5,)),
    "device": (None, "cpu", "gpu"),
    **dict.fromkeys(("min", "max"), (0, 1.5, "a")),
    "rcond": (None, 0.3, "a", -1),
    "rtol": (None, 0.3, "a"),
    **dict.fromkeys(("rowvar", "bias", "keepdims", "returned", "right", "increasing", "hermitian"), (True, False)),
    **dict.fromkeys(("mode", "order", "kind", "method", "trim", "indexing", "norm", "UPLO"), WORDS),
}
#: Options that are no matter of arguments: where to write, which classes, how to compute.
LEFT_OUT = {"a_min", "a_max", "out", "like", "kwargs", "args", "unused_kwargs", "casting", "signature"}
#: Functions whose values differ by design, or that are no functions of numbers.
#: NumPy forgets the axis of `q` for these where there is nothing, and puts two axes of it at the wrong place.
NOT_OF_NOTHING = {"nanquantile", "nanpercentile"}
#: Functions of NumPy that make of nothing a result of a given length, and fill it with what the memory held.
UNFILLED = {"fft.irfft", "fft.hfft"}
SKIPPED = {"shape", "empty_like", "may_share_memory", "shares_memory", "array2string", "array_repr", "array_str", "einsum_path"}
FUNCTIONS = {
    entry.name: entry for entry in survey() if entry.word in ("rule", "composed", "zero gradient") and entry.name not in SKIPPED
}


def function(name):
    found = np
    for part in name.split("."):
        found = getattr(found, part)
    return found


def outcome(fun, *args, **options):
    """The result of a call, or the error."""
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            own = lambda a: a.copy() if isinstance(a, np.ndarray) else a  # some functions write
            return fun(*map(own, args), **{name: own(a) for name, a in options.items()})
    except Exception as error:
        return error


def plain(value):
    """A result with arrays in place of Variables."""
    if isinstance(value, (tuple, list)):
        return [plain(part) for part in value]
    return value.numpy() if isinstance(value, Variable) else np.asarray(value)


def same(ours, numpys):
    ours, numpys = plain(ours), plain(numpys)
    if isinstance(ours, list) or isinstance(numpys, list):
        return isinstance(ours, list) and isinstance(numpys, list) and len(ours) == len(numpys) and all(map(same, ours, numpys))
    kinds = {ours.dtype.kind, numpys.dtype.kind}
    known = kinds <= {*"fciub"} and np.isfinite(numpys).all()
    return ours.shape == numpys.shape and (not known or np.allclose(ours, numpys))


def signature(fun):
    try:
        return inspect.signature(fun)
    except (ValueError, TypeError):
        return None


def bases(fun):
    """Positional arguments that NumPy accepts: arrays of all shapes, and what is needed beside them."""
    beside = [(), (0.5,), (1,), ([0, 1],), (1, 0), ((0, 1),), (ARRAYS["vector"],), (ARRAYS["matrix"],), (0, ARRAYS["vector"])]
    for name, more in itertools.product(SHAPES, beside):
        if fun.__name__ in NOT_OF_NOTHING and (not ARRAYS[name].size or np.ndim(more[:1]) > 2):
            continue
        args = (ARRAYS[name], *more)
        if not isinstance(outcome(fun, *args), Exception):
            yield name, args
    lists = [[ARRAYS["vector"]] * 2], [[ARRAYS["matrix"]] * 2], [ARRAYS["vector"] > 0.3, ARRAYS["vector"]]
    for args in lists:
        if not isinstance(outcome(fun, *args), Exception):
            yield "list", tuple(args)


def tracked(args):
    """Arguments of which each array is a Variable."""
    return [
        Variable(a) if isinstance(a, np.ndarray) and a.dtype.kind == "f"
        else [Variable(part) for part in a] if isinstance(a, list) and a and isinstance(a[0], np.ndarray) else a
        for a in args
    ]


def shown(name, args, options):
    said = [str(np.shape(a)) if isinstance(a, np.ndarray) else repr(a) for a in args]
    said += [f"{k}={np.shape(v) if isinstance(v, np.ndarray) else v!r}" for k, v in options.items()]
    return f"np.{name}({', '.join(said)})"


def calls(fun):
    """Arguments and options for a function, of which many are wrong."""
    known = signature(fun)
    options = [] if known is None or isinstance(fun, np.ufunc) else list(known.parameters.values())
    options = [p for p in options if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD, p.POSITIONAL_ONLY)]
    for _, args in bases(fun):
        yield args, {}
        if len(args) <= len(options):  # arrays by keyword, the last first
            yield (), dict(reversed([(p.name, a) for p, a in zip(options, args)]))
        for position, option in enumerate(options):
            if option.name in LEFT_OUT:
                continue
            for value in VALUES.get(option.name, ANY):
                if position >= len(args):
                    yield args, {option.name: value}
                elif option.name in VALUES or not isinstance(args[position], (np.ndarray, list)):
                    yield (*args[:position], value, *args[position + 1 :]), {}


@cache
def answers(name):
    """Calls of a function with NumPy's result, or its error, and ours."""
    found, fun = [], function(name)
    for args, options in calls(fun):
        variables, named = tracked(args), dict(zip(options, tracked(options.values())))
        parts = [part for v in (*variables, *named.values()) for part in (v if isinstance(v, list) else [v])]
        if any(isinstance(part, Variable) for part in parts):
            ours = outcome(fun, *variables, **named)
            found.append(((args, options), outcome(fun, *args, **options), ours))
    return found


#: Where NumPy 1 differs from its successor, which the engine follows: norms of nothing, places in nothing, unknown words.
OLD = {"linalg.norm", "take", "trim_zeros"} if np.lib.NumpyVersion(np.__version__) < "2.0.0" else set()


def listed(found):
    return f"{len(found)} calls:\n" + "\n".join(found[:20])


@pytest.mark.parametrize("name", sorted(FUNCTIONS.keys() - OLD))
def test_options_are_refused_where_numpy_refuses_them(name) -> None:
    raised = [(call, ours) for call, numpys, ours in answers(name) if isinstance(numpys, Exception)]
    found = [shown(name, *call) for call, ours in raised if not isinstance(ours, Exception)]
    assert not found, listed(found)


#: From a line of the chapter's table to what the refusals that it covers say.
REFUSED = {
    "a list of Variables": "converted to a plain array",
    "`out=`": "with out=|'out' tuple",
    "`where=` of a universal function": "with where=",
    "`copy=False`": "which its derivative rules do not read",
    "whole numbers, truth values, text or objects": "whole numbers have no derivative|gave a result of|was converted to int",
    "a Variable that needs a gradient as an option": "which no rule differentiates",
    "a plain array filled with a Variable": "copyto was called",
    "the full bases": "has no derivative rule. Pass full_matrices=False|has no derivative rule. Use mode='reduced'",
    "the median of no elements": "median was asked of no elements",
}
#: What is said of options that NumPy reads by chance, by function.
BY_CHANCE = {
    "corrcoef": "", "cov": "", "gradient": "edge_order is 1 or 2", "linalg.tensorsolve": "repeated axis",
    **dict.fromkeys(("linalg.norm", "linalg.vector_norm"), "Pass a number as the order|interpreted as an integer"),
    **dict.fromkeys(("nansum", "nanprod"), "specify 'initial'"), **dict.fromkeys(("nanvar", "nanstd"), "truth value of an"), "repeat": "non-negative", "take": "ind(ex|ices)",
}
PAGE = Path(__file__).parents[2] / "book/rules/vocabulary.md"


@pytest.mark.parametrize("name", sorted(FUNCTIONS.keys() - OLD))
def test_what_numpy_accepts_is_accepted_or_refused_for_a_reason_that_the_book_tells(name) -> None:
    found = []
    for call, numpys, ours in answers(name):
        if isinstance(numpys, Exception):
            continue
        if not isinstance(ours, Exception):
            args = [a for a in (*call[0], *call[1].values()) if isinstance(a, np.ndarray)]
            alike = np.shape(ours) == np.shape(numpys) if name in UNFILLED and not args[0].size else same(ours, numpys)
            found += [] if alike else [f"{shown(name, *call)}: values differ"]
        elif not re.search("|".join(REFUSED.values()), str(ours)) and not re.search(BY_CHANCE.get(name, "$^"), str(ours)):
            found.append(f"{shown(name, *call)}: {type(ours).__name__}: {ours}")
    assert not found, listed(found)


def test_each_reason_stands_in_the_table_of_the_book() -> None:
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    assert all(any(line.startswith("| ") and reason in line.split(" | ")[0] for line in lines) for reason in REFUSED)
    refusals = [str(ours) for name in FUNCTIONS for _, _, ours in answers(name) if isinstance(ours, Exception)]
    for reason, said in REFUSED.items():
        assert any(re.search(said, refusal) for refusal in refusals) or reason.startswith("`where"), reason


X, Y, Z = (Variable(ARRAYS[name]) for name in ("vector", "matrix", "cube"))
#: Calls that were once accepted in silence.
ONCE = {
    "gradient": lambda: np.gradient(Y, axis=3),
    "gradient twice": lambda: np.gradient(Y, axis=(0, 0)),
    "diag of three axes": lambda: np.diag(Z),
    "cov with one weight": lambda: np.cov(X, fweights=[3]),
    "repeat": lambda: np.repeat(Y, 2, axis=2),
    "compress": lambda: np.compress([[True, False, True]], X),
    "take": lambda: np.take(X, [0], mode="zz"),
    "resize": lambda: np.resize(X, -9),
    "vander": lambda: np.vander(X, N=-1),
    "tensordot": lambda: np.tensordot(Z, Z, axes=(0, 1, 2)),
    "median": lambda: np.median(Y, axis=1.0),
    "choose": lambda: np.choose([0, 1, 0], [X, X], mode="zz"),
    "sort": lambda: np.sort(X, kind="zz"),
    "norm of axes twice": lambda: np.linalg.norm(Y, axis=(0, 0)),
    "stack": lambda: np.stack([X, X], axis=()),
    "einsum": lambda: np.einsum(Y, [0, -3]),
}
if hasattr(np.linalg, "vector_norm"):
    ONCE["vector_norm"] = lambda: np.linalg.vector_norm(Y, axis=(0, 2))


@pytest.mark.parametrize("name", ONCE)
def test_what_was_accepted_in_silence_is_refused(name) -> None:
    with pytest.raises((ValueError, TypeError, IndexError, RuntimeError)):
        ONCE[name]()


def test_truth_values_as_numbers_are_no_mask() -> None:
    t = np.array([True, False, True])
    for f in (lambda x: np.take(x, t), lambda x: np.choose(t, [x, x * 2.0]), lambda x: np.bincount(t, x)):
        np.testing.assert_allclose(f(X).numpy(), f(ARRAYS["vector"]))
