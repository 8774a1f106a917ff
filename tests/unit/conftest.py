"""Keep the unit tests pure.

A unit test gets no directory to write to, and if it starts a process, opens a socket or sleeps, it fails. Reading
files of the project, to compare them, is allowed.
"""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path
from typing import Callable, NoReturn

import pytest

REASON = "a unit test must not {}: move this test to tests/integration"


def failing(what: str) -> Callable[..., NoReturn]:
    """Return a function that fails the test, whatever it is called with."""

    def fail(*_arguments: object, **_named: object) -> NoReturn:
        pytest.fail(REASON.format(what))

    return fail


@pytest.fixture(autouse=True)
def pure(monkeypatch: pytest.MonkeyPatch) -> None:
    # The classes stay, since other modules have subclasses of them.
    monkeypatch.setattr(subprocess.Popen, "__init__", failing("start a process"))
    monkeypatch.setattr(socket.socket, "__init__", failing("open a socket"))
    monkeypatch.setattr(time, "sleep", failing("sleep"))


@pytest.fixture
def tmp_path() -> Path:
    pytest.fail(REASON.format("write files"))


@pytest.fixture(scope="session")
def tmp_path_factory() -> pytest.TempPathFactory:
    pytest.fail(REASON.format("write files"))
