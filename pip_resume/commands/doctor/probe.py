"""Run `inside_pip/probe.py` in a child interpreter with pip-resume switched on, and read what it prints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PACKAGE = Path(__file__).resolve().parents[2]
# Starting pip takes seconds on a busy machine with a slow disk. Longer than a minute means that it hangs.
_TIMEOUT_S = 60
# As `python FILE`, except that the directory of the file is not put on sys.path.
RUN = "import runpy, sys; runpy.run_path(sys.argv.pop(1), run_name='__main__')"


@dataclass(frozen=True)
class Probe:
    """What the child saw. A field keeps its default if the child did not get that far."""

    armed: bool = False
    """Whether the import hook was installed before pip was imported."""
    fired: bool = False
    """Whether the import hook noticed that pip loaded its download module."""
    patched: bool = False
    """Whether pip's download step was replaced when pip made its first downloader."""
    package: str | None = None
    """The `__init__.py` of the pip-resume that start-up loaded."""
    version: str | None = None
    """The version of that pip-resume."""
    sitecustomize: str | None = None
    """The first `sitecustomize` on sys.path, which is the one that Python runs."""
    sitecustomize_run: list[str] = field(default_factory=list)
    """Directories of every `sitecustomize` that our own has run, and of our own."""
    pip_version: str | None = None
    pip_file: str | None = None
    cache_dir: str | bool | None = None
    """pip's cache directory. False if a setting disables the cache; see ``store`` for the other reason."""
    store: str | None = None
    """The directory for partial downloads. None without an error: pip does not use its cache."""
    hook_points: Mapping[str, bool] = field(default_factory=dict)
    hook_points_error: str | None = None
    error: str | None = None
    said: tuple[str, ...] = ()
    """The lines that pip and pip-resume wrote to stderr, without blank ones."""


def run_probe(options: Sequence[str] = ()) -> Probe:
    """Run the probe with these options of pip and return what it saw. Raises nothing for a child that fails.

    Then ``error`` has the reason.
    """
    script = PACKAGE / "inside_pip" / "probe.py"
    command = [sys.executable, *own_flags(), "-c", RUN, str(script), str(PACKAGE.parent), *options]
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


def own_flags() -> list[str]:
    """Return those flags of this interpreter that change what runs at start-up, for a child interpreter."""
    flags = {"-I": sys.flags.isolated, "-E": sys.flags.ignore_environment, "-s": sys.flags.no_user_site}
    flags["-S"] = sys.flags.no_site
    return [flag for flag, is_set in flags.items() if is_set]
