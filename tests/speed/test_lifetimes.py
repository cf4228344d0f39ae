"""Lifetimes: updates as early as they can be, and cheap values computed again."""


import numpy as np
from steps_to_capture import batches, step_of

import autograd_book as ab
from autograd_book.speed.capture import capture
from autograd_book.speed.lifetimes import cells_in, live_bytes, recompute
from autograd_book.speed.simplify import simplified


def test_an_update_follows_its_gradient_unless_something_is_asked_first() -> None:
    def place(finish):
        step, _ = step_of(finish=finish)()
        step(*batches(0))
        graph = simplified(capture(step, *batches(0)))
        return min(i for i, e in enumerate(graph.equations) if e.out in cells_in(graph) and e.primitive.name == "subtract") / len(graph)

    assert place(None) < 0.8 < place(lambda here: ab.clip_gradients(here.parameters, 1e6))


def test_less_memory_is_needed_where_cheap_values_are_computed_again() -> None:
    def f(x):
        a = x * 2.0
        b = np.exp(a)
        return np.sum(np.sin(b) @ np.cos(b).T) + np.sum(a)

    graph = capture(f, np.ones((64, 64)))
    assert max(live_bytes(recompute(graph, 0))) < max(live_bytes(graph))
    assert recompute(graph, 10**9) == graph
