"""One open directory: names in it are used through its descriptor, so that nobody can exchange the path meanwhile."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import stat
import time
from typing import TYPE_CHECKING

from pip_resume.errors import StoreUnusable
from pip_resume.storage.ownership import is_mode_closed, is_own, is_path_safe
from pip_resume.storage.sharing import insist, long_path, open_shared

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# O_NOFOLLOW refuses a symlink under our name, O_NONBLOCK keeps a FIFO there from blocking us, O_BINARY is for Windows.
SAFE_FLAGS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
# What open(2) reports for a directory, a symlink or a socket. We put none of these under our names.
_NOT_PLAIN = (errno.EISDIR, errno.ELOOP, errno.ENXIO, errno.EMLINK)
_USES_DESCRIPTORS = {os.open, os.stat, os.unlink, os.rename, os.link} <= os.supports_dir_fd and (
    os.listdir in os.supports_fd
)
"""True on POSIX. Windows has no such calls; there a directory that is in use cannot be renamed."""
_NEW_S = 10.0
"""A directory that was changed longer ago was not made just now. A file server's clock may differ by some seconds."""
_JUNCTION = 0xA0000003  # IO_REPARSE_TAG_MOUNT_POINT: a directory of Windows that leads elsewhere, as a symlink does.


class Directory:
    """An open directory. Errors of the system pass through as OSError."""

    def __init__(self, path: Path, descriptor: int | None = None) -> None:
        """``descriptor`` is None where the system has none for directories: then every call uses the path."""
        self.path = path
        """For messages, and for calls that have no other way."""
        self._descriptor = descriptor
        self._root = path if descriptor is not None else long_path(path)
        """The path for calls that use one."""

    @classmethod
    def open(cls, path: Path) -> Directory:
        """Open an existing directory. Raises FileNotFoundError, OSError, or StoreUnusable if it is something else."""
        if not _USES_DESCRIPTORS:
            status = os.lstat(long_path(path))
            if not stat.S_ISDIR(status.st_mode) or getattr(status, "st_reparse_tag", 0) == _JUNCTION:
                raise StoreUnusable(f"{path} is not a directory")
            return cls(path)
        try:
            return cls(path, os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC))
        except OSError as error:
            if error.errno in (errno.ENOTDIR, errno.ELOOP, errno.EMLINK):
                raise StoreUnusable(f"{path} is not a directory") from error
            raise

    @classmethod
    @contextlib.contextmanager
    def opened(cls, path: Path) -> Iterator[Directory]:
        """Open a directory as ``open`` does, and close it at the end of the context."""
        directory = cls.open(path)
        try:
            yield directory
        finally:
            directory.close()

    def close(self) -> None:
        """Close the directory. A second call does nothing. Any other call then fails, and uses no path instead."""
        if self._descriptor is not None and self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            with contextlib.suppress(OSError):
                os.close(descriptor)

    @property
    def status(self) -> os.stat_result:
        """The result of fstat."""
        return os.stat(self._root if self._descriptor is None else self._descriptor)

    @property
    def is_closed(self) -> bool:
        """Whether nobody else may do anything in it, or could put a different directory in its place."""
        return is_mode_closed(self.status) and self._is_path_safe

    @functools.cached_property
    def _is_path_safe(self) -> bool:
        return is_path_safe(self.path.parent)

    @property
    def is_new(self) -> bool:
        """Whether this is the directory that was made just now, and no older one that was put in its place."""
        status = self.status
        return is_own(status) and abs(time.time() - status.st_mtime) < _NEW_S and not self.names()

    def is_at(self, path: Path) -> bool:
        """Whether this is the directory that the path leads to now, without following a symlink."""
        try:
            return os.path.samestat(os.lstat(long_path(path)), self.status)
        except OSError:
            return False

    def set_mode(self, mode: int) -> None:
        """Give the directory these permission bits."""
        os.chmod(self._root if self._descriptor is None else self._descriptor, mode)

    def open_file(self, name: str, flags: int, mode: int = 0o600) -> int:
        """Open a plain file and return its descriptor. Raises OSError, or StoreUnusable if it is something else."""
        try:
            descriptor = self._open(name, flags | SAFE_FLAGS, mode)
        except OSError as error:
            if error.errno in _NOT_PLAIN:
                raise StoreUnusable(f"{self.path / name} is not a plain file") from error
            raise
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise StoreUnusable(f"{self.path / name} is not a plain file")
        return descriptor

    def _open(self, name: str, flags: int, mode: int) -> int:
        if self._descriptor is not None:
            return os.open(name, flags, mode, dir_fd=self._descriptor)
        with contextlib.suppress(FileNotFoundError):
            if stat.S_ISLNK(self.status_of(name).st_mode):
                raise StoreUnusable(f"{self.path / name} is not a plain file")
        return open_shared(self._root / name, flags, mode)

    def status_of(self, name: str) -> os.stat_result:
        """Return the status of a name, without following a symlink."""
        return os.stat(self._place(name), dir_fd=self._descriptor, follow_symlinks=False)

    def has(self, name: str) -> bool:
        """Whether something has this name."""
        try:
            self.status_of(name)
        except OSError:
            return False
        return True

    def names(self) -> list[str]:
        """Return all names, sorted."""
        return sorted(os.listdir(self._root if self._descriptor is None else self._descriptor))

    def remove(self, name: str) -> None:
        """Remove a name."""
        if self._descriptor is None:
            insist(os.unlink, self._root / name)
        else:
            os.unlink(name, dir_fd=self._descriptor)

    def rename(self, old: str, new: str) -> None:
        """Give a file a different name in this directory, and replace what has it."""
        if self._descriptor is None:
            insist(os.replace, self._root / old, self._root / new)
        else:
            os.rename(old, new, src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)

    def move_out(self, name: str, target: Path) -> None:
        """Rename a file to a path elsewhere on the same file system, and replace what is there."""
        if self._descriptor is None:
            insist(os.replace, self._root / name, target)
        else:
            os.rename(name, target, src_dir_fd=self._descriptor)

    def link_out(self, name: str, target: Path) -> None:
        """Make a path elsewhere on the same file system a hard link of a file. Raises FileExistsError if it exists."""
        if self._descriptor is None:
            os.link(self._root / name, target)
        else:
            os.link(name, target, src_dir_fd=self._descriptor, follow_symlinks=False)

    def _place(self, name: str) -> str | Path:
        return self._root / name if self._descriptor is None else name
