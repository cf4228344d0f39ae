"""Cases for book/rules/activations.md, and of dropout, which stands in the chapters on learning."""

from collections.abc import Iterator

import numpy as np
from casework import Case, label, strided, transposed, uniform

from autograd_book.learn.phases import dropped, packed_bits
from cases.elementwise import BENDS, over_domains


def cases() -> Iterator[tuple[str, Case]]:
    yield from over_domains(BENDS)
    for shape in [(), (3,), (2, 3), (4, 0), (3, 5)]:
        bits = packed_bits(np.arange(np.prod(shape, dtype=int)) % 3 > 0)
        for layout in (np.asarray, transposed, strided):
            f = lambda x, bits=bits: dropped(x, bits, 1.5) ** 2
            yield "dropped", Case(f, (layout(uniform(shape)),), label("dropped", shape, layout.__name__))
