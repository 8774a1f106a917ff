"""A lock on an open file that ends with its process.

It saves bandwidth only: on some network file systems locks do not work, so no byte depends on one.
"""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

_LOCKS = Path("/proc/locks")
"""All locks of this system (proc_locks(5)). Only Linux has such a list."""

# What the system reports if another open file has the lock. Any other error means that this file system has no locks.
_HELD_BY_ANOTHER = frozenset({errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK})

if sys.platform == "win32":  # pragma: no cover - Windows
    import msvcrt

    # Locks are mandatory there, so this byte is one that nobody reads or writes. The C library seeks up to 2 GiB only.
    _LOCK_POSITION = 0x7FFF_FFFE

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, _LOCK_POSITION, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def try_lock(descriptor: int) -> bool:
    """Lock an open file without waiting; False if another open file, of this process or of another, has the lock.

    True as well if the file system has no locks (ENOLCK, ENOTSUP): a second download is better than none. The lock ends
    when the descriptor is closed.
    """
    try:
        _lock(descriptor)
    except OSError as error:
        return error.errno not in _HELD_BY_ANOTHER
    return True


def is_held_by_this_user(status: os.stat_result) -> bool:
    """Whether a process of this user has locked the file with this status. False where the system does not tell."""
    try:
        lines = _LOCKS.read_text("ascii").splitlines()
    except (OSError, ValueError):
        return False
    file = (os.major(status.st_dev), os.minor(status.st_dev), status.st_ino)
    return any(_is_of_this_user(process) for line in lines for process, locked in _flock(line) if locked == file)


def _flock(line: str) -> list[tuple[str, tuple[int, int, int]]]:
    """Return the process and the file of a line about a lock of flock(2) that is held; nothing for other lines."""
    fields = line.split()
    try:
        if fields[1] != "FLOCK":
            return []
        major, minor, inode = fields[5].split(":")
        return [(fields[4], (int(major, 16), int(minor, 16), int(inode)))]
    except (IndexError, ValueError):
        return []


def _is_of_this_user(process: str) -> bool:
    try:
        return os.stat(f"/proc/{int(process)}").st_uid == os.geteuid()
    except (OSError, ValueError, AttributeError):
        return False
