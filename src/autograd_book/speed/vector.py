"""Functions for a loop in C.

``vector_text`` gives the text in C of six functions for one type of numbers,
and ``over_arrays`` applies one of them to an array, where there is a compiler.

::

    import numpy as np
    from autograd_book.speed.vector import over_arrays, vector_text

    print(vector_text(np.float32)[:212])
    tanh = over_arrays("tanh", np.float32)
    if tanh is not None:  # there is a compiler
        print(tanh(np.float32([-1.0, 0.0, 1.0])), np.tanh(np.float32([-1.0, 0.0, 1.0])))
"""
# Generated from book/speed/vector.md by autograd-book extract; edit the chapter, not this file.
# sha256: 0dceba873c61469bf2249c3b0e3e2a72f46d70e831ca6f42305e1f3c1c9d4c62

__all__ = [
    "LN2",
    "TYPES",
    "literal",
    "halves_of_ln2",
    "least_term",
    "exp_terms",
    "log_terms",
    "horner",
    "EXP",
    "TANH",
    "LOG",
    "words",
    "FUNCTIONS",
    "HEAD",
    "vector_text",
    "LOOP",
    "over_arrays",
]


# book/speed/vector.md: A number is a power of two and a rest
import ctypes
import math
from collections.abc import Callable
from decimal import Context, Decimal
from fractions import Fraction
from string import Template
from typing import Any

import numpy as np

from autograd_book.speed.toolchain import built

#: The natural logarithm of two, to sixty digits.
LN2 = Fraction(Decimal(2).ln(Context(prec=60)))
TYPES = {"float32": ("float", "uint32_t", "f"), "float64": ("double", "uint64_t", "")}


# book/speed/vector.md: A number is a power of two and a rest
def literal(number: Any, dtype: Any) -> str:
    """A number as it is written in C."""
    return f"{np.dtype(dtype).type(float(number))!s}{TYPES[np.dtype(dtype).name][2]}"


def halves_of_ln2(dtype: Any) -> tuple[Fraction, Fraction]:
    """ln 2 as a sum, of which the first part has few digits."""
    about = np.finfo(dtype)
    unit = 1 << int(about.nmant + 1 - int(about.maxexp).bit_length())
    high = Fraction(round(LN2 * unit), unit)
    return high, LN2 - high


# book/speed/vector.md: How many terms
def least_term(dtype: Any) -> Fraction:
    """What vanishes in the rounding of a number near one."""
    return Fraction(float(np.finfo(dtype).eps)) / 32


def exp_terms(dtype: Any) -> list[Fraction]:
    """Coefficients of exp(r) = 1 + r + r² (c0 + c1 r + ...) for r between ±ln(2) / 2."""
    found: list[Fraction] = []
    while (LN2 / 2) ** (k := len(found) + 2) / math.factorial(k) > least_term(dtype):
        found.append(Fraction(1, math.factorial(k)))
    return found


def log_terms(dtype: Any) -> list[Fraction]:
    """Coefficients of log((1 + s) / (1 - s)) = 2 s + s z (c0 + c1 z + ...), where z = s²
    is at most 0.0295."""
    found: list[Fraction] = []
    while Fraction(295, 10000) ** (k := len(found) + 1) / (2 * k + 1) > least_term(dtype):
        found.append(Fraction(2, 2 * k + 1))
    return found


def horner(x: str, terms: list[Fraction], dtype: Any) -> str:
    """The text of a polynomial."""
    *rest, last = [literal(c, dtype) for c in terms]
    for c in reversed(rest):
        last = f"({c} + {x} * {last})"
    return last


# book/speed/vector.md: The exponential
EXP = """
typedef union { $T r; $B b; } $k;
static inline $T power_$k($B n) { $k u; u.b = (n + $bias) << $nmant; return u.r; }
/* x = k ln 2 + r: exp(r) - 1, and k in the low bits of *n */
static inline $T rest_$k($T x, $k *n) {
    n->r = x * $per_ln2 + $magic;
    $T k = n->r - $magic;
    $T a = x - k * $high, r = a - k * $low;
    $T lost = (a - r) - k * $low;
    return r + (r * r * $exp_terms + lost);
}
static inline $T exp_$k($T x) {
    x = x > $exp_top ? $exp_top : x;
    x = x < $exp_bottom ? $exp_bottom : x;
    $k n;
    $T q = rest_$k(x, &n);
    $B half = ((n.b + 4096) >> 1 & 4095) - 2048;
    return (1 + q) * power_$k(half) * power_$k(n.b - half);
}
static inline $T expm1_$k($T x) {
    $T c = x > $exp_top ? $exp_top : x;
    c = c < -40 ? -40 : c;
    $k n;
    $T q = rest_$k(c, &n), p = power_$k(n.b - 1);
    return __builtin_copysign$s(2 * (p * q + (p - $half)), x);
}
"""


# book/speed/vector.md: The hyperbolic tangent and the sigmoid
TANH = """
/* a or b, without a branch that a compiler could follow to two divisions */
static inline $T choose_$k(int which, $T a, $T b) {
    $k u = {a}, v = {b};
    $B mask = -($B) which;
    u.b = (u.b & mask) | (v.b & ~mask);
    return u.r;
}
static inline $T tanh_$k($T x) {
    $T a = x < 0 ? -x : x;
    $T c = a > 20 ? 20 : a;
    $k n;
    $T q = rest_$k(2 * c, &n), p = power_$k(n.b);
    $T t = p * q + (p - 1), d = t + 2;
    $T lost = t - (d - 2);
    $T y = choose_$k(c > $half, 2, t) / d;
    $T near = y - y * lost * (1 - y) * $half;
    return __builtin_copysign$s(c > $half ? 1 - y : near, x);
}
static inline $T sigmoid_$k($T x) {
    $T e = exp_$k(x < 0 ? x : -x), d = 1 + e;
    $T lost = e - (d - 1);
    $T y = choose_$k(x < 0, e, 1) / d;
    return y - y * lost * (x < 0 ? 1 - y : y);
}
"""


# book/speed/vector.md: The logarithm
LOG = """
static inline $T log_$k($T x) {
    int small = x < $tiny;
    $k u, m, e;
    u.r = x * (small ? $lift : 1);
    $B n = (u.b + $to_root) >> $nmant;
    m.b = u.b - ((n - $bias) << $nmant);
    e.r = $magic;
    e.b += n;
    $T k = e.r - $magic_bias;
    k = small ? k - $nmant : k;
    $T f = m.r - 1, h = f * f * $half, s = f / (2 + f), z = s * s;
    $T r = z * $log_terms;
    $T y = k * $high - ((h - (s * (h + r) + k * $low)) - f);
    y = x > $largest ? x : y;
    y = x == 0 ? -INFINITY : y;
    return x >= 0 ? y : NAN;
}
static inline $T log1p_$k($T x) {
    $T u = 1 + x;
    $T lost = x < 1 ? x - (u - 1) : 1 - (u - x);
    $T y = log_$k(u) + (u > 0 && u <= $largest ? lost / u : 0);
    return x == 0 ? x : y;
}
"""


# book/speed/vector.md: The text
def words(dtype: Any) -> dict[str, Any]:
    """What the templates leave open, for one type."""
    about, kind = np.finfo(dtype), np.dtype(dtype).name
    nmant, bias = int(about.nmant), int(about.maxexp) - 1
    high, low = halves_of_ln2(dtype)
    root = np.sqrt(np.array(0.5, dtype)).view(f"u{about.bits // 8}")
    numbers = {
        "magic": 1.5 * 2.0**nmant, "magic_bias": 1.5 * 2.0**nmant + bias, "half": 0.5,
        "per_ln2": 1 / LN2, "high": high, "low": low, "tiny": 2.0 ** (1 - bias),
        "lift": 2.0**nmant, "largest": about.max,
        "exp_top": math.ceil((bias + 1) * LN2), "exp_bottom": -math.ceil((bias + nmant + 1) * LN2),
    }  # fmt: skip
    found = {word: literal(number, dtype) for word, number in numbers.items()}
    real, bits, suffix = TYPES[kind]
    return found | {
        "T": real, "B": bits, "s": suffix, "k": f"f{about.bits}", "nmant": nmant, "bias": bias,
        "to_root": f"({bits}) {(bias << nmant) - int(root)}ULL",
        "exp_terms": horner("r", exp_terms(dtype), dtype),
        "log_terms": horner("z", log_terms(dtype), dtype),
    }  # fmt: skip


#: The functions, in the order of their texts.
FUNCTIONS = ("exp", "expm1", "tanh", "sigmoid", "log", "log1p")
HEAD = "#include <math.h>\n#include <stddef.h>\n#include <stdint.h>\n"


def vector_text(dtype: Any) -> str:
    """The functions in C for one type, ``exp_f32`` and so on."""
    return Template(EXP + TANH + LOG).substitute(words(dtype))


# book/speed/vector.md: Applied to an array
LOOP = """
void map_$name(const $T *x, $T *y, ptrdiff_t n) {
    for (ptrdiff_t i = 0; i < n; i++) y[i] = ${name}_$k(x[i]);
}
"""


def over_arrays(name: str, dtype: Any) -> Callable[[Any], Any] | None:
    """One of the functions, for arrays; None where there is no compiler."""
    some = words(dtype)
    loops = (Template(LOOP).substitute(some, name=each) for each in FUNCTIONS)
    library = built(HEAD + vector_text(dtype) + "".join(loops))
    if library is None:
        return None
    fun = getattr(library, f"map_{name}")
    fun.argtypes = ctypes.c_void_p, ctypes.c_void_p, ctypes.c_ssize_t

    def apply(x: Any) -> Any:
        x = np.ascontiguousarray(x, dtype)
        out = np.empty_like(x)
        fun(x.ctypes.data, out.ctypes.data, x.size)
        return out

    return apply
