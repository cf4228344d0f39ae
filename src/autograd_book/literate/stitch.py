"""The way back.

An edit of the package is carried into the cell that it came from, also when
other cells of the chapter have changed since. What cannot be told is refused.

::

    from tempfile import TemporaryDirectory

    from autograd_book.literate.extract import extract
    from autograd_book.literate.stitch import stitch

    %run ../_style/small_book.py

    with TemporaryDirectory() as folder:
        one = page("One", ("synopsis", "twice(2)"), ("export", "def twice(x):\\n    return x + x"))
        book = small_book(folder, one=one)
        extract(book)
        module = book / "src/autograd_book/one.py"
        module.write_text(module.read_text().replace("x + x", "2 * x"))
        print(stitch(book), "2 * x" in (book / "book/one.md").read_text())
"""
# Generated from book/literate/stitch.md by autograd-book extract; edit the chapter, not this file.
# sha256: 2efa557f33d5d8b6101f4722597e153d63a9aa1c516e32ab3c9bc1a413b5bdeb

__all__ = ["original", "carry", "restitch", "stitch", "main"]


# book/literate/stitch.md: What was edited
from argparse import Namespace
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from itertools import combinations, islice, product
from pathlib import Path

from autograd_book.literate.checks import MARKER, faults, read_book
from autograd_book.literate.extract import (
    HASH,
    alone,
    blocks,
    digest,
    fingerprint,
    first_difference,
    guard,
    modules,
    on_disk,
    render,
    state,
    trial,
    update,
    write,
)
from autograd_book.literate.read import (
    BookError,
    Cell,
    Chapter,
    command,
    extensions,
    find_root,
    parse_chapter,
    trim,
)


# book/literate/stitch.md: What was edited
def _parts(text: str) -> list[str]:
    head = MARKER.split(HASH.sub("", text, count=1))[0]
    return [trim(head), *(block.source for block in blocks(text))]


# book/literate/stitch.md: A lock and its keys
_TRIES = 20_000  #: Keys to be tried before the author is asked.


def _guesses(
    codes: list[str], cells: list[str], same: dict[int, int]
) -> Iterator[dict[int, int]]:
    ours = [place for place in range(len(codes)) if place not in same]
    theirs = [place for place in range(len(cells)) if place not in same.values()]
    most = min(len(ours), len(theirs))
    for size in sorted(range(most + 1), key=lambda size: min(size + 1, most - size)):
        for pair in product(combinations(ours, size), combinations(theirs, size)):
            yield dict(zip(*pair, strict=True))


def _same(codes: list[str], cells: list[str]) -> dict[int, int]:
    runs = SequenceMatcher(None, codes, cells, autojunk=False).get_matching_blocks()
    return {run.a + n: run.b + n for run in runs for n in range(run.size)}


# book/literate/stitch.md: A lock and its keys
def original(chapter: Chapter, text: str) -> tuple[str, dict[int, int]] | None:
    """Return the head that an edited module had, and the cells of its edited blocks."""
    head, *codes = _parts(text)
    cells = [cell.source for cell in chapter.exports]
    sealed = HASH.findall(text)[:1]
    heads = dict.fromkeys([head, _parts(render(chapter))[0]])
    guesses = islice(_guesses(codes, cells, _same(codes, cells)), _TRIES)
    for guess, known in product(guesses, heads):
        old = [cells[guess[n]] if n in guess else code for n, code in enumerate(codes)]
        pieces = [known, *(f"# {chapter.path}\n{code}" for code in old)]
        if [digest("\n\n\n".join(pieces) + "\n")] == sealed:
            return known, guess
    return None


# book/literate/stitch.md: Into the cell
def carry(chapter: Chapter, text: str, enabled: Iterable[str] = ()) -> Chapter:
    """Return a chapter that has the blocks of an edited module in its cells."""
    codes, cells = _parts(text)[1:], [cell.source for cell in chapter.exports]
    if fingerprint(text) == fingerprint(render(chapter)):
        return chapter
    if (found := original(chapter, text)) is None:
        raise BookError(_conflicts(chapter, text))
    lines = chapter.text.split("\n")
    for place, number in sorted(found[1].items(), key=lambda pair: -pair[1]):
        _put(lines, chapter.exports[number], codes[place])
        cells[number] = codes[place]
    fresh = parse_chapter(chapter.path, "\n".join(lines), enabled)
    heads = found[0], _parts(render(fresh))[0]
    if [cell.source for cell in fresh.exports] != cells or _parts(text)[0] not in heads:
        raise BookError([_outside(chapter.file, text, render(fresh))])
    return fresh


def _put(lines: list[str], cell: Cell, code: str) -> None:
    end = "\r" if lines[cell.line - 1].endswith("\r") else ""
    after = cell.line - 1 + len(cell.source.split("\n"))
    lines[cell.line - 1 : after] = [row + end for row in code.split("\n")]


# book/literate/stitch.md: Into the cell
def _conflicts(chapter: Chapter, text: str) -> Iterator[str]:
    ours, cells = [*blocks(text)], chapter.exports
    codes, sources = [b.source for b in ours], [cell.source for cell in cells]
    steps = SequenceMatcher(None, codes, sources, autojunk=False).get_opcodes()
    for _, first, last, start, end in (step for step in steps if step[0] != "equal"):
        n, m = last - first, end - start
        for k in range(n if n == m else 1):
            line = ours[min(first + k, len(ours) - 1)].line if ours else 1
            at = f"{chapter.path}:{cells[min(start + k, len(cells) - 1)].line}"
            fact = f"{n} block{'s' * (n != 1)} here against {m} at {at}: what was which"
            fact = f"this block and its cell at {at} differ: which is older" if n == m else fact
            remedy = "make one of them as it was, or both equal"
            yield f"{chapter.file}:{line}: {fact} cannot be told; {remedy}"


def _outside(file: str, text: str, aim: str) -> str:
    fact = "this edit lies outside the cells of any chapter"
    remedy = "edit the chapter, and delete this file"
    return f"{file}:{first_difference(text, aim)}: {fact}; {remedy}"


# book/literate/stitch.md: All or nothing
def restitch(root: Path) -> tuple[list[tuple[Chapter, Chapter]], list[Chapter]]:
    """Return the chapters that take up edits, before and after, and all as they then are."""
    chapters, disk, enabled = read_book(root), on_disk(root), extensions(root)
    edits = {file: text for file, text in disk.items() if state(text) == "edited"}
    texts, fresh = modules(chapters), []
    problems = guard({f: t for f, t in disk.items() if f not in edits}, texts)
    ours = {chapter.file for chapter in chapters if chapter.exports}
    for file in sorted(edits.keys() - ours):
        problems.append(_outside(file, edits[file], texts.get(file, "")))
    for chapter in chapters:
        edit = edits.get(chapter.file) if chapter.file in ours else None
        try:
            fresh.append(carry(chapter, edit, enabled) if edit else chapter)
        except BookError as error:
            problems += error.problems
    if problems := problems or faults(fresh) or trial(root, fresh):
        raise BookError(problems)
    pairs = zip(chapters, fresh, strict=True)
    return [pair for pair in pairs if pair[0].text != pair[1].text], fresh


# book/literate/stitch.md: All or nothing
def stitch(root: Path) -> list[str]:
    """Carry edits of generated files into their chapters; return those chapters."""
    with alone(root):
        changed, chapters = restitch(root)
        for old, new in changed:
            _expect(root, old)
            seal = f"# sha256: {fingerprint(render(old))}\n"
            write(root / new.file, HASH.sub(seal, render(new), count=1))
            write(root / new.path, new.text)
        update(root, chapters, on_disk(root))
        return [new.path for _, new in changed]


def _expect(root: Path, chapter: Chapter) -> None:
    if (root / chapter.path).read_bytes() != chapter.text.encode():
        fact = "this chapter was changed in the meantime; run the command again"
        raise BookError([f"{chapter.path}:1: {fact}"])


# book/literate/stitch.md: The command
def _stitch(options: Namespace) -> int:
    chapters = stitch(options.root or find_root(Path.cwd()))
    print("\n".join(f"{path}: stitched" for path in chapters) or "nothing to stitch")
    return 0


def main(argv: list[str] | None = None) -> int:
    """Run ``stitch``; return the exit status."""
    about = "carry edits of the package back into the chapters"
    return command(argv, "stitch", _stitch, about, {})
