"""The processes in which situations are played, and the mark of every test that plays some."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from never_worse.session import workers

FOLDER = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if FOLDER in item.path.parents:
            item.add_marker("never_worse")
            item.add_marker(pytest.mark.skipif(not hasattr(os, "fork"), reason="each run of pip is forked"))


@pytest.fixture(scope="session")
def pool() -> Iterator[ProcessPoolExecutor]:
    """One process that plays situations."""
    with workers(1) as started:
        yield started
