"""A lock on an open file that dies with its process.

Saves bandwidth; no byte depends on it, because on some network file systems it lies.
"""

from __future__ import annotations

import errno
import os
import sys

# What an operating system says when somebody else has the lock; everything else means that there are no locks here at
# all.
_HELD_BY_ANOTHER = frozenset({errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK})

if sys.platform == "win32":
    import msvcrt

    # A mandatory lock there, so on a byte that nobody reads or writes while the partial grows; beyond 2 GiB the C
    # library cannot seek.
    _LOCK_POSITION = 0x7FFF_FFFE

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, _LOCK_POSITION, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def try_lock(descriptor: int) -> bool:
    """Lock an open file without waiting; False when another open file, of this process or of another, has the lock.

    True as well where the file system knows no locks (ENOLCK, ENOTSUP): better twice the bandwidth than no download.
    The lock ends when the descriptor is closed.
    """
    try:
        _lock(descriptor)
    except OSError as error:
        return error.errno not in _HELD_BY_ANOTHER
    return True
