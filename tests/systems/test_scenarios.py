"""What happens to runs: killed, out of range, out of space, fed with wrong numbers. Each is really made to happen."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest

import autograd_book as ab
from autograd_book.learn.digits import load_digits
from autograd_book.learn.losses import cross_entropy
from autograd_book.learn.training import perceptron, train
from autograd_book.modes.trees import leaves

DIGITS = load_digits()
RUN = """
import hashlib, sys
from pathlib import Path
import numpy as np
import autograd_book as ab
from autograd_book.learn.digits import load_digits
from autograd_book.learn.losses import cross_entropy
from autograd_book.learn.training import perceptron

place, around = Path(sys.argv[1]), {"eager": lambda f: f, "compiled": lambda f: ab.compile(f, exact=True)}[sys.argv[2]]
digits, network = load_digits(), perceptron(16)
optimizer, scaler = ab.optim.AdamW(network.parameters(), lr=1e-3), ab.GradScaler(2.0**10, growth_interval=5)
rng, done = np.random.default_rng(0), 0
everything = dict(network=network, optimizer=optimizer, scaler=scaler, rng=rng)
if place.exists():
    done = ab.load(place, **everything)["done"]

@around
def step(images, labels):
    optimizer.zero_grad()
    loss = cross_entropy(network(images), labels)
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    ab.clip_gradients(optimizer.parameters, 0.5)
    scaler.step(optimizer)
    scaler.update()

for number in range(done, 30):
    rows = rng.integers(0, len(digits.labels), 16)
    step(digits.images[rows], digits.labels[rows])
    if (number + 1) % 5 == 0:
        ab.save(place, **everything, done=number + 1)
        print("saved", number + 1, flush=True)
print(hashlib.sha256(b"".join(p.numpy().tobytes() for p in network.parameters())).hexdigest())
"""


def start(tmp_path, place, how):
    (tmp_path / "run.py").write_text(RUN, "utf-8")
    command = [sys.executable, tmp_path / "run.py", tmp_path / place, how]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("how", ["eager", "compiled"])
def test_a_run_that_is_killed_goes_on_to_the_last_bit(tmp_path, how):
    whole = start(tmp_path, "whole", how).communicate()[0].split()[-1]
    with start(tmp_path, "cut", how) as victim:
        for line in victim.stdout:
            if line.split() == ["saved", "15"]:
                victim.kill()
                break
    assert victim.returncode != 0
    told = start(tmp_path, "cut", how).communicate()[0].split()
    assert int(told[1]) > 15 and told[-1] == whole


def numbers_in(optimizer):
    """Everything that an optimiser remembers, to the bit."""
    return [np.asarray(leaf).tobytes() for leaf in leaves(optimizer.state_dict())]


def test_a_step_with_an_overflow_leaves_parameters_and_means_alone_and_the_next_one_goes_on():
    network = perceptron(16)
    optimizer, scaler = ab.optim.AdamW(network.parameters(), lr=1e-3), ab.GradScaler(2.0**10)
    for scale_of_images, moves in [(1.0, True), (1e30, False), (1.0, True)]:
        before, state = [p.numpy().copy() for p in network.parameters()], numbers_in(optimizer)
        optimizer.zero_grad()
        with np.errstate(all="ignore"), ab.autocast():
            loss = cross_entropy(network(DIGITS.images[:16] * scale_of_images), DIGITS.labels[:16])
            scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        moved = any((p.numpy() != b).any() for p, b in zip(network.parameters(), before, strict=True))
        assert moved == moves and (numbers_in(optimizer) != state) == moves
    assert scaler.get_scale() == 2.0**9


@pytest.mark.parametrize("exact", [True, False])
def test_a_compiled_epoch_with_a_smaller_last_batch_and_then_another_size_is_the_eager_one(exact):
    networks = []
    for around in (lambda step: step, lambda step: ab.compile(step, exact=exact)):
        network = perceptron(16)
        optimizer = ab.optim.AdamW(network.parameters(), lr=1e-3)

        def step(images, labels, network=network, optimizer=optimizer):
            optimizer.zero_grad()
            loss = cross_entropy(network(images), labels)
            loss.backward()
            optimizer.step()
            return loss.detach()

        made = around(step)
        for size in (32, 20, 32):
            for start in range(0, 100, size):
                made(DIGITS.images[start : min(start + size, 100)], DIGITS.labels[start : min(start + size, 100)])
        networks.append([p.numpy() for p in network.parameters()])
    for a, b in zip(*networks, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=0 if exact else 2e-4)
    assert len(made.traces) == 3  # 32, the rest of 4, and 20


def test_small_batches_weighted_by_their_share_leave_the_gradient_of_the_large_one():
    def gradient(sizes):
        network, start = perceptron(16), 0
        for size in sizes:
            piece = slice(start, start + size)
            (cross_entropy(network(DIGITS.images[piece]), DIGITS.labels[piece]) * (size / 32)).backward()
            start += size
        return [p.grad.numpy() for p in network.parameters()]

    for sizes in ([8] * 4, [12, 12, 8], [1] * 32):
        for a, b in zip(gradient(sizes), gradient([32]), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)


def test_a_nan_in_the_data_is_found_by_sample_and_column_where_debug_nans_has_nothing_to_say():
    images, network = DIGITS.images.copy(), perceptron(16)
    images[137, 20] = np.nan
    with ab.debug_nans():
        assert np.isnan(cross_entropy(network(images[128:160]), DIGITS.labels[128:160]).item())
    losses = ab.vmap(lambda x, y: cross_entropy(network(x[None]), y[None]))(images[128:160], DIGITS.labels[128:160])
    assert np.flatnonzero(np.isnan(losses)).tolist() == [9]
    assert np.flatnonzero(np.isnan(images[137])).tolist() == [20]


def test_descent_diverges_beyond_two_over_the_largest_eigenvalue_and_not_before():
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(50, 6)), rng.normal(size=50)
    loss = lambda w: np.mean((x @ w - t) ** 2)
    largest = np.linalg.eigvalsh(ab.hessian(loss)(np.zeros(6)))[-1]
    vector = rng.normal(size=6)
    for _ in range(500):
        product = ab.hvp(loss)(np.zeros(6), vector)
        vector = product / np.linalg.norm(product)
    np.testing.assert_allclose(np.linalg.norm(product), largest, rtol=1e-6)
    for share, converges in ((0.98, True), (1.02, False)):
        w = np.zeros(6)
        for _ in range(2000):
            w = w - share * 2 / largest * ab.grad(loss)(w)
        assert (loss(w) < loss(np.zeros(6))) == converges


def test_a_disk_that_is_full_leaves_the_file_before_whole_and_no_draft(tmp_path):
    resource = pytest.importorskip("resource")
    if not hasattr(resource, "RLIMIT_FSIZE"):
        pytest.skip("no limit of sizes on this system")
    program = textwrap.dedent("""
        import resource, signal, sys
        import numpy as np
        import autograd_book as ab
        place = sys.argv[1]
        ab.save(place, weights=np.ones(10), done=1)
        kept = open(place, "rb").read()
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(kept) + 4096, resource.RLIM_INFINITY))
        try:
            ab.save(place, weights=np.ones(100_000), done=2)
        except OSError as error:
            print("refused", error.errno)
        assert open(place, "rb").read() == kept
        print(ab.load(place)["done"])
    """)
    (tmp_path / "fill.py").write_text(program, "utf-8")
    run = subprocess.run([sys.executable, tmp_path / "fill.py", tmp_path / "state"], capture_output=True, text=True)
    assert run.stdout.split()[0] == "refused" and run.stdout.split()[-1] == "1", run.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fill.py", "state"]


def test_the_meter_sees_losses_that_keep_their_graphs_and_names_the_line():
    network = perceptron(16)

    def total(as_reported):
        found = 0.0
        for i in range(6):
            piece = slice(64 * i, 64 * i + 64)
            found = found + as_reported(cross_entropy(network(DIGITS.images[piece]), DIGITS.labels[piece]))  # the leak
        return found

    with ab.memory_profile() as leaking:
        held = total(lambda loss: loss)
    with ab.memory_profile() as sound:
        total(lambda loss: loss.item())
    assert np.isfinite(held.item())
    kept = leaking.timeline["saved value"]
    assert kept[-1] == kept.max() >= 6 * 64 * 16 * 4
    assert sound.timeline["saved value"][-1] == 0
    assert "as_reported" in str(leaking.table(10))


def test_a_rate_that_is_far_too_large_stops_the_training_loop_with_rate_and_remedy():
    digits, network = load_digits(), perceptron(32)
    optimizer = ab.optim.SGD(network.parameters(), lr=1e9)
    with pytest.raises(ab.DifferentiationValueError, match=r"diverged in epoch 1: with lr=1e\+09 .* smaller lr"):
        train(network, optimizer, digits.take(slice(256)), digits.take(slice(256, 320)), epochs=3, seed=0)
