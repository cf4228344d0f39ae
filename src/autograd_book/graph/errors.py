"""What can go wrong.

Everything the package raises on its own account derives from one class, and
from the built-in class a caller would expect. Catch the first to catch all;
catch the second and old code keeps working.

::

    from autograd_book.graph.errors import AutogradError

    try:
        ab.Variable(np.arange(3))
    except AutogradError as error:
        print(type(error).__name__, "is also a TypeError:", isinstance(error, TypeError))
"""
# Generated from book/graph/errors.md by autograd-book extract; edit the chapter, not this file.
# sha256: 7b3b0743c43c6bf6cea96710c470afde59e25481dc40212a45333358b1def1e9

__all__ = [
    "AutogradError",
    "DifferentiationTypeError",
    "DifferentiationValueError",
    "NoRuleError",
    "FreedGraphError",
    "LeakedVariableError",
    "GradientCheckError",
    "nearest",
]


# book/graph/errors.md:53
class AutogradError(Exception):
    """Base of every exception that the package raises on its own account."""


# book/graph/errors.md:63
class DifferentiationTypeError(AutogradError, TypeError):
    """A value of a kind that cannot carry a gradient, or a conversion that would drop one."""


class DifferentiationValueError(AutogradError, ValueError):
    """A value of the right kind that does not fit: a shape, an axis, a size."""


# book/graph/errors.md:77
class NoRuleError(AutogradError, NotImplementedError):
    """A function, an argument or a parameter for which no derivative rule is known."""


# book/graph/errors.md:87
class FreedGraphError(AutogradError, RuntimeError):
    """A second walk over a graph whose saved values were released by the first."""


class LeakedVariableError(AutogradError, RuntimeError):
    """A Variable that is used where its Record is not at work."""


# book/graph/errors.md:100
class GradientCheckError(AutogradError, AssertionError):
    """An analytic derivative that disagrees with the numeric one."""


# book/graph/errors.md:131
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str:
    """Word the remedy for an unknown name: the closest known ones, if any are close.

    Parameters
    ----------
    name : str
        What was asked for.
    known : iterable of str
        What there is.

    Returns
    -------
    str
        A sentence, ready to stand at the end of a message.
    """
    import difflib  # only when something is unknown: the import costs more than this chapter

    close = difflib.get_close_matches(name, sorted(set(known)), n=3, cutoff=0.75)
    if close:
        return f"Did you mean {' or '.join(close)}?"
    return "Write it in terms of functions that are, or define it with autograd_book.primitive."
