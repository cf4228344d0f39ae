"""What is differentiable.

``status`` says what becomes of a NumPy function that is called with a
Variable.

::

    import numpy as np
    from autograd_book.rules.vocabulary import status

    for f in (np.sin, np.stack, np.argmax, np.unique, np.savetxt):
        print(f"{f.__name__:8}{status(f)[0]}")
"""
# Generated from book/rules/vocabulary.md by autograd-book extract; edit the chapter, not this file.
# sha256: 4b4849f7b94e57d0c41c19f0818113a1ab6abc6a924828713a3dd929308f4445

__all__ = [
    "linspace",
    "ASKED",
    "stand_in",
    "asking_numpy",
    "PLAIN",
    "reasons",
    "status",
    "Entry",
    "AREAS",
    "survey",
]


# book/rules/vocabulary.md: Last entries
from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import Any, NamedTuple
from warnings import catch_warnings, simplefilter

import numpy as np

from autograd_book.graph.primitive import primitives
from autograd_book.graph.methods import Operators
from autograd_book.graph.protocols import functions, implements, refusals, refuse
from autograd_book.graph.variable import Variable
from autograd_book.rules import (
    activations,
    assignment,
    convolution,
    elementwise,
    factorizations,
    fourier,
    indexing,
    linear,
    moments,
    order,
    piecewise,
    pooling,
    reductions,
    samples,
    scans,
    shapes,
    softmax,
    spectra,
)


# book/rules/vocabulary.md: Last entries
@implements(np.linspace)
def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
    *,
    device: Any = None,
) -> Any:
    """Evenly spaced numbers from start to stop, as `numpy.linspace`."""
    span = np.subtract(stop, start)
    share = np.linspace(
        0.0, 1.0, num, endpoint, dtype=np.result_type(span.dtype, float(num))
    )
    share = share.reshape(-1, *(1,) * len(span.shape))
    line = start + share * span
    line = np.moveaxis(line, 0, axis) if axis else line
    line = line if dtype is None else line.astype(dtype)
    gaps = num - bool(endpoint)
    return (line, span / gaps if gaps > 0 else np.nan) if retstep else line


# book/rules/vocabulary.md: Last entries
if hasattr(np.linalg, "matrix_transpose"):  # from NumPy 2 on
    functions[np.linalg.matrix_transpose] = np.matrix_transpose
for old, name in {
    "product": "prod",
    "cumproduct": "cumprod",
    "alltrue": "all",
    "sometrue": "any",
}.items():
    if old in vars(np):  # before NumPy 2
        functions[vars(np)[old]] = getattr(np, name)


# book/rules/vocabulary.md: Last entries
#: Compositions that leave it to NumPy to look at their options, by name.
ASKED = (
    "average bincount choose compress correlate corrcoef cov cross diag diagonal diff "
    "full_like gradient linspace median nanmedian nanpercentile nanquantile pad percentile "
    "quantile repeat resize size trapezoid trapz trim_zeros vander"
)


def stand_in(value: Any) -> Any:
    """What NumPy can be asked about in place of an argument: ones for what is
    differentiated, a constant's value, anything else as it is."""
    if isinstance(value, (list, tuple)):
        return type(value)([stand_in(part) for part in value])
    if type(value) is Variable and not value.requires_grad:
        return value.numpy()
    if not isinstance(value, Operators):
        return value
    other: Any = value
    one = other.dtype.kind not in "iub"  # a batch of places may be of any, and 0 is one
    return np.full(other.shape, one, other.dtype)


def asking_numpy(fun: Any, ours: Any) -> Any:
    """Our composition of a NumPy function, which raises what NumPy raises for arguments that
    it accepts itself."""

    @wraps(ours)
    def composed(*args: Any, **options: Any) -> Any:
        result = ours(*args, **options)
        with np.errstate(all="ignore"), catch_warnings():
            simplefilter("ignore")
            fun(*map(stand_in, args), **{k: stand_in(v) for k, v in options.items()})
        return result

    return composed


for name in ASKED.split():
    if hasattr(np, name):
        functions[getattr(np, name)] = asking_numpy(getattr(np, name), functions[getattr(np, name)])


# book/rules/vocabulary.md: Last entries
refuse("Write base ** np.linspace(start, stop, num).", np.logspace)
refuse("Write start * (stop / start) ** np.linspace(0, 1, num).", np.geomspace)
refuse(
    "Convert first, as in np.sqrt(x.astype(complex)), and likewise for the others.",
    *(np.emath.sqrt, np.emath.log, np.emath.log2, np.emath.log10, np.emath.logn),
    *(np.emath.power, np.emath.arccos, np.emath.arcsin, np.emath.arctanh),
)
refuse("Choose between the pieces with np.where or np.select.", np.piecewise)
refuse(
    "Files hold plain arrays: pass x.numpy(), and network.state_dict() of a network.",
    *(np.save, np.savez, np.savez_compressed, np.savetxt),
)
refuse(
    "Bits have no derivative; take the plain values with .numpy().",
    np.packbits,
    np.unpackbits,
)


# book/rules/vocabulary.md: Functions without values
#: What functions do that take no values to differentiate, and their names.
PLAIN = {
    "makes arrays": "arange array asanyarray asarray asarray_chkfinite ascontiguousarray "
    "asfarray asfortranarray asmatrix "
    "bmat empty eye from_dlpack frombuffer fromfunction fromiter fromstring identity "
    "mat ones require tri zeros bartlett blackman hamming hanning kaiser fftfreq rfftfreq "
    "fastCopyAndTranspose get_array_wrap",
    "makes indices or shapes": "broadcast_shapes diag_indices indices ix_ mask_indices "
    "nested_iters ravel_multi_index "
    "tril_indices triu_indices unravel_index iterable isscalar isfortran byte_bounds",
    "is about types": "isdtype issubdtype issctype issubclass_ issubsctype mintypecode "
    "promote_types find_common_type "
    "maximum_sctype obj2sctype sctype2char typename safe_eval",
    "is about dates or text": "busday_count busday_offset is_busday datetime_as_string "
    "datetime_data base_repr binary_repr "
    "format_float_positional format_float_scientific compare_chararrays",
    "makes functions": "frompyfunc",
    "reads or writes": "fromfile fromregex genfromtxt load loadtxt recfromcsv recfromtxt "
    "disp",
    "is about NumPy itself": "add_docstring add_newdoc add_newdoc_ufunc deprecate "
    "deprecate_with_doc get_include "
    "get_printoptions getbufsize geterr geterrcall geterrobj info lookfor printoptions "
    "set_numeric_ops set_printoptions set_string_function setbufsize seterr seterrcall "
    "seterrobj show_config show_runtime source who",
}
#: By name.
reasons = {name: reason for reason, names in PLAIN.items() for name in names.split()}


# book/rules/vocabulary.md: The answer for one function
def status(fun: Callable[..., Any], name: str = "") -> tuple[str, str]:
    """What becomes of a NumPy function that is called with a Variable.

    Parameters
    ----------
    fun : callable
        The function.
    name : str, optional
        Its public name, where that is not the one it calls itself.

    Returns
    -------
    word : str
        ``"rule"``, ``"composed"``, ``"zero gradient"``, ``"refused"``, ``"no values"``, or
        ``"unknown"``.
    remark : str
        The differentiated arguments, what to do instead, or what the function does.
    """
    name = name or fun.__name__
    if fun in primitives:
        row = primitives[fun]
        return (
            ("zero gradient", "")
            if row.flat
            else ("rule", ", ".join(row.rules or row.arguments))
        )
    if fun in functions:
        return "composed", ""
    if fun in refusals:
        return "refused", refusals[fun]
    return ("no values", reasons[name]) if name in reasons else ("unknown", "")


# book/rules/vocabulary.md: The answer for one function
class Entry(NamedTuple):
    """A public function of NumPy and its status."""

    name: str  #: As it is written after ``np.``.
    word: str  #: Status.
    remark: str  #: As `status` gives it.


#: Where public functions are looked for.
AREAS = {"": np, "linalg.": np.linalg, "fft.": np.fft}


# book/rules/vocabulary.md: The answer for one function
def survey() -> list[Entry]:
    """The status of every public function of the NumPy at hand."""
    found = [
        (prefix + name, getattr(area, name))
        for prefix, area in AREAS.items()
        for name in vars(area)
    ]
    public = {
        name: fun
        for name, fun in found
        if hasattr(fun, "__name__") and not isinstance(fun, (type, ModuleType))
    }
    return [
        Entry(name, *status(fun, name.rpartition(".")[2]))
        for name, fun in sorted(public.items())
        if "_" not in (name[0], name.partition(".")[2][:1])
    ]
