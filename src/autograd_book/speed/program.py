"""Program.

``program`` writes a planned graph as the text of a Python function.

::

    import numpy as np
    from autograd_book.speed.capture import capture
    from autograd_book.speed.plan import plan_of
    from autograd_book.speed.program import program

    v = np.ones(3)
    text, words = program(plan_of(capture(lambda x: np.tanh(x) * 2.0, v), v), exact=True)
    print(text)
"""
# Generated from book/speed/program.md by autograd-book extract; edit the chapter, not this file.
# sha256: 58981deabc679dfd6820d638ef43627ee9ae9e27f1532e75f6e98301615a1901

__all__ = [
    "label",
    "Words",
    "PAIRS",
    "numbers_as_arrays",
    "partner",
    "as_array",
    "conversions",
    "operands",
    "REDUCE",
    "word_of",
    "call",
    "BY_NAME",
    "into_call",
    "flat",
    "SIGNS",
    "line",
    "WIDE",
    "ENDS",
    "operand_word",
    "loop_call",
    "ends_of",
    "LoopWriter",
    "tile_loop",
    "guards_at",
    "done_with",
    "body",
    "Ending",
    "endings",
    "with_room",
    "program",
]


# book/speed/program.md: Words
import keyword
import textwrap
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from autograd_book.graph.interpreter import STRONG_SCALARS
from autograd_book.graph.primitive import primitives
from autograd_book.graph.record import Leaf
from autograd_book.speed.blocks import blocked, run_blocks
from autograd_book.speed.cells import StateCell
from autograd_book.speed.equations import NUMBERS, Equation, Graph, Name, names_in, source_of
from autograd_book.speed.passes import everything
from autograd_book.speed.plan import MemoryPlan, copies, equations_of, freed, groups_of
from autograd_book.speed.rows import START, Call, Loop, Operand, fused


# book/speed/program.md: Words
def label(cell: StateCell) -> str:
    """A word for what a cell holds."""
    if isinstance(cell.owner, Leaf):
        return "grad"
    word = "param" if cell.key == "value" else str(cell.key)
    return word if word.isidentifier() and not keyword.iskeyword(word) else "state"


# book/speed/program.md: Words
class Words:
    """The words of a program: of its values, and of the objects that it needs."""

    def __init__(self, graph: Graph) -> None:
        first = len(graph.inputs) - len(graph.cells)
        self.of = {name: f"input_{name.number}" for name in graph.inputs[:first]}
        for cell, name in zip(graph.cells, graph.inputs[first:], strict=True):
            self.of[name] = f"{label(cell)}_{name.number}"
        self.of |= {g.tiles: f"tiles_{g.tiles.number}" for _, g in groups_of(graph)}
        for e in equations_of(graph):
            self.of |= {name: f"{e.primitive.name}_{name.number}" for name in e.outs}
        self.known: dict[str, Any] = {}  #: Objects by word.
        self.numbers: dict[Any, Any] = {}  #: Numbers as arrays.
        self.links: list[Any] = []  #: What is told where the arrays are, when that has changed.

    def word(self, wish: str, value: Any) -> str:
        """A word for an object: the one that is wished, unless it means another already."""
        word, k = wish, 1
        while self.known.setdefault(word, value) is not value:
            word, k = f"{wish}_{k}", k + 1
        return word

    def leaf(self, value: Any) -> str:
        """A name, a constant, or a tuple of them."""
        if type(value) is Name:
            return self.of[value]
        if type(value) is tuple:
            return f"({''.join(self.leaf(v) + ', ' for v in value)})"
        plain = type(value) in (int, bool, str, type(None))
        if plain or (type(value) is float and np.isfinite(value)):
            return repr(value)
        return self.word("constant", value)


# book/speed/program.md: Numbers as arrays
#: Functions of two arrays with which a number takes the dtype of its partner.
PAIRS = {
    np.add, np.subtract, np.multiply, np.divide, np.maximum, np.minimum,
    np.less, np.less_equal, np.greater, np.greater_equal,
}  # fmt: skip


# book/speed/program.md: Numbers as arrays
def numbers_as_arrays(words: Words, e: Equation) -> list[Any]:
    """The arguments of an equation, with numbers as arrays, which NumPy takes sooner."""
    kind = partner(e)
    return list(e.args) if kind is None else [as_array(words, a, kind) for a in e.args]


def partner(e: Equation) -> Any:
    """The dtype that numbers among the arguments of an equation take, if that is known."""
    kinds = {a.dtype for a in e.args if type(a) is Name and a.shape}
    if e.primitive.fun not in PAIRS or len(kinds) != 1 or (kind := kinds.pop()).kind != "f":
        return None
    return kind


def as_array(words: Words, value: Any, kind: Any) -> Any:
    """A constant number as an array of no dimensions, or the name of a number's array."""
    if type(value) in (int, float):
        return words.numbers.setdefault((repr(value), kind), np.asarray(value, kind))
    return words.numbers.get((value, kind), value) if type(value) is Name else value


def conversions(words: Words, graph: Graph) -> dict[Name, list[str]]:
    """For each number that is computed, or comes with each call, the lines that make it an
    array for its partners."""
    lines: dict[Name, list[str]] = {}
    for e in equations_of(graph):
        kind = partner(e)
        for a in e.args if kind is not None else ():
            if type(a) is Name and a.weak and (a, kind) not in words.numbers:
                word = f"{words.of[a]}_{kind}"
                new = words.numbers[a, kind] = replace(a, dtype=kind, number=-1 - len(words.of))
                words.of[new] = word
                dtype = words.word(str(kind), kind)
                lines.setdefault(a, []).append(f"{word} = array({words.of[a]}, {dtype})")
    return lines


# book/speed/program.md: Numbers as arrays
def operands(words: Words, e: Equation) -> list[str]:
    """The texts of the arguments of an equation."""
    kinds = {a.dtype for a in e.args if hasattr(a, "dtype") and not getattr(a, "weak", False)}
    floats = {kind for kind in kinds if kind.kind == "f"}
    texts = []
    for a in numbers_as_arrays(words, e):
        weak = a.weak if type(a) is Name else type(a) in (int, float)
        kind = floats.copy().pop().type if STRONG_SCALARS and weak and len(floats) == 1 else None
        texts.append(f"{words.word(kind.__name__, kind)}({words.leaf(a)})" if kind else words.leaf(a))
    return texts


# book/speed/program.md: A call
#: Reductions by the universal function that does them.
REDUCE = {
    np.sum: np.add, np.prod: np.multiply, np.max: np.maximum, np.min: np.minimum,
    np.all: np.logical_and, np.any: np.logical_or,
}  # fmt: skip


# book/speed/program.md: A call
def word_of(e: Equation, fun: Any) -> str:
    """What a function is called in the text."""
    word = getattr(fun, "__name__", e.primitive.name)
    owner = getattr(fun, "__self__", None)
    if isinstance(owner, np.ufunc):
        return f"{owner.__name__}_{word}"
    return word if word.isidentifier() else f"{e.primitive.name}_into"


# book/speed/program.md: A call
def call(words: Words, e: Equation, fun: Any, **more: Any) -> str:
    """A call of a function with the arguments of an equation."""
    more, out = e.params | more, []
    if [*more] == ["out"] and isinstance(fun, np.ufunc) and fun not in BY_NAME:
        out = [more.pop("out")]
    parts = [*operands(words, e), *map(words.leaf, out)]
    parts += [f"{k}={words.leaf(v)}" for k, v in more.items()]
    return f"{words.word(word_of(e, fun), fun)}({', '.join(parts)})"


#: Universal functions that take the array for their result by name only.
BY_NAME = (np.maximum, np.minimum)


# book/speed/program.md: Into a buffer
def into_call(plan: MemoryPlan, words: Words, e: Equation, exact: bool) -> str:
    """The line that computes a result into its buffer."""
    fun, x = e.primitive.into, e.args[0]
    if copies(e):
        return f"copyto({words.of[e.out]}.reshape({words.leaf(x)}.shape), {words.leaf(x)})"
    if e.primitive.fun in REDUCE:
        reduce = REDUCE[e.primitive.fun].reduce
        return call(words, e, reduce, **{"axis": e.params.get("axis")}, out=e.out)
    if e.primitive is primitives[np.matmul] and not exact and all(map(flat, e.args)):
        return f"{words.leaf(x)}.dot({words.leaf(e.args[1])}, {words.of[e.out]})"
    return call(words, e, fun, out=e.out)


def flat(value: Any) -> bool:
    """Whether a value is an array of one or two axes."""
    return isinstance(value, Name | np.ndarray) and 0 < len(value.shape) <= 2


# book/speed/program.md: Into a buffer
#: What numbers have operators for, in the text.
SIGNS = {np.add: "+", np.subtract: "-", np.multiply: "*", np.divide: "/"}


def line(plan: MemoryPlan, words: Words, e: Equation, exact: bool) -> str:
    """The text of an equation; nothing for a view, which is made once."""
    if plan.kind(e.out) == "view":
        return ""
    if e.primitive is blocked:
        return call(words, e, run_blocks, out=e.out)
    if plan.kind(e.out) == "buffer":
        return into_call(plan, words, e, exact)
    out = ", ".join(words.of[name] for name in e.outs)
    single = all(plan.kind(a) == "local" and not a.shape for a in e.inputs)
    weak = all(a.weak if type(a) is Name else type(a) in (int, float, bool) for a in e.args)
    if e.primitive.fun in SIGNS and single and not e.params:
        return f"{out} = {f' {SIGNS[e.primitive.fun]} '.join(operands(words, e))}"
    return f"{out} = {call(words, e, NUMBERS.get(e.primitive.fun, e.primitive.fun) if weak else e.primitive.fun)}"


# book/speed/program.md: A loop over tiles
WIDE = 88  #: Characters of a line.

#: Ends the word of an operand that is another look at a value, by its kind.
ENDS = {"across": "_across", "part": "_part", "sum": "_sum", "upright": "_upright", "row": "_row"}


def operand_word(loop: Loop, words: Words, o: Operand) -> str:
    """What an operand is called in the loop."""
    if type(o.value) is not Name:
        return words.word("constant", o.value) + "_i"
    scratch = o.value in loop.kinds and o.value not in loop.group.outs
    return words.of[o.value] + ENDS.get(o.kind, "" if scratch else "_i")


def loop_call(words: Words, loop: Loop, c: Call, own: set[Operand]) -> str:
    """The line of a call in a loop."""
    plain = numbers_as_arrays(words, c.member.equation)
    parts = []
    for k, o in enumerate(c.args):
        small = c.member.role == "map" and o.value is c.member.equation.args[k]
        value = plain[k] if small else o.value
        parts.append(operand_word(loop, words, o) if o in own else words.leaf(value))
    parts += [f"{k}={words.leaf(v)}" for k, v in c.params.items()]
    fun = words.word(word_of(c.member.equation, c.fun), c.fun)
    if c.member.role != "total":
        return f"{fun}({', '.join([*parts, f'out={operand_word(loop, words, c.out)}'])})"
    out, ufunc = words.of[c.out.value], words.word(c.member.ufunc.__name__, c.member.ufunc)
    return f"{out} = {ufunc}({out}, {fun}({', '.join(parts)}))"


def ends_of(words: Words, loop: Loop) -> tuple[list[str], list[str]]:
    """The lines before and behind a loop: sums begin, and means are divided."""
    before, behind = [], []
    for m in loop.sums:
        word, start = words.of[m.equation.out], START[m.ufunc]
        number = words.leaf(m.equation.out.dtype.type(start))
        before.append(f"{word} = {number}" if m.role == "total" else f"{word}.fill({words.leaf(start)})")
        if m.scale != 1:
            scale = words.leaf(m.equation.out.dtype.type(m.scale))
            behind.append(f"{word} = {word} * {scale}" if m.role == "total" else f"multiply({word}, {scale}, out={word})")
            words.known["multiply"] = np.multiply
    return before, behind


#: Writes the lines of a group of equations.
LoopWriter = Callable[[MemoryPlan, "Words", Equation], list[str]]


def tile_loop(plan: MemoryPlan, words: Words, e: Equation) -> list[str]:
    """The lines of a group of equations: a loop over tiles of its rows."""
    loop = Loop(e.params["group"])
    held = {name for name in loop.group.inputs if name in plan.owner} | set(loop.group.outs)
    given, kept = loop.parts(held)
    own = {*given, *kept}
    before, behind = ends_of(words, loop)
    heads = ", ".join(operand_word(loop, words, o) for o in (*given, *kept))
    arrays = ", ".join(words.of[o.value] for o in given)
    head = f"for {heads}{',' * (len(own) == 1)} in {words.of[loop.group.tiles]}({arrays}):"
    if len(head) > WIDE:
        inside = textwrap.wrap(heads, WIDE - 8)
        head = "\n            ".join(["for (", *inside]) + f"\n    ) in {words.of[loop.group.tiles]}({arrays}):"
    said, lines = "", [*before, f"# {loop.group.rows} rows, {loop.step} at a time", head]
    for c in loop.calls:
        if (origin := source_of(c.member.equation.line)) != said:
            lines.append(f"    # {origin}")
            said = origin
        lines.append(f"    {loop_call(words, loop, c, own)}")
    return lines + behind


# book/speed/program.md: Questions and farewells
def guards_at(graph: Graph) -> dict[int, list[Any]]:
    """The guards that can be asked behind each equation; those of arguments at -1."""
    at = {name: i for i, e in enumerate(graph.equations) for name in e.outs}
    found: dict[int, list[Any]] = {}
    for guard in graph.guards:
        found.setdefault(at.get(guard.name, -1), []).append(guard)
    return found


# book/speed/program.md: Questions and farewells
def done_with(plan: MemoryPlan) -> dict[int, list[Name]]:
    """Local arrays that nobody reads behind an equation."""
    last = {name: i for i, e in enumerate(plan.graph.equations) for name in [*e.inputs, *e.outs]}
    kept = {*names_in([plan.graph.outputs]), *plan.graph.inputs}
    found: dict[int, list[Name]] = {}
    for name, i in last.items():
        if plan.kind(name) == "local" and name.shape and name not in kept:
            found.setdefault(i, []).append(name)
    return found


# book/speed/program.md: The body
def body(
    plan: MemoryPlan, words: Words, exact: bool, poison: bool, loop: LoopWriter = tile_loop,
    write: Callable[..., str] = line,
) -> list[str]:
    """The lines of a step, each line of the program above what became of it."""
    graph, lines, said = plan.graph, [], ""
    guards, done, dead = guards_at(graph), done_with(plan), list(freed(plan))
    converted = conversions(words, graph)
    for i, e in enumerate([None, *graph.equations], -1):
        if e is not None and e.primitive is fused:
            lines += loop(plan, words, e)
            said = ""
            if poison:
                start = plan.workspace[e.params["group"].tiles]
                lines.append(f"arena[{start}:{start + Loop(e.params['group']).workspace}] = 255")
        elif e is not None and (text := write(plan, words, e, exact)):
            if (origin := source_of(e.line)) != said:
                lines.append(f"# {origin}")
                said = origin
            lines.append(text)
        for guard in guards.get(i, []):
            lines.append(f"if bool({words.leaf(guard.name)}) is not {guard.truth}: return None")
        for name in graph.inputs if e is None else e.outs:
            lines += converted.get(name, [])
        if gone := done.get(i):
            lines.append(f"del {', '.join(words.of[name] for name in gone)}")
        for name in dead[i] if poison and i >= 0 else []:
            lines.append(f"arena[{plan.offset[name]}:{plan.offset[name] + name.nbytes}] = 255")
    return lines


# book/speed/program.md: How a cell ends
class Ending(NamedTuple):
    """What becomes of a cell at the end of a step."""

    cell: StateCell
    old: Name
    new: Any
    how: str  #: "kept", "written" in place, "copied" into its array, or "handed" out.


def endings(plan: MemoryPlan) -> list[Ending]:
    """The endings of all cells of a planned graph."""
    graph = plan.graph
    count, found = len(graph.cells), []
    pairs = zip(graph.inputs[len(graph.inputs) - count:], graph.outputs[len(graph.outputs) - count:])
    for cell, (old, new) in zip(graph.cells, pairs, strict=True):
        name = type(new) is Name
        fits = name and (new.shape, new.dtype) == (old.shape, old.dtype)
        how = (
            "kept" if name and new == old
            else "written" if name and plan.written.get(new) == old
            else "copied" if fits and plan.kind(old) == "state"
            else "handed"
        )
        found.append(Ending(cell, old, new, how))
    return found


# book/speed/program.md: How a cell ends
def with_room(graph: Graph) -> Graph:
    """The graph with room for each new value of a cell whose old value nobody reads."""
    read = set(names_in([everything(graph)]))
    first, count = len(graph.inputs) - len(graph.cells), len(graph.outputs) - len(graph.cells)
    cells = [
        replace(new, number=old.number) if type(new) is Name and old not in read else old
        for old, new in zip(graph.inputs[first:], graph.outputs[count:], strict=True)
    ]
    return replace(graph, inputs=(*graph.inputs[:first], *cells))


# book/speed/program.md: Put together
def program(
    plan: MemoryPlan, exact: bool, poison: bool = False, loop: LoopWriter = tile_loop,
    write: Callable[..., str] = line,
) -> tuple[str, Words]:
    """The text of a step as a function, and its words."""
    words, graph, ends = Words(plan.graph), plan.graph, endings(plan)
    words.known |= {"copyto": np.copyto, "array": np.array}
    lines = body(plan, words, exact, poison, loop, write)
    copied = {end.old: end.new for end in ends if end.how == "copied"}
    loose = [new for new in dict.fromkeys(copied.values()) if plan.kind(new) != "buffer"]
    # all that may lie in the array of a cell is read before any of them is written
    lines += [f"now_{words.of[new]} = array({words.of[new]})" for new in loose]
    for old, new in copied.items():
        lines.append(f"copyto({words.of[old]}, {'now_' * (new in loose)}{words.of[new]})")
    out = graph.outputs[: len(graph.outputs) - len(graph.cells)]
    out = (*out, *[end.new for end in ends if end.how == "handed"])
    lines.append(f"return {words.leaf(out)}")
    given = ", ".join(words.of[n] for n in graph.inputs if plan.kind(n) == "local")
    return "\n    ".join([f"def step({given}):", *lines]) + "\n", words
