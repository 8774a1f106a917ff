"""Real pips for end-to-end tests.

A test that takes `pip_version` runs once for each pip of `PIPS`, one that takes `typical_pip_version` for each of
`DIFFERENT_PIPS`; with --all-pips for more. A `parametrize` of the test itself takes precedence. A test that takes
`python` as well runs, with --all-pips, on the oldest and the newest Python found that each pip supports, otherwise on
the Python that runs pytest.
"""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from e2e.results_table import print_results_table
from environments.environment import Environments
from environments.fixtures import templates
from environments.pips import DIFFERENT_PIPS, MORE_PIPS, PIPS, why_unsupported
from environments.pythons import THIS_PYTHON, found_pythons, python_version
from servers.index_pages import make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from environments.templates import Templates

__all__ = ["templates"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    all_pips = metafunc.config.getoption("--all-pips")
    missing = set(metafunc.fixturenames) - names_in_parametrize(metafunc)
    if "typical_pip_version" in missing:
        typical = PIPS if all_pips else DIFFERENT_PIPS
        metafunc.parametrize("typical_pip_version", typical, ids=[f"pip {pip}" for pip in typical])
    if "pip_version" not in missing:
        return
    pips = (*PIPS, *MORE_PIPS) if all_pips else PIPS
    if "python" not in missing:
        metafunc.parametrize("pip_version", pips, ids=[f"pip {pip}" for pip in pips])
        return
    this = {python_version(THIS_PYTHON): THIS_PYTHON}
    pythons = {pip: oldest_and_newest(pip) if all_pips else this for pip in pips}
    cases = [
        pytest.param(pip, python, id=f"pip {pip} on {major}.{minor}")
        for pip in pips
        for (major, minor), python in pythons[pip].items()
    ]
    metafunc.parametrize(("pip_version", "python"), cases)


def names_in_parametrize(metafunc: pytest.Metafunc) -> set[str]:
    """Return the argument names that `parametrize` marks of the test itself give."""
    names: set[str] = set()
    for mark in metafunc.definition.iter_markers("parametrize"):
        given = mark.args[0]
        names.update(map(str.strip, given.split(",")) if isinstance(given, str) else given)
    return names


def oldest_and_newest(pip_version: str) -> dict[tuple[int, int], Path]:
    """Return the oldest and the newest Python found that this pip supports; empty if there is none."""
    supported = {
        version: python for version, python in found_pythons().items() if why_unsupported(pip_version, version) is None
    }
    return {version: supported[version] for version in sorted({min(supported), max(supported)})} if supported else {}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    print_results_table(terminalreporter)


@pytest.fixture(scope="session")
def built_wheel(templates: Templates) -> Path:
    """The wheel of this checkout."""
    return templates.our_wheel()


@pytest.fixture(scope="session")
def tiny_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small wheel on this machine."""
    filename, content = make_wheel("tiny")
    wheel = tmp_path_factory.mktemp("tiny") / filename
    wheel.write_bytes(content)
    return wheel


@pytest.fixture(scope="session")
def interruptible() -> Iterator[None]:
    """Have child processes receive SIGINT: a shell that starts pytest in the background makes it ignore SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def environments(tmp_path: Path, templates: Templates, interruptible: None) -> Iterator[Environments]:
    made = Environments(tmp_path, templates)
    yield made
    made.remove()


@pytest.fixture(scope="module")
def shared_environments(
    tmp_path_factory: pytest.TempPathFactory, templates: Templates, interruptible: None
) -> Iterator[Environments]:
    """Environments for all tests of a module, which must not change them."""
    made = Environments(tmp_path_factory.mktemp("shared"), templates)
    yield made
    made.remove()
