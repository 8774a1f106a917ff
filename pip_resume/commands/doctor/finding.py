"""One line of the doctor's report."""

from __future__ import annotations

import functools
import sys
from dataclasses import dataclass

from pip_resume.commands.doctor import shell
from pip_resume.commands.hook import DEFAULT_SHELL, DIRECTORY, SHELLS, environment_line
from pip_resume.commands.installation import reinstall_arguments, upgrade_arguments

OK = "ok"
NOTE = "note"
"""Nothing is wrong, but the user may want to know it."""
PART = "partly"
"""It works within one run of pip only: the next run starts over."""
OFF = "off"
"""pip-resume would work, but is switched off."""
BROKEN = "broken"
"""pip-resume would not work, whether it is switched on or off."""

SHELL = shell.current()
"""The language of the remedies."""
SWITCH_ON = shell.set_variable(SHELL, "PIP_RESUME", "1")


def with_python(arguments: str) -> str:
    """Return the command that runs this environment's Python with these arguments."""
    return shell.command(SHELL, sys.executable, arguments)


def doctor_with(arguments: str) -> str:
    """Return the command that runs the doctor with these arguments."""
    return with_python(f"-m pip_resume doctor {arguments}")


quoted = functools.partial(shell.quoted, SHELL)
REINSTALL = with_python(reinstall_arguments(quoted))
"""The command that repairs this installation. It names the path, the URL or the version that was installed."""
UPGRADE = with_python(upgrade_arguments(quoted))
"""The command that installs a newer pip-resume from where this one came."""


@dataclass(frozen=True)
class Finding:
    """One line of the report: the result of a check."""

    level: str
    """OK, NOTE, PART, OFF or BROKEN."""
    topic: str
    text: str
    remedy: str = ""
    """The command that repairs it; empty if there is nothing to do."""


def unset(name: str) -> str:
    """Return the command that removes a variable from the environment."""
    return shell.unset_variable(SHELL, name)


def put_in_front() -> str:
    """Return the command that prepends our directory to ``PYTHONPATH``.

    Raises CommandError if the directory contains the separator of ``PYTHONPATH``.
    """
    return environment_line(SHELL if SHELL in SHELLS else DEFAULT_SHELL, DIRECTORY)
