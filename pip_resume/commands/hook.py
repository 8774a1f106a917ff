"""`pip-resume hook`: the sitecustomize directory, and a line for the shell that prepends it to `PYTHONPATH`."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from pip_resume.errors import CommandError

if TYPE_CHECKING:
    from pathlib import PurePath

SHELLS = ("sh", "bash", "zsh", "fish", "powershell", "cmd")
# $SHELL is not considered: a script must get the same line for every user.
DEFAULT_SHELL = "powershell" if os.name == "nt" else "sh"
DIRECTORY = Path(__file__).resolve().parents[1] / "sitecustomize"


def environment_line(shell: str, directory: PurePath) -> str:
    """Return the line that prepends a directory to ``PYTHONPATH``, unless it is there, for one of SHELLS.

    Raises CommandError if the directory contains the separator of ``PYTHONPATH``, which cannot be escaped there.
    """
    if os.pathsep in str(directory):
        raise CommandError(f"{directory} cannot be used in PYTHONPATH, because it contains {os.pathsep!r}")
    if shell == "cmd":
        return _line_for_cmd(str(directory))
    if shell == "fish":
        # In fish PYTHONPATH is a list, and an unset variable expands to nothing.
        quoted = str(directory).replace("\\", "\\\\").replace("'", "\\'")
        return f"contains -- '{quoted}' $PYTHONPATH; or set -gx --path PYTHONPATH '{quoted}' $PYTHONPATH"
    if shell == "powershell":
        quoted = str(directory).replace("'", "''")
        entries = "@($env:PYTHONPATH -split [IO.Path]::PathSeparator | Where-Object { $_ })"
        prepend = f"$env:PYTHONPATH = (@('{quoted}') + {entries}) -join [IO.Path]::PathSeparator"
        return f"if ({entries} -notcontains '{quoted}') {{ {prepend} }}"
    # No colon if PYTHONPATH is empty or unset: an empty entry would mean the current directory.
    quoted = shlex.quote(str(directory))
    prepend = f'export PYTHONPATH={quoted}"${{PYTHONPATH:+:$PYTHONPATH}}"'
    return f'case ":${{PYTHONPATH-}}:" in *:{quoted}:*) ;; *) {prepend} ;; esac'


def _line_for_cmd(directory: str) -> str:
    """Return the line with the complete value: cmd does not expand variables in a line that comes from a command."""
    before = os.environ.get("PYTHONPATH", "")
    entries = [entry for entry in before.split(os.pathsep) if entry]
    return f'set "PYTHONPATH={before if directory in entries else os.pathsep.join([directory, *entries])}"'
