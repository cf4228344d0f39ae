"""No function turns a Variable into a plain floating-point number without saying so.

Every public function of NumPy is called with Variables. It may return Variables, refuse, or return what no derivative
flows through: truth values, integers, text. A plain floating-point result would be a gradient lost in silence.
"""

import cmath
import math
import statistics
import traceback
import warnings
from pathlib import Path

import numpy as np
import pytest

import autograd_book as ab
from autograd_book import Variable

MODULES = {"np": np, "np.linalg": np.linalg, "np.fft": np.fft, "np.random": np.random, "np.ma": np.ma, "math": math, "cmath": cmath}
SKIPPED = {
    # Touch files, settings, or the documentation; or allocate what they are told to.
    *("save", "savez", "savez_compressed", "savetxt", "load", "loadtxt", "genfromtxt", "fromfile", "fromregex", "memmap"),
    *("source", "info", "lookfor", "test", "show_config", "show_runtime", "get_include", "who", "deprecate", "byte_bounds"),
    *("seterr", "seterrcall", "setbufsize", "set_printoptions", "set_string_function", "set_numeric_ops", "add_newdoc"),
    *("empty", "empty_like", "masked_all", "masked_all_like"),  # whatever was in memory
    *("seed", "set_state", "set_bit_generator", "get_state", "add_docstring", "add_newdoc_ufunc", "disp", "safe_eval"),
    *("typename",),  # looks a name up in a dictionary
}
REFUSALS = (ab.AutogradError, TypeError, ValueError, IndexError, NotImplementedError, np.ma.MAError)  #: Ours and NumPy's.
ENGINE = Path(ab.__file__).parent
CALLS = {
    "x": lambda f, x, a: f(x),
    "x, x": lambda f, x, a: f(x, x),
    "x, array": lambda f, x, a: f(x, a),
    "array, x": lambda f, x, a: f(a, x),
    "x, 1": lambda f, x, a: f(x, 1),
    "x, x, x": lambda f, x, a: f(x, x, x),
    "array, array, x": lambda f, x, a: f(a, a, x),
    "[x, x]": lambda f, x, a: f([x, x]),
    "1, x": lambda f, x, a: f(1, x),
    "x, shape": lambda f, x, a: f(x, (2, 2)),
}


def public_functions() -> list[tuple[str, object]]:
    found = []
    for prefix, module in MODULES.items():
        for name in sorted(dir(module)):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                function = getattr(module, name, None)
            if callable(function) and not name.startswith("_") and not isinstance(function, type) and name not in SKIPPED:
                found.append((f"{prefix}.{name}", function))
    return found


def plain_numbers(result: object) -> list[float]:
    """The floating-point numbers in a result that are not in a Variable."""
    if isinstance(result, (tuple, list)):
        return [number for part in result for number in plain_numbers(part)]
    if isinstance(result, np.ndarray) and result.dtype == object:
        return plain_numbers(result.ravel().tolist())
    if isinstance(result, (np.ndarray, np.generic)):
        return np.asarray(result).ravel().tolist() if result.dtype.kind in "fc" else []
    return [result] if isinstance(result, (float, complex)) else []


def outcome(call: str, function: object, shape: tuple[int, ...], value: float) -> list[float]:
    np.random.seed(0)
    try:
        return plain_numbers(CALLS[call](function, Variable(np.full(shape, value)), np.full(shape, 0.7)))
    except RecursionError:
        return [value]
    except REFUSALS:
        return []
    except AttributeError as error:  # NumPy's way of refusing a list; in the engine it would be a mistake
        place = traceback.extract_tb(error.__traceback__)[-1]
        assert place.name == "__getattr__" or ENGINE not in Path(place.filename).parents
        return []


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("shape", [(), (2,), (2, 2)], ids=str)
def test_no_function_of_numpy_returns_plain_numbers_that_follow_a_variable(call, shape) -> None:
    """A Variable may give its dtype or its shape away, but no number that moves when it moves."""
    lost = []
    state = np.random.get_state()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for name, function in public_functions():
            first, second = (outcome(call, function, shape, value) for value in (0.6, 0.61))
            if not np.array_equal(first, second, equal_nan=True):
                lost.append(name)
    np.random.set_state(state)
    assert lost == []


HIDDEN_DOORS = {
    "np.array": np.array,
    "np.array with dtype": lambda x: np.array(x, np.float32),
    "np.array of a list": lambda x: np.array(list(x)),
    "np.array of nested lists": lambda x: np.array([[x[0], 1.0], [2.0, x[1]]]),
    "np.array of objects": lambda x: np.array([x[0], x[1]], dtype=object).astype(float),
    "np.fromiter": lambda x: np.fromiter(x, float),
    "np.full": lambda x: np.full(3, x[0]),
    "np.vectorize": lambda x: np.vectorize(math.sin)(x),
    "np.frompyfunc": lambda x: np.frompyfunc(math.sin, 1, 1)(x),
    "np.r_": lambda x: np.r_[x, 1.0],
    "np.c_": lambda x: np.c_[x, x],
    "np.nditer": lambda x: [float(v) for v in np.nditer(x)],
    "np.apply_along_axis": lambda x: np.apply_along_axis(np.sum, 0, x),
    "generator": lambda x: np.random.default_rng(0).normal(x, 1.0),
    "shuffle": lambda x: np.random.default_rng(0).permutation(x),
    "item of array": lambda x: np.zeros(2).__setitem__(0, x[0]),
    "slice of array": lambda x: np.zeros(2).__setitem__(slice(None), x),
    "fill": lambda x: np.zeros(2).fill(x[0]),
    "copyto": lambda x: np.copyto(np.zeros(2), x),
    "ndarray.dot": lambda x: np.ones(2).dot(x),
    "ndarray.clip": lambda x: np.ones(2).clip(0.0, x),
    "math.fsum": math.fsum,
    "math.hypot": lambda x: math.hypot(*x),
    "statistics.mean": statistics.mean,
    "statistics.fmean": statistics.fmean,
    "np.float32": lambda x: np.float32(x[0]),
    "complex": lambda x: complex(x[0]),
    "slice bounds": lambda x: np.ones(3)[x[0] :],
    "index": lambda x: np.ones(3)[x[0]],
    "buffer": memoryview,
    "dlpack": lambda x: np.from_dlpack(x),
    "interface": lambda x: np.asarray(x.__array_interface__),
}


@pytest.mark.parametrize("door", HIDDEN_DOORS)
def test_hidden_ways_to_plain_numbers_are_closed(door) -> None:
    with pytest.raises((ab.AutogradError, TypeError, ValueError, AttributeError)):
        HIDDEN_DOORS[door](Variable([0.6, 0.7]))


def test_integers_made_of_variables_carry_no_gradient() -> None:
    x = Variable([1.5, 2.5])
    try:
        y = x.astype(int)
    except ab.AutogradError:
        return
    assert not getattr(y, "requires_grad", False)


@pytest.mark.parametrize("transformation", ["program", "grad"])
def test_flat_results_are_plain(transformation) -> None:
    seen = []

    def f(x):
        seen.extend([x > 1.0, np.isnan(x), np.argmax(x), np.sign(x) == 1.0, np.any(x > 0), np.shape(x), np.ndim(x), np.size(x)])
        return np.sum(x)

    f(Variable([0.5, 2.0])) if transformation == "program" else ab.grad(f)(np.array([0.5, 2.0]))
    assert not any(isinstance(s, Variable) for s in seen)
