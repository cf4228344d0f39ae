"""What the table of primitives promises about memory: the columns `view`, `into` and `composite`.

Each case of each rule is run with a level at the bottom of the stack that sees what NumPy is asked for, and so the
columns are held against what NumPy does.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from vocabulary import CASES, NUMBER_OF_ROWS, ROWS

import autograd_book as ab
from autograd_book.graph.interpreter import Interpreter
from autograd_book.graph.primitive import Primitive, primitives
from autograd_book.graph.stack import push
from autograd_book.speed.capture import capture
from autograd_book.speed.plan import LOOPS


class Watch(Interpreter):
    """Notes each call of a primitive with its result."""

    __slots__ = ("calls",)

    def __init__(self, below: Any) -> None:
        super().__init__(below)
        self.calls: list[Any] = []

    def bind(self, primitive: Primitive, args: Any, params: dict[str, Any]) -> Any:
        out = self.below.bind(primitive, args, params)
        self.calls.append((primitive, tuple(args), params, out))
        return out


def calls() -> Iterator[Any]:
    """All calls of primitives that the cases make, forward and back, in double and in single precision."""
    for table in CASES.values():
        for cases in table.values():
            for case in cases:
                for dtype in (np.float64, np.float32):
                    args = [a.astype(dtype) if a.dtype.kind == "f" else a for a in map(np.asarray, case.args)]
                    with push(Watch, at="bottom") as level, np.errstate(all="ignore"):
                        out = case.fun(*[ab.Variable(a) for a in args])
                        if isinstance(out, ab.Variable) and out.requires_grad:
                            out.backward(np.ones(out.shape, out.dtype))
                    yield from level.calls


@pytest.fixture(scope="module")
def seen() -> list[Any]:
    """All of them."""
    return list(calls())


def shared(out: Any, value: Any) -> bool:
    """Whether two values have memory in common."""
    return isinstance(out, np.ndarray) and isinstance(value, np.ndarray) and np.shares_memory(out, value)


def test_only_a_view_shares_memory_and_only_with_its_first_argument(seen) -> None:
    wrong = {p.name for p, args, _, out in seen if any(shared(out, a) for a in args[1:]) or (not p.view and any(shared(out, a) for a in args))}
    assert wrong == set()


def test_each_view_shares_memory_somewhere(seen) -> None:
    found = {p.name for p, args, _, out in seen if shared(out, args[0])}
    assert {p.name for p in ROWS.values() if p.view} <= found


def of_whole_numbers() -> Iterator[Any]:
    """Calls of what has no derivative and so no case."""
    for p in {p.name: p for p in ROWS.values() if p.flat and p.into and p not in LOOPS}.values():
        args = [np.array([[1, 2], [3, 4]], "M8[s]" if p.name == "isnat" else np.int64)] * len(p.arguments)
        yield p, args, {}, p.fun(*args)


def test_what_is_written_into_a_buffer_is_the_result_bit_for_bit(seen) -> None:
    wrong, tried = set(), set()
    for p, args, params, out in [*seen, *of_whole_numbers()]:
        if p.into and isinstance(out, (np.ndarray, np.generic)):
            buffer = np.full_like(np.asarray(out), 77)
            with np.errstate(all="ignore"):
                p.into(*args, **params, out=buffer)
            tried.add(p.name)
            if buffer.tobytes() != np.asarray(out).tobytes():
                wrong.add(p.name)
    assert wrong == set()
    assert {p.name for p in ROWS.values() if p.into and p not in LOOPS} - tried == set()  # groups have tests of their own


def test_a_universal_function_writes_by_itself() -> None:
    assert all(p.into is p.fun for p in primitives.values() if isinstance(p.fun, np.ufunc))
    assert len(set(primitives.values())) >= NUMBER_OF_ROWS


COMPOSITE = {p.name: fun for fun, p in primitives.items() if p.composite}


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
@pytest.mark.parametrize("name", COMPOSITE)
def test_what_is_made_of_others_has_the_same_bits_when_it_is_taken_apart(name, dtype) -> None:
    fun, x = COMPOSITE[name], np.random.default_rng(0).standard_normal((3, 5)).astype(dtype)
    graph = capture(fun, x, expand=lambda p: p.composite)
    assert name not in graph.count()
    found, wanted = graph(x * 2), fun(x * 2)
    assert (found.dtype, found.tobytes()) == (wanted.dtype, wanted.tobytes())
