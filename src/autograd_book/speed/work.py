"""How much work a step is.

``count_work`` is a context manager. Whatever is computed inside of it, forward
or back, is counted by primitive and phase.

::

    import numpy as np
    import autograd_book as ab
    from autograd_book.speed.work import count_work, total

    w = ab.Variable(np.ones((20, 30)))
    with count_work() as counted:
        np.sum(np.tanh(np.ones((10, 20)) @ w)).backward()
    for (name, phase), (calls, work) in counted.items():
        print(name, phase, calls, work.flops, work.functions, work.nbytes)
    print(total(counted).flops, "operations")
"""
# Generated from book/speed/work.md by autograd-book extract; edit the chapter, not this file.
# sha256: 38bd9a2e7875c9aeb429f54ffbff321df39dbcde6d6e11740f6346d4ce598545

__all__ = [
    "Work",
    "BY_COST",
    "PER_ELEMENT",
    "size_of",
    "bytes_of",
    "product",
    "contraction",
    "correlation",
    "cubed",
    "of_sides",
    "solution",
    "times_log",
    "length_along",
    "first",
    "svd_flops",
    "FORMULAS",
    "gives_view",
    "FOURIER",
    "operations",
    "work_of",
    "Tally",
    "wrapped",
    "ARRAYS_ONLY",
    "rule_work",
    "looks",
    "counts_itself",
    "PullWork",
    "Counts",
    "Counted",
    "count_work",
    "total",
]


# book/speed/work.md: Three numbers
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Work:
    """How much there is to do."""

    flops: int = 0  #: Additions, multiplications, divisions, roots and comparisons.
    functions: int = 0  #: Values of functions such as exp, which no instruction computes.
    nbytes: int = 0  #: Bytes of operands and results.
    unknown: int = 0  #: Calls whose operations are not known; their bytes are.

    def __add__(self, other: "Work") -> "Work":
        return Work(
            self.flops + other.flops, self.functions + other.functions,
            self.nbytes + other.nbytes, self.unknown + other.unknown,
        )

    @property
    def intensity(self) -> float:
        """Operations and function values for each byte."""
        return (self.flops + self.functions) / self.nbytes if self.nbytes else 0.0


# book/speed/work.md: A row for each element
#: By flops and function values for each element of the largest array: names of primitives.
BY_COST = {
    (0, 0): "positive conjugate real imag copy astype half roll tril triu tile join "
    "fftshift ifftshift rearranged put_back stop_gradient last_written replaced getitem scatter_add "
    "reshape transpose flip fliplr flipud rot90 broadcast_to windows "
    "all_windows broken leaning single packed_bits as_pairs float complexes pack unpack iscomplexobj isrealobj through_halves "
    "all_gather all_to_all broadcast scatter gather permute send receive",
    (1, 0): "add subtract multiply divide negative reciprocal sqrt square absolute fabs "
    "dropped maximum minimum fmax fmin relu sign floor ceil trunc rint fix round floor_divide "
    "heaviside copysign remainder fmod fraction exponent scale where less less_equal greater "
    "greater_equal equal not_equal logical_and logical_or logical_xor logical_not invert "
    "bitwise_and bitwise_or bitwise_xor bitwise_count left_shift right_shift gcd lcm "
    "isfinite isinf isnan isnat isneginf isposinf signbit iscomplex isreal nan_to_num over "
    "deg2rad radians rad2deg degrees sum mean prod max min argmax argmin nanargmax nanargmin "
    "nanmax nanmin all any count_nonzero nonzero argwhere flatnonzero array_equal "
    "array_equiv cumsum cumprod fold all_folds "
    "highest window_mean all_reduce reduce_scatter reduce",
    (2, 0): "clip recurrence leaders hypot",
    (3, 0): "cross3 var_about std_about rms_normalize",
    (4, 0): "var std winning close",
    (8, 0): "unwrap",
    (0, 1): "power scalar_power float_power cbrt exp exp2 expm1 log log2 log10 log1p sin cos tan arcsin "
    "arccos arctan arctan2 sinh cosh tanh arcsinh arccosh arctanh i0 bessel_i draw",
    (2, 1): "sinc sinc_derivative p_norm",
    (3, 1): "log_sum negative_log_likelihood",
    (4, 1): "softmax log_softmax log_weighted",
    (5, 1): "sigmoid_slope",
    (6, 1): "sigmoid",
    (4, 2): "softplus logaddexp logaddexp2",
    (8, 1): "silu",
    (14, 1): "gelu",
}
#: By name of the primitive: flops and function values for each element.
PER_ELEMENT = {name: cost for cost, names in BY_COST.items() for name in names.split()}


# book/speed/work.md: A row for each element
import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from autograd_book.graph.primitive import Primitive


def size_of(value: Any) -> int:
    """Number of elements of whatever has a shape, and 0 for anything else."""
    return math.prod(value.shape) if hasattr(value, "shape") else 0


def bytes_of(values: Iterable[Any]) -> int:
    """Bytes of whatever has any."""
    return sum(int(getattr(value, "nbytes", 0)) for value in values)


# book/speed/work.md: A formula for products and decompositions
def product(args: Any, params: Any, out: Any) -> int:
    """Flops of a matrix product."""
    return 2 * size_of(out) * args[0].shape[-1]


def contraction(args: Any, params: Any, out: Any) -> int:
    """Flops of a sum over letters: two for each combination of all of them."""
    sides = dict(zip(params["a"] + params["b"], args[0].shape + args[1].shape))
    return 2 * math.prod(sides.values())


def correlation(results: Any, weights: Any) -> int:
    """Flops of a convolution: two for each result and each weight that it meets."""
    return 2 * size_of(results) * math.prod(weights.shape[1:])


# book/speed/work.md: A formula for products and decompositions
def cubed(factor: float) -> Any:
    """Flops of a decomposition of square matrices, as a multiple of their side cubed."""
    return lambda args, params, out: round(
        factor * size_of(args[0]) * args[0].shape[-1]
    )


def of_sides(count: Any) -> Any:
    """Flops of a decomposition, from the longer and the shorter side of each matrix."""

    def flops(args: Any, params: Any, out: Any) -> int:
        *stack, m, n = args[0].shape
        return round(math.prod(stack) * count(max(m, n), min(m, n)))

    return flops


def solution(args: Any, params: Any, out: Any) -> int:
    """Flops of a linear system: a decomposition, and two triangles for each column."""
    return cubed(2 / 3)(args, params, out) + 2 * size_of(out) * args[0].shape[-1]


# book/speed/work.md: A formula for products and decompositions
def times_log(factor: float, length: Any) -> Any:
    """A multiple of elements times the logarithm of a length, in base 2."""

    def flops(args: Any, params: Any, out: Any) -> int:
        size = max(size_of(args[-1]), size_of(out))
        return round(factor * size * math.log2(max(1, length(args, params, out))))

    return flops


def length_along(args: Any, params: Any, out: Any) -> int:
    """Length of the axis along which a primitive works."""
    axis = params.get("axis", -1)
    return size_of(args[0]) if axis is None or not args[0].shape else args[0].shape[axis]


def first(args: Any, params: Any, out: Any) -> int:
    """Number of elements of the first argument."""
    return size_of(args[0])


def svd_flops(m: int, n: int) -> int:
    """Flops of a singular value decomposition with its vectors."""
    return 6 * m * n**2 + 20 * n**3


# book/speed/work.md: A formula for products and decompositions
#: By name of the primitive: its flops, from arguments, parameters and result.
FORMULAS: dict[str, Any] = {
    "matmul": product, "contract": contraction,
    "conv": lambda args, params, out: correlation(out, args[1]),
    "conv_x": lambda args, params, out: correlation(args[0], args[1]),
    "conv_w": lambda args, params, out: correlation(args[1], out),
    "convolve": lambda args, params, out: 2 * size_of(args[0]) * size_of(args[1]),
    "collapse": lambda args, params, out: size_of(args[0]),
    "differences": lambda args, params, out: params["n"] * size_of(out),
    "lower_factor": cubed(1 / 3), "det": cubed(2 / 3), "packed_slogdet": cubed(2 / 3),
    "inv": cubed(2), "solve_columns": solution, "eigvalsh": cubed(4 / 3),
    "packed_eigh": cubed(9), "packed_eig": cubed(25), "cofactors": cubed(26),
    "packed_qr": of_sides(lambda m, n: 4 * m * n**2 - 4 * n**3 / 3),
    "packed_svd": of_sides(svd_flops), "least_squares": of_sides(svd_flops),
    "pinv": of_sides(lambda m, n: svd_flops(m, n) + 2 * m * n**2),
    "singular_values": of_sides(lambda m, n: 2 * m * n**2 + 2 * n**3),
    "matrix_rank": of_sides(lambda m, n: 2 * m * n**2 + 2 * n**3),
    "searchsorted": times_log(1, first), "digitize": times_log(1, lambda a, p, o: size_of(a[1])),
    "in1d": times_log(1, first), "isin": times_log(1, first),
    "argsort": times_log(1, length_along), "by_keys": times_log(1, length_along),
    "argpartition": lambda args, params, out: 2 * size_of(args[0]),
}
#: The same for Fourier transforms.
FORMULAS |= dict.fromkeys(("fft", "ifft"), times_log(5, length_along))
FORMULAS |= dict.fromkeys(("rfft", "irfft", "hfft", "ihfft"), times_log(2.5, length_along))


# book/speed/work.md: What costs nothing
from autograd_book.modes.trees import leaves


def gives_view(primitive: Primitive, args: Any, params: Any, out: Any) -> bool:
    """Whether a result lies in the memory of the first argument."""
    x = args[0] if args else None
    if isinstance(x, np.ndarray) and isinstance(out, np.ndarray):
        return np.may_share_memory(x, out)
    return primitive.view and not any(size_of(leaf) for leaf in leaves(list(params.values())))


# book/speed/work.md: What costs nothing
FOURIER = {"fft", "ifft", "rfft", "irfft", "hfft", "ihfft"}  #: Count real operations already.


def operations(name: str, args: Any, params: Any, out: Any) -> tuple[int, int, int]:
    """Flops, function values, and 1 if they are not known."""
    if name in FORMULAS:
        return FORMULAS[name](args, params, out), 0, 0
    if name not in PER_ELEMENT:
        return 0, 0, 1
    elements = max(map(size_of, (*args, *leaves(out))), default=0)
    flops, functions = PER_ELEMENT[name]
    return flops * elements, functions * elements, 0


# book/speed/work.md: What costs nothing
def work_of(primitive: Primitive, args: Any, params: Any, out: Any) -> Work:
    """The work of one call, from shapes alone.

    Parameters
    ----------
    primitive : Primitive
        What was applied.
    args : sequence
        Arrays, numbers, or whatever has a shape, a dtype and a number of bytes.
    params : dict
        Parameters of the call.
    out : array
        The result, or a tuple of results.
    """
    stand_in = primitive.plans.primitive is not primitive
    if stand_in or gives_view(primitive, args, params, out):
        return Work()
    name, results = primitive.name, leaves(out)
    flops, functions, unknown = operations(name, args, params, out)
    kinds = {getattr(getattr(v, "dtype", None), "kind", "") for v in (*args, *results)}
    if "c" in kinds and name not in FOURIER:
        flops, functions = 4 * flops, 4 * functions
    read = results if name == "getitem" else args
    return Work(flops, functions, bytes_of(read) + bytes_of(results), unknown)


# book/speed/work.md: The way back is run once more
from autograd_book.graph.backward import fit
from autograd_book.graph.errors import AutogradError
from autograd_book.graph.interpreter import Interpreter
from autograd_book.graph.primitive import SEAL, Handle, Plan
from autograd_book.graph.stack import NoGrad, as_constant, bedrock, bottom, top


class Tally(Interpreter):
    """Adds up the work of what is applied."""

    __slots__ = ("work",)

    def __init__(self, below: Interpreter) -> None:
        super().__init__(below)
        self.work = Work()

    def bind(self, primitive: Primitive, args: Any, params: dict[str, Any]) -> Any:
        """Apply a primitive, and count it."""
        out = self.below.bind(primitive, args, params)
        self.work += work_of(primitive, args, params, out)
        return out


# book/speed/work.md: The way back is run once more
def wrapped(plan: Plan, saved: Any) -> tuple[Any, ...]:
    """Saved values as constant Variables, without their seals."""
    return tuple(
        None if name.endswith(SEAL) else as_constant(v) if isinstance(v, np.ndarray) else v
        for name, v in zip(plan.asks, saved, strict=True)
    )


#: What a rule that was written for arrays alone raises when it is given Variables.
ARRAYS_ONLY = (AutogradError, AttributeError, TypeError, ValueError)


def rule_work(node: Any, g: Any) -> Work:
    """The work of the rules of a node, found by running them on Variables."""
    tally = Tally(bedrock)
    token = top.set(NoGrad(tally))
    try:
        saved = wrapped(node.plan, node.saved)
        parts = node.plan.pull(as_constant(np.asarray(g)), saved, node.params)
    except ARRAYS_ONLY:
        return Work(nbytes=bytes_of((g, *node.saved)), unknown=1)
    finally:
        top.reset(token)
    pairs = zip(map(bottom, parts), node.inputs)
    wide = [p for p, t in pairs if np.shape(p) != t.shape]
    return tally.work + Work(flops=sum(map(size_of, wide)), nbytes=bytes_of(wide))


# book/speed/work.md: The way back is run once more
def looks(value: Any) -> Any:
    """What the work depends on: shape and dtype of an array, and anything else as text."""
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return value.shape, value.dtype
    return repr(value)


def counts_itself(node: Any, g: Any) -> bool:
    """Whether the operations of a rule pass the stack themselves."""
    return type(node.plan) is not Plan or any(isinstance(v, Handle) for v in (g, *node.saved))


class PullWork(dict[Any, Work]):
    """Work of rules, by plan, shapes and parameters."""

    def of(self, node: Any, g: Any) -> Work:
        """The work of pulling a cotangent through a node."""
        if counts_itself(node, g):
            return Work()
        seen = [looks(v) for v in (g, *node.saved, *leaves(list(node.params.values())))]
        key = (node.plan, *seen, *(t.shape for t in node.inputs))
        if key not in self:
            self[key] = rule_work(node, g)
        return self[key]


# book/speed/work.md: Around a block
from autograd_book.graph.record import Node
from autograd_book.graph.stack import push

#: By name of the primitive and phase: number of calls, and their work.
Counts = dict[tuple[str, str], tuple[int, Work]]


class Counted(Interpreter):
    """Counts what is applied and what is pulled."""

    __slots__ = ("counts", "rules")

    def __init__(self, below: Interpreter, counts: Counts) -> None:
        super().__init__(below)
        self.counts, self.rules = counts, PullWork()

    def bind(self, primitive: Primitive, args: Any, params: dict[str, Any]) -> Any:
        """Apply a primitive, and count it."""
        out = self.below.bind(primitive, args, params)
        self.count((primitive.name, "forward"), work_of(primitive, args, params, out))
        return out

    def pull(self, node: Node, g: Any) -> Any:
        """Pull a cotangent, and count the rules."""
        parts = self.below.pull(node, g)
        plan: Any = node.plan
        self.count((plan.primitive.name, "backward"), self.rules.of(node, g))
        return parts

    def count(self, key: tuple[str, str], work: Work) -> None:
        """Add to one row."""
        calls, before = self.counts.get(key, (0, Work()))
        self.counts[key] = calls + 1, before + work


# book/speed/work.md: Around a block
class count_work(push):
    """Context manager that counts the work of what is computed inside of it.

    Returns
    -------
    dict
        From ``with count_work() as counted``: for each primitive and phase, ``"forward"`` or
        ``"backward"``, the number of calls and their `Work`.
    """

    def __init__(self) -> None:
        super().__init__(Counted, {}, at="bottom")

    def __enter__(self) -> Counts:
        self.args = ({},)
        counts: Counts = super().__enter__().counts
        return counts


def total(counts: Counts) -> Work:
    """The work of all rows together."""
    return sum((work for _, work in counts.values()), Work())
