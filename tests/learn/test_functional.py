"""Networks as functions of their parameters: calls with other values, gradients by name, one vector."""

import threading

import numpy as np
import pytest

import autograd_book as ab
from autograd_book import nn
from autograd_book.graph.backward import reachable

X = np.random.default_rng(0).normal(size=(6, 3))


def network(seed=0):
    rng = np.random.default_rng(seed)
    return nn.Sequential(nn.Linear(3, 4, rng=rng, dtype=float), np.tanh, nn.Linear(4, 2, rng=rng, dtype=float))


def values_of(net):
    return {name: p.numpy().copy() for name, p in net.named_parameters()}


def loss(net):
    return np.mean(net(X) ** 2)


def test_a_call_with_other_values_is_the_call_of_a_network_that_has_them():
    net, other = network(0), network(1)
    np.testing.assert_array_equal(network_at(net, values_of(other)), other(X).numpy())


def test_nothing_is_left_behind_also_by_an_error():
    net = network()
    kept = {name: id(p) for name, p in net.named_parameters()}
    before = net(X).numpy()
    with pytest.raises(ab.DifferentiationValueError):
        ab.grad(lambda v: np.mean(ab.functional_call(net, v, X[:, :2])))(values_of(net))
    ab.grad(lambda v: np.mean(ab.functional_call(net, v, X) ** 2))(values_of(net))
    assert {name: id(p) for name, p in net.named_parameters()} == kept
    np.testing.assert_array_equal(net(X).numpy(), before)
    assert all(p.grad is None for p in net.parameters())


def test_names_that_are_left_out_are_the_networks_own_and_constants_for_grad():
    net = network()
    values = values_of(net)
    one = {"layers.0.weight": values["layers.0.weight"]}
    found = ab.grad(lambda v: np.mean(ab.functional_call(net, v, X) ** 2))(one)
    wanted = ab.grad(lambda v: np.mean(ab.functional_call(net, v, X) ** 2))(values)
    assert isinstance(found["layers.0.weight"], ab.Variable)  # it depends on parameters of the program
    np.testing.assert_array_equal(found["layers.0.weight"].numpy(), wanted["layers.0.weight"])


def test_gradients_of_a_network_are_those_of_backward_and_of_differences():
    net = network()
    found = ab.grad(loss)(net)
    loss(net).backward()
    for name, p in net.named_parameters():
        np.testing.assert_allclose(found[name], p.grad.numpy(), rtol=1e-12)
        assert type(found[name]) is np.ndarray
    values, h = values_of(net), 1e-6
    for name in values:
        place = (0,) * values[name].ndim
        ends = []
        for sign in (1, -1):
            moved = {**values, name: values[name].copy()}
            moved[name][place] += sign * h
            ends.append(np.mean(np.asarray(network_at(net, moved)) ** 2))
        np.testing.assert_allclose((ends[0] - ends[1]) / (2 * h), found[name][place], rtol=1e-6)


def network_at(net, values):
    with ab.no_grad():
        out = ab.functional_call(net, values, X)
    return out.numpy() if isinstance(out, ab.Variable) else out


def test_all_transformations_take_a_network_and_agree_with_those_of_its_values():
    net = network()
    values = values_of(net)
    of_values = lambda v: np.mean(ab.functional_call(net, v, X) ** 2)
    out, pullback = ab.vjp(loss, net)
    np.testing.assert_allclose(out, loss(net).item())
    slopes = pullback(1.0)[0]
    np.testing.assert_allclose(ab.jvp(loss, (net,), (slopes,))[1], sum(np.sum(s**2) for s in slopes.values()))
    for mine, theirs in [
        (ab.value_and_grad(loss)(net)[1], ab.grad(of_values)(values)),
        (ab.hvp(loss)(net, slopes), ab.hvp(of_values)(values, slopes)),
        (ab.jacobian(lambda n: n(X).sum(axis=0))(net), ab.jacobian(lambda v: np.sum(ab.functional_call(net, v, X), axis=0))(values)),
    ]:
        assert mine.keys() == theirs.keys()
        for name in mine:
            np.testing.assert_allclose(mine[name], theirs[name], rtol=1e-10, atol=1e-14)
    mine, theirs = ab.hessian(loss)(net), ab.hessian(of_values)(values)
    np.testing.assert_allclose(mine["layers.0.weight"]["layers.2.bias"], theirs["layers.0.weight"]["layers.2.bias"], rtol=1e-10, atol=1e-14)


def test_a_network_may_stand_beside_arrays_and_inside_another_derivative():
    net = network()
    both = ab.grad(lambda n, x: np.mean(n(x) ** 2), argnums=(0, 1))(net, X)
    np.testing.assert_allclose(both[1], ab.grad(lambda x: np.mean(net(x) ** 2))(X).numpy())

    def adapted(n):  # one step of descent inside, as in MAML
        slopes = ab.grad(loss)(n)
        moved = {name: p - 0.1 * slopes[name] for name, p in n.named_parameters()}
        return np.mean(ab.functional_call(n, moved, X) ** 2)

    found, values = ab.grad(adapted)(net), values_of(net)

    def by_values(v):
        slopes = ab.grad(lambda v: np.mean(ab.functional_call(net, v, X) ** 2))(v)
        return np.mean(ab.functional_call(net, {k: v[k] - 0.1 * slopes[k] for k in v}, X) ** 2)

    wanted = ab.grad(by_values)(values)
    for name in wanted:
        np.testing.assert_allclose(found[name], wanted[name], rtol=1e-10)
    name, h = "layers.2.bias", 1e-6
    ends = [by_values({**values, name: values[name] + s * h * np.eye(2)[0]}) for s in (1, -1)]
    np.testing.assert_allclose((ends[0] - ends[1]) / (2 * h), wanted[name][0], rtol=1e-6)


def test_shared_parts_stay_shared_and_a_network_may_hold_itself():
    class Tied(nn.Module):
        def __init__(self):
            self.first = nn.Linear(3, 3, rng=0, dtype=float)
            self.again, self.parts, self.me = self.first, {"x": (self.first,)}, self

        def __call__(self, x):
            return self.me.again(self.first(self.parts["x"][0](x)))

    net = Tied()
    w = net.first.weight.numpy() * 2
    wanted = X @ w @ w @ w
    np.testing.assert_allclose(np.asarray(network_at(net, {"first.weight": w, "first.bias": np.zeros(3)})), wanted)


def test_held_parameters_are_constants_and_can_be_given_by_name():
    net = network()
    net[0].weight.requires_grad = False
    assert "layers.0.weight" not in ab.grad(loss)(net)
    assert "layers.0.weight" in ab.grad(lambda v: np.mean(ab.functional_call(net, v, X) ** 2))({"layers.0.weight": net[0].weight.numpy().copy()})


def test_means_that_are_given_by_name_leave_those_of_the_network_alone():
    norm = nn.BatchNorm1d(3, dtype=float)
    given = norm.state_dict()
    ab.functional_call(norm, given, X)
    assert given["running_mean"].any()
    assert not norm.running_mean.any()


def test_many_networks_at_once_by_vmap():
    net = network()
    many = [values_of(network(seed)) for seed in range(4)]
    stacked = {name: np.stack([v[name] for v in many]) for name in many[0]}
    out = ab.vmap(lambda v: ab.functional_call(net, v, X))(stacked)
    np.testing.assert_allclose(out, [np.asarray(network_at(net, v)) for v in many], rtol=1e-12)


def test_threads_that_call_one_network_do_not_see_each_others_values():
    net, found = network(), {}

    def work(seed):
        values = values_of(network(seed))
        found[seed] = all(np.array_equal(network_at(net, values), network(seed)(X).numpy()) for _ in range(50))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(found[seed] for seed in range(4))


def test_a_compiled_function_of_values_is_the_plain_one_to_the_bit():
    net = network()
    f = ab.value_and_grad(lambda v: np.mean(ab.functional_call(net, v, X) ** 2))
    compiled = ab.compile(f, exact=True)
    for seed in (0, 1, 2):
        values = values_of(network(seed))
        (a, da), (b, db) = f(values), compiled(values)
        assert a == b
        assert all(np.array_equal(da[name], db[name]) for name in da)


REFUSED = {
    "unknown name": (lambda net: ab.functional_call(net, {"weight": X}, X), r"'weight'"),
    "other shape": (lambda net: ab.functional_call(net, {"layers.0.bias": np.ones(3)}, X), r"\(3,\).*\(4,\)"),
    "a list": (lambda net: ab.functional_call(net, [X], X), "a Sequential and a list"),
    "a function": (lambda net: ab.functional_call(np.tanh, {}, X), "functional_call was given"),
    "no parameters": (lambda net: ab.grad(lambda n: np.sum(n(X)))(nn.ReLU()), "no parameters"),
    "an empty tree": (lambda net: ab.ravel([]), "without numbers"),
    "a short vector": (lambda net: ab.ravel(net)[1](np.ones(3)), r"shape \(26,\)"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_with_what_to_give(case):
    call, message = REFUSED[case]
    with pytest.raises(ab.AutogradError, match=message):
        call(network())


def test_a_tree_comes_back_from_its_vector_in_form_shape_and_dtype():
    tree = {"b": [np.arange(3.0), 2.0], "a": (np.ones((2, 2), np.float32), np.zeros((0, 4)))}
    vector, back = ab.ravel(tree)
    assert vector.tolist() == [0, 1, 2, 2, 1, 1, 1, 1]
    again = back(vector)
    assert list(again) == ["b", "a"] and again["a"][0].dtype == np.float32
    assert again["a"][1].shape == (0, 4) and again["b"][1] == 2.0
    ab.check_gradients(lambda v: np.sum(back(v)["b"][0] ** 3) * back(v)["b"][1], np.linspace(0.5, 1, 8))


def test_the_gradient_by_the_vector_is_that_by_names_one_behind_the_other():
    net = network()
    start, back = ab.ravel(net)
    of_vector = ab.grad(lambda v: np.mean(ab.functional_call(net, back(v), X) ** 2))(start)
    by_name = ab.grad(loss)(net)
    np.testing.assert_allclose(of_vector, np.concatenate([g.ravel() for g in by_name.values()]), rtol=1e-12)


def test_the_frame_of_a_network_is_new_and_its_numbers_are_not_copied():
    net = network()
    out = np.sum(ab.functional_call(net, {}, X))
    leaves = [node for node in reachable(out.node) if node.plan is None]
    assert {id(leaf) for leaf in leaves} == {id(p.node) for p in net.parameters()}
