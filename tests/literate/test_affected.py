"""`make test-quick` runs what a change can break near to it."""

import pytest
from affected import MANY, ROOT, affected, elsewhere, exporting, nearest


@pytest.mark.parametrize(("changed", "run", "left"), [
    ("book/memory/schedule.md", "memory/test_schedule.py", "modes/test_trees.py"),
    ("book/modes/trees.md", "modes/test_trees.py", "memory/test_report.py"),
    ("book/__init__.md", "test_tour.py", "modes/test_trees.py"),
    ("book/rules/scans.md", "rules/test_rules.py", "learn/test_nn.py"),
    ("tests/casework.py", "rules/test_rules.py", "modes/test_trees.py"),
    ("tests/modes/test_trees.py", "modes/test_trees.py", "modes/test_batch.py"),
    ("book/_ext/outputs.py", "site/test_outputs.py", "modes/test_trees.py"),
])
def test_a_change_leads_to_the_tests_near_to_it(changed, run, left, chapters):
    wanted = affected({changed}, chapters)
    assert wanted(ROOT / "tests" / run)
    assert not wanted(ROOT / "tests" / left)


@pytest.mark.parametrize(("changed", "own", "near"), [
    ("book/memory/saved.md", "memory/test_saved.py", "modes/test_trees.py"),
    ("tests/vocabulary.py", "rules/test_rules.py", "modes/test_trees.py"),
])
def test_what_is_about_a_change_is_told_from_what_only_uses_it(changed, own, near):
    wanted = affected({changed}, ())
    assert wanted(ROOT / "tests" / own)
    assert not wanted(ROOT / "tests" / near)


def test_the_package_tells_what_the_chapters_export(chapters):
    exported = {chapter.path: "\n".join(cell.source for cell in chapter.exports) for chapter in chapters}
    found = {chapter.path: chapter.exports[0].source if chapter.exports else "" for chapter in exporting()}
    assert found.keys() >= exported.keys()
    assert all(bool(found[path]) == bool(code) and code.split("\n")[-1] in found[path] for path, code in exported.items())


def test_of_the_cases_of_all_rules_those_of_a_changed_chapter_are_left():
    cases = {"rules.scans": {"cumsum": [object()]}, "rules.order": {"sort": [object()]}}
    far = elsewhere({"book/rules/scans.md"}, cases)
    assert [far({"chapter": name}) for name in cases] == [far({"case": table[key][0]}) for table in cases.values() for key in table] == [False, True]
    assert not far({}) and not far({"chapter": "memory.saved"})
    assert not elsewhere({"tests/cases/order.py"}, cases)({"chapter": "rules.order"})


def test_of_more_tests_than_an_author_waits_for_those_of_the_part_are_left():
    own, beside = ROOT / "tests/graph/test_stack.py", ROOT / "tests/graph/test_record.py"
    far = [ROOT / f"tests/rules/test_{n}.py" for n in range(MANY)]
    assert nearest([own, beside], [own], {"book/graph/stack.md"}) == ([own, beside], [])
    assert nearest([own, beside, *far], [own], {"book/graph/stack.md", "README.md"}) == ([own, beside], far)
    assert nearest([own, *far], [own], {"tests/graph/test_stack.py"}) == ([own], far)
