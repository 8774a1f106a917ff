"""The pip of this environment, asked from outside: a process of its own, with the settings that the user's pip has."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pip_resume.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Mapping

PIP = (sys.executable, "-m", "pip")
_TIMEOUT_S = 120
# What it prints has to be what was asked, whatever the user has set.
_PLAIN_OUTPUT = {"PIP_QUIET": "0", "PIP_VERBOSE": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_RESUME": "0"}


def cache_directory() -> Path:
    """Where ``pip cache dir`` of this environment says that its cache is; it need not exist.

    Raises CommandError when there is no pip, or when it has no cache.
    """
    try:
        return Path(ask(os.environ, "cache", "dir"))
    except CommandError as complaint:
        raise CommandError(f"{complaint}; name a cache directory with --cache-dir DIR") from None


def ask(environ: Mapping[str, str], *arguments: str) -> str:
    """The last line that pip prints for these arguments. Raises CommandError, with pip's own reason, when it fails."""
    finished = _run(environ, *arguments)
    told = [line.rstrip("\r") for line in finished.stdout.split("\n") if line.strip()]
    if finished.returncode == 0 and told:
        return told[-1]
    reasons = [line.strip() for line in finished.stderr.splitlines() if line.strip()]
    reason = reasons[-1] if reasons else f"exit code {finished.returncode}"
    raise CommandError(f"`pip {' '.join(arguments)}` fails here ({reason})")


def _run(environ: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            [*PIP, *arguments],
            env={**environ, **_PLAIN_OUTPUT, "PYTHONIOENCODING": "utf-8:surrogateescape"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CommandError(f"{' '.join(PIP)} did not answer within {_TIMEOUT_S} s") from None
