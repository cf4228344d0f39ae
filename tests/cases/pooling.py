"""Cases for book/rules/pooling.md."""

from collections.abc import Iterator
from typing import Any

from casework import Case, label, uniform

import autograd_book as ab
from cases.convolution import weighted

#: Shape and options of pooling.
POOLS: list[tuple[tuple[int, ...], Any, dict[str, Any]]] = [
    ((2, 2, 6), 2, {}),
    ((1, 2, 7), 3, {"stride": 2, "padding": 1}),
    ((2, 1, 4, 6), 2, {}),
    ((1, 2, 5, 5), (3, 2), {"stride": (1, 2), "padding": (1, 0)}),
    ((1, 1, 4, 4), 2, {"stride": 1, "padding": "same"}),
]


def cases() -> Iterator[tuple[str, Case]]:
    for shape, kernel, options in POOLS:
        for kind, name in (("highest", "max_pool"), ("window_mean", "avg_pool")):
            fun = getattr(ab, f"{name}{len(shape) - 2}d")
            f = lambda x, fun=fun, kernel=kernel, options=options: fun(x, kernel, **options)
            x = uniform(shape)
            yield kind, Case(weighted(f, x), (x,), label(fun.__name__, shape, kernel, options))
