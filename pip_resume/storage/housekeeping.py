"""What is in the store's directories, and what of it can be removed: by age, by size, or because it is unusable."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import tempfile
from typing import TYPE_CHECKING, NamedTuple

from pip_resume.errors import StoreUnusable
from pip_resume.protocol.checkpoint import FORMAT
from pip_resume.storage.directory import Directory
from pip_resume.storage.ownership import is_symlink_of_others
from pip_resume.storage.part_file import bytes_on_disk, is_locked, is_ours_alone
from pip_resume.storage.record import PART, RECORD, read_record, record_name, remove_unclaimed
from pip_resume.storage.store import DIRECTORY, HTTP_CACHES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

DAY_S = 86400.0
LEFTOVER_S = 3600.0
"""A temporary file without a lock that was not changed for this long was left by a killed process."""
_MARKER = "pruned"
"""A file whose age is the time since the last opportunistic pruning."""
_MOST_FOREIGN = 50
"""How many files of different users ``prune`` looks at in one run: they may be any number, with long records."""
_MOST_NAMES = 20_000
"""How many names are looked at where others can put any number of them. That many take half a second."""
_STEM = r"[0-9a-f]{64}(?:-u[0-9]+)?"
_PART_NAME = rf"{_STEM}\.part"
_RECORD_NAME = rf"{_STEM}\.json"
_TEMPORARY_NAME = rf"{_STEM}\.[0-9]+-[0-9]+-[0-9a-f]{{8}}\.(?:tmp|new|link)"
"""Only names that match one of these are ever removed: a directory of ours may be exchanged for somebody else's.

Names with ``.link`` were made by the first version.

Strings: `re` compiles each at its first use.
"""


class Entry(NamedTuple):
    """One partial on disk."""

    directory: Path
    name: str
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
    room: int = 0
    """What counts for limits, in bytes. Where others can use the directory, holes do not count: see `is_own`."""
    is_own: bool = True
    """Whether only this user can have made it. The size of any other file says nothing: it may have holes."""

    @property
    def path(self) -> Path:
        """The path of the part file."""
        return self.directory / self.name

    @property
    def key(self) -> str:
        """The artifact's key."""
        return self.name[:64]

    @property
    def is_complete(self) -> bool:
        """Whether it is a finished file that pip's own cache did not store."""
        return self.size > 0 and self.size == self.complete_length


def directories(cache_directory: Path) -> list[Path]:
    """Return the stores that pips of any version have made below pip's cache directory (``pip cache dir``).

    Raises OSError if they cannot be accessed.
    """
    candidates = (cache_directory / name / DIRECTORY for name in HTTP_CACHES)
    return [each for each in candidates if not is_symlink_of_others(each.parent) and _is_directory(each)]


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Directory]:
    """Open a store's directory. Raises StoreUnusable if a symlink of a different user leads there, else as ``open``."""
    if is_symlink_of_others(path.parent):
        raise StoreUnusable(f"{path.parent} is a symlink of a different user")
    with Directory.opened(path) as directory:
        yield directory


def _is_directory(path: Path) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def entries(path: Path) -> list[Entry]:
    """Return all partials of a store's directory, oldest first; none if it is absent or a symlink.

    Raises OSError if it cannot be read.
    """
    try:
        with _opened(path) as directory:
            return _entries(directory, most_foreign=None)
    except (FileNotFoundError, NotADirectoryError, StoreUnusable):
        return []


def own_entries(path: Path) -> list[Entry]:
    """Return those that only this user can have made, in the same way."""
    try:
        with _opened(path) as directory:
            return [entry for entry in _entries(directory, most_foreign=0) if entry.is_own]
    except (FileNotFoundError, NotADirectoryError, StoreUnusable):
        return []


def _names(directory: Directory) -> list[str]:
    """Return the names in a store's directory; where others can use it, _MOST_NAMES of them at most."""
    names = directory.names()
    return names if directory.is_closed else names[:_MOST_NAMES]


def _entries(directory: Directory, most_foreign: int | None) -> list[Entry]:
    """``most_foreign`` is the number of files of different users that are looked at; None: all."""
    found: list[Entry] = []
    foreign = 0
    for name in _names(directory):
        if not re.fullmatch(_PART_NAME, name):
            continue
        with contextlib.suppress(OSError):
            status = directory.status_of(name)
            is_ours = is_ours_alone(status, directory)
            foreign += not is_ours
            if stat.S_ISREG(status.st_mode) and (is_ours or most_foreign is None or foreign <= most_foreign):
                found.append(_entry(directory, name, status, is_ours=is_ours))
    return sorted(found, key=lambda entry: entry.modified_s)


def _entry(directory: Directory, name: str, status: os.stat_result, *, is_ours: bool) -> Entry:
    record = read_record(directory, record_name(name))
    checkpoint = record.checkpoint if record.is_own or not is_ours else None
    return Entry(
        directory.path,
        name,
        status.st_size,
        status.st_mtime,
        checkpoint.filename if checkpoint else "",
        checkpoint.host if checkpoint else "",
        checkpoint.complete_length if checkpoint else None,
        is_newer=record.format > FORMAT,
        is_usable=checkpoint is not None,
        room=status.st_size if directory.is_closed else int(min(status.st_size, bytes_on_disk(status))),
        is_own=is_ours,
    )


def is_in_use(entry: Entry) -> bool:
    """Whether a pip is downloading it. Raises OSError or StoreUnusable if that cannot be found out."""
    with Directory.opened(entry.directory) as directory:
        return is_locked(directory, entry.name)


def remove(entry: Entry) -> bool:
    """Remove a partial and its record; return False if a pip holds it. Raises OSError if the system forbids it."""
    with Directory.opened(entry.directory) as directory:
        return remove_unclaimed(directory, entry.name)


def try_writing(directory: Path) -> None:
    """Make a file where a partial would be made, and remove it. Raises OSError with the reason if that fails.

    If the directory does not exist, use the nearest one above it that does: a store is made when it is needed.
    """
    if os.path.lexists(directory) and not _is_directory(directory):
        raise NotADirectoryError(errno.ENOTDIR, "is not a directory of its own", str(directory))
    if not os.path.lexists(directory):
        while not directory.exists():
            directory = directory.parent
        with tempfile.TemporaryFile(dir=directory):
            return
    try:
        # Not by its path: a different user may exchange the directory meanwhile.
        with Directory.opened(directory) as opened:
            name = f"{os.getpid()}-{os.urandom(8).hex()}.tmp"
            os.close(opened.open_file(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
            opened.remove(name)
    except StoreUnusable as error:
        raise OSError(errno.EACCES, str(error), str(directory)) from error


def prune(path: Path, keep_days: float, max_size: int, now_s: float, *, spare: Iterable[str] = ()) -> int:
    """Remove what is too old or too much, oldest first, and what killed processes have left. Skip what is locked.

    Files of different users are removed by age only, if the system allows it: ``max_size`` is a limit for each user.
    ``spare`` has the keys of artifacts whose partials stay. Returns the number of bytes removed. Raises nothing: what
    cannot be removed stays.
    """
    removed = 0
    with contextlib.suppress(OSError, StoreUnusable), _opened(path) as directory:
        present = [entry for entry in _entries(directory, _MOST_FOREIGN) if not entry.is_newer]
        own = [entry for entry in present if entry.is_own]
        excess = sum(entry.room for entry in own) - max_size
        # A clock that is earlier than the newest file is wrong, so no age is known.
        is_clock_right = all(entry.modified_s <= now_s + DAY_S for entry in own)
        for entry in sorted(present, key=lambda entry: (not entry.is_complete, entry.modified_s)):
            age_s = now_s - entry.modified_s if is_clock_right else 0.0
            # A part file that another pip is just making has no record yet.
            is_useless = age_s > keep_days * DAY_S or (not entry.is_usable and age_s > LEFTOVER_S)
            if (is_useless or (excess > 0 and entry.is_own)) and entry.key not in spare:
                with contextlib.suppress(OSError):
                    if remove_unclaimed(directory, entry.name):
                        removed += entry.size
                        excess -= entry.room if entry.is_own else 0
        if is_clock_right:
            _remove_leftovers(directory, now_s)
    return removed


def make_room(paths: Iterable[Path], needed: float, *, spare: str) -> None:
    """Remove other partials of this user until ``needed`` bytes are removed: complete ones first, then the oldest.

    Remove none if all together are not enough, and never one of the artifact with the key ``spare``. Skip what is
    locked. Raises nothing.
    """
    with contextlib.suppress(OSError):
        present = [entry for path in paths for entry in own_entries(path)]
        found = [entry for entry in present if not entry.is_newer and entry.key != spare]
        if sum(entry.room for entry in found) < needed:
            return
        for entry in sorted(found, key=lambda entry: (not entry.is_complete, entry.modified_s)):
            if needed <= 0:
                return
            with contextlib.suppress(OSError, StoreUnusable):
                if remove(entry):
                    needed -= entry.room


def remove_leftovers(path: Path, now_s: float) -> None:
    """Remove temporary files, and our records without a part file, of processes that were killed long ago.

    Raises OSError if the directory cannot be read.
    """
    with contextlib.suppress(FileNotFoundError, StoreUnusable), _opened(path) as directory:
        _remove_leftovers(directory, now_s)


def _remove_leftovers(directory: Directory, now_s: float) -> None:
    for name in _names(directory):
        if not re.fullmatch(_TEMPORARY_NAME, name) and not _is_record_alone(directory, name):
            continue
        with contextlib.suppress(OSError, StoreUnusable):
            status = directory.status_of(name)
            is_old = now_s - status.st_mtime > LEFTOVER_S
            if is_old and stat.S_ISREG(status.st_mode) and not is_locked(directory, name):
                directory.remove(name)


def _is_record_alone(directory: Directory, name: str) -> bool:
    """Whether this is a record without a part file. A newer pip-resume may have its bytes elsewhere."""
    if not re.fullmatch(_RECORD_NAME, name) or directory.has(name[: -len(RECORD)] + PART):
        return False
    with contextlib.suppress(OSError):
        # Others may have put any number of them there.
        is_ours = is_ours_alone(directory.status_of(name), directory)
        return is_ours and read_record(directory, name).format <= FORMAT
    return False


def prune_opportunistically(
    path: Path, keep_days: float, max_size: int, now_s: float, *, spare: Iterable[str] = ()
) -> None:
    """Prune at most once a day, and only if there is something to prune. Raises nothing. ``spare`` as for ``prune``."""
    with contextlib.suppress(OSError, StoreUnusable), _opened(path) as directory:
        if not any(name != _MARKER for name in directory.names()):
            return
        with contextlib.suppress(FileNotFoundError):
            marker = directory.status_of(_MARKER)
            if is_ours_alone(marker, directory) and 0 <= now_s - marker.st_mtime < DAY_S:
                return
        prune(path, keep_days, max_size, now_s, spare=spare)
        # What is left needs pruning again some day. An empty directory stays empty.
        if any(name != _MARKER for name in directory.names()):
            _touch(directory, now_s)
        else:
            with contextlib.suppress(FileNotFoundError):
                directory.remove(_MARKER)


def _touch(directory: Directory, now_s: float) -> None:
    # A new file: the old one may be a second link of some other file, put there by a different user.
    with contextlib.suppress(FileNotFoundError):
        directory.remove(_MARKER)
    descriptor = directory.open_file(_MARKER, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        os.utime(descriptor if os.utime in os.supports_fd else directory.path / _MARKER, (now_s, now_s))
    finally:
        os.close(descriptor)
