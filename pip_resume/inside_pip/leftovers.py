"""Names the partial downloads of other releases, once a release of the same project is there."""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING

from pip_resume.artifact import canonical_project
from pip_resume.inside_pip.run import RUN
from pip_resume.storage import housekeeping
from pip_resume.wording import format_share, printable

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterable
    from pathlib import Path


def tell_at_end(logger: logging.Logger, paths: Iterable[Path], filename: str) -> None:
    """Take note that this file is complete. At the end of the run, name what the stores have of other releases."""
    RUN.filenames.add(filename)
    if RUN.is_first("leftovers"):
        RUN.at_end(functools.partial(_tell, logger, tuple(paths)))


def _tell(logger: logging.Logger, paths: Iterable[Path]) -> None:
    """Write a line for each. Raises nothing: what cannot be read is not named."""
    projects = set(map(canonical_project, RUN.filenames))
    with contextlib.suppress(OSError):
        for entry in (entry for path in paths for entry in housekeeping.own_entries(path)):
            project = canonical_project(entry.filename) if entry.filename else ""
            if project in projects and entry.key not in RUN.keys:
                share, name = format_share(entry.size, entry.complete_length), printable(entry.filename)
                logger.info("Kept from earlier: %s of %s (to remove it: pip-resume purge %s)", share, name, project)
