"""Runs the probe: a child interpreter with the switch on, in which pip comes as far as a download."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PACKAGE = Path(__file__).resolve().parents[2]
_TIMEOUT_S = 60
_RUN = "import runpy, sys; runpy.run_path(sys.argv.pop(1), run_name='__main__')"


@dataclass(frozen=True)
class Probe:
    """What the child has seen; None where it did not come that far."""

    armed: bool = False
    """By start-up alone."""
    fired: bool = False
    """When pip loaded its download module."""
    patched: bool = False
    """When pip made its first downloader."""
    package: str | None = None
    version: str | None = None
    sitecustomize: str | None = None
    """The first on the path, which Python runs."""
    sitecustomize_run: list[str] = field(default_factory=list)
    """Directories of those that ran by way of ours, ours included."""
    pip_version: str | None = None
    pip_file: str | None = None
    cache_dir: str | bool | None = None
    """False: switched off by a setting. None with a store of None: switched off by pip because of its owner."""
    store: str | None = None
    hook_points: Mapping[str, bool] = field(default_factory=dict)
    hook_points_error: str | None = None
    error: str | None = None
    said: tuple[str, ...] = ()
    """Lines that pip, or we in it, wrote to stderr."""


def run_probe() -> Probe:
    """Run it; whatever goes wrong is in ``error``."""
    script = PACKAGE / "inside_pip" / "probe.py"
    command = [sys.executable, *_own_flags(), "-c", _RUN, str(script), str(PACKAGE.parent)]
    environ = {**os.environ, "PIP_RESUME": "1", "PIP_NO_INPUT": "1", "PYTHONIOENCODING": "utf-8:backslashreplace"}
    try:
        finished = subprocess.run(
            command,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="backslashreplace",
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Probe(error=f"it did not end within {_TIMEOUT_S} s")
    said = tuple(line.strip() for line in finished.stderr.splitlines() if line.strip())
    try:
        seen = json.loads(finished.stdout.splitlines()[-1])
        known = {each.name for each in fields(Probe)}
        return Probe(**{name: value for name, value in seen.items() if name in known}, said=said)
    except (IndexError, ValueError, AttributeError):
        return Probe(error=said[-1] if said else f"exit code {finished.returncode}", said=said)


def _own_flags() -> list[str]:
    """Those of this interpreter's flags that decide what runs at start-up."""
    flags = {"-I": sys.flags.isolated, "-E": sys.flags.ignore_environment, "-s": sys.flags.no_user_site}
    flags["-S"] = sys.flags.no_site
    return [flag for flag, is_set in flags.items() if is_set]
