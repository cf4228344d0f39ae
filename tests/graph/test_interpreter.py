"""The stack: two verbs, passed down (book/graph/interpreter.md)."""

import contextvars
import threading

import numpy as np
import pytest
from vocabulary import ROWS

import autograd_book as ab
from autograd_book import Variable
from autograd_book.graph.interpreter import Evaluate, Interpreter, WeakScalars, ground
from autograd_book.graph.stack import base, push, top


class Log(Interpreter):
    """Writes down both verbs."""

    __slots__ = ("lines",)

    def __init__(self, below, lines):
        super().__init__(below)
        self.lines = lines

    def bind(self, primitive, args, params):
        self.lines.append(f"bind {primitive.name}")
        return self.below.bind(primitive, args, params)

    def pull(self, node, g):
        self.lines.append(f"pull {node.plan.primitive.name}")
        return self.below.pull(node, g)


def test_an_interpreter_passes_both_verbs_down() -> None:
    lines: list = []
    middle = Interpreter(Log(ground(), lines))
    assert middle.bind(ROWS["multiply"], (2.0, 3.0), {}) == 6.0
    middle.pull(Variable(2.0).__mul__(3.0).node, 1.0)
    assert lines == ["bind multiply", "pull multiply"]


def test_the_bottom_calls_numpy_with_parameters() -> None:
    out = Evaluate().bind(ROWS["sum"], (np.ones((2, 3)),), {"axis": 0})
    np.testing.assert_array_equal(out, [2.0, 2.0, 2.0])


def test_a_pushed_interpreter_sees_forward_and_backward() -> None:
    lines: list = []
    x = Variable(2.0)
    with push(Log, lines):
        y = np.exp(x * 3.0)
        y.backward()
    assert [line for line in lines if line.startswith("bind")][:2] == ["bind multiply", "bind exp"]
    assert [line for line in lines if line.startswith("pull")] == ["pull exp", "pull multiply"]


def test_the_stack_is_restored_when_the_block_ends_by_an_error() -> None:
    with pytest.raises(KeyError), push(Log, []):
        raise KeyError
    assert top.get() is base


def test_interpreters_stack_in_the_order_in_which_they_were_pushed() -> None:
    first: list = []
    second: list = []
    x = Variable(2.0)
    with push(Log, first), push(Log, second):
        assert top.get().below.lines is first
        x * x
    assert first == second == ["bind multiply"]


def test_one_push_can_be_entered_again_before_it_is_left() -> None:
    lines: list = []
    x, twice = Variable(2.0), push(Log, lines)
    with twice as outer:
        with twice as inner:
            assert top.get() is inner and inner.below is outer
            x * x
        assert top.get() is outer
        with pytest.raises(KeyError), twice:
            raise KeyError
        assert top.get() is outer
    assert top.get() is base and lines == ["bind multiply", "bind multiply"]


def test_one_push_can_be_entered_in_two_threads_and_left_in_any_order() -> None:
    shared, seen = push(Log, []), []
    entered, left = threading.Event(), threading.Event()

    def work():
        with shared as level:
            seen.append(top.get() is level and level.below is base)
            entered.set()
            left.wait(60)
            seen.append(top.get() is level)
        seen.append(top.get() is base)

    thread = threading.Thread(target=work)
    with shared as level:
        thread.start()
        entered.wait(60)
        assert top.get() is level and level.below is base
    assert top.get() is base
    left.set()
    thread.join()
    assert seen == [True, True, True]


def test_a_block_that_is_left_in_another_context_is_refused_and_changes_nothing() -> None:
    block = push(Log, [])
    with block as level:
        with pytest.raises(ab.DifferentiationValueError, match="a block of push was left in another thread or task"):
            contextvars.Context().run(block.__exit__, None, None, None)
        assert top.get() is level
    assert top.get() is base


BLOCKS = {
    "no_grad": ab.no_grad, "autocast": ab.autocast, "debug_nans": ab.debug_nans, "recycle": ab.recycle,
    "saved_values": lambda: ab.saved_values("keep"), "memory_profile": ab.memory_profile, "profile": ab.profile,
}


@pytest.mark.parametrize("name", BLOCKS)
def test_a_block_left_elsewhere_is_told_so_under_its_own_name(name) -> None:
    block, here = BLOCKS[name](), contextvars.copy_context()
    here.run(block.__enter__)
    with pytest.raises(ab.DifferentiationValueError, match=f"^a block of {name} was left in another thread or task"):
        block.__exit__(None, None, None)


@pytest.mark.parametrize("name", ["no_grad", "autocast", "debug_nans", "recycle", "saved_values"])
def test_a_block_left_twice_or_never_entered_is_told_that_it_is_not_open(name) -> None:
    block = BLOCKS[name]()
    for enter in (False, True):
        if enter:
            block.__enter__()
            block.__exit__(None, None, None)
        with pytest.raises(ab.DifferentiationValueError, match=f"^a block of {name} was left that is not open") as caught:
            block.__exit__(None, None, None)
        assert "thread" not in str(caught.value)
    assert top.get() is base


@pytest.mark.parametrize("value", [Variable([1.0, 2.0]), np.ones(2), None])
def test_what_is_no_function_cannot_be_decorated(value) -> None:
    with pytest.raises(ab.DifferentiationTypeError, match="push was put around .*, which is no function"):
        push(Log, [])(value)


def test_a_decorated_function_may_call_itself() -> None:
    lines: list = []

    @push(Log, lines)
    def power(x, n):
        return x * power(x, n - 1) if n > 1 else x

    assert power(Variable(2.0), 4).item() == 16.0
    assert lines == ["bind multiply"] * (3 + 2 + 1)  # each call adds a level for what is inside of it
    assert top.get() is base


def test_an_interpreter_pushed_in_one_thread_is_not_seen_by_another() -> None:
    lines: list = []
    x = Variable(2.0)
    with push(Log, lines):
        thread = threading.Thread(target=lambda: x * x)
        thread.start()
        thread.join()
    assert lines == []


def test_an_interpreter_pushed_in_one_context_is_not_seen_by_another() -> None:
    empty = contextvars.Context()
    with push(Log, []):
        assert empty.run(top.get) is base


def test_two_threads_differentiate_at_once_each_with_its_own_stack() -> None:
    together = threading.Barrier(2)
    found: dict = {}

    def work(key, power):
        def f(x):
            together.wait()  # both are inside their transformation now
            y = x**power
            together.wait()
            return ab.grad(lambda z: z * y)(x) * y

        found[key] = ab.grad(f)(2.0)
        together.wait()
        v = Variable(3.0)
        z = v**power
        together.wait()
        z.backward()
        found[key, "leaf"] = v.grad.item()

    threads = [threading.Thread(target=work, args=(i, p)) for i, p in enumerate((2.0, 3.0))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    # f = y * y = x ** (2 power)
    assert found[0] == pytest.approx(4 * 2.0**3)
    assert found[1] == pytest.approx(6 * 2.0**5)
    assert found[0, "leaf"] == pytest.approx(6.0)
    assert found[1, "leaf"] == pytest.approx(27.0)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("number", [2, 2.5])
def test_weak_scalars_take_the_dtype_of_the_array_they_meet(dtype, number) -> None:
    for stack in (WeakScalars(Evaluate()), ground()):
        for args in [(number, np.ones(3, dtype)), (dtype(1), number), (np.asarray(1, dtype), number)]:
            assert stack.bind(ROWS["multiply"], args, {}).dtype == dtype


def test_weak_scalars_leave_numpy_scalars_and_mixtures_alone() -> None:
    stack = WeakScalars(Evaluate())
    assert stack.bind(ROWS["multiply"], (np.float64(2.0), np.ones(3, np.float64)), {}).dtype == np.float64
    assert stack.bind(ROWS["add"], (np.ones(3, np.float32), np.ones(3, np.float64)), {}).dtype == np.float64


def test_the_way_back_meets_every_level_with_a_say_and_no_other() -> None:
    upper: list[str] = []
    lower: list[str] = []
    x = Variable(2.0)
    out = np.exp(x) * 3.0
    with push(Interpreter), push(Log, upper), push(Interpreter), push(Log, lower, at="bottom"):
        out.backward()
    assert [line for line in upper if line.startswith("pull")] == ["pull multiply", "pull exp"]
    assert [line for line in lower if line.startswith("pull")] == ["pull multiply", "pull exp"]
