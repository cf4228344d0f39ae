"""Libraries in C: built once, kept where nobody else can write, and never needed."""

import ctypes
import logging
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from autograd_book.speed import toolchain as here
from autograd_book.speed.toolchain import built, expect_private, library_folder, toolchain

needs_compiler = pytest.mark.skipif(toolchain() is None, reason="no C compiler on this machine")
TWICE = "double f(double x) { return 2 * x; }"


def value(library: ctypes.CDLL, x: float) -> float:
    library.f.restype, library.f.argtypes = ctypes.c_double, [ctypes.c_double]
    return library.f(x)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The folder in which the libraries of a test are kept."""
    tmp_path.chmod(0o700)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    here.say_once.cache_clear()
    if not tmp_path.parent.stat().st_mode & 0o022 and all(p.stat().st_uid in (0, os.geteuid()) for p in tmp_path.parents):
        return tmp_path / "autograd-book"
    return pytest.skip("temporary folders are not private here")


@needs_compiler
def test_a_text_is_compiled_once_and_found_again(cache, monkeypatch) -> None:
    assert value(built(TWICE), 3.0) == 6.0
    (kept,) = cache.iterdir()
    monkeypatch.setattr(here, "make", lambda *args: pytest.fail("compiled again"))
    assert value(built(TWICE), 4.0) == 8.0
    assert list(cache.iterdir()) == [kept]


@needs_compiler
@pytest.mark.parametrize("change", ["text", "command", "macros"])
def test_another_text_option_or_processor_is_another_library(cache, change) -> None:
    tools, text = toolchain(), TWICE
    assert tools is not None
    here.library(tools, text)
    text = text.replace("2", "3") if change == "text" else text
    other = {"command": (*tools.command, "-O1"), "macros": tools.macros + "\n#define __NEW__ 1"}
    here.library(tools._replace(**{k: v for k, v in other.items() if k == change}), text)
    assert len(list(cache.iterdir())) == 2


@needs_compiler
@pytest.mark.parametrize("harm", ["cut short", "one bit", "empty"])
def test_a_broken_library_is_built_again(cache, harm) -> None:
    built(TWICE)
    (kept,) = cache.iterdir()
    data = kept.read_bytes()
    turned = data[:100] + bytes([data[100] ^ 1]) + data[101:]
    kept.unlink()
    kept.write_bytes({"cut short": data[: len(data) // 2], "one bit": turned, "empty": b""}[harm])
    assert value(built(TWICE), 3.0) == 6.0
    assert [path.read_bytes() for path in cache.iterdir()] == [data]


@needs_compiler
def test_many_builds_of_one_text_at_once_leave_whole_libraries_alone(cache) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(built, [TWICE] * 8))
    assert [value(library, 3.0) for library in found] == [6.0] * 8
    assert all(path.stem.endswith(here.digest(path.read_bytes())) for path in cache.iterdir())


@needs_compiler
def test_small_numbers_survive_in_a_process_that_loads_libraries() -> None:
    program = (
        "import numpy as np; from autograd_book.speed.toolchain import built\n"
        "small = np.full(64, 1e-40, np.float32); assert built('float f(float x) { return x; }')\n"
        "print((small * np.float32(1) > 0).all(), np.float32(1e-40) * np.float32(1) > 0, (np.full(64, 1e-310) * 1.0 > 0).all())"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["True"] * 3


@pytest.mark.parametrize("how", ["group", "all", "link", "file", "above"])
def test_a_folder_that_others_can_change_is_refused(cache, tmp_path, how) -> None:
    folder = tmp_path / "autograd-book"
    if how in ("group", "all"):
        folder.mkdir()
        folder.chmod(0o770 if how == "group" else 0o707)
    elif how == "link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        folder.symlink_to(tmp_path / "elsewhere")
    elif how == "file":
        folder.write_text("")
    else:
        folder.mkdir(mode=0o700)
        tmp_path.chmod(0o777)
    with pytest.raises(PermissionError, match="Compiled code is loaded only from folders"):
        expect_private(folder)
    used = library_folder()
    assert folder not in (used, *used.parents)
    expect_private(used)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_refused(cache) -> None:
    cache.mkdir(mode=0o700)
    os.chown(cache, 12345, 12345)
    with pytest.raises(PermissionError, match="belongs to another user"):
        expect_private(cache)
    assert library_folder() != cache


def test_a_folder_below_one_with_the_sticky_bit_is_private(cache, tmp_path) -> None:
    cache.mkdir(mode=0o700)
    tmp_path.chmod(0o1777)
    expect_private(cache)


@pytest.mark.parametrize("home", ["missing", "relative", ""])
def test_without_a_home_there_is_a_folder_for_the_process(monkeypatch, tmp_path, home) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", {"missing": str(tmp_path / "no" / "cache"), "relative": "cache", "": ""}[home])
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    folder = library_folder()
    assert not (tmp_path / "nobody").exists() and not (tmp_path / "no").exists() and not Path("cache").exists()
    assert folder == library_folder() == here.folder_of(os.getpid())
    expect_private(folder)


def test_the_folder_of_a_process_goes_with_it() -> None:
    program = (
        "import os; from autograd_book.speed.toolchain import folder_of\n"
        "folder = folder_of(os.getpid()); print(folder, flush=True)\n"
        "pid = os.fork()\n"
        "if pid: os.waitpid(pid, 0); print(folder.is_dir())"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    folder, outlives_a_fork = run.stdout.split()
    assert outlives_a_fork == "True" and not Path(folder).exists()


@pytest.mark.parametrize("asked", ["no-such-compiler", sys.executable, "false"])
def test_without_a_compiler_there_is_nothing_and_one_line_in_the_log(cache, monkeypatch, caplog, asked) -> None:
    monkeypatch.setenv("CC", asked)
    with caplog.at_level(logging.INFO, "autograd_book"):
        assert [built(TWICE) for _ in range(3)] == [None] * 3
    assert len(caplog.records) == 1 and caplog.records[0].name == "autograd_book"
    assert not cache.exists()


@needs_compiler
def test_what_does_not_compile_leaves_one_line_in_the_log_and_no_file(cache, caplog) -> None:
    with caplog.at_level(logging.INFO, "autograd_book"):
        assert [built("this is no C") for _ in range(2)] == [None] * 2
    (record,) = caplog.records
    assert "kernel.c:1" in record.getMessage() and list(cache.iterdir()) == []


@needs_compiler
@pytest.mark.parametrize("option", ["-ffast-math", "-ffinite-math-only"])
def test_a_compiler_that_changes_numbers_is_not_used(option) -> None:
    assert here.toolchain_for(f"cc {option}", os.environ["PATH"]) is None


@needs_compiler
def test_the_variable_cc_names_the_compiler(monkeypatch) -> None:
    monkeypatch.setenv("CC", "cc -DTHIS_ONE=1")
    found = toolchain()
    assert found is not None and "-DTHIS_ONE=1" in found.command and "THIS_ONE" in found.macros


def test_the_package_asks_for_no_compiler_when_it_is_imported() -> None:
    program = (
        "import subprocess\n"
        "def refuse(*args, **kwargs): raise SystemExit('a process was started')\n"
        "subprocess.Popen = subprocess.run = refuse\n"
        "import numpy as np, autograd_book as ab\n"
        "f = ab.compile(lambda x: np.sum(np.tanh(x)))\n"
        "print([float(f(np.ones(3))) for _ in range(3)][-1])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert np.isclose(float(run.stdout), 3 * np.tanh(1.0))
