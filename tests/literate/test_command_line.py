"""python -m autograd_book."""

import subprocess
import sys
from types import ModuleType

import pytest

from autograd_book.__main__ import COMMANDS, main


def test_without_a_command_it_prints_help_and_exits_0(capsys):
    assert main([]) == 0
    printed = capsys.readouterr().out
    assert all(verb in printed for verb in COMMANDS)


def test_an_unknown_command_exits_2_and_lists_the_known(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["extrakt"])
    assert caught.value.code == 2 and "stitch" in capsys.readouterr().err


@pytest.mark.parametrize("verb", COMMANDS)
def test_a_command_hands_all_its_options_over_and_its_status_back(monkeypatch, verb):
    module, first, _ = COMMANDS[verb]
    seen = []
    stand_in = ModuleType(module)
    stand_in.main = lambda argv: seen.append(argv) or 7
    monkeypatch.setitem(sys.modules, f"autograd_book.{module}", stand_in)
    assert main([verb, "--check", "-x", "a.py:3", "--help"]) == 7
    assert seen == [[*first, "--check", "-x", "a.py:3", "--help"]]


def test_the_module_imports_neither_the_extractor_nor_the_training():
    code = "import autograd_book.__main__, sys; print('autograd_book.literate.extract' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"


def test_it_runs_with_m(root):
    command = [sys.executable, "-m", "autograd_book", "where", "autograd_book.__main__.main"]
    run = subprocess.run(command, capture_output=True, text=True, cwd=root, check=True)
    assert run.stdout.startswith("book/__main__.md:")
