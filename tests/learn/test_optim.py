"""Optimisers: against the published recursions, written out in scalars, and against careless use."""

import gc
import io
import math

import numpy as np
import pytest

import autograd_book as ab
from autograd_book.learn.optim import SGD, Adam, AdamW, Optimizer

GRADIENTS = [0.5, -1.0, 0.25, 3.0, 0.0, -0.125]


def walked(make, gradients=GRADIENTS, start=2.0):
    """The values of one parameter under an optimiser that is fed gradients."""
    p = ab.Variable(start)
    optimizer, values = make([p]), []
    for g in gradients:
        p.grad = g
        optimizer.step()
        values.append(p.item())
    return values


# Formulas


def test_plain_descent_moves_by_lr_times_gradient():
    assert walked(lambda p: SGD(p, lr=0.1)) == pytest.approx(list(2.0 - 0.1 * np.cumsum(GRADIENTS)))


def test_momentum_adds_up_velocity_without_dampening():
    p, v, expected = 2.0, 0.0, []
    for g in GRADIENTS:
        v = 0.9 * v + g
        p -= 0.1 * v
        expected.append(p)
    assert walked(lambda p: SGD(p, lr=0.1, momentum=0.9)) == pytest.approx(expected)


def test_nesterov_looks_one_step_ahead():
    p, v, expected = 2.0, 0.0, []
    for g in GRADIENTS:
        v = 0.9 * v + g
        p -= 0.1 * (g + 0.9 * v)
        expected.append(p)
    assert walked(lambda p: SGD(p, lr=0.1, momentum=0.9, nesterov=True)) == pytest.approx(expected)


def test_weight_decay_of_descent_is_added_to_the_gradient():
    p, expected = 2.0, []
    for g in GRADIENTS:
        p -= 0.1 * (g + 0.3 * p)
        expected.append(p)
    assert walked(lambda p: SGD(p, lr=0.1, weight_decay=0.3)) == pytest.approx(expected)


def adam_by_hand(lr, b1, b2, eps, decay, decoupled):
    p, m, s, values = 2.0, 0.0, 0.0, []
    for t, g in enumerate(GRADIENTS, 1):
        if decoupled:
            p -= lr * decay * p
        else:
            g += decay * p
        m, s = b1 * m + (1 - b1) * g, b2 * s + (1 - b2) * g * g
        p -= lr * (m / (1 - b1**t)) / (math.sqrt(s / (1 - b2**t)) + eps)
        values.append(p)
    return values


@pytest.mark.parametrize("decay", [0.0, 0.3])
@pytest.mark.parametrize(("kind", "decoupled"), [(Adam, False), (AdamW, True)])
def test_adam_follows_the_published_recursion(kind, decoupled, decay):
    settings = {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": decay}
    assert walked(lambda p: kind(p, **settings)) == pytest.approx(adam_by_hand(0.05, 0.8, 0.95, 1e-3, decay, decoupled))


def test_defaults_are_those_of_the_papers():
    assert walked(Adam) == pytest.approx(adam_by_hand(1e-3, 0.9, 0.999, 1e-8, 0.0, False))
    assert walked(AdamW) == pytest.approx(adam_by_hand(1e-3, 0.9, 0.999, 1e-8, 1e-2, True))


def test_the_first_step_of_adam_has_length_lr_for_any_gradient():
    for g in (1e-3, 1.0, 1e6, -1e6):
        assert walked(lambda p: Adam(p, lr=0.1), [g], 0.0)[0] == pytest.approx(-math.copysign(0.1, g), rel=1e-4)


def test_decay_inside_adam_depends_on_the_gradients_size_and_decoupled_does_not():
    def left(kind, size):
        noise = np.random.default_rng(0).choice([-size, size], 500)
        return walked(lambda p: kind(p, lr=1e-3, weight_decay=0.5), noise, 1.0)[-1]

    still = walked(lambda p: AdamW(p, lr=1e-3, weight_decay=0.5), [0.0] * 500, 1.0)[-1]
    assert still == pytest.approx((1 - 5e-4) ** 500)
    assert left(AdamW, 0.01) == pytest.approx(left(AdamW, 10.0), rel=1e-3)
    assert left(Adam, 10.0) - left(Adam, 0.01) > 0.05


# In place


@pytest.mark.parametrize("make", [lambda p: SGD(p, 0.1, 0.9), Adam, AdamW])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_change_in_place_and_keep_their_dtype(make, dtype):
    p = ab.Variable(np.ones(3, dtype))
    place, optimizer = p.value.ctypes.data, make([p])
    for _ in range(3):
        p.grad = np.ones(3, dtype)
        optimizer.step()
    assert p.value.ctypes.data == place and p.dtype == dtype and (p.numpy() < 1).all()
    assert {a.dtype for a in optimizer.state[0].values()} <= {np.dtype(dtype), np.dtype(np.int64)}


@pytest.mark.parametrize("make", [lambda p: SGD(p, 0.1, 0.9), Adam, AdamW])
def test_a_step_leaves_what_others_hold_as_it_was(make):
    p = ab.Variable(np.ones(3))
    optimizer, view, y = make([p]), p.numpy()[1:], p * p
    p.grad = np.ones(3)
    optimizer.step()
    assert (view == 1.0).all() and (p.numpy() < 1.0).all()
    del view
    p.zero_grad()
    y.sum().backward()  # of the program that ran, before the step
    np.testing.assert_array_equal(p.grad.numpy(), [2.0, 2.0, 2.0])


@pytest.mark.parametrize("make", [lambda p: SGD(p, 0.1, 0.9, 0.1), lambda p: AdamW(p, weight_decay=0.1)])
def test_a_parameter_without_a_gradient_stays_as_it_is(make):
    used, unused = ab.Variable(1.0), ab.Variable(1.0)
    optimizer = make([used, unused])
    used.grad = 1.0
    optimizer.step()
    assert unused.item() == 1.0 and used.item() < 1.0 and optimizer.state[1] == {}


def test_gradients_are_read_and_left_alone():
    p = ab.Variable([1.0, 2.0])
    p.grad = np.array([1.0, -1.0])
    for optimizer in (SGD([p], 0.1, 0.9, 0.1), SGD([p], 0.1, 0.9, nesterov=True), Adam([p], weight_decay=0.1)):
        optimizer.step()
        optimizer.step()
    np.testing.assert_array_equal(p.grad.numpy(), [1.0, -1.0])


def test_zero_grad_forgets_all_gradients():
    p, q = ab.Variable(1.0), ab.Variable(2.0)
    optimizer = SGD([p, q], 0.1)
    (p * q).backward()
    optimizer.zero_grad()
    assert p.grad is None and q.grad is None


def test_the_learning_rate_may_change_between_steps():
    p = ab.Variable(0.0)
    optimizer = SGD([p], 1.0)
    for optimizer.lr in (1.0, 0.1):
        p.grad = -1.0
        optimizer.step()
    assert p.item() == pytest.approx(1.1)


def test_a_subclass_needs_only_update():
    class Sign(Optimizer):
        def update(self, value, gradient, state):
            value -= self.lr * np.sign(gradient)

    assert walked(lambda p: Sign(p, 0.5)) == [1.5, 2.0, 1.5, 1.0, 1.0, 1.5]
    with pytest.raises(NotImplementedError, match="Define update"):
        walked(lambda p: Optimizer(p, 0.5))


def test_every_optimiser_finds_the_bottom_of_a_bowl():
    for make in (lambda p: SGD(p, 0.1), lambda p: SGD(p, 0.05, 0.8), lambda p: Adam(p, 0.1), lambda p: AdamW(p, 0.1, weight_decay=0.0)):
        p = ab.Variable([3.0, -2.0])
        optimizer = make([p])
        for _ in range(300):
            optimizer.zero_grad()
            np.sum((p - np.array([1.0, 2.0])) ** 2).backward()
            optimizer.step()
        np.testing.assert_allclose(p.numpy(), [1.0, 2.0], atol=1e-3)


# States


@pytest.mark.parametrize("make", [lambda p: SGD(p, 0.1, 0.9), lambda p: Adam(p, 0.1), lambda p: AdamW(p, 0.1)])
def test_a_state_through_a_file_continues_the_walk(make):
    whole = walked(make)
    p = ab.Variable(2.0)
    first = make([p])
    for g in GRADIENTS[:3]:
        p.grad = g
        first.step()
    file = io.BytesIO()
    np.savez(file, **first.state_dict())
    file.seek(0)
    second = make([p])
    second.lr = 77.0
    second.load_state_dict(np.load(file))
    for g in GRADIENTS[3:]:
        p.grad = g
        second.step()
    assert p.item() == whole[-1]


def test_a_state_is_a_copy():
    p = ab.Variable([1.0])
    optimizer = SGD([p], 0.1, 0.9)
    p.grad = [1.0]
    optimizer.step()
    state = optimizer.state_dict()
    optimizer.step()
    assert state["0.velocity"] == 1.0 and optimizer.state[0]["velocity"] == 1.9


@pytest.mark.parametrize("key", ["1.velocity", "layers.0.weight"])
def test_the_state_of_another_network_is_refused_and_changes_nothing(key):
    optimizer = SGD([ab.Variable([1.0])], 0.1)
    with pytest.raises(ab.DifferentiationValueError, match=key):
        optimizer.load_state_dict(optimizer.state_dict() | {"lr": 5.0, key: [1.0]})
    assert optimizer.lr == 0.1 and optimizer.state == [{}]


def test_a_state_of_another_shape_is_refused():
    optimizer = SGD([ab.Variable([1.0])], 0.1)
    with pytest.raises(ab.DifferentiationValueError, match=r"shape \(2,\)"):
        optimizer.load_state_dict(optimizer.state_dict() | {"lr": 5.0, "0.velocity": [1.0, 2.0]})
    assert optimizer.lr == 0.1 and optimizer.state == [{}]


def stepped(make, value=(1.0, -2.0), dtype=np.float32):
    """An optimiser that has taken a step."""
    p = ab.Variable(np.array(value, dtype))
    optimizer = make([p])
    p.grad = np.ones(p.shape, dtype)
    optimizer.step()
    return optimizer


MAKERS = [lambda p: SGD(p, 0.1, 0.9, 0.01, True), lambda p: Adam(p, 0.1, (0.8, 0.9), 1e-5, 0.2), lambda p: AdamW(p, 0.1, weight_decay=0.3)]


@pytest.mark.parametrize("make", MAKERS)
def test_settings_come_back_with_the_memories(make):
    first = stepped(make)
    second = type(first)([ab.Variable(np.zeros(2, np.float32))])
    file = io.BytesIO()
    np.savez(file, **first.state_dict())
    file.seek(0)
    second.load_state_dict(np.load(file, allow_pickle=False))
    settings = [{name: getattr(o, name) for name in ("lr", *o.settings)} for o in (first, second)]
    assert settings[0] == settings[1]
    assert [type(v) for v in settings[0].values()] == [type(v) for v in settings[1].values()]


@pytest.mark.parametrize(("one", "other"), [(a, b) for a in MAKERS for b in MAKERS if a is not b])
def test_the_state_of_another_kind_is_refused_and_changes_nothing(one, other):
    first, second = stepped(one), stepped(other)
    before = second.state_dict()
    with pytest.raises(ab.DifferentiationValueError, match=f"kind {type(first).__name__} .* kind {type(second).__name__} "):
        second.load_state_dict(first.state_dict())
    np.testing.assert_equal(second.state_dict(), before)


@pytest.mark.parametrize("make", MAKERS)
def test_memories_take_the_dtype_that_a_fresh_one_has(make):
    first, second = stepped(make), stepped(make)
    for dtype in (np.float64, np.float16):
        other = {k: a.astype(dtype) for k, a in first.state_dict().items() if k[:2] == "0." and a.ndim}
        second.load_state_dict(first.state_dict() | other)
        fresh = second.remembered({}, second.parameters[0].value)
        assert {k: a.dtype for k, a in second.state[0].items()} == {k: a.dtype for k, a in fresh.items()}


@pytest.mark.parametrize(
    ("change", "fact"),
    [
        ({"0.mean": [1e300, 0.0]}, "1e.300 in it was given in a state for 0.mean of dtype float32"),
        ({"0.mean": [1j, 0.0]}, "complex128 was given in a state for 0.mean"),
        ({"0.steps": np.float16(2048)}, "float16 was given in a state for 0.steps of dtype int64"),
        ({"0.steps": None}, "lacks .*0.steps"),
        ({"0.slow": [0.0, 0.0]}, "has .*0.slow.* too many"),
        ({"1.mean": [0.0, 0.0]}, "has .*1.mean.* too many"),
        ({"betas": [0.9, 1.0]}, r"betas\[1\]=1.0"),
        ({"eps": None}, "settings .*betas.*eps"),
        ({"parameters": 2}, "with 2 parameters"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(change, fact):
    optimizer = stepped(lambda p: Adam(p, 0.1))
    state = {name: value for name, value in (optimizer.state_dict() | {"lr": 7.0} | change).items() if value is not None}
    before = optimizer.state_dict()
    with pytest.raises((ab.DifferentiationValueError, ab.DifferentiationTypeError), match=fact):
        optimizer.load_state_dict(state)
    np.testing.assert_equal(optimizer.state_dict(), before)


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("value", [1 + 2j, [1 + 2j, 3.0]])
def test_a_state_of_complex_parameters_goes_round(make, value):
    first, second = stepped(make, value, complex), stepped(make, value, complex)
    first.step()
    second.load_state_dict(first.state_dict())
    np.testing.assert_equal(second.state_dict(), first.state_dict())


def test_a_momentum_that_was_switched_off_on_the_way_does_not_lose_its_state():
    first = stepped(lambda p: SGD(p, 0.1, 0.9))
    first.momentum = 0.0
    second = SGD(first.parameters, 0.1)
    second.load_state_dict(first.state_dict())
    np.testing.assert_equal(second.state[0]["velocity"], [1.0, 1.0])


def test_layout_in_memory_goes_with_a_state_and_with_a_step():
    values = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    p = ab.Variable(values)
    optimizer = SGD([p], 0.1, 0.9)
    held, p.grad = p.value, np.ones((2, 3))
    optimizer.step()
    assert held is not p.value and p.value.flags.f_contiguous
    assert optimizer.state_dict()["0.velocity"].flags.f_contiguous


# Careless use


@pytest.mark.parametrize(
    "thing", [np.ones(2), 1.0, ab.Variable([1.0]) * 2, ab.Variable([1.0], requires_grad=False)], ids=["array", "number", "computed", "constant"]
)
def test_what_keeps_no_gradient_is_refused_with_its_place(thing):
    with pytest.raises(ab.DifferentiationTypeError, match="parameter 1 of an optimiser"):
        SGD([ab.Variable(1.0), thing], 0.1)


def test_no_parameters_and_repeated_ones_are_refused():
    p = ab.Variable(1.0)
    with pytest.raises(ab.DifferentiationValueError, match="0 parameters"):
        SGD([], 0.1)
    with pytest.raises(ab.DifferentiationValueError, match="2 parameters, of which 1 are different"):
        SGD([p, p], 0.1)


@pytest.mark.parametrize("make", [SGD, Adam, AdamW])
@pytest.mark.parametrize(
    "thing", [ab.nn.Linear(2, 2), ab.nn.Sequential(ab.nn.ReLU()), ab.nn.Linear(2, 2).parameters, 5, None, np.ones(2), np.array(1.0)],
    ids=["module", "sequence", "method", "number", "None", "array", "scalar"],
)
def test_what_is_no_collection_of_parameters_is_refused_by_its_type(make, thing):
    with pytest.raises(ab.DifferentiationTypeError, match=f"value of type {type(thing).__name__}.*network.parameters"):
        make(thing)


def test_generators_and_single_variables_are_taken():
    network = ab.nn.Linear(2, 2)
    assert len(Adam(network.parameters()).parameters) == 2
    assert Adam(network.weight).parameters == [network.weight]


@pytest.mark.parametrize(
    ("make", "fact"),
    [
        (lambda p: SGD(p, -0.1), "lr=-0.1"),
        (lambda p: SGD(p, float("nan")), "lr=nan"),
        (lambda p: SGD(p, 0.1, momentum=1.0), "momentum=1.0"),
        (lambda p: SGD(p, 0.1, weight_decay=-1), "weight_decay=-1"),
        (lambda p: Adam(p, betas=(0.9, 1.0)), r"betas\[1\]=1.0"),
        (lambda p: AdamW(p, eps=-1e-8), "eps=-1e-08"),
        (lambda p: SGD(p, float("inf")), "lr=inf"),
        (lambda p: Adam(p, betas=0.9), "betas=0.9 .*two numbers"),
        (lambda p: Adam(p, betas=(0.9,)), r"betas=\(0.9,\)"),
        (lambda p: Adam(p, betas=(0.9, 0.99, 0.999)), r"betas=\(0.9, 0.99, 0.999\)"),
        (lambda p: AdamW(p, betas=None), "betas=None"),
    ],
)
def test_settings_out_of_range_are_refused_by_name(make, fact):
    with pytest.raises(ab.DifferentiationValueError, match=fact):
        make([ab.Variable(1.0)])


@pytest.mark.parametrize("value", ["0.1", None, [0.1], np.ones(1), 1j, ab.Variable(0.1)], ids=str)
@pytest.mark.parametrize("name", ["lr", "eps", "weight_decay"])
def test_settings_that_are_no_numbers_are_refused_by_name(name, value):
    with pytest.raises(ab.DifferentiationTypeError, match=f"^{name}=.*Give a plain number"):
        Adam([ab.Variable(1.0)], **{name: value})


def test_momentum_and_betas_that_are_no_numbers_are_refused_by_name():
    with pytest.raises(ab.DifferentiationTypeError, match="momentum='0.9'"):
        SGD([ab.Variable(1.0)], 0.1, momentum="0.9")
    with pytest.raises(ab.DifferentiationTypeError, match=r"betas\[0\]='a'"):
        Adam([ab.Variable(1.0)], betas=("a", 0.9))


def test_a_rate_of_zero_moves_nothing():
    assert walked(lambda p: SGD(p, 0, 0.9)) == walked(lambda p: AdamW(p, 0)) == [2.0] * len(GRADIENTS)


def test_numbers_of_numpy_become_plain_settings():
    adam = Adam([ab.Variable(1.0)], np.float64(0.1), (np.float32(0.5), 0), np.float64(1e-8))
    assert {type(setting) for setting in (adam.lr, *adam.betas, adam.eps)} == {float}


def test_descent_has_the_default_rate_of_pytorch():
    assert SGD([ab.Variable(1.0)]).lr == 1e-3


@pytest.mark.parametrize("state", [None, 5, SGD([ab.Variable(1.0)], 0.1)], ids=["None", "number", "optimiser"])
def test_what_is_no_mapping_is_refused_as_a_state(state):
    with pytest.raises(ab.DifferentiationTypeError, match="was given as a state.*state_dict"):
        SGD([ab.Variable(1.0)], 0.1).load_state_dict(state)


def test_a_state_with_a_rate_in_words_changes_nothing():
    optimizer = SGD([ab.Variable([1.0])], 0.1)
    with pytest.raises(ab.DifferentiationTypeError, match="lr=.*fast"):
        optimizer.load_state_dict(optimizer.state_dict() | {"lr": "fast", "0.velocity": [1.0]})
    assert optimizer.lr == 0.1 and optimizer.state == [{}]


def test_an_optimiser_lets_go_of_its_parameters():
    gc.collect()
    gc.disable()
    try:
        p = ab.Variable(np.ones(3))
        optimizer = Adam([p])
        p.grad = np.ones(3)
        optimizer.step()
        del optimizer, p
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_a_state_with_an_impossible_rate_changes_nothing():
    optimizer = SGD([ab.Variable([1.0])], 0.1)
    with pytest.raises(ab.DifferentiationValueError, match="lr=-5.0"):
        optimizer.load_state_dict(optimizer.state_dict() | {"lr": -5.0, "0.velocity": [1.0]})
    assert optimizer.lr == 0.1 and optimizer.state == [{}]


@pytest.mark.parametrize("make", [lambda p: SGD(p, 0.1), lambda p: Adam(p, lr=0.05), lambda p: AdamW(p, lr=0.05, weight_decay=0.0)])
def test_complex_parameters_find_the_bottom(make):
    w = ab.Variable(np.array([0j, 3 - 2j]))
    optimizer = make([w])
    for _ in range(600):
        optimizer.zero_grad()
        np.sum(np.abs(w - (1 + 1j)) ** 2).backward()
        optimizer.step()
    np.testing.assert_allclose(w.numpy(), 1 + 1j, atol=1e-2)


REAL = {
    "float64": np.array([1.0, 2.0]),
    "float32": np.array([1.0, 2.0], np.float32),
    "int": np.array([1, 2]),
    "constant": ab.Variable([1.0, 2.0], requires_grad=False),
}


@pytest.mark.parametrize("kind", REAL)
@pytest.mark.parametrize("make", [ab.optim.SGD, lambda p, lr: ab.optim.SGD(p, lr, momentum=0.5), ab.optim.Adam, ab.optim.AdamW])
def test_a_real_gradient_moves_a_complex_parameter_as_the_complex_gradient_of_the_same_value_does(make, kind):
    moved = []
    for gradient in (REAL[kind], np.array([1.0 + 0j, 2.0])):
        p = ab.Variable(np.array([1 + 1j, 2 + 2j]))
        p.grad = gradient
        make([p], lr=1.0).step()
        moved.append(p.numpy())
    np.testing.assert_array_equal(*moved)


def test_descent_subtracts_a_real_gradient_from_the_real_part():
    p = ab.Variable(np.array([1 + 1j, 2 + 2j]))
    p.grad = np.array([1.0, 2.0])
    ab.optim.SGD([p], lr=1.0).step()
    np.testing.assert_array_equal(p.numpy(), [1j, 2j])


@pytest.mark.parametrize("nesterov", ["no", 1, None])
def test_a_flag_that_is_none_is_refused(nesterov):
    with pytest.raises(ab.DifferentiationTypeError, match="nesterov=.*Give True or False"):
        SGD([ab.Variable(1.0)], 0.1, 0.9, nesterov=nesterov)


def test_a_setting_that_a_kind_does_not_have_is_refused():
    with pytest.raises(ab.DifferentiationValueError, match="momentum"):
        ab.optim.Optimizer([ab.Variable(1.0)], 0.1, momentum=0.9)


def test_an_optimiser_prints_its_settings() -> None:
    assert repr(ab.optim.Adam([ab.Variable(1.0)], lr=0.5)) == (
        "Adam(1 parameters, lr=0.5, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.0)"
    )
