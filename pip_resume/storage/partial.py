"""The bytes of an artifact so far, with what is known of them."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import stat
from typing import TYPE_CHECKING, NamedTuple

from pip_resume.protocol.checkpoint import Checkpoint
from pip_resume.storage.part_file import PartFile

if TYPE_CHECKING:
    from pathlib import Path

    from pip_resume.artifact import Artifact

_serial = itertools.count()


def fresh_path(path: Path, ending: str) -> Path:
    """Return a name beside ``path`` that no other process or thread uses. ``prune`` removes old files by the ending."""
    # The random part is needed: in containers every pip has the same process number, also the one that was killed.
    return path.with_name(f"{path.stem}.{os.getpid()}-{next(_serial)}-{os.urandom(4).hex()}.{ending}")


class Replacement(NamedTuple):
    """A second file for a body that repeats what is held but differs from it."""

    part: PartFile
    checkpoint: Checkpoint


class Partial:
    """Bytes that live as long as this run, in pip's temporary directory. Errors of the disk pass through as OSError.

    A body that repeats what is held may turn out to differ from it. What is held then stays until the new bytes, which
    go into a replacement file, are more: a login page of 5 kB must not cost 688 MB.
    """

    @property
    def is_stored(self) -> bool:
        """Whether the next run finds the bytes."""
        return False

    def __init__(self, artifact: Artifact, part: PartFile, checkpoint: Checkpoint) -> None:
        self.artifact = artifact
        self.checkpoint = checkpoint
        self._part = part
        self._replacement: Replacement | None = None

    @classmethod
    def in_directory(cls, directory: Path, artifact: Artifact) -> Partial:
        """Make an empty partial in a directory of pip's, with the mode that pip's own ``open`` would give it."""
        path = fresh_path(directory / "pip-resume", "part")
        return cls(artifact, PartFile.create(path, 0o666, artifact.digest), Checkpoint())

    def take_file(self, source: Path) -> None:
        """Hold the bytes of a file in pip's cache: as a hard link if its mode allows that, else as a copy."""
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
        """Number of bytes held from the start of the file."""
        return self._part.offset

    @property
    def path(self) -> Path:
        """Where the bytes are, unless somebody has removed them there."""
        return self._part.path

    def note(self, checkpoint: Checkpoint) -> None:
        """Remember what is known now. Raises OSError if it cannot be written to disk."""
        self.checkpoint = checkpoint

    def common_length(self, position: int, block: bytes) -> int:
        """Return how many bytes at the start of ``block`` equal those held from ``position`` on."""
        return self._part.common_length(position, block)

    def append(self, block: bytes | memoryview) -> None:
        """Add a block at the end: of the replacement if there is one, else of the bytes held."""
        if self._replacement is None:
            self._part.append(block)
            self._part.hash_some()
            return
        self._replacement.part.append(block)
        if self._replacement.part.offset > self._part.offset:
            self.settle()

    def start_replacement(self, length: int, checkpoint: Checkpoint) -> None:
        """Continue in a second file that begins with the first ``length`` bytes held; ``checkpoint`` describes it."""
        self.drop_replacement()
        part = self._new_part()
        self._replacement = Replacement(part, checkpoint)
        part.copy_from(self._part, length)

    def drop_replacement(self) -> None:
        """Remove the replacement if there is one. What is held stays."""
        if self._replacement is not None:
            remove_file(self._replacement.part)
            self._replacement = None

    def settle(self) -> None:
        """Let the replacement, if there is one, take the place of what is held."""
        if self._replacement is not None:
            replacement, self._replacement = self._replacement, None
            self._take_over(replacement.part)
            self.note(replacement.checkpoint)

    def reset(self, checkpoint: Checkpoint) -> None:
        """Start at 0 in a new file, since another process may still read or write the old one."""
        self.start_replacement(0, checkpoint)
        self.settle()

    def cut(self, length: int) -> None:
        """Keep only the first ``length`` bytes, in a new file."""
        self.start_replacement(length, self.checkpoint._replace(synced=0))
        self.settle()

    @property
    def has_replacement(self) -> bool:
        """Whether new bytes go into a second file beside those held."""
        return self._replacement is not None

    def has_right_digest(self) -> bool:
        """Whether the bytes (of the replacement, if there is one) match the link's hash. Only if the link has one."""
        return (self._replacement.part if self._replacement else self._part).has_right_digest()

    def place(self, destination: Path) -> None:
        """Make the bytes the file at ``destination``, with the mode that pip's own ``open`` would give it."""
        self.settle()
        if self._part.is_at_path():
            self._part.close()  # Windows does not rename an open file.
            os.replace(self._part.path, destination)
            self._part.path = destination
        else:
            self._part.copy_to(destination)

    def link_to(self, target: Path, mode: int) -> bool:
        """Make ``target`` a hard link of the bytes, replacing what is there; False if that is not possible.

        Only for complete and verified bytes that were placed. From then on the file is shared and never written again.
        """
        try:
            status = os.stat(self.path)
        except OSError:
            return False
        return stat.S_IMODE(status.st_mode) == mode and link_file(self.path, status, target, beside=self.path)

    def copy_to(self, target: Path, mode: int) -> bool:  # noqa: ARG002
        """See StoredPartial. Not needed here: small bodies are stored through pip's cache API."""
        return False

    def place_unverified(self, destination: Path) -> None:
        """Give pip the bytes that failed our check, so that it judges them itself.

        What is held beside a replacement stays, since it may be right.
        """
        (self._replacement.part if self._replacement else self._part).copy_to(destination)
        if self.has_replacement:
            self.drop_replacement()
        else:
            self.discard()

    def sync(self) -> None:
        """Make sure, as far as this kind of partial can, that the next run finds the bytes."""

    def discard(self) -> None:
        """Remove the bytes and all that is known of them."""
        self.drop_replacement()
        remove_file(self._part)

    def close(self) -> None:
        """Close the files without removing what the next run can use. Raises nothing."""
        self.discard()

    def _new_part(self) -> PartFile:
        return PartFile.create(fresh_path(self._part.path, "part"), 0o666, self.artifact.digest)

    def _take_over(self, part: PartFile) -> None:
        remove_file(self._part)
        self._part = part


def link_file(source: Path, status: os.stat_result, target: Path, *, beside: Path) -> bool:
    """Make ``target`` a hard link of the file with this status, in one step; False if that is not possible.

    The link is made under a fresh name beside ``beside`` first, so that a kill leaves nothing in pip's cache.
    """
    name = fresh_path(beside, "link")
    if os.name == "nt":  # Windows cannot rename or remove any link of a file that is open.
        return False
    try:
        os.link(source, name)
        # Nobody can put a different file under this name any more, so now it can be compared.
        if not os.path.samestat(os.lstat(name), status):
            raise FileNotFoundError(errno.ENOENT, "replaced by a different file")
        os.replace(name, target)
    except (OSError, NotImplementedError, AttributeError):  # No hard links here, or a different file system.
        return False
    finally:
        # rename(2) does nothing at all if both names are links of one file already.
        with contextlib.suppress(OSError):
            os.unlink(name)
    return True


def remove_file(part: PartFile) -> None:
    """Remove a part file from its path, if that still leads to it, and close it. Raises nothing."""
    with contextlib.suppress(OSError):
        part.remove()
