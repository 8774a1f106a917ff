"""One open file with the first bytes of an artifact. It has no holes, and its size is the offset."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from typing import TYPE_CHECKING

from pip_resume.errors import StoreUnusable
from pip_resume.storage.digest import RunningDigest
from pip_resume.storage.file_lock import try_lock

if TYPE_CHECKING:
    from pathlib import Path

    from pip_resume.artifact import Digest

COPY_BYTES = 1024 * 1024
"""How much is copied at a time where the kernel cannot copy: large enough that the number of calls does not matter."""
# O_NOFOLLOW refuses a symlink under our name, O_NONBLOCK keeps a FIFO there from blocking us, O_BINARY is for Windows.
SAFE_FLAGS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
# What open(2) reports for a directory, a symlink or a socket. We put none of these under our names.
_NOT_PLAIN = (errno.EISDIR, errno.ELOOP, errno.ENXIO, errno.EMLINK)
_FICLONE = 0x40049409  # ioctl of Linux that shares the blocks of a file (btrfs, xfs, overlay on them).


def open_plain(path: Path, flags: int, mode: int = 0o600) -> int:
    """Open a plain file and return its descriptor. Raises OSError, or StoreUnusable if it is something else."""
    try:
        descriptor = os.open(path, flags | SAFE_FLAGS, mode)
    except OSError as error:
        if error.errno in _NOT_PLAIN:
            raise StoreUnusable(f"{path} is not a plain file") from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise StoreUnusable(f"{path} is not a plain file")
    return descriptor


def is_locked(path: Path) -> bool:
    """Whether another open file, of this process or of another, has the lock. Raises OSError or StoreUnusable."""
    descriptor = open_plain(path, os.O_RDWR)
    try:
        return not try_lock(descriptor)
    finally:
        os.close(descriptor)


class PartFile:
    """An open part file. Errors of the disk pass through as OSError."""

    def __init__(self, path: Path, descriptor: int, digest: Digest | None) -> None:
        self.path = path
        self._descriptor = descriptor
        self.digest = digest
        self._running = RunningDigest(digest) if digest else None
        self.offset = os.fstat(descriptor).st_size
        """Number of bytes that are written, from the start. Never more than the file has."""

    @classmethod
    def open_existing(cls, path: Path, digest: Digest | None) -> PartFile:
        """Open what an earlier run has left.

        Raises FileNotFoundError if there is nothing, StoreUnusable if it is not a plain file.
        """
        return cls(path, open_plain(path, os.O_RDWR), digest)

    @classmethod
    def create(cls, path: Path, mode: int, digest: Digest | None) -> PartFile:
        """Make a new, empty file. The umask reduces ``mode``. Raises FileExistsError if the name is taken."""
        return cls(path, open_plain(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode), digest)

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

    def is_at_path(self) -> bool:
        """Whether the path still leads to this file. ``pip cache purge`` or another pip may have changed that."""
        try:
            return os.path.samestat(os.lstat(self.path), self.status)
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

    def common_length(self, position: int, block: bytes) -> int:
        """Return how many bytes at the start of ``block`` equal those held from ``position`` on."""
        held = self.read_at(position, len(block))
        if held == block[: len(held)]:
            return len(held)
        return next(index for index, (ours, theirs) in enumerate(zip(held, block)) if ours != theirs)

    def copy_from(self, other: PartFile, length: int) -> None:
        """Copy the first ``length`` bytes of another part file into this one, which must be empty."""
        _copy(other._descriptor, self._descriptor, length)
        self.offset = length

    def hash_some(self) -> None:
        """Hash some of the bytes that an earlier run has left, if any are not hashed yet."""
        if self._running is not None and self._running.hashed < self.offset:
            self._running.catch_up(self.read_at, self.offset)

    def has_right_digest(self) -> bool:
        """Hash what is not hashed yet, and compare. Only with a digest.

        What was hashed while it was written is not read again.
        """
        if self._running is None:
            raise ValueError("no digest is known")
        while self._running.catch_up(self.read_at, self.offset):
            pass
        return self._running.hashed == self.offset and self._running.matches()

    def sync(self) -> None:
        """Wait until the bytes are on the medium."""
        if sys.platform == "darwin":
            import fcntl

            # fsync leaves them in the drive's own memory there.
            fcntl.fcntl(self._descriptor, fcntl.F_FULLFSYNC)
        else:
            os.fsync(self._descriptor)

    def rename_closed(self, target: Path) -> None:
        """Rename the file while it is closed for a moment. For Windows, which does not rename an open file."""
        self.close()
        os.replace(self.path, target)
        self.path = target
        self._descriptor = open_plain(target, os.O_RDWR)
        self.lock()

    def copy_to(self, destination: Path) -> None:
        """Copy the bytes to a file in the cheapest way that the system has: shared blocks, in the kernel, or by us."""
        with open(destination, "wb", buffering=0) as target:
            _copy(self._descriptor, target.fileno(), self.offset)

    def set_mode(self, mode: int) -> None:
        """Give the open file these permission bits, whatever its path leads to by now."""
        os.chmod(self._descriptor if os.chmod in os.supports_fd else self.path, mode)

    def remove(self) -> None:
        """Remove the path, if it still leads to this file, and then close the file.

        In this order, so that nobody claims it in between. Raises OSError if the system forbids it.
        """
        try:
            if self.is_at_path():
                self._unlink()
        finally:
            self.close()

    def _unlink(self) -> None:
        try:
            os.unlink(self.path)
        except PermissionError:
            self.close()  # Windows does not remove an open file.
            os.unlink(self.path)

    def close(self) -> None:
        """Close the file, which ends its lock. A second call does nothing."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            with contextlib.suppress(OSError):
                os.close(descriptor)


def _copy(source: int, target: int, length: int) -> None:
    """Copy the first ``length`` bytes of one open file to a second, empty one.

    Raises OSError if the source is shorter or the disk is full.
    """
    if length == os.fstat(source).st_size and _clone(source, target):
        return
    position = _copy_in_kernel(source, target, length)
    while position < length:
        block = memoryview(_read_at(source, min(COPY_BYTES, length - position), position))
        if not block:
            raise OSError(errno.EIO, "the part file is shorter than it was")
        position += _write_at(target, block, position)


def _clone(source: int, target: int) -> bool:
    if not sys.platform.startswith("linux"):
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

else:  # Windows

    def _write_at(descriptor: int, block: memoryview, position: int) -> int:
        os.lseek(descriptor, position, os.SEEK_SET)
        return os.write(descriptor, block)

    def _read_at(descriptor: int, size: int, position: int) -> bytes:
        os.lseek(descriptor, position, os.SEEK_SET)
        return os.read(descriptor, size)
