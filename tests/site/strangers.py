"""Machines that never saw the package: an environment of its own, and a notebook that runs in it."""

import os
import subprocess
import sys
import venv
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement

sys.path.insert(0, str(Path(__file__).parents[2] / "book" / "_ext"))

from autograd_book_notebooks import requirements

EXECUTE = "import nbformat, nbclient, sys; nbclient.execute(nbformat.read(sys.argv[1], as_version=4), kernel_name='python3')"


def closure(names):
    """These distributions, and all that they need here."""
    found, waiting = {}, list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = distribution(name)
            needed = map(Requirement, found[name].requires or ())
            waiting += [r.name for r in needed if not r.marker or r.marker.evaluate({"extra": ""})]
    return found.values()


def needed():
    """The distributions that pip would install for a notebook, beside a kernel."""
    return list(closure(["ipykernel", *(Requirement(text.strip('"')).name for text in requirements())]))


def tops(distributions):
    """The names of their files and folders in the library, and where these are."""
    return {file.parts[0]: found.locate_file(file.parts[0]) for found in distributions for file in found.files if file.parts[0] not in ("..", "__pycache__")}


def environment(home):
    """The Python of an environment with a kernel, pip, and what pip would have installed; links save the download."""
    venv.create(home, with_pip=False, symlinks=True)
    library = next(home.glob("lib/python*/site-packages"))
    for name, place in tops([*needed(), distribution("pip")]).items():
        (library / name).symlink_to(place)
    return home / "bin" / "python"


def run(python, file):
    """Execute a notebook where it lies, with nothing of this checkout in reach; what went wrong."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "JUPYTER", "VIRTUAL"))}
    homes = dict.fromkeys(("HOME", "IPYTHONDIR", "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "MPLCONFIGDIR"), str(python.parents[1] / "home"))
    done = subprocess.run([str(python), "-c", EXECUTE, str(file)], cwd=file.parent, env=kept | homes, capture_output=True, text=True)
    return done.stderr[-2000:] if done.returncode else ""
