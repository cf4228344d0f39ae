"""Forms of an array: as near as they promise, in as few bytes, and not where they would lose more."""

import numpy as np
import pytest
from formats_at_hand import normal

import autograd_book as ab
from autograd_book.memory.disk import OnDisk
from autograd_book.memory.policies import Blocks, Half, Zipped, policy_of
from autograd_book.memory.saved import arrays_in
from autograd_book.rules.activations import relu

rounding = pytest.mark.parametrize("name", ["float16", "bfloat16", "int8"])


@pytest.fixture(autouse=True)
def formats(request):
    if getattr(request.node, "callspec", None) and request.node.callspec.params.get("name") == "bfloat16":
        pytest.importorskip("ml_dtypes")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1e-20, 1.0, 1e5, 1e30])
@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_half_precision_keeps_the_digits_of_its_format_at_any_scale(name, scale, dtype):
    x = (normal(40, 1000) * scale).astype(dtype)
    policy = policy_of(name)
    found = policy.unpack(policy.pack(x))
    assert (found.dtype, found.shape) == (x.dtype, x.shape)
    digits = {"float16": 2.0**-11, "bfloat16": 2.0**-8}[name]
    error, size = np.abs(found.astype(float) - x), np.abs(x.astype(float))
    assert np.all(error <= np.maximum(digits * size, 2.0**-40 * np.max(size)))
    assert np.max(error / np.maximum(size, 2.0**-29 * np.max(size))) > digits / 2  # the bound is no idle one


@pytest.mark.parametrize("top", [65504.0, 65520.0, 1e6, 1e38])
@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_numbers_beyond_the_range_of_half_precision_do_not_become_infinite(name, top):
    x = np.full(1000, np.float32(top))
    policy = policy_of(name)
    np.testing.assert_allclose(policy.unpack(policy.pack(x)), x, 2.0**-8)


@pytest.mark.parametrize("size", [1, 3, 64, 256, 100_000])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_no_number_is_further_off_than_half_a_step_of_its_block(size, dtype):
    x = (normal(7, 9999) * np.exp(2 * normal(7, 9999, seed=1))).astype(dtype)
    policy = Blocks(size)
    found = policy.unpack(policy.pack(x))
    assert (found.dtype, found.shape) == (x.dtype, x.shape)
    flat = np.pad(x.reshape(-1).astype(float), (0, -x.size % size)).reshape(-1, size)
    bound = np.repeat(np.max(np.abs(flat), axis=1) / 254, size)[: x.size].reshape(x.shape)
    slack = np.finfo(dtype).eps * np.abs(x.astype(float))
    error = np.abs(found.astype(float) - x)
    assert np.all(error <= bound * (1 + 1e-5) + slack)
    assert size == 1 or np.max(error / bound) > 0.9


def test_blocks_keep_zeros_and_take_a_quarter_of_the_bytes():
    x = relu(normal(64, 256))
    policy = Blocks(256)
    packed = policy.pack(x)
    assert sum(a.nbytes for a in arrays_in(packed)) == x.size + 4 * x.size // 256
    np.testing.assert_array_equal(policy.unpack(packed) == 0, np.abs(x) <= np.max(x.reshape(-1, 256), axis=1).repeat(256).reshape(x.shape) / 254)
    assert np.all(policy.unpack(packed)[x == 0] == 0)


@pytest.mark.parametrize("x", [np.float32([]).reshape(0, 3), np.float32(2.5), np.zeros((3, 4)), np.full(5, 1e-45, np.float32)])
@pytest.mark.parametrize("policy", [Blocks(2), Half(), Zipped(), OnDisk()], ids=lambda p: type(p).__name__)
def test_empty_single_zero_and_tiny_arrays_survive(policy, x):
    x = np.asarray(x)
    packed = policy.pack(x)
    if packed is not None:
        found = policy.unpack(packed)
        assert (found.shape, found.dtype) == (x.shape, x.dtype)
        np.testing.assert_allclose(found, x, 1e-3, 1e-38)


@rounding
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers_that_rounding_could_make_infinite_are_kept_as_they_are(name, dtype):
    assert policy_of(name).pack(np.full(1000, np.finfo(dtype).max)) is None


def test_a_block_size_may_be_a_number_of_numpy():
    assert Blocks(np.int64(64)).size == 64


@pytest.mark.parametrize("size", [0, -1, 2.5, True, "64", np.float64(64.0)])
def test_a_block_size_that_is_no_size_is_refused(size):
    with pytest.raises(ab.DifferentiationValueError, match="blocks of size=.*whole number"):
        Blocks(size)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.complex128, np.int64, np.bool_])
def test_compression_gives_back_every_bit(dtype):
    x = (relu(normal(30, 100)) * 10).astype(dtype)
    policy = Zipped()
    packed = policy.pack(x)
    assert sum(a.nbytes for a in arrays_in(packed)) < x.nbytes
    assert policy.unpack(packed).tobytes() == x.tobytes()


def test_compression_keeps_an_array_that_does_not_get_smaller():
    noise = np.frombuffer(np.random.default_rng(0).bytes(40_000), np.uint32)
    assert Zipped().pack(noise) is None


@pytest.mark.parametrize("level", [0, 10, "best"])
def test_a_level_that_zlib_has_not_is_refused(level):
    with pytest.raises(ab.DifferentiationValueError, match=f"level={level!r}.*1 to 9"):
        Zipped(level)
