"""One line of the doctor's report."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

from pip_resume.commands.hook import DEFAULT_SHELL, DIRECTORY, environment_line

OK = "ok"
NOTE = "note"
"""Nothing is wrong, but the user may want to know it."""
OFF = "off"
"""pip-resume would work, but is switched off."""
BROKEN = "broken"
"""pip-resume would not work, whether it is switched on or off."""

REINSTALL = f"{sys.executable} -m pip install --force-reinstall --no-deps pip-resume"
SWITCH_ON = '$env:PIP_RESUME = "1"' if os.name == "nt" else "export PIP_RESUME=1"


@dataclass(frozen=True)
class Finding:
    """One line of the report: the result of a check."""

    level: str
    """OK, NOTE, OFF or BROKEN."""
    topic: str
    text: str
    remedy: str = ""
    """The command that repairs it; empty if there is nothing to do."""


def unset(name: str) -> str:
    """Return the command that removes a variable from the environment."""
    return f"Remove-Item Env:{name}" if os.name == "nt" else f"unset {name}"


def put_in_front() -> str:
    """Return the command that prepends our directory to ``PYTHONPATH``.

    Raises CommandError if the directory contains the separator of ``PYTHONPATH``.
    """
    return environment_line(DEFAULT_SHELL, DIRECTORY)
