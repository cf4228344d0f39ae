"""Calls in C.

With ``native=True``, ``compile`` writes what it can in C. Without a compiler,
it does what it does otherwise.

::

    import numpy as np
    import autograd_book as ab

    w = ab.Variable(np.full((3, 3), 0.1, np.float32))

    def step():
        w.grad = None
        np.sum(np.tanh(w @ w) * w).backward()
        w.value = w.value - 0.1 * w.grad.numpy()

    fast = ab.compile(step, native=True)
    for _ in range(3):  # the first call runs the function itself, the second compiles
        fast()
    print(fast.source)
    print(w)
"""
# Generated from book/speed/native.md by autograd-book extract; edit the chapter, not this file.
# sha256: 0d21bcf27288509e6affe4f429f97d760201f705f391b7c68db02c9f622475e8

__all__ = [
    "LETTERS",
    "SIZE",
    "multiply",
    "product_of",
    "laid",
    "Product",
    "WALK",
    "PRODUCT",
    "product_text",
    "threads",
    "helper",
    "Native",
    "tiles_now",
    "address_of",
    "share",
    "RUN",
    "merged",
    "native_program",
]


# book/speed/native.md: NumPy's own product
import ctypes
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from autograd_book.graph.primitive import primitives
from autograd_book.speed.equations import Equation, Graph, Name, source_of
from autograd_book.speed.fusion import fuse
from autograd_book.speed.kernels import Launch, Refused, RowKernel, texts
from autograd_book.speed.plan import MemoryPlan, arena_of, link, plan_of, states_of
from autograd_book.speed.program import Words, line, program, tile_loop
from autograd_book.speed.rows import run_tiles
from autograd_book.speed.toolchain import built, toolchain

LETTERS = {np.dtype(np.float32): "s", np.dtype(np.float64): "d"}
SIZE = ctypes.c_int64


def multiply(address: int, kind: Any, x: Any, y: Any, out: Any) -> None:
    """A product by a function of a BLAS, of matrices that lie row by row."""
    real = np.ctypeslib.as_ctypes_type(kind)
    pointer = ctypes.c_void_p
    types = [*[ctypes.c_int] * 3, *[SIZE] * 3, real, pointer, SIZE, pointer, SIZE, real, pointer, SIZE]
    (m, k), n = x.shape, y.shape[1]
    arrays = x.ctypes.data, k, y.ctypes.data, n, 0, out.ctypes.data, n
    ctypes.CFUNCTYPE(None, *types)(address)(101, 111, 111, m, n, k, 1, *arrays)


@cache
def product_of(kind: Any) -> int | None:
    """Where the product of NumPy's own BLAS begins, if one is found and does as NumPy does."""
    home, letter = Path(np.__file__).parent, LETTERS[kind]
    x, y = np.arange(15, dtype=kind).reshape(5, 3), np.arange(12, dtype=kind).reshape(3, 4)
    for path in [*home.parent.glob("numpy.libs/*openblas*"), *home.glob(".dylibs/*openblas*")]:
        try:
            library = ctypes.CDLL(str(path))
        except OSError:
            continue
        for name in (f"scipy_cblas_{letter}gemm64_", f"cblas_{letter}gemm64_"):
            if (found := getattr(library, name, None)) is not None:
                address, out = ctypes.cast(found, ctypes.c_void_p).value or 0, np.empty((5, 4), kind)
                multiply(address, kind, x, y, out)
                if np.array_equal(out, np.dot(x, y)):
                    return address
    return None


# book/speed/native.md: NumPy's own product
def laid(a: Any) -> tuple[int, int] | None:
    """How a matrix lies for a BLAS: row by row (111) or column by column (112), and how far
    it is from one to the next; None if neither."""
    unit = a.itemsize
    for code, across, along in ((111, 1, 0), (112, 0, 1)):
        near = a.shape[across] == 1 or a.strides[across] == unit
        step = a.strides[along] // unit if a.shape[along] > 1 else a.shape[across]
        if near and step >= a.shape[across] and not a.strides[along] % unit:
            return code, step
    return None


class Product:
    """A product of matrices as a call in C.

    Parameters
    ----------
    e : Equation
        The product.
    arrays : dict
        Arrays for its names; Refused is raised if they do not lie as a BLAS wants them.
    """

    def __init__(self, e: Equation, arrays: dict[Name, Any]) -> None:
        self.names = [*e.args, e.out]
        found: list[Any] = [arrays.get(n) if type(n) is Name else None for n in self.names]
        if e.primitive is not primitives[np.matmul] or any(
            a is None or a.ndim != 2 or a.dtype not in LETTERS or 0 in a.shape or laid(a) is None
            for a in found
        ):
            raise Refused("no product of two matrices that stay where they are.")
        kinds = {a.dtype for a in found}
        self.kind = kinds.pop()
        address = None if kinds else product_of(self.kind)
        if address is None or (laid(found[2]) or (0, 0))[0] != 111:
            raise Refused("there is no such product in C.")
        self.table = (ctypes.c_void_p * 12)(address)
        self.link(arrays)

    def link(self, arrays: dict[Name, Any]) -> None:
        """Note where the matrices are and how they lie, after a look at their shapes."""
        x, y, out = (arrays[name] for name in self.names)
        lies = [laid(a) for a in (x, y, out)]
        fits = x.shape[1] == y.shape[0] and out.shape == (x.shape[0], y.shape[1])
        if None in lies or not fits or {x.dtype, y.dtype, out.dtype} != {self.kind}:
            raise ValueError(
                f"a product in C was given {x.shape} and {y.shape} for {out.shape}. This is a "
                "fault of the compiler; compile without native=True."
            )
        (a, lda), (b, ldb), (_, ldc) = (one for one in lies if one)
        places = [x.ctypes.data, lda, y.ctypes.data, ldb, out.ctypes.data, ldc]
        self.table[1:] = [a, b, x.shape[0], y.shape[1], x.shape[1], *places]


# book/speed/native.md: NumPy's own product
WALK = """
typedef void call(void **, const double *);
/* calls one after the other; of each a function, its pointers and its numbers */
void walk(void **calls, ptrdiff_t first, ptrdiff_t last) {
    for (ptrdiff_t k = first; k < last; k++)
        ((call *) calls[3 * k])(calls[3 * k + 1], calls[3 * k + 2]);
}
"""
PRODUCT = """
typedef void gemm_X(int, int, int, int64_t, int64_t, int64_t, T, const T *, int64_t,
                    const T *, int64_t, T, T *, int64_t);
void product_X(void **p, const double *s) {
    ((gemm_X *) p[0])(101, (int) (ptrdiff_t) p[1], (int) (ptrdiff_t) p[2], (int64_t) p[3],
                      (int64_t) p[4], (int64_t) p[5], 1, p[6], (int64_t) p[7],
                      p[8], (int64_t) p[9], 0, p[10], (int64_t) p[11]);
}
"""


def product_text(kind: Any) -> str:
    """The function that calls a product for one type."""
    return PRODUCT.replace("T", np.ctypeslib.as_ctypes_type(kind).__name__[2:]).replace("X", kind.name)


# book/speed/native.md: Two threads
def threads() -> int:
    """How many threads share a large group: two, unless there is one processor, or the
    variables that say so to a BLAS say one."""
    asked = [os.environ.get(f"{name}_NUM_THREADS", "") for name in ("OMP", "OPENBLAS", "MKL")]
    counts = [int(word) for word in asked if word.isdigit()]
    return max(1, min([2, os.cpu_count() or 1, *counts]))


@cache
def helper(process: int) -> ThreadPoolExecutor:
    """The second thread of a process."""
    return ThreadPoolExecutor(1, thread_name_prefix="autograd-book")


# book/speed/native.md: A program with calls in it
class Native:
    """What of a program is called in C.

    Parameters
    ----------
    plan : MemoryPlan
        Where the program has its values.
    arrays : dict
        Arrays that lie as those of the program will.
    """

    def __init__(self, plan: MemoryPlan, arrays: dict[Name, Any]) -> None:
        self.plan, self.arrays = plan, arrays
        self.launches: list[Launch] = []
        self.linked: list[Launch | Product] = []
        self.calls: list[tuple[Any, Any, Any]] = []  #: Function, pointers and numbers.
        self.names: list[tuple[str, str]] = []
        self.shared: dict[int, int] = {}  #: Calls of which two threads take two at a time.
        self.given: dict[tuple[Name, ...], Any] = {}  #: Numbers that come with each call.
        self.head: list[str] = []  #: Lines that put them into their places.
        self.source = ""
        self.table: Any = None  #: All calls, for C.

    def loop(self, plan: MemoryPlan, words: Words, e: Equation) -> list[str]:
        """The lines of a group of equations: one call, or a loop over tiles."""
        try:
            launch = Launch(RowKernel(e.params["group"]))
        except Refused:
            return tile_loop(plan, words, e)
        if not all(self.in_rows(name) for name in launch.kernel.group.inputs):
            return tiles_now(words, e)
        k, kernel = len(self.launches), launch.kernel
        self.launches.append(launch)
        self.linked.append(launch)
        origins = dict.fromkeys(source_of(each.line) for each in kernel.group.equations)
        lines = [f"# {origin}" for origin in origins]
        for n, slot in enumerate(kernel.slots):
            if type(slot.value) is Name and not slot.written and slot.value not in plan.owner:
                word = words.word(f"point_{k}", launch.point_to)
                lines.append(f"{word}({n}, {words.of[slot.value]})")
        lines += self.numbers(launch, words)
        lines += self.called(launch)
        for n, _ in kernel.sums:
            name = kernel.slots[n].value
            if not name.shape:
                lines.append(f"{words.of[name]} = {words.word(f'sum_{k}_{n}', launch.sums[0][n])}[0]")
        return lines

    def in_rows(self, name: Name) -> bool:
        """Whether an array, if it stays where it is, lies row by row."""
        array = self.arrays.get(name)
        return name not in self.plan.owner or array is not None and array.flags.c_contiguous

    def numbers(self, launch: Launch, words: Words) -> list[str]:
        """The lines that give a kernel its numbers. Those that come with a call of the step are
        given once, to all kernels that take the same."""
        key = tuple(launch.kernel.numbers)
        if key and key in self.given:
            launch.numbers = self.given[key]
            return []
        word = words.word(f"numbers_{len(self.launches) - 1}", launch.numbers)
        lines = [f"{word}[{n}] = {words.of[name]}" for n, name in enumerate(key)]
        if not set(key) <= set(self.plan.graph.inputs):
            return lines
        self.given[key] = launch.numbers
        self.head += lines
        return []

    def called(self, launch: Launch) -> list[str]:
        """The line that calls a kernel: its halves, and what joins their sums."""
        first = len(self.calls)
        self.calls += [((launch, 0), table, launch.numbers) for table in launch.tables]
        if launch.halves == 2 or any(m.scale != 1 for _, m in launch.kernel.sums):
            self.calls.append(((launch, 1), launch.ends, launch.numbers))
        if launch.halves == 2:
            self.shared[first] = len(self.calls)
        return [f"run({first}, {len(self.calls)})"]

    def write(self, plan: MemoryPlan, words: Words, e: Equation, exact: bool) -> str:
        """The line of an equation: a product in C, or a call of NumPy."""
        try:
            product = Product(e, self.arrays)
        except Refused:
            return line(plan, words, e, exact)
        self.linked.append(product)
        self.calls.append((f"product_{product.kind}", product.table, None))
        plan.rowwise |= {n for a in e.args if plan.kind(n := plan.owner[a]) == "state"}
        return f"run({len(self.calls) - 1}, {len(self.calls)})"

    def build(self, words: Words) -> bool:
        """Compile all functions and make the table of calls; whether that was possible."""
        text, names = texts([launch.kernel for launch in self.launches])
        kinds = {one.kind for one in self.linked if isinstance(one, Product)}
        self.source = "".join([text, *map(product_text, sorted(kinds, key=str)), WALK])
        library = built(self.source) if self.calls else None
        if library is None:
            return False
        of = {id(launch): pair for launch, pair in zip(self.launches, names, strict=True)}
        self.table = (ctypes.c_void_p * (3 * len(self.calls)))()
        for k, (fun, pointers, numbers) in enumerate(self.calls):
            name = fun if type(fun) is str else of[id(fun[0])][fun[1]]
            address = ctypes.cast(getattr(library, name), ctypes.c_void_p).value
            self.table[3 * k : 3 * k + 3] = [address, *map(address_of, (pointers, numbers))]
        library.walk.argtypes = ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_ssize_t
        library.walk.restype = None
        walk = partial(library.walk, address_of(self.table))
        words.known |= {"run": walk, "share": partial(share, walk), "native": self}
        words.links.append(self.link)
        return True

    def link(self, arrays: dict[Name, Any]) -> None:
        """Note where all arrays are."""
        for one in self.linked:
            one.link(arrays)


def tiles_now(words: Words, e: Equation) -> list[str]:
    """The line of a group whose arrays lie otherwise than row by row, and are looked at anew
    in each call."""
    word, group = words.word("run_tiles", run_tiles), words.word("group", e.params["group"])
    outs = "".join(f"{words.of[n] if n.shape else None}, " for n in e.outs)
    given = "".join(f"{words.of[n]}, " for n in e.args)
    made = "".join(f"{words.of[n] if not n.shape else '_'}, " for n in e.outs)
    return [f"{made}= {word}({given}group={group}, out=({outs}))"]


def address_of(table: Any) -> int | None:
    """Where a table begins."""
    return None if table is None else ctypes.addressof(table)


def share(walk: Any, first: int, last: int) -> None:
    """Two halves by two threads, and then what joins them."""
    other = helper(os.getpid()).submit(walk, first + 1, first + 2)
    try:
        walk(first, first + 1)
    finally:
        other.result()
    walk(first + 2, last)


# book/speed/native.md: One call of many
RUN = re.compile(r"    run\((\d+), (\d+)\)")


def merged(source: str, shared: dict[int, int]) -> str:
    """The text with one call in place of calls that follow each other, but for those that
    two threads share, and no comment twice."""
    lines: list[str] = []
    for text in source.splitlines():
        found = RUN.fullmatch(text)
        if found and threads() > 1 and int(found[1]) in shared:
            text, found = text.replace("run", "share"), None
        k = len(lines) - 1
        while found and k > 0 and lines[k].startswith("    #"):
            k -= 1
        before = RUN.fullmatch(lines[k]) if found and k > 0 else None
        if found and before and before[2] == found[1]:
            text = f"    run({before[1]}, {found[2]})"
            del lines[k]
        lines.append(text)
    pairs = zip(["", *lines], lines)
    once = [text for before, text in pairs if text != before or not text.startswith("    #")]
    return "\n".join(once) + "\n"


def native_program(graph: Graph, values: Any, turned: Any, poison: bool = False) -> Any:
    """Plan, text and words of a graph whose groups are called in C; None where there is no
    compiler."""
    if toolchain() is None and built("") is None:  # which says so
        return None
    graph = fuse(graph, least=0, turned=turned, fewest=1)
    plan = plan_of(graph, *values)
    states = dict(zip(graph.inputs, values, strict=True))
    fixed = {n: np.empty(n.shape, n.dtype) for n in states_of(graph) if n not in turned}
    loose = {n: np.asarray(states[n]) for n in states_of(graph) if n in turned}
    native = Native(plan, link(plan, fixed | loose, arena_of(plan.size)))
    native.arrays = {n: a for n, a in native.arrays.items() if plan.owner.get(n) not in loose}
    source, words = program(plan, False, poison, native.loop, native.write)
    if not native.build(words):
        return None
    first, rest = source.split("\n", 1)
    source = "\n    ".join([first, *native.head]) + "\n" + rest
    return graph, plan, merged(source, native.shared), words
