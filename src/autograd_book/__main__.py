"""The command line.

One program with four commands: three for authors, one for the curious. Without
a command it prints what there is.

::

    from autograd_book.__main__ import main

    main([])
"""
# Generated from book/__main__.md by autograd-book extract; edit the chapter, not this file.
# sha256: 42d558685d62f1d8ac466dca14a34c2a71db0bbf3e33a9c47cc13d79ef1dec8a

__all__ = ["COMMANDS", "parser", "run_command", "main"]


# book/__main__.md: A table of commands
import os
import sys
from argparse import REMAINDER, ArgumentParser
from importlib import import_module

from autograd_book import __version__

#: Each command: its module, what that is told first, and its help.
COMMANDS = {
    "extract": ("literate.extract", ["extract"], "write the package from the chapters"),
    "stitch": ("literate.stitch", ["stitch"], "carry edits back into the chapters"),
    "where": ("literate.where", ["where"], "say which chapter holds a line or a name"),
    "train": ("learn.training", [], "train a network on handwritten digits"),
    "profile": ("systems.script", [], "write a report of a script's training step"),
}


# book/__main__.md: Handing over
def parser() -> ArgumentParser:
    """Return the parser of the command line; what follows a command is left to it."""
    top = ArgumentParser("autograd-book", description="The engine and its book.")
    top.add_argument("--version", action="version", version=f"autograd-book {__version__}")
    verbs = top.add_subparsers(dest="verb", metavar="COMMAND")
    for verb, (_, _, about) in COMMANDS.items():
        command = verbs.add_parser(verb, help=about, add_help=False, prefix_chars="\0")
        command.add_argument("rest", nargs=REMAINDER)
    return top


# book/__main__.md: Handing over
def run_command(argv: list[str] | None) -> int:
    """Run one command; without a command, print the help."""
    options = parser().parse_args(argv)
    if options.verb is None:
        parser().print_help()
        return 0
    module, first, _ = COMMANDS[options.verb]
    command = import_module(f"autograd_book.{module}")
    return int(command.main([*first, *options.rest]))


# book/__main__.md: Handing over
def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit status: 1 if nobody read its output to the
    end."""
    try:
        try:
            return run_command(argv)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


# book/__main__.md: Handing over
if __name__ == "__main__" and "__file__" in globals():
    sys.exit(main())
