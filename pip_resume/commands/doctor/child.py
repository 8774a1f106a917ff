"""Runs one of our scripts in a child interpreter, with the pip of this environment, and reads what it prints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pip_resume.commands.pip_command import run_python

if TYPE_CHECKING:
    from collections.abc import Mapping

_PACKAGE = Path(__file__).resolve().parents[2]
# As `python FILE`, except that the directory of the file is not put on sys.path.
_RUN = "import runpy, sys; runpy.run_path(sys.argv.pop(1), run_name='__main__')"


class Said(NamedTuple):
    """What a child has printed."""

    seen: Mapping[str, Any] | None
    """The JSON object in its last line of stdout; None if there is none."""
    lines: tuple[str, ...] = ()
    """What pip and pip-resume wrote to stderr, without blank lines."""
    error: str = ""
    """Why there is no object."""


def run_script(name: str, *arguments: str, switch: str, timeout_s: float) -> Said:
    """Run a script of ``inside_pip`` with PIP_RESUME set to ``switch``. Raises nothing for a child that fails."""
    script = _PACKAGE / "inside_pip" / name
    command = [sys.executable, *own_flags(), "-c", _RUN, str(script), str(_PACKAGE.parent), *arguments]
    environ = {**os.environ, "PIP_RESUME": switch, "PIP_NO_INPUT": "1"}
    try:
        finished = run_python(command, environ, "backslashreplace", timeout_s)
    except subprocess.TimeoutExpired:
        return Said(None, error=f"it did not end within {timeout_s:.0f} s")
    lines = tuple(line.strip() for line in finished.stderr.splitlines() if line.strip())
    try:
        seen = json.loads(finished.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        seen = None
    if isinstance(seen, dict):
        return Said(seen, lines)
    return Said(None, lines, lines[-1] if lines else f"exit code {finished.returncode}")


def own_flags() -> list[str]:
    """Return those flags of this interpreter that change what runs at start-up, for a child interpreter."""
    flags = {"-I": sys.flags.isolated, "-E": sys.flags.ignore_environment, "-s": sys.flags.no_user_site}
    flags["-S"] = sys.flags.no_site
    return [flag for flag, is_set in flags.items() if is_set]
