"""The partials on disk: find, lock, and decide how much of an earlier run's file can be used."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from pip_resume.errors import PartialBusy, StoreUnusable
from pip_resume.protocol.checkpoint import (
    FORMAT,
    MAX_RECORD_BYTES,
    Checkpoint,
    parse_checkpoint,
    record_format,
)
from pip_resume.storage.part_file import PartFile, is_locked, open_plain
from pip_resume.storage.stored_partial import StoredPartial, create_claimed, record_path

if TYPE_CHECKING:
    from pip_resume.artifact import Artifact

DIRECTORY = "pip-resume"
"""Inside pip's HTTP cache directory, so that ``pip cache purge`` and ``pip cache info`` include it."""
UNSYNCED_BYTES = 64 * 1024 * 1024
"""What a partial loses after a reboot if its record does not say that it was synced.

Linux writes dirty data back after 30 s (``vm.dirty_expire_centisecs``): this covers 2 MiB/s.
"""
SPARE_BYTES = 16 * 1024 * 1024
"""Left free on the disk, since pip and its cache write there as well. The wheel of pip itself unpacks to 10 MB."""
_TRIES = 8
"""How often another pip may replace the file between our calls. In practice it is once, when that pip finishes."""
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Store:
    """The partials below one HTTP cache directory of pip."""

    def __init__(self, cache_directory: Path, boot_id: str) -> None:
        """``boot_id`` names the running boot of the system; empty if the system has no such name."""
        self.cache_directory = cache_directory
        self.directory = cache_directory / DIRECTORY
        self._boot_id = boot_id

    def part_path(self, artifact: Artifact) -> Path:
        """Return the path of the artifact's part file, which need not exist."""
        return self.directory / f"{artifact.key}.part"

    def holds(self, artifact: Artifact) -> bool:
        """Whether an earlier run, or another pip at this moment, has stored bytes of this artifact."""
        return os.path.lexists(self.part_path(artifact))

    def size_held(self, artifact: Artifact) -> int | None:
        """Return the number of bytes that are stored by now, by whichever pip; None if the file is gone."""
        try:
            return os.stat(self.part_path(artifact)).st_size
        except OSError:
            return None

    def complete_length(self, artifact: Artifact) -> int | None:
        """Return the complete-length in the record, by whichever pip; None if there is none."""
        checkpoint = parse_checkpoint(read_record(record_path(self.part_path(artifact))))
        return None if checkpoint is None else checkpoint.complete_length

    def is_claimed(self, artifact: Artifact) -> bool:
        """Whether another pip, or another thread of this one, holds the lock; False if there is no partial."""
        try:
            return is_locked(self.part_path(artifact))
        except (OSError, StoreUnusable):
            return False

    def has_room(self, length: int) -> bool:
        """Whether the disk has room for a body of ``length`` bytes."""
        existing = (path for path in (self.directory, *self.directory.parents) if path.exists())
        try:
            return shutil.disk_usage(next(existing)).free >= length + SPARE_BYTES
        except (OSError, StopIteration):
            return True  # A write will fail if there is not.

    def claim(self, artifact: Artifact) -> StoredPartial:
        """Lock the partial of an artifact and return it, with as much of an earlier run's bytes as can be used.

        Raises PartialBusy while another pip holds it, StoreUnusable or OSError if the directory cannot be used.
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
                continue  # The pip that held it has finished in between.
            if not part.lock():
                part.close()
                raise PartialBusy
            # Between open and lock another pip may have put a new file under the name. Then this one is unused.
            if part.is_at_path():
                return self._adopt(artifact, part)
            part.close()
        raise StoreUnusable(f"{path} keeps being replaced by another process")

    def forget(self, artifact: Artifact) -> None:
        """Remove the partial, unless another pip holds it: the complete file has been obtained another way.

        Raises nothing.
        """
        path = self.part_path(artifact)
        if (record_format(read_record(record_path(path))) or 0) <= FORMAT:
            with contextlib.suppress(OSError):
                remove_unclaimed(path)

    def _adopt(self, artifact: Artifact, part: PartFile) -> StoredPartial:
        """Return a locked file of an earlier run as a partial, with its bytes as far as they can be trusted."""
        record = read_record(record_path(part.path))
        if (record_format(record) or 0) > FORMAT:
            part.close()
            raise StoreUnusable(f"{part.path.name} was written by a newer pip-resume and is left alone")
        checkpoint = parse_checkpoint(record)
        if checkpoint is not None and _is_of_other_user(part.status):
            # The hash proves another user's bytes, but not the file name and content type in their record.
            checkpoint = checkpoint._replace(filename="", content_type="")
        mode = self._mode_for(artifact)
        partial = StoredPartial(artifact, part, checkpoint or Checkpoint(), mode, self._boot_id)
        try:
            length = 0 if checkpoint is None else self._trusted_length(artifact, part, checkpoint)
            if length == 0:
                partial.reset(Checkpoint())
            elif checkpoint and (length < part.offset or _may_be_shared(part, checkpoint) or not _lock_works(part)):
                partial.cut(length)
            elif checkpoint and checkpoint.boot_id != self._boot_id:
                # What survived a reboot was on the medium. What follows is written in this boot.
                partial.note(checkpoint._replace(synced=length))
        except BaseException:
            partial.close()
            raise
        return partial

    def _trusted_length(self, artifact: Artifact, part: PartFile, checkpoint: Checkpoint) -> int:
        """Return how many bytes from the start can be used. If the digest is known, it decides in the end anyway."""
        status, offset = part.status, part.offset
        if checkpoint.complete_length is not None and offset > checkpoint.complete_length:
            return 0
        rebooted = bool(checkpoint.boot_id and self._boot_id and checkpoint.boot_id != self._boot_id)
        if artifact.digest is None:
            is_unsure = rebooted or not checkpoint.boot_id or not self._boot_id
            # Over http the same URL may have bytes that a weak hash once proved.
            is_known = artifact.is_https and not _is_of_other_user(status) and checkpoint.inode == status.st_ino
            return offset if is_known and (checkpoint.synced >= offset or not is_unsure) else 0
        if rebooted and offset != checkpoint.complete_length:
            return max(min(checkpoint.synced, offset), offset - UNSYNCED_BYTES)
        return offset

    def _mode_for(self, artifact: Artifact) -> int:
        """Return 0600, or the read and write bits that a shared cache directory grants, as pip does since 25.0.

        If there is no hash, only the owner may write the file.
        """
        granted = stat.S_IMODE(os.stat(self.directory).st_mode)
        return (granted & 0o666) | 0o600 if granted & 0o022 and artifact.digest is not None else 0o600

    def _prepare_directory(self) -> None:
        """Make our directory, unless its name is taken. Its permissions follow the rule of ``_mode_for``."""
        with contextlib.suppress(FileExistsError):
            os.makedirs(self.cache_directory, exist_ok=True)
            shared = stat.S_IMODE(os.stat(self.cache_directory).st_mode) & 0o7077
            os.mkdir(self.directory, 0o700)
            if shared & 0o022:
                os.chmod(self.directory, shared | 0o700)
        status = os.lstat(self.directory)
        if not stat.S_ISDIR(status.st_mode):
            raise StoreUnusable(f"{self.directory} is not a directory")


def _is_of_other_user(status: os.stat_result) -> bool:
    return hasattr(os, "geteuid") and status.st_uid != os.geteuid()


def _may_be_shared(part: PartFile, checkpoint: Checkpoint) -> bool:
    """Whether another user may write to this file, or read what we write: it has another owner, or several links.

    A complete file is not written any more, so it may have several links, for example one in pip's cache.
    """
    status = part.status
    return _is_of_other_user(status) or (status.st_nlink > 1 and part.offset != checkpoint.complete_length)


def _lock_works(part: PartFile) -> bool:
    """Whether a second open file does not get the lock that we have. If it does, another pip may be writing here."""
    try:
        return is_locked(part.path)
    except (OSError, StoreUnusable):
        return False


def remove_unclaimed(path: Path) -> bool:
    """Remove a part file and its record; return False if a pip holds it. Raises OSError if the system forbids it."""
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
    """Return a record's bytes, at most one more than a record may have; empty if there is none that can be read."""
    try:
        with open(open_plain(path, os.O_RDONLY), "rb") as file:
            return file.read(MAX_RECORD_BYTES + 1)
    except (OSError, StoreUnusable):
        return b""


@functools.lru_cache(maxsize=1)
def current_boot_id() -> str:
    """Return the name of the running boot of this system; empty if it has none (only Linux has one)."""
    try:
        return _BOOT_ID.read_text("ascii").strip()
    except (OSError, ValueError):
        return ""
