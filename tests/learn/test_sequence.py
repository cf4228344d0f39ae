"""Models that read sequences: what they learn and write, and what is refused."""

import itertools

import numpy as np
import pytest
from layers import language_model, layer, sequence, with_parameters

import autograd_book as ab
from autograd_book.graph.errors import DifferentiationTypeError, DifferentiationValueError
from autograd_book.learn.attention import CausalSelfAttention, Embedding, LayerNorm, TransformerBlock
from autograd_book.learn.sequence import (
    RNN,
    Characters,
    LastState,
    Transformer,
    excerpts,
    generate,
    language_step,
    next_token_loss,
)

# Shapes and precision


def test_a_recurrent_network_returns_all_its_states() -> None:
    rnn, x = RNN(3, 5, rng=0, dtype=np.float64), sequence(2, 4, 3)
    states, state = rnn(x), np.zeros((2, 5))
    assert states.shape == (2, 4, 5)
    for t in range(4):
        state = np.tanh(x[:, t] @ rnn.weight.numpy() + state @ rnn.recurrent.numpy() + rnn.bias.numpy())
        np.testing.assert_allclose(states[:, t].numpy(), state, rtol=1e-12)


def test_a_sequence_can_be_read_in_two_parts() -> None:
    rnn, x = layer("RNN"), sequence(2, 6, 4)
    first = rnn(x[:, :2])
    second = rnn(x[:, 2:], first[:, -1])
    np.testing.assert_allclose(second.numpy(), rnn(x)[:, 2:].numpy(), rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_language_model_computes_in_one_precision_only(dtype, monkeypatch) -> None:
    from autograd_book.graph.interpreter import Evaluate

    seen, plain = set(), Evaluate.bind

    def bind(self, primitive, args, params):
        out = plain(self, primitive, args, params)
        if np.asarray(out).dtype.kind == "f":
            seen.add((primitive.name, np.asarray(out).dtype))
        return out

    monkeypatch.setattr(Evaluate, "bind", bind)
    network = Transformer(5, 4, 2, 2, 4, dtype=dtype)
    language_step(network, ab.optim.AdamW(network.parameters(), lr=1e-2), np.arange(10).reshape(2, 5) % 5)
    assert seen and {kind for _, kind in seen} == {np.dtype(dtype)}, seen
    assert {p.dtype for p in network.parameters()} == {np.dtype(dtype)}


# Parameters


def test_single_precision_is_the_default() -> None:
    for made in (RNN(2, 3), Embedding(2, 3), LayerNorm(2), CausalSelfAttention(4, 2), Transformer(5, 4, 2, 1, 4), LastState(2, 3, 4)):
        assert {p.dtype for p in made.parameters()} == {np.dtype(np.float32)}


def test_all_parameters_of_a_transformer_are_found_and_get_a_gradient() -> None:
    network = Transformer(7, 8, 2, 2, 6)
    found = dict(network.named_parameters())
    block = [f"blocks.1.{part}" for part in ("attention.query.weight", "before.bias", "perceptron.layers.2.weight")]
    assert {"tokens.weight", "positions", "norm.weight", "readout.bias", *block} <= found.keys()
    assert len(found) == 2 + 2 * (8 + 4 + 4) + 2 + 2
    next_token_loss(network, np.arange(14).reshape(2, 7) % 7).backward()
    assert all(p.grad is not None for p in found.values())


def test_a_state_travels_from_one_transformer_to_another() -> None:
    one, other = (Transformer(7, 8, 2, 2, 6, seed=seed) for seed in (0, 1))
    tokens = np.arange(6)
    assert not np.allclose(one(tokens).numpy(), other(tokens).numpy())
    other.load_state_dict(one.state_dict())
    np.testing.assert_array_equal(one(tokens).numpy(), other(tokens).numpy())


def test_a_seed_determines_a_network() -> None:
    one, same, other = (Transformer(7, 8, 2, 1, 6, seed=seed) for seed in (3, 3, 4))
    for a, b in zip(one.parameters(), same.parameters(), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    assert not np.array_equal(one.tokens.weight.numpy(), other.tokens.weight.numpy())


@pytest.mark.parametrize("radius", [0.0, 0.5, 1.0, 1.5])
def test_all_eigenvalues_of_a_new_recurrent_matrix_have_the_size_asked_for(radius) -> None:
    rnn = RNN(2, 9, rng=0, spectral_radius=radius, dtype=np.float64)
    sizes = np.abs(np.linalg.eigvals(rnn.recurrent.numpy()))
    np.testing.assert_allclose(sizes, radius, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(rnn.recurrent.numpy(), 2), radius, atol=1e-12)


def test_a_new_language_model_knows_nothing() -> None:
    network = Transformer(20, 32, 4, 2, 16)
    loss = next_token_loss(network, np.random.default_rng(0).integers(0, 20, (8, 17)))
    np.testing.assert_allclose(loss.item(), np.log(20), rtol=0.01)


# Causality


def test_a_language_model_does_not_read_ahead() -> None:
    network, tokens = language_model(), np.array([0, 1, 2, 3])
    for t in range(1, 4):
        changed = tokens.copy()
        changed[t:] = 4
        before, after = network(tokens).numpy(), network(changed).numpy()
        np.testing.assert_allclose(after[:t], before[:t], rtol=1e-12)
        assert not np.allclose(after[t], before[t])
        np.testing.assert_allclose(network(tokens[:t]).numpy(), before[:t], rtol=1e-12)


def test_the_scores_of_a_language_model_have_no_slope_along_later_tokens() -> None:
    network = language_model()
    whole = lambda x: network.readout(network.norm(network.blocks[1](network.blocks[0](x))))
    slopes = ab.jacobian(whole)(sequence(4, 4))
    for t, s in itertools.product(range(4), range(4)):
        assert np.any(slopes[t, :, s]) == (s <= t), (t, s)


# Derivatives


def test_derivatives_of_a_language_model_agree_with_differences() -> None:
    network, pieces = language_model(), np.array([[0, 1, 2, 3, 4]])
    names, values = zip(*network.state_dict().items(), strict=True)
    ab.check_gradients(with_parameters(network, names, lambda m: next_token_loss(m, pieces)), *values, order=2)


def test_nothing_in_a_step_is_infinite_for_debug_nans() -> None:
    network = Transformer(5, 4, 2, 2, 4)
    with ab.debug_nans():
        next_token_loss(network, np.arange(10).reshape(2, 5) % 5).backward()


# Learning and writing


def test_a_transformer_learns_a_short_text_by_heart() -> None:
    letters = Characters(text := "abracadabra, abracadabra, ")
    tokens, rng = letters.encode(text * 8), np.random.default_rng(0)
    network = Transformer(len(letters), 16, 2, 1, 12)
    optimizer = ab.optim.AdamW(network.parameters(), lr=1e-2)
    losses = [language_step(network, optimizer, excerpts(tokens, 12, 8, rng)) for _ in range(80)]
    assert losses[0] > 1.8 and np.mean(losses[-5:]) < 0.4
    written = letters.decode(generate(network, letters.encode("abracad"), 19, temperature=0))
    assert written == text


def test_a_recurrent_network_learns_to_read() -> None:
    from autograd_book.learn.training import train

    digits = ab.load_digits()
    seen, unseen = digits.take(slice(400)), digits.take(slice(400, 600))
    network = LastState(8, 24, 10, rng=0)
    history = train(network, ab.optim.AdamW(network.parameters(), lr=5e-3), seen, unseen, epochs=4)
    assert history[-1].accuracy > 0.5


def test_the_same_seed_writes_the_same_text() -> None:
    network = language_model()
    one, same, other = (generate(network, [0], 30, rng=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other) and one.shape == (31,) and one.dtype == np.int64
    assert set(one) <= set(range(5)) and one[0] == 0


def test_generation_draws_from_the_probabilities() -> None:
    network = language_model()
    scores = network(np.array([2])).numpy()[-1]
    expected = np.exp(scores) / np.exp(scores).sum()
    rng = np.random.default_rng(0)
    drawn = [generate(network, [2], 1, rng=rng)[-1] for _ in range(400)]
    np.testing.assert_allclose(np.bincount(drawn, minlength=5) / 400, expected, atol=0.08)


def test_generation_at_temperature_zero_takes_the_likeliest_and_forgets_what_is_too_far() -> None:
    network = language_model()
    written = generate(network, [0, 1, 2, 3, 4, 0], 2, temperature=0)
    assert written[6] == np.argmax(network(np.array([2, 3, 4, 0])).numpy()[-1])
    assert written[7] == np.argmax(network(np.array([3, 4, 0, written[6]])).numpy()[-1])


def test_generation_records_nothing() -> None:
    network = language_model()
    generate(network, [0], 2)
    assert all(p.grad is None for p in network.parameters())


def test_excerpts_are_pieces_of_the_text() -> None:
    text = np.arange(100)
    pieces = excerpts(text, 5, 200, np.random.default_rng(0))
    assert pieces.shape == (200, 6) and np.all(np.diff(pieces, axis=1) == 1)
    assert pieces.min() == 0 and pieces.max() == 99


def test_an_excerpt_can_be_the_whole_text() -> None:
    np.testing.assert_array_equal(excerpts([3, 1, 2], 2, 1, np.random.default_rng(0)), [[3, 1, 2]])


def test_characters_survive_a_round_trip() -> None:
    letters = Characters("to be, or not to be — ü")
    assert letters.decode(letters.encode("not to be — ü")) == "not to be — ü"
    assert len(letters) == 10 and letters.encode("").shape == (0,) and letters.decode([]) == ""
    assert list(letters.encode(letters.letters)) == list(range(10))


# What is refused


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: CausalSelfAttention(6, 4), "width 6 .* 4 heads"),
        (lambda: TransformerBlock(6, 4), "width 6 .* 4 heads"),
        (lambda: Transformer(5, 6, 4, 1, 8), "width 6 .* 4 heads"),
        (lambda: CausalSelfAttention(6, 0), "6 inputs and 0"),
        (lambda: RNN(0, 3), "0 inputs"),
        (lambda: RNN(3, 3, spectral_radius=-1.0), "spectral_radius=-1.0"),
        (lambda: RNN(3, 3, spectral_radius=np.nan), "spectral_radius=nan"),
        (lambda: RNN(3, 3, spectral_radius="1"), "spectral_radius='1'"),
        (lambda: Embedding(0, 3), "0 inputs"),
        (lambda: LayerNorm(0), "0 inputs"),
        (lambda: Transformer(5, 4, 2, 0, 8), "0 outputs"),
        (lambda: Transformer(5, 4, 2, 1, 0), "0 inputs"),
    ],
)
def test_sizes_that_make_no_sense_are_refused(make, words) -> None:
    with pytest.raises(DifferentiationValueError, match=words):
        make()


@pytest.mark.parametrize("make", [lambda: RNN("3", 4), lambda: Embedding(3.0, 2), lambda: CausalSelfAttention(4, 2.0)])
def test_sizes_that_are_no_whole_numbers_are_refused(make) -> None:
    with pytest.raises(DifferentiationTypeError, match="whole numbers"):
        make()


@pytest.mark.parametrize("tokens", [np.zeros(0, int), np.zeros((2, 0), int), np.zeros(5, int), np.zeros((2, 9), int), np.int64(1)], ids=np.shape)
def test_empty_and_too_long_texts_are_refused(tokens) -> None:
    with pytest.raises(DifferentiationValueError, match="up to 4 at once"):
        language_model()(tokens)


@pytest.mark.parametrize("tokens", [[0, 5], [-1, 2], [[0, 1], [7, 2]]])
def test_tokens_out_of_range_are_refused(tokens) -> None:
    for reader in (language_model(), Embedding(5, 2)):
        with pytest.raises(DifferentiationValueError, match="5 words"):
            reader(tokens)


@pytest.mark.parametrize("options", [{"count": -1}, {"count": 1.5}, {"count": 1, "temperature": -1.0}, {"count": 1, "temperature": np.nan}])
def test_generation_that_makes_no_sense_is_refused(options) -> None:
    with pytest.raises(DifferentiationValueError, match="was given|were asked for"):
        generate(language_model(), [0], **options)


def test_generation_from_nothing_is_refused() -> None:
    with pytest.raises(DifferentiationValueError, match="1 to 4"):
        generate(language_model(), [], 3)


def test_unknown_characters_are_named() -> None:
    with pytest.raises(DifferentiationValueError, match=r"\['x', 'z'\]"):
        Characters("abc").encode("zax")
    with pytest.raises(DifferentiationValueError, match="3 words"):
        Characters("abc").decode([3])


@pytest.mark.parametrize("time", [0, 3, 10, -1])
def test_excerpts_longer_than_the_text_are_refused(time) -> None:
    with pytest.raises(DifferentiationValueError, match="3 tokens"):
        excerpts([0, 1, 2], time, 1, np.random.default_rng(0))


def test_a_row_that_is_not_made_of_steps_is_refused() -> None:
    with pytest.raises((DifferentiationValueError, ValueError)):
        LastState(8, 4, 10)(np.zeros((2, 60), np.float32))
