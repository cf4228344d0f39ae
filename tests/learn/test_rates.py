"""Schedules, optimisers with a rate for each parameter, and running means of parameters."""

import numpy as np
import pytest

import autograd_book as ab
from autograd_book import optim

MAKERS = {
    "Adagrad": lambda p: optim.Adagrad(p, lr=0.1, weight_decay=0.1),
    "RMSprop": lambda p: optim.RMSprop(p, lr=0.01, momentum=0.9, weight_decay=0.1),
    "Lion": lambda p: optim.Lion(p, lr=0.01, weight_decay=0.1),
}
X = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)


def run(make, steps, compiled=False, state=None, net=None):
    net = net or ab.nn.Linear(3, 2, rng=0)
    optimizer = make(net.parameters())
    if state:
        optimizer.load_state_dict(state)

    def step(x):
        optimizer.zero_grad()
        loss = np.mean(net(x) ** 2)
        loss.backward()
        optimizer.step()
        return loss

    taken = ab.compile(step, exact=True) if compiled else step
    return [taken(X).item() for _ in range(steps)], net, optimizer


@pytest.mark.parametrize("name", MAKERS)
def test_a_compiled_step_is_the_plain_one_to_the_bit_and_the_loss_falls(name):
    plain, compiled = run(MAKERS[name], 12), run(MAKERS[name], 12, compiled=True)
    assert plain[0] == compiled[0]
    assert plain[0][-1] < plain[0][0]


@pytest.mark.parametrize("name", MAKERS)
def test_a_state_goes_on_to_the_bit(name, tmp_path):
    _, net, optimizer = run(MAKERS[name], 5)
    ab.save(tmp_path / "run", net=net, optimizer=optimizer)
    wanted, _, _ = run(MAKERS[name], 5, state=optimizer.state_dict(), net=net)
    again = ab.nn.Linear(3, 2)
    other = MAKERS[name](again.parameters())
    ab.load(tmp_path / "run", net=again, optimizer=other)
    assert run(MAKERS[name], 5, state=other.state_dict(), net=again)[0] == wanted


def test_lion_moves_each_element_by_the_rate_and_shrinks_apart_from_that():
    w = ab.Variable([1.0, -2.0, 3.0])
    optimizer = optim.Lion([w], lr=0.1, weight_decay=0.5)
    mean, values = np.zeros(3), w.numpy().copy()
    for g in ([1e-6, -5.0, 0.0], [-3e-6, 1.0, 2.0]):
        w.grad = np.array(g)
        optimizer.step()
        values = values * 0.95 - 0.1 * np.sign(0.9 * mean + 0.1 * np.array(g))
        mean = 0.99 * mean + 0.01 * np.array(g)
        np.testing.assert_allclose(w.numpy(), values, rtol=1e-15)


def test_schedules_begin_and_end_where_they_say():
    assert [optim.steady(0.5)(k) for k in (0, 10**6)] == [0.5, 0.5]
    assert [optim.stepwise(1.0, 2, 0.5)(k) for k in range(5)] == [1, 1, 0.5, 0.5, 0.25]
    warm = optim.cosine(1.0, 100, warmup=4, final=0.1)
    assert [warm(k) for k in range(5)] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert warm(100) == warm(500) == pytest.approx(0.1)
    assert all(0 < warm(k) <= 1 for k in range(100))
    cycle = optim.one_cycle(1.0, 100)
    assert cycle(0) == pytest.approx(0.04) and max(map(cycle, range(100))) == cycle(29) == 1.0
    assert cycle(99) == pytest.approx(4e-6)


def test_a_plateau_waits_for_its_patience_and_goes_on_from_its_state():
    losses = [3.0, 2.0, 2.0, 1.99999, 2.0, 1.0, 1.0, 1.0, 1.0, np.nan, 1.0]
    whole = optim.Plateau(1.0, factor=0.5, patience=2)
    wanted = [whole(loss) for loss in losses]
    first, second = optim.Plateau(1.0, factor=0.5, patience=2), optim.Plateau(1.0, factor=0.5, patience=2)
    found = [first(loss) for loss in losses[:4]]
    second.load_state_dict(first.state_dict())
    assert found + [second(loss) for loss in losses[4:]] == wanted
    assert wanted[:6] == [1, 1, 1, 1, 0.5, 0.5] and wanted[-1] == 0.25


def test_the_mean_is_in_the_parameters_inside_of_the_block_only_also_after_an_error(tmp_path):
    w = ab.Variable([1.0, 2.0])
    average = optim.MovingAverage([w], decay=0.75)
    average.update()
    w.data = np.array([5.0, 6.0])
    average.update()
    held = w.value
    with pytest.raises(KeyError), average.swapped():
        np.testing.assert_array_equal(w.numpy(), [2.0, 3.0])
        raise KeyError
    assert w.value is held
    np.testing.assert_array_equal(w.numpy(), [5.0, 6.0])
    ab.save(tmp_path / "run", average=average)
    other = optim.MovingAverage([ab.Variable([0.0, 0.0])], decay=0.75)
    ab.load(tmp_path / "run", average=other)
    np.testing.assert_array_equal(other.means[0], [2.0, 3.0])
    fresh = optim.MovingAverage([ab.Variable([0.0, 0.0])])
    fresh.load_state_dict(optim.MovingAverage([w]).state_dict())
    assert fresh.means == []


def test_a_mean_of_halves_does_not_stall_and_comes_back_as_halves():
    w = ab.Variable(np.zeros(2, np.float16))
    average = optim.MovingAverage([w])
    average.update()
    w.data = np.ones(2, np.float16)
    for _ in range(5000):
        average.update()
    np.testing.assert_allclose(average.means[0], 1 - 0.999**5000, rtol=1e-4)
    with average.swapped():
        assert w.dtype == np.float16 and w.numpy()[0] > 0.99


def test_an_interrupt_while_values_are_exchanged_leaves_the_parameters_as_they_were():
    class Stop(Exception):
        pass

    class Stubborn(np.ndarray):
        def astype(self, *args, **options):
            raise Stop

    first, second = ab.Variable([1.0]), ab.Variable([2.0])
    average = optim.MovingAverage([first, second])
    average.update()
    first.data, second.data = np.array([5.0]), np.array([6.0])
    average.means[1] = average.means[1].view(Stubborn)
    with pytest.raises(Stop), average.swapped():
        pass
    assert (first.item(), second.item()) == (5.0, 6.0)


REFUSED = {
    "a step before the first": (lambda: optim.cosine(0.1, 50, warmup=10)(-3), "step=-3"),
    "a step between": (lambda: optim.stepwise(0.1, 5)(1.5), "step=1.5"),
    "a truth value for a length": (lambda: optim.cosine(0.1, True), "steps=True"),
    "no patience": (lambda: optim.Plateau(0.1, patience=-1), "patience=-1"),
    "half a patience": (lambda: optim.Plateau(0.1, patience=2.7), "patience=2.7"),
    "a threshold that no loss can pass": (lambda: optim.Plateau(0.1, threshold=2.0), "threshold=2.0"),
    "text in a state": (lambda: optim.Plateau(0.1).load_state_dict({"rate": "x", "best": 1.0, "waited": 0}), "Give numbers"),
    "nothing for a state": (lambda: optim.MovingAverage([ab.Variable(1.0)]).load_state_dict(None), "NoneType"),
    "no steps": (lambda: optim.cosine(0.1, 0), "steps=0"),
    "steps that are no number": (lambda: optim.one_cycle(0.1, 1.5), "steps=1.5"),
    "a warm-up that does not end": (lambda: optim.cosine(0.1, 10, warmup=10), "warmup=10 of 10"),
    "a negative rate": (lambda: optim.steady(-1), "rate=-1"),
    "an average of nothing": (lambda: optim.MovingAverage([ab.Variable(1.0)]).swapped().__enter__(), "before the first update"),
    "a decay of one": (lambda: optim.MovingAverage([ab.Variable(1.0)], decay=1.0), "decay=1.0"),
    "another's state": (lambda: optim.Plateau(0.1).load_state_dict({"rate": 0.1}), "none of it"),
    "a mean of another shape": (lambda: optim.MovingAverage([ab.Variable(1.0)]).load_state_dict({"0": np.ones(2)}), "shape"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_schedule_and_no_state_is_refused(case):
    call, message = REFUSED[case]
    with pytest.raises(ab.AutogradError, match=message):
        call()
