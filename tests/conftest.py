"""For all tests: a mark for each folder, the options of the command line, and the settings of Hypothesis."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

from pip_resume.inside_pip.run import RUN

# No deadline: on a busy machine a correct example may take long. The same examples each time: a change must not fail
# because of an error that was there before. The search for such errors is "many".
settings.register_profile("laws", deadline=None, max_examples=150, derandomize=True)
# For the other Pythons of a run: the properties are the same there, so that few examples suffice.
settings.register_profile("brief", deadline=None, max_examples=15, derandomize=True)
settings.register_profile("many", deadline=None, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "laws"))

# Fixtures for every folder; pytest allows this only here.
pytest_plugins = ["servers.fixtures"]
TESTS = Path(__file__).parent
SLOW_FILES = {"test_other_users.py", "test_swapped_directories.py", "test_hostile_index.py", "test_terminal_text.py"}
"""They have the mark "slow", like those that say so themselves."""
# The servers and the environments of the tests are tested themselves.
MARK_OF_FOLDER = {
    "unit": "unit",
    "servers": "integration",
    "environments": "integration",
    "integration": "integration",
    "storage": "integration",
    "e2e": "e2e",
    "network": "network",
    "windows": "windows",
}


@pytest.fixture(autouse=True)
def new_run_of_pip() -> None:
    """Forget what the plugin remembers of earlier tests, as a new run of pip does.

    It remembers directories by their path, and pytest may give a test the path of a temporary directory that an earlier
    test had, once that has been removed.
    """
    RUN.forget()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all-pips", action="store_true", help="use every supported pip, not only one of each kind (e2e)")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.name in SLOW_FILES:
            item.add_marker("slow")
        folder = item.path.relative_to(TESTS).parts[0]
        if folder in MARK_OF_FOLDER:
            item.add_marker(MARK_OF_FOLDER[folder])
