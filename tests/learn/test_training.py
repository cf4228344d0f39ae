"""Training: the digits are learned, nothing piles up, and the program says what it did."""

import builtins
import gc
import re
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

import autograd_book as ab
from autograd_book.graph.errors import AutogradError, DifferentiationValueError
from autograd_book.learn.digits import Digits, load_digits, split_digits
from autograd_book.learn.optim import SGD, AdamW
from autograd_book.learn.training import (
    Epoch,
    batches,
    loss_and_accuracy,
    main,
    perceptron,
    process_settings,
    progress,
    step,
    train,
)

SEEN, UNSEEN = split_digits(load_digits())
FEW = SEEN.take(slice(32))


@pytest.fixture
def without_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def traced():
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.fixture
def without_tqdm(monkeypatch):
    def refuse(name, *args, **kwargs):
        if name == "tqdm":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    real = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", refuse)


# The main job


@pytest.fixture(scope="module")
def run():
    network, reported = perceptron(seed=0), []
    history = train(network, AdamW(network.parameters(), lr=2e-3), SEEN, UNSEEN, epochs=30, report=reported.append)
    return network, history, reported


def test_at_least_97_percent_of_the_held_out_fifth_are_read(run):
    network, history, _ = run
    assert len(UNSEEN.labels) == 359
    right = sum(int(np.argmax(network(image[None]).numpy()) == label) for image, label in zip(*UNSEEN, strict=True))
    assert right / 359 >= 0.97
    assert history[-1].accuracy == right / 359


def test_history_has_one_entry_for_each_epoch_and_each_was_reported(run):
    _, history, reported = run
    assert [epoch.number for epoch in history] == list(range(1, 31)) and history == reported


def test_losses_fall_while_learning(run):
    _, history, _ = run
    assert history[0].loss > 1.0 > 0.1 > history[-1].loss
    assert history[-1].unseen_loss < 0.2


def test_the_network_stays_in_single_precision(run):
    network, _, _ = run
    assert {p.dtype for p in network.parameters()} == {np.dtype(np.float32)}


def test_seeds_determine_the_run():
    def once(seed, order):
        network = perceptron(8, seed)
        return train(network, AdamW(network.parameters()), SEEN, UNSEEN, epochs=1, seed=order)

    assert once(0, 0) == once(0, 0)
    assert once(0, 0) != once(1, 0)
    assert once(0, 0) != once(0, 1)


# Pieces


@pytest.mark.parametrize("size", [1, 7, 32, 5000])
def test_batches_hold_every_digit_once(size):
    numbered = Digits(np.arange(50.0)[:, None], np.arange(50))
    parts = list(batches(numbered, size, np.random.default_rng(0)))
    assert sorted(np.concatenate([part.labels for part in parts]).tolist()) == list(range(50))
    assert all((part.images[:, 0] == part.labels).all() for part in parts)
    assert [len(part.labels) for part in parts[:-1]] == [size] * (len(parts) - 1) and 0 < len(parts[-1].labels) <= size


def test_batches_come_in_another_order_each_epoch():
    rng = np.random.default_rng(0)
    first, second = (next(batches(SEEN, 100, rng)).images for _ in range(2))
    assert (first != second).any()


def test_a_step_returns_the_loss_before_it_and_moves_along_this_batch_alone():
    network = perceptron(8)
    state = network.state_dict()
    step(network, SGD(network.parameters(), lr=1.0), SEEN.take(slice(32, 64)))  # leaves gradients behind
    network.load_state_dict(state)

    def loss(w):
        return ab.nn.cross_entropy(ab.relu(FEW.images @ w + state["layers.0.bias"]) @ state["layers.2.weight"], FEW.labels)

    value, slope = ab.value_and_grad(loss)(state["layers.0.weight"])
    assert step(network, SGD(network.parameters(), lr=0.5), FEW) == pytest.approx(float(value), rel=1e-6)
    np.testing.assert_allclose(network[0].weight.numpy(), state["layers.0.weight"] - 0.5 * slope, rtol=1e-4, atol=1e-6)


def test_evaluating_records_and_changes_nothing():
    network = perceptron(8)
    before = network.state_dict()
    loss, accuracy = loss_and_accuracy(network, FEW)
    assert loss == pytest.approx(ab.nn.cross_entropy(network(FEW.images), FEW.labels).item())
    assert accuracy == ab.nn.accuracy(network(FEW.images), FEW.labels)
    assert all(p.grad is None for p in network.parameters())
    assert all((before[name] == array).all() for name, array in network.state_dict().items())


@pytest.mark.filterwarnings("error")
def test_training_that_diverges_stops_at_that_epoch_and_has_reported_it():
    network, reported = perceptron(8), []
    with pytest.raises(ab.DifferentiationValueError, match=r"diverged in epoch \d+: with lr=1e\+09 the loss became .*nan"):
        train(network, AdamW(network.parameters(), lr=1e9), FEW, UNSEEN, report=reported.append)
    assert [epoch.diverged for epoch in reported] == [False] * (len(reported) - 1) + [True]


def test_an_epoch_has_diverged_when_either_loss_is_not_finite():
    finite, odd = 0.5, (np.inf, -np.inf, np.nan)
    assert not Epoch(1, finite, finite, 0.9).diverged
    assert all(Epoch(1, finite, x, 0.9).diverged and Epoch(1, x, finite, 0.9).diverged for x in odd)


@pytest.mark.parametrize("setting", [{"epochs": 0}, {"epochs": -2}, {"epochs": 1.5}, {"batch_size": 0}, {"batch_size": -3}], ids=str)
def test_counts_that_leave_nothing_to_learn_are_refused_before_anything_moves(setting):
    network = perceptron(4)
    before = network.state_dict()
    name, value = next(iter(setting.items()))
    with pytest.raises(ab.DifferentiationValueError, match=f"{name}={value} .* 1 or more"):
        train(network, AdamW(network.parameters()), FEW, UNSEEN, **setting)
    assert all((before[name] == array).all() for name, array in network.state_dict().items())


# Memory


def bytes_in_arrays():
    snapshot = tracemalloc.take_snapshot()
    return sum(trace.size for trace in snapshot.filter_traces([tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)]).traces)


@pytest.mark.parametrize("make", [lambda p: SGD(p, 0.1), lambda p: SGD(p, 0.1, 0.9), AdamW])
def test_100_steps_leave_the_arrays_where_the_first_left_them(make, traced, without_collector):
    network = perceptron()
    optimizer = make(network.parameters())
    held = []
    for _ in range(100):
        step(network, optimizer, FEW)
        held.append(bytes_in_arrays())
    assert set(held) == {held[0]}
    parameters = sum(p.data.nbytes for p in network.parameters())
    assert held[0] >= parameters


def test_100_steps_leave_as_many_objects_as_the_first_left(without_collector):
    network = perceptron()
    optimizer = AdamW(network.parameters())
    held = []
    for _ in range(100):
        step(network, optimizer, FEW)
        held.append(len(gc.get_objects()))
    assert set(held) == {held[0]}


def test_100_steps_leave_nothing_for_the_collector(without_collector):
    network = perceptron()
    optimizer = AdamW(network.parameters())
    step(network, optimizer, FEW)
    gc.collect()
    for _ in range(100):
        step(network, optimizer, FEW)
    assert gc.collect() == 0


def test_the_measures_would_see_a_cycle_that_keeps_an_array(traced, without_collector):
    before = bytes_in_arrays(), len(gc.get_objects())
    cycle = [np.zeros(1000)]
    cycle.append(cycle)
    del cycle
    after = bytes_in_arrays(), len(gc.get_objects())
    assert after[0] - before[0] == 8000 and after[1] - before[1] >= 1


# Settings of the process


def test_a_run_asks_its_process_for_settings_before_it_learns(monkeypatch):
    made, digits = [], FEW
    monkeypatch.setitem(process_settings, "calm", lambda: made.append(len(seen)))
    seen = []
    network = perceptron(4)
    train(network, ab.optim.SGD(network.parameters()), digits, digits, 1, report=seen.append, settings=["calm"])
    assert made == [0] and len(seen) == 1


def test_a_setting_that_is_not_known_is_refused_with_those_that_are():
    network, digits = perceptron(4), FEW
    with pytest.raises(DifferentiationValueError, match="'keep_page' .*'keep_pages'"):
        train(network, ab.optim.SGD(network.parameters()), digits, digits, settings=["keep_page"])


def test_the_program_has_an_option_for_each_setting(monkeypatch, capsys):
    made = []
    monkeypatch.setitem(process_settings, "keep_pages", lambda: made.append(True))
    assert main(["--epochs", "1", "--hidden", "4", "--plain"]) == 0 and not made
    assert main(["--epochs", "1", "--hidden", "4", "--plain", "--keep-pages"]) == 0 and made


def test_a_setting_that_the_system_does_not_have_ends_the_program_with_status_1(monkeypatch, capsys):
    def missing():
        raise AutogradError("there is no such thing here.")

    monkeypatch.setitem(process_settings, "keep_pages", missing)
    with pytest.raises(SystemExit) as stopped:
        main(["--epochs", "1", "--hidden", "4", "--plain", "--keep-pages"])
    assert stopped.value.code == 1 and "no such thing" in capsys.readouterr().err


# The program


def test_the_program_prints_a_line_for_each_epoch_and_the_accuracy(capsys):
    assert main(["--epochs", "2", "--hidden", "8", "--plain"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and lines[0].startswith("epoch  1") and lines[1].startswith("epoch  2")
    assert re.fullmatch(r"accuracy \d+\.\d\d% on 359 unseen digits, after \d+\.\d s of training", lines[2])


def test_without_tqdm_the_program_prints_lines(capsys, without_tqdm):
    assert main(["--epochs", "1", "--hidden", "4"]) == 0
    assert capsys.readouterr().out.startswith("epoch  1  loss")


def test_with_tqdm_progress_moves_a_bar_on_the_error_stream(capsys):
    pytest.importorskip("tqdm")
    report = progress(2)
    report(Epoch(1, 0.5, 0.6, 0.25))
    report(Epoch(2, 0.4, 0.5, 0.75))
    out, err = capsys.readouterr()
    assert out == "" and "accuracy 75.00%" in err


def test_the_options_change_the_run(capsys):
    def last(*options):
        main(["--epochs", "1", "--plain", *options])
        return capsys.readouterr().out.splitlines()[0]

    base = last()
    assert last() == base
    runs = [last("--seed", "1"), last("--lr", "0.01"), last("--hidden", "16"), last("--batch-size", "64")]
    assert len({base, *runs}) == 5


@pytest.mark.parametrize(
    ("options", "fact"),
    [
        (["--epochs", "0"], "--epochs: '0' is not a whole number of at least 1. Give 1 or more."),
        (["--epochs", "-1"], "'-1' is not a whole number"),
        (["--batch-size", "-3"], "'-3' is not a whole number"),
        (["--hidden", "many"], "'many' is not a whole number"),
        (["--lr", "-1"], "lr=-1.0"),
        (["--lr", "nan"], "lr=nan"),
        (["--lr", "inf"], "lr=inf"),
        (["--lr", "fast"], "'fast'"),
        (["--seed", "x"], "'x' is not a whole number"),
        (["--seed", "-1"], "--seed: '-1' is not a whole number of at least 0. Give 0 or more."),
    ],
)
def test_options_that_make_no_sense_are_refused_with_status_2(options, fact, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(options)
    assert stopped.value.code == 2 and fact in capsys.readouterr().err


def test_a_seed_of_zero_is_one_of_the_seeds(capsys):
    assert main(["--epochs", "1", "--hidden", "4", "--seed", "0", "--plain"]) == 0


@pytest.mark.parametrize("plain", [["--plain"], []], ids=["lines", "bar"])
def test_a_run_that_diverges_says_so_and_ends_with_status_1(plain, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--lr", "1e9", *plain])
    err = capsys.readouterr().err
    assert stopped.value.code == 1
    said = err.splitlines()[-1]
    assert re.search(r"^autograd-book train: training diverged in epoch \d+: .*lr=1e\+09 .*(inf|nan)", said)
    assert said.endswith("a smaller lr, --lr on the command line.")
    assert "Traceback" not in err and "Warning" not in err


def test_the_package_runs_it_as_a_command():
    command = [sys.executable, "-m", "autograd_book", "train", "--epochs", "1", "--hidden", "8"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "unseen digits" in done.stdout
