"""A lock on an open file that ends with its process.

It saves bandwidth only: on some network file systems locks do not work, so no byte depends on one.
"""

from __future__ import annotations

import errno
import os
import sys

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
