"""The record beside a part file: read it, write it, and remove both."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, NamedTuple

from pip_resume.errors import StoreUnusable
from pip_resume.protocol.checkpoint import MAX_RECORD_BYTES, Checkpoint, parse_checkpoint, record_format
from pip_resume.storage.ownership import is_own
from pip_resume.storage.part_file import PartFile
from pip_resume.storage.partial import fresh_name

if TYPE_CHECKING:
    from pip_resume.storage.directory import Directory

PART, RECORD = ".part", ".json"
"""The endings of the two files of one partial."""


def record_name(part_name: str) -> str:
    """Return the name of the record that belongs to a part file."""
    return part_name[: -len(PART)] + RECORD


class Record(NamedTuple):
    """What is in a record file."""

    content: bytes = b""
    """At most one byte more than a record may have. Empty if there is none that can be read."""
    is_own: bool = False
    """Whether the file belongs to this user."""

    @property
    def format(self) -> int:
        """The version that it claims to have; 0 if it is not a record at all."""
        return record_format(self.content) or 0

    @property
    def checkpoint(self) -> Checkpoint | None:
        """What it says; None if it cannot be used."""
        return parse_checkpoint(self.content)


def read_record(directory: Directory, name: str) -> Record:
    """Read the record with this name. Raises nothing."""
    try:
        with open(directory.open_file(name, os.O_RDONLY), "rb") as file:
            return Record(file.read(MAX_RECORD_BYTES + 1), is_own(os.fstat(file.fileno())))
    except (OSError, StoreUnusable):
        return Record()


def has_foreign_record(directory: Directory, part_name: str) -> bool:
    """Whether the record of a part file is a different user's. In a sticky directory it cannot be replaced."""
    try:
        return not is_own(directory.status_of(record_name(part_name)))
    except OSError:
        return False


def write_atomically(directory: Directory, name: str, content: bytes, pips_mode: int | None = None) -> None:
    """Put ``content`` in place of a file in one step: a reader sees the old content or the new, never a mixture.

    ``pips_mode`` is for a file of pip's cache, which has these permission bits, and is on the disk before it has its
    name. None for a record. Raises OSError.
    """
    part = PartFile.create(directory, fresh_name(name.rpartition(".")[0] or name, "tmp"), None)
    try:
        part.append(content)
        if pips_mode is not None:
            part.set_mode(pips_mode)
            part.fsync()
        part.close()
        part.rename(name)
    except BaseException:
        part.close()
        with contextlib.suppress(OSError):
            directory.remove(part.name)
        raise


def remove_unclaimed(directory: Directory, name: str) -> bool:
    """Remove a part file and its record; return False if a pip holds it. Raises OSError if the system forbids it."""
    try:
        part = PartFile.open_existing(directory, name, None)
    except FileNotFoundError:
        return True
    except StoreUnusable:
        return False
    try:
        if not part.lock() or not part.is_at_name():
            return False
        try:
            directory.remove(record_name(name))
        except FileNotFoundError:
            pass
        except PermissionError:
            # In a sticky directory a different user may have put a record beside our part file.
            if not has_foreign_record(directory, name):
                raise
        part.remove()
    finally:
        part.close()
    return True
