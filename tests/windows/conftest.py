"""Fixtures for the tests under wine: pips of a Windows Python, with the servers of the other tests on this system."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from environments.fixtures import templates
from environments.templates import Templates
from windows.environment import WindowsEnvironments
from windows.kit import install_wine, why_missing

__all__ = ["templates"]


@pytest.fixture(scope="session")
def wine() -> None:
    """Install wine if it is missing; skip the test if there is no archive, or no way to install wine."""
    reason = why_missing()
    if reason:
        pytest.skip(reason)
    install_wine()


@pytest.fixture
def windows(
    wine: None,
    tmp_path: Path,
    templates: Templates,
    tmp_path_factory: pytest.TempPathFactory,
    pytestconfig: pytest.Config,
) -> Iterator[WindowsEnvironments]:
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if hasattr(pytestconfig, "workerinput") else base
    cache: pytest.Cache | None = getattr(pytestconfig, "cache", None)
    lasting = shared / "windows-pythons" if cache is None else cache.mkdir("windows-pythons")
    made = WindowsEnvironments(tmp_path, templates, shared / "windows-templates", lasting)
    yield made
    made.remove()
