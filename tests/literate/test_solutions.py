"""Code that a solution quotes stands in a cell of its chapter, so the build runs it."""

import ast
import re
from pathlib import Path

import pytest

from autograd_book.literate.read import find_root, survey

DROPDOWN = re.compile(r"^(`{3,}|:{3,})\{dropdown\} (?:Solution|Model answer)s?\n(.*?)^\1$", re.M | re.S)
QUOTED = re.compile(r"(?<![}`])`([^`]+)`")
FENCE = re.compile(r"^ *(`{3,}|~{3,}) *(?:py|python|ipython)3?\b", re.M)
BOOK = survey(find_root(Path(__file__).parent))[0]
CHAPTERS = [chapter for chapter in BOOK if DROPDOWN.search(chapter.text)]
by_chapter = pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.docname)


def dense(code):
    """Code without spaces, and with one kind of quotes."""
    return re.sub(r"\s+", "", code).replace("'", '"')


def is_code(quoted):
    """Whether a quotation does something: more than names, numbers and calls without arguments."""
    try:
        tree = ast.parse(quoted.strip())
    except SyntaxError:
        try:  # a list of keyword arguments
            tree = ast.parse(f"dict({quoted})")
        except SyntaxError:
            return False
    plain = ast.Module, ast.Expr, ast.Name, ast.Attribute, ast.Constant, ast.expr_context, ast.UnaryOp, ast.unaryop
    nodes = [node for node in ast.walk(tree) if not isinstance(node, plain)]
    return any(not isinstance(node, ast.Call) or node.args or node.keywords for node in nodes)


def unrun(chapter):
    """Quotations of code in the chapter's solutions that no cell contains."""
    run = dense("\n".join(cell.source for cell in chapter.cells))
    quoted = [code for solution in DROPDOWN.finditer(chapter.text) for code in QUOTED.findall(solution[2])]
    return [code for code in quoted if is_code(code) and dense(code) not in run]


@by_chapter
def test_code_in_a_solution_stands_in_a_cell_that_the_build_runs(chapter):
    assert unrun(chapter) == []


def test_what_counts_as_code_is_more_than_a_name():
    assert list(map(is_code, ("f(x)", "x + 1", "x=lambda g: g, y=lambda g: -g", "x[None]", "del x"))) == [True] * 5
    assert list(map(is_code, ("f", "np.sum", "backward()", "--help", "where ab.grad"))) == [False] * 5


def test_no_chapter_shows_python_in_a_fence_that_does_not_run():
    assert [chapter.path for chapter in BOOK if FENCE.search(chapter.text)] == []
