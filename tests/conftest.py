"""What all tests share."""

import gc
import sys

import pytest
from hypothesis import settings

# The same examples on every machine and in every run.
settings.register_profile("deterministic", derandomize=True, deadline=None, max_examples=60, database=None)
settings.load_profile("deterministic")


def pytest_addoption(parser):
    parser.addoption("--since", metavar="COMMIT", help="run only the tests nearest to what was changed since a commit")
    parser.addoption("--unseen", action="store_true", help="open no page of the site that was found good and is as it was")


def pytest_configure(config):
    """Choose the files of tests, once for all processes."""
    if since := config.getoption("--since"):
        given = getattr(config, "workerinput", None)
        config.chosen = given["chosen"] if given else choose(since)


def choose(since):
    """What differs from a commit, the tests that it can break, and those that are about it."""
    from affected import ROOT, affected, changed_files, exporting, nearest

    changed, chapters, files = changed_files(since), list(exporting()), list(ROOT.glob("tests/**/test_*.py"))
    about = affected({file for file in changed if not file.startswith("tests/cases/")}, ())
    reached, own = filter(affected(changed, chapters), files), list(filter(about, files))
    near, far = nearest(list(reached), own, changed)
    return {"changed": sorted(changed), "files": [str(path) for path in near], "own": [str(path) for path in own], "far": len(far)}


def pytest_report_header(config):
    if config.getoption("--since") and config.chosen["far"]:
        return f"since {config.getoption('--since')}: {config.chosen['far']} files of tests that are farther away are left to `make test`"
    return None


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node):
    """Tell a process of pytest-xdist what was chosen."""
    if node.config.getoption("--since"):
        node.workerinput["chosen"] = node.config.chosen


def pytest_ignore_collect(collection_path, config):
    if config.getoption("--since") and collection_path.name.startswith("test_"):
        return None if str(collection_path) in config.chosen["files"] else True
    return None


def pytest_collection_modifyitems(config, items):
    """Of the tests that go through the cases of all rules, leave those of the chapters that were changed; all of them where they are what was changed."""
    if config.getoption("--since") and (vocabulary := sys.modules.get("vocabulary")):
        from affected import elsewhere

        far, own = elsewhere(config.chosen["changed"], vocabulary.CASES), config.chosen["own"]
        items[:] = [item for item in items if str(item.path) in own or not hasattr(item, "callspec") or not far(item.callspec.params)]


def pytest_collection_finish(session):
    """Leave what collecting made, thousands of tests, out of every collection of garbage that a test asks for."""
    set_aside()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item, nextitem):
    """And, after each file of tests, what its tests have left: reports, compiled plans, kept examples."""
    if nextitem is None or nextitem.path != item.path:
        set_aside()


def set_aside():
    """Hide what lives now from the collector."""
    gc.collect()
    gc.freeze()
