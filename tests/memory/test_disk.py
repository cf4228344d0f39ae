"""Saved values on disk: nothing stays behind, and a full disk loses nothing."""

import errno
import gc
import os
import signal
import subprocess
import sys
import tempfile
import threading

import numpy as np
import pytest
from formats_at_hand import normal

import autograd_book as ab
from autograd_book.graph.backward import reachable
from autograd_book.memory import disk, policies
from autograd_book.memory.disk import OnDisk, StorageError
from autograd_book.memory.saved import Slot, saved_values
from autograd_book.stability.tolerance import Packed

posix = pytest.mark.skipif(os.name != "posix", reason="signals, limits and /proc are those of POSIX")
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="maps are read from /proc")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder, in which a new policy "disk" puts its files."""
    policies.policy_named.cache_clear()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def network(x):
    for _ in range(4):
        x = np.tanh(x * 1.5)
    return np.sum(x)


def stored(folder):
    """Sizes of the files in a folder that this process has open, with and without a name."""
    links = [f"/proc/self/fd/{n}" for n in os.listdir("/proc/self/fd")]
    return [os.stat(link).st_size for link in links if os.path.lexists(link) and str(folder) in os.readlink(link)]


def test_gradients_are_read_back_bit_for_bit(folder):
    x = normal(300, 100)
    np.testing.assert_array_equal(ab.grad(saved_values("disk")(network))(x), ab.grad(network)(x))
    assert os.listdir(folder) == []


def test_a_folder_can_be_named(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    x = ab.Variable(normal(300, 100))
    with saved_values(OnDisk(other)):
        out = network(x)
    if sys.platform.startswith("linux"):
        assert (stored(other), stored(folder)) == ([480_000], [])
    out.backward()
    assert os.listdir(folder) == os.listdir(other) == []


def test_a_folder_that_is_none_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "nowhere", tmp_path / "file", 0, ""):
        with pytest.raises(ab.DifferentiationValueError, match=r"which is no folder\. Make it first"):
            OnDisk(place)


@linux
def test_values_stand_in_one_file_without_a_name_whose_places_are_used_again(folder):
    x = ab.Variable(normal(300, 100))
    with saved_values("disk"):
        out = network(x)
        for _ in range(5):
            again = network(x)
            assert stored(folder) == [960_000]
            again.backward()
    assert os.listdir(folder) == []
    assert stored(folder) == [960_000]
    out.backward()
    assert stored(folder) == []


@linux
@pytest.mark.parametrize("way", ["backward", "retained", "dropped", "exception in the block", "interrupt", "inner exception"])
def test_files_go_when_their_graph_goes(folder, way):
    x = ab.Variable(normal(300, 100))
    if way in ("exception in the block", "interrupt", "inner exception"):
        error = KeyboardInterrupt if way == "interrupt" else ZeroDivisionError
        with pytest.raises(error), saved_values("disk"):
            network(x)
            if way == "inner exception":
                ab.grad(lambda x: network(x) / (1 // 0))(normal(300, 100))
            raise error
    else:
        with saved_values("disk"):
            out = network(x)
        assert stored(folder) == [480_000]
        if way == "backward":
            out.backward()
        if way == "retained":
            out.backward(retain_graph=True)
            assert stored(folder) == [480_000]
        del out
    gc.collect()
    assert stored(folder) == [] and os.listdir(folder) == []


@pytest.mark.parametrize("failure", [OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), OSError(errno.EDQUOT, "Quota exceeded")])
def test_a_full_disk_is_said_and_loses_nothing(folder, monkeypatch, failure):
    put, room = disk.Nameless.put, [250_000]  # for two arrays of 120,000 bytes

    def full(file, data, start):
        if not room[0]:
            raise failure
        done = put(file, data[: room[0]], start)
        room[0] -= done
        return done

    monkeypatch.setattr(disk.Nameless, "put", full)
    x = ab.Variable(normal(300, 100))
    steps = [x]
    with pytest.raises(StorageError, match=r"120,000 bytes could not be written to the folder '.*': .*\. Free space there") as caught, saved_values("disk"):
        for _ in range(10):
            steps.append(np.tanh(steps[-1]))
    assert isinstance(caught.value, OSError) and isinstance(caught.value, ab.AutogradError)
    assert caught.value.__cause__ is failure
    assert os.listdir(folder) == [] and len(steps) == 3
    # What was on disk is there, and the computation goes on in memory.
    np.sum(np.tanh(steps[-1])).backward()
    expected = ab.grad(lambda x: np.sum(np.tanh(np.tanh(np.tanh(x)))))(x.numpy())
    np.testing.assert_array_equal(x.grad.numpy(), expected)


def program(text, *args, **options):
    """Run a program in a process of its own."""
    head = "import sys, os, signal, numpy as np, autograd_book as ab\nfrom autograd_book.memory.disk import *\nfrom autograd_book.memory.saved import *\nfolder = sys.argv[1]\n"
    head += "x = ab.Variable(np.linspace(-1, 1, 100_000))\nf = lambda x: np.sum(np.tanh(np.tanh(np.tanh(x))))\n"
    return subprocess.run([sys.executable, "-c", head + text, *map(str, args)], capture_output=True, text=True, check=False, **options)


@posix
def test_a_limit_of_the_system_on_file_sizes_is_said_too(folder):
    done = program(
        "import resource\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try:\n"
        "    with saved_values(OnDisk(folder)): f(x)\n"
        "except StorageError as error:\n"
        "    print(error)\n"
        "f(x).backward()\n"
        "print(os.listdir(folder), np.isfinite(x.grad.numpy()).all())",
        folder,
    )
    message, rest = done.stdout.splitlines()
    assert "800,000 bytes could not be written" in message and "Free space" in message
    assert rest == "[] True", done.stderr


@posix
@pytest.mark.parametrize("end", ["pass", "sys.exit(3)", "raise ValueError", "os._exit(4)", "os.kill(os.getpid(), signal.SIGKILL)", "os.abort()"])
def test_a_process_leaves_nothing_however_it_ends(folder, end):
    program(f"with saved_values(OnDisk(folder)): out = f(x)\nprint(os.listdir(folder), flush=True)\n{end}", folder)
    assert os.listdir(folder) == []


@posix
def test_a_process_that_is_killed_in_the_middle_of_writing_leaves_nothing(folder):
    text = (
        "print('ready', flush=True)\n"
        "with saved_values(OnDisk(folder)):\n"
        "    while True: out = f(x)"
    )
    head = "import signal, sys, numpy as np, autograd_book as ab\nfrom autograd_book.memory.disk import *\nfrom autograd_book.memory.saved import *\nfolder = sys.argv[1]\n"
    head += "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell lets its background jobs ignore it
    head += "x = ab.Variable(np.linspace(-1, 1, 1_000_000))\nf = lambda x: np.sum(np.tanh(np.tanh(x)))\n"
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        running = subprocess.Popen([sys.executable, "-c", head + text, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            running.stdout.readline()
            running.send_signal(number)
            running.communicate(timeout=60)
        finally:
            running.kill()
        assert running.returncode != 0
        assert os.listdir(folder) == []


def test_what_cannot_be_read_back_is_said(folder):
    x = ab.Variable(normal(300, 100))
    with saved_values("disk"):
        out = np.tanh(x)
    (form,) = [n.saved for n in reachable(out.node) if isinstance(n.saved, Packed)]
    (part,) = form.parts
    assert type(part) is Slot
    part.item.packed[0].store.file.raw.truncate(100_000)
    with pytest.raises(StorageError, match=r"120,000 bytes could not be read back: 100,000 of 120,000 bytes.*Compute the result again"):
        out.backward(np.ones(out.shape, np.float32))
    assert x.grad is None


@posix
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_process_does_not_write_into_the_file_of_its_parent(folder):
    done = program(
        "ready, go = os.pipe()\n"
        "with saved_values(OnDisk(folder)):\n"
        "    out = f(x)\n"
        "    if os.fork() == 0:\n"
        "        os.read(ready, 1)\n"
        "        mine = f(2 * x)\n"
        "        os._exit(0)\n"
        "    again = f(x)\n"
        "    os.write(go, b'1')\n"
        "    os.wait()\n"
        "again.backward()\n"
        "plain = ab.Variable(x.numpy())\n"
        "f(plain).backward()\n"
        "print(np.array_equal(x.grad.numpy(), plain.grad.numpy()))",
        folder,
    )
    assert done.stdout == "True\n", done.stderr


@posix
def test_reads_and_writes_leave_the_position_that_a_forked_process_shares(folder):
    store = disk.Store(folder)
    os.lseek(store.file.raw.fileno(), 7, os.SEEK_SET)
    first, second = store.write(memoryview(b"first")), store.write(memoryview(b"second"))
    assert bytes(first.read()) == b"first" and bytes(second.read()) == b"second"
    assert os.lseek(store.file.raw.fileno(), 0, os.SEEK_CUR) == 7


@posix
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_process_may_read_the_file_of_its_parent_at_the_same_time(folder):
    done = program(
        "ready, go = os.pipe()\n"
        "with saved_values(OnDisk(folder)): out = f(x)\n"
        "child = os.fork()\n"
        "plain, count = ab.grad(f)(x.numpy()), 0\n"
        "for i in range(50):\n"
        "    x.zero_grad()\n"
        "    out.backward(retain_graph=True)\n"
        "    count += np.array_equal(x.grad.numpy(), plain)\n"
        "    if i == 0: os.write(go, b'1') if child == 0 else os.read(ready, 1)\n"
        "if child == 0: os._exit(count)\n"
        "print(count, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))",
        folder,
    )
    assert done.stdout == "50 50\n", done.stderr


@posix
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("who", ["parent", "child"])
def test_what_is_written_after_a_fork_leaves_what_the_other_process_has_to_read(who, folder):
    done = program(
        "ready, go = os.pipe()\n"
        f"writer = {who == 'parent'}\n"
        "plain = ab.grad(f)(x.numpy())\n"
        "with saved_values(OnDisk(folder)) as level:\n"
        "    out, keep = f(x), f(3 * x)\n"
        "    child = os.fork()\n"
        "    if (child != 0) == writer:\n"
        "        out.backward()\n"  # makes places free
        "        for i in range(5): f(2 * x).backward()\n"
        "        os.write(go, b'1')\n"
        "    else:\n"
        "        os.read(ready, 1)\n"
        "        x.zero_grad()\n"
        "        out.backward()\n"
        "        assert np.array_equal(x.grad.numpy(), plain)\n"
        "if child == 0: os._exit(0)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))",
        folder,
    )
    assert done.stdout == "0\n", done.stderr


def test_the_end_of_a_file_is_no_warning(folder):
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c",
         "import numpy as np, autograd_book as ab\n"
         "from autograd_book.memory.saved import saved_values\n"
         "f = saved_values('disk')(lambda x: np.sum(np.tanh(np.exp(x))))\n"
         "ab.grad(f)(np.ones(1000)); ab.grad(f)(np.ones(1000))\n"
         "left = f(ab.Variable(np.ones(1000)))"],
        capture_output=True, text=True, check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@posix
def test_what_the_system_takes_in_parts_is_written_and_read_whole(folder, monkeypatch):
    write, read = os.pwrite, os.preadv
    monkeypatch.setattr(os, "pwrite", lambda file, data, at: write(file, data[:1000], at))
    monkeypatch.setattr(os, "preadv", lambda file, outs, at: read(file, [outs[0][:3000]], at))
    x = normal(100, 100)
    np.testing.assert_array_equal(ab.grad(saved_values("disk")(network))(x), ab.grad(network)(x))


def test_where_the_system_has_no_positions_the_one_of_the_file_is_set(folder, monkeypatch):
    monkeypatch.setattr(disk, "POSITIONED", False)
    x = normal(300, 100)
    np.testing.assert_array_equal(ab.grad(saved_values("disk")(network))(x), ab.grad(network)(x))


def test_threads_write_and_read_side_by_side(folder):
    def work(seed):
        x = ab.Variable(normal(100, 100, seed=seed))
        for _ in range(20):
            x.zero_grad()
            with saved_values("disk"):
                out = network(x)
            out.backward()
        found[seed] = x.grad.numpy(), ab.grad(network)(x.numpy())

    found = {}
    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    for a, b in found.values():
        np.testing.assert_array_equal(a, b)
