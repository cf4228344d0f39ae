"""The report of a script.

``profile`` runs a script, finds its step, and writes the report of the
profiler about it.

::

    from autograd_book.systems.script import report_options

    print(report_options().parse_args(["--step", "update", "train.py", "--fast"]))
"""
# Generated from book/systems/script.md by autograd-book extract; edit the chapter, not this file.
# sha256: c80d02cac8b2e81df9e4d7a8b1bfc75dd96f4959dae0125e621cef9e9d1d6ce8

__all__ = [
    "as_if_started",
    "names_left_by",
    "can_be_called",
    "chosen_step",
    "report_options",
    "main",
]


# book/systems/script.md: What a script leaves behind
import sys
from argparse import REMAINDER, ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from autograd_book.graph.errors import AutogradError, DifferentiationValueError
from autograd_book.learn.nn import Module
from autograd_book.learn.optim import Optimizer
from autograd_book.systems.profiler import AutogradSystemsProfiler


@contextmanager
def as_if_started(script: Path, arguments: list[str]) -> Iterator[None]:
    """The arguments and the path that a script finds when it is started by itself."""
    was = sys.argv, sys.path
    sys.argv, sys.path = [str(script), *arguments], [str(script.parent), *sys.path]
    try:
        yield
    finally:
        sys.argv, sys.path = was


def names_left_by(script: Path) -> dict[str, Any]:
    """Run a script; the names that it leaves, also if it ends itself."""
    names: dict[str, Any] = {"__name__": "__main__", "__file__": str(script)}
    code = compile(script.read_bytes(), str(script), "exec")
    with suppress(SystemExit):
        exec(code, names)
    return names


# book/systems/script.md: Which function is the step
import inspect


def can_be_called(value: Any, script: Path) -> bool:
    """Whether something is a function of the script that needs no argument."""
    if not inspect.isfunction(value) or value.__code__.co_filename != str(script):
        return False
    given = inspect.signature(value).parameters.values()
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return all(p.default is not p.empty or p.kind in variable for p in given)


def chosen_step(names: dict[str, Any], wanted: str, script: Path) -> Callable[[], Any]:
    """The function of that name, or the error that says which there are."""
    found = names.get(wanted)
    if callable(found) and (not inspect.isfunction(found) or can_be_called(found, script)):
        return found  # type: ignore[no-any-return]
    known = [name for name, value in names.items() if can_be_called(value, script)]
    remedy = f"Name one of these with --step: {', '.join(known)}." if known else (
        "Put what is repeated into a function without arguments, and name it with --step."
    )
    fact = "needs arguments" if callable(found) else "is not there"
    raise DifferentiationValueError(f"the step {wanted!r} of {script.name} {fact}. {remedy}")


# book/systems/script.md: The command
def report_options() -> ArgumentParser:
    """The options of the command."""
    asked = ArgumentParser(
        "autograd-book profile",
        description="Run a script, then its step, and write where time and bytes go.",
    )
    asked.add_argument("--step", default="step", help="function to profile (default: %(default)s)")
    asked.add_argument("--output", default="report.html", help="page (default: %(default)s)")
    asked.add_argument("script", type=Path, help="a Python file")
    asked.add_argument("arguments", nargs=REMAINDER, help="handed on to the script")
    return asked


def main(argv: list[str] | None = None) -> int:
    """Profile the step of a script, and write the page."""
    asked = report_options()
    given = asked.parse_args(argv)
    if not given.script.is_file():
        asked.error(f"there is no file {str(given.script)!r}. Name a Python script.")
    script = given.script.resolve()
    output = Path(given.output).resolve()
    with as_if_started(script, given.arguments):
        names = names_left_by(script)
        try:
            step = chosen_step(names, given.step, script)
            owners = [v for v in names.values() if isinstance(v, Module | Optimizer)]
            AutogradSystemsProfiler(step, *owners).report(output)
        except AutogradError as error:
            asked.exit(1, f"{asked.prog}: {error}\n")
    print(f"The report is ready. Open {output.as_uri()}")
    return 0
