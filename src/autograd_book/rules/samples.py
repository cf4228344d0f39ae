"""Sampled functions.

Differences and integrals; convolution, interpolation, polynomials, counts and
covariance.

::

    import numpy as np
    from autograd_book import Variable

    x = Variable([0.0, 1.0, 4.0, 9.0])
    np.sum(np.diff(x) ** 2).backward()
    print(x.grad)
    print(np.gradient(x), np.convolve(x, [0.5, 0.5], "valid"), np.interp(1.5, [0, 1, 2, 3], x))
"""
# Generated from book/rules/samples.md by autograd-book extract; edit the chapter, not this file.
# sha256: 7d66808de4c411982ec9f959f99e3c30bf18d38a571df21cbbbfdd0f245d33e8

__all__ = [
    "ends",
    "differences_x",
    "differences",
    "diff",
    "ediff1d",
    "parabola",
    "weighted_neighbours",
    "slopes",
    "SEVERAL",
    "gradient",
    "trapezoid",
    "convolve_x",
    "correlate",
    "as_dtype",
    "double",
    "real_double",
    "periodic",
    "interp",
    "polyval",
    "vander",
    "bincount",
    "in_rows",
    "expect_table",
    "cov",
    "corrcoef",
    "refused",
]


# book/rules/samples.md: Differences
import math
from typing import Any

import numpy as np

from autograd_book.graph.errors import (
    DifferentiationTypeError,
    DifferentiationValueError,
    NoRuleError,
)
from autograd_book.graph.methods import Operators
from autograd_book.graph.primitive import Primitive, differentiable, shape_of
from autograd_book.graph.protocols import functions, implements, primitive, refuse
from autograd_book.graph.stack import Fun
from autograd_book.graph.variable import Variable
from autograd_book.rules.indexing import pick, scatter_add
from autograd_book.rules.dots import scalar
from autograd_book.rules.elementwise import real_kind
from autograd_book.rules.reductions import axes_of, backwards, cut, kept
from autograd_book.rules.scans import installed
from autograd_book.rules.shapes import converted, dtype_of, plain


# book/rules/samples.md: Differences
def ends(x: Any, before: int, after: int, axis: int) -> Any:
    """x with zeros at both ends of an axis."""
    n, axis = x.shape[axis], axis % len(x.shape)
    shapes = [(*x.shape[:axis], k, *x.shape[axis + 1 :]) for k in (before, after)]
    left, right = (np.zeros(shape, x.dtype) for shape in shapes)
    return np.concatenate([left, x, right], axis=axis) if n + before + after > n else x


# book/rules/samples.md: Differences
def differences_x(g: Any, n: int, axis: int) -> Any:
    """Cotangent of n-fold differences: differences, the sign turned n times."""
    return differences(ends(g, n, n, axis), n, axis) * (-1) ** n


@primitive("x", linear="x", x=lambda g, n, axis: differences_x(g, n, axis))
def differences(x: Any, n: int, axis: int) -> Any:
    """Differences of neighbours along an axis, taken n times."""
    return np.diff(x, n, axis)


# book/rules/samples.md: Differences
@implements(np.diff)
def diff(
    a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None
) -> Any:
    """Differences of neighbours, differentiable in all three arrays, as `numpy.diff`."""
    if n == 0:
        return a
    if n < 0 or not shape_of(a):
        raise DifferentiationValueError(
            f"np.diff was asked for n={n} differences of an array of shape {shape_of(a)}. "
            "Give an order of at least 0, and an array with an axis."
        )
    edge = kept(shape_of(a), axis)
    added = [
        x if x is None or shape_of(x) else np.broadcast_to(x, edge)
        for x in (prepend, append)
    ]
    parts = [x for x in (added[0], a, added[1]) if x is not None]
    whole = np.concatenate(parts, axis=axis) if len(parts) > 1 else a
    return differences(whole, min(n, shape_of(whole)[axis]), axis)


# book/rules/samples.md: Differences
@implements(np.ediff1d)
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    """Differences of all elements in a row, as `numpy.ediff1d`."""
    inner = diff(np.ravel(ary))
    parts = [
        np.ravel(converted(x, inner.dtype, "same_kind"))
        for x in (to_begin, inner, to_end)
        if x is not None
    ]
    return np.concatenate(parts) if len(parts) > 1 else inner


# book/rules/samples.md: Weights of a parabola
def parabola(h: Any, k: Any) -> tuple[tuple[Any, Any, Any], ...]:
    """Weights of three neighbours in the slope of their parabola, at each of them."""
    left = (-(2 * h + k) / (h * (h + k)), (h + k) / (h * k), -h / (k * (h + k)))
    middle = (-k / (h * (h + k)), (k - h) / (h * k), h / (k * (h + k)))
    right = (k / (h * (h + k)), -(h + k) / (h * k), (h + 2 * k) / (k * (h + k)))
    return left, middle, right


# book/rules/samples.md: Weights of a parabola
def weighted_neighbours(f: Any, weights: Any, first: int, size: int, axis: int) -> Any:
    """Neighbours times their weights, added up, for `size` places from `first` on."""
    lay = [-1 if i == axis else 1 for i in range(len(f.shape))]
    parts = [
        cut(f, slice(first + i, first + i + size), axis) * np.reshape(w, lay)
        for i, w in enumerate(weights)
    ]
    return sum(parts[1:], parts[0])


# book/rules/samples.md: Weights of a parabola
def slopes(f: Any, step: Any, axis: int, edge_order: int) -> Any:
    """Slopes of f along one axis, for steps of the given lengths."""
    n = f.shape[axis]
    h = np.broadcast_to(converted(step, real_kind(f.dtype), "same_kind"), (n - 1,))
    straight = (-1 / h[:1], 1 / h[:1]), (-1 / h[-1:], 1 / h[-1:])
    curved = parabola(h[:1], h[1:2])[0], parabola(h[-2:-1], h[-1:])[2]
    left, right = straight if edge_order == 1 else curved
    first, last = weighted_neighbours(f, left, 0, 1, axis), weighted_neighbours(f, right, n - len(right), 1, axis)
    inner = weighted_neighbours(f, parabola(h[:-1], h[1:])[1], 0, n - 2, axis)
    return np.concatenate([first, inner, last], axis=axis)


# book/rules/samples.md: Steps and coordinates
#: What holds the slopes along several axes: a list, since NumPy 2 a tuple.
SEVERAL: Any = type(np.gradient(np.eye(2)))


# book/rules/samples.md: Steps and coordinates
@implements(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Slopes along each axis, for given steps or coordinates, as `numpy.gradient`."""
    f = f if isinstance(f, Operators) else 1.0 * np.asarray(f)
    axes = [a % len(f.shape) for a in axes_of(f.shape, axis)]
    steps = [h if np.ndim(h) == 0 else np.diff(h) for h in varargs or (1.0,)]
    if len(steps) == 1 and np.ndim(steps[0]) == 0:
        steps = steps * len(axes)
    fits = len(steps) == len(axes) and all(
        np.ndim(h) == 0 or len(h) == f.shape[a] - 1 for h, a in zip(steps, axes)
    )
    if not fits or edge_order not in (1, 2) or any(f.shape[a] <= edge_order for a in axes):
        raise DifferentiationValueError(
            f"np.gradient of shape {f.shape} along axes {axes} was given {len(varargs)} "
            f"spacings and edge_order={edge_order}. "
            "Give one step, or for each axis a step or coordinates; "
            "edge_order is 1 or 2, and smaller than each axis."
        )
    found = [slopes(f, h, a, edge_order) for h, a in zip(steps, axes)]
    return found[0] if len(found) == 1 else SEVERAL(found)


# book/rules/samples.md: Areas
@implements(*installed("trapezoid", "trapz"))
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """Area by trapezia, differentiable in `y` and `x`, as `numpy.trapezoid`."""
    n, axes = shape_of(y)[axis], range(len(shape_of(y)))
    if x is None:
        width = dx
    elif len(shape_of(x)) == 1:
        width = np.reshape(np.diff(x), [-1 if i == axes[axis] else 1 for i in axes])
    else:
        width = np.diff(x, axis=axis)
    y = y if hasattr(y, "shape") else np.asarray(y)
    heights = cut(y, slice(1, n), axis) + cut(y, slice(n - 1), axis)
    return np.sum(width * heights / 2.0, axis=axis)


# book/rules/samples.md: Convolution
def convolve_x(g: Any, other: Any, shape: tuple[int, ...], mode: str) -> Any:
    """Cotangent of one argument of a convolution, which has the given shape."""
    n, m = math.prod(shape), math.prod(other.shape)
    missing = n + m - 1 - g.shape[0]
    before = {"full": 0, "same": (min(n, m) - 1) // 2, "valid": min(n, m) - 1}[mode]
    whole = ends(g, before, missing - before, 0)
    return np.reshape(
        np.convolve(whole, backwards(np.reshape(other, (-1,)), 0), "valid"), shape
    )


# book/rules/samples.md: Convolution
Primitive(
    np.convolve, "a v", linear="a v",
    a=lambda g, a_shape, v, mode="full": convolve_x(g, v, a_shape, mode),
    v=lambda g, a, v_shape, mode="full": convolve_x(g, a, v_shape, mode),
)


# book/rules/samples.md: Correlation
@implements(np.correlate)
def correlate(a: Any, v: Any, mode: Any = "valid") -> Any:
    """Sums of products with the other array moved along, as `numpy.correlate`."""
    if math.prod(shape_of(a)) < math.prod(shape_of(v)):
        return backwards(np.conjugate(correlate(v, a, mode)), 0)
    return np.convolve(a, backwards(np.conjugate(np.ravel(v)), 0), mode)


# book/rules/samples.md: Dtypes of compositions
def as_dtype(x: Any, dtype: Any) -> Any:
    """An array or Variable in the given dtype."""
    return (
        x.astype(dtype)
        if isinstance(x, Variable) and differentiable(x.dtype)
        else np.asarray(plain(x), dtype)
    )


# book/rules/samples.md: Dtypes of compositions
def double(x: Any) -> Any:
    """x in double precision, real or complex."""
    dtype = x.dtype if isinstance(x, Variable) else np.asarray(x).dtype
    return as_dtype(x, np.result_type(dtype, np.float64))


# book/rules/samples.md: Dtypes of compositions
def real_double(x: Any, what: str) -> Any:
    """x in double precision, or the error that says that it must be real."""
    x = double(x)
    if x.dtype.kind == "c":
        raise DifferentiationTypeError(
            f"{what} was given complex numbers of shape {x.shape}, and takes real ones. "
            "Compute with np.real and np.imag one by one."
        )
    return x


# book/rules/samples.md: Interpolation
for search, names in ((np.searchsorted, "a v"), (np.digitize, "x bins")):
    Primitive(search, names, flat=True)


# book/rules/samples.md: Tables with a period
def periodic(x: Any, xp: Any, fp: Any, period: float) -> tuple[Any, Any, Any]:
    """A place, knots and entries in one period, with a knot added at each end."""
    x, xp = (
        x - period * np.floor(plain(x) / period),
        xp - period * np.floor(plain(xp) / period),
    )
    order = np.argsort(plain(xp))
    xp, fp = xp[order], fp[order]
    return (
        x,
        np.concatenate([xp[-1:] - period, xp, xp[:1] + period]),
        np.concatenate([fp[-1:], fp, fp[:1]]),
    )


# book/rules/samples.md: Slopes of a table
@implements(np.interp)
def interp(
    x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None
) -> Any:
    """Straight lines through a table, differentiable in all arrays, as `numpy.interp`."""
    x, xp, fp = real_double(x, "np.interp"), real_double(xp, "np.interp"), double(fp)
    if (
        len(shape_of(xp)) != 1
        or shape_of(xp) != shape_of(fp)
        or 0 in (*shape_of(xp), period)
    ):
        raise DifferentiationValueError(
            f"np.interp was given knots of shape {shape_of(xp)}, entries of shape "
            f"{shape_of(fp)} and period={period!r}. "
            "Give as many entries as knots, along one axis, and no period of zero."
        )
    if period is not None:
        (x, xp, fp), left, right = periodic(x, xp, fp, abs(period)), None, None
    low, high = np.less(x, xp[0]), np.greater(x, xp[-1])
    last = shape_of(xp)[0] - 1
    i = np.clip(np.searchsorted(xp, x, side="right") - 1, 0, max(last - 1, 0))
    j = np.minimum(i + 1, last)
    (left_x, right_x), (left_f, right_f) = [(pick(v, i), pick(v, j)) for v in (xp, fp)]
    width = right_x - left_x
    slope = (right_f - left_f) / np.where(np.equal(width, 0), 1.0, width)
    out = slope * np.where(low | high, 0.0, x - left_x) + left_f
    out = np.where(low, fp[0] if left is None else left, out)
    return scalar(np.where(high, fp[-1] if right is None else right, out))


# book/rules/samples.md: Phases, polynomials, counts
Primitive(
    np.unwrap, "p",
    p=lambda g, discont=None, axis=-1, period=None: g,
)


# book/rules/samples.md: Phases, polynomials, counts
@implements(np.polyval)
def polyval(p: Any, x: Any) -> Any:
    """Polynomial with coefficients `p`, differentiable in both, as `numpy.polyval`."""
    out = np.zeros_like(x)
    for coefficient in p if isinstance(p, Variable) else np.asarray(p):
        out = out * x + coefficient
    return out


# book/rules/samples.md: Phases, polynomials, counts
@implements(np.vander)
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """Matrix whose rows are the powers of each element, as `numpy.vander`."""
    if len(x.shape) != 1:
        raise DifferentiationValueError(
            f"np.vander was given an array of shape {x.shape}. Give it one axis."
        )
    powers = np.arange(len(x) if N is None else N)
    x = as_dtype(x, np.promote_types(x.dtype, int))
    return np.reshape(x, (-1, 1)) ** (powers if increasing else powers[::-1])


# book/rules/samples.md: Phases, polynomials, counts
@implements(np.bincount)
def bincount(x: Any, weights: Any = None, minlength: int = 0) -> Any:
    """Weights of each number added up, differentiable in them, as `numpy.bincount`."""
    bins = np.asarray(plain(x))
    bins = bins.astype(np.intp) if bins.dtype == bool else bins
    if weights is None:
        return np.bincount(bins, None, minlength)
    if bins.shape != shape_of(weights) or len(bins.shape) != 1 or (bins < 0).any():
        raise DifferentiationValueError(
            f"np.bincount was given numbers of shape {bins.shape} "
            f"and weights of shape {shape_of(weights)}. "
            "Give both one axis of one length, and no negative numbers."
        )
    size = max(minlength, int(np.max(bins, initial=-1)) + 1)
    return scatter_add(real_double(weights, "np.bincount"), (size,), bins)


# book/rules/samples.md: Covariance
def in_rows(x: Any, rowvar: bool, dtype: Any) -> Any:
    """Data with one variable in each row."""
    x = as_dtype(x, dtype)
    return np.reshape(x, (1, -1)) if len(x.shape) < 2 else x if rowvar else np.transpose(x)


# book/rules/samples.md: Covariance
def expect_table(sets: Any, ddof: Any, fweights: Any, aweights: Any) -> None:
    """Raise for data, a correction or weights of which NumPy makes no covariance."""
    counts, shares = (
        np.ones(1) if w is None else np.asarray(plain(w)) for w in (fweights, aweights)
    )
    shapes = [shape_of(x) for x in sets]
    whole = np.array_equal(counts, np.round(counts))
    wrong = {
        f"data of shapes {shapes}": max(map(len, shapes)) > 2,
        f"ddof={ddof!r}": ddof is not None and ddof != int(ddof),
        f"fweights={fweights!r}": counts.ndim != 1 or not whole or np.any(counts < 0),
        f"aweights={aweights!r}": shares.ndim != 1 or np.any(shares < 0),
    }
    for given, refused in wrong.items():
        if refused:
            raise DifferentiationValueError(
                f"np.cov was given {given}. Give data with at most two axes, "
                "a whole number as ddof, "
                "and weights along one axis, none negative, fweights whole."
            )


# book/rules/samples.md: The matrix
@implements(np.cov)
def cov(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: Any = None,
    aweights: Any = None,
    *,
    dtype: Any = None,
) -> Any:
    """Covariance matrix, differentiable in the data and in `aweights`, as `numpy.cov`."""
    sets = [x for x in (m, y) if x is not None]
    expect_table(sets, ddof, fweights, aweights)
    dtype = dtype or np.result_type(np.float64, *map(dtype_of, sets))
    rows = [in_rows(x, rowvar, dtype) for x in sets]
    if rows[0].shape[0] == 0:
        return np.zeros((0, 0), dtype)
    x = np.concatenate(rows, axis=0) if len(rows) > 1 else rows[0]
    ddof = (0 if bias else 1) if ddof is None else ddof
    counts = 1.0 if fweights is None else np.asarray(plain(fweights), float)
    weights = counts if aweights is None else real_double(aweights, "np.cov") * counts
    weights = np.broadcast_to(weights, x.shape[1:])
    total = np.sum(weights)
    lost = ddof if aweights is None else ddof * np.sum(weights * aweights) / total
    centred = x - np.sum(x * weights, axis=1, keepdims=True) / total
    return np.squeeze(
        np.matmul(centred, np.transpose(np.conjugate(centred * weights)))
        / np.maximum(total - lost, 0.0)
    )


# book/rules/samples.md: The matrix
@implements(np.corrcoef)
def corrcoef(
    x: Any, y: Any = None, rowvar: bool = True, *ignored: Any, dtype: Any = None
) -> Any:
    """Matrix of correlation coefficients, as `numpy.corrcoef`."""
    c = cov(x, y, rowvar, dtype=dtype)
    if c.shape == ():
        return c / c
    places = np.arange(len(c))
    spread = np.sqrt(np.real(c[places, places]))
    c = c / np.reshape(spread, (-1, 1)) / spread
    return c if c.dtype.kind == "c" else np.where(np.abs(c) > 1, np.sign(c), c)


# book/rules/samples.md: What has no slope here
refuse(
    "Counts have no slope: pass x.numpy(). "
    "For weights in fixed bins use np.bincount(np.digitize(x, edges), weights).",
    *(np.histogram, np.histogram2d, np.histogramdd, np.histogram_bin_edges),
)
refuse(
    "With v = np.vander(x, degree + 1), "
    "np.linalg.solve(v.T @ v, v.T @ y) is the same fit and differentiable.",
    np.polyfit,
)
refuse(
    "Compute with the coefficients: "
    "np.convolve is the product of two polynomials, np.polyval their value.",
    *(
        np.poly,
        np.roots,
        np.polyadd,
        np.polysub,
        np.polymul,
        np.polydiv,
        np.polyder,
        np.polyint,
    ),
)


# book/rules/samples.md: What has no slope here
def refused(remedy: str, name: str) -> Fun:
    """A method of a universal function that raises."""

    def method(*args: Any, **options: Any) -> Any:
        raise NoRuleError(
            f"np.{name} was called with a Variable, and no derivative is known for it. "
            + remedy
        )

    return method


# book/rules/samples.md: What has no slope here
functions[np.add.reduceat] = refused(
    "Use np.bincount with weights, or differences of np.cumsum.", "add.reduceat"
)
