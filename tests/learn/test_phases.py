"""Layers that compute otherwise while a network learns, what is held fast, and what is remembered."""

import copy

import numpy as np
import pytest

import autograd_book as ab
from autograd_book import nn
from autograd_book.learn.phases import dropped, packed_bits

RNG = np.random.default_rng(0)
ROWS = RNG.normal(2.0, 3.0, (16, 3)).astype(np.float32)
IMAGES = RNG.normal(2.0, 3.0, (4, 3, 5, 5)).astype(np.float32)


def network():
    rng = np.random.default_rng(0)
    return nn.Sequential(
        nn.Linear(3, 8, rng=rng), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5, rng=rng), nn.Linear(8, 2, rng=rng)
    )


def steps(net, optimizer, compiled=False, checkpointed=False, count=4):
    """Losses of some steps."""
    model = ab.checkpoint(net) if checkpointed else net

    def step(x):
        optimizer.zero_grad()
        loss = np.mean(model(x) ** 2)
        loss.backward()
        optimizer.step()
        return loss

    taken = ab.compile(step, exact=True) if compiled else step
    return [taken(ROWS).item() for _ in range(count)]


def everything(net):
    return {name: value.tobytes() for name, value in net.state_dict().items()}


@pytest.mark.parametrize("how", ["compiled", "checkpointed"])
def test_chance_and_means_are_those_of_the_plain_program_to_the_bit(how):
    plain, other = network(), network()
    losses = steps(plain, ab.optim.Adam(plain.parameters(), lr=0.01))
    assert steps(other, ab.optim.Adam(other.parameters(), lr=0.01), **{how: True}) == losses
    assert len(set(losses)) == len(losses)
    assert everything(other) == everything(plain)
    assert other[3].rng.bit_generator.state == plain[3].rng.bit_generator.state


def test_a_compiled_network_that_is_switched_computes_as_it_is_told():
    net = network()
    answer = ab.compile(lambda x: net(x))
    learning = answer(ROWS).numpy()
    net.eval()
    np.testing.assert_array_equal(answer(ROWS).numpy(), net(ROWS).numpy())
    np.testing.assert_array_equal(answer(ROWS).numpy(), answer(ROWS).numpy())
    net.train()
    assert not np.array_equal(answer(ROWS).numpy(), learning)  # other zeros


def test_a_run_that_was_saved_goes_on_to_the_bit(tmp_path):
    net = network()
    optimizer = ab.optim.Adam(net.parameters(), lr=0.01)
    steps(net, optimizer)
    ab.save(tmp_path / "run", net=net, optimizer=optimizer)
    wanted, state = steps(net, optimizer), everything(net)
    again = network()
    other = ab.optim.Adam(again.parameters(), lr=0.5)
    ab.load(tmp_path / "run", net=again, optimizer=other)
    assert steps(again, other) == wanted
    assert everything(again) == state


def test_dropout_keeps_a_bit_for_a_number_and_not_the_number():
    v = ab.Variable(np.ones((64, 32), np.float32))
    out = nn.Dropout(0.5, rng=0)(v)
    assert out.node.plan.asks == ["bits", "bits_seal"]
    assert sum(getattr(part, "nbytes", 0) for part in out.node.saved) == v.size / 8


@pytest.mark.parametrize("p", [0.0, 0.25, 1.0])
def test_the_mean_stays_what_it_was_and_gradients_follow_the_same_zeros(p):
    drop = nn.Dropout(p, rng=0)
    v = ab.Variable(np.ones(40_000))
    out = drop(v)
    zeros = np.mean(out.numpy() == 0)
    assert abs(zeros - p) < 0.01
    assert p == 1 or abs(out.numpy().mean() - 1) < 0.01
    out.sum().backward()
    np.testing.assert_array_equal(v.grad.numpy(), out.numpy())


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, complex])
@pytest.mark.parametrize("shape", [(), (0,), (7,), (3, 0), (3, 5)])
def test_dropout_takes_all_shapes_and_keeps_the_dtype(shape, dtype):
    x = np.ones(shape, dtype)
    for given in (x, ab.Variable(x)):
        out = nn.Dropout(0.5, rng=0)(given)
        assert (out.shape, out.dtype) == (shape, x.dtype)


def test_the_rule_of_dropped_is_right_in_all_orders_and_under_vmap():
    bits = packed_bits(np.arange(12).reshape(3, 4) % 3 > 0)
    x = RNG.normal(size=(3, 4))
    ab.check_gradients(lambda x: dropped(x, bits, 1.5) ** 3, x)
    rows = ab.vmap(ab.grad(lambda r: np.sum(nn.Dropout(0.5, rng=3)(r) ** 2)))(x)
    each = np.stack([ab.grad(lambda r: np.sum(nn.Dropout(0.5, rng=3)(r) ** 2))(r) for r in x])
    assert ((rows == 0) == (each == 0)).all(axis=1).any()  # one choice of zeros for all


@pytest.mark.parametrize(("layer", "x"), [(nn.BatchNorm1d, ROWS), (nn.BatchNorm2d, IMAGES)])
def test_channels_have_mean_0_and_variance_1_while_learning_and_what_is_remembered_afterwards(layer, x):
    norm, axes = layer(3, momentum=1.0), (0, *range(2, x.ndim))
    out = norm(x).numpy()
    np.testing.assert_allclose(out.mean(axis=axes), 0, atol=1e-5)
    np.testing.assert_allclose(out.std(axis=axes), 1, rtol=1e-4)
    np.testing.assert_allclose(norm.running_mean, x.mean(axis=axes), rtol=1e-5)
    np.testing.assert_allclose(norm.running_var, x.var(axis=axes, ddof=1), rtol=1e-5)
    norm.eval()
    alone = norm(x[:1]).numpy()
    np.testing.assert_allclose(norm(x).numpy()[:1], alone)  # no other example matters
    correction = np.sqrt((x.size / 3 - 1) / (x.size / 3))
    np.testing.assert_allclose(alone, out[:1] * correction, rtol=1e-3, atol=1e-4)


def test_the_gradient_of_a_batch_norm_is_that_of_differences_in_both_phases():
    norm = nn.BatchNorm1d(3, dtype=float)
    x = ROWS.astype(float)
    for phase in (norm.train, norm.eval):
        phase()
        ab.check_gradients(lambda x: np.sum(norm(x) ** 3, axis=0), x)


REFUSED = {
    "one example": (lambda: nn.BatchNorm1d(3)(ROWS[:1]), "has no variance"),
    "no example": (lambda: nn.BatchNorm1d(3)(ROWS[:0]), "has no variance"),
    "other channels": (lambda: nn.BatchNorm1d(4)(ROWS), "with 4 channels"),
    "rows for images": (lambda: nn.BatchNorm2d(3)(ROWS), "4 axes"),
    "under vmap": (lambda: ab.vmap(nn.BatchNorm1d(3))(np.stack([ROWS, ROWS])), "under vmap"),
    "vmap of grad": (lambda: ab.vmap(ab.grad(lambda x: np.sum(nn.BatchNorm1d(3)(x))))(np.stack([ROWS, ROWS])), "under vmap"),
    "a share above one": (lambda: nn.Dropout(2), "from 0 to 1"),
    "a share that is text": (lambda: nn.Dropout("0.5"), "from 0 to 1"),
    "no truth value": (lambda: network().train("no"), "True or False"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_refused_and_nothing_is_remembered(case):
    call, message = REFUSED[case]
    with pytest.raises(ab.AutogradError, match=message):
        call()


def test_a_refused_batch_leaves_the_means_as_they_were():
    norm = nn.BatchNorm1d(3)
    norm(ROWS)
    before = everything(norm)
    for bad in (ROWS[:1], IMAGES):
        with pytest.raises(ab.AutogradError):
            norm(bad)
    with pytest.raises(ab.AutogradError):
        ab.vmap(norm)(np.stack([ROWS, ROWS]))
    assert everything(norm) == before


def test_train_and_eval_reach_all_modules_once_also_through_lists_dictionaries_and_circles():
    class Holder(nn.Module):
        def __init__(self):
            self.parts = {"a": [nn.Dropout(0.5)], "b": (network(),)}
            self.me = self

    holder = Holder()
    assert holder.eval() is holder
    found = dict(holder.named_modules())
    assert len(found) == 8
    assert not any(module.training for module in found.values())
    assert {"", "parts.a.0", "parts.b.0.layers.3"} <= set(found)
    holder.train()
    assert all(module.training for module in holder.modules())


def test_buffers_are_in_the_state_and_are_not_parameters():
    net = network()
    names = {name for name, _ in net.named_buffers()}
    assert names == {"layers.1.running_mean", "layers.1.running_var"}
    assert not names & {name for name, _ in net.named_parameters()}
    assert names < set(net.state_dict())
    net(ROWS)
    other = network()
    held = other[1].running_mean
    other.load_state_dict(net.state_dict())
    assert everything(other) == everything(net)
    assert other[1].running_mean is held  # who holds the buffer sees what was loaded


def test_a_state_that_does_not_fit_leaves_buffers_as_they_were():
    net = network()
    before, state = everything(net), net.state_dict()
    state["layers.1.running_mean"] = state["layers.1.running_mean"] + 1
    for name, bad in [("layers.4.weight", np.ones(3)), ("layers.1.running_var", np.ones((8, 1))), ("layers.1.running_var", np.full(8, 1j))]:
        with pytest.raises(ab.AutogradError):
            net.load_state_dict({**state, name: bad})
        assert everything(net) == before


def test_what_nobody_can_change_and_what_is_no_number_is_not_saved():
    class Odd(nn.Module):
        def __init__(self):
            self.names, self.table = np.array(["a", "b"]), np.arange(3.0)
            self.table.setflags(write=False)
            self.count, self.flags = np.zeros(1, int), np.zeros(2, bool)

    assert set(Odd().state_dict()) == {"count", "flags"}


def test_a_held_parameter_gets_no_gradient_is_not_moved_and_is_let_go_again():
    net = network()
    optimizer = ab.optim.SGD(net.parameters(), lr=0.1, weight_decay=0.1)
    steps(net, optimizer)
    held = net[0].weight
    before = held.numpy().copy()
    held.requires_grad = False
    steps(net, optimizer)
    np.testing.assert_array_equal(held.numpy(), before)
    assert held.grad is None
    assert "layers.0.weight" not in dict(net.named_parameters())
    assert "layers.0.weight" in net.state_dict()
    held.requires_grad = True
    steps(net, optimizer)
    assert not np.array_equal(held.numpy(), before)


def test_a_compiled_step_follows_a_parameter_that_is_held_and_let_go():
    results = []
    for compiled in (False, True):
        net = network()
        optimizer = ab.optim.SGD(net.parameters(), lr=0.1)

        def step(x, net=net, optimizer=optimizer):
            optimizer.zero_grad()
            loss = np.mean(net(x) ** 2)
            loss.backward()
            optimizer.step()
            return loss

        taken = ab.compile(step, exact=True) if compiled else step
        found = []
        for held in (False, True, False):
            net[0].weight.requires_grad = not held
            found += [taken(ROWS).item() for _ in range(3)]
        results.append((found, everything(net)))
    assert results[0] == results[1]


def test_a_graph_that_was_recorded_before_is_not_changed_by_the_switch():
    w, v = ab.Variable([1.0, 2.0]), ab.Variable([3.0, 4.0])
    out = np.sum(w * v)
    w.requires_grad = False
    out.backward()
    np.testing.assert_array_equal(v.grad.numpy(), [1.0, 2.0])


@pytest.mark.parametrize("make", [lambda: ab.Variable([1.0]) * 2.0, lambda: ab.Variable([1, 2], requires_grad=False)])
def test_what_was_computed_and_what_has_no_derivative_cannot_be_switched(make):
    v = make()
    with pytest.raises(ab.DifferentiationTypeError, match="requires_grad="):
        v.requires_grad = not v.requires_grad


def test_a_copy_of_a_network_keeps_its_phase_and_its_means():
    net = network()
    net(ROWS)
    twin = copy.deepcopy(net.eval())
    np.testing.assert_array_equal(twin(ROWS).numpy(), net(ROWS).numpy())
    assert not twin[3].training
    assert twin[1].running_mean is not net[1].running_mean
