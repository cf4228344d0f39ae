"""What a training step takes.

``budget`` adds up bytes and operations of one training step, from the sizes of
a transformer alone.

::

    from autograd_book.systems.budget import Sizes, budget, parameters

    gpt3 = Sizes(width=12288, heads=96, blocks=96, words=50257, context=2048, tied=True)
    print(f"{sum(parameters(gpt3).values()):,} parameters")
    print(budget(gpt3, precision="mixed", recompute="blocks"))
"""
# Generated from book/systems/budget.md by autograd-book extract; edit the chapter, not this file.
# sha256: 43331175a9c3e280feff711927a51367eea735226aa36807b1b60cae91d5e224

__all__ = [
    "Sizes",
    "sizes_of",
    "parameters",
    "Precision",
    "PRECISIONS",
    "MOMENTS",
    "states",
    "RECOMPUTED",
    "kept",
    "kept_bytes",
    "products",
    "step_products",
    "cache_bytes",
    "amount",
    "expect_known",
    "Budget",
    "budget",
]


# book/systems/budget.md: Six numbers
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Sizes:
    """Sizes of a transformer, and of what it is given at once."""

    width: int  #: Of the vector at each position.
    heads: int
    blocks: int
    words: int
    context: int  #: Words in a text.
    batch: int = 1  #: Texts in a step.
    tied: bool = False  #: Whether the table of words is used again to read out.

    @property
    def tokens(self) -> int:
        """Words in a step."""
        return self.batch * self.context


def sizes_of(network: Any, batch: int = 1) -> Sizes:
    """The sizes of a `Transformer` of this book."""
    words, width = network.tokens.weight.shape
    heads = network.blocks[0].attention.heads
    return Sizes(width, heads, len(network.blocks), words, network.context, batch)


# book/systems/budget.md: Parameters, exactly
def parameters(sizes: Sizes) -> dict[str, int]:
    """Numbers that are learned, by where they are."""
    h, blocks, words = sizes.width, sizes.blocks, sizes.words
    return {
        "attention": 4 * h * h * blocks,
        "perceptrons": 8 * h * h * blocks,
        "biases and norms": 13 * h * blocks + 2 * h + words * (not sizes.tied),
        "tables": (words + sizes.context) * h,
        "readout": words * h * (not sizes.tied),
    }


# book/systems/budget.md: States of the optimiser
@dataclass(frozen=True)
class Precision:
    """Bytes of a number, by what it is for."""

    parameter: int
    gradient: int
    master: int  #: Of the copy of parameters in single precision.
    moment: int  #: Of what an optimiser keeps.
    value: int  #: Of what is kept for the way back.


PRECISIONS = {
    "fp32": Precision(4, 4, 0, 4, 4),
    "mixed": Precision(2, 2, 4, 4, 2),
    "mixed, fp32 gradients": Precision(2, 4, 4, 4, 2),
    "bf16": Precision(2, 2, 0, 2, 2),
}
MOMENTS = {"SGD": 0, "momentum": 1, "Adam": 2}  #: Arrays for each parameter.


def states(sizes: Sizes, precision: str = "mixed", optimizer: str = "Adam") -> dict[str, int]:
    """Bytes of what there is between two steps, and of the gradients."""
    number, each = sum(parameters(sizes).values()), PRECISIONS[precision]
    return {
        "parameters": each.parameter * number,
        "gradients": each.gradient * number,
        "master copy": each.master * number,
        "optimizer state": each.moment * MOMENTS[optimizer] * number,
    }


# book/systems/budget.md: What is kept for the way back
#: By what is computed again: arrays of words times width that a block keeps, whether it
#: keeps the weights of its attention, and which products are done twice.
RECOMPUTED: dict[str, tuple[int, bool, tuple[str, ...]]] = {
    "nothing": (14, True, ()),
    "attention": (14, False, ("between words",)),
    "blocks": (1, False, ("with weights", "between words")),
}


def kept(sizes: Sizes, recompute: str = "nothing") -> dict[str, int]:
    """Numbers that are kept for the way back by the rules of this book."""
    arrays, weights, _ = RECOMPUTED[recompute]
    unit, squares = sizes.tokens * sizes.width, sizes.heads * sizes.context * sizes.tokens
    return {
        "in blocks": arrays * unit * sizes.blocks,
        "weights of attention": weights * squares * sizes.blocks,
        "behind the blocks": 3 * unit,
        "scores": sizes.words * sizes.tokens,
    }


def kept_bytes(sizes: Sizes, precision: str = "fp32", recompute: str = "nothing") -> int:
    """The same in bytes; scores are kept in single precision, right words as int64."""
    number, size = kept(sizes, recompute), PRECISIONS[precision].value
    scores = number.pop("scores")
    return size * sum(number.values()) + 4 * scores + 8 * sizes.tokens


# book/systems/budget.md: Operations
def products(sizes: Sizes) -> dict[str, int]:
    """Operations of matrix products on the way forward."""
    h, tokens, blocks = sizes.width, sizes.tokens, sizes.blocks
    return {
        "with weights": 24 * tokens * h * h * blocks,
        "between words": 4 * tokens * sizes.context * h * blocks,
        "readout": 2 * tokens * h * sizes.words,
    }


def step_products(sizes: Sizes, recompute: str = "nothing") -> dict[str, int]:
    """Operations of matrix products in a training step."""
    again = RECOMPUTED[recompute][2]
    return {name: (3 + (name in again)) * n for name, n in products(sizes).items()}


# book/systems/budget.md: Keys and values of what was written
def cache_bytes(sizes: Sizes, precision: str = "mixed") -> int:
    """Bytes of keys and values of all words, as kept while a text is written."""
    return 2 * sizes.blocks * sizes.tokens * sizes.width * PRECISIONS[precision].value


# book/systems/budget.md: The budget
def amount(number: float, unit: str) -> str:
    """A number in three digits, with the prefix of the unit that fits."""
    power = 0
    while number >= 1000 and power < 6:
        number, power = number / 1000, power + 1
    return f"{number:.{max(0, 3 - len(str(int(number))))}f} {' kMGTPE'[power].strip()}{unit}"


# book/systems/budget.md: The budget
from autograd_book.graph.errors import DifferentiationValueError, nearest
from autograd_book.memory.report import Table


def expect_known(what: str, name: Any, known: dict[str, Any]) -> None:
    """Raise DifferentiationValueError unless a table has a row of this name."""
    if name not in known:
        others = f"Choose one of {', '.join(known)}."
        raise DifferentiationValueError(
            f"budget was given {what}={name!r}, for which there is no formula. "
            + nearest(str(name), known, others)
        )


@dataclass(frozen=True)
class Budget:
    """Bytes and operations of one training step."""

    sizes: Sizes
    nbytes: dict[str, int]  #: By what they are for.
    flops: dict[str, int]  #: Of matrix products, by which.

    @property
    def total(self) -> int:
        """All bytes together."""
        return sum(self.nbytes.values())

    def seconds(self, flops: float, share: float = 1.0) -> float:
        """Time of a step at so many operations a second, of which a share is reached."""
        return sum(self.flops.values()) / (flops * share)

    def table(self) -> Table:
        """The rows, with their shares."""
        rows = [(n, amount(b, "B"), f"{b / self.total:.0%}") for n, b in self.nbytes.items()]
        rows.append(("together", amount(self.total, "B"), ""))
        whole = sum(self.flops.values())
        rows += [(n, amount(f, "FLOP"), f"{f / whole:.0%}") for n, f in self.flops.items()]
        return Table(("one step", "amount", "share"), rows)

    def __repr__(self) -> str:
        return repr(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    def to_dict(self) -> dict[str, Any]:
        """All figures in plain types, as for JSON."""
        return asdict(self) | {"total": self.total}


def budget(
    sizes: Sizes, *, precision: str = "mixed", optimizer: str = "Adam", recompute: str = "nothing"
) -> Budget:
    """Bytes and operations of a training step, by formulas.

    Parameters
    ----------
    sizes : Sizes
        Of the network and of a batch.
    precision, optimizer, recompute : str
        A row of `PRECISIONS`, `MOMENTS` and `RECOMPUTED`.
    """
    expect_known("precision", precision, PRECISIONS)
    expect_known("optimizer", optimizer, MOMENTS)
    expect_known("recompute", recompute, RECOMPUTED)
    found = states(sizes, precision, optimizer)
    found["saved values"] = kept_bytes(sizes, precision, recompute)
    return Budget(sizes, found, step_products(sizes, recompute))
