"""A standard output that cannot be written: the plugin does as plain pip does, and downloads nothing a second time."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from e2e.broken_downloads import BIG, index_options
from e2e.single_file import TWO_PIPS
from environments.environment import Environment, Environments
from servers.certificates import Certificates
from servers.fault_server import FaultServer
from servers.index_pages import publish

CLOSED, FULL, NO_READER = "closed", "full", "no reader"


def run_with_broken_output(pip: Environment, kind: str, *arguments: str) -> tuple[int, str]:
    """Run pip with such a standard output; return its exit code and its standard error."""
    command = pip.pip_command(*arguments)
    if kind == CLOSED:
        command = ["sh", "-c", 'exec "$@" >&-', "sh", *command]
    with Path("/dev/full").open("wb") as full:
        reader, writer = os.pipe()
        os.close(reader)
        ended = subprocess.run(
            command,
            env=pip.variables,
            cwd=pip.work,
            stdin=subprocess.DEVNULL,
            stdout=writer if kind == NO_READER else full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        os.close(writer)
    return ended.returncode, ended.stderr


def last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return re.sub(r"0x[0-9a-f]+|environment-\d", "*", lines[-1]) if lines else ""


@TWO_PIPS
@pytest.mark.parametrize("kind", [CLOSED, FULL, NO_READER])
@pytest.mark.parametrize("bar", ["on", "raw"])
def test_a_broken_standard_output_ends_pip_as_without_the_plugin(
    environments: Environments,
    https_server: FaultServer,
    certificates: Certificates,
    pip_version: str,
    kind: str,
    bar: str,
) -> None:
    publish(https_server, BIG)
    found = []
    for pip in (environments.without_plugin(pip_version), environments.with_plugin(pip_version)):
        https_server.forget()
        options = (*index_options(https_server, certificates), "--progress-bar", bar)
        code, stderr = run_with_broken_output(pip, kind, "download", "--no-deps", *options, "big")
        print(code, stderr[-1500:])
        is_complete = (pip.work / BIG.filename).exists()
        found.append((code, last_line(stderr), https_server.asked_ranges(BIG.path), is_complete))
        assert "pip-resume" not in stderr

    plain, ours = found
    assert ours == plain
    assert len(ours[2]) <= 1
