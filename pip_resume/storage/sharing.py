"""Files that other processes have open at the same time: what Windows needs to open, rename and remove them.

Windows forbids what a process that has the file open does not share. We share ours in all three ways, so that another
pip, ``pip cache purge`` or a program that scans files can read, rename and remove them. A program that does not share
has a file open for a moment only, so a call that it prevents is tried again. On POSIX nothing of this is needed.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Callable, TypeVar

if TYPE_CHECKING:
    from typing_extensions import ParamSpec

    P = ParamSpec("P")
    T = TypeVar("T")

IS_WINDOWS = sys.platform == "win32"
CAN_LINK = not IS_WINDOWS
"""Whether hard links are of use. Windows has them, but no link of a file can be removed while a pip has any link open.

pips read their cache, and remove what they have downloaded, at the same time.
"""
WAIT_S = 1.0
"""One call is tried again for this long. pip's own ``replace`` and ``rmtree`` do the same."""
MOST_WAITED_S = 3.0
"""For all calls of a process together: a file that stays open must not delay every step that needs it."""
_POLL_S = 0.02
_ACCESS_DENIED = 5
"""Also what a call gets that replaces an open file, or opens one that is removed but still open elsewhere."""
_IN_USE = frozenset({32, 33, 303})
"""ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION, ERROR_DELETE_PENDING."""
_LONGEST_PATH = 259
"""MAX_PATH without the null character: what Windows accepts, unless the user has allowed longer paths."""

_waited_s = [0.0]
"""How long the calls of this process have been tried again. A list, so that no ``global`` is needed."""


def is_in_use(error: OSError) -> bool:
    """Whether a call that opens, renames or removes a file fails because a process has the file open.

    Always False on POSIX, where that is no reason.
    """
    code = getattr(error, "winerror", None)
    return code == _ACCESS_DENIED or code in _IN_USE


def insist(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call, and try again for a second while another process has the file open. Raises the last OSError."""
    start_s = time.monotonic()
    while True:
        try:
            return call(*args, **kwargs)
        except OSError as error:
            if not is_in_use(error) or not _may_wait(start_s):
                raise
        time.sleep(_POLL_S)
        _waited_s[0] += _POLL_S


def _may_wait(start_s: float) -> bool:
    return _waited_s[0] < MOST_WAITED_S and time.monotonic() - start_s < WAIT_S


def is_same_file(status: os.stat_result, other: os.stat_result) -> bool:
    """Whether these are of one file; both of them must be on one file system."""
    if IS_WINDOWS:
        # wine does not know the volume of an open file that was renamed.
        return status.st_ino == other.st_ino
    return os.path.samestat(status, other)


def long_path(path: Path) -> Path:
    r"""Return the form of a path that may have more than 259 characters (``\\?\C:\...``). On POSIX the path itself."""
    if not IS_WINDOWS:
        return path
    full = os.path.abspath(path)
    if full.startswith("\\\\?\\"):
        return path
    return Path(f"\\\\?\\UNC{full[1:]}" if full.startswith("\\\\") else f"\\\\?\\{full}")


def is_too_long(path: Path) -> bool:
    """Whether programs that know nothing of long paths, pip among them, cannot use this path."""
    return IS_WINDOWS and len(os.path.abspath(path)) > _LONGEST_PATH and not _are_long_paths_allowed()


if sys.platform == "win32":  # pragma: no cover - Windows
    import _winapi
    import ctypes
    import msvcrt

    _SHARE_ALL = 7  # FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE
    _CREATE_NEW, _OPEN_EXISTING, _OPEN_ALWAYS = 1, 3, 4
    _FILE_ATTRIBUTE_NORMAL = 0x80

    def open_shared(path: Path, flags: int, mode: int) -> int:
        """Open a file as ``os.open`` does, and let others read, write, rename and remove it meanwhile."""
        if not hasattr(_winapi, "CreateFile"):
            return insist(os.open, path, flags, mode)
        return insist(_open, path, flags)

    def _open(path: Path, flags: int) -> int:
        access = _winapi.GENERIC_READ | (_winapi.GENERIC_WRITE if flags & (os.O_WRONLY | os.O_RDWR) else 0)
        how = _OPEN_EXISTING
        if flags & os.O_CREAT:
            how = _CREATE_NEW if flags & os.O_EXCL else _OPEN_ALWAYS
        try:
            handle = _winapi.CreateFile(str(path), access, _SHARE_ALL, 0, how, _FILE_ATTRIBUTE_NORMAL, 0)
        except OSError as error:
            if error.winerror == _ACCESS_DENIED and not os.path.lexists(path):
                # The directory forbids it, which will not change.
                raise PermissionError(error.errno, error.strerror, str(path)) from error
            raise
        try:
            return msvcrt.open_osfhandle(handle, 0)
        except BaseException:
            _winapi.CloseHandle(handle)
            raise

    def _are_long_paths_allowed() -> bool:
        try:
            return bool(ctypes.WinDLL("ntdll").RtlAreLongPathsEnabled())
        except (OSError, AttributeError):
            return False

else:

    def open_shared(path: Path, flags: int, mode: int) -> int:
        """Open a file. On POSIX all files are shared in this way."""
        return os.open(path, flags, mode)

    def _are_long_paths_allowed() -> bool:
        return True
