"""Checkpoints.

``checkpoint(f)`` is a function like ``f``. It keeps its arguments, drops what
its operations save, and computes it again when the backward pass arrives.

::

    import numpy as np
    import autograd_book as ab
    from autograd_book.memory.checkpoint import checkpoint

    block = ab.nn.Sequential(ab.nn.Linear(8, 8, rng=0), np.tanh, ab.nn.Linear(8, 8, rng=1))
    loss = np.sum(checkpoint(block)(np.ones((4, 8), np.float32)))
    loss.backward()
    print(block[0].weight.grad.shape)
"""
# Generated from book/memory/checkpoint.md by autograd-book extract; edit the chapter, not this file.
# sha256: 236545b773ada3785b9a3688a14e2693d2ff2ef411bc9cba2990ed8378f3527b

__all__ = [
    "LATER",
    "recording",
    "expect_computing",
    "checkpoint",
    "saved_arrays",
    "saved_bytes",
    "keeping",
]


# book/memory/checkpoint.md: What can be checkpointed
from collections.abc import Callable
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from typing import Any

from autograd_book.graph.errors import (
    DifferentiationTypeError, DifferentiationValueError, nearest, with_usage,
)
from autograd_book.graph.primitive import Primitive, primitives
from autograd_book.graph.protocols import P, R
from autograd_book.graph.record import Record
from autograd_book.graph.stack import NoGrad, top
from autograd_book.memory.books import owner_of
from autograd_book.memory.replay import Frame, levels_from, run_first
from autograd_book.modes.transforms import Fun


LATER = (isgeneratorfunction, iscoroutinefunction, isasyncgenfunction)  #: Run after the call.


def recording() -> bool:
    """Whether nodes are made at the moment."""
    kinds = (v for v in levels_from(top.get()) if isinstance(v, (Record, NoGrad)))
    return isinstance(next(kinds), Record)


def expect_computing(f: Any, policy: Any) -> None:
    """Raise DifferentiationTypeError unless f computes when it is called, and so does the
    policy, if there is one."""
    if not callable(f) or any(later(f) for later in LATER):
        raise DifferentiationTypeError(
            f"checkpoint was given {f!r}, which is no function that computes when it is "
            "called. Give a function or a module that returns its results."
        )
    if policy is not None and not callable(policy):
        raise DifferentiationTypeError(
            f"checkpoint was given the policy {policy!r}, which is no function. Give one of "
            "primitive and arguments, such as keeping('matmul')."
        )


# book/memory/checkpoint.md: The function
@with_usage
def checkpoint(
    f: Callable[P, R], *, policy: Any = None, check: bool = True
) -> Callable[P, R]:
    """A function like `f` that keeps its inputs alone, and computes again in the backward
    pass what its derivatives need.

    Parameters
    ----------
    f : callable
        Any function of arrays, Variables and trees of them. It must do the same when it is
        called again.
    policy : callable, optional
        ``policy(primitive, args)`` says whether the result of an operation is kept too; for
        example `keeping`.
    check : bool
        Whether values are compared when `f` is run again, and not only which operations it
        does.

    Returns
    -------
    callable
        Takes what `f` takes, and returns what it returns.

    Raises
    ------
    ReplayError
        In the backward pass, if `f` did not do the same again.
    MutatedValueError
        In the backward pass, if a parameter was changed since.

    Notes
    -----
    After T. Chen and others, *Training deep nets with sublinear memory cost* (2016).
    """
    expect_computing(f, policy)

    @wraps(f, updated=())
    def checkpointed(*args: P.args, **kwargs: P.kwargs) -> Any:
        if not recording():
            return f(*args, **kwargs)
        return run_first(Frame(f, policy, check), args, kwargs)

    return checkpointed


# book/memory/checkpoint.md: What is held, and when
def saved_arrays(nodes: Any) -> dict[int, Any]:
    """Arrays that nodes hold for the way back, each once, by identity."""
    found: dict[int, Any] = {}
    for node in nodes:
        values = node.saved if type(node.saved) is tuple else node.saved.arrays()
        owners = [owner_of(value) for value in values]
        found |= {id(array): array for array in owners if array is not None}
    return found


def saved_bytes(nodes: Any, besides: Any = ()) -> int:
    """Bytes that nodes hold for the way back, without the arrays of some Variables."""
    given = {id(owner_of(value)) for value in besides}
    return sum(array.nbytes for key, array in saved_arrays(nodes).items() if key not in given)


# book/memory/checkpoint.md: Keep what is dear
def keeping(*names: str, where: Callable[..., bool] | None = None) -> Callable[..., bool]:
    """A policy for `checkpoint`: keep the results of primitives of these names.

    Parameters
    ----------
    *names : str
        Such as ``"matmul"``.
    where : callable, optional
        Takes the arguments of the operation, and says whether its result shall be kept.

    Notes
    -----
    To choose by cost is the idea of V. A. Korthikanti and others, *Reducing activation
    recomputation in large transformer models* (2022).
    """
    known = {primitive.name for primitive in primitives.values()}
    if unknown := [name for name in names if name not in known]:
        raise DifferentiationValueError(
            f"keeping was given the name {unknown[0]!r}, and there is no such primitive. "
            + nearest(str(unknown[0]), known)
        )

    def policy(primitive: Primitive, args: Any) -> bool:
        return primitive.name in names and (where is None or where(*args))

    return policy
