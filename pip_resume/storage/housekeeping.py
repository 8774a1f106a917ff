"""What lies in the store's directory, and what of it may go: by age, by size, or because nobody will ever use it."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
from typing import TYPE_CHECKING, Callable, NamedTuple

from pip_resume.errors import StoreUnusable
from pip_resume.protocol.checkpoint import FORMAT, parse_checkpoint, record_format
from pip_resume.storage.part_file import PartFile
from pip_resume.storage.store import DIRECTORY, read_record, remove_unclaimed
from pip_resume.storage.stored_partial import record_path

if TYPE_CHECKING:
    from pathlib import Path

HTTP_CACHES = ("http", "http-v2")
"""Below pip's cache directory: up to 23.2 the first, since 23.3 the second."""
DAY_S = 86400.0
LEFTOVER_S = 3600.0
"""A file on its way to another name is that old only when its process was killed."""
_MARKER = "pruned"
"""Its age is the time since the last pruning in passing."""
_ON_THE_WAY = (".tmp", ".new", ".link")


class Entry(NamedTuple):
    """One partial, as it stands on disk."""

    path: Path
    size: int
    """Bytes kept."""
    modified_s: float
    """Seconds since the epoch."""
    filename: str
    """Empty when its record cannot be read."""
    host: str
    complete_length: int | None
    is_newer: bool
    """Whether a newer pip-resume wrote it: not ours to judge."""
    is_usable: bool
    """Whether its record can be read; without one the bytes are never used."""

    @property
    def key(self) -> str:
        """The name that the link's hash or URL gives it."""
        return self.path.stem


def directories(cache_directory: Path) -> list[Path]:
    """The stores that pips of any version have made below pip's cache directory, which ``pip cache dir`` names.

    OSError when they cannot be looked at.
    """
    candidates = (cache_directory / name / DIRECTORY for name in HTTP_CACHES)
    return [directory for directory in candidates if _is_directory(directory)]


def _is_directory(path: Path) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def entries(directory: Path) -> list[Entry]:
    """All partials of a store's directory, oldest first; none where it is absent or no directory of ours.

    OSError when it cannot be read.
    """
    # Behind a symlink there are other people's files, and some of them are called .part as well.
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
    """Remove a partial and its record; False when another pip holds it. Raises OSError when the system forbids it."""
    return remove_unclaimed(entry.path)


def try_writing(directory: Path) -> None:
    """Make a file where a partial would be made, and remove it again. OSError, with the reason, when that fails.

    In the nearest directory above that exists: a store is made when it is wanted.
    """
    if os.path.lexists(directory) and not _is_directory(directory):
        raise NotADirectoryError(errno.ENOTDIR, "is not a directory of its own", str(directory))
    while not directory.exists():
        directory = directory.parent
    with tempfile.TemporaryFile(dir=directory):
        pass


def is_held(path: Path) -> bool:
    """Whether a pip holds this file right now. OSError or StoreUnusable when it cannot be opened."""
    part = PartFile.open_existing(path, None)
    try:
        return not part.lock()
    finally:
        part.close()


def prune(directory: Path, keep_days: float, max_size: int, now_s: float) -> int:
    """Remove what is too old or too much, oldest first, and what killed processes have left; skip what is claimed.

    Returns the bytes removed. Raises nothing: what cannot be removed stays.
    """
    removed = 0
    with contextlib.suppress(OSError):
        present = [entry for entry in entries(directory) if not entry.is_newer]
        excess = sum(entry.size for entry in present) - max_size
        for entry in present:
            is_old = now_s - entry.modified_s > keep_days * DAY_S
            # A part that is just being made has no record for a moment.
            is_dead = not entry.is_usable and now_s - entry.modified_s > LEFTOVER_S
            if is_old or is_dead or excess > 0:
                with contextlib.suppress(OSError):
                    if remove(entry):
                        removed += entry.size
                        excess -= entry.size
        remove_leftovers(directory, now_s)
    return removed


def make_room(directory: Path, has_room: Callable[[], bool]) -> None:
    """Remove partials, oldest first, until there is room; skip what is claimed. Raises nothing."""
    with contextlib.suppress(OSError):
        for entry in entries(directory):
            if has_room():
                return
            if not entry.is_newer:
                with contextlib.suppress(OSError):
                    remove(entry)


def remove_leftovers(directory: Path, now_s: float) -> None:
    """Remove files on their way to another name, and records without a part, whose process is long dead.

    OSError when the directory cannot be read.
    """
    names = os.listdir(directory) if _is_directory(directory) else []
    for path in (directory / name for name in names):
        if not path.name.endswith(_ON_THE_WAY) and not _is_lonely_record(path):
            continue
        with contextlib.suppress(OSError, StoreUnusable):
            status = os.lstat(path)
            if now_s - status.st_mtime > LEFTOVER_S and stat.S_ISREG(status.st_mode) and not is_held(path):
                os.unlink(path)


def _is_lonely_record(path: Path) -> bool:
    """Whether this is a record without bytes. One of a newer pip-resume may have its bytes elsewhere."""
    return (
        path.suffix == ".json"
        and not os.path.lexists(path.with_suffix(".part"))
        and (record_format(read_record(path)) or 0) <= FORMAT
    )


def prune_in_passing(directory: Path, keep_days: float, max_size: int, now_s: float) -> None:
    """Prune, at most once a day, and only where there is something to prune. Raises nothing."""
    marker = directory / _MARKER
    with contextlib.suppress(OSError):
        if not _is_directory(directory) or not any(name != _MARKER for name in os.listdir(directory)):
            return
        with contextlib.suppress(FileNotFoundError):
            if 0 <= now_s - os.lstat(marker).st_mtime < DAY_S:
                return
        prune(directory, keep_days, max_size, now_s)
        # What is left will want pruning again; an empty directory stays empty.
        if any(name != _MARKER for name in os.listdir(directory)):
            _touch(marker, now_s)
        else:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(marker)


def _touch(path: Path, now_s: float) -> None:
    # Not through a symlink, and without waiting for the reader of a FIFO, where somebody has planted one.
    flags = os.O_WRONLY | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    os.close(os.open(path, flags, 0o600))
    os.utime(path, (now_s, now_s))
