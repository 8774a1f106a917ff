"""`pip-resume hook`: the sitecustomize directory, and the line of a shell that puts it in front of `PYTHONPATH`."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from pip_resume.errors import CommandError

if TYPE_CHECKING:
    from pathlib import PurePath

SHELLS = ("sh", "fish", "powershell")
# By the system alone, never by $SHELL: a script gets the same everywhere.
DEFAULT_SHELL = "powershell" if os.name == "nt" else "sh"
DIRECTORY = Path(__file__).resolve().parents[1] / "sitecustomize"


def environment_line(shell: str, directory: PurePath) -> str:
    """The line, for one of SHELLS, that puts a directory in front of what ``PYTHONPATH`` holds.

    Raises CommandError for a directory that cannot stand on any path.
    """
    if os.pathsep in str(directory):
        raise CommandError(f"{directory} cannot stand on PYTHONPATH, because it contains {os.pathsep!r}")
    if shell == "fish":
        # A path variable there is a list, and none where it is unset.
        quoted = str(directory).replace("\\", "\\\\").replace("'", "\\'")
        return f"set -gx --path PYTHONPATH '{quoted}' $PYTHONPATH"
    if shell == "powershell":
        quoted = str(directory).replace("'", "''")
        entries = f"@('{quoted}') + @($env:PYTHONPATH | Where-Object {{ $_ }})"
        return f"$env:PYTHONPATH = ({entries}) -join [IO.Path]::PathSeparator"
    # An empty entry would stand for the directory that happens to be current.
    return f'export PYTHONPATH={shlex.quote(str(directory))}"${{PYTHONPATH:+:$PYTHONPATH}}"'
