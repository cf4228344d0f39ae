"""Nothing has changed.

A ``Watch`` asks in one call whether all places hold what they held.

::

    from autograd_book.speed.cells import cells_of
    from autograd_book.speed.watch import Watch

    settings = {"rate": 0.1, "sizes": [3, 4]}
    watch = Watch(cells_of(settings), [settings, settings["sizes"]])
    watch.note(), watch.count()
    print(watch())
    settings["sizes"].append(5)
    print(watch())
"""
# Generated from book/speed/watch.md by autograd-book extract; edit the chapter, not this file.
# sha256: a9652cb1ff4d842f738b057aa844460a6c81ee3c040de9f29e74097d685cf405

__all__ = ["ABSENT", "reader", "question", "places", "Watch"]


# book/speed/watch.md: The shortest way to a place
import builtins
import keyword
from dataclasses import replace
from functools import partial
from sys import getrefcount
from types import MappingProxyType
from typing import Any

from autograd_book.speed.cells import StateCell, extent, is_lazy

ABSENT = object()  #: For a place that is gone.


def reader(cell: StateCell, absent: Any = None) -> Any:
    """The shortest way to read a cell."""
    lazy = is_lazy(cell.owner, cell.key)
    if cell.part is not None or lazy or isinstance(cell.owner, list | type):
        return cell.read
    if isinstance(cell.owner, dict):
        return partial(cell.owner.get, cell.key, absent)
    return partial(getattr, cell.owner, cell.key, absent)


# book/speed/watch.md: The shortest way to a place
def question(k: int, cell: StateCell, known: dict[str, Any]) -> str:
    """The text that asks whether the place number k holds what it holds now."""
    owner, key, read = cell.owner, cell.key, reader(cell, ABSENT)
    known[f"o{k}"], known[f"v{k}"] = owner, read()
    empty = known[f"v{k}"] is ABSENT
    here = not empty if type(owner) is dict else type(owner) is list and key < len(owner)
    if here and type(key) in (str, int):
        return f"o{k}[{key!r}] is v{k}"
    plain = isinstance(key, str) and key.isidentifier() and not keyword.iskeyword(key)
    plain = plain and not is_lazy(owner, key)
    if not isinstance(owner, dict | list | type) and plain and not empty:
        return f"o{k}.{key} is v{k}"
    known[f"r{k}"] = read
    return f"r{k}() is v{k}"


def places(cells: Any) -> list[StateCell]:
    """Each place once, with a tuple as a whole where cells are parts of it."""
    found = {(id(c.owner), c.key): replace(c, part=None) for c in cells}
    return list(found.values())


# book/speed/watch.md: One question
class Watch:
    """Whether everything is as it was when it was noted.

    Parameters
    ----------
    cells : list of StateCell
        Places that have to hold the same objects.
    holders : list
        Containers, and places of tuples, in which nothing may have come or gone.
    """

    def __init__(self, cells: list[StateCell], holders: list[Any]) -> None:
        kinds = (list, dict, MappingProxyType)
        self.places = places([*cells, *[h for h in holders if isinstance(h, StateCell)]])
        self.sized = [h for h in holders if isinstance(h, kinds)]
        self.others = [h for h in holders if not isinstance(h, (*kinds, StateCell))]
        self.text, self.known = "", dict[str, Any]()
        self.lent: Any = []  #: What nobody else may have got hold of.
        self.noted: list[Any] = []

    def quick(self) -> list[Any]:
        """What takes no text to be asked: counts of references, lengths and members."""
        counts = list(map(getrefcount, self.lent))
        return [counts, list(map(len, self.sized)), list(map(extent, self.others))]

    def note(self, more: Any = ()) -> None:
        """Take what is in all places, here and in more, for what has to be there."""
        known: dict[str, Any] = {}
        asked = [question(k, cell, known) for k, cell in enumerate([*self.places, *more])]
        text = f"same = lambda: {' and '.join(asked) or True}"
        self.known.update(known)
        if text != self.text:
            self.text = text
            exec(builtins.compile(text, "<watch>", "exec"), self.known)

    def count(self, lent: Any = ()) -> None:
        """Take counts and lengths for what they have to be, when all else is let go."""
        self.lent = lent
        self.noted = self.quick()

    def __call__(self) -> bool:
        """Whether everything is as it was noted."""
        try:
            return bool(self.text) and self.quick() == self.noted and self.known["same"]()
        except (AttributeError, LookupError, ValueError):  # a place is gone
            return False
