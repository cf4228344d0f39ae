"""Cases for book/rules/activations.md."""

from collections.abc import Iterator

from casework import Case

from cases.elementwise import BENDS, over_domains


def cases() -> Iterator[tuple[str, Case]]:
    yield from over_domains(BENDS)
