"""Real pips for end-to-end tests.

A test that takes `pip_version` runs once for each pip of `real_pip.PIPS`, with --all-pips for more; its own
`parametrize("pip_version", ...)` limits that. One that takes `python` as well runs, with --all-pips, on the oldest and
the newest Python found that each pip supports, else on the Python that runs pytest.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from e2e.matrix import pytest_terminal_summary
from e2e.real_pip import MORE_PIPS, PIPS, Environments, why_not
from e2e.workshop import Workshop, found_pythons
from servers.fixtures import (
    certificates,
    fault_server,
    http_range_server,
    http_server,
    https_range_server,
    https_server,
    nginx_or_skip,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "certificates",
    "fault_server",
    "http_range_server",
    "http_server",
    "https_range_server",
    "https_server",
    "nginx_or_skip",
    "pytest_terminal_summary",
]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "pip_version" not in metafunc.fixturenames or "pip_version" in already_parametrized(metafunc):
        return
    wants_all = metafunc.config.getoption("--all-pips")
    pips = (*PIPS, *MORE_PIPS) if wants_all else PIPS
    if "python" not in metafunc.fixturenames:
        metafunc.parametrize("pip_version", pips, ids=[f"pip {pip}" for pip in pips])
        return
    here = {sys.version_info[:2]: Path(sys.executable)}
    pythons = {pip: oldest_and_newest(pip) if wants_all else here for pip in pips}
    cases = [
        pytest.param(pip, python, id=f"pip {pip} on {major}.{minor}")
        for pip in pips
        for (major, minor), python in pythons[pip].items()
    ]
    metafunc.parametrize(("pip_version", "python"), cases)


def already_parametrized(metafunc: pytest.Metafunc) -> set[str]:
    names: set[str] = set()
    for mark in metafunc.definition.iter_markers("parametrize"):
        given = mark.args[0]
        names.update(map(str.strip, given.split(",")) if isinstance(given, str) else given)
    return names


def oldest_and_newest(pip_version: str) -> dict[tuple[int, int], Path]:
    """The Pythons found that this pip supports, at most two."""
    fit = {version: python for version, python in found_pythons().items() if why_not(pip_version, version) is None}
    return {version: fit[version] for version in sorted({min(fit), max(fit)})} if fit else {}


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Workshop:
    # A worker of pytest-xdist has a directory of its own inside the one of the run.
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if hasattr(pytestconfig, "workerinput") else base
    # With -p no:cacheprovider nothing is kept from run to run: the pips are fetched anew.
    cache: pytest.Cache | None = getattr(pytestconfig, "cache", None)
    return Workshop(shared / "workshop", shared / "pips" if cache is None else cache.mkdir("pips"))


@pytest.fixture(scope="session")
def built_wheel(workshop: Workshop) -> Path:
    """The wheel of this checkout."""
    return workshop.our_wheel()


@pytest.fixture(scope="session")
def interruptible() -> Iterator[None]:
    """A shell that starts pytest in the background has it ignore SIGINT, and every pip would inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def environment(tmp_path: Path, workshop: Workshop, interruptible: None) -> Iterator[Environments]:
    """Call it with a pip's version for an environment with the plugin, or `without_plugin` for that pip alone."""
    environments = Environments(tmp_path, workshop)
    yield environments
    environments.end()
