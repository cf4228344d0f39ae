"""What all tests share."""

import gc
import sys

from hypothesis import settings

# The same examples on every machine and in every run.
settings.register_profile("deterministic", derandomize=True, deadline=None, max_examples=60, database=None)
settings.load_profile("deterministic")


def pytest_addoption(parser):
    parser.addoption("--since", metavar="COMMIT", help="run only the tests nearest to what was changed since a commit")


def pytest_configure(config):
    if since := config.getoption("--since"):
        from affected import affected, changed_files

        from autograd_book.literate.extract import find_root, survey

        config.changed = changed_files(since)
        config.wanted = affected(config.changed, survey(find_root(config.rootpath))[0])


def pytest_ignore_collect(collection_path, config):
    if config.getoption("--since") and collection_path.name.startswith("test_"):
        return None if config.wanted(collection_path) else True
    return None


def pytest_collection_modifyitems(config, items):
    """Of the tests that go through the cases of all rules, leave those of the chapters that were changed."""
    if config.getoption("--since") and (vocabulary := sys.modules.get("vocabulary")):
        other = {id(case) for chapter, table in vocabulary.CASES.items() for cases in table.values() for case in cases
                 if not {f"book/{chapter.replace('.', '/')}.md", f"tests/cases/{chapter.rpartition('.')[2]}.py"} & config.changed}
        items[:] = [item for item in items if id(getattr(item, "callspec", None) and item.callspec.params.get("case")) not in other]


def pytest_collection_finish(session):
    """Leave what collecting made, thousands of tests, out of every collection of garbage that a test asks for."""
    gc.collect()
    gc.freeze()
