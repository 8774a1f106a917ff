"""Run `inside_pip/probe.py` in a child interpreter with pip-resume switched on, and read what it prints."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

from pip_resume.commands.doctor.child import run_script

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Starting pip takes seconds on a busy machine with a slow disk. Longer than a minute means that it hangs.
_TIMEOUT_S = 60


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
    said = run_script("probe.py", *options, switch="1", timeout_s=_TIMEOUT_S)
    if said.seen is None:
        return Probe(error=said.error, said=said.lines)
    known = {each.name for each in fields(Probe)}
    return Probe(**{name: value for name, value in said.seen.items() if name in known}, said=said.lines)
