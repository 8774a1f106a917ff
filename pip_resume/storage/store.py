"""Partials on disk.

Find, claim, and settle who may write. The one module that decides what an earlier run's file is worth.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from pip_resume.errors import PartialBusy, StoreUnusable
from pip_resume.protocol.checkpoint import FORMAT, MAX_RECORD_BYTES, Checkpoint, parse_checkpoint, record_format
from pip_resume.storage.part_file import PartFile
from pip_resume.storage.stored_partial import StoredPartial, create_claimed, record_path

if TYPE_CHECKING:
    from pip_resume.artifact import Artifact

DIRECTORY = "pip-resume"
"""Inside pip's HTTP cache directory, so that ``pip cache purge`` and ``pip cache info`` see it."""
UNSYNCED_BYTES = 64 * 1024 * 1024
"""What a partial loses after a reboot when nobody noted that it was synced.

More than a system holds back in its memory for long.
"""
SPARE_BYTES = 16 * 1024 * 1024
"""Left free on the disk, since pip and its cache write there as well."""
_TRIES = 8
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Store:
    """The partials below one HTTP cache directory of pip."""

    def __init__(self, cache_directory: Path, boot_id: str) -> None:
        """``boot_id`` names the running boot of the system; empty where it has no name."""
        self.cache_directory = cache_directory
        self.directory = cache_directory / DIRECTORY
        self._boot_id = boot_id

    def part_path(self, artifact: Artifact) -> Path:
        """Where the bytes of an artifact are, if anywhere."""
        return self.directory / f"{artifact.key}.part"

    def holds(self, artifact: Artifact) -> bool:
        """Whether an earlier run, or another pip right now, has left bytes of this artifact."""
        return os.path.lexists(self.part_path(artifact))

    def size_held(self, artifact: Artifact) -> int | None:
        """Bytes that whoever holds the partial has by now; None when the file is gone."""
        try:
            return os.stat(self.part_path(artifact)).st_size
        except OSError:
            return None

    def length_told(self, artifact: Artifact) -> int | None:
        """The complete-length that whoever holds the partial knows; None when it has written none down."""
        checkpoint = parse_checkpoint(read_record(record_path(self.part_path(artifact))))
        return None if checkpoint is None else checkpoint.complete_length

    def is_claimed(self, artifact: Artifact) -> bool:
        """Whether another, or another thread of ours, holds the partial right now; False when there is none."""
        try:
            part = PartFile.open_existing(self.part_path(artifact), None)
        except (OSError, StoreUnusable):
            return False
        try:
            return not part.lock()
        finally:
            part.close()

    def has_room(self, length: int) -> bool:
        """Whether the disk can take a body of ``length`` bytes."""
        present = (path for path in (self.directory, *self.directory.parents) if path.exists())
        try:
            return shutil.disk_usage(next(present)).free >= length + SPARE_BYTES
        except (OSError, StopIteration):
            return True  # the disk will tell

    def claim(self, artifact: Artifact) -> StoredPartial:
        """The partial of an artifact, ours until it is closed: what an earlier run left, as far as it can be used.

        Raises PartialBusy while another holds it, StoreUnusable or OSError when the directory cannot be used.
        """
        self._prepare_directory()
        path = self.part_path(artifact)
        for _ in range(_TRIES):
            with contextlib.suppress(FileExistsError):
                part = create_claimed(path, self._mode_for(artifact), artifact)
                if not part.lock():
                    part.close()
                    raise PartialBusy
                return StoredPartial(artifact, part, Checkpoint(), self._mode_for(artifact), self._boot_id)
            try:
                part = PartFile.open_existing(path, artifact.digest)
            except FileNotFoundError:
                continue  # its holder has finished in between
            if not part.lock():
                part.close()
                raise PartialBusy
            # Between open and lock another may have put a new file under the name: then this one is nobody's.
            if part.is_at_path():
                return self._adopt(artifact, part)
            part.close()
        raise StoreUnusable(f"{path} changes all the time")

    def forget(self, artifact: Artifact) -> None:
        """Remove what an earlier run has left, since the file is had by now; what another pip holds stays.

        Raises nothing.
        """
        path = self.part_path(artifact)
        if (record_format(read_record(record_path(path))) or 0) <= FORMAT:
            with contextlib.suppress(OSError):
                remove_unclaimed(path)

    def _adopt(self, artifact: Artifact, part: PartFile) -> StoredPartial:
        """What a claimed file of an earlier run is worth: its bytes as far as they can be trusted, or nothing."""
        record = read_record(record_path(part.path))
        if (record_format(record) or 0) > FORMAT:
            part.close()
            raise StoreUnusable(f"{part.path.name} was written by a newer pip-resume and is left alone")
        checkpoint = parse_checkpoint(record)
        if checkpoint is not None and _is_foreign(part.status):
            # The hash proves a stranger's bytes, but not how to unpack them.
            checkpoint = checkpoint._replace(filename="", content_type="")
        mode = self._mode_for(artifact)
        partial = StoredPartial(artifact, part, checkpoint or Checkpoint(), mode, self._boot_id)
        try:
            length = 0 if checkpoint is None else self._trusted_length(artifact, part, checkpoint)
            if length == 0:
                partial.reset(Checkpoint())
            elif checkpoint and (length < part.offset or _may_be_shared(part, checkpoint) or not _lock_holds(part)):
                partial.cut(length)
            elif checkpoint and checkpoint.boot_id != self._boot_id:
                # What a reboot has left was on the medium; what follows is this boot's.
                partial.note(checkpoint._replace(synced=length))
        except BaseException:
            partial.close()
            raise
        return partial

    def _trusted_length(self, artifact: Artifact, part: PartFile, checkpoint: Checkpoint) -> int:
        """How many bytes from the start may be built upon. Where the digest is known it has the last word anyway."""
        status, offset = part.status, part.offset
        if checkpoint.complete_length is not None and offset > checkpoint.complete_length:
            return 0
        rebooted = bool(checkpoint.boot_id and self._boot_id and checkpoint.boot_id != self._boot_id)
        if artifact.digest is None:
            unsure = rebooted or not checkpoint.boot_id or not self._boot_id
            # Over http there may be bytes for the same URL that a weak hash once vouched for.
            is_known = artifact.is_https and not _is_foreign(status) and checkpoint.inode == status.st_ino
            return offset if is_known and (checkpoint.synced >= offset or not unsure) else 0
        if rebooted and offset != checkpoint.complete_length:
            return max(min(checkpoint.synced, offset), offset - UNSYNCED_BYTES)
        return offset

    def _mode_for(self, artifact: Artifact) -> int:
        """0600, or what a group-shared cache directory grants: its read and write bits, as pip does it since 25.0.

        Bytes that no hash proves are nobody else's to write.
        """
        granted = stat.S_IMODE(os.stat(self.directory).st_mode)
        return (granted & 0o666) | 0o600 if granted & 0o022 and artifact.digest is not None else 0o600

    def _prepare_directory(self) -> None:
        """Make our directory, unless something else stands under its name. Permissions as in ``_mode_for``."""
        with contextlib.suppress(FileExistsError):
            os.makedirs(self.cache_directory, exist_ok=True)
            shared = stat.S_IMODE(os.stat(self.cache_directory).st_mode) & 0o7077
            os.mkdir(self.directory, 0o700)
            if shared & 0o022:
                os.chmod(self.directory, shared | 0o700)
        status = os.lstat(self.directory)
        if not stat.S_ISDIR(status.st_mode):
            raise StoreUnusable(f"{self.directory} is not a directory")


def _is_foreign(status: os.stat_result) -> bool:
    return hasattr(os, "geteuid") and status.st_uid != os.geteuid()


def _may_be_shared(part: PartFile, checkpoint: Checkpoint) -> bool:
    """Whether somebody else may write to this file, or read what we write: another owner, or another name.

    A whole file is not written any more, so that it may have other names, in pip's cache for one.
    """
    status = part.status
    return _is_foreign(status) or (status.st_nlink > 1 and part.offset != checkpoint.complete_length)


def _lock_holds(part: PartFile) -> bool:
    """Whether a second open file is refused what we have locked; where locks lie another pip may be writing here."""
    try:
        probe = PartFile.open_existing(part.path, None)
    except (OSError, StoreUnusable):
        return False
    try:
        return not probe.lock()
    finally:
        probe.close()


def remove_unclaimed(path: Path) -> bool:
    """Remove a part file and its record; False when a pip holds it. Raises OSError when the system forbids it."""
    try:
        part = PartFile.open_existing(path, None)
    except FileNotFoundError:
        return True
    except StoreUnusable:
        return False
    try:
        if not part.lock() or not part.is_at_path():
            return False
        with contextlib.suppress(FileNotFoundError):
            os.unlink(record_path(path))
        part.remove()
    finally:
        part.close()
    return True


def read_record(path: Path) -> bytes:
    """A record's bytes, at most one more than a record may have; empty when there is none that we would follow."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        with open(os.open(path, flags), "rb") as file:
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return file.read(MAX_RECORD_BYTES + 1)
    except OSError:
        pass
    return b""


@functools.lru_cache(maxsize=1)
def current_boot_id() -> str:
    """The name of the running boot of this system; empty where it has none (only Linux has one)."""
    try:
        return _BOOT_ID.read_text("ascii").strip()
    except (OSError, ValueError):
        return ""
