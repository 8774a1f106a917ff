"""The bytes of an artifact so far, with what is known of them, for this run only."""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
from typing import TYPE_CHECKING

from pip_resume.protocol.checkpoint import Checkpoint
from pip_resume.storage.container import has_end, is_sound
from pip_resume.storage.directory import Directory
from pip_resume.storage.ownership import OTHERS_MAY_WRITE
from pip_resume.storage.part_file import PartFile
from pip_resume.storage.sharing import CAN_LINK

if TYPE_CHECKING:
    from pathlib import Path

    from pip_resume.artifact import Artifact

_serial = itertools.count()
_STEM = "pip-resume"


def fresh_name(stem: str, ending: str) -> str:
    """Return a name that no other process or thread uses. ``prune`` removes old files by the ending."""
    # The random part is needed: in containers every pip has the same process number, also the one that was killed.
    return f"{stem}.{os.getpid()}-{next(_serial)}-{os.urandom(4).hex()}.{ending}"


class Partial:
    """Bytes that live as long as this run, in pip's temporary directory. Errors of the disk pass through as OSError."""

    @property
    def is_stored(self) -> bool:
        """Whether the next run finds the bytes."""
        return False

    def __init__(self, artifact: Artifact, part: PartFile, checkpoint: Checkpoint) -> None:
        self.artifact = artifact
        self.checkpoint = checkpoint
        self._part = part

    @classmethod
    def in_directory(cls, directory: Directory, artifact: Artifact) -> Partial:
        """Make an empty partial in a directory of pip's, with the mode that pip's own ``open`` would give it."""
        part = PartFile.create(directory, fresh_name(_STEM, "part"), artifact.digest, 0o666)
        return cls(artifact, part, Checkpoint())

    @classmethod
    def of_cached_file(cls, source: Path, directory: Directory, artifact: Artifact) -> Partial:
        """Hold a copy of a file of pip's cache in ``directory``, which is pip's temporary one.

        It is no link: the mode of the file shows who may write to it today, but not who has opened it in the past. A
        cache may have been open to a group, and closed to it later.
        """
        partial = cls.in_directory(directory, artifact)
        with Directory.opened(source.parent) as pips_cache:
            cached = PartFile.open_to_read(pips_cache, source.name, artifact.digest)
            try:
                partial._part.copy_from(cached, cached.offset)
            except BaseException:
                partial.discard()
                raise
            finally:
                cached.close()
        return partial

    @property
    def offset(self) -> int:
        """Number of bytes held from the start of the file."""
        return self._part.offset

    @property
    def path(self) -> Path:
        """Where the bytes are, unless somebody has removed them there."""
        return self._part.path

    def note(self, checkpoint: Checkpoint) -> None:
        """Remember what is known now. Raises OSError if it cannot be written to disk."""
        self.checkpoint = checkpoint

    def common_length(self, position: int, block: bytes | memoryview) -> int:
        """Return how many bytes at the start of ``block`` equal those held from ``position`` on."""
        return self._part.common_length(position, block)

    def append(self, block: bytes | memoryview) -> None:
        """Add a block at the end."""
        self._part.append(block)
        self._part.hash_some()

    def cut(self, length: int) -> None:
        """Keep only the first ``length`` bytes."""
        self._part.truncate(length)

    def beside(self, length: int, checkpoint: Checkpoint) -> Partial:
        """Return a second partial of the same kind that starts with the first ``length`` bytes of this one."""
        part = PartFile.create(self._part.directory, fresh_name(_STEM, "part"), self.artifact.digest, 0o666)
        return self._started(Partial(self.artifact, part, checkpoint), length)

    def _started(self, other: Partial, length: int) -> Partial:
        try:
            other._part.copy_from(self._part, length)
        except BaseException:
            other.discard()
            raise
        return other

    def replace_by(self, other: Partial) -> None:
        """Hold the bytes of ``other``, and what is known of them, in place of ours. Ours must be fewer."""
        self._part.truncate(0)
        self._part.copy_from(other._part, other.offset)
        self.note(other.checkpoint)

    @property
    def unhashed_bytes(self) -> int:
        """How many bytes ``has_right_digest`` has to read back."""
        return self._part.unhashed_bytes

    @property
    def is_unread(self) -> bool:
        """Whether the file was taken as it is, so that its digest is not known yet."""
        return self.offset > 0 and self.unhashed_bytes == self.offset

    def has_right_digest(self) -> bool:
        """Whether the bytes match the link's hash. Only if the link has one."""
        return self._part.has_right_digest()

    @property
    def hexdigest(self) -> str:
        """The digest of all bytes, after ``has_right_digest``; empty if it is not known."""
        return self._part.hexdigest

    def is_sound(self, filename: str) -> bool | None:
        """Whether the archive is complete and undamaged by its own checksums; None if its format has none."""
        with self._part.reader() as file:
            return is_sound(file, filename)

    def has_end(self, filename: str) -> bool:
        """Whether the end of the archive is there. True if its format does not tell, False if it cannot be read."""
        try:
            with self._part.reader() as file:
                return has_end(file, filename)
        except OSError:
            return False

    def place(self, destination: Path, *, may_lend: bool = False) -> bool:  # noqa: ARG002
        """Put the bytes at ``destination``, with the mode that pip's own ``open`` would give it.

        With ``may_lend`` return whether they are only lent: see StoredPartial.
        """
        if self._part.is_at_name():
            self._part.close()  # Windows does not rename an open file.
            self._part.rename(destination.name)
        else:
            self._copy(destination)
        return False

    def end_loan(self, destination: Path) -> None:
        """Make what was lent to ``destination`` a file of its own. Only after ``place`` has returned True."""
        raise NotImplementedError

    def link_to(self, target: Path, mode: int) -> bool:
        """Make ``target`` a hard link of the bytes with this mode; return False if that is not possible or not safe.

        Only for complete and verified bytes that were placed. From then on the file is shared and never written again.
        """
        with contextlib.suppress(OSError, NotImplementedError):
            status = self._part.directory.status_of(self._part.name)
            if CAN_LINK and stat.S_IMODE(status.st_mode) == mode and not mode & OTHERS_MAY_WRITE:
                self._part.directory.link_out(self._part.name, target)
                return True
        return False

    def copy_to(self, target: Path, mode: int) -> bool:  # noqa: ARG002
        """See StoredPartial. Not needed here: small bodies are stored through pip's cache API."""
        return False

    def place_unverified(self, destination: Path) -> None:
        """Give pip a copy of bytes that failed our check, so that it judges them itself."""
        self._copy(destination)

    def _copy(self, destination: Path) -> None:
        # The old file may be a link into pip's cache (two files with one name): it is removed, never opened.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(destination)
        try:
            with open(destination, "xb", buffering=0) as target:
                self._part.copy_to(target.fileno())
        except BaseException:
            # An incomplete copy takes room, for example on a disk that is full.
            with contextlib.suppress(OSError):
                os.unlink(destination)
            raise

    def sync(self) -> None:
        """Make sure, as far as this kind of partial can, that the next run finds the bytes."""

    def discard(self) -> None:
        """Remove the bytes and all that is known of them. Raises nothing."""
        remove_file(self._part)

    def close(self) -> None:
        """Close the file without removing what the next run can use. Raises nothing."""
        self.discard()


def remove_file(part: PartFile) -> None:
    """Remove a part file from its name, if that still leads to it, and close it. Raises nothing."""
    with contextlib.suppress(OSError):
        part.remove()
