"""Draws.

A generator whose draws are equations: it goes into each of them, and comes out
as it is afterwards.

::

    import numpy as np
    from autograd_book.graph.stack import push
    from autograd_book.speed.draws import drawn
    from autograd_book.speed.symbols import Capture

    with push(Capture, at="bottom") as level:
        rng = drawn(np.random.default_rng(0), level)
        mask = rng.random(3) < 0.5
    print(*level.equations, sep="\\n")
"""
# Generated from book/speed/draws.md by autograd-book extract; edit the chapter, not this file.
# sha256: 2c1bf395ae203c5362c7372276c988286079113228455b264d37a6e20b6d2ea4

__all__ = ["draw", "OTHER", "drawn_class", "drawn"]


# book/speed/draws.md: Reality: any method, any arguments
from copy import deepcopy
from functools import cache
from typing import Any

import numpy as np

from autograd_book.graph.primitive import Primitive, primitives
from autograd_book.memory.repeat import numpy_random
from autograd_book.speed.symbols import CaptureError


def draw(source: Any, method: str, given: Any, options: Any) -> Any:
    """Numbers from a generator, and the generator as it is afterwards."""
    return getattr(source, method)(*given, **options), source


Primitive(draw, "source", flat=True)


# book/speed/draws.md: A generator in disguise
#: What a generator has besides methods that draw.
OTHER = ("bit_generator", "spawn", "shuffle")


@cache
def drawn_class() -> Any:
    """The class of generators whose draws are equations."""
    usual = numpy_random().Generator

    def drawing(name: str) -> Any:
        return lambda self, *args, **kwargs: self.drawn(name, args, kwargs)

    def drawn(self: Any, name: str, args: Any, kwargs: Any) -> Any:
        params = {"method": name, "given": args, "options": kwargs}
        made, self.symbol = self.level.note(primitives[draw], (self.symbol,), params)
        return made

    def shuffle(self: Any, x: Any, axis: int = 0) -> None:
        raise CaptureError(
            f"{type(x).__name__} of shape {np.shape(x)} was shuffled in place in a function "
            "that is captured. Write x = rng.permutation(x)."
        )

    names = [n for n in dir(usual) if not n.startswith("_") and n not in OTHER]
    return type("Drawn", (usual,), {n: drawing(n) for n in names} | {"drawn": drawn, "shuffle": shuffle})


# book/speed/draws.md: A generator in disguise
def drawn(source: Any, level: Any) -> Any:
    """A generator in the same state, whose draws are written down."""
    own = deepcopy(source)
    made = drawn_class()(own.bit_generator)
    made.level, made.symbol = level, level.symbol(own)
    return made
