"""Options that NumPy refuses are refused, over the whole vocabulary: a generator of bad options, and NumPy's own answers.

Every function that takes Variables is called with arrays of several shapes and with each of its options set to values of
which many are wrong: axes that do not exist, or twice, negative counts, fractions, words. Where NumPy raises, the engine
raises. Where both answer, they answer the same.
"""

import inspect
import itertools
import warnings

import numpy as np
import pytest

from autograd_book import Variable
from autograd_book.rules.vocabulary import survey

pytestmark = pytest.mark.filterwarnings("ignore")
if np.lib.NumpyVersion(np.__version__) < "2.0.0":
    pytest.skip("NumPy 1 looks at fewer of its options", allow_module_level=True)

RNG = np.random.default_rng(0)
SHAPES = {"number": (), "vector": (3,), "matrix": (3, 3), "cube": (2, 3, 3), "nothing": (0,), "empty": (3, 0)}
ARRAYS = {name: np.asarray(RNG.uniform(0.1, 0.9, shape)) for name, shape in SHAPES.items()}
AXES = (0, 1, 2, -1, -4, 3, None, (0, 1), (0, 0), (0, -3), (0, 3), (), 1.0, "a", [0, 1], [0, 0])
COUNTS = (0, 1, 2, -1, -9, 1.5, "a", None, (1, 2), (-1, 2), [1, 2, 3], [3], 7)
WORDS = ("zz", "", "C", "F", "K", "L", "U", "valid", "same", "full", "clip", "wrap", "raise", "reduced", "r", 3, None, "linear", "fb")
ANY = (*AXES, *COUNTS, *WORDS, True, False, [True, False, True], [[True, False, True]])
#: Values for options, by name; all of them for others.
VALUES = {
    **dict.fromkeys(("axis", "axes", "axis1", "axis2", "axisa", "axisb", "axisc", "source", "destination", "start"), AXES),
    **dict.fromkeys(("k", "n", "N", "num", "offset", "ddof", "decimals", "reps", "repeats", "shift", "newshape", "shape", "new_shape"), COUNTS),
    "where": (True, False, [True, False, True]),
    **dict.fromkeys(("min", "max"), (0, 1.5, "a")),
    "rcond": (None, 0.3, "a", -1),
    "rtol": (None, 0.3, "a"),
    **dict.fromkeys(("rowvar", "bias", "keepdims", "returned", "right", "increasing", "hermitian"), (True, False)),
    **dict.fromkeys(("mode", "order", "kind", "method", "trim", "indexing", "norm", "UPLO"), WORDS),
}
#: Options that are no matter of arguments: where to write, which classes, how to compute.
LEFT_OUT = {"a_min", "a_max", "mean", "prepend", "append", "out", "subok", "copy", "like", "overwrite_input", "kwargs", "args", "unused_kwargs", "device", "casting", "signature", "dtype"}
#: Functions whose values differ by design, or that are no functions of numbers.
#: NumPy forgets the axis of `q` for these where there is nothing, and puts two axes of it at the wrong place.
NOT_OF_NOTHING = {"nanquantile", "nanpercentile"}
SKIPPED = {"empty_like", "may_share_memory", "shares_memory", "array2string", "array_repr", "array_str", "einsum_path"}
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
            return fun(*[a.copy() if isinstance(a, np.ndarray) else a for a in args], **options)
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


def disagreements(name):
    """Calls that NumPy refuses and the engine does not, or that have another value."""
    fun, found = function(name), []
    known = signature(fun)
    options = [] if known is None else [p for p in known.parameters.values() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    if isinstance(fun, np.ufunc):
        options = []
    for _, args in bases(fun):
        ways = [(args, {})]
        for position, option in enumerate(options):
            if option.name in LEFT_OUT or option.kind is option.POSITIONAL_ONLY:
                continue
            for value in VALUES.get(option.name, ANY):
                if position < len(args):
                    if isinstance(args[position], (np.ndarray, list)) and option.name not in VALUES:
                        continue
                    ways.append(((*args[:position], value, *args[position + 1 :]), {}))
                else:
                    ways.append((args, {option.name: value}))
        for given, more in ways:
            numpys = outcome(fun, *given, **more)
            variables = tracked(given)
            if not any(isinstance(v, Variable) or (isinstance(v, list) and any(isinstance(w, Variable) for w in v)) for v in variables):
                continue
            ours = outcome(fun, *variables, **more)
            text = f"np.{name}({', '.join(str(np.shape(g)) if isinstance(g, np.ndarray) else repr(g) for g in given)}, {more})"
            if isinstance(numpys, Exception):
                if not isinstance(ours, Exception):
                    found.append(f"{text}: NumPy raises {type(numpys).__name__}: {str(numpys)[:60]}, ours is of shape {np.shape(plain(ours)) if not isinstance(ours, (tuple, list)) else 'several'}")
            elif not isinstance(ours, Exception) and not same(ours, numpys):
                found.append(f"{text}: values differ")
    return found


@pytest.mark.parametrize("name", FUNCTIONS)
def test_options_are_refused_where_numpy_refuses_them(name) -> None:
    found = disagreements(name)
    assert not found, f"{len(found)} calls:\n" + "\n".join(found[:20])


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
