"""The report of a script that somebody else has written."""

import subprocess
import sys

import pytest

import autograd_book as ab
from autograd_book.systems.script import as_if_started, chosen_step, main, names_left_by

SCRIPT = """
import sys
import numpy as np
import autograd_book as ab
import neighbour

weights = ab.Variable(np.full((8, 8), neighbour.VALUE))
optimizer = ab.optim.SGD([weights], lr=float(sys.argv[1]))

def update():
    optimizer.zero_grad()
    np.sum(np.tanh(weights @ weights)).backward()  # the heavy line
    optimizer.step()

def trained(rate):
    return rate

if __name__ == "__main__":
    update()
    print("learned", *sys.argv[1:])
    sys.exit(0)
"""


@pytest.fixture
def script(tmp_path):
    (tmp_path / "neighbour.py").write_text("VALUE = 0.1\n", "utf-8")
    (tmp_path / "train.py").write_text(SCRIPT, "utf-8")
    return tmp_path / "train.py"


def run(script, *arguments):
    command = [sys.executable, "-m", "autograd_book", "profile", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=script.parent)


def test_a_script_is_run_with_its_arguments_and_its_neighbours_and_its_step_is_reported(script):
    done = run(script, "--step", "update", "--output", "page.html", "train.py", "0.1", "--fast")
    assert done.returncode == 0, done.stderr
    assert "learned 0.1 --fast" in done.stdout and "page.html" in done.stdout
    page = (script.parent / "page.html").read_text("utf-8")
    assert "np.sum(np.tanh(weights @ weights))" in page
    assert "http://" not in page.replace("http://www.w3.org", "") and "src=" not in page.replace("src=\"data:", "")


@pytest.mark.parametrize("arguments, told", [
    (["train.py", "0.1"], "the step 'step' of train.py is not there. Name one of these with --step: update."),
    (["--step", "trained", "train.py", "0.1"], "needs arguments. Name one of these with --step: update."),
])
def test_a_step_that_cannot_be_meant_is_refused_with_those_that_could(script, arguments, told):
    done = run(script, *arguments)
    assert done.returncode == 1 and told in done.stderr and "Traceback" not in done.stderr
    assert not (script.parent / "report.html").exists()


def test_a_file_that_is_not_there_is_an_error_of_usage(script):
    done = run(script, "tarin.py")
    assert done.returncode == 2 and "no file 'tarin.py'" in done.stderr


def test_an_error_of_the_script_keeps_its_own_traceback(script):
    script.write_text("def step(): pass\n1 / 0\n", "utf-8")
    done = run(script, "train.py")
    assert done.returncode == 1 and "ZeroDivisionError" in done.stderr and 'train.py", line 2' in done.stderr


def test_a_script_without_functions_is_told_to_make_one(tmp_path):
    with pytest.raises(ab.DifferentiationValueError, match="Put what is repeated into a function"):
        chosen_step({"x": 1}, "step", tmp_path / "train.py")


def test_arguments_and_path_are_what_they_were_afterwards(tmp_path):
    (tmp_path / "bad.py").write_text("raise KeyError('x')\n", "utf-8")
    was = list(sys.argv), list(sys.path)
    with pytest.raises(KeyError), as_if_started(tmp_path / "bad.py", ["a"]):
        names_left_by(tmp_path / "bad.py")
    assert (list(sys.argv), list(sys.path)) == was


def test_help_is_the_commands_own(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0 and "--step" in capsys.readouterr().out
