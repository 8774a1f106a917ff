"""How much of an earlier run's file can be used, and whether it can be continued in place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pip_resume.errors import StoreUnusable
from pip_resume.protocol.checkpoint import Checkpoint
from pip_resume.storage.ownership import is_private
from pip_resume.storage.part_file import bytes_on_disk, is_locked

if TYPE_CHECKING:
    from pip_resume.artifact import Artifact
    from pip_resume.storage.part_file import PartFile
    from pip_resume.storage.record import Record

_END_BYTES = 4096
"""The end of a file that may be without blocks of its own: a page."""


def what_is_known(artifact: Artifact, part: PartFile, record: Record) -> Checkpoint | None:
    """Return what can be used of our record beside a part file of ours; None if that is nothing.

    Where others can use the directory, nothing shows who has written the two files, or for which artifact. A different
    user may have made hard links of files of ours that they could write to once, or have renamed ours. Then a hash has
    to prove the bytes, and no name and no field is used. Nor are those that a different host has sent: an index may
    name the hash of any file, and send the start of it under a wrong name.

    Without a hash only bytes are used that were stored for this very link. The key alone does not show that: anybody
    can compute it from the URL, and name it as the hash of a different link.
    """
    checkpoint = record.checkpoint if record.is_own else None
    if checkpoint is None:
        return None
    is_ours_alone, is_same_host = part.directory.is_closed, checkpoint.host == artifact.host
    if artifact.digest is None:
        is_for_link = is_same_host if checkpoint.is_unhashed is None else checkpoint.is_unhashed
        return checkpoint if is_ours_alone and is_for_link else None
    if is_ours_alone and is_same_host:
        return checkpoint
    return Checkpoint(
        host=artifact.host,
        complete_length=checkpoint.complete_length,
        boot_id=checkpoint.boot_id,
        inode=checkpoint.inode,
        synced=checkpoint.synced,
        is_https=checkpoint.is_https,
        is_unhashed=False,
    )


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


def may_be_continued(part: PartFile, checkpoint: Checkpoint) -> bool:
    """Whether nobody else can write to this file, or could before, or reads it through a different link.

    Only a closed directory shows that. A complete file is not written any more, so it may have several links, for
    example one in pip's cache.
    """
    status = part.status
    is_shared = status.st_nlink > 1 and part.offset != checkpoint.complete_length
    return part.directory.is_closed and is_private(status) and not is_shared and _lock_works(part)


def is_sparse(part: PartFile) -> bool:
    """Whether a file has holes, so that copying it would need more room than its owner has used.

    The offset counts, not the size by now: the owner may cut the file, and let it grow again.
    """
    return bytes_on_disk(part.status) < part.offset - _END_BYTES


def _lock_works(part: PartFile) -> bool:
    """Whether a second open file does not get the lock that we have. If it does, another pip may be writing here."""
    try:
        return is_locked(part.directory, part.name)
    except (OSError, StoreUnusable):
        return False
