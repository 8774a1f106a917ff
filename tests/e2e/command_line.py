"""The command `pip-resume` as a process of the running Python, outside of any environment of the tests."""

from __future__ import annotations

import sys
from pathlib import Path

from environments.checkout import ROOT
from environments.processes import Result, start_with_pipes
from environments.variables import scrubbed_variables


def run_pip_resume(*arguments: str, directory: Path = ROOT, **variables: str) -> Result:
    """Run the command with the package in this directory, by default that of the checkout."""
    command = [sys.executable, "-m", "pip_resume", *arguments]
    return start_with_pipes(command, {**scrubbed_variables(), **variables}, directory).wait()


def is_one_line(text: str) -> bool:
    return text.count("\n") == 1 and text.endswith("\n") and "Traceback" not in text
