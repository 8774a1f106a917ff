"""One line of the doctor's report."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

from pip_resume.commands.hook import DEFAULT_SHELL, DIRECTORY, environment_line

OK = "ok"
NOTE = "note"
"""Worth knowing, nothing wrong."""
OFF = "off"
"""Switched off."""
BROKEN = "broken"
"""Switched on or off, it would not work."""

REINSTALL = f"{sys.executable} -m pip install --force-reinstall --no-deps pip-resume"
SWITCH_ON = '$env:PIP_RESUME = "1"' if os.name == "nt" else "export PIP_RESUME=1"


@dataclass(frozen=True)
class Finding:
    """What was found about one thing."""

    level: str
    """OK, NOTE, OFF or BROKEN."""
    topic: str
    text: str
    remedy: str = ""
    """The line to type; empty where there is nothing to do."""


def unset(name: str) -> str:
    """The line that removes a variable from the environment."""
    return f"Remove-Item Env:{name}" if os.name == "nt" else f"unset {name}"


def put_in_front() -> str:
    """The line that opens the way by ``PYTHONPATH``. Raises CommandError where our directory cannot stand on it."""
    return environment_line(DEFAULT_SHELL, DIRECTORY)
