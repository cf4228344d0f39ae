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
# sha256: 7a526711da5c6edd75a8ec87fe701296f23d4641567b87c2021f996bafa61861

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
    "ADVICE",
    "CAUSES",
    "WORDS",
    "CALLED",
    "described",
    "advise",
    "F",
    "usage",
    "with_usage",
]


# book/graph/errors.md: The hierarchy
class AutogradError(Exception):
    """Base of every exception that the package raises on its own account."""


# book/graph/errors.md: The hierarchy
class DifferentiationTypeError(AutogradError, TypeError):
    """A value of a kind that cannot carry a gradient, or a conversion that would drop
    one."""


class DifferentiationValueError(AutogradError, ValueError):
    """A value of the right kind that does not fit: a shape, an axis, a size."""


# book/graph/errors.md: The hierarchy
class NoRuleError(AutogradError, NotImplementedError):
    """A function, an argument or a parameter for which no derivative rule is known."""


# book/graph/errors.md: The hierarchy
class FreedGraphError(AutogradError, RuntimeError):
    """A second walk over a graph whose saved values were released by the first."""


class MutatedValueError(AutogradError, RuntimeError):
    """A value that the graph needs and that was changed in place before the way back read
    it."""


class LeakedVariableError(AutogradError, RuntimeError):
    """A Variable that is used where its Record is not at work."""


# book/graph/errors.md: The hierarchy
class NonFiniteError(AutogradError, FloatingPointError):
    """An operation, or a rule on the way back, that made a NaN or an infinity of finite
    numbers."""


# book/graph/errors.md: The hierarchy
class GradientCheckError(AutogradError, AssertionError):
    """An analytic derivative that disagrees with the numeric one."""


# book/graph/errors.md: Nearest names
from collections.abc import Iterable


def nearest(
    name: str,
    known: Iterable[str],
    otherwise: str = "Write it in terms of functions that are, or define it with "
    "autograd_book.primitive.",
) -> str:
    """Word the remedy for an unknown name: the closest known ones, if any are close.

    Parameters
    ----------
    name : str
        What was asked for.
    known : iterable of str
        What there is.
    otherwise : str, optional
        What to say if none is close; by default what helps with a function of NumPy's.

    Returns
    -------
    str
        A sentence, ready to stand at the end of a message.
    """
    # only when something is unknown: the import costs more than this chapter
    import difflib

    close = difflib.get_close_matches(name, sorted(set(known)), n=3, cutoff=0.75)
    return f"Did you mean {' or '.join(close)}?" if close else otherwise


# book/graph/errors.md: Errors of others
from typing import Any

import numpy as np

#: What to do about an error of NumPy's, by its kind; the first that fits.
ADVICE: dict[type[Exception], str] = {
    np.linalg.LinAlgError: "Give square matrices, or stacks of them, that are not "
    "singular.",
    np.exceptions.AxisError: "Count axes from 0, or from -1 backwards, within the shape.",
    IndexError: "Index within the shape, with whole numbers, slices or truth values.",
    ValueError: "Check the parameters, and make the shapes agree, with reshape or new "
    "axes.",
    TypeError: "Give numbers or arrays of numbers, and only parameters that the "
    "function has, such as axis and keepdims.",
}
#: The same for functions whose errors have a cause of their own, by name and kind.
CAUSES: dict[tuple[str, type[Exception]], str] = {
    ("bitwise_xor", TypeError): "Write x ** y for a power; ^ combines the bits of whole "
    "numbers.",
    ("cholesky", np.linalg.LinAlgError): "Give symmetric matrices that are positive "
    "definite, as a.T @ a + np.eye(n) is.",
    ("concatenate", ValueError): "Join arrays that agree in all axes but one, and numbers "
    "with np.stack.",
}
#: The same by a word in the error.
WORDS = {"inhomogeneous": "Give lists whose rows have one length."}


# book/graph/errors.md: Errors of others
CALLED = " was called with "  #: In the notes that are ours.


def described(value: Any) -> str:
    """An argument in few words: shape and dtype of an array, otherwise its type."""
    if isinstance(value, type):
        return f"the class {value.__module__}.{value.__name__}"
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{value.dtype} of shape {tuple(value.shape)}"
    if isinstance(value, (list, tuple)) and any(hasattr(v, "shape") for v in value):
        return f"{type(value).__name__} of {', '.join(map(described, value[:3]))}"
    return f"{type(value).__name__} {value!r}"[:60]


# book/graph/errors.md: Errors of others
def advise(error: Exception, name: str, args: Iterable[Any]) -> None:
    """Add to an error a note: what was called with what, and what to do, if the error is
    not ours and does not say so. The outermost call is the one that the program wrote, and
    its note stays."""
    ours = isinstance(error, AutogradError)
    notes = [n for n in getattr(error, "__notes__", ()) if CALLED not in n]
    if not (ours and name in str(error)):
        fitting = [text for word, text in WORDS.items() if word in str(error)]
        fitting += [CAUSES.get((name, type(error)), "")]
        fitting += [text for kind, text in ADVICE.items() if isinstance(error, kind)]
        remedy = "" if ours else next(filter(None, fitting), "")
        given = ", ".join(map(described, args))
        notes.append(f"{name}{CALLED}{given}. {remedy}".strip())
    error.__notes__ = notes


# book/graph/errors.md: A call that does not fit
from collections.abc import Callable
from functools import wraps
from inspect import signature
from re import sub
from typing import TypeVar, get_origin

F = TypeVar("F", bound=Callable[..., Any])  #: A function that is given back as it was.


def usage(fun: Callable[..., Any]) -> str:
    """How a function is called, and what it returns if that is a function."""
    form = signature(fun)
    shown = [p.replace(annotation=p.empty) for p in form.parameters.values()]
    shown = [p for p in shown if p.name != "self"]
    name = fun.__qualname__.removesuffix(".__init__").rpartition(".")[-1]
    text = f"{name}{form.replace(parameters=shown, return_annotation=form.empty)}"
    text = sub(r"<class '([^']*)'>", r"\1", text)
    later = get_origin(form.return_annotation) is Callable
    return text + ", and what comes back with the arguments of f" * later


def with_usage(fun: F) -> F:
    """Decorator: an error of a call whose arguments do not fit shows those that do."""

    @wraps(fun)
    def called(*args: Any, **kwargs: Any) -> Any:
        try:
            return fun(*args, **kwargs)
        except TypeError as error:
            if error.__traceback__ and error.__traceback__.tb_next is None:
                error.add_note(f"Call it as {usage(fun)}.")
            raise

    return called  # type: ignore[return-value]
