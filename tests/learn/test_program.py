"""The program around the training, and what its page in an index says: no traceback, and no link to nowhere."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import autograd_book as ab

ROOT = Path(__file__).parents[2]
PROGRAM = [sys.executable, "-m", "autograd_book"]
BUFFERED = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}


def test_the_program_says_its_version():
    done = subprocess.run([*PROGRAM, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"autograd-book {ab.__version__}\n" and done.stderr == ""


def test_a_reader_who_leaves_after_one_line_ends_the_training_without_a_traceback():
    command = [*PROGRAM, "train", "--plain", "--epochs", "100000", "--hidden", "4"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=BUFFERED) as run:
        line = run.stdout.readline()
        run.stdout.close()
        try:
            status = run.wait(timeout=60)
        finally:
            run.kill()
        assert (status, run.stderr.read()) == (1, "")
    assert line.startswith("epoch  1  loss")


@pytest.mark.parametrize("arguments", [[], ["--help"], ["--version"], ["train", "--help"], ["train", "--epochs", "1", "--hidden", "4", "--plain"]], ids=" ".join)
def test_output_that_nobody_reads_is_no_error_worth_a_traceback(arguments):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([*PROGRAM, *arguments], stdout=writer, stderr=subprocess.PIPE, text=True, env=BUFFERED)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize(
    ("options", "status", "fact"),
    [(["--seed", "-1"], 2, "'-1' is not a whole number"), (["--epochs", "0"], 2, "'0' is not"), (["--lr", "nan"], 2, "lr=nan"), (["--lr", "1e9"], 1, "training diverged")],
    ids=["seed", "epochs", "rate", "divergence"],
)
def test_a_run_that_cannot_be_ends_with_one_message_and_a_status(options, status, fact):
    done = subprocess.run([*PROGRAM, "train", *options], capture_output=True, text=True)
    assert done.returncode == status and fact in done.stderr
    assert "Traceback" not in done.stderr and "Warning" not in done.stderr


def test_the_description_of_the_package_has_no_link_that_only_a_checkout_resolves():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    description = (ROOT / settings["readme"]).read_text(encoding="utf-8")
    targets = re.findall(r"\]\(\s*([^)\s]+)|^\[[^]]+\]:\s*(\S+)|(?:href|src)=[\"']([^\"']+)", description, re.MULTILINE)
    links = [target for found in targets for target in found if target]
    assert [link for link in links if not re.match(r"https?://|mailto:|#", link)] == []


def test_every_file_that_the_description_names_is_there():
    named = set(re.findall(r"`([\w./]+/|[A-Z]\w+(?:-text|\.md|\.cff)?|_config\.yml|book/_toc\.yml)`", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert {"LICENSE", "LICENSE-text", "CONTRIBUTING.md", "CHANGELOG.md", "CITATION.cff", "book/"} <= named
    assert [name for name in named if not (ROOT / name).exists()] == []
