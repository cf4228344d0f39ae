"""What an editor and two checkers of types make of programs like those that users write."""

import ast
import inspect
import json
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import autograd_book as ab
from autograd_book.graph.protocols import attributes
from autograd_book.graph.signatures import Signatures

HERE = Path(__file__).parent
SCRIPTS = sorted((HERE / "scripts").glob("*.py"))


@pytest.fixture(scope="module")
def root():
    return HERE.parents[1]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_runs(script):
    if "scipy" in script.read_text("utf-8"):
        pytest.importorskip("scipy")
    runpy.run_path(str(script))


@pytest.fixture(scope="module")
def programs(root, tmp_path_factory):
    """A folder with the README's program, the scripts, and the two files about the public face."""
    folder = tmp_path_factory.mktemp("programs")
    text = (root / "README.md").read_text("utf-8")
    (folder / "readme.py").write_text("\n".join(re.findall(r"```python\n(.*?)```", text, re.S)), "utf-8")
    for file in [*SCRIPTS, HERE / "right.py", HERE / "wrong.py"]:
        shutil.copy(file, folder)
    return folder


def expected(programs):
    lines = (programs / "wrong.py").read_text("utf-8").splitlines()
    return {("wrong.py", number) for number, line in enumerate(lines, 1) if "# marked" in line}


def test_twenty_scripts_are_there():
    assert len(SCRIPTS) >= 20


def test_mypy_marks_what_is_wrong_and_nothing_else(programs):
    pytest.importorskip("mypy")
    # an array without a dtype is complete from NumPy 2 on
    options = ["--strict", "--allow-any-generics", "--ignore-missing-imports", "--no-pretty", "--no-error-summary", "--config-file", "", "--cache-dir", "cache"]
    command = [sys.executable, "-m", "mypy", *options, *sorted(path.name for path in programs.glob("*.py"))]
    run = subprocess.run(command, cwd=programs, capture_output=True, text=True)
    found = re.findall(r"^([\w./\\-]+):(\d+): error: (.*)", run.stdout, re.M)
    assert {(file, int(line)) for file, line, _ in found} == expected(programs), run.stdout + run.stderr


def test_pyright_marks_what_is_wrong_and_nothing_else(programs):
    pytest.importorskip("basedpyright")
    (programs / "pyrightconfig.json").write_text('{"typeCheckingMode": "standard", "reportMissingModuleSource": "none"}')
    command = [sys.executable, "-m", "basedpyright", "--pythonpath", sys.executable, "--outputjson"]
    run = subprocess.run(command, cwd=programs, capture_output=True, text=True)
    found = [each for each in json.loads(run.stdout)["generalDiagnostics"] if each["severity"] == "error"]
    places = {(Path(each["file"]).name, each["range"]["start"]["line"] + 1) for each in found}
    assert places == expected(programs), found


BEFORE = """
import numpy as np
import autograd_book as ab
x = ab.Variable(np.ones((3, 2)))
layer = ab.nn.Linear(2, 3)
network = ab.nn.Sequential(layer, np.tanh)
def f(x: ab.Variable) -> ab.Variable: ...
"""
OF_A_VARIABLE = [
    "x", "x.sum()", "x.grad", "x.T[0]", "(x * 2.0)", "x.mean(axis=0).reshape(2, 1)", "layer.weight", "network(x)",
    "ab.nn.mean_squared_error(x, x)", "ab.checkpoint(f)(x)",
]


def completions(root, text):
    jedi = pytest.importorskip("jedi")
    project = jedi.Project(root, sys_path=[str(root / "src"), *filter(None, sys.path)])
    return {each.name for each in jedi.Script(f"{BEFORE}{text}.", project=project).complete() if not each.name.startswith("_")}


def of_a_variable():
    return {name for name in dir(ab.Variable) if not name.startswith("_")} | set(attributes)


@pytest.mark.parametrize("text", OF_A_VARIABLE)
def test_jedi_completes_what_a_variable_has_and_nothing_else(root, text):
    assert completions(root, text) == of_a_variable()


@pytest.mark.parametrize("part", ["nn", "optim", "sequence"])
def test_a_part_of_the_face_offers_its_public_names_and_nothing_else(root, part):
    module = getattr(ab, part)
    assert completions(root, f"ab.{part}") == set(module.__all__)
    assert {name for name in dir(module) if not name.startswith("_")} == set(module.__all__)


def stated(owner):
    """The signatures that stand in the chapter, which a running program does not have, by name."""
    tree = ast.parse(inspect.getsource(inspect.getmodule(owner)))
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    return {node.name: node for each in classes for node in ast.walk(each) if isinstance(node, ast.FunctionDef)}


def test_signatures_name_what_there_is_and_arguments_that_it_takes():
    x = ab.Variable(np.arange(6.0).reshape(2, 3))
    for name, node in stated(Signatures).items():
        assert hasattr(x, name), name
        if name.startswith("__") or node.decorator_list or name == "register_hook":
            continue
        numpy_function = getattr(np, {"flatten": "ravel"}.get(name, name), None)
        own = inspect.signature(getattr(ab.Variable, name)).parameters
        try:
            taken = set(inspect.signature(numpy_function).parameters) if "kwargs" in own else set(own)
        except ValueError:
            assert np.lib.NumpyVersion(np.__version__) < "2.4.0", name  # functions in C did not tell
            continue
        given = {argument.arg for argument in [*node.args.args[1:], *node.args.kwonlyargs]}
        assert given <= taken, (name, given - taken)


def test_nothing_public_of_a_variable_lacks_a_signature():
    inner = {"value", "node", "record", "data", "requires_grad", "backward", "zero_grad", "astype", "tolist"}
    assert of_a_variable() - inner <= set(stated(Signatures))


def test_a_running_program_pays_nothing_for_signatures():
    for kind in Signatures.__mro__[:-1]:
        assert kind.__slots__ == ()
        assert not {name for name in vars(kind) if name not in {"__module__", "__doc__", "__slots__", "__qualname__"}} - {
            "__firstlineno__", "__static_attributes__"
        }
    assert not isinstance(ab.Variable(1.0), np.generic)
