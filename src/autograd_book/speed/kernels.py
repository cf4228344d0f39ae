"""A group as a function in C.

``RowKernel`` writes a group as a function in C, and ``run_group`` calls it,
where there is a compiler.

::

    import numpy as np
    from autograd_book.speed.capture import capture
    from autograd_book.speed.fusion import fuse
    from autograd_book.speed.kernels import RowKernel, kernel_text, run_group

    x = np.linspace(-2, 2, 2000, dtype=np.float32)
    graph = fuse(capture(lambda x: np.sum(np.tanh(x) * np.exp(-x * x) + x), x), least=0)
    group = graph.equations[0].params["group"]
    print(kernel_text(RowKernel(group), "example"))
"""
# Generated from book/speed/kernels.md by autograd-book extract; edit the chapter, not this file.
# sha256: 985341ad2f32e576ad674c89c7b4f98634c15f64b6e94d0e11dec76dd13ae348

__all__ = [
    "MEMORY",
    "REGISTER",
    "MAPS",
    "TESTS",
    "MOVES",
    "TABLES",
    "Refused",
    "kind_in",
    "wanted",
    "template_of",
    "short",
    "cast",
    "Reduction",
    "REDUCE",
    "EXTREME",
    "joined",
    "ArraySlot",
    "Part",
    "BLOCK",
    "SCRATCH",
    "RowKernel",
    "is_flat",
    "refuse",
    "alias",
    "mapped",
    "weighted",
    "reduced",
    "row_reduced",
    "summed",
    "ROLES",
    "kernel_text",
    "function",
    "end_text",
    "LARGE",
    "expect_in_slot",
    "Launch",
    "texts",
    "applied",
    "run_group",
]


# book/speed/kernels.md: What functions are in C
import ctypes
import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from autograd_book.graph.primitive import primitives
from autograd_book.rules.elementwise import astype
from autograd_book.rules.piecewise import clip, where
from autograd_book.speed.equations import Equation, Name
from autograd_book.speed.passes import number_in
from autograd_book.speed.rows import Group, Member
from autograd_book.speed.toolchain import built
from autograd_book.speed.vector import FUNCTIONS, HEAD, vector_text

#: Types in memory, by dtype; in a register a truth value is an int.
MEMORY = {
    np.dtype(np.float32): "float", np.dtype(np.float64): "double", np.dtype(bool): "uint8_t",
}  # fmt: skip
REGISTER = MEMORY | {np.dtype(bool): "int"}
#: Functions of numbers: {0} and {1} are arguments, {s} is f for single precision.
MAPS: dict[Any, str] = {
    np.add: "{0} + {1}", np.subtract: "{0} - {1}", np.multiply: "{0} * {1}",
    np.divide: "{0} / {1}", np.reciprocal: "1 / {0}", np.negative: "-{0}",
    np.positive: "{0}", np.square: "{0} * {0}", np.sqrt: "__builtin_sqrt{s}({0})",
    np.absolute: "__builtin_fabs{s}({0})", np.floor: "__builtin_floor{s}({0})",
    np.ceil: "__builtin_ceil{s}({0})", np.copysign: "__builtin_copysign{s}({0}, {1})",
    np.sign: "{0} != {0} ? {0} : ({0} > 0) - ({0} < 0)",
    np.maximum: "({0} >= {1}) | ({0} != {0}) ? {0} : {1}",
    np.minimum: "({0} <= {1}) | ({0} != {0}) ? {0} : {1}",
    clip: "{0} < {1} ? ({1} > {2} ? {2} : {1}) : {0} > {2} ? {2} : {0}",
} | {getattr(np, name): name + "_{k}({0})" for name in FUNCTIONS if hasattr(np, name)}
#: Those whose result is a truth value.
TESTS: dict[Any, str] = {
    np.less: "{0} < {1}", np.less_equal: "{0} <= {1}", np.greater: "{0} > {1}",
    np.greater_equal: "{0} >= {1}", np.equal: "{0} == {1}", np.not_equal: "{0} != {1}",
    np.isnan: "{0} != {0}", np.isfinite: "{0} - {0} == 0", np.logical_not: "{0} == 0",
    np.logical_and: "({0} != 0) & ({1} != 0)",
    np.logical_or: "({0} != 0) | ({1} != 0)", np.bitwise_and: "{0} & {1}",
    np.bitwise_or: "{0} | {1}", np.bitwise_xor: "{0} ^ {1}", np.invert: "{0} == 0",
}  # fmt: skip
#: Those that leave a number as it is, whatever it is.
MOVES: dict[Any, str] = {where: "{0} ? {1} : {2}", astype: "{0}", np.copy: "{0}"}
#: The three by primitive, since others may have the same names.
TABLES = [
    {primitives[fun]: text for fun, text in table.items()} for table in (MAPS, TESTS, MOVES)
]


# book/speed/kernels.md: What functions are in C
class Refused(Exception):
    """A group that is not written in C."""


def kind_in(value: Any) -> Any:
    """The dtype of what is read; None for a number of Python's, which takes that of its
    partners."""
    weak = value.weak if type(value) is Name else not isinstance(value, np.ndarray | np.generic)
    return None if weak else value.dtype


def wanted(e: Equation) -> list[Any]:
    """The dtypes in which a function takes its arguments."""
    if e.primitive is primitives[where]:
        return [np.dtype(bool), e.out.dtype, e.out.dtype]
    if e.primitive in TABLES[2] or e.out.dtype.kind == "f":
        return [e.out.dtype] * len(e.args)
    kinds = [kind for a in e.args if (kind := kind_in(a)) is not None]
    return [np.result_type(*kinds)] * len(e.args)


def template_of(e: Equation) -> str:
    """The text of an elementwise function; Refused if there is none."""
    numbers, truths, moves = TABLES
    text = moves.get(e.primitive) or (truths if e.out.dtype == bool else numbers).get(e.primitive)
    known = all(kind in MEMORY for kind in (*wanted(e), e.out.dtype)) if text else False
    if not text or not known or e.params.keys() - {"dtype"}:
        raise Refused(f"{e.primitive.name} of {e.out.kind} is not written in C.")
    return text


def short(kind: Any) -> str:
    """The end of the names of functions for one type."""
    return f"f{8 * np.dtype(kind).itemsize}"


def cast(word: str, have: Any, want: Any) -> str:
    """A value in another dtype."""
    if have == want:
        return word
    return f"({word} != 0)" if want.kind == "b" else f"(({REGISTER[want]}) {word})"


# book/speed/kernels.md: Reductions and what they lose
class Reduction(NamedTuple):
    """How a universal function reduces."""

    start: str
    step: str  #: From what there is so far, and one more.
    sign: str  #: For the pragma.


REDUCE = {
    np.add: Reduction("0", "{0} + {1}", "+"),
    np.multiply: Reduction("1", "{0} * {1}", "*"),
    np.maximum: Reduction("-INFINITY", "{1} > {0} ? {1} : {0}", "max"),
    np.minimum: Reduction("INFINITY", "{1} < {0} ? {1} : {0}", "min"),
    np.logical_and: Reduction("1", "{0} & ({1} != 0)", "&"),
    np.logical_or: Reduction("0", "{0} | ({1} != 0)", "|"),
}
EXTREME = (np.maximum, np.minimum)  #: They lose NaN, which is looked for besides.


def joined(ufunc: Any, one: str, other: str) -> str:
    """Two results of a reduction as one, of which either may be NaN."""
    step = REDUCE[ufunc].step.format(one, other)
    if ufunc in EXTREME:
        return f"{one} != {one} ? {one} : {other} != {other} ? {other} : {step}"
    return step


# book/speed/kernels.md: What a kernel may touch
class ArraySlot(NamedTuple):
    """An array that a kernel reads or writes."""

    value: Any  #: A name or a constant.
    kind: str  #: "tile", "column" or "row".
    size: int  #: How many numbers the loop goes over.
    written: bool


class Part:
    """What is done with a row between two of its reductions."""

    def __init__(self) -> None:
        self.row: list[str] = []  #: Before the loop over the numbers of the row.
        self.inner: list[str] = []  #: In it.
        self.signs: dict[str, list[str]] = {}  #: What it reduces, by sign.
        self.after: list[str] = []
        self.loaded: dict[int, str] = {}  #: Slots that are in a register.

    def text(self, width: str) -> Iterator[str]:
        """Its lines."""
        yield from self.row
        if self.inner:
            clause = [f" reduction({sign}:{', '.join(w)})" for sign, w in self.signs.items()]
            yield f"#pragma omp simd{''.join(clause)}"
            yield f"for (ptrdiff_t j = 0; j < {width}; j++) {{"
            yield from (f"    {line}" for line in self.inner)
            yield "}"
        yield from self.after


# book/speed/kernels.md: What a kernel may touch
BLOCK = 1024  #: A flat group is gone over in blocks of so many numbers.
SCRATCH = 1 << 17  #: Bytes of rows that are kept for a later part, at most.


class RowKernel:
    """A group of equations as a function in C.

    Parameters
    ----------
    group : Group
        What is written; Refused is raised if it cannot be.
    """

    def __init__(self, group: Group) -> None:
        self.group, phases = group, group.phases()
        self.flat = is_flat(group)  #: Whether all numbers are gone over as in one row.
        self.size = group.rows * (group.width if self.flat else 1)  #: What is counted.
        self.slots: list[ArraySlot] = []
        self.numbers: list[Name] = []  #: Numbers that are given in each call.
        self.sums: list[tuple[int, Member]] = []  #: Slots of what is known behind the last row.
        self.root: dict[Name, Name] = {}  #: From another name of a value to its first.
        self.words: dict[Name, tuple[str, str, int]] = {}  #: Word, kind and part of a result.
        self.kept: dict[Name, str] = {}  #: Rows that a later part reads.
        self.start: list[str] = []
        self.end: list[str] = []
        self.parts = [Part() for _ in phases]
        for at, members in enumerate(phases):
            for m in members:
                ROLES.get(m.role, refuse)(self, m, at)
        if sum(name.dtype.itemsize for name in self.kept) * group.width > SCRATCH:
            raise Refused("too much of a row is kept for later.")

    def slot(self, value: Any, kind: str, written: bool = False) -> int:
        """The number of an array among those of the kernel; Refused if it is too short or
        too long for the loop."""
        rows, width, size = self.group.rows, self.group.width, math.prod(value.shape)
        row = size if size in (1, width) else -1
        count = {"tile": rows * width, "column": rows, "row": row, "total": 1}[kind]
        if size != count or value.dtype not in MEMORY:
            raise Refused(f"{value.dtype}{list(value.shape)} is no {kind} here.")
        wish = ArraySlot(value, kind, count, written)
        for k, slot in enumerate(self.slots):
            if slot.value is value and slot[1:] == wish[1:]:
                return k
        self.slots.append(wish)
        return len(self.slots) - 1

    def number(self, value: Any) -> str:
        """The text of a number: of a constant, or of one that is given."""
        if type(value) is Name:
            self.numbers += [value] * (value not in self.numbers)
            return f"n{self.numbers.index(value)}"
        number = float(number_in(value))
        known = {math.inf: "INFINITY", -math.inf: "(-INFINITY)"}
        return "NAN" if number != number else known.get(number) or f"({number!r})"

    def read(self, value: Any, kind: str, at: int) -> tuple[str, Any]:
        """The text of an operand in a part of the row, and its dtype."""
        value = self.root.get(value, value) if type(value) is Name else value
        if kind == "number":
            return self.number(value), None
        if type(value) is Name and value in self.words:
            word, own, part = self.words[value]
            again = own == "tile" and part != at
            return self.keep(value, word, part) if again else word, value.dtype
        k, part_of_row = self.slot(value, kind), self.parts[at]
        if k not in part_of_row.loaded:
            word = part_of_row.loaded[k] = f"a{at}_{k}"
            index, lines = self.place(self.slots[k], part_of_row)
            lines.append(f"const {REGISTER[value.dtype]} {word} = p{k}[{index}];")
        return part_of_row.loaded[k], value.dtype

    def place(self, slot: ArraySlot, part: Part) -> tuple[str, list[str]]:
        """Where a number of an array stands, and the lines that may read it there."""
        if self.in_row(slot.kind):
            return "o + j", part.inner
        if slot.kind == "column":
            return "i", part.row
        return ("j", part.inner) if slot.kind == "row" and slot.size > 1 else ("0", part.row)

    def in_row(self, kind: str) -> bool:
        """Whether there is one of it for each number of a row."""
        return kind == "tile" or self.flat and kind == "column"

    def keep(self, value: Name, word: str, part: int) -> str:
        """A row of what an earlier part has computed."""
        if value not in self.kept:
            kept = self.kept[value] = f"w{len(self.kept)}"
            self.parts[part].inner.append(f"{kept}[j] = {word};")
        return f"{self.kept[value]}[j]"


# book/speed/kernels.md: What a kernel may touch
def is_flat(group: Group) -> bool:
    """Whether a group takes its numbers one by one, without asking in which row they are."""
    kinds = {kind for m in group.members for kind in (*m.args, m.result)}
    roles = {m.role for m in group.members}
    return group.width == 1 or kinds <= {"tile", "number"} and roles <= {"map", "alias", "total"}


def refuse(kernel: RowKernel, m: Member, at: int) -> None:
    """For a role that has no text."""
    raise Refused(f"{m.equation.primitive.name} as {m.role} is not written in C.")


def alias(kernel: RowKernel, m: Member, at: int) -> None:
    """Another name."""
    source = m.equation.args[0]
    kernel.root[m.equation.out] = kernel.root.get(source, source)


def mapped(kernel: RowKernel, m: Member, at: int) -> None:
    """An elementwise function: into a register, and into memory if it is read outside."""
    e, part = m.equation, kernel.parts[at]
    text, kinds = template_of(e), wanted(e)
    read = [kernel.read(a, kind, at) for a, kind in zip(e.args, m.args, strict=True)]
    words = [cast(word, have, want) for (word, have), want in zip(read, kinds, strict=True)]
    text = text.format(*words, s="f" * (kinds[-1] == np.float32), k=short(kinds[-1]))
    word, inner = f"v{len(kernel.words)}", kernel.in_row(m.result)
    lines = part.inner if inner else part.row
    kernel.words[e.out] = word, "tile" if inner else "column", at
    lines.append(f"const {REGISTER[e.out.dtype]} {word} = {text};")
    if e.out in kernel.group.outs:
        k = kernel.slot(e.out, m.result, written=True)
        lines.append(f"p{k}[{kernel.place(kernel.slots[k], part)[0]}] = {word};")


# book/speed/kernels.md: What a kernel may touch
def weighted(kernel: RowKernel, m: Member, at: int) -> str:
    """What is reduced, times its weight."""
    kind = "tile" if m.space[1] > 1 else "column"
    word, have = kernel.read(m.source, kind, at)
    if m.weights is None:
        return f"({word})"
    alike = type(m.weights) is not Name and number_in(m.weights) is not None
    own = "number" if alike else "row" if m.role == "reduce" else "column"
    weight, _ = kernel.read(m.weights, own, at)
    return f"({word})" if weight == "(1.0)" else f"({word} * ({REGISTER[have]}) {weight})"


def reduced(kernel: RowKernel, m: Member, at: int) -> str:
    """Reduce what is in a row into a register; the word of that."""
    part, how = kernel.parts[at], REDUCE[m.ufunc]
    tile = kernel.in_row("tile" if m.space[1] > 1 else "column")
    term, nan = weighted(kernel, m, at), m.ufunc in EXTREME
    word, kind = f"r{len(kernel.words)}_{len(kernel.sums)}", REGISTER[m.equation.out.dtype]
    if kind == "float" and not kernel.flat and kernel.group.width > 4 * BLOCK:
        kind = "double"  # a row this long has no blocks
    lines = part.inner if tile else part.row
    part.row.insert(0, f"{kind} {word} = {how.start};" + f" int {word}_nan = 0;" * nan)
    lines.append(f"{word} = {how.step.format(word, term)};")
    lines += [f"{word}_nan |= {term} != {term};"] * nan
    for sign, one in [(how.sign, word), *[("|", f"{word}_nan")] * nan] if tile else ():
        part.signs.setdefault(sign, []).append(one)
    part.after += [f"{word} = {word}_nan ? NAN : {word};"] * nan
    return word


def row_reduced(kernel: RowKernel, m: Member, at: int) -> None:
    """One number for each row."""
    e, part = m.equation, kernel.parts[at]
    word = reduced(kernel, m, at)
    kernel.words[e.out] = word, "column", at
    part.after += [f"{word} *= {m.scale!r};"] * (m.scale != 1)
    if e.out in kernel.group.outs:
        part.after.append(f"p{kernel.slot(e.out, 'column', written=True)}[i] = {word};")


def summed(kernel: RowKernel, m: Member, at: int) -> None:
    """What is known behind the last row: a number, or a row of them."""
    e, how = m.equation, REDUCE[m.ufunc]
    long = m.role == "columns" and m.space[1] > 1 and not kernel.flat
    k = kernel.slot(e.out, "row" if long else "total", written=True)
    kernel.sums.append((k, m))
    if long:
        term, one = weighted(kernel, m, at), f"p{k}[j]"
        loop = f"for (ptrdiff_t j = 0; j < {kernel.group.width}; j++)"
        kernel.start.append(f"{loop} {one} = {how.start};")
        kernel.parts[at].inner.append(f"{one} = {joined(m.ufunc, one, term)};")
        return
    word = reduced(kernel, m, at)
    kernel.start.append(f"{'int' if e.out.dtype == bool else 'double'} t{k} = {how.start};")
    kernel.parts[at].after.append(f"t{k} = {joined(m.ufunc, f't{k}', word)};")
    kernel.end.append(f"p{k}[0] = t{k};")


#: How the members of a group are written, by role.
ROLES = {"alias": alias, "map": mapped, "reduce": row_reduced, "columns": summed, "total": summed}


# book/speed/kernels.md: The text
def kernel_text(kernel: RowKernel, name: str) -> str:
    """The function of a kernel in C: `p` has the first row, the row behind the last, and all
    arrays; `s` has the numbers."""
    width = kernel.group.width
    types = [MEMORY[slot.value.dtype] for slot in kernel.slots]
    lines = ["const ptrdiff_t first = (ptrdiff_t) p[0], last = (ptrdiff_t) p[1];"]
    lines += [f"{kind} *const p{k} = p[{k + 2}];" for k, kind in enumerate(types)]
    lines += [f"const double n{k} = s[{k}];" for k in range(len(kernel.numbers))]
    lines += [f"{REGISTER[value.dtype]} {word}[{width}];" for value, word in kernel.kept.items()]
    lines += kernel.start
    if kernel.flat:
        lines += [f"for (ptrdiff_t o = first; o < last; o += {BLOCK}) {{"]
        lines += [f"    const ptrdiff_t n = last - o < {BLOCK} ? last - o : {BLOCK};"]
    else:
        lines += ["for (ptrdiff_t i = first; i < last; i++) {"]
        lines += [f"    const ptrdiff_t o = i * {width};"]
    for part in kernel.parts:
        lines += [f"    {line}" for line in part.text("n" if kernel.flat else str(width))]
    lines += ["}", *kernel.end]
    return function(name, lines)


def function(name: str, lines: list[str]) -> str:
    """The text of a function that is given pointers and numbers."""
    body = "\n".join(f"    {line}" for line in lines)
    return f"void {name}(void **p, const double *s) {{\n{body}\n}}\n"


def end_text(kernel: RowKernel, name: str) -> str:
    """The function that joins the sums of two halves, if there are two, and scales them."""
    lines = []
    for n, (k, m) in enumerate(kernel.sums):
        slot, one = kernel.slots[k], f"a{n}[j]"
        loop = f"for (ptrdiff_t j = 0; j < {slot.size}; j++)"
        lines += [f"{MEMORY[slot.value.dtype]} *a{n} = p[{2 * n}], *b{n} = p[{2 * n + 1}];"]
        lines += [f"if (b{n}) {loop} {one} = {joined(m.ufunc, one, f'b{n}[j]')};"]
        lines += [f"{loop} {one} *= {m.scale!r};"] * (m.scale != 1)
    return function(name, lines)


# book/speed/kernels.md: A call
LARGE = 1 << 17  #: From so many numbers on, a kernel has two halves.


def expect_in_slot(slot: ArraySlot, array: Any) -> None:
    """Raise ValueError unless an array is what a kernel will go over, number by number."""
    plain = isinstance(array, np.ndarray) and array.flags.c_contiguous and array.flags.aligned
    if not plain or array.dtype != slot.value.dtype or array.size != slot.size:
        raise ValueError(
            f"a kernel goes over {slot.size} numbers of {slot.value.dtype} that lie one behind "
            f"the other, and was given {getattr(array, 'dtype', type(array))} of shape "
            f"{np.shape(array)}. This is a fault of the compiler; compile without native=True."
        )
    if slot.written and not array.flags.writeable:
        raise ValueError(
            "a kernel writes into an array that is read-only. This is a fault of the compiler; "
            "compile without native=True."
        )


class Launch:
    """A kernel with the arrays that it works on.

    Parameters
    ----------
    kernel : RowKernel
        What is called.
    """

    def __init__(self, kernel: RowKernel) -> None:
        size, slots = kernel.size, kernel.slots
        step = BLOCK if kernel.flat else 1
        large = kernel.group.rows * kernel.group.width >= LARGE
        cuts = [0, size // 2 // step * step, size] if large and size >= 2 * step else [0, size]
        self.kernel, self.halves = kernel, len(cuts) - 1
        self.tables = [
            (ctypes.c_void_p * (2 + len(slots)))(*pair) for pair in pairwise(cuts)
        ]
        self.numbers = (ctypes.c_double * max(1, len(kernel.numbers)))()
        #: What each half has summed up, by slot.
        self.sums = [
            {k: np.zeros(slots[k].size, slots[k].value.dtype) for k, _ in kernel.sums}
            for _ in self.tables
        ]
        self.ends = (ctypes.c_void_p * (2 * max(1, len(kernel.sums))))()
        self.held: dict[tuple[int, int], Any] = {}  #: Arrays that pointers lead to.
        self.constants = {
            k: np.ascontiguousarray(slot.value) for k, slot in enumerate(slots)
            if isinstance(slot.value, np.ndarray)
        }

    def link(self, arrays: dict[Name, Any]) -> None:
        """Note where arrays are, after a look at each; those that are missing are given in
        each call."""
        for k, slot in enumerate(self.kernel.slots):
            found = self.constants[k] if k in self.constants else arrays.get(slot.value)
            for half in range(self.halves):
                summed = k in self.sums[half]
                array = self.sums[half][k] if summed and (half or found is None) else found
                if array is not None:
                    self.held[k, half] = array
                    self.point(k, array, half)
        for n, (k, _) in enumerate(self.kernel.sums):
            self.ends[2 * n] = self.tables[0][2 + k]
            self.ends[2 * n + 1] = self.tables[1][2 + k] if self.halves == 2 else None

    def point_to(self, k: int, array: Any) -> None:
        """Let the kernel find an array of this call, which is copied if it lies otherwise."""
        self.held[k, 0] = array = np.ascontiguousarray(array)
        self.point(k, array)

    def point(self, k: int, array: Any, half: int | None = None) -> None:
        """Let the kernel find an array, after a look at it."""
        expect_in_slot(self.kernel.slots[k], array)
        for table in self.tables if half is None else [self.tables[half]]:
            table[2 + k] = array.ctypes.data


# book/speed/kernels.md: A call
def texts(kernels: list[RowKernel]) -> tuple[str, list[tuple[str, str]]]:
    """The text of a library, and for each kernel the names of its two functions."""
    known: dict[str, str] = {}
    names = []
    for kernel in kernels:
        run, end = [
            known.setdefault(text(kernel, "NAME"), f"k{len(known)}") for text in (kernel_text, end_text)
        ]
        names.append((run, end))
    functions = "\n".join(text.replace("NAME", name, 1) for text, name in known.items())
    parts = [vector_text(kind) for kind in (np.float32, np.float64) if f"_{short(kind)}(" in functions]
    return "".join([HEAD, *parts, functions]), names


def applied(kernel: RowKernel, run: Any, end: Any, arrays: Any) -> list[Any]:
    """The results of a kernel that is built, in new arrays."""
    group, launch = kernel.group, Launch(kernel)
    known = {n: np.array(a) if n.shape else a for n, a in zip(group.inputs, arrays)}
    known |= {n: np.empty(n.shape, n.dtype) for n in group.outs if n.shape}
    launch.link(known)
    for k, name in enumerate(kernel.numbers):
        launch.numbers[k] = float(known[name])
    for table in launch.tables:
        run(table, launch.numbers)
    end(launch.ends, launch.numbers)
    found = {kernel.slots[k].value: launch.sums[0][k] for k, _ in kernel.sums}
    return [known[n] if n.shape else found[n][0] for n in group.outs]


def run_group(group: Group, *arrays: Any) -> list[Any]:
    """The results of a group by a kernel of its own."""
    kernel = RowKernel(group)
    text, [names] = texts([kernel])
    library = built(text)
    if library is None:
        raise Refused("there is no compiler.")
    run, end = (getattr(library, name) for name in names)
    return applied(kernel, run, end, arrays)
