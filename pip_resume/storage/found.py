"""A file of the store that may be the partial of an artifact: under which names, and who holds its lock."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NamedTuple

from pip_resume.errors import StoreUnusable
from pip_resume.storage.ownership import is_own
from pip_resume.storage.part_file import PartFile, is_locked
from pip_resume.storage.record import PART

if TYPE_CHECKING:
    from pip_resume.artifact import Artifact
    from pip_resume.storage.directory import Directory

_LOCK_TRIES, _LOCK_STEP_S = 100, 0.01
"""How often, and after how many seconds each, a new file is locked again.

A look at its lock takes microseconds; on a busy machine the process that looks may be stopped meanwhile.
"""


class Found(NamedTuple):
    """A file of an earlier run, or of another pip, under one of the names that the artifact can have."""

    directory: Directory
    name: str

    def open_part(self, artifact: Artifact) -> PartFile:
        """Open the file to continue it, or, if another user allows no more, to read it. Raises OSError."""
        try:
            return PartFile.open_existing(self.directory, self.name, artifact.digest)
        except PermissionError:
            return PartFile.open_to_read(self.directory, self.name, artifact.digest)

    def is_waited_for(self, status: os.stat_result) -> bool:
        """Whether the lock of this file is one of a pip of this user, which downloads the artifact.

        In a directory that others can use, a different user could hold a lock for ever, let the file grow meanwhile, or
        give the part of a long download the name of a different artifact. Nothing shows whose lock it is.
        """
        return self.directory.is_closed and is_own(status)

    def is_held_by_others(self, status: os.stat_result) -> bool:
        """Whether somebody holds the lock of a file of ours who is not waited for."""
        if self.is_waited_for(status):
            return False
        try:
            return is_locked(self.directory, self.name)
        except (OSError, StoreUnusable):
            return True


def name_of(artifact: Artifact, *, is_personal: bool = False) -> str:
    """Return the name of an artifact's part file; the personal one is for a user who cannot use the first."""
    user = f"-u{os.geteuid()}" if is_personal and hasattr(os, "geteuid") else ""
    return f"{artifact.key}{user}{PART}"


def lock_new(part: PartFile) -> bool:
    """Lock a file that has just been made; False if another pip has found it and locked it meanwhile.

    A pip that looks whether anybody holds the lock (``is_locked``) holds it itself for a moment. A response for which
    this file is made would be requested again then.
    """
    for _ in range(_LOCK_TRIES):
        if part.lock():
            return True
        time.sleep(_LOCK_STEP_S)
    return part.lock()
