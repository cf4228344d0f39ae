"""Which tests a change can break, nearest first: `make test-quick`."""

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "book" / "_ext"))


def git(*command):
    """What git answers, line by line."""
    return subprocess.run(["git", *command], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()


def changed_files(since):
    """The files that differ from a commit, and those that git does not know yet."""
    return set(git("diff", "--name-only", since)) | set(git("ls-files", "--others", "--exclude-standard"))


def affected(files, chapters):
    """A function that tells of a test's file whether it is, uses or names one of the changed files, or is the test of a changed chapter."""
    from dependencies import PACKAGE, Imports, tree_of

    graph = Imports(chapters)
    changed = {chapter.module for chapter in chapters if chapter.path in files}
    # tests/rules/test_scans.py is about book/rules/scans.md; what stands directly below tests, about the whole.
    places = [chapter.docname.rpartition("/") for chapter in chapters if chapter.path in files]
    tested = tuple(f"tests/{folder}/test_{name}" if folder else "tests/test_" for folder, _, name in places)

    def helpers(path):
        tree = ast.parse(path.read_text())
        names = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        names += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
        found = [place / f"{name.replace('.', '/')}.py" for name in names if name for place in (path.parent, ROOT / "tests", ROOT / "book" / "_ext")]
        return {place for place in found if place.is_file()}

    def touched(path, seen=()):
        name = path.relative_to(ROOT).as_posix()
        if name in files or name.startswith(tested):
            return True
        named = set(graph.named(tree_of([path.read_text()]), PACKAGE, whole=False))
        return bool(named & changed) or any(touched(helper, (*seen, path)) for helper in helpers(path) if helper not in seen)

    return touched
