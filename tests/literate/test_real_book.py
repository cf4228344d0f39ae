"""The machinery applied to this very book."""

import ast
import shutil
import subprocess
import sys
import traceback
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import CodeType

import numpy as np
import pytest
from small_book import export, synopsis

from autograd_book.literate import extract as extractor
from autograd_book.literate.checks import MARKER, defined, imports, parse, public, read_book
from autograd_book.literate.extract import blocks, extract, fingerprint, locate, main, modules, on_disk, places, render
from autograd_book.literate.read import SOURCE, contents, dotted
from autograd_book.literate.weave import anchor, explained
from autograd_book.literate.where import where


def test_the_package_is_up_to_date(root):
    changed, diff = extract(root, check=True)
    assert not changed, f"run `autograd-book extract`\n{diff}"


def test_a_mutation_of_any_exported_cell_makes_the_package_stale(root, chapters):
    disk = on_disk(root)
    assert modules(chapters) == disk
    for chapter in chapters:
        for cell in chapter.exports:
            mutated = cell._replace(source=f"{cell.source}\n_mutated = True")
            fresh = replace(chapter, cells=tuple(mutated if other is cell else other for other in chapter.cells))
            assert fingerprint(render(fresh)) != fingerprint(disk[chapter.file]), f"{chapter.path}:{cell.line}"


@pytest.fixture
def copy(root, tmp_path):
    for name in ("book", SOURCE):
        shutil.copytree(root / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "_build", "jupyter_execute"))
    if (root / "_config.yml").exists():
        shutil.copy(root / "_config.yml", tmp_path)
    return tmp_path


def test_a_stale_copy_fails_the_check_until_it_is_extracted_again(copy, chapters):
    chapter = [chapter for chapter in chapters if chapter.exports][-1]
    file = copy / chapter.path
    line = chapter.exports[-1].line - 1
    lines = chapter.text.split("\n")
    file.write_text("\n".join([*lines[:line], "_mutated = True", *lines[line:]]))
    arguments = ["extract", "--root", str(copy)]
    assert [main([*arguments, "--check"]), main(arguments), main([*arguments, "--check"])] == [1, 0, 0]


def test_extraction_from_nothing_gives_the_committed_bytes_and_a_second_one_writes_nothing(root, copy):
    committed = {file: (root / file).read_bytes() for file in on_disk(root)}
    for file in committed:
        (copy / file).unlink()
    extract(copy)
    times = {file: (copy / file).stat().st_mtime_ns for file in committed}
    assert {file: (copy / file).read_bytes() for file in committed} == committed
    assert extract(copy) == ([], "")
    assert {file: (copy / file).stat().st_mtime_ns for file in committed} == times


def test_modules_import_only_from_chapters_that_stand_before_them(root):
    order = {}
    for _, name in contents(root):
        order[dotted(name)] = len(order)
    for chapter in read_book(root):
        for cell in chapter.exports:
            for found in imports(ast.parse(cell.source), chapter):
                part = f"{found.module}.{found.name}"
                for name in {part} if part in order else {found.module, part}:
                    assert order.get(name, -1) < order[chapter.module], f"{chapter.path}:{cell.line}: {name}"


def test_a_class_has_a_name_that_no_other_room_has(chapters):
    """The machinery of the book is a program of its own beside the engine. One name is left to be settled: the plan of
    a primitive's rules, and that of a graph's memory."""
    homes = Counter(
        (node.name, chapter.module.startswith("autograd_book.literate."))
        for chapter in chapters for cell in chapter.exports for node in ast.parse(cell.source).body
        if isinstance(node, ast.ClassDef)
    )
    assert {name for (name, _), rooms in homes.items() if rooms > 1} <= {"Plan"}


def test_a_function_has_a_name_that_no_other_room_has(chapters):
    """A name of NumPy's says what it says there, in however many of its modules. The parts behind memory are young, and
    not held to this yet."""
    parts = ("graph", "rules", "modes", "learn", "stability", "memory")
    homes = Counter()
    for chapter in chapters:
        if chapter.path.split("/")[1] in parts:
            nodes = (node for cell in chapter.exports for node in ast.parse(cell.source).body)
            homes.update({node.name for node in nodes if isinstance(node, ast.FunctionDef)})
    assert [name for name, rooms in homes.items() if rooms > 1 and not hasattr(np, name)] == []


def test_importing_the_modules_one_after_the_other_loads_none_before_its_turn(root, chapters):
    exporting = [chapter.module for chapter in chapters if chapter.exports and "__" not in chapter.module]
    later = {module: set(exporting[place + 1 :]) for place, module in enumerate(exporting)}
    needed = {c.module: {i.module for cell in c.exports for i in imports(ast.parse(cell.source), c)} for c in chapters}
    assert [module for module in exporting if needed[module] & later[module]] == []


def codes(code):
    """The code objects right below this one."""
    return [constant for constant in code.co_consts if isinstance(constant, CodeType)]


def essence(code):
    """A code object without lines, columns and file, recursively."""
    constants = [essence(c) if isinstance(c, CodeType) else (type(c).__name__, repr(c)) for c in code.co_consts]
    arguments = code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags
    names = code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars
    return code.co_name, code.co_qualname, code.co_code, code.co_exceptiontable, arguments, names, constants


def compiled(chapter, text):
    """The code of each exported cell, among the imports of its chapter, on the lines where it stands in the module.

    The compiler calls a method in another way when it sees that the object is an imported module, and from Python 3.13 on
    a class knows its first line.
    """
    above = [block.line - 1 for block in blocks(text)]
    trees = [ast.increment_lineno(ast.parse(c.source), n) for c, n in zip(chapter.exports, above, strict=True)]
    known = [s for tree in trees for s in tree.body if isinstance(s, ast.Import | ast.ImportFrom)]
    return [compile(ast.Module([*known, *t.body], []), "<cell>", "exec", dont_inherit=True) for t in trees]


def test_code_objects_of_cells_and_package_are_equal(root, chapters):
    for chapter in (chapter for chapter in chapters if chapter.exports):
        text = (root / chapter.file).read_text()
        package = compile(text, chapter.file, "exec", dont_inherit=True)
        from_cells = [essence(code) for cell in compiled(chapter, text) for code in codes(cell)]
        assert from_cells == [essence(code) for code in codes(package)], chapter.path


def test_statements_of_cells_and_package_are_equal(root, chapters):
    for chapter in (chapter for chapter in chapters if chapter.exports):
        _, face, *body = ast.parse((root / chapter.file).read_text()).body
        cells = [statement for cell in chapter.exports for statement in ast.parse(cell.source).body]
        assert ast.dump(face.targets[0] if isinstance(face, ast.Assign) else face.target) == "Name(id='__all__', ctx=Store())"
        assert [ast.dump(s) for s in body] == [ast.dump(s) for s in cells], chapter.path


def test_every_marker_names_its_chapter_and_a_heading_that_stands_there(root, chapters):
    headings = {chapter.path: {heading.title for heading in chapter.headings} for chapter in chapters}
    for file, text in on_disk(root).items():
        for marker in MARKER.finditer(text):
            assert marker[2] in headings[marker[1]], f"{file}: {marker[0]}"


def test_a_block_is_found_in_its_chapter_where_the_reader_of_cells_finds_it(root, chapters):
    for chapter in chapters:
        if chapter.exports:
            found = [place for _, place in places((root / chapter.file).read_text(), chapter.text)]
            assert found == [cell.line for cell in chapter.exports], chapter.path


def test_an_error_inside_the_package_leads_to_the_line_of_the_chapter(root):
    with pytest.raises(TypeError) as caught:
        locate(None, 1)
    frame = next(f for f in reversed(traceback.extract_tb(caught.tb)) if f.filename == extractor.__file__)
    path, _, line = where(f"{frame.filename}:{frame.lineno}", root / SOURCE).rpartition(":")
    assert path == "book/literate/extract.md"
    assert (root / path).read_text().split("\n")[int(line) - 1].strip() == frame.line


def test_every_public_name_of_the_package_leads_to_a_line_that_defines_it(root, chapters):
    for chapter in chapters:
        for cell in chapter.exports:
            for line, name in defined(parse(cell.source).body):
                path, _, found = where(f"{chapter.module}.{name}", root / SOURCE).rpartition(":")
                if path == chapter.path:  # otherwise it is passed on from another chapter
                    assert int(found) == cell.line + line - 1, name


def test_every_part_has_its_page_of_the_reference(root, chapters):
    parts = {chapter.docname.rpartition("/")[0] or "whole" for chapter in chapters if chapter.exports}
    listed = {name.removeprefix("api/") for _, name in contents(root) if name.startswith("api/")}
    assert listed == parts, "each part that exports has a page book/api/PART.md with a heading, and a line `- file: api/PART` in book/_toc.yml; no other has"


def test_every_public_name_of_the_package_is_explained_in_a_section(chapters):
    places = explained(chapters)
    for chapter in chapters:
        for name in public(chapter):
            assert f"{chapter.module}.{name}" in places
    assert [name for name, place in places.items() if not place.anchor] == []


def test_anchors_of_the_real_headings_are_those_of_docutils(chapters):
    nodes = pytest.importorskip("docutils.nodes")
    for chapter in chapters:
        for heading in chapter.headings:
            if not {"{", "$", "["} & set(heading.title):
                assert anchor(heading.title) == nodes.make_id(heading.title.replace("`", " ")), chapter.path


def test_commands_have_modules_with_a_main(root, chapters):
    from autograd_book.__main__ import COMMANDS

    exporting = {chapter.module: public(chapter) for chapter in chapters}
    modules = {f"autograd_book.{module}" for module, _, _ in COMMANDS.values()}
    assert [module for module in modules & set(exporting) if "main" not in exporting[module]] == []
    if missing := modules - set(exporting):
        pytest.skip(f"not written yet: {missing}")


def test_the_extractor_runs_as_a_script_alone_and_mends_a_package_that_does_not_import(small, tmp_path):
    script = shutil.copytree(Path(extractor.__file__).parent, tmp_path / "literate") / "extract.py"
    small.chapter("a", synopsis(), export("x = 1"))
    extract(small.root)
    small.module("a").write_text("1 / 0\n")
    command = [sys.executable, str(script), "extract", "--root", str(small.root)]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 1 and "was not generated" in run.stderr
    small.module("a").unlink()
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert "x = 1" in small.module("a").read_text()


def test_code_in_the_chapters_on_the_machinery_fits_the_page(chapters):
    wide = []
    for chapter in (chapter for chapter in chapters if chapter.docname.startswith("literate/")):
        lines = ((cell.line + n, line) for cell in chapter.cells for n, line in enumerate(cell.source.split("\n")))
        wide += [f"{chapter.path}:{number}" for number, line in lines if len(line) > 96]
    assert wide == []


def test_what_a_style_file_leaves_behind_hides_nothing_that_a_chapter_exports(root, chapters):
    styles = {path.name: {n for _, n in defined(ast.parse(path.read_text()).body)} for path in (root / "book/_style").glob("*.py")}
    hidden = []
    for chapter in chapters:
        left = {name for style, found in styles.items() if f"_style/{style}" in chapter.text for name in found}
        exported = {name for cell in chapter.exports for _, name in defined(parse(cell.source).body)}
        hidden += [f"{chapter.path}: {name}" for name in left & exported if not name.startswith("_")]
    assert hidden == []
