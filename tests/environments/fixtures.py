"""The templates of the environments as a fixture, for every folder whose tests run pips."""

from __future__ import annotations

import pytest
from environments.templates import Templates


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Templates:
    # A worker of pytest-xdist has a temporary directory of its own inside the one of the run.
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if hasattr(pytestconfig, "workerinput") else base
    # With -p no:cacheprovider nothing lasts from run to run, so the pips are fetched again.
    cache: pytest.Cache | None = getattr(pytestconfig, "cache", None)
    return Templates(shared / "templates", shared / "pips" if cache is None else cache.mkdir("pips"))
