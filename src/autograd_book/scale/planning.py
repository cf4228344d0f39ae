"""Which of a thousand layouts.

``plan_training`` searches, and says what binds.

::

    from autograd_book.scale.planning import Cluster, plan_training
    from autograd_book.systems.budget import Sizes

    h100 = Cluster(ranks=512, memory=80e9, flops=989e12, inside=450e9, between=50e9)
    sizes = Sizes(width=6144, heads=64, blocks=48, words=51200, context=2048, batch=1024)
    print(plan_training(sizes, h100))
"""
# Generated from book/scale/planning.md by autograd-book extract; edit the chapter, not this file.
# sha256: ca264e1af6852231801f04c36d810a0077a5ae9d677e6d06ad6372fa9f4edd96

__all__ = [
    "Cluster",
    "block_numbers",
    "end_numbers",
    "rank_numbers",
    "CUT",
    "micro_batches",
    "unit_of",
    "weights_of",
    "block_bytes",
    "held_bytes",
    "work_bytes",
    "whole_bytes",
    "rank_bytes",
    "ring",
    "sent_bytes",
    "slowest_products",
    "messages",
    "step_seconds",
    "ALLOWED",
    "divisors",
    "boxes",
    "layouts",
    "TrainingPlan",
    "largest_bytes",
    "what_binds",
    "predicted",
    "plan_training",
]


# book/scale/planning.md: The machine
from dataclasses import dataclass

from autograd_book.graph.errors import DifferentiationValueError


@dataclass(frozen=True)
class Cluster:
    """What there is to train on."""

    ranks: int
    memory: float  #: Bytes of a rank.
    flops: float  #: Operations a second with numbers of two bytes; half of it with four.
    inside: float  #: Bytes a second that leave a rank for others of its node.
    between: float  #: The same for ranks of other nodes.
    node: int = 8  #: Ranks in a node.
    latency: float = 1e-5  #: Seconds of a message that has no bytes.
    share: float = 0.5  #: Of `flops` that products reach.

    def __post_init__(self) -> None:
        wrong = {name: value for name, value in vars(self).items() if not value > 0}
        if wrong or self.ranks != int(self.ranks):
            raise DifferentiationValueError(
                f"a cluster was given {wrong or {'ranks': self.ranks}}. Give a whole number of "
                "ranks, and sizes and rates above 0."
            )

    def bandwidth(self, span: int) -> float:
        """Bytes a second between ranks that lie within so many neighbours."""
        return self.inside if span <= self.node else self.between


# book/scale/planning.md: Parameters of a rank
from autograd_book.scale.grid import Layout
from autograd_book.systems.budget import MOMENTS, PRECISIONS, RECOMPUTED, Sizes, parameters


def block_numbers(sizes: Sizes, tensor: int) -> tuple[int, int]:
    """Parameters of one block on a rank: those that are cut, and those that all ranks have."""
    found, h = parameters(sizes), sizes.width
    matrices = (found["attention"] + found["perceptrons"]) // sizes.blocks
    return (matrices + 7 * h) // tensor, 6 * h


def end_numbers(sizes: Sizes, layout: Layout, place: int) -> tuple[int, int]:
    """Parameters before the first and behind the last block, on a place in the line."""
    h, words = sizes.width, sizes.words
    again = sizes.tied and layout.pipeline > 1  # a table that both ends use is there twice
    behind = 2 * h + words * (not sizes.tied) + words * h * (again or not sizes.tied)
    first, last = place == 0, place == layout.pipeline - 1
    return parameters(sizes)["tables"] * first, behind * last


def rank_numbers(sizes: Sizes, layout: Layout, place: int) -> int:
    """Parameters of a rank, whole."""
    blocks = sizes.blocks // layout.pipeline
    ends = end_numbers(sizes, layout, place)
    return blocks * sum(block_numbers(sizes, layout.tensor)) + sum(ends)


# book/scale/planning.md: Memory
#: By what is computed again: of the arrays that a block keeps, those that are whole on each
#: rank of `tensor`, and those that are cut.
CUT = {"nothing": (2, 12), "attention": (2, 12), "blocks": (0, 1)}
assert all(sum(CUT[name]) == arrays for name, (arrays, _, _) in RECOMPUTED.items())


def micro_batches(sizes: Sizes, layout: Layout) -> int:
    """Micro-batches in a step."""
    return sizes.batch // (layout.data * layout.micro)


def unit_of(sizes: Sizes, layout: Layout) -> float:
    """Bytes of this rank's words times width, in one micro-batch."""
    words = layout.micro * sizes.context / layout.tensor
    return words * sizes.width * PRECISIONS[layout.precision].value


def weights_of(sizes: Sizes, layout: Layout) -> float:
    """Bytes of the weights of attention of one block and micro-batch on a rank."""
    return unit_of(sizes, layout) * sizes.heads * sizes.context / sizes.width


def block_bytes(sizes: Sizes, layout: Layout, recompute: str) -> float:
    """Bytes that one block keeps of one micro-batch on a rank."""
    whole, cut = CUT[recompute]
    arrays = (whole * layout.tensor + cut) * unit_of(sizes, layout)
    return arrays + RECOMPUTED[recompute][1] * weights_of(sizes, layout)


def held_bytes(sizes: Sizes, layout: Layout, place: int) -> dict[str, float]:
    """Bytes of a rank that are there from step to step, and its gradients."""
    each, number = PRECISIONS[layout.precision], rank_numbers(sizes, layout, place)
    divided = {stage: layout.data if layout.stage >= stage else 1 for stage in (1, 2)}
    added = micro_batches(sizes, layout) > 1
    memories = each.master + each.moment * MOMENTS["Adam"]
    return {
        "parameters": each.parameter * number / divided[2],
        "gradients": each.gradient * number * added / divided[2],
        "optimizer": memories * number / divided[1],
    }


# book/scale/planning.md: Memory
def work_bytes(sizes: Sizes, layout: Layout, place: int) -> dict[str, float]:
    """Bytes in use at the moments that compete for the peak, beyond what is held, and what
    is saved when the way back begins."""
    t, h, words = layout.tensor, sizes.width, sizes.words
    each, blocks = PRECISIONS[layout.precision], sizes.blocks // layout.pipeline
    number = rank_numbers(sizes, layout, place)
    tables, behind = end_numbers(sizes, layout, place)
    unit, weights = unit_of(sizes, layout), weights_of(sizes, layout)
    spread = layout.data if layout.stage > 1 else 1
    block = sum(block_numbers(sizes, t))
    fresh = each.gradient / spread  # bytes of a gradient that this walk has found
    second = 4 * h * h // t * each.gradient  # the second matrix of a perceptron, or its gradient
    saved = block_bytes(sizes, layout, layout.recompute) + whole_bytes(sizes, layout)
    again = block_bytes(sizes, layout, "nothing") if layout.recompute == "blocks" else 0.0
    if layout.recompute == "attention":
        again = weights
    inner = again + max(10 * unit + second, 3 * weights - (6 + t) * unit)
    inner += second * {2: -1, 3: 2}.get(layout.stage, 0)
    scores = 4 * words * layout.micro * sizes.context / t * (behind > 0)
    largest = max(4 * h * h // t, words * h * (tables > 0 or behind > 0)) * each.gradient
    kept = min(micro_batches(sizes, layout), layout.pipeline - place)
    copies = 3 + 1 / layout.data - (micro_batches(sizes, layout) > 1)
    flat = copies * each.gradient * number - kept * blocks * saved
    return {
        "the loss": 3 * unit * (behind > 0) + 3.25 * scores,
        "way back of the last block": behind * fresh + inner,
        "way back of the first": (behind + (blocks - 1) * block) * fresh + inner
        - (blocks - 1) * saved,
        "end of the way back": number * fresh + largest - blocks * saved + 2 * unit * (place > 0),
        "sums over tensor": (3 * t + 4) * unit * (t > 1) + again,
        "step of stage 1": flat * (layout.stage == 1),
    }


def whole_bytes(sizes: Sizes, layout: Layout) -> float:
    """Bytes of whole parameters that the graph of a block keeps in stage 2."""
    h = sizes.width
    numbers = 12 * h * h // layout.tensor + 2 * h
    return numbers * PRECISIONS[layout.precision].parameter * (layout.stage == 2)


# book/scale/planning.md: Memory
def rank_bytes(sizes: Sizes, layout: Layout, place: int = 0) -> dict[str, float]:
    """Most bytes that a rank has in use at a time, by what they are for.

    Parameters
    ----------
    place : int
        In the line, from 0.
    """
    blocks = sizes.blocks // layout.pipeline
    kept = min(micro_batches(sizes, layout), layout.pipeline - place)
    letters = kept * (place < layout.pipeline - 1) + (place > 0)
    each = block_bytes(sizes, layout, layout.recompute) + whole_bytes(sizes, layout)
    held = held_bytes(sizes, layout, place)
    if kept == micro_batches(sizes, layout):  # nothing has gone back when all have come
        held["gradients"] = max(0.0, held["gradients"] - (kept - 1) * blocks * each)
    return held | {
        "saved values": kept * blocks * each,
        "letters": letters * unit_of(sizes, layout),
        "at work": max(work_bytes(sizes, layout, place).values()),
    }


# book/scale/planning.md: Bytes that are sent
def ring(n: int, nbytes: float) -> float:
    """Bytes that leave a rank when an array is summed over n ranks and all get the sum."""
    return 2 * (n - 1) / n * nbytes


def sent_bytes(sizes: Sizes, layout: Layout, place: int = 0) -> dict[str, float]:
    """Bytes that leave a rank in a step, along each side of the box."""
    each, number = PRECISIONS[layout.precision], rank_numbers(sizes, layout, place)
    m, unit, t = micro_batches(sizes, layout), unit_of(sizes, layout), layout.tensor
    blocks, scattered = sizes.blocks // layout.pipeline, each.gradient * number
    calls = 11 if layout.recompute == "blocks" or layout.stage == 3 else 8
    common = blocks * block_numbers(sizes, t)[1] + sum(end_numbers(sizes, layout, place))
    rounds = {2: m, 3: 1.5 * m}.get(layout.stage, 1)
    letters = m * ((place < layout.pipeline - 1) + (place > 0))
    found = {
        "data": rounds * ring(layout.data, scattered),
        "tensor": calls * blocks * m * (t - 1) * unit + ring(t, each.gradient * common),
        "pipeline": letters * unit,
    }
    sums = (layout.data, t, layout.pipeline)
    return {name: found[name] + ring(n, 8) for name, n in zip(found, sums)}  # 8: the loss


# book/scale/planning.md: Time
from autograd_book.systems.budget import products, step_products


def slowest_products(sizes: Sizes, layout: Layout, recompute: str) -> float:
    """Operations of the rank that has most of them."""
    found = step_products(sizes, recompute)
    blocks = found["with weights"] + found["between words"]
    return (blocks / layout.pipeline + found["readout"]) / (layout.data * layout.tensor)


def messages(sizes: Sizes, layout: Layout) -> dict[str, float]:
    """Collectives and letters that wait for each other in a step on a rank."""
    blocks, m = sizes.blocks // layout.pipeline, micro_batches(sizes, layout)
    again = layout.recompute == "blocks" or layout.stage == 3
    return {
        "data": (layout.data > 1) * blocks * {2: 2 * m, 3: 3 * m}.get(layout.stage, 1),
        "tensor": (layout.tensor > 1) * blocks * m * (11 if again else 8),
        "pipeline": (layout.pipeline > 1) * 2 * m,
    }


def step_seconds(sizes: Sizes, layout: Layout, cluster: Cluster) -> dict[str, float]:
    """Seconds of a step, by what they are for."""
    wide = PRECISIONS[layout.precision].value > 2
    rate = cluster.flops * cluster.share / (1 + wide)
    once = slowest_products(sizes, layout, "nothing") / rate
    again = slowest_products(sizes, layout, layout.recompute) / rate - once
    sent = sent_bytes(sizes, layout, layout.pipeline // 2)
    calls = {name: n * cluster.latency for name, n in messages(sizes, layout).items()}
    span = layout.data * layout.tensor
    return {
        "arithmetic": once,
        "computed again": again,
        "idle in the line": (layout.pipeline - 1) / micro_batches(sizes, layout) * (once + again),
        "sums over tensor": sent["tensor"] / cluster.bandwidth(layout.tensor) + calls["tensor"],
        "sums over data": sent["data"] / cluster.bandwidth(span) + calls["data"],
        "letters in the line": sent["pipeline"] / cluster.bandwidth(cluster.ranks) + calls["pipeline"],
    }


# book/scale/planning.md: The search
from collections.abc import Iterator, Sequence

#: For each stage, what may be computed again.
ALLOWED = {0: tuple(CUT), 1: tuple(CUT), 2: ("nothing", "attention"), 3: ("blocks",)}


def divisors(*numbers: int) -> list[int]:
    """Whole numbers that divide all of some."""
    return [d for d in range(1, min(numbers) + 1) if not any(n % d for n in numbers)]


def boxes(sizes: Sizes, ranks: int) -> Iterator[tuple[int, int, int]]:
    """Ranks along the three sides, for all ways to divide the network and the batch."""
    for t in divisors(ranks, sizes.heads, sizes.context, sizes.width):
        for p in divisors(ranks // t, sizes.blocks):
            if sizes.batch % (d := ranks // (t * p)) == 0:
                yield d, t, p


def layouts(sizes: Sizes, ranks: int, precisions: Sequence[str]) -> Iterator[Layout]:
    """All layouts of a network for a number of ranks."""
    for d, t, p in boxes(sizes, ranks):
        micros = [2**k for k in range(7) if sizes.batch // d % 2**k == 0]
        for stage in ALLOWED if d > 1 else (0,):
            for again in ALLOWED[stage]:
                for precision in precisions:
                    yield from (Layout(d, t, p, stage, again, precision, b) for b in micros)


# book/scale/planning.md: The search
from dataclasses import asdict
from typing import Any

from autograd_book.memory.report import Table
from autograd_book.systems.budget import amount, expect_known


@dataclass(frozen=True)
class TrainingPlan:
    """A layout, and what is predicted for it."""

    sizes: Sizes
    cluster: Cluster
    layout: Layout
    nbytes: dict[str, float]  #: Of the rank that has most.
    seconds: dict[str, float]  #: Of a step, by what they are for.
    binds: str  #: Memory, or the largest part of the time.

    @property
    def total(self) -> float:
        """Bytes of a rank at the peak."""
        return sum(self.nbytes.values())

    @property
    def step(self) -> float:
        """Seconds of a step."""
        return sum(self.seconds.values())

    def table(self) -> Table:
        """The layout, and rows with their shares."""
        chosen = self.layout
        box = f"{chosen.data} x {chosen.tensor} x {chosen.pipeline}"
        rows = [("data x tensor x pipeline", box, ""), ("stage", chosen.stage, "")]
        rows += [("computed again", chosen.recompute, ""), ("precision", chosen.precision, "")]
        rows += [("texts in a micro-batch", chosen.micro, "")]
        rows += [(n, amount(b, "B"), f"{b / self.total:.0%}") for n, b in self.nbytes.items() if b]
        of = f"{self.total / self.cluster.memory:.0%} of a rank"
        rows.append(("memory", amount(self.total, "B"), of))
        for name, spent in self.seconds.items():
            rows.append((name, f"{spent:.3g} s", f"{spent / self.step:.0%}"))
        rows += [("step", f"{self.step:.3g} s", ""), ("what binds", self.binds, "")]
        return Table(("plan", "amount", "share"), rows)

    def __repr__(self) -> str:
        return repr(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    def to_dict(self) -> dict[str, Any]:
        """All figures in plain types, as for JSON."""
        return asdict(self) | {"total": self.total, "step": self.step}


# book/scale/planning.md: The search
def largest_bytes(sizes: Sizes, layout: Layout) -> dict[str, float]:
    """Bytes of the place in the line that has most."""
    places = sorted({0, layout.pipeline - 1})
    rows = [rank_bytes(sizes, layout, place) for place in places]
    return max(rows, key=lambda row: sum(row.values()))


def what_binds(seconds: dict[str, float], fastest: float) -> str:
    """Memory, if what does not fit is faster; else where most of the time goes."""
    if sum(seconds.values()) > 1.02 * fastest:
        return "memory"
    return max(seconds, key=lambda name: seconds[name])


def predicted(
    sizes: Sizes, cluster: Cluster, layout: Layout, fastest: float | None = None
) -> TrainingPlan:
    """What is predicted for one layout, whether it fits or not."""
    nbytes, seconds = largest_bytes(sizes, layout), step_seconds(sizes, layout, cluster)
    binds = what_binds(seconds, fastest or sum(seconds.values()))
    return TrainingPlan(sizes, cluster, layout, nbytes, seconds, binds)


def plan_training(
    sizes: Sizes, cluster: Cluster, precisions: Sequence[str] = ("mixed",)
) -> TrainingPlan:
    """The fastest layout of a training step that fits into memory, among all.

    Parameters
    ----------
    sizes : Sizes
        Of the network; `batch` is that of a whole step.
    cluster : Cluster
        All of its ranks are used.
    precisions : sequence of str
        Keys of `PRECISIONS` that may be chosen.

    Raises
    ------
    DifferentiationValueError
        If no layout divides the network and the batch, or none fits.
    """
    for precision in precisions:
        expect_known("precision", precision, PRECISIONS)
    timed = [
        (sum(step_seconds(sizes, layout, cluster).values()), layout)
        for layout in layouts(sizes, cluster.ranks, precisions)
    ]
    if not timed:
        raise DifferentiationValueError(
            f"{sizes} cannot be divided over {cluster.ranks} ranks. Choose a batch, heads or "
            "blocks that the number of ranks has factors in common with."
        )
    timed.sort(key=lambda pair: pair[0])
    for _, layout in timed:
        if sum(largest_bytes(sizes, layout).values()) <= cluster.memory:
            return predicted(sizes, cluster, layout, timed[0][0])
    least = min(sum(largest_bytes(sizes, layout).values()) for _, layout in timed)
    raise DifferentiationValueError(
        f"none of {len(timed)} layouts fits: the least takes {amount(least, 'B')} on a rank of "
        f"{amount(cluster.memory, 'B')}. Give more ranks, more memory, or shorter texts."
    )
