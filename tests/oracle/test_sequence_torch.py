"""Sequence layers beside PyTorch's, with the same weights: values, and gradients by inputs and all parameters."""

import numpy as np
import pytest

import autograd_book as ab
from autograd_book.learn.attention import CausalSelfAttention, Embedding, LayerNorm, TransformerBlock
from autograd_book.learn.sequence import RNN
from autograd_book.rules.softmax import log_softmax, softmax

torch = pytest.importorskip("torch")
torch.set_num_threads(1)


def randomised(module, seed=1):
    rng = np.random.default_rng(seed)
    for parameter in module.parameters():
        parameter.data = rng.normal(size=parameter.shape) * 0.5
    return module


def tensor(value, transpose=False):
    return torch.tensor(value.numpy().T.copy() if transpose else value.numpy().copy(), requires_grad=True)


def compare(out, theirs, pairs):
    """Values, then the gradients of a weighted sum; pairs hold ours, theirs, and whether theirs is transposed."""
    np.testing.assert_allclose(out.numpy(), theirs.detach().numpy(), rtol=1e-10, atol=1e-12)
    weights = np.random.default_rng(7).normal(size=out.shape)
    np.sum(out * weights).backward()
    slopes = torch.autograd.grad(torch.sum(theirs * torch.tensor(weights)), [t for _, t, _ in pairs])
    for (mine, _, transpose), slope in zip(pairs, slopes, strict=True):
        expected = slope.numpy().T if transpose else slope.numpy()
        np.testing.assert_allclose(mine.grad.numpy(), expected, rtol=1e-9, atol=1e-11)


def given(*shape):
    value = ab.Variable(np.random.default_rng(0).normal(size=shape))
    return value, torch.tensor(value.numpy().copy(), requires_grad=True)


@pytest.mark.parametrize("radius", [0.5, 1.5])
def test_a_recurrent_network_agrees_with_pytorch(radius) -> None:
    ours = RNN(3, 5, rng=0, spectral_radius=radius, dtype=np.float64)
    ours.bias.data = np.linspace(-1, 1, 5)
    (x, t), theirs = given(2, 7, 3), torch.nn.RNN(3, 5, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        theirs.weight_ih_l0.copy_(torch.tensor(ours.weight.numpy().T.copy()))
        theirs.weight_hh_l0.copy_(torch.tensor(ours.recurrent.numpy().T.copy()))
        theirs.bias_ih_l0.copy_(torch.tensor(ours.bias.numpy().copy()))
        theirs.bias_hh_l0.zero_()
    pairs = [(x, t, False), (ours.weight, theirs.weight_ih_l0, True)]
    pairs += [(ours.recurrent, theirs.weight_hh_l0, True), (ours.bias, theirs.bias_ih_l0, False)]
    compare(ours(x), theirs(t)[0], pairs)


@pytest.mark.parametrize("eps", [1e-5, 0.1])
def test_layer_normalisation_agrees_with_pytorch(eps) -> None:
    ours, (x, t) = randomised(LayerNorm(6, eps=eps, dtype=np.float64)), given(2, 3, 6)
    weight, bias = tensor(ours.weight), tensor(ours.bias)
    theirs = torch.nn.functional.layer_norm(t, (6,), weight, bias, eps)
    compare(ours(x), theirs, [(x, t, False), (ours.weight, weight, False), (ours.bias, bias, False)])


@pytest.mark.parametrize("heads", [1, 2, 6])
def test_attention_agrees_with_pytorchs_module(heads) -> None:
    ours, (x, t) = randomised(CausalSelfAttention(6, heads, dtype=np.float64)), given(2, 5, 6)
    theirs = torch.nn.MultiheadAttention(6, heads, batch_first=True, dtype=torch.float64)
    parts = (ours.query, ours.key, ours.value)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.tensor(np.concatenate([p.weight.numpy().T for p in parts])))
        theirs.in_proj_bias.copy_(torch.tensor(np.concatenate([p.bias.numpy() for p in parts])))
        theirs.out_proj.weight.copy_(torch.tensor(ours.join.weight.numpy().T.copy()))
        theirs.out_proj.bias.copy_(torch.tensor(ours.join.bias.numpy().copy()))
    ahead = torch.triu(torch.ones(5, 5, dtype=torch.bool), 1)
    out, weights = theirs(t, t, t, attn_mask=ahead, average_attn_weights=False)
    np.testing.assert_allclose(ours.weights(x).numpy(), weights.detach().numpy(), rtol=1e-10, atol=1e-12)
    pairs = [(x, t, False), (ours.join.weight, theirs.out_proj.weight, True), (ours.join.bias, theirs.out_proj.bias, False)]
    compare(ours(x), out, pairs)
    slope = torch.autograd.grad(torch.sum(theirs(t, t, t, attn_mask=ahead)[0] * torch.tensor(np.random.default_rng(7).normal(size=out.shape))), theirs.in_proj_weight)[0]
    np.testing.assert_allclose(np.concatenate([p.weight.grad.numpy().T for p in parts]), slope.numpy(), rtol=1e-9, atol=1e-11)


def test_attention_agrees_with_pytorchs_function() -> None:
    ours, (x, t) = randomised(CausalSelfAttention(8, 2, dtype=np.float64)), given(3, 6, 8)
    layers = [ours.query, ours.key, ours.value, ours.join]
    weights, biases = [tensor(p.weight) for p in layers], [tensor(p.bias) for p in layers]
    apart = lambda z: z.reshape(3, 6, 2, 4).transpose(1, 2)
    query, key, value = (apart(t @ w + b) for w, b in zip(weights[:3], biases[:3], strict=True))
    means = torch.nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True)
    theirs = means.transpose(1, 2).reshape(3, 6, 8) @ weights[3] + biases[3]
    pairs = [(x, t, False), *[(p.weight, w, False) for p, w in zip(layers, weights, strict=True)]]
    pairs += [(p.bias, b, False) for p, b in zip(layers, biases, strict=True) if p is not ours.key]
    compare(ours(x), theirs, pairs)
    np.testing.assert_allclose(ours.key.bias.grad.numpy(), 0, atol=1e-12)  # the same for all keys, so no weight moves


def test_a_block_agrees_with_pytorchs_encoder_layer() -> None:
    ours, (x, t) = randomised(TransformerBlock(4, 2, dtype=np.float64)), given(2, 5, 4)
    theirs = torch.nn.TransformerEncoderLayer(4, 2, 16, 0.0, "relu", batch_first=True, norm_first=True, dtype=torch.float64)
    attention, wide, narrow = ours.attention, ours.perceptron[0], ours.perceptron[2]
    parts = (attention.query, attention.key, attention.value)
    copies = [
        (theirs.linear1, wide.weight.numpy().T, wide.bias), (theirs.linear2, narrow.weight.numpy().T, narrow.bias),
        (theirs.self_attn.out_proj, attention.join.weight.numpy().T, attention.join.bias),
        (theirs.norm1, ours.before.weight.numpy(), ours.before.bias), (theirs.norm2, ours.between.weight.numpy(), ours.between.bias),
    ]
    with torch.no_grad():
        for layer, weight, bias in copies:
            layer.weight.copy_(torch.tensor(weight.copy()))
            layer.bias.copy_(torch.tensor(bias.numpy().copy()))
        theirs.self_attn.in_proj_weight.copy_(torch.tensor(np.concatenate([p.weight.numpy().T for p in parts])))
        theirs.self_attn.in_proj_bias.copy_(torch.tensor(np.concatenate([p.bias.numpy() for p in parts])))
    out = theirs(t, src_mask=torch.triu(torch.full((5, 5), -torch.inf, dtype=torch.float64), 1), is_causal=True)
    pairs = [(x, t, False), (wide.weight, theirs.linear1.weight, True), (narrow.bias, theirs.linear2.bias, False)]
    pairs += [(ours.before.weight, theirs.norm1.weight, False), (ours.between.bias, theirs.norm2.bias, False)]
    compare(ours(x), out, pairs)


def test_an_embedding_agrees_with_pytorch() -> None:
    ours, tokens = randomised(Embedding(5, 3, dtype=np.float64)), np.array([[0, 2, 2], [4, 0, 1]])
    weight = tensor(ours.weight)
    compare(ours(tokens), torch.nn.functional.embedding(torch.tensor(tokens), weight), [(ours.weight, weight, False)])


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize(("ours", "theirs"), [(softmax, torch.softmax), (log_softmax, torch.log_softmax)], ids=["softmax", "log_softmax"])
def test_softmaxes_agree_with_pytorch(ours, theirs, axis) -> None:
    x, t = given(2, 3, 4)
    compare(ours(x * 300, axis), theirs(t * 300, dim=axis), [(x, t, False)])
