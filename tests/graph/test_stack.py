"""A block restores what it found: whatever interrupts it, and in whatever order blocks are left."""

import contextlib
import gc
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest

import autograd_book as ab
from autograd_book import Variable
from autograd_book.graph import stack
from autograd_book.graph.interpreter import Interpreter
from autograd_book.graph.methods import Operators
from autograd_book.graph.stack import base, ends, floor, push, top
from autograd_book.memory.pool import recycle

BLOCKS: dict[str, Callable[[], Any]] = {
    "no_grad": ab.no_grad,
    "autocast": ab.autocast,
    "debug_nans": ab.debug_nans,
    "saved_values": lambda: ab.saved_values("int8"),
    "memory_profile": ab.memory_profile,
    "recycle": recycle,
}


def levels() -> list[str]:
    """The stack of this thread, from the top."""
    level, found = top.get(), []
    while level is not None:
        found.append(type(level).__name__)
        level = level.below
    return found


BARE = levels()


def expect_bare(when: str = "") -> None:
    """No level has been left behind, and no note of one, at either end."""
    assert levels() == BARE, when
    assert [end.blocks.get() for end in ends.values()] == [None, None], when


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    expect_bare()
    stacks = [(end, end.stack.get()) for end in ends.values()]
    yield
    for end, found in stacks:
        end.stack.set(found)
        end.blocks.set(None)


def entered(make: Callable[[], Any]) -> None:
    with make():
        pass


KEPT: list[Any] = []  #: Managers that programs keep in a variable.


def kept(make: Callable[[], Any]) -> None:
    KEPT.append(make())
    with KEPT[-1], KEPT[-1]:
        pass


def decorated(make: Callable[[], Any]) -> None:
    make()(lambda: None)()


def nested(make: Callable[[], Any]) -> None:
    with ab.debug_nans(), make():
        pass


def held(make: Callable[[], Any]) -> None:
    manager = make()
    with ab.autocast(), manager:
        pass


def inside_grad(make: Callable[[], Any]) -> None:
    def f(x: Any) -> Any:
        with make():
            return x * 1.0

    ab.grad(f)(1.0)


def out_of_order(make: Callable[[], Any]) -> None:
    def waiting() -> Iterator[None]:
        with make():
            yield

    generator = waiting()
    next(generator)
    with ab.debug_nans(), ab.autocast():
        generator.close()


def lines_of(run: Callable[[], None], stop_at: int) -> int:
    """Run under a trace that raises KeyboardInterrupt at one line of the module; how many lines there were."""
    count = 0

    def trace(frame: Any, event: str, arg: Any) -> Any:
        nonlocal count
        if frame.f_code.co_filename != stack.__file__ or frame.f_code.co_name == "forget":
            return None
        if event == "line":
            count += 1
            if count == stop_at:
                raise KeyboardInterrupt
        return trace

    was = sys.gettrace()
    sys.settrace(trace)
    try:
        run()
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(was)
    return count


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("form", [entered, kept, decorated, nested, held, inside_grad, out_of_order])
@pytest.mark.parametrize("name", ["no_grad", "autocast", "saved_values", "recycle"])
def test_an_interrupt_at_any_line_of_entering_and_leaving_leaves_no_level_behind(form: Any, name: str) -> None:
    lines = lines_of(lambda: form(BLOCKS[name]), -1)
    assert lines > 15
    for stop_at in range(1, lines + 1):
        lines_of(lambda: form(BLOCKS[name]), stop_at)
        expect_bare(f"line {stop_at} of {lines}")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", ["no_grad", "autocast", "saved_values", "recycle"])
def test_a_traceback_that_is_kept_keeps_no_level(name: str) -> None:
    KEPT.append(BLOCKS[name]())

    def trace(frame: Any, event: str, arg: Any) -> None:
        if frame.f_code.co_name == "leave":  # called, and not yet begun
            raise KeyboardInterrupt

    was = sys.gettrace()
    sys.settrace(trace)
    try:
        with KEPT[-1]:
            pass
    except KeyboardInterrupt as error:
        kept = error
        expect_bare()
    finally:
        sys.settrace(was)
    assert kept.__traceback__ is not None


@pytest.mark.parametrize("name", ["no_grad", "autocast", "saved_values", "recycle"])
def test_a_block_entered_by_hand_ends_with_its_object(name: str) -> None:
    blocks = [BLOCKS[name]()]
    for _ in range(2):
        blocks[0].__enter__()
    assert levels() != BARE
    blocks.clear()
    expect_bare()


@pytest.mark.parametrize("name", [name for name in BLOCKS if name != "memory_profile"])
def test_each_statement_leaves_its_own_block_of_one_object(name: str) -> None:
    shared = BLOCKS[name]()

    def waiting() -> Iterator[None]:
        with shared:
            yield

    first, second = waiting(), waiting()
    next(first)
    next(second)
    inner = ends["bottom" if name == "recycle" else "top"].blocks.get().level
    first.close()
    assert [end.blocks.get().level for end in ends.values() if end.blocks.get()] == [inner]
    second.close()
    expect_bare()


class Alarm(Exception):
    pass


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no interval timers on this system")
def test_random_signals_leave_no_level_behind() -> None:
    armed, raised = False, 0

    def ring(number: int, frame: Any) -> None:
        nonlocal armed
        armed = False
        raise Alarm

    def toil() -> None:  # a call, since Python 3.13 does not guard the jump of a loop in a try block
        signal.setitimer(signal.ITIMER_REAL, float(rng.uniform(2e-5, 4e-4)))
        while armed:  # what is raised inside of __del__ goes no further
            with ab.no_grad(), ab.autocast(), recycle():
                pass
            ab.no_grad()(abs)(-1)

    rng = np.random.default_rng(0)
    before = signal.signal(signal.SIGALRM, ring)
    try:
        for _ in range(400):
            armed = True
            try:
                toil()
            except Alarm:
                raised += 1
            expect_bare()
    finally:
        signal.signal(signal.SIGALRM, before)
    assert raised > 200


ORDERS = [(a, b) for a in BLOCKS for b in BLOCKS if a != b]


@pytest.mark.parametrize("first, second", ORDERS)
def test_a_generator_closed_late_takes_its_own_level_and_no_other(first: str, second: str) -> None:
    def waiting() -> Iterator[None]:
        with BLOCKS[first]():
            yield

    with BLOCKS[second]():
        alone = levels()
    generator = waiting()
    next(generator)
    with BLOCKS[second]():
        generator.close()
        assert levels() == alone
    expect_bare()


@pytest.mark.parametrize("first, second", ORDERS)
def test_blocks_left_in_the_order_in_which_they_were_entered(first: str, second: str) -> None:
    one, two = BLOCKS[first](), BLOCKS[second]()
    with BLOCKS[second]():
        alone = levels()
    one.__enter__()
    two.__enter__()
    one.__exit__(None, None, None)
    assert levels() == alone
    two.__exit__(None, None, None)
    expect_bare()


def test_three_blocks_and_the_one_in_the_middle_leaves_first() -> None:
    one, two, three = ab.debug_nans(), ab.no_grad(), ab.debug_nans()
    for block in (one, two, three):
        block.__enter__()
    x = ab.Variable(2.0)
    assert not (x * x).requires_grad
    two.__exit__(None, None, None)
    assert (x * x).requires_grad
    assert levels() == ["Finite", "Finite", "Base", *levels()[3:]]
    one.__exit__(None, None, None)
    three.__exit__(None, None, None)
    assert top.get() is base


def test_a_derivative_goes_on_when_a_block_around_it_is_left_inside_of_it() -> None:
    block = ab.debug_nans()
    block.__enter__()

    def f(x: Any) -> Any:
        y = x * x
        block.__exit__(None, None, None)
        return y * x

    assert ab.grad(f)(2.0) == 12.0
    assert top.get() is base


def test_a_generator_that_is_dropped_takes_its_level_along() -> None:
    def waiting() -> Iterator[None]:
        with ab.no_grad():
            yield

    generator = waiting()
    next(generator)
    assert top.get() is not base
    del generator
    assert top.get() is base


def test_an_object_dropped_in_another_thread_leaves_the_stack_there_alone() -> None:
    held, seen = [ab.no_grad()], []
    held[0].__enter__()

    def elsewhere() -> None:
        with ab.autocast():
            before = top.get()
            held.clear()
            seen.append(top.get() is before)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert seen == [True]
    with ab.autocast():
        pass


def test_a_block_left_in_another_thread_is_refused_there_and_can_be_left_here() -> None:
    block, errors = ab.no_grad(), []
    block.__enter__()

    def elsewhere() -> None:
        try:
            block.__exit__(None, None, None)
        except ab.DifferentiationValueError as error:
            errors.append(str(error))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert len(errors) == 1 and "another thread" in errors[0]
    block.__exit__(None, None, None)
    assert top.get() is base


def test_a_block_left_twice_is_refused() -> None:
    block = ab.no_grad()
    with block:
        pass
    with pytest.raises(ab.DifferentiationValueError, match="no_grad|push"):
        block.__exit__(None, None, None)


def test_one_object_may_stand_before_blocks_inside_each_other() -> None:
    block = ab.no_grad()
    with block:
        outer = top.get()
        with block:
            assert top.get() is not outer
        assert top.get() is outer
    assert top.get() is base


def test_an_exit_stack_enters_and_leaves() -> None:
    with contextlib.ExitStack() as stack:
        for make in BLOCKS.values():
            stack.enter_context(make())
        assert len(levels()) > 5
    assert top.get() is base


def test_objects_that_live_until_the_end_of_the_program_say_nothing_then() -> None:
    code = "import autograd_book as ab\nkept = ab.no_grad()\nopen_one = ab.no_grad()\nopen_one.__enter__()\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_no_grad_makes_constants() -> None:
    x = Variable([1.0, 2.0])
    with ab.no_grad():
        y = np.exp(x) * x
    assert type(y) is Variable
    assert not y.requires_grad
    np.testing.assert_array_equal(y.numpy(), np.exp(x.numpy()) * x.numpy())
    assert (x * x).requires_grad


def test_no_grad_decorates() -> None:
    @ab.no_grad()
    def predict(x):
        return x * 2.0

    x = Variable(1.0)
    assert not predict(x).requires_grad
    assert not predict(x).requires_grad
    assert (x * 2.0).requires_grad


def test_no_grad_and_debug_nans_decorate_without_parentheses_too() -> None:
    for decorator in (ab.no_grad, ab.no_grad()):
        assert not decorator(lambda x: x * 2.0)(Variable(1.0)).requires_grad
    for decorator in (ab.debug_nans, ab.debug_nans()):
        with pytest.raises(ab.NonFiniteError), np.errstate(divide="ignore"):
            decorator(np.log)(Variable(0.0))


def test_no_grad_refuses_to_decorate_what_runs_later() -> None:
    def steps(x):
        yield x * 2.0

    async def step(x):
        return x * 2.0

    async def stream(x):
        yield x * 2.0

    for fun in (steps, step, stream, partial(steps, 1.0)):
        for manager in (ab.no_grad(), ab.debug_nans()):
            with pytest.raises(ab.DifferentiationTypeError, match="runs after the call .* Write the with block inside"):
                manager(fun)


def test_one_decorator_serves_nested_calls() -> None:
    quiet = ab.no_grad()
    x = Variable(1.0)

    @quiet
    def count(n):
        return count(n - 1) + x if n else x * 1.0

    assert not count(3).requires_grad
    assert (x * 1.0).requires_grad


def test_no_grad_keeps_no_graph_alive() -> None:
    gc.collect()
    before = sum(type(o).__name__ == "Node" for o in gc.get_objects())
    x = Variable(np.ones(3))
    with ab.no_grad():
        for _ in range(10):
            x = x * 1.5
        assert sum(type(o).__name__ == "Node" for o in gc.get_objects()) == before


def test_no_grad_inside_a_transformation_stops_only_what_stands_inside() -> None:
    def f(x):
        with ab.no_grad():
            c = x * x
        return x * c.item()

    assert ab.grad(f)(3.0) == 9.0


class Heard(Interpreter):
    """Notes what kinds of arguments reach it."""

    def __init__(self, below: Interpreter, heard: list[Any]) -> None:
        super().__init__(below)
        self.heard = heard

    def bind(self, primitive: Any, args: Any, params: Any) -> Any:
        self.heard.append([type(a) for a in args])
        return super().bind(primitive, args, params)


def test_a_level_at_the_bottom_meets_the_arrays_of_every_variable_and_one_at_the_top_the_variables() -> None:
    below: list[Any] = []
    above: list[Any] = []
    x = Variable(np.ones(2))
    with push(Heard, below, at="bottom"), push(Heard, above):
        ab.grad(lambda v: np.sum(np.tanh(v)))(x)
    assert below and not any(issubclass(kind, Operators) for args in below for kind in args)
    assert Variable in above[0]


def test_a_level_at_the_bottom_is_seen_by_its_own_thread_alone() -> None:
    heard: list[Any] = []
    x = Variable(np.ones(2))
    with push(Heard, heard, at="bottom"):
        thread = threading.Thread(target=lambda: np.tanh(x))
        thread.start()
        thread.join()
        assert heard == []
        np.tanh(x)
    assert len(heard) == 1


def test_a_level_at_the_bottom_that_is_left_late_stays_when_another_goes() -> None:
    one, two = push(Heard, [], at="bottom"), push(Heard, [], at="bottom")
    first, second = one.__enter__(), two.__enter__()
    assert base.below is second and second.below is first
    one.__exit__(None, None, None)
    assert floor.get() is second and second.below is not first
    two.__exit__(None, None, None)
    expect_bare()
