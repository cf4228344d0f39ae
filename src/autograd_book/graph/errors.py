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
# sha256: ddb0599e5d5eb4e8236f64797901e3c258bee202ff20501daf0df936cf7446ef

__all__ = [
    "AutogradError",
    "DifferentiationTypeError",
    "DifferentiationValueError",
    "NoRuleError",
    "FreedGraphError",
    "MutatedValueError",
    "LeakedVariableError",
    "NonFiniteError",
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


class MutatedValueError(AutogradError, RuntimeError):
    """A value that the graph needs and that was changed in place before the way back read it."""


class LeakedVariableError(AutogradError, RuntimeError):
    """A Variable that is used where its Record is not at work."""


# book/graph/errors.md:104
class NonFiniteError(AutogradError, FloatingPointError):
    """An operation, or a rule on the way back, that made a NaN or an infinity of finite numbers."""


# book/graph/errors.md:113
class GradientCheckError(AutogradError, AssertionError):
    """An analytic derivative that disagrees with the numeric one."""


# book/graph/errors.md:144
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
