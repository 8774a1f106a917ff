"""Who may use a file or a directory, by its owner and its mode, and by the path that leads to it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH if hasattr(os, "geteuid") else 0
"""The permission bits. Windows has no such bits: there the access list of pip's cache directory decides."""


def is_own(status: os.stat_result) -> bool:
    """Whether a file belongs to this user. Always true where files have no such owner (Windows)."""
    return not hasattr(os, "geteuid") or status.st_uid == os.geteuid()


def is_private(status: os.stat_result) -> bool:
    """Whether a file belongs to this user and nobody else may write to it."""
    return is_own(status) and not status.st_mode & OTHERS_MAY_WRITE


def is_mode_closed(status: os.stat_result) -> bool:
    """Whether a directory belongs to this user, and nobody else may do anything in it. Always true on Windows."""
    return is_own(status) and (os.name == "nt" or not status.st_mode & 0o077)


def is_path_safe(path: Path) -> bool:
    """Whether no different user can put a different directory under this path. Always true on Windows.

    Each component, also of the path that symlinks lead to, belongs to this user or to root, and nobody else may rename
    what is in it. (In a sticky directory only the owner of an entry may.)
    """
    if not hasattr(os, "geteuid"):
        return True
    path = Path(os.path.abspath(path))
    try:
        for component in (path, *path.parents):
            status = os.lstat(component)
            may_rename = status.st_mode & OTHERS_MAY_WRITE and not status.st_mode & stat.S_ISVTX
            if not _is_trusted(status) or (stat.S_ISDIR(status.st_mode) and may_rename):
                return False
        target = Path(os.path.realpath(path))
        return target == path or is_path_safe(target)
    except OSError:
        return False


def is_symlink_of_others(path: Path) -> bool:
    """Whether a path is a symlink that a different user, who is not root, has made. False if there is nothing."""
    try:
        status = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISLNK(status.st_mode) and not _is_trusted(status)


def _is_trusted(status: os.stat_result) -> bool:
    return is_own(status) or status.st_uid == 0
