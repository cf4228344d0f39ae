"""`make test-quick` runs what a change can break near to it."""

import pytest
from affected import ROOT, affected


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
