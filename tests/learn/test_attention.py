"""Layers that read sequences: causality, shapes, precision, derivatives of both orders, and what is refused."""

import itertools

import numpy as np
import pytest
from layers import CAUSAL, LAYERS, frozen, layer, sequence, with_parameters

import autograd_book as ab
from autograd_book.graph.errors import DifferentiationTypeError, DifferentiationValueError
from autograd_book.learn.attention import Embedding, causal_mask, waves


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("leading", [(), (3,), (2, 3)], ids=str)
def test_leading_axes_pass_through(name, leading) -> None:
    x = sequence(*leading, 5, 4)
    out = layer(name)(x)
    assert out.shape == (*leading, 5, 4)
    for place in np.ndindex(leading):
        np.testing.assert_allclose(out[place].numpy(), layer(name)(x[place]).numpy(), rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_keeps_the_precision_forward_backward_and_in_the_update(name, dtype) -> None:
    made, x = layer(name, dtype), ab.Variable(sequence(2, 5, 4, dtype=dtype))
    out = made(x)
    assert out.dtype == dtype
    method = ab.optim.SGD if dtype == np.float16 else ab.optim.AdamW  # whose squares underflow in half precision
    optimizer = method(made.parameters(), lr=1e-2)
    np.sum(out * out).backward()
    optimizer.step()
    assert x.grad.dtype == dtype
    assert {p.grad.dtype for p in made.parameters()} == {p.dtype for p in made.parameters()} == {np.dtype(dtype)}



@pytest.mark.parametrize("name", CAUSAL)
def test_no_gradient_comes_from_a_later_position(name) -> None:
    made, x = layer(name), sequence(6, 4)
    slopes = ab.jacobian(made)(x)  # (time, width, time, width)
    for t, s in itertools.product(range(6), range(6)):
        assert np.any(slopes[t, :, s]) == (s <= t), (t, s)


@pytest.mark.parametrize("name", CAUSAL)
def test_a_later_position_does_not_change_an_earlier_one(name) -> None:
    made, x = layer(name), sequence(2, 6, 4)
    changed = x.copy()
    changed[:, 4:] += 100.0
    before, after = made(x).numpy(), made(changed).numpy()
    np.testing.assert_array_equal(after[:, :4], before[:, :4])
    assert not np.allclose(after[:, 4:], before[:, 4:])


def test_rows_of_attention_add_to_one_and_are_zero_ahead() -> None:
    weights = layer("attention").weights(sequence(3, 5, 4)).numpy()
    assert weights.shape == (3, 2, 5, 5)
    np.testing.assert_allclose(weights.sum(-1), 1, rtol=1e-12)
    assert np.all(weights[..., np.triu(np.ones((5, 5), bool), 1)] == 0)
    assert np.all(weights[..., np.tril(np.ones((5, 5), bool))] > 0)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_mask_is_finite_and_excludes_even_the_largest_scores(dtype) -> None:
    mask = causal_mask(3, dtype)
    assert mask.dtype == dtype and np.all(np.isfinite(mask))
    scores = np.full((3, 3), 1000, dtype) + mask
    assert np.all(np.isfinite(scores)) and np.all(np.exp(scores - 1000)[mask < 0] == 0)


def test_large_scores_do_not_overflow() -> None:
    made = layer("attention", np.float32)
    x = ab.Variable(1e6 * sequence(5, 4, dtype=np.float32))
    out = made(x)
    np.sum(out).backward()
    assert np.all(np.isfinite(out.numpy())) and np.all(np.isfinite(x.grad.numpy()))


@pytest.mark.parametrize("name", LAYERS)
def test_derivatives_by_the_input_agree_with_differences(name) -> None:
    made, weights = frozen(layer(name)), sequence(2, 3, 4, seed=5)
    ab.check_gradients(lambda x: np.sum(weights * made(x)), sequence(2, 3, 4), order=2)


@pytest.mark.parametrize("name", LAYERS)
def test_derivatives_by_all_parameters_agree_with_differences(name) -> None:
    made, x, weights = layer(name), sequence(1, 3, 4), sequence(1, 3, 4, seed=5)
    names, values = zip(*made.state_dict().items(), strict=True)
    ab.check_gradients(with_parameters(made, names, lambda m: np.sum(weights * m(x))), *values, order=2)


def test_an_embedding_adds_up_the_gradients_of_a_repeated_word() -> None:
    table = Embedding(4, 2, rng=0)
    np.sum(table([[1, 1, 3]])).backward()
    np.testing.assert_array_equal(table.weight.grad.numpy(), [[0, 0], [2, 2], [0, 0], [1, 1]])


@pytest.mark.parametrize("name", LAYERS)
def test_vmap_of_a_layer_and_of_its_gradient_are_those_of_each_example(name) -> None:
    made, xs = frozen(layer(name)), sequence(3, 5, 4)
    loss = lambda x: np.sum(np.square(made(x)))
    np.testing.assert_allclose(ab.vmap(made)(xs), made(xs), rtol=1e-10)
    np.testing.assert_allclose(ab.vmap(ab.grad(loss))(xs), [ab.grad(loss)(x) for x in xs], rtol=1e-9)


@pytest.mark.parametrize("name", LAYERS)
def test_forward_mode_agrees_with_reverse_mode(name) -> None:
    made, x, v = frozen(layer(name)), sequence(3, 4), sequence(3, 4, seed=2)
    loss = lambda x: np.sum(np.square(made(x)))
    np.testing.assert_allclose(ab.jvp(loss, (x,), (v,))[1], np.sum(ab.grad(loss)(x) * v), rtol=1e-9)


def test_the_product_of_two_waves_depends_on_their_distance_alone() -> None:
    rows = waves(12, 8)
    products = rows @ rows.T
    for k in range(12):
        np.testing.assert_allclose(np.diagonal(products, k), products[0, k], rtol=1e-12)
    np.testing.assert_allclose(np.diagonal(products), 1, rtol=1e-12)
    assert waves(3, 5).shape == (3, 5)


@pytest.mark.parametrize("name", LAYERS)
def test_an_input_of_the_wrong_length_is_refused(name) -> None:
    with pytest.raises(DifferentiationValueError, match=r"\(2, 5, 3\).*length 4"):
        layer(name)(sequence(2, 5, 3))


@pytest.mark.parametrize("name", CAUSAL)
@pytest.mark.parametrize("shape", [(2, 0, 4), (4,)], ids=str)
def test_a_sequence_without_steps_is_refused(name, shape) -> None:
    with pytest.raises(DifferentiationValueError, match="no step"):
        layer(name)(sequence(*shape))


@pytest.mark.parametrize("tokens", [[0.0, 1.0], [True, False]])
def test_tokens_that_are_no_integers_are_refused(tokens) -> None:
    with pytest.raises(DifferentiationTypeError, match="[Ii]nteger"):
        Embedding(5, 2)(tokens)
