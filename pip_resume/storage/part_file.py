"""One open file with the first bytes of an artifact. It has no holes, and its size is the offset."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from typing import TYPE_CHECKING, BinaryIO

from pip_resume.storage.digest import RunningDigest
from pip_resume.storage.file_lock import try_lock
from pip_resume.storage.ownership import is_own
from pip_resume.storage.sharing import CAN_LINK, is_same_file

if TYPE_CHECKING:
    from pathlib import Path

    from pip_resume.artifact import Digest
    from pip_resume.storage.directory import Directory

COPY_BYTES = 1024 * 1024
"""How much is copied at a time where the kernel cannot copy: large enough that the number of calls does not matter."""
_BLOCK_BYTES = 512
"""The unit of st_blocks (POSIX)."""
_FICLONE = 0x40049409  # ioctl of Linux that shares the blocks of a file (btrfs, xfs, overlay on them).


def is_ours_alone(status: os.stat_result, directory: Directory) -> bool:
    """Whether no different user can have opened a file in this directory. So its lock and its size are ours.

    Part files have the mode 0600 where others can reach them, and a single name. A different user may put a hard link
    of any other file of ours there, if it may write to that file; where the system allows it, of any file.
    """
    if directory.is_closed:
        return is_own(status)
    return is_own(status) and not status.st_mode & 0o077 and status.st_nlink == 1


def bytes_on_disk(status: os.stat_result) -> float:
    """Return how much room a file takes on the disk: less than its size if it has holes. Infinite on Windows."""
    return status.st_blocks * _BLOCK_BYTES if hasattr(status, "st_blocks") else float("inf")


def is_locked(directory: Directory, name: str) -> bool:
    """Whether another open file, of this process or of another, has the lock. Raises OSError or StoreUnusable."""
    try:
        # NFS needs write access for an exclusive lock.
        descriptor = directory.open_file(name, os.O_RDWR)
    except PermissionError:
        descriptor = directory.open_file(name, os.O_RDONLY)
    try:
        return not try_lock(descriptor)
    finally:
        os.close(descriptor)


class PartFile:
    """An open part file. Errors of the disk pass through as OSError."""

    def __init__(self, directory: Directory, name: str, descriptor: int, digest: Digest | None) -> None:
        self.directory = directory
        self.name = name
        self._descriptor = descriptor
        self.digest = digest
        self._running = RunningDigest(digest) if digest else None
        self.offset = os.fstat(descriptor).st_size
        """Number of bytes that are written, from the start. Never more than the file has."""

    @classmethod
    def open_existing(cls, directory: Directory, name: str, digest: Digest | None) -> PartFile:
        """Open what an earlier run has left.

        Raises FileNotFoundError if there is nothing, StoreUnusable if it is not a plain file.
        """
        return cls(directory, name, directory.open_file(name, os.O_RDWR), digest)

    @classmethod
    def open_to_read(cls, directory: Directory, name: str, digest: Digest | None) -> PartFile:
        """Open what an earlier run, perhaps another user's, has left, only to read it."""
        return cls(directory, name, directory.open_file(name, os.O_RDONLY), digest)

    @classmethod
    def create(cls, directory: Directory, name: str, digest: Digest | None, mode: int = 0o600) -> PartFile:
        """Make a new, empty file. The umask reduces ``mode``. Raises FileExistsError if the name is taken."""
        return cls(directory, name, directory.open_file(name, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode), digest)

    @property
    def path(self) -> Path:
        """The path, for messages and for calls that have no other way."""
        return self.directory.path / self.name

    def lock(self) -> bool:
        """Lock the file until it is closed; return False if another open file has the lock."""
        return try_lock(self._descriptor)

    @property
    def status(self) -> os.stat_result:
        """The result of fstat."""
        return os.fstat(self._descriptor)

    @property
    def mode(self) -> int:
        """The permission bits."""
        return stat.S_IMODE(self.status.st_mode)

    def is_at_name(self) -> bool:
        """Whether the name still leads to this file. ``pip cache purge`` or another pip may have changed that."""
        try:
            return is_same_file(self.directory.status_of(self.name), self.status)
        except OSError:
            return False

    def append(self, block: bytes | memoryview) -> None:
        """Write a block at the offset.

        The offset advances by what was written, also if the disk fills up in the middle of the block.
        """
        rest = memoryview(block)
        while rest:
            written = _write_at(self._descriptor, rest, self.offset)
            if self._running is not None:
                self._running.update(self.offset, rest[:written])
            self.offset += written
            rest = rest[written:]

    def read_at(self, position: int, size: int) -> bytes:
        """Read up to ``size`` bytes from ``position`` on; fewer at the end of the file."""
        return _read_at(self._descriptor, size, position)

    def common_length(self, position: int, block: bytes | memoryview) -> int:
        """Return how many bytes at the start of ``block`` equal those held from ``position`` on."""
        held = self.read_at(position, len(block))
        if held == block[: len(held)]:
            return len(held)
        return next(index for index, (ours, theirs) in enumerate(zip(held, block)) if ours != theirs)

    def truncate(self, length: int) -> None:
        """Cut the file. Only for one that has a single link, since another link may be in pip's cache."""
        os.ftruncate(self._descriptor, length)
        self.offset = length
        if self._running is not None and self.digest is not None and self._running.hashed > length:
            self._running = RunningDigest(self.digest)

    def copy_from(self, other: PartFile, length: int) -> None:
        """Copy the first ``length`` bytes of another part file into this one, which must be empty."""
        _copy(other._descriptor, self._descriptor, length)
        self.offset = length

    def hash_some(self) -> None:
        """Hash some of the bytes that an earlier run has left, if any are not hashed yet."""
        if self._running is not None and self._running.hashed < self.offset:
            self._running.catch_up(self.read_at, self.offset)

    @property
    def unhashed_bytes(self) -> int:
        """How many bytes ``has_right_digest`` has to read back; 0 without a digest."""
        return 0 if self._running is None else self.offset - self._running.hashed

    def has_right_digest(self) -> bool:
        """Hash what is not hashed yet, and compare. Only with a digest.

        What was hashed while it was written is not read again.
        """
        if self._running is None:
            raise ValueError("no digest is known")
        while self._running.catch_up(self.read_at, self.offset):
            pass
        return self._running.hashed == self.offset and self._running.matches()

    @property
    def hexdigest(self) -> str:
        """The digest of all bytes, after ``has_right_digest``; empty if not all are hashed."""
        is_hashed = self._running is not None and self._running.hashed == self.offset
        return self._running.hexdigest if self._running is not None and is_hashed else ""

    def duplicate(self) -> int:
        """Return a second descriptor of the open file, for a thread that syncs it. The caller closes it."""
        return os.dup(self._descriptor)

    def fsync(self) -> None:
        """Sync the bytes as pip syncs its files. On macOS ``sync`` does more, and takes longer."""
        os.fsync(self._descriptor)

    def rename(self, name: str) -> None:
        """Give the file a different name in its directory, and replace what has it."""
        self.directory.rename(self.name, name)
        self.name = name

    def copy_to(self, descriptor: int) -> None:
        """Copy the bytes to an open file in the cheapest way: shared blocks, in the kernel, or by us."""
        _copy(self._descriptor, descriptor, self.offset)

    def reader(self) -> BinaryIO:
        """Return the file, opened to be read from its start. The caller closes it."""
        file = os.fdopen(os.dup(self._descriptor), "rb")
        file.seek(0)
        return file

    def set_mode(self, mode: int) -> None:
        """Give the open file these permission bits, whatever its name leads to by now."""
        os.chmod(self._descriptor if os.chmod in os.supports_fd else self.path, mode)

    def link_to(self, target: Path) -> bool:
        """Make ``target``, a path that does not exist, a hard link of this very file; return False if that fails."""
        if not CAN_LINK:
            return False
        try:
            self.directory.link_out(self.name, target)
        except (OSError, NotImplementedError, AttributeError):  # No hard links here, or a different file system.
            return False
        if is_same_file(os.lstat(target), self.status):
            return True
        # Somebody has put a different file under our name.
        os.unlink(target)
        return False

    def remove(self) -> None:
        """Remove the name, if it still leads to this file, and then close the file.

        In this order, so that nobody claims it in between. Raises OSError if the system forbids it. Does nothing once
        the file is closed.
        """
        if self._descriptor < 0:
            return
        try:
            if self.is_at_name():
                self.directory.remove(self.name)
        finally:
            self.close()

    def close(self) -> None:
        """Close the file, which ends its lock. A second call does nothing."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            with contextlib.suppress(OSError):
                os.close(descriptor)


def sync(descriptor: int) -> None:
    """Wait until the bytes of an open file are on the medium."""
    if sys.platform == "darwin":  # pragma: no cover - macOS
        import fcntl

        # fsync leaves them in the drive's own memory there.
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    else:
        os.fsync(descriptor)


def _copy(source: int, target: int, length: int) -> None:
    """Copy the first ``length`` bytes of one open file to a second, empty one.

    Raises OSError if the source is shorter or the disk is full.
    """
    if length == os.fstat(source).st_size and _clone(source, target):
        os.ftruncate(target, length)  # Its owner may have let the source grow meanwhile.
        return
    position = _copy_in_kernel(source, target, length)
    while position < length:
        block = memoryview(_read_at(source, min(COPY_BYTES, length - position), position))
        if not block:
            raise OSError(errno.EIO, "the part file is shorter than it was")
        position += _write_at(target, block, position)


def _clone(source: int, target: int) -> bool:
    if not sys.platform.startswith("linux"):  # pragma: no cover - Linux alone has this ioctl
        return False
    import fcntl

    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError:
        return False
    return True


def _copy_in_kernel(source: int, target: int, length: int) -> int:
    """Return how many bytes the kernel has copied.

    Fewer than ``length`` where it cannot: a different file system, an old kernel, not Linux.
    """
    position = 0
    with contextlib.suppress(OSError, AttributeError):  # If the disk is full, the fallback in `_copy` raises the error.
        while position < length:
            copied = os.copy_file_range(source, target, length - position, position, position)
            if copied == 0:
                break
            position += copied
    return position


if hasattr(os, "pwrite"):

    def _write_at(descriptor: int, block: memoryview, position: int) -> int:
        return os.pwrite(descriptor, block, position)

    def _read_at(descriptor: int, size: int, position: int) -> bytes:
        return os.pread(descriptor, size, position)

else:  # pragma: no cover - Windows

    def _write_at(descriptor: int, block: memoryview, position: int) -> int:
        os.lseek(descriptor, position, os.SEEK_SET)
        return os.write(descriptor, block)

    def _read_at(descriptor: int, size: int, position: int) -> bytes:
        os.lseek(descriptor, position, os.SEEK_SET)
        return os.read(descriptor, size)
