"""Modules: parameters are found once and in order, states travel, layers compute what their formula says."""

import io

import numpy as np
import pytest

import autograd_book as ab
from autograd_book.learn.nn import Linear, Module, ReLU, Sequential


def small():
    return Sequential(Linear(3, 4, rng=0), ReLU(), Linear(4, 2, rng=1))


def names(module):
    return [name for name, _ in module.named_parameters()]


# Finding parameters


def test_parameters_come_in_the_order_of_definition():
    class Late(Module):
        def __init__(self):
            self.z, self.a = ab.Variable(1.0), ab.Variable(2.0)
            self.inner = Linear(1, 1)

    assert names(Late()) == ["z", "a", "inner.weight", "inner.bias"]


def test_parameters_are_found_in_lists_tuples_and_dictionaries():
    class Holder(Module):
        def __init__(self):
            self.list, self.tuple = [ab.Variable(1.0), Linear(1, 1, bias=False)], (ab.Variable(2.0),)
            self.dict = {"left": ab.Variable(3.0), "right": [ab.Variable(4.0)]}

    assert names(Holder()) == ["list.0", "list.1.weight", "tuple.0", "dict.left", "dict.right.0"]


def test_a_shared_parameter_appears_once_under_its_first_name():
    layer = Linear(2, 2, rng=0)
    assert names(Sequential(layer, ReLU(), layer)) == ["layers.0.weight", "layers.0.bias"]


def test_modules_that_know_each_other_do_not_recur():
    a, b = Linear(1, 1), Linear(1, 1)
    a.friend, b.friend = b, a
    assert names(a) == ["weight", "bias", "friend.weight", "friend.bias"]


def test_computed_values_constants_and_arrays_are_no_parameters():
    module = Linear(2, 2)
    module.seen, module.mean = module.weight * 2, np.zeros(2)
    module.fixed = ab.Variable([1.0], requires_grad=False)
    assert names(module) == ["weight", "bias"]


def test_replacing_an_attribute_replaces_the_parameter():
    module = Linear(2, 2)
    module.bias = ab.Variable(np.ones(2))
    assert list(module.parameters())[1] is module.bias


def test_a_module_without_parameters_yields_none():
    assert list(ReLU().parameters()) == [] and ReLU().state_dict() == {}


def test_zero_grad_forgets_every_gradient():
    network = small()
    np.sum(network(np.ones((2, 3)))).backward()
    assert all(p.grad is not None for p in network.parameters())
    network.zero_grad()
    assert all(p.grad is None for p in network.parameters())


def test_a_module_without_call_says_what_to_define():
    class Empty(Module):
        pass

    with pytest.raises(NotImplementedError, match="Empty.*Define __call__"):
        Empty()(1.0)


# States


def test_a_state_goes_through_a_file_and_gives_the_same_outputs():
    network, twin, file = small(), Sequential(Linear(3, 4), ReLU(), Linear(4, 2)), io.BytesIO()
    np.savez(file, **network.state_dict())
    file.seek(0)
    twin.load_state_dict(np.load(file))
    x = np.random.default_rng(0).normal(size=(5, 3))
    np.testing.assert_array_equal(twin(x).numpy(), network(x).numpy())


def test_a_state_is_a_copy_that_training_leaves_alone():
    network = small()
    state = network.state_dict()
    before = state["layers.0.weight"].copy()
    network[0].weight.data = network[0].weight.data + 1
    np.testing.assert_array_equal(state["layers.0.weight"], before)
    assert all(type(array) is np.ndarray for array in state.values())


def test_loading_copies_and_keeps_identity_and_dtype():
    network = small()
    weight = network[0].weight
    state = {name: np.full(array.shape, 2.0) for name, array in network.state_dict().items()}
    network.load_state_dict(state)
    state["layers.0.weight"][:] = 5.0
    assert network[0].weight is weight
    assert weight.dtype == np.float32 and (weight.numpy() == 2.0).all()


@pytest.mark.parametrize(
    ("change", "fact"),
    [
        (lambda s: s.pop("layers.2.bias"), r"lacks \['layers.2.bias'\] and has nothing too many"),
        (lambda s: s.update(more=np.ones(1)), r"lacks nothing and has \['more'\]"),
        (lambda s: s.update({"layers.2.bias": np.ones(3)}), r"shape \(3,\) for layers.2.bias, which has shape \(2,\)"),
        (lambda s: s.update({"layers.2.bias": 1.0}), r"shape \(\) for layers.2.bias"),
    ],
)
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(change, fact):
    network = small()
    before, state = network.state_dict(), {name: array + 1 for name, array in network.state_dict().items()}
    change(state)
    with pytest.raises(ab.DifferentiationValueError, match=fact):
        network.load_state_dict(state)
    for name, array in network.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize("make", [small, lambda: ab.optim.Adam(small().parameters()), ab.GradScaler, lambda: ab.AutoClip(10)])
def test_a_masked_array_in_a_state_is_refused_by_name(make):
    thing = make()
    state = dict(thing.state_dict())
    name = next(reversed(state))
    state[name] = np.ma.masked_array(state[name], mask=True)
    with pytest.raises(ab.DifferentiationTypeError, match=f"masked array for {name}.*filled"):
        thing.load_state_dict(state)


@pytest.mark.parametrize("state", [None, 5, small(), [("weight", 1.0)]], ids=["None", "number", "network", "pairs"])
def test_what_is_no_mapping_is_refused_as_a_state(state):
    with pytest.raises(ab.DifferentiationTypeError, match="was given as a state.*state_dict"):
        small().load_state_dict(state)


# Layers


def test_linear_multiplies_and_adds():
    layer, x = Linear(3, 2, rng=0, dtype=np.float64), np.random.default_rng(1).normal(size=(4, 3))
    layer.bias.data = [10.0, 20.0]
    by_hand = [[sum(row[i] * layer.weight.data[i, j] for i in range(3)) + 10.0 * (j + 1) for j in range(2)] for row in x]
    np.testing.assert_allclose(layer(x).numpy(), by_hand, rtol=1e-14)


def test_linear_without_bias_sends_zero_to_zero():
    layer = Linear(3, 2, bias=False, rng=0)
    assert names(layer) == ["weight"] and not layer(np.zeros((1, 3))).numpy().any()


@pytest.mark.parametrize("lead", [(), (5,), (2, 5)])
def test_leading_axes_pass_through_linear(lead):
    assert Linear(3, 2)(np.ones((*lead, 3))).shape == (*lead, 2)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_linear_has_the_dtype_it_was_given(dtype):
    layer = Linear(3, 2, dtype=dtype)
    out = layer(np.ones((4, 3), dtype))
    np.sum(out).backward()
    assert {out.dtype, layer.weight.dtype, layer.weight.grad.dtype, layer.bias.grad.dtype} == {np.dtype(dtype)}


def test_linear_is_single_precision_unless_told_otherwise():
    assert Linear(3, 2)(np.ones((4, 3), np.float32)).dtype == np.float32


def test_weights_have_the_stated_spread_and_biases_are_zero():
    layer = Linear(400, 300, rng=0)
    weight = layer.weight.numpy()
    assert abs(weight.mean()) < 1e-3 and weight.std() == pytest.approx((2 / 400) ** 0.5, rel=0.01)
    assert not layer.bias.numpy().any()


def test_a_seed_determines_the_weights_and_a_generator_goes_on():
    def weights(rng):
        return Linear(3, 2, rng=rng).weight.numpy()

    np.testing.assert_array_equal(weights(7), weights(7))
    rng = np.random.default_rng(7)
    first, second = weights(rng), weights(rng)
    np.testing.assert_array_equal(first, weights(7))
    assert (first != second).any() and (weights(None) != weights(None)).any()


@pytest.mark.parametrize("shape", [(4, 2), (3, 4), (), (0,)])
def test_an_input_of_another_length_is_refused_with_both_sizes(shape):
    with pytest.raises(ab.DifferentiationValueError, match=r"Linear\(3, 4\) was called with .*length 3") as caught:
        Linear(3, 4)(np.ones(shape))
    assert f"shape {shape}" in str(caught.value) and "weight has shape (3, 4)" in str(caught.value)


@pytest.mark.parametrize("sizes", [(0, 2), (2, 0), (-1, 2)])
def test_a_layer_without_weights_is_refused(sizes):
    with pytest.raises(ab.DifferentiationValueError, match="at least one input and one output"):
        Linear(*sizes)


@pytest.mark.parametrize("sizes", [("3", 4), (3, "4"), (3.0, 4), (None, 4), ((3, 4), 2)], ids=str)
def test_sizes_that_are_no_whole_numbers_are_refused_with_both(sizes):
    with pytest.raises(ab.DifferentiationTypeError, match="whole numbers") as caught:
        Linear(*sizes)
    assert f"{sizes[0]!r} inputs and {sizes[1]!r} outputs" in str(caught.value)


def test_sizes_may_be_integers_of_numpy():
    assert Linear(np.int64(3), np.uint8(2)).weight.shape == (3, 2)


def test_integer_weights_are_refused():
    with pytest.raises(ab.DifferentiationTypeError, match="int64"):
        Linear(2, 2, dtype=np.int64)


def test_gradients_of_a_network_agree_with_difference_quotients():
    hidden, out = Linear(3, 5, rng=0, dtype=np.float64), Linear(5, 2, rng=1, dtype=np.float64)
    out.weight, out.bias = out.weight.numpy(), out.bias.numpy()
    labels = np.array([0, 1, 1, 0])

    def loss(x, weight, bias):
        hidden.weight, hidden.bias = weight, bias
        return ab.nn.cross_entropy(Sequential(hidden, np.tanh, out)(x), labels)

    rng = np.random.default_rng(0)
    ab.check_gradients(loss, *(rng.normal(size=shape) for shape in ((4, 3), (3, 5), (5,))))


# Sequential


def test_sequential_applies_its_layers_in_order():
    network = Sequential(lambda x: x + 1, lambda x: x * 10)
    assert network(2.0) == 30.0


def test_sequential_is_indexed_sliced_counted_and_iterated():
    network = small()
    assert len(network) == 3 and isinstance(network[1], ReLU) and network[-1] is network[2]
    assert list(network) == network.layers and isinstance(network[1:], Sequential)
    assert list(network[2:].parameters()) == list(network.parameters())[2:]


@pytest.mark.parametrize(
    ("thing", "kind"),
    [([Linear(1, 1), ReLU()], "of type list"), (Linear, "the class Linear"), (None, "of type NoneType"), ("relu", "of type str"), (ab.Variable(1.0), "of type Variable")],
    ids=["list", "class", "None", "str", "Variable"],
)
def test_what_is_no_layer_is_refused_with_its_place_when_the_sequence_is_made(thing, kind):
    with pytest.raises(ab.DifferentiationTypeError, match=f"layer 1 of a Sequential is {kind}. Give modules and functions"):
        Sequential(ReLU(), thing)


def test_an_empty_sequence_returns_its_input():
    x = np.ones(3)
    assert Sequential()(x) is x


def test_a_network_prints_its_structure():
    assert repr(Sequential(Linear(3, 4), ReLU(), np.tanh)) == "Sequential(Linear(3, 4), ReLU(), tanh)"


def test_under_no_grad_a_network_returns_a_constant():
    with ab.no_grad():
        assert not small()(np.ones((1, 3))).requires_grad


@pytest.mark.parametrize(
    ("given", "kind", "fact"),
    [
        (np.array([1e300, 1.0]), ab.DifferentiationValueError, "1e.300 in it was given in a state for last of dtype float32"),
        (np.array([1j, 1.0]), ab.DifferentiationTypeError, "complex128 was given in a state for last"),
        (np.array(["a", "b"]), ab.DifferentiationTypeError, "<U1 was given in a state for last"),
        (np.array([None, 1.0]), ab.DifferentiationTypeError, "object was given in a state for last"),
    ],
)
def test_numbers_that_would_be_lost_are_refused_and_nothing_is_changed(given, kind, fact):
    class Two(Module):
        def __init__(self):
            self.first, self.last = ab.Variable(np.float32(1.0)), ab.Variable(np.ones(2, np.float32))

    network = Two()
    with pytest.raises(kind, match=fact):
        network.load_state_dict({"first": 5.0, "last": given})
    assert network.first.item() == 1.0
    network.load_state_dict({"first": 5, "last": np.float64([np.inf, np.nan])})
    assert network.first.item() == 5.0 and network.last.dtype == np.float32


def test_two_parameters_of_one_name_are_refused_and_not_lost():
    class Keyed(Module):
        def __init__(self, parts):
            self.parts = parts

    for parts in ({1: ab.Variable(1.0), "1": ab.Variable(2.0)}, {"a.b": ab.Variable(1.0), "a": {"b": ab.Variable(2.0)}}):
        network = Keyed(parts)
        assert len(list(network.parameters())) == 2
        for look in (network.state_dict, network.named_parameters, lambda network=network: network.load_state_dict({})):
            with pytest.raises(ab.DifferentiationValueError, match="two parts of a network are named parts"):
                look()


def test_layout_in_memory_goes_with_a_state():
    network, twin = Linear(2, 3), Linear(2, 3)
    network.weight.value = np.asfortranarray(network.weight.value)
    twin.load_state_dict(network.state_dict())
    assert twin.weight.value.flags.f_contiguous


def test_a_network_of_ones_own_prints_its_parts_also_when_it_contains_itself() -> None:
    class Net(Module):
        def __init__(self):
            self.first, self.act = Linear(3, 4, rng=0), ReLU()
            self.rest, self.scale, self.name = [Linear(4, 1, rng=0)], ab.Variable(np.ones(2)), "net"

    network = Net()
    assert repr(network) == "Net(first=Linear(3, 4), act=ReLU(), rest=[Linear(4, 1)], scale=float64 of shape (2,))"
    network.me = network
    assert "me=Net(...)" in repr(network)
