"""What lies in the store's directory, and what of it can be removed: by age, by size, or because it cannot be used."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
from typing import TYPE_CHECKING, Callable, NamedTuple

from pip_resume.errors import StoreUnusable
from pip_resume.protocol.checkpoint import FORMAT, parse_checkpoint, record_format
from pip_resume.storage.part_file import is_locked, open_plain
from pip_resume.storage.store import DIRECTORY, read_record, remove_unclaimed
from pip_resume.storage.stored_partial import record_path

if TYPE_CHECKING:
    from pathlib import Path

HTTP_CACHES = ("http", "http-v2")
"""Below pip's cache directory: the first is used up to pip 23.2, the second since 23.3."""
DAY_S = 86400.0
LEFTOVER_S = 3600.0
"""A file that waits to be renamed for this long was left by a killed process: a rename follows within a second."""
_MARKER = "pruned"
"""A file whose age is the time since the last opportunistic pruning."""
_TEMPORARY = (".tmp", ".new", ".link")


class Entry(NamedTuple):
    """One partial on disk."""

    path: Path
    size: int
    """Number of bytes stored."""
    modified_s: float
    """Seconds since the epoch."""
    filename: str
    """Empty if its record cannot be read."""
    host: str
    complete_length: int | None
    """None if it is not known."""
    is_newer: bool
    """Whether a newer pip-resume wrote it. Then it is left alone."""
    is_usable: bool
    """Whether its record can be read. Without one the bytes are never used."""

    @property
    def key(self) -> str:
        """The artifact's key, which is its name on disk."""
        return self.path.stem


def directories(cache_directory: Path) -> list[Path]:
    """Return the stores that pips of any version have made below pip's cache directory (``pip cache dir``).

    Raises OSError if they cannot be accessed.
    """
    candidates = (cache_directory / name / DIRECTORY for name in HTTP_CACHES)
    return [directory for directory in candidates if _is_directory(directory)]


def _is_directory(path: Path) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def entries(directory: Path) -> list[Entry]:
    """Return all partials of a store's directory, oldest first; none if it is absent or a symlink.

    Raises OSError if it cannot be read.
    """
    # A symlink may lead to a directory of other files whose names end with .part.
    if not _is_directory(directory):
        return []
    names = sorted(name for name in os.listdir(directory) if name.endswith(".part"))
    found = (_entry(directory / name) for name in names)
    return sorted((entry for entry in found if entry is not None), key=lambda entry: entry.modified_s)


def _entry(path: Path) -> Entry | None:
    try:
        status = os.lstat(path)
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    record = read_record(record_path(path))
    checkpoint = parse_checkpoint(record)
    return Entry(
        path,
        status.st_size,
        status.st_mtime,
        checkpoint.filename if checkpoint else "",
        checkpoint.host if checkpoint else "",
        checkpoint.complete_length if checkpoint else None,
        is_newer=(record_format(record) or 0) > FORMAT,
        is_usable=checkpoint is not None,
    )


def remove(entry: Entry) -> bool:
    """Remove a partial and its record; return False if a pip holds it. Raises OSError if the system forbids it."""
    return remove_unclaimed(entry.path)


def try_writing(directory: Path) -> None:
    """Make a file where a partial would be made, and remove it. Raises OSError with the reason if that fails.

    If the directory does not exist, use the nearest one above it that does: a store is made when it is needed.
    """
    if os.path.lexists(directory) and not _is_directory(directory):
        raise NotADirectoryError(errno.ENOTDIR, "is not a directory of its own", str(directory))
    while not directory.exists():
        directory = directory.parent
    with tempfile.TemporaryFile(dir=directory):
        pass


def prune(directory: Path, keep_days: float, max_size: int, now_s: float) -> int:
    """Remove what is too old or too much, oldest first, and what killed processes have left. Skip what is locked.

    Returns the number of bytes removed. Raises nothing: what cannot be removed stays.
    """
    removed = 0
    with contextlib.suppress(OSError):
        present = [entry for entry in entries(directory) if not entry.is_newer]
        excess = sum(entry.size for entry in present) - max_size
        for entry in present:
            is_old = now_s - entry.modified_s > keep_days * DAY_S
            # A part file that another pip is just making has no record yet.
            is_unusable = not entry.is_usable and now_s - entry.modified_s > LEFTOVER_S
            if is_old or is_unusable or excess > 0:
                with contextlib.suppress(OSError):
                    if remove(entry):
                        removed += entry.size
                        excess -= entry.size
        remove_leftovers(directory, now_s)
    return removed


def make_room(directory: Path, has_room: Callable[[], bool]) -> None:
    """Remove partials, oldest first, until there is room. Skip what is locked. Raises nothing."""
    with contextlib.suppress(OSError):
        for entry in entries(directory):
            if has_room():
                return
            if not entry.is_newer:
                with contextlib.suppress(OSError):
                    remove(entry)


def remove_leftovers(directory: Path, now_s: float) -> None:
    """Remove temporary files, and records without a part file, of processes that were killed long ago.

    Raises OSError if the directory cannot be read.
    """
    names = os.listdir(directory) if _is_directory(directory) else []
    for path in (directory / name for name in names):
        if not path.name.endswith(_TEMPORARY) and not _is_record_alone(path):
            continue
        with contextlib.suppress(OSError, StoreUnusable):
            status = os.lstat(path)
            if now_s - status.st_mtime > LEFTOVER_S and stat.S_ISREG(status.st_mode) and not is_locked(path):
                os.unlink(path)


def _is_record_alone(path: Path) -> bool:
    """Whether this is a record without a part file. A newer pip-resume may have its bytes elsewhere."""
    return (
        path.suffix == ".json"
        and not os.path.lexists(path.with_suffix(".part"))
        and (record_format(read_record(path)) or 0) <= FORMAT
    )


def prune_opportunistically(directory: Path, keep_days: float, max_size: int, now_s: float) -> None:
    """Prune at most once a day, and only if there is something to prune. Raises nothing."""
    marker = directory / _MARKER
    with contextlib.suppress(OSError):
        if not _is_directory(directory) or not any(name != _MARKER for name in os.listdir(directory)):
            return
        with contextlib.suppress(FileNotFoundError):
            if 0 <= now_s - os.lstat(marker).st_mtime < DAY_S:
                return
        prune(directory, keep_days, max_size, now_s)
        # What is left needs pruning again some day. An empty directory stays empty.
        if any(name != _MARKER for name in os.listdir(directory)):
            _touch(marker, now_s)
        else:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(marker)


def _touch(path: Path, now_s: float) -> None:
    with contextlib.suppress(StoreUnusable):
        os.close(open_plain(path, os.O_WRONLY | os.O_CREAT))
        os.utime(path, (now_s, now_s))
