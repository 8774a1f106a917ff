"""The bytes of an artifact so far, with what is known of them: for this run only, or kept on disk for the next."""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
from dataclasses import replace
from typing import TYPE_CHECKING

from pip_resume.checkpoint import Checkpoint, encode_checkpoint
from pip_resume.part_file import PartFile

if TYPE_CHECKING:
    from pathlib import Path

    from pip_resume.artifact import Artifact

_serial = itertools.count()


def fresh_path(path: Path, ending: str) -> Path:
    """A name beside ``path`` that no other process or thread uses; the ending tells ``prune`` what it may remove."""
    return path.with_name(f"{path.stem}.{os.getpid()}-{next(_serial)}.{ending}")


class Partial:
    """Bytes that live as long as this run, in pip's own temporary directory. Errors of the disk pass as OSError.

    A body that repeats what is held may turn out to differ. The held bytes then stay until the new ones, written to a
    file of their own (the rival), have overtaken them: a login page must not cost 688 MB.
    """

    is_kept = False
    """Whether the next run finds the bytes."""

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
        if shared.mode == ours.mode and _link(source, ours.path, beside=ours.path):
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
            _remove(self._rival)
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
        self.start_rival(length, self.checkpoint)
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
            return stat.S_IMODE(os.stat(self.path).st_mode) == mode and _link(self.path, target, beside=self.path)
        except OSError:
            return False

    def copy_to(self, target: Path, mode: int) -> bool:  # noqa: ARG002
        """See KeptPartial; small bodies may as well go through pip's cache itself."""
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
        _remove(self._part)

    def close(self) -> None:
        """Let go of the files without removing what the next run can use. Raises nothing."""
        self.discard()

    def move_to(self, directory: Path) -> Partial:
        """Go on in another directory, for this run only, with the bytes held; for a disk that takes no more."""
        self.drop_rival()
        moved = Partial.in_directory(directory, self.artifact)
        moved.checkpoint = self.checkpoint
        try:
            if not self._rename_to(moved):
                moved._part.copy_from(self._part, self.offset)
        except OSError:
            moved.discard()
            raise
        self.discard()
        return moved

    def _rename_to(self, moved: Partial) -> bool:
        """Give our file to an empty partial on the same disk, too full for a copy; False where that fails."""
        if not self._part.is_at_path():
            return False
        try:
            os.chmod(self.path, moved._part.mode)
            os.replace(self.path, moved.path)
        except OSError:
            return False
        with contextlib.suppress(OSError):
            os.unlink(record_path(self.path))
        moved._part.close()
        ours, self._part = self._part, moved._part
        ours.path, moved._part = moved._part.path, ours
        return True

    def _new_part(self) -> PartFile:
        return PartFile.create(fresh_path(self._part.path, "part"), 0o666, self.artifact.digest)

    def _take_over(self, part: PartFile) -> None:
        _remove(self._part)
        self._part = part


class KeptPartial(Partial):
    """Bytes that the next run finds, in the store's directory, claimed by a lock."""

    is_kept = True

    def __init__(self, artifact: Artifact, part: PartFile, checkpoint: Checkpoint, mode: int, boot_id: str) -> None:
        super().__init__(artifact, part, checkpoint)
        self._name = part.path
        self._mode = mode
        self._boot_id = boot_id

    def note(self, checkpoint: Checkpoint) -> None:
        """Write the record beside the bytes, atomically, unless the name leads to another's file by now."""
        self.checkpoint = replace(checkpoint, boot_id=self._boot_id, inode=self._part.status.st_ino)
        if self._is_ours():
            write_atomically(record_path(self.path), encode_checkpoint(self.checkpoint), self._mode)

    def place(self, destination: Path) -> None:
        """Link the bytes to ``destination`` where that is possible, since pip only reads there; else copy them."""
        self.settle()
        with open(destination, "wb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if not self.link_to(destination, mode):
            self._part.copy_to(destination)

    def link_to(self, target: Path, mode: int) -> bool:
        status = self._part.status
        if not self._part.is_at_path() or (status.st_nlink > 1 and stat.S_IMODE(status.st_mode) != mode):
            return False
        try:
            os.chmod(self.path, mode)
        except OSError:
            return False
        return _link(self.path, target, beside=self.path)

    def copy_to(self, target: Path, mode: int) -> bool:
        """Make a copy of the bytes the file at ``target``; False where that cannot be."""
        try:
            copy = create_claimed(fresh_path(self._name, "new"), mode, self.artifact)
            try:
                copy.copy_from(self._part, self.offset)
                os.replace(copy.path, target)
            finally:
                _remove(copy)
        except OSError:
            return False
        return True

    def keep(self) -> None:
        """Sync the bytes and note it, so that they survive a power cut as well."""
        self.drop_rival()
        self._part.sync()
        self.note(replace(self.checkpoint, synced=self.offset))

    def discard(self) -> None:
        """Remove bytes and record, unless the name leads to another's file by now."""
        self.drop_rival()
        if self._is_ours():
            with contextlib.suppress(OSError):
                os.unlink(record_path(self.path))
        _remove(self._part)

    def close(self) -> None:
        """Release the claim; what is held stays for the next run, an empty file or one that lost its name does not."""
        if self.offset == 0 or self.path != self._name:
            self.discard()
        self.drop_rival()
        self._part.close()

    def _is_ours(self) -> bool:
        """Whether the next run would find this very file under the artifact's name."""
        return self.path == self._name and self._part.is_at_path()

    def _new_part(self) -> PartFile:
        part = create_claimed(fresh_path(self._name, "new"), self._mode, self.artifact)
        part.lock()
        return part

    def _take_over(self, part: PartFile) -> None:
        ours = self._is_ours()
        if ours:
            self._part.close()  # its name is about to be given to the new file
        else:
            _remove(self._part)
        self._part = part
        if ours:
            os.replace(part.path, self._name)
            part.path = self._name
        # else the name is another's by now: this file goes on under a name that only this process knows.


def record_path(part_path: Path) -> Path:
    """Where the record of a part file stands."""
    return part_path.with_suffix(".json")


def create_claimed(path: Path, mode: int, artifact: Artifact) -> PartFile:
    """Make a new part file with exactly this mode.

    What a shared cache directory grants, the umask must not take away.
    """
    part = PartFile.create(path, mode, artifact.digest)
    if part.mode != mode:
        os.chmod(path, mode)
    return part


def write_atomically(path: Path, content: bytes, mode: int) -> None:
    """Put ``content`` in place of a file in one step: whoever reads sees the old or the new, never half of either."""
    name = fresh_path(path, "tmp")
    try:
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with open(descriptor, "wb") as file:
            file.write(content)
        if stat.S_IMODE(os.stat(name).st_mode) != mode:
            os.chmod(name, mode)
        os.replace(name, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def _link(source: Path, target: Path, *, beside: Path) -> bool:
    # A directory of ours, or pip's temporary one: a kill must leave nothing in the middle of pip's cache.
    name = fresh_path(beside, "link")
    try:
        os.link(source, name)
        try:
            os.replace(name, target)
        except OSError:
            os.unlink(name)
            raise
    except (OSError, NotImplementedError, AttributeError):  # no hard links here, or another file system
        return False
    return True


def _remove(part: PartFile) -> None:
    """Unlink a part file if its name still leads to it, and close it. The file first: Windows needs it closed."""
    ours = part.is_at_path()
    part.close()
    if ours:
        with contextlib.suppress(OSError):
            os.unlink(part.path)
