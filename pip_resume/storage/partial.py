"""The bytes of an artifact so far, with what is known of them."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import stat
from typing import TYPE_CHECKING

from pip_resume.protocol.checkpoint import Checkpoint
from pip_resume.storage.part_file import PartFile

if TYPE_CHECKING:
    from pathlib import Path

    from pip_resume.artifact import Artifact

_serial = itertools.count()


def fresh_path(path: Path, ending: str) -> Path:
    """A name beside ``path`` that no other process or thread uses; the ending tells ``prune`` what it may remove."""
    # With chance: in containers every pip has the same number, also the one that was killed and left a file.
    return path.with_name(f"{path.stem}.{os.getpid()}-{next(_serial)}-{os.urandom(4).hex()}.{ending}")


class Partial:
    """Bytes that live as long as this run, in pip's own temporary directory. Errors of the disk pass as OSError.

    A body that repeats what is held may turn out to differ. The held bytes then stay until the new ones, written to a
    file of their own (the rival), have overtaken them: a login page must not cost 688 MB.
    """

    @property
    def is_kept(self) -> bool:
        """Whether the next run finds the bytes."""
        return False

    def __init__(self, artifact: Artifact, part: PartFile, checkpoint: Checkpoint) -> None:
        self.artifact = artifact
        self.checkpoint = checkpoint
        self._part = part
        self._rival: PartFile | None = None
        self._rival_checkpoint = checkpoint

    @classmethod
    def in_directory(cls, directory: Path, artifact: Artifact) -> Partial:
        """An empty partial in a directory of pip's. The mode is the one that pip's own ``open`` would give."""
        path = fresh_path(directory / "pip-resume", "part")
        return cls(artifact, PartFile.create(path, 0o666, artifact.digest), Checkpoint())

    def take_file(self, source: Path) -> None:
        """Hold the bytes of a file of pip's cache: under another name where its mode allows that, else as a copy."""
        ours = self._part
        descriptor = os.open(source, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        shared = PartFile(source, descriptor, self.artifact.digest)
        if shared.mode == ours.mode and link_file(source, shared.status, ours.path, beside=ours.path):
            shared.path = ours.path
            self._part = shared
            ours.close()
            return
        try:
            ours.copy_from(shared, shared.offset)
        finally:
            shared.close()

    @property
    def offset(self) -> int:
        """Number of bytes held from the start."""
        return self._part.offset

    @property
    def path(self) -> Path:
        """Where the bytes are, unless somebody has removed them there."""
        return self._part.path

    def note(self, checkpoint: Checkpoint) -> None:
        """Remember what is known now. OSError where it cannot be written down."""
        self.checkpoint = checkpoint

    def common_length(self, position: int, block: bytes) -> int:
        """How many bytes at the start of ``block`` equal those held from ``position`` on."""
        return self._part.common_length(position, block)

    def append(self, block: bytes | memoryview) -> None:
        """Add a block at the end: of the rival where there is one, else of the bytes held."""
        if self._rival is None:
            self._part.append(block)
            self._part.hash_some()
            return
        self._rival.append(block)
        if self._rival.offset > self._part.offset:
            self.settle()

    def start_rival(self, position: int, checkpoint: Checkpoint) -> None:
        """Go on in a file of its own that shares only what stands below ``position``.

        ``checkpoint`` is what is known of that one.
        """
        self.drop_rival()
        self._rival = self._new_part()
        self._rival.copy_from(self._part, position)
        self._rival_checkpoint = checkpoint

    def drop_rival(self) -> None:
        """Forget the rival, if there is one: what is held stands."""
        if self._rival is not None:
            remove_file(self._rival)
            self._rival = None

    def settle(self) -> None:
        """Let the rival, if there is one, take the place of what is held."""
        if self._rival is not None:
            rival, self._rival = self._rival, None
            self._take_over(rival)
            self.note(self._rival_checkpoint)

    def reset(self, checkpoint: Checkpoint) -> None:
        """Start over with nothing: in a new file, since somebody else may still be reading or writing the old one."""
        self.start_rival(0, checkpoint)
        self.settle()

    def cut(self, length: int) -> None:
        """Keep only the first ``length`` bytes, in a new file."""
        self.start_rival(length, self.checkpoint._replace(synced=0))
        self.settle()

    @property
    def has_rival(self) -> bool:
        """Whether new bytes are being written beside those held."""
        return self._rival is not None

    def has_right_digest(self) -> bool:
        """Whether the bytes (the rival's, where there is one) are what the link promises.

        Only where it promises something.
        """
        return (self._rival or self._part).has_right_digest()

    def place(self, destination: Path) -> None:
        """Make the bytes the file at ``destination``, with the mode that pip's own ``open`` would give it."""
        self.settle()
        if self._part.is_at_path():
            self._part.close()  # Windows renames no open file
            os.replace(self._part.path, destination)
            self._part.path = destination
        else:
            self._part.copy_to(destination)

    def link_to(self, target: Path, mode: int) -> bool:
        """Make ``target`` another name of the bytes, replacing what is there; False where that cannot be.

        Only for whole and verified bytes that were placed: from here on the file is shared, and never written again.
        """
        try:
            status = os.stat(self.path)
        except OSError:
            return False
        return stat.S_IMODE(status.st_mode) == mode and link_file(self.path, status, target, beside=self.path)

    def copy_to(self, target: Path, mode: int) -> bool:  # noqa: ARG002
        """See StoredPartial; small bodies may as well go through pip's cache itself."""
        return False

    def place_unproved(self, destination: Path) -> None:
        """Give pip bytes that failed our check, to judge them itself.

        What is held beside a rival stays, since it may be right.
        """
        (self._rival or self._part).copy_to(destination)
        if self.has_rival:
            self.drop_rival()
        else:
            self.discard()

    def keep(self) -> None:
        """Make sure, as far as this kind of partial can, that the next run finds the bytes."""

    def discard(self) -> None:
        """Remove the bytes and all that is known of them."""
        self.drop_rival()
        remove_file(self._part)

    def close(self) -> None:
        """Let go of the files without removing what the next run can use. Raises nothing."""
        self.discard()

    def _new_part(self) -> PartFile:
        return PartFile.create(fresh_path(self._part.path, "part"), 0o666, self.artifact.digest)

    def _take_over(self, part: PartFile) -> None:
        remove_file(self._part)
        self._part = part


def link_file(source: Path, status: os.stat_result, target: Path, *, beside: Path) -> bool:
    """Make ``target`` another name of the file with this status, in one step; False where that cannot be."""
    # A directory of ours, or pip's temporary one: a kill must leave nothing in the middle of pip's cache.
    name = fresh_path(beside, "link")
    if os.name == "nt":  # a file that is open under one name can be renamed and removed under none there
        return False
    try:
        os.link(source, name)
        # Only now nobody can put another file under the name any more.
        if not os.path.samestat(os.lstat(name), status):
            raise FileNotFoundError(errno.ENOENT, "replaced by another")
        os.replace(name, target)
    except (OSError, NotImplementedError, AttributeError):  # no hard links here, or another file system
        return False
    finally:
        # rename(2) does nothing at all where both names are of one file already.
        with contextlib.suppress(OSError):
            os.unlink(name)
    return True


def remove_file(part: PartFile) -> None:
    """Remove a part file from its name, if that still leads to it, and close it. Raises nothing."""
    with contextlib.suppress(OSError):
        part.remove()
