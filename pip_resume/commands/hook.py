"""`pip-resume hook`: the sitecustomize directory, and a line for the shell that prepends it to `PYTHONPATH`."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from pip_resume.errors import CommandError

if TYPE_CHECKING:
    from pathlib import PurePath

SHELLS = ("sh", "fish", "powershell")
# $SHELL is not considered: a script must get the same line for every user.
DEFAULT_SHELL = "powershell" if os.name == "nt" else "sh"
DIRECTORY = Path(__file__).resolve().parents[1] / "sitecustomize"


def environment_line(shell: str, directory: PurePath) -> str:
    """Return the line that prepends a directory to ``PYTHONPATH``, for one of SHELLS.

    Raises CommandError if the directory contains the separator of ``PYTHONPATH``, which cannot be escaped there.
    """
    if os.pathsep in str(directory):
        raise CommandError(f"{directory} cannot stand on PYTHONPATH, because it contains {os.pathsep!r}")
    if shell == "fish":
        # In fish PYTHONPATH is a list, and an unset variable expands to nothing.
        quoted = str(directory).replace("\\", "\\\\").replace("'", "\\'")
        return f"set -gx --path PYTHONPATH '{quoted}' $PYTHONPATH"
    if shell == "powershell":
        quoted = str(directory).replace("'", "''")
        entries = f"@('{quoted}') + @($env:PYTHONPATH | Where-Object {{ $_ }})"
        return f"$env:PYTHONPATH = ({entries}) -join [IO.Path]::PathSeparator"
    # No colon if PYTHONPATH is empty or unset: an empty entry would mean the current directory.
    return f'export PYTHONPATH={shlex.quote(str(directory))}"${{PYTHONPATH:+:$PYTHONPATH}}"'
