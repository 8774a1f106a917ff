"""The rule of tests/unit/conftest.py: no process, no socket, no sleep, no directory to write to."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from typing import Callable

import pytest


@pytest.mark.parametrize(
    ("impure", "what"),
    [
        pytest.param(lambda: subprocess.run([sys.executable, "-c", ""], check=True), "start a process", id="run"),
        pytest.param(lambda: subprocess.Popen([sys.executable, "-c", ""]), "start a process", id="Popen"),
        pytest.param(socket.socket, "open a socket", id="socket"),
        pytest.param(lambda: socket.create_connection(("127.0.0.1", 9)), "open a socket", id="connection"),
        pytest.param(lambda: time.sleep(0), "sleep", id="sleep"),
    ],
)
def test_an_impure_call_fails_the_test(impure: Callable[[], object], what: str) -> None:
    with pytest.raises(pytest.fail.Exception, match=what):
        impure()


@pytest.mark.parametrize("fixture", ["tmp_path", "tmp_path_factory", "tmpdir"])
def test_a_directory_to_write_to_fails_the_test(fixture: str, request: pytest.FixtureRequest) -> None:
    with pytest.raises(pytest.fail.Exception, match="write files"):
        request.getfixturevalue(fixture)
