"""Reaches the pip that installs build requirements in a venv of their own (`--use-feature=venv-isolation`).

Without that option the pip for build requirements runs in the Python of this pip, and is reached as this one was.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

import pip_resume
from pip_resume.inside_pip import replacement

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

# Resolved, because Python puts the resolved directory of a script on sys.path, where the script looks for it.
RUNNER = str(Path(pip_resume.__file__).resolve().with_name("pip_runner.py"))


def apply(installer_module: ModuleType | None) -> None:
    """Follow the commands that pip's installer module starts; a second call changes nothing, nor does None."""

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def call_subprocess(command: Any, *args: Any, **kwargs: Any) -> Any:
            if _needs_runner(command, installer_module) and os.access(RUNNER, os.R_OK):
                command = [command[0], RUNNER, *command[1:]]
            return original(command, *args, **kwargs)

        return call_subprocess

    replacement.replace(installer_module, "call_subprocess", make)


def undo(installer_module: ModuleType | None) -> None:
    """Restore pip's own function; changes nothing if it was not replaced."""
    replacement.restore(installer_module, "call_subprocess")


def _needs_runner(command: Sequence[Any], installer_module: Any) -> bool:
    """Whether the command starts this copy of pip in a Python where pip-resume is not installed.

    That is the Python of a venv. The pip in there knows nothing of the option, and starts more pips in the same Python.
    """
    try:
        is_other_python = command[0] != sys.executable or RUNNER in getattr(sys, "orig_argv", ())
        return bool(is_other_python and command[1] == installer_module.get_runnable_pip())
    except Exception:
        return False  # Not the command that we know: pip starts it unchanged.
