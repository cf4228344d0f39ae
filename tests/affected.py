"""Which tests a change can break, nearest first: `make test-quick`."""

import ast
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
MANY = 15  # files of tests that run while an author waits
sys.path.insert(0, str(ROOT / "book" / "_ext"))


def git(*command):
    """What git answers, line by line."""
    return subprocess.run(["git", *command], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()


def changed_files(since):
    """The files that differ from a commit, and those that git does not know yet."""
    return set(git("diff", "--name-only", since)) | set(git("ls-files", "--others", "--exclude-standard"))


def exporting(root=ROOT):
    """The chapters, as far as they export: from the package, which is quicker read than the book."""
    from autograd_book.literate.read import Cell, Chapter, contents

    for _, name in contents(root):
        chapter = Chapter(f"book/{name}.md")
        module = root / chapter.file
        yield replace(chapter, cells=(Cell(0, 1, module.read_text("utf-8"), ("export",)),)) if module.is_file() else chapter


def affected(files, chapters):
    """A function that tells of a test's file whether it is, uses or names one of the changed files, or is the test of a changed chapter."""
    from dependencies import PACKAGE, Imports

    graph = Imports(chapters)
    changed = {chapter.module for chapter in chapters if chapter.path in files}
    # tests/rules/test_scans.py is about book/rules/scans.md; what stands directly below tests, about the whole.
    places = [file.removeprefix("book/").removesuffix(".md").rpartition("/") for file in files if file.startswith("book/") and file.endswith(".md")]
    tested = tuple(f"tests/{folder}/test_{name}" if folder else "tests/test_" for folder, _, name in places)

    def helpers(path, tree):
        names = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        names += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
        found = [place / f"{name.replace('.', '/')}.py" for name in names if name for place in (path.parent, ROOT / "tests", ROOT / "book" / "_ext")]
        return {place for place in found if place.is_file()}

    @cache
    def reaches(path):
        """What a file names of the package, and the files beside it that it imports."""
        tree = ast.parse(path.read_text("utf-8"))
        return set(graph.named(tree, PACKAGE, whole=False)), helpers(path, tree)

    def touched(path, seen=()):
        name = path.relative_to(ROOT).as_posix()
        if name in files or name.startswith(tested):
            return True
        named, beside = reaches(path)
        return bool(named & changed) or any(touched(helper, (*seen, path)) for helper in beside if helper not in seen)

    return touched


def nearest(reached, own, changed):
    """Of the files of tests that a change reaches, those to run at once, and those that are too many: at the ground of the engine it reaches all."""
    parts = {f"tests/{part}" for part in (file.split("/")[1] for file in changed if file.startswith("book/") and file.count("/") > 1)}
    near = [path for path in reached if path in own or path.parent.relative_to(ROOT).as_posix() in parts]
    return (reached, []) if len(reached) <= MANY else (near, [path for path in reached if path not in near])


def elsewhere(files, cases):
    """A function that tells of a test's parameters whether they are of a chapter of rules that was not changed."""
    other = {chapter: table for chapter, table in cases.items()
             if not {f"book/{chapter.replace('.', '/')}.md", f"tests/cases/{chapter.rpartition('.')[2]}.py"} & set(files)}
    known = {id(case) for table in other.values() for group in table.values() for case in group}
    return lambda params: id(params.get("case")) in known or params.get("chapter") in list(other)
