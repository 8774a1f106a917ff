"""Checks of the directory for partial downloads: whether it can be used, by whom, and how much room it has."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from pip_resume.commands.doctor.finding import BROKEN, NOTE, OK, PART, Finding, unset, with_python
from pip_resume.commands.formatting import counted, format_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pip_resume.commands.doctor.probe import Probe

# One of the larger wheels needs that much. Less is worth a note, though small files still fit.
_LITTLE_ROOM_BYTES = 1_000_000_000


def store(probe: Probe, typed: Sequence[str] = ()) -> list[Finding]:
    """Check the directory that a download of the probe would have used. No finding if the probe did not get so far.

    ``typed`` are the options of pip that were typed.
    """
    if probe.error is not None or not probe.patched:
        return []
    if probe.store is None:
        return [_no_store(probe, typed)]
    from pip_resume.storage import housekeeping

    directory = Path(probe.store)
    try:
        housekeeping.try_writing(directory)
        partials = housekeeping.entries(directory)
    except OSError as error:
        return [_within_one_run(f"nothing can be kept in {directory}: {error.strerror or error}")]
    content = f"{counted(len(partials), 'stored file')}, {format_size(sum(entry.size for entry in partials))}"
    state = content if directory.exists() else "created when it is needed"
    return [Finding(OK, "store", f"{directory} ({state})"), *_permissions(directory), *_room(directory)]


def can_keep(probe: Probe) -> bool:
    """Whether the next run would find what a download of the probe leaves. True if nothing is known."""
    return all(finding.level not in {PART, BROKEN} for finding in store(probe))


def _no_store(probe: Probe, typed: Sequence[str]) -> Finding:
    if probe.cache_dir is False:
        if "--no-cache-dir" in typed:
            return _within_one_run("pip's cache is switched off (--no-cache-dir)", with_python("-m pip_resume doctor"))
        is_variable = "PIP_NO_CACHE_DIR" in os.environ
        unset_it = unset("PIP_NO_CACHE_DIR") if is_variable else with_python("-m pip config unset global.no-cache-dir")
        return _within_one_run("pip's cache is switched off", unset_it)
    # pip disables its cache with a warning if the directory is not writable or belongs to a different user.
    reasons = [line for line in probe.said if "cache" in line.lower()]
    return _within_one_run(f"pip does not use its cache: {reasons[0] if reasons else 'no reason was given'}")


def _within_one_run(reason: str, remedy: str = "") -> Finding:
    """Report, in one wording for all reasons, that nothing is stored for the next run."""
    use_different_directory = with_python("-m pip install --cache-dir DIR ...")
    return Finding(PART, "store", f"resumes within one run only: {reason}", remedy or use_different_directory)


def _permissions(directory: Path) -> list[Finding]:
    if not directory.exists() or not hasattr(os, "geteuid"):
        return []
    status = directory.stat()
    findings = []
    if status.st_uid != os.geteuid():
        text = "the directory belongs to another user: its files are used only if the link has a hash"
        findings.append(Finding(NOTE, "store", text))
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o022:
        text = f"other users may write to the directory (mode {mode:04o}), as to pip's cache directory"
        findings.append(Finding(NOTE, "store", text))
    return findings


def _room(directory: Path) -> list[Finding]:
    from pip_resume.storage.store import SPARE_BYTES

    while not directory.exists():
        directory = directory.parent
    free = shutil.disk_usage(directory).free
    if free < SPARE_BYTES:
        text = f"the disk is full ({format_size(free)} left)"
        return [Finding(BROKEN, "store", text, with_python("-m pip_resume purge"))]
    if free < _LITTLE_ROOM_BYTES:
        text = f"only {format_size(free)} left on the disk"
        return [Finding(NOTE, "store", text, with_python("-m pip_resume list"))]
    return [Finding(OK, "store", f"{format_size(free)} free")]
