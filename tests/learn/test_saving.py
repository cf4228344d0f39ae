"""Saving: a run goes on to the bit in another process, and what is not whole is refused and changes nothing."""

import io
import json
import os
import random
import signal
import stat
import subprocess
import sys
from collections import OrderedDict, namedtuple
from pathlib import Path

import numpy as np
import pytest

import autograd_book as ab
from autograd_book.learn.nn import Linear, Module, Sequential
from autograd_book.learn.saving import DIGEST, FIRST, digest

TYPE, VALUE, FILE = ab.DifferentiationTypeError, ab.DifferentiationValueError, ab.SavedFileError


class Dropout(Module):
    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def __call__(self, x):
        return x * (self.rng.random(np.shape(x)) < 0.5)


# The same run

PROGRAM = '''
import random, sys
import numpy as np
import autograd_book as ab

class Dropout(ab.nn.Module):
    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
    def __call__(self, x):
        return x * (self.rng.random(np.shape(x)) < 0.5)

kind, path, begin, end = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
make = {"SGD": lambda p: ab.optim.SGD(p, 0.05, 0.9, 0.01, True), "Adam": ab.optim.Adam, "AdamW": ab.optim.AdamW}[kind]
network = ab.nn.Sequential(ab.nn.Linear(6, 20, rng=1), np.tanh, Dropout(5), ab.nn.Linear(20, 3, rng=2))
network[0].weight.value = np.asfortranarray(network[0].weight.value)
run = dict(
    network=network, optimizers=[make(list(network.parameters())[:2]), make(list(network.parameters())[2:])],
    scaler=ab.GradScaler(growth_interval=3), clip=ab.AutoClip(60.0), monitor=ab.GradientMonitor(network),
    free=ab.Variable(np.float32(1.0)), rng=np.random.default_rng(3), old=np.random.RandomState(4), python=random,
)
if begin:
    random.seed(99), run["rng"].random(7), network[2].rng.random(3)
    assert ab.load(path, **run)["step"] == begin
else:
    random.seed(1)
for step in range(begin, end):
    x = run["rng"].normal(size=(8, 6)).astype(np.float32) * random.random()
    y = run["old"].normal(size=(8, 3)).astype(np.float32)
    loss = np.mean((network(x) * run["free"] - y) ** 2)
    network.zero_grad()
    run["scaler"].scale(loss).backward()
    for optimizer in run["optimizers"]:
        run["scaler"].unscale_(optimizer)
    run["monitor"].record()
    run["clip"](network.parameters())
    for optimizer in run["optimizers"]:
        run["scaler"].step(optimizer)
    run["scaler"].update()
    run["free"].data = run["free"].data - np.float32(0.01) * run["free"].grad.data
    run["free"].zero_grad()
ab.save(path, **run, step=end)
'''


@pytest.mark.parametrize("kind", ["SGD", "Adam", "AdamW"])
def test_a_run_that_was_saved_goes_on_to_the_bit_in_another_process(kind, tmp_path):
    def run(*given):
        done = subprocess.run([sys.executable, "-c", PROGRAM, kind, *map(str, given)], capture_output=True, text=True, env=os.environ | {"OPENBLAS_NUM_THREADS": "1"})
        assert done.returncode == 0, done.stderr

    run(tmp_path / "straight", 0, 9)
    run(tmp_path / "halting", 0, 4)
    run(tmp_path / "halting", 4, 9)
    assert (tmp_path / "straight").read_bytes() == (tmp_path / "halting").read_bytes()
    assert len(ab.load(tmp_path / "straight")["monitor"]["total"]) == 9


# What comes back


@pytest.mark.parametrize(
    "value",
    [
        None, True, -0.0, 1e-320, np.inf, 2**200, "", "ä\x00\ud800", 1 + 2j, (), (1, (2.0, "x")), [[], {}], {"state": 1, 2: (3,), (4, None): 5}, {"array": [0, None], "scalar": False},
        np.float32(0.1), np.bool_(True), np.str_("x"), np.int8(-3), np.datetime64("2020-01-01"),
    ],
    ids=repr,
)
def test_plain_values_come_back_as_they_were(value, tmp_path):
    ab.save(tmp_path / "x", value=value)
    found = ab.load(tmp_path / "x")["value"]
    assert type(found) is type(value) and repr(found) == repr(value)


@pytest.mark.parametrize("dtype", ["?", "i1", ">i4", "u8", "f2", "<f4", ">f8", "g", "c8", "S3", "U2", "M8[s]"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3)])
def test_arrays_come_back_with_dtype_shape_and_layout(dtype, shape, tmp_path):
    value = np.array(np.ones(shape), dtype, order="F")
    ab.save(tmp_path / "x", value=value, turned=value[::-1] if shape else value)
    found = ab.load(tmp_path / "x")
    for array in found.values():
        assert type(array) is np.ndarray and array.dtype == value.dtype and array.shape == shape
        np.testing.assert_array_equal(array, value if array is found["value"] or not shape else value[::-1])
    assert found["value"].flags.f_contiguous


def test_nan_comes_back_with_its_bits(tmp_path):
    value = np.array([0x7FC00123, 0xFF800000], np.uint32).view(np.float32)
    ab.save(tmp_path / "x", value=value, number=float("nan"))
    found = ab.load(tmp_path / "x")
    assert found["value"].tobytes() == value.tobytes() and np.isnan(found["number"])


def test_bfloat16_comes_back(tmp_path):
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    v = ab.Variable(np.array([1.5, 2.5], bfloat16))
    ab.save(tmp_path / "x", v=v, scalar=bfloat16(3.0))
    w = ab.Variable(np.zeros(2, bfloat16))
    assert ab.load(tmp_path / "x", v=w) == {"scalar": 3.0}
    assert w.dtype == bfloat16 and w.value.tolist() == [1.5, 2.5]


def test_what_is_not_asked_for_comes_back_as_a_state(tmp_path):
    network = Sequential(Linear(2, 3, rng=0))
    ab.save(tmp_path / "x", network=network, pair=(ab.Variable(1.0), 5), path="kept")
    found = ab.load(tmp_path / "x")
    np.testing.assert_array_equal(found["network"]["parameters"]["layers.0.weight"], network[0].weight.numpy())
    assert found["pair"] == (1.0, 5) and found["path"] == "kept"


def test_loading_gives_copies_and_keeps_identities(tmp_path):
    v = ab.Variable([1.0, 2.0])
    ab.save(tmp_path / "x", v=v)
    v.data = [5.0, 5.0]
    node = v.node
    ab.load(tmp_path / "x", v=v)
    assert v.node is node and v.value.tolist() == [1.0, 2.0] and v.value.flags.writeable


@pytest.mark.parametrize("make", [lambda: np.random.Generator(np.random.MT19937(1)), lambda: np.random.Generator(np.random.Philox(1)), lambda: np.random.Generator(np.random.SFC64(1)), lambda: np.random.RandomState(1), lambda: random.Random(1)], ids=["MT19937", "Philox", "SFC64", "RandomState", "Random"])
def test_every_generator_goes_on_where_it_stood(make, tmp_path):
    draw = lambda source: [(getattr(source, "standard_normal", None) or (lambda: source.gauss(0, 1)))() for _ in range(3)]
    source = make()
    draw(source)
    ab.save(tmp_path / "x", source=source)
    expected, other = draw(source), make()
    ab.load(tmp_path / "x", source=other)
    assert draw(other) == expected


# Files that are not whole


@pytest.fixture
def saved(tmp_path):
    """A small file, and what it was made from."""
    v, rng = ab.Variable([1.0]), np.random.default_rng(0)
    ab.save(tmp_path / "x", v=v, rng=rng, n=1)
    v.data = [7.0]
    return tmp_path / "x", v, rng


def refused(path, v, rng, fact):
    before = rng.bit_generator.state
    with pytest.raises(FILE, match=fact) as caught:
        ab.load(path, rng=rng, v=v)
    assert v.item() == 7.0 and rng.bit_generator.state == before
    return str(caught.value)


def test_a_file_with_any_byte_changed_is_refused(saved):
    path, v, rng = saved
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << place % 8)]) + whole[place + 1 :])
        refused(path, v, rng, "damaged; take an older copy|was not written by save")


def test_a_file_that_was_cut_short_or_lengthened_is_refused(saved):
    path, v, rng = saved
    whole = path.read_bytes()
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        refused(path, v, rng, "damaged; take an older copy|was not written by save")
    path.write_bytes(whole + b"\0")
    refused(path, v, rng, "damaged")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"{}", b"\x80\x05", b"\n" * 9, os.urandom(500)], ids=["empty", "zip", "json", "pickle", "lines", "noise"])
def test_a_file_of_another_kind_is_refused(saved, content):
    path, v, rng = saved
    path.write_bytes(content)
    refused(path, v, rng, "was not written by save. Give a file that save wrote")


def test_a_file_of_a_later_version_names_both(saved):
    path, v, rng = saved
    whole = path.read_bytes()[:-DIGEST].replace(FIRST.format(1).encode(), FIRST.format(2).encode())
    total = digest()
    total.update(whole)
    path.write_bytes(whole + total.digest())
    refused(path, v, rng, "version 2.*reads version 1. Install a newer one")


def test_a_file_holds_no_pickle_and_can_be_read_by_numpy_alone(saved):
    path, *_ = saved
    with open(path, "rb") as file:
        assert file.readline() == b"autograd_book run, version 1\n"
        text = json.loads(np.load(file, allow_pickle=False).tobytes())
        assert np.load(file, allow_pickle=False).tolist() == [1.0]
        assert len(file.read()) == DIGEST
    assert text["n"] == 1 and text["v"]["state"]["array"] == [0, None]


# A file that is being written


class Interrupted(BaseException):
    pass


def interrupt(*args):
    raise Interrupted


@pytest.mark.parametrize("name", ["fsync", "replace"])
def test_an_interrupted_save_leaves_the_old_file_and_nothing_else(saved, name, monkeypatch):
    path, v, rng = saved
    before = path.read_bytes()
    monkeypatch.setattr(os, name, interrupt)
    with pytest.raises(Interrupted):
        ab.save(path, v=v, rng=rng, n=2)
    assert path.read_bytes() == before and os.listdir(path.parent) == ["x"]


def test_a_save_that_is_killed_leaves_the_old_file_whole(saved):
    path, v, rng = saved
    program = "import os, signal, sys, autograd_book as ab; os.fsync = lambda n: os.kill(os.getpid(), signal.SIGKILL); ab.save(sys.argv[1], v=ab.Variable([5.0]), n=2)"
    assert subprocess.run([sys.executable, "-c", program, str(path)]).returncode == -signal.SIGKILL
    assert ab.load(path, v=v, rng=rng) == {"n": 1}


def test_a_link_and_permissions_stay_as_they_were(saved):
    path, v, _ = saved
    path.chmod(0o640)
    link = path.with_name("latest")
    link.symlink_to(path)
    ab.save(link, v=v)
    assert link.is_symlink() and stat.S_IMODE(path.stat().st_mode) == 0o640
    ab.load(str(path), v=v)
    ab.save(path.with_name("new"), v=v)
    open(path.with_name("plain"), "w").close()
    assert path.with_name("new").stat().st_mode == path.with_name("plain").stat().st_mode


# What is refused

Pair = namedtuple("Pair", "a b")


@pytest.mark.parametrize(
    "thing",
    [print, object(), Linear, lambda x: x, {1, 2}, Pair(1, 2), OrderedDict(a=1), np.array([None]), np.zeros(2, "i4,f8"), np.ma.array([1.0]), [1, (2, {"deep": b"x"})], ab.Variable(1.0) * 2, np.random.default_rng],
    ids=lambda thing: type(thing).__name__,
)
def test_what_cannot_be_saved_is_refused_and_writes_nothing(thing, tmp_path):
    with pytest.raises(TYPE, match="given to save"):
        ab.save(tmp_path / "x", fine=1, thing=thing)
    assert os.listdir(tmp_path) == []


def test_the_place_of_what_cannot_be_saved_is_told(tmp_path):
    with pytest.raises(TYPE, match=r"type set was given to save, as notes\[1\]"):
        ab.save(tmp_path / "x", notes=[1, {2}])


@pytest.mark.parametrize("wrap", [lambda loop: loop, lambda loop: {"a": (1, loop)}])
def test_what_contains_itself_is_refused_and_writes_nothing(wrap, tmp_path):
    loop = [1.0]
    loop.append({"again": loop})
    with pytest.raises(ab.DifferentiationValueError, match="given to save as notes contains itself"):
        ab.save(tmp_path / "run.saved", notes=wrap(loop))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("call", [lambda p, n: ab.save(n, p), lambda p, n: ab.save(p, n), lambda p, n: ab.save(p), lambda p, n: ab.load(p, n), lambda p, n: ab.load(n), lambda p, n: ab.save(io.BytesIO(), n=n)])
def test_things_without_names_are_refused(call, tmp_path):
    with pytest.raises(TYPE, match="Give a path first and everything else by name"):
        call(tmp_path / "x", Linear(2, 2))


def parts():
    """A network, its optimiser and a generator, with a memory."""
    network = Sequential(Linear(2, 3, rng=0), Dropout(1))
    optimizer = ab.optim.Adam(network.parameters())
    np.sum(network(np.ones((1, 2), np.float32))).backward()
    optimizer.step()
    return {"network": network, "optimizer": optimizer, "rng": np.random.default_rng(4)}


@pytest.mark.parametrize(
    ("change", "kind", "fact"),
    [
        ({"optimizer": lambda p: ab.optim.AdamW(p["network"].parameters())}, VALUE, "kind Adam .*kind AdamW"),
        ({"optimizer": lambda p: ab.optim.Adam(p["network"][0].weight)}, VALUE, "with 2 parameters"),
        ({"rng": lambda p: np.random.Generator(np.random.MT19937(0))}, VALUE, "state of a PCG64 .*kind MT19937"),
        ({"rng": lambda p: np.random.RandomState(0)}, (ValueError, TypeError), "state"),
        ({"network": lambda p: Sequential(Linear(2, 3))}, VALUE, "layers.1.rng.* too many"),
        ({"network": lambda p: Sequential(Linear(3, 3), Dropout(1))}, VALUE, r"shape \(2, 3\)"),
        ({"other": lambda p: Linear(2, 2)}, VALUE, "asked for other, and has network, optimizer, rng, n, both"),
        ({"n": lambda p: 5}, TYPE, "int was given to load as n, where a int was saved"),
        ({"n": lambda p: ab.Variable(1.0)}, TYPE, "Variable was given to load as n"),
        ({"both": lambda p: [ab.Variable(1.0)]}, VALUE, "list of length 1 .*of length 2"),
        ({"both": lambda p: (ab.Variable(1.0), ab.Variable(1.0))}, VALUE, "tuple of length 2 .*where a list"),
        ({"both": lambda p: [ab.Variable(1.0), ab.Variable([1.0])]}, VALUE, r"shape \(\)"),
        ({"both": lambda p: [p["rng"], ab.Variable(1.0)]}, VALUE, "one Generator was given to load as rng and as both"),
    ],
)
def test_if_one_thing_does_not_fit_nothing_is_changed(change, kind, fact, tmp_path):
    ab.save(tmp_path / "x", **parts(), n=3, both=[ab.Variable(1.0), ab.Variable(2.0)])
    mine = parts()
    mine["optimizer"].step()
    mine["rng"].random(3)
    given = mine | {name: make(mine) for name, make in change.items()}
    ab.save(tmp_path / "before", **mine)
    with pytest.raises(kind, match=fact):
        ab.load(tmp_path / "x", **given)
    ab.save(tmp_path / "after", **mine)
    assert (tmp_path / "before").read_bytes() == (tmp_path / "after").read_bytes()


def test_an_interrupt_while_loading_changes_nothing(tmp_path):
    class Stubborn:
        def state_dict(self):
            return {}

        def load_state_dict(self, state):
            if not self.__dict__.setdefault("told", []):
                self.told.append(1)
                raise Interrupted

    v, other = ab.Variable(1.0), Stubborn()
    ab.save(tmp_path / "x", v=v, other=other)
    v.data = 2.0
    with pytest.raises(Interrupted):
        ab.load(tmp_path / "x", v=v, other=other)
    assert v.item() == 2.0


def test_an_error_tells_what_was_loaded(tmp_path):
    ab.save(tmp_path / "x", nets=[Linear(2, 3), Linear(2, 3)])
    with pytest.raises(VALUE) as caught:
        ab.load(tmp_path / "x", nets=[Linear(2, 3), Linear(2, 4)])
    assert caught.value.__notes__ == [f"while loading nets[1] in {tmp_path / 'x'}"]


def test_a_path_that_does_not_exist_is_pythons_own_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        ab.load(tmp_path / "none")
    with pytest.raises(FileNotFoundError):
        ab.save(tmp_path / "no" / "x", n=1)
    assert Path(tmp_path).exists() and os.listdir(tmp_path) == []


def test_a_network_s_state_for_an_optimiser_is_named_by_its_parts_not_by_its_numbers(tmp_path) -> None:
    network = ab.nn.Linear(2, 3)
    ab.save(tmp_path / "run", network=network)
    with pytest.raises(ab.DifferentiationValueError, match="^a state of parameters, generators was given to an optimiser of kind Adam with 2 parameters"):
        ab.load(tmp_path / "run", network=ab.optim.Adam(list(network.parameters())))
    with pytest.raises(ab.DifferentiationValueError, match="^a state of kind SGD with 1 parameters was given"):
        ab.optim.SGD(list(network.parameters())).load_state_dict(ab.optim.SGD([network.weight]).state_dict())
