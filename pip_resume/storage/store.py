"""The partials on disk: find one, lock it, or make one."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pip_resume.errors import NamesInUse, PartialBusy, StoreUnusable
from pip_resume.protocol.checkpoint import FORMAT, Checkpoint
from pip_resume.storage.adoption import is_sparse, may_be_continued, trusted_length, what_is_known
from pip_resume.storage.directory import Directory
from pip_resume.storage.found import Found, lock_new, name_of
from pip_resume.storage.ownership import OTHERS_MAY_WRITE, is_own, is_symlink_of_others
from pip_resume.storage.part_file import PartFile, is_locked
from pip_resume.storage.record import PART, has_foreign_record, read_record, record_name, remove_unclaimed
from pip_resume.storage.sharing import is_too_long, long_path
from pip_resume.storage.stored_partial import StoredPartial

if TYPE_CHECKING:
    from pip_resume.artifact import Artifact

DIRECTORY = "pip-resume"
"""Inside pip's HTTP cache directory, so that ``pip cache purge`` and ``pip cache info`` include it."""
HTTP_CACHES = ("http", "http-v2")
"""pip's HTTP cache directories below its cache directory: the first is used up to pip 23.2, the second since 23.3."""
SPARE_BYTES = 16 * 1024 * 1024
"""Left free on the disk, since pip and its cache write there as well. The wheel of pip itself unpacks to 10 MB."""
COPIED_AT_ONCE_BYTES = 16 * 1024 * 1024
"""Copying and verifying this much takes no longer than a request does: 0.1 s."""
_TRIES = 8
"""How often another pip may replace the file between our calls. In practice it is once, when that pip finishes."""
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Progress(NamedTuple):
    """How far another pip is with the same artifact."""

    offset: int
    complete_length: int | None


class Store:
    """The partials below one HTTP cache directory of pip. Holds directories open until it is closed."""

    def __init__(self, cache_directory: Path, boot_id: str) -> None:
        """``boot_id`` names the running boot of the system; empty if the system has no such name."""
        self.cache_directory = cache_directory
        self.paths = _paths(cache_directory)
        """The stores of this pip and of older or newer ones, this pip's first."""
        self.path = self.paths[0]
        self._boot_id = boot_id
        self._opened: dict[Path, Directory] = {}
        self._replaced: list[Directory] = []

    def close(self) -> None:
        """Close the directories."""
        while self._opened:
            self._opened.popitem()[1].close()
        while self._replaced:
            self._replaced.pop().close()

    def holds(self, artifact: Artifact) -> bool:
        """Whether an earlier run, or another pip at this moment, has stored bytes of this artifact."""
        # Most runs have no store at all, and ask this for each file.
        return any(map(_may_exist, self.paths)) and bool(self._find(artifact))

    def progress(self, artifact: Artifact) -> Progress | None:
        """Return how far the pip is that holds the lock of this artifact; None if no pip does."""
        for found in self._find(artifact):
            with contextlib.suppress(OSError, StoreUnusable):
                status = found.directory.status_of(found.name)
                if is_locked(*found) and found.is_waited_for(status):
                    checkpoint = read_record(found.directory, record_name(found.name)).checkpoint
                    return Progress(status.st_size, None if checkpoint is None else checkpoint.complete_length)
        return None

    def free_bytes(self) -> float:
        """Return how many bytes may still be written there; infinite if that cannot be known."""
        existing = (path for path in (self.path, *self.path.parents) if path.exists())
        try:
            return shutil.disk_usage(next(existing)).free - SPARE_BYTES
        except (OSError, StopIteration):
            return float("inf")  # A write will fail if there is no room.

    def claim(self, artifact: Artifact) -> StoredPartial:
        """Lock the partial of an artifact and return it, with as much of an earlier run's bytes as can be used.

        Raises PartialBusy while another pip holds it, StoreUnusable or OSError if the directory cannot be used.
        """
        own = self._make_directory()
        for _ in range(_TRIES):
            for found in self._find(artifact):
                partial = self._claim_found(found, artifact)
                if partial is not None:
                    return partial
            partial = self._create(own, artifact)
            if partial is not None:
                return partial
        if self._is_any_locked(artifact):
            raise NamesInUse(f"other downloads use the names for {artifact.filename}")
        raise StoreUnusable(f"the names for {artifact.filename} in {self.path} are taken by files that cannot be used")

    def _is_any_locked(self, artifact: Artifact) -> bool:
        """Whether a download holds the lock of a file of ours that nobody waits for."""
        for found in self._find(artifact):
            with contextlib.suppress(OSError, StoreUnusable):
                if is_own(found.directory.status_of(found.name)) and is_locked(*found):
                    return True
        return False

    def may_keep(self, artifact: Artifact) -> bool:
        """Whether the next run could use what is stored now: without a hash only in a closed directory.

        Raises nothing: ``claim`` tells why the directory cannot be used.
        """
        if artifact.digest is None:
            with contextlib.suppress(OSError, StoreUnusable):
                return self._make_directory().is_closed
        return True

    def forget(self, artifact: Artifact) -> None:
        """Remove the partial, unless another pip holds it: the complete file has been obtained another way.

        Raises nothing.
        """
        for found in self._find(artifact):
            if read_record(found.directory, record_name(found.name)).format <= FORMAT:
                with contextlib.suppress(OSError):
                    remove_unclaimed(*found)

    def _find(self, artifact: Artifact) -> list[Found]:
        """Return the files that may be the artifact's partial, the most likely first."""
        found = []
        for path in self.paths:
            with contextlib.suppress(OSError, StoreUnusable):
                directory = self._open(path)
                names = (name_of(artifact), name_of(artifact, is_personal=True))
                found += [Found(directory, name) for name in names if directory.has(name)]
        return found

    def _open(self, path: Path) -> Directory:
        """Open a store's directory, once. After ``pip cache purge`` there may be a new one under the same path."""
        if is_symlink_of_others(path.parent):  # See _may_exist.
            raise StoreUnusable(f"{path.parent} is a symlink of a different user")
        directory = self._opened.get(path)
        if directory is None or not directory.is_at(path):
            # The part files of this run keep the one that was opened before.
            self._replaced += [] if directory is None else [directory]
            directory = self._opened[path] = Directory.open(path)
        return directory

    def _make_directory(self) -> Directory:
        """Open our directory, and make it if it is missing.

        Only the owner can use it, unless others may write to pip's cache directory: then they may write to ours, too.
        """
        os.makedirs(long_path(self.cache_directory), exist_ok=True)
        try:
            os.mkdir(long_path(self.path), 0o700)
        except FileExistsError:
            return self._open(self.path)
        directory = self._open(self.path)
        shared = stat.S_IMODE(os.stat(long_path(self.cache_directory)).st_mode) & 0o7077
        if shared & OTHERS_MAY_WRITE and directory.is_new:
            directory.set_mode(shared | 0o700)
        return directory

    def _create(self, directory: Directory, artifact: Artifact) -> StoredPartial | None:
        """Make an empty partial; None if its name has been taken meanwhile. Raises PartialBusy."""
        for is_personal in (False, True):
            name = name_of(artifact, is_personal=is_personal)
            if has_foreign_record(directory, name):
                continue
            with contextlib.suppress(FileExistsError):
                part = PartFile.create(directory, name, artifact.digest)
                if not lock_new(part):
                    part.close()
                    raise PartialBusy
                return StoredPartial(artifact, part, Checkpoint(), name, self._boot_id)
            if self._is_usable(Found(directory, name), artifact):
                return None
        return None

    def _is_usable(self, found: Found, artifact: Artifact) -> bool:
        """Whether this user can continue a file, or use its bytes because a hash proves them."""
        try:
            status = found.directory.status_of(found.name)
            if not stat.S_ISREG(status.st_mode):
                return False
            os.close(found.directory.open_file(found.name, os.O_RDONLY))
        except (OSError, StoreUnusable):
            return False
        if is_own(status):
            return not has_foreign_record(*found) and not found.is_held_by_others(status)
        return artifact.digest is not None

    def _claim_found(self, found: Found, artifact: Artifact) -> StoredPartial | None:
        """Lock a file of an earlier run and use it; None if it has vanished or cannot be used. Raises PartialBusy."""
        if not self._is_usable(found, artifact):
            return None
        try:
            part = found.open_part(artifact)
        except (OSError, StoreUnusable):
            return None  # The pip that held it has finished in between, or another user forbids it.
        if not is_own(part.status):
            return self._borrow(part, artifact)
        if not part.lock():
            is_waited_for = found.is_waited_for(part.status)
            part.close()
            if is_waited_for:
                raise PartialBusy
            return None
        # Between open and lock another pip may have put a new file under the name. Then this one is unused.
        if not part.is_at_name():
            part.close()
            return None
        return self._adopt(part, artifact)

    def _adopt(self, part: PartFile, artifact: Artifact) -> StoredPartial:
        """Return our own locked file as a partial, with its bytes as far as they can be trusted."""
        record = read_record(part.directory, record_name(part.name))
        is_open = not part.directory.is_closed
        if record.format > FORMAT and not is_open:
            part.close()
            raise StoreUnusable(f"{part.name} was written by a newer pip-resume and is left alone")
        checkpoint = what_is_known(artifact, part, record)
        partial = StoredPartial(artifact, part, checkpoint or Checkpoint(), part.name, self._boot_id)
        try:
            length = 0 if checkpoint is None else trusted_length(artifact, part, checkpoint, self._boot_id)
            if is_open and (is_sparse(part) or length > self.free_bytes()):
                length = 0
            if length == 0 or checkpoint is None or not may_be_continued(part, checkpoint):
                fresh = checkpoint if length and checkpoint else Checkpoint()
                partial.take_over(partial.beside(length, fresh))
            elif length < part.offset:
                partial.cut(length)
            elif checkpoint.boot_id != self._boot_id:
                # What survived a reboot was on the medium. What follows is written in this boot.
                partial.note(checkpoint._replace(synced=length))
        except BaseException:
            partial.close()
            raise
        return partial

    def _borrow(self, part: PartFile, artifact: Artifact) -> StoredPartial | None:
        """Return a partial with another user's bytes, which the hash will prove; None if the name is taken.

        They are copied once a response says how long the file is: that user may have written any number of bytes. Only
        a complete file that is small enough is copied at once, and needs no request.
        """
        is_lent = False
        try:
            checkpoint = read_record(part.directory, record_name(part.name)).checkpoint
            length = 0 if checkpoint is None else trusted_length(artifact, part, checkpoint, self._boot_id)
            if checkpoint is None or is_sparse(part) or length > self.free_bytes():
                length = 0
            name = name_of(artifact, is_personal=True)
            own = PartFile.create(self._make_directory(), name, artifact.digest)
            own.lock()
            partial = StoredPartial(artifact, own, Checkpoint(), name, self._boot_id)
            if checkpoint is not None and length:
                partial.borrow(part, length)
                is_lent = True
                if length == checkpoint.complete_length and length <= COPIED_AT_ONCE_BYTES:
                    _copy_at_once(partial, length)
            return partial
        except FileExistsError:
            return None
        finally:
            if not is_lent:
                part.close()


def _may_exist(path: Path) -> bool:
    # A symlink may lead to any directory of this user, or to a file system that does not answer.
    return not is_symlink_of_others(path.parent) and os.path.lexists(path)


def _copy_at_once(partial: StoredPartial, length: int) -> None:
    """Copy a complete file of another user. The hash proves it. Of its record only the length is used."""
    try:
        partial.copy_borrowed(length)
        partial.note(Checkpoint(complete_length=length if partial.offset else None))
    except BaseException:
        partial.discard()
        raise


@functools.lru_cache(maxsize=4)
def _paths(cache_directory: Path) -> tuple[Path, ...]:
    parent, name = cache_directory.parent, cache_directory.name
    others = [other for other in HTTP_CACHES if other != name] if name in HTTP_CACHES else []
    return (cache_directory / DIRECTORY, *(parent / other / DIRECTORY for other in others))


@functools.lru_cache(maxsize=4)
def is_too_deep(cache_directory: Path) -> bool:
    """Whether the store's names would be too long for Windows, so that ``pip cache purge`` could not remove them.

    pip's own names in its cache are longer, so that its cache does not work there either.
    """
    return is_too_long(cache_directory / DIRECTORY / f"{'0' * 64}{PART}")


@functools.lru_cache(maxsize=1)
def current_boot_id() -> str:
    """Return the name of the running boot of this system; empty if it has none (only Linux has one)."""
    try:
        return _BOOT_ID.read_text("ascii").strip()
    except (OSError, ValueError):
        return ""
