"""How much of an earlier run's file can be used, and whether it can be continued in place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pip_resume.errors import StoreUnusable
from pip_resume.protocol.checkpoint import Checkpoint
from pip_resume.storage.part_file import is_closed, is_locked, is_private, is_unforgeable

if TYPE_CHECKING:
    import os

    from pip_resume.artifact import Artifact
    from pip_resume.storage.part_file import PartFile
    from pip_resume.storage.record import Record

_BLOCK_BYTES = 512
"""The unit of st_blocks (POSIX)."""
_FIRST_PRIVATE_FORMAT = 2
"""Since this format part files are made with mode 0600, wherever they are."""


def what_is_known(artifact: Artifact, part: PartFile, record: Record) -> Checkpoint | None:
    """Return what can be used of our record beside a part file of ours; None if that is nothing.

    In a directory that others can use, a different user may have made both, or put the record of a different file
    there. Then a hash still proves the bytes. Names and fields are not used.
    """
    checkpoint = record.checkpoint if record.is_own else None
    if checkpoint is None or is_about(part.status, part.directory.status, record, checkpoint):
        return checkpoint
    if artifact.digest is None:
        return None
    return Checkpoint(
        complete_length=checkpoint.complete_length,
        boot_id=checkpoint.boot_id,
        inode=checkpoint.inode,
        synced=checkpoint.synced,
    )


def is_about(status: os.stat_result, directory: os.stat_result, record: Record, checkpoint: Checkpoint) -> bool:
    """Whether this user has written both the file with this status and the record, and the record for that file."""
    is_for_file = checkpoint.inode == status.st_ino or is_closed(directory)
    return is_for_file and record.is_sure and is_unforgeable(status, directory)


def trusted_length(artifact: Artifact, part: PartFile, checkpoint: Checkpoint, boot_id: str) -> int:
    """Return how many bytes from the start can be used. If the digest is known, it decides in the end anyway.

    ``boot_id`` names the running boot of the system; empty if the system has no such name.
    """
    offset = part.offset
    if checkpoint.complete_length is not None and offset > checkpoint.complete_length:
        return 0
    # After a reboot, or on a different machine, only what was synced is certain to be there.
    synced = min(checkpoint.synced, offset)
    is_same_boot = bool(boot_id) and checkpoint.boot_id == boot_id
    if artifact.digest is not None:
        is_boot_unknown = not checkpoint.boot_id or not boot_id
        return offset if is_same_boot or is_boot_unknown else synced
    if not (artifact.is_https and checkpoint.is_https):
        # Anybody on the way may have sent what came over http.
        return 0
    if is_same_boot:
        # A record beside a different file says nothing about it. (A copy on a different machine has a different inode.)
        return offset if checkpoint.inode == part.status.st_ino else 0
    return synced


def may_be_continued(part: PartFile, record_format: int, checkpoint: Checkpoint) -> bool:
    """Whether nobody else can write to this file, or could before, or reads it through a different link.

    A complete file is not written any more, so it may have several links, for example one in pip's cache.
    """
    status = part.status
    is_shared = status.st_nlink > 1 and part.offset != checkpoint.complete_length
    was_open = record_format < _FIRST_PRIVATE_FORMAT and not is_private(part.directory.status)
    # A different user may give a file of ours the name of a part, for example a temporary file of pip.
    is_known = checkpoint.inode == status.st_ino or is_private(part.directory.status)
    return is_private(status) and not is_shared and not was_open and is_known and _lock_works(part)


def is_sparse(part: PartFile) -> bool:
    """Whether a file has holes, so that copying it would need more room than its owner has used.

    The offset counts, not the size by now: the owner may cut the file, and let it grow again.
    """
    status = part.status
    return hasattr(status, "st_blocks") and status.st_blocks * _BLOCK_BYTES < part.offset - 8 * _BLOCK_BYTES


def _lock_works(part: PartFile) -> bool:
    """Whether a second open file does not get the lock that we have. If it does, another pip may be writing here."""
    try:
        return is_locked(part.directory, part.name)
    except (OSError, StoreUnusable):
        return False
