"""Run the pip of this environment in a child process, with the user's own pip settings."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pip_resume.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PIP = (sys.executable, "-m", "pip")
# Starting pip takes seconds on a busy machine with a slow disk. Longer than two minutes means that it hangs.
_TIMEOUT_S = 120
# Neutralise user settings that would change pip's output.
_PLAIN_OUTPUT = {"PIP_QUIET": "0", "PIP_VERBOSE": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_RESUME": "0"}


def cache_directory() -> Path:
    """Return the directory that ``pip cache dir`` prints; it need not exist.

    Raises CommandError if there is no pip, or if its cache is disabled.
    """
    try:
        return Path(last_line(os.environ, "cache", "dir"))
    except CommandError as error:
        raise CommandError(f"{error}; name a cache directory with --cache-dir DIR") from None


def last_line(environ: Mapping[str, str], *arguments: str) -> str:
    """Run pip with these arguments and return the last line that it prints.

    Raises CommandError, with the reason that pip prints, if it fails.
    """
    finished = _run(environ, *arguments)
    printed = [line.rstrip("\r") for line in finished.stdout.split("\n") if line.strip()]
    if finished.returncode == 0 and printed:
        return printed[-1]
    reasons = [line.strip() for line in finished.stderr.splitlines() if line.strip()]
    reason = reasons[-1] if reasons else f"exit code {finished.returncode}"
    raise CommandError(f"`pip {' '.join(arguments)}` fails here ({reason})")


def _run(environ: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        return run_python([*PIP, *arguments], {**environ, **_PLAIN_OUTPUT}, "surrogateescape", _TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise CommandError(f"{' '.join(PIP)} did not end within {_TIMEOUT_S} s") from None


def run_python(
    command: Sequence[str], environ: Mapping[str, str], errors: str, timeout_s: float
) -> subprocess.CompletedProcess[str]:
    """Run an interpreter without input, and return what it prints, as UTF-8.

    ``errors`` says what both sides do with characters that have no UTF-8 (``codecs``). Raises TimeoutExpired.
    """
    return subprocess.run(
        command,
        env={**environ, "PYTHONIOENCODING": f"utf-8:{errors}"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors=errors,
        timeout=timeout_s,
        check=False,
    )
