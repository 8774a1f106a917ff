"""The Pythons of this machine."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import sys
from pathlib import Path

from environments.processes import CommandFailed, run_checked
from environments.variables import scrubbed_variables

THIS_PYTHON = Path(sys.executable)
OLDEST_VERSION = (3, 9)
"""The oldest Python that pip-resume supports."""


@functools.cache
def python_version(python: Path) -> tuple[int, int]:
    """Return the major and minor version of a Python; raise OSError or CommandFailed if it does not run."""
    script = "import sys; print(*sys.version_info[:2])"
    major, minor = run_checked(python, "-I", "-c", script, variables=scrubbed_variables()).split()
    return int(major), int(minor)


def found_python_2() -> Path | None:
    """Return a Python 2.7, one of pyenv's or one on the path; None if there is none."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    on_path = shutil.which("python2.7")
    script = "import sys; print(sys.version_info[0])"
    for python in [*pyenv.glob("2.7*/bin/python"), *([Path(on_path)] if on_path else [])]:
        with contextlib.suppress(OSError, CommandFailed):
            if run_checked(python, "-c", script, variables=scrubbed_variables()).strip() == "2":
                return python
    return None


def found_pythons() -> dict[tuple[int, int], Path]:
    """Return one Python of each supported version: the running one, one of pyenv's, or one on the path."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    on_path = (shutil.which(f"python3.{minor}") for minor in range(OLDEST_VERSION[1], 16))
    candidates = [THIS_PYTHON, *pyenv.glob("3.*/bin/python"), *(Path(name) for name in on_path if name)]
    found: dict[tuple[int, int], Path] = {}
    for python in candidates:
        with contextlib.suppress(OSError, CommandFailed):
            version = python_version(python)
            if version >= OLDEST_VERSION:
                found.setdefault(version, python)
    return found
